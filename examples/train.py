#!/usr/bin/env python3
"""Train the three example models and write rows to predict.

    pip install "xgboost==3.2.*" "lightgbm==4.7.*" pandas
    python examples/train.py

Everything is simulated with a fixed seed, so a second run gives the same files.

    models/credit.json   XGBoost, binary:logistic     will a customer miss the next payment?
    models/price.txt     LightGBM, regression         what will a house sell for? (categories)
    models/plan.ubj      XGBoost, multi:softprob      which of four plans fits a subscriber?
    credit.csv, price.csv, plan.csv                   300 rows each that the models never saw
"""

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
N_TRAIN, N_SHOWN = 6000, 300


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def with_gaps(frame, columns, share, rng):
    """Some values are missing, as in life."""
    for column in columns:
        frame.loc[rng.random(len(frame)) < share, column] = np.nan
    return frame


def simulate_credit(n, rng):
    """Customers of a card: those late before, near their limit or short of income miss payments."""
    limit = np.round(rng.lognormal(9.6, 0.8, n), -2)
    used = rng.beta(1.6, 2.6, n)
    late = rng.poisson(0.4 + 1.2 * used, n)
    frame = pd.DataFrame({
        "credit_limit": limit,
        "balance": np.round(limit * used, 2),
        "payments_late": late.astype(float),
        "months_since_late": np.where(late > 0, rng.integers(1, 48, n), np.nan),
        "income": np.round(rng.lognormal(10.3, 0.5, n), -2),
        "age": rng.integers(19, 82, n).astype(float),
        "months_customer": rng.integers(1, 240, n).astype(float),
        "last_payment": np.round(limit * used * rng.beta(1.2, 8, n), 2),
    })
    risk = (-3.1 + 2.6 * used + 0.55 * late - 0.00002 * frame.income
            - 0.02 * np.nan_to_num(frame.months_since_late, nan=40.0)
            + 0.8 * (frame.last_payment < 0.02 * frame.balance)
            - 0.004 * frame.months_customer)
    missed = (rng.random(n) < sigmoid(risk)).astype(int)
    return with_gaps(frame, ["income", "last_payment"], 0.04, rng), missed


def simulate_price(n, rng):
    """Houses: size and district make the price; age, garden and heating change it."""
    districts = ["harbour", "hill", "meadow", "mill", "old town", "station"]
    worth = dict(zip(districts, [1.25, 1.4, 0.95, 0.85, 1.5, 0.9]))
    heating = ["district", "gas", "heat pump", "oil"]
    frame = pd.DataFrame({
        "area_m2": np.round(rng.gamma(9, 13, n) + 25, 1),
        "rooms": rng.integers(1, 9, n).astype(float),
        "year_built": rng.integers(1890, 2025, n).astype(float),
        "garden_m2": np.where(rng.random(n) < 0.45, 0.0, np.round(rng.gamma(2, 120, n), 0)),
        "minutes_to_centre": np.round(rng.gamma(3, 6, n), 1),
        "district": pd.Categorical(rng.choice(districts, n), districts),
        "heating": pd.Categorical(rng.choice(heating, n, p=[0.3, 0.4, 0.2, 0.1]), heating),
    })
    price = (2900 * frame.area_m2 * frame.district.map(worth).astype(float)
             + 90 * frame.garden_m2 - 1500 * frame.minutes_to_centre
             + 250 * np.maximum(frame.year_built - 1980, 0) * frame.area_m2 / 100
             + 18000 * (frame.heating == "heat pump"))
    price = price * rng.lognormal(0, 0.08, n)
    return with_gaps(frame, ["garden_m2", "year_built"], 0.05, rng), np.round(price, -2)


def simulate_plan(n, rng):
    """Subscribers: use of data and calls, devices and travel say which plan fits."""
    frame = pd.DataFrame({
        "data_gb": np.round(rng.gamma(1.6, 9, n), 2),
        "calls_minutes": np.round(rng.gamma(1.5, 120, n), 0),
        "messages": rng.poisson(30, n).astype(float),
        "devices": rng.integers(1, 6, n).astype(float),
        "nights_abroad": rng.poisson(2.5, n).astype(float),
        "months_subscribed": rng.integers(1, 120, n).astype(float),
    })
    score = np.stack([
        2.2 - 0.10 * frame.data_gb - 0.004 * frame.calls_minutes,                      # basic
        0.9 + 0.01 * frame.data_gb + 0.004 * frame.calls_minutes - 0.1 * frame.devices,  # talk
        -0.6 + 0.09 * frame.data_gb + 0.2 * frame.devices,                             # data
        -1.0 + 0.30 * frame.nights_abroad + 0.02 * frame.data_gb,                      # travel
    ], axis=1)
    plan = np.argmax(score + rng.gumbel(size=score.shape), axis=1)
    return with_gaps(frame, ["calls_minutes"], 0.03, rng), plan


def split(frame, answer):
    return frame[:N_TRAIN], answer[:N_TRAIN], frame[N_TRAIN:]


def train_credit(rng):
    rows, missed, shown = split(*simulate_credit(N_TRAIN + N_SHOWN, rng))
    params = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "seed": 1, "nthread": 1}
    xgb.train(params, xgb.DMatrix(rows, missed), 80).save_model(MODELS / "credit.json")
    shown.to_csv(HERE / "credit.csv", index=False)


def train_price(rng):
    rows, price, shown = split(*simulate_price(N_TRAIN + N_SHOWN, rng))
    params = {"objective": "regression", "num_leaves": 15, "learning_rate": 0.1, "seed": 1,
              "num_threads": 1, "deterministic": True, "verbose": -1}
    lgb.train(params, lgb.Dataset(rows, price), 80).save_model(MODELS / "price.txt")
    shown.to_csv(HERE / "price.csv", index=False)


def train_plan(rng):
    rows, plan, shown = split(*simulate_plan(N_TRAIN + N_SHOWN, rng))
    params = {"objective": "multi:softprob", "num_class": 4, "max_depth": 3, "eta": 0.2, "seed": 1,
              "nthread": 1}
    xgb.train(params, xgb.DMatrix(rows, plan), 40).save_model(MODELS / "plan.ubj")
    shown.to_csv(HERE / "plan.csv", index=False)


def main():
    MODELS.mkdir(exist_ok=True)
    for seed, train in enumerate([train_credit, train_price, train_plan]):
        train(np.random.default_rng(seed))


if __name__ == "__main__":
    main()
