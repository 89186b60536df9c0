"""The watch over live traffic: a server that nobody configured learns what its first rows are,
stays quiet while they stay so, and says within seconds which columns changed."""
import csv
import io
import json
import time

import numpy as np
import pytest
import requests
from conftest import ROOT, until
from prometheus_client.parser import text_string_to_metric_families

MODEL = ROOT / "examples/models/credit.json"
COLUMNS = ["credit_limit", "balance", "payments_late", "months_since_late", "income", "age",
           "months_customer", "last_payment"]
LEARNED = 2000


def rows(n, seed, income=1.0, gone=0.0):
    random = np.random.default_rng(seed)
    table = np.column_stack([
        random.integers(1, 20, n) * 500.0, random.lognormal(7, 1, n), random.integers(0, 4, n),
        random.integers(0, 24, n), random.lognormal(10, 0.5, n) * income,
        random.integers(18, 80, n), random.integers(1, 120, n), random.lognormal(5, 1, n)])
    table[random.random(n) < gone, 5] = np.nan
    return [[None if np.isnan(v) else v for v in row] for row in table.tolist()]


def send(server, table, name="credit"):
    for i in range(0, len(table), 100):
        body = {"dataframe_split": {"columns": COLUMNS, "data": table[i:i + 100]}}
        assert server.session.post(f"{server.url}/endpoints/{name}/invocations",
                                   json=body).status_code == 200


def found(server, wanted, seconds=60):
    """The endpoint's findings, once `wanted` holds of them."""
    until = time.monotonic() + seconds
    while True:
        answer = server.session.get(f"{server.url}/drift").json()
        endpoint = answer["endpoints"][0] if answer["endpoints"] else None
        if endpoint and wanted(endpoint):
            return endpoint
        assert time.monotonic() < until, answer
        time.sleep(0.1)


@pytest.fixture
def server(serve):
    return serve(f"credit={MODEL}")


def drifted(endpoint):
    return {f["feature"] for f in endpoint["features"] if f["drifted"]}


def test_from_the_first_request(server):
    send(server, rows(500, 1))
    learning = found(server, lambda e: e["reference"]["rows"] == 500)
    assert learning["state"] == "learning" and learning["features"] == []
    assert learning["reference"] == {"kind": "learned", "rows": 500, "wanted": LEARNED}
    send(server, rows(LEARNED, 2))
    found(server, lambda e: e["state"] == "watching")
    send(server, rows(3000, 3))
    quiet = found(server, lambda e: e["rows"] == 3000)
    assert "mw_contribution" not in server.get("/metrics").text and "contributions" not in quiet
    assert not quiet["drifted"] and [f["feature"] for f in quiet["features"]][:8] == COLUMNS
    assert quiet["features"][8]["kind"] == "output" and len(quiet["features"]) == 9
    assert all(f["psi"] < 0.1 for f in quiet["features"])
    began = time.monotonic()
    send(server, rows(2000, 4, income=3, gone=0.5))
    loud = found(server, lambda e: e["n_drifted"] >= 2)
    assert time.monotonic() - began < 8
    assert {"income", "age"} <= drifted(loud) <= {"income", "age", "output 0"}
    by_name = {f["feature"]: f for f in loud["features"]}
    assert by_name["age"]["missing_share"] > 0.1 and by_name["age"]["missing_share_reference"] == 0
    assert by_name["income"]["log_e_value"] > 10
    families = {family.name: family for family in text_string_to_metric_families(
        server.session.get(f"{server.url}/metrics").text)}
    said = {(s.labels["feature"], s.labels["endpoint"]): s.value
            for s in families["mw_drift_drifted"].samples}
    assert said[("income", "credit")] == 1 and said[("balance", "credit")] == 0
    assert families["mw_drift_psi"].samples and \
        families["mw_watched_rows"].samples[0].value >= LEARNED + 3000
    assert families["mw_watch_memory_bytes"].samples[0].value < 10e6


