/* JSON text out; small documents in through jansson. */
#include "json.h"

#include <jansson.h>
#include <math.h>

#include "number.h"
#include "scan.h"
#include "utf8.h"

#include "banned.h"

/* ---- out ---------------------------------------------------------------------------------------
 */

static void write_escape(mw_buf *out, unsigned char c)
{
    static const char meanings[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = memchr(meanings, c, sizeof meanings - 1);
    if (found)
        mw_buf_format(out, "\\%c", letters[found - meanings]);
    else
        mw_buf_format(out, "\\u%04x", c);
}

void mw_json_write_text(mw_buf *out, mw_view text)
{
    const char *at = text.data, *end = text.data + text.size, *unwritten = at;
    mw_buf_char(out, '"');
    while (at < end) {
        unsigned char c = (unsigned char)*at;
        bool escape = c < 0x20 || c == '"' || c == '\\';
        size_t length = utf8_length(at, end);
        if (!escape && length > 0) {
            at += length;
            continue;
        }
        mw_buf_bytes(out, unwritten, (size_t)(at - unwritten));
        if (escape)
            write_escape(out, c);
        else
            mw_buf_text(out, "\xef\xbf\xbd"); /* U+FFFD stands for a byte that is not UTF-8 */
        unwritten = ++at;
    }
    mw_buf_bytes(out, unwritten, (size_t)(end - unwritten));
    mw_buf_char(out, '"');
}

void mw_json_write_double(mw_buf *out, double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    if (isfinite(value))
        mw_buf_bytes(out, text, mw_number_write_double(text, value, true));
    else
        mw_buf_text(out, "null");
}

void mw_json_write_float(mw_buf *out, float value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    if (isfinite(value))
        mw_buf_bytes(out, text, mw_number_write_float(text, value, true));
    else
        mw_buf_text(out, "null");
}

void mw_json_write_int(mw_buf *out, int64_t value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_int(text, value));
}

static int put_dumped(const char *data, size_t size, void *user)
{
    mw_buf_bytes(user, data, size);
    return 0;
}

void mw_json_write_node(mw_buf *out, const mw_json *node)
{
    enum { FLAGS = JSON_COMPACT | JSON_ENCODE_ANY };
    if (!node || json_dump_callback(node, put_dumped, out, FLAGS) != 0)
        mw_buf_text(out, "null");
}

/* ---- in ----------------------------------------------------------------------------------------
 */

/* jansson recurses; the scanner does not, so it looks at the depth first. What else is wrong
 * jansson says, with line and column: these texts are edited by people. */
static mw_status check_depth(mw_view text, mw_error *err)
{
    mw_scan scan;
    mw_error fault;
    mw_scan_init(&scan, text);
    if (mw_scan_skip(&scan, NULL, &fault) == MW_OK || fault.code != MW_E_JSON_DEPTH)
        return MW_OK;
    if (err)
        *err = fault;
    return fault.status;
}

mw_status mw_json_read(mw_view text, mw_json **ret_root, mw_error *err)
{
    json_error_t fault;
    MW_TRY(check_depth(text, err));
    const char *zero = text.size ? memchr(text.data, '\0', text.size) : NULL;
    if (zero) { /* where jansson would stop and be content */
        mw_fail(err, MW_E_JSON_SYNTAX, "a zero byte");
        mw_at(err, "byte %zu", (size_t)(zero - text.data));
        return mw_mend(err, "give JSON as UTF-8 text");
    }
    json_t *root = json_loadb(text.size ? text.data : "", text.size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (root) {
        *ret_root = root;
        return MW_OK;
    }
    if (json_error_code(&fault) == json_error_out_of_memory)
        return mw_fail_memory(err, "a JSON document");
    mw_fail(err, MW_E_JSON_SYNTAX, "%s", fault.text);
    mw_at(err, "line %d, column %d", fault.line, fault.column);
    return mw_mend(err, "give JSON as RFC 8259 defines it, each key once");
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

/* jansson walks an object that it may change; this one is only read. */
bool mw_json_next(const mw_json *object, void **cursor, mw_view *ret_key, const mw_json **ret_value)
{
    json_t *walked = (json_t *)(uintptr_t)object;
    void *at = *cursor ? json_object_iter_next(walked, *cursor) : json_object_iter(walked);
    if (!at)
        return false;
    *cursor = at;
    *ret_key = (mw_view){json_object_iter_key(at), json_object_iter_key_len(at)};
    *ret_value = json_object_iter_value(at);
    return true;
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

bool mw_json_integer(const mw_json *node, int64_t *ret_value)
{
    if (!json_is_integer(node))
        return false;
    *ret_value = json_integer_value(node);
    return true;
}

bool mw_json_is_bool(const mw_json *node)
{
    return json_is_boolean(node);
}

bool mw_json_is_null(const mw_json *node)
{
    return json_is_null(node);
}

bool mw_json_bool(const mw_json *node, bool fallback)
{
    return json_is_boolean(node) ? json_is_true(node) : fallback;
}
