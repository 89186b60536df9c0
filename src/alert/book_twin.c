/* See book_twin.h. Alerts of the book of all have numbers below zero in the own one, where they
 * meet none of its own. */
#include "book_twin.h"

/* A letter of the group, or (for an alert, whose group is not known here) of the receiver, that was
 * written when this was told, or before, and was not taken yet. */
#define WAITS(name)                                                                             \
    "EXISTS(SELECT 1 FROM outbox o WHERE o.receiver = " name ".receiver AND o.created <= " name \
    ".at)"

typedef struct twin_table {
    const char *select, *clear, *insert, *kinds;
} twin_table;

/* ?1: this server. ?2: now. Each is cleared from the last to the first. */
static const twin_table tables[BOOK_TWIN_TABLES] = {
    {"SELECT -seq, fingerprint, rule, severity, endpoint, firing, since, fired, resolved, value,"
     " labels, details, ended, ack_who, ack_why, ack_ms FROM alerts WHERE ?2 >= 0 AND"
     " (firing <> 0 AND fingerprint IN (SELECT fingerprint FROM holders WHERE server = ?1)"
     " OR firing = 0 AND seq IN (SELECT t.alert FROM told t WHERE t.firing <> 0 OR " WAITS(
         "t") ")) ORDER BY seq",
     "DELETE FROM alerts WHERE seq < 0 OR firing <> 0",
     "INSERT INTO alerts(seq, fingerprint, rule, severity, endpoint, firing, since, fired,"
     " resolved, value, labels, details, ended, ack_who, ack_why, ack_ms)"
     " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
     "ittttiiiidtttttt"},
    {"SELECT t.receiver, -t.alert, CASE WHEN " WAITS(
         "t") " THEN 1 - t.firing ELSE t.firing END,"
              " t.at FROM told t JOIN alerts a ON a.seq = t.alert WHERE ?2 >= 0 AND"
              " (a.firing <> 0 AND a.fingerprint IN (SELECT fingerprint FROM holders WHERE server "
              "= ?1)"
              " OR a.firing = 0 AND (t.firing <> 0 OR " WAITS(
                  "t") ")) ORDER BY t.alert, t.receiver",
     "DELETE FROM told", "INSERT INTO told(receiver, alert, firing, at) VALUES(?, ?, ?, ?)",
     "tiii"},
    {"SELECT g.receiver, g.name, g.at FROM groups g WHERE ?1 <> '' AND ?2 >= 0 AND NOT " WAITS(
         "g") " ORDER BY g.receiver, g.name",
     "DELETE FROM groups", "INSERT INTO groups(receiver, name, at) VALUES(?, ?, ?)", "tti"},
    {"SELECT id, match, begins, until, who, why FROM silences WHERE ?1 <> '' AND until > ?2"
     " ORDER BY id",
     "DELETE FROM silences",
     "INSERT INTO silences(id, match, begins, until, who, why) VALUES(?, ?, ?, ?, ?, ?)", "itiitt"},
    {"SELECT name, text FROM rules WHERE ?1 <> '' AND ?2 >= 0 ORDER BY name", "DELETE FROM rules",
     "INSERT INTO rules(name, text) VALUES(?, ?)", "tt"},
    {"SELECT name, text FROM receivers WHERE ?1 <> '' AND ?2 >= 0 ORDER BY name",
     "DELETE FROM receivers", "INSERT INTO receivers(name, text) VALUES(?, ?)", "tt"},
};

/* ---- from the book of all -------------------------------------------------------------------- */

static bool read_value(const mw_rows *rows, int column, char kind, mw_arena *arena, mw_value *ret)
{
    *ret = (mw_value){.kind = kind == 'i'   ? MW_VALUE_INT
                              : kind == 'd' ? MW_VALUE_DOUBLE
                                            : MW_VALUE_TEXT};
    if (kind == 'i')
        ret->integer = mw_rows_int(rows, column);
    else if (kind == 'd')
        ret->number = mw_rows_double(rows, column);
    else if (!mw_rows_is_null(rows, column)) {
        mw_view text = mw_rows_text(rows, column);
        ret->text = (mw_view){mw_arena_text(arena, text), text.size};
        return ret->text.data != NULL;
    }
    return true;
}

