/* Conditions over pages of metrics: what holds, for whom, and what is refused where. */
#include "../test.h"

#include <math.h>
#include <stdlib.h>

#include "alert/expr.h"

static const char page[] =
    "# HELP requests x\n# TYPE requests counter\n"
    "requests{endpoint=\"a\",code=\"200\"} 90\n"
    "requests{endpoint=\"a\",code=\"500\"} 10\n"
    "requests{endpoint=\"b\",code=\"200\"} 50 1700000000000\n"
    "requests{code=\"503\",endpoint=\"b\"} 0\n"
    "budget{endpoint=\"a\"} 0.2\nbudget{endpoint=\"b\"} +Inf\n"
    "lat_bucket{endpoint=\"a\",le=\"0.1\"} 50\nlat_bucket{endpoint=\"a\",le=\"0.5\"} 100\n"
    "lat_bucket{endpoint=\"a\",le=\"+Inf\"} 100\n"
    "odd{text=\"a\\\"b\\\\c\\nd\"} NaN\n"
    "up 1\n\n";

/* The vector as "a=1 b=2", by the label endpoint. */
static void show(const alert_vector *vector, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < vector->count && used < size; i++) {
        mw_view name = alert_label_of(vector->items[i].labels, MW_VIEW("endpoint"));
        used += (size_t)snprintf(out + used, size - used, "%s%.*s=%.6g", i ? " " : "",
                                 MW_VIEW_ARG(name), vector->items[i].value);
    }
}

static void evaluate(alert_expr *expr, const char *text, int64_t now_ms, char *out, size_t size)
{
    mw_error err;
    mw_arena arena;
    alert_samples samples;
    alert_vector vector;
    mw_arena_init(&arena, MW_KIB, 64 * MW_MIB);
    if (alert_samples_read(mw_view_of(text), &arena, &samples, &err) != MW_OK)
        fail_msg("%s %s", err.where, err.what);
    alert_moment moment = {&samples, now_ms, &arena};
    if (alert_expr_evaluate(expr, &moment, &vector, &err) != MW_OK)
        fail_msg("%s", err.what);
    if (vector.is_scalar)
        snprintf(out, size, "scalar %g", vector.scalar);
    else
        show(&vector, out, size);
    mw_arena_done(&arena);
}

static alert_expr *read(const char *text)
{
    mw_error err;
    alert_expr *expr;
    size_t at;
    if (alert_expr_read(mw_view_of(text), &expr, &at, &err) != MW_OK)
        fail_msg("%s at %zu: %s", text, at, err.what);
    return expr;
}

static const struct now_case {
    const char *condition, *holds;
} now_cases[] = {
    {"requests{code=\"500\"} > 5", "a=10"},
    {"requests{code=~\"5..\"} >= 0", "a=10 b=0"},
    {"requests{code!~\"5..\", endpoint!=\"b\"} > 0", "a=90"},
    {"requests{code=~\"5\"} > 0", ""}, /* the whole value must be like it */
    {"requests{code=\"\"} > 0", ""},
    {"up{endpoint=\"\"} == 1", "=1"}, /* a label that is not there is empty */
    {"sum by (endpoint) (requests) > 0", "a=100 b=50"},
    {"sum(requests) by (endpoint) > 60", "a=100"},
    {"sum(requests) > 0", "=150"},
    {"max by (endpoint) (requests) < 60", "b=50"},
    {"min by (endpoint) (requests) < 5", "b=0"},
    {"avg by (endpoint) (requests) > 0", "a=50 b=25"},
    {"count by (endpoint) (requests) == 2", "a=2 b=2"},
    {"sum by (endpoint) (requests{code=~\"5..\"}) / sum by (endpoint) (requests) > 0.05", "a=0.1"},
    {"1 - sum by (endpoint) (requests{code=\"200\"}) / sum by (endpoint) (requests) > 0.05",
     "a=0.1"},
    {"2 + 3 * 4 - 8 / 2 == 10", "=10"},
    {"(2 + 3) * 4 == 20", "=20"},
    {"-up < 0", "=-1"},
    {"abs(-up) == 1", "=1"},
    {"5 < 3", ""},
    {"histogram_quantile(0.5, lat_bucket) == 0.1", "a=0.1"},
    {"histogram_quantile(0.75, lat_bucket) > budget", "a=0.3"},
    {"histogram_quantile(0.99, sum by (endpoint, le) (lat_bucket)) > 0.4", "a=0.492"},
    {"absent(nothing{endpoint=\"x\"})", "x=1"},
    {"absent(up)", ""},
    {"odd > 0 or up > 0", "=1"},
    {"odd == odd", ""}, /* NaN is equal to nothing */
    {"budget > 0 and budget < 1", "a=0.2"},
    {"budget > 0 unless budget < 1", "b=inf"},
    {"sum by (endpoint) (requests) > 0 unless budget > 1", "a=100"},
    {"up > 5 or up > 0 and up > 0", "=1"},
    {"requests / 0 > 0", "a=inf a=inf b=inf"}, /* 0/0 is no number */
};

