/* Between the sorts of this room: digits of 11 bits, the lowest first. */
#ifndef STATS_DIGITS_H
#define STATS_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGIT_BITS = 11, DIGITS = 6, BUCKETS = 1 << DIGIT_BITS };

/* Counts of a digit become places; false when one bucket holds all n: the pass would move nothing.
 */
static inline bool stats_to_places(uint32_t *counts, size_t n_buckets, size_t n)
{
    uint32_t at = 0;
    for (size_t i = 0; i < n_buckets; i++) {
        uint32_t count = counts[i];
        if (count == n)
            return false;
        counts[i] = at;
        at += count;
    }
    return true;
}

#endif
