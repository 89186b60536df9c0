"""Trees as skl2onnx and onnxmltools write them, and as the standard allows, against ONNX Runtime.

skl2onnx 1.20 hands the numpy integers and booleans of HistGradientBoosting (scikit-learn 1.9) to
onnx, which takes neither; `convert` makes them plain integers on the way.
"""
import itertools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from conftest import N_FEATURES
from millwright import Model

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
onnxmltools = pytest.importorskip("onnxmltools")

from onnx import TensorProto, helper  # noqa: E402
from sklearn import (calibration, ensemble, impute, linear_model, multiclass,  # noqa: E402
                     multioutput, preprocessing, svm, tree)
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402

KERNELS = [None, "scalar"]
OPSETS = {"": 18, "ai.onnx.ml": 3}
FLOAT, DOUBLE = np.float32, np.float64


# ---- comparing -----------------------------------------------------------------------------------

def runtime_scores(path, feeds):
    """The float output of the graph: (rows, values) float64. One thread adds in file order."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, feeds or {})
    scores = outputs[-1]
    if isinstance(scores, list):  # ZipMap
        scores = np.array([list(row.values()) for row in scores])
    return np.asarray(scores, np.float64).reshape(len(scores), -1)


def check(model, rows, folder, exact=False, feeds=None, near=1e-5):
    path = folder / "model.onnx"
    onnx.save(model, path)
    expected = runtime_scores(path, feeds or {"X": rows})
    for kernel in KERNELS:
        got = Model(path, kernel).predict(rows)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=near, atol=near)
        if exact:
            assert np.array_equal(got.astype(FLOAT), expected.astype(FLOAT), equal_nan=True)
        one = Model(path, kernel).predict(rows[:1])
        np.testing.assert_array_equal(one, got[:1])


# ---- scikit-learn --------------------------------------------------------------------------------

def binary(y):
    return (y > 0).astype(int)


def classes(y):
    return np.digitize(y, [-2, 0, 2])


def words(y):
    return np.array(["low", "middle", "high", "top"])[classes(y)]


def number(y):
    return y


def positive(y):
    return np.exp(y / 4)


FOREST = {"n_estimators": 12, "max_depth": 6, "random_state": 1}
BOOSTED = {"n_estimators": 10, "random_state": 1}
HIST = {"max_iter": 10, "random_state": 1}
SKLEARN = {
    "tree, number": (tree.DecisionTreeRegressor(max_depth=6), number, True),
    "tree, binary": (tree.DecisionTreeClassifier(max_depth=6), binary, True),
    "tree, words": (tree.DecisionTreeClassifier(max_depth=6), words, True),
    "extra tree": (tree.ExtraTreeRegressor(max_depth=6), number, True),
    "forest, number": (ensemble.RandomForestRegressor(**FOREST), number, True),
    "forest, two numbers": (ensemble.RandomForestRegressor(**FOREST),
                            lambda y: np.c_[y, -y], True),
    "forest, binary": (ensemble.RandomForestClassifier(**FOREST), binary, True),
    "forest, classes": (ensemble.RandomForestClassifier(**FOREST), classes, True),
    "deep forest": (ensemble.RandomForestClassifier(n_estimators=30, random_state=1), words, True),
    "extra trees, number": (ensemble.ExtraTreesRegressor(**FOREST), number, True),
    "extra trees, classes": (ensemble.ExtraTreesClassifier(**FOREST), classes, True),
    "boosting, number": (ensemble.GradientBoostingRegressor(**BOOSTED), number, True),
    "boosting, binary": (ensemble.GradientBoostingClassifier(**BOOSTED), binary, True),
    "boosting, classes": (ensemble.GradientBoostingClassifier(**BOOSTED), classes, False),
    "boosting, exponential": (ensemble.GradientBoostingClassifier(loss="exponential", **BOOSTED),
                              binary, False),
    "hist, number": (ensemble.HistGradientBoostingRegressor(**HIST), number, True),
    "hist, poisson": (ensemble.HistGradientBoostingRegressor(loss="poisson", **HIST), positive,
                      False),
    "hist, binary": (ensemble.HistGradientBoostingClassifier(**HIST), binary, True),
    "hist, classes": (ensemble.HistGradientBoostingClassifier(**HIST), classes, False),
}


@pytest.fixture
def convert(monkeypatch):
    make = helper.make_attribute

    def make_plain(key, value, *more, **named):
        if isinstance(value, (list, tuple)):
            value = [v.item() if isinstance(v, np.generic) else v for v in value]
            value = [int(v) if isinstance(v, bool) else v for v in value]
        return make(key, value, *more, **named)

    def run(model, rows, **options):
        monkeypatch.setattr(helper, "make_attribute", make_plain)
        return skl2onnx.to_onnx(model, rows[:1], target_opset=OPSETS, **options)
    return run


@pytest.mark.parametrize("name", SKLEARN)
@pytest.mark.parametrize("zipmap", [True, False])
def test_sklearn(rows, target, tmp_path, convert, name, zipmap):
    model, label, exact = SKLEARN[name]
    trained = rows.astype(FLOAT) if name.startswith("hist") else np.nan_to_num(rows).astype(FLOAT)
    model.fit(trained, label(target))
    options = {id(model): {"zipmap": zipmap}} if hasattr(model, "classes_") else None
    check(convert(model, trained, options=options), rows.astype(FLOAT), tmp_path, exact)


def test_double_input(rows, target, tmp_path, convert):
    """Sums in double; ONNX Runtime rounds them to float at the end, Millwright does not."""
    model = ensemble.RandomForestClassifier(**FOREST).fit(np.nan_to_num(rows), classes(target))
    check(convert(model, rows), rows, tmp_path)


def test_data_frame(rows, target, tmp_path, convert):
    pandas = pytest.importorskip("pandas")
    names = [f"column_{i}" for i in range(N_FEATURES)]
    frame = pandas.DataFrame(np.nan_to_num(rows).astype(FLOAT), columns=names)
    columns = ColumnTransformer([("as they are", "passthrough", names[::-1])])
    model = make_pipeline(columns, ensemble.RandomForestClassifier(**FOREST))
    model.fit(frame, binary(target))
    converted = convert(model, frame)
    feeds = {inp.name: frame[[inp.name]].to_numpy() for inp in converted.graph.input}
    assert len(feeds) == N_FEATURES
    check(converted, frame.to_numpy(), tmp_path, True, feeds=feeds)
    loaded = Model(tmp_path / "model.onnx")
    assert [loaded.about.feature_names[i].decode() for i in range(N_FEATURES)] == names


# ---- what stands before the model ----------------------------------------------------------------

def forest(**params):
    return ensemble.RandomForestClassifier(**{**FOREST, **params})


def as_trained(rows):
    return np.nan_to_num(rows, posinf=4, neginf=-4)


SCALERS = {
    "standard": (preprocessing.StandardScaler(), True),
    "deviation only": (preprocessing.StandardScaler(with_mean=False), True),
    "min and max": (preprocessing.MinMaxScaler((0.1, 0.9)), True),
    "clipped": (preprocessing.MinMaxScaler(clip=True), True),
    "largest": (preprocessing.MaxAbsScaler(), True),
    "quantiles": (preprocessing.RobustScaler(), True),
    "mean": (impute.SimpleImputer(), True),
    "constant": (impute.SimpleImputer(strategy="constant", fill_value=-7.0), True),
    "two steps": (make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), True),
    "bins": (preprocessing.KBinsDiscretizer(5, encode="ordinal", quantile_method="linear"), False),
    "threshold": (preprocessing.Binarizer(threshold=0.3), False),
    "length": (preprocessing.Normalizer("l2"), True),
    "shares": (preprocessing.Normalizer("l1"), True),
    "share of the largest": (preprocessing.Normalizer("max"), True),
    "products": (preprocessing.PolynomialFeatures(2), True),
}
EDGES = np.array([[np.inf, -np.inf, -0.0, 0.0, 1e-42, 3e38]], FLOAT)


@pytest.mark.parametrize("name", SCALERS)
def test_preprocessing(rows, target, tmp_path, convert, name):
    """Splits behind a scaler answer as ONNX Runtime's do, to the bit, also next to a border."""
    scaler, missing = SCALERS[name]
    trained = rows.astype(FLOAT)
    trained = trained if name in ("mean", "constant", "two steps") else np.nan_to_num(trained)
    model = make_pipeline(scaler, forest()).fit(trained, classes(target))
    served = rows.astype(FLOAT)
    borders = borders_of(model, served)
    served = np.concatenate([served, borders, np.nextafter(borders, FLOAT(-9)),
                             np.nextafter(borders, FLOAT(9)), EDGES])
    served = served if missing else as_trained(served)
    check(convert(model, trained), served, tmp_path, exact=True)


