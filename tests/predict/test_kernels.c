/* Every kernel against the specification, bit by bit: random forests, odd rows, odd shapes. */
#include "../test.h"

#include "predict/interleaved.h"

#include "compare.h"

/* ---- forests --------------------------------------------------------------------------------- */

static const forest_wish wishes[] = {
    {.name = "xgboost depth 6", .n_trees = 20, .n_features = 7, .n_margins = 1, .depth_max = 6},
    {.name = "xgboost ragged",
     .n_trees = 29,
     .n_features = 5,
     .n_margins = 1,
     .depth_max = 9,
     .stop = 0.2},
    {.name = "xgboost stumps", .n_trees = 9, .n_features = 3, .n_margins = 1, .depth_max = 1},
    {.name = "xgboost depth 0", .n_trees = 11, .n_features = 3, .n_margins = 1},
    {.name = "xgboost no trees", .n_features = 3, .n_margins = 2},
    {.name = "xgboost chains",
     .n_trees = 12,
     .n_features = 4,
     .n_margins = 1,
     .depth_max = 64,
     .lopsided = 1},
    {.name = "xgboost lopsided",
     .n_trees = 13,
     .n_features = 9,
     .n_margins = 1,
     .depth_max = 40,
     .lopsided = 0.85},
    {.name = "xgboost classes",
     .n_trees = 21,
     .n_features = 6,
     .n_margins = 3,
     .depth_max = 5,
     .stop = 0.1},
    {.name = "xgboost dart",
     .n_trees = 17,
     .n_features = 6,
     .n_margins = 1,
     .depth_max = 5,
     .dart = true},
    {.name = "xgboost sets",
     .n_trees = 17,
     .n_features = 6,
     .n_margins = 2,
     .depth_max = 5,
     .categorical = 0.4},
    {.name = "xgboost sets only",
     .n_trees = 8,
     .n_features = 3,
     .n_margins = 1,
     .depth_max = 4,
     .categorical = 1},
    {.name = "lightgbm depth 6",
     .lightgbm = true,
     .n_trees = 20,
     .n_features = 7,
     .n_margins = 1,
     .depth_max = 6},
    {.name = "lightgbm leaf-wise",
     .lightgbm = true,
     .n_trees = 18,
     .n_features = 7,
     .n_margins = 1,
     .depth_max = 30,
     .lopsided = 0.8},
    {.name = "lightgbm classes",
     .lightgbm = true,
     .n_trees = 20,
     .n_features = 5,
     .n_margins = 4,
     .depth_max = 7,
     .stop = 0.3},
    {.name = "lightgbm sets",
     .lightgbm = true,
     .n_trees = 10,
     .n_features = 5,
     .n_margins = 1,
     .depth_max = 6,
     .categorical = 0.5},
    {.name = "catboost",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 20,
     .n_features = 5,
     .n_margins = 2,
     .depth_max = 6},
    {.name = "catboost ragged",
     .lightgbm = true,
     .catboost = true,
     .n_trees = 18,
     .n_features = 5,
     .n_margins = 1,
     .depth_max = 20,
     .lopsided = 0.7},
    {.name = "onnx",
     .lightgbm = true,
     .onnx = true,
     .n_trees = 20,
     .n_features = 5,
     .n_margins = 1,
     .depth_max = 9,
     .stop = 0.1},
    {.name = "onnx chains",
     .lightgbm = true,
     .onnx = true,
     .n_trees = 9,
     .n_features = 5,
     .n_margins = 3,
     .depth_max = 64,
     .lopsided = 1},
    {.name = "lightgbm one leaf", .lightgbm = true, .n_trees = 1, .n_features = 1, .n_margins = 1},
};

/* ---- tests ------------------------------------------------------------------------------------
 */

static void test_shapes(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 4, 5, 7, 8, 9, 63, 64, 65, 130, 300};
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = random_forest(&wishes[w], 77 + w);
        chance from = {w};
        for (size_t i = 0; i < MW_COUNT(counts); i++) {
            void *memory;
            mw_matrix rows = make_rows(&from, counts[i], forest->n_features, i % 8, 0.1, &memory);
            compare_all(wishes[w].name, forest, &rows, true);
            free(memory);
        }
        random_forest_free(forest);
    }
}

