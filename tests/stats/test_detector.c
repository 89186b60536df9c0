/* Change detectors: quiet streams, changed ones, options. That alarms fall where River's do is
 * tests/oracle/test_change.py. */
#include <math.h>

#include "../chance.h"
#include "stats/stats.h"
#include "test.h"

static uint64_t seed;

static double chance(void)
{
    return test_chance(&seed);
}

/* Values between 0 and 1 about a level; errors of that rate for those that watch errors. */
static double value_of(mw_detector_kind kind, double level)
{
    bool is_error = kind == MW_DETECTOR_DDM || kind == MW_DETECTOR_EDDM;
    return is_error ? chance() < level : level + (chance() - 0.5) / 5;
}

static void test_all_kinds(void **state)
{
    (void)state;
    for (mw_detector_kind kind = MW_DETECTOR_ADWIN; kind <= MW_DETECTOR_SCAN; kind++) {
        mw_detector_options options;
        mw_detector *detector;
        size_t before = 0, after = 0, first = 0;
        mw_detector_options_init(kind, &options);
        assert_int_equal(mw_detector_new(&options, &detector, NULL), MW_OK);
        seed = 3;
        for (size_t i = 0; i < 2000; i++)
            before += mw_detector_add(detector, value_of(kind, 0.2)) == MW_CHANGED;
        for (size_t i = 0; i < 1000; i++)
            if (mw_detector_add(detector, value_of(kind, 0.8)) == MW_CHANGED && after++ == 0)
                first = i;
        if (before > 25 || after == 0 || first > 250)
            fail_msg("%s: %zu false, %zu after, the first at %zu", mw_detector_name(kind), before,
                     after, first);
        mw_detector_free(detector);
    }
}

static void test_the_same_seed_draws_the_same(void **state)
{
    (void)state;
    mw_detector_options options;
    mw_detector *detectors[2];
    mw_detector_options_init(MW_DETECTOR_KSWIN, &options);
    options.seed = 9;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(mw_detector_new(&options, &detectors[i], NULL), MW_OK);
    for (size_t i = 0; i < 3000; i++) {
        double x = chance();
        assert_int_equal(mw_detector_add(detectors[0], x), mw_detector_add(detectors[1], x));
    }
    for (size_t i = 0; i < 2; i++)
        mw_detector_free(detectors[i]);
}

static void test_wrong_calls(void **state)
{
    (void)state;
    mw_detector_options options;
    mw_detector *detector;
    mw_error err;
    mw_detector_options_init(MW_DETECTOR_ADWIN, &options);
    assert_int_equal(mw_detector_new(NULL, &detector, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_detector_new(&options, NULL, &err), MW_BAD_ARGUMENT);
    options.clock = 0;
    assert_int_equal(mw_detector_new(&options, &detector, &err), MW_BAD_ARGUMENT);
    assert_true(err.code == MW_E_DETECTOR_OPTION && strstr(err.what, "clock") && err.mend[0]);
    assert_int_equal(mw_detector_add(NULL, 1), MW_STEADY);
    mw_detector_free(NULL);
    mw_detector_options_init(MW_DETECTOR_ADWIN, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_the_same_seed_draws_the_same),
        cmocka_unit_test(test_wrong_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
