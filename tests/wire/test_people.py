"""Commands that tell people what a model does: importance, dependence, counterfactual,
reasons."""
import csv
import gzip
import io
import json

import numpy as np
import pytest
from conftest import SHARED
from models import COLUMNS
from sklearn import metrics

EXPECTED = SHARED / "expected/adult_explain.json"


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def importances(done):
    assert done.returncode == 0, done.stderr
    return {line["feature"]: float(line["importance"]) for line in table(done.stdout)}


@pytest.fixture(scope="module")
def adult(tmp_path_factory):
    """(expected values, model, rows with the column `y`)."""
    if not EXPECTED.exists():
        pytest.skip(f"no {EXPECTED}")
    with gzip.open(SHARED / "expected/adult_scores.csv.gz", "rt") as file:
        labels = [line["y"] for line in csv.DictReader(file)]
    lines = (SHARED / "models/adult.input.csv").read_text().splitlines()
    path = tmp_path_factory.mktemp("adult") / "rows.csv"
    path.write_text("".join(f"{line},{y}\n" for line, y in zip(lines, ["y", *labels])))
    return json.loads(EXPECTED.read_text()), SHARED / "models/adult-xgb.json", path


def first_rows(path, n):
    return "".join(path.read_text().splitlines(keepends=True)[:n + 1])


# ---- importance ----------------------------------------------------------------------------------

def test_recorded_split_importance(run, adult):
    expected, model, _ = adult
    for kind, wanted in expected["importance"].items():
        got = importances(run("importance", model, "--kind", kind, "--format", "csv"))
        assert got == pytest.approx(wanted, rel=2e-6), kind
        assert list(got.values()) == sorted(got.values(), reverse=True)


def test_recorded_mean_shap(run, adult):
    expected, model, rows = adult
    got = importances(run("importance", model, "-", "--format", "csv", input=first_rows(rows, 200)))
    assert got == pytest.approx(expected["mean_abs_shap_first_200_rows"], rel=1e-5)


def test_recorded_rotations(run, adult):
    expected, model, rows = adult
    wanted = expected["permutation_auc_drop_by_rotation"]
    done = run("importance", model, rows, "--target", "y", "--rotate", 101, "--format", "json")
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert (got["kind"], got["metric"], got["rows"]) == ("permutation", "auc", 1000)
    assert got["base"] == pytest.approx(wanted["base_auc"], abs=1e-12)
    for feature in got["features"]:
        assert feature["drops"] == pytest.approx(wanted["drops"][feature["feature"]], abs=1e-12)
        assert feature["importance"] == pytest.approx(np.mean(feature["drops"]))
        assert feature["deviation"] == pytest.approx(np.std(feature["drops"], ddof=1))


@pytest.mark.parametrize("name, metric, outcome, measure", [
    ("plain", "auc", "late", metrics.roc_auc_score),
    ("plain", "logloss", "late", metrics.log_loss),
    ("plain", "accuracy", "late", lambda y, p: metrics.accuracy_score(y, p > 0.5)),
    ("levels", "logloss", "level", metrics.log_loss),
    ("classes", "accuracy", "level", lambda y, p: metrics.accuracy_score(y, p.argmax(axis=1))),
    ("towns", "rmse", "target", metrics.root_mean_squared_error),
    ("trees", "mae", "target", metrics.mean_absolute_error),
    ("trees", "r2", "target", metrics.r2_score),
])
def test_metrics(run, models, name, metric, outcome, measure):
    """The base is scikit-learn's number of the library's predictions; so is one rotation's drop."""
    rows = models.towns if name in ("towns", "trees") else models.rows
    y = getattr(models, outcome)
    done = run("importance", models.paths[name], "-", "--target", "outcome", "--metric", metric,
               "--rotate", 7, "--repeats", 1, "--format", "json",
               input=rows.assign(outcome=y).to_csv(index=False))
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    base = measure(y, models.predict(name, rows))
    assert got["base"] == pytest.approx(base, rel=1e-6)
    moved = rows.assign(late=np.roll(rows["late"], 7))
    drop = (base - measure(y, models.predict(name, moved))) * \
        (1 if metric in ("auc", "accuracy", "r2") else -1)
    drops = {feature["feature"]: feature["drops"][0] for feature in got["features"]}
    assert drops["late"] == pytest.approx(drop, abs=1e-6)


