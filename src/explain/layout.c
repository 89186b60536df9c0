/* The layout's life, and the memory of a block of rows. */
#include "layout.h"

#include <stdlib.h>

#include "base/banned.h"

/* ---- life ------------------------------------------------------------------------------------ */

/* As many rows as keep a block's columns within the second cache, mostly. */
static size_t find_block_rows(const explain_layout *layout)
{
    size_t row_bytes = layout->ranks.n_columns * sizeof(int16_t) +
                       layout->ranks.n_places * sizeof(double) +
                       layout->tables.slots_max * sizeof(float);
    size_t rows = LAYOUT_ROWS_MAX;
    while (rows > LAYOUT_ROWS_MIN && rows * row_bytes > 2 * MW_MIB)
        rows /= 2;
    return rows;
}

static mw_status fill(const mw_forest *forest, explain_layout *layout, size_t tables_bytes_max,
                      size_t kept_bytes_max, mw_error *err)
{
    mw_arena *arena = &layout->arena;
    uint8_t *covered = mw_arena_take_zeroed(arena, forest->n_nodes, sizeof *covered);
    if (!covered)
        return mw_fail_memory(err, "the explainer");
    MW_TRY(ranks_make(forest, arena, &layout->ranks, err));
    MW_TRY(tables_make(forest, &layout->ranks, NULL, tables_bytes_max, arena, &layout->tables,
                       covered, err));
    MW_TRY(quadrature_lay_out(forest, &layout->ranks, covered, kept_bytes_max, arena, &layout->rest,
                              err));
    layout->block_rows = find_block_rows(layout);
    return MW_OK;
}

/* The ranks of the background's rows, filled up to whole parts. */
static mw_status rank_usual(const mw_forest *forest, const explain_ranks *ranks,
                            const double *background, size_t n_rows, int16_t **ret_ranks,
                            tables_usual *ret_usual, mw_error *err)
{
    mw_matrix rows = {
        background, MW_FLOAT64, n_rows, forest->n_columns, (ptrdiff_t)forest->n_columns, 1};
    size_t stride = (n_rows + TABLES_USUAL_PART - 1) / TABLES_USUAL_PART * TABLES_USUAL_PART;
    *ret_ranks = malloc(ranks->n_columns * stride * sizeof **ret_ranks + 1);
    if (!*ret_ranks)
        return mw_fail_memory(err, "the background");
    ranks_of_rows(forest, ranks, &rows, 0, n_rows, stride, stride, *ret_ranks);
    *ret_usual = (tables_usual){*ret_ranks, stride, n_rows};
    return MW_OK;
}

static mw_status fill_usual(const mw_forest *forest, explain_layout *layout,
                            const double *background, size_t n_rows, size_t tables_bytes_max,
                            uint8_t *covered, mw_error *err)
{
    int16_t *ranks = NULL;
    tables_usual usual;
    MW_TRY(ranks_make(forest, &layout->arena, &layout->ranks, err));
    mw_status status = rank_usual(forest, &layout->ranks, background, n_rows, &ranks, &usual, err);
    if (status == MW_OK)
        status = tables_make(forest, &layout->ranks, &usual, tables_bytes_max, &layout->arena,
                             &layout->tables, covered, err);
    free(ranks);
    MW_TRY(status);
    layout->rest.first_program =
        mw_arena_take_zeroed(&layout->arena, forest->n_margins + 1, sizeof(size_t));
    if (!layout->rest.first_program)
        return mw_fail_memory(err, "the background");
    layout->rest.ranks = &layout->ranks;
    layout->block_rows = find_block_rows(layout);
    return MW_OK;
}

mw_status layout_make_usual(const mw_forest *forest, const double *background, size_t n_rows,
                            size_t tables_bytes_max, uint8_t *ret_covered, void **ret_layout,
                            mw_error *err)
{
    explain_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return mw_fail_memory(err, "the background");
    mw_arena_init(&layout->arena, 64 * MW_KIB, SIZE_MAX / 2);
    mw_status status =
        fill_usual(forest, layout, background, n_rows, tables_bytes_max, ret_covered, err);
    if (status != MW_OK) {
        layout_free(layout);
        return status;
    }
    *ret_layout = layout;
    return MW_OK;
}

mw_status layout_make_within(const mw_forest *forest, size_t tables_bytes_max,
                             size_t kept_bytes_max, void **ret_layout, mw_error *err)
{
    explain_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return mw_fail_memory(err, "the explainer");
    mw_arena_init(&layout->arena, 64 * MW_KIB, SIZE_MAX / 2);
    mw_status status = fill(forest, layout, tables_bytes_max, kept_bytes_max, err);
    if (status != MW_OK) {
        layout_free(layout);
        return status;
    }
    *ret_layout = layout;
    return MW_OK;
}

mw_status layout_make(const mw_forest *forest, void **ret_layout, mw_error *err)
{
    return layout_make_within(forest, MW_LIMIT_EXPLAINER_BYTES, MW_LIMIT_EXPLAINER_BYTES / 4,
                              ret_layout, err);
}

