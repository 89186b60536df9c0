/* The exact scan: what it promises of false alarms, what it finds, and what it tells of it. */
#include "../chance.h"
#include "../test.h"

#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"

static mw_detector *make_scan(double arl, int side)
{
    mw_detector_options options;
    mw_detector *detector;
    mw_detector_options_init(MW_DETECTOR_SCAN, &options);
    assert_true(options.arl == 1e6 && options.side == 1);
    options.arl = arl;
    options.side = side;
    assert_int_equal(mw_detector_new(&options, &detector, NULL), MW_OK);
    return detector;
}

/* Alarms among n values that are 1 in a share of p; *ret_first: where the first one is, or n. */
static size_t alarms(mw_detector *detector, uint64_t *chance, size_t n, double p, size_t *ret_first)
{
    size_t n_alarms = 0;
    *ret_first = n;
    for (size_t i = 0; i < n; i++)
        if (mw_detector_add(detector, test_chance(chance) < p) == MW_CHANGED && n_alarms++ == 0)
            *ret_first = i;
    return n_alarms;
}

static size_t count_of(const char *name, size_t usual)
{
    const char *wish = getenv(name);
    return wish ? strtoul(wish, NULL, 10) : usual;
}

/* Of streams of N values in which nothing changes N / (2 ARL) may have alarmed by their end, so
 * that many more refute the promise: here beyond four deviations of that. The rates are near 0, in
 * the midst and near 1; ARL is small, so that there is something to count. More by MW_STREAMS and
 * MW_VALUES. */
static void test_the_promise(void **state)
{
    (void)state;
    const double rates[] = {0.003, 0.05, 0.3, 0.5, 0.97};
    size_t n_streams = count_of("MW_STREAMS", 60), n = count_of("MW_VALUES", 4000), n_told = 0;
    for (int side = -1; side <= 1; side++) {
        for (size_t r = 0; r < MW_COUNT(rates); r++) {
            double arl = 2.5 * (double)n, expected = (double)n_streams * (double)n / (2 * arl);
            size_t n_false = 0, first;
            for (size_t i = 0; i < n_streams; i++) {
                uint64_t chance = 1000 * (uint64_t)(side + 2) + 100000 * r + i;
                mw_detector *scan = make_scan(arl, side);
                n_false += alarms(scan, &chance, n, rates[r], &first) > 0;
                mw_detector_free(scan);
            }
            n_told += n_false;
            if ((double)n_false > expected + 4 * sqrt(expected))
                fail_msg("rate %g, side %d: %zu of %zu", rates[r], side, n_false, n_streams);
        }
    }
    assert_true(n_told > 0); /* a scan that never alarms keeps any promise */
    if (getenv("MW_STREAMS"))
        print_message("%zu of %zu streams of %zu values; promised: a fifth at most\n", n_told,
                      3 * MW_COUNT(rates) * n_streams, n);
}

static void test_changes_are_found(void **state)
{
    (void)state;
    const struct {
        double from, to;
        size_t within;
        int side;
    } cases[] = {{0.1, 0.4, 150, 1}, {0.13, 0.21, 1200, 1}, {0.02, 0.1, 450, 1},
                 {0, 0.02, 1500, 1}, {0.4, 0.1, 150, -1},   {1, 0.98, 1500, -1},
                 {0.1, 0.4, 150, 0}, {0.4, 0.1, 150, 0},    {0.5, 1, 60, 1}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        uint64_t chance = 17 + i;
        size_t first;
        mw_detector_finding found;
        mw_detector *scan = make_scan(1e6, cases[i].side);
        assert_int_equal(alarms(scan, &chance, 5000, cases[i].from, &first), 0);
        assert_false(mw_detector_found(scan, &found));
        for (first = 0; first < 5000; first++)
            if (mw_detector_add(scan, test_chance(&chance) < cases[i].to) == MW_CHANGED)
                break;
        if (first > cases[i].within)
            fail_msg("case %zu: %zu values", i, first);
        assert_true(mw_detector_found(scan, &found));
        assert_int_equal(found.side, cases[i].from < cases[i].to ? 1 : -1);
        assert_int_equal(found.n_before + found.n_since, 5000 + first + 1);
        if (!(found.n_since > first / 8 && found.n_since < 3 * first + 12))
            fail_msg("case %zu: %zu values after %zu", i, (size_t)found.n_since, first);
        assert_true(fabs(found.before - cases[i].from) < 0.03);
        assert_true(fabs(found.since - cases[i].to) < 0.3);
        assert_true(found.chance == (double)(found.n_before + found.n_since) / 2e6);
        assert_true(found.log_p < log(found.chance));
        mw_detector_free(scan);
    }
}

