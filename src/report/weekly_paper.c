/* A week of an endpoint as a paper: what it did, what changed from the week before, what to look
 * at.
 *
 *     alerts, audit, rollouts ----------------------> timeline, counts of both weeks
 *     series of both weeks, counters since start --> traffic, latency, errors
 *     the watch's rows by day, drift ----------------> rows of both weeks, drift, odd rows
 *     labels that came, the prediction log ----------> decay, rows of both weeks
 *
 * What nobody kept is told as not known: of a time when no server ran, for one. */
#include <math.h>

#include "weekly.h"

#include "base/banned.h"

enum { WEEK = 7 * 86400, POINTS = 12, WORDS_BYTES = 2048 };

/* ---- counting -------------------------------------------------------------------------------- */

static bool is_in(double at, double from, double to)
{
    return at >= from && at < to;
}

static week_counts count_week(const mw_week *w, double from, double to)
{
    week_counts c = {.rows = (double)NAN};
    const mw_json *alerts = mw_json_member(w->alerts, "items");
    const mw_json *rollouts = mw_json_member(w->rollouts, "items");
    if (!w->alerts)
        c.alerts = c.critical = c.unseen = NAN;
    for (size_t i = 0; i < mw_json_count(alerts); i++) {
        const mw_json *alert = mw_json_element(alerts, i);
        if (!is_in(reading_time(alert, "fired"), from, to))
            continue;
        c.alerts++;
        c.critical += mw_view_is(reading_text(alert, "severity"), "critical");
        c.unseen += !mw_json_is_object(mw_json_member(alert, "acknowledged"));
    }
    if (!w->rollouts)
        c.started = c.promoted = c.rolled_back = NAN;
    for (size_t i = 0; i < mw_json_count(rollouts); i++) {
        const mw_json *rollout = mw_json_element(rollouts, i);
        mw_view state = reading_text(rollout, "state");
        bool is_back = mw_view_is(state, "rolled_back") || mw_view_is(state, "aborted");
        bool is_good = mw_view_is(state, "promoted") || mw_view_is(state, "watching");
        double ended = reading_time(rollout, "ended");
        double came = isfinite(ended) ? ended : reading_time(rollout, "entered");
        c.started += is_in(reading_time(rollout, "started"), from, to);
        c.promoted += is_good && is_in(came, from, to);
        c.rolled_back += is_back && is_in(came, from, to);
    }
    return c;
}

static double count_deploys(const weekly *m, double from, double to)
{
    timeline t;
    size_t n;
    if (!m->week->audit)
        return NAN;
    timeline_init(&t, mw_paper_arena(m->paper), from, to);
    timeline_add_audit(&t, m->week->audit, m->week->endpoint, m->week->model);
    (void)timeline_deploys(&t, &n);
    return (double)n;
}

/* Rows of the prediction log, which has both weeks; else what versions in memory were asked. */
static double sum_days(const mw_json *series, const char *key, double from, double to)
{
    const mw_json *t = mw_json_member(series, "t"), *values = mw_json_member(series, key);
    double sum = 0, at, value;
    for (size_t i = 0; i < mw_json_count(t); i++)
        if (mw_json_number(mw_json_element(t, i), &at) && is_in(at, from, to) &&
            mw_json_number(mw_json_element(values, i), &value))
            sum += value;
    return sum;
}

static void count_rows(weekly *m)
{
    const mw_week *w = m->week;
    if (w->log) {
        m->now.rows = sum_days(w->log, "rows", w->from, w->to);
        double first = reading_number(w->log, "first");
        if (first < w->from)
            m->before.rows = sum_days(w->log, "rows", w->from - WEEK, w->from);
        return;
    }
    if (!w->rows)
        return;
    m->now.rows = sum_days(w->rows, "rows", w->from, w->to);
    double before = sum_days(w->rows, "rows", w->from - WEEK, w->from);
    m->before.rows = before > 0 ? before : (double)NAN;
}

