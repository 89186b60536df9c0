/* A week of an endpoint as a paper: what it did, what changed from the week before, what to look
 * at.
 *
 *     alerts, audit, rollouts ----------------------> timeline, counts of both weeks
 *     series of the last day, counters since start --> traffic, latency, errors
 *     the watch's rows by day, drift ----------------> rows of both weeks, drift, odd rows
 *     labels that came, the prediction log ----------> decay, rows of both weeks
 *
 * What nobody kept is told as not known: a server keeps 24 hours of traffic, and nothing of it
 * over a restart. */
#include <math.h>

#include "report.h"
#include "timeline.h"

#include "base/banned.h"

enum { WEEK = 7 * 86400, POINTS = 12, ROWS_MAX = 200, WORDS_BYTES = 2048 };

typedef struct counts { /* of a week; NaN: not known */
    double alerts, critical, unseen, deploys, started, promoted, rolled_back, rows;
} counts;

typedef struct making {
    mw_paper *paper;
    const mw_week *week;
    timeline happened; /* this week */
    counts now, before;
    size_t n_firing, n_unseen_firing, n_drifted, n_watched;
    double error_share; /* of what is known */
    size_t n_worse;     /* metrics whose intervals lie apart, for the worse */
} making;

/* ---- counting -------------------------------------------------------------------------------- */

static bool is_in(double at, double from, double to)
{
    return at >= from && at < to;
}

