"""The watch beside its peers, one thread each, in one run: drift of two tables, quantile sketches,
change detectors, odd rows. Speed, and for odd rows how well they are told (area under ROC).

    ninja -C build bench/sketch bench/anomaly
    .venv-bench-watch/bin/python bench/watch.py [--only drift,sketch,change,anomaly] [--data FOLDER]

--data: a folder with `adult` and `credit-default`; without it odd rows are told from simulated ones
alone. What is not installed is named in the table. Results: bench/results/watch.json.
"""
import argparse
import csv
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("NML_DISABLE_USAGE_LOGGING", "1")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from sklearn.ensemble import IsolationForest  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

import change  # noqa: E402
import drift  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "build/bench"
SEEDS, PAPER = 5, 25


def best_of(runs, work):
    return min(drift.seconds_of(work) for _ in range(runs))


def line(what, ours, peer, theirs, goal, unit):
    """One line of the table; `theirs` None: the peer is not there."""
    return {"what": what, "ours": ours, "peer": peer, "theirs": theirs, "goal": goal, "unit": unit,
            "ratio": ours / theirs if theirs else None}


# ---- drift of two tables ------------------------------------------------------------------------

def measure_drift(_asked, n=100_000):
    reference, current = drift.data(n, 1), drift.data(n, 2)
    flags = [False] * drift.N_NUMBERS + [True] * drift.N_CATEGORIES
    for name, make, goal, more in (("Evidently's preset", drift.evidently, 200, "evidently"),
                                   ("NannyML's calculator", drift.nannyml, 50, "nannyml")):
        peer = make(reference, current)
        theirs = n / best_of(2, peer) if peer else None
        usual = n / best_of(20, lambda: drift.check(reference, current, flags))
        same = n / best_of(20, lambda: drift.check(reference, current, flags, profile=more))
        yield line("drift, 100,000 x 20 rows", usual, name, theirs, goal, "rows/s")
        yield line(f"the same by the statistics of {more}", same, name, theirs, goal, "rows/s")


# ---- quantile sketches ---------------------------------------------------------------------------

def rank_error(values, quantiles):
    shares = np.arange(1, 100) / 100
    ranks = np.searchsorted(np.sort(values), quantiles, side="right") / len(values)
    return np.abs(ranks - shares).max()


def measure_sketch(_asked, n=2_000_000):
    values = np.random.default_rng(1).normal(size=n)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "values"
        values.tofile(path)
        told = json.loads(subprocess.run([PROGRAMS / "sketch", path, str(n)], check=True,
                                         capture_output=True).stdout)
    ours = line("quantile sketch (KLL, k 200)", told["rate"], "Apache DataSketches", None, 1,
                "values/s")
    error = f"rank off by {rank_error(values, np.array(told['quantiles'])):.4f} at most"
    try:
        from datasketches import kll_doubles_sketch
    except ImportError:
        yield ours | {"note": error}
        return

    def peer():
        sketch = kll_doubles_sketch(200)
        sketch.update(values)
        return sketch
    theirs = n / best_of(15, peer)
    off = rank_error(values, np.array(peer().get_quantiles(np.arange(1, 100) / 100)))
    yield ours | {"theirs": theirs, "ratio": ours["ours"] / theirs,
                  "note": f"{error}, the peer's {off:.4f}"}


# ---- change detectors ----------------------------------------------------------------------------

def measure_change(_asked):
    for kind, ours, theirs in change.rates():
        yield line(kind, ours, "River", theirs, 10 if kind == "adwin" else None, "values/s")


# ---- odd rows ------------------------------------------------------------------------------------

def blobs(random):
    """Two clouds; odd rows lie anywhere."""
    usual = np.vstack([random.normal(0, 1, (4000, 6)), random.normal(6, 1.5, (4000, 6))])
    return random.permutation(usual), random.uniform(-6, 14, (120, 6))


def broken_bond(random):
    """Columns that go together; of odd rows each value is usual, their company is not."""
    usual = random.normal(0, 1, (8000, 1)) + random.normal(0, 0.15, (8000, 4))
    return usual, np.column_stack([random.permutation(usual[:120, i] * 2.2) for i in range(4)])


def long_tails(random):
    usual = np.column_stack([random.lognormal(0, 1, 8000), random.gamma(2, 2, 8000),
                             random.integers(0, 5, 8000), random.normal(0, 1, 8000)])
    odd = usual[:120].copy()
    odd[:, 0] *= 25
    odd[:, 3] -= 6
    return usual, odd


def planted(table, swapped, scaled):
    """Rows of a real table; of odd ones two columns change places, or one has another unit."""
    def make(random):
        rows = table[random.permutation(len(table))[:8120]]
        odd = rows[8000:].copy()
        odd[:60, list(swapped)] = odd[:60, list(reversed(swapped))]
        odd[60:, scaled] *= 1000
        return rows[:8000], odd
    return make


def read_numbers(path, columns, has_head):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = csv.reader(file, skipinitialspace=True)
        if has_head:
            next(rows)
        return np.array([[float(row[c]) for c in columns]
                         for row in rows if len(row) > columns[-1]])


