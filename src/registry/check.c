/* What the record takes: keys, lengths, ids, pages; and the words of refusals. They are MLflow's
 * sentences, since its clients show them. */
#include <ctype.h>
#include <stdarg.h>

#include "record.h"

/* ---- refusals -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static mw_status refuse(mw_error *err, mw_code code,
                                                              const char *format, va_list given)
{
    char text[512];
    vsnprintf(text, sizeof text, format, given);
    return mw_fail(err, code, "%s", text);
}

mw_status record_refuse(mw_error *err, const char *format, ...)
{
    va_list given;
    va_start(given, format);
    mw_status status = refuse(err, MW_E_RECORD_VALUE, format, given);
    va_end(given);
    return status;
}

mw_status record_unknown(mw_error *err, const char *format, ...)
{
    va_list given;
    va_start(given, format);
    mw_status status = refuse(err, MW_E_RECORD_UNKNOWN, format, given);
    va_end(given);
    return status;
}

/* ---- lengths --------------------------------------------------------------------------------- */

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t record_characters(mw_view text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.size; i++)
        n += begins_character(text.data[i]);
    return n;
}

mw_view record_cut(mw_view text, size_t n_characters)
{
    if (text.size <= n_characters)
        return text;
    size_t n = 0, i = 0;
    for (; i < text.size; i++)
        if (begins_character(text.data[i]) && n++ == n_characters)
            break;
    return (mw_view){text.data, i};
}

