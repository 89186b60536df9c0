"""CBPE: what `mw decay estimate` expects of a classifier equals what NannyML 0.13 does, as recorded
by decay_cases.py; and it comes true where its assumption holds."""
import json
import pathlib
import subprocess

import numpy as np
import pytest
from conftest import BINARY
from decay_cases import CASES, METRICS, table

EXPECTED = json.loads((pathlib.Path(__file__).parent / "decay_expected.json").read_text())


def write(path, columns):
    rows = zip(*(map(repr, column.tolist()) for column in columns.values()))
    path.write_text("\n".join([",".join(columns)] + [",".join(row) for row in rows]) + "\n")
    return path


def estimate(folder, reference, current, *more, code=None):
    done = subprocess.run(
        [BINARY, "decay", "estimate", "--ref", write(folder / "ref.csv", reference), "--cur",
         write(folder / "cur.csv", current), "--label", "y", "--score", "p", "--json",
         *map(str, more)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in ((0, 6) if code is None else (code,)), done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


@pytest.mark.parametrize("name", CASES)
def test_equals_nannyml(name, tmp_path):
    (labels, scores), (_, current) = table(name, 0), table(name, 1)
    found = estimate(tmp_path, {"y": labels, "p": scores}, {"p": current}, "--chunk",
                     CASES[name][3])
    assert found["calibrated"] == EXPECTED[name]["calibrated"]
    for metric in METRICS:
        wanted = EXPECTED[name]["metrics"][metric]
        chunks = [chunk["metrics"][metric] for chunk in found["chunks"]]
        for key in ("estimated", "sampling_error"):
            # NannyML ranks equal scores as its sort happens to leave them
            by_chance = (name, metric, key) == ("ties", "roc_auc", "sampling_error")
            np.testing.assert_allclose([c[key] for c in chunks], wanted[key], rtol=0,
                                       atol=1e-5 if by_chance else 1e-6,
                                       err_msg=f"{metric} {key}")
        limits = found["reference"]["thresholds"][metric]
        assert limits["low"] == pytest.approx(wanted["low_threshold"][0], abs=1e-6)
        assert limits["high"] == pytest.approx(wanted["high_threshold"][0], abs=1e-6)
        assert [c["alert"] for c in chunks] == [bool(a) for a in wanted["alert"]], metric


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
