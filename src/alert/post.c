/* One transaction: what changed is written down, and who must be told gets a letter.
 *
 * Who is told what follows from the book alone: for each receiver, what it was told last and what
 * is so now. So an ended silence, a new receiver or a restart need no code of their own. */
#include <stdlib.h>

#include "engine.h"

enum { GROUP_BYTES = 512, ALERTMANAGER_REPEAT_MS = 60000 };

/* ---- silences -------------------------------------------------------------------------------- */

/* Matchers ask for few labels: only these are looked up. */
static bool match_labels(const expr_matchers *matchers, const mw_json *labels)
{
    alert_label found[ALERT_WORDS_MAX];
    size_t n = 0;
    for (; n < matchers->count && n < ALERT_WORDS_MAX; n++) {
        mw_view name = matchers->items[n].label; /* NUL-ended */
        found[n] = (alert_label){name, mw_json_text(mw_json_member(labels, name.data))};
    }
    return expr_matchers_hold(matchers, (alert_labels){found, n});
}

static bool match_text(const expr_matchers *matchers, mw_view labels)
{
    mw_json *root;
    mw_error err;
    if (mw_json_read(labels, &root, &err) != MW_OK)
        return false;
    bool fits = match_labels(matchers, root);
    mw_json_free(root);
    return fits;
}

mw_status alerts_read_silences(book_silences *silences, mw_arena *arena, mw_error *err)
{
    size_t at;
    for (size_t i = 0; i < silences->count; i++)
        MW_TRY(alert_matchers_read(silences->items[i].match, arena, &silences->items[i].matchers,
                                   &at, err));
    return MW_OK;
}

void alerts_done_silences(book_silences *silences)
{
    for (size_t i = 0; i < silences->count; i++)
        alert_matchers_done(&silences->items[i].matchers);
}

bool alerts_is_silenced(const book_silences *silences, mw_view labels)
{
    for (size_t i = 0; i < silences->count; i++)
        if (match_text(&silences->items[i].matchers, labels))
            return true;
    return false;
}

/* ---- letters --------------------------------------------------------------------------------- */

mw_status alerts_post(mw_sql *session, mw_alerts *alerts, const tell_notice *notice, mw_error *err)
{
    mw_buf subject, body;
    mw_buf_init(&subject, 16 * MW_KIB);
    mw_buf_init(&body, 16 * MW_MIB);
    tell_subject(notice, &subject);
    tell_body(notice, &body);
    book_letter letter = {.created_ms = notice->now_ms,
                          .receiver = notice->receiver->name,
                          .group = notice->group,
                          .key = notice->key,
                          .subject = mw_buf_as_view(&subject),
                          .body = mw_buf_as_view(&body)};
    mw_status status = subject.failed || body.failed ? mw_fail_memory(err, "a notification")
                                                     : book_post(session, &letter, err);
    mw_buf_done(&subject);
    mw_buf_done(&body);
    (void)alerts;
    return status;
}

/* The same for the same alerts in the same states at the same time. */
static void write_key(const alert_receiver *receiver, const book_alert *const *alerts, size_t n,
                      int64_t now_ms, char key[MW_DIGEST_TEXT_BYTES])
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    mw_buf_format(&text, "%.*s %lld", MW_VIEW_ARG(receiver->name), (long long)now_ms);
    for (size_t i = 0; i < n; i++)
        mw_buf_format(&text, " %.*s:%lld:%d", MW_VIEW_ARG(alerts[i]->fingerprint),
                      (long long)alerts[i]->fired_ms, alerts[i]->is_firing);
    mw_digest_of(mw_buf_as_view(&text), key);
    key[32] = '\0'; /* 128 bits */
    mw_buf_done(&text);
}

/* ---- who is told ----------------------------------------------------------------------------- */

typedef enum due { DUE_NOT, DUE_WITH_OTHERS, DUE_REPEAT, DUE_NOW } due;

typedef struct telling {
    alert_changes *changes;
    mw_sql *session;
    const alert_receiver *receiver;
    book_alerts open;
    char (*groups)[GROUP_BYTES]; /* of each open alert */
    due *dues;
} telling;

static int64_t repeat_of(const telling *t)
{
    if (t->receiver->kind == ALERT_ALERTMANAGER)
        return ALERTMANAGER_REPEAT_MS; /* what it does not hear of, it holds for resolved */
    return t->receiver->repeat_ms ? t->receiver->repeat_ms : t->changes->alerts->config->repeat_ms;
}

