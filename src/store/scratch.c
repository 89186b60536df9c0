/* Tables of one work alone, and what a work that brings much over needs beside them. */
#include <assert.h>
#include <stdlib.h>

#include "link.h"
#include "scratch.h"

enum { PAGE_ROWS = 500, COLUMNS_MAX = 16, PAGE_BYTES_MAX = 1 << 30, SQL_BYTES_MAX = 4 << 20 };

static bool is_postgres(const mw_sql *session)
{
    return session->engine == &store_postgres;
}

static mw_status run_once(mw_sql *session, mw_buf *sql, mw_error *err)
{
    mw_status status = mw_sql_run_built(session, sql, NULL, 0, NULL, err);
    mw_buf_done(sql);
    return status;
}

/* ---- numbers, time --------------------------------------------------------------------------- */

void store_write_renumber(mw_buf *sql, const char *table, const char *column)
{
    mw_buf_format(sql,
                  "SELECT setval(s::regclass, m) FROM (SELECT"
                  " pg_get_serial_sequence('millwright.\"%s\"', '%s') AS s,"
                  " (SELECT max(\"%s\") FROM \"%s\") AS m) q WHERE s IS NOT NULL AND m > 0",
                  table, column, column, table);
}

mw_status mw_sql_renumber(mw_sql *session, const char *table, const char *column, mw_error *err)
{
    mw_buf sql;
    if (!is_postgres(session))
        return MW_OK; /* SQLite does so by itself */
    mw_buf_init(&sql, SQL_BYTES_MAX);
    store_write_renumber(&sql, table, column);
    return run_once(session, &sql, err);
}

