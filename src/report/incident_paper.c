/* An incident as a paper: what happened when, what was touched, what was done, what is open; and
 * blanks for what only people know.
 *
 *     one alert, or a span of time --> everything that happened around it, in its order */
#include <math.h>

#include "report.h"
#include "timeline.h"

#include "base/banned.h"

enum { POINTS = 20, LEAD_SECONDS = 1800 };

typedef struct making {
    mw_paper *paper;
    const mw_incident *incident;
    timeline happened;
    size_t n_alerts, n_firing, n_unseen;
} making;

static bool touches(const making *m, const mw_json *alert)
{
    double fired = reading_time(alert, "fired"), ended = reading_time(alert, "resolved");
    return fired <= m->incident->to && !(ended < m->incident->from);
}

static void gather(making *m)
{
    const mw_json *items = mw_json_member(m->incident->alerts, "items");
    timeline_init(&m->happened, mw_paper_arena(m->paper), m->incident->from, m->incident->to);
    for (size_t i = 0; i < mw_json_count(items); i++) {
        const mw_json *alert = mw_json_element(items, i);
        bool fires = mw_view_is(reading_text(alert, "state"), "firing");
        if (!touches(m, alert))
            continue;
        m->n_alerts++;
        m->n_firing += fires;
        m->n_unseen += fires && !mw_json_is_object(mw_json_member(alert, "acknowledged"));
        timeline_add_alert(&m->happened, alert);
    }
    timeline_add_audit(&m->happened, m->incident->audit, m->incident->endpoint, m->incident->model);
    const mw_json *features = mw_json_member(m->incident->drift, "features");
    for (size_t i = 0; i < mw_json_count(features); i++) {
        const mw_json *f = mw_json_element(features, i);
        if (reading_is(f, "drifted"))
            timeline_add(&m->happened, m->incident->now - reading_number(f, "since_seconds"),
                         HAPPENED_DRIFT, MW_MARK_WATCH, MW_VIEW(""),
                         "%.*s began to be unlike the reference (most likely; PSI %.3g now)",
                         MW_VIEW_ARG(reading_text(f, "feature")), reading_count(f, "psi"));
    }
    timeline_sort(&m->happened);
}

/* ---- the head -------------------------------------------------------------------------------- */

static void judge(const making *m)
{
    mw_buf span;
    const mw_json *alert = m->incident->alert;
    double fired = reading_time(alert, "fired"), ended = reading_time(alert, "resolved");
    mw_buf_init(&span, MW_KIB);
    mw_put_span(&span, (isfinite(ended) ? ended : m->incident->now) - fired);
    if (alert && isfinite(ended))
        mw_paper_verdict(m->paper, MW_MARK_OK, "Over: %.*s It lasted %s.",
                         MW_VIEW_ARG(m->incident->summary), span.data);
    else if (alert)
        mw_paper_verdict(m->paper, MW_MARK_BAD, "Not over: %.*s It has lasted %s.",
                         MW_VIEW_ARG(m->incident->summary), span.data);
    else if (m->n_firing > 0)
        mw_paper_verdict(m->paper, MW_MARK_BAD, "%zu alert%s in this span, %zu of them not over.",
                         m->n_alerts, m->n_alerts == 1 ? "" : "s", m->n_firing);
    else if (m->n_alerts > 0)
        mw_paper_verdict(m->paper, MW_MARK_OK, "%zu alert%s in this span; all are over.",
                         m->n_alerts, m->n_alerts == 1 ? "" : "s");
    else
        mw_paper_verdict(m->paper, m->incident->alerts ? MW_MARK_OK : MW_MARK_UNKNOWN, "%s",
                         m->incident->alerts ? "No alert fired in this span."
                                             : "Whether alerts fired in this span is not known.");
    mw_buf_done(&span);
}

static void put_time_fact(const making *m, const char *name, double at)
{
    mw_buf text;
    mw_buf_init(&text, MW_KIB);
    mw_put_moment(&text, at);
    if (isfinite(at))
        mw_paper_fact(m->paper, name, "%s", text.data);
    mw_buf_done(&text);
}

static void facts(const making *m)
{
    const mw_json *alert = m->incident->alert;
    const mw_json *seen = mw_json_member(alert, "acknowledged");
    put_time_fact(m, "looked at from", m->incident->from);
    put_time_fact(m, "to", m->incident->to);
    mw_paper_fact(m->paper, "told by", "%s", m->incident->source);
    if (m->incident->endpoint.size > 0)
        mw_paper_fact(m->paper, "endpoint", "%.*s", MW_VIEW_ARG(m->incident->endpoint));
    if (alert) {
        mw_paper_fact(m->paper, "severity", "%.*s", MW_VIEW_ARG(reading_text(alert, "severity")));
        put_time_fact(m, "began", reading_time(alert, "since"));
        put_time_fact(m, "fired", reading_time(alert, "fired"));
        put_time_fact(m, "ended", reading_time(alert, "resolved"));
    }
    if (mw_json_is_object(seen))
        mw_paper_fact(m->paper, "acknowledged", "by %.*s: %.*s",
                      MW_VIEW_ARG(reading_text(seen, "by")),
                      MW_VIEW_ARG(reading_text(seen, "why")));
    mw_paper_gaps(m->paper, m->incident->gaps, m->incident->n_gaps);
}

