/* The schema of a LightGBM model.
 *
 *     feature_names=age city            "Column_0 Column_1" are LightGBM's own and count as none
 *     feature_infos=[18:90] 2:0:1       a range, or the categories that training saw, or "none"
 *     [categorical_feature: 1]          among the parameters, where it was given
 *     pandas_categorical:[["Bonn", "Kyiv"]]
 *
 * pandas_categorical has one list for each column of dtype category, in the order of the columns,
 * but does not say which columns these were. They are the categorical features, except where an
 * ordered category was trained on as a number: then the counts differ, no text can be mapped, and
 * the model takes codes. */
#include "lightgbm.h"

#include "names.h"

static mw_status damaged(const char *place, mw_error *err)
{
    mw_mend(err, "save the model again; this file was cut short or edited by hand");
    return mw_at(err, "%s", place);
}

/* The next word of *rest, separated by `separator`; false at the end. */
static bool take_word(mw_view *rest, char separator, mw_view *ret_word)
{
    if (rest->size == 0)
        return false;
    const char *end = memchr(rest->data, separator, rest->size);
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    size_t used = size + (end != NULL);
    *ret_word = (mw_view){rest->data, size};
    *rest = (mw_view){rest->data + used, rest->size - used};
    return true;
}

static mw_status read_names(const model_lgb *lgb, mw_column *columns, mw_error *err)
{
    size_t n = lgb->build.forest->n_features, count = lgb->names.count;
    const mw_view *names = lgb->names.items;
    for (size_t i = 0; i < count; i++) {
        if (i < n)
            columns[i].name = names[i];
        if (mw_view_is_utf8(names[i]) && names[i].size > 0)
            continue;
        mw_fail(err, MW_E_MODEL_SYNTAX, "name %zu is empty or not UTF-8", i);
        return damaged("feature_names", err);
    }
    if (count == n)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "%zu names, but the model has %zu features", count, n);
    return damaged("feature_names", err);
}

static bool is_made_up(mw_view name, size_t index)
{
    char own[32];
    snprintf(own, sizeof own, "Column_%zu", index);
    return mw_view_is(name, own);
}

static bool all_made_up(const mw_column *columns, size_t n)
{
    size_t i = 0;
    while (i < n && is_made_up(columns[i].name, i))
        i++;
    return i == n;
}

/* Absent in very old files. */
static mw_status read_infos(const model_lgb *lgb, mw_column *columns, mw_error *err)
{
    size_t n = lgb->build.forest->n_features, count = 0;
    mw_view rest = lgb->infos, word;
    while (take_word(&rest, ' ', &word)) {
        bool range = word.size > 0 && word.data[0] == '[';
        if (count < n && word.size > 0 && !range && !mw_view_is(word, "none"))
            columns[count].type = MW_COLUMN_CATEGORY;
        count++;
    }
    if (count == n || count == 0)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "%zu entries, but the model has %zu features", count, n);
    return damaged("feature_infos", err);
}

/* The JSON form knows categories by the names of their columns. */
static mw_status mark_named(const model_lgb *lgb, mw_column *columns, mw_error *err)
{
    const mw_view *names = lgb->category_names.items;
    mw_arena scratch;
    mw_schema schema;
    if (lgb->category_names.count == 0)
        return MW_OK;
    mw_arena_init(&scratch, MW_KIB, SIZE_MAX);
    mw_status status = mw_schema_make(columns, lgb->names.count, true, &scratch, &schema, err);
    for (size_t i = 0; status == MW_OK && i < lgb->category_names.count; i++) {
        ptrdiff_t column = mw_schema_find(&schema, names[i]);
        if (column >= 0)
            columns[column].type = MW_COLUMN_CATEGORY;
    }
    mw_arena_done(&scratch);
    return status;
}

/* "0,2,3", or "name:city,street"; a name that is none of the model's is passed over. */
static void read_parameter(const model_lgb *lgb, mw_column *columns)
{
    size_t n = lgb->build.forest->n_features;
    mw_view rest = lgb->categorical, word;
    bool by_name = mw_view_starts(rest, "name:");
    if (by_name)
        rest = (mw_view){rest.data + 5, rest.size - 5};
    while (take_word(&rest, ',', &word)) {
        int64_t index = -1;
        word = mw_view_trim(word);
        if (!by_name && model_parse_integer(word, &index) && index >= 0 && (size_t)index < n)
            columns[index].type = MW_COLUMN_CATEGORY;
        for (size_t i = 0; by_name && i < n; i++)
            if (mw_view_equal(columns[i].name, word))
                columns[i].type = MW_COLUMN_CATEGORY;
    }
}

/* ---- pandas ------------------------------------------------------------------------------------
 */

/* Categories of one column, gathered from JSON. */
typedef struct category_list {
    mw_view *texts;
    size_t count;
    bool numbers;
} category_list;

