/* The hash by which CatBoost knows categories: CityHash64, version 1.0, low 32 bits.
 * Source: Pike and Alakuijala, CityHash (2011); later versions of it give other numbers. */
#include "table.h"

#include "base/banned.h"

/* Primes between 2^63 and 2^64. */
static const uint64_t prime_0 = 0xc3a5c85c97cb3127, prime_1 = 0xb492b66fbe98f273,
                      prime_2 = 0x9ae16a3b2f90404f, prime_3 = 0xc949d7c7509e6557;

typedef struct hash_pair {
    uint64_t first, second;
} hash_pair;

static uint64_t load64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t load32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t turn(uint64_t value, unsigned bits)
{
    return value >> bits | value << (64 - bits);
}

static uint64_t mix(uint64_t value)
{
    return value ^ value >> 47;
}

static uint64_t join(uint64_t low, uint64_t high)
{
    const uint64_t factor = 0x9ddfea08eb382d69;
    uint64_t a = mix((low ^ high) * factor);
    return mix((high ^ a) * factor) * factor;
}

static uint64_t hash_to_16(const char *s, size_t size)
{
    if (size > 8) {
        uint64_t end = load64(s + size - 8);
        return join(load64(s), turn(end + size, (unsigned)size)) ^ end;
    }
    if (size >= 4)
        return join(size + (load32(s) << 3), load32(s + size - 4));
    if (size == 0)
        return prime_2;
    uint64_t begin = (uint64_t)(unsigned char)s[0] + ((uint64_t)(unsigned char)s[size / 2] << 8);
    uint64_t end = size + ((uint64_t)(unsigned char)s[size - 1] << 2);
    return mix(begin * prime_2 ^ end * prime_3) * prime_2;
}

static uint64_t hash_to_32(const char *s, size_t size)
{
    uint64_t a = load64(s) * prime_1, b = load64(s + 8);
    uint64_t c = load64(s + size - 8) * prime_2, d = load64(s + size - 16) * prime_0;
    return join(turn(a - b, 43) + turn(c, 30) + d, a + turn(b ^ prime_3, 20) - c + size);
}

/* Four words and a start, two words out. */
static hash_pair hash_half(uint64_t start, uint64_t second, uint64_t third, uint64_t last)
{
    uint64_t a = start, b = turn(a + last, 52), c = turn(a, 37);
    a += second;
    c += turn(a, 7);
    a += third;
    return (hash_pair){a + last, b + turn(a, 31) + c};
}

static uint64_t hash_to_64(const char *s, size_t size)
{
    uint64_t start = load64(s) + (size + load64(s + size - 16)) * prime_0;
    hash_pair v = hash_half(start, load64(s + 8), load64(s + 16), load64(s + 24));
    hash_pair w = hash_half(load64(s + 16) + load64(s + size - 32), load64(s + size - 24),
                            load64(s + size - 16), load64(s + size - 8));
    uint64_t r = mix((v.first + w.second) * prime_2 + (w.first + v.second) * prime_0);
    return mix(r * prime_0 + v.second) * prime_2;
}

static hash_pair hash_block(const char *s, uint64_t a, uint64_t b)
{
    uint64_t last = load64(s + 24);
    a += load64(s);
    b = turn(b + a + last, 21);
    uint64_t before = a;
    a += load64(s + 8) + load64(s + 16);
    return (hash_pair){a + last, b + turn(a, 44) + before};
}

static uint64_t hash_long(const char *s, size_t size)
{
    uint64_t x = load64(s), y = load64(s + size - 16) ^ prime_1;
    uint64_t z = load64(s + size - 56) ^ prime_0;
    hash_pair v = hash_block(s + size - 64, size, y);
    hash_pair w = hash_block(s + size - 32, size * prime_1, prime_0);
    z += mix(v.second) * prime_1;
    x = turn(z + x, 39) * prime_1;
    y = turn(y, 33) * prime_1;
    for (size_t left = (size - 1) / 64; left > 0; left--, s += 64) {
        x = turn(x + y + v.first + load64(s + 16), 37) * prime_1 ^ w.second;
        y = turn(y + v.second + load64(s + 48), 42) * prime_1 ^ v.first;
        uint64_t swapped = turn(z ^ w.first, 33);
        v = hash_block(s, v.second * prime_1, x + w.first);
        w = hash_block(s + 32, swapped + w.second, y);
        z = x;
        x = swapped;
    }
    return join(join(v.first, w.first) + mix(y) * prime_1 + z, join(v.second, w.second) + x);
}

uint32_t mw_category_hash(mw_view text)
{
    uint64_t hash = text.size <= 16   ? hash_to_16(text.data, text.size)
                    : text.size <= 32 ? hash_to_32(text.data, text.size)
                    : text.size <= 64 ? hash_to_64(text.data, text.size)
                                      : hash_long(text.data, text.size);
    return (uint32_t)hash;
}
