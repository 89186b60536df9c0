/* Several classes: decisions by class, averaged in three ways; probabilities; and areas of one
 * class against the rest and against each other one (Hand and Till 2001).
 *
 * Classes that neither came true nor were predicted count for no average; one that was never
 * predicted counts with precision 0, as in scikit-learn. */
#include "quality_tasks.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum {
    LOG_LOSS,
    ACCURACY,
    BALANCED_ACCURACY,
    F1_MACRO,
    F1_MICRO,
    F1_WEIGHTED,
    PRECISION_MACRO,
    PRECISION_MICRO,
    PRECISION_WEIGHTED,
    RECALL_MACRO,
    RECALL_MICRO,
    RECALL_WEIGHTED,
    MCC,
    KAPPA,
    KAPPA_QUADRATIC,
    TOP_2,
    BRIER,
    AUC_OVR_MACRO,
    AUC_OVR_WEIGHTED,
    AUC_OVO_MACRO,
    AUC_OVO_WEIGHTED,
    N_METRICS
};

enum { PAIRED_CLASSES = 64 /* more are not set against each other */ };

static const mw_quality_metric metrics[N_METRICS] = {
    [LOG_LOSS] = {"log_loss", -1, false, MW_BY_NORMAL, "mean of -ln p(what came true)"},
    [ACCURACY] = {"accuracy", 1, true, MW_BY_WILSON, "rows whose class is right"},
    [BALANCED_ACCURACY] = {"balanced_accuracy", 1, true, MW_BY_BOOTSTRAP, "mean recall of classes"},
    [F1_MACRO] = {"f1_macro", 1, true, MW_BY_BOOTSTRAP, "mean F1 of classes"},
    [F1_MICRO] = {"f1_micro", 1, true, MW_BY_BOOTSTRAP, "F1 of pooled counts: the accuracy"},
    [F1_WEIGHTED] = {"f1_weighted", 1, true, MW_BY_BOOTSTRAP, "mean F1 by the size of classes"},
    [PRECISION_MACRO] = {"precision_macro", 1, true, MW_BY_BOOTSTRAP, "mean precision"},
    [PRECISION_MICRO] = {"precision_micro", 1, true, MW_BY_BOOTSTRAP, "of pooled counts"},
    [PRECISION_WEIGHTED] = {"precision_weighted", 1, true, MW_BY_BOOTSTRAP, "by size of classes"},
    [RECALL_MACRO] = {"recall_macro", 1, true, MW_BY_BOOTSTRAP, "mean recall"},
    [RECALL_MICRO] = {"recall_micro", 1, true, MW_BY_BOOTSTRAP, "of pooled counts"},
    [RECALL_WEIGHTED] = {"recall_weighted", 1, true, MW_BY_BOOTSTRAP, "by size of classes"},
    [MCC] = {"mcc", 1, true, MW_BY_BOOTSTRAP, "correlation of class and truth (Gorodkin)"},
    [KAPPA] = {"kappa", 1, true, MW_BY_BOOTSTRAP, "agreement beyond chance (Cohen)"},
    [KAPPA_QUADRATIC] = {"kappa_quadratic", 1, true, MW_BY_BOOTSTRAP,
                         "the same, for ordered classes"},
    [TOP_2] = {"top_2_accuracy", 1, true, MW_BY_WILSON, "truth among the two likeliest"},
    [BRIER] = {"brier", -1, false, MW_BY_NORMAL, "squared errors summed over classes"},
    [AUC_OVR_MACRO] = {"roc_auc_ovr", 1, true, MW_BY_BOOTSTRAP, "class against the rest, mean"},
    [AUC_OVR_WEIGHTED] = {"roc_auc_ovr_weighted", 1, true, MW_BY_BOOTSTRAP, "the same, by size"},
    [AUC_OVO_MACRO] = {"roc_auc_ovo", 1, true, MW_BY_BOOTSTRAP, "class against class, mean"},
    [AUC_OVO_WEIGHTED] = {"roc_auc_ovo_weighted", 1, true, MW_BY_BOOTSTRAP, "the same, by size"},
};

/* ---- losses ---------------------------------------------------------------------------------- */

static const double *shares_of(const mw_judged *rows, size_t row)
{
    return rows->shares ? rows->shares + row * rows->n_classes : NULL;
}

