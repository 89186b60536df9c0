/* Reports by the clock: a thread that makes what is due and puts it into the outbox.
 *
 *     due, and nobody else has it --lease, on the disk--> made (seconds) --one transaction-->
 *         letters in the outbox, and it is done      not made: 1, 2, 4 ... 60 minutes later again
 *
 * What was due while no server ran is made when one runs again. A report that stands in the file
 * for the first time is due at its next moment, not at the last one. */
#include <errno.h>

#include "engine.h"
#include "read.h"

enum {
    LEASE_MS = 300000,
    FIRST_PAUSE_MS = 60000,
    LAST_PAUSE_MS = 3600000,
    LOOK_SECONDS = 5,
    NAME_BYTES = 1024,
    ARENA_BYTES = 96 << 20,
    TOKEN_BYTES = 8192
};

typedef struct issue {
    mw_alerts *alerts;
    const alert_sheet *sheet;
    mw_arena *arena;
    char name[NAME_BYTES];
    int64_t now_ms;
    book_sheet row;
    bool is_due;
    mw_alert_report report;
} issue;

/* What it is about and when: another time is another sheet, which begins anew. */
static void write_name(const alert_sheet *sheet, char name[NAME_BYTES])
{
    int size = snprintf(name, NAME_BYTES, "%.*s %.*s %.*s %.*s", MW_VIEW_ARG(sheet->kind),
                        MW_VIEW_ARG(sheet->of), MW_VIEW_ARG(sheet->on_text),
                        MW_VIEW_ARG(sheet->zone_text));
    for (size_t i = 0; i < sheet->to.count && size < NAME_BYTES; i++)
        size += snprintf(name + size, NAME_BYTES - (size_t)size, " %.*s",
                         MW_VIEW_ARG(sheet->to.items[i]));
}

static mw_status claim(mw_sql *session, void *given, mw_error *err)
{
    issue *i = given;
    int64_t last_ms = alert_sheet_last(i->sheet, i->now_ms);
    MW_TRY(book_sheet_of(session, mw_view_of(i->name), i->arena, &i->row, err));
    i->is_due = false;
    if (!i->row.is_there || i->row.slot_ms < last_ms) {
        bool is_first = !i->row.is_there;
        i->row = (book_sheet){true, is_first, last_ms, i->now_ms, 0, MW_VIEW("")};
        if (is_first)
            return book_sheet_put(session, mw_view_of(i->name), &i->row, err);
    }
    i->is_due = !i->row.is_done && i->row.next_ms <= i->now_ms;
    if (!i->is_due)
        return MW_OK;
    i->row.next_ms = i->now_ms + LEASE_MS;
    i->row.tries++;
    return book_sheet_put(session, mw_view_of(i->name), &i->row, err);
}

static mw_status finish(mw_sql *session, void *given, mw_error *err)
{
    issue *i = given;
    for (size_t k = 0; k < i->sheet->to.count; k++) {
        const alert_receiver *receiver = alerts_find_receiver(i->alerts, i->sheet->to.items[k]);
        if (!receiver) {
            mw_fail(err, MW_E_ALERT_UNKNOWN, "there is no receiver '%.*s'",
                    MW_VIEW_ARG(i->sheet->to.items[k]));
            return mw_mend(err, "name one of 'alerts: receivers:' under to:");
        }
        MW_TRY(alerts_post_report(session, i->alerts, receiver, &i->report, i->now_ms, err));
    }
    i->row.is_done = true;
    i->row.error = MW_VIEW("");
    return book_sheet_put(session, mw_view_of(i->name), &i->row, err);
}

static mw_status note_failure(mw_sql *session, void *given, mw_error *err)
{
    issue *i = given;
    i->row.next_ms =
        i->now_ms + mw_letter_pause_ms(i->row.tries - 1, FIRST_PAUSE_MS, LAST_PAUSE_MS);
    return book_sheet_put(session, mw_view_of(i->name), &i->row, err);
}

static mw_status make(issue *i, mw_error *err)
{
    mw_buf token;
    const alert_sheet *sheet = i->sheet;
    const mw_alert_reporter *reporter = &i->alerts->reporter;
    mw_buf_init(&token, TOKEN_BYTES);
    mw_status status = alert_secret(sheet->token_file, sheet->token_env, &token, err);
    if (status == MW_OK)
        status = reporter->make(reporter->user, sheet->kind, sheet->of, mw_buf_as_view(&token),
                                i->arena, &i->report, err);
    alert_wipe(&token);
    if (status != MW_OK)
        return status;
    pthread_mutex_lock(&i->alerts->lock); /* receivers stay who they are */
    status = alerts_write(i->alerts, finish, i, err);
    if (status == MW_OK)
        alerts_wake_couriers(i->alerts);
    pthread_mutex_unlock(&i->alerts->lock);
    return status;
}

