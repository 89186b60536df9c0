/* The byte layout: every node of a tree evaluated for many rows at once, in bytes.
 *
 * A walk waits for one load a level and row. Evaluating all nodes of a tree instead costs one or
 * two instructions a node, but each of them serves a whole register of rows, one byte a row:
 *
 *   rows ----> cuts of each feature ----> columns of byte codes ----> leaf index ----> sum
 *              (sorted thresholds)        code = cuts passed          a byte a row
 *
 *   feature 3, cuts 0.5 1.0 2.5            rows:    0.7  3.0  NaN  0.1
 *   column "NaN left"                      codes:     1    3    0    0
 *   column "NaN right"                     codes:     1    3  255    0
 *   node x < 1.0 is "code >= 2 goes right"            0    1    ...
 *
 * A node goes right where code >= rank, 1 <= rank <= 255; so a code of 0 is always left and 255
 * always right, and a missing value needs no care at run time. A feature with more than 255 cuts
 * has several searches of 255 cuts each, and columns of its own for each. Codes and ranks are kept
 * as signed bytes, 128 less, because that is what all vector instructions compare. (The average of
 * code and 255 - rank has the answer in its highest bit, too, but shares its ports with the choice
 * that follows: 0.31 ns for the two on Zen 3, against 0.17.)
 *
 * Rows that x < t or x <= t sends right are those with x >= cut for one exact cut, in the
 * precision of the rows: so a code is the same answer, not an approximation.
 *
 * Trees have one of three forms:
 *
 *   perfect   padded to a depth of 1 to 8. Bit d of the leaf's index is the decision at level d:
 *             the decisions of all 2^d nodes of that level, folded by bits 0 .. d - 1. Nodes of a
 *             level stand in the order of their path's bits, lowest bit first. Depth 7 and 8 are
 *             two and four trees of depth 6 and one or three nodes that choose between them.
 *
 *   general   up to 256 leaves of any shape, from the leaves upwards: each node chooses between
 *             the leaf indexes that its children found. Nodes go in paths, which keep what they
 *             have found in registers: one comparison and one choice a node, one operand from
 *             memory. See bytes_paths.c.
 *
 *   oblivious one question a level: see bytes_oblivious.h.
 *
 * Sources: QuickScorer (Lucchese et al. 2015) and RapidScorer (Ye et al. 2018) evaluate nodes, not
 * paths, and in bytes; here nodes choose indexes bottom-up, which needs no mask a leaf.
 */
#ifndef PREDICT_BYTES_H
#define PREDICT_BYTES_H

#include "columns.h"

enum {
    BYTES_ROWS = 256,       /* rows of a block; a column is that many bytes */
    BYTES_CUTS = 255,       /* of one search */
    BYTES_PIVOTS = 16,      /* the last cut of each run of 16 */
    BYTES_TABLE = 16 + 256, /* pivots, then cuts; what is left over is NaN, which none passes */
    /* Of floats: behind the cuts, the same as a binary tree of bytes_tree_levels. Place 1 is the
     * middle one; whoever passes place i goes on at 2i + 1, else at 2i. */
    BYTES_TREE = BYTES_TABLE,
    BYTES_TABLE32 = BYTES_TREE + 256,
    BYTES_BIAS = 128,    /* codes and ranks are kept as signed bytes, so much less */
    BYTES_PART = 64,     /* rows that are turned into codes together */
    BYTES_DEPTH_MAX = 8, /* of a perfect tree */
    BYTES_SUBTREE_DEPTH = 6,
    BYTES_SUBTREE_NODES = 63,
    BYTES_LEAVES_MAX = 256,
    BYTES_CONSTANT = 64,         /* bytes of a leaf's number, as a register of any width reads it */
    BYTES_PLANES = 64,           /* trees of so many leaves have byte planes of them; in AVX-512 */
    BYTES_PLANES_MAX = 256,      /* of so many: a plane is 64, 128 or 256 bytes */
    BYTES_WIDE_PLANES_FROM = 16, /* leaves: planes of fewer, all padding, would be far away */
    BYTES_RULES = PREDICT_ZERO_RIGHT + 1,
    BYTES_OBLIVIOUS_DEPTH_MAX = 16,
    BYTES_TOGETHER_MAX = 16, /* trees of a run */
};

#define BYTES_NO_COLUMN UINT32_MAX

