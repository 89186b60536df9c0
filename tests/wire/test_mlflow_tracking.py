"""The real MLflow client against Millwright's record, and beside it against MLflow's own server.

Each step of a scenario is run on both, and what it returned or raised is compared after ids and
times were replaced. Where no MLflow server is installed (mlflow-skinny is the client alone) the
comparison skips, and what the client must see is still checked here.
"""
import importlib.util
import math
import os
import re
import socket
import subprocess
import sys
import time

import pytest
import requests
from conftest import Server, check_end

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

START_SECONDS = 60
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"


@pytest.fixture(scope="session")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    server = Server(folder, "--record", folder / "record")
    yield server.url
    check_end(server)


@pytest.fixture(scope="session")
def theirs(tmp_path_factory):
    """MLflow's own server: its Flask application on SQLite, without the workers around it."""
    if any(importlib.util.find_spec(name) is None for name in ("flask", "sqlalchemy", "alembic")):
        pytest.skip("MLflow's server is not installed: pip install mlflow")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri",
               f"sqlite:///{folder}/mlflow.db", "--artifacts-destination",
               str(folder / "artifacts"), "--serve-artifacts", "--host", "127.0.0.1",
               "--port", str(port), "--workers", "1"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder,
                                   start_new_session=True)
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    try:
        while True:
            assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            try:
                if requests.get(url + "/health", timeout=2).ok:
                    break
            except requests.RequestException:
                time.sleep(0.2)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


# ---- comparing ---------------------------------------------------------------------------------

HEX = re.compile(r"\b(m-)?[0-9a-f]{32}\b")
WHEN = re.compile(r"\b1[78]\d{11}\b")


class Walk:
    """Runs steps on one server, and keeps what each returned, without ids and times."""

    def __init__(self, url):
        self.client = MlflowClient(url)
        self.url, self.ids, self.seen = url, {}, []

    def plain(self, value):
        if isinstance(value, float) and math.isnan(value):
            return "NaN"
        if isinstance(value, (int, float, bool)) or value is None:
            text = repr(value)
            return "when" if WHEN.fullmatch(text) else text
        if isinstance(value, str):
            value = HEX.sub(lambda m: self.ids.setdefault(m[0], f"id{len(self.ids)}"), value)
            return WHEN.sub("when", value.replace(self.url, "URL"))
        if isinstance(value, dict):
            return {str(k): self.plain(v) for k, v in sorted(value.items(), key=str)}
        if isinstance(value, (list, tuple)):
            return [self.plain(v) for v in value]
        if hasattr(value, "to_dictionary"):
            return self.plain(value.to_dictionary())
        return self.plain({k: v for k, v in vars(value).items() if v is not None})

    def step(self, name, call):
        try:
            outcome = self.plain(call())
        except MlflowException as error:
            outcome = f"{error.error_code}"
        self.seen.append((name, outcome))


def compare(scenario, ours, theirs):
    walks = [Walk(ours), Walk(theirs)]
    for walk in walks:
        scenario(walk)
    for mine, reference in zip(walks[0].seen, walks[1].seen):
        assert mine == reference
    assert len(walks[0].seen) == len(walks[1].seen)


# ---- scenarios ---------------------------------------------------------------------------------

def info_of(run):
    return {"info": dict(run.info), "metrics": run.data.metrics, "params": run.data.params,
            "tags": run.data.tags}


