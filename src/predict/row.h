/* The row layout: one row, a whole tree's decisions at once.
 *
 * A row becomes byte codes as in bytes.h; at most 127 of them, which stay in registers. A tile is
 * up to 64 questions of a tree, two bytes each. To look up the codes of their columns (by shuffles)
 * and to compare them with their ranks gives all answers as one word:
 *
 *     column   3   9   3   0 ...     64 bytes
 *     code    17   0  17  44         looked up in the row's registers
 *     rank     5   1  20  30         64 bytes
 *     answers  1   0   0   1  ...    bit i: question i goes right
 *
 * Then the walk is a matter of bits: a step takes three or four instructions and does not look at
 * the row. A tree has one of four forms, the trees of a group of eight (in file order) the same:
 *
 *   oblivious  depth at most 8: the eight trees share a tile, and byte k of the answers is the
 *              number of tree k's leaf
 *   perfect    padded to one depth, at most 8: children of question i are 2i and 2i + 1, the root
 *              is 1. At depth 7 and 8 the questions behind the tile are asked one by one
 *   narrow     at most 64 leaves: question i is followed by next[2i + answer], another one or 64 +
 *              the number of a leaf, which follows itself
 *   wide       at most 256 leaves: the same in 16 bits; the first 64 questions, breadth first, are
 *              the tile, the others are asked one by one
 *
 * Questions about categories are answered by a table, for all trees: a row of it for each category
 * of a feature, a word for each tree. A row of the batch picks one for each feature, and these are
 * put among the answers tree by tree.
 *
 * A tree in memory:  column[span] | rank[span] | next[..] | leaves, each with its outputs
 *
 * Sums keep the order of the file. Source: tiles of a tree that are compared at once are those of
 * Treebeard (Prasad et al., MICRO 2022), there with floats and a table of outcomes. */
#ifndef PREDICT_ROW_H
#define PREDICT_ROW_H

#include "bytes_cuts.h"

enum {
    ROW_COLUMNS = 128,    /* codes of a row that tiles ask for; the last one is 0 */
    ROW_COLUMNS_FEW = 64, /* if these are enough, a look-up costs half */
    ROW_NOWHERE = 128,    /* behind them: where codes go that nobody asks for */
    ROW_CODES = 192,
    ROW_FEATURES_MAX = 64, /* of categories */
    ROW_TILE = 64,
    ROW_GROUP = 8,
    ROW_TILE_DEPTH = 6,
    ROW_DEPTH_MAX = 8, /* of oblivious and perfect trees */
    ROW_LEAVES_MAX = 256,
};

typedef enum row_form { ROW_OBLIVIOUS, ROW_PERFECT, ROW_NARROW, ROW_WIDE } row_form;

/* A search of `cuts` and the code that each rule puts it into, or ROW_NOWHERE. */
typedef struct row_search {
    uint32_t feature;
    bool small, near_zero;
    uint8_t zero_code;
    uint8_t code[BYTES_RULES];
} row_search;

/* The table of one feature's categories: (n_rows, row_table_width) words. Row 0 is of all that
 * are not named, row n of the n-th, the last one of NaN. */
typedef struct row_categories {
    size_t n_rows;
    uint64_t *words;
} row_categories;

/* Offsets are bytes into layout->data. */
typedef struct row_group {
    row_form form;
    unsigned n_trees, depth; /* of the deepest; perfect: of all */
    size_t span;             /* questions a tree has room for */
    size_t first_tree;
    size_t tree[ROW_GROUP]; /* oblivious: all of them the tile that they share */
    size_t
        leaves[ROW_GROUP]; /* where a leaf numbered 0 would stand; walks end at `first_leaf` on */
    size_t first_leaf;
} row_group;

typedef struct row_layout {
    bytes_layout *cuts; /* searches and categories; no trees */
    bool few;           /* ROW_COLUMNS_FEW are enough */
    bool zero_rules;    /* some search is asked for under a rule about zeros */
    bool vector_leaves;
    row_search *searches;
    row_categories *categories; /* of each of cuts->codes */
    size_t n_categories;
    uint64_t *words; /* of all tables */
    size_t table_bytes;
    row_group *groups;
    size_t n_groups;
    char *data;
    size_t data_bytes;
} row_layout;

/* *ret_layout = NULL with MW_OK: this forest is not for rows in registers (more columns, trees of
 * more than 256 leaves, linear leaves, equality, sets behind the tile). */
MW_CHECKED mw_status row_layout_make(const mw_forest *forest, void **ret_layout, mw_error *err);
void row_layout_free(void *layout);
size_t row_layout_bytes(const void *layout);

/* Outputs of a tree's leaf. */
static inline size_t row_outputs(const mw_forest *forest, size_t tree)
{
    return forest->tree_output[tree] == MW_ALL_OUTPUTS ? forest->n_margins : 1;
}

/* Words of a row of a table: one a lane, also of those that the last group has no tree for. */
static inline size_t row_table_width(const row_layout *layout)
{
    return layout->n_groups * ROW_GROUP;
}

/* The code that is never passed, so that a question always goes left. */
static inline uint8_t row_never(const row_layout *layout)
{
    return (uint8_t)((layout->few ? ROW_COLUMNS_FEW : ROW_COLUMNS) - 1);
}

/* The row of a feature's table for number `number` of bytes_number_of. */
static inline size_t row_of_number(const row_categories *of, uint8_t number)
{
    return number == BYTES_NUMBER_NAN ? of->n_rows - 1 : number;
}

#endif
