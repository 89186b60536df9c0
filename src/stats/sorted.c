/* Samples in ascending order, and what two of them tell side by side.
 *
 *     values --> whole numbers of a small range: counted
 *     --> places: 2^24 cells of one width from the least to the most
 *     --> two radix passes over places --> almost in order --> insertion
 *            too many moves: keys: whole numbers that order alike
 *            --> radix passes over the top 33 bits of their range --> insertion
 *                       too many moves: passes over all bits --'
 *
 * 100,000 values of a measurement are few to a cell, also with a long tail. Where most of them
 * crowd into few cells, since one is far off, their keys still differ in the first 33 bits, for
 * exponents are the first of these: three passes of 11 bits. Passes over all 64 bits, which take
 * twice the time of that, remain for values that crowd together beside one that is far off. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "digits.h"
#include "insertion.h"

#include "base/banned.h"

enum {
    TOP_DIGITS = 3,
    TOP_BITS = TOP_DIGITS * DIGIT_BITS,
    FEW = 64,
    ROW_BITS = 12,
    ROW = 1 << ROW_BITS,
    CELLS = ROW * ROW,
    MOVES_EACH = 4 /* on average, before insertion is given up */
};

#define SIGN (UINT64_C(1) << 63)

typedef uint64_t __attribute__((may_alias)) word; /* a double in the making */

static uint64_t key_of(double value)
{
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits ^ ((uint64_t)((int64_t)bits >> 63) | SIGN);
}

