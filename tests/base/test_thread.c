/* Waits end by the steady clock: neither before their moment, nor by the hour of the day. */
#include "../test.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

#include "base/base.h"

static int64_t ns_between(struct timespec from, struct timespec to)
{
    return (int64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (to.tv_nsec - from.tv_nsec);
}

static struct timespec now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment;
}

static void test_moment_is_that_far(void **state)
{
    (void)state;
    const int64_t cases_ms[] = {0, 1, 999, 1000, 1001, 86400000, INT64_C(86400000) * 36500};
    for (size_t i = 0; i < MW_COUNT(cases_ms); i++) {
        struct timespec before = now();
        struct timespec moment = mw_moment_in(cases_ms[i]);
        struct timespec after = now();
        assert_in_range(moment.tv_nsec, 0, 999999999);
        assert_true(ns_between(before, moment) >= cases_ms[i] * 1000000);
        assert_true(ns_between(after, moment) <= cases_ms[i] * 1000000);
    }
}

static void test_wait_lasts_to_its_moment(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    mw_condition_init(&condition);
    struct timespec until = mw_moment_in(5);
    pthread_mutex_lock(&lock);
    int outcome;
    do {
        outcome = pthread_cond_timedwait(&condition, &lock, &until);
    } while (outcome == 0); /* woken for nothing, as it may be */
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&condition);
    assert_int_equal(outcome, ETIMEDOUT);
    assert_true(ns_between(until, now()) >= 0);
}

/* What a test says the time is moves no wait of the system. */
static void test_pinned_clock_moves_no_wait(void **state)
{
    (void)state;
    uint64_t pinned = 1;
    struct timespec before = now();
    mw_clock_pin(&pinned, NULL);
    struct timespec moment = mw_moment_in(0);
    mw_clock_pin(NULL, NULL);
    assert_true(ns_between(before, moment) >= 0);
}

static void *note_niceness(void *given)
{
    int *niceness = given;
    niceness[0] = getpriority(PRIO_PROCESS, 0);
    mw_thread_give_way();
    niceness[1] = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

/* It alone: those that answer requests stay where they are. */
static void test_one_gives_way(void **state)
{
    (void)state;
    enum { MOST = 19 };
    int ours = getpriority(PRIO_PROCESS, 0), niceness[2];
    pthread_t thread;
    assert_int_equal(mw_thread_start(&thread, "background", note_niceness, niceness), 0);
    pthread_join(thread, NULL);
    assert_int_equal(niceness[0], ours);
    assert_true(niceness[1] > ours || ours == MOST);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moment_is_that_far),
        cmocka_unit_test(test_wait_lasts_to_its_moment),
        cmocka_unit_test(test_pinned_clock_moves_no_wait),
        cmocka_unit_test(test_one_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