/* Numbers of categories: 0 is in no set, 1 .. 254 are, NaN where it goes with those of the set. */
enum { BYTES_NUMBER_OTHER = 0, BYTES_NUMBERS_MAX = 254, BYTES_NUMBER_NAN = 255 };

/* Up to 255 cuts of one feature. */
typedef struct bytes_search {
    uint32_t feature;
    uint32_t n_cuts;
    uint8_t zero_code;            /* of x = 0 */
    uint32_t column[BYTES_RULES]; /* byte offset of a block's column, or BYTES_NO_COLUMN */
} bytes_search;

/* The categories of one feature, by numbers: see bytes_sets.c. */
typedef struct bytes_codes {
    uint32_t feature;
    uint32_t n_categories; /* entries of `number` */
    uint32_t n_numbers;
    bool less_equal;    /* LightGBM's rule for what is a category */
    uint8_t *number;    /* of a category; 0: in no set */
    uint32_t column[2]; /* NaN out, NaN in: byte offset of two columns, place and bit */
} bytes_codes;

/* What a node with a set asks: evaluated before its tree, into a column of -1 (left) and 0 (right)
 * that the node then compares as a code. */
typedef struct bytes_set {
    uint32_t column;
    uint8_t left[32]; /* bit n: number n goes left */
} bytes_set;

/* Nodes of the perfect form. They are small: those of a large forest come from the outer caches
 * once a block. */
typedef struct bytes_nodes {
    uint32_t column[BYTES_SUBTREE_NODES];
    uint8_t rank[BYTES_SUBTREE_NODES];
} bytes_nodes;

/* General form. A path begins at a node with two leaves and goes up; each step chooses between what
 * was found so far and what stands on the other side. In a block's memory stand first the numbers
 * of leaves that steps ask for (constant k: BYTES_CONSTANT bytes of k), then lines: what paths have
 * found that others ask for. Columns are numbers of columns, places are byte offsets. */
typedef struct bytes_path {
    uint16_t column;
    uint16_t result;           /* place of a line; the last path's is not used */
    uint8_t rank, left, right; /* left, right: numbers of leaves */
    uint8_t n_steps;
} bytes_path;

typedef struct bytes_step {
    uint16_t column;
    uint16_t other;     /* place of a constant or a line */
    uint8_t rank, flip; /* flip: 255 where the other side is the right one, else 0 */
    uint8_t moves;      /* 1: a line, another byte a row; 0: a constant */
} bytes_step;

typedef struct bytes_tree {
    bool perfect, oblivious;   /* or general */
    bool borrowed;             /* leaves stand in the forest as they would here */
    uint8_t depth;             /* perfect, oblivious */
    uint8_t n_together;        /* length of the run that begins here; within one 0 */
    uint16_t n_paths, n_steps; /* general; a tree of one leaf has neither */
    uint16_t n_plain;  /* of the paths: those first ones that have only leaves beside them */
    uint32_t n_leaves; /* perfect, oblivious: 2^depth */
    uint32_t output;   /* or MW_ALL_OUTPUTS */
    uint32_t n_sets;
    size_t sets;   /* bytes into layout->data */
    size_t nodes;  /* bytes into layout->data */
    size_t leaves; /* bytes into layout->data, or ->borrowed: each output's planes or values */
} bytes_tree;

/* While laying out. Both are of mw_forest_splits; those with sets get theirs tree by tree. */
typedef struct bytes_places {
    uint32_t *column; /* byte offset of the block's column */
    uint8_t *rank;    /* right where code >= rank */
} bytes_places;

typedef struct bytes_layout {
    bool sum_float32;
    bool wide_planes; /* leaves of float64, and more leaves than 64, have byte planes, too */
    bool float_cuts;  /* rows of float64 are rounded to float32 first */
    bool near_zero;   /* LightGBM's zero */
    size_t n_margins;
    bytes_search *searches;
    size_t n_searches;
    bytes_codes *codes;
    size_t n_codes;
    size_t n_sets;  /* most of them in a tree */
    float *cuts32;  /* n_searches tables: for rows that are float32 */
    double *cuts64; /* the same for float64, or NULL */
    size_t n_columns;
    bytes_tree *trees;
    size_t n_trees;
    size_t n_constants, n_lines; /* most of a general tree */
    size_t n_numbers; /* lines for numbers of leaves: two for each tree of the longest run */
    char *data;       /* nodes and leaves, 64-byte aligned; NULL: bytes_settle makes them */
    size_t data_bytes;
    bytes_places places;  /* until then */
    const char *borrowed; /* leaves of a forest of levels; NULL: of none */
} bytes_layout;

