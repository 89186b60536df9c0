/* The request's side: rows are copied into the queue, and that is all.
 *
 *     queued head | id, padded to eight | inputs (rows, columns) | outputs (rows, outputs) */
#include "checksum.h"
#include "writer.h"

#include "base/banned.h"

enum { CACHE_SIZE = 64, CHUNK_BYTES = 64 * 1024, NO_SHAPE = UINT32_MAX };

typedef struct cached {
    uint64_t journal;
    const char *endpoint;
    unsigned version;
    uint32_t shape;
} cached;

/* ---- shapes ---------------------------------------------------------------------------------- */

static uint32_t find_or_add(mw_journal *journal, const mw_journal_entry *entry)
{
    pthread_mutex_lock(&journal->shapes_lock);
    size_t n = atomic_load(&journal->n_shapes);
    uint32_t found = NO_SHAPE;
    for (size_t i = n; i-- > 0 && found == NO_SHAPE;)
        if (journal->shapes[i]->version == entry->version &&
            mw_view_is(journal->shapes[i]->endpoint, entry->endpoint))
            found = (uint32_t)i;
    if (found == NO_SHAPE && n < JOURNAL_SHAPES_MAX) {
        mw_log_shape *shape = journal_shape_make(entry, (uint32_t)n, &journal->privacy);
        if (shape) {
            journal->shapes[n] = shape;
            atomic_store_explicit(&journal->n_shapes, n + 1, memory_order_release);
            found = (uint32_t)n;
        }
    }
    pthread_mutex_unlock(&journal->shapes_lock);
    return found;
}

static uint32_t shape_of(mw_journal *journal, const mw_journal_entry *entry)
{
    static _Thread_local cached cache[CACHE_SIZE];
    cached *place = &cache[((uintptr_t)entry->endpoint >> 4 ^ entry->version * 31u) % CACHE_SIZE];
    if (place->journal != journal->number || place->endpoint != entry->endpoint ||
        place->version != entry->version)
        *place =
            (cached){journal->number, entry->endpoint, entry->version, find_or_add(journal, entry)};
    return place->shape;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void copy_rows(const mw_matrix *rows, size_t first, size_t n, double *out)
{
    for (size_t row = first; row < first + n; row++) {
        ptrdiff_t at = (ptrdiff_t)row * rows->row_stride;
        if (rows->dtype == MW_FLOAT64 && rows->column_stride == 1) {
            memcpy(out, (const double *)rows->data + at, rows->n_columns * sizeof *out);
            out += rows->n_columns;
            continue;
        }
        for (size_t c = 0; c < rows->n_columns; c++, at += rows->column_stride)
            *out++ = rows->dtype == MW_FLOAT64 ? ((const double *)rows->data)[at]
                                               : (double)((const float *)rows->data)[at];
    }
}

static bool put_chunk(mw_journal *journal, const mw_journal_entry *entry, journal_queued head)
{
    size_t id_bytes = (head.id_size + 7) / 8 * 8, n = head.n_rows;
    size_t n_inputs = n * entry->rows->n_columns, n_outputs = n * entry->n_outputs;
    size_t bytes = sizeof head + id_bytes + (n_inputs + n_outputs) * sizeof(double);
    char *at = journal_queue_reserve(&journal->queue, bytes);
    if (!at)
        return false;
    double *values = (double *)(void *)(at + sizeof head + id_bytes);
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, entry->id.data, head.id_size);
    copy_rows(entry->rows, head.first_row, n, values);
    memcpy(values + n_inputs, entry->values + (size_t)head.first_row * entry->n_outputs,
           n_outputs * sizeof *values);
    journal_queue_commit(at, bytes);
    return true;
}

static void count(atomic_uint_least64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* The writer sleeps a tenth of a second at most; it is only called where that would be too long. */
static void wake_writer(mw_journal *journal)
{
    if (!journal_queue_is_fuller(&journal->queue, 2) ||
        atomic_exchange_explicit(&journal->is_woken, true, memory_order_relaxed))
        return;
    pthread_cond_signal(&journal->wake); /* without the lock: one that is missed costs a tenth */
}

void mw_journal_tap(mw_journal *journal, const mw_journal_entry *entry)
{
    size_t n_rows = entry->rows->n_rows;
    if (n_rows == 0)
        return;
    if (journal->sample_below != UINT64_MAX && journal_hash(entry->id) >= journal->sample_below) {
        count(&journal->rows_unsampled, n_rows);
        return;
    }
    uint32_t shape = shape_of(journal, entry);
    size_t row_bytes = (entry->rows->n_columns + entry->n_outputs + 1) * sizeof(double);
    size_t step = CHUNK_BYTES / row_bytes + 1;
    journal_queued head = {
        .shape = shape, .id_size = (uint32_t)entry->id.size, .time_ms = mw_clock_wall_ms()};
    for (size_t row = 0; row < n_rows; row += step) {
        head.first_row = (uint32_t)row;
        head.n_rows = (uint32_t)(n_rows - row < step ? n_rows - row : step);
        if (shape == NO_SHAPE || !put_chunk(journal, entry, head))
            count(&journal->rows_dropped, head.n_rows);
    }
    wake_writer(journal);
}
