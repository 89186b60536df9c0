"""Drift measures through the C library against SciPy's, on the same samples; and against Evidently
and NannyML themselves where they are installed (they are not in tests/requirements.txt: they bring
a hundred packages). Their formulas are tested here in any case, written with NumPy and SciPy.

SciPy 1.11 or later; 1e-9 relative unless said.
"""
import warnings

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from watching import check, column

EXACT = dict(rel=1e-9, abs=1e-300)
SHAPES = [(20, 30), (57, 57), (139, 500), (500, 500), (2000, 700), (5000, 5000), (30000, 29000)]


def pair(n, m, seed, shift=0.1, ties=False):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=n), random.normal(shift, 1.1, size=m)
    return (np.round(a, 1), np.round(b, 1)) if ties else (a, b)


def codes(n, m, seed, k=7):
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.ones(k)), random.dirichlet(np.ones(k))
    return random.choice(k, n, p=p).astype(float), \
        random.choice(k + 1, m, p=np.append(q * 0.99, 0.01)).astype(float)


# ---- SciPy --------------------------------------------------------------------------------------

@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_ks_is_scipys(shape, ties):
    for seed in range(4):
        for shift in (0, 0.03, 0.3, 2):
            a, b = pair(*shape, seed, shift, ties)
            expected = stats.ks_2samp(a, b, method="asymp")
            got = column(a, b, method="ks")
            assert got.statistic == pytest.approx(expected.statistic, **EXACT)
            assert got.p_value == pytest.approx(expected.pvalue, **EXACT), (seed, shift)


@pytest.mark.parametrize("shape", [(10, 12), (40, 40), (200, 333), (1000, 999)])
def test_exact_ks_is_scipys(shape):
    for seed in range(4):
        a, b = pair(*shape, seed, 0.2, ties=seed % 2)
        expected = stats.ks_2samp(a, b, method="exact")
        got = column(a, b, method="ks", profile="evidently")
        assert got.p_value == pytest.approx(expected.pvalue, **EXACT)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_wasserstein_is_scipys(shape, ties):
    a, b = pair(*shape, 3, ties=ties)
    expected = stats.wasserstein_distance(a, b) / max(np.std(a), 0.001)
    assert column(a, b, method="wasserstein").statistic == pytest.approx(expected, **EXACT)


def counts_of(a, b):
    keys = np.union1d(a, b)
    return (np.array([(side == key).sum() for key in keys], float) for side in (a, b))


@pytest.mark.parametrize("shape", SHAPES)
def test_categories_are_scipys(shape):
    for seed in range(3):
        a, b = codes(*shape, seed)
        r, c = counts_of(a, b)
        p, q = r / r.sum(), c / c.sum()
        chi = stats.chi2_contingency([r, c], correction=False)
        expected = {"chi2": chi.statistic, "js": jensenshannon(p, q),
                    "hellinger": np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2),
                    "linf": abs(p - q).max(), "tv": abs(p - q).sum() / 2}
        for method, value in expected.items():
            got = column(a, b, True, method=method)
            assert got.statistic == pytest.approx(value, **EXACT), method
        assert column(a, b, True, method="chi2").p_value == pytest.approx(chi.pvalue, **EXACT)


@pytest.mark.parametrize("df,x", [(1, 0.3), (1, 80), (4, 3.9), (40, 55), (999, 1100), (5000, 4800)])
def test_chi_square_tail_is_scipys(df, x):
    """Two rows of df + 1 bins whose statistic is near x, so that only the tail is new."""
    random = np.random.default_rng(df)
    base = random.integers(40, 60, df + 1)
    a = np.repeat(np.arange(df + 1.0), base)
    moved = np.maximum(base + np.round(random.normal(size=df + 1) * np.sqrt(x / df * 25)), 1)
    b = np.repeat(np.arange(df + 1.0), moved.astype(int))
    chi = stats.chi2_contingency(list(counts_of(a, b)), correction=False)
    assert column(a, b, True, method="chi2").p_value == pytest.approx(chi.pvalue, **EXACT)


def test_false_discoveries_are_scipys():
    random = np.random.default_rng(5)
    a = random.normal(size=(400, 30))
    b = random.normal(size=(400, 30)) + np.where(np.arange(30) < 6, 0.3, 0)
    features, _ = check(a, b)
    expected = stats.false_discovery_control([f.p_value for f in features])
    assert [f.p_adjusted for f in features] == pytest.approx(list(expected), **EXACT)


# ---- our bins -----------------------------------------------------------------------------------

def filled(shares):
    least = shares[shares > 0].min()
    return np.where(shares > 0, shares, least / 1e6 if least <= 1e-4 else 1e-4)


def test_psi_over_quantiles_and_missing():
    a, b = pair(3000, 2500, 1)
    a[::40], b[::10] = np.nan, np.nan
    edges = np.quantile(a[~np.isnan(a)], np.arange(1, 10) / 10)

    def shares(x):
        inside = np.bincount(np.searchsorted(edges, x[~np.isnan(x)], side="left"), minlength=10)
        return filled(np.append(inside, np.isnan(x).sum()) / len(x))
    p, q = shares(a), shares(b)
    got = column(a, b, method="psi")
    assert got.statistic == pytest.approx(((p - q) * np.log(p / q)).sum(), **EXACT)
    assert (got.n_bins, got.missing_reference, got.missing_current) == (11, 75, 250)


# ---- Evidently's and NannyML's formulas ---------------------------------------------------------

def evidently_shares(a, b):
    if len(np.unique(a)) > 20:
        edges = np.histogram_bin_edges(np.append(a, b), bins="sturges")
        return [np.histogram(x, edges)[0] / len(x) for x in (a, b)]
    return [counts / counts.sum() for counts in counts_of(a, b)]


