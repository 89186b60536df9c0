/* See losses.h.
 *
 *     probabilities   half the squared distance to the truth: Brier's score, 0..1
 *     classes         1 where another one was said
 *     a number        |e| / (|e| + s), s: the median distance of the first labels; 0.5 is usual
 *
 * The first labels are the reference; they were told at first, whenever their predictions were
 * made. A label that is said anew does not change what was. */
#include "losses.h"

#include <math.h>
#include <stdlib.h>

#include "join.h"

#include "base/banned.h"

static bool has_shares(const mw_log_shape *shape)
{
    return shape->answer == MW_LOG_PROBABILITIES && shape->n_outputs > 2;
}

static double loss_of_shares(const mw_log_shape *shape, const journal_observation *item)
{
    double sum = 0;
    for (size_t k = 0; k < shape->n_outputs; k++) {
        double gap = item->shares[k] - (item->label == (double)k);
        sum += gap * gap;
    }
    return fmin(sum / 2, 1);
}

static double loss_of(const mw_log_shape *shape, const journal_observation *item)
{
    if (has_shares(shape))
        return item->shares ? loss_of_shares(shape, item) : (double)NAN;
    if (shape->answer == MW_LOG_CLASS)
        return item->score != item->label;
    double gap = item->score - item->label;
    return fmin(gap * gap, 1);
}

/* Its scale is known once there are as many as the reference wants: then they are the reference. */
static void add_distance(journal_losses *losses, double distance)
{
    if (!losses->first && losses->n_first == 0)
        losses->first = malloc(2 * MW_LIMIT_LOSS_LABELS * sizeof *losses->first);
    if (!losses->first && losses->n_first < MW_LIMIT_LOSS_LABELS)
        return;
    if (losses->n_first == MW_LIMIT_LOSS_LABELS) {
        mw_level_add(losses->level, distance / (distance + losses->scale));
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
    losses->scale = fmax(mw_sample_quantile(&sample, 0.5), 1e-300);
    for (size_t i = 0; i < losses->n_first; i++)
        mw_level_add(losses->level, kept[i] / (kept[i] + losses->scale));
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
        mw_level_add(losses->level, loss_of(shape, item));
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
    *ret_loss = (mw_performance_loss){.name = shape->answer == MW_LOG_NUMBER  ? "relative_distance"
                                              : shape->answer == MW_LOG_CLASS ? "zero_one"
                                                                              : "brier"};
    mw_level_look(losses->level, &ret_loss->level);
    return ret_loss->level.n_reference > 0;
}
