/* One tree of XGBoost: thirteen arrays side by side become nodes.
 *
 *     left_children   [ 1, -1, -1]    node 0: x[split_indices] < split_conditions ? 1 : 2
 *     right_children  [ 2, -1, -1]    node 1: leaf, its value is split_conditions[1]
 *     categories_nodes [0], _segments [0], _sizes [2], categories [0, 3]
 *                                     node 0 is categorical: codes 0 and 3 go right
 *
 * A tree with vector leaves (multi_output_tree) has them in `leaf_weights`, and a leaf's slot is in
 * right_children (XGBoost 3.2); before, a leaf's values stood in `base_weights` at its own node. */
#include "xgboost.h"

#include <math.h>

#include "names.h"

enum tree_key {
    KEY_BASE_WEIGHTS,
    KEY_CATEGORIES,
    KEY_CATEGORY_NODES,
    KEY_CATEGORY_STARTS,
    KEY_CATEGORY_SIZES,
    KEY_DEFAULT_LEFT,
    KEY_LEAF_WEIGHTS,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_CONDITION,
    KEY_FEATURE,
    KEY_SPLIT_TYPE,
    KEY_COVER,
    KEY_GAIN,
    KEY_PARAM
};

static const char *const tree_keys[] = {
    [KEY_BASE_WEIGHTS] = "base_weights",
    [KEY_CATEGORIES] = "categories",
    [KEY_CATEGORY_NODES] = "categories_nodes",
    [KEY_CATEGORY_STARTS] = "categories_segments",
    [KEY_CATEGORY_SIZES] = "categories_sizes",
    [KEY_DEFAULT_LEFT] = "default_left",
    [KEY_LEAF_WEIGHTS] = "leaf_weights",
    [KEY_LEFT] = "left_children",
    [KEY_RIGHT] = "right_children",
    [KEY_CONDITION] = "split_conditions",
    [KEY_FEATURE] = "split_indices",
    [KEY_SPLIT_TYPE] = "split_type",
    [KEY_COVER] = "sum_hessian",
    [KEY_GAIN] = "loss_changes",
    [KEY_PARAM] = "tree_param",
};

#define EACH_INTEGER_LIST(X) \
    X(left)                  \
    X(right)                 \
    X(feature)               \
    X(default_left)          \
    X(split_type) X(categories) X(category_nodes) X(category_starts) X(category_sizes)
#define EACH_FLOAT_LIST(X) X(condition) X(cover) X(gain) X(base_weights) X(leaf_weights)

void model_xgb_tree_init(model_xgb_tree *tree)
{
    *tree = (model_xgb_tree){0};
#define SET_INTEGER(name) tree->name.item_bytes = sizeof(int64_t);
#define SET_FLOAT(name) tree->name.item_bytes = sizeof(float);
    EACH_INTEGER_LIST(SET_INTEGER)
    EACH_FLOAT_LIST(SET_FLOAT)
#undef SET_INTEGER
#undef SET_FLOAT
}

#define EMPTY_LIST(name) tree->name.count = 0;
#define FREE_LIST(name) model_list_done(&tree->name);

void model_xgb_tree_done(model_xgb_tree *tree)
{
    EACH_INTEGER_LIST(FREE_LIST)
    EACH_FLOAT_LIST(FREE_LIST)
}

static void empty_tree(model_xgb_tree *tree)
{
    EACH_INTEGER_LIST(EMPTY_LIST)
    EACH_FLOAT_LIST(EMPTY_LIST)
    tree->leaf_vector_size = 1;
    tree->has_leaf_weights = tree->has_base_weights = false;
}

/* ---- arrays in ------------------------------------------------------------------------------- */

