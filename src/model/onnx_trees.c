/* The attributes of an ensemble become one plain form.
 *
 *   TreeEnsembleClassifier, TreeEnsembleRegressor: a node is named by (tree id, node id), in any
 *   order, and weights are listed beside, for (tree id, node id, class id).
 *
 *       nodes_treeids      0   0   0   7   7 ...      a tree's root is its first listed node
 *       nodes_nodeids      0   1   2   0   1
 *       nodes_modes      LEQ LEAF LEAF
 *       class_treeids      0   0                      several for one leaf: a vector
 *
 *   TreeEnsemble: nodes and leaves are named by their place, tree_roots says where trees begin.
 *   Here its leaves stand behind its nodes: leaf i is node n_nodes + i. */
#include "onnx.h"

#include <math.h>
#include <stddef.h>

static const char *const again = "convert the model again; this file was damaged or edited by hand";

/* ---- attributes as they stand ---------------------------------------------------------------- */

enum { STRANGE_MODE = 255, SHOWN_BYTES = 40 };

typedef struct raw_trees {
    model_list tree_ids, node_ids, features, yes, no, missing; /* int32_t, one a node */
    model_list yes_leafs, no_leafs, roots;                     /* int32_t, of TreeEnsemble */
    model_list weight_trees, weight_nodes, weight_ids;         /* int32_t, one a weight */
    model_list label_numbers;                                  /* int64_t */
    model_list values, weights, base, members, mode_numbers;   /* double */
    model_list modes;                                          /* uint8_t; STRANGE_MODE */
    char strange_mode[SHOWN_BYTES + 1];                        /* the first one */
    model_list label_texts;                                    /* mw_view */
    size_t n_nodes, n_weights;
    int64_t n_targets, aggregate_number, post_number;
    mw_view aggregate, post;
    bool wide, narrow; /* some tensor is of doubles, of floats */
} raw_trees;

typedef enum raw_kind { RAW_INTS, RAW_FLOATS, RAW_TENSOR, RAW_TEXTS, RAW_MODES } raw_kind;

#define LIST(name) offsetof(raw_trees, name)

/* Every list that is read. */
static const struct raw_row {
    const char *name;
    raw_kind kind;
    size_t list;
} classic_rows[] =
    {
        {"nodes_treeids", RAW_INTS, LIST(tree_ids)},
        {"nodes_nodeids", RAW_INTS, LIST(node_ids)},
        {"nodes_featureids", RAW_INTS, LIST(features)},
        {"nodes_truenodeids", RAW_INTS, LIST(yes)},
        {"nodes_falsenodeids", RAW_INTS, LIST(no)},
        {"nodes_missing_value_tracks_true", RAW_INTS, LIST(missing)},
        {"nodes_modes", RAW_MODES, LIST(modes)},
        {"nodes_values", RAW_FLOATS, LIST(values)},
        {"nodes_values_as_tensor", RAW_TENSOR, LIST(values)},
        {"class_treeids", RAW_INTS, LIST(weight_trees)},
        {"class_nodeids", RAW_INTS, LIST(weight_nodes)},
        {"class_ids", RAW_INTS, LIST(weight_ids)},
        {"class_weights", RAW_FLOATS, LIST(weights)},
        {"class_weights_as_tensor", RAW_TENSOR, LIST(weights)},
        {"target_treeids", RAW_INTS, LIST(weight_trees)},
        {"target_nodeids", RAW_INTS, LIST(weight_nodes)},
        {"target_ids", RAW_INTS, LIST(weight_ids)},
        {"target_weights", RAW_FLOATS, LIST(weights)},
        {"target_weights_as_tensor", RAW_TENSOR, LIST(weights)},
        {"base_values", RAW_FLOATS, LIST(base)},
        {"base_values_as_tensor", RAW_TENSOR, LIST(base)},
        {"classlabels_int64s", RAW_INTS, LIST(label_numbers)},
        {"classlabels_strings", RAW_TEXTS, LIST(label_texts)},
},
  unified_rows[] = {
      {"nodes_featureids", RAW_INTS, LIST(features)},
      {"nodes_truenodeids", RAW_INTS, LIST(yes)},
      {"nodes_falsenodeids", RAW_INTS, LIST(no)},
      {"nodes_trueleafs", RAW_INTS, LIST(yes_leafs)},
      {"nodes_falseleafs", RAW_INTS, LIST(no_leafs)},
      {"nodes_missing_value_tracks_true", RAW_INTS, LIST(missing)},
      {"nodes_modes", RAW_TENSOR, LIST(mode_numbers)},
      {"nodes_splits", RAW_TENSOR, LIST(values)},
      {"membership_values", RAW_TENSOR, LIST(members)},
      {"tree_roots", RAW_INTS, LIST(roots)},
      {"leaf_targetids", RAW_INTS, LIST(weight_ids)},
      {"leaf_weights", RAW_TENSOR, LIST(weights)},
};

