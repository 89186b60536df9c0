/* Rows in the order of a value: a radix sort of keys that carry their row along. Digits that all
 * keys share are passed over, so that whole numbers and shares of few digits take few passes. */
#include "order.h"

#include <stdlib.h>

#include "digits.h"

#include "base/banned.h"

#define SIGN (UINT64_C(1) << 63)

/* Falls as the value rises. */
static uint64_t falling_key(double value)
{
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    return ~(bits ^ ((uint64_t)((int64_t)bits >> 63) | SIGN));
}

void stats_order_falling(const double *values, size_t n, stats_pair *room, uint32_t *ret_rows)
{
    uint32_t counts[DIGITS][BUCKETS]; /* a thread's own cost a library a call in each turn */
    stats_pair *from = room, *to = room + n;
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++) {
        uint64_t key = falling_key(values[i]);
        from[i] = (stats_pair){key, (uint32_t)i};
        for (unsigned d = 0; d < DIGITS; d++)
            counts[d][key >> d * DIGIT_BITS & (BUCKETS - 1)]++;
    }
    for (unsigned d = 0; d < DIGITS; d++) {
        if (!stats_to_places(counts[d], BUCKETS, n))
            continue;
        for (size_t i = 0; i < n; i++)
            to[counts[d][from[i].key >> d * DIGIT_BITS & (BUCKETS - 1)]++] = from[i];
        stats_pair *swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < n; i++)
        ret_rows[i] = from[i].row;
}
