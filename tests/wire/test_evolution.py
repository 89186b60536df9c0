"""Columns that change between versions, as the model declares it: requests of clients that know the
older one are right still."""
import json
import shutil

import numpy as np
import pytest
import xgboost
from conftest import ROOT, until

MODEL = ROOT / "examples/models/credit.json"
OLD = ["credit_limit", "balance", "payments_late", "months_since_late", "salary", "age",
       "months_customer", "last_payment"]
NEW = [name if name != "salary" else "income" for name in OLD]
ROW = [29000.0, 2480.0, 2, 44, 33300.0, 64, 28, 2.34]
DECLARED = "columns:\n  income: {was: salary}\n  age: {default: 40}\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evolved")
    shutil.copy(MODEL, folder / "credit.json")
    (folder / "credit.json.contract.yaml").write_text(DECLARED)
    return folder / "credit.json"


def as_json(server, body):
    answer = server.post("/invocations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def test_old_requests_are_right(serve, model):
    server, plain = serve(f"credit={model}"), serve(f"credit={MODEL}")

    def wanted(**changes):
        return as_json(plain, {"dataframe_records": [{**dict(zip(NEW, ROW)), **changes}]})
    old, new = dict(zip(OLD, ROW)), dict(zip(NEW, ROW))
    no_age = {name: value for name, value in old.items() if name != "age"}
    for body in ({"dataframe_records": [old]}, {"dataframe_records": [new]},
                 {"dataframe_split": {"columns": OLD, "data": [ROW]}},
                 {"dataframe_split": {"columns": OLD[::-1], "data": [ROW[::-1]]}},
                 {"inputs": {name: [value] for name, value in old.items()}}):
        assert as_json(server, body) == wanted(), body
    # left out is the default, of each row by itself; null is missing
    assert as_json(server, {"dataframe_records": [no_age, old]}) == wanted(age=40) + wanted()
    assert as_json(server, {"dataframe_records": [{**old, "age": None}]}) == wanted(age=None)
    keys, values = list(no_age), list(no_age.values())
    assert as_json(server, {"dataframe_split": {"columns": keys, "data": [values]}}) == \
        wanted(age=40)
    csv = server.post("/invocations", headers={"Content-Type": "text/csv"},
                      data=",".join(keys) + "\n" + ",".join(map(str, values)) + "\n")
    assert csv.json()["predictions"] == wanted(age=40)
    tensors = [{"name": name, "datatype": "FP64", "shape": [1], "data": [value]}
               for name, value in no_age.items()]
    answer = server.post("/v2/models/credit/infer", json={"inputs": tensors})
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == pytest.approx(wanted(age=40), rel=1e-6)
    both = server.post("/invocations", json={
        "dataframe_split": {"columns": NEW + ["salary"], "data": [ROW + [1.0]]}})
    assert both.status_code == 400 and "salary" in both.text


def test_it_is_shown(run, model):
    shown = run("model", "show", model).stdout
    assert "age\tfloat64, optional, left out: 40.0" in shown, shown
    features = json.loads(run("model", "show", model, "--json").stdout)["features"]
    found = {f["name"]: f for f in features}
    assert found["income"]["was"] == ["salary"] and found["age"]["default"] == 40


def test_a_rename_breaks_nobody(run, tmp_path, model):
    """The version before had the old name, and wanted an age."""
    before = tmp_path / "before.json"
    before.write_text(MODEL.read_text().replace('"income"', '"salary"'))
    done = json.loads(run("model", "diff", before, model, "--format", "json").stdout)
    assert [c["key"] for c in done["differences"]] == ["renamed", "optional"] and not done["breaks"]
    undeclared = json.loads(run("model", "diff", before, MODEL, "--format", "json").stdout)
    assert undeclared["breaks"]


def test_what_does_not_fit_is_refused(run, tmp_path):
    shutil.copy(MODEL, tmp_path / "credit.json")
    (tmp_path / "credit.json.contract.yaml").write_text("columns:\n  age: {default: old}\n")
    done = run("model", "show", tmp_path / "credit.json")
    assert done.returncode == 1 and "MW2106" in done.stderr
    assert "credit.json.contract.yaml: 2:18: no value of its column: 'old'" in done.stderr


def test_declared_where_it_is_logged(serve, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    rows = np.random.default_rng(1).normal(size=(100, 2))
    booster = xgboost.train({"max_depth": 2, "nthread": 1},
                            xgboost.DMatrix(rows, rows.sum(axis=1), feature_names=["a", "b"]), 3)
    mlflow.xgboost.save_model(booster, tmp_path / "m", pip_requirements=["xgboost"], metadata={
        "millwright": {"columns": {"b": {"was": "bee", "default": 0.5}}}})
    server = serve(f"m={tmp_path / 'm'}")
    one = as_json(server, {"dataframe_records": [{"a": 1, "bee": 0.5}, {"a": 1},
                                                 {"a": 1, "b": -2}]})
    assert one[0] == one[1] != one[2]


@pytest.mark.hostile
def test_registration_diff_deploy_and_request_agree(serve, run, tmp_path):
    """One declaration, kept with its version; an apply and a rollout lead to it, and back."""
    record = tmp_path / "record"
    server = serve("--record", record)
    here = f"127.0.0.1:{server.port}"
    paths = {name: tmp_path / f"{name}.json" for name in ("before", "declared", "silent")}
    paths["before"].write_text(MODEL.read_text().replace('"income"', '"salary"'))
    for name in ("declared", "silent"):
        shutil.copy(MODEL, paths[name])
    (tmp_path / "declared.json.contract.yaml").write_text(DECLARED)
    for number, (name, path) in enumerate(paths.items(), 1):
        alias = ["--alias", "champion"] if number == 1 else []
        done = run("model", "register", "credit", path, *alias, "--server", here)
        assert done.returncode == 0, name + done.stderr

    def tags(number):
        found = server.get("/api/2.0/mlflow/model-versions/get",
                           params={"name": "credit", "version": number}).json()["model_version"]
        return {tag["key"]: tag["value"] for tag in found.get("tags", [])}

    def differs(number):
        return json.loads(run("model", "diff", "models:/credit/1", f"models:/credit/{number}",
                              "--format", "json", "--record", record).stdout)
    # registration and diff: the declared one breaks nobody, the other does
    assert "millwright.contract" not in tags(2)
    assert "column 'salary' (float64) is gone" in tags(3)["millwright.contract"]
    rules = [d["key"] for d in differs(2)["differences"] if d["section"] == "contract"]
    assert not differs(2)["breaks"] and rules == ["renamed", "optional"]
    assert differs(3)["breaks"]
    inputs = server.get("/mw/v1/lineage?id=credit/2").json()["inputs"]
    assert {"was": ["salary"], "required": True}.items() <= inputs[4].items()
    assert inputs[OLD.index("age")]["required"] is False

    # deploy: the record's endpoint goes to it by a rollout, the other is refused, and back
    def apply(version):
        document = tmp_path / "millwright.yaml"
        document.write_text("endpoints: [{name: credit, model: models:/credit@champion}]\n"
                            f"rollouts: [{{endpoint: credit, model: credit/{version}, "
                            "strategy: blue-green}]\n")
        return run("apply", "-f", document, "--server", here)

    def ask(row):
        answer = server.post("/endpoints/credit/invocations", json={"dataframe_records": [row]})
        return answer.status_code, answer.headers.get("X-Millwright-Version"), answer.text
    old = dict(zip(OLD, ROW))
    no_age = {name: value for name, value in old.items() if name != "age"}
    assert apply(1).returncode == 0
    until(lambda: ask(old)[0] == 200)
    until(lambda: apply(2).returncode == 0)  # once it is noted what is served
    until(lambda: ask(no_age)[:2] == (200, "2"))
    assert ask(old)[0] == 200
    broken = run("rollout", "start", "credit", "--model", "credit/3", "--server", here)
    assert broken.returncode == 5 and "would break the clients of 'credit'" in broken.stderr
    back = run("rollback", "credit", "--server", here)
    assert back.returncode == 0 and "state    rolled_back" in back.stdout, back.stderr
    # both doors tell the same
    for words in (["status", "credit"], ["history", "credit"], ["list"]):
        for form in ([], ["--json"]):
            there, at_hand = (run("rollout", *words, *form, *door).stdout
                              for door in (["--server", here], ["--record", record]))
            assert there == at_hand and "rolled_back" in there, words
    again = [run("rollback", "credit", *door)
             for door in (["--server", here], ["--record", record])]
    assert again[0].stderr == again[1].stderr and again[0].returncode == again[1].returncode == 5
    until(lambda: ask(no_age)[0] == 400)
    assert ask(old)[0] == 200
    refused = run("rollout", "start", "credit", "--model", "credit/3", "--record", record)
    assert refused.returncode == 5 and "would break the clients of 'credit'" in refused.stderr
    assert apply(3).returncode == 1 and ask(old)[0] == 200
    assert server.stop() == 0
