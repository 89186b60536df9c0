/* Chance by a seed, for tests: SplitMix64 (Steele, Lea, Flood 2014). */
#ifndef TESTS_CHANCE_H
#define TESTS_CHANCE_H

#include <stdint.h>

/* The next 64 bits. */
static inline uint64_t test_draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* In [0, 1). */
static inline double test_chance(uint64_t *state)
{
    return (double)(test_draw(state) >> 11) * 0x1p-53;
}

#endif