static double log_loss_of(const mw_judged *rows, size_t row)
{
    const double *p = shares_of(rows, row);
    return p ? -log(fmin(fmax(p[(size_t)rows->truth[row]], DBL_EPSILON), 1 - DBL_EPSILON))
             : (double)NAN;
}

static double brier_of(const mw_judged *rows, size_t row)
{
    const double *p = shares_of(rows, row);
    double sum = p ? 0 : (double)NAN;
    for (size_t c = 0; p && c < rows->n_classes; c++) {
        double gap = p[c] - ((size_t)rows->truth[row] == c);
        sum += gap * gap;
    }
    return sum;
}

/* Of equal probabilities the higher class is the likelier, as in top_k_accuracy_score. */
static double top_2_of(const mw_judged *rows, size_t row)
{
    const double *p = shares_of(rows, row);
    size_t truth = (size_t)rows->truth[row], n_above = 0;
    for (size_t c = 0; p && c < rows->n_classes; c++)
        n_above += p[c] > p[truth] || (p[c] == p[truth] && c > truth);
    return p ? n_above < 2 : (double)NAN;
}

static double right_of(const mw_judged *rows, size_t row)
{
    return rows->predicted[row] == rows->truth[row];
}

static const quality_loss losses[] = {
    {LOG_LOSS, log_loss_of}, {ACCURACY, right_of}, {BRIER, brier_of}, {TOP_2, top_2_of}};

static mw_status open_classes(mw_quality *quality, mw_error *err)
{
    const mw_judged *rows = &quality->rows;
    size_t n = rows->n_rows, k = rows->n_classes;
    quality->scratch = quality_room(k * k + 3 * k, sizeof(double), err);
    if (!quality->scratch)
        return MW_NO_MEMORY;
    quality->slice_losses = quality->losses[0];
    if (!rows->shares) {
        quality->slice_losses = quality_room(n, sizeof(double), err);
        if (!quality->slice_losses)
            return MW_NO_MEMORY;
        quality->owns_slice_losses = true;
        for (size_t row = 0; row < n; row++)
            quality->slice_losses[row] = 1 - right_of(rows, row);
        return MW_OK;
    }
    quality->order = quality_room(n * k, sizeof *quality->order, err);
    if (!quality->order)
        return MW_NO_MEMORY;
    double *column = quality_room(n, sizeof *column, err);
    if (!column)
        return MW_NO_MEMORY;
    mw_status status = MW_OK;
    for (size_t c = 0; c < k && status == MW_OK; c++) {
        for (size_t row = 0; row < n; row++)
            column[row] = rows->shares[row * k + c];
        status = quality_order(column, n, quality->order + c * n, err);
    }
    free(column);
    return status;
}

/* ---- decisions ------------------------------------------------------------------------------- */

/* cells[truth * k + predicted]; then the sums of its lines and columns. */
static void count(const mw_quality *quality, const double *w, double *cells, double *truths,
                  double *predictions)
{
    const mw_judged *rows = &quality->rows;
    size_t k = rows->n_classes;
    memset(cells, 0, k * k * sizeof *cells);
    memset(truths, 0, k * sizeof *truths);
    memset(predictions, 0, k * sizeof *predictions);
    for (size_t row = 0; row < rows->n_rows; row++) {
        size_t truth = (size_t)rows->truth[row], predicted = (size_t)rows->predicted[row];
        cells[truth * k + predicted] += w[row];
        truths[truth] += w[row];
        predictions[predicted] += w[row];
    }
}