void layout_free(void *layout)
{
    if (!layout)
        return;
    mw_arena_done(&((explain_layout *)layout)->arena);
    free(layout);
}

size_t layout_bytes(const void *layout)
{
    const explain_layout *l = layout;
    return sizeof *l + mw_arena_held_bytes(&l->arena);
}

size_t layout_block_rows(const void *layout)
{
    return ((const explain_layout *)layout)->block_rows;
}

/* ---- memory of a block ----------------------------------------------------------------------- */

/* Columns of few rows stand close: each page that is touched counts. */
static size_t stride_of(const explain_layout *layout, size_t n_rows)
{
    if (n_rows < LAYOUT_ROWS_ALONE && layout->rest.n_programs == 0)
        return LAYOUT_ROWS_ALONE; /* nothing puts them into lanes */
    return (n_rows <= LAYOUT_ROWS_MIN ? LAYOUT_ROWS_MIN : layout->block_rows) + LAYOUT_ROWS_APART;
}

static size_t divide(const explain_layout *layout, size_t n_rows, void *memory,
                     explain_work *ret_work)
{
    quadrature_memory rest;
    size_t used = 0, stride = stride_of(layout, n_rows), n_columns = layout->ranks.n_columns;
    size_t patterns = (TABLES_BITS_MAX + 1) * (size_t)LAYOUT_PART_ROWS;
    size_t row_ranks = n_columns > LAYOUT_ROW_RANKS ? n_columns : LAYOUT_ROW_RANKS;
    ret_work->layout = layout;
    ret_work->stride = stride;
    ret_work->ranks = explain_cut_off(memory, &used, n_columns * stride * sizeof(int16_t));
    ret_work->totals =
        explain_cut_off(memory, &used, layout->ranks.n_places * stride * sizeof(double));
    ret_work->sums =
        explain_cut_off(memory, &used, layout->tables.slots_max * stride * sizeof(float));
    ret_work->patterns = explain_cut_off(memory, &used, patterns * sizeof(uint16_t));
    ret_work->row_ranks = explain_cut_off(memory, &used, row_ranks * sizeof(int16_t));
    ret_work->rest_memory =
        explain_cut_off(memory, &used, quadrature_divide(&layout->rest, NULL, &rest));
    return used;
}

size_t layout_memory_bytes(const mw_forest *forest, const void *layout)
{
    (void)forest;
    explain_work work;
    return divide(layout, layout_block_rows(layout), NULL, &work);
}

const int16_t *layout_ranks_of(const void *layout, const explain_block *block, size_t *ret_stride)
{
    explain_work work;
    divide(layout, block->n_rows, block->memory, &work);
    *ret_stride = work.stride;
    return work.ranks;
}

void layout_begin(const mw_forest *forest, const explain_layout *layout, const explain_block *block,
                  size_t few_rows, explain_work *ret_work)
{
    divide(layout, block->n_rows, block->memory, ret_work);
    ret_work->forest = forest;
    size_t times = layout->tables.data_bytes > LAYOUT_TABLES_NEAR ? 3 : 1;
    ret_work->few = block->n_rows < LAYOUT_ROWS_ALONE || block->n_rows < times * few_rows;
    ret_work->alone = ret_work->few && layout->rest.points_max <= LAYOUT_POINTS_ALONE &&
                      (layout->rest.n_programs == 0 || block->n_rows <= LAYOUT_PROGRAMS_ALONE);
    size_t step = ret_work->alone ? 1 : LAYOUT_ROWS_STEP;
    ret_work->n_filled = (block->n_rows + step - 1) / step * step;
    ranks_of_rows(forest, &layout->ranks, block->rows, block->first, block->n_rows,
                  ret_work->n_filled, ret_work->stride, ret_work->ranks);
}

void layout_clear_totals(const explain_work *work)
{
    for (size_t place = 0; place < work->layout->ranks.n_places; place++)
        memset(work->totals + place * work->stride, 0, work->n_filled * sizeof *work->totals);
}

/* Eight rows at a time: a line of each column is read once. */
void layout_put(const explain_work *work, const explain_block *block, size_t margin)
{
    enum { TOGETHER = 8 };
    const mw_forest *forest = work->forest;
    const explain_ranks *ranks = &work->layout->ranks;
    size_t width = forest->n_margins * (forest->n_features + 1);
    double *values = block->values + margin * (forest->n_features + 1);
    for (size_t first = 0; first < block->n_rows; first += TOGETHER) {
        size_t end = first + TOGETHER < block->n_rows ? first + TOGETHER : block->n_rows;
        for (size_t place = 0; place < ranks->n_places; place++) {
            const double *totals = work->totals + place * work->stride;
            for (size_t r = first; r < end; r++)
                values[r * width + ranks->features[place]] = totals[r];
        }
    }
}
