/* The specification: one row, one tree, one node at a time, straight over the forest.
 *
 * Slow and obvious on purpose. It takes every forest there is, and each other kernel is tested
 * against it bit by bit. What the sums look like, and why:
 *
 *   XGBoost    float32, from base_margin, += leaf in file order; dart: leaf * weight is rounded
 *              to float32 before it is added
 *   LightGBM   float64, from base_margin (0), += leaf in file order
 *   gblinear   float32, bias + base_margin, += x * weight for each feature that is there
 */
#include "predictor.h"

#include <assert.h>

#include "rules.h"

#include "base/banned.h"

/* Index, in the forest's arrays, of the leaf that a row falls into. */
static size_t find_leaf(const mw_forest *forest, size_t tree, const double *row)
{
    size_t root = forest->tree_start[tree], node = root;
    while (forest->left[node] != MW_NO_CHILD) {
        assert(forest->feature[node] < forest->n_features);
        bool left = predict_goes_left(forest, node, row[forest->feature[node]]);
        node = root + (left ? forest->left[node] : forest->right[node]);
        assert(node < forest->tree_start[tree + 1]);
    }
    return node;
}

/* LightGBM's linear leaf: constant + sum of coefficient * x, in this order; the plain value when
 * any of these x is missing. Infinity counts as a number here, as it does in LightGBM 4.7. */
static double linear_value(const mw_forest *forest, size_t leaf, const double *row)
{
    const mw_linear_leaf *linear = &forest->linear_leaves[forest->leaf_linear[leaf]];
    double sum = linear->constant;
    for (uint32_t i = linear->begin; i < linear->end; i++) {
        double x = row[forest->linear_features[i]];
        if (isnan(x))
            return forest->value[leaf];
        sum += forest->linear_coefficients[i] * x;
    }
    return sum;
}

static double leaf_value(const mw_forest *forest, size_t leaf, const double *row)
{
    return forest->leaf_linear ? linear_value(forest, leaf, row) : forest->value[leaf];
}

static void add_float32(const mw_forest *forest, size_t tree, double value, float *sum)
{
    float leaf = (float)value;
    if (forest->tree_weight)
        leaf *= forest->tree_weight[tree];
    *sum += leaf;
}

static void sum_trees_float32(const mw_forest *forest, const double *row, float *sums)
{
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t leaf = find_leaf(forest, tree, row);
        if (forest->tree_output[tree] != MW_ALL_OUTPUTS) {
            add_float32(forest, tree, leaf_value(forest, leaf, row),
                        &sums[forest->tree_output[tree]]);
            continue;
        }
        const double *values = forest->leaf_values + forest->leaf_vector[leaf];
        for (size_t m = 0; m < forest->n_margins; m++)
            add_float32(forest, tree, values[m], &sums[m]);
    }
}

static void sum_levels(const mw_forest *forest, const double *row, double *sums)
{
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t leaf = predict_leaf_number(forest, tree, row);
        if (forest->tree_output[tree] != MW_ALL_OUTPUTS) {
            sums[forest->tree_output[tree]] += predict_level_leaf(forest, tree, leaf, 0);
            continue;
        }
        for (size_t m = 0; m < forest->n_margins; m++)
            sums[m] += predict_level_leaf(forest, tree, leaf, m);
    }
}

static void sum_trees_float64(const mw_forest *forest, const double *row, double *sums)
{
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t leaf = find_leaf(forest, tree, row);
        double weight = forest->tree_weight ? (double)forest->tree_weight[tree] : 1;
        if (forest->tree_output[tree] != MW_ALL_OUTPUTS) {
            sums[forest->tree_output[tree]] += weight * leaf_value(forest, leaf, row);
            continue;
        }
        const double *values = forest->leaf_values + forest->leaf_vector[leaf];
        for (size_t m = 0; m < forest->n_margins; m++)
            sums[m] += weight * values[m];
    }
}

/* XGBoost 3.2 begins every output of a gblinear at the first output's base score, also where the
 * file holds one for each class. */
static void sum_linear(const mw_forest *forest, const double *row, float *sums)
{
    const double *bias = forest->linear_weights + forest->n_features * forest->n_margins;
    for (size_t m = 0; m < forest->n_margins; m++) {
        float sum = (float)bias[m] + (float)forest->base_margin[0];
        for (size_t f = 0; f < forest->n_features; f++) {
            if (isnan(row[f]))
                continue;
            float product =
                (float)row[f] * (float)forest->linear_weights[f * forest->n_margins + m];
            sum += product;
        }
        sums[m] = sum;
    }
}

/* ONNX: the products are summed in float64, in which those of floats are exact, so that the answer
 * is nearer to the true sum than any order of float32 sums. */
static double sum_linear_in_double(const mw_forest *forest, const double *row, size_t m)
{
    const double *weights = forest->linear_weights + m;
    double sum = 0;
    for (size_t i = 0; i < forest->n_linear_columns; i++) {
        size_t column = forest->linear_columns[i];
        sum += row[column] * weights[column * forest->n_margins];
    }
    return sum + weights[forest->n_columns * forest->n_margins];
}

static void sum_row_float32(const mw_forest *forest, const double *row, float *sums)
{
    for (size_t m = 0; forest->linear_columns && m < forest->n_margins; m++)
        sums[m] = (float)sum_linear_in_double(forest, row, m);
    if (forest->linear_weights) {
        if (!forest->linear_columns)
            sum_linear(forest, row, sums);
        return;
    }
    for (size_t m = 0; m < forest->n_margins; m++)
        sums[m] = (float)forest->base_margin[m];
    sum_trees_float32(forest, row, sums);
}

static void sum_row_float64(const mw_forest *forest, const double *row, double *sums)
{
    for (size_t m = 0; m < forest->n_margins; m++)
        sums[m] =
            forest->linear_columns ? sum_linear_in_double(forest, row, m) : forest->base_margin[m];
    if (forest->levels)
        sum_levels(forest, row, sums);
    else
        sum_trees_float64(forest, row, sums);
}

static void sum_block(const mw_forest *forest, const void *layout, const predict_block *block)
{
    (void)layout;
    double *row = block->memory;
    for (size_t r = 0; r < block->n_rows; r++) {
        for (size_t f = 0; f < forest->n_features; f++)
            row[f] = predict_value(forest->input, predict_read(block->rows, block->first + r, f));
        size_t at = r * forest->n_margins;
        if (forest->sum_float32)
            sum_row_float32(forest, row, (float *)block->sums + at);
        else
            sum_row_float64(forest, row, (double *)block->sums + at);
    }
}

/* The forest itself is the layout: nothing is made, nothing freed. The table wants a pointer that
 * is not NULL. */
static mw_status lay_out(const mw_forest *forest, predict_found *found, void **ret_layout,
                         mw_error *err)
{
    (void)forest;
    (void)found;
    (void)err;
    static const char nothing;
    *ret_layout = (void *)(uintptr_t)&nothing;
    return MW_OK;
}

static void free_layout(void *layout)
{
    (void)layout;
}

static size_t layout_bytes(const void *layout)
{
    (void)layout;
    return 0;
}

static size_t memory_bytes(const mw_forest *forest, const void *layout)
{
    (void)layout;
    return (forest->n_features + 1) * sizeof(double);
}

const predict_kernel predict_scalar = {
    .name = "scalar",
    .block_rows = PREDICT_BLOCK_ROWS,
    .takes_levels = true,
    .lay_out = lay_out,
    .free_layout = free_layout,
    .layout_bytes = layout_bytes,
    .memory_bytes = memory_bytes,
    .sum = sum_block,
};
