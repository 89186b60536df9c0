/* Performance without labels over live rows: what the first labels say, when it is believed to have
 * fallen, and where from. Scores are true chances: whatever is estimated has a known truth. */
#include <math.h>
#include <stdlib.h>

#include "monitor/watch.h"
#include "test.h"

#include "pinned.h"

enum { FEATURES = 2, COLUMNS = FEATURES + 1, LABELS = 2000, LEARN = 500 };

static int begin(void **state)
{
    (void)state;
    return pinned_begin(LEARN, 1700000000000, 5);
}

/* Where x is small the model is sure, where it is large it is not. */
static double score_of(double x)
{
    double sure = 0.45 * (1 - x) + 0.02;
    return test_chance(&seed) < 0.5 ? 0.5 + sure : 0.5 - sure;
}

static double draw_x(double hard)
{
    double x = test_chance(&seed);
    return test_chance(&seed) < hard ? 0.9 + x / 10 : x;
}

static void tell_labels(size_t n)
{
    static double scores[LABELS], labels[LABELS];
    for (size_t i = 0; i < n; i++) {
        scores[i] = score_of(draw_x(0));
        labels[i] = test_chance(&seed) < scores[i];
    }
    const mw_watch_truth truth = {.n = n, .n_scores = 1, .scores = scores, .labels = labels};
    assert_int_equal(mw_monitor_truth(monitor, "d", 1, &truth, NULL), MW_OK);
}

/* `hard`: share of rows where the model is unsure. Returns the accuracy that labels would tell. */
static double serve(size_t seconds, double hard)
{
    double right = 0, rows = 0;
    for (size_t s = 0; s < seconds; s++) {
        for (size_t i = 0; i < 50; i++) {
            double row[FEATURES] = {draw_x(hard), test_chance(&seed)}, score = score_of(row[0]);
            mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
            mw_monitor_tap(monitor, "d", 1, &matrix, &score, 1);
            right += (test_chance(&seed) < score) == (score >= 0.5);
            rows++;
        }
        now_ns += SECOND;
        mw_monitor_look(monitor);
    }
    return right / rows;
}

static mw_watch_decay told(void)
{
    mw_watch_decay decay;
    assert_true(mw_monitor_decay(monitor, "d", 1, &decay));
    return decay;
}

static void test_usual_rows(void **state)
{
    mw_watch_decay decay;
    (void)state;
    if (TEST_WATCHED)
        skip(); /* the others go the same ways */
    serve(20, 0);
    assert_false(mw_monitor_decay(monitor, "d", 1, &decay));
    tell_labels(500);
    assert_true(told().rows == 0 && told().reference_labels == 500);
    tell_labels(LABELS);
    tell_labels(500); /* fewer do not take the place of more */
    assert_int_equal(told().reference_labels, LABELS);
    double right = serve(120, 0);
    for (size_t s = 0; s < 1200; s++) {
        serve(1, 0);
        assert_int_equal(told().n_decayed, 0);
    }
    decay = told();
    assert_true(fabs(decay.estimated[MW_DECAY_ACCURACY] - right) < 0.03);
    assert_true(decay.low[MW_DECAY_ACCURACY] < right && right < decay.high[MW_DECAY_ACCURACY]);
    assert_true(decay.n_causes == 0 && decay.n_slices == 0 && decay.rows > 1000);
}

static void test_decay_and_its_cause(void **state)
{
    (void)state;
    serve(20, 0);
    tell_labels(LABELS);
    double before = serve(300, 0), hard = 0;
    assert_int_equal(told().n_decayed, 0);
    for (size_t s = 0; s < 900; s++) /* the quarter of an hour ends, and another begins */
        serve(1, 0.7);
    hard = serve(300, 0.7);
    mw_watch_decay decay = told();
    assert_true(hard < before - 0.1);
    assert_true(decay.decayed[MW_DECAY_ACCURACY] && decay.decayed[MW_DECAY_AUC]);
    assert_true(decay.low[MW_DECAY_ACCURACY] < hard && hard < decay.high[MW_DECAY_ACCURACY]);
    assert_true(fabs(decay.reference[MW_DECAY_ACCURACY] - before) < 0.05);
    assert_true(decay.n_causes >= 1 && decay.causes[0].column == 0);
    assert_true(fabs(decay.causes[0].lost - (before - hard)) < 0.06);
    assert_true(decay.n_slices >= 1 && decay.slices[0].column == 0 && decay.slices[0].share > 0.3 &&
                decay.slices[0].value < 0.7 && decay.slices[0].where.low > 0.5);
    if (TEST_WATCHED)
        return; /* until it is over, half an hour more */
    for (size_t s = 0; s < 1800; s++)
        serve(1, 0);
    assert_int_equal(told().n_decayed, 0);
}