/* ---- what it was ----------------------------------------------------------------------------- */

static void what_it_was(const making *m)
{
    const mw_json *alert = m->incident->alert;
    mw_paper_section(m->paper, "what", "What it was");
    if (alert) {
        mw_view sure = reading_text(mw_json_member(alert, "how_sure"), "text");
        mw_paper_say(m->paper, "The rule %.*s: %.*s", MW_VIEW_ARG(reading_text(alert, "rule")),
                     MW_VIEW_ARG(reading_text(alert, "condition")));
        if (sure.size > 0)
            mw_paper_say(m->paper, "How sure: %.*s.", MW_VIEW_ARG(sure));
    }
    mw_paper_blank(m->paper, "summary", "In two sentences, for those who were not there:");
    mw_paper_blank(m->paper, "impact",
                   "Impact: who was affected, how many decisions, what they cost:");
}

static const mw_paper_column evidence_columns[] = {
    {"feature", "Feature", false}, {"metric", "Measure", false}, {"value", "Value", true}};

/* What people call it; what is not known here is called by its metric. */
static mw_view words_of(mw_view metric)
{
    static const struct {
        const char *metric, *words;
    } known[] = {{"mw_drift_psi", "PSI now"},
                 {"mw_drift_psi_since", "PSI since it began"},
                 {"mw_drift_log_e_value", "evidence (ln e)"},
                 {"mw_drift_since_seconds", "seconds since it began"},
                 {"mw_drift_since_rows", "rows since it began"},
                 {"mw_drift_missing_share", "share of missing values"},
                 {"mw_drift_missing_share_reference", "share of missing values at first"},
                 {"mw_drift_outside_share", "share outside the reference"}};
    for (size_t i = 0; i < MW_COUNT(known); i++)
        if (mw_view_is(metric, known[i].metric))
            return mw_view_of(known[i].words);
    return metric;
}

static void features_of_alert(const making *m, const mw_json *evidence)
{
    mw_paper_table(m->paper, "evidence", "What the alert had for evidence.", evidence_columns,
                   MW_COUNT(evidence_columns));
    for (size_t i = 0; i < mw_json_count(evidence); i++) {
        void *cursor = NULL;
        mw_view metric;
        const mw_json *value, *one = mw_json_element(evidence, i);
        mw_view feature = reading_text(mw_json_member(one, "labels"), "feature");
        const mw_json *values = mw_json_member(one, "values");
        while (mw_json_next(values, &cursor, &metric, &value)) {
            mw_paper_cell(m->paper, feature.size > 0 ? feature : MW_VIEW("-"));
            mw_paper_cell(m->paper, words_of(metric));
            mw_paper_cell_number(m->paper, reading_number(values, metric.data));
        }
    }
}

static void which_features(const making *m)
{
    size_t n = 0;
    const mw_json *evidence = mw_json_member(m->incident->alert, "evidence");
    const mw_json *list = mw_json_member(m->incident->drift, "features");
    mw_paper_section(m->paper, "features", "Which features");
    if (mw_json_count(evidence) > 0)
        features_of_alert(m, evidence);
    for (size_t i = 0; i < mw_json_count(list) && n < POINTS; i++) {
        const mw_json *f = mw_json_element(list, i);
        if (!reading_is(f, "drifted"))
            continue;
        mw_paper_point(m->paper, MW_MARK_BAD, "%.*s is unlike the reference now: PSI %.3g.",
                       MW_VIEW_ARG(reading_text(f, "feature")), reading_count(f, "psi"));
        n++;
    }
    if (n == 0)
        mw_paper_say(m->paper, "%s",
                     m->incident->drift ? "No column is unlike the reference now."
                                        : "Which columns are unlike the reference is not known.");
}

/* ---- what happened --------------------------------------------------------------------------- */

/* The change that came last before the alert is where people begin to look: no more is claimed. */
static void just_before(const making *m)
{
    double fired = reading_time(m->incident->alert, "since");
    const happening *last = NULL;
    for (size_t i = 0; i < m->happened.n; i++) {
        const happening *h = &m->happened.items[i];
        bool is_change = h->kind == HAPPENED_DEPLOY || h->kind == HAPPENED_CHANGE;
        if (is_change && h->at <= fired && fired - h->at <= LEAD_SECONDS)
            last = h;
    }
    if (!last)
        return;
    mw_buf span;
    mw_buf_init(&span, MW_KIB);
    mw_put_span(&span, fired - last->at);
    mw_paper_point(m->paper, MW_MARK_WATCH,
                   "%s before it began: %.*s (by %.*s). That is no proof of a cause.", span.data,
                   MW_VIEW_ARG(last->what), MW_VIEW_ARG(last->by));
    mw_buf_done(&span);
}

