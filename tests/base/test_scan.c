/* The JSON scanner: what it takes and refuses, where it says the fault is, and that it reads no
 * byte beyond the end. */
#include "../test.h"

#include <math.h>

#include "base/base.h"

/* Exactly as many bytes as the text has: the sanitizer sees a read beyond. */
static mw_view tight_copy(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    return (mw_view){copy, size};
}

static mw_status check_document(mw_view text, bool allow_nan, mw_error *err)
{
    mw_scan scan;
    mw_scan_init(&scan, text);
    scan.allow_nan = allow_nan;
    mw_status status = mw_scan_skip(&scan, NULL, err);
    return status == MW_OK ? mw_scan_end(&scan, err) : status;
}

static void test_documents_taken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "-1.5e+10",
        "\"\"",
        "true",
        "false",
        " null ",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "\t\r\n [1 ,2\t, 3 ]\n",
        "[[],[[]],{}]",
        "{\"a\":{\"b\":[{\"c\":null}]},\"d\":[true,false]}",
        "{\"a\":1,\"a\":2}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\u0000\"",
        "\"\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\"",
        "[1e5,1E-5,0.5,-0.0,123456789012345678901234567890]",
        "{\"\":\"\"}",
        "[                                  1                ]",
    };
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        mw_error err;
        mw_view text = tight_copy(texts[i], strlen(texts[i]));
        if (check_document(text, false, &err) != MW_OK)
            fail_msg("'%s': %s: %s", texts[i], err.where, err.what);
        free((void *)text.data);
    }
}

