/* PostgreSQL: any number of processes share one record, in the schema "millwright" of a database.
 *
 *     writer   BEGIN, the lock of all writers | works, each behind its savepoint | count, COMMIT
 *     reader   BEGIN REPEATABLE READ READ ONLY | work | COMMIT
 *
 * Writers take turns by an advisory lock, as they do in SQLite: so no work meets another one's
 * half, nothing has to be done twice, and the hash chain of the audit log stays one chain. What
 * that costs is little beside the fsync that they would wait for in any case.
 *
 * A commit counts itself, in a row of its writer: where the answer of a COMMIT is lost, that row
 * tells afterwards whether it was done. (PostgreSQL's own txid_status cannot: after a crash the
 * number of a transaction that left no trace is given to another one.)
 *
 * Rows are read whole, so statements may be nested; arguments travel as binary, rows as text. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "dialect.h"
#include "link.h"
#include "pack.h"

enum { OID_BOOL = 16 };

/* Advisory locks: "MW", and which. */
#define LOCK_OF_WRITERS "(19799, 1)"
#define LOCK_OF_STEPS "(19799, 2)"

static store_link *of(const mw_sql *session)
{
    return (store_link *)session;
}

/* ---- statements ------------------------------------------------------------------------------ */

static mw_status translate(const char *sql, bool is_script, mw_buf *out, mw_error *err)
{
    mw_buf_init(out, 64 * MW_MIB);
    store_translate(sql, is_script, out);
    return out->failed ? mw_fail_memory(err, "a statement") : MW_OK;
}

static mw_status ask_once(store_link *link, const char *sql, const store_packed *p,
                          pg_result **ret_result, mw_error *err)
{
    mw_buf text;
    mw_status status = translate(sql, false, &text, err);
    if (status == MW_OK)
        status = store_link_answer(link,
                                   store_pq.PQsendQueryParams(link->conn, text.data, p->n, p->types,
                                                              p->values, p->sizes, p->formats, 0),
                                   ret_result, err);
    mw_buf_done(&text);
    return status;
}

/* what: as it is prepared; sql, kinds, n_rows: by which it is found again. */
static mw_status prepare(store_link *link, size_t slot, const char *what, const store_slot_key *key,
                         const store_packed *p, mw_error *err)
{
    mw_buf text;
    char name[16];
    snprintf(name, sizeof name, "s%zu", slot);
    mw_status status = translate(what, false, &text, err);
    if (status == MW_OK)
        status = store_link_answer(
            link, store_pq.PQsendPrepare(link->conn, name, text.data, p->n, p->types), NULL, err);
    mw_buf_done(&text);
    if (status != MW_OK)
        return status;
    link->kept[slot] = *key;
    return MW_OK;
}

/* Where the statement is kept, or may be; STORE_STATEMENTS: nowhere. */
static size_t find_slot(const store_link *link, const store_slot_key *key)
{
    size_t slot = store_slot(key->sql) + key->n_rows;
    for (size_t i = 0; i < STORE_STATEMENTS; i++, slot++) {
        slot &= STORE_STATEMENTS - 1;
        if (!link->kept[slot].sql)
            return slot;
        if (link->kept[slot].sql == key->sql && link->kept[slot].n_rows == key->n_rows)
            return strcmp(link->kept[slot].kinds, key->kinds) == 0 ? slot : STORE_STATEMENTS;
    }
    return STORE_STATEMENTS;
}

static mw_status ask_packed(store_link *link, const char *sql, const char *kinds,
                            const store_packed *p, pg_result **ret_result, mw_error *err)
{
    if (!link->conn)
        return store_link_fail_away(err);
    MW_TRY(store_link_settle(link, err));
    store_slot_key key = {sql, kinds, 1};
    size_t slot = kinds ? find_slot(link, &key) : STORE_STATEMENTS;
    if (slot == STORE_STATEMENTS)
        return ask_once(link, sql, p, ret_result, err);
    char name[16];
    if (!link->kept[slot].sql)
        MW_TRY(prepare(link, slot, sql, &key, p, err));
    snprintf(name, sizeof name, "s%zu", slot);
    return store_link_answer(
        link,
        store_pq.PQsendQueryPrepared(link->conn, name, p->n, p->values, p->sizes, p->formats, 0),
        ret_result, err);
}

