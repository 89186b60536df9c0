"""Maximum mean discrepancy against scikit-learn's kernel and the formula of Gretton et al. (2012),
and what its permutation test promises. 1e-9 relative.
"""
import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from millwright import Failure
from watching import check_mmd

EXACT = dict(rel=1e-9, abs=1e-12)


def rows(seed, n, p=4, categories=0, gaps=0.0, shift=0.0, alone=False):
    """Normal columns, the first two of them together unless `alone`; the last ones categories."""
    random = np.random.default_rng([seed, n])
    table = random.normal(size=(n, p)) + shift
    if p > 1 and not alone:
        table[:, 1] = table[:, 0] + 0.2 * table[:, 1]
    for c in range(p - categories, p):
        table[:, c] = np.digitize(table[:, c], [-1, 0.2, 1.3])
    table[random.random((n, p)) < gaps] = np.nan
    return table


def encoded(reference, current, flags):
    """Columns whose Euclidean distances are those of mmd.c."""
    both = []
    for c, is_category in enumerate(flags):
        a, b = reference[:, c], current[:, c]
        value = np.concatenate([a, b])
        if np.isnan(value).all():
            continue
        missing = np.isnan(value).astype(float)
        if is_category:
            kinds = [*np.unique(value[missing == 0]), np.nan]
            for kind in kinds:
                is_it = missing if np.isnan(kind) else (value == kind).astype(float)
                both.append(is_it / np.sqrt(2))
            continue
        spread = np.nanstd(a) if np.nanstd(a) > 0 else 1.0
        both += [np.where(missing == 1, 0, (value - np.nanmean(a)) / spread), missing]
    return np.array(both).T


def mmd_of(kernel, m):
    xx, yy, xy = kernel[:m, :m], kernel[m:, m:], kernel[:m, m:]
    n = len(yy)
    return ((xx.sum() - np.trace(xx)) / (m * (m - 1)) + (yy.sum() - np.trace(yy)) / (n * (n - 1))
            - 2 * xy.mean())


@pytest.mark.parametrize("case", [
    dict(), dict(shift=0.5), dict(p=1), dict(gaps=0.2), dict(categories=2, gaps=0.1, p=5),
    dict(p=3, categories=3), dict(p=30, shift=0.1)])
@pytest.mark.parametrize("sizes", [(40, 40), (57, 23), (2, 2)])
def test_the_formula(case, sizes):
    reference = rows(1, sizes[0], **{**case, "shift": 0.0})
    current = rows(2, sizes[1], **case)
    flags = [c >= reference.shape[1] - case.get("categories", 0)
             for c in range(reference.shape[1])]
    shares, summary = check_mmd(reference, current, flags, permutations=20)
    points = encoded(reference, current, flags)
    distances = euclidean_distances(points)[np.tril_indices(len(points), -1)]
    assert (summary.n_reference, summary.n_current) == sizes
    assert summary.bandwidth == pytest.approx(np.median(distances), rel=1e-7)
    kernel = rbf_kernel(points, gamma=1 / (2 * summary.bandwidth ** 2))
    assert summary.mmd2 == pytest.approx(mmd_of(kernel, sizes[0]), **EXACT)
    _, wide = check_mmd(reference, current, flags, permutations=1, bandwidth=3.0)
    assert wide.mmd2 == pytest.approx(mmd_of(rbf_kernel(points, gamma=1 / 18), sizes[0]), **EXACT)
    for k in range(len(flags)):  # a share: what is lost without the column
        rest = [c for c in range(len(flags)) if c != k]
        if not rest or np.isnan(reference[:, rest]).all():
            continue
        points = encoded(reference[:, rest], current[:, rest], [flags[c] for c in rest])
        left = mmd_of(rbf_kernel(points, gamma=1 / (2 * summary.bandwidth ** 2)), sizes[0])
        assert shares[k] == pytest.approx(summary.mmd2 - left, rel=1e-7, abs=1e-12)


def test_the_p_value_is_exact():
    """All ways to deal five rows out, two and three: ten of them."""
    table = np.array([[0.0], [0.1], [3.0], [3.1], [3.3]])
    _, summary = check_mmd(table[:2], table[2:], permutations=20000)
    assert summary.p_value == pytest.approx(0.1, abs=0.01)
    _, summary = check_mmd(table[[0, 2]], table[[1, 3, 4]], permutations=20000)
    kernel = rbf_kernel((table - 1.55) / 1.5, gamma=1.0)
    assert 0.3 < summary.p_value <= 1 and np.isfinite(kernel).all()


def test_it_keeps_its_promise():
    """Of pairs from one distribution a twentieth is called drifted."""
    alarms = sum(check_mmd(rows(seed, 40), rows(seed + 5000, 30), permutations=99)[1].drifted
                 for seed in range(400))
    assert alarms <= 0.05 * 400 + 3 * np.sqrt(400 * 0.05 * 0.95)


def test_what_it_sees():
    reference = rows(1, 3000)
    _, quiet = check_mmd(reference, rows(2, 3000))
    assert not quiet.drifted and (quiet.n_reference, quiet.n_current) == (1000, 1000)
    shares, parted = check_mmd(reference, rows(2, 3000, alone=True))
    assert parted.drifted and set(np.argsort(-shares)[:2]) == {0, 1}
    assert check_mmd(reference, rows(2, 3000), seed=7)[1].mmd2 != quiet.mmd2
    assert check_mmd(reference, rows(2, 3000))[1].p_value == quiet.p_value
    same = np.full((10, 2), 4.0)
    assert not check_mmd(same, same)[1].drifted
    assert check_mmd(same, same + 1)[1].drifted


@pytest.mark.parametrize("reference, current, fields, code", [
    (np.zeros((1, 2)), np.zeros((5, 2)), {}, 8013),
    (np.zeros((5, 2)), np.zeros((5, 3)), {}, 8002),
    (np.full((5, 2), np.nan), np.full((5, 2), np.inf), {}, 8013),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"alpha": 0}, 8001),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"rows_max": 5001}, 8001),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"bandwidth": np.nan}, 8001),
])
def test_what_is_refused(reference, current, fields, code):
    with pytest.raises(Failure) as refused:
        check_mmd(reference, current, **fields)
    assert refused.value.code == code
