"""Change detectors through the C library against River's, on the same streams: the same warnings
and alarms at the same values. River is not in tests/requirements.txt (it brings pandas of its
own): where it is absent the alarms that River 0.26.1 gave on these streams stand here."""
import ctypes
import random

import numpy as np
import pytest

from millwright import LIBRARY, ErrorText, Failure

KINDS = ["adwin", "ddm", "eddm", "hddm-a", "hddm-w", "kswin", "page-hinkley", "cusum", "scan"]
STEADY, WARNING, CHANGED = range(3)
LIBRARY.mw_detector_free.restype = None


class Options(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("delta", ctypes.c_double), ("clock", ctypes.c_size_t),
                ("max_buckets", ctypes.c_size_t), ("min_window", ctypes.c_size_t),
                ("grace", ctypes.c_size_t), ("warm_start", ctypes.c_size_t),
                ("warning_level", ctypes.c_double), ("drift_level", ctypes.c_double),
                ("alpha", ctypes.c_double), ("beta", ctypes.c_double),
                ("confidence", ctypes.c_double), ("warning_confidence", ctypes.c_double),
                ("lambda", ctypes.c_double), ("threshold", ctypes.c_double),
                ("slack", ctypes.c_double), ("window", ctypes.c_size_t),
                ("sample", ctypes.c_size_t), ("seed", ctypes.c_uint64), ("side", ctypes.c_int),
                ("arl", ctypes.c_double)]


def changes(kind, values, **wishes):
    """What the detector says of each value: STEADY, WARNING or CHANGED."""
    options, handle, error = Options(), ctypes.c_void_p(), ErrorText()
    LIBRARY.mw_detector_options_init(KINDS.index(kind), ctypes.byref(options))
    for name, value in wishes.items():
        setattr(options, name, value)
    if LIBRARY.mw_detector_new(ctypes.byref(options), ctypes.byref(handle), ctypes.byref(error)):
        raise Failure(error)
    values = np.ascontiguousarray(values, float)
    said = np.zeros(len(values), np.uint8)
    LIBRARY.mw_detector_add_many(handle, values.ctypes.data_as(ctypes.c_void_p),
                                 ctypes.c_size_t(len(values)),
                                 said.ctypes.data_as(ctypes.c_void_p))
    LIBRARY.mw_detector_free(handle)
    return said


def errors(seed, rates=(0.2, 0.5, 0.1, 0.3), length=2500):
    """Zeros and ones; Python's own generator, so that NumPy's may change."""
    draw = random.Random(seed)
    return [float(draw.random() < rate) for rate in rates for _ in range(length)]


def numbers(seed, means=(0, 1, -2, -1.5), length=2500):
    draw = random.Random(seed)
    return [draw.gauss(mean, 1) for mean in means for _ in range(length)]


def far(seed):
    """Numbers whose spread is small beside them: differences of large sums."""
    return [1e6 + x for x in numbers(seed)]


# Alarms of River 0.26.1: {kind: {stream: indices}}.
RIVERS = {
    "adwin": {
        ("errors", 0): [2591, 5055, 7647],
        ("errors", 1): [2559, 5087, 7647],
        ("numbers", 0): [2559, 5023, 7615],
        ("numbers", 1): [2559, 5023, 7647],
        ("far", 0): [2559, 5023, 7615],
        ("far", 1): [2559, 5023, 7647],
    },
    "ddm": {
        ("errors", 0): [40, 134, 3326, 9098],
        ("errors", 1): [2584],
    },
    "eddm": {
        ("errors", 0): [186, 337, 487, 2629, 2763, 3077, 3148, 3222, 9036, 9121, 9215, 9328],
                ("errors", 1): [150, 321, 674, 1317, 1522, 1681, 2028, 2186, 2334, 2501, 2565,
            2663, 2766, 2827, 2910, 2976, 3112, 3171, 3242, 3306, 3367, 3472, 3530, 3595, 3663,
            3732, 3797, 4343, 4424, 4486, 4537, 7974, 8062, 8173, 8249, 8409, 8491, 8655, 9747,
            9885, 9950],
    },
    "hddm-a": {
        ("errors", 0): [2600],
        ("errors", 1): [2674, 4595, 7682, 9957],
    },
    "hddm-w": {
        ("errors", 0): [2519, 3822, 7600],
        ("errors", 1): [2517, 4123, 7722, 8176, 9937],
    },
    "page-hinkley": {
        ("numbers", 0): [2545, 3065, 3693, 4584, 5008, 5808, 7573, 8733],
        ("numbers", 1): [573, 1782, 2520, 4713, 5010, 5860, 7596, 8702, 9876],
    },
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in RIVERS])
def test_alarms_of_river_as_recorded(kind):
    for (stream, seed), expected in RIVERS[kind].items():
        values = {"errors": errors, "numbers": numbers, "far": far}[stream](seed)
        assert list(np.flatnonzero(changes(kind, values) == CHANGED)) == expected, (stream, seed)


