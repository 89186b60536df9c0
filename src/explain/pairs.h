/* What the files of interactions share. */
#ifndef EXPLAIN_PAIRS_H
#define EXPLAIN_PAIRS_H

#include "explainer.h"
#include "interactions.h"

enum { PAIRS_BLOCK_ROWS = 32 };

/* One way to compute the matrices of a block. */
typedef struct pairs_kernel {
    const char *name;
    bool (*runs_here)(void);
    /* *ret_layout may be NULL: the forest itself is the layout. */
    mw_status (*lay_out)(const mw_forest *forest, void **ret_layout, mw_error *err);
    void (*free_layout)(void *layout);
    size_t (*layout_bytes)(const void *layout);
    size_t (*memory_bytes)(const mw_forest *forest, const void *layout);
    /* Adds the interactions and, on the diagonal, the whole contributions. */
    void (*explain)(const mw_forest *forest, const void *layout, const explain_block *block);
} pairs_kernel;

extern const pairs_kernel pairs_scalar; /* the specification: takes every forest */
extern const pairs_kernel pairs_linear;
extern const pairs_kernel pairs_plain;
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
extern const pairs_kernel pairs_v3, pairs_v4;
#endif
/* Kernels for trees, best first; the last one is the specification. */
extern const pairs_kernel *const pairs_kernels[];
extern const size_t pairs_n_kernels;

struct mw_interactions {
    const mw_forest *forest;
    const pairs_kernel *kernel;
    void *layout;
    mw_explainer *plain;  /* has checked the forest, and knows the bias */
    size_t prepare_bytes; /* of a block's rows: mw_prepare_bytes, at the beginning */
    size_t memory_bytes;
};

/* With a kernel of the caller's choice: for tests. */
MW_CHECKED mw_status pairs_new(const mw_forest *forest, const pairs_kernel *kernel,
                               mw_interactions **ret_interactions, mw_error *err);

#endif
