/* CatBoost's trees.
 *
 *   oblivious   one split a level; bit i of a leaf's number is the answer of split i: mw_levels
 *   nested      left and right inside each other, values in the leaves: ordinary nodes
 *
 * Right where x > border, or where a category is the one asked for. */
#include "catboost.h"

#include <math.h>

#include "names.h"

enum { OBLIVIOUS_DEPTH_MAX = 16 }; /* CatBoost's own limit */

static const char again[] = "save the model again; this file was damaged or edited by hand";

void model_cat_tree_init(model_cat_tree *tree)
{
    *tree = (model_cat_tree){.nodes.item_bytes = sizeof(model_cat_node),
                             .splits.item_bytes = sizeof(model_cat_node),
                             .values.item_bytes = sizeof(double),
                             .weights.item_bytes = sizeof(double)};
}

void model_cat_tree_done(model_cat_tree *tree)
{
    model_list_done(&tree->nodes);
    model_list_done(&tree->splits);
    model_list_done(&tree->values);
    model_list_done(&tree->weights);
}

void model_cat_tree_empty(model_cat_tree *tree)
{
    tree->nodes.count = tree->splits.count = tree->values.count = tree->weights.count = 0;
}

/* ---- numbers and splits ---------------------------------------------------------------------- */

static mw_status add_number(model_document *doc, model_list *list, mw_error *err)
{
    double *value = model_list_add_one(list);
    if (!value)
        return mw_fail_memory(err, "numbers of a tree");
    return model_document_number(doc, value, err);
}

/* One number, or an array of them. */
static mw_status read_numbers(model_document *doc, model_list *list, mw_error *err)
{
    if (model_document_peek(doc) != MW_SCAN_ARRAY)
        return add_number(doc, list, err);
    bool more = false;
    MW_TRY(model_document_array_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_array_next(doc, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(add_number(doc, list, err));
    }
}

static mw_status read_split_type(model_document *doc, model_cat_node *split, mw_error *err)
{
    mw_view type;
    MW_TRY(model_document_string(doc, &type, err));
    split->one_hot = mw_view_is(type, "OneHotFeature");
    split->statistic = mw_view_is(type, "OnlineCtr");
    if (split->one_hot || split->statistic || mw_view_is(type, "FloatFeature"))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_FORMAT, "splits of type '%.*s' are not read", MW_VIEW_ARG(type));
    mw_why(err, "it asks for a text or an embedding");
    return mw_mend(err, "train on numbers and categories");
}

mw_status model_cat_read_hash(model_document *doc, double *ret_hash, mw_error *err)
{
    int64_t value = 0;
    MW_TRY(model_document_integer(doc, &value, err));
    if (value < INT32_MIN || value > UINT32_MAX)
        return mw_fail(err, MW_E_MODEL_VALUE, "%lld is no hash of 32 bits", (long long)value);
    *ret_hash = (double)(uint32_t)value;
    return MW_OK;
}

enum split_key { BORDER, FLOAT_FEATURE, TYPE, CATEGORY, HASH, CONDITION };

static mw_status read_split_key(model_document *doc, model_cat_node *split, enum split_key key,
                                int64_t *condition, mw_error *err)
{
    switch (key) {
    case BORDER:
        return model_document_number(doc, &split->border, err);
    case FLOAT_FEATURE:
    case CATEGORY:
        return model_document_integer(doc, &split->feature, err);
    case TYPE:
        return read_split_type(doc, split, err);
    case CONDITION:
        return model_document_integer(doc, condition, err);
    case HASH:
        break;
    }
    return model_cat_read_hash(doc, &split->border, err);
}