static void test_documents_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        const char *what;
    } cases[] = {
        {"", 0, "expected a value, found the end of the text"},
        {"  ", 2, "expected a value, found the end of the text"},
        {"[", 1, "expected a value, found the end of the text"},
        {"{", 1, "expected text, found the end of the text"},
        {"]", 0, "expected a value, found ']'"},
        {"[1", 2, "expected ',' or ']', found the end of the text"},
        {"[1,", 3, "expected a value, found the end of the text"},
        {"[1,]", 3, "expected a value, found ']'"},
        {"[,1]", 1, "expected a value, found ','"},
        {"[1 2]", 3, "expected ',' or ']', found a number"},
        {"[1}", 2, "expected ',' or ']', found '}'"},
        {"{\"a\"}", 4, "expected ':', found '}'"},
        {"{\"a\":}", 5, "expected a value, found '}'"},
        {"{\"a\":1,}", 7, "expected text, found '}'"},
        {"{\"a\" 1}", 5, "expected ':', found a number"},
        {"{a:1}", 1, "expected text, found 'a'"},
        {"{'a':1}", 1, "expected text, found '''"},
        {"{1:1}", 1, "expected text, found a number"},
        {"{\"a\":1]", 6, "expected ',' or '}', found ']'"},
        {"1 2", 2, "expected the end of the text, found a number"},
        {"[] []", 3, "expected the end of the text, found an array"},
        {"01", 0, "expected a number, found '01'"},
        {"-", 0, "expected a number, found '-'"},
        {"+1", 0, "expected a value, found '+1'"},
        {".5", 0, "expected a value, found '.5'"},
        {"5.", 0, "expected a number, found '5.'"},
        {"1e", 0, "expected a number, found '1e'"},
        {"1.e1", 0, "expected a number, found '1.e1'"},
        {"1x", 1, "expected the end of the text, found 'x'"},
        {"[0x10]", 2, "expected ',' or ']', found 'x10'"},
        {"[NaN]", 1, "expected a value, found 'NaN'"},
        {"[Infinity]", 1, "expected a value, found 'Infinity'"},
        {"[-Infinity]", 1, "expected a number, found '-Infinity'"},
        {"True", 0, "expected a value, found 'True'"},
        {"tru", 0, "expected true or false, found 'tru'"},
        {"trueish", 4, "expected the end of the text, found 'ish'"},
        {"nul", 0, "expected null, found 'nul'"},
        {"[nulL]", 1, "expected null, found 'nulL'"},
        {"\"abc", 4, "text without a closing quote"},
        {"\"abcdefghijkl\\\"", 15, "text without a closing quote"},
        {"\"a\tb\"", 2, "a control byte in text"},
        {"\"\x1f\"", 1, "a control byte in text"},
        {"\"\\x\"", 1, "a wrong escape in text"},
        {"\"\\u12g4\"", 1, "a wrong escape in text"},
        {"\"\\u12", 1, "a wrong escape in text"},
        {"\"\\", 1, "a wrong escape in text"},
        {"\"\\ud800\"", 1, "a wrong escape in text"},
        {"\"\\ude00\"", 1, "a wrong escape in text"},
        {"\"\\ud83d\\u0041\"", 1, "a wrong escape in text"},
        {"\"\\ud83d\\ud83d\"", 1, "a wrong escape in text"},
        {"\"\\ud83d\\ue000\"", 1, "a wrong escape in text"},
        {"\"\\ud83dxxude00\"", 1, "a wrong escape in text"},
        {"\"\xff\"", 1, "text that is not UTF-8"},
        {"\"\x80\"", 1, "text that is not UTF-8"},
        {"\"\xc0\x80\"", 1, "text that is not UTF-8"},
        {"\"\xc3\"", 1, "text that is not UTF-8"},
        {"\"\xe0\x9f\xbf\"", 1, "text that is not UTF-8"},
        {"\"\xed\xa0\x80\"", 1, "text that is not UTF-8"},
        {"\"\xf0\x8f\xbf\xbf\"", 1, "text that is not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", 1, "text that is not UTF-8"},
        {"\"\xf5\x80\x80\x80\"", 1, "text that is not UTF-8"},
        {"\"\xe2\x82", 1, "text that is not UTF-8"},
        {"// no", 0, "expected a value, found '/'"},
        {"\xef\xbb\xbf{}", 0, "expected a value, found byte 0xef"},
        {"[\x0b 1]", 1, "expected a value, found byte 0x0b"},
        {"[\xc2\xa0 1]", 1, "expected a value, found byte 0xc2"},
        {"[1234567890123456789012345678901234567890x]", 41, "expected ',' or ']', found 'x'"},
        {"abcdefghijklmnopqrstuvwxyz", 0, "expected a value, found 'abcdefghijklmnopqrstu...'"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err;
        char where[32];
        mw_view text = tight_copy(cases[i].text, strlen(cases[i].text));
        mw_status status = check_document(text, false, &err);
        free((void *)text.data);
        snprintf(where, sizeof where, "byte %zu", cases[i].at);
        if (status != MW_BAD_DATA)
            fail_msg("'%s': status %d", cases[i].text, (int)status);
        if (strcmp(err.where, where) != 0 || strcmp(err.what, cases[i].what) != 0)
            fail_msg("'%s': %s: %s", cases[i].text, err.where, err.what);
        if (!err.mend[0])
            fail_msg("'%s': no mend", cases[i].text);
    }
}

static void test_a_byte_order_mark_has_its_own_mend(void **state)
{
    (void)state;
    mw_error err;
    assert_int_equal(check_document(MW_VIEW("\xef\xbb\xbf{}"), false, &err), MW_BAD_DATA);
    assert_string_equal(err.mend, "save the text as UTF-8 without a byte order mark");
}

/* Cut anywhere, a document is refused, and nothing behind the cut is read. */
static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    static const char whole[] =
        " {\"key\\u00e9\": [1.5, -2e3, 12345678.12345678, true, false, null, "
        "\"text \xe2\x82\xac \\ud83d\\ude00 more text\"], \"b\": {\"c\": []}}";
    for (size_t size = 0; size <= sizeof whole - 1; size++) {
        mw_error err;
        mw_view text = tight_copy(whole, size);
        mw_status status = check_document(text, false, &err);
        if ((status == MW_OK) != (size == sizeof whole - 1))
            fail_msg("%zu bytes: status %d", size, (int)status);
        free((void *)text.data);
    }
}