static mw_status read_category_number(mw_scan *scan, mw_arena *arena, mw_view *ret_text,
                                      mw_error *err)
{
    double value = 0;
    char *text = mw_arena_take(arena, MW_NUMBER_TEXT_BYTES);
    if (!text)
        return mw_fail_memory(err, "categories");
    MW_TRY(mw_scan_number(scan, &value, err));
    *ret_text = (mw_view){text, mw_number_write_double(text, value, false)};
    return MW_OK;
}

/* A text, a number, or a truth value as pandas writes it to CSV. */
static mw_status read_category(mw_scan *scan, mw_arena *arena, mw_view *ret_text, bool *numbers,
                               mw_error *err)
{
    bool truth = false;
    switch (mw_scan_peek(scan)) {
    case MW_SCAN_NUMBER:
        *numbers = true;
        return read_category_number(scan, arena, ret_text, err);
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
        MW_TRY(mw_scan_bool(scan, &truth, err));
        *ret_text = truth ? MW_VIEW("True") : MW_VIEW("False");
        return MW_OK;
    default:
        return mw_scan_string(scan, arena, ret_text, err);
    }
}

static mw_status read_category_list(mw_scan *scan, mw_arena *arena, category_list *ret_list,
                                    mw_error *err)
{
    model_list texts = {.item_bytes = sizeof(mw_view)};
    bool more = true, numbers = false;
    mw_status status = mw_scan_array_begin(scan, err);
    while (status == MW_OK) {
        status = mw_scan_array_next(scan, &more, err);
        if (status != MW_OK || !more)
            break;
        mw_view *text = model_list_add(&texts, 1);
        status = text ? read_category(scan, arena, text, &numbers, err)
                      : mw_fail_memory(err, "categories");
    }
    mw_view *kept = mw_arena_take_zeroed(arena, texts.count, sizeof *kept);
    if (status == MW_OK && !kept)
        status = mw_fail_memory(err, "categories");
    if (status == MW_OK && texts.count > 0)
        memcpy(kept, texts.items, texts.count * sizeof *kept);
    *ret_list = (category_list){kept, texts.count, numbers};
    model_list_done(&texts);
    return status;
}

static mw_status read_category_lists(mw_view text, mw_arena *arena, model_list *lists,
                                     mw_error *err)
{
    mw_scan scan;
    bool more = false;
    mw_scan_init(&scan, text);
    scan.allow_nan = true;
    if (mw_scan_peek(&scan) == MW_SCAN_NULL)
        return MW_OK;
    MW_TRY(mw_scan_array_begin(&scan, err));
    for (;;) {
        MW_TRY(mw_scan_array_next(&scan, &more, err));
        if (!more)
            return mw_scan_end(&scan, err);
        category_list *list = model_list_add(lists, 1);
        if (!list)
            return mw_fail_memory(err, "categories");
        MW_TRY(read_category_list(&scan, arena, list, err));
    }
}

static void give_categories(mw_column *columns, size_t n, const model_list *lists)
{
    const category_list *list = lists->items;
    for (size_t i = 0; i < n; i++) {
        if (columns[i].type != MW_COLUMN_CATEGORY)
            continue;
        columns[i].categories = list->count > 0 ? list->texts : NULL;
        columns[i].n_categories = list->count;
        columns[i].categories_are_numbers = list->numbers;
        columns[i].unknown_is_missing = true; /* pandas gives code -1, LightGBM makes it NaN */
        list++;
    }
}

static mw_status read_pandas(model_lgb *lgb, mw_column *columns, mw_error *err)
{
    mw_forest *forest = lgb->build.forest;
    model_list lists = {.item_bytes = sizeof(category_list)};
    size_t n_categorical = 0;
    for (size_t i = 0; i < forest->n_features; i++)
        n_categorical += columns[i].type == MW_COLUMN_CATEGORY;
    mw_status status = read_category_lists(lgb->pandas, &forest->arena, &lists, err);
    if (status != MW_OK)
        damaged("pandas_categorical", err);
    else if (lists.count == n_categorical)
        give_categories(columns, forest->n_features, &lists);
    else if (lists.count > 0)
        forest->cannot = "categories cannot be given as text, because the file does not say which "
                         "columns its lists of categories belong to: give their codes";
    model_list_done(&lists);
    return status;
}

static mw_status fill_columns(model_lgb *lgb, mw_column *columns, mw_error *err)
{
    MW_TRY(read_names(lgb, columns, err));
    MW_TRY(read_infos(lgb, columns, err));
    MW_TRY(mark_named(lgb, columns, err));
    read_parameter(lgb, columns);
    return lgb->pandas.size > 0 ? read_pandas(lgb, columns, err) : MW_OK;
}

mw_status model_lgb_set_schema(model_lgb *lgb, mw_error *err)
{
    mw_forest *forest = lgb->build.forest;
    mw_column *columns = calloc(forest->n_features + 1, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "names of features");
    mw_status status = fill_columns(lgb, columns, err);
    if (status == MW_OK) {
        bool named = !all_made_up(columns, forest->n_features);
        status = model_set_schema(forest, columns, named, "Column_", err);
    }
    free(columns);
    return status;
}
