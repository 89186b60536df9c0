/* What the files of contrast_*.c share: the contrast and its kernels. */
#ifndef EXPLAIN_CONTRASTS_H
#define EXPLAIN_CONTRASTS_H

#include "contrast.h"
#include "explainer.h"

/* One way to compute the values of a block. */
typedef struct contrast_kernel {
    const char *name;
    bool (*runs_here)(void);
    /* *ret_layout may be NULL: the contrast itself is the layout. */
    mw_status (*lay_out)(const mw_contrast *contrast, void **ret_layout, mw_error *err);
    void (*free_layout)(void *layout);
    size_t (*layout_bytes)(const void *layout);
    size_t (*memory_bytes)(const mw_contrast *contrast);
    size_t (*block_rows)(const mw_contrast *contrast); /* that go through together */
    size_t (*row_nodes)(const mw_contrast *contrast);
    void (*explain)(const mw_contrast *contrast, const explain_block *block);
} contrast_kernel;

struct mw_contrast {
    const mw_forest *forest;
    mw_scale scale;
    const contrast_kernel *kernel;
    const explain_kernel *tables_kernel; /* that reads the tables of `contrast_tables` */
    void *layout;
    size_t n_rows;        /* of the background */
    double *rows;         /* (n_rows, n_columns), as the trees see them */
    double *margins;      /* (n_rows, n_margins) */
    double *base;         /* n_margins: on the scale */
    size_t prepare_bytes; /* of a block's rows: mw_prepare_bytes, at the beginning */
    size_t memory_bytes;
};

extern const contrast_kernel contrast_pairs;  /* the specification: takes every forest and scale */
extern const contrast_kernel contrast_tables; /* takes every forest, on the scale of margins */
extern const contrast_kernel contrast_linear;

/* With a kernel of the caller's choice: for tests. */
MW_CHECKED mw_status contrast_new(const mw_forest *forest, const mw_matrix *background,
                                  mw_scale scale, const contrast_kernel *kernel,
                                  mw_contrast **ret_contrast, mw_error *err);

/* Row `row` of a matrix as the trees see it. */
void contrast_read(const mw_forest *forest, const mw_matrix *rows, size_t row, double *ret_row);
/* All margins of such a row, in float64: n_margins. */
void contrast_margins(const mw_forest *forest, const double *row, double *ret_margins);
/* What a linear model sees of a value: gblinear passes over what is missing. */
double contrast_linear_value(const mw_forest *forest, double x);
/* A margin on the contrast's scale. */
double contrast_value(const mw_contrast *contrast, double margin);
/* What the margin values of a pair are multiplied by: 1 on the scale of margins. */
double contrast_slope(const mw_contrast *contrast, double x_margin, double z_margin);

/* Leaves that contrast_pairs is to leave out, and what it takes off the values of the others. */
typedef struct contrast_rest {
    const uint8_t *covered; /* n_nodes: subtrees that are left out */
    const double *means;    /* (n_trees, n_margins) */
} contrast_rest;

/* What contrast_pairs gives of the rest, onto the block's values. */
void contrast_add_pairs(const mw_contrast *contrast, const explain_block *block,
                        const contrast_rest *rest);

/* Weight of a set of p + q - 1 others in which the p - 1 that stand with j come first:
 * (p - 1)! q! / (p + q)! */
double contrast_weight(size_t p, size_t q);

#endif
