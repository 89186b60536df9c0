"""The real MLflow client against Millwright's record, and beside it against MLflow's own server.

Each step of a scenario is run on both, and what it returned or raised is compared after ids and
times were replaced. Where MLflow's server cannot be imported (mlflow-skinny is the client alone;
it needs flask, sqlalchemy, alembic, graphene, fastapi and uvicorn beside it) the comparison skips,
and what the client must see is still checked here.
"""
import importlib.util
import json
import math
import os
import random
import re
import socket
import subprocess
import sys
import time

import numpy
import pytest
import requests
from conftest import Server, check_end
from engine import MISSING, PROGRAMS, Postgres

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

import mlflow_evaluations  # noqa: E402
import mlflow_scorers  # noqa: E402
import mlflow_webhooks  # noqa: E402

START_SECONDS = 60
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
os.environ["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"] = mlflow_webhooks.KEY  # both servers'


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ours(request, tmp_path_factory):
    """A server with its record in a file, then one with it in PostgreSQL: each test runs twice."""
    folder, engine, store = tmp_path_factory.mktemp("record"), None, ()
    if request.param == "postgres":
        if not PROGRAMS:
            pytest.skip(MISSING)
        engine = Postgres()
        store = ("--store", engine.make("record"))
    server = Server(folder, "--record", folder / "record", "--webhooks", "any", *store)
    yield server.url
    check_end(server)
    if engine:
        engine.end()


# MLflow's own application and handlers on SQLite, without the worker processes around them, which
# take half a minute to start.
THEIR_SERVER = """
import os, sys
folder, port = sys.argv[1], int(sys.argv[2])
store = f"sqlite:///{folder}/mlflow.db"
os.environ.update(_MLFLOW_SERVER_FILE_STORE=store, _MLFLOW_SERVER_REGISTRY_STORE=store,
                  _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
                  _MLFLOW_SERVER_ARTIFACT_DESTINATION=f"{folder}/artifacts",
                  _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
                  MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}",
                  MLFLOW_WEBHOOK_ALLOWED_SCHEMES="http,https", MLFLOW_WEBHOOK_CACHE_TTL="0",
                  MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS="true")
import uvicorn
from mlflow.server.fastapi_app import app  # the application of Flask, and spans (OTLP) beside it
from mlflow.server.handlers import initialize_backend_stores
initialize_backend_stores(store, store, "mlflow-artifacts:/")
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
"""


@pytest.fixture(scope="session")
def theirs(tmp_path_factory):
    needed = ("flask", "sqlalchemy", "alembic", "graphene", "fastapi", "uvicorn")
    if any(importlib.util.find_spec(name) is None for name in needed):
        pytest.skip("MLflow's server is not installed: pip install mlflow")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", THEIR_SERVER, str(folder), str(port)]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
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
        process.kill()
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
        return str(type(value))

    def step(self, name, call):
        try:
            outcome = self.plain(call())
        except MlflowException as error:
            outcome = f"{error.error_code}"
        self.seen.append((name, outcome))


def walk_through(scenario, url):
    walk = Walk(url)
    scenario(walk)
    return walk.seen


WALKED = {}  # MLflow is asked once, whatever is compared with it


def compare(scenario, ours, theirs):
    seen = walk_through(scenario, ours)
    if scenario not in WALKED:
        WALKED[scenario] = walk_through(scenario, theirs)
    for mine, reference in zip(seen, WALKED[scenario]):
        assert mine == reference
    assert len(seen) == len(WALKED[scenario])


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


