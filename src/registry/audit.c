/* The chain: written at its end, read, walked. */
#include "record.h"

enum { AUDIT_TEXT_BYTES = 500, ENTRY_BYTES_MAX = 64 * 1024 };

static const char zeros[MW_AUDIT_HASH_BYTES] =
    "0000000000000000000000000000000000000000000000000000000000000000";

#define COLUMNS "seq, time, actor, origin, request, action, object, before, after, prev, hash"

/* ---- one entry ------------------------------------------------------------------------------- */

static void write_member(mw_buf *out, const char *name, mw_view text)
{
    mw_buf_format(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",", name);
    if (text.data)
        mw_json_write_text(out, text);
    else
        mw_buf_text(out, "null");
}

/* RFC 8785: members in the order of their names, no blanks, whole numbers as they are. */
void mw_audit_write(const mw_audit_entry *entry, mw_buf *out)
{
    mw_buf_char(out, '{');
    write_member(out, "action", entry->action);
    write_member(out, "actor", entry->actor);
    write_member(out, "after", entry->after);
    write_member(out, "before", entry->before);
    write_member(out, "from", entry->from);
    write_member(out, "object", entry->object);
    write_member(out, "prev", entry->prev);
    write_member(out, "request", entry->request);
    mw_buf_format(out, ",\"seq\":%lld,\"time\":%lld}", (long long)entry->seq,
                  (long long)entry->time);
}

