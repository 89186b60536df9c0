/* From how many rows on a batch is one, and where a block of rows ends. */
#include <pthread.h>

#include "../test.h"

#include "compare.h"

static const forest_wish small = {
    .name = "small", .n_trees = 40, .n_features = 5, .n_margins = 1, .depth_max = 5};

static mw_predictor *unsettled_predictor(const mw_forest *forest)
{
    mw_error err;
    mw_predictor *predictor;
    unsetenv("MW_CPU");
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
    return predictor;
}

static mw_predictor *predictor_of(const mw_forest *forest)
{
    mw_predictor *predictor = unsettled_predictor(forest);
    mw_predictor_settle(predictor);
    return predictor;
}

/* A batch is worth it for a register of rows at the latest, a rest never before a batch. */
static void test_measured(void **state)
{
    (void)state;
    if (!byte_kernel())
        skip();
    mw_forest *forest = random_forest(&small, 1);
    mw_predictor *predictor = predictor_of(forest);
    assert_in_range(predictor->many_from, 1, predictor->many_step);
    assert_in_range(predictor->many_rest, 1, predictor->many_from);
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

/* The clock says nothing: still a choice that is not far off. */
static void test_clock_stands(void **state)
{
    (void)state;
    if (!byte_kernel())
        skip();
    static const uint64_t ns = 5;
    mw_forest *forest = random_forest(&small, 1);
    mw_clock_pin(&ns, NULL);
    mw_predictor *predictor = predictor_of(forest);
    mw_clock_pin(NULL, NULL);
    assert_in_range(predictor->many_from, 2, 64);
    assert_in_range(predictor->many_rest, 1, predictor->many_from);
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

/* Rows that go both ways, and ends of every length: the values are those of the specification. */
static void test_ends(void **state)
{
    (void)state;
    mw_forest *forest = random_forest(&small, 2);
    mw_predictor *predictor = predictor_of(forest);
    mw_error err;
    mw_scratch *scratch;
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    static const size_t froms[][2] = {{1, 0}, {1, 1}, {20, 10}, {32, 32}, {40, 31}};
    for (size_t n_rows = 0; n_rows < 300; n_rows += n_rows < 100 ? 1 : 37) {
        chance from = {n_rows};
        void *memory;
        const char *used;
        mw_matrix rows = make_rows(&from, n_rows, forest->n_features, 0, 0.1, &memory);
        double *expected = predict_with("scalar", forest, &rows, MW_MARGIN, &used);
        double *got = malloc((n_rows + 1) * sizeof *got);
        for (size_t i = 0; i < MW_COUNT(froms) && predictor->many.kernel; i++) {
            predictor->many_from = froms[i][0];
            predictor->many_rest = froms[i][1];
            memset(got, 0, (n_rows + 1) * sizeof *got);
            assert_int_equal(mw_predict_batch(predictor, &rows, MW_MARGIN, scratch, got, &err),
                             MW_OK);
            assert_same(small.name, "both ways", n_rows, n_rows, got, expected);
            assert_true(got[n_rows] == 0);
        }
        free(got);
        free(expected);
        free(memory);
    }
    mw_scratch_free(scratch);
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

/* A row needs no trees in bytes; two make them. What they take was counted before. */
static void test_first_batch_settles(void **state)
{
    (void)state;
    if (!byte_kernel())
        skip();
    mw_forest *forest = random_forest(&small, 3);
    mw_predictor *predictor = unsettled_predictor(forest);
    size_t memory_bytes = mw_predictor_memory_bytes(predictor);
    double rows[10] = {0}, values[2];
    mw_error err;
    mw_scratch *scratch;
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    for (size_t n_rows = 1; n_rows <= 2; n_rows++) {
        mw_matrix matrix = {rows, MW_FLOAT64, n_rows, 5, 5, 1};
        assert_int_equal(mw_predict_batch(predictor, &matrix, MW_MARGIN, scratch, values, &err),
                         MW_OK);
        assert_int_equal(atomic_load(&predictor->unsettled), n_rows == 1);
        assert_int_equal(atomic_load(&predictor->many_from) == SIZE_MAX, n_rows == 1);
    }
    assert_int_equal(mw_predictor_memory_bytes(predictor), memory_bytes);
    mw_scratch_free(scratch);
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

enum { TOGETHER = 4, TOGETHER_ROWS = 700 };

typedef struct first_call {
    pthread_t thread;
    const mw_predictor *predictor;
    pthread_barrier_t *begin;
    const mw_matrix *rows;
    double values[TOGETHER_ROWS];
    mw_status status;
} first_call;

static void *call_first(void *context)
{
    first_call *call = context;
    mw_scratch *scratch = NULL;
    call->status = mw_scratch_new(&scratch, NULL);
    pthread_barrier_wait(call->begin);
    if (call->status == MW_OK)
        call->status =
            mw_predict_batch(call->predictor, call->rows, MW_MARGIN, scratch, call->values, NULL);
    mw_scratch_free(scratch);
    return NULL;
}

/* The first batches of all threads at once: one settles, and all have the same values. */
static void test_first_batches_together(void **state)
{
    (void)state;
    static first_call calls[TOGETHER];
    mw_forest *forest = random_forest(&small, 4);
    mw_predictor *predictor = unsettled_predictor(forest);
    chance from = {7};
    void *memory;
    const char *used;
    mw_matrix rows = make_rows(&from, TOGETHER_ROWS, forest->n_features, 0, 0.1, &memory);
    pthread_barrier_t begin;
    pthread_barrier_init(&begin, NULL, TOGETHER);
    for (size_t i = 0; i < TOGETHER; i++) {
        calls[i] = (first_call){.predictor = predictor, .begin = &begin, .rows = &rows};
        assert_int_equal(pthread_create(&calls[i].thread, NULL, call_first, &calls[i]), 0);
    }
    for (size_t i = 0; i < TOGETHER; i++)
        pthread_join(calls[i].thread, NULL);
    double *expected = predict_with("scalar", forest, &rows, MW_MARGIN, &used);
    for (size_t i = 0; i < TOGETHER; i++) {
        assert_int_equal(calls[i].status, MW_OK);
        assert_same(small.name, "together", TOGETHER_ROWS, TOGETHER_ROWS, calls[i].values,
                    expected);
    }
    pthread_barrier_destroy(&begin);
    free(expected);
    free(memory);
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured),
        cmocka_unit_test(test_clock_stands),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_first_batch_settles),
        cmocka_unit_test(test_first_batches_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
