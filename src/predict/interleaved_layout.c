/* A forest laid out for eight interleaved walks; see interleaved.h for the picture.
 *
 *   1. survey   depth of every tree, widest distance to a left child
 *   2. plan     groups of eight trees, perfect or general, and where each begins
 *   3. fill     nodes and leaves
 */
#include "interleaved.h"

#include <math.h>
#include <stdlib.h>

#include "rules.h"

#include "base/banned.h"

/* Perfect groups may have this many times the leaves of their trees. More would cost more cache
 * than the offsets save. */
enum { PADDING_MAX = 4 };

/* What the instances of the kernel differ in. Widths are bytes; 0: no perfect trees. */
typedef struct instance {
    size_t node, threshold, column, leaf;
    size_t x; /* one value of a column */
    void (*sum)(const mw_forest *forest, const predict_layout *layout, const predict_block *block);
} instance;

static const instance instances[] = {
    [PREDICT_FLOAT32] = {sizeof(predict_node32), 4, 2, 4, 4, predict_sum_float32},
    [PREDICT_FLOAT64] = {sizeof(predict_node64), 8, 4, 8, 8, predict_sum_float64},
    [PREDICT_WIDE] = {sizeof(predict_node64), 8, 4, 4, 8, predict_sum_wide},
    [PREDICT_ROUNDED32] = {sizeof(predict_node64), 8, 4, 4, 8, predict_sum_rounded32},
    [PREDICT_ROUNDED64] = {sizeof(predict_node64), 8, 4, 8, 8, predict_sum_rounded64},
    [PREDICT_SETS32] = {sizeof(predict_node_set), 0, 0, 0, 8, predict_sum_sets32},
    [PREDICT_SETS64] = {sizeof(predict_node_set), 0, 0, 0, 8, predict_sum_sets64},
};

/* All that laying out needs; thrown away afterwards. */
typedef struct layout_draft {
    const mw_forest *forest;
    predict_layout *layout;
    unsigned *depth;  /* n_trees */
    size_t *n_leaves; /* n_trees */
    uint32_t *queue;  /* nodes of one tree, breadth first */
} layout_draft;

static bool is_leaf(const mw_forest *forest, size_t node)
{
    return forest->left[node] == MW_NO_CHILD;
}

/* ---- survey ---------------------------------------------------------------------------------- */

/* List one tree breadth first: children stand side by side, left first.
 * *ret_farthest: largest distance from a node to its left child. Returns the number of nodes. */
static size_t list_tree(layout_draft *draft, size_t tree, size_t *ret_farthest)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree], n_listed = 1, level_end = 1, n_leaves = 0;
    unsigned depth = 0;
    *ret_farthest = 0;
    draft->queue[0] = 0;
    for (size_t i = 0; i < n_listed; i++) {
        if (i == level_end) {
            level_end = n_listed;
            depth++;
        }
        size_t node = root + draft->queue[i];
        if (is_leaf(forest, node)) {
            n_leaves++;
            continue;
        }
        if (n_listed - i > *ret_farthest)
            *ret_farthest = n_listed - i;
        draft->queue[n_listed++] = forest->left[node];
        draft->queue[n_listed++] = forest->right[node];
    }
    draft->depth[tree] = depth;
    draft->n_leaves[tree] = n_leaves;
    return n_listed;
}

static predict_width choose_width(const layout_draft *draft, size_t farthest)
{
    const predict_columns *columns = &draft->layout->columns;
    bool float32 = draft->forest->sum_float32;
    if (predict_columns_hold_sets(columns))
        return float32 ? PREDICT_SETS32 : PREDICT_SETS64;
    if (columns->less_equal && draft->forest->input == MW_INPUT_FLOAT32)
        return float32 ? PREDICT_ROUNDED32 : PREDICT_ROUNDED64;
    if (!float32)
        return PREDICT_FLOAT64;
    size_t last_column = (columns->n_columns - 1) * sizeof(float);
    return last_column <= UINT16_MAX && farthest <= UINT16_MAX ? PREDICT_FLOAT32 : PREDICT_WIDE;
}

static void survey(layout_draft *draft)
{
    size_t farthest_of_all = 0;
    for (size_t tree = 0; tree < draft->forest->n_trees; tree++) {
        size_t farthest;
        list_tree(draft, tree, &farthest);
        if (farthest > farthest_of_all)
            farthest_of_all = farthest;
    }
    draft->layout->width = choose_width(draft, farthest_of_all);
}

/* ---- plan ------------------------------------------------------------------------------------ */