static mw_status read_param(model_xgb_tree *tree, model_document *doc, mw_error *err)
{
    static const char *const names[] = {"size_leaf_vector"};
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    MW_TRY(model_document_object_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_key(doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(model_document_integer_or_text(doc, &tree->leaf_vector_size, err));
    }
}

static mw_status read_array(model_xgb_tree *tree, model_document *doc, size_t key, mw_error *err)
{
    switch ((enum tree_key)key) {
    case KEY_BASE_WEIGHTS: /* seldom wanted, and whether it is stands behind: keep the place */
        tree->base_weights_at = *doc;
        tree->has_base_weights = true;
        return model_document_skip(doc, err);
    case KEY_CATEGORIES:
        return model_document_integers(doc, &tree->categories, err);
    case KEY_CATEGORY_NODES:
        return model_document_integers(doc, &tree->category_nodes, err);
    case KEY_CATEGORY_STARTS:
        return model_document_integers(doc, &tree->category_starts, err);
    case KEY_CATEGORY_SIZES:
        return model_document_integers(doc, &tree->category_sizes, err);
    case KEY_DEFAULT_LEFT:
        return model_document_integers(doc, &tree->default_left, err);
    case KEY_LEAF_WEIGHTS:
        tree->has_leaf_weights = true;
        return model_document_floats(doc, &tree->leaf_weights, err);
    case KEY_LEFT:
        return model_document_integers(doc, &tree->left, err);
    case KEY_RIGHT:
        return model_document_integers(doc, &tree->right, err);
    case KEY_CONDITION:
        return model_document_floats(doc, &tree->condition, err);
    case KEY_FEATURE:
        return model_document_integers(doc, &tree->feature, err);
    case KEY_SPLIT_TYPE:
        return model_document_integers(doc, &tree->split_type, err);
    case KEY_COVER:
        return model_document_floats(doc, &tree->cover, err);
    case KEY_GAIN:
        return model_document_floats(doc, &tree->gain, err);
    case KEY_PARAM:
        return read_param(tree, doc, err);
    }
    return model_document_skip(doc, err);
}

static mw_status read_arrays(model_xgb_tree *tree, model_document *doc, mw_error *err)
{
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    empty_tree(tree);
    MW_TRY(model_document_object_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_key(doc, tree_keys, MW_COUNT(tree_keys), &seen, &key, &more, err));
        if (!more)
            return MW_OK;
        if (read_array(tree, doc, key, err) != MW_OK)
            return model_at_key(err, tree_keys[key]);
    }
}

/* ---- do they agree? ----------------------------------------------------------------------------
 */

static mw_status damaged(enum tree_key key, mw_error *err)
{
    mw_mend(err, "save the model again; this file was damaged or edited by hand");
    return model_at_key(err, tree_keys[key]);
}

static mw_status check_count(size_t count, size_t expected, enum tree_key key, mw_error *err)
{
    if (count == expected)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "%zu entries, but the tree has %zu", count, expected);
    return damaged(key, err);
}

/* Absent (or empty) is fine, too. */
static mw_status check_optional(size_t count, size_t expected, enum tree_key key, mw_error *err)
{
    return count == 0 ? MW_OK : check_count(count, expected, key, err);
}

static mw_status check_arrays(const model_xgb_tree *tree, mw_error *err)
{
    size_t n = tree->left.count, n_sets = tree->category_nodes.count;
    if (n == 0) {
        mw_fail(err, MW_E_MODEL_COUNT, "the tree has no nodes");
        return damaged(KEY_LEFT, err);
    }
    MW_TRY(check_count(tree->right.count, n, KEY_RIGHT, err));
    MW_TRY(check_count(tree->feature.count, n, KEY_FEATURE, err));
    MW_TRY(check_count(tree->condition.count, n, KEY_CONDITION, err));
    MW_TRY(check_count(tree->default_left.count, n, KEY_DEFAULT_LEFT, err));
    MW_TRY(check_optional(tree->split_type.count, n, KEY_SPLIT_TYPE, err));
    MW_TRY(check_optional(tree->cover.count, n, KEY_COVER, err));
    MW_TRY(check_optional(tree->gain.count, n, KEY_GAIN, err));
    MW_TRY(check_count(tree->category_starts.count, n_sets, KEY_CATEGORY_STARTS, err));
    return check_count(tree->category_sizes.count, n_sets, KEY_CATEGORY_SIZES, err);
}

/* ---- nodes out ----------------------------------------------------------------------------------
 */

/* -1 is "none"; everything else that is no node index is caught by the common check as too large.
 */
static uint32_t child_of(int64_t child)
{
    return child < 0 || child >= UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)child;
}

static void write_children(const model_xgb_tree *tree, model_build *build, size_t first)
{
    uint32_t *left = (uint32_t *)build->left.items + first;
    uint32_t *right = (uint32_t *)build->right.items + first;
    const int64_t *from_left = tree->left.items, *from_right = tree->right.items;
    for (size_t i = 0; i < tree->left.count; i++) {
        bool leaf = from_left[i] == -1;
        left[i] = leaf ? MW_NO_CHILD : child_of(from_left[i]);
        right[i] = leaf ? MW_NO_CHILD : child_of(from_right[i]);
    }
}

