"""An MLflow database, made by MLflow itself, comes over whole; and what it is not is refused.

MLflow with its SQL store is needed (mlflow-skinny has none): in this Python, or in the one that
MLFLOW_PYTHON names.
"""
import importlib.util
import json
import math
import os
import sqlite3
import subprocess
import sys

import pytest
from conftest import BINARY, Server, check_end
from engine import MISSING, PROGRAMS, Postgres

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import ViewType  # noqa: E402
from mlflow.tracking._tracking_service.utils import _get_store  # noqa: E402

MAKE = '''
import os, sys
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
folder, uri = sys.argv[1:3]
os.chdir(folder)
import mlflow
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
import pandas
mlflow.set_tracking_uri(uri)
client = MlflowClient()
churn = client.create_experiment("churn", f"file://{folder}/art/churn", tags={"team": "a"})
os.makedirs("made/sub", exist_ok=True)
for i in range(3):
    run = client.create_run(churn, tags={"n": str(i)}, run_name=f"r{i}").info.run_id
    for step in range(5):
        client.log_metric(run, "loss", 1 / (step + 1), timestamp=1000 + step, step=step)
    client.log_metric(run, "nan", float("nan"), timestamp=5)
    client.log_metric(run, "inf", float("-inf"), timestamp=5)
    client.log_param(run, "depth", str(i))
    with open("made/sub/a.txt", "w") as file:
        file.write(f"hello {i}")
    client.log_artifacts(run, "made")
    client.set_terminated(run)
client.delete_run(run)
with mlflow.start_run(experiment_id=churn) as run:
    mlflow.log_input(from_pandas(pandas.DataFrame({"x": [1.0]}), name="train"), context="training")
    import mlflow.pyfunc
    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input
    model = mlflow.pyfunc.log_model(name="model", python_model=Model(), pip_requirements=[])
    mlflow.register_model(model.model_uri, "credit")
    mlflow.log_metric("auc", 0.9, model_id=model.model_id)
client.create_model_version("credit", f"file://{folder}/art/churn/{run.info.run_id}/artifacts/m",
                            run.info.run_id)
client.delete_model_version("credit", "2")
client.create_model_version("credit", "s3://bucket/x")
client.set_registered_model_alias("credit", "champion", "1")
client.set_registered_model_tag("credit", "k", "v")
client.set_model_version_tag("credit", "1", "k", "v")
client.update_registered_model("credit", description="a model")
client.delete_experiment(client.create_experiment("gone"))
mlflow.genai.register_prompt(name="ask", template="Say {{x}}")
mlflow.set_experiment(experiment_id=churn)
@mlflow.trace(name="predict", attributes={"session.id": "s"})
def predict(x):
    with mlflow.start_span("llm", span_type="LLM") as span:
        span.set_attribute("mlflow.chat.tokenUsage",
                           {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
        span.set_attribute("c", 'a "b" \\u00e9')
    return x
with mlflow.start_run():
    predict(1)
trace = mlflow.get_last_active_trace_id()
client.set_trace_tag(trace, "color", "red")
mlflow.log_feedback(trace_id=trace, name="q", value="fine", rationale="so", metadata={"a": "b"})
mlflow.log_expectation(trace_id=trace, name="e", value={"a": [1]})
client.create_experiment("far", "s3://bucket/far")
client.link_prompt_versions_to_trace([client.get_prompt_version("ask", 1)], trace)
asked = client.create_dataset("asked", experiment_id=churn, tags={"team": "a"})
asked.merge_records([
    {"inputs": {"q": "h\u00e9 \U0001f600 \t", "n": [1, 1.0, 1e16, 1.5e-07, -0.0, 123456.789]},
     "expectations": {"a": "x"}, "tags": {"t": "u"}},
    {"inputs": {"deep": {"z": None, "a": True}}, "outputs": {"o": [1, {"p": 'q"'}]}},
    {"inputs": {"third": 1}, "outputs": None}])
from mlflow.genai.scorers import Guidelines
Guidelines(name="polite", guidelines=["be"], model="openai:/x").register(experiment_id=churn)
'''


