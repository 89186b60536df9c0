/* The JSON pull scanner. One pass over borrowed text; `at` is always the next unread byte. */
#include "scan.h"

#include <math.h>

#include "limits.h"
#include "number.h"

#include "banned.h"

void mw_scan_init(mw_scan *scan, mw_view text)
{
    *scan = (mw_scan){.begin = text.data, .at = text.data, .end = text.data + text.size};
}

static inline void skip_space(mw_scan *scan)
{
    const char *at = scan->at;
    while (at < scan->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    scan->at = at;
}

mw_scan_kind mw_scan_peek(mw_scan *scan)
{
    skip_space(scan);
    if (scan->at == scan->end)
        return MW_SCAN_END;
    switch (*scan->at) {
    case '{':
        return MW_SCAN_OBJECT;
    case '[':
        return MW_SCAN_ARRAY;
    case '"':
        return MW_SCAN_STRING;
    case 't':
        return MW_SCAN_TRUE;
    case 'f':
        return MW_SCAN_FALSE;
    case 'n':
        return MW_SCAN_NULL;
    case 'N':
    case 'I':
        return scan->allow_nan ? MW_SCAN_NUMBER : MW_SCAN_WRONG;
    default:
        return *scan->at == '-' || (*scan->at >= '0' && *scan->at <= '9') ? MW_SCAN_NUMBER
                                                                           : MW_SCAN_WRONG;
    }
}

const char *mw_scan_kind_name(mw_scan_kind kind)
{
    static const char *const names[] = {
        [MW_SCAN_OBJECT] = "an object", [MW_SCAN_ARRAY] = "an array",
        [MW_SCAN_STRING] = "text",      [MW_SCAN_NUMBER] = "a number",
        [MW_SCAN_TRUE] = "true",        [MW_SCAN_FALSE] = "false",
        [MW_SCAN_NULL] = "null",        [MW_SCAN_END] = "the end of the text",
        [MW_SCAN_WRONG] = "a byte that begins no value",
    };
    return names[kind];
}

static mw_status fail_here(mw_scan *scan, mw_error *err)
{
    mw_at(err, "byte %zu", (size_t)(scan->at - scan->begin));
    return mw_mend(err, "send JSON as RFC 8259 defines it");
}

mw_status mw_scan_expected(mw_scan *scan, const char *what, mw_error *err)
{
    const char *found = mw_scan_kind_name(mw_scan_peek(scan));
    mw_fail(err, MW_E_JSON_SYNTAX, "expected %s, found %s", what, found);
    return fail_here(scan, err);
}

static mw_status enter(mw_scan *scan, mw_error *err)
{
    if (++scan->depth > MW_LIMIT_JSON_DEPTH) {
        mw_fail(err, MW_E_JSON_DEPTH, "nested deeper than %d levels", MW_LIMIT_JSON_DEPTH);
        return fail_here(scan, err);
    }
    scan->at++;
    scan->fresh = true;
    return MW_OK;
}

mw_status mw_scan_object_begin(mw_scan *scan, mw_error *err)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != '{')
        return mw_scan_expected(scan, "an object", err);
    return enter(scan, err);
}

mw_status mw_scan_array_begin(mw_scan *scan, mw_error *err)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != '[')
        return mw_scan_expected(scan, "an array", err);
    return enter(scan, err);
}

/* Behind an element: ',' and another one, or the closing bracket. */
static mw_status next_element(mw_scan *scan, char closing, bool *ret_more, mw_error *err)
{
    skip_space(scan);
    char c = scan->at < scan->end ? *scan->at : '\0';
    if (c == closing) {
        scan->at++;
        scan->depth--;
        scan->fresh = false;
        *ret_more = false;
        return MW_OK;
    }
    if (!scan->fresh) {
        if (c != ',')
            return mw_scan_expected(scan, closing == ']' ? "',' or ']'" : "',' or '}'", err);
        scan->at++;
    }
    scan->fresh = false;
    *ret_more = true;
    return MW_OK;
}

mw_status mw_scan_array_next(mw_scan *scan, bool *ret_more, mw_error *err)
{
    return next_element(scan, ']', ret_more, err);
}

