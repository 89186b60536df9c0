/* curves: how predictions move with one feature.
 *
 *     ICE(i, v)   the prediction of row i with the feature set to v
 *     PDP(v)      their mean over rows                               (Friedman 2001)
 *     ALE(v)      small differences, each over the rows that are near, added up and centred
 *                 (Apley and Zhu 2020): no row is asked about values that it is far from
 *
 * PDP is scikit-learn's partial_dependence with method "brute"; ICE is its kind "individual". */
#ifndef INSIGHT_CURVES_H
#define INSIGHT_CURVES_H

#include "cells.h"
#include "predict/predict.h"

typedef struct mw_curve {
    const mw_forest *forest;
    const mw_predictor *predictor;
    const double *values; /* rows, row_stride apart */
    size_t n_rows, row_stride;
    size_t feature;
    mw_output output;
    mw_pool *pool;         /* idle threads help; may be NULL */
    bool (*stopped)(void); /* asked now and then; may be NULL */
} mw_curve;

/* Rows at a time for which mw_curve_rows takes about 16 MiB. */
size_t mw_curve_block(const mw_curve *curve, size_t n_grid);
/* ICE of n_rows rows from `first`: ret_values (n_rows, n_grid, outputs).
 * Fails: as mw_predict_batch; MW_BUSY when `stopped` said so. */
MW_CHECKED mw_status mw_curve_rows(const mw_curve *curve, size_t first, size_t n_rows,
                                   const double *grid, size_t n_grid, double *ret_values,
                                   mw_error *err);
/* PDP: ret_means (n_grid, outputs). Cost: n_rows * n_grid predictions; memory as said above. */
MW_CHECKED mw_status mw_curve_mean(const mw_curve *curve, const double *grid, size_t n_grid,
                                   double *ret_means, mw_error *err);

/* ALE at n_edges ascending edges: bin k holds the rows in (edge k, edge k+1], the first bin its
 * lower edge, too; rows without the value, or outside, take no part. ret_counts  n_edges - 1: rows
 * of each bin ret_values  (n_edges, outputs), centred: their mean over rows is 0 Fails: also
 * MW_UNSUPPORTED for a feature of categories, which have no order; MW_BAD_ARGUMENT when there are
 * fewer than two edges. Cost: two predictions a row. */
MW_CHECKED mw_status mw_curve_ale(const mw_curve *curve, const double *edges, size_t n_edges,
                                  size_t *ret_counts, double *ret_values, mw_error *err);

/* ---- grids; ret_grid holds as many as are asked for, *ret_count how many there are -------------
 */

/* scikit-learn's: every value there is when they are fewer than n_points, else n_points between the
 * 5th and the 95th percentile. */
MW_CHECKED mw_status mw_grid_even(const mw_curve *curve, size_t n_points, double *ret_grid,
                                  size_t *ret_count, mw_error *err);
/* Unique quantiles 0, 1/n, ... 1 (inverted distribution function): at most n_bins + 1. */
MW_CHECKED mw_status mw_grid_quantiles(const mw_curve *curve, size_t n_bins, double *ret_grid,
                                       size_t *ret_count, mw_error *err);
/* Every value there is, ascending, at most `most`; beyond that MW_BAD_ARGUMENT. */
MW_CHECKED mw_status mw_grid_distinct(const mw_curve *curve, size_t most, double *ret_grid,
                                      size_t *ret_count, mw_error *err);

#endif
