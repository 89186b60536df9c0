/* Models that compute columns before their trees or weights: features play, not columns. The
 * specifications against Shapley's formula over sets of features, the kernels against them. */
#include "../test.h"

#include "explain/contrasts.h"
#include "explain/layout.h"
#include "explain/pairs.h"

#include "explained.h"

enum { N_FEATURES = 3, N_MADE = 5, N_COLUMNS = N_FEATURES + N_MADE, N_ROWS = 21, N_BACKGROUND = 4 };

/* Two columns of each of the first two features, one of the last; behind them, one of two. */
static const uint32_t inputs[] = {0, 1, 2};
static const mw_recipe_step steps[] = {
    {.op = MW_RECIPE_ABS, .kind = MW_RECIPE_FLOAT32, .a = 0},            /* 3 */
    {.op = MW_RECIPE_NEG, .kind = MW_RECIPE_FLOAT32, .a = 0},            /* 4 */
    {.op = MW_RECIPE_IMPUTE, .kind = MW_RECIPE_FLOAT32, .a = 1},         /* 5 */
    {.op = MW_RECIPE_CONSTANT, .kind = MW_RECIPE_FLOAT32, .number = .5}, /* 6 */
    {.op = MW_RECIPE_MUL, .kind = MW_RECIPE_FLOAT32, .a = 5, .b = 6},    /* 7 */
    {.op = MW_RECIPE_MUL, .kind = MW_RECIPE_FLOAT32, .a = 2, .b = 2},    /* 8 */
    {.op = MW_RECIPE_ADD, .kind = MW_RECIPE_FLOAT32, .a = 0, .b = 2},    /* 9 */
};
static const uint32_t outputs[] = {3, 4, 5, 7, 8}, mixed_outputs[] = {3, 4, 5, 7, 9};
static const mw_recipe recipe = {inputs, 3, steps, MW_COUNT(steps), outputs, N_MADE, NULL};
static const mw_recipe mixed = {inputs, 3, steps, MW_COUNT(steps), mixed_outputs, N_MADE, NULL};
static const mw_column_origin origins[] = {{0, 0}, {1, 1}, {2, 2}, {0, 0},
                                           {0, 0}, {1, 1}, {1, 1}, {2, 2}};
static const mw_column_origin mixed_origins[] = {{0, 0}, {1, 1}, {2, 2}, {0, 0},
                                                 {0, 0}, {1, 1}, {1, 1}, {0, 2}};
static mw_column columns[] = {
    {.name = {"age", 3}}, {.name = {"income", 6}}, {.name = {"rooms", 5}}};

static mw_forest *forest_with(const mw_recipe *before, const mw_column_origin *from, unsigned depth)
{
    const forest_wish wish = {.name = "columns",
                              .n_trees = 9,
                              .n_features = N_COLUMNS,
                              .n_margins = 2,
                              .depth_max = depth,
                              .stop = 0.1};
    mw_forest *forest = covered_forest(&wish, depth);
    forest->n_features = N_FEATURES;
    forest->before = before;
    forest->origins = from;
    forest->schema = (mw_schema){.columns = columns, .n_columns = N_FEATURES, .named = true};
    return forest;
}

/* ---- the definition -------------------------------------------------------------------------- */

typedef double worth(const mw_forest *forest, size_t output, const double *row, unsigned known,
                     const mw_matrix *background);

/* A row's columns as the trees see them. */
static void prepare(const mw_forest *forest, const double *row, double *ret_columns)
{
    mw_matrix one = as_matrix(row, 1, N_FEATURES);
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, 64, mw_prepare_bytes(forest, 1)), 0);
    mw_matrix ready = mw_prepare_rows(forest, &one, 0, 1, memory);
    assert_int_equal(ready.n_columns, N_COLUMNS);
    contrast_read(forest, &ready, 0, ret_columns);
    free(memory);
}

