/* Growing arrays while parsing; one arena afterwards.
 *
 * Large lists become the arena's as they are; a small one is copied and freed before the next. At
 * no time two copies of the whole forest stand in memory. */
#include "build.h"

#include "check.h"
#include "growth.h"

enum { LIST_FIRST_ITEMS = 64 };

static bool is_paged(size_t bytes)
{
    return bytes >= MW_PAGES_FROM_BYTES;
}

/* Room for `bytes`; NULL when memory is gone, and the list is as before. */
static void *move_items(const model_list *list, size_t bytes)
{
    size_t old_bytes = list->capacity * list->item_bytes;
    if (!is_paged(bytes))
        return realloc(list->items, bytes);
    if (is_paged(old_bytes))
        return mw_pages_resize(list->items, old_bytes, bytes);
    void *pages = mw_pages_take(bytes);
    if (pages && list->count > 0)
        memcpy(pages, list->items, list->count * list->item_bytes);
    if (pages)
        free(list->items);
    return pages;
}

static bool grow(model_list *list, size_t wanted)
{
    size_t bytes, capacity = list->capacity + list->capacity / 2 + LIST_FIRST_ITEMS;
    if (capacity < wanted)
        capacity = wanted;
    if (__builtin_mul_overflow(capacity, list->item_bytes, &bytes))
        return false;
    void *grown = move_items(list, bytes);
    if (!grown)
        return false;
    list->items = grown;
    list->capacity = capacity;
    return true;
}

void *model_list_add(model_list *list, size_t n)
{
    size_t wanted;
    if (__builtin_add_overflow(list->count, n, &wanted))
        return NULL;
    if ((wanted > list->capacity || !list->items) && !grow(list, wanted))
        return NULL;
    void *added = (char *)list->items + list->count * list->item_bytes;
    list->count = wanted;
    return added;
}

bool model_list_pad(model_list *list, size_t count)
{
    if (count <= list->count)
        return true;
    size_t missing = count - list->count;
    void *added = model_list_add(list, missing);
    if (!added)
        return false;
    memset(added, 0, missing * list->item_bytes);
    return true;
}

void model_list_done(model_list *list)
{
    size_t bytes = list->capacity * list->item_bytes;
    if (is_paged(bytes))
        mw_pages_free(list->items, bytes);
    else
        free(list->items);
    list->items = NULL;
    list->count = list->capacity = 0;
}

/* Every list once, with the size of its items: init, done and finish walk this table. */
#define EACH_NODE_LIST(X) \
    X(left, uint32_t)     \
    X(right, uint32_t)    \
    X(feature, uint32_t)  \
    X(threshold, double)  \
    X(flags, uint8_t)     \
    X(value, double)
#define EACH_OPTIONAL_LIST(X) \
    X(set, uint32_t)          \
    X(cover, double)          \
    X(gain, float)            \
    X(leaf_vector, uint32_t)  \
    X(leaf_linear, uint32_t)
#define EACH_OTHER_LIST(X)            \
    X(tree_start, uint32_t)           \
    X(tree_output, uint32_t)          \
    X(tree_weight, float)             \
    X(leaf_values, double)            \
    X(category_sets, mw_category_set) \
    X(category_words, uint32_t)       \
    X(linear_leaves, mw_linear_leaf)  \
    X(linear_features, uint32_t)      \
    X(linear_coefficients, double)
#define EACH_LIST(X) EACH_NODE_LIST(X) EACH_OPTIONAL_LIST(X) EACH_OTHER_LIST(X)

