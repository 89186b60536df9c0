/* Statistics in CatBoost's binary form.
 *
 *     CtrFeatures (in the core)   Ctr {Base {FeatureCombination, CtrType}, priors, ...}, Borders
 *     behind the core             uint32 number of tables, then of each: uint32 bytes, FlatBuffers:
 *                                 ModelCtrBase, IndexHashRaw, CTRBlob, CounterDenominator,
 *                                 TargetClassesCount
 *     IndexHashRaw                places of 12 bytes: uint64 key (all ones: free), uint32 number of
 *                                 its counts in CTRBlob
 *     CTRBlob                     int32 counts; of means a float sum and an int32 count */
#include "catboost_ctr.h"

static const char again[] = "save the model again with model.save_model('model.cbm')";

enum ctr_feature_field { FEATURE_CTR, FEATURE_BORDERS };
enum ctr_field { CTR_BASE, CTR_TARGET, CTR_PRIOR, CTR_PRIOR_WEIGHT, CTR_SHIFT, CTR_SCALE };
enum base_field { BASE_COMBINATION, BASE_TYPE, BASE_CLASSIFIER };
enum combination_field { COMBINATION_CATEGORIES, COMBINATION_FLOATS, COMBINATION_ONE_HOT };
enum table_field { TABLE_BASE, TABLE_PLACES, TABLE_COUNTS, TABLE_DENOMINATOR, TABLE_CLASSES };

enum { PLACE_BYTES = 12, SPLIT_BYTES = 8 };

static mw_status damaged(mw_error *err)
{
    return mw_mend(err, "%s", again);
}

static mw_status fail_absent(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_COUNT, "%s is missing", what);
    return damaged(err);
}

/* ---- combinations ---------------------------------------------------------------------------- */

static mw_status add_splits(model_cat *cat, const model_flat_vector *splits, cat_part_kind kind,
                            mw_error *err)
{
    for (size_t i = 0; i < splits->count; i++) {
        const unsigned char *at = splits->items + i * SPLIT_BYTES;
        double number = kind == CAT_PART_IS ? (double)model_flat_load32(at + 4)
                                            : (double)model_flat_load_float(at + 4);
        cat_part part = {kind, (int32_t)model_flat_load32(at), number};
        MW_TRY(cat_add_part(cat, part, err));
    }
    return MW_OK;
}

static mw_status read_combination(model_cat *cat, const model_flat_table *combination,
                                  mw_error *err)
{
    model_flat_vector categories, floats, one_hot;
    MW_TRY(
        model_flat_items(combination, COMBINATION_CATEGORIES, sizeof(int32_t), &categories, err));
    MW_TRY(model_flat_items(combination, COMBINATION_FLOATS, SPLIT_BYTES, &floats, err));
    MW_TRY(model_flat_items(combination, COMBINATION_ONE_HOT, SPLIT_BYTES, &one_hot, err));
    for (size_t i = 0; i < categories.count; i++) {
        int32_t feature = (int32_t)model_flat_load32(categories.items + i * sizeof(int32_t));
        MW_TRY(cat_add_part(cat, (cat_part){CAT_PART_CATEGORY, feature, 0}, err));
    }
    MW_TRY(add_splits(cat, &floats, CAT_PART_ABOVE, err));
    return add_splits(cat, &one_hot, CAT_PART_IS, err);
}

static mw_status read_base(model_cat *cat, const model_flat_table *of, unsigned field,
                           cat_about *ret_about, mw_error *err)
{
    model_flat_table base, combination;
    bool present = false;
    uint8_t type;
    MW_TRY(model_flat_child(of, field, &base, &present, err));
    if (!present)
        return fail_absent("what a statistic is about", err);
    MW_TRY(model_flat_byte(&base, BASE_TYPE, 0, &type, err));
    if (type >= CAT_CTR_TYPES) {
        mw_fail(err, MW_E_MODEL_FORMAT, "statistics of type %u are not read", type);
        return damaged(err);
    }
    MW_TRY(model_flat_child(&base, BASE_COMBINATION, &combination, &present, err));
    if (!present)
        return fail_absent("the combination of a statistic", err);
    MW_TRY(model_flat_int(&base, BASE_CLASSIFIER, 0, &ret_about->classifier, err));
    ret_about->type = (cat_ctr_type)type;
    ret_about->begin = cat->parts.count;
    MW_TRY(read_combination(cat, &combination, err));
    ret_about->end = cat->parts.count;
    return MW_OK;
}

/* ---- statistics ------------------------------------------------------------------------------ */

