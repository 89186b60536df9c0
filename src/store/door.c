/* Statements and rows: the door to whichever engine the session is of. */
#include "engine.h"

mw_status mw_sql_run(mw_sql *session, mw_error *err, const char *sql, const char *kinds, ...)
{
    va_list arguments;
    va_start(arguments, kinds);
    mw_status status = session->engine->run(session, sql, kinds, &arguments, err);
    va_end(arguments);
    return status;
}

mw_status mw_sql_post(mw_sql *session, mw_error *err, const char *sql, const char *kinds, ...)
{
    va_list arguments;
    const store_engine *engine = session->engine;
    va_start(arguments, kinds);
    mw_status status =
        (engine->post ? engine->post : engine->run)(session, sql, kinds, &arguments, err);
    va_end(arguments);
    return status;
}

mw_status mw_sql_post_rows(mw_sql *session, mw_error *err, const char *sql, const char *kinds,
                           size_t n_rows, mw_sql_fill *fill, void *user)
{
    return session->engine->post_rows(session, sql, kinds, n_rows, fill, user, err);
}

int64_t mw_sql_changes(const mw_sql *session)
{
    return session->n_changed;
}

int64_t mw_sql_new_id(const mw_sql *session)
{
    return session->new_id;
}

mw_status mw_sql_check(mw_sql *session, mw_error *err)
{
    return session->engine->check(session, err);
}

mw_status mw_rows_open(mw_sql *session, mw_rows *rows, mw_error *err, const char *sql,
                       const char *kinds, ...)
{
    va_list arguments;
    va_start(arguments, kinds);
    mw_status status = session->engine->open_rows(session, rows, sql, kinds, &arguments, err);
    va_end(arguments);
    return status;
}

mw_status mw_rows_open_values(mw_sql *session, mw_rows *rows, const char *sql,
                              const mw_value *values, size_t n_values, mw_error *err)
{
    return session->engine->open_values(session, rows, sql, values, n_values, err);
}

mw_status mw_sql_run_built(mw_sql *session, const mw_buf *sql, const mw_value *values,
                           size_t n_values, size_t *ret_rows, mw_error *err)
{
    mw_rows rows;
    size_t n = 0;
    if (sql->failed)
        return mw_fail_memory(err, "a statement");
    MW_TRY(mw_rows_open_values(session, &rows, sql->data, values, n_values, err));
    while (mw_rows_next(&rows))
        n++;
    if (ret_rows)
        *ret_rows = n;
    return mw_rows_close(&rows, err);
}

bool mw_rows_next(mw_rows *rows)
{
    return rows->session->engine->next(rows);
}

bool mw_rows_is_null(const mw_rows *rows, int column)
{
    return rows->session->engine->is_null(rows, column);
}

int64_t mw_rows_int(const mw_rows *rows, int column)
{
    return rows->session->engine->integer(rows, column);
}

double mw_rows_double(const mw_rows *rows, int column)
{
    return rows->session->engine->number(rows, column);
}

mw_view mw_rows_text(const mw_rows *rows, int column)
{
    return rows->session->engine->text(rows, column);
}

mw_status mw_rows_close(mw_rows *rows, mw_error *err)
{
    return rows->session->engine->close_rows(rows, err);
}