def python_of_mlflow():
    named = os.environ.get("MLFLOW_PYTHON")
    if named:
        return named
    if any(importlib.util.find_spec(name) is None for name in ("sqlalchemy", "alembic", "pandas")):
        pytest.skip("MLflow's SQL store is not installed: pip install mlflow")
    return sys.executable


def mw(*words, code=0):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder}/mlflow.db"
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([python_of_mlflow(), "-c", MAKE, folder, uri], capture_output=True,
                          text=True, timeout=300, check=False, env=clean)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def postgres():
    if not PROGRAMS:
        pytest.skip(MISSING)
    server = Postgres()
    yield server
    server.end()


def make_record(request, folder, engine):
    """A record that is new, in a file or in PostgreSQL."""
    store = ()
    if engine == "postgres":
        address = request.getfixturevalue("postgres").make(request.node.name.split("[")[0])
        store = ("--store", address)
    server = Server(folder, "--record", folder / "record", *store)
    check_end(server)
    return folder / "record"


def check_traces(client):
    """Info, tags, judgements and spans; what spans hold is searched."""
    for text in ("span.attributes.c = 'a \"b\" \u00e9' AND span.type = 'LLM'", "tags.color = 'red'",
                 "trace.name = 'predict'", "feedback.q = 'fine'", "metadata.mlflow.user != 'x'"):
        assert len(client.search_traces(locations=["1"], filter_string=text)) == 1, text
    trace = client.search_traces(locations=["1"])[0]
    usage = json.loads(trace.info.trace_metadata["mlflow.trace.tokenUsage"])
    assert usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert trace.info.tags["mlflow.traceName"] == "predict" and trace.info.state.value == "OK"
    assert [(s.name, s.outputs) for s in trace.data.spans] == [("predict", 1), ("llm", None)]
    judged = {a.name: (a.value, a.rationale, a.metadata) for a in trace.info.assessments}
    assert judged == {"q": ("fine", "so", {"a": "b"}), "e": ({"a": [1]}, None, None)}
    run = trace.info.trace_metadata["mlflow.sourceRun"]
    assert len(client.search_traces(locations=["1"], run_id=run)) == 1


