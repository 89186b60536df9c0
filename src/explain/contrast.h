/* Values against a background: how much each feature moved a prediction away from the mean
 * prediction over rows that the caller chose (interventional Shapley values).
 *
 *     mw_forest, background rows --(once)--> mw_contrast
 *     rows --> kernel --> values
 *
 * The game of a row x: features in a set S have x's values, the others those of a background row z;
 * its worth is the mean margin over all z. No cover is needed: every forest of constant leaves and
 * every linear model has these values. They are those of shap.TreeExplainer(model, background,
 * feature_perturbation="interventional"), within 2e-6 of the largest one among the rows.
 *
 *     feature 0 | feature 1 | ... | feature n-1 | base value        sum = the row's margin
 *
 * On the scale of probabilities the margin values of each pair (x, z) are multiplied by
 * (p(x) - p(z)) / (margin(x) - margin(z)) and then averaged, as shap's model_output="probability"
 * does it: locally accurate, and an approximation of the Shapley values of the probability.
 *
 * Source: Lundberg et al.: From local explanations to global understanding (2020), algorithm 3;
 * Nadel, Wettenstein: From Decision Trees to Boolean Logic: A Fast and Unified SHAP Algorithm
 * (WOODELF, 2025), for counting the background by pattern. */
#ifndef EXPLAIN_CONTRAST_H
#define EXPLAIN_CONTRAST_H

#include "base/base.h"
#include "model/model.h"
#include "predict/predict.h"

typedef struct mw_contrast mw_contrast;

/* Lay a forest and its background out. The forest is borrowed and must outlive the contrast; the
 * background is copied. Any number of threads may share the contrast. All rows of the background
 * count, none is left out.
 *
 * Fails: MW_MISMATCH, MW_BAD_ARGUMENT  the background has no rows, or others than the model's
 *        MW_UNSUPPORTED  linear leaves; MW_SCALE_PROBABILITY of a model that gives none
 *        MW_NO_MEMORY    the background is larger than MW_LIMIT_BACKGROUND_BYTES as float64
 * Cost:  O(groups of leaves * background rows * 8) and what filling the tables takes, about 1 ms a
 *        tree of 64 leaves; memory as mw_explainer's. Then a row costs as by covers, and
 *        O(background rows * leaves) where leaves are too deep for tables, or the scale is that of
 *        probabilities */
MW_CHECKED mw_status mw_contrast_new(const mw_forest *forest, const mw_matrix *background,
                                     mw_scale scale, mw_contrast **ret_contrast, mw_error *err);
void mw_contrast_free(mw_contrast *contrast);
size_t mw_contrast_memory_bytes(const mw_contrast *contrast);
/* Values a row: n_margins * (n_features + 1). */
size_t mw_contrast_values(const mw_contrast *contrast);
const char *mw_contrast_kernel(const mw_contrast *contrast);
/* About how many nodes a row takes: what it costs, beside other rows. */
size_t mw_contrast_row_nodes(const mw_contrast *contrast);

/* Explain a batch: (n_rows, n_margins, n_features + 1) float64, base value last. The promises of
 * mw_explain_batch hold: a row's values depend on the row alone.
 * Fails: MW_MISMATCH, MW_BAD_ARGUMENT, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_contrast_batch(const mw_contrast *contrast, const mw_matrix *rows,
                                       mw_scratch *scratch, double *ret_values, mw_error *err);
/* The same, with the rows split over this thread and idle ones of `pool` (NULL: this one alone). */
MW_CHECKED mw_status mw_contrast_parallel(const mw_contrast *contrast, const mw_matrix *rows,
                                          mw_pool *pool, double *ret_values, mw_error *err);

#endif
