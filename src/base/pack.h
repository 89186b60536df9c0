/* Numbers as bytes and back, for files of our own.
 *
 *     whole    7 bits a byte, the lowest first: small ones are short
 *     number   the eight bytes of a double        real   the four of a float
 *     text     its length as a whole, its bytes
 *
 * A reader fails once and for good: what it gives from then on is 0, and `failed` says so in the
 * end. Nothing is taken from a number before the bytes that it promises are there. */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "text.h"

/* At the end of `out`, whose `failed` tells in the end. */
void mw_pack_whole(mw_buf *out, uint64_t value);
void mw_pack_number(mw_buf *out, double value);
void mw_pack_numbers(mw_buf *out, const double *values, size_t n);
void mw_pack_real(mw_buf *out, float value);
void mw_pack_text(mw_buf *out, const char *text); /* NULL: an empty one */

/* What is left of the bytes; borrowed. */
typedef struct mw_unpack {
    const uint8_t *at, *end;
    bool failed;
} mw_unpack;

static inline mw_unpack mw_unpack_of(mw_view bytes)
{
    return (mw_unpack){(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.size,
                       false};
}

static inline size_t mw_unpack_left(const mw_unpack *in)
{
    return in->failed ? 0 : (size_t)(in->end - in->at);
}

uint64_t mw_unpack_whole(mw_unpack *in);
/* One that is `most` at most; else it fails. */
uint64_t mw_unpack_at_most(mw_unpack *in, uint64_t most);
double mw_unpack_number(mw_unpack *in);
float mw_unpack_real(mw_unpack *in);
void mw_unpack_numbers(mw_unpack *in, double *ret_values, size_t n);
/* Borrowed; NULL where fewer are left. */
const void *mw_unpack_bytes(mw_unpack *in, size_t size);
/* Of `most` bytes at most; borrowed. */
mw_view mw_unpack_text(mw_unpack *in, size_t most);
/* So many things of `size` bytes or more each follow: how many, or it fails, and there are none. */
size_t mw_unpack_count(mw_unpack *in, size_t most, size_t size);

#endif
