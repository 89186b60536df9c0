/* SQL of alerts, silences and rules; the outbox is in book_post.c. All of it in what both engines
 * take (store/dialect.h): where servers share a PostgreSQL record, its schema has these tables. */
#include "book.h"

static const char step_1[] =
    "CREATE TABLE alerts(seq INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL,"
    " rule TEXT NOT NULL, severity TEXT NOT NULL, endpoint TEXT NOT NULL, firing INTEGER NOT NULL,"
    " since INTEGER NOT NULL, fired INTEGER NOT NULL, resolved INTEGER NOT NULL DEFAULT 0,"
    " value REAL NOT NULL, labels TEXT NOT NULL, details TEXT NOT NULL,"
    " ended TEXT NOT NULL DEFAULT '', ack_who TEXT, ack_why TEXT,"
    " ack_ms INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX alerts_firing ON alerts(fingerprint) WHERE firing;"
    "CREATE INDEX alerts_of ON alerts(fingerprint, seq);"
    "CREATE TABLE holders(fingerprint TEXT NOT NULL, server TEXT NOT NULL, seen INTEGER NOT NULL,"
    " PRIMARY KEY(fingerprint, server)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE silences(id INTEGER PRIMARY KEY AUTOINCREMENT, match TEXT NOT NULL,"
    " begins INTEGER NOT NULL, until INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL) "
    "STRICT;"
    "CREATE TABLE rules(name TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE told(receiver TEXT NOT NULL, alert INTEGER NOT NULL REFERENCES alerts"
    " ON DELETE CASCADE, firing INTEGER NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY(receiver, alert)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX told_of ON told(alert);"
    "CREATE TABLE groups(receiver TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY(receiver, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL,"
    " name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, body TEXT NOT NULL,"
    " created INTEGER NOT NULL, next INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
    " error TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX outbox_due ON outbox(receiver, next);"
    "CREATE INDEX outbox_of ON outbox(receiver, name, id);";

static const char step_2[] =
    "CREATE TABLE receivers(name TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT"
    " ROWID;";

static const char step_3[] =
    "ALTER TABLE outbox ADD COLUMN file_name TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE outbox ADD COLUMN file TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE sheets(name TEXT NOT NULL PRIMARY KEY, slot INTEGER NOT NULL,"
    " done INTEGER NOT NULL, next INTEGER NOT NULL, tries INTEGER NOT NULL,"
    " error TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/* Whether what the API had set here was given to the record of several servers; and no statement
 * says "firing" for "firing <> 0" any more. */
static const char step_4[] =
    "DROP INDEX alerts_firing;"
    "CREATE UNIQUE INDEX alerts_firing ON alerts(fingerprint) WHERE firing <> 0;"
    "CREATE TABLE joined(at INTEGER NOT NULL) STRICT;";

const char *const book_steps[] = {step_1, step_2, step_3, step_4};
const size_t book_n_steps = MW_COUNT(book_steps);

/* ---- alerts ---------------------------------------------------------------------------------- */

static mw_status hold(mw_sql *session, mw_view fingerprint, mw_view server, int64_t now_ms,
                      mw_error *err)
{
    return mw_sql_run(session, err,
                      "INSERT INTO holders(fingerprint, server, seen) VALUES(?, ?, ?)"
                      " ON CONFLICT(fingerprint, server) DO UPDATE SET seen = excluded.seen",
                      "tti", fingerprint, server, now_ms);
}

mw_status book_fire(mw_sql *session, const book_alert *alert, mw_view server, int64_t now_ms,
                    bool *ret_is_new, mw_error *err)
{
    MW_TRY(hold(session, alert->fingerprint, server, now_ms, err));
    MW_TRY(mw_sql_run(session, err,
                      "INSERT INTO alerts(fingerprint, rule, severity, endpoint, firing, since,"
                      " fired, value, labels, details) VALUES(?, ?, ?, ?, 1, ?, ?, ?, ?, ?)"
                      " ON CONFLICT DO NOTHING",
                      "ttttiidtt", alert->fingerprint, alert->rule, alert->severity,
                      alert->endpoint, alert->since_ms, alert->fired_ms, alert->value,
                      alert->labels, alert->details));
    *ret_is_new = mw_sql_changes(session) > 0;
    return MW_OK;
}

