/* The batch, and how one value becomes a cell of it. */
#include "table.h"

#include <float.h>
#include <math.h>

#include "cell.h"

mw_matrix mw_batch_matrix(const mw_batch *batch)
{
    return (mw_matrix){
        batch->values, MW_FLOAT64, batch->n_rows, batch->n_columns, (ptrdiff_t)batch->n_columns, 1};
}

mw_status mw_batch_make_unset(const mw_schema *schema, size_t n_rows, mw_arena *arena,
                              mw_batch *ret_batch, mw_error *err)
{
    size_t n_values, n_bytes;
    bool fits = !__builtin_mul_overflow(n_rows, schema->n_columns, &n_values) &&
                !__builtin_mul_overflow(n_values, sizeof(double), &n_bytes);
    double *values = fits ? mw_arena_take(arena, n_bytes) : NULL;
    if (!values)
        return mw_fail_memory(err, "the rows");
    *ret_batch = (mw_batch){values, n_rows, schema->n_columns};
    return MW_OK;
}

void table_blank_row(const mw_schema *schema, double *cells)
{
    if (schema->blank) {
        memcpy(cells, schema->blank, schema->n_columns * sizeof *cells);
        return;
    }
    for (size_t i = 0; i < schema->n_columns; i++)
        cells[i] = (double)NAN;
}

mw_status mw_batch_make(const mw_schema *schema, size_t n_rows, mw_arena *arena,
                        mw_batch *ret_batch, mw_error *err)
{
    MW_TRY(mw_batch_make_unset(schema, n_rows, arena, ret_batch, err));
    for (size_t row = 0; row < n_rows; row++)
        table_blank_row(schema, ret_batch->values + row * schema->n_columns);
    return MW_OK;
}

mw_status table_at(mw_error *err, const mw_schema *schema, size_t row, size_t column)
{
    return mw_at(err, "row %zu, column '%.*s'", row, MW_VIEW_ARG(schema->columns[column].name));
}

/* A number among categories that were numbers in training: found by its value. */
static ptrdiff_t find_numeric_category(const mw_column *column, double value)
{
    for (size_t i = 0; i < column->n_categories; i++) {
        double category;
        mw_view text = column->categories[i];
        if (mw_number_parse(text.data, text.size, &category) && category == value)
            return (ptrdiff_t)i;
    }
    return -1;
}

static mw_status fail_category(const mw_column *column, mw_view text, mw_error *err)
{
    mw_buf known;
    mw_buf_init(&known, 512);
    for (size_t i = 0; i < column->n_categories && i < 5; i++)
        mw_buf_format(&known, "%s'%.*s'", i ? ", " : "", MW_VIEW_ARG(column->categories[i]));
    if (column->n_categories > 5)
        mw_buf_format(&known, " and %zu more", column->n_categories - 5);
    mw_status status = mw_fail(err, MW_E_TABLE_CATEGORY, "'%.*s' is no category of this column",
                               (int)(text.size < 40 ? text.size : 40), text.data);
    mw_mend(err, "known are %s; send null for a missing value", known.data);
    mw_buf_done(&known);
    return status;
}

/* Whatever no split asks for is one and the same to the model. */
static double hashed_code(const mw_column *column, mw_view text)
{
    ptrdiff_t code = mw_schema_category(column, text);
    return code < 0 ? (double)NAN : (double)code;
}

static mw_status category_code(const mw_column *column, double value, double *ret_value,
                               mw_error *err)
{
    if (column->hashed) {
        char text[MW_NUMBER_TEXT_BYTES];
        size_t size = mw_number_write_double(text, value, false);
        *ret_value = hashed_code(column, (mw_view){text, size});
        return MW_OK;
    }
    if (column->categories && column->categories_are_numbers) {
        ptrdiff_t code = find_numeric_category(column, value);
        if (code < 0) {
            char room[MW_NUMBER_TEXT_BYTES];
            mw_view text = {room, mw_number_write_double(room, value, false)};
            if (!column->unknown_is_missing)
                return fail_category(column, text, err);
            *ret_value = table_stranger(text);
            return MW_OK;
        }
        *ret_value = (double)code;
        return MW_OK;
    }
    *ret_value = value; /* a code; what the model does with strange ones is the model's rule */
    return MW_OK;
}