def borders_of(model, rows):
    """Rows whose scaled numbers lie at thresholds, where the scaler can be turned back."""
    scaler = model[0]
    thresholds = model[-1].estimators_[0].tree_.threshold[:64]
    if not hasattr(scaler, "inverse_transform") or not hasattr(scaler, "scale_"):
        return rows[:64]
    return scaler.inverse_transform(np.repeat(thresholds[:, None], N_FEATURES, 1)).astype(FLOAT)


@pytest.mark.parametrize("name", ["standard", "min and max", "quantiles"])
def test_double_preprocessing(rows, target, tmp_path, convert, name):
    # skl2onnx types the scores of other trees of doubles as doubles, which no runtime takes
    model = make_pipeline(SCALERS[name][0], forest()).fit(np.nan_to_num(rows), classes(target))
    check(convert(model, rows), rows, tmp_path)


def test_whole_numbers(rows, target, tmp_path, convert):
    whole = (np.nan_to_num(rows) * 8).astype(np.int64)
    model = make_pipeline(preprocessing.StandardScaler(), forest()).fit(whole, binary(target))
    check(convert(model, whole), whole.astype(DOUBLE), tmp_path, True, feeds={"X": whole})


COLORS = ["red", "green", "blue", "none of these"]


def table(rows, target):
    """A frame of two numbers, two columns of texts and one of whole numbers, and how Millwright has
    it: texts by the number of their category."""
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(21)
    kinds = random.integers(0, 4, (len(rows), 2)) % [3, 4]
    frame = pandas.DataFrame({
        "a": rows[:, 0].astype(FLOAT), "b": rows[:, 1].astype(FLOAT),
        "color": np.array(COLORS)[kinds[:, 0]], "size": np.array(list("smlx"))[kinds[:, 1]],
        "rooms": random.integers(0, 6, len(rows))})
    score = target + kinds[:, 0] * 2 - (kinds[:, 1] == 2) * 3 + frame["rooms"] % 3
    return frame, classes(score - 2)