mw_status cat_read_flat_statistic(model_cat *cat, const model_flat_table *table,
                                  model_flat_vector *ret_borders, mw_error *err)
{
    model_flat_table ctr;
    bool present = false;
    int32_t target;
    cat_statistic *added, s = {0};
    MW_TRY(model_flat_child(table, FEATURE_CTR, &ctr, &present, err));
    if (!present)
        return fail_absent("a statistic", err);
    MW_TRY(read_base(cat, &ctr, CTR_BASE, &s.about, err));
    MW_TRY(model_flat_int(&ctr, CTR_TARGET, 0, &target, err));
    s.target = target;
    MW_TRY(model_flat_float(&ctr, CTR_PRIOR, 0, &s.prior, err));
    MW_TRY(model_flat_float(&ctr, CTR_PRIOR_WEIGHT, 1, &s.prior_weight, err));
    MW_TRY(model_flat_float(&ctr, CTR_SHIFT, 0, &s.shift, err));
    MW_TRY(model_flat_float(&ctr, CTR_SCALE, 1, &s.scale, err));
    MW_TRY(model_flat_items(table, FEATURE_BORDERS, sizeof(float), ret_borders, err));
    s.n_borders = ret_borders->count;
    MW_TRY(cat_add_statistic(cat, &added, err));
    *added = s;
    return MW_OK;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static mw_status add_key(model_cat *cat, cat_table *table, uint64_t hash, uint32_t number,
                         const model_flat_vector *counts, mw_error *err)
{
    bool mean = cat_counts_of(table->about.type) == 2;
    if (number >= counts->count / table->n_counts) {
        mw_fail(err, MW_E_MODEL_COUNT, "a key has the counts number %u of %zu", number,
                counts->count / table->n_counts);
        return damaged(err);
    }
    uint64_t *key = model_list_add_one(&cat->keys);
    double *put = model_list_add(&cat->counts, table->n_counts);
    if (!key || !put)
        return mw_fail_memory(err, "statistics");
    *key = hash;
    table->n++;
    const unsigned char *from = counts->items + number * table->n_counts * sizeof(int32_t);
    for (size_t i = 0; i < table->n_counts; i++, from += sizeof(int32_t))
        put[i] = mean && i == 0 ? (double)model_flat_load_float(from)
                                : (double)(int32_t)model_flat_load32(from);
    return MW_OK;
}

static mw_status read_keys(model_cat *cat, cat_table *table, const model_flat_vector *places,
                           const model_flat_vector *counts, mw_error *err)
{
    if (places->count % PLACE_BYTES != 0 || counts->count % sizeof(int32_t) != 0)
        return fail_absent("a part of a table", err);
    model_flat_vector numbers = {counts->items, counts->count / sizeof(int32_t), counts->at};
    for (size_t i = 0; i + PLACE_BYTES <= places->count; i += PLACE_BYTES) {
        const unsigned char *at = places->items + i;
        uint64_t hash = model_flat_load32(at) | (uint64_t)model_flat_load32(at + 4) << 32;
        if (hash != CAT_NO_HASH)
            MW_TRY(add_key(cat, table, hash, model_flat_load32(at + 8), &numbers, err));
    }
    return MW_OK;
}

static mw_status read_table(model_cat *cat, const model_flat *flat, mw_error *err)
{
    model_flat_table root;
    model_flat_vector places, counts;
    int32_t denominator, n_classes;
    cat_table *added;
    MW_TRY(cat_add_table(cat, &added, err));
    cat_table table = *added;
    MW_TRY(model_flat_root(flat, &root, err));
    MW_TRY(read_base(cat, &root, TABLE_BASE, &table.about, err));
    MW_TRY(model_flat_items(&root, TABLE_PLACES, 1, &places, err));
    MW_TRY(model_flat_items(&root, TABLE_COUNTS, 1, &counts, err));
    MW_TRY(model_flat_int(&root, TABLE_DENOMINATOR, 0, &denominator, err));
    MW_TRY(model_flat_int(&root, TABLE_CLASSES, 0, &n_classes, err));
    table.denominator = denominator;
    table.n_counts = cat_counts_of(table.about.type);
    if (table.n_counts == 0 && n_classes > 0)
        table.n_counts = (size_t)n_classes;
    if (table.n_counts == 0)
        return fail_absent("the number of classes", err);
    MW_TRY(read_keys(cat, &table, &places, &counts, err));
    *added = table; /* nothing was added to the tables since */
    return MW_OK;
}

static bool take_number(mw_view *bytes, uint32_t *ret_number)
{
    if (bytes->size < sizeof *ret_number)
        return false;
    *ret_number = model_flat_load32((const unsigned char *)bytes->data);
    *bytes = (mw_view){bytes->data + sizeof *ret_number, bytes->size - sizeof *ret_number};
    return true;
}

mw_status cat_read_flat_tables(model_cat *cat, mw_view bytes, mw_error *err)
{
    uint32_t n_tables, size;
    if (bytes.size == 0) /* saved without them: who asks for one is told */
        return MW_OK;
    if (!take_number(&bytes, &n_tables))
        return fail_absent("the tables of statistics", err);
    for (uint32_t i = 0; i < n_tables; i++) {
        if (!take_number(&bytes, &size) || size > bytes.size) {
            mw_fail(err, MW_E_MODEL_CUT_SHORT, "table %u of %u ends behind the file's end", i,
                    n_tables);
            return mw_mend(err, "copy the file again; it was cut short");
        }
        model_flat flat = {(const unsigned char *)bytes.data, size};
        if (read_table(cat, &flat, err) != MW_OK)
            return mw_at(err, "table %u of statistics", i);
        bytes = (mw_view){bytes.data + size, bytes.size - size};
    }
    return MW_OK;
}