static void test_depth(void **state)
{
    (void)state;
    enum { DEPTH = MW_LIMIT_JSON_DEPTH };
    char text[4 * DEPTH + 8];
    for (int extra = 0; extra < 2; extra++) {
        for (int object = 0; object < 2; object++) {
            size_t used = 0;
            for (int level = 0; level < DEPTH + extra; level++) {
                const char *open = object && level % 2 ? "{\"\":" : "[";
                memcpy(text + used, open, strlen(open));
                used += strlen(open);
            }
            text[used++] = '0';
            for (int level = DEPTH + extra; level-- > 0;)
                text[used++] = object && level % 2 ? '}' : ']';
            mw_error err;
            mw_status status = check_document((mw_view){text, used}, false, &err);
            if (extra == 0)
                assert_int_equal(status, MW_OK);
            else
                assert_int_equal(err.code, MW_E_JSON_DEPTH);
        }
    }
    mw_scan scan;
    mw_error err;
    memset(text, '[', sizeof text);
    mw_scan_init(&scan, (mw_view){text, sizeof text});
    for (int level = 0; level < DEPTH; level++)
        assert_int_equal(mw_scan_array_begin(&scan, &err), MW_OK);
    assert_int_equal(mw_scan_array_begin(&scan, &err), MW_BAD_DATA);
    assert_string_equal(err.where, "byte 64");
    mw_scan_init(&scan, (mw_view){text, DEPTH + 1});
    for (int level = 0; level < 3; level++)
        assert_int_equal(mw_scan_array_begin(&scan, &err), MW_OK);
    assert_int_equal(mw_scan_skip(&scan, NULL, &err), MW_BAD_DATA);
    assert_int_equal(err.code, MW_E_JSON_DEPTH);
}

/* ---- values ------------------------------------------------------------------------------------
 */

static void test_objects_and_arrays(void **state)
{
    (void)state;
    mw_scan scan;
    mw_error err;
    mw_view key, text;
    mw_arena arena;
    bool more, flag;
    double number;
    int64_t whole;
    mw_arena_init(&arena, 4096, MW_MIB);
    mw_scan_init(&scan, MW_VIEW(" { \"a\" : [ 1 , 2.5 ] , \"b\\n\" : \"x\\ty\", \"c\":true,"
                                "\"d\": [[],{}],\"e\":-7 , \"f\":null} "));
    assert_int_equal(mw_scan_peek(&scan), MW_SCAN_OBJECT);
    assert_int_equal(mw_scan_object_begin(&scan, &err), MW_OK);

    assert_int_equal(mw_scan_object_next(&scan, &arena, &key, &more, &err), MW_OK);
    assert_true(more && mw_view_is(key, "a"));
    assert_int_equal(mw_scan_array_begin(&scan, &err), MW_OK);
    assert_int_equal(mw_scan_array_next(&scan, &more, &err), MW_OK);
    assert_true(more);
    assert_int_equal(mw_scan_number(&scan, &number, &err), MW_OK);
    assert_true(number == 1);
    assert_int_equal(mw_scan_array_next(&scan, &more, &err), MW_OK);
    assert_true(more);
    mw_scan ahead = scan; /* a copy looks ahead, the original stays */
    assert_int_equal(mw_scan_skip(&ahead, NULL, &err), MW_OK);
    assert_int_equal(mw_scan_number(&scan, &number, &err), MW_OK);
    assert_true(number == 2.5);
    assert_int_equal(mw_scan_array_next(&scan, &more, &err), MW_OK);
    assert_false(more);

    assert_int_equal(mw_scan_object_next(&scan, &arena, &key, &more, &err), MW_OK);
    assert_true(more && mw_view_is(key, "b\n"));
    assert_int_equal(mw_scan_string(&scan, &arena, &text, &err), MW_OK);
    assert_true(mw_view_is(text, "x\ty"));

    assert_int_equal(mw_scan_object_next(&scan, &arena, &key, &more, &err), MW_OK);
    assert_int_equal(mw_scan_bool(&scan, &flag, &err), MW_OK);
    assert_true(flag);

    assert_int_equal(mw_scan_object_next(&scan, &arena, &key, &more, &err), MW_OK);
    assert_int_equal(mw_scan_skip(&scan, &text, &err), MW_OK);
    assert_true(mw_view_is(text, "[[],{}]"));

    assert_int_equal(mw_scan_object_next(&scan, &arena, &key, &more, &err), MW_OK);
    assert_int_equal(mw_scan_integer(&scan, &whole, &err), MW_OK);
    assert_int_equal(whole, -7);

    assert_int_equal(mw_scan_object_next(&scan, &arena, &key, &more, &err), MW_OK);
    assert_int_equal(mw_scan_null(&scan, &err), MW_OK);
    assert_int_equal(mw_scan_object_next(&scan, &arena, &key, &more, &err), MW_OK);
    assert_false(more);
    assert_int_equal(mw_scan_end(&scan, &err), MW_OK);
    assert_int_equal(mw_scan_peek(&scan), MW_SCAN_END);
    mw_arena_done(&arena);
}

