"""CBPE and DLE: what `mw decay estimate` expects of a model equals what NannyML 0.13 does, as
recorded by decay_cases.py; and it comes true where its assumption holds."""
import json
import pathlib
import subprocess

import numpy as np
import pytest
from conftest import BINARY
from decay_cases import CASES, CLASSES, LOSSES, METRICS, REGRESSIONS, class_names, class_table, \
    regression_table, table

EXPECTED = json.loads((pathlib.Path(__file__).parent / "decay_expected.json").read_text())


def text_of(value):
    return value if isinstance(value, str) else "" if value != value else repr(value)


def write(path, columns):
    rows = zip(*(map(text_of, np.asarray(column).tolist()) for column in columns.values()))
    path.write_text("\n".join([",".join(columns)] + [",".join(row) for row in rows]) + "\n")
    return path


def estimate(folder, reference, current, *more, code=None, score="p"):
    done = subprocess.run(
        [BINARY, "decay", "estimate", "--ref", write(folder / "ref.csv", reference), "--cur",
         write(folder / "cur.csv", current), "--label", "y", "--score", score, "--json",
         *map(str, more)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in ((0, 6) if code is None else (code,)), done.stderr
    return json.loads(done.stdout)


def refusal(folder, rows, *more):
    """What it says of rows that cannot be estimated."""
    path = write(folder / "rows.csv", rows)
    done = subprocess.run([BINARY, "decay", "estimate", "--ref", path, "--cur", path, "--label",
                           "y", *more], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode not in (0, 6), done.stdout
    return done.stderr


def check(found, expected, metrics, by_chance=()):
    """To 1e-6, relative where numbers are large."""
    assert set(found["reference"]["thresholds"]) == set(metrics)
    for metric in metrics:
        wanted = expected[metric]
        chunks = [chunk["metrics"][metric] for chunk in found["chunks"]]
        for key in ("estimated", "sampling_error"):
            np.testing.assert_allclose([c[key] for c in chunks], wanted[key], rtol=1e-6,
                                       atol=1e-5 if (metric, key) in by_chance else 1e-6,
                                       err_msg=f"{metric} {key}")
        limits = found["reference"]["thresholds"][metric]
        assert limits["low"] == pytest.approx(wanted["low_threshold"][0], abs=1e-6, rel=1e-6)
        assert limits["high"] == pytest.approx(wanted["high_threshold"][0], abs=1e-6, rel=1e-6)
        assert [c["alert"] for c in chunks] == [bool(a) for a in wanted["alert"]], metric


@pytest.mark.parametrize("name", CASES)
def test_equals_nannyml(name, tmp_path):
    (labels, scores), (_, current) = table(name, 0), table(name, 1)
    found = estimate(tmp_path, {"y": labels, "p": scores}, {"p": current}, "--chunk",
                     CASES[name][3])
    assert found["calibrated"] == EXPECTED[name]["calibrated"]
    # NannyML ranks equal scores as its sort happens to leave them
    check(found, EXPECTED[name]["metrics"], METRICS,
          [("roc_auc", "sampling_error")] if name == "ties" else ())


@pytest.mark.parametrize("name", CLASSES)
def test_several_classes_equal_nannyml(name, tmp_path):
    names = class_names(name)

    def columns(period):
        labels, scores = class_table(name, period)
        return {"y": labels, **{f"p{k}": scores[:, k] for k in range(len(names))}}
    reference, current = columns(0), columns(1)
    truth = current.pop("y")
    score = ",".join(f"{c}=p{k}" for k, c in enumerate(names))
    found = estimate(tmp_path, reference, current, "--chunk", CLASSES[name][3], score=score)
    assert found["classes"] == [str(c) for c in names]
    check(found, EXPECTED["classes"][name]["metrics"], METRICS)
    # the truth, where it is there; decisions, where they are told
    current["y"], said = truth, np.argmax([current[f"p{k}"] for k in range(len(names))], axis=0)
    reference["d"] = [names[k] for k in np.argmax(
        [reference[f"p{k}"] for k in range(len(names))], axis=0)]
    current["d"] = [names[k] for k in said]
    again = estimate(tmp_path, reference, current, "--chunk", CLASSES[name][3], "--decision", "d",
                     score=score)
    accuracy = [c["metrics"]["accuracy"]["realized"] for c in again["chunks"]]
    right = np.array([names[k] for k in said]) == np.array(truth)
    assert accuracy == pytest.approx([part.mean() for part in np.split(right, len(accuracy))])
    assert [c["metrics"]["f1"]["estimated"] for c in again["chunks"]] == \
        [c["metrics"]["f1"]["estimated"] for c in found["chunks"]]


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions_equal_nannyml(name, tmp_path):
    def columns(period):
        found = regression_table(name, period)
        if "kind" in found:  # NannyML trains on the places of texts, from 1
            found["kind"] = 1 + np.unique(found["kind"], return_inverse=True)[1]
        return found
    reference, current = columns(0), columns(1)
    truth = current.pop("y")
    losses = []
    for metric, trees in EXPECTED["losses"][name]["models"].items():
        (tmp_path / f"{metric}.txt").write_text(trees)
        losses.append(f"{metric}={tmp_path / metric}.txt")
    more = ("--chunk", REGRESSIONS[name][0], "--loss", ",".join(losses))
    found = estimate(tmp_path, reference, current, *more, score="prediction")
    assert found["method"] == "dle"
    check(found, EXPECTED["losses"][name]["metrics"], LOSSES)
    # a model serves an error and its root; one without a name is of the absolute error
    alone = estimate(tmp_path, reference, {**current, "y": truth}, *more[:2], "--loss",
                     tmp_path / "mae.txt", score="prediction")
    assert list(alone["reference"]["thresholds"]) == ["mae"]
    for chunk in alone["chunks"]:
        at = slice(chunk["first_row"], chunk["first_row"] + chunk["rows"])
        told = chunk["metrics"]["mae"]
        assert told["realized"] == pytest.approx(
            np.abs(truth[at] - current["prediction"][at]).mean())
        assert abs(told["estimated"] - told["realized"]) < 0.3, "it comes true"


def test_comes_true_where_inputs_alone_have_moved(tmp_path):
    (labels, scores), (truth, current) = table("overconfident", 0), table("overconfident", 1)
    found = estimate(tmp_path, {"y": labels, "p": scores}, {"y": truth, "p": current},
                     "--chunk", 4000)
    for chunk in found["chunks"]:
        for metric in ("accuracy", "roc_auc"):
            one = chunk["metrics"][metric]
            assert abs(one["estimated"] - one["realized"]) < 0.03, (metric, one)


def test_alarms_end_with_code_6(tmp_path):
    labels, scores = table("calibrated", 0)
    estimate(tmp_path, {"y": labels, "p": scores}, {"p": scores}, "--chunk", 2000, code=0)
    unsure = 0.5 + (scores - 0.5) / 3
    found = estimate(tmp_path, {"y": labels, "p": scores}, {"p": unsure}, "--chunk", 2000, code=6)
    assert found["chunks_alarmed"] == len(found["chunks"])


@pytest.mark.parametrize("reference,current,said", [
    ({"y": [0, 1] * 20, "q": [0.5] * 40}, {"p": [0.5]}, "there is no column 'p'"),
    ({"y": [0, 2] * 20, "p": [0.5] * 40}, {"p": [0.5]}, "neither 0 nor 1"),
    ({"y": [1] * 40, "p": [0.5] * 40}, {"p": [0.5]}, "labels of both kinds"),
    ({"y": [0, 1] * 20, "p": [0.5] * 40}, {"p": [float("nan")]}, "not one current row")])
def test_what_cannot_be_estimated(tmp_path, reference, current, said):
    def columns(table):
        return {name: np.array(values) for name, values in table.items()}
    done = subprocess.run(
        [BINARY, "decay", "estimate", "--ref", write(tmp_path / "r.csv", columns(reference)),
         "--cur", write(tmp_path / "c.csv", columns(current)), "--label", "y", "--score", "p"],
        capture_output=True, text=True, check=False)
    assert done.returncode not in (0, 6) and said in done.stderr and "MW8410" in done.stderr


@pytest.mark.parametrize("score,reference,said", [
    ("a=p,b=q,a=r", {}, "class 'a' stands there twice"),
    ("a=p,b=nix", {}, "there is no column 'nix'"),
    ("a=p,", {}, "1 class alone"),
    ("a=p,b=q", {"y": ["a", "z"] * 20}, "'z' in column 'y' is none of the classes"),
    ("a=p,b=q,c=p", {}, "0 of 40 labelled rows are of class 'c'")])
def test_classes_that_cannot_be_told(tmp_path, score, reference, said):
    rows = {"y": ["a", "b"] * 20, "p": [0.5] * 40, "q": [0.5] * 40, **reference}
    error = refusal(tmp_path, rows, "--score", score)
    assert said in error, error


@pytest.mark.parametrize("loss,said", [
    ("mae=nix.txt", "nix.txt"), ("mee=x.txt", "'mee' is no error of a regression"),
    ("mae=MODEL,mae=MODEL", "two models of one loss"), ("msle=MODEL", "is negative"),
    ("mae=MODEL", "'b'")])
def test_losses_that_cannot_be_told(tmp_path, loss, said):
    (tmp_path / "m.txt").write_text(EXPECTED["losses"]["plain"]["models"]["mae"])
    rows = {"y": [-1.0, 2.0] * 20, "p": [1.0] * 40, "a": [1.0] * 40}
    error = refusal(tmp_path, rows, "--score", "p", "--loss",
                    loss.replace("MODEL", str(tmp_path / "m.txt")))
    assert said in error, error
