/* The interleaved layout: eight walks at a time, so that the loads of one hide behind the others.
 *
 * A walk waits for each node before it can ask for the next. Eight independent walks fill that
 * time: one row through eight trees, or eight rows through one tree. There is no branch to
 * mispredict: each step computes the place of the next node from the comparison.
 *
 * Trees stand in groups of eight in file order (the last group may have fewer), in one of two
 * forms:
 *
 *   perfect    all eight padded to one depth; children of node i are 2i + 1 and 2i + 2, and node i
 *              of the eight trees stand side by side, so that one offset serves all:
 *
 *                  node 0 of trees 0..7 | node 1 of trees 0..7 | ...      leaves likewise
 *
 *   general    for deep or lopsided trees: each tree for itself, breadth first, a node knows the
 *              distance to its left child and the right one stands behind it. A leaf compares its
 *              value with column 0 (-inf): always left, distance 0. A walk that has arrived waits.
 *
 *                  root 1 | a 1 | b 2 | c 0 | d 0 | e 0 | f 0
 *
 * Three instances of interleaved_kernel.h walk it: float32 nodes (XGBoost), float64 nodes
 * (LightGBM), and float64 nodes with float32 sums for XGBoost models whose columns or distances
 * do not fit the 16 bits of a float32 node.
 */
#ifndef PREDICT_INTERLEAVED_H
#define PREDICT_INTERLEAVED_H

#include "columns.h"

enum {
    PREDICT_LANES = 8,
    PREDICT_PERFECT_DEPTH_MAX = 10, /* beyond, padding is never worth it */
};

/* `column` is the byte offset of the column in a row of them. */
typedef struct predict_node32 {
    float threshold; /* general leaf: its value */
    uint16_t column;
    uint16_t child; /* general: nodes from here to the left child; 0 in a leaf */
} predict_node32;

typedef struct predict_node64 {
    double threshold;
    uint32_t column;
    uint32_t child;
} predict_node64;

typedef struct predict_group {
    size_t nodes;  /* perfect: index of the group's first node */
    size_t leaves; /* perfect: index of the group's first leaf */
    size_t first_tree;
    unsigned n_trees; /* 1..PREDICT_LANES */
    unsigned depth;   /* of the deepest tree */
    bool perfect;
} predict_group;

typedef enum predict_width {
    PREDICT_FLOAT32, /* float32 nodes, float32 sums */
    PREDICT_FLOAT64, /* float64 nodes, float64 sums */
    PREDICT_WIDE     /* float64 nodes, float32 sums */
} predict_width;

typedef struct predict_layout {
    predict_columns columns;
    predict_width width;
    predict_group *groups;
    size_t n_groups;
    size_t *root; /* n_trees: general: index of the tree's first node */
    void *nodes;  /* predict_node32 or predict_node64 */
    void *leaves; /* float or double, as the sums; of perfect groups */
    size_t n_nodes, n_leaves;
    size_t bytes;
} predict_layout;

MW_CHECKED mw_status predict_layout_make(const mw_forest *forest, void **ret_layout, mw_error *err);
void predict_layout_free(void *layout);

/* The instances of interleaved_kernel.h. */
void predict_sum_float32(const mw_forest *forest, const predict_layout *layout,
                         const predict_block *block);
void predict_sum_float64(const mw_forest *forest, const predict_layout *layout,
                         const predict_block *block);
void predict_sum_wide(const mw_forest *forest, const predict_layout *layout,
                      const predict_block *block);

#endif
