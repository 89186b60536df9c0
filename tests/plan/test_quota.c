/* Tokens come back at their rate, a burst may be spent at once, clients do not spend each other's.
 */
#include "../test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "plan/plan.h"

#define SECOND 1000000000ull

static mw_quota *new_quota(void)
{
    mw_quota *quota = NULL;
    assert_int_equal(mw_quota_new(&quota, NULL), MW_OK);
    return quota;
}

static size_t take_all(mw_quota *quota, const mw_rate *rate, uint64_t client, uint64_t now_ns)
{
    size_t n = 0;
    while (n < 100000 && mw_quota_take(quota, rate, client, now_ns) == 0)
        n++;
    return n;
}

static const struct rate_case {
    uint64_t per_second, burst, at_once, in_ten_seconds;
} rate_cases[] = {
    {10, 0, 10, 110}, {10, 1, 1, 101}, {10, 50, 50, 150}, {1, 0, 1, 11}, {1000, 5, 5, 10005},
};

static void test_rates(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(rate_cases); i++) {
        const struct rate_case *c = &rate_cases[i];
        const mw_rate rate = mw_rate_of(c->per_second, c->burst);
        mw_quota *quota = new_quota();
        uint64_t now = 1000 * SECOND, end = now + 10 * SECOND;
        size_t n = take_all(quota, &rate, 7, now);
        assert_int_equal(n, c->at_once);
        for (; now <= end; now += SECOND / 2000)
            n += take_all(quota, &rate, 7, now);
        if (n != c->in_ten_seconds)
            fail_msg("%zu of %zu", n, (size_t)c->in_ten_seconds);
        mw_quota_free(quota);
    }
}

/* Who is told to wait so long gets a token then, and not before. */
static void test_tells_how_long(void **state)
{
    (void)state;
    const mw_rate rate = mw_rate_of(4, 2);
    mw_quota *quota = new_quota();
    uint64_t now = 50 * SECOND;
    assert_int_equal(take_all(quota, &rate, 1, now), 2);
    uint64_t wait = mw_quota_take(quota, &rate, 1, now);
    assert_int_equal(wait, SECOND / 4);
    assert_true(mw_quota_take(quota, &rate, 1, now + wait - 1) > 0);
    assert_int_equal(mw_quota_take(quota, &rate, 1, now + wait), 0);
    mw_quota_free(quota);
}

static void test_no_limit(void **state)
{
    (void)state;
    const mw_rate rate = mw_rate_of(0, 10);
    mw_quota *quota = new_quota();
    assert_int_equal(take_all(quota, &rate, 1, SECOND), 100000);
    mw_quota_free(quota);
    mw_quota_free(NULL);
}

/* Each has its own; a million that came once and went leave room for the next. */
static void test_clients(void **state)
{
    (void)state;
    const mw_rate rate = mw_rate_of(10, 2);
    mw_quota *quota = new_quota();
    uint64_t now = SECOND;
    for (int i = 0; i < 1000000; i++) {
        char name[16];
        int size = snprintf(name, sizeof name, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(
            mw_quota_take(quota, &rate, mw_client_hash((mw_view){name, (size_t)size}), now), 0);
        now += SECOND / 1000;
    }
    assert_int_equal(take_all(quota, &rate, mw_client_hash(MW_VIEW("a")), now), 2);
    assert_int_equal(take_all(quota, &rate, mw_client_hash(MW_VIEW("b")), now), 2);
    assert_int_equal(take_all(quota, &rate, mw_client_hash(MW_VIEW("a")), now), 0);
    mw_quota_free(quota);
}

/* ---- many threads ---------------------------------------------------------------------------- */

static mw_quota *shared;
static atomic_size_t n_taken;

static void *take(void *argument)
{
    const mw_rate rate = mw_rate_of(1000, 1000);
    (void)argument;
    for (int i = 0; i < 10000; i++)
        if (mw_quota_take(shared, &rate, 3, SECOND) == 0)
            atomic_fetch_add(&n_taken, 1);
    return NULL;
}

static void test_threads_take_no_more(void **state)
{
    (void)state;
    pthread_t threads[4];
    shared = new_quota();
    for (size_t i = 0; i < MW_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take, NULL), 0);
    for (size_t i = 0; i < MW_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&n_taken), 1000);
    mw_quota_free(shared);
}

/* ---- shares ---------------------------------------------------------------------------------- */

/* Two that always have work, of costs 1 and 10: each is served for as long. A third joins late and
 * gets no more than they. */
static void test_shares(void **state)
{
    (void)state;
    mw_share shares[3] = {{0}};
    uint64_t clock = 0, work[3] = {0};
    static const uint64_t costs[3] = {1, 10, 5};
    for (int i = 0; i < 20000; i++) {
        if (i == 10000)
            mw_share_join(&shares[2], clock);
        size_t best = 0, n = i < 10000 ? 2 : 3;
        for (size_t j = 1; j < n; j++)
            best = shares[j].spent < shares[best].spent ? j : best;
        clock = shares[best].spent;
        shares[best].spent += costs[best];
        work[best] += i < 10000 ? 0 : costs[best];
    }
    for (size_t j = 1; j < 3; j++)
        assert_true(work[j] > work[0] - 20 && work[j] < work[0] + 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_tells_how_long),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_threads_take_no_more),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
