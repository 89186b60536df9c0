/* --send: the server makes the report, keeps it, and puts it into its outbox for receivers of
 * alerts, which it tries until they take it. What is sent is the file that is kept, and what
 * --output gets.
 *
 *     POST /mw/v1/reports -> id -> POST /mw/v1/receivers/{name}:send, of each -> GET the file */
#include "reports.h"

static mw_status refuse_more(const cli_call *call, mw_error *err)
{
    /* what the server that makes it cannot be told */
    static const struct {
        int option;
        const char *flag;
    } others[] = {{CLI_RECORD, "--record"},        {CLI_LOG_FOLDER, "--log"},
                  {CLI_SINCE, "--since"},          {CLI_UNTIL, "--until"},
                  {CLI_OF_ENDPOINT, "--endpoint"}, {CLI_REPORT_WINDOW, "--window"},
                  {CLI_RESULTS, "--results"},      {CLI_CARD_TEXT, "--text"}};
    for (size_t i = 0; i < MW_COUNT(others); i++)
        if (call->settings[others[i].option].origin == CLI_FROM_FLAG) {
            mw_fail(err, MW_E_REPORT_WHICH, "%s is not for a report that a server sends",
                    others[i].flag);
            return mw_mend(err,
                           "the server makes it of what it knows: leave %s out; or write a "
                           "file with -o, and send that",
                           others[i].flag);
        }
    if (cli_tell_form(call) == CLI_PAPER_HTML)
        return MW_OK;
    mw_fail(err, MW_E_REPORT_WHICH, "what is sent is HTML");
    return mw_mend(err, "leave --format out, and let --output end with .html");
}

static mw_status post_id(cli_reporting *r, const char *kind, const char *of, mw_view *ret_id,
                         mw_error *err)
{
    mw_buf body;
    const mw_json *made;
    mw_buf_init(&body, 64 * MW_KIB);
    mw_buf_format(&body, "{\"kind\":\"%s\",\"of\":", kind);
    mw_json_write_text(&body, mw_view_of(of));
    mw_buf_char(&body, '}');
    mw_status status = cli_post(r, "/mw/v1/reports", mw_buf_as_view(&body), &made, err);
    mw_buf_done(&body);
    MW_TRY(status);
    *ret_id = mw_json_text(mw_json_member(made, "id"));
    if (ret_id->size > 0)
        return MW_OK;
    mw_fail(err, MW_E_REPORT_SOURCE, "the server's answer names no report");
    return mw_mend(err, "is this the address of a Millwright server?");
}

static mw_status post_to(cli_reporting *r, mw_view receiver, mw_view id, mw_error *err)
{
    mw_buf path, body;
    const mw_json *posted;
    mw_buf_init(&path, CLI_PATH_BYTES);
    mw_buf_init(&body, 64 * MW_KIB);
    mw_buf_text(&path, "/mw/v1/receivers/");
    cli_put_encoded(&path, receiver);
    mw_buf_text(&path, ":send");
    mw_buf_text(&body, "{\"report\":");
    mw_json_write_text(&body, id);
    mw_buf_char(&body, '}');
    mw_status status = path.failed ? mw_fail_memory(err, "the receiver's name")
                                   : cli_post(r, path.data, mw_buf_as_view(&body), &posted, err);
    mw_buf_done(&path);
    mw_buf_done(&body);
    if (status != MW_OK)
        mw_at(err, "--send %.*s", (int)(receiver.size < 80 ? receiver.size : 80), receiver.data);
    return status;
}

static mw_status put_file(cli_reporting *r, mw_view id, mw_buf *out, mw_error *err)
{
    mw_view page;
    mw_buf path;
    mw_buf_init(&path, CLI_PATH_BYTES);
    mw_buf_text(&path, "/mw/v1/reports/");
    cli_put_encoded(&path, id);
    mw_status status = cli_ask_text(r, path.data, &page, err);
    mw_buf_done(&path);
    if (status == MW_OK)
        mw_buf_view(out, page);
    return status;
}

static mw_status send_all(cli_reporting *r, const char *kind, const char *of, mw_buf *out,
                          mw_error *err)
{
    const cli_setting *settings = r->call->settings;
    mw_view id, left = mw_view_of(settings[CLI_SEND].text);
    MW_TRY(cli_reporting_reach(r, err));
    MW_TRY(post_id(r, kind, of, &id, err));
    while (left.size > 0)
        MW_TRY(post_to(r, mw_view_trim(mw_view_cut(&left, ',')), id, err));
    if (settings[CLI_OUTPUT].text)
        return put_file(r, id, out, err);
    mw_buf_format(out,
                  "%.*s is kept, and in the outbox for %s; GET /mw/v1/receivers tells when it "
                  "is taken\n",
                  MW_VIEW_ARG(id), settings[CLI_SEND].text);
    return MW_OK;
}

mw_status cli_send_report(const cli_call *call, const char *kind, mw_error *err)
{
    mw_buf out;
    cli_reporting r;
    MW_TRY(refuse_more(call, err));
    if (call->n_arguments == 0) {
        mw_fail(err, MW_E_REPORT_WHICH, "a report of what is to be sent?");
        return mw_mend(err, "name the endpoint, the alert or the version; --send is not for files");
    }
    mw_buf_init(&out, 64 * MW_MIB);
    cli_reporting_init(&r, call);
    mw_status status = send_all(&r, kind, call->arguments[0], &out, err);
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    cli_reporting_done(&r);
    mw_buf_done(&out);
    return status;
}
