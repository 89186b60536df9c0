"""Values against a background: shap's interventional ones, where shap reads the model, and
Shapley's formula over all sets of features, for models of every kind; within 2e-6 of the rows'
largest."""
import itertools
import math

import numpy as np
import pytest

from conftest import N_FEATURES
from millwright import MARGIN, Background, Failure, Model
from test_lightgbm import train as train_lightgbm
from test_xgboost import TYPES, binary, categorical_rows, classes
from test_xgboost import train as train_xgboost

KERNELS = [None, "scalar"]
N_BACKGROUND, FEW = 9, 5


def assert_close(got, wanted):
    room = 2e-6 * np.abs(wanted[..., :-1]).max(initial=0) + 1e-6 * np.abs(wanted[..., -1:])
    assert (np.abs(got - wanted) <= room).all(), np.abs(got - wanted).max()


def check_sums(model, rows, got):
    margin = model.predict(rows, MARGIN)
    moved = np.abs(got).sum(axis=2) + np.abs(margin)
    assert (np.abs(got.sum(axis=2) - margin) <= 1e-5 * moved).all()


# ---- by the definition ---------------------------------------------------------------------------

def shapley(model, rows, background):
    """(rows, margins, features + 1): every set of features, every row mixed with every other."""
    n = rows.shape[1]
    worth = {}
    for known in itertools.product([False, True], repeat=n):
        mixed = np.where(known, rows[:, None, :], background[None, :, :])
        margins = model.predict(mixed.reshape(-1, n), MARGIN)
        worth[known] = margins.reshape(len(rows), len(background), -1).mean(axis=1)
    values = np.zeros((len(rows), worth[known].shape[1], n + 1))
    values[:, :, n] = worth[(False,) * n]
    for known, value in worth.items():
        for f in range(n):
            size = sum(known) - known[f]
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            values[:, :, f] += (weight if known[f] else -weight) * value
    return values


def compare(path, rows, background=None):
    rows = np.asarray(rows, float)
    background = rows[-N_BACKGROUND:] if background is None else background
    wanted = shapley(Model(path), rows[:FEW], background)
    for kernel in KERNELS:
        model = Model(path, kernel)
        got = Background(model, background).explain(rows[:FEW])
        assert_close(got, wanted)
        check_sums(model, rows[:FEW], got)


def save(booster, folder):
    path = folder / "model.ubj"
    booster.save_model(path)
    return path


@pytest.mark.parametrize("params", [
    {}, {"max_depth": 1}, {"booster": "dart", "rate_drop": 0.4, "one_drop": 1},
    {"booster": "gblinear"}, {"objective": "multi:softprob", "num_class": 4},
    {"max_depth": 0, "max_leaves": 40, "grow_policy": "lossguide", "tree_method": "hist"},
], ids=lambda p: ",".join(f"{k}={v}" for k, v in p.items()) or "plain")
def test_xgboost(rows, target, tmp_path, params):
    label = classes(target) if "num_class" in params else target
    compare(save(train_xgboost(rows, label, **params), tmp_path), rows)


def test_xgboost_vector_leaves(rows, target, tmp_path):
    label = np.stack([target, -target, target ** 2 - 5], axis=1)
    booster = train_xgboost(rows, label, multi_strategy="multi_output_tree")
    compare(save(booster, tmp_path), rows)


def test_xgboost_categories(tmp_path):
    rows, target = categorical_rows(12)
    booster = train_xgboost(rows, target, 12, max_cat_to_onehot=1, feature_types=TYPES)
    compare(save(booster, tmp_path), rows)


