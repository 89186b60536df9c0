/* Columns: a row in which every missing value has already decided.
 *
 * A node's rule for NaN (and for LightGBM's zeros) depends on the feature's value alone, so it is
 * applied once a row instead of once a node. Each (feature, rule) pair that some node uses becomes
 * a column, and after that every node of every tree is one plain comparison:
 *
 *     feature 3:  0.7   NaN
 *                 |      |        rule            node that uses the column
 *     column 5:   0.7   -inf      NaN goes left    x < t: -inf is always less
 *     column 9:   0.7    NaN      NaN goes right   x < t: NaN never is
 *
 * A feature with categories is a column of codes, each as 2^52 + code, whose low 32 bits are the
 * code. No code (negative, beyond 2^24, mostly also NaN) is a code that no set holds. Column 0 is
 * -inf in every row: nodes that must go left (padding, a leaf that waits for deeper trees) compare
 * with it.
 */
#ifndef PREDICT_COLUMNS_H
#define PREDICT_COLUMNS_H

#include "predictor.h"

/* In the order in which the columns stand, after column 0. */
typedef enum predict_rule {
    PREDICT_NAN_LEFT,
    PREDICT_NAN_RIGHT,
    PREDICT_NAN_IS_ZERO,
    PREDICT_ZERO_LEFT, /* NaN and LightGBM's zero */
    PREDICT_ZERO_RIGHT,
    PREDICT_SET_NAN_OUT, /* categories; NaN goes where codes go that are not in the set */
    PREDICT_SET_NAN_IN,  /* categories; NaN goes where codes of the set go */
    PREDICT_RULES
} predict_rule;

typedef struct predict_columns {
    size_t n_columns;                /* column 0 included */
    size_t begin[PREDICT_RULES + 1]; /* columns of rule r: begin[r] .. begin[r + 1] */
    uint32_t *feature;               /* n_columns */
    uint32_t *of_node;               /* n_nodes of the forest; 0 in a leaf. Only while laying out */
    bool less_equal;                 /* every number node compares with <=, else with < */
} predict_columns;

/* The rule of a split with these flags. */
predict_rule predict_rule_of(uint8_t flags);

/* A code that no set holds: sets have fewer than 2^19 words of 32 bits (2^24 categories). */
#define PREDICT_NO_CATEGORY UINT32_MAX

static inline bool predict_columns_hold_sets(const predict_columns *columns)
{
    return columns->n_columns > columns->begin[PREDICT_SET_NAN_OUT];
}

/* Find the columns of a forest.
 * *ret_plain = false: the kernels that compare columns cannot take it (mixed comparisons, a
 * threshold of -inf that NaN must pass). */
MW_CHECKED mw_status predict_columns_make(const mw_forest *forest, predict_columns *ret_columns,
                                          bool *ret_plain, mw_error *err);
/* The same for a kernel that asks nothing of comparisons: `less_equal` is not told. */
MW_CHECKED mw_status predict_columns_find(const mw_forest *forest, predict_columns *ret_columns,
                                          mw_error *err);
/* The map of nodes is not needed after laying out. */
void predict_columns_seal(predict_columns *columns);
void predict_columns_done(predict_columns *columns);

#endif
