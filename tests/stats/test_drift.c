/* Choice of methods and verdicts; evidence; and what odd columns come to. */
#include <math.h>
#include <stdlib.h>

#include "../chance.h"
#include "stats/stats.h"
#include "test.h"

static uint64_t seed = 1;

static double chance(void)
{
    return test_chance(&seed);
}

typedef enum column_kind {
    NORMAL,
    SHIFTED,
    BINARY,
    MOSTLY_ONES,
    CONSTANT,
    GONE,
    ONE_ROW
} column_kind;

static double value_of(column_kind kind)
{
    switch (kind) {
    case NORMAL:
    case SHIFTED:
        return sqrt(-2 * log(1 - chance())) * cos(6.283185307179586 * chance()) + (kind == SHIFTED);
    case BINARY:
        return chance() < 0.5;
    case MOSTLY_ONES:
        return chance() < 0.8;
    case GONE:
        return (double)NAN;
    default:
        return 4;
    }
}

static mw_sample sample_of(column_kind kind, size_t n, double *room)
{
    n = kind == ONE_ROW ? 1 : n;
    for (size_t i = 0; i < n; i++)
        room[i] = value_of(kind);
    return mw_sample_make(room, n, 1, room, room + n);
}

static mw_drift_feature feature_of(column_kind before, column_kind now, size_t n,
                                   const mw_drift_options *options)
{
    mw_drift_feature feature;
    mw_drift_summary summary;
    mw_error err;
    double *room = malloc(4 * (n + 1) * sizeof *room);
    mw_sample r = sample_of(before, n, room), c = sample_of(now, n, room + 2 * n);
    assert_int_equal(mw_drift_measure(&r, &c, false, options, &feature, &err), MW_OK);
    assert_int_equal(mw_drift_judge(&feature, 1, options, &summary, &err), MW_OK);
    assert_true(summary.drifted == feature.drifted && summary.n_features == 1);
    free(room);
    return feature;
}

static const struct choice_case {
    const char *name;
    mw_drift_profile profile;
    column_kind before, now;
    size_t n;
    mw_drift_method method;
    mw_drift_verdict verdict;
} choice_cases[] = {
    {"small numbers", MW_DRIFT_MILLWRIGHT, NORMAL, SHIFTED, 500, MW_DRIFT_KS, MW_DRIFT_DRIFTED},
    {"large numbers", MW_DRIFT_MILLWRIGHT, NORMAL, SHIFTED, 2000, MW_DRIFT_WASSERSTEIN,
     MW_DRIFT_DRIFTED},
    {"nothing new", MW_DRIFT_MILLWRIGHT, NORMAL, NORMAL, 5000, MW_DRIFT_WASSERSTEIN,
     MW_DRIFT_QUIET},
    {"two values", MW_DRIFT_MILLWRIGHT, BINARY, MOSTLY_ONES, 500, MW_DRIFT_CHI_SQUARE,
     MW_DRIFT_DRIFTED},
    {"many of two values", MW_DRIFT_MILLWRIGHT, BINARY, MOSTLY_ONES, 3000, MW_DRIFT_JENSEN_SHANNON,
     MW_DRIFT_DRIFTED},
    {"constant", MW_DRIFT_MILLWRIGHT, CONSTANT, CONSTANT, 500, MW_DRIFT_CHI_SQUARE, MW_DRIFT_QUIET},
    {"all went missing", MW_DRIFT_MILLWRIGHT, NORMAL, GONE, 500, MW_DRIFT_KS, MW_DRIFT_DRIFTED},
    {"nothing on both sides", MW_DRIFT_MILLWRIGHT, GONE, GONE, 500, MW_DRIFT_CHI_SQUARE,
     MW_DRIFT_NOT_ENOUGH},
    {"one row", MW_DRIFT_MILLWRIGHT, NORMAL, ONE_ROW, 500, MW_DRIFT_KS, MW_DRIFT_NOT_ENOUGH},
    {"evidently, binary", MW_DRIFT_EVIDENTLY, BINARY, MOSTLY_ONES, 500, MW_DRIFT_Z,
     MW_DRIFT_DRIFTED},
    {"evidently, large", MW_DRIFT_EVIDENTLY, NORMAL, SHIFTED, 1500, MW_DRIFT_WASSERSTEIN,
     MW_DRIFT_DRIFTED},
    {"nannyml", MW_DRIFT_NANNYML, NORMAL, SHIFTED, 500, MW_DRIFT_JENSEN_SHANNON, MW_DRIFT_DRIFTED},
};

