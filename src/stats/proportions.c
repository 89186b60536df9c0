/* Intervals and tests of proportions, and the adjustment of several tests at once. Sources stand in
 * stats.h. */
#include "special.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define Z95 1.959963984540054 /* the normal law's 97.5 % quantile */

mw_interval mw_wilson(double k, double n)
{
    double z2 = Z95 * Z95;
    if (!(n > 0))
        return (mw_interval){(double)NAN, (double)NAN};
    double centre = (k + z2 / 2) / (n + z2);
    double half = Z95 / (n + z2) * sqrt(k * (n - k) / n + z2 / 4);
    return (mw_interval){k > 0 ? centre - half : 0, k < n ? centre + half : 1};
}

mw_interval mw_newcombe(double k1, double n1, double k2, double n2)
{
    double p1 = k1 / n1, p2 = k2 / n2;
    mw_interval a = mw_wilson(k1, n1), b = mw_wilson(k2, n2);
    double below = sqrt((p1 - a.low) * (p1 - a.low) + (b.high - p2) * (b.high - p2));
    double above = sqrt((a.high - p1) * (a.high - p1) + (p2 - b.low) * (p2 - b.low));
    return (mw_interval){p1 - p2 - below, p1 - p2 + above};
}

/* Of means, whatever they are of: asymptotic (Waudby-Smith and others 2021). */
double mw_mean_half_width(double v, double tau, double alpha)
{
    double t2 = tau * tau;
    return sqrt(v * (v + t2) / t2 * log((v + t2) / (v * alpha * alpha)));
}

/* ---- Fisher ---------------------------------------------------------------------------------- */

/* The hypergeometric law over x of n1, with k1 + k2 marked among n1 + n2. From the table at hand
 * outwards, each from its neighbour. */
double mw_fisher_exact(double k1, double n1, double k2, double n2)
{
    enum { SLACK_EXPONENT = 7 };
    double marked = k1 + k2, slack = 1 + pow(10, -SLACK_EXPONENT);
    double least = fmax(0, marked - n2), most = fmin(n1, marked), sum = 0;
    double here =
        stats_log_choose(n1, k1) + stats_log_choose(n2, k2) - stats_log_choose(n1 + n2, marked);
    if (n1 <= 0 || n2 <= 0 || most <= least)
        return 1;
    double relative = 1; /* probability of x over that of k1 */
    for (double x = k1; x >= least; x--) {
        sum += relative <= slack ? relative : 0;
        relative *= x * (n2 - marked + x) / ((n1 - x + 1) * (marked - x + 1));
    }
    relative = 1;
    for (double x = k1; x < most; x++) {
        relative *= (n1 - x) * (marked - x) / ((x + 1) * (n2 - marked + x + 1));
        sum += relative <= slack ? relative : 0;
    }
    return fmin(1, exp(here) * sum);
}

/* ---- several at once ------------------------------------------------------------------------- */

typedef struct ranked {
    double p;
    size_t place;
} ranked;

static int by_p(const void *a, const void *b)
{
    double x = ((const ranked *)a)->p, y = ((const ranked *)b)->p;
    return (x > y) - (x < y);
}

mw_status mw_holm(const double *p, size_t n, double *ret_adjusted, mw_error *err)
{
    ranked *order = malloc((n + 1) * sizeof *order);
    size_t n_tested = 0;
    if (!order)
        return mw_fail_memory(err, "the p-values");
    for (size_t i = 0; i < n; i++) {
        ret_adjusted[i] = p[i];
        if (!isnan(p[i]))
            order[n_tested++] = (ranked){p[i], i};
    }
    qsort(order, n_tested, sizeof *order, by_p);
    double highest = 0;
    for (size_t i = 0; i < n_tested; i++) {
        highest = fmax(highest, fmin(1, order[i].p * (double)(n_tested - i)));
        ret_adjusted[order[i].place] = highest;
    }
    free(order);
    return MW_OK;
}
