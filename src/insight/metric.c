/* Metrics over predictions in memory. */
#include "metric.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"

#include "base/banned.h"

static const char *const names[] = {
    [MW_METRIC_AUC] = "auc",   [MW_METRIC_LOGLOSS] = "logloss", [MW_METRIC_ACCURACY] = "accuracy",
    [MW_METRIC_RMSE] = "rmse", [MW_METRIC_MAE] = "mae",         [MW_METRIC_R2] = "r2"};

const char *mw_metric_name(mw_metric metric)
{
    return names[metric];
}

bool mw_metric_rises(mw_metric metric)
{
    return metric == MW_METRIC_AUC || metric == MW_METRIC_ACCURACY || metric == MW_METRIC_R2;
}

/* ---- what predictions are -------------------------------------------------------------------- */

typedef enum metric_form {
    FORM_NUMBER, /* one value, of any scale */
    FORM_SHARE,  /* one value: the probability of class 1 */
    FORM_SHARES, /* one probability a class */
    FORM_SCORES, /* one value a class, no probabilities: the largest one wins */
    FORM_LABEL   /* one value: the class itself */
} metric_form;

static metric_form form_of(const mw_forest *forest)
{
    switch (forest->transform) {
    case MW_TRANSFORM_ARGMAX:
    case MW_TRANSFORM_SIGMOID_LABEL:
    case MW_TRANSFORM_SOFTMAX_LABEL:
    case MW_TRANSFORM_HINGE:
        return FORM_LABEL;
    case MW_TRANSFORM_SIGMOID:
        return forest->n_predictions == 1 ? FORM_SHARE : FORM_SCORES;
    case MW_TRANSFORM_SOFTMAX:
    case MW_TRANSFORM_SOFTMAX_ZERO:
    case MW_TRANSFORM_SHARES:
    case MW_TRANSFORM_PAIR_SHARE:
    case MW_TRANSFORM_PAIR_SIGMOID:
        return FORM_SHARES;
    default:
        break;
    }
    return forest->n_predictions == 1 ? FORM_NUMBER : FORM_SCORES;
}

static bool is_classifier(const mw_forest *forest)
{
    return forest->n_classes > 1;
}

