"""CatBoost's models, JSON and binary, against CatBoost: raw values to the last bit, predictions to
1e-14; contributions to 2e-6 of the largest."""
import json
import subprocess

import numpy as np
import pytest

from millwright import Background, Failure, Model, library_path

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


def save_binary(model, folder):
    path = folder / "model.cbm"
    model.save_model(str(path))
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
        for path in (save(trained, folder), save_binary(trained, folder)):
            model = Model(path, kernel)
            assert np.array_equal(model.margin(rows), raw)
            assert np.array_equal(model.margin(rows.astype(np.float64)), raw)
            np.testing.assert_allclose(model.predict(rows), prediction, rtol=1e-14, atol=1e-300)
    same_forest(Model(folder / "model.json", "scalar"), model, rows[:10])


def same_forest(json_model, binary_model, rows):
    assert binary_model.about.format == b"catboost binary"
    for name in ("objective", "n_trees", "n_nodes", "n_leaves", "max_depth", "n_classes"):
        assert getattr(binary_model.about, name) == getattr(json_model.about, name)
    assert np.array_equal(json_model.explain(rows), binary_model.explain(rows))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("loss,target", LOSSES, ids=[name for name, _ in LOSSES])
def test_losses(loss, target, policy, tmp_path):
    rows = make_rows(1)
    check(train(loss, rows, target(score(rows)), grow_policy=policy), make_rows(2), tmp_path)


@pytest.mark.parametrize("depth", [1, 2, 6, 7, 8, 10])
def test_depths(depth, tmp_path):
    rows = make_rows(depth)
    check(train("RMSE", rows, score(rows), depth=depth), make_rows(3), tmp_path)


def test_deep_trees_take_what_the_file_does(tmp_path):
    """Up to CatBoost's limit of 16 levels: no node is made for predictions."""
    rows = make_rows(13)
    trained = train("RMSE", rows, score(rows), depth=16, iterations=3, border_count=8)
    path = save_binary(trained, tmp_path)
    model = Model(path)
    for n in (1, 3, len(rows)):
        assert (model.margin(rows[:n]).ravel() == trained.predict(rows[:n])).all()
    assert model.about.memory_bytes < 1.2 * path.stat().st_size


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


# ---- categories ----------------------------------------------------------------------------------

LONG = ["n" * size + "ö" for size in (7, 15, 31, 63, 64, 100, 126, 127, 128, 129, 200, 300)]


