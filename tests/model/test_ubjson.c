/* The UBJSON scanner: each kind of value, skipping, and counts that lie. */
#include "sample.h"

#include "model/ubjson.h"

#define BYTES(literal) ((mw_view){literal, sizeof literal - 1})
#define LONG(byte) "L\0\0\0\0\0\0\0" byte

static const struct number_case {
    const char *name;
    mw_view bytes;
    double expected;
} number_cases[] = {
    {"int8", {"i\xff", 2}, -1},
    {"uint8", {"U\xff", 2}, 255},
    {"int16", {"I\xff\xfe", 3}, -2},
    {"int32", {"l\x80\0\0\0", 5}, -2147483648.0},
    {"int64", {"L\0\0\0\1\0\0\0\0", 9}, 4294967296.0},
    {"float32", {"d\x3f\x80\0\1", 5}, 1.00000011920928955078125},
    {"float64", {"D\xbf\xf0\0\0\0\0\0\0", 9}, -1.0},
};

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(number_cases); i++) {
        const struct number_case *c = &number_cases[i];
        for (size_t size = 0; size <= c->bytes.size; size++) {
            model_ubjson scan;
            mw_error err;
            double value = 0;
            model_ubjson_init(&scan, (mw_view){c->bytes.data, size});
            mw_status status = model_ubjson_number(&scan, &value, &err);
            bool whole = size == c->bytes.size;
            if ((status == MW_OK) != whole || (whole && value != c->expected))
                fail_msg("%s, %zu bytes: status %d, %g", c->name, size, (int)status, value);
        }
    }
}

static void test_integer_is_no_float(void **state)
{
    (void)state;
    model_ubjson scan;
    mw_error err;
    int64_t value;
    model_ubjson_init(&scan, BYTES("d\x3f\x80\0\0"));
    assert_int_equal(model_ubjson_integer(&scan, &value, &err), MW_BAD_DATA);
}

static size_t count_elements(mw_view bytes, mw_status *ret_status, mw_error *err)
{
    model_ubjson scan;
    bool more = true;
    size_t count = 0;
    model_ubjson_init(&scan, bytes);
    *ret_status = model_ubjson_array_begin(&scan, err);
    while (*ret_status == MW_OK) {
        *ret_status = model_ubjson_array_next(&scan, &more, err);
        if (*ret_status != MW_OK || !more)
            break;
        double value;
        *ret_status = model_ubjson_number(&scan, &value, err);
        count++;
    }
    if (*ret_status == MW_OK)
        *ret_status = model_ubjson_end(&scan, err);
    return count;
}

static const struct array_case {
    const char *name;
    mw_view bytes;
    mw_status status;
    size_t count;
} array_cases[] = {
    {"open", BYTES("[i\1U\2]"), MW_OK, 2},
    {"open and empty", BYTES("[]"), MW_OK, 0},
    {"counted", BYTES("[#" LONG("\2") "i\1i\2"), MW_OK, 2},
    {"counted by int8", BYTES("[#i\1i\1"), MW_OK, 1},
    {"typed", BYTES("[$l#" LONG("\2") "\0\0\0\1\0\0\0\2"), MW_OK, 2},
    {"typed and empty", BYTES("[$d#" LONG("\0")), MW_OK, 0},
    {"open, cut", BYTES("[i\1"), MW_BAD_DATA, 1},
    {"counted, cut", BYTES("[#" LONG("\2") "i\1"), MW_BAD_DATA, 1},
    {"typed, cut", BYTES("[$l#" LONG("\2") "\0\0\0\1\0\0\0"), MW_BAD_DATA, 0},
    {"bomb", BYTES("[#L\x7f\xff\xff\xff\xff\xff\xff\xff"), MW_BAD_DATA, 0},
    {"typed bomb", BYTES("[$D#L\x20\0\0\0\0\0\0\1"), MW_BAD_DATA, 0},
    {"negative count", BYTES("[#i\xff"), MW_BAD_DATA, 0},
    {"count is a float", BYTES("[#d\0\0\0\0"), MW_BAD_DATA, 0},
    {"type without count", BYTES("[$l\0\0\0\1]"), MW_BAD_DATA, 0},
    {"type without payload", BYTES("[$T#" LONG("\2")), MW_BAD_DATA, 0},
    {"typed text", BYTES("[$S#" LONG("\1") "S" LONG("\1") "a"), MW_BAD_DATA, 0},
    {"text inside", BYTES("[#" LONG("\1") "S" LONG("\1") "a"), MW_BAD_DATA, 1},
    {"more behind", BYTES("[]i\1"), MW_BAD_DATA, 0},
    {"no array", BYTES("{}"), MW_BAD_DATA, 0},
};

static void test_arrays(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(array_cases); i++) {
        const struct array_case *c = &array_cases[i];
        mw_error err;
        mw_status status;
        size_t count = count_elements(c->bytes, &status, &err);
        if (status != c->status || (status == MW_OK && count != c->count))
            fail_msg("%s: status %d, %zu elements", c->name, (int)status, count);
    }
}

