/* The reader of protocol buffers beside a slow one that follows the format's description word by
 * word: the same fields, the same end. And what was read is written back and read as the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Bits from the lowest on, seven a byte; at most 64 of them may be set. */
static bool slow_varint(const uint8_t *data, size_t size, size_t *at, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned bit = 0; *at < size && bit < 70; bit += 7) {
        unsigned byte = data[(*at)++];
        for (unsigned i = 0; i < 7; i++) {
            if (!(byte >> i & 1))
                continue;
            if (bit + i > 63)
                return false;
            value |= UINT64_C(1) << (bit + i);
        }
        *ret_value = value;
        if (byte < 128)
            return true;
    }
    return false;
}

/* True when a field stands at `at` and is whole; moves behind it. */
static bool slow_field(const uint8_t *data, size_t size, size_t *at, mw_protobuf_field *ret)
{
    uint64_t tag, value = 0;
    if (!slow_varint(data, size, at, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
        return false;
    unsigned type = tag & 7;
    size_t begin = *at, width = type == 1 ? 8 : type == 5 ? 4 : 0;
    if (type == 3 || type == 4 || type > 5)
        return false;
    if (width > 0) {
        if (size - begin < width)
            return false;
        for (size_t i = 0; i < width; i++)
            value |= (uint64_t)data[begin + i] << (8 * i);
        *at = begin + width;
    } else if (!slow_varint(data, size, at, &value)) {
        return false;
    }
    *ret = (mw_protobuf_field){(uint32_t)(tag >> 3), (mw_protobuf_type)type, value, {"", 0}};
    if (type != 2)
        return true;
    if (value > size - *at)
        return false;
    ret->bytes = (mw_view){(const char *)data + *at, (size_t)value};
    *at += (size_t)value;
    return true;
}

static bool is_same(const mw_protobuf_field *a, const mw_protobuf_field *b)
{
    return a->number == b->number && a->type == b->type && a->value == b->value &&
           mw_view_equal(a->bytes, b->bytes);
}

/* Varints and bytes have writers. */
static void write_back(mw_buf *out, const mw_protobuf_field *field)
{
    if (field->type == MW_PROTOBUF_VARINT)
        mw_protobuf_put_number_always(out, field->number, field->value);
    if (field->type == MW_PROTOBUF_BYTES) {
        size_t begin = mw_protobuf_begin(out, field->number);
        mw_buf_view(out, field->bytes);
        mw_protobuf_end(out, begin);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_view message = {(const char *)data, size};
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field, slow;
    mw_protobuf_outcome outcome;
    mw_buf again;
    size_t at = 0;
    mw_buf_init(&again, 4 * size + 64);
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        check(slow_field(data, size, &at, &slow) && is_same(&field, &slow));
        check(rest.at == (const char *)data + at);
        write_back(&again, &field);
    }
    check((outcome == MW_PROTOBUF_END) == (at == size));
    check(outcome == MW_PROTOBUF_END || !slow_field(data, size, &at, &slow));
    check(!again.failed);
    mw_protobuf written = mw_protobuf_of(mw_buf_as_view(&again));
    for (rest = mw_protobuf_of(message); mw_protobuf_next(&rest, &field) == MW_PROTOBUF_FIELD;)
        if (field.type == MW_PROTOBUF_VARINT || field.type == MW_PROTOBUF_BYTES)
            check(mw_protobuf_next(&written, &slow) == MW_PROTOBUF_FIELD && is_same(&field, &slow));
    check(mw_protobuf_next(&written, &slow) == MW_PROTOBUF_END);
    mw_buf_done(&again);
    return 0;
}
