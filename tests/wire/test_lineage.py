"""What a version was made of, and what differs between two: MLflow's client logs, `mw lineage show`
and `mw model diff` tell it, beside the running server."""
import json
import os
import re
import time
import uuid

import numpy
import pandas
import pytest
import xgboost
from conftest import Server, check_end

mlflow = pytest.importorskip("mlflow")

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
COMMIT = "1f2e3d4c5b6a79880123456789abcdef01234567"
PATCH = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-eta = 0.3\n+eta = 0.2\n"


def train_rows(columns):
    rows = numpy.random.default_rng(7).normal(size=(80, len(columns)))
    return pandas.DataFrame(rows, columns=columns)


def log_version(rounds, columns=("age", "income"), data=None, tags=None, context="training"):
    """One run that trains, logs its data and registers 'credit'; returns its id."""
    rows = train_rows(columns)
    target = (rows.iloc[:, 0] > 0).astype(int)
    booster = xgboost.train({"max_depth": 3, "objective": "binary:logistic", "nthread": 1},
                            xgboost.DMatrix(rows, target), rounds)
    with mlflow.start_run(nested=True, tags=tags) as run:
        mlflow.log_param("rounds", rounds)
        mlflow.log_metric("auc", 0.9 + rounds / 1000)
        if data is not None:
            mlflow.log_input(mlflow.data.from_pandas(data, source="/data/train.csv", name="train"),
                             context=context)
        mlflow.xgboost.log_model(
            booster, name="model", registered_model_name="credit", input_example=rows.head(5),
            pip_requirements=[f"xgboost=={xgboost.__version__}", "pandas"],
            signature=mlflow.models.infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))
    return run.info.run_id


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A record in use, with three versions: two of the same data, the third of other columns."""
    folder = tmp_path_factory.mktemp("lineage")
    server = Server(folder, "--record", folder / "record")
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("scores")
    data = train_rows(["age", "income"])
    git = {"mlflow.source.git.commit": COMMIT, "mlflow.source.git.branch": "main",
           "mlflow.source.git.repoURL": "https://example.org/credit.git",
           "mlflow.source.name": "train.py", "mlflow.user": "anna"}
    with mlflow.start_run(run_name="sweep") as parent:
        first = log_version(10, data=data, tags=git)
        second = log_version(20, data=data, tags={**git, "mlflow.source.git.diff": PATCH})
        with mlflow.start_run(run_name="judge", nested=True) as judge:
            source = mlflow.MlflowClient().get_model_version("credit", "1").source
            model_id = source.removeprefix("models:/")
            mlflow.MlflowClient().log_inputs(
                judge.info.run_id, models=[mlflow.entities.LoggedModelInput(model_id)])
    third = log_version(10, columns=["income", "age", "debt"])
    mlflow.MlflowClient().set_registered_model_alias("credit", "champion", "1")
    yield {"folder": folder / "record", "runs": [first, second, third],
           "parent": parent.info.run_id, "judge": judge.info.run_id, "server": server}
    check_end(server)


@pytest.fixture(scope="module")
def shown(run, record):
    def show(version, *options):
        done = run("lineage", "show", version, "--record", record["folder"], *options)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return show


def test_a_version_tells_what_it_was_made_of(shown, record):
    told = json.loads(shown("credit/1", "--format", "json"))
    assert (told["name"], told["version"], told["recorded"]) == ("credit", 1, True)
    assert told["aliases"] == ["champion"] and told["user"] == "anna"
    assert re.fullmatch("[0-9a-f]{64}", told["digest"]) and told["files"] >= 5
    assert told["run"]["run_id"] == record["runs"][0]
    assert told["code"]["commit"] == COMMIT and told["code"]["entry"] == "train.py"
    assert "dirty" not in told["code"]
    assert [(d["name"], d["context"]) for d in told["data"]] == [("train", "training")]
    assert told["environment"]["libraries"]["xgboost"] == xgboost.__version__
    assert told["environment"]["mlflow"] == mlflow.__version__
    assert told["environment"]["python"].startswith("3.")
    assert [c["name"] for c in told["inputs"]] == ["age", "income"]
    assert {c["type"] for c in told["inputs"]} == {"double"}
    first = train_rows(["age", "income"]).head(5)["age"]
    assert told["inputs"][0]["low"] == pytest.approx(first.min())
    assert told["inputs"][0]["high"] == pytest.approx(first.max())
    assert told["inputs"][0]["missing"] == 0
    assert len(told["outputs"]) == 1 and "fault" not in told


def test_the_graph_goes_both_ways(shown, record):
    told = json.loads(shown("models:/credit@champion", "--format", "json"))
    assert told["parent_run"]["run_id"] == record["parent"]
    assert [r["run_id"] for r in told["read_by"]] == [record["judge"]]
    kin = {(r["name"], r["version"], r["kinship"]) for r in told["related"]}
    assert kin == {("credit", 2, "same_data"), ("credit", 2, "same_code")}
    second = json.loads(shown("credit/2", "--format", "json"))
    assert second["code"]["dirty"] and re.fullmatch("[0-9a-f]{64}", second["code"]["patch"])
    text = shown("credit/latest")
    assert text.startswith("credit/3\n") and "not told (mlflow.log_input)" in text
    assert ", for training, from /data/train.csv\n" in shown("credit/1")


def test_the_digest_is_that_of_the_files(shown, record, tmp_path):
    import hashlib
    told = json.loads(shown("credit/1", "--format", "json"))
    mlflow.artifacts.download_artifacts("models:/credit/1", dst_path=str(tmp_path))
    lines = {}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "registered_model_meta":
            lines[str(path.relative_to(tmp_path))] = hashlib.sha256(path.read_bytes()).hexdigest()
    text = "".join(f"{name} {lines[name]}\n" for name in sorted(lines, key=str.encode))
    assert hashlib.sha256(text.encode()).hexdigest() == told["digest"]


def check_event(event):
    assert event["schemaURL"].endswith("/spec/2-0-2/OpenLineage.json#/$defs/RunEvent")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["eventTime"])
    uuid.UUID(event["run"]["runId"])
    assert event["job"]["namespace"] == "millwright" and event["job"]["name"]
    parts = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for facet in [facet for part in parts for facet in part["facets"].values()]:
        assert facet["_producer"].startswith("urn:millwright:") and ":" in facet["_schemaURL"]


def test_openlineage(shown, record):
    events = [json.loads(line) for line in
              shown("credit/1", "--format", "openlineage").splitlines()]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    for event in events:
        check_event(event)
    start, end = events
    assert start["run"]["runId"].replace("-", "") == record["runs"][0]
    assert end["run"]["facets"]["parent"]["run"]["runId"].replace("-", "") == record["parent"]
    source, = end["inputs"]
    assert (source["namespace"], source["name"]) == ("file", "/data/train.csv")
    assert source["facets"]["dataSource"]["uri"] == "file:///data/train.csv"
    assert [f["name"] for f in source["facets"]["schema"]["fields"]] == ["age", "income"]
    output, = end["outputs"]
    assert (output["namespace"], output["name"]) == ("models", "credit")
    assert output["facets"]["version"]["datasetVersion"] == "1"
    assert end["job"]["facets"]["sourceCodeLocation"]["version"] == COMMIT


@pytest.fixture(scope="module")
def differ(run, record):
    def diff(a, b, *options):
        return run("model", "diff", a, b, "--record", record["folder"], *options)
    return diff


def lines_of(done):
    told = json.loads(done.stdout)
    return told, {(d["section"], d["key"]): (d.get("before"), d.get("after"))
                  for d in told["differences"]}


def test_versions_differ_in_what_was_changed(differ):
    done = differ("credit/1", "credit/2", "--format", "json")
    told, lines = lines_of(done)
    assert done.returncode == 6 and not told["equal"] and not told["breaks"]
    assert lines["params", "rounds"] == ("10", "20")
    assert lines["metrics", "auc"][1].startswith("0.92 (+0.0")
    assert lines["structure", "trees"] == ("10", "20")
    assert lines["structure", "nodes of trees"][1] == "the first 10 are the same"
    assert lines["code", "not committed"] == (None, "yes")
    assert not {section for section, _ in lines} & {"data", "signature", "contract"}


def test_what_breaks_is_told(differ):
    done = differ("credit@champion", "credit/3", "--format", "json")
    told, lines = lines_of(done)
    assert told["breaks"] and {("contract", "added"), ("contract", "reordered")} <= set(lines)
    assert lines["signature", "debt"][0] is None
    assert lines["data", "train"][1] is None
    text = differ("credit@champion", "credit/3").stdout
    assert "column 'debt' (float64) is new  (breaks)" in text


def test_equal_is_0_and_files_do(differ, run, record, tmp_path):
    same = differ("credit/1", "credit@champion")
    assert same.returncode == 0 and "are equal" in same.stdout
    boosters = []
    for rounds in (3, 4):
        rows = train_rows(["a", "b"])
        boosters.append(tmp_path / f"{rounds}.ubj")
        xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, rows["a"]), rounds).save_model(
            boosters[-1])
    assert run("model", "diff", boosters[0], boosters[0]).returncode == 0
    assert run("model", "diff", boosters[0], boosters[1]).returncode == 6
    mixed = differ("credit/1", boosters[0], "--format", "json")
    assert mixed.returncode == 6 and json.loads(mixed.stdout)["breaks"]


@pytest.fixture(scope="module")
def in_a_database(run, record, tmp_path_factory, databases):
    """The same record, its rows in PostgreSQL: a copy that was made beside its server."""
    folder = tmp_path_factory.mktemp("database")
    for words in (("backup", "--record", record["folder"], "-o", folder / "b"),
                  ("restore", folder / "b", "--record", folder / "r", "--store",
                   databases("lineage"))):
        done = run("server", *words)
        assert done.returncode == 0, done.stderr

    def ask(*words):
        return run(*words, "--record", folder / "r")
    return ask


@pytest.mark.parametrize("test", [test_a_version_tells_what_it_was_made_of,
                                  test_the_graph_goes_both_ways, test_openlineage],
                         ids=lambda test: test.__name__)
def test_shown_from_a_database(test, in_a_database, record):
    test(lambda version, *options: in_a_database("lineage", "show", version, *options).stdout,
         record)


@pytest.mark.parametrize("test", [test_versions_differ_in_what_was_changed,
                                  test_what_breaks_is_told], ids=lambda test: test.__name__)
def test_compared_in_a_database(test, in_a_database):
    test(lambda *words: in_a_database("model", "diff", *words))


@pytest.mark.parametrize("words,code,says", [
    (["lineage", "show", "credit/9"], 3, "not found"),
    (["lineage", "show", "nobody/1"], 3, "not found"),
    (["lineage", "show", "credit"], 2, "names no version"),
    (["lineage", "show", "credit@none"], 2, "alias none not found"),
    (["model", "diff", "credit/1", "credit/9"], 3, "not found"),
    (["model", "diff", "credit/1", "nowhere.json"], 3, "nowhere.json"),
])
def test_what_is_not_there(run, record, words, code, says):
    done = run(*words, "--record", record["folder"])
    assert done.returncode == code and says in done.stderr, done.stderr


def test_no_record(run, tmp_path):
    done = run("lineage", "show", "credit/1", "--record", tmp_path / "none")
    assert done.returncode == 3 and "MW4008" in done.stderr and not (tmp_path / "none").exists()
    done = run("lineage", "show", "credit/1")
    assert done.returncode == 2 and "MW1026" in done.stderr


# ---- what is served is replaced only by what its clients can live with  -----------------------

def client_of(server):
    mlflow.set_tracking_uri(server.url)
    return mlflow.MlflowClient()


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def score(server, columns, name="credit"):
    row = {column: 0.5 for column in columns}
    return server.post(f"/endpoints/{name}/invocations", json={"dataframe_records": [row]})


def refusals(server):
    return server.samples()['mw_model_loads_total{endpoint="credit",result="refused"}']


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A record whose 'credit' has a champion, a version of the same columns and one that breaks."""
    folder = tmp_path_factory.mktemp("followed")
    server = Server(folder, "--record", folder / "record")
    client = client_of(server)
    mlflow.set_experiment("scores")
    log_version(2)
    client.set_registered_model_alias("credit", "champion", "1")
    log_version(3)
    log_version(2, columns=["income", "age", "debt"])
    tags = [client.get_model_version("credit", number).tags for number in "123"]
    check_end(server)
    return folder, tags


