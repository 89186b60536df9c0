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

/* The pairs that nodes use. */
typedef struct pairs {
    uint32_t *column; /* (PREDICT_RULES, n_features): 0 where there is none yet */
    uint32_t *found;  /* pairs in the order in which nodes use them first */
    size_t n_found, n_features;
} pairs;

static size_t pair_of(const pairs *used, const mw_forest *forest, size_t node)
{
    return (size_t)predict_rule_of(forest->flags[node]) * used->n_features + forest->feature[node];
}

static void find_pairs(const mw_forest *forest, pairs *used)
{
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (is_leaf(forest, node))
            continue;
        size_t pair = pair_of(used, forest, node);
        if (used->column[pair] == 0) {
            used->column[pair] = 1;
            used->found[used->n_found++] = (uint32_t)pair;
        }
    }
}

/* Columns of one rule stand together, each in the order in which nodes use it first. */
static void number_pairs(pairs *used, predict_columns *columns)
{
    columns->n_columns = 1;
    for (predict_rule rule = 0; rule < PREDICT_RULES; rule++) {
        size_t begin = (size_t)rule * used->n_features, end = begin + used->n_features;
        columns->begin[rule] = columns->n_columns;
        for (size_t i = 0; i < used->n_found; i++) {
            size_t pair = used->found[i];
            if (pair < begin || pair >= end)
                continue;
            columns->feature[columns->n_columns] = (uint32_t)(pair - begin);
            used->column[pair] = (uint32_t)columns->n_columns++;
        }
    }
    columns->begin[PREDICT_RULES] = columns->n_columns;
}

/* Two passes over the nodes; one for each rule took a sixth of the time to load a deep forest. */
static bool number_columns(const mw_forest *forest, predict_columns *columns)
{
    pairs used = {.n_features = forest->n_features};
    used.column = calloc(PREDICT_RULES * forest->n_features + 1, sizeof *used.column);
    used.found = calloc(columns_at_most(forest), sizeof *used.found);
    bool enough = used.column && used.found;
    if (enough) {
        find_pairs(forest, &used);
        number_pairs(&used, columns);
    }
    for (size_t node = 0; enough && node < forest->n_nodes; node++) {
        if (!is_leaf(forest, node))
            columns->of_node[node] = used.column[pair_of(&used, forest, node)];
    }
    free(used.column);
    free(used.found);
    return enough;
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
