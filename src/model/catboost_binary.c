/* CatBoost's binary models (.cbm).
 *
 *     "CBM1"  uint32 bytes of the core  core  tables of statistics: see catboost_ctr_binary.c
 *
 *     core (FlatBuffers)  FormatVersion, ModelTrees, InfoMap (texts of JSON: params, class_params)
 *     ModelTrees          TreeSplits   numbers of conditions, tree by tree
 *                         LeafValues   doubles, leaf by leaf, outputs fastest; LeafWeights
 *                         FloatFeatures with Borders, OneHotFeatures with Values, CtrFeatures
 *                         with Borders: all conditions, numbered in this order
 *
 * Oblivious trees have a condition a level. Others have a node each condition, with steps to the
 * left and to the right child; a step of 0 means that the side is a leaf, whose place among the
 * values NonSymmetricNodeIdToLeafId has. */
#include "catboost_ctr.h"
#include "read.h"

static const char again[] = "save the model again with model.save_model('model.cbm')";

enum core_field { CORE_VERSION, CORE_TREES, CORE_INFO };
enum pair_field { PAIR_KEY, PAIR_VALUE };
enum trees_field {
    TREES_DIMENSION,
    TREES_SPLITS,
    TREES_SIZES,
    TREES_STARTS,
    TREES_CATEGORIES,
    TREES_FLOATS,
    TREES_ONE_HOT,
    TREES_STATISTICS,
    TREES_VALUES,
    TREES_WEIGHTS,
    TREES_STEPS,
    TREES_LEAVES,
    TREES_TEXTS,
    TREES_ESTIMATED,
    TREES_SCALE,
    TREES_BIAS,
    TREES_BIASES,
    TREES_REPACKED,
    TREES_EMBEDDINGS
};
enum float_field {
    FLOAT_HAS_NANS,
    FLOAT_INDEX,
    FLOAT_COLUMN,
    FLOAT_BORDERS,
    FLOAT_NAME,
    FLOAT_NAN
};
enum category_field { CATEGORY_INDEX, CATEGORY_COLUMN, CATEGORY_NAME };
enum one_hot_field { ONE_HOT_INDEX, ONE_HOT_VALUES };

enum { NAN_AS_TRUE = 2, STEP_BYTES = 4 };

/* The core while it is read. */
typedef struct binary_reader {
    model_cat *cat;
    model_flat flat;
    model_flat_table trees;
    model_list conditions; /* model_cat_node: a split each */
    size_t n_outputs;
    model_flat_vector splits, sizes, values, weights, steps, leaves;
    size_t next_split, next_value, next_weight;
} binary_reader;

static mw_status damaged(mw_error *err)
{
    return mw_mend(err, "%s", again);
}

/* ---- conditions ------------------------------------------------------------------------------ */

/* Honest files have four bytes of their own for each condition. */
static mw_status add_condition(binary_reader *r, model_cat_node condition, mw_error *err)
{
    if (r->conditions.count > r->flat.size / sizeof(float)) {
        mw_fail(err, MW_E_MODEL_LIMIT, "more conditions than the file has room for");
        return damaged(err);
    }
    model_cat_node *added = model_list_add(&r->conditions, 1);
    if (!added)
        return mw_fail_memory(err, "splits");
    condition.left = condition.right = -1;
    *added = condition;
    return MW_OK;
}

static mw_status read_float_feature(binary_reader *r, const model_flat_table *table, size_t i,
                                    mw_error *err)
{
    model_flat_vector borders;
    int32_t column;
    uint8_t nan;
    model_cat_feature *feature = model_list_add(&r->cat->features, 1);
    if (!feature)
        return mw_fail_memory(err, "features");
    MW_TRY(model_flat_int(table, FLOAT_COLUMN, -1, &column, err));
    MW_TRY(model_flat_byte(table, FLOAT_NAN, 0, &nan, err));
    MW_TRY(model_flat_items(table, FLOAT_BORDERS, sizeof(float), &borders, err));
    *feature = (model_cat_feature){.column = column, .nan_is_high = nan == NAN_AS_TRUE};
    MW_TRY(model_flat_text(table, FLOAT_NAME, &feature->name, err));
    for (size_t b = 0; b < borders.count; b++) {
        model_cat_node condition = {
            .feature = (int64_t)i,
            .border = (double)model_flat_load_float(borders.items + b * sizeof(float))};
        MW_TRY(add_condition(r, condition, err));
    }
    return MW_OK;
}

