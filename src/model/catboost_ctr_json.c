/* Statistics in CatBoost's JSON.
 *
 *     features_info.ctrs  [{ctr_type, elements: [{combination_element: cat_feature_value,
 *                                                              cat_feature_index},
 *                                                {combination_element: float_feature,
 *                                                              float_feature_index, border},
 *                                                {combination_element: cat_feature_exact_value,
 *                                                              cat_feature_index, value}],
 *                           borders, prior_numerator, prior_denomerator, shift, scale,
 *                           target_border_idx}]
 *     ctr_data            {"{\"identifier\": [elements], \"type\": ctr_type}":
 *                              {hash_map: ["key", count, ..., "key", count, ...],
 *                               hash_stride, counter_denominator}}
 */
#include "catboost_ctr.h"
#include "names.h"

static const char again[] = "save the model again; this file was damaged or edited by hand";

/* ---- parts ----------------------------------------------------------------------------------- */

static mw_status read_part_kind(model_cat *cat, cat_part *part, mw_error *err)
{
    mw_view name;
    MW_TRY(model_document_string(&cat->doc, &name, err));
    if (mw_view_is(name, "cat_feature_value")) {
        part->kind = CAT_PART_CATEGORY;
    } else if (mw_view_is(name, "float_feature")) {
        part->kind = CAT_PART_ABOVE;
    } else if (mw_view_is(name, "cat_feature_exact_value")) {
        part->kind = CAT_PART_IS;
    } else {
        mw_fail(err, MW_E_MODEL_FORMAT, "statistics of a '%.*s' are not read", MW_VIEW_ARG(name));
        return mw_mend(err, "train on numbers and categories");
    }
    return MW_OK;
}

enum part_key { KIND, CATEGORY, NUMBER, BORDER, HASH };

static mw_status read_part_key(model_cat *cat, cat_part *part, enum part_key key, mw_error *err)
{
    switch (key) {
    case KIND:
        return read_part_kind(cat, part, err);
    case CATEGORY:
    case NUMBER:
        return model_document_integer(&cat->doc, &part->feature, err);
    case BORDER:
        MW_TRY(model_document_number(&cat->doc, &part->number, err));
        part->number = (double)(float)part->number;
        return MW_OK;
    case HASH:
        break;
    }
    return model_cat_read_hash(&cat->doc, &part->number, err);
}

static mw_status read_part(model_cat *cat, mw_error *err)
{
    static const char *const names[] = {"combination_element", "cat_feature_index",
                                        "float_feature_index", "border", "value"};
    static const uint32_t wanted[] = {[CAT_PART_CATEGORY] = 1 << KIND | 1 << CATEGORY,
                                      [CAT_PART_ABOVE] = 1 << KIND | 1 << NUMBER | 1 << BORDER,
                                      [CAT_PART_IS] = 1 << KIND | 1 << CATEGORY | 1 << HASH};
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    cat_part part = {0};
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&cat->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        if (read_part_key(cat, &part, (enum part_key)key, err) != MW_OK)
            return model_at_key(err, names[key]);
    }
    if (seen == wanted[part.kind])
        return cat_add_part(cat, part, err);
    mw_fail(err, MW_E_MODEL_SYNTAX, "a part of a combination has no feature or no value");
    return mw_mend(err, "%s", again);
}

static mw_status read_parts(model_cat *cat, cat_about *ret_about, mw_error *err)
{
    ret_about->begin = cat->parts.count;
    mw_status status = model_cat_read_each(cat, read_part, err);
    ret_about->end = cat->parts.count;
    return status;
}

static mw_status read_type(model_cat *cat, cat_about *about, mw_error *err)
{
    static const char *const types[] = {
        "Borders", "Buckets",    "BinarizedTargetMeanValue", "FloatTargetMeanValue",
        "Counter", "FeatureFreq"};
    mw_view name;
    MW_TRY(model_document_string(&cat->doc, &name, err));
    for (int i = 0; i < CAT_CTR_TYPES; i++) {
        about->type = (cat_ctr_type)i;
        if (mw_view_is(name, types[i]))
            return MW_OK;
    }
    mw_fail(err, MW_E_MODEL_FORMAT, "statistics of type '%.*s' are not read", MW_VIEW_ARG(name));
    return mw_mend(err,
                   "train with simple_ctr and combinations_ctr of Borders, Buckets or Counter");
}

/* ---- statistics ------------------------------------------------------------------------------ */

static mw_status read_float(model_cat *cat, float *ret_value, mw_error *err)
{
    double value;
    MW_TRY(model_document_number(&cat->doc, &value, err));
    *ret_value = (float)value;
    return MW_OK;
}