static double or_zero(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void average(const double *cells, const double *truths, const double *predictions, size_t k,
                    double all, double *values)
{
    double sums[3][2] = {{0, 0}, {0, 0}, {0, 0}}, n_seen = 0, n_true = 0, recalls = 0;
    for (size_t c = 0; c < k; c++) {
        double hit = cells[c * k + c];
        double each[3] = {or_zero(2 * hit, truths[c] + predictions[c]),
                          or_zero(hit, predictions[c]), or_zero(hit, truths[c])};
        n_seen += truths[c] + predictions[c] > 0;
        n_true += truths[c] > 0;
        recalls += each[2];
        for (size_t i = 0; i < 3; i++) {
            sums[i][0] += each[i];
            sums[i][1] += truths[c] * each[i];
        }
    }
    static const int places[3] = {F1_MACRO, PRECISION_MACRO, RECALL_MACRO};
    for (size_t i = 0; i < 3; i++) {
        values[places[i]] = quality_ratio(sums[i][0], n_seen);
        values[places[i] + 1] = values[ACCURACY];
        values[places[i] + 2] = sums[i][1] / all;
    }
    values[BALANCED_ACCURACY] = quality_ratio(recalls, n_true);
}

static void agree(const double *cells, const double *truths, const double *predictions, size_t k,
                  double all, double *values)
{
    double chance = 0, truths_2 = 0, predictions_2 = 0, off = 0, off_by_chance = 0;
    for (size_t t = 0; t < k; t++) {
        chance += truths[t] * predictions[t];
        truths_2 += truths[t] * truths[t];
        predictions_2 += predictions[t] * predictions[t];
        for (size_t p = 0; p < k; p++) {
            double gap = (double)t - (double)p;
            off += gap * gap * cells[t * k + p];
            off_by_chance += gap * gap * truths[t] * predictions[p] / all;
        }
    }
    double hits = values[ACCURACY] * all;
    double spread = sqrt(all * all - truths_2) * sqrt(all * all - predictions_2);
    values[MCC] = spread > 0 ? (hits * all - chance) / spread : 0;
    values[KAPPA] = quality_ratio(hits / all - chance / (all * all), 1 - chance / (all * all));
    values[KAPPA_QUADRATIC] = off_by_chance > 0 ? 1 - off / off_by_chance : (double)NAN;
}

/* ---- ranking --------------------------------------------------------------------------------- */

/* pairs[j]: of rows of class c above rows of class j by the share of c, ties half. */
static void rank_class(const mw_quality *quality, const double *w, size_t c, double *pairs)
{
    const mw_judged *rows = &quality->rows;
    size_t n = rows->n_rows, k = rows->n_classes;
    const uint32_t *order = quality->order + c * n;
    double above = 0;
    memset(pairs, 0, k * sizeof *pairs);
    for (size_t at = 0, end; at < n; at = end) {
        double share = rows->shares[order[at] * k + c], here = 0;
        for (end = at; end < n && rows->shares[order[end] * k + c] == share; end++)
            here += (size_t)rows->truth[order[end]] == c ? w[order[end]] : 0;
        for (size_t i = at; i < end; i++) {
            size_t class = (size_t)rows->truth[order[i]];
            pairs[class] += class == c ? 0 : w[order[i]] * (above + here / 2);
        }
        above += here;
    }
}

/* scratch: k * k for pairs, behind the sums of lines. */
static void rank(const mw_quality *quality, const double *w, const double *truths, double all,
                 double *pairs, double *values)
{
    size_t k = quality->rows.n_classes;
    double ovr = 0, ovr_weighted = 0, ovo = 0, ovo_weighted = 0, pair_weights = 0;
    for (size_t c = 0; c < k; c++) {
        double won = 0;
        rank_class(quality, w, c, pairs + c * k);
        for (size_t j = 0; j < k; j++)
            won += pairs[c * k + j];
        double auc = quality_ratio(won, truths[c] * (all - truths[c]));
        ovr += auc;
        ovr_weighted += auc * truths[c];
    }
    values[AUC_OVR_MACRO] = ovr / (double)k;
    values[AUC_OVR_WEIGHTED] = ovr_weighted / all;
    for (size_t a = 0; a < k; a++)
        for (size_t b = 0; b < a; b++) {
            double both = (pairs[a * k + b] + pairs[b * k + a]) / (2 * truths[a] * truths[b]);
            ovo += both;
            ovo_weighted += both * (truths[a] + truths[b]) / all;
            pair_weights += (truths[a] + truths[b]) / all;
        }
    values[AUC_OVO_MACRO] = ovo / ((double)k * ((double)k - 1) / 2);
    values[AUC_OVO_WEIGHTED] = ovo_weighted / pair_weights;
}

static void rest_of_classes(const mw_quality *quality, const double *w, double *values,
                            double *aids)
{
    size_t k = quality->rows.n_classes;
    double *cells = quality->scratch, *truths = cells + k * k, *predictions = truths + k, all = 0;
    (void)aids;
    count(quality, w, cells, truths, predictions);
    for (size_t c = 0; c < k; c++)
        all += truths[c];
    average(cells, truths, predictions, k, all, values);
    agree(cells, truths, predictions, k, all, values);
    if (quality->rows.shares && k <= PAIRED_CLASSES)
        rank(quality, w, truths, all, cells, values);
}

const quality_kind quality_classes = {metrics,          N_METRICS,    losses,
                                      MW_COUNT(losses), open_classes, rest_of_classes};
