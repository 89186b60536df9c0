/* Connections and statements: text in, rows out, and what SQLite's answers mean. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "engine.h"

/* ---- answers --------------------------------------------------------------------------------- */

bool store_is_full(int reason)
{
    return reason == EFBIG || reason == EDQUOT || reason == ENOSPC;
}

/* A quota and a limit of the file's size are told as errors of the file; the log keeps its own. */
static bool is_no_room(const mw_sql *session, int outcome)
{
    int reason = 0;
    sqlite3_file *log = NULL;
    if (!session || !session->db || (outcome & 0xff) != SQLITE_IOERR)
        return false;
    if (store_is_full(sqlite3_system_errno(session->db)))
        return true;
    sqlite3_file_control(session->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &reason);
    return store_is_full(reason);
}

mw_status store_fail(mw_sql *session, int outcome, mw_error *err)
{
    const char *said =
        session && session->db ? sqlite3_errmsg(session->db) : sqlite3_errstr(outcome);
    switch (is_no_room(session, outcome) ? SQLITE_FULL : outcome & 0xff) {
    case SQLITE_FULL:
        mw_fail(err, MW_E_STORE_FULL, "the disk is full, or the file may not grow");
        return mw_mend(err, "make room and try again; nothing of this request was kept");
    case SQLITE_NOMEM:
        return mw_fail_memory(err, "the record");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        mw_fail(err, MW_E_STORE_DAMAGED, "the record's file is damaged: %s", said);
        return mw_mend(err, "restore it from a backup; 'sqlite3 FILE .recover' saves what is left");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        mw_fail(err, MW_E_STORE_BUSY, "another program holds the record's lock: %s", said);
        return mw_mend(err, "let it finish, then try again");
    default:
        mw_fail(err, MW_E_STORE_SQL, "the record's engine refused: %s", said);
        return mw_mend(err, "check the disk and the folder's permissions; then report this");
    }
}

mw_status store_script(mw_sql *session, const char *script, mw_error *err)
{
    int outcome = sqlite3_exec(session->db, script, NULL, NULL, NULL);
    return outcome == SQLITE_OK ? MW_OK : store_fail(session, outcome, err);
}

/* ---- connections ----------------------------------------------------------------------------- */

static const char writer_settings[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-32768; PRAGMA mmap_size=268435456;"
    "PRAGMA case_sensitive_like=ON; PRAGMA temp_store=MEMORY;";
/* Pages come from the map: the cache of a reader is for what the map does not reach. */
static const char reader_settings[] =
    "PRAGMA query_only=ON; PRAGMA cache_size=-4096; PRAGMA mmap_size=268435456;"
    "PRAGMA case_sensitive_like=ON; PRAGMA temp_store=MEMORY;";

mw_status store_session_open(const char *path, bool is_writer, mw_sql **ret_session, mw_error *err)
{
    enum { BUSY_MS = 5000 };
    mw_sql *session = calloc(1, sizeof *session);
    if (!session)
        return mw_fail_memory(err, "a connection to the record");
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (is_writer ? SQLITE_OPEN_CREATE : 0);
    int outcome = sqlite3_open_v2(path, &session->db, flags, NULL);
    mw_status status = outcome == SQLITE_OK ? MW_OK : store_fail(session, outcome, err);
    if (status == MW_OK) {
        sqlite3_busy_timeout(session->db, BUSY_MS);
        status = store_script(session, is_writer ? writer_settings : reader_settings, err);
    }
    if (status != MW_OK) {
        store_session_close(session);
        return mw_at(err, "%s", path);
    }
    *ret_session = session;
    return MW_OK;
}

void store_session_close(mw_sql *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < STORE_STATEMENTS; i++)
        sqlite3_finalize(session->kept[i].statement);
    sqlite3_close(session->db);
    free(session);
}

int64_t mw_sql_changes(const mw_sql *session)
{
    return sqlite3_changes64(session->db);
}

int64_t mw_sql_last_id(const mw_sql *session)
{
    return sqlite3_last_insert_rowid(session->db);
}

/* ---- statements ------------------------------------------------------------------------------ */

static mw_status prepare(mw_sql *session, const char *sql, bool is_kept,
                         sqlite3_stmt **ret_statement, mw_error *err)
{
    unsigned flags = is_kept ? SQLITE_PREPARE_PERSISTENT : 0;
    int outcome = sqlite3_prepare_v3(session->db, sql, -1, flags, ret_statement, NULL);
    return outcome == SQLITE_OK ? MW_OK : store_fail(session, outcome, err);
}

/* The statement of a literal, by its address. A full table keeps what it has: the rest is prepared
 * each time (*ret_kept = false), and dropped. */
static mw_status find_statement(mw_sql *session, const char *sql, sqlite3_stmt **ret_statement,
                                bool *ret_kept, mw_error *err)
{
    size_t slot = ((uintptr_t)sql >> 3) * 0x9e3779b97f4a7c15u >> 32;
    *ret_kept = true;
    for (size_t i = 0; i < STORE_STATEMENTS; i++, slot++) {
        slot &= STORE_STATEMENTS - 1;
        if (session->kept[slot].sql == sql) {
            *ret_statement = session->kept[slot].statement;
            return MW_OK;
        }
        if (session->kept[slot].sql)
            continue;
        MW_TRY(prepare(session, sql, true, &session->kept[slot].statement, err));
        session->kept[slot].sql = sql;
        *ret_statement = session->kept[slot].statement;
        return MW_OK;
    }
    *ret_kept = false;
    return prepare(session, sql, false, ret_statement, err);
}

