/* So much of a core for work that may be left undone: a share of the time that passes, and a little
 * in advance. */
#ifndef BASE_ALLOWANCE_H
#define BASE_ALLOWANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mw_allowance {
    unsigned percent;  /* of a core */
    uint64_t burst_ns; /* at once, at most */
    int64_t left_ns;   /* below zero: more was spent than there was */
    uint64_t seen_ns;  /* the clock when it was last looked at; 0: never */
} mw_allowance;

/* Whether work may begin; now_ns: mw_clock_ns. */
static inline bool mw_allowance_has(mw_allowance *allowance, uint64_t now_ns)
{
    uint64_t passed = allowance->seen_ns ? now_ns - allowance->seen_ns : UINT64_MAX / 100;
    int64_t most = (int64_t)allowance->burst_ns;
    uint64_t earned = passed / 100 * allowance->percent;
    allowance->seen_ns = now_ns;
    allowance->left_ns = earned >= (uint64_t)(most - allowance->left_ns)
                             ? most
                             : allowance->left_ns + (int64_t)earned;
    return allowance->left_ns > 0;
}

/* It took so long. */
static inline void mw_allowance_spend(mw_allowance *allowance, uint64_t ns)
{
    allowance->left_ns -= (int64_t)ns;
}

/* How many rows to begin with at once, so that whoever waits behind them waits little: of rows that
 * took row_ns each (0: not known yet). */
static inline size_t mw_allowance_rows(uint64_t row_ns, size_t most)
{
    const uint64_t at_once_ns = UINT64_C(20000000);
    uint64_t n = row_ns > 0 ? at_once_ns / row_ns : 1;
    if (n < 1)
        return 1;
    return n < most ? (size_t)n : most;
}

#endif
