"""A seeded random grid: each seed is one model, drawn by shape, objective, missing rate and
cardinality, and one set of rows to serve, with the thresholds of the model among them.

    case = Case(seed)              columns, rows and target
    served = case.served(cuts)     rows to ask for: trained, on cuts and beside them, extremes
    same_everywhere(path, rows)    every kernel, size of batch and thread gives the same bits
"""
import threading

import numpy as np

from millwright import ROOT, Failure, Model

EXAMPLES = ROOT / "examples/models"
SHAPES = [1, 2, 3, 6, 6, 11, 17, 40, 130]
MISSING = [0, 0, 0.02, 0.1, 0.4, 0.95]
CARDINALITIES = [2, 3, 7, 31, 32, 33, 100, 300]
EXTREMES = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-38, 1e-35, -1e-36, 3.4028235e38, -3.4028235e38,
                     1e30, np.inf, -np.inf, np.nan])
N_ROWS = 260


def kernels_here():
    """What this processor can run: the message about a wrong name lists them."""
    try:
        Model(next(EXAMPLES.glob("*.json")), "none")
    except Failure as failure:
        return str(failure).split("one of: ")[1].replace(",", " ").split()
    raise AssertionError("a wrong kernel name was taken")


def draw_column(random, n):
    """(values, cardinality): 0 where the column is one of numbers."""
    kind = random.integers(0, 10)
    if kind < 4:  # a coarse grid, so that rows stand on thresholds
        return np.round(random.normal(size=n) * 8) / 8
    if kind == 4:
        return random.normal(size=n)
    if kind == 5:
        return np.full(n, random.choice([0.0, 1.0, -3.5]))
    if kind == 6:
        return random.integers(0, 2, n).astype(float)
    if kind == 7:
        return random.normal(size=n) * 10.0 ** random.choice([-30, -5, 5, 30])
    if kind == 8:
        return random.normal(size=n) * 1e-40  # denormal in float32
    return np.exp(random.normal(size=n) * 4)


class Case:
    """Columns, rows (float32 in float64) and a target of one seed."""

    def __init__(self, seed, categories=False, shapes=SHAPES):
        self.random = random = np.random.default_rng(seed)
        self.n_features = int(random.choice(shapes))
        rows = np.stack([draw_column(random, N_ROWS) for _ in range(self.n_features)], axis=1)
        self.cardinality = np.zeros(self.n_features, int)
        if categories:
            for column in np.flatnonzero(random.random(self.n_features) < 0.5):
                n = self.cardinality[column] = random.choice(CARDINALITIES)
                rows[:, column] = random.integers(0, n, N_ROWS)
        self.missing = random.choice(MISSING)
        scale = np.abs(rows).max(axis=0)
        ordered = np.where(self.cardinality > 0, rows * 7 % np.maximum(self.cardinality, 1), rows)
        parts = ordered / np.where(scale > 0, scale, 1)
        weights = random.normal(size=self.n_features)
        self.target = parts @ weights + np.sin(parts[:, 0] * 5) + random.normal(size=N_ROWS) * 0.2
        rows[random.random(rows.shape) < self.missing] = np.nan
        self.rows = rows.astype(np.float32).astype(np.float64)

    def pick(self, *values):
        """One of them."""
        return values[self.random.integers(0, len(values))]

    def chance(self, share):
        return bool(self.random.random() < share)

    def labels(self, kind):
        y = self.target
        if kind == "number":
            return y
        if kind == "positive":
            return np.exp(y / (1 + np.abs(y).max() / 4))
        if kind == "count":
            return np.floor(np.abs(y) * 2)
        if kind == "unit":
            return 1 / (1 + np.exp(-y))
        if kind == "binary":
            return (y > np.median(y)).astype(float)
        n = int(kind)
        return np.searchsorted(np.quantile(y, np.arange(1, n) / n), y).astype(float)

    def served(self, cuts, step=np.float32, most=60):
        """Trained rows, extremes, and rows on cuts [(feature, value)] and on both neighbours."""
        random = self.random
        rows = [self.rows[:40]]
        if self.n_features:
            numbers = random.choice(EXTREMES, (25, self.n_features))
            known = self.rows[random.integers(0, N_ROWS, 25)]
            rows.append(np.where(random.random(known.shape) < 0.5, numbers, known))
        cuts = list(cuts)
        for at in random.permutation(len(cuts))[:most]:
            feature, cut = cuts[at]
            if self.cardinality[feature]:
                continue
            with np.errstate(over="ignore", under="ignore"):
                around = [step(cut), np.nextafter(step(cut), step(-np.inf)),
                          np.nextafter(step(cut), step(np.inf))]
            row = np.tile(self.rows[random.integers(0, N_ROWS)], (3, 1))
            row[:, feature] = around
            rows.append(row)
        served = np.concatenate(rows)
        for column in np.flatnonzero(self.cardinality):
            n = self.cardinality[column]
            odd = random.choice([0, n - 1, n, n + 40, -1, 0.5, np.nan], len(served))
            keep = random.random(len(served)) < 0.8
            valid = random.integers(0, n, len(served))
            served[:, column] = np.where(keep, valid, odd)
        return served


def in_threads(model, rows, expected):
    """Three threads share the model, each with a part of the rows of its own."""
    wrong = []

    def work(begin):
        part = rows[begin::3]
        if not np.array_equal(model.margin(part), expected[begin::3], equal_nan=True):
            wrong.append(begin)
    threads = [threading.Thread(target=work, args=(begin,)) for begin in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def same_everywhere(path, rows, kernels):
    """The model as the library would load it, after all others gave its bits."""
    model = Model(path)
    margin, prediction = model.margin(rows), model.predict(rows)
    for kernel in kernels:
        other = Model(path, kernel)
        assert np.array_equal(other.margin(rows), margin, equal_nan=True), kernel
        assert np.array_equal(other.predict(rows[:9]), prediction[:9], equal_nan=True), kernel
        for at in range(3):
            one = other.margin(rows[at:at + 1])
            assert np.array_equal(one, margin[at:at + 1], equal_nan=True), kernel
    for size in (13, 37):
        pieces = [model.margin(rows[at:at + size]) for at in range(0, len(rows), size)]
        assert np.array_equal(np.concatenate(pieces), margin, equal_nan=True), size
    in_threads(model, rows, margin)
    return model
