/* Forests by chance, without a model file: each keeps every promise of model.h. */
#ifndef TESTS_PREDICT_RANDOM_FOREST_H
#define TESTS_PREDICT_RANDOM_FOREST_H

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "../chance.h"
#include "model/model.h"

#include "base/banned.h"

/* What a random forest looks like. */
typedef struct forest_wish {
    const char *name;
    bool catboost, onnx; /* with `lightgbm`: float32 rows; onnx: float32 sums, too */
    bool lightgbm;       /* float64 sums, <=, sets left; else XGBoost's rules */
    size_t n_trees, n_features, n_margins;
    unsigned depth_max;
    double stop;        /* chance that a node above depth_max is a leaf */
    double lopsided;    /* chance that one child of a split is a leaf */
    double categorical; /* chance that a split is categorical */
    bool dart, vector_leaves, linear_leaves;
    bool oblivious;   /* all nodes of a level ask the same; to be taken with `stop` 0 */
    size_t nodes_max; /* of a tree; 0: TREE_NODES_MAX */
    mw_transform transform;
} forest_wish;

/* A small generator of its own (splitmix64), so that a failure comes again. */
typedef struct chance {
    uint64_t state;
} chance;

enum { WORDS_PER_SET = 2, TREE_NODES_MAX = 30000 };

static inline uint64_t chance_bits(chance *from)
{
    return test_draw(&from->state);
}

static inline double chance_unit(chance *from)
{
    return test_chance(&from->state);
}

static inline size_t chance_below(chance *from, size_t bound)
{
    return (size_t)(chance_unit(from) * (double)bound);
}

/* A threshold or a row value: mostly of a coarse grid, so that x == threshold is common; at times
 * -0.0, a denormal, FLT_MAX, an infinity. */
static inline double chance_value(chance *from, bool float32)
{
    static const double odd[] = {0.0,    -0.0,      1e-36,         -1e-36,   1e-35,    -1e-35,
                                 1e-40,  -1e-40,    FLT_MAX,       -FLT_MAX, INFINITY, 0.1,
                                 1e-300, 16777216., 1.00000000001, 4e9,      -1,       -0.5};
    if (chance_below(from, 8) == 0) {
        double value = odd[chance_below(from, MW_COUNT(odd))];
        return float32 ? (double)(float)value : value;
    }
    if (chance_below(from, 4) == 0)
        return (double)chance_below(from, 80); /* a category, beyond the sets at times */
    return (double)chance_below(from, 64) / 4 - 4;
}

/* Arrays that grow tree by tree, with room for the worst case. */
typedef struct grower {
    const forest_wish *wish;
    chance from;
    mw_forest *forest;
    uint32_t *left, *right, *feature, *set, *leaf_vector, *leaf_linear, *words;
    uint32_t *linear_features;
    double *threshold, *value, *leaf_values, *linear_coefficients;
    uint8_t *flags;
    mw_category_set *sets;
    mw_linear_leaf *linear;
    size_t tree_begin, n_vectors, n_linear, n_linear_terms;
} grower;

static void grow_leaf(grower *g, size_t node)
{
    g->left[node] = g->right[node] = MW_NO_CHILD;
    double value = chance_unit(&g->from) - 0.5;
    g->value[node] = g->wish->lightgbm ? value : (double)(float)value;
    g->forest->n_leaves++;
    if (g->wish->vector_leaves) {
        g->leaf_vector[node] = (uint32_t)(g->n_vectors++ * g->wish->n_margins);
        for (size_t m = 0; m < g->wish->n_margins; m++)
            g->leaf_values[g->leaf_vector[node] + m] = (double)(float)chance_unit(&g->from);
    }
    if (g->wish->linear_leaves) {
        g->leaf_linear[node] = (uint32_t)g->n_linear;
        mw_linear_leaf *leaf = &g->linear[g->n_linear++];
        leaf->constant = value;
        leaf->begin = (uint32_t)g->n_linear_terms;
        for (size_t i = chance_below(&g->from, 3); i > 0; i--, g->n_linear_terms++) {
            g->linear_features[g->n_linear_terms] =
                (uint32_t)chance_below(&g->from, g->wish->n_features);
            g->linear_coefficients[g->n_linear_terms] = chance_unit(&g->from);
        }
        leaf->end = (uint32_t)g->n_linear_terms;
    }
}

