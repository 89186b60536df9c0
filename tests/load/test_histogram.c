/* Quantiles are within a bin's width of those of the sorted times. */
#include "../test.h"

#include "load/load.h"

enum { TIMES = 20000 };

static mw_load_histogram histogram;

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void test_quantiles(void **state)
{
    (void)state;
    static uint64_t times[TIMES];
    static const double shares[] = {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    uint64_t random = 88172645463325252u;
    memset(&histogram, 0, sizeof histogram);
    for (size_t i = 0; i < TIMES; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        times[i] = (random >> 20) >> (random % 40); /* over forty doublings */
        mw_load_note(&histogram, times[i]);
    }
    qsort(times, TIMES, sizeof *times, by_value);
    for (size_t i = 0; i < MW_COUNT(shares); i++) {
        double exact = (double)times[(size_t)(shares[i] * TIMES) - 1];
        double told = (double)mw_load_quantile(&histogram, shares[i]);
        if (told < exact || told > exact * (1 + 1.0 / 128) + 1)
            fail_msg("quantile %g: %g instead of %g", shares[i], told, exact);
    }
    assert_int_equal(mw_load_quantile(&histogram, 1), times[TIMES - 1]);
}

static void test_small_and_large(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    assert_int_equal(mw_load_quantile(&histogram, 0.99), 0);
    mw_load_note(&histogram, 0);
    assert_int_equal(mw_load_quantile(&histogram, 0.5), 0);
    mw_load_note(&histogram, UINT64_MAX);
    assert_true(mw_load_quantile(&histogram, 1) > UINT64_C(1) << 40);
}

static void test_merge(void **state)
{
    (void)state;
    static mw_load_histogram a, b, both;
    for (uint64_t i = 1; i <= 1000; i++) {
        mw_load_note(i % 3 ? &a : &b, i * i);
        mw_load_note(&both, i * i);
    }
    mw_load_merge(&a, &b);
    assert_memory_equal(&a, &both, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_small_and_large),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
