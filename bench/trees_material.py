"""The grid of models that tree engines are measured on; the same seed, the same files.

S, M, L     100 trees of depth 6, 500 of depth 6, 1,000 of depth 8 (XGBoost, depth-wise)
SL, ML, LL  100 trees of 31 leaves, 500 of 64, 1,000 of 255 (LightGBM, leaf-wise)
CAT         300 trees of 64 leaves, six of 28 features are categories (LightGBM)
MC          10 classes, 50 rounds, depth 6 (XGBoost)
WIDE        200 features, 300 trees of depth 6 (XGBoost)
CS, CM, CL  100 oblivious trees of depth 6, 500 of depth 6, 1,000 of depth 8 (CatBoost)
CD10, CD12  200 of depth 10, 50 of depth 12
RF          500 trees grown until their leaves are pure (scikit-learn's random forest, as ONNX)
"""
import dataclasses
import functools
import pathlib

import numpy as np

N_FEATURES, N_TRAIN, N_ROWS = 28, 50000, 100000
N_CATEGORIES, CATEGORICAL = 120, list(range(22, 28))


@dataclasses.dataclass
class Entry:
    name: str
    family: str  # "xgboost", "lightgbm", "catboost" or "sklearn"
    file: pathlib.Path
    rows: np.ndarray  # (N_ROWS, features) float32
    n_outputs: int = 1
    categorical: bool = False
    trained: pathlib.Path | None = None  # what the training library loads, where it is not `file`


def draw_rows(seed, n_rows, n_features):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n_rows, n_features)).astype(np.float32)
    rows[random.random(rows.shape) < 0.02] = np.nan
    return rows


def draw_categories(seed, rows):
    random = np.random.default_rng(seed + 1000)
    rows = rows.copy()
    rows[:, CATEGORICAL] = random.integers(0, N_CATEGORIES, size=(len(rows), len(CATEGORICAL)))
    return rows


def target_of(rows, seed):
    random = np.random.default_rng(seed)
    x = np.nan_to_num(rows)
    score = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + x[:, 3] ** 2 - x[:, 4] * x[:, 5] / 2
    return score + random.normal(size=len(rows)) / 2


def train_xgboost(file, rows, target, n_trees, depth, **more):
    import xgboost
    parameters = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "nthread": 2,
                  **more}
    xgboost.train(parameters, xgboost.DMatrix(rows, target), n_trees).save_model(file)


def train_lightgbm(file, rows, target, n_trees, leaves, categorical="auto"):
    import lightgbm
    parameters = {"objective": "binary", "num_leaves": leaves, "learning_rate": 0.1,
                  "verbose": -1, "num_threads": 2, "min_data_per_group": 5}
    data = lightgbm.Dataset(rows, target, categorical_feature=categorical)
    lightgbm.train(parameters, data, n_trees).save_model(file)


def train_catboost(file, rows, target, n_trees, depth):
    import catboost
    model = catboost.CatBoostClassifier(iterations=n_trees, depth=depth, learning_rate=0.1,
                                        random_seed=1, thread_count=2, verbose=False,
                                        allow_writing_files=False)
    model.fit(rows, target)
    model.save_model(file, format="json")
    model.save_model(file.with_suffix(".cbm"))


def train_forest(file, rows, target, n_trees):
    import joblib
    import skl2onnx
    from sklearn.ensemble import RandomForestClassifier
    from skl2onnx.common.data_types import FloatTensorType
    model = RandomForestClassifier(n_trees, random_state=1, n_jobs=2).fit(rows, target)
    onnx = skl2onnx.convert_sklearn(
        model, initial_types=[("x", FloatTensorType([None, rows.shape[1]]))],
        options={id(model): {"zipmap": False}}, target_opset={"": 17, "ai.onnx.ml": 3})
    joblib.dump(model, file.with_suffix(".joblib"))
    file.write_bytes(onnx.SerializeToString())