static counts count_week(const mw_week *w, double from, double to)
{
    counts c = {.rows = (double)NAN};
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

static double count_deploys(const making *m, double from, double to)
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

static void count_rows(making *m)
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

static void count_alerts_now(making *m)
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

static void count_drift(making *m)
{
    const mw_json *features = mw_json_member(m->week->drift, "features");
    m->n_watched = mw_json_count(features);
    for (size_t i = 0; i < m->n_watched; i++)
        m->n_drifted += reading_is(mw_json_element(features, i), "drifted");
}

static void count_errors(making *m)
{
    const mw_json *series = mw_json_member(m->week->traffic, "series");
    double all = 0, ok = 0, value;
    const mw_json *requests = mw_json_member(series, "requests"),
                  *good = mw_json_member(series, "ok");
    for (size_t i = 0; i < mw_json_count(requests); i++) {
        all += mw_json_number(mw_json_element(requests, i), &value) ? value : 0;
        ok += mw_json_number(mw_json_element(good, i), &value) ? value : 0;
    }
    m->error_share = all > 0 ? 1 - ok / all : (double)NAN;
    if (!isfinite(m->error_share) && m->week->counters.requests > 0)
        m->error_share = m->week->counters.failures / m->week->counters.requests;
}

/* ---- verdict --------------------------------------------------------------------------------- */

static void judge(const making *m)
{
    mw_paper *p = m->paper;
    const mw_week *w = m->week;
    if (m->n_firing > 0)
        mw_paper_verdict(p, MW_MARK_BAD, "%zu alert%s firing now%s.", m->n_firing,
                         m->n_firing == 1 ? " is" : "s are",
                         m->n_unseen_firing > 0 ? ", and nobody has acknowledged all of them" : "");
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

static void compare(const making *m, const char *name, double now, double before, bool more_is_bad)
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

static void both_weeks(const making *m)
{
    mw_paper_column const *c = week_columns;
    mw_paper_section(m->paper, "changes", "What changed from the week before");
    mw_paper_table(m->paper, "weeks", "", c, MW_COUNT(week_columns));
    compare(m, m->week->log ? "rows answered" : "rows answered, by whole days", m->now.rows,
            m->before.rows, false);
    compare(m, "alerts fired", m->now.alerts, m->before.alerts, true);
    compare(m, "critical ones", m->now.critical, m->before.critical, true);
    compare(m, "never acknowledged", m->now.unseen, m->before.unseen, true);
    compare(m, "changes of what is served", m->now.deploys, m->before.deploys, false);
    compare(m, "rollouts started", m->now.started, m->before.started, false);
    compare(m, "rollouts promoted", m->now.promoted, m->before.promoted, false);
    compare(m, "rollouts taken back", m->now.rolled_back, m->before.rolled_back, true);
}

/* ---- what to look at ------------------------------------------------------------------------- */

static void look_at_alerts(const making *m, size_t *n)
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

static void look_at_rollouts(const making *m, size_t *n)
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

static void look_at(const making *m)
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

/* ---- traffic --------------------------------------------------------------------------------- */

static const double *take_doubles(const mw_json *list, mw_arena *arena, size_t *ret_n)
{
    size_t n = mw_json_count(list);
    double *values = mw_arena_take(arena, (n + 1) * sizeof *values);
    for (size_t i = 0; values && i < n; i++) {
        values[i] = NAN;
        (void)mw_json_number(mw_json_element(list, i), &values[i]);
    }
    *ret_n = values ? n : 0;
    return values;
}

static void draw(const making *m, const mw_json *t, const mw_json *values, const char *key,
                 const char *title, const char *unit)
{
    size_t n, n_values, n_moments;
    mw_arena *arena = mw_paper_arena(m->paper);
    const double *at = take_doubles(t, arena, &n), *line = take_doubles(values, arena, &n_values);
    const double *moments = timeline_deploys(&m->happened, &n_moments);
    if (n < 2 || n != n_values)
        return;
    mw_paper_figure(m->paper, &(mw_figure){.kind = MW_FIGURE_TIME,
                                           .key = key,
                                           .title = mw_view_of(title),
                                           .names = {key},
                                           .unit = unit,
                                           .at = at,
                                           .columns = {line},
                                           .n = n,
                                           .rule = (double)NAN,
                                           .moments = moments,
                                           .n_moments = n_moments,
                                           .from = (double)NAN,
                                           .to = (double)NAN});
}

static void since_start(const making *m)
{
    const mw_counters *c = &m->week->counters;
    mw_buf words;
    if (!(c->started > 0))
        return;
    mw_buf_init(&words, WORDS_BYTES);
    mw_buf_text(&words, "Since the server began at ");
    mw_put_moment(&words, c->started);
    mw_buf_text(&words, " it answered ");
    mw_put_number(&words, c->requests);
    mw_buf_text(&words, " requests, ");
    mw_put_number(&words, c->failures);
    mw_buf_text(&words, " of them with an error");
    if (isfinite(c->p50)) {
        mw_buf_format(&words,
                      "; half of the answers took less than %.3g ms, 99 of 100 less than "
                      "%.3g ms",
                      1000 * c->p50, 1000 * c->p99);
    }
    mw_paper_say(m->paper, "%s.", words.data);
    if (c->started > m->week->from)
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "What it answered in this week before it began is not known: a server "
                       "counts anew at each start.");
    mw_buf_done(&words);
}

static void traffic(const making *m)
{
    const mw_week *w = m->week;
    const mw_json *t = mw_json_member(w->traffic, "t"),
                  *series = mw_json_member(w->traffic, "series");
    mw_paper_section(m->paper, "traffic", "Traffic, latency, errors");
    since_start(m);
    if (w->log)
        draw(m, mw_json_member(w->log, "t"), mw_json_member(w->log, "rows"), "rows_per_day",
             "Rows answered a day, of the prediction log", "");
    if (!w->traffic) {
        mw_paper_point(m->paper, MW_MARK_UNKNOWN, "How it went over time is not known.");
        return;
    }
    draw(m, t, mw_json_member(series, "requests"), "requests",
         "Requests a second, the last 24 hours; dotted: what is served changed", "/s");
    draw(m, t, mw_json_member(series, "p99"), "p99",
         "The slowest of 100 answers, the last 24 hours", "s");
    draw(m, t, mw_json_member(series, "server_errors"), "server_errors",
         "Answers with a fault of the server, a second, the last 24 hours", "/s");
    mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                   "Traffic and latency over time are kept for 24 hours: of the other six days "
                   "only what stands above is known%s",
                   w->log ? "." : ". --log DIR reads rows by day from the prediction log.");
}

/* ---- versions, rollouts ---------------------------------------------------------------------- */

