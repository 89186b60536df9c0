/* Importance: counts over splits against a plain recount, metrics against their definitions, and
 * permutation's promises. */
#include "../test.h"

#include "insight/insight.h"

#include "../predict/random_forest.h"

/* ---- by splits ------------------------------------------------------------------------------- */

static mw_forest *gainful_forest(bool lightgbm, uint64_t seed)
{
    forest_wish wish = {.n_trees = 9,
                        .n_features = 5,
                        .n_margins = 1,
                        .depth_max = 4,
                        .stop = 0.2,
                        .categorical = 0.2,
                        .lightgbm = lightgbm};
    mw_forest *forest = random_forest(&wish, seed);
    chance from = {seed};
    float *gain = mw_arena_take_zeroed(&forest->arena, forest->n_nodes, sizeof *gain);
    double *cover = mw_arena_take_zeroed(&forest->arena, forest->n_nodes, sizeof *cover);
    for (size_t node = 0; node < forest->n_nodes; node++) {
        gain[node] = (float)(chance_unit(&from) * 9 - 1);
        cover[node] = chance_unit(&from) * 100;
    }
    forest->gain = gain;
    forest->cover = cover;
    return forest;
}

static double recount(const mw_forest *forest, mw_importance kind, size_t f)
{
    double count = 0, gain = 0, cover = 0;
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (forest->left[node] == MW_NO_CHILD || forest->feature[node] != f)
            continue;
        if (forest->format == MW_FORMAT_LIGHTGBM_TEXT && forest->gain[node] <= 0)
            continue;
        count++;
        gain += (double)forest->gain[node];
        cover += forest->cover[node];
    }
    double each[] = {count, gain / fmax(count, 1), gain, cover / fmax(count, 1), cover};
    return each[kind];
}

static void test_counts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        mw_forest *forest = gainful_forest(seed % 2, seed);
        for (int kind = MW_IMPORTANCE_WEIGHT; kind <= MW_IMPORTANCE_TOTAL_COVER; kind++) {
            double got[5];
            assert_int_equal(mw_importance_of_splits(forest, (mw_importance)kind, got, NULL),
                             MW_OK);
            for (size_t f = 0; f < 5; f++)
                if (fabs(got[f] - recount(forest, (mw_importance)kind, f)) > 1e-9)
                    fail_msg("seed %d, kind %d, feature %zu: %g", (int)seed, kind, f, got[f]);
        }
        random_forest_free(forest);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    mw_error err;
    double got[5], weights[6] = {0};
    mw_forest *forest = gainful_forest(false, 3);
    ((float *)(uintptr_t)forest->gain)[0] = INFINITY;
    assert_int_equal(mw_importance_of_splits(forest, MW_IMPORTANCE_GAIN, got, &err), MW_BAD_DATA);
    assert_string_equal(err.where, "node 0");
    forest->gain = NULL;
    assert_int_equal(mw_importance_of_splits(forest, MW_IMPORTANCE_GAIN, got, &err),
                     MW_UNSUPPORTED);
    assert_non_null(strstr(err.what, "no gains"));
    assert_int_equal(mw_importance_of_splits(forest, MW_IMPORTANCE_COVER, got, &err), MW_OK);
    forest->cover = NULL;
    assert_int_equal(mw_importance_of_splits(forest, MW_IMPORTANCE_COVER, got, &err),
                     MW_UNSUPPORTED);
    forest->linear_weights = weights;
    assert_int_equal(mw_importance_of_splits(forest, MW_IMPORTANCE_WEIGHT, got, &err),
                     MW_UNSUPPORTED);
    random_forest_free(forest);
}

/* ---- metrics --------------------------------------------------------------------------------- */

