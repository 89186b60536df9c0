/* ICE, PDP and ALE, by prediction of rows with one value replaced. */
#include "curves.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define BLOCK_BYTES (16 * MW_MIB)

static size_t outputs_of(const mw_curve *curve)
{
    return mw_predictor_outputs(curve->predictor, curve->output);
}

static const double *row_of(const mw_curve *curve, size_t row)
{
    return curve->values + row * curve->row_stride;
}

size_t mw_curve_block(const mw_curve *curve, size_t n_grid)
{
    size_t row_bytes = (curve->forest->n_features + outputs_of(curve)) * sizeof(double) * n_grid;
    size_t fitting = BLOCK_BYTES / (row_bytes ? row_bytes : 1);
    if (fitting > curve->n_rows)
        fitting = curve->n_rows;
    return fitting ? fitting : 1;
}

/* ---- prediction of made-up rows -------------------------------------------------------------- */

static mw_status predict_made(const mw_curve *curve, const double *made, size_t n_rows,
                              double *ret_values, mw_error *err)
{
    size_t n_features = curve->forest->n_features;
    mw_matrix rows = {made, MW_FLOAT64, n_rows, n_features, (ptrdiff_t)n_features, 1};
    if (curve->stopped && curve->stopped())
        return mw_fail(err, MW_E_INTERRUPTED, "interrupted");
    return mw_predict_parallel(curve->predictor, &rows, curve->output, curve->pool, ret_values,
                               err);
}

/* A copy of the row with the feature set. */
static void make_row(const mw_curve *curve, size_t row, double value, double *to)
{
    memcpy(to, row_of(curve, row), curve->forest->n_features * sizeof *to);
    to[curve->feature] = value;
}

mw_status mw_curve_rows(const mw_curve *curve, size_t first, size_t n_rows, const double *grid,
                        size_t n_grid, double *ret_values, mw_error *err)
{
    size_t n_features = curve->forest->n_features;
    double *made = calloc(n_rows * n_grid * n_features + 1, sizeof *made), *to = made;
    if (!made)
        return mw_fail_memory(err, "the rows of a curve");
    for (size_t row = first; row < first + n_rows; row++)
        for (size_t i = 0; i < n_grid; i++, to += n_features)
            make_row(curve, row, grid[i], to);
    mw_status status = predict_made(curve, made, n_rows * n_grid, ret_values, err);
    free(made);
    return status;
}

static mw_status add_blocks(const mw_curve *curve, const double *grid, size_t n_grid,
                            double *values, double *sums, mw_error *err)
{
    size_t width = n_grid * outputs_of(curve), block = mw_curve_block(curve, n_grid);
    for (size_t first = 0; first < curve->n_rows; first += block) {
        size_t left = curve->n_rows - first, n = left < block ? left : block;
        MW_TRY(mw_curve_rows(curve, first, n, grid, n_grid, values, err));
        for (size_t i = 0; i < n * width; i++)
            sums[i % width] += values[i];
    }
    return MW_OK;
}

mw_status mw_curve_mean(const mw_curve *curve, const double *grid, size_t n_grid, double *ret_means,
                        mw_error *err)
{
    size_t width = n_grid * outputs_of(curve);
    double *values = calloc(mw_curve_block(curve, n_grid) * width + 1, sizeof *values);
    if (!values)
        return mw_fail_memory(err, "a curve");
    memset(ret_means, 0, width * sizeof *ret_means);
    mw_status status = add_blocks(curve, grid, n_grid, values, ret_means, err);
    for (size_t i = 0; i < width; i++)
        ret_means[i] /= (double)curve->n_rows;
    free(values);
    return status;
}

/* ---- accumulated local effects --------------------------------------------------------------- */

/* The bin of a value, or n_bins when it takes no part. */
static size_t bin_of(const double *edges, size_t n_edges, double value)
{
    size_t low = 0, high = n_edges - 1; /* the first edge from 1 on that is not below the value */
    if (!(value >= edges[0] && value <= edges[n_edges - 1]))
        return n_edges - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (edges[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

/* Differences across its own bin, of rows that were made two by two: at the lower edge, the upper.
 */
static void add_differences(const mw_curve *curve, const double *values, const size_t *bins,
                            size_t n_pairs, double *sums)
{
    size_t n = outputs_of(curve);
    for (size_t i = 0; i < n_pairs; i++, values += 2 * n)
        for (size_t m = 0; m < n; m++)
            sums[(bins[i] + 1) * n + m] += values[n + m] - values[m];
}

static mw_status walk_bins(const mw_curve *curve, const double *edges, size_t n_edges,
                           size_t *counts, double *sums, mw_error *err)
{
    enum { PAIRS = 1024 };
    size_t n_features = curve->forest->n_features, bins[PAIRS], n_pairs = 0;
    double *made = calloc(2 * PAIRS * n_features + 1, sizeof *made);
    double *values = calloc(2 * PAIRS * outputs_of(curve) + 1, sizeof *values);
    mw_status status = made && values ? MW_OK : mw_fail_memory(err, "a curve");
    for (size_t row = 0; row <= curve->n_rows && status == MW_OK; row++) {
        if (n_pairs == PAIRS || (row == curve->n_rows && n_pairs > 0)) {
            status = predict_made(curve, made, 2 * n_pairs, values, err);
            if (status == MW_OK)
                add_differences(curve, values, bins, n_pairs, sums);
            n_pairs = 0;
        }
        if (row == curve->n_rows)
            break;
        size_t bin = bin_of(edges, n_edges, row_of(curve, row)[curve->feature]);
        if (bin == n_edges - 1)
            continue;
        make_row(curve, row, edges[bin], made + 2 * n_pairs * n_features);
        make_row(curve, row, edges[bin + 1], made + (2 * n_pairs + 1) * n_features);
        counts[bin]++;
        bins[n_pairs++] = bin;
    }
    free(values);
    free(made);
    return status;
}

/* Sums of differences become means, are added up, and centred by counts on the middles of bins. */
static void settle_effects(const size_t *counts, size_t n_edges, size_t n, double *values)
{
    for (size_t m = 0; m < n; m++) {
        double weighted = 0, n_rows = 0;
        for (size_t k = 1; k < n_edges; k++) {
            double count = (double)counts[k - 1];
            double *at = &values[k * n + m], before = values[(k - 1) * n + m];
            *at = before + (count > 0 ? *at / count : 0);
            weighted += count * (before + *at) / 2;
            n_rows += count;
        }
        for (size_t k = 0; k < n_edges && n_rows > 0; k++)
            values[k * n + m] -= weighted / n_rows;
    }
}

mw_status mw_curve_ale(const mw_curve *curve, const double *edges, size_t n_edges,
                       size_t *ret_counts, double *ret_values, mw_error *err)
{
    if (mw_feature_is_categorical(curve->forest, curve->feature)) {
        mw_fail(err, MW_E_ALE_CATEGORIES,
                "accumulated effects need an order, and categories have "
                "none");
        return mw_mend(err, "ask for --kind pdp, which has a value for each category");
    }
    if (n_edges < 2) {
        mw_fail(err, MW_E_GRID, "accumulated effects need two different values at least");
        return mw_mend(err, "give rows in which the feature differs");
    }
    size_t n = outputs_of(curve);
    memset(ret_counts, 0, (n_edges - 1) * sizeof *ret_counts);
    memset(ret_values, 0, n_edges * n * sizeof *ret_values);
    MW_TRY(walk_bins(curve, edges, n_edges, ret_counts, ret_values, err));
    settle_effects(ret_counts, n_edges, n, ret_values);
    return MW_OK;
}
