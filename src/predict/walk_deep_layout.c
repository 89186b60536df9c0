/* A forest laid out for deep walks; see walk_deep.h for the picture. */
#include "walk_deep.h"

#include <math.h>
#include <stdlib.h>

#include "bytes_cuts.h"
#include "rules.h"

#include "base/banned.h"

typedef struct deep_draft {
    const mw_forest *forest;
    deep_layout *layout;
    /* of the tree at hand: */
    uint32_t *queue;
    uint32_t *n_leaves; /* below each node */
    uint32_t *place;    /* of each node */
    /* values that there are, by their bits: place + 1, 0 where none is */
    uint32_t *found;
    size_t found_mask;
} deep_draft;

static bool is_leaf(const mw_forest *forest, size_t node)
{
    return forest->left[node] == MW_NO_CHILD;
}

static size_t nodes_of(const mw_forest *forest, size_t tree)
{
    return forest->tree_start[tree + 1] - forest->tree_start[tree];
}

/* ---- which forests --------------------------------------------------------------------------- */

static bool forest_fits(const mw_forest *forest)
{
    size_t largest = 0;
    if (forest->linear_weights || forest->leaf_linear || forest->n_trees == 0)
        return false;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        largest = nodes_of(forest, tree) > largest ? nodes_of(forest, tree) : largest;
    if (largest < 2 * 257 - 1) /* nodes of 257 leaves: the byte kernels are for fewer */
        return false;
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (!is_leaf(forest, node) && (forest->flags[node] & (MW_NODE_EQUAL | MW_NODE_CATEGORICAL)))
            return false;
    }
    return true;
}

/* ---- cuts of float64 rows -------------------------------------------------------------------- */

static int compare_numbers(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* cut_begin of each feature, with all its cuts, and room for them. */
static bool gather_cuts(deep_draft *draft)
{
    const mw_forest *forest = draft->forest;
    deep_layout *layout = draft->layout;
    size_t *begin = calloc(forest->n_features + 2, sizeof *begin);
    layout->cut_begin = begin;
    layout->cuts = calloc(forest->n_nodes + 1, sizeof *layout->cuts);
    if (!begin || !layout->cuts)
        return false;
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (!is_leaf(forest, node) && !isnan(bytes_cut_of(forest, node)))
            begin[forest->feature[node] + 2]++;
    }
    for (size_t f = 0; f < forest->n_features; f++)
        begin[f + 2] += begin[f + 1];
    for (size_t node = 0; node < forest->n_nodes; node++) {
        double cut = is_leaf(forest, node) ? NAN : bytes_cut_of(forest, node);
        if (!isnan(cut))
            layout->cuts[begin[forest->feature[node] + 1]++] = cut;
    }
    return true;
}

/* Each feature's cuts in order, each once. */
static bool make_cuts(deep_draft *draft)
{
    deep_layout *layout = draft->layout;
    size_t n_kept = 0, begin = 0;
    if (!gather_cuts(draft))
        return false;
    for (size_t f = 0; f < draft->forest->n_features; f++) {
        size_t end = layout->cut_begin[f + 1], first = n_kept;
        qsort(layout->cuts + begin, end - begin, sizeof *layout->cuts, compare_numbers);
        for (size_t i = begin; i < end; i++) {
            if (n_kept == first || layout->cuts[n_kept - 1] != layout->cuts[i])
                layout->cuts[n_kept++] = layout->cuts[i];
        }
        layout->cut_begin[f] = first;
        begin = end;
    }
    layout->cut_begin[draft->forest->n_features] = n_kept;
    double *smaller = realloc(layout->cuts, (n_kept + 1) * sizeof *smaller);
    if (smaller)
        layout->cuts = smaller;
    return true;
}

/* ---- values of leaves ------------------------------------------------------------------------ */

static size_t outputs_of(const mw_forest *forest, size_t tree)
{
    return forest->tree_output[tree] == MW_ALL_OUTPUTS ? forest->n_margins : 1;
}

static size_t value_bytes(const deep_layout *layout)
{
    return layout->sum_float32 ? sizeof(float) : sizeof(double);
}

static size_t hash_bytes(const unsigned char *bytes, size_t size)
{
    uint64_t hash = mw_fnv(MW_FNV_BEGIN, bytes, size);
    return (size_t)(hash ^ hash >> 32);
}

/* Mostly it is one value, whose size the compiler then knows. */
static bool same_bytes(const char *a, const char *b, size_t size)
{
    if (size == sizeof(float))
        return memcmp(a, b, sizeof(float)) == 0;
    return size == sizeof(double) ? memcmp(a, b, sizeof(double)) == 0 : memcmp(a, b, size) == 0;
}