static void write_splits(const model_xgb_tree *tree, model_build *build, size_t first)
{
    uint32_t *feature = (uint32_t *)build->feature.items + first;
    double *threshold = (double *)build->threshold.items + first;
    double *value = (double *)build->value.items + first;
    uint8_t *flags = (uint8_t *)build->flags.items + first;
    const int64_t *from_feature = tree->feature.items, *left = tree->left.items;
    const int64_t *default_left = tree->default_left.items;
    const float *condition = tree->condition.items;
    for (size_t i = 0; i < tree->left.count; i++) {
        bool leaf = left[i] == -1;
        bool fits = from_feature[i] >= 0 && from_feature[i] <= UINT32_MAX;
        feature[i] = leaf ? 0 : fits ? (uint32_t)from_feature[i] : UINT32_MAX;
        threshold[i] = leaf ? 0 : (double)condition[i];
        value[i] = leaf && tree->leaf_vector_size <= 1 ? (double)condition[i] : 0;
        flags[i] =
            leaf ? 0
                 : (uint8_t)(MW_NODE_MISSING_NAN | (default_left[i] ? MW_NODE_DEFAULT_LEFT : 0));
    }
}

static mw_status write_cover(const model_xgb_tree *tree, model_build *build, size_t first,
                             mw_error *err)
{
    if (tree->cover.count == 0)
        return MW_OK;
    MW_TRY(model_build_use(build, &build->cover, err));
    double *cover = (double *)build->cover.items + first;
    const float *from = tree->cover.items;
    for (size_t i = 0; i < tree->cover.count; i++)
        cover[i] = (double)from[i];
    return MW_OK;
}

static mw_status write_gain(const model_xgb_tree *tree, model_build *build, size_t first,
                            mw_error *err)
{
    if (tree->gain.count == 0)
        return MW_OK;
    MW_TRY(model_build_use(build, &build->gain, err));
    float *gain = (float *)build->gain.items + first;
    memcpy(gain, tree->gain.items, tree->gain.count * sizeof *gain);
    return MW_OK;
}

/* ---- sets of categories ---------------------------------------------------------------------- */

static mw_status largest_code(const int64_t *codes, size_t count, int64_t *ret_largest,
                              mw_error *err)
{
    int64_t largest = -1;
    for (size_t i = 0; i < count; i++) {
        if (codes[i] < 0 || codes[i] >= MW_LIMIT_CATEGORY) {
            mw_fail(err, MW_E_TREE_CATEGORY, "category %lld is outside 0..%d", (long long)codes[i],
                    MW_LIMIT_CATEGORY - 1);
            return damaged(KEY_CATEGORIES, err);
        }
        if (codes[i] > largest)
            largest = codes[i];
    }
    *ret_largest = largest;
    return MW_OK;
}

static mw_status write_set(model_build *build, size_t at, const int64_t *codes, size_t count,
                           mw_error *err)
{
    int64_t largest = -1;
    uint32_t set = 0, *words = NULL;
    MW_TRY(largest_code(codes, count, &largest, err));
    MW_TRY(model_build_set(build, (size_t)(largest + 32) / 32, &set, &words, err));
    for (size_t i = 0; i < count; i++)
        words[codes[i] / 32] |= (uint32_t)1 << (codes[i] % 32);
    uint8_t *flags = (uint8_t *)build->flags.items + at;
    if (*flags & MW_NODE_CATEGORICAL) {
        mw_fail(err, MW_E_TREE_CATEGORY, "a node has two sets of categories");
        return damaged(KEY_CATEGORY_NODES, err);
    }
    *flags |= MW_NODE_CATEGORICAL;
    ((uint32_t *)build->set.items)[at] = set;
    ((double *)build->threshold.items)[at] = 0;
    return MW_OK;
}

static mw_status write_sets(const model_xgb_tree *tree, model_build *build, size_t first,
                            mw_error *err)
{
    const int64_t *nodes = tree->category_nodes.items, *starts = tree->category_starts.items;
    const int64_t *sizes = tree->category_sizes.items, *codes = tree->categories.items;
    const int64_t *left = tree->left.items, *type = tree->split_type.items;
    int64_t n_codes = (int64_t)tree->categories.count;
    if (tree->category_nodes.count > 0)
        MW_TRY(model_build_use(build, &build->set, err));
    for (size_t i = 0; i < tree->category_nodes.count; i++) {
        bool node_ok = nodes[i] >= 0 && (size_t)nodes[i] < tree->left.count;
        if (node_ok && left[nodes[i]] == -1)
            continue; /* a split that pruning made a leaf keeps its set in the file */
        if (!node_ok || !type || type[nodes[i]] != 1) {
            mw_fail(err, MW_E_TREE_CATEGORY, "node %lld is no categorical split",
                    (long long)nodes[i]);
            return damaged(KEY_CATEGORY_NODES, err);
        }
        if (starts[i] < 0 || sizes[i] < 0 || starts[i] > n_codes ||
            sizes[i] > n_codes - starts[i]) {
            mw_fail(err, MW_E_TREE_CATEGORY, "slice %lld + %lld is outside 0..%lld",
                    (long long)starts[i], (long long)sizes[i], (long long)n_codes);
            return damaged(KEY_CATEGORY_STARTS, err);
        }
        size_t node = first + (size_t)nodes[i];
        MW_TRY(write_set(build, node, codes + starts[i], (size_t)sizes[i], err));
    }
    return MW_OK;
}

