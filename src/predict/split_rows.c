/* Rows split over threads. Trees never are: that would change the order of the sum. */
#include <stdatomic.h>

#include "predictor.h"

#include "base/banned.h"

typedef struct shared_work {
    mw_crew crew; /* first: the pool hands it back */
    const mw_row_work *work;
    atomic_size_t next; /* first row that nobody has taken */
    atomic_size_t n_rows_done;
} shared_work;

static void take_chunks(shared_work *shared, void *memory)
{
    const mw_row_work *work = shared->work;
    for (;;) {
        size_t first = atomic_fetch_add(&shared->next, work->chunk_rows);
        if (first >= work->n_rows)
            return;
        size_t left = work->n_rows - first;
        size_t end = left < work->chunk_rows ? work->n_rows : first + work->chunk_rows;
        work->run(work->context, first, end, memory);
        atomic_fetch_add(&shared->n_rows_done, end - first);
    }
}

/* A thread that finds no memory takes no rows: the others do them. */
static void take_part(mw_crew *crew)
{
    shared_work *shared = (shared_work *)crew;
    mw_scratch *scratch = NULL;
    void *memory;
    if (mw_scratch_new(&scratch, NULL) == MW_OK &&
        mw_scratch_room(scratch, shared->work->memory_bytes, &memory, NULL) == MW_OK)
        take_chunks(shared, memory);
    mw_scratch_free(scratch);
}

mw_status mw_split_rows(const mw_row_work *work, mw_pool *pool, mw_error *err)
{
    shared_work shared = {.crew.run = take_part, .work = work};
    if (pool && work->n_rows > work->chunk_rows)
        mw_pool_join(pool, &shared.crew);
    else
        take_part(&shared.crew);
    if (atomic_load(&shared.n_rows_done) != work->n_rows)
        return mw_fail_memory(err, work->what);
    return MW_OK;
}
