/* What the pages read, below /mw/v1: how the endpoints are, now and lately (look*.c, events.c).
 *
 *     exchange, who asks --> samples, fleet, monitor --> JSON with an ETag, or a stream of events
 */
#ifndef API_LOOK_H
#define API_LOOK_H

#include "guard.h"
#include "pulse.h"
#include "route.h"

/* Whether the visitor may see an endpoint. */
bool api_sees(const api_visitor *visitor, const char *endpoint);

/* ---- the question (look_query.c) ------------------------------------------------------------- */

/* The value of a query's parameter, decoded into the exchange's arena; absent: {NULL, 0}. */
mw_view api_query(mw_exchange *exchange, const char *name);
/* A whole number from min to max; `usual` where it is absent. Fails: MW_BAD_ARGUMENT (MW3526). */
MW_CHECKED mw_status api_query_number(mw_exchange *exchange, const char *name, int64_t min,
                                      int64_t max, int64_t usual, int64_t *ret_number,
                                      mw_error *err);

/* ---- the answer ------------------------------------------------------------------------------ */

/* JSON, with an ETag: 304 where the client has it already. */
void api_answer_json(mw_exchange *exchange);
/* problem+json. */
void api_answer_error(mw_exchange *exchange, const mw_error *err);

/* ---- pieces (look.c) ------------------------------------------------------------------------- */

/* `,"name":1.5`, null where it is no number. */
void api_put_double(mw_buf *out, const char *name, double value);
void api_put_bool(mw_buf *out, const char *name, bool value);
/* The seconds that a rate of now is over; points of the last five minutes. */
enum { LOOK_RATE_SECONDS = 60, LOOK_SPARK_POINTS = 30, OVERVIEW_SECONDS_MAX = 10 };

/* How good an endpoint's model is, by what models of its task are compared by: of its newest 10,000
 * labels, with the 95 % interval. */
typedef struct api_quality {
    const char *metric; /* NULL: no label came */
    double value, low, high;
    size_t n_labels;
} api_quality;

/* What takes time to find out of an endpoint; of the fleet nothing is asked. */
typedef struct api_sight {
    bool is_watched, has_worst, worst_drifted, is_sampled;
    mw_watch_report watch;
    size_t worst_column; /* by psi_since, else psi; has_worst: enough rows */
    double worst_psi;
    api_sample minute;
    int64_t seconds; /* that the rates are over */
    double spark[LOOK_SPARK_POINTS];
    int64_t since; /* the second in which the version was first seen here */
    api_quality quality;
} api_sight;

/* model: mw_journal_model of what is served; 0: nothing is, or nothing is kept. */
void api_look_at(mw_api *api, const char *endpoint, unsigned version, uint64_t model,
                 api_sight *ret_sight);
uint64_t api_model_of(mw_api *api, const mw_endpoint_info *info);
/* {"name": "churn", "state": "ok", ...}: an endpoint as the overview has it. */
void api_put_sight(const mw_endpoint_info *info, const api_sight *sight, mw_buf *out);

/* ---- the overview (look_overview.c) ---------------------------------------------------------- */

typedef struct api_board api_board;

MW_CHECKED mw_status api_board_new(mw_api *api, api_board **ret_board, mw_error *err);
/* The pulse must have ended. NULL is fine. */
void api_board_free(api_board *board);
/* Somebody listens: for some seconds an overview is made as often as its size allows. Any thread,
 * as the next; none of them waits. */
void api_board_listen(api_board *board);
/* The newest overview, less what the visitor may not see; false: none since that second. */
bool api_board_put(api_board *board, int64_t since, const api_visitor *visitor, mw_buf *out);
/* The second in which alerts, or rollouts, changed last. */
int64_t api_board_alerts_at(const api_board *board);
int64_t api_board_rollouts_at(const api_board *board);

/* ---- reports (report_pages.c) ---------------------------------------------------------------- */

typedef struct api_reports api_reports;

MW_CHECKED mw_status api_reports_new(const char *data_folder, const mw_api_reports_maker *maker,
                                     api_reports **ret_reports, mw_error *err);
/* One that is kept: its file and what a mail says of it; texts in the arena.
 * Fails: MW_NOT_FOUND (MW3532). */
MW_CHECKED mw_status api_reports_read(const api_reports *reports, mw_view id, mw_arena *arena,
                                      mw_alert_report *ret_report, mw_error *err);
/* A mw_alert_reporter's way to have one made and kept; user: api_reports. */
mw_status api_reports_make(void *user, mw_view kind, mw_view of, mw_view token, mw_arena *arena,
                           mw_alert_report *ret_report, mw_error *err);
/* After the server was closed. NULL is fine. */
void api_reports_free(api_reports *reports);

/* ---- endpoints by name ------------------------------------------------------------------------
 */

/* The endpoint of this name; `see` is called once, or never: false. */
bool api_find_endpoint(mw_api *api, mw_view name,
                       void (*see)(void *user, const mw_endpoint_info *info), void *user);
/* Whether the endpoint's treatment of groups is watched: the route /fairness answers. */
bool api_compares_groups(mw_api *api, mw_view endpoint);
/* MW_E_ENDPOINT_UNKNOWN, and which there are. */
mw_status api_fail_unknown(mw_api *api, mw_view name, mw_error *err);

#endif
