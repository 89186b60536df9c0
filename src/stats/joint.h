/* Drift of columns together: rows that no longer fit how the reference's columns go together. */
#ifndef STATS_JOINT_H
#define STATS_JOINT_H

#include "base/base.h"

enum { MW_JOINT_COLUMNS_MAX = 512 };

/* Principal components of a reference, as NannyML takes them: see joint.c. */
typedef struct mw_joint mw_joint;

/* rows: (n_rows, n_columns), borrowed; what is not finite is missing. variance: share that the
 * components keep, 0..1. Cost: n_rows * n_columns^2, and 10 * n_columns^3.
 * Fails: MW_MISMATCH (MW8013) fewer than two columns have values and vary, or they are too many;
 * MW_NO_MEMORY. */
MW_CHECKED mw_status mw_joint_fit(const double *rows, size_t n_rows, size_t n_columns,
                                  const bool *is_category, double variance, mw_joint **ret_joint,
                                  mw_error *err);
void mw_joint_free(mw_joint *joint);
size_t mw_joint_bytes(const mw_joint *joint);
/* For a file, and back: NULL where the bytes are damaged, or memory is gone. */
void mw_joint_pack(const mw_joint *joint, mw_buf *out);
MW_CHECKED mw_joint *mw_joint_unpack(mw_unpack *in);
size_t mw_joint_columns(const mw_joint *joint); /* of the rows that it was given */
size_t mw_joint_components(const mw_joint *joint);
size_t mw_joint_features(const mw_joint *joint); /* columns that have values */
double mw_joint_explained(const mw_joint *joint);
/* How far each row lies from what the components make of it, in deviations of the reference.
 * `row_stride` of rows may be more than their columns. ret_squares (n_columns, or NULL): what each
 * column adds to the square of it is added there. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_joint_errors(const mw_joint *joint, const double *rows, size_t n_rows,
                                     size_t row_stride, double *ret_errors, double *ret_squares,
                                     mw_error *err);

/* mw_drift_check_joint of rows that lie so. */
MW_CHECKED mw_status mw_joint_check_options(const mw_drift_joint_options *options, mw_error *err);
size_t mw_joint_chunk_rows(const mw_drift_joint_options *options, size_t n_reference,
                           size_t n_current);
MW_CHECKED mw_status mw_joint_check(const double *reference, size_t n_reference,
                                    const double *current, size_t n_current, size_t n_columns,
                                    const bool *is_category, const mw_drift_joint_options *options,
                                    mw_drift_joint_chunk *ret_chunks, double *ret_residuals,
                                    mw_drift_joint_summary *ret_summary, mw_error *err);

#endif
