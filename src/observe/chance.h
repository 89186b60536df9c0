/* Random bits without a system call: xoshiro256** (Blackman, Vigna 2018), seeded by the system.
 * For ids and sampling; not for secrets. One thread each. */
#ifndef OBSERVE_CHANCE_H
#define OBSERVE_CHANCE_H

#include <stdint.h>

typedef struct observe_chance {
    uint64_t state[4];
} observe_chance;

static inline uint64_t observe_rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static inline uint64_t observe_draw(observe_chance *chance)
{
    uint64_t *s = chance->state, drawn = observe_rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = observe_rotate(s[3], 45);
    return drawn;
}

void observe_chance_seed(observe_chance *chance);

#endif
