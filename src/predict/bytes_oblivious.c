/* Which trees are oblivious, and which of them go together. */
#include "bytes_oblivious.h"

#include "base/banned.h"

/* A run's leaves should leave room in the nearest cache for the block's columns. */
enum { RUN_LEAF_BYTES = 16 * 1024 };

static bool same_set(const mw_forest *forest, uint32_t a, uint32_t b)
{
    mw_category_set left = forest->category_sets[a], right = forest->category_sets[b];
    size_t n_words = left.end - left.begin;
    return n_words == right.end - right.begin &&
           memcmp(forest->category_words + left.begin, forest->category_words + right.begin,
                  n_words * sizeof *forest->category_words) == 0;
}

static bool same_question(const mw_forest *forest, size_t a, size_t b)
{
    if (forest->feature[a] != forest->feature[b] || forest->flags[a] != forest->flags[b])
        return false;
    if (forest->flags[a] & MW_NODE_CATEGORICAL)
        return same_set(forest, forest->set[a], forest->set[b]);
    return forest->threshold[a] == forest->threshold[b];
}

bool bytes_is_oblivious(const mw_forest *forest, size_t tree, const uint32_t *queue, size_t n_nodes,
                        size_t depth)
{
    size_t root = forest->tree_start[tree];
    if (depth == 0 || depth > BYTES_OBLIVIOUS_DEPTH_MAX || n_nodes + 1 != (size_t)2 << depth)
        return false;
    for (size_t level = 0; level < depth; level++) {
        size_t begin = ((size_t)1 << level) - 1;
        for (size_t i = begin; i < 2 * begin + 1; i++) {
            if (forest->left[root + queue[i]] == MW_NO_CHILD ||
                !same_question(forest, root + queue[begin], root + queue[i]))
                return false;
        }
    }
    return true;
}

/* Trees of a run add to the same sums, and have numbers of one length. */
static size_t measure_run(const bytes_layout *layout, size_t first)
{
    const bytes_tree *trees = layout->trees;
    size_t n = 0, leaf_bytes = 0;
    while (first + n < layout->n_trees && n < BYTES_TOGETHER_MAX) {
        const bytes_tree *tree = &trees[first + n];
        leaf_bytes += bytes_leaf_bytes(layout, tree);
        if (!tree->oblivious || tree->output != trees[first].output ||
            (tree->depth > 8) != (trees[first].depth > 8) || (n > 0 && leaf_bytes > RUN_LEAF_BYTES))
            break;
        n++;
    }
    return n;
}

void bytes_plan_runs(bytes_layout *layout)
{
    for (size_t tree = 0; tree < layout->n_trees; tree++) {
        if (!layout->trees[tree].oblivious)
            continue;
        size_t n = measure_run(layout, tree);
        if (2 * n > layout->n_numbers)
            layout->n_numbers = 2 * n;
        layout->trees[tree].n_together = (uint8_t)n;
        tree += n - 1;
    }
}