def make_table(seed, n, texts):
    """A column of numbers, of texts, of whole numbers and one more of numbers."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, n)).astype(np.float32)
    x[random.random(n) < 0.1] = np.nan
    table = np.empty((n, 4), object)
    table[:, 0], table[:, 3] = x, y
    table[:, 1] = np.array(texts, object)[random.integers(0, len(texts), n)]
    table[:, 2] = random.integers(-3, 9, n)
    return table


def table_target(table, texts):
    place = {text: i for i, text in enumerate(texts)}
    known = np.array([place[text] for text in table[:, 1]])
    return (np.nan_to_num(table[:, 0].astype(float)) + (known % 3 == 0) * 1.5 +
            (table[:, 2].astype(int) % 4 == 1) - table[:, 3].astype(float) * (known % 2))


def coded(model, table):
    rows = table.copy()
    for column in (1, 2):
        rows[:, column] = [model.category(column, str(value)) for value in table[:, column]]
    return rows.astype(np.float64)


def check_table(trained, table, folder):
    raw = np.reshape(trained.predict(table, prediction_type="RawFormulaVal"), (len(table), -1))
    pool = catboost.Pool(table, cat_features=[1, 2])
    shap = trained.get_feature_importance(pool, type="ShapValues").reshape(len(table), -1, 5)
    # CatBoost's own contributions of trees that are not symmetric do not add up to its raw values.
    adds_up = np.allclose(shap.sum(axis=2), raw, atol=1e-9)
    assert adds_up or trained.get_all_params()["grow_policy"] != "SymmetricTree"
    for kernel in (None, "scalar"):
        for path in (save(trained, folder), save_binary(trained, folder)):
            model = Model(path, kernel)
            rows = coded(model, table)
            assert np.array_equal(model.margin(rows), raw)
            for n in (1, 7, 33):
                assert np.array_equal(model.margin(rows[:n]), raw[:n])
            got = model.explain(rows)
            np.testing.assert_allclose(got.sum(axis=2), raw, atol=1e-5 * np.abs(got).max())
            assert not adds_up or np.abs(got - shap).max() <= 2e-6 * np.abs(shap).max()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("loss", ["Logloss", "RMSE", "MultiClass", "MultiRMSE"])
def test_one_hot(loss, policy, tmp_path):
    texts = ["Bonn", "Kyiv", "Łódź", "", "nan", "Rio de Janeiro", "3", "-1"]
    table = make_table(1, 800, texts)
    target = table_target(table, texts)
    labels = {"Logloss": target > 0, "RMSE": target, "MultiClass": np.digitize(target, [0, 1]),
              "MultiRMSE": np.c_[target, -target]}[loss]
    trained = train(loss, catboost.Pool(table, labels, cat_features=[1, 2]), None,
                    grow_policy=policy, one_hot_max_size=50, depth=5)
    served = make_table(2, 300, [*texts, "unknown", "Bonn "])
    served[::7, 2] = 4711  # a number that training did not see
    check_table(trained, served, tmp_path)


def test_every_length_of_text(tmp_path):
    texts = [text[-size:] for size in range(1, 70) for text in ["abcdefghij" * 7]] + LONG
    table = make_table(3, 3000, texts)
    trained = train("RMSE", catboost.Pool(table, table_target(table, texts), cat_features=[1, 2]),
                    None, one_hot_max_size=200, iterations=200, depth=4, learning_rate=0.5)
    assert save(trained, tmp_path).read_text().count("OneHotFeature") > 100
    check_table(trained, make_table(4, 400, texts), tmp_path)


def test_texts_and_numbers_as_clients_send_them(tmp_path):
    """CSV through the program: texts stay texts, numbers are their decimal text."""
    texts = ["Bonn", "Kyiv", "nan", "", "7"]
    table = make_table(5, 500, texts)
    table[:, 0] = np.nan_to_num(table[:, 0].astype(float))
    pool = catboost.Pool(table, table_target(table, texts), cat_features=[1, 2],
                         feature_names=["x", "city", "number", "y"])
    trained = train("RMSE", pool, None, one_hot_max_size=50)
    path, rows = save_binary(trained, tmp_path), tmp_path / "rows.csv"
    lines = [f"{float(x)!r},{city},{number},{float(y)!r}" for x, city, number, y in table]
    rows.write_text("x,city,number,y\n" + "\n".join(lines) + "\n")
    program = str(library_path()).split("include")[0] + "millwright"
    out = subprocess.run([program, "predict", str(path), "--input", str(rows)], check=True,
                         capture_output=True, text=True).stdout.split()
    assert np.array_equal(np.array(out[1:], float), trained.predict(table))
    lines = [json.dumps([float(x), city, int(number), float(y)]) for x, city, number, y in table]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    out = subprocess.run([program, "predict", str(path), "--input", str(tmp_path / "rows.jsonl")],
                         check=True, capture_output=True, text=True).stdout
    assert np.array_equal(np.array(out.split()[1:], float), trained.predict(table))


@pytest.mark.parametrize("loss", ["Logloss", "MultiClass", "RMSE", "Poisson"])
def test_sums_of_models(loss, tmp_path):
    """catboost.sum_models keeps no parameters, and the loss in a place of its own."""
    rows, target = make_rows(6), dict(LOSSES)[loss]
    trained = [train(loss, rows, target(score(rows)), random_seed=seed) for seed in (1, 2)]
    summed = catboost.sum_models(trained, weights=[0.25, 0.75])
    read_back = type(trained[0])()
    read_back.load_model(str(save_binary(summed, tmp_path)))
    check(read_back, make_rows(7), tmp_path)


@pytest.mark.parametrize("saved", [save, save_binary])
def test_sums_of_unlike_models_are_refused(saved, tmp_path):
    rows = make_rows(6)
    summed = catboost.sum_models([train("Logloss", rows, score(rows) > 0),
                                  train("RMSE", rows, score(rows))])
    with pytest.raises(Failure, match="does not say its loss function.*one loss only"):
        Model(saved(summed, tmp_path))


# ---- statistics of the target by category -------------------------------------------------------

def statistics_table(seed, n, n_cities=40):
    """Two categories of many values, one of two, and two numbers of which one is missing at times;
    in a served table some categories are new."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    x[random.random(n) < 0.1] = np.nan
    cities = random.integers(0, n_cities, n)
    return np.array([random.integers(0, 30, n), cities.astype(str), x,
                     random.choice(["m", "f"], n), random.normal(size=n)], dtype=object).T


def statistics_target(table):
    effect = np.random.default_rng(0).normal(size=(30, 60))
    x = np.nan_to_num(table[:, 2].astype(float))
    score = effect[table[:, 0].astype(int), table[:, 1].astype(int)] + x * (table[:, 3] == "m")
    return score + np.random.default_rng(1).normal(size=len(table)) * 0.2


STATISTICS = [
    ("Logloss", {}), ("RMSE", {}), ("MultiClass", {}),
    ("Logloss", {"max_ctr_complexity": 1}),
    ("RMSE", {"simple_ctr": "Buckets:TargetBorderCount=3", "combinations_ctr": "Counter"}),
    ("RMSE", {"simple_ctr": "Counter", "combinations_ctr": "Borders:TargetBorderCount=4"}),
    ("RMSE", {"simple_ctr": "BinarizedTargetMeanValue:TargetBorderCount=3"}),
    ("MultiClass", {"simple_ctr": "Buckets", "combinations_ctr": "Buckets"}),
    ("Logloss", {"one_hot_max_size": 0, "counter_calc_method": "SkipTest"}),
    ("Logloss", {"grow_policy": "Depthwise"}), ("RMSE", {"grow_policy": "Lossguide"}),
    ("RMSE", {"nan_mode": "Max"}), ("RMSE", {"ctr_leaf_count_limit": 10}),
    ("RMSE", {"ctr_leaf_count_limit": 200, "store_all_simple_ctr": True}),
]


