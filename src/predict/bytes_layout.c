/* Trees in the form that the byte kernels evaluate; see bytes.h for the picture. */
#include <assert.h>
#include <stdlib.h>

#include "bytes_draft.h"
#include "bytes_oblivious.h"
#include "rules.h"

#include "base/banned.h"

/* A perfect tree computes its padding, too, at about this part of a general node's cost. */
static const double general_node_cost = 1.5;

/* ---- survey ---------------------------------------------------------------------------------- */

typedef struct tree_shape {
    size_t n_nodes, n_leaves, n_pairs, depth;
} tree_shape;

/* List a tree breadth first, and find each node's height on the way back. Without a branch on what
 * is a leaf, which no processor foresees: two children are always written down, and count where
 * there are any. */
static tree_shape survey_tree(trees_draft *draft, size_t tree)
{
    const mw_forest *forest = draft->forest;
    const uint32_t *left = forest->left + forest->tree_start[tree];
    const uint32_t *right = forest->right + forest->tree_start[tree];
    tree_shape shape = {.n_nodes = 1};
    size_t n_splits = 0;
    draft->queue[0] = 0;
    for (size_t i = 0, level_end = 1; i < shape.n_nodes; i++) {
        if (i == level_end) {
            level_end = shape.n_nodes;
            shape.depth++;
        }
        uint32_t at = draft->queue[i];
        draft->queue[shape.n_nodes] = left[at];
        draft->queue[shape.n_nodes + 1] = right[at];
        draft->splits[n_splits] = at;
        shape.n_nodes += left[at] != MW_NO_CHILD ? 2 : 0;
        n_splits += left[at] != MW_NO_CHILD;
    }
    shape.n_leaves = n_splits + 1;
    memset(draft->height, 0,
           (forest->tree_start[tree + 1] - forest->tree_start[tree]) * sizeof *draft->height);
    for (size_t i = n_splits; i-- > 0;) {
        uint32_t at = draft->splits[i];
        uint16_t a = draft->height[left[at]], b = draft->height[right[at]];
        draft->height[at] = (uint16_t)((a > b ? a : b) + 1);
        shape.n_pairs += draft->height[at] == 1;
    }
    return shape;
}

static bool perfect_pays(const tree_shape *shape)
{
    if (shape->depth > BYTES_DEPTH_MAX)
        return false;
    double n_splits = (double)(shape->n_leaves - 1);
    return shape->depth <= 1 || (double)(1u << shape->depth) <= general_node_cost * n_splits;
}

static size_t perfect_node_bytes(unsigned depth)
{
    if (depth <= BYTES_SUBTREE_DEPTH)
        return sizeof(bytes_nodes);
    return (((size_t)1 << (depth - BYTES_SUBTREE_DEPTH)) + 1) * sizeof(bytes_nodes);
}

static size_t outputs_of(const trees_draft *draft, size_t tree)
{
    return draft->forest->tree_output[tree] == MW_ALL_OUTPUTS ? draft->forest->n_margins : 1;
}

/* Node i of the queue asks for a set. In an oblivious tree the first of a level does, for all. */
static bool asks_set(const trees_draft *draft, size_t tree, size_t i)
{
    const mw_forest *forest = draft->forest;
    size_t node = forest->tree_start[tree] + draft->queue[i];
    return !bytes_is_leaf(forest, node) && (forest->flags[node] & MW_NODE_CATEGORICAL) &&
           (!draft->layout->trees[tree].oblivious || (i & (i + 1)) == 0);
}

static uint32_t count_sets(const trees_draft *draft, size_t tree, size_t n_nodes)
{
    uint32_t n_sets = 0;
    for (size_t i = 0; i < n_nodes; i++)
        n_sets += asks_set(draft, tree, i);
    return n_sets;
}

