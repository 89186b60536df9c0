/* The JSON pull scanner. One pass over borrowed text; `at` is always the next unread byte, and on
 * failure the byte that is wrong. Texts are in scan_text.c; the hot paths inline in scan.h. */
#include "scan.h"

#include <math.h>

#include "limits.h"
#include "scan_text.h"

#include "banned.h"

enum {
    EXCERPT_BYTES = 24, /* of a wrong word, shown in messages */
    FOUND_BYTES = EXCERPT_BYTES + 16
};

#define FOUR_BYTES(first, kind) \
    [(first)] = (kind), [(first) + 1] = (kind), [(first) + 2] = (kind), [(first) + 3] = (kind)

const uint8_t scan_kinds[256] = {
    ['{'] = MW_SCAN_OBJECT, ['['] = MW_SCAN_ARRAY,           ['"'] = MW_SCAN_STRING,
    ['t'] = MW_SCAN_TRUE,   ['f'] = MW_SCAN_FALSE,           ['n'] = MW_SCAN_NULL,
    ['-'] = MW_SCAN_NUMBER, FOUR_BYTES('0', MW_SCAN_NUMBER), FOUR_BYTES('4', MW_SCAN_NUMBER),
    ['8'] = MW_SCAN_NUMBER, ['9'] = MW_SCAN_NUMBER,          ['N'] = SCAN_NAN_WORD,
    ['I'] = SCAN_NAN_WORD,
};

void mw_scan_init(mw_scan *scan, mw_view text)
{
    const char *begin = text.data ? text.data : "";
    *scan = (mw_scan){
        .begin = begin, .at = begin, .end = begin + text.size, .depth_max = MW_LIMIT_JSON_DEPTH};
}

/* Indented texts: eight spaces at a time. */
const char *scan_long_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) {
        at++;
        while (end - at >= 8 && memcmp(at, "        ", 8) == 0)
            at += 8;
    }
    return at;
}

const char *mw_scan_kind_name(mw_scan_kind kind)
{
    static const char *const names[] = {
        [MW_SCAN_WRONG] = "a byte that begins no value",
        [MW_SCAN_OBJECT] = "an object",
        [MW_SCAN_ARRAY] = "an array",
        [MW_SCAN_STRING] = "text",
        [MW_SCAN_NUMBER] = "a number",
        [MW_SCAN_TRUE] = "true",
        [MW_SCAN_FALSE] = "false",
        [MW_SCAN_NULL] = "null",
        [MW_SCAN_END] = "the end of the text",
    };
    return names[kind];
}

/* ---- errors ------------------------------------------------------------------------------------
 */

static mw_status fail_here(mw_scan *scan, mw_error *err)
{
    mw_at(err, "byte %zu", (size_t)(scan->at - scan->begin));
    return mw_mend(err, "give JSON as RFC 8259 defines it");
}

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '-' || c == '.' || c == '_';
}

/* The word at the scanner's place: "NaN", "01", "True", or nothing. */
static mw_view word_here(const mw_scan *scan)
{
    const char *at = scan->at;
    while (at < scan->end && is_word_byte(*at))
        at++;
    return (mw_view){scan->at, (size_t)(at - scan->at)};
}

static bool is_sound(const mw_scan *scan, mw_scan_kind kind, mw_view word)
{
    double value;
    switch (kind) {
    case MW_SCAN_WRONG:
        return false;
    case MW_SCAN_NUMBER:
        return mw_number_read(scan->at, scan->end, true, &value) == word.data + word.size;
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
    case MW_SCAN_NULL:
        return mw_view_is(word, mw_scan_kind_name(kind));
    default:
        return true;
    }
}

/* "text", "a number", or, for what is no value, what it looks like: "'01'", "','", "byte 0xff". */
static void describe(mw_scan *scan, char found[FOUND_BYTES])
{
    mw_scan_kind kind = mw_scan_peek(scan);
    mw_view word = word_here(scan);
    if (is_sound(scan, kind, word)) {
        snprintf(found, FOUND_BYTES, "%s", mw_scan_kind_name(kind));
        return;
    }
    unsigned char byte = (unsigned char)*scan->at;
    if (word.size > EXCERPT_BYTES)
        snprintf(found, FOUND_BYTES, "'%.*s...'", EXCERPT_BYTES - 3, word.data);
    else if (word.size > 0)
        snprintf(found, FOUND_BYTES, "'%.*s'", MW_VIEW_ARG(word));
    else if (byte > ' ' && byte < 0x7f)
        snprintf(found, FOUND_BYTES, "'%c'", byte);
    else
        snprintf(found, FOUND_BYTES, "byte 0x%02x", byte);
}

mw_status mw_scan_expected(mw_scan *scan, const char *what, mw_error *err)
{
    char found[FOUND_BYTES];
    describe(scan, found);
    mw_fail(err, MW_E_JSON_SYNTAX, "expected %s, found %s", what, found);
    bool mark = scan->at == scan->begin && scan->end - scan->at >= 3 &&
                memcmp(scan->at, "\xef\xbb\xbf", 3) == 0;
    if (!mark)
        return fail_here(scan, err);
    mw_at(err, "byte 0");
    return mw_mend(err, "save the text as UTF-8 without a byte order mark");
}

