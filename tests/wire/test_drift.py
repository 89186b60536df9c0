"""`mw drift check` as a user of CI runs it: exit codes, the four forms, and what it says of odd
files."""
import csv
import gzip
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from conftest import SHARED

N_ROWS = 1500


def write(path, columns):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))
    return path


def people(seed, n=N_ROWS, shift=0, cities=("Bern", "Zug")):
    random = np.random.default_rng(seed)
    return {"age": random.normal(40 + shift, 10, n).round(2), "income": random.lognormal(8, 1, n),
            "city": random.choice(cities, n), "children": random.integers(0, 4, n)}


@pytest.fixture
def files(tmp_path):
    def make(before, now):
        return write(tmp_path / "ref.csv", before), write(tmp_path / "cur.csv", now)
    return make


def checked(run, pair, *more, code=None):
    done = run("drift", "check", "--ref", pair[0], "--cur", pair[1], *more)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def report(run, pair, *more, code=None):
    found = json.loads(checked(run, pair, "--format", "json", *more, code=code).stdout)
    return found, {feature["feature"]: feature for feature in found["features"]}


def test_nothing_new(run, files):
    found, features = report(run, files(people(1), people(2)), code=0)
    assert (found["drifted"], found["n_drifted"], found["n_features"]) == (False, 0, 4)
    assert {name: feature["method"] for name, feature in features.items()} == {
        "age": "wasserstein", "income": "wasserstein", "city": "js", "children": "js"}
    bins = features["age"]["bins"]
    assert sum(b["reference"] for b in bins) == features["age"]["n_reference"] == N_ROWS
    assert bins[0]["low"] is None and bins[-1]["high"] is None and len(bins) == 10


def test_numbers_and_categories_that_moved(run, files):
    pair = files(people(1), people(2, shift=8, cities=("Bern", "Bern", "Chur")))
    found, features = report(run, pair, code=6)
    assert found["drifted"] and {n for n, f in features.items() if f["drifted"]} == {"age", "city"}
    assert features["city"]["new_categories"] == ["Chur"]
    assert features["city"]["rows_with_new_categories"] > 400
    assert features["age"]["statistic"] == pytest.approx(0.8, abs=0.1)
    assert features["age"]["p_adjusted"] < 1e-6 and features["age"]["log_e_value"] > 20
    text = checked(run, pair, code=6).stdout
    assert text.startswith("2 of 4 features drifted (50 %): the data set drifted\n")
    assert "1 new category in" in text
    report(run, pair, "--drift-share", "0.6", code=0)
    report(run, pair, "--columns", "income,children", code=0)
    _, features = report(run, pair, "--columns", "age", "--method", "ks", code=6)
    assert list(features) == ["age"] and features["age"]["kind"] == "test"
    report(run, pair, "--columns", "age", "--method", "psi", "--threshold", "50", code=0)


def test_schema(run, files):
    now = people(2)
    now["salary"] = now.pop("income")
    now["age"] = [f"{age} years" for age in now["age"]]
    found, features = report(run, files(people(1), now), code=6)
    assert found["schema"] == {"added": ["salary"], "removed": ["income"], "retyped": ["age"]}
    assert features["income"]["verdict"] == "removed" and features["age"]["verdict"] == "retyped"
    assert found["n_drifted"] == 2 and found["n_compared"] == 2


def test_missing_and_few(run, files):
    now = people(2)
    now["age"] = ["" if i % 3 == 0 else age for i, age in enumerate(now["age"])]
    _, features = report(run, files(people(1), now), code=6)
    assert features["age"]["missing_drifted"] and features["age"]["missing_current"] == 500
    found, features = report(run, files(people(1), people(2, 1)), code=0)
    assert {f["verdict"] for f in features.values()} == {"not enough data"}
    assert found["n_compared"] == 0
    nobody = files(people(1), {name: [] for name in people(1)})
    report(run, nobody, code=0)
    said = checked(run, nobody, code=0).stdout
    assert "not known whether it drifted" in said and "did not drift" not in said
    endless = people(2)
    endless["age"] = ["inf" if i % 2 else "-inf" for i in range(N_ROWS)]
    said = checked(run, files(people(1), endless), code=6).stdout
    assert f"no finite values in the current file, {N_ROWS} infinite" in said


def test_junit_and_html(run, files):
    pair = files(people(1), people(2, shift=8, cities=("<Bern>", "\"Zug\"")))
    suite = ET.fromstring(checked(run, pair, "--format", "junit", code=6).stdout)[0]
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {"data set", "age", "city"}
    assert (suite.get("tests"), suite.get("failures")) == ("5", "3")
    page = checked(run, pair, "--format", "html", code=6).stdout
    assert page.startswith("<!doctype html>") and "&lt;Bern&gt;" in page and "<Bern>" not in page
    assert "http://" not in page and page.count("<svg") == 4
    quiet = ET.fromstring(checked(run, files(people(1), people(2)), "--format", "junit").stdout)[0]
    assert quiet.get("failures") == "0"


def test_profiles(run, files):
    pair = files(people(1, 400), people(2, 400))
    _, features = report(run, pair, "--profile", "evidently")
    assert {f["method"] for f in features.values()} == {"ks", "z", "chi2"}
    _, features = report(run, pair, "--profile", "nannyml")
    assert {f["method"] for f in features.values()} == {"js"}


