/* report fairness: how groups fare, for those who decide and those who advise them.
 *
 *     rows --as mw fairness check--> its JSON --+
 *     that JSON, as it was kept ----------------+--> paper (report/fairness_paper.c) */
#include "fairness.h"
#include "reports.h"

#define FINDING_BYTES (256 * MW_MIB)

static mw_status measure(cli_reporting *r, const mw_json **ret_check, mw_error *err)
{
    mw_buf json;
    cli_fair job;
    mw_buf_init(&json, FINDING_BYTES);
    cli_fair_init(&job, r->call);
    mw_status status = cli_fair_make(&job, err);
    if (status == MW_OK)
        status = cli_fair_json(&job, &json, err);
    if (status == MW_OK)
        status = json.failed ? mw_fail_memory(err, "the finding")
                             : cli_keep_json(r, mw_buf_as_view(&json), ret_check, err);
    cli_fair_done(&job);
    mw_buf_done(&json);
    return status;
}

static mw_status read(cli_reporting *r, const char *path, const mw_json **ret_check, mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, FINDING_BYTES, &file, err));
    mw_status status = cli_keep_json(r, (mw_view){file.data, file.size}, ret_check, err);
    mw_file_done(&file);
    if (status != MW_OK)
        return mw_at(err, "%s", path);
    if (mw_view_is(mw_json_text(mw_json_member(*ret_check, "kind")), "fairness"))
        return MW_OK;
    mw_fail(err, MW_E_REPORT_SOURCE, "this is no result of a fairness check");
    mw_at(err, "%s", path);
    return mw_mend(err, "give the JSON of 'mw fairness check --format json'");
}

static mw_status report(cli_reporting *r, mw_error *err)
{
    const mw_json *check;
    const cli_call *call = r->call;
    bool has_data = call->settings[CLI_FAIR_DATA].text;
    if (has_data == (call->n_arguments > 0)) {
        mw_fail(err, MW_E_REPORT_WHICH,
                has_data ? "both rows and a result are given" : "neither rows nor a result");
        return mw_mend(err, "mw report fairness --data rows.csv --label y --score p --groups sex, "
                            "or mw report fairness fairness.json");
    }
    if (has_data)
        MW_TRY(measure(r, &check, err));
    else
        MW_TRY(read(r, call->arguments[0], &check, err));
    mw_paper *paper = mw_paper_new(&r->arena, "fairness", "Fairness",
                                   mw_json_text(mw_json_member(check, "data")));
    if (paper)
        mw_report_fairness(check, paper);
    return cli_put_paper(call, paper, err);
}

mw_status cli_run_report_fairness(cli_call *call, mw_error *err)
{
    cli_reporting r;
    cli_reporting_init(&r, call);
    mw_status status = report(&r, err);
    cli_reporting_done(&r);
    return status;
}
