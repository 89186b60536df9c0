/* Cells: within one every prediction is the same. Curves: against their definitions. */
#include "../test.h"

#include "insight/insight.h"

#include "../predict/random_forest.h"

enum { N_FEATURES = 3, N_ROWS = 150 };

static double predict_one(const mw_predictor *predictor, const double *row)
{
    double value;
    mw_scratch *scratch;
    mw_matrix rows = {row, MW_FLOAT64, 1, N_FEATURES, N_FEATURES, 1};
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    assert_int_equal(mw_predict_batch(predictor, &rows, MW_MARGIN, scratch, &value, NULL), MW_OK);
    mw_scratch_free(scratch);
    return value;
}

static void test_cells_are_constant(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 13; seed++) {
        forest_wish wish = {.n_trees = 6,
                            .n_features = N_FEATURES,
                            .n_margins = 1,
                            .depth_max = 4,
                            .stop = 0.1,
                            .lightgbm = seed % 3 > 0,
                            .onnx = seed % 3 == 2};
        mw_forest *forest = random_forest(&wish, seed);
        mw_predictor *predictor;
        double *breaks, row[N_FEATURES];
        size_t n_breaks;
        chance from = {seed};
        assert_int_equal(mw_predictor_new(forest, &predictor, NULL), MW_OK);
        assert_int_equal(mw_cells_breaks(forest, 1, &breaks, &n_breaks, NULL), MW_OK);
        for (size_t i = 0; i < 200; i++) {
            for (size_t f = 0; f < N_FEATURES; f++)
                row[f] = chance_value(&from, true);
            double here = predict_one(predictor, row);
            size_t cell = mw_cells_find(breaks, n_breaks, predict_value(forest->input, row[1]));
            double inside = mw_cells_value(forest->input, breaks, n_breaks, cell);
            if (mw_cells_find(breaks, n_breaks, inside) != cell)
                fail_msg("seed %d: %g is not in cell %zu", (int)seed, inside, cell);
            row[1] = inside;
            if (predict_one(predictor, row) != here)
                fail_msg("seed %d: cell %zu is not constant", (int)seed, cell);
            row[1] = cell > 0 ? breaks[cell - 1] : inside; /* the begin belongs to it */
            assert_true(predict_one(predictor, row) == here);
        }
        free(breaks);
        mw_predictor_free(predictor);
        random_forest_free(forest);
    }
}

static double rows_by_chance[N_ROWS * N_FEATURES];

static mw_curve curve_over(const mw_forest *forest, const mw_predictor *predictor)
{
    chance from = {9};
    for (size_t i = 0; i < N_ROWS * N_FEATURES; i++)
        rows_by_chance[i] = chance_below(&from, 9) ? chance_unit(&from) * 6 - 3 : (double)NAN;
    return (mw_curve){.forest = forest,
                      .predictor = predictor,
                      .values = rows_by_chance,
                      .n_rows = N_ROWS,
                      .row_stride = N_FEATURES,
                      .feature = 1,
                      .output = MW_MARGIN};
}

/* Plain loops over the definitions. */
static void test_definitions(void **state)
{
    (void)state;
    forest_wish wish = {.n_trees = 9, .n_features = N_FEATURES, .n_margins = 1, .depth_max = 4};
    mw_forest *forest = random_forest(&wish, 4);
    mw_predictor *predictor;
    double grid[64], means[64], effects[64], row[N_FEATURES];
    size_t n_grid, counts[64];
    assert_int_equal(mw_predictor_new(forest, &predictor, NULL), MW_OK);
    mw_curve curve = curve_over(forest, predictor);
    assert_int_equal(mw_grid_quantiles(&curve, 10, grid, &n_grid, NULL), MW_OK);
    assert_int_equal(n_grid, 11);
    assert_int_equal(mw_curve_mean(&curve, grid, n_grid, means, NULL), MW_OK);
    for (size_t i = 0; i < n_grid; i++) {
        double sum = 0;
        for (size_t r = 0; r < N_ROWS; r++) {
            memcpy(row, rows_by_chance + r * N_FEATURES, sizeof row);
            row[1] = grid[i];
            sum += predict_one(predictor, row);
        }
        assert_true(fabs(means[i] - sum / N_ROWS) < 1e-12);
    }
    assert_int_equal(mw_curve_ale(&curve, grid, n_grid, counts, effects, NULL), MW_OK);
    double total = 0, n_rows = 0;
    for (size_t k = 1; k < n_grid; k++) {
        double sum = 0, count = 0;
        for (size_t r = 0; r < N_ROWS; r++) {
            memcpy(row, rows_by_chance + r * N_FEATURES, sizeof row);
            bool in = k == 1 ? row[1] >= grid[0] && row[1] <= grid[1]
                             : row[1] > grid[k - 1] && row[1] <= grid[k];
            if (!in)
                continue;
            row[1] = grid[k];
            sum += predict_one(predictor, row);
            row[1] = grid[k - 1];
            sum -= predict_one(predictor, row);
            count++;
        }
        assert_int_equal(counts[k - 1], (size_t)count);
        assert_true(fabs(effects[k] - effects[k - 1] - sum / fmax(count, 1)) < 1e-12);
        total += count * (effects[k] + effects[k - 1]) / 2;
        n_rows += count;
    }
    assert_true(fabs(total / n_rows) < 1e-12);
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

static void test_refusals(void **state)
{
    (void)state;
    forest_wish wish = {
        .n_trees = 9, .n_features = N_FEATURES, .n_margins = 1, .depth_max = 4, .categorical = 1};
    mw_forest *forest = random_forest(&wish, 4);
    mw_predictor *predictor;
    double grid[8];
    size_t n_grid;
    mw_error err;
    assert_int_equal(mw_predictor_new(forest, &predictor, NULL), MW_OK);
    mw_curve curve = curve_over(forest, predictor);
    assert_int_equal(mw_curve_ale(&curve, NULL, 0, NULL, NULL, &err), MW_UNSUPPORTED);
    assert_non_null(strstr(err.mend, "--kind pdp"));
    assert_int_equal(mw_grid_distinct(&curve, 8, grid, &n_grid, &err), MW_BAD_ARGUMENT);
    for (size_t r = 0; r < N_ROWS; r++)
        rows_by_chance[r * N_FEATURES + 1] = (double)NAN;
    assert_int_equal(mw_grid_even(&curve, 8, grid, &n_grid, &err), MW_BAD_ARGUMENT);
    assert_non_null(strstr(err.what, "every row lacks"));
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_are_constant),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
