/* Rows that come together are counted as those that come one by one: over widths, element types,
 * edges, values at the edges, missing and infinite ones, categories, and columns without reference.
 */
#include <math.h>
#include <stdlib.h>

#include "monitor/watch.h"
#include "test.h"

#include "../chance.h"

enum { WIDEST = 23, ROWS = 200, OUTPUTS = 3, CASES = 60, CODES = 5 };

static uint64_t seed = 20;

static size_t draw(size_t below)
{
    return (size_t)(test_chance(&seed) * (double)below);
}

/* Edges that no float is: below its smallest, beyond its largest, next to one. */
static void make_awkward(watch_column *column)
{
    static const double edges[WATCH_EDGES] = {
        -1e300, -3.4028235e38, -1.0000000001, -1e-46, 0, 1e-46, 1e-39, 0.1, 16777217, 4e38, 1e300};
    column->n_edges = WATCH_EDGES;
    memcpy(column->edges, edges, sizeof edges);
}

static void make_column(watch_column *column, bool may_be_category)
{
    column->is_ready = draw(6) > 0;
    column->is_category = may_be_category && draw(4) == 0;
    column->n_codes = column->is_category ? CODES : 0;
    column->n_edges = draw(WATCH_EDGES + 1);
    double edge = draw(5) == 0 ? -1e300 : test_chance(&seed) - 0.5;
    for (size_t k = 0; k < WATCH_PADDED; k++) {
        column->edges[k] = k < column->n_edges ? edge : (double)INFINITY;
        edge += k + 2 == column->n_edges && draw(5) == 0 ? 1e300 : test_chance(&seed) / 10;
    }
    if (draw(4) == 0)
        make_awkward(column);
}

static double make_value(const watch_column *column)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1e300, -1e300};
    if (column->is_category)
        return (double)draw(CODES + 2);
    if (draw(8) == 0)
        return odd[draw(sizeof odd / sizeof *odd)];
    if (draw(4) == 0 && column->n_edges > 0)
        return column->edges[draw(column->n_edges)]; /* a float of it stands on either side */
    return test_chance(&seed) * 2 - 0.7;
}

typedef struct material {
    size_t n_features;
    watch_column columns[WIDEST + OUTPUTS];
    double doubles[ROWS][WIDEST], values[ROWS][OUTPUTS];
    float floats[ROWS][WIDEST];
} material;

static void make_rows(material *given)
{
    for (size_t c = 0; c < given->n_features + OUTPUTS; c++)
        make_column(&given->columns[c], c < given->n_features);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t c = 0; c < given->n_features; c++) {
            given->doubles[row][c] = make_value(&given->columns[c]);
            given->floats[row][c] = (float)given->doubles[row][c];
        }
        for (size_t k = 0; k < OUTPUTS; k++)
            given->values[row][k] = make_value(&given->columns[given->n_features + k]);
    }
}

/* The lane after the rows have come, `at_once` of them together. */
static const watch_lane *count(watch_version *version, const material *given, bool as_floats,
                               size_t at_once)
{
    for (size_t row = 0; row < ROWS; row += at_once) {
        const void *data = as_floats ? (const void *)given->floats[row] : given->doubles[row];
        mw_matrix rows = {.data = data,
                          .dtype = as_floats ? MW_FLOAT32 : MW_FLOAT64,
                          .n_rows = at_once,
                          .n_columns = given->n_features,
                          .row_stride = WIDEST,
                          .column_stride = 1};
        watch_rows(version, 0, &rows, given->values[row], OUTPUTS);
    }
    return atomic_load(&version->lanes[0]);
}

static uint8_t *make_bins(void)
{
    static const uint8_t bins[CODES] = {0, 1, 2, WATCH_OTHERS, WATCH_OTHERS};
    uint8_t *copy = malloc(sizeof bins);
    assert_non_null(copy);
    return memcpy(copy, bins, sizeof bins);
}

static watch_version *make_version(const material *given)
{
    size_t n = given->n_features + OUTPUTS;
    watch_version *version =
        watch_version_new("a", 1, given->n_features, OUTPUTS, 1, UINT64_C(60000000000), NULL);
    watch_column *columns = calloc(n, sizeof *columns);
    assert_non_null(version);
    assert_non_null(columns);
    memcpy(columns, given->columns, n * sizeof *columns);
    for (size_t c = 0; c < n; c++)
        if (columns[c].is_category)
            columns[c].bins = make_bins();
    watch_columns_put(version, columns, false);
    return version;
}

