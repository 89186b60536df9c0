/* What `mw report weekly` and `incident` are made from: a running server, a record, a prediction
 * log, as many of them as were named. What one of them lacks becomes a gap of the report. */
#ifndef CLI_REPORT_SOURCES_H
#define CLI_REPORT_SOURCES_H

#include "reports.h"

/* The server is asked unless a record or a log stands in for it: --server was then not given. */
bool cli_asks_server(const cli_call *call);
/* --since and --until, in seconds since 1970; `usual` where --since is absent (NaN: needed).
 * Fails: MW_BAD_ARGUMENT. */
MW_CHECKED mw_status cli_read_span(const cli_call *call, double usual, double *ret_from,
                                   double *ret_to, mw_error *err);
/* "/mw/v1/endpoints/NAME" and what follows. */
void cli_endpoint_path(char path[CLI_PATH_BYTES], mw_view name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The audit log since then, and rollouts (of the endpoint, where its data is not NULL): of the
 * record where one is named, else of the server. NULL: not to be had, and a gap. */
MW_CHECKED mw_status cli_gather_changes(cli_reporting *r, mw_view endpoint, double since,
                                        const mw_json **ret_audit, const mw_json **ret_rollouts,
                                        mw_error *err);
/* The newest alerts, 1,000 at most. */
MW_CHECKED mw_status cli_gather_alerts(cli_reporting *r, mw_view endpoint,
                                       const mw_json **ret_alerts, mw_error *err);
/* Counters since the server began. */
MW_CHECKED mw_status cli_gather_counters(cli_reporting *r, mw_view endpoint, mw_counters *ret,
                                         mw_error *err);
/* Rows a day over two weeks up to `to`, and how good the answers of either week were. */
MW_CHECKED mw_status cli_gather_log(cli_reporting *r, mw_week *week, mw_error *err);
/* Who told: "the server at 127.0.0.1:8080, the record mw-record". */
const char *cli_name_sources(cli_reporting *r);

/* The model of an endpoint, as its rollouts name it; empty: not known. */
mw_view cli_model_of(const mw_json *rollouts);

#endif
