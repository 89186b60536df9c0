/* importance: how much each feature matters to a model, by its trees or by its contributions.
 *
 * By its trees: over all splits on a feature,
 *
 *     weight       how many there are                 XGBoost get_score "weight", LightGBM "split"
 *     total_gain   the sum of their gains             XGBoost "total_gain", LightGBM "gain"
 *     gain         total_gain / weight                XGBoost "gain"
 *     total_cover  the sum of their covers            XGBoost "total_cover"
 *     cover        total_cover / weight               XGBoost "cover"
 *
 * LightGBM passes over splits whose gain is not above zero, in both of its counts; so do these, for
 * its models. A feature without a split has 0, which XGBoost leaves out. */
#ifndef INSIGHT_IMPORTANCE_H
#define INSIGHT_IMPORTANCE_H

#include "model/model.h"

/* Fails: MW_UNSUPPORTED  the file keeps no gains (CatBoost, ONNX) or no covers (ONNX); or the model
 *                        is linear and has no splits; err says what to ask for instead
 *        MW_BAD_DATA     a gain or a cover is not a number
 * ret_values: n_features float64, summed in float64 (XGBoost sums in float32). Cost: O(nodes). */
MW_CHECKED mw_status mw_importance_of_splits(const mw_forest *forest, mw_importance kind,
                                             double *ret_values, mw_error *err);

/* Add the sizes of contributions, as mw_explain_batch gives them for n_rows rows, to sums:
 * (n_margins, n_features). Divided by the number of rows they are the mean |SHAP|. */
void mw_importance_add_rows(const mw_forest *forest, const double *values, size_t n_rows,
                            double *sums);

#endif