def tables(folder):
    found = {"two clouds": blobs, "broken bond": broken_bond, "long tails": long_tails}
    if folder:
        adult = read_numbers(folder / "adult/adult.data.gz", (0, 2, 4, 10, 11, 12), False)
        credit = read_numbers(folder / "credit-default/UCI_Credit_Card.csv.gz",
                              range(1, 24), True)
        found |= {"adult, planted": planted(adult, (0, 2), 5),
                  "credit default, planted": planted(credit, (0, 11), 4)}
    return found


def judge(reference, rows):
    with tempfile.TemporaryDirectory() as folder:
        path, out = pathlib.Path(folder) / "rows", pathlib.Path(folder) / "scores"
        np.vstack([reference, rows]).tofile(path)
        told = json.loads(subprocess.run(
            [PROGRAMS / "anomaly", path, str(rows.shape[1]), str(len(reference)), str(len(rows)),
             out], check=True, capture_output=True).stdout)
        return told, np.fromfile(out).reshape(2, -1)


def half_space_trees(reference, rows, n_trees):
    """Score, then learn, as River's users do; values between 0 and 1 by the reference's extremes.
    25 trees are those of the paper (Tan, Ting, Liu 2011), 10 River's default. The scores, and rows
    a second of both calls."""
    try:
        from river import anomaly
    except ImportError:
        return None, None
    low, high = reference.min(axis=0), reference.max(axis=0)
    span = np.where(high > low, high - low, 1)

    def dicts(table):
        return [dict(enumerate(row)) for row in np.clip((table - low) / span, 0, 1).tolist()]
    trees, scores = anomaly.HalfSpaceTrees(n_trees=n_trees, seed=1), []
    for row in dicts(reference):
        trees.learn_one(row)
    test = dicts(rows)
    began = time.perf_counter()
    for row in test:
        scores.append(trees.score_one(row))
        trees.learn_one(row)
    return scores, len(test) / (time.perf_counter() - began)


def measure_auc(name, make):
    of = {"forest": [], "whole": [], "scikit-learn": [], "River": []}
    for seed in range(SEEDS):
        usual, odd = make(np.random.default_rng(seed))
        half = len(usual) // 2
        reference, rows = usual[:half], np.vstack([usual[half:], odd])
        truth = np.r_[np.zeros(len(usual) - half), np.ones(len(odd))]
        mix = np.random.default_rng(seed).permutation(len(rows))
        rows, truth = rows[mix], truth[mix]
        _, (joint, whole) = judge(reference, rows)
        peer = -IsolationForest(random_state=seed).fit(reference).score_samples(rows)
        trees, _ = half_space_trees(reference, rows, PAPER)
        for who, scores in zip(of, (joint, whole, peer, trees)):
            if scores is not None:
                of[who].append(roc_auc_score(truth, scores))
    means = {who: float(np.mean(found)) for who, found in of.items() if found}
    return {"what": f"odd rows: {name}", "auc": means}


def measure_anomaly(asked):
    yield from (measure_auc(name, make) for name, make in tables(asked.data).items())
    usual, _ = blobs(np.random.default_rng(1))
    rows = np.random.default_rng(2).normal(3, 3, (100_000, 6))
    told, _ = judge(usual, rows)
    forest = IsolationForest(random_state=1, n_jobs=1).fit(usual)
    theirs = len(rows) / best_of(3, lambda: forest.score_samples(rows))
    yield line("isolation forest, 100 trees", told["joint"], "scikit-learn's", theirs, 5, "rows/s")
    yield line("whole score with cause", told["whole"], "scikit-learn's forest", theirs, 5,
               "rows/s")
    for n_trees, goal in ((PAPER, 50), (10, None)):
        _, rate = half_space_trees(usual[:1000], rows[:3000], n_trees)
        yield line("whole score with cause", told["whole"],
                   f"River's {n_trees} half-space trees", rate, goal, "rows/s")


# ---- the table -----------------------------------------------------------------------------------

MEASURES = {"drift": measure_drift, "sketch": measure_sketch, "change": measure_change,
            "anomaly": measure_anomaly}


def shown(row):
    if "auc" in row:
        return f"{row['what']:38} AUC " + ", ".join(f"{who} {a:.4f}" for who, a in
                                                    row["auc"].items())
    beside = f"{row['peer']} not installed"
    if row["theirs"]:
        met = "" if not row["goal"] else \
            f" (goal {row['goal']}: {'met' if row['ratio'] >= row['goal'] else 'MISSED'})"
        beside = f"{row['peer']} {row['theirs']:,.0f}: {row['ratio']:.1f} x{met}"
    return f"{row['what']:38} {row['ours']:14,.0f} {row['unit']:9} {beside}" + (
        f"; {row['note']}" if "note" in row else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench/results")
    asked = parser.parse_args()
    unknown = set(asked.only.split(",")) - set(MEASURES)
    if unknown:
        sys.exit(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    rows = []
    for name in asked.only.split(","):
        for row in MEASURES[name](asked):
            rows.append(row)
            print(shown(row), flush=True)
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "watch.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
