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
    found = validate(run, ADULT, "--predictions", column, "--slices", "none")["metrics"]
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
    found = validate(run, ADULT, "--predictions", "p_xgb", "--weight", "weight", "--slices", "none")
    found = found["metrics"]
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
                      0.0001, code=6)
    compared = strict["checks"][0]  # "may be worse" is no reason to replace a champion
    assert compared["verdict"] == "undecided" and not compared["passed"] and not strict["passed"]
    assert compared["more_rows"] > 0 and "more rows may decide it" in compared["why"]
    assert validate(run, ADULT, "--predictions", "p_xgb", "--against", "p_lgbm", "--margin",
                    0.0001, "--undecided", "warn")["passed"]


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
    for i in range(8):
        at = slice(i * 300, i * 300 + 300)
        data = write(tmp_path / "sample.csv", y=big_y[at], p=big_p[at])
        found = validate(run, data, "--predictions", "p", "--slices", "none", "--seed", i)
        found = found["metrics"]
        for name in truth:
            low, high = found[name]["interval"]
            truth[name].append(low <= wanted[name] <= high)
    assert all(sum(inside) >= 6 for inside in truth.values()), truth


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
    found = validate(run, scored, "--predictions", "p", "--suite", suite, code=6)
    assert found["checks"][0]["verdict"] == "undecided"  # 1.0 of 100 rows may be 0.963
    # half as wide an interval, four times the rows: 1 - 0.963 is 1.23 times 1 - 0.97
    assert found["checks"][0]["more_rows"] == pytest.approx(200 * (((1 - 0.96300) / 0.03)**2 - 1),
                                                            rel=0.02)


@pytest.mark.parametrize("suite, more, passed", [
    ("metrics: {recall: 0.97}", [], False),                    # nothing is shown
    ("metrics: {recall: 0.97}\nundecided: warn", [], True),
    ("metrics: {recall: {min: 0.97, undecided: warn}}", [], True),
    ("metrics: {recall: 0.97, accuracy: 0.5}", [], True),      # something is
    ("metrics: {recall: {min: 0.97, undecided: fail}, accuracy: 0.5}", [], False),
    ("metrics: {recall: 0.97, accuracy: 0.5}\nundecided: fail", [], False),
    ("metrics: {recall: 0.97, accuracy: 0.5}", ["--undecided", "fail"], False),
    ("metrics: {recall: 0.97}\nundecided: fail", ["--undecided", "warn"], True),
    ("metrics: {brier: 0.5}\nslices: {columns: [k], min: 0.999, metric: accuracy, "
     "min_rows: 30, undecided: fail}", [], False),
    ("metrics: {brier: 0.5}\nslices: {columns: [k], min: 0.999, metric: accuracy, "
     "min_rows: 30}", [], True),
])
def test_what_is_undecided_is_not_shown(run, tmp_path, suite, more, passed):
    y = [0, 1] * 100
    rows = write(tmp_path / "scored.csv", y=y, p=[0.2 + 0.6 * v for v in y],
                 k=["a"] * 100 + ["b"] * 100)
    (tmp_path / "suite.yaml").write_text(suite)
    found = run("model", "validate", "--data", rows, "--target", "y", "--predictions", "p",
                "--suite", tmp_path / "suite.yaml", *more)
    assert found.returncode == (0 if passed else 6), found.stdout
    assert ("not shown to be kept" in found.stdout) is not passed
    assert "undecided" in found.stdout and "more rows may decide it" in found.stdout
    junit = run("model", "validate", "--data", rows, "--target", "y", "--predictions", "p",
                "--suite", tmp_path / "suite.yaml", "--format", "junit", *more).stdout
    assert ("<failure" in junit) is not passed


