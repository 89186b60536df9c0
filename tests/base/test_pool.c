/* The pool runs every job once and finishes what was submitted before it ends. */
#include "../test.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/base.h"

static atomic_int n_run;

static void count_job(mw_job *job)
{
    (void)job;
    atomic_fetch_add(&n_run, 1);
}

static void test_every_job_runs_once(void **state)
{
    (void)state;
    enum { N_JOBS = 1000 };
    static mw_job jobs[N_JOBS];
    mw_pool *pool;
    mw_error err;
    assert_int_equal(mw_pool_new(4, &pool, &err), MW_OK);
    for (size_t i = 0; i < N_JOBS; i++) {
        jobs[i].run = count_job;
        mw_pool_submit(pool, &jobs[i]);
    }
    mw_pool_free(pool);
    assert_int_equal(atomic_load(&n_run), N_JOBS);
}

/* ---- crews ----------------------------------------------------------------------------------- */

enum { N_PIECES = 500 };

typedef struct counting {
    mw_crew crew; /* first */
    atomic_size_t next;
    atomic_int taken[N_PIECES];
    atomic_int n_threads;
} counting;

static void count_pieces(mw_crew *crew)
{
    counting *self = (counting *)crew;
    atomic_fetch_add(&self->n_threads, 1);
    for (size_t i; (i = atomic_fetch_add(&self->next, 1)) < N_PIECES;) {
        atomic_fetch_add(&self->taken[i], 1);
        usleep(10);
    }
}

static void expect_each_once(counting *work)
{
    for (size_t i = 0; i < N_PIECES; i++)
        assert_int_equal(atomic_load(&work->taken[i]), 1);
}

static void test_idle_threads_join(void **state)
{
    (void)state;
    mw_pool *pool;
    mw_error err;
    assert_int_equal(mw_pool_new(3, &pool, &err), MW_OK);
    int most = 0;
    for (int i = 0; i < 20; i++) {
        counting work = {.crew.run = count_pieces};
        mw_pool_join(pool, &work.crew);
        expect_each_once(&work);
        int n_threads = atomic_load(&work.n_threads);
        most = n_threads > most ? n_threads : most;
    }
    mw_pool_free(pool);
    assert_in_range(most, 2, 4);
}

typedef struct joining {
    mw_job job; /* first */
    mw_pool *pool;
    counting work;
} joining;

static void join_from_job(mw_job *job)
{
    joining *self = (joining *)job;
    mw_pool_join(self->pool, &self->work.crew);
}

/* Every thread of the pool has a crew of its own: none may wait for another. */
static void test_busy_threads_do_not_wait(void **state)
{
    (void)state;
    enum { N_JOBS = 8 };
    static joining jobs[N_JOBS];
    mw_pool *pool;
    mw_error err;
    assert_int_equal(mw_pool_new(2, &pool, &err), MW_OK);
    for (size_t i = 0; i < N_JOBS; i++) {
        jobs[i].job.run = join_from_job;
        jobs[i].pool = pool;
        jobs[i].work.crew.run = count_pieces;
        mw_pool_submit(pool, &jobs[i].job);
    }
    mw_pool_free(pool);
    for (size_t i = 0; i < N_JOBS; i++)
        expect_each_once(&jobs[i].work);
}

static atomic_bool is_released, has_ended;

static void wait_job(mw_job *job)
{
    (void)job;
    while (!atomic_load(&is_released))
        usleep(1000);
    atomic_store(&has_ended, true);
}

/* Work that goes on counts, not only work that has ended. */
static void test_busy_time(void **state)
{
    (void)state;
    const uint64_t ms = 1000000;
    mw_job job = {.run = wait_job};
    mw_pool *pool;
    mw_error err;
    assert_int_equal(mw_pool_new(2, &pool, &err), MW_OK);
    assert_true(mw_pool_busy_ns(pool) < 5 * ms);
    uint64_t began_ns = mw_clock_ns();
    mw_pool_submit(pool, &job);
    while (mw_pool_busy_ns(pool) < 5 * ms)
        usleep(1000);
    atomic_store(&is_released, true);
    while (!atomic_load(&has_ended))
        usleep(1000);
    uint64_t busy_ns = mw_pool_busy_ns(pool), before_ns = 0;
    while (busy_ns != before_ns) { /* the thread has yet to say so */
        usleep(20000);
        before_ns = busy_ns;
        busy_ns = mw_pool_busy_ns(pool);
    }
    assert_true(busy_ns >= 5 * ms && busy_ns < mw_clock_ns() - began_ns);
    mw_pool_free(pool);
}

static void test_bad_counts(void **state)
{
    (void)state;
    mw_pool *pool = NULL;
    mw_error err;
    assert_int_not_equal(mw_pool_new(0, &pool, &err), MW_OK);
    assert_int_not_equal(mw_pool_new(100000, &pool, &err), MW_OK);
    assert_null(pool);
    mw_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_job_runs_once),
        cmocka_unit_test(test_idle_threads_join),
        cmocka_unit_test(test_busy_threads_do_not_wait),
        cmocka_unit_test(test_busy_time),
        cmocka_unit_test(test_bad_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
