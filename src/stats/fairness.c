/* Decisions by group: rates, how far they lie apart, inequality of benefits, ranking quality.
 * Definitions and sources stand in stats.h; all but the AUC follow from four numbers a group. */
#include "special.h"

#include <math.h>

#include "base/banned.h"

/* ---- rates ----------------------------------------------------------------------------------- */

const char *mw_outcome_rate_name(mw_outcome_rate rate)
{
    static const char *const names[MW_N_RATES] = {"selection_rate",
                                                  "accuracy",
                                                  "base_rate",
                                                  "tpr",
                                                  "fpr",
                                                  "fnr",
                                                  "tnr",
                                                  "ppv",
                                                  "npv",
                                                  "fdr",
                                                  "for"};
    return names[rate];
}

double mw_confusion_total(const mw_confusion *c)
{
    return c->tp + c->fp + c->fn + c->tn;
}

void mw_confusion_add(mw_confusion *sum, const mw_confusion *c)
{
    sum->tp += c->tp;
    sum->fp += c->fp;
    sum->fn += c->fn;
    sum->tn += c->tn;
}

/* Few groups are counted by four rows at once, each in a table of its own: a row that falls into
 * the cell of the row before would wait for it. */
void mw_confusion_count(const uint8_t *labels, const double *scores, double threshold,
                        const uint32_t *group_of, size_t n_rows, mw_confusion *ret_groups,
                        size_t n_groups)
{
    enum { FEW = 64, TABLES = 4, CELLS = 4 };
    uint32_t cells[TABLES][FEW * CELLS];
    memset(ret_groups, 0, n_groups * sizeof *ret_groups);
    memset(cells, 0, sizeof cells);
    for (size_t row = 0; row < n_rows; row++) {
        size_t kind = (size_t)(labels[row] != 0) * 2 + (scores[row] >= threshold);
        mw_confusion *group = &ret_groups[group_of[row]];
        if (n_groups <= FEW)
            cells[row % TABLES][group_of[row] * CELLS + kind]++;
        else
            *(kind == 3   ? &group->tp
              : kind == 2 ? &group->fn
              : kind == 1 ? &group->fp
                          : &group->tn) += 1;
    }
    for (size_t g = 0; g < n_groups && n_groups <= FEW; g++)
        for (size_t t = 0; t < TABLES; t++) {
            const uint32_t *c = &cells[t][g * CELLS];
            mw_confusion some = {.tn = c[0], .fp = c[1], .fn = c[2], .tp = c[3]};
            mw_confusion_add(&ret_groups[g], &some);
        }
}

void mw_outcome_rate_parts(const mw_confusion *c, mw_outcome_rate rate, double *ret_k,
                           double *ret_n)
{
    double all = mw_confusion_total(c);
    double positives = c->tp + c->fn, negatives = c->fp + c->tn;
    double selected = c->tp + c->fp, refused = c->tn + c->fn;
    const double parts[MW_N_RATES][2] = {
        [MW_RATE_SELECTION] = {selected, all}, [MW_RATE_ACCURACY] = {c->tp + c->tn, all},
        [MW_RATE_BASE] = {positives, all},     [MW_RATE_TPR] = {c->tp, positives},
        [MW_RATE_FPR] = {c->fp, negatives},    [MW_RATE_FNR] = {c->fn, positives},
        [MW_RATE_TNR] = {c->tn, negatives},    [MW_RATE_PPV] = {c->tp, selected},
        [MW_RATE_NPV] = {c->tn, refused},      [MW_RATE_FDR] = {c->fp, selected},
        [MW_RATE_FOR] = {c->fn, refused}};
    *ret_k = parts[rate][0];
    *ret_n = parts[rate][1];
}

double mw_outcome_rate_of(const mw_confusion *c, mw_outcome_rate rate)
{
    double k, n;
    mw_outcome_rate_parts(c, rate, &k, &n);
    return n > 0 ? k / n : (double)NAN;
}

/* ---- gaps ------------------------------------------------------------------------------------ */

static double ratio_of(double a, double b)
{
    return b != 0 ? a / b : a == 0 ? (double)NAN : (double)INFINITY;
}

/* The smaller over the larger, whichever is which; NaN counts for nothing in fmin. */
static double nearness(double a, double b)
{
    double one = ratio_of(a, b), other = ratio_of(b, a);
    return fmin(one, other);
}

mw_gaps mw_gaps_of(const double *rates, size_t n, double overall)
{
    mw_gaps gaps = {(double)NAN, (double)NAN, (double)NAN, (double)NAN, n, n};
    size_t n_known = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(rates[i]))
            continue;
        n_known++;
        gaps.highest = gaps.highest == n || rates[i] > rates[gaps.highest] ? i : gaps.highest;
        gaps.lowest = gaps.lowest == n || rates[i] < rates[gaps.lowest] ? i : gaps.lowest;
        gaps.difference_to_overall = fmax(gaps.difference_to_overall, fabs(rates[i] - overall));
        gaps.ratio_to_overall = fmin(gaps.ratio_to_overall, nearness(rates[i], overall));
    }
    if (n_known < 2)
        return gaps;
    gaps.difference = rates[gaps.highest] - rates[gaps.lowest];
    gaps.ratio = ratio_of(rates[gaps.lowest], rates[gaps.highest]);
    return gaps;
}

/* ---- inequality ------------------------------------------------------------------------------ */

static double inequality(double benefit, double mean, double alpha)
{
    double share = benefit / mean;
    if (alpha == 1)
        return share > 0 ? share * log(share) : 0;
    return (pow(share, alpha) - 1) / (alpha * (alpha - 1));
}

/* A benefit is 0 (refused, although positive), 1 (right), or 2 (selected, although negative). */
static double mean_benefit(const mw_confusion *c)
{
    return (c->tp + c->tn + 2 * c->fp) / mw_confusion_total(c);
}

double mw_generalized_entropy(const mw_confusion *c, double alpha)
{
    double all = mw_confusion_total(c), mean = mean_benefit(c);
    if (!(all > 0) || !(mean > 0))
        return (double)NAN;
    return (c->fn * inequality(0, mean, alpha) + (c->tp + c->tn) * inequality(1, mean, alpha) +
            c->fp * inequality(2, mean, alpha)) /
           all;
}

double mw_generalized_entropy_between(const mw_confusion *groups, size_t n, double alpha)
{
    mw_confusion all = {0};
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        mw_confusion_add(&all, &groups[i]);
    double mean = mean_benefit(&all);
    if (!(mean > 0))
        return (double)NAN;
    for (size_t i = 0; i < n; i++) {
        double size = mw_confusion_total(&groups[i]);
        sum += size > 0 ? size * inequality(mean_benefit(&groups[i]), mean, alpha) : 0;
    }
    return sum / mw_confusion_total(&all);
}

/* ---- ranking --------------------------------------------------------------------------------- */

/* Twice the pairs in which the positive is above, ties once: whole numbers, so exact. */
double mw_auc(const double *positives, size_t n_positives, const double *negatives,
              size_t n_negatives)
{
    size_t below = 0, up_to = 0;
    double wins = 0;
    if (n_positives == 0 || n_negatives == 0)
        return (double)NAN;
    for (size_t i = 0; i < n_positives; i++) {
        while (below < n_negatives && negatives[below] < positives[i])
            below++;
        up_to = up_to < below ? below : up_to;
        while (up_to < n_negatives && negatives[up_to] <= positives[i])
            up_to++;
        wins += (double)(below + up_to);
    }
    return wins / 2 / ((double)n_positives * (double)n_negatives);
}