def test_the_registration_tells_what_it_would_break(followed):
    _, tags = followed
    assert tags[0] == {} and tags[1] == {}
    finding = tags[2]["millwright.contract"]
    assert finding.startswith("breaks clients of @champion (version 1): ")
    assert "column 'debt' (float64) is new" in finding and "stands elsewhere" in finding


def test_a_version_that_breaks_is_not_followed(followed, tmp_path):
    folder, _ = followed
    arguments = ["credit=models:/credit@champion", "--record", folder / "record"]
    server = Server(tmp_path, *arguments)
    client = client_of(server)
    assert score(server, ["age", "income"]).ok
    client.set_registered_model_alias("credit", "champion", "2")
    server.wait_said("follows models:/credit@champion to another version")
    client.set_registered_model_alias("credit", "champion", "3")
    server.wait_said("it would break the clients of 'credit'")
    assert score(server, ["age", "income"]).ok and refusals(server) == 1
    index = server.post("/v2/repository/index").json()
    assert index[0]["state"] == "READY" and "would break" in index[0]["reason"]
    # the alias has moved on, what is served has not
    told = [server.get(f"/mw/v1/lineage?id=credit/{v}").json()["served_by"] for v in "123"]
    assert [[(s["endpoint"], s["address"]) for s in one] for one in told] == \
        [[], [("credit", "models:/credit@champion")], []]

    # what follows from the record survives a kill and a restart
    server.process.kill()
    server.process.wait()
    check_end(server, -9)
    server = Server(tmp_path, *arguments)
    client = client_of(server)
    server.wait_said("it would break the clients of 'credit'")
    assert score(server, ["age", "income"]).ok and refusals(server) == 1

    # until somebody who may says that clients are ready
    client.set_model_version_tag("credit", "3", "millwright.contract.accepted", "true")
    wait_for(lambda: score(server, ["age", "income", "debt"]).ok and
             not score(server, ["age", "income"]).ok)
    assert server.post("/v2/repository/index").json()[0]["reason"] == ""
    check_end(server)


def test_a_file_that_breaks_is_not_loaded(tmp_path):
    def save(columns):
        rows = train_rows(columns)
        booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, rows.iloc[:, 0]), 2)
        booster.save_model(tmp_path / "credit.ubj")

    save(["age", "income"])
    for options, status in (([], 400), (["--contract", "warn"], 200)):
        save(["age", "income"])
        server = Server(tmp_path, tmp_path / "credit.ubj", *options)
        save(["age"])
        answer = server.post("/v2/repository/models/credit/load")
        assert answer.status_code == status, answer.text
        if status == 400:
            assert "column 'income' (float64) is gone" in answer.json()["error"]
            assert score(server, ["age", "income"]).ok
            assert server.post("/v2/repository/models/credit/unload").ok  # then nobody is broken
            assert server.post("/v2/repository/models/credit/load").ok
        assert score(server, ["age"]).ok
        check_end(server)
