/* Metrics of predictions by hand-made rows: values that can be checked on paper, ties, one class
 * only, weights as repeats, slices as times; draws that are equal for equal seeds. */
#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"
#include "test.h"

static void assert_near(double got, double expected, double relative)
{
    if (!(fabs(got - expected) <= relative * fabs(expected)))
        fail_msg("%.17g, not %.17g", got, expected);
}

static double value_of(const mw_judged *rows, const double *times, const char *metric)
{
    mw_error err;
    mw_quality *quality;
    double values[MW_QUALITY_MAX];
    ptrdiff_t m = mw_quality_find(rows->task, mw_view_of(metric));
    if (m < 0)
        fail_msg("no metric %s", metric);
    assert_int_equal(mw_quality_new(rows, &quality, &err), MW_OK);
    assert_int_equal(mw_quality_of(quality, times, values, NULL, &err), MW_OK);
    mw_quality_free(quality);
    return values[m];
}

static const double truth[] = {1, 0, 1, 0, 1, 0, 1};
static const double score[] = {0.2, 0.1, 0.5, 0.5, 0.5, 0.6, 0.9};

static mw_judged binary(void)
{
    return (mw_judged){.task = MW_TASK_BINARY,
                       .n_rows = 7,
                       .truth = truth,
                       .predicted = score,
                       .threshold = 0.5,
                       .is_probability = true};
}

static void test_two_classes(void **state)
{
    (void)state;
    mw_judged rows = binary();
    static const struct {
        const char *metric;
        double expected;
    } cases[] = {
        {"roc_auc", 7.0 / 12}, /* pairs won: 1, 1.5, 1.5, 3 of 3 each */
        {"auc", 7.0 / 12},
        {"gini", 1.0 / 6},
        {"average_precision", 0.25 * 1 + 0.5 * 0.6 + 0.25 * 4 / 6},
        {"ks", 1.0 / 3}, /* from 0.2 on: all positives, two of three negatives */
        {"accuracy", 4.0 / 7},
        {"precision", 0.6},
        {"recall", 0.75},
        {"specificity", 1.0 / 3},
        {"f1", 6.0 / 9},
        {"jaccard", 0.5},
        {"mcc", 0.09128709291752769}, /* (3 1 - 2 1) / sqrt(5 2 4 3) */
        {"lift_10", 7.0 / 4},
        {"base_rate", 4.0 / 7},
        {"brier", (0.64 + 0.01 + 0.25 * 3 + 0.36 + 0.01) / 7},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double expected = cases[i].expected;
        double got = value_of(&rows, NULL, cases[i].metric);
        if (!(fabs(got - expected) < 1e-14))
            fail_msg("%s: %.17g, not %.17g", cases[i].metric, got, expected);
    }
}

/* A row that counts twice is two rows; one that counts 0 is none. */
static void test_weights_and_slices(void **state)
{
    (void)state;
    size_t n;
    const double twice[] = {1, 1, 2, 1, 1, 0, 1};
    const double truth_2[] = {1, 0, 1, 1, 0, 1, 1}, score_2[] = {0.2, 0.1, 0.5, 0.5, 0.5, 0.5, 0.9};
    mw_judged rows = binary(), plain = binary();
    plain.truth = truth_2;
    plain.predicted = score_2;
    rows.weights = twice;
    mw_judged all = binary();
    const mw_quality_metric *metrics = mw_quality_metrics(MW_TASK_BINARY, &n);
    for (size_t m = 0; m < n; m++) {
        if (strncmp(metrics[m].name, "lift", 4) == 0)
            continue; /* its top is rounded up to a whole row where rows have no weights */
        double expected = value_of(&plain, NULL, metrics[m].name);
        assert_near(value_of(&rows, NULL, metrics[m].name), expected, 1e-14);
        assert_near(value_of(&all, twice, metrics[m].name), expected, 1e-14);
    }
}

static void test_one_class(void **state)
{
    (void)state;
    const double ones[] = {1, 1, 1, 1, 1, 1, 1}, none[] = {0, 0, 0, 0, 0, 0, 0};
    mw_judged rows = binary();
    rows.truth = ones;
    assert_true(isnan(value_of(&rows, NULL, "roc_auc")));
    assert_true(isnan(value_of(&rows, NULL, "specificity")));
    assert_near(value_of(&rows, NULL, "average_precision"), 1, 0);
    assert_true(isnan(value_of(&rows, none, "accuracy"))); /* an empty slice */
    rows = binary();
    rows.threshold = 2;
    assert_true(isnan(value_of(&rows, NULL, "precision")));
    assert_true(value_of(&rows, NULL, "mcc") == 0);
    rows.is_probability = false;
    assert_true(isnan(value_of(&rows, NULL, "log_loss")) && isnan(value_of(&rows, NULL, "ece")));
}

