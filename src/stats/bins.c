/* Bins of a numeric column, and how many values of a sample fall into each.
 *
 *     quantiles     right-closed: (-inf, e0] (e0, e1] ... (e_last, inf)        ours
 *     histogram     left-closed:  [e0, e1) ... [e_last-1, e_last], equal width  numpy's
 *
 * Counts are differences of positions in the sorted sample: one search an edge. */
#include "stats.h"

#include <math.h>

#include "base/banned.h"

size_t mw_bins_quantiles(const mw_sample *reference, size_t n_bins, bool with_outer,
                         double *ret_edges)
{
    size_t n = 0;
    if (reference->n == 0)
        return 0;
    double least = reference->sorted[0], most = reference->sorted[reference->n - 1];
    double below = nextafter(least, -(double)INFINITY);
    bool crowded = mw_sample_quantile(reference, 1 / (double)n_bins) == least;
    if (with_outer || crowded) /* else what is below a crowd would count as the crowd */
        ret_edges[n++] = below;
    for (size_t k = 1; k < n_bins; k++) {
        double edge = mw_sample_quantile(reference, (double)k / (double)n_bins);
        if (n == 0 || edge > ret_edges[n - 1])
            ret_edges[n++] = edge;
    }
    if (with_outer && (n == 0 || most > ret_edges[n - 1]))
        ret_edges[n++] = most;
    return n;
}

static bool all_whole(const mw_sample *sample)
{
    for (size_t i = 0; i < sample->n; i++)
        if (sample->sorted[i] != trunc(sample->sorted[i]))
            return false;
    return true;
}

/* numpy.linspace(low, high, n + 1) */
static size_t even_edges(double low, double high, double width, double *ret_edges)
{
    if (low == high) { /* numpy makes room on both sides */
        low -= 0.5;
        high += 0.5;
    }
    double wanted = width > 0 ? ceil((high - low) / width) : 1;
    size_t n = wanted >= MW_BINS_MAX ? MW_BINS_MAX : wanted < 1 ? 1 : (size_t)wanted;
    double step = (high - low) / (double)n;
    for (size_t i = 0; i < n; i++)
        ret_edges[i] = (double)i * step + low;
    ret_edges[n] = high;
    return n + 1;
}

size_t mw_bins_sturges(const mw_sample *a, const mw_sample *b, size_t n, double *ret_edges)
{
    if (a->n + b->n == 0)
        return 0;
    double low = (double)INFINITY, high = -(double)INFINITY;
    const mw_sample *both[] = {a, b};
    for (size_t i = 0; i < 2; i++)
        if (both[i]->n > 0) {
            low = fmin(low, both[i]->sorted[0]);
            high = fmax(high, both[i]->sorted[both[i]->n - 1]);
        }
    double width = (high - low) / (log2((double)n) + 1);
    if (width < 1 && all_whole(a) && all_whole(b)) /* numpy: whole numbers are not parted */
        width = 1;
    return even_edges(low, high, width, ret_edges);
}

/* The sum of third powers of standard scores; in lanes, as a vector unit adds them. */
static double third_of(const mw_sample *sample, const mw_spread_of_sample *spread)
{
    double lanes[4] = {0, 0, 0, 0}, per = 1 / spread->deviation;
    for (size_t i = 0; i < sample->n; i++) {
        double z = (sample->sorted[i] - spread->mean) * per;
        lanes[i % 4] += z * z * z;
    }
    return lanes[0] + lanes[1] + (lanes[2] + lanes[3]);
}

size_t mw_bins_doane(const mw_sample *sample, double *ret_edges)
{
    size_t n = sample->n;
    if (n == 0)
        return 0;
    double low = sample->sorted[0], high = sample->sorted[n - 1], width = 0;
    double count = (double)n;
    if (n > 2) {
        mw_spread_of_sample spread = mw_sample_spread(sample);
        double deviation = sqrt(6 * (count - 2) / ((count + 1) * (count + 3))), third = 0;
        if (spread.deviation > 0) {
            third = third_of(sample, &spread) / count;
            width = (high - low) / (1 + log2(count) + log2(1 + fabs(third) / deviation));
        }
    }
    return even_edges(low, high, width, ret_edges);
}

/* How many are below `edge`, or equal to it where `closed`. */
static size_t position_of(const mw_sample *sample, double edge, bool closed)
{
    size_t low = 0, high = sample->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        double value = sample->sorted[middle];
        if (value < edge || (closed && value == edge))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mw_bins_count(const mw_sample *sample, const double *edges, size_t n_edges, double *ret_counts)
{
    size_t last = 0;
    for (size_t i = 0; i < n_edges; i++) {
        size_t at = position_of(sample, edges[i], true);
        ret_counts[i] = (double)(at - last);
        last = at;
    }
    ret_counts[n_edges] = (double)(sample->n - last);
}

void mw_bins_histogram(const mw_sample *sample, const double *edges, size_t n_edges,
                       double *ret_counts)
{
    if (n_edges < 2)
        return;
    size_t last = position_of(sample, edges[0], false);
    for (size_t i = 1; i < n_edges; i++) {
        size_t at = position_of(sample, edges[i], i + 1 == n_edges);
        ret_counts[i - 1] = (double)(at - last);
        last = at;
    }
}

size_t mw_values_count(const mw_sample *reference, const mw_sample *current, double *ret_values,
                       double *ret_reference, double *ret_current, size_t limit)
{
    size_t i = 0, j = 0, n = 0;
    const double *x = reference->sorted, *y = current->sorted;
    while (i < reference->n || j < current->n) {
        double value = j >= current->n || (i < reference->n && x[i] < y[j]) ? x[i] : y[j];
        size_t from_i = i, from_j = j;
        while (i < reference->n && x[i] == value)
            i++;
        while (j < current->n && y[j] == value)
            j++;
        if (n < limit) {
            ret_values[n] = value;
            ret_reference[n] = (double)(i - from_i);
            ret_current[n] = (double)(j - from_j);
        }
        n++;
    }
    return n;
}