def codes(frame):
    """Encoders sort their categories."""
    matrix = np.full(frame.shape, np.nan)
    for i, column in enumerate(frame):
        known = {"color": ["blue", "green", "red"], "size": ["l", "m", "s", "x"]}.get(column)
        values = frame[column]
        matrix[:, i] = values if known is None else [known.index(v) if v in known else np.nan
                                                    for v in values]
    return matrix


def numbers_and(encoder, *more):
    numbers = make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    return ColumnTransformer([("n", numbers, ["a", "b"]), ("c", encoder, ["color", "size"]), *more])


ENCODERS = {
    "zeros": numbers_and(preprocessing.OneHotEncoder(handle_unknown="ignore"),
                         ("r", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["rooms"])),
    "strict": numbers_and(preprocessing.OneHotEncoder()),
    "dropped": numbers_and(preprocessing.OneHotEncoder(drop="first"), ("r", "passthrough",
                                                                       ["rooms"])),
    "ordinal": numbers_and(preprocessing.OrdinalEncoder(), ("r", "passthrough", ["rooms"])),
    "ordinal, unknown": numbers_and(preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1)),
}


@pytest.mark.parametrize("last", ["forest", "boosting", "logistic", "ridge"])
@pytest.mark.parametrize("name", ENCODERS)
def test_columns_of_texts(rows, target, tmp_path, convert, name, last):
    frame, label = table(rows, target)
    model = {"forest": forest(), "logistic": linear_model.LogisticRegression(max_iter=500),
             "boosting": ensemble.GradientBoostingRegressor(**BOOSTED),
             "ridge": linear_model.Ridge()}[last]
    model = make_pipeline(ENCODERS[name], model)
    model.fit(frame, label)
    served = frame.copy()
    if name not in ("strict", "dropped"):
        served.loc[::5, "color"] = COLORS[3]
        served.loc[::7, "rooms"] = 17
    converted = convert(model, frame)
    feeds = {inp.name: served[[inp.name]].to_numpy() for inp in converted.graph.input}
    check(converted, codes(served), tmp_path, last in ("forest", "boosting"), feeds=feeds)
    loaded = Model(tmp_path / "model.onnx")
    assert [loaded.about.feature_names[i].decode() for i in range(5)] == list(frame.columns)


