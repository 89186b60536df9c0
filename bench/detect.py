"""How soon changes are found, how often one is missed, and how often there was none: streams whose
changes are known, by seed, beside River's detectors and what Evidently and NannyML do by default.

    ninja -C build bench/detect_watch && python bench/detect.py [SEEDS] [--elec FILE]

SEA (Street, Kim 2001), Agrawal (1993), LED (Breiman 1984), sine (Gama 2004) and a rotating
hyperplane (Hulten 2001), each 20,000 rows, of which the first 2,000 train a decision tree; what is
watched are its errors, one value a row. The concept changes at row 10,000: at once, over 1,000
rows, or for 5,000 rows only; or never. No two of the streams share a row. A detector begins anew
after an alarm; the watch looks every ten rows. Random centres (RBF; Bifet 2009), of which a few
change sides, were made after all parameters were chosen. Quiet streams of 100,000 errors of one
rate show how rare false alarms are. Beside that inputs: ten normal columns, two of them shifted.

delay: rows from the change to the first alarm, median and mean. missed: none within 5,000 rows.
false: alarms before the change, and in streams without one, per million rows.
"""
import argparse
import csv
import gzip
import pathlib
import subprocess
import sys

import numpy as np
from scipy import stats
from sklearn.tree import DecisionTreeClassifier

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/oracle"))
from test_change import CHANGED, changes  # noqa: E402

WATCH = ROOT / "build/bench/detect_watch"
ROWS, TRAINED, CHANGE, BACK, WITHIN = 20_000, 2_000, 10_000, 15_000, 5_000
CHUNK = 1_000


def sea(random, n):
    x = random.uniform(0, 10, (n, 3))
    return x, [(x[:, 0] + x[:, 1] <= t).astype(int) for t in (8, 9.5)], 0.1


def sine(random, n):
    x = random.uniform(0, 1, (n, 2))
    return x, [(x[:, 1] < np.sin(x[:, 0])).astype(int),
               (x[:, 1] < 0.5 + 0.3 * np.sin(3 * np.pi * x[:, 0])).astype(int)], 0.0


def hyperplane(random, n):
    x, first = random.uniform(0, 1, (n, 10)), random.uniform(0, 1, 10)
    second = np.r_[first[5:], first[:5]]
    return x, [(x @ w >= w.sum() / 2).astype(int) for w in (first, second)], 0.05


def agrawal(random, n):
    salary, age = random.uniform(20_000, 150_000, n), random.integers(20, 81, n)
    level, loan = random.integers(0, 5, n), random.uniform(0, 500_000, n)
    commission = np.where(salary >= 75_000, 0, random.uniform(10_000, 75_000, n))

    def between(low, high, bounds):
        return (low <= bounds) & (bounds <= high)
    young, old = age < 40, age >= 60
    middle = ~young & ~old
    second = (young & between(50_000, 100_000, salary)) | (
        middle & between(75_000, 125_000, salary)) | (old & between(25_000, 75_000, salary))
    third = (young & (level <= 1)) | (middle & (level >= 1) & (level <= 3)) | (old & (level >= 2))
    concepts = [second.astype(int), third.astype(int)]
    return np.c_[salary, commission, age, level, loan], concepts, 0.05


LED_SEGMENTS = np.array([[1, 1, 1, 0, 1, 1, 1], [0, 0, 1, 0, 0, 1, 0], [1, 0, 1, 1, 1, 0, 1],
                         [1, 0, 1, 1, 0, 1, 1], [0, 1, 1, 1, 0, 1, 0], [1, 1, 0, 1, 0, 1, 1],
                         [1, 1, 0, 1, 1, 1, 1], [1, 0, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1, 1],
                         [1, 1, 1, 1, 0, 1, 1]])


def led(random, n):
    """Here the inputs change: three of the seven segments change places with idle columns."""
    digits = random.integers(0, 10, n)
    lit = LED_SEGMENTS[digits] ^ (random.random((n, 7)) < 0.1)
    idle = random.integers(0, 2, (n, 17))
    before, after = np.c_[lit, idle], np.c_[idle[:, :3], lit[:, 3:], lit[:, :3], idle[:, 3:]]
    return (before, after), [digits, digits], 0.0


def rbf(random, n):
    """Twenty centres, each of one class; three of them change it."""
    centres, classes = random.uniform(0, 1, (20, 5)), np.arange(20) % 2
    which = random.integers(0, 20, n)
    second = np.where(np.arange(20) < 3, 1 - classes, classes)
    x = centres[which] + random.normal(0, 0.08, (n, 5))
    return x, [classes[which], second[which]], 0.05


STREAMS = {"SEA": sea, "sine": sine, "hyperplane": hyperplane, "Agrawal": agrawal, "LED": led}
UNSEEN = {"RBF": rbf}
SHAPES = ("sudden", "gradual", "recurring", "none")