#define EACH_INTS(X) \
    X(tree_ids)      \
    X(node_ids)      \
    X(features)      \
    X(yes)           \
    X(no) X(missing) X(yes_leafs) X(no_leafs) X(roots) X(weight_trees) X(weight_nodes) X(weight_ids)
#define EACH_DOUBLES(X) X(values) X(weights) X(base) X(members) X(mode_numbers)

static void raw_init(raw_trees *raw)
{
    *raw = (raw_trees){.n_targets = 1, .aggregate_number = 1};
    raw->aggregate = MW_VIEW("SUM");
    raw->post = MW_VIEW("NONE");
#define SET_INTS(name) raw->name.item_bytes = sizeof(int32_t);
#define SET_DOUBLES(name) raw->name.item_bytes = sizeof(double);
    EACH_INTS(SET_INTS)
    EACH_DOUBLES(SET_DOUBLES)
#undef SET_INTS
#undef SET_DOUBLES
    raw->modes.item_bytes = sizeof(uint8_t);
    raw->label_numbers.item_bytes = sizeof(int64_t);
    raw->label_texts.item_bytes = sizeof(mw_view);
}

static void raw_done(raw_trees *raw)
{
#define FREE_LIST(name) model_list_done(&raw->name);
    EACH_INTS(FREE_LIST)
    EACH_DOUBLES(FREE_LIST)
#undef FREE_LIST
    model_list_done(&raw->modes);
    model_list_done(&raw->label_numbers);
    model_list_done(&raw->label_texts);
}

static mw_status read_tensor(const model_onnx *onnx, const model_onnx_attribute *attribute,
                             raw_trees *raw, model_list *list, mw_error *err)
{
    int64_t type = 0;
    MW_TRY(model_onnx_tensor(onnx, attribute->tensor, list, &type, err));
    raw->wide = raw->wide || type == MODEL_ONNX_DOUBLE;
    raw->narrow = raw->narrow || type == MODEL_ONNX_FLOAT;
    return MW_OK;
}

static mw_status wrong_entry(const char *list, size_t entry, mw_error *err)
{
    if (err->mend[0] == '\0')
        mw_mend(err, "%s", again);
    return mw_at(err, "%s[%zu]", list, entry);
}

static const mw_view mode_names[] = {
    [MODEL_ONNX_LEQ] = MW_VIEW("BRANCH_LEQ"),       [MODEL_ONNX_LT] = MW_VIEW("BRANCH_LT"),
    [MODEL_ONNX_GTE] = MW_VIEW("BRANCH_GTE"),       [MODEL_ONNX_GT] = MW_VIEW("BRANCH_GT"),
    [MODEL_ONNX_EQ] = MW_VIEW("BRANCH_EQ"),         [MODEL_ONNX_NEQ] = MW_VIEW("BRANCH_NEQ"),
    [MODEL_ONNX_MEMBER] = MW_VIEW("BRANCH_MEMBER"), [MODEL_ONNX_LEAF] = MW_VIEW("LEAF"),
};

static uint8_t mode_of(mw_view text)
{
    for (uint8_t mode = 0; mode < MW_COUNT(mode_names); mode++) {
        if (mode == MODEL_ONNX_MEMBER || !mw_view_equal(text, mode_names[mode]))
            continue;
        return mode;
    }
    return STRANGE_MODE;
}

static void keep_strange(mw_view text, raw_trees *raw)
{
    if (raw->strange_mode[0] == '\0')
        snprintf(raw->strange_mode, sizeof raw->strange_mode, "%.*s",
                 (int)(text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES), text.data);
}

static mw_status read_modes(const model_onnx *onnx, const model_onnx_attribute *attribute,
                            raw_trees *raw, mw_error *err)
{
    enum { STRINGS = 9 };
    model_wire wire = model_wire_inside(&onnx->file, attribute->body);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next_of(&wire, STRINGS, MW_PROTOBUF_BYTES, &field, &more, err));
        if (!more)
            return MW_OK;
        uint8_t *mode = model_list_add_one(&raw->modes);
        if (!mode)
            return mw_fail_memory(err, "the nodes of trees");
        *mode = mode_of(field.bytes);
        if (*mode == STRANGE_MODE)
            keep_strange(field.bytes, raw);
    }
}

static mw_status read_row(const model_onnx *onnx, const struct raw_row *row,
                          const model_onnx_attribute *attribute, raw_trees *raw, mw_error *err)
{
    model_list *list = (model_list *)((char *)raw + row->list);
    if (list->count > 0) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "the attribute stands twice");
        return mw_mend(err, "%s", again);
    }
    switch (row->kind) {
    case RAW_INTS:
        return model_onnx_integers(onnx, attribute, list, err);
    case RAW_FLOATS:
        return model_onnx_numbers(onnx, attribute, list, err);
    case RAW_TEXTS:
        return model_onnx_texts(onnx, attribute, list, err);
    case RAW_MODES:
        return read_modes(onnx, attribute, raw, err);
    case RAW_TENSOR:
        break;
    }
    return read_tensor(onnx, attribute, raw, list, err);
}

