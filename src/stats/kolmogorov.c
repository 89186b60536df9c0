/* The laws of Kolmogorov's statistic: one sample of n against a known law, and two samples.
 *
 *     one sample     t = n d         t <= 1, t >= n - 1   Ruben, Gambino: closed forms
 *                    s = n d^2       large                twice Smirnov's one-sided tail
 *                                    small                Durbin's matrix, or Pelz and Good's
 * series two samples    n == m          reflections of paths (Gnedenko, Korolyuk) else Hodges'
 * recursion over the lattice
 *
 * Sources: Simard, L'Ecuyer, Computing the Two-Sided Kolmogorov-Smirnov Distribution (2011), whose
 * regions these are, so that SciPy's kstwo gives the same number; Marsaglia, Tsang, Wang (2003);
 * Pelz, Good (1976); Hodges (1958). */
#include "special.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define PI 3.14159265358979323846264338327950288
#define SQRT_TWO_PI 2.50662827463100050241576528481104525
#define SCALE 0x1p128
#define NEGLIGIBLE_LOG 41 /* e^-41 is nothing beside 1 */

enum { SCALE_BITS = 128, EXACT_SAMPLE = 140 };

static double clip(double p)
{
    return p < 0 ? 0 : p > 1 ? 1 : p;
}

/* ---- one-sided tail ------------------------------------------------------------------------- */

/* P(D+ >= d) = d sum_v C(n, v) (d + v/n)^(v-1) (1 - d - v/n)^(n-v): each term a binomial mass.
 * Terms rise to one peak: it is walked from the middle until they are nothing. */
static double smirnov_term(double v, double n, double d)
{
    double p = d + v / n, q = 1 - d - v / n;
    return q <= 0 ? 0 : stats_binomial_mass(v, n, p, q) / p;
}

static double smirnov_tail(double n, double d)
{
    double last = floor(n * (1 - d)), middle = floor(last / 2), peak = 0, sum = 0;
    for (double v = middle; v >= 0; v--) {
        double term = smirnov_term(v, n, d);
        sum += term;
        peak = term > peak ? term : peak;
        if (term < peak * 1e-20)
            break;
    }
    for (double v = middle + 1; v <= last; v++) {
        double term = smirnov_term(v, n, d);
        sum += term;
        peak = term > peak ? term : peak;
        if (term < peak * 1e-20)
            break;
    }
    return clip(d * sum);
}

/* ---- Durbin's matrix ------------------------------------------------------------------------ */

static void multiply(const double *a, const double *b, size_t m, double *ret)
{
    for (size_t i = 0; i < m; i++) {
        double *row = ret + i * m;
        for (size_t j = 0; j < m; j++)
            row[j] = 0;
        for (size_t k = 0; k < m; k++)
            for (size_t j = 0; j < m; j++)
                row[j] += a[i * m + k] * b[k * m + j];
    }
}

static void fill_matrix(double *h_matrix, size_t m, double h)
{
    double column = 1, factor = 1;
    for (size_t j = 0; j < m; j++) { /* h_matrix[j][0] = (1 - h^(j+1)) / (j+1)! */
        column *= h;
        factor /= (double)(j + 1);
        h_matrix[j * m] = (1 - column) * factor;
    }
    double both = 2 * h - 1 > 0 ? pow(2 * h - 1, (double)m) : 0;
    h_matrix[(m - 1) * m] = (1 - 2 * column + both) * factor;
    for (size_t i = 0; i < m; i++) {
        factor = 1;
        for (size_t j = i + 1; j >= 1; j--) { /* 1 / (i + 1 - j)! down to column 1 */
            if (j < m)
                h_matrix[i * m + j] = factor;
            factor /= (double)(i + 2 - j);
        }
    }
    for (size_t j = 1; j < m; j++) /* the last row mirrors the first column */
        h_matrix[(m - 1) * m + j] = h_matrix[(m - 1 - j) * m];
}

