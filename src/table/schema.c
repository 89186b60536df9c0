/* The schema: columns by position, by name (open addressing), and categories by text. */
#include "table.h"

const char *mw_column_type_name(mw_column_type type)
{
    static const char *const names[] = {
        [MW_COLUMN_FLOAT64] = "float64", [MW_COLUMN_FLOAT32] = "float32",
        [MW_COLUMN_INT64] = "int64",     [MW_COLUMN_INT32] = "int32",
        [MW_COLUMN_BOOL] = "bool",       [MW_COLUMN_CATEGORY] = "category",
    };
    return names[type];
}

/* ---- an index: slots of 1 + position, 0 = free; at most half full -------------------------------
 */

static size_t index_size_for(size_t n)
{
    size_t size = 8;
    while (size < 2 * n)
        size *= 2;
    return size;
}

/* The slot that holds `text`, or the free slot where it belongs. */
static size_t find_slot(const uint32_t *index, size_t size, mw_view text, const void *items,
                        mw_view (*text_of)(const void *items, size_t i))
{
    size_t slot = (size_t)mw_fnv_view(MW_FNV_BEGIN, text) & (size - 1);
    while (index[slot] != 0 && !mw_view_equal(text_of(items, index[slot] - 1), text))
        slot = (slot + 1) & (size - 1);
    return slot;
}

struct mw_former_name {
    mw_view name;
    uint32_t column;
};

static mw_view name_text(const void *items, size_t i)
{
    const mw_schema *schema = items;
    return i < schema->n_columns ? schema->columns[i].name
                                 : schema->formers[i - schema->n_columns].name;
}

static mw_view category_text(const void *items, size_t i)
{
    return ((const mw_view *)items)[i];
}

static bool copy_view(mw_arena *arena, mw_view *view)
{
    const char *copy = mw_arena_text(arena, *view);
    if (copy)
        view->data = copy;
    return copy != NULL;
}

static mw_status copy_hashes(mw_column *column, mw_arena *arena, mw_error *err)
{
    size_t n = column->n_category_hashes;
    uint32_t *copy = mw_arena_take_zeroed(arena, n, sizeof *copy);
    if (!copy)
        return mw_fail_memory(err, "categories");
    if (n > 0)
        memcpy(copy, column->category_hashes, n * sizeof *copy);
    column->category_hashes = copy;
    return MW_OK;
}

static mw_status copy_categories(mw_column *column, mw_arena *arena, mw_error *err)
{
    if (column->hashed)
        return copy_hashes(column, arena, err);
    if (!column->categories)
        return MW_OK;
    size_t n = column->n_categories, size = index_size_for(n);
    mw_view *texts = mw_arena_take_zeroed(arena, n, sizeof *texts);
    uint32_t *index = mw_arena_take_zeroed(arena, size, sizeof *index);
    if (!texts || !index)
        return mw_fail_memory(err, "categories");
    for (size_t i = 0; i < n; i++) {
        texts[i] = column->categories[i];
        if (!copy_view(arena, &texts[i]))
            return mw_fail_memory(err, "categories");
        size_t slot = find_slot(index, size, texts[i], texts, category_text);
        if (index[slot] == 0) /* a text that stands twice keeps its first code */
            index[slot] = (uint32_t)i + 1;
    }
    column->categories = texts;
    column->category_index = index;
    column->category_index_size = size;
    return MW_OK;
}

/* Whether a JSON string holds this text byte by byte, and no other text looks like it. */
static bool is_plain(mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == '"' || text.data[i] == '\\')
            return false;
    return true;
}

static mw_status take_name(const mw_schema *schema, uint32_t *index, size_t i, mw_error *err)
{
    mw_view name = name_text(schema, i);
    size_t slot = find_slot(index, schema->index_size, name, schema, name_text);
    if (index[slot] != 0) {
        mw_fail(err, MW_E_TABLE_NAME_TWICE, "two columns are called '%.*s'", MW_VIEW_ARG(name));
        return mw_mend(err, "give every column a name of its own");
    }
    index[slot] = (uint32_t)i + 1;
    return MW_OK;
}

/* Behind the names that columns have. */
static mw_status take_formers(mw_schema *schema, uint32_t *index, size_t n, mw_arena *arena,
                              mw_error *err)
{
    struct mw_former_name *formers = mw_arena_take_zeroed(arena, n, sizeof *formers);
    size_t at = 0;
    if (!formers)
        return mw_fail_memory(err, "columns");
    schema->formers = formers;
    for (size_t c = 0; c < schema->n_columns; c++) {
        const mw_column *column = &schema->columns[c];
        for (size_t i = 0; i < column->n_was; i++, at++) {
            formers[at] = (struct mw_former_name){column->was[i], (uint32_t)c};
            MW_TRY(take_name(schema, index, schema->n_columns + at, err));
        }
    }
    return MW_OK;
}

static mw_status copy_was(mw_column *column, mw_arena *arena, mw_error *err)
{
    mw_view *names = mw_arena_take_zeroed(arena, column->n_was + 1, sizeof *names);
    bool is_copied = names != NULL;
    for (size_t i = 0; is_copied && i < column->n_was; i++) {
        names[i] = column->was[i];
        is_copied = copy_view(arena, &names[i]);
    }
    column->was = names;
    return is_copied ? MW_OK : mw_fail_memory(err, "columns");
}