def experiments(walk):
    client, step = walk.client, walk.step
    step("create", lambda: client.create_experiment("e1", tags={"a": "b"}))
    step("again", lambda: client.create_experiment("e1"))
    step("blank", lambda: client.create_experiment(" "))
    step("long", lambda: client.create_experiment("x" * 501))
    step("location", lambda: client.create_experiment("e2", artifact_location="s3://bucket/x"))
    step("bad location", lambda: client.create_experiment("e3", artifact_location="runs:/x"))
    step("get", lambda: client.get_experiment_by_name("e1").name)
    step("none", lambda: client.get_experiment_by_name("nothing"))
    step("unknown", lambda: client.get_experiment("999"))
    step("not a number", lambda: client.get_experiment("abc"))
    first = client.get_experiment_by_name("e1").experiment_id
    step("tag", lambda: client.set_experiment_tag(first, "k", "v"))
    step("rename", lambda: client.rename_experiment(first, "e1 renamed"))
    step("renamed", lambda: client.get_experiment(first).name)
    step("delete", lambda: client.delete_experiment(first))
    step("delete again", lambda: client.delete_experiment(first))
    step("stage", lambda: client.get_experiment(first).lifecycle_stage)
    step("run in deleted", lambda: client.create_run(first))
    step("restore", lambda: client.restore_experiment(first))
    step("restore again", lambda: client.restore_experiment(first))
    for text in ("name LIKE 'e%'", "name ILIKE 'E1%'", "tags.a = 'b'", "tags.k IS NOT NULL",
                 "tags.nothing = 'x'", "name = 'e2' AND tags.a = 'b'", "size > 3", "name > 'a'"):
        step(text, lambda text=text: [e.name for e in client.search_experiments(
            filter_string=text, order_by=["name ASC"])])
    step("pages", lambda: [e.name for e in client.search_experiments(max_results=1)])
    step("too many", lambda: client.search_experiments(max_results=50001))


def runs(walk):
    client, step = walk.client, walk.step
    experiment = client.create_experiment("runs")
    run = client.create_run(experiment, start_time=5, tags={"team": "risk"}, run_name="first")
    run_id = run.info.run_id
    step("created", lambda: info_of(run))
    step("param", lambda: client.log_param(run_id, "lr", 0.1))
    step("same param", lambda: client.log_param(run_id, "lr", "0.1"))
    step("other param", lambda: client.log_param(run_id, "lr", 2))
    for value in (1.5, float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1e308):
        step(f"metric {value}", lambda value=value: client.log_metric(run_id, "m", value, 7, 1))
    for key in ("a/b", "a.b:c-d e", "/a", "a//b", "./a", "a/..", "..", "", "a'b", "k" * 251):
        step(f"tag {key[:9]!r}", lambda key=key: client.set_tag(run_id, key, "v"))
    step("long param", lambda: client.log_param(run_id, "long", "v" * 6001))
    step("long tag", lambda: client.set_tag(run_id, "long", "v" * 8001))
    step("history", lambda: [(m.value, m.timestamp, m.step)
                             for m in client.get_metric_history(run_id, "m")])
    step("no history", lambda: client.get_metric_history(run_id, "nothing"))
    batch = [Metric(f"b{i}", i / 8, 10 + i, i) for i in range(1000)]
    step("batch", lambda: client.log_batch(run_id, batch))
    step("batch of all", lambda: client.log_batch(
        run_id, batch[:5], [Param("p", "1")], [RunTag("t", "1")]))
    step("changed in a batch", lambda: client.log_batch(run_id, params=[Param("p", "2")]))
    step("twice in a batch", lambda: client.log_batch(
        run_id, params=[Param("q", "1"), Param("q", "2")]))
    step("latest", lambda: client.get_run(run_id).data.metrics["b7"])
    step("rename", lambda: client.update_run(run_id, status="FAILED", name="second"))
    step("renamed", lambda: client.get_run(run_id).data.tags["mlflow.runName"])
    step("end", lambda: client.set_terminated(run_id, "FINISHED", 99))
    step("ended", lambda: dict(client.get_run(run_id).info))
    step("delete tag", lambda: client.delete_tag(run_id, "team"))
    step("delete tag again", lambda: client.delete_tag(run_id, "team"))
    step("delete", lambda: client.delete_run(run_id))
    step("log on deleted", lambda: client.log_metric(run_id, "m", 1))
    step("tag on deleted", lambda: client.set_tag(run_id, "m", "1"))
    step("get deleted", lambda: client.get_run(run_id).info.lifecycle_stage)
    step("deleted ones", lambda: len(client.search_runs([experiment], "", ViewType.DELETED_ONLY)))
    step("active ones", lambda: len(client.search_runs([experiment])))
    step("restore", lambda: client.restore_run(run_id))
    step("all of it", lambda: info_of(client.get_run(run_id)))
    step("unknown", lambda: client.get_run("0" * 32))