static mw_status ask(store_link *link, const char *sql, const char *kinds, va_list *arguments,
                     pg_result **ret_result, mw_error *err)
{
    store_packed p;
    mw_status status = store_pack_list(&p, kinds, arguments, err);
    if (status == MW_OK)
        status = ask_packed(link, sql, kinds, &p, ret_result, err);
    store_pack_done(&p);
    return status;
}

static int64_t whole(const pg_result *result, int row, int column)
{
    const char *text = store_pq.PQgetvalue(result, row, column);
    if (store_pq.PQftype(result, column) == OID_BOOL)
        return *text == 't';
    return strtoll(text, NULL, 10);
}

static mw_status run(mw_sql *session, const char *sql, const char *kinds, va_list *arguments,
                     mw_error *err)
{
    pg_result *result;
    session->new_id = session->n_changed = 0;
    of(session)->n_written++;
    MW_TRY(ask(of(session), sql, kinds, arguments, &result, err));
    int n_rows = store_pq.PQntuples(result);
    if (n_rows > 0)
        session->new_id = whole(result, n_rows - 1, 0);
    session->n_changed = strtoll(store_pq.PQcmdTuples(result), NULL, 10);
    store_pq.PQclear(result);
    return MW_OK;
}

/* One that is not prepared yet is run, which prepares it. */
static mw_status post(mw_sql *session, const char *sql, const char *kinds, va_list *arguments,
                      mw_error *err)
{
    store_packed p;
    char name[16];
    store_link *link = of(session);
    size_t slot = find_slot(link, &(store_slot_key){sql, kinds, 1});
    bool may = store_pq.PQenterPipelineMode && slot != STORE_STATEMENTS && link->kept[slot].sql;
    if (!may)
        return run(session, sql, kinds, arguments, err);
    link->n_written++;
    snprintf(name, sizeof name, "s%zu", slot);
    mw_status status = store_pack_list(&p, kinds, arguments, err);
    if (status == MW_OK)
        status = store_link_post(link, name, p.n, p.values, p.sizes, p.formats, err);
    store_pack_done(&p);
    return status;
}

/* ---- many rows ------------------------------------------------------------------------------- */

/* "INSERT ... VALUES(?, ?) ON CONFLICT ..." with so many rows behind VALUES. */
static void widen(const char *sql, size_t n_rows, mw_buf *out)
{
    const char *group = strchr(strstr(sql, "VALUES("), '('), *behind = strchr(group, ')') + 1;
    mw_buf_bytes(out, sql, (size_t)(group - sql));
    for (size_t i = 0; i < n_rows; i++) {
        mw_buf_text(out, i > 0 ? ", " : "");
        mw_buf_bytes(out, group, (size_t)(behind - group));
    }
    mw_buf_text(out, behind);
}

/* Where it is prepared with so many rows; STORE_STATEMENTS: there is no room for it. */
static mw_status ready_for(store_link *link, const store_slot_key *key, const store_packed *p,
                           size_t *ret_slot, mw_error *err)
{
    mw_buf text;
    *ret_slot = find_slot(link, key);
    if (*ret_slot == STORE_STATEMENTS || link->kept[*ret_slot].sql)
        return MW_OK;
    MW_TRY(store_link_settle(link, err));
    mw_buf_init(&text, MW_MIB);
    widen(key->sql, key->n_rows, &text);
    mw_status status = text.failed ? mw_fail_memory(err, "a statement")
                                   : prepare(link, *ret_slot, text.data, key, p, err);
    mw_buf_done(&text);
    return status;
}

static mw_status post_values(store_link *link, const store_slot_key *key, const mw_value *values,
                             size_t n_values, mw_error *err)
{
    size_t slot;
    char name[16];
    store_packed p;
    pg_result *result = NULL;
    link->n_written += key->n_rows;
    mw_status status = store_pack_values(&p, values, n_values, err);
    if (status == MW_OK && !store_pq.PQenterPipelineMode) { /* one row, then: see post_rows */
        status = ask_packed(link, key->sql, key->kinds, &p, &result, err);
        store_pq.PQclear(result);
    } else if (status == MW_OK && (status = ready_for(link, key, &p, &slot, err)) == MW_OK) {
        snprintf(name, sizeof name, "s%zu", slot);
        status = slot == STORE_STATEMENTS
                     ? mw_fail(err, MW_E_STORE_SQL, "more than %d statements", STORE_STATEMENTS)
                     : store_link_post(link, name, p.n, p.values, p.sizes, p.formats, err);
    }
    store_pack_done(&p);
    return status;
}

/* Whole dozens go in one statement each, what is left over row by row: two statements are prepared,
 * however many rows there are. */