static void versions(const making *m)
{
    const mw_json *list = mw_json_member(m->week->served, "versions");
    mw_paper_section(m->paper, "deploys", "What was served, and what changed it");
    for (size_t i = 0; i < mw_json_count(list) && i < POINTS; i++) {
        mw_buf since;
        const mw_json *version = mw_json_element(list, i);
        mw_buf_init(&since, MW_KIB);
        mw_put_moment(&since, reading_time(version, "since"));
        mw_paper_point(m->paper, MW_MARK_NONE,
                       "Version %.0f of the server's count: loaded at %s, %.0f requests.",
                       reading_count(version, "version"), since.data,
                       reading_count(version, "requests"));
        mw_buf_done(&since);
    }
    if (!m->week->audit)
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "The audit log was not to be had: who changed "
                       "what is not known.");
    else if (m->happened.n == 0)
        mw_paper_say(m->paper, "Nothing was changed this week.");
    else
        timeline_write(&m->happened, m->paper, "Alerts and changes, in their order.");
}

static const mw_paper_column rollout_columns[] = {
    {"id", "Rollout", true},   {"from", "From", true},
    {"to", "To", true},        {"strategy", "Strategy", false},
    {"state", "State", false}, {"started", "Started", false},
    {"by", "By", false},       {"verdict", "Verdict", false}};

static void put_rollout(const making *m, const mw_json *r)
{
    mw_buf when;
    mw_view state = reading_text(r, "state");
    bool is_back = mw_view_is(state, "rolled_back") || mw_view_is(state, "aborted");
    bool is_good = mw_view_is(state, "promoted") || mw_view_is(state, "watching");
    mw_buf_init(&when, MW_KIB);
    mw_put_moment(&when, reading_time(r, "started"));
    mw_paper_cell_number(m->paper, reading_number(r, "id"));
    mw_paper_cell_number(m->paper, reading_number(r, "from_version"));
    mw_paper_cell_number(m->paper, reading_number(r, "to_version"));
    mw_paper_cell(m->paper, reading_text(r, "strategy"));
    mw_paper_cell_mark(m->paper,
                       is_back   ? MW_MARK_BAD
                       : is_good ? MW_MARK_OK
                                 : MW_MARK_WATCH,
                       state);
    mw_paper_cell(m->paper, mw_buf_as_view(&when));
    mw_paper_cell(m->paper, reading_text(r, "started_by"));
    mw_paper_cell(m->paper, reading_text(r, "reason"));
    mw_buf_done(&when);
}

static bool is_of_week(const making *m, const mw_json *rollout)
{
    double ended = reading_time(rollout, "ended");
    return reading_time(rollout, "started") < m->week->to && !(ended < m->week->from);
}

static void rollouts(const making *m)
{
    size_t n = 0;
    const mw_json *items = mw_json_member(m->week->rollouts, "items");
    mw_paper_section(m->paper, "rollouts", "Rollouts and their verdicts");
    for (size_t i = 0; i < mw_json_count(items); i++)
        n += is_of_week(m, mw_json_element(items, i));
    if (n == 0) {
        mw_paper_say(m->paper, "%s",
                     m->week->rollouts ? "None this week." : "Not known: there is no record.");
        return;
    }
    mw_paper_table(m->paper, "rollouts", "", rollout_columns, MW_COUNT(rollout_columns));
    for (size_t i = 0; i < mw_json_count(items); i++)
        if (is_of_week(m, mw_json_element(items, i)))
            put_rollout(m, mw_json_element(items, i));
}

/* ---- drift, odd rows, decay ------------------------------------------------------------------ */

static void drift(const making *m)
{
    const mw_json *d = m->week->drift, *features = mw_json_member(d, "features");
    const mw_json *odd = mw_json_member(d, "anomalies");
    mw_paper_section(m->paper, "drift", "Drift and odd rows");
    if (!mw_view_is(reading_text(d, "state"), "watching")) {
        mw_paper_point(m->paper, MW_MARK_UNKNOWN, "%s",
                       !d ? "Not known." : "The watch has not seen enough rows, or is off.");
        return;
    }
    for (size_t i = 0; i < mw_json_count(features); i++) {
        mw_buf since;
        const mw_json *f = mw_json_element(features, i);
        if (!reading_is(f, "drifted"))
            continue;
        mw_buf_init(&since, MW_KIB);
        mw_put_moment(&since, m->week->now - reading_number(f, "since_seconds"));
        mw_paper_point(m->paper, MW_MARK_BAD, "%.*s: PSI %.3f over the week, most likely since %s.",
                       MW_VIEW_ARG(reading_text(f, "feature")), reading_count(f, "psi"),
                       since.data);
        mw_buf_done(&since);
    }
    if (m->n_drifted == 0)
        mw_paper_point(m->paper, MW_MARK_OK, "No column of %zu is unlike the reference.",
                       m->n_watched);
    if (reading_count(odd, "scored") > 0)
        mw_paper_point(m->paper,
                       reading_count(odd, "found") > 0.05 * reading_count(odd, "scored")
                           ? MW_MARK_WATCH
                           : MW_MARK_OK,
                       "%.0f of %.0f rows that were looked at are odd as a whole (%.2g %%).",
                       reading_count(odd, "found"), reading_count(odd, "scored"),
                       100 * reading_count(odd, "found") / reading_count(odd, "scored"));
}

