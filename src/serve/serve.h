/* serve: the data plane. Endpoints are found, rows are decoded, predicted and answered, models are
 * swapped under traffic, in the protocols that clients already speak.
 *
 *     exchange -> route -> pin the plan -> rows -> predict -> reply
 *                                                    `-> tap (monitors join here, behind the answer)
 *
 * What a loop serves is one immutable plan, reached by one atomic pointer. A new plan is built aside
 * and swapped; the old one is freed when no loop reads it (plan.c).
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "base/base.h"
#include "net/net.h"
#include "predict/predict.h"

typedef struct mw_fleet mw_fleet;

typedef struct mw_fleet_options {
    unsigned n_loops;   /* must equal the server's */
    unsigned n_workers; /* threads for bodies too large for a loop; 0 = as many as loops */
    size_t max_body_bytes; /* also of a body after decompression */
    const char *model_folder; /* --models DIR: where load requests may find models not named at start;
                                 NULL = only those named at start */
} mw_fleet_options;

MW_CHECKED mw_status mw_fleet_new(const mw_fleet_options *options, mw_fleet **ret_fleet,
                                  mw_error *err);
/* Nothing may be in flight. NULL is fine. */
void mw_fleet_free(mw_fleet *fleet);

/* Add an endpoint that serves the model at `path` (borrowed for the call), and load it.
 * Fails as mw_forest_load, or MW_CONFLICT when the name is taken, MW_BAD_ARGUMENT when the name is
 * not 1..250 bytes of letters, digits and _ - . (it stands in URLs and labels). */
MW_CHECKED mw_status mw_fleet_add(mw_fleet *fleet, const char *name, const char *path,
                                  mw_error *err);
/* Load the endpoint's file again and swap it in; on failure the old model goes on serving.
 * Also loads an endpoint that was unloaded. Any thread; blocks for the load. */
MW_CHECKED mw_status mw_fleet_reload(mw_fleet *fleet, const char *name, mw_error *err);
/* Every endpoint; all or nothing: when one fails no model is swapped. For SIGHUP. */
MW_CHECKED mw_status mw_fleet_reload_all(mw_fleet *fleet, mw_error *err);
/* Stop serving it; its name, path and counters are kept. */
MW_CHECKED mw_status mw_fleet_unload(mw_fleet *fleet, const char *name, mw_error *err);
/* From now on /v2/health/ready answers 503: the server is about to stop. */
void mw_fleet_set_draining(mw_fleet *fleet);

/* What an endpoint is now; texts are copied into the caller's arena. */
typedef struct mw_endpoint_info {
    mw_view name, path;
    unsigned version;     /* 1, 2, ... counts loads */
    bool ready;
    mw_view reason;       /* why it is not ready, or what the last failed reload said */
    size_t memory_bytes;
    const mw_forest *forest; /* NULL when not ready; only valid while the plan is pinned */
} mw_endpoint_info;

/* Prediction protocols, one file each. Each looks at method and path; true = it took the exchange
 * (answered, or deferred). `loop` of the exchange selects counters and scratch. */
bool serve_mlflow(mw_fleet *fleet, mw_exchange *exchange);    /* /invocations, /ping, ... */
bool serve_oip(mw_fleet *fleet, mw_exchange *exchange);       /* /v2... */
bool serve_kserve_v1(mw_fleet *fleet, mw_exchange *exchange); /* /v1/models... */

#endif
