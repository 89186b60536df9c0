"""CatBoost's JSON models against CatBoost: raw values to the last bit, predictions to 1e-14."""
import json

import numpy as np
import pytest

from millwright import Failure, Model

catboost = pytest.importorskip("catboost")

POLICIES = ["SymmetricTree", "Depthwise", "Lossguide"]


def make_rows(seed, n=1500):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, 6)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows


def score(rows):
    x = np.nan_to_num(rows)
    return x[:, 0] + x[:, 1] * x[:, 2]


LOSSES = [
    ("Logloss", lambda y: y > 0), ("CrossEntropy", lambda y: 1 / (1 + np.exp(-y))),
    ("MultiClass", lambda y: np.digitize(y, [-1, 1])),
    ("MultiClassOneVsAll", lambda y: np.digitize(y, [-1, 1])),
    ("RMSE", lambda y: y), ("MAE", lambda y: y), ("Quantile:alpha=0.3", lambda y: y),
    ("MultiQuantile:alpha=0.2,0.5", lambda y: y), ("Poisson", lambda y: np.abs(y).round()),
    ("Tweedie:variance_power=1.5", np.abs), ("MultiRMSE", lambda y: np.c_[y, y * y]),
    ("Huber:delta=1", lambda y: y), ("Expectile:alpha=0.3", lambda y: y), ("LogCosh", lambda y: y),
    ("MAPE", lambda y: np.abs(y) + 1), ("Lq:q=3", lambda y: y),
]
CLASSIFIERS = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll")


def train(loss, rows, target, **params):
    params = {"iterations": 12, "depth": 4, "verbose": 0, "thread_count": 1, "random_seed": 1,
              "allow_writing_files": False, "loss_function": loss, **params}
    kind = (catboost.CatBoostClassifier if loss in CLASSIFIERS else catboost.CatBoostRegressor)
    return kind(**params).fit(rows, target)


def save(model, folder):
    path = folder / "model.json"
    model.save_model(str(path), format="json")
    return path


def check(trained, rows, folder):
    n = len(rows)
    raw = np.reshape(trained.predict(rows, prediction_type="RawFormulaVal"), (n, -1))
    if isinstance(trained, catboost.CatBoostClassifier):
        prediction = trained.predict_proba(rows)[:, -1:] if raw.shape[1] == 1 else \
            trained.predict_proba(rows)
    else:
        prediction = np.reshape(trained.predict(rows), (n, -1))
    for kernel in (None, "scalar"):
        model = Model(save(trained, folder), kernel)
        assert np.array_equal(model.margin(rows), raw)
        assert np.array_equal(model.margin(rows.astype(np.float64)), raw)
        np.testing.assert_allclose(model.predict(rows), prediction, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("loss,target", LOSSES, ids=[name for name, _ in LOSSES])
def test_losses(loss, target, policy, tmp_path):
    rows = make_rows(1)
    check(train(loss, rows, target(score(rows)), grow_policy=policy), make_rows(2), tmp_path)


@pytest.mark.parametrize("depth", [1, 2, 6, 7, 8, 10])
def test_depths(depth, tmp_path):
    rows = make_rows(depth)
    check(train("RMSE", rows, score(rows), depth=depth), make_rows(3), tmp_path)


@pytest.mark.parametrize("nan_mode", ["Min", "Max"])
@pytest.mark.parametrize("borders", [5, 254, 1000])
def test_missing_values_and_borders(nan_mode, borders, tmp_path):
    rows = make_rows(4, 4000)
    trained = train("Logloss", rows, score(rows) > 0, nan_mode=nan_mode, border_count=borders)
    check(trained, np.vstack([rows, np.full((1, 6), np.nan, np.float32),
                              np.full((1, 6), np.inf, np.float32)]), tmp_path)


def test_rows_on_the_borders(tmp_path):
    rows = make_rows(5)
    trained = train("RMSE", rows, score(rows))
    borders = json.loads(save(trained, tmp_path).read_text())["features_info"]["float_features"]
    values = [feature["borders"] or [0.0] for feature in borders]
    exact = np.array([[row[i % len(row)] for row in values] for i in range(200)], np.float32)
    check(trained, exact, tmp_path)


def test_class_names(tmp_path):
    rows = make_rows(6)
    model = Model(save(train("MultiClass", rows, np.array(["low", "mid", "high"])[
        np.digitize(score(rows), [-1, 1])]), tmp_path))
    assert model.predict(rows).shape == (len(rows), 3)


def test_categories_are_refused(tmp_path):
    rows = [["a", 1.0], ["b", 2.0], ["a", 3.0], ["c", 4.0]] * 30
    trained = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False).fit(
        rows, [0, 1, 0, 1] * 30, cat_features=[0])
    with pytest.raises(Failure, match="not read yet"):
        Model(save(trained, tmp_path))
