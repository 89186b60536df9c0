/* A batch, block by block, on one thread or several. Trees are never split over threads: that
 * would change the order of the sum. */
#include "explainer.h"

#include <stdatomic.h>

#include "base/banned.h"

/* ---- one thread ------------------------------------------------------------------------------ */

mw_status explain_check(const mw_explainer *explainer, const mw_matrix *rows, mw_error *err)
{
    size_t n_features = explainer->forest->n_features;
    if (rows->dtype != MW_FLOAT32 && rows->dtype != MW_FLOAT64)
        return mw_fail(err, MW_E_DTYPE, "dtype %d is unknown", (int)rows->dtype);
    if (rows->n_columns != n_features) {
        mw_fail(err, MW_E_FEATURE_COUNT, "rows have %zu columns, the model takes %zu features",
                rows->n_columns, n_features);
        return mw_mend(err, "give every feature of the model in its order; what is missing is NaN");
    }
    if (!rows->data && rows->n_rows > 0 && rows->n_columns > 0)
        return mw_fail(err, MW_E_NULL_ARGUMENT, "'rows.data' is NULL");
    return MW_OK;
}

/* Contributions are those of the sum of trees; the margin may be scaled. Then the bias. */
static void finish(const mw_explainer *explainer, size_t n_rows, double *values)
{
    const mw_forest *forest = explainer->forest;
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t m = 0; m < forest->n_margins; m++, values += forest->n_features + 1) {
            for (size_t f = 0; forest->margin_offset && f < forest->n_features; f++)
                values[f] *= forest->margin_scale;
            values[forest->n_features] = explainer->bias[m];
        }
    }
}

void explain_rows(const mw_explainer *explainer, const mw_matrix *rows, size_t first, size_t end,
                  void *memory, double *ret_values)
{
    size_t width = mw_explainer_values(explainer);
    explain_block block = {.rows = rows, .memory = memory, .values = ret_values};
    for (block.first = first; block.first < end; block.first += block.n_rows) {
        size_t left = end - block.first;
        block.n_rows = left < EXPLAIN_BLOCK_ROWS ? left : EXPLAIN_BLOCK_ROWS;
        memset(block.values, 0, block.n_rows * width * sizeof *block.values);
        explainer->kernel->explain(explainer->forest, explainer->layout, &block);
        finish(explainer, block.n_rows, block.values);
        block.values += block.n_rows * width;
    }
}

mw_status mw_explain_batch(const mw_explainer *explainer, const mw_matrix *rows,
                           mw_scratch *scratch, double *ret_values, mw_error *err)
{
    void *memory;
    MW_TRY(explain_check(explainer, rows, err));
    MW_TRY(mw_scratch_room(scratch, explainer->memory_bytes, &memory, err));
    explain_rows(explainer, rows, 0, rows->n_rows, memory, ret_values);
    return MW_OK;
}

/* ---- several --------------------------------------------------------------------------------- */

typedef struct shared_work {
    mw_crew crew; /* first: the pool hands it back */
    const mw_explainer *explainer;
    const mw_matrix *rows;
    double *values;
    atomic_size_t next; /* first row that nobody has taken */
    atomic_size_t n_rows_done;
} shared_work;

static void explain_chunks(shared_work *work, void *memory)
{
    size_t width = mw_explainer_values(work->explainer), n_rows = work->rows->n_rows;
    for (;;) {
        size_t first = atomic_fetch_add(&work->next, EXPLAIN_BLOCK_ROWS);
        if (first >= n_rows)
            return;
        size_t end = n_rows - first < EXPLAIN_BLOCK_ROWS ? n_rows : first + EXPLAIN_BLOCK_ROWS;
        explain_rows(work->explainer, work->rows, first, end, memory, work->values + first * width);
        atomic_fetch_add(&work->n_rows_done, end - first);
    }
}

/* A thread that finds no memory takes no rows: the others do them. */
static void take_part(mw_crew *crew)
{
    shared_work *work = (shared_work *)crew;
    mw_scratch *scratch = NULL;
    void *memory;
    if (mw_scratch_new(&scratch, NULL) == MW_OK &&
        mw_scratch_room(scratch, work->explainer->memory_bytes, &memory, NULL) == MW_OK)
        explain_chunks(work, memory);
    mw_scratch_free(scratch);
}

mw_status mw_explain_parallel(const mw_explainer *explainer, const mw_matrix *rows, mw_pool *pool,
                              double *ret_values, mw_error *err)
{
    MW_TRY(explain_check(explainer, rows, err));
    shared_work work = {
        .crew.run = take_part, .explainer = explainer, .rows = rows, .values = ret_values};
    if (pool && rows->n_rows > EXPLAIN_BLOCK_ROWS)
        mw_pool_join(pool, &work.crew);
    else
        take_part(&work.crew);
    if (atomic_load(&work.n_rows_done) != rows->n_rows)
        return mw_fail_memory(err, "the threads of an explanation");
    return MW_OK;
}