@pytest.mark.parametrize("params", [
    {}, {"num_leaves": 60, "min_data_in_leaf": 1}, {"objective": "multiclass", "num_class": 4},
    {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
], ids=lambda p: ",".join(f"{k}={v}" for k, v in p.items()) or "plain")
def test_lightgbm(rows, target, tmp_path, params):
    label = classes(target) if "num_class" in params else target
    booster = train_lightgbm(rows, label, **params)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    compare(path, rows)


@pytest.mark.parametrize("policy", ["SymmetricTree", "Depthwise", "Lossguide"])
@pytest.mark.parametrize("loss", ["RMSE", "MultiClass"])
def test_catboost(rows, target, tmp_path, policy, loss):
    catboost = pytest.importorskip("catboost")
    kind = catboost.CatBoostRegressor if loss == "RMSE" else catboost.CatBoostClassifier
    trained = kind(iterations=12, depth=4, grow_policy=policy, loss_function=loss, verbose=0,
                   thread_count=1, allow_writing_files=False)
    trained.fit(rows.astype(np.float32), target if loss == "RMSE" else classes(target))
    path = tmp_path / "model.json"
    trained.save_model(str(path), format="json")
    compare(path, rows.astype(np.float32))


@pytest.mark.parametrize("kind, label", [
    ("RandomForestClassifier", binary), ("RandomForestClassifier", classes),
    ("RandomForestRegressor", lambda y: y), ("GradientBoostingClassifier", binary),
    ("GradientBoostingRegressor", lambda y: y)])
def test_onnx_forests(rows, target, tmp_path, kind, label):
    """They have no covers: only against a background can they be explained, and that is said."""
    onnx = pytest.importorskip("onnx")
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn import ensemble
    whole = np.nan_to_num(rows).astype(np.float32)
    trained = getattr(ensemble, kind)(n_estimators=6, max_depth=5, random_state=1)
    trained.fit(whole, label(target))
    path = tmp_path / "model.onnx"
    onnx.save(skl2onnx.to_onnx(trained, whole[:1]), path)
    compare(path, whole)
    with pytest.raises(Failure, match="--background"):
        Model(path).explain(whole)


@pytest.mark.parametrize("kind, label", [
    ("LogisticRegression", binary), ("LogisticRegression", classes), ("Ridge", lambda y: y)])
def test_onnx_linear(rows, target, tmp_path, kind, label):
    onnx = pytest.importorskip("onnx")
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn import linear_model
    whole = np.nan_to_num(rows).astype(np.float32)
    trained = getattr(linear_model, kind)().fit(whole, label(target))
    path = tmp_path / "model.onnx"
    onnx.save(skl2onnx.to_onnx(trained, whole[:1]), path)
    compare(path, whole)


# ---- shap ----------------------------------------------------------------------------------------

def check_shap(booster, path, rows, background, output, tidy=lambda values: values):
    shap = pytest.importorskip("shap")
    scale = {"raw": "margin"}.get(output, output)
    theirs = shap.TreeExplainer(booster, background, feature_perturbation="interventional",
                                model_output=output)
    wanted = tidy(np.asarray(theirs.shap_values(rows, check_additivity=False)))
    for kernel in KERNELS:
        got = Background(Model(path, kernel), background, scale).explain(rows)
        assert np.abs(got[:, 0, :-1] - wanted).max() <= 2e-6 * np.abs(wanted).max()
        assert got[0, 0, -1] == pytest.approx(np.ravel(theirs.expected_value)[0], rel=1e-6)


@pytest.mark.parametrize("output", ["raw", "probability"])
@pytest.mark.parametrize("n_background", [1, 60])
def test_shap_and_xgboost(rows, target, tmp_path, output, n_background):
    booster = train_xgboost(rows, binary(target), 20, objective="binary:logistic", max_depth=6)
    check_shap(booster, save(booster, tmp_path), rows[:40], rows[-n_background:], output)


@pytest.mark.parametrize("output", ["raw", "probability"])
def test_shap_and_lightgbm(rows, target, tmp_path, output):
    booster = train_lightgbm(rows, binary(target), 20, objective="binary", num_leaves=50)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    check_shap(booster, path, rows[:40], rows[-60:], output)


# ---- refusals ------------------------------------------------------------------------------------

def test_refusals(rows, target, tmp_path):
    model = Model(save(train_xgboost(rows, target), tmp_path))
    with pytest.raises(Failure, match="no rows"):
        Background(model, rows[:0])
    with pytest.raises(Failure, match="background; .*features"):
        Background(model, np.ascontiguousarray(rows[:, 1:]))
    with pytest.raises(Failure, match="logistic function"):
        Background(model, rows, "probability")
    assert Background(model, rows).explain(rows[:0]).shape == (0, 1, N_FEATURES + 1)
