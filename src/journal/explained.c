/* Contributions of kept rows, made by the writer: behind the answer, and behind the queue.
 *
 *     shape --share of its requests--> drawn by id --allowance, queue--> explained, or counted
 */
#include "checksum.h"
#include "writer.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum {
    PIECE_ROWS = 64,
    HURRIED = 8 /* an eighth of the queue waits: rows go before reasons */
};

static const char *name_of(const mw_log_shape *shape, char out[MW_LIMIT_NAME_BYTES + 1])
{
    snprintf(out, MW_LIMIT_NAME_BYTES + 1, "%.*s", MW_VIEW_ARG(shape->endpoint));
    return out;
}

/* A block begins: what is asked for now. A shape that tells something else is written again. */
void journal_explained_begin(mw_journal *journal, mw_log_shape *shape, journal_open_block *open)
{
    char name[MW_LIMIT_NAME_BYTES + 1];
    const mw_log_explainer *explainer = &journal->options.explainer;
    if (!explainer->share)
        return;
    double share = explainer->share(explainer->user, name_of(shape, name), shape->version);
    bool explains = share > 0;
    open->explain_below = share >= 1  ? UINT64_MAX
                          : share > 0 ? (uint64_t)(share * (double)journal->sample_below)
                                      : 0;
    if (explains != shape->explains)
        open->described_in = 0;
    shape->explains = explains;
}

static double *room_for(mw_journal *journal, size_t n)
{
    if (n > journal->explained_room) {
        double *grown = realloc(journal->explained, n * sizeof *grown);
        if (!grown)
            return NULL;
        journal->explained = grown;
        journal->explained_room = n;
    }
    return journal->explained;
}

/* So many rows more have theirs. */
static size_t explain_piece(mw_journal *journal, const mw_log_shape *shape,
                            journal_open_block *open, const journal_rows *rows, size_t first,
                            double *ret)
{
    char name[MW_LIMIT_NAME_BYTES + 1];
    uint64_t began = mw_clock_ns();
    size_t most = mw_allowance_rows(open->row_ns, PIECE_ROWS);
    size_t n = rows->n_rows - first < most ? rows->n_rows - first : most;
    const mw_log_explainer *explainer = &journal->options.explainer;
    const mw_matrix piece = {.data = rows->inputs + first * shape->n_columns,
                             .dtype = MW_FLOAT64,
                             .n_rows = n,
                             .n_columns = shape->n_columns,
                             .row_stride = (ptrdiff_t)shape->n_columns,
                             .column_stride = 1};
    if (!mw_allowance_has(&journal->allowance, began) ||
        journal_queue_is_fuller(&journal->queue, HURRIED) ||
        !explainer->explain(explainer->user, name_of(shape, name), shape->version, &piece,
                            rows->outputs + first * shape->n_outputs, ret))
        return 0;
    uint64_t took = mw_clock_ns() - began;
    mw_allowance_spend(&journal->allowance, took);
    open->row_ns = took / n + 1;
    return n;
}

const double *journal_explain(mw_journal *journal, const mw_log_shape *shape,
                              journal_open_block *open, const journal_rows *rows)
{
    size_t width = shape->n_columns + 1, n = 0;
    if (!shape->explains || journal_hash(rows->id) >= open->explain_below)
        return NULL;
    double *values = room_for(journal, rows->n_rows * width);
    for (size_t more = 1; values && n < rows->n_rows && more > 0; n += more)
        more = explain_piece(journal, shape, open, rows, n, values + n * width);
    atomic_fetch_add_explicit(&journal->rows_explained, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&journal->rows_unexplained, rows->n_rows - n, memory_order_relaxed);
    for (size_t i = n * width; values && i < rows->n_rows * width; i++)
        values[i] = NAN;
    return n > 0 ? values : NULL;
}
