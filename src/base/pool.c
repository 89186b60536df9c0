/* One queue under one mutex: jobs here are long, so the lock is never what they wait for. */
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"
#include "limits.h"
#include "thread.h"

#include "banned.h"

struct mw_pool {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    mw_job *first, *last;
    mw_crew *crews; /* that more threads may join */
    pthread_cond_t crew_left;
    atomic_size_t waiting;
    bool ending;
    uint64_t busy_ns, begins_ns; /* of work that ended; sum of the begins of what goes on */
    unsigned n_busy, n_threads;
    pthread_t threads[];
};

/* Those below hold the lock on entry and on return, and let it go while they work. */

static void run_job(mw_pool *pool)
{
    mw_job *job = pool->first;
    pool->first = job->next;
    atomic_fetch_sub(&pool->waiting, 1);
    pthread_mutex_unlock(&pool->lock);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
}

/* No one is to join any more; the crew may have been closed before. */
static void close_crew(mw_pool *pool, const mw_crew *crew)
{
    mw_crew **link = &pool->crews;
    while (*link && *link != crew)
        link = &(*link)->next;
    if (*link)
        *link = crew->next;
}

static void run_crew(mw_pool *pool, mw_crew *crew)
{
    crew->n_inside++;
    pthread_mutex_unlock(&pool->lock);
    crew->run(crew);
    pthread_mutex_lock(&pool->lock);
    close_crew(pool, crew);
    if (--crew->n_inside == 0)
        pthread_cond_broadcast(&pool->crew_left);
}

static void run_next(mw_pool *pool)
{
    uint64_t began_ns = mw_clock_ns();
    pool->begins_ns += began_ns;
    pool->n_busy++;
    if (pool->first)
        run_job(pool);
    else
        run_crew(pool, pool->crews);
    pool->begins_ns -= began_ns;
    pool->n_busy--;
    pool->busy_ns += mw_clock_ns() - began_ns;
}

static void *work(void *argument)
{
    mw_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        if (pool->first || pool->crews)
            run_next(pool);
        else if (pool->ending)
            break;
        else
            pthread_cond_wait(&pool->has_work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static unsigned start_threads(mw_pool *pool, unsigned n_threads)
{
    unsigned started = 0;
    while (started < n_threads && mw_thread_start(&pool->threads[started], NULL, work, pool) == 0)
        started++;
    return started;
}

mw_status mw_pool_new(unsigned n_threads, mw_pool **ret_pool, mw_error *err)
{
    if (n_threads == 0 || n_threads > MW_LIMIT_THREADS)
        return mw_fail(err, MW_E_NO_MEMORY, "%u threads, allowed are 1..%d", n_threads,
                       MW_LIMIT_THREADS);
    mw_pool *pool = calloc(1, sizeof *pool + n_threads * sizeof pool->threads[0]);
    if (!pool)
        return mw_fail_memory(err, "the thread pool");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    pthread_cond_init(&pool->crew_left, NULL);
    pool->n_threads = start_threads(pool, n_threads);
    if (pool->n_threads < n_threads) {
        mw_pool_free(pool);
        return mw_fail_memory(err, "a thread");
    }
    *ret_pool = pool;
    return MW_OK;
}

void mw_pool_free(mw_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->crew_left);
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void mw_pool_submit(mw_pool *pool, mw_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->first)
        pool->last->next = job;
    else
        pool->first = job;
    pool->last = job;
    atomic_fetch_add(&pool->waiting, 1);
    pthread_cond_signal(&pool->has_work);
    pthread_mutex_unlock(&pool->lock);
}

void mw_pool_join(mw_pool *pool, mw_crew *crew)
{
    pthread_mutex_lock(&pool->lock);
    crew->n_inside = 0;
    crew->next = pool->crews;
    pool->crews = crew;
    pthread_cond_broadcast(&pool->has_work);
    run_crew(pool, crew);
    while (crew->n_inside > 0)
        pthread_cond_wait(&pool->crew_left, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

size_t mw_pool_waiting(const mw_pool *pool)
{
    return atomic_load(&pool->waiting);
}

uint64_t mw_pool_busy_ns(mw_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t ns = pool->busy_ns + pool->n_busy * mw_clock_ns() - pool->begins_ns;
    pthread_mutex_unlock(&pool->lock);
    return ns;
}
