/* The row layout: one row, a register of trees.
 *
 * A row becomes byte codes as in bytes.h; at most 128 of them, which stay in registers. Trees stand
 * in lanes, 32 (AVX2) or 64 (AVX-512) to a block, in the order of the file. All of them take a step
 * at once:
 *
 *     lane              tree 0  tree 1  tree 2  tree 3 ...
 *     node at its place    3       1       2       0
 *     its column           9       3      17       3      chosen from the level's nodes by the
 *     its rank             5      20       1       5      answers so far
 *     code                17       0       9       0      looked up in the row's registers
 *     answer               1       0       1       0      code >= rank goes right
 *
 * A level of 2^d nodes takes 2 (2^d - 1) choices, a look-up and a comparison, for all lanes
 * together: six levels are 190 instructions for 32 trees, six each. So the first levels of every
 * tree, `depth` of them, are padded to a perfect tree, its top. `at` is the number of a top's exit:
 * bit d the answer at level d. Oblivious trees have one node a level.
 *
 * What is below the top of a tree that is deeper hangs at its exits in pieces of at most 15
 * questions and 16 exits. A piece's questions are answered at once, as a word of 16 bits; an exit
 * is the only one whose path agrees with it:
 *
 *     questions   x3 >= 5 ?   x9 >= 1 ?   x3 >= 20 ?     answers  1 0 0
 *     exit 0      0 - -                                  (answers & care) == want
 *     exit 1      1 0 -                                  <- this one
 *     exit 2      1 1 0 ...
 *
 * The depth of a block's tops is chosen by what the rows of the training did (covers): a step too
 * many costs all trees, one too few a piece for those rows that go on.
 *
 * More columns than registers hold (200 features whose missing values go either way are 400): up to
 * 256 searches are looked up instead, in AVX-512. A node then has a third byte, its sign says which
 * code of a missing value it takes, and is looked at only for rows that miss something:
 *
 *     codes      17   0   9 ...        what a missing value passes: nothing
 *     or else    17 255   9 ...        the same, all
 *
 * Leaves' values stand in one array, exits of a top or a piece side by side. An exit that goes on
 * has the number of its piece where its value would be.
 *
 * Questions about categories are answered by a table: a row of it for each category of a feature,
 * in it a bit for each such question of a top, in planes of bytes as lanes want them, and behind
 * these words of the pieces' questions, tree by tree. A row of the batch picks one for each
 * feature.
 *
 * Sums keep the order of the file. */
#ifndef PREDICT_ROW_H
#define PREDICT_ROW_H

#include "bytes_cuts.h"

enum {
    ROW_COLUMNS = 128,     /* codes of a row that nodes ask for */
    ROW_COLUMNS_FEW = 64,  /* if these are enough, a look-up costs half */
    ROW_SEARCHES = 256,    /* of a wide row */
    ROW_FEATURES_MAX = 64, /* of categories */
    ROW_LANES_MAX = 64,
    ROW_DEPTH_MAX = 8,   /* of tops of nodes */
    ROW_LEVELS_MAX = 16, /* of levels: an answer is a bit of `at`, which then takes two bytes */
    ROW_LEAVES_MAX = 256,
    ROW_EXITS = 16,  /* of a piece */
    ROW_NEVER = 127, /* the rank of a question that no code passes */
};

/* How codes are made: a code of each search, then those of the columns, all at once. */
typedef struct row_columns {
    uint8_t search[ROW_COLUMNS];     /* that has a column's code */
    uint8_t on_missing[ROW_COLUMNS]; /* the code of a missing value, as all with the bias */
    uint8_t on_zero[ROW_COLUMNS];    /* under a rule about zeros ... */
    uint8_t asks_zero[ROW_COLUMNS];  /* 1: which this column has */
} row_columns;

/* A code is 16 times the number of pivots passed and then that of the 16 cuts that follow. Pivots
 * are every 16th cut of a search; they are compared for eight searches together. */
enum { ROW_PIVOTS = 15, ROW_TOGETHER = 8, ROW_EIGHTS = ROW_SEARCHES / ROW_TOGETHER };

/* The table of one feature's categories. Row 0 is of all that are not named, row n of the n-th, the
 * last one of NaN. */
typedef struct row_categories {
    size_t n_rows;
    char *rows; /* n_rows of layout->table_row_bytes */
} row_categories;

/* Ranks are kept as bytes_stored_rank(rank - 1): a code goes right where it is more. Questions
 * about categories come first. */