# ---- linear models -------------------------------------------------------------------------------

LINEAR = {
    "regression": (linear_model.LinearRegression(), number),
    "two numbers": (linear_model.LinearRegression(), lambda y: np.c_[y, -y]),
    "lasso": (linear_model.Lasso(0.01), number),
    "poisson": (linear_model.PoissonRegressor(), positive),
    "tweedie": (linear_model.TweedieRegressor(), number),
    "logistic, binary": (linear_model.LogisticRegression(), binary),
    "logistic, words": (linear_model.LogisticRegression(), words),
    "machine, binary": (svm.LinearSVC(), binary),
    "machine, classes": (svm.LinearSVC(), classes),
    "machine, number": (svm.LinearSVR(), number),
    "descent, binary": (linear_model.SGDClassifier(loss="log_loss", random_state=1), binary),
    "descent, classes": (linear_model.SGDClassifier(loss="log_loss", random_state=1), classes),
    "huber, classes": (linear_model.SGDClassifier(loss="modified_huber", random_state=1), classes),
    "ridge, classes": (linear_model.RidgeClassifier(), classes),
    "one against the rest": (multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
                             classes),
}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", LINEAR)
def test_linear(rows, target, tmp_path, convert, name, scaled):
    model, label = LINEAR[name]
    rows = np.nan_to_num(rows).astype(FLOAT)
    if scaled and isinstance(model, svm.LinearSVC):
        return  # skl2onnx does not convert it in a pipeline
    if scaled:
        model = make_pipeline(preprocessing.StandardScaler(), model)
    check(convert(model.fit(rows, label(target)), rows), rows, tmp_path)


@pytest.mark.parametrize("model", [linear_model.LinearRegression(),
                                   make_pipeline(preprocessing.StandardScaler(),
                                                 linear_model.Ridge())], ids=["plain", "scaled"])
def test_double_linear(rows, target, tmp_path, convert, model):
    rows = np.nan_to_num(rows)
    check(convert(model.fit(rows, target), rows), rows, tmp_path, near=1e-12)


# ---- several ensembles ---------------------------------------------------------------------------

