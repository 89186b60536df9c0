/* CatBoost's JSON models.
 *
 *     features_info       float_features [{flat_feature_index, feature_id, nan_value_treatment,
 *                                          borders}]
 *                         categorical_features [{flat_feature_index, feature_id, values}]
 *                         ctrs, and ctr_data: see catboost_ctr_json.c
 *     model_info          class_params {class_names}, params {loss_function {type}};
 *                         loss_function of a sum of models: a text of JSON
 *     oblivious_trees     or trees: see catboost_tree.c
 *     scale_and_bias      [scale, [bias of each output]]; older: [scale, bias]
 *
 * Texts and embeddings are not read: a model that asks for them is refused. */
#include "catboost_ctr.h"

#include "names.h"
#include "read.h"

static const model_places cat_places = {
    .tree = "trees[",
    .tree_end = "].",
    .left = "left",
    .right = "right",
    .feature = "float_feature_index",
    .threshold = "border",
    .value = "value",
};

typedef struct cat_key {
    const char *name;
    model_cat_reader *read;
} cat_key;

/* Read an object whose keys are in the table; place names are prepended to errors. */
static mw_status read_object(model_cat *cat, const cat_key *keys, size_t n_keys, mw_error *err)
{
    uint32_t seen = 0;
    size_t i = 0;
    bool more = false;
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_row(&cat->doc, keys, sizeof *keys, n_keys, &seen, &i, &more, err));
        if (!more)
            return MW_OK;
        if (keys[i].read(cat, err) != MW_OK)
            return model_at_key(err, keys[i].name);
    }
}

mw_status model_cat_read_each(model_cat *cat, model_cat_reader *read, mw_error *err)
{
    bool more = false;
    MW_TRY(model_document_array_begin(&cat->doc, err));
    for (size_t i = 0;; i++) {
        MW_TRY(model_document_array_next(&cat->doc, &more, err));
        if (!more)
            return MW_OK;
        if (read(cat, err) != MW_OK)
            return model_at_index(err, i);
    }
}

/* ---- features -------------------------------------------------------------------------------- */

static model_cat_feature *last_feature(model_cat *cat)
{
    return (model_cat_feature *)cat->described->items + cat->described->count - 1;
}

static mw_status read_feature_column(model_cat *cat, mw_error *err)
{
    return model_document_integer(&cat->doc, &last_feature(cat)->column, err);
}

static mw_status read_feature_name(model_cat *cat, mw_error *err)
{
    return model_document_string(&cat->doc, &last_feature(cat)->name, err);
}

static mw_status read_nan_treatment(model_cat *cat, mw_error *err)
{
    mw_view text;
    MW_TRY(model_document_string(&cat->doc, &text, err));
    last_feature(cat)->nan_is_high = mw_view_is(text, "AsTrue");
    return MW_OK;
}

/* A border or a category: a split may ask for it. */
static mw_status count_condition(model_cat *cat, mw_error *err)
{
    cat->n_conditions++;
    return model_document_skip(&cat->doc, err);
}

static mw_status count_conditions(model_cat *cat, mw_error *err)
{
    if (model_document_peek(&cat->doc) == MW_SCAN_NULL) /* as CatBoost writes no borders */
        return model_document_skip(&cat->doc, err);
    return model_cat_read_each(cat, count_condition, err);
}

static mw_status read_feature(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {{"flat_feature_index", read_feature_column},
                                   {"feature_id", read_feature_name},
                                   {"nan_value_treatment", read_nan_treatment},
                                   {"borders", count_conditions},
                                   {"values", count_conditions}};
    model_cat_feature *feature = model_list_add(cat->described, 1);
    if (!feature)
        return mw_fail_memory(err, "features");
    *feature = (model_cat_feature){.column = -1};
    return read_object(cat, keys, MW_COUNT(keys), err);
}

static mw_status read_float_features(model_cat *cat, mw_error *err)
{
    cat->described = &cat->features;
    return model_cat_read_each(cat, read_feature, err);
}

static mw_status read_categorical_features(model_cat *cat, mw_error *err)
{
    cat->described = &cat->categories;
    return model_cat_read_each(cat, read_feature, err);
}

static mw_status refuse_feature(model_cat *cat, mw_error *err)
{
    (void)cat;
    return model_cat_refuse_texts(err);
}

static mw_status refuse_features(model_cat *cat, mw_error *err)
{
    return model_cat_read_each(cat, refuse_feature, err);
}

