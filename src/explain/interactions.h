/* Interaction values: what two features moved together, beyond what each moved by itself
 * (path-dependent SHAP interaction values).
 *
 *     one matrix for each margin of each row, (n_features + 1, n_features + 1):
 *
 *                 age     income   bias           off the diagonal: half of what the two moved
 *        age     0.46      0.01    0              together, so the matrix is symmetric
 *        income  0.01     -0.20    0              diagonal: what is left of the contribution
 *        bias    0         0       1.3            corner: the bias
 *
 * A row of the matrix sums to the feature's contribution (mw_explain_batch), all of it to the
 * margin. The numbers are those of XGBoost's pred_interactions and, for LightGBM, of shap's
 * shap_interaction_values, within 2e-6 of the largest contribution among the rows.
 *
 * Source: Lundberg, Erion, Lee (2018), section 4.1; the form of quadrature.h, with a second
 * feature. */
#ifndef EXPLAIN_INTERACTIONS_H
#define EXPLAIN_INTERACTIONS_H

#include "base/base.h"
#include "model/model.h"
#include "predict/predict.h"

typedef struct mw_interactions mw_interactions;

/* Lay a forest out. It is borrowed and must outlive the result; any number of threads may share
 * that. Fails as mw_explainer_new; MW_NO_MEMORY also when a row's matrices would pass
 * MW_LIMIT_INTERACTIONS_BYTES. */
MW_CHECKED mw_status mw_interactions_new(const mw_forest *forest,
                                         mw_interactions **ret_interactions, mw_error *err);
void mw_interactions_free(mw_interactions *interactions);
size_t mw_interactions_memory_bytes(const mw_interactions *interactions);
/* Values a row: n_margins * (n_features + 1) * (n_features + 1). */
size_t mw_interactions_values(const mw_interactions *interactions);
const char *mw_interactions_kernel(const mw_interactions *interactions);

/* Explain a batch: (n_rows, n_margins, n_features + 1, n_features + 1) float64. The promises of
 * mw_explain_batch hold: a row's values depend on the row alone.
 * Fails: MW_MISMATCH, MW_BAD_ARGUMENT, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_interactions_batch(const mw_interactions *interactions,
                                           const mw_matrix *rows, mw_scratch *scratch,
                                           double *ret_values, mw_error *err);
/* The same, with the rows split over this thread and idle ones of `pool` (NULL: this one alone). */
MW_CHECKED mw_status mw_interactions_parallel(const mw_interactions *interactions,
                                              const mw_matrix *rows, mw_pool *pool,
                                              double *ret_values, mw_error *err);

#endif