def models(walk):
    client, step = walk.client, walk.step
    experiment = client.create_experiment("models")
    run_id = client.create_run(experiment).info.run_id
    def version(v):
        return {"name": v.name, "version": str(v.version), "stage": v.current_stage,
                "source": v.source, "run": v.run_id, "description": v.description or "",
                "tags": v.tags, "aliases": v.aliases, "status": v.status}
    def model(m):
        return {"name": m.name, "description": m.description or "", "tags": m.tags,
                "aliases": {k: str(v) for k, v in m.aliases.items()},
                "latest": sorted(str(v.version) for v in m.latest_versions)}
    for name in ("fraud", "fraud", "", " ", "a/b", "a:b", "..", "credit risk"):
        step(f"create {name!r}", lambda name=name: model(client.create_registered_model(
            name, tags={"team": "risk"})))
    step("get", lambda: model(client.get_registered_model("fraud")))
    step("get unknown", lambda: client.get_registered_model("nothing"))
    source = client.get_run(run_id).info.artifact_uri + "/model"
    for i in range(4):
        step(f"version {i}", lambda: version(client.create_model_version(
            "fraud", source, run_id, tags={"k": "v"}, await_creation_for=0)))
    for bad in ("/etc/passwd", "file:///etc", source + "/../../../x", "mlflow-artifacts:/9/x"):
        step(f"source {bad[-9:]}", lambda bad=bad: client.create_model_version(
            "fraud", bad, run_id, await_creation_for=0))
    step("of no model", lambda: client.create_model_version("x", source, await_creation_for=0))
    step("get version", lambda: version(client.get_model_version("fraud", 2)))
    step("get none", lambda: client.get_model_version("fraud", 99))
    step("no number", lambda: client.get_model_version("fraud", "two"))
    step("place", lambda: client.get_model_version_download_uri("fraud", 2))
    for alias in ("champion", "Latest", "v3", "a b", "x" * 256):
        step(f"alias {alias[:9]}",
             lambda alias=alias: client.set_registered_model_alias("fraud", alias, 2))
    step("alias to none", lambda: client.set_registered_model_alias("fraud", "a", 99))
    step("by alias", lambda: version(client.get_model_version_by_alias("fraud", "champion")))
    step("by no alias", lambda: client.get_model_version_by_alias("fraud", "nothing"))
    step("move", lambda: client.set_registered_model_alias("fraud", "champion", 3))
    step("moved", lambda: version(client.get_model_version_by_alias("fraud", "champion")))
    step("stage", lambda: version(client.transition_model_version_stage("fraud", 1, "staging")))
    step("stage 2", lambda: version(client.transition_model_version_stage(
        "fraud", 2, "Staging", archive_existing_versions=True)))
    step("no stage", lambda: client.transition_model_version_stage("fraud", 1, "nowhere"))
    step("latest", lambda: sorted(str(v.version) for v in client.get_latest_versions("fraud")))
    step("of stages", lambda: [str(v.version) for v in client.get_latest_versions(
        "fraud", ["Staging"])])
    step("describe", lambda: version(client.update_model_version("fraud", 1, "good")))
    step("describe model", lambda: model(client.update_registered_model("fraud", "better")))
    step("tag", lambda: client.set_registered_model_tag("fraud", "a", "b"))
    step("untag", lambda: client.delete_registered_model_tag("fraud", "a"))
    step("untag again", lambda: client.delete_registered_model_tag("fraud", "a"))
    step("tag version", lambda: client.set_model_version_tag("fraud", 1, "a", "b"))
    step("untag version", lambda: client.delete_model_version_tag("fraud", 1, "k"))
    for text in ("", "name = 'fraud'", "version_number > 2", "run_id = 'x'", "tags.a = 'b'",
                 "source_path LIKE '%model'", "name IN ('fraud')", "version_number = '2'",
                 "name > 'a'", "size = 3", "tags.k != 'v'"):
        step("versions " + text, lambda text=text: [str(v.version) for v in
                                                    client.search_model_versions(
            text, order_by=["version_number ASC"])])
        step("models " + text, lambda text=text: [m.name for m in
                                                  client.search_registered_models(text)])
    step("order", lambda: [str(v.version) for v in client.search_model_versions(
        order_by=["name", "version_number DESC"])])
    step("bad order", lambda: client.search_model_versions(order_by=["size"]))
    step("delete version", lambda: client.delete_model_version("fraud", 4))
    step("delete version again", lambda: client.delete_model_version("fraud", 4))
    step("next number", lambda: version(client.create_model_version(
        "fraud", source, run_id, await_creation_for=0)))
    step("rename", lambda: client.rename_registered_model("fraud", "scam"))
    step("taken", lambda: client.rename_registered_model("scam", "credit risk"))
    step("renamed", lambda: version(client.get_model_version("scam", 3)))
    step("unalias", lambda: client.delete_registered_model_alias("scam", "champion"))
    step("unalias again", lambda: client.delete_registered_model_alias("scam", "champion"))
    step("delete", lambda: client.delete_registered_model("scam"))
    step("delete again", lambda: client.delete_registered_model("scam"))
    step("once more", lambda: model(client.create_registered_model("scam")))


