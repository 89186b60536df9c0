"""Models and outputs that were made elsewhere: ../shared/data/models, where it is there."""
import csv
import gzip
import json

import numpy as np
import pytest

from conftest import ulps
from millwright import ROOT, Background, Model

FOLDER = ROOT.parent / "shared" / "data" / "models"
if not (FOLDER / "index.json").exists():
    pytest.skip(f"no {FOLDER}", allow_module_level=True)

INDEX = json.loads((FOLDER / "index.json").read_text())["models"]
CASES = [(name, file) for name, entry in INDEX.items() for file in entry["files"]
         if entry["family"].startswith(("xgboost", "lightgbm", "catboost", "onnx"))]
# ONNX files do not say how many rows each node saw.
EXPLAINED = [case for case in CASES if INDEX[case[0]]["family"] != "onnx"]


def read(path, prefixes=None):
    with open(path, newline="") as file:
        table = list(csv.reader(file))
    picked = [i for i, name in enumerate(table[0])
              if prefixes is None or name.split("_")[0] in prefixes]
    return np.array([[float(row[i]) if row[i] else np.nan for i in picked] for row in table[1:]])


def read_scores(path):
    with open(path, newline="") as file:
        table = list(csv.DictReader(file))
    names = [name for name in table[0] if "probabilit" in name]
    return np.array([[float(row[name]) for name in names] for row in table])


@pytest.mark.parametrize("kernel", [None, "scalar"])
@pytest.mark.parametrize("name, file", CASES)
def test_recorded_outputs(name, file, kernel):
    model = Model(FOLDER / file, kernel)
    rows = read(FOLDER / INDEX[name]["input"])
    if INDEX[name]["family"] == "onnx":
        scores = read_scores(FOLDER / f"{name}.out.csv")
        np.testing.assert_allclose(model.predict(rows), scores, rtol=0, atol=1e-6)
        return
    margin = read(FOLDER / f"{name}.out.csv", {"margin"})
    prediction = read(FOLDER / f"{name}.out.csv", {"pred"})
    if INDEX[name]["family"].startswith("catboost"):
        # Of both classes; ours is the second one's. The regression wine-cat has them, too, by
        # mistake.
        prediction = margin if name == "wine-cat" else prediction[:, 1:]
    if INDEX[name]["family"].startswith("xgboost"):
        assert np.array_equal(model.margin(rows).astype(np.float32), margin.astype(np.float32))
        assert ulps(model.predict(rows), prediction).max() <= 1
    else:
        np.testing.assert_allclose(model.margin(rows), margin, rtol=1e-12)
        np.testing.assert_allclose(model.predict(rows), prediction, rtol=1e-12)


@pytest.mark.parametrize("kernel", [None, "scalar"])
@pytest.mark.parametrize("name, file", EXPLAINED)
def test_recorded_contributions(name, file, kernel):
    with open(FOLDER / f"{name}.shap.csv", newline="") as recorded:
        header = next(csv.reader(recorded))
    table = read(FOLDER / f"{name}.shap.csv")
    column = {word: i for i, word in enumerate(header)}
    named = [i for i, word in enumerate(header) if word not in ("row", "output")]
    rows = read(FOLDER / INDEX[name]["input"])
    got = Model(FOLDER / file, kernel).explain(rows)
    output = table[:, column["output"]].astype(int) if "output" in column else 0
    got = got[table[:, column["row"]].astype(int), output]
    wanted = table[:, named]
    assert np.abs(got - wanted)[:, :-1].max() <= 2e-6 * np.abs(wanted[:, :-1]).max()
    np.testing.assert_allclose(got[:, -1], wanted[:, -1], rtol=1e-6)


@pytest.mark.parametrize("kernel", [None, "scalar"])
@pytest.mark.parametrize("name, file", CASES)
def test_recorded_background(name, file, kernel):
    for scale, word in (("margin", "interventional"), ("probability", "probability")):
        path = FOLDER / f"{name}.shap_{word}.csv"
        if not path.exists():
            continue
        wanted = read(path)
        rows = read(FOLDER / INDEX[name]["input"])[wanted[:, 0].astype(int)]
        against = Background(Model(FOLDER / file, kernel), read(FOLDER / "adult.background.csv"),
                             scale)
        got = against.explain(rows[:20])[:, 0]
        wanted = wanted[:20, 1:]
        assert np.abs(got - wanted)[:, :-1].max() <= 2e-6 * np.abs(wanted[:, :-1]).max()
        np.testing.assert_allclose(got[:, -1], wanted[:, -1], rtol=1e-6)


@pytest.mark.parametrize("name, file", CASES)
def test_recorded_interactions(name, file):
    path = FOLDER / f"{name}.inter.csv.gz"
    if not path.exists():
        pytest.skip("none recorded")
    with gzip.open(path, "rt", newline="") as recorded:
        table = list(csv.reader(recorded))[1:]
    side = len(table[0]) - 2
    wanted = np.array([line[2:] for line in table], float).reshape(-1, side, side)
    rows = read(FOLDER / INDEX[name]["input"])[:len(wanted)]
    got = Model(FOLDER / file).interactions(rows)[:, 0]
    features = rows.shape[1]  # shap's have no row and column of the bias, XGBoost's do
    assert side in (features, features + 1)
    largest = np.abs(wanted.sum(axis=2))[:, :features].max()
    off = np.abs(got[:, :side, :side] - wanted)
    off[:, features:, features:] = 0
    assert off.max() <= 4e-6 * largest
