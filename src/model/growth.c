/* Levels become nodes.
 *
 *     levels (bit 0 first)   x3 > 1, x0 > 0.5              leaves 0 1 2 3
 *
 *     nodes, in heap order           0: x0 > 0.5           children of i: 2i + 1 and 2i + 2
 *                             1: x3 > 1      2: x3 > 1
 *                            3: 0   4: 1    5: 2   6: 3
 *
 * Serving needs none of it: predictions take levels as they are. What walks from node to node
 * (explanations, comparisons, searches) asks for all of them at once; whoever asks first makes them
 * while others wait, and they stay as long as the forest does. */
#include "growth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct mw_growth {
    pthread_mutex_t lock;
    _Atomic(mw_forest *) grown; /* NULL until somebody asked */
};

/* The arrays of the forest in the making. */
typedef struct grower {
    const mw_forest *from;
    mw_forest *to;
    uint32_t *left, *right, *feature, *set, *leaf_vector;
    double *threshold, *value, *cover;
    uint8_t *flags;
} grower;

static void *take(mw_arena *arena, size_t count, size_t item_bytes)
{
    size_t bytes = count * item_bytes;
    if (bytes < MW_PAGES_FROM_BYTES)
        return mw_arena_take_zeroed(arena, count, item_bytes);
    void *pages = mw_pages_take_all(bytes);
    if (pages && !mw_arena_adopt(arena, pages, bytes)) {
        mw_pages_free(pages, bytes);
        return NULL;
    }
    return pages;
}

/* All cleared: leaves have no feature, splits no value. */
static bool take_arrays(grower *g)
{
    mw_arena *arena = &g->to->arena;
    const mw_levels *levels = g->from->levels;
    size_t n = g->from->n_nodes;
    bool vectors = g->from->tree_output[0] == MW_ALL_OUTPUTS;
    g->left = take(arena, n, sizeof *g->left);
    g->right = take(arena, n, sizeof *g->right);
    g->feature = take(arena, n, sizeof *g->feature);
    g->threshold = take(arena, n, sizeof *g->threshold);
    g->flags = take(arena, n, sizeof *g->flags);
    g->value = take(arena, n, sizeof *g->value);
    g->set = levels->set ? take(arena, n, sizeof *g->set) : NULL;
    g->cover = levels->cover ? take(arena, n, sizeof *g->cover) : NULL;
    g->leaf_vector = vectors ? take(arena, n, sizeof *g->leaf_vector) : NULL;
    return g->left && g->right && g->feature && g->threshold && g->flags && g->value &&
           (g->set || !levels->set) && (g->cover || !levels->cover) && (g->leaf_vector || !vectors);
}

/* `depth`: of the nodes, 0 at the root. */
static void put_level(const grower *g, size_t first, unsigned depth, size_t level)
{
    const mw_levels *levels = g->from->levels;
    size_t begin = ((size_t)1 << depth) - 1, end = 2 * begin + 1;
    for (size_t i = begin; i < end; i++) {
        g->left[first + i] = (uint32_t)(2 * i + 1);
        g->right[first + i] = (uint32_t)(2 * i + 2);
        g->feature[first + i] = levels->feature[level];
        g->threshold[first + i] = levels->threshold[level];
        g->flags[first + i] = levels->flags[level];
    }
    for (size_t i = begin; g->set && i < end; i++)
        g->set[first + i] = levels->set[level];
}

static void put_leaves(const grower *g, size_t first, size_t leaf, size_t n_leaves)
{
    size_t at = first + n_leaves - 1, n_outputs = g->from->n_margins;
    memset(g->left + at, 0xff, n_leaves * sizeof *g->left); /* MW_NO_CHILD */
    memset(g->right + at, 0xff, n_leaves * sizeof *g->right);
    if (!g->leaf_vector)
        memcpy(g->value + at, g->from->levels->value + leaf, n_leaves * sizeof *g->value);
    for (size_t i = 0; g->leaf_vector && i < n_leaves; i++)
        g->leaf_vector[at + i] = (uint32_t)((leaf + i) * n_outputs);
}