static mw_status read_one_hot_feature(binary_reader *r, const model_flat_table *table, size_t i,
                                      mw_error *err)
{
    model_flat_vector values;
    int32_t index;
    (void)i;
    MW_TRY(model_flat_int(table, ONE_HOT_INDEX, -1, &index, err));
    MW_TRY(model_flat_items(table, ONE_HOT_VALUES, sizeof(int32_t), &values, err));
    for (size_t v = 0; v < values.count; v++) {
        model_cat_node condition = {
            .feature = index,
            .one_hot = true,
            .border = (double)model_flat_load32(values.items + v * sizeof(int32_t))};
        MW_TRY(add_condition(r, condition, err));
    }
    return MW_OK;
}

static mw_status read_category(binary_reader *r, const model_flat_table *table, size_t i,
                               mw_error *err)
{
    int32_t column;
    model_cat_feature *category = model_list_add(&r->cat->categories, 1);
    (void)i;
    if (!category)
        return mw_fail_memory(err, "features");
    MW_TRY(model_flat_int(table, CATEGORY_COLUMN, -1, &column, err));
    *category = (model_cat_feature){.column = column};
    return model_flat_text(table, CATEGORY_NAME, &category->name, err);
}

static mw_status read_statistic(binary_reader *r, const model_flat_table *table, size_t i,
                                mw_error *err)
{
    model_flat_vector borders;
    (void)i;
    MW_TRY(cat_read_flat_statistic(r->cat, table, &borders, err));
    for (size_t b = 0; b < borders.count; b++) {
        model_cat_node condition = {
            .feature = (int64_t)r->conditions.count,
            .statistic = true,
            .border = (double)model_flat_load_float(borders.items + b * sizeof(float))};
        MW_TRY(add_condition(r, condition, err));
    }
    return MW_OK;
}

static mw_status refuse_text(binary_reader *r, const model_flat_table *table, size_t i,
                             mw_error *err)
{
    (void)r;
    (void)table;
    (void)i;
    return model_cat_refuse_texts(err);
}

typedef mw_status (*table_reader)(binary_reader *r, const model_flat_table *table, size_t i,
                                  mw_error *err);

static mw_status read_each(binary_reader *r, enum trees_field field, const char *name,
                           table_reader read, mw_error *err)
{
    model_flat_vector tables;
    model_flat_table table;
    MW_TRY(model_flat_items(&r->trees, field, MODEL_FLAT_OFFSET, &tables, err));
    for (size_t i = 0; i < tables.count; i++) {
        mw_status status = model_flat_item_table(&r->flat, &tables, i, &table, err);
        if (status == MW_OK)
            status = read(r, &table, i, err);
        if (status != MW_OK)
            return mw_at(err, "%s[%zu]", name, i);
    }
    return MW_OK;
}

static mw_status read_features(binary_reader *r, mw_error *err)
{
    MW_TRY(read_each(r, TREES_CATEGORIES, "CatFeatures", read_category, err));
    MW_TRY(read_each(r, TREES_TEXTS, "TextFeatures", refuse_text, err));
    MW_TRY(read_each(r, TREES_EMBEDDINGS, "EmbeddingFeatures", refuse_text, err));
    MW_TRY(read_each(r, TREES_ESTIMATED, "EstimatedFeatures", refuse_text, err));
    MW_TRY(read_each(r, TREES_FLOATS, "FloatFeatures", read_float_feature, err));
    MW_TRY(read_each(r, TREES_ONE_HOT, "OneHotFeatures", read_one_hot_feature, err));
    r->cat->n_conditions = r->conditions.count;
    return read_each(r, TREES_STATISTICS, "CtrFeatures", read_statistic, err);
}

/* ---- trees ------------------------------------------------------------------------------------
 */

static mw_status fail_count(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_COUNT, "the model has too few %s for its trees", what);
    return damaged(err);
}