/* Also what is known and not needed: hitrates say how often a node was passed, in a unit that no
 * converter agrees on. */
static bool read_scalar(const model_onnx_attribute *attribute, raw_trees *raw)
{
    if (mw_view_is(attribute->name, "n_targets"))
        raw->n_targets = attribute->integer;
    if (mw_view_is(attribute->name, "aggregate_function")) {
        raw->aggregate = attribute->text;
        raw->aggregate_number = attribute->integer;
    }
    if (mw_view_is(attribute->name, "post_transform")) {
        raw->post = attribute->text;
        raw->post_number = attribute->integer;
    }
    static const char *const known[] = {"n_targets", "aggregate_function", "post_transform",
                                        "nodes_hitrates", "nodes_hitrates_as_tensor"};
    for (size_t i = 0; i < MW_COUNT(known); i++)
        if (mw_view_is(attribute->name, known[i]))
            return true;
    return false;
}

static mw_status refuse_attribute(mw_view name, mw_error *err)
{
    enum { SHOWN = 60 };
    mw_fail(err, MW_E_MODEL_OPERATOR, "the attribute '%.*s' is unknown here",
            (int)(name.size < SHOWN ? name.size : SHOWN), name.data);
    return mw_mend(err, "convert the model again without it, for ai.onnx.ml 1 to 5");
}

/* A large list that was copied goes back to the system: nobody reads an ensemble's attributes a
 * second time, except ONNX Runtime, for which the file is then read again. */
static void forget_list(model_onnx *onnx, const model_onnx_attribute *attribute)
{
    if (!onnx->build.spare || attribute->body.size < MW_PAGES_FROM_BYTES ||
        attribute->text.size > 0)
        return;
    mw_pages_forget(attribute->body.data, attribute->body.size);
    onnx->is_whole = false;
}

static mw_status read_raw(model_onnx *onnx, const model_onnx_node *node, bool unified,
                          raw_trees *raw, mw_error *err)
{
    const struct raw_row *rows = unified ? unified_rows : classic_rows;
    size_t n_rows = unified ? MW_COUNT(unified_rows) : MW_COUNT(classic_rows);
    model_wire wire = model_wire_inside(&onnx->file, node->body);
    model_onnx_attribute attribute;
    bool more = false;
    for (;;) {
        MW_TRY(model_onnx_next_attribute(&wire, &attribute, &more, err));
        if (!more)
            return MW_OK;
        bool known = read_scalar(&attribute, raw), views = false;
        for (size_t i = 0; i < n_rows; i++) {
            if (!mw_view_is(attribute.name, rows[i].name))
                continue;
            known = true;
            views = rows[i].kind == RAW_TEXTS;
            if (read_row(onnx, &rows[i], &attribute, raw, err) != MW_OK)
                return mw_at(err, "%s", rows[i].name);
        }
        if (!known)
            return refuse_attribute(attribute.name, err);
        if (!views)
            forget_list(onnx, &attribute);
    }
}

/* ---- do they agree? -------------------------------------------------------------------------- */

static mw_status check_count(const model_list *list, size_t expected, const char *name,
                             mw_error *err)
{
    if (list->count == expected)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "%zu entries, but %zu are needed", list->count, expected);
    mw_mend(err, "%s", again);
    return mw_at(err, "%s", name);
}

static mw_status check_counts(const raw_trees *raw, bool unified, mw_error *err)
{
    size_t n = raw->n_nodes, n_weights = raw->n_weights;
    if (n == 0 || n > UINT32_MAX / 4 || n_weights > UINT32_MAX / 4) {
        mw_fail(err, n == 0 ? MW_E_MODEL_COUNT : MW_E_MODEL_LIMIT, "the ensemble has %zu nodes", n);
        mw_mend(err, "%s", again);
        return mw_at(err, "nodes_featureids");
    }
    MW_TRY(check_count(&raw->yes, n, "nodes_truenodeids", err));
    MW_TRY(check_count(&raw->no, n, "nodes_falsenodeids", err));
    if (raw->missing.count > 0)
        MW_TRY(check_count(&raw->missing, n, "nodes_missing_value_tracks_true", err));
    MW_TRY(check_count(&raw->values, n, unified ? "nodes_splits" : "nodes_values", err));
    const model_list *modes = unified ? &raw->mode_numbers : &raw->modes;
    MW_TRY(check_count(modes, n, "nodes_modes", err));
    if (unified) {
        MW_TRY(check_count(&raw->yes_leafs, n, "nodes_trueleafs", err));
        MW_TRY(check_count(&raw->no_leafs, n, "nodes_falseleafs", err));
        return check_count(&raw->weight_ids, n_weights, "leaf_targetids", err);
    }
    MW_TRY(check_count(&raw->tree_ids, n, "nodes_treeids", err));
    MW_TRY(check_count(&raw->node_ids, n, "nodes_nodeids", err));
    MW_TRY(check_count(&raw->weight_ids, n_weights, "the ids of the weights", err));
    MW_TRY(check_count(&raw->weight_trees, n_weights, "the trees of the weights", err));
    return check_count(&raw->weight_nodes, n_weights, "the nodes of the weights", err);
}

