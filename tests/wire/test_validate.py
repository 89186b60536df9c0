"""`mw model validate` against scikit-learn's, statsmodels' and SciPy's numbers: expected values of
real data, and rows made at random; suites that are refused, and reports that CI systems read."""
import csv
import gzip
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from conftest import SHARED
from sklearn import metrics

ADULT, WINE = SHARED / "expected/adult_scores.csv.gz", SHARED / "expected/wine_scores.csv"
NAMES = {"roc_auc_score": "roc_auc", "average_precision_score": "average_precision",
         "brier_score_loss": "brier", "fbeta_2": "f2", "cohen_kappa": "kappa",
         "cohen_kappa_quadratic": "kappa_quadratic", "brier_multiclass": "brier",
         "roc_auc_ovr_macro": "roc_auc_ovr", "roc_auc_ovo_macro": "roc_auc_ovo"}


def close(value):
    return pytest.approx(value, rel=1e-12, abs=1e-15)


def expected(name):
    path = SHARED / "expected" / name
    if not path.exists():
        pytest.skip(f"no {path}: the shared data is not on this machine")
    return json.loads(path.read_text(encoding="utf-8"))


def validate(run, data, *more, target="y", code=0):
    done = run("model", "validate", "--data", data, "--target", target, "--format", "json", *more)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def refused(run, data, *more, target="y"):
    done = run("model", "validate", "--data", data, "--target", target, *more)
    assert done.returncode in (2, 1, 3), done.stdout
    return done.stderr


def write(path, **columns):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))
    return path


def same(mine, theirs):
    for name, value in theirs.items():
        metric = NAMES.get(name, name)
        if metric in mine and value is not None:
            assert mine[metric]["value"] == close(value), name


# ---- expected values ---------------------------------------------------------------------------

@pytest.mark.parametrize("column", ["p_xgb", "p_lgbm"])
def test_two_classes_are_scikit_learns(run, column):
    wanted = expected("adult_classification.json")[column]
    found = validate(run, ADULT, "--predictions", column)["metrics"]
    same(found, wanted["sklearn"])
    assert found["ks"]["value"] == close(wanted["ks"])
    assert found["lift_1"]["value"] == close(wanted["lift_top_fraction"]["0.01"])
    assert found["lift_10"]["value"] == close(wanted["lift_top_fraction"]["0.1"])
    for name in ("ece", "mce"):
        assert found[name]["value"] == close(wanted["calibration"]["equal_width_10"][name])
    assert found["roc_auc"]["interval"] == [close(v) for v in wanted["delong"]["ci95_logit"]]
    for name in ("accuracy", "recall", "precision", "fpr"):
        wilson = wanted["intervals95_statsmodels"][name]["wilson"]
        assert found[name]["interval"] == [close(v) for v in wilson]


def test_weights_are_scikit_learns(run):
    wanted = expected("adult_classification.json")["p_xgb"]["weighted_sklearn"]
    found = validate(run, ADULT, "--predictions", "p_xgb", "--weight", "weight")["metrics"]
    same(found, wanted)
    assert found["roc_auc"]["method"] == "bootstrap"


def test_champion_and_challenger(run):
    wanted = expected("adult_classification.json")["champion_challenger_xgb_vs_lgbm"]
    found = validate(run, ADULT, "--predictions", "p_lgbm", "--against", "p_xgb")
    paired, comparison = wanted["delong_paired"], found["comparison"]
    assert comparison["delong"]["difference"] == close(-paired["diff"])
    assert comparison["delong"]["variance"] == close(paired["var"])
    assert comparison["delong"]["p"] == close(paired["p"])
    assert comparison["mcnemar"]["p_exact"] == close(wanted["mcnemar_exact"]["p"])
    assert comparison["mcnemar"]["p_corrected"] == close(wanted["mcnemar_corrected"]["p"])
    assert comparison["verdict"] == "pass" and comparison["margin"] == 0.005
    strict = validate(run, ADULT, "--predictions", "p_xgb", "--against", "p_lgbm", "--margin",
                      0.0001)
    assert strict["checks"][0]["verdict"] == "undecided" and strict["passed"]