FILTERS = [
    "", "metrics.a > 1", "metrics.a >= 1 AND metrics.b < 3", "metric.a != 2", "metrics.`x y` = 1",
    "params.p = '1'", "params.p != '1'", "parameter.p LIKE '%'", "params.P = '1'",
    "params.p IS NULL", "params.p is not null", "tags.t = 'v0'", "tag.t ILIKE 'V_'",
    "tags.t LIKE 'V_'", "tags.`mlflow.runName` = 'run 3'", "run_name = 'run 3'",
    "attributes.`run name` LIKE 'run%'", "status = 'RUNNING'", "attributes.status != 'RUNNING'",
    "start_time > 2", "start_time <= 4 AND status = 'FINISHED'", "user_id = 'me'",
    "attribute.run_id != 'x'", "run_id IN ('x', 'y')", "run_id NOT IN ('x')", "created = 3",
    "end_time > 0", "metrics.nan = 0", "metrics.nan != 7", "metrics.nan > -1",
    "datasets.name = 'd'", "dataset.digest LIKE '1%'", "datasets.context = 'training'",
    "datasets.name IN ('d', 'e')", "params.p = '1' AND params.p = '2'", "metrics.a = 1e0",
    "metrics.a > -1.5",
    "metrics.a > 'x'", "params.p = 1", "params.p > '1'", "nothing = 'x'", "Metrics.a > 1",
    "metrics.a > 1 OR metrics.b > 1", "metrics.a", "metrics.a LIKE 'x'", "start_time = 'x'",
    "run_id IN ()", "datasets.size = '3'", "(metrics.a > 1)", "metrics.a BETWEEN 1 AND 2",
    "metrics.a IS NULL",
]
ORDERS = [[], ["metrics.a"], ["metrics.a DESC"], ["metrics.nan ASC", "start_time DESC"],
          ["params.p DESC", "tags.t"], ["start_time"], ["attributes.start_time DESC"],
          ["tags.`mlflow.runName` DESC"], ["end_time"], ["status", "metrics.b DESC"],
          ["nothing"], ["metrics.a up"], ["metrics.a, metrics.b"]]


def searches(walk):
    client, step = walk.client, walk.step
    experiment = client.create_experiment("searches")
    for i in range(7):
        run_id = client.create_run(experiment, start_time=i, run_name=f"run {i}").info.run_id
        if i != 4:
            client.log_metric(run_id, "a", i % 4, 1, 1)
        client.log_metric(run_id, "b", i / 2, 1, 1)
        client.log_metric(run_id, "nan", float("nan") if i % 2 else i, 1, 1)
        if i % 3:
            client.log_param(run_id, "p", i % 3)
        client.set_tag(run_id, "t", f"v{i % 2}")
        if i == 2:
            client.log_metric(run_id, "x y", 1, 1, 1)
        if i > 4:
            client.set_terminated(run_id, end_time=100 + i)
    def names(*arguments, **more):
        return [r.info.run_name for r in client.search_runs([experiment], *arguments, **more)]
    for text in FILTERS:
        step(text, lambda text=text: names(text))
    for order in ORDERS:
        step(str(order), lambda order=order: names(order_by=order))
    def pages():
        found, token = [], None
        while token or not found:
            page = client.search_runs([experiment], max_results=3, page_token=token,
                                      order_by=["start_time"])
            found.append([r.info.run_name for r in page])
            token = page.token
        return found
    step("pages", pages)
    step("bad token", lambda: names(page_token="!!"))
    step("no results", lambda: names(max_results=0))
    step("too many", lambda: names(max_results=50001))


SCENARIOS = [experiments, runs, searches]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_like_mlflows_own(scenario, ours, theirs):
    compare(scenario, ours, theirs)


# ---- without a server beside it ----------------------------------------------------------------