static predict_group plan_group(const layout_draft *draft, size_t first_tree)
{
    size_t n_trees = draft->forest->n_trees - first_tree, n_leaves = 0;
    predict_group group = {.first_tree = first_tree};
    group.n_trees = n_trees < PREDICT_LANES ? (unsigned)n_trees : PREDICT_LANES;
    for (size_t tree = first_tree; tree < first_tree + group.n_trees; tree++) {
        n_leaves += draft->n_leaves[tree];
        if (draft->depth[tree] > group.depth)
            group.depth = draft->depth[tree];
    }
    if (group.depth == 0)
        group.depth = 1; /* a perfect tree has a root to compare with */
    group.perfect = instances[draft->layout->width].leaf > 0 &&
                    group.depth <= PREDICT_PERFECT_DEPTH_MAX &&
                    (size_t)group.n_trees << group.depth <= PADDING_MAX * n_leaves;
    return group;
}

static size_t perfect_tree_bytes(const predict_layout *layout, unsigned depth)
{
    const instance *widths = &instances[layout->width];
    return (widths->threshold + widths->column + widths->leaf) << depth;
}

static void plan(layout_draft *draft)
{
    predict_layout *layout = draft->layout;
    const mw_forest *forest = draft->forest;
    for (size_t g = 0; g < layout->n_groups; g++) {
        predict_group group = plan_group(draft, g * PREDICT_LANES);
        group.begin = layout->perfect_bytes;
        layout->groups[g] = group;
        if (group.perfect) {
            layout->perfect_bytes +=
                predict_whole_lines(PREDICT_LANES * perfect_tree_bytes(layout, group.depth));
            continue;
        }
        for (size_t tree = group.first_tree; tree < group.first_tree + group.n_trees; tree++) {
            layout->root[tree] = layout->n_nodes;
            layout->n_nodes += forest->tree_start[tree + 1] - forest->tree_start[tree];
        }
    }
    /* Lanes beyond the last tree walk its last tree again; nobody adds what they find. */
    for (size_t tree = forest->n_trees; tree < layout->n_groups * PREDICT_LANES; tree++)
        layout->root[tree] = layout->root[forest->n_trees - 1];
}

/* ---- fill ------------------------------------------------------------------------------------ */

/* LightGBM takes every |x| <= 1e-35 for zero. Where a threshold lies inside that band, moving it to
 * the band's edge gives the same answers without touching the rows:
 *
 *        -z        0        z
 *    -----[--------|--------]-----      0 <= t < z: zeros go left, so does all up to z
 *                                      -z <= t < 0: zeros go right, so does all from -z    */
static double without_zero_band(double threshold)
{
    if (threshold >= 0 && threshold < predict_zero)
        return predict_zero;
    if (threshold < 0 && threshold >= -predict_zero)
        return nextafter(-predict_zero, -INFINITY);
    return threshold;
}

static double plain_threshold(const layout_draft *draft, size_t node)
{
    const mw_forest *forest = draft->forest;
    if (forest->flags[node] & MW_NODE_CATEGORICAL)
        return draft->layout->columns.less_equal ? -INFINITY : INFINITY;
    double threshold = forest->threshold[node];
    return forest->input == MW_INPUT_FLOAT64_NEAR_ZERO ? without_zero_band(threshold) : threshold;
}

static void put_real(char *to, size_t width, double value)
{
    float narrow = (float)value;
    if (width == sizeof narrow)
        memcpy(to, &narrow, width);
    else
        memcpy(to, &value, width);
}

/* The byte offset of a column in a row of them. */
static void put_column(char *to, const instance *widths, size_t column)
{
    uint32_t offset = (uint32_t)(column * widths->x);
    uint16_t narrow = (uint16_t)offset;
    if (widths->column == sizeof narrow)
        memcpy(to, &narrow, sizeof narrow);
    else
        memcpy(to, &offset, sizeof offset);
}

/* Go through the places of a perfect tree; where the tree ends early, its leaf stands on both
 * sides, behind a node that compares 0 with column 0. */
