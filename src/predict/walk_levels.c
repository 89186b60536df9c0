/* Oblivious trees, a row at a time, straight over the forest's levels: for processors without row
 * kernels and for rows that are too wide for theirs. No step waits for the one before:
 *
 *     row        x0 .. xn | the same, +inf where a value is missing
 *     column     which of these a level looks at: on its right side missing values pass
 *     answers    x[column] > threshold, side by side: the number of the leaf
 *
 * Categories, and thresholds that +inf does not pass, are left to the specification's way to a
 * leaf, for the whole tree. */
#include "predictor.h"

#include <stdlib.h>

#include "rules.h"

#include "base/banned.h"

typedef struct level_layout {
    size_t n_levels, n_trees;
    uint32_t *column; /* of each level */
    bool *plain;      /* of each tree: all its levels are as above */
} level_layout;

static bool is_plain(const mw_levels *levels, size_t level)
{
    enum { WANTED = MW_NODE_LESS_EQUAL | MW_NODE_MISSING_NAN };
    unsigned rule = levels->flags[level] & ~(unsigned)MW_NODE_DEFAULT_LEFT;
    return rule == WANTED && levels->threshold[level] < INFINITY;
}

static void fill_tree(const mw_forest *forest, size_t tree, level_layout *layout)
{
    const mw_levels *levels = forest->levels;
    layout->plain[tree] = true;
    for (size_t i = levels->start[tree]; i < levels->start[tree + 1]; i++) {
        bool left = levels->flags[i] & MW_NODE_DEFAULT_LEFT;
        layout->plain[tree] = layout->plain[tree] && is_plain(levels, i);
        layout->column[i] = levels->feature[i] + (left ? 0 : (uint32_t)forest->n_features);
    }
}

static void free_layout(void *untyped)
{
    level_layout *layout = untyped;
    if (!layout)
        return;
    free(layout->column);
    free(layout->plain);
    free(layout);
}

static mw_status lay_out(const mw_forest *forest, predict_found *found, void **ret_layout,
                         mw_error *err)
{
    (void)found;
    *ret_layout = NULL;
    if (!forest->levels)
        return MW_OK;
    level_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return mw_fail_memory(err, "a predictor");
    layout->n_trees = forest->n_trees;
    layout->n_levels = forest->levels->start[forest->n_trees];
    layout->column = calloc(layout->n_levels + 1, sizeof *layout->column);
    layout->plain = calloc(layout->n_trees + 1, sizeof *layout->plain);
    if (!layout->column || !layout->plain) {
        free_layout(layout);
        return mw_fail_memory(err, "a predictor");
    }
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        fill_tree(forest, tree, layout);
    *ret_layout = layout;
    return MW_OK;
}

static size_t layout_bytes(const void *untyped)
{
    const level_layout *layout = untyped;
    return sizeof *layout + (layout->n_levels + 1) * sizeof *layout->column +
           (layout->n_trees + 1) * sizeof *layout->plain;
}

static size_t memory_bytes(const mw_forest *forest, const void *layout)
{
    (void)layout;
    return (2 * forest->n_features + 1) * sizeof(double);
}

static void load_row(const mw_forest *forest, const predict_block *block, size_t row, double *x)
{
    for (size_t f = 0; f < forest->n_features; f++) {
        x[f] = predict_value(forest->input, predict_read(block->rows, block->first + row, f));
        x[forest->n_features + f] = isnan(x[f]) ? INFINITY : x[f];
    }
}

static size_t find_leaf(const mw_forest *forest, const level_layout *layout, size_t tree,
                        const double *x)
{
    const double *threshold = forest->levels->threshold;
    size_t leaf = 0, begin = forest->levels->start[tree], end = forest->levels->start[tree + 1];
    if (!layout->plain[tree])
        return predict_leaf_number(forest, tree, x);
    for (size_t i = end; i-- > begin;)
        leaf = 2 * leaf + (x[layout->column[i]] > threshold[i]);
    return leaf;
}

static void sum_row(const mw_forest *forest, const level_layout *layout, const double *x,
                    double *sums)
{
    const double *value = forest->levels->value;
    for (size_t m = 0; m < forest->n_margins; m++)
        sums[m] = forest->base_margin[m];
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t at = mw_levels_leaf(forest, tree) + find_leaf(forest, layout, tree, x);
        if (forest->tree_output[tree] != MW_ALL_OUTPUTS) {
            sums[forest->tree_output[tree]] += value[at];
            continue;
        }
        for (size_t m = 0; m < forest->n_margins; m++)
            sums[m] += value[at * forest->n_margins + m];
    }
}

static void sum_block(const mw_forest *forest, const void *layout, const predict_block *block)
{
    double *x = block->memory;
    for (size_t r = 0; r < block->n_rows; r++) {
        load_row(forest, block, r, x);
        sum_row(forest, layout, x, (double *)block->sums + r * forest->n_margins);
    }
}

const predict_kernel predict_levels = {
    .name = "levels",
    .block_rows = PREDICT_BLOCK_ROWS,
    .takes_levels = true,
    .lay_out = lay_out,
    .free_layout = free_layout,
    .layout_bytes = layout_bytes,
    .memory_bytes = memory_bytes,
    .sum = sum_block,
};