def test_gzip_pipe_and_order(run, files, tmp_path):
    before, now = people(1), people(2)
    pair = files(before, dict(reversed(now.items())))
    plain, _ = report(run, pair)
    packed = tmp_path / "cur.csv.gz"
    packed.write_bytes(gzip.compress(pair[1].read_bytes()))
    unpacked, _ = report(run, (pair[0], packed))
    piped = run("drift", "check", "--ref", pair[0], "--cur", "-", "--format", "json",
                input=pair[1].read_text())
    for other in (unpacked, json.loads(piped.stdout)):
        assert other["features"] == plain["features"]
    packed.write_bytes(packed.read_bytes()[:-20])
    assert "MW1203" in checked(run, (pair[0], packed), code=1).stderr


@pytest.mark.parametrize("arguments,code,said", [
    (["--ref", "ref.csv"], 2, "MW1031"),
    (["--ref", "ref.csv", "--cur", "none.csv"], 3, "none.csv"),
    (["--ref", "ref.csv", "--cur", "ref.csv", "--method", "kss"], 2, "MW1032"),
    (["--ref", "ref.csv", "--cur", "ref.csv", "--threshold", "x"], 2, "MW1032"),
    (["--ref", "ref.csv", "--cur", "ref.csv", "--bins", "1"], 2, "MW8001"),
    (["--ref", "ref.csv", "--cur", "ref.csv", "--columns", "agee"], None, "did you mean 'age'?"),
    (["--ref", "ref.csv", "--cur", "short.csv"], None, "short.csv: line 3"),
    (["--ref", "empty.csv", "--cur", "ref.csv"], None, "MW3010"),
])
def test_faults(run, tmp_path, arguments, code, said):
    write(tmp_path / "ref.csv", people(1, 20))
    (tmp_path / "short.csv").write_text("age,income\n1,2\n3\n")
    (tmp_path / "empty.csv").write_text("")
    done = run("drift", "check", *arguments, cwd=tmp_path)
    assert done.returncode not in (0, 6) and said in done.stderr, done.stderr
    assert code is None or done.returncode == code


def test_real_data(run, tmp_path):
    """The electricity market of New South Wales: its first and its last third differ."""
    path = SHARED / "elec2/elec.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    lines = gzip.open(path, "rt").read().splitlines(keepends=True)
    third = len(lines) // 3
    for name, part in (("ref", lines[1:third]), ("cur", lines[-third:])):
        (tmp_path / f"{name}.csv").write_text("".join(lines[:1] + part))
    found, features = report(run, (tmp_path / "ref.csv", tmp_path / "cur.csv"), code=6)
    assert found["n_compared"] == found["n_features"]
    # half-hours repeat each day; vicprice was not recorded in the first years
    assert not features["feat_1"]["drifted"] and features["feat_4"]["drifted"]


def test_a_file_that_is_not_there_is_named_once(run):
    done = run("drift", "check", "--ref", "nothing.csv", "--cur", "nothing.csv")
    assert done.returncode == 3 and done.stderr.count("nothing.csv") == 1, done.stderr


def test_columns_together(run, tmp_path):
    """Each column as before, their company not: only --joint tells, and where it comes from."""
    random = np.random.default_rng(3)
    a = random.normal(size=4000)
    kinds = np.where(a > 0, "red", "blue")
    columns = {"a": a, "b": a + random.normal(0, 0.3, 4000), "kind": kinds,
               "other": random.normal(size=4000)}

    def write(name, table):
        lines = [",".join(map(str, row)) for row in zip(*table.values())]
        (tmp_path / name).write_text("\n".join([",".join(table), *lines]) + "\n")
        return tmp_path / name
    reference = write("ref.csv", {k: v[:2000] for k, v in columns.items()})
    same = write("same.csv", {k: v[2000:] for k, v in columns.items()})
    parted = write("cur.csv", {k: random.permutation(v[2000:]) if k == "b" else v[2000:]
                               for k, v in columns.items()})
    both = ("drift", "check", "--ref", reference, "--cur")
    assert run(*both, parted).returncode == 0
    assert run(*both, same, "--joint").returncode == 0
    done = run(*both, parted, "--joint", "--format", "json", "--chunk", 500)
    found = json.loads(done.stdout)
    assert done.returncode == 6 and found["drifted"] and found["n_drifted"] == 0
    joint = found["joint"]
    assert joint["drifted"] and joint["effect"] > 0.1 and joint["chunk_rows"] == 500
    assert [c["first_row"] for c in joint["chunks"]] == [0, 500, 1000, 1500]
    assert all(c["low"] <= c["error"] <= c["high"] for c in joint["chunks"])
    assert joint["features"][0]["feature"] in ("a", "b") and len(joint["features"]) == 4
    text = run(*both, parted, "--joint").stdout
    assert "its columns do not go together as they did" in text and "most of it in" in text
    for form in ("html", "junit"):
        assert "do not go together" in run(*both, parted, "--joint", "--format", form).stdout
    assert run(*both, same, "--mmd").returncode == 0
    done = run(*both, parted, "--mmd", "--format", "json")
    mmd = json.loads(done.stdout)["mmd"]
    assert done.returncode == 6 and mmd["drifted"] and mmd["p_value"] < 0.05 and mmd["mmd2"] > 0
    assert (mmd["n_features"], mmd["n_reference"], mmd["n_current"]) == (4, 1000, 1000)
    assert mmd["features"][0]["feature"] in ("a", "b") and len(mmd["features"]) == 4
    text = run(*both, parted, "--mmd").stdout
    assert "its rows are of another distribution" in text and "most of it with" in text
    for form in ("html", "junit"):
        assert "another distribution" in run(*both, parted, "--mmd", "--format", form).stdout
    profile = tmp_path / "p.json"
    assert run("data", "profile", reference, "-o", profile).returncode == 0
    for option in ("--joint", "--mmd"):
        refused = run("drift", "check", "--ref", profile, "--cur", same, option)
        assert refused.returncode not in (0, 6) and "MW8007" in refused.stderr
        assert option in refused.stderr