static mw_status make_blank(mw_schema *schema, mw_arena *arena, mw_error *err)
{
    double *blank = mw_arena_take(arena, schema->n_columns * sizeof *blank);
    if (!blank)
        return mw_fail_memory(err, "columns");
    for (size_t c = 0; c < schema->n_columns; c++)
        blank[c] = schema->columns[c].has_default ? schema->columns[c].default_value
                                                  : (double)__builtin_nan("");
    schema->blank = blank;
    return MW_OK;
}

mw_status mw_schema_make(const mw_column *columns, size_t n_columns, bool named, mw_arena *arena,
                         mw_schema *ret_schema, mw_error *err)
{
    size_t n_formers = 0, n_defaults = 0;
    for (size_t i = 0; i < n_columns; i++) {
        n_formers += columns[i].n_was;
        n_defaults += columns[i].has_default;
    }
    size_t size = index_size_for(n_columns + n_formers);
    mw_column *copies = mw_arena_take_zeroed(arena, n_columns, sizeof *copies);
    uint32_t *index = mw_arena_take_zeroed(arena, size, sizeof *index);
    mw_schema made = {copies, n_columns, named, true, index, size, NULL, NULL};
    if (!copies || !index)
        return mw_fail_memory(err, "columns");
    for (size_t i = 0; i < n_columns; i++) {
        copies[i] = columns[i];
        if (!copy_view(arena, &copies[i].name))
            return mw_fail_memory(err, "columns");
        MW_TRY(copy_categories(&copies[i], arena, err));
        if (copies[i].n_was > 0)
            MW_TRY(copy_was(&copies[i], arena, err));
        made.plain_names = made.plain_names && is_plain(copies[i].name);
        MW_TRY(take_name(&made, index, i, err));
    }
    if (n_formers > 0)
        MW_TRY(take_formers(&made, index, n_formers, arena, err));
    if (n_defaults > 0)
        MW_TRY(make_blank(&made, arena, err));
    *ret_schema = made;
    return MW_OK;
}

ptrdiff_t mw_schema_find(const mw_schema *schema, mw_view name)
{
    if (schema->index_size == 0)
        return -1;
    size_t slot = find_slot(schema->index, schema->index_size, name, schema, name_text);
    ptrdiff_t found = (ptrdiff_t)schema->index[slot] - 1, n = (ptrdiff_t)schema->n_columns;
    return found < n ? found : (ptrdiff_t)schema->formers[found - n].column;
}

ptrdiff_t mw_column_find_hash(const mw_column *column, uint32_t hash)
{
    size_t begin = 0, end = column->n_category_hashes;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (column->category_hashes[middle] < hash)
            begin = middle + 1;
        else
            end = middle;
    }
    bool found = begin < column->n_category_hashes && column->category_hashes[begin] == hash;
    return found ? (ptrdiff_t)begin : -1;
}

ptrdiff_t mw_schema_category(const mw_column *column, mw_view text)
{
    if (column->hashed)
        return mw_column_find_hash(column, mw_category_hash(text));
    if (!column->category_index)
        return -1;
    size_t slot = find_slot(column->category_index, column->category_index_size, text,
                            column->categories, category_text);
    return (ptrdiff_t)column->category_index[slot] - 1;
}

/* ---- what is missing, said so that it can be mended ------------------------------------------ */

/* Among the names that are no column's own. */
static ptrdiff_t nearest_name(const mw_schema *schema, mw_view wanted, const mw_view *given,
                              size_t n_given)
{
    size_t most = wanted.size < 6 ? 1 : 2, best = most + 1; /* farther names are no typing error */
    ptrdiff_t found = -1;
    for (size_t i = 0; i < n_given && i < 1000; i++) {
        size_t distance = mw_view_distance(wanted, given[i], most);
        if (distance < best && mw_schema_find(schema, given[i]) < 0) {
            best = distance;
            found = (ptrdiff_t)i;
        }
    }
    return found;
}

mw_status mw_schema_check_present(const mw_schema *schema, const bool *present,
                                  const mw_view *given, size_t n_given, mw_error *err)
{
    enum { NAMES_SHOWN = 5 };
    size_t n_missing = 0, first = 0;
    mw_buf names;
    mw_buf_init(&names, 1024);
    for (size_t i = 0; i < schema->n_columns; i++) {
        if (present[i] || schema->columns[i].optional)
            continue;
        if (n_missing == 0)
            first = i;
        if (n_missing++ < NAMES_SHOWN)
            mw_buf_format(&names, "%s'%.*s'", n_missing > 1 ? ", " : "",
                          MW_VIEW_ARG(schema->columns[i].name));
    }
    if (n_missing == 0) {
        mw_buf_done(&names);
        return MW_OK;
    }
    if (n_missing > NAMES_SHOWN)
        mw_buf_format(&names, " and %zu more", n_missing - NAMES_SHOWN);
    mw_status status = mw_fail(err, MW_E_TABLE_COLUMN_MISSING, "%s missing: %s",
                               n_missing == 1 ? "a column is" : "columns are", names.data);
    mw_buf_done(&names);
    ptrdiff_t near = nearest_name(schema, schema->columns[first].name, given, n_given);
    if (near >= 0)
        mw_mend(err, "did you mean '%.*s' where you sent '%.*s'?",
                MW_VIEW_ARG(schema->columns[first].name), MW_VIEW_ARG(given[near]));
    else
        mw_mend(err,
                "send every column that the model was trained on; null where a value is missing");
    return status;
}