def share_of_new(shape):
    at = np.arange(ROWS)
    if shape == "none":
        return np.zeros(ROWS)
    if shape == "gradual":
        return 1 / (1 + np.exp(-4 * (at - CHANGE - 500) / 1000)) * (at >= CHANGE)
    return ((at >= CHANGE) & ((shape == "sudden") | (at < BACK))).astype(float)


def errors_of(make, shape, seed):
    random = np.random.default_rng([seed, SHAPES.index(shape)])
    x, concepts, noise = make(random, ROWS)
    new = random.random(ROWS) < share_of_new(shape)
    if isinstance(x, tuple):
        x = np.where(new[:, None], x[1], x[0])
    y = np.where(new, concepts[1], concepts[0])
    flipped = random.random(ROWS) < noise
    y = np.where(flipped, 1 - y, y)
    tree = DecisionTreeClassifier(min_samples_leaf=20, random_state=0).fit(x[:TRAINED], y[:TRAINED])
    errors = (tree.predict(x) != y).astype(float)
    errors[:TRAINED] = np.nan  # what it was trained on says nothing
    return errors[TRAINED:]


def watch(columns, learn=TRAINED):
    given = np.ascontiguousarray(columns.reshape(len(columns), -1), dtype=float)
    done = subprocess.run([WATCH, str(given.shape[1]), str(learn)], input=given.tobytes(),
                          capture_output=True, check=True, timeout=120)
    return [int(line) for line in done.stdout.split()]


def scan(arl):
    """`mw drift stream --detector scan`."""
    return lambda errors: np.flatnonzero(changes("scan", errors, arl=arl) == CHANGED).tolist()


def river_detectors():
    """Without KSWIN, which takes 10 ms a row."""
    from river import drift
    return {"ADWIN": drift.ADWIN, "DDM": drift.binary.DDM, "EDDM": drift.binary.EDDM,
            "HDDM-A": drift.binary.HDDMA, "HDDM-W": drift.binary.HDDMW,
            "Page-Hinkley": drift.PageHinkley}


def by_river(make):
    def alarms(values):
        detector, found = make(), []
        for i, value in enumerate(values.tolist()):
            detector.update(value)
            if detector.drift_detected:
                found.append(i)
        return found
    return alarms


def chunks_that(is_odd):
    """Alarms of a rule over chunks of 1,000 rows, against the first 2,000, at a chunk's end."""
    def alarms(columns):
        given = columns.reshape(len(columns), -1)
        reference, found, was = given[:TRAINED], [], False
        for end in range(TRAINED + CHUNK, len(given) + 1, CHUNK):
            now = is_odd(reference, given[end - CHUNK:end])
            if now and not was:
                found.append(end - 1)
            was = now
        return found
    return alarms


def share_of_columns(test):
    """Evidently: the data set drifted when half of its columns did."""
    return lambda r, c: np.mean([test(r[:, i], c[:, i]) for i in range(r.shape[1])]) >= 0.5


def evidently_column(r, c):
    """Its choice beyond 1,000 reference rows: Wasserstein, of two values Jensen-Shannon; 0.1."""
    if len(np.unique(r)) <= 2:
        return abs(jensen_shannon(r, c, np.array([-0.5, 0.5, 1.5]))) >= 0.1
    return stats.wasserstein_distance(r, c) / max(np.std(r), 0.001) >= 0.1


def jensen_shannon(r, c, edges):
    from scipy.spatial.distance import jensenshannon
    return jensenshannon(np.histogram(r, edges)[0] + 1e-9, np.histogram(c, edges)[0] + 1e-9)


def nannyml_any(r, c):
    """Its default: Jensen-Shannon of a chunk beyond the reference chunks' mean + 3 sd."""
    for i in range(r.shape[1]):
        edges = np.histogram_bin_edges(r[:, i], "doane")
        edges[0], edges[-1] = -np.inf, np.inf
        usual = [jensen_shannon(r[:, i], part, edges) for part in np.split(r[:, i], 10)]
        scale = np.sqrt(len(r) / 10 / len(c))  # its chunks are as long as those judged
        if jensen_shannon(r[:, i], c[:, i], edges) > (np.mean(usual) + 3 * np.std(usual)) * scale:
            return True
    return False


def ks_any(r, c):
    return any(stats.ks_2samp(r[:, i], c[:, i]).pvalue < 0.05 for i in range(r.shape[1]))


