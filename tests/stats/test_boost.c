/* Boosted trees on rows whose truth is known: what varies is found, what does not is the mean. */
#include <math.h>
#include <stdlib.h>

#include "../chance.h"
#include "stats/stats.h"
#include "test.h"

enum { ROWS = 2000, COLUMNS = 3 };

static double rows[ROWS * COLUMNS], targets[ROWS], said[ROWS];

/* A step at 0.3 in the first column; the second is missing now and then, the third is a constant.
 */
static double truth_of(const double *row)
{
    return (row[0] > 0.3 ? 5 : 1) + (isnan(row[1]) ? 4 : 0);
}

static void draw(uint64_t seed, double noise)
{
    for (size_t i = 0; i < ROWS; i++) {
        double *row = rows + i * COLUMNS;
        row[0] = test_chance(&seed);
        row[1] = test_chance(&seed) < 0.2 ? (double)NAN : test_chance(&seed);
        row[2] = 7;
        targets[i] = truth_of(row) + noise * (test_chance(&seed) - 0.5);
    }
}

static double mean_of(const double *values)
{
    double sum = 0;
    for (size_t i = 0; i < ROWS; i++)
        sum += values[i];
    return sum / ROWS;
}

static mw_boost *fit(size_t n_columns)
{
    mw_error err;
    mw_boost *boost = NULL;
    assert_int_equal(mw_boost_fit(rows, ROWS, n_columns, targets, &boost, &err), MW_OK);
    mw_boost_predict(boost, rows, ROWS, n_columns, said);
    assert_true(fabs(mean_of(said) - mean_of(targets)) < 1e-9);
    return boost;
}

static void test_steps_and_what_is_missing(void **state)
{
    (void)state;
    double squares = 0;
    draw(1, 2);
    mw_boost *boost = fit(COLUMNS);
    draw(2, 0); /* rows that it has not seen */
    mw_boost_predict(boost, rows, ROWS, COLUMNS, said);
    for (size_t i = 0; i < ROWS; i++)
        squares += pow(said[i] - targets[i], 2) / ROWS;
    assert_true(mw_boost_trees(boost) > 20);
    assert_true(sqrt(squares) < 0.4); /* the truth's own deviation is 2.4 */
    const double odd[] = {(double)INFINITY, -(double)INFINITY, 7};
    mw_boost_predict(boost, odd, 1, COLUMNS, said);
    assert_true(said[0] > 4.5 && isfinite(said[0]));
    mw_boost_free(boost);
}

static void test_noise_is_the_mean(void **state)
{
    (void)state;
    uint64_t seed = 3;
    draw(4, 0);
    for (size_t i = 0; i < ROWS; i++)
        targets[i] = test_chance(&seed);
    mw_boost *boost = fit(COLUMNS);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(fabs(said[i] - mean_of(targets)) < 0.1);
    mw_boost_free(boost);
}

static void test_rows_that_tell_nothing(void **state)
{
    (void)state;
    draw(5, 1);
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = (double)NAN; /* one column, all missing */
    mw_boost *boost = fit(1);
    assert_true(mw_boost_trees(boost) == 0 && fabs(said[0] - mean_of(targets)) < 1e-9);
    mw_boost_free(boost);
    draw(6, 0);
    for (size_t i = 0; i < ROWS; i++)
        targets[i] = 2;
    boost = fit(COLUMNS);
    assert_true(said[0] == 2 && said[ROWS - 1] == 2);
    mw_boost_free(boost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_and_what_is_missing),
        cmocka_unit_test(test_noise_is_the_mean),
        cmocka_unit_test(test_rows_that_tell_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
