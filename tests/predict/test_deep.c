/* Deep walks: which forests they take, and that they give the specification's bits. */
#include "compare.h"

#include "predict/walk_deep.h"

/* Larger trees than the other tests have: all of them have more than 256 leaves. */
static const forest_wish wishes[] = {
    {.name = "xgboost",
     .n_trees = 11,
     .n_features = 7,
     .n_margins = 1,
     .depth_max = 11,
     .stop = 0.02},
    {.name = "xgboost classes", .n_trees = 9, .n_features = 7, .n_margins = 3, .depth_max = 9},
    {.name = "xgboost dart",
     .n_trees = 5,
     .n_features = 3,
     .n_margins = 1,
     .depth_max = 9,
     .dart = true},
    {.name = "xgboost vectors",
     .n_trees = 10,
     .n_features = 5,
     .n_margins = 4,
     .depth_max = 10,
     .vector_leaves = true},
    {.name = "lightgbm",
     .lightgbm = true,
     .n_trees = 9,
     .n_features = 6,
     .n_margins = 1,
     .depth_max = 40,
     .lopsided = 0.4},
    {.name = "lightgbm classes",
     .lightgbm = true,
     .n_trees = 9,
     .n_features = 6,
     .n_margins = 3,
     .depth_max = 9},
    {.name = "onnx",
     .lightgbm = true,
     .onnx = true,
     .n_trees = 17,
     .n_features = 6,
     .n_margins = 1,
     .depth_max = 30,
     .lopsided = 0.35},
    {.name = "onnx vectors",
     .lightgbm = true,
     .onnx = true,
     .n_trees = 8,
     .n_features = 6,
     .n_margins = 3,
     .depth_max = 10,
     .vector_leaves = true},
    {.name = "catboost ragged",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 8,
     .n_features = 6,
     .n_margins = 1,
     .depth_max = 30,
     .lopsided = 0.35},
    {.name = "chains of 257 leaves",
     .n_trees = 9,
     .n_features = 5,
     .n_margins = 1,
     .depth_max = 256,
     .lopsided = 1},
    {.name = "chains of 4001 leaves",
     .n_trees = 2,
     .n_features = 5,
     .n_margins = 1,
     .depth_max = 4000,
     .lopsided = 1},
    {.name = "65536 leaves",
     .n_trees = 2,
     .n_features = 9,
     .n_margins = 1,
     .depth_max = 16,
     .nodes_max = 4 << 16},
    {.name = "beyond 65537 leaves",
     .lightgbm = true,
     .n_trees = 2,
     .n_features = 9,
     .n_margins = 1,
     .depth_max = 18,
     .lopsided = 0.02,
     .nodes_max = 350000},
};

/* The first tree has more than 256 leaves by construction or by this seed; others may have fewer.
 */
static mw_forest *deep_forest(const forest_wish *wish)
{
    for (uint64_t seed = 1;; seed++) {
        mw_forest *forest = random_forest(wish, seed);
        for (size_t tree = 0; tree < forest->n_trees; tree++) {
            if (forest->tree_start[tree + 1] - forest->tree_start[tree] > 2 * 256)
                return forest;
        }
        random_forest_free(forest);
        assert_true(seed < 100);
    }
}

static void compare_rows(const char *name, const mw_forest *forest, size_t n_rows, unsigned shape,
                         double missing)
{
    chance from = {n_rows + shape};
    void *memory;
    mw_matrix rows = make_rows(&from, n_rows, forest->n_features, shape, missing, &memory);
    compare(name, forest, &rows, "deep", true);
    free(memory);
}

static void test_shapes(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 130, 300};
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = deep_forest(&wishes[w]);
        size_t step = w % TEST_SHARE ? 2 : 1; /* watched, most forests see half of them */
        for (size_t i = w % step; i < MW_COUNT(counts) - (step > 1 ? 2 : 0); i += step)
            compare_rows(wishes[w].name, forest, counts[i], (unsigned)(i % 8), 0.1);
        random_forest_free(forest);
    }
}

/* More rows than a block, and all values missing. */
static void test_blocks(void **state)
{
    (void)state;
    for (size_t w = 0; w < MW_COUNT(wishes); w += 4) {
        mw_forest *forest = deep_forest(&wishes[w]);
        compare_rows(wishes[w].name, forest, DEEP_ROWS + 5, 1, 0.05);
        compare_rows(wishes[w].name, forest, 2 * DEEP_ROWS, 0, 0.05);
        compare_rows(wishes[w].name, forest, 21, 0, 1);
        random_forest_free(forest);
    }
}