static mw_status read_features_info(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {{"float_features", read_float_features},
                                   {"categorical_features", read_categorical_features},
                                   {"ctrs", cat_read_statistics},
                                   {"text_features", refuse_features},
                                   {"embedding_features", refuse_features}};
    cat->has_features = true;
    return read_object(cat, keys, MW_COUNT(keys), err);
}

/* ---- model_info ------------------------------------------------------------------------------ */

static mw_status read_loss_type(model_cat *cat, mw_error *err)
{
    return model_document_string(&cat->doc, &cat->loss, err);
}

static mw_status read_loss(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {{"type", read_loss_type}};
    return read_object(cat, keys, MW_COUNT(keys), err);
}

/* As large as can be when nothing was left out. */
static mw_status read_leaf_limit(model_cat *cat, mw_error *err)
{
    double limit;
    MW_TRY(model_document_number(&cat->doc, &limit, err));
    cat->keeps_commonest = limit < (double)INT64_MAX;
    return MW_OK;
}

static mw_status read_category_params(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {{"ctr_leaf_count_limit", read_leaf_limit}};
    return read_object(cat, keys, MW_COUNT(keys), err);
}

mw_status model_cat_read_params(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {{"loss_function", read_loss},
                                   {"cat_feature_params", read_category_params}};
    return read_object(cat, keys, MW_COUNT(keys), err);
}

mw_status model_cat_read_sum_loss(model_cat *cat, mw_error *err)
{
    mw_view own = cat->loss;
    MW_TRY(read_loss(cat, err));
    cat->sum_loss = cat->loss;
    cat->loss = own;
    return MW_OK;
}

mw_status model_cat_read_text(model_cat *cat, mw_view text, model_cat_reader *read, mw_error *err)
{
    model_document outer = cat->doc;
    model_document_init(&cat->doc, text, false, &cat->build.forest->arena);
    mw_status status = read(cat, err);
    if (status == MW_OK)
        status = model_document_end(&cat->doc, err);
    cat->doc = outer;
    return status;
}

static mw_status read_sum_loss_text(model_cat *cat, mw_error *err)
{
    mw_view text;
    MW_TRY(model_document_string(&cat->doc, &text, err));
    return model_cat_read_text(cat, text, model_cat_read_sum_loss, err);
}

/* A label is a text, a truth value or a number, whose label is its text. */
static mw_status read_class_name(model_cat *cat, mw_error *err)
{
    mw_view *name = model_list_add(&cat->class_names, 1);
    if (!name)
        return mw_fail_memory(err, "names of classes");
    mw_scan_kind kind = model_document_peek(&cat->doc);
    if (kind == MW_SCAN_STRING)
        return model_document_string(&cat->doc, name, err);
    if (kind == MW_SCAN_TRUE || kind == MW_SCAN_FALSE) {
        *name = mw_view_of(kind == MW_SCAN_TRUE ? "True" : "False"); /* as Python writes them */
        return model_document_skip(&cat->doc, err);
    }
    double value;
    char text[MW_NUMBER_TEXT_BYTES];
    const char *kept;
    MW_TRY(model_document_number(&cat->doc, &value, err));
    mw_view written = {text, mw_number_write_double(text, value, false)};
    MW_TRY(model_keep_text(cat->build.forest, written, &kept, err));
    *name = mw_view_of(kept);
    return MW_OK;
}

static mw_status read_class_names(model_cat *cat, mw_error *err)
{
    return model_cat_read_each(cat, read_class_name, err);
}

mw_status model_cat_read_class_params(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {{"class_names", read_class_names}};
    return read_object(cat, keys, MW_COUNT(keys), err);
}

static mw_status read_model_info(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {{"class_params", model_cat_read_class_params},
                                   {"params", model_cat_read_params},
                                   {"loss_function", read_sum_loss_text}};
    return read_object(cat, keys, MW_COUNT(keys), err);
}

/* ---- trees, scale and bias ------------------------------------------------------------------- */

static mw_status begin_trees(model_cat *cat, mw_error *err)
{
    if (cat->has_trees) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "a model has oblivious trees or others, not both");
        return mw_mend(err, "save the model again; this file was edited by hand");
    }
    cat->has_trees = true;
    model_build_run(&cat->build, model_document_at(&cat->doc));
    return MW_OK;
}

