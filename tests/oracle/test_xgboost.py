"""Every objective, booster and input of XGBoost that we promise, against XGBoost itself."""
import json
import threading

import numpy as np
import pytest

from conftest import N_FEATURES, ulps
from millwright import MARGIN, Failure, Model

xgb = pytest.importorskip("xgboost")

KERNELS = [None, "scalar"]


# ---- comparing -----------------------------------------------------------------------------------

def compare(model, rows, margin, prediction):
    """Bit for bit before the transform, one ulp after it."""
    n = len(rows)
    margin = np.asarray(margin, np.float32).reshape(n, -1)
    prediction = np.asarray(prediction, np.float32).reshape(n, -1)
    got = model.margin(rows)
    assert got.shape == margin.shape
    assert np.array_equal(got, got.astype(np.float32).astype(np.float64), equal_nan=True)
    different = got.astype(np.float32).view(np.uint32) != margin.view(np.uint32)
    assert not different.any(), (
        f"{different.sum()} margins differ, the first at {np.argwhere(different)[0]}: "
        f"{got[different][0]!r} is not {margin[different][0]!r}")
    got = model.predict(rows)
    assert got.shape == prediction.shape
    assert ulps(got, prediction).max(initial=0) <= 1


def check(booster, rows, folder, **dmatrix):
    """Save as JSON and as UBJSON; both files and both kernels must answer as the booster does."""
    data = xgb.DMatrix(rows, **dmatrix)
    margin = booster.predict(data, output_margin=True)
    prediction = booster.predict(data)
    for ending in ("json", "ubj"):
        path = folder / f"model.{ending}"
        booster.save_model(path)
        for kernel in KERNELS:
            compare(Model(path, kernel), np.asarray(rows), margin, prediction)


def train(rows, label, rounds=8, **params):
    dmatrix = {name: params.pop(name) for name in ("group", "weight", "feature_types")
               if name in params}
    group = dmatrix.pop("group", None)
    data = xgb.DMatrix(rows, label, enable_categorical="feature_types" in dmatrix, **dmatrix)
    if group is not None:
        data.set_group(group)
    return xgb.train({"max_depth": 4, "nthread": 1, "seed": 1, **params}, data, rounds)


# ---- objectives ----------------------------------------------------------------------------------

def positive(y):
    return np.exp(y / 4)


def unit(y):
    return 1 / (1 + np.exp(-y))


def binary(y):
    return (y > 0).astype(float)


def classes(y):
    return np.digitize(y, [-2, 0, 2])


OBJECTIVES = [
    ("reg:squarederror", lambda y: y, {}),
    ("reg:squaredlogerror", positive, {}),
    ("reg:logistic", unit, {}),
    ("reg:pseudohubererror", lambda y: y, {}),
    ("reg:absoluteerror", lambda y: y, {}),
    ("reg:quantileerror", lambda y: y, {"quantile_alpha": 0.3}),
    ("reg:quantileerror", lambda y: y, {"quantile_alpha": [0.1, 0.5, 0.9]}),
    ("reg:gamma", positive, {}),
    ("reg:tweedie", positive, {"tweedie_variance_power": 1.3}),
    ("count:poisson", lambda y: np.floor(positive(y) * 3), {}),
    ("survival:cox", lambda y: positive(y) * np.where(y > -1, 1, -1), {}),
    ("binary:logistic", binary, {}),
    ("binary:logistic", binary, {"scale_pos_weight": 30, "base_score": 0.01}),
    ("binary:logitraw", binary, {}),
    ("binary:hinge", binary, {}),
    ("multi:softmax", classes, {"num_class": 4}),
    ("multi:softprob", classes, {"num_class": 4}),
]


@pytest.mark.parametrize("objective, label, params", OBJECTIVES,
                         ids=lambda v: v if isinstance(v, str) else None)
def test_objective(rows, target, tmp_path, objective, label, params):
    booster = train(rows, label(target), objective=objective, **params)
    check(booster, rows, tmp_path)


def test_accelerated_failure_time(rows, target, tmp_path):
    data = xgb.DMatrix(rows)
    data.set_float_info("label_lower_bound", positive(target))
    data.set_float_info("label_upper_bound", positive(target) * np.where(target > 1, np.inf, 1))
    booster = xgb.train({"objective": "survival:aft", "max_depth": 3, "nthread": 1}, data, 6)
    check(booster, rows, tmp_path)


@pytest.mark.parametrize("objective", ["rank:pairwise", "rank:ndcg", "rank:map"])
def test_ranking(rows, target, tmp_path, objective):
    label = binary(target) if objective == "rank:map" else classes(target)
    booster = train(rows, label, objective=objective, group=[100] * 6)
    check(booster, rows, tmp_path)


