/* Two classes: what a score ranks, what it promises, what decisions by it come to.
 *
 * Everything that ranks comes from one walk down the rows by falling score, a block of equal scores
 * at a time, so that the order of the input counts for nothing but lift, which cuts a block. */
#include "quality_tasks.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum {
    ROC_AUC,
    AVERAGE_PRECISION,
    LOG_LOSS,
    BRIER,
    ECE,
    MCE,
    CALIBRATION_GAP,
    KS,
    GINI,
    LIFT_1,
    LIFT_10,
    ACCURACY,
    BALANCED_ACCURACY,
    PRECISION,
    RECALL,
    SPECIFICITY,
    NPV,
    FPR,
    FNR,
    F1,
    F2,
    F05,
    MCC,
    KAPPA,
    JACCARD,
    SELECTION_RATE,
    BASE_RATE,
    N_METRICS
};

static const mw_quality_metric metrics[N_METRICS] = {
    [ROC_AUC] = {"roc_auc", 1, true, MW_BY_DELONG,
                 "a positive is ranked above a negative, ties half"},
    [AVERAGE_PRECISION] = {"average_precision", 1, true, MW_BY_BOOTSTRAP,
                           "area under precision and recall, without interpolation"},
    [LOG_LOSS] = {"log_loss", -1, false, MW_BY_NORMAL, "mean of -ln p(what came true)"},
    [BRIER] = {"brier", -1, true, MW_BY_NORMAL, "mean squared error of probabilities"},
    [ECE] = {"ece", -1, true, MW_BY_REFLECTION,
             "mean gap of score and rate over ten bins of equal width"},
    [MCE] = {"mce", -1, true, MW_BY_REFLECTION, "largest gap of score and rate of those bins"},
    [CALIBRATION_GAP] = {"calibration_gap", 0, true, MW_BY_NORMAL, "mean score less the rate"},
    [KS] = {"ks", 1, true, MW_BY_BOOTSTRAP, "largest gap of recall and false positive rate"},
    [GINI] = {"gini", 1, true, MW_BY_NORMAL, "2 AUC - 1"},
    [LIFT_1] = {"lift_1", 1, false, MW_BY_BOOTSTRAP, "positives in the top 1 %, over the rate"},
    [LIFT_10] = {"lift_10", 1, false, MW_BY_BOOTSTRAP, "positives in the top 10 %, over the rate"},
    [ACCURACY] = {"accuracy", 1, true, MW_BY_WILSON, "decisions that are right"},
    [BALANCED_ACCURACY] = {"balanced_accuracy", 1, true, MW_BY_BOOTSTRAP,
                           "mean of recall and specificity"},
    [PRECISION] = {"precision", 1, true, MW_BY_WILSON, "positives among the selected"},
    [RECALL] = {"recall", 1, true, MW_BY_WILSON, "selected among the positives"},
    [SPECIFICITY] = {"specificity", 1, true, MW_BY_WILSON, "not selected among the negatives"},
    [NPV] = {"npv", 1, true, MW_BY_WILSON, "negatives among those not selected"},
    [FPR] = {"fpr", -1, true, MW_BY_WILSON, "selected among the negatives"},
    [FNR] = {"fnr", -1, true, MW_BY_WILSON, "not selected among the positives"},
    [F1] = {"f1", 1, true, MW_BY_BOOTSTRAP, "harmonic mean of precision and recall"},
    [F2] = {"f2", 1, true, MW_BY_BOOTSTRAP, "the same, recall counts twice"},
    [F05] = {"f0.5", 1, true, MW_BY_BOOTSTRAP, "the same, recall counts half"},
    [MCC] = {"mcc", 1, true, MW_BY_BOOTSTRAP, "Matthews' correlation of decision and truth"},
    [KAPPA] = {"kappa", 1, true, MW_BY_BOOTSTRAP, "agreement beyond chance (Cohen)"},
    [JACCARD] = {"jaccard", 1, true, MW_BY_BOOTSTRAP, "right among selected or positive"},
    [SELECTION_RATE] = {"selection_rate", 0, true, MW_BY_WILSON, "selected among all"},
    [BASE_RATE] = {"base_rate", 0, true, MW_BY_WILSON, "positives among all"},
};

/* ---- losses ---------------------------------------------------------------------------------- */