mw_status book_hold(mw_sql *session, const book_alert *alert, mw_view server, int64_t now_ms,
                    mw_error *err)
{
    MW_TRY(hold(session, alert->fingerprint, server, now_ms, err));
    return mw_sql_run(session, err,
                      "UPDATE alerts SET value = ?, details = ?"
                      " WHERE fingerprint = ? AND firing <> 0",
                      "dtt", alert->value, alert->details, alert->fingerprint);
}

mw_status book_resolve_unheld(mw_sql *session, mw_view ended, int64_t now_ms, mw_error *err)
{
    return mw_sql_run(session, err,
                      "UPDATE alerts SET firing = 0, resolved = ?, ended = ? WHERE firing <> 0 AND"
                      " NOT EXISTS(SELECT 1 FROM holders h"
                      " WHERE h.fingerprint = alerts.fingerprint)",
                      "it", now_ms, ended);
}

mw_status book_leave(mw_sql *session, mw_view server, mw_error *err)
{
    return mw_sql_run(session, err, "DELETE FROM holders WHERE ?1 IS NULL OR server = ?1", "t",
                      server);
}

mw_status book_release(mw_sql *session, mw_view fingerprint, mw_view server, mw_view ended,
                       int64_t now_ms, mw_error *err)
{
    MW_TRY(mw_sql_run(session, err, "DELETE FROM holders WHERE fingerprint = ? AND server = ?",
                      "tt", fingerprint, server));
    return mw_sql_run(
        session, err,
        "UPDATE alerts SET firing = 0, resolved = ?, ended = ? WHERE fingerprint = ?"
        " AND firing <> 0 AND NOT EXISTS(SELECT 1 FROM holders WHERE fingerprint = ?)",
        "ittt", now_ms, ended, fingerprint, fingerprint);
}

mw_status book_bury(mw_sql *session, int64_t since_ms, int64_t now_ms, mw_error *err)
{
    MW_TRY(mw_sql_run(session, err, "DELETE FROM holders WHERE seen < ?", "i", since_ms));
    return book_resolve_unheld(session, MW_VIEW("no server measures it any more"), now_ms, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

#define COLUMNS                                                                                  \
    "seq, fingerprint, rule, severity, endpoint, firing, since, fired, resolved, value, labels," \
    " details, ended, ack_who, ack_why, ack_ms"

static mw_view keep(const mw_rows *rows, int column, mw_arena *arena)
{
    mw_view text = mw_rows_text(rows, column);
    const char *kept = text.data ? mw_arena_text(arena, text) : NULL;
    return (mw_view){kept, kept ? text.size : 0};
}

static void read_alert(const mw_rows *rows, mw_arena *arena, book_alert *ret_alert)
{
    *ret_alert = (book_alert){.seq = mw_rows_int(rows, 0),
                              .fingerprint = keep(rows, 1, arena),
                              .rule = keep(rows, 2, arena),
                              .severity = keep(rows, 3, arena),
                              .endpoint = keep(rows, 4, arena),
                              .is_firing = mw_rows_int(rows, 5) != 0,
                              .since_ms = mw_rows_int(rows, 6),
                              .fired_ms = mw_rows_int(rows, 7),
                              .resolved_ms = mw_rows_int(rows, 8),
                              .value = mw_rows_double(rows, 9),
                              .labels = keep(rows, 10, arena),
                              .details = keep(rows, 11, arena),
                              .ended = keep(rows, 12, arena),
                              .ack_who = keep(rows, 13, arena),
                              .ack_why = keep(rows, 14, arena),
                              .ack_ms = mw_rows_int(rows, 15)};
}

/* Reads at most `room`; what an arena does not hold is told. */
static mw_status read_alerts(mw_rows *rows, mw_arena *arena, size_t room, book_alerts *ret_alerts,
                             mw_error *err)
{
    book_alert *items = mw_arena_take(arena, room * sizeof *items);
    size_t n = 0;
    while (items && n < room && mw_rows_next(rows))
        read_alert(rows, arena, &items[n++]);
    MW_TRY(mw_rows_close(rows, err));
    for (size_t i = 0; i < n; i++)
        if (!items[i].fingerprint.data || !items[i].labels.data || !items[i].details.data)
            return mw_fail_memory(err, "the alerts");
    *ret_alerts = (book_alerts){items, n};
    return items ? MW_OK : mw_fail_memory(err, "the alerts");
}

mw_status book_open_alerts(mw_sql *session, mw_arena *arena, book_alerts *ret_alerts, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT " COLUMNS " FROM alerts WHERE firing <> 0 UNION ALL"
                        " SELECT " COLUMNS " FROM alerts WHERE firing = 0 AND seq IN"
                        " (SELECT alert FROM told WHERE told.firing <> 0) ORDER BY 1 LIMIT ?",
                        "i", (int64_t)MW_LIMIT_ALERTS));
    return read_alerts(&rows, arena, MW_LIMIT_ALERTS, ret_alerts, err);
}