typedef struct row_piece {
    uint8_t column[ROW_EXITS], rank[ROW_EXITS];
    uint16_t care[ROW_EXITS], want[ROW_EXITS];
    uint32_t first;    /* values: of exit 0 */
    uint32_t set_word; /* of a table's row: the word with the answers about categories */
    uint16_t set_mask; /* these are ... */
    uint8_t set_shift; /* ... bits of it, from here on */
    uint8_t unused;
    uint16_t goes_on; /* bit e: exit e is a piece */
    uint16_t padding[9];
} row_piece;

typedef struct row_block {
    bool oblivious;
    bool goes_on;   /* some tree has pieces */
    bool by_starts; /* levels, more than eight or not everywhere as many: see layout->starts */
    uint8_t depth;  /* of the tops */
    uint8_t n_trees;
    size_t first_tree;
    size_t questions;  /* bytes into data: of each level's nodes a row of columns, one of ranks, and
                          in wide layouts one of sides */
    size_t going_on;   /* bytes into data: planes of bits, which exits are pieces */
    size_t set_planes; /* bytes into a table's row */
    uint32_t first_value; /* of lane 0; lane k: k << depth behind it */
} row_block;

typedef struct row_layout {
    const bytes_layout *cuts; /* searches and categories */
    bytes_layout *own_cuts;   /* without trees; NULL: cuts are another layout's */
    size_t lanes;
    bool few;            /* ROW_COLUMNS_FEW are enough */
    bool wide;           /* nodes ask for searches, not for columns */
    bool by_exits;       /* one sum of trees that all end in their tops, none by_starts */
    bool zero_rules;     /* some search is asked for under a rule about zeros */
    row_columns columns; /* of a row that is not wide */
    uint32_t features[ROW_SEARCHES]; /* of the searches */
    size_t n_together;               /* eights of searches */
    uint8_t n_pivots[ROW_EIGHTS];    /* that some search of the eight has */
    uint8_t span[ROW_EIGHTS];        /* features from the first to the last; 255: more */
    float *pivots32;                 /* (n_together, ROW_PIVOTS, ROW_TOGETHER) */
    double *pivots64;                /* the same, or NULL: see cuts->cuts64 */
    row_categories *categories;      /* of each of cuts->codes */
    size_t n_categories;
    char *table; /* of all features */
    size_t table_bytes, table_row_bytes;
    size_t table_words; /* bytes into a row: where the words of pieces begin */
    row_block *blocks;
    size_t n_blocks;
    char *data;
    size_t data_bytes;
    row_piece *pieces;
    size_t n_pieces;
    char *values;     /* float or double as sums are; leaf_outputs of them a leaf */
    bool borrows;     /* values are the forest's own, of levels */
    uint32_t *starts; /* the first value of each tree, of all lanes; NULL: no block asks for it */
    size_t n_values, leaf_outputs;
    size_t leaf_bytes; /* of all of them */
} row_layout;

/* *ret_layout = NULL with MW_OK: this forest is not for rows in registers (more columns, trees of
 * more than 256 leaves, linear leaves, equality, a table of categories that is too large). `lanes`:
 * of the kernel. Of levels any number up to ROW_LEVELS_MAX. */
MW_CHECKED mw_status row_layout_make(const mw_forest *forest, predict_found *found, size_t lanes,
                                     void **ret_layout, mw_error *err);
void row_layout_free(void *layout);
size_t row_layout_bytes(const void *layout);

/* Nodes of a block's tops, one level after the other. */
static inline size_t row_level_nodes(const row_block *block, unsigned level)
{
    return block->oblivious ? 1 : (size_t)1 << level;
}

static inline size_t row_top_nodes(const row_block *block)
{
    return block->oblivious ? block->depth : ((size_t)1 << block->depth) - 1;
}

/* Rows of questions that a node has. */
static inline size_t row_node_rows(const row_layout *layout)
{
    return layout->wide ? 3 : 2;
}

/* Planes of 8 bits for each exit of a top, or each place of a question in it. */
static inline size_t row_planes(const row_block *block)
{
    if (block->oblivious)
        return block->depth <= 8 ? 1 : 2;
    return block->depth <= 3 ? 1 : (size_t)1 << (block->depth - 3);
}

static inline uint8_t row_stored_rank(uint8_t rank)
{
    return bytes_stored_rank((uint8_t)(rank - 1));
}

/* The row of a feature's table for number `number` of bytes_number_of. */
static inline size_t row_of_number(const row_categories *of, uint8_t number)
{
    return number == BYTES_NUMBER_NAN ? of->n_rows - 1 : number;
}

#endif
