/* One tree of a LightGBM dump: objects inside each other become the arrays of a tree's lines.
 *
 *     {"split_index": 0, "split_feature": 1, "threshold": 0.5, "decision_type": "<=",
 *      "default_left": true, "missing_type": "NaN", "internal_count": 9,
 *      "left_child": {"leaf_index": 0, "leaf_value": 0.1, "leaf_count": 4},
 *      "right_child": ...}
 *
 * A categorical split has "==" and "1||3||6". The indexes bring nodes into the order of the text
 * form, so that both give one and the same forest.
 *
 * No recursion: leaf-wise trees are deep, and each node knows its parent. */
#include "lightgbm.h"

#include <math.h>

#include "names.h"

enum dump_key {
    NODE_LEFT,
    NODE_RIGHT,
    NODE_FEATURE,
    NODE_THRESHOLD,
    NODE_DECISION,
    NODE_SPLIT_INDEX,
    NODE_DEFAULT_LEFT,
    NODE_MISSING,
    NODE_INNER_COUNT,
    NODE_VALUE,
    NODE_LEAF_INDEX,
    NODE_LEAF_COUNT,
    NODE_CONSTANT,
    NODE_LINEAR_FEATURES,
    NODE_COEFFICIENTS
};

static const char *const node_keys[] = {
    [NODE_LEFT] = "left_child",
    [NODE_RIGHT] = "right_child",
    [NODE_FEATURE] = "split_feature",
    [NODE_THRESHOLD] = "threshold",
    [NODE_DECISION] = "decision_type",
    [NODE_SPLIT_INDEX] = "split_index",
    [NODE_DEFAULT_LEFT] = "default_left",
    [NODE_MISSING] = "missing_type",
    [NODE_INNER_COUNT] = "internal_count",
    [NODE_VALUE] = "leaf_value",
    [NODE_LEAF_INDEX] = "leaf_index",
    [NODE_LEAF_COUNT] = "leaf_count",
    [NODE_CONSTANT] = "leaf_const",
    [NODE_LINEAR_FEATURES] = "leaf_features",
    [NODE_COEFFICIENTS] = "leaf_coeff",
};

#define HAS(node, key) ((node)->seen & 1u << (key))

enum {
    DECISION_CATEGORICAL = 1,
    DECISION_DEFAULT_LEFT = 2,
    DECISION_MISSING_SHIFT = 2,
    NO_PARENT = -1
};

typedef struct lgb_dump_node {
    ptrdiff_t parent, left, right; /* in the list of nodes */
    uint32_t seen;                 /* keys */
    int64_t index, feature, count;
    int64_t decision;   /* the bits of the text form */
    double threshold;   /* or the leaf's value */
    mw_view categories; /* "1||3||6" */
    double constant;    /* linear leaf, with slices of the lists: */
    size_t terms, n_terms, coefficients, n_coefficients;
} lgb_dump_node;

static const char again[] = "write the model again with json.dump(booster.dump_model(), file)";

void model_lgb_dump_tree_init(model_lgb_dump_tree *dump)
{
    *dump = (model_lgb_dump_tree){.nodes.item_bytes = sizeof(lgb_dump_node),
                                  .order.item_bytes = sizeof(ptrdiff_t),
                                  .features.item_bytes = sizeof(int64_t),
                                  .linear_features.item_bytes = sizeof(int64_t),
                                  .coefficients.item_bytes = sizeof(double)};
}

void model_lgb_dump_tree_done(model_lgb_dump_tree *dump)
{
    model_list_done(&dump->nodes);
    model_list_done(&dump->order);
    model_list_done(&dump->features);
    model_list_done(&dump->linear_features);
    model_list_done(&dump->coefficients);
}

static lgb_dump_node *node_at(const model_lgb_dump_tree *dump, ptrdiff_t index)
{
    return (lgb_dump_node *)dump->nodes.items + index;
}