static const mw_paper_column decay_columns[] = {
    {"version", "Version", true},    {"metric", "Measure", false}, {"value", "This week", true},
    {"low", "95 % from", true},      {"high", "to", true},         {"labels", "Labels", true},
    {"before", "Week before", true}, {"change", "Change", false}};

/* 1: more of it is better, -1: less of it, 0: neither by itself, as a share of classes. */
static int better_way(mw_view metric)
{
    static const char *const more[] = {"roc_auc", "average_precision", "accuracy", "precision",
                                       "recall",  "specificity",       "npv",      "f1",
                                       "ks",      "balanced_accuracy", "mcc",      "r2"};
    static const char *const less[] = {"log_loss", "brier", "rmse", "mae", "mse", "ece",
                                       "mape",     "fpr",   "fnr",  "fdr", "for", "pinball"};
    for (size_t i = 0; i < MW_COUNT(more); i++)
        if (mw_view_is(metric, more[i]))
            return 1;
    for (size_t i = 0; i < MW_COUNT(less); i++)
        if (mw_view_is(metric, less[i]))
            return -1;
    return 0;
}

static const mw_json *same_part(const mw_json *list, const mw_json *part)
{
    for (size_t i = 0; i < mw_json_count(list); i++) {
        const mw_json *other = mw_json_element(list, i);
        if (mw_view_equal(reading_text(other, "model"), reading_text(part, "model")))
            return other;
    }
    return NULL;
}

/* -1: worse by more than chance; 1: better; 0: neither, or not known. */
static int judge_metric(mw_view name, const mw_json *now, const mw_json *before)
{
    double low = reading_number(now, "low"), high = reading_number(now, "high");
    double old_low = reading_number(before, "low"), old_high = reading_number(before, "high");
    int change = high < old_low ? -1 : low > old_high ? 1 : 0;
    return change * better_way(name);
}

static void put_metric(const making *m, const mw_json *part, mw_view name, const mw_json *now,
                       const mw_json *before)
{
    int change = judge_metric(name, now, before);
    mw_paper_cell_number(m->paper, reading_number(part, "version"));
    mw_paper_cell(m->paper, name);
    mw_paper_cell_number(m->paper, reading_number(now, "value"));
    mw_paper_cell_number(m->paper, reading_number(now, "low"));
    mw_paper_cell_number(m->paper, reading_number(now, "high"));
    mw_paper_cell_number(m->paper, reading_number(part, "labels"));
    mw_paper_cell_number(m->paper, reading_number(before, "value"));
    mw_paper_cell_mark(m->paper,
                       !before      ? MW_MARK_UNKNOWN
                       : change < 0 ? MW_MARK_BAD
                                    : MW_MARK_OK,
                       !before      ? MW_VIEW("not known")
                       : change < 0 ? MW_VIEW("worse")
                       : change > 0 ? MW_VIEW("better")
                                    : MW_VIEW("within chance"));
}

/* Measures that have an interval and a better side: of others nobody can say whether they fell. */
static size_t each_metric(const making *m, bool is_written)
{
    size_t n_worse = 0;
    const mw_json *list = mw_json_member(m->week->performance, "performance");
    const mw_json *old = mw_json_member(m->week->performance_before, "performance");
    for (size_t i = 0; i < mw_json_count(list) && i < ROWS_MAX; i++) {
        void *cursor = NULL;
        mw_view name;
        const mw_json *now, *part = mw_json_element(list, i);
        const mw_json *before = mw_json_member(same_part(old, part), "metrics");
        while (mw_json_next(mw_json_member(part, "metrics"), &cursor, &name, &now)) {
            if (!isfinite(reading_number(now, "low")) || better_way(name) == 0)
                continue;
            const mw_json *then = mw_json_member(before, name.data);
            n_worse += then && judge_metric(name, now, then) < 0;
            if (is_written)
                put_metric(m, part, name, now, then);
        }
    }
    return n_worse;
}

