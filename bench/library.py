"""Rows a second in one thread: libmillwright against XGBoost and LightGBM, the same rows."""
import ctypes
import os
import time

import numpy as np

MW_FLOAT32, MW_FLOAT64, MW_PREDICTION = 0, 1, 0


class Matrix(ctypes.Structure):
    """mw_matrix of millwright.h."""
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("n_rows", ctypes.c_size_t),
                ("n_columns", ctypes.c_size_t), ("row_stride", ctypes.c_ssize_t),
                ("column_stride", ctypes.c_ssize_t)]


class Model:
    def __init__(self, library, file):
        self.library = ctypes.CDLL(str(library))
        self.handle, self.scratch = ctypes.c_void_p(), ctypes.c_void_p()
        if self.library.mw_model_load(os.fsencode(file), ctypes.byref(self.handle), None) or \
                self.library.mw_scratch_new(ctypes.byref(self.scratch), None):
            raise RuntimeError(f"{file} could not be loaded")

    def predictor(self, rows, n_outputs=1):
        """A call without arguments that predicts these rows; the answers are in `.answers`."""
        dtype = MW_FLOAT32 if rows.dtype == np.float32 else MW_FLOAT64
        size = rows.itemsize
        matrix = Matrix(rows.ctypes.data, dtype, len(rows), rows.shape[1], rows.strides[0] // size,
                        rows.strides[1] // size)
        answers = np.zeros(len(rows) * n_outputs)
        given = (self.handle, ctypes.byref(matrix), MW_PREDICTION, self.scratch,
                 answers.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(answers)), None)

        def predict(function=self.library.mw_model_predict):
            if function(*given):
                raise RuntimeError("mw_model_predict failed")
        predict.keep, predict.answers = (rows, matrix), answers
        return predict


def cores():
    return len(os.sched_getaffinity(0))


def best_seconds(call, seconds):
    """The quickest of many calls: what the machine can do when nobody disturbs it."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best


def mean_seconds(call, seconds):
    """A call's part of a spell in which nothing else is done: what a server can be held against."""
    n_calls, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        call()
        n_calls += 1
    return (time.perf_counter() - began) / n_calls


def in_turns(calls, rounds, seconds):
    """The quickest call of each, over rounds in which they take turns."""
    found = [[best_seconds(call, seconds / rounds) for call in calls] for _ in range(rounds)]
    return [min(times) for times in zip(*found)]


def peers_of(material):
    """[(name, model file, type of the rows it takes, rows -> a call that predicts them)]"""
    material.xgboost.set_param({"nthread": 1})

    # Not predict(DMatrix): that would answer from its cache when it is asked again.
    def predict_xgboost(rows):
        return lambda: material.xgboost.inplace_predict(rows, validate_features=False)

    def predict_lightgbm(rows):
        return lambda: booster.predict(rows, num_threads=1)
    booster = material.lightgbm
    return [("XGBoost", material.xgboost_file, np.float32, predict_xgboost),
            ("LightGBM", material.lightgbm_file, np.float64, predict_lightgbm)]


def measure(material, library, rounds, seconds):
    """[(peer, rows in a batch, our seconds a row, the peer's)], answers compared first."""
    found = []
    for name, file, dtype, peer in peers_of(material):
        model = Model(library, file)
        for n_rows in (1, 10000):
            rows = np.ascontiguousarray(material.rows[:n_rows], dtype=dtype)
            ours, theirs = model.predictor(rows), peer(rows)
            ours()
            np.testing.assert_allclose(ours.answers, theirs(), rtol=1e-6,
                                       err_msg=f"answers differ from those of {name}")
            found.append((name, n_rows, *(best / n_rows
                                          for best in in_turns((ours, theirs), rounds, seconds))))
    return found