mw_metric mw_metric_default(const mw_forest *forest)
{
    metric_form form = form_of(forest);
    if (!is_classifier(forest))
        return MW_METRIC_RMSE;
    if (form == FORM_LABEL)
        return MW_METRIC_ACCURACY;
    if (forest->n_classes == 2)
        return MW_METRIC_AUC;
    return form == FORM_SHARES ? MW_METRIC_LOGLOSS : MW_METRIC_ACCURACY;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static const char *misfit_of(const mw_forest *forest, mw_metric metric)
{
    metric_form form = form_of(forest);
    switch (metric) {
    case MW_METRIC_AUC:
        return forest->n_classes > 2    ? "it is for two classes, the model has more"
               : !is_classifier(forest) ? "it is for classes, the model predicts numbers"
                                        : NULL;
    case MW_METRIC_LOGLOSS:
        return !is_classifier(forest) ? "it is for classes, the model predicts numbers"
               : form != FORM_SHARE && form != FORM_SHARES
                   ? "it needs probabilities, and the model gives none"
                   : NULL;
    case MW_METRIC_ACCURACY:
        return !is_classifier(forest) ? "it is for classes, the model predicts numbers"
               : form == FORM_NUMBER  ? "it needs probabilities or classes, the model gives margins"
                                      : NULL;
    case MW_METRIC_RMSE:
    case MW_METRIC_MAE:
    case MW_METRIC_R2:
        return is_classifier(forest)       ? "it is for numbers, the model predicts classes"
               : forest->n_predictions > 1 ? "it is for one number a row, the model predicts more"
                                           : NULL;
    }
    return "it is not known";
}

static mw_status check_target(const mw_forest *forest, double target, size_t row, mw_error *err)
{
    if (!isfinite(target))
        mw_fail(err, MW_E_TARGET, "the target is missing");
    else if (is_classifier(forest) &&
             !(target >= 0 && target < (double)forest->n_classes && target == floor(target)))
        mw_fail(err, MW_E_TARGET, "the target %g is no class: 0..%zu", target,
                forest->n_classes - 1);
    else
        return MW_OK;
    mw_at(err, "row %zu", row);
    return mw_mend(err, "give every row what came true; a class as its number or its label");
}

mw_status mw_metric_check(const mw_forest *forest, mw_metric metric, const double *target,
                          size_t n_rows, mw_error *err)
{
    const char *misfit = misfit_of(forest, metric);
    if (misfit) {
        mw_fail(err, MW_E_METRIC, "'%s' does not fit the model: %s", mw_metric_name(metric),
                misfit);
        return mw_mend(err, "the first that fits is '%s'",
                       mw_metric_name(mw_metric_default(forest)));
    }
    bool differ = false;
    for (size_t row = 0; row < n_rows; row++) {
        MW_TRY(check_target(forest, target[row], row, err));
        differ = differ || target[row] != target[0];
    }
    if (differ || (metric != MW_METRIC_AUC && metric != MW_METRIC_R2 && n_rows > 0))
        return MW_OK;
    if (n_rows == 0)
        mw_fail(err, MW_E_TARGET, "there are no rows");
    else
        mw_fail(err, MW_E_TARGET, "%s needs targets that differ, and all %zu are %g",
                mw_metric_name(metric), n_rows, target[0]);
    return mw_mend(err, "give rows of both kinds, or another --metric");
}

/* ---- auc ------------------------------------------------------------------------------------- */

/* Of piles in scratch: positives, negatives, and as much room again to sort them. */
static double auc_of(const double *target, const double *values, size_t n, size_t n_rows,
                     double *scratch)
{
    size_t n_positive = 0, n_negative = 0;
    for (size_t i = 0; i < n_rows; i++) {
        double score = values[i * n + n - 1];
        if (target[i] > 0)
            scratch[n_positive++] = score;
        else
            scratch[n_rows - ++n_negative] = score;
    }
    mw_sort(scratch, n_positive, scratch + n_rows);
    mw_sort(scratch + n_positive, n_negative, scratch + n_rows);
    return mw_auc(scratch, n_positive, scratch + n_positive, n_negative);
}

/* ---- the others ------------------------------------------------------------------------------ */

static size_t likeliest(metric_form form, const double *values, size_t n)
{
    if (form == FORM_LABEL)
        return (size_t)values[0];
    if (form == FORM_SHARE)
        return values[0] > 0.5;
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

static double share_of(metric_form form, const double *values, size_t class)
{
    double share = form == FORM_SHARES ? values[class] : class ? values[0] : 1 - values[0];
    return fmin(fmax(share, DBL_EPSILON), 1 - DBL_EPSILON);
}

static double loss_of(const mw_forest *forest, mw_metric metric, double target,
                      const double *values)
{
    metric_form form = form_of(forest);
    double miss = values[0] - target;
    switch (metric) {
    case MW_METRIC_LOGLOSS:
        return -log(share_of(form, values, (size_t)target));
    case MW_METRIC_ACCURACY:
        return likeliest(form, values, forest->n_predictions) == (size_t)target;
    case MW_METRIC_MAE:
        return fabs(miss);
    default:
        return miss * miss;
    }
}

static double spread_of(const double *target, size_t n_rows)
{
    double mean = 0, spread = 0;
    for (size_t i = 0; i < n_rows; i++)
        mean += target[i] / (double)n_rows;
    for (size_t i = 0; i < n_rows; i++)
        spread += (target[i] - mean) * (target[i] - mean);
    return spread / (double)n_rows;
}

double mw_metric_of(const mw_forest *forest, mw_metric metric, const double *target,
                    const double *values, size_t n_rows, double *scratch)
{
    size_t n = forest->n_predictions;
    if (metric == MW_METRIC_AUC)
        return auc_of(target, values, n, n_rows, scratch);
    double sum = 0;
    for (size_t i = 0; i < n_rows; i++)
        sum += loss_of(forest, metric, target[i], values + i * n);
    double mean = sum / (double)n_rows;
    if (metric == MW_METRIC_R2)
        return 1 - mean / spread_of(target, n_rows);
    return metric == MW_METRIC_RMSE ? sqrt(mean) : mean;
}
