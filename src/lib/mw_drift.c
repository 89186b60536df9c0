/* The public drift check: columns of two matrices, sorted and measured one after the other.
 *
 *     mw_matrix x 2 --column--> mw_sample x 2 --> mw_drift_measure --> all: mw_drift_judge */
#include <stdlib.h>

#include "mw_model.h"
#include "stats/stats.h"

#include "base/banned.h"

#define ROWS_MAX ((size_t)1 << 31)

static mw_status check_call(const mw_matrix *reference, const mw_matrix *current,
                            const mw_drift_feature *features, size_t count,
                            const mw_drift_summary *summary, mw_error *err)
{
    const char *missing = !reference                              ? "reference"
                          : !current                              ? "current"
                          : !features                             ? "ret_features"
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
    if (count >= reference->n_columns)
        return MW_OK;
    mw_fail(err, MW_E_VALUES_TOO_SMALL, "ret_features holds %zu features, %zu are to come", count,
            reference->n_columns);
    return mw_mend(err, "give room for n_columns");
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
    MW_TRY(check_call(reference, current, ret_features, features_count, ret_summary, err));
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