/* Where its parts stand, once their sizes are known. */
static void place_tree(trees_draft *draft, size_t tree, size_t node_bytes)
{
    bytes_layout *layout = draft->layout;
    bytes_tree *plan = &layout->trees[tree];
    plan->output = draft->forest->tree_output[tree];
    if (plan->n_sets > layout->n_sets)
        layout->n_sets = plan->n_sets;
    plan->sets = layout->data_bytes;
    plan->nodes = plan->sets + predict_whole_lines(plan->n_sets * sizeof(bytes_set));
    plan->leaves = plan->nodes + predict_whole_lines(node_bytes);
    layout->data_bytes = plan->leaves;
    if (plan->borrowed)
        plan->leaves = mw_levels_leaf(draft->forest, tree) * sizeof(double);
    else
        layout->data_bytes +=
            predict_whole_lines(bytes_leaf_bytes(layout, plan) * outputs_of(draft, tree));
}

/* False: this tree is too large. */
static bool plan_tree(trees_draft *draft, size_t tree)
{
    bytes_layout *layout = draft->layout;
    tree_shape shape = survey_tree(draft, tree);
    bytes_tree *plan = &layout->trees[tree];
    plan->oblivious =
        bytes_is_oblivious(draft->forest, tree, draft->queue, shape.n_nodes, shape.depth);
    plan->perfect = !plan->oblivious && perfect_pays(&shape);
    if (!plan->perfect && !plan->oblivious && shape.n_leaves > BYTES_LEAVES_MAX)
        return false;
    size_t node_bytes;
    if (plan->oblivious) {
        plan->depth = (uint8_t)shape.depth;
        plan->n_leaves = (uint32_t)shape.n_leaves;
        node_bytes = sizeof(bytes_levels);
    } else if (plan->perfect) {
        plan->depth = (uint8_t)(shape.depth > 0 ? shape.depth : 1);
        plan->n_leaves = 1u << plan->depth;
        node_bytes = perfect_node_bytes(plan->depth);
    } else {
        plan->n_leaves = (uint32_t)shape.n_leaves;
        if (shape.n_pairs > layout->n_lines)
            layout->n_lines = shape.n_pairs;
        if (shape.n_leaves - 2 * shape.n_pairs > layout->n_constants)
            layout->n_constants = shape.n_leaves - 2 * shape.n_pairs;
        plan->n_paths = (uint16_t)shape.n_pairs;
        plan->n_steps = (uint16_t)(shape.n_leaves - 1 - shape.n_pairs);
        node_bytes = plan->n_paths * sizeof(bytes_path) + plan->n_steps * sizeof(bytes_step);
    }
    plan->n_sets = count_sets(draft, tree, shape.n_nodes);
    place_tree(draft, tree, node_bytes);
    return true;
}

/* A tree of levels as it is; one leaf is two of one value, below a question that nobody asked. */
static void plan_levels(trees_draft *draft, size_t tree)
{
    const mw_levels *levels = draft->forest->levels;
    bytes_tree *plan = &draft->layout->trees[tree];
    unsigned depth = mw_levels_depth(draft->forest, tree);
    plan->oblivious = true;
    plan->depth = (uint8_t)(depth > 0 ? depth : 1);
    plan->n_leaves = 1u << plan->depth;
    plan->borrowed =
        depth > 0 && outputs_of(draft, tree) == 1 && !bytes_has_planes(draft->layout, plan);
    for (size_t i = levels->start[tree]; i < levels->start[tree + 1]; i++)
        plan->n_sets += (levels->flags[i] & MW_NODE_CATEGORICAL) != 0;
    place_tree(draft, tree, sizeof(bytes_levels));
}