static mw_status hash_entry(const mw_audit_entry *entry, mw_buf *room,
                            char ret_hash[MW_AUDIT_HASH_BYTES], mw_error *err)
{
    mw_buf_reset(room);
    mw_audit_write(entry, room);
    if (room->failed)
        return mw_fail_memory(err, "the audit log");
    mw_digest_of(mw_buf_as_view(room), ret_hash);
    return MW_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static mw_status read_head(mw_record *record, int64_t *ret_seq, char ret_hash[MW_AUDIT_HASH_BYTES],
                           mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT seq, hash FROM audit_head", ""));
    *ret_seq = 0;
    memcpy(ret_hash, zeros, sizeof zeros);
    if (mw_rows_next(&rows)) {
        mw_view hash = mw_rows_text(&rows, 1);
        *ret_seq = mw_rows_int(&rows, 0);
        snprintf(ret_hash, MW_AUDIT_HASH_BYTES, "%.*s", MW_VIEW_ARG(hash));
    }
    return mw_rows_close(&rows, err);
}

static mw_view or_dash(mw_view text)
{
    return text.size > 0 ? text : MW_VIEW("-");
}

/* Whole characters, and an ellipsis that says there was more. */
static mw_view shorten(record_memory *memory, mw_view text)
{
    if (!text.data || text.size <= AUDIT_TEXT_BYTES)
        return text;
    size_t size = AUDIT_TEXT_BYTES;
    while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
        size--;
    char cut[AUDIT_TEXT_BYTES + 8];
    int n = snprintf(cut, sizeof cut, "%.*s...", (int)size, text.data);
    return record_keep(memory, (mw_view){cut, (size_t)n});
}

mw_status mw_record_note(mw_record *record, const char *action, mw_view object, mw_view before,
                         mw_view after, mw_error *err)
{
    static const mw_actor nobody;
    char prev[MW_AUDIT_HASH_BYTES], hash[MW_AUDIT_HASH_BYTES];
    int64_t last;
    mw_buf room;
    record_memory memory = {record->arena, false};
    const mw_actor *actor = record->actor ? record->actor : &nobody;
    MW_TRY(read_head(record, &last, prev, err));
    mw_audit_entry entry = {
        .seq = last + 1,
        .time = mw_clock_wall_ms(),
        .actor = or_dash(shorten(&memory, actor->name)),
        .from = or_dash(actor->from),
        .request = or_dash(actor->request_id),
        .action = mw_view_of(action),
        .object = or_dash(shorten(&memory, object)),
        .before = shorten(&memory, before),
        .after = shorten(&memory, after),
        .prev = mw_view_of(prev),
    };
    mw_buf_init(&room, ENTRY_BYTES_MAX);
    mw_status status =
        memory.failed ? mw_fail_memory(err, "the audit log") : hash_entry(&entry, &room, hash, err);
    mw_buf_done(&room);
    MW_TRY(status);
    MW_TRY(mw_sql_post(record->session, err,
                       "INSERT INTO audit(" COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       "iittttttttt", entry.seq, entry.time, entry.actor, entry.from, entry.request,
                       entry.action, entry.object, entry.before, entry.after, entry.prev,
                       mw_view_of(hash)));
    return mw_sql_post(record->session, err,
                       "INSERT INTO audit_head(id, seq, hash) VALUES(1, ?, ?)"
                       " ON CONFLICT(id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
                       "it", entry.seq, mw_view_of(hash));
}

mw_view record_words(mw_record *record, const char *format, ...)
{
    char text[2 * AUDIT_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t fits = size < 0 ? 0 : (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    const char *kept = mw_arena_text(record->arena, (mw_view){text, fits});
    return kept ? (mw_view){kept, fits} : MW_VIEW("(no memory)");
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Texts stay valid until the next row. */
static mw_audit_entry read_row(const mw_rows *rows)
{
    return (mw_audit_entry){
        .seq = mw_rows_int(rows, 0),
        .time = mw_rows_int(rows, 1),
        .actor = mw_rows_text(rows, 2),
        .from = mw_rows_text(rows, 3),
        .request = mw_rows_text(rows, 4),
        .action = mw_rows_text(rows, 5),
        .object = mw_rows_text(rows, 6),
        .before = mw_rows_text(rows, 7),
        .after = mw_rows_text(rows, 8),
        .prev = mw_rows_text(rows, 9),
        .hash = mw_rows_text(rows, 10),
    };
}

static mw_audit_entry keep_entry(record_memory *memory, const mw_audit_entry *entry)
{
    return (mw_audit_entry){
        .seq = entry->seq,
        .time = entry->time,
        .actor = record_keep(memory, entry->actor),
        .from = record_keep(memory, entry->from),
        .request = record_keep(memory, entry->request),
        .action = record_keep(memory, entry->action),
        .object = record_keep(memory, entry->object),
        .before = record_keep(memory, entry->before),
        .after = record_keep(memory, entry->after),
        .prev = record_keep(memory, entry->prev),
        .hash = record_keep(memory, entry->hash),
    };
}

mw_status mw_record_audit(mw_record *record, const mw_audit_query *query,
                          mw_audit_entries *ret_entries, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_audit_entries entries = {0};
    int64_t below = query->before_seq > 0 ? query->before_seq : INT64_MAX;
    MW_TRY(mw_rows_open(
        record->session, &rows, err,
        "SELECT " COLUMNS " FROM audit WHERE seq < ?1 AND time >= ?2 AND (?3 IS NULL OR actor = ?3)"
        " AND (?4 IS NULL OR substr(action, 1, length(?4)) = ?4) ORDER BY seq DESC LIMIT ?5",
        "iitti", below, query->since, query->who, query->what, query->max));
    while (mw_rows_next(&rows)) {
        mw_audit_entry *entry = RECORD_PUSH(&memory, &entries);
        if (!entry)
            break;
        mw_audit_entry row = read_row(&rows);
        *entry = keep_entry(&memory, &row);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_entries = entries;
    return MW_OK;
}

/* ---- verifying ------------------------------------------------------------------------------- */

typedef struct walk {
    mw_audit_verdict *verdict;
    int64_t seq; /* of the entry before */
    char prev[MW_AUDIT_HASH_BYTES];
} walk;

static const char *fault_of(const walk *w, const mw_audit_entry *entry, const char *hash)
{
    if (entry->seq != w->seq + 1)
        return "the entry before it is missing";
    if (!mw_view_is(entry->prev, w->prev))
        return "it does not follow the entry before it";
    return mw_view_is(entry->hash, hash) ? NULL : "it was edited";
}

static mw_status see_entry(walk *w, const mw_audit_entry *entry, mw_view head, mw_buf *room,
                           mw_error *err)
{
    char hash[MW_AUDIT_HASH_BYTES];
    mw_audit_verdict *verdict = w->verdict;
    MW_TRY(hash_entry(entry, room, hash, err));
    const char *fault = fault_of(w, entry, hash);
    if (fault && verdict->is_whole) {
        verdict->is_whole = false;
        verdict->broken_seq = entry->seq;
        verdict->fault = fault;
    }
    verdict->saw_head = verdict->saw_head || (verdict->is_whole && mw_view_is(head, hash));
    verdict->n_entries++;
    w->seq = entry->seq;
    snprintf(w->prev, sizeof w->prev, "%.*s", MW_VIEW_ARG(entry->hash));
    return MW_OK;
}

static mw_status walk_all(mw_record *record, walk *w, mw_view head, mw_buf *room, mw_error *err)
{
    mw_rows rows;
    mw_status status = MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT " COLUMNS " FROM audit ORDER BY seq",
                        ""));
    while (status == MW_OK && mw_rows_next(&rows)) {
        mw_audit_entry entry = read_row(&rows);
        status = see_entry(w, &entry, head, room, err);
    }
    if (status != MW_OK) {
        (void)!mw_rows_close(&rows, NULL);
        return status;
    }
    return mw_rows_close(&rows, err);
}

mw_status mw_record_verify_audit(mw_record *record, mw_view head, mw_audit_verdict *ret_verdict,
                                 mw_error *err)
{
    mw_buf room;
    char kept[MW_AUDIT_HASH_BYTES];
    int64_t last;
    mw_audit_verdict verdict = {.is_whole = true};
    walk w = {.verdict = &verdict};
    memcpy(w.prev, zeros, sizeof zeros);
    MW_TRY(read_head(record, &last, kept, err));
    mw_buf_init(&room, ENTRY_BYTES_MAX);
    mw_status status = walk_all(record, &w, head, &room, err);
    mw_buf_done(&room);
    MW_TRY(status);
    if (verdict.is_whole && (last != w.seq || strcmp(kept, w.prev) != 0)) {
        verdict.is_whole = false;
        verdict.broken_seq = w.seq + 1;
        verdict.fault = last > w.seq ? "the last entries are missing"
                                     : "the head that is kept beside the log is another";
    }
    if (verdict.n_entries > 0)
        memcpy(verdict.head, w.prev, sizeof verdict.head);
    *ret_verdict = verdict;
    return MW_OK;
}