mw_status mw_sql_take_long(mw_sql *session, mw_error *err)
{
    if (!is_postgres(session))
        return MW_OK;
    MW_TRY(mw_sql_run(session, err, "SET LOCAL statement_timeout = 0", ""));
    return mw_sql_run(session, err, "SET LOCAL idle_in_transaction_session_timeout = 0", "");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void put_columns(mw_buf *sql, const mw_scratch *table)
{
    for (const char *at = table->columns; *at; at++)
        *at == ' ' ? mw_buf_text(sql, ", ") : mw_buf_char(sql, *at);
}

static void put_definitions(mw_buf *sql, const mw_scratch *table, bool is_far)
{
    const char *kind = table->kinds, *text = is_far ? " TEXT COLLATE \"C\"" : " TEXT";
    for (const char *at = table->columns, *end; *at; at = *end ? end + 1 : end) {
        end = at + strcspn(at, " ");
        mw_buf_text(sql, at > table->columns ? ", " : "");
        mw_buf_bytes(sql, at, (size_t)(end - at));
        mw_buf_text(sql, *kind == 'i' ? " BIGINT" : *kind == 'd' ? " DOUBLE PRECISION" : text);
        kind++;
    }
}

mw_status mw_sql_make_scratch(mw_sql *session, const mw_scratch *table, mw_error *err)
{
    mw_buf sql;
    bool is_far = is_postgres(session);
    mw_buf_init(&sql, SQL_BYTES_MAX);
    mw_buf_format(&sql, "CREATE TEMP TABLE %s%s(", is_far ? "" : "IF NOT EXISTS ", table->name);
    put_definitions(&sql, table, is_far);
    mw_buf_text(&sql, is_far ? ") ON COMMIT DROP" : ")");
    MW_TRY(run_once(session, &sql, err));
    if (is_far)
        return MW_OK;
    mw_buf_init(&sql, SQL_BYTES_MAX);
    mw_buf_format(&sql, "DELETE FROM %s", table->name);
    return run_once(session, &sql, err);
}

typedef struct filling {
    mw_sql *to;
    const mw_scratch *table;
    size_t n_columns, n; /* n: values that wait */
    mw_value *values;
    mw_arena page;
} filling;

static mw_status flush(filling *f, mw_error *err)
{
    mw_buf sql;
    if (f->n == 0)
        return MW_OK;
    mw_buf_init(&sql, SQL_BYTES_MAX);
    mw_buf_format(&sql, "INSERT INTO %s VALUES", f->table->name);
    for (size_t i = 0; i < f->n; i++) {
        bool begins = i % f->n_columns == 0, ends = (i + 1) % f->n_columns == 0;
        mw_buf_text(&sql, begins && i > 0 ? ", (" : begins ? " (" : ", ");
        mw_buf_text(&sql, ends ? "?)" : "?");
    }
    mw_status status = mw_sql_run_built(f->to, &sql, f->values, f->n, NULL, err);
    mw_buf_done(&sql);
    mw_arena_reset(&f->page);
    f->n = 0;
    return status;
}

static bool take_value(filling *f, const mw_rows *rows, int column)
{
    mw_value *value = &f->values[f->n++];
    char kind = f->table->kinds[column];
    *value = (mw_value){.kind = MW_VALUE_NULL};
    if (mw_rows_is_null(rows, column))
        return true;
    if (kind == 'i')
        *value = (mw_value){.kind = MW_VALUE_INT, .integer = mw_rows_int(rows, column)};
    else if (kind == 'd')
        *value = (mw_value){.kind = MW_VALUE_DOUBLE, .number = mw_rows_double(rows, column)};
    if (kind != 't')
        return true;
    mw_view text = mw_rows_text(rows, column);
    *value = (mw_value){.kind = MW_VALUE_TEXT, .text = {mw_arena_text(&f->page, text), text.size}};
    return value->text.data != NULL;
}

static mw_status fill(filling *f, mw_rows *rows, mw_error *err)
{
    while (mw_rows_next(rows)) {
        for (size_t i = 0; i < f->n_columns; i++)
            if (!take_value(f, rows, (int)i))
                return mw_fail_memory(err, "a page of rows");
        if (f->n == PAGE_ROWS * f->n_columns)
            MW_TRY(flush(f, err));
    }
    return flush(f, err);
}

static mw_status fill_from(filling *f, mw_sql *from, const char *name, mw_error *err)
{
    mw_rows rows;
    mw_buf sql;
    mw_error closing;
    mw_buf_init(&sql, SQL_BYTES_MAX);
    mw_buf_text(&sql, "SELECT ");
    put_columns(&sql, f->table);
    mw_buf_format(&sql, " FROM %s", name);
    mw_status status = sql.failed ? mw_fail_memory(err, "a statement")
                                  : mw_rows_open_values(from, &rows, sql.data, NULL, 0, err);
    mw_buf_done(&sql);
    MW_TRY(status);
    status = fill(f, &rows, err);
    mw_status closed = mw_rows_close(&rows, status == MW_OK ? err : &closing);
    return status != MW_OK ? status : closed;
}

mw_status mw_sql_fill_scratch(mw_sql *from, const char *name, mw_sql *to, const mw_scratch *table,
                              mw_error *err)
{
    mw_buf sql;
    filling f = {.to = to, .table = table, .n_columns = strlen(table->kinds)};
    assert(f.n_columns <= COLUMNS_MAX);
    MW_TRY(mw_sql_make_scratch(to, table, err));
    f.values = calloc(PAGE_ROWS * f.n_columns, sizeof *f.values);
    if (!f.values)
        return mw_fail_memory(err, "a page of rows");
    mw_arena_init(&f.page, 64 * MW_KIB, PAGE_BYTES_MAX);
    mw_status status = fill_from(&f, from, name, err);
    mw_arena_done(&f.page);
    free(f.values);
    if (status != MW_OK)
        return mw_at(err, "table %s", name);
    mw_buf_init(&sql, SQL_BYTES_MAX);
    mw_buf_format(&sql, "ANALYZE %s", table->name); /* else its size is guessed */
    return run_once(to, &sql, err);
}
