/* candidates: the values that a feature may take in a search, each with its cost. Room-private.
 *
 *     cell     | ...... | ...x...| ...... | ......
 *     value    |       v|    x   |v       |v          the nearest of each cell, made round
 */
#ifndef INSIGHT_CANDIDATES_H
#define INSIGHT_CANDIDATES_H

#include "counterfactual.h"

typedef struct insight_domain {
    size_t feature;
    size_t count, own; /* values[own] is the row's */
    double *values;    /* ascending */
    double *costs;     /* rising away from own */
} insight_domain;

/* The domain of a feature that may change; count 1 when nothing else is allowed. The caller frees
 * values and costs. */
MW_CHECKED mw_status insight_domain_make(const mw_search *search, size_t feature, double own,
                                         insight_domain *ret_domain, mw_error *err);

#endif