static void test_now(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(now_cases); i++) {
        char seen[256];
        alert_expr *expr = read(now_cases[i].condition);
        assert_true(alert_expr_is_condition(expr));
        evaluate(expr, page, 1000, seen, sizeof seen);
        if (strcmp(seen, now_cases[i].holds) != 0)
            fail_msg("%s: '%s', expected '%s'", now_cases[i].condition, seen, now_cases[i].holds);
        alert_expr_free(expr);
    }
}

/* One value a second (a '-' is no sample), and the answer in the last. */
static const struct past_case {
    const char *condition, *values, *holds;
} past_cases[] = {
    {"increase(x[1m]) >= 0", "5", "=5"},       /* counters begin at 0 */
    {"increase(x[1m]) >= 0", "5 6 9", "=9"},   /* and what they had counts */
    {"increase(x[1m]) >= 0", "5 6 2 3", "=9"}, /* over a reset: 5 + 1 + 2 + 1 */
    {"rate(x[10s]) > 0", "0 1 2 3 4 5 6 7 8 9 10 11 12", "=1"},
    {"increase(x[5s]) > 0", "0 1 2 3 4 5 6 7 8 9 10 11 12", "=5"},
    {"increase(x[5s]) == 0", "7 7 7 7 7 7 7 7 7", "=0"},
    {"delta(x[1m]) < 0", "5 6 2", "=-3"},
    {"changes(x[1m]) > 0", "1 1 2 2 1 1", "=2"},
    {"changes(x[2s]) > 0", "1 2 1 1 1 1 1", ""},
    {"max_over_time(x[1m]) > 0", "1 9 2", "=9"},
    {"max_over_time(x[2s]) > 0", "9 1 1 1 1", "=1"},
    {"min_over_time(x[1m]) > 0", "4 3 8", "=3"},
    {"avg_over_time(x[1m]) > 0", "1 2 3", "=2"},
    {"rate(x[1m]) > 0", "1 2 -", ""}, /* who is gone is not told of */
    {"increase(x[1m]) > 0", "1 2 - 3", "=3"},
};

static void test_past(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(past_cases); i++) {
        char seen[256] = "", text[64];
        alert_expr *expr = read(past_cases[i].condition);
        mw_view left = mw_view_of(past_cases[i].values);
        for (int64_t now_ms = 1000; left.size > 0; now_ms += 1000) {
            mw_view value = mw_view_cut(&left, ' ');
            if (mw_view_is(value, "-"))
                text[0] = '\0';
            else
                snprintf(text, sizeof text, "x %.*s\n", MW_VIEW_ARG(value));
            evaluate(expr, text, now_ms, seen, sizeof seen);
        }
        if (strcmp(seen, past_cases[i].holds) != 0)
            fail_msg("%s over %s: '%s', expected '%s'", past_cases[i].condition,
                     past_cases[i].values, seen, past_cases[i].holds);
        alert_expr_free(expr);
    }
}

/* A day of a counter at two looks a second: a window's memory does not grow, and its edge is right
 * to a sixtieth. */
static void test_long_window(void **state)
{
    (void)state;
    char text[64], seen[64];
    alert_expr *expr = read("increase(x[1h]) > 0");
    for (int64_t i = 0; i < 4 * 7200; i++) {
        snprintf(text, sizeof text, "x %lld\n", (long long)i);
        evaluate(expr, text, 1000 + i * 500, seen, sizeof seen);
    }
    double increase = strtod(seen + 1, NULL);
    if (!(increase >= 7200 && increase <= 7200 * 61.0 / 60))
        fail_msg("increase %s", seen);
    alert_expr_free(expr);
}

