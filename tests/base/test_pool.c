/* The pool runs every job once and finishes what was submitted before it ends. */
#include "../test.h"

#include <stdatomic.h>

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
        cmocka_unit_test(test_bad_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
