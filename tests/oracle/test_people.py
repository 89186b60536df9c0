"""Importance by splits against XGBoost's get_score and LightGBM's feature_importance."""
import numpy as np
import pytest

from conftest import N_FEATURES
from millwright import COVER, GAIN, TOTAL_COVER, TOTAL_GAIN, WEIGHT, Failure, Model

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")

KINDS = {"weight": WEIGHT, "gain": GAIN, "total_gain": TOTAL_GAIN, "cover": COVER,
         "total_cover": TOTAL_COVER}


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("parameters", [
    {"objective": "reg:squarederror"},
    {"objective": "binary:logistic", "gamma": 2.0, "max_depth": 8},  # pruned: dead nodes
    {"objective": "multi:softprob", "num_class": 3},
    {"booster": "dart", "rate_drop": 0.3},
    {"num_parallel_tree": 4, "subsample": 0.6},
    {"multi_strategy": "multi_output_tree", "tree_method": "hist"},
], ids=lambda p: "-".join(map(str, p.values())))
def test_get_score(rows, target, tmp_path, parameters, suffix):
    label = target
    if "multi_strategy" in parameters:
        label = np.column_stack([target, -target ** 2])
    elif "num_class" in parameters:
        label = np.digitize(target, [-1, 1])
    elif parameters.get("objective", "").startswith("binary"):
        label = target > 0
    booster = xgb.train({"seed": 1, "nthread": 1, **parameters}, xgb.DMatrix(rows, label), 12)
    booster.save_model(tmp_path / f"model.{suffix}")
    model = Model(tmp_path / f"model.{suffix}")
    for name, kind in KINDS.items():
        score = booster.get_score(importance_type=name)
        expected = [score.get(f"f{f}", 0) for f in range(N_FEATURES)]
        np.testing.assert_allclose(model.importance(kind), expected, rtol=2e-6, err_msg=name)


@pytest.mark.parametrize("parameters", [
    {"objective": "regression"}, {"objective": "multiclass", "num_class": 3},
    {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    {"objective": "regression", "max_cat_to_onehot": 1}],
    ids=lambda p: "-".join(map(str, p.values())))
def test_feature_importance(rows, target, tmp_path, parameters):
    label = np.digitize(target, [-1, 1]) if "num_class" in parameters else target
    X = rows.copy()
    X[:, 2] = np.floor(np.abs(np.nan_to_num(X[:, 2])) * 4)
    booster = lgb.train({"seed": 1, "num_threads": 1, "verbose": -1, "num_leaves": 15,
                         **parameters}, lgb.Dataset(
                            X, label, categorical_feature=[2]), 12)
    booster.save_model(tmp_path / "model.txt")
    again = lgb.Booster(model_file=tmp_path / "model.txt")  # gains as the file has them
    model = Model(tmp_path / "model.txt")
    assert list(model.importance(WEIGHT)) == list(again.feature_importance("split"))
    np.testing.assert_allclose(model.importance(TOTAL_GAIN), again.feature_importance("gain"),
                               rtol=1e-6)


def test_linear_models_have_no_splits(rows, target, tmp_path):
    booster = xgb.train({"booster": "gblinear"}, xgb.DMatrix(np.nan_to_num(rows), target), 4)
    booster.save_model(tmp_path / "model.json")
    with pytest.raises(Failure, match="no splits"):
        Model(tmp_path / "model.json").importance(GAIN)


def test_wrong_calls(rows, target, tmp_path):
    xgb.train({}, xgb.DMatrix(rows, target), 2).save_model(tmp_path / "model.json")
    model = Model(tmp_path / "model.json")
    with pytest.raises(Failure, match="kind 9 is unknown"):
        model.importance(9)
    with pytest.raises(Failure, match="holds 2 numbers"):
        model.importance(GAIN, room=2)