/* Absent: any. */
#define WANTED                                                           \
    " WHERE (?1 IS NULL OR endpoint = ?1) AND (?2 IS NULL OR rule = ?2)" \
    " AND (?3 IS NULL OR severity = ?3) AND (?4 = 0 OR firing <> 0)"     \
    " AND (?5 = 0 OR firing = 0) AND (?6 IS NULL OR"                     \
    " replace(?6, '\n' || endpoint || '\n', '') <> ?6)"

mw_status book_list(mw_sql *session, const book_query *query, mw_arena *arena,
                    book_alerts *ret_alerts, int64_t *ret_total, mw_error *err)
{
    mw_rows rows;
    int64_t before = query->before_seq ? query->before_seq : INT64_MAX;
    MW_TRY(mw_rows_open(session, &rows, err, "SELECT count(*) FROM alerts" WANTED, "tttiit",
                        query->endpoint, query->rule, query->severity, (int64_t)query->only_firing,
                        (int64_t)query->only_resolved, query->seen));
    *ret_total = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    MW_TRY(mw_rows_close(&rows, err));
    MW_TRY(mw_rows_open(
        session, &rows, err,
        "SELECT " COLUMNS " FROM alerts" WANTED " AND seq < ?7 ORDER BY seq DESC LIMIT ?8",
        "tttiitii", query->endpoint, query->rule, query->severity, (int64_t)query->only_firing,
        (int64_t)query->only_resolved, query->seen, before, query->limit));
    return read_alerts(&rows, arena, (size_t)query->limit, ret_alerts, err);
}

mw_status book_find(mw_sql *session, mw_view id, mw_arena *arena, book_alerts *ret_alerts,
                    mw_error *err)
{
    mw_rows rows;
    uint64_t seq;
    bool is_number = mw_whole_parse(id, &seq) && seq <= INT64_MAX;
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT " COLUMNS " FROM alerts WHERE fingerprint = ? OR seq = ?"
                        " ORDER BY seq DESC LIMIT 1",
                        "ti", id, is_number ? (int64_t)seq : INT64_C(0)));
    return read_alerts(&rows, arena, 1, ret_alerts, err);
}

mw_status book_acknowledge(mw_sql *session, int64_t seq, mw_view who, mw_view why, int64_t now_ms,
                           mw_error *err)
{
    return mw_sql_run(session, err,
                      "UPDATE alerts SET ack_who = ?, ack_why = ?, ack_ms = ? WHERE seq = ?",
                      "ttii", who, why, now_ms, seq);
}

/* ---- silences and rules ---------------------------------------------------------------------- */

mw_status book_silence_put(mw_sql *session, const book_silence *silence, int64_t *ret_id,
                           mw_error *err)
{
    MW_TRY(mw_sql_run(session, err,
                      "INSERT INTO silences(match, begins, until, who, why) VALUES(?, ?, ?, ?, ?)"
                      " RETURNING id",
                      "tiitt", silence->match, silence->from_ms, silence->until_ms, silence->who,
                      silence->why));
    *ret_id = mw_sql_new_id(session);
    return MW_OK;
}

mw_status book_silence_end(mw_sql *session, int64_t id, int64_t now_ms, bool *ret_was,
                           mw_error *err)
{
    MW_TRY(mw_sql_run(session, err, "UPDATE silences SET until = ? WHERE id = ? AND until > ?",
                      "iii", now_ms, id, now_ms));
    *ret_was = mw_sql_changes(session) > 0;
    return MW_OK;
}

