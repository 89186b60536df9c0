/* Hashes of combinations. A part is mixed in by two multiplications with an odd number, which can
 * be undone: where all parts but one category are known, the key of a table tells that one.
 *
 *     key  --undo the parts behind-->  h  =  M (before + M c)      so   c = (h / M - before) / M
 *
 * c is the 32-bit hash of a category, widened with its sign; any other number was no such key. So
 * tables tell which categories training saw, although the model file has no list of them. */
#include "catboost_ctr.h"

#include <stdlib.h>

#include "base/banned.h"

/* What is tried for one table, and for all of them: bounds on the time that a hostile file can
 * take, a quarter of a second. */
#define TRIES_MAX ((size_t)1 << 26)
#define TRIES_IN_ALL (4 * TRIES_MAX)

static uint64_t widened(uint32_t part)
{
    return (uint64_t)(int64_t)(int32_t)part;
}

/* 1 / M modulo 2^64, by Newton's steps: each doubles the number of bits that are right. */
static uint64_t inverse(void)
{
    uint64_t x = cat_factor;
    for (int step = 0; step < 6; step++)
        x *= 2 - cat_factor * x;
    return x;
}

static int compare_hashes(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static void sort_once(model_list *list)
{
    uint32_t *items = list->items;
    size_t kept = 0;
    if (list->count == 0)
        return;
    qsort(items, list->count, sizeof *items, compare_hashes);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || items[kept - 1] != items[i])
            items[kept++] = items[i];
    list->count = kept;
}

static const cat_part *parts_of(const model_cat *cat, const cat_about *about)
{
    return (const cat_part *)cat->parts.items + about->begin;
}

/* What a part can be: the known hashes of a category, or 0 and 1. */
static size_t values_of(const cat_part *part, const model_list *lists, const uint32_t **ret_values)
{
    static const uint32_t answers[] = {0, 1};
    if (part->kind != CAT_PART_CATEGORY) {
        *ret_values = answers;
        return MW_COUNT(answers);
    }
    *ret_values = lists[part->feature].items;
    return lists[part->feature].count;
}

/* What finding the hashes of a part takes, when the others are known; 0: they are not, or it takes
 * too long. */
static size_t tries_of(const model_cat *cat, const cat_table *table, size_t open,
                       const model_list *lists)
{
    const cat_part *parts = parts_of(cat, &table->about);
    size_t n = table->about.end - table->about.begin, tries = table->n + 1;
    for (size_t i = 0; i < n; i++) {
        const uint32_t *values;
        if (i == open)
            continue;
        size_t n_values = values_of(&parts[i], lists, &values);
        if (__builtin_mul_overflow(tries, n_values, &tries) || tries > TRIES_MAX || tries == 0)
            return 0;
    }
    return tries;
}

/* The next part is known: hashes[0 .. n) become those of all its values. `undo`: from the key back,
 * not from the start on. */
static mw_status spread(model_list *hashes, const cat_part *part, const model_list *lists,
                        uint64_t undo, mw_error *err)
{
    const uint32_t *values;
    size_t n = hashes->count, n_values = values_of(part, lists, &values);
    if (n_values > 1 && !model_list_add(hashes, n * (n_values - 1)))
        return mw_fail_memory(err, "hashes of categories");
    uint64_t *all = hashes->items;
    for (size_t v = n_values; v-- > 0;) { /* the first values take the place of what they came of */
        for (size_t i = 0; i < n; i++)
            all[v * n + i] =
                undo ? all[i] * undo - cat_factor * widened(values[v]) : cat_mix(all[i], values[v]);
    }
    return MW_OK;
}

/* A key undone to behind the open part, and all that may stand before it. */
static mw_status note_hashes(const model_list *behind, const model_list *before, uint64_t undo,
                             model_list *list, mw_error *err)
{
    const uint64_t *h = behind->items, *b = before->items;
    for (size_t i = 0; i < behind->count; i++) {
        for (size_t k = 0; k < before->count; k++) {
            uint64_t part = (h[i] * undo - b[k]) * undo;
            if (part != widened((uint32_t)part))
                continue;
            uint32_t *hash = model_list_add_one(list);
            if (!hash)
                return mw_fail_memory(err, "hashes of categories");
            *hash = (uint32_t)part;
        }
    }
    return MW_OK;
}

static mw_status start_with(model_list *hashes, uint64_t hash, mw_error *err)
{
    hashes->count = 0;
    uint64_t *first = model_list_add(hashes, 1);
    if (!first)
        return mw_fail_memory(err, "hashes of categories");
    *first = hash;
    return MW_OK;
}

static mw_status undo_keys(const model_cat *cat, const cat_table *table, size_t open,
                           const model_list *lists, const model_list *before, model_list *behind,
                           model_list *found, mw_error *err)
{
    const cat_part *parts = parts_of(cat, &table->about);
    const uint64_t *keys = (const uint64_t *)cat->keys.items + table->first;
    const uint64_t undo = inverse();
    for (size_t k = 0; k < table->n; k++) {
        MW_TRY(start_with(behind, keys[k], err));
        for (size_t i = table->about.end - table->about.begin; i-- > open + 1;)
            MW_TRY(spread(behind, &parts[i], lists, undo, err));
        MW_TRY(note_hashes(behind, before, undo, found, err));
    }
    return MW_OK;
}

