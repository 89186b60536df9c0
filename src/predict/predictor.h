/* What the files of predict share: the predictor, its kernels, scratch.
 *
 *   rows of a batch, PREDICT_BLOCK_ROWS at a time
 *        |  kernel->sum: margins in the library's own precision
 *        v
 *   sums: float32 (XGBoost) or float64 (LightGBM), (n_rows, n_margins)
 *        |  predict_finish: transform in that precision, widen
 *        v
 *   values: float64, (n_rows, outputs)
 */
#ifndef PREDICT_PREDICTOR_H
#define PREDICT_PREDICTOR_H

#include <stdatomic.h>

#include "predict.h"

/* Rows that go through the forest together. 64 rows of 57 float columns are 14 kB: they stay in
 * the first-level cache while the trees stream by. */
enum { PREDICT_BLOCK_ROWS = 64 };

/* A part of a batch: rows [first, first + n_rows) of `rows`, n_rows <= kernel->block_rows. */
typedef struct predict_block {
    const mw_matrix *rows;
    size_t first, n_rows;
    void *memory; /* kernel->memory_bytes, 64-byte aligned */
    void *sums;   /* (n_rows, n_margins) float or double: see mw_forest.sum_float32 */
} predict_block;

/* Lay a forest out. *ret_layout = NULL with MW_OK: this kernel does not take this forest. `found`
 * (or NULL) is what a layout made before found out that others can use, or room for it; a layout
 * that uses it is freed before that one, and one that gave it is settled before its first rows. */
typedef struct predict_found predict_found; /* bytes_cuts.h */
typedef mw_status predict_lay_out(const mw_forest *forest, predict_found *found, void **ret_layout,
                                  mw_error *err);

/* One way to walk the trees. All give the same bits. The best one that takes a forest is chosen
 * once, when the predictor is made. */
typedef struct predict_kernel {
    const char *name;
    size_t block_rows;    /* most rows a call of `sum` takes */
    bool takes_levels;    /* of a forest (mw_levels); else nodes are made of them */
    bool (*usable)(void); /* this processor has its instructions; NULL: every one has */
    predict_lay_out *lay_out;
    mw_status (*settle)(const mw_forest *forest, void *layout, mw_error *err); /* or NULL */
    void (*free_layout)(void *layout);
    size_t (*layout_bytes)(const void *layout);
    size_t (*memory_bytes)(const mw_forest *forest, const void *layout);
    void (*sum)(const mw_forest *forest, const void *layout, const predict_block *block);
} predict_kernel;

extern const predict_kernel predict_scalar;      /* the specification: takes every forest */
extern const predict_kernel predict_levels;      /* oblivious trees of any depth, portable C */
extern const predict_kernel predict_deep;        /* trees of thousands of leaves, portable C */
extern const predict_kernel predict_interleaved; /* eight walks at a time, portable C */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
extern const predict_kernel predict_row_avx512;
extern const predict_kernel predict_row_avx2;     /* a row in registers: see row.h */
extern const predict_kernel predict_bytes_avx512; /* every node for 64 rows at once: see bytes.h */
extern const predict_kernel predict_bytes_avx2;   /* for 32 */
#elif defined(__aarch64__) && !defined(MW_NO_VECTORS)
extern const predict_kernel predict_bytes_neon;
#endif

/* A kernel with its layout of the forest; kernel is NULL where there is none. */
typedef struct predict_way {
    const predict_kernel *kernel;
    void *layout;
} predict_way;

/* Where things stand in the scratch of a block, behind the kernels' memory. */
typedef struct predict_places {
    size_t prepared; /* rows, by the recipe before the trees */
    size_t row;      /* on its way out, or a recipe's cells */
    size_t sums;
    size_t bytes; /* of all */
} predict_places;

struct mw_predictor {
    const mw_forest *forest;
    const mw_forest *walked; /* what kernels see: its features are forest->n_columns */
    mw_forest own_walked;    /* where that differs from `forest` */
    predict_way few;         /* any number of rows */
    predict_way many;        /* batches; kernel may be NULL */
    atomic_size_t many_from; /* rows from which `many` is the faster one; SIZE_MAX: none, as yet */
    size_t many_step;        /* rows that it takes as it takes one: a register of bytes */
    size_t many_rest;        /* fewer rows than so many behind whole steps are for `few` */
    atomic_bool unsettled;   /* `many` is for the first batch to make */
    size_t block_rows;       /* the larger block of both */
    size_t memory_bytes;     /* the larger memory of both, rounded up to whole cache lines */
    predict_places places;
};

struct mw_scratch {
    void *memory;
    size_t size;
};

enum { PREDICT_LINE = 64 }; /* bytes of a cache line */

size_t predict_whole_lines(size_t bytes);
/* Cleared memory of a layout, 64-byte aligned, a line more than `bytes`; NULL: there is none. */
void *predict_lines_take(size_t bytes);
void predict_lines_free(void *lines, size_t bytes);

/* Both ways are timed: many_rest, then many_from. Cost: two milliseconds. */
void predict_find_break_even(mw_predictor *predictor);

/* What a block takes, kernels' memory known. Of a graph: what its rows take. */
predict_places predict_place(const mw_predictor *predictor);
/* All that can be wrong with a call. */
MW_CHECKED mw_status predict_check(const mw_predictor *predictor, const mw_matrix *rows,
                                   mw_output output, mw_error *err);
/* Rows [first, end) into ret_values, which begins at row `first`. Checked before; `memory`
 * holds places.bytes. */
void predict_rows(const mw_predictor *predictor, const mw_matrix *rows, size_t first, size_t end,
                  mw_output output, void *memory, double *ret_values);

/* Values of a row on its way out: ONNX makes two predictions of one margin. */
static inline size_t predict_row_values(const mw_forest *forest)
{
    return forest->n_margins > forest->n_predictions ? forest->n_margins : forest->n_predictions;
}

/* The recipe behind the trees: n_rows of margins become predictions. `cells` holds
 * mw_recipe_bytes. */
void predict_after(const mw_forest *forest, size_t n_rows, const void *sums, double *cells,
                   double *ret_values);

/* ONNX's own transforms, in place. */
void predict_transform_onnx(const mw_forest *forest, double *row);

/* sums (n_rows, n_margins) become values (n_rows, outputs). `row` holds predict_row_values, and
 * mw_recipe_bytes of a recipe behind the trees. */
void predict_finish(const mw_forest *forest, mw_output output, size_t n_rows, const void *sums,
                    double *row, double *ret_values);

#endif
