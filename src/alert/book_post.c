/* SQL of what receivers were told, and of the outbox. */
#include "book.h"

/* ---- told ------------------------------------------------------------------------------------ */

mw_status book_told_of(mw_sql *session, mw_view receiver, int64_t seq, book_told *ret_told,
                       mw_error *err)
{
    mw_rows rows;
    *ret_told = (book_told){false, false, 0};
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT firing, at FROM told WHERE receiver = ? AND alert = ?", "ti",
                        receiver, seq));
    if (mw_rows_next(&rows))
        *ret_told = (book_told){true, mw_rows_int(&rows, 0) != 0, mw_rows_int(&rows, 1)};
    return mw_rows_close(&rows, err);
}

mw_status book_tell(mw_sql *session, mw_view receiver, int64_t seq, bool firing, int64_t now_ms,
                    mw_error *err)
{
    return mw_sql_run(
        session, err,
        "INSERT INTO told(receiver, alert, firing, at) VALUES(?, ?, ?, ?)"
        " ON CONFLICT(receiver, alert) DO UPDATE SET firing = excluded.firing, at = excluded.at",
        "tiii", receiver, seq, (int64_t)firing, now_ms);
}

mw_status book_group_told(mw_sql *session, mw_view receiver, mw_view group, int64_t *ret_ms,
                          mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT at FROM groups WHERE receiver = ? AND name = ?", "tt", receiver,
                        group));
    *ret_ms = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    return mw_rows_close(&rows, err);
}

mw_status book_group_tell(mw_sql *session, mw_view receiver, mw_view group, int64_t now_ms,
                          mw_error *err)
{
    return mw_sql_run(session, err,
                      "INSERT INTO groups(receiver, name, at) VALUES(?, ?, ?)"
                      " ON CONFLICT(receiver, name) DO UPDATE SET at = excluded.at",
                      "tti", receiver, group, now_ms);
}

/* ---- the outbox ------------------------------------------------------------------------------ */

mw_status book_post(mw_sql *session, const book_letter *letter, mw_error *err)
{
    return mw_sql_run(session, err,
                      "INSERT INTO outbox(receiver, name, key, subject, body, created, next,"
                      " file_name, file) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                      "tttttiitt", letter->receiver, letter->group, letter->key, letter->subject,
                      letter->body, letter->created_ms, letter->created_ms,
                      letter->file_name.data ? letter->file_name : MW_VIEW(""),
                      letter->file.data ? letter->file : MW_VIEW(""));
}

mw_status book_has_post(mw_sql *session, mw_view receiver, mw_view group, bool *ret_has,
                        mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT 1 FROM outbox WHERE receiver = ? AND name = ? LIMIT 1", "tt",
                        receiver, group));
    *ret_has = mw_rows_next(&rows);
    return mw_rows_close(&rows, err);
}

/* Of a group only the first: "resolved" never overtakes "firing". */
#define FIRST_OF_GROUP                                                           \
    " FROM outbox o WHERE o.receiver = ?1 AND NOT EXISTS(SELECT 1 FROM outbox e" \
    " WHERE e.receiver = o.receiver AND e.name = o.name AND e.id < o.id)"

mw_status book_take(mw_sql *session, mw_view receiver, int64_t now_ms, int64_t lease_ms,
                    mw_arena *arena, book_letter *ret_letter, bool *ret_is_one,
                    int64_t *ret_next_ms, mw_error *err)
{
    mw_rows rows;
    *ret_is_one = false;
    *ret_next_ms = 0;
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT o.id, o.created, o.tries, o.name, o.key, o.subject, o.body,"
                        " o.file_name, o.file, o.next" FIRST_OF_GROUP
                        " ORDER BY o.next, o.id LIMIT 1",
                        "t", receiver));
    if (mw_rows_next(&rows)) {
        mw_view texts[6];
        for (int i = 0; i < 6; i++) {
            mw_view text = mw_rows_text(&rows, 3 + i);
            texts[i] = (mw_view){mw_arena_text(arena, text), text.size};
        }
        *ret_letter = (book_letter){.id = mw_rows_int(&rows, 0),
                                    .created_ms = mw_rows_int(&rows, 1),
                                    .tries = mw_rows_int(&rows, 2),
                                    .receiver = receiver,
                                    .group = texts[0],
                                    .key = texts[1],
                                    .subject = texts[2],
                                    .body = texts[3],
                                    .file_name = texts[4],
                                    .file = texts[5]};
        *ret_next_ms = mw_rows_int(&rows, 9);
        *ret_is_one = *ret_next_ms <= now_ms;
    }
    MW_TRY(mw_rows_close(&rows, err));
    if (!*ret_is_one)
        return MW_OK;
    if (!ret_letter->body.data || !ret_letter->key.data || !ret_letter->file.data)
        return mw_fail_memory(err, "a notification");
    return mw_sql_run(session, err, "UPDATE outbox SET next = ?, tries = tries + 1 WHERE id = ?",
                      "ii", now_ms + lease_ms, ret_letter->id);
}

