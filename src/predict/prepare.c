/* The recipes that stand around an ONNX model's trees, block by block.
 *
 *     rows --inputs--> cells --steps--> cells --outputs--> columns behind the row's own
 *     sums --inputs--> cells --steps--> cells --outputs--> predictions
 *
 * Prepared rows are float32 where the trees' are: then no kernel has to round them again. */
#include "predictor.h"

#include "rules.h"

#include "base/banned.h"

enum { LANES = MW_RECIPE_LANES };

static bool is_narrow(const mw_forest *forest)
{
    return forest->input == MW_INPUT_FLOAT32;
}

size_t mw_prepare_bytes(const mw_forest *forest, size_t n_rows)
{
    if (!forest->before)
        return 0;
    size_t width = is_narrow(forest) ? sizeof(float) : sizeof(double);
    size_t bytes = n_rows * forest->n_columns * width;
    return mw_recipe_bytes(forest->before) +
           (bytes + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
}

static void put(const mw_matrix *matrix, size_t row, size_t column, double value)
{
    size_t at = row * matrix->n_columns + column;
    if (matrix->dtype == MW_FLOAT32)
        ((float *)(uintptr_t)matrix->data)[at] = (float)value;
    else
        ((double *)(uintptr_t)matrix->data)[at] = value;
}

/* Rows [first, first + n) of `rows`, n <= LANES, to rows [to, to + n) of the matrix. */
static void prepare_lanes(const mw_forest *forest, const mw_matrix *rows, size_t first, size_t n,
                          double *cells, const mw_matrix *matrix, size_t to)
{
    const mw_recipe *recipe = forest->before;
    for (size_t k = 0; k < n; k++)
        for (size_t f = 0; f < forest->n_features; f++)
            put(matrix, to + k, f, predict_read(rows, first + k, f));
    for (size_t i = 0; i < recipe->n_inputs; i++)
        for (size_t k = 0; k < n; k++)
            cells[i * LANES + k] =
                predict_value(forest->input, predict_read(rows, first + k, recipe->inputs[i]));
    mw_recipe_run(recipe, n, cells);
    for (size_t i = 0; i < recipe->n_outputs; i++)
        for (size_t k = 0; k < n; k++)
            put(matrix, to + k, forest->n_features + i,
                cells[(size_t)recipe->outputs[i] * LANES + k]);
}

mw_matrix mw_prepare_rows(const mw_forest *forest, const mw_matrix *rows, size_t first,
                          size_t n_rows, void *memory)
{
    double *cells = memory;
    mw_matrix matrix = {(char *)memory + mw_recipe_bytes(forest->before),
                        is_narrow(forest) ? MW_FLOAT32 : MW_FLOAT64,
                        n_rows,
                        forest->n_columns,
                        (ptrdiff_t)forest->n_columns,
                        1};
    for (size_t row = 0; row < n_rows; row += LANES) {
        size_t n = n_rows - row < LANES ? n_rows - row : LANES;
        prepare_lanes(forest, rows, first + row, n, cells, &matrix, row);
    }
    return matrix;
}

static double margin_of(const mw_forest *forest, const void *sums, size_t at)
{
    return forest->sum_float32 ? (double)((const float *)sums)[at] : ((const double *)sums)[at];
}

void predict_after(const mw_forest *forest, size_t n_rows, const void *sums, double *cells,
                   double *ret_values)
{
    const mw_recipe *recipe = forest->after;
    for (size_t first = 0; first < n_rows; first += LANES) {
        size_t n = n_rows - first < LANES ? n_rows - first : LANES;
        for (size_t i = 0; i < recipe->n_inputs; i++)
            for (size_t k = 0; k < n; k++)
                cells[i * LANES + k] =
                    margin_of(forest, sums, (first + k) * forest->n_margins + recipe->inputs[i]);
        mw_recipe_run(recipe, n, cells);
        for (size_t k = 0; k < n; k++)
            for (size_t i = 0; i < recipe->n_outputs; i++)
                *ret_values++ = cells[(size_t)recipe->outputs[i] * LANES + k];
    }
}