static void what_happened(const making *m)
{
    mw_paper_section(m->paper, "timeline", "What happened when");
    just_before(m);
    if (m->happened.n == 0)
        mw_paper_say(m->paper, "Nothing that is kept happened in this span.");
    else
        timeline_write(&m->happened, m->paper, "Alerts, drift, deploys and changes.");
    if (!m->incident->audit)
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "The audit log was not to be had, so deploys and changes are missing here "
                       "(it takes an admin's token, or --record DIR).");
    mw_paper_blank(m->paper, "more_timeline", "What is missing here (calls, mails, decisions):");
}

static void draw(const making *m, const char *key, const char *title, const char *unit)
{
    const mw_json *traffic = m->incident->traffic;
    timeline_draw(&m->happened, m->paper, mw_json_member(traffic, "t"),
                  mw_json_member(mw_json_member(traffic, "series"), key), key, title, unit);
}

static void errors_and_latency(const making *m)
{
    mw_paper_section(m->paper, "traffic", "Traffic, errors, latency");
    if (mw_json_count(mw_json_member(m->incident->traffic, "t")) < 2) {
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "Not known: no server ran then, or it is more than 31 days ago.");
        return;
    }
    draw(m, "requests", "Requests a second; dotted: what is served changed", "/s");
    draw(m, "server_errors", "Answers with a fault of the server, a second", "/s");
    draw(m, "client_errors", "Requests that were refused as wrong, a second", "/s");
    draw(m, "p99", "The slowest of 100 answers", "s");
}

/* ---- done, open ------------------------------------------------------------------------------ */

static void what_was_done(const making *m)
{
    size_t n = 0;
    double began = reading_time(m->incident->alert, "since");
    mw_paper_section(m->paper, "done", "What was done");
    for (size_t i = 0; i < m->happened.n && n < POINTS; i++) {
        const happening *h = &m->happened.items[i];
        mw_buf when;
        if ((h->kind != HAPPENED_SEEN && h->kind != HAPPENED_DEPLOY &&
             h->kind != HAPPENED_CHANGE) ||
            h->at < began)
            continue;
        mw_buf_init(&when, MW_KIB);
        mw_put_second(&when, h->at);
        mw_paper_point(m->paper, h->mark, "%s, %.*s: %.*s", when.data,
                       MW_VIEW_ARG(h->by.size > 0 ? h->by : MW_VIEW("somebody")),
                       MW_VIEW_ARG(h->what));
        mw_buf_done(&when);
        n++;
    }
    if (n == 0)
        mw_paper_say(m->paper, "Nothing that is kept: nobody acknowledged, deployed or changed "
                               "anything.");
    mw_paper_blank(m->paper, "done", "What else was done, and whether it helped:");
}

static void what_is_open(const making *m)
{
    size_t n = 0;
    const mw_json *items = mw_json_member(m->incident->alerts, "items");
    mw_view todo = reading_text(m->incident->alert, "what_to_do");
    mw_view runbook = reading_text(m->incident->alert, "runbook");
    mw_paper_section(m->paper, "open", "What is open");
    for (size_t i = 0; i < mw_json_count(items) && n < POINTS; i++) {
        const mw_json *alert = mw_json_element(items, i);
        bool is_seen = mw_json_is_object(mw_json_member(alert, "acknowledged"));
        if (!touches(m, alert) || !mw_view_is(reading_text(alert, "state"), "firing"))
            continue;
        mw_paper_point(m->paper, MW_MARK_BAD, "%.*s still fires%s.",
                       MW_VIEW_ARG(reading_text(alert, "rule")),
                       is_seen ? "" : ", and nobody has acknowledged it");
        n++;
    }
    if (n == 0)
        mw_paper_point(m->paper, MW_MARK_OK, "No alert of this span fires any more.");
    if (todo.size > 0)
        mw_paper_point(m->paper, MW_MARK_NONE, "The rule says: %.*s", MW_VIEW_ARG(todo));
    if (runbook.size > 0)
        mw_paper_point(m->paper, MW_MARK_NONE, "Runbook: %.*s", MW_VIEW_ARG(runbook));
    mw_paper_blank(m->paper, "cause", "Cause, and how it is known:");
    mw_paper_blank(m->paper, "why_so_late", "What would have shown it earlier:");
    mw_paper_blank(m->paper, "actions", "What is to be done, by whom, until when:");
    mw_paper_blank(m->paper, "notify",
                   "Who must be told (customers, authorities), and until when:");
}

void mw_report_incident(const mw_incident *incident, mw_paper *paper)
{
    making m = {.paper = paper, .incident = incident};
    gather(&m);
    judge(&m);
    facts(&m);
    what_it_was(&m);
    what_happened(&m);
    which_features(&m);
    errors_and_latency(&m);
    what_was_done(&m);
    what_is_open(&m);
    if (incident->alert)
        mw_paper_source(paper, "alert", incident->alert);
}
