/* Reports: a server is asked, the paper is written. */
#include "reports.h"

#include <stdarg.h>

#define REPORT_BYTES (64 * MW_MIB)

enum { CALL_MS = 20000, GAP_BYTES = 1024 };

void cli_reporting_init(cli_reporting *r, const cli_call *call)
{
    *r = (cli_reporting){.call = call};
    mw_arena_init(&r->arena, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
}

void cli_reporting_done(cli_reporting *r)
{
    for (size_t i = 0; i < r->n_answers; i++)
        mw_json_free(r->answers[i]);
    mw_client_close(r->client);
    mw_dial_free(r->dial);
    mw_arena_done(&r->arena);
}

mw_status cli_reporting_reach(cli_reporting *r, mw_error *err)
{
    MW_TRY(cli_reach(r->call, NULL, &r->dial, err));
    return mw_client_open_to(r->dial, CALL_MS, &r->client, err);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static mw_status fail_refused(const char *path, int http_status, mw_view body, mw_error *err)
{
    if (http_status == 404)
        mw_fail(err, MW_E_REPORT_UNKNOWN, "the server answers 404 to %.*s", (int)strcspn(path, "?"),
                path);
    else
        mw_fail(err, MW_E_REPORT_REPLY, "the server answers %d to %.*s", http_status,
                (int)strcspn(path, "?"), path);
    return cli_tell_refusal(http_status, body, "'mw status' tells which endpoints the server has",
                            err);
}

/* A server may end a connection behind an answer: a second one is opened once. */
static mw_status ask(cli_reporting *r, const char *path, mw_view *ret_body, mw_error *err)
{
    int http_status = 0;
    mw_view none = {NULL, 0};
    mw_status status =
        r->client ? mw_client_call(r->client, "GET", path, NULL, none, &http_status, ret_body, err)
                  : MW_IO;
    if (status != MW_OK) {
        mw_client_close(r->client);
        r->client = NULL;
        MW_TRY(mw_client_open_to(r->dial, CALL_MS, &r->client, err));
        MW_TRY(mw_client_call(r->client, "GET", path, NULL, none, &http_status, ret_body, err));
    }
    return http_status == 200 ? MW_OK : fail_refused(path, http_status, *ret_body, err);
}

mw_status cli_keep_json(cli_reporting *r, mw_view text, const mw_json **ret_answer, mw_error *err)
{
    if (r->n_answers == CLI_ANSWERS_MAX) {
        mw_fail(err, MW_E_REPORT_REPLY, "more than %d answers are needed", (int)CLI_ANSWERS_MAX);
        return mw_mend(err, "ask for a shorter span of time");
    }
    MW_TRY(mw_json_read(text, &r->answers[r->n_answers], err));
    *ret_answer = r->answers[r->n_answers++];
    return MW_OK;
}

mw_status cli_ask(cli_reporting *r, const char *path, const mw_json **ret_answer, mw_error *err)
{
    mw_view body;
    MW_TRY(ask(r, path, &body, err));
    mw_status status = cli_keep_json(r, body, ret_answer, err);
    if (status == MW_OK && mw_json_is_object(*ret_answer))
        return MW_OK;
    if (status == MW_OK) {
        mw_fail(err, MW_E_REPORT_SOURCE, "the answer is no JSON object");
        mw_mend(err, "is this the address of a Millwright server?");
    }
    return mw_at(err, "%s", path);
}

mw_status cli_post(cli_reporting *r, const char *path, mw_view body, const mw_json **ret_answer,
                   mw_error *err)
{
    int http_status = 0;
    mw_view answer;
    MW_TRY(mw_client_call(r->client, "POST", path, "application/json", body, &http_status, &answer,
                          err));
    if (http_status != 200 && http_status != 201)
        return fail_refused(path, http_status, answer, err);
    return cli_keep_json(r, answer, ret_answer, err);
}

/* What the server said of it, in its words; of a connection that failed, how. */
static void put_gap(cli_reporting *r, const char *what, const mw_error *refused)
{
    bool is_reply = refused->code == MW_E_REPORT_REPLY || refused->code == MW_E_REPORT_UNKNOWN;
    if (is_reply && refused->why[0])
        cli_add_gap(r, "%s: %s", what, refused->why);
    else
        cli_add_gap(r, "%s: %s%s%s", what, refused->what, refused->why[0] ? ": " : "",
                    refused->why);
}

mw_status cli_ask_perhaps(cli_reporting *r, const char *what, const char *path,
                          const mw_json **ret_answer, mw_error *err)
{
    mw_error refused;
    *ret_answer = NULL;
    mw_status status = cli_ask(r, path, ret_answer, &refused);
    if (status == MW_NO_MEMORY) {
        *err = refused;
        return status;
    }
    if (status != MW_OK)
        put_gap(r, what, &refused);
    return MW_OK;
}

mw_status cli_ask_text(cli_reporting *r, const char *path, mw_view *ret_text, mw_error *err)
{
    mw_view body;
    MW_TRY(ask(r, path, &body, err));
    *ret_text = (mw_view){mw_arena_text(&r->arena, body), body.size};
    return ret_text->data ? MW_OK : mw_fail_memory(err, "the server's answer");
}

void cli_add_gap(cli_reporting *r, const char *format, ...)
{
    char text[GAP_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *kept = mw_arena_text(&r->arena, mw_view_of(text));
    if (kept && r->n_gaps < CLI_GAPS_MAX)
        r->gaps[r->n_gaps++] = kept;
}

/* ---- writing --------------------------------------------------------------------------------- */

cli_paper_form cli_tell_form(const cli_call *call)
{
    const cli_setting *wish = &call->settings[CLI_DATA_FORMAT];
    const char *output = call->settings[CLI_OUTPUT].text;
    const char *dot = output ? strrchr(output, '.') : NULL;
    if (wish->origin != CLI_FROM_DEFAULT || !dot)
        return (cli_paper_form)wish->number;
    return strcmp(dot, ".md") == 0     ? CLI_PAPER_MARKDOWN
           : strcmp(dot, ".json") == 0 ? CLI_PAPER_JSON
                                       : CLI_PAPER_HTML;
}

mw_status cli_put_paper(const cli_call *call, const mw_paper *paper, mw_error *err)
{
    static void (*const writers[])(const mw_paper *, mw_buf *) = {mw_paper_html, mw_paper_markdown,
                                                                  mw_paper_json};
    mw_buf out;
    if (!paper || mw_paper_failed(paper))
        return mw_fail_memory(err, "the report");
    if (call->verdict)
        mw_buf_view(call->verdict, mw_paper_first_sentence(paper));
    mw_buf_init(&out, REPORT_BYTES);
    writers[cli_tell_form(call)](paper, &out);
    mw_status status = out.failed ? mw_fail_memory(err, "the report") : cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}
