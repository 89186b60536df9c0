"""The Python helpers: a profile made in a notebook is that of `mw data profile`, and a model that
it is logged with is watched against it."""
import json
import math
import pathlib
import sys

import mlflow
import numpy
import pandas
import pytest
import xgboost
from conftest import Server, check_end

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))
import millwright  # noqa: E402

ROWS = 3000


def table(seed):
    """Columns as notebooks have them: skewed, whole, crowded, constant, missing, infinite, text."""
    rng = numpy.random.default_rng(seed)
    income = rng.lognormal(10, 0.5, ROWS)
    income[rng.random(ROWS) < 0.05] = math.nan
    odd = rng.normal(size=ROWS)
    odd[:3] = math.inf, -math.inf, math.nan
    city = rng.choice(["Ulm", "Bonn", "Køln", 'a "b", c', "1"], ROWS).astype(object)
    city[rng.random(ROWS) < 0.1] = None
    return pandas.DataFrame({
        "income": income, "age": rng.integers(18, 80, ROWS), "odd": odd,
        "crowded": numpy.where(rng.random(ROWS) < 0.7, 0.0, rng.exponential(size=ROWS)),
        "constant": numpy.full(ROWS, 2.5), "never": numpy.full(ROWS, math.nan),
        "float32": rng.normal(size=ROWS).astype(numpy.float32), "city": city,
        "street": [f"street {i}" for i in rng.integers(0, 1500, ROWS)],
        "code": rng.integers(0, 12, ROWS), "late": (rng.random(ROWS) < 0.3).astype(int)})


def same(ours, told):
    for key, value in told.items():
        if key == "categories":  # of those that are as common any may come first
            assert [n for _, n in ours[key]] == [n for _, n in value]
            least = value[-1][1] if told["others"] else 0
            assert {tuple(c) for c in ours[key] if c[1] > least} == {
                tuple(c) for c in value if c[1] > least}
        elif isinstance(value, float):
            assert ours[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
        else:
            assert ours[key] == value, key
    assert set(ours) == set(told)


@pytest.mark.parametrize("seed", range(3))
def test_a_profile_is_that_of_the_command(run, tmp_path, seed):
    data = table(seed)
    data.astype({"float32": "float64"}).to_csv(tmp_path / "t.csv", index=False)  # all digits
    told = json.loads(run("data", "profile", "t.csv", "--label", "late", "--categorical", "code",
                          cwd=tmp_path).stdout)
    ours = millwright.profile(data, label="late", categorical="code", source="t.csv")
    assert {k: v for k, v in ours.items() if k != "columns"} == {
        k: v for k, v in told.items() if k != "columns"}
    assert [c["name"] for c in ours["columns"]] == [c["name"] for c in told["columns"]]
    for mine, column in zip(ours["columns"], told["columns"]):
        same(mine, column)


def test_kinds_of_columns(run, tmp_path):
    data = pandas.DataFrame({
        "flag": [True, False, True], "maybe": pandas.array([True, None, False], dtype="boolean"),
        "whole": pandas.array([1, None, 3], dtype="Int64"), "text": pandas.array(["a", None, "b"],
                                                                               dtype="string"),
        "kind": pandas.Categorical([3, 4, None], categories=[3, 4]),
        "mixed": pandas.Series([1, None, 2.5], dtype=object)})
    told = {c["name"]: c for c in millwright.profile(data)["columns"]}
    kinds = {name: (c["kind"], c["count"], c["missing"]) for name, c in told.items()}
    assert kinds == {"flag": ("number", 3, 0), "maybe": ("number", 2, 1), "whole": ("number", 2, 1),
                     "text": ("category", 2, 1), "kind": ("category", 2, 1),
                     "mixed": ("number", 2, 1)}
    assert told["flag"]["mean"] == pytest.approx(2 / 3)
    assert told["kind"]["categories"] == [["3", 1], ["4", 1]]
    assert millwright.profile({"x": [1, 2]})["columns"][0]["median"] == 1.5
    millwright.write_profile(tmp_path / "p.json", table(1), label="late")
    table(2).to_csv(tmp_path / "now.csv", index=False)
    done = run("drift", "check", "--ref", tmp_path / "p.json", "--cur", tmp_path / "now.csv",
               cwd=tmp_path)
    assert done.returncode in (0, 6), done.stderr


@pytest.mark.parametrize("data, options, words", [
    ([1, 2], {}, "no names of columns"),
    ({"x": [1]}, {"label": "y"}, "no column 'y'; there are 'x'"),
    ({"x": [1, 2], "y": [1]}, {}, "different lengths"),
    ({"x": pandas.to_datetime(["2026-01-01"])}, {}, "'x' holds times"),
    ({"x": numpy.zeros((2, 2))}, {}, "rows of several values"),
])
def test_wrong_data_is_told(data, options, words):
    with pytest.raises(millwright.ProfileError, match=words):
        millwright.profile(data, **options)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A record with a model of three columns, kept by log_model and in its run."""
    folder = tmp_path_factory.mktemp("python")
    server = Server(folder, "--record", folder / "record")
    mlflow.set_tracking_uri(server.url)
    rows = pandas.DataFrame(numpy.random.default_rng(5).normal(size=(600, 3)), columns=list("abc"))
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, xgboost.DMatrix(rows, rows["a"]), 5)
    with mlflow.start_run() as run:
        info = mlflow.xgboost.log_model(booster, name="m", registered_model_name="late",
                                        pip_requirements=["xgboost"])
        booster.save_model(folder / "model.json")
        mlflow.log_artifact(folder / "model.json", "kept")
    mlflow.MlflowClient().set_registered_model_alias("late", "champion", "1")
    kept = {"folder": folder, "info": info, "rows": rows, "run": run.info.run_id, "server": server,
            "address": f"127.0.0.1:{server.port}"}
    yield kept
    check_end(kept["server"])


@pytest.mark.parametrize("form", ["info", "version", "alias", "model", "run"])
def test_a_profile_is_kept_with_the_model(logged, tmp_path, form):
    model = {"info": logged["info"], "version": "models:/late/1", "alias": "models:/late@champion",
             "model": f"models:/{logged['info'].model_id}",
             "run": f"runs:/{logged['run']}/kept"}[form]
    made = millwright.log_profile(model, logged["rows"], source=form)
    address = model if isinstance(model, str) else model.model_uri
    folder = mlflow.artifacts.download_artifacts(address, dst_path=str(tmp_path))
    kept = json.loads(pathlib.Path(folder, "millwright/profile.json").read_text(encoding="utf-8"))
    assert kept == made and kept["source"] == form


def test_what_is_served_is_watched_against_it(logged, tmp_path):
    millwright.log_profile("models:/late/1", logged["rows"], source="notebook")
    logged["server"].process.terminate()
    logged["server"].process.wait(30)
    logged["server"] = Server(logged["folder"], "models:/late@champion", "--record",
                              logged["folder"] / "record", listen=logged["address"])
    told = logged["server"].get("/drift").json()["endpoints"][0]
    assert told["state"] == "watching"
    told = {key: told["reference"][key] for key in ("kind", "rows", "source", "columns")}
    assert told == {"kind": "profile", "rows": 600, "source": "notebook", "columns": 3}


@pytest.mark.parametrize("model, words", [("late", "names no model"), (7, "what log_model"),
                                          ("runs:/abc", "names no model")])
def test_what_names_no_model_is_told(logged, model, words):
    with pytest.raises(millwright.ProfileError, match=words):
        millwright.log_profile(model, logged["rows"])