static double tree_worth(const mw_forest *forest, size_t tree, size_t node, size_t output,
                         const double *ready, unsigned known)
{
    if (forest->left[node] == MW_NO_CHILD)
        return predict_leaf(forest, tree, node, output);
    uint32_t column = forest->feature[node];
    size_t left = forest->tree_start[tree] + forest->left[node];
    size_t right = forest->tree_start[tree] + forest->right[node];
    double share = explain_share(forest, node, left);
    if (known >> origins[column].feature & 1)
        share = predict_goes_left(forest, node, ready[column]);
    return share * tree_worth(forest, tree, left, output, ready, known) +
           (1 - share) * tree_worth(forest, tree, right, output, ready, known);
}

static double by_covers(const mw_forest *forest, size_t output, const double *row, unsigned known,
                        const mw_matrix *background)
{
    (void)background;
    double ready[N_COLUMNS], sum = forest->base_margin[output];
    prepare(forest, row, ready);
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        if (forest->tree_output[tree] == output)
            sum += tree_worth(forest, tree, forest->tree_start[tree], output, ready, known);
    return sum;
}

static double by_background(const mw_forest *forest, size_t output, const double *row,
                            unsigned known, const mw_matrix *background)
{
    double sum = 0, margins[2], mix[N_FEATURES], ready[N_COLUMNS];
    for (size_t z = 0; z < background->n_rows; z++) {
        for (size_t f = 0; f < N_FEATURES; f++)
            mix[f] = known >> f & 1 ? row[f] : predict_read(background, z, f);
        prepare(forest, mix, ready);
        contrast_margins(forest, ready, margins);
        sum += margins[output];
    }
    return sum / (double)background->n_rows;
}

static void check_values(const mw_forest *forest, const double *data, const mw_matrix *background,
                         worth *of, const double *got)
{
    for (size_t r = 0; r < N_ROWS; r++, data += N_FEATURES) {
        for (size_t m = 0; m < 2; m++, got += N_FEATURES + 1) {
            for (size_t f = 0; f < N_FEATURES; f++) {
                double phi = 0;
                for (unsigned set = 0; set < 1u << N_FEATURES; set++) {
                    unsigned size = (unsigned)__builtin_popcount(set);
                    if (set >> f & 1)
                        continue;
                    phi += factorial(size) * factorial(N_FEATURES - size - 1) /
                           factorial(N_FEATURES) *
                           (of(forest, m, data, set | 1u << f, background) -
                            of(forest, m, data, set, background));
                }
                if (!(fabs(got[f] - phi) < 1e-12))
                    fail_msg("row %zu, feature %zu: %.17g is not %.17g", r, f, got[f], phi);
            }
            assert_true(fabs(got[N_FEATURES] - of(forest, m, data, 0, background)) < 1e-12);
        }
    }
}

/* ---- kernels --------------------------------------------------------------------------------- */

static double *explain_with(const mw_forest *forest, const explain_kernel *kernel,
                            const mw_matrix *rows)
{
    mw_explainer *explainer;
    mw_scratch *scratch;
    assert_int_equal(explain_explainer_new(forest, kernel, &explainer, NULL), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    double *values = malloc(rows->n_rows * mw_explainer_values(explainer) * sizeof *values);
    assert_int_equal(mw_explain_batch(explainer, rows, scratch, values, NULL), MW_OK);
    mw_scratch_free(scratch);
    mw_explainer_free(explainer);
    return values;
}

static void test_covers(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= 9; depth += 4) {
        mw_forest *forest = forest_with(&recipe, origins, depth);
        chance from = {depth};
        double *data = random_rows(N_ROWS, N_FEATURES, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, N_FEATURES);
        double *wanted = explain_with(forest, &explain_scalar, &rows);
        check_sums("columns", forest, &rows, wanted);
        check_values(forest, data, NULL, by_covers, wanted);
        for (size_t k = 0; k < explain_n_kernels; k++) {
            if (!explain_kernels[k]->runs_here())
                continue;
            double *got = explain_with(forest, explain_kernels[k], &rows);
            check_same("columns", explain_kernels[k]->name, forest, N_ROWS, wanted, got);
            check_sums("columns", forest, &rows, got);
            free(got);
        }
        free(wanted);
        free(data);
        random_forest_free(forest);
    }
}