/* Thresholds of doubles against rows of floats: ONNX Runtime refuses them as well. */
static mw_status check_width(const raw_trees *raw, bool unified, bool wide_rows, mw_error *err)
{
    if ((!raw->wide || wide_rows) && !(unified && wide_rows && raw->narrow))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_VALUE, "the trees hold %s numbers, the input %s",
            raw->wide ? "float64" : "float32", wide_rows ? "float64" : "float32");
    return mw_mend(err, "convert the model again with one type for both");
}

/* ---- nodes by name --------------------------------------------------------------------------- */

typedef struct node_key {
    int64_t tree, node;
    uint32_t index;
} node_key;

/* Converters number the nodes of a tree from 0 without gaps, tree after tree: then a name is a
 * place. Otherwise the names are sorted. */
typedef struct node_map {
    const int32_t *tree, *node;
    size_t n;
    bool regular;
    model_list runs; /* node_key: first node of each run of one tree's nodes */
    size_t last;     /* the run that was found last: mostly the next one, too */
    model_list keys; /* node_key, sorted; empty when regular */
} node_map;

static int compare_keys(const void *a, const void *b)
{
    const node_key *x = a, *y = b;
    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static mw_status find_runs(node_map *map, mw_error *err)
{
    node_key run = {0};
    map->regular = true;
    for (size_t i = 0; i < map->n; i++) {
        if (i == 0 || map->tree[i] != run.tree) {
            map->regular = map->regular && (i == 0 || map->tree[i] > run.tree);
            run = (node_key){map->tree[i], map->node[i], (uint32_t)i};
            node_key *added = model_list_add(&map->runs, 1);
            if (!added)
                return mw_fail_memory(err, "the names of nodes");
            *added = run;
        }
        map->regular = map->regular && map->node[i] == (int64_t)(i - run.index);
    }
    return MW_OK;
}

static mw_status check_keys(const node_map *map, mw_error *err)
{
    const node_key *keys = map->keys.items;
    size_t n_trees = 1;
    for (size_t i = 1; i < map->n; i++) {
        n_trees += keys[i].tree != keys[i - 1].tree;
        if (compare_keys(&keys[i - 1], &keys[i]) != 0)
            continue;
        mw_fail(err, MW_E_TREE_SHAPE, "tree %lld has node %lld twice", (long long)keys[i].tree,
                (long long)keys[i].node);
        uint32_t a = keys[i - 1].index, b = keys[i].index;
        return wrong_entry("nodes_nodeids", a > b ? a : b, err);
    }
    if (n_trees == map->runs.count)
        return MW_OK;
    mw_fail(err, MW_E_TREE_SHAPE, "the nodes of a tree do not stand together");
    mw_mend(err, "%s", again);
    return mw_at(err, "nodes_treeids");
}

static mw_status make_map(const raw_trees *raw, node_map *map, mw_error *err)
{
    *map = (node_map){.tree = raw->tree_ids.items,
                      .node = raw->node_ids.items,
                      .n = raw->n_nodes,
                      .runs = {.item_bytes = sizeof(node_key)},
                      .keys = {.item_bytes = sizeof(node_key)}};
    MW_TRY(find_runs(map, err));
    if (map->regular)
        return MW_OK;
    node_key *keys = model_list_add(&map->keys, map->n);
    if (!keys)
        return mw_fail_memory(err, "the names of nodes");
    for (size_t i = 0; i < map->n; i++)
        keys[i] = (node_key){map->tree[i], map->node[i], (uint32_t)i};
    qsort(keys, map->n, sizeof *keys, compare_keys);
    return check_keys(map, err);
}

/* The last of the sorted runs that begins at this tree or before it. */
static const node_key *find_run(node_map *map, int64_t tree)
{
    const node_key *runs = map->runs.items;
    size_t low = 0, high = map->runs.count;
    if (runs[map->last].tree == tree)
        return &runs[map->last];
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (runs[middle].tree <= tree)
            low = middle;
        else
            high = middle;
    }
    map->last = low;
    return runs[low].tree == tree ? &runs[low] : NULL;
}

