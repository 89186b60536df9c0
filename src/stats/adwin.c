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

#include <math.h>

#include "base/banned.h"

void stats_adwin_reset(stats_adwin *state)
{
    *state = (stats_adwin){.rows = state->rows, .n_rows = 1};
    state->rows[0].n = 0;
}

static double size_of(size_t row)
{
    return (double)(UINT64_C(1) << row);
}

static void push(stats_adwin_row *row, double total, double variance)
{
    row->total[row->n] = total;
    row->variance[row->n++] = variance;
}

static void drop(stats_adwin_row *row, size_t n)
{
    row->n -= n;
    memmove(row->total, row->total + n, row->n * sizeof *row->total);
    memmove(row->variance, row->variance + n, row->n * sizeof *row->variance);
}

static void merge_oldest(stats_adwin_row *row, stats_adwin_row *next, double size)
{
    double gap = row->total[0] / size - row->total[1] / size;
    double between = size * size * gap * gap / (size + size);
    push(next, row->total[0] + row->total[1], row->variance[0] + row->variance[1] + between);
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
            state->rows[state->n_rows++].n = 0;
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
    compress(state, max_buckets);
}

static void drop_oldest(stats_adwin *state)
{
    stats_adwin_row *row = &state->rows[state->n_rows - 1];
    double size = size_of(state->n_rows - 1), mean = row->total[0] / size;
    state->width -= size;
    state->total -= row->total[0];
    double gap = mean - state->total / state->width;
    state->variance -= row->variance[0] + size * state->width * gap * gap / (size + state->width);
    drop(row, 1);
    if (row->n == 0 && state->n_rows > 1)
        state->n_rows--;
}

/* True when the oldest bucket should go: some cut does not hold. */
static bool has_cut(const stats_adwin *state, const mw_detector_options *options)
{
    double n0 = 0, n1 = state->width, u0 = 0, u1 = state->total;
    double least = (double)options->min_window, spread = state->variance / state->width;
    double level = log(2 * log(state->width) / options->delta);
    for (size_t i = state->n_rows; i-- > 0;) {
        const stats_adwin_row *row = &state->rows[i];
        double size = size_of(i);
        for (size_t k = 0; k < row->n; k++) {
            n0 += size;
            n1 -= size;
            u0 += row->total[k];
            u1 -= row->total[k];
            if (i == 0 && k + 1 == row->n)
                return false;
            if (n1 < least || n0 < least)
                continue;
            double parts = 1 / (n0 - least + 1) + 1 / (n1 - least + 1);
            double bound = sqrt(2 * parts * spread * level) + 2.0 / 3 * level * parts;
            if (fabs(u0 / n0 - u1 / n1) > bound)
                return true;
        }
    }
    return false;
}

mw_change stats_adwin_add(stats_adwin *state, const mw_detector_options *options, double x)
{
    bool changed = false;
    add_value(state, x, options->max_buckets);
    if (++state->ticks % options->clock != 0 || state->width <= (double)options->grace)
        return MW_STEADY;
    while (has_cut(state, options)) {
        changed = true;
        drop_oldest(state);
    }
    return changed ? MW_CHANGED : MW_STEADY;
}