/* ---- windows --------------------------------------------------------------------------------- */

static void test_windows_of_five_minutes(void **state)
{
    mw_watch_decay_window windows[MW_WATCH_DECAY_WINDOWS];
    (void)state;
    serve(20, 0);
    assert_int_equal(mw_monitor_decay_windows(monitor, "d", 1, windows), 0);
    tell_labels(500);
    double right = serve(700, 0), hard;
    tell_labels(LABELS); /* what was told stays */
    serve(600, 0.7);
    hard = serve(300, 0.7);
    size_t n = mw_monitor_decay_windows(monitor, "d", 1, windows);
    assert_in_range(n, 5, 7);
    for (size_t i = 0; i < n; i++) {
        assert_true(windows[i].seconds == 300 && fmod(windows[i].t, 300) == 0);
        assert_true(i == 0 || windows[i].t == windows[i - 1].t + 300);
    }
    const mw_watch_decay_window *usual = &windows[1], *late = &windows[n - 2];
    assert_true(fabs(usual->estimated[MW_DECAY_ACCURACY] - right) < 0.03);
    assert_true(usual->low[MW_DECAY_ACCURACY] < right && right < usual->high[MW_DECAY_ACCURACY]);
    assert_true(fabs(late->estimated[MW_DECAY_ACCURACY] - hard) < 0.03);
    serve(300, 0); /* nobody asks for an hour: a gap */
    now_ns += UINT64_C(3600) * SECOND;
    serve(3, 0);
    n = mw_monitor_decay_windows(monitor, "d", 1, windows);
    assert_true(windows[n - 1].t - windows[n - 2].t >= 3300);
    assert_true(windows[n - 1].rows < 200 && isnan(windows[n - 1].estimated[MW_DECAY_F1]));
}

/* ---- several classes ------------------------------------------------------------------------- */

enum { CLASSES = 3 };

/* Chances of classes: where x is large, all are alike. Returns the truth. */
static double draw_classes(double x, double *ret_scores, size_t stride)
{
    size_t likely = (size_t)(test_chance(&seed) * CLASSES);
    double chance = test_chance(&seed), rest = (1 - (0.9 - 0.5 * x)) / (CLASSES - 1);
    for (size_t k = 0; k < CLASSES; k++)
        ret_scores[k * stride] = k == likely ? 0.9 - 0.5 * x : rest;
    for (size_t k = 0; k < CLASSES; k++)
        if ((chance -= ret_scores[k * stride]) < 0)
            return (double)k;
    return CLASSES - 1;
}

static double serve_classes(size_t seconds, double hard)
{
    double right = 0, rows = 0;
    for (size_t s = 0; s < seconds; s++) {
        for (size_t i = 0; i < 50; i++) {
            double row[FEATURES] = {draw_x(hard), test_chance(&seed)}, scores[CLASSES];
            double truth = draw_classes(row[0], scores, 1);
            mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
            mw_monitor_tap(monitor, "d", 1, &matrix, scores, CLASSES);
            right += scores[(size_t)truth] > 0.34;
            rows++;
        }
        now_ns += SECOND;
        mw_monitor_look(monitor);
    }
    return right / rows;
}

static void test_several_classes(void **state)
{
    static double scores[CLASSES * LABELS], labels[LABELS];
    mw_error err;
    (void)state;
    serve_classes(20, 0);
    for (size_t i = 0; i < LABELS; i++)
        labels[i] = draw_classes(draw_x(0), scores + i, LABELS);
    mw_watch_truth truth = {.n = LABELS, .n_scores = CLASSES, .scores = scores, .labels = labels};
    assert_int_equal(mw_monitor_truth(monitor, "d", 1, &truth, &err), MW_OK);
    truth.n_scores = 2;
    assert_int_equal(mw_monitor_truth(monitor, "d", 1, &truth, &err), MW_MISMATCH);
    double before = serve_classes(300, 0), hard;
    assert_int_equal(told().n_decayed, 0);
    assert_true(fabs(told().estimated[MW_DECAY_ACCURACY] - before) < 0.03);
    serve_classes(900, 0.7);
    hard = serve_classes(300, 0.7);
    mw_watch_decay decay = told();
    assert_true(hard < before - 0.1);
    assert_true(decay.decayed[MW_DECAY_ACCURACY] && decay.decayed[MW_DECAY_RECALL]);
    assert_true(decay.low[MW_DECAY_ACCURACY] < hard && hard < decay.high[MW_DECAY_ACCURACY]);
    assert_true(decay.n_causes >= 1 && decay.causes[0].column == 0);
}

