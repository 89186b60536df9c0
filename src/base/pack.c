/* Varints, doubles and texts of our own files; see pack.h. No length is believed before its bytes
 * are there. */
#include "pack.h"

#include <string.h>

#include "banned.h"

void mw_pack_whole(mw_buf *out, uint64_t value)
{
    while (value >= 0x80) {
        mw_buf_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    mw_buf_char(out, (char)value);
}

void mw_pack_number(mw_buf *out, double value)
{
    mw_buf_bytes(out, &value, sizeof value);
}

void mw_pack_numbers(mw_buf *out, const double *values, size_t n)
{
    mw_buf_bytes(out, values, n * sizeof *values);
}

void mw_pack_real(mw_buf *out, float value)
{
    mw_buf_bytes(out, &value, sizeof value);
}

void mw_pack_text(mw_buf *out, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    mw_pack_whole(out, size);
    mw_buf_bytes(out, text ? text : "", size);
}

uint64_t mw_unpack_whole(mw_unpack *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; !in->failed && in->at < in->end && shift < 64; shift += 7) {
        uint8_t byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    in->failed = true;
    return 0;
}

uint64_t mw_unpack_at_most(mw_unpack *in, uint64_t most)
{
    uint64_t value = mw_unpack_whole(in);
    in->failed = in->failed || value > most;
    return in->failed ? 0 : value;
}

const void *mw_unpack_bytes(mw_unpack *in, size_t size)
{
    const uint8_t *bytes = in->at;
    if (in->failed || (size_t)(in->end - in->at) < size) {
        in->failed = true;
        return NULL;
    }
    in->at += size;
    return bytes;
}

void mw_unpack_numbers(mw_unpack *in, double *ret_values, size_t n)
{
    const void *bytes =
        n <= SIZE_MAX / sizeof *ret_values ? mw_unpack_bytes(in, n * sizeof *ret_values) : NULL;
    if (bytes && n > 0)
        memcpy(ret_values, bytes, n * sizeof *ret_values);
    in->failed = in->failed || !bytes;
}

double mw_unpack_number(mw_unpack *in)
{
    double value = 0;
    mw_unpack_numbers(in, &value, 1);
    return value;
}

float mw_unpack_real(mw_unpack *in)
{
    float value = 0;
    const void *bytes = mw_unpack_bytes(in, sizeof value);
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

mw_view mw_unpack_text(mw_unpack *in, size_t most)
{
    size_t size = (size_t)mw_unpack_at_most(in, most);
    const char *bytes = mw_unpack_bytes(in, size);
    return (mw_view){bytes, bytes ? size : 0};
}

size_t mw_unpack_count(mw_unpack *in, size_t most, size_t size)
{
    size_t n = (size_t)mw_unpack_at_most(in, most);
    in->failed = in->failed || n > (size_t)(in->end - in->at) / size;
    return in->failed ? 0 : n;
}