def test_expectile(rows, target, tmp_path):
    try:
        booster = train(rows, target, objective="reg:expectileerror", expectile_alpha=0.3)
    except (xgb.core.XGBoostError, ValueError):
        pytest.skip(f"XGBoost {xgb.__version__} has no reg:expectileerror")
    check(booster, rows, tmp_path)


def test_custom_objective(rows, target, tmp_path):
    """The file then names the default objective; the trees are ours to sum."""
    data = xgb.DMatrix(rows, target)
    booster = xgb.train({"max_depth": 3, "nthread": 1, "base_score": 0.5}, data, 5,
                        obj=lambda p, d: (p - d.get_label(), np.ones_like(p)))
    check(booster, rows, tmp_path)


# ---- boosters and trees --------------------------------------------------------------------------

TREES = {
    "exact": {"tree_method": "exact"},
    "approx": {"tree_method": "approx"},
    "depth 1": {"max_depth": 1},
    "depth 6, many": {"max_depth": 6, "rounds": 60},
    "depth 9": {"max_depth": 9, "min_child_weight": 0.01, "rounds": 12},
    "lossguide": {"grow_policy": "lossguide", "max_leaves": 60, "max_depth": 0, "rounds": 20},
    "deep": {"max_depth": 30, "min_child_weight": 0, "reg_lambda": 0, "tree_method": "exact"},
    "pruned": {"gamma": 5},
    "pruned to one leaf": {"gamma": 1e9},
    "one round": {"rounds": 1},
    "random forest": {"num_parallel_tree": 7, "rounds": 1, "subsample": 0.6, "learning_rate": 1},
    "forests boosted": {"num_parallel_tree": 3, "rounds": 4, "subsample": 0.6},
    "monotone": {"monotone_constraints": "(1,0,-1,0,0,0)"},
}


@pytest.mark.parametrize("name", TREES)
def test_trees(rows, target, tmp_path, name):
    check(train(rows, target, **TREES[name]), rows, tmp_path)


@pytest.mark.parametrize("objective, label, more", [
    ("reg:squarederror", lambda y: y, {}),
    ("binary:logistic", binary, {"base_score": 0.3}),
    ("multi:softprob", classes, {"num_class": 4}),
    ("reg:squarederror", lambda y: y, {"num_parallel_tree": 3, "subsample": 0.7}),
])
@pytest.mark.parametrize("normalize", ["tree", "forest"])
def test_dart(rows, target, tmp_path, objective, label, more, normalize):
    booster = train(rows, label(target), 12, booster="dart", rate_drop=0.4, one_drop=1,
                    objective=objective, normalize_type=normalize, **more)
    check(booster, rows, tmp_path)


@pytest.mark.parametrize("objective, label, more", [
    ("reg:squarederror", lambda y: y, {}),
    ("binary:logistic", binary, {}),
    ("multi:softprob", classes, {"num_class": 4}),
])
def test_linear_booster(rows, target, tmp_path, objective, label, more):
    booster = train(rows, label(target), booster="gblinear", objective=objective, **more)
    check(booster, rows, tmp_path)


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic"])
def test_several_targets(rows, target, tmp_path, strategy, objective):
    label = np.stack([target, -target, target ** 2 - 5], axis=1)
    if objective == "binary:logistic":
        label = binary(label)
    booster = train(rows, label, multi_strategy=strategy, objective=objective)
    check(booster, rows, tmp_path)


def test_vector_leaves_of_classes(rows, target, tmp_path):
    booster = train(rows, classes(target), objective="multi:softprob", num_class=4,
                    multi_strategy="multi_output_tree")
    check(booster, rows, tmp_path)


# ---- base_score, early stopping ------------------------------------------------------------------

@pytest.mark.parametrize("objective, label, base_score", [
    ("reg:squarederror", lambda y: y, 0.0), ("reg:squarederror", lambda y: y, -123.456),
    ("binary:logistic", binary, 0.5), ("binary:logistic", binary, 0.123456),
    ("binary:logistic", binary, 0.999), ("reg:gamma", positive, 3.7),
    ("count:poisson", positive, 1e-3), ("binary:logitraw", binary, 0.7),
])
def test_base_score_given(rows, target, tmp_path, objective, label, base_score):
    check(train(rows, label(target), objective=objective, base_score=base_score), rows, tmp_path)


@pytest.mark.parametrize("objective, value", [("binary:logistic", 0), ("binary:logistic", 1),
                                              ("reg:logistic", 1), ("count:poisson", 0)])
def test_base_score_at_the_end_of_its_range(rows, target, tmp_path, objective, value):
    """A label that is the same in every row: XGBoost saves 0 or 1, and still loads it."""
    check(train(rows, np.full_like(target, value), objective=objective), rows, tmp_path)


