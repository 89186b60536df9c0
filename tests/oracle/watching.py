"""The drift checks of millwright.h through ctypes, for the tests and the bench."""
import ctypes

import numpy as np

from millwright import LIBRARY, ErrorText, Failure, as_matrix

METHODS = ["auto", "ks", "wasserstein", "js", "psi", "chi2", "z", "hellinger", "linf", "tv", "kl"]
PROFILES = ["millwright", "evidently", "nannyml"]
BINS = ["auto", "quantiles", "evidently", "nannyml"]
VERDICTS = ["quiet", "watch", "drifted", "not enough data"]


class Options(ctypes.Structure):
    _fields_ = ([(name, ctypes.c_int) for name in ("profile", "numeric_method", "category_method",
                                                   "bins")] +
                [("n_bins", ctypes.c_size_t)] +
                [(name, ctypes.c_double) for name in ("threshold", "alpha", "share")])


class Feature(ctypes.Structure):
    _fields_ = ([("method_id", ctypes.c_int), ("verdict_id", ctypes.c_int)] +
                [(name, ctypes.c_bool) for name in ("drifted", "missing_drifted", "is_category")] +
                [(name, ctypes.c_double) for name in ("statistic", "p_value", "p_adjusted",
                                                      "log_e_value", "threshold")] +
                [(name, ctypes.c_size_t) for name in
                 ("n_bins", "n_reference", "n_current", "missing_reference", "missing_current",
                  "infinite_reference", "infinite_current")] +
                [(name, ctypes.c_double) for name in ("mean_reference", "mean_current",
                                                      "deviation_reference", "deviation_current")])

    @property
    def method(self):
        return METHODS[self.method_id]

    @property
    def verdict(self):
        return VERDICTS[self.verdict_id]


class Summary(ctypes.Structure):
    _fields_ = [("n_features", ctypes.c_size_t), ("n_compared", ctypes.c_size_t),
                ("n_drifted", ctypes.c_size_t), ("share_drifted", ctypes.c_double),
                ("drifted", ctypes.c_bool)]


class JointOptions(ctypes.Structure):
    _fields_ = [("profile", ctypes.c_int), ("variance", ctypes.c_double),
                ("chunk_rows", ctypes.c_size_t), ("deviations", ctypes.c_double),
                ("alpha", ctypes.c_double)]


class JointChunk(ctypes.Structure):
    _fields_ = [("first_row", ctypes.c_size_t), ("n_rows", ctypes.c_size_t),
                ("error", ctypes.c_double), ("sampling_error", ctypes.c_double),
                ("drifted", ctypes.c_bool)]


class JointSummary(ctypes.Structure):
    _fields_ = ([(name, ctypes.c_size_t) for name in ("n_features", "n_components")] +
                [("explained", ctypes.c_double)] +
                [(name, ctypes.c_size_t) for name in ("chunk_rows", "n_chunks", "n_drifted")] +
                [(name, ctypes.c_double) for name in
                 ("low", "high", "error_reference", "error_current", "deviation_reference",
                  "effect", "p_value")] + [("drifted", ctypes.c_bool)])


class MmdOptions(ctypes.Structure):
    _fields_ = [("rows_max", ctypes.c_size_t), ("permutations", ctypes.c_size_t),
                ("alpha", ctypes.c_double), ("bandwidth", ctypes.c_double),
                ("seed", ctypes.c_uint64)]


class MmdSummary(ctypes.Structure):
    _fields_ = ([(name, ctypes.c_size_t) for name in ("n_features", "n_reference", "n_current")] +
                [(name, ctypes.c_double) for name in ("mmd2", "bandwidth", "p_value")] +
                [("drifted", ctypes.c_bool)])


def options_of(profile="millwright", method="auto", bins="auto", **fields):
    options = Options()
    LIBRARY.mw_drift_options_init(PROFILES.index(profile), ctypes.byref(options))
    options.numeric_method = options.category_method = METHODS.index(method)
    options.bins = BINS.index(bins)
    for name, value in fields.items():
        setattr(options, name, value)
    return options


def check(reference, current, categories=None, **wishes):
    """(features, summary) of two matrices of the same columns."""
    a, b = (as_matrix(np.atleast_2d(x)) for x in (reference, current))
    n, error, summary = a.n_columns, ErrorText(), Summary()
    features = (Feature * n)()
    flags = (ctypes.c_bool * n)(*([False] * n if categories is None else categories))
    options = options_of(**wishes)
    if LIBRARY.mw_drift_check(ctypes.byref(a), ctypes.byref(b), flags, ctypes.byref(options),
                              features, ctypes.c_size_t(n), ctypes.byref(summary),
                              ctypes.byref(error)):
        raise Failure(error)
    return list(features), summary


def column(reference, current, is_category=False, **wishes):
    """The one feature of two columns."""
    pair = [np.asarray(x, float).reshape(-1, 1) for x in (reference, current)]
    return check(*pair, [is_category], **wishes)[0][0]


def check_joint(reference, current, categories=None, profile="millwright", **fields):
    """(chunks, residuals, summary) of two matrices of the same columns."""
    a, b = (as_matrix(np.atleast_2d(x)) for x in (reference, current))
    n, error, summary, options = a.n_columns, ErrorText(), JointSummary(), JointOptions()
    LIBRARY.mw_drift_joint_options_init(PROFILES.index(profile), ctypes.byref(options))
    for name, value in fields.items():
        setattr(options, name, value)
    chunks = (JointChunk * (b.n_rows + 1))()
    flags = (ctypes.c_bool * n)(*([False] * n if categories is None else categories))
    residuals = np.zeros((2, n))
    if LIBRARY.mw_drift_check_joint(
            ctypes.byref(a), ctypes.byref(b), flags, ctypes.byref(options), chunks,
            ctypes.c_size_t(len(chunks)), residuals.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(summary), ctypes.byref(error)):
        raise Failure(error)
    return chunks[:summary.n_chunks], residuals, summary


def check_mmd(reference, current, categories=None, **fields):
    """(shares, summary) of two matrices of the same columns."""
    a, b = (as_matrix(np.atleast_2d(x)) for x in (reference, current))
    n, error, summary, options = a.n_columns, ErrorText(), MmdSummary(), MmdOptions()
    LIBRARY.mw_drift_mmd_options_init(ctypes.byref(options))
    for name, value in fields.items():
        setattr(options, name, value)
    flags = (ctypes.c_bool * n)(*([False] * n if categories is None else categories))
    shares = np.zeros(n)
    if LIBRARY.mw_drift_check_mmd(ctypes.byref(a), ctypes.byref(b), flags, ctypes.byref(options),
                                  shares.ctypes.data_as(ctypes.c_void_p), ctypes.byref(summary),
                                  ctypes.byref(error)):
        raise Failure(error)
    return shares, summary
