/* A pool of threads for work that takes longer than about a millisecond or may block. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "error.h"

typedef struct mw_pool mw_pool;

/* A job is the caller's memory, linked into the queue: submitting allocates nothing.
 * It must stay valid until `run` has been called. */
typedef struct mw_job {
    struct mw_job *next;
    void (*run)(struct mw_job *job);
} mw_job;

MW_CHECKED mw_status mw_pool_new(unsigned n_threads, mw_pool **ret_pool, mw_error *err);
/* Finishes the jobs that were submitted, then ends the threads. NULL is fine. */
void mw_pool_free(mw_pool *pool);
/* Queue a job; it runs once, on a thread of the pool. Any thread may call it. */
void mw_pool_submit(mw_pool *pool, mw_job *job);
/* Jobs waiting, not counting those that run now. */
size_t mw_pool_waiting(const mw_pool *pool);

#endif