/* Covers of leaves, and their sums above. */
static void put_covers(const grower *g, size_t first, size_t leaf, size_t n_leaves)
{
    double *cover = g->cover + first;
    memcpy(cover + n_leaves - 1, g->from->levels->cover + leaf, n_leaves * sizeof *cover);
    for (size_t i = n_leaves - 1; i-- > 0;)
        cover[i] = cover[2 * i + 1] + cover[2 * i + 2];
}

static void put_tree(const grower *g, size_t tree)
{
    unsigned depth = mw_levels_depth(g->from, tree);
    size_t first = g->from->tree_start[tree], leaf = mw_levels_leaf(g->from, tree);
    size_t end = g->from->levels->start[tree + 1];
    for (unsigned d = 0; d < depth; d++)
        put_level(g, first, d, end - 1 - d);
    put_leaves(g, first, leaf, (size_t)1 << depth);
    if (g->cover)
        put_covers(g, first, leaf, (size_t)1 << depth);
}

/* The new forest borrows what is not of nodes. */
static mw_status make(const mw_forest *forest, mw_forest **ret_grown, mw_error *err)
{
    mw_forest *to = malloc(sizeof *to);
    if (!to)
        return mw_fail_memory(err, "the nodes of a model");
    *to = *forest;
    to->levels = NULL;
    to->growth = NULL;
    mw_arena_init(&to->arena, MW_KIB, SIZE_MAX);
    grower g = {.from = forest, .to = to};
    if (!take_arrays(&g)) {
        mw_arena_done(&to->arena);
        free(to);
        return mw_fail_memory(err, "the nodes of a model");
    }
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        put_tree(&g, tree);
    to->left = g.left;
    to->right = g.right;
    to->feature = g.feature;
    to->threshold = g.threshold;
    to->flags = g.flags;
    to->set = g.set;
    to->value = g.value;
    to->cover = g.cover;
    to->leaf_vector = g.leaf_vector;
    to->leaf_values = g.leaf_vector ? forest->levels->value : NULL;
    *ret_grown = to;
    return MW_OK;
}

mw_status mw_forest_grow(const mw_forest *forest, const mw_forest **ret_grown, mw_error *err)
{
    mw_growth *growth = forest->growth;
    mw_status status = MW_OK;
    if (!forest->levels) {
        *ret_grown = forest;
        return MW_OK;
    }
    mw_forest *grown = atomic_load_explicit(&growth->grown, memory_order_acquire);
    if (!grown) {
        pthread_mutex_lock(&growth->lock);
        grown = atomic_load_explicit(&growth->grown, memory_order_relaxed);
        if (!grown)
            status = make(forest, &grown, err);
        if (status == MW_OK)
            atomic_store_explicit(&growth->grown, grown, memory_order_release);
        pthread_mutex_unlock(&growth->lock);
    }
    if (status == MW_OK)
        *ret_grown = grown;
    return status;
}

mw_status model_growth_new(mw_forest *forest, mw_error *err)
{
    mw_growth *growth = calloc(1, sizeof *growth);
    if (!growth || pthread_mutex_init(&growth->lock, NULL) != 0) {
        free(growth);
        return mw_fail_memory(err, "a model");
    }
    forest->growth = growth;
    return MW_OK;
}

void model_growth_done(mw_growth *growth)
{
    if (!growth)
        return;
    mw_forest *grown = atomic_load(&growth->grown);
    if (grown)
        mw_arena_done(&grown->arena);
    free(grown);
    pthread_mutex_destroy(&growth->lock);
    free(growth);
}

size_t model_growth_bytes(mw_growth *growth)
{
    mw_forest *grown = growth ? atomic_load(&growth->grown) : NULL;
    return grown ? sizeof *grown + mw_arena_held_bytes(&grown->arena) : 0;
}