static mw_status find_condition(const binary_reader *r, size_t split, model_cat_node *ret_condition,
                                mw_error *err)
{
    uint32_t index = model_flat_load32(r->splits.items + split * sizeof(int32_t));
    if (index >= r->conditions.count) {
        mw_fail(err, MW_E_TREE_FEATURE, "condition %u is outside 0..%zd", index,
                (ptrdiff_t)r->conditions.count - 1);
        damaged(err);
        return mw_at(err, "TreeSplits[%zu]", split);
    }
    *ret_condition = ((const model_cat_node *)r->conditions.items)[index];
    return MW_OK;
}

/* A vector has `n` doubles from number `first` on. */
static mw_status check_doubles(const model_flat_vector *from, size_t first, size_t n,
                               const char *what, mw_error *err)
{
    return first > from->count || n > from->count - first ? fail_count(what, err) : MW_OK;
}

static mw_status copy_doubles(const model_flat_vector *from, size_t first, size_t n,
                              model_list *list, const char *what, mw_error *err)
{
    MW_TRY(check_doubles(from, first, n, what, err));
    double *copy = model_list_add(list, n);
    if (!copy)
        return mw_fail_memory(err, "numbers of a tree");
    if (n > 0)
        memcpy(copy, from->items + first * sizeof(double), n * sizeof(double));
    return MW_OK;
}

/* The leaves of a tree, from these numbers on. */
static mw_status copy_leaves(binary_reader *r, size_t value, size_t weight, size_t n_leaves,
                             mw_error *err)
{
    model_cat_tree *tree = &r->cat->tree;
    MW_TRY(copy_doubles(&r->values, value, n_leaves * r->n_outputs, &tree->values, "leaf values",
                        err));
    if (r->weights.count > 0)
        MW_TRY(copy_doubles(&r->weights, weight, n_leaves, &tree->weights, "leaf weights", err));
    return model_cat_add_oblivious(r->cat, err);
}

static mw_status hold_leaves(binary_reader *r, size_t value, size_t weight, size_t n_leaves,
                             mw_error *err)
{
    double *none;
    size_t n_values = n_leaves * r->n_outputs;
    MW_TRY(check_doubles(&r->values, value, n_values, "leaf values", err));
    if (r->weights.count > 0)
        MW_TRY(check_doubles(&r->weights, weight, n_leaves, "leaf weights", err));
    MW_TRY(model_cat_note_outputs(r->cat, n_values, n_leaves, err));
    return model_cat_add_splits(r->cat, &none, err);
}

static mw_status read_oblivious(binary_reader *r, size_t depth, mw_error *err)
{
    enum { DEPTH_MAX = 16 }; /* CatBoost's own limit */
    model_cat_tree *tree = &r->cat->tree;
    if (depth > DEPTH_MAX) {
        mw_fail(err, MW_E_MODEL_LIMIT, "%zu levels are more than %d", depth, DEPTH_MAX);
        return damaged(err);
    }
    for (size_t i = 0; i < depth; i++) {
        model_cat_node *split = model_list_add(&tree->splits, 1);
        if (!split)
            return mw_fail_memory(err, "splits of a tree");
        MW_TRY(find_condition(r, r->next_split + i, split, err));
    }
    size_t n_leaves = (size_t)1 << depth, value = r->next_value, weight = r->next_weight;
    r->next_value += n_leaves * r->n_outputs;
    r->next_weight += n_leaves;
    return r->cat->build.held_values ? hold_leaves(r, value, weight, n_leaves, err)
                                     : copy_leaves(r, value, weight, n_leaves, err);
}

static model_cat_node *node_at(const binary_reader *r, size_t index)
{
    return (model_cat_node *)r->cat->tree.nodes.items + index;
}

/* The leaf behind the end of node `at`: its values and weight. */
static mw_status add_leaf(binary_reader *r, size_t at, model_cat_node *leaf, mw_error *err)
{
    model_cat_tree *tree = &r->cat->tree;
    size_t value = model_flat_load32(r->leaves.items + at * sizeof(uint32_t));
    size_t number = value / r->n_outputs;
    *leaf = (model_cat_node){.left = -1, .right = -1, .values = tree->values.count};
    if (value % r->n_outputs != 0)
        return fail_count("leaf values", err);
    MW_TRY(copy_doubles(&r->values, value, r->n_outputs, &tree->values, "leaf values", err));
    if (r->weights.count == 0)
        return MW_OK;
    if (number >= r->weights.count)
        return fail_count("leaf weights", err);
    r->cat->has_weights = true;
    leaf->weight = model_flat_load_double(r->weights.items + number * sizeof(double));
    return MW_OK;
}

