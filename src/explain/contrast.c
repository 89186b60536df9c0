/* A contrast: a forest, its background, and the kernel that explains against it. */
#include "contrasts.h"

#include <stdlib.h>

#include "base/banned.h"

/* ---- margins --------------------------------------------------------------------------------- */

void contrast_read(const mw_forest *forest, const mw_matrix *rows, size_t row, double *ret_row)
{
    for (size_t c = 0; c < forest->n_columns; c++)
        ret_row[c] = predict_value(forest->input, predict_read(rows, row, c));
}

static void add_tree(const mw_forest *forest, size_t tree, const double *row, double *margins)
{
    size_t root = forest->tree_start[tree], node = root;
    while (forest->left[node] != MW_NO_CHILD)
        node = root + (predict_goes_left(forest, node, row[forest->feature[node]])
                           ? forest->left[node]
                           : forest->right[node]);
    for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree); m++)
        margins[m] += predict_leaf(forest, tree, node, m);
}

double contrast_linear_value(const mw_forest *forest, double x)
{
    return isnan(x) && !forest->linear_columns ? 0 : x;
}

/* gblinear begins at the first output's base score; ONNX has it among the weights. As in
 * walk_scalar.c. */
static void add_weights(const mw_forest *forest, const double *row, double *margins)
{
    size_t n_margins = forest->n_margins;
    double base = forest->linear_columns ? 0 : forest->base_margin[0];
    for (size_t m = 0; m < n_margins; m++) {
        margins[m] = base + forest->linear_weights[forest->n_columns * n_margins + m];
        for (size_t i = 0; i < explain_n_weights(forest); i++) {
            size_t c = explain_weight(forest, i);
            margins[m] +=
                contrast_linear_value(forest, row[c]) * forest->linear_weights[c * n_margins + m];
        }
    }
}

void contrast_margins(const mw_forest *forest, const double *row, double *ret_margins)
{
    for (size_t m = 0; !forest->linear_weights && m < forest->n_margins; m++)
        ret_margins[m] = forest->base_margin[m];
    if (forest->linear_weights)
        add_weights(forest, row, ret_margins);
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        add_tree(forest, tree, row, ret_margins);
    for (size_t m = 0; forest->margin_offset && m < forest->n_margins; m++)
        ret_margins[m] = forest->margin_scale * ret_margins[m] + forest->margin_offset[m];
}

/* ---- scales ---------------------------------------------------------------------------------- */