def test_several_outputs(run, models):
    done = run("importance", models.paths["levels"], "-", "--format", "csv",
               input=models.rows.to_csv(index=False))
    lines = table(done.stdout)
    assert list(lines[0]) == ["feature", "importance", "margin_0", "margin_1", "margin_2"]
    for line in lines:
        values = [float(value) for value in list(line.values())[1:]]
        assert values[0] == pytest.approx(sum(values[1:]))


def test_importance_in_words(run, models):
    rows = models.rows.assign(outcome=models.late).to_csv(index=False)
    done = run("importance", models.paths["plain"], "-", "--target", "outcome", "--top", 2,
               input=rows)
    lines = done.stdout.splitlines()
    assert len(lines) == 4 and lines[0].startswith("drop of auc, which is ")
    assert lines[2].split()[0] in COLUMNS and " to " in lines[2]
    again = run("importance", models.paths["plain"], "-", "--target", "outcome", "--top", 2,
                "--threads", 1, input=rows)
    assert again.stdout == done.stdout, "the same seed, the same result"


def test_nameless_models_take_the_target_last(run, models):
    rows = models.rows.assign(outcome=models.late)
    assert run("importance", models.paths["nameless"], "-", "--target", "outcome",
               input=rows.to_csv(index=False)).returncode == 0
    first = run("importance", models.paths["nameless"], "-", "--target", "outcome",
                input=rows[["outcome", *COLUMNS]].to_csv(index=False))
    assert first.returncode == 2 and "the last column is 'late'" in first.stderr


@pytest.mark.parametrize("arguments, code, words", [
    (["--kind", "gains"], 2, "shap, gain, total_gain"),
    (["--kind", "permutation", "-"], 2, "--target COLUMN"),
    (["--kind", "gain", "-"], 2, "takes no rows"),
    (["--target", "late", "-"], 2, "is a feature of the model"),
    (["--target", "nowhere", "-"], 1, "nowhere"),
    (["--target", "outcome", "--metric", "rmse", "-"], 2, "'auc'"),
    (["--target", "outcome", "--repeats", "0", "-"], 2, "1..1000"),
])
def test_importance_refusals(run, models, arguments, code, words):
    done = run("importance", models.paths["plain"], *arguments,
               input=models.rows.assign(outcome=models.late).to_csv(index=False))
    assert done.returncode == code, done.stderr
    assert words in done.stderr and done.stdout == ""


def test_targets_that_cannot_be(run, models):
    rows = models.rows.head(3).assign(outcome=[0, 1, 2]).to_csv(index=False)
    done = run("importance", models.paths["plain"], "-", "--target", "outcome", input=rows)
    assert done.returncode == 1 and "row 2: the target 2 is no class: 0..1" in done.stderr
    header = ",".join([*COLUMNS, "outcome"]) + "\n"
    empty = run("importance", models.paths["plain"], "-", "--target", "outcome", input=header)
    assert empty.returncode == 1 and "there are no rows" in empty.stderr


# ---- dependence ----------------------------------------------------------------------------------

