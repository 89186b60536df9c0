/* A queue that empties takes what can still be answered in time; one that stands does not. */
#include "../test.h"

#include "plan/plan.h"

enum { MS = 1000000 };

/* Waits of so many ms, one each 10 ms; a budget of 1 s: target 50, interval 250, patience 500. */
static const struct codel_case {
    const char *name;
    unsigned steady_ms; /* waits before */
    unsigned waited_ms;
    mw_urgency urgency;
    bool taken;
} codel_cases[] = {
    {"no queue", 0, 10, MW_USUAL, true},
    {"a burst", 0, 499, MW_USUAL, true},
    {"a burst too long", 0, 501, MW_USUAL, false},
    {"a burst too long for anyone", 0, 501, MW_URGENT, false},
    {"short waits are no queue", 49, 499, MW_USUAL, true},
    {"a standing queue", 60, 99, MW_USUAL, true},
    {"a standing queue, too old", 60, 101, MW_USUAL, false},
    {"a standing queue, urgent", 60, 499, MW_URGENT, true},
    {"a standing queue, bulk", 60, 26, MW_BULK, false},
    {"a standing queue, new bulk", 60, 24, MW_BULK, true},
    {"a burst of bulk", 0, 99, MW_BULK, true},
    {"a burst of bulk, too old", 0, 101, MW_BULK, false},
};

static void test_cases(void **state)
{
    (void)state;
    const mw_codel_law law = mw_codel_law_of(1000ull * MS);
    for (size_t i = 0; i < MW_COUNT(codel_cases); i++) {
        const struct codel_case *c = &codel_cases[i];
        mw_codel codel = {0};
        uint64_t now = 1000ull * MS;
        for (; now < 2000ull * MS; now += 10 * MS)
            assert_true(
                mw_codel_takes(&codel, &law, now, (uint64_t)c->steady_ms * MS, 0, MW_USUAL));
        if (mw_codel_takes(&codel, &law, now, (uint64_t)c->waited_ms * MS, 0, c->urgency) !=
            c->taken)
            fail_msg("%s", c->name);
    }
}

/* One short wait in an interval: the queue was empty, it does not stand. */
static void test_one_short_wait_tells(void **state)
{
    (void)state;
    const mw_codel_law law = mw_codel_law_of(1000ull * MS);
    mw_codel codel = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t waited = i % 10 == 0 ? 1 : 90;
        mw_codel_takes(&codel, &law, (1000 + 10 * i) * MS, waited * MS, 0, MW_USUAL);
        assert_false(codel.is_standing);
    }
}

static void test_overload_ends(void **state)
{
    (void)state;
    const mw_codel_law law = mw_codel_law_of(1000ull * MS);
    mw_codel codel = {0};
    uint64_t now = 1000ull * MS;
    for (; now < 2000ull * MS; now += 10 * MS)
        mw_codel_takes(&codel, &law, now, 80ull * MS, 0, MW_USUAL);
    assert_true(codel.is_standing);
    mw_codel later = codel;
    /* waits are short again: an interval or two, and it is over */
    for (uint64_t end = now + 600ull * MS; now < end; now += 10 * MS)
        mw_codel_takes(&codel, &law, now, 1ull * MS, 0, MW_USUAL);
    assert_false(codel.is_standing);
    /* nobody came for a while */
    assert_true(mw_codel_takes(&later, &law, now + 5000ull * MS, 400ull * MS, 0, MW_USUAL));
    assert_false(later.is_standing);
}

/* Where one request takes 100 ms, waiting 150 is no sign of overload. */
static void test_long_work(void **state)
{
    (void)state;
    const mw_codel_law law = mw_codel_law_of(1000ull * MS);
    mw_codel codel = {0};
    for (uint64_t now = 1000ull * MS; now < 3000ull * MS; now += 10 * MS)
        assert_true(mw_codel_takes(&codel, &law, now, 150ull * MS, 100ull * MS, MW_USUAL));
    assert_false(codel.is_standing);
    assert_int_equal(mw_codel_patience(&codel, &law, 400ull * MS, MW_USUAL), 500ull * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_one_short_wait_tells),
        cmocka_unit_test(test_overload_ends),
        cmocka_unit_test(test_long_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
