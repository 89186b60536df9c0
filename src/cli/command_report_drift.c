/* report drift: which columns changed, how sure, since when, and what follows; for people.
 *
 *     two files --as mw drift check--> its JSON ---+
 *     a server's /drift, series, bins -------------+--> paper (report/drift_paper.c) */
#include "drift.h"
#include "reports.h"

#define FINDING_BYTES (256 * MW_MIB)

/* ---- files ----------------------------------------------------------------------------------- */

static mw_status write_files(cli_reporting *r, const cli_drift *job, mw_error *err)
{
    mw_buf json;
    const mw_json *check;
    mw_buf_init(&json, FINDING_BYTES);
    cli_drift_json(job, &json);
    mw_status status = json.failed ? mw_fail_memory(err, "the finding")
                                   : cli_keep_json(r, mw_buf_as_view(&json), &check, err);
    mw_buf_done(&json);
    MW_TRY(status);
    mw_paper *paper = mw_paper_new(&r->arena, "drift", "Drift", mw_view_of(job->current.path));
    if (paper)
        mw_report_drift_files(check, paper);
    return cli_put_paper(r->call, paper, err);
}

static mw_status report_files(cli_reporting *r, mw_error *err)
{
    cli_drift job;
    cli_drift_init(&job, r->call);
    mw_status status = cli_drift_make(&job, err);
    if (status == MW_OK)
        status = write_files(r, &job, err);
    cli_drift_done(&job);
    return status;
}

/* ---- live ------------------------------------------------------------------------------------ */

static void put_path(char *path, mw_view name, const char *what, const char *window)
{
    mw_buf text;
    mw_buf_init(&text, CLI_PATH_BYTES);
    mw_buf_text(&text, "/mw/v1/endpoints/");
    cli_put_encoded(&text, name);
    mw_buf_format(&text, "/%s", what);
    if (window)
        mw_buf_format(&text, "?window=%s", window);
    snprintf(path, CLI_PATH_BYTES, "%s", text.data);
    mw_buf_done(&text);
}

static mw_status report_live(cli_reporting *r, mw_error *err)
{
    char path[CLI_PATH_BYTES];
    const char *window = r->call->settings[CLI_REPORT_WINDOW].text;
    mw_live_drift live = {.endpoint = mw_view_of(r->call->arguments[0]),
                          .window = window,
                          .now = (double)mw_clock_wall_ms() / 1000};
    MW_TRY(cli_reporting_reach(r, err));
    live.server = cli_reach_name(r->dial);
    put_path(path, live.endpoint, "drift", window);
    MW_TRY(cli_ask(r, path, &live.drift, err));
    put_path(path, live.endpoint, "drift/bins", window);
    MW_TRY(cli_ask_perhaps(r, "distributions before and now", path, &live.bins, err));
    put_path(path, live.endpoint, "drift/series", window);
    MW_TRY(cli_ask_perhaps(r, "drift over time", path, &live.series, err));
    live.gaps = r->gaps;
    live.n_gaps = r->n_gaps;
    mw_paper *paper = mw_paper_new(&r->arena, "drift", "Drift", live.endpoint);
    if (paper)
        mw_report_drift_live(&live, paper);
    return cli_put_paper(r->call, paper, err);
}

static mw_status check_which(const cli_call *call, mw_error *err)
{
    bool has_files = call->settings[CLI_REF].text || call->settings[CLI_CUR].text;
    if (has_files != (call->n_arguments > 0))
        return MW_OK;
    mw_fail(err, MW_E_REPORT_WHICH,
            has_files ? "both files and an endpoint are given" : "neither files nor an endpoint");
    return mw_mend(err, "mw report drift --ref REF.csv --cur CUR.csv, or mw report drift "
                        "ENDPOINT --server ADDRESS");
}

mw_status cli_run_report_drift(cli_call *call, mw_error *err)
{
    cli_reporting r;
    MW_TRY(check_which(call, err));
    if (call->settings[CLI_SEND].text)
        return cli_send_report(call, "drift", err);
    cli_reporting_init(&r, call);
    mw_status status = call->n_arguments > 0 ? report_live(&r, err) : report_files(&r, err);
    cli_reporting_done(&r);
    return status;
}
