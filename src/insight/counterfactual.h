/* counterfactual: the nearest row that the model answers as wanted.
 *
 *     row, rules ---> candidates of each feature: one value in each cell, the nearest to the row's
 *                 ---> boxes of candidates, cheapest first; a box that cannot reach what is wanted
 *                      is dropped (the least and the largest leaf that each tree can still give)
 *                 ---> the first box whose cheapest point is as wanted holds the nearest row
 *
 * cost = sum over changed features of weight * |change| / scale, and change_cost for each of them;
 * another category is a change of one scale. The search is exact: it ends with the nearest of all
 * rows made of candidates, or with the proof that there is none; or at its budget, with the best
 * that was found and a bound below which there is none. Every answer was predicted before it is
 * given.
 *
 * Source: branch and bound over the cells of a tree ensemble, as in Parmentier and Vidal,
 * Optimal Counterfactual Explanations in Tree Ensembles (2021), who give it to an integer program.
 * Not done here: plausibility by a density, features that are functions of others. */
#ifndef INSIGHT_COUNTERFACTUAL_H
#define INSIGHT_COUNTERFACTUAL_H

#include "cells.h"
#include "predict/predict.h"

typedef struct mw_search {
    const mw_forest *forest;
    const mw_predictor *predictor;
    const mw_change_rule *rules; /* n_features */
    mw_want want;
    size_t max_changed;    /* features */
    double change_cost;    /* >= 0 */
    double margin;         /* how far beyond a threshold a value must be, in scales; >= 0 */
    size_t max_boxes;      /* budget: boxes looked at, */
    uint64_t max_ns;       /* and time; for each answer */
    bool (*stopped)(void); /* may be NULL */
} mw_search;

/* What is wanted, as people write it: ">=0.5", "<0.5", a range "10..20", or a class (its label;
 * where classes have none, its number). False: it is none of these. */
bool mw_want_read(const mw_forest *forest, mw_view text, mw_want *ret_want);
/* Is `row` as wanted already? */
MW_CHECKED mw_status mw_want_holds(const mw_search *search, const double *row, bool *ret_holds,
                                   mw_error *err);

/* Up to `count` answers, cheapest first, none of which changes all the features that an earlier one
 * changes.
 *   ret_rows     (count, n_features)
 *   ret_answers  count; the entry behind the last found says whether its absence is proven
 *   ret_found    how many were found
 * Fails: MW_UNSUPPORTED  linear models and leaves; a transform whose predictions cannot be bounded
 *        MW_BAD_ARGUMENT no such class; MW_BUSY when `stopped` said so; MW_NO_MEMORY
 * Memory: at most MW_LIMIT_SEARCH_BYTES of boxes; at that limit the search ends as at its budget.
 */
MW_CHECKED mw_status mw_counterfactual_find(const mw_search *search, const double *row,
                                            size_t count, double *ret_rows, mw_answer *ret_answers,
                                            size_t *ret_found, mw_error *err);

#endif
