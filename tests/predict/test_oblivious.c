/* Oblivious trees in bytes: found wherever they are, and equal to the specification. */
#include "compare.h"

#include "predict/bytes_oblivious.h"

static const forest_wish wishes[] = {
    {.name = "catboost 6",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 40,
     .n_features = 7,
     .n_margins = 1,
     .depth_max = 6},
    {.name = "catboost 8",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 21,
     .n_features = 7,
     .n_margins = 1,
     .depth_max = 8},
    {.name = "catboost classes",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 19,
     .n_features = 5,
     .n_margins = 3,
     .depth_max = 5,
     .vector_leaves = true},
    {.name = "one a class",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 12,
     .n_features = 5,
     .n_margins = 4,
     .depth_max = 4},
    {.name = "catboost 9",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 5,
     .n_features = 9,
     .n_margins = 1,
     .depth_max = 9},
    {.name = "catboost 16",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 3,
     .n_features = 9,
     .n_margins = 1,
     .depth_max = 16},
    {.name = "onnx 7",
     .lightgbm = true,
     .onnx = true,
     .n_trees = 35,
     .n_features = 4,
     .n_margins = 1,
     .depth_max = 7},
    {.name = "onnx 10",
     .lightgbm = true,
     .onnx = true,
     .n_trees = 4,
     .n_features = 4,
     .n_margins = 2,
     .depth_max = 10,
     .vector_leaves = true},
    {.name = "lightgbm",
     .lightgbm = true,
     .n_trees = 17,
     .n_features = 3,
     .n_margins = 1,
     .depth_max = 5},
    {.name = "xgboost stumps", .n_trees = 33, .n_features = 3, .n_margins = 1, .depth_max = 1},
    {.name = "xgboost dart",
     .n_trees = 18,
     .n_features = 6,
     .n_margins = 2,
     .depth_max = 3,
     .dart = true},
    {.name = "xgboost sets",
     .n_trees = 20,
     .n_features = 6,
     .n_margins = 1,
     .depth_max = 6,
     .categorical = 0.5},
    {.name = "lightgbm sets",
     .lightgbm = true,
     .n_trees = 9,
     .n_features = 3,
     .n_margins = 1,
     .depth_max = 9,
     .categorical = 1},
};

static mw_forest *oblivious_forest(const forest_wish *wish, uint64_t seed)
{
    forest_wish with = *wish;
    with.oblivious = true;
    return random_forest(&with, seed);
}

static void test_shapes(void **state)
{
    (void)state;
    if (!byte_kernel())
        skip();
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = oblivious_forest(&wishes[w], 500 + w);
        chance from = {w};
        for (size_t n_rows = 1; n_rows <= 300; n_rows += n_rows < 130 && TEST_SHARE == 1 ? 7 : 61) {
            void *memory;
            unsigned shape = (unsigned)(n_rows % 8);
            mw_matrix rows = make_rows(&from, n_rows, forest->n_features, shape, 0.1, &memory);
            compare(wishes[w].name, forest, &rows, byte_kernel(), true);
            compare_emulated(wishes[w].name, forest, &rows, true);
            free(memory);
        }
        random_forest_free(forest);
    }
}

static void test_all_missing(void **state)
{
    (void)state;
    if (!byte_kernel())
        skip();
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = oblivious_forest(&wishes[w], 900 + w);
        chance from = {w};
        void *memory;
        mw_matrix rows = make_rows(&from, 40, forest->n_features, 0, 1, &memory);
        compare(wishes[w].name, forest, &rows, byte_kernel(), true);
        compare_emulated(wishes[w].name, forest, &rows, true);
        free(memory);
        random_forest_free(forest);
    }
}

static size_t count_oblivious(const mw_forest *forest)
{
    void *untyped;
    mw_error err;
    assert_int_equal(bytes_layout_make(forest, NULL, &untyped, &err), MW_OK);
    assert_non_null(untyped);
    const bytes_layout *layout = untyped;
    size_t n = 0;
    for (size_t tree = 0; tree < layout->n_trees; tree++)
        n += layout->trees[tree].oblivious;
    bytes_layout_free(untyped);
    return n;
}

/* One node that asks for something else, and the tree is an ordinary one: same answers. */
static void test_almost(void **state)
{
    (void)state;
    forest_wish wish = wishes[0];
    mw_forest *forest = oblivious_forest(&wish, 3);
    assert_int_equal(count_oblivious(forest), wish.n_trees);
    size_t tree = 7, node = forest->tree_start[tree + 1] - 1;
    while (forest->left[node] == MW_NO_CHILD)
        node--;
    ((double *)forest->threshold)[node] += 1;
    assert_int_equal(count_oblivious(forest), wish.n_trees - 1);
    size_t other = forest->tree_start[tree + 3] - 1;
    while (forest->left[other] == MW_NO_CHILD)
        other--;
    ((uint8_t *)forest->flags)[other] ^= MW_NODE_DEFAULT_LEFT;
    assert_int_equal(count_oblivious(forest), wish.n_trees - 2);
    chance from = {5};
    void *memory;
    mw_matrix rows = make_rows(&from, 260, forest->n_features, 1, 0.1, &memory);
    compare_all("almost", forest, &rows, true);
    free(memory);
    random_forest_free(forest);
}

/* Trees with leaves above the last level, or of one leaf, are no oblivious ones. */
static void test_incomplete(void **state)
{
    (void)state;
    static const forest_wish incomplete[] = {
        {.name = "ragged",
         .n_trees = 10,
         .n_features = 3,
         .n_margins = 1,
         .depth_max = 4,
         .lopsided = 1,
         .oblivious = true},
        {.name = "leaf", .n_trees = 3, .n_features = 3, .n_margins = 1, .oblivious = true},
    };
    for (size_t i = 0; i < MW_COUNT(incomplete); i++) {
        mw_forest *forest = random_forest(&incomplete[i], i);
        assert_int_equal(count_oblivious(forest), 0);
        random_forest_free(forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_all_missing),
        cmocka_unit_test(test_almost),
        cmocka_unit_test(test_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
