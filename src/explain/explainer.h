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
#if defined(__x86_64__)
extern const explain_kernel explain_tables_v3, explain_tables_v4;
#endif

/* Kernels for trees, best first; the last one is the specification. */
extern const explain_kernel *const explain_kernels[];
extern const size_t explain_n_kernels;

struct mw_explainer {
    const mw_forest *forest;
    const explain_kernel *kernel;
    void *layout;
    double *bias;        /* n_margins */
    size_t memory_bytes; /* of the kernel */
};

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
 * forest's arrays. A node that no row reached sends half of them each way. */
static inline double explain_share(const mw_forest *forest, size_t node, size_t child)
{
    return forest->cover[node] > 0 ? forest->cover[child] / forest->cover[node] : 0.5;
}

/* Mean of a subtree's leaves, weighted by these shares. */
double explain_mean(const mw_forest *forest, size_t tree, size_t node, size_t output);

/* Fails where the model computes columns beside its features. */
MW_CHECKED mw_status explain_check_columns(const mw_forest *forest, mw_error *err);

#endif