/* n!/n^n times the middle of the n-th power. */
static double matrix_cdf(size_t n, double d)
{
    size_t k = (size_t)ceil((double)n * d), m = 2 * k - 1;
    double h = (double)k - (double)n * d;
    double *block = calloc(4 * m * m, sizeof *block);
    if (!block)
        return (double)NAN;
    double *base = block, *power = block + m * m, *next = block + 2 * m * m;
    int base_bits = 0, power_bits = 0;
    fill_matrix(base, m, h);
    for (size_t i = 0; i < m; i++)
        power[i * m + i] = 1;
    for (size_t left = n; left > 0; left /= 2) {
        double *swap;
        if (left % 2) {
            multiply(power, base, m, next);
            swap = power, power = next, next = swap;
            power_bits += base_bits;
        }
        multiply(base, base, m, next);
        swap = base, base = next, next = swap;
        base_bits *= 2;
        if (fabs(base[(k - 1) * m + k - 1]) > SCALE) {
            for (size_t i = 0; i < m * m; i++)
                base[i] /= SCALE;
            base_bits += SCALE_BITS;
        }
    }
    double p = power[(k - 1) * m + k - 1];
    free(block);
    for (size_t i = 1; i <= n; i++) {
        p = p * (double)i / (double)n;
        if (fabs(p) < 1 / SCALE) {
            p *= SCALE;
            power_bits -= SCALE_BITS;
        }
    }
    return clip(ldexp(p, power_bits));
}

/* ---- Pelz and Good's series ------------------------------------------------------------------ */

static double series_cdf(double n, double d)
{
    double z = sqrt(n) * d, z2 = z * z, z4 = z2 * z2, z6 = z2 * z4, pi2 = PI * PI;
    double log_q = -pi2 / 8 / z2;
    double k0 = 0, k1 = 0, k2 = 0, k3 = 0, extra2 = 0, extra3 = 0;
    if (log_q < -NEGLIGIBLE_LOG * 17)
        return 0;
    for (int k = (int)ceil(16 * z / PI); k >= 1; k--) {
        double m = 2.0 * k - 1, m2 = m * m, m4 = m2 * m2, m6 = m2 * m4;
        double q = exp(log_q * m2), whole = (double)k * k, q_whole = exp(4 * log_q * whole);
        k0 += q;
        k1 += q * (-z2 + pi2 / 4 * m2);
        k2 += q * (6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * pi2 / 4 * m2 +
                   pi2 * pi2 * (1 - 2 * z2) / 16 * m4);
        k3 += q * (-30 * z6 - 90 * z4 * z4 + pi2 * (135 * z4 - 96 * z6) / 4 * m2 +
                   pi2 * pi2 * (-60 * z2 + 212 * z4) / 16 * m4 +
                   pi2 * pi2 * pi2 * (5 - 30 * z2) / 64 * m6);
        extra2 += whole * q_whole;
        extra3 += (3 * z2 - pi2 * whole) * whole * q_whole;
    }
    k0 *= SQRT_TWO_PI / z;
    k1 *= SQRT_TWO_PI / (6 * z4);
    k2 = k2 * SQRT_TWO_PI / (72 * z6 * z) - extra2 * pi2 * SQRT_TWO_PI / (36 * z2 * z);
    k3 = k3 * SQRT_TWO_PI / (6480 * z6 * z4) + extra3 * pi2 * SQRT_TWO_PI / (216 * z6);
    return clip(k0 + k1 / sqrt(n) + k2 / n + k3 / (n * sqrt(n)));
}

/* ---- one sample ------------------------------------------------------------------------------ */

static double small_cdf(size_t n, double t)
{
    double log_p = 0;
    for (size_t i = 1; i <= n; i++)
        log_p += log((double)i / (double)n * (2 * t - 1));
    return exp(log_p);
}

