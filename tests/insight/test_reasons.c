/* Reasons: grouped before they are ranked, one side only, ties in order, hidden ones left out. */
#include "../test.h"

#include "insight/insight.h"

static const struct reason_case {
    const char *name;
    double values[4];
    size_t group_of[4];
    bool shown[4];
    int side;
    size_t n_expected;
    mw_reason expected[4];
} cases[] = {
    {"by size, both sides",
     {1, -3, 0, 2},
     {0, 1, 2, 3},
     {1, 1, 1, 1},
     0,
     3,
     {{1, -3}, {3, 2}, {0, 1}}},
    {"what lowers", {1, -3, 0, -2}, {0, 1, 2, 3}, {1, 1, 1, 1}, -1, 2, {{1, -3}, {3, -2}}},
    {"what raises", {1, -3, 0, 2}, {0, 1, 2, 3}, {1, 1, 1, 1}, 1, 2, {{3, 2}, {0, 1}}},
    {"the sum of a group counts", {2, -3, 2, 0.5}, {0, 0, 1, 1}, {1, 1, 1, 1}, 1, 1, {{1, 2.5}}},
    {"a group may turn around", {2, -3, 0, 0}, {0, 0, 1, 1}, {1, 1, 1, 1}, -1, 1, {{0, -1}}},
    {"hidden ones are left out", {2, -3, 0, 0}, {0, 0, 1, 1}, {1, 0, 1, 1}, 0, 1, {{0, 2}}},
    {"ties in order",
     {1, 1, -1, 1},
     {2, 0, 3, 1},
     {1, 1, 1, 1},
     0,
     4,
     {{0, 1}, {1, 1}, {2, 1}, {3, -1}}},
};

static void test_rank(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        const struct reason_case *c = &cases[i];
        mw_reason got[4];
        size_t n = mw_reasons_rank(c->values, c->group_of, c->shown, 4, 4, c->side, got);
        if (n != c->n_expected)
            fail_msg("%s: %zu reasons", c->name, n);
        for (size_t k = 0; k < n; k++)
            if (got[k].group != c->expected[k].group || got[k].value != c->expected[k].value)
                fail_msg("%s: reason %zu is group %zu, %g", c->name, k, got[k].group, got[k].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rank)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
