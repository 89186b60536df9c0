"""`mw fairness check` against Fairlearn's and statsmodels' expected values, published figures, and
scikit-learn and SciPy on rows made at random."""
import csv
import gzip
import json
import math

import numpy as np
import pytest
from conftest import SHARED
from scipy import stats
from sklearn.metrics import roc_auc_score

SCORES = SHARED / "expected/adult_scores.csv.gz"


def close(value):
    return pytest.approx(value, rel=1e-12, abs=1e-15)


def check(run, path, groups, *more, score="p", label="y", code=0):
    done = run("fairness", "check", "--data", path, "--label", label, "--score", score,
               "--groups", groups, "--format", "json", *more)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def write(path, **columns):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))
    return path


# ---- expected values ---------------------------------------------------------------------------

def expected(name):
    path = SHARED / "expected" / name
    if not path.exists():
        pytest.skip(f"no {path}: the shared data is not on this machine")
    return json.loads(path.read_text(encoding="utf-8"))


def same_group(mine, theirs):
    for key, value in theirs.items():
        if key == "rate":
            key = "base_rate"
        if key.startswith("selection_rate_jeffreys"):
            continue  # a Bayesian view that is not offered
        if isinstance(value, list):
            assert mine[key] == [close(v) for v in value], key
        elif value is None:
            assert not mine[key], key  # null, or what --zero-division says
        else:
            assert mine[key] == close(value), key


def same_gaps(mine, theirs, undefined):
    """`undefined`: of a report without --zero-division; the expected PPV and NPV are so."""
    for key in ("difference_between_groups", "difference_to_overall", "ratio_between_groups",
                "ratio_to_overall"):
        for rate, value in theirs[key].items():
            report = undefined if rate in ("ppv", "npv") else mine
            if rate != "count" and value is not None:
                assert report[key][rate] == close(value), (key, rate)
    for key, value in theirs.items():
        if isinstance(value, float) and not key.endswith("_weighted"):
            assert mine[key] == close(value), key


def same_tests(mine, theirs):
    for group, pair in theirs["pairs"].items():
        for key, value in pair.items():
            got = mine["pairs"][group][key]
            assert got == (value if isinstance(value, str) else pytest.approx(value, rel=1e-9)), key
    assert mine["chi2"]["dof"] == theirs["chi2"]["dof"]
    for key in ("statistic", "p"):
        assert mine["chi2"][key] == pytest.approx(theirs["chi2"][key], rel=1e-9)


def same_attribute(mine, theirs, undefined):
    assert set(mine["groups"]) == set(theirs["groups"])
    assert mine["empty_combinations"] == len(theirs["empty_combinations_listed_by_fairlearn"])
    for group, values in theirs["groups"].items():
        same_group(mine["groups"][group], values)
    same_group(mine["overall"], theirs["overall"])
    same_gaps(mine["aggregates"], theirs["fairlearn"], undefined["aggregates"])
    for group, value in theirs["impact_ratio_to_highest_rate"].items():
        assert mine["impact_ratio_to_highest_rate"][group] == close(value)
    same_tests(mine["selection_tests"], theirs["selection_tests"])
    entropy = theirs.get("aif360_between_group_generalized_entropy_alpha2")
    if entropy is not None and len(theirs["groups"]) == 2:  # AIF360's are privileged and not
        got = mine["aggregates"]["between_group_generalized_entropy_alpha2"]
        assert got == pytest.approx(entropy, rel=1e-9)


@pytest.mark.parametrize("case, score, threshold", [
    ("p_xgb", "p_xgb", 0.5), ("p_xgb_age", "p_xgb", 0.5), ("p_lgbm_threshold_0.3", "p_lgbm", 0.3)])
