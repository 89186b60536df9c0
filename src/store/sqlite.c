/* SQLite: one file, one process at a time; WAL, synchronous=FULL.
 *
 *     record.db-wal  [ header | frame frame ... frame | zeros, or frames of an earlier round ]
 *                      a commit overwrites from here ^                                  RESERVE
 *
 * A commit is one fdatasync of the log. Where the log has its full size already and a commit only
 * overwrites, the file system has nothing of its own to write: 0.1 ms against 0.2 to 4 ms where
 * each commit makes the file longer (ext4). So the log is written full of zeros once, is begun
 * anew at its start after each checkpoint, and never made shorter. What stands behind the last
 * commit is not read: a frame counts only with the salt of this round and a checksum that goes on
 * from the frame before it (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). */
#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "engine.h"

enum {
    CHECKPOINT_PAGES = 2000,
    RESERVE_AT_PAGES = 64 /* of one session: a command that writes a little makes no large file */
};
#define RESERVE_BYTES 9437184 /* CHECKPOINT_PAGES, their headers, and the last commit's */
#define TEXT_OF(number) #number
#define AS_TEXT(macro) TEXT_OF(macro)

typedef struct connection {
    mw_sql base; /* first */
    sqlite3 *db;
    bool is_writer;
    int wal_pages, moved_pages; /* the writer's: in the log; tried to move into the database */
    bool has_reserve;
    struct {
        const char *sql; /* by address: literals */
        sqlite3_stmt *statement;
    } kept[STORE_STATEMENTS];
} connection;

static connection *of(const mw_sql *session)
{
    return (connection *)session;
}

/* ---- answers --------------------------------------------------------------------------------- */

bool store_is_full(int reason)
{
    return reason == EFBIG || reason == EDQUOT || reason == ENOSPC;
}

static sqlite3_file *log_of(sqlite3 *db)
{
    sqlite3_file *log = NULL;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    return log && log->pMethods ? log : NULL;
}

/* A quota and a limit of the file's size are told as errors of the file; the log keeps its own. */
static bool is_no_room(sqlite3 *db, int outcome)
{
    int reason = 0;
    if (!db || (outcome & 0xff) != SQLITE_IOERR)
        return false;
    if (store_is_full(sqlite3_system_errno(db)))
        return true;
    sqlite3_file *log = log_of(db);
    if (log)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &reason);
    return store_is_full(reason);
}