static const struct run_case {
    const char *name;
    mw_view bytes;
    mw_status status;
    bool typed, whole;
    size_t count;
    float last;
} run_cases[] = {
    {"int32", BYTES("[$l#" LONG("\2") "\0\0\0\1\xff\xff\xff\xff"), MW_OK, true, true, 2, -1},
    {"uint8", BYTES("[$U#" LONG("\3") "\1\2\xff"), MW_OK, true, true, 3, 255},
    {"int64", BYTES("[$L#" LONG("\1") "\0\0\0\0\0\0\0\7"), MW_OK, true, true, 1, 7},
    {"float32", BYTES("[$d#" LONG("\1") "\xbf\x80\0\0"), MW_OK, true, false, 1, -1},
    {"float64", BYTES("[$D#" LONG("\1") "\x40\0\0\0\0\0\0\0"), MW_OK, true, false, 1, 2},
    {"empty", BYTES("[$d#" LONG("\0")), MW_OK, true, true, 0, 0},
    {"counted", BYTES("[#" LONG("\1") "i\1"), MW_OK, false, false, 0, 0},
    {"no array", BYTES("i\1"), MW_OK, false, false, 0, 0},
    {"nothing", BYTES(""), MW_OK, false, false, 0, 0},
    {"cut", BYTES("[$l#" LONG("\2") "\0\0\0\1\xff\xff\xff"), MW_BAD_DATA, true, false, 0, 0},
};

static void test_runs(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(run_cases); i++) {
        const struct run_case *c = &run_cases[i];
        model_ubjson scan;
        model_ubjson_run run = {0};
        mw_error err;
        bool typed;
        float floats[4] = {0};
        int64_t integers[4];
        model_ubjson_init(&scan, c->bytes);
        mw_status status = model_ubjson_take_run(&scan, &typed, &run, &err);
        if (status != c->status || typed != c->typed)
            fail_msg("%s: status %d", c->name, (int)status);
        if (status != MW_OK || !typed) {
            assert_ptr_equal(typed ? NULL : scan.at, typed ? NULL : scan.begin);
            continue;
        }
        assert_int_equal(run.count, c->count);
        assert_int_equal(model_ubjson_end(&scan, &err), MW_OK);
        model_ubjson_run_floats(&run, floats);
        assert_true(run.count == 0 || floats[run.count - 1] == c->last);
        assert_int_equal(model_ubjson_run_integers(&run, integers), c->whole);
        assert_true(!c->whole || run.count == 0 || integers[run.count - 1] == (int64_t)c->last);
    }
}

/* {"a": [1, {"b": "x"}], "c": typed, "d": true} "z" */
static const char nested[] = "{" LONG("\1") "a[#" LONG("\2") "i\1{" LONG("\1") "bS" LONG(
    "\1") "x}" LONG("\1") "c[$d#" LONG("\1") "\0\0\0\0" LONG("\1") "dT}";

static void test_skip(void **state)
{
    (void)state;
    mw_view bytes = BYTES(nested);
    for (size_t size = 0; size <= bytes.size; size++) {
        model_ubjson scan;
        mw_error err;
        model_ubjson_init(&scan, (mw_view){bytes.data, size});
        mw_status status = model_ubjson_skip(&scan, &err);
        assert_int_equal(status, size == bytes.size ? MW_OK : MW_BAD_DATA);
        if (status == MW_OK) {
            assert_int_equal(scan.depth, 0);
            assert_int_equal(model_ubjson_end(&scan, &err), MW_OK);
        }
    }
}

static void test_depth(void **state)
{
    (void)state;
    char deep[MW_LIMIT_JSON_DEPTH + 2];
    model_ubjson scan;
    mw_error err;
    memset(deep, '[', sizeof deep);
    model_ubjson_init(&scan, (mw_view){deep, sizeof deep});
    assert_int_equal(model_ubjson_skip(&scan, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.what, "deeper than 64"));
    assert_string_equal(err.where, "byte 65");
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        mw_view bytes;
        mw_status status;
    } cases[] = {
        {BYTES("S" LONG("\2") "\xc3\xa9"), MW_OK},
        {BYTES("S" LONG("\0")), MW_OK},
        {BYTES("S" LONG("\1") "\xc3"), MW_BAD_DATA},
        {BYTES("S" LONG("\3") "\xed\xa0\x80"), MW_BAD_DATA}, /* half of a surrogate pair */
        {BYTES("S" LONG("\2") "\xc0\x80"), MW_BAD_DATA},     /* longer than need be */
        {BYTES("S" LONG("\4") "\xf4\x90\x80\x80"), MW_BAD_DATA},
        {BYTES("S" LONG("\4") "\xf0\x9f\x8c\xb3"), MW_OK},
        {BYTES("SL\x7f\xff\xff\xff\xff\xff\xff\xff"), MW_BAD_DATA},
        {BYTES("i\1"), MW_BAD_DATA},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        model_ubjson scan;
        mw_error err;
        mw_view text;
        model_ubjson_init(&scan, cases[i].bytes);
        if (model_ubjson_string(&scan, &text, &err) != cases[i].status)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_integer_is_no_float),
        cmocka_unit_test(test_arrays),  cmocka_unit_test(test_runs),
        cmocka_unit_test(test_skip),    cmocka_unit_test(test_depth),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