/* The hashes of a table's open part, to `found`. */
static mw_status open_table(const model_cat *cat, const cat_table *table, size_t open,
                            const model_list *lists, model_list *found, mw_error *err)
{
    const cat_part *parts = parts_of(cat, &table->about);
    model_list before = {.item_bytes = sizeof(uint64_t)}, behind = {.item_bytes = sizeof(uint64_t)};
    mw_status status = start_with(&before, 0, err);
    for (size_t i = 0; status == MW_OK && i < open; i++)
        status = spread(&before, &parts[i], lists, 0, err);
    if (status == MW_OK)
        status = undo_keys(cat, table, open, lists, &before, &behind, found, err);
    model_list_done(&before);
    model_list_done(&behind);
    return status;
}

static mw_status fail_tries(mw_error *err)
{
    mw_fail(err, MW_E_MODEL_LIMIT,
            "too many categories, asked for in too many combinations, to tell "
            "which the model knows");
    return mw_mend(err, "train with max_ctr_complexity=1 or 2, and without ctr_leaf_count_limit");
}

/* Tables tell of a category that nothing is known of yet. Where training kept the commonest
 * combinations only, each table may know some that the others do not: then all of them tell. */
static mw_status open_tables(const model_cat *cat, const model_list *lists, model_list *found,
                             size_t *tries, mw_error *err)
{
    const cat_table *tables = cat->tables.items;
    for (size_t t = 0; t < cat->tables.count; t++) {
        const cat_part *parts = parts_of(cat, &tables[t].about);
        for (size_t i = 0; i < tables[t].about.end - tables[t].about.begin; i++) {
            size_t feature = (size_t)parts[i].feature;
            if (parts[i].kind != CAT_PART_CATEGORY ||
                (lists[feature].count > 0 && !cat->keeps_commonest))
                continue;
            size_t wanted = tries_of(cat, &tables[t], i, lists);
            *tries += wanted;
            if (wanted == 0)
                continue;
            if (*tries > TRIES_IN_ALL)
                return fail_tries(err);
            MW_TRY(open_table(cat, &tables[t], i, lists, &found[feature], err));
        }
    }
    return MW_OK;
}

/* What was found joins what was known; *ret_more: something new. All of a round's finds are put
 * down together, for one table may know more of a category than another. */
static mw_status join(model_list *list, model_list *found, bool *ret_more, mw_error *err)
{
    size_t known = list->count;
    uint32_t *added = model_list_add(list, found->count);
    if (!added)
        return mw_fail_memory(err, "hashes of categories");
    if (found->count > 0)
        memcpy(added, found->items, found->count * sizeof *added);
    found->count = 0;
    sort_once(list);
    *ret_more |= list->count > known;
    return MW_OK;
}

static mw_status find_round(const model_cat *cat, model_list *lists, model_list *found,
                            size_t *tries, bool *ret_more, mw_error *err)
{
    *ret_more = false;
    MW_TRY(open_tables(cat, lists, found, tries, err));
    for (size_t f = 0; f < cat->categories.count; f++)
        MW_TRY(join(&lists[f], &found[f], ret_more, err));
    return MW_OK;
}

/* Of a model that keeps the commonest only: one more category could be in a table that was too
 * large to be searched. */
static mw_status check_all_searched(const model_cat *cat, const model_list *lists, mw_error *err)
{
    const cat_table *tables = cat->tables.items;
    for (size_t t = 0; cat->keeps_commonest && t < cat->tables.count; t++) {
        const cat_part *parts = parts_of(cat, &tables[t].about);
        for (size_t i = 0; i < tables[t].about.end - tables[t].about.begin; i++) {
            if (parts[i].kind != CAT_PART_CATEGORY || tries_of(cat, &tables[t], i, lists) > 0)
                continue;
            mw_fail(err, MW_E_MODEL_FORMAT,
                    "statistics of the commonest combinations only (ctr_leaf_count_limit), of too "
                    "many categories to tell which they are");
            return mw_mend(err, "train without ctr_leaf_count_limit");
        }
    }
    return MW_OK;
}

static mw_status check_all_found(const model_cat *cat, const model_list *lists, mw_error *err)
{
    const cat_part *parts = cat->parts.items;
    for (size_t i = 0; i < cat->parts.count; i++) {
        if (parts[i].kind != CAT_PART_CATEGORY || lists[parts[i].feature].count > 0)
            continue;
        const model_cat_feature *feature =
            (const model_cat_feature *)cat->categories.items + parts[i].feature;
        mw_fail(err, MW_E_MODEL_FORMAT,
                "the model asks for '%.*s' only together with other categories, and does not tell "
                "which it knows",
                MW_VIEW_ARG(feature->name));
        return mw_mend(err, "train with max_ctr_complexity=1, or with more trees");
    }
    return MW_OK;
}

mw_status cat_find_hashes(const model_cat *cat, model_list *lists, mw_error *err)
{
    size_t n = cat->categories.count;
    model_list *found = calloc(n + 1, sizeof *found);
    if (!found)
        return mw_fail_memory(err, "hashes of categories");
    for (size_t f = 0; f < n; f++)
        found[f].item_bytes = sizeof(uint32_t);
    bool more = true;
    size_t tries = 0;
    mw_status status = MW_OK;
    while (status == MW_OK && more)
        status = find_round(cat, lists, found, &tries, &more, err);
    for (size_t f = 0; f < n; f++)
        model_list_done(&found[f]);
    free(found);
    MW_TRY(status);
    MW_TRY(check_all_found(cat, lists, err));
    return check_all_searched(cat, lists, err);
}
