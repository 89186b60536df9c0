/* reasons: contributions, gathered by what people call one reason, the strongest first.
 *
 *     contributions of features -> those that may be shown -> sums by group -> one side -> by size
 */
#ifndef INSIGHT_REASONS_H
#define INSIGHT_REASONS_H

#include "base/base.h"

/* Rank the groups of one margin.
 *   values    n_features contributions
 *   group_of  n_features: 0 .. n_groups - 1, in the order that decides between equals
 *   shown     n_features: false keeps a contribution out of its group
 *   side      1: only what raises, -1: only what lowers, 0: both; what moves nothing is no reason
 *   ret       room for n_groups; returns how many are reasons. Cost: O(n_features + n log n) */
size_t mw_reasons_rank(const double *values, const size_t *group_of, const bool *shown,
                       size_t n_features, size_t n_groups, int side, mw_reason *ret);

#endif
