"""How groups are treated live: counted from the prediction log and its labels, by columns of the
model and by what feedback tells; over a restart; and an alert when a limit breaks."""
import json
import time

import numpy as np
import pytest
from conftest import ROOT
from test_feedback import COLUMNS, predict, table

MODEL = ROOT / "examples/models/credit.json"
CONFIG = """
endpoints:
  - name: credit
    model: {model}
    fairness_groups: age(40, 60), sex, payments_late*sex
    fairness_limits: demographic_parity_ratio >= 0.8, equal_opportunity_difference <= 0.1
    fairness_threshold: {threshold}
prediction_log: {{to: "on"}}
"""


def fairness(server, wanted, seconds=20):
    """The reports by attribute, once they are as wanted."""
    end = time.monotonic() + seconds
    while True:
        answer = server.get("/mw/v1/endpoints/credit/fairness")
        assert answer.status_code == 200, answer.text
        found = {a["attribute"]: a for a in answer.json()["attributes"]}
        if found and wanted(found):
            return answer.json()["verdict"], found
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)


def check_group(found, labels, decisions):
    """Against numpy, that is what Fairlearn's MetricFrame does."""
    assert found["selection_rate"] == pytest.approx(decisions.mean(), abs=1e-12)
    for name, of in (("tpr", labels == 1), ("fpr", labels == 0)):
        assert found[name] == pytest.approx(decisions[of].mean(), abs=1e-12)
    assert found["ppv"] == pytest.approx(labels[decisions].mean(), abs=1e-12)