static void test_every_layout_of_rows(void **state)
{
    (void)state;
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = random_forest(&wishes[w], 1000 + w);
        const unsigned step = TEST_WATCHED ? 4 : 1; /* watched, each forest sees two of them */
        for (unsigned shape = (unsigned)w % step; shape < 8; shape += step) {
            chance from = {shape};
            void *memory;
            mw_matrix rows = make_rows(&from, 70, forest->n_features, shape, 0.05, &memory);
            compare_all(wishes[w].name, forest, &rows, true);
            free(memory);
        }
        random_forest_free(forest);
    }
}

static void test_all_missing(void **state)
{
    (void)state;
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = random_forest(&wishes[w], 2000 + w);
        chance from = {w};
        void *memory;
        mw_matrix rows = make_rows(&from, 9, forest->n_features, 0, 1, &memory);
        compare_all(wishes[w].name, forest, &rows, true);
        free(memory);
        random_forest_free(forest);
    }
}

/* Over 16,384 columns do not fit a float32 node: the wide form must be chosen, and agree. */
static void test_wide_nodes(void **state)
{
    (void)state;
    static const forest_wish wish = {.name = "wide",
                                     .n_trees = 4,
                                     .n_features = 30000,
                                     .n_margins = 1,
                                     .depth_max = 14,
                                     .lopsided = 0.01};
    mw_forest *forest = random_forest(&wish, 1);
    void *layout;
    assert_int_equal(predict_layout_make(forest, NULL, &layout, NULL), MW_OK);
    assert_int_equal(((predict_layout *)layout)->width, PREDICT_WIDE);
    predict_layout_free(layout);
    for (size_t n_rows = 1; n_rows < 20; n_rows += 9) {
        chance from = {n_rows};
        void *memory;
        mw_matrix rows = make_rows(&from, n_rows, wish.n_features, 0, 0.1, &memory);
        compare_all(wish.name, forest, &rows, true);
        free(memory);
    }
    random_forest_free(forest);
}

/* Vector leaves and linear leaves are not for the interleaved kernel, linear ones not for bytes
 * either: another must be chosen for them, and agree. */
static void test_stand_in(void **state)
{
    (void)state;
    static const forest_wish special[] = {
        {.name = "vectors",
         .n_trees = 5,
         .n_features = 4,
         .n_margins = 3,
         .depth_max = 4,
         .vector_leaves = true},
        {.name = "linear",
         .lightgbm = true,
         .n_trees = 5,
         .n_features = 4,
         .n_margins = 1,
         .depth_max = 4,
         .linear_leaves = true},
    };
    for (size_t i = 0; i < MW_COUNT(special); i++) {
        mw_forest *forest = random_forest(&special[i], i);
        mw_error err;
        mw_predictor *predictor;
        unsetenv("MW_CPU");
        assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
        const char *bytes = special[i].linear_leaves ? NULL : byte_kernel();
        assert_string_equal(mw_predictor_kernel(predictor), bytes ? bytes : "scalar");
        mw_predictor_free(predictor);
        chance from = {i};
        void *memory;
        mw_matrix rows = make_rows(&from, 270, forest->n_features, 0, 0.1, &memory);
        compare_all(special[i].name, forest, &rows, false);
        free(memory);
        random_forest_free(forest);
    }
}

/* A default-left node that compares with -inf, and a leaf of -inf, cannot be a plain comparison. */
static void test_infinite_nodes(void **state)
{
    (void)state;
    static const double x[] = {NAN, -INFINITY, 0, INFINITY};
    for (unsigned lightgbm = 0; lightgbm < 2; lightgbm++) {
        forest_wish wish = {.name = "infinite",
                            .lightgbm = lightgbm,
                            .n_trees = 1,
                            .n_features = 1,
                            .n_margins = 1,
                            .depth_max = 1};
        mw_forest *forest = random_forest(&wish, 3);
        ((double *)forest->threshold)[0] = -INFINITY;
        ((uint8_t *)forest->flags)[0] |= MW_NODE_DEFAULT_LEFT | MW_NODE_MISSING_NAN;
        mw_matrix rows = {x, MW_FLOAT64, MW_COUNT(x), 1, 1, 1};
        compare_all("threshold", forest, &rows, false);
        ((double *)forest->value)[1] = -INFINITY;
        compare_all("leaf", forest, &rows, false);
        random_forest_free(forest);
    }
}

