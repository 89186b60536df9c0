"""Contributions against pred_contribs of XGBoost and pred_contrib of LightGBM, on models of every
kind: within 2e-6 of the rows' largest one; and what they add up to is the margin.

Of the rows', not of each row's: XGBoost computes in float32, and where a row's contributions are
all small it is off from the definition by more than that (3e-6 was measured)."""
import json

import numpy as np
import pytest

from conftest import N_FEATURES
from millwright import MARGIN, Failure, Model
from test_lightgbm import OBJECTIVES as LIGHTGBM_OBJECTIVES
from test_lightgbm import BAGGED
from test_lightgbm import TREES as LIGHTGBM_TREES
from test_lightgbm import train as train_lightgbm
from test_xgboost import OBJECTIVES as XGBOOST_OBJECTIVES
from test_xgboost import TREES as XGBOOST_TREES
from test_xgboost import TYPES, binary, categorical_rows, classes
from test_xgboost import train as train_xgboost

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")

FEW = 60  # rows: the specification is slow


# ---- comparing -----------------------------------------------------------------------------------

def check_sums(model, rows, got):
    """Local accuracy: bias and contributions add up to the margin."""
    margin = model.predict(rows, MARGIN)
    moved = np.abs(got).sum(axis=2) + np.abs(margin)
    assert (np.abs(got.sum(axis=2) - margin) <= 1e-5 * moved).all()


def assert_close(got, wanted):
    room = 2e-6 * np.abs(wanted[..., :-1]).max(initial=0) + np.zeros(got.shape)
    room[..., -1] += 1e-6 * np.abs(wanted[..., -1])
    wrong = np.abs(got - wanted) > room
    assert not wrong.any(), (np.argwhere(wrong)[0], got[wrong][0], wanted[wrong][0])


def compare(path, rows, expected):
    """`expected` is theirs, or None when their library explains no such model."""
    rows = np.asarray(rows, float)[:FEW]
    fast, exact = Model(path), Model(path, "scalar")
    got, wanted = fast.explain(rows), exact.explain(rows)
    assert_close(got, wanted)
    for values in (got, wanted):
        check_sums(fast, rows, values)
        if expected is not None:
            assert_close(values, np.asarray(expected, float)[:FEW].reshape(got.shape))


def check_xgboost(booster, rows, folder, known=True, **dmatrix):
    data = xgb.DMatrix(rows, **dmatrix)
    path = folder / "model.ubj"
    booster.save_model(path)
    compare(path, rows, booster.predict(data, pred_contribs=True) if known else None)


def check_lightgbm(booster, rows, folder):
    path = folder / "model.txt"
    booster.save_model(path)
    compare(path, rows, booster.predict(rows, pred_contrib=True))


# ---- XGBoost -------------------------------------------------------------------------------------

@pytest.mark.parametrize("objective, label, params", XGBOOST_OBJECTIVES,
                         ids=lambda v: v if isinstance(v, str) else None)
def test_xgboost_objective(rows, target, tmp_path, objective, label, params):
    check_xgboost(train_xgboost(rows, label(target), objective=objective, **params), rows, tmp_path)


@pytest.mark.parametrize("name", [name for name in XGBOOST_TREES if name != "deep"])
def test_xgboost_trees(rows, target, tmp_path, name):
    check_xgboost(train_xgboost(rows, target, **XGBOOST_TREES[name]), rows, tmp_path)


def test_xgboost_deep(rows, target, tmp_path):
    check_xgboost(train_xgboost(rows, target, 3, **XGBOOST_TREES["deep"]), rows, tmp_path)


def test_many_features_on_a_path(tmp_path):
    """18 levels over 40 features: nine points and more."""
    random = np.random.default_rng(3)
    wide = random.normal(size=(1500, 40))
    label = wide @ random.normal(size=40)
    booster = train_xgboost(wide, label, 3, max_depth=18, min_child_weight=0)
    check_xgboost(booster, wide, tmp_path)