def mean_sizes(run, table):
    """Of each feature's contribution, as mw explain tells it."""
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *(["" if v is None else v for v in r] for r in table)])
    done = run("explain", MODEL, "-", input=text.getvalue())
    told = list(csv.DictReader(io.StringIO(done.stdout)))
    return {name: np.mean([abs(float(row[name])) for row in told]) for name in COLUMNS}


def test_what_the_model_leans_on(serve, profile, run):
    """Contributions of the sampled rows: quiet while rows stay as they were; then those of the one
    feature that moved, with its share of all that moves predictions."""
    server = serve(f"credit={MODEL}", "--reference", profile, "--watch-contributions", "1")
    seeds = iter(range(10, 10000))

    def told(holds, late=None):
        table = rows(600, next(seeds))
        for row in table if late is not None else []:
            row[COLUMNS.index("payments_late")] = late
        send(server, table)
        endpoint, = server.session.get(f"{server.url}/drift").json()["endpoints"]
        contributions = endpoint.get("contributions")
        return contributions if contributions and holds(contributions) else None
    until(lambda: told(lambda c: c["state"] == "learning" and c["features"] == []))
    quiet = until(lambda: told(lambda c: c["window_rows"] > 300), 60)
    assert not quiet["drifted"] and quiet["leans_more"] == quiet["leans_less"] == []
    assert quiet["reference"] == {"kind": "learned", "rows": LEARNED, "wanted": LEARNED}
    assert [f["rank"] for f in quiet["features"]] == list(range(1, 9))
    assert sum(f["share"] for f in quiet["features"]) == pytest.approx(1)
    expected = mean_sizes(run, rows(2000, 1))
    for feature in quiet["features"]:
        assert feature["mean_absolute_reference"] == pytest.approx(
            expected[feature["feature"]], rel=0.2, abs=0.02)
        assert feature["share"] == pytest.approx(feature["share_reference"], abs=0.05)
    loud = until(lambda: told(lambda c: c["leans_more"], late=3), 60)
    late = next(f for f in loud["features"] if f["feature"] == "payments_late")
    assert late["drifted"] and "payments_late" in loud["leans_more"]
    assert late["share"] > late["share_reference"] + 0.05 and late["log_e_value"] > 6
    bins = server.get("/mw/v1/endpoints/credit/drift/bins?of=contributions").json()["features"]
    assert set(bins) == set(COLUMNS) and bins["payments_late"][0]["kind"] == "range"
    lines = server.get("/mw/v1/endpoints/credit/drift/series?of=contributions").json()["series"]
    assert set(lines) == set(COLUMNS)
    assert server.get("/mw/v1/endpoints/credit/drift/bins?of=all").status_code == 400
    said = server.samples()
    of = 'endpoint="credit",version="1"'
    assert said[f'mw_contribution_drifted{{{of},feature="payments_late"}}'] == 1
    assert said[f'mw_contribution_drifted{{{of},feature="balance"}}'] == 0
    assert said[f"mw_contribution_rows_total{{{of}}}"] > LEARNED
    text = server.get("/metrics", headers={"Accept": "application/openmetrics-text"}).text
    assert "# TYPE mw_contribution_rows counter" in text and text.endswith("# EOF\n")


def test_off(serve):
    server = serve(f"credit={MODEL}", "--watch", "off")
    send(server, rows(100, 1))
    assert requests.get(f"{server.url}/drift", timeout=5).json() == {
        "watching": False, "endpoints": []}
    assert "mw_drift" not in requests.get(f"{server.url}/metrics", timeout=5).text


def versions(server, wanted, seconds=60):
    until = time.monotonic() + seconds
    while True:
        endpoints = server.session.get(f"{server.url}/drift").json()["endpoints"]
        if wanted(endpoints):
            return endpoints
        assert time.monotonic() < until, endpoints
        time.sleep(0.1)