static const struct metric_case {
    const char *name;
    mw_metric metric;
    mw_transform transform;
    size_t n_classes, n_predictions, n_rows;
    double target[6], values[12], expected;
} metric_cases[] = {
    {"auc by pairs",
     MW_METRIC_AUC,
     MW_TRANSFORM_SIGMOID,
     2,
     1,
     4,
     {1, 0, 1, 0},
     {0.9, 0.8, 0.4, 0.1},
     0.75},
    {"ties count half",
     MW_METRIC_AUC,
     MW_TRANSFORM_SIGMOID,
     2,
     1,
     3,
     {1, 0, 0},
     {0.5, 0.5, 0.1},
     0.75},
    {"auc of a pair of outputs",
     MW_METRIC_AUC,
     MW_TRANSFORM_PAIR_SHARE,
     2,
     2,
     2,
     {0, 1},
     {0.9, 0.1, 0.2, 0.8},
     1},
    {"logloss",
     MW_METRIC_LOGLOSS,
     MW_TRANSFORM_SIGMOID,
     2,
     1,
     2,
     {1, 0},
     {0.5, 0.75},
     1.0397207708399179},
    {"certain and wrong",
     MW_METRIC_LOGLOSS,
     MW_TRANSFORM_SIGMOID,
     2,
     1,
     1,
     {1},
     {0},
     36.04365338911715},
    {"logloss of three",
     MW_METRIC_LOGLOSS,
     MW_TRANSFORM_SOFTMAX,
     3,
     3,
     1,
     {2},
     {0.25, 0.25, 0.5},
     0.6931471805599453},
    {"accuracy",
     MW_METRIC_ACCURACY,
     MW_TRANSFORM_SIGMOID,
     2,
     1,
     4,
     {1, 0, 1, 0},
     {0.9, 0.6, 0.5, 0.1},
     0.5},
    {"accuracy of labels",
     MW_METRIC_ACCURACY,
     MW_TRANSFORM_ARGMAX,
     3,
     1,
     3,
     {2, 1, 0},
     {2, 1, 1},
     0.66666666666666663},
    {"the first of equals",
     MW_METRIC_ACCURACY,
     MW_TRANSFORM_SOFTMAX,
     3,
     3,
     2,
     {0, 1},
     {0.4, 0.4, 0.2, 0.4, 0.4, 0.2},
     0.5},
    {"rmse", MW_METRIC_RMSE, MW_TRANSFORM_IDENTITY, 0, 1, 2, {1, 2}, {4, 6}, 3.5355339059327378},
    {"mae", MW_METRIC_MAE, MW_TRANSFORM_IDENTITY, 0, 1, 2, {1, 2}, {4, 6}, 3.5},
    {"r2", MW_METRIC_R2, MW_TRANSFORM_IDENTITY, 0, 1, 3, {1, 2, 3}, {1, 2, 4}, 0.5},
};

static void test_metrics(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(metric_cases); i++) {
        const struct metric_case *c = &metric_cases[i];
        mw_forest forest = {.transform = c->transform,
                            .n_classes = c->n_classes,
                            .n_predictions = c->n_predictions};
        double scratch[12];
        mw_error err = {.what = ""};
        if (mw_metric_check(&forest, c->metric, c->target, c->n_rows, &err) != MW_OK &&
            c->n_rows > 1)
            fail_msg("%s: %s", c->name, err.what);
        double got = mw_metric_of(&forest, c->metric, c->target, c->values, c->n_rows, scratch);
        if (fabs(got - c->expected) > 1e-12)
            fail_msg("%s: got %.17g, expected %.17g", c->name, got, c->expected);
    }
}

static const struct misfit_case {
    const char *name;
    mw_metric metric;
    mw_transform transform;
    size_t n_classes, n_predictions;
    double target[2];
    const char *what;
} misfit_cases[] = {
    {"auc of three classes", MW_METRIC_AUC, MW_TRANSFORM_SOFTMAX, 3, 3, {0, 1}, "two classes"},
    {"auc of numbers", MW_METRIC_AUC, MW_TRANSFORM_IDENTITY, 0, 1, {0, 1}, "predicts numbers"},
    {"rmse of classes", MW_METRIC_RMSE, MW_TRANSFORM_SIGMOID, 2, 1, {0, 1}, "predicts classes"},
    {"logloss of labels", MW_METRIC_LOGLOSS, MW_TRANSFORM_ARGMAX, 3, 1, {0, 1}, "probabilities"},
    {"accuracy of margins", MW_METRIC_ACCURACY, MW_TRANSFORM_IDENTITY, 2, 1, {0, 1}, "margins"},
    {"no such class", MW_METRIC_ACCURACY, MW_TRANSFORM_SIGMOID, 2, 1, {0, 2}, "no class: 0..1"},
    {"half a class", MW_METRIC_ACCURACY, MW_TRANSFORM_SIGMOID, 2, 1, {0, 0.5}, "no class"},
    {"missing", MW_METRIC_RMSE, MW_TRANSFORM_IDENTITY, 0, 1, {0, (double)NAN}, "missing"},
    {"one class only", MW_METRIC_AUC, MW_TRANSFORM_SIGMOID, 2, 1, {1, 1}, "differ"},
    {"no spread", MW_METRIC_R2, MW_TRANSFORM_IDENTITY, 0, 1, {3, 3}, "differ"},
};