static mw_status fail_whole(double value, mw_column_type type, mw_error *err)
{
    char text[MW_NUMBER_TEXT_BYTES + 1];
    text[mw_number_write_double(text, value, false)] = '\0';
    mw_fail(err, MW_E_TABLE_WHOLE, "%s is no %s", text, mw_column_type_name(type));
    return mw_mend(err, type == MW_COLUMN_BOOL
                            ? "send true or false, 1 or 0, or null"
                            : "send a whole number inside the type's range, or null");
}

mw_status table_convert_number(const mw_column *column, double value, double *ret_value,
                               mw_error *err)
{
    if (isnan(value)) {
        *ret_value = value;
        return MW_OK;
    }
    switch (column->type) {
    case MW_COLUMN_FLOAT64:
        break;
    case MW_COLUMN_FLOAT32:
        value = (double)(float)value;
        break;
    case MW_COLUMN_INT64:
        if (value != trunc(value) || fabs(value) > 9223372036854775807.0)
            return fail_whole(value, column->type, err);
        break;
    case MW_COLUMN_INT32:
        if (value != trunc(value) || value < -2147483648.0 || value > 2147483647.0)
            return fail_whole(value, column->type, err);
        break;
    case MW_COLUMN_BOOL:
        if (value != 0 && value != 1)
            return fail_whole(value, column->type, err);
        break;
    case MW_COLUMN_CATEGORY:
        return category_code(column, value, ret_value, err);
    }
    *ret_value = value;
    return MW_OK;
}

bool mw_text_is_missing(mw_view text)
{
    static const char *const words[] = {"NaN",  "nan", "NA",   "N/A",  "null", "NULL",
                                        "None", "n/a", "<NA>", "#N/A", "-nan", "-NaN"};
    if (text.size == 0)
        return true;
    if (text.size > 4)
        return false;
    for (size_t i = 0; i < MW_COUNT(words); i++)
        if (mw_view_is(text, words[i]))
            return true;
    return false;
}

mw_status table_convert_text(const mw_column *column, mw_view text, double *ret_value,
                             mw_error *err)
{
    if (column->hashed) {
        *ret_value = hashed_code(column, text);
        return MW_OK;
    }
    if (column->type == MW_COLUMN_CATEGORY && column->categories) {
        ptrdiff_t code = mw_schema_category(column, text);
        double number;
        if (code >= 0) {
            *ret_value = (double)code;
            return MW_OK;
        }
        if (mw_text_is_missing(text)) {
            *ret_value = (double)NAN;
            return MW_OK;
        }
        if (column->categories_are_numbers && mw_number_parse(text.data, text.size, &number))
            return category_code(column, number, ret_value, err);
        if (!column->unknown_is_missing)
            return fail_category(column, text, err);
        *ret_value = table_stranger(text);
        return MW_OK;
    }
    double value;
    mw_view trimmed = mw_view_trim(text);
    if (mw_text_is_missing(trimmed)) {
        *ret_value = (double)NAN;
        return MW_OK;
    }
    if (mw_number_parse(trimmed.data, trimmed.size, &value))
        return table_convert_number(column, value, ret_value, err);
    if (column->type == MW_COLUMN_BOOL &&
        (mw_view_is_nocase(trimmed, "true") || mw_view_is_nocase(trimmed, "false"))) {
        *ret_value = trimmed.size == 4;
        return MW_OK;
    }
    mw_fail(err, MW_E_TABLE_TEXT, "the text '%.*s' stands where a number belongs",
            (int)(text.size < 40 ? text.size : 40), text.data);
    return mw_mend(err, "send a number, or null for a missing value");
}

mw_status mw_batch_put_number(mw_batch *batch, const mw_schema *schema, size_t row, size_t column,
                              double value, mw_error *err)
{
    double *cell = &batch->values[row * batch->n_columns + column];
    if (table_convert_number(&schema->columns[column], value, cell, err) == MW_OK)
        return MW_OK;
    return table_at(err, schema, row, column);
}

mw_status mw_batch_put_text(mw_batch *batch, const mw_schema *schema, size_t row, size_t column,
                            mw_view text, mw_error *err)
{
    double *cell = &batch->values[row * batch->n_columns + column];
    if (table_convert_text(&schema->columns[column], text, cell, err) == MW_OK)
        return MW_OK;
    return table_at(err, schema, row, column);
}
