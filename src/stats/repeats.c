/* Rows that stand more than once, by their hashes. */
#include "stats.h"

#include <stdlib.h>

#include "base/banned.h"

int mw_hash_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

size_t mw_count_repeats(uint64_t *hashes, size_t n)
{
    size_t n_repeats = 0;
    qsort(hashes, n, sizeof *hashes, mw_hash_order);
    for (size_t i = 1; i < n; i++)
        n_repeats += hashes[i] == hashes[i - 1];
    return n_repeats;
}