def other_model(path):
    """A model of the same columns that is another one."""
    model = json.loads(MODEL.read_text())
    tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["split_conditions"][0] += 1
    path.write_text(json.dumps(model))


def test_a_model_loaded_again_goes_on_and_another_learns_anew(serve, tmp_path):
    path = tmp_path / "credit.json"
    path.write_bytes(MODEL.read_bytes())
    server = serve(f"credit={path}")

    def load():
        server.session.post(f"{server.url}/v2/repository/models/credit/load").raise_for_status()
    send(server, rows(LEARNED + 100, 1))
    found(server, lambda e: e["state"] == "watching")
    send(server, rows(100, 1))
    found(server, lambda e: e["rows"] == 100)
    load()
    send(server, rows(100, 2))
    both = versions(server, lambda e: len(e) == 2 and e[1]["rows"] == 200)
    assert [e["state"] for e in both] == ["watching", "watching"]
    other_model(path)
    load()
    send(server, rows(100, 2, income=5))
    three = versions(server, lambda e: len(e) == 3 and e[2]["reference"]["rows"] == 100)
    assert [e["state"] for e in three] == ["watching", "watching", "learning"]


def train(path, n=5000):
    table = rows(n, 11)
    path.write_text("\n".join([",".join(COLUMNS + ["y"])] +
                              [",".join(map(str, row + [i % 2])) for i, row in enumerate(table)]))
    return path


@pytest.fixture
def profile(run, tmp_path):
    path = tmp_path / "profile.json"
    done = run("data", "profile", train(tmp_path / "train.csv"), "--label", "y", "-o", path)
    assert done.returncode == 0, done.stderr
    return path


def test_against_the_training_data(serve, profile):
    server = serve(f"credit={MODEL}", "--reference", profile)
    begun = found(server, lambda e: True)
    assert begun["state"] == "watching" and begun["reference"] == {
        "kind": "profile", "rows": 5000, "source": "train.csv", "columns": 8, "learned_rows": 0,
        "wanted": LEARNED}
    assert [f["reference"] for f in begun["features"]] == ["profile"] * 8 + ["learning"]
    send(server, rows(500, 3, income=4))
    loud = found(server, lambda e: e["drifted"])
    assert drifted(loud) == {"income"} and loud["features"][8]["psi"] is None


def test_kill_9_loses_seconds(serve, profile, tmp_path):
    arguments = [f"credit={MODEL}", "--reference", profile]
    server = serve(*arguments)
    send(server, rows(LEARNED + 500, 4))
    found(server, lambda e: e["rows"] == LEARNED + 500)
    send(server, rows(10, 5))
    before = found(server, lambda e: e["rows"] == LEARNED + 510 and
                   e["features"][8]["reference"] == "learned")

    def kept():
        return [path.stat().st_mtime_ns for path in tmp_path.rglob("*.watch")]
    files = kept()
    send(server, rows(1, 6))  # whatever is written from now on has all that was told before it
    later = found(server, lambda e: e["rows"] == LEARNED + 511)
    until(lambda: kept() != files, seconds=60)
    server.process.kill()
    server.process.wait()
    after = found(serve(*arguments), lambda e: True)
    told = {seen["rows"]: seen for seen in (before, later)}  # with or without the last row
    assert after["features"][8]["reference"] == "learned"
    assert [f["psi"] for f in after["features"][:8]] == \
        [f["psi"] for f in told[after["rows"]]["features"][:8]]