mw_status model_build_init(model_build *build, const model_places *places, size_t file_bytes,
                           mw_error *err)
{
    *build = (model_build){.places = places};
#define SET_ITEM_BYTES(name, type) build->name.item_bytes = sizeof(type);
    EACH_LIST(SET_ITEM_BYTES)
#undef SET_ITEM_BYTES
    build->level_start.item_bytes = sizeof(uint32_t);
    build->forest = calloc(1, sizeof *build->forest);
    if (!build->forest)
        return mw_fail_memory(err, "a model");
    mw_forest *forest = build->forest;
    mw_arena_init(&forest->arena, MW_KIB, SIZE_MAX);
    forest->file_bytes = file_bytes;
    forest->library_version = forest->objective = forest->cannot = "";
    forest->best_iteration = -1;
    forest->divide_by = forest->scale = forest->margin_scale = 1;
    return MW_OK;
}

void model_build_run(model_build *build, const char *at)
{
    build->passed = at;
}

void model_build_passed(model_build *build, const char *at)
{
    const uintptr_t stretch_bytes = 2 * MW_MIB; /* a huge page: to give back a part splits it */
    size_t beyond = (uintptr_t)at % stretch_bytes;
    if (!build->spare || (size_t)(at - build->passed) <= beyond)
        return;
    const char *end = at - beyond;
    mw_pages_forget(build->passed, (size_t)(end - build->passed));
    build->passed = end;
}

void model_build_done(model_build *build)
{
#define FREE_LIST(name, type) model_list_done(&build->name);
    EACH_LIST(FREE_LIST)
#undef FREE_LIST
    model_list_done(&build->level_start);
    mw_forest_free(build->forest);
    build->forest = NULL;
}

/* Node indexes are 32 bits wide, and one of them means "none". */
static mw_status check_room(const model_build *build, size_t n_nodes, mw_error *err)
{
    if (build->tree_output.count >= MW_LIMIT_TREES) {
        mw_fail(err, MW_E_MODEL_LIMIT, "more than %d trees", MW_LIMIT_TREES);
        return mw_mend(err, "train fewer trees, or with a larger learning rate");
    }
    size_t before = build->left.count + build->n_level_nodes;
    if (n_nodes > MW_LIMIT_TREE_NODES || before > UINT32_MAX - 1 - n_nodes) {
        mw_fail(err, MW_E_MODEL_LIMIT, "more nodes than %d in a tree or %u in all",
                MW_LIMIT_TREE_NODES, UINT32_MAX - 1);
        return mw_mend(err, "train smaller trees");
    }
    return MW_OK;
}

mw_status model_build_tree(model_build *build, size_t n_nodes, uint32_t output, size_t *ret_first,
                           mw_error *err)
{
    MW_TRY(check_room(build, n_nodes, err));
    size_t first = build->left.count;
    uint32_t *start = model_list_add(&build->tree_start, 1);
    uint32_t *tree_output = model_list_add(&build->tree_output, 1);
    bool ok = start && tree_output;
#define ADD_NODES(name, type) ok = ok && model_list_add(&build->name, n_nodes);
    EACH_NODE_LIST(ADD_NODES)
#undef ADD_NODES
    if (!ok)
        return mw_fail_memory(err, "the nodes of a tree");
    *start = (uint32_t)first;
    *tree_output = output;
    *ret_first = first;
    return MW_OK;
}

static size_t count_level_leaves(const model_build *build)
{
    return (build->n_level_nodes + build->level_start.count) / 2;
}

mw_status model_build_levels(model_build *build, unsigned depth, size_t n_outputs, uint32_t output,
                             size_t *ret_first, double **ret_values, mw_error *err)
{
    size_t n_leaves = (size_t)1 << depth, n_nodes = 2 * n_leaves - 1;
    size_t first = build->feature.count, n_values = build->leaf_values.count;
    MW_TRY(check_room(build, n_nodes, err));
    uint32_t *start = model_list_add(&build->tree_start, 1);
    uint32_t *level_start = model_list_add(&build->level_start, 1);
    uint32_t *tree_output = model_list_add(&build->tree_output, 1);
    double *values =
        build->held_values ? NULL : model_list_add(&build->leaf_values, n_leaves * n_outputs);
    bool ok = start && level_start && tree_output && (values || build->held_values) &&
              model_list_add(&build->feature, depth) && model_list_add(&build->threshold, depth) &&
              model_list_add(&build->flags, depth);
    if (!ok || n_values > UINT32_MAX - n_leaves * n_outputs) /* nodes hold such an index */
        return mw_fail_memory(err, "the levels of a tree");
    *start = (uint32_t)build->n_level_nodes;
    *level_start = (uint32_t)first;
    *tree_output = output;
    build->n_level_nodes += n_nodes;
    *ret_first = first;
    *ret_values = values;
    return MW_OK;
}

