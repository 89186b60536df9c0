/* Charts and pages: well-formed, escaped, and empty where there is nothing to draw. */
#include <math.h>

#include "report/report.h"
#include "test.h"

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    while ((text = strstr(text, what))) {
        n++;
        text += strlen(what);
    }
    return n;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *expected;
    } cases[] = {{0.9243, "0.924"}, {12345, "12,345"},     {-1234567, "-1,234,567"},
                 {0.5, "0.500"},    {31.41592, "31.42"},   {12345.6, "12,346"},
                 {6960.3, "6,960"}, {0.00002, "2.00e-05"}, {3e12, "3.00e+12"},
                 {0, "0"},          {100, "100"}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_buf out;
        mw_buf_init(&out, MW_KIB);
        mw_put_number(&out, cases[i].value);
        assert_string_equal(out.data, cases[i].expected);
        mw_buf_done(&out);
    }
    mw_buf out;
    mw_buf_init(&out, MW_KIB);
    mw_put_number(&out, (double)NAN);
    mw_put_number(&out, -INFINITY);
    assert_string_equal(out.data, "--inf");
    mw_buf_done(&out);
}

static void test_shares_and_seconds(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *share, *seconds;
    } cases[] = {{0, "0 %", "0 s"},
                 {0.0004, "under 0.1 %", "400 µs"},
                 {0.0263, "2.6 %", "26.3 ms"},
                 {0.0998, "10 %", "99.8 ms"},
                 {0.31, "31 %", "310 ms"},
                 {2.5, "250 %", "2.5 s"},
                 {(double)NAN, "-", "-"}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_buf out;
        mw_buf_init(&out, MW_KIB);
        mw_put_percent(&out, cases[i].value);
        assert_string_equal(out.data, cases[i].share);
        mw_buf_reset(&out);
        mw_put_seconds(&out, cases[i].value);
        assert_string_equal(out.data, cases[i].seconds);
        mw_buf_done(&out);
    }
}

static void test_charts(void **state)
{
    (void)state;
    const double edges[] = {0, 1, 2, 3}, counts[] = {1, 4, 0}, none[] = {0, 0, 0};
    const double nan[] = {(double)NAN, 1, (double)NAN, 0}, x[] = {0, 0.5, 1};
    const mw_view labels[] = {MW_VIEW("<a>"), MW_VIEW("b & c"), MW_VIEW("\xc3\xa4\xc3\xb6")};
    mw_chart_curve curve = {"model", x, x, 3}, other = {"<champion>", x, x, 3};
    mw_buf out;
    mw_buf_init(&out, MW_MIB);
    mw_chart_histogram(&out, "A <title>", edges, counts, none, 3);
    mw_chart_bars(&out, "Bars", labels, counts, 3);
    mw_chart_square(&out, "ROC", "fpr", "tpr", &curve, &other, true);
    mw_chart_heat(&out, "Heat", labels, nan, 2);
    mw_chart_intervals(&out, "Intervals", labels, counts, none, edges, 3, 0.5);
    assert_int_equal(count_of(out.data, "<svg"), 5);
    assert_int_equal(count_of(out.data, "</svg>"), 5);
    assert_int_equal(count_of(out.data, "<circle"), 9);
    assert_null(strstr(out.data, "<title>A <title>"));
    assert_null(strstr(out.data, "<a>"));
    assert_null(strstr(out.data, "nan"));
    mw_buf_done(&out);
}

static void test_nothing_to_draw(void **state)
{
    (void)state;
    const double none[] = {0, (double)NAN};
    const mw_view labels[] = {MW_VIEW("a"), MW_VIEW("b")};
    const double nan[] = {(double)NAN, (double)NAN};
    mw_buf out;
    mw_buf_init(&out, MW_MIB);
    mw_chart_histogram(&out, "none", NULL, none, NULL, 0);
    mw_chart_histogram(&out, "none", NULL, none, NULL, 2);
    mw_chart_bars(&out, "none", labels, none, 2);
    mw_chart_heat(&out, "none", labels, none, 0);
    mw_chart_intervals(&out, "none", labels, nan, nan, nan, 2, (double)NAN);
    assert_int_equal(out.size, 0);
    mw_buf_done(&out);
}

static void test_pages(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, MW_MIB);
    mw_page_open(&out, "a \"title\" & more", MW_VIEW("\"good\" = b"));
    mw_page_close(&out);
    assert_non_null(strstr(out.data, "name=\"description\" content=\"&quot;good&quot; &#61; b\""));
    assert_non_null(strstr(out.data, "<title>a &quot;title&quot; &amp; more</title>"));
    assert_null(strstr(out.data, "http"));
    assert_null(strstr(out.data, "<script"));
    mw_buf_reset(&out);
    mw_put_plain(&out, MW_VIEW("a|b <i>\n*"));
    assert_string_equal(out.data, "a\\|b \\<i\\> \\*");
    mw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_shares_and_seconds),
        cmocka_unit_test(test_charts), cmocka_unit_test(test_nothing_to_draw),
        cmocka_unit_test(test_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
