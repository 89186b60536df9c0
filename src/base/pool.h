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
/* Work that several threads do together, each until nothing of it is left; the caller's memory. */
typedef struct mw_crew {
    void (*run)(struct mw_crew *crew);
    struct mw_crew *next; /* the pool's own, from here */
    unsigned n_inside;
} mw_crew;

/* Run crew->run in this thread and, meanwhile, in threads of the pool that have no job: so a pool
 * that is busy never delays it. Returns when the last of them has left it. `run` must hand out its
 * own pieces, and return when there are none. Any thread may call it, those of the pool too. */
void mw_pool_join(mw_pool *pool, mw_crew *crew);
/* Jobs waiting, not counting those that run now. */
size_t mw_pool_waiting(const mw_pool *pool);
/* Nanoseconds in which its threads worked, summed over them; those at work count up to now. */
uint64_t mw_pool_busy_ns(mw_pool *pool);

#endif
