/* The loop's side of a watch: rows are counted by bin, or kept while the reference is learned.
 *
 * A lane has one writer, which therefore loads and stores without a lock or a fence; only threads
 * beyond the 64th share one and add atomically. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { TALLY_ROWS = 8, TALLY_COLUMNS = 3 /* of fewer, each value is counted by itself */ };

static double read_value(const mw_matrix *rows, size_t row, size_t column)
{
    ptrdiff_t at = (ptrdiff_t)row * rows->row_stride + (ptrdiff_t)column * rows->column_stride;
    return rows->dtype == MW_FLOAT64 ? ((const double *)rows->data)[at]
                                     : (double)((const float *)rows->data)[at];
}

/* How many edges are below it, in four steps. */
static inline size_t number_bin(const double edges[WATCH_PADDED], double value)
{
    size_t bin = (size_t)(value > edges[7]) << 3;
    bin += (size_t)(value > edges[bin + 3]) << 2;
    bin += (size_t)(value > edges[bin + 1]) << 1;
    return bin + (value > edges[bin]);
}

size_t watch_bin_of(const watch_column *column, double value)
{
    size_t bin = 0;
    if (column->is_category) {
        size_t code = value >= 0 && value < (double)column->n_codes ? (size_t)value : WATCH_CODES;
        bin = code < column->n_codes && (double)code == value ? column->bins[code] : WATCH_NEW;
    } else
        bin = number_bin(column->edges, value);
    if (!isnan(value))
        return bin;
    return column->is_category && mw_stranger_mark(value) ? WATCH_NEW : WATCH_MISSING;
}

/* The thread's lane, made when it first comes; NULL when memory is gone: the rows go uncounted. */
static watch_lane *lane_of(watch_version *version, unsigned number)
{
    _Atomic(watch_lane *) *place = &version->lanes[number % WATCH_LANES];
    watch_lane *lane = atomic_load_explicit(place, memory_order_acquire);
    if (lane)
        return lane;
    size_t bytes = sizeof *lane + version->n_columns * WATCH_BINS * sizeof lane->counts[0];
    lane = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!lane)
        return NULL;
    memset(lane, 0, bytes);
    watch_lane *other = NULL;
    if (atomic_compare_exchange_strong(place, &other, lane))
        return lane;
    free(lane);
    return other;
}

/* A value of a column that is ready. */
static void count_value(const watch_column *column, double value, atomic_uint_least64_t *counts,
                        bool is_shared)
{
    size_t bin = column->is_category || isnan(value) ? watch_bin_of(column, value)
                                                     : number_bin(column->edges, value);
    watch_add(&counts[bin], 1, is_shared);
}

/* The first columns of a row; of categories only where the numbers are counted otherwise. */
static void count_row(const watch_column *columns, size_t n_columns, bool categories_only,
                      const mw_matrix *rows, size_t row, atomic_uint_least64_t *counts,
                      bool is_shared)
{
    ptrdiff_t begin = (ptrdiff_t)row * rows->row_stride, step = rows->column_stride;
    const double *doubles = rows->dtype == MW_FLOAT64 ? (const double *)rows->data + begin : NULL;
    const float *floats = doubles ? NULL : (const float *)rows->data + begin;
    for (size_t c = 0; c < n_columns; c++) {
        ptrdiff_t at = (ptrdiff_t)c * step;
        if (columns[c].is_ready && (columns[c].is_category || !categories_only))
            count_value(&columns[c], doubles ? doubles[at] : (double)floats[at],
                        counts + c * WATCH_BINS, is_shared);
    }
}

static bool has_category(const watch_column *columns, size_t n_columns)
{
    for (size_t c = 0; c < n_columns; c++)
        if (columns[c].is_category)
            return true;
    return false;
}

/* One column, as most models answer: value by value it costs as much as eight that are tallied. */
static bool stands_alone(const watch_column *columns, size_t n_columns, const mw_matrix *rows)
{
    return n_columns == 1 && rows->n_rows >= TALLY_ROWS && rows->dtype == MW_FLOAT64 &&
           columns->is_ready && !columns->is_category;
}

