/* audit: what was changed in a record, by whom; and whether the log says so truly. */
#include "record_door.h"
#include "scores.h"

enum { TEXT_BYTES_MAX = 1 << 30, ENTRIES_A_TIME = 1000 };

/* ---- list ------------------------------------------------------------------------------------ */

typedef struct listing {
    mw_audit_query query;
    mw_audit_entries found;
} listing;

static mw_status load(mw_record *record, void *given, mw_error *err)
{
    listing *l = given;
    return mw_record_audit(record, &l->query, &l->found, err);
}

/* Tabs and line ends of what people wrote would break the columns. */
static void put_plain(mw_buf *out, mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        mw_buf_char(out, (unsigned char)text.data[i] < 0x20 ? ' ' : text.data[i]);
}

static void text_entry(mw_buf *out, const mw_audit_entry *entry)
{
    mw_buf_format(out, "%lld\t", (long long)entry->seq);
    cli_write_when(out, entry->time);
    mw_buf_char(out, '\t');
    put_plain(out, entry->actor);
    mw_buf_char(out, '\t');
    put_plain(out, entry->from);
    mw_buf_char(out, '\t');
    put_plain(out, entry->action);
    mw_buf_char(out, '\t');
    put_plain(out, entry->object);
    mw_buf_char(out, '\t');
    put_plain(out, entry->before.data ? entry->before : MW_VIEW("-"));
    mw_buf_text(out, " -> ");
    put_plain(out, entry->after.data ? entry->after : MW_VIEW("-"));
    mw_buf_char(out, '\n');
}

static void put_cell(mw_buf *out, mw_view text, char end)
{
    cli_csv_text(out, text);
    mw_buf_char(out, end);
}

static void csv_entry(mw_buf *out, const mw_audit_entry *entry)
{
    mw_buf_format(out, "%lld,", (long long)entry->seq);
    cli_write_when(out, entry->time);
    mw_buf_char(out, ',');
    put_cell(out, entry->actor, ',');
    put_cell(out, entry->from, ',');
    put_cell(out, entry->request, ',');
    put_cell(out, entry->action, ',');
    put_cell(out, entry->object, ',');
    put_cell(out, entry->before, ',');
    put_cell(out, entry->after, ',');
    put_cell(out, entry->hash, '\n');
}

/* As it is hashed, with its hash behind. */
static void json_entry(mw_buf *out, const mw_audit_entry *entry)
{
    mw_audit_write(entry, out);
    out->data[--out->size] = '\0';
    mw_buf_format(out, ",\"hash\":\"%.*s\"}\n", MW_VIEW_ARG(entry->hash));
}

static mw_status write_all(cli_call *call, cli_record_door *door, listing *l, int64_t limit,
                           mw_buf *out, mw_error *err)
{
    static void (*const writers[])(mw_buf *, const mw_audit_entry *) = {text_entry, csv_entry,
                                                                        json_entry};
    uint64_t format = call->settings[CLI_REPORT_FORMAT].number;
    if (format == CLI_REPORT_CSV)
        mw_buf_text(out, "seq,time,actor,from,request,action,object,before,after,hash\n");
    for (int64_t n = 0; n < limit;) {
        l->query.max = limit - n < ENTRIES_A_TIME ? limit - n : ENTRIES_A_TIME;
        MW_TRY(cli_door_read(door, load, l, err));
        for (size_t i = 0; i < l->found.count; i++)
            writers[format](out, &l->found.items[i]);
        n += (int64_t)l->found.count;
        if ((int64_t)l->found.count < l->query.max)
            break;
        l->query.before_seq = l->found.items[l->found.count - 1].seq;
        mw_arena_reset(&door->arena);
    }
    return MW_OK;
}

mw_status cli_run_audit_list(cli_call *call, mw_error *err)
{
    mw_buf out;
    cli_record_door door;
    const cli_setting *settings = call->settings;
    listing l = {.query = {.who = mw_view_of(settings[CLI_WHO].text),
                           .what = mw_view_of(settings[CLI_WHAT].text)}};
    if (settings[CLI_SINCE].text)
        MW_TRY(cli_read_moment(settings[CLI_SINCE].text, false, &l.query.since, err));
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = write_all(call, &door, &l, (int64_t)settings[CLI_ENTRIES].number, &out, err);
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    cli_door_close(&door);
    mw_buf_done(&out);
    return status;
}

/* ---- verify ---------------------------------------------------------------------------------- */

typedef struct verifying {
    mw_view head;
    mw_audit_verdict verdict;
} verifying;

static mw_status verify(mw_record *record, void *given, mw_error *err)
{
    verifying *v = given;
    return mw_record_verify_audit(record, v->head, &v->verdict, err);
}

static void write_verdict(const cli_call *call, const verifying *v, bool fits, mw_buf *out)
{
    const mw_audit_verdict *verdict = &v->verdict;
    if (cli_is_on(call, CLI_JSON)) {
        mw_buf_format(out, "{\"whole\":%s,\"entries\":%lld,\"head\":\"%s\"",
                      fits ? "true" : "false", (long long)verdict->n_entries, verdict->head);
        if (!verdict->is_whole)
            mw_buf_format(out, ",\"broken_at\":%lld,\"fault\":\"%s\"",
                          (long long)verdict->broken_seq, verdict->fault);
        mw_buf_text(out, "}\n");
        return;
    }
    if (!verdict->is_whole)
        mw_buf_format(out, "broken at entry %lld: %s\n", (long long)verdict->broken_seq,
                      verdict->fault);
    else if (!fits)
        mw_buf_format(out,
                      "the head %.*s is not in the log: it was written anew, or is another's\n",
                      MW_VIEW_ARG(v->head));
    else
        mw_buf_format(out, "whole\t%lld entries\thead %s\n", (long long)verdict->n_entries,
                      verdict->n_entries ? verdict->head : "-");
}

mw_status cli_run_audit_verify(cli_call *call, mw_error *err)
{
    mw_buf out;
    cli_record_door door;
    verifying v = {.head = mw_view_of(call->settings[CLI_HEAD].text)};
    mw_buf_init(&out, MW_KIB);
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = cli_door_read(&door, verify, &v, err);
    if (status == MW_OK) {
        bool fits = v.verdict.is_whole && (!v.head.data || v.verdict.saw_head);
        write_verdict(call, &v, fits, &out);
        status = cli_put(call, &out, err);
        call->exit_code = fits ? CLI_EXIT_OK : CLI_EXIT_NO;
    }
    cli_door_close(&door);
    mw_buf_done(&out);
    return status;
}
