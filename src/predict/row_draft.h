/* What the files that lay rows out share: row_layout.c the whole, row_tops.c the tops of blocks,
 * row_pieces.c what hangs below. */
#ifndef PREDICT_ROW_DRAFT_H
#define PREDICT_ROW_DRAFT_H

#include "row.h"

/* A question about a category: bit `bit` of byte `at` of every row of its feature's table. */
typedef struct row_set_question {
    size_t node, at;
    uint8_t bit;
} row_set_question;

/* An internal node that an exit leads to; its piece's number goes to `value`. */
typedef struct row_rest {
    uint32_t node, value;
} row_rest;

typedef struct row_draft {
    const mw_forest *forest;
    row_layout *layout;
    const predict_found *found; /* or NULL */
    bytes_places places;
    uint32_t *queue; /* of the tree at hand, breadth first */
    double *share;   /* (its nodes): of the rows that reach it */
    row_rest rests[ROW_LEAVES_MAX];
    size_t n_rests;
    row_set_question *sets;
    size_t n_sets, sets_room;
    size_t pieces_room, values_room;
    size_t n_set_words; /* of a table's row, behind the planes */
    /* Wide: of each column its search, and in the sign of a byte whether missing values go right.
     */
    uint8_t search[2 * ROW_SEARCHES], side[2 * ROW_SEARCHES];
    bool enough; /* memory */
} row_draft;

static inline bool row_is_leaf(const mw_forest *forest, size_t node)
{
    return forest->left[node] == MW_NO_CHILD;
}

/* Room for n_more values; the index of the first. */
uint32_t row_take_values(row_draft *draft, size_t n_more);
/* A leaf's value to an index. */
void row_put_leaf(row_draft *draft, size_t tree, size_t leaf, uint32_t value);
/* A number to a node's column and rank. Not of a set. */
void row_put_number(const row_draft *draft, size_t node, uint8_t *ret_column, uint8_t *ret_rank);
/* Of a wide layout: which code of a missing value it takes. */
uint8_t row_side(const row_draft *draft, size_t node);
void row_put_set(row_draft *draft, size_t node, size_t at, unsigned bit);

/* Breadth first: nodes of the tree to `queue`, with their shares. The number of nodes. */
size_t row_survey_tree(row_draft *draft, size_t tree);
void row_choose_top(row_draft *draft, row_block *block);
/* Nodes, leaves and pieces of a block. */
void row_fill_block(row_draft *draft, row_block *block);
/* The same of a forest of levels. */
void row_fill_levels(row_draft *draft, row_block *block);

/* Pieces for all rests of a tree. */
void row_cut_pieces(row_draft *draft, size_t tree);

#endif