class Tally:
    def __init__(self):
        self.delays, self.missed, self.false, self.rows = [], 0, 0, 0

    def add(self, alarms, change, length):
        """`change`: where it begins; None: nowhere."""
        self.false += sum(a < change for a in alarms) if change is not None else len(alarms)
        self.rows += change if change is not None else length
        if change is None:
            return
        after = [a - change for a in alarms if change <= a < change + WITHIN]
        self.missed += not after
        self.delays += after[:1]

    def line(self, name):
        n = len(self.delays) + self.missed
        delay = f"{np.median(self.delays):8.0f}{np.mean(self.delays):8.0f}" if self.delays else (
            "       -       -")
        return f"  {name:22}{delay} {self.missed:5d}/{n:<4d}{self.false / self.rows * 1e6:10.1f}"


def of_errors():
    return {"mw scan, ARL 1e6": scan(1e6), "mw scan, ARL 1e5": scan(1e5),
            **{"River " + name: by_river(make) for name, make in river_detectors().items()}}


def bench_quiet(streams):
    """Errors of one rate, and never a change: 100,000 a stream."""
    tallies = {name: 0 for name in of_errors()}
    for i in range(streams):
        random = np.random.default_rng([7, i])
        errors = (random.random(100_000) < (0.02, 0.1, 0.3)[i % 3]).astype(float)
        for name, find in of_errors().items():
            tallies[name] += len(find(errors))
    print(f"quiet: {streams / 10:.1f} million errors of 2, 10 and 30 %: false/M")
    for name, n in tallies.items():
        print(f"  {name:22}{n / streams * 10:10.2f}", flush=True)


def bench_errors(seeds):
    detectors = {"mw, the watch": watch, **of_errors(),
                 "Evidently, 1,000 rows": chunks_that(share_of_columns(evidently_column)),
                 "NannyML, 1,000 rows": chunks_that(nannyml_any)}
    whole = {name: Tally() for name in detectors}
    for stream, make in {**STREAMS, **UNSEEN}.items():
        tallies = {name: Tally() for name in detectors}
        for shape in SHAPES:
            for seed in range(seeds):
                errors = errors_of(make, shape, seed)
                change = None if shape == "none" else CHANGE - TRAINED
                for name, find in detectors.items():
                    found = find(errors)
                    tallies[name].add(found, change, len(errors))
                    if stream in STREAMS:
                        whole[name].add(found, change, len(errors))
        print(f"{stream + ':':24}   delay    mean  missed     false/M")
        print("\n".join(tally.line(name) for name, tally in tallies.items()), flush=True)
    print("errors of the five streams:   delay    mean  missed     false/M")
    print("\n".join(tally.line(name) for name, tally in whole.items()), flush=True)


def bench_inputs(seeds):
    detectors = {"mw, the watch": watch,
                 "KS, p < 0.05": chunks_that(ks_any),
                 "Evidently, any column": chunks_that(
                     lambda r, c: any(evidently_column(r[:, i], c[:, i])
                                      for i in range(r.shape[1]))),
                 "NannyML, any column": chunks_that(nannyml_any)}
    for shift in (0.2, 0.5, 1.0):
        tallies = {name: Tally() for name in detectors}
        for seed in range(2 * seeds):
            random = np.random.default_rng(1000 + seed)
            x = random.normal(size=(ROWS, 10))
            change = CHANGE if seed % 2 == 0 else None
            if change:
                x[CHANGE:, :2] += shift
            for name, find in detectors.items():
                tallies[name].add(find(x), change, ROWS)
        print(f"two of ten inputs by {shift} sd:  delay    mean  missed     false/M")
        print("\n".join(tally.line(name) for name, tally in tallies.items()), flush=True)


def bench_elec(path):
    """Electricity prices: nobody knows when they changed. Alarms a detector gives over the errors
    of a tree of the first 2,000 rows, and over those of saying what was so half an hour before."""
    with gzip.open(path, "rt") as file:
        rows = list(csv.reader(file))[1:]
    labels = np.array([int(row[-1]) for row in rows])
    x = np.array([[float(v) for v in row[:-1]] for row in rows])
    tree = DecisionTreeClassifier(min_samples_leaf=20, random_state=0).fit(x[:TRAINED, 2:],
                                                                          labels[:TRAINED])
    streams = {"a tree": (tree.predict(x[:, 2:]) != labels)[TRAINED:].astype(float),
               "as before": (labels[1:] != labels[:-1]).astype(float)[TRAINED - 1:]}
    detectors = {"mw, the watch": watch, **of_errors()}
    for name, errors in streams.items():
        told = ", ".join(f"{d} {len(find(errors))}" for d, find in detectors.items())
        print(f"elec2, errors of {name} ({errors.mean():.1%} of {len(errors)}): alarms: {told}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("seeds", nargs="?", type=int, default=10)
    parser.add_argument("--elec", help="elec.csv.gz: the electricity data")
    asked = parser.parse_args()
    bench_errors(asked.seeds)
    bench_quiet(20 * asked.seeds)
    bench_inputs(asked.seeds)
    if asked.elec:
        bench_elec(asked.elec)


if __name__ == "__main__":
    main()