mw_status book_delivered(mw_sql *session, int64_t id, mw_error *err)
{
    return mw_sql_run(session, err, "DELETE FROM outbox WHERE id = ?", "i", id);
}

mw_status book_failed(mw_sql *session, int64_t id, int64_t next_ms, mw_view why, mw_error *err)
{
    return mw_sql_run(session, err, "UPDATE outbox SET next = ?, error = ? WHERE id = ?", "iti",
                      next_ms, why, id);
}

mw_status book_count_post(mw_sql *session, mw_view receiver, mw_arena *arena,
                          book_post_count *ret_count, mw_error *err)
{
    mw_rows rows;
    *ret_count = (book_post_count){0, 0, MW_VIEW("")};
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT count(*), min(created), max(error) FROM outbox WHERE receiver = ?",
                        "t", receiver));
    if (mw_rows_next(&rows)) {
        mw_view error = mw_rows_text(&rows, 2);
        const char *kept = error.data ? mw_arena_text(arena, error) : NULL;
        *ret_count = (book_post_count){mw_rows_int(&rows, 0),
                                       mw_rows_int(&rows, 1),
                                       {kept ? kept : "", kept ? error.size : 0}};
    }
    return mw_rows_close(&rows, err);
}

/* ---- reports by the clock -------------------------------------------------------------------- */

mw_status book_sheet_of(mw_sql *session, mw_view name, mw_arena *arena, book_sheet *ret_sheet,
                        mw_error *err)
{
    mw_rows rows;
    *ret_sheet = (book_sheet){.error = MW_VIEW("")};
    MW_TRY(mw_rows_open(session, &rows, err,
                        "SELECT slot, done, next, tries, error FROM sheets WHERE name = ?", "t",
                        name));
    if (mw_rows_next(&rows)) {
        mw_view error = mw_rows_text(&rows, 4);
        const char *kept = mw_arena_text(arena, error);
        *ret_sheet = (book_sheet){.is_there = true,
                                  .slot_ms = mw_rows_int(&rows, 0),
                                  .is_done = mw_rows_int(&rows, 1) != 0,
                                  .next_ms = mw_rows_int(&rows, 2),
                                  .tries = mw_rows_int(&rows, 3),
                                  .error = {kept ? kept : "", kept ? error.size : 0}};
    }
    return mw_rows_close(&rows, err);
}

mw_status book_sheet_put(mw_sql *session, mw_view name, const book_sheet *sheet, mw_error *err)
{
    return mw_sql_run(
        session, err,
        "INSERT INTO sheets(name, slot, done, next, tries, error)"
        " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET"
        " slot = excluded.slot, done = excluded.done, next = excluded.next, tries = excluded.tries,"
        " error = excluded.error",
        "tiiiit", name, sheet->slot_ms, (int64_t)sheet->is_done, sheet->next_ms, sheet->tries,
        sheet->error);
}

/* ---- tidying --------------------------------------------------------------------------------- */

mw_status book_tidy(mw_sql *session, int64_t now_ms, int64_t *ret_given_up, mw_error *err)
{
    int64_t old_ms = now_ms - MW_LIMIT_ALERT_LETTER_MS;
    MW_TRY(mw_sql_run(session, err,
                      "DELETE FROM alerts WHERE firing = 0 AND seq <="
                      " (SELECT max(seq) FROM alerts) - ?",
                      "i", (int64_t)MW_LIMIT_ALERT_HISTORY));
    MW_TRY(mw_sql_run(session, err, "DELETE FROM silences WHERE until < ?", "i", old_ms));
    MW_TRY(mw_sql_run(session, err, "DELETE FROM groups WHERE at < ?", "i", old_ms));
    MW_TRY(mw_sql_run(session, err, "DELETE FROM outbox WHERE created < ?", "i", old_ms));
    *ret_given_up = mw_sql_changes(session);
    return MW_OK;
}