static mw_status check_scale(const mw_forest *forest, mw_scale scale, mw_error *err)
{
    if (scale == MW_SCALE_MARGIN)
        return MW_OK;
    if (scale != MW_SCALE_PROBABILITY) {
        mw_fail(err, MW_E_SCALE, "there is no scale %d", (int)scale);
        return mw_mend(err, "MW_SCALE_MARGIN or MW_SCALE_PROBABILITY");
    }
    switch (forest->transform) {
    case MW_TRANSFORM_SIGMOID:
    case MW_TRANSFORM_SIGMOID_LABEL:
    case MW_TRANSFORM_PAIR_SIGMOID:
        return MW_OK;
    default:
        mw_fail(err, MW_E_NO_PROBABILITY,
                "predictions of '%s' are not margins put through a logistic function",
                forest->objective);
        return mw_mend(err, "take the scale 'margin', which every model has");
    }
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

double contrast_value(const mw_contrast *contrast, double margin)
{
    if (contrast->scale == MW_SCALE_MARGIN)
        return margin;
    return logistic(contrast->forest->scale * (margin / contrast->forest->divide_by));
}

/* Where the margins are so near that their difference is rounding, the slope is the derivative. */
double contrast_slope(const mw_contrast *contrast, double x_margin, double z_margin)
{
    if (contrast->scale == MW_SCALE_MARGIN)
        return 1;
    double x = contrast_value(contrast, x_margin), z = contrast_value(contrast, z_margin);
    double apart = x_margin - z_margin;
    if (fabs(apart) > 1e-7 * (1 + fabs(x_margin)))
        return (x - z) / apart;
    return contrast->forest->scale / contrast->forest->divide_by * x * (1 - x);
}

double contrast_weight(size_t p, size_t q)
{
    double weight = 1 / (double)p;
    for (size_t i = 1; i <= q; i++)
        weight *= (double)i / (double)(p + i);
    return weight;
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status check_background(const mw_forest *forest, const mw_matrix *background,
                                  mw_error *err)
{
    mw_status status = mw_predict_check_rows(forest, background, err);
    if (status != MW_OK)
        return mw_at(err, "background");
    if (background->n_rows == 0) {
        mw_fail(err, MW_E_BACKGROUND_EMPTY, "the background has no rows");
        return mw_mend(err, "give rows that stand for the usual: some hundred of the training "
                            "data, say");
    }
    size_t width = forest->n_columns + forest->n_margins;
    size_t fitting = MW_LIMIT_BACKGROUND_BYTES / (sizeof(double) * width);
    if (background->n_rows > fitting) {
        mw_fail(err, MW_E_BACKGROUND_TOO_LARGE, "the background has %zu rows, %zu are the most",
                background->n_rows, fitting);
        return mw_mend(err, "draw so many of them by chance; none is left out without your word");
    }
    return MW_OK;
}

static mw_status check_forest(const mw_forest *forest, mw_error *err)
{
    MW_TRY(mw_explain_check_columns(forest, err));
    if (!forest->leaf_linear)
        return MW_OK;
    mw_fail(err, MW_E_EXPLAIN_LINEAR_LEAVES,
            "contributions are not defined for trees with linear leaves");
    return mw_mend(err, "train without linear_tree; shap does not explain these either");
}

static void find_base(mw_contrast *contrast)
{
    size_t n_margins = contrast->forest->n_margins;
    for (size_t z = 0; z < contrast->n_rows; z++) {
        double *margins = contrast->margins + z * n_margins;
        contrast_margins(contrast->forest, contrast->rows + z * contrast->forest->n_columns,
                         margins);
        for (size_t m = 0; m < n_margins; m++)
            contrast->base[m] += contrast_value(contrast, margins[m]);
    }
    for (size_t m = 0; m < n_margins; m++)
        contrast->base[m] /= (double)contrast->n_rows;
}

/* The background as the trees see it. */
static mw_status read_background(mw_contrast *contrast, const mw_matrix *background, mw_error *err)
{
    const mw_forest *forest = contrast->forest;
    mw_matrix prepared;
    explain_block block = {0};
    void *memory = NULL;
    if (contrast->prepare_bytes && posix_memalign(&memory, 64, contrast->prepare_bytes) != 0)
        return mw_fail_memory(err, "the background");
    for (size_t at = 0; at < contrast->n_rows; at += block.n_rows) {
        size_t left = contrast->n_rows - at;
        explain_take_rows(forest, background, at,
                          left < EXPLAIN_BLOCK_ROWS ? left : EXPLAIN_BLOCK_ROWS, memory, &prepared,
                          &block);
        for (size_t r = 0; r < block.n_rows; r++)
            contrast_read(forest, block.rows, block.first + r,
                          contrast->rows + (at + r) * forest->n_columns);
    }
    free(memory);
    return MW_OK;
}

static mw_status fill(mw_contrast *contrast, const mw_matrix *background, mw_error *err)
{
    const mw_forest *forest = contrast->forest;
    size_t n_rows = contrast->n_rows = background->n_rows;
    contrast->rows = malloc((n_rows * forest->n_columns + 1) * sizeof *contrast->rows);
    contrast->margins = malloc((n_rows * forest->n_margins + 1) * sizeof *contrast->margins);
    contrast->base = calloc(forest->n_margins + 1, sizeof *contrast->base);
    if (!contrast->rows || !contrast->margins || !contrast->base)
        return mw_fail_memory(err, "the background");
    contrast->prepare_bytes = mw_prepare_bytes(forest, EXPLAIN_BLOCK_ROWS);
    MW_TRY(read_background(contrast, background, err));
    find_base(contrast);
    MW_TRY(contrast->kernel->lay_out(contrast, &contrast->layout, err));
    contrast->prepare_bytes = mw_prepare_bytes(forest, contrast->kernel->block_rows(contrast));
    contrast->memory_bytes = contrast->prepare_bytes + contrast->kernel->memory_bytes(contrast);
    return MW_OK;
}

mw_status contrast_new(const mw_forest *forest, const mw_matrix *background, mw_scale scale,
                       const contrast_kernel *kernel, mw_contrast **ret_contrast, mw_error *err)
{
    MW_TRY(mw_forest_grow(forest, &forest, err));
    MW_TRY(check_forest(forest, err));
    MW_TRY(check_scale(forest, scale, err));
    MW_TRY(check_background(forest, background, err));
    mw_contrast *contrast = calloc(1, sizeof *contrast);
    if (!contrast)
        return mw_fail_memory(err, "the background");
    *contrast = (mw_contrast){.forest = forest,
                              .scale = scale,
                              .kernel = kernel,
                              .tables_kernel = explain_choose_kernel(forest)};
    mw_status status = fill(contrast, background, err);
    if (status != MW_OK) {
        mw_contrast_free(contrast);
        return status;
    }
    *ret_contrast = contrast;
    return MW_OK;
}

static const contrast_kernel *choose_kernel(const mw_forest *forest, mw_scale scale)
{
    if (forest->linear_weights)
        return &contrast_linear;
    bool scalar = explain_choose_kernel(forest) == &explain_scalar;
    return scalar || scale != MW_SCALE_MARGIN ? &contrast_pairs : &contrast_tables;
}

mw_status mw_contrast_new(const mw_forest *forest, const mw_matrix *background, mw_scale scale,
                          mw_contrast **ret_contrast, mw_error *err)
{
    return contrast_new(forest, background, scale, choose_kernel(forest, scale), ret_contrast, err);
}

void mw_contrast_free(mw_contrast *contrast)
{
    if (!contrast)
        return;
    contrast->kernel->free_layout(contrast->layout);
    free(contrast->rows);
    free(contrast->margins);
    free(contrast->base);
    free(contrast);
}

size_t mw_contrast_memory_bytes(const mw_contrast *contrast)
{
    const mw_forest *forest = contrast->forest;
    return sizeof *contrast + forest->n_margins * sizeof *contrast->base +
           contrast->n_rows * (forest->n_columns + forest->n_margins) * sizeof(double) +
           contrast->kernel->layout_bytes(contrast->layout);
}

size_t mw_contrast_values(const mw_contrast *contrast)
{
    return contrast->forest->n_margins * (contrast->forest->n_features + 1);
}

const char *mw_contrast_kernel(const mw_contrast *contrast)
{
    return contrast->kernel->name;
}

size_t mw_contrast_row_nodes(const mw_contrast *contrast)
{
    return contrast->kernel->row_nodes(contrast);
}

/* ---- batches --------------------------------------------------------------------------------- */

/* Kernels give values of the sum of trees; the margin may be scaled. On the scale of probabilities
 * the slopes have seen to it. Then the base value. */
static void finish(const mw_contrast *contrast, size_t n_rows, double *values)
{
    const mw_forest *forest = contrast->forest;
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t m = 0; m < forest->n_margins; m++, values += forest->n_features + 1) {
            for (size_t f = 0; forest->margin_offset && f < forest->n_features; f++)
                values[f] *= forest->margin_scale;
            values[forest->n_features] = contrast->base[m];
        }
    }
}

