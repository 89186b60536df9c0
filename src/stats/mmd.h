/* Maximum mean discrepancy: whether two samples of rows come from one distribution, by a kernel.
 * Part of stats.h. */
#ifndef STATS_MMD_H
#define STATS_MMD_H

#include "base/base.h"

enum { MW_MMD_ROWS_MAX = 5000, MW_MMD_PERMUTATIONS_MAX = 100000 };

/* mw_drift_check_mmd of rows that lie so: (n, n_columns), borrowed; what is not finite is missing.
 * ret_shares: n_columns, or NULL. */
MW_CHECKED mw_status mw_mmd_check_options(const mw_drift_mmd_options *options, mw_error *err);
MW_CHECKED mw_status mw_mmd_check(const double *reference, size_t n_reference,
                                  const double *current, size_t n_current, size_t n_columns,
                                  const bool *is_category, const mw_drift_mmd_options *options,
                                  double *ret_shares, mw_drift_mmd_summary *ret_summary,
                                  mw_error *err);

#endif
