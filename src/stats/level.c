/* Whether errors are more than they were in the beginning: 0 (right) and 1 (wrong), label by label.
 *
 *     first n values -----------------> reference: n0, rate p0
 *     all of them --the exact scan----> each change: since when, from what, to what   (scan.c)
 *     since the last change ----------> n1, p1
 *
 *     risen:  the scan has told a rise, and p1 - p0 > half of what chance allows + a tenth of p0
 *     until:  p1 - p0 is no more than that
 *
 * The scan says whether something rose, and keeps its promise of false alarms; the first values say
 * whether it still is so after it fell again, and whether it matters. Half of what chance allows is
 * Bernstein's bound at exp(-4), halved: a pause between on and off, no test. What the scan calls
 * changes are rises and falls, so that half of its false alarms are none here. */
#include <math.h>
#include <stdlib.h>

#include "detector.h"

#include "base/banned.h"

#define LEAST_RISE 0.1
#define RARITY 4 /* -ln of a single look's level */

struct mw_level {
    mw_detector *scan;
    size_t n_reference;
    stats_mean first, now;    /* now: since the last change; until there is one, behind the first */
    mw_detector_finding rise; /* the last one */
    bool has_risen;           /* the scan says so; whether it is enough is asked of each value */
    bool is_risen;
};

mw_status mw_level_new(size_t n_reference, mw_level **ret_level, mw_error *err)
{
    mw_detector_options options;
    mw_level *level = calloc(1, sizeof *level);
    if (!level)
        return mw_fail_memory(err, "the level of a stream");
    mw_detector_options_init(MW_DETECTOR_SCAN, &options);
    options.side = 0;
    mw_status status = mw_detector_new(&options, &level->scan, err);
    if (status != MW_OK) {
        free(level);
        return status;
    }
    level->n_reference = n_reference;
    *ret_level = level;
    return MW_OK;
}

void mw_level_free(mw_level *level)
{
    if (!level)
        return;
    mw_detector_free(level->scan);
    free(level);
}

/* How far two rates may lie apart by chance. */
static double bound_of(const mw_level *level)
{
    const stats_mean *a = &level->first, *b = &level->now;
    double parts = 1 / a->n + 1 / b->n, rate = (a->n * a->mean + b->n * b->mean) / (a->n + b->n);
    return sqrt(2 * parts * rate * (1 - rate) * RARITY) + 2.0 / 3 * RARITY * parts;
}

static bool is_above(const mw_level *level)
{
    double least = LEAST_RISE * level->first.mean + bound_of(level) / 2;
    return level->now.mean - level->first.mean > least;
}

/* A change among the first values ends them. */
static void turn(mw_level *level, const mw_detector_finding *found)
{
    if (level->first.n < (double)level->n_reference) {
        level->n_reference = (size_t)found->n_before;
        level->first = (stats_mean){(double)found->n_before, found->before};
    }
    level->now = (stats_mean){(double)found->n_since, found->since};
    if (found->side > 0)
        level->rise = *found;
    level->has_risen = found->side > 0 || (level->has_risen && is_above(level));
}

void mw_level_add(mw_level *level, double x)
{
    mw_detector_finding found;
    if (!isfinite(x))
        return;
    bool is_first = level->first.n < (double)level->n_reference;
    stats_mean_add(is_first ? &level->first : &level->now, x);
    if (mw_detector_add(level->scan, x) == MW_CHANGED && mw_detector_found(level->scan, &found))
        turn(level, &found);
    bool is_here = level->has_risen && is_above(level);
    level->has_risen = level->has_risen && (is_here || !level->is_risen);
    level->is_risen = is_here;
}

void mw_level_look(const mw_level *level, mw_level_state *ret_state)
{
    bool has_first = level->first.n > 0, is_there = level->now.n > 0, is_risen = level->is_risen;
    *ret_state = (mw_level_state){.is_risen = is_risen,
                                  .n_reference = level->first.n,
                                  .reference = has_first ? level->first.mean : (double)NAN,
                                  .n = level->now.n,
                                  .mean = is_there ? level->now.mean : (double)NAN,
                                  .bound = is_there ? bound_of(level) : (double)NAN,
                                  .before = is_risen ? level->rise.before : (double)NAN,
                                  .chance = is_risen ? level->rise.chance : (double)NAN};
}
