/* explain: how much each feature moved each prediction (path-dependent TreeSHAP).
 *
 *     mw_forest with covers --(once)--> mw_explainer: trees laid out for the kernel, the bias
 *     rows --> kernel: contributions of every tree, summed in float64 --> values
 *
 *     values, one row of them for each margin of each row:
 *
 *         feature 0 | feature 1 | ... | feature n-1 | bias        sum = the row's margin
 *
 * Contributions are in margin units (log-odds for binary logistic): those that XGBoost's
 * pred_contribs and LightGBM's pred_contrib give, within 2e-6 of the largest one among the rows.
 *
 * Source: Lundberg, Erion, Lee: Consistent Individualized Feature Attribution for Tree Ensembles
 * (2018); Lundberg et al.: From local explanations to global understanding (2020). Values against a
 * background data set: contrast.h, which comes with this door.
 */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include "base/base.h"
#include "model/model.h"
#include "predict/predict.h"

#include "contrast.h"
#include "interactions.h"

typedef struct mw_explainer mw_explainer;

/* Where steps stand before the trees (ONNX), a column may be made of one feature or of several:
 *
 *     age    -> Imputer -> Scaler  -> column 3       counts to age
 *     colour -> OneHotEncoder      -> columns 4..9   all count to colour, which plays as one
 *     a, b   -> Normalizer         -> columns 10, 11 no feature's: refused where a split, or a
 *                                                    weight that is not 0, stands on them
 *     a, b   -> CatBoost's CTR     -> column 12      shared equally by a and b in contributions, as
 *                                                    CatBoost does it; refused elsewhere
 *
 * So the numbers are Shapley values of the features that rows hold.
 * Fails: MW_UNSUPPORTED; err names the node and two of the features. Also for what has no columns,
 * a graph that ONNX Runtime computes. */
MW_CHECKED mw_status mw_explain_check_columns(const mw_forest *forest, mw_error *err);

/* Lay a forest out for explanation. The forest is borrowed and must outlive the explainer; any
 * number of threads may share the explainer.
 *
 * Fails: MW_UNSUPPORTED  the model has no covers, linear leaves, or columns of several features;
 * err says how to mend it MW_BAD_DATA     a cover is no number, or below zero MW_NO_MEMORY Cost:
 * about 0.1 ms for a tree of depth 6, for each of its margins; memory, see
 *        mw_explainer_memory_bytes: 64 kB for such a tree, MW_LIMIT_EXPLAINER_BYTES for tables in
 *        all, a quarter of it more for trees without tables, and another for what asks one row */
MW_CHECKED mw_status mw_explainer_new(const mw_forest *forest, mw_explainer **ret_explainer,
                                      mw_error *err);
void mw_explainer_free(mw_explainer *explainer);
size_t mw_explainer_memory_bytes(const mw_explainer *explainer);
/* Values a row: n_margins * (n_features + 1). */
size_t mw_explainer_values(const mw_explainer *explainer);
/* The kernel in use: "tables-v3", ...; "scalar" where MW_CPU=scalar forces it. */
const char *mw_explainer_kernel(const mw_explainer *explainer);

/* Explain a batch.
 *
 *   rows        borrowed; n_columns must be n_features (checked)
 *   scratch     caller's, one for each thread; grows once, then is reused
 *   ret_values  caller's; (n_rows, n_margins, n_features + 1) float64, bias last
 *
 * A row's values do not depend on the rows beside it, the number of threads or the processor.
 * Fails: MW_MISMATCH, MW_BAD_ARGUMENT, MW_NO_MEMORY.
 * Cost:  O(leaves / 4) a row and tree where it has tables (tables.h), else O(nodes * distinct
 *        features on its longest path); allocates nothing once scratch is warm; takes no lock */
MW_CHECKED mw_status mw_explain_batch(const mw_explainer *explainer, const mw_matrix *rows,
                                      mw_scratch *scratch, double *ret_values, mw_error *err);

/* The same values, with the rows split over this thread and those of `pool` that are idle (NULL:
 * this one alone). Each thread takes scratch memory of its own. */
MW_CHECKED mw_status mw_explain_parallel(const mw_explainer *explainer, const mw_matrix *rows,
                                         mw_pool *pool, double *ret_values, mw_error *err);

#endif
