"""Golden rows: made by the command, replayed at each load, kept with a version of the record."""
import json

import mlflow
import pandas
import pytest
import xgboost

from test_swap import replace, two  # noqa: F401: a fixture


@pytest.fixture
def rows(models, tmp_path):
    """The rows of training, with what XGBoost says of them."""
    library = xgboost.Booster(model_file=models.paths["plain"])
    names = library.feature_names or [f"f{i}" for i in range(models.rows.shape[1])]
    table = pandas.DataFrame(models.rows, columns=names)
    table["answer"] = library.predict(xgboost.DMatrix(models.rows, feature_names=names)
                                      if library.feature_names else xgboost.DMatrix(models.rows))
    path = tmp_path / "rows.csv"
    table.to_csv(path, index=False)
    return path


def test_the_librarys_answers_are_replayed(run, serve, two, rows, tmp_path):  # noqa: F811
    model, golden = tmp_path / "a.json", tmp_path / "a.json.golden.json"
    model.write_bytes(two[0])
    made = run("model", "golden", model, "--data", rows, "--answers", "answer", "-o", golden)
    assert made.returncode == 0, made.stderr
    kept = json.loads(golden.read_text())
    assert len(kept["predictions"]) == 32
    assert max(kept["predictions"]) > min(kept["predictions"])
    again = run("model", "golden", model)
    assert again.returncode == 0 and "32 golden rows" in again.stdout

    server = serve(f"a={model}")
    body = {key: value for key, value in kept.items() if key in ("dataframe_split", "inputs")}
    answer = server.post("/endpoints/a/invocations", json=body).json()["predictions"]
    assert answer == pytest.approx(kept["predictions"], rel=1e-6)
    replace(model, two[1])  # another model under the same name
    refused = server.post("/v2/repository/models/a/load")
    assert refused.status_code == 400 and "MW3529" in refused.text
    assert server.post("/endpoints/a/invocations", json=body).json()["predictions"] == answer

    differs = run("model", "golden", model)
    assert differs.returncode == 6 and "MW3529" in differs.stderr
    cannot = run("serve", f"a={model}", "--listen", "127.0.0.1:0")
    assert cannot.returncode != 0 and "golden.json" in cannot.stderr


@pytest.mark.parametrize("options, said", [
    (["--answers", "nobody"], "no column 'nobody'"),
    (["--answers", "answer,answer"], "there is no place for 'answer'"),
    (["--data", "none.csv"], "none.csv"),
    (["--rows", "0"], "--rows"),
])
def test_what_is_wrong_is_told(run, models, rows, options, said):
    bad = run("model", "golden", models.paths["plain"], "--data", rows, *options)
    assert bad.returncode != 0 and said in bad.stderr


def test_answers_that_do_not_hold_are_refused(run, models, rows):
    table = pandas.read_csv(rows)
    table["answer"] += 0.01
    table.to_csv(rows, index=False)
    bad = run("model", "golden", models.paths["plain"], "--data", rows, "--answers", "answer")
    assert bad.returncode != 0 and "MW3530" in bad.stderr and "row" in bad.stderr


def test_without_golden_rows_there_is_nothing_to_replay(run, models):
    none = run("model", "golden", models.paths["plain"])
    assert none.returncode != 0 and "--data" in none.stderr


def test_kept_with_a_version_of_the_record(run, serve, models, rows, tmp_path):
    server = serve("--record", tmp_path / "record")
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("golden")  # the client may remember another file's
    library = xgboost.Booster(model_file=models.paths["plain"])
    with mlflow.start_run():
        mlflow.xgboost.log_model(library, name="model", registered_model_name="credit")
    server.stop()
    made = run("model", "golden", "credit/1", "--data", rows, "--answers", "answer",
               "--record", tmp_path / "record")
    assert made.returncode == 0, made.stderr
    assert "kept with models:/credit/1" in made.stderr
    again = run("model", "golden", "models:/credit/1", "--record", tmp_path / "record")
    assert again.returncode == 0 and "32 golden rows" in again.stdout
    served = serve("models:/credit/1", "--record", tmp_path / "record")
    assert served.get("/v2/models/credit/ready").status_code == 200
