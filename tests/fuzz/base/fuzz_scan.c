/* The JSON scanner beside jansson, on the same bytes: both take a text or both refuse it, and both
 * find the same values in it. */
#include <jansson.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)       \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

static mw_arena arena;

static void compare(mw_scan *scan, const json_t *node);

static void compare_object(mw_scan *scan, const json_t *object)
{
    mw_error err;
    mw_view key;
    bool more = true;
    size_t n = 0;
    MUST(mw_scan_object_begin(scan, &err) == MW_OK);
    for (;; n++) {
        MUST(mw_scan_object_next(scan, &arena, &key, &more, &err) == MW_OK);
        if (!more)
            break;
        const char *name = mw_arena_text(&arena, key);
        const json_t *member = json_object_get(object, name);
        MUST(member);
        compare(scan, member);
    }
    MUST(n == json_object_size(object));
}

static void compare_array(mw_scan *scan, const json_t *array)
{
    mw_error err;
    bool more = true;
    size_t n = 0;
    MUST(mw_scan_array_begin(scan, &err) == MW_OK);
    for (;; n++) {
        MUST(mw_scan_array_next(scan, &more, &err) == MW_OK);
        if (!more)
            break;
        MUST(n < json_array_size(array));
        compare(scan, json_array_get(array, n));
    }
    MUST(n == json_array_size(array));
}

static void compare_number(mw_scan *scan, const json_t *number)
{
    mw_error err;
    double value;
    int64_t whole;
    mw_scan again = *scan;
    MUST(mw_scan_number(scan, &value, &err) == MW_OK);
    MUST(value == json_number_value(number));
    bool is_whole = mw_scan_integer(&again, &whole, &err) == MW_OK;
    MUST(is_whole == json_is_integer(number));
    MUST(!is_whole || whole == json_integer_value(number));
}

static void compare(mw_scan *scan, const json_t *node)
{
    mw_error err;
    mw_view text;
    bool flag;
    switch (mw_scan_peek(scan)) {
    case MW_SCAN_OBJECT:
        MUST(json_is_object(node));
        compare_object(scan, node);
        break;
    case MW_SCAN_ARRAY:
        MUST(json_is_array(node));
        compare_array(scan, node);
        break;
    case MW_SCAN_STRING:
        MUST(json_is_string(node));
        MUST(mw_scan_string(scan, &arena, &text, &err) == MW_OK);
        MUST(text.size == json_string_length(node));
        MUST(memcmp(text.data, json_string_value(node), text.size) == 0);
        break;
    case MW_SCAN_NUMBER:
        MUST(json_is_number(node));
        compare_number(scan, node);
        break;
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
        MUST(mw_scan_bool(scan, &flag, &err) == MW_OK);
        MUST(flag ? json_is_true(node) : json_is_false(node));
        break;
    default:
        MUST(mw_scan_null(scan, &err) == MW_OK);
        MUST(json_is_null(node));
    }
}

/* Where the two differ on purpose: jansson has no infinity, no 65-bit integers, no NUL in keys and
 * here no key twice; the scanner nests less deeply. */
static bool differ_on_purpose(const json_error_t *fault)
{
    enum json_error_code code = json_error_code(fault);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           code == json_error_duplicate_key;
}

static void check(mw_view text)
{
    mw_scan scan;
    mw_error err = {0};
    mw_view whole;
    mw_scan_init(&scan, text);
    mw_status status = mw_scan_skip(&scan, &whole, &err);
    if (status == MW_OK)
        status = mw_scan_end(&scan, &err);
    MUST(status == MW_OK || (err.what[0] && err.where[0] && err.mend[0]));

    if (text.size > 0 && memchr(text.data, '\0', text.size)) { /* the end, for jansson */
        MUST(status != MW_OK);
        return;
    }
    json_error_t fault;
    json_t *root = json_loadb(text.data, text.size,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &fault);
    if (root && status == MW_OK) {
        mw_scan_init(&scan, text);
        compare(&scan, root);
        MUST(mw_scan_end(&scan, &err) == MW_OK);
    } else if (root) {
        MUST(err.code == MW_E_JSON_DEPTH);
    } else {
        MUST(status != MW_OK || differ_on_purpose(&fault));
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *tight = malloc(size ? size : 1);
    MUST(tight);
    if (size > 0)
        memcpy(tight, data, size);
    mw_arena_init(&arena, 65536, 64 * MW_MIB);
    check((mw_view){tight, size});
    mw_arena_done(&arena);
    free(tight);
    return 0;
}
