/* What a receiver gets of a report: the file itself, where it takes files.
 *
 *   email          the first sentence as text, the page attached
 *   webhook, exec  {"version":1,"key","status":"report","receiver","at","report":{"kind","of","id",
 *                  "verdict","url","file":{"name","type","content"}}}
 *   cloudevents    {"specversion":"1.0",...,"data": the same}
 *   slack          {"text"}: the first sentence and the link */
#include "engine.h"

typedef struct sending {
    mw_alerts *alerts;
    const alert_receiver *receiver;
    const mw_alert_report *report;
    int64_t now_ms;
    char key[MW_DIGEST_TEXT_BYTES];
    char file_name[MW_LIMIT_NAME_BYTES];
} sending;

/* ---- texts ----------------------------------------------------------------------------------- */

static void put_member(mw_buf *out, const char *before, mw_view text)
{
    mw_buf_text(out, before);
    mw_json_write_text(out, text);
}

static void put_url(const sending *s, mw_buf *out)
{
    mw_buf_format(out, "%s/ui/reports/%.*s", s->alerts->url, MW_VIEW_ARG(s->report->id));
}

static void put_own(const sending *s, mw_buf *out)
{
    mw_buf url;
    const mw_alert_report *r = s->report;
    mw_buf_init(&url, 4 * MW_KIB);
    put_url(s, &url);
    put_member(out, "{\"version\":1,\"key\":", mw_view_of(s->key));
    put_member(out, ",\"status\":\"report\",\"receiver\":", s->receiver->name);
    mw_buf_text(out, ",\"at\":\"");
    mw_clock_write_utc(out, s->now_ms);
    put_member(out, "\",\"report\":{\"kind\":", r->kind);
    put_member(out, ",\"of\":", r->of);
    put_member(out, ",\"id\":", r->id);
    put_member(out, ",\"verdict\":", r->verdict);
    put_member(out, ",\"url\":", mw_buf_as_view(&url));
    put_member(out, ",\"file\":{\"name\":", mw_view_of(s->file_name));
    put_member(out, ",\"type\":\"text/html; charset=utf-8\",\"content\":", r->page);
    mw_buf_text(out, "}}}");
    mw_buf_done(&url);
}

static void put_cloudevent(const sending *s, mw_buf *out)
{
    put_member(out, "{\"specversion\":\"1.0\",\"id\":", mw_view_of(s->key));
    put_member(out, ",\"source\":", mw_view_of(s->alerts->url));
    put_member(out, ",\"type\":\"io.millwright.report\",\"subject\":", s->report->of);
    mw_buf_text(out, ",\"time\":\"");
    mw_clock_write_utc(out, s->now_ms);
    mw_buf_text(out, "\",\"datacontenttype\":\"application/json\",\"data\":");
    put_own(s, out);
    mw_buf_char(out, '}');
}