static void test_choices(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(choice_cases); i++) {
        const struct choice_case *c = &choice_cases[i];
        mw_drift_options options;
        mw_drift_options_init(c->profile, &options);
        mw_drift_feature got = feature_of(c->before, c->now, c->n, &options);
        if (got.method != c->method || got.verdict != c->verdict)
            fail_msg("%s: %s, %s (%g, p %g)", c->name, mw_drift_method_name(got.method),
                     mw_drift_verdict_name(got.verdict), got.statistic, got.p_value);
    }
}

static void test_a_method_that_was_asked_for(void **state)
{
    (void)state;
    for (mw_drift_method method = MW_DRIFT_KS; method <= MW_DRIFT_KL; method++) {
        mw_drift_options options;
        mw_drift_options_init(MW_DRIFT_MILLWRIGHT, &options);
        options.numeric_method = options.category_method = method;
        mw_drift_feature moved = feature_of(NORMAL, SHIFTED, 1500, &options);
        mw_drift_feature still = feature_of(NORMAL, NORMAL, 1500, &options);
        mw_drift_method expected = method == MW_DRIFT_Z ? MW_DRIFT_WASSERSTEIN : method;
        if (moved.method != expected || !moved.drifted || still.drifted)
            fail_msg("%s: %g and %g", mw_drift_method_name(method), moved.statistic,
                     still.statistic);
        options.threshold = mw_drift_is_test(expected) ? 0 : 1e9;
        assert_false(feature_of(NORMAL, SHIFTED, 1500, &options).drifted);
    }
}

static void test_few_rows_are_not_enough_for_a_distance(void **state)
{
    (void)state;
    mw_drift_options options;
    mw_drift_options_init(MW_DRIFT_MILLWRIGHT, &options);
    options.numeric_method = MW_DRIFT_PSI;
    assert_int_equal(feature_of(NORMAL, SHIFTED, 150, &options).verdict, MW_DRIFT_NOT_ENOUGH);
    options.threshold = 0.25; /* who names a threshold gets a verdict */
    assert_int_equal(feature_of(NORMAL, SHIFTED, 150, &options).verdict, MW_DRIFT_DRIFTED);
}

static void test_wrong_options(void **state)
{
    (void)state;
    mw_drift_options good, options;
    mw_error err;
    mw_drift_options_init(MW_DRIFT_EVIDENTLY, &good);
    assert_true(mw_drift_check_options(&good, &err) == MW_OK && good.share == 0.5);
#define WRONG(field, value)                                                    \
    options = good;                                                            \
    options.field = value;                                                     \
    assert_int_equal(mw_drift_check_options(&options, &err), MW_BAD_ARGUMENT); \
    assert_true(err.code == MW_E_DRIFT_OPTION && err.what[0] && err.mend[0])
    WRONG(profile, (mw_drift_profile)3);
    WRONG(numeric_method, (mw_drift_method)11);
    WRONG(bins, (mw_drift_bins)4);
    WRONG(n_bins, 1);
    WRONG(n_bins, 1001);
    WRONG(threshold, -1);
    WRONG(alpha, 0);
    WRONG(alpha, (double)NAN);
    WRONG(share, 1.5);
}

/* ---- rows as a whole ------------------------------------------------------------------------- */

static mw_drift_mmd_options mmd_options(void)
{
    mw_drift_mmd_options options;
    mw_drift_mmd_options_init(&options);
    options.permutations = 19;
    return options;
}

/* Two rows against two, one column: all six distances by hand. */
static void test_mmd_by_hand(void **state)
{
    (void)state;
    const double reference[] = {-1, 1}, current[] = {-1, 3}; /* deviation 1 */
    mw_drift_mmd_options options = mmd_options();
    mw_drift_mmd_summary found;
    mw_error err;
    double share;
    options.bandwidth = 2;
    assert_int_equal(
        mw_mmd_check(reference, 2, current, 2, 1, NULL, &options, &share, &found, &err), MW_OK);
    double near = exp(-4.0 / 8), far = exp(-16.0 / 8); /* 2 and 4 apart */
    double expected = near + far - 2 * (1 + far + near + near) / 4;
    assert_true(fabs(found.mmd2 - expected) < 1e-15 && found.bandwidth == 2);
    assert_true(fabs(share - expected) < 1e-15); /* without it nothing differs */
    options.bandwidth = 0;
    assert_int_equal(mw_mmd_check(reference, 2, current, 2, 1, NULL, &options, NULL, &found, &err),
                     MW_OK);
    assert_true(found.bandwidth == 2); /* of 0 2 2 2 4 4 */
}