MANY = {"n_estimators": 8, "random_state": 1}
SEVERAL = {
    "bagging, number": (ensemble.BaggingRegressor(**MANY), number, True),
    "bagging, binary": (ensemble.BaggingClassifier(**MANY), binary, True),
    "bagging, some features": (ensemble.BaggingClassifier(max_features=0.5, **MANY), words, True),
    "bagging of forests": (ensemble.BaggingClassifier(
        ensemble.RandomForestClassifier(n_estimators=3), **MANY), classes, True),
    "votes of weak trees": (ensemble.AdaBoostClassifier(**MANY), classes, False),
    "two weak classes": (ensemble.AdaBoostClassifier(**MANY), binary, False),
    "vote": (ensemble.VotingRegressor([("a", ensemble.RandomForestRegressor(**FOREST)),
                                       ("b", ensemble.ExtraTreesRegressor(**FOREST))]), number,
             True),
    "soft vote": (ensemble.VotingClassifier(
        [("a", ensemble.RandomForestClassifier(**FOREST)),
         ("b", ensemble.ExtraTreesClassifier(**FOREST))], voting="soft", flatten_transform=False),
        classes, True),
    "hard vote": (ensemble.VotingClassifier(
        [("a", ensemble.RandomForestClassifier(**FOREST)),
         ("b", ensemble.ExtraTreesClassifier(**FOREST))], flatten_transform=False), classes, True),
    "one a number": (multioutput.MultiOutputRegressor(
        ensemble.GradientBoostingRegressor(**BOOSTED)), lambda y: np.c_[y, -y], True),
    "one against the rest": (multiclass.OneVsRestClassifier(
        ensemble.GradientBoostingClassifier(**BOOSTED)), classes, False),
    "calibrated": (calibration.CalibratedClassifierCV(
        ensemble.RandomForestClassifier(**FOREST), cv=2), binary, False),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_ensembles(rows, target, tmp_path, convert, name):
    model, label, exact = SEVERAL[name]
    trained = np.nan_to_num(rows).astype(FLOAT)
    model.fit(trained, label(target))
    check(convert(model, trained), rows.astype(FLOAT), tmp_path, exact)


@pytest.mark.parametrize("samples", [64, 600])
def test_isolation_forest(rows, target, tmp_path, convert, samples):
    trained = np.nan_to_num(rows).astype(FLOAT)
    model = ensemble.IsolationForest(n_estimators=20, max_samples=samples, random_state=1)
    model.fit(trained)
    check(convert(model, trained), rows.astype(FLOAT), tmp_path, exact=True)
    assert Model(tmp_path / "model.onnx").about.n_margins == 1  # one sum of twenty trees
    np.testing.assert_allclose(Model(tmp_path / "model.onnx").predict(trained)[:, 0],
                               model.decision_function(trained), atol=1e-5)


# In a process of its own: one that has loaded ONNX Runtime, for another file's tests, takes them.
REFUSED = """
import sys
from millwright import Failure, Model
try:
    Model(sys.argv[1])
except Failure as failure:
    print(failure)
"""


@pytest.mark.parametrize("model, operator", [
    (ensemble.AdaBoostRegressor(n_estimators=2), "TopK"),
    (svm.SVC(), "SVMClassifier"),
    (ensemble.StackingRegressor([("a", tree.DecisionTreeRegressor(max_depth=2))],
                                linear_model.Ridge(), cv=2), "LinearRegressor"),
], ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_refused_by_name(rows, target, tmp_path, convert, model, operator):
    model.fit(np.nan_to_num(rows).astype(FLOAT), binary(target))
    onnx.save(convert(model, rows.astype(FLOAT)), tmp_path / "model.onnx")
    done = subprocess.run([sys.executable, "-c", REFUSED, tmp_path / "model.onnx"],
                          cwd=pathlib.Path(__file__).parent, capture_output=True, text=True,
                          check=True, env={**os.environ, "MW_ONNXRUNTIME": "off"})
    assert f"operator {operator} is not read here" in done.stdout


# ---- XGBoost and LightGBM ------------------------------------------------------------------------

def float_input():
    from onnxmltools.convert.common.data_types import FloatTensorType
    return [("X", FloatTensorType([None, N_FEATURES]))]


@pytest.mark.parametrize("kind, label, params, exact", [
    ("XGBRegressor", number, {}, True),
    ("XGBRegressor", positive, {"objective": "count:poisson"}, False),
    ("XGBClassifier", binary, {}, True),
    ("XGBClassifier", classes, {}, False),
])
def test_xgboost(rows, target, tmp_path, kind, label, params, exact):
    xgb = pytest.importorskip("xgboost")
    model = getattr(xgb, kind)(n_estimators=8, max_depth=5, **params)
    model.fit(rows.astype(FLOAT), label(target))
    converted = onnxmltools.convert_xgboost(model, initial_types=float_input())
    check(converted, rows.astype(FLOAT), tmp_path, exact)


@pytest.mark.parametrize("objective, label, params, exact", [
    ("regression", number, {}, True),
    ("poisson", positive, {}, False),
    ("binary", binary, {}, True),
    ("multiclass", classes, {"num_class": 4}, False),
    ("binary", binary, {"categorical_feature": [0]}, True),
])
@pytest.mark.parametrize("zipmap", [True, False])
def test_lightgbm(rows, target, tmp_path, objective, label, params, exact, zipmap):
    lgb = pytest.importorskip("lightgbm")
    data = rows.astype(FLOAT)
    if "categorical_feature" in params:
        data[:, 0] = np.abs(np.nan_to_num(data[:, 0]) * 8).round()
    params = dict(params)
    categories = params.pop("categorical_feature", [])
    params = {"objective": objective, "num_leaves": 15, "min_data_in_leaf": 5, "verbose": -1,
              "min_data_per_group": 1, "cat_smooth": 1, **params}
    dataset = lgb.Dataset(data, label(target), params={"verbose": -1},
                          categorical_feature=categories)
    booster = lgb.train(params, dataset, 8)
    converted = onnxmltools.convert_lightgbm(booster, initial_types=float_input(), zipmap=zipmap)
    check(converted, data, tmp_path, exact)


# ---- what the standard allows --------------------------------------------------------------------

def graph(nodes, n_features, elem, opset, n_outputs=1):
    """A model around one ensemble; the last output is the scores."""
    outputs = [helper.make_tensor_value_info("L", TensorProto.INT64, None)] * (n_outputs - 1)
    scores = TensorProto.DOUBLE if elem == TensorProto.DOUBLE and opset == 5 else TensorProto.FLOAT
    outputs.append(helper.make_tensor_value_info("Y", scores, None))
    rows = helper.make_tensor_value_info("X", elem, [None, n_features])
    return helper.make_model(helper.make_graph(nodes, "g", [rows], outputs), ir_version=9,
                             opset_imports=[helper.make_opsetid("ai.onnx.ml", opset)])


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def random_trees(random, n_trees, n_outputs, modes, leaf_outputs):
    """Attributes of perfect trees of depth 3 with node ids in random order and with gaps."""
    nodes = {key: [] for key in ("treeids", "nodeids", "modes", "featureids", "values",
                                 "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    weights = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for t in range(n_trees):
        ids = random.permutation(40)[:15]
        for i in range(15):
            leaf = i >= 7
            row = (t, ids[i], "LEAF" if leaf else modes[random.integers(len(modes))],
                   random.integers(N_FEATURES), np.round(random.normal() * 8) / 8,
                   0 if leaf else ids[2 * i + 1], 0 if leaf else ids[2 * i + 2],
                   random.integers(2))
            for key, value in zip(nodes, row):
                nodes[key].append(value)
            for k in leaf_outputs(random, n_outputs) if leaf else []:
                for key, value in zip(weights, (t, ids[i], k, random.normal())):
                    weights[key].append(value)
    plain = {key: [v.item() if isinstance(v, np.generic) else v for v in values]
             for key, values in nodes.items()}
    return plain, {key: [v.item() if isinstance(v, np.generic) else v for v in values]
                   for key, values in weights.items()}


def all_outputs(random, n):
    return range(n)


def some_outputs(random, n):
    return random.permutation(n)[:random.integers(1, n + 1)]


def first_output(random, n):
    return [0]


@pytest.mark.parametrize("modes", [*([mode] for mode in MODES), MODES], ids=lambda m: "-".join(m))
@pytest.mark.parametrize("tracks", [True, False])
def test_modes(rows, tmp_path, modes, tracks):
    random = np.random.default_rng(11)
    nodes, weights = random_trees(random, 9, 1, modes, first_output)
    attributes = {f"nodes_{key}": value for key, value in nodes.items()}
    if not tracks:
        del attributes["nodes_missing_value_tracks_true"]
    attributes.update({f"target_{key}": value for key, value in weights.items()})
    node = helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain="ai.onnx.ml",
                            n_targets=1, **attributes)
    odd = rows.astype(FLOAT)
    odd[:8, 2] = [np.inf, -np.inf, -0.0, 0.0, 1e-42, -1e-42, np.nan, 3e38]
    odd[::17, 1] = -np.inf
    check(graph([node], N_FEATURES, TensorProto.FLOAT, 3), odd, tmp_path, exact=True)


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE"])
@pytest.mark.parametrize("post", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("base", [False, True])
def test_regressor(rows, tmp_path, aggregate, post, n, base):
    random = np.random.default_rng(12)
    nodes, weights = random_trees(random, 7, n, ["BRANCH_LEQ"], some_outputs)
    if post == "PROBIT":  # of shares; other scores have none
        weights["weights"] = [abs(w) / 100 + 0.01 for w in weights["weights"]]
    attributes = {f"nodes_{key}": value for key, value in nodes.items()}
    attributes.update({f"target_{key}": value for key, value in weights.items()})
    if base:
        attributes["base_values"] = [0.125, 0.25, 0.375][:n]
    node = helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain="ai.onnx.ml",
                            n_targets=n, aggregate_function=aggregate, post_transform=post,
                            **attributes)
    # the approximation behind PROBIT cancels near 0, and an ulp of a logarithm becomes 1e-5 there
    check(graph([node], N_FEATURES, TensorProto.FLOAT, 3), rows.astype(FLOAT), tmp_path,
          exact=post == "NONE", near=1e-4 if post == "PROBIT" else 1e-5)


@pytest.mark.parametrize("outputs, n, sign, post, base", [
    case for case in itertools.product([first_output, all_outputs], [2, 4], [0, 1],
                                       ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"],
                                       [0, 1, 4])
    if case[4] in (0, case[1]) or (case[1] == 2 and case[4] == 1)
])
def test_classifier(rows, tmp_path, outputs, n, sign, post, base):
    """Two classes with one score or two, and four; weights of one sign or of both."""
    random = np.random.default_rng(13)
    nodes, weights = random_trees(random, 5, n, ["BRANCH_LT"], outputs)
    if sign:
        weights["weights"] = [abs(w) / 5 for w in weights["weights"]]
    attributes = {f"nodes_{key}": value for key, value in nodes.items()}
    attributes.update({f"class_{key}": value for key, value in weights.items()})
    if base:
        attributes["base_values"] = [0.125, -0.25, 0.375, 0.5][:base]
    node = helper.make_node("TreeEnsembleClassifier", ["X"], ["L", "Y"], domain="ai.onnx.ml",
                            classlabels_int64s=list(range(n)), post_transform=post, **attributes)
    check(graph([node], N_FEATURES, TensorProto.FLOAT, 3, 2), rows.astype(FLOAT), tmp_path,
          exact=post == "NONE")


def tensor(name, values, elem):
    return helper.make_tensor(name, elem, [len(values)], values)


@pytest.mark.parametrize("elem", [TensorProto.FLOAT, TensorProto.DOUBLE])
@pytest.mark.parametrize("aggregate", [0, 1])
@pytest.mark.parametrize("n", [1, 3])
def test_unified(rows, tmp_path, elem, aggregate, n):
    """TreeEnsemble of opset 5, with sets of values."""
    random = np.random.default_rng(14)
    n_trees = 6
    features, modes, splits, yes, no, leafs, members = [], [], [], [], [], [], []
    for t, i in itertools.product(range(n_trees), range(7)):
        features.append(int(random.integers(N_FEATURES)))
        modes.append(int(random.integers(7)))
        splits.append(float(np.round(random.normal() * 4) / 4))
        if modes[-1] == 6:
            members += [*map(float, random.permutation(8)[:3]), float("nan")]
        below = [2 * i + 1, 2 * i + 2]
        leafs.append(int(i >= 3))
        yes.append(t * 7 + below[0] if i < 3 else t * 8 + below[0] - 7)
        no.append(t * 7 + below[1] if i < 3 else t * 8 + below[1] - 7)
    weights = random.normal(size=n_trees * 8).tolist()
    node = helper.make_node(
        "TreeEnsemble", ["X"], ["Y"], domain="ai.onnx.ml", n_targets=n, post_transform=0,
        aggregate_function=aggregate, tree_roots=[7 * t for t in range(n_trees)],
        nodes_featureids=features, nodes_modes=tensor("m", modes, TensorProto.UINT8),
        nodes_splits=tensor("s", splits, elem), nodes_truenodeids=yes, nodes_trueleafs=leafs,
        nodes_falsenodeids=no, nodes_falseleafs=leafs,
        leaf_targetids=random.integers(n, size=n_trees * 8).tolist(),
        leaf_weights=tensor("w", weights, elem), membership_values=tensor("v", members, elem))
    served = np.where(random.random(rows.shape) < 0.5, np.abs(np.round(rows * 2)), rows)
    served = served.astype(FLOAT if elem == TensorProto.FLOAT else DOUBLE)
    check(graph([node], N_FEATURES, elem, 5), served, tmp_path, exact=True)


# ---- MLflow --------------------------------------------------------------------------------------

def test_mlflow_folder(rows, target, tmp_path, convert):
    """As mlflow.onnx.save_model writes it, with the names of the signature."""
    pandas = pytest.importorskip("pandas")
    mlflow_onnx = pytest.importorskip("mlflow.onnx")
    signatures = pytest.importorskip("mlflow.models")
    frame = pandas.DataFrame(np.nan_to_num(rows).astype(FLOAT), columns=list("abcdef"))
    model = ensemble.ExtraTreesClassifier(**FOREST).fit(frame.to_numpy(), binary(target))
    converted = convert(model, frame.to_numpy(), options={id(model): {"zipmap": False}})
    mlflow_onnx.save_model(converted, tmp_path / "saved",
                           signature=signatures.infer_signature(frame.head()))
    onnx.save(converted, tmp_path / "model.onnx")
    loaded = Model(tmp_path / "saved")
    assert [loaded.about.feature_names[i].decode() for i in range(N_FEATURES)] == list("abcdef")
    expected = runtime_scores(tmp_path / "model.onnx", {"X": frame.to_numpy()})
    np.testing.assert_array_equal(loaded.predict(frame.to_numpy()), expected)