/* LightGBM takes |x| <= 1e-35 for zero before it compares, so a threshold of 1e-300 lets 1e-36
 * pass to the left, and one of -1e-300 sends -1e-36 to the right. Checked with LightGBM 4.7. */
static void test_zero_band(void **state)
{
    (void)state;
    static const double x[] = {-1, -1.1e-35, -1e-36, -1e-310, -0.0, 0, 1e-310, 1e-36, 1.1e-35, 1};
    static const struct {
        double threshold;
        const char *left; /* one letter a value of x: l or r */
    } cases[] = {
        {1e-300, "llllllllrr"},         {0, "llllllllrr"},
        {-0.0, "llllllllrr"},           {-1e-300, "llrrrrrrrr"},
        {(double)1e-35f, "llllllllrr"}, {-(double)1e-35f, "llrrrrrrrr"},
    };
    forest_wish wish = {.name = "zero",
                        .lightgbm = true,
                        .n_trees = 1,
                        .n_features = 1,
                        .n_margins = 1,
                        .depth_max = 1};
    mw_forest *forest = random_forest(&wish, 3);
    ((uint8_t *)forest->flags)[0] = MW_NODE_LESS_EQUAL;
    mw_matrix rows = {x, MW_FLOAT64, MW_COUNT(x), 1, 1, 1};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        ((double *)forest->threshold)[0] = cases[i].threshold;
        const char *used;
        double *values = predict_with("scalar", forest, &rows, MW_MARGIN, &used);
        for (size_t r = 0; r < MW_COUNT(x); r++) {
            bool left = values[r] == forest->value[forest->left[0]];
            if (left != (cases[i].left[r] == 'l'))
                fail_msg("threshold %g, x %g: went %s", cases[i].threshold, x[r],
                         left ? "left" : "right");
        }
        free(values);
        compare_all("zero band", forest, &rows, true);
    }
    random_forest_free(forest);
}

/* What must be walked in bytes, and comes to each of its forms: hundreds of cuts on one feature
 * (several searches), depths of 7 and 8, ragged trees of up to 256 leaves. */
static void test_bytes(void **state)
{
    (void)state;
    if (!byte_kernel())
        skip();
    static const forest_wish many[] = {
        {.name = "many cuts", .n_trees = 60, .n_features = 1, .n_margins = 1, .depth_max = 6},
        {.name = "depth 7", .n_trees = 9, .n_features = 5, .n_margins = 1, .depth_max = 7},
        {.name = "depth 8", .n_trees = 9, .n_features = 3, .n_margins = 2, .depth_max = 8},
        {.name = "one deep",
         .n_trees = 9,
         .n_features = 3,
         .n_margins = 1,
         .depth_max = 200,
         .lopsided = 1},
        {.name = "ragged",
         .n_trees = 30,
         .n_features = 6,
         .n_margins = 1,
         .depth_max = 8,
         .stop = 0.35},
        {.name = "lightgbm depth 8",
         .lightgbm = true,
         .n_trees = 9,
         .n_features = 3,
         .n_margins = 1,
         .depth_max = 8},
        {.name = "lightgbm ragged",
         .lightgbm = true,
         .n_trees = 30,
         .n_features = 6,
         .n_margins = 3,
         .depth_max = 12,
         .lopsided = 0.8},
        {.name = "sets",
         .n_trees = 40,
         .n_features = 6,
         .n_margins = 1,
         .depth_max = 6,
         .categorical = 0.5},
        {.name = "lightgbm sets only",
         .lightgbm = true,
         .n_trees = 40,
         .n_features = 2,
         .n_margins = 2,
         .depth_max = 12,
         .lopsided = 0.8,
         .categorical = 1},
    };
    for (size_t w = 0; w < MW_COUNT(many); w++) {
        mw_forest *forest = random_forest(&many[w], 31 + w);
        /* So that thresholds are many: the grid of the other tests has a hundred values. */
        chance spread = {w};
        for (size_t node = 0; w == 0 && node < forest->n_nodes; node++)
            ((double *)forest->threshold)[node] = (double)(float)(chance_unit(&spread) * 8 - 4);
        for (unsigned shape = 0; shape < 2; shape++) {
            chance from = {w};
            void *memory;
            mw_matrix rows = make_rows(&from, 301, forest->n_features, shape, 0.1, &memory);
            compare(many[w].name, forest, &rows, byte_kernel(), true);
            compare_all(many[w].name, forest, &rows, false);
            compare_emulated(many[w].name, forest, &rows, true);
            free(memory);
        }
        random_forest_free(forest);
    }
}

