/* Values against a background: the specification against Shapley's formula over all sets of
 * features, every kernel against the specification, and local accuracy everywhere. */
#include "../test.h"

#include "explain/contrasts.h"

#include "explained.h"

static const contrast_kernel *const kernels[] = {&contrast_pairs, &contrast_tables};

/* ---- explaining ------------------------------------------------------------------------------ */

static mw_contrast *contrast_with(const mw_forest *forest, const mw_matrix *background,
                                  mw_scale scale, const contrast_kernel *kernel)
{
    mw_error err;
    mw_contrast *contrast;
    if (contrast_new(forest, background, scale, kernel, &contrast, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return contrast;
}

static double *values_of(const mw_contrast *contrast, const mw_matrix *rows)
{
    mw_error err;
    mw_scratch *scratch;
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    size_t count = rows->n_rows * mw_contrast_values(contrast);
    double *values = malloc((count + 1) * sizeof *values);
    values[count] = 12345; /* a guard */
    assert_int_equal(mw_contrast_batch(contrast, rows, scratch, values, &err), MW_OK);
    assert_true(values[count] == 12345);
    mw_scratch_free(scratch);
    return values;
}

/* ---- the specification against the definition ------------------------------------------------ */

/* Mean over the background when x gives the features in `known` and the background the others. */
static double mixture(const mw_forest *forest, size_t output, const double *row,
                      const mw_matrix *background, unsigned known)
{
    double sum = 0, margins[8], mixed[8];
    for (size_t z = 0; z < background->n_rows; z++) {
        for (size_t f = 0; f < forest->n_features; f++)
            mixed[f] = predict_value(forest->input,
                                     known >> f & 1 ? row[f] : predict_read(background, z, f));
        contrast_margins(forest, mixed, margins);
        sum += margins[output];
    }
    return sum / (double)background->n_rows;
}

static double shapley(const mw_forest *forest, size_t output, const double *row,
                      const mw_matrix *background, size_t feature)
{
    unsigned n = (unsigned)forest->n_features;
    double phi = 0;
    for (unsigned set = 0; set < 1u << n; set++) {
        if (set >> feature & 1)
            continue;
        unsigned size = (unsigned)__builtin_popcount(set);
        phi += factorial(size) * factorial(n - size - 1) / factorial(n) *
               (mixture(forest, output, row, background, set | 1u << feature) -
                mixture(forest, output, row, background, set));
    }
    return phi;
}

static void test_definition(void **state)
{
    enum { N_ROWS = 3, N_BACKGROUND = 5 };
    (void)state;
    for (size_t i = 0; i < MW_COUNT(tiny); i++) {
        mw_forest *forest = random_forest(&tiny[i], i + 1);
        chance from = {i + 77};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        double *usual = random_rows(N_BACKGROUND, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
        mw_matrix background = as_matrix(usual, N_BACKGROUND, forest->n_features);
        mw_contrast *contrast =
            contrast_with(forest, &background, MW_SCALE_MARGIN, &contrast_pairs);
        double *values = values_of(contrast, &rows), *at = values;
        check_sums(tiny[i].name, forest, &rows, values);
        for (size_t r = 0; r < N_ROWS; r++) {
            const double *row = data + r * forest->n_features;
            for (size_t m = 0; m < forest->n_margins; m++) {
                for (size_t f = 0; f < forest->n_features; f++, at++) {
                    double wanted = shapley(forest, m, row, &background, f);
                    if (!(fabs(*at - wanted) < 1e-12))
                        fail_msg("%s: row %zu, feature %zu: %.17g is not %.17g", tiny[i].name, r, f,
                                 *at, wanted);
                }
                assert_true(fabs(*at++ - mixture(forest, m, row, &background, 0)) < 1e-12);
            }
        }
        free(values);
        free(usual);
        free(data);
        mw_contrast_free(contrast);
        random_forest_free(forest);
    }
}

/* ---- tables against the specification -------------------------------------------------------- */

static void test_tables(void **state)
{
    enum { N_ROWS = 45 };
    static const size_t n_usual[] = {1, 9, 300};
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wishes); i++) {
        mw_forest *forest = random_forest(&wishes[i], i + 1);
        chance from = {i + 31};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        double *usual = random_rows(300, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features), few = rows;
        few.n_rows = 3; /* go through the tables one by one */
        for (size_t n = 0; n < MW_COUNT(n_usual); n++) {
            if (n_usual[n] > 100 && (wishes[i].depth_max > 8 || i % TEST_SHARE != 0))
                continue; /* the specification is slow */
            mw_matrix background = as_matrix(usual, n_usual[n], forest->n_features);
            mw_contrast *plain = contrast_with(forest, &background, 0, &contrast_pairs);
            mw_contrast *tables = contrast_with(forest, &background, 0, &contrast_tables);
            double *expected = values_of(plain, &rows), *got = values_of(tables, &rows);
            double *alone = values_of(tables, &few);
            check_same(wishes[i].name, "tables", forest, N_ROWS, expected, got);
            check_sums(wishes[i].name, forest, &rows, got);
            assert_memory_equal(got, alone, few.n_rows * mw_contrast_values(tables) * sizeof *got);
            free(alone);
            free(got);
            free(expected);
            mw_contrast_free(tables);
            mw_contrast_free(plain);
        }
        free(usual);
        free(data);
        random_forest_free(forest);
    }
}

/* ---- leaves too deep for tables -------------------------------------------------------------- */

static const forest_wish deep[] = {
    {.name = "lopsided",
     .n_trees = 4,
     .n_features = 20,
     .n_margins = 1,
     .depth_max = 20,
     .lopsided = 0.8},
    {.name = "deep vectors",
     .n_trees = 3,
     .n_features = 26,
     .n_margins = 3,
     .depth_max = 18,
     .lopsided = 0.7,
     .vector_leaves = true},
    {.name = "deep classes",
     .lightgbm = true,
     .n_trees = 4,
     .n_features = 17,
     .n_margins = 2,
     .depth_max = 13,
     .stop = 0.3},
};

/* Pieces of n_first rows, then of 8, 1, 71, .. */
static double *values_in_pieces(const mw_contrast *contrast, const mw_matrix *rows, size_t n_first)
{
    static const size_t sizes[] = {8, 1, 71, 3};
    size_t width = mw_contrast_values(contrast), at = 0;
    double *values = malloc(rows->n_rows * width * sizeof *values);
    mw_scratch *scratch;
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    for (size_t i = 0, n = n_first; at < rows->n_rows; n = sizes[i++ % MW_COUNT(sizes)]) {
        n = n < rows->n_rows - at ? n : rows->n_rows - at;
        mw_matrix some =
            as_matrix((const double *)rows->data + at * rows->n_columns, n, rows->n_columns);
        assert_int_equal(mw_contrast_batch(contrast, &some, scratch, values + at * width, NULL),
                         MW_OK);
        at += n;
    }
    mw_scratch_free(scratch);
    return values;
}

/* The same bits from every kernel that reads tables, and from pieces of any size. */
static void check_kernels(const forest_wish *wish, const mw_forest *forest, const mw_matrix *rows,
                          const mw_matrix *background)
{
    double *first = NULL;
    for (size_t k = 0; k + 1 < explain_n_kernels; k++) { /* the last is the specification */
        if (!explain_kernels[k]->runs_here())
            continue;
        setenv("MW_CPU", explain_kernels[k]->name, 1);
        mw_contrast *contrast = contrast_with(forest, background, 0, &contrast_tables);
        unsetenv("MW_CPU");
        double *whole = values_of(contrast, rows);
        double *pieces = values_in_pieces(contrast, rows, 5 + 64 * k);
        size_t bytes = rows->n_rows * mw_contrast_values(contrast) * sizeof *whole;
        if (memcmp(whole, pieces, bytes) != 0 || (first && memcmp(whole, first, bytes) != 0))
            fail_msg("%s, %zu background rows: '%s' gives other bits", wish->name,
                     background->n_rows, explain_kernels[k]->name);
        if (!first)
            check_sums(wish->name, forest, rows, whole);
        free(pieces);
        free(first);
        first = whole;
        mw_contrast_free(contrast);
    }
    free(first);
}

static void test_deep_leaves(void **state)
{
    enum { N_ROWS = 150, N_USUAL = 400 }; /* more than what is added up together */
    static const size_t n_usual[] = {60, N_USUAL};
    (void)state;
    for (size_t i = 0; i < MW_COUNT(deep); i++) {
        mw_forest *forest = random_forest(&deep[i], i + 5);
        chance from = {i + 3};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        double *usual = random_rows(N_USUAL, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
        for (size_t n = 0; n < MW_COUNT(n_usual); n++) {
            mw_matrix background = as_matrix(usual, n_usual[n], forest->n_features);
            check_kernels(&deep[i], forest, &rows, &background);
        }
        free(usual);
        free(data);
        random_forest_free(forest);
    }
}

/* ---- scales ---------------------------------------------------------------------------------- */

/* A pair's values are the margin's, times one number for all; so a background of one row gives the
 * margin's proportions, and the sum is the probability. */
static void test_probability(void **state)
{
    enum { N_ROWS = 20 };
    (void)state;
    static const forest_wish wish = {.name = "binary",
                                     .n_trees = 5,
                                     .n_features = 5,
                                     .n_margins = 1,
                                     .depth_max = 4,
                                     .transform = MW_TRANSFORM_SIGMOID};
    mw_forest *forest = random_forest(&wish, 3);
    forest->scale = 0.7;
    chance from = {5};
    double *data = random_rows(N_ROWS, forest->n_features, &from);
    mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
    for (size_t n = 1; n <= N_ROWS; n += N_ROWS - 1) { /* its own rows among them: no 0 / 0 */
        mw_matrix background = as_matrix(data, n, forest->n_features);
        mw_contrast *plain = contrast_with(forest, &background, MW_SCALE_MARGIN, &contrast_pairs);
        mw_contrast *odds =
            contrast_with(forest, &background, MW_SCALE_PROBABILITY, &contrast_pairs);
        double *margins = margins_of(forest, &rows), *values = values_of(odds, &rows),
               *unscaled = values_of(plain, &rows);
        for (size_t r = 0; r < N_ROWS; r++) {
            const double *at = values + r * 6, *other = unscaled + r * 6;
            double sum = at[0] + at[1] + at[2] + at[3] + at[4] + at[5];
            assert_true(fabs(sum - 1 / (1 + exp(-0.7 * margins[r]))) < 1e-6);
            double slope = contrast_slope(odds, margins[r], margins[0]);
            for (size_t f = 0; n == 1 && f < 5; f++)
                assert_true(fabs(at[f] - slope * other[f]) < 1e-6);
        }
        free(unscaled);
        free(values);
        free(margins);
        mw_contrast_free(odds);
        mw_contrast_free(plain);
    }
    free(data);
    random_forest_free(forest);
}

/* ---- linear models --------------------------------------------------------------------------- */

static void test_linear(void **state)
{
    (void)state;
    static const double weights[] = {2, -1, 0.5, 3, 10, 20}; /* two features, two margins, bias */
    static const double base[] = {0.25, 0.25}, data[] = {3, NAN, -1, 2}, usual[] = {1, 2, 3, NAN};
    static const double expected[] = {2, -0.5, 14.75, -1, -3, 21.25, -6, 0.5, 14.75, 3, 3, 21.25};
    mw_forest forest = {.n_features = 2,
                        .n_columns = 2,
                        .n_margins = 2,
                        .sum_float32 = true,
                        .base_margin = base,
                        .linear_weights = weights};
    mw_matrix rows = as_matrix(data, 2, 2), background = as_matrix(usual, 2, 2);
    mw_contrast *contrast = contrast_with(&forest, &background, MW_SCALE_MARGIN, &contrast_linear);
    double *values = values_of(contrast, &rows);
    assert_memory_equal(values, expected, sizeof expected);
    free(values);
    mw_contrast_free(contrast);
}

/* ---- properties ------------------------------------------------------------------------------ */

static void test_split_of_rows(void **state)
{
    enum { N_ROWS = 300, N_BACKGROUND = 7 };
    (void)state;
    for (size_t k = 0; k < MW_COUNT(kernels); k++) {
        mw_forest *forest = random_forest(&tiny[4], 4);
        chance from = {9};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
        mw_matrix background = as_matrix(data, N_BACKGROUND, forest->n_features);
        mw_contrast *contrast = contrast_with(forest, &background, MW_SCALE_MARGIN, kernels[k]);
        mw_scratch *scratch;
        mw_pool *pool;
        assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
        assert_int_equal(mw_pool_new(2, &pool, NULL), MW_OK);
        size_t width = mw_contrast_values(contrast), bytes = N_ROWS * width * sizeof(double);
        double *whole = values_of(contrast, &rows), *parts = malloc(bytes);
        assert_int_equal(mw_contrast_parallel(contrast, &rows, pool, parts, NULL), MW_OK);
        assert_memory_equal(whole, parts, bytes);
        for (size_t r = 0, n; r < N_ROWS; r += n) {
            n = 1 + r % 37 < N_ROWS - r ? 1 + r % 37 : N_ROWS - r;
            mw_matrix some = as_matrix(data + r * forest->n_features, n, forest->n_features);
            assert_int_equal(mw_contrast_batch(contrast, &some, scratch, parts + r * width, NULL),
                             MW_OK);
        }
        assert_memory_equal(whole, parts, bytes);
        free(whole);
        free(parts);
        free(data);
        mw_pool_free(pool);
        mw_scratch_free(scratch);
        mw_contrast_free(contrast);
        random_forest_free(forest);
    }
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    (void)state;
    static const double data[64];
    static const forest_wish linear = {.lightgbm = true,
                                       .n_trees = 2,
                                       .n_features = 4,
                                       .n_margins = 1,
                                       .depth_max = 2,
                                       .linear_leaves = true};
    mw_forest *plain = random_forest(&tiny[1], 1), *leaves = random_forest(&linear, 1);
    plain->objective = leaves->objective = "test";
    const struct {
        const char *name;
        const mw_forest *forest;
        mw_matrix background;
        mw_scale scale;
        int code;
    } cases[] = {
        {"right", plain, {data, MW_FLOAT64, 2, 4, 4, 1}, MW_SCALE_MARGIN, 0},
        {"no rows", plain, {data, MW_FLOAT64, 0, 4, 4, 1}, 0, MW_E_BACKGROUND_EMPTY},
        {"columns", plain, {data, MW_FLOAT64, 2, 5, 5, 1}, 0, MW_E_FEATURE_COUNT},
        {"too many", plain, {data, MW_FLOAT64, 1 << 27, 4, 0, 1}, 0, MW_E_BACKGROUND_TOO_LARGE},
        {"scale", plain, {data, MW_FLOAT64, 2, 4, 4, 1}, (mw_scale)7, MW_E_SCALE},
        {"regression",
         plain,
         {data, MW_FLOAT64, 2, 4, 4, 1},
         MW_SCALE_PROBABILITY,
         MW_E_NO_PROBABILITY},
        {"leaves", leaves, {data, MW_FLOAT64, 2, 4, 4, 1}, 0, MW_E_EXPLAIN_LINEAR_LEAVES},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err = {0};
        mw_contrast *contrast = NULL;
        mw_status status =
            mw_contrast_new(cases[i].forest, &cases[i].background, cases[i].scale, &contrast, &err);
        if ((status == MW_OK) != (cases[i].code == 0) || (int)err.code != cases[i].code)
            fail_msg("%s: %d: %s", cases[i].name, (int)err.code, err.what);
        assert_true(status == MW_OK || (!contrast && err.what[0] && err.mend[0]));
        mw_contrast_free(contrast);
    }
    random_forest_free(leaves);
    random_forest_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),  cmocka_unit_test(test_tables),
        cmocka_unit_test(test_deep_leaves), cmocka_unit_test(test_probability),
        cmocka_unit_test(test_linear),      cmocka_unit_test(test_split_of_rows),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
