/* From margins to predictions, as the training libraries compute it.
 *
 * Values travel as doubles; XGBoost's are float32 in a double, and each operation on them is done
 * in float32, so that they agree to the last ulp. Overflow is sane by itself: XGBoost caps -x
 * before expf, LightGBM's exp may be infinite and then gives 0, both subtract the largest margin
 * before a softmax. NaN stays NaN, except in a label, where no comparison with it holds. */
#include "predictor.h"

#include <math.h>

#include "base/banned.h"

/* XGBoost caps -x here, so that expf stays finite: exp(88.7) is near FLT_MAX. */
static const float sigmoid_cap = 88.7f;

static double sigmoid(const mw_forest *forest, double x)
{
    if (!forest->sum_float32)
        return 1 / (1 + exp(-forest->scale * x));
    float negative = -(float)forest->scale * (float)x;
    float capped = sigmoid_cap < negative ? sigmoid_cap : negative; /* NaN stays NaN */
    return (double)(1.0f / (expf(capped) + 1.0f));
}

static double exponential(const mw_forest *forest, double x)
{
    return forest->sum_float32 ? (double)expf((float)x) : exp(x);
}

static double signed_square(const mw_forest *forest, double x)
{
    return forest->sum_float32 ? (double)(fabsf((float)x) * (float)x) : fabs(x) * x;
}

static double log1p_exp(const mw_forest *forest, double x)
{
    return forest->sum_float32 ? (double)log1pf(expf((float)x)) : log1p(exp(x));
}

/* XGBoost, too, sums in double; it then rounds the sum once and divides floats. */
static void softmax(const mw_forest *forest, double *row)
{
    size_t n = forest->n_margins;
    double largest = row[0], sum = 0;
    for (size_t m = 1; m < n; m++)
        largest = fmax(row[m], largest);
    for (size_t m = 0; m < n; m++) {
        /* Two floats' difference, rounded to double and then to float, is the float difference. */
        row[m] = exponential(forest, row[m] - largest);
        sum += row[m];
    }
    for (size_t m = 0; m < n; m++)
        row[m] = forest->sum_float32 ? (double)((float)row[m] / (float)sum) : row[m] / sum;
}

static double argmax(const double *row, size_t n)
{
    size_t best = 0;
    for (size_t m = 1; m < n; m++) {
        if (row[m] > row[best])
            best = m;
    }
    return (double)best;
}

/* Transforms that make each prediction of the one margin it stands for, of however many rows.
 * False: not one of these. */
static bool transform_each(const mw_forest *forest, size_t n, double *values)
{
    switch (forest->transform) {
    case MW_TRANSFORM_IDENTITY:
        return true;
    case MW_TRANSFORM_SIGMOID:
        for (size_t i = 0; i < n; i++)
            values[i] = sigmoid(forest, values[i]);
        return true;
    case MW_TRANSFORM_SIGMOID_LABEL:
        for (size_t i = 0; i < n; i++)
            values[i] = sigmoid(forest, values[i]) > 0.5;
        return true;
    case MW_TRANSFORM_EXP:
        for (size_t i = 0; i < n; i++)
            values[i] = exponential(forest, values[i]);
        return true;
    case MW_TRANSFORM_HINGE:
        for (size_t i = 0; i < n; i++)
            values[i] = values[i] > 0;
        return true;
    case MW_TRANSFORM_SIGNED_SQUARE:
        for (size_t i = 0; i < n; i++)
            values[i] = signed_square(forest, values[i]);
        return true;
    case MW_TRANSFORM_LOG1P_EXP:
        for (size_t i = 0; i < n; i++)
            values[i] = log1p_exp(forest, values[i]);
        return true;
    default:
        return false;
    }
}

/* In place; then the first n_predictions values of `row` are the predictions. */
static void transform_row(const mw_forest *forest, double *row)
{
    size_t n = forest->n_margins;
    switch (forest->transform) {
    case MW_TRANSFORM_IDENTITY:
    case MW_TRANSFORM_SIGMOID:
    case MW_TRANSFORM_SIGMOID_LABEL:
    case MW_TRANSFORM_EXP:
    case MW_TRANSFORM_HINGE:
    case MW_TRANSFORM_SIGNED_SQUARE:
    case MW_TRANSFORM_LOG1P_EXP:
        transform_each(forest, n, row);
        break;
    case MW_TRANSFORM_SOFTMAX:
        softmax(forest, row);
        break;
    case MW_TRANSFORM_SOFTMAX_LABEL:
        softmax(forest, row);
        row[0] = argmax(row, n);
        break;
    case MW_TRANSFORM_ARGMAX:
        row[0] = argmax(row, n);
        break;
    case MW_TRANSFORM_RECIPE: /* of many rows: predict_after */
        break;
    case MW_TRANSFORM_PAIR_SHARE:
    case MW_TRANSFORM_PAIR_SIGN:
    case MW_TRANSFORM_PAIR_SIGMOID:
    case MW_TRANSFORM_SOFTMAX_ZERO:
    case MW_TRANSFORM_PROBIT:
    case MW_TRANSFORM_SHARES:
    case MW_TRANSFORM_SCALED_EXP:
        predict_transform_onnx(forest, row);
        break;
    }
}

