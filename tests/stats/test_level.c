/* The level of a stream: found when it rises, and only then. */
#include "../chance.h"
#include "../test.h"

#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"

enum { REFERENCE = 1000 };

static mw_level *make_level(void)
{
    mw_level *level;
    assert_int_equal(mw_level_new(REFERENCE, &level, NULL), MW_OK);
    return level;
}

/* 1 in a share of p. */
static void add(mw_level *level, uint64_t *chance, size_t n, double p)
{
    for (size_t i = 0; i < n; i++)
        mw_level_add(level, test_chance(chance) < p);
}

static bool is_risen(const mw_level *level)
{
    mw_level_state state;
    mw_level_look(level, &state);
    return state.is_risen;
}

/* Until it is risen; n at most. */
static size_t rows_until_risen(mw_level *level, uint64_t *chance, size_t n, double p)
{
    for (size_t i = 0; i < n; i++) {
        add(level, chance, 1, p);
        if (is_risen(level))
            return i + 1;
    }
    return n;
}

static void test_a_rise_is_found_and_ends(void **state)
{
    (void)state;
    const struct {
        double from, to;
        size_t within;
    } cases[] = {{0.1, 0.4, 200}, {0.13, 0.21, 2500}, {0.02, 0.1, 800}, {0, 0.02, 4000}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        uint64_t chance = 17 + i;
        mw_level *level = make_level();
        add(level, &chance, REFERENCE + 3000, cases[i].from);
        assert_false(is_risen(level));
        size_t n = rows_until_risen(level, &chance, 20000, cases[i].to);
        if (n > cases[i].within)
            fail_msg("case %zu: %zu values", i, n);
        add(level, &chance, 3000, cases[i].to);
        assert_true(is_risen(level));
        mw_level_state found;
        mw_level_look(level, &found);
        assert_true(found.n_reference == REFERENCE && found.n > 1000);
        assert_true(found.mean - found.reference > found.bound);
        assert_true(fabs(found.before - cases[i].from) < 0.02);
        assert_true(found.chance > 0 && found.chance < 0.02);
        add(level, &chance, 10000, cases[i].from);
        mw_level_look(level, &found);
        assert_true(!found.is_risen && isnan(found.before) && isnan(found.chance));
        mw_level_free(level);
    }
}

/* Found before the first values are all there; then what was before it is the reference. */
static void test_a_rise_among_the_first(void **state)
{
    (void)state;
    uint64_t chance = 9;
    mw_level_state found;
    mw_level *level = make_level();
    add(level, &chance, 600, 0.1);
    add(level, &chance, 300, 0.4);
    mw_level_look(level, &found);
    assert_true(found.is_risen && fabs(found.n_reference - 600) < 60);
    assert_true(found.reference < 0.15 && found.mean > 0.3 && found.n_reference + found.n == 900);
    mw_level_free(level);
}

/* A window that adapts follows such a rise without a word; the reference does not. */
static void test_a_slow_rise_is_found(void **state)
{
    (void)state;
    uint64_t chance = 5;
    mw_level *level = make_level();
    add(level, &chance, REFERENCE, 0.1);
    for (int i = 0; i < 200; i++)
        add(level, &chance, 100, 0.1 + 0.001 * i);
    assert_true(is_risen(level));
    mw_level_free(level);
}

/* What is better, or hardly worse, is no rise. */
static void test_what_is_none(void **state)
{
    (void)state;
    const double after[] = {0.1, 0.02, 0.105, 0};
    for (size_t i = 0; i < MW_COUNT(after); i++) {
        uint64_t chance = 3 + i;
        mw_level *level = make_level();
        add(level, &chance, REFERENCE, 0.1);
        assert_int_equal(rows_until_risen(level, &chance, 20000, after[i]), 20000);
        mw_level_free(level);
    }
}

/* Looked at behind each value, of 60 streams in which nothing changes; more of them, and longer
 * ones, by MW_STREAMS and MW_VALUES. */
static void test_false_alarms(void **state)
{
    (void)state;
    const char *more = getenv("MW_STREAMS"), *longer = getenv("MW_VALUES");
    size_t n_streams = more ? strtoul(more, NULL, 10) : 60;
    size_t n_values = longer ? strtoul(longer, NULL, 10) : 5000, n_alarms = 0;
    for (size_t i = 0; i < n_streams; i++) {
        const double shares[] = {0.02, 0.1, 0.3};
        uint64_t chance = 1000 + i;
        mw_level *level = make_level();
        add(level, &chance, REFERENCE, shares[i % 3]);
        n_alarms += rows_until_risen(level, &chance, n_values, shares[i % 3]) < n_values;
        mw_level_free(level);
    }
    if (more)
        print_message("%zu of %zu streams of %zu values\n", n_alarms, n_streams, n_values);
    if (n_alarms * 20 > n_streams)
        fail_msg("%zu of %zu streams", n_alarms, n_streams);
}

static void test_nothing_to_go_by(void **state)
{
    (void)state;
    mw_level_state found;
    mw_level *level = make_level();
    mw_level_look(level, &found);
    assert_true(!found.is_risen && found.n == 0 && isnan(found.reference) && isnan(found.mean));
    mw_level_add(level, (double)NAN);
    mw_level_add(level, (double)INFINITY);
    mw_level_add(level, 0.5);
    mw_level_look(level, &found);
    assert_true(found.n_reference == 1 && found.reference == 0.5 && isnan(found.bound));
    mw_level_free(level);
    mw_level_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rise_is_found_and_ends),
        cmocka_unit_test(test_a_rise_among_the_first),
        cmocka_unit_test(test_a_slow_rise_is_found),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_false_alarms),
        cmocka_unit_test(test_nothing_to_go_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
