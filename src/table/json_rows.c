/* JSON rows into cells, without a tree: each number goes from the text straight into the batch. */
#include "json_rows.h"

#include <math.h>

void table_json_init(table_json *json, mw_view body, const mw_schema *schema, mw_arena *arena)
{
    *json = (table_json){.arena = arena};
    mw_scan_init(&json->scan, body);
    json->scan.allow_nan = true;
    table_rows_init(&json->rows, schema, arena);
}

/* ---- one cell -------------------------------------------------------------------------------- */

static mw_status check_finite(double value, const char *text, mw_error *err)
{
    if (!isinf(value) || text[0] == 'I' || (text[0] == '-' && text[1] == 'I'))
        return MW_OK;
    mw_fail(err, MW_E_TABLE_RANGE, "the number is beyond the range of float64");
    return mw_mend(err, "send a number below 1.8e308, or Infinity where it is meant");
}

static mw_status read_number_cell(table_json *json, const mw_column *column, double *cell,
                                  mw_error *err)
{
    double value;
    const char *text = json->scan.at;
    MW_TRY(mw_scan_number(&json->scan, &value, err));
    MW_TRY(check_finite(value, text, err));
    return table_convert_number(column, value, cell, err);
}

static mw_status read_text_cell(table_json *json, const mw_column *column, double *cell,
                                mw_error *err)
{
    mw_view text;
    MW_TRY(mw_scan_string(&json->scan, json->arena, &text, err));
    if (column->type == MW_COLUMN_CATEGORY && (column->categories || column->hashed))
        return table_convert_text(column, text, cell, err);
    mw_fail(err, MW_E_TABLE_TEXT, "the text '%.*s' stands where a number belongs",
            (int)(text.size < 40 ? text.size : 40), text.data);
    return mw_mend(err, "send a number, or null for a missing value");
}

/* Everything but the plain number, which read_cell takes first. */
static mw_status read_odd_cell(table_json *json, const mw_column *column, double *cell,
                               mw_error *err)
{
    bool flag;
    switch (mw_scan_peek(&json->scan)) {
    case MW_SCAN_NUMBER:
        return read_number_cell(json, column, cell, err);
    case MW_SCAN_NULL:
        *cell = (double)NAN;
        return mw_scan_null(&json->scan, err);
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
        MW_TRY(mw_scan_bool(&json->scan, &flag, err));
        return table_convert_number(column, flag, cell, err);
    case MW_SCAN_STRING:
        return read_text_cell(json, column, cell, err);
    default:
        return mw_scan_expected(&json->scan, "a number", err);
    }
}

