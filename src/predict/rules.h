/* The rules by which a node sends a value left or right, stated once (model.h has them in words).
 * Every kernel either calls these functions or is tested against the one that does. */
#ifndef PREDICT_RULES_H
#define PREDICT_RULES_H

#include <math.h>
#include <string.h>

#include "model/model.h"

/* LightGBM's kZeroThreshold: a float literal in a double. What lies within it is zero: its predict
 * functions drop such values when they copy a row, before any tree sees them. */
static const double predict_zero = (double)1e-35f;

/* Categories from here on are in no set; XGBoost holds a code in a float32. */
static const double predict_category_end = (double)(1 << 24);

static inline bool predict_is_zero(double x)
{
    return x >= -predict_zero && x <= predict_zero;
}

static inline bool predict_set_holds(const mw_forest *forest, uint32_t set, uint32_t code)
{
    const mw_category_set *words = &forest->category_sets[set];
    uint32_t word = code / 32;
    return word < words->end - words->begin &&
           (forest->category_words[words->begin + word] >> (code % 32) & 1);
}

/* XGBoost asks whether the float is negative, LightGBM whether the truncated integer is: -0.5 is
 * no category for one and category 0 for the other. */
static inline bool predict_is_category(double x, bool less_equal)
{
    return (less_equal ? x > -1 : x >= 0) && x < predict_category_end;
}

static inline bool predict_category_left(const mw_forest *forest, uint8_t flags, uint32_t set,
                                         double x)
{
    if (isnan(x))
        return flags & MW_NODE_DEFAULT_LEFT;
    bool lightgbm = flags & MW_NODE_SET_LEFT;
    if (flags & MW_NODE_EQUAL && x != trunc(x))
        return !lightgbm; /* ONNX: in no set */
    bool held = predict_is_category(x, lightgbm) &&
                predict_set_holds(forest, set, (uint32_t)(int32_t)x);
    return held == lightgbm;
}

static inline bool predict_number_left(uint8_t flags, double threshold, double x)
{
    uint8_t missing = flags & MW_NODE_MISSING_MASK;
    bool is_nan = isnan(x);
    if (is_nan && missing != MW_NODE_MISSING_NAN) {
        x = 0;
        is_nan = false;
    }
    if ((missing == MW_NODE_MISSING_NAN && is_nan) ||
        (missing == MW_NODE_MISSING_ZERO && predict_is_zero(x)))
        return flags & MW_NODE_DEFAULT_LEFT;
    if (flags & MW_NODE_EQUAL)
        return x == threshold;
    return flags & MW_NODE_LESS_EQUAL ? x <= threshold : x < threshold;
}

/* True when row value `x` goes left at `node` (an index into the forest's arrays). */
static inline bool predict_goes_left(const mw_forest *forest, size_t node, double x)
{
    uint8_t flags = forest->flags[node];
    if (flags & MW_NODE_CATEGORICAL)
        return predict_category_left(forest, flags, forest->set[node], x);
    return predict_number_left(flags, forest->threshold[node], x);
}

/* The leaf of a tree of levels that a row falls into: its number in the tree. */
static inline size_t predict_leaf_number(const mw_forest *forest, size_t tree, const double *row)
{
    const mw_levels *levels = forest->levels;
    size_t leaf = 0, begin = levels->start[tree];
    for (size_t i = begin; i < levels->start[tree + 1]; i++) {
        double x = row[levels->feature[i]];
        uint8_t flags = levels->flags[i];
        bool left = flags & MW_NODE_CATEGORICAL
                        ? predict_category_left(forest, flags, levels->set[i], x)
                        : predict_number_left(flags, levels->threshold[i], x);
        leaf |= (size_t)!left << (i - begin);
    }
    return leaf;
}

/* What a leaf adds to margin `output`: dart's product is rounded as the sum is. */
static inline double predict_leaf(const mw_forest *forest, size_t tree, size_t leaf, size_t output)
{
    double value = forest->tree_output[tree] == MW_ALL_OUTPUTS
                       ? forest->leaf_values[forest->leaf_vector[leaf] + output]
                       : forest->value[leaf];
    if (!forest->tree_weight)
        return value;
    float weight = forest->tree_weight[tree];
    return forest->sum_float32 ? (double)((float)value * weight) : value * (double)weight;
}

/* The same of leaf `leaf` of a tree of levels. */
static inline double predict_level_leaf(const mw_forest *forest, size_t tree, size_t leaf,
                                        size_t output)
{
    size_t at = mw_levels_leaf(forest, tree) + leaf;
    return forest->tree_output[tree] == MW_ALL_OUTPUTS
               ? forest->levels->value[at * forest->n_margins + output]
               : forest->levels->value[at];
}

/* A row value as the training library's trees see it. */
static inline double predict_value(mw_input input, double x)
{
    switch (input) {
    case MW_INPUT_FLOAT32:
        return (double)(float)x;
    case MW_INPUT_FLOAT64_NEAR_ZERO:
        return predict_is_zero(x) ? 0 : x;
    case MW_INPUT_FLOAT64:
        break;
    }
    return x;
}

/* Value (row, column) of a matrix. The caller's array may have any alignment. */
static inline double predict_read(const mw_matrix *rows, size_t row, size_t column)
{
    ptrdiff_t at = (ptrdiff_t)row * rows->row_stride + (ptrdiff_t)column * rows->column_stride;
    if (rows->dtype == MW_FLOAT32) {
        float x;
        memcpy(&x, (const char *)rows->data + at * (ptrdiff_t)sizeof x, sizeof x);
        return (double)x;
    }
    double x;
    memcpy(&x, (const char *)rows->data + at * (ptrdiff_t)sizeof x, sizeof x);
    return x;
}

#endif
