/* Between the files of table: one value, one row, one mapping of names. */
#ifndef TABLE_CELL_H
#define TABLE_CELL_H

#include "table.h"

/* A number or a text as the column wants it; errors do not say where. */
mw_status table_convert_number(const mw_column *column, double value, double *ret_value,
                               mw_error *err);
mw_status table_convert_text(const mw_column *column, mw_view text, double *ret_value,
                             mw_error *err);
/* A category that the model does not know: a NaN that says which. */
double table_stranger(mw_view text);
/* Prepend "row 3, column 'age'". */
mw_status table_at(mw_error *err, const mw_schema *schema, size_t row, size_t column);

/* Which schema column each field of a row fills; -1 = passed over. */
typedef struct table_mapping {
    ptrdiff_t *columns;
    size_t n_fields;
} table_mapping;

/* By the names of a header. Checks that none stands twice and none is missing; a schema without
 * names of its own takes them by position, and then the count must be equal. */
mw_status table_map_names(const mw_schema *schema, const mw_view *names, size_t n_names,
                          mw_arena *arena, table_mapping *ret_mapping, mw_error *err);
/* By position. */
mw_status table_map_positions(const mw_schema *schema, mw_arena *arena, table_mapping *ret_mapping,
                              mw_error *err);
/* "5 values, the model takes 3"; code TABLE_COUNT where a row is at fault, TABLE_COLUMNS where the
 * columns as a whole are. */
mw_status table_fail_count(mw_code code, const mw_schema *schema, size_t n_given, mw_error *err);

/* A row of which nothing is said so far. */
void table_blank_row(const mw_schema *schema, double *cells);

/* Rows that grow: the batch of a body whose count of rows is not known before its end. */
typedef struct table_rows {
    const mw_schema *schema;
    mw_arena *arena;
    double *values;
    size_t n_rows, capacity;
} table_rows;

void table_rows_init(table_rows *rows, const mw_schema *schema, mw_arena *arena);
/* One more row, all missing: its cells, or NULL when memory is gone. `expect_more` rows are likely
 * to follow: room is made for them at once. */
double *table_rows_add(table_rows *rows, size_t expect_more, mw_error *err);
/* Room for `n_more` rows behind those that are there, which the caller fills and then counts; NULL
 * when there is no memory. */
double *table_rows_reserve(table_rows *rows, size_t n_more);
mw_batch table_rows_batch(const table_rows *rows);

#endif