mw_status record_check_length(mw_view text, size_t max, const char *path, mw_error *err)
{
    size_t n = text.size > max ? record_characters(text) : text.size;
    if (n <= max)
        return MW_OK;
    return record_refuse(err, "'%s' exceeds the maximum length of %zu characters", path, max);
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_key_byte(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || (c && strchr("_-./: ", c));
}

bool record_is_path_normal(mw_view name)
{
    if (name.size == 0 || (name.size >= 2 && name.data[0] == '.' && name.data[1] == '.'))
        return false;
    size_t begin = 0;
    for (size_t i = 0; i <= name.size; i++) {
        if (i < name.size && name.data[i] != '/')
            continue;
        mw_view part = {name.data + begin, i - begin};
        if (part.size == 0 || mw_view_is(part, ".") || mw_view_is(part, ".."))
            return false;
        begin = i + 1;
    }
    return true;
}

mw_status record_check_key(mw_view key, const char *path, mw_error *err)
{
    for (size_t i = 0; i < key.size; i++) {
        if (is_key_byte(key.data[i]))
            continue;
        record_refuse(err,
                      "Invalid value \"%.*s\" for parameter '%s' supplied: Names may only "
                      "contain alphanumerics, underscores (_), dashes (-), periods (.), "
                      "spaces ( ), colon(:) and slashes (/).",
                      (int)(key.size < 60 ? key.size : 60), key.data, path);
        return err ? err->status : MW_BAD_ARGUMENT;
    }
    if (!record_is_path_normal(key)) {
        record_refuse(err,
                      "Invalid value \"%.*s\" for parameter '%s' supplied: Names may be "
                      "treated as files in certain cases, and must not resolve to other names",
                      (int)(key.size < 60 ? key.size : 60), key.data, path);
        return mw_mend(err, "use a name without '.', '..' and empty parts between its slashes");
    }
    return record_check_length(key, RECORD_KEY_MAX, path, err);
}

mw_status record_check_run_id(mw_view run_id, mw_error *err)
{
    bool fits = run_id.size >= 1 && run_id.size <= 256 && isalnum((unsigned char)run_id.data[0]);
    for (size_t i = 0; fits && i < run_id.size; i++)
        fits = isalnum((unsigned char)run_id.data[i]) || run_id.data[i] == '_' ||
               run_id.data[i] == '-';
    if (fits)
        return MW_OK;
    return record_refuse(err, "Invalid run ID: '%.*s'", (int)(run_id.size < 80 ? run_id.size : 80),
                         run_id.data);
}

bool record_number(mw_view text, int64_t *ret_number)
{
    int64_t number = 0;
    bool is_negative = text.size > 0 && text.data[0] == '-';
    size_t at = is_negative;
    if (text.size == at || text.size - at > 18)
        return false;
    for (; at < text.size; at++) {
        if (!isdigit((unsigned char)text.data[at]))
            return false;
        number = 10 * number + (text.data[at] - '0');
    }
    *ret_number = is_negative ? -number : number;
    return true;
}

/* ---- ids and names that are made up ---------------------------------------------------------- */

void record_new_id(char out[RECORD_ID_BYTES])
{
    mw_random_name(out);
}

void record_new_name(char *out, size_t out_bytes)
{
    static const char *const how[] = {
        "amber", "ample", "bold",   "brave",  "brisk",   "calm",   "clever", "crisp",  "deft",
        "eager", "early", "fair",   "fleet",  "fond",    "gentle", "glad",   "golden", "grand",
        "hardy", "keen",  "kind",   "light",  "lively",  "loyal",  "lucid",  "mellow", "merry",
        "mild",  "neat",  "nimble", "noble",  "patient", "plain",  "proud",  "quick",  "quiet",
        "ready", "sage",  "sharp",  "silent", "sleek",   "smooth", "solid",  "stout",  "sunny",
        "swift", "tidy",  "vivid",  "warm",   "witty"};
    static const char *const what[] = {
        "alder",  "badger", "beech", "birch",  "bison",  "brook", "cedar",   "crane", "creek",
        "crow",   "deer",   "dove",  "elm",    "falcon", "fern",  "finch",   "fox",   "grouse",
        "hare",   "hawk",   "heron", "holly",  "ibis",   "jay",   "kestrel", "lake",  "lark",
        "linden", "loon",   "lynx",  "maple",  "marten", "mill",  "moth",    "newt",  "oak",
        "otter",  "owl",    "pine",  "quail",  "raven",  "reed",  "robin",   "rook",  "salmon",
        "stork",  "swan",   "trout", "willow", "wren"};
    uint64_t bits = mw_random_bits();
    snprintf(out, out_bytes, "%s-%s-%u", how[bits % MW_COUNT(how)],
             what[(bits >> 16) % MW_COUNT(what)], (unsigned)((bits >> 40) % 1000));
}

/* ---- pages ----------------------------------------------------------------------------------- */

mw_status record_check_results(int64_t max_results, int64_t most, mw_error *err)
{
    if (max_results >= 1 && max_results <= most)
        return MW_OK;
    return record_refuse(err,
                         "Invalid value %lld for parameter 'max_results' supplied: It must be "
                         "a positive integer of at most %lld",
                         (long long)max_results, (long long)most);
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Tokens are short: text of at most out_bytes - 1 bytes, NUL-ended. */
static bool read_base64(mw_view token, char *out, size_t out_bytes)
{
    uint32_t bits = 0;
    size_t size = 0, n_bits = 0;
    while (token.size > 0 && token.data[token.size - 1] == '=')
        token.size--;
    for (size_t i = 0; i < token.size; i++) {
        const char *found = token.data[i] ? strchr(base64, token.data[i]) : NULL;
        if (!found || size + 1 >= out_bytes)
            return false;
        bits = bits << 6 | (uint32_t)(found - base64);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[size++] = (char)(bits >> n_bits & 0xff);
        }
    }
    out[size] = '\0';
    return true;
}

mw_status record_read_token(mw_view token, int64_t *ret_offset, mw_error *err)
{
    static const char opening[] = "{\"offset\":";
    char text[64];
    *ret_offset = 0;
    if (token.size == 0)
        return MW_OK;
    if (read_base64(token, text, sizeof text) && mw_view_starts(mw_view_of(text), opening)) {
        mw_view digits = mw_view_trim(mw_view_of(text + sizeof opening - 1));
        if (digits.size > 0 && digits.data[digits.size - 1] == '}')
            digits.size--;
        if (record_number(mw_view_trim(digits), ret_offset) && *ret_offset > 0)
            return MW_OK;
    }
    *ret_offset = 0;
    record_refuse(err, "Invalid page token, could not base64-decode");
    return mw_mend(err, "pass the next_page_token of the last answer, as it is");
}

mw_view record_write_token(record_memory *memory, int64_t offset)
{
    char text[48], token[80];
    size_t size = (size_t)snprintf(text, sizeof text, "{\"offset\": %lld}", (long long)offset);
    size_t out = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = (uint32_t)(unsigned char)text[i] << 16;
        bits |= i + 1 < size ? (uint32_t)(unsigned char)text[i + 1] << 8 : 0;
        bits |= i + 2 < size ? (uint32_t)(unsigned char)text[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            token[out++] = i + k <= size ? base64[bits >> (18 - 6 * k) & 63] : '=';
    }
    return record_keep(memory, (mw_view){token, out});
}
