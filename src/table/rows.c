/* Growing rows, and which field of a row is which column. */
#include <math.h>

#include "cell.h"

void table_rows_init(table_rows *rows, const mw_schema *schema, mw_arena *arena)
{
    *rows = (table_rows){.schema = schema, .arena = arena};
}

static bool grow(table_rows *rows, size_t expect_more)
{
    size_t wanted = rows->n_rows + 1 + expect_more, doubled = rows->capacity * 2, bytes;
    size_t capacity = wanted > doubled ? wanted : doubled;
    size_t row_bytes = rows->schema->n_columns * sizeof(double);
    if (__builtin_mul_overflow(capacity, row_bytes, &bytes))
        return false;
    double *values = mw_arena_take(rows->arena, bytes);
    if (!values && capacity > wanted) { /* doubling may pass a cap that the need does not */
        capacity = rows->n_rows + 1;
        values = mw_arena_take(rows->arena, capacity * row_bytes);
    }
    if (!values)
        return false;
    if (rows->n_rows > 0)
        memcpy(values, rows->values, rows->n_rows * row_bytes);
    rows->values = values;
    rows->capacity = capacity;
    return true;
}

double *table_rows_add(table_rows *rows, size_t expect_more, mw_error *err)
{
    if (rows->n_rows == rows->capacity && !grow(rows, expect_more)) {
        (void)mw_fail_memory(err, "the rows");
        return NULL;
    }
    double *cells = rows->values + rows->n_rows++ * rows->schema->n_columns;
    table_blank_row(rows->schema, cells);
    return cells;
}

double *table_rows_reserve(table_rows *rows, size_t n_more)
{
    if (n_more == 0 || (rows->capacity - rows->n_rows < n_more && !grow(rows, n_more - 1)))
        return NULL;
    return rows->capacity - rows->n_rows < n_more
               ? NULL
               : rows->values + rows->n_rows * rows->schema->n_columns;
}

mw_batch table_rows_batch(const table_rows *rows)
{
    return (mw_batch){rows->values, rows->n_rows, rows->schema->n_columns};
}

/* ---- mappings -------------------------------------------------------------------------------- */

mw_status table_fail_count(mw_code code, const mw_schema *schema, size_t n_given, mw_error *err)
{
    mw_fail(err, code, "%zu values, the model takes %zu", n_given, schema->n_columns);
    return mw_mend(err, n_given < schema->n_columns
                            ? "send every column, null where a value is missing"
                            : "send only the columns that the model was trained on");
}

static mw_status take_mapping(const mw_schema *schema, size_t n_fields, mw_arena *arena,
                              table_mapping *ret_mapping, mw_error *err)
{
    (void)schema;
    ptrdiff_t *columns = mw_arena_take(arena, n_fields * sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "the columns");
    *ret_mapping = (table_mapping){columns, n_fields};
    return MW_OK;
}

mw_status table_map_positions(const mw_schema *schema, mw_arena *arena, table_mapping *ret_mapping,
                              mw_error *err)
{
    MW_TRY(take_mapping(schema, schema->n_columns, arena, ret_mapping, err));
    for (size_t i = 0; i < schema->n_columns; i++)
        ret_mapping->columns[i] = (ptrdiff_t)i;
    return MW_OK;
}

mw_status table_map_names(const mw_schema *schema, const mw_view *names, size_t n_names,
                          mw_arena *arena, table_mapping *ret_mapping, mw_error *err)
{
    if (!schema->named) {
        if (n_names != schema->n_columns)
            return table_fail_count(MW_E_TABLE_COLUMNS, schema, n_names, err);
        return table_map_positions(schema, arena, ret_mapping, err);
    }
    table_mapping mapping;
    MW_TRY(take_mapping(schema, n_names, arena, &mapping, err));
    bool *present = mw_arena_take_zeroed(arena, schema->n_columns, sizeof *present);
    if (!present)
        return mw_fail_memory(err, "the columns");
    for (size_t i = 0; i < n_names; i++) {
        /* a header in the model's own order needs no look-up */
        bool in_order = i < schema->n_columns && mw_view_equal(names[i], schema->columns[i].name);
        ptrdiff_t column = in_order ? (ptrdiff_t)i : mw_schema_find(schema, names[i]);
        mapping.columns[i] = column;
        if (column < 0)
            continue;
        if (present[column]) {
            mw_fail(err, MW_E_TABLE_NAME_TWICE, "two columns are called '%.*s'",
                    MW_VIEW_ARG(names[i]));
            return mw_mend(err, "send every column once");
        }
        present[column] = true;
    }
    MW_TRY(mw_schema_check_present(schema, present, names, n_names, err));
    *ret_mapping = mapping;
    return MW_OK;
}
