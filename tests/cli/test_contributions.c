/* Contributions as text: each format, the order of the largest, names that need quotes. */
#include "../test.h"

#include <math.h>

#include "cli/contributions.h"

#include "base/banned.h"

static const mw_view levels[] = {{"low", 3}, {"high", 4}};
static const mw_column columns[] = {
    {.name = {"age", 3}},
    {.name = {"in,come", 7}},
    {.name = {"level", 5}, .categories = levels, .n_categories = 2},
    {.name = {"", 0}},
};
static const mw_view labels[] = {{"no", 2}, {"yes", 3}};
static const double row[] = {37, NAN, 1, 0.5};
static const double values[] = {0.25, -1, 0, 0.5, 2};

static const struct contributions_case {
    const char *name;
    size_t n_margins, n_classes, margin, top;
    cli_explain_format format;
    const char *expected;
} cases[] = {
    {"csv", 1, 0, 0, 0, CLI_EXPLAIN_CSV, "age,\"in,come\",level,f3,bias\n0.25,-1.0,0.0,0.5,2.0\n"},
    {"csv of classes", 2, 2, 1, 0, CLI_EXPLAIN_CSV,
     "class,age,\"in,come\",level,f3,bias\nyes,0.25,-1.0,0.0,0.5,2.0\n"},
    {"csv of targets", 2, 0, 1, 0, CLI_EXPLAIN_CSV,
     "class,age,\"in,come\",level,f3,bias\n1,0.25,-1.0,0.0,0.5,2.0\n"},
    {"json", 1, 0, 0, 0, CLI_EXPLAIN_JSON,
     "{\"row\":7,\"margin\":1.75,\"bias\":2.0,\"contributions\":{\"age\":0.25,\"in,come\":-1.0,"
     "\"level\":0.0,\"f3\":0.5}}\n"},
    {"json, two", 2, 2, 0, 2, CLI_EXPLAIN_JSON,
     "{\"row\":7,\"class\":\"no\",\"margin\":1.75,\"bias\":2.0,\"contributions\":"
     "{\"in,come\":-1.0,\"f3\":0.5},\"others\":0.25}\n"},
    {"json of targets", 2, 0, 1, 1, CLI_EXPLAIN_JSON,
     "{\"row\":7,\"class\":1,\"margin\":1.75,\"bias\":2.0,\"contributions\":{\"in,come\":-1.0},"
     "\"others\":0.75}\n"},
    {"text", 1, 0, 0, 9, CLI_EXPLAIN_TEXT,
     "row 7: margin 1.75, where the mean is 2\n  in,come = missing lowers it by 1\n"
     "  f3 = 0.5 raises it by 0.5\n  age = 37 raises it by 0.25\n"
     "  level = high does not move it\n"},
    {"text, two", 2, 2, 1, 2, CLI_EXPLAIN_TEXT,
     "row 7, class yes: margin 1.75, where the mean is 2\n  in,come = missing lowers it by 1\n"
     "  f3 = 0.5 raises it by 0.5\n  2 others together raise it by 0.25\n"},
    {"text, three", 1, 0, 0, 3, CLI_EXPLAIN_TEXT,
     "row 7: margin 1.75, where the mean is 2\n  in,come = missing lowers it by 1\n"
     "  f3 = 0.5 raises it by 0.5\n  age = 37 raises it by 0.25\n  1 other does not move it\n"},
};

static void test_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        const struct contributions_case *c = &cases[i];
        mw_forest forest = {.n_features = 4,
                            .n_margins = c->n_margins,
                            .n_classes = c->n_classes,
                            .class_labels = c->n_classes ? labels : NULL,
                            .schema = {.columns = columns, .n_columns = 4, .named = true}};
        mw_arena arena;
        mw_buf out;
        cli_contributions to;
        mw_arena_init(&arena, MW_KIB, MW_MIB);
        mw_buf_init(&out, MW_MIB);
        assert_int_equal(cli_contributions_init(&to, &forest, c->format, c->top, &arena, NULL),
                         MW_OK);
        cli_contributions_header(&to, &out);
        cli_contributions_line(&to, 7, c->margin, row, values, &out);
        if (strcmp(out.data, c->expected) != 0)
            fail_msg("%s: got\n%s", c->name, out.data);
        mw_buf_done(&out);
        mw_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