/* ---- brackets ----------------------------------------------------------------------------------
 */

static mw_status enter(mw_scan *scan, mw_error *err)
{
    if (scan->depth >= scan->depth_max) {
        mw_fail(err, MW_E_JSON_DEPTH, "nested deeper than %u levels", scan->depth_max);
        mw_at(err, "byte %zu", (size_t)(scan->at - scan->begin));
        return mw_mend(err, "flatten it: nothing that is read here is nested so deeply");
    }
    scan->depth++;
    scan->at++;
    scan->fresh = true;
    return MW_OK;
}

mw_status mw_scan_object_begin(mw_scan *scan, mw_error *err)
{
    if (mw_scan_peek(scan) != MW_SCAN_OBJECT)
        return mw_scan_expected(scan, "an object", err);
    return enter(scan, err);
}

mw_status mw_scan_array_begin(mw_scan *scan, mw_error *err)
{
    if (mw_scan_peek(scan) != MW_SCAN_ARRAY)
        return mw_scan_expected(scan, "an array", err);
    return enter(scan, err);
}

/* Behind an element: ',' and another one, or the closing bracket. */
mw_status scan_next(mw_scan *scan, char closing, bool *ret_more, mw_error *err)
{
    scan_skip_space(scan);
    char c = scan->at < scan->end ? *scan->at : '\0';
    bool more = c != closing;
    if (more && !scan->fresh && c != ',')
        return mw_scan_expected(scan, closing == ']' ? "',' or ']'" : "',' or '}'", err);
    scan->at += !more || !scan->fresh;
    scan->depth -= !more;
    scan->fresh = false;
    *ret_more = more;
    return MW_OK;
}

/* Text, still escaped, and the ':' behind a key. */
static mw_status pass_text(mw_scan *scan, mw_view *ret_raw, bool *ret_escapes, mw_error *err)
{
    if (mw_scan_peek(scan) != MW_SCAN_STRING)
        return mw_scan_expected(scan, "text", err);
    const char *first = scan->at + 1, *fault, *fault_at;
    const char *behind = scan_pass_text(first, scan->end, ret_escapes, &fault, &fault_at);
    if (!behind) {
        scan->at = fault_at;
        mw_fail(err, MW_E_JSON_SYNTAX, "%s", fault);
        return fail_here(scan, err);
    }
    *ret_raw = (mw_view){first, (size_t)(behind - 1 - first)};
    scan->at = behind;
    return MW_OK;
}

static mw_status pass_colon(mw_scan *scan, mw_error *err)
{
    scan_skip_space(scan);
    if (scan->at == scan->end || *scan->at != ':')
        return mw_scan_expected(scan, "':'", err);
    scan->at++;
    return MW_OK;
}

mw_status mw_scan_object_next(mw_scan *scan, mw_arena *arena, mw_view *ret_key, bool *ret_more,
                              mw_error *err)
{
    bool more = false;
    MW_TRY(scan_next(scan, '}', &more, err));
    if (more) {
        MW_TRY(mw_scan_string(scan, arena, ret_key, err));
        MW_TRY(pass_colon(scan, err));
    }
    *ret_more = more;
    return MW_OK;
}

/* ---- values ------------------------------------------------------------------------------------
 */

static bool take_word(mw_scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return false;
    scan->at += size;
    return true;
}

mw_status scan_nan_word(mw_scan *scan, double *ret_value, mw_error *err)
{
    if (scan->allow_nan && take_word(scan, "NaN"))
        *ret_value = NAN;
    else if (scan->allow_nan && take_word(scan, "Infinity"))
        *ret_value = INFINITY;
    else if (scan->allow_nan && take_word(scan, "-Infinity"))
        *ret_value = -INFINITY;
    else
        return mw_scan_expected(scan, "a number", err);
    return MW_OK;
}

/* A number, but not a whole one: its text tells more than its kind. */
static mw_status fail_integer(mw_scan *scan, mw_error *err)
{
    mw_view word = word_here(scan);
    if (!is_sound(scan, mw_scan_peek(scan), word) || word.size == 0 || word.size > EXCERPT_BYTES)
        return mw_scan_expected(scan, "a whole number of at most 64 bits", err);
    mw_fail(err, MW_E_JSON_SYNTAX, "expected a whole number of at most 64 bits, found %.*s",
            MW_VIEW_ARG(word));
    mw_at(err, "byte %zu", (size_t)(scan->at - scan->begin));
    return mw_mend(err, "give it without fraction and exponent, within -2^63 and 2^63 - 1");
}

