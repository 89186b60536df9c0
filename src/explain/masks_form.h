/* What the files of contrast_masks.h share: how leaves lie in memory, and what the kernels do.
 *
 * Rows in lanes (masks_kernel.h) go through all Z of a leaf, a row alone (masks_row_kernel.h)
 * through those that its lists name; the others add zeros. So both add the same numbers in the same
 * order:
 *
 *     Z of a leaf      ordered by how many features stand outside: p; so few weights are looked up
 *     256 of them      plus(Z) = share of Z * (p-1)! q! / (p+q)!        onto each feature outside
 *                      what they add up to, and the share of Z = all, over q: from each of C
 *     a tree           sums in float32, a slot for each feature; then float64 */
#ifndef EXPLAIN_MASKS_FORM_H
#define EXPLAIN_MASKS_FORM_H

#include "contrast_masks.h"

enum {
    MASKS_ROWS = 64,      /* of one pass, at most */
    MASKS_ROWS_ALONE = 8, /* fewer go one at a time */
    MASKS_TOGETHER = 256, /* Z that are added up in float32; whole words of the lists */
    MASKS_WEIGHTS = 32,
    MASKS_ENTRIES = 1 << MASKS_PART /* of a list */
};

typedef struct masks_edge {
    uint32_t parent; /* edge above, counted in its tree from 1; 0 = the root */
    uint32_t column; /* of ranks */
    int16_t cut;     /* left where rank <= cut */
    bool left;
    uint8_t bit;
} masks_edge;

typedef struct masks_leaf {
    uint32_t edge;               /* that leads to it, as parents count */
    uint32_t d, n_sets, n_words; /* n_words: of a list's entry */
    size_t first_list, first_set, first_slot, first_value;
    float full; /* share of the rows that agree with the whole path: Z = all, the first if any */
} masks_leaf;

/* Trees for one pass of their leaves. */
typedef struct masks_tree {
    size_t tree, first_edge, end_edge, first_leaf, end_leaf;
    size_t first_feature, n_slots; /* features of its leaves */
    size_t first_output, n_outputs;
} masks_tree;

struct contrast_masks {
    const mw_forest *forest;
    mw_arena arena;
    size_t n_ranks; /* columns */
    masks_edge *edges;
    masks_leaf *leaves;
    masks_tree *trees;
    uint64_t *lists;
    uint32_t *sets;     /* features outside of Z */
    uint8_t *sizes;     /* how many those are */
    float *shares;      /* of rows that have it */
    uint32_t *slots;    /* of a leaf's features, among its tree's */
    uint32_t *features; /* of a tree's slots */
    float *values;      /* of the leaf, for each margin of its tree, less the mean */
    size_t n_edges, n_leaves, n_trees, n_lists, n_sets, n_slots, n_features, n_values;
    size_t edges_max, sums_max; /* of one tree: edges; slots of all its margins */
    float weights[MASKS_FEATURES_MAX + 1][MASKS_WEIGHTS]; /* [p][q]; 0 where p is */
    float inverse[MASKS_WEIGHTS];                         /* 1 / q; 0 where q is */
};

/* A pass's memory. */
typedef struct masks_room {
    uint32_t *disagree; /* (edges_max + 1, rows of a pass) */
    float *sums;        /* (sums_max, rows of a pass) */
    float *plus;        /* (MASKS_TOGETHER, rows of a pass) */
    int16_t *row_ranks; /* n_ranks, of a row alone */
} masks_room;

/* Without an instruction for it, which not every x86-64 has, the compiler calls a function. */
static inline size_t masks_count(uint32_t set)
{
    set -= set >> 1 & 0x55555555;
    set = (set & 0x33333333) + (set >> 2 & 0x33333333);
    return ((set + (set >> 4)) & 0x0f0f0f0f) * UINT32_C(0x01010101) >> 24;
}

/* The words [word, ..) of a leaf's lists that are added up together. */
static inline size_t masks_end_word(const masks_leaf *leaf, size_t word)
{
    size_t end = word + MASKS_TOGETHER / 64;
    return end < leaf->n_words ? end : leaf->n_words;
}

/* Rows [first, end) of a block through one tree, onto the block's values. */
typedef void masks_pass(const contrast_masks *masks, const masks_tree *tree, const int16_t *ranks,
                        size_t stride, const masks_room *room, const explain_block *block,
                        size_t first, size_t end);
masks_pass masks_pass_plain, masks_few_plain; /* few: one at a time */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
masks_pass masks_pass_v3, masks_few_v3, masks_pass_v4, masks_few_v4;
#endif

#endif