/* A tree keeps nothing of its text. */
static mw_status read_oblivious_tree(model_cat *cat, mw_error *err)
{
    model_build_passed(&cat->build, model_document_at(&cat->doc));
    return model_cat_read_oblivious(cat, err);
}

static mw_status read_nested_tree(model_cat *cat, mw_error *err)
{
    model_build_passed(&cat->build, model_document_at(&cat->doc));
    return model_cat_read_nested(cat, err);
}

static mw_status read_oblivious_trees(model_cat *cat, mw_error *err)
{
    MW_TRY(begin_trees(cat, err));
    return model_cat_read_each(cat, read_oblivious_tree, err);
}

static mw_status read_nested_trees(model_cat *cat, mw_error *err)
{
    MW_TRY(begin_trees(cat, err));
    return model_cat_read_each(cat, read_nested_tree, err);
}

static mw_status add_bias(model_cat *cat, mw_error *err)
{
    double *bias = model_list_add(&cat->bias, 1);
    if (!bias)
        return mw_fail_memory(err, "biases");
    return model_document_number(&cat->doc, bias, err);
}

static mw_status read_scale_and_bias(model_cat *cat, mw_error *err)
{
    bool more = false;
    MW_TRY(model_document_array_begin(&cat->doc, err));
    for (size_t i = 0;; i++) {
        MW_TRY(model_document_array_next(&cat->doc, &more, err));
        if (!more)
            return MW_OK;
        if (i == 0)
            MW_TRY(model_document_number(&cat->doc, &cat->scale, err));
        else if (model_document_peek(&cat->doc) == MW_SCAN_ARRAY)
            MW_TRY(model_cat_read_each(cat, add_bias, err));
        else
            MW_TRY(add_bias(cat, err));
    }
}

static mw_status read_document(model_cat *cat, mw_error *err)
{
    static const cat_key keys[] = {
        {"ctr_data", cat_read_tables},   {"features_info", read_features_info},
        {"model_info", read_model_info}, {"oblivious_trees", read_oblivious_trees},
        {"trees", read_nested_trees},    {"scale_and_bias", read_scale_and_bias}};
    MW_TRY(read_object(cat, keys, MW_COUNT(keys), err));
    MW_TRY(model_document_end(&cat->doc, err));
    if (cat->has_features && cat->has_trees)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_KIND, "a CatBoost model without %s",
            cat->has_features ? "trees" : "features_info");
    return mw_mend(err, "save the model again with model.save_model('model.json', format='json')");
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status model_cat_init(model_cat *cat, mw_view bytes, mw_format format, mw_error *err)
{
    *cat = (model_cat){.features.item_bytes = sizeof(model_cat_feature),
                       .categories.item_bytes = sizeof(model_cat_feature),
                       .bias.item_bytes = sizeof(double),
                       .parts.item_bytes = sizeof(cat_part),
                       .statistics.item_bytes = sizeof(cat_statistic),
                       .tables.item_bytes = sizeof(cat_table),
                       .keys.item_bytes = sizeof(uint64_t),
                       .counts.item_bytes = sizeof(double),
                       .class_names.item_bytes = sizeof(mw_view),
                       .scale = 1};
    model_cat_tree_init(&cat->tree);
    MW_TRY(model_build_init(&cat->build, &cat_places, bytes.size, err));
    cat->build.forest->format = format;
    return MW_OK;
}

void model_cat_done(model_cat *cat)
{
    model_cat_tree_done(&cat->tree);
    model_list_done(&cat->features);
    model_list_done(&cat->categories);
    model_list_done(&cat->bias);
    model_list_done(&cat->parts);
    model_list_done(&cat->statistics);
    model_list_done(&cat->tables);
    model_list_done(&cat->keys);
    model_list_done(&cat->counts);
    model_list_done(&cat->class_names);
    model_build_done(&cat->build);
}

mw_status model_cat_read(mw_view bytes, unsigned how, mw_forest **ret_forest, mw_error *err)
{
    model_cat cat;
    mw_status status = model_cat_init(&cat, bytes, MW_FORMAT_CATBOOST_JSON, err);
    cat.build.spare = how & MODEL_SPARE;
    if (status == MW_OK) {
        model_document_init(&cat.doc, bytes, false, &cat.build.forest->arena);
        status = read_document(&cat, err);
    }
    if (status == MW_OK)
        status = model_cat_settle(&cat, err);
    if (status == MW_OK)
        status = model_build_finish(&cat.build, ret_forest, err);
    model_cat_done(&cat);
    return status;
}