static void test_numbers(void **state)
{
    (void)state;
    const double y[] = {1, 2, 3, 4}, q[] = {1.5, 2, 2, 7}, flat[] = {2, 2, 2, 2};
    mw_judged rows = {.task = MW_TASK_REGRESSION, .n_rows = 4, .truth = y, .predicted = q};
    assert_near(value_of(&rows, NULL, "mae"), 1.125, 1e-15);
    assert_near(value_of(&rows, NULL, "mse"), 10.25 / 4, 1e-15);
    assert_near(value_of(&rows, NULL, "r2"), 1 - 10.25 / 5, 1e-14);
    assert_near(value_of(&rows, NULL, "median_ae"), 0.75, 1e-15);
    assert_near(value_of(&rows, NULL, "max_error"), 3, 0);
    assert_near(value_of(&rows, NULL, "huber"), (0.125 + 0.5 + 2.5) / 4, 1e-15);
    assert_near(value_of(&rows, NULL, "wape"), 4.5 / 10, 1e-15);
    rows.truth = flat;
    assert_true(value_of(&rows, NULL, "r2") == 0); /* nothing to explain, and something is off */
    rows.predicted = flat;
    assert_true(value_of(&rows, NULL, "r2") == 1);
}

static void test_classes(void **state)
{
    (void)state;
    const double y[] = {0, 1, 2, 2, 1, 0}, q[] = {0, 2, 2, 2, 1, 1};
    mw_judged rows = {
        .task = MW_TASK_MULTICLASS, .n_rows = 6, .truth = y, .predicted = q, .n_classes = 4};
    assert_near(value_of(&rows, NULL, "accuracy"), 4.0 / 6, 1e-15);
    assert_near(value_of(&rows, NULL, "recall_macro"), 2.0 / 3,
                1e-15); /* the fourth class is none */
    assert_near(value_of(&rows, NULL, "precision_macro"), (1 + 0.5 + 2.0 / 3) / 3, 1e-15);
    assert_near(value_of(&rows, NULL, "kappa"), 0.5, 1e-14);
    assert_true(isnan(value_of(&rows, NULL, "log_loss")));
}

static void test_rankings(void **state)
{
    (void)state;
    const double relevance[] = {3, 2, 0, 1, 0, 0}, ranked[] = {0.9, 0.1, 0.5, 0.5, 1, 2};
    const uint32_t query[] = {0, 0, 0, 0, 1, 1};
    uint32_t order[8];
    mw_judged rows = {.task = MW_TASK_RANKING,
                      .n_rows = 6,
                      .truth = relevance,
                      .predicted = ranked,
                      .query = query,
                      .n_queries = 2};
    double best = 3 + 2 / log2(3) + 0.5;
    double got = 3 + 0.5 / log2(3) + 0.25 + 2 / log2(5); /* two share places two and three */
    assert_near(mw_ndcg(relevance, ranked, 4, 0, false, order), got / best, 1e-14);
    assert_true(isnan(mw_ndcg(relevance + 4, ranked + 4, 2, 0, false, order)));
    assert_near(value_of(&rows, NULL, "ndcg"), got / best / 2, 1e-14); /* the second counts 0 */
    assert_near(value_of(&rows, NULL, "mrr"), 0.5, 1e-15);
    const double second[] = {0, 1};
    assert_true(value_of(&rows, second, "ndcg") == 0);
}

