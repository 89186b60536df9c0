/* Distances of two lists of counts over the same bins or categories. Definitions in stats.h; they
 * are those of SciPy, Evidently and NannyML, as each function says there. */
#include "special.h"

#include <math.h>

#include "base/banned.h"

#define FLOOR_SHARE 1e-4
#define FLOOR_RATIO 1e6

static double total_of(const double *counts, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += counts[i];
    return total;
}

/* What stands for an empty share. */
static double floor_of(const double *counts, size_t n, double total)
{
    double least = (double)INFINITY;
    for (size_t i = 0; i < n; i++)
        if (counts[i] > 0 && counts[i] / total < least)
            least = counts[i] / total;
    return least <= FLOOR_SHARE ? least / FLOOR_RATIO : FLOOR_SHARE;
}

typedef struct shares {
    const double *r, *c;
    double total_r, total_c, floor_r, floor_c;
} shares;

static shares shares_of(const double *r, const double *c, size_t n)
{
    double total_r = total_of(r, n), total_c = total_of(c, n);
    return (shares){r, c, total_r, total_c, floor_of(r, n, total_r), floor_of(c, n, total_c)};
}

static double share_r(const shares *s, size_t i)
{
    return s->r[i] > 0 ? s->r[i] / s->total_r : s->floor_r;
}

static double share_c(const shares *s, size_t i)
{
    return s->c[i] > 0 ? s->c[i] / s->total_c : s->floor_c;
}

double mw_counts_psi(const double *r, const double *c, size_t n)
{
    shares s = shares_of(r, c, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (share_r(&s, i) - share_c(&s, i)) * log(share_r(&s, i) / share_c(&s, i));
    return sum;
}

double mw_counts_kl(const double *r, const double *c, size_t n)
{
    shares s = shares_of(r, c, n);
    double total_r = 0, total_c = 0, sum = 0;
    for (size_t i = 0; i < n; i++) { /* SciPy's entropy() brings both to 1 */
        total_r += share_r(&s, i);
        total_c += share_c(&s, i);
    }
    for (size_t i = 0; i < n; i++) {
        double p = share_r(&s, i) / total_r;
        sum += p * log(p / (share_c(&s, i) / total_c));
    }
    return sum;
}

static double relative_entropy(double p, double q)
{
    return p > 0 ? p * log(p / q) : 0;
}

double mw_counts_jensen_shannon(const double *r, const double *c, size_t n, double base)
{
    double total_r = total_of(r, n), total_c = total_of(c, n), sum = 0;
    for (size_t i = 0; i < n; i++) {
        double p = r[i] / total_r, q = c[i] / total_c, middle = (p + q) / 2;
        sum += relative_entropy(p, middle) + relative_entropy(q, middle);
    }
    if (base > 0)
        sum /= log(base);
    return sqrt(sum > 0 ? sum / 2 : 0);
}

double mw_counts_hellinger(const double *r, const double *c, size_t n)
{
    double total_r = total_of(r, n), total_c = total_of(c, n), sum = 0;
    for (size_t i = 0; i < n; i++) {
        double gap = sqrt(r[i] / total_r) - sqrt(c[i] / total_c);
        sum += gap * gap;
    }
    return sqrt(sum / 2);
}

double mw_counts_l_infinity(const double *r, const double *c, size_t n)
{
    double total_r = total_of(r, n), total_c = total_of(c, n), peak = 0;
    for (size_t i = 0; i < n; i++)
        peak = fmax(peak, fabs(r[i] / total_r - c[i] / total_c));
    return peak;
}

double mw_counts_total_variation(const double *r, const double *c, size_t n)
{
    double total_r = total_of(r, n), total_c = total_of(c, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs(r[i] / total_r - c[i] / total_c);
    return sum / 2;
}

/* ---- tests ----------------------------------------------------------------------------------- */

mw_test mw_counts_chi_square(const double *r, const double *c, size_t n)
{
    double total_r = total_of(r, n), total_c = total_of(c, n), sum = 0;
    size_t filled = 0;
    for (size_t i = 0; i < n; i++) {
        double both = r[i] + c[i];
        if (both == 0)
            continue;
        double expected_r = both * total_r / (total_r + total_c), expected_c = both - expected_r;
        sum += (r[i] - expected_r) * (r[i] - expected_r) / expected_r +
               (c[i] - expected_c) * (c[i] - expected_c) / expected_c;
        filled++;
    }
    if (filled < 2)
        return (mw_test){0, 1};
    return (mw_test){sum, mw_chi_square_tail(sum, (double)filled - 1)};
}

mw_test mw_counts_chi_square_fit(const double *r, const double *c, size_t n)
{
    double ratio = total_of(c, n) / total_of(r, n), sum = 0;
    size_t filled = 0;
    for (size_t i = 0; i < n; i++) {
        double expected = r[i] * ratio;
        if (r[i] + c[i] == 0)
            continue;
        sum += (c[i] - expected) * (c[i] - expected) / expected; /* infinite for a new category */
        filled++;
    }
    if (filled < 2)
        return (mw_test){0, 1};
    return (mw_test){sum, mw_chi_square_tail(sum, (double)filled - 1)};
}

mw_test mw_proportions(double k_r, double n_r, double k_c, double n_c)
{
    double both = (k_r + k_c) / (n_r + n_c);
    double deviation = sqrt(both * (1 - both) * (1 / n_r + 1 / n_c));
    if (!(deviation > 0))
        return (mw_test){0, 1};
    double z = (k_r / n_r - k_c / n_c) / deviation;
    return (mw_test){z, 2 * mw_normal_tail(fabs(z))};
}