static void count_alerts_now(weekly *m)
{
    const mw_json *alerts = mw_json_member(m->week->alerts, "items");
    for (size_t i = 0; i < mw_json_count(alerts); i++) {
        const mw_json *alert = mw_json_element(alerts, i);
        if (!mw_view_is(reading_text(alert, "state"), "firing"))
            continue;
        m->n_firing++;
        m->n_unseen_firing += !mw_json_is_object(mw_json_member(alert, "acknowledged"));
    }
}

static void count_drift(weekly *m)
{
    const mw_json *features = mw_json_member(m->week->drift, "features");
    m->n_watched = mw_json_count(features);
    for (size_t i = 0; i < m->n_watched; i++)
        m->n_drifted += reading_is(mw_json_element(features, i), "drifted");
}

/* Of a week's series; NaN where nobody sampled. */
static void count_traffic(const mw_json *traffic, week_counts *counts)
{
    const mw_json *totals = mw_json_member(traffic, "totals");
    bool is_known = reading_count(totals, "sampled_seconds") > 0;
    counts->requests = is_known ? reading_number(totals, "requests") : (double)NAN;
    counts->failures = is_known ? counts->requests - reading_number(totals, "ok") : (double)NAN;
}

static void count_errors(weekly *m)
{
    const mw_counters *c = &m->week->counters;
    count_traffic(m->week->traffic, &m->now);
    count_traffic(m->week->traffic_before, &m->before);
    m->error_share = m->now.requests > 0 ? m->now.failures / m->now.requests : (double)NAN;
    if (!isfinite(m->error_share) && c->requests > 0)
        m->error_share = c->failures / c->requests;
}

/* ---- verdict --------------------------------------------------------------------------------- */

static void judge(const weekly *m)
{
    mw_paper *p = m->paper;
    const mw_week *w = m->week;
    if (m->n_firing > 0 && m->n_unseen_firing > 0)
        mw_paper_verdict(p, MW_MARK_BAD, "%zu alert%s firing now, %zu of them seen by nobody.",
                         m->n_firing, m->n_firing == 1 ? " is" : "s are", m->n_unseen_firing);
    else if (m->n_firing > 0)
        mw_paper_verdict(p, MW_MARK_BAD, "%zu alert%s firing now; somebody has seen %s.",
                         m->n_firing, m->n_firing == 1 ? " is" : "s are",
                         m->n_firing == 1 ? "it" : "all of them");
    else if (m->n_drifted > 0)
        mw_paper_verdict(p, MW_MARK_WATCH, "%zu of %zu columns are unlike the reference.",
                         m->n_drifted, m->n_watched);
    else if (m->n_worse > 0)
        mw_paper_verdict(p, MW_MARK_WATCH, "The model answers worse than the week before.");
    else if (m->now.rolled_back > 0)
        mw_paper_verdict(p, MW_MARK_WATCH, "%.0f rollout%s taken back this week.",
                         m->now.rolled_back, m->now.rolled_back == 1 ? " was" : "s were");
    else if (m->now.alerts > 0)
        mw_paper_verdict(p, MW_MARK_WATCH, "%.0f alert%s fired this week; none fires now.",
                         m->now.alerts, m->now.alerts == 1 ? "" : "s");
    else if (!w->alerts && !w->drift)
        mw_paper_verdict(p, MW_MARK_UNKNOWN,
                         "Only the record was read: alerts, traffic and drift are not known.");
    else
        mw_paper_verdict(p, MW_MARK_OK, "A quiet week: no alert, no drift, no rollout taken back.");
}

/* ---- both weeks ------------------------------------------------------------------------------ */

static const mw_paper_column week_columns[] = {{"measure", "Measure", false},
                                               {"this_week", "This week", true},
                                               {"week_before", "Week before", true},
                                               {"change", "Change", false}};

static void compare(const weekly *m, const char *name, double now, double before, bool more_is_bad)
{
    mw_buf words;
    mw_mark mark = MW_MARK_NONE;
    mw_buf_init(&words, WORDS_BYTES);
    if (!isfinite(now) || !isfinite(before))
        mw_buf_text(&words, "not known");
    else if (now == before)
        mw_buf_text(&words, "as before");
    else {
        mw_buf_text(&words, now > before ? "more: +" : "fewer: ");
        mw_put_number(&words, now - before);
        if (before > 0)
            mw_buf_format(&words, " (%+.0f %%)", 100 * (now - before) / before);
        if (more_is_bad)
            mark = now > before ? MW_MARK_WATCH : MW_MARK_OK;
    }
    mw_paper_cell(m->paper, mw_view_of(name));
    mw_paper_cell_number(m->paper, now);
    mw_paper_cell_number(m->paper, before);
    mw_paper_cell_mark(m->paper, mark, mw_buf_as_view(&words));
    mw_buf_done(&words);
}