/* ---- values of a node -------------------------------------------------------------------------
 */

static mw_status fail_word(mw_view word, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_VALUE, "'%.*s' is not known here",
            (int)(word.size < 40 ? word.size : 40), word.data);
    return mw_mend(err, "%s", again);
}

static mw_status read_word(model_document *doc, const char *const *words, size_t n_words,
                           size_t *ret_index, mw_error *err)
{
    mw_view word;
    MW_TRY(model_document_string(doc, &word, err));
    for (size_t i = 0; i < n_words; i++) {
        if (!mw_view_is(word, words[i]))
            continue;
        *ret_index = i;
        return MW_OK;
    }
    return fail_word(word, err);
}

static mw_status read_decision(model_document *doc, lgb_dump_node *node, mw_error *err)
{
    static const char *const words[] = {"<=", "=="};
    size_t index = 0;
    MW_TRY(read_word(doc, words, MW_COUNT(words), &index, err));
    node->decision |= index == 1 ? DECISION_CATEGORICAL : 0;
    return MW_OK;
}

static mw_status read_missing(model_document *doc, lgb_dump_node *node, mw_error *err)
{
    static const char *const words[] = {"None", "Zero", "NaN"};
    size_t index = 0;
    MW_TRY(read_word(doc, words, MW_COUNT(words), &index, err));
    node->decision |= (int64_t)index << DECISION_MISSING_SHIFT;
    return MW_OK;
}

static mw_status read_default(model_document *doc, lgb_dump_node *node, mw_error *err)
{
    bool left = false;
    MW_TRY(mw_scan_bool(&doc->json, &left, err));
    node->decision |= left ? DECISION_DEFAULT_LEFT : 0;
    return MW_OK;
}

/* dump_model() knows no infinity, and writes this in its place: in splits that only tell missing
 * values from all others. */
#define DUMPED_INFINITY 1e300

static mw_status read_threshold(model_document *doc, lgb_dump_node *node, mw_error *err)
{
    if (model_document_peek(doc) == MW_SCAN_STRING)
        return model_document_string(doc, &node->categories, err);
    MW_TRY(model_document_number(doc, &node->threshold, err));
    if (node->threshold == DUMPED_INFINITY)
        node->threshold = INFINITY;
    return MW_OK;
}

static mw_status read_linear_features(model_document *doc, model_lgb_dump_tree *dump,
                                      lgb_dump_node *node, mw_error *err)
{
    MW_TRY(model_document_integers(doc, &dump->features, err));
    node->terms = dump->linear_features.count;
    node->n_terms = dump->features.count;
    int64_t *copy = model_list_add(&dump->linear_features, node->n_terms);
    if (!copy)
        return mw_fail_memory(err, "linear leaves");
    if (node->n_terms > 0)
        memcpy(copy, dump->features.items, node->n_terms * sizeof *copy);
    return MW_OK;
}

static mw_status read_coefficients(model_document *doc, model_lgb_dump_tree *dump,
                                   lgb_dump_node *node, mw_error *err)
{
    bool more = false;
    node->coefficients = dump->coefficients.count;
    MW_TRY(model_document_array_begin(doc, err));
    for (;; node->n_coefficients++) {
        MW_TRY(model_document_array_next(doc, &more, err));
        if (!more)
            return MW_OK;
        double *value = model_list_add(&dump->coefficients, 1);
        if (!value)
            return mw_fail_memory(err, "linear leaves");
        MW_TRY(model_document_number(doc, value, err));
    }
}