def test_groups_of_rows_and_labels(serve, tmp_path):
    n, random = 3000, np.random.default_rng(3)
    rows = table(n, 5)
    plain = serve(f"credit={MODEL}")
    scores = np.array(predict(plain, rows)[1])
    plain.stop()
    threshold = float(np.median(scores))
    config = tmp_path / "millwright.yaml"
    config.write_text(CONFIG.format(model=MODEL, threshold=threshold))
    server = serve("--config", config)
    ids, scores = predict(server, rows)
    decisions = np.array(scores) >= threshold
    labels = (random.random(n) < np.where(decisions, 0.7, 0.3)).astype(int)
    sex = np.where(random.random(n) < np.where(decisions, 0.2, 0.8), "F", "M")
    half = n // 2
    answer = server.post("/endpoints/credit/feedback", json={
        "ids": ids[:half], "labels": labels[:half].tolist(),
        "groups": {"sex": sex[:half].tolist()}})
    assert answer.status_code == 200, answer.text
    lines = "\n".join(f"{i},{label},{s}" for i, label, s in
                      zip(ids[half:], labels[half:], sex[half:]))
    answer = server.post("/endpoints/credit/feedback", data="id,label,groups.sex\n" + lines,
                         headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text

    def whole(found):
        return len(found) == 3 and all(sum(g["labels"] for g in a["groups"].values()) == n and
                                       sum(g["rows"] for g in a["groups"].values()) == n
                                       for a in found.values())
    verdict, found = fairness(server, whole)
    age, late = rows[:, COLUMNS.index("age")], rows[:, COLUMNS.index("payments_late")]
    bands = {"below 40": age < 40, "40 to 60": (age >= 40) & (age < 60), "from 60": age >= 60}
    assert found["age"]["source"] == "logged" and set(found["age"]["groups"]) == set(bands)
    for name, of in bands.items():
        group = found["age"]["groups"][name]
        assert group["rows"] == of.sum() and group["label_coverage"] == 1
        check_group(group, labels[of], decisions[of])
    assert found["sex"]["source"] == "feedback"
    for name in "FM":
        check_group(found["sex"]["groups"][name], labels[sex == name], decisions[sex == name])
    both = found["payments_late|sex"]["groups"]
    of = (late == 2) & (sex == "F")
    check_group(both["2|F"], labels[of], decisions[of])
    # what was made so: F are seldom selected
    ratio, = [x for x in found["sex"]["limits"] if x["measure"] == "demographic_parity_ratio"]
    rates = [decisions[sex == s].mean() for s in "FM"]
    assert ratio["value"] == pytest.approx(min(rates) / max(rates), abs=1e-12)
    assert ratio["verdict"] == "broken" and ratio["high"] < 0.8 and ratio["lowest"] == "F"
    assert verdict == "broken"
    assert not found["age"]["label_coverage_unequal"]
    assert server.get("/mw/v1/endpoints/credit").json()["compares_groups"] is True
    metrics = server.get("/metrics").text
    line, = [x for x in metrics.splitlines() if x.startswith("mw_fairness_broken{") and
             'attribute="sex"' in x and 'measure="demographic_parity_ratio"' in x]
    assert line.endswith(" 1")

    def alerts():
        items = server.get("/mw/v1/alerts?state=firing").json()["items"]
        return [a for a in items if a["rule"] == "UnequalTreatment" and
                a["labels"]["attribute"] == "sex"]
    end = time.monotonic() + 10
    while not alerts():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert "groups of sex" in alerts()[0]["summary"]

    # another process on the same data reads them again
    server.process.terminate()
    server.process.wait(10)
    again = serve("--config", config)
    predict(again, rows[:1])
    _, after = fairness(again, lambda found: found["age"]["groups"].get("below 40", {}).get(
        "rows", 0) + found["age"]["groups"].get("40 to 60", {}).get("rows", 0) +
        found["age"]["groups"].get("from 60", {}).get("rows", 0) == n + 1 and
        "M" in found["sex"]["groups"])
    assert after["sex"]["groups"]["F"] == found["sex"]["groups"]["F"]


@pytest.mark.hostile
@pytest.mark.parametrize("more,code", [
    ("fairness_groups: a,b,c,d,e", "MW8450"), ("fairness_groups: sex\n    fairness_window: 7",
                                               "MW8450"),
    ("fairness_limits: kindness >= 1", "MW8450"), ("fairness_group: sex", "MW1003")])
def test_a_plan_that_is_none_is_refused_with_its_place(run, tmp_path, more, code):
    config = tmp_path / "millwright.yaml"
    config.write_text(f"endpoints:\n  - model: {MODEL}\n    {more}\nprediction_log: {{to: 'on'}}\n")
    ended = run("serve", "--config", config)
    assert ended.returncode == 2 and code in ended.stderr and "millwright.yaml:" in ended.stderr


def test_without_a_log_nobody_is_compared(run, serve, tmp_path):
    config = tmp_path / "millwright.yaml"
    config.write_text(f"endpoints:\n  - model: {MODEL}\n    fairness_groups: age(40)\n")
    ended = run("serve", "--config", config)
    assert ended.returncode != 0 and "--log on" in ended.stderr
    server = serve(f"credit={MODEL}")
    answer = server.get("/mw/v1/endpoints/credit/fairness")
    assert answer.status_code == 404 and json.loads(answer.text)["code"] == "MW8405"
    assert server.get("/mw/v1/endpoints/nobody/fairness").status_code == 404


@pytest.mark.hostile
def test_what_makes_no_sense_is_refused(serve, tmp_path):
    """Groups of feedback, receivers, rollouts and documents, from whoever reaches the server."""
    server = serve(f"credit={MODEL}", "--log", "on", "--record", tmp_path / "record")
    label = {"id": "a", "label": 1}
    for groups in ([], "F", {"a=b": 1}, {"a": "x\ny"}, {"a": {}}, {"a": [1]}, {"": 1},
                   {"a": "x" * 2000}, {f"k{i}": i for i in range(400)}):
        answer = server.post("/endpoints/credit/feedback", json={**label, "groups": groups})
        assert answer.status_code == 400, groups
    for lists in ({"sex": ["F"]}, {"sex": "F"}, {"sex": ["F", "M", "M"]}, [],
                  {f"k{i}": ["F", "M"] for i in range(20)}):
        answer = server.post("/endpoints/credit/feedback", json={
            "ids": ["a", "b"], "labels": [0, 1], "groups": lists})
        assert answer.status_code == 400, lists
    good = {**label, "groups": {"sex": "F", "age": 44, "faith": None, "new": True}}
    assert server.post("/endpoints/credit/feedback", json=good).json()["waiting"] == 1
    for path in ("receivers", "rules", "rollouts", "apply"):
        for body in ("", "[", "{}", "[]", "name: x", "monitors: [1]", "references: {credit: x}",
                     "{name: ../x, kind: webhook, url: 'http://h'}", "\x00", "a: &a [*a]",
                     "{name: x, kind: exec, command: [/bin/sh]}",
                     "{endpoint: credit, model: credit/1, judge: {metrics: "
                     "[{fairness: {column: age, bounds: [2, 1]}}]}}"):
            answer = server.post(f"/mw/v1/{path}", data=body.encode())
            if answer.status_code == 200:
                assert path == "apply"  # a document of no section changes nothing
                continue
            assert 400 <= answer.status_code < 500, (path, body, answer.text)
            assert answer.headers["Content-Type"] == "application/problem+json", (path, body)
            assert answer.json()["code"].startswith("MW"), (path, body)
    assert server.session.delete(f"{server.url}/mw/v1/receivers/nobody").status_code == 404
    assert server.get("/ping").status_code == 200