def test_numbers_and_classes_are_scikit_learns(run):
    wanted = expected("wine_regression.json")["pred"]["sklearn"]
    same(validate(run, WINE, "--predictions", "pred")["metrics"], wanted)
    wanted = expected("wine_multiclass.json")["p0..p3"]["sklearn"]
    found = validate(run, WINE, "--predictions", "p0,p1,p2,p3", target="cls")
    assert found["task"] == "multiclass"
    same(found["metrics"], wanted)


# ---- rows made at random -----------------------------------------------------------------------

def test_rankings_are_scikit_learns(run, tmp_path):
    chance = np.random.default_rng(5)
    query = np.repeat(np.arange(40), 12)
    relevance = chance.integers(0, 4, query.size)
    score = np.round(relevance + chance.normal(0, 2, query.size), 0)  # with ties
    data = write(tmp_path / "rank.csv", q=query, y=relevance, s=score)
    found = validate(run, data, "--predictions", "s", "--query", "q")
    assert found["task"] == "ranking" and found["data"]["queries"] == 40
    for name, k in (("ndcg", None), ("ndcg_5", 5), ("ndcg_10", 10)):
        theirs = metrics.ndcg_score(relevance.reshape(40, 12), score.reshape(40, 12), k=k)
        assert found["metrics"][name]["value"] == close(theirs), name


def test_ties_weights_and_thresholds_at_random(run, tmp_path):
    chance = np.random.default_rng(7)
    y = chance.integers(0, 2, 400)
    p = np.round(np.clip(y * 0.2 + chance.random(400) * 0.8, 0, 1), 2)
    w = np.round(chance.random(400) * 5, 3)
    data = write(tmp_path / "rows.csv", y=y, p=p, w=w)
    found = validate(run, data, "--predictions", "p", "--weight", "w", "--threshold", 0.3)
    found = found["metrics"]
    d = p >= 0.3
    assert found["roc_auc"]["value"] == close(metrics.roc_auc_score(y, p, sample_weight=w))
    assert found["average_precision"]["value"] == \
        close(metrics.average_precision_score(y, p, sample_weight=w))
    assert found["mcc"]["value"] == close(metrics.matthews_corrcoef(y, d, sample_weight=w))
    assert found["kappa"]["value"] == close(metrics.cohen_kappa_score(y, d, sample_weight=w))
    assert found["f0.5"]["value"] == close(metrics.fbeta_score(y, d, beta=0.5, sample_weight=w))
    assert found["log_loss"]["value"] == close(metrics.log_loss(y, p, sample_weight=w))


def test_intervals_cover(run, tmp_path):
    """95 of 100 samples, about: the bootstrap's and the closed forms'."""
    chance = np.random.default_rng(11)
    truth = {"average_precision": [], "accuracy": [], "log_loss": []}
    big_y = chance.integers(0, 2, 200000)
    big_p = np.clip(1 / (1 + np.exp(-(1.5 * big_y - 0.75 + chance.normal(0, 1, big_y.size)))), 0, 1)
    wanted = {"average_precision": metrics.average_precision_score(big_y, big_p),
              "accuracy": metrics.accuracy_score(big_y, big_p >= 0.5),
              "log_loss": metrics.log_loss(big_y, big_p)}
    for i in range(12):
        at = slice(i * 300, i * 300 + 300)
        data = write(tmp_path / "sample.csv", y=big_y[at], p=big_p[at])
        found = validate(run, data, "--predictions", "p", "--seed", i)["metrics"]
        for name in truth:
            low, high = found[name]["interval"]
            truth[name].append(low <= wanted[name] <= high)
    assert all(sum(inside) >= 9 for inside in truth.values()), truth


# ---- suites and reports ------------------------------------------------------------------------

@pytest.fixture
def scored(tmp_path):
    y = [0, 1] * 100
    return write(tmp_path / "scored.csv", y=y,
                 p=[0.3 + 0.4 * v + 0.001 * i for i, v in enumerate(y)])


