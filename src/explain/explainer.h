/* What the files of explain share: the explainer and its kernels.
 *
 *   rows, a block of them at a time
 *        |  kernel->explain: contributions of all trees are added up
 *        v
 *   values (n_rows, n_margins, n_features + 1)
 *        |  explainer.c: scale, bias
 *        v
 */
#ifndef EXPLAIN_EXPLAINER_H
#define EXPLAIN_EXPLAINER_H

#include "explain.h"

/* Rows that go through together where there is no reason for another number. */
enum { EXPLAIN_BLOCK_ROWS = 128 };

/* Rows [first, first + n_rows) of `rows`, n_rows <= kernel->block_rows. */
typedef struct explain_block {
    const mw_matrix *rows;
    size_t first, n_rows;
    void *memory;   /* kernel->memory_bytes, 64-byte aligned */
    double *values; /* (n_rows, n_margins, n_features + 1), all zero on entry */
} explain_block;

/* One way to compute contributions. The best one that runs here is chosen once. */
typedef struct explain_kernel {
    const char *name;
    bool (*runs_here)(void);
    /* *ret_layout may be NULL: the forest itself is the layout. */
    mw_status (*lay_out)(const mw_forest *forest, void **ret_layout, mw_error *err);
    void (*free_layout)(void *layout);
    size_t (*layout_bytes)(const void *layout);
    size_t (*memory_bytes)(const mw_forest *forest, const void *layout);
    /* Rows that go through the forest together: what a tree needs is read once for all of them. */
    size_t (*block_rows)(const void *layout);
    void (*explain)(const mw_forest *forest, const void *layout, const explain_block *block);
} explain_kernel;

extern const explain_kernel explain_scalar; /* the specification: takes every forest */
extern const explain_kernel explain_linear; /* gblinear */
extern const explain_kernel explain_tables_plain;
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
extern const explain_kernel explain_tables_v3, explain_tables_v4;
#endif

/* Kernels for trees, best first; the last one is the specification. */
extern const explain_kernel *const explain_kernels[];
extern const size_t explain_n_kernels;

typedef struct explain_players explain_players; /* players.h */

struct mw_explainer {
    const mw_forest *forest;
    explain_players *players; /* or NULL: the forest's features */
    const mw_forest *played;  /* as the kernel sees it */
    const explain_kernel *kernel;
    void *layout;
    double *bias;         /* n_margins */
    size_t prepare_bytes; /* of a block's rows: mw_prepare_bytes, at the beginning */
    size_t played_bytes;  /* of a block's values by player, behind them; 0 without players */
    size_t memory_bytes;  /* of these and the kernel */
};

/* The best kernel that runs here, or the one that MW_CPU names. */
const explain_kernel *explain_choose_kernel(const mw_forest *forest);
/* With a kernel of the caller's choice, whatever MW_CPU says: for tests. */
MW_CHECKED mw_status explain_explainer_new(const mw_forest *forest, const explain_kernel *kernel,
                                           mw_explainer **ret_explainer, mw_error *err);
/* Rows [first, end) into ret_values, which begins at row `first`. Checked and reserved before. */
void explain_rows(const mw_explainer *explainer, const mw_matrix *rows, size_t first, size_t end,
                  void *memory, double *ret_values);

/* The next `bytes` of `memory` (may be NULL: to learn the size), on a cache line. */
static inline void *explain_cut_off(void *memory, size_t *used, size_t bytes)
{
    void *part = memory ? (char *)memory + *used : NULL;
    *used += (bytes + 63) / 64 * 64;
    return part;
}

/* The margins that a tree adds to: [first, end). */
static inline size_t explain_first_output(const mw_forest *forest, size_t tree)
{
    return forest->tree_output[tree] == MW_ALL_OUTPUTS ? 0 : forest->tree_output[tree];
}
static inline size_t explain_end_output(const mw_forest *forest, size_t tree)
{
    return forest->tree_output[tree] == MW_ALL_OUTPUTS ? forest->n_margins
                                                       : forest->tree_output[tree] + (size_t)1;
}

/* The share of a node's training rows that went to one of its children; both indexes count in the
 * forest's arrays. A node that no row reached sends half of them each way, and so does one whose
 * rows nobody counted: values against a background do not look at it. */
static inline double explain_share(const mw_forest *forest, size_t node, size_t child)
{
    return forest->cover && forest->cover[node] > 0 ? forest->cover[child] / forest->cover[node]
                                                    : 0.5;
}

/* Mean of a subtree's leaves, weighted by these shares. */
double explain_mean(const mw_forest *forest, size_t tree, size_t node, size_t output);

/* The feature that a node asks about: it plays, whichever of its columns stands at the node. */
static inline uint32_t explain_feature(const mw_forest *forest, size_t node)
{
    return mw_forest_feature(forest, forest->feature[node]);
}

/* Point a block at rows [first, first + n_rows), made ready for the trees in `memory`
 * (mw_prepare_bytes) where the model computes columns; *ret_prepared is the block's then. */
static inline void explain_take_rows(const mw_forest *forest, const mw_matrix *rows, size_t first,
                                     size_t n_rows, void *memory, mw_matrix *ret_prepared,
                                     explain_block *block)
{
    block->rows = rows;
    block->first = first;
    block->n_rows = n_rows;
    if (!forest->before)
        return;
    *ret_prepared = mw_prepare_rows(forest, rows, first, n_rows, memory);
    block->rows = ret_prepared;
    block->first = 0;
}

/* The columns that a linear model weighs: the place of the i-th of them. */
static inline size_t explain_n_weights(const mw_forest *forest)
{
    return forest->linear_columns ? forest->n_linear_columns : forest->n_columns;
}
static inline uint32_t explain_weight(const mw_forest *forest, size_t i)
{
    return forest->linear_columns ? forest->linear_columns[i] : (uint32_t)i;
}

#endif