static double log_loss_of(const mw_judged *rows, size_t row)
{
    double p = fmin(fmax(rows->predicted[row], DBL_EPSILON), 1 - DBL_EPSILON);
    return rows->is_probability ? -log(rows->truth[row] > 0 ? p : 1 - p) : (double)NAN;
}

static double brier_of(const mw_judged *rows, size_t row)
{
    double gap = rows->predicted[row] - rows->truth[row];
    return rows->is_probability ? gap * gap : (double)NAN;
}

static double gap_of(const mw_judged *rows, size_t row)
{
    return rows->is_probability ? rows->predicted[row] - rows->truth[row] : (double)NAN;
}

static bool is_selected(const mw_judged *rows, size_t row)
{
    return rows->predicted[row] >= rows->threshold;
}

static double right_of(const mw_judged *rows, size_t row)
{
    return is_selected(rows, row) == (rows->truth[row] > 0);
}

static double selected_of(const mw_judged *rows, size_t row)
{
    return is_selected(rows, row);
}

static double positive_of(const mw_judged *rows, size_t row)
{
    return rows->truth[row] > 0;
}

static const quality_loss losses[] = {{LOG_LOSS, log_loss_of},       {BRIER, brier_of},
                                      {CALIBRATION_GAP, gap_of},     {ACCURACY, right_of},
                                      {SELECTION_RATE, selected_of}, {BASE_RATE, positive_of}};

static mw_status open_binary(mw_quality *quality, mw_error *err)
{
    size_t n = quality->n_units;
    quality->order = quality_room(n, sizeof *quality->order, err);
    if (!quality->order)
        return MW_NO_MEMORY;
    MW_TRY(quality_order(quality->rows.predicted, n, quality->order, err));
    quality->slice_losses = quality->losses[0];
    if (quality->rows.is_probability)
        return MW_OK;
    quality->slice_losses = quality_room(n, sizeof(double), err);
    if (!quality->slice_losses)
        return MW_NO_MEMORY;
    quality->owns_slice_losses = true;
    for (size_t row = 0; row < n; row++)
        quality->slice_losses[row] = 1 - right_of(&quality->rows, row);
    return MW_OK;
}

/* ---- ranking --------------------------------------------------------------------------------- */

/* A block of equal scores, and what stands above it. */
typedef struct walk {
    const mw_quality *quality;
    const double *w;
    size_t at, end;
    double positive, negative, positive_above, negative_above;
} walk;

static bool next_block(walk *k)
{
    const mw_judged *rows = &k->quality->rows;
    const uint32_t *order = k->quality->order;
    k->positive_above += k->positive;
    k->negative_above += k->negative;
    k->positive = k->negative = 0;
    if (k->end >= rows->n_rows)
        return false;
    k->at = k->end;
    double score = rows->predicted[order[k->at]];
    for (; k->end < rows->n_rows && rows->predicted[order[k->end]] == score; k->end++) {
        uint32_t row = order[k->end];
        *(rows->truth[row] > 0 ? &k->positive : &k->negative) += k->w[row];
    }
    return true;
}

/* Positives in the top `share` of the rows, over the base rate. */
static double lift_of(const mw_quality *quality, const double *w, double share, double positives,
                      double all)
{
    double top = share * all, taken = 0, hits = 0;
    top = quality->rows.weights ? top : ceil(top - 1e-9 * all);
    for (size_t i = 0; i < quality->n_units && taken < top; i++) {
        uint32_t row = quality->order[i];
        double part = fmin(w[row], top - taken);
        taken += part;
        hits += quality->rows.truth[row] > 0 ? part : 0;
    }
    return quality_ratio(hits / taken, positives / all);
}