mw_status book_silences_of(mw_sql *session, int64_t now_ms, bool all, mw_arena *arena,
                           book_silences *ret_silences, mw_error *err)
{
    mw_rows rows;
    size_t n = 0;
    book_silence *items = mw_arena_take_zeroed(arena, MW_LIMIT_ALERT_SILENCES, sizeof *items);
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT id, begins, until, match, who, why FROM silences"
                        " WHERE until > ? OR ? <> 0 ORDER BY id DESC LIMIT ?",
                        "iii", now_ms, (int64_t)all, (int64_t)MW_LIMIT_ALERT_SILENCES));
    while (items && mw_rows_next(&rows)) {
        items[n++] = (book_silence){.id = mw_rows_int(&rows, 0),
                                    .from_ms = mw_rows_int(&rows, 1),
                                    .until_ms = mw_rows_int(&rows, 2),
                                    .match = keep(&rows, 3, arena),
                                    .who = keep(&rows, 4, arena),
                                    .why = keep(&rows, 5, arena)};
    }
    MW_TRY(mw_rows_close(&rows, err));
    *ret_silences = (book_silences){items, n};
    return items ? MW_OK : mw_fail_memory(err, "the silences");
}

/* Rules and receivers are texts under a name each. */
static mw_status put_text(mw_sql *session, const char *sql, mw_view name, mw_view text,
                          mw_error *err)
{
    return mw_sql_run(session, err, sql, "tt", name, text);
}

static mw_status remove_text(mw_sql *session, const char *sql, mw_view name, bool *ret_was,
                             mw_error *err)
{
    MW_TRY(mw_sql_run(session, err, sql, "t", name));
    *ret_was = mw_sql_changes(session) > 0;
    return MW_OK;
}

static mw_status texts_of(mw_sql *session, const char *sql, size_t most, mw_arena *arena,
                          book_texts *ret_texts, mw_error *err)
{
    mw_rows rows;
    size_t n = 0;
    mw_view *items = mw_arena_take(arena, most * sizeof *items);
    MW_TRY(mw_rows_open(session, &rows, err, sql, "i", (int64_t)most));
    while (items && mw_rows_next(&rows))
        items[n++] = keep(&rows, 0, arena);
    MW_TRY(mw_rows_close(&rows, err));
    *ret_texts = (book_texts){items, n};
    return items ? MW_OK : mw_fail_memory(err, "the rules");
}

mw_status book_rule_put(mw_sql *session, mw_view name, mw_view text, mw_error *err)
{
    return put_text(session,
                    "INSERT INTO rules(name, text) VALUES(?, ?)"
                    " ON CONFLICT(name) DO UPDATE SET text = excluded.text",
                    name, text, err);
}

mw_status book_rule_remove(mw_sql *session, mw_view name, bool *ret_was, mw_error *err)
{
    return remove_text(session, "DELETE FROM rules WHERE name = ?", name, ret_was, err);
}

mw_status book_rules(mw_sql *session, mw_arena *arena, book_texts *ret_texts, mw_error *err)
{
    return texts_of(session, "SELECT text FROM rules ORDER BY name LIMIT ?", MW_LIMIT_ALERT_RULES,
                    arena, ret_texts, err);
}

mw_status book_receiver_put(mw_sql *session, mw_view name, mw_view text, mw_error *err)
{
    return put_text(session,
                    "INSERT INTO receivers(name, text) VALUES(?, ?)"
                    " ON CONFLICT(name) DO UPDATE SET text = excluded.text",
                    name, text, err);
}

mw_status book_receiver_remove(mw_sql *session, mw_view name, bool *ret_was, mw_error *err)
{
    return remove_text(session, "DELETE FROM receivers WHERE name = ?", name, ret_was, err);
}

mw_status book_receivers(mw_sql *session, mw_arena *arena, book_texts *ret_texts, mw_error *err)
{
    return texts_of(session, "SELECT text FROM receivers ORDER BY name LIMIT ?",
                    MW_LIMIT_ALERT_RECEIVERS, arena, ret_texts, err);
}
