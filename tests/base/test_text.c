/* mw_view, mw_buf: caps, growth, distances. */
#include "../test.h"

#include "base/base.h"

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t limit, expected;
    } cases[] = {
        {"workers", "wokers", 3, 1}, {"age", "age", 3, 0},        {"", "abc", 3, 3},
        {"abc", "", 2, 3},           {"kitten", "sitting", 5, 3}, {"abcdef", "uvwxyz", 2, 3},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        size_t got =
            mw_view_distance(mw_view_of(cases[i].a), mw_view_of(cases[i].b), cases[i].limit);
        if (got != cases[i].expected)
            fail_msg("%s ~ %s: got %zu, expected %zu", cases[i].a, cases[i].b, got,
                     cases[i].expected);
    }
}

static void test_buf_keeps_to_its_cap(void **state)
{
    (void)state;
    mw_buf buf;
    mw_buf_init(&buf, 10);
    mw_buf_text(&buf, "12345");
    mw_buf_format(&buf, "%d", 67890);
    assert_false(buf.failed);
    assert_string_equal(buf.data, "1234567890");
    mw_buf_char(&buf, 'x');
    assert_true(buf.failed);
    assert_int_equal(buf.size, 10);
    mw_buf_reset(&buf);
    assert_false(buf.failed);
    assert_string_equal(buf.data, "");
    mw_buf_text(&buf, "again");
    assert_string_equal(buf.data, "again");
    mw_buf_done(&buf);
    assert_string_equal(buf.data, "");
}

static void test_buf_grows(void **state)
{
    (void)state;
    mw_buf buf;
    mw_buf_init(&buf, 1 << 20);
    for (int i = 0; i < 100000; i++)
        mw_buf_char(&buf, (char)('a' + i % 26));
    assert_int_equal(buf.size, 100000);
    assert_int_equal(buf.data[99999], 'a' + 99999 % 26);
    assert_int_equal(buf.data[100000], '\0');
    mw_buf_done(&buf);
}

static void test_trim_and_compare(void **state)
{
    (void)state;
    assert_true(mw_view_is(mw_view_trim(MW_VIEW(" \t x y \r\n")), "x y"));
    assert_true(mw_view_is(mw_view_trim(MW_VIEW("  ")), ""));
    assert_true(mw_view_is_nocase(MW_VIEW("Content-Type"), "content-type"));
    assert_false(mw_view_is_nocase(MW_VIEW("Content"), "content-type"));
    for (int a = 0; a < 256; a++) /* at one of the first eight places, and behind them */
        for (int b = 0; b < 256; b++) {
            char one[13] = "aZ-_@[`{z\x80", other[13] = "Az-_@[`{Z\x80";
            one[a % 8] = one[11] = (char)a;
            other[a % 8] = other[11] = (char)b;
            bool same = a == b || ((a ^ b) == 32 && (a | 32) >= 'a' && (a | 32) <= 'z');
            assert_int_equal(mw_view_equal_nocase((mw_view){one, 13}, (mw_view){other, 13}), same);
        }
    assert_true(mw_view_starts(MW_VIEW("/v2/models"), "/v2"));
    assert_false(mw_view_starts(MW_VIEW("/v"), "/v2"));
}

static void test_lists(void **state)
{
    static const struct {
        const char *name;
        mw_view lines, asked;
        bool expected;
    } cases[] = {
        {"absent lines list all", {NULL, 0}, MW_VIEW("a"), true},
        {"no line", MW_VIEW("\n"), MW_VIEW("a"), false},
        {"the last", MW_VIEW("\na\nbc\n"), MW_VIEW("bc"), true},
        {"a begin is another name", MW_VIEW("\nabc\n"), MW_VIEW("ab"), false},
        {"no name is no line", MW_VIEW("\na\n"), MW_VIEW(""), false},
    };
    (void)state;
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if (mw_view_lists(cases[i].lines, cases[i].asked) != cases[i].expected)
            fail_msg("%s", cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_buf_keeps_to_its_cap),
        cmocka_unit_test(test_buf_grows),
        cmocka_unit_test(test_trim_and_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
