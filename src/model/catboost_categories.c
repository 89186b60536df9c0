/* CatBoost's categories. A model knows them only by hash: a one-hot split asks whether the hash of
 * a row's category is a certain one, a statistic for what training saw of it. The hashes that the
 * model knows are numbered per feature, in ascending order; a row's category becomes its number
 * when it is read (table), or missing when the model does not know it, and a split becomes a set of
 * one number:
 *
 *     hash 0x2f01 of feature 1, the second smallest there  ->  code 1, set {1}, in the set -> right
 */
#include "catboost_ctr.h"

#include <stdlib.h>

static const char again[] = "save the model again; this file was damaged or edited by hand";

/* One hash that the model knows of a feature. */
typedef struct known_hash {
    uint32_t feature, hash;
    uint32_t code, set;
    bool asked; /* by a one-hot split: it needs a set */
} known_hash;

mw_status model_cat_refuse_texts(mw_error *err)
{
    mw_fail(err, MW_E_MODEL_FORMAT, "CatBoost's text and embedding features are not read");
    return mw_mend(err, "train on numbers and categories; turn texts into numbers before");
}

static int compare_hashes(const void *left, const void *right)
{
    const known_hash *a = left, *b = right;
    if (a->feature != b->feature)
        return a->feature < b->feature ? -1 : 1;
    return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static bool is_one_hot(const model_cat *cat, size_t node)
{
    return ((const uint8_t *)cat->build.flags.items)[node] & MW_NODE_CATEGORICAL;
}

static mw_status gather(const model_cat *cat, model_list *hashes, mw_error *err)
{
    const uint32_t *feature = cat->build.feature.items;
    const double *threshold = cat->build.threshold.items;
    for (size_t node = 0; node < cat->build.feature.count; node++) {
        if (!is_one_hot(cat, node))
            continue;
        if (feature[node] >= cat->categories.count) {
            mw_fail(err, MW_E_TREE_FEATURE,
                    "a split asks for categorical feature %u, outside 0..%zu", feature[node],
                    cat->categories.count);
            return mw_mend(err, "%s", again);
        }
        known_hash *hash = model_list_add(hashes, 1);
        if (!hash)
            return mw_fail_memory(err, "categories");
        *hash = (known_hash){
            .feature = feature[node], .hash = (uint32_t)threshold[node], .asked = true};
    }
    return MW_OK;
}

static mw_status add_known(model_list *hashes, size_t feature, uint32_t hash, mw_error *err)
{
    known_hash *added = model_list_add_one(hashes);
    if (!added)
        return mw_fail_memory(err, "categories");
    *added = (known_hash){.feature = (uint32_t)feature, .hash = hash};
    return MW_OK;
}

static mw_status add_lists(const model_cat *cat, const model_list *lists, model_list *hashes,
                           mw_error *err)
{
    const cat_part *parts = cat->parts.items;
    for (size_t f = 0; f < cat->categories.count; f++)
        for (size_t i = 0; i < lists[f].count; i++)
            MW_TRY(add_known(hashes, f, ((const uint32_t *)lists[f].items)[i], err));
    for (size_t i = 0; i < cat->parts.count; i++)
        if (parts[i].kind == CAT_PART_IS)
            MW_TRY(add_known(hashes, (size_t)parts[i].feature, (uint32_t)parts[i].number, err));
    return MW_OK;
}

/* What statistics know. */
static mw_status gather_statistics(model_cat *cat, model_list *hashes, mw_error *err)
{
    if (cat->statistics.count == 0)
        return MW_OK;
    MW_TRY(cat_check_statistics(cat, err));
    model_list *lists = calloc(cat->categories.count + 1, sizeof *lists);
    if (!lists)
        return mw_fail_memory(err, "categories");
    for (size_t f = 0; f < cat->categories.count; f++)
        lists[f].item_bytes = sizeof(uint32_t);
    mw_status status = cat_find_hashes(cat, lists, err);
    if (status == MW_OK)
        status = add_lists(cat, lists, hashes, err);
    for (size_t f = 0; f < cat->categories.count; f++)
        model_list_done(&lists[f]);
    free(lists);
    return status;
}

/* Sorted, each once, numbered per feature. */
static void number(model_list *hashes)
{
    known_hash *items = hashes->items;
    size_t kept = 0;
    if (hashes->count == 0)
        return;
    qsort(items, hashes->count, sizeof *items, compare_hashes);
    for (size_t i = 0; i < hashes->count; i++) {
        known_hash *before = kept > 0 ? &items[kept - 1] : NULL;
        if (before && compare_hashes(before, &items[i]) == 0) {
            before->asked |= items[i].asked;
            continue;
        }
        uint32_t code = before && before->feature == items[i].feature ? before->code + 1 : 0;
        items[kept] = items[i];
        items[kept++].code = code;
    }
    hashes->count = kept;
}

static mw_status make_sets(model_cat *cat, model_list *hashes, mw_error *err)
{
    known_hash *items = hashes->items;
    for (size_t i = 0; i < hashes->count; i++) {
        uint32_t *words = NULL;
        if (!items[i].asked)
            continue;
        MW_TRY(model_build_set(&cat->build, items[i].code / 32 + 1, &items[i].set, &words, err));
        words[items[i].code / 32] = (uint32_t)1 << items[i].code % 32;
    }
    return MW_OK;
}

static mw_status place_nodes(model_cat *cat, const model_list *hashes, mw_error *err)
{
    const model_cat_feature *categories = cat->categories.items;
    uint32_t *feature = cat->build.feature.items;
    double *threshold = cat->build.threshold.items;
    if (hashes->count == 0)
        return MW_OK;
    MW_TRY(model_build_use(&cat->build, &cat->build.set, err));
    uint32_t *set = cat->build.set.items;
    for (size_t node = 0; node < cat->build.feature.count; node++) {
        if (!is_one_hot(cat, node))
            continue;
        known_hash wanted = {.feature = feature[node], .hash = (uint32_t)threshold[node]};
        const known_hash *found =
            bsearch(&wanted, hashes->items, hashes->count, sizeof wanted, compare_hashes);
        set[node] = found->set;
        feature[node] = (uint32_t)categories[wanted.feature].column;
        threshold[node] = 0;
    }
    return MW_OK;
}

static mw_status give_hashes(model_cat *cat, const model_list *hashes, mw_column *columns,
                             mw_error *err)
{
    const model_cat_feature *categories = cat->categories.items;
    const known_hash *items = hashes->items;
    uint32_t *all = mw_arena_take_zeroed(&cat->build.forest->arena, hashes->count + 1, sizeof *all);
    if (!all)
        return mw_fail_memory(err, "categories");
    for (size_t i = 0; i < hashes->count; i++) {
        mw_column *column = &columns[categories[items[i].feature].column];
        all[i] = items[i].hash;
        if (items[i].code == 0)
            column->category_hashes = &all[i];
        column->n_category_hashes = items[i].code + 1;
    }
    return MW_OK;
}

mw_status model_cat_settle_categories(model_cat *cat, mw_column *columns, mw_error *err)
{
    model_list hashes = {.item_bytes = sizeof(known_hash)};
    mw_status status = gather(cat, &hashes, err);
    if (status == MW_OK)
        status = gather_statistics(cat, &hashes, err);
    if (status == MW_OK) {
        number(&hashes);
        status = make_sets(cat, &hashes, err);
    }
    if (status == MW_OK)
        status = give_hashes(cat, &hashes, columns, err);
    if (status == MW_OK)
        status = place_nodes(cat, &hashes, err);
    model_list_done(&hashes);
    return status;
}