/* The first columns of all the rows. */
static void count_matrix(const watch_column *columns, size_t n_columns, const mw_matrix *rows,
                         atomic_uint_least64_t *counts, bool is_shared)
{
    bool by_tally =
        rows->n_rows >= TALLY_ROWS && n_columns >= TALLY_COLUMNS && rows->column_stride == 1;
    if (by_tally) {
        watch_tally(columns, n_columns, rows, counts, is_shared, watch_tally_width());
        if (!has_category(columns, n_columns))
            return;
    }
    size_t row = 0;
    if (!by_tally && stands_alone(columns, n_columns, rows))
        row = watch_tally_alone(columns, rows->data, rows->row_stride, rows->n_rows, counts,
                                is_shared, watch_tally_width());
    for (; row < rows->n_rows; row++)
        count_row(columns, n_columns, by_tally, rows, row, counts, is_shared);
}

/* Every `step`th row. */
static mw_matrix thin(mw_matrix rows, size_t step)
{
    rows.n_rows = (rows.n_rows + step - 1) / step;
    rows.row_stride *= (ptrdiff_t)step;
    return rows;
}

static void count_rows(const watch_version *version, const watch_column *columns, watch_lane *lane,
                       bool is_shared, mw_matrix rows, mw_matrix outputs)
{
    size_t n = version->n_features;
    count_matrix(columns, n, &rows, lane->counts, is_shared);
    count_matrix(columns + n, version->n_outputs, &outputs, lane->counts + n * WATCH_BINS,
                 is_shared);
    watch_add(&lane->rows, rows.n_rows, is_shared);
    watch_add(&lane->requests, 1, is_shared);
}

/* False when the reference has all its rows. */
static bool learn_row(watch_version *version, const mw_matrix *rows, size_t row,
                      const double *values)
{
    if (atomic_load_explicit(&version->n_claimed, memory_order_relaxed) >= version->learn_rows)
        return false;
    size_t place = atomic_fetch_add_explicit(&version->n_claimed, 1, memory_order_relaxed);
    if (place >= version->learn_rows)
        return false;
    double *to = version->learned + place * version->n_columns;
    for (size_t c = 0; c < version->n_features; c++)
        to[c] = read_value(rows, row, c);
    memcpy(to + version->n_features, values, version->n_outputs * sizeof *to);
    atomic_fetch_add_explicit(&version->n_written, 1, memory_order_release);
    return true;
}

void watch_rows(watch_version *version, unsigned number, const mw_matrix *rows,
                const double *values, size_t n_outputs)
{
    if (rows->n_columns < version->n_features || n_outputs < version->n_outputs)
        return;
    size_t step =
        rows->n_rows > WATCH_ROWS_MAX ? (rows->n_rows + WATCH_ROWS_MAX - 1) / WATCH_ROWS_MAX : 1;
    mw_matrix some = thin(*rows, step);
    const mw_matrix all_outputs = {.data = values,
                                   .dtype = MW_FLOAT64,
                                   .n_rows = rows->n_rows,
                                   .n_columns = n_outputs,
                                   .row_stride = (ptrdiff_t)n_outputs,
                                   .column_stride = 1};
    mw_matrix outputs = thin(all_outputs, step);
    bool learns = atomic_load_explicit(&version->learns, memory_order_relaxed);
    for (size_t row = 0; learns && row < some.n_rows; row++)
        learns = learn_row(version, &some, row, values + row * step * n_outputs);
    const watch_column *columns = atomic_load_explicit(&version->columns, memory_order_acquire);
    watch_lane *lane = columns ? lane_of(version, number) : NULL;
    if (lane)
        count_rows(version, columns, lane, number >= WATCH_LANES, some, outputs);
    else if (!learns)
        return; /* until the watcher has made the reference */
    watch_sample_rows(&version->sample, version->n_features, rows, values, n_outputs);
}
