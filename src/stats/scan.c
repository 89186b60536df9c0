/* A detector of a changed rate that keeps a promise, whatever the rate was: the exact scan.
 *
 *     since it began:  0 0 1 0 0 0 0 1 0 0 0 0 0 0 0 1 0 | 1 0 1 1 0 0 1 0      n values, k ones
 *                      `------- before: n - L ---------'   `-- the last L: k1
 *
 *     scale j: L = 8 * 2^(j/2), up to 65,536; looked at each L / 8 values
 *     p:       the chance of k1 ones or more in L, when k in n are spread at random (Fisher's exact
 *              test of one side: hypergeometric, whatever the rate)
 *     changed: p <= L/8 / (2 ARL * scales), for any scale
 *
 * The promise. Where values are independent and of one rate, whichever it is, each look at a scale
 * is an exact test, so that the looks among the first N values that alarm are N / (2 ARL) in the
 * mean at most: the chance that there was an alarm by then is N / (2 ARL) at most, for each N at
 * once, and the average run length (ARL) to a false alarm is ARL at least, after each alarm anew.
 * Nothing is asked of the rate before, and nothing is plugged in for it: both sides' chance stands
 * in the test. It needs values that do not follow each other: in a series whose errors come in
 * clusters the clusters are changes.
 *
 * In the words of e-detectors (Shin, Ramdas, Rinaldo 2023): each look is an e-value that is all or
 * nothing, 1 / level where p is below the level, and their sum is the detector. Bets that grow with
 * the evidence, summed over all starts (Shiryaev-Roberts), were tried at the same ARL on streams
 * of one trial: against an upper confidence bound of the rate before they found SEA's rise after
 * 846 values, where this took 639; on ranks, which need no rate (Vovk and others 2021), they were
 * as quick (621), and alarmed 41 times in 30 million values without a change, this 6 times.
 * The sum over all looks counts what overlaps many times over: that is why it keeps more than it
 * promises.
 *
 * Two scales to a doubling and eight looks to a length: from half to twice as many of either move
 * the delay by a twentieth. Values between 0 and 1 are drawn to 0 or 1
 * with that chance (by the seed), which keeps the promise for their mean and costs some power.
 *
 * Sources: Fisher (1935); Siegmund, Venkatraman, Using the generalized likelihood ratio statistic
 * for sequential detection of a change-point (1995); Yu, Padilla, Wang, Rinaldo, A note on online
 * change point detection (2020); Shin, Ramdas, Rinaldo, E-detectors (2023); Vovk and others,
 * Retrain or not retrain: conformal test martingales for change-point detection (2021). */
#include <math.h>

#include "chance.h"
#include "detector.h"
#include "special.h"

#include "base/banned.h"

enum { LOOKS = 8 }; /* to a length */
static const uint32_t lengths[STATS_SCAN_SCALES] = {
    8,    11,   16,   23,   32,   45,   64,   91,    128,   181,   256,   362,   512,  724,
    1024, 1448, 2048, 2896, 4096, 5793, 8192, 11585, 16384, 23170, 32768, 46341, 65536};

void stats_scan_reset(stats_scan *state)
{
    memset(state->counts, 0, sizeof state->counts);
    state->n = state->ones = 0;
}

static bool bit_at(const stats_scan *state, uint64_t at)
{
    at %= STATS_SCAN_HELD;
    return state->bits[at / 64] >> (at % 64) & 1;
}

static void put_bit(stats_scan *state, uint64_t at, bool is_one)
{
    uint64_t *word = &state->bits[at % STATS_SCAN_HELD / 64];
    uint64_t mask = UINT64_C(1) << (at % 64);
    *word = is_one ? *word | mask : *word & ~mask;
}

static void take(stats_scan *state, bool is_one)
{
    for (size_t j = 0; j < STATS_SCAN_SCALES; j++) {
        bool leaves = state->n >= lengths[j] && bit_at(state, state->n - lengths[j]);
        state->counts[j] += (uint32_t)is_one - (uint32_t)leaves;
    }
    put_bit(state, state->n, is_one);
    state->n++;
    state->ones += is_one;
}

/* ln P(k1 or more), of a hypergeometric that draws `length` of n, k of them marked. */
static double log_tail(double k1, double length, double k, double n)
{
    double sum = 0, relative = 1, most = fmin(k, length);
    double here = stats_log_choose(k, k1) + stats_log_choose(n - k, length - k1) -
                  stats_log_choose(n, length);
    for (double x = k1; x <= most && relative > 1e-13 * sum; x++) {
        sum += relative;
        relative *= (k - x) * (length - x) / ((x + 1) * (n - k - length + x + 1));
    }
    return here + log(sum);
}

/* Of the last values of a scale against those before, +1 more ones, -1 fewer. 0: nothing that
 * comes near the level. The likelihood ratio, of whose order p is, is below the chi-square, which
 * costs no logarithm. */
static double log_p_of(const stats_scan *state, size_t j, int side, double log_level)
{
    double n = (double)state->n, length = lengths[j], k = (double)state->ones;
    double k1 = state->counts[j];
    if (side < 0) {
        k = n - k;
        k1 = length - k1;
    }
    double gap = k1 - length * k / n;
    double variance = length * (k / n) * (1 - k / n) * (1 - length / n);
    enum { NEAR = 5 };
    if (gap <= 0 || gap * gap < variance * (-log_level - NEAR))
        return 0;
    return log_tail(k1, length, k, n);
}

static double log_level_of(size_t j, const mw_detector_options *options)
{
    double looks = options->side == 0 ? 2 : 1, step = lengths[j] / LOOKS;
    return log(step / (2 * options->arl * STATS_SCAN_SCALES * looks));
}

/* The scale that tells most. */
static void tell(stats_scan *state, int side)
{
    double k = (double)state->ones, n = (double)state->n, least = 0;
    for (size_t j = 0; j < STATS_SCAN_SCALES && lengths[j] < state->n; j++) {
        double log_p = log_p_of(state, j, side, 0), length = lengths[j];
        if (log_p >= least)
            continue;
        least = log_p;
        state->found = (mw_detector_finding){.side = side,
                                             .n_before = state->n - lengths[j],
                                             .n_since = lengths[j],
                                             .before = (k - state->counts[j]) / (n - length),
                                             .since = state->counts[j] / length,
                                             .log_p = log_p};
    }
}

static bool look(stats_scan *state, const mw_detector_options *options, int side)
{
    for (size_t j = 0; j < STATS_SCAN_SCALES && lengths[j] < state->n; j++) {
        if (state->n % (lengths[j] / LOOKS) != 0)
            continue;
        if (log_p_of(state, j, side, state->log_levels[j]) > state->log_levels[j])
            continue;
        tell(state, side);
        state->found.chance = fmin(1, (double)state->n / (2 * options->arl));
        return true;
    }
    return false;
}

void stats_scan_begin(stats_scan *state, const mw_detector_options *options)
{
    state->random = options->seed;
    for (size_t j = 0; j < STATS_SCAN_SCALES; j++)
        state->log_levels[j] = log_level_of(j, options);
}

static bool draw(stats_scan *state, double x)
{
    if (x <= 0 || x >= 1)
        return x >= 1;
    return (double)(stats_draw(&state->random) >> 11) * 0x1p-53 < x;
}

mw_change stats_scan_add(stats_scan *state, const mw_detector_options *options, double x)
{
    take(state, draw(state, x));
    bool has_risen = options->side >= 0 && look(state, options, 1);
    bool has_fallen = !has_risen && options->side <= 0 && look(state, options, -1);
    return has_risen || has_fallen ? MW_CHANGED : MW_STEADY;
}
