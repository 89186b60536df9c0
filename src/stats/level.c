/* Whether the mean of a stream stands above what it was in the beginning.
 *
 *     first n values -----------> reference: n0, mean, variance
 *     all that came since ------> ADWIN's window, in which nothing has changed: n1, mean, variance
 *
 *     risen:  mean1 - mean0 > what chance allows + a tenth of mean0
 *     until:  mean1 - mean0 < half of what chance allows + a tenth of mean0
 *
 * ADWIN (Bifet, Gavalda 2007) alone tells that something changed, not whether it still is so, and a
 * slow rise it follows without a word: the reference stays. Chance allows what Bernstein's bound
 * does at exp(-4), and the tenth on top of it is what makes looking at every value safe: of 3,000
 * streams of 100,000 values in which nothing changed 5 were ever called risen
 * (MW_STREAMS=3000 MW_VALUES=100000 test_stats_level). */
#include <math.h>
#include <stdlib.h>

#include "detector.h"

#include "base/banned.h"

#define LEAST_RISE 0.1
#define RARITY 4 /* -ln of a single look's level */

struct mw_level {
    mw_detector_options options; /* ADWIN's own */
    stats_adwin window;
    size_t n_reference;
    double n, mean, squares; /* of the reference */
    bool is_risen;
};

mw_status mw_level_new(size_t n_reference, mw_level **ret_level, mw_error *err)
{
    mw_level *level = calloc(1, sizeof *level);
    stats_adwin_row *rows = calloc(STATS_ADWIN_ROWS, sizeof *rows);
    if (!level || !rows) {
        free(level);
        free(rows);
        return mw_fail_memory(err, "the level of a stream");
    }
    mw_detector_options_init(MW_DETECTOR_ADWIN, &level->options);
    level->window.rows = rows;
    stats_adwin_reset(&level->window);
    level->n_reference = n_reference;
    *ret_level = level;
    return MW_OK;
}

void mw_level_free(mw_level *level)
{
    if (!level)
        return;
    free(level->window.rows);
    free(level);
}

static void learn(mw_level *level, double x)
{
    double gap = x - level->mean;
    level->n += 1;
    level->mean += gap / level->n;
    level->squares += gap * (x - level->mean);
}

/* How far two means may lie apart by chance. */
static double bound_of(const mw_level *level, const stats_adwin *window)
{
    double all = level->n + window->width, parts = 1 / level->n + 1 / window->width;
    double spread = (level->squares + window->variance) / all;
    return sqrt(2 * parts * spread * RARITY) + 2.0 / 3 * RARITY * parts;
}

void mw_level_add(mw_level *level, double x)
{
    if (!isfinite(x))
        return;
    if (level->n < (double)level->n_reference) {
        learn(level, x);
        return;
    }
    const stats_adwin *window = &level->window;
    (void)stats_adwin_add(&level->window, &level->options, x);
    double rise = window->total / window->width - level->mean;
    double bound = bound_of(level, window);
    level->is_risen = rise > LEAST_RISE * level->mean + (level->is_risen ? bound / 2 : bound);
}

void mw_level_look(const mw_level *level, mw_level_state *ret_state)
{
    const stats_adwin *window = &level->window;
    bool is_there = window->width >= 1;
    *ret_state = (mw_level_state){.is_risen = level->is_risen,
                                  .n_reference = level->n,
                                  .reference = level->n > 0 ? level->mean : (double)NAN,
                                  .n = window->width,
                                  .mean = is_there ? window->total / window->width : (double)NAN,
                                  .bound = is_there ? bound_of(level, window) : (double)NAN};
}