static void fill_perfect_tree(const layout_draft *draft, const predict_group *group, unsigned lane)
{
    const mw_forest *forest = draft->forest;
    const predict_layout *layout = draft->layout;
    const instance *widths = &instances[layout->width];
    size_t tree = group->first_tree + lane, root = forest->tree_start[tree];
    size_t n_leaves = (size_t)1 << group->depth;
    char *thresholds =
        layout->perfect + group->begin + lane * perfect_tree_bytes(layout, group->depth);
    char *columns = thresholds + n_leaves * widths->threshold;
    char *leaves = columns + n_leaves * widths->column;
    uint32_t node_of_place[2 << PREDICT_PERFECT_DEPTH_MAX];
    node_of_place[1] = 0;
    for (size_t place = 1; place < n_leaves; place++) {
        uint32_t here = node_of_place[place];
        size_t node = root + here;
        bool ended = is_leaf(forest, node);
        node_of_place[2 * place] = ended ? here : forest->left[node];
        node_of_place[2 * place + 1] = ended ? here : forest->right[node];
        put_real(thresholds + place * widths->threshold, widths->threshold,
                 ended ? 0 : plain_threshold(draft, node));
        put_column(columns + place * widths->column, widths,
                   ended ? 0 : layout->columns.of_node[node]);
    }
    for (size_t i = 0; i < n_leaves; i++)
        put_real(leaves + i * widths->leaf, widths->leaf,
                 predict_leaf(forest, tree, root + node_of_place[n_leaves + i], 0));
}

/* `node` of the forest becomes node `at` of the layout. */
static void put_node(const layout_draft *draft, size_t at, size_t node, double threshold,
                     size_t child)
{
    predict_layout *layout = draft->layout;
    const mw_forest *forest = draft->forest;
    uint32_t column = layout->columns.of_node[node];
    uint32_t offset = (uint32_t)(column * instances[layout->width].x);
    if (layout->width == PREDICT_FLOAT32) {
        ((predict_node32 *)layout->nodes)[at] =
            (predict_node32){(float)threshold, (uint16_t)offset, (uint16_t)child};
    } else if (layout->width != PREDICT_SETS32 && layout->width != PREDICT_SETS64) {
        ((predict_node64 *)layout->nodes)[at] =
            (predict_node64){threshold, offset, (uint32_t)child};
    } else {
        mw_category_set set = {0, 0};
        if (!is_leaf(forest, node) && (forest->flags[node] & MW_NODE_CATEGORICAL))
            set = forest->category_sets[forest->set[node]];
        if (set.begin == set.end)
            set = (mw_category_set){0, 0};
        ((predict_node_set *)layout->nodes)[at] =
            (predict_node_set){threshold, offset, (uint32_t)child, set.begin, set.end - set.begin};
    }
}

static void fill_general_tree(layout_draft *draft, size_t tree)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree], begin = draft->layout->root[tree], farthest;
    size_t n_nodes = list_tree(draft, tree, &farthest), next_child = 1;
    for (size_t i = 0; i < n_nodes; i++) {
        size_t node = root + draft->queue[i];
        if (is_leaf(forest, node)) {
            put_node(draft, begin + i, node, predict_leaf(forest, tree, node, 0), 0);
            continue;
        }
        put_node(draft, begin + i, node, plain_threshold(draft, node), next_child - i);
        next_child += 2;
    }
}