def check_evaluations(client):
    """Data sets, whose records are found by the hash that MLflow gave them; scorers; prompts."""
    mlflow.set_tracking_uri(client.tracking_uri)
    store = _get_store()
    asked, = client.search_datasets(experiment_ids=["1"], filter_string="tags.team = 'a'")
    assert asked.name == "asked" and asked.profile == '{"num_records": 3}'
    assert json.loads(asked.schema)["inputs"] == {
        "q": "string", "n": "array", "deep": "object", "third": "integer"}
    records, _ = store._load_dataset_records(asked.dataset_id)
    by_key = {next(iter(one.inputs)): one for one in records}
    assert by_key["q"].expectations == {"a": "x"} and by_key["q"].tags["t"] == "u"
    assert by_key["deep"].outputs == {"o": [1, {"p": 'q"'}]} and by_key["third"].outputs is None
    assert by_key["q"].source_type == "HUMAN" and by_key["deep"].expectations is None
    again = [{"inputs": one.inputs} for one in records]
    assert store.upsert_dataset_records(asked.dataset_id, again) == {"inserted": 0, "updated": 3}
    scorer = store.get_scorer("1", "polite")
    assert scorer.scorer_version == 1 and "be" in scorer._serialized_scorer
    assert len(client.search_traces(locations=["1"], filter_string="prompt = 'ask/1'")) == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_all_of_it(theirs, tmp_path, request, engine):
    record = make_record(request, tmp_path, engine)
    database = f"sqlite:///{theirs}/mlflow.db"
    counts = json.loads(mw("server", "import-mlflow", database, "--record", record, "--json"))
    assert counts["runs"] == 5 and counts["models"] == 2 and counts["versions"] == 3
    assert (counts["traces"], counts["spans"]) == (1, 2)
    assert (counts["evaluation_data_sets"], counts["scorers"]) == (1, 1)
    assert counts["experiments"] == 3 and counts["logged_models"] == 1
    assert counts["missing_folders"] == counts["refused_files"] == 0 and counts["files"] >= 3
    again = json.loads(mw("server", "import-mlflow", database, "--record", record, "--json"))
    assert not any(again.values())
    assert mw("audit", "verify", "--record", record).startswith("whole")
    server = Server(tmp_path, "--record", record)
    client = MlflowClient(server.url)
    with sqlite3.connect(theirs / "mlflow.db") as db:
        rows = db.execute("SELECT run_uuid, name, start_time FROM runs").fetchall()
    db.close()
    churn = client.get_experiment_by_name("churn")
    assert churn.tags["team"] == "a" and churn.experiment_id == "1"
    runs = client.search_runs(["1"], run_view_type=ViewType.ALL)
    assert {(r.info.run_id, r.info.run_name, r.info.start_time) for r in runs} == set(rows)
    by_name = {r.info.run_name: r for r in runs}
    one = by_name["r1"]
    assert one.data.params == {"depth": "1"} and one.data.metrics["loss"] == 0.2
    assert math.isnan(one.data.metrics["nan"]) and one.data.metrics["inf"] < -1e308
    history = client.get_metric_history(one.info.run_id, "loss")
    assert [(m.step, m.timestamp, m.value) for m in history] == [
        (s, 1000 + s, 1 / (s + 1)) for s in range(5)]
    assert by_name["r2"].info.lifecycle_stage == "deleted"
    text = mlflow.artifacts.load_text(one.info.artifact_uri + "/sub/a.txt") \
        if not mlflow.set_tracking_uri(server.url) else None
    assert text == "hello 1"
    trained = next(r for r in runs if r.inputs.dataset_inputs)
    assert trained.inputs.dataset_inputs[0].dataset.name == "train"
    assert trained.inputs.dataset_inputs[0].tags[0].value == "training"
    assert len(trained.outputs.model_outputs) == 1
    check_traces(client)
    check_evaluations(client)
    assert mlflow.genai.load_prompt("prompts:/ask/1").format(x=2) == "Say 2"
    model = client.get_registered_model("credit")
    assert model.description == "a model" and model.tags == {"k": "v"}
    assert model.aliases == {"champion": "1"} or model.aliases == {"champion": 1}
    version = client.get_model_version_by_alias("credit", "champion")
    assert version.tags == {"k": "v"} and version.run_id == trained.info.run_id
    folder = mlflow.artifacts.download_artifacts("models:/credit@champion",
                                                 dst_path=str(tmp_path / "model"))
    assert os.path.exists(os.path.join(folder, "MLmodel"))
    assert client.get_model_version_download_uri("credit", "3") == "s3://bucket/x"
    assert client.get_experiment_by_name("far").artifact_location == "s3://bucket/far"
    assert client.get_experiment_by_name("gone").lifecycle_stage == "deleted"
    assert client.create_model_version("credit", "s3://bucket/y").version in ("4", 4)
    logged = client.search_logged_models(["1"])
    assert len(logged) == 1 and logged[0].metrics[0].value == 0.9
    assert "credit/1" in mw("lineage", "show", "credit/1", "--record", record)
    check_end(server)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_refusals(theirs, tmp_path, request, engine):
    record = make_record(request, tmp_path, engine)

    def refused(path, code, words):
        said = mw("server", "import-mlflow", path, "--record", record, code=code)
        assert words in said, said
    refused(tmp_path / "none.db", 3, "MW4231")
    (tmp_path / "text.db").write_text("no database\n" * 1000)
    refused(tmp_path / "text.db", 1, "fix:")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t(x)")
    refused(tmp_path / "other.db", 1, "MW4232")
    for change, code, words in (
            ("UPDATE alembic_version SET version_num = 'abc'", 1, "mlflow db upgrade"),
            ("UPDATE experiments SET workspace = 'other' WHERE experiment_id = 1", 1, "workspace")):
        copy = tmp_path / "copy.db"
        copy.write_bytes((theirs / "mlflow.db").read_bytes())
        with sqlite3.connect(copy) as db:
            db.execute(change)
        db.close()
        refused(copy, code, words)
    server = Server(tmp_path, "--record", record)
    client = MlflowClient(server.url)
    assert len(client.search_experiments()) == 1  # nothing was left
    client.create_registered_model("credit")
    client.create_model_version("credit", "s3://x/y")
    if engine == "sqlite":
        refused(theirs / "mlflow.db", 5, "MW4002")  # in use
    check_end(server)
    refused(theirs / "mlflow.db", 5, "MW4233")