/* What falls is none for one that watches rises, and the other way about. */
static void test_the_other_side(void **state)
{
    (void)state;
    for (int side = -1; side <= 1; side += 2) {
        uint64_t chance = 4;
        size_t first;
        mw_detector *scan = make_scan(1e6, side);
        assert_int_equal(alarms(scan, &chance, 3000, 0.5 + side * 0.2, &first), 0);
        assert_int_equal(alarms(scan, &chance, 3000, 0.5 - side * 0.2, &first), 0);
        mw_detector_free(scan);
    }
}

/* All ones at the end of a stream of zeros: the p is that of the exact test, in closed form. */
static void test_p_is_fishers(void **state)
{
    (void)state;
    mw_detector_finding found;
    mw_detector *scan = make_scan(2, 1);
    size_t n = 0;
    mw_change change = MW_STEADY;
    for (; n < 100; n++)
        assert_int_equal(mw_detector_add(scan, 0), MW_STEADY);
    for (; n < 110 && change == MW_STEADY; n++)
        change = mw_detector_add(scan, 1);
    assert_int_equal(change, MW_CHANGED);
    assert_true(mw_detector_found(scan, &found));
    /* all k ones lie in the last L of n: C(n - k, L - k) / C(n, L) = prod (L - i) / (n - i) */
    double k = (double)(n - 100), p = 1, length = (double)found.n_since;
    for (double i = 0; i < k; i++)
        p *= (length - i) / ((double)n - i);
    assert_true(found.n_since == 8 && fabs(found.log_p - log(p)) < 1e-9);
    mw_detector_free(scan);
}

/* Values between 0 and 1 are drawn; the same seed draws the same. */
static void test_bounded_values(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mw_detector *scan = make_scan(1e6, 1);
        size_t at = 0, alarm = 0;
        for (; at < 4000 && alarm == 0; at++)
            if (mw_detector_add(scan, at < 2000 ? 0.1 : 0.4) == MW_CHANGED)
                alarm = at;
        static size_t before;
        assert_true(alarm > 2000 && alarm < 2200 && (i == 0 || alarm == before));
        before = alarm;
        mw_detector_free(scan);
    }
}

static void test_a_ring_that_has_turned(void **state)
{
    (void)state;
    uint64_t chance = 8;
    size_t first;
    mw_detector *scan = make_scan(1e6, 1);
    assert_int_equal(alarms(scan, &chance, 150000, 0.1, &first), 0);
    assert_true(alarms(scan, &chance, 20000, 0.125, &first) > 0 && first < 12000);
    mw_detector_free(scan);
}

static void test_wrong_arl(void **state)
{
    (void)state;
    const double wrong[] = {0, -1, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        mw_detector_options options;
        mw_detector *detector;
        mw_error err;
        mw_detector_options_init(MW_DETECTOR_SCAN, &options);
        options.arl = wrong[i];
        assert_int_equal(mw_detector_new(&options, &detector, &err), MW_BAD_ARGUMENT);
        assert_true(strstr(err.what, "arl") && err.mend[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_promise),    cmocka_unit_test(test_changes_are_found),
        cmocka_unit_test(test_the_other_side), cmocka_unit_test(test_p_is_fishers),
        cmocka_unit_test(test_bounded_values), cmocka_unit_test(test_a_ring_that_has_turned),
        cmocka_unit_test(test_wrong_arl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