static mw_status read_value(model_document *doc, model_lgb_dump_tree *dump, lgb_dump_node *node,
                            enum dump_key key, mw_error *err)
{
    switch (key) {
    case NODE_LEFT:
    case NODE_RIGHT:
        break; /* the caller's */
    case NODE_FEATURE:
        return model_document_integer(doc, &node->feature, err);
    case NODE_THRESHOLD:
        return read_threshold(doc, node, err);
    case NODE_DECISION:
        return read_decision(doc, node, err);
    case NODE_SPLIT_INDEX:
    case NODE_LEAF_INDEX:
        return model_document_integer(doc, &node->index, err);
    case NODE_DEFAULT_LEFT:
        return read_default(doc, node, err);
    case NODE_MISSING:
        return read_missing(doc, node, err);
    case NODE_INNER_COUNT:
    case NODE_LEAF_COUNT:
        return model_document_integer(doc, &node->count, err);
    case NODE_VALUE:
        return model_document_number(doc, &node->threshold, err);
    case NODE_CONSTANT:
        return model_document_number(doc, &node->constant, err);
    case NODE_LINEAR_FEATURES:
        return read_linear_features(doc, dump, node, err);
    case NODE_COEFFICIENTS:
        return read_coefficients(doc, dump, node, err);
    }
    return MW_OK;
}

/* ---- objects inside each other -----------------------------------------------------------------
 */

static mw_status open_node(model_document *doc, model_lgb_dump_tree *dump, ptrdiff_t parent,
                           ptrdiff_t *ret_node, mw_error *err)
{
    lgb_dump_node *node = model_list_add(&dump->nodes, 1);
    if (!node)
        return mw_fail_memory(err, "the nodes of a tree");
    *node = (lgb_dump_node){.parent = parent};
    *ret_node = (ptrdiff_t)dump->nodes.count - 1;
    return model_document_object_begin(doc, err);
}

static mw_status check_node(const lgb_dump_node *node, mw_error *err)
{
    const uint32_t split = 1u << NODE_LEFT | 1u << NODE_RIGHT | 1u << NODE_FEATURE |
                           1u << NODE_THRESHOLD | 1u << NODE_DECISION | 1u << NODE_SPLIT_INDEX;
    const uint32_t leaf = 1u << NODE_VALUE;
    uint32_t found = node->seen & (split | leaf);
    if (found == split || found == leaf)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "a node is neither a whole split nor a leaf");
    return mw_mend(err, "%s", again);
}

/* Down into a child, or one value of the node. */
static mw_status take_key(model_document *doc, model_lgb_dump_tree *dump, ptrdiff_t *at,
                          enum dump_key key, mw_error *err)
{
    ptrdiff_t child = 0, parent = *at;
    if (key != NODE_LEFT && key != NODE_RIGHT)
        return read_value(doc, dump, node_at(dump, parent), key, err);
    MW_TRY(open_node(doc, dump, parent, &child, err));
    if (key == NODE_LEFT)
        node_at(dump, parent)->left = child;
    else
        node_at(dump, parent)->right = child;
    *at = child;
    return MW_OK;
}

static mw_status read_nodes(model_document *doc, model_lgb_dump_tree *dump, mw_error *err)
{
    ptrdiff_t at = NO_PARENT;
    size_t key = 0;
    bool more = false;
    MW_TRY(open_node(doc, dump, NO_PARENT, &at, err));
    while (at != NO_PARENT) {
        MW_TRY(model_document_key(doc, node_keys, MW_COUNT(node_keys), &node_at(dump, at)->seen,
                                  &key, &more, err));
        if (!more) {
            MW_TRY(check_node(node_at(dump, at), err));
            at = node_at(dump, at)->parent;
        } else if (take_key(doc, dump, &at, (enum dump_key)key, err) != MW_OK) {
            return model_at_key(err, node_keys[key]);
        }
    }
    return MW_OK;
}

/* ---- into the order of the text form -----------------------------------------------------------
 */

static bool is_leaf(const lgb_dump_node *node)
{
    return HAS(node, NODE_VALUE);
}

static mw_status fail_index(int64_t index, const char *why, const char *key, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_VALUE, "%lld %s", (long long)index, why);
    mw_mend(err, "%s", again);
    return mw_at(err, "%s", key);
}