static void grow_set(grower *g, size_t node)
{
    size_t set = g->forest->n_category_sets++;
    g->set[node] = (uint32_t)set;
    g->sets[set].begin = (uint32_t)set * WORDS_PER_SET;
    g->sets[set].end = g->sets[set].begin + 1 + (uint32_t)chance_below(&g->from, WORDS_PER_SET);
    for (uint32_t w = g->sets[set].begin; w < g->sets[set].end; w++)
        g->words[w] = (uint32_t)chance_bits(&g->from);
}

static uint8_t grow_flags(grower *g, bool categorical)
{
    unsigned flags = chance_below(&g->from, 2) ? MW_NODE_DEFAULT_LEFT : 0;
    if (categorical)
        return (uint8_t)(MW_NODE_CATEGORICAL | MW_NODE_MISSING_NAN |
                         (g->wish->lightgbm ? MW_NODE_SET_LEFT : flags));
    if (!g->wish->lightgbm)
        return (uint8_t)(flags | MW_NODE_MISSING_NAN);
    static const unsigned missing[] = {MW_NODE_MISSING_NONE, MW_NODE_MISSING_ZERO,
                                       MW_NODE_MISSING_NAN};
    return (uint8_t)(flags | MW_NODE_LESS_EQUAL | missing[chance_below(&g->from, 3)]);
}

static void grow_split(grower *g, size_t node, unsigned depth)
{
    chance before = g->from;
    if (g->wish->oblivious)
        g->from.state = g->tree_begin * 1000 + depth;
    bool categorical = chance_unit(&g->from) < g->wish->categorical;
    g->feature[node] = (uint32_t)chance_below(&g->from, g->wish->n_features);
    g->flags[node] = grow_flags(g, categorical);
    if (categorical)
        grow_set(g, node);
    else
        g->threshold[node] = chance_value(&g->from, !g->wish->lightgbm);
    if (g->wish->oblivious)
        g->from = before;
}

static size_t nodes_max(const forest_wish *wish)
{
    if (wish->nodes_max)
        return wish->nodes_max;
    return wish->depth_max < 12 || wish->oblivious ? (size_t)2 << wish->depth_max : TREE_NODES_MAX;
}

/* Depth first, the right child before the left one at times: no order may be relied on. */
static void grow(grower *g, unsigned depth, bool must_end)
{
    size_t node = g->forest->n_nodes++;
    if (depth > g->forest->max_depth)
        g->forest->max_depth = depth;
    if (must_end || depth == g->wish->depth_max || chance_unit(&g->from) < g->wish->stop) {
        grow_leaf(g, node);
        return;
    }
    grow_split(g, node, depth);
    bool full = g->forest->n_nodes - g->tree_begin > nodes_max(g->wish) / 2 && !g->wish->oblivious;
    bool ends = chance_unit(&g->from) < g->wish->lopsided;
    bool left_first = chance_below(&g->from, 2);
    uint32_t *first = left_first ? g->left : g->right, *second = left_first ? g->right : g->left;
    first[node] = (uint32_t)(g->forest->n_nodes - g->tree_begin);
    grow(g, depth + 1, full || ends);
    second[node] = (uint32_t)(g->forest->n_nodes - g->tree_begin);
    grow(g, depth + 1, full);
}

static void take_nodes(grower *g, size_t most)
{
    mw_arena *arena = &g->forest->arena;
    g->left = mw_arena_take_zeroed(arena, most, sizeof *g->left);
    g->right = mw_arena_take_zeroed(arena, most, sizeof *g->right);
    g->feature = mw_arena_take_zeroed(arena, most, sizeof *g->feature);
    g->set = mw_arena_take_zeroed(arena, most, sizeof *g->set);
    g->threshold = mw_arena_take_zeroed(arena, most, sizeof *g->threshold);
    g->value = mw_arena_take_zeroed(arena, most, sizeof *g->value);
    g->flags = mw_arena_take_zeroed(arena, most, sizeof *g->flags);
    g->sets = mw_arena_take_zeroed(arena, most, sizeof *g->sets);
    g->words = mw_arena_take_zeroed(arena, most * WORDS_PER_SET, sizeof *g->words);
    if (g->wish->vector_leaves) {
        g->leaf_vector = mw_arena_take_zeroed(arena, most, sizeof *g->leaf_vector);
        g->leaf_values =
            mw_arena_take_zeroed(arena, most * g->wish->n_margins, sizeof *g->leaf_values);
    }
    if (g->wish->linear_leaves) {
        g->leaf_linear = mw_arena_take_zeroed(arena, most, sizeof *g->leaf_linear);
        g->linear = mw_arena_take_zeroed(arena, most, sizeof *g->linear);
        g->linear_features = mw_arena_take_zeroed(arena, most * 2, sizeof *g->linear_features);
        g->linear_coefficients =
            mw_arena_take_zeroed(arena, most * 2, sizeof *g->linear_coefficients);
    }
}

