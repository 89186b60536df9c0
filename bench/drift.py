"""Drift of 100,000 x 20 rows against 100,000: rows a second, beside Evidently's preset and
NannyML's univariate calculator, where they are installed.

    python bench/drift.py [--rows N] [--seconds S]

One thread each. The best of as many runs as fit into the seconds, ours in turns with theirs; the
peers take some seconds a run. The columns are as users have them: 16 numbers, 4 categories.
"""
import argparse
import os
import pathlib
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/oracle"))
from watching import check  # noqa: E402

N_NUMBERS, N_CATEGORIES = 16, 4
warnings.simplefilter("ignore")


def data(n_rows, seed):
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(n_rows, N_NUMBERS))
    numbers[:, 8:] = np.exp(numbers[:, 8:])
    codes = random.integers(0, 12, size=(n_rows, N_CATEGORIES)).astype(float)
    return np.asfortranarray(np.hstack([numbers, codes]))


def frame(rows):
    import pandas
    columns = {f"x{i}": rows[:, i] for i in range(N_NUMBERS)}
    columns |= {f"c{i}": pandas.Categorical([f"v{v:.0f}" for v in rows[:, N_NUMBERS + i]])
                for i in range(N_CATEGORIES)}
    return pandas.DataFrame(columns)


def evidently(reference, current):
    try:
        from evidently import Report
        from evidently.presets import DataDriftPreset
    except ImportError:
        return None
    a, b = (frame(x).astype({f"c{i}": str for i in range(N_CATEGORIES)})
            for x in (reference, current))
    return lambda: Report([DataDriftPreset()]).run(b, a)


def nannyml(reference, current):
    try:
        import nannyml as peer
    except ImportError:
        return None
    a, b = frame(reference), frame(current)
    return lambda: peer.UnivariateDriftCalculator(column_names=list(a.columns), chunk_number=1) \
        .fit(a).calculate(b)


def seconds_of(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--seconds", type=float, default=60)
    wishes = parser.parse_args()
    reference, current = data(wishes.rows, 1), data(wishes.rows, 2)
    flags = [False] * N_NUMBERS + [True] * N_CATEGORIES
    runs = {"millwright": lambda: check(reference, current, flags),
            "millwright, profile evidently":
                lambda: check(reference, current, flags, profile="evidently"),
            "millwright, profile nannyml":
                lambda: check(reference, current, flags, profile="nannyml"),
            "evidently": evidently(reference, current), "nannyml": nannyml(reference, current)}
    best, began = {}, time.perf_counter()
    while not best or time.perf_counter() - began < wishes.seconds:
        for name, work in runs.items():
            if work:
                for _ in range(10 if name.startswith("millwright") else 1):
                    best[name] = min(best.get(name, 1e9), seconds_of(work))
    for name, work in runs.items():
        if not work:
            print(f"{name:32} not installed")
            continue
        rate = wishes.rows / best[name]
        beside = ", ".join(f"{best[peer] / best[name]:.0f} x {peer}"
                           for peer in ("evidently", "nannyml") if peer in best and peer != name)
        print(f"{name:32} {rate:12,.0f} rows/s   {best[name] * 1e3:9.1f} ms"
              f"   {beside if name.startswith('millwright') else ''}")


if __name__ == "__main__":
    main()
