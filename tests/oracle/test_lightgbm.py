"""Every objective, booster and input of LightGBM that we promise, against LightGBM itself, from
its text form and from its JSON form."""
import json
import re
import threading

import numpy as np
import pytest

from conftest import N_FEATURES
from millwright import Failure, Model

lgb = pytest.importorskip("lightgbm")

KERNELS = [None, "scalar"]


# ---- comparing -----------------------------------------------------------------------------------

def compare(model, rows, raw, prediction):
    n = len(rows)
    for got, expected in ((model.margin(rows), raw), (model.predict(rows), prediction)):
        expected = np.asarray(expected, np.float64).reshape(n, -1)
        assert got.shape == expected.shape
        assert np.array_equal(np.isnan(got), np.isnan(expected))
        finite = np.isfinite(expected)
        assert np.array_equal(got[~finite], expected[~finite], equal_nan=True)
        np.testing.assert_allclose(got[finite], expected[finite], rtol=1e-12, atol=1e-300)


def check(booster, rows, folder, exact=True):
    """Both kernels on the file as LightGBM saves it. Plain trees are even equal to the last bit.
    The JSON form holds the same numbers: the same bits come out, contributions included."""
    path = folder / "model.txt"
    booster.save_model(path)
    raw, prediction = booster.predict(rows, raw_score=True), booster.predict(rows)
    for kernel in KERNELS:
        model = Model(path, kernel)
        compare(model, rows, raw, prediction)
        if exact:
            assert np.array_equal(model.margin(rows), np.reshape(raw, (len(rows), -1)))
    check_dump(booster, model, rows, folder)


def check_dump(booster, text, rows, folder):
    path = folder / "model.json"
    path.write_text(json.dumps(booster.dump_model()))
    dump = Model(path, text.kernel)
    assert dump.about.format == b"lightgbm json"
    for name in ("objective", "n_trees", "n_nodes", "n_leaves", "max_depth", "n_classes"):
        assert getattr(dump.about, name) == getattr(text.about, name)
    assert bool(dump.about.feature_names) == bool(text.about.feature_names)
    for i in range(text.about.n_features if text.about.feature_names else 0):
        assert dump.about.feature_names[i] == text.about.feature_names[i]
    assert np.array_equal(dump.margin(rows), text.margin(rows), equal_nan=True)
    assert np.array_equal(dump.predict(rows), text.predict(rows), equal_nan=True)
    few = rows[:20]
    try:
        wanted = text.explain(few)
    except Failure as failure:  # linear leaves have no contributions
        with pytest.raises(Failure, match=re.escape(str(failure).split("; ")[-1][:40])):
            dump.explain(few)
        return
    assert np.array_equal(dump.explain(few), wanted, equal_nan=True)


def train(rows, label, rounds=8, **params):
    data = {name: params.pop(name) for name in ("group", "categorical_feature") if name in params}
    params = {"num_leaves": 15, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1, "seed": 1,
              **params}
    return lgb.train(params, lgb.Dataset(rows, label, params={"verbose": -1}, **data), rounds)


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
    ("regression", lambda y: y, {}),
    ("regression", lambda y: y, {"reg_sqrt": True}),
    ("regression", lambda y: y, {"boost_from_average": False}),
    ("regression_l1", lambda y: y, {}),
    ("huber", lambda y: y, {}),
    ("fair", lambda y: y, {}),
    ("poisson", lambda y: np.floor(positive(y) * 3), {}),
    ("quantile", lambda y: y, {"alpha": 0.2}),
    ("mape", positive, {}),
    ("gamma", positive, {}),
    ("tweedie", positive, {}),
    ("binary", binary, {}),
    ("binary", binary, {"sigmoid": 0.7}),
    ("binary", binary, {"is_unbalance": True}),
    ("multiclass", classes, {"num_class": 4}),
    ("multiclassova", classes, {"num_class": 4}),
    ("multiclassova", classes, {"num_class": 4, "sigmoid": 1.7}),
    ("cross_entropy", unit, {}),
    ("cross_entropy_lambda", unit, {}),
]


@pytest.mark.parametrize("objective, label, params", OBJECTIVES,
                         ids=lambda v: v if isinstance(v, str) else None)
def test_objective(rows, target, tmp_path, objective, label, params):
    check(train(rows, label(target), objective=objective, **params), rows, tmp_path)


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg"])
def test_ranking(rows, target, tmp_path, objective):
    booster = train(rows, classes(target), objective=objective, group=[100] * 6)
    check(booster, rows, tmp_path)


def test_custom_objective(rows, target, tmp_path):
    """The file has no objective then: predictions are raw scores."""
    booster = train(rows, target, objective=lambda p, d: (p - d.get_label(), np.ones_like(p)))
    check(booster, rows, tmp_path)


# ---- boosters and trees --------------------------------------------------------------------------

