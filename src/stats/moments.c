/* Moments of a stream in one pass.
 *
 * Blocks of values are summed about a value of their own, then merged by Pebay's formulas: blocks
 * keep the additions short, and the merge never subtracts two large squares.
 *
 * Source: Pebay, Formulas for Robust, One-Pass Parallel Computation of Covariances and
 * Arbitrary-Order Statistical Moments (2008), equations for pairwise merging. */
#include "stats.h"

#include <math.h>

#include "base/banned.h"

enum { BLOCK = 256 };

void mw_moments_init(mw_moments *moments)
{
    *moments = (mw_moments){.least = (double)INFINITY, .most = -(double)INFINITY};
}

void mw_moments_weigh(mw_moments *moments, double weight)
{
    double *const sums[] = {&moments->n,  &moments->missing, &moments->m2,
                            &moments->m3, &moments->m4};
    for (size_t i = 0; i < MW_COUNT(sums); i++)
        *sums[i] *= weight;
}

void mw_moments_merge(mw_moments *into, const mw_moments *from)
{
    double a = into->n, b = from->n, n = a + b, missing = into->missing + from->missing;
    if (b == 0 || a == 0) {
        if (a == 0)
            *into = *from;
        into->missing = missing;
        return;
    }
    double gap = from->mean - into->mean, part = gap / n, part2 = part * part;
    mw_moments both = {.n = n,
                       .missing = missing,
                       .least = fmin(into->least, from->least),
                       .most = fmax(into->most, from->most)};
    both.mean = into->mean + b * part;
    both.m2 = into->m2 + from->m2 + a * b * gap * part;
    both.m3 = into->m3 + from->m3 + a * b * (a - b) * gap * part2 +
              3 * part * (a * from->m2 - b * into->m2);
    both.m4 = into->m4 + from->m4 + a * b * (a * a - a * b + b * b) * gap * part * part2 +
              6 * part2 * (a * a * from->m2 + b * b * into->m2) +
              4 * part * (a * from->m3 - b * into->m3);
    *into = both;
}

static void add_block(mw_moments *moments, const double *values, size_t n)
{
    mw_moments block;
    double sum = 0;
    mw_moments_init(&block);
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
        block.least = fmin(block.least, values[i]);
        block.most = fmax(block.most, values[i]);
    }
    block.n = (double)n;
    block.mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        double gap = values[i] - block.mean, square = gap * gap;
        block.m2 += square;
        block.m3 += square * gap;
        block.m4 += square * square;
    }
    mw_moments_merge(moments, &block);
}

void mw_moments_add(mw_moments *moments, const double *values, size_t n)
{
    double block[BLOCK];
    size_t held = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) {
            moments->missing++;
            continue;
        }
        block[held++] = values[i];
        if (held == BLOCK) {
            add_block(moments, block, held);
            held = 0;
        }
    }
    if (held > 0)
        add_block(moments, block, held);
}

double mw_moments_variance(const mw_moments *moments)
{
    return moments->n > 0 ? moments->m2 / moments->n : (double)NAN;
}

double mw_moments_skewness(const mw_moments *moments)
{
    double variance = mw_moments_variance(moments);
    return variance > 0 ? moments->m3 / moments->n / (variance * sqrt(variance)) : (double)NAN;
}

double mw_moments_kurtosis(const mw_moments *moments)
{
    double variance = mw_moments_variance(moments);
    return variance > 0 ? moments->m4 / moments->n / (variance * variance) - 3 : (double)NAN;
}

void mw_moments_pack(const mw_moments *m, mw_buf *out)
{
    const double numbers[] = {m->n, m->missing, m->least, m->most, m->mean, m->m2, m->m3, m->m4};
    mw_pack_numbers(out, numbers, MW_COUNT(numbers));
}

bool mw_moments_unpack(mw_unpack *in, mw_moments *ret_moments)
{
    mw_moments m;
    double *const numbers[] = {&m.n, &m.missing, &m.least, &m.most, &m.mean, &m.m2, &m.m3, &m.m4};
    for (size_t i = 0; i < MW_COUNT(numbers); i++)
        *numbers[i] = mw_unpack_number(in);
    bool are_counts = m.n >= 0 && m.n < 1e18 && m.missing >= 0 && m.missing < 1e18;
    if (!in->failed && are_counts)
        *ret_moments = m;
    return !in->failed && are_counts;
}