def test_a_suite_passes_fails_or_is_undecided(run, scored, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("metrics:\n  accuracy: 0.5\n  brier: {max: 0.01}\n  recall: {min: 0.97}\n")
    found = validate(run, scored, "--predictions", "p", "--suite", suite, code=6)
    by_name = {check["name"]: check for check in found["checks"]}
    assert found["passed"] is False and found["kind"] == "validation"
    assert by_name["metric/accuracy"]["verdict"] == "pass"
    assert by_name["metric/accuracy"]["threshold"] == {"min": 0.5}
    assert by_name["metric/brier"]["passed"] is False and by_name["metric/brier"]["line"] == 3
    suite.write_text("metrics: {recall: {min: 0.97}}\n")
    found = validate(run, scored, "--predictions", "p", "--suite", suite)
    assert found["checks"][0]["verdict"] == "undecided"  # 1.0 of 100 rows may be 0.963
    suite.write_text("metrics: {recall: {min: 0.97}}\nundecided: fail\n")
    validate(run, scored, "--predictions", "p", "--suite", suite, code=6)


@pytest.mark.parametrize("text, place, says", [
    ("metrics: {roc_auk: 1}\n", ":1:11", "did you mean 'roc_auc'"),
    ("metrics:\n  accuracy: much\n", ":2:3", "a limit is a number"),
    ("metrics:\n  accuracy: {least: 1}\n", ":2:14", "unknown key 'least'"),
    ("metric: {}\n", ":1:1", "did you mean 'metrics'"),
    ("metrics:\n  base_rate: 0.5\n", ":2:3", "not better when more"),
    ("tests:\n- monotone: {column: a}\n", ":2:3", "up or down"),
    ("latency: {p99: 5}\n", ":1:11", "with its unit"),
    ("[1, 2]\n", ":1:1", "nothing is asked for"),
])
def test_suites_are_read_strictly(run, scored, tmp_path, text, place, says):
    suite = tmp_path / "suite.yaml"
    suite.write_text(text)
    said = refused(run, scored, "--predictions", "p", "--suite", suite)
    assert f"suite.yaml{place}" in said and says in said and "MW1073" in said


def test_reports_are_what_ci_reads(run, scored, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("metrics:\n  accuracy: 0.5\n  brier: {max: 0.01}\n  recall: {min: 0.97}\n")
    report = tmp_path / "report.xml"
    asked = ("model", "validate", "--data", scored, "--target", "y", "--predictions", "p",
             "--suite", suite)
    assert run(*asked, "-o", report).returncode == 6
    root = ElementTree.parse(report).getroot()
    suites = root.find("testsuite")
    assert [suites.get(k) for k in ("tests", "failures", "skipped")] == ["3", "1", "1"]
    failed = suites.find("testcase[@name='brier']")
    assert failed.get("classname") == "millwright.metric" and failed.get("line") == "3"
    assert "at most 0.01" in failed.find("failure").get("message")
    said = run(*asked, "--format", "github").stdout.splitlines()
    assert said[0].startswith("::error file=") and ",line=3,title=metric/brier::" in said[0]
    assert said[1].startswith("::warning ") and said[-1].startswith("::notice ")
    for ending, begins in (("md", "# Validation of"), ("html", "<!doctype html>")):
        path = tmp_path / f"report.{ending}"
        assert run(*asked, "-o", path).returncode == 6
        assert path.read_text().startswith(begins) and "roc_auc" in path.read_text()


def test_names_of_others_do_not_become_markup(run, tmp_path):
    data = write(tmp_path / "<b>.csv", y=[0, 1, 0, 1], **{"<script>": [0.1, 0.9, 0.2, 0.8]})
    for ending in ("html", "xml", "md"):
        path = tmp_path / f"r.{ending}"
        assert run("model", "validate", "--data", data, "--target", "y", "--predictions",
                   "<script>", "-o", path).returncode == 0
        assert "<script>" not in path.read_text() and "<b>" not in path.read_text()


# ---- bad input ---------------------------------------------------------------------------------

@pytest.mark.parametrize("columns, more, says", [
    ({"y": [0, 1], "p": [0.1, ""]}, (), "the prediction is missing"),
    ({"y": [0, ""], "p": [0.1, 0.2]}, (), "the target is missing"),
    ({"y": [0, 1], "p": ["a", "b"]}, ("--task", "regression"), "holds texts"),
    ({"y": [0, 1], "p": [0.1, 0.2], "w": [1, -1]}, ("--weight", "w"), "a weight is"),
    ({"y": [0, 3], "p": [0.1, 0.2]}, ("--task", "binary"), "--positive"),
    ({"y": [0, 1], "q": [0.1, 0.2]}, (), "did you mean"),
    ({"y": [], "p": []}, (), "there are no rows"),
    ({"y": [0, 1], "p": [0.1, 0.2]}, ("--metric", "rmse"), "no metric of a binary task"),
    ({"y": [0, 1], "p": [0.1, 0.2]}, ("--against", "nowhere.json"), "nowhere.json"),
    ({"y": [0, 1], "p": [0.1, 0.2]}, ("--task", "ranking"), "--query"),
    ({"y": [0, 1], "p": [0.1, 0.2]}, ("--task", "multi"), "--task"),
    ({"y": [0, 1], "p": [0.1, 0.2]}, ("--margin", "wide"), "--margin"),
])
def test_bad_input_is_told(run, tmp_path, columns, more, says):
    if "--margin" in more:
        more += ("--against", "p")
    said = refused(run, write(tmp_path / "rows.csv", **columns), "--predictions", "p", *more)
    assert says in said


def test_what_is_not_defined_is_null(run, tmp_path):
    data = write(tmp_path / "ones.csv", y=[1, 1, 1], p=[0.1, 0.6, 0.9])
    found = validate(run, data, "--predictions", "p")["metrics"]
    assert found["roc_auc"]["value"] is None and found["specificity"]["value"] is None
    assert found["accuracy"]["value"] == close(2 / 3)
    single = write(tmp_path / "one.csv", y=[1], p=[0.6])
    assert validate(run, single, "--predictions", "p")["metrics"]["log_loss"]["interval"] is None


def test_texts_are_classes(run, tmp_path):
    data = write(tmp_path / "words.csv", y=["no", "yes", "yes", "no"], p=[0.2, 0.7, 0.4, 0.1],
                 c=["no", "yes", "no", "no"])
    found = validate(run, data, "--predictions", "p", "--positive", "yes")
    assert found["metrics"]["recall"]["value"] == 0.5
    found = validate(run, data, "--predictions", "c", "--task", "multiclass")
    assert found["metrics"]["accuracy"]["value"] == 0.75
    packed = tmp_path / "words.csv.gz"
    packed.write_bytes(gzip.compress(data.read_bytes()))
    assert validate(run, packed, "--predictions", "p", "--positive", "yes")["task"] == "binary"


# ---- models ------------------------------------------------------------------------------------

def test_models_are_judged_as_their_predictions_are(run, models, tmp_path):
    """A model and the same model's predictions: the same numbers, for each kind of task."""
    for name, truth, task, asked in (
            ("plain", models.late, "binary", "roc_auc"),
            ("levels", models.level, "multiclass", "log_loss"),
            ("trees", models.target, "regression", "rmse")):
        data, rows = tmp_path / f"{name}.csv", models.towns if name == "trees" else models.rows
        rows.assign(truth=truth, extra="x").to_csv(data, index=False)
        found = validate(run, data, models.paths[name], target="truth")
        assert found["task"] == task and found["model"]["is_model"]
        theirs = np.asarray(models.predict(name, rows), dtype=float)
        mine = {"roc_auc": lambda: metrics.roc_auc_score(truth, theirs),
                "log_loss": lambda: metrics.log_loss(truth, theirs),
                "rmse": lambda: metrics.root_mean_squared_error(truth, theirs)}[asked]()
        assert found["metrics"][asked]["value"] == pytest.approx(mine, rel=1e-6)
        same_again = validate(run, data, models.paths[name], "--against", models.paths[name],
                              target="truth")
        assert same_again["comparison"]["verdict"] == "pass"
        assert same_again["comparison"]["differences"][asked]["difference"] == 0


def test_a_target_that_is_a_feature_is_refused(run, models, tmp_path):
    data = tmp_path / "rows.csv"
    models.rows.to_csv(data, index=False)
    said = refused(run, data, models.paths["plain"], target="age")
    assert "is a feature of the model" in said