static void test_background(void **state)
{
    static const contrast_kernel *const kernels[] = {&contrast_pairs, &contrast_tables};
    (void)state;
    for (unsigned depth = 1; depth <= 7; depth += 3) {
        mw_forest *forest = forest_with(&recipe, origins, depth);
        chance from = {depth + 50};
        double *data = random_rows(N_ROWS, N_FEATURES, &from);
        double *usual = random_rows(N_BACKGROUND, N_FEATURES, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, N_FEATURES);
        mw_matrix background = as_matrix(usual, N_BACKGROUND, N_FEATURES);
        mw_contrast *contrast;
        mw_scratch *scratch;
        double *got = NULL, *wanted = NULL;
        assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
        for (size_t k = 0; k < MW_COUNT(kernels); k++) {
            assert_int_equal(
                contrast_new(forest, &background, MW_SCALE_MARGIN, kernels[k], &contrast, NULL),
                MW_OK);
            got = malloc(N_ROWS * mw_contrast_values(contrast) * sizeof *got);
            assert_int_equal(mw_contrast_batch(contrast, &rows, scratch, got, NULL), MW_OK);
            check_sums("columns", forest, &rows, got);
            if (k == 0)
                check_values(forest, data, &background, by_background, wanted = got);
            else
                check_same("columns", kernels[k]->name, forest, N_ROWS, wanted, got);
            mw_contrast_free(contrast);
        }
        free(wanted);
        free(got);
        free(usual);
        free(data);
        mw_scratch_free(scratch);
        random_forest_free(forest);
    }
}

