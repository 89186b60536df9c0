/* The specification itself, on trees small enough to walk by hand. */
#include "../test.h"

#include "predict/predict.h"
#include "predict/rules.h"

#include "base/banned.h"

/* ---- one node ---------------------------------------------------------------------------------
 */

enum {
    XGB = MW_NODE_MISSING_NAN,
    LGB = MW_NODE_LESS_EQUAL,
    NONE = LGB | MW_NODE_MISSING_NONE,
    ZERO = LGB | MW_NODE_MISSING_ZERO,
    MISS = LGB | MW_NODE_MISSING_NAN,
    DEFAULT = MW_NODE_DEFAULT_LEFT,
    EQUAL = MW_NODE_EQUAL | MW_NODE_MISSING_NAN, /* ONNX */
};

static const struct number_case {
    const char *name;
    unsigned flags;
    double threshold, x;
    bool left;
} number_cases[] = {
    {"xgboost: below", XGB, 0.5, 0.25, true},
    {"xgboost: equal goes right", XGB, 0.5, 0.5, false},
    {"xgboost: -0 is not below 0", XGB, 0, -0.0, false},
    {"xgboost: -inf", XGB, -1e30, -INFINITY, true},
    {"xgboost: inf against FLT_MAX", XGB, 3.4028234663852886e38, INFINITY, false},
    {"xgboost: NaN right", XGB, 0.5, NAN, false},
    {"xgboost: NaN left", XGB | DEFAULT, 0.5, NAN, true},
    {"lightgbm: equal goes left", NONE, 0.5, 0.5, true},
    {"lightgbm: above", NONE | DEFAULT, 0.5, 0.75, false},
    {"none: NaN is 0, left of 0.5", NONE, 0.5, NAN, true},
    {"none: NaN is 0, right of -0.5", NONE | DEFAULT, -0.5, NAN, false},
    {"zero: 0 by default right", ZERO, 0.5, 0, false},
    {"zero: 0 by default left", ZERO | DEFAULT, -0.5, 0, true},
    {"zero: NaN is zero", ZERO | DEFAULT, -0.5, NAN, true},
    {"zero: 1e-36 is zero", ZERO, 0.5, 1e-36, false},
    {"zero: 1e-34 is not", ZERO, 0.5, 1e-34, true},
    {"nan: NaN by default left", MISS | DEFAULT, -0.5, NAN, true},
    {"nan: NaN by default right", MISS, 0.5, NAN, false},
    {"nan: 0 is a number", MISS | DEFAULT, -0.5, 0, false},
    {"equal", EQUAL, 0.5, 0.5, true},
    {"equal: below", EQUAL, 0.5, 0.25, false},
    {"equal: above, by default left", EQUAL | DEFAULT, 0.5, 0.75, false},
    {"equal: -0 is 0", EQUAL, 0, -0.0, true},
    {"equal: inf", EQUAL, INFINITY, INFINITY, true},
    {"equal: NaN right", EQUAL, 0.5, NAN, false},
    {"equal: NaN left", EQUAL | DEFAULT, 0.5, NAN, true},
};

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(number_cases); i++) {
        const struct number_case *c = &number_cases[i];
        if (predict_number_left((uint8_t)c->flags, c->threshold, c->x) != c->left)
            fail_msg("%s: went %s", c->name, c->left ? "right" : "left");
    }
}

/* The set {1, 3, 33}. */
static const struct set_case {
    const char *name;
    double x;
    bool in_xgboost, in_lightgbm;
} set_cases[] = {
    {"1", 1, true, true},
    {"2", 2, false, false},
    {"33, second word", 33, true, true},
    {"33.9 is 33", 33.9, true, true},
    {"beyond the words", 64, false, false},
    {"2^24", 16777216, false, false},
    {"4e9", 4e9, false, false},
    {"-1", -1, false, false},
    {"inf", INFINITY, false, false},
    {"-inf", -INFINITY, false, false},
};