def logged_models(walk):
    client, step = walk.client, walk.step
    experiment = client.create_experiment("logged")
    run_id = client.create_run(experiment).info.run_id
    def model(m):
        return {"id": m.model_id, "name": m.name, "status": str(m.status), "tags": m.tags,
                "params": m.params, "type": m.model_type or "", "place": m.artifact_location,
                "metrics": sorted((x.key, x.value, x.step) for x in m.metrics or [])}
    made = [client.create_logged_model(experiment, name=f"m{i}", source_run_id=run_id,
                                       tags={"t": str(i)}, params={"p": str(i % 2)})
            for i in range(3)]
    step("made", lambda: [model(m) for m in made])
    step("bad name", lambda: client.create_logged_model(experiment, name="a/b"))
    first = made[0].model_id
    for i, m in enumerate(made):
        client.log_metric(run_id, "auc", i / 4, timestamp=5, step=i, model_id=m.model_id)
    step("finalize", lambda: model(client.finalize_logged_model(first, "READY")))
    step("get", lambda: model(client.get_logged_model(first)))
    step("unknown", lambda: client.get_logged_model("m-" + "0" * 32))
    step("tags", lambda: client.set_logged_model_tags(first, {"a": "b", "t": "9"}))
    step("untag", lambda: client.delete_logged_model_tag(first, "a"))
    step("untag again", lambda: client.delete_logged_model_tag(first, "a"))
    step("params", lambda: client.log_model_params(first, {"more": "1"}))
    def search(text=None, **more):
        return [m.name for m in client.search_logged_models([experiment], text, **more)]
    for text in (None, "name = 'm1'", "metrics.auc > 0.1", "params.p = '0'", "tags.t = '1'",
                 "model_type = 'x'", "name LIKE 'm%' AND metrics.auc < 0.5",
                 "name IN ('m0', 'm2')", "size = 3", "nothing.a = '1'"):
        step(f"search {text}", lambda text=text: search(
            text, order_by=[{"field_name": "name"}]))
    for order in ({"field_name": "metrics.auc", "ascending": False}, {"field_name": "model_id"},
                  {"field_name": "creation_timestamp"}, {"field_name": "size"}):
        if order["field_name"] != "model_id":
            step(f"order {order}", lambda order=order: search(order_by=[order]))
    step("run", lambda: [o.model_id for o in client.get_run(run_id).outputs.model_outputs])
    step("delete", lambda: client.delete_logged_model(first))
    step("gone", lambda: client.get_logged_model(first))
    step("left", lambda: search(order_by=[{"field_name": "name"}]))


def artifacts(walk):
    client, step = walk.client, walk.step
    experiment = client.create_experiment("artifacts")
    run_id = client.create_run(experiment).info.run_id
    def files(path=None):
        return [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id, path)]
    step("none", files)
    step("text", lambda: client.log_text(run_id, "hello", "a/b/c.txt"))
    step("dict", lambda: client.log_dict(run_id, {"a": 1}, "d.json"))
    step("over", lambda: client.log_text(run_id, "hello!", "a/b/c.txt"))
    step("list", files)
    step("list a", lambda: files("a"))
    step("list a/b", lambda: files("a/b"))
    step("list file", lambda: files("d.json"))
    step("list nothing", lambda: files("nothing"))
    base = f"{walk.url}/api/2.0/mlflow-artifacts/artifacts"
    root = f"{experiment}/{run_id}/artifacts"
    def get(path, **headers):
        answer = requests.get(f"{base}/{root}/{path}", headers=headers, timeout=20)
        return [answer.status_code, answer.content if answer.ok else "",
                answer.headers.get("Content-Type", "").split(";")[0] if answer.ok else "",
                answer.headers.get("X-Content-Type-Options") if answer.ok else ""]
    step("get", lambda: [str(x) for x in get("a/b/c.txt")])
    step("range", lambda: [str(x) for x in get("a/b/c.txt", Range="bytes=1-3")][:2])
    step("tail", lambda: [str(x) for x in get("a/b/c.txt", Range="bytes=-2")][:2])
    step("json", lambda: [str(x) for x in get("d.json")])
    step("absent", lambda: get("none.txt")[:1])
    for path in ("../x", "a/%2e%2e/x", "..%2f..%2fx", "a/%252e%252e/x"):
        step(path, lambda path=path: requests.put(f"{base}/{path}", data=b"x", timeout=20).ok)
    step("listing", lambda: requests.get(base, params={"path": root}, timeout=20).json())
    def place(way, **asked):
        answer = call(walk.url, f"artifacts/presigned-{way}-url", json=asked).json()
        words = re.match(r"Presigned .*? artifact URI\.|Exactly .*?\.|$", answer["message"])
        return [answer["error_code"], words[0] if words else ""]
    outside = client.create_run(client.create_experiment(
        "outside", artifact_location="file:///elsewhere")).info.run_id
    for asked in ({"run_id": run_id, "path": "d.json"}, {"run_id": run_id}, {"path": "d.json"},
                  {"run_id": run_id, "model_id": "m-1", "path": "d.json"},
                  {"run_id": run_id, "path": "../x"}, {"run_id": "0" * 32, "path": "x"},
                  {"run_id": run_id, "path": "d.json", "expiration": 0},
                  {"run_id": run_id, "path": "d.json", "expiration": 604801},
                  {"model_id": "m-" + "0" * 32, "path": "x"},
                  {"run_id": outside, "path": "d.json"}):
        for way in ("upload", "download"):
            step(f"{way} {walk.plain(asked)}", lambda way=way, asked=asked: place(way, **asked))
    step("delete", lambda: requests.delete(f"{base}/{root}/d.json", timeout=20).json())
    step("left", files)