/* ---- a regression ---------------------------------------------------------------------------- */

/* Errors grow with x: evenly drawn up to 0.5, and up to 4 from 0.8 on. */
static double draw_error(double x)
{
    return (x > 0.8 ? 4 : 0.5) * (2 * test_chance(&seed) - 1);
}

typedef struct losses {
    double mae, rmse;
} losses;

static losses serve_numbers(size_t seconds, double hard)
{
    losses sum = {0};
    for (size_t i = 0; i < 50 * seconds; i++) {
        double row[FEATURES] = {draw_x(hard), test_chance(&seed)}, said = 10 * row[1];
        double error = draw_error(row[0]);
        mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
        mw_monitor_tap(monitor, "d", 1, &matrix, &said, 1);
        sum.mae += fabs(error);
        sum.rmse += error * error;
        if (i % 50 < 49)
            continue;
        now_ns += SECOND;
        mw_monitor_look(monitor);
    }
    double n = 50.0 * (double)seconds;
    return (losses){sum.mae / n, sqrt(sum.rmse / n)};
}

static void tell_numbers(size_t n, mw_status expected, size_t n_columns)
{
    static double rows[LABELS * FEATURES], said[LABELS], labels[LABELS];
    mw_error err;
    for (size_t i = 0; i < n; i++) {
        double *row = rows + i * FEATURES;
        row[0] = draw_x(0);
        row[1] = test_chance(&seed);
        said[i] = 10 * row[1];
        labels[i] = said[i] + draw_error(row[0]);
    }
    const mw_watch_truth truth = {n, 1, said, labels, rows, n_columns};
    assert_int_equal(mw_monitor_truth(monitor, "d", 1, &truth, &err), expected);
}

static void test_a_regression(void **state)
{
    enum { MAE, MSE, RMSE };
    mw_watch_decay_window windows[MW_WATCH_DECAY_WINDOWS];
    (void)state;
    serve_numbers(20, 0);
    tell_numbers(500, MW_MISMATCH, FEATURES - 1);
    tell_numbers(LABELS, MW_OK, FEATURES);
    losses before = serve_numbers(300, 0);
    mw_watch_decay decay = told();
    assert_true(decay.is_regression && decay.n_metrics == MW_WATCH_ERRORS && decay.n_decayed == 0);
    assert_string_equal(mw_watch_decay_name(true, RMSE), "rmse");
    assert_true(fabs(decay.estimated[MAE] - before.mae) < 0.1 * before.mae);
    assert_true(decay.low[RMSE] < before.rmse && before.rmse < decay.high[RMSE]);
    assert_true(fabs(decay.reference[MAE] - before.mae) < 0.1 * before.mae);
    serve_numbers(900, 0.5);
    losses hard = serve_numbers(300, 0.5);
    decay = told();
    assert_true(hard.mae > 1.5 * before.mae && decay.n_decayed == 3);
    assert_true(decay.low[MAE] < hard.mae && hard.mae < decay.high[MAE]);
    assert_true(decay.low[RMSE] < hard.rmse && hard.rmse < decay.high[RMSE]);
    assert_true(fabs(decay.estimated[RMSE] * decay.estimated[RMSE] - decay.estimated[MSE]) < 1e-9);
    assert_true(decay.n_causes == 1 && decay.causes[0].column == 0);
    assert_true(fabs(decay.causes[0].lost - (hard.mae - before.mae)) < 0.1);
    assert_true(decay.n_slices >= 1 && decay.slices[0].where.low > 0.7 &&
                fabs(decay.slices[0].value - 2) < 0.3);
    size_t n = mw_monitor_decay_windows(monitor, "d", 1, windows);
    assert_true(n >= 5 && fabs(windows[n - 2].estimated[MAE] - hard.mae) < 0.15 * hard.mae);
    assert_true(windows[n - 2].low[MAE] < hard.mae && hard.mae < windows[n - 2].high[MAE]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_usual_rows, begin, end),
        cmocka_unit_test_setup_teardown(test_decay_and_its_cause, begin, end),
        cmocka_unit_test_setup_teardown(test_windows_of_five_minutes, begin, end),
        cmocka_unit_test_setup_teardown(test_several_classes, begin, end),
        cmocka_unit_test_setup_teardown(test_a_regression, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
