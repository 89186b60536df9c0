/* Rows split over threads. Trees never are: that would change the order of the sum. */
#include "predictor.h"

#include <stdatomic.h>

#include "base/banned.h"

/* A thread is worth its waking from about this many rows: 512 rows of a small model take 0.3 ms. */
enum { CHUNK_ROWS = 512 };

typedef struct shared_work {
    mw_crew crew; /* first: the pool hands it back */
    const mw_predictor *predictor;
    const mw_matrix *rows;
    mw_output output;
    double *values;
    atomic_size_t next; /* first row that nobody has taken */
    atomic_size_t n_rows_done;
} shared_work;

static void predict_chunks(shared_work *work, mw_scratch *scratch)
{
    size_t outputs = mw_predictor_outputs(work->predictor, work->output);
    size_t n_rows = work->rows->n_rows;
    for (;;) {
        size_t first = atomic_fetch_add(&work->next, CHUNK_ROWS);
        if (first >= n_rows)
            return;
        size_t end = n_rows - first < CHUNK_ROWS ? n_rows : first + CHUNK_ROWS;
        predict_rows(work->predictor, work->rows, first, end, work->output, scratch,
                     work->values + first * outputs);
        atomic_fetch_add(&work->n_rows_done, end - first);
    }
}

/* A thread that finds no memory takes no rows: the others do them. */
static void take_part(mw_crew *crew)
{
    shared_work *work = (shared_work *)crew;
    mw_scratch *scratch = NULL;
    if (mw_scratch_new(&scratch, NULL) == MW_OK &&
        predict_scratch_reserve(scratch, work->predictor, NULL) == MW_OK)
        predict_chunks(work, scratch);
    mw_scratch_free(scratch);
}

mw_status mw_predict_parallel(const mw_predictor *predictor, const mw_matrix *rows,
                              mw_output output, mw_pool *pool, double *ret_values, mw_error *err)
{
    MW_TRY(predict_check(predictor, rows, output, err));
    shared_work work = {.crew.run = take_part,
                        .predictor = predictor,
                        .rows = rows,
                        .output = output,
                        .values = ret_values};
    if (pool && rows->n_rows > CHUNK_ROWS)
        mw_pool_join(pool, &work.crew);
    else
        take_part(&work.crew);
    if (atomic_load(&work.n_rows_done) != rows->n_rows)
        return mw_fail_memory(err, "the threads of a prediction");
    return MW_OK;
}
