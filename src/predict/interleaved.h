/* The interleaved layout: eight walks at a time, so that the loads of one hide behind the others.
 *
 * A walk waits for each node before it can ask for the next. Eight independent walks fill that
 * time: one row through eight trees, or eight rows through one tree. There is no branch to
 * mispredict: each step computes the place of the next node from the comparison.
 *
 * Trees stand in groups of eight in file order (the last group may have fewer), in one of two
 * forms:
 *
 *   perfect    all eight padded to one depth d; children of node i are 2i (left) and 2i + 1, the
 *              root is 1. A tree is three arrays, and the next tree stands right behind it:
 *
 *                  threshold[2^d] | column[2^d] | leaf[2^d]      (place 0 of the first two unused)
 *
 *              All distances are known for a given d, so a step is six instructions: a load of the
 *              column, of the threshold, a comparison with x, and three to make 2i + (x >= t).
 *
 *   general    for deep or lopsided trees: each tree for itself, breadth first, a node knows the
 *              distance to its left child and the right one stands behind it. A leaf compares its
 *              value with column 0 (-inf): always left, distance 0. A walk that has arrived waits.
 *
 *                  root 1 | a 1 | b 2 | c 0 | d 0 | e 0 | f 0
 *
 * Seven instances of interleaved_kernel.h walk it: float32 nodes (XGBoost), float64 nodes
 * (LightGBM), float64 nodes with float32 sums for XGBoost models whose columns or distances do not
 * fit the 16 bits of a float32 node, <= on rows rounded to float32 with sums of either width
 * (ONNX, CatBoost), and general nodes with category sets for XGBoost and LightGBM.
 */
#ifndef PREDICT_INTERLEAVED_H
#define PREDICT_INTERLEAVED_H

#include "columns.h"

enum {
    PREDICT_LANES = 8,
    PREDICT_PERFECT_DEPTH_MAX = 8, /* each depth has walks of its own; deeper is rarely dense */
};

/* A node of the general form. `column` is the byte offset of the column in a row of them, here and
 * in the perfect form. */
typedef struct predict_node32 {
    float threshold; /* in a leaf: its value */
    uint16_t column;
    uint16_t child; /* nodes from here to the left child; 0 in a leaf */
} predict_node32;

typedef struct predict_node64 {
    double threshold;
    uint32_t column;
    uint32_t child;
} predict_node64;

/* A node that may ask for a category instead: it has a set of `size` words then, and
 *
 *     left = (x compared with threshold) xor (code of x is in the set)
 *
 * with a threshold that gives all codes one answer: -inf for LightGBM, whose sets go left, +inf for
 * XGBoost, whose sets go right. A number's node has an empty set. No branch asks which it is. */
typedef struct predict_node_set {
    double threshold;
    uint32_t column;
    uint32_t child;
    uint32_t begin, size; /* of the forest's category words */
} predict_node_set;

typedef struct predict_group {
    size_t begin; /* perfect: byte where the first tree begins in layout->perfect */
    size_t first_tree;
    unsigned n_trees; /* 1..PREDICT_LANES */
    unsigned depth;   /* of the deepest tree; perfect: at least 1 */
    bool perfect;
} predict_group;

typedef enum predict_width {
    PREDICT_FLOAT32,   /* float32 nodes, float32 sums */
    PREDICT_FLOAT64,   /* float64 nodes, float64 sums */
    PREDICT_WIDE,      /* float64 nodes, float32 sums */
    PREDICT_ROUNDED32, /* float64 nodes, <= on float32 rows, float32 sums */
    PREDICT_ROUNDED64, /* the same, float64 sums */
    PREDICT_SETS32,    /* nodes with sets, float32 sums */
    PREDICT_SETS64     /* nodes with sets, float64 sums */
} predict_width;

typedef struct predict_layout {
    predict_columns columns;
    predict_width width;
    predict_group *groups;
    size_t n_groups;
    size_t *root;    /* n_trees: general: index of the tree's first node */
    void *nodes;     /* of general groups: predict_node32, _node64 or _node_set */
    char *perfect;   /* trees of perfect groups */
    uint32_t *words; /* the forest's category words and one of 0, so that word 0 can be read */
    size_t n_nodes, perfect_bytes;
    size_t bytes; /* of everything */
} predict_layout;

predict_lay_out predict_layout_make;
void predict_layout_free(void *layout);

/* The instances of interleaved_kernel.h. */
void predict_sum_float32(const mw_forest *forest, const predict_layout *layout,
                         const predict_block *block);
void predict_sum_float64(const mw_forest *forest, const predict_layout *layout,
                         const predict_block *block);
void predict_sum_wide(const mw_forest *forest, const predict_layout *layout,
                      const predict_block *block);
void predict_sum_rounded32(const mw_forest *forest, const predict_layout *layout,
                           const predict_block *block);
void predict_sum_rounded64(const mw_forest *forest, const predict_layout *layout,
                           const predict_block *block);
void predict_sum_sets32(const mw_forest *forest, const predict_layout *layout,
                        const predict_block *block);
void predict_sum_sets64(const mw_forest *forest, const predict_layout *layout,
                        const predict_block *block);

#endif
