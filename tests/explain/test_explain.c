/* Contributions: the specification against Shapley's definition, every kernel against the
 * specification, and local accuracy everywhere. */
#include "../test.h"

#include "explain/layout.h"
#include "explained.h"

/* Registers of 16, on any processor: what AVX-512 does is tested here too. Not where it is watched:
 * that takes a quarter of a minute to compile. */
#if !TEST_WATCHED
#pragma GCC diagnostic ignored "-Wpsabi"
#define LANES 16
#define TARGET
#define EXPLAIN explain_wide
#ifdef ROW_EMULATED
tables_few tables_add_few_emulated;
#define ADD_FEW tables_choose_few(tables_add_few_emulated)
#else
#define ADD_FEW tables_add_few
#endif
#define FEW_ROWS 16
#include "explain/kernel.h"
#endif

/* ---- explaining ------------------------------------------------------------------------------ */

static double *explain_with(const mw_forest *forest, const explain_kernel *kernel,
                            const mw_matrix *rows)
{
    mw_error err;
    mw_explainer *explainer;
    mw_scratch *scratch;
    if (explain_explainer_new(forest, kernel, &explainer, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    size_t count = rows->n_rows * mw_explainer_values(explainer);
    double *values = malloc((count + 1) * sizeof *values);
    values[count] = 12345; /* a guard */
    assert_int_equal(mw_explain_batch(explainer, rows, scratch, values, &err), MW_OK);
    assert_true(values[count] == 12345);
    mw_scratch_free(scratch);
    mw_explainer_free(explainer);
    return values;
}

/* ---- the specification against the definition ------------------------------------------------ */

/* Shapley's formula over all sets of features. */
static double shapley(const mw_forest *forest, size_t output, const double *row, size_t feature)
{
    unsigned n = (unsigned)forest->n_features;
    double phi = 0;
    for (unsigned set = 0; set < 1u << n; set++) {
        if (set >> feature & 1)
            continue;
        unsigned size = (unsigned)__builtin_popcount(set);
        phi += factorial(size) * factorial(n - size - 1) / factorial(n) *
               (game(forest, output, row, set | 1u << feature) - game(forest, output, row, set));
    }
    return phi;
}

static void test_definition(void **state)
{
    enum { N_ROWS = 4 };
    (void)state;
    for (size_t i = 0; i < MW_COUNT(tiny); i++) {
        mw_forest *forest = covered_forest(&tiny[i], i + 1);
        chance from = {i + 77};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
        double *values = explain_with(forest, &explain_scalar, &rows), *at = values;
        check_sums(tiny[i].name, forest, &rows, values);
        for (size_t r = 0; r < N_ROWS; r++) {
            const double *row = data + r * forest->n_features;
            for (size_t m = 0; m < forest->n_margins; m++) {
                for (size_t f = 0; f < forest->n_features; f++, at++)
                    if (!(fabs(*at - shapley(forest, m, row, f)) < 1e-12))
                        fail_msg("%s: row %zu, feature %zu: %.17g is not %.17g", tiny[i].name, r, f,
                                 *at, shapley(forest, m, row, f));
                double bias = forest->base_margin[m] + game(forest, m, row, 0);
                assert_true(fabs(*at++ - bias) < 1e-12);
            }
        }
        free(values);
        free(data);
        random_forest_free(forest);
    }
}

/* ---- kernels against the specification ------------------------------------------------------- */

static bool runs_anywhere(void)
{
    return !TEST_WATCHED;
}

static const explain_kernel wide = {"16 lanes",        runs_anywhere, layout_make,
                                    layout_free,       layout_bytes,  layout_memory_bytes,
#if TEST_WATCHED
                                    layout_block_rows, NULL};
#else
                                    layout_block_rows, explain_wide};
#endif

static void compare_kernels(const forest_wish *wish, const mw_forest *forest, const mw_matrix *rows)
{
    double *expected = explain_with(forest, &explain_scalar, rows);
    double *first = NULL;
    size_t bytes = rows->n_rows * forest->n_margins * (forest->n_features + 1) * sizeof *first;
    check_sums(wish->name, forest, rows, expected);
    for (size_t k = 0; k < explain_n_kernels; k++) {
        const explain_kernel *kernel = k + 1 < explain_n_kernels ? explain_kernels[k] : &wide;
        if (!kernel->runs_here())
            continue;
        double *got = explain_with(forest, kernel, rows);
        check_same(wish->name, kernel->name, forest, rows->n_rows, expected, got);
        check_sums(wish->name, forest, rows, got);
        if (first && memcmp(first, got, bytes) != 0)
            fail_msg("%s: %s gives other bits than the kernel before it", wish->name, kernel->name);
        free(first);
        first = got;
    }
    free(first);
    free(expected);
}

static void test_kernels(void **state)
{
    (void)state;
    static const size_t n_rows[] = {0, 1, 7, 9, 40, 300};
    for (size_t i = 0; i < MW_COUNT(wishes); i++) {
        mw_forest *forest = covered_forest(&wishes[i], i + 1);
        chance from = {i + 5};
        for (size_t n = 0; n < MW_COUNT(n_rows); n++) {
            if ((n_rows[n] > 100 && wishes[i].depth_max > 9) ||
                (n_rows[n] > 9 && i % TEST_SHARE != 0))
                continue; /* the specification is slow */
            double *data = random_rows(n_rows[n], forest->n_features, &from);
            mw_matrix rows = as_matrix(data, n_rows[n], forest->n_features);
            compare_kernels(&wishes[i], forest, &rows);
            free(data);
        }
        random_forest_free(forest);
    }
}

/* Leaves far from zero, all nearly alike: what float32 would lose without the mean. */
static void test_large_leaves(void **state)
{
    (void)state;
    mw_forest *forest = covered_forest(&wishes[15], 3);
    double *value = (double *)(uintptr_t)forest->value;
    for (size_t node = 0; node < forest->n_nodes; node++)
        value[node] += forest->left[node] == MW_NO_CHILD ? 1e6 : 0;
    chance from = {8};
    double *data = random_rows(20, forest->n_features, &from);
    mw_matrix rows = as_matrix(data, 20, forest->n_features);
    compare_kernels(&wishes[15], forest, &rows);
    free(data);
    random_forest_free(forest);
}

/* With limits of its own: what does not fit is done in another way. */
static double *explain_within(const mw_forest *forest, size_t tables_bytes, size_t kept_bytes,
                              const mw_matrix *rows)
{
    mw_explainer *explainer;
    mw_scratch *scratch;
    assert_int_equal(explain_explainer_new(forest, &explain_tables_plain, &explainer, NULL), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    layout_free(explainer->layout);
    assert_int_equal(layout_make_within(forest, tables_bytes, kept_bytes, &explainer->layout, NULL),
                     MW_OK);
    assert_true(((explain_layout *)explainer->layout)->tables.data_bytes <= tables_bytes);
    explainer->memory_bytes = layout_memory_bytes(forest, explainer->layout);
    double *got = malloc((rows->n_rows * mw_explainer_values(explainer) + 1) * sizeof *got);
    assert_int_equal(mw_explain_batch(explainer, rows, scratch, got, NULL), MW_OK);
    mw_scratch_free(scratch);
    mw_explainer_free(explainer);
    return got;
}

/* No tables, or those of some trees; programs that are kept, or written anew for each block: the
 * two give the same bits. */
static void test_limits(void **state)
{
    enum { N_ROWS = 150 };
    (void)state;
    static const size_t some[] = {0, 2, 3, 9, 11, 13, 14, 16};
    for (size_t i = 0; i < MW_COUNT(some); i += TEST_WATCHED ? 3 : 1) {
        const forest_wish *wish = &wishes[some[i]];
        mw_forest *forest = covered_forest(wish, i + 1);
        chance from = {i};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
        size_t bytes = N_ROWS * forest->n_margins * (forest->n_features + 1) * sizeof(double);
        double *expected = explain_with(forest, &explain_scalar, &rows);
        for (size_t tables_bytes = 0; tables_bytes <= 200000;
             tables_bytes += TEST_SHARE > 1 ? 100000 : 50000) {
            double *kept = explain_within(forest, tables_bytes, SIZE_MAX, &rows);
            double *anew = explain_within(forest, tables_bytes, 0, &rows);
            check_same(wish->name, "part of it", forest, N_ROWS, expected, kept);
            assert_memory_equal(kept, anew, bytes);
            free(kept);
            free(anew);
        }
        free(expected);
        free(data);
        random_forest_free(forest);
    }
}

/* ---- threads, batches, the processor --------------------------------------------------------- */

/* One row and two go through programs in another way than many do: the same bits. Returns whether
 * there were programs that do so. */
static bool compare_alone(const forest_wish *wish, const explain_kernel *kernel)
{
    enum { N_ROWS = 12 };
    mw_forest *forest = covered_forest(wish, 4);
    chance from = {9};
    double *data = random_rows(N_ROWS, forest->n_features, &from);
    mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
    mw_explainer *explainer;
    mw_scratch *scratch;
    assert_int_equal(explain_explainer_new(forest, kernel, &explainer, NULL), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    size_t width = mw_explainer_values(explainer), bytes = N_ROWS * width * sizeof(double);
    double *whole = malloc(bytes), *parts = malloc(bytes);
    assert_int_equal(mw_explain_batch(explainer, &rows, scratch, whole, NULL), MW_OK);
    for (size_t r = 0, n; r < N_ROWS; r += n) {
        n = 1 + (r % 3 == 1); /* 1, 2, 1, 2, .. */
        mw_matrix some = as_matrix(data + r * forest->n_features, n, forest->n_features);
        assert_int_equal(mw_explain_batch(explainer, &some, scratch, parts + r * width, NULL),
                         MW_OK);
    }
    if (memcmp(whole, parts, bytes) != 0)
        fail_msg("%s: %s gives a row other bits than many rows", wish->name, kernel->name);
    const quadrature_layout *rest = &((const explain_layout *)explainer->layout)->rest;
    bool alone = rest->n_programs > 0 && rest->points_max <= LAYOUT_POINTS_ALONE;
    free(whole);
    free(parts);
    free(data);
    mw_scratch_free(scratch);
    mw_explainer_free(explainer);
    random_forest_free(forest);
    return alone;
}

static void test_alone(void **state)
{
    (void)state;
    for (size_t k = 0; k + 1 < explain_n_kernels; k++) { /* not the specification */
        size_t n_alone = 0;
        if (!explain_kernels[k]->runs_here())
            continue;
        for (size_t i = 0; i < MW_COUNT(wishes); i++)
            n_alone += compare_alone(&wishes[i], explain_kernels[k]);
        assert_true(n_alone >= 3);
    }
}

static void test_split_of_rows(void **state)
{
    enum { N_ROWS = 1000 };
    (void)state;
    mw_forest *forest = covered_forest(&wishes[11], 4);
    chance from = {9};
    double *data = random_rows(N_ROWS, forest->n_features, &from);
    mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
    mw_explainer *explainer;
    mw_scratch *scratch;
    mw_pool *pool;
    assert_int_equal(mw_explainer_new(forest, &explainer, NULL), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    assert_int_equal(mw_pool_new(2, &pool, NULL), MW_OK);
    size_t width = mw_explainer_values(explainer), bytes = N_ROWS * width * sizeof(double);
    double *whole = malloc(bytes), *parts = malloc(bytes);
    assert_int_equal(mw_explain_batch(explainer, &rows, scratch, whole, NULL), MW_OK);
    assert_int_equal(mw_explain_parallel(explainer, &rows, pool, parts, NULL), MW_OK);
    assert_memory_equal(whole, parts, bytes);
    for (size_t r = 0, n; r < N_ROWS; r += n) {
        n = 1 + r % 37 < N_ROWS - r ? 1 + r % 37 : N_ROWS - r;
        mw_matrix some = as_matrix(data + r * forest->n_features, n, forest->n_features);
        assert_int_equal(mw_explain_batch(explainer, &some, scratch, parts + r * width, NULL),
                         MW_OK);
    }
    assert_memory_equal(whole, parts, bytes);
    free(whole);
    free(parts);
    free(data);
    mw_pool_free(pool);
    mw_scratch_free(scratch);
    mw_explainer_free(explainer);
    random_forest_free(forest);
}

static void test_kernel_by_name(void **state)
{
    (void)state;
    mw_forest *forest = covered_forest(&wishes[0], 4);
    mw_explainer *explainer;
    setenv("MW_CPU", "scalar", 1);
    assert_int_equal(mw_explainer_new(forest, &explainer, NULL), MW_OK);
    assert_string_equal(mw_explainer_kernel(explainer), "scalar");
    unsetenv("MW_CPU");
    mw_explainer_free(explainer);
    assert_int_equal(mw_explainer_new(forest, &explainer, NULL), MW_OK);
    assert_non_null(strstr(mw_explainer_kernel(explainer), "tables"));
    assert_true(mw_explainer_memory_bytes(explainer) > 1000);
    mw_explainer_free(explainer);
    random_forest_free(forest);
}

/* ---- linear models --------------------------------------------------------------------------- */

static void test_linear(void **state)
{
    (void)state;
    static const double weights[] = {2, -1, 0.5, 3, 10, 20}; /* two features, two margins, bias */
    static const double base[] = {0.25, 0.25}, data[] = {3, NAN, -1, 2};
    static const double expected[] = {6, 0, 10.25, -3, 0, 20.25, -2, 1, 10.25, 1, 6, 20.25};
    mw_forest forest = {.n_features = 2,
                        .n_columns = 2,
                        .n_margins = 2,
                        .sum_float32 = true,
                        .base_margin = base,
                        .linear_weights = weights};
    mw_matrix rows = as_matrix(data, 2, 2);
    double *values = explain_with(&forest, &explain_linear, &rows);
    assert_memory_equal(values, expected, sizeof expected);
    free(values);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuse(const mw_forest *forest, mw_status status, int code)
{
    mw_error err = {0};
    mw_explainer *explainer = NULL;
    assert_int_equal(mw_explainer_new(forest, &explainer, &err), status);
    assert_int_equal(err.code, code);
    assert_null(explainer);
    assert_true(err.what[0] && err.mend[0]);
}

static void test_refusals(void **state)
{
    (void)state;
    mw_forest *forest = covered_forest(&wishes[0], 4);
    double *cover = (double *)(uintptr_t)forest->cover;
    forest->cover = NULL;
    refuse(forest, MW_UNSUPPORTED, MW_E_NO_COVER);
    forest->cover = cover;
    static const double wrong[] = {-1, NAN, INFINITY};
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        cover[5] = wrong[i];
        refuse(forest, MW_BAD_DATA, MW_E_COVER);
    }
    random_forest_free(forest);
    static const forest_wish linear = {.lightgbm = true,
                                       .n_trees = 2,
                                       .n_features = 3,
                                       .n_margins = 1,
                                       .depth_max = 2,
                                       .linear_leaves = true};
    forest = covered_forest(&linear, 1);
    refuse(forest, MW_UNSUPPORTED, MW_E_EXPLAIN_LINEAR_LEAVES);
    random_forest_free(forest);
}

static void test_wrong_rows(void **state)
{
    (void)state;
    static const double data[56];
    const struct {
        const char *name;
        mw_matrix rows;
        mw_status expected;
    } cases[] = {
        {"right", {data, MW_FLOAT64, 1, 28, 28, 1}, MW_OK},
        {"too few columns", {data, MW_FLOAT64, 1, 27, 27, 1}, MW_MISMATCH},
        {"no data", {NULL, MW_FLOAT64, 1, 28, 28, 1}, MW_BAD_ARGUMENT},
        {"dtype", {data, (mw_dtype)7, 1, 28, 28, 1}, MW_BAD_ARGUMENT},
    };
    mw_forest *forest = covered_forest(&wishes[0], 4);
    mw_explainer *explainer;
    mw_scratch *scratch;
    double values[29];
    assert_int_equal(mw_explainer_new(forest, &explainer, NULL), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if (mw_explain_batch(explainer, &cases[i].rows, scratch, values, NULL) != cases[i].expected)
            fail_msg("%s", cases[i].name);
    mw_scratch_free(scratch);
    mw_explainer_free(explainer);
    random_forest_free(forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),     cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_large_leaves),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_alone),          cmocka_unit_test(test_split_of_rows),
        cmocka_unit_test(test_kernel_by_name), cmocka_unit_test(test_linear),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_wrong_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
