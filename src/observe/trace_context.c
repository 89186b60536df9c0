/* traceparent and tracestate (https://www.w3.org/TR/trace-context/, § 3.2 and 3.3).
 *
 *     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *     version trace id                    parent id        flags; small hexadecimal digits only
 */
#include "identity.h"

enum {
    VERSION_AT = 0,
    TRACE_AT = 3,
    PARENT_AT = 36,
    FLAGS_AT = 53,
    PARENT_BYTES = 55,
    SAMPLED = 1,
    KEY_BYTES_MAX = 256,
    TENANT_BYTES_MAX = 241,
    SYSTEM_BYTES_MAX = 14,
    VALUE_BYTES_MAX = 256
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False where a digit is none. */
static bool read_hex(const char *text, size_t n_bytes, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= bytes[i];
    return any == 0;
}

bool observe_read_traceparent(mw_view value, observe_trace *ret_trace)
{
    const char *at = value.data;
    uint8_t version, flags;
    observe_trace trace = {.has_parent = true};
    if (value.size < PARENT_BYTES || at[TRACE_AT - 1] != '-' || at[PARENT_AT - 1] != '-' ||
        at[FLAGS_AT - 1] != '-')
        return false;
    if (!read_hex(at + VERSION_AT, 1, &version) || !read_hex(at + FLAGS_AT, 1, &flags) ||
        !read_hex(at + TRACE_AT, sizeof trace.trace_id, trace.trace_id) ||
        !read_hex(at + PARENT_AT, sizeof trace.parent_id, trace.parent_id))
        return false;
    bool is_longer = value.size > PARENT_BYTES;
    if (version == 0xff || (version == 0 && is_longer) || (is_longer && at[PARENT_BYTES] != '-') ||
        is_zero(trace.trace_id, sizeof trace.trace_id) ||
        is_zero(trace.parent_id, sizeof trace.parent_id))
        return false;
    trace.is_sampled = flags & SAMPLED;
    *ret_trace = trace;
    return true;
}

/* ---- tracestate ------------------------------------------------------------------------------ */

static bool is_key_part(mw_view part, size_t bytes_max, bool may_begin_with_digit)
{
    for (size_t i = 0; i < part.size; i++) {
        char c = part.data[i];
        bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
        bool other = c == '_' || c == '-' || c == '*' || c == '/';
        if (i == 0 ? !letter && !(digit && may_begin_with_digit) : !letter && !digit && !other)
            return false;
    }
    return part.size > 0 && part.size <= bytes_max;
}

/* "vendor", or "tenant@system". */
static bool is_key(mw_view key)
{
    const char *at = key.size ? memchr(key.data, '@', key.size) : NULL;
    if (!at)
        return is_key_part(key, KEY_BYTES_MAX, true);
    size_t size = (size_t)(at - key.data);
    return is_key_part((mw_view){key.data, size}, TENANT_BYTES_MAX, true) &&
           is_key_part((mw_view){at + 1, key.size - size - 1}, SYSTEM_BYTES_MAX, false);
}

static bool is_value(mw_view value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < ' ' || value.data[i] > '~' || value.data[i] == ',' ||
            value.data[i] == '=')
            return false;
    return value.size > 0 && value.size <= VALUE_BYTES_MAX && value.data[value.size - 1] != ' ';
}

static mw_view without_blanks(mw_view text)
{
    while (text.size > 0 && (*text.data == ' ' || *text.data == '\t'))
        text = (mw_view){text.data + 1, text.size - 1};
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

bool observe_tracestate_is_sane(mw_view list)
{
    mw_view keys[OBSERVE_TRACESTATE_MEMBERS_MAX];
    size_t n = 0;
    if (list.size > OBSERVE_TRACESTATE_BYTES_MAX)
        return false;
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.data) : list.size, step = size + (comma != 0);
        mw_view member = without_blanks((mw_view){list.data, size});
        list = (mw_view){list.data + step, list.size - step};
        if (member.size == 0)
            continue; /* empty members are allowed */
        const char *equals = memchr(member.data, '=', member.size);
        if (!equals || n == OBSERVE_TRACESTATE_MEMBERS_MAX)
            return false;
        mw_view key = {member.data, (size_t)(equals - member.data)};
        if (!is_key(key) || !is_value((mw_view){equals + 1, member.size - key.size - 1}))
            return false;
        for (size_t i = 0; i < n; i++)
            if (mw_view_equal(keys[i], key))
                return false;
        keys[n++] = key;
    }
    return n > 0;
}