static void rank(const mw_quality *quality, const double *w, double positives, double negatives,
                 double *values, double *aids)
{
    walk k = {.quality = quality, .w = w};
    stats_sum pairs = {0, 0}, precision = {0, 0}, v10 = {0, 0}, v01 = {0, 0};
    double ks = 0;
    while (next_block(&k)) {
        double tp = k.positive_above + k.positive, fp = k.negative_above + k.negative;
        stats_add(&pairs, k.negative * (k.positive_above + k.positive / 2));
        if (k.positive > 0)
            stats_add(&precision, k.positive * (tp / (tp + fp)));
        ks = fmax(ks, fabs(tp / positives - fp / negatives));
    }
    values[LIFT_1] = lift_of(quality, w, 0.01, positives, positives + negatives);
    values[LIFT_10] = lift_of(quality, w, 0.1, positives, positives + negatives);
    values[AVERAGE_PRECISION] = quality_ratio(stats_total(&precision), positives);
    if (!(positives > 0) || !(negatives > 0))
        return;
    double auc = stats_total(&pairs) / (positives * negatives);
    values[ROC_AUC] = auc;
    values[GINI] = 2 * auc - 1;
    values[KS] = ks;
    if (!aids || positives < 2 || negatives < 2)
        return;
    k = (walk){.quality = quality, .w = w};
    while (next_block(&k)) { /* placements less their mean, which is the AUC for both kinds */
        double below = negatives - k.negative_above - k.negative;
        double of_positive = (below + k.negative / 2) / negatives - auc;
        double of_negative = (k.positive_above + k.positive / 2) / positives - auc;
        stats_add(&v10, k.positive * of_positive * of_positive);
        stats_add(&v01, k.negative * of_negative * of_negative);
    }
    aids[ROC_AUC] = stats_total(&v10) / (positives - 1) / positives +
                    stats_total(&v01) / (negatives - 1) / negatives;
    aids[GINI] = 4 * aids[ROC_AUC];
}

/* ---- calibration ----------------------------------------------------------------------------- */

static void calibrate(const mw_quality *quality, const double *w,
                      mw_calibration_bin bins[MW_CALIBRATION_BINS])
{
    const mw_judged *rows = &quality->rows;
    memset(bins, 0, MW_CALIBRATION_BINS * sizeof *bins);
    for (size_t row = 0; row < rows->n_rows; row++) {
        double place = ceil(rows->predicted[row] * MW_CALIBRATION_BINS) - 1;
        mw_calibration_bin *bin = &bins[place <= 0                     ? 0
                                        : place >= MW_CALIBRATION_BINS ? MW_CALIBRATION_BINS - 1
                                                                       : (size_t)place];
        bin->n += w[row];
        bin->mean_score += w[row] * rows->predicted[row];
        bin->rate += w[row] * rows->truth[row];
    }
    for (size_t b = 0; b < MW_CALIBRATION_BINS; b++) {
        bins[b].mean_score = quality_ratio(bins[b].mean_score, bins[b].n);
        bins[b].rate = quality_ratio(bins[b].rate, bins[b].n);
    }
}

static void measure_calibration(const mw_quality *quality, const double *w, double all,
                                double *values)
{
    mw_calibration_bin bins[MW_CALIBRATION_BINS];
    if (!quality->rows.is_probability)
        return;
    calibrate(quality, w, bins);
    values[ECE] = values[MCE] = 0;
    for (size_t b = 0; b < MW_CALIBRATION_BINS; b++) {
        double gap = bins[b].n > 0 ? fabs(bins[b].rate - bins[b].mean_score) : 0;
        values[ECE] += bins[b].n / all * gap;
        values[MCE] = fmax(values[MCE], gap);
    }
}

void mw_calibration_of(const mw_quality *quality, const double *times,
                       mw_calibration_bin ret_bins[MW_CALIBRATION_BINS])
{
    mw_error ignored;
    double *w = quality_room(quality->n_units, sizeof *w, &ignored);
    memset(ret_bins, 0, MW_CALIBRATION_BINS * sizeof *ret_bins);
    if (!w)
        return;
    for (size_t row = 0; row < quality->n_units; row++)
        w[row] =
            (quality->rows.weights ? quality->rows.weights[row] : 1) * (times ? times[row] : 1);
    calibrate(quality, w, ret_bins);
    free(w);
}

/* ---- decisions ------------------------------------------------------------------------------- */

static mw_confusion count(const mw_quality *quality, const double *w)
{
    const mw_judged *rows = &quality->rows;
    mw_confusion c = {0, 0, 0, 0};
    double *cells[] = {&c.tn, &c.fp, &c.fn, &c.tp};
    for (size_t row = 0; row < rows->n_rows; row++)
        *cells[2 * (rows->truth[row] > 0) + is_selected(rows, row)] += w[row];
    return c;
}