BAGGED = {"bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}
TREES = {
    "dart": {"boosting": "dart", "rounds": 20},
    "goss": {"data_sample_strategy": "goss"},
    "random forest": {"boosting": "rf", **BAGGED},
    "leaf-wise": {"num_leaves": 120, "min_data_in_leaf": 1, "rounds": 20},
    "deep": {"num_leaves": 300, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0},
    "stumps": {"num_leaves": 2},
    "constant": {"min_data_in_leaf": 10000},
    "many": {"rounds": 100, "num_leaves": 31},
    "depth 3": {"max_depth": 3},
    "extra trees": {"extra_trees": True},
    "few bins": {"max_bin": 4},
}


@pytest.mark.parametrize("name", TREES)
def test_trees(rows, target, tmp_path, name):
    check(train(rows, target, **TREES[name]), rows, tmp_path)


@pytest.mark.parametrize("objective, label, more", [
    ("binary", binary, {}), ("multiclass", classes, {"num_class": 4}), ("poisson", positive, {}),
])
@pytest.mark.parametrize("boosting", ["rf", "dart"])
def test_boosting_with_objective(rows, target, tmp_path, objective, label, more, boosting):
    booster = train(rows, label(target), 12, objective=objective, boosting=boosting,
                    **BAGGED, **more)
    check(booster, rows, tmp_path)


@pytest.mark.parametrize("more", [{}, {"linear_lambda": 0.1}, {"use_missing": False},
                                  {"objective": "binary"}, {"num_leaves": 2}])
def test_linear_trees(rows, target, tmp_path, more):
    label = binary(target) if more.get("objective") == "binary" else target
    booster = train(rows, label, linear_tree=True, **more)
    served = rows.copy()
    served[::7, 1] = np.inf
    served[::11, 0] = -np.inf
    check(booster, served, tmp_path, exact=False)


def test_early_stopping(rows, target, tmp_path):
    """LightGBM saves up to best_iteration, and predicts with as many."""
    noise = np.random.default_rng(3).permutation(target)
    data = lgb.Dataset(rows[:300], target[:300])
    booster = lgb.train({"verbose": -1, "num_threads": 1}, data, 200,
                        valid_sets=[lgb.Dataset(rows[300:], noise[300:], reference=data)],
                        callbacks=[lgb.early_stopping(4, verbose=False)],
                        keep_training_booster=True)
    assert 0 < booster.best_iteration < booster.current_iteration()
    check(booster, rows, tmp_path)
    path = tmp_path / "all.txt"
    booster.save_model(path, num_iteration=-1)
    raw = booster.predict(rows, raw_score=True, num_iteration=-1)
    compare(Model(path), rows, raw, booster.predict(rows, num_iteration=-1))


# ---- missing values ------------------------------------------------------------------------------

@pytest.mark.parametrize("params", [
    {}, {"use_missing": False}, {"zero_as_missing": True},
    {"zero_as_missing": True, "use_missing": False},
])
@pytest.mark.parametrize("holes_in_training", [True, False])
def test_missing(rows, target, tmp_path, params, holes_in_training):
    random = np.random.default_rng(8)
    served = np.where(random.random(rows.shape) < 0.2, 0, rows)
    trained = served if holes_in_training else np.nan_to_num(served)
    booster = train(trained, target, 15, **params)
    check(booster, served, tmp_path)
    check(booster, np.nan_to_num(served), tmp_path)
    check(booster, np.full((3, N_FEATURES), np.nan), tmp_path)
    near = random.choice([0.0, -0.0, 1e-36, -1e-36, 1e-35, -1e-35, 1.1e-35, np.nan], rows.shape)
    check(booster, near, tmp_path)


# ---- categories ----------------------------------------------------------------------------------

def categorical_rows(n_categories):
    random = np.random.default_rng(n_categories)
    codes = random.integers(0, n_categories, size=(900, 2)).astype(float)
    numbers = random.normal(size=(900, 2))
    rows = np.concatenate([codes, numbers], axis=1)
    effect = random.normal(size=n_categories)
    target = effect[codes[:, 0].astype(int)] + numbers[:, 0] - effect[codes[:, 1].astype(int)]
    rows[random.random(rows.shape) < 0.04] = np.nan
    return rows, target


CATEGORY = {"categorical_feature": [0, 1], "min_data_per_group": 1, "cat_smooth": 1, "cat_l2": 1}


@pytest.mark.parametrize("n_categories, more", [
    (3, {}), (4, {"max_cat_to_onehot": 4}), (20, {"max_cat_to_onehot": 30}), (20, {}),
    (200, {"max_cat_threshold": 200}), (1000, {"max_bin": 2000, "max_cat_threshold": 500}),
])
def test_categories(tmp_path, n_categories, more):
    rows, target = categorical_rows(n_categories)
    check(train(rows, target, 12, **CATEGORY, **more), rows, tmp_path)


def test_many_sets(tmp_path):
    """Thousands of sets, each asked for by few rows."""
    rows, target = categorical_rows(60)
    check(train(rows, target, 120, num_leaves=31, **CATEGORY), rows, tmp_path)


@pytest.mark.parametrize("params", [{}, {"use_missing": False}, {"zero_as_missing": True}])
def test_odd_categories(tmp_path, params):
    """Negative, fractional, never seen, beyond every set, beyond int: LightGBM decides."""
    rows, target = categorical_rows(40)
    booster = train(rows, target, 12, **CATEGORY, **params)
    odd = np.array([-1, -0.5, -0.99, -0.0, 0.5, 3.999, 39, 40, 63, 64, 1e3, 2.0 ** 24 - 1,
                    2.0 ** 24, 2.0 ** 31 - 1, 2.0 ** 31, 4e9, 1e300, -1e300,
                    np.inf, -np.inf, np.nan])
    served = np.zeros((len(odd) * 2, 4))
    served[: len(odd), 0] = odd
    served[len(odd):, 1] = odd
    check(booster, served, tmp_path)


# ---- numbers at their edges ----------------------------------------------------------------------

def thresholds(booster):
    features, cuts = [], []
    for tree in re.split(r"\nTree=", booster.model_to_string())[1:]:
        found = dict(re.findall(r"^(split_feature|threshold)=(.+)$", tree, re.M))
        if found:
            features += [int(text) for text in found["split_feature"].split()]
            cuts += [float(text) for text in found["threshold"].split()]
    return features, cuts


def edge_rows(booster):
    rows = []
    for feature, cut in zip(*thresholds(booster)):
        for value in (cut, np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf)):
            for rest in (np.nan, 0):
                row = np.full(N_FEATURES, rest)
                row[feature] = value
                rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("params", [{}, {"use_missing": False}, {"zero_as_missing": True}])
