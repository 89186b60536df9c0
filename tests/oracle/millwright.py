"""libmillwright for the tests: millwright.h through ctypes.

The library is found by MW_LIBRARY, or in the newest build* folder of the repository.
"""
import contextlib
import ctypes
import os
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREDICTION, MARGIN = 0, 1
WEIGHT, GAIN, TOTAL_GAIN, COVER, TOTAL_COVER = range(5)
DTYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}


class Matrix(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("n_rows", ctypes.c_size_t),
                ("n_columns", ctypes.c_size_t), ("row_stride", ctypes.c_ssize_t),
                ("column_stride", ctypes.c_ssize_t)]


class ErrorText(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("code", ctypes.c_int), ("what", ctypes.c_char * 256),
                ("where", ctypes.c_char * 256), ("why", ctypes.c_char * 256),
                ("mend", ctypes.c_char * 256)]


class Description(ctypes.Structure):
    _fields_ = ([(name, ctypes.c_char_p) for name in ("format", "library_version", "objective")] +
                [(name, ctypes.c_size_t) for name in
                 ("n_trees", "n_features", "n_nodes", "n_leaves", "max_depth", "n_margins",
                  "n_predictions", "n_classes", "memory_bytes")] +
                [("feature_names", ctypes.POINTER(ctypes.c_char_p))])


class Failure(Exception):
    def __init__(self, error):
        self.status, self.code = error.status, error.code
        texts = [getattr(error, name).decode() for name in ("where", "what", "why", "mend")]
        super().__init__("; ".join(text for text in texts if text))


def library_path():
    if "MW_LIBRARY" in os.environ:
        return os.environ["MW_LIBRARY"]
    found = sorted(ROOT.glob("build*/include/libmillwright.so"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise FileNotFoundError("no libmillwright.so: build first, or set MW_LIBRARY")
    return str(found[-1])


def _open():
    lib = ctypes.CDLL(library_path())
    lib.mw_model_describe.restype = ctypes.POINTER(Description)
    lib.mw_model_describe.argtypes = [ctypes.c_void_p]
    lib.mw_model_free.argtypes = [ctypes.c_void_p]
    lib.mw_model_free.restype = None
    lib.mw_version.restype = ctypes.c_char_p
    lib.mw_model_load.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
    lib.mw_model_predict.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int,
                                     ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
                                     ctypes.c_void_p]
    lib.mw_model_category.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p,
                                      ctypes.c_void_p, ctypes.c_void_p]
    lib.mw_model_explain.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
                                     ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    lib.mw_model_explain_interactions.argtypes = lib.mw_model_explain.argtypes
    lib.mw_background_new.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int,
                                      ctypes.c_void_p, ctypes.c_void_p]
    lib.mw_background_free.argtypes = [ctypes.c_void_p]
    lib.mw_background_free.restype = None
    lib.mw_model_explain_against.argtypes = lib.mw_model_explain.argtypes
    lib.mw_model_importance.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
                                        ctypes.c_size_t, ctypes.c_void_p]
    return lib


LIBRARY = _open()


@contextlib.contextmanager
def forced(kernel):
    """MW_CPU says which kernel a predictor or an explainer takes when it is made."""
    before = os.environ.pop("MW_CPU", None)
    if kernel:
        os.environ["MW_CPU"] = kernel
    try:
        yield
    finally:
        os.environ.pop("MW_CPU", None)
        if before is not None:
            os.environ["MW_CPU"] = before


def as_matrix(rows):
    """Any strides: nothing is copied on the way in."""
    assert rows.dtype in DTYPES and rows.ndim == 2
    width = rows.dtype.itemsize
    assert all(stride % width == 0 for stride in rows.strides)
    return Matrix(rows.ctypes.data, DTYPES[rows.dtype], *rows.shape,
                  *(stride // width for stride in rows.strides))


def explained(call, handle, about, rows, dimensions=1):
    """What one of the calls that explain gives: n_features + 1 values a row and margin, or
    matrices of them."""
    matrix, error = as_matrix(rows), ErrorText()
    values = np.full((rows.shape[0], about.n_margins, *(about.n_features + 1,) * dimensions),
                     np.nan)
    status = call(handle, ctypes.byref(matrix), None, values.ctypes.data, values.size,
                  ctypes.byref(error))
    if status != 0:
        raise Failure(error)
    return values


class Model:
    """One loaded model. `kernel` forces a kernel ("scalar"); None lets the library choose."""

    def __init__(self, path, kernel=None):
        error, handle = ErrorText(), ctypes.c_void_p()
        self.kernel = kernel
        with forced(kernel):
            status = LIBRARY.mw_model_load(str(path).encode(), ctypes.byref(handle),
                                           ctypes.byref(error))
        if status != 0:
            raise Failure(error)
        self.handle = handle
        self.about = LIBRARY.mw_model_describe(handle).contents

    def __del__(self):
        if getattr(self, "handle", None):
            LIBRARY.mw_model_free(self.handle)

    def category(self, feature, text):
        """What a row holds for a category that is given as text."""
        code, error = ctypes.c_double(), ErrorText()
        status = LIBRARY.mw_model_category(self.handle, feature, text.encode(), ctypes.byref(code),
                                           ctypes.byref(error))
        if status != 0:
            raise Failure(error)
        return code.value

    def predict(self, rows, output=PREDICTION):
        """(n_rows, outputs) float64."""
        matrix = as_matrix(rows)
        outputs = self.about.n_margins if output == MARGIN else self.about.n_predictions
        values = np.full((rows.shape[0], outputs), np.nan)
        error = ErrorText()
        status = LIBRARY.mw_model_predict(self.handle, ctypes.byref(matrix), output, None,
                                          values.ctypes.data, values.size, ctypes.byref(error))
        if status != 0:
            raise Failure(error)
        return values

    def margin(self, rows):
        return self.predict(rows, MARGIN)

    def explain(self, rows):
        """(n_rows, n_margins, n_features + 1) float64, bias last."""
        with forced(self.kernel):
            return explained(LIBRARY.mw_model_explain, self.handle, self.about, rows)

    def importance(self, kind, room=None):
        """n_features float64."""
        values = np.full(self.about.n_features, np.nan)
        error = ErrorText()
        status = LIBRARY.mw_model_importance(self.handle, kind, values.ctypes.data,
                                             values.size if room is None else room,
                                             ctypes.byref(error))
        if status != 0:
            raise Failure(error)
        return values

    def interactions(self, rows):
        """(n_rows, n_margins, n_features + 1, n_features + 1) float64."""
        with forced(self.kernel):
            return explained(LIBRARY.mw_model_explain_interactions, self.handle, self.about, rows,
                             2)


class Background:
    """Rows to explain a model against."""

    def __init__(self, model, rows, scale="margin"):
        error, handle = ErrorText(), ctypes.c_void_p()
        self.model = model  # must outlive it
        matrix = as_matrix(rows)
        with forced(model.kernel):
            status = LIBRARY.mw_background_new(model.handle, ctypes.byref(matrix),
                                               ["margin", "probability"].index(scale),
                                               ctypes.byref(handle), ctypes.byref(error))
        if status != 0:
            raise Failure(error)
        self.handle = handle

    def __del__(self):
        if getattr(self, "handle", None):
            LIBRARY.mw_background_free(self.handle)

    def explain(self, rows):
        """(n_rows, n_margins, n_features + 1) float64, base value last."""
        return explained(LIBRARY.mw_model_explain_against, self.handle, self.model.about, rows)