static bool find_node(node_map *map, int64_t tree, int64_t node, uint32_t *ret_index)
{
    if (!map->regular) {
        node_key wanted = {tree, node, 0};
        const node_key *found =
            bsearch(&wanted, map->keys.items, map->n, sizeof wanted, compare_keys);
        if (found)
            *ret_index = found->index;
        return found != NULL;
    }
    const node_key *run = find_run(map, tree);
    if (!run || node < 0 || node >= (int64_t)(map->n - run->index) ||
        map->tree[run->index + (size_t)node] != tree)
        return false;
    *ret_index = run->index + (uint32_t)node;
    return true;
}

static void map_done(node_map *map)
{
    model_list_done(&map->runs);
    model_list_done(&map->keys);
}

/* ---- the plain form -------------------------------------------------------------------------- */

static mw_status read_mode(const raw_trees *raw, size_t i, bool unified, uint8_t *ret_mode,
                           mw_error *err)
{
    if (!unified) {
        *ret_mode = ((const uint8_t *)raw->modes.items)[i];
        if (*ret_mode != STRANGE_MODE)
            return MW_OK;
        mw_fail(err, MW_E_MODEL_VALUE, "mode '%s' is unknown", raw->strange_mode);
        return wrong_entry("nodes_modes", i, err);
    }
    double mode = ((const double *)raw->mode_numbers.items)[i];
    if (mode >= 0 && mode <= MODEL_ONNX_MEMBER) {
        *ret_mode = (uint8_t)mode;
        return MW_OK;
    }
    mw_fail(err, MW_E_MODEL_VALUE, "mode %g is unknown", mode);
    return wrong_entry("nodes_modes", i, err);
}

static mw_status read_split(const raw_trees *raw, size_t i, bool unified, model_onnx_split *split,
                            mw_error *err)
{
    int64_t feature = ((const int32_t *)raw->features.items)[i];
    *split = (model_onnx_split){.value = ((const double *)raw->values.items)[i]};
    MW_TRY(read_mode(raw, i, unified, &split->mode, err));
    if (split->mode == MODEL_ONNX_LEAF)
        return MW_OK;
    if (feature < 0 || feature >= MW_LIMIT_FEATURES) {
        mw_fail(err, MW_E_TREE_FEATURE, "feature %lld is outside 0..%d", (long long)feature,
                MW_LIMIT_FEATURES - 1);
        return wrong_entry("nodes_featureids", i, err);
    }
    if (isnan(split->value) && split->mode != MODEL_ONNX_MEMBER) {
        mw_fail(err, MW_E_TREE_VALUE, "a threshold is not a number");
        return wrong_entry(unified ? "nodes_splits" : "nodes_values", i, err);
    }
    split->feature = (uint32_t)feature;
    if (raw->missing.count > 0)
        split->missing_yes = ((const int32_t *)raw->missing.items)[i] != 0;
    return MW_OK;
}

static mw_status wrong_child(int64_t child, size_t i, bool yes, mw_error *err)
{
    mw_fail(err, MW_E_TREE_CHILD, "child %lld is not there", (long long)child);
    return wrong_entry(yes ? "nodes_truenodeids" : "nodes_falsenodeids", i, err);
}

static mw_status link_classic(const raw_trees *raw, node_map *map, size_t i,
                              model_onnx_split *split, mw_error *err)
{
    int64_t yes = ((const int32_t *)raw->yes.items)[i], no = ((const int32_t *)raw->no.items)[i];
    if (split->mode == MODEL_ONNX_LEAF)
        return MW_OK;
    if (!find_node(map, map->tree[i], yes, &split->yes))
        return wrong_child(yes, i, true, err);
    return find_node(map, map->tree[i], no, &split->no) ? MW_OK : wrong_child(no, i, false, err);
}

static bool place_of(int64_t child, int64_t is_leaf, size_t n_nodes, size_t n_leaves,
                     uint32_t *ret_index)
{
    if (child < 0 || (uint64_t)child >= (is_leaf ? n_leaves : n_nodes))
        return false;
    *ret_index = (uint32_t)((is_leaf ? n_nodes : 0) + (size_t)child);
    return true;
}

static mw_status link_unified(const raw_trees *raw, size_t i, model_onnx_split *split,
                              mw_error *err)
{
    size_t n = raw->n_nodes, n_leaves = raw->n_weights;
    int64_t yes = ((const int32_t *)raw->yes.items)[i], no = ((const int32_t *)raw->no.items)[i];
    if (!place_of(yes, ((const int32_t *)raw->yes_leafs.items)[i], n, n_leaves, &split->yes))
        return wrong_child(yes, i, true, err);
    if (!place_of(no, ((const int32_t *)raw->no_leafs.items)[i], n, n_leaves, &split->no))
        return wrong_child(no, i, false, err);
    return MW_OK;
}

