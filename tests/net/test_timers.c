/* Deadline lists: order, restart, removal from every place. */
#include "../test.h"

#include "net/timers.h"

enum { MS = 1000000 };

static const unsigned periods_ms[NET_N_TIMERS] = {10, 20, 30, 40, 50, 60};

static void test_due_in_order(void **state)
{
    (void)state;
    net_timers timers;
    net_timer a, b, c;
    net_timer_kind kind;
    net_timers_init(&timers, periods_ms);
    net_timer_init(&a);
    net_timer_init(&b);
    net_timer_init(&c);
    assert_int_equal(net_timers_wait_ms(&timers, 0), -1);
    net_timer_set(&timers, &a, NET_TIMER_HEAD, 0);
    net_timer_set(&timers, &b, NET_TIMER_HEAD, 5 * MS);
    net_timer_set(&timers, &c, NET_TIMER_BODY, 0);
    assert_int_equal(net_timers_wait_ms(&timers, 0), 10);
    assert_int_equal(net_timers_wait_ms(&timers, 9 * MS + 1), 1);
    assert_null(net_timers_due(&timers, 10 * MS - 1, &kind));
    assert_ptr_equal(net_timers_due(&timers, 10 * MS, &kind), &a);
    assert_int_equal(kind, NET_TIMER_HEAD);
    assert_int_equal(a.kind, NET_TIMER_NONE);
    assert_null(net_timers_due(&timers, 10 * MS, &kind));
    assert_ptr_equal(net_timers_due(&timers, 100 * MS, &kind), &b);
    assert_ptr_equal(net_timers_due(&timers, 100 * MS, &kind), &c);
    assert_int_equal(kind, NET_TIMER_BODY);
    assert_int_equal(net_timers_wait_ms(&timers, 0), -1);
}

static void test_restart_moves_to_the_end(void **state)
{
    (void)state;
    net_timers timers;
    net_timer a, b;
    net_timer_kind kind;
    net_timers_init(&timers, periods_ms);
    net_timer_init(&a);
    net_timer_init(&b);
    net_timer_set(&timers, &a, NET_TIMER_IDLE, 0);
    net_timer_set(&timers, &b, NET_TIMER_IDLE, 1 * MS);
    net_timer_set(&timers, &a, NET_TIMER_IDLE, 2 * MS);
    assert_ptr_equal(net_timers_due(&timers, 31 * MS, &kind), &b);
    assert_null(net_timers_due(&timers, 31 * MS, &kind));
    assert_ptr_equal(net_timers_due(&timers, 32 * MS, &kind), &a);
}

/* Clear each of four, in each order of two: what is left must still come in order. */
static void test_clear_anywhere(void **state)
{
    (void)state;
    enum { N = 4 };
    for (int first = 0; first < N; first++)
        for (int second = 0; second < N; second++) {
            net_timers timers;
            net_timer all[N];
            net_timer_kind kind;
            net_timers_init(&timers, periods_ms);
            for (int i = 0; i < N; i++) {
                net_timer_init(&all[i]);
                net_timer_set(&timers, &all[i], NET_TIMER_WRITE, (uint64_t)i);
            }
            net_timer_clear(&timers, &all[first]);
            net_timer_clear(&timers, &all[second]); /* twice is fine */
            for (int i = 0; i < N; i++)
                if (i != first && i != second)
                    assert_ptr_equal(net_timers_due(&timers, UINT64_MAX, &kind), &all[i]);
            assert_null(net_timers_due(&timers, UINT64_MAX, &kind));
        }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_due_in_order),
        cmocka_unit_test(test_restart_moves_to_the_end),
        cmocka_unit_test(test_clear_anywhere),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
