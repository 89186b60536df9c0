/* The deep layout: forests whose trees have thousands of leaves, as random forests grown to purity.
 *
 * Such a tree is larger than the nearest cache, and a row sees few of its nodes: here walking is
 * right, and what counts is how much memory a step touches. So a node is eight bytes, and trees are
 * taken one after the other by many rows:
 *
 *   rows ----> codes of their values ----> packs of eight rows ----> walks ----> sums
 *              (32 bits, any missing       all packs through one     eight at
 *               value has decided)         tree, then the next       a time
 *
 *   node   key    | distance, column
 *          right where code > key; the left child stands `distance` nodes further, the right one
 *          behind it. A leaf has distance 0 and column 0, where every row has code 0: a walk that
 *          has arrived waits for the seven others. A leaf's key is the number of its value.
 *
 * Codes are whole numbers, which compare in one step and add to an address in the next, without a
 * branch: of float32 rows the float's bits, turned so that they stand in the order of the numbers;
 * of float64 rows the number of thresholds that the value passes. 0 is left of every node and
 * UINT32_MAX right of every node: missing values, by the rules of columns.h.
 *
 * Values of leaves are kept once each: a classifier's leaves are mostly alike.
 */
#ifndef PREDICT_WALK_DEEP_H
#define PREDICT_WALK_DEEP_H

#include "columns.h"

enum {
    DEEP_ROWS = 1024, /* rows of a block: each tree is read once a block */
    DEEP_LANES = 8,
    DEEP_COLUMN_BITS = 14,                          /* of a link: four times the column's number */
    DEEP_COLUMNS_MAX = 1 << (DEEP_COLUMN_BITS - 2), /* column 0 included */
    DEEP_DISTANCE_MAX = (1 << (32 - DEEP_COLUMN_BITS)) - 1,
    DEEP_CODES_BYTES = 512 * 1024, /* of the packs that go through the trees together */
};

#define DEEP_LEFT 0u                /* a code that is left of every node */
#define DEEP_RIGHT UINT32_MAX       /* right of every node */
#define DEEP_NEVER (DEEP_RIGHT - 1) /* a key that no number's code is above */

typedef struct deep_node {
    uint32_t key;
    uint32_t link; /* distance << DEEP_COLUMN_BITS | 4 * column */
} deep_node;

typedef struct deep_tree {
    size_t root;     /* index of its first node; its nodes end where the next tree's begin */
    uint32_t output; /* or MW_ALL_OUTPUTS */
} deep_tree;

typedef struct deep_layout {
    predict_columns columns;
    bool ranked;       /* codes are numbers of thresholds passed */
    size_t *cut_begin; /* ranked: (n_features + 1) into cuts */
    double *cuts;      /* each feature's thresholds, least first */
    deep_node *nodes;
    size_t n_nodes;
    deep_tree *trees; /* n_trees + 1 */
    size_t n_trees;
    void *values; /* float or double, as sums are; a leaf's n_outputs side by side */
    size_t n_values;
    bool sum_float32;
    size_t chunk_rows; /* packs of so many rows go through the trees together */
} deep_layout;

/* *ret_layout = NULL with MW_OK: this forest is not for deep walks (no tree of more than 256
 * leaves, categories, tests for equality, linear leaves, very many columns). */
predict_lay_out deep_layout_make;
void deep_layout_free(void *layout);
size_t deep_layout_bytes(const void *layout);

/* The code of a float32 number (not NaN): in the order of numbers, zeros of either sign alike. */
static inline uint32_t deep_code_of_float(float x)
{
    uint32_t bits;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (bits >> 31 ? UINT32_MAX : (uint32_t)1 << 31);
}

/* How many of a feature's cuts are <= x; NaN passes none. */
static inline uint32_t deep_rank(const deep_layout *layout, uint32_t feature, double x)
{
    const double *cuts = layout->cuts + layout->cut_begin[feature];
    size_t n = layout->cut_begin[feature + 1] - layout->cut_begin[feature], passed = 0;
    while (n > 0) {
        size_t half = (n + 1) / 2;
        passed += cuts[passed + half - 1] <= x ? half : 0;
        n -= half;
    }
    return (uint32_t)passed;
}

#endif
