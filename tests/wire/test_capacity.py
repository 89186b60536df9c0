"""`mw capacity bench` against the real server, briefly: what it sends is answered well, its figures
agree with the server's own counters, and a wrong call is told in words."""
import json
import re

import pytest

QUICK = ["--duration", "300ms", "--connections", "8", "--format", "json"]


@pytest.fixture(scope="module")
def files(models, tmp_path_factory):
    """CSV files of rows: numbers, and numbers with a column of texts; some are missing."""
    folder = tmp_path_factory.mktemp("capacity")
    models.rows.to_csv(folder / "plain.csv", index=False)
    models.towns.to_csv(folder / "towns.csv", index=False)
    return folder


@pytest.fixture
def bench(run, fleet, files):
    def program(endpoint, *more, rows="plain.csv"):
        return run("capacity", "bench", endpoint, "--server", f"127.0.0.1:{fleet.port}",
                   "--input", files / rows, *QUICK, *more)
    return program


@pytest.mark.parametrize("protocol", ["mlflow", "oip", "oip-binary", "kserve"])
@pytest.mark.parametrize("n_rows", [1, 40])
def test_every_protocol_is_answered(bench, protocol, n_rows):
    done = bench("plain", "--rates", "50,100", "--protocol", protocol, "--rows", n_rows)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [step["offered_rps"] for step in told["steps"]] == [50, 100]
    for step in told["steps"]:
        assert step["ok"] == step["due"] > 0, step
        assert 0 < step["p50_ms"] <= step["p99_ms"] <= step["max_ms"]
    assert told["rows_per_request"] == n_rows


def test_texts_are_sent_as_texts(bench):
    for protocol in ("mlflow", "kserve", "oip", "oip-binary"):
        done = bench("towns", "--rates", "50", "--protocol", protocol, rows="towns.csv")
        assert done.returncode == 0, done.stderr
        step, = json.loads(done.stdout)["steps"]
        assert step["ok"] == step["due"] > 0, (protocol, step)


def test_server_counts_the_same(bench, fleet):
    def answered():
        return sum(value for name, value in fleet.samples().items()
                   if name.startswith("mw_requests_total{") and '"plain"' in name)
    before = answered()
    told = json.loads(bench("plain", "--rates", "200", "--arrivals", "even").stdout)
    step, = told["steps"]
    measured = step["ok"]
    assert 55 <= measured <= 61  # 300 ms at 200 a second
    # 75 ms before the measurement, and one request to see whether they are taken
    assert measured + 10 <= answered() - before <= measured + 20
    assert step["server_cores"] >= 0


def test_climb_finds_a_knee(bench):
    told = json.loads(bench("plain", "--objective", "1s", "--timeout", "1s").stdout)
    rates = [step["offered_rps"] for step in told["steps"]]
    assert rates == sorted(rates) and len(rates) >= 4
    assert told["closed_loop_rps"] > 0 and told["objective_p99_ms"] == 1000
    good = [step["offered_rps"] for step in told["steps"] if step["good"]]
    assert told["knee_rps"] in good


def test_text_for_people(run, fleet, files):
    done = run("capacity", "bench", "plain", "--server", f":{fleet.port}", "--input",
               files / "plain.csv", "--rates", "100", "--duration", "200ms")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^knee      100 requests/s: p99 [\d.]+ ms", done.stdout, re.M), done.stdout
    assert "beyond    not seen" in done.stdout


@pytest.mark.parametrize("arguments, code, words", [
    (["nobody"], 5, "no model is called 'nobody'"),
    (["plain", "--rates", "12,x"], 2, "--rates 12,x"),
    (["plain", "--rates", "0"], 2, "--rates 0"),
    (["plain", "--rows", "100000"], None, "fewer rows than one request takes"),
    (["--protocol", "oip"], 2, "needs the endpoint's name"),
])
def test_wrong_calls(run, fleet, files, arguments, code, words):
    done = run("capacity", "bench", *arguments, "--server", f"127.0.0.1:{fleet.port}", "--input",
               files / "plain.csv", *QUICK)
    assert words in done.stderr and "fix:" in done.stderr
    assert done.returncode != 0 and done.stdout == ""
    assert code is None or code in (done.returncode, 5)


def test_no_rows_and_no_server(run, files, tmp_path):
    done = run("capacity", "bench", "plain")
    assert done.returncode == 2 and "--input rows.csv" in done.stderr
    done = run("capacity", "bench", "plain", "--server", "127.0.0.1:1", "--input",
               files / "plain.csv")
    assert done.returncode != 0 and "cannot reach the server" in done.stderr
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n3\n")
    done = run("capacity", "bench", "plain", "--input", broken)
    assert done.returncode != 0 and "row 2" in done.stderr and "broken.csv" in done.stderr