/* The place of values that stand behind all others: that of equal ones, if there are any. Values of
 * trees with one output and with all of them may share places. */
static uint32_t place_values(deep_draft *draft, size_t n_outputs)
{
    deep_layout *layout = draft->layout;
    size_t width = value_bytes(layout), size = n_outputs * width;
    const char *values = layout->values, *fresh = values + layout->n_values * width;
    size_t slot = hash_bytes((const unsigned char *)fresh, size) & draft->found_mask;
    for (; draft->found[slot] != 0; slot = (slot + 1) & draft->found_mask) {
        size_t place = draft->found[slot] - 1;
        if (place + n_outputs <= layout->n_values &&
            same_bytes(values + place * width, fresh, size))
            return (uint32_t)place;
    }
    draft->found[slot] = (uint32_t)layout->n_values + 1;
    layout->n_values += n_outputs;
    return draft->found[slot] - 1;
}

static uint32_t put_values(deep_draft *draft, size_t tree, size_t leaf)
{
    deep_layout *layout = draft->layout;
    size_t n = outputs_of(draft->forest, tree);
    for (size_t i = 0; i < n; i++) {
        double value = predict_leaf(draft->forest, tree, leaf, i);
        if (layout->sum_float32)
            ((float *)layout->values)[layout->n_values + i] = (float)value;
        else
            ((double *)layout->values)[layout->n_values + i] = value;
    }
    return place_values(draft, n);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Leaves below each node of a tree. Not by recursion: a tree may be a chain. And without a branch
 * on what is a leaf, which no processor foresees: two children are always listed, and stay where
 * there are any. */
static void count_leaves(deep_draft *draft, size_t tree)
{
    const mw_forest *forest = draft->forest;
    const uint32_t *left = forest->left + forest->tree_start[tree];
    const uint32_t *right = forest->right + forest->tree_start[tree];
    size_t n_listed = 1;
    draft->queue[0] = 0;
    for (size_t i = 0; i < n_listed; i++) {
        uint32_t at = draft->queue[i];
        draft->queue[n_listed] = left[at];
        draft->queue[n_listed + 1] = right[at];
        n_listed += left[at] != MW_NO_CHILD ? 2 : 0;
    }
    for (size_t i = n_listed; i-- > 0;) {
        uint32_t at = draft->queue[i];
        bool leaf = left[at] == MW_NO_CHILD;
        uint32_t below =
            draft->n_leaves[leaf ? 0 : left[at]] + draft->n_leaves[leaf ? 0 : right[at]];
        draft->n_leaves[at] = leaf ? 1 : below;
    }
}

/* Place children of a node side by side, and the children of the one with more leaves right behind
 * them: rows go there more often, and find it in the same cache line. `place`: of each node. */
static bool place_tree(deep_draft *draft, size_t tree)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree], n_waiting = 1;
    uint32_t *waiting = draft->queue, n_placed = 1;
    count_leaves(draft, tree);
    waiting[0] = 0;
    draft->place[0] = 0;
    while (n_waiting > 0) {
        uint32_t node = waiting[--n_waiting];
        if (is_leaf(forest, root + node))
            continue;
        uint32_t left = forest->left[root + node], right = forest->right[root + node];
        draft->place[left] = n_placed;
        draft->place[right] = n_placed + 1;
        if (n_placed - draft->place[node] > DEEP_DISTANCE_MAX)
            return false;
        n_placed += 2;
        bool right_first = draft->n_leaves[right] > draft->n_leaves[left];
        waiting[n_waiting++] = right_first ? left : right;
        waiting[n_waiting++] = right_first ? right : left;
    }
    return true;
}

static uint32_t key_of(const deep_draft *draft, size_t node)
{
    const deep_layout *layout = draft->layout;
    double cut = bytes_cut_of(draft->forest, node);
    if (isnan(cut))
        return DEEP_NEVER;
    if (layout->ranked)
        return deep_rank(layout, draft->forest->feature[node], cut) - 1;
    return deep_code_of_float((float)cut) - 1;
}