/* Its texts stay in the arena, its values in a buffer that grows. */
static mw_status read_table(mw_sql *session, const twin_table *table, const mw_value *given,
                            mw_arena *arena, mw_buf *values, mw_error *err)
{
    mw_rows rows;
    bool fits = true;
    MW_TRY(mw_rows_open_values(session, &rows, table->select, given, 2, err));
    while (fits && mw_rows_next(&rows))
        for (int column = 0; table->kinds[column] && fits; column++) {
            mw_value value;
            fits = read_value(&rows, column, table->kinds[column], arena, &value);
            mw_buf_bytes(values, &value, sizeof value);
        }
    MW_TRY(mw_rows_close(&rows, err));
    return fits && !values->failed ? MW_OK : mw_fail_memory(err, "the book of alerts");
}

mw_status book_twin_read(mw_sql *session, mw_view server, int64_t now_ms, mw_arena *arena,
                         book_twin *ret_twin, mw_error *err)
{
    const mw_value given[2] = {{.kind = MW_VALUE_TEXT, .text = server},
                               {.kind = MW_VALUE_INT, .integer = now_ms}};
    for (size_t i = 0; i < BOOK_TWIN_TABLES; i++) {
        mw_buf values;
        mw_buf_init(&values, MW_LIMIT_ALERT_LOOK_BYTES);
        mw_status status = read_table(session, &tables[i], given, arena, &values, err);
        mw_value *kept = mw_arena_take(arena, values.size + sizeof *kept);
        if (status == MW_OK && !kept)
            status = mw_fail_memory(err, "the book of alerts");
        if (status == MW_OK && values.size > 0)
            memcpy(kept, values.data, values.size);
        ret_twin->tables[i].values = kept;
        ret_twin->tables[i].n_rows = values.size / sizeof *kept / strlen(tables[i].kinds);
        mw_buf_done(&values);
        MW_TRY(status);
    }
    MW_TRY(book_rules(session, arena, &ret_twin->rules, err));
    return book_receivers(session, arena, &ret_twin->receivers, err);
}

void book_twin_digest(const book_twin *twin, char digest[MW_DIGEST_TEXT_BYTES])
{
    mw_buf text;
    mw_buf_init(&text, MW_LIMIT_ALERT_LOOK_BYTES);
    for (size_t i = 0; i < BOOK_TWIN_TABLES; i++) {
        size_t n = twin->tables[i].n_rows * strlen(tables[i].kinds);
        mw_buf_format(&text, "%zu\n", n);
        for (size_t k = 0; k < n; k++) {
            const mw_value *value = &twin->tables[i].values[k];
            mw_buf_format(&text, "%d %lld %.17g %zu ", (int)value->kind, (long long)value->integer,
                          value->number, value->text.size);
            mw_buf_view(&text, value->text);
        }
    }
    mw_digest_of(mw_buf_as_view(&text), digest);
    mw_buf_done(&text);
}

/* ---- into the own one ------------------------------------------------------------------------ */

typedef struct filling {
    const mw_value *values;
    size_t n_columns;
} filling;

static void fill(void *user, size_t row, mw_value *ret_values)
{
    const filling *f = user;
    memcpy(ret_values, f->values + row * f->n_columns, f->n_columns * sizeof *ret_values);
}

mw_status book_twin_write(mw_sql *session, const book_twin *twin, mw_error *err)
{
    for (size_t i = BOOK_TWIN_TABLES; i-- > 0;)
        MW_TRY(mw_sql_run(session, err, tables[i].clear, ""));
    for (size_t i = 0; i < BOOK_TWIN_TABLES; i++) {
        filling f = {twin->tables[i].values, strlen(tables[i].kinds)};
        MW_TRY(mw_sql_post_rows(session, err, tables[i].insert, tables[i].kinds,
                                twin->tables[i].n_rows, fill, &f));
    }
    return MW_OK;
}

/* ---- and back -------------------------------------------------------------------------------- */