/* The error for the last answer on this connection. */
static mw_status fail(sqlite3 *db, int outcome, mw_error *err)
{
    const char *said = db ? sqlite3_errmsg(db) : sqlite3_errstr(outcome);
    switch (is_no_room(db, outcome) ? SQLITE_FULL : outcome & 0xff) {
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

static mw_status run_script(sqlite3 *db, const char *script, mw_error *err)
{
    int outcome = sqlite3_exec(db, script, NULL, NULL, NULL);
    return outcome == SQLITE_OK ? MW_OK : fail(db, outcome, err);
}

/* ---- connections ----------------------------------------------------------------------------- */

static const char writer_settings[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-32768; PRAGMA mmap_size=268435456;"
    "PRAGMA case_sensitive_like=ON; PRAGMA temp_store=MEMORY;"
    "PRAGMA journal_size_limit=" AS_TEXT(RESERVE_BYTES);
/* Pages come from the map: the cache of a reader is for what the map does not reach. */
static const char reader_settings[] =
    "PRAGMA query_only=ON; PRAGMA cache_size=-4096; PRAGMA mmap_size=268435456;"
    "PRAGMA case_sensitive_like=ON; PRAGMA temp_store=MEMORY;";

static int note_wal(void *user, sqlite3 *db, const char *name, int n_pages)
{
    (void)db;
    (void)name;
    connection *c = user;
    if (n_pages <= c->wal_pages) /* begun anew */
        c->moved_pages = 0;
    c->wal_pages = n_pages;
    return SQLITE_OK;
}

static void close_connection(mw_sql *session)
{
    for (size_t i = 0; i < STORE_STATEMENTS; i++)
        sqlite3_finalize(of(session)->kept[i].statement);
    sqlite3_close(of(session)->db);
    free(session);
}

static mw_status open_connection(const char *path, bool is_writer, mw_sql **ret_session,
                                 mw_error *err)
{
    enum { BUSY_MS = 5000 };
    connection *c = calloc(1, sizeof *c);
    if (!c)
        return mw_fail_memory(err, "a connection to the record");
    c->base.engine = &store_sqlite;
    c->is_writer = is_writer;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (is_writer ? SQLITE_OPEN_CREATE : 0);
    int outcome = sqlite3_open_v2(path, &c->db, flags, NULL);
    mw_status status = outcome == SQLITE_OK ? MW_OK : fail(c->db, outcome, err);
    if (status == MW_OK) {
        sqlite3_busy_timeout(c->db, BUSY_MS);
        status = run_script(c->db, is_writer ? writer_settings : reader_settings, err);
        if (is_writer) /* after the settings: wal_autocheckpoint takes the hook away */
            sqlite3_wal_hook(c->db, note_wal, c);
    }
    if (status != MW_OK) {
        close_connection(&c->base);
        return mw_at(err, "%s", path);
    }
    *ret_session = &c->base;
    return MW_OK;
}

/* ---- statements ------------------------------------------------------------------------------ */

static mw_status prepare(connection *c, const char *sql, bool is_kept, sqlite3_stmt **ret_statement,
                         mw_error *err)
{
    unsigned flags = is_kept ? SQLITE_PREPARE_PERSISTENT : 0;
    int outcome = sqlite3_prepare_v3(c->db, sql, -1, flags, ret_statement, NULL);
    return outcome == SQLITE_OK ? MW_OK : fail(c->db, outcome, err);
}

/* The statement of a literal, by its address. A full table keeps what it has: the rest is prepared
 * each time (*ret_kept = false), and dropped. */
static mw_status find_statement(connection *c, const char *sql, sqlite3_stmt **ret_statement,
                                bool *ret_kept, mw_error *err)
{
    size_t slot = store_slot(sql);
    *ret_kept = true;
    for (size_t i = 0; i < STORE_STATEMENTS; i++, slot++) {
        slot &= STORE_STATEMENTS - 1;
        if (c->kept[slot].sql == sql) {
            *ret_statement = c->kept[slot].statement;
            return MW_OK;
        }
        if (c->kept[slot].sql)
            continue;
        MW_TRY(prepare(c, sql, true, &c->kept[slot].statement, err));
        c->kept[slot].sql = sql;
        *ret_statement = c->kept[slot].statement;
        return MW_OK;
    }
    *ret_kept = false;
    return prepare(c, sql, false, ret_statement, err);
}

static int bind_text(sqlite3_stmt *statement, int place, mw_view text)
{
    if (!text.data)
        return sqlite3_bind_null(statement, place);
    return sqlite3_bind_text64(statement, place, text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_list(sqlite3_stmt *statement, const char *kinds, va_list *arguments)
{
    int outcome = SQLITE_OK;
    assert((int)strlen(kinds) == sqlite3_bind_parameter_count(statement));
    for (int i = 0; kinds[i] && outcome == SQLITE_OK; i++) {
        if (kinds[i] == 't')
            outcome = bind_text(statement, i + 1, va_arg(*arguments, mw_view));
        else if (kinds[i] == 'i')
            outcome = sqlite3_bind_int64(statement, i + 1, va_arg(*arguments, int64_t));
        else if (kinds[i] == 'd')
            outcome = sqlite3_bind_double(statement, i + 1, va_arg(*arguments, double));
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

static mw_status run(mw_sql *session, const char *sql, const char *kinds, va_list *arguments,
                     mw_error *err)
{
    connection *c = of(session);
    sqlite3_stmt *statement;
    bool is_kept;
    MW_TRY(find_statement(c, sql, &statement, &is_kept, err));
    int outcome = bind_list(statement, kinds, arguments);
    session->new_id = 0;
    if (outcome == SQLITE_OK)
        while ((outcome = sqlite3_step(statement)) == SQLITE_ROW)
            session->new_id = sqlite3_column_int64(statement, 0); /* RETURNING */
    session->n_changed = sqlite3_changes64(c->db);
    mw_status status =
        outcome == SQLITE_DONE || outcome == SQLITE_OK ? MW_OK : fail(c->db, outcome, err);
    let_go(statement, is_kept);
    return status;
}

/* Row by row: a statement of many would have to be read anew for each number of them. */
static mw_status post_rows(mw_sql *session, const char *sql, const char *kinds, size_t n_rows,
                           mw_sql_fill *fill, void *user, mw_error *err)
{
    enum { KINDS_MAX = 16 };
    bool is_kept;
    sqlite3_stmt *statement;
    mw_value values[KINDS_MAX];
    int outcome = SQLITE_DONE, n = (int)strlen(kinds);
    assert(n <= KINDS_MAX);
    MW_TRY(find_statement(of(session), sql, &statement, &is_kept, err));
    for (size_t row = 0; row < n_rows && outcome == SQLITE_DONE; row++) {
        fill(user, row, values);
        outcome = SQLITE_OK;
        for (int i = 0; i < n && outcome == SQLITE_OK; i++)
            outcome = bind_value(statement, i + 1, &values[i]);
        if (outcome == SQLITE_OK)
            outcome = sqlite3_step(statement);
        sqlite3_reset(statement);
    }
    mw_status status = outcome == SQLITE_DONE ? MW_OK : fail(of(session)->db, outcome, err);
    let_go(statement, is_kept);
    return status;
}

static mw_status check(mw_sql *session, mw_error *err)
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

static mw_status open_rows(mw_sql *session, mw_rows *rows, const char *sql, const char *kinds,
                           va_list *arguments, mw_error *err)
{
    sqlite3_stmt *statement;
    bool is_kept;
    MW_TRY(find_statement(of(session), sql, &statement, &is_kept, err));
    int outcome = bind_list(statement, kinds, arguments);
    if (outcome != SQLITE_OK) {
        mw_status status = fail(of(session)->db, outcome, err);
        let_go(statement, is_kept);
        return status;
    }
    *rows = (mw_rows){session, statement, SQLITE_ROW, is_kept};
    return MW_OK;
}

static mw_status open_values(mw_sql *session, mw_rows *rows, const char *sql,
                             const mw_value *values, size_t n_values, mw_error *err)
{
    sqlite3_stmt *statement;
    int outcome = SQLITE_OK;
    MW_TRY(prepare(of(session), sql, false, &statement, err));
    for (size_t i = 0; i < n_values && outcome == SQLITE_OK; i++)
        outcome = bind_value(statement, (int)i + 1, &values[i]);
    if (outcome != SQLITE_OK) {
        mw_status status = fail(of(session)->db, outcome, err);
        sqlite3_finalize(statement);
        return status;
    }
    *rows = (mw_rows){session, statement, SQLITE_ROW, false};
    return MW_OK;
}

static bool next(mw_rows *rows)
{
    if (rows->outcome == SQLITE_ROW)
        rows->outcome = sqlite3_step(rows->statement);
    return rows->outcome == SQLITE_ROW;
}

static bool is_null(const mw_rows *rows, int column)
{
    return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}

static int64_t integer(const mw_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

static double number(const mw_rows *rows, int column)
{
    return sqlite3_column_double(rows->statement, column);
}

static mw_view text(const mw_rows *rows, int column)
{
    const char *data = (const char *)sqlite3_column_text(rows->statement, column);
    if (!data)
        return (mw_view){NULL, 0};
    return (mw_view){data, (size_t)sqlite3_column_bytes(rows->statement, column)};
}

static mw_status close_rows(mw_rows *rows, mw_error *err)
{
    int outcome = rows->outcome;
    mw_status status = outcome == SQLITE_ROW || outcome == SQLITE_DONE
                           ? MW_OK
                           : fail(of(rows->session)->db, outcome, err);
    let_go(rows->statement, rows->is_kept);
    return status;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static mw_status say(mw_sql *session, const char *sql, mw_error *err)
{
    return mw_sql_run(session, err, sql, "");
}

static mw_status begin(mw_sql *session, mw_error *err)
{
    return say(session, of(session)->is_writer ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

static bool is_within(const mw_sql *session)
{
    return !sqlite3_get_autocommit(of(session)->db);
}

static mw_status end(mw_sql *session, store_end how, mw_error *err)
{
    mw_error ignored;
    mw_status status = say(session, how == STORE_KEEP ? "COMMIT" : "ROLLBACK", err);
    if (status != MW_OK && how == STORE_KEEP && is_within(session))
        (void)!say(session, "ROLLBACK", &ignored);
    return status;
}

static mw_status mark(mw_sql *session, mw_error *err)
{
    return say(session, "SAVEPOINT work", err);
}

static mw_status unmark(mw_sql *session, store_end how, mw_error *err)
{
    if (how == STORE_UNDO)
        MW_TRY(say(session, "ROLLBACK TO work", err));
    return say(session, "RELEASE work", err);
}

/* ---- the schema ------------------------------------------------------------------------------ */

static mw_status read_version(mw_sql *session, size_t *ret_version, mw_error *err)
{
    mw_rows rows;
    int64_t version = 0;
    MW_TRY(mw_rows_open(session, &rows, err, "PRAGMA user_version", ""));
    if (mw_rows_next(&rows))
        version = mw_rows_int(&rows, 0);
    MW_TRY(mw_rows_close(&rows, err));
    *ret_version = version > 0 ? (size_t)version : 0;
    return MW_OK;
}

static mw_status step(mw_sql *session, const char *script, size_t version, mw_error *err)
{
    char number_mark[64];
    sqlite3 *db = of(session)->db;
    snprintf(number_mark, sizeof number_mark, "PRAGMA user_version=%zu", version);
    const char *const parts[] = {"BEGIN IMMEDIATE", script, number_mark, "COMMIT"};
    mw_status status = MW_OK;
    for (size_t i = 0; i < MW_COUNT(parts) && status == MW_OK; i++)
        status = run_script(db, parts[i], err);
    if (status != MW_OK && is_within(session))
        (void)!run_script(db, "ROLLBACK", NULL);
    return status;
}

/* The file's lock guards it (store.c). */
static mw_status guard(mw_sql *session, bool on, mw_error *err)
{
    (void)session, (void)on, (void)err;
    return MW_OK;
}

/* ---- the log --------------------------------------------------------------------------------- */

/* The room that is left is others', too: where there is little the log grows as it is needed. */
static bool has_plenty_of_room(sqlite3 *db)
{
    enum { SPARE_RESERVES = 20 };
    struct statvfs disk;
    const char *path = sqlite3_db_filename(db, "main");
    return path && statvfs(path, &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize >= (uint64_t)SPARE_RESERVES * RESERVE_BYTES;
}

/* Zeros up to the log's full size. Behind what is in it, and nobody appends meanwhile: the write
 * lock is held. */
static void write_reserve(connection *c)
{
    static const char zeros[64 * 1024];
    sqlite3_int64 size = RESERVE_BYTES;
    c->has_reserve = true;
    sqlite3_file *log = log_of(c->db);
    if (!log || !has_plenty_of_room(c->db) || run_script(c->db, "BEGIN IMMEDIATE", NULL) != MW_OK)
        return;
    int outcome = log->pMethods->xFileSize(log, &size);
    while (outcome == SQLITE_OK && size < RESERVE_BYTES) {
        sqlite3_int64 left = RESERVE_BYTES - size;
        int n = left < (sqlite3_int64)sizeof zeros ? (int)left : (int)sizeof zeros;
        outcome = log->pMethods->xWrite(log, zeros, n, size);
        size += n;
    }
    (void)!run_script(c->db, "ROLLBACK", NULL);
}

/* Passive: it waits for no reader. A reader of an old state keeps the rest in the log, which grows
 * past its reserve then, and is cut back when it is begun anew (journal_size_limit). */
static void tidy(mw_sql *session, bool is_idle)
{
    connection *c = of(session);
    int n_pages = 0, n_moved = 0;
    if (!c->has_reserve && c->wal_pages >= RESERVE_AT_PAGES)
        write_reserve(c);
    if (!is_idle && c->wal_pages - c->moved_pages < CHECKPOINT_PAGES)
        return;
    int outcome =
        sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_pages, &n_moved);
    c->moved_pages = is_idle && (outcome != SQLITE_OK || n_moved < n_pages) ? 0 : c->wal_pages;
}

static bool is_untidy(const mw_sql *session)
{
    return of(session)->wal_pages > of(session)->moved_pages;
}

/* ---- a copy ---------------------------------------------------------------------------------- */

/* One step takes all pages in one read transaction: in WAL mode no writer waits for it. */
static mw_status copy_pages(sqlite3 *from, const char *to_path, mw_error *err)
{
    sqlite3 *to = NULL;
    int outcome = sqlite3_open_v2(to_path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    mw_status status = outcome == SQLITE_OK ? MW_OK : fail(to, outcome, err);
    sqlite3_backup *copy = status == MW_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (copy) {
        outcome = sqlite3_backup_step(copy, -1);
        sqlite3_backup_finish(copy);
        if (outcome != SQLITE_DONE)
            status = fail(to, outcome, err);
    } else if (status == MW_OK) {
        status = fail(to, sqlite3_errcode(to), err);
    }
    if (status == MW_OK) /* one file: without a log beside it */
        status = run_script(to, "PRAGMA journal_mode=DELETE", err);
    sqlite3_close(to);
    return status;
}

mw_status store_sqlite_copy(const char *path, const char *to_path, mw_error *err)
{
    mw_sql *from;
    MW_TRY(open_connection(path, false, &from, err));
    mw_status status = copy_pages(of(from)->db, to_path, err);
    close_connection(from);
    return status;
}

const store_engine store_sqlite = {
    .open = open_connection,
    .close = close_connection,
    .begin = begin,
    .end = end,
    .is_within = is_within,
    .mark = mark,
    .unmark = unmark,
    .run = run,
    .post_rows = post_rows,
    .open_rows = open_rows,
    .open_values = open_values,
    .next = next,
    .is_null = is_null,
    .integer = integer,
    .number = number,
    .text = text,
    .close_rows = close_rows,
    .check = check,
    .read_version = read_version,
    .step = step,
    .guard = guard,
    .tidy = tidy,
    .is_untidy = is_untidy,
};
