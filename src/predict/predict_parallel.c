/* Rows split over threads. Trees never are: that would change the order of the sum. */
#include "predictor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/banned.h"

/* A thread is worth its start from about this many rows: 512 rows of a small model take 0.3 ms. */
enum { CHUNK_ROWS = 512 };

typedef struct shared_work {
    const mw_predictor *predictor;
    const mw_matrix *rows;
    mw_output output;
    double *values;
    atomic_size_t next; /* first row that nobody has taken */
} shared_work;

typedef struct worker {
    mw_job job; /* first: the pool hands it back */
    shared_work *work;
    mw_scratch *scratch;
} worker;

static void predict_chunks(mw_job *job)
{
    const worker *self = (const worker *)job;
    shared_work *work = self->work;
    size_t outputs = mw_predictor_outputs(work->predictor, work->output);
    size_t n_rows = work->rows->n_rows;
    for (;;) {
        size_t first = atomic_fetch_add(&work->next, CHUNK_ROWS);
        if (first >= n_rows)
            return;
        size_t end = n_rows - first < CHUNK_ROWS ? n_rows : first + CHUNK_ROWS;
        predict_rows(work->predictor, work->rows, first, end, work->output, self->scratch,
                     work->values + first * outputs);
    }
}

static mw_status equip(worker *workers, unsigned n_workers, shared_work *work, mw_error *err)
{
    for (unsigned i = 0; i < n_workers; i++) {
        workers[i].job.run = predict_chunks;
        workers[i].work = work;
        MW_TRY(mw_scratch_new(&workers[i].scratch, err));
        MW_TRY(predict_scratch_reserve(workers[i].scratch, work->predictor, err));
    }
    return MW_OK;
}

/* The caller is worker 0; the pool's end waits for the others. */
static mw_status run(worker *workers, unsigned n_workers, mw_error *err)
{
    mw_pool *pool = NULL;
    if (n_workers > 1)
        MW_TRY(mw_pool_new(n_workers - 1, &pool, err));
    for (unsigned i = 1; i < n_workers; i++)
        mw_pool_submit(pool, &workers[i].job);
    predict_chunks(&workers[0].job);
    mw_pool_free(pool);
    return MW_OK;
}

static unsigned useful_workers(size_t n_rows, unsigned n_threads)
{
    size_t chunks = (n_rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
    return chunks < 1 ? 1 : chunks < n_threads ? (unsigned)chunks : n_threads;
}

mw_status mw_predict_parallel(const mw_predictor *predictor, const mw_matrix *rows,
                              mw_output output, unsigned n_threads, double *ret_values,
                              mw_error *err)
{
    if (n_threads < 1 || n_threads > MW_LIMIT_THREADS)
        return mw_fail(err, MW_E_THREAD_COUNT, "%u threads, allowed are 1..%d", n_threads,
                       MW_LIMIT_THREADS);
    MW_TRY(predict_check(predictor, rows, output, err));
    unsigned n_workers = useful_workers(rows->n_rows, n_threads);
    shared_work work = {predictor, rows, output, ret_values, 0};
    worker *workers = calloc(n_workers, sizeof *workers);
    if (!workers)
        return mw_fail_memory(err, "the threads of a prediction");
    mw_status status = equip(workers, n_workers, &work, err);
    if (status == MW_OK)
        status = run(workers, n_workers, err);
    for (unsigned i = 0; i < n_workers; i++)
        mw_scratch_free(workers[i].scratch);
    free(workers);
    return status;
}
