"""Curves through the C library against scikit-learn's partial_dependence, and local effects and
counterfactuals against their definitions."""
import ctypes

import numpy as np
import pytest

from millwright import LIBRARY, MARGIN, ErrorText, Failure, Model, as_matrix

onnx = pytest.importorskip("onnx")
skl2onnx = pytest.importorskip("skl2onnx")

from sklearn import ensemble  # noqa: E402
from sklearn.inspection import partial_dependence  # noqa: E402

EVEN, QUANTILES = 1, 2


@pytest.fixture(scope="module")
def trained(rows, target, tmp_path_factory):
    whole = np.nan_to_num(rows).astype(np.float32)
    model = ensemble.GradientBoostingRegressor(n_estimators=12, random_state=1).fit(whole, target)
    path = tmp_path_factory.mktemp("curves") / "model.onnx"
    onnx.save(skl2onnx.to_onnx(model, whole[:1]), path)
    return Model(path), model, whole


def call(function, *given):
    error = ErrorText()
    if function(*given, ctypes.byref(error)):
        raise Failure(error)


def grid_of(model, matrix, feature, kind, n_points):
    grid, found = np.full(n_points + 1, np.nan), ctypes.c_size_t()
    call(LIBRARY.mw_model_grid, model.handle, ctypes.byref(matrix), ctypes.c_size_t(feature), kind,
         ctypes.c_size_t(n_points), grid.ctypes.data_as(ctypes.c_void_p),
         ctypes.c_size_t(grid.size), ctypes.byref(found))
    return grid[:found.value].copy()


def curve(function, model, matrix, feature, grid, shape):
    values = np.full(shape, np.nan)
    call(function, model.handle, ctypes.byref(matrix), ctypes.c_size_t(feature), MARGIN,
         grid.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(grid.size),
         values.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(values.size))
    return values


@pytest.mark.parametrize("feature", [0, 3])
@pytest.mark.parametrize("n_points", [9, 100])
def test_partial_dependence(trained, feature, n_points):
    model, theirs, whole = trained
    matrix = as_matrix(whole)
    wanted = partial_dependence(theirs, whole, [feature], kind="both", method="brute",
                                grid_resolution=n_points)
    grid = grid_of(model, matrix, feature, EVEN, n_points)
    np.testing.assert_allclose(grid, wanted["grid_values"][0], rtol=1e-6, atol=1e-7)
    single = curve(LIBRARY.mw_model_curves, model, matrix, feature, grid, (len(whole), len(grid)))
    np.testing.assert_allclose(single, wanted["individual"][0], rtol=1e-5, atol=1e-5)
    mean = curve(LIBRARY.mw_model_partial_dependence, model, matrix, feature, grid, len(grid))
    np.testing.assert_allclose(mean, wanted["average"][0], rtol=1e-5, atol=1e-5)


def test_local_effects(trained):
    model, theirs, whole = trained
    matrix, feature = as_matrix(whole), 1
    edges = grid_of(model, matrix, feature, QUANTILES, 8)
    counts, values = np.zeros(len(edges) - 1, np.uintp), np.full(len(edges), np.nan)
    call(LIBRARY.mw_model_local_effects, model.handle, ctypes.byref(matrix),
         ctypes.c_size_t(feature), MARGIN, edges.ctypes.data_as(ctypes.c_void_p),
         ctypes.c_size_t(edges.size), counts.ctypes.data_as(ctypes.c_void_p),
         values.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(values.size))
    at = np.clip(np.searchsorted(edges, whole[:, feature]) - 1, 0, len(edges) - 2)
    low, high = whole.copy(), whole.copy()
    low[:, feature], high[:, feature] = edges[at], edges[at + 1]
    steps = theirs.predict(high) - theirs.predict(low)
    means = [steps[at == k].mean() for k in range(len(edges) - 1)]
    assert list(counts) == [(at == k).sum() for k in range(len(edges) - 1)]
    np.testing.assert_allclose(np.diff(values), means, rtol=1e-4, atol=1e-5)
