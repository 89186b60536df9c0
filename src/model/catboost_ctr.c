/* Statistics become a recipe: each of them one more column, which nodes ask for like any other.
 *
 *     of one category     code --AT--> value
 *     of a combination    codes, numbers --MIX, part by part--> hash --FIND--> place --AT--> value
 *
 * Values are computed once, when the model is read, in floats as CatBoost computes them for each
 * row; so they are its own to the last bit. */
#include "catboost_ctr.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

static const char again[] = "save the model again; this file was damaged or edited by hand";

/* ---- room ------------------------------------------------------------------------------------ */

mw_status cat_add_part(model_cat *cat, cat_part part, mw_error *err)
{
    cat_part *added = model_list_add_one(&cat->parts);
    if (!added)
        return mw_fail_memory(err, "statistics");
    *added = part;
    return MW_OK;
}

static mw_status fail_many(const char *what, int limit, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_LIMIT, "more than %d %s", limit, what);
    return mw_mend(err, "train with a smaller max_ctr_complexity, or with fewer trees");
}

mw_status cat_add_statistic(model_cat *cat, cat_statistic **ret_statistic, mw_error *err)
{
    if (cat->statistics.count >= MW_LIMIT_CATBOOST_STATISTICS)
        return fail_many("statistics", MW_LIMIT_CATBOOST_STATISTICS, err);
    *ret_statistic = model_list_add(&cat->statistics, 1);
    return *ret_statistic ? MW_OK : mw_fail_memory(err, "statistics");
}

mw_status cat_add_table(model_cat *cat, cat_table **ret_table, mw_error *err)
{
    if (cat->tables.count >= MW_LIMIT_CATBOOST_TABLES)
        return fail_many("tables of statistics", MW_LIMIT_CATBOOST_TABLES, err);
    *ret_table = model_list_add(&cat->tables, 1);
    if (!*ret_table)
        return mw_fail_memory(err, "statistics");
    **ret_table = (cat_table){.first = cat->keys.count, .first_count = cat->counts.count};
    return MW_OK;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static mw_status check_parts(const model_cat *cat, mw_error *err)
{
    const cat_part *parts = cat->parts.items;
    for (size_t i = 0; i < cat->parts.count; i++) {
        bool number = parts[i].kind == CAT_PART_ABOVE;
        size_t n = number ? cat->features.count : cat->categories.count;
        if (parts[i].feature >= 0 && (uint64_t)parts[i].feature < n)
            continue;
        mw_fail(err, MW_E_TREE_FEATURE, "a statistic asks for %s feature %lld, outside 0..%zd",
                number ? "float" : "categorical", (long long)parts[i].feature, (ptrdiff_t)n - 1);
        return mw_mend(err, "%s", again);
    }
    return MW_OK;
}

static size_t n_parts(const cat_about *about)
{
    return about->end - about->begin;
}

static const cat_part *parts_of(const model_cat *cat, const cat_about *about)
{
    return (const cat_part *)cat->parts.items + about->begin;
}

static bool is_same(const model_cat *cat, const cat_about *a, const cat_about *b)
{
    const cat_part *x = parts_of(cat, a), *y = parts_of(cat, b);
    if (n_parts(a) != n_parts(b))
        return false;
    for (size_t i = 0; i < n_parts(a); i++)
        if (x[i].kind != y[i].kind || x[i].feature != y[i].feature || x[i].number != y[i].number)
            return false;
    return true;
}

/* Only the counts that its type needs, and a target among them. */
static mw_status check_counts(const cat_statistic *statistic, const cat_table *table, mw_error *err)
{
    size_t n = table->n_counts, want = cat_counts_of(statistic->about.type);
    bool fits = table->n == 0 || (want > 0 ? n == want : n >= 2);
    if (fits &&
        (want > 0 || table->n == 0 || (statistic->target >= 0 && (uint64_t)statistic->target < n)))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT,
            "a table has %zu counts a key, and border %lld of the target is "
            "asked for",
            n, (long long)statistic->target);
    return mw_mend(err, "%s", again);
}