mw_status model_build_covers(model_build *build, double **ret_covers, mw_error *err)
{
    size_t end = count_level_leaves(build), n_trees = build->tree_start.count;
    uint32_t start = ((const uint32_t *)build->tree_start.items)[n_trees - 1];
    size_t first = (start + n_trees - 1) / 2;
    if (!model_list_pad(&build->cover, end))
        return mw_fail_memory(err, "the leaves of a tree");
    *ret_covers = (double *)build->cover.items + first;
    return MW_OK;
}

mw_status model_build_use(model_build *build, model_list *optional, mw_error *err)
{
    if (!model_list_pad(optional, build->feature.count))
        return mw_fail_memory(err, "the nodes of a tree");
    return MW_OK;
}

mw_status model_build_set(model_build *build, size_t words, uint32_t *ret_set, uint32_t **ret_words,
                          mw_error *err)
{
    size_t begin = build->category_words.count;
    if (words > MW_LIMIT_CATEGORY_WORDS || begin > MW_LIMIT_CATEGORY_WORDS - words) {
        mw_fail(err, MW_E_MODEL_LIMIT, "the sets of categories take more than %zu MiB",
                MW_LIMIT_CATEGORY_WORDS * sizeof(uint32_t) / MW_MIB);
        return mw_mend(err, "number the categories from 0 without gaps, or merge rare ones");
    }
    mw_category_set *set = model_list_add(&build->category_sets, 1);
    if (!set || !model_list_pad(&build->category_words, begin + words))
        return mw_fail_memory(err, "sets of categories");
    *set = (mw_category_set){(uint32_t)begin, (uint32_t)(begin + words)};
    *ret_set = (uint32_t)(build->category_sets.count - 1);
    uint32_t *all = build->category_words.items;
    *ret_words = all ? all + begin : NULL; /* a first set may have no words */
    return MW_OK;
}

static void cut_list(model_list *list, size_t count)
{
    if (list->count > count)
        list->count = count;
}

void model_build_cut(model_build *build, size_t n_trees)
{
    if (n_trees >= build->tree_start.count)
        return;
    size_t n_nodes = ((const uint32_t *)build->tree_start.items)[n_trees];
#define CUT_NODES(name, type) cut_list(&build->name, n_nodes);
    EACH_NODE_LIST(CUT_NODES)
    EACH_OPTIONAL_LIST(CUT_NODES)
#undef CUT_NODES
    cut_list(&build->tree_start, n_trees);
    cut_list(&build->tree_output, n_trees);
    cut_list(&build->tree_weight, n_trees);
}

/* ---- handing over ---------------------------------------------------------------------------- */

/* The pages of a large list, cut to what is used, become the arena's. */
static bool hand_over_pages(mw_arena *arena, model_list *list, const void **ret_items)
{
    size_t bytes = list->count * list->item_bytes;
    void *pages = mw_pages_resize(list->items, list->capacity * list->item_bytes, bytes);
    if (!pages)
        return false;
    list->items = pages;
    list->capacity = list->count;
    if (!mw_arena_adopt(arena, pages, bytes))
        return false;
    *ret_items = pages;
    list->items = NULL;
    list->count = list->capacity = 0;
    return true;
}

