"""Change detectors beside River's, where it is installed: values a second, on one stream.

    python bench/change.py

The best of several runs; River is called value by value, as its users call it.
"""
import pathlib
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/oracle"))
from test_change import KINDS, changes  # noqa: E402

N_VALUES, N_RUNS = 200_000, 7
BINARY = ("ddm", "eddm", "hddm-a", "hddm-w")


def peers():
    try:
        from river import drift
    except ImportError:
        return {}
    return {"adwin": drift.ADWIN, "ddm": drift.binary.DDM, "eddm": drift.binary.EDDM,
            "hddm-a": drift.binary.HDDMA, "hddm-w": drift.binary.HDDMW, "kswin": drift.KSWIN,
            "page-hinkley": drift.PageHinkley}


def seconds_of(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run_peer(make, values):
    detector = make()
    for value in values:
        detector.update(value)


def rates():
    """(kind, values a second, River's or None) of each detector."""
    numbers, rivers = np.random.default_rng(1).normal(size=N_VALUES), peers()
    for kind in KINDS:
        values = (numbers > 1).astype(float) if kind in BINARY else numbers
        ours = N_VALUES / min(seconds_of(lambda: changes(kind, values)) for _ in range(N_RUNS))
        theirs = None
        if kind in rivers:
            part = values[:2000 if kind == "kswin" else N_VALUES].tolist()
            theirs = len(part) / min(seconds_of(lambda: run_peer(rivers[kind], part))
                                     for _ in range(3))
        yield kind, ours, theirs


def main():
    for kind, ours, theirs in rates():
        line = f"{kind:14} {ours / 1e6:8.2f} M/s"
        if theirs:
            line += f"   River {theirs / 1e6:8.3f} M/s   {ours / theirs:6.1f} x"
        print(line)


if __name__ == "__main__":
    main()
