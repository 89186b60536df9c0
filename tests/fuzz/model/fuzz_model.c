/* Any bytes as a model: refused with a mend, or a forest that keeps model.h's promises. */
#include "model/model.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)      \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

static void check_node(const mw_forest *forest, size_t first, size_t n_nodes, size_t node)
{
    size_t at = first + node;
    HOLDS(forest->feature[at] < forest->n_columns || forest->left[at] == MW_NO_CHILD);
    if (forest->left[at] == MW_NO_CHILD) {
        HOLDS(forest->right[at] == MW_NO_CHILD && !isnan(forest->value[at]));
        return;
    }
    HOLDS(forest->left[at] < n_nodes && forest->right[at] < n_nodes);
    HOLDS(!isnan(forest->threshold[at]));
    if (forest->flags[at] & MW_NODE_CATEGORICAL) {
        HOLDS(forest->set && forest->set[at] < forest->n_category_sets);
        mw_category_set set = forest->category_sets[forest->set[at]];
        HOLDS(set.begin <= set.end);
        for (uint32_t word = set.begin; word < set.end; word++)
            HOLDS(forest->category_words[word] <= UINT32_MAX);
    }
}

static void check_leaf(const mw_forest *forest, size_t tree, size_t at)
{
    if (forest->left[at] != MW_NO_CHILD)
        return;
    if (forest->tree_output[tree] == MW_ALL_OUTPUTS)
        for (size_t i = 0; i < forest->n_margins; i++)
            HOLDS(!isnan(forest->leaf_values[forest->leaf_vector[at] + i]));
    if (forest->leaf_linear) {
        mw_linear_leaf leaf = forest->linear_leaves[forest->leaf_linear[at]];
        for (uint32_t i = leaf.begin; i < leaf.end; i++)
            HOLDS(forest->linear_features[i] < forest->n_features &&
                  !isnan(forest->linear_coefficients[i]));
    }
}

static void check_forest(const mw_forest *forest)
{
    size_t n_leaves = 0;
    HOLDS(forest->schema.n_columns == forest->n_features && forest->n_margins > 0);
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t first = forest->tree_start[tree], end = forest->tree_start[tree + 1];
        HOLDS(first < end && end <= forest->n_nodes);
        HOLDS(forest->tree_output[tree] == MW_ALL_OUTPUTS ||
              forest->tree_output[tree] < forest->n_margins);
        for (size_t at = first; at < end; at++) {
            check_node(forest, first, end - first, at - first);
            check_leaf(forest, tree, at);
            n_leaves += forest->left[at] == MW_NO_CHILD;
        }
        /* each node reached exactly once: a binary tree has one leaf more than splits */
        HOLDS(!forest->linear_weights);
    }
    HOLDS(n_leaves == forest->n_leaves);
    HOLDS(forest->n_nodes + forest->n_trees == 2 * n_leaves);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_forest *forest = NULL;
    mw_view bytes = {(const char *)data, size};
    if (mw_forest_read(bytes, "fuzz", &forest, &err) != MW_OK) {
        HOLDS(err.what[0] != '\0' && err.mend[0] != '\0' && err.code >= 2000);
        return 0;
    }
    const mw_forest *nodes = NULL;
    HOLDS(mw_forest_grow(forest, &nodes, &err) == MW_OK);
    check_forest(nodes);
    mw_forest_free(forest);
    return 0;
}
