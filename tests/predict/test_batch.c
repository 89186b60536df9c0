/* The door: wrong calls, warm scratch, threads. */
#include "../test.h"

#include <malloc.h>

#include "predict/predict.h"

#include "random_forest.h"

static const forest_wish wish = {.name = "batch",
                                 .n_trees = 30,
                                 .n_features = 6,
                                 .n_margins = 3,
                                 .depth_max = 5,
                                 .transform = MW_TRANSFORM_SOFTMAX};

typedef struct fixture {
    mw_forest *forest;
    mw_predictor *predictor;
    mw_scratch *scratch;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    unsetenv("MW_CPU");
    f->forest = random_forest(&wish, 5);
    *state = f;
    return mw_predictor_new(f->forest, &f->predictor, NULL) != MW_OK ||
           mw_scratch_new(&f->scratch, NULL) != MW_OK;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mw_scratch_free(f->scratch);
    mw_predictor_free(f->predictor);
    random_forest_free(f->forest);
    free(f);
    return 0;
}

static void test_wrong_calls(void **state)
{
    fixture *f = *state;
    static const double data[6];
    const struct {
        const char *name;
        mw_matrix rows;
        int output;
        mw_status expected;
    } cases[] = {
        {"right", {data, MW_FLOAT64, 1, 6, 6, 1}, MW_MARGIN, MW_OK},
        {"too few columns", {data, MW_FLOAT64, 1, 5, 5, 1}, MW_MARGIN, MW_MISMATCH},
        {"too many columns", {data, MW_FLOAT64, 1, 7, 7, 1}, MW_MARGIN, MW_MISMATCH},
        {"no data", {NULL, MW_FLOAT64, 1, 6, 6, 1}, MW_MARGIN, MW_BAD_ARGUMENT},
        {"no rows, no data", {NULL, MW_FLOAT64, 0, 6, 6, 1}, MW_MARGIN, MW_OK},
        {"no rows, wrong columns", {NULL, MW_FLOAT64, 0, 5, 5, 1}, MW_MARGIN, MW_MISMATCH},
        {"dtype", {data, (mw_dtype)7, 1, 6, 6, 1}, MW_MARGIN, MW_BAD_ARGUMENT},
        {"output", {data, MW_FLOAT64, 1, 6, 6, 1}, 9, MW_BAD_ARGUMENT},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err = {0};
        double values[3] = {42, 42, 42};
        mw_status status = mw_predict_batch(f->predictor, &cases[i].rows,
                                            (mw_output)cases[i].output, f->scratch, values, &err);
        if (status != cases[i].expected)
            fail_msg("%s: got %d (%s)", cases[i].name, (int)status, err.what);
        if (status != MW_OK && values[0] != 42)
            fail_msg("%s: failed, yet wrote", cases[i].name);
    }
}

/* One row repeated backwards: strides may be 0 or negative. */
static void test_strides_of_any_sign(void **state)
{
    fixture *f = *state;
    static const double data[6] = {1, 2, 3, -1, -2, -3};
    static const double mirror[6] = {-3, -2, -1, 3, 2, 1};
    double expected[3], got[27];
    mw_matrix one = {data, MW_FLOAT64, 1, 6, 6, 1};
    mw_matrix nine = {mirror + 5, MW_FLOAT64, 9, 6, 0, -1};
    assert_int_equal(
        mw_predict_batch(f->predictor, &one, MW_PREDICTION, f->scratch, expected, NULL), MW_OK);
    assert_int_equal(mw_predict_batch(f->predictor, &nine, MW_PREDICTION, f->scratch, got, NULL),
                     MW_OK);
    for (size_t r = 0; r < 9; r++)
        assert_memory_equal(got + 3 * r, expected, sizeof expected);
}

enum { MANY = 3000 };

static double *many_rows(void)
{
    chance from = {9};
    double *data = malloc(MANY * 6 * sizeof *data);
    for (size_t i = 0; i < MANY * 6; i++)
        data[i] = chance_value(&from, false);
    return data;
}

static void test_threads_change_nothing(void **state)
{
    fixture *f = *state;
    double *data = many_rows(), *expected = malloc(MANY * 3 * sizeof *expected);
    double *got = malloc(MANY * 3 * sizeof *got);
    for (size_t n_rows = 0; n_rows <= MANY; n_rows += 500) {
        mw_matrix rows = {data, MW_FLOAT64, n_rows, 6, 6, 1};
        assert_int_equal(
            mw_predict_batch(f->predictor, &rows, MW_PREDICTION, f->scratch, expected, NULL),
            MW_OK);
        for (unsigned n_threads = 0; n_threads <= 7; n_threads++) {
            mw_pool *pool = NULL;
            if (n_threads > 0)
                assert_int_equal(mw_pool_new(n_threads, &pool, NULL), MW_OK);
            memset(got, 0xff, MANY * 3 * sizeof *got);
            assert_int_equal(
                mw_predict_parallel(f->predictor, &rows, MW_PREDICTION, pool, got, NULL), MW_OK);
            assert_memory_equal(got, expected, n_rows * 3 * sizeof *got);
            mw_pool_free(pool);
        }
    }
    mw_matrix wrong = {data, MW_FLOAT64, MANY, 5, 5, 1};
    assert_int_equal(mw_predict_parallel(f->predictor, &wrong, MW_PREDICTION, NULL, got, NULL),
                     MW_MISMATCH);
    free(data);
    free(expected);
    free(got);
}

/* The batch sizes must not matter either: rows one by one are the batch. */
static void test_row_by_row_is_the_batch(void **state)
{
    fixture *f = *state;
    double *data = many_rows(), whole[130 * 3], one[3];
    mw_matrix rows = {data, MW_FLOAT64, 130, 6, 6, 1};
    assert_int_equal(mw_predict_batch(f->predictor, &rows, MW_MARGIN, f->scratch, whole, NULL),
                     MW_OK);
    for (size_t r = 0; r < 130; r++) {
        mw_matrix row = {data + r * 6, MW_FLOAT64, 1, 6, 6, 1};
        assert_int_equal(mw_predict_batch(f->predictor, &row, MW_MARGIN, f->scratch, one, NULL),
                         MW_OK);
        assert_memory_equal(one, whole + r * 3, sizeof one);
    }
    free(data);
}

/* Counted by the allocator: a warm call takes nothing. (Under ASan mallinfo2 stands still, and the
 * test says nothing.) */
static void test_warm_scratch_allocates_nothing(void **state)
{
    fixture *f = *state;
    double *data = many_rows(), *values = malloc(MANY * 3 * sizeof *values);
    mw_matrix rows = {data, MW_FLOAT64, MANY, 6, 6, 1};
    assert_int_equal(mw_predict_batch(f->predictor, &rows, MW_PREDICTION, f->scratch, values, NULL),
                     MW_OK);
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            mw_predict_batch(f->predictor, &rows, MW_PREDICTION, f->scratch, values, NULL), MW_OK);
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(before.uordblks, after.uordblks);
    free(data);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_strides_of_any_sign),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_row_by_row_is_the_batch),
        cmocka_unit_test(test_warm_scratch_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