static void decay(const making *m)
{
    const mw_json *list = mw_json_member(m->week->performance, "performance");
    mw_paper_section(m->paper, "decay", "How good the answers were");
    if (mw_json_count(list) == 0) {
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "Not known: no labels came for predictions of this week, or the server "
                       "keeps no prediction log (mw serve --log on, mw feedback send). From scores "
                       "alone: mw decay estimate.");
        return;
    }
    mw_paper_table(m->paper, "decay",
                   "Of predictions whose truth is known by now; worse and better: the 95 % "
                   "intervals lie apart.",
                   decay_columns, MW_COUNT(decay_columns));
    (void)each_metric(m, true);
    if (!m->week->performance_before)
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "The week before is not known to the server apart from this one; with "
                       "--log DIR both are read from the prediction log.");
}

static const mw_paper_column alert_columns[] = {{"id", "Alert", true},
                                                {"rule", "Rule", false},
                                                {"severity", "Severity", false},
                                                {"state", "State", false},
                                                {"fired", "Fired", false},
                                                {"ended", "Ended", false},
                                                {"seen_by", "Acknowledged by", false},
                                                {"summary", "What", false}};

static void put_alert(const making *m, const mw_json *alert)
{
    mw_buf text;
    mw_view state = reading_text(alert, "state");
    mw_buf_init(&text, MW_KIB);
    mw_paper_cell_number(m->paper, reading_number(alert, "id"));
    mw_paper_cell(m->paper, reading_text(alert, "rule"));
    mw_paper_cell(m->paper, reading_text(alert, "severity"));
    mw_paper_cell_mark(m->paper, mw_view_is(state, "resolved") ? MW_MARK_OK : MW_MARK_BAD, state);
    mw_put_moment(&text, reading_time(alert, "fired"));
    mw_paper_cell(m->paper, mw_buf_as_view(&text));
    mw_buf_reset(&text);
    mw_put_moment(&text, reading_time(alert, "resolved"));
    mw_paper_cell(m->paper, mw_buf_as_view(&text));
    mw_paper_cell(m->paper, reading_text(mw_json_member(alert, "acknowledged"), "by"));
    mw_paper_cell(m->paper, reading_text(alert, "summary"));
    mw_buf_done(&text);
}

static void alerts(const making *m)
{
    size_t n = 0;
    const mw_json *items = mw_json_member(m->week->alerts, "items");
    mw_paper_section(m->paper, "alerts", "Alerts, and who acknowledged them");
    if (!m->week->alerts) {
        mw_paper_point(m->paper, MW_MARK_UNKNOWN, "Not known: only a running server tells.");
        return;
    }
    for (size_t i = 0; i < mw_json_count(items) && n < ROWS_MAX; i++) {
        const mw_json *alert = mw_json_element(items, i);
        double ended = reading_time(alert, "resolved");
        if (!(reading_time(alert, "fired") < m->week->to) || ended < m->week->from)
            continue;
        if (n++ == 0)
            mw_paper_table(m->paper, "alerts", "", alert_columns, MW_COUNT(alert_columns));
        put_alert(m, alert);
    }
    if (n == 0)
        mw_paper_point(m->paper, MW_MARK_OK, "None this week.");
}

/* ---- all ------------------------------------------------------------------------------------- */

static void facts(const making *m)
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

static void gather(making *m)
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
    m->n_worse = each_metric(m, false);
}

void mw_report_weekly(const mw_week *week, mw_paper *paper)
{
    making m = {.paper = paper, .week = week};
    gather(&m);
    judge(&m);
    facts(&m);
    both_weeks(&m);
    look_at(&m);
    traffic(&m);
    versions(&m);
    rollouts(&m);
    drift(&m);
    decay(&m);
    alerts(&m);
}