def test_fluent(ours):
    """What a training script writes, and what pandas sees of it."""
    mlflow.set_tracking_uri(ours)
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="outer", tags={"team": "risk"}) as outer:
        mlflow.log_params({"depth": 6, "eta": 0.3})
        mlflow.log_metrics({"auc": 0.9, "f1": float("nan")}, step=1)
        with mlflow.start_run(run_name="inner", nested=True) as inner:
            mlflow.log_metric("auc", 0.5)
    frame = mlflow.search_runs(experiment_names=["fluent"], order_by=["metrics.auc DESC"])
    assert list(frame["run_id"]) == [outer.info.run_id, inner.info.run_id]
    assert frame.loc[0, "params.depth"] == "6" and math.isnan(frame.loc[0, "metrics.f1"])
    assert frame.loc[1, "tags.mlflow.parentRunId"] == outer.info.run_id
    assert list(frame["status"]) == ["FINISHED", "FINISHED"]


def call(url, path, **more):
    return requests.post(f"{url}/api/2.0/mlflow/{path}", timeout=20, **more)


def test_requests_as_they_should_not_be(ours):
    made = call(ours, "experiments/create", json={"name": "bad requests"})
    camel = {"experimentId": made.json()["experiment_id"]}
    run = call(ours, "runs/create", json=camel)
    run_id = run.json()["run"]["info"]["run_id"]
    cases = [
        ("runs/log-metric", {"data": "{"}, "BAD_REQUEST", "where"),
        ("runs/log-metric", {"json": {"run_id": run_id}}, "INVALID_PARAMETER_VALUE",
         "Missing value for required parameter 'key'"),
        ("runs/log-metric", {"json": {"run_id": run_id, "key": "a", "value": "x", "timestamp": 1}},
         "INVALID_PARAMETER_VALUE", "parameter 'value'"),
        ("runs/log-metric", {"json": {"run_id": run_id, "key": "a", "value": 1, "timestamp": -1}},
         "INVALID_PARAMETER_VALUE", "nonnegative"),
        ("runs/log-batch", {"json": {"run_id": run_id, "metrics": [{"key": "a"}]}},
         "INVALID_PARAMETER_VALUE", "metrics[0].value"),
        ("runs/log-batch", {"json": {"run_id": run_id, "metrics": {"key": "a"}}},
         "INVALID_PARAMETER_VALUE", "type 'dict'"),
        ("runs/set-tag", {"json": {"run_id": run_id, "runId": run_id, "key": "a"}},
         "INVALID_PARAMETER_VALUE", "both 'run_id' and 'runId'"),
        ("runs/set-tag", {"json": {"run_id": [run_id], "key": "a"}}, "INVALID_PARAMETER_VALUE",
         "type 'list'"),
        ("runs/search", {"json": {"experiment_ids": ["1'; DROP TABLE runs"]}},
         "INVALID_PARAMETER_VALUE", "Invalid experiment ID"),
        ("traces", {"json": {}}, "ENDPOINT_NOT_FOUND", "does not offer"),
    ]
    for path, body, code, part in cases:
        headers = {"Content-Type": "application/json"} if "data" in body else {}
        answer = call(ours, path, headers=headers, **body)
        assert answer.json()["error_code"] == code, answer.text
        assert 400 <= answer.status_code < 500
        if part != "where":
            assert part in answer.json()["message"], answer.text
    plain = call(ours, "runs/set-tag", data="run_id=x", headers={"Content-Type": "text/plain"})
    assert plain.status_code == 400 and "Content-Type" in plain.json()["message"]
    fine = call(ours, "runs/log-metric", json={"run_id": run_id, "key": "a", "value": "-Infinity",
                                               "timestamp": "5", "step": "3"})
    assert fine.status_code == 200 and fine.json() == {}


def test_without_a_record(alone):
    answer = call(alone.url, "runs/create", json={})
    assert answer.status_code == 404 and "mw serve --record" in answer.json()["message"]


def test_second_server_is_refused(tmp_path, run, serve):
    serve("--record", tmp_path / "record")
    second = run("serve", "--record", tmp_path / "record", "--listen", ":0")
    assert second.returncode == 8 or second.returncode != 0
    assert "another server has this record open: process" in second.stderr
    assert "MW4002" in second.stderr
