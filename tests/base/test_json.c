/* JSON text out, small documents in. */
#include "../test.h"

#include <math.h>

#include "base/base.h"

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"\"\\/", 3, "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\xff"
         "b",
         3,
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc3", 1, "\"\xef\xbf\xbd\""},
        {"\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    mw_buf out;
    mw_buf_init(&out, 4096);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char *tight = malloc(cases[i].size + 1);
        memcpy(tight, cases[i].text, cases[i].size);
        mw_buf_reset(&out);
        mw_json_write_text(&out, (mw_view){tight, cases[i].size});
        free(tight);
        assert_string_equal(out.data, cases[i].json);
    }
    mw_buf_reset(&out);
    mw_json_write_text(&out, (mw_view){NULL, 0});
    assert_string_equal(out.data, "\"\"");
    mw_buf_done(&out);
}

/* Whatever bytes go in, what comes out is JSON, and text that is UTF-8 comes back as it was. */
static void test_any_bytes_become_json(void **state)
{
    (void)state;
    uint32_t random = 1;
    mw_buf out;
    mw_buf_init(&out, 65536);
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        size_t size = (random >> 8) % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = (char)(random >> (round % 2 ? 24 : 25));
        }
        mw_buf_reset(&out);
        mw_json_write_text(&out, (mw_view){bytes, size});
        mw_scan scan;
        mw_view back;
        mw_error err;
        mw_arena arena;
        mw_arena_init(&arena, 4096, MW_MIB);
        mw_scan_init(&scan, mw_buf_as_view(&out));
        if (mw_scan_string(&scan, &arena, &back, &err) != MW_OK ||
            mw_scan_end(&scan, &err) != MW_OK)
            fail_msg("%s: %s: %s", out.data, err.where, err.what);
        if (round % 2 == 0) /* ASCII only */
            assert_true(mw_view_equal(back, (mw_view){bytes, size}));
        mw_arena_done(&arena);
    }
    mw_buf_done(&out);
}

static void test_numbers(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, 4096);
    mw_json_write_double(&out, 0.1);
    mw_buf_char(&out, ' ');
    mw_json_write_double(&out, 5);
    mw_buf_char(&out, ' ');
    mw_json_write_double(&out, NAN);
    mw_buf_char(&out, ' ');
    mw_json_write_double(&out, -INFINITY);
    mw_buf_char(&out, ' ');
    mw_json_write_float(&out, 0.1f);
    mw_buf_char(&out, ' ');
    mw_json_write_float(&out, INFINITY);
    mw_buf_char(&out, ' ');
    mw_json_write_int(&out, INT64_MIN);
    assert_string_equal(out.data, "0.1 5.0 null null 0.1 null -9223372036854775808");
    mw_buf_done(&out);
    mw_buf_init(&out, 3); /* exactly what is needed fits */
    mw_json_write_double(&out, 0.5);
    assert_false(out.failed);
    assert_string_equal(out.data, "0.5");
    mw_json_write_int(&out, 1);
    assert_true(out.failed);
    mw_buf_done(&out);
}

static void test_documents(void **state)
{
    (void)state;
    mw_json *root = NULL;
    mw_error err;
    double number = 77;
    assert_int_equal(
        mw_json_read(MW_VIEW("{\"inputs\": [{\"name\": \"age\", \"type\": \"long\"}, 2.5],"
                             " \"big\": 9007199254740993, \"yes\": true,"
                             " \"none\": null, \"text\": \"a\\u00e9\"}"),
                     &root, &err),
        MW_OK);
    assert_true(mw_json_is_object(root));
    assert_int_equal(mw_json_count(root), 5);
    const mw_json *inputs = mw_json_member(root, "inputs");
    assert_true(mw_json_is_array(inputs));
    assert_int_equal(mw_json_count(inputs), 2);
    const mw_json *first = mw_json_element(inputs, 0);
    assert_true(mw_view_is(mw_json_text(mw_json_member(first, "name")), "age"));
    assert_true(mw_json_number(mw_json_element(inputs, 1), &number) && number == 2.5);
    assert_true(mw_json_number(mw_json_member(root, "big"), &number));
    assert_true(mw_json_bool(mw_json_member(root, "yes"), false));
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "text")), "a\xc3\xa9"));

    /* what is not there, or of another kind */
    assert_null(mw_json_member(root, "absent"));
    assert_null(mw_json_member(inputs, "name"));
    assert_null(mw_json_element(inputs, 2));
    assert_null(mw_json_element(root, 0));
    assert_null(mw_json_member(NULL, "x"));
    assert_null(mw_json_element(NULL, 0));
    assert_int_equal(mw_json_count(NULL), 0);
    assert_int_equal(mw_json_count(mw_json_member(root, "text")), 0);
    assert_int_equal(mw_json_text(mw_json_member(root, "big")).size, 0);
    assert_false(mw_json_is_text(mw_json_member(root, "none")));
    number = 77;
    assert_false(mw_json_number(mw_json_member(root, "text"), &number));
    assert_true(number == 77);
    assert_true(mw_json_bool(mw_json_member(root, "none"), true));
    assert_false(mw_json_bool(NULL, false));
    mw_json_free(root);
    mw_json_free(NULL);

    assert_int_equal(mw_json_read(MW_VIEW("3"), &root, &err), MW_OK);
    assert_true(mw_json_number(root, &number) && number == 3);
    mw_json_free(root);
}