/* The sets of MEMBER nodes stand one after another, in the order of the nodes, NaN between them. */
static mw_status take_set(const model_onnx_trees *trees, size_t i, model_onnx_split *split,
                          size_t *at, mw_error *err)
{
    const double *members = trees->members.items;
    size_t n = trees->members.count;
    if (split->mode != MODEL_ONNX_MEMBER)
        return MW_OK;
    if (*at >= n) {
        mw_fail(err, MW_E_MODEL_COUNT, "there is no set of values for this node");
        return wrong_entry("nodes_modes", i, err);
    }
    split->set = (uint32_t)*at;
    while (*at < n && !isnan(members[*at]))
        (*at)++;
    split->set_end = (uint32_t)*at;
    (*at)++;
    return MW_OK;
}

static mw_status read_splits(const raw_trees *raw, node_map *map, bool unified,
                             model_onnx_trees *trees, mw_error *err)
{
    size_t n = raw->n_nodes, n_leaves = unified ? raw->n_weights : 0, member = 0;
    model_onnx_split *splits = model_list_add(&trees->splits, n + n_leaves);
    if (!splits)
        return mw_fail_memory(err, "the nodes of trees");
    for (size_t i = 0; i < n; i++) {
        MW_TRY(read_split(raw, i, unified, &splits[i], err));
        MW_TRY(unified ? link_unified(raw, i, &splits[i], err)
                       : link_classic(raw, map, i, &splits[i], err));
        MW_TRY(take_set(trees, i, &splits[i], &member, err));
    }
    for (size_t i = 0; i < n_leaves; i++)
        splits[n + i] = (model_onnx_split){.mode = MODEL_ONNX_LEAF};
    return MW_OK;
}

static mw_status read_roots(const raw_trees *raw, const node_map *map, bool unified,
                            model_onnx_trees *trees, mw_error *err)
{
    size_t n = unified ? raw->roots.count : map->runs.count;
    const int32_t *given = raw->roots.items;
    const node_key *runs = map->runs.items;
    uint32_t *roots = model_list_add(&trees->roots, n);
    if (!roots)
        return mw_fail_memory(err, "the roots of trees");
    for (size_t i = 0; i < n; i++) {
        roots[i] = unified ? 0 : runs[i].index;
        if (!unified || place_of(given[i], 0, raw->n_nodes, 0, &roots[i]))
            continue;
        mw_fail(err, MW_E_TREE_CHILD, "root %lld is outside 0..%zu", (long long)given[i],
                raw->n_nodes - 1);
        return wrong_entry("tree_roots", i, err);
    }
    return MW_OK;
}

/* ---- weights --------------------------------------------------------------------------------- */

static mw_status read_weight(const raw_trees *raw, node_map *map, bool unified,
                             const model_onnx_trees *trees, size_t i, model_onnx_weight *weight,
                             mw_error *err)
{
    int64_t id = ((const int32_t *)raw->weight_ids.items)[i];
    const char *prefix = unified ? "leaf_target" : trees->is_classifier ? "class_" : "target_";
    weight->value = ((const double *)raw->weights.items)[i];
    weight->node = (uint32_t)(raw->n_nodes + i);
    if (!unified) {
        int64_t tree = ((const int32_t *)raw->weight_trees.items)[i];
        int64_t node = ((const int32_t *)raw->weight_nodes.items)[i];
        if (!find_node(map, tree, node, &weight->node)) {
            mw_fail(err, MW_E_TREE_CHILD, "tree %lld has no node %lld", (long long)tree,
                    (long long)node);
            wrong_entry("nodeids", i, err);
            return mw_at(err, "%s", trees->is_classifier ? "class" : "target");
        }
    }
    if (id < 0 || (uint64_t)id >= trees->n_outputs) {
        mw_fail(err, MW_E_MODEL_VALUE, "output %lld is outside 0..%zu", (long long)id,
                trees->n_outputs - 1);
        mw_mend(err, "%s", again);
        return mw_at(err, "%sids[%zu]", prefix, i);
    }
    weight->output = (uint32_t)id;
    if (!isnan(weight->value))
        return MW_OK;
    mw_fail(err, MW_E_TREE_VALUE, "a leaf is not a number");
    mw_mend(err, "train again with finite labels and weights, then convert the model again");
    return mw_at(err, "%s[%zu]", unified ? "leaf_weights" : "weights", i);
}

/* Where each node's weights begin, of weights in the order of their nodes. */
static mw_status index_weights(model_onnx_trees *trees, mw_error *err)
{
    size_t n_nodes = trees->splits.count, n = trees->weights.count, at = 0;
    const model_onnx_weight *weights = trees->weights.items;
    uint32_t *first = model_list_add(&trees->first, n_nodes + 1);
    if (!first)
        return mw_fail_memory(err, "the leaves of trees");
    for (size_t node = 0; node <= n_nodes; node++) {
        while (at < n && weights[at].node < node)
            at++;
        first[node] = (uint32_t)at;
    }
    return MW_OK;
}