/* order[i] becomes the split with index i; the leaves stand behind the splits. */
static mw_status sort_nodes(model_lgb_dump_tree *dump, size_t n_leaves, mw_error *err)
{
    size_t n = dump->nodes.count, n_inner = n_leaves - 1;
    dump->order.count = 0;
    ptrdiff_t *order = model_list_add(&dump->order, n);
    if (!order)
        return mw_fail_memory(err, "the nodes of a tree");
    for (size_t i = 0; i < n; i++)
        order[i] = -1;
    for (size_t i = 0; i < n; i++) {
        const lgb_dump_node *node = node_at(dump, (ptrdiff_t)i);
        bool leaf = is_leaf(node);
        const char *key = node_keys[leaf ? NODE_LEAF_INDEX : NODE_SPLIT_INDEX];
        if (n > 1 && leaf && !HAS(node, NODE_LEAF_INDEX)) {
            mw_fail(err, MW_E_MODEL_SYNTAX, "a leaf has no index");
            return mw_mend(err, "%s", again);
        }
        if (node->index < 0 || (uint64_t)node->index >= (leaf ? n_leaves : n_inner))
            return fail_index(node->index, "is outside the tree", key, err);
        ptrdiff_t *place = order + node->index + (leaf ? n_inner : 0);
        if (*place >= 0)
            return fail_index(node->index, "stands twice", key, err);
        *place = (ptrdiff_t)i;
    }
    return MW_OK;
}

static int64_t child_of(const model_lgb_dump_tree *dump, ptrdiff_t child)
{
    const lgb_dump_node *node = node_at(dump, child);
    return is_leaf(node) ? ~node->index : node->index;
}

static mw_status fail_categories(mw_view text, mw_error *err)
{
    mw_fail(err, MW_E_TREE_CATEGORY, "'%.*s' is no list of categories",
            (int)(text.size < 40 ? text.size : 40), text.data);
    mw_mend(err, "%s", again);
    return mw_at(err, "threshold");
}

/* The next of "1||3||6"; false behind the last. */
static bool take_category(mw_view *rest, mw_view *ret_word)
{
    if (rest->size == 0)
        return false;
    const char *bar = memmem(rest->data, rest->size, "||", 2);
    size_t size = bar ? (size_t)(bar - rest->data) : rest->size, used = size + (bar ? 2 : 0);
    *ret_word = (mw_view){rest->data, size};
    *rest = (mw_view){rest->data + used, rest->size - used};
    return true;
}

/* Bits of 32-bit words behind those of earlier sets. Categories from MW_LIMIT_CATEGORY on are in no
 * set, whatever the file says. */
static mw_status write_categories(mw_view text, model_lgb_tree *tree, mw_error *err)
{
    size_t begin = tree->words.count;
    mw_view rest = text, word;
    while (take_category(&rest, &word)) {
        int64_t category;
        if (!model_parse_integer(word, &category) || category < 0)
            return fail_categories(text, err);
        if (category >= MW_LIMIT_CATEGORY)
            continue;
        size_t at = begin + (size_t)category / 32;
        if (!model_list_pad(&tree->words, at + 1))
            return mw_fail_memory(err, "sets of categories");
        ((int64_t *)tree->words.items)[at] |= (int64_t)1 << category % 32;
    }
    if (tree->words.count <= MW_LIMIT_CATEGORY_WORDS)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_LIMIT, "the sets of categories take too much room");
    return mw_mend(err, "number the categories from 0 without gaps, or merge rare ones");
}

static mw_status add_boundary(model_lgb_tree *tree, mw_error *err)
{
    int64_t *boundary = model_list_add(&tree->boundaries, 1);
    if (!boundary)
        return mw_fail_memory(err, "sets of categories");
    *boundary = (int64_t)tree->words.count;
    return MW_OK;
}

