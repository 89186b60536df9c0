/* See watch_record.h. Bytes stand as hexadecimal digits: both engines keep texts. */
#include "record.h"

/* ---- bytes ----------------------------------------------------------------------------------- */

static mw_view to_hex(mw_record *record, mw_view bytes, mw_error *err)
{
    char *text = mw_arena_take(record->arena, 2 * bytes.size + 1);
    if (!text) {
        mw_fail_memory(err, "counts of the watch");
        return RECORD_NOTHING;
    }
    char *end = mw_hex_write(text, (const uint8_t *)bytes.data, bytes.size);
    return (mw_view){text, (size_t)(end - text)};
}

/* Damaged digits are no bytes at all, which the monitor refuses. */
static mw_view from_hex(record_memory *memory, mw_view text)
{
    size_t n = text.size / 2;
    char *bytes = mw_arena_take(memory->arena, n + 1);
    memory->failed = memory->failed || !bytes;
    for (size_t i = 0; bytes && i < n; i++) {
        int byte = mw_hex_byte(text.data + 2 * i);
        if (byte < 0)
            return (mw_view){bytes, 0};
        bytes[i] = (char)byte;
    }
    return (mw_view){bytes, bytes ? n : 0};
}

/* ---- references ------------------------------------------------------------------------------ */

static mw_status find_reference(mw_record *record, const mw_shared_watch *watch, mw_view *ret_bytes,
                                mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    *ret_bytes = RECORD_NOTHING;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT columns FROM watch_references WHERE endpoint = ? AND identity = ?"
                        " AND profile = ?",
                        "tti", watch->endpoint, watch->identity, (int64_t)watch->profile));
    if (mw_rows_next(&rows))
        *ret_bytes = from_hex(&memory, mw_rows_text(&rows, 0));
    return record_close(&rows, &memory, err);
}

mw_status mw_record_share_reference(mw_record *record, const mw_shared_watch *watch, mw_view bytes,
                                    mw_view *ret_bytes, mw_error *err)
{
    MW_TRY(find_reference(record, watch, ret_bytes, err));
    if (ret_bytes->data || !bytes.data)
        return MW_OK;
    mw_view columns = to_hex(record, bytes, err);
    if (!columns.data)
        return MW_NO_MEMORY;
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO watch_references(endpoint, identity, profile, server, made,"
                      " columns) VALUES(?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT(endpoint, identity, profile) DO NOTHING",
                      "ttitit", watch->endpoint, watch->identity, (int64_t)watch->profile,
                      watch->server, mw_clock_wall_ms(), columns));
    return find_reference(record, watch, ret_bytes, err); /* another may have been first */
}

/* ---- slots ----------------------------------------------------------------------------------- */

mw_status mw_record_tell_slot(mw_record *record, const mw_shared_watch *watch,
                              const mw_shared_slot *slot, mw_error *err)
{
    mw_view counts = to_hex(record, slot->counts, err);
    if (!counts.data)
        return MW_NO_MEMORY;
    return mw_sql_run(record->session, err,
                      "INSERT INTO watch_slots(endpoint, identity, span, bucket, server, reference,"
                      " n_rows, counts, told) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT(endpoint, identity, span, bucket, server) DO UPDATE SET"
                      " reference = excluded.reference, n_rows = excluded.n_rows,"
                      " counts = excluded.counts, told = excluded.told",
                      "ttiitiiti", watch->endpoint, watch->identity, slot->span, slot->bucket,
                      watch->server, (int64_t)watch->reference, (int64_t)slot->rows, counts,
                      slot->told);
}

mw_status mw_record_trim_slots(mw_record *record, const mw_shared_watch *watch, int64_t span,
                               int64_t bucket, mw_error *err)
{
    return mw_sql_run(record->session, err,
                      "DELETE FROM watch_slots WHERE endpoint = ? AND identity = ? AND span = ?"
                      " AND bucket < ? AND server = ?",
                      "ttiit", watch->endpoint, watch->identity, span, bucket, watch->server);
}

