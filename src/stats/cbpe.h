/* Between cbpe.c and cbpe_classes.c: what one class against the rest is worth. */
#ifndef STATS_CBPE_H
#define STATS_CBPE_H

#include "stats.h"

/* Area under the curve where a row, down its score, is a positive by its chance. */
MW_CHECKED mw_status stats_expected_auc(const double *scores, const double *chances, size_t n,
                                        double *ret_auc, mw_error *err);
/* How far the shares of others below a positive lie apart, and the share of positives (or of
 * negatives, where these are fewer). */
MW_CHECKED mw_status stats_auc_spread(const double *scores, const double *labels, size_t n,
                                      double *ret_spread, double *ret_fraction, mw_error *err);

#endif
