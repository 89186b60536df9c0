/* What each kind of receiver takes.
 *
 *   alertmanager  POST /api/v2/alerts   [{labels, annotations, startsAt, endsAt, generatorURL}]
 *   webhook, exec {"version":1,"key","status","group","alerts":[as GET /mw/v1/alerts has them]}
 *   cloudevents   {"specversion":"1.0",...,"data": the same}
 *   slack         {"text","attachments":[{"color","text"}]}
 *   email         plain text */
#include "tell.h"

enum { ALERTMANAGER_ENDS_MS = 5 * 60 * 1000 };

static bool any_fires(const tell_notice *n)
{
    for (size_t i = 0; i < n->n_alerts; i++)
        if (n->alerts[i]->is_firing)
            return true;
    return false;
}

/* Texts out of the details, which are members of a JSON object. */
typedef struct said {
    mw_json *root;
    mw_view summary, how_sure, what_to_do, runbook, page;
    const mw_json *evidence;
} said;

static bool read_details(const book_alert *alert, said *ret_said)
{
    mw_buf text;
    mw_error err;
    *ret_said = (said){.root = NULL};
    mw_buf_init(&text, 4 * MW_MIB);
    mw_buf_format(&text, "{\"labels\":%.*s,%.*s}", MW_VIEW_ARG(alert->labels),
                  MW_VIEW_ARG(alert->details));
    bool good = mw_json_read(mw_buf_as_view(&text), &ret_said->root, &err) == MW_OK;
    mw_buf_done(&text);
    if (!good)
        return false;
    const mw_json *root = ret_said->root;
    ret_said->summary = mw_json_text(mw_json_member(root, "summary"));
    ret_said->how_sure = mw_json_text(mw_json_member(mw_json_member(root, "how_sure"), "text"));
    ret_said->what_to_do = mw_json_text(mw_json_member(root, "what_to_do"));
    ret_said->runbook = mw_json_text(mw_json_member(root, "runbook"));
    ret_said->page = mw_json_text(mw_json_member(mw_json_member(root, "links"), "page"));
    ret_said->evidence = mw_json_member(root, "evidence");
    return true;
}

/* "features tenure, plan": what stands first in the evidence, by the feature's name. */
static void put_features(const said *s, mw_buf *out)
{
    size_t shown = 0;
    for (size_t i = 0; i < mw_json_count(s->evidence); i++) {
        const mw_json *labels = mw_json_member(mw_json_element(s->evidence, i), "labels");
        mw_view feature = mw_json_text(mw_json_member(labels, "feature"));
        if (feature.size == 0)
            continue;
        mw_buf_format(out, "%s%.*s", shown++ ? ", " : "", MW_VIEW_ARG(feature));
    }
}

static void put_member(mw_buf *out, const char *key, mw_view text)
{
    mw_buf_format(out, "\"%s\":", key);
    mw_json_write_text(out, text);
}

static void put_moment(mw_buf *out, const char *key, int64_t ms)
{
    mw_buf_format(out, "\"%s\":\"", key);
    mw_clock_write_utc(out, ms);
    mw_buf_char(out, '"');
}

/* ---- subject --------------------------------------------------------------------------------- */