static mw_status read_split(model_document *doc, model_cat_node *ret_split, mw_error *err)
{
    static const char *const names[] = {
        "border", "float_feature_index", "split_type", "cat_feature_index", "value", "split_index"};
    enum {
        NUMBER = 1 << BORDER | 1 << FLOAT_FEATURE,
        ONE_HOT = 1 << CATEGORY | 1 << HASH,
        STATISTIC = 1 << BORDER | 1 << CONDITION
    };
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    int64_t condition = -1;
    *ret_split = (model_cat_node){.left = -1, .right = -1};
    MW_TRY(model_document_object_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_key(doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        if (read_split_key(doc, ret_split, (enum split_key)key, &condition, err) != MW_OK)
            return model_at_key(err, names[key]);
    }
    if (ret_split->statistic)
        ret_split->feature = condition;
    else
        seen &= ~(uint32_t)(1 << CONDITION);
    if ((seen & (NUMBER | ONE_HOT | STATISTIC)) == (ret_split->one_hot     ? ONE_HOT
                                                    : ret_split->statistic ? STATISTIC
                                                                           : NUMBER))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "a split has no border or no feature");
    return mw_mend(err, "%s", again);
}

/* ---- nodes become the forest's --------------------------------------------------------------- */

static mw_status fail_values(size_t found, size_t wanted, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_COUNT, "%zu leaf values, but the tree needs %zu", found, wanted);
    return mw_mend(err, "%s", again);
}

mw_status model_cat_note_outputs(model_cat *cat, size_t n_values, size_t n_leaves, mw_error *err)
{
    size_t n = n_values / n_leaves;
    if (n == 0 || n > MW_LIMIT_OUTPUTS || n * n_leaves != n_values)
        return fail_values(n_values, n_leaves, err);
    if (cat->n_outputs == 0)
        cat->n_outputs = n;
    return n == cat->n_outputs ? MW_OK : fail_values(n_values, n_leaves * cat->n_outputs, err);
}

static mw_status put_vector(model_cat *cat, size_t node, const double *values, mw_error *err)
{
    MW_TRY(model_build_use(&cat->build, &cat->build.leaf_vector, err));
    size_t offset = cat->build.leaf_values.count;
    double *copy = model_list_add(&cat->build.leaf_values, cat->n_outputs);
    if (!copy || offset > UINT32_MAX - cat->n_outputs)
        return mw_fail_memory(err, "the leaves of a tree");
    memcpy(copy, values, cat->n_outputs * sizeof *copy);
    ((uint32_t *)cat->build.leaf_vector.items)[node] = (uint32_t)offset;
    return MW_OK;
}

static uint32_t feature_of(const model_cat_node *split)
{
    return (uint32_t)split->feature | (split->statistic ? MODEL_CAT_CONDITION : 0);
}

static uint8_t flags_of(const model_cat_node *split)
{
    unsigned kind = split->one_hot ? MW_NODE_CATEGORICAL : MW_NODE_LESS_EQUAL;
    return (uint8_t)(kind | MW_NODE_DEFAULT_LEFT | MW_NODE_MISSING_NAN);
}

static mw_status put_node(model_cat *cat, size_t node, const model_cat_node *from, mw_error *err)
{
    model_build *build = &cat->build;
    const double *values = (const double *)cat->tree.values.items + from->values;
    bool leaf = from->left < 0;
    ((uint32_t *)build->left.items)[node] = leaf ? MW_NO_CHILD : (uint32_t)from->left;
    ((uint32_t *)build->right.items)[node] = leaf ? MW_NO_CHILD : (uint32_t)from->right;
    ((uint32_t *)build->feature.items)[node] = leaf ? 0 : feature_of(from);
    ((double *)build->threshold.items)[node] = leaf ? 0 : from->border;
    ((uint8_t *)build->flags.items)[node] = leaf ? 0 : flags_of(from);
    ((double *)build->value.items)[node] = leaf && cat->n_outputs == 1 ? values[0] : 0;
    if (cat->has_weights)
        ((double *)build->cover.items)[node] = from->weight;
    return leaf && cat->n_outputs > 1 ? put_vector(cat, node, values, err) : MW_OK;
}

/* Children stand behind their parents, so weights are summed from the end. */
static void sum_weights(model_cat_node *nodes, size_t n_nodes)
{
    for (size_t i = n_nodes; i-- > 0;) {
        if (nodes[i].left >= 0)
            nodes[i].weight = nodes[nodes[i].left].weight + nodes[nodes[i].right].weight;
    }
}

