/* Areas under the ROC curve, their variance, and tests of two on the same rows.
 *
 * A placement is the share of the other kind that stands on the right side of a row, ties half. The
 * area is their mean, and its variance that of two means (DeLong, DeLong, Clarke-Pearson 1988); by
 * sorting, O(n log n) (Sun, Xu 2014). In float64 throughout: ports that rank in float32 are off by
 * 1e-7. */
#include "order.h"
#include "special.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

mw_status mw_auc_of(const double *scores, const uint8_t *labels, size_t n, double *ret_auc,
                    mw_error *err)
{
    double *room = malloc((2 * n + 1) * sizeof *room);
    if (!room)
        return mw_fail_memory(err, "the scores in order");
    size_t n_positives = 0, n_negatives = 0;
    for (size_t i = 0; i < n; i++) { /* positives from the front, negatives from the end */
        room[n_positives] = scores[i];
        room[n - 1 - n_negatives] = scores[i];
        n_positives += labels[i] != 0;
        n_negatives += labels[i] == 0;
    }
    mw_sort(room, n_positives, room + n);
    mw_sort(room + n_positives, n_negatives, room + n);
    *ret_auc = mw_auc(room, n_positives, room + n_positives, n_negatives);
    free(room);
    return MW_OK;
}

/* ---- placements ------------------------------------------------------------------------------ */

typedef struct placing {
    double n_positives, n_negatives, auc;
    stats_pair *room;
    uint32_t *order;
} placing;

static mw_status open_placing(placing *p, const uint8_t *labels, size_t n, mw_error *err)
{
    *p = (placing){.room = malloc((2 * n + 1) * sizeof *p->room),
                   .order = malloc((n + 1) * sizeof *p->order)};
    for (size_t i = 0; i < n; i++)
        *(labels[i] ? &p->n_positives : &p->n_negatives) += 1;
    if (p->room && p->order)
        return MW_OK;
    free(p->room);
    free(p->order);
    return mw_fail_memory(err, "the scores in order");
}

static void close_placing(placing *p)
{
    free(p->room);
    free(p->order);
}

/* Each row's, by row; both kinds' means are the area. */
static void place(placing *p, const double *scores, const uint8_t *labels, size_t n,
                  double *ret_placements)
{
    double positive_above = 0, negative_above = 0;
    stats_sum pairs = {0, 0};
    stats_order_falling(scores, n, p->room, p->order);
    for (size_t at = 0, end; at < n; at = end) {
        double positive = 0, negative = 0;
        for (end = at; end < n && scores[p->order[end]] == scores[p->order[at]]; end++)
            *(labels[p->order[end]] ? &positive : &negative) += 1;
        double of_positive = (p->n_negatives - negative_above - negative / 2) / p->n_negatives;
        double of_negative = (positive_above + positive / 2) / p->n_positives;
        for (size_t i = at; i < end; i++)
            ret_placements[p->order[i]] = labels[p->order[i]] ? of_positive : of_negative;
        stats_add(&pairs, negative * (positive_above + positive / 2));
        positive_above += positive;
        negative_above += negative;
    }
    p->auc = stats_total(&pairs) / (p->n_positives * p->n_negatives);
}

/* Of the mean placement of both kinds, about `mean`. */
static double variance_of(const placing *p, const double *placements, const uint8_t *labels,
                          size_t n, double mean)
{
    stats_sum of_positives = {0, 0}, of_negatives = {0, 0};
    if (p->n_positives < 2 || p->n_negatives < 2)
        return (double)NAN;
    for (size_t i = 0; i < n; i++) {
        double gap = placements[i] - mean;
        stats_add(labels[i] ? &of_positives : &of_negatives, gap * gap);
    }
    return stats_total(&of_positives) / (p->n_positives - 1) / p->n_positives +
           stats_total(&of_negatives) / (p->n_negatives - 1) / p->n_negatives;
}

mw_status mw_delong_of(const double *scores, const uint8_t *labels, size_t n, mw_delong *ret_delong,
                       mw_error *err)
{
    placing p;
    double *placements = malloc((n + 1) * sizeof *placements);
    if (!placements)
        return mw_fail_memory(err, "the placements");
    mw_status status = open_placing(&p, labels, n, err);
    if (status == MW_OK) {
        place(&p, scores, labels, n, placements);
        *ret_delong = (mw_delong){p.auc, variance_of(&p, placements, labels, n, p.auc)};
        close_placing(&p);
    }
    free(placements);
    return status;
}

mw_status mw_delong_compare(const double *first, const double *second, const uint8_t *labels,
                            size_t n, mw_delong_pair *ret_pair, mw_error *err)
{
    placing p;
    double *one = malloc((2 * n + 1) * sizeof *one), *other = one ? one + n : NULL;
    if (!one)
        return mw_fail_memory(err, "the placements");
    mw_status status = open_placing(&p, labels, n, err);
    if (status == MW_OK) {
        place(&p, first, labels, n, one);
        double auc = p.auc;
        place(&p, second, labels, n, other);
        double difference = p.auc - auc;
        for (size_t i = 0; i < n; i++)
            other[i] -= one[i];
        double variance = variance_of(&p, other, labels, n, difference);
        double z = variance > 0 ? difference / sqrt(variance) : difference == 0 ? 0 : (double)NAN;
        *ret_pair =
            (mw_delong_pair){auc, p.auc, difference, variance, z, 2 * mw_normal_tail(fabs(z))};
        close_placing(&p);
    }
    free(one);
    return status;
}

/* ---- decisions ------------------------------------------------------------------------------- */

mw_mcnemar mw_mcnemar_of(double only_first, double only_second)
{
    double n = only_first + only_second, least = fmin(only_first, only_second), tail = 0;
    double gap = fabs(only_first - only_second) - 1;
    mw_mcnemar test = {only_first, only_second, 1, 0, 1};
    if (!(n > 0))
        return test;
    for (double k = least; k >= 0; k--) {
        double mass = stats_binomial_mass(k, n, 0.5, 0.5);
        tail += mass;
        if (mass < tail * 1e-18)
            break;
    }
    test.p_exact = fmin(1, 2 * tail);
    test.statistic = gap * gap / n;
    test.p_corrected = mw_chi_square_tail(test.statistic, 1);
    return test;
}