static double f_score(const mw_confusion *c, double beta_2)
{
    return quality_ratio((1 + beta_2) * c->tp, (1 + beta_2) * c->tp + beta_2 * c->fn + c->fp);
}

static void put_share(double *values, double *aids, int metric, const mw_confusion *c,
                      mw_outcome_rate rate)
{
    double k, n;
    mw_outcome_rate_parts(c, rate, &k, &n);
    values[metric] = quality_ratio(k, n);
    if (aids)
        aids[metric] = n;
}

static void decide(const mw_confusion *c, double *values, double *aids)
{
    double selected = c->tp + c->fp, positive = c->tp + c->fn, all = mw_confusion_total(c);
    double passed = all - selected, negative = all - positive;
    put_share(values, aids, PRECISION, c, MW_RATE_PPV);
    put_share(values, aids, RECALL, c, MW_RATE_TPR);
    put_share(values, aids, SPECIFICITY, c, MW_RATE_TNR);
    put_share(values, aids, NPV, c, MW_RATE_NPV);
    put_share(values, aids, FPR, c, MW_RATE_FPR);
    put_share(values, aids, FNR, c, MW_RATE_FNR);
    values[BALANCED_ACCURACY] = (values[RECALL] + values[SPECIFICITY]) / 2;
    values[F1] = f_score(c, 1);
    values[F2] = f_score(c, 4);
    values[F05] = f_score(c, 0.25);
    values[JACCARD] = quality_ratio(c->tp, c->tp + c->fn + c->fp);
    double spread = sqrt(selected) * sqrt(passed) * sqrt(positive) * sqrt(negative);
    values[MCC] = spread > 0 ? (c->tp * c->tn - c->fp * c->fn) / spread : 0;
    double by_chance = (selected / all) * (positive / all) + (passed / all) * (negative / all);
    values[KAPPA] = quality_ratio((c->tp + c->tn) / all - by_chance, 1 - by_chance);
}

void mw_quality_confusion(const mw_quality *quality, mw_confusion *ret_confusion)
{
    const mw_judged *rows = &quality->rows;
    *ret_confusion = (mw_confusion){0, 0, 0, 0};
    double *cells[] = {&ret_confusion->tn, &ret_confusion->fp, &ret_confusion->fn,
                       &ret_confusion->tp};
    for (size_t row = 0; row < rows->n_rows; row++)
        *cells[2 * (rows->truth[row] > 0) + is_selected(rows, row)] +=
            rows->weights ? rows->weights[row] : 1;
}

static void rest_of_binary(const mw_quality *quality, const double *w, double *values, double *aids)
{
    mw_confusion c = count(quality, w);
    decide(&c, values, aids);
    rank(quality, w, c.tp + c.fn, c.fp + c.tn, values, aids);
    measure_calibration(quality, w, mw_confusion_total(&c), values);
}

const quality_kind quality_binary = {metrics,          N_METRICS,   losses,
                                     MW_COUNT(losses), open_binary, rest_of_binary};

/* ---- curves ---------------------------------------------------------------------------------- */

size_t mw_roc_curve(const mw_quality *quality, double *ret_fpr, double *ret_tpr, size_t limit)
{
    mw_confusion c;
    size_t n = 0, n_blocks = 0, seen = 0, n_rows = quality->n_units;
    const double *scores = quality->rows.predicted;
    double positive = 0, negative = 0;
    mw_quality_confusion(quality, &c);
    for (size_t i = 0; i < n_rows; i++)
        n_blocks += i == 0 || scores[quality->order[i]] != scores[quality->order[i - 1]];
    ret_fpr[n] = ret_tpr[n] = 0;
    n++;
    for (size_t i = 0; i < n_rows; i++) {
        uint32_t row = quality->order[i];
        double w = quality->rows.weights ? quality->rows.weights[row] : 1;
        *(quality->rows.truth[row] > 0 ? &positive : &negative) += w;
        bool ends = i + 1 == n_rows || scores[quality->order[i + 1]] != scores[row];
        if (!ends)
            continue;
        seen++;
        if (seen * (limit - 1) / n_blocks < n && i + 1 < n_rows)
            continue;
        ret_fpr[n] = quality_ratio(negative, c.fp + c.tn);
        ret_tpr[n++] = quality_ratio(positive, c.tp + c.fn);
    }
    return n;
}
