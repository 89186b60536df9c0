/* JSON values that hold rows, for the bodies of every protocol. */
#ifndef TABLE_JSON_ROWS_H
#define TABLE_JSON_ROWS_H

#include "cell.h"

/* What reading a JSON body needs at hand. */
typedef struct table_json {
    mw_scan scan;
    table_rows rows;
    mw_arena *arena;
    mw_pool *pool; /* whose idle threads may help with a large body, or NULL */
    /* records: the keys of the first record, in its order, and what they fill */
    mw_view *keys;
    table_mapping records;
    size_t n_keys, keys_capacity;
    bool *present; /* schema columns that any record has filled */
    bool seen_record;
} table_json;

void table_json_init(table_json *json, mw_view body, const mw_schema *schema, mw_arena *arena);

/* [[..], [..]] with each inner list by `mapping`; the scanner stands before the outer '['. */
mw_status table_read_lists(table_json *json, const table_mapping *mapping, mw_error *err);
/* [{..}, {..}] by name. */
mw_status table_read_records(table_json *json, mw_error *err);
/* Rows of any form: lists, objects, or scalars (one column). */
mw_status table_read_any_rows(table_json *json, mw_error *err);
/* {"age": [1, 2], "income": [[3], [4]]}: one list a column. */
mw_status table_read_columns(table_json *json, mw_error *err);
/* Pass over a list that is the schema's own names in their order, as most bodies have it, without
 * taking it apart. False, and nothing passed, when it is anything else. */
bool table_pass_own_names(table_json *json);
/* ["age", "income", 3]: names; numbers count as their text. */
mw_status table_read_names(table_json *json, mw_view **ret_names, size_t *ret_count, mw_error *err);
/* One row: an object by name or a list by position. */
mw_status table_read_one_row(table_json *json, mw_error *err);
/* After the last record: every required column must have been there. */
mw_status table_check_records(table_json *json, mw_error *err);

/* ---- json_plain.c ---------------------------------------------------------------------------- */

/* Whether the fields are number columns, all of them: then a row is mostly a list of numbers. */
bool table_is_plain(const mw_schema *schema, const table_mapping *mapping);
/* Read a list of numbers and null at `at`, one a field. Returns the byte behind it, or NULL when it
 * is anything else; then some cells may have been written. */
const char *table_plain_row(const char *at, const char *end, const table_mapping *mapping,
                            double *cells);
/* Behind a row: read as many of the next as are plain, by several threads, when they are many.
 * What is left (perhaps all) is the caller's to read. */
void table_read_plain_lists(table_json *json, const table_mapping *mapping);

#endif
