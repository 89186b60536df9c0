"""Interactions against pred_interactions of XGBoost and shap_interaction_values of shap: within
2e-6 of the rows' largest contribution; symmetric, and each line adds up to a contribution."""
import numpy as np
import pytest

from millwright import MARGIN, Failure, Model
from test_lightgbm import train as train_lightgbm
from test_xgboost import TYPES, binary, categorical_rows, classes
from test_xgboost import train as train_xgboost

xgb = pytest.importorskip("xgboost")

FEW = 40


def compare(path, rows, wanted):
    rows = np.asarray(rows, float)[:FEW]
    for kernel in (None, "scalar"):
        model = Model(path, kernel)
        got, plain = model.interactions(rows), model.explain(rows)
        room = 2e-6 * np.abs(plain[..., :-1]).max()
        assert np.array_equal(got, got.swapaxes(2, 3))
        assert np.abs(got.sum(axis=3) - plain)[..., :-1].max() <= room
        margin = model.predict(rows, MARGIN)
        moved = np.abs(got).sum(axis=(2, 3)) + np.abs(margin)
        assert (np.abs(got.sum(axis=(2, 3)) - margin) <= 1e-5 * moved).all()
        if wanted is None:
            continue
        wanted = np.asarray(wanted, float).reshape(got.shape)
        off = np.abs(got - wanted)
        off[..., -1, -1] = 0
        # XGBoost's own matrices are float32 differences, and not quite symmetric.
        assert off.max() <= 2 * room, (off.max(), room)
        np.testing.assert_allclose(got[..., -1, -1], wanted[..., -1, -1], rtol=1e-5)


def check_xgboost(booster, rows, folder, **dmatrix):
    path = folder / "model.ubj"
    booster.save_model(path)
    data = xgb.DMatrix(np.asarray(rows)[:FEW], **dmatrix)
    # XGBoost 3.2 fails on its own shape check for the interactions of a linear model.
    linear = "gblinear" in booster.save_config()
    compare(path, rows, None if linear else booster.predict(data, pred_interactions=True))


@pytest.mark.parametrize("params", [
    {}, {"max_depth": 1}, {"max_depth": 9, "min_child_weight": 0},
    {"booster": "dart", "rate_drop": 0.4, "one_drop": 1}, {"booster": "gblinear"},
    {"objective": "binary:logistic"}, {"objective": "multi:softprob", "num_class": 4},
    {"max_depth": 0, "max_leaves": 40, "grow_policy": "lossguide", "tree_method": "hist"},
], ids=lambda p: ",".join(f"{k}={v}" for k, v in p.items()) or "plain")
def test_xgboost(rows, target, tmp_path, params):
    label = classes(target) if "num_class" in params else target
    label = binary(target) if "objective" in params and "num_class" not in params else label
    check_xgboost(train_xgboost(rows, label, **params), rows, tmp_path)


def test_xgboost_vector_leaves(rows, target, tmp_path):
    """XGBoost explains none: there, the sums are what holds."""
    label = np.stack([target, -target, target ** 2 - 5], axis=1)
    booster = train_xgboost(rows, label, multi_strategy="multi_output_tree")
    booster.save_model(tmp_path / "model.ubj")
    compare(tmp_path / "model.ubj", rows, None)


@pytest.mark.parametrize("onehot", [100, 1])
def test_xgboost_categories(tmp_path, onehot):
    rows, target = categorical_rows(12)
    booster = train_xgboost(rows, target, 12, max_cat_to_onehot=onehot, feature_types=TYPES)
    check_xgboost(booster, rows, tmp_path, feature_types=TYPES, enable_categorical=True)


@pytest.mark.parametrize("params", [{}, {"num_leaves": 60, "min_data_in_leaf": 1}],
                         ids=["plain", "deep"])
def test_lightgbm(rows, target, tmp_path, params):
    shap = pytest.importorskip("shap")
    booster = train_lightgbm(rows, target, **params)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    theirs = shap.TreeExplainer(booster)
    wanted = theirs.shap_interaction_values(rows[:FEW])
    whole = np.zeros((FEW, rows.shape[1] + 1, rows.shape[1] + 1))
    whole[:, :-1, :-1] = wanted
    whole[:, -1, -1] = np.ravel(theirs.expected_value)[0]
    compare(path, rows, whole)


def test_refused_without_covers(rows, target, tmp_path):
    booster = train_lightgbm(rows, target, linear_tree=True)
    booster.save_model(tmp_path / "model.txt")
    with pytest.raises(Failure, match="linear leaves"):
        Model(tmp_path / "model.txt").interactions(rows)