/* NULL for an empty list, so that an array nobody used is absent in the forest. */
static mw_status move_list(mw_arena *arena, model_list *list, const void **ret_items, mw_error *err)
{
    size_t bytes = list->count * list->item_bytes;
    *ret_items = NULL;
    if (is_paged(bytes))
        return hand_over_pages(arena, list, ret_items) ? MW_OK : mw_fail_memory(err, "a model");
    if (list->count > 0) {
        void *copy = mw_arena_take(arena, bytes);
        if (!copy)
            return mw_fail_memory(err, "a model");
        memcpy(copy, list->items, bytes);
        *ret_items = copy;
    }
    model_list_done(list);
    return MW_OK;
}

static mw_status move_lists(model_build *build, mw_error *err)
{
    mw_forest *forest = build->forest;
    const void *items;
#define MOVE_LIST(name, type)                                     \
    MW_TRY(move_list(&forest->arena, &build->name, &items, err)); \
    forest->name = items;
    EACH_LIST(MOVE_LIST)
#undef MOVE_LIST
    return MW_OK;
}

/* Nodes that no path reaches (XGBoost leaves deleted ones behind) move out; the others keep their
 * order. `level` is 0 for them. */
static size_t compact_tree(model_build *build, size_t first, size_t n_nodes, size_t to,
                           const uint32_t *level, uint32_t *new_index)
{
    uint32_t kept = 0;
    for (size_t node = 0; node < n_nodes; node++)
        new_index[node] = level[node] ? kept++ : MW_NO_CHILD;
#define MOVE_NODE(name, type)                                      \
    if (build->name.count > 0) {                                   \
        type *items = build->name.items;                           \
        for (size_t node = 0; node < n_nodes; node++)              \
            if (level[node])                                       \
                items[to + new_index[node]] = items[first + node]; \
    }
    EACH_NODE_LIST(MOVE_NODE)
    EACH_OPTIONAL_LIST(MOVE_NODE)
#undef MOVE_NODE
    uint32_t *left = (uint32_t *)build->left.items + to;
    uint32_t *right = (uint32_t *)build->right.items + to;
    for (uint32_t node = 0; node < kept; node++) {
        if (left[node] == MW_NO_CHILD)
            continue;
        left[node] = new_index[left[node]];
        right[node] = new_index[right[node]];
    }
    return kept;
}

/* Checks every tree, drops dead nodes and closes tree_start. `scratch` holds two numbers for
 * each node of the largest tree. */
static mw_status settle_trees(model_build *build, uint32_t *scratch, size_t largest, mw_error *err)
{
    mw_forest *forest = build->forest;
    uint32_t *start = build->tree_start.items;
    uint32_t *level = scratch, *stack = scratch + largest;
    size_t to = 0;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t first = start[tree], n_nodes = start[tree + 1] - first;
        model_tree_shape shape;
        MW_TRY(model_check_tree(build, tree, first, n_nodes, level, stack, &shape, err));
        start[tree] = (uint32_t)to;
        if (to == first && shape.n_reached == n_nodes)
            to += n_nodes;
        else
            to += compact_tree(build, first, n_nodes, to, level, stack);
        forest->n_leaves += shape.n_leaves;
        if (shape.depth > forest->max_depth)
            forest->max_depth = shape.depth;
    }
    start[forest->n_trees] = (uint32_t)to;
    forest->n_nodes = to;
    return MW_OK;
}

static size_t largest_tree(const uint32_t *start, size_t n_trees)
{
    size_t largest = 0;
    for (size_t tree = 0; tree < n_trees; tree++)
        if (start[tree + 1] - start[tree] > largest)
            largest = start[tree + 1] - start[tree];
    return largest;
}

