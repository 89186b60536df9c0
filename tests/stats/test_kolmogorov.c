/* Tails of laws against values of SciPy 1.17.1 (scipy.stats, scipy.special): 1e-10 relative. */
#include <math.h>

#include "stats/stats.h"
#include "test.h"

#define CLOSE 1e-10

static void expect(const char *name, double got, double wanted)
{
    if (!(fabs(got - wanted) <= CLOSE * fabs(wanted)))
        fail_msg("%s: got %.17g, expected %.17g", name, got, wanted);
}

static const struct ks_case {
    size_t n;
    double d, expected;
} ks_cases[] = {
    {5, 0.12, 0.999987712},
    {5, 0.3, 0.664},
    {10, 0.15, 0.95396527},
    {10, 0.6, 0.0005681672000000003},
    {50, 0.07, 0.9527143282206619},
    {50, 0.1, 0.6623112704658186},
    {100, 0.05, 0.9532159710635725},
    {100, 0.2, 0.0005551927327988775},
    {100, 0.4, 5.947617451361663e-15},
    {140, 0.16, 0.0013440163244194184},
    {141, 0.05, 0.854845693009663},
    {500, 0.03, 0.7473166700457021},
    {500, 0.08, 0.0031305058199356268},
    {1000, 0.02, 0.8108971656895577},
    {5000, 0.008, 0.9035907876780276},
    {5000, 0.03, 0.00024159234422666817},
    {50000, 0.004, 0.3994316646755731},
    {50000, 0.01, 9.018048811843602e-05},
    {200000, 0.0015, 0.758498392324318},
    {200000, 0.006, 1.110220331461174e-06},
};

static void test_one_sample(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(ks_cases); i++)
        expect("kolmogorov", mw_kolmogorov_tail(ks_cases[i].n, ks_cases[i].d),
               ks_cases[i].expected);
    assert_true(mw_kolmogorov_tail(10, 1) == 0 && mw_kolmogorov_tail(10, 0) == 1);
    assert_true(isnan(mw_kolmogorov_tail(0, 0.5)) && isnan(mw_kolmogorov_tail(5, (double)NAN)));
}

static const struct pair_case {
    size_t n, m;
    double d, expected;
} exact_cases[] = {
    {10, 10, 0.4, 0.41752365281777043},
    {100, 100, 0.15, 0.21117008625127576},
    {12, 7, 0.35714285714285715, 0.492101293958879},
    {30, 20, 0.3333333333333333, 0.11901288467516954},
    {101, 57, 0.20844189682126107, 0.07064106343697558},
    {500, 300, 0.06, 0.49267383838106327},
};

static void test_two_samples_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(exact_cases); i++) {
        const struct pair_case *c = &exact_cases[i];
        expect("exact", mw_kolmogorov_exact_tail(c->n, c->m, c->d), c->expected);
        expect("either way", mw_kolmogorov_exact_tail(c->m, c->n, c->d), c->expected);
    }
    assert_true(mw_kolmogorov_exact_tail(5, 7, 0) == 1);
}

static const struct tail_case {
    double x, df, expected;
} chi_cases[] = {
    {0.3, 1.0, 0.583882420770365},
    {80.0, 1.0, 3.744097384202887e-19},
    {3.9, 4.0, 0.419708511180215},
    {55.0, 40.0, 0.05745735167659182},
    {1100.0, 999.0, 0.013818467525532353},
    {4800.0, 5000.0, 0.9783403121346367},
    {101000.0, 100000.0, 0.012868840377233648},
    {2000.0, 10.0, 0.0},
};

static void test_other_tails(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(chi_cases); i++)
        expect("chi-square", mw_chi_square_tail(chi_cases[i].x, chi_cases[i].df),
               chi_cases[i].expected);
    static const struct tail_case limits[] = {
        {0.3, 0.0, 0.9999906941986655},    {0.8, 0.0, 0.5441424115741981},
        {1.17, 0.0, 0.12939004218561884},  {1.2, 0.0, 0.11224966667072497},
        {2.5, 0.0, 7.453306344157342e-06},
    };
    for (size_t i = 0; i < MW_COUNT(limits); i++)
        expect("limit", mw_kolmogorov_limit_tail(limits[i].x), limits[i].expected);
    expect("normal", mw_normal_tail(1.959963984540054), 0.025);
    assert_true(mw_chi_square_tail(0, 3) == 1 && mw_chi_square_tail((double)INFINITY, 3) == 0);
    assert_true(isnan(mw_gamma_tail(-1, 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_sample),
        cmocka_unit_test(test_two_samples_exactly),
        cmocka_unit_test(test_other_tails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