def test_is_fairlearns_on_adult(run, case, score, threshold):
    wanted = expected("adult_fairness.json")[case]
    asked = (SCORES, ",".join(wanted["attributes"]), "--threshold", threshold)
    mine = check(run, *asked, "--zero-division", 0, score=score)
    undefined = check(run, *asked, score=score)["attributes"]
    for name, theirs in wanted["attributes"].items():
        same_attribute(mine["attributes"][name], theirs, undefined[name])
    for key in ("generalized_entropy_index_alpha1_theil", "generalized_entropy_index_alpha2"):
        assert mine["individual"][key] == pytest.approx(wanted["individual_aif360"][key], rel=1e-9)


def test_weights_are_fairlearns(run):
    wanted = expected("adult_fairness.json")["p_xgb"]["attributes"]["race"]["fairlearn"]
    mine = check(run, SCORES, "race", "--weight", "weight", score="p_xgb")
    aggregates = mine["attributes"]["race"]["aggregates"]
    for name in ("demographic_parity_difference", "equalized_odds_difference"):
        assert aggregates[name] == close(wanted[name + "_weighted"])
    assert mine["attributes"]["race"]["groups"]["White"]["auc"] is None


def test_propublicas_figures(run):
    """From published counts: --repeats takes a table instead of rows."""
    wanted = expected("compas.json")
    mine = check(run, SHARED / "compas/counts_race_sex.csv", "race,sex,race*sex", "--repeats", "n",
                 score="high", label="two_year_recid")
    for group in ("African-American", "Caucasian"):
        got, published = mine["attributes"]["race"]["groups"][group], \
            wanted["published_tables"][group]
        assert [got[k] for k in ("tn", "fp", "fn", "tp")] == \
            [published[k] for k in ("tn", "fp", "fn", "tp")]
        assert round(100 * got["fpr"], 2) == published["fpr_percent"]
        assert round(100 * got["fnr"], 2) == published["fnr_percent"]
        assert round(got["ppv"], 2) == published["ppv"]
    for name, theirs in wanted["fairness_all_groups"]["attributes"].items():
        for group, values in theirs["groups"].items():
            same_group(mine["attributes"][name]["groups"][group], values)


# ---- rows made at random -----------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(6))
def test_random_rows(run, tmp_path, seed):
    random = np.random.default_rng(seed)
    n = int(random.choice([40, 300, 3000]))
    y = (random.random(n) < 0.4).astype(int)
    p = np.round(np.clip(random.normal(0.4 + 0.2 * y, 0.2, n), 0, 1), int(random.choice([1, 6])))
    a, b = random.choice(["u", "v", "w w"], n), random.choice(["1", "2"], n)
    mine = check(run, write(tmp_path / "rows.csv", y=y, p=p, a=a, b=b), "a, a|b")
    crossed = np.char.add(np.char.add(a, "|"), b)
    for name, groups in (("a", a), ("a|b", crossed)):
        got = mine["attributes"][name]
        assert list(got["groups"]) == sorted(set(groups))
        tables = {}
        for group in set(groups):
            here, g = groups == group, got["groups"][group]
            selected = p[here] >= 0.5
            assert g["n"] == here.sum() and g["tp"] == (selected & (y[here] == 1)).sum()
            assert g["brier"] == pytest.approx(np.mean((p[here] - y[here]) ** 2), rel=1e-12)
            assert g["mean_score"] == pytest.approx(p[here].mean(), rel=1e-12)
            if 0 < y[here].sum() < here.sum():
                assert g["auc"] == pytest.approx(roc_auc_score(y[here], p[here]), rel=1e-12)
            else:
                assert g["auc"] is None
            tables[group] = [selected.sum(), (~selected).sum()]
        for group, pair in got["selection_tests"]["pairs"].items():
            both = [tables[group], tables[pair["reference"]]]
            assert pair["p_fisher"] == pytest.approx(stats.fisher_exact(both)[1], rel=1e-8)
        chi2 = stats.chi2_contingency(list(tables.values()), correction=False)
        assert got["selection_tests"]["chi2"]["p"] == pytest.approx(chi2.pvalue, rel=1e-9)


# ---- limits ------------------------------------------------------------------------------------