/* Order by node, keeping the order within one: count, begin, place. Converters mostly write them
 * so. */
static mw_status order_weights(model_onnx_trees *trees, mw_error *err)
{
    size_t n_nodes = trees->splits.count, n = trees->weights.count;
    model_list ordered = {.item_bytes = sizeof(model_onnx_weight)};
    const model_onnx_weight *weights = trees->weights.items;
    uint32_t *next = calloc(n_nodes + 1, sizeof *next);
    model_onnx_weight *to = next ? model_list_add(&ordered, n) : NULL;
    if (!to) {
        free(next);
        return mw_fail_memory(err, "the leaves of trees");
    }
    for (size_t i = 0; i < n; i++)
        next[weights[i].node + 1]++;
    for (size_t node = 0; node < n_nodes; node++)
        next[node + 1] += next[node];
    for (size_t i = 0; i < n; i++)
        to[next[weights[i].node]++] = weights[i];
    free(next);
    model_list_done(&trees->weights);
    trees->weights = ordered;
    return MW_OK;
}

static mw_status read_weights(const raw_trees *raw, node_map *map, bool unified,
                              model_onnx_trees *trees, mw_error *err)
{
    size_t n = raw->n_weights;
    bool in_order = true;
    model_onnx_weight *weights = model_list_add(&trees->weights, n);
    if (!weights)
        return mw_fail_memory(err, "the leaves of trees");
    for (size_t i = 0; i < n; i++) {
        MW_TRY(read_weight(raw, map, unified, trees, i, &weights[i], err));
        in_order = in_order && (i == 0 || weights[i - 1].node <= weights[i].node);
    }
    if (!in_order)
        MW_TRY(order_weights(trees, err));
    return index_weights(trees, err);
}

/* ---- head ------------------------------------------------------------------------------------ */

bool model_onnx_post_of(mw_view name, model_onnx_post *ret_post)
{
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    for (size_t i = 0; i < MW_COUNT(names); i++) {
        if (!mw_view_is(name, names[i]))
            continue;
        *ret_post = (model_onnx_post)i;
        return true;
    }
    return false;
}

static mw_status set_post(const raw_trees *raw, bool unified, model_onnx_trees *trees,
                          mw_error *err)
{
    if (unified && raw->post_number >= MODEL_ONNX_NONE && raw->post_number <= MODEL_ONNX_PROBIT) {
        trees->post = (model_onnx_post)raw->post_number;
        return MW_OK;
    }
    if (!unified && model_onnx_post_of(raw->post, &trees->post))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_VALUE, "this transform is unknown");
    mw_mend(err, "%s", again);
    return mw_at(err, "post_transform");
}

static mw_status set_aggregate(const raw_trees *raw, bool unified, model_onnx_trees *trees,
                               mw_error *err)
{
    static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    enum { AGGREGATE_AVERAGE, AGGREGATE_SUM, AGGREGATES = 4 };
    unsigned found = AGGREGATES;
    for (unsigned i = 0; i < AGGREGATES; i++)
        if (unified ? raw->aggregate_number == (int64_t)i : mw_view_is(raw->aggregate, names[i]))
            found = i;
    trees->average = found == AGGREGATE_AVERAGE;
    if (found <= AGGREGATE_SUM)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_OPERATOR, "trees that are aggregated by %s are not read",
            found < AGGREGATES ? names[found] : "an unknown function");
    mw_mend(err, "convert the model with the aggregate function SUM or AVERAGE");
    return mw_at(err, "aggregate_function");
}

mw_status model_onnx_set_labels(model_onnx *onnx, const model_list *texts,
                                const model_list *numbers, model_onnx_trees *trees, mw_error *err)
{
    enum { NUMBER_BYTES = 24 };
    size_t n_texts = texts->count, n_numbers = numbers->count;
    trees->n_outputs = n_texts > 0 ? n_texts : n_numbers;
    mw_view *labels = model_list_add(&trees->labels, trees->n_outputs);
    if (!labels)
        return mw_fail_memory(err, "the classes");
    for (size_t i = 0; i < trees->n_outputs; i++) {
        char number[NUMBER_BYTES];
        mw_view label = {number, 0};
        if (n_texts > 0)
            label = ((const mw_view *)texts->items)[i];
        else
            label.size = (size_t)snprintf(number, sizeof number, "%lld",
                                          ((const long long *)numbers->items)[i]);
        const char *kept = mw_arena_text(&onnx->build.forest->arena, label);
        if (!kept)
            return mw_fail_memory(err, "the classes");
        labels[i] = (mw_view){kept, label.size};
    }
    return MW_OK;
}

