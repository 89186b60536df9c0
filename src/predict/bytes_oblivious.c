/* Which trees are oblivious, and which trees go together. */
#include "bytes_oblivious.h"

#include "base/banned.h"

/* A run's leaves should leave room in the nearest cache for the block's columns, and for the leaves
 * of the next run, which are asked for meanwhile: 16 KiB took 1.05 times as long, 24 KiB 1.1. */
enum { RUN_LEAF_BYTES = 12 * 1024, GENERAL_LEAF_BYTES = 4 * 1024 };

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

/* Numbers of leaves that take two bytes. */
static bool has_high_bytes(const bytes_tree *tree)
{
    return tree->oblivious && tree->depth > 8;
}

/* Trees of a run add to the same sums in the same way, and have numbers and planes of one length.
 */
static size_t measure_run(const bytes_layout *layout, size_t first)
{
    const bytes_tree *trees = &layout->trees[first];
    size_t n = 0, leaf_bytes = 0;
    bool in_order = bytes_has_planes(layout, trees) && !layout->sum_float32;
    size_t most = trees->oblivious || in_order ? RUN_LEAF_BYTES : GENERAL_LEAF_BYTES;
    for (; first + n < layout->n_trees && n < BYTES_TOGETHER_MAX; n++) {
        leaf_bytes += bytes_leaf_bytes(layout, &trees[n]);
        if (trees[n].output != trees->output ||
            has_high_bytes(&trees[n]) != has_high_bytes(trees) ||
            bytes_has_planes(layout, &trees[n]) != bytes_has_planes(layout, trees) ||
            (in_order && bytes_plane_bytes(&trees[n]) != bytes_plane_bytes(trees)) ||
            (n > 0 && leaf_bytes > most))
            break;
    }
    return n;
}

void bytes_plan_runs(bytes_layout *layout)
{
    for (size_t tree = 0; tree < layout->n_trees; tree += layout->trees[tree].n_together) {
        size_t n = measure_run(layout, tree);
        if (2 * n > layout->n_numbers)
            layout->n_numbers = 2 * n;
        layout->trees[tree].n_together = (uint8_t)n;
    }
}
