"""Oracle tests: Millwright against XGBoost, LightGBM and ONNX Runtime themselves, on models that
are trained here.

    MW_LIBRARY=build/include/libmillwright.so python -m pytest tests/oracle

Promises, and how they are held:
    XGBoost    margins equal bit for bit; predictions within 1 ulp of float32
    LightGBM   raw scores within 1e-12 relative; predictions likewise
    ONNX       predictions within 1e-5 of ONNX Runtime's; equal bit for bit where rows are
               floats and no exponential function takes part
Both kernels, the chosen one and the specification, are tested on every model.
"""
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

N_FEATURES = 6
N_ROWS = 600


@pytest.fixture(scope="session")
def rows():
    """Numbers on a coarse grid (so that x == threshold happens), with 5 % missing."""
    random = np.random.default_rng(2026)
    X = np.round(random.normal(size=(N_ROWS, N_FEATURES)) * 8) / 8
    X[random.random(X.shape) < 0.05] = np.nan
    return X


@pytest.fixture(scope="session")
def target(rows):
    random = np.random.default_rng(7)
    x = np.nan_to_num(rows)
    return x[:, 0] * 2 + np.sin(x[:, 1] * 3) + x[:, 2] * x[:, 3] + random.normal(size=len(x)) * 0.1


def ulps(a, b):
    """Distance of float32 values in units of the last place; NaN equals NaN."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    both_nan = np.isnan(a) & np.isnan(b)

    def order(x):
        bits = x.view(np.int32).astype(np.int64)
        return np.where(bits < 0, -(bits & 0x7fffffff), bits)
    return np.where(both_nan, 0, np.abs(order(a) - order(b)))