static mw_status count_borders(model_cat *cat, size_t *ret_n, mw_error *err)
{
    bool more = false;
    *ret_n = 0;
    MW_TRY(model_document_array_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_array_next(&cat->doc, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(model_document_skip(&cat->doc, err));
        ++*ret_n;
    }
}

enum statistic_key { TYPE, PARTS, BORDERS, PRIOR, PRIOR_WEIGHT, SHIFT, SCALE, TARGET };

static mw_status read_statistic_key(model_cat *cat, cat_statistic *statistic,
                                    enum statistic_key key, mw_error *err)
{
    switch (key) {
    case TYPE:
        return read_type(cat, &statistic->about, err);
    case PARTS:
        return read_parts(cat, &statistic->about, err);
    case BORDERS:
        return count_borders(cat, &statistic->n_borders, err);
    case PRIOR:
        return read_float(cat, &statistic->prior, err);
    case PRIOR_WEIGHT:
        return read_float(cat, &statistic->prior_weight, err);
    case SHIFT:
        return read_float(cat, &statistic->shift, err);
    case SCALE:
        return read_float(cat, &statistic->scale, err);
    case TARGET:
        break;
    }
    return model_document_integer(&cat->doc, &statistic->target, err);
}

static mw_status read_statistic(model_cat *cat, mw_error *err)
{
    static const char *const names[] = {"ctr_type",        "elements",          "borders",
                                        "prior_numerator", "prior_denomerator", "shift",
                                        "scale",           "target_border_idx"};
    enum { NEEDED = 1 << TYPE | 1 << PARTS | 1 << BORDERS };
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    cat_statistic statistic = {.prior_weight = 1, .scale = 1}, *added;
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&cat->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        if (read_statistic_key(cat, &statistic, (enum statistic_key)key, err) != MW_OK)
            return model_at_key(err, names[key]);
    }
    if ((seen & NEEDED) != NEEDED) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "a statistic has no type, no elements or no borders");
        return mw_mend(err, "%s", again);
    }
    MW_TRY(cat_add_statistic(cat, &added, err));
    *added = statistic;
    return MW_OK;
}

mw_status cat_read_statistics(model_cat *cat, mw_error *err)
{
    return model_cat_read_each(cat, read_statistic, err);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* A key of the table of tables, itself JSON. */
static mw_status read_identifier(model_cat *cat, mw_error *err)
{
    static const char *const names[] = {"identifier", "type"};
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    cat_about about = {0};
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&cat->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        mw_status status = key == 0 ? read_parts(cat, &about, err) : read_type(cat, &about, err);
        if (status != MW_OK)
            return model_at_key(err, names[key]);
    }
    ((cat_table *)cat->tables.items)[cat->tables.count - 1].about = about;
    if (seen == 3)
        return model_document_end(&cat->doc, err);
    mw_fail(err, MW_E_MODEL_SYNTAX, "a table does not say what it is about");
    return mw_mend(err, "%s", again);
}

static mw_status read_hash_key(model_cat *cat, cat_table *table, mw_error *err)
{
    mw_view text;
    uint64_t *key = model_list_add_one(&cat->keys);
    if (!key)
        return mw_fail_memory(err, "statistics");
    MW_TRY(model_document_string(&cat->doc, &text, err));
    if (!mw_whole_parse(text, key))
        return mw_fail(err, MW_E_MODEL_SYNTAX, "'%.*s' is no hash", MW_VIEW_ARG(text));
    table->n++;
    return MW_OK;
}

/* Each key, a text, has as many counts behind it as the first one. */
static mw_status check_counts(const model_cat *cat, cat_table *table, mw_error *err)
{
    size_t n_counts = cat->counts.count - table->first_count;
    if (table->n == 1)
        table->n_counts = n_counts;
    if (n_counts == table->n * table->n_counts && n_counts > 0)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "a key has not as many counts as the first one");
    return mw_mend(err, "%s", again);
}

static mw_status read_hash_map(model_cat *cat, cat_table *table, mw_error *err)
{
    bool more = false;
    MW_TRY(model_document_array_begin(&cat->doc, err));
    for (size_t i = 0;; i++) {
        MW_TRY(model_document_array_next(&cat->doc, &more, err));
        bool is_key = more && model_document_peek(&cat->doc) == MW_SCAN_STRING;
        if ((is_key || !more) && table->n > 0 && check_counts(cat, table, err) != MW_OK)
            return model_at_index(err, i);
        if (!more)
            return MW_OK;
        double *count = NULL;
        if (!is_key && table->n > 0 && !(count = model_list_add_one(&cat->counts)))
            return mw_fail_memory(err, "statistics");
        if (!is_key && !count)
            return mw_fail(err, MW_E_MODEL_SYNTAX, "expected a hash, written as a text");
        mw_status status =
            is_key ? read_hash_key(cat, table, err) : model_document_number(&cat->doc, count, err);
        if (status != MW_OK)
            return model_at_index(err, i);
    }
}

static mw_status read_table(model_cat *cat, mw_error *err)
{
    static const char *const names[] = {"hash_map", "counter_denominator"};
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    cat_table table = ((cat_table *)cat->tables.items)[cat->tables.count - 1];
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (;;) {
        MW_TRY(model_document_key(&cat->doc, names, MW_COUNT(names), &seen, &key, &more, err));
        if (!more)
            break;
        mw_status status = key == 0 ? read_hash_map(cat, &table, err)
                                    : model_document_number(&cat->doc, &table.denominator, err);
        if (status != MW_OK)
            return model_at_key(err, names[key]);
    }
    ((cat_table *)cat->tables.items)[cat->tables.count - 1] = table;
    return MW_OK;
}

mw_status cat_read_tables(model_cat *cat, mw_error *err)
{
    MW_TRY(model_document_object_begin(&cat->doc, err));
    for (size_t i = 0;; i++) {
        mw_view name;
        bool more = false;
        cat_table *table;
        MW_TRY(model_document_object_next(&cat->doc, &name, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(cat_add_table(cat, &table, err));
        mw_status status = model_cat_read_text(cat, name, read_identifier, err);
        if (status == MW_OK)
            status = read_table(cat, err);
        if (status != MW_OK)
            return mw_at(err, "table %zu", i);
    }
}
