/* Fields of a message; see protobuf.h. Every length is held against the bytes that are left. */
#include "protobuf.h"

enum { VARINT_BYTES_MAX = 10 };

/* ---- reading --------------------------------------------------------------------------------- */

static mw_protobuf_outcome take_bytes(mw_protobuf *message, mw_protobuf_field *field)
{
    field->bytes = (mw_view){message->at, 0};
    if (!mw_protobuf_varint(message, &field->value))
        return MW_PROTOBUF_CUT;
    if (field->value > (uint64_t)(message->end - message->at))
        return MW_PROTOBUF_LENGTH;
    field->bytes = (mw_view){message->at, (size_t)field->value};
    message->at += field->value;
    return MW_PROTOBUF_FIELD;
}

mw_protobuf_outcome mw_protobuf_next(mw_protobuf *message, mw_protobuf_field *field)
{
    enum { FOUR = 4, EIGHT = 8 };
    uint64_t tag;
    if (message->at == message->end)
        return MW_PROTOBUF_END;
    if (!mw_protobuf_varint(message, &tag))
        return MW_PROTOBUF_CUT;
    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return MW_PROTOBUF_NUMBER;
    *field = (mw_protobuf_field){
        .number = (uint32_t)(tag >> 3), .type = (mw_protobuf_type)(tag & 7), .bytes = {"", 0}};
    switch (field->type) {
    case MW_PROTOBUF_VARINT:
        return mw_protobuf_varint(message, &field->value) ? MW_PROTOBUF_FIELD : MW_PROTOBUF_CUT;
    case MW_PROTOBUF_FIXED64:
        return mw_protobuf_fixed(message, EIGHT, &field->value) ? MW_PROTOBUF_FIELD
                                                                : MW_PROTOBUF_CUT;
    case MW_PROTOBUF_FIXED32:
        return mw_protobuf_fixed(message, FOUR, &field->value) ? MW_PROTOBUF_FIELD
                                                               : MW_PROTOBUF_CUT;
    case MW_PROTOBUF_BYTES:
        return take_bytes(message, field);
    }
    return MW_PROTOBUF_KIND;
}

static bool pass_one(mw_protobuf *message, mw_protobuf_type type)
{
    uint64_t value;
    mw_protobuf_field field;
    switch (type) {
    case MW_PROTOBUF_VARINT:
        return mw_protobuf_varint(message, &value);
    case MW_PROTOBUF_FIXED64:
        return mw_protobuf_fixed(message, sizeof(uint64_t), &value);
    case MW_PROTOBUF_FIXED32:
        return mw_protobuf_fixed(message, sizeof(uint32_t), &value);
    case MW_PROTOBUF_BYTES:
        break;
    }
    return take_bytes(message, &field) == MW_PROTOBUF_FIELD;
}

size_t mw_protobuf_pass(mw_protobuf *message, uint32_t number, mw_protobuf_type type)
{
    unsigned char tag = (unsigned char)(number << 3 | type);
    size_t count = 0;
    while (message->at < message->end && (unsigned char)*message->at == tag) {
        mw_protobuf rest = {message->at + 1, message->end};
        if (!pass_one(&rest, type))
            break;
        *message = rest;
        count++;
    }
    return count;
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t encode(uint64_t value, char text[VARINT_BYTES_MAX])
{
    size_t n = 0;
    while (value >= 0x80) {
        text[n++] = (char)(value | 0x80);
        value >>= 7;
    }
    text[n++] = (char)value;
    return n;
}

static void put_varint(mw_buf *out, uint64_t value)
{
    char text[VARINT_BYTES_MAX];
    mw_buf_bytes(out, text, encode(value, text));
}

static void put_tag(mw_buf *out, uint32_t number, mw_protobuf_type type)
{
    put_varint(out, (uint64_t)number << 3 | type);
}

void mw_protobuf_put_number_always(mw_buf *out, uint32_t number, uint64_t value)
{
    put_tag(out, number, MW_PROTOBUF_VARINT);
    put_varint(out, value);
}

void mw_protobuf_put_number(mw_buf *out, uint32_t number, uint64_t value)
{
    if (value != 0)
        mw_protobuf_put_number_always(out, number, value);
}

static void put_little(mw_buf *out, uint64_t value, size_t width)
{
    char bytes[sizeof value];
    for (size_t i = 0; i < width; i++)
        bytes[i] = (char)(value >> (8 * i));
    mw_buf_bytes(out, bytes, width);
}

void mw_protobuf_put_fixed32(mw_buf *out, uint32_t number, uint32_t value)
{
    if (value == 0)
        return;
    put_tag(out, number, MW_PROTOBUF_FIXED32);
    put_little(out, value, sizeof value);
}

void mw_protobuf_put_fixed64(mw_buf *out, uint32_t number, uint64_t value)
{
    if (value == 0)
        return;
    put_tag(out, number, MW_PROTOBUF_FIXED64);
    put_little(out, value, sizeof value);
}

void mw_protobuf_put_bool(mw_buf *out, uint32_t number, bool value)
{
    mw_protobuf_put_number(out, number, value);
}

void mw_protobuf_put_head(mw_buf *out, uint32_t number, size_t size)
{
    put_tag(out, number, MW_PROTOBUF_BYTES);
    put_varint(out, size);
}

void mw_protobuf_put_text_always(mw_buf *out, uint32_t number, mw_view text)
{
    mw_protobuf_put_head(out, number, text.size);
    mw_buf_view(out, text);
}

void mw_protobuf_put_text(mw_buf *out, uint32_t number, mw_view text)
{
    if (text.size > 0)
        mw_protobuf_put_text_always(out, number, text);
}

void mw_protobuf_put_numbers(mw_buf *out, uint32_t number, const int64_t *values, size_t n)
{
    if (n == 0)
        return;
    size_t begin = mw_protobuf_begin(out, number);
    for (size_t i = 0; i < n; i++)
        put_varint(out, (uint64_t)values[i]);
    mw_protobuf_end(out, begin);
}

size_t mw_protobuf_begin(mw_buf *out, uint32_t number)
{
    put_tag(out, number, MW_PROTOBUF_BYTES);
    return out->size;
}

/* The length goes in front of what was written: that moves up by its bytes. */
void mw_protobuf_end(mw_buf *out, size_t begin)
{
    char text[VARINT_BYTES_MAX];
    if (out->failed)
        return;
    size_t size = out->size - begin, n = encode(size, text);
    mw_buf_bytes(out, text, n); /* room */
    if (out->failed)
        return;
    memmove(out->data + begin + n, out->data + begin, size);
    memcpy(out->data + begin, text, n);
}