/* Every split of type 1 got its set. */
static mw_status check_types(const model_xgb_tree *tree, const model_build *build, size_t first,
                             mw_error *err)
{
    const int64_t *type = tree->split_type.items, *left = tree->left.items;
    const uint8_t *flags = (const uint8_t *)build->flags.items + first;
    for (size_t i = 0; i < tree->split_type.count; i++) {
        bool categorical = flags[i] & MW_NODE_CATEGORICAL;
        if (left[i] == -1 || type[i] == categorical)
            continue;
        mw_fail(err, MW_E_TREE_CATEGORY, "node %zu has type %lld and %s of categories", i,
                (long long)type[i], categorical ? "a set" : "no set");
        return damaged(KEY_SPLIT_TYPE, err);
    }
    return MW_OK;
}

/* ---- vector leaves --------------------------------------------------------------------------- */

/* The k values of leaf `node`, or NULL when its slot does not exist. */
static const float *leaf_values_of(const model_xgb_tree *tree, size_t node)
{
    const model_list *from = tree->has_leaf_weights ? &tree->leaf_weights : &tree->base_weights;
    size_t k = (size_t)tree->leaf_vector_size;
    int64_t slot =
        tree->has_leaf_weights ? ((const int64_t *)tree->right.items)[node] : (int64_t)node;
    if (slot < 0 || (uint64_t)slot >= from->count / k)
        return NULL;
    return (const float *)from->items + (size_t)slot * k;
}

static mw_status write_leaf_vector(const model_xgb_tree *tree, model_build *build, size_t first,
                                   size_t node, mw_error *err)
{
    size_t k = (size_t)tree->leaf_vector_size, begin = build->leaf_values.count;
    const float *from = leaf_values_of(tree, node);
    if (!from) {
        mw_fail(err, MW_E_MODEL_COUNT, "leaf %zu has no %zu values", node, k);
        return damaged(tree->has_leaf_weights ? KEY_LEAF_WEIGHTS : KEY_BASE_WEIGHTS, err);
    }
    double *values = model_list_add(&build->leaf_values, k);
    if (!values || begin > UINT32_MAX - k)
        return mw_fail_memory(err, "values of leaves");
    ((uint32_t *)build->leaf_vector.items)[first + node] = (uint32_t)begin;
    for (size_t i = 0; i < k; i++) {
        values[i] = (double)from[i];
        if (isnan(values[i])) {
            mw_fail(err, MW_E_TREE_VALUE, "leaf %zu is not a number", node);
            return damaged(tree->has_leaf_weights ? KEY_LEAF_WEIGHTS : KEY_BASE_WEIGHTS, err);
        }
    }
    return MW_OK;
}

static mw_status write_leaf_vectors(model_xgb_tree *tree, model_build *build, size_t first,
                                    mw_error *err)
{
    const int64_t *left = tree->left.items;
    if (tree->leaf_vector_size <= 1)
        return MW_OK;
    if (!tree->has_leaf_weights && tree->has_base_weights)
        MW_TRY(model_document_floats(&tree->base_weights_at, &tree->base_weights, err));
    MW_TRY(model_build_use(build, &build->leaf_vector, err));
    for (size_t i = 0; i < tree->left.count; i++)
        if (left[i] == -1)
            MW_TRY(write_leaf_vector(tree, build, first, i, err));
    return MW_OK;
}

mw_status model_xgb_tree_read(model_xgb_tree *tree, model_document *doc, model_build *build,
                              mw_error *err)
{
    size_t first = 0;
    MW_TRY(read_arrays(tree, doc, err));
    MW_TRY(check_arrays(tree, err));
    if (tree->leaf_vector_size > MW_LIMIT_OUTPUTS || tree->leaf_vector_size < 0) {
        mw_fail(err, MW_E_MODEL_VALUE, "size_leaf_vector %lld is outside 0..%d",
                (long long)tree->leaf_vector_size, MW_LIMIT_OUTPUTS);
        return damaged(KEY_PARAM, err);
    }
    uint32_t output = tree->leaf_vector_size > 1 ? MW_ALL_OUTPUTS : 0;
    MW_TRY(model_build_tree(build, tree->left.count, output, &first, err));
    write_children(tree, build, first);
    write_splits(tree, build, first);
    MW_TRY(write_cover(tree, build, first, err));
    MW_TRY(write_gain(tree, build, first, err));
    MW_TRY(write_sets(tree, build, first, err));
    MW_TRY(check_types(tree, build, first, err));
    return write_leaf_vectors(tree, build, first, err);
}