static void test_misfits(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(misfit_cases); i++) {
        const struct misfit_case *c = &misfit_cases[i];
        mw_forest forest = {.transform = c->transform,
                            .n_classes = c->n_classes,
                            .n_predictions = c->n_predictions};
        mw_error err = {.what = ""};
        if (mw_metric_check(&forest, c->metric, c->target, 2, &err) == MW_OK ||
            !strstr(err.what, c->what))
            fail_msg("%s: '%s'", c->name, err.what);
        assert_int_equal(
            mw_metric_check(&forest, mw_metric_default(&forest), (double[]){0, 1}, 2, &err), MW_OK);
    }
}

/* ---- permutation ----------------------------------------------------------------------------- */

enum { N_ROWS = 200, N_FEATURES = 4, STRIDE = 6, REPEATS = 6 };

static void run_permutation(mw_permutation *work, double *ret_drops)
{
    double base;
    mw_error err;
    if (mw_permutation_run(work, &base, ret_drops, &err) != MW_OK)
        fail_msg("%s", err.what);
    assert_true(isfinite(base));
}

static void test_permutation(void **state)
{
    (void)state;
    forest_wish wish = {
        .n_trees = 20, .n_features = N_FEATURES - 1, .n_margins = 1, .depth_max = 4, .stop = 0.1};
    mw_forest *forest = random_forest(&wish, 11);
    forest->n_features = N_FEATURES; /* the last one stands in no split */
    mw_predictor *predictor;
    assert_int_equal(mw_predictor_new(forest, &predictor, NULL), MW_OK);
    double values[N_ROWS * STRIDE], before[N_ROWS * STRIDE], target[N_ROWS];
    double one[N_FEATURES * REPEATS], two[N_FEATURES * REPEATS];
    chance from = {5};
    for (size_t i = 0; i < N_ROWS * STRIDE; i++)
        values[i] = chance_value(&from, true);
    for (size_t i = 0; i < N_ROWS; i++)
        target[i] = chance_unit(&from);
    memcpy(before, values, sizeof values);
    mw_permutation work = {.forest = forest,
                           .predictor = predictor,
                           .values = values,
                           .n_rows = N_ROWS,
                           .row_stride = STRIDE,
                           .target = target,
                           .metric = MW_METRIC_MAE,
                           .n_repeats = REPEATS,
                           .seed = 7};
    run_permutation(&work, one);
    run_permutation(&work, two);
    assert_memory_equal(one, two, sizeof one);
    assert_memory_equal(values, before, sizeof values);
    for (size_t k = 0; k < REPEATS; k++)
        assert_true(one[(N_FEATURES - 1) * REPEATS + k] == 0);
    assert_true(mw_spread_of(one, REPEATS).deviation > 0);
    work.seed = 8;
    run_permutation(&work, two);
    assert_memory_not_equal(one, two, sizeof one);
    work.rotate = N_ROWS; /* all the way around: nothing has moved */
    run_permutation(&work, two);
    for (size_t i = 0; i < N_FEATURES * REPEATS; i++)
        assert_true(two[i] == 0);
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

static void test_spread(void **state)
{
    (void)state;
    double values[40];
    for (size_t i = 0; i < MW_COUNT(values); i++)
        values[i] = (double)i;
    mw_spread s = mw_spread_of(values, 5); /* t(4) = 2.776445 */
    assert_true(fabs(s.mean - 2) < 1e-12 && fabs(s.deviation - sqrt(2.5)) < 1e-12);
    assert_true(fabs(s.half_width - 2.776445 * sqrt(0.5)) < 1e-4);
    s = mw_spread_of(values, 12); /* t(11) = 2.200985 */
    assert_true(fabs(s.half_width - 2.200985 * s.deviation / sqrt(12)) < 2e-4 * s.half_width);
    s = mw_spread_of(values, 40); /* t(39) = 2.022691 */
    assert_true(fabs(s.half_width - 2.022691 * s.deviation / sqrt(40)) < 1e-5 * s.half_width);
    assert_true(mw_spread_of(values, 1).half_width == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_metrics),     cmocka_unit_test(test_misfits),
        cmocka_unit_test(test_permutation), cmocka_unit_test(test_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