/* A search takes another way for few cuts, and for each power of two: stumps that ask one feature
 * of eleven for so many cuts, and values on either side of each. */
static void test_numbers_of_cuts(void **state)
{
    (void)state;
    enum { FEATURES = 11, ROWS = 333 };
    static const size_t counts[] = {1,  2,  3,  4,  7,   8,   9,   15,  16,  17,  31, 32,
                                    33, 63, 64, 65, 127, 128, 129, 254, 255, 256, 257};
    static float x[ROWS][FEATURES];
    for (size_t i = 0; i < MW_COUNT(counts); i++) {
        forest_wish wish = {.name = "cuts",
                            .n_trees = counts[i],
                            .n_features = FEATURES,
                            .n_margins = 1,
                            .depth_max = 1};
        mw_forest *forest = random_forest(&wish, 5 + i);
        for (size_t tree = 0; tree < forest->n_trees; tree++) {
            size_t root = forest->tree_start[tree];
            ((uint32_t *)forest->feature)[root] = (uint32_t)(i % FEATURES);
            ((double *)forest->threshold)[root] = (double)tree / 2; /* a float32, exactly */
        }
        for (size_t r = 0; r < ROWS; r++)
            for (size_t f = 0; f < FEATURES; f++)
                x[r][f] = r % 50 == 49 ? NAN : (float)((r * 7 + f) % 270 * 2 - 5) / 4;
        mw_matrix rows = {x, MW_FLOAT32, ROWS, FEATURES, FEATURES, 1};
        compare_all(wish.name, forest, &rows, false);
        compare_emulated(wish.name, forest, &rows, true);
        random_forest_free(forest);
    }
}

/* The others have run it on everything; this says so, or why not. */
static void test_emulated(void **state)
{
    (void)state;
    if (!emulated[0]) {
        print_message("AVX-512 is not emulated: build with SIMDe (apt install libsimde-dev)\n");
        skip();
    }
    forest_wish wish = {
        .name = "emulated", .n_trees = 3, .n_features = 2, .n_margins = 1, .depth_max = 3};
    mw_forest *forest = random_forest(&wish, 1);
    chance from = {1};
    void *memory;
    mw_matrix rows = make_rows(&from, 65, forest->n_features, 0, 0.1, &memory);
    compare_emulated(wish.name, forest, &rows, true);
    free(memory);
    random_forest_free(forest);
}

static void test_kernel_names(void **state)
{
    (void)state;
    forest_wish wish = {.n_trees = 1, .n_features = 1, .n_margins = 1};
    mw_forest *forest = random_forest(&wish, 1);
    mw_error err;
    mw_predictor *predictor;
    setenv("MW_CPU", "abacus", 1);
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_BAD_ARGUMENT);
    assert_string_equal(err.where, "environment MW_CPU");
    assert_non_null(strstr(err.mend, "interleaved"));
    setenv("MW_CPU", "", 1);
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
    assert_string_equal(mw_predictor_kernel(predictor),
                        byte_kernel() ? byte_kernel() : "interleaved");
    mw_predictor_free(predictor);
    random_forest_free(forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),          cmocka_unit_test(test_every_layout_of_rows),
        cmocka_unit_test(test_all_missing),     cmocka_unit_test(test_wide_nodes),
        cmocka_unit_test(test_stand_in),        cmocka_unit_test(test_infinite_nodes),
        cmocka_unit_test(test_zero_band),       cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_emulated),        cmocka_unit_test(test_kernel_names),
        cmocka_unit_test(test_numbers_of_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
