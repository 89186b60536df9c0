"""Hundreds of small models over a seeded random grid, each against its own library: shapes,
objectives, missing rates, cardinalities, rows on thresholds and at the ends of what numbers can be.

A failure names its seed, and the seed is the whole model. XGBoost's margins, LightGBM's raw scores
and CatBoost's raw values are equal bit for bit (linear leaves within 1e-12); ONNX Runtime's answers
within 1e-5. Every kernel, one row, pieces of a batch and threads give the same bits.
"""
import json
import re

import numpy as np
import pytest

from conftest import ulps
from grid import Case, kernels_here, same_everywhere
from millwright import Model

N_XGBOOST, N_LIGHTGBM, N_CATBOOST, N_ONNX = 120, 120, 60, 40
KERNELS = kernels_here()


# ---- XGBoost -------------------------------------------------------------------------------------

XGB_OBJECTIVES = [
    ("reg:squarederror", "number", {}), ("reg:pseudohubererror", "number", {}),
    ("reg:absoluteerror", "number", {}), ("reg:logistic", "unit", {}),
    ("reg:quantileerror", "number", {"quantile_alpha": [0.2, 0.7]}),
    ("reg:gamma", "positive", {}), ("reg:tweedie", "positive", {}), ("count:poisson", "count", {}),
    ("binary:logistic", "binary", {}), ("binary:logitraw", "binary", {}),
    ("binary:hinge", "binary", {}), ("multi:softprob", "3", {"num_class": 3}),
    ("multi:softmax", "7", {"num_class": 7}),
]