static mw_status find_table(const model_cat *cat, const cat_statistic *statistic, size_t *ret_table,
                            mw_error *err)
{
    const cat_table *tables = cat->tables.items;
    if (n_parts(&statistic->about) > MW_LIMIT_CATBOOST_PARTS)
        return fail_many("features in a combination", MW_LIMIT_CATBOOST_PARTS, err);
    for (*ret_table = 0; *ret_table < cat->tables.count; ++*ret_table) {
        const cat_table *table = &tables[*ret_table];
        if (table->about.type == statistic->about.type &&
            table->about.classifier == statistic->about.classifier &&
            is_same(cat, &table->about, &statistic->about))
            return check_counts(statistic, table, err);
    }
    mw_fail(err, MW_E_MODEL_COUNT,
            "the model asks for a statistic of the target by category (CTR) "
            "that its file does not hold");
    return mw_mend(err,
                   "train without final_ctr_computation_mode='Skip', and save the model again");
}

mw_status cat_check_statistics(model_cat *cat, mw_error *err)
{
    cat_statistic *statistics = cat->statistics.items;
    MW_TRY(check_parts(cat, err));
    for (size_t i = 0; i < cat->statistics.count; i++)
        if (find_table(cat, &statistics[i], &statistics[i].table, err) != MW_OK)
            return mw_at(err, "statistic %zu", i);
    return MW_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static float value_of(const cat_statistic *s, float good, float total)
{
    float share = (good + s->prior) / (total + s->prior_weight);
    return (share + s->shift) * s->scale;
}

/* Counts are summed as whole numbers, and become floats then. */
static float value_of_counts(const cat_statistic *s, const cat_table *table, const double *counts)
{
    double good = 0, total = 0;
    switch (s->about.type) {
    case CAT_CTR_BINARIZED_MEAN:
    case CAT_CTR_FLOAT_MEAN:
        return value_of(s, (float)counts[0], (float)counts[1]);
    case CAT_CTR_COUNTER:
    case CAT_CTR_FREQUENCY:
        return value_of(s, (float)counts[0], (float)table->denominator);
    case CAT_CTR_BORDERS:
    case CAT_CTR_BUCKETS:
    case CAT_CTR_TYPES:
        break;
    }
    bool above = s->about.type == CAT_CTR_BORDERS;
    size_t target = above && table->n_counts == 2 ? 0 : (size_t)s->target;
    for (size_t i = 0; i < table->n_counts; i++) {
        total += counts[i];
        good += (above ? i > target : i == target) ? counts[i] : 0;
    }
    return value_of(s, (float)good, (float)total);
}

static float value_of_nothing(const cat_statistic *s, const cat_table *table)
{
    bool counter = cat_counts_of(s->about.type) == 1;
    return value_of(s, 0, counter ? (float)table->denominator : 0);
}

/* ---- the recipe in the making ---------------------------------------------------------------- */

enum { NO_CELL = UINT32_MAX };

/* A key of a table and which it is. */
typedef struct numbered_key {
    uint64_t key;
    size_t number;
} numbered_key;

/* What was made of a table so far. */
typedef struct table_cells {
    uint32_t hash, place;
    numbered_key *order; /* its keys, ascending */
} table_cells;

typedef struct draft {
    model_cat *cat;
    mw_arena *arena; /* the forest's */
    const mw_column *columns;
    model_list inputs;  /* uint32_t: columns of a row */
    uint32_t *input_of; /* of each column: its cell */
    model_list steps;   /* mw_recipe_step */
    model_list tables;  /* mw_recipe_table */
    model_list outputs; /* uint32_t: cells */
    table_cells *cells; /* of each of cat->tables */
    uint32_t *hashes;   /* of each categorical feature: the table of its categories' hashes */
    size_t n_numbers;   /* of all tables */
} draft;

static mw_status add_step(draft *d, mw_recipe_step step, uint32_t *ret_cell, mw_error *err)
{
    *ret_cell = (uint32_t)(d->inputs.count + d->steps.count);
    mw_recipe_step *added = model_list_add(&d->steps, 1);
    if (!added)
        return mw_fail_memory(err, "statistics");
    step.kind = MW_RECIPE_FLOAT64;
    *added = step;
    return MW_OK;
}

/* A table of n numbers, which are the caller's to write. */
static mw_status add_table(draft *d, size_t n, double **ret_numbers, uint32_t *ret_table,
                           mw_error *err)
{
    d->n_numbers += n;
    if (d->n_numbers > MW_LIMIT_CATBOOST_NUMBERS) {
        mw_fail(err, MW_E_MODEL_LIMIT, "the tables of statistics take more than %zu MiB",
                MW_LIMIT_CATBOOST_NUMBERS * sizeof(double) / MW_MIB);
        return mw_mend(err, "train with a smaller max_ctr_complexity, or merge rare categories");
    }
    *ret_numbers = mw_arena_take_zeroed(d->arena, n + 1, sizeof **ret_numbers);
    mw_recipe_table *added = model_list_add(&d->tables, 1);
    if (!*ret_numbers || !added)
        return mw_fail_memory(err, "statistics");
    *added = (mw_recipe_table){.numbers = *ret_numbers, .n = n};
    *ret_table = (uint32_t)(d->tables.count - 1);
    return MW_OK;
}

static size_t column_of(const draft *d, const cat_part *part)
{
    const model_list *of = part->kind == CAT_PART_ABOVE ? &d->cat->features : &d->cat->categories;
    return (size_t)((const model_cat_feature *)of->items)[part->feature].column;
}

/* All inputs are known before the first step, for cells are numbered behind them. */
static mw_status list_inputs(draft *d, mw_error *err)
{
    const cat_part *parts = d->cat->parts.items;
    for (size_t f = 0; f < d->cat->build.forest->n_features; f++)
        d->input_of[f] = NO_CELL;
    for (size_t i = 0; i < d->cat->parts.count; i++) {
        size_t column = column_of(d, &parts[i]);
        if (d->input_of[column] != NO_CELL)
            continue;
        d->input_of[column] = (uint32_t)d->inputs.count;
        uint32_t *input = model_list_add(&d->inputs, 1);
        if (!input)
            return mw_fail_memory(err, "statistics");
        *input = (uint32_t)column;
    }
    return MW_OK;
}

/* ---- combinations ---------------------------------------------------------------------------- */

/* code -> hash; a category that is not known stays NaN. */
static mw_status add_hash(draft *d, const cat_part *part, uint32_t code, uint32_t *ret_cell,
                          mw_error *err)
{
    const mw_column *column = &d->columns[column_of(d, part)];
    uint32_t *table = &d->hashes[part->feature];
    if (*table == NO_CELL) {
        double *numbers;
        MW_TRY(add_table(d, column->n_category_hashes, &numbers, table, err));
        for (size_t i = 0; i < column->n_category_hashes; i++)
            numbers[i] = (double)column->category_hashes[i];
    }
    mw_recipe_step step = {.op = MW_RECIPE_AT, .a = code, .b = *table, .number = (double)NAN};
    return add_step(d, step, ret_cell, err);
}

/* border < x. A missing value is above all borders or below them, as training was told. */
static mw_status add_above(draft *d, const cat_part *part, uint32_t x, uint32_t *ret_cell,
                           mw_error *err)
{
    const model_cat_feature *feature =
        (const model_cat_feature *)d->cat->features.items + part->feature;
    uint32_t border;
    if (feature->nan_is_high)
        MW_TRY(add_step(
            d, (mw_recipe_step){.op = MW_RECIPE_IMPUTE, .a = x, .number = (double)INFINITY}, &x,
            err));
    MW_TRY(add_step(d, (mw_recipe_step){.op = MW_RECIPE_CONSTANT, .number = part->number}, &border,
                    err));
    return add_step(d, (mw_recipe_step){.op = MW_RECIPE_LESS, .a = border, .b = x}, ret_cell, err);
}

static mw_status add_is(draft *d, const cat_part *part, uint32_t code, uint32_t *ret_cell,
                        mw_error *err)
{
    ptrdiff_t wanted = mw_column_find_hash(&d->columns[column_of(d, part)], (uint32_t)part->number);
    uint32_t constant;
    MW_TRY(add_step(d, (mw_recipe_step){.op = MW_RECIPE_CONSTANT, .number = (double)wanted},
                    &constant, err));
    return add_step(d, (mw_recipe_step){.op = MW_RECIPE_EQUAL, .a = code, .b = constant}, ret_cell,
                    err);
}

static mw_status add_part(draft *d, const cat_part *part, uint32_t *ret_cell, mw_error *err)
{
    uint32_t input = d->input_of[column_of(d, part)];
    switch (part->kind) {
    case CAT_PART_CATEGORY:
        return add_hash(d, part, input, ret_cell, err);
    case CAT_PART_ABOVE:
        return add_above(d, part, input, ret_cell, err);
    case CAT_PART_IS:
        break;
    }
    return add_is(d, part, input, ret_cell, err);
}

/* The cell with the hash of a table's combination: that of an earlier table where it is the same.
 */
static mw_status find_hash(draft *d, size_t t, mw_error *err)
{
    const cat_table *tables = d->cat->tables.items;
    const cat_part *parts = parts_of(d->cat, &tables[t].about);
    table_cells *cells = &d->cells[t];
    for (size_t i = 0; i < t; i++) {
        if (d->cells[i].hash != NO_CELL && is_same(d->cat, &tables[i].about, &tables[t].about)) {
            cells->hash = d->cells[i].hash;
            return MW_OK;
        }
    }
    MW_TRY(add_step(d, (mw_recipe_step){.op = MW_RECIPE_CONSTANT}, &cells->hash, err));
    for (size_t i = 0; i < n_parts(&tables[t].about); i++) {
        uint32_t part;
        MW_TRY(add_part(d, &parts[i], &part, err));
        MW_TRY(add_step(d, (mw_recipe_step){.op = MW_RECIPE_MIX, .a = cells->hash, .b = part},
                        &cells->hash, err));
    }
    return MW_OK;
}

static int compare_keys(const void *left, const void *right)
{
    const numbered_key *a = left, *b = right;
    return a->key < b->key ? -1 : a->key > b->key;
}

static mw_status order_keys(draft *d, size_t t, mw_error *err)
{
    const cat_table *table = (const cat_table *)d->cat->tables.items + t;
    const uint64_t *keys = (const uint64_t *)d->cat->keys.items + table->first;
    numbered_key *order = d->cells[t].order = malloc((table->n + 1) * sizeof *order);
    if (!order)
        return mw_fail_memory(err, "statistics");
    for (size_t i = 0; i < table->n; i++)
        order[i] = (numbered_key){keys[i], i};
    qsort(order, table->n, sizeof *order, compare_keys);
    return MW_OK;
}

/* As many stretches as keys, about: hashes are spread evenly, so each has few of them. */
static mw_status add_starts(draft *d, const numbered_key *order, size_t n, uint32_t number,
                            mw_error *err)
{
    unsigned bits = 1;
    while (bits < 31 && (size_t)1 << bits < n)
        bits++;
    size_t n_starts = ((size_t)1 << bits) + 1, at = 0;
    uint32_t *starts = mw_arena_take(d->arena, n_starts * sizeof *starts);
    if (!starts)
        return mw_fail_memory(err, "statistics");
    for (size_t b = 0; b < n_starts; b++) {
        while (at < n && order[at].key >> (64 - bits) < b)
            at++;
        starts[b] = (uint32_t)at;
    }
    mw_recipe_table *table = (mw_recipe_table *)d->tables.items + number;
    table->starts = starts;
    table->shift = 64 - bits;
    return MW_OK;
}

static mw_status find_place(draft *d, size_t t, mw_error *err)
{
    const cat_table *table = (const cat_table *)d->cat->tables.items + t;
    double *numbers;
    uint32_t keys;
    MW_TRY(find_hash(d, t, err));
    MW_TRY(add_table(d, table->n, &numbers, &keys, err));
    for (size_t i = 0; i < table->n; i++)
        numbers[i] = mw_double_of_bits(d->cells[t].order[i].key);
    MW_TRY(add_starts(d, d->cells[t].order, table->n, keys, err));
    mw_recipe_step step = {.op = MW_RECIPE_FIND, .a = d->cells[t].hash, .b = keys};
    return add_step(d, step, &d->cells[t].place, err);
}

/* ---- columns --------------------------------------------------------------------------------- */

static bool is_of_one_category(const model_cat *cat, const cat_about *about)
{
    return n_parts(about) == 1 && parts_of(cat, about)->kind == CAT_PART_CATEGORY;
}

/* Values in the order of the keys, or for one category in that of its codes. */
static void write_values(const draft *d, const cat_statistic *s, size_t t, double *numbers)
{
    const cat_table *table = (const cat_table *)d->cat->tables.items + t;
    const double *counts = (const double *)d->cat->counts.items + table->first_count;
    const numbered_key *order = d->cells[t].order;
    if (!is_of_one_category(d->cat, &table->about)) {
        for (size_t i = 0; i < table->n; i++)
            numbers[i] =
                (double)value_of_counts(s, table, counts + order[i].number * table->n_counts);
        return;
    }
    const mw_column *column = &d->columns[column_of(d, parts_of(d->cat, &table->about))];
    for (size_t code = 0; code < column->n_category_hashes; code++) {
        numbered_key wanted = {cat_mix(0, column->category_hashes[code]), 0};
        const numbered_key *found = bsearch(&wanted, order, table->n, sizeof wanted, compare_keys);
        numbers[code] =
            (double)(found ? value_of_counts(s, table, counts + found->number * table->n_counts)
                           : value_of_nothing(s, table));
    }
}

static mw_status add_column(draft *d, const cat_statistic *s, mw_error *err)
{
    size_t t = s->table;
    const cat_table *table = (const cat_table *)d->cat->tables.items + t;
    bool single = is_of_one_category(d->cat, &s->about);
    const cat_part *part = parts_of(d->cat, &s->about);
    if (!d->cells[t].order)
        MW_TRY(order_keys(d, t, err));
    if (single)
        d->cells[t].place = d->input_of[column_of(d, part)];
    else if (d->cells[t].place == NO_CELL)
        MW_TRY(find_place(d, t, err));
    size_t n = single ? d->columns[column_of(d, part)].n_category_hashes : table->n;
    double *numbers;
    mw_recipe_step step = {
        .op = MW_RECIPE_AT, .a = d->cells[t].place, .number = (double)value_of_nothing(s, table)};
    MW_TRY(add_table(d, n, &numbers, &step.b, err));
    write_values(d, s, t, numbers);
    uint32_t *output = model_list_add(&d->outputs, 1);
    if (!output)
        return mw_fail_memory(err, "statistics");
    return add_step(d, step, output, err);
}

static mw_status add_columns(draft *d, mw_error *err)
{
    const cat_statistic *statistics = d->cat->statistics.items;
    MW_TRY(list_inputs(d, err));
    for (size_t i = 0; i < d->cat->statistics.count; i++)
        if (add_column(d, &statistics[i], err) != MW_OK)
            return mw_at(err, "statistic %zu", i);
    return MW_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static mw_status keep(draft *d, const model_list *list, const void **ret_items, mw_error *err)
{
    size_t bytes = list->count * list->item_bytes;
    void *copy = mw_arena_take(d->arena, bytes + 1);
    if (!copy)
        return mw_fail_memory(err, "statistics");
    if (bytes > 0)
        memcpy(copy, list->items, bytes);
    *ret_items = copy;
    return MW_OK;
}

static mw_status keep_recipe(draft *d, mw_error *err)
{
    mw_recipe *recipe = mw_arena_take_zeroed(d->arena, 1, sizeof *recipe);
    const void *inputs, *steps, *tables, *outputs;
    if (!recipe)
        return mw_fail_memory(err, "statistics");
    MW_TRY(keep(d, &d->inputs, &inputs, err));
    MW_TRY(keep(d, &d->steps, &steps, err));
    MW_TRY(keep(d, &d->tables, &tables, err));
    MW_TRY(keep(d, &d->outputs, &outputs, err));
    *recipe = (mw_recipe){inputs,  d->inputs.count,  steps, d->steps.count,
                          outputs, d->outputs.count, tables};
    d->cat->build.forest->before = recipe;
    return MW_OK;
}

static mw_status begin(draft *d, mw_error *err)
{
    size_t n_tables = d->cat->tables.count, n_categories = d->cat->categories.count;
    d->cells = calloc(n_tables + 1, sizeof *d->cells);
    d->hashes = calloc(n_categories + 1, sizeof *d->hashes);
    d->input_of = calloc(d->cat->build.forest->n_features + 1, sizeof *d->input_of);
    if (!d->cells || !d->hashes || !d->input_of)
        return mw_fail_memory(err, "statistics");
    for (size_t t = 0; t < n_tables; t++)
        d->cells[t].hash = d->cells[t].place = NO_CELL;
    for (size_t f = 0; f < n_categories; f++)
        d->hashes[f] = NO_CELL;
    return MW_OK;
}

static void end(draft *d)
{
    for (size_t t = 0; d->cells && t < d->cat->tables.count; t++)
        free(d->cells[t].order);
    free(d->cells);
    free(d->hashes);
    free(d->input_of);
    model_list_done(&d->inputs);
    model_list_done(&d->steps);
    model_list_done(&d->tables);
    model_list_done(&d->outputs);
}

/* Conditions are numbered behind those of numbers and of categories. */
void cat_number_conditions(model_cat *cat)
{
    cat_statistic *statistics = cat->statistics.items;
    size_t end = cat->n_conditions;
    for (size_t i = 0; i < cat->statistics.count; i++)
        statistics[i].end_condition = end += statistics[i].n_borders;
}

mw_status cat_find_column(const model_cat *cat, size_t condition, uint32_t *ret_column,
                          mw_error *err)
{
    const cat_statistic *statistics = cat->statistics.items;
    size_t low = 0, high = cat->statistics.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (statistics[middle].end_condition <= condition)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_column = (uint32_t)(cat->build.forest->n_features + low);
    if (condition >= cat->n_conditions && low < cat->statistics.count)
        return MW_OK;
    mw_fail(err, MW_E_TREE_FEATURE, "a split asks for condition %zu, which is none of a statistic",
            condition);
    return mw_mend(err, "%s", again);
}

/* Counts of several targets stand in tables that JSON gives one and the same name. */
static mw_status refuse_targets(const model_cat *cat, mw_error *err)
{
    if (!mw_view_is(cat->loss, "MultiRMSE") || cat->build.forest->format != MW_FORMAT_CATBOOST_JSON)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_FORMAT,
            "CatBoost's JSON does not say which of several targets a "
            "statistic by category (CTR) is of");
    return mw_mend(err, "save the model as .cbm: model.save_model('model.cbm')");
}

mw_status cat_settle_statistics(model_cat *cat, const mw_column *columns, mw_error *err)
{
    if (cat->statistics.count == 0)
        return MW_OK;
    MW_TRY(refuse_targets(cat, err));
    draft d = {.cat = cat,
               .arena = &cat->build.forest->arena,
               .columns = columns,
               .inputs.item_bytes = sizeof(uint32_t),
               .steps.item_bytes = sizeof(mw_recipe_step),
               .tables.item_bytes = sizeof(mw_recipe_table),
               .outputs.item_bytes = sizeof(uint32_t)};
    mw_status status = begin(&d, err);
    if (status == MW_OK)
        status = add_columns(&d, err);
    if (status == MW_OK)
        status = keep_recipe(&d, err);
    end(&d);
    return status;
}