/* In one line, whatever stands in names. */
static void put_subject(const sending *s, mw_buf *out)
{
    mw_buf_format(out, "[REPORT] %.*s %.*s: %.*s", MW_VIEW_ARG(s->report->kind),
                  MW_VIEW_ARG(s->report->of), MW_VIEW_ARG(s->report->verdict));
    for (char *c = out->data; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

static void put_mail(const sending *s, mw_buf *out)
{
    mw_buf_format(out,
                  "%.*s\n\nThe whole report is attached: one page, which needs no login and "
                  "prints well.\nIt is kept at ",
                  MW_VIEW_ARG(s->report->verdict));
    put_url(s, out);
    mw_buf_format(out, "\n\nsent by Millwright at %s\n", s->alerts->url);
}

/* Slack reads & < > as its own: https://api.slack.com/reference/surfaces/formatting#escaping */
static void put_slack(const sending *s, mw_buf *out)
{
    mw_buf text;
    mw_buf_init(&text, 64 * MW_KIB);
    put_subject(s, &text);
    for (size_t i = text.size; i-- > 0;)
        if (strchr("&<>", text.data[i]))
            text.data[i] = ' ';
    mw_buf_char(&text, '\n');
    put_url(s, &text);
    put_member(out, "{\"text\":", mw_buf_as_view(&text));
    mw_buf_char(out, '}');
    mw_buf_done(&text);
}

static void put_body(const sending *s, mw_buf *out)
{
    switch ((alert_kind)s->receiver->kind) {
    case ALERT_SLACK:
        put_slack(s, out);
        break;
    case ALERT_EMAIL:
        put_mail(s, out);
        break;
    case ALERT_CLOUDEVENTS:
        put_cloudevent(s, out);
        break;
    case ALERT_WEBHOOK:
    case ALERT_EXEC:
    case ALERT_ALERTMANAGER: /* refused before */
        put_own(s, out);
        break;
    }
}

/* ---- posting --------------------------------------------------------------------------------- */

static mw_status check(const sending *s, mw_error *err)
{
    if (s->receiver->kind == ALERT_ALERTMANAGER) {
        mw_fail(err, MW_E_ALERT_RECEIVER, "'%.*s' is an Alertmanager, which takes alerts only",
                MW_VIEW_ARG(s->receiver->name));
        return mw_mend(err, "send reports by email, webhook, cloudevents, slack or exec");
    }
    if (s->report->page.size <= MW_LIMIT_ALERT_FILE_BYTES)
        return MW_OK;
    mw_fail(err, MW_E_ALERT_LIMIT, "the report has %zu bytes, and %zu are sent at most",
            s->report->page.size, (size_t)MW_LIMIT_ALERT_FILE_BYTES);
    return mw_mend(err, "it is kept by the server: send its address");
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("_.-", c, 3); /* strchr would find a NUL */
}

/* "weekly-credit.html", of letters that every mail program takes. */
static void name_file(sending *s)
{
    snprintf(s->file_name, sizeof s->file_name, "%.*s-%.120s.html",
             (int)(s->report->kind.size < 20 ? s->report->kind.size : 20), s->report->kind.data,
             s->report->of.data);
    for (char *c = s->file_name; *c; c++)
        if (!is_plain(*c))
            *c = '_';
}

mw_status alerts_post_report(mw_sql *session, mw_alerts *alerts, const alert_receiver *receiver,
                             const mw_alert_report *report, int64_t now_ms, mw_error *err)
{
    mw_buf subject, body, group;
    sending s = {alerts, receiver, report, now_ms, "", ""};
    MW_TRY(check(&s, err));
    name_file(&s);
    mw_buf_init(&group, 4 * MW_KIB);
    mw_buf_init(&subject, 16 * MW_KIB);
    mw_buf_init(&body, 8 * MW_LIMIT_ALERT_FILE_BYTES); /* as JSON has it */
    mw_buf_format(&group, "report %.*s %.*s %lld", MW_VIEW_ARG(receiver->name),
                  MW_VIEW_ARG(report->id), (long long)now_ms);
    mw_digest_of(mw_buf_as_view(&group), s.key);
    s.key[32] = '\0'; /* 128 bits */
    put_subject(&s, &subject);
    put_body(&s, &body);
    bool is_mail = receiver->kind == ALERT_EMAIL;
    mw_buf_reset(&group);
    mw_buf_format(&group, "report %.*s %.*s", MW_VIEW_ARG(report->kind), MW_VIEW_ARG(report->of));
    book_letter letter = {.created_ms = now_ms,
                          .receiver = receiver->name,
                          .group = mw_buf_as_view(&group),
                          .key = mw_view_of(s.key),
                          .subject = mw_buf_as_view(&subject),
                          .body = mw_buf_as_view(&body),
                          .file_name = is_mail ? mw_view_of(s.file_name) : MW_VIEW(""),
                          .file = is_mail ? report->page : MW_VIEW("")};
    bool failed = subject.failed || body.failed || group.failed;
    mw_status status =
        failed ? mw_fail_memory(err, "a report's letter") : book_post(session, &letter, err);
    mw_buf_done(&group);
    mw_buf_done(&subject);
    mw_buf_done(&body);
    return status;
}

/* ---- by hand --------------------------------------------------------------------------------- */

const alert_receiver *alerts_find_receiver(const mw_alerts *alerts, mw_view name)
{
    for (size_t i = 0; i < alerts->n_couriers; i++)
        if (mw_view_equal(alerts->couriers[i]->receiver->name, name))
            return alerts->couriers[i]->receiver;
    return NULL;
}

typedef struct by_hand {
    mw_alerts *alerts;
    const alert_receiver *receiver;
    const mw_alert_report *report;
} by_hand;

static mw_status post_one(mw_sql *session, void *given, mw_error *err)
{
    const by_hand *b = given;
    return alerts_post_report(session, b->alerts, b->receiver, b->report, mw_clock_wall_ms(), err);
}

mw_status mw_alerts_send_report(mw_alerts *alerts, const mw_alert_report *report, mw_view receiver,
                                mw_buf *out, mw_error *err)
{
    by_hand b = {alerts, NULL, report};
    pthread_mutex_lock(&alerts->lock); /* receivers stay who they are */
    b.receiver = alerts_find_receiver(alerts, receiver);
    mw_status status = MW_OK;
    if (b.receiver)
        status = alerts_write(alerts, post_one, &b, err);
    if (b.receiver && status == MW_OK)
        alerts_wake_couriers(alerts);
    pthread_mutex_unlock(&alerts->lock);
    MW_TRY(status);
    if (!b.receiver) {
        mw_fail(err, MW_E_ALERT_UNKNOWN, "there is no receiver '%.*s'",
                (int)(receiver.size < 80 ? receiver.size : 80), receiver.data);
        return mw_mend(err, "GET /mw/v1/receivers lists them; name one under 'alerts: receivers:' "
                            "in millwright.yaml");
    }
    put_member(out, "{\"posted\":1,\"receiver\":", receiver);
    put_member(out, ",\"report\":", report->id);
    mw_buf_text(out, "}\n");
    alerts_note_change(alerts);
    return MW_OK;
}
