/* The public drift checks: columns of two matrices, sorted and measured one after the other; and
 * all of them together.
 *
 *     mw_matrix x 2 --column--> mw_sample x 2 --> mw_drift_measure --> all: mw_drift_judge
 *     mw_matrix x 2 --rows of numbers--> mw_joint_check, mw_mmd_check */
#include <stdlib.h>

#include "mw_model.h"
#include "stats/stats.h"

#include "base/banned.h"

#define ROWS_MAX ((size_t)1 << 31)

static mw_status check_call(const mw_matrix *reference, const mw_matrix *current,
                            const void *results, const void *summary, mw_error *err)
{
    const char *missing = !reference                              ? "reference"
                          : !current                              ? "current"
                          : !results                              ? "ret_features"
                          : !summary                              ? "ret_summary"
                          : reference->n_rows && !reference->data ? "reference->data"
                          : current->n_rows && !current->data     ? "current->data"
                                                                  : NULL;
    if (missing)
        return lib_fail_null(err, missing);
    if ((unsigned)reference->dtype > MW_FLOAT64 || (unsigned)current->dtype > MW_FLOAT64) {
        mw_fail(err, MW_E_DRIFT_OPTION, "dtype is out of its range");
        return mw_mend(err, "give MW_FLOAT32 or MW_FLOAT64");
    }
    if (reference->n_columns != current->n_columns) {
        mw_fail(err, MW_E_DRIFT_COLUMNS, "the reference has %zu columns, the current rows %zu",
                reference->n_columns, current->n_columns);
        return mw_mend(err, "give both the same columns in the same order");
    }
    if (reference->n_rows > ROWS_MAX || current->n_rows > ROWS_MAX) {
        mw_fail(err, MW_E_DRIFT_ROWS, "more than %zu rows", ROWS_MAX);
        return mw_mend(err, "take a sample of them; a million rows tell as much");
    }
    return MW_OK;
}

static mw_status check_room(const char *what, size_t count, size_t n, mw_error *err)
{
    if (count >= n)
        return MW_OK;
    mw_fail(err, MW_E_VALUES_TOO_SMALL, "ret_%s holds %zu %s, %zu are to come", what, count, what,
            n);
    return mw_mend(err, "give room for all of them");
}

/* A column in order; `room` and `scratch` hold n_rows doubles each. */
static mw_sample take_column(const mw_matrix *rows, size_t column, double *room, double *scratch)
{
    ptrdiff_t offset = (ptrdiff_t)column * rows->column_stride;
    if (rows->n_rows == 0)
        return (mw_sample){.sorted = room};
    if (rows->dtype == MW_FLOAT64)
        return mw_sample_make((const double *)rows->data + offset, rows->n_rows, rows->row_stride,
                              room, scratch);
    const float *values = rows->data;
    for (size_t row = 0; row < rows->n_rows; row++)
        scratch[row] = (double)values[offset + (ptrdiff_t)row * rows->row_stride];
    return mw_sample_make(scratch, rows->n_rows, 1, room, scratch);
}

mw_status mw_drift_check(const mw_matrix *reference, const mw_matrix *current,
                         const bool *is_category, const mw_drift_options *options,
                         mw_drift_feature *ret_features, size_t features_count,
                         mw_drift_summary *ret_summary, mw_error *err)
{
    mw_drift_options usual;
    mw_drift_options_init(MW_DRIFT_MILLWRIGHT, &usual);
    options = options ? options : &usual;
    MW_TRY(check_call(reference, current, ret_features, ret_summary, err));
    MW_TRY(check_room("features", features_count, reference->n_columns, err));
    MW_TRY(mw_drift_check_options(options, err));
    size_t n = reference->n_rows > current->n_rows ? reference->n_rows : current->n_rows;
    size_t n_columns = reference->n_columns;
    double *room = malloc((3 * n + 1) * sizeof *room); /* both samples, and scratch */
    mw_drift_feature *features = calloc(n_columns + 1, sizeof *features);
    mw_status status = room && features ? MW_OK : mw_fail_memory(err, "the columns in order");
    for (size_t c = 0; status == MW_OK && c < n_columns; c++) {
        mw_sample before = take_column(reference, c, room, room + 2 * n);
        mw_sample now = take_column(current, c, room + n, room + 2 * n);
        status = mw_drift_measure(&before, &now, is_category && is_category[c], options,
                                  &features[c], err);
    }
    if (status == MW_OK)
        status = mw_drift_judge(features, n_columns, options, ret_summary, err);
    if (status == MW_OK)
        memcpy(ret_features, features, n_columns * sizeof *features);
    free(features);
    free(room);
    return status;
}