/* A line of a row's matrix adds up to the feature's contribution; kernels agree. */
static void test_interactions(void **state)
{
    enum { SIDE = N_FEATURES + 1, COUNT = N_ROWS * 2 * SIDE * SIDE };
    (void)state;
    mw_forest *forest = forest_with(&recipe, origins, 6);
    chance from = {99};
    double *data = random_rows(N_ROWS, N_FEATURES, &from);
    mw_matrix rows = as_matrix(data, N_ROWS, N_FEATURES);
    double *wanted = explain_with(forest, &explain_scalar, &rows);
    for (size_t k = 0; k < pairs_n_kernels; k++) {
        if (!pairs_kernels[k]->runs_here())
            continue;
        mw_interactions *to;
        mw_scratch *scratch;
        assert_int_equal(pairs_new(forest, pairs_kernels[k], &to, NULL), MW_OK);
        assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
        double *got = malloc(COUNT * sizeof *got);
        assert_int_equal(mw_interactions_batch(to, &rows, scratch, got, NULL), MW_OK);
        for (size_t line = 0; line < COUNT / SIDE; line++) {
            double sum = 0;
            for (size_t i = 0; i < SIDE; i++)
                sum += got[line * SIDE + i];
            double own = wanted[line / SIDE * SIDE + line % SIDE];
            if (!(fabs(sum - own) < 1e-5 * (1 + fabs(own))))
                fail_msg("%s, line %zu: %.9g is not %.9g", pairs_kernels[k]->name, line, sum, own);
        }
        free(got);
        mw_scratch_free(scratch);
        mw_interactions_free(to);
    }
    free(wanted);
    free(data);
    random_forest_free(forest);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void test_mixed_columns(void **state)
{
    (void)state;
    mw_forest *forest = forest_with(&mixed, mixed_origins, 5);
    mw_explainer *explainer = NULL;
    mw_contrast *contrast = NULL;
    mw_error err = {0};
    static const double data[N_FEATURES];
    mw_matrix rows = as_matrix(data, 1, N_FEATURES);
    assert_int_equal(mw_explainer_new(forest, &explainer, &err), MW_UNSUPPORTED);
    assert_int_equal(err.code, MW_E_EXPLAIN_COLUMNS);
    assert_non_null(strstr(err.what, "'age' and 'rooms'"));
    assert_non_null(strstr(err.where, "tree "));
    assert_int_equal(mw_contrast_new(forest, &rows, MW_SCALE_MARGIN, &contrast, &err),
                     MW_UNSUPPORTED);
    /* One that no split asks about is nobody's matter. */
    for (size_t node = 0; node < forest->n_nodes; node++)
        if (forest->feature[node] == N_COLUMNS - 1)
            ((uint32_t *)(uintptr_t)forest->feature)[node] = 0;
    assert_int_equal(mw_explainer_new(forest, &explainer, &err), MW_OK);
    mw_explainer_free(explainer);
    random_forest_free(forest);
}

/* Where the format says how they are shared, every kernel shares them in the same way. Against
 * CatBoost's own numbers: tests/oracle/test_catboost.py. */
static void test_shared_columns(void **state)
{
    (void)state;
    mw_forest *forest = forest_with(&mixed, mixed_origins, 5);
    forest->format = MW_FORMAT_CATBOOST_BINARY;
    chance from = {7};
    double *data = random_rows(N_ROWS, N_FEATURES, &from);
    mw_matrix rows = as_matrix(data, N_ROWS, N_FEATURES);
    double *wanted = explain_with(forest, &explain_scalar, &rows);
    check_sums("shared", forest, &rows, wanted);
    for (size_t k = 0; k < explain_n_kernels; k++) {
        if (!explain_kernels[k]->runs_here())
            continue;
        double *got = explain_with(forest, explain_kernels[k], &rows);
        check_same("shared", explain_kernels[k]->name, forest, N_ROWS, wanted, got);
        free(got);
    }
    mw_interactions *interactions;
    mw_error err = {0};
    assert_int_equal(mw_interactions_new(forest, &interactions, &err), MW_UNSUPPORTED);
    assert_int_equal(err.code, MW_E_EXPLAIN_COLUMNS);
    free(wanted);
    free(data);
    random_forest_free(forest);
}

/* weight * (x - mean), a feature's columns added up. */
static void test_linear(void **state)
{
    (void)state;
    static const double weights[N_COLUMNS + 1] = {0, 0, 0, 2, 1, 4, 0, 3, 10};
    static const uint32_t weighed[] = {3, 4, 5, 7};
    static const double base[1], data[] = {-3, NAN, 2}, usual[] = {1, 5, 1, -1, 3, 0};
    static const double wanted[] = {2 * 2 + 1 * 3, -16, 3 * 3.5, 10 + 2 + 16 + 1.5};
    mw_forest forest = {.n_features = N_FEATURES,
                        .n_columns = N_COLUMNS,
                        .n_margins = 1,
                        .base_margin = base,
                        .before = &recipe,
                        .origins = origins,
                        .schema = {.columns = columns, .n_columns = N_FEATURES},
                        .linear_weights = weights,
                        .linear_columns = weighed,
                        .n_linear_columns = 4};
    mw_matrix rows = as_matrix(data, 1, N_FEATURES), background = as_matrix(usual, 2, N_FEATURES);
    mw_contrast *contrast;
    mw_explainer *explainer;
    mw_scratch *scratch;
    mw_error err = {0};
    double got[N_FEATURES + 1];
    assert_int_equal(mw_contrast_new(&forest, &background, MW_SCALE_MARGIN, &contrast, &err),
                     MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    assert_int_equal(mw_contrast_batch(contrast, &rows, scratch, got, &err), MW_OK);
    for (size_t i = 0; i <= N_FEATURES; i++)
        if (fabs(got[i] - wanted[i]) > 1e-12)
            fail_msg("feature %zu: %.17g is not %.17g", i, got[i], wanted[i]);
    assert_int_equal(mw_explainer_new(&forest, &explainer, &err), MW_UNSUPPORTED);
    assert_int_equal(err.code, MW_E_EXPLAIN_LINEAR);
    mw_scratch_free(scratch);
    mw_contrast_free(contrast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_covers),         cmocka_unit_test(test_background),
        cmocka_unit_test(test_interactions),   cmocka_unit_test(test_mixed_columns),
        cmocka_unit_test(test_shared_columns), cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