static void both_weeks(const weekly *m)
{
    mw_paper_column const *c = week_columns;
    mw_paper_section(m->paper, "changes", "What changed from the week before");
    mw_paper_table(m->paper, "weeks", "", c, MW_COUNT(week_columns));
    compare(m, m->week->log ? "rows answered" : "rows answered, by whole days", m->now.rows,
            m->before.rows, false);
    compare(m, "requests", m->now.requests, m->before.requests, false);
    compare(m, "answered with an error", m->now.failures, m->before.failures, true);
    compare(m, "alerts fired", m->now.alerts, m->before.alerts, true);
    compare(m, "critical ones", m->now.critical, m->before.critical, true);
    compare(m, "never acknowledged", m->now.unseen, m->before.unseen, true);
    compare(m, "changes of what is served", m->now.deploys, m->before.deploys, false);
    compare(m, "rollouts started", m->now.started, m->before.started, false);
    compare(m, "rollouts promoted", m->now.promoted, m->before.promoted, false);
    compare(m, "rollouts taken back", m->now.rolled_back, m->before.rolled_back, true);
    if (m->week->counters.started > m->week->from - WEEK) {
        mw_buf since;
        mw_buf_init(&since, MW_KIB);
        mw_put_moment(&since, m->week->counters.started);
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "While no server runs nothing is watched, and no alert fires: this one "
                       "began at %s, and whether one ran before is not known.",
                       since.data);
        mw_buf_done(&since);
    }
}

/* ---- what to look at ------------------------------------------------------------------------- */

static void look_at_alerts(const weekly *m, size_t *n)
{
    const mw_json *alerts = mw_json_member(m->week->alerts, "items");
    for (size_t i = 0; i < mw_json_count(alerts) && *n < POINTS; i++) {
        const mw_json *alert = mw_json_element(alerts, i);
        const mw_json *seen = mw_json_member(alert, "acknowledged");
        if (!mw_view_is(reading_text(alert, "state"), "firing"))
            continue;
        mw_view todo = reading_text(alert, "what_to_do");
        mw_paper_point(
            m->paper, MW_MARK_BAD, "%.*s: %.*s%s%.*s%s%.*s",
            MW_VIEW_ARG(reading_text(alert, "rule")), MW_VIEW_ARG(reading_text(alert, "summary")),
            mw_json_is_object(seen) ? "; acknowledged by "
                                    : "; nobody has said that "
                                      "they saw it",
            MW_VIEW_ARG(reading_text(seen, "by")), todo.size > 0 ? ". " : "", MW_VIEW_ARG(todo));
        ++*n;
    }
}

static void look_at_rollouts(const weekly *m, size_t *n)
{
    const mw_json *rollouts = mw_json_member(m->week->rollouts, "items");
    for (size_t i = 0; i < mw_json_count(rollouts) && *n < POINTS; i++) {
        const mw_json *rollout = mw_json_element(rollouts, i);
        mw_view state = reading_text(rollout, "state");
        bool is_back = mw_view_is(state, "rolled_back") || mw_view_is(state, "aborted");
        bool is_on = mw_view_is(state, "running") || mw_view_is(state, "paused");
        double came = reading_time(rollout, is_on ? "started" : "ended");
        if ((!is_back || !is_in(came, m->week->from, m->week->to)) && !is_on)
            continue;
        mw_paper_point(m->paper, MW_MARK_WATCH, "Rollout %.0f of version %.0f is %.*s: %.*s",
                       reading_count(rollout, "id"), reading_count(rollout, "to_version"),
                       MW_VIEW_ARG(is_back ? MW_VIEW("taken back") : state),
                       MW_VIEW_ARG(reading_text(rollout, "reason")));
        ++*n;
    }
}