@pytest.mark.parametrize("loss,params", STATISTICS)
def test_statistics(loss, params, tmp_path):
    table = statistics_table(1, 2000)
    target = statistics_target(table)
    labels = {"Logloss": target > 0, "RMSE": target, "MultiClass": np.digitize(target, [-1, 1])}
    trained = train_statistics(loss, table, labels[loss], **params)
    path = save(trained, tmp_path)
    assert path.read_text().count("OnlineCtr") > 20
    check_statistics(trained, path)
    check_statistics(trained, save_binary(trained, tmp_path))


def train_statistics(loss, table, labels, **params):
    pool = catboost.Pool(table, labels, cat_features=[0, 1, 3])
    return train(loss, pool, None, **{"one_hot_max_size": 2, "model_size_reg": 0, "depth": 5,
                                      "iterations": 30, **params})


def check_statistics(trained, path):
    served = statistics_table(2, 500, n_cities=60)
    raw = np.reshape(trained.predict(served, prediction_type="RawFormulaVal"), (500, -1))
    for kernel in (None, "scalar"):
        model = Model(path, kernel)
        rows = served.copy()
        for column in (0, 1, 3):
            rows[:, column] = [model.category(column, str(value)) for value in rows[:, column]]
        rows = rows.astype(np.float64)
        for n in (500, 1, 7, 33):
            assert np.array_equal(model.margin(rows[:n]), raw[:n])
        check_statistics_explained(model, trained, rows, served, raw)


def test_statistics_of_several_targets(tmp_path):
    """CatBoost's own JSON mixes them up; its binary form does not."""
    table = statistics_table(1, 2000)
    target = statistics_target(table)
    trained = train_statistics("MultiRMSE", table, np.c_[target, -target])
    check_statistics(trained, save_binary(trained, tmp_path))
    with pytest.raises(Failure, match="which of several targets.*save the model as .cbm"):
        Model(save(trained, tmp_path))


def test_statistics_that_were_not_saved(tmp_path):
    table = statistics_table(1, 300)
    trained = train_statistics("RMSE", table, statistics_target(table),
                               final_ctr_computation_mode="Skip", iterations=5)
    with pytest.raises(Failure, match="by category .CTR. that its file does not hold.*Skip"):
        Model(save_binary(trained, tmp_path))


def check_statistics_explained(model, trained, rows, served, raw):
    pool = catboost.Pool(served, cat_features=[0, 1, 3])
    shap = trained.get_feature_importance(pool, type="ShapValues").reshape(len(served), -1, 6)
    got = model.explain(rows)
    np.testing.assert_allclose(got.sum(axis=2), raw, atol=1e-5 * np.abs(got).max())
    adds_up = np.allclose(shap.sum(axis=2), raw, atol=1e-9)
    assert adds_up or trained.get_all_params()["grow_policy"] != "SymmetricTree"
    assert not adds_up or np.abs(got - shap).max() <= 2e-6 * np.abs(shap).max()


def test_pairs_and_backgrounds_of_statistics(tmp_path):
    """Of one category each: CatBoost's own pairs. What is made of several features is refused."""
    table = statistics_table(1, 2000)
    labels = statistics_target(table) > 0
    served = statistics_table(2, 40)
    pool = catboost.Pool(served, cat_features=[0, 1, 3])
    trained = train_statistics("Logloss", table, labels, max_ctr_complexity=1, iterations=10)
    model = Model(save_binary(trained, tmp_path))
    rows = served.copy()
    for column in (0, 1, 3):
        rows[:, column] = [model.category(column, str(value)) for value in rows[:, column]]
    rows = rows.astype(np.float64)
    pairs = trained.get_feature_importance(pool, type="ShapInteractionValues")[:, :5, :5]
    got = model.interactions(rows)[:, 0, :5, :5]
    assert np.abs(got - pairs).max() <= 2e-6 * np.abs(pairs).max()
    against = Background(model, rows[:15]).explain(rows)[:, 0]
    margin = model.margin(rows).ravel()
    np.testing.assert_allclose(against[:, 5], margin[:15].mean(), atol=1e-6)
    np.testing.assert_allclose(against.sum(axis=1), margin, atol=1e-5)
    trained = train_statistics("Logloss", table, labels, depth=6, iterations=60,
                               max_ctr_complexity=4)
    model = Model(save_binary(trained, tmp_path))
    with pytest.raises(Failure, match="a column of several features.*max_ctr_complexity=1"):
        model.interactions(rows)
    with pytest.raises(Failure, match="a column of several features.*max_ctr_complexity=1"):
        Background(model, rows[:15])


def test_texts_are_refused(tmp_path):
    rows = [["a b c", 1.0], ["b d", 2.0], ["a a", 3.0], ["c", 4.0]] * 30
    trained = train("Logloss", catboost.Pool(rows, [0, 1, 0, 1] * 30, text_features=[0]), None)
    with pytest.raises(Failure, match="text and embedding"):
        Model(save_binary(trained, tmp_path))
