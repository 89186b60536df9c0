"""Drift of columns together: the data reconstruction error of NannyML 0.13, written with
scikit-learn's imputer, scaler and PCA; and NannyML's own where it is installed (as test_drift.py).
1e-9 relative.
"""
import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from millwright import Failure
from watching import check_joint

EXACT = dict(rel=1e-9, abs=1e-12)


def rows(seed, n, p, categories=0, gaps=0.0, turned=0.0):
    """Columns that go together in pairs; the last ones are categories; `turned`: less so."""
    random = np.random.default_rng([seed, n])
    base = random.normal(size=(n, (p + 1) // 2))
    table = np.repeat(base, 2, axis=1)[:, :p] + random.normal(0, 0.4, (n, p))
    table[:, 0] = (1 - turned) * table[:, 0] + turned * random.normal(0, 1.1, n)
    table *= 10.0 ** (np.arange(p) % 4 - 1)
    for c in range(p - categories, p):
        table[:, c] = np.digitize(base[:, c // 2], [-1, 0.2, 1.3][:1 + c % 3]) * 3.0 + c
    table[random.random((n, p)) < gaps] = np.nan
    return table


def encoded(reference, current, flags):
    """What NannyML makes of them before the components."""
    both = []
    for c, is_category in enumerate(flags):
        a, b = reference[:, c].copy(), current[:, c].copy()
        known = a[~np.isnan(a)]
        if is_category:
            values, counts = np.unique(known, return_counts=True)
            fill = values[counts.argmax()]
        else:
            fill = known.mean()
        a[np.isnan(a)], b[np.isnan(b)] = fill, fill
        if is_category:
            values, counts = np.unique(a, return_counts=True)
            shares = dict(zip(values, counts / len(a)))
            a, b = (np.array([shares.get(v, 0) for v in x]) for x in (a, b))
        both.append((a, b))
    return (np.column_stack(side) for side in zip(*both))


def expected(reference, current, flags, chunk, variance=0.65):
    """(errors of the current chunks, their sampling errors, thresholds, number of components)."""
    a, b = encoded(reference, current, flags)
    scaler = StandardScaler().fit(a)
    a, b = scaler.transform(a), scaler.transform(b)
    pca = PCA(n_components=variance, svd_solver="full").fit(a)
    errors = [np.linalg.norm(x - pca.inverse_transform(pca.transform(x)), axis=1) for x in (a, b)]
    before, now = ([e[i:i + chunk] for i in range(0, len(e), chunk)] for e in errors)
    means = np.array([e.mean() for e in before])
    low, high = (means.mean() + k * 3 * means.std() for k in (-1, 1))
    return ([e.mean() for e in now],
            [e.std(ddof=1) / np.sqrt(len(e)) if len(e) > 1 else np.nan for e in now],
            (low if low > 0 else -np.inf, high), pca.n_components_)


CASES = {"numbers": (6, 0, 0.0), "wide": (31, 0, 0.0), "categories": (8, 3, 0.0),
         "gaps": (9, 4, 0.07), "two": (2, 0, 0.0)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("turned", [0.0, 0.6])
def test_equals_scikit_learn(name, turned):
    p, n_categories, gaps = CASES[name]
    reference, current = rows(1, 3000, p, n_categories, gaps), \
        rows(2, 1700, p, n_categories, gaps, turned)
    if n_categories:
        current[::50, -1] = 99  # one that the reference does not have
    flags = [c >= p - n_categories for c in range(p)]
    chunks, residuals, summary = check_joint(reference, current, flags, chunk_rows=300,
                                             profile="nannyml")
    means, errors, (low, high), n_components = expected(reference, current, flags, 300)
    assert (summary.n_components, summary.n_features) == (n_components, p)
    assert [c.error for c in chunks] == pytest.approx(means, **EXACT)
    assert [c.sampling_error for c in chunks] == pytest.approx(errors, **EXACT, nan_ok=True)
    assert (summary.low, summary.high) == pytest.approx((low, high), **EXACT)
    assert [c.drifted for c in chunks] == [not low < m < high for m in means]
    assert summary.drifted == any(c.drifted for c in chunks)
    assert [c.n_rows for c in chunks] == [300] * 5 + [200]
    errors_squared = residuals.sum(axis=1)
    assert errors_squared[0] == pytest.approx(
        summary.error_reference ** 2 + summary.deviation_reference ** 2, rel=1e-3)


def test_a_constant_column_and_an_empty_one():
    reference, current = rows(3, 2000, 5), rows(4, 2000, 5)
    reference[:, 2], current[:, 2] = 7.5, 7.5
    chunks, _, summary = check_joint(reference, current, chunk_rows=400)
    means, _, _, _ = expected(reference, current, [False] * 5, 400)
    assert [c.error for c in chunks] == pytest.approx(means, **EXACT)
    reference[:, 4] = np.nan
    _, _, summary = check_joint(reference, current, chunk_rows=400)
    assert summary.n_features == 4


def test_nannyml_itself():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nannyml = pytest.importorskip("nannyml")
        import pandas
    p = 9
    reference, current = rows(1, 3000, p, 4, 0.07), rows(2, 1700, p, 4, 0.07, 0.5)
    current[::50, -1] = 99
    flags = [c >= p - 4 for c in range(p)]
    frames = []
    for table in (reference, current):
        frame = pandas.DataFrame({f"c{c}": table[:, c] for c in range(p)})
        for c in range(p - 4, p):
            frame[f"c{c}"] = [np.nan if v != v else f"v{v}" for v in table[:, c]]
            frame[f"c{c}"] = frame[f"c{c}"].astype("object")
        frames.append(frame)
    calculator = nannyml.DataReconstructionDriftCalculator(column_names=list(frames[0].columns),
                                                           chunk_size=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calculator.fit(frames[0].copy())
        found = calculator.calculate(frames[1].copy()).filter(period="analysis").to_df()
    found = found["reconstruction_error"]
    chunks, _, summary = check_joint(reference, current, flags, chunk_rows=300, profile="nannyml")
    assert [c.error for c in chunks] == pytest.approx(list(found["value"]), **EXACT)
    assert [c.sampling_error for c in chunks] == pytest.approx(list(found["sampling_error"]),
                                                               **EXACT)
    assert summary.high == pytest.approx(found["upper_threshold"].iloc[0], **EXACT)
    assert [c.drifted for c in chunks] == [bool(a) for a in found["alert"]]


def test_sees_what_no_column_shows():
    """Two columns that part ways, each with the law that it had."""
    reference, current = rows(5, 5000, 6), rows(6, 5000, 6, turned=0.0)
    _, _, quiet = check_joint(reference, current)
    assert not quiet.drifted
    current[:, 1] = np.random.default_rng(0).permutation(current[:, 1])
    _, residuals, summary = check_joint(reference, current)
    assert summary.drifted and summary.effect > 0.1 and summary.p_value < 1e-6
    assert set((residuals[1] - residuals[0]).argsort()[-2:]) == {0, 1}


def test_undrifted_data_stay_quiet():
    alarms = sum(check_joint(rows(seed, 1000, 8), rows(seed + 1000, 990, 8))[2].drifted
                 for seed in range(40))
    assert alarms <= 3


@pytest.mark.parametrize("reference,current,said", [
    (np.ones((50, 3)), np.ones((5, 3)), "0 columns of the reference vary"),
    (np.random.default_rng(0).normal(size=(50, 513)), np.ones((5, 513)), "too many"),
    (np.random.default_rng(0).normal(size=(50, 3)), np.ones((0, 3)), "no current row"),
    (np.random.default_rng(0).normal(size=(50, 3)), np.ones((5, 2)), "columns")])
def test_what_cannot_be_compared(reference, current, said):
    with pytest.raises(Failure, match=said):
        check_joint(reference, current)


@pytest.mark.parametrize("fields,said", [
    (dict(variance=1.0), "variance"), (dict(alpha=0.0), "alpha"),
    (dict(deviations=float("nan")), "deviations"), (dict(chunk_rows=80), "one chunk of 80")])
def test_options_out_of_range(fields, said):
    table = np.random.default_rng(0).normal(size=(50, 3))
    with pytest.raises(Failure, match=said):
        check_joint(table, table, **fields)
