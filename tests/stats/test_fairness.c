/* Proportions, gaps between groups, inequality, ranking; and draws that follow their law. */
#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"
#include "test.h"

static void assert_near(double got, double expected, double relative)
{
    if (!(fabs(got - expected) <= relative * fabs(expected)))
        fail_msg("%.17g, not %.17g", got, expected);
}

static void test_intervals(void **state)
{
    (void)state;
    static const struct {
        double k, n, low, high; /* statsmodels 0.15 */
    } cases[] = {{6, 99, 0.028069797446221498, 0.1259678737648996},
                 {0, 33, 0, 0.10426999754245211},
                 {3, 5, 0.2307242812760129, 0.8823792257673522}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_interval got = mw_wilson(cases[i].k, cases[i].n);
        assert_near(got.low, cases[i].low, 1e-13);
        assert_near(got.high, cases[i].high, 1e-13);
    }
    assert_true(isnan(mw_wilson(0, 0).low));
    /* Newcombe 1998, table II, example a: 56/70 - 48/80 */
    mw_interval both = mw_newcombe(56, 70, 48, 80);
    assert_true(fabs(both.low - 0.0524) < 5e-5 && fabs(both.high - 0.3339) < 5e-5);
}

static void test_fisher_and_holm(void **state)
{
    (void)state;
    mw_error err;
    assert_near(mw_fisher_exact(8, 10, 1, 6), 0.034965034965034975, 1e-12); /* scipy */
    assert_near(mw_fisher_exact(0, 10, 0, 10), 1, 0);
    assert_near(mw_fisher_exact(10, 10, 0, 10), 1.082508822446903e-05, 1e-12);
    const double p[] = {0.01, (double)NAN, 0.04, 0.03};
    double got[4];
    assert_int_equal(mw_holm(p, 4, got, &err), MW_OK);
    assert_near(got[0], 0.03, 1e-12);
    assert_true(isnan(got[1]));
    assert_near(got[2], 0.06, 1e-12);
    assert_near(got[3], 0.06, 1e-12);
}

static void test_gaps(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    const double rates[] = {0.2, nan, 0.5, 0.4}, zeros[] = {0, 0}, one[] = {nan, 0.3};
    mw_gaps gaps = mw_gaps_of(rates, 4, 0.4);
    assert_near(gaps.difference, 0.3, 1e-15);
    assert_near(gaps.ratio, 0.4, 1e-15);
    assert_near(gaps.difference_to_overall, 0.2, 1e-15);
    assert_near(gaps.ratio_to_overall, 0.5, 1e-15);
    assert_int_equal(gaps.highest, 2);
    assert_int_equal(gaps.lowest, 0);
    assert_true(isnan(mw_gaps_of(zeros, 2, 0).ratio));
    assert_true(mw_gaps_of(zeros, 2, 0).difference == 0);
    assert_true(isnan(mw_gaps_of(one, 2, 0.3).difference));
    assert_int_equal(mw_gaps_of(one, 0, 0.3).highest, 0);
}

static void test_auc(void **state)
{
    (void)state;
    const double positives[] = {0.2, 0.5, 0.5, 0.9}, negatives[] = {0.1, 0.5, 0.6};
    /* pairs won: 1, 1.5, 1.5, 3 of 3 each */
    assert_near(mw_auc(positives, 4, negatives, 3), 7.0 / 12, 1e-15);
    assert_true(isnan(mw_auc(positives, 0, negatives, 3)));
}

/* The first group's share of all rows, and its true positives. */
static double first_share(const mw_confusion *groups, size_t n, void *user)
{
    double all = 0;
    for (size_t i = 0; i < n; i++)
        all += mw_confusion_total(&groups[i]);
    *(double *)user += groups[0].tp;
    return mw_confusion_total(&groups[0]) / all;
}

static void test_draws(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    static double values[DRAWS], again[DRAWS];
    static const mw_confusion groups[] = {{3, 5, 40, 152}, {300, 10, 0, 490}};
    double mean = 0, square = 0, tp = 0, ignored = 0;
    size_t n, n_again;
    mw_error err;
    assert_int_equal(mw_bootstrap_groups(groups, 2, 7, first_share, &tp, values, DRAWS, &n, &err),
                     MW_OK);
    assert_int_equal(
        mw_bootstrap_groups(groups, 2, 7, first_share, &ignored, again, DRAWS, &n_again, &err),
        MW_OK);
    assert_int_equal(n, DRAWS);
    assert_memory_equal(values, again, sizeof values);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || values[i - 1] <= values[i]);
        mean += values[i] / DRAWS;
        square += values[i] * values[i] / DRAWS;
    }
    /* binomial(1000, 0.2) / 1000: five standard errors of mean and deviation */
    double deviation = sqrt(0.2 * 0.8 / 1000);
    assert_true(fabs(mean - 0.2) < 5 * deviation / sqrt(DRAWS));
    assert_true(fabs(sqrt(square - mean * mean) / deviation - 1) < 5 / sqrt(2.0 * DRAWS));
    assert_true(fabs(tp / DRAWS - 3) < 5 * sqrt(3.0 / DRAWS)); /* a rare cell, by inversion */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals), cmocka_unit_test(test_fisher_and_holm),
        cmocka_unit_test(test_gaps),      cmocka_unit_test(test_auc),
        cmocka_unit_test(test_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