/* A child: the node that a step leads to, or a new leaf behind all nodes. */
static mw_status find_child(binary_reader *r, size_t first, size_t n_nodes, size_t node,
                            size_t step, int64_t *ret_child, mw_error *err)
{
    if (step == 0) {
        model_cat_node leaf, *added;
        MW_TRY(add_leaf(r, first + node, &leaf, err));
        added = model_list_add(&r->cat->tree.nodes, 1);
        if (!added)
            return mw_fail_memory(err, "the nodes of a tree");
        *added = leaf;
        *ret_child = (int64_t)r->cat->tree.nodes.count - 1;
        return MW_OK;
    }
    if (step >= n_nodes - node) {
        mw_fail(err, MW_E_TREE_CHILD, "a step of %zu leads out of the tree", step);
        damaged(err);
        return mw_at(err, "NonSymmetricStepNodes[%zu]", first + node);
    }
    *ret_child = (int64_t)(node + step);
    return MW_OK;
}

static mw_status read_step(binary_reader *r, size_t first, size_t n_nodes, size_t node,
                           mw_error *err)
{
    const unsigned char *step = r->steps.items + (first + node) * STEP_BYTES;
    size_t left = model_flat_load16(step), right = model_flat_load16(step + 2);
    model_cat_node split, leaf;
    int64_t left_child = 0, right_child = 0;
    if (left == 0 && right == 0) {
        MW_TRY(add_leaf(r, first + node, &leaf, err));
        *node_at(r, node) = leaf;
        return MW_OK;
    }
    MW_TRY(find_condition(r, first + node, &split, err));
    MW_TRY(find_child(r, first, n_nodes, node, left, &left_child, err));
    MW_TRY(find_child(r, first, n_nodes, node, right, &right_child, err));
    split.left = left_child;
    split.right = right_child;
    *node_at(r, node) = split;
    return MW_OK;
}

static mw_status read_stepped(binary_reader *r, size_t n_nodes, mw_error *err)
{
    size_t first = r->next_split;
    if (n_nodes == 0 || n_nodes > r->steps.count - first || n_nodes > r->leaves.count - first)
        return fail_count("nodes", err);
    if (!model_list_add(&r->cat->tree.nodes, n_nodes))
        return mw_fail_memory(err, "the nodes of a tree");
    for (size_t node = 0; node < n_nodes; node++)
        MW_TRY(read_step(r, first, n_nodes, node, err));
    MW_TRY(model_cat_note_outputs(r->cat, r->n_outputs, 1, err));
    return model_cat_add_tree(r->cat, err);
}

static mw_status read_tree(binary_reader *r, size_t tree, mw_error *err)
{
    size_t size = model_flat_load32(r->sizes.items + tree * sizeof(int32_t));
    if (size > r->splits.count - r->next_split)
        return fail_count("splits", err);
    model_cat_tree_empty(&r->cat->tree);
    MW_TRY(r->steps.count > 0 ? read_stepped(r, size, err) : read_oblivious(r, size, err));
    r->next_split += size;
    return MW_OK;
}

/* Leaves of oblivious trees stand in the file as they do in a forest: where its pages are ours, the
 * forest holds them, and nothing is copied. */
static bool can_hold(const binary_reader *r)
{
    uintptr_t places = (uintptr_t)r->values.items | (uintptr_t)r->weights.items;
    return r->cat->build.spare && r->steps.count == 0 && r->sizes.count > 0 &&
           r->values.count > 0 && places % sizeof(double) == 0;
}

