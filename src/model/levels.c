/* What nodes would say, from levels, without making them: for those who tell models apart. The
 * answers are the same in either form, so that a model stays the same one. */
#include "model.h"

/* The last tree that begins at this node or before. */
static size_t tree_of(const mw_forest *forest, size_t node)
{
    size_t low = 0, high = forest->n_trees;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (forest->tree_start[middle] <= node)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Node `at` of a tree, in heap order: its level asks from the tree's end. */
static double threshold_of(const mw_forest *forest, size_t tree, size_t at)
{
    const mw_levels *levels = forest->levels;
    size_t depth = 0;
    while (at + 1 >= (size_t)2 << depth)
        depth++;
    return depth < mw_levels_depth(forest, tree)
               ? levels->threshold[levels->start[tree + 1] - 1 - depth]
               : 0;
}

/* Leaves of several outputs stand in vectors: 0. */
static double value_of(const mw_forest *forest, size_t tree, size_t at)
{
    size_t before = ((size_t)1 << mw_levels_depth(forest, tree)) - 1;
    if (at < before || forest->tree_output[tree] == MW_ALL_OUTPUTS)
        return 0;
    return forest->levels->value[mw_levels_leaf(forest, tree) + at - before];
}

void mw_forest_see(const mw_forest *forest, size_t node, double *ret_value, double *ret_threshold)
{
    if (forest->levels) {
        size_t tree = tree_of(forest, node), at = node - forest->tree_start[tree];
        *ret_value = value_of(forest, tree, at);
        *ret_threshold = threshold_of(forest, tree, at);
        return;
    }
    *ret_value = forest->value ? forest->value[node] : 0;
    *ret_threshold = forest->threshold ? forest->threshold[node] : 0;
}

typedef double number_of(const mw_forest *forest, size_t tree, size_t at);

static uint64_t digest_levels(const mw_forest *forest, number_of *number, uint64_t digest)
{
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t n_nodes = forest->tree_start[tree + 1] - forest->tree_start[tree];
        for (size_t at = 0; at < n_nodes; at++) {
            double x = number(forest, tree, at);
            digest = mw_fnv(digest, &x, sizeof x);
        }
    }
    return digest;
}

uint64_t mw_forest_digest(const mw_forest *forest, uint64_t digest)
{
    size_t bytes = forest->n_nodes * sizeof(double);
    if (forest->levels) {
        digest = digest_levels(forest, threshold_of, digest);
        return digest_levels(forest, value_of, digest);
    }
    digest = mw_fnv(digest, forest->threshold, forest->threshold ? bytes : 0);
    return mw_fnv(digest, forest->value, forest->value ? bytes : 0);
}