static void explain_part(const void *context, size_t first, size_t end, void *memory,
                         const mw_matrix *rows, double *values)
{
    const mw_contrast *contrast = context;
    size_t width = mw_contrast_values(contrast);
    size_t block_rows = contrast->kernel->block_rows(contrast);
    mw_matrix prepared;
    explain_block block = {.memory = (char *)memory + contrast->prepare_bytes, .values = values};
    for (size_t at = first; at < end; at += block.n_rows) {
        size_t left = end - at;
        explain_take_rows(contrast->forest, rows, at, left < block_rows ? left : block_rows, memory,
                          &prepared, &block);
        memset(block.values, 0, block.n_rows * width * sizeof *block.values);
        contrast->kernel->explain(contrast, &block);
        finish(contrast, block.n_rows, block.values);
        block.values += block.n_rows * width;
    }
}

mw_status mw_contrast_batch(const mw_contrast *contrast, const mw_matrix *rows, mw_scratch *scratch,
                            double *ret_values, mw_error *err)
{
    void *memory;
    MW_TRY(mw_predict_check_rows(contrast->forest, rows, err));
    MW_TRY(mw_scratch_room(scratch, contrast->memory_bytes, &memory, err));
    explain_part(contrast, 0, rows->n_rows, memory, rows, ret_values);
    return MW_OK;
}

typedef struct contrast_call {
    const mw_contrast *contrast;
    const mw_matrix *rows;
    double *values;
} contrast_call;

static void run_part(const void *context, size_t first, size_t end, void *memory)
{
    const contrast_call *call = context;
    explain_part(call->contrast, first, end, memory, call->rows,
                 call->values + first * mw_contrast_values(call->contrast));
}

mw_status mw_contrast_parallel(const mw_contrast *contrast, const mw_matrix *rows, mw_pool *pool,
                               double *ret_values, mw_error *err)
{
    MW_TRY(mw_predict_check_rows(contrast->forest, rows, err));
    contrast_call call = {contrast, rows, ret_values};
    mw_row_work work = {.run = run_part,
                        .context = &call,
                        .n_rows = rows->n_rows,
                        .chunk_rows = contrast->kernel->block_rows(contrast),
                        .memory_bytes = contrast->memory_bytes,
                        .what = "the threads of an explanation"};
    return mw_split_rows(&work, pool, err);
}
