/* Grids: at which values of a feature a curve is drawn. */
#include "curves.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values that are there, sorted; the caller frees them. */
static mw_status sorted_values(const mw_curve *curve, double **ret_values, size_t *ret_count,
                               mw_error *err)
{
    double *values = calloc(curve->n_rows + 1, sizeof *values);
    size_t count = 0;
    if (!values)
        return mw_fail_memory(err, "the values of a column");
    for (size_t row = 0; row < curve->n_rows; row++) {
        double value = curve->values[row * curve->row_stride + curve->feature];
        if (isfinite(value))
            values[count++] = value;
    }
    if (count == 0) {
        free(values);
        mw_fail(err, MW_E_GRID, "every row lacks a value of the feature");
        return mw_mend(err, "give rows that have some, or the values themselves: --grid 1,2,3");
    }
    qsort(values, count, sizeof *values, ascending);
    *ret_values = values;
    *ret_count = count;
    return MW_OK;
}

/* Each value once, as long as there is room; the count goes on, up to most + 1. */
static size_t unique(const double *sorted, size_t count, size_t most, double *to)
{
    size_t n = 0;
    for (size_t i = 0; i < count && n <= most; i++) {
        if (i > 0 && sorted[i] == sorted[i - 1])
            continue;
        if (n < most)
            to[n] = sorted[i];
        n++;
    }
    return n;
}

/* scipy's mquantiles with its defaults, 0.4 and 0.4, which scikit-learn uses. */
static double percentile(const double *sorted, size_t count, double p)
{
    double at = (double)count * p + 0.4 + p * 0.2, top = (double)count - 1;
    if (count == 1)
        return sorted[0];
    double k = floor(fmin(fmax(at, 1), top)), share = fmin(fmax(at - k, 0), 1);
    return (1 - share) * sorted[(size_t)k - 1] + share * sorted[(size_t)k];
}

mw_status mw_grid_even(const mw_curve *curve, size_t n_points, double *ret_grid, size_t *ret_count,
                       mw_error *err)
{
    double *sorted;
    size_t count;
    MW_TRY(sorted_values(curve, &sorted, &count, err));
    size_t n = unique(sorted, count, n_points, ret_grid);
    if (n >= n_points) {
        double low = percentile(sorted, count, 0.05), high = percentile(sorted, count, 0.95);
        if (!(high - low >
              1e-8 + 1e-5 * fabs(high))) { /* nearly all are one: take the whole range */
            low = sorted[0];
            high = sorted[count - 1];
        }
        double step = (high - low) / (double)(n_points - 1);
        for (size_t i = 0; i < n_points; i++)
            ret_grid[i] = i + 1 < n_points ? low + (double)i * step : high;
        n = n_points;
    }
    free(sorted);
    *ret_count = n;
    return MW_OK;
}

mw_status mw_grid_quantiles(const mw_curve *curve, size_t n_bins, double *ret_grid,
                            size_t *ret_count, mw_error *err)
{
    double *sorted;
    size_t count, n = 0;
    MW_TRY(sorted_values(curve, &sorted, &count, err));
    for (size_t k = 0; k <= n_bins; k++) {
        size_t rank = (k * count + n_bins - 1) / n_bins; /* the smallest with rank/count >= k/n */
        double value = sorted[rank > 0 ? rank - 1 : 0];
        if (n == 0 || value != ret_grid[n - 1])
            ret_grid[n++] = value;
    }
    free(sorted);
    *ret_count = n;
    return MW_OK;
}

mw_status mw_grid_distinct(const mw_curve *curve, size_t most, double *ret_grid, size_t *ret_count,
                           mw_error *err)
{
    double *sorted;
    size_t count;
    MW_TRY(sorted_values(curve, &sorted, &count, err));
    size_t n = unique(sorted, count, most, ret_grid);
    free(sorted);
    if (n > most) {
        mw_fail(err, MW_E_GRID, "the rows hold more than %zu categories", most);
        return mw_mend(err, "name the ones that matter: --grid 0,1,2");
    }
    *ret_count = n;
    return MW_OK;
}