double mw_kolmogorov_tail(size_t n, double d)
{
    double count = (double)n, t = count * d, s = t * d;
    if (isnan(d) || n == 0)
        return (double)NAN;
    if (d >= 1)
        return 0;
    if (t <= 0.5)
        return 1;
    if (t <= 1)
        return clip(1 - small_cdf(n, t));
    if (t >= count - 1)
        return clip(2 * pow(1 - d, count));
    if (d >= 0.5 || s >= (n <= EXACT_SAMPLE ? 4 : 2.2))
        return s >= 370 ? 0 : clip(2 * smirnov_tail(count, d));
    if (PI * PI / 8 / s > NEGLIGIBLE_LOG)
        return 1;
    bool exact = n <= EXACT_SAMPLE || (n <= 100000 && count * d * sqrt(d) <= 1.4);
    return 1 - (exact ? matrix_cdf(n, d) : series_cdf(count, d));
}

double mw_kolmogorov_limit_tail(double z)
{
    if (z <= 0)
        return 1;
    double sum = 0;
    if (z < 1.18) { /* the form that converges near 0 */
        double q = exp(-PI * PI / (8 * z * z));
        for (int k = 1; k < 20; k++)
            sum += pow(q, (2.0 * k - 1) * (2.0 * k - 1));
        return clip(1 - SQRT_TWO_PI / z * sum);
    }
    for (int k = 1; k < 20; k++)
        sum += (k % 2 ? 2 : -2) * exp(-2.0 * k * k * z * z);
    return clip(sum);
}

/* ---- two samples ----------------------------------------------------------------------------- */

static size_t common_divisor(size_t a, size_t b)
{
    while (b > 0) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* 2 (A0 - A1 + A2 ...), each A a ratio of binomials, as a Horner scheme. */
static double equal_tail(size_t n, size_t h)
{
    double p = 0;
    for (size_t k = n / h + 1; k-- > 0;) {
        double a = 1;
        for (size_t j = 0; j < h; j++)
            a = ((double)n - (double)(k * h) - (double)j) * a / (double)(n + k * h + j + 1);
        p = a * (1 - p);
    }
    return clip(2 * p);
}

/* Share of the paths to (i, j) that have left the band, row by row. a[j - low] is of row i. */
static double lattice_tail(size_t m, size_t n, size_t divisor, size_t h)
{
    int64_t mg = (int64_t)(m / divisor), ng = (int64_t)(n / divisor), gap = (int64_t)h;
    int64_t low = 0, high = (gap + mg - 1) / mg, count = (int64_t)n;
    high = high < count + 1 ? high : count + 1;
    double *a = malloc((n + 2) * sizeof *a);
    if (!a)
        return (double)NAN;
    for (int64_t j = 0; j <= count + 1; j++)
        a[j] = j < high ? 0 : 1;
    for (int64_t i = 1; i <= (int64_t)m; i++) {
        int64_t last_low = low, last_length = high - low, reach = ng * i - gap;
        low = reach < 0 ? 0 : reach / mg + 1;
        low = low < count ? low : count;
        high = (ng * i + gap + mg - 1) / mg;
        high = high < count + 1 ? high : count + 1;
        if (high <= low) {
            free(a);
            return 1;
        }
        double value = low == 0 ? 0 : 1;
        for (int64_t j = low; j < high; j++) {
            value = (a[j - last_low] * (double)i + value * (double)j) / (double)(i + j);
            a[j - low] = value;
        }
        for (int64_t j = high - low; j < last_length; j++)
            a[j] = 1;
    }
    double p = a[high - low - 1];
    free(a);
    return clip(p);
}

double mw_kolmogorov_exact_tail(size_t n, size_t m, double d)
{
    size_t divisor = common_divisor(n, m);
    double lcm = (double)(n / divisor) * (double)m;
    size_t h = (size_t)nearbyint(d * lcm);
    if (h == 0)
        return 1;
    if (n == m)
        return equal_tail(n, h);
    return n > m ? lattice_tail(n, m, divisor, h) : lattice_tail(m, n, divisor, h);
}

double mw_kolmogorov_two_tail(size_t n, size_t m, double d)
{
    double effective = nearbyint((double)n * (double)m / ((double)n + (double)m));
    return mw_kolmogorov_tail((size_t)effective, d);
}