static mw_status post_rows(mw_sql *session, const char *sql, const char *kinds, size_t n_rows,
                           mw_sql_fill *fill, void *user, mw_error *err)
{
    enum { WIDE = 48, KINDS_MAX = 16 };
    size_t n_kinds = strlen(kinds), wide = store_pq.PQenterPipelineMode ? WIDE : 1;
    mw_value values[WIDE * KINDS_MAX];
    assert(n_kinds <= KINDS_MAX);
    if (!of(session)->conn)
        return store_link_fail_away(err);
    for (size_t row = 0, n; row < n_rows; row += n) {
        n = n_rows - row >= wide ? wide : 1;
        for (size_t i = 0; i < n; i++)
            fill(user, row + i, values + i * n_kinds);
        MW_TRY(
            post_values(of(session), &(store_slot_key){sql, kinds, n}, values, n * n_kinds, err));
    }
    return MW_OK;
}

static mw_status settle(mw_sql *session, mw_error *err)
{
    return store_link_settle(of(session), err);
}

/* What is undone may have failed, as it was posted. */
static void settle_undone(store_link *link, store_end how)
{
    mw_error ignored;
    if (how == STORE_UNDO)
        (void)!store_link_settle(link, &ignored);
}

static mw_status check(mw_sql *session, mw_error *err)
{
    (void)session, (void)err; /* it looks after its own pages: pg_amcheck, data checksums */
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The result is the statement, and the row's number the outcome. */
static mw_status open_rows(mw_sql *session, mw_rows *rows, const char *sql, const char *kinds,
                           va_list *arguments, mw_error *err)
{
    pg_result *result;
    MW_TRY(ask(of(session), sql, kinds, arguments, &result, err));
    *rows = (mw_rows){session, result, -1, false};
    return MW_OK;
}

static mw_status open_values(mw_sql *session, mw_rows *rows, const char *sql,
                             const mw_value *values, size_t n_values, mw_error *err)
{
    store_packed p;
    pg_result *result = NULL;
    mw_status status = store_pack_values(&p, values, n_values, err);
    if (status == MW_OK)
        status = ask_packed(of(session), sql, NULL, &p, &result, err);
    store_pack_done(&p);
    if (status == MW_OK)
        *rows = (mw_rows){session, result, -1, false};
    return status;
}

static bool next(mw_rows *rows)
{
    return ++rows->outcome < store_pq.PQntuples(rows->statement);
}

static bool is_null(const mw_rows *rows, int column)
{
    return store_pq.PQgetisnull(rows->statement, rows->outcome, column) != 0;
}

static int64_t integer(const mw_rows *rows, int column)
{
    return whole(rows->statement, rows->outcome, column);
}

static double as_double(const mw_rows *rows, int column)
{
    return strtod(store_pq.PQgetvalue(rows->statement, rows->outcome, column), NULL);
}

static mw_view text(const mw_rows *rows, int column)
{
    if (is_null(rows, column))
        return (mw_view){NULL, 0};
    return (mw_view){store_pq.PQgetvalue(rows->statement, rows->outcome, column),
                     (size_t)store_pq.PQgetlength(rows->statement, rows->outcome, column)};
}

static mw_status close_rows(mw_rows *rows, mw_error *err)
{
    (void)err;
    store_pq.PQclear(rows->statement);
    return MW_OK;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static bool is_within(const mw_sql *session)
{
    return of(session)->conn && store_pq.PQtransactionStatus(of(session)->conn) != PG_IDLE;
}

/* A connection that was lost while nothing happened is made again: nothing was begun on it. */
static mw_status begin(mw_sql *session, mw_error *err)
{
    enum { TRIES = 3 };
    store_link *link = of(session);
    mw_status status = MW_OK;
    for (int i = 0; i < TRIES; i++) {
        MW_TRY(store_link_ready(link, err));
        status = store_link_say(link,
                                link->is_writer ? "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT "
                                                  "pg_advisory_xact_lock" LOCK_OF_WRITERS
                                                : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                                err);
        if (link->conn)
            break;
    }
    if (status != MW_OK && is_within(session))
        (void)!store_link_say(link, "ROLLBACK", NULL);
    return status;
}

static mw_status fail_unsure(mw_error *err)
{
    mw_fail(err, MW_E_STORE_UNSURE,
            "the connection to PostgreSQL was lost during the commit, and "
            "whether this was kept is not known");
    return mw_mend(err, "look whether it is there before you send it again");
}

/* The lock waits for the end of what is still on its way there, if it is. */
static mw_status ask_whether_kept(store_link *link, mw_error *err)
{
    char sql[256];
    mw_error lost;
    pg_result *result;
    snprintf(sql, sizeof sql,
             "BEGIN; SELECT pg_advisory_xact_lock" LOCK_OF_WRITERS
             "; SELECT count(*) FROM commits WHERE writer = '%s' AND n >= %lld; COMMIT",
             link->writer, (long long)link->n_commit);
    if (store_link_ready(link, &lost) != MW_OK ||
        store_link_ask(link, sql, &result, &lost) != MW_OK)
        return fail_unsure(err);
    bool is_kept = whole(result, 0, 0) > 0;
    store_pq.PQclear(result);
    return is_kept ? MW_OK : store_link_fail_away(err);
}

static mw_status keep(store_link *link, mw_error *err)
{
    char sql[320];
    pg_result *result;
    link->n_commit++;
    snprintf(sql, sizeof sql,
             "INSERT INTO commits(writer, n, at) VALUES('%s', %lld, now()) ON CONFLICT(writer) DO"
             " UPDATE SET n = excluded.n, at = excluded.at; COMMIT",
             link->writer, (long long)link->n_commit);
    mw_status status = store_link_ask(link, sql, &result, err);
    if (status == MW_BUSY && !link->conn)
        return ask_whether_kept(link, err);
    if (status != MW_OK)
        return status;
    bool is_done = strcmp(store_pq.PQcmdStatus(result), "COMMIT") == 0;
    store_pq.PQclear(result);
    return is_done ? MW_OK
                   : mw_fail(err, MW_E_STORE_SQL, "the transaction was ended by the engine");
}

/* After so many statements, then twice as many ...: what was written grows the tables. Before the
 * commit, so that whoever reads what it brings is planned for by it. */
static mw_status survey_when_due(store_link *link, mw_error *err)
{
    enum { FIRST_SURVEY = 5000 };
    if (link->n_written < FIRST_SURVEY || link->n_written < link->next_survey)
        return MW_OK;
    link->next_survey = 2 * link->n_written;
    return store_link_survey(link, err);
}

static mw_status end(mw_sql *session, store_end how, mw_error *err)
{
    store_link *link = of(session);
    if (!link->is_writer) { /* all that was wanted has been read */
        if (link->conn)
            (void)!store_link_say(link, "COMMIT", NULL);
        return MW_OK;
    }
    settle_undone(link, how);
    mw_status status = how == STORE_KEEP ? survey_when_due(link, err) : MW_OK;
    if (status == MW_OK)
        status = how == STORE_KEEP ? keep(link, err) : store_link_say(link, "ROLLBACK", err);
    if (status != MW_OK && is_within(session))
        (void)!store_link_say(link, "ROLLBACK", NULL);
    return status;
}

static mw_status mark(mw_sql *session, mw_error *err)
{
    return store_link_say(of(session), "SAVEPOINT work", err);
}

static mw_status unmark(mw_sql *session, store_end how, mw_error *err)
{
    settle_undone(of(session), how);
    return store_link_say(
        of(session), how == STORE_KEEP ? "RELEASE work" : "ROLLBACK TO work; RELEASE work", err);
}

/* ---- leading --------------------------------------------------------------------------------- */

static int32_t hash_of(mw_view name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return (int32_t)hash;
}

/* A lock of the connection: PostgreSQL lets go of it when that ends, however it ends. */
static mw_status lead(mw_sql *session, mw_view name, bool *ret_leads, mw_error *err)
{
    store_link *link = of(session);
    pg_result *result;
    char sql[96];
    int32_t key = hash_of(name);
    for (size_t i = 0; i < link->n_led && !*ret_leads; i++)
        *ret_leads = link->led[i] == key;
    if (*ret_leads)
        return MW_OK;
    snprintf(sql, sizeof sql, "SELECT pg_try_advisory_lock(19800, %d)", key);
    MW_TRY(store_link_ask(link, sql, &result, err));
    *ret_leads = whole(result, 0, 0) != 0;
    store_pq.PQclear(result);
    if (*ret_leads && link->n_led < STORE_LED)
        link->led[link->n_led++] = key;
    return MW_OK;
}

/* ---- the schema ------------------------------------------------------------------------------ */

static mw_status has_tables(store_link *link, bool *ret_has, mw_error *err)
{
    pg_result *result;
    MW_TRY(
        store_link_ask(link, "SELECT to_regclass('millwright.about') IS NOT NULL", &result, err));
    *ret_has = whole(result, 0, 0) != 0;
    store_pq.PQclear(result);
    return MW_OK;
}

static mw_status read_version(mw_sql *session, size_t *ret_version, mw_error *err)
{
    bool has;
    pg_result *result;
    *ret_version = 0;
    MW_TRY(has_tables(of(session), &has, err));
    if (!has)
        return MW_OK;
    MW_TRY(store_link_ask(of(session), "SELECT version FROM about", &result, err));
    if (store_pq.PQntuples(result) > 0)
        *ret_version = (size_t)whole(result, 0, 0);
    store_pq.PQclear(result);
    return MW_OK;
}

static mw_status step(mw_sql *session, const char *script, size_t version, mw_error *err)
{
    mw_buf text;
    mw_status status = translate(script, true, &text, err);
    if (status == MW_OK) {
        mw_buf whole_step;
        mw_buf_init(&whole_step, 64 * MW_MIB);
        mw_buf_format(&whole_step, "BEGIN; %s; UPDATE about SET version = %zu; COMMIT", text.data,
                      version);
        status = whole_step.failed ? mw_fail_memory(err, "a step of the schema")
                                   : store_link_say(of(session), whole_step.data, err);
        mw_buf_done(&whole_step);
    }
    mw_buf_done(&text);
    if (status != MW_OK && is_within(session))
        (void)!store_link_say(of(session), "ROLLBACK", NULL);
    return status;
}

/* What the engine itself keeps; made by whoever comes first. The names of writers that have not
 * been heard of for a week are forgotten. */
static mw_status make_tables(store_link *link, mw_error *err)
{
    return store_link_say(
        link,
        "BEGIN; CREATE SCHEMA IF NOT EXISTS millwright;"
        "CREATE TABLE millwright.about(id BIGINT PRIMARY KEY CHECK(id = 1), version BIGINT NOT "
        "NULL,"
        " artifacts TEXT NOT NULL DEFAULT '');"
        "INSERT INTO millwright.about(id, version) VALUES(1, 0);"
        "CREATE TABLE millwright.commits(writer TEXT PRIMARY KEY, n BIGINT NOT NULL,"
        " at TIMESTAMPTZ NOT NULL); COMMIT",
        err);
}

static mw_status guard(mw_sql *session, bool on, mw_error *err)
{
    bool has;
    store_link *link = of(session);
    if (!on)
        return store_link_say(link, "SELECT pg_advisory_unlock" LOCK_OF_STEPS, err);
    MW_TRY(store_link_say(link, "SELECT pg_advisory_lock" LOCK_OF_STEPS, err));
    MW_TRY(has_tables(link, &has, err));
    if (!has)
        return make_tables(link, err);
    return store_link_say(link, "DELETE FROM commits WHERE at < now() - interval '7 days'", err);
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status name_writer(store_link *link, mw_error *err)
{
    uint64_t bits[2];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return mw_fail(err, MW_E_STORE_OPEN, "no random bytes: %s", strerror(errno));
    snprintf(link->writer, sizeof link->writer, "%016llx%016llx", (unsigned long long)bits[0],
             (unsigned long long)bits[1]);
    return MW_OK;
}

static void close_link(mw_sql *session)
{
    store_link_free(of(session));
}

/* A reader connects with its first transaction. */
static mw_status open_link(const char *address, bool is_writer, mw_sql **ret_session, mw_error *err)
{
    MW_TRY(store_pq_load(err));
    store_link *link = store_link_new(address, is_writer);
    if (!link)
        return mw_fail_memory(err, "a connection to the record");
    mw_status status = is_writer ? name_writer(link, err) : MW_OK;
    if (status == MW_OK && is_writer)
        status = store_link_ready(link, err);
    if (status != MW_OK) {
        store_link_free(link);
        return status;
    }
    *ret_session = &link->base;
    return MW_OK;
}

const store_engine store_postgres = {
    .open = open_link,
    .close = close_link,
    .begin = begin,
    .end = end,
    .is_within = is_within,
    .mark = mark,
    .unmark = unmark,
    .run = run,
    .post = post,
    .post_rows = post_rows,
    .settle = settle,
    .open_rows = open_rows,
    .open_values = open_values,
    .next = next,
    .is_null = is_null,
    .integer = integer,
    .number = as_double,
    .text = text,
    .close_rows = close_rows,
    .check = check,
    .read_version = read_version,
    .step = step,
    .guard = guard,
    .lead = lead,
};