static void test_sets(void **state)
{
    (void)state;
    static const uint32_t words[] = {1u << 1 | 1u << 3, 1u << 1};
    static const mw_category_set set = {0, 2};
    static const uint32_t which = 0;
    uint8_t flags;
    mw_forest forest = {
        .category_sets = &set, .category_words = words, .set = &which, .flags = &flags};
    for (size_t i = 0; i < MW_COUNT(set_cases); i++) {
        const struct set_case *c = &set_cases[i];
        flags = MW_NODE_CATEGORICAL | MW_NODE_MISSING_NAN; /* XGBoost: in the set goes right */
        if (predict_goes_left(&forest, 0, c->x) == c->in_xgboost)
            fail_msg("xgboost, %s", c->name);
        flags |= MW_NODE_SET_LEFT; /* LightGBM: in the set goes left */
        if (predict_goes_left(&forest, 0, c->x) != c->in_lightgbm)
            fail_msg("lightgbm, %s", c->name);
        if (predict_goes_left(&forest, 0, NAN))
            fail_msg("NaN went left without default left");
        flags |= MW_NODE_EQUAL; /* ONNX: as LightGBM, but fractions are in no set */
        if (predict_goes_left(&forest, 0, c->x) != (c->in_lightgbm && c->x == trunc(c->x)))
            fail_msg("onnx, %s", c->name);
    }
    flags = MW_NODE_CATEGORICAL | MW_NODE_MISSING_NAN | MW_NODE_DEFAULT_LEFT;
    assert_true(predict_goes_left(&forest, 0, NAN));
}

/* -0.5 truncates to category 0 for LightGBM, and is negative for XGBoost. */
static void test_minus_one_half(void **state)
{
    (void)state;
    static const uint32_t words[] = {1};
    static const mw_category_set set = {0, 1};
    static const uint32_t which = 0;
    uint8_t flags = MW_NODE_CATEGORICAL | MW_NODE_MISSING_NAN;
    mw_forest forest = {
        .category_sets = &set, .category_words = words, .set = &which, .flags = &flags};
    assert_true(predict_goes_left(&forest, 0, -0.5)); /* not in the set: left */
    flags |= MW_NODE_SET_LEFT;
    assert_true(predict_goes_left(&forest, 0, -0.5)); /* in the set: left */
    assert_false(predict_goes_left(&forest, 0, -1.5));
}

/* ---- sums --------------------------------------------------------------------------------------
 */

/* A forest of one-leaf trees: only the sum is left to be seen. */
static mw_forest leaves_only(const double *values, size_t n_trees, bool float32, const double *base,
                             const uint32_t *starts, const uint32_t *zeros)
{
    static const uint32_t none[] = {MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD};
    static const double no_threshold[4];
    static const uint8_t no_flags[4];
    return (mw_forest){.n_features = 1,
                       .n_margins = 1,
                       .n_predictions = 1,
                       .input = float32 ? MW_INPUT_FLOAT32 : MW_INPUT_FLOAT64_NEAR_ZERO,
                       .sum_float32 = float32,
                       .base_margin = base,
                       .divide_by = 1,
                       .scale = 1,
                       .n_trees = n_trees,
                       .n_nodes = n_trees,
                       .n_leaves = n_trees,
                       .tree_start = starts,
                       .tree_output = zeros,
                       .left = none,
                       .right = none,
                       .feature = zeros,
                       .threshold = no_threshold,
                       .flags = no_flags,
                       .value = values};
}

