/* Detectors over sums of deviations, and one over a window.
 *
 *   Page-Hinkley  the faded sum of x - mean -+ delta, against its least and most: Page (1954)
 *   CUSUM         two-sided, in deviations of the first values: sums of z - k and -z - k above h
 *   KSWIN         the last values of a window against a draw of the earlier ones, by
 *                 Kolmogorov-Smirnov: Raab et al. (2020)
 *
 * Page-Hinkley alarms at the same value as River's. KSWIN draws, so that its alarms are those of
 * River's in distribution; a seed fixes them. */
#include "chance.h"
#include "detector.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

/* ---- Page-Hinkley ---------------------------------------------------------------------------- */

void stats_page_hinkley_reset(stats_page_hinkley *state)
{
    *state = (stats_page_hinkley){.least = (double)INFINITY, .most = -1};
}

mw_change stats_page_hinkley_add(stats_page_hinkley *state, const mw_detector_options *options,
                                 double x)
{
    stats_mean_add(&state->mean, x);
    double gap = x - state->mean.mean;
    state->up = options->alpha * state->up + gap - options->delta;
    state->down = options->alpha * state->down + gap + options->delta;
    state->least = state->up < state->least ? state->up : state->least;
    state->most = state->down > state->most ? state->down : state->most;
    if (state->mean.n < (double)options->warm_start)
        return MW_STEADY;
    bool rose = state->up - state->least > options->threshold;
    bool fell = state->most - state->down > options->threshold;
    return (rose && options->side >= 0) || (fell && options->side <= 0) ? MW_CHANGED : MW_STEADY;
}

/* ---- CUSUM ----------------------------------------------------------------------------------- */

void stats_cusum_reset(stats_cusum *state)
{
    *state = (stats_cusum){0};
}

/* The first warm_start values tell mean and deviation; nothing is summed before. */
static void learn(stats_cusum *state, double x)
{
    double before = state->mean;
    state->mean += (x - before) / ++state->n;
    state->squares += (x - before) * (x - state->mean);
}

mw_change stats_cusum_add(stats_cusum *state, const mw_detector_options *options, double x)
{
    if (state->n < (double)options->warm_start) {
        learn(state, x);
        return MW_STEADY;
    }
    double deviation = sqrt(state->squares / (state->n - 1)), gap = x - state->mean;
    double z = deviation > 0 ? gap / deviation : gap == 0 ? 0 : copysign((double)INFINITY, gap);
    state->up = fmax(0, state->up + z - options->slack);
    state->down = fmax(0, state->down - z - options->slack);
    bool rose = state->up > options->threshold, fell = state->down > options->threshold;
    return (rose && options->side >= 0) || (fell && options->side <= 0) ? MW_CHANGED : MW_STEADY;
}

/* ---- KSWIN ----------------------------------------------------------------------------------- */

enum { SAMPLE_MAX = 1000 };

void stats_kswin_reset(stats_kswin *state, const mw_detector_options *options)
{
    state->n = state->next = 0;
    state->random = options->seed;
}

size_t stats_kswin_gap(size_t size, double alpha)
{
    size_t gap = 1;
    while (gap < size && mw_kolmogorov_exact_tail(size, size, (double)gap / (double)size) > alpha)
        gap++;
    size_t least = size / 10 + 1; /* River also wants a statistic above 0.1 */
    return gap > least ? gap : least;
}

static double value_at(const stats_kswin *state, const mw_detector_options *options, size_t i)
{
    return state->window[(state->next + i) % options->window];
}

/* Without repetition: each earlier value stays with the chance that is left for it. */
static void draw_earlier(stats_kswin *state, const mw_detector_options *options, double *ret)
{
    size_t wanted = options->sample, left = options->window - options->sample, n = 0;
    for (size_t i = 0; n < wanted; i++, left--)
        if (stats_draw(&state->random) % left < wanted - n)
            ret[n++] = value_at(state, options, i);
}

mw_change stats_kswin_add(stats_kswin *state, const mw_detector_options *options, double x)
{
    double earlier[SAMPLE_MAX], latest[SAMPLE_MAX], scratch[SAMPLE_MAX];
    size_t size = options->sample;
    state->window[state->next] = x;
    state->next = (state->next + 1) % options->window;
    state->n += state->n < options->window;
    if (state->n < options->window)
        return MW_STEADY;
    draw_earlier(state, options, earlier);
    for (size_t i = 0; i < size; i++)
        latest[i] = value_at(state, options, options->window - size + i);
    mw_sample a = mw_sample_make(earlier, size, 1, earlier, scratch);
    mw_sample b = mw_sample_make(latest, size, 1, latest, scratch);
    double gap = nearbyint(mw_ks_distance(&a, &b) * (double)size);
    return gap >= (double)state->least_gap ? MW_CHANGED : MW_STEADY;
}