static void compare(const material *given, bool as_floats)
{
    watch_version *one = make_version(given), *many = make_version(given);
    const watch_lane *expected = count(one, given, as_floats, 1);
    const watch_lane *found = count(many, given, as_floats, ROWS / 2);
    assert_int_equal(found->rows, ROWS);
    assert_int_equal(found->requests, 2);
    assert_int_equal(expected->rows, ROWS);
    size_t n_counted = 0;
    for (size_t i = 0; i < (given->n_features + OUTPUTS) * WATCH_BINS; i++) {
        assert_int_equal(found->counts[i], expected->counts[i]);
        n_counted += found->counts[i];
    }
    size_t n_ready = 0;
    for (size_t c = 0; c < given->n_features + OUTPUTS; c++)
        n_ready += given->columns[c].is_ready;
    assert_int_equal(n_counted, n_ready * ROWS);
    watch_version_free(one);
    watch_version_free(many);
}

static void test_together_as_one_by_one(void **state)
{
    (void)state;
    static material given;
    for (size_t i = 0; i < CASES; i++) {
        given.n_features = 1 + i % WIDEST;
        make_rows(&given);
        compare(&given, false);
        compare(&given, true);
    }
}

/* The form that any processor runs, beside those that this processor may choose. */
static void test_all_forms(void **state)
{
    (void)state;
    static material given;
    for (int i = 0; i < 2 * CASES; i++) {
        static atomic_uint_least64_t counts[WATCH_WIDEST + 1][WIDEST * WATCH_BINS];
        given.n_features = 1 + draw(WIDEST);
        make_rows(&given);
        memset((void *)counts, 0, sizeof counts);
        mw_matrix rows = {given.doubles[0], MW_FLOAT64, draw(ROWS + 1),
                          given.n_features, WIDEST,     1};
        if (i % 2) {
            rows.data = given.floats[0];
            rows.dtype = MW_FLOAT32;
        }
        for (watch_width width = WATCH_NARROW; width <= watch_tally_width(); width++) {
            watch_tally(given.columns, given.n_features, &rows, counts[width], false, width);
            for (size_t k = 0; k < given.n_features * WATCH_BINS; k++)
                assert_int_equal(counts[0][k], counts[width][k]);
        }
    }
}

/* A model of one number: its answers stand side by side, also of few rows. */
static void test_one_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20 * CASES; i++) {
        watch_column column = {0};
        static double values[3 * ROWS];
        ptrdiff_t stride = 1 + (ptrdiff_t)(i % 3);
        make_column(&column, false);
        for (size_t k = 0; k < MW_COUNT(values); k++)
            values[k] = make_value(&column);
        size_t n = i < ROWS ? i : draw(ROWS + 1), n_counted = 0;
        uint64_t expected[WATCH_BINS] = {0};
        static atomic_uint_least64_t counts[2][WATCH_BINS];
        memset((void *)counts, 0, sizeof counts);
        size_t n_told =
            watch_tally_alone(&column, values, stride, n, counts[0], false, WATCH_NARROW);
        assert_int_equal(n_told, n / 4 * 4);
        assert_int_equal(
            watch_tally_alone(&column, values, stride, n, counts[1], true, watch_tally_width()),
            n_told);
        for (size_t k = 0; k < n_told; k++)
            expected[watch_bin_of(&column, values[(ptrdiff_t)k * stride])]++;
        for (size_t k = 0; k < WATCH_BINS; k++) {
            assert_int_equal(counts[0][k], expected[k]);
            assert_int_equal(counts[1][k], expected[k]);
            n_counted += counts[0][k];
        }
        assert_int_equal(n_counted, n_told);
    }
}

/* The same by rows that were answered: what is left over is counted, too. */
static void test_answers_of_one_number(void **state)
{
    (void)state;
    static material given;
    for (size_t i = 0; i < CASES; i++) {
        given.n_features = 1;
        make_rows(&given);
        static double answers[ROWS];
        uint64_t expected[WATCH_BINS] = {0};
        watch_version *version = make_version(&given);
        size_t n = draw(ROWS + 1);
        for (size_t row = 0; row < n; row++) {
            answers[row] = given.values[row][0];
            expected[watch_bin_of(&given.columns[1], answers[row])]++;
        }
        version->n_outputs = 1;
        const mw_matrix rows = {given.doubles[0], MW_FLOAT64, n, 1, WIDEST, 1};
        watch_rows(version, 0, &rows, answers, 1);
        const watch_lane *lane = atomic_load(&version->lanes[0]);
        for (size_t k = 0; k < WATCH_BINS; k++)
            assert_int_equal(lane->counts[WATCH_BINS + k],
                             given.columns[1].is_ready ? expected[k] : 0);
        version->n_outputs = OUTPUTS;
        watch_version_free(version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together_as_one_by_one),
        cmocka_unit_test(test_all_forms),
        cmocka_unit_test(test_one_column),
        cmocka_unit_test(test_answers_of_one_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