static int bind_text(sqlite3_stmt *statement, int place, mw_view text)
{
    if (!text.data)
        return sqlite3_bind_null(statement, place);
    return sqlite3_bind_text64(statement, place, text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_list(sqlite3_stmt *statement, const char *kinds, va_list arguments)
{
    int outcome = SQLITE_OK;
    assert((int)strlen(kinds) == sqlite3_bind_parameter_count(statement));
    for (int i = 0; kinds[i] && outcome == SQLITE_OK; i++) {
        if (kinds[i] == 't')
            outcome = bind_text(statement, i + 1, va_arg(arguments, mw_view));
        else if (kinds[i] == 'i')
            outcome = sqlite3_bind_int64(statement, i + 1, va_arg(arguments, int64_t));
        else if (kinds[i] == 'd')
            outcome = sqlite3_bind_double(statement, i + 1, va_arg(arguments, double));
        else
            outcome = sqlite3_bind_null(statement, i + 1);
    }
    return outcome;
}

static int bind_value(sqlite3_stmt *statement, int place, const mw_value *value)
{
    switch (value->kind) {
    case MW_VALUE_INT:
        return sqlite3_bind_int64(statement, place, value->integer);
    case MW_VALUE_DOUBLE:
        return sqlite3_bind_double(statement, place, value->number);
    case MW_VALUE_TEXT:
        return bind_text(statement, place, value->text);
    default:
        return sqlite3_bind_null(statement, place);
    }
}

static void let_go(sqlite3_stmt *statement, bool is_kept)
{
    if (!is_kept) {
        sqlite3_finalize(statement);
        return;
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement); /* they borrow the caller's text */
}

mw_status mw_sql_run(mw_sql *session, mw_error *err, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *statement;
    bool is_kept;
    MW_TRY(find_statement(session, sql, &statement, &is_kept, err));
    va_list arguments;
    va_start(arguments, kinds);
    int outcome = bind_list(statement, kinds, arguments);
    va_end(arguments);
    if (outcome == SQLITE_OK)
        while ((outcome = sqlite3_step(statement)) == SQLITE_ROW)
            continue;
    mw_status status =
        outcome == SQLITE_DONE || outcome == SQLITE_OK ? MW_OK : store_fail(session, outcome, err);
    let_go(statement, is_kept);
    return status;
}

mw_status mw_sql_check(mw_sql *session, mw_error *err)
{
    mw_rows rows;
    char said[128] = "";
    MW_TRY(mw_rows_open(session, &rows, err, "PRAGMA integrity_check(1)", ""));
    if (mw_rows_next(&rows))
        snprintf(said, sizeof said, "%.*s", MW_VIEW_ARG(mw_rows_text(&rows, 0)));
    MW_TRY(mw_rows_close(&rows, err));
    if (strcmp(said, "ok") == 0)
        return MW_OK;
    mw_fail(err, MW_E_STORE_DAMAGED, "the record's file is damaged: %s", said);
    return mw_mend(err, "restore it from a backup; 'sqlite3 FILE .recover' saves what is left");
}

/* ---- rows ------------------------------------------------------------------------------------ */

mw_status mw_rows_open(mw_sql *session, mw_rows *rows, mw_error *err, const char *sql,
                       const char *kinds, ...)
{
    sqlite3_stmt *statement;
    bool is_kept;
    MW_TRY(find_statement(session, sql, &statement, &is_kept, err));
    va_list arguments;
    va_start(arguments, kinds);
    int outcome = bind_list(statement, kinds, arguments);
    va_end(arguments);
    if (outcome != SQLITE_OK) {
        mw_status status = store_fail(session, outcome, err);
        let_go(statement, is_kept);
        return status;
    }
    *rows = (mw_rows){session, statement, SQLITE_ROW, is_kept};
    return MW_OK;
}

mw_status mw_rows_open_values(mw_sql *session, mw_rows *rows, const char *sql,
                              const mw_value *values, size_t n_values, mw_error *err)
{
    sqlite3_stmt *statement;
    int outcome = SQLITE_OK;
    MW_TRY(prepare(session, sql, false, &statement, err));
    for (size_t i = 0; i < n_values && outcome == SQLITE_OK; i++)
        outcome = bind_value(statement, (int)i + 1, &values[i]);
    if (outcome != SQLITE_OK) {
        mw_status status = store_fail(session, outcome, err);
        sqlite3_finalize(statement);
        return status;
    }
    *rows = (mw_rows){session, statement, SQLITE_ROW, false};
    return MW_OK;
}

bool mw_rows_next(mw_rows *rows)
{
    if (rows->outcome == SQLITE_ROW)
        rows->outcome = sqlite3_step(rows->statement);
    return rows->outcome == SQLITE_ROW;
}

bool mw_rows_is_null(const mw_rows *rows, int column)
{
    return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}

int64_t mw_rows_int(const mw_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

double mw_rows_double(const mw_rows *rows, int column)
{
    return sqlite3_column_double(rows->statement, column);
}

mw_view mw_rows_text(const mw_rows *rows, int column)
{
    const char *text = (const char *)sqlite3_column_text(rows->statement, column);
    if (!text)
        return (mw_view){NULL, 0};
    return (mw_view){text, (size_t)sqlite3_column_bytes(rows->statement, column)};
}

mw_status mw_rows_close(mw_rows *rows, mw_error *err)
{
    int outcome = rows->outcome;
    mw_status status = outcome == SQLITE_ROW || outcome == SQLITE_DONE
                           ? MW_OK
                           : store_fail(rows->session, outcome, err);
    let_go(rows->statement, rows->is_kept);
    return status;
}
