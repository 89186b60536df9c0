/* Times in bins whose width grows with the time: HdrHistogram's idea, one error for all sizes.
 *
 *     ns          0 .. 127     128 .. 255     256 .. 511     512 .. 1023   ...
 *     bin width   1            1              2              4             */
#include "load.h"

enum { SUB_BINS = 1 << MW_LOAD_SUB_BITS };

static size_t bin_of(uint64_t ns)
{
    if (ns < SUB_BINS)
        return (size_t)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - MW_LOAD_SUB_BITS;
    size_t bin = ((size_t)shift << MW_LOAD_SUB_BITS) + (size_t)(ns >> shift);
    return bin < MW_LOAD_N_BINS ? bin : MW_LOAD_N_BINS - 1;
}

/* The largest time of a bin. */
static uint64_t bin_end(size_t bin)
{
    if (bin < SUB_BINS)
        return bin;
    unsigned shift = (unsigned)(bin >> MW_LOAD_SUB_BITS) - 1;
    return ((bin - ((uint64_t)shift << MW_LOAD_SUB_BITS) + 1) << shift) - 1;
}

void mw_load_note(mw_load_histogram *histogram, uint64_t ns)
{
    histogram->bins[bin_of(ns)]++;
    histogram->count++;
    histogram->sum_ns += (double)ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
}

void mw_load_merge(mw_load_histogram *into, const mw_load_histogram *from)
{
    for (size_t i = 0; i < MW_LOAD_N_BINS; i++)
        into->bins[i] += from->bins[i];
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
}

uint64_t mw_load_quantile(const mw_load_histogram *histogram, double share)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < MW_LOAD_N_BINS; i++) {
        seen += histogram->bins[i];
        if (seen > 0 && (double)seen >= share * (double)histogram->count) {
            uint64_t end = bin_end(i);
            return end < histogram->max_ns ? end : histogram->max_ns;
        }
    }
    return 0;
}