/* No linear leaves and no tests for equality. */
bool bytes_forest_fits(const mw_forest *forest);
/* *ret_layout = NULL with MW_OK: this forest is not for bytes (linear leaves, trees of more than
 * 256 leaves, very many columns). */
predict_lay_out bytes_layout_make;
/* The same with wide_planes. */
predict_lay_out bytes_layout_make_wide;
/* The trees of a layout that was made with something found. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status bytes_settle(const mw_forest *forest, void *layout, mw_error *err);
void bytes_layout_free(void *layout);
size_t bytes_layout_bytes(const void *layout);
size_t bytes_memory_bytes(const mw_forest *forest, const void *layout);

static inline size_t bytes_constants_bytes(const bytes_layout *layout)
{
    return layout->n_constants * BYTES_CONSTANT;
}

/* Of a block's memory; perfect trees need none. */
static inline size_t bytes_lines_bytes(const bytes_layout *layout)
{
    return bytes_constants_bytes(layout) + layout->n_lines * BYTES_ROWS;
}

/* Tables of so many searches: row kernels look at eight at a time. Those behind the last hold no
 * cut. */
static inline size_t bytes_tables(size_t n_searches)
{
    return (n_searches + 7) / 8 * 8;
}

/* Levels of the tree that so many cuts of one search make: three at least. */
static inline unsigned bytes_tree_levels(uint32_t n_cuts)
{
    unsigned levels = 3;
    while ((1u << levels) <= n_cuts)
        levels++;
    return levels;
}

/* A rank as nodes hold it. */
static inline uint8_t bytes_stored_rank(uint8_t rank)
{
    return rank ^ BYTES_BIAS;
}

static inline bool bytes_has_planes(const bytes_layout *layout, const bytes_tree *tree)
{
    if (!layout->sum_float32)
        return layout->wide_planes && tree->n_leaves >= BYTES_WIDE_PLANES_FROM &&
               tree->n_leaves <= BYTES_PLANES_MAX;
    return tree->n_leaves <= (layout->wide_planes ? BYTES_PLANES_MAX : BYTES_PLANES) &&
           !tree->oblivious;
}

/* Of a tree that has planes. */
static inline size_t bytes_plane_bytes(const bytes_tree *tree)
{
    return tree->n_leaves <= BYTES_PLANES ? BYTES_PLANES : tree->n_leaves <= 128 ? 128 : 256;
}

/* Bytes of an output's leaves in a tree: four or eight planes, or plain values. */
static inline size_t bytes_leaf_bytes(const bytes_layout *layout, const bytes_tree *tree)
{
    size_t value_bytes = layout->sum_float32 ? sizeof(float) : sizeof(double);
    size_t n = bytes_has_planes(layout, tree) ? bytes_plane_bytes(tree) : tree->n_leaves;
    return n * value_bytes;
}

static inline const char *bytes_leaves(const bytes_layout *layout, const bytes_tree *tree,
                                       size_t output)
{
    const char *from = tree->borrowed ? layout->borrowed : layout->data;
    return from + tree->leaves + output * bytes_leaf_bytes(layout, tree);
}

/* Trees of float64 leaves in planes, all of one length, that are added together. Meanwhile
 * leaves of the next run are asked for, `ahead` of these, some bytes for each tree and part of the
 * rows: planes of 256 leaves come from an outer cache, and took 38 cycles a part in place of 25. */
typedef struct bytes_wide_run {
    const uint8_t *planes[BYTES_TOGETHER_MAX];
    size_t n_trees;
    size_t ahead, ahead_bytes;
} bytes_wide_run;

/* Find the categories. *ret_plain = false: more than bytes can number. */
MW_CHECKED mw_status bytes_find_sets(const mw_forest *forest, bytes_layout *layout, bool *ret_plain,
                                     mw_error *err);
/* `split`: its place in mw_forest_splits. */
void bytes_put_set(const mw_forest *forest, const bytes_layout *layout, size_t split,
                   bytes_set *ret_set);
/* The number of a row's category. */
uint8_t bytes_number_of(const mw_forest *forest, const bytes_codes *codes, const mw_matrix *rows,
                        size_t row, bool nan_in);
/* A part's rows into the columns of a feature's categories. */
void bytes_load_codes(const mw_forest *forest, const bytes_codes *codes, const mw_matrix *rows,
                      size_t first, size_t n_rows, uint8_t *columns);

#endif