@pytest.mark.parametrize("objective, label, more", [
    ("reg:squarederror", lambda y: y, {}),
    ("binary:logistic", binary, {"base_score": 0.3}),
    ("multi:softprob", classes, {"num_class": 4}),
])
@pytest.mark.parametrize("booster", ["dart", "gblinear"])
def test_xgboost_boosters(rows, target, tmp_path, objective, label, more, booster):
    if booster == "dart":
        more = {"rate_drop": 0.4, "one_drop": 1, **more}
    check_xgboost(train_xgboost(rows, label(target), 12, booster=booster, objective=objective,
                                **more), rows, tmp_path)


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_xgboost_targets(rows, target, tmp_path, strategy):
    """XGBoost 3.2 explains no vector leaves: there, the sum is what holds."""
    label = np.stack([target, -target, target ** 2 - 5], axis=1)
    booster = train_xgboost(rows, label, multi_strategy=strategy)
    check_xgboost(booster, rows, tmp_path, known=strategy == "one_output_per_tree")


@pytest.mark.parametrize("n_categories, onehot", [(4, 100), (12, 1), (64, 1)])
def test_xgboost_categories(tmp_path, n_categories, onehot):
    rows, target = categorical_rows(n_categories)
    booster = train_xgboost(rows, target, 12, max_cat_to_onehot=onehot, feature_types=TYPES,
                            max_depth=6)
    check_xgboost(booster, rows, tmp_path, feature_types=TYPES, enable_categorical=True)


def test_xgboost_missing(rows, target, tmp_path):
    holes = rows.copy()
    holes[:, 2] = np.nan
    check_xgboost(train_xgboost(rows, target), holes, tmp_path)
    check_xgboost(train_xgboost(rows, target), np.full((3, N_FEATURES), np.nan), tmp_path)


def test_without_covers(rows, target, tmp_path):
    booster = train_xgboost(rows, target)
    path = tmp_path / "model.json"
    booster.save_model(path)
    model = json.loads(path.read_text())
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        del tree["sum_hessian"]
    path.write_text(json.dumps(model))
    assert Model(path).margin(rows).shape == (len(rows), 1)
    with pytest.raises(Failure, match="how many rows each node saw"):
        Model(path).explain(rows)


# ---- LightGBM ------------------------------------------------------------------------------------

@pytest.mark.parametrize("objective, label, params", LIGHTGBM_OBJECTIVES,
                         ids=lambda v: v if isinstance(v, str) else None)
def test_lightgbm_objective(rows, target, tmp_path, objective, label, params):
    check_lightgbm(train_lightgbm(rows, label(target), objective=objective, **params), rows,
                   tmp_path)


@pytest.mark.parametrize("name", [name for name in LIGHTGBM_TREES if name != "deep"])
def test_lightgbm_trees(rows, target, tmp_path, name):
    check_lightgbm(train_lightgbm(rows, target, **LIGHTGBM_TREES[name]), rows, tmp_path)


def test_lightgbm_deep(rows, target, tmp_path):
    check_lightgbm(train_lightgbm(rows, target, 3, **LIGHTGBM_TREES["deep"]), rows, tmp_path)


@pytest.mark.parametrize("boosting", ["rf", "dart"])
def test_lightgbm_classes(rows, target, tmp_path, boosting):
    booster = train_lightgbm(rows, classes(target), 12, objective="multiclass", num_class=4,
                             boosting=boosting, **BAGGED)
    check_lightgbm(booster, rows, tmp_path)


@pytest.mark.parametrize("more", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_lightgbm_missing(rows, target, tmp_path, more):
    zeros = rows.copy()
    zeros[::7, 1] = 0
    check_lightgbm(train_lightgbm(zeros, target, **more), zeros, tmp_path)


def test_lightgbm_categories(tmp_path):
    rows, target = categorical_rows(30)
    booster = train_lightgbm(rows, target, 12, categorical_feature=[0, 1], min_data_per_group=5)
    check_lightgbm(booster, rows, tmp_path)


def test_lightgbm_linear_leaves(rows, target, tmp_path):
    """LightGBM refuses; so do we, and say why."""
    booster = train_lightgbm(rows, target, linear_tree=True)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    with pytest.raises(Failure, match="linear leaves"):
        Model(path).explain(rows)
