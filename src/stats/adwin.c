/* ADWIN: a window that grows while nothing changes and drops its past when something did.
 *
 *     row 2   [4][4]          buckets of 2^row values: total and variance; the oldest stand first
 *     row 1   [2][2][2]       a row with one bucket too many merges its two oldest into the next
 * row row 0   [1][1][1][1]
 *
 * Every `clock` values each cut between two buckets is tried: the means on both sides must differ
 * by no more than chance at level delta allows. While one does not hold, the oldest bucket goes.
 *
 * Source: Bifet, Gavalda, Learning from Time-Changing Data with Adaptive Windowing (2007), with the
 * variance of Babcock et al. (2003). Alarms at the same value as River's: sums run in its order. */
#include "detector.h"

#include <float.h>
#include <math.h>

#include "base/banned.h"

static void empty(stats_adwin_row *row)
{
    row->first = row->n = 0;
}

void stats_adwin_reset(stats_adwin *state)
{
    *state = (stats_adwin){.rows = state->rows, .n_rows = 1};
    empty(&state->rows[0]);
}

static double size_of(size_t row)
{
    return (double)(UINT64_C(1) << row);
}

static void push(stats_adwin_row *row, double total, double variance)
{
    if (row->first + row->n == MW_COUNT(row->total)) {
        memmove(row->total, row->total + row->first, row->n * sizeof *row->total);
        memmove(row->variance, row->variance + row->first, row->n * sizeof *row->variance);
        row->first = 0;
    }
    row->total[row->first + row->n] = total;
    row->variance[row->first + row->n++] = variance;
}

static void drop(stats_adwin_row *row, size_t n)
{
    row->first += n;
    row->n -= n;
}

static void merge_oldest(stats_adwin_row *row, stats_adwin_row *next, double size)
{
    const double *total = row->total + row->first, *variance = row->variance + row->first;
    double part = 1 / size; /* a power of two: times it is divided by size, to the bit */
    double gap = total[0] * part - total[1] * part;
    double between = size * size * gap * gap * (part / 2);
    push(next, total[0] + total[1], variance[0] + variance[1] + between);
    drop(row, 2);
}

static void compress(stats_adwin *state, size_t max_buckets)
{
    for (size_t i = 0; i < state->n_rows && state->rows[i].n > max_buckets; i++) {
        if (i + 1 == state->n_rows) {
            if (state->n_rows == STATS_ADWIN_ROWS) { /* 2^48 values: the past has been forgotten */
                drop(&state->rows[i], 1);
                return;
            }
            empty(&state->rows[state->n_rows++]);
        }
        merge_oldest(&state->rows[i], &state->rows[i + 1], size_of(i));
    }
}

static void add_value(stats_adwin *state, double x, size_t max_buckets)
{
    push(&state->rows[0], x, 0);
    state->width += 1;
    if (state->width > 1) {
        double gap = x - state->total / (state->width - 1);
        state->variance += (state->width - 1) * gap * gap / state->width;
    }
    state->total += x;
    state->largest = fabs(x) > state->largest ? fabs(x) : state->largest;
    compress(state, max_buckets);
}

static void drop_oldest(stats_adwin *state)
{
    stats_adwin_row *row = &state->rows[state->n_rows - 1];
    double size = size_of(state->n_rows - 1), mean = row->total[row->first] / size;
    state->width -= size;
    state->total -= row->total[row->first];
    double gap = mean - state->total / state->width;
    state->variance -=
        row->variance[row->first] + size * state->width * gap * gap / (size + state->width);
    drop(row, 1);
    if (row->n == 0 && state->n_rows > 1)
        state->n_rows--;
}

/* Where a window is cut: values before and behind, and their sums. */
typedef struct cut {
    double n0, n1, u0, u1;
} cut;

static double level_of(double width, const mw_detector_options *options)
{
    return log(2 * log(width) / options->delta);
}

/* What may be beyond its bound is found without logarithms, roots and quotients, and nearly nothing
 * is. The bound is at least sqrt(2 s L (1/n0 + 1/n1)), as no window is shorter than 1; times n0 n1,
 * and squared, both sides are products:
 *
 *     (|u0 n1 - u1 n0| + slack)^2 < near n0 n1         within the bound
 *
 * near: 2 s L width, a little less. L rises with the width, slowly: that of a width up to an eighth
 * smaller will do. Slack: what rounding may take away, a few parts in 2^53 of two products, each at
 * most width times the sum of absolute values. */
typedef struct sieve {
    double least, near, slack;
} sieve;

static sieve sieve_of(stats_adwin *state, const mw_detector_options *options)
{
    double width = state->width;
    if (!(width >= state->level_width && width < 1.125 * state->level_width)) {
        state->level_width = width;
        state->level = level_of(width, options);
    }
    double near = 2 * state->variance * state->level * (1 - 1e-9);
    return (sieve){.least = (double)options->min_window,
                   .near = near > DBL_MIN / DBL_EPSILON ? near : 0, /* products lose digits below */
                   .slack = 0x1p-46 * width * (width * state->largest + fabs(state->total))};
}

static inline bool may_differ(const cut *at, const sieve *by)
{
    double gap = fabs(at->u0 * at->n1 - at->u1 * at->n0) + by->slack;
    return !(gap * gap < by->near * at->n0 * at->n1);
}

static bool differs(const cut *at, const stats_adwin *state, const mw_detector_options *options)
{
    double least = (double)options->min_window, level = level_of(state->width, options);
    double parts = 1 / (at->n0 - least + 1) + 1 / (at->n1 - least + 1);
    double bound =
        sqrt(2 * parts * (state->variance / state->width) * level) + 2.0 / 3 * level * parts;
    return fabs(at->u0 / at->n0 - at->u1 / at->n1) > bound;
}

/* True when the oldest bucket should go: some cut does not hold. */
static bool has_cut(stats_adwin *state, const mw_detector_options *options)
{
    sieve by = sieve_of(state, options);
    cut at = {0, state->width, 0, state->total};
    for (size_t i = state->n_rows; i-- > 0;) {
        const stats_adwin_row *row = &state->rows[i];
        const double *total = row->total + row->first;
        double size = size_of(i);
        for (size_t k = 0; k < row->n; k++) {
            at.n0 += size;
            at.n1 -= size;
            at.u0 += total[k];
            at.u1 -= total[k];
            if (i == 0 && k + 1 == row->n)
                return false;
            if (at.n1 >= by.least && at.n0 >= by.least && may_differ(&at, &by) &&
                differs(&at, state, options))
                return true;
        }
    }
    return false;
}

mw_change stats_adwin_add(stats_adwin *state, const mw_detector_options *options, double x)
{
    bool changed = false;
    add_value(state, x, options->max_buckets);
    if (++state->waited < options->clock)
        return MW_STEADY;
    state->waited = 0;
    if (state->width <= (double)options->grace)
        return MW_STEADY;
    while (has_cut(state, options)) {
        changed = true;
        drop_oldest(state);
    }
    return changed ? MW_CHANGED : MW_STEADY;
}
