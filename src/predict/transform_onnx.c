/* The transforms that only ONNX has, by ONNX Runtime's operations: in float32 for rows of floats.
 *
 * SOFTMAX and LOGISTIC are in transform.c: ONNX Runtime's own differ from those by an ulp. */
#include "predictor.h"

#include <math.h>

#include "base/banned.h"

static double rounded(const mw_forest *forest, double x)
{
    return forest->sum_float32 ? (double)(float)x : x;
}

static double exponential(const mw_forest *forest, double x)
{
    return forest->sum_float32 ? (double)expf((float)x) : exp(x);
}

/* The negative side is what the positive one leaves of 1, as ONNX Runtime does it. */
static double sigmoid(const mw_forest *forest, double x)
{
    double scaled = rounded(forest, forest->scale * x);
    double small = exponential(forest, -fabs(scaled));
    double large = rounded(forest, 1 / rounded(forest, 1 + small));
    return scaled < 0 ? rounded(forest, 1 - large) : large;
}

/* Margins of nearly zero belong to no class; they take no part in the sum. */
static void softmax_zero(const mw_forest *forest, double *row)
{
    const double nearly = (double)0.0000001f;
    size_t n = forest->n_margins;
    double largest = row[0], sum = 0;
    for (size_t m = 1; m < n; m++)
        largest = fmax(row[m], largest);
    double at_zero = exponential(forest, -largest);
    for (size_t m = 0; m < n; m++) {
        bool counts = row[m] > nearly || row[m] < -nearly;
        row[m] = counts ? exponential(forest, row[m] - largest) : rounded(forest, row[m] * at_zero);
        if (counts)
            sum = rounded(forest, sum + row[m]);
    }
    for (size_t m = 0; m < n; m++)
        row[m] = rounded(forest, row[m] / sum);
}

/* A row of zeros stays one. */
static void shares(const mw_forest *forest, double *row)
{
    double sum = 0;
    for (size_t m = 0; m < forest->n_margins; m++)
        sum = rounded(forest, sum + fabs(row[m]));
    for (size_t m = 0; sum != 0 && m < forest->n_margins; m++)
        row[m] = rounded(forest, row[m] / sum);
}

static void pair(const mw_forest *forest, double *row)
{
    double x = row[0];
    if (forest->transform == MW_TRANSFORM_PAIR_SIGMOID) {
        row[0] = sigmoid(forest, -x);
        row[1] = sigmoid(forest, x);
        return;
    }
    row[0] = forest->transform == MW_TRANSFORM_PAIR_SHARE ? rounded(forest, 1 - x) : -x;
    row[1] = x;
}

void predict_transform_onnx(const mw_forest *forest, double *row)
{
    switch (forest->transform) {
    case MW_TRANSFORM_PAIR_SHARE:
    case MW_TRANSFORM_PAIR_SIGN:
    case MW_TRANSFORM_PAIR_SIGMOID:
        pair(forest, row);
        return;
    case MW_TRANSFORM_SOFTMAX_ZERO:
        softmax_zero(forest, row);
        return;
    case MW_TRANSFORM_SHARES:
        shares(forest, row);
        return;
    case MW_TRANSFORM_PROBIT:
        for (size_t m = 0; m < forest->n_margins; m++)
            row[m] = mw_recipe_probit(row[m]);
        return;
    default: /* MW_TRANSFORM_SCALED_EXP */
        for (size_t m = 0; m < forest->n_margins; m++)
            row[m] = rounded(forest, forest->scale * exponential(forest, row[m]));
        return;
    }
}
