"""Rollouts under real traffic: a good version is promoted, a bad one rolls back by itself, a
command takes effect within a second, and a server that is killed goes on where it was."""
import contextlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import threading
import time

import numpy
import pytest
import requests
import xgboost
from conftest import Server, check_end

mlflow = pytest.importorskip("mlflow")

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
COLUMNS = ["age", "income", "debt"]
FAST = {"deadline": "1h", "watch_after": "1h",
        "judge": {"metrics": [{"errors": {"tolerance": "5%"}}, {"latency": {"tolerance": "400%"}},
                              {"score_shift": {"psi": 0.5}}]}}


def log_version(seed, rounds=5, columns=COLUMNS, sign=1):
    rows = numpy.random.default_rng(seed).normal(size=(200, len(columns)))
    booster = xgboost.train({"max_depth": 3, "objective": "binary:logistic", "nthread": 1},
                            xgboost.DMatrix(rows, sign * rows[:, 0] > 0, feature_names=columns),
                            rounds)
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="credit",
                                 pip_requirements=["xgboost"], input_example=None)


class Traffic:
    """Clients that ask as fast as they can; every answer must be a 200."""

    def __init__(self, server, clients=2, key=None):
        self.server, self.key, self.versions, self.failed = server, key, [], []
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(i,), daemon=True)
                        for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def ask(self, number):
        random = numpy.random.default_rng(number)
        session, at = requests.Session(), 0
        while not self.ends.is_set():
            at += 1
            body = {"dataframe_split": {"columns": COLUMNS, "data": [list(random.normal(size=3))]}}
            headers = {"X-Millwright-Key": f"{self.key}-{at % 50}"} if self.key else {}
            try:
                answer = session.post(f"{self.server.url}/endpoints/credit/invocations", json=body,
                                      headers=headers, timeout=10)
            except requests.ConnectionError:
                if not self.ends.is_set():
                    self.failed.append("connection")
                continue
            if answer.status_code != 200:
                self.failed.append(answer.text)
            self.versions.append((headers.get("X-Millwright-Key"),
                                  answer.headers.get("X-Millwright-Version")))

    def end(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A record with four versions of one model: 2 is like 1, 3 answers the opposite, 4 takes other
    columns; 1 is the champion."""
    folder = tmp_path_factory.mktemp("made")
    server = Server(folder, "--record", folder / "record")
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("rollouts")
    log_version(1)
    log_version(1, rounds=5)
    log_version(1, rounds=60, sign=-1)
    log_version(1, columns=["age", "income", "rent"])
    mlflow.MlflowClient().set_registered_model_alias("credit", "champion", "1")
    check_end(server)
    return folder / "record"


@pytest.fixture
def record(made, tmp_path):
    return shutil.copytree(made, tmp_path / "record")


class House:
    def __init__(self, folder, record):
        self.folder, self.record = folder, record
        self.open()

    def open(self):
        self.server = Server(self.folder, "credit=models:/credit@champion", "--record", self.record,
                             "--threads", "1")
        mlflow.set_tracking_uri(self.server.url)
        self.until(lambda: self.server.get("/mw/v1/rollouts").status_code == 200)
        time.sleep(0.7)  # what is served is noted at the first look

    def until(self, holds, seconds=20):
        end = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < end, f"{self.rollout()}\n{self.server.said()}"
            time.sleep(0.05)
        return found

    def start(self, **document):
        body = {"endpoint": "credit", **FAST, **document}
        answer = self.server.post("/mw/v1/rollouts", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def rollout(self):
        return self.server.get("/mw/v1/endpoints/credit/rollout").json()

    def command(self, word, **body):
        return self.server.post(f"/mw/v1/endpoints/credit/rollout:{word}", json=body)

    def champion(self):
        return int(mlflow.MlflowClient().get_model_version_by_alias("credit", "champion").version)


@pytest.fixture
def house(record, tmp_path):
    house = House(tmp_path, record)
    yield house
    code = -signal.SIGKILL if house.server.process.poll() == -signal.SIGKILL else 0
    check_end(house.server, code)


def test_a_good_version_is_promoted_and_taken_back(house, run):
    started = house.start(model="credit/2", strategy="canary", steps=["20%", "50%", "100%"])
    assert (started["from_version"], started["to_version"], started["state"]) == (1, 2, "running")
    traffic = Traffic(house.server)
    house.until(lambda: house.rollout()["state"] == "watching", 60)
    seen = {version for _, version in traffic.versions}
    assert seen >= {"1", "2"}
    assert house.champion() == 2  # MLflow's users see it
    time.sleep(0.3)
    after = len(traffic.versions)
    time.sleep(0.5)
    assert {version for _, version in traffic.versions[after:]} == {"2"}
    history = house.server.get(f"/mw/v1/rollouts/{started['id']}/history").json()["items"]
    assert [event["kind"] for event in history] == ["start", "advance", "promote"]
    assert history[2]["evidence"]["evidence"][0]["finding"] == "fine"
    # and back, by a command that only knows the record: within a second, without a lost request
    said = run("rollback", "credit", "--reason", "a whim", "--record", house.record)
    assert said.returncode == 0, said.stderr
    time.sleep(1)
    after = len(traffic.versions)
    time.sleep(0.5)
    traffic.end()
    assert {version for _, version in traffic.versions[after:]} <= {"1", None}
    assert house.champion() == 1
    assert not traffic.failed
    assert house.rollout()["state"] == "rolled_back"
    audit = house.server.get("/mw/v1/audit", params={"what": "rollout."}).json()["entries"]
    assert [entry["action"] for entry in audit] == [
        "rollout.rollback", "rollout.promote", "rollout.advance", "rollout.start"]
    assert "a whim" in audit[0]["after"] and audit[1]["actor"] == f"rollout:{started['id']}"


def test_a_bad_version_rolls_itself_back(house):
    metrics = [{"score_shift": {"psi": 0.2, "critical": True}}]
    house.start(model="credit/3", steps=["50%", "100%"], judge={"metrics": metrics})
    traffic = Traffic(house.server)
    house.until(lambda: house.rollout()["state"] == "rolled_back", 60)
    time.sleep(0.3)
    after = len(traffic.versions)
    time.sleep(0.3)
    traffic.end()
    rollout = house.rollout()
    assert "predictions have shifted" in rollout["reason"] and rollout["verdict"] == "rollback"
    assert {version for _, version in traffic.versions[after:]} == {None}
    assert house.champion() == 1 and not traffic.failed


def test_clients_with_a_key_stay_where_they_are(house):
    house.start(model="credit/2", steps=["30%", "60%", "100%"])
    assert house.command("pause").json()["state"] == "paused"
    traffic = Traffic(house.server, key="client")
    house.until(lambda: len(traffic.versions) > 300)
    first = dict(pair for pair in traffic.versions if pair[1])
    assert len({version for _, version in traffic.versions if version}) == 2
    for key, version in traffic.versions:
        assert version in (None, first[key])
    house.command("resume")
    assert house.command("advance", expect_step=0).json()["step"] == 1
    stale = house.command("advance", expect_step=0)
    assert stale.status_code == 409 and "MW8905" in stale.text
    time.sleep(0.5)
    begin = len(traffic.versions)
    house.until(lambda: len(traffic.versions) > begin + 300)
    traffic.end()
    second = dict(traffic.versions[begin:])
    assert all(second[key] == "2" for key, version in first.items() if version == "2")
    assert not traffic.failed


def test_what_cannot_start(house, run):
    post = house.server.post
    cases = [({"endpoint": "credit", "model": "credit/4"}, 409, "MW3525"),  # breaks its clients
             ({"endpoint": "credit", "model": "credit/1"}, 400, "MW8907"),  # is served already
             ({"endpoint": "credit", "model": "credit/9"}, 404, "MW4103"),
             ({"endpoint": "nobody", "model": "credit/2"}, 400, "MW8907"),
             ({"endpoint": "credit", "model": "credit/2", "steps": [50, 10]}, 400, "MW8901"),
             ({"endpoint": "credit"}, 400, "MW4101")]
    for body, status, code in cases:
        answer = post("/mw/v1/rollouts", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    said = run("rollout", "start", "credit", "--model", "credit/4", "--record", house.record)
    assert said.returncode != 0 and "debt" in said.stderr
    house.start(model="credit/2")
    taken = post("/mw/v1/rollouts", json={"endpoint": "credit", "model": "credit/3"})
    assert taken.status_code == 409 and taken.json()["code"] == "MW8904"
    said = run("rollout", "start", "credit", "--model", "credit/3", "--record", house.record)
    assert said.returncode != 0 and "rollout 1 brings credit/2" in said.stderr
    assert house.command("resume").status_code == 409
    assert house.command("explode").status_code == 404


def test_a_killed_server_goes_on(house):
    """kill -9 in a step, in the watch, and right behind a rollback: never forgotten."""
    house.start(model="credit/2", steps=[{"weight": "50%", "min_samples": 10**6}, "100%"])
    traffic = Traffic(house.server)
    house.until(lambda: house.rollout()["samples"] > 50)
    traffic.end()
    samples = house.rollout()["samples"]
    house.command("pause")
    house.server.signal(signal.SIGKILL)
    house.server.process.wait()
    house.open()
    rollout = house.rollout()
    assert rollout["state"] == "paused" and rollout["samples"] >= samples
    traffic = Traffic(house.server)
    house.until(lambda: "2" in {version for _, version in traffic.versions})
    house.command("promote", reason="by hand")
    house.until(lambda: len(traffic.versions) > 200 and
                {version for _, version in traffic.versions[-50:]} == {"2"})
    house.server.signal(signal.SIGKILL)
    house.server.process.wait()
    traffic.end()
    house.open()
    assert house.rollout()["state"] == "watching" and house.champion() == 2
    traffic = Traffic(house.server)
    house.until(lambda: {version for _, version in traffic.versions[-50:]} == {"2"})
    assert house.command("rollback").status_code == 200
    house.server.signal(signal.SIGKILL)  # before the fleet followed, or not
    house.server.process.wait()
    traffic.end()
    house.open()
    assert house.rollout()["state"] == "rolled_back" and house.champion() == 1


def test_a_full_disk_delays_no_rollback(house):
    """No file may grow, as on a disk that is full: the traffic goes back all the same, the answer
    says what stands, and the record learns it when there is room."""
    house.start(model="credit/2", strategy="blue-green")
    traffic = Traffic(house.server)
    house.until(lambda: {version for _, version in traffic.versions[-50:]} == {"2"})
    house.until(lambda: house.rollout()["state"] == "watching")
    process = house.server.process.pid
    no_limit = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (0, no_limit[1]))
    answer = house.command("rollback", reason="it is slow")
    assert answer.status_code in (503, 507) and "back at version 1" in answer.text, answer.text
    begun = len(traffic.versions) + 4  # two are under way
    house.until(lambda: len(traffic.versions) > begun + 50)
    assert {version for _, version in traffic.versions[begun:]} == {"1"}
    assert house.rollout()["state"] == "watching" and house.champion() == 2
    resource.prlimit(process, resource.RLIMIT_FSIZE, no_limit)
    house.until(lambda: house.rollout()["state"] == "rolled_back")
    last = house.server.get(f"/mw/v1/rollouts/{house.rollout()['id']}/history").json()["items"][-1]
    assert house.champion() == 1 and "it is slow" in last["reason"]
    traffic.end()
    assert not traffic.failed and "2" not in {v for _, v in traffic.versions[begun:]}


def test_a_record_that_stands_still_delays_no_judgement(house):
    """Another program holds the record's lock: a bad version goes back all the same, and the record
    learns it behind that."""
    metrics = [{"score_shift": {"psi": 0.2, "critical": True}}]
    house.start(model="credit/3", steps=["50%", "100%"], judge={"metrics": metrics})
    house.until(lambda: house.server.samples().get(
        'mw_rollout_state{endpoint="credit",state="running"}') == 1)
    with contextlib.closing(sqlite3.connect(house.record / "record.db", timeout=20,
                                            isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        traffic = Traffic(house.server)
        house.until(lambda: "3" in {version for _, version in traffic.versions})
        house.until(lambda: len(traffic.versions) > 200 and
                    {version for _, version in traffic.versions[-100:]} == {"1"}, 60)
        assert house.rollout()["state"] == "running"
        lock.execute("ROLLBACK")
    traffic.end()
    house.until(lambda: house.rollout()["state"] == "rolled_back", 60)
    assert not traffic.failed and house.champion() == 1


def test_mlflows_alias_is_a_door_too(house):
    client = mlflow.MlflowClient()
    house.start(model="credit/2", steps=["50%", "100%"])
    time.sleep(0.5)
    client.set_registered_model_alias("credit", "champion", "2")
    house.until(lambda: house.rollout()["state"] == "watching")
    client.set_registered_model_alias("credit", "champion", "1")
    house.until(lambda: house.rollout()["state"] == "rolled_back")
    assert "alias" in house.rollout()["reason"]


def test_status_and_history_for_people(house, run):
    house.start(model="credit/2", steps=["50%", "100%"])
    for _ in range(30):
        house.server.post("/endpoints/credit/invocations", json={
            "dataframe_split": {"columns": COLUMNS, "data": [[0.1, 0.2, 0.3]]}})
    said = run("rollout", "status", "credit", "--record", house.record)
    assert "rollout 1 of credit: credit/1 -> 2 (@champion), canary" in said.stdout
    assert "step 1 of 2: 50 % of the traffic" in said.stdout and "verdict  wait" in said.stdout
    said = run("rollout", "status", "credit", "--json", "--record", house.record)
    shown = json.loads(said.stdout)
    assert shown["document"]["steps"][0]["weight"] == 0.5 and len(shown["evidence"]) == 3
    said = run("rollout", "abort", "credit", "--reason", "enough", "--record", house.record)
    assert "aborted" in said.stdout and "enough" in said.stdout
    said = run("rollout", "history", "credit", "--record", house.record)
    assert [line.split()[3] for line in said.stdout.splitlines()] == ["start", "abort"]
    verdict = house.server.get("/mw/v1/rollouts/1/verdict").json()
    assert verdict["verdict"] == "rollback" and verdict["state"] == "aborted"


def test_gates_are_held_by_every_door(house, run, tmp_path):
    """What has not passed is neither an alias, nor Production, nor a rollout, nor served."""
    client = mlflow.MlflowClient()
    said = run("gate", "require", "credit", "--gates", "validation,fairness", "--approvals", "1",
               "--record", house.record)
    assert said.returncode == 0, said.stderr
    with pytest.raises(mlflow.MlflowException, match="has not passed its gates"):
        client.set_registered_model_alias("credit", "champion", "2")
    with pytest.raises(mlflow.MlflowException, match="gate 'validation' has no result"):
        client.transition_model_version_stage("credit", "2", "Production")
    refused = house.server.post("/mw/v1/rollouts", json={"endpoint": "credit", "model": "credit/2"})
    assert refused.status_code == 409 and refused.json()["code"] == "MW8908"
    mine = shutil.copytree(house.record, tmp_path / "mine")  # the other one is open
    said = run("serve", "other=models:/credit/2", "--record", mine, "--listen", "127.0.0.1:0")
    assert said.returncode == 5 and "fix: mw gate list credit/2" in said.stderr
    assert run("gate", "list", "credit/2", "--record", house.record).returncode == 6
    # results: by the command line, and over HTTP
    report = tmp_path / "report.json"
    report.write_text('{"kind": "validation", "passed": true, "checks": [{"name": "auc"}]}')
    said = run("gate", "add", "credit/2", report, "--record", house.record)
    assert said.returncode == 0 and "gate 'fairness' has no result" in said.stdout
    gates = "/mw/v1/models/credit/versions/2/gates"
    bad = house.server.post(gates, json={"kind": "fairness", "passed": True, "checks": []})
    assert bad.status_code == 400 and "judges nothing" in bad.text
    told = house.server.post(gates, json={"gate": "fairness", "passed": False}).json()
    assert told["missing"] == "gate 'fairness' did not pass; 0 of 1 approvals"
    house.server.post(gates, json={"gate": "fairness", "passed": True})
    assert house.server.post(gates + "/approval", json={"reason": "looks fine"}).json()["open"]
    again = house.server.post(gates + "/approval", json={})
    assert again.status_code == 409 and again.json()["code"] == "MW8911"
    assert run("gate", "list", "credit/2", "--record", house.record).returncode == 0
    client.set_registered_model_alias("credit", "champion", "2")
    # an override needs a reason, and is audited
    bare = house.server.post("/mw/v1/models/credit/versions/3/gates/override", json={})
    assert bare.status_code == 400
    said = run("gate", "override", "credit/3", "--reason", "fire drill", "--record", house.record)
    assert "open by override" in said.stdout
    client.set_registered_model_alias("credit", "spare", "3")
    audit = house.server.get("/mw/v1/audit", params={"what": "gate.override"}).json()["entries"]
    assert audit[0]["after"] == "fire drill"
    # the way back is never held up: version 1 has passed nothing
    client.set_registered_model_alias("credit", "champion", "2")
    with pytest.raises(mlflow.MlflowException):
        client.set_registered_model_alias("credit", "champion", "1")


def test_gates_through_the_server(house, run, tmp_path):
    """The same words, exit codes and refusals as with the record at hand."""
    there = ["--server", f"127.0.0.1:{house.server.port}"]
    said = run("gate", "require", "credit", "--gates", "bias", "--approvals", "1", *there)
    assert said.returncode == 0, said.stderr
    at_hand = run("gate", "list", "credit/2", "--record", house.record)
    said = run("gate", "list", "credit/2", *there)
    assert (said.returncode, said.stdout) == (6, at_hand.stdout) and "closed: " in said.stdout
    report = tmp_path / "report.json"
    report.write_text('{"gate": "bias", "passed": true}')
    said = run("gate", "add", "credit/2", report, *there)
    assert said.returncode == 0 and "0 of 1 approvals" in said.stdout, said.stderr
    said = run("gate", "approve", "credit/2", "--reason", "looks fine", *there)
    assert "open: all passed" in said.stdout and "looks fine" in said.stdout, said.stderr
    said, at_hand = (run("gate", "approve", "credit/2", *door)
                     for door in (there, ["--record", house.record]))
    assert said.returncode == at_hand.returncode == 5 and "MW8911" in said.stderr
    said = run("gate", "override", "credit/3", "--reason", "fire drill", *there)
    assert "open by override" in said.stdout and "fire drill" in said.stdout
    outcomes = [run("gate", "list", "credit/2", "--json", *door)
                for door in (there, ["--record", house.record])]
    assert [json.loads(one.stdout) for one in outcomes][0] == json.loads(outcomes[1].stdout)
    for arguments, word in ((["list", "credit"], "which version of 'credit'?"),
                            (["list", "credit/77"], "77"), (["list", "nobody/1"], "nobody"),
                            (["require", "credit/2", "--gates", "bias"], "not of 'credit/2'"),
                            (["require", "credit", "--gates", "a b;c"], "MW8910"),
                            (["override", "credit/1"], "reason")):
        said = run("gate", *arguments, *there)
        assert said.returncode not in (0, 6) and word in said.stderr, said
    run("gate", "require", "credit", *there)  # the policy goes
    assert "no gates are required" in run("gate", "list", "credit/1", *there).stdout


def test_a_shadow_answers_nobody(house):
    house.start(model="credit/3", strategy="shadow", steps=[{"shadow": "100%", "min_samples": 100}],
                judge={"metrics": [{"score_shift": {"psi": 0.5}},
                                   {"fairness": {"tolerance": "95%", "column": "age",
                                                 "bounds": [0]}}]})
    traffic = Traffic(house.server)
    house.until(lambda: [e["finding"] for e in house.rollout()["evidence"]] == ["regress", "fine"])
    traffic.end()
    assert {version for _, version in traffic.versions} <= {"1", None} and not traffic.failed
    found = house.rollout()
    assert found["action"] == "hold" and found["samples"] >= 100 and found["state"] == "running"
    lines = house.server.samples()
    assert lines['mw_rollout_shadow_values{endpoint="credit"}'] >= 100
    assert lines['mw_rollout_shadow_difference{endpoint="credit"}'] > 0.1
    assert lines['mw_rollout_state{endpoint="credit",state="running"}'] == 1
    assert lines['mw_rollout_finding{endpoint="credit",metric="score_shift"}'] == -1


def test_a_biased_version_rolls_back(house):
    """By what was reported of its decisions: nobody else knows the groups."""
    started = house.start(model="credit/2", strategy="canary", steps=["20%", "100%"],
                          judge={"metrics": [{"fairness": {"tolerance": "5%"}},
                                             {"calibration": {"tolerance": "10%"}}]})
    path = f"/mw/v1/rollouts/{started['id']}/outcomes"

    def report(version, rates):
        items = [{"version": version, "value": i % 2, "score": 0.5, "group": group,
                  "decision": int(i < 100 * rate)}
                 for group, rate in rates.items() for i in range(100)]
        for _ in range(10):
            answer = house.server.post(path, json={"items": items})
            assert answer.json() == {"taken": len(items)}, answer.text
    report(1, {"a": 0.6, "b": 0.6})
    report(2, {"a": 0.6, "b": 0.3})
    house.until(lambda: house.rollout()["state"] == "rolled_back")
    assert "gap between groups is 0.3, against 0" in house.rollout()["reason"]
    history = house.server.get(f"/mw/v1/rollouts/{started['id']}/history").json()["items"]
    evidence = {e["metric"]: e for e in history[-1]["evidence"]["evidence"]}
    assert evidence["fairness"]["finding"] == "regress" and evidence["fairness"]["low"] > 0.05
    assert evidence["calibration"]["finding"] == "fine"
    many = [{"version": 1, "value": 1, "group": f"g{i}"} for i in range(9)]
    refused = house.server.post(path, json={"items": many})
    assert refused.status_code == 400 and "at most 8 groups" in refused.text