static bool fill_tree(deep_draft *draft, size_t tree)
{
    const mw_forest *forest = draft->forest;
    deep_layout *layout = draft->layout;
    deep_node *nodes = layout->nodes + layout->trees[tree].root;
    size_t root = forest->tree_start[tree], n_nodes = nodes_of(forest, tree);
    if (!place_tree(draft, tree))
        return false;
    for (size_t i = 0; i < n_nodes; i++) {
        size_t node = root + i;
        uint32_t place = draft->place[i];
        if (is_leaf(forest, node)) {
            nodes[place] = (deep_node){.key = put_values(draft, tree, node)};
            continue;
        }
        uint32_t distance = draft->place[forest->left[node]] - place;
        uint32_t column = layout->columns.of_node[node];
        nodes[place] = (deep_node){key_of(draft, node), distance << DEEP_COLUMN_BITS | 4 * column};
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static size_t count_values(const mw_forest *forest)
{
    size_t n = 0;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        n += (nodes_of(forest, tree) + 1) / 2 * outputs_of(forest, tree);
    return n;
}

/* A table of a power of two places, at most half of them taken. */
static bool take_found(deep_draft *draft)
{
    size_t n = 16;
    while (n < draft->forest->n_nodes + 2)
        n *= 2;
    draft->found = calloc(n, sizeof *draft->found);
    draft->found_mask = n - 1;
    return draft->found;
}

static bool take_memory(deep_draft *draft)
{
    const mw_forest *forest = draft->forest;
    deep_layout *layout = draft->layout;
    void *nodes = NULL;
    size_t largest = 0;
    layout->trees = calloc(forest->n_trees + 1, sizeof *layout->trees);
    if (!layout->trees)
        return false;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t n_nodes = nodes_of(forest, tree);
        layout->trees[tree] = (deep_tree){layout->n_nodes, forest->tree_output[tree]};
        layout->n_nodes += n_nodes;
        largest = n_nodes > largest ? n_nodes : largest;
    }
    layout->trees[forest->n_trees].root = layout->n_nodes;
    layout->n_trees = forest->n_trees;
    draft->queue = calloc(largest + 2, sizeof *draft->queue);
    draft->n_leaves = calloc(largest + 2, sizeof *draft->n_leaves);
    draft->place = calloc(largest + 2, sizeof *draft->place);
    layout->values = calloc(count_values(forest) + 1, value_bytes(layout));
    if (posix_memalign(&nodes, PREDICT_LINE, (layout->n_nodes + 1) * sizeof *layout->nodes) != 0)
        nodes = NULL;
    layout->nodes = nodes;
    return draft->queue && draft->n_leaves && draft->place && layout->values && layout->nodes &&
           take_found(draft);
}

static void choose_chunk(deep_layout *layout)
{
    size_t rows = DEEP_CODES_BYTES / (layout->columns.n_columns * sizeof(uint32_t));
    rows -= rows % DEEP_LANES;
    layout->chunk_rows = rows > DEEP_ROWS ? DEEP_ROWS : rows < DEEP_LANES ? DEEP_LANES : rows;
}

static mw_status lay_out(deep_draft *draft, bool *ret_plain, mw_error *err)
{
    deep_layout *layout = draft->layout;
    MW_TRY(predict_columns_find(draft->forest, &layout->columns, err));
    *ret_plain = layout->columns.n_columns <= DEEP_COLUMNS_MAX;
    if (!*ret_plain)
        return MW_OK;
    if (!take_memory(draft) || (layout->ranked && !make_cuts(draft)))
        return mw_fail_memory(err, "the nodes of a predictor");
    for (size_t tree = 0; tree < layout->n_trees && *ret_plain; tree++)
        *ret_plain = fill_tree(draft, tree);
    void *smaller = realloc(layout->values, (layout->n_values + 1) * value_bytes(layout));
    if (smaller)
        layout->values = smaller;
    choose_chunk(layout);
    predict_columns_seal(&layout->columns);
    return MW_OK;
}

mw_status deep_layout_make(const mw_forest *forest, predict_found *found, void **ret_layout,
                           mw_error *err)
{
    (void)found;
    *ret_layout = NULL;
    if (!forest_fits(forest))
        return MW_OK;
    deep_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return mw_fail_memory(err, "a predictor");
    layout->sum_float32 = forest->sum_float32;
    layout->ranked = forest->input != MW_INPUT_FLOAT32;
    deep_draft draft = {.forest = forest, .layout = layout};
    bool plain = false;
    mw_status status = lay_out(&draft, &plain, err);
    free(draft.queue);
    free(draft.n_leaves);
    free(draft.place);
    free(draft.found);
    if (status != MW_OK || !plain)
        deep_layout_free(layout);
    else
        *ret_layout = layout;
    return status;
}

void deep_layout_free(void *untyped)
{
    deep_layout *layout = untyped;
    if (!layout)
        return;
    predict_columns_done(&layout->columns);
    free(layout->cut_begin);
    free(layout->cuts);
    free(layout->nodes);
    free(layout->trees);
    free(layout->values);
    free(layout);
}

size_t deep_layout_bytes(const void *untyped)
{
    const deep_layout *layout = untyped;
    size_t bytes = sizeof *layout + layout->n_nodes * sizeof *layout->nodes +
                   layout->n_trees * sizeof *layout->trees +
                   layout->n_values * value_bytes(layout) +
                   layout->columns.n_columns * sizeof *layout->columns.feature;
    return bytes;
}