static mw_status set_outputs(model_onnx *onnx, const raw_trees *raw, model_onnx_trees *trees,
                             mw_error *err)
{
    const char *place = trees->is_classifier ? "classlabels" : "n_targets";
    if (trees->is_classifier)
        MW_TRY(model_onnx_set_labels(onnx, &raw->label_texts, &raw->label_numbers, trees, err));
    else
        trees->n_outputs = raw->n_targets > 0 ? (size_t)raw->n_targets : 0;
    if (trees->n_outputs > (trees->is_classifier ? 1 : 0) && trees->n_outputs <= MW_LIMIT_OUTPUTS)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_VALUE, "%zu %s are too few or too many", trees->n_outputs,
            trees->is_classifier ? "classes" : "targets");
    mw_mend(err, "%s", again);
    return mw_at(err, "%s", place);
}

static mw_status copy_doubles(const model_list *from, model_list *to, bool numbers,
                              const char *name, mw_error *err)
{
    if (from->count == 0)
        return MW_OK;
    double *out = model_list_add(to, from->count);
    if (!out)
        return mw_fail_memory(err, "a model");
    memcpy(out, from->items, from->count * sizeof *out);
    for (size_t i = 0; numbers && i < from->count; i++) {
        if (!isnan(out[i]))
            continue;
        mw_fail(err, MW_E_MODEL_VALUE, "a base value is not a number");
        return wrong_entry(name, i, err);
    }
    return MW_OK;
}

static mw_status read_head(model_onnx *onnx, const raw_trees *raw, bool unified,
                           model_onnx_trees *trees, mw_error *err)
{
    MW_TRY(set_outputs(onnx, raw, trees, err));
    MW_TRY(set_post(raw, unified, trees, err));
    if (!trees->is_classifier)
        MW_TRY(set_aggregate(raw, unified, trees, err));
    MW_TRY(copy_doubles(&raw->members, &trees->members, false, "", err));
    return copy_doubles(&raw->base, &trees->base, true, "base_values", err);
}

/* What no weight asks for: lists and plain form of a large model should not stand side by side. */
static void free_nodes(raw_trees *raw)
{
    model_list *lists[] = {&raw->features, &raw->yes,          &raw->no,
                           &raw->missing,  &raw->yes_leafs,    &raw->no_leafs,
                           &raw->values,   &raw->mode_numbers, &raw->modes};
    for (size_t i = 0; i < MW_COUNT(lists); i++)
        model_list_done(lists[i]);
}

static mw_status settle(model_onnx *onnx, raw_trees *raw, bool unified, model_onnx_trees *trees,
                        mw_error *err)
{
    node_map map = {0};
    raw->n_nodes = raw->features.count;
    raw->n_weights = raw->weights.count;
    MW_TRY(check_counts(raw, unified, err));
    MW_TRY(check_width(raw, unified, trees->sum_double, err));
    MW_TRY(read_head(onnx, raw, unified, trees, err));
    mw_status status = unified ? MW_OK : make_map(raw, &map, err);
    if (status == MW_OK)
        status = read_splits(raw, &map, unified, trees, err);
    if (status == MW_OK)
        status = read_roots(raw, &map, unified, trees, err);
    free_nodes(raw);
    if (status == MW_OK)
        status = read_weights(raw, &map, unified, trees, err);
    map_done(&map);
    return status;
}

void model_onnx_trees_init(model_onnx_trees *trees)
{
    *trees = (model_onnx_trees){.splits = {.item_bytes = sizeof(model_onnx_split)},
                                .roots = {.item_bytes = sizeof(uint32_t)},
                                .weights = {.item_bytes = sizeof(model_onnx_weight)},
                                .first = {.item_bytes = sizeof(uint32_t)},
                                .members = {.item_bytes = sizeof(double)},
                                .base = {.item_bytes = sizeof(double)},
                                .labels = {.item_bytes = sizeof(mw_view)}};
}

void model_onnx_trees_done(model_onnx_trees *trees)
{
    model_list_done(&trees->splits);
    model_list_done(&trees->roots);
    model_list_done(&trees->weights);
    model_list_done(&trees->first);
    model_list_done(&trees->members);
    model_list_done(&trees->base);
    model_list_done(&trees->labels);
}

mw_status model_onnx_read_trees(model_onnx *onnx, const model_onnx_node *node, bool wide,
                                model_onnx_trees *trees, mw_error *err)
{
    bool unified = mw_view_is(node->op, "TreeEnsemble");
    raw_trees raw;
    raw_init(&raw);
    trees->is_classifier = mw_view_is(node->op, "TreeEnsembleClassifier");
    trees->sum_double = wide;
    mw_status status = read_raw(onnx, node, unified, &raw, err);
    if (status == MW_OK)
        status = settle(onnx, &raw, unified, trees, err);
    raw_done(&raw);
    return status == MW_OK ? MW_OK : model_onnx_at(node, err);
}