def biased(path, n=4000, gap=0.3):
    random = np.random.default_rng(3)
    sex = random.choice(["f", "m"], n)
    y = (random.random(n) < 0.5).astype(int)
    p = random.random(n) * 0.5 + 0.25 + np.where(sex == "m", gap / 2, -gap / 2)
    return write(path, y=y, p=p, sex=sex)


def suite(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_limits(run, tmp_path):
    rows = biased(tmp_path / "rows.csv")
    limits = suite(tmp_path / "suite.yaml",
                   "fairness:\n  limits:\n    demographic_parity_ratio: 0.8\n"
                   "    accuracy_difference: {max: 0.5}\n  attributes:\n    sex:\n"
                   "      demographic_parity_difference: {max: 0.001}\n")
    report = check(run, rows, "sex", "--suite", limits, code=6)
    assert report["verdict"] == "fail"
    checks = {c["measure"]: c for c in report["attributes"]["sex"]["checks"]}
    assert checks["demographic_parity_ratio"]["verdict"] == "fail"
    assert checks["demographic_parity_difference"]["verdict"] == "fail"
    assert checks["accuracy_difference"]["verdict"] == "pass"
    low, high = checks["demographic_parity_ratio"]["interval95"]
    assert low < checks["demographic_parity_ratio"]["value"] < high < 0.8
    fair = biased(tmp_path / "fair.csv", gap=0)
    kept = suite(tmp_path / "kept.yaml", "limits: {demographic_parity_ratio: 0.8}\n")
    assert check(run, fair, "sex", "--suite", kept)["verdict"] == "pass"


def test_few_rows_are_never_a_reason_to_pass(run, tmp_path):
    rows = biased(tmp_path / "few.csv", n=40, gap=0)
    text = "limits: {demographic_parity_ratio: 0.8}\n"
    unsaid = suite(tmp_path / "unsaid.yaml", text)
    report = check(run, rows, "sex", "--suite", unsaid, code=6)
    assert report["verdict"] == "undecided" and report["passed"] is False  # nothing is shown
    warn = suite(tmp_path / "warn.yaml", text + "undecided: warn\n")
    assert check(run, rows, "sex", "--suite", warn)["passed"] is True
    check(run, rows, "sex", "--suite", warn, "--undecided", "fail", code=6)
    many = biased(tmp_path / "many.csv", n=400, gap=0)
    both = "limits: {accuracy_difference: 0.05, demographic_parity_difference: 0.9}\n"
    report = check(run, many, "sex", "--suite", suite(tmp_path / "both.yaml", both))
    assert report["passed"] is True and report["verdict"] == "undecided"
    check(run, many, "sex", "--suite", suite(tmp_path / "fail.yaml", both + "undecided: fail\n"),
          code=6)


def test_what_is_not_defined_is_null(run, tmp_path):
    rows = write(tmp_path / "rows.csv", y=[0, 0, 1, 1], p=[0.1, 0.9, 0.1, 0.2],
                 g=["a", "a", "b", "b"])
    got = check(run, rows, "g")["attributes"]["g"]
    assert got["groups"]["a"]["tpr"] is None and got["groups"]["b"]["fpr"] is None
    assert got["groups"]["a"]["undefined"]["tpr"] == "no positives"
    assert got["groups"]["b"]["undefined"]["ppv"] == "none selected"
    assert got["aggregates"]["equal_opportunity_difference"] is None
    zero = check(run, rows, "g", "--zero-division", 0)["attributes"]["g"]
    assert zero["groups"]["a"]["tpr"] == 0


def test_names_with_marks_stand_in_quotes(run, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text('y,p,"a, b*",sex\n' + '1,0.9,x,f\n0,0.1,y,m\n' * 40)
    got = check(run, rows, '"a, b*",sex*"a, b*"')
    assert set(got["attributes"]) == {"a, b*", "sex|a, b*"}
    assert set(got["attributes"]["sex|a, b*"]["groups"]) == {"f|x", "m|y"}


def test_words_and_missing_groups(run, tmp_path):
    rows = write(tmp_path / "rows.csv", y=[">50K", "<=50K"] * 20, p=[0.9, 0.2] * 20,
                 g=["x", "", "<b>", "NA"] * 10)
    report = check(run, rows, "g", "--positive", ">50K")
    assert set(report["attributes"]["g"]["groups"]) == {"x", "(missing)", "<b>"}
    page = run("fairness", "check", "--data", rows, "--label", "y", "--score", "p", "--groups", "g",
               "--positive", ">50K", "--format", "html").stdout
    assert "&lt;b&gt;" in page and "<b>" not in page and page.endswith("</html>\n")
    said = run("fairness", "check", "--data", rows, "--label", "y", "--score", "p", "--groups", "g")
    assert said.returncode != 0 and "--positive" in said.stderr


@pytest.mark.parametrize("columns, more, part", [
    ({"y": [0, 2], "p": [0, 1], "g": "ab"}, [], "neither 0 nor 1"),
    ({"y": [0, ""], "p": [0, 1], "g": "ab"}, [], "the label is missing"),
    ({"y": [0, 1], "p": [0, ""], "g": "ab"}, [], "row 2"),
    ({"y": [0, 1], "p": ["x", "y"], "g": "ab"}, [], "scores are texts"),
    ({"y": [], "p": [], "g": []}, [], "no rows"),
    ({"y": [0, 1], "p": [0, 1], "group": "ab"}, [], "no column 'g'"),
    ({"y": [0, 1], "p": [0, 1], "g": "ab", "weight": [1, 1]}, ["--weight", "wieght"],
     "did you mean 'weight'?"),
    ({"y": [0, 1], "p": [0, 1], "g": "ab", "w": [1, -1]}, ["--weight", "w"], "0 or more"),
    ({"y": [0, 1], "p": [0, 1], "g": "ab", "w": [1, 0.5]}, ["--repeats", "w"], "whole rows"),
    ({"y": [0, 1], "p": [0, 1], "g": "ab"}, ["--threshold", "high"], "--threshold"),
    ({"y": [0, 1], "p": [0, 1], "g": "ab", "w": [0, 0]}, ["--weight", "w"], "of all rows together"),
])
def test_bad_rows(run, tmp_path, columns, more, part):
    rows = write(tmp_path / "rows.csv", **columns)
    said = run("fairness", "check", "--data", rows, "--label", "y", "--score", "p", "--groups", "g",
               *more)
    assert said.returncode not in (0, 6) and part in said.stderr and "fix:" in said.stderr, said


@pytest.mark.parametrize("text, part", [
    ("limits: {demographic_parity: 0.8}", "did you mean 'demographic_parity_"),
    ("limits: {demographic_parity_ratio: high}", "a limit is a number"),
    ("limit: 3", "unknown key"), ("", "no limits"), ("limits: [1]", "are a map"),
    ("attributes: {age: {accuracy_ratio: 1}}", "not looked at"),
    ("min_group: few\nlimits: {}", "count of rows"), ("undecided: maybe", "warn or fail"),
    ("limits: {", "suite.yaml:"),
    ("limits: {accuracy_difference: {min: 0.2, max: 0.1}}", "the least is above the most"),
])
def test_bad_suites(run, tmp_path, text, part):
    rows = biased(tmp_path / "rows.csv", n=20)
    said = run("fairness", "check", "--data", rows, "--label", "y", "--score", "p", "--groups",
               "sex", "--suite", suite(tmp_path / "suite.yaml", text))
    assert said.returncode not in (0, 6) and part in said.stderr, said.stderr


def test_gzip_and_text(run, tmp_path):
    rows = biased(tmp_path / "rows.csv")
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress(rows.read_bytes()))
    said = run("fairness", "check", "--data", packed, "--label", "y", "--score", "p", "--groups",
               "sex")
    assert said.returncode == 0 and "demographic parity" in said.stdout
    assert not math.isnan(float(said.stdout.split("ratio ")[1].split(";")[0].split(",")[0]))
