/* Which (feature, rule) pairs a forest uses; see columns.h for the picture. */
#include "columns.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

static bool is_leaf(const mw_forest *forest, size_t node)
{
    return forest->left[node] == MW_NO_CHILD;
}

predict_rule predict_rule_of(uint8_t flags)
{
    bool left = flags & MW_NODE_DEFAULT_LEFT;
    if (flags & MW_NODE_CATEGORICAL)
        return left == ((flags & MW_NODE_SET_LEFT) != 0) ? PREDICT_SET_NAN_IN : PREDICT_SET_NAN_OUT;
    switch (flags & MW_NODE_MISSING_MASK) {
    case MW_NODE_MISSING_NAN:
        return left ? PREDICT_NAN_LEFT : PREDICT_NAN_RIGHT;
    case MW_NODE_MISSING_ZERO:
        return left ? PREDICT_ZERO_LEFT : PREDICT_ZERO_RIGHT;
    default:
        return PREDICT_NAN_IS_ZERO;
    }
}

/* Leaves of -inf would not hold a waiting walk (walk_general in interleaved_kernel.h). */
static bool leaf_is_plain(const mw_forest *forest, size_t node)
{
    double value = forest->value[node];
    return !isnan(value) && value > -INFINITY;
}

static bool node_is_plain(const mw_forest *forest, size_t node, bool less_equal)
{
    uint8_t flags = forest->flags[node];
    if (flags & MW_NODE_EQUAL)
        return false;
    /* Sets go left where numbers compare with <=, and NaN then goes right: LightGBM. */
    if (flags & MW_NODE_CATEGORICAL) {
        bool set_left = flags & MW_NODE_SET_LEFT;
        mw_input input = less_equal ? MW_INPUT_FLOAT64_NEAR_ZERO : MW_INPUT_FLOAT32;
        if (forest->input != input)
            return false;
        return set_left == less_equal && !(set_left && (flags & MW_NODE_DEFAULT_LEFT));
    }
    double threshold = forest->threshold[node];
    if (((flags & MW_NODE_LESS_EQUAL) != 0) != less_equal || isnan(threshold))
        return false;
    /* -inf < -inf is false, yet NaN has to go left. */
    return less_equal || threshold > -INFINITY;
}

/* The comparison of the first number node; a forest without any may use either. */
static bool compares_less_equal(const mw_forest *forest)
{
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (!is_leaf(forest, node) && !(forest->flags[node] & MW_NODE_CATEGORICAL))
            return forest->flags[node] & MW_NODE_LESS_EQUAL;
    }
    return !forest->sum_float32;
}

/* XGBoost; CatBoost and ONNX; LightGBM and ONNX of doubles. */
static bool has_instance(const mw_forest *forest, bool less_equal)
{
    if (forest->input == MW_INPUT_FLOAT32)
        return less_equal || forest->sum_float32;
    return less_equal && !forest->sum_float32;
}

static bool forest_is_plain(const mw_forest *forest, bool less_equal)
{
    if (!has_instance(forest, less_equal))
        return false;
    for (size_t node = 0; node < forest->n_nodes; node++) {
        bool plain = is_leaf(forest, node) ? leaf_is_plain(forest, node)
                                           : node_is_plain(forest, node, less_equal);
        if (!plain)
            return false;
    }
    return true;
}

/* ---- numbering ------------------------------------------------------------------------------- */

/* Columns of one rule: one a feature that some node uses with it.
 * `column_of` (n_features) is 0 where there is none yet. */
static void number_rule(const mw_forest *forest, predict_rule rule, uint32_t *column_of,
                        predict_columns *columns)
{
    memset(column_of, 0, forest->n_features * sizeof *column_of);
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (is_leaf(forest, node) || predict_rule_of(forest->flags[node]) != rule)
            continue;
        uint32_t feature = forest->feature[node];
        if (column_of[feature] == 0) {
            column_of[feature] = (uint32_t)columns->n_columns++;
            columns->feature[column_of[feature]] = feature;
        }
        columns->of_node[node] = column_of[feature];
    }
}

static size_t columns_at_most(const mw_forest *forest)
{
    size_t pairs = forest->n_features * PREDICT_RULES, splits = forest->n_nodes;
    return 1 + (pairs < splits ? pairs : splits);
}

static bool take_memory(const mw_forest *forest, predict_columns *columns)
{
    size_t most = columns_at_most(forest);
    columns->feature = calloc(most, sizeof *columns->feature);
    columns->of_node = calloc(forest->n_nodes + 1, sizeof *columns->of_node);
    return columns->feature && columns->of_node;
}

static bool number_columns(const mw_forest *forest, predict_columns *columns)
{
    uint32_t *column_of = calloc(forest->n_features + 1, sizeof *column_of);
    if (!column_of)
        return false;
    columns->n_columns = 1;
    for (predict_rule rule = 0; rule < PREDICT_RULES; rule++) {
        columns->begin[rule] = columns->n_columns;
        number_rule(forest, rule, column_of, columns);
    }
    columns->begin[PREDICT_RULES] = columns->n_columns;
    free(column_of);
    return true;
}

mw_status predict_columns_find(const mw_forest *forest, predict_columns *ret_columns, mw_error *err)
{
    predict_columns columns = {0};
    if (!take_memory(forest, &columns) || !number_columns(forest, &columns)) {
        predict_columns_done(&columns);
        return mw_fail_memory(err, "the columns of a predictor");
    }
    *ret_columns = columns;
    return MW_OK;
}

mw_status predict_columns_make(const mw_forest *forest, predict_columns *ret_columns,
                               bool *ret_plain, mw_error *err)
{
    bool less_equal = compares_less_equal(forest);
    *ret_plain = forest_is_plain(forest, less_equal);
    if (!*ret_plain)
        return MW_OK;
    MW_TRY(predict_columns_find(forest, ret_columns, err));
    ret_columns->less_equal = less_equal;
    return MW_OK;
}

void predict_columns_seal(predict_columns *columns)
{
    free(columns->of_node);
    columns->of_node = NULL;
}

void predict_columns_done(predict_columns *columns)
{
    free(columns->feature);
    free(columns->of_node);
    *columns = (predict_columns){0};
}
