/* Protocol buffers on the wire: one message's fields, one after another, and back.
 *
 *     tag = field number << 3 | wire type, then
 *       0 varint      1 eight bytes      2 length, bytes      5 four bytes
 *
 * Format: https://protobuf.dev/programming-guides/encoding. A message inside a message is the bytes
 * of a field, and its reader begins anew: nothing here recurses. Groups (types 3 and 4) are
 * refused.
 */
#ifndef BASE_PROTOBUF_H
#define BASE_PROTOBUF_H

#include "text.h"

typedef enum mw_protobuf_type {
    MW_PROTOBUF_VARINT = 0,
    MW_PROTOBUF_FIXED64 = 1,
    MW_PROTOBUF_BYTES = 2,
    MW_PROTOBUF_FIXED32 = 5
} mw_protobuf_type;

/* What is left of a message. */
typedef struct mw_protobuf {
    const char *at, *end;
} mw_protobuf;

typedef struct mw_protobuf_field {
    uint32_t number;
    mw_protobuf_type type;
    uint64_t value; /* of a varint or fixed field; else the length */
    mw_view bytes;  /* of MW_PROTOBUF_BYTES; borrowed. Of a fault: empty, where its length stands */
} mw_protobuf_field;

typedef enum mw_protobuf_outcome {
    MW_PROTOBUF_FIELD,
    MW_PROTOBUF_END,
    MW_PROTOBUF_CUT,    /* a number is cut short, or longer than 64 bits */
    MW_PROTOBUF_LENGTH, /* field->value bytes are announced, fewer are left */
    MW_PROTOBUF_NUMBER, /* no field has this number */
    MW_PROTOBUF_KIND    /* a group, or no wire type at all */
} mw_protobuf_outcome;

static inline mw_protobuf mw_protobuf_of(mw_view message)
{
    return (mw_protobuf){message.data, message.data + message.size};
}

/* The next field. After one of the faults `at` stands behind what was read, and the message is of
 * no further use. */
mw_protobuf_outcome mw_protobuf_next(mw_protobuf *message, mw_protobuf_field *ret_field);

/* Fields that directly follow and begin with the same one-byte tag, as those of a list do that is
 * not packed: passed over, as far as they are whole. How many; what is wrong with the next one, if
 * anything, mw_protobuf_next says. */
size_t mw_protobuf_pass(mw_protobuf *message, uint32_t number, mw_protobuf_type type);

/* Four or eight little-endian bytes. */
static inline uint64_t mw_protobuf_little(const char *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

/* The next varint (seven bits a byte, lowest first), of a packed field for one; false when it is
 * cut short or longer than 64 bits. */
static inline bool mw_protobuf_varint(mw_protobuf *message, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *at = message->at;
    for (unsigned shift = 0; at < message->end && shift < 64; shift += 7) {
        uint64_t byte = (unsigned char)*at++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            message->at = at;
            return true;
        }
    }
    return false;
}

/* The next four or eight bytes of a packed field; false when they are cut short. */
static inline bool mw_protobuf_fixed(mw_protobuf *message, size_t width, uint64_t *ret_value)
{
    if ((size_t)(message->end - message->at) < width)
        return false;
    *ret_value = mw_protobuf_little(message->at, width);
    message->at += width;
    return true;
}

/* ---- writing ---------------------------------------------------------------------------------
 * At the end of `out`, whose `failed` tells in the end. Zeros and empty texts are left out, as
 * proto3 does; the functions with `always` write them, too. */

void mw_protobuf_put_number(mw_buf *out, uint32_t number, uint64_t value);
void mw_protobuf_put_number_always(mw_buf *out, uint32_t number, uint64_t value);
void mw_protobuf_put_bool(mw_buf *out, uint32_t number, bool value);
void mw_protobuf_put_text(mw_buf *out, uint32_t number, mw_view text);
void mw_protobuf_put_text_always(mw_buf *out, uint32_t number, mw_view text);
/* Four or eight little-endian bytes: fixed32, fixed64. */
void mw_protobuf_put_fixed32(mw_buf *out, uint32_t number, uint32_t value);
void mw_protobuf_put_fixed64(mw_buf *out, uint32_t number, uint64_t value);
/* The tag and length of `size` bytes that the caller writes behind. */
void mw_protobuf_put_head(mw_buf *out, uint32_t number, size_t size);
/* int64, packed. */
void mw_protobuf_put_numbers(mw_buf *out, uint32_t number, const int64_t *values, size_t n);
/* A message inside: what is written between the two calls. */
size_t mw_protobuf_begin(mw_buf *out, uint32_t number);
void mw_protobuf_end(mw_buf *out, size_t begin);

#endif