static mw_status read_trees(binary_reader *r, mw_error *err)
{
    const model_flat_table *t = &r->trees;
    int32_t n_outputs;
    MW_TRY(model_flat_int(t, TREES_DIMENSION, 0, &n_outputs, err));
    if (n_outputs < 1 || n_outputs > MW_LIMIT_OUTPUTS) {
        mw_fail(err, MW_E_MODEL_VALUE, "%d outputs are not possible", (int)n_outputs);
        damaged(err);
        return mw_at(err, "ApproxDimension");
    }
    r->n_outputs = (size_t)n_outputs;
    MW_TRY(model_flat_items(t, TREES_SPLITS, sizeof(int32_t), &r->splits, err));
    MW_TRY(model_flat_items(t, TREES_SIZES, sizeof(int32_t), &r->sizes, err));
    MW_TRY(model_flat_items(t, TREES_VALUES, sizeof(double), &r->values, err));
    MW_TRY(model_flat_items(t, TREES_WEIGHTS, sizeof(double), &r->weights, err));
    MW_TRY(model_flat_items(t, TREES_STEPS, STEP_BYTES, &r->steps, err));
    MW_TRY(model_flat_items(t, TREES_LEAVES, sizeof(uint32_t), &r->leaves, err));
    if (r->steps.count > 0 &&
        (r->steps.count < r->splits.count || r->leaves.count < r->splits.count))
        return fail_count("nodes", err);
    if (can_hold(r)) {
        r->cat->build.held_values = (const double *)(const void *)r->values.items;
        r->cat->build.held_covers = (const double *)(const void *)r->weights.items;
    }
    for (size_t tree = 0; tree < r->sizes.count; tree++)
        if (read_tree(r, tree, err) != MW_OK)
            return mw_at(err, "tree %zu", tree);
    return MW_OK;
}

static mw_status read_scale_and_bias(binary_reader *r, mw_error *err)
{
    model_flat_vector biases;
    double bias;
    MW_TRY(model_flat_double(&r->trees, TREES_SCALE, 1, &r->cat->scale, err));
    MW_TRY(model_flat_double(&r->trees, TREES_BIAS, 0, &bias, err));
    MW_TRY(model_flat_items(&r->trees, TREES_BIASES, sizeof(double), &biases, err));
    if (biases.count > 0)
        return copy_doubles(&biases, 0, biases.count, &r->cat->bias, "biases", err);
    double *only = model_list_add(&r->cat->bias, 1);
    if (!only)
        return mw_fail_memory(err, "biases");
    *only = bias;
    return MW_OK;
}

/* ---- the core ---------------------------------------------------------------------------------
 */

static mw_status read_pair(binary_reader *r, const model_flat_table *pair, mw_error *err)
{
    static const struct {
        const char *key;
        mw_status (*read)(model_cat *cat, mw_error *err);
    } texts[] = {{"params", model_cat_read_params},
                 {"class_params", model_cat_read_class_params},
                 {"loss_function", model_cat_read_sum_loss}};
    mw_view key, value;
    MW_TRY(model_flat_text(pair, PAIR_KEY, &key, err));
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        if (!mw_view_is(key, texts[i].key))
            continue;
        MW_TRY(model_flat_text(pair, PAIR_VALUE, &value, err));
        if (value.size == 0) /* of a sum of models that was loaded and saved again */
            return MW_OK;
        model_document_init(&r->cat->doc, value, false, &r->cat->build.forest->arena);
        if (texts[i].read(r->cat, err) == MW_OK)
            return model_document_end(&r->cat->doc, err);
        return mw_at(err, "InfoMap: %s", texts[i].key);
    }
    return MW_OK;
}

static mw_status read_info(binary_reader *r, const model_flat_table *core, mw_error *err)
{
    model_flat_vector pairs;
    model_flat_table pair;
    MW_TRY(model_flat_items(core, CORE_INFO, MODEL_FLAT_OFFSET, &pairs, err));
    for (size_t i = 0; i < pairs.count; i++) {
        MW_TRY(model_flat_item_table(&r->flat, &pairs, i, &pair, err));
        MW_TRY(read_pair(r, &pair, err));
    }
    return MW_OK;
}

static mw_status check_version(const model_flat_table *core, mw_error *err)
{
    mw_view version;
    MW_TRY(model_flat_text(core, CORE_VERSION, &version, err));
    if (mw_view_is(version, "FlabuffersModel_v1"))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_FORMAT, "version '%.*s' of CatBoost's format is not read",
            (int)(version.size < 40 ? version.size : 40), version.data);
    return mw_mend(err, "load the model with CatBoost 1.2 and save it again, as .cbm or as JSON");
}

