/* report weekly: an endpoint's last seven days, for those who answer for it.
 *
 *     server, record, prediction log --as many as are named--> mw_week --> report/weekly_paper.c */
#include <math.h>

#include "report_sources.h"

enum {
    WEEK_SECONDS = 7 * 86400,
    KEPT_SECONDS = 31 * 86400, /* of traffic, by a server */
    VERSIONS_MAX = 8,
    DAYS_MAX = 40,
    WEEK_POINTS = 96
};

/* ---- rows by day, of all versions that are watched ------------------------------------------- */

typedef struct days {
    double t[DAYS_MAX], rows[DAYS_MAX];
    size_t n;
} days;

static void add_day(days *d, double t, double rows)
{
    size_t i = 0;
    while (i < d->n && d->t[i] != t)
        i++;
    if (i == DAYS_MAX)
        return;
    if (i == d->n)
        d->n++;
    d->t[i] = t;
    d->rows[i] += rows;
}

static void add_series(days *d, const mw_json *series)
{
    const mw_json *t = mw_json_member(series, "t"), *rows = mw_json_member(series, "rows");
    double at, n;
    for (size_t i = 0; i < mw_json_count(t); i++)
        if (mw_json_number(mw_json_element(t, i), &at) &&
            mw_json_number(mw_json_element(rows, i), &n))
            add_day(d, at, n);
}

static mw_status keep_days(cli_reporting *r, const days *d, const mw_json **ret, mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    mw_buf_text(&text, "{\"t\":[");
    for (size_t i = 0; i < d->n; i++)
        mw_buf_format(&text, "%s%.0f", i ? "," : "", d->t[i]);
    mw_buf_text(&text, "],\"rows\":[");
    for (size_t i = 0; i < d->n; i++)
        mw_buf_format(&text, "%s%.0f", i ? "," : "", d->rows[i]);
    mw_buf_text(&text, "]}");
    mw_status status = cli_keep_json(r, mw_buf_as_view(&text), ret, err);
    mw_buf_done(&text);
    return status;
}

static mw_status ask_days(cli_reporting *r, mw_week *week, mw_error *err)
{
    char path[CLI_PATH_BYTES];
    days d = {.n = 0};
    const mw_json *versions = mw_json_member(week->served, "versions");
    for (size_t i = 0; i < mw_json_count(versions) && i < VERSIONS_MAX; i++) {
        double version = 0;
        const mw_json *series;
        (void)mw_json_number(mw_json_member(mw_json_element(versions, i), "version"), &version);
        cli_endpoint_path(path, week->endpoint, "/drift/series?window=30d&version=%.0f", version);
        MW_TRY(cli_ask_perhaps(r, "rows by day", path, &series, err));
        add_series(&d, series);
    }
    return d.n > 0 ? keep_days(r, &d, &week->rows, err) : MW_OK;
}

/* ---- the server ------------------------------------------------------------------------------ */

static mw_status ask_series(cli_reporting *r, mw_week *week, double from, double to,
                            const mw_json **ret, mw_error *err)
{
    char path[CLI_PATH_BYTES];
    cli_endpoint_path(path, week->endpoint, "/series?from=%.0f&to=%.0f&w=%d", from, to,
                      (int)WEEK_POINTS);
    return cli_ask_perhaps(r, "traffic over time", path, ret, err);
}

static mw_status ask_traffic(cli_reporting *r, mw_week *week, mw_error *err)
{
    double kept = week->now - KEPT_SECONDS, before = week->from - WEEK_SECONDS;
    if (week->from < kept) {
        cli_add_gap(r, "traffic over time: the server keeps 31 days, and the week began before");
        return MW_OK;
    }
    MW_TRY(ask_series(r, week, week->from, week->to, &week->traffic, err));
    return before < kept ? MW_OK
                         : ask_series(r, week, before, week->from, &week->traffic_before, err);
}

static mw_status ask_now(cli_reporting *r, mw_week *week, mw_error *err)
{
    char path[CLI_PATH_BYTES];
    mw_buf text;
    if (week->to < week->now - 60) {
        cli_add_gap(r, "drift, counters and labels of the server: they are told as of now, and "
                       "the week ended before");
        return MW_OK;
    }
    MW_TRY(cli_gather_counters(r, week->endpoint, &week->counters, err));
    cli_endpoint_path(path, week->endpoint, "/drift?window=7d");
    MW_TRY(cli_ask_perhaps(r, "drift", path, &week->drift, err));
    mw_buf_init(&text, sizeof path);
    mw_buf_text(&text, "/endpoints/");
    cli_put_encoded(&text, week->endpoint);
    mw_buf_text(&text, "/performance?window=7d");
    mw_status status =
        cli_ask_perhaps(r, "how good the answers were", text.data, &week->performance, err);
    mw_buf_done(&text);
    return status;
}

static mw_status ask_server(cli_reporting *r, mw_week *week, mw_error *err)
{
    char path[CLI_PATH_BYTES];
    MW_TRY(cli_reporting_reach(r, err));
    cli_endpoint_path(path, week->endpoint, "%s", "");
    MW_TRY(cli_ask(r, path, &week->served, err));
    MW_TRY(ask_traffic(r, week, err));
    MW_TRY(ask_now(r, week, err));
    return ask_days(r, week, err);
}

/* ---- all ------------------------------------------------------------------------------------- */

static mw_status report(cli_reporting *r, mw_error *err)
{
    const cli_call *call = r->call;
    mw_week week = {.endpoint = mw_view_of(call->arguments[0]),
                    .now = (double)mw_clock_wall_ms() / 1000};
    MW_TRY(cli_read_span(call, (double)NAN, &week.from, &week.to, err));
    week.from = week.to - WEEK_SECONDS;
    if (cli_asks_server(call))
        MW_TRY(ask_server(r, &week, err));
    else
        cli_add_gap(r, "traffic, latency, drift, odd rows: no server was asked");
    MW_TRY(cli_gather_alerts(r, week.endpoint, &week.alerts, err));
    MW_TRY(cli_gather_changes(r, week.endpoint, week.from - WEEK_SECONDS, &week.audit,
                              &week.rollouts, err));
    MW_TRY(cli_gather_log(r, &week, err));
    week.model = cli_model_of(week.rollouts);
    week.source = cli_name_sources(r);
    week.gaps = r->gaps;
    week.n_gaps = r->n_gaps;
    mw_paper *paper = mw_paper_new(&r->arena, "weekly", "The week", week.endpoint);
    if (paper)
        mw_report_weekly(&week, paper);
    return cli_put_paper(call, paper, err);
}

mw_status cli_run_report_weekly(cli_call *call, mw_error *err)
{
    cli_reporting r;
    if (call->settings[CLI_SEND].text)
        return cli_send_report(call, "weekly", err);
    cli_reporting_init(&r, call);
    mw_status status = report(&r, err);
    cli_reporting_done(&r);
    return status;
}
