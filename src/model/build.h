/* build: what every reader fills while it parses, and what becomes of it.
 *
 *     reader --> growing arrays --> checks, dropping of dead nodes --> one arena --> mw_forest
 *
 * A reader adds a whole tree's nodes at once, then writes them; it never sizes anything by a number
 * that the file merely declares.
 */
#ifndef MODEL_BUILD_H
#define MODEL_BUILD_H

#include "model.h"

/* A growing array. `items` is never valid across an add. A large one stands in pages of its own, so
 * that it grows, and becomes the forest's, without being copied. */
typedef struct model_list {
    void *items;
    size_t count, capacity;
    size_t item_bytes;
} model_list;

/* `n` new items at the end, not cleared; NULL when memory is gone. */
void *model_list_add(model_list *list, size_t n);
/* One new item: the call for arrays that are read number by number, inlined where there is room. */
static inline void *model_list_add_one(model_list *list)
{
    if (list->count >= list->capacity)
        return model_list_add(list, 1);
    return (char *)list->items + list->count++ * list->item_bytes;
}
/* Append zeros until there are `count` items. */
bool model_list_pad(model_list *list, size_t count);
void model_list_done(model_list *list);

/* A reader's own place names, for messages of the common checks: "trees[12].left_children[3]" or
 * "Tree=12: left_child[3]". */
typedef struct model_places {
    const char *tree, *tree_end; /* around the tree's number: "trees[" "]." */
    const char *left, *right, *feature, *threshold, *value;
} model_places;

/* The forest in the making. Node arrays run in parallel; those marked (*) stay empty until a tree
 * needs them, and are then padded with zeros for the nodes before. */
typedef struct model_build {
    mw_forest *forest; /* header fields are the reader's to set; its arena holds small things */
    const model_places *places;
    bool spare;         /* the file's bytes are the reader's to give back: MODEL_SPARE */
    const char *passed; /* from the start of the run of trees up to here they were given back */
    model_list tree_start, tree_output, tree_weight;
    model_list level_start; /* of oblivious trees, then all are: see model_build_levels */
    size_t n_level_nodes;   /* that these would have */
    /* Of these: leaf values and covers that stand in the file's own bytes, tree by tree, which then
     * are the forest's (mw_forest.holds_file); NULL: in leaf_values and cover */
    const double *held_values, *held_covers;
    model_list left, right, feature, threshold, flags, value;
    model_list set, cover, gain, leaf_vector, leaf_linear; /* (*) */
    model_list leaf_values, category_sets, category_words;
    model_list linear_leaves, linear_features, linear_coefficients;
} model_build;

MW_CHECKED mw_status model_build_init(model_build *build, const model_places *places,
                                      size_t file_bytes, mw_error *err);
/* A run of trees begins at `at`. */
void model_build_run(model_build *build, const char *at);
/* Nothing between the start of this run and `at` will be looked at again: where the file's bytes
 * are spare, they go back to the system a stretch at a time, while the forest grows. So a file and
 * its forest never stand in memory together. */
void model_build_passed(model_build *build, const char *at);
/* Frees what the build still holds; also after model_build_finish. */
void model_build_done(model_build *build);

/* A new tree of n_nodes >= 1 nodes; *ret_first is the index of its root in the node arrays. All
 * fields of all its nodes are then the caller's to write. */
MW_CHECKED mw_status model_build_tree(model_build *build, size_t n_nodes, uint32_t output,
                                      size_t *ret_first, mw_error *err);
/* A new oblivious tree, which is no nodes but levels (mw_levels). *ret_first is the index of its
 * first level in `feature`, `threshold` and `flags`, and in `set` if used; the caller writes them,
 * and the n_outputs values of each leaf, unless values are held: NULL. A model has such trees or
 * others. */
MW_CHECKED mw_status model_build_levels(model_build *build, unsigned depth, size_t n_outputs,
                                        uint32_t output, size_t *ret_first, double **ret_values,
                                        mw_error *err);
/* What the trees so far ask, in whichever form. */
static inline mw_splits model_build_splits(const model_build *build)
{
    return (mw_splits){build->feature.count, build->left.items,      build->feature.items,
                       build->set.items,     build->threshold.items, build->flags.items};
}
/* Covers of the leaves of the newest of these trees, cleared; trees before it have 0 if none. */
MW_CHECKED mw_status model_build_covers(model_build *build, double **ret_covers, mw_error *err);
/* Room in an optional array (*) for the nodes, or levels, that there are. */
MW_CHECKED mw_status model_build_use(model_build *build, model_list *optional, mw_error *err);
/* A new set over `words` cleared words; *ret_set is its index. */
MW_CHECKED mw_status model_build_set(model_build *build, size_t words, uint32_t *ret_set,
                                     uint32_t **ret_words, mw_error *err);

/* Of a forest with a recipe before it: the features that its columns are made of. */
MW_CHECKED mw_status model_find_origins(mw_forest *forest, mw_error *err);
/* Drop all trees behind the first n_trees. */
void model_build_cut(model_build *build, size_t n_trees);

/* Check all trees, compact, and hand the forest over. n_features, n_margins and the schema must be
 * set. On failure the build still owns everything. */
MW_CHECKED mw_status model_build_finish(model_build *build, mw_forest **ret_forest, mw_error *err);

#endif
