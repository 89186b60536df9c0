/* From how many rows on a batch is one, and where a block of rows ends. */
#include "../test.h"

#include "compare.h"

static const forest_wish small = {
    .name = "small", .n_trees = 40, .n_features = 5, .n_margins = 1, .depth_max = 5};

static mw_predictor *predictor_of(const mw_forest *forest)
{
    mw_error err;
    mw_predictor *predictor;
    unsetenv("MW_CPU");
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured),
        cmocka_unit_test(test_clock_stands),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