static mw_status read_said(mw_sql *session, int64_t alone_ms, mw_arena *arena, book_news *news,
                           mw_error *err)
{
    mw_rows rows;
    bool fits = true;
    size_t room = MW_LIMIT_ALERTS;
    news->said = mw_arena_take(arena, room * sizeof *news->said);
    if (!news->said)
        return mw_fail_memory(err, "what was told alone");
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT t.receiver, a.fingerprint, t.firing, t.at FROM told t"
                        " JOIN alerts a ON a.seq = t.alert WHERE t.at >= ? ORDER BY t.at LIMIT ?",
                        "ii", alone_ms, (int64_t)room));
    while (fits && mw_rows_next(&rows)) {
        mw_view receiver = mw_rows_text(&rows, 0), fingerprint = mw_rows_text(&rows, 1);
        struct book_said *one = &news->said[news->n_said++];
        one->receiver = (mw_view){mw_arena_text(arena, receiver), receiver.size};
        one->fingerprint = (mw_view){mw_arena_text(arena, fingerprint), fingerprint.size};
        one->firing = mw_rows_int(&rows, 2);
        one->at_ms = mw_rows_int(&rows, 3);
        fits = one->receiver.data && one->fingerprint.data;
    }
    MW_TRY(mw_rows_close(&rows, err));
    return fits ? MW_OK : mw_fail_memory(err, "what was told alone");
}

static mw_status read_joined(mw_sql *session, bool *ret_has, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(session, &rows, err, "SELECT 1 FROM joined LIMIT 1", ""));
    *ret_has = mw_rows_next(&rows);
    return mw_rows_close(&rows, err);
}

mw_status book_news_read(mw_sql *session, int64_t alone_ms, int64_t now_ms, mw_arena *arena,
                         book_news *ret_news, mw_error *err)
{
    *ret_news = (book_news){.has_joined = false};
    MW_TRY(read_joined(session, &ret_news->has_joined, err));
    if (!ret_news->has_joined) {
        MW_TRY(book_rules(session, arena, &ret_news->rules, err));
        MW_TRY(book_receivers(session, arena, &ret_news->receivers, err));
        MW_TRY(book_silences_of(session, now_ms, false, arena, &ret_news->silences, err));
    }
    return alone_ms > 0 ? read_said(session, alone_ms, arena, ret_news, err) : MW_OK;
}

/* Texts are JSON, of which the name is a member. What the others have under the name stays. */
static mw_status give_texts(mw_sql *session, const char *sql, const book_texts *texts,
                            mw_error *err)
{
    for (size_t i = 0; i < texts->count; i++) {
        mw_json *root;
        MW_TRY(mw_json_read(texts->items[i], &root, err));
        mw_view name = mw_json_text(mw_json_member(root, "name"));
        mw_status status = mw_sql_run(session, err, sql, "tt", name, texts->items[i]);
        mw_json_free(root);
        MW_TRY(status);
    }
    return MW_OK;
}

static mw_status say(mw_sql *session, const struct book_said *said, mw_error *err)
{
    return mw_sql_run(
        session, err,
        "INSERT INTO told(receiver, alert, firing, at) SELECT ?1, seq, ?3, ?4 FROM alerts"
        " WHERE seq = (SELECT max(seq) FROM alerts WHERE fingerprint = ?2) AND firing = ?3"
        " AND NOT EXISTS(SELECT 1 FROM alerts e WHERE e.fingerprint = ?2 AND e.seq < alerts.seq"
        " AND e.resolved > ?4)"
        " ON CONFLICT(receiver, alert) DO UPDATE SET firing = excluded.firing, at = excluded.at",
        "ttii", said->receiver, said->fingerprint, said->firing, said->at_ms);
}

mw_status book_news_write(mw_sql *session, const book_news *news, mw_error *err)
{
    MW_TRY(give_texts(session,
                      "INSERT INTO rules(name, text) VALUES(?, ?) ON CONFLICT(name) DO NOTHING",
                      &news->rules, err));
    MW_TRY(give_texts(session,
                      "INSERT INTO receivers(name, text) VALUES(?, ?) ON CONFLICT(name) DO NOTHING",
                      &news->receivers, err));
    for (size_t i = 0; i < news->silences.count; i++) {
        int64_t id;
        MW_TRY(book_silence_put(session, &news->silences.items[i], &id, err));
    }
    for (size_t i = 0; i < news->n_said; i++)
        MW_TRY(say(session, &news->said[i], err));
    return MW_OK;
}

mw_status book_note_joined(mw_sql *session, int64_t now_ms, mw_error *err)
{
    return mw_sql_run(session, err, "INSERT INTO joined(at) VALUES(?)", "i", now_ms);
}
