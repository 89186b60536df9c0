"""Reports for people: `mw report drift`, of files and of a running server. The numbers are those of
`mw drift check` and of /drift; every form is whole, and harmless."""
import json
import re
import time

import numpy as np
import pytest
from conftest import ROOT, Server, check_end
from test_drift import people, write
from test_watch import COLUMNS, found, rows, send

MODEL = ROOT / "examples/models/credit.json"


def sections(report):
    return {section["key"]: section["says"] for section in report["sections"]}


def table(report, key):
    return [row for says in sections(report).values() for said in says
            if said.get("table") == key for row in said["rows"]]


def made(run, *arguments):
    done = run("report", *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def harmless(run, tmp_path, *arguments):
    """Both forms for people: no tags of others, nothing from elsewhere; the page's text."""
    for ending in ("md", "html"):
        page = tmp_path / f"report.{ending}"
        done = run("report", *arguments, "-o", page)
        assert done.returncode == 0 and not done.stdout, done.stderr
        text = page.read_text()
        assert "<script" not in text.replace("\\<", "") and "<img" not in text.replace("\\<", "")
        assert not re.search(r"(?<!\\)<[^<>]*(href|src)=", text)
    assert text.startswith("<!doctype html>") and text.rstrip().endswith("</html>")
    return text


# ---- drift of files ----------------------------------------------------------------------------

@pytest.fixture
def files(tmp_path):
    odd = "<script>alert(1)</script>"
    before, now = people(1), people(2, shift=8, cities=("Bern", odd))
    before[odd] = now[odd] = np.arange(1500)
    return write(tmp_path / "ref.csv", before), write(tmp_path / "cur.csv", now)


def test_drift_of_files_has_the_numbers_of_the_check(run, files, tmp_path):
    pair = ("--ref", files[0], "--cur", files[1])
    check = json.loads(run("drift", "check", *pair, "--format", "json").stdout)
    report = made(run, "drift", *pair)
    assert report["check"] == check and report["state"] == "alarm"
    assert report["verdict"].startswith("2 of 5 columns are unlike the reference")
    told = {row["column"]: row for row in table(report, "columns")}
    for feature in check["features"]:
        row = told[feature["feature"]]
        assert row["statistic"] == feature["statistic"] and row["verdict"] == feature["verdict"]
        assert row["p"] == feature["p_adjusted"]
    drawn = {said["title"].split(":")[0]: said for said in sections(report)["pictures"]}
    assert set(drawn) == {"age", "city"}
    age = next(f for f in check["features"] if f["feature"] == "age")
    assert drawn["age"]["now"] == [b["share_current"] for b in age["bins"]]
    page = harmless(run, tmp_path, "drift", *pair)
    assert page.count("<svg") == page.count("</svg>") == 2
    assert 'lang="en"' in page and "@page" in page


def test_drift_with_the_options_of_the_check(run, files):
    report = made(run, "drift", "--ref", files[0], "--cur", files[1], "--columns", "age,income",
                  "--method", "psi", "--threshold", "5")
    assert report["state"] == "ok" and [r["method"] for r in table(report, "columns")] == \
        ["psi", "psi"]
    same = made(run, "drift", "--ref", files[0], "--cur", files[0])
    assert same["verdict"] == "The current rows look like the reference."


def test_what_cannot_be_reported_is_told(run, files, tmp_path):
    for arguments in ((), ("credit", "--ref", files[0], "--cur", files[1])):
        done = run("report", "drift", *arguments)
        assert done.returncode == 2 and "MW1083" in done.stderr
    assert "MW1031" in run("report", "drift", "--ref", files[0]).stderr
    assert "MW1005" in run("report", "drift", "x", "--window", "9y").stderr
    done = run("report", "drift", "x", "--server", "127.0.0.1:1")
    assert done.returncode != 0 and "127.0.0.1:1" in done.stderr


# ---- live --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def watching(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    config = folder / "alerts.yaml"
    config.write_text(json.dumps({"alerts": {"rules": [{
        "name": "Busy", "when": "sum by (endpoint) (increase(mw_rows_total[1h])) > 2",
        "severity": "critical", "summary": "<img src=x> had {value} rows"}]}}))
    server = Server(folder, f"credit={MODEL}", "--record", folder / "record", "--log", "on",
                    "--config", config)
    server.folder = folder
    send(server, rows(2500, 1))
    found(server, lambda e: e["state"] == "watching")
    send(server, rows(2000, 4, income=3, gone=0.5))
    found(server, lambda e: e["n_drifted"] >= 2)
    time.sleep(0.5)  # what was sent last is counted
    yield server
    check_end(server)


def test_drift_of_a_server_has_the_numbers_of_drift(run, watching, tmp_path):
    live = ("drift", "credit", "--server", watching.url)
    report = made(run, *live)
    drift = watching.get("/mw/v1/endpoints/credit/drift?window=24h").json()
    expected = {feature["feature"]: feature for feature in drift["features"]}
    told = {row["column"]: row for row in table(report, "columns")}
    assert set(told) == set(COLUMNS) | {"output 0"}
    assert told["income"]["psi"] == expected["income"]["psi"]
    assert told["income"]["verdict"] == "drifted" and told["balance"]["verdict"] == "quiet"
    said = {said["text"].split(":")[0]: said["text"] for said in sections(report)["what_changed"]}
    assert "values were missing in 0 % of the rows, now in" in said["age"]
    assert "It most likely began at 20" in said["income"]
    bins = watching.get("/mw/v1/endpoints/credit/drift/bins?window=24h").json()["features"]
    drawn = next(s for s in sections(report)["pictures"] if s["title"].startswith("income"))
    rows_now = sum(b["current"] for b in bins["income"])
    assert drawn["now"] == pytest.approx([b["current"] / rows_now for b in bins["income"]
                                          if b["current"] + b["reference"]])
    assert report["facts"]["rows compared"] == f"{drift['window_rows']:,}"
    harmless(run, tmp_path, *live)


def test_an_endpoint_that_is_not_there(run, watching):
    done = run("report", "drift", "other/../x", "--server", watching.url)
    assert done.returncode == 3 and "MW1084" in done.stderr and "other/../x" in done.stderr


# ---- fairness ----------------------------------------------------------------------------------

@pytest.fixture
def scored(tmp_path):
    chance = np.random.default_rng(3)
    n = 1500
    sex, race = chance.choice(["F", "M"], n), chance.choice(["A", "<img src=x>"], n, p=[.98, .02])
    y = (chance.random(n) < 0.4).astype(int)
    p = np.clip(0.5 * y + 0.4 * chance.random(n) + np.where(sex == "M", 0.2, 0), 0, 1).round(4)
    return write(tmp_path / "scored.csv", {"sex": sex, "race": race, "y": y, "p": p})


def test_fairness_has_the_numbers_of_the_check(run, scored, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("fairness: {limits: {demographic_parity_ratio: {min: 0.8}}}\n")
    rows = ("--data", scored, "--label", "y", "--score", "p", "--groups", "sex,race,sex*race",
            "--suite", suite)
    kept = tmp_path / "fairness.json"
    run("fairness", "check", *rows, "--format", "json", "-o", kept)
    check = json.loads(kept.read_text())
    report = made(run, "fairness", *rows)
    assert report["check"] == check and report == made(run, "fairness", kept)
    assert report["state"] == "alarm" and "agreed on" in report["verdict"]
    sexes = {row["group"]: row for row in table(report, "groups")[:3]}
    female = check["attributes"]["sex"]["groups"]["F"]
    assert sexes["F"]["selected"] == female["selection_rate"]
    assert [sexes["F"]["selected_low"], sexes["F"]["selected_high"]] == \
        female["selection_rate_wilson95"]
    assert sexes["F"]["ratio"] == \
        check["attributes"]["sex"]["impact_ratio_to_highest_rate"]["F"]
    said = json.dumps(sections(report)["found"]) + json.dumps(sections(report)["few_rows"])
    assert "sex, 'F': of 100 rows" in said and "'M|<img src=x>'" in said
    page = harmless(run, tmp_path, "fairness", kept)
    assert "four fifths" in page and "Decision, by whom" in page


def test_a_result_that_is_none(run, scored, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"kind": "weather"}')
    done = run("report", "fairness", wrong)
    assert done.returncode == 1 and "MW1081" in done.stderr and "wrong.json" in done.stderr
    wrong.write_text("{")
    assert "MW" in run("report", "fairness", wrong).stderr
    assert run("report", "fairness").returncode == 2
    assert run("report", "fairness", wrong, "--data", scored).returncode == 2


# ---- weeks and incidents -----------------------------------------------------------------------

@pytest.fixture(scope="module")
def eventful(watching):
    """A version gets an alias; an alert fires and somebody has seen it."""
    def ask(path, **body):
        answer = watching.post(f"/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()
    made = ask("runs/create", experiment_id="0")["run"]["info"]
    ask("registered-models/create", name="credit")
    ask("model-versions/create", name="credit", source=made["artifact_uri"],
        run_id=made["run_id"])
    ask("registered-models/alias", name="credit", alias="champion", version="1")
    until = time.monotonic() + 10
    while True:
        alerts = watching.get("/mw/v1/alerts?state=firing").json()["items"]
        busy = [alert for alert in alerts if alert["rule"] == "Busy"]
        if busy:
            break
        assert time.monotonic() < until, alerts
        time.sleep(0.1)
    answer = watching.post(f"/mw/v1/alerts/{busy[0]['id']}:ack", json={"why": "<img src=x> load"})
    assert answer.status_code == 200, answer.text
    watching.alert = busy[0]
    return watching


def test_a_week_of_a_server(run, eventful, tmp_path):
    live = ("weekly", "credit", "--server", eventful.url)
    report = made(run, *live)
    weeks = {row["measure"]: row for row in table(report, "weeks")}
    alerts = eventful.get("/mw/v1/alerts?endpoint=credit").json()["items"]
    fired = [alert for alert in alerts if alert["fired"]]
    assert weeks["alerts fired"]["this_week"] == len(fired)
    assert weeks["alerts fired"]["week_before"] == 0
    assert weeks["changes of what is served"]["this_week"] == 1
    assert weeks["rows answered, by whole days"]["this_week"] >= 2000
    assert weeks["rows answered, by whole days"]["week_before"] is None
    assert report["state"] == "alarm" and report["not_known"] == []
    happened = [(row["kind"], row["what"]) for row in table(report, "timeline")]
    assert ("deploy", "alias.set, model credit@champion: version 1") in happened
    assert ("acknowledged", "Busy: <img src=x> load") in happened
    said = json.dumps(sections(report))
    assert "income: PSI" in said and "no labels came" in said
    assert "requests in this week" in said and "of the week's 168 hours nothing is known" in said
    assert weeks["requests"]["this_week"] >= 8 and weeks["requests"]["week_before"] is None
    page = harmless(run, tmp_path, *live)
    assert "Notes of those who run it" in page


def test_a_week_without_a_server(run, eventful):
    report = made(run, "weekly", "credit", "--record", eventful.folder / "record", "--log",
                  eventful.folder / "data/log")
    weeks = {row["measure"]: row for row in table(report, "weeks")}
    assert weeks["changes of what is served"]["this_week"] == 1
    assert weeks["rows answered"]["this_week"] == 4500
    assert weeks["alerts fired"]["this_week"] is None
    assert report["state"] == "unknown" and any("alerts" in gap for gap in report["not_known"])


def test_an_incident_of_an_alert(run, eventful, tmp_path):
    live = ("incident", eventful.alert["id"], "--server", eventful.url)
    report = made(run, *live)
    assert report["of"] == "Busy" and report["state"] == "alarm"
    assert report["alert"]["fingerprint"] == eventful.alert["fingerprint"]
    kinds = [row["kind"] for row in table(report, "timeline")]
    assert {"alert", "deploy", "acknowledged", "drift"} <= set(kinds)
    times = [row["at"] for row in table(report, "timeline")]
    assert times == sorted(times)
    blanks = {said["to_write"] for says in sections(report).values() for said in says
              if "to_write" in said}
    assert {"summary", "impact", "cause", "actions", "notify"} <= blanks
    harmless(run, tmp_path, *live)


def test_an_incident_of_a_span(run, eventful):
    report = made(run, "incident", "--since", "1h", "--endpoint", "credit", "--server",
                  eventful.url)
    assert report["state"] == "alarm" and "alert" in report["verdict"]
    report = made(run, "incident", "--since", "1h", "--record", eventful.folder / "record")
    assert report["state"] == "unknown"
    assert [row["kind"] for row in table(report, "timeline")].count("deploy") == 1
    for arguments, code in (((), "MW1083"), (("99999", "--server", eventful.url), "MW1084"),
                            (("--since", "1h", "--until", "2h", "--record",
                              eventful.folder / "record"), "MW1083"),
                            (("--since", "soon", "--server", eventful.url), "'soon' is no time"),
                            (("../x", "--server", eventful.url), "MW1084")):
        done = run("report", "incident", *arguments)
        assert done.returncode and code in done.stderr, done.stderr


def test_a_viewer_is_told_what_he_may_not_see(run, tmp_path):
    record = tmp_path / "record"
    made = run("token", "create", "ci", "--role", "viewer", "--record", record)
    token = made.stdout.split()[0]
    server = Server(tmp_path, f"credit={MODEL}", "--record", record, "--auth", "on")
    week = ("weekly", "credit", "--server", server.url)
    header = ("--header", f"Authorization: Bearer {token}")
    done = run("report", *week)
    assert done.returncode and "MW1082" in done.stderr and "--header" in done.stderr
    report = json.loads(run("report", *week, *header, "--format", "json").stdout)
    assert [gap.split(":")[0] for gap in report["not_known"]] == \
        ["how good the answers were", "who changed what (the audit log)"]  # no log; no right
    weeks = {row["measure"]: row for row in table(report, "weeks")}
    assert weeks["changes of what is served"]["this_week"] is None
    assert weeks["alerts fired"]["this_week"] == 0
    beside = json.loads(run("report", *week, *header, "--record", record, "--format",
                            "json").stdout)
    assert len(beside["not_known"]) == 1
    check_end(server)
