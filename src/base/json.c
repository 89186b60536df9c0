/* JSON text out; small documents in through jansson. */
#include "json.h"

#include <jansson.h>
#include <math.h>

#include "limits.h"
#include "number.h"

#include "banned.h"

/* ---- out ------------------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character at `at`, 0 when none stands there (RFC 3629). */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char mask, lead, size, second_min, second_max, exactly;
    } forms[] = {
        {0x80, 0x00, 1, 0, 0, 0},          {0xe0, 0xc0, 2, 0x80, 0xbf, 0},
        {0xff, 0xe0, 3, 0xa0, 0xbf, 0xe0}, {0xff, 0xed, 3, 0x80, 0x9f, 0xed},
        {0xf0, 0xe0, 3, 0x80, 0xbf, 0},    {0xff, 0xf0, 4, 0x90, 0xbf, 0xf0},
        {0xff, 0xf4, 4, 0x80, 0x8f, 0xf4}, {0xf8, 0xf0, 4, 0x80, 0xbf, 0},
    };
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if ((at[0] & forms[f].mask) != forms[f].lead)
            continue;
        if (forms[f].size > left || at[0] == 0xc0 || at[0] == 0xc1 || at[0] > 0xf4)
            return 0;
        if (forms[f].size > 1 && (at[1] < forms[f].second_min || at[1] > forms[f].second_max))
            return 0;
        for (size_t i = 2; i < forms[f].size; i++)
            if ((at[i] & 0xc0) != 0x80)
                return 0;
        return forms[f].size;
    }
    return 0;
}

static void write_escape(mw_buf *out, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c ? strchr(plain, c) : NULL;
    if (found)
        mw_buf_format(out, "\\%c", letters[found - plain]);
    else
        mw_buf_format(out, "\\u%04x", c);
}

void mw_json_write_text(mw_buf *out, mw_view text)
{
    mw_buf_char(out, '"');
    size_t begin = 0, i = 0;
    while (i < text.size) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
        size_t step = utf8_length((const unsigned char *)text.data + i, text.size - i);
        if (plain && step > 0) {
            i += step;
            continue;
        }
        mw_buf_bytes(out, text.data + begin, i - begin);
        if (plain)
            mw_buf_text(out, "\xef\xbf\xbd"); /* U+FFFD stands for what is not UTF-8 */
        else
            write_escape(out, c);
        begin = ++i;
    }
    mw_buf_bytes(out, text.data + begin, text.size - begin);
    mw_buf_char(out, '"');
}

void mw_json_write_double(mw_buf *out, double value)
{
    if (!isfinite(value)) {
        mw_buf_text(out, "null");
    } else if (mw_buf_reserve(out, MW_NUMBER_TEXT_BYTES)) {
        out->size += mw_number_write_double(out->data + out->size, value, true);
        out->data[out->size] = '\0';
    }
}

void mw_json_write_float(mw_buf *out, float value)
{
    if (!isfinite(value)) {
        mw_buf_text(out, "null");
    } else if (mw_buf_reserve(out, MW_NUMBER_TEXT_BYTES)) {
        out->size += mw_number_write_float(out->data + out->size, value, true);
        out->data[out->size] = '\0';
    }
}

void mw_json_write_int(mw_buf *out, int64_t value)
{
    if (mw_buf_reserve(out, MW_NUMBER_TEXT_BYTES)) {
        out->size += mw_number_write_int(out->data + out->size, value);
        out->data[out->size] = '\0';
    }
}

/* ---- in --------------------------------------------------------------------------------------------- */

mw_status mw_json_read(mw_view text, mw_json **ret_root, mw_error *err)
{
    json_error_t fault;
    json_t *root = json_loadb(text.size ? text.data : "", text.size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (!root) {
        mw_fail(err, MW_E_JSON_SYNTAX, "%s", fault.text);
        mw_at(err, "line %d, column %d", fault.line, fault.column);
        return mw_mend(err, "give JSON as RFC 8259 defines it");
    }
    *ret_root = root;
    return MW_OK;
}

void mw_json_free(mw_json *root)
{
    json_decref(root);
}

const mw_json *mw_json_member(const mw_json *object, const char *key)
{
    return json_object_get(object, key);
}

const mw_json *mw_json_element(const mw_json *array, size_t index)
{
    return json_array_get(array, index);
}

size_t mw_json_count(const mw_json *node)
{
    return json_is_array(node) ? json_array_size(node) : json_object_size(node);
}

bool mw_json_is_object(const mw_json *node)
{
    return json_is_object(node);
}

bool mw_json_is_array(const mw_json *node)
{
    return json_is_array(node);
}

bool mw_json_is_text(const mw_json *node)
{
    return json_is_string(node);
}

mw_view mw_json_text(const mw_json *node)
{
    if (!json_is_string(node))
        return (mw_view){"", 0};
    return (mw_view){json_string_value(node), json_string_length(node)};
}

bool mw_json_number(const mw_json *node, double *ret_value)
{
    if (!json_is_number(node))
        return false;
    *ret_value = json_number_value(node);
    return true;
}

bool mw_json_bool(const mw_json *node, bool fallback)
{
    return json_is_boolean(node) ? json_is_true(node) : fallback;
}