static void grow_trees(grower *g)
{
    mw_forest *forest = g->forest;
    const forest_wish *wish = g->wish;
    uint32_t *start = mw_arena_take_zeroed(&forest->arena, wish->n_trees + 1, sizeof *start);
    uint32_t *output = mw_arena_take_zeroed(&forest->arena, wish->n_trees, sizeof *output);
    float *weight = mw_arena_take_zeroed(&forest->arena, wish->n_trees, sizeof *weight);
    for (size_t tree = 0; tree < wish->n_trees; tree++) {
        g->tree_begin = start[tree] = (uint32_t)forest->n_nodes;
        output[tree] = wish->vector_leaves ? MW_ALL_OUTPUTS : (uint32_t)(tree % wish->n_margins);
        weight[tree] = (float)chance_unit(&g->from);
        grow(g, 0, false);
    }
    start[wish->n_trees] = (uint32_t)forest->n_nodes;
    forest->tree_start = start;
    forest->tree_output = output;
    forest->tree_weight = wish->dart ? weight : NULL;
}

static void give_head(grower *g)
{
    mw_forest *forest = g->forest;
    const forest_wish *wish = g->wish;
    double *base = mw_arena_take_zeroed(&forest->arena, wish->n_margins, sizeof *base);
    for (size_t m = 0; m < wish->n_margins && !wish->lightgbm; m++)
        base[m] = (double)(float)chance_unit(&g->from);
    forest->format = wish->lightgbm ? MW_FORMAT_LIGHTGBM_TEXT : MW_FORMAT_XGBOOST_JSON;
    forest->library_version = "";
    forest->objective = "test";
    forest->n_features = forest->n_columns = wish->n_features;
    forest->n_margins = forest->n_predictions = wish->n_margins;
    forest->n_trees = wish->n_trees;
    forest->best_iteration = -1;
    forest->input = wish->lightgbm ? MW_INPUT_FLOAT64_NEAR_ZERO : MW_INPUT_FLOAT32;
    if (wish->catboost || wish->onnx)
        forest->input = MW_INPUT_FLOAT32;
    forest->sum_float32 = !wish->lightgbm || wish->onnx;
    forest->base_margin = base;
    forest->divide_by = 1;
    forest->scale = 1;
    forest->transform = wish->transform;
    if (wish->transform == MW_TRANSFORM_ARGMAX || wish->transform == MW_TRANSFORM_SOFTMAX_LABEL)
        forest->n_predictions = 1;
}

static inline mw_forest *random_forest(const forest_wish *wish, uint64_t seed)
{
    grower g = {.wish = wish, .from = {seed}, .forest = calloc(1, sizeof *g.forest)};
    mw_forest *forest = g.forest;
    mw_arena_init(&forest->arena, 64 * MW_KIB, 1 * MW_GIB);
    size_t most = nodes_max(wish) * wish->n_trees;
    give_head(&g);
    take_nodes(&g, most + 1);
    grow_trees(&g);
    forest->left = g.left;
    forest->right = g.right;
    forest->feature = g.feature;
    forest->threshold = g.threshold;
    forest->flags = g.flags;
    forest->set = g.set;
    forest->value = g.value;
    forest->leaf_vector = g.leaf_vector;
    forest->leaf_values = g.leaf_values;
    forest->leaf_linear = g.leaf_linear;
    forest->category_sets = g.sets;
    forest->category_words = g.words;
    forest->linear_leaves = g.linear;
    forest->linear_features = g.linear_features;
    forest->linear_coefficients = g.linear_coefficients;
    return forest;
}

static inline void random_forest_free(mw_forest *forest)
{
    mw_arena_done(&forest->arena);
    free(forest);
}

#endif