static void test_delong(void **state)
{
    (void)state;
    mw_error err;
    mw_delong one;
    mw_delong_pair pair;
    const uint8_t labels[] = {1, 0, 1, 0, 1, 0, 1}, alike[] = {1, 1, 1};
    const double other[] = {0.5, 0.1, 0.4, 0.2, 0.8, 0.7, 0.9};
    double auc;
    assert_int_equal(mw_auc_of(score, labels, 7, &auc, &err), MW_OK);
    assert_near(auc, 7.0 / 12, 1e-15);
    assert_int_equal(mw_delong_of(score, labels, 7, &one, &err), MW_OK);
    assert_near(one.auc, 7.0 / 12, 1e-15);
    /* placements of positives 1/3, 1/2, 1/2, 1 and of negatives 1, 1/2, 1/4 */
    double v10 = (pow(1.0 / 3 - auc, 2) + 2 * pow(0.5 - auc, 2) + pow(1 - auc, 2)) / 3;
    double v01 = (pow(1 - auc, 2) + pow(0.5 - auc, 2) + pow(0.25 - auc, 2)) / 2;
    assert_near(one.variance, v10 / 4 + v01 / 3, 1e-13);
    assert_int_equal(mw_delong_compare(score, other, labels, 7, &pair, &err), MW_OK);
    assert_near(pair.second, 10.0 / 12, 1e-15);
    assert_near(pair.difference, 0.25, 1e-14);
    assert_int_equal(mw_delong_compare(score, score, labels, 7, &pair, &err), MW_OK);
    assert_true(pair.difference == 0 && pair.z == 0 && pair.p == 1);
    assert_int_equal(mw_delong_of(score, alike, 3, &one, &err), MW_OK);
    assert_true(isnan(one.auc) && isnan(one.variance));
    mw_mcnemar none = mw_mcnemar_of(0, 0), some = mw_mcnemar_of(1, 9);
    assert_true(none.p_exact == 1 && none.p_corrected == 1);
    assert_near(some.p_exact, 22.0 / 1024, 1e-13);
    assert_near(some.statistic, 4.9, 1e-14);
}

/* Few groups and many, by two ways. */
static void test_counting_by_group(void **state)
{
    (void)state;
    enum { ROWS = 1000, MANY = 100 };
    static double scores[ROWS];
    static uint8_t labels[ROWS];
    static uint32_t groups[ROWS];
    mw_confusion counts[MANY], expected[MANY];
    for (size_t n_groups = 3; n_groups <= MANY; n_groups += MANY - 3) {
        memset(expected, 0, sizeof expected);
        for (size_t row = 0; row < ROWS; row++) {
            scores[row] = (double)(row * 7 % 11) / 10;
            labels[row] = row % 3 == 0;
            groups[row] = (uint32_t)(row * row % n_groups);
            mw_confusion *g = &expected[groups[row]];
            bool selected = scores[row] >= 0.5;
            *(labels[row] ? selected ? &g->tp : &g->fn : selected ? &g->fp : &g->tn) += 1;
        }
        mw_confusion_count(labels, scores, 0.5, groups, ROWS, counts, n_groups);
        assert_memory_equal(counts, expected, n_groups * sizeof *counts);
    }
}

static void test_draws(void **state)
{
    (void)state;
    mw_error err;
    mw_quality *quality;
    mw_estimate first[MW_QUALITY_MAX], second[MW_QUALITY_MAX];
    mw_contrast_of_metric contrasts[MW_QUALITY_MAX];
    mw_judged rows = binary();
    size_t n;
    (void)mw_quality_metrics(MW_TASK_BINARY, &n);
    assert_int_equal(mw_quality_new(&rows, &quality, &err), MW_OK);
    assert_int_equal(mw_quality_intervals(quality, NULL, 1, first, &err), MW_OK);
    assert_int_equal(mw_quality_intervals(quality, NULL, 1, second, &err), MW_OK);
    for (size_t m = 0; m < n; m++) {
        assert_memory_equal(&first[m].low, &second[m].low, sizeof(double));
        assert_memory_equal(&first[m].high, &second[m].high, sizeof(double));
    }
    for (size_t m = 0; m < n; m++)
        if (!isnan(first[m].low) &&
            !(first[m].low <= first[m].value + 1e-12 && first[m].value <= first[m].high + 1e-12))
            fail_msg("metric %zu: %g not in %g..%g", m, first[m].value, first[m].low,
                     first[m].high);
    assert_int_equal(mw_quality_compare(quality, quality, 1, contrasts, &err), MW_OK);
    for (size_t m = 0; m < n; m++)
        assert_true(isnan(contrasts[m].difference) ||
                    (contrasts[m].difference == 0 && contrasts[m].low == 0));
    mw_quality_free(quality);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_classes),      cmocka_unit_test(test_weights_and_slices),
        cmocka_unit_test(test_one_class),        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_classes),          cmocka_unit_test(test_rankings),
        cmocka_unit_test(test_delong),           cmocka_unit_test(test_draws),
        cmocka_unit_test(test_counting_by_group)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