/* More rows than are looked at, what is missing, codes, and a column that has nothing. */
static void test_mmd_of_odd_columns(void **state)
{
    (void)state;
    enum { ROWS = 70, COLUMNS = 4 };
    static double before[ROWS * COLUMNS], now[ROWS * COLUMNS];
    const bool is_category[COLUMNS] = {false, true, false, false};
    mw_drift_mmd_options options = mmd_options();
    mw_drift_mmd_summary found;
    mw_error err;
    double shares[COLUMNS];
    for (size_t i = 0; i < ROWS; i++) {
        double a[COLUMNS] = {(double)(i % 7), (double)(i % 3), (double)NAN, i % 5 ? 4 : INFINITY};
        double b[COLUMNS] = {(double)(i % 7), 1, (double)NAN, 4};
        memcpy(before + i * COLUMNS, a, sizeof a);
        memcpy(now + i * COLUMNS, b, sizeof b);
    }
    options.rows_max = 64;
    options.permutations = 199; /* of 19 no p value is below 0.05 */
    assert_int_equal(
        mw_mmd_check(before, ROWS, now, ROWS, COLUMNS, is_category, &options, shares, &found, &err),
        MW_OK);
    assert_true(found.n_features == 3 && found.n_reference == 64 && found.n_current == 64);
    assert_true(found.drifted && shares[1] > 0 && shares[2] == 0 && shares[1] > shares[0]);
    assert_int_equal(
        mw_mmd_check(before, 1, now, ROWS, COLUMNS, NULL, &options, NULL, &found, &err),
        MW_MISMATCH);
    assert_true(err.code == MW_E_DRIFT_JOINT && err.mend[0]);
}

/* ---- evidence -------------------------------------------------------------------------------- */

static void test_adjusted(void **state)
{
    (void)state;
    /* scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.5]) */
    const double p[] = {0.01, (double)NAN, 0.04, 0.03, 0.5};
    double adjusted[5];
    mw_error err;
    assert_int_equal(mw_benjamini_hochberg(p, 5, adjusted, &err), MW_OK);
    assert_true(fabs(adjusted[0] - 0.04) < 1e-15 && isnan(adjusted[1]) &&
                fabs(adjusted[2] - 0.16 / 3) < 1e-15 && fabs(adjusted[3] - 0.16 / 3) < 1e-15 &&
                adjusted[4] == 0.5);
    /* e-BH at 0.05 of 4: 20 x 4 / k is wanted of the k-th largest */
    const double log_e[] = {log(45), (double)NAN, log(41), log(3), log(30)};
    bool rejected[5];
    assert_int_equal(mw_e_benjamini_hochberg(log_e, 5, 0.05, rejected, &err), MW_OK);
    assert_true(rejected[0] && !rejected[1] && rejected[2] && !rejected[3] && rejected[4]);
}

/* Looked at after every 50 rows, to the end: how many streams that never drift pass 1 / alpha. */
static void test_evidence_may_be_looked_at(void **state)
{
    (void)state;
    enum { STREAMS = 400, ROWS = 4000, BINS = 10, LOOK = 50, REFERENCE = 2000 };
    size_t alarms = 0;
    for (size_t s = 0; s < STREAMS; s++) {
        double r[BINS] = {0}, c[BINS] = {0};
        bool alarmed = false;
        for (size_t i = 0; i < REFERENCE; i++)
            r[(size_t)(chance() * BINS)]++;
        for (size_t i = 1; i <= ROWS; i++) {
            c[(size_t)(chance() * BINS)]++;
            alarmed |= i % LOOK == 0 && mw_counts_log_evidence(r, c, BINS) >= log(20);
        }
        alarms += alarmed;
    }
    if (alarms > STREAMS / 20)
        fail_msg("%zu of %d streams alarmed", alarms, STREAMS);
    double r[2] = {5000, 5000}, c[2] = {300, 700};
    assert_true(mw_counts_log_evidence(r, c, 2) > log(1e6));
    assert_true(mw_counts_log_evidence(r, c, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_a_method_that_was_asked_for),
        cmocka_unit_test(test_few_rows_are_not_enough_for_a_distance),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_mmd_by_hand),
        cmocka_unit_test(test_mmd_of_odd_columns),
        cmocka_unit_test(test_adjusted),
        cmocka_unit_test(test_evidence_may_be_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
