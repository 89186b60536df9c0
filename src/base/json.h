/* JSON out, and small JSON documents in.
 *
 * Writing is plain text into an mw_buf: the caller writes braces and commas, these write values.
 * Small documents (an MLflow signature, a load request, a test's reply) are read into a tree by
 * jansson, which stays behind this door: strict, exact int64, duplicate keys refused. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "error.h"

/* "text" with quotes and escapes; bytes that are not UTF-8 become U+FFFD. */
void mw_json_write_text(mw_buf *out, mw_view text);
/* Shortest form; NaN and infinities become null. */
void mw_json_write_double(mw_buf *out, double value);
void mw_json_write_float(mw_buf *out, float value);
void mw_json_write_int(mw_buf *out, int64_t value);

typedef struct json_t mw_json; /* a node of a document; borrowed from its root */

/* A node as it was read, without spaces. NULL writes null. */
void mw_json_write_node(mw_buf *out, const mw_json *node);

/* Parse a whole document. Depth and size are limited by the caller's text. ret_root: mw_json_free
 */
MW_CHECKED mw_status mw_json_read(mw_view text, mw_json **ret_root, mw_error *err);
void mw_json_free(mw_json *root);

/* Members and elements; NULL (or the default) when absent or of another kind. */
const mw_json *mw_json_member(const mw_json *object, const char *key);
const mw_json *mw_json_element(const mw_json *array, size_t index);
size_t mw_json_count(const mw_json *array_or_object);
/* The members in their order. *cursor: NULL before the first. False behind the last. */
bool mw_json_next(const mw_json *object, void **cursor, mw_view *ret_key,
                  const mw_json **ret_value);
bool mw_json_is_object(const mw_json *node);
bool mw_json_is_array(const mw_json *node);
bool mw_json_is_text(const mw_json *node);
mw_view mw_json_text(const mw_json *node); /* empty when it is not text */
bool mw_json_number(const mw_json *node, double *ret_value);
/* A number written without fraction and exponent. */
bool mw_json_integer(const mw_json *node, int64_t *ret_value);
bool mw_json_is_bool(const mw_json *node);
bool mw_json_is_null(const mw_json *node); /* the word null, not an absent node */
bool mw_json_bool(const mw_json *node, bool fallback);

#endif
