/* Evidence that holds at every time, and over many features.
 *
 * The e-value of two lists of counts asks one thing: is it likelier that both were drawn from
 * shares of their own than from shares in common? Shares are integrated out with a Dirichlet prior:
 *
 *             DM(r) DM(c)                    gamma(A)      gamma(x_i + a)
 *     E  =   -------------      DM(x) = ------------- prod --------------      A = k a
 *              DM(r + c)                 gamma(N + A)         gamma(a)
 *
 * It needs the counts alone, so that windows may be merged; looked at after each row, it passes
 * 1/alpha with a chance of about alpha at most when nothing changed (tests/stats/test_drift.c
 * watches that). With Jeffreys' a = 1/2.
 *
 * Sources: Good (1976) for the ratio; Wang, Ramdas, False Discovery Rate Control with E-values
 * (2022) for e-BH; Benjamini, Hochberg (1995). */
#include "special.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define PRIOR 0.5

static double log_mixture(const double *x, const double *y, size_t n)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double count = x[i] + (y ? y[i] : 0);
        sum += stats_log_gamma(count + PRIOR);
        total += count;
    }
    return sum - stats_log_gamma(total + PRIOR * (double)n);
}

double mw_counts_log_evidence(const double *r, const double *c, size_t n)
{
    double own = stats_log_gamma(PRIOR * (double)n) - (double)n * stats_log_gamma(PRIOR);
    return n < 2 ? 0
                 : log_mixture(r, NULL, n) + log_mixture(c, NULL, n) - log_mixture(r, c, n) + own;
}

/* ---- many features --------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b, void *context)
{
    const double *values = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    if (values[x] != values[y])
        return values[x] < values[y] ? -1 : 1;
    return (x > y) - (x < y);
}

mw_status mw_benjamini_hochberg(const double *p, size_t n, double *ret_adjusted, mw_error *err)
{
    size_t *order = malloc((n + 1) * sizeof *order), m = 0;
    if (!order)
        return mw_fail_memory(err, "the order of the p-values");
    for (size_t i = 0; i < n; i++) {
        ret_adjusted[i] = (double)NAN;
        if (!isnan(p[i]))
            order[m++] = i;
    }
    qsort_r(order, m, sizeof *order, ascending, (void *)(uintptr_t)p);
    double least = 1;
    for (size_t k = m; k-- > 0;) {
        double value = p[order[k]] * (double)m / (double)(k + 1);
        least = value < least ? value : least;
        ret_adjusted[order[k]] = least;
    }
    free(order);
    return MW_OK;
}

mw_status mw_e_benjamini_hochberg(const double *log_e, size_t n, double alpha, bool *ret_rejected,
                                  mw_error *err)
{
    size_t *order = malloc((n + 1) * sizeof *order), m = 0, n_rejected = 0;
    if (!order)
        return mw_fail_memory(err, "the order of the e-values");
    for (size_t i = 0; i < n; i++) {
        ret_rejected[i] = false;
        if (!isnan(log_e[i]))
            order[m++] = i;
    }
    qsort_r(order, m, sizeof *order, ascending, (void *)(uintptr_t)log_e);
    for (size_t k = 1; k <= m; k++) /* the k-th largest */
        if (log_e[order[m - k]] >= log((double)m / ((double)k * alpha)))
            n_rejected = k;
    for (size_t k = 1; k <= n_rejected; k++)
        ret_rejected[order[m - k]] = true;
    free(order);
    return MW_OK;
}