def nannyml_shares(a, b):
    edges = np.histogram_bin_edges(a, bins="doane")
    p, q = (np.histogram(x, edges)[0] / len(x) for x in (a, b))
    rest = 1 - q.sum()
    return (np.append(p, 0), np.append(q, rest)) if rest > 1e-12 else (p, q)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", SHAPES[2:])
def test_formulas_of_evidently(shape, ties):
    a, b = pair(*shape, 9, 0.4, ties)
    p, q = evidently_shares(a, b)
    full_p, full_q = filled(p), filled(q)
    expected = {"js": jensenshannon(p, q), "kl": stats.entropy(full_p, full_q),
                "psi": ((full_p - full_q) * np.log(full_p / full_q)).sum()}
    for method, value in expected.items():
        got = column(a, b, method=method, profile="evidently")
        assert got.statistic == pytest.approx(value, **EXACT), method


@pytest.mark.parametrize("shape", SHAPES[2:])
def test_formulas_of_nannyml(shape):
    a, b = pair(*shape, 10, 0.4)
    p, q = nannyml_shares(a, b)
    js = column(a, b, profile="nannyml")
    hellinger = column(a, b, profile="nannyml", method="hellinger")
    assert js.method == "js"
    assert js.statistic == pytest.approx(jensenshannon(p, q, base=2), **EXACT)
    expected = np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)
    assert hellinger.statistic == pytest.approx(expected, **EXACT)


# ---- the libraries themselves -------------------------------------------------------------------

@pytest.fixture(scope="module")
def evidently():
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("evidently", reason="Evidently is not installed")
    from evidently.legacy.calculations import stattests
    from evidently.legacy.core import ColumnType

    def run(name, a, b, is_category=False):
        kind = ColumnType.Categorical if is_category else ColumnType.Numerical
        test = stattests.registry.get_stattest(pandas.Series(a), pandas.Series(b), kind, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return test(pandas.Series(a), pandas.Series(b), kind, 0.1)
    return run


@pytest.mark.parametrize("shape", [(300, 200), (5000, 3000)])
def test_numbers_are_evidentlys(evidently, shape):
    ours = {"wasserstein": "wasserstein", "jensenshannon": "js", "psi": "psi", "kl_div": "kl",
            "hellinger": "hellinger"}
    a, b = pair(*shape, 21, 0.3)
    for name, method in ours.items():
        expected = evidently(name, a, b).drift_score
        got = column(a, b, method=method, profile="evidently")
        assert got.statistic == pytest.approx(expected, rel=1e-7 if name == "hellinger" else 1e-9)
    assert column(a, b, method="ks", profile="evidently").p_value == \
        pytest.approx(evidently("ks", a, b).drift_score, **EXACT)
    x, y = codes(*shape, 3)
    for name, method in {"jensenshannon": "js", "psi": "psi", "hellinger": "hellinger"}.items():
        got = column(x, y, True, method=method, profile="evidently")
        assert got.statistic == pytest.approx(evidently(name, x, y, True).drift_score, rel=1e-9)
    y = np.where(y == 7, 0, y)
    assert column(x, y, True, method="chi2", profile="evidently").p_value == \
        pytest.approx(evidently("chisquare", x, y, True).drift_score, **EXACT)
    x, y = (x > 2).astype(float), (y > 2).astype(float)
    assert column(x, y, True, method="z", profile="evidently").p_value == \
        pytest.approx(evidently("z", x, y, True).drift_score, rel=1e-9, abs=1e-15)


def test_nannymls_choice():
    nannyml = pytest.importorskip("nannyml", reason="NannyML is not installed")
    pandas = pytest.importorskip("pandas")
    a, b = pair(5000, 2000, 31, 0.3)
    x, y = codes(5000, 2000, 4)
    frames = [pandas.DataFrame({"a": p, "x": pandas.Categorical([f"c{v:.0f}" for v in q])})
              for p, q in ((a, x), (b, y))]
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=["a", "x"], chunk_number=1, continuous_methods=["jensen_shannon", "hellinger"],
        categorical_methods=["jensen_shannon", "hellinger", "l_infinity"])
    result = calculator.fit(frames[0]).calculate(frames[1]).filter(period="analysis").to_df()
    for name, r, c, is_category, methods in (
            ("a", a, b, False, {"jensen_shannon": "js", "hellinger": "hellinger"}),
            ("x", x, y, True, {"jensen_shannon": "js", "hellinger": "hellinger",
                               "l_infinity": "linf"})):
        for theirs, method in methods.items():
            got = column(r, c, is_category, method=method, profile="nannyml")
            assert got.statistic == pytest.approx(result[(name, theirs, "value")][0], rel=1e-9)


# ---- what is believed ---------------------------------------------------------------------------

def test_a_huge_sample_does_not_alarm_on_nothing():
    random = np.random.default_rng(2)
    a, b = random.normal(size=(200000, 1)), random.normal(0.02, size=(200000, 1))
    feature = check(a, b)[0][0]
    assert feature.p_value < 1e-6 and not feature.drifted


def test_undrifted_data_sets_stay_quiet():
    random = np.random.default_rng(3)
    alarms = sum(check(random.normal(size=(500, 10)), random.normal(size=(500, 10)))[1].drifted
                 for _ in range(200))
    assert alarms <= 18  # 5 % of 200, and three deviations


def test_missing_values_drift():
    random = np.random.default_rng(4)
    a, b = random.normal(size=(2000, 2)), random.normal(size=(2000, 2))
    b[:400, 1] = np.nan
    features, summary = check(a, b)
    assert [f.drifted for f in features] == [False, True] and features[1].missing_drifted
    assert summary.n_drifted == 1 and summary.drifted