/* The threshold of the text form is the number of the set. */
static mw_status write_set(const lgb_dump_node *node, model_lgb_tree *tree, double *ret_set,
                           mw_error *err)
{
    char number[MW_NUMBER_TEXT_BYTES];
    mw_view text = node->categories;
    if (!text.data) /* old versions write a single category as a number */
        text = (mw_view){number, mw_number_write_double(number, node->threshold, false)};
    if (tree->n_categorical == 0)
        MW_TRY(add_boundary(tree, err));
    *ret_set = (double)tree->n_categorical++;
    MW_TRY(write_categories(text, tree, err));
    return add_boundary(tree, err);
}

#define PUT(list, type, value)                               \
    do {                                                     \
        type *item_ = model_list_add(&tree->list, 1);        \
        if (!item_)                                          \
            return mw_fail_memory(err, "numbers of a tree"); \
        *item_ = (value);                                    \
    } while (0)

static mw_status write_split(const model_lgb_dump_tree *dump, const lgb_dump_node *node,
                             model_lgb_tree *tree, mw_error *err)
{
    double threshold = node->threshold;
    if (node->decision & DECISION_CATEGORICAL)
        MW_TRY(write_set(node, tree, &threshold, err));
    else if (node->categories.data)
        return fail_categories(node->categories, err);
    PUT(feature, int64_t, node->feature);
    PUT(threshold, double, threshold);
    PUT(decision, int64_t, node->decision);
    PUT(left, int64_t, child_of(dump, node->left));
    PUT(right, int64_t, child_of(dump, node->right));
    if (HAS(node, NODE_INNER_COUNT))
        PUT(internal_count, int64_t, node->count);
    return MW_OK;
}

static mw_status write_linear(const model_lgb_dump_tree *dump, const lgb_dump_node *node,
                              model_lgb_tree *tree, mw_error *err)
{
    const int64_t *features = dump->linear_features.items; /* NULL when no leaf has any */
    const double *coefficients = dump->coefficients.items;
    tree->is_linear = 1;
    PUT(linear_constant, double, node->constant);
    PUT(n_linear, int64_t, (int64_t)node->n_terms);
    for (size_t i = 0; i < node->n_terms; i++)
        PUT(linear_features, int64_t, features[node->terms + i]);
    for (size_t i = 0; i < node->n_coefficients; i++)
        PUT(linear_coefficients, double, coefficients[node->coefficients + i]);
    if (node->n_terms == node->n_coefficients)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "%zu coefficients for %zu features", node->n_coefficients,
            node->n_terms);
    mw_mend(err, "%s", again);
    return mw_at(err, "leaf_coeff");
}

static mw_status write_leaf(const model_lgb_dump_tree *dump, const lgb_dump_node *node,
                            model_lgb_tree *tree, mw_error *err)
{
    PUT(leaf_value, double, node->threshold);
    if (HAS(node, NODE_LEAF_COUNT))
        PUT(leaf_count, int64_t, node->count);
    return HAS(node, NODE_CONSTANT) ? write_linear(dump, node, tree, err) : MW_OK;
}

mw_status model_lgb_read_structure(model_document *doc, model_lgb_dump_tree *dump,
                                   model_lgb_tree *tree, mw_error *err)
{
    dump->nodes.count = dump->linear_features.count = dump->coefficients.count = 0;
    model_lgb_tree_empty(tree);
    MW_TRY(read_nodes(doc, dump, err));
    size_t n = dump->nodes.count, n_leaves = n / 2 + 1; /* every split has two children */
    MW_TRY(sort_nodes(dump, n_leaves, err));
    tree->n_leaves = (int64_t)n_leaves;
    const ptrdiff_t *order = dump->order.items;
    for (size_t i = 0; i < n; i++) {
        const lgb_dump_node *node = node_at(dump, order[i]);
        MW_TRY(i + 1 < n_leaves ? write_split(dump, node, tree, err)
                                : write_leaf(dump, node, tree, err));
    }
    return MW_OK;
}