static mw_status read_core(binary_reader *r, mw_error *err)
{
    model_flat_table core;
    bool present = false;
    MW_TRY(model_flat_root(&r->flat, &core, err));
    MW_TRY(check_version(&core, err));
    MW_TRY(model_flat_child(&core, CORE_TREES, &r->trees, &present, err));
    if (!present) {
        mw_fail(err, MW_E_MODEL_KIND, "a CatBoost model without trees");
        return damaged(err);
    }
    MW_TRY(read_info(r, &core, err));
    MW_TRY(read_features(r, err));
    MW_TRY(read_trees(r, err));
    return read_scale_and_bias(r, err);
}

static mw_status find_core(mw_view bytes, model_flat *ret_flat, mw_error *err)
{
    enum { HEAD_BYTES = 8 };
    const unsigned char *data = (const unsigned char *)bytes.data;
    size_t size = bytes.size >= HEAD_BYTES ? model_flat_load32(data + 4) : 0;
    if (size > 0 && size <= bytes.size - HEAD_BYTES) {
        *ret_flat = (model_flat){data + HEAD_BYTES, size};
        return MW_OK;
    }
    mw_fail(err, MW_E_MODEL_CUT_SHORT, "the file ends before the model does");
    return damaged(err);
}

size_t model_cat_place(mw_view head)
{
    enum { HEAD_BYTES = 8 };
    mw_error err;
    model_flat_table core, trees;
    bool present = false;
    size_t first = 0;
    if (head.size < HEAD_BYTES || memcmp(head.data, "CBM1", 4) != 0)
        return 0;
    model_flat flat = {(const unsigned char *)head.data + HEAD_BYTES, head.size - HEAD_BYTES};
    mw_status status = model_flat_root(&flat, &core, &err);
    if (status == MW_OK)
        status = model_flat_child(&core, CORE_TREES, &trees, &present, &err);
    if (status == MW_OK && present)
        status = model_flat_first(&trees, TREES_VALUES, &first, &err);
    if (status != MW_OK || first == 0)
        return 0;
    size_t beyond = (HEAD_BYTES + first) % MW_FILE_PLACES;
    return beyond > 0 ? MW_FILE_PLACES - beyond : 0;
}

static mw_view behind_core(mw_view bytes, const model_flat *core)
{
    const char *end = (const char *)core->data + core->size;
    return (mw_view){end, (size_t)(bytes.data + bytes.size - end)};
}

static void forget(const unsigned char *from, const unsigned char *to)
{
    if (from < to)
        mw_pages_forget(from, (size_t)(to - from));
}

/* What a forest that holds the file's leaves does not need of it goes back to the system: tables of
 * statistics may be as large as all trees. */
static void forget_others(mw_view bytes, const binary_reader *r)
{
    const unsigned char *begin = (const unsigned char *)bytes.data, *end = begin + bytes.size;
    const model_flat_vector *first = &r->values, *last = &r->weights;
    if (last->count > 0 && last->items < first->items) {
        first = &r->weights;
        last = &r->values;
    }
    forget(begin, first->items);
    const unsigned char *first_end = first->items + first->count * sizeof(double);
    const unsigned char *last_end = last->items ? last->items + last->count * sizeof(double) : NULL;
    if (last->items)
        forget(first_end, last->items);
    forget(last_end > first_end ? last_end : first_end, end); /* odd files have one in the other */
}

mw_status model_cat_read_binary(mw_view bytes, unsigned how, mw_forest **ret_forest, mw_error *err)
{
    model_cat cat;
    binary_reader reader = {.cat = &cat, .conditions.item_bytes = sizeof(model_cat_node)};
    mw_status status = model_cat_init(&cat, bytes, MW_FORMAT_CATBOOST_BINARY, err);
    cat.build.spare = how & MODEL_SPARE;
    if (status == MW_OK)
        status = find_core(bytes, &reader.flat, err);
    if (status == MW_OK)
        status = read_core(&reader, err);
    if (status == MW_OK && cat.statistics.count > 0)
        status = cat_read_flat_tables(&cat, behind_core(bytes, &reader.flat), err);
    if (status == MW_OK)
        status = model_cat_settle(&cat, err);
    if (status == MW_OK)
        status = model_build_finish(&cat.build, ret_forest, err);
    if (status == MW_OK && (*ret_forest)->holds_file)
        forget_others(bytes, &reader);
    model_list_done(&reader.conditions);
    model_cat_done(&cat);
    return status;
}
