/* LightGBM models as JSON: what booster.dump_model() returns, written by json.dump.
 *
 *     {"name": "tree", "version": "v4", "num_tree_per_iteration": 1, "max_feature_idx": 3,
 *      "objective": "binary sigmoid:1", "average_output": false, "feature_names": [...],
 *      "feature_infos": {"age": {"min_value": 18, "max_value": 90, "values": []}, ...},
 *      "tree_info": [{"tree_index": 0, "num_leaves": 31, "tree_structure": {...}}, ...],
 *      "pandas_categorical": null}
 *
 * It holds all that a prediction needs. What it lacks beside the text form are the parameters of
 * training: of them only the list of categorical columns would be used, and a column whose
 * categories training saw is known without it. */
#include "lightgbm.h"

#include "names.h"

static const model_places dump_places = {
    .tree = "tree_info[",
    .tree_end = "].",
    .left = "left_child",
    .right = "right_child",
    .feature = "split_feature",
    .threshold = "threshold",
    .value = "leaf_value",
};

static const char again[] = "write the model again with json.dump(booster.dump_model(), file)";

/* ---- trees ------------------------------------------------------------------------------------
 */

/* A dump while it is read. */
typedef struct dump_reader {
    model_lgb *lgb;
    model_document doc;
    model_lgb_dump_tree tree;
} dump_reader;

static mw_status check_leaf_count(int64_t declared, int64_t found, mw_error *err)
{
    if (declared == found)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "%lld leaves, but the tree has %lld", (long long)declared,
            (long long)found);
    mw_mend(err, "%s", again);
    return mw_at(err, "num_leaves");
}

static mw_status read_tree(dump_reader *r, mw_error *err)
{
    static const char *const names[] = {"num_leaves", "tree_structure"};
    enum { N_LEAVES, STRUCTURE };
    model_lgb *lgb = r->lgb;
    uint32_t seen = 0;
    size_t key = 0;
    int64_t n_leaves = 0;
    bool more = false;
    MW_TRY(model_document_object_begin(&r->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&r->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        mw_status status = key == N_LEAVES
                               ? model_document_integer(&r->doc, &n_leaves, err)
                               : model_lgb_read_structure(&r->doc, &r->tree, &lgb->tree, err);
        if (status != MW_OK)
            return model_at_key(err, names[key]);
    }
    if (!(seen & 1u << STRUCTURE)) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "there is no tree_structure");
        return mw_mend(err, "%s", again);
    }
    if (seen & 1u << N_LEAVES)
        MW_TRY(check_leaf_count(n_leaves, lgb->tree.n_leaves, err));
    uint32_t output = (uint32_t)(lgb->build.tree_output.count % lgb->build.forest->n_margins);
    return model_lgb_tree_finish(&lgb->tree, output, &lgb->build, err);
}

static mw_status read_trees(dump_reader *r, mw_error *err)
{
    bool more = false;
    MW_TRY(model_document_array_begin(&r->doc, err));
    for (size_t i = 0;; i++) {
        MW_TRY(model_document_array_next(&r->doc, &more, err));
        if (!more)
            return MW_OK;
        if (read_tree(r, err) != MW_OK)
            return model_at_index(err, i);
    }
}

/* ---- features ---------------------------------------------------------------------------------
 */

static mw_status pass_elements(model_document *doc, bool *ret_any, mw_error *err)
{
    bool more = false;
    MW_TRY(model_document_array_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_array_next(doc, &more, err));
        if (!more)
            return MW_OK;
        *ret_any = true;
        MW_TRY(model_document_skip(doc, err));
    }
}

