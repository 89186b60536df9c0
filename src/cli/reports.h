/* What `mw report drift`, `fairness`, `weekly` and `incident` share: asking a running server for
 * what it knows, and writing the paper (report/paper.h) in the form that was asked for. */
#ifndef CLI_REPORTS_H
#define CLI_REPORTS_H

#include "call.h"
#include "net/net.h"
#include "reach.h"
#include "report/report.h"

enum { CLI_ANSWERS_MAX = 64, CLI_GAPS_MAX = 32, CLI_PATH_BYTES = 1024 };

/* A report on its way: memory, answers of the server, and what could not be had. */
typedef struct cli_reporting {
    const cli_call *call;
    mw_arena arena;
    mw_dial *dial; /* NULL: no server is asked */
    mw_client *client;
    mw_json *answers[CLI_ANSWERS_MAX]; /* owned */
    size_t n_answers;
    const char *gaps[CLI_GAPS_MAX]; /* sentences, in the arena */
    size_t n_gaps;
} cli_reporting;

void cli_reporting_init(cli_reporting *r, const cli_call *call);
void cli_reporting_done(cli_reporting *r);

/* Fails: as cli_reach, and when nobody listens. */
MW_CHECKED mw_status cli_reporting_reach(cli_reporting *r, mw_error *err);
/* GET a path. Fails: MW_BAD_DATA (MW1082) in the server's words. */
MW_CHECKED mw_status cli_ask(cli_reporting *r, const char *path, const mw_json **ret_answer,
                             mw_error *err);
/* The same where the report can do without: NULL, and a gap that says what is not known and why. */
MW_CHECKED mw_status cli_ask_perhaps(cli_reporting *r, const char *what, const char *path,
                                     const mw_json **ret_answer, mw_error *err);
/* POST JSON to a path. Fails: as cli_ask. It is not sent a second time. */
MW_CHECKED mw_status cli_post(cli_reporting *r, const char *path, mw_view body,
                              const mw_json **ret_answer, mw_error *err);
/* A page of text, copied into the arena. */
MW_CHECKED mw_status cli_ask_text(cli_reporting *r, const char *path, mw_view *ret_text,
                                  mw_error *err);
/* "it is not known how fast it was: ..." */
void cli_add_gap(cli_reporting *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Read JSON and keep it as an answer. */
MW_CHECKED mw_status cli_keep_json(cli_reporting *r, mw_view text, const mw_json **ret_answer,
                                   mw_error *err);
/* HTML, Markdown or JSON, to --output: --format says which, or what --output ends with. */
MW_CHECKED mw_status cli_put_paper(const cli_call *call, const mw_paper *paper, mw_error *err);

/* --send (report_send.c), of what the first argument names. */
MW_CHECKED mw_status cli_send_report(const cli_call *call, const char *kind, mw_error *err);

typedef enum cli_paper_form { CLI_PAPER_HTML, CLI_PAPER_MARKDOWN, CLI_PAPER_JSON } cli_paper_form;
cli_paper_form cli_tell_form(const cli_call *call);

#endif