mw_status mw_scan_object_next(mw_scan *scan, mw_arena *arena, mw_view *ret_key, bool *ret_more,
                              mw_error *err)
{
    MW_TRY(next_element(scan, '}', ret_more, err));
    if (!*ret_more)
        return MW_OK;
    MW_TRY(mw_scan_string(scan, arena, ret_key, err));
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != ':')
        return mw_scan_expected(scan, "':'", err);
    scan->at++;
    return MW_OK;
}

static bool take_word(mw_scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return false;
    scan->at += size;
    return true;
}

static bool take_special(mw_scan *scan, double *ret_value)
{
    if (take_word(scan, "NaN"))
        *ret_value = NAN;
    else if (take_word(scan, "Infinity"))
        *ret_value = INFINITY;
    else if (take_word(scan, "-Infinity"))
        *ret_value = -INFINITY;
    else
        return false;
    return true;
}

mw_status mw_scan_number(mw_scan *scan, double *ret_value, mw_error *err)
{
    skip_space(scan);
    const char *behind = mw_number_read(scan->at, scan->end, true, ret_value);
    if (behind) {
        scan->at = behind;
        return MW_OK;
    }
    if (scan->allow_nan && take_special(scan, ret_value))
        return MW_OK;
    return mw_scan_expected(scan, "a number", err);
}

mw_status mw_scan_integer(mw_scan *scan, int64_t *ret_value, mw_error *err)
{
    skip_space(scan);
    const char *at = scan->at;
    bool negative = at < scan->end && *at == '-';
    at += negative;
    const char *first = at;
    int64_t value = 0;
    bool fits = true;
    for (; at < scan->end && *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';
        fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_sub_overflow(value, digit, &value);
    }
    bool fraction = at < scan->end && (*at == '.' || *at == 'e' || *at == 'E');
    fits = fits && (negative || value != INT64_MIN);
    if (at == first || fraction || !fits || (*first == '0' && at - first > 1))
        return mw_scan_expected(scan, "a whole number of at most 64 bits", err);
    scan->at = at;
    *ret_value = negative ? value : -value;
    return MW_OK;
}