static bool plan_trees(trees_draft *draft)
{
    for (size_t tree = 0; tree < draft->forest->n_trees; tree++) {
        if (draft->forest->levels)
            plan_levels(draft, tree);
        else if (!plan_tree(draft, tree))
            return false;
    }
    bytes_plan_runs(draft->layout);
    return true;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* Leaf `number` of the plan holds what `leaf` of the forest does, for each output. */
void bytes_put_leaf(const trees_draft *draft, size_t tree, size_t number, size_t leaf)
{
    const bytes_tree *plan = &draft->layout->trees[tree];
    size_t each = bytes_leaf_bytes(draft->layout, plan);
    for (size_t i = 0; i < outputs_of(draft, tree); i++)
        bytes_put_value(draft->layout, plan, draft->layout->data + plan->leaves + i * each, number,
                        predict_leaf(draft->forest, tree, leaf, i));
}

/* ---- perfect trees --------------------------------------------------------------------------- */

/* Where a walk is: `level` decisions taken, decision d in bit d of `path`. */
typedef struct perfect_place {
    unsigned level;
    uint32_t path;
} perfect_place;

static void put_perfect_node(trees_draft *draft, size_t tree, perfect_place at, size_t node)
{
    const bytes_tree *plan = &draft->layout->trees[tree];
    bytes_nodes *nodes = (bytes_nodes *)(draft->layout->data + plan->nodes);
    unsigned top = plan->depth > BYTES_SUBTREE_DEPTH ? plan->depth - BYTES_SUBTREE_DEPTH : 0;
    uint32_t path = at.path, level = at.level;
    if (level < top) {
        nodes += (size_t)1 << top; /* the nodes that choose stand behind the subtrees */
    } else {
        nodes += path & ((1u << top) - 1);
        path >>= top;
        level -= top;
    }
    size_t place = ((size_t)1 << level) - 1 + path;
    nodes->column[place] = draft->places.column[node];
    nodes->rank[place] = bytes_stored_rank(draft->places.rank[node]);
}

/* A leaf above the last level stands in every place below it; the decisions on the way there may
 * be any. */
static void put_perfect_leaf(trees_draft *draft, size_t tree, perfect_place at, size_t leaf)
{
    unsigned depth = draft->layout->trees[tree].depth;
    unsigned top = depth > BYTES_SUBTREE_DEPTH ? depth - BYTES_SUBTREE_DEPTH : 0;
    for (uint32_t below = 0; below < 1u << (depth - at.level); below++) {
        uint32_t path = at.path | below << at.level;
        uint32_t subtree = path & ((1u << top) - 1);
        bytes_put_leaf(draft, tree, path >> top | subtree << BYTES_SUBTREE_DEPTH, leaf);
    }
}

static void fill_perfect(trees_draft *draft, size_t tree, perfect_place at, uint32_t node)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree];
    if (bytes_is_leaf(forest, root + node)) {
        put_perfect_leaf(draft, tree, at, root + node);
        return;
    }
    put_perfect_node(draft, tree, at, root + node);
    perfect_place left = {at.level + 1, at.path}, right = {at.level + 1, at.path | 1u << at.level};
    fill_perfect(draft, tree, left, forest->left[root + node]);
    fill_perfect(draft, tree, right, forest->right[root + node]);
}

/* ---- oblivious trees ------------------------------------------------------------------------- */

/* The first node of a level asks for all. Breadth first, leaves stand in the order of their
 * numbers. */
static void fill_oblivious(trees_draft *draft, size_t tree)
{
    const bytes_tree *plan = &draft->layout->trees[tree];
    size_t root = draft->forest->tree_start[tree];
    bytes_levels *levels = (bytes_levels *)(draft->layout->data + plan->nodes);
    for (unsigned level = 0; level < plan->depth; level++) {
        size_t node = root + draft->queue[((size_t)1 << level) - 1];
        levels->column[level] = draft->places.column[node];
        levels->rank[level] = bytes_stored_rank(draft->places.rank[node]);
    }
    for (size_t i = 0; i < plan->n_leaves; i++)
        bytes_put_leaf(draft, tree, i, root + draft->queue[plan->n_leaves - 1 + i]);
}

/* A level's question, the root's first, and the leaves in their order. The i-th set of a tree is
 * asked into column i behind those of the rows. */
static void put_level(trees_draft *draft, bytes_levels *to, unsigned level, size_t split,
                      bytes_set *sets, size_t *n_sets)
{
    bytes_layout *layout = draft->layout;
    if (!(draft->forest->levels->flags[split] & MW_NODE_CATEGORICAL)) {
        to->column[level] = draft->places.column[split];
        to->rank[level] = bytes_stored_rank(draft->places.rank[split]);
        return;
    }
    bytes_put_set(draft->forest, layout, split, &sets[*n_sets]);
    to->column[level] = (uint32_t)((layout->n_columns + 1 + *n_sets) * BYTES_ROWS);
    to->rank[level] = bytes_stored_rank(BYTES_BIAS); /* -1 stays below */
    ++*n_sets;
}

