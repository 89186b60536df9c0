/* cells: the values of a feature, cut where any node of a forest changes its mind.
 *
 *     -inf ..... b0 ......... b1 .. b2 ............ +inf
 *       cell 0   |   cell 1   |  2  |   cell 3             cell i begins with b[i-1], inclusive
 *
 * Within a cell every value goes the same way at every node, so that a forest of constant leaves is
 * one number there. A break is the first value the model can tell from those before it: a float for
 * models that round rows to float32. Categories are not cut: see mw_feature_is_categorical. */
#ifndef INSIGHT_CELLS_H
#define INSIGHT_CELLS_H

#include "model/model.h"

/* True when the schema says so, or a split takes its values for codes. */
bool mw_feature_is_categorical(const mw_forest *forest, size_t feature);
/* Codes 0 .. n - 1 that a split or the schema speaks of; 0 for a feature of numbers. */
size_t mw_feature_categories(const mw_forest *forest, size_t feature);
/* True when predictions are constant within cells: not for linear models and linear leaves. */
bool mw_forest_has_steps(const mw_forest *forest);

/* The breaks of a feature, ascending; *ret_breaks is the caller's to free, NULL when there are
 * none. Fails: MW_NO_MEMORY. Cost: O(nodes + breaks log breaks). */
MW_CHECKED mw_status mw_cells_breaks(const mw_forest *forest, size_t feature, double **ret_breaks,
                                     size_t *ret_count, mw_error *err);
/* Which cell a value (no NaN) is in: 0 .. n_breaks. */
size_t mw_cells_find(const double *breaks, size_t n_breaks, double value);
/* A value well inside a cell: between its ends, or a step beyond the outermost break. */
double mw_cells_value(mw_input input, const double *breaks, size_t n_breaks, size_t cell);
/* The next value that the model can tell apart. */
double mw_cells_next(mw_input input, double value, bool up);

#endif
