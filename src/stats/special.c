/* Special functions: the tails that tests need, to about 1e-13 relative.
 *
 *   gamma tail    series below the mean, Lentz's continued fraction above it
 *   mass terms    Loader's saddle-point form, so that large counts lose no digits
 *
 * Sources: C. Loader, Fast and Accurate Computation of Binomial Probabilities (2000);
 * Numerical Recipes, 6.2, for the split of the gamma tail. */
#include "special.h"

#include <float.h>
#include <math.h>

#include "base/banned.h"

#define LOG_SQRT_TWO_PI 0.918938533204672741780329736406
#define TWO_PI 6.28318530717958647692528676655901

enum { TERMS_MAX = 100000 };

double stats_log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

double stats_log_choose(double n, double k)
{
    return stats_log_gamma(n + 1) - stats_log_gamma(k + 1) - stats_log_gamma(n - k + 1);
}

/* ln(n!) less Stirling's main part. */
static double stirling_rest(double n)
{
    double s = n * n;
    if (n <= 15)
        return stats_log_gamma(n + 1) - (n + 0.5) * log(n) + n - LOG_SQRT_TWO_PI;
    return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - (1.0 / 1188) / s) / s) / s) / s) /
           n;
}

/* x ln(x / mean) + mean - x, without cancellation near the mean. */
static double deviance(double x, double mean)
{
    if (fabs(x - mean) >= 0.1 * (x + mean))
        return x * log(x / mean) + mean - x;
    double v = (x - mean) / (x + mean), sum = (x - mean) * v, term = 2 * x * v, last;
    int odd = 1;
    v *= v;
    do {
        last = sum;
        term *= v;
        odd += 2;
        sum += term / odd;
    } while (sum != last);
    return sum;
}

double stats_binomial_mass(double k, double n, double p, double q)
{
    if (k == 0)
        return n == 0 ? 1 : exp(n * (p < 0.1 ? log1p(-p) : log(q)));
    if (k == n)
        return exp(n * (q < 0.1 ? log1p(-q) : log(p)));
    double rest = stirling_rest(n) - stirling_rest(k) - stirling_rest(n - k) - deviance(k, n * p) -
                  deviance(n - k, n * q);
    return exp(rest) * sqrt(n / (TWO_PI * k * (n - k)));
}

/* x^a e^-x / gamma(a + 1). */
static double gamma_front(double a, double x)
{
    return exp(-stirling_rest(a) - deviance(a, x)) / sqrt(TWO_PI * a);
}

static double gamma_series(double a, double x)
{
    double sum = 1, term = 1;
    for (int n = 1; n < TERMS_MAX && term > sum * DBL_EPSILON / 4; n++)
        sum += term *= x / (a + n);
    return sum * gamma_front(a, x);
}

/* Lentz's method, for x > a + 1. */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1 / DBL_MIN, d = 1 / b, h = d;
    for (int i = 1; i < TERMS_MAX; i++) {
        double an = -i * (i - a);
        b += 2;
        d = an * d + b;
        d = 1 / (d == 0 ? DBL_MIN : d);
        c = b + an / c;
        c = c == 0 ? DBL_MIN : c;
        h *= d * c;
        if (fabs(d * c - 1) < DBL_EPSILON)
            break;
    }
    return gamma_front(a, x) * a * h;
}

double mw_gamma_tail(double a, double x)
{
    if (isnan(a) || isnan(x) || a <= 0)
        return (double)NAN;
    if (x <= 0)
        return 1;
    if (isinf(x))
        return 0;
    return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

double mw_chi_square_tail(double x, double df)
{
    return mw_gamma_tail(df / 2, x / 2);
}

double mw_normal_tail(double z)
{
    return 0.5 * erfc(z * 0.70710678118654752440);
}