def charts(walk):
    """What a page asks for: curves of several runs, thinned out; data sets of experiments."""
    client, step = walk.client, walk.step
    experiment = client.create_experiment("charts")
    ids = [client.create_run(experiment, start_time=i).info.run_id for i in range(3)]
    for n, run_id in zip((40, 7, 1), ids):
        client.log_batch(run_id, [Metric("m", i * i / 8, 1000 + i % 3, i // 2) for i in range(n)])
    client.log_metric(ids[2], "m", float("nan"), 2000, 50)
    def get(call, **query):
        answer = requests.get(f"{walk.url}/ajax-api/2.0/mlflow/metrics/{call}", params=query,
                              timeout=20)
        if not answer.ok:
            return [answer.status_code, answer.json()["error_code"]]
        return [[ids.index(m["run_id"]), m["value"], int(m["timestamp"]), int(m.get("step", 0))]
                for m in answer.json().get("metrics", [])]
    step("bulk", lambda: sorted(get("get-history-bulk", run_id=ids[:2], metric_key="m")))
    step("bulk of one", lambda: get("get-history-bulk", run_id=ids[1], metric_key="m",
                                    max_results=3))
    step("bulk of none", lambda: get("get-history-bulk", metric_key="m"))
    step("bulk without key", lambda: get("get-history-bulk", run_id=ids))
    step("bulk of many", lambda: get("get-history-bulk", run_id=["x"] * 101, metric_key="m"))
    for most in (1, 2, 3, 7, 10, 39, 40, 41):
        step(f"sample {most}", lambda most=most: get("get-history-bulk-interval", run_ids=ids,
                                                     metric_key="m", max_results=most))
    step("steps", lambda: get("get-history-bulk-interval", run_ids=ids, metric_key="m",
                              max_results=4, start_step=2, end_step=9))
    for bad in ({"start_step": 1}, {"start_step": 5, "end_step": 1}, {"max_results": 0},
                {"max_results": 2501}, {"run_ids": ["x"] * 101}, {"metric_key": None}):
        query = {"run_ids": ids, "metric_key": "m", **bad}
        step(str(bad)[:40], lambda query=query: get("get-history-bulk-interval", **query))
    for name, context in (("d", "training"), ("d", "eval"), ("e", None)):
        dataset = mlflow.data.from_numpy(numpy.arange(4.0), name=name)
        client.log_inputs(ids[0], [mlflow.entities.DatasetInput(
            dataset._to_mlflow_entity(),
            [mlflow.entities.InputTag("mlflow.data.context", context)] if context else [])])
    def datasets(*experiments):
        answer = requests.post(f"{walk.url}/ajax-api/2.0/mlflow/experiments/search-datasets",
                               json={"experiment_ids": experiments}, timeout=20)
        if not answer.ok:
            return [answer.status_code, answer.json()["error_code"]]
        found = answer.json().get("dataset_summaries", [])
        return sorted([d["name"], d["digest"], d.get("context", "")] for d in found)
    step("data sets", lambda: datasets(experiment))
    step("data sets of none", lambda: datasets())
    step("data sets of many", lambda: datasets(*["1"] * 21))
    old = {"run_id": ids[0], "artifact_path": "model", "utc_time_created": "then",
           "flavors": {"python_function": {"loader_module": "x"}}, "model_uuid": "u", "more": 1}
    def log_model(model):
        answer = call(walk.url, "runs/log-model", json={"run_id": ids[0], "model_json": model})
        return [answer.status_code, answer.json().get("error_code", "")]
    step("model", lambda: log_model(json.dumps(old)))
    step("another", lambda: log_model(json.dumps({**old, "artifact_path": "other"})))
    step("no model", lambda: log_model("{"))
    step("half a model", lambda: log_model(json.dumps({"run_id": ids[0]})))
    step("models", lambda: [[m["artifact_path"], m["flavors"]] for m in json.loads(
        client.get_run(ids[0]).data.tags["mlflow.log-model.history"])])


def random_searches(walk):
    """Filters and orders put together at random, over runs made at random, the same on both."""
    client, step, dice = walk.client, walk.step, random.Random(5)
    experiment = client.create_experiment("random")
    for i in range(60):
        run_id = client.create_run(experiment, start_time=i // 4, run_name=f"r{i}").info.run_id
        values = [dice.choice([0, 1, 2.5, -1, float("nan"), float("inf")]) for _ in "ab"]
        client.log_batch(
            run_id, [Metric(k, v, 1, 1) for k, v in zip("ab", values) if dice.random() < 0.7],
            [Param("p", dice.choice("xyz"))] if dice.random() < 0.8 else [],
            [RunTag("t", dice.choice(["u", "U", "v" * 120]))] if dice.random() < 0.8 else [])
    def clause():
        name, word = dice.choice("ab"), dice.choice(["x", "u", "U", "v" * 120, "q"])
        return dice.choice([
            f"metrics.{name} {dice.choice(['>', '>=', '<', '<=', '=', '!='])} "
            f"{dice.choice(['0', '1', '2.5', '-1', '7'])}",
            f"params.p {dice.choice(['=', '!='])} '{dice.choice('xyzq')}'",
            f"tags.t {dice.choice(['=', '!=', 'LIKE', 'ILIKE'])} '{word}'",
            f"run_name = 'r{dice.randrange(70)}'", f"start_time < {dice.randrange(16)}",
            f"params.p IS {dice.choice(['', 'NOT '])}NULL"])
    for n in range(80):
        text = " AND ".join(clause() for _ in range(dice.choice([1, 1, 2, 3])))
        order = dice.choice([[], ["metrics.a"], ["metrics.b DESC"], ["params.p", "metrics.a DESC"],
                             ["tags.t DESC"], ["start_time ASC"]]) + ["attributes.run_name"]
        step(f"{n}: {text} by {order}", lambda text=text, order=order: [
            r.info.run_name for r in client.search_runs([experiment], text, order_by=order)])


def traced(x):
    """A call with a span in it."""
    with mlflow.start_span("child", span_type="LLM") as span:
        span.set_inputs({"x": x})
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 3, "output_tokens": x,
                                                      "total_tokens": 3 + x})
        span.add_event(mlflow.entities.SpanEvent("half", 17, {"k": [1, 2], "t": "u"}))
        span.set_outputs(1 / x)
    return 1 / x


def traces(walk):
    """mlflow.trace and what its client asks of traces, whose spans it sends as they end."""
    client, step = walk.client, walk.step
    mlflow.set_tracking_uri(walk.url)
    experiment = mlflow.set_experiment("traces").experiment_id
    call = mlflow.trace(name="predict", span_type="CHAIN", attributes={
        "a": 1, "b": {"x": [1, 2.5, None, True], "y": {}}, "c": "h\u00e9 'q' \"d\"", "n": [],
        "session.id": "s-1", "e": ""})(traced)
    with mlflow.start_run() as run:
        call(4)
    good = mlflow.get_last_active_trace_id()
    with pytest.raises(ZeroDivisionError):
        call(0)
    root = client.start_trace("manual", inputs={"q": [1]}, tags={"t": "u"},
                              experiment_id=experiment)
    inner = client.start_span("sub", trace_id=root.trace_id, parent_id=root.span_id)
    client.end_span(root.trace_id, inner.span_id, outputs=3)
    client.end_trace(root.trace_id, outputs=4)

    def found(text=None, **more):
        return [(t.info.trace_id, t.info.tags.get("mlflow.traceName"), t.info.state.value)
                for t in client.search_traces(locations=[experiment], filter_string=text,
                                              include_spans=False, **more)]

    def spans(trace_id):
        return [(s.name, s.span_type, s.inputs, s.outputs, s.status.status_code.value,
                 s.parent_id is None, s.attributes,
                 [(e.name, e.attributes) for e in s.events if e.name == "half"])
                for s in client.get_trace(trace_id).data.spans]

    def judged():
        return [(a.name, a.value, a.valid, a.rationale, a.source.source_type, a.metadata)
                for a in client.get_trace(good).info.assessments]
    info = client.get_trace(good).info
    step("info", lambda: {"tags": info.tags, "request": info.request_preview, "response":
                          info.response_preview, "experiment": info.experiment_id ==
                          experiment, "run": info.trace_metadata["mlflow.sourceRun"],
                          "used": json.loads(info.trace_metadata["mlflow.trace.tokenUsage"]),
                          "session": info.trace_metadata.get("mlflow.trace.session"),
                          "took": info.execution_duration >= 0})
    step("spans", lambda: [spans(t) for t in (good, root.trace_id)])
    step("frame", lambda: list(mlflow.search_traces(locations=[experiment])["state"]))
    step("unknown", lambda: client.get_trace("tr-none"))
    step("tag", lambda: client.set_trace_tag(good, "color", "red"))
    step("long key", lambda: client.set_trace_tag(good, "k" * 251, "red"))
    step("no tag", lambda: client.delete_trace_tag(good, "nope"))
    for text in ("trace.status = 'OK'", "status IN ('OK', 'ERROR')", "attributes.name = 'predict'",
                 "trace.name LIKE 'pre%'", "name != 'predict'", "tags.color = 'red'",
                 "tags.color IS NULL", "metadata.k = 'v'", "timestamp_ms > 5",
                 "trace.execution_time_ms < 0", "end_time > 5 AND status = 'ERROR'",
                 f"attribute.run_id = '{run.info.run_id}'", f"request_id = '{good}'",
                 f"request_metadata.`mlflow.sourceRun` = '{run.info.run_id}'", "nonsense = 3",
                 "trace.state = 'OK'", "status > 'A'", "span.name = 'child'",
                 "span.name IN ('sub', 'none')", "span.type = 'LLM' AND span.status = 'ERROR'",
                 "span.name = 'child' AND span.type = 'CHAIN'", "span.name ILIKE 'CH%'",
                 "span.attributes.a LIKE '%1%'", "span.attributes.c LIKE '%h\u00e9%'",
                 "span.attributes.zz LIKE '%1%'", "span.content LIKE '%h\u00e9%'",
                 "span.attributes.`b` LIKE '%2.5%' AND status = 'OK'", "trace.text LIKE '%half%'",
                 "trace.text ILIKE '%CHILD%' AND span.type != 'LLM'", "trace.text = 'half'",
                 "span.kind = 'x'", "span.attributes. = 'x'", "span.name > 'a'", "span.name = 3"):
        step(walk.plain(text), lambda text=text: found(text))
    for order in ("timestamp_ms ASC", "name DESC", "status", "tags.color DESC", "trace_id"):
        step(order, lambda order=order: found(order_by=[order]))
    step("page", lambda: found(max_results=2, page_token=client.search_traces(
        locations=[experiment], max_results=1, include_spans=False).token))
    step("untag", lambda: client.delete_trace_tag(good, "color"))
    mlflow.log_feedback(trace_id=good, name="q", value=0.5, rationale="so", metadata={"a": "b"})
    mlflow.log_expectation(trace_id=good, name="e", value={"a": [1]})
    step("judged", judged)
    first = client.get_trace(good).info.assessments[0].assessment_id
    step("change", lambda: mlflow.update_assessment(good, first, mlflow.entities.Feedback(
        name="q", value="fine", metadata={"c": "d"})).value)
    step("changed", judged)
    step("feedback", lambda: found("feedback.q = 'fine'"))
    for name, value in (("score", 0.75), ("whole", 3), ("words", "3"), ("yes", True)):
        mlflow.log_feedback(trace_id=good, name=name, value=value)
    mlflow.log_expectation(trace_id=good, name="level", value=-1.5)
    for text in ("feedback.score > 0.5", "feedback.score > 0.75", "feedback.score >= 0.75",
                 "feedback.whole < 3.5", "feedback.whole <= 2", "feedback.words > 1",
                 "feedback.yes > 0", "expectation.level < 0", "expectation.level > -1",
                 "feedback.none > 0", "feedback.score > '0.5'", "feedback.score = 0.75",
                 "feedback.score = '0.75'", "feedback.score LIKE '0.7%'",
                 "feedback.q > 0.5"):
        step(text, lambda text=text: found(text))
    step("other kind", lambda: mlflow.update_assessment(good, first, mlflow.entities.Expectation(
        name="q", value=1)))
    second = mlflow.override_feedback(trace_id=good, assessment_id=first, value=True).assessment_id
    step("overridden", judged)
    step("delete", lambda: mlflow.delete_assessment(good, second))
    step("valid again", judged)
    step("unknown judgement", lambda: mlflow.get_assessment(good, "a-none"))
    step("link", lambda: client.link_traces_to_run([root.trace_id], run.info.run_id))
    step("linked", lambda: found(run_id=run.info.run_id))
    asked = mlflow.genai.register_prompt("linked", "Say {{x}}")
    step("link a prompt", lambda: client.link_prompt_versions_to_trace([asked], good))
    step("link it again", lambda: client.link_prompt_versions_to_trace([asked], good))
    step("link to none", lambda: client.link_prompt_versions_to_trace([asked], "tr-none"))
    for text in ("prompt = 'linked/1'", "prompt = 'linked/2'", "trace.prompt = 'linked/1'",
                 "prompt = 'linked'", "prompt = 'a/b/1'", "prompt != 'linked/1'",
                 "prompt LIKE 'l%'", "prompt = 'linked/1' AND status = 'OK'"):
        step(text, lambda text=text: found(text))
    step("delete those", lambda: client.delete_traces(experiment, trace_ids=[good, "tr-none"]))
    step("gone", lambda: client.get_trace(good))
    step("of another", lambda: client.delete_traces("0", trace_ids=[root.trace_id]))
    step("delete the oldest", lambda: client.delete_traces(
        experiment, max_timestamp_millis=10**14, max_traces=1))
    step("rest", found)
    step("delete all", lambda: client.delete_traces(experiment, max_timestamp_millis=10**14))
    step("nothing", found)


def prompts(walk):
    """Prompts are models with a tag, whose versions have a text in place of files."""
    client, step = walk.client, walk.step
    mlflow.set_tracking_uri(walk.url)
    genai = mlflow.genai

    def seen(prompt):
        return prompt and (prompt.name, prompt.version, prompt.template, prompt.commit_message,
                           prompt.tags, sorted(prompt.aliases))
    step("register", lambda: seen(genai.register_prompt(
        "ask", "Say {{x}}", commit_message="first", tags={"a": "b"})))
    step("again", lambda: seen(genai.register_prompt("ask", "Tell {{x}}")))
    step("chat", lambda: seen(genai.register_prompt("talk", [
        {"role": "user", "content": "h\u00e9 {{x}}"}])))
    step("load", lambda: genai.load_prompt("prompts:/ask/1").format(x=3))
    step("newest", lambda: seen(genai.load_prompt("ask")))
    step("alias", lambda: genai.set_prompt_alias("ask", "prod", 1))
    step("by alias", lambda: seen(genai.load_prompt("prompts:/ask@prod")))
    step("unknown", lambda: genai.load_prompt("prompts:/ask/9"))
    step("unknown name", lambda: genai.load_prompt("prompts:/none/1"))
    step("tag", lambda: genai.set_prompt_tag("ask", "k", "v"))
    step("version tag", lambda: genai.set_prompt_version_tag("ask", 1, "k", "w"))
    step("tags", lambda: [genai.get_prompt_tags("ask"), seen(genai.load_prompt("prompts:/ask/1"))])
    step("search", lambda: [(p.name, p.tags) for p in genai.search_prompts()])
    step("search one", lambda: [p.name for p in genai.search_prompts("name = 'talk'")])
    step("versions", lambda: [v.version for v in client.search_prompt_versions("ask")])
    step("no models", lambda: [m.name for m in client.search_registered_models(
        "name IN ('ask', 'talk')")])
    step("a model's name", lambda: client.create_registered_model("ask"))
    model = client.create_registered_model("prompts_model").name
    step("a prompt's name", lambda: genai.register_prompt(model, "x"))
    for source, tags in (("dummy-source", {}),
                         ("s3://bucket/x", {"mlflow.prompt.is_prompt": "true"})):
        step(source, lambda source=source, tags=tags: client.create_model_version(
            "ask", source, tags=tags))
    step("no alias", lambda: genai.delete_prompt_alias("ask", "prod"))
    step("delete version", lambda: client.delete_prompt_version("ask", "1"))
    step("delete full", lambda: client.delete_prompt("ask"))
    step("delete last", lambda: client.delete_prompt_version("ask", "2"))
    step("delete", lambda: client.delete_prompt("ask"))
    step("gone", lambda: genai.load_prompt("ask"))


SCENARIOS = [experiments, runs, searches, models, logged_models, artifacts, charts,
             random_searches, traces, prompts, mlflow_webhooks.webhooks,
             mlflow_evaluations.evaluations, mlflow_scorers.scorers]


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


def test_from_training_to_an_alias(ours, tmp_path):
    """log_model, register, alias, load by alias; autolog; a large artifact there and back."""
    xgboost, numpy = pytest.importorskip("xgboost"), pytest.importorskip("numpy")
    mlflow.set_tracking_uri(ours)
    mlflow.set_experiment("training")
    client = MlflowClient()
    rows = numpy.random.default_rng(1).random((80, 3))
    labels = (rows[:, 0] > 0.5).astype(int)
    with mlflow.start_run() as run:
        booster = xgboost.train({"max_depth": 2, "objective": "binary:logistic"},
                                xgboost.DMatrix(rows, labels), 4)
        info = mlflow.xgboost.log_model(booster, name="model", pip_requirements=["xgboost"])
        mlflow.log_metric("auc", 0.9, step=1, model_id=info.model_id)
        large = tmp_path / "large.bin"
        large.write_bytes(rows.tobytes() * 11000)  # 21 MB: more than an ordinary body may have
        mlflow.log_artifact(str(large))
    first = mlflow.register_model(info.model_uri, "credit", await_registration_for=5)
    client.set_registered_model_alias("credit", "champion", first.version)
    loaded = mlflow.xgboost.load_model("models:/credit@champion")
    assert (loaded.predict(xgboost.DMatrix(rows)) == booster.predict(xgboost.DMatrix(rows))).all()
    back = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/large.bin")
    assert open(back, "rb").read() == large.read_bytes()
    for uri in ("models:/credit/1", "models:/credit/latest", info.model_uri,
                f"runs:/{run.info.run_id}/model"):
        assert mlflow.pyfunc.load_model(uri).metadata.model_id == info.model_id
    logged = client.get_logged_model(info.model_id)
    assert logged.status.name == "READY" and logged.metrics[0].value == 0.9
    found = client.get_run(run.info.run_id)
    assert found.outputs.model_outputs[0].model_id == info.model_id


def test_served_from_the_record(tmp_path, serve):
    """models:/name@alias answers like the model; moving the alias swaps it under traffic."""
    xgboost, numpy = pytest.importorskip("xgboost"), pytest.importorskip("numpy")
    rows = numpy.random.default_rng(2).random((60, 3)).astype("float32")
    boosters = [xgboost.train({"max_depth": 2, "base_score": 0.5}, xgboost.DMatrix(rows, rows @ w),
                              3) for w in ([1, 0, 0], [0, 5, 0])]
    want = [[float(x) for x in b.predict(xgboost.DMatrix(rows[:2]))] for b in boosters]
    first = serve("--record", tmp_path / "record")
    mlflow.set_tracking_uri(first.url)
    mlflow.set_experiment("served")
    client = MlflowClient()
    with mlflow.start_run() as run:
        for i, booster in enumerate(boosters):
            mlflow.xgboost.log_model(booster, name=f"m{i}", registered_model_name="credit",
                                     pip_requirements=["xgboost"])
    client.set_registered_model_alias("credit", "champion", 1)
    assert first.stop() == 0
    server = serve("models:/credit@champion", "second=models:/credit/2",
                   f"byrun=runs:/{run.info.run_id}/m1", "--record", tmp_path / "record")
    mlflow.set_tracking_uri(server.url)

    def ask(name):
        answer = server.post(f"/endpoints/{name}/invocations", json={"inputs": rows[:2].tolist()})
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]
    assert ask("credit") == want[0] and ask("second") == want[1] and ask("byrun") == want[1]
    MlflowClient().set_registered_model_alias("credit", "champion", 2)
    end = time.monotonic() + 10
    while (seen := ask("credit")) != want[1]:
        assert seen == want[0] and time.monotonic() < end
    MlflowClient().delete_registered_model_alias("credit", "champion")
    server.wait_said("leads nowhere now")
    assert ask("credit") == want[1]


def test_addresses_that_lead_nowhere(tmp_path, run):
    for address, part in (("models:/nothing@a", "Registered Model with name=nothing not found"),
                          ("models:/nothing", "is no address of a model"),
                          ("runs:/00000000000000000000000000000000/m", "not found")):
        said = run("serve", address, "--record", tmp_path / "record", "--listen", ":0")
        assert said.returncode != 0 and part in said.stderr, said.stderr
    said = run("serve", "models:/a@b", "--listen", ":0")
    assert "--record DIR" in said.stderr


def test_of_another_page(ours):
    """The addresses that MLflow's own page uses."""
    made = call(ours, "experiments/create", json={"name": "page"}).json()["experiment_id"]
    run = call(ours, "runs/create", json={"experiment_id": made}).json()["run"]["info"]["run_id"]
    MlflowClient(ours).log_text(run, "hello", "a.html")
    for path in ("/get-artifact", "/ajax-api/2.0/mlflow/get-artifact"):
        answer = requests.get(ours + path, params={"run_id": run, "path": "a.html"}, timeout=20)
        assert answer.text == "hello" and answer.headers["Content-Type"] == "text/plain"
        assert "attachment" in answer.headers["Content-Disposition"]
    listed = requests.get(ours + "/ajax-api/2.0/mlflow/artifacts/list", params={"run_uuid": run},
                          timeout=20).json()
    assert listed["files"] == [{"path": "a.html", "is_dir": False, "file_size": 5}]
    info = requests.get(ours + "/api/3.0/mlflow/server-info", timeout=20).json()
    assert info["workspaces_enabled"] is False


def call(url, path, **more):
    return requests.post(f"{url}/api/2.0/mlflow/{path}", timeout=20, **more)


def trace_of(**more):
    return {"trace": {"trace_info": {
        "trace_id": "tr-1", "request_time": "2026-11-28T12:00:00Z", "state": "OK",
        "trace_location": {"mlflow_experiment": {"experiment_id": "0"}}, **more}}}


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
        ("prompts", {"json": {}}, "ENDPOINT_NOT_FOUND", "does not offer"),
        ("traces", {"json": {}}, "INVALID_PARAMETER_VALUE", "parameter 'trace'"),
        ("traces", {"json": trace_of(trace_id="../x")}, "INVALID_PARAMETER_VALUE", "trace ID"),
        ("traces", {"json": trace_of(request_time="today")}, "INVALID_PARAMETER_VALUE", "'today'"),
        ("traces", {"json": trace_of(execution_duration="5")}, "INVALID_PARAMETER_VALUE", "0.250s"),
        ("traces", {"json": trace_of(tags=["a"])}, "INVALID_PARAMETER_VALUE", "type 'list'"),
        ("traces/search", {"json": {"filter": "span.colour = 'x'"}}, "INVALID_PARAMETER_VALUE",
         "colour"),
        ("traces/delete-traces", {"json": {"experiment_id": "0"}}, "INVALID_PARAMETER_VALUE",
         "must be specified"),
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
    for path, none in (("runs/search", {"experiment_ids": []}),
                       ("traces/search", {"locations": []}),
                       ("traces/search", {"filter": "span.name = 'x'"}),
                       ("logged-models/search", {"experiment_ids": []})):
        answer = call(ours, path, json=none)  # of no experiment there is nothing
        assert answer.status_code == 200 and not any(answer.json().values()), answer.text


def test_without_a_record(alone):
    answer = call(alone.url, "runs/create", json={})
    assert answer.status_code == 404 and "mw serve --record" in answer.json()["message"]


def test_second_server_is_refused(tmp_path, run, serve):
    serve("--record", tmp_path / "record")
    second = run("serve", "--record", tmp_path / "record", "--listen", ":0")
    assert second.returncode == 8 or second.returncode != 0
    assert "another server has this record open: process" in second.stderr
    assert "MW4002" in second.stderr