static double value_of(uint64_t key)
{
    uint64_t bits = key ^ ((uint64_t)((int64_t)~key >> 63) | SIGN);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

STATS_INSERTION(insert_keys, word)
STATS_INSERTION(insert_values, double)

static inline size_t digit_of(uint64_t key, unsigned digit)
{
    return key >> digit * DIGIT_BITS & (BUCKETS - 1);
}

/* Stable passes over n_digits digits above `shift`: the given keys, less `least`, go to `from` and
 * then to and fro; returns where they ended. Inlined for each number of digits, so that the
 * counting is one straight line a key. */
static inline __attribute__((always_inline)) word *pass_digits(const word *given, uint64_t least,
                                                               word *from, word *to, size_t n,
                                                               unsigned shift, unsigned n_digits,
                                                               uint32_t counts[][BUCKETS])
{
    memset(counts, 0, n_digits * sizeof counts[0]);
    for (size_t i = 0; i < n; i++) {
        uint64_t key = given[i] - least;
        from[i] = key;
        key >>= shift;
#pragma GCC unroll 6
        for (unsigned digit = 0; digit < n_digits; digit++)
            counts[digit][digit_of(key, digit)]++;
    }
    for (unsigned digit = 0; digit < n_digits; digit++) {
        uint32_t *places = counts[digit];
        if (!stats_to_places(places, BUCKETS, n))
            continue;
        for (size_t i = 0; i < n; i++) {
            uint64_t key = from[i];
            to[places[digit_of(key >> shift, digit)]++] = key;
        }
        word *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static void move_to(word *keys, const word *from, size_t n)
{
    if (from != keys)
        memcpy(keys, from, n * sizeof *keys);
}

static bool insert_after(word *keys, word *room, size_t n, uint64_t least, unsigned bits)
{
    uint32_t counts[TOP_DIGITS][BUCKETS];
    unsigned shift = bits > TOP_BITS ? bits - TOP_BITS : 0;
    /* from `room`, three passes end in `keys` */
    move_to(keys, pass_digits(keys, least, room, keys, n, shift, TOP_DIGITS, counts), n);
    return insert_keys(keys, n, MOVES_EACH * n);
}

static void pass_all(word *keys, word *room, size_t n)
{
    uint32_t counts[DIGITS][BUCKETS];
    move_to(keys, pass_digits(keys, 0, keys, room, n, 0, DIGITS, counts), n);
}

static void sort_by_key(double *values, size_t n, double *scratch)
{
    word *keys = (word *)(void *)values, *room = (word *)(void *)scratch;
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = key_of(values[i]);
        least = key < least ? key : least;
        most = key > most ? key : most;
        keys[i] = key;
    }
    unsigned bits = n > 0 && most > least ? 64 - (unsigned)__builtin_clzll(most - least) : 0;
    uint64_t base = 0; /* what the keys are above */
    if (bits > 0) {
        base = least;
        if (!insert_after(keys, room, n, least, bits))
            pass_all(keys, room, n);
    }
    for (size_t i = 0; i < n; i++)
        values[i] = value_of(keys[i] + base);
}

/* ---- by place -------------------------------------------------------------------------------- */

typedef struct places {
    double least, scale;
} places;

static inline uint32_t place_of(const places *to, double value)
{
    return (uint32_t)(int32_t)((value - to->least) * to->scale);
}

/* Finite values between `least` and `most`. False: they are in some other order, for crowds. */
static bool sort_by_place(double *values, size_t n, double least, double most, double *scratch)
{
    uint32_t low[ROW] = {0}, high[ROW] = {0};
    places to = {least, (CELLS - 1) / (most - least)};
    if (!isfinite(to.scale) || !isfinite(most - least))
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t place = place_of(&to, values[i]);
        low[place & (ROW - 1)]++;
        high[place >> ROW_BITS]++;
    }
    bool parted = stats_to_places(low, ROW, n);
    if (!stats_to_places(high, ROW, n)) /* all in one row of cells: a crowd */
        return false;
    for (size_t i = 0; parted && i < n; i++)
        scratch[low[place_of(&to, values[i]) & (ROW - 1)]++] = values[i];
    if (!parted)
        memcpy(scratch, values, n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[high[place_of(&to, scratch[i]) >> ROW_BITS]++] = scratch[i];
    return insert_values(values, n, MOVES_EACH * n);
}

/* Whole numbers of a small range are counted, and told again. False: some are not whole, and none
 * has moved. */
static bool sort_by_count(double *values, size_t n, double least, double most)
{
    uint32_t counts[ROW] = {0};
    if (!(most - least < ROW && fabs(least) < INT32_MAX / 2.0))
        return false;
    for (size_t i = 0; i < n; i++) {
        int32_t whole = (int32_t)(values[i] - least);
        if ((double)whole + least != values[i])
            return false;
        counts[whole]++;
    }
    for (size_t i = 0, at = 0; i < ROW && at < n; at += counts[i++])
        for (size_t k = 0; k < counts[i]; k++)
            values[at + k] = least + (double)i;
    return true;
}

static void sort_between(double *values, size_t n, double least, double most, double *scratch)
{
    if (n <= FEW)
        insert_values(values, n, SIZE_MAX);
    else if (least < most && !sort_by_count(values, n, least, most) &&
             !sort_by_place(values, n, least, most, scratch))
        sort_by_key(values, n, scratch);
}

/* ---- samples --------------------------------------------------------------------------------- */

enum { LANES = 4 }; /* side by side: a least waits for the one before */

typedef struct extremes {
    double least, most;
    bool has_nan;
} extremes;

/* Values, -0 as 0, and their extremes; with a NaN the extremes of the rest. */
static extremes take(const double *values, size_t n, ptrdiff_t stride, double *ret)
{
    double least[LANES], most[LANES];
    bool nan[LANES] = {false};
    for (size_t k = 0; k < LANES; k++) {
        least[k] = (double)INFINITY;
        most[k] = -(double)INFINITY;
    }
    for (size_t i = 0; i < n; i += LANES)
        for (size_t k = 0; k < LANES && i + k < n; k++) {
            double value = values[(ptrdiff_t)(i + k) * stride] + 0.0;
            ret[i + k] = value;
            least[k] = value < least[k] ? value : least[k];
            most[k] = value > most[k] ? value : most[k];
            nan[k] |= isnan(value);
        }
    extremes all = {least[0], most[0], nan[0]};
    for (size_t k = 1; k < LANES; k++) {
        all.least = least[k] < all.least ? least[k] : all.least;
        all.most = most[k] > all.most ? most[k] : all.most;
        all.has_nan |= nan[k];
    }
    return all;
}

void mw_sort(double *values, size_t n, double *scratch)
{
    extremes all = take(values, n, 1, values);
    sort_between(values, n, all.least, all.most, scratch);
}

/* The finite ones of room's n move to its begin. */
static extremes drop_others(double *room, size_t n, mw_sample *sample)
{
    for (size_t i = 0; i < n; i++) {
        double value = room[i];
        room[sample->n] = value;
        sample->n += isfinite(value) != 0;
        sample->n_missing += isnan(value) != 0;
    }
    sample->n_infinite = n - sample->n - sample->n_missing;
    return take(room, sample->n, 1, room);
}

mw_sample mw_sample_make(const double *values, size_t n, ptrdiff_t stride, double *room,
                         double *scratch)
{
    mw_sample sample = {.sorted = room};
    extremes all = take(values, n, stride, room);
    if (n > 0 && !all.has_nan && isfinite(all.least) && isfinite(all.most))
        sample.n = n;
    else
        all = drop_others(room, n, &sample);
    sort_between(room, sample.n, all.least, all.most, scratch);
    return sample;
}

size_t mw_sample_distinct(const mw_sample *sample, size_t limit)
{
    size_t n = sample->n > 0;
    for (size_t i = 1; i < sample->n && n <= limit; i++)
        n += sample->sorted[i] != sample->sorted[i - 1];
    return n;
}

/* Sums in four lanes, as a vector unit adds them. */
static double sum_of(const double *values, size_t n, double shift, bool squared)
{
    double lanes[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) {
            double gap = values[i + k] - shift;
            lanes[k] += squared ? gap * gap : gap;
        }
    for (; i < n; i++) {
        double gap = values[i] - shift;
        lanes[0] += squared ? gap * gap : gap;
    }
    return lanes[0] + lanes[1] + (lanes[2] + lanes[3]);
}

mw_spread_of_sample mw_sample_spread(const mw_sample *sample)
{
    size_t n = sample->n;
    if (n == 0)
        return (mw_spread_of_sample){(double)NAN, (double)NAN};
    double middle = sample->sorted[n / 2]; /* near the mean: sums of small numbers lose little */
    double mean = middle + sum_of(sample->sorted, n, middle, false) / (double)n;
    return (mw_spread_of_sample){mean, sqrt(sum_of(sample->sorted, n, mean, true) / (double)n)};
}

double mw_sample_quantile(const mw_sample *sample, double q)
{
    if (sample->n == 0)
        return (double)NAN;
    double at = q * (double)(sample->n - 1);
    size_t i = (size_t)at;
    double low = sample->sorted[i], part = at - (double)i;
    return part > 0 ? low + part * (sample->sorted[i + 1] - low) : low;
}

/* ---- two samples ----------------------------------------------------------------------------- */

/* Both are walked at once. Which side steps is noise to a branch predictor, so nothing branches on
 * it; a gap counts only where no equal value is left to step over. */
double mw_ks_distance(const mw_sample *a, const mw_sample *b)
{
    const double *x = a->sorted, *y = b->sorted;
    size_t n = a->n, m = b->n, i = 0, j = 0;
    int64_t peak = 0, gap = 0;
    if (n == 0 || m == 0)
        return (double)NAN;
    while (i < n && j < m) {
        double left = x[i], right = y[j], least = left < right ? left : right;
        int64_t steps_left = left <= least, steps_right = right <= least;
        i += (size_t)steps_left;
        j += (size_t)steps_right;
        gap += steps_left * (int64_t)m - steps_right * (int64_t)n;
        /* The arrays have room for one more, which is never read as a value: see below. */
        int64_t open = (i < n && x[i] <= least) | (j < m && y[j] <= least);
        int64_t size = gap < 0 ? -gap : gap;
        size = open ? 0 : size;
        peak = size > peak ? size : peak;
    }
    if (i == n && j < m) { /* equal values that are left over */
        while (j < m && y[j] <= x[n - 1])
            j++;
        int64_t size = (int64_t)((m - j) * n);
        peak = size > peak ? size : peak;
    } else if (j == m && i < n) {
        while (i < n && x[i] <= y[m - 1])
            i++;
        int64_t size = (int64_t)((n - i) * m);
        peak = size > peak ? size : peak;
    }
    return (double)peak / ((double)n * (double)m);
}

static double equal_wasserstein(const double *x, const double *y, size_t n)
{
    double sums[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            sums[k] += fabs(x[i + k] - y[i + k]);
    for (; i < n; i++)
        sums[0] += fabs(x[i] - y[i]);
    return (sums[0] + sums[1] + (sums[2] + sums[3])) / (double)n;
}

/* The integral over the shares: between two steps of either side both quantiles stand still. */
double mw_wasserstein(const mw_sample *a, const mw_sample *b)
{
    const double *x = a->sorted, *y = b->sorted;
    size_t n = a->n, m = b->n, i = 0, j = 0;
    if (n == 0 || m == 0)
        return (double)NAN;
    if (n == m)
        return equal_wasserstein(x, y, n);
    double sum = 0;
    uint64_t at = 0; /* in parts of 1 / (n m) */
    while (i < n && j < m) {
        uint64_t end_x = (uint64_t)(i + 1) * m, end_y = (uint64_t)(j + 1) * n;
        uint64_t end = end_x < end_y ? end_x : end_y;
        sum += (double)(end - at) * fabs(x[i] - y[j]);
        i += end_x == end;
        j += end_y == end;
        at = end;
    }
    return sum / ((double)n * (double)m);
}