static void fill(layout_draft *draft)
{
    for (size_t g = 0; g < draft->layout->n_groups; g++) {
        const predict_group *group = &draft->layout->groups[g];
        for (unsigned lane = 0; lane < group->n_trees; lane++) {
            if (group->perfect)
                fill_perfect_tree(draft, group, lane);
            else
                fill_general_tree(draft, group->first_tree + lane);
        }
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static size_t largest_tree(const mw_forest *forest)
{
    size_t largest = 1;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t n_nodes = forest->tree_start[tree + 1] - forest->tree_start[tree];
        if (n_nodes > largest)
            largest = n_nodes;
    }
    return largest;
}

/* Cleared, so that the lanes of an unfinished last group walk through zeros: column 0, place by
 * place, to a leaf of 0. */
static bool take_cleared(size_t bytes, void **ret_memory)
{
    if (posix_memalign(ret_memory, PREDICT_LINE, bytes + PREDICT_LINE) != 0) {
        *ret_memory = NULL;
        return false;
    }
    memset(*ret_memory, 0, bytes + PREDICT_LINE);
    return true;
}

static bool copy_words(const mw_forest *forest, predict_layout *layout)
{
    size_t n_words = 0;
    for (size_t i = 0; i < forest->n_category_sets; i++) {
        if (forest->category_sets[i].end > n_words)
            n_words = forest->category_sets[i].end;
    }
    layout->words = calloc(n_words + 1, sizeof *layout->words);
    if (!layout->words)
        return false;
    if (n_words > 0)
        memcpy(layout->words, forest->category_words, n_words * sizeof *layout->words);
    layout->bytes += n_words * sizeof *layout->words;
    return true;
}

static bool take_nodes(predict_layout *layout)
{
    size_t node = instances[layout->width].node;
    void *perfect = NULL;
    bool taken = take_cleared(layout->n_nodes * node, &layout->nodes) &&
                 take_cleared(layout->perfect_bytes, &perfect);
    layout->perfect = perfect;
    layout->bytes += layout->n_nodes * node + layout->perfect_bytes;
    return taken;
}

static bool take_plan(layout_draft *draft)
{
    predict_layout *layout = draft->layout;
    size_t n_trees = draft->forest->n_trees;
    layout->n_groups = (n_trees + PREDICT_LANES - 1) / PREDICT_LANES;
    layout->groups = calloc(layout->n_groups + 1, sizeof *layout->groups);
    layout->root = calloc(layout->n_groups * PREDICT_LANES + 1, sizeof *layout->root);
    draft->depth = calloc(n_trees + 1, sizeof *draft->depth);
    draft->n_leaves = calloc(n_trees + 1, sizeof *draft->n_leaves);
    draft->queue = calloc(largest_tree(draft->forest), sizeof *draft->queue);
    layout->bytes = sizeof *layout + layout->n_groups * sizeof *layout->groups +
                    layout->n_groups * PREDICT_LANES * sizeof *layout->root +
                    layout->columns.n_columns * sizeof *layout->columns.feature;
    return layout->groups && layout->root && draft->depth && draft->n_leaves && draft->queue;
}

static mw_status lay_out(const mw_forest *forest, predict_layout *layout, mw_error *err)
{
    layout_draft draft = {.forest = forest, .layout = layout};
    bool enough = take_plan(&draft);
    if (enough) {
        survey(&draft);
        plan(&draft);
        enough = take_nodes(layout) && copy_words(forest, layout);
    }
    if (enough)
        fill(&draft);
    free(draft.depth);
    free(draft.n_leaves);
    free(draft.queue);
    predict_columns_seal(&layout->columns);
    return enough ? MW_OK : mw_fail_memory(err, "the nodes of a predictor");
}

/* Leaves that hold more than a number go the slow way. */
static bool leaves_are_numbers(const mw_forest *forest)
{
    if (forest->linear_weights || forest->leaf_linear)
        return false;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        if (forest->tree_output[tree] == MW_ALL_OUTPUTS)
            return false;
    }
    return true;
}

mw_status predict_layout_make(const mw_forest *forest, predict_found *found, void **ret_layout,
                              mw_error *err)
{
    (void)found;
    predict_columns columns;
    bool plain = leaves_are_numbers(forest);
    if (plain)
        MW_TRY(predict_columns_make(forest, &columns, &plain, err));
    *ret_layout = NULL;
    if (!plain)
        return MW_OK;
    predict_layout *layout = calloc(1, sizeof *layout);
    if (!layout) {
        predict_columns_done(&columns);
        return mw_fail_memory(err, "the layout of a predictor");
    }
    layout->columns = columns;
    mw_status status = lay_out(forest, layout, err);
    if (status != MW_OK) {
        predict_layout_free(layout);
        return status;
    }
    *ret_layout = layout;
    return MW_OK;
}

void predict_layout_free(void *untyped)
{
    predict_layout *layout = untyped;
    if (!layout)
        return;
    predict_columns_done(&layout->columns);
    free(layout->groups);
    free(layout->root);
    free(layout->nodes);
    free(layout->perfect);
    free(layout->words);
    free(layout);
}

/* ---- the kernel's row in the table ----------------------------------------------------------- */

static size_t layout_bytes(const void *untyped)
{
    const predict_layout *layout = untyped;
    return layout->bytes;
}

static size_t memory_bytes(const mw_forest *forest, const void *untyped)
{
    (void)forest;
    const predict_layout *layout = untyped;
    return PREDICT_BLOCK_ROWS * layout->columns.n_columns * instances[layout->width].x;
}

static void sum_block(const mw_forest *forest, const void *untyped, const predict_block *block)
{
    const predict_layout *layout = untyped;
    instances[layout->width].sum(forest, layout, block);
}

const predict_kernel predict_interleaved = {
    .name = "interleaved",
    .block_rows = PREDICT_BLOCK_ROWS,
    .lay_out = predict_layout_make,
    .free_layout = predict_layout_free,
    .layout_bytes = layout_bytes,
    .memory_bytes = memory_bytes,
    .sum = sum_block,
};
