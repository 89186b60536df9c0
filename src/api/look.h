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
/* {"name": "churn", "state": "ok", ...}: an endpoint as the overview has it. */
void api_put_endpoint(mw_api *api, const mw_endpoint_info *info, mw_buf *out);
/* {"now": ..., "items": [..]}: those that the visitor may see. */
void api_put_overview(mw_api *api, const api_visitor *visitor, mw_buf *out);
/* The seconds that a rate of now is over. */
enum { LOOK_RATE_SECONDS = 60 };

/* The endpoint of this name; `see` is called once, or never: false. */
bool api_find_endpoint(mw_api *api, mw_view name,
                       void (*see)(void *user, const mw_endpoint_info *info), void *user);
/* MW_E_ENDPOINT_UNKNOWN, and which there are. */
mw_status api_fail_unknown(mw_api *api, mw_view name, mw_error *err);

#endif
