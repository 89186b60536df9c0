/* Rows drawn anew, by their counts: one multinomial over the cells of all groups, as a chain of
 * binomials. The cost does not grow with the rows.
 *
 * Binomials: by inversion where the mean is small, else by Hormann's transformed rejection (BTRS;
 * The generation of binomial random variates, 1993). Random bits: xoshiro256** (Blackman, Vigna
 * 2018) seeded by splitmix64. */
#include "chance.h"
#include "special.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

typedef struct dice {
    uint64_t state[4];
} dice;

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static uint64_t draw_bits(dice *d)
{
    uint64_t *s = d->state, drawn = rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return drawn;
}

static void seed_dice(dice *d, uint64_t seed)
{
    for (size_t i = 0; i < MW_COUNT(d->state); i++)
        d->state[i] = stats_draw(&seed);
}

/* In (0, 1). */
static double draw_share(dice *d)
{
    return ((double)(draw_bits(d) >> 11) + 0.5) * 0x1p-53;
}

/* ---- binomials ------------------------------------------------------------------------------- */

#define SMALL_MEAN 10

static double draw_by_inversion(dice *d, double n, double p)
{
    double odds = p / (1 - p), mass = pow(1 - p, n), u = draw_share(d), k = 0;
    while (u > mass && k < n) {
        u -= mass;
        k++;
        mass *= odds * (n - k + 1) / k;
    }
    return k;
}

static double log_mass(double n, double p, double k)
{
    int ignored;
    return lgamma_r(n + 1, &ignored) - lgamma_r(k + 1, &ignored) - lgamma_r(n - k + 1, &ignored) +
           k * log(p) + (n - k) * log1p(-p);
}

/* p <= 1/2, n p >= SMALL_MEAN. Constants of the paper. */
static double draw_by_rejection(dice *d, double n, double p)
{
    double spread = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spread;
    double a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
    double alpha = (2.83 + 5.1 / b) * spread, v_r = 0.92 - 4.2 / b;
    double mode = floor((n + 1) * p), at_mode = log_mass(n, p, mode);
    for (;;) {
        double v = draw_share(d), u = draw_share(d) - 0.5, us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + c);
        if (us >= 0.07 && v <= v_r)
            return k;
        if (k < 0 || k > n)
            continue;
        if (log(v * alpha / (a / (us * us) + b)) <= log_mass(n, p, k) - at_mode)
            return k;
    }
}

static double draw_binomial(dice *d, double n, double p)
{
    if (n <= 0 || p <= 0)
        return 0;
    if (p >= 1)
        return n;
    if (p > 0.5)
        return n - draw_binomial(d, n, 1 - p);
    return n * p < SMALL_MEAN ? draw_by_inversion(d, n, p) : draw_by_rejection(d, n, p);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void draw_groups(dice *d, const mw_confusion *groups, size_t n, double all,
                        mw_confusion *ret_drawn)
{
    double rows_left = all, mass_left = all;
    for (size_t i = 0; i < n; i++) {
        const double cells[4] = {groups[i].tp, groups[i].fp, groups[i].fn, groups[i].tn};
        double *drawn[4] = {&ret_drawn[i].tp, &ret_drawn[i].fp, &ret_drawn[i].fn, &ret_drawn[i].tn};
        for (size_t k = 0; k < 4; k++) {
            double share = mass_left > 0 ? cells[k] / mass_left : 0;
            *drawn[k] = draw_binomial(d, rows_left, fmin(share, 1));
            rows_left -= *drawn[k];
            mass_left -= cells[k];
        }
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

mw_status mw_bootstrap_groups(const mw_confusion *groups, size_t n, uint64_t seed,
                              mw_group_measure *measure, void *user, double *ret_values,
                              size_t n_draws, size_t *ret_n_values, mw_error *err)
{
    dice d;
    double all = 0;
    mw_confusion *drawn = calloc(n + 1, sizeof *drawn);
    if (!drawn)
        return mw_fail_memory(err, "the draws");
    for (size_t i = 0; i < n; i++)
        all += mw_confusion_total(&groups[i]);
    seed_dice(&d, seed);
    *ret_n_values = 0;
    for (size_t i = 0; i < n_draws; i++) {
        draw_groups(&d, groups, n, floor(all + 0.5), drawn);
        double value = measure(drawn, n, user);
        if (!isnan(value))
            ret_values[(*ret_n_values)++] = value;
    }
    qsort(ret_values, *ret_n_values, sizeof *ret_values, ascending);
    free(drawn);
    return MW_OK;
}