def test_few_rows_that_are_all_alike_show_nothing(run, tmp_path):
    """Four rows, told apart without fault: nobody knows how certain an AUC of 1 is."""
    rows = write(tmp_path / "four.csv", y=[0, 0, 1, 1], p=[.1, .2, .8, .9])
    (tmp_path / "suite.yaml").write_text("metrics: {roc_auc: 0.9}")
    found = validate(run, rows, "--predictions", "p", "--suite", tmp_path / "suite.yaml", code=6)
    assert found["checks"][0]["verdict"] == "undecided" and "30 rows" in found["checks"][0]["why"]
    many = write(tmp_path / "many.csv", y=[0, 0, 1, 1] * 10, p=[.1, .2, .8, .9] * 10)
    assert validate(run, many, "--predictions", "p", "--suite", tmp_path / "suite.yaml")["passed"]


def test_names_with_commas_stand_in_quotes(run, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text('y,"p, of 1","k, l"\n' + '1,0.9,a\n0,0.1,b\n1,0.4,b\n0,0.3,a\n' * 20)
    found = validate(run, rows, "--predictions", '"p, of 1"', "--slices", '"k, l"')
    assert {"k, l=a", "k, l=b"} <= {each["slice"] for each in found["slices"]["found"]}
    other = tmp_path / "other.csv"
    other.write_text('"p, of 1"\n' + '0.8\n0.2\n' * 40)
    assert validate(run, rows, "--predictions", '"p, of 1"', "--against", other)["comparison"]


def test_weights_of_nothing(run, tmp_path):
    rows = write(tmp_path / "rows.csv", y=[0, 1], p=[.1, .9], w=[0, 0])
    said = refused(run, rows, "--predictions", "p", "--weight", "w")
    assert "of all rows together" in said and "MW1072" in said


@pytest.mark.parametrize("text, place, says", [
    ("metrics: {roc_auk: 1}\n", ":1:11", "did you mean 'roc_auc'"),
    ("metrics:\n  accuracy: much\n", ":2:3", "a limit is a number"),
    ("metrics:\n  accuracy: {least: 1}\n", ":2:14", "unknown key 'least'"),
    ("metric: {}\n", ":1:1", "did you mean 'metrics'"),
    ("metrics:\n  base_rate: 0.5\n", ":2:3", "not better when more"),
    ("tests:\n- monotone: {column: a}\n", ":2:3", "up or down"),
    ("latency: {p99: 5}\n", ":1:11", "with its unit"),
    ("[1, 2]\n", ":1:1", "nothing is asked for"),
    ("metrics:\n  accuracy: {min: 0.9, max: 0.1}\n", ":2:3", "the least is above the most"),
    ("data: {min_rows: 9, max_rows: 8}\n", ":1:1", "the least is above the most"),
    ("data:\n  columns:\n    a: {min: 2, max: 1}\n", ":3:5", "the least is above the most"),
    ("overlap: {max: 7}\n", ":1:11", "a share from 0 to 1"),
    ("data: {min_class_share: -1}\n", ":1:8", "a number of 0 or more"),
    ("compare: {margin: -0.5}\n", ":1:11", "a number of 0 or more"),
    ("tests:\n- invariance: {column: a, share: 7}\n", ":2:27", "a share from 0 to 1"),
    ("tests:\n- monotone: {column: a, direction: up, tolerance: -1}\n", ":2:40", "0 or more"),
    ("slices: {columns: [nowhere], max_gap: 0.1}\n", ":1:1", "column 'nowhere' is not in the data"),
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
    ({"y": [0, 1], "p": [0.1, ""]}, (), ".csv, row 2: column 'p': the prediction is missing"),
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
    told = validate(run, data, "--predictions", "p")
    found = told["metrics"]
    assert any("every row has the same target" in note for note in told["notes"])
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


# ---- behaviour, data, slices: against the same done in Python ----------------------------------

@pytest.fixture
def late(models, tmp_path):
    data = tmp_path / "late.csv"
    models.rows.assign(y=models.late).to_csv(data, index=False)
    return data


def judged(run, models, data, suite, text, *more, code=0):
    suite.write_text(text)
    found = validate(run, data, models.paths["plain"], "--suite", suite, *more, code=code)
    return {check["name"]: check for check in found["checks"]}, found


def test_behaviour_is_what_python_finds(run, models, late, tmp_path):
    checks, _ = judged(run, models, late, tmp_path / "s.yaml", """tests:
- invariance: {column: late, tolerance: 0.05}
- monotone: {column: late, direction: up, tolerance: 0.001}
- directional: {column: income, times: 2, expect: down, share: 0.5}
- range:
- determinism: {rows: 50}
- missing: {columns: [debt, late], max_drop: 0.9}
- noise: {max_drop: 0.9}
""", code=6)
    rows, base = models.rows, models.predict("plain", models.rows)
    swept = [models.predict("plain", rows.assign(late=float(v))) for v in range(4)]
    moved = np.max([np.abs(p - base) for p in swept], axis=0)
    assert checks["invariance/late"]["value"] == np.mean(moved <= 0.05)
    assert checks["invariance/late"]["passed"] is False
    fell = np.max([swept[i] - swept[k] for i in range(4) for k in range(i, 4)], axis=0)
    assert checks["monotone/late"]["value"] == np.mean(fell <= 0.001)
    assert "proven by all" in checks["monotone/late"]["why"]
    change = models.predict("plain", rows.assign(income=rows.income * 2)) - base
    assert checks["directional/income"]["value"] == np.mean(change <= 1e-9)
    assert checks["range"]["passed"] and checks["determinism"]["value"] == 1
    for name in ("debt", "late"):
        without = models.predict("plain", rows.assign(**{name: np.nan}))
        drop = metrics.roc_auc_score(models.late, base) - \
            metrics.roc_auc_score(models.late, without)
        assert checks[f"missing/{name}"]["value"] == pytest.approx(drop, abs=1e-6)
    assert 0 < checks["noise/change"]["value"] < 0.2


def test_known_rows_are_compared(run, models, late, tmp_path):
    golden = tmp_path / "golden.csv"
    known = models.rows.head(20).assign(p=models.predict("plain", models.rows.head(20)))
    known.to_csv(golden, index=False)
    text = f"tests:\n- known_rows: {{file: {golden}, column: p}}\n"
    checks, _ = judged(run, models, late, tmp_path / "s.yaml", text)
    assert "all 20 rows" in checks["known_rows"]["why"]
    known.loc[3, "p"] += 0.01
    known.to_csv(golden, index=False)
    checks, _ = judged(run, models, late, tmp_path / "s.yaml", text, code=6)
    assert "19 of 20 rows" in checks["known_rows"]["why"] and "row 4" in checks["known_rows"]["why"]


def test_data_is_looked_at(run, models, late, tmp_path):
    train = tmp_path / "train.csv"
    models.rows.head(100).assign(y=1 - models.late.head(100)).to_csv(train, index=False)
    checks, found = judged(run, models, late, tmp_path / "s.yaml", """data:
  min_rows: 1000
  min_class_share: 0.4
  max_leakage: 0.6
  max_duplicates: 0
  unique: [income, late]
  columns:
    age: {type: whole, min: 18, max: 60}
    debt: {missing: 0.05}
    town: {optional: true}
    late: {values: ["0", "1", "2", "3"]}
    nowhere: {}
overlap: {max: 0.2}
latency: {p99: 1s}
size: {max: 10B}
""", "--train", train, code=6)
    rows = models.rows
    failed = {name for name, check in checks.items() if not check["passed"]}
    assert checks["data/rows"]["value"] == 400
    assert checks["column/age"]["value"] == (rows.age > 60).sum()
    assert checks["missing_values/debt"]["value"] == close(rows.debt.isna().mean())
    assert checks["overlap/train"]["value"] == 0.25  # the target does not count
    assert checks["data/leakage"]["value"] == pytest.approx(max(
        max(a, 1 - a) for a in (metrics.roc_auc_score(models.late[~c.isna()], c.dropna())
                                for c in (rows[k] for k in rows))), rel=1e-12)
    assert failed == {"data/rows", "data/leakage", "column/age", "missing_values/debt",
                      "unique/late", "column/nowhere", "overlap/train", "size/file"} | (
                          {"unique/income"} if rows.income.duplicated().any() else set())
    assert found["latency"]["p50_ms"] <= found["latency"]["p99_ms"] < 1000


def test_the_worst_slice_is_found(run, tmp_path):
    """Noise everywhere; in one combination of two columns the score is upside down."""
    chance = np.random.default_rng(2)
    n = 6000
    y, town = chance.integers(0, 2, n), chance.choice(["Ghent", "Lviv", "Porto"], n)
    kind, age = chance.choice(["a", "b"], n), chance.integers(18, 80, n)
    bad = (town == "Lviv") & (kind == "b")
    signal = 0.3 * (2 * y - 1) * np.where(bad, -1, 1)
    p = np.clip(0.5 + signal + chance.normal(0, 0.1, n), 0.02, 0.98)
    data = write(tmp_path / "slices.csv", y=y, p=p, town=town, kind=kind, age=age)
    found = validate(run, data, "--predictions", "p", "--slices", "kind")["slices"]
    worst = [s for s in found["found"] if not s["asked"]]
    assert worst[0]["slice"] == "town=Lviv & kind=b" and worst[0]["rows"] == bad.sum()
    assert worst[0]["value"] == close(metrics.roc_auc_score(y[bad], p[bad]))
    assert worst[0]["p_adjusted"] < 1e-10 and worst[0]["effect"] > 1
    asked = [s for s in found["found"] if s["asked"]]
    assert {s["slice"] for s in asked} == {"kind=a", "kind=b"}
    suite = tmp_path / "s.yaml"
    suite.write_text("slices: {columns: [town], max_gap: 0.05}\n")
    checks = validate(run, data, "--predictions", "p", "--suite", suite, code=6)["checks"]
    assert {c["name"] for c in checks if not c["passed"]} >= {"slice/town=Lviv"}
    chance.shuffle(y)
    shuffled = write(data, y=y, p=chance.random(n), town=town, kind=kind, age=age)
    found = validate(run, shuffled, "--predictions", "p")["slices"]
    assert found["found"] == [] and found["searched"] > 10  # where nothing is worse


@pytest.mark.parametrize("text, says", [
    ("tests:\n- monotone: {column: agee, direction: up}\n", "no feature 'agee'"),
    ("tests:\n- invariance: {}\n", "which column"),
    ("tests:\n- directional: {column: age, expect: up}\n", "one change is due"),
    ("tests:\n- levitation: {}\n", "no such test"),
    ("tests:\n- known_rows: {file: a.csv}\n", "need a file"),
    ("slices: {columns: [nowhere]}\n", "not in the data"),
    ("data: {columns: {age: {type: wide}}}\n", "no such type"),
    ("overlap: {max: 0}\n", "--train"),
])
def test_suites_that_cannot_be_run_are_told(run, models, late, tmp_path, text, says):
    suite = tmp_path / "suite.yaml"
    suite.write_text(text)
    said = refused(run, late, models.paths["plain"], "--suite", suite)
    assert says in said and "suite.yaml:" in said


def test_a_fairness_check_has_the_shape_of_a_gate(run, tmp_path):
    y = [0, 1] * 200
    data = write(tmp_path / "fair.csv", y=y, p=[0.9 if i % 4 else 0.1 for i in range(400)],
                 g=["a" if i % 4 else "b" for i in range(400)])
    suite = tmp_path / "s.yaml"
    suite.write_text("limits: {demographic_parity_ratio: 0.8, demographic_parity_difference: 1}\n")
    done = run("fairness", "check", "--data", data, "--label", "y", "--score", "p", "--groups", "g",
               "--suite", suite, "--format", "json")
    assert done.returncode == 6, done.stderr
    found = json.loads(done.stdout)
    assert found["kind"] == "fairness" and found["passed"] is False
    assert found["digest"].startswith("sha256:")
    first, second = found["checks"]
    assert first["name"] == "g/demographic_parity_ratio" and first["passed"] is False
    assert first["threshold"] == {"min": 0.8} and first["value"] == 0
    assert second["passed"] and second["interval"][0] <= second["value"]
