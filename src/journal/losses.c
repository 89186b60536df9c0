/* See losses.h.
 *
 *     probabilities   1 where another class is the likeliest; of one of two: beyond a half
 *     classes         1 where another one was said
 *     a number        1 where it is further off than four of five of the first ones were
 *
 * The first labels are the reference; they were told at first, whenever their predictions were
 * made. A label that is said anew does not change what was. That how far is far was learned from
 * the first labels of a regression makes the scan's promise a near one there: those are a fifth
 * far off by choice, and not by chance. */
#include "losses.h"

#include <math.h>
#include <stdlib.h>

#include "join.h"

#include "base/banned.h"

#define USUAL 0.8 /* of the first distances */

static bool is_wrong(const mw_log_shape *shape, const journal_observation *item)
{
    bool has_shares = shape->answer == MW_LOG_PROBABILITIES && shape->n_outputs > 2;
    bool is_chance = shape->answer != MW_LOG_CLASS && !has_shares;
    return (is_chance ? item->score >= 0.5 : item->score) != item->label;
}

/* Its scale is known once there are as many as the reference wants: then they are the reference. */
static void add_distance(journal_losses *losses, double distance)
{
    if (!losses->first && losses->n_first == 0)
        losses->first = malloc(2 * MW_LIMIT_LOSS_LABELS * sizeof *losses->first);
    if (!losses->first && losses->n_first < MW_LIMIT_LOSS_LABELS)
        return;
    if (losses->n_first == MW_LIMIT_LOSS_LABELS) {
        mw_level_add(losses->level, distance > losses->scale);
        return;
    }
    double *kept = losses->first, *sorted = kept + MW_LIMIT_LOSS_LABELS;
    kept[losses->n_first++] = distance;
    if (losses->n_first < MW_LIMIT_LOSS_LABELS)
        return;
    memcpy(sorted, kept, losses->n_first * sizeof *sorted);
    double *scratch = malloc(losses->n_first * sizeof *scratch);
    if (!scratch) {
        losses->n_first--; /* the next one tries again */
        return;
    }
    mw_sort(sorted, losses->n_first, scratch);
    const mw_sample sample = {.sorted = sorted, .n = losses->n_first};
    losses->scale = mw_sample_quantile(&sample, USUAL);
    for (size_t i = 0; i < losses->n_first; i++)
        mw_level_add(losses->level, kept[i] > losses->scale);
    free(scratch);
    free(losses->first);
    losses->first = NULL;
}

void journal_losses_add(journal_losses *losses, const mw_log_shape *shape,
                        const journal_observation *item)
{
    mw_error ignored;
    if (!losses->level && mw_level_new(MW_LIMIT_LOSS_LABELS, &losses->level, &ignored) != MW_OK)
        return;
    double distance = fabs(item->score - item->label);
    if (shape->answer != MW_LOG_NUMBER)
        mw_level_add(losses->level, is_wrong(shape, item));
    else if (isfinite(distance))
        add_distance(losses, distance);
}

void journal_losses_done(journal_losses *losses)
{
    mw_level_free(losses->level);
    free(losses->first);
    *losses = (journal_losses){NULL};
}

bool journal_losses_look(const journal_losses *losses, const mw_log_shape *shape,
                         mw_performance_loss *ret_loss)
{
    if (!losses->level)
        return false;
    *ret_loss =
        (mw_performance_loss){.name = shape->answer == MW_LOG_NUMBER ? "far_off" : "zero_one"};
    mw_level_look(losses->level, &ret_loss->level);
    return ret_loss->level.n_reference > 0;
}