static mw_status check_nodes(const model_cat_node *nodes, size_t n_nodes, mw_error *err)
{
    for (size_t i = 0; i < n_nodes; i++) {
        if (nodes[i].feature < 0 || nodes[i].feature > MW_LIMIT_FEATURES) {
            mw_fail(err, MW_E_TREE_FEATURE, "a split asks for %s feature %lld",
                    nodes[i].one_hot     ? "categorical"
                    : nodes[i].statistic ? "the statistic behind"
                                         : "float",
                    (long long)nodes[i].feature);
            return mw_mend(err, "%s", again);
        }
    }
    return MW_OK;
}

mw_status model_cat_add_tree(model_cat *cat, mw_error *err)
{
    model_cat_node *nodes = cat->tree.nodes.items;
    size_t n_nodes = cat->tree.nodes.count, first;
    MW_TRY(check_nodes(nodes, n_nodes, err));
    MW_TRY(model_build_tree(&cat->build, n_nodes, cat->n_outputs > 1 ? MW_ALL_OUTPUTS : 0, &first,
                            err));
    if (cat->has_weights)
        MW_TRY(model_build_use(&cat->build, &cat->build.cover, err));
    sum_weights(nodes, n_nodes);
    for (size_t i = 0; i < n_nodes; i++)
        MW_TRY(put_node(cat, first + i, &nodes[i], err));
    return MW_OK;
}

/* ---- oblivious ------------------------------------------------------------------------------- */

static mw_status read_splits(model_cat *cat, mw_error *err)
{
    bool more = false;
    if (model_document_peek(&cat->doc) == MW_SCAN_NULL) /* a tree of one leaf */
        return model_document_skip(&cat->doc, err);
    MW_TRY(model_document_array_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_array_next(&cat->doc, &more, err));
        if (!more)
            return MW_OK;
        if (cat->tree.splits.count == OBLIVIOUS_DEPTH_MAX)
            return mw_fail(err, MW_E_MODEL_LIMIT, "more than %d levels", OBLIVIOUS_DEPTH_MAX);
        model_cat_node *split = model_list_add(&cat->tree.splits, 1);
        if (!split)
            return mw_fail_memory(err, "splits of a tree");
        MW_TRY(read_split(&cat->doc, split, err));
    }
}

static mw_status check_oblivious(model_cat *cat, size_t n_leaves, mw_error *err)
{
    MW_TRY(model_cat_note_outputs(cat, cat->tree.values.count, n_leaves, err));
    if (cat->tree.weights.count != 0 && cat->tree.weights.count != n_leaves)
        return fail_values(cat->tree.weights.count, n_leaves, err);
    cat->has_weights |= cat->tree.weights.count > 0;
    return MW_OK;
}

mw_status model_cat_add_splits(model_cat *cat, double **ret_values, mw_error *err)
{
    model_build *build = &cat->build;
    const model_cat_node *splits = cat->tree.splits.items;
    size_t depth = cat->tree.splits.count, first;
    MW_TRY(check_nodes(splits, depth, err));
    MW_TRY(model_build_levels(build, (unsigned)depth, cat->n_outputs,
                              cat->n_outputs > 1 ? MW_ALL_OUTPUTS : 0, &first, ret_values, err));
    for (size_t i = 0; i < depth; i++) {
        ((uint32_t *)build->feature.items)[first + i] = feature_of(&splits[i]);
        ((double *)build->threshold.items)[first + i] = splits[i].border;
        ((uint8_t *)build->flags.items)[first + i] = flags_of(&splits[i]);
    }
    return MW_OK;
}

mw_status model_cat_add_oblivious(model_cat *cat, mw_error *err)
{
    size_t n_leaves = (size_t)1 << cat->tree.splits.count;
    double *values, *covers;
    MW_TRY(check_oblivious(cat, n_leaves, err));
    MW_TRY(model_cat_add_splits(cat, &values, err));
    memcpy(values, cat->tree.values.items, n_leaves * cat->n_outputs * sizeof *values);
    if (!cat->has_weights)
        return MW_OK;
    MW_TRY(model_build_covers(&cat->build, &covers, err));
    if (cat->tree.weights.count > 0)
        memcpy(covers, cat->tree.weights.items, n_leaves * sizeof *covers);
    return MW_OK;
}

