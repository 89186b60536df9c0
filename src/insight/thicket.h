/* thicket: a forest cut down to what a search may change, with bounds over boxes. Room-private.
 *
 * A node on a feature that is fixed was decided once; a tree without others is a number. What is
 * left knows for each node how many candidates go left up to each one, so that a box of candidates
 * [low, high] of each domain is sent left, right, or both ways by two look-ups. */
#ifndef INSIGHT_THICKET_H
#define INSIGHT_THICKET_H

#include "candidates.h"

/* Candidates of a domain that are still in the box. */
typedef struct insight_range {
    uint32_t low, high;
} insight_range;

typedef struct insight_thicket insight_thicket;

/* Domains with count 1 are fixed. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status insight_thicket_make(const mw_forest *forest, const double *row,
                                          const insight_domain *domains, size_t n_domains,
                                          insight_thicket **ret_thicket, mw_error *err);
void insight_thicket_free(insight_thicket *thicket);

/* Bounds of each margin over a box.
 *   ret_low, ret_high  n_margins: no row of the box is outside, whatever the order of sums
 *   ret_sway           n_domains: how much the nodes that go both ways differ, by their feature */
void insight_thicket_bound(const insight_thicket *thicket, const insight_range *box,
                           double *ret_low, double *ret_high, double *ret_sway);

#endif
