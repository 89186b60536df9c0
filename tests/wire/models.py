"""The models that the wire tests serve: small, trained with fixed seeds, one of each kind."""
import lightgbm
import mlflow.lightgbm
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

COLUMNS = ["income", "debt", "age", "late"]
TOWNS = ["Ghent", "Lviv", "Porto"]
N_ROWS = 400


def make_rows(n_rows=N_ROWS, seed=3):
    """Numbers of ordinary size; `debt` is sometimes missing."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({
        "income": np.round(random.lognormal(10, 0.5, n_rows), 2),
        "debt": np.round(random.lognormal(8, 1, n_rows), 2),
        "age": random.integers(18, 80, n_rows).astype(float),
        "late": random.integers(0, 4, n_rows).astype(float),
    })
    rows.loc[random.random(n_rows) < 0.1, "debt"] = np.nan
    return rows


class Models:
    """.paths: {name: file or folder}; .rows and .towns: rows to ask with; .boosters: the libraries'
    own models; .predict(name, rows): what the library says."""

    def __init__(self, folder):
        self.folder, self.paths, self.boosters = folder, {}, {}
        self.rows = make_rows()
        target = self.rows["debt"].fillna(5000) / self.rows["income"] + self.rows["late"] / 10
        self.late = (target > target.median()).astype(int)
        self.level = pd.qcut(target, 3, labels=False)
        self.target = target
        self.towns = self.rows.assign(town=pd.Categorical(
            [TOWNS[i % 3] for i in range(N_ROWS)], categories=TOWNS))
        self._train_xgboost()
        self._train_lightgbm()
        self._save_mlflow()

    def _xgboost(self, name, suffix, label, rows=None, **parameters):
        rows = self.rows if rows is None else rows
        data = xgboost.DMatrix(rows, label, enable_categorical=True)
        self.boosters[name] = xgboost.train({"max_depth": 3, "seed": 1, "nthread": 1, **parameters},
                                            data, 8)
        self.paths[name] = self.folder / f"{name}.{suffix}"
        self.boosters[name].save_model(self.paths[name])

    def _lightgbm(self, name, label, rows, **parameters):
        self.boosters[name] = lightgbm.train(
            {"num_leaves": 7, "seed": 1, "verbose": -1, "num_threads": 1, **parameters},
            lightgbm.Dataset(rows, label), 8)
        self.paths[name] = self.folder / f"{name}.txt"
        self.boosters[name].save_model(self.paths[name])

    def _train_xgboost(self):
        self._xgboost("plain", "json", self.late, objective="binary:logistic")
        self._xgboost("levels", "ubj", self.level, objective="multi:softprob", num_class=3)
        self._xgboost("nameless", "json", self.late, self.rows.to_numpy(),
                      objective="binary:logistic")
        self._xgboost("towns", "json", self.target, self.towns, objective="reg:squarederror")

    def _train_lightgbm(self):
        self._lightgbm("trees", self.target, self.towns, objective="regression")
        self._lightgbm("classes", self.level, self.rows, objective="multiclass", num_class=3)

    def _save_mlflow(self):
        """Folders as MLflow saves them. Requirements are given: to infer them takes it seconds."""
        numbers = ModelSignature(
            inputs=Schema([ColSpec(DataType.double, name) for name in COLUMNS]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1,))]))
        whole = ModelSignature(inputs=Schema([
            ColSpec(DataType.double, "income"), ColSpec(DataType.double, "debt"),
            ColSpec(DataType.long, "age"), ColSpec(DataType.integer, "late", required=False)]))
        tensor = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.float64), (-1, len(COLUMNS)))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1,))]))
        classifier = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1, random_state=1)
        classifier.fit(self.rows, self.level)
        save = {
            "signed": (mlflow.xgboost, self.boosters["plain"], numbers),
            "whole": (mlflow.xgboost, self.boosters["plain"], whole),
            "tensor": (mlflow.xgboost, self.boosters["nameless"], tensor),
            "unsigned": (mlflow.xgboost, self.boosters["plain"], None),
            "labels": (mlflow.xgboost, classifier, numbers),
            "flavour_lgb": (mlflow.lightgbm, self.boosters["classes"], numbers),
        }
        for name, (flavour, model, signature) in save.items():
            self.paths[name] = self.folder / name
            flavour.save_model(model, self.paths[name], signature=signature,
                               pip_requirements=["numpy"])

    def predict(self, name, rows, raw=False):
        """The training library's own answer."""
        booster = self.boosters[name]
        if isinstance(booster, lightgbm.Booster):
            return booster.predict(rows, raw_score=raw)
        return booster.predict(xgboost.DMatrix(rows, enable_categorical=True), output_margin=raw)