@pytest.mark.parametrize("base_score", [0.3, [0.1, -0.2, 0.3, 0.4]])
def test_base_score_of_classes(rows, target, tmp_path, base_score):
    try:
        booster = train(rows, classes(target), objective="multi:softprob", num_class=4,
                        base_score=base_score)
    except (xgb.core.XGBoostError, ValueError, TypeError) as failure:
        pytest.skip(f"XGBoost {xgb.__version__}: {str(failure)[:80]}")
    check(booster, rows, tmp_path)


@pytest.mark.parametrize("text", ["5E-1", "[5E-1]", "2.5E-1", "[2.5E-1]"])
def test_base_score_as_older_files_have_it(rows, target, tmp_path, text):
    booster = train(rows, binary(target), objective="binary:logistic")
    path = tmp_path / "model.json"
    booster.save_model(path)
    model = json.loads(path.read_text())
    model["learner"]["learner_model_param"]["base_score"] = text
    path.write_text(json.dumps(model))
    again = xgb.Booster(model_file=path)
    check(again, rows, tmp_path)
    data = xgb.DMatrix(rows)
    compare(Model(path), rows, again.predict(data, output_margin=True), again.predict(data))


def test_early_stopping(rows, target, tmp_path):
    """Booster.predict uses all trees, whatever best_iteration says; a slice is its own model."""
    noise = np.random.default_rng(3).permutation(target)
    data, watch = xgb.DMatrix(rows[:300], target[:300]), xgb.DMatrix(rows[300:], noise[300:])
    booster = xgb.train({"max_depth": 4, "nthread": 1}, data, 200, evals=[(watch, "watch")],
                        early_stopping_rounds=4, verbose_eval=False)
    assert booster.best_iteration < booster.num_boosted_rounds() - 1
    check(booster, rows, tmp_path)
    check(booster[: booster.best_iteration + 1], rows, tmp_path)


# ---- missing values ------------------------------------------------------------------------------

def test_missing_only_when_served(rows, target, tmp_path):
    """Trained without a missing value: the default side is what training left there."""
    booster = train(np.nan_to_num(rows), target)
    check(booster, rows, tmp_path)
    check(booster, np.full((3, N_FEATURES), np.nan), tmp_path)


def test_no_missing_at_all(rows, target, tmp_path):
    check(train(np.nan_to_num(rows), target), np.nan_to_num(rows), tmp_path)


def test_whole_column_missing(rows, target, tmp_path):
    holes = rows.copy()
    holes[:, 2] = np.nan
    check(train(holes, target), holes, tmp_path)
    check(train(rows, target), holes, tmp_path)


# ---- categories ----------------------------------------------------------------------------------

def categorical_rows(n_categories):
    random = np.random.default_rng(n_categories)
    codes = random.integers(0, n_categories, size=(600, 2)).astype(float)
    numbers = random.normal(size=(600, 2))
    rows = np.concatenate([codes, numbers], axis=1)
    effect = random.normal(size=n_categories)
    target = effect[codes[:, 0].astype(int)] + numbers[:, 0] - effect[codes[:, 1].astype(int)]
    rows[random.random(rows.shape) < 0.04] = np.nan
    return rows, target


TYPES = ["c", "c", "float", "q"]


@pytest.mark.parametrize("n_categories, onehot", [
    (2, 4), (4, 100), (12, 100), (12, 1), (64, 1), (300, 1)])
def test_categories(tmp_path, n_categories, onehot):
    rows, target = categorical_rows(n_categories)
    booster = train(rows, target, 12, max_cat_to_onehot=onehot, feature_types=TYPES, max_depth=6)
    check(booster, rows, tmp_path, feature_types=TYPES, enable_categorical=True)


def test_odd_categories(tmp_path):
    """Negative, fractional, never seen, beyond every set, 2^24: XGBoost decides, we follow."""
    rows, target = categorical_rows(40)
    booster = train(rows, target, 12, max_cat_to_onehot=1, feature_types=TYPES)
    odd = np.array([-1, -0.5, -0.0, 0.5, 3.999, 39, 40, 63, 64, 1000, 2 ** 24 - 1, 2 ** 24,
                    2 ** 24 + 2, np.nan])
    served = np.zeros((len(odd) * 2, 4), np.float32)
    served[: len(odd), 0] = odd
    served[len(odd):, 1] = odd
    path = tmp_path / "model.json"
    booster.save_model(path)
    margin = booster.inplace_predict(served, predict_type="margin", validate_features=False)
    for kernel in KERNELS:
        compare(Model(path, kernel), served, margin, margin)


# ---- numbers at their edges ----------------------------------------------------------------------