static void look_at(const weekly *m)
{
    size_t n = 0;
    mw_paper_section(m->paper, "look_at", "What to look at");
    look_at_alerts(m, &n);
    look_at_rollouts(m, &n);
    if (m->n_drifted > 0 && ++n)
        mw_paper_point(m->paper, MW_MARK_WATCH,
                       "Drift of %zu column%s: 'mw report drift %.*s' says what it means and who "
                       "may do what.",
                       m->n_drifted, m->n_drifted == 1 ? "" : "s", MW_VIEW_ARG(m->week->endpoint));
    if (m->n_worse > 0 && ++n)
        mw_paper_point(m->paper, MW_MARK_WATCH,
                       "%zu measure%s of how good the answers were fell, by more than chance.",
                       m->n_worse, m->n_worse == 1 ? "" : "s");
    if (m->error_share > 0.01 && ++n)
        mw_paper_point(m->paper, MW_MARK_WATCH,
                       "%.1f %% of the requests were answered with an error.",
                       100 * m->error_share);
    if (n == 0)
        mw_paper_point(m->paper, MW_MARK_OK, "Nothing.");
    mw_paper_blank(m->paper, "notes", "Notes of those who run it:");
}

/* ---- all ------------------------------------------------------------------------------------- */

static void facts(const weekly *m)
{
    mw_buf from, to;
    mw_buf_init(&from, MW_KIB);
    mw_buf_init(&to, MW_KIB);
    mw_put_moment(&from, m->week->from);
    mw_put_moment(&to, m->week->to);
    mw_paper_fact(m->paper, "week", "%s to %s", from.data, to.data);
    mw_paper_fact(m->paper, "told by", "%s", m->week->source);
    if (m->week->model.size > 0)
        mw_paper_fact(m->paper, "model", "%.*s", MW_VIEW_ARG(m->week->model));
    mw_paper_gaps(m->paper, m->week->gaps, m->week->n_gaps);
    mw_buf_done(&from);
    mw_buf_done(&to);
}

static void gather(weekly *m)
{
    const mw_week *w = m->week;
    const mw_json *items = mw_json_member(w->alerts, "items");
    timeline_init(&m->happened, mw_paper_arena(m->paper), w->from, w->to);
    for (size_t i = 0; i < mw_json_count(items); i++)
        timeline_add_alert(&m->happened, mw_json_element(items, i));
    timeline_add_audit(&m->happened, w->audit, w->endpoint, w->model);
    timeline_sort(&m->happened);
    m->now = count_week(w, w->from, w->to);
    m->before = count_week(w, w->from - WEEK, w->from);
    m->now.deploys = count_deploys(m, w->from, w->to);
    m->before.deploys = count_deploys(m, w->from - WEEK, w->from - 0.001);
    count_rows(m);
    count_alerts_now(m);
    count_drift(m);
    count_errors(m);
    m->n_worse = weekly_count_worse(m);
}

/* For those who read such a page for the first time. */
static void glossary(const weekly *m)
{
    mw_paper_section(m->paper, "words", "Words");
    mw_paper_point(m->paper, MW_MARK_NONE,
                   "drift: what comes in, or what is predicted, is spread unlike it was when the "
                   "model was made. PSI measures it: under 0.1 is usual, from 0.2 on it is told.");
    mw_paper_point(m->paper, MW_MARK_NONE,
                   "odd row: one whose values together are unlike those of any usual row.");
    mw_paper_point(m->paper, MW_MARK_NONE,
                   "95 %% from, to: where the true value lies, by the labels that came so far.");
    mw_paper_point(m->paper, MW_MARK_NONE,
                   "rollout: a new version gets a share of the requests first, and all of them "
                   "only if it does no harm; taken back: the old version answers again.");
}

void mw_report_weekly(const mw_week *week, mw_paper *paper)
{
    weekly m = {.paper = paper, .week = week};
    gather(&m);
    judge(&m);
    facts(&m);
    both_weeks(&m);
    look_at(&m);
    weekly_traffic(&m);
    weekly_versions(&m);
    weekly_rollouts(&m);
    weekly_drift(&m);
    weekly_decay(&m);
    weekly_alerts(&m);
    glossary(&m);
}
