/* A forest as the kernels want it: ranks, tables for what fits, quadrature for the rest; and the
 * memory of a block of rows.
 *
 *     rows --> ranks (int16) --> patterns --> lines of tables --> sums of 8 trees (float32) --.
 *                     `--------> quadrature of the rest ----------------------------------> totals
 *                                                                                      (float64) */
#ifndef EXPLAIN_LAYOUT_H
#define EXPLAIN_LAYOUT_H

#include "quadrature.h"
#include "tables.h"

enum {
    LAYOUT_ROWS_ALONE = 8,     /* fewer go through the tables one at a time, on any processor */
    LAYOUT_POINTS_ALONE = 8,   /* of a program that takes one row: its lanes are points */
    LAYOUT_PROGRAMS_ALONE = 3, /* rows that go through programs one at a time */
    LAYOUT_TABLES_NEAR = 16 * MW_MIB, /* tables that stay in a cache */
    LAYOUT_ROWS_STEP = 32,            /* rows are filled up to a multiple of this */
    LAYOUT_ROWS_MAX = 1024,
    LAYOUT_ROWS_MIN = 64,
    LAYOUT_ROWS_APART = 32, /* columns stand so many rows further apart than a block has: the same
                               row of all columns must not fall into one set of the cache */
    LAYOUT_ROW_RANKS = 128, /* are read whatever there is */
    LAYOUT_PART_ROWS = 256  /* of a block: what a tree needs for them stays in the first cache */
};

typedef struct explain_layout {
    mw_arena arena;
    explain_ranks ranks;
    explain_tables tables;
    quadrature_layout rest;
    size_t block_rows;
} explain_layout;

/* What a kernel works on: a block's columns, (n, stride) each. */
typedef struct explain_work {
    const mw_forest *forest;
    const explain_layout *layout;
    bool few;        /* rows go through the tables one at a time */
    bool alone;      /* and through programs */
    size_t n_filled; /* rows, those that fill a step among them */
    size_t stride;
    int16_t *ranks;     /* of each column of ranks */
    double *totals;     /* of each place, for one margin */
    float *sums;        /* of each slot, for one chunk */
    uint16_t *patterns; /* (TABLES_BITS_MAX + 1, LAYOUT_PART_ROWS): saved ones, then a group's */
    int16_t *row_ranks; /* of each column (at least LAYOUT_ROW_RANKS), for one row */
    void *rest_memory;
} explain_work;

/* MW_LIMIT_EXPLAINER_BYTES for tables, a quarter of it for the programs of the rest. */
mw_status layout_make(const mw_forest *forest, void **ret_layout, mw_error *err);
/* Limits of the caller's choice: for tests. */
MW_CHECKED mw_status layout_make_within(const mw_forest *forest, size_t tables_bytes_max,
                                        size_t kept_bytes_max, void **ret_layout, mw_error *err);
/* Tables alone, weighed by a background (n_rows, n_columns) as the trees see it; ret_covered
 * (n_nodes, zeroed): the subtrees that they explain. */
MW_CHECKED mw_status layout_make_usual(const mw_forest *forest, const double *background,
                                       size_t n_rows, size_t tables_bytes_max, uint8_t *ret_covered,
                                       void **ret_layout, mw_error *err);
void layout_free(void *layout);
size_t layout_bytes(const void *layout);
size_t layout_memory_bytes(const mw_forest *forest, const void *layout);
size_t layout_block_rows(const void *layout);

/* Cut up a block's memory and rank its rows. Fewer than few_rows go one at a time; of far tables,
 * whose lines a block of rows waits for, three times as many. */
void layout_begin(const mw_forest *forest, const explain_layout *layout, const explain_block *block,
                  size_t few_rows, explain_work *ret_work);
/* Lines of tables onto the totals of one margin, one row at a time. */
typedef void tables_few(const explain_work *work, size_t margin, size_t n_rows);
tables_few tables_add_few;
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
tables_few tables_add_few_v3, tables_add_few_v4;
/* The one that the processor can: they want pext, which Zen 1 and 2 have in name only. */
static inline tables_few *tables_choose_few(tables_few *quick)
{
    bool collects = __builtin_cpu_supports("bmi2") && !__builtin_cpu_is("znver1") &&
                    !__builtin_cpu_is("znver2");
    return collects ? quick : tables_add_few;
}
#endif
/* Where the lines of a chunk's groups stand. */
typedef const float *tables_lines[TABLES_CHUNK_GROUPS];
/* A chunk's lines onto `sums` of its slots, which are zeros and left so, and onto a row's totals.
 */
void tables_add_lines(const explain_work *work, const tables_chunk *chunk, const tables_lines lines,
                      size_t row, float *sums);
/* Where a kernel leaves the ranks of a block's rows in its memory: (columns of ranks, stride). */
const int16_t *layout_ranks_of(const void *layout, const explain_block *block, size_t *ret_stride);
void layout_clear_totals(const explain_work *work);
/* Totals of one margin into the block's values. */
void layout_put(const explain_work *work, const explain_block *block, size_t margin);

#endif