static void test_members_in_order(void **state)
{
    (void)state;
    mw_json *root;
    mw_error err;
    mw_view key;
    const mw_json *value;
    int64_t number;
    void *cursor = NULL;
    static const char *const keys[] = {"b", "a", ""};
    assert_int_equal(mw_json_read(MW_VIEW("{\"b\":0,\"a\":1,\"\":2}"), &root, &err), MW_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(mw_json_next(root, &cursor, &key, &value));
        assert_true(mw_view_is(key, keys[i]) && mw_json_integer(value, &number) && number == i);
    }
    assert_false(mw_json_next(root, &cursor, &key, &value));
    mw_json_free(root);
    assert_int_equal(mw_json_read(MW_VIEW("[1]"), &root, &err), MW_OK);
    cursor = NULL;
    assert_false(mw_json_next(root, &cursor, &key, &value));
    cursor = NULL;
    assert_false(mw_json_next(NULL, &cursor, &key, &value));
    mw_json_free(root);
}

static void test_documents_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line; /* columns are jansson's own counting */
    } cases[] = {
        {"", "line 1,"},
        {"{\"a\":1,\"a\":2}", "line 1,"}, /* duplicate */
        {"{\n \"a\": 1,\n}", "line 3,"},
        {"[1] x", "line 1,"},
        {"[NaN]", "line 1,"},
        {"[99999999999999999999]", "line 1,"},
        {"\"\xff\"", "line 1,"},
        {"'a'", "line 1,"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_json *root = NULL;
        mw_error err = {0};
        mw_status status = mw_json_read(mw_view_of(cases[i].text), &root, &err);
        if (status != MW_BAD_DATA || !mw_view_starts(mw_view_of(err.where), cases[i].line))
            fail_msg("'%s': %d, %s: %s", cases[i].text, (int)status, err.where, err.what);
        assert_true(err.what[0] && err.mend[0]);
        assert_null(root);
    }
}

static void test_a_zero_byte_does_not_end_the_text(void **state)
{
    (void)state;
    mw_json *root = NULL;
    mw_error err;
    assert_int_equal(mw_json_read(MW_VIEW("[1]\0]"), &root, &err), MW_BAD_DATA);
    assert_string_equal(err.where, "byte 3");
    assert_null(root);
}

static void test_depth(void **state)
{
    (void)state;
    char text[100000];
    mw_json *root = NULL;
    mw_error err;
    memset(text, '[', MW_LIMIT_JSON_DEPTH);
    memset(text + MW_LIMIT_JSON_DEPTH, ']', MW_LIMIT_JSON_DEPTH);
    assert_int_equal(mw_json_read((mw_view){text, (size_t)2 * MW_LIMIT_JSON_DEPTH}, &root, &err),
                     MW_OK);
    mw_json_free(root);
    memset(text, '[', sizeof text);
    assert_int_equal(mw_json_read((mw_view){text, sizeof text}, &root, &err), MW_BAD_DATA);
    assert_int_equal(err.code, MW_E_JSON_DEPTH);
    assert_string_equal(err.where, "byte 64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_any_bytes_become_json),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_members_in_order),
        cmocka_unit_test(test_documents_refused),
        cmocka_unit_test(test_a_zero_byte_does_not_end_the_text),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