@pytest.mark.parametrize("arguments, code", [
    (["credit={model}", "--reference", "none.csv"], "MW6"),
    (["credit={model}", "b={model}", "--reference", "{profile}"], "MW8009"),
    (["credit={model}", "--reference", "b={profile}"], "MW8009"),
    (["credit={model}", "--reference", "{other}"], "MW8008"),
    (["credit={model}", "--reference", "{broken}"], "MW8005"),
])
def test_references_that_are_refused(run, profile, tmp_path, arguments, code):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "broken.json").write_text('{"format":"millwright-profile","version":1}')
    names = {"model": MODEL, "profile": profile, "other": tmp_path / "other.csv",
             "broken": tmp_path / "broken.json"}
    done = run("serve", *[a.format(**names) for a in arguments], "--listen", "127.0.0.1:0")
    assert done.returncode not in (0, 6) and code in done.stderr and "fix:" in done.stderr


def test_drift_check_takes_a_profile(run, profile, tmp_path):
    path = tmp_path / "today.csv"
    path.write_text("\n".join([",".join(COLUMNS)] +
                              [",".join(map(str, row)) for row in rows(3000, 9, income=3)]))
    done = run("drift", "check", "--ref", profile, "--cur", path, "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 6 and report["n_reference"] == 5000
    assert [f["feature"] for f in report["features"] if f["drifted"]] == ["income"]
    assert {f["method"] for f in report["features"]} == {"psi"}
    refused = run("drift", "check", "--ref", profile, "--cur", path, "--method", "ks")
    assert refused.returncode == 2 and "MW8007" in refused.stderr


def test_looking_back(serve, profile):
    server = serve(f"credit={MODEL}", "--reference", profile)
    send(server, rows(600, 3, income=4))
    found(server, lambda e: e["rows"] == 600)
    base = f"{server.url}/mw/v1/endpoints/credit/drift"
    day = server.session.get(f"{server.url}/drift?window=24h").json()["endpoints"][0]
    assert day["window_rows"] == 600 and day["features"][4]["psi"] > 0.2
    assert server.session.get(f"{base}?window=7d").json()["window_rows"] == 600
    series = server.session.get(f"{base}/series?window=1h").json()
    assert series["step"] == 60 and len(series["t"]) == len(series["rows"]) >= 1
    assert sum(series["rows"]) == 600 and set(series["series"]) == {*COLUMNS, "output 0"}
    assert max(v for v in series["series"]["income"] if v is not None) > 0.2
    one = server.session.get(f"{base}/series?window=24h&feature=age&measure=missing").json()
    assert list(one["series"]) == ["age"] and one["measure"] == "missing" and one["step"] == 3600
    bins = server.session.get(f"{base}/bins?feature=income&window=1h").json()["features"]["income"]
    assert sum(b["reference"] for b in bins) == 5000 and sum(b["current"] for b in bins) == 600
    assert bins[0]["low"] is None and bins[-1]["kind"] == "missing"
    for address, code in ((f"{base}/series?window=2y", 400), (f"{base}/bins?version=x", 400),
                          (f"{server.url}/drift?window=1", 400),
                          (f"{base}/series?measure=psy", 400),
                          (base.replace("credit", "none") + "/series", 404)):
        answer = server.session.get(address)
        assert answer.status_code == code and answer.json()["code"].startswith("MW"), answer.text


def test_odd_rows(serve, profile):
    server = serve(f"credit={MODEL}", "--reference", profile)

    def ask(table, address="?anomaly=true", **more):
        body = {"dataframe_split": {"columns": COLUMNS, "data": table}, **more}
        return server.session.post(f"{server.url}/invocations{address}", json=body)
    usual = rows(50, 8)
    early = ask(usual).json()
    unknown = server.session.post(f"{server.url}/v2/models/credit/infer?anomaly=true", json={
        "inputs": [{"name": "input", "shape": [2, len(COLUMNS)], "datatype": "FP64",
                    "data": [v for r in usual[:2] for v in r]}]}).json()["outputs"]
    assert unknown[1]["data"] == [None, None]
    assert early["anomaly_score"] is None and len(early["predictions"]) == 50
    send(server, rows(LEARNED, 9))
    endpoint = found(server, lambda e: e["anomalies"]["threshold"] is not None)
    threshold = endpoint["anomalies"]["threshold"]
    scores = ask(usual).json()["anomaly_score"]
    assert len(scores) == 50 and all(0 <= s <= 1 for s in scores)
    assert sum(s >= threshold for s in scores) <= 2
    odd = [row[:4] + [1e9] + row[5:] for row in usual]
    odd[1] = usual[1][:5] + [None] + usual[1][6:]
    by_params = ask(odd, "", params={"anomaly": True}).json()["anomaly_score"]
    assert all(s >= threshold for s in by_params) and by_params[1] == 1
    assert "anomaly_score" not in ask(odd, "").json()
    tensor = {"inputs": [{"name": "input", "shape": [50, len(COLUMNS)], "datatype": "FP64",
                          "data": [float("nan") if v is None else v for r in odd for v in r]}]}
    infer = f"{server.url}/v2/models/credit/infer"

    def outputs(body, address=""):
        answer = server.session.post(infer + address, data=json.dumps(body))
        assert answer.status_code == 200, answer.text
        return {output["name"]: output for output in answer.json()["outputs"]}
    for told in (outputs({**tensor, "parameters": {"anomaly": True}}),
                 outputs(tensor, "?anomaly=true")):
        assert set(told) == {"output", "anomaly_score"}
        assert told["anomaly_score"]["shape"] == [50]
        assert told["anomaly_score"]["datatype"] == "FP64"
        assert told["anomaly_score"]["data"] == by_params
    only = outputs({**tensor, "outputs": [{"name": "anomaly_score"}]})
    assert list(only) == ["anomaly_score"] and only["anomaly_score"]["data"] == by_params
    assert set(outputs(tensor)) == {"output"}
    refused = ask(odd, "?anomaly=perhaps")
    assert refused.status_code == 400 and "anomaly=true" in refused.text
    joint = found(server, lambda e: "joint" in e)["joint"]
    assert joint["components"] >= 1 and joint["drifted"] is False and joint["features"] == []
    told = found(server, lambda e: e["anomalies"]["found"] >= 30)["anomalies"]
    assert told["scored"] >= told["found"]
    assert server.samples()[
        'mw_anomaly_rows_total{endpoint="credit",version="1",outcome="odd"}'] >= 30


def test_values_and_stream(server):
    """What is new is told by its value, and a feature that stands still; each from some seconds."""
    send(server, rows(LEARNED, 1))
    found(server, lambda e: e["state"] == "watching")
    odd = rows(600, 5)
    for row in odd[::3]:
        row[2] = 9.0
    for _ in range(3):  # sampled once it is watched
        send(server, odd)
        time.sleep(1)
    told = found(server, lambda e: e["features"][4].get("values", {}).get("rows", 0) >= 600)
    income = told["features"][4]["values"]
    quantiles = list(income["quantiles"].values())
    assert quantiles == sorted(quantiles) and len(quantiles) == 7
    assert income["least"] <= quantiles[0] and quantiles[-1] <= income["most"]
    # quantiles of what was sent, by rank
    sent = sorted(row[4] for row in odd)
    assert abs(np.searchsorted(sent, income["quantiles"]["0.5"]) / len(sent) - 0.5) < 0.06
    assert abs(income["distinct"] / 300 - 1) < 0.1  # of a request of 100 rows every second one
    assert set(told["stream"]) == {"silence", "burst", "duplicates", "stuck_features"}
    assert not told["inactive"] and not told["stream"]["silence"]["found"]
    assert 0 <= told["stream"]["silence"]["seconds"] < 30
    assert told["stream"]["burst"]["requests_per_minute"] >= 6
    assert not any(f.get("stuck") for f in told["features"])
    samples = {s.name: s.value for f in text_string_to_metric_families(
        server.session.get(f"{server.url}/metrics").text) for s in f.samples}
    assert samples["mw_stream_silent"] == 0 and samples["mw_stream_requests_per_minute"] >= 6