void tell_subject(const tell_notice *n, mw_buf *out)
{
    said s;
    mw_buf_text(out, n->is_test ? "[TEST] " : any_fires(n) ? "[FIRING] " : "[RESOLVED] ");
    if (n->n_alerts == 0) {
        mw_buf_text(out, "a test notification of Millwright");
        return;
    }
    const book_alert *first = n->alerts[0];
    mw_buf_format(out, "%.*s", MW_VIEW_ARG(first->rule));
    if (first->endpoint.size > 0)
        mw_buf_format(out, " %.*s", MW_VIEW_ARG(first->endpoint));
    if (read_details(first, &s)) {
        mw_buf_format(out, ": %.*s", MW_VIEW_ARG(s.summary));
        mw_json_free(s.root);
    }
    if (n->n_alerts > 1)
        mw_buf_format(out, " (and %zu more)", n->n_alerts - 1);
    for (char *c = out->data; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

/* ---- Alertmanager ---------------------------------------------------------------------------- */

static void put_annotations(const said *s, mw_buf *out)
{
    mw_buf features;
    mw_buf_init(&features, 4 * MW_KIB);
    put_features(s, &features);
    mw_buf_text(out, "\"annotations\":{");
    put_member(out, "summary", s->summary);
    const struct {
        const char *key;
        mw_view text;
    } more[] = {{"how_sure", s->how_sure},
                {"what_to_do", s->what_to_do},
                {"runbook_url", s->runbook},
                {"features", mw_buf_as_view(&features)}};
    for (size_t i = 0; i < MW_COUNT(more); i++) {
        if (more[i].text.size == 0)
            continue;
        mw_buf_char(out, ',');
        put_member(out, more[i].key, more[i].text);
    }
    mw_buf_char(out, '}');
    mw_buf_done(&features);
}

static void put_alertmanager(const tell_notice *n, mw_buf *out)
{
    size_t written = 0;
    mw_buf_char(out, '[');
    for (size_t i = 0; i < n->n_alerts; i++) {
        said s;
        const book_alert *a = n->alerts[i];
        if (!read_details(a, &s))
            continue;
        mw_buf_format(out, "%s{\"labels\":%.*s,", written++ ? ",\n" : "", MW_VIEW_ARG(a->labels));
        put_annotations(&s, out);
        mw_buf_char(out, ',');
        put_moment(out, "startsAt", a->fired_ms);
        mw_buf_char(out, ',');
        put_moment(out, "endsAt", a->is_firing ? n->now_ms + ALERTMANAGER_ENDS_MS : a->resolved_ms);
        mw_buf_char(out, ',');
        put_member(out, "generatorURL", s.page);
        mw_buf_char(out, '}');
        mw_json_free(s.root);
    }
    mw_buf_char(out, ']');
}

/* ---- JSON of our own ------------------------------------------------------------------------- */

static void put_own(const tell_notice *n, mw_buf *out)
{
    mw_buf_text(out, "{\"version\":1,");
    put_member(out, "key", n->key);
    mw_buf_format(out, ",\"status\":\"%s\",",
                  n->is_test     ? "test"
                  : any_fires(n) ? "firing"
                                 : "resolved");
    put_member(out, "group", n->group);
    mw_buf_char(out, ',');
    put_member(out, "receiver", n->receiver->name);
    mw_buf_char(out, ',');
    put_moment(out, "at", n->now_ms);
    mw_buf_text(out, ",\"alerts\":[");
    for (size_t i = 0; i < n->n_alerts; i++) {
        mw_buf_text(out, i ? ",\n" : "");
        tell_alert(n->alerts[i], out);
    }
    mw_buf_text(out, "]}");
}

/* https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md */
static void put_cloudevent(const tell_notice *n, mw_buf *out)
{
    mw_buf_text(out, "{\"specversion\":\"1.0\",");
    put_member(out, "id", n->key);
    mw_buf_char(out, ',');
    put_member(out, "source", n->url);
    mw_buf_format(out, ",\"type\":\"io.millwright.alert.%s\",",
                  n->is_test     ? "test"
                  : any_fires(n) ? "firing"
                                 : "resolved");
    put_member(out, "subject", n->group);
    mw_buf_char(out, ',');
    put_moment(out, "time", n->now_ms);
    mw_buf_text(out, ",\"datacontenttype\":\"application/json\",\"data\":");
    put_own(n, out);
    mw_buf_char(out, '}');
}

/* ---- text for people ------------------------------------------------------------------------- */

/* Slack reads & < > as its own: https://api.slack.com/reference/surfaces/formatting#escaping */
static void put_line(mw_buf *out, const char *word, mw_view text, bool for_slack)
{
    if (text.size == 0)
        return;
    mw_buf_text(out, word);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (for_slack && (c == '&' || c == '<' || c == '>'))
            mw_buf_text(out, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
        else
            mw_buf_char(out, c);
    }
    mw_buf_char(out, '\n');
}

static void put_people(const book_alert *a, bool for_slack, mw_buf *out)
{
    said s;
    mw_buf more;
    if (!read_details(a, &s))
        return;
    mw_buf_init(&more, 4 * MW_KIB);
    mw_buf_format(out, "%s %.*s (%.*s)\n", a->is_firing ? "FIRING" : "RESOLVED",
                  MW_VIEW_ARG(a->rule), MW_VIEW_ARG(a->severity));
    put_line(out, "what:     ", s.summary, for_slack);
    mw_clock_write_utc(&more, a->since_ms);
    put_line(out, "since:    ", mw_buf_as_view(&more), for_slack);
    mw_buf_reset(&more);
    put_line(out, "how sure: ", s.how_sure, for_slack);
    put_features(&s, &more);
    put_line(out, "features: ", mw_buf_as_view(&more), for_slack);
    put_line(out, "ended:    ", a->ended, for_slack);
    put_line(out, "do:       ", a->is_firing ? s.what_to_do : MW_VIEW(""), for_slack);
    put_line(out, "runbook:  ", s.runbook, for_slack);
    put_line(out, "page:     ", s.page, for_slack);
    mw_buf_done(&more);
    mw_json_free(s.root);
}

static void put_slack(const tell_notice *n, mw_buf *out)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    tell_subject(n, &text);
    mw_buf_text(out, "{\"text\":");
    mw_json_write_text(out, mw_buf_as_view(&text));
    mw_buf_text(out, ",\"attachments\":[");
    for (size_t i = 0; i < n->n_alerts; i++) {
        const book_alert *a = n->alerts[i];
        mw_buf_reset(&text);
        put_people(a, true, &text);
        mw_buf_format(out, "%s{\"color\":\"%s\",\"text\":", i ? "," : "",
                      !a->is_firing                         ? "#009E73"
                      : mw_view_is(a->severity, "critical") ? "#D55E00"
                                                            : "#E69F00");
        mw_json_write_text(out, mw_buf_as_view(&text));
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}");
    mw_buf_done(&text);
}

static void put_mail(const tell_notice *n, mw_buf *out)
{
    for (size_t i = 0; i < n->n_alerts; i++) {
        put_people(n->alerts[i], false, out);
        mw_buf_char(out, '\n');
    }
    if (n->is_test)
        mw_buf_text(out, "This is a test: the way from Millwright to this mailbox works.\n\n");
    mw_buf_format(out, "sent by Millwright at %.*s\n", MW_VIEW_ARG(n->url));
}

void tell_body(const tell_notice *n, mw_buf *out)
{
    switch ((alert_kind)n->receiver->kind) {
    case ALERT_ALERTMANAGER:
        put_alertmanager(n, out);
        break;
    case ALERT_SLACK:
        put_slack(n, out);
        break;
    case ALERT_EMAIL:
        put_mail(n, out);
        break;
    case ALERT_CLOUDEVENTS:
        put_cloudevent(n, out);
        break;
    case ALERT_WEBHOOK:
    case ALERT_EXEC:
        put_own(n, out);
        break;
    }
}
