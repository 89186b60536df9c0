/* report incident: one alert, or a span of time, as what happened when, for those who were not
 * there.
 *
 *     server (alert, alerts, series, drift), record or server (audit) --> report/incident_paper.c
 */
#include <math.h>

#include "record_door.h"
#include "report_sources.h"

enum { BEFORE_SECONDS = 3600, AFTER_SECONDS = 900, KEPT_SECONDS = 31 * 86400, POINTS_WIDTH = 150 };

static double time_of(const mw_json *node, const char *key)
{
    int64_t ms;
    char text[32];
    mw_view said = mw_json_text(mw_json_member(node, key));
    mw_error err;
    if (said.size < 20 || said.size >= sizeof text)
        return NAN;
    snprintf(text, sizeof text, "%.19sZ", said.data);
    return cli_read_moment(text, false, &ms, &err) == MW_OK ? (double)ms / 1000 : (double)NAN;
}

/* From an hour before it began to a quarter of an hour after its end; --since and --until win. */
static mw_status set_span(const cli_reporting *r, mw_incident *i, mw_error *err)
{
    double usual = NAN;
    bool has_until = r->call->settings[CLI_UNTIL].text;
    if (i->alert) {
        double began = time_of(i->alert, "since"), fired = time_of(i->alert, "fired");
        usual = (isfinite(began) ? began : fired) - BEFORE_SECONDS;
    }
    MW_TRY(cli_read_span(r->call, usual, &i->from, &i->to, err));
    double ended = time_of(i->alert, "resolved");
    if (isfinite(ended) && !has_until && ended + AFTER_SECONDS < i->to)
        i->to = ended + AFTER_SECONDS;
    return MW_OK;
}

static mw_status ask_alert(cli_reporting *r, mw_incident *i, mw_error *err)
{
    mw_buf path;
    mw_buf_init(&path, CLI_PATH_BYTES);
    mw_buf_text(&path, "/mw/v1/alerts/");
    cli_put_encoded(&path, mw_view_of(r->call->arguments[0]));
    mw_status status = cli_ask(r, path.data, &i->alert, err);
    mw_buf_done(&path);
    if (status != MW_OK)
        return mw_mend(err, "'mw alert list --state all' tells numbers and fingerprints");
    mw_view endpoint = mw_json_text(mw_json_member(i->alert, "endpoint"));
    if (endpoint.size > 0)
        i->endpoint = endpoint;
    return MW_OK;
}

static mw_status ask_endpoint(cli_reporting *r, mw_incident *i, mw_error *err)
{
    char path[CLI_PATH_BYTES];
    if (!i->endpoint.data || !r->dial)
        return MW_OK;
    cli_endpoint_path(path, i->endpoint, "/drift?window=24h");
    MW_TRY(cli_ask_perhaps(r, "which columns drifted", path, &i->drift, err));
    if (i->to < i->now - KEPT_SECONDS) {
        cli_add_gap(r, "traffic, errors, latency: the server keeps 31 days, and the span ended "
                       "before");
        return MW_OK;
    }
    cli_endpoint_path(path, i->endpoint, "/series?from=%.0f&to=%.0f&w=%d", i->from, i->to,
                      (int)POINTS_WIDTH);
    return cli_ask_perhaps(r, "traffic, errors, latency", path, &i->traffic, err);
}

/* "inputs of credit are unlike what the model began with." */
static mw_status name_summary(cli_reporting *r, mw_incident *i, mw_error *err)
{
    mw_view said = mw_json_text(mw_json_member(i->alert, "summary"));
    bool has_end = said.size > 0 && said.data[said.size - 1] == '.';
    char text[1024];
    int n = snprintf(text, sizeof text, "%.*s%s", (int)(said.size < 900 ? said.size : 900),
                     said.data, has_end ? "" : ".");
    i->summary = (mw_view){mw_arena_text(&r->arena, (mw_view){text, (size_t)n}), (size_t)n};
    return i->summary.data ? MW_OK : mw_fail_memory(err, "the report");
}

static mw_status gather(cli_reporting *r, mw_incident *i, mw_error *err)
{
    const mw_json *rollouts;
    if (i->endpoint.size == 0)
        i->endpoint = (mw_view){NULL, 0};
    if (cli_asks_server(r->call) || r->call->n_arguments > 0)
        MW_TRY(cli_reporting_reach(r, err));
    if (r->call->n_arguments > 0)
        MW_TRY(ask_alert(r, i, err));
    MW_TRY(set_span(r, i, err));
    MW_TRY(cli_gather_alerts(r, i->endpoint, &i->alerts, err));
    MW_TRY(cli_gather_changes(r, i->endpoint, i->from, &i->audit, &rollouts, err));
    i->model = cli_model_of(rollouts);
    MW_TRY(ask_endpoint(r, i, err));
    return name_summary(r, i, err);
}

static mw_status report(cli_reporting *r, mw_error *err)
{
    const cli_call *call = r->call;
    mw_incident i = {.endpoint = mw_view_of(call->settings[CLI_OF_ENDPOINT].text),
                     .now = (double)mw_clock_wall_ms() / 1000};
    if (call->n_arguments == 0 && !call->settings[CLI_SINCE].text) {
        mw_fail(err, MW_E_REPORT_WHICH, "neither an alert nor --since");
        return mw_mend(err, "mw report incident 17, or mw report incident --since 6h --endpoint "
                            "NAME; 'mw alert list --state all' tells numbers");
    }
    MW_TRY(gather(r, &i, err));
    i.source = cli_name_sources(r);
    i.gaps = r->gaps;
    i.n_gaps = r->n_gaps;
    mw_view rule = mw_json_text(mw_json_member(i.alert, "rule"));
    mw_paper *paper = mw_paper_new(&r->arena, "incident", "Incident", i.alert ? rule : i.endpoint);
    if (paper)
        mw_report_incident(&i, paper);
    return cli_put_paper(call, paper, err);
}

mw_status cli_run_report_incident(cli_call *call, mw_error *err)
{
    cli_reporting r;
    if (call->settings[CLI_SEND].text)
        return cli_send_report(call, "incident", err);
    cli_reporting_init(&r, call);
    mw_status status = report(&r, err);
    cli_reporting_done(&r);
    return status;
}