/* What no other kernel of this room mixes: < and <= in one forest, thresholds of either infinity,
 * -inf in leaves. */
static void test_odd_nodes(void **state)
{
    (void)state;
    for (unsigned lightgbm = 0; lightgbm < 2; lightgbm++) {
        forest_wish wish = wishes[lightgbm ? 4 : 0];
        mw_forest *forest = deep_forest(&wish);
        chance from = {lightgbm};
        for (size_t node = 0; node < forest->n_nodes; node++) {
            if (chance_below(&from, 3) == 0)
                ((uint8_t *)forest->flags)[node] ^= MW_NODE_LESS_EQUAL;
            if (chance_below(&from, 20) == 0 && forest->left[node] != MW_NO_CHILD)
                ((double *)forest->threshold)[node] = chance_below(&from, 2) ? INFINITY : -INFINITY;
            if (chance_below(&from, 50) == 0 && forest->left[node] == MW_NO_CHILD)
                ((double *)forest->value)[node] = -INFINITY;
        }
        for (unsigned shape = 0; shape < 8; shape++)
            compare_rows("odd nodes", forest, 90, shape, 0.1);
        random_forest_free(forest);
    }
}

/* Few rows of a wide forest go together: their codes must fit the cache. */
static void test_wide(void **state)
{
    (void)state;
    static const forest_wish wish = {
        .name = "wide", .n_trees = 4, .n_features = 4000, .n_margins = 1, .depth_max = 11};
    mw_forest *forest = deep_forest(&wish);
    void *untyped;
    mw_error err;
    assert_int_equal(deep_layout_make(forest, NULL, &untyped, &err), MW_OK);
    assert_non_null(untyped);
    assert_true(((const deep_layout *)untyped)->chunk_rows < DEEP_ROWS / 4);
    deep_layout_free(untyped);
    compare_rows(wish.name, forest, 150, 1, 0.1);
    random_forest_free(forest);
}

/* What deep walks leave to others, and whether others then take it. */
static void test_not_taken(void **state)
{
    (void)state;
    static const forest_wish others[] = {
        {.name = "256 leaves", .n_trees = 3, .n_features = 3, .n_margins = 1, .depth_max = 8},
        {.name = "sets",
         .n_trees = 3,
         .n_features = 3,
         .n_margins = 1,
         .depth_max = 9,
         .categorical = 0.2},
        {.name = "linear",
         .lightgbm = true,
         .n_trees = 3,
         .n_features = 3,
         .n_margins = 1,
         .depth_max = 9,
         .linear_leaves = true},
        {.name = "wide", .n_trees = 2, .n_features = 200000, .n_margins = 1, .depth_max = 13},
        {.name = "far",
         .n_trees = 1,
         .n_features = 5,
         .n_margins = 1,
         .depth_max = 19,
         .nodes_max = 4 << 19},
    };
    for (size_t i = 0; i < MW_COUNT(others); i++) {
        mw_forest *forest = random_forest(&others[i], i);
        void *untyped;
        mw_error err;
        assert_int_equal(deep_layout_make(forest, NULL, &untyped, &err), MW_OK);
        if (untyped)
            fail_msg("%s: taken", others[i].name);
        chance from = {i};
        void *memory;
        mw_matrix rows = make_rows(&from, 9, forest->n_features, 1, 0.1, &memory);
        compare(others[i].name, forest, &rows, "deep", false);
        free(memory);
        random_forest_free(forest);
    }
}

/* It is the kernel of such forests unless another one is named, and equal leaves share a value. */
static void test_chosen(void **state)
{
    (void)state;
    mw_forest *forest = deep_forest(&wishes[0]);
    for (size_t node = 0; node < forest->n_nodes; node++)
        ((double *)forest->value)[node] = (double)(node % 3);
    mw_error err;
    mw_predictor *predictor;
    unsetenv("MW_CPU");
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
    assert_string_equal(mw_predictor_kernel(predictor), "deep");
    assert_int_equal(((const deep_layout *)predictor->few.layout)->n_values, 3);
    mw_predictor_free(predictor);
    setenv("MW_CPU", "interleaved", 1);
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
    assert_string_equal(mw_predictor_kernel(predictor), "interleaved");
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),    cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_odd_nodes), cmocka_unit_test(test_wide),
        cmocka_unit_test(test_not_taken), cmocka_unit_test(test_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