mw_status mw_scan_integer(mw_scan *scan, int64_t *ret_value, mw_error *err)
{
    scan_skip_space(scan);
    const char *at = scan->at, *end = scan->end;
    bool negative = at < end && *at == '-', fits = true;
    const char *first = at += negative;
    int64_t value = 0; /* counted downwards: the lowest number has no positive twin */
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_sub_overflow(value, *at - '0', &value);
    bool more = at < end && (*at == '.' || *at == 'e' || *at == 'E');
    fits = fits && (negative || value != INT64_MIN);
    if (at == first || (*first == '0' && at - first > 1) || more || !fits)
        return fail_integer(scan, err);
    scan->at = at;
    *ret_value = negative ? value : -value;
    return MW_OK;
}

mw_status mw_scan_bool(mw_scan *scan, bool *ret_value, mw_error *err)
{
    scan_skip_space(scan);
    if (take_word(scan, "true"))
        *ret_value = true;
    else if (take_word(scan, "false"))
        *ret_value = false;
    else
        return mw_scan_expected(scan, "true or false", err);
    return MW_OK;
}

mw_status mw_scan_null(mw_scan *scan, mw_error *err)
{
    scan_skip_space(scan);
    return take_word(scan, "null") ? MW_OK : mw_scan_expected(scan, "null", err);
}

mw_status mw_scan_string(mw_scan *scan, mw_arena *arena, mw_view *ret_text, mw_error *err)
{
    mw_view raw;
    bool escapes = false;
    MW_TRY(pass_text(scan, &raw, &escapes, err));
    if (!escapes) {
        *ret_text = raw;
        return MW_OK;
    }
    if (!arena) {
        scan->at = raw.data;
        mw_fail(err, MW_E_JSON_SYNTAX, "escapes in text that must stand plainly");
        return fail_here(scan, err);
    }
    char *text = mw_arena_take(arena, raw.size);
    if (!text)
        return mw_fail_memory(err, "text with escapes");
    char *behind = scan_decode_text(text, raw.data, raw.data + raw.size);
    *ret_text = (mw_view){text, (size_t)(behind - text)};
    return MW_OK;
}

/* ---- passing over ------------------------------------------------------------------------------
 */

static mw_status skip_plain(mw_scan *scan, mw_scan_kind kind, mw_error *err)
{
    double number;
    bool flag;
    mw_view text;
    switch (kind) {
    case MW_SCAN_STRING:
        return pass_text(scan, &text, &flag, err);
    case MW_SCAN_NUMBER:
        return mw_scan_number(scan, &number, err);
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
        return mw_scan_bool(scan, &flag, err);
    case MW_SCAN_NULL:
        return mw_scan_null(scan, err);
    default:
        return mw_scan_expected(scan, "a value", err);
    }
}

/* To the next value inside the bracket that is open, key passed, or out of it. */
static mw_status skip_to_next(mw_scan *scan, bool object, bool *ret_more, mw_error *err)
{
    if (!object)
        return mw_scan_array_next(scan, ret_more, err);
    mw_view key;
    bool escapes;
    MW_TRY(scan_next(scan, '}', ret_more, err));
    if (*ret_more) {
        MW_TRY(pass_text(scan, &key, &escapes, err));
        MW_TRY(pass_colon(scan, err));
    }
    return MW_OK;
}

/* No recursion: which brackets are open stands in one bit a level. */
static mw_status skip_value(mw_scan *scan, mw_error *err)
{
    const unsigned outside = scan->depth;
    uint64_t objects = 0; /* the newest level is the lowest bit */
    do {
        mw_scan_kind kind = mw_scan_peek(scan);
        if (kind == MW_SCAN_OBJECT || kind == MW_SCAN_ARRAY) {
            MW_TRY(enter(scan, err));
            objects = objects << 1 | (kind == MW_SCAN_OBJECT);
        } else {
            MW_TRY(skip_plain(scan, kind, err));
        }
        for (bool more = false; scan->depth > outside && !more;) {
            MW_TRY(skip_to_next(scan, objects & 1, &more, err));
            objects = more ? objects : objects >> 1;
        }
    } while (scan->depth > outside);
    scan->fresh = false;
    return MW_OK;
}

mw_status mw_scan_skip(mw_scan *scan, mw_view *ret_text, mw_error *err)
{
    enum { BITS = 64 };
    _Static_assert(MW_LIMIT_JSON_DEPTH <= BITS, "one bit a level");
    const unsigned depth_max = scan->depth_max;
    scan_skip_space(scan);
    const char *first = scan->at;
    if (depth_max > scan->depth + BITS)
        scan->depth_max = scan->depth + BITS;
    mw_status status = skip_value(scan, err);
    scan->depth_max = depth_max;
    MW_TRY(status);
    if (ret_text)
        *ret_text = (mw_view){first, (size_t)(scan->at - first)};
    return MW_OK;
}

mw_status mw_scan_end(mw_scan *scan, mw_error *err)
{
    if (mw_scan_peek(scan) != MW_SCAN_END)
        return mw_scan_expected(scan, "the end of the text", err);
    return MW_OK;
}