def test_on_the_threshold(rows, target, tmp_path, params):
    booster = train(rows, target, 10, **params)
    check(booster, edge_rows(booster), tmp_path)


def test_float32_rows_widen_exactly(rows, target, tmp_path):
    booster = train(rows, target, 10)
    check(booster, edge_rows(booster).astype(np.float32), tmp_path)


@pytest.mark.parametrize("params", [{}, {"use_missing": False}, {"zero_as_missing": True}])
def test_special_values(rows, target, tmp_path, params):
    special = np.array([0.0, -0.0, 5e-324, -5e-324, 1e-38, np.inf, -np.inf, 1.7e308, -1.7e308, 1e39,
                        3.4028235e38, np.nan, 1e-35, -1e-35, 1e-36])
    booster = train(rows, target, 10, **params)
    check(booster, np.random.default_rng(5).choice(special, (300, N_FEATURES)), tmp_path)


@pytest.mark.parametrize("cut", ["1e-300", "-1e-300", "0", "-0", "1e-35", "-1e-35"])
def test_threshold_inside_zero(rows, target, tmp_path, cut):
    """LightGBM drops |x| <= 1e-35 before its trees see it. Its own files have no such threshold;
    a file edited by hand may."""
    text = train(rows, target, 1, num_leaves=2).model_to_string()
    text = re.sub(r"^threshold=.*$", f"threshold={cut}", text, flags=re.M)
    text = re.sub(r"^tree_sizes=.*\n", "", text, flags=re.M)
    booster = lgb.Booster(model_str=text)
    near = [0.0, -0.0, 1e-310, -1e-310, 1e-36, -1e-36, 1.1e-35, -1.1e-35, 1, -1, np.nan]
    check(booster, np.repeat(np.array(near)[:, None], N_FEATURES, axis=1), tmp_path)


# ---- shapes of rows ------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def one_model(rows, target, tmp_path_factory):
    booster = train(rows, classes(target), 15, objective="multiclass", num_class=4)
    path = tmp_path_factory.mktemp("one") / "model.txt"
    booster.save_model(path)
    return booster, Model(path)


def test_every_number_of_rows(rows, one_model):
    booster, model = one_model
    raw = booster.predict(rows, raw_score=True)
    for n in range(0, 131):
        assert np.array_equal(model.margin(rows[:n]), raw[:n])


def test_strides(rows, one_model):
    booster, model = one_model
    raw = booster.predict(rows, raw_score=True)
    wide = np.zeros((len(rows) * 2, N_FEATURES * 3))
    wide[::2, ::3] = rows
    for served in (np.asfortranarray(rows), wide[::2, ::3]):
        assert np.array_equal(model.margin(served), raw)
    assert np.array_equal(model.margin(rows[::-1]), raw[::-1])


def test_threads_share_a_model(rows, one_model):
    booster, model = one_model
    raw = booster.predict(rows, raw_score=True)
    wrong = []

    def work(seed):
        random = np.random.default_rng(seed)
        for _ in range(30):
            picked = random.integers(0, len(rows), random.integers(1, 200))
            if not np.array_equal(model.margin(rows[picked]), raw[picked]):
                wrong.append(seed)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
