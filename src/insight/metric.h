/* metric: how good predictions are, given what came true.
 *
 *     classifiers   auc       two classes; ties count half (Mann and Whitney 1947)
 *                   logloss   mean of -ln p(true class), p kept within 2.2e-16 of 0 and 1
 *                   accuracy  share of rows whose likeliest class is the true one
 *     regressors    rmse, mae, r2
 *
 * The numbers of sklearn.metrics: roc_auc_score, log_loss, accuracy_score, root_mean_squared_error,
 * mean_absolute_error, r2_score. */
#ifndef INSIGHT_METRIC_H
#define INSIGHT_METRIC_H

#include "model/model.h"

typedef enum mw_metric {
    MW_METRIC_AUC,
    MW_METRIC_LOGLOSS,
    MW_METRIC_ACCURACY,
    MW_METRIC_RMSE,
    MW_METRIC_MAE,
    MW_METRIC_R2
} mw_metric;

const char *mw_metric_name(mw_metric metric);
/* True for auc, accuracy and r2: more is better. */
bool mw_metric_rises(mw_metric metric);
/* The first that suits the model: auc for two classes, logloss for more, rmse for numbers. */
mw_metric mw_metric_default(const mw_forest *forest);

/* Is this metric for such a model, and can the targets be what it predicts?
 *   target  n_rows; a classifier's is a class from 0
 * Fails: MW_BAD_ARGUMENT (metric and model do not fit), MW_MISMATCH (a target is missing or no
 * class; err names the row; or all are alike where a metric needs a difference). */
MW_CHECKED mw_status mw_metric_check(const mw_forest *forest, mw_metric metric,
                                     const double *target, size_t n_rows, mw_error *err);

/* What the metric is. Arguments were checked.
 *   values   (n_rows, n_predictions), as mw_predict_batch gives them
 *   scratch  n_rows pairs of numbers, for auc
 * Cost: O(n_rows); auc O(n_rows log n_rows). */
double mw_metric_of(const mw_forest *forest, mw_metric metric, const double *target,
                    const double *values, size_t n_rows, double *scratch);

#endif
