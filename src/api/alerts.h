/* Alerts, silences, rules and receivers, below /mw/v1: what room alert answers, asked for by HTTP.
 *
 *     exchange (loop) -> who is there -> pool -> room alert -> audit log -> reply
 *
 * Nothing here runs on a loop but the look at the address: the engine may wait for the disk. */
#ifndef API_ALERTS_H
#define API_ALERTS_H

#include "alert/alert.h"
#include "guard.h"
#include "route.h"

typedef struct api_alerts api_alerts;

/* registry: for the audit log; NULL: changes are logged instead. Both are borrowed. */
MW_CHECKED mw_status api_alerts_new(mw_alerts *alerts, mw_registry *registry,
                                    api_alerts **ret_alerts, mw_error *err);
/* Those that may be sent; borrowed. To be called before the server starts. */
void api_alerts_set_reports(api_alerts *alerts, const struct api_reports *reports);
/* Waits for what is at work. NULL is fine. */
void api_alerts_free(api_alerts *alerts);
bool api_alerts_takes(mw_view path);
/* `alerts` may be NULL: then it says how to have them. */
void api_alerts_handle(api_alerts *alerts, api_guard *guard, mw_exchange *exchange);
/* Method by method; false behind the last. For the test of rules and for /openapi.json. */
bool api_alerts_call(size_t i, mw_method *ret_method, const char **ret_path,
                     const char **ret_summary);

#endif