mw_status model_cat_read_oblivious(model_cat *cat, mw_error *err)
{
    static const char *const names[] = {"leaf_values", "leaf_weights", "splits"};
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    model_cat_tree_empty(&cat->tree);
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&cat->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        mw_status status = key == 0   ? read_numbers(&cat->doc, &cat->tree.values, err)
                           : key == 1 ? read_numbers(&cat->doc, &cat->tree.weights, err)
                                      : read_splits(cat, err);
        if (status != MW_OK)
            return model_at_key(err, names[key]);
    }
    return model_cat_add_oblivious(cat, err);
}

/* ---- nested ---------------------------------------------------------------------------------- */

static mw_status read_nested(model_cat *cat, int64_t *ret_index, mw_error *err);

/* A child is known by its index only: the list moves while it grows. */
static mw_status read_child(model_cat *cat, size_t parent, bool right, mw_error *err)
{
    int64_t child;
    MW_TRY(read_nested(cat, &child, err));
    model_cat_node *node = (model_cat_node *)cat->tree.nodes.items + parent;
    if (right)
        node->right = child;
    else
        node->left = child;
    return MW_OK;
}

static mw_status read_nested_split(model_cat *cat, size_t index, mw_error *err)
{
    model_cat_node split;
    MW_TRY(read_split(&cat->doc, &split, err));
    model_cat_node *node = (model_cat_node *)cat->tree.nodes.items + index;
    node->feature = split.feature;
    node->border = split.border;
    node->one_hot = split.one_hot;
    node->statistic = split.statistic;
    return MW_OK;
}

static mw_status read_nested_value(model_cat *cat, size_t index, mw_error *err)
{
    size_t begin = cat->tree.values.count;
    ((model_cat_node *)cat->tree.nodes.items + index)->values = begin;
    MW_TRY(read_numbers(&cat->doc, &cat->tree.values, err));
    return model_cat_note_outputs(cat, cat->tree.values.count - begin, 1, err);
}

static mw_status read_nested_weight(model_cat *cat, size_t index, mw_error *err)
{
    cat->has_weights = true;
    return model_document_number(&cat->doc,
                                 &((model_cat_node *)cat->tree.nodes.items + index)->weight, err);
}

enum nested_key { LEFT, RIGHT, SPLIT, VALUE, WEIGHT };

static mw_status read_nested_key(model_cat *cat, size_t index, enum nested_key key, mw_error *err)
{
    switch (key) {
    case LEFT:
    case RIGHT:
        return read_child(cat, index, key == RIGHT, err);
    case SPLIT:
        return read_nested_split(cat, index, err);
    case VALUE:
        return read_nested_value(cat, index, err);
    case WEIGHT:
        break;
    }
    return read_nested_weight(cat, index, err);
}

/* The scanner bounds how deep this can go (MW_LIMIT_JSON_DEPTH). */
static mw_status read_nested(model_cat *cat, int64_t *ret_index, mw_error *err)
{
    static const char *const names[] = {"left", "right", "split", "value", "weight"};
    enum { INNER = 1 << LEFT | 1 << RIGHT | 1 << SPLIT, OUTER = 1 << VALUE };
    uint32_t seen = 0;
    size_t key = 0, index = cat->tree.nodes.count;
    bool more = false;
    model_cat_node *node = model_list_add(&cat->tree.nodes, 1);
    if (!node)
        return mw_fail_memory(err, "the nodes of a tree");
    *node = (model_cat_node){.left = -1, .right = -1};
    *ret_index = (int64_t)index;
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&cat->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        if (read_nested_key(cat, index, (enum nested_key)key, err) != MW_OK)
            return model_at_key(err, names[key]);
    }
    uint32_t found = seen & (INNER | OUTER);
    if (found == INNER || found == OUTER)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "a node is neither a split with two children nor a leaf");
    return mw_mend(err, "%s", again);
}

mw_status model_cat_read_nested(model_cat *cat, mw_error *err)
{
    int64_t root;
    model_cat_tree_empty(&cat->tree);
    MW_TRY(read_nested(cat, &root, err));
    return model_cat_add_tree(cat, err);
}