/* ---- together -------------------------------------------------------------------------------- */

static void take_rows(const mw_matrix *rows, double *ret)
{
    for (size_t row = 0; row < rows->n_rows; row++) {
        ptrdiff_t at = (ptrdiff_t)row * rows->row_stride;
        for (size_t c = 0; c < rows->n_columns; c++, at += rows->column_stride)
            *ret++ = rows->dtype == MW_FLOAT64 ? ((const double *)rows->data)[at]
                                               : (double)((const float *)rows->data)[at];
    }
}

/* The reference's rows, then the current ones, as one block that the caller frees. */
static mw_status take_both(const mw_matrix *reference, const mw_matrix *current, double **ret_rows,
                           mw_error *err)
{
    size_t n_before = reference->n_rows * reference->n_columns;
    double *rows = malloc((n_before + current->n_rows * reference->n_columns + 1) * sizeof *rows);
    if (!rows)
        return mw_fail_memory(err, "the rows");
    take_rows(reference, rows);
    take_rows(current, rows + n_before);
    *ret_rows = rows;
    return MW_OK;
}

mw_status mw_drift_check_joint(const mw_matrix *reference, const mw_matrix *current,
                               const bool *is_category, const mw_drift_joint_options *options,
                               mw_drift_joint_chunk *ret_chunks, size_t chunks_count,
                               double *ret_residuals, mw_drift_joint_summary *ret_summary,
                               mw_error *err)
{
    mw_drift_joint_options usual;
    mw_drift_joint_options_init(MW_DRIFT_MILLWRIGHT, &usual);
    options = options ? options : &usual;
    MW_TRY(check_call(reference, current, &usual, ret_summary, err));
    MW_TRY(mw_joint_check_options(options, err));
    size_t n_r = reference->n_rows, n_c = current->n_rows, n = reference->n_columns;
    size_t chunk_rows = mw_joint_chunk_rows(options, n_r, n_c);
    if (ret_chunks && chunk_rows > 0)
        MW_TRY(check_room("chunks", chunks_count, (n_c + chunk_rows - 1) / chunk_rows, err));
    double *rows;
    MW_TRY(take_both(reference, current, &rows, err));
    mw_status status = mw_joint_check(rows, n_r, rows + n_r * n, n_c, n, is_category, options,
                                      ret_chunks, ret_residuals, ret_summary, err);
    free(rows);
    return status;
}

mw_status mw_drift_check_mmd(const mw_matrix *reference, const mw_matrix *current,
                             const bool *is_category, const mw_drift_mmd_options *options,
                             double *ret_shares, mw_drift_mmd_summary *ret_summary, mw_error *err)
{
    mw_drift_mmd_options usual;
    mw_drift_mmd_options_init(&usual);
    options = options ? options : &usual;
    MW_TRY(check_call(reference, current, &usual, ret_summary, err));
    MW_TRY(mw_mmd_check_options(options, err));
    size_t n_r = reference->n_rows, n_c = current->n_rows, n = reference->n_columns;
    double *rows;
    MW_TRY(take_both(reference, current, &rows, err));
    mw_status status = mw_mmd_check(rows, n_r, rows + n_r * n, n_c, n, is_category, options,
                                    ret_shares, ret_summary, err);
    free(rows);
    return status;
}