static void fill_levels(trees_draft *draft, size_t tree)
{
    const bytes_layout *layout = draft->layout;
    const bytes_tree *plan = &layout->trees[tree];
    unsigned depth = mw_levels_depth(draft->forest, tree);
    size_t end = draft->forest->levels->start[tree + 1], n_sets = 0;
    for (unsigned level = 0; level < depth; level++)
        put_level(draft, (bytes_levels *)(layout->data + plan->nodes), level, end - 1 - level,
                  (bytes_set *)(layout->data + plan->sets), &n_sets);
    size_t each = bytes_leaf_bytes(layout, plan), beyond = ((size_t)1 << depth) - 1;
    if (plan->borrowed)
        return;
    if (depth > 0 && outputs_of(draft, tree) == 1) {
        bytes_put_values(plan, layout->data + plan->leaves,
                         draft->forest->levels->value + mw_levels_leaf(draft->forest, tree));
        return;
    }
    for (size_t output = 0; output < outputs_of(draft, tree); output++)
        for (size_t i = 0; i < plan->n_leaves; i++)
            bytes_put_value(layout, plan, layout->data + plan->leaves + output * each, i,
                            predict_level_leaf(draft->forest, tree, i & beyond, output));
}

/* ---- sets ------------------------------------------------------------------------------------ */

/* The i-th set of a tree is asked into column i behind those of the rows. */
static void fill_sets(trees_draft *draft, size_t tree, size_t n_nodes)
{
    const mw_forest *forest = draft->forest;
    bytes_layout *layout = draft->layout;
    bytes_set *set = (bytes_set *)(layout->data + layout->trees[tree].sets);
    size_t column = layout->n_columns + 1;
    for (size_t i = 0; i < n_nodes; i++) {
        size_t node = forest->tree_start[tree] + draft->queue[i];
        if (!asks_set(draft, tree, i))
            continue;
        bytes_put_set(forest, layout, node, set++);
        draft->places.column[node] = (uint32_t)(column++ * BYTES_ROWS);
        draft->places.rank[node] = BYTES_BIAS; /* -1 stays below */
    }
}

