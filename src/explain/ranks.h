/* Ranks: a row's value becomes a small integer, and every decision of every tree a comparison.
 *
 *     feature 3, cuts 0.5 1.0 2.5             rows:    0.7  3.0  NaN  0.1
 *     column "missing goes left"              ranks:     1    3    0    0
 *     column "missing goes right"             ranks:     1    3    3    0
 *     node x < 1.0 has cut number 1: left where rank <= 1
 *
 * A rank counts the cuts that a value has passed. All rules for a feature's missing values share
 * one search and have a column each. A node with a set of categories (or a test for equality) has a
 * column of its own: 0 is left, 1 is right. A feature of more cuts than an int16 counts has several
 * searches, each of its own slice of them.
 *
 * A cut is the least float64 that goes right, so that ranks are exact. */
#ifndef EXPLAIN_RANKS_H
#define EXPLAIN_RANKS_H

#include "explainer.h"

enum { RANKS_CUTS_MAX = INT16_MAX }; /* of one search */

typedef struct ranks_column {
    uint8_t flags;        /* the rule for missing values */
    int16_t when_missing; /* the rank of NaN; of zeros too, where they are missing */
    size_t node;          /* that it is for, when the search has no cuts */
} ranks_column;

typedef struct ranks_search {
    uint32_t row_column;
    uint32_t n_cuts;     /* 0: a node's own column */
    uint32_t first_half; /* the largest step of the search: a power of two, 0 without cuts */
    size_t first_cut;    /* 2 * first_half - 1 of them; those behind n_cuts are NaN */
    size_t first_column, n_columns;
} ranks_search;

typedef struct explain_ranks {
    ranks_search *searches;
    size_t n_searches;
    ranks_column *columns;
    size_t n_columns;
    double *cuts;
    uint32_t *node_column; /* n_nodes */
    int16_t *node_cut;     /* n_nodes: left where rank <= cut */
    uint32_t *places;      /* n_features: where a feature stands among those used */
    uint32_t *features;    /* n_places: and back */
    size_t n_places;
} explain_ranks;

/* Everything is taken from `arena`. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status ranks_make(const mw_forest *forest, mw_arena *arena, explain_ranks *ret_ranks,
                                mw_error *err);
/* The ranks of rows [first, first + n_rows), (n_columns, stride). Rows behind them, up to
 * `n_filled` (at most stride), get those of the last one: they decide as it does, and touch no
 * other memory. */
void ranks_of_rows(const mw_forest *forest, const explain_ranks *ranks, const mw_matrix *rows,
                   size_t first, size_t n_rows, size_t n_filled, size_t stride, int16_t *ret_ranks);

#endif
