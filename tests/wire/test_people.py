"""Commands that tell people what a model does: importance."""
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
