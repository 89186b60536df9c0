/* The writer: from the queue into blocks, from blocks onto the disk.
 *
 *     queue --> open block of its shape --large, or old--> packed --> segment --large--> closed
 *                                                            `cannot be written: dropped, counted
 */
#include "writer.h"

#include <stdlib.h>

#include "base/banned.h"

enum {
    BLOCK_BYTES = 128 * 1024, /* a block is written when it has so many */
    WAIT_MS = 100,
    RECORDS_AT_ONCE = 4096 /* then flushes are looked at */
};

#define NS_PER_MS UINT64_C(1000000)
#define RETAIN_NS (UINT64_C(10) * 1000000000)

static void count(atomic_uint_least64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Said once in a while: a full disk fails every block. */
static void complain(mw_journal *journal, const mw_error *err)
{
    uint64_t now = mw_clock_ns();
    if (journal->complained_ns && now - journal->complained_ns < MW_LIMIT_COMPLAINT_MS * NS_PER_MS)
        return;
    journal->complained_ns = now;
    mw_log_error(MW_LOG_ERROR, "prediction log: rows are dropped", err);
}

static mw_status append(mw_journal *journal, const journal_block *block, mw_view raw, mw_error *err)
{
    size_t bytes;
    MW_TRY(journal_pack(&journal->packer, block, raw, &bytes, err));
    return journal_stream_append(&journal->predictions, block,
                                 (mw_view){journal->packer.packed, bytes}, raw, err);
}

static mw_status describe(mw_journal *journal, uint32_t shape, mw_error *err)
{
    mw_buf raw;
    journal_block block = {.kind = JOURNAL_SHAPE, .shape = shape};
    mw_buf_init(&raw, MW_LIMIT_LOG_BLOCK_BYTES);
    journal_shape_write(journal->shapes[shape], &raw);
    mw_status status = raw.failed ? mw_fail_memory(err, "what rows look like")
                                  : append(journal, &block, mw_buf_as_view(&raw), err);
    mw_buf_done(&raw);
    return status;
}

static mw_status write_block(mw_journal *journal, uint32_t shape, journal_open_block *open,
                             mw_error *err)
{
    uint32_t segment;
    journal_block block = {.kind = JOURNAL_ROWS,
                           .shape = shape,
                           .n_rows = open->n_rows,
                           .first_ms = open->first_ms,
                           .last_ms = open->last_ms};
    MW_TRY(journal_stream_begin(&journal->predictions, &segment, err));
    if (open->described_in != segment)
        MW_TRY(describe(journal, shape, err));
    open->described_in = segment;
    return append(journal, &block, mw_buf_as_view(&open->raw), err);
}

static void forward_row(mw_journal *journal, const mw_log_row *row)
{
    char key[300];
    mw_buf *message = &journal->message;
    int size = snprintf(key, sizeof key, "%.*s#%u", MW_VIEW_ARG(row->id), row->row);
    mw_buf_reset(message);
    mw_log_row_json(row, message);
    if (message->failed)
        journal_kafka_drop(journal->kafka, 1);
    else
        journal_kafka_put(journal->kafka,
                          (mw_view){key, (size_t)size < sizeof key ? (size_t)size : 0},
                          mw_buf_as_view(message));
}

/* Rows once more, to the topic: as the block has them, private columns treated. */
static void forward(mw_journal *journal, const mw_log_shape *shape, const journal_open_block *open)
{
    journal_record record;
    mw_view raw = mw_buf_as_view(&open->raw);
    double *row = malloc(journal_row_values(shape) * sizeof *row);
    if (!row || open->raw.failed)
        journal_kafka_drop(journal->kafka, open->n_rows);
    while (row && !open->raw.failed && journal_record_next(&raw, shape, &record))
        for (uint32_t i = 0; i < record.n_rows; i++) {
            mw_log_row told = {.shape = shape,
                               .time_ms = record.time_ms,
                               .id = record.id,
                               .row = record.first_row + i,
                               .inputs = row,
                               .outputs = row + shape->n_columns};
            journal_record_row(&record, shape, i, row, row + shape->n_columns);
            told.contributions = journal_record_contributions(
                &record, shape, i, row + shape->n_columns + shape->n_outputs);
            forward_row(journal, &told);
        }
    free(row);
    journal_kafka_poll(journal->kafka);
}

static void flush(mw_journal *journal, uint32_t shape)
{
    mw_error err;
    journal_open_block *open = journal->blocks[shape];
    mw_status status = open->raw.failed ? mw_fail_memory(&err, "a block")
                                        : write_block(journal, shape, open, &err);
    if (status == MW_OK) {
        count(&journal->rows_written, open->n_rows);
        count(&journal->blocks_written, 1);
    } else {
        count(&journal->rows_dropped, open->n_rows);
        count(&journal->blocks_failed, 1);
        complain(journal, &err);
    }
    if (journal->kafka)
        forward(journal, journal->shapes[shape], open);
    mw_buf_reset(&open->raw);
    open->n_rows = 0;
    journal_stream_roll(&journal->predictions, false);
}

static journal_open_block *block_of(mw_journal *journal, uint32_t shape)
{
    if (!journal->blocks[shape]) {
        journal->blocks[shape] = calloc(1, sizeof *journal->blocks[shape]);
        if (journal->blocks[shape])
            mw_buf_init(&journal->blocks[shape]->raw, MW_LIMIT_LOG_BLOCK_BYTES);
    }
    return journal->blocks[shape];
}

static void flush_due(mw_journal *journal, bool all)
{
    uint64_t now = mw_clock_ns(), flush_ns = journal->options.flush_ms * NS_PER_MS;
    size_t n = atomic_load_explicit(&journal->n_shapes, memory_order_acquire);
    for (uint32_t shape = 0; shape < n; shape++) {
        const journal_open_block *open = journal->blocks[shape];
        if (open && open->n_rows > 0 && (all || now - open->began_ns >= flush_ns))
            flush(journal, shape);
    }
}

/* ---- from the queue -------------------------------------------------------------------------- */

static void take_record(mw_journal *journal, mw_view record)
{
    journal_queued head;
    memcpy(&head, record.data, sizeof head);
    (void)atomic_load_explicit(&journal->n_shapes, memory_order_acquire);
    mw_log_shape *shape = journal->shapes[head.shape];
    journal_open_block *open = block_of(journal, head.shape);
    if (!open) {
        count(&journal->rows_dropped, head.n_rows);
        return;
    }
    const char *id = record.data + sizeof head;
    const double *values = (const double *)(const void *)(id + (head.id_size + 7) / 8 * 8);
    journal_rows rows = {.time_ms = head.time_ms,
                         .first_row = head.first_row,
                         .n_rows = head.n_rows,
                         .id = {id, head.id_size},
                         .inputs = values,
                         .outputs = values + (size_t)head.n_rows * shape->n_columns};
    if (open->n_rows == 0) {
        journal_explained_begin(journal, shape, open);
        open->began_ns = mw_clock_ns();
        open->first_ms = open->last_ms = head.time_ms;
    }
    open->first_ms = head.time_ms < open->first_ms ? head.time_ms : open->first_ms;
    open->last_ms = head.time_ms > open->last_ms ? head.time_ms : open->last_ms;
    rows.contributions = journal_explain(journal, shape, open, &rows);
    journal_rows_write(shape, &journal->privacy, &rows, &open->raw);
    fair_take_rows(journal, shape, &rows);
    open->n_rows += head.n_rows;
    if (open->raw.size >= BLOCK_BYTES || open->raw.failed)
        flush(journal, head.shape);
}

static size_t drain(mw_journal *journal)
{
    mw_view record;
    size_t n = 0;
    for (; n < RECORDS_AT_ONCE && journal_queue_peek(&journal->queue, &record); n++) {
        take_record(journal, record);
        journal_queue_take(&journal->queue);
    }
    return n;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void retain(mw_journal *journal)
{
    uint64_t now = mw_clock_ns(), age = journal->options.age_ms_max;
    if (now - journal->retained_ns < RETAIN_NS && journal->retained_ns)
        return;
    journal->retained_ns = now;
    journal_stream_roll(&journal->predictions, false);
    journal_stream_retain(&journal->predictions, journal->options.bytes_max,
                          age ? mw_clock_wall_ms() - (int64_t)age : 0);
}

/* False: it is over. */
static bool wait_for_rows(mw_journal *journal)
{
    unsigned ms = journal->options.flush_ms < WAIT_MS ? journal->options.flush_ms : WAIT_MS;
    struct timespec until = mw_moment_in(ms);
    pthread_mutex_lock(&journal->lock);
    if (!journal->stop)
        (void)pthread_cond_timedwait(&journal->wake, &journal->lock, &until);
    bool goes_on = !journal->stop;
    pthread_mutex_unlock(&journal->lock);
    atomic_store_explicit(&journal->is_woken, false, memory_order_relaxed);
    return goes_on;
}

void *journal_write(void *argument)
{
    mw_journal *journal = argument;
    for (bool goes_on = true;;) {
        size_t n = drain(journal);
        flush_due(journal, !goes_on && n == 0);
        retain(journal);
        if (journal->kafka)
            journal_kafka_poll(journal->kafka);
        if (n == 0 && !goes_on)
            return NULL;
        if (n < RECORDS_AT_ONCE && goes_on)
            goes_on = wait_for_rows(journal);
    }
}