/* Series come and go for ever: what was not seen for a window's length is forgotten. */
static void test_series_that_go(void **state)
{
    (void)state;
    char text[64], seen[64];
    alert_expr *expr = read("increase(x[2s]) > 0");
    for (int64_t i = 0; i < 3 * MW_LIMIT_ALERT_SERIES; i++) {
        snprintf(text, sizeof text, "x{n=\"%lld\"} 1\n", (long long)i);
        evaluate(expr, text, 1000 + i, seen, sizeof seen);
    }
    assert_string_equal(seen, "=1");
    alert_expr_free(expr);
}

static const struct bad_case {
    const char *condition;
    size_t at;
    const char *what;
} bad_cases[] = {
    {"", 0, "a number is missing here"},
    {"up >", 4, "a number is missing here"},
    {"rat(x[5m]) > 1", 0, "'rat' is no function that rules have"},
    {"rate(x) > 1", 6, "'[' is missing here"},
    {"rate(x[5]) > 1", 7, "no length of time"},
    {"rate(x[0s]) > 1", 9, "a window is 1s to 7d long"},
    {"rate(x[99d]) > 1", 10, "a window is 1s to 7d long"},
    {"x[5m] > 1", 1, "a window needs a function"},
    {"x{a=1} > 1", 4, "a text in quotes is missing here"},
    {"x{a=~\"(\"} > 1", 8, "the pattern is no regular expression"},
    {"x{a \"b\"} > 1", 4, "one of = != =~ !~ is missing here"},
    {"x{a=\"b\" c=\"d\"} > 1", 8, "labels are parted by commas"},
    {"x{a=\"b} > 1", 11, "the text does not end"},
    {"(x > 1", 6, "')' is missing here"},
    {"x > 1)", 5, "an operator is missing here"},
    {"histogram_quantile(2, x) > 1", 20, "a quantile lies between 0 and 1"},
    {"absent(x > 1)", 13, "absent is of a metric"},
    {"sum by (1) (x) > 1", 8, "the name of a label is missing here"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad_cases); i++) {
        mw_error err;
        alert_expr *expr;
        size_t at;
        const struct bad_case *c = &bad_cases[i];
        if (alert_expr_read(mw_view_of(c->condition), &expr, &at, &err) == MW_OK)
            fail_msg("%s: taken", c->condition);
        if (strcmp(err.what, c->what) != 0 || at != c->at)
            fail_msg("%s: '%s' at %zu, expected '%s' at %zu", c->condition, err.what, at, c->what,
                     c->at);
        assert_int_equal(err.code, MW_E_ALERT_RULE);
    }
}

static void test_numbers_are_no_condition(void **state)
{
    (void)state;
    static const char *const bare[] = {"up", "rate(x[5m])", "sum(x)", "up and up > 1", "5"};
    for (size_t i = 0; i < MW_COUNT(bare); i++) {
        alert_expr *expr = read(bare[i]);
        assert_false(alert_expr_is_condition(expr));
        alert_expr_free(expr);
    }
}

static const char *const bad_pages[] = {
    "1x 5\n", "x{a=\"b\" 5\n",        "x{a=b} 5\n",   "x{a=\"\\q\"} 1",
    "x y\n",  "x{a=\"1\",a=\"2\"} 1", "x{a=\"b} 1\n", "x\n"};

static void test_pages_that_are_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad_pages); i++) {
        mw_error err;
        mw_arena arena;
        alert_samples samples;
        mw_arena_init(&arena, MW_KIB, MW_MIB);
        if (alert_samples_read(mw_view_of(bad_pages[i]), &arena, &samples, &err) == MW_OK)
            fail_msg("taken: %s", bad_pages[i]);
        assert_string_equal(err.where, "line 1");
        mw_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now),
        cmocka_unit_test(test_past),
        cmocka_unit_test(test_long_window),
        cmocka_unit_test(test_series_that_go),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_numbers_are_no_condition),
        cmocka_unit_test(test_pages_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
