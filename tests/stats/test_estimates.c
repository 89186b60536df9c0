/* Estimates before labels come, on rows small enough for paper: chances of classes that sum to one,
 * classes that are not there, losses and their roots. Larger ones: tests/wire/test_decay.py. */
#include <math.h>

#include "stats/stats.h"
#include "test.h"

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-12))
        fail_msg("%.17g, not %.17g", got, expected);
}

/* ---- several classes ------------------------------------------------------------------------- */

static const double scores[] = {/* class 0 */ 0.6, 0.2, 0.1, 0.3,
                                /* 1 */ 0.3,       0.5, 0.1, 0.3,
                                /* 2 */ 0.1,       0.3, 0.8, 0.4};
static const double said[] = {0, 1, 2, 2}, was[] = {0, 1, 2, 0};

static mw_class_scores four_rows(void)
{
    return (mw_class_scores){scores, 4, 3, 4, said, was};
}

static void test_chances_sum_to_one(void **state)
{
    (void)state;
    mw_error err;
    mw_class_chances *chances;
    mw_class_scores rows = four_rows();
    double found[3];
    static const double doubled[] = {1.2, 0.6, 0.2}, none[] = {0, 0, 0};
    assert_int_equal(mw_class_chances_fit(&rows, MW_CALIBRATE_NEVER, &chances, &err), MW_OK);
    assert_int_equal(mw_class_chances_calibrated(chances), 0);
    mw_class_chances_at(chances, doubled, 1, found);
    assert_near(found[0], 0.6);
    assert_near(found[2], 0.1);
    mw_class_chances_at(chances, none, 1, found);
    assert_near(found[1], 1.0 / 3);
    mw_class_chances_free(chances);
    assert_int_equal(mw_class_chances_fit(&rows, MW_CALIBRATE_ALWAYS, &chances, &err), MW_OK);
    assert_int_equal(mw_class_chances_calibrated(chances), 3);
    mw_class_chances_free(chances);
}

static void test_classes_against_the_rest(void **state)
{
    (void)state;
    mw_error err;
    mw_class_chances *chances;
    mw_class_scores rows = four_rows();
    double estimated[MW_N_DECAY], realized[MW_N_DECAY];
    mw_decay_error errors[MW_N_DECAY];
    assert_int_equal(mw_class_chances_fit(&rows, MW_CALIBRATE_NEVER, &chances, &err), MW_OK);
    assert_int_equal(mw_decay_estimate_classes(chances, &rows, estimated, &err), MW_OK);
    mw_class_chances_free(chances);
    assert_near(estimated[MW_DECAY_ACCURACY], (0.6 + 0.5 + 0.8 + 0.4) / 4);
    assert_near(estimated[MW_DECAY_PRECISION], (0.6 + 0.5 + (0.8 + 0.4) / 2) / 3);
    assert_near(estimated[MW_DECAY_RECALL], (0.6 / 1.2 + 0.5 / 1.2 + 1.2 / 1.6) / 3);
    assert_int_equal(mw_decay_realized_classes(&rows, realized, &err), MW_OK);
    assert_near(realized[MW_DECAY_ACCURACY], 0.75);
    assert_near(realized[MW_DECAY_RECALL], (0.5 + 1 + 1) / 3);
    assert_near(realized[MW_DECAY_SPECIFICITY], (1 + 1 + 2.0 / 3) / 3);
    assert_int_equal(mw_decay_errors_classes(&rows, errors, &err), MW_OK);
    assert_near(mw_decay_error_of(&errors[MW_DECAY_ACCURACY], 100), sqrt(0.75 * 0.25) / 10);
    assert_near(mw_decay_error_of(&errors[MW_DECAY_RECALL], 100), sqrt(0.25 / 0.5) / 3 / 10);
}

static void test_what_is_not_there_is_nan(void **state)
{
    (void)state;
    mw_error err;
    double realized[MW_N_DECAY];
    static const double two[] = {0, 1, 1, 0}, one[] = {0, 0, 0, 0};
    mw_class_scores rows = four_rows();
    rows.labels = two; /* class 2 has no row */
    assert_int_equal(mw_decay_realized_classes(&rows, realized, &err), MW_OK);
    assert_true(isnan(realized[MW_DECAY_AUC]) && !isnan(realized[MW_DECAY_F1]));
    rows.labels = one;
    assert_int_equal(mw_decay_realized_classes(&rows, realized, &err), MW_OK);
    assert_true(isnan(realized[MW_DECAY_F1]) && isnan(realized[MW_DECAY_ACCURACY]));
}

/* ---- losses ---------------------------------------------------------------------------------- */

static void test_losses(void **state)
{
    (void)state;
    static const double labels[] = {4, 0, 10}, predictions[] = {3, 2, 10};
    const double log_0 = log(5.0 / 4), log_1 = log(3);
    static const struct {
        mw_loss_metric metric;
        double realized;
    } cases[] = {{MW_LOSS_MAE, 1}, {MW_LOSS_MSE, 5.0 / 3}};
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        assert_near(mw_loss_realized(cases[i].metric, labels, predictions, 3), cases[i].realized);
    assert_near(mw_loss_realized(MW_LOSS_RMSE, labels, predictions, 3), sqrt(5.0 / 3));
    assert_near(mw_loss_realized(MW_LOSS_RMSLE, labels, predictions, 3),
                sqrt((log_0 * log_0 + log_1 * log_1) / 3));
    assert_near(mw_loss_at(MW_LOSS_PERCENTAGE, -4, -3), 0.25);
    assert_true(mw_loss_at(MW_LOSS_PERCENTAGE, 0, 2) > 1e15);
    static const double predicted[] = {1, -5, 3}; /* no loss is negative */
    assert_near(mw_loss_estimate(MW_LOSS_MSE, predicted, 3), 4.0 / 3);
    assert_near(mw_loss_estimate(MW_LOSS_RMSE, predicted, 3), sqrt(4.0 / 3));
    mw_decay_error error = mw_loss_error(MW_LOSS_MAE, labels, predictions, 3);
    assert_near(mw_decay_error_of(&error, 4), sqrt(2.0 / 3) / 2);
    error = mw_r2_error(labels, predictions, 3); /* means A = 5 / 3, B = 152 / 9 */
    assert_near(error.spread, 0.1194982173671605);
    error = mw_r2_error(predictions + 2, predictions + 2, 1);
    assert_true(isnan(error.spread));
    error = mw_loss_error(MW_LOSS_RMSE, labels, predictions, 3);
    const double squares_spread = sqrt((1 + 16) / 3.0 - 25.0 / 9);
    assert_near(mw_decay_error_of(&error, 1), squares_spread / (2 * sqrt(5.0 / 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chances_sum_to_one),
        cmocka_unit_test(test_classes_against_the_rest),
        cmocka_unit_test(test_what_is_not_there_is_nan),
        cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