/* Whether {"values": [...]} lists categories. */
static mw_status read_feature_info(dump_reader *r, bool *ret_any, mw_error *err)
{
    static const char *const names[] = {"values"};
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    *ret_any = false;
    MW_TRY(model_document_object_begin(&r->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&r->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        MW_TRY(pass_elements(&r->doc, ret_any, err));
    }
    return MW_OK;
}

static mw_status read_feature_infos(dump_reader *r, mw_error *err)
{
    mw_view name;
    bool more = false, categories = false;
    MW_TRY(model_document_object_begin(&r->doc, err));
    for (;;) {
        MW_TRY(model_document_object_next(&r->doc, &name, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(read_feature_info(r, &categories, err));
        if (!categories)
            continue;
        mw_view *kept = model_list_add(&r->lgb->category_names, 1);
        if (!kept)
            return mw_fail_memory(err, "names of features");
        *kept = name;
    }
}

/* ---- the document ------------------------------------------------------------------------------
 */

enum dump_key {
    DUMP_VERSION,
    DUMP_PER_ITERATION,
    DUMP_MAX_FEATURE,
    DUMP_NAMES,
    DUMP_TREES,
    DUMP_N_CLASSES,
    DUMP_OBJECTIVE,
    DUMP_AVERAGE,
    DUMP_INFOS,
    DUMP_PANDAS
};

static const char *const dump_keys[] = {
    [DUMP_VERSION] = "version",
    [DUMP_PER_ITERATION] = "num_tree_per_iteration",
    [DUMP_MAX_FEATURE] = "max_feature_idx",
    [DUMP_NAMES] = "feature_names",
    [DUMP_TREES] = "tree_info",
    [DUMP_N_CLASSES] = "num_class",
    [DUMP_OBJECTIVE] = "objective",
    [DUMP_AVERAGE] = "average_output",
    [DUMP_INFOS] = "feature_infos",
    [DUMP_PANDAS] = "pandas_categorical",
};

static mw_status read_value(dump_reader *r, enum dump_key key, mw_error *err)
{
    model_lgb *lgb = r->lgb;
    model_document *doc = &r->doc;
    switch (key) {
    case DUMP_VERSION:
        return model_document_string(doc, &lgb->version, err);
    case DUMP_PER_ITERATION:
        return model_document_integer(doc, &lgb->n_per_iteration, err);
    case DUMP_MAX_FEATURE:
        return model_document_integer(doc, &lgb->max_feature, err);
    case DUMP_NAMES:
        return model_document_strings(doc, &lgb->names, err);
    case DUMP_TREES:
        return read_trees(r, err);
    case DUMP_N_CLASSES:
        return model_document_integer(doc, &lgb->n_classes, err);
    case DUMP_OBJECTIVE:
        lgb->has_objective = true;
        return model_document_string(doc, &lgb->objective, err);
    case DUMP_AVERAGE:
        return mw_scan_bool(&doc->json, &lgb->average, err);
    case DUMP_INFOS:
        return read_feature_infos(r, err);
    case DUMP_PANDAS:
        break;
    }
    return mw_scan_skip(&doc->json, &lgb->pandas, err);
}

/* LightGBM writes the counts before the trees, and so does a sorted dump. */
static mw_status settle_head(dump_reader *r, uint32_t seen, mw_error *err)
{
    for (unsigned i = DUMP_PER_ITERATION; i <= DUMP_MAX_FEATURE; i++) {
        if (seen & 1u << i)
            continue;
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "there is no '%s' before the trees", dump_keys[i]);
        return mw_mend(err, "%s", again);
    }
    return model_lgb_settle_counts(r->lgb, err);
}

static mw_status check_keys(uint32_t seen, mw_error *err)
{
    for (unsigned i = 0; i <= DUMP_TREES; i++) {
        if (seen & 1u << i)
            continue;
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "there is no '%s'", dump_keys[i]);
        return mw_mend(err, "%s", again);
    }
    return MW_OK;
}

static mw_status read_document(dump_reader *r, mw_error *err)
{
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    MW_TRY(model_document_object_begin(&r->doc, err));
    for (;;) {
        MW_TRY(
            model_document_key(&r->doc, dump_keys, MW_COUNT(dump_keys), &seen, &key, &more, err));
        if (!more)
            break;
        if (key == DUMP_TREES)
            MW_TRY(settle_head(r, seen, err));
        if (read_value(r, (enum dump_key)key, err) != MW_OK)
            return model_at_key(err, dump_keys[key]);
    }
    MW_TRY(model_document_end(&r->doc, err));
    MW_TRY(check_keys(seen, err));
    return model_lgb_check_version(r->lgb, err);
}

mw_status model_lgb_read_dump(mw_view bytes, mw_forest **ret_forest, mw_error *err)
{
    model_lgb lgb;
    dump_reader reader = {.lgb = &lgb};
    model_lgb_dump_tree_init(&reader.tree);
    mw_status status = model_lgb_init(&lgb, &dump_places, bytes, MW_FORMAT_LIGHTGBM_JSON, err);
    if (status == MW_OK) {
        model_document_init(&reader.doc, bytes, false, &lgb.build.forest->arena);
        reader.doc.json.depth_max = MW_LIMIT_TREE_DEPTH + MW_LIMIT_JSON_DEPTH;
        status = read_document(&reader, err);
    }
    if (status == MW_OK)
        status = model_lgb_finish(&lgb, ret_forest, err);
    model_lgb_dump_tree_done(&reader.tree);
    model_lgb_done(&lgb);
    return status;
}