/* n_rows of margins as doubles. */
static void widen(const mw_forest *forest, size_t first, size_t n_rows, const void *sums,
                  double *ret_margins)
{
    size_t begin = first * forest->n_margins, n = n_rows * forest->n_margins;
    if (!forest->sum_float32) {
        memcpy(ret_margins, (const double *)sums + begin, n * sizeof *ret_margins);
        return;
    }
    const float *margins = (const float *)sums + begin;
    for (size_t i = 0; i < n; i++)
        ret_margins[i] = (double)margins[i];
}

/* The base that comes last, of margin m. Rounded after each step: no fused operation. */
static inline double rescaled(const mw_forest *forest, size_t m, double value)
{
    double scaled = forest->margin_scale * value;
    return forest->sum_float32 ? (double)((float)scaled + (float)forest->margin_offset[m])
                               : scaled + forest->margin_offset[m];
}

static void rescale(const mw_forest *forest, size_t n_rows, double *values)
{
    size_t n = forest->n_margins;
    for (size_t i = 0, m = 0; forest->margin_offset && i < n_rows * n;
         i++, m = m + 1 < n ? m + 1 : 0)
        values[i] = rescaled(forest, m, values[i]);
}

/* LightGBM's raw score of an averaged forest is the bare sum. */
static void average(const mw_forest *forest, size_t n_rows, double *values)
{
    for (size_t i = 0; forest->divide_by != 1 && i < n_rows * forest->n_margins; i++)
        values[i] /= forest->divide_by;
}

/* As many values go out as margins come in: all rows of the block take a step together. */
static void finish_in_place(const mw_forest *forest, bool margins, size_t n_rows, const void *sums,
                            double *ret_values)
{
    size_t n = forest->n_margins;
    widen(forest, 0, n_rows, sums, ret_values);
    rescale(forest, n_rows, ret_values);
    if (margins)
        return;
    average(forest, n_rows, ret_values);
    if (transform_each(forest, n_rows * n, ret_values))
        return;
    for (size_t r = 0; r < n_rows; r++)
        transform_row(forest, ret_values + r * n);
}

static __attribute__((noinline)) double transformed(const mw_forest *forest, double value)
{
    transform_row(forest, &value);
    return value;
}

/* The same of one value, which is what servers are mostly asked for. */
static inline double finish_one(const mw_forest *forest, bool margin, const void *sum)
{
    double value = forest->sum_float32 ? (double)*(const float *)sum : *(const double *)sum;
    if (forest->margin_offset)
        value = rescaled(forest, 0, value);
    if (margin)
        return value;
    if (forest->divide_by != 1)
        value /= forest->divide_by;
    return forest->transform == MW_TRANSFORM_SIGMOID ? sigmoid(forest, value)
                                                     : transformed(forest, value);
}

static __attribute__((noinline)) void finish_rows(const mw_forest *forest, bool margins,
                                                  size_t n_rows, const void *sums, double *row,
                                                  double *ret_values)
{
    size_t n = forest->n_margins, outputs = margins ? n : forest->n_predictions;
    if (!margins && forest->transform == MW_TRANSFORM_RECIPE) {
        predict_after(forest, n_rows, sums, row, ret_values);
        return;
    }
    if (outputs == n)
        finish_in_place(forest, margins, n_rows, sums, ret_values);
    for (size_t r = 0; outputs != n && r < n_rows; r++) {
        widen(forest, r, 1, sums, row);
        rescale(forest, 1, row);
        average(forest, 1, row);
        transform_row(forest, row);
        memcpy(ret_values + r * outputs, row, outputs * sizeof *row);
    }
}

void predict_finish(const mw_forest *forest, mw_output output, size_t n_rows, const void *sums,
                    double *row, double *ret_values)
{
    bool margins = output == MW_MARGIN;
    bool is_one =
        margins || (forest->n_predictions == 1 && forest->transform != MW_TRANSFORM_RECIPE);
    if (n_rows == 1 && forest->n_margins == 1 && is_one)
        *ret_values = finish_one(forest, margins, sums);
    else
        finish_rows(forest, margins, n_rows, sums, row, ret_values);
}