mw_status mw_scan_bool(mw_scan *scan, bool *ret_value, mw_error *err)
{
    skip_space(scan);
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
    skip_space(scan);
    return take_word(scan, "null") ? MW_OK : mw_scan_expected(scan, "null", err);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character at `at` (RFC 3629: no overlong forms, no surrogates), 0 = none. */
static size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
    size_t left = (size_t)(end - at);
    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        return left >= 2 && (at[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((at[0] & 0xf0) == 0xe0) {
        if (left < 3 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80)
            return 0;
        if (at[0] == 0xe0 && at[1] < 0xa0)
            return 0;
        return at[0] == 0xed && at[1] >= 0xa0 ? 0 : 3;
    }
    if (at[0] < 0xf0 || at[0] > 0xf4 || left < 4)
        return 0;
    for (int i = 1; i < 4; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if (at[0] == 0xf0 && at[1] < 0x90)
        return 0;
    return at[0] == 0xf4 && at[1] >= 0x90 ? 0 : 4;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits behind "\u"; -1 when they are not there. */
static int read_hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Length of the escape at `at` (a backslash), its character in *ret_char; 0 when it is wrong. */
static size_t read_escape(const char *at, const char *end, uint32_t *ret_char)
{
    static const char plain[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
    if (end - at < 2)
        return 0;
    const char *found = at[1] ? strchr(plain, at[1]) : NULL;
    if (found) {
        *ret_char = (unsigned char)meaning[found - plain];
        return 2;
    }
    int first = at[1] == 'u' ? read_hex4(at + 2, end) : -1;
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff))
        return 0;
    *ret_char = (uint32_t)first;
    if (first < 0xd800 || first > 0xdbff)
        return 6;
    int second = end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? read_hex4(at + 8, end) : -1;
    if (second < 0xdc00 || second > 0xdfff)
        return 0;
    *ret_char = 0x10000 + (((uint32_t)first - 0xd800) << 10) + ((uint32_t)second - 0xdc00);
    return 12;
}

static char *write_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | (c >> 6));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | (c >> 12));
        *out++ = (char)(0x80 | ((c >> 6) & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | (c >> 18));
        *out++ = (char)(0x80 | ((c >> 12) & 0x3f));
        *out++ = (char)(0x80 | ((c >> 6) & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

static mw_status fail_text(mw_scan *scan, const char *at, const char *what, mw_error *err)
{
    scan->at = at;
    mw_fail(err, MW_E_JSON_SYNTAX, "%s", what);
    return fail_here(scan, err);
}

/* Passes over text from behind the opening quote to behind the closing one, and checks it. */
static mw_status pass_text(mw_scan *scan, bool *ret_escapes, mw_error *err)
{
    const char *at = scan->at, *end = scan->end;
    bool escapes = false;
    for (;;) {
        if (at == end)
            return fail_text(scan, at, "text without a closing quote", err);
        unsigned char c = (unsigned char)*at;
        if (c == '"')
            break;
        if (c < 0x20)
            return fail_text(scan, at, "a control byte inside text", err);
        uint32_t unused;
        size_t step = 1;
        if (c == '\\') {
            step = read_escape(at, end, &unused);
            escapes = true;
        } else if (c >= 0x80) {
            step = utf8_length((const unsigned char *)at, (const unsigned char *)end);
        }
        if (step == 0)
            return fail_text(scan, at, c == '\\' ? "a wrong escape" : "not UTF-8", err);
        at += step;
    }
    scan->at = at + 1;
    *ret_escapes = escapes;
    return MW_OK;
}

mw_status mw_scan_string(mw_scan *scan, mw_arena *arena, mw_view *ret_text, mw_error *err)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != '"')
        return mw_scan_expected(scan, "text", err);
    const char *first = ++scan->at;
    bool escapes = false;
    MW_TRY(pass_text(scan, &escapes, err));
    mw_view raw = {first, (size_t)(scan->at - 1 - first)};
    if (!escapes) {
        *ret_text = raw;
        return MW_OK;
    }
    /* decoded text is never longer than its escaped form */
    char *text = arena ? mw_arena_take(arena, raw.size) : NULL;
    if (!text)
        return mw_fail_memory(err, "text with escapes");
    char *out = text;
    for (const char *at = first; at < first + raw.size;) {
        uint32_t c;
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        at += read_escape(at, scan->end, &c);
        out = write_utf8(out, c);
    }
    *ret_text = (mw_view){text, (size_t)(out - text)};
    return MW_OK;
}

/* ---- passing over ------------------------------------------------------------------------------ */

static mw_status skip_plain(mw_scan *scan, mw_error *err)
{
    double number;
    bool flag, escapes;
    switch (mw_scan_peek(scan)) {
    case MW_SCAN_STRING:
        scan->at++;
        return pass_text(scan, &escapes, err);
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

/* No recursion: which brackets are open stands in one bit a level. */
mw_status mw_scan_skip(mw_scan *scan, mw_view *ret_text, mw_error *err)
{
    _Static_assert(MW_LIMIT_JSON_DEPTH <= 64, "one bit a level");
    skip_space(scan);
    const char *first = scan->at;
    unsigned base = scan->depth;
    uint64_t is_object = 0;
    do {
        mw_scan_kind kind = mw_scan_peek(scan);
        if (kind == MW_SCAN_OBJECT || kind == MW_SCAN_ARRAY) {
            MW_TRY(enter(scan, err));
            uint64_t bit = UINT64_C(1) << (scan->depth - 1);
            is_object = kind == MW_SCAN_OBJECT ? is_object | bit : is_object & ~bit;
        } else {
            MW_TRY(skip_plain(scan, err));
        }
        bool more = false;
        while (scan->depth > base && !more) {
            bool object = is_object >> (scan->depth - 1) & 1;
            MW_TRY(next_element(scan, object ? '}' : ']', &more, err));
            if (!more || !object)
                continue;
            bool escapes;
            skip_space(scan);
            if (scan->at == scan->end || *scan->at != '"')
                return mw_scan_expected(scan, "text", err);
            scan->at++;
            MW_TRY(pass_text(scan, &escapes, err));
            skip_space(scan);
            if (scan->at == scan->end || *scan->at != ':')
                return mw_scan_expected(scan, "':'", err);
            scan->at++;
        }
    } while (scan->depth > base);
    scan->fresh = false;
    if (ret_text)
        *ret_text = (mw_view){first, (size_t)(scan->at - first)};
    return MW_OK;
}

mw_status mw_scan_end(mw_scan *scan, mw_error *err)
{
    skip_space(scan);
    if (scan->at != scan->end)
        return mw_scan_expected(scan, "the end of the text", err);
    return MW_OK;
}