def curve(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_recorded_curves(run, adult):
    expected, model, rows = adult
    text = first_rows(rows, 300)
    for feature, wanted in expected["partial_dependence"].items():
        arguments = ["dependence", model, "-", "--feature", feature, "--raw", "--format", "json",
                     "--grid", ",".join(map(str, wanted["grid"]))]
        got = curve(run(*arguments, input=text))
        assert got["grid"] == wanted["grid"]
        assert got["outputs"]["margin"] == pytest.approx(wanted["mean"], rel=1e-9)
        single = curve(run(*arguments, "--kind", "ice", input=text))
        for line, values in zip(single["curves"], wanted["ice_first_10_rows"]):
            assert line["margin"] == values


def test_recorded_scikit_learn(run, adult):
    expected, model, rows = adult
    wanted = expected["sklearn_partial_dependence_probability_age"]
    got = curve(run("dependence", model, "-", "--feature", "age", "--format", "json", "--grid",
                    ",".join(map(str, wanted["grid"])), input=first_rows(rows, 300)))
    assert got["outputs"]["prediction"] == pytest.approx(wanted["average"], rel=1e-6)


def test_recorded_ale(run, adult):
    expected, model, rows = adult
    wanted = expected["ale_age_margin"]
    got = curve(run("dependence", model, rows, "--feature", "age", "--kind", "ale", "--raw",
                    "--grid", "quantile:10", "--format", "json"))
    assert (got["grid"], got["counts"]) == (wanted["edges"], wanted["n"])
    assert got["outputs"]["margin"] == pytest.approx(wanted["ale_at_edges"], abs=1e-9)


@pytest.mark.parametrize("name, feature, points", [("plain", "income", 25), ("plain", "late", 100),
                                                   ("classes", "debt", 9)])
def test_grid_of_scikit_learn(run, models, name, feature, points):
    """`--grid N` is its default grid, our curve its brute one: over the library's predictions."""
    from sklearn.inspection import _partial_dependence
    rows = models.rows.dropna() if feature == "debt" else models.rows
    grid, _ = _partial_dependence._grid_from_X(
        rows[[feature]], (0.05, 0.95), [False], points, {})
    got = table(run("dependence", models.paths[name], "-", "--feature", feature, "--grid", points,
                    "--format", "csv", input=rows.to_csv(index=False)).stdout)
    np.testing.assert_allclose([float(line["value"]) for line in got], grid[:, 0], rtol=1e-12)
    for line in got[::5]:
        moved = models.predict(name, rows.assign(**{feature: float(line["value"])}))
        means = np.atleast_1d(np.asarray(moved, float).mean(axis=0))
        np.testing.assert_allclose(list(map(float, list(line.values())[1:])), means, rtol=1e-6)


def test_exact_steps(run, models):
    """At both ends of each step the mean is the library's."""
    got = table(run("dependence", models.paths["plain"], "-", "--feature", "income", "--format",
                    "csv", input=models.rows.to_csv(index=False)).stdout)
    assert got[0]["from"] == "" and got[-1]["to"] == "" and len(got) > 3
    for before, line in zip(got, got[1:]):
        assert before["to"] == line["from"]
        at = models.predict("plain", models.rows.assign(income=float(line["from"]))).mean()
        under = np.nextafter(np.float32(line["from"]), np.float32(-np.inf))
        below = models.predict("plain", models.rows.assign(income=under)).mean()
        assert float(line["prediction"]) == pytest.approx(at, rel=1e-6)
        assert float(before["prediction"]) == pytest.approx(below, rel=1e-6)


def test_categories_and_centred_curves(run, models):
    text = models.towns.to_csv(index=False)
    got = table(run("dependence", models.paths["towns"], "-", "--feature", "town", "--format",
                    "csv", input=text).stdout)
    assert [line["value"] for line in got] == ["Ghent", "Lviv", "Porto"]
    for line in got:
        town = models.towns.assign(town=models.towns["town"].astype(object))
        town["town"] = line["value"]
        town["town"] = town["town"].astype(models.towns["town"].dtype)
        assert float(line["prediction"]) == pytest.approx(models.predict("towns", town).mean(),
                                                          rel=1e-6)
    lines = table(run("dependence", models.paths["towns"], "-", "--feature", "age", "--kind", "ice",
                      "--centred", "--grid", "20,40,missing", "--format", "csv",
                      input=text).stdout)
    assert len(lines) == 3 * len(models.towns)
    assert {line["prediction"] for line in lines if line["value"] == "20"} == {"0"}
    assert lines[2]["value"] == "missing"


@pytest.mark.parametrize("arguments, code, words", [
    ([], 2, "--feature NAME"),
    (["--feature", "icnome"], 3, "did you mean 'income'?"),
    (["--feature", "age", "--grid", "1"], 2, "2 to 100000"),
    (["--feature", "age", "--grid", "1,x"], 2, "no number"),
    (["--feature", "town", "--kind", "ale"], 1, "--kind pdp"),
    (["--feature", "town", "--grid", "Lviv,Rome"], 2, "no category"),
])
def test_dependence_refusals(run, models, arguments, code, words):
    done = run("dependence", models.paths["towns"], "-", *arguments,
               input=models.towns.head(9).to_csv(index=False))
    assert done.returncode == code, done.stderr
    assert words in done.stderr and done.stdout == ""


# ---- counterfactual ------------------------------------------------------------------------------

def answers(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def changed_row(models, line, answer):
    row = models.rows.iloc[[line["row"]]].copy()
    for name, change in answer["changes"].items():
        assert row[name].iloc[0] == change["from"]
        row[name] = change["to"]
    return row


def test_answers_are_true(run, models):
    """The library itself says that the decision flips, and no cheaper single change does it."""
    done = run("counterfactual", models.paths["plain"], "-", "--want", "<0.5", "--immutable", "age",
               "--up", "income", "--count", 2, "--format", "json",
               input=models.rows.head(40).to_csv(index=False))
    lines = answers(done)
    assert [line["row"] for line in lines] == list(range(40))
    found = [line for line in lines if line["status"] == "found"]
    assert len(found) >= 5
    for line in found:
        for answer in line["answers"]:
            assert answer["proven"] and len(answer["changes"]) <= 3
            assert "age" not in answer["changes"]
            if "income" in answer["changes"]:
                assert answer["changes"]["income"]["to"] > answer["changes"]["income"]["from"]
            if "late" in answer["changes"]:
                assert answer["changes"]["late"]["to"].is_integer() if isinstance(
                    answer["changes"]["late"]["to"], float) else True
            got = models.predict("plain", changed_row(models, line, answer))[0]
            assert got < 0.5
            assert answer["prediction"]["prediction"] == pytest.approx(got, rel=1e-6)
    for line in lines:
        before = models.predict("plain", models.rows.iloc[[line["row"]]])[0]
        assert (line["status"] == "already") == (before < 0.5)


def test_classes_and_ranges(run, models):
    lines = answers(run("counterfactual", models.paths["levels"], "-", "--want", "2", "--format",
                        "json", input=models.rows.head(12).to_csv(index=False)))
    for line in lines:
        for answer in line["answers"]:
            assert models.predict("levels", changed_row(models, line, answer)).argmax() == 2
    done = run("counterfactual", models.paths["towns"], "-", "--want", "0.3..0.4", "--format",
               "csv", input=models.towns.head(12).to_csv(index=False))
    got = table(done.stdout)
    assert done.returncode == 0 and got
    for line in got:
        assert 0.3 <= float(line["prediction"]) <= 0.4
        assert line["town"] in ("Ghent", "Lviv", "Porto")


def test_reference_bounds_and_proofs(run, models, tmp_path):
    models.rows.to_csv(tmp_path / "train.csv", index=False)
    text = models.rows.head(25).to_csv(index=False)
    for line in answers(run("counterfactual", models.paths["plain"], "-", "--want", "<0.5",
                            "--reference", tmp_path / "train.csv", "--format", "json", input=text)):
        for answer in line["answers"]:
            for name, change in answer["changes"].items():
                assert models.rows[name].min() <= change["to"] <= models.rows[name].max()
    fixed = run("counterfactual", models.paths["plain"], "-", "--want", "<0.5", "--immutable",
                "income,debt,age,late", input=text)
    assert "no allowed change reaches it (proven)" in fixed.stdout
    words = run("counterfactual", models.paths["plain"], "-", "--want", "<0.5", input=text).stdout
    assert ", the nearest\n" in words and " -> " in words


@pytest.mark.parametrize("arguments, code, words", [
    ([], 2, "--want"),
    (["--want", "maybe"], 2, "a class of the model"),
    (["--want", "5"], 2, "'5' is nothing"),
    (["--want", "<0.5", "--immutable", "incme"], 3, "did you mean 'income'?"),
    (["--want", "<0.5", "--range", "age=9"], 2, "NAME=LOW:HIGH"),
    (["--want", "<0.5", "--range", "age=9:1"], 2, "NAME=LOW:HIGH"),
    (["--want", "<0.5", "--costs", "age=-1"], 2, "NAME=COST"),
    (["--want", "<0.5", "--gap", "x"], 2, "no distance"),
    (["--want", "<0.5", "--budget", "5"], 2, "unit"),
    (["--want", "<0.5", "--reference", "nowhere.csv"], 3, "nowhere.csv"),
])
def test_counterfactual_refusals(run, models, arguments, code, words):
    done = run("counterfactual", models.paths["plain"], "-", *arguments,
               input=models.rows.head(3).to_csv(index=False))
    assert done.returncode == code, done.stderr
    assert words in done.stderr and done.stdout == ""


# ---- reasons -------------------------------------------------------------------------------------

WORDS = """\
version: "7"
features:
  income:
    name: yearly income
    unit: EUR
    decimals: 0
    up: "{name} of {value} is low"
    group: means
  debt: {name: debts, unit: EUR, group: means, missing: not known}
  late:
    name: late payments
    up: "{value} late payments"
    down: "only {value} late payments"
  age: {show: false}
groups:
  means: {name: means, up: debts are high for the income, down: means suffice}
"""


def test_reasons_in_words(run, models, tmp_path):
    (tmp_path / "words.yaml").write_text(WORDS)
    text = models.rows.head(30).to_csv(index=False)
    plain = [json.loads(line) for line in run("explain", models.paths["plain"], "-", "--format",
                                              "json", input=text).stdout.splitlines()]
    arguments = ["reasons", models.paths["plain"], "-", "--dictionary", tmp_path / "words.yaml",
                 "--adverse", "up"]
    done = run(*arguments, "--format", "json", input=text)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line, explained in zip(lines, plain):
        values = explained["contributions"]
        sums = {"means": values["income"] + values["debt"], "late payments": values["late"]}
        expected = sorted(((v, k) for k, v in sums.items() if v > 0), reverse=True)
        assert [reason["reason"] for reason in line["reasons"]] == [k for _, k in expected]
        assert [reason["value"] for reason in line["reasons"]] == pytest.approx(
            [v for v, _ in expected])
        assert line["withheld"] == values["age"] and line["dictionary"] == "7"
        assert {reason["holds"] for reason in line["reasons"]} <= {None}
    words = run(*arguments, input=text).stdout
    row = models.rows.iloc[next(i for i, line in enumerate(lines) if line["reasons"]
                                and line["reasons"][0]["reason"] == "means")]
    assert f"debts are high for the income: yearly income {row['income']:.0f} EUR, debts " in words


def test_reasons_are_proven_against_a_background(run, models, tmp_path):
    """'alone': with the group at its usual values the library's own margin is not higher."""
    (tmp_path / "words.yaml").write_text(WORDS)
    models.rows.to_csv(tmp_path / "usual.csv", index=False)
    usual = {name: np.sort(models.rows[name].dropna())[(models.rows[name].count() - 1) // 2]
             for name in COLUMNS}
    rows = models.rows.head(40)
    done = run("reasons", models.paths["plain"], "-", "--dictionary", tmp_path / "words.yaml",
               "--adverse", "up", "--background", tmp_path / "usual.csv", "--format", "json",
               input=rows.to_csv(index=False))
    assert done.returncode == 0, done.stderr
    members = {"means": ["income", "debt"], "late payments": ["late"]}
    n = 0
    for line in map(json.loads, done.stdout.splitlines()):
        row = rows.iloc[[line["row"]]]
        for reason in line["reasons"]:
            moved = row.assign(**{name: usual[name] for name in members[reason["reason"]]})
            change = models.predict("plain", moved, True)[0] - models.predict("plain", row, True)[0]
            assert reason["holds"] == ("alone" if change <= 0 else "in combination")
            n += 1
    assert n > 20


def test_draft_is_a_dictionary(run, models, tmp_path):
    for name in ("plain", "towns"):
        rows = models.towns if name == "towns" else models.rows
        draft = tmp_path / f"{name}.yaml"
        assert run("dictionary", models.paths[name], "-o", draft).returncode == 0
        done = run("reasons", models.paths[name], "-", "--dictionary", draft, "--top", 2,
                   input=rows.head(3).to_csv(index=False))
        assert done.returncode == 0, done.stderr
        assert " is " in done.stdout


@pytest.mark.parametrize("old, new, words", [
    ("unit: EUR\n", "unti: EUR\n", ["words.yaml:5:5", "unknown key 'unti'", "'unit'"]),
    ("  income:\n", "  incme:\n", ["words.yaml:3:3", "unknown feature 'incme'", "'income'"]),
    ("    group: means\n", "    group: maens\n", ["words.yaml:8:12", "unknown group", "'means'"]),
    ("decimals: 0", "decimals: many", ["words.yaml:6:5", "0 to 9"]),
    ("show: false", "show: no", ["true or false"]),
    ("version:", "versoin:", ["words.yaml:1:1", "'version'"]),
    ("  means: {", "  other: {name: x}\n  means: {", ["no feature is in the group 'other'"]),
    ("features:", "featurs:", ["words.yaml:2:1", "'features'"]),
    ("age: {show: false}", "age: 5", ["must be a map"]),
    ("show: false}", "categories: {a: b}}", ["knows no categories"]),
])
def test_wrong_dictionaries(run, models, tmp_path, old, new, words):
    assert old in WORDS
    (tmp_path / "words.yaml").write_text(WORDS.replace(old, new, 1))
    done = run("reasons", models.paths["plain"], "-", "--dictionary", tmp_path / "words.yaml",
               input=models.rows.head(2).to_csv(index=False))
    assert done.returncode == 2 and done.stdout == "", done.stderr
    for word in words:
        assert word in done.stderr


def test_reasons_refusals(run, models, tmp_path):
    missing = run("reasons", models.paths["plain"], "-", input="a\n1\n")
    assert missing.returncode == 2 and "mw dictionary" in missing.stderr
    nowhere = run("reasons", models.paths["plain"], "-", "--dictionary", tmp_path / "none.yaml",
                  input="a\n1\n")
    assert nowhere.returncode == 3