static void test_text_is_borrowed_or_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
        size_t size;
        bool borrowed;
    } cases[] = {
        {"\"plain\"", "plain", 5, true},
        {"\"\"", "", 0, true},
        {"\"\xc3\xa9\"", "\xc3\xa9", 2, true},
        {"\"\\u00e9\\u20ac\\uD83D\\uDe00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, false},
        {"\"a\\u0000b\"", "a\0b", 3, false},
        {"\"\\uffff\\u007f\\u0080\\u07ff\\u0800\"", "\xef\xbf\xbf\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80",
         11, false},
        {"\"\\/\\\\\\\"\\b\\f\\n\\r\\t\"", "/\\\"\b\f\n\r\t", 8, false},
        {"\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, false},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_scan scan;
        mw_error err;
        mw_view text;
        mw_arena arena;
        mw_arena_init(&arena, 4096, MW_MIB);
        mw_scan_init(&scan, mw_view_of(cases[i].json));
        assert_int_equal(mw_scan_string(&scan, &arena, &text, &err), MW_OK);
        if (!mw_view_equal(text, (mw_view){cases[i].text, cases[i].size}))
            fail_msg("%s: %zu bytes '%.*s'", cases[i].json, text.size, MW_VIEW_ARG(text));
        assert_true((text.data == cases[i].json + 1) == cases[i].borrowed);
        mw_scan_init(&scan, mw_view_of(cases[i].json));
        mw_status status = mw_scan_string(&scan, NULL, &text, &err);
        assert_int_equal(status, cases[i].borrowed ? MW_OK : MW_BAD_DATA);
        mw_arena_done(&arena);
        mw_arena_init(&arena, 4096, 1);
        mw_scan_init(&scan, mw_view_of(cases[i].json));
        status = mw_scan_string(&scan, &arena, &text, &err);
        assert_int_equal(status, cases[i].borrowed ? MW_OK : MW_NO_MEMORY);
        mw_arena_done(&arena);
    }
}

/* Eight bytes are passed at a time: the quote, and each kind of fault, at every place of them. */
static void test_text_of_every_length(void **state)
{
    (void)state;
    static const char specials[] = {'"', '\\', '\x1f', '\x00', '\xff', '\x80'};
    for (size_t i = 0; i < 80; i++) {
        size_t n = i % 40, n_behind = i < 40 ? 0 : 20; /* which are of no text any more */
        for (size_t s = 0; s < sizeof specials; s++) {
            char json[64];
            memset(json, 'a' + (int)(n % 26), sizeof json);
            json[0] = '"';
            json[n + 1] = specials[s];
            memset(json + n + 2, '?', n_behind);
            mw_view tight = tight_copy(json, n + 2 + n_behind);
            mw_scan scan;
            mw_error err;
            mw_view text;
            char where[32];
            mw_scan_init(&scan, tight);
            mw_status status = mw_scan_string(&scan, NULL, &text, &err);
            snprintf(where, sizeof where, "byte %zu", n + 1);
            if (s == 0 ? status != MW_OK || text.size != n
                       : status != MW_BAD_DATA || strcmp(err.where, where) != 0)
                fail_msg("%zu bytes, special %zu: %d, %s", n, s, (int)status, err.where);
            free((void *)tight.data);
        }
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_integer;
        int64_t value;
        const char *what;
    } cases[] = {
        {"0", true, 0, NULL},
        {"-0", true, 0, NULL},
        {" 42", true, 42, NULL},
        {"9223372036854775807", true, INT64_MAX, NULL},
        {"-9223372036854775808", true, INT64_MIN, NULL},
        {"9223372036854775808", false, 0, "found 9223372036854775808"},
        {"-9223372036854775809", false, 0, "found -9223372036854775809"},
        {"99999999999999999999999999", false, 0, "found a number"},
        {"1.5", false, 0, "found 1.5"},
        {"1.0", false, 0, "found 1.0"},
        {"1e3", false, 0, "found 1e3"},
        {"007", false, 0, "found '007'"},
        {"-", false, 0, "found '-'"},
        {"\"1\"", false, 0, "found text"},
        {"", false, 0, "found the end of the text"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_scan scan;
        mw_error err = {0};
        int64_t value = 77;
        mw_scan_init(&scan, mw_view_of(cases[i].text));
        mw_status status = mw_scan_integer(&scan, &value, &err);
        if ((status == MW_OK) != cases[i].is_integer || value != (status ? 77 : cases[i].value))
            fail_msg("'%s': %d, %lld", cases[i].text, (int)status, (long long)value);
        if (cases[i].what && !strstr(err.what, cases[i].what))
            fail_msg("'%s': %s", cases[i].text, err.what);
    }
}

static void test_nan_only_where_allowed(void **state)
{
    (void)state;
    mw_scan scan;
    mw_error err;
    bool more;
    double value = 0;
    const mw_view text = MW_VIEW("[NaN, Infinity ,-Infinity,-1]");
    assert_int_equal(check_document(text, false, &err), MW_BAD_DATA);
    assert_int_equal(check_document(text, true, &err), MW_OK);
    assert_int_equal(check_document(MW_VIEW("[Nan]"), true, &err), MW_BAD_DATA);
    assert_int_equal(check_document(MW_VIEW("[-NaN]"), true, &err), MW_BAD_DATA);
    assert_int_equal(check_document(MW_VIEW("[Infinit"), true, &err), MW_BAD_DATA);
    mw_scan_init(&scan, text);
    scan.allow_nan = true;
    assert_int_equal(mw_scan_array_begin(&scan, &err), MW_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(mw_scan_array_next(&scan, &more, &err), MW_OK);
        assert_int_equal(mw_scan_peek(&scan), MW_SCAN_NUMBER);
        assert_int_equal(mw_scan_number(&scan, &value, &err), MW_OK);
        assert_true(i == 0 ? isnan(value) : value == (i == 1 ? INFINITY : i == 2 ? -INFINITY : -1));
    }
}

static void test_wrong_kinds(void **state)
{
    (void)state;
    mw_scan scan;
    mw_error err;
    double number = 77;
    bool flag;
    mw_view text;
    mw_scan_init(&scan, MW_VIEW("  [1]"));
    assert_int_equal(mw_scan_number(&scan, &number, &err), MW_BAD_DATA);
    assert_string_equal(err.what, "expected a number, found an array");
    assert_string_equal(err.where, "byte 2");
    assert_true(number == 77);
    assert_int_equal(mw_scan_object_begin(&scan, &err), MW_BAD_DATA);
    assert_int_equal(mw_scan_string(&scan, NULL, &text, &err), MW_BAD_DATA);
    assert_int_equal(mw_scan_bool(&scan, &flag, &err), MW_BAD_DATA);
    assert_int_equal(mw_scan_null(&scan, &err), MW_BAD_DATA);
    assert_int_equal(mw_scan_expected(&scan, "a miracle", &err), MW_BAD_DATA);
    assert_string_equal(err.what, "expected a miracle, found an array");
    assert_int_equal(mw_scan_array_begin(&scan, &err), MW_OK);
    mw_scan_init(&scan, (mw_view){NULL, 0});
    assert_int_equal(mw_scan_peek(&scan), MW_SCAN_END);
    for (int kind = MW_SCAN_WRONG; kind <= MW_SCAN_END; kind++)
        assert_non_null(mw_scan_kind_name((mw_scan_kind)kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents_taken),
        cmocka_unit_test(test_documents_refused),
        cmocka_unit_test(test_a_byte_order_mark_has_its_own_mend),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_objects_and_arrays),
        cmocka_unit_test(test_text_is_borrowed_or_decoded),
        cmocka_unit_test(test_text_of_every_length),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_nan_only_where_allowed),
        cmocka_unit_test(test_wrong_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
