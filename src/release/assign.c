/* Who gets which version: a hash of a key under the rollout's salt. A new salt each rollout, so
 * that the same people are not always the first. */
#include "release.h"

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t read_word(const void *bytes, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)((const uint8_t *)bytes)[i] << (8 * i);
    return word;
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    mix(v);
    v[0] ^= word;
}

uint64_t mw_assign_hash(const uint8_t salt[MW_SALT_BYTES], mw_view key)
{
    uint64_t k0 = read_word(salt, 8), k1 = read_word(salt + 8, 8);
    uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t whole = key.size & ~(size_t)7;
    for (size_t at = 0; at < whole; at += 8)
        absorb(v, read_word(key.data + at, 8));
    uint64_t rest = whole < key.size ? read_word(key.data + whole, key.size - whole) : 0;
    absorb(v, rest | (uint64_t)(key.size & 0xff) << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t mw_assign_threshold(double share)
{
    if (!(share > 0))
        return 0;
    return share >= 1 ? UINT64_MAX : (uint64_t)(share * 18446744073709551616.0);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mw_salt_read(mw_view text, uint8_t ret_salt[MW_SALT_BYTES])
{
    if (text.size != 2 * MW_SALT_BYTES)
        return false;
    for (size_t i = 0; i < MW_SALT_BYTES; i++) {
        int high = digit_of(text.data[2 * i]), low = digit_of(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_salt[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
