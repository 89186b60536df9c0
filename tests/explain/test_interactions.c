/* Interactions: the specification against their definition over all sets of features, every kernel
 * against the specification, and rows of the matrix against contributions. */
#include "../test.h"

#include "explain/pairs_program.h"

#include "explained.h"

/* ---- explaining ------------------------------------------------------------------------------ */

static mw_interactions *made(const mw_forest *forest, const pairs_kernel *kernel)
{
    mw_error err;
    mw_interactions *to;
    if (pairs_new(forest, kernel, &to, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return to;
}

static double *values_of(const mw_interactions *to, const mw_matrix *rows)
{
    mw_error err;
    mw_scratch *scratch;
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    size_t count = rows->n_rows * mw_interactions_values(to);
    double *values = malloc((count + 1) * sizeof *values);
    values[count] = 12345; /* a guard */
    assert_int_equal(mw_interactions_batch(to, rows, scratch, values, &err), MW_OK);
    assert_true(values[count] == 12345);
    mw_scratch_free(scratch);
    return values;
}

static double *values_with(const mw_forest *forest, const pairs_kernel *kernel,
                           const mw_matrix *rows)
{
    mw_interactions *to = made(forest, kernel);
    double *values = values_of(to, rows);
    mw_interactions_free(to);
    return values;
}

/* ---- the specification against the definition ------------------------------------------------ */

/* Half of the interaction index: what i and j do together, over all sets of the others. */
static double together(const mw_forest *forest, size_t output, const double *row, size_t i,
                       size_t j)
{
    unsigned n = (unsigned)forest->n_features, a = 1u << i, b = 1u << j;
    double sum = 0;
    for (unsigned set = 0; set < 1u << n; set++) {
        if (set & (a | b))
            continue;
        unsigned size = (unsigned)__builtin_popcount(set);
        sum += factorial(size) * factorial(n - size - 2) / factorial(n - 1) / 2 *
               (game(forest, output, row, set | a | b) - game(forest, output, row, set | a) -
                game(forest, output, row, set | b) + game(forest, output, row, set));
    }
    return sum;
}

static double alone(const mw_forest *forest, size_t output, const double *row, size_t i)
{
    unsigned n = (unsigned)forest->n_features, a = 1u << i;
    double sum = 0;
    for (unsigned set = 0; set < 1u << n; set++)
        if (!(set & a))
            sum += factorial((unsigned)__builtin_popcount(set)) *
                   factorial(n - (unsigned)__builtin_popcount(set) - 1) / factorial(n) *
                   (game(forest, output, row, set | a) - game(forest, output, row, set));
    return sum;
}

static void check_matrix(const char *name, const mw_forest *forest, size_t output,
                         const double *row, const double *values)
{
    size_t n = forest->n_features, side = n + 1;
    for (size_t i = 0; i < n; i++) {
        double rest = alone(forest, output, row, i);
        for (size_t j = 0; j < n; j++) {
            if (j == i)
                continue;
            double wanted = together(forest, output, row, i, j);
            rest -= wanted;
            if (!(fabs(values[i * side + j] - wanted) < 1e-12))
                fail_msg("%s: %zu and %zu: %.17g is not %.17g", name, i, j, values[i * side + j],
                         wanted);
        }
        assert_true(fabs(values[i * side + i] - rest) < 1e-12);
        assert_true(values[i * side + n] == 0 && values[n * side + i] == 0);
    }
    double bias = forest->base_margin[output] + game(forest, output, row, 0);
    assert_true(fabs(values[n * side + n] - bias) < 1e-12);
}

static void test_definition(void **state)
{
    enum { N_ROWS = 3 };
    (void)state;
    for (size_t i = 0; i < MW_COUNT(tiny); i++) {
        mw_forest *forest = covered_forest(&tiny[i], i + 1);
        size_t matrix = (forest->n_features + 1) * (forest->n_features + 1);
        chance from = {i + 77};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
        double *values = values_with(forest, &pairs_scalar, &rows);
        for (size_t r = 0; r < N_ROWS; r++)
            for (size_t m = 0; m < forest->n_margins; m++)
                check_matrix(tiny[i].name, forest, m, data + r * forest->n_features,
                             values + (r * forest->n_margins + m) * matrix);
        free(values);
        free(data);
        random_forest_free(forest);
    }
}

/* ---- kernels against the specification ------------------------------------------------------- */

static void check_pairs(const char *name, const char *kernel, const mw_forest *forest,
                        size_t n_rows, const double *expected, const double *got)
{
    size_t side = forest->n_features + 1;
    for (size_t i = 0; i < n_rows * forest->n_margins;
         i++, expected += side * side, got += side * side) {
        double largest = 0;
        for (size_t f = 0; f < forest->n_features; f++) {
            double sum = 0;
            for (size_t at = 0; at < side; at++)
                sum += fabs(expected[f * side + at]);
            largest = fmax(largest, sum);
        }
        for (size_t at = 0; at < side * side; at++)
            if (!(fabs(got[at] - expected[at]) <=
                  2e-6 * largest + 1e-12 * fabs(expected[side * side - 1])))
                fail_msg("%s: row %zu, %zu and %zu: %s gives %.9g, the specification %.9g", name, i,
                         at / side, at % side, kernel, got[at], expected[at]);
        for (size_t a = 0; a < side; a++)
            for (size_t b = 0; b < a; b++)
                assert_true(got[a * side + b] == got[b * side + a]);
    }
}

/* The rows of the matrices add up to contributions, all of them to the margin. */
static void check_line_sums(const char *name, const mw_forest *forest, const mw_matrix *rows,
                            const double *values)
{
    mw_explainer *plain;
    size_t side = forest->n_features + 1, n = rows->n_rows * forest->n_margins * side;
    double *sums = calloc(n + 1, sizeof *sums), *expected = calloc(n + 1, sizeof *expected);
    mw_scratch *scratch;
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    assert_int_equal(explain_explainer_new(forest, &explain_scalar, &plain, NULL), MW_OK);
    assert_int_equal(mw_explain_batch(plain, rows, scratch, expected, NULL), MW_OK);
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < side; at++)
            sums[i] += values[i * side + at];
    check_sums(name, forest, rows, sums);
    check_same(name, "a row of the matrix", forest, rows->n_rows, expected, sums);
    mw_explainer_free(plain);
    mw_scratch_free(scratch);
    free(expected);
    free(sums);
}

static void compare_kernels(const forest_wish *wish, const mw_forest *forest, const mw_matrix *rows)
{
    double *expected = values_with(forest, &pairs_scalar, rows), *first = NULL;
    size_t side = forest->n_features + 1;
    size_t bytes = rows->n_rows * forest->n_margins * side * side * sizeof *first;
    check_line_sums(wish->name, forest, rows, expected);
    for (size_t k = 0; k + 1 < pairs_n_kernels; k++) {
        const pairs_kernel *kernel = pairs_kernels[k];
        if (!kernel->runs_here())
            continue;
        double *got = values_with(forest, kernel, rows);
        check_pairs(wish->name, kernel->name, forest, rows->n_rows, expected, got);
        check_line_sums(wish->name, forest, rows, got);
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
    static const size_t n_rows[] = {0, 1, 9, 35};
    for (size_t i = 0; i < MW_COUNT(wishes); i++) {
        mw_forest *forest = covered_forest(&wishes[i], i + 1);
        chance from = {i + 5};
        size_t few = strstr(wishes[i].name, "chains") || i % TEST_SHARE ? 3 : MW_COUNT(n_rows);
        for (size_t n = 0; n < few; n++) {
            double *data = random_rows(n_rows[n], forest->n_features, &from);
            mw_matrix rows = as_matrix(data, n_rows[n], forest->n_features);
            compare_kernels(&wishes[i], forest, &rows);
            free(data);
        }
        random_forest_free(forest);
    }
}

/* ---- properties ------------------------------------------------------------------------------ */

/* Threads and pieces do not matter; nor do programs that are written anew for each block. */
static void test_split_of_rows(void **state)
{
    enum { N_ROWS = 150 };
    (void)state;
    static const size_t some[] = {2, 7, 11, 13, 14, 16};
    for (size_t i = 0; i < MW_COUNT(some); i++) {
        mw_forest *forest = covered_forest(&wishes[some[i]], 4);
        chance from = {9};
        double *data = random_rows(N_ROWS, forest->n_features, &from);
        mw_matrix rows = as_matrix(data, N_ROWS, forest->n_features);
        mw_interactions *to = made(forest, &pairs_plain);
        mw_scratch *scratch;
        mw_pool *pool;
        assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
        assert_int_equal(mw_pool_new(2, &pool, NULL), MW_OK);
        size_t width = mw_interactions_values(to), bytes = N_ROWS * width * sizeof(double);
        double *whole = values_of(to, &rows), *parts = malloc(bytes);
        assert_int_equal(mw_interactions_parallel(to, &rows, pool, parts, NULL), MW_OK);
        assert_memory_equal(whole, parts, bytes);
        pairs_free(to->layout);
        assert_int_equal(pairs_lay_out_within(forest, 0, &to->layout, NULL), MW_OK);
        to->memory_bytes = pairs_memory_bytes(forest, to->layout);
        for (size_t r = 0, n; r < N_ROWS; r += n) {
            n = 1 + r % 37 < N_ROWS - r ? 1 + r % 37 : N_ROWS - r;
            mw_matrix few = as_matrix(data + r * forest->n_features, n, forest->n_features);
            assert_int_equal(mw_interactions_batch(to, &few, scratch, parts + r * width, NULL),
                             MW_OK);
        }
        assert_memory_equal(whole, parts, bytes);
        free(whole);
        free(parts);
        free(data);
        mw_pool_free(pool);
        mw_scratch_free(scratch);
        mw_interactions_free(to);
        random_forest_free(forest);
    }
}

/* ---- linear models, refusals ----------------------------------------------------------------- */

static void test_linear(void **state)
{
    (void)state;
    static const double weights[] = {2, -1, 10}, base[] = {0.25}, data[] = {3, NAN};
    static const double expected[] = {6, 0, 0, 0, 0, 0, 0, 0, 10.25};
    mw_forest forest = {.n_features = 2,
                        .n_columns = 2,
                        .n_margins = 1,
                        .sum_float32 = true,
                        .base_margin = base,
                        .linear_weights = weights};
    mw_matrix rows = as_matrix(data, 1, 2);
    double *values = values_with(&forest, &pairs_linear, &rows);
    assert_memory_equal(values, expected, sizeof expected);
    free(values);
}

static void test_refusals(void **state)
{
    (void)state;
    mw_error err = {0};
    mw_interactions *to = NULL;
    mw_forest *forest = covered_forest(&wishes[0], 4);
    forest->n_features = 1 << 20;
    assert_int_equal(mw_interactions_new(forest, &to, &err), MW_NO_MEMORY);
    assert_int_equal(err.code, MW_E_INTERACTIONS_TOO_WIDE);
    forest->n_features = 28;
    forest->cover = NULL;
    assert_int_equal(mw_interactions_new(forest, &to, &err), MW_UNSUPPORTED);
    assert_int_equal(err.code, MW_E_NO_COVER);
    assert_null(to);
    random_forest_free(forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),    cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_split_of_rows), cmocka_unit_test(test_linear),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