static mw_status judge(const telling *t, const book_alert *alert, due *ret_due, mw_error *err)
{
    book_told told;
    int64_t now_ms = t->changes->now_ms;
    *ret_due = DUE_NOT;
    MW_TRY(book_told_of(t->session, t->receiver->name, alert->seq, &told, err));
    if (t->receiver->match.count > 0 && !match_text(&t->receiver->match, alert->labels))
        return MW_OK;
    if (!alert->is_firing) {
        if (!told.was_firing)
            return MW_OK;
        if (!alert->is_silenced && t->receiver->sends_resolved)
            *ret_due = DUE_NOW;
        else { /* nobody wants to hear it: done with */
            t->changes->n_settled++;
            return book_tell(t->session, t->receiver->name, alert->seq, false, now_ms, err);
        }
        return MW_OK;
    }
    if (alert->is_silenced)
        return MW_OK;
    bool repeats = now_ms - told.at_ms >= repeat_of(t) || told.at_ms > now_ms;
    bool is_seen = alert->ack_ms > 0 && t->receiver->kind != ALERT_ALERTMANAGER;
    *ret_due = !told.is_told || !told.was_firing ? DUE_NOW
               : repeats && !is_seen             ? DUE_REPEAT
                                                 : DUE_WITH_OTHERS;
    return MW_OK;
}

/* The labels that group, "alertname=InputDrift endpoint=churn". */
static void write_group(const alert_words *by, mw_view labels, char group[GROUP_BYTES])
{
    mw_json *root;
    mw_error err;
    size_t used = 0;
    group[0] = '\0';
    if (mw_json_read(labels, &root, &err) != MW_OK)
        return;
    for (size_t i = 0; i < by->count && used < GROUP_BYTES; i++) {
        mw_view value = mw_json_text(mw_json_member(root, by->items[i].data));
        used += (size_t)snprintf(group + used, GROUP_BYTES - used, "%s%s=%.*s", i ? " " : "",
                                 by->items[i].data, MW_VIEW_ARG(value));
    }
    mw_json_free(root);
}

static mw_status send_group(telling *t, const book_alert *const *alerts, size_t n, mw_view group,
                            mw_error *err)
{
    char key[MW_DIGEST_TEXT_BYTES];
    int64_t now_ms = t->changes->now_ms;
    write_key(t->receiver, alerts, n, now_ms, key);
    tell_notice notice = {.receiver = t->receiver,
                          .group = group,
                          .key = mw_view_of(key),
                          .url = mw_view_of(t->changes->alerts->url),
                          .alerts = alerts,
                          .n_alerts = n,
                          .now_ms = now_ms};
    MW_TRY(alerts_post(t->session, t->changes->alerts, &notice, err));
    t->changes->n_posted++;
    for (size_t i = 0; i < n; i++)
        MW_TRY(book_tell(t->session, t->receiver->name, alerts[i]->seq, alerts[i]->is_firing,
                         now_ms, err));
    return book_group_tell(t->session, t->receiver->name, group, now_ms, err);
}

/* All of the group of the alert `first`, which is due. A group that was told lately waits, so that
 * what comes together is told together; a repeat waits for what has not been delivered yet. */
static mw_status tell_group(telling *t, size_t first, mw_error *err)
{
    int64_t told_ms, now_ms = t->changes->now_ms;
    bool waits, is_change = false, own_groups = t->receiver->kind == ALERT_ALERTMANAGER;
    mw_view group = mw_view_of(t->groups[first]);
    const book_alert **alerts = mw_arena_take(t->changes->arena, t->open.count * sizeof *alerts);
    size_t n = 0;
    if (!alerts)
        return mw_fail_memory(err, "a notification");
    for (size_t i = first; i < t->open.count; i++) {
        if (t->dues[i] == DUE_NOT || strcmp(t->groups[i], t->groups[first]) != 0)
            continue;
        is_change = is_change || t->dues[i] == DUE_NOW;
        alerts[n++] = &t->open.items[i];
    }
    MW_TRY(book_group_told(t->session, t->receiver->name, group, &told_ms, err));
    MW_TRY(book_has_post(t->session, t->receiver->name, group, &waits, err));
    int64_t interval_ms = t->changes->alerts->config->group_interval_ms;
    bool is_early = told_ms > 0 && told_ms <= now_ms && now_ms - told_ms < interval_ms;
    bool goes = is_change ? own_groups || !is_early : !waits;
    if (goes)
        MW_TRY(send_group(t, alerts, n, group, err));
    for (size_t i = first + 1; i < t->open.count; i++)
        if (strcmp(t->groups[i], t->groups[first]) == 0)
            t->dues[i] = DUE_NOT; /* looked at */
    return MW_OK;
}