static mw_status check_and_compact(model_build *build, mw_error *err)
{
    mw_forest *forest = build->forest;
    size_t n_nodes = build->left.count;
#define PAD_LIST(name, type)                                             \
    if (build->name.count > 0 && !model_list_pad(&build->name, n_nodes)) \
        return mw_fail_memory(err, "a model");
    EACH_OPTIONAL_LIST(PAD_LIST)
#undef PAD_LIST
    size_t largest = largest_tree(build->tree_start.items, forest->n_trees);
    uint32_t *scratch = calloc(2 * largest + 1, sizeof *scratch);
    if (!scratch)
        return mw_fail_memory(err, "checks of a tree");
    mw_status status = settle_trees(build, scratch, largest, err);
    free(scratch);
#define CUT_LIST(name, type) cut_list(&build->name, forest->n_nodes);
    EACH_NODE_LIST(CUT_LIST)
    EACH_OPTIONAL_LIST(CUT_LIST)
#undef CUT_LIST
    return status;
}

static mw_status close_trees(model_build *build, mw_error *err)
{
    mw_forest *forest = build->forest;
    forest->n_columns = forest->n_features + (forest->before ? forest->before->n_outputs : 0);
    MW_TRY(model_find_origins(forest, err));
    forest->n_trees = build->tree_output.count;
    uint32_t *end = model_list_add(&build->tree_start, 1);
    if (!end)
        return mw_fail_memory(err, "a model");
    *end = (uint32_t)(build->left.count + build->n_level_nodes);
    return MW_OK;
}

/* ---- levels ---------------------------------------------------------------------------------- */

static mw_status check_levels(model_build *build, mw_error *err)
{
    mw_forest *forest = build->forest;
    uint32_t *end = model_list_add(&build->level_start, 1);
    if (!end)
        return mw_fail_memory(err, "a model");
    *end = (uint32_t)build->feature.count;
    forest->n_nodes = build->n_level_nodes;
    forest->n_leaves = (forest->n_nodes + forest->n_trees) / 2;
    if (build->cover.count > 0 && !model_list_pad(&build->cover, forest->n_leaves))
        return mw_fail_memory(err, "a model");
    if (build->set.count > 0)
        MW_TRY(model_build_use(build, &build->set, err));
    const uint32_t *start = build->tree_start.items, *level_start = build->level_start.items;
    bool vectors = ((const uint32_t *)build->tree_output.items)[0] == MW_ALL_OUTPUTS;
    size_t n_values = vectors ? forest->n_margins : 1;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t depth = level_start[tree + 1] - level_start[tree];
        MW_TRY(model_check_levels(build, tree, (start[tree] + tree) / 2, n_values, err));
        forest->max_depth = depth > forest->max_depth ? depth : forest->max_depth;
    }
    return MW_OK;
}

/* What move_lists gave to nodes is of levels. */
static mw_status place_levels(model_build *build, mw_error *err)
{
    mw_forest *forest = build->forest;
    mw_levels *levels = mw_arena_take_zeroed(&forest->arena, 1, sizeof *levels);
    const void *start = NULL;
    bool held = forest->holds_file = build->held_values != NULL;
    if (!levels)
        return mw_fail_memory(err, "a model");
    MW_TRY(move_list(&forest->arena, &build->level_start, &start, err));
    *levels = (mw_levels){.start = start,
                          .feature = forest->feature,
                          .threshold = forest->threshold,
                          .flags = forest->flags,
                          .set = forest->set,
                          .value = held ? build->held_values : forest->leaf_values,
                          .cover = held ? build->held_covers : forest->cover};
    forest->feature = forest->set = NULL;
    forest->threshold = forest->leaf_values = forest->cover = NULL;
    forest->flags = NULL;
    forest->levels = levels;
    return model_growth_new(forest, err);
}

mw_status model_build_finish(model_build *build, mw_forest **ret_forest, mw_error *err)
{
    bool has_levels = build->level_start.count > 0;
    MW_TRY(close_trees(build, err));
    MW_TRY(has_levels ? check_levels(build, err) : check_and_compact(build, err));
    build->forest->n_category_sets = build->category_sets.count;
    MW_TRY(move_lists(build, err));
    if (has_levels)
        MW_TRY(place_levels(build, err));
    *ret_forest = build->forest;
    build->forest = NULL;
    return MW_OK;
}