def of_river(kind):
    pytest.importorskip("river", reason="River is not installed")
    from river import drift
    return {"adwin": drift.ADWIN, "ddm": drift.binary.DDM, "eddm": drift.binary.EDDM,
            "hddm-a": drift.binary.HDDMA, "hddm-w": drift.binary.HDDMW,
            "kswin": drift.KSWIN, "page-hinkley": drift.PageHinkley}[kind]


def said_by(peer, values):
    said = []
    for value in values:
        peer.update(value)
        warned = getattr(peer, "warning_detected", False)
        said.append(CHANGED if peer.drift_detected else WARNING if warned else STEADY)
    return np.array(said)


CASES = [("adwin", {}, {}), ("adwin", {"delta": 0.1, "clock": 1, "grace": 5},
                             {"delta": 0.1, "clock": 1, "grace_period": 5}),
         ("adwin", {"max_buckets": 9, "min_window": 20},
          {"max_buckets": 9, "min_window_length": 20}),
         ("ddm", {}, {}), ("ddm", {"warm_start": 100, "drift_level": 2.5},
                           {"warm_start": 100, "drift_threshold": 2.5}),
         ("eddm", {}, {}), ("eddm", {"alpha": 0.97, "beta": 0.93}, {"alpha": 0.97, "beta": 0.93}),
         ("hddm-a", {}, {}), ("hddm-a", {"side": 0}, {"two_sided_test": True}),
         ("hddm-w", {}, {}), ("hddm-w", {"side": 0, "lambda": 0.02},
                              {"two_sided_test": True, "lambda_val": 0.02}),
         ("page-hinkley", {}, {}), ("page-hinkley", {"side": 1, "threshold": 20},
                                    {"mode": "up", "threshold": 20}),
         ("page-hinkley", {"side": -1, "delta": 0.1}, {"mode": "down", "delta": 0.1})]


@pytest.mark.parametrize("kind,ours,theirs", CASES)
def test_every_word_is_rivers(kind, ours, theirs):
    river = of_river(kind)
    for seed in range(3):
        streams = [errors(seed)]
        if kind in ("adwin", "page-hinkley"):
            streams += [numbers(seed), far(seed)]
        for values in streams:
            expected, got = said_by(river(**theirs), values), changes(kind, values, **ours)
            assert (expected == got).all(), (seed, np.flatnonzero(expected != got)[:5])


def test_kswin_alarms_as_often_as_rivers():
    river = of_river("kswin")
    values = numbers(1, [0] * 2)
    expected = [(said_by(river(seed=seed), values) == CHANGED).sum() for seed in range(4)]
    got = [(changes("kswin", values, seed=seed) == CHANGED).sum() for seed in range(4)]
    assert abs(np.mean(got) - np.mean(expected)) < 4 * np.sqrt(np.mean(expected) / 4) + 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_found_and_quiet_is_kept(kind):
    binary = kind in ("ddm", "eddm", "hddm-a", "hddm-w")
    quiet = errors(5, [0.1]) if binary else numbers(5, [0])
    loud = quiet + (errors(6, [0.9]) if binary else numbers(6, [4]))
    found = np.flatnonzero(changes(kind, loud) == CHANGED)
    assert any(2500 <= index < 2700 for index in found)
    seldom = {"kswin": 30, "eddm": 6, "cusum": 12, "ddm": 3}.get(kind, 1)
    assert (found < 2500).sum() <= seldom


def test_what_is_no_number_is_passed_over():
    values = numbers(3)
    holes = list(values)
    for i in range(0, len(values), 7):
        holes.insert(i, float(("nan", "inf", "-inf")[i % 3]))
    keep = np.isfinite(holes)
    assert (changes("adwin", holes)[keep] == changes("adwin", values)).all()


@pytest.mark.parametrize("field,value", [("delta", 0.0), ("clock", 0), ("side", 2),
                                         ("max_buckets", 64), ("warm_start", 1), ("sample", 0),
                                         ("window", 59), ("lambda", 1.0), ("threshold", 0.0)])
def test_options_out_of_range(field, value):
    with pytest.raises(Failure, match="out of its range"):
        changes("adwin", [1.0], **{field: value})


def cusum(values, warm=30, slack=0.5, threshold=5):
    alarms, first, up, down = [], [], 0.0, 0.0
    for i, x in enumerate(values):
        if len(first) < warm:
            first.append(x)
            continue
        z = (x - np.mean(first)) / np.std(first, ddof=1)
        up, down = max(0, up + z - slack), max(0, down - z - slack)
        if max(up, down) > threshold:
            alarms.append(i)
            first, up, down = [], 0.0, 0.0
    return alarms


def test_cusum_by_its_definition():
    for seed in range(3):
        values = numbers(seed)
        assert list(np.flatnonzero(changes("cusum", values) == CHANGED)) == cusum(values)
