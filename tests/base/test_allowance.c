/* A share of a core: what is spent comes back with time, and no more than that. */
#include "../test.h"

#include "base/base.h"

static const uint64_t ms = 1000000;

static void test_share_of_time(void **state)
{
    (void)state;
    mw_allowance a = {.percent = 25, .burst_ns = 100 * ms};
    uint64_t now = 5000 * ms, spent = 0;
    for (unsigned i = 0; i < 100000; i++, now += ms)
        if (mw_allowance_has(&a, now)) {
            mw_allowance_spend(&a, 6 * ms);
            spent += 6 * ms;
        }
    assert_true(spent >= 25000 * ms && spent <= 25000 * ms + 106 * ms);
}

static void test_burst_is_bounded(void **state)
{
    (void)state;
    mw_allowance a = {.percent = 25, .burst_ns = 100 * ms};
    assert_true(mw_allowance_has(&a, 1)); /* full from the start */
    mw_allowance_spend(&a, 100 * ms);
    assert_false(mw_allowance_has(&a, 1));
    assert_true(
        mw_allowance_has(&a, 3600000 * ms)); /* an hour of rest is worth no more than that */
    mw_allowance_spend(&a, 101 * ms);
    assert_false(mw_allowance_has(&a, 3600000 * ms));
    assert_false(mw_allowance_has(&a, 3600003 * ms));
    assert_true(mw_allowance_has(&a, 3600005 * ms));
}

static void test_rows_at_once(void **state)
{
    (void)state;
    assert_int_equal(mw_allowance_rows(0, 64), 1); /* nobody knows what a row takes */
    assert_int_equal(mw_allowance_rows(1000, 64), 64);
    assert_int_equal(mw_allowance_rows(ms, 64), 20);
    assert_int_equal(mw_allowance_rows(1000 * ms, 64), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share_of_time),
        cmocka_unit_test(test_burst_is_bounded),
        cmocka_unit_test(test_rows_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
