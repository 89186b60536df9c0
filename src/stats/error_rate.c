/* Detectors over errors: streams of 0 (right) and 1 (wrong).
 *
 *   DDM      the error rate and its deviation against the best they have been: Gama et al. (2004)
 *   EDDM     the distance between errors against the longest: Baena-Garcia et al. (2006)
 *   HDDM-A   means before and after a cut, by Hoeffding's bound: Frias-Blanco et al. (2015)
 *   HDDM-W   faded means, by McDiarmid's bound: the same
 *
 * Warnings and alarms fall on the same value as River's. HDDM take any stream within [0, 1]. */
#include "detector.h"

#include <math.h>

#include "base/banned.h"

/* ---- DDM ------------------------------------------------------------------------------------- */

void stats_ddm_reset(stats_ddm *state)
{
    *state = (stats_ddm){.least = (double)INFINITY};
}

mw_change stats_ddm_add(stats_ddm *state, const mw_detector_options *options, double x)
{
    stats_mean_add(&state->errors, x);
    double p = state->errors.mean, variance = p * (1 - p) / state->errors.n;
    double s = sqrt(variance > 0 ? variance : 0);
    if (state->errors.n <= (double)options->warm_start)
        return MW_STEADY;
    if (p + s <= state->least) {
        state->p_min = p;
        state->s_min = s;
        state->least = p + s;
    }
    if (p + s > state->p_min + options->drift_level * state->s_min)
        return MW_CHANGED;
    return p + s > state->p_min + options->warning_level * state->s_min ? MW_WARNING : MW_STEADY;
}

/* ---- EDDM ------------------------------------------------------------------------------------ */

void stats_eddm_reset(stats_eddm *state)
{
    *state = (stats_eddm){.peak = -1};
}

static mw_change judge_gap(stats_eddm *state, const mw_detector_options *options)
{
    double variance = state->gaps.n > 1 ? state->squares / (state->gaps.n - 1) : 0;
    double reach = state->gaps.mean + 2 * sqrt(variance);
    if (state->n <= (double)options->warm_start)
        return MW_STEADY;
    if (reach > state->peak)
        state->peak = reach;
    else if (state->n_errors > (double)options->warm_start) {
        double level = reach / state->peak;
        if (level < options->beta)
            return MW_CHANGED;
        state->warned = level < options->alpha;
    }
    return MW_STEADY;
}

mw_change stats_eddm_add(stats_eddm *state, const mw_detector_options *options, double x)
{
    mw_change change = MW_STEADY;
    state->n++;
    if (x == 1) {
        double gap = state->n - state->last_error, before = state->gaps.mean;
        state->n_errors++;
        stats_mean_add(&state->gaps, gap);
        state->squares += (gap - before) * (gap - state->gaps.mean);
        change = judge_gap(state, options);
        state->last_error = state->n;
    }
    return change == MW_STEADY && state->warned ? MW_WARNING : change;
}

/* ---- HDDM-A ---------------------------------------------------------------------------------- */

void stats_hddm_a_reset(stats_hddm_a *state)
{
    *state = (stats_hddm_a){0};
}

static double hoeffding(double n, double confidence)
{
    return sqrt(1 / (2 * n) * log(1 / confidence));
}

static bool has_moved(const stats_mean *before, const stats_mean *all, double gap,
                      double confidence)
{
    if (before->n == all->n)
        return false;
    double m = (all->n - before->n) / before->n * (1 / all->n);
    return gap >= sqrt(m / 2 * log(2 / confidence));
}

mw_change stats_hddm_a_add(stats_hddm_a *state, const mw_detector_options *options, double x)
{
    stats_mean *all = &state->all, *low = &state->low, *high = &state->high;
    stats_mean_add(all, x);
    if (low->n == 0)
        *low = *all;
    if (high->n == 0)
        *high = *all;
    double bound = hoeffding(all->n, options->confidence);
    if (low->mean + hoeffding(low->n, options->confidence) >= all->mean + bound)
        *low = *all;
    if (high->mean - hoeffding(high->n, options->confidence) <= all->mean - bound)
        *high = *all;
    double rise = all->mean - low->mean, fall = high->mean - all->mean;
    double levels[] = {options->confidence, options->warning_confidence};
    for (size_t i = 0; i < MW_COUNT(levels); i++)
        if ((options->side >= 0 && has_moved(low, all, rise, levels[i])) ||
            (options->side <= 0 && has_moved(high, all, fall, levels[i])))
            return i == 0 ? MW_CHANGED : MW_WARNING;
    return MW_STEADY;
}

/* ---- HDDM-W ---------------------------------------------------------------------------------- */

static const stats_faded unborn = {0, 1, false};

void stats_hddm_w_reset(stats_hddm_w *state)
{
    *state =
        (stats_hddm_w){unborn, unborn, unborn, unborn, unborn, (double)INFINITY, -(double)INFINITY};
}

static void fade(stats_faded *state, double lambda, double x)
{
    state->mean = state->begun ? lambda * x + (1 - lambda) * state->mean : x;
    state->begun = true;
    state->bound = lambda * lambda + (1 - lambda) * (1 - lambda) * state->bound;
}

static double mcdiarmid(double bound, double confidence)
{
    return sqrt(bound * log(1 / confidence) / 2);
}

static bool is_above(const stats_faded *high, const stats_faded *low, double confidence)
{
    return high->begun && low->begun &&
           high->mean - low->mean > mcdiarmid(high->bound + low->bound, confidence);
}

mw_change stats_hddm_w_add(stats_hddm_w *state, const mw_detector_options *options, double x)
{
    double lambda = options->lambda, confidence = options->confidence;
    fade(&state->all, lambda, x);
    double bound = mcdiarmid(state->all.bound, confidence);
    if (state->all.mean + bound < state->rise_cut) {
        state->rise_cut = state->all.mean + bound;
        state->before_rise = state->all;
        state->after_rise = unborn;
    } else
        fade(&state->after_rise, lambda, x);
    if (state->all.mean - bound > state->fall_cut) {
        state->fall_cut = state->all.mean - bound;
        state->before_fall = state->all;
        state->after_fall = unborn;
    } else
        fade(&state->after_fall, lambda, x);
    double levels[] = {confidence, options->warning_confidence};
    for (size_t i = 0; i < MW_COUNT(levels); i++)
        if ((options->side >= 0 && is_above(&state->after_rise, &state->before_rise, levels[i])) ||
            (options->side <= 0 && is_above(&state->before_fall, &state->after_fall, levels[i])))
            return i == 0 ? MW_CHANGED : MW_WARNING;
    return MW_STEADY;
}
