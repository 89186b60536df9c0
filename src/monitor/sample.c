/* Some rows of each second, copied behind their answers, for what is too dear to be done there:
 * sketches, anomaly scores, rows that repeat.
 *
 *     tapping threads: claim --> write --> written      the watcher, each second: close, take, open
 *
 * Once a second's rows are claimed, a request pays one load. */
#include <stdlib.h>

#include "watch.h"

#include "base/banned.h"

void watch_sample_init(watch_sample *sample, size_t n_columns)
{
    size_t room = WATCH_SAMPLED_VALUES / (n_columns + 1);
    room = room < WATCH_SAMPLED ? room : WATCH_SAMPLED;
    *sample = (watch_sample){.room = room > WATCH_SAMPLED_LEAST ? room : WATCH_SAMPLED_LEAST,
                             .n_columns = n_columns,
                             .is_closed = true};
    atomic_store(&sample->n_claimed, sample->room);
}

bool watch_sample_open(watch_sample *sample)
{
    if (sample->rows)
        return true;
    sample->rows = malloc((sample->room * sample->n_columns + 1) * sizeof *sample->rows);
    sample->is_closed = false;
    if (sample->rows)
        atomic_store_explicit(&sample->n_claimed, 0, memory_order_release);
    return sample->rows != NULL;
}

static double value_at(const mw_matrix *rows, size_t row, size_t column)
{
    ptrdiff_t at = (ptrdiff_t)row * rows->row_stride + (ptrdiff_t)column * rows->column_stride;
    return rows->dtype == MW_FLOAT64 ? ((const double *)rows->data)[at]
                                     : (double)((const float *)rows->data)[at];
}

void watch_sample_rows(watch_sample *sample, size_t n_features, const mw_matrix *rows,
                       const double *values, size_t n_outputs)
{
    if (atomic_load_explicit(&sample->n_claimed, memory_order_relaxed) >= sample->room)
        return;
    size_t step = (rows->n_rows + WATCH_SAMPLED_AT_ONCE - 1) / WATCH_SAMPLED_AT_ONCE;
    size_t wanted = step > 0 ? (rows->n_rows + step - 1) / step : 0;
    size_t place = atomic_fetch_add_explicit(&sample->n_claimed, wanted, memory_order_acquire);
    if (place >= sample->room)
        return;
    size_t n = wanted < sample->room - place ? wanted : sample->room - place;
    size_t own_outputs = sample->n_columns - n_features;
    for (size_t i = 0; i < n; i++) {
        double *to = sample->rows + (place + i) * sample->n_columns;
        for (size_t c = 0; c < n_features; c++)
            to[c] = value_at(rows, i * step, c);
        memcpy(to + n_features, values + i * step * n_outputs, own_outputs * sizeof *to);
    }
    atomic_fetch_add_explicit(&sample->n_written, n, memory_order_release);
}

/* True: nobody writes any more. */
static bool close_it(watch_sample *sample)
{
    if (!sample->is_closed) {
        size_t claimed = atomic_exchange(&sample->n_claimed, sample->room);
        sample->n_awaited = claimed < sample->room ? claimed : sample->room;
        sample->is_closed = true;
    }
    return atomic_load_explicit(&sample->n_written, memory_order_acquire) >= sample->n_awaited;
}

size_t watch_sample_take(watch_sample *sample)
{
    if (!sample->rows || (!sample->is_closed && atomic_load(&sample->n_claimed) == 0))
        return 0;
    return close_it(sample) ? sample->n_awaited : 0;
}

void watch_sample_resume(watch_sample *sample)
{
    atomic_store(&sample->n_written, 0);
    sample->is_closed = false;
    atomic_store_explicit(&sample->n_claimed, 0, memory_order_release);
}

void watch_sample_end(watch_sample *sample)
{
    if (!sample->rows || !close_it(sample))
        return;
    free(sample->rows);
    sample->rows = NULL;
    atomic_store(&sample->n_written, 0);
}

void watch_sample_done(watch_sample *sample)
{
    free(sample->rows);
    sample->rows = NULL;
}

size_t watch_sample_bytes(const watch_sample *sample)
{
    return sample->rows ? sample->room * sample->n_columns * sizeof *sample->rows : 0;
}