static double predict_one(const mw_forest *forest, const char *kernel, double x)
{
    mw_predictor *predictor;
    mw_scratch *scratch;
    double value;
    mw_matrix rows = {&x, MW_FLOAT64, 1, 1, 1, 1};
    setenv("MW_CPU", kernel, 1);
    assert_int_equal(mw_predictor_new(forest, &predictor, NULL), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    assert_int_equal(mw_predict_batch(predictor, &rows, MW_PREDICTION, scratch, &value, NULL),
                     MW_OK);
    mw_scratch_free(scratch);
    mw_predictor_free(predictor);
    return value;
}

static const char *const kernel_names[] = {"scalar", "interleaved"};
static const uint32_t starts[] = {0, 1, 2, 3};
static const uint32_t zeros[4];

static void test_float32_sum_rounds_at_each_step(void **state)
{
    (void)state;
    /* 2^24 + 1 + 1: each 1 is lost in float32, the exact sum would keep both. */
    static const double values[] = {1, 1, 1}, base = 16777216;
    mw_forest forest = leaves_only(values, 3, true, &base, starts, zeros);
    for (size_t k = 0; k < MW_COUNT(kernel_names); k++)
        assert_true(predict_one(&forest, kernel_names[k], 0) == 16777216);
    forest.input = MW_INPUT_FLOAT64_NEAR_ZERO;
    forest.sum_float32 = false;
    for (size_t k = 0; k < MW_COUNT(kernel_names); k++)
        assert_true(predict_one(&forest, kernel_names[k], 0) == 16777219);
}

/* CatBoost's and ONNX's base comes after the trees: 1 + 1 first, then 2^24. */
static void test_offset_comes_last(void **state)
{
    (void)state;
    static const double values[] = {1, 1, 1}, nothing = 0, offset = 16777216;
    mw_forest forest = leaves_only(values, 3, true, &nothing, starts, zeros);
    forest.margin_scale = 2;
    forest.margin_offset = &offset;
    for (size_t k = 0; k < MW_COUNT(kernel_names); k++)
        assert_true(predict_one(&forest, kernel_names[k], 0) == 16777222);
}

static void test_sum_keeps_the_order(void **state)
{
    (void)state;
    static const double up[] = {1, 1e8, -1e8}, down[] = {1e8, -1e8, 1}, base = 0;
    mw_forest forest = leaves_only(up, 3, true, &base, starts, zeros);
    for (size_t k = 0; k < MW_COUNT(kernel_names); k++)
        assert_true(predict_one(&forest, kernel_names[k], 0) == 0);
    forest.value = down;
    for (size_t k = 0; k < MW_COUNT(kernel_names); k++)
        assert_true(predict_one(&forest, kernel_names[k], 0) == 1);
}

/* Dart: the product is rounded to float32 before it is added. */
static void test_weight_is_rounded_first(void **state)
{
    (void)state;
    static const double value = (double)0.1f, base = -(double)(0.1f * 0.3f);
    static const float weight = 0.3f;
    mw_forest forest = leaves_only(&value, 1, true, &base, starts, zeros);
    forest.tree_weight = &weight;
    for (size_t k = 0; k < MW_COUNT(kernel_names); k++)
        assert_true(predict_one(&forest, kernel_names[k], 0) == 0);
}

static void test_average(void **state)
{
    (void)state;
    static const double values[] = {1, 2, 4}, base = 0;
    mw_forest forest = leaves_only(values, 3, false, &base, starts, zeros);
    forest.divide_by = 3;
    assert_true(predict_one(&forest, "scalar", 0) == 7.0 / 3);
}

static void test_linear_booster(void **state)
{
    (void)state;
    static const double weights[] = {0.5, 0.25}, base = 1;
    mw_forest forest = leaves_only(weights, 0, true, &base, starts, zeros);
    forest.linear_weights = weights;
    assert_true(predict_one(&forest, "scalar", 3) == 0.25 + 1 + 1.5);
    assert_true(predict_one(&forest, "scalar", NAN) == 1.25);
}

/* constant + sum c * x; the plain leaf when an x is missing, but not when it is infinite */
static void test_linear_leaf(void **state)
{
    (void)state;
    static const double value = 7, base = 0, coefficients[] = {2};
    static const mw_linear_leaf leaf = {.constant = 1, .begin = 0, .end = 1};
    mw_forest forest = leaves_only(&value, 1, false, &base, starts, zeros);
    forest.leaf_linear = zeros;
    forest.linear_leaves = &leaf;
    forest.linear_features = zeros;
    forest.linear_coefficients = coefficients;
    assert_true(predict_one(&forest, "scalar", 3) == 7);
    assert_true(predict_one(&forest, "scalar", 4) == 9);
    assert_true(predict_one(&forest, "scalar", NAN) == 7);
    assert_true(predict_one(&forest, "scalar", INFINITY) == INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_minus_one_half),
        cmocka_unit_test(test_float32_sum_rounds_at_each_step),
        cmocka_unit_test(test_offset_comes_last),
        cmocka_unit_test(test_sum_keeps_the_order),
        cmocka_unit_test(test_weight_is_rounded_first),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_linear_booster),
        cmocka_unit_test(test_linear_leaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