def thresholds(booster):
    table = booster.trees_to_dataframe()
    table = table[table.Feature != "Leaf"]
    return table.Feature.str[1:].astype(int).to_numpy(), table.Split.to_numpy(np.float32)


def edge_rows(booster):
    """For each split: x on the threshold and its neighbours, the rest of the row missing or 0."""
    features, cuts = thresholds(booster)
    rows = []
    for feature, cut in zip(features, cuts):
        for value in (cut, np.nextafter(cut, np.float32(-np.inf)),
                      np.nextafter(cut, np.float32(np.inf))):
            for rest in (np.nan, 0):
                row = np.full(N_FEATURES, rest, np.float32)
                row[feature] = value
                rows.append(row)
    return np.array(rows)


def test_on_the_threshold(rows, target, tmp_path):
    booster = train(rows, target, 10)
    check(booster, edge_rows(booster), tmp_path)


def test_doubles_between_floats(rows, target, tmp_path):
    """A double is rounded to float32 once, to nearest, before any comparison."""
    booster = train(rows, target, 10)
    edges = edge_rows(booster).astype(np.float64)
    step = np.random.default_rng(1).choice([-1, 1, 0.99], edges.shape)
    between = edges + np.abs(edges) * 2.0 ** -25 * step
    check(booster, between, tmp_path)


def test_special_values(rows, target, tmp_path):
    tiny = np.float32(1e-45)
    special = np.array([0.0, -0.0, tiny, -tiny, 1e-38, np.inf, -np.inf, 3.4028235e38, -3.4028235e38,
                        np.nan, 1e-35, -1e-35], np.float32)
    grid = np.nan_to_num(rows).astype(np.float32)
    grid[:, 0] = np.random.default_rng(4).choice(special[np.isfinite(special)], len(grid))
    path = tmp_path / "model.json"
    for booster in (train(rows, target, 10), train(grid, target, 10, tree_method="exact")):
        booster.save_model(path)
        served = np.random.default_rng(5).choice(special, (300, N_FEATURES))
        margin = booster.inplace_predict(served, predict_type="margin")
        for kernel in KERNELS:
            compare(Model(path, kernel), served, margin, margin)


def test_doubles_beyond_float32(rows, target, tmp_path):
    """1e39 is infinity once it is a float32, and 1e-46 is 0."""
    booster = train(rows, target, 10)
    path = tmp_path / "model.json"
    booster.save_model(path)
    served = np.random.default_rng(6).choice([1e39, -1e39, 1e-46, -1e-46, 1e300], (60, N_FEATURES))
    with np.errstate(over="ignore"):
        margin = booster.inplace_predict(served.astype(np.float32), predict_type="margin")
    for kernel in KERNELS:
        compare(Model(path, kernel), served, margin, margin)


# ---- shapes of rows ------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def one_model(rows, target, tmp_path_factory):
    booster = train(rows, classes(target), 15, objective="multi:softprob", num_class=4)
    path = tmp_path_factory.mktemp("one") / "model.ubj"
    booster.save_model(path)
    return booster, Model(path)


def test_every_number_of_rows(rows, one_model):
    booster, model = one_model
    margin = booster.predict(xgb.DMatrix(rows), output_margin=True).astype(np.float64)
    for n in range(0, 131):
        assert np.array_equal(model.margin(rows[:n]), margin[:n])


def test_strides(rows, one_model):
    booster, model = one_model
    margin = booster.predict(xgb.DMatrix(rows), output_margin=True).astype(np.float64)
    wide = np.zeros((len(rows) * 2, N_FEATURES * 3), np.float32)
    wide[::2, ::3] = rows
    shapes = {"float32": rows.astype(np.float32), "Fortran": np.asfortranarray(rows),
              "Fortran float32": np.asfortranarray(rows.astype(np.float32)),
              "strided": wide[::2, ::3]}
    for name, served in shapes.items():
        assert np.array_equal(model.margin(served), margin), name
    assert np.array_equal(model.margin(rows[::-1]), margin[::-1])
    mirrored = np.ascontiguousarray(rows[:, ::-1])[:, ::-1]
    assert np.array_equal(model.margin(mirrored), margin)


def test_threads_share_a_model(rows, one_model):
    booster, model = one_model
    margin = booster.predict(xgb.DMatrix(rows), output_margin=True).astype(np.float64)
    wrong = []

    def work(seed):
        random = np.random.default_rng(seed)
        for _ in range(30):
            picked = random.integers(0, len(rows), random.integers(1, 200))
            if not np.array_equal(model.margin(rows[picked]), margin[picked]):
                wrong.append(seed)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_wrong_number_of_features(rows, one_model):
    _, model = one_model
    with pytest.raises(Failure, match="rows have 5 columns, the model takes 6 features"):
        model.predict(rows[:, :5], MARGIN)