static mw_status tell_receiver(telling *t, mw_error *err)
{
    for (size_t i = 0; i < t->open.count; i++)
        MW_TRY(judge(t, &t->open.items[i], &t->dues[i], err));
    for (size_t i = 0; i < t->open.count; i++) {
        bool any = false;
        for (size_t j = i; j < t->open.count && t->dues[i] != DUE_NOT && !any; j++)
            any = t->dues[j] >= DUE_REPEAT && strcmp(t->groups[i], t->groups[j]) == 0;
        if (any)
            MW_TRY(tell_group(t, i, err));
    }
    return MW_OK;
}

static mw_status tell_all(mw_sql *session, alert_changes *changes, const book_silences *silences,
                          mw_error *err)
{
    telling t = {.changes = changes, .session = session};
    MW_TRY(book_open_alerts(session, changes->arena, &t.open, err));
    t.groups = mw_arena_take(changes->arena, t.open.count * sizeof *t.groups);
    t.dues = mw_arena_take(changes->arena, t.open.count * sizeof *t.dues);
    if (!t.groups || !t.dues)
        return mw_fail_memory(err, "the notifications");
    for (size_t i = 0; i < t.open.count; i++) {
        book_alert *alert = &t.open.items[i];
        alert->is_silenced = alerts_is_silenced(silences, alert->labels);
        write_group(&changes->alerts->config->group_by, alert->labels, t.groups[i]);
    }
    for (size_t i = 0; i < changes->alerts->n_couriers; i++) { /* under the lock, as every look */
        t.receiver = changes->alerts->couriers[i]->receiver;
        MW_TRY(tell_receiver(&t, err));
    }
    return MW_OK;
}

/* ---- the transaction ------------------------------------------------------------------------- */

/* Nothing of this server stands in this book, or what it held before it went: now it says all. */
static mw_status begin_anew(mw_sql *session, alert_changes *changes, mw_error *err)
{
    const mw_view all = {NULL, 0};
    return book_leave(session, changes->is_shared ? mw_view_of(changes->alerts->server) : all, err);
}

static mw_status have_begun(mw_sql *session, alert_changes *changes, mw_error *err)
{
    MW_TRY(book_resolve_unheld(session, MW_VIEW("the condition does not hold any more"),
                               changes->now_ms, err));
    return changes->is_shared ? book_news_write(session, &changes->news, err) : MW_OK;
}

/* Of the book of all; a file costs little. */
static bool is_idle(const alert_changes *c)
{
    return c->is_shared && !c->begins && !c->buries && !c->tidies &&
           c->n_fired + c->n_held + c->n_released + c->n_posted + c->n_settled == 0;
}

mw_status alerts_write_down(mw_sql *session, void *given, mw_error *err)
{
    alert_changes *changes = given;
    mw_alerts *alerts = changes->alerts;
    book_silences silences;
    mw_view server = mw_view_of(alerts->server);
    int64_t now_ms = changes->now_ms, given_up;
    bool is_new;
    changes->n_posted = changes->n_settled = 0;
    if (changes->begins)
        MW_TRY(begin_anew(session, changes, err));
    for (size_t i = 0; i < changes->n_fired; i++)
        MW_TRY(book_fire(session, &changes->fired[i], server, now_ms, &is_new, err));
    for (size_t i = 0; i < changes->n_held; i++)
        MW_TRY(book_hold(session, &changes->held[i], server, now_ms, err));
    for (size_t i = 0; i < changes->n_released; i++)
        MW_TRY(book_release(session, changes->released[i].fingerprint, server,
                            changes->released[i].ended, now_ms, err));
    if (changes->begins)
        MW_TRY(have_begun(session, changes, err));
    if (changes->buries)
        MW_TRY(book_bury(session, now_ms - ALERT_HOLDER_GONE_MS, now_ms, err));
    if (changes->tidies) {
        MW_TRY(book_tidy(session, now_ms, &given_up, err));
        alerts->n_given_up += (uint64_t)given_up;
    }
    MW_TRY(book_silences_of(session, now_ms, false, changes->arena, &silences, err));
    mw_status status = alerts_read_silences(&silences, changes->arena, err);
    if (status == MW_OK)
        status = tell_all(session, changes, &silences, err);
    alerts_done_silences(&silences);
    changes->is_idle = status == MW_OK && is_idle(changes);
    return changes->is_idle ? MW_BUSY : status; /* undone, for there is nothing to keep */
}