static inline mw_status read_cell(table_json *json, size_t column, double *cells, mw_error *err)
{
    const mw_column *about = &json->rows.schema->columns[column];
    if (about->type == MW_COLUMN_FLOAT64 && mw_scan_peek(&json->scan) == MW_SCAN_NUMBER) {
        double value;
        const char *behind = mw_number_read(json->scan.at, json->scan.end, true, &value);
        if (behind && fabs(value) <= 1.7976931348623157e308) {
            json->scan.at = behind;
            cells[column] = value;
            return MW_OK;
        }
    }
    if (read_odd_cell(json, about, &cells[column], err) == MW_OK)
        return MW_OK;
    return table_at(err, json->rows.schema, json->rows.n_rows - 1, column);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static mw_status fail_row(table_json *json, mw_error *err)
{
    return mw_at(err, "row %zu", json->rows.n_rows - 1);
}

static mw_status fail_row_length(table_json *json, size_t n_given, const table_mapping *mapping,
                                 mw_error *err)
{
    if (mapping->n_fields == json->rows.schema->n_columns) {
        table_fail_count(MW_E_TABLE_COUNT, json->rows.schema, n_given, err);
    } else {
        mw_fail(err, MW_E_TABLE_COUNT, "%zu values for %zu columns", n_given, mapping->n_fields);
        mw_mend(err, "send one value for each column, null where one is missing");
    }
    return fail_row(json, err);
}

static mw_status read_list_row(table_json *json, const table_mapping *mapping, double *cells,
                               mw_error *err)
{
    size_t n = 0;
    bool more;
    if (mw_scan_peek(&json->scan) != MW_SCAN_ARRAY) {
        (void)mw_scan_expected(&json->scan, "a list of values", err);
        return fail_row(json, err);
    }
    MW_TRY(mw_scan_array_begin(&json->scan, err));
    for (;; n++) {
        MW_TRY(mw_scan_array_next(&json->scan, &more, err));
        if (!more)
            break;
        ptrdiff_t column = n < mapping->n_fields ? mapping->columns[n] : -1;
        if (column >= 0)
            MW_TRY(read_cell(json, (size_t)column, cells, err));
        else
            MW_TRY(mw_scan_skip(&json->scan, NULL, err));
    }
    return n == mapping->n_fields ? MW_OK : fail_row_length(json, n, mapping, err);
}

/* Rows of about the same length follow: how many fit in the text that is left? */
static size_t expected_rows(const table_json *json, const char *row_begin)
{
    size_t row_bytes = (size_t)(json->scan.at - row_begin) + 1;
    return (size_t)(json->scan.end - json->scan.at) / row_bytes;
}

mw_status table_read_lists(table_json *json, const table_mapping *mapping, mw_error *err)
{
    bool more, plain = table_is_plain(json->rows.schema, mapping);
    size_t expect = 0;
    MW_TRY(mw_scan_array_begin(&json->scan, err));
    for (;;) {
        MW_TRY(mw_scan_array_next(&json->scan, &more, err));
        if (!more)
            return MW_OK;
        scan_skip_space(&json->scan);
        const char *row_begin = json->scan.at, *behind = NULL;
        double *cells = table_rows_add(&json->rows, expect, err);
        if (!cells)
            return MW_NO_MEMORY;
        if (plain && (behind = table_plain_row(row_begin, json->scan.end, mapping, cells)))
            json->scan.at = behind;
        else
            MW_TRY(read_list_row(json, mapping, cells, err));
        if (behind && json->pool && expect == 0)
            table_read_plain_lists(json, mapping);
        expect = expected_rows(json, row_begin);
    }
}

/* ---- records --------------------------------------------------------------------------------- */

/* What the i-th key of a record fills. Records repeat their keys in one order, so the key is
 * compared with what stood there before; else it is looked for. */
static mw_status add_key(table_json *json, mw_view key, ptrdiff_t column, mw_error *err)
{
    if (json->n_keys == json->keys_capacity) {
        size_t capacity = json->keys_capacity ? 2 * json->keys_capacity : 64;
        mw_view *keys = mw_arena_take(json->arena, capacity * sizeof *keys);
        ptrdiff_t *columns = mw_arena_take(json->arena, capacity * sizeof *columns);
        if (!keys || !columns)
            return mw_fail_memory(err, "the columns");
        if (json->n_keys > 0) {
            memcpy(keys, json->keys, json->n_keys * sizeof *keys);
            memcpy(columns, json->records.columns, json->n_keys * sizeof *columns);
        }
        json->keys = keys;
        json->records.columns = columns;
        json->keys_capacity = capacity;
    }
    json->keys[json->n_keys] = key;
    json->records.columns[json->n_keys++] = column;
    return MW_OK;
}

static mw_status find_key(table_json *json, mw_view key, size_t place, bool first_record,
                          ptrdiff_t *ret_column, mw_error *err)
{
    const mw_schema *schema = json->rows.schema;
    if (place < json->n_keys && mw_view_equal(key, json->keys[place])) {
        *ret_column = json->records.columns[place];
        return MW_OK;
    }
    if (schema->named) {
        *ret_column = mw_schema_find(schema, key);
        return first_record ? add_key(json, key, *ret_column, err) : MW_OK;
    }
    for (size_t i = 0; i < json->n_keys; i++) {
        if (mw_view_equal(key, json->keys[i])) {
            *ret_column = json->records.columns[i];
            return MW_OK;
        }
    }
    if (!first_record || json->n_keys == schema->n_columns) {
        mw_fail(err, MW_E_TABLE_COLUMNS, "the column '%.*s' is one too many: the model takes %zu",
                MW_VIEW_ARG(key), schema->n_columns);
        return mw_mend(err, "send the same %zu columns in every row", schema->n_columns);
    }
    *ret_column = (ptrdiff_t)json->n_keys;
    return add_key(json, key, *ret_column, err);
}

static mw_status read_record(table_json *json, double *cells, mw_error *err)
{
    bool more, first = !json->seen_record;
    json->seen_record = true;
    MW_TRY(mw_scan_object_begin(&json->scan, err));
    for (size_t place = 0;; place++) {
        mw_view key;
        ptrdiff_t column;
        MW_TRY(mw_scan_object_next(&json->scan, json->arena, &key, &more, err));
        if (!more)
            return MW_OK;
        if (find_key(json, key, place, first, &column, err) != MW_OK)
            return fail_row(json, err);
        if (column < 0) {
            MW_TRY(mw_scan_skip(&json->scan, NULL, err));
            continue;
        }
        json->present[column] = true;
        MW_TRY(read_cell(json, (size_t)column, cells, err));
    }
}

static mw_status begin_records(table_json *json, mw_error *err)
{
    if (!json->present)
        json->present =
            mw_arena_take_zeroed(json->arena, json->rows.schema->n_columns, sizeof(bool));
    return json->present ? MW_OK : mw_fail_memory(err, "the columns");
}

static mw_status check_keys(const table_json *json, mw_error *err)
{
    const mw_schema *schema = json->rows.schema;
    if (!schema->named && json->n_keys != schema->n_columns)
        return table_fail_count(MW_E_TABLE_COLUMNS, schema, json->n_keys, err);
    return mw_schema_check_present(schema, json->present, json->keys, json->n_keys, err);
}

mw_status table_check_records(table_json *json, mw_error *err)
{
    return json->rows.n_rows == 0 || !json->present ? MW_OK : check_keys(json, err);
}

mw_status table_read_records(table_json *json, mw_error *err)
{
    bool more;
    size_t expect = 0;
    MW_TRY(begin_records(json, err));
    MW_TRY(mw_scan_array_begin(&json->scan, err));
    for (;;) {
        MW_TRY(mw_scan_array_next(&json->scan, &more, err));
        if (!more)
            return table_check_records(json, err);
        const char *row_begin = json->scan.at;
        double *cells = table_rows_add(&json->rows, expect, err);
        if (!cells)
            return MW_NO_MEMORY;
        if (mw_scan_peek(&json->scan) != MW_SCAN_OBJECT) {
            (void)mw_scan_expected(&json->scan, "an object of column and value", err);
            return fail_row(json, err);
        }
        MW_TRY(read_record(json, cells, err));
        expect = expected_rows(json, row_begin);
    }
}

/* ---- rows of any form ------------------------------------------------------------------------ */

static mw_status read_scalars(table_json *json, mw_error *err)
{
    bool more;
    MW_TRY(mw_scan_array_begin(&json->scan, err));
    for (;;) {
        MW_TRY(mw_scan_array_next(&json->scan, &more, err));
        if (!more)
            return MW_OK;
        double *cells = table_rows_add(&json->rows, 0, err);
        if (!cells)
            return MW_NO_MEMORY;
        if (json->rows.schema->n_columns != 1) {
            table_fail_count(MW_E_TABLE_COUNT, json->rows.schema, 1, err);
            return fail_row(json, err);
        }
        MW_TRY(read_cell(json, 0, cells, err));
    }
}

mw_status table_read_any_rows(table_json *json, mw_error *err)
{
    if (mw_scan_peek(&json->scan) != MW_SCAN_ARRAY)
        return mw_scan_expected(&json->scan, "a list of rows", err);
    mw_scan ahead = json->scan; /* what does the list hold? */
    bool more;
    MW_TRY(mw_scan_array_begin(&ahead, err));
    MW_TRY(mw_scan_array_next(&ahead, &more, err));
    mw_scan_kind kind = more ? mw_scan_peek(&ahead) : MW_SCAN_ARRAY;
    if (kind == MW_SCAN_OBJECT)
        return table_read_records(json, err);
    if (kind != MW_SCAN_ARRAY)
        return read_scalars(json, err);
    table_mapping mapping;
    MW_TRY(table_map_positions(json->rows.schema, json->arena, &mapping, err));
    return table_read_lists(json, &mapping, err);
}

mw_status table_read_one_row(table_json *json, mw_error *err)
{
    double *cells = table_rows_add(&json->rows, 0, err);
    if (!cells)
        return MW_NO_MEMORY;
    if (mw_scan_peek(&json->scan) == MW_SCAN_OBJECT) {
        MW_TRY(begin_records(json, err));
        return read_record(json, cells, err);
    }
    table_mapping mapping;
    MW_TRY(table_map_positions(json->rows.schema, json->arena, &mapping, err));
    return read_list_row(json, &mapping, cells, err);
}

/* ---- columns --------------------------------------------------------------------------------- */

/* A value, or a list of exactly one: [[1], [2]] is a column of two rows. */
static mw_status read_column_cell(table_json *json, size_t column, double *cells, mw_error *err)
{
    if (mw_scan_peek(&json->scan) != MW_SCAN_ARRAY)
        return read_cell(json, column, cells, err);
    bool more;
    MW_TRY(mw_scan_array_begin(&json->scan, err));
    MW_TRY(mw_scan_array_next(&json->scan, &more, err));
    if (more) {
        MW_TRY(read_cell(json, column, cells, err));
        MW_TRY(mw_scan_array_next(&json->scan, &more, err));
        if (!more)
            return MW_OK;
    }
    mw_fail(err, MW_E_TABLE_COUNT, "an inner list that does not hold exactly one value");
    return mw_mend(err, "send one value for each row of a column");
}

static mw_status read_column(table_json *json, size_t column, bool first, mw_error *err)
{
    const mw_schema *schema = json->rows.schema;
    size_t n_rows = 0, total = json->rows.n_rows;
    bool more;
    MW_TRY(mw_scan_array_begin(&json->scan, err));
    for (;; n_rows++) {
        MW_TRY(mw_scan_array_next(&json->scan, &more, err));
        if (!more)
            break;
        if (first && !table_rows_add(&json->rows, 0, err))
            return MW_NO_MEMORY;
        if (!first && n_rows == total)
            break;
        json->rows.n_rows = n_rows + 1; /* so that messages name this row */
        MW_TRY(read_column_cell(json, column, json->rows.values + n_rows * schema->n_columns, err));
    }
    json->rows.n_rows = first ? n_rows : total;
    if (!first && (more || n_rows != total)) {
        mw_fail(err, MW_E_TABLE_COLUMNS, "the columns do not have the same number of rows");
        mw_at(err, "column '%.*s'", MW_VIEW_ARG(schema->columns[column].name));
        return mw_mend(err, "send %zu values, as in the first column", total);
    }
    return MW_OK;
}

mw_status table_read_columns(table_json *json, mw_error *err)
{
    bool more, first = true;
    MW_TRY(begin_records(json, err));
    MW_TRY(mw_scan_object_begin(&json->scan, err));
    for (;;) {
        mw_view key;
        ptrdiff_t column;
        MW_TRY(mw_scan_object_next(&json->scan, json->arena, &key, &more, err));
        if (!more)
            return check_keys(json, err);
        MW_TRY(find_key(json, key, SIZE_MAX, true, &column, err));
        if (column < 0) {
            MW_TRY(mw_scan_skip(&json->scan, NULL, err));
            continue;
        }
        json->present[column] = true;
        if (mw_scan_peek(&json->scan) != MW_SCAN_ARRAY) {
            (void)mw_scan_expected(&json->scan, "a list with the column's values", err);
            return mw_at(err, "column '%.*s'", MW_VIEW_ARG(key));
        }
        MW_TRY(read_column(json, (size_t)column, first, err));
        first = false;
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

mw_status table_read_names(table_json *json, mw_view **ret_names, size_t *ret_count, mw_error *err)
{
    mw_view *names = NULL;
    size_t n = 0, capacity = 0;
    bool more;
    MW_TRY(mw_scan_array_begin(&json->scan, err));
    for (;; n++) {
        MW_TRY(mw_scan_array_next(&json->scan, &more, err));
        if (!more)
            break;
        if (n == capacity) {
            size_t wider = capacity ? 2 * capacity : 64;
            mw_view *copy = mw_arena_take(json->arena, wider * sizeof *copy);
            if (!copy)
                return mw_fail_memory(err, "the columns");
            if (n > 0)
                memcpy(copy, names, n * sizeof *names);
            names = copy;
            capacity = wider;
        }
        mw_scan_kind kind = mw_scan_peek(&json->scan);
        if (kind == MW_SCAN_STRING)
            MW_TRY(mw_scan_string(&json->scan, json->arena, &names[n], err));
        else if (kind == MW_SCAN_NUMBER) /* pandas names columns without names 0, 1, 2 */
            MW_TRY(mw_scan_skip(&json->scan, &names[n], err));
        else
            return mw_scan_expected(&json->scan, "the name of a column", err);
    }
    *ret_names = names;
    *ret_count = n;
    return MW_OK;
}