static void fill_trees(trees_draft *draft)
{
    for (size_t tree = 0; tree < draft->forest->n_trees; tree++) {
        if (draft->forest->levels) {
            fill_levels(draft, tree);
            continue;
        }
        tree_shape shape = survey_tree(draft, tree);
        fill_sets(draft, tree, shape.n_nodes);
        if (draft->layout->trees[tree].oblivious)
            fill_oblivious(draft, tree);
        else if (draft->layout->trees[tree].perfect)
            fill_perfect(draft, tree, (perfect_place){0, 0}, 0);
        else
            bytes_fill_paths(draft, tree, shape.n_leaves - 1);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Room for the tree at hand. */
static bool take_tree(trees_draft *draft)
{
    const mw_forest *forest = draft->forest;
    size_t largest = 1;
    for (size_t tree = 0; tree < forest->n_trees && !forest->levels; tree++) {
        size_t n_nodes = forest->tree_start[tree + 1] - forest->tree_start[tree];
        largest = n_nodes > largest ? n_nodes : largest;
    }
    draft->queue = calloc(largest + 2, sizeof *draft->queue);
    draft->splits = calloc(largest + 1, sizeof *draft->splits);
    draft->height = calloc(largest + 1, sizeof *draft->height);
    draft->line = calloc(largest + 1, sizeof *draft->line);
    draft->way = calloc(largest + 1, sizeof *draft->way);
    return draft->queue && draft->splits && draft->height && draft->line && draft->way;
}

static void drop_tree(trees_draft *draft)
{
    free(draft->queue);
    free(draft->splits);
    free(draft->height);
    free(draft->line);
    free(draft->way);
}

static bool take_plan(trees_draft *draft)
{
    bytes_layout *layout = draft->layout;
    layout->n_trees = draft->forest->n_trees;
    layout->trees = calloc(layout->n_trees + 1, sizeof *layout->trees);
    return layout->trees && take_tree(draft);
}

static mw_status plan(trees_draft *draft, bool *ret_plain, mw_error *err)
{
    if (!take_plan(draft))
        return mw_fail_memory(err, "the trees of a predictor");
    *ret_plain = plan_trees(draft);
    if (!*ret_plain)
        return MW_OK;
    return bytes_find_cuts(draft->forest, draft->layout, &draft->layout->places, ret_plain, err);
}

mw_status bytes_settle(const mw_forest *forest, void *untyped, mw_error *err)
{
    bytes_layout *layout = untyped;
    trees_draft draft = {.forest = forest, .layout = layout, .places = layout->places};
    mw_status status = MW_OK;
    if (take_tree(&draft) && (layout->data = predict_lines_take(layout->data_bytes))) {
        fill_trees(&draft);
        bytes_places_done(&layout->places);
    } else {
        status = mw_fail_memory(err, "the nodes of a predictor");
    }
    drop_tree(&draft);
    return status;
}

/* Linear leaves need the row itself; equality is no question of order. */
bool bytes_forest_fits(const mw_forest *forest)
{
    if (forest->linear_weights || forest->leaf_linear)
        return false;
    mw_splits splits = mw_forest_splits(forest);
    for (size_t i = 0; i < splits.n; i++) {
        if (splits.flags[i] & MW_NODE_EQUAL)
            return false;
    }
    return true;
}

static mw_status make(const mw_forest *forest, bool wide_planes, predict_found *found,
                      void **ret_layout, mw_error *err)
{
    *ret_layout = NULL;
    if (!bytes_forest_fits(forest))
        return MW_OK;
    bytes_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return mw_fail_memory(err, "a predictor");
    layout->sum_float32 = forest->sum_float32;
    layout->wide_planes = wide_planes;
    layout->n_margins = forest->n_margins;
    layout->borrowed = forest->levels ? (const char *)forest->levels->value : NULL;
    trees_draft draft = {.forest = forest, .layout = layout};
    bool plain = false;
    mw_status status = plan(&draft, &plain, err);
    drop_tree(&draft);
    if (status == MW_OK && plain && found)
        found->cuts = layout;
    else if (status == MW_OK && plain)
        status = bytes_settle(forest, layout, err);
    if (status == MW_OK && plain)
        *ret_layout = layout;
    else
        bytes_layout_free(layout);
    return status;
}

mw_status bytes_layout_make(const mw_forest *forest, predict_found *found, void **ret_layout,
                            mw_error *err)
{
    return make(forest, false, found, ret_layout, err);
}

mw_status bytes_layout_make_wide(const mw_forest *forest, predict_found *found, void **ret_layout,
                                 mw_error *err)
{
    return make(forest, true, found, ret_layout, err);
}

void bytes_layout_free(void *untyped)
{
    bytes_layout *layout = untyped;
    if (!layout)
        return;
    free(layout->searches);
    for (size_t i = 0; i < layout->n_codes; i++)
        free(layout->codes[i].number);
    free(layout->codes);
    free(layout->cuts32);
    free(layout->cuts64);
    free(layout->trees);
    bytes_places_done(&layout->places);
    predict_lines_free(layout->data, layout->data_bytes);
    free(layout);
}

size_t bytes_layout_bytes(const void *untyped)
{
    const bytes_layout *layout = untyped;
    size_t table =
        BYTES_TABLE32 * sizeof(float) + (layout->cuts64 ? BYTES_TABLE * sizeof(double) : 0);
    size_t bytes = sizeof *layout + layout->n_searches * sizeof *layout->searches +
                   bytes_tables(layout->n_searches) * table +
                   layout->n_trees * sizeof *layout->trees + layout->data_bytes;
    for (size_t i = 0; i < layout->n_codes; i++)
        bytes += sizeof *layout->codes + layout->codes[i].n_categories;
    return bytes;
}

/* Columns (one at least: padding reads it), those of a tree's sets, lines, sums. */
size_t bytes_memory_bytes(const mw_forest *forest, const void *untyped)
{
    const bytes_layout *layout = untyped;
    return (layout->n_columns + 1 + layout->n_sets + layout->n_numbers) * BYTES_ROWS +
           bytes_lines_bytes(layout) + forest->n_margins * BYTES_ROWS * sizeof(double);
}