/* Those who read the log are told once an attempt, and what is said stays to be asked for. */
static mw_status tell_failure(issue *i, const mw_error *why, mw_error *err)
{
    mw_buf text;
    mw_log_error(MW_LOG_WARN, "a report by the clock is not made; it is tried again later", why);
    mw_buf_init(&text, MW_KIB);
    mw_error_sentence(why, &text);
    i->row.error = mw_buf_as_view(&text);
    i->now_ms = mw_clock_wall_ms();
    mw_status status = alerts_write(i->alerts, note_failure, i, err);
    mw_buf_done(&text);
    return status;
}

static mw_status issue_one(mw_alerts *alerts, const alert_sheet *sheet, mw_arena *arena,
                           bool *ret_was_made, mw_error *err)
{
    mw_error why;
    issue i = {.alerts = alerts, .sheet = sheet, .arena = arena, .now_ms = mw_clock_wall_ms()};
    *ret_was_made = false;
    write_name(sheet, i.name);
    MW_TRY(alerts_write(alerts, claim, &i, err));
    if (!i.is_due)
        return MW_OK;
    if (make(&i, &why) != MW_OK) {
        alerts_note_change(alerts);
        return tell_failure(&i, &why, err);
    }
    mw_log(MW_LOG_INFO, "report %.*s is made and goes to %zu receivers", MW_VIEW_ARG(i.report.id),
           sheet->to.count);
    alerts_note_change(alerts);
    *ret_was_made = true;
    return MW_OK;
}

mw_status mw_alerts_issue(mw_alerts *alerts, size_t *ret_count, mw_error *err)
{
    *ret_count = 0;
    for (const alert_sheet *sheet = alerts->config->sheets; sheet && alerts->reporter.make;
         sheet = sheet->next) {
        mw_arena arena;
        bool was_made;
        mw_arena_init(&arena, 64 * MW_KIB, ARENA_BYTES);
        mw_status status = issue_one(alerts, sheet, &arena, &was_made, err);
        mw_arena_done(&arena);
        MW_TRY(status);
        *ret_count += was_made;
    }
    return MW_OK;
}

void mw_alerts_set_reporter(mw_alerts *alerts, const mw_alert_reporter *reporter)
{
    alerts->reporter = *reporter;
}

/* The lock is held. */
static void wait(mw_alerts *alerts)
{
    struct timespec until = mw_moment_in(LOOK_SECONDS * 1000);
    while (!alerts->is_ending &&
           pthread_cond_timedwait(&alerts->wakes, &alerts->lock, &until) != ETIMEDOUT)
        continue;
}

void *alerts_run_clerk(void *given)
{
    mw_alerts *alerts = given;
    mw_thread_give_way();
    pthread_mutex_lock(&alerts->lock);
    while (!alerts->is_ending) {
        mw_error err;
        size_t n;
        pthread_mutex_unlock(&alerts->lock);
        if (mw_alerts_issue(alerts, &n, &err) != MW_OK)
            mw_log_error(MW_LOG_ERROR, "reports by the clock cannot be looked at", &err);
        pthread_mutex_lock(&alerts->lock);
        wait(alerts);
    }
    pthread_mutex_unlock(&alerts->lock);
    return NULL;
}

/* ---- for people ------------------------------------------------------------------------------ */

typedef struct telling {
    const mw_alerts *alerts;
    mw_arena *arena;
    mw_buf *out;
} telling;

static void put_sheet(const alert_sheet *sheet, const book_sheet *row, mw_buf *out)
{
    mw_view zone = sheet->zone_text.data ? sheet->zone_text : MW_VIEW("UTC");
    const struct {
        const char *before;
        mw_view text;
    } texts[] = {{"{\"kind\":", sheet->kind},
                 {",\"of\":", sheet->of},
                 {",\"on\":", sheet->on_text},
                 {",\"time_zone\":", zone},
                 {",\"last_error\":", row->error}};
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        mw_buf_text(out, texts[i].before);
        mw_json_write_text(out, texts[i].text);
    }
    mw_buf_text(out, ",\"to\":[");
    for (size_t i = 0; i < sheet->to.count; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, sheet->to.items[i]);
    }
    mw_buf_format(out, "],\"done\":%s", !row->is_there || row->is_done ? "true" : "false");
    tell_time(out, "last", row->slot_ms);
    tell_time(out, "next", alert_sheet_next(sheet, mw_clock_wall_ms()));
    mw_buf_char(out, '}');
}

static mw_status tell_sheets(mw_sql *session, void *given, mw_error *err)
{
    const telling *t = given;
    mw_buf_char(t->out, '[');
    for (const alert_sheet *sheet = t->alerts->config->sheets; sheet; sheet = sheet->next) {
        book_sheet row;
        char name[NAME_BYTES];
        write_name(sheet, name);
        MW_TRY(book_sheet_of(session, mw_view_of(name), t->arena, &row, err));
        mw_buf_text(t->out, sheet == t->alerts->config->sheets ? "" : ",\n");
        put_sheet(sheet, &row, t->out);
    }
    mw_buf_char(t->out, ']');
    return MW_OK;
}

mw_status mw_alerts_timetable(mw_alerts *alerts, mw_buf *out, mw_error *err)
{
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    telling t = {alerts, &arena, out};
    mw_status status = alerts_read(alerts, tell_sheets, &t, err);
    mw_arena_done(&arena);
    return status;
}