class Grid:
    """Trains what is asked for, once; files stay in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @functools.cached_property
    def rows(self):
        return draw_rows(1, N_ROWS, N_FEATURES)

    @functools.cached_property
    def training(self):
        rows = draw_rows(2, N_TRAIN, N_FEATURES)
        return rows, target_of(rows, 3)

    def xgboost(self, name, n_trees, depth):
        file, (rows, score) = self.folder / f"{name}.json", self.training
        if not file.exists():
            train_xgboost(file, rows, (score > 0.5).astype(int), n_trees, depth)
        return Entry(name, "xgboost", file, self.rows)

    def lightgbm(self, name, n_trees, leaves):
        file, (rows, score) = self.folder / f"{name}.txt", self.training
        if not file.exists():
            train_lightgbm(file, rows, (score > 0.5).astype(int), n_trees, leaves)
        return Entry(name, "lightgbm", file, self.rows)

    def categorical(self):
        file = self.folder / "CAT.txt"
        if not file.exists():
            rows = draw_categories(4, self.training[0])
            effect = np.random.default_rng(5).normal(size=(len(CATEGORICAL), N_CATEGORIES))
            score = sum(effect[i][rows[:, c].astype(int)] for i, c in enumerate(CATEGORICAL))
            train_lightgbm(file, rows, (score > 0).astype(int), 300, 64, CATEGORICAL)
        return Entry("CAT", "lightgbm", file, draw_categories(6, self.rows), categorical=True)

    def classes(self):
        file, (rows, score) = self.folder / "MC.json", self.training
        if not file.exists():
            label = np.clip(np.floor(score * 2 + 4), 0, 9)
            train_xgboost(file, rows, label, 50, 6, objective="multi:softprob", num_class=10)
        return Entry("MC", "xgboost", file, self.rows, n_outputs=10)

    def wide(self):
        file = self.folder / "WIDE.json"
        if not file.exists():
            rows = draw_rows(7, N_TRAIN // 2, 200)
            score = target_of(rows, 8) + np.nan_to_num(rows[:, 10:60]).sum(axis=1) / 5
            train_xgboost(file, rows, (score > 0.5).astype(int), 300, 6)
        return Entry("WIDE", "xgboost", file, draw_rows(9, N_ROWS, 200))

    def catboost(self, name, n_trees, depth):
        file, (rows, score) = self.folder / f"{name}.json", self.training
        if not file.exists():
            train_catboost(file, rows, (score > 0.5).astype(int), n_trees, depth)
        return Entry(name, "catboost", file, self.rows, trained=file.with_suffix(".cbm"))

    def forest(self):
        """No missing values: scikit-learn's forests learn where they go, ONNX's do not say it."""
        file, (rows, score) = self.folder / "RF.onnx", self.training
        if not file.exists():
            few = slice(0, 12000)
            train_forest(file, np.nan_to_num(rows[few]), (score[few] > 0.5).astype(int), 500)
        return Entry("RF", "sklearn", file, np.nan_to_num(self.rows)[:20000], n_outputs=2,
                     trained=file.with_suffix(".joblib"))

    def entries(self, names):
        makers = {"S": lambda: self.xgboost("S", 100, 6), "M": lambda: self.xgboost("M", 500, 6),
                  "L": lambda: self.xgboost("L", 1000, 8),
                  "SL": lambda: self.lightgbm("SL", 100, 31),
                  "ML": lambda: self.lightgbm("ML", 500, 64),
                  "LL": lambda: self.lightgbm("LL", 1000, 255),
                  "CAT": self.categorical, "MC": self.classes, "WIDE": self.wide,
                  "CS": lambda: self.catboost("CS", 100, 6),
                  "CM": lambda: self.catboost("CM", 500, 6),
                  "CL": lambda: self.catboost("CL", 1000, 8),
                  "CD10": lambda: self.catboost("CD10", 200, 10),
                  "CD12": lambda: self.catboost("CD12", 50, 12), "RF": self.forest}
        for name in names or makers:
            yield makers[name]()
