/* The sections of a week: what it did, what was served, how good it was, who was told. */
#include <math.h>

#include "weekly.h"

#include "base/banned.h"

enum { POINTS = 12, ROWS_MAX = 200, WORDS_BYTES = 2048, HOUR = 3600 };

/* ---- traffic --------------------------------------------------------------------------------- */

static void since_start(const weekly *m)
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
    mw_buf_text(&words, " of them with an error.");
    mw_paper_say(m->paper, "%s", words.data);
    mw_buf_done(&words);
}

static void put_speed(mw_buf *words, const mw_json *totals)
{
    double p50 = reading_number(totals, "p50"), p99 = reading_number(totals, "p99");
    if (isfinite(p50))
        mw_buf_format(words,
                      "; half of the answers took less than %.3g ms, 99 of 100 less than %.3g ms",
                      1000 * p50, 1000 * p99);
}

/* What the week's hours add up to; of hours without a server nothing is known. */
static void sum_up(const weekly *m)
{
    mw_buf words;
    const mw_json *totals = mw_json_member(m->week->traffic, "totals");
    double sampled = reading_count(totals, "sampled_seconds"), whole = m->week->to - m->week->from;
    mw_buf_init(&words, WORDS_BYTES);
    mw_put_number(&words, m->now.requests);
    mw_buf_text(&words, " requests in this week, ");
    mw_put_number(&words, m->now.failures);
    mw_buf_text(&words, " of them answered with an error");
    put_speed(&words, totals);
    if (sampled > 0)
        mw_paper_say(m->paper, "%s.", words.data);
    if (sampled < 0.98 * whole)
        mw_paper_point(m->paper, MW_MARK_UNKNOWN,
                       "Of %.0f of the week's %.0f hours nothing is known: no server ran, or it "
                       "did not serve this endpoint.",
                       (whole - sampled) / HOUR, whole / HOUR);
    mw_buf_done(&words);
}

void weekly_traffic(const weekly *m)
{
    const mw_week *w = m->week;
    const mw_json *t = mw_json_member(w->traffic, "t"),
                  *series = mw_json_member(w->traffic, "series");
    mw_paper_section(m->paper, "traffic", "Traffic, latency, errors");
    if (w->log)
        timeline_draw(&m->happened, m->paper, mw_json_member(w->log, "t"),
                      mw_json_member(w->log, "rows"), "rows_per_day",
                      "Rows answered a day, of the prediction log", "");
    if (!w->traffic) {
        since_start(m);
        mw_paper_point(m->paper, MW_MARK_UNKNOWN, "How it went over time is not known.");
        return;
    }
    sum_up(m);
    timeline_draw(&m->happened, m->paper, t, mw_json_member(series, "requests"), "requests",
                  "Requests a second over the week; dotted: what is served changed", "/s");
    timeline_draw(&m->happened, m->paper, t, mw_json_member(series, "p99"), "p99",
                  "The slowest of 100 answers, hour by hour", "s");
    timeline_draw(&m->happened, m->paper, t, mw_json_member(series, "server_errors"),
                  "server_errors", "Answers with a fault of the server, a second", "/s");
}

/* ---- versions, rollouts ---------------------------------------------------------------------- */

void weekly_versions(const weekly *m)
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

static void put_rollout(const weekly *m, const mw_json *r)
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

static bool is_of_week(const weekly *m, const mw_json *rollout)
{
    double ended = reading_time(rollout, "ended");
    return reading_time(rollout, "started") < m->week->to && !(ended < m->week->from);
}

void weekly_rollouts(const weekly *m)
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

void weekly_drift(const weekly *m)
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
        mw_paper_point(m->paper, MW_MARK_BAD, "%.*s: PSI %.3g over the week, most likely since %s.",
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

static void put_metric(const weekly *m, const mw_json *part, mw_view name, const mw_json *now,
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
static size_t each_metric(const weekly *m, bool is_written)
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

size_t weekly_count_worse(const weekly *m)
{
    return each_metric(m, false);
}

void weekly_decay(const weekly *m)
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

static void put_alert(const weekly *m, const mw_json *alert)
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

void weekly_alerts(const weekly *m)
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