mw_status mw_record_forget_servers(mw_record *record, int64_t long_ago, mw_error *err)
{
    MW_TRY(
        mw_sql_run(record->session, err, "DELETE FROM watch_slots WHERE told < ?", "i", long_ago));
    MW_TRY(
        mw_sql_run(record->session, err, "DELETE FROM watch_values WHERE told < ?", "i", long_ago));
    return mw_sql_run(record->session, err,
                      "DELETE FROM watch_references WHERE made < ? AND NOT EXISTS"
                      " (SELECT 1 FROM watch_slots s WHERE s.endpoint = watch_references.endpoint"
                      " AND s.identity = watch_references.identity)",
                      "i", long_ago);
}

mw_status mw_record_last_told(mw_record *record, mw_view server, int64_t *ret_told, mw_error *err)
{
    mw_rows rows;
    *ret_told = 0;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT coalesce(max(told), 0) FROM watch_slots WHERE server = ?", "t",
                        server));
    if (mw_rows_next(&rows))
        *ret_told = mw_rows_int(&rows, 0);
    return mw_rows_close(&rows, err);
}

/* ---- others ---------------------------------------------------------------------------------- */

mw_status mw_record_sharing_servers(mw_record *record, const mw_shared_watch *watch,
                                    mw_sharing_servers *ret_servers, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_sharing_servers found = {0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT server, reference, max(told),"
                        " coalesce(sum(CASE WHEN span = 2 THEN n_rows END), 0)"
                        " FROM watch_slots WHERE endpoint = ?"
                        " AND identity = ? AND server <> ? GROUP BY server, reference"
                        " ORDER BY server",
                        "ttt", watch->endpoint, watch->identity, watch->server));
    while (mw_rows_next(&rows)) {
        mw_sharing_server *one = RECORD_PUSH(&memory, &found);
        if (!one)
            break;
        *one = (mw_sharing_server){.server = record_column(&memory, &rows, 0),
                                   .is_apart = (uint64_t)mw_rows_int(&rows, 1) != watch->reference,
                                   .told = mw_rows_int(&rows, 2),
                                   .rows = (uint64_t)mw_rows_int(&rows, 3)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_servers = found;
    return MW_OK;
}

mw_status mw_record_told_since(mw_record *record, const mw_shared_watch *watch, mw_view server,
                               int64_t since, mw_shared_slots *ret_slots, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_shared_slots found = {0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT span, bucket, told FROM watch_slots WHERE endpoint = ?"
                        " AND identity = ? AND server = ? AND reference = ? AND told > ?",
                        "tttii", watch->endpoint, watch->identity, server,
                        (int64_t)watch->reference, since));
    while (mw_rows_next(&rows)) {
        mw_shared_slot *slot = RECORD_PUSH(&memory, &found);
        if (!slot)
            break;
        *slot = (mw_shared_slot){.span = mw_rows_int(&rows, 0),
                                 .bucket = mw_rows_int(&rows, 1),
                                 .told = mw_rows_int(&rows, 2)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_slots = found;
    return MW_OK;
}

mw_status mw_record_hear_slot(mw_record *record, const mw_shared_watch *watch, int64_t span,
                              int64_t bucket, mw_shared_slots *ret_slots, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_shared_slots found = {0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT n_rows, counts, told FROM watch_slots WHERE endpoint = ?"
                        " AND identity = ? AND span = ? AND bucket = ? AND server <> ?"
                        " AND reference = ?",
                        "ttiiti", watch->endpoint, watch->identity, span, bucket, watch->server,
                        (int64_t)watch->reference));
    while (mw_rows_next(&rows)) {
        mw_shared_slot *slot = RECORD_PUSH(&memory, &found);
        if (!slot)
            break;
        *slot = (mw_shared_slot){.span = span,
                                 .bucket = bucket,
                                 .rows = (uint64_t)mw_rows_int(&rows, 0),
                                 .counts = from_hex(&memory, mw_rows_text(&rows, 1)),
                                 .told = mw_rows_int(&rows, 2)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_slots = found;
    return MW_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

mw_status mw_record_tell_values(mw_record *record, const mw_shared_watch *watch, int64_t told,
                                mw_view sketches, mw_error *err)
{
    mw_view text = to_hex(record, sketches, err);
    if (!text.data)
        return MW_NO_MEMORY;
    return mw_sql_run(record->session, err,
                      "INSERT INTO watch_values(endpoint, identity, server, reference, told,"
                      " sketches) VALUES(?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT(endpoint, identity, server) DO UPDATE SET"
                      " reference = excluded.reference, told = excluded.told,"
                      " sketches = excluded.sketches",
                      "tttiit", watch->endpoint, watch->identity, watch->server,
                      (int64_t)watch->reference, told, text);
}

mw_status mw_record_hear_values(mw_record *record, const mw_shared_watch *watch, mw_view server,
                                int64_t since, int64_t *ret_told, mw_view *ret_sketches,
                                mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    *ret_sketches = RECORD_NOTHING;
    *ret_told = since;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT told, sketches FROM watch_values WHERE endpoint = ?"
                        " AND identity = ? AND server = ? AND reference = ? AND told > ?",
                        "tttii", watch->endpoint, watch->identity, server,
                        (int64_t)watch->reference, since));
    if (mw_rows_next(&rows)) {
        *ret_told = mw_rows_int(&rows, 0);
        *ret_sketches = from_hex(&memory, mw_rows_text(&rows, 1));
    }
    return record_close(&rows, &memory, err);
}

/* ---- labels ---------------------------------------------------------------------------------- */

mw_status mw_record_pass_labels(mw_record *record, mw_view server, mw_view labels, mw_error *err)
{
    mw_view text = to_hex(record, labels, err);
    if (!text.data)
        return MW_NO_MEMORY;
    return mw_sql_run(record->session, err,
                      "INSERT INTO passed_labels(server, told, labels) VALUES(?, ?, ?)", "tit",
                      server, mw_clock_wall_ms(), text);
}

mw_status mw_record_tell_labels(mw_record *record, mw_view server, mw_view labels, mw_error *err)
{
    mw_view text = to_hex(record, labels, err);
    if (!text.data)
        return MW_NO_MEMORY;
    return mw_sql_run(record->session, err,
                      "INSERT INTO told_labels(server, told, labels, size) VALUES(?, ?, ?, ?)",
                      "titi", server, mw_clock_wall_ms(), text, (int64_t)labels.size);
}

/* sql: of id and labels, behind an id, of other servers. */
static mw_status next_labels(mw_record *record, const char *sql, mw_view server, int64_t id,
                             mw_passed_labels ret[MW_RECORD_LABELS_AT_ONCE], size_t *ret_n,
                             mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    *ret_n = 0;
    MW_TRY(mw_rows_open(record->session, &rows, err, sql, "it", id, server));
    while (*ret_n < MW_RECORD_LABELS_AT_ONCE && mw_rows_next(&rows))
        ret[(*ret_n)++] =
            (mw_passed_labels){mw_rows_int(&rows, 0), from_hex(&memory, mw_rows_text(&rows, 1))};
    return record_close(&rows, &memory, err);
}

mw_status mw_record_passed_labels(mw_record *record, mw_view server, int64_t id,
                                  mw_passed_labels ret_labels[MW_RECORD_LABELS_AT_ONCE],
                                  size_t *ret_n, mw_error *err)
{
    return next_labels(record,
                       "SELECT id, labels FROM passed_labels WHERE id > ? AND server <> ?"
                       " ORDER BY id LIMIT 8",
                       server, id, ret_labels, ret_n, err);
}

mw_status mw_record_told_labels(mw_record *record, mw_view server, int64_t id,
                                mw_passed_labels ret_labels[MW_RECORD_LABELS_AT_ONCE],
                                size_t *ret_n, mw_error *err)
{
    return next_labels(record,
                       "SELECT id, labels FROM told_labels WHERE id > ? AND server <> ?"
                       " ORDER BY id LIMIT 8",
                       server, id, ret_labels, ret_n, err);
}

mw_status mw_record_drop_labels(mw_record *record, int64_t passed_before_ms, int64_t told_before_ms,
                                int64_t told_bytes_max, mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM passed_labels WHERE told < ?", "i",
                      passed_before_ms));
    return mw_sql_run(record->session, err,
                      "DELETE FROM told_labels WHERE told < ? OR id <= (SELECT coalesce(max(id), 0)"
                      " FROM (SELECT id, sum(size) OVER (ORDER BY id DESC) AS bytes"
                      " FROM told_labels) AS summed WHERE bytes > ?)",
                      "ii", told_before_ms, told_bytes_max);
}
