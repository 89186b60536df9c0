/* CatBoost's categories. A model knows them only by hash: a one-hot split asks whether the hash of
 * a row's category is a certain one. The hashes that splits ask for are numbered per feature, in
 * ascending order; a row's category becomes its number when it is read (table), or missing when no
 * split asks for it, and a split becomes a set of one number:
 *
 *     hash 0x2f01 of feature 1, the second smallest there  ->  code 1, set {1}, in the set -> right
 */
#include "catboost.h"

#include <stdlib.h>

static const char again[] = "save the model again; this file was damaged or edited by hand";

/* One hash that some split of a feature asks for. */
typedef struct known_hash {
    uint32_t feature, hash;
    uint32_t code, set;
} known_hash;

mw_status model_cat_refuse_statistics(const model_cat *cat, int64_t category, mw_error *err)
{
    const model_cat_feature *categories = cat->categories.items;
    bool known = category >= 0 && (uint64_t)category < cat->categories.count;
    if (known && categories[category].name.size > 0)
        mw_fail(err, MW_E_MODEL_FORMAT,
                "the model asks for statistics of the target by category (CTR) of feature '%.*s', "
                "which are not read",
                MW_VIEW_ARG(categories[category].name));
    else
        mw_fail(err, MW_E_MODEL_FORMAT,
                "the model asks for statistics of the target by category (CTR) of categorical "
                "feature %lld, which are not read",
                (long long)category);
    return mw_mend(err, "train with one_hot_max_size at least the number of categories, so that "
                        "each gets splits of its own, or give categories as numbers");
}

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
    for (size_t node = 0; node < cat->build.left.count; node++) {
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
        *hash = (known_hash){.feature = feature[node], .hash = (uint32_t)threshold[node]};
    }
    return MW_OK;
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
        const known_hash *before = kept > 0 ? &items[kept - 1] : NULL;
        if (before && compare_hashes(before, &items[i]) == 0)
            continue;
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
    for (size_t node = 0; node < cat->build.left.count; node++) {
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
