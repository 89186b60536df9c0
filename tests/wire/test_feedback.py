"""Feedback over HTTP: labels find their predictions, and what comes of them are the numbers of
scikit-learn."""
import itertools
import json
import signal
import subprocess
import time

import numpy as np
import pytest
import sklearn.metrics
from conftest import BINARY, ROOT, until

MODEL = ROOT / "examples/models/credit.json"
COLUMNS = ["credit_limit", "balance", "payments_late", "months_since_late", "income", "age",
           "months_customer", "last_payment"]


def table(n, seed):
    random = np.random.default_rng(seed)
    return np.column_stack([
        random.integers(1, 20, n) * 500.0, random.lognormal(7, 1, n), random.integers(0, 4, n),
        random.integers(0, 24, n), random.lognormal(10, 0.5, n), random.integers(18, 80, n),
        random.integers(1, 120, n), random.lognormal(5, 1, n)])


def predict(server, rows):
    answer = server.post("/invocations", json={
        "dataframe_split": {"columns": COLUMNS, "data": rows.tolist()}})
    assert answer.status_code == 200, answer.text
    request = answer.headers["X-Request-ID"]
    return [f"{request}#{i}" for i in range(len(rows))], answer.json()["predictions"]


def tell(server, body, **more):
    answer = server.post("/endpoints/credit/feedback", json=body, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def performance(server, query="", wanted=lambda parts: parts, seconds=10):
    """The parts of /performance, once they are as wanted."""
    end = time.monotonic() + seconds
    while True:
        answer = server.get("/performance" + query)
        assert answer.status_code == 200, answer.text
        parts = answer.json()["performance"]
        if wanted(parts):
            return parts
        assert time.monotonic() < end, parts
        time.sleep(0.05)


def predictions_and_labels(server, n=400, seed=1):
    rows = table(n, seed)
    ids, scores = predict(server, rows)
    labels = (np.random.default_rng(seed + 1).random(n) < 3 * np.array(scores)).astype(int)
    return rows, ids, np.array(scores), labels


def check(metrics, labels, scores):
    decisions = scores >= 0.5
    for name, value in {
            "accuracy": sklearn.metrics.accuracy_score(labels, decisions),
            "roc_auc": sklearn.metrics.roc_auc_score(labels, scores),
            "log_loss": sklearn.metrics.log_loss(labels, scores),
            "brier": sklearn.metrics.brier_score_loss(labels, scores),
            "recall": sklearn.metrics.recall_score(labels, decisions)}.items():
        found = metrics[name]
        assert found["value"] == pytest.approx(value, abs=1e-12), name
        assert found["low"] <= found["value"] <= found["high"], name


def test_numbers_are_those_of_sklearn(serve):
    server = serve(f"credit={MODEL}", "--log", "on", "--log-slices", "payments_late,age")
    rows, ids, scores, labels = predictions_and_labels(server)
    assert performance(server, wanted=lambda parts: True) == []
    sent = tell(server, {"ids": ids, "labels": labels.tolist()})
    assert sent["received"] == 400 and sent["joined"] + sent["waiting"] == 400
    part, = performance(server, wanted=lambda p: p and p[0]["labels"] == 400)
    assert part["endpoint"] == "credit" and part["version"] == 1 and part["task"] == "binary"
    check(part["metrics"], labels, scores)
    assert 0 <= part["delay_seconds_p50"] <= part["delay_seconds_max"] < 60
    parts = performance(server, "?slice=payments_late")
    late = rows[:, 2]
    assert [p.get("slice") for p in parts] == [None, "0", "1", "2", "3"]
    for p in parts[1:]:
        chosen = late == float(p["slice"])
        assert p["labels"] == chosen.sum()
        assert p["metrics"]["roc_auc"]["value"] == pytest.approx(
            sklearn.metrics.roc_auc_score(labels[chosen], scores[chosen]), abs=1e-12)
    assert len(performance(server, "?slice=age")) == 5  # quarters
    assert performance(server, "?last=100")[0]["labels"] == 100
    assert performance(server, "?version=2", wanted=lambda p: True) == []
    answer = server.get("/performance?slice=income")
    assert answer.status_code == 400 and "--log-slices income" in answer.text
    assert server.get("/performance?wndow=1d").status_code == 400
    end = time.monotonic() + 10
    while not (said := [k for k in server.samples() if k.startswith("mw_performance{")]):
        assert time.monotonic() < end
        time.sleep(0.1)
    auc, = [k for k in said if 'metric="roc_auc"' in k]
    assert server.samples()[auc] == pytest.approx(part["metrics"]["roc_auc"]["value"], abs=1e-12)
    seen, = server.get("/mw/v1/overview").json()["items"]  # the same figure, for people
    assert seen["quality"] == {"metric": "roc_auc", "labels": 400, **part["metrics"]["roc_auc"]}
    assert server.get("/mw/v1/endpoints/credit").json()["compares_groups"] is False
    assert server.samples()['mw_labels_total{result="joined"}'] == 400


def test_measured_decay_is_alarmed(serve):
    """Predictions that lose more than the first labelled ones did: told, since when, and over."""
    server = serve(f"credit={MODEL}", "--log", "on")

    def label(n, seed, flipped):
        _, ids, scores, _ = predictions_and_labels(server, n, seed)
        chance = np.random.default_rng(seed).random(n)
        labels = (chance < (1 - scores if flipped else scores)).astype(int)
        tell(server, [{"id": i, "label": int(y)} for i, y in zip(ids, labels)])

    def loss(holds):
        return performance(server, wanted=lambda p: p and holds(p[0]["loss"]))[0]["loss"]
    label(1000, 1, False)
    label(500, 2, False)
    found = loss(lambda l: l["labels"] == 500)
    assert (found["name"], found["first_labels"], found["risen"]) == ("zero_one", 1000, False)
    assert abs(found["now"] - found["first"]) < found["by_chance"]
    label(1000, 3, True)
    found = loss(lambda l: l["risen"])
    assert found["now"] > found["first"] + found["by_chance"] and found["since_ms"] > 0
    assert abs(found["before"] - found["first"]) < 0.1 and 0 < found["chance"] <= 2500 / 2e6
    def losses():
        return {k.split("{")[0]: v for k, v in server.samples().items() if k.startswith("mw_loss")}
    until(lambda: losses().get("mw_loss_risen") == 1)
    risen = losses()
    assert risen["mw_loss_before"] == found["before"]
    assert risen["mw_loss_since_timestamp_seconds"] == found["since_ms"] / 1e3
    alert, = until(lambda: [a for a in server.get("/mw/v1/alerts?state=firing").json()["items"]
                            if a["rule"] == "MeasuredDecay"])
    assert "errors of credit (version 1) rose: " in alert["summary"]
    assert alert["endpoint"] == "credit"
    label(3000, 4, False)
    assert not loss(lambda l: not l["risen"])["risen"]


def test_late_twice_changed_unknown(serve):
    server = serve(f"credit={MODEL}", "--log", "on")
    _, ids, _, labels = predictions_and_labels(server, 20)
    early = tell(server, {"id": ids[0], "label": int(labels[0])})
    assert early["joined"] + early["waiting"] == 1  # before its prediction is on the disk: it waits
    performance(server, wanted=lambda p: p and p[0]["labels"] == 1)
    assert tell(server, {"id": ids[0], "label": int(labels[0])})["duplicates"] == 1
    assert tell(server, [{"id": ids[0], "label": 1 - int(labels[0])}])["replaced"] == 1
    assert performance(server)[0]["labels"] == 1
    assert tell(server, {"id": ids[1], "label": 7})["misfits"] == 1
    assert tell(server, {"id": ids[2], "label": "nobody"})["misfits"] == 1
    assert tell(server, {"feedback": [{"id": "nowhere", "label": 1}]})["waiting"] == 1
    assert server.get("/performance").json()["labels_waiting"] == 1
    body = "id,label,time\n" + "".join(f"{i},{l},2027-01-31T12:00:00Z\n"
                                       for i, l in zip(ids, labels))
    answer = server.post("/endpoints/credit/feedback", data=body,
                         headers={"Content-Type": "text/csv"}).json()
    assert answer["received"] == 20 and answer["joined"] == 19 and answer["replaced"] == 1
    assert performance(server)[0]["delay_seconds_p50"] > 0


@pytest.mark.parametrize("body,said", [
    ("{", "byte"), ("[{}]", "there is no id"), ('{"id": "a"}', "the label of 'a' is missing"),
    ('{"id": "a", "label": null}', "missing"), ('{"id": "a#x", "label": 1}', "no id"),
    ('{"ids": ["a"], "labels": []}', "not equally many"),
    ('{"id": "a", "label": 1, "time": "noon"}', "no time"),
    ('[{"id": "a", "label": 1}, {"label": 1}]', "label 1"), ("id,label\na,1\nb\n", "line 3"),
    ("id\na\n", "none 'label'"), ("", "empty")])
def test_what_cannot_be_read_is_refused_whole(serve, body, said):
    server = serve(f"credit={MODEL}", "--log", "on")
    kind = "application/json" if body[:1] in "{[" and body else "text/csv"
    answer = server.post("/endpoints/credit/feedback", data=body.encode(),
                         headers={"Content-Type": kind})
    assert answer.status_code == 400 and said in answer.text, answer.text
    assert server.samples()["mw_labels_waiting"] == 0


def test_without_a_log_it_is_said(serve):
    server = serve(f"credit={MODEL}")
    for answer in (server.post("/endpoints/credit/feedback", json={"id": "a", "label": 1}),
                   server.get("/performance")):
        assert answer.status_code == 404 and "--log on" in answer.text
    logging = serve(f"credit={MODEL}", "--log", "on")
    answer = logging.post("/endpoints/other/feedback", json={"id": "a", "label": 1})
    assert answer.status_code == 404 and "other" in answer.text


def test_what_was_acknowledged_outlives_kill_9(serve, tmp_path):
    server = serve(f"credit={MODEL}", "--log", "on")
    _, ids, scores, labels = predictions_and_labels(server)
    half = ["id,label"] + [f"{i},{l}" for i, l in zip(ids[:200], labels)]
    (tmp_path / "half.csv").write_text("\n".join(half))
    sent = subprocess.run([BINARY, "feedback", "send", tmp_path / "half.csv", "--server",
                           server.url, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(sent.stdout)["received"] == 200
    performance(server, wanted=lambda p: p and p[0]["labels"] == 200)
    lines = "".join(json.dumps({"id": i, "label": int(l)}) + "\n"
                    for i, l in zip(ids[200:], labels[200:]))
    sent = subprocess.run([BINARY, "feedback", "send", "-", "--server", server.url, "--endpoint",
                           "credit"], input=lines, capture_output=True, text=True, check=True)
    assert "200 labels: 200 joined" in sent.stdout
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    folder = tmp_path / "data/log"
    offline = json.loads(subprocess.run(
        [BINARY, "log", "performance", "--log", folder, "--json", "--slice", "payments_late"],
        capture_output=True, text=True, check=True).stdout)
    assert offline["joined"] == 400 and len(offline["performance"]) == 5
    check(offline["performance"][0]["metrics"], labels, scores)
    server = serve(f"credit={MODEL}", "--log", "on")
    part, = performance(server, wanted=lambda p: p and p[0]["labels"] == 400)
    check(part["metrics"], labels, scores)
    assert tell(server, {"id": ids[7], "label": int(labels[7])})["duplicates"] == 1


def goes_on_after_kill_9(server, again, folder):
    """Quantiles, estimate, joint drift and anomaly scores of the server that comes after it, from
    what it finds in its folder alone: no row is sent to it."""
    def told(of):
        return of.get("/drift").json()["endpoints"][0]

    def kept():
        return [path.stat().st_mtime_ns for path in folder.rglob("*.learned")]
    before, files = told(server), kept()
    predict(server, table(1, 22))  # whatever is written from now on has all that was told
    until(lambda: kept() != files, seconds=60)
    last = told(server)  # rows of before may have been looked at only now
    server.process.kill()
    server.process.wait()
    after = told(again())
    assert after["decay"]["reference_labels"] == before["decay"]["reference_labels"]
    assert before["decay"]["rows"] <= after["decay"]["rows"] <= last["decay"]["rows"] + 1
    for name, metric in before["decay"]["metrics"].items():
        for key in ("reference", "estimated", "low", "high"):
            assert after["decay"]["metrics"][name][key] == pytest.approx(metric[key], abs=0.02)
    for was, now, end in zip(before["features"], after["features"], last["features"]):
        assert was["values"]["rows"] <= now["values"]["rows"] <= end["values"]["rows"] + 1
        assert now["values"]["least"] <= was["values"]["least"]
        assert now["values"]["most"] >= was["values"]["most"]
        told_of = list(was["values"]["quantiles"].values())  # to a rank: one row is another draw
        for value, low, high in zip(list(now["values"]["quantiles"].values())[1:-1], told_of,
                                    told_of[2:]):
            assert low <= value <= high
    assert after["joint"]["components"] == before["joint"]["components"]
    assert after["joint"]["psi"] == pytest.approx(before["joint"]["psi"], abs=0.02)
    assert after["anomalies"]["threshold"] == before["anomalies"]["threshold"]


def test_performance_is_estimated_before_labels_come(serve, tmp_path):
    """The first labels calibrate; then every row tells something, and later labels confirm it.
    A kill -9 takes nothing of what was learned."""
    server = serve(f"credit={MODEL}", "--log", "on")
    _, ids, scores, labels = predictions_and_labels(server, 2500, seed=20)
    # alone, for labels are joined as their predictions reach the log, not in the order they came
    tell(server, {"ids": ids[:2000], "labels": labels[:2000].tolist()})
    end = time.monotonic() + 15

    def decay():
        return server.get("/drift").json()["endpoints"][0].get("decay")
    while not (decay() and decay()["reference_labels"] == 2000):
        assert time.monotonic() < end, decay()
        time.sleep(0.1)
    first = decay()["metrics"]["accuracy"]
    assert first["reference"] == pytest.approx(
        sklearn.metrics.accuracy_score(labels[:2000], scores[:2000] >= 0.5))
    tell(server, {"ids": ids[2000:], "labels": labels[2000:].tolist()})
    while not (decay()["rows"] >= 500 and decay()["metrics"]["accuracy"]["realized"] is not None):
        assert time.monotonic() < end + 15, decay()
        predict(server, table(100, 21))
        time.sleep(0.3)
    found = decay()
    for name in ("accuracy", "roc_auc"):
        metric = found["metrics"][name]
        assert metric["low"] <= metric["estimated"] <= metric["high"]
        assert metric["realized"] == pytest.approx(metric["reference"], abs=0.05)
    assert not found["decayed"] and found["causes"] == [] and found["slices"] == []
    assert 'mw_decay_estimated{endpoint="credit",version="1",metric="accuracy"}' in \
        server.get("/metrics").text
    # over time: the windows of the estimate, and the truth beside them
    series = server.get("/mw/v1/endpoints/credit/decay?window=1h").json()
    assert series["window_seconds"] == 300 and series["reference"]["labels"] == 2000
    assert sum(w["labels"] for w in series["windows"]) == 2500
    assert sum(w["rows"] for w in series["windows"]) >= 500
    assert [w["t"] for w in series["windows"]] == sorted({w["t"] for w in series["windows"]})
    told = max(series["windows"], key=lambda w: w["labels"])["metrics"]["accuracy"]
    assert told["realized"] == pytest.approx(first["reference"], abs=0.06)
    estimates = [w["metrics"]["accuracy"] for w in series["windows"] if w["rows"] >= 200]
    assert all(e["low"] <= e["estimated"] <= e["high"] for e in estimates)
    assert server.get("/mw/v1/endpoints/nobody/decay").status_code == 404
    assert server.get("/mw/v1/endpoints/credit/decay?window=x").status_code == 400
    goes_on_after_kill_9(server, lambda: serve(f"credit={MODEL}", "--log", "on"), tmp_path)


DISTRICTS = ["harbour", "hill", "meadow", "mill", "old town", "station"]
HEATINGS = ["district", "gas", "heat pump", "oil"]
HOUSE = ["area_m2", "rooms", "year_built", "garden_m2", "minutes_to_centre", "district",
         "heating"]


def predict_houses(server, n, seed, far=0.0):
    """Ids, predictions and the truth, which is the less sure the farther out a house stands."""
    random = np.random.default_rng(seed)
    minutes = np.where(random.random(n) < far, random.uniform(40, 75, n),
                       random.uniform(1, 50, n))
    rows = np.column_stack([random.uniform(50, 300, n), random.integers(1, 8, n),
                            random.integers(1900, 2020, n), random.uniform(0, 900, n), minutes])
    data = [row + [district, heat] for row, district, heat in zip(
        rows.tolist(), random.choice(DISTRICTS, n), random.choice(HEATINGS, n))]
    answer = server.post("/invocations", json={
        "dataframe_split": {"columns": HOUSE, "data": data}})
    assert answer.status_code == 200, answer.text
    said, request = np.array(answer.json()["predictions"]), answer.headers["X-Request-ID"]
    truth = said + random.normal(0, np.where(minutes > 40, 4e4, 5e3))
    return [f"{request}#{i}" for i in range(n)], said, truth


def test_a_regression_is_estimated_and_measured(serve):
    """Likely losses are learned from the first labels (DLE); windows tell estimate and truth."""
    server = serve(f"price={ROOT / 'examples/models/price.txt'}", "--log", "on")
    ids, said, truth = predict_houses(server, 2000, 1)
    answer = server.post("/endpoints/price/feedback",
                         json={"ids": ids, "labels": truth.tolist()})
    assert answer.status_code == 200, answer.text
    end, seeds = time.monotonic() + 30, itertools.count(2)

    def decay():
        return server.get("/drift").json()["endpoints"][0].get("decay")
    while not (decay() and decay()["reference_labels"] == 2000):
        assert time.monotonic() < end, decay()
        time.sleep(0.1)
    assert decay()["method"] == "dle" and set(decay()["metrics"]) == {"mae", "mse", "rmse"}
    usual = np.abs(said - truth).mean()
    assert decay()["metrics"]["mae"]["reference"] == pytest.approx(usual)
    part, = performance(server, wanted=lambda p: p and p[0]["labels"] == 2000)
    r2 = part["metrics"]["r2"]
    assert r2["value"] == pytest.approx(sklearn.metrics.r2_score(truth, said))
    assert r2["low"] < r2["value"] < r2["high"]
    # most houses stand far out now: nobody has told their prices, and still it is seen
    while not decay()["decayed"]:
        assert time.monotonic() < end + 30, decay()
        predict_houses(server, 64, next(seeds), far=0.9)
    found = decay()
    mae = found["metrics"]["mae"]
    assert mae["decayed"] and mae["low"] <= mae["estimated"] <= mae["high"]
    _, far_said, far_truth = predict_houses(server, 1000, next(seeds), far=0.9)
    assert usual * 1.1 <= mae["estimated"] <= 1.2 * np.abs(far_said - far_truth).mean()
    assert 'mw_decay_found{endpoint="price",version="1",metric="mae"} 1' in \
        server.get("/metrics").text
    series = server.get("/mw/v1/endpoints/price/decay?window=1h").json()
    assert series["method"] == "dle" and series["reference"]["labels"] == 2000
    told = max(series["windows"], key=lambda w: w["labels"])
    for name, error in (("rmse", sklearn.metrics.root_mean_squared_error),
                        ("mae", sklearn.metrics.mean_absolute_error),
                        ("r2", sklearn.metrics.r2_score)):
        metric = told["metrics"][name]
        assert metric["realized"] == pytest.approx(error(truth, said))
        assert metric["realized_low"] < metric["realized"] < metric["realized_high"]
    assert any(w["metrics"]["mae"]["estimated"] for w in series["windows"])
    assert all(w["metrics"]["r2"]["estimated"] is None for w in series["windows"])
