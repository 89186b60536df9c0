"""Explanations of ONNX pipelines: steps before the trees or weights. Features play, not the columns
that are made of them: shap's exact explainer over scikit-learn's own pipeline, and Shapley's
formula over all sets of features; within 2e-6 of the rows' largest."""
import numpy as np
import pytest

from millwright import Background, Failure, Model
from test_background import FEW, KERNELS, N_BACKGROUND, assert_close, check_sums, compare
from test_onnx import (BOOSTED, COLORS, ENCODERS, binary, classes, codes, convert,  # noqa: F401
                       forest, runtime_scores, table)

onnx = pytest.importorskip("onnx")
shap = pytest.importorskip("shap")

from sklearn import ensemble, impute, linear_model, preprocessing  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402

FLOAT = np.float32


def shap_values(margin, rows, background):
    """(rows, margins, features + 1) of a function of rows."""
    masker = shap.maskers.Independent(background, max_samples=len(background))
    found = shap.explainers.Exact(margin, masker)(rows)
    values, base = np.asarray(found.values), np.asarray(found.base_values)
    if values.ndim == 2:
        values, base = values[:, :, None], base.reshape(len(rows), 1)
    return np.concatenate([values.transpose(0, 2, 1), base[:, :, None]], axis=2)


def compare_shap(path, margin, rows, background):
    wanted = shap_values(margin, rows[:FEW], background)
    for kernel in KERNELS:
        model = Model(path, kernel)
        got = Background(model, background).explain(rows[:FEW])
        if got.shape[1] == 2 and wanted.shape[1] == 1:  # ONNX has a margin for each of two classes
            assert_close(got[:, :1, :], -wanted)
        assert_close(got[:, -wanted.shape[1]:, :], wanted)
        check_sums(model, rows[:FEW], got)


def save(converted, folder):
    path = folder / "model.onnx"
    onnx.save(converted, path)
    return path


# ---- numbers -------------------------------------------------------------------------------------

LINEAR = {
    "logistic": (linear_model.LogisticRegression(), binary, "decision_function"),
    "classes": (linear_model.LogisticRegression(), classes, "decision_function"),
    "ridge": (linear_model.Ridge(), lambda y: y, "predict"),
}


@pytest.mark.parametrize("last", LINEAR)
def test_scaled_linear(rows, target, tmp_path, convert, last):  # noqa: F811
    kind, label, score = LINEAR[last]
    rows = rows.astype(FLOAT)
    model = make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler(), kind)
    model.fit(rows, label(target))
    path = save(convert(model, rows), tmp_path)
    rows = rows.astype(float)
    compare(path, rows)
    compare_shap(path, lambda x: getattr(model, score)(x.astype(FLOAT)), rows[:FEW], rows[-9:])
    with pytest.raises(Failure, match="linear.*background"):
        Model(path).explain(rows)


@pytest.mark.parametrize("scaler", [preprocessing.StandardScaler(), preprocessing.Binarizer(),
                                    preprocessing.MinMaxScaler(clip=True)], ids=str)
def test_scaled_trees(rows, target, tmp_path, convert, scaler):  # noqa: F811
    rows = np.nan_to_num(rows).astype(FLOAT)
    model = make_pipeline(scaler, ensemble.GradientBoostingRegressor(**BOOSTED))
    model.fit(rows, target)
    path = save(convert(model, rows), tmp_path)
    rows = rows.astype(float)
    compare(path, rows)
    compare_shap(path, lambda x: model.predict(x.astype(FLOAT)), rows[:FEW], rows[-9:])


# ---- texts ---------------------------------------------------------------------------------------

def frame_of(matrix):
    """What `codes` was made of."""
    pandas = pytest.importorskip("pandas")
    color, size = ["blue", "green", "red"], ["l", "m", "s", "x"]
    return pandas.DataFrame({
        "a": matrix[:, 0].astype(FLOAT), "b": matrix[:, 1].astype(FLOAT),
        "color": [COLORS[3] if np.isnan(v) else color[int(v)] for v in matrix[:, 2]],
        "size": [size[int(v)] for v in matrix[:, 3]], "rooms": matrix[:, 4].astype(np.int64)})


def feeds_of(matrix):
    frame = frame_of(matrix)
    return {name: frame[[name]].to_numpy() for name in frame}


@pytest.mark.parametrize("last", ["boosting", "forest", "logistic"])
@pytest.mark.parametrize("name", ENCODERS)
def test_encoders(rows, target, tmp_path, convert, name, last):  # noqa: F811
    """The columns of one encoder play as the one feature that they come from."""
    frame, label = table(rows, target)
    kind, score = {"forest": (forest(), None),
                   "logistic": (linear_model.LogisticRegression(max_iter=500),
                                "decision_function"),
                   "boosting": (ensemble.GradientBoostingRegressor(**BOOSTED), "predict")}[last]
    model = make_pipeline(ENCODERS[name], kind).fit(frame, label)
    path = save(convert(model, frame), tmp_path)
    matrix = codes(frame)
    compare(path, matrix)

    def margin(x):  # scikit-learn's forest sees scaled doubles: another side at times
        return (getattr(model, score)(frame_of(x)) if score else runtime_scores(path, feeds_of(x)))
    compare_shap(path, margin, matrix[:FEW], matrix[-N_BACKGROUND:])


# ---- columns of several features -----------------------------------------------------------------

@pytest.mark.parametrize("last", ["forest", "linear"])
def test_mixed_columns_are_refused(rows, target, tmp_path, convert, last):  # noqa: F811
    rows = np.nan_to_num(rows).astype(FLOAT)
    model = make_pipeline(preprocessing.Normalizer(),
                          forest() if last == "forest" else linear_model.LogisticRegression())
    loaded = Model(save(convert(model.fit(rows, binary(target)), rows), tmp_path))
    with pytest.raises(Failure, match="several features"):
        loaded.explain(rows)
    with pytest.raises(Failure, match="several features"):
        Background(loaded, rows)
