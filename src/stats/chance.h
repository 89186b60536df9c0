/* Behind the door: chance by a seed, so that equal input gives equal bits. SplitMix64 (Steele, Lea,
 * Flood 2014). */
#ifndef STATS_CHANCE_H
#define STATS_CHANCE_H

#include "stats.h"

/* The next 64 bits. */
static inline uint64_t stats_draw(uint64_t *state)
{
    return mw_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

#endif
