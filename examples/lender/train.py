#!/usr/bin/env python3
"""Simulate a lender, and train the four versions of its model that `mw demo` tells the story of.

    pip install "xgboost==3.2.*" pandas
    python examples/lender/train.py

Everything has a fixed seed, so a second run gives the same files.

    credit-1.json  few rows, few trees: good enough to begin with
    credit-2.json  more of both: better
    credit-3.json  learned from what officers decided, who turned down one group
    credit-4.json  learned from a table whose `bureau` was looked up after the loan had ended

    test.csv       rows to judge by, with what came true, the group, and that same leak
    live.csv       applicants as they come: their `bureau` knows nothing of the future
"""
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

HERE = Path(__file__).resolve().parent
INPUTS = ["income", "debt", "late_payments", "years_employed", "district", "bureau"]
N_TRAIN, N_TEST, N_LIVE = 6000, 1500, 2000


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simulate(n, rng, leaks):
    """Applicants. Whether they repay does not depend on the group; where they live does."""
    group = rng.integers(0, 2, n)
    frame = pd.DataFrame({
        "income": np.round(rng.lognormal(10.3, 0.45, n), -2),
        "late_payments": rng.poisson(0.7, n).astype(float),
        "years_employed": np.round(rng.gamma(2.0, 3.0, n), 1),
        "district": np.where(group == 1, rng.integers(4, 10, n), rng.integers(0, 6, n)),
    })
    frame["debt"] = np.round(frame.income * rng.beta(1.5, 3.5, n), -2)
    merit = (1.6 - 3.2 * frame.debt / frame.income - 0.75 * frame.late_payments
             + 0.10 * np.minimum(frame.years_employed, 12) + 0.9 * np.log(frame.income / 30000))
    chance = sigmoid(merit)
    repaid = (rng.random(n) < chance).astype(int)
    # who was late stands there as late; or, before the loan, only who might be
    seen = repaid if leaks else (rng.random(n) < chance).astype(int)
    frame["bureau"] = np.round(580 + 110 * seen + rng.normal(0, 45, n))
    return frame[INPUTS], repaid, group


def train(rows, label, rounds, depth, name, without=()):
    rows = rows.copy()
    for column in without:
        rows[column] = np.nan  # known to the model, and of no use to it
    booster = xgb.train({"objective": "binary:logistic", "max_depth": depth, "eta": 0.3,
                         "nthread": 1, "seed": 1, "lambda": 5},
                        xgb.DMatrix(rows, label), num_boost_round=rounds)
    booster.save_model(HERE / name)
    return booster


def write(name, rows, repaid, group):
    rows.assign(group=np.where(group == 1, "b", "a"), repaid=repaid).to_csv(HERE / name,
                                                                           index=False)


def main():
    rng = np.random.default_rng(2026)
    rows, repaid, group = simulate(N_TRAIN, rng, leaks=True)
    few = slice(0, 250)
    train(rows[few], repaid[few], 4, 2, "credit-1.json", without=["bureau", "district"])
    train(rows, repaid, 25, 3, "credit-2.json", without=["bureau", "district"])
    decided = np.where((group == 1) & (rng.random(len(group)) < 0.45), 0, repaid)
    train(rows, decided, 25, 3, "credit-3.json", without=["bureau"])
    train(rows, repaid, 25, 3, "credit-4.json")
    write("test.csv", *simulate(N_TEST, rng, leaks=True))
    write("live.csv", *simulate(N_LIVE, rng, leaks=False))


if __name__ == "__main__":
    main()