def xgb_shape(case):
    """Depth-wise, leaf-wise, stumps, single leaves."""
    kind = case.random.integers(0, 8)
    if kind == 0:
        return {"max_depth": 1}
    if kind == 1:
        return {"gamma": 1e9}
    if kind in (2, 3):
        return {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": case.pick(3, 9, 40)}
    return {"max_depth": case.pick(2, 3, 5, 6, 7, 9), "min_child_weight": case.pick(0, 1, 5)}


def xgb_params(case):
    objective, label, more = case.pick(*XGB_OBJECTIVES)
    params = {"objective": objective, "nthread": 1, "seed": 1, "max_bin": case.pick(4, 64, 256),
              "tree_method": case.pick("hist", "approx"), **xgb_shape(case), **more}
    if case.chance(0.2):
        params["max_cat_to_onehot"] = case.pick(1, 100)
    if case.chance(0.15):
        params["booster"] = "dart"
        params.update(rate_drop=0.5, normalize_type=case.pick("tree", "forest"))
    if case.chance(0.15):
        params["num_parallel_tree"], params["subsample"] = 3, 0.7
    if case.chance(0.2) and not case.cardinality.any():
        params["monotone_constraints"] = \
            str(tuple(case.random.integers(-1, 2, case.n_features).tolist()))
    if case.chance(0.1) and objective == "multi:softprob" and params["tree_method"] == "hist" and \
            "booster" not in params and "monotone_constraints" not in params and \
            not case.cardinality.any():
        params["multi_strategy"] = "multi_output_tree"
    return params, case.labels(label)


def xgb_targets(case, params, label):
    """Several targets at once, in a tree each or in vector leaves."""
    if params["objective"] != "reg:squarederror" or not case.chance(0.6):
        return label
    if params["tree_method"] == "hist" and "booster" not in params and \
            "monotone_constraints" not in params and not case.cardinality.any() and \
            case.chance(0.7):
        params["multi_strategy"] = "multi_output_tree"
    return np.c_[label, -label, label ** 2]


def xgb_cuts(booster):
    if booster.num_boosted_rounds() == 0:
        return []
    found = []
    for tree in booster.get_dump():
        found += re.findall(r"\[f(\d+)<([^\]]+)\]", tree)
    return [(int(feature), float(cut)) for feature, cut in found]


def xgb_answers(xgb, booster, rows, types, params):
    """inplace_predict takes infinities, a DMatrix does not; but DART adds its base last there, and
    then its last bit is not that of predict()."""
    if "booster" not in params:
        ask = {"validate_features": False, "missing": np.nan}
        return (rows, booster.inplace_predict(rows, predict_type="margin", **ask),
                booster.inplace_predict(rows, **ask))
    rows = np.clip(rows, -3e38, 3e38)
    for column in (column for column, kind in enumerate(types) if kind == "c"):
        rows[:, column] = np.where(rows[:, column] < 0, np.nan, rows[:, column])
    data = xgb.DMatrix(rows, feature_types=types, enable_categorical=True)
    return rows, booster.predict(data, output_margin=True), booster.predict(data)


@pytest.mark.parametrize("seed", range(N_XGBOOST))
def test_xgboost(seed, tmp_path):
    xgb = pytest.importorskip("xgboost")
    case = Case(1000 + seed, categories=seed % 3 == 0)
    params, label = xgb_params(case)
    label = xgb_targets(case, params, label)
    types = ["c" if n else "float" for n in case.cardinality]
    data = xgb.DMatrix(case.rows, label, feature_types=types, enable_categorical=True)
    booster = xgb.train(params, data, case.pick(1, 3, 8, 12))
    rows = case.served(xgb_cuts(booster)).astype(np.float32)
    rows, margin, prediction = xgb_answers(xgb, booster, rows, types, params)
    path = tmp_path / f"model.{case.pick('json', 'ubj')}"
    booster.save_model(path)
    model = same_everywhere(path, rows, KERNELS)
    got = model.margin(rows).astype(np.float32)
    assert np.array_equal(got, np.reshape(margin, got.shape), equal_nan=True)
    assert np.array_equal(model.margin(rows.astype(np.float64)), got, equal_nan=True)
    got = model.predict(rows)
    assert ulps(got, np.reshape(prediction, got.shape)).max() <= 1


# ---- LightGBM ------------------------------------------------------------------------------------

LGB_OBJECTIVES = [
    ("regression", "number", {}), ("regression", "number", {"reg_sqrt": True}),
    ("regression_l1", "number", {}), ("huber", "number", {}), ("fair", "number", {}),
    ("quantile", "number", {"alpha": 0.3}), ("mape", "positive", {}), ("gamma", "positive", {}),
    ("tweedie", "positive", {}), ("poisson", "count", {}), ("cross_entropy", "unit", {}),
    ("cross_entropy_lambda", "unit", {}), ("binary", "binary", {}),
    ("binary", "binary", {"sigmoid": 0.7, "is_unbalance": True}),
    ("multiclass", "4", {"num_class": 4}), ("multiclassova", "3", {"num_class": 3}),
]


def lgb_params(case):
    objective, label, more = case.pick(*LGB_OBJECTIVES)
    params = {"objective": objective, "verbose": -1, "num_threads": 1, "seed": 1,
              "num_leaves": case.pick(2, 3, 8, 31, 60), "min_data_in_leaf": case.pick(1, 5, 20),
              "max_bin": case.pick(3, 63, 255), "min_data_in_bin": 1, "min_data_per_group": 1,
              "cat_smooth": 1, "max_cat_threshold": case.pick(4, 64), **more}
    params.update(case.pick({}, {}, {"use_missing": False}, {"zero_as_missing": True},
                            {"max_depth": 2}, {"extra_trees": True}, {"min_data_in_leaf": 10 ** 6}))
    boosting = case.pick("gbdt", "gbdt", "gbdt", "dart", "rf", "goss")
    params["boosting"] = boosting
    if boosting == "rf":
        params.update(bagging_freq=1, bagging_fraction=0.6)
    if boosting == "dart":
        params.update(drop_rate=0.5, skip_drop=0)
    linear = boosting == "gbdt" and objective in ("regression", "binary", "poisson") and \
        case.chance(0.5) and "zero_as_missing" not in params and \
        np.nanmax(np.abs(case.rows), initial=0) < 1e6
    if linear:
        params["linear_tree"] = True
    return params, case.labels(label), linear


def lgb_cuts(booster):
    cuts = []
    for tree in re.split(r"\nTree=", booster.model_to_string())[1:]:
        found = dict(re.findall(r"^(split_feature|threshold)=(.+)$", tree, re.M))
        if found:
            cuts += zip([int(text) for text in found["split_feature"].split()],
                        [float(text) for text in found["threshold"].split()])
    return cuts


def near(got, expected, rtol, atol=1e-300):
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    finite = np.isfinite(expected)
    assert np.array_equal(got[~finite], expected[~finite], equal_nan=True)
    np.testing.assert_allclose(got[finite], expected[finite], rtol=rtol, atol=atol)


@pytest.mark.parametrize("seed", range(N_LIGHTGBM))
def test_lightgbm(seed, tmp_path):
    lgb = pytest.importorskip("lightgbm")
    case = Case(2000 + seed, categories=seed % 3 == 0)
    params, label, linear = lgb_params(case)
    data = lgb.Dataset(case.rows, label, params={"verbose": -1, "feature_pre_filter": False},
                       categorical_feature=list(map(int, np.flatnonzero(case.cardinality))))
    booster = lgb.train(params, data, case.pick(1, 3, 8, 12))
    rows = case.served(lgb_cuts(booster), np.float64)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    if seed % 4 == 0:
        path = tmp_path / "model.json"
        path.write_text(json.dumps(booster.dump_model()))
    model = same_everywhere(path, rows, KERNELS)
    got = model.margin(rows)
    raw = np.reshape(booster.predict(rows, raw_score=True), got.shape)
    if linear:
        near(got, raw, 1e-12, 1e-12)
    else:
        assert np.array_equal(got, raw, equal_nan=True)
    got = model.predict(rows)
    near(got, np.reshape(booster.predict(rows), got.shape), 1e-12, 1e-12 if linear else 1e-300)


# ---- CatBoost ------------------------------------------------------------------------------------

CAT_LOSSES = [
    ("RMSE", "number"), ("MAE", "number"), ("Quantile:alpha=0.3", "number"), ("LogCosh", "number"),
    ("Poisson", "count"), ("Tweedie:variance_power=1.5", "positive"), ("Logloss", "binary"),
    ("MultiClass", "3"), ("MultiClassOneVsAll", "4"), ("MultiRMSE", "number"),
]


def cat_trained(catboost, case):
    loss, label = case.pick(*CAT_LOSSES)
    label = case.labels(label)
    if loss == "MultiRMSE":
        label = np.c_[label, -label]
    # CatBoost's JSON mixes up statistics by category of several targets.
    one_hot = 255 if loss == "MultiRMSE" else case.pick(2, 8, 255)
    params = {"loss_function": loss, "iterations": case.pick(1, 4, 10), "verbose": 0,
              "depth": case.pick(1, 2, 4, 6, 8), "thread_count": 1, "random_seed": 1,
              "allow_writing_files": False, "one_hot_max_size": one_hot,
              "border_count": case.pick(3, 64, 254), "nan_mode": case.pick("Min", "Max"),
              "model_size_reg": 0,
              "grow_policy": case.pick("SymmetricTree", "SymmetricTree", "Depthwise", "Lossguide")}
    table = case.rows.astype(object)
    columns = list(map(int, np.flatnonzero(case.cardinality)))
    for column in columns:
        table[:, column] = [str(x) for x in case.rows[:, column]]
    pool = catboost.Pool(table if columns else case.rows.astype(np.float32), label,
                         cat_features=columns)
    return catboost.CatBoost(params).fit(pool), columns


def cat_cuts(path, case):
    features = json.loads(path.read_text())["features_info"].get("float_features", [])
    return [(feature["flat_feature_index"], border) for feature in features
            for border in feature["borders"] or []]


@pytest.mark.parametrize("seed", range(N_CATBOOST))
def test_catboost(seed, tmp_path):
    catboost = pytest.importorskip("catboost")
    case = Case(3000 + seed, categories=seed % 3 == 0, shapes=[1, 2, 3, 6, 17])
    varying = np.round(case.random.normal(size=len(case.rows)) * 8) / 8
    case.rows[:, 0], case.cardinality[0] = varying, 0  # it refuses tables without one
    trained, columns = cat_trained(catboost, case)
    saved = {"json": tmp_path / "model.json", "cbm": tmp_path / "model.cbm"}
    for form, path in saved.items():
        trained.save_model(str(path), format=form)
    rows = case.served(cat_cuts(saved["json"], case))
    if case.missing == 0 and columns == [] and not np.isnan(case.rows).any():
        rows = rows[~np.isnan(rows).any(axis=1)]  # trained without: it refuses them
    table = rows.astype(object)
    for column in columns:
        table[:, column] = [str(x) for x in rows[:, column]]
    raw = trained.predict(table if columns else rows.astype(np.float32),
                          prediction_type="RawFormulaVal")
    names = Model(saved["json"])
    for column in columns:
        rows[:, column] = [names.category(column, text) for text in table[:, column]]
    model = same_everywhere(saved[case.pick("json", "cbm")], rows, KERNELS)
    got = model.margin(rows)
    assert np.array_equal(got, np.reshape(raw, got.shape))
    other = Model(saved["json"]), Model(saved["cbm"])
    assert np.array_equal(other[0].predict(rows), other[1].predict(rows))


# ---- ONNX ----------------------------------------------------------------------------------------

def onnx_model(case):
    """An estimator of scikit-learn, XGBoost or LightGBM, and who converts it."""
    from sklearn import ensemble, tree
    import lightgbm
    import xgboost
    kind = case.random.integers(0, 10)
    size = {"n_estimators": case.pick(1, 4, 9), "random_state": 1}
    deep = {"max_depth": case.pick(1, 3, 6, None), "random_state": 1}
    label = case.pick("number", "binary", "3")
    family = "Regressor" if label == "number" else "Classifier"
    if kind == 0:
        return getattr(tree, f"DecisionTree{family}")(**deep), label, "sklearn"
    if kind in (1, 2):
        return getattr(ensemble, f"RandomForest{family}")(**size, max_depth=deep["max_depth"]), \
            label, "sklearn"
    if kind == 3:
        return getattr(ensemble, f"ExtraTrees{family}")(**size), label, "sklearn"
    if kind in (4, 5):
        return getattr(ensemble, f"GradientBoosting{family}")(**size), label, "sklearn"
    if kind == 6:
        return ensemble.IsolationForest(n_estimators=6, random_state=1), "number", "sklearn"
    if kind in (7, 8):
        return getattr(xgboost, f"XGB{family}")(n_estimators=5, max_depth=case.pick(1, 4, 7)), \
            label, "xgboost"
    return getattr(lightgbm, f"LGBM{family}")(n_estimators=5, verbose=-1, num_threads=1,
                                               min_child_samples=5), label, "lightgbm"


def onnx_converted(model, family, rows):
    import onnxmltools
    import skl2onnx
    from onnxmltools.convert.common.data_types import FloatTensorType
    if family == "sklearn":
        options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
        return skl2onnx.to_onnx(model, rows[:1], options=options,
                                target_opset={"": 18, "ai.onnx.ml": 3})
    take = [("X", FloatTensorType([None, rows.shape[1]]))]
    convert = getattr(onnxmltools, f"convert_{family}")
    return convert(model, initial_types=take, **({"zipmap": False} if family == "lightgbm" else {}))


@pytest.mark.parametrize("seed", range(N_ONNX))
def test_onnx(seed, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    case = Case(4000 + seed, shapes=[1, 2, 6, 17])
    model, label, family = onnx_model(case)
    trained = np.clip(np.nan_to_num(case.rows), -1e30, 1e30).astype(np.float32)
    if label == "number":
        model.fit(trained, case.labels(label))
    else:
        model.fit(trained, case.labels(label).astype(int))
    path = tmp_path / "model.onnx"
    onnx.save(onnx_converted(model, family, trained), path)
    rows = np.concatenate([trained, case.served([]).astype(np.float32)])
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: rows})[-1]
    got = same_everywhere(path, rows, KERNELS).predict(rows)
    near(got, np.reshape(expected, got.shape).astype(np.float64), 1e-5, 1e-5)
