/* api: the one route table, and what speaks about the server rather than predicting: metrics, the
 * description of the interface, the front page.
 *
 *     exchange -> route table (path, methods) -> handler of serve or of this room
 *
 * The same table answers 404, 405 with Allow, HEAD and OPTIONS, and writes /openapi.json.
 */
#ifndef API_API_H
#define API_API_H

#include "alert/alert.h"
#include "base/base.h"
#include "journal/journal.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "observe/observe.h"
#include "registry/registry.h"
#include "rollout/rollout.h"
#include "serve/serve.h"

typedef struct mw_api mw_api;

/* From which shares on something limits a server: what `mw status` says of this second, and the
 * page Capacity of a week. Queues grow steeply where a thread or a loop is so busy: at 85 % a
 * request waits about six times as long as its work takes (M/M/1: 1 / (1 - 0.85)). Of memory,
 * file descriptors and disk the last tenth is no reserve. */
#define MW_API_BUSY_LIMIT 0.85
#define MW_API_FULL_LIMIT 0.9

/* The fleet is borrowed and must outlive the api. */
MW_CHECKED mw_status mw_api_new(mw_fleet *fleet, mw_api **ret_api, mw_error *err);
void mw_api_free(mw_api *api);
/* Where webhooks of the record may lead (docs/reference/mlflow.md): https to public addresses; any
 * address, and http, too; nowhere. In the order of the choices of --webhooks. */
typedef enum mw_webhooks_mode {
    MW_WEBHOOKS_PUBLIC,
    MW_WEBHOOKS_ANY,
    MW_WEBHOOKS_OFF
} mw_webhooks_mode;
/* Before mw_api_set_registry. */
void mw_api_set_webhooks(mw_api *api, mw_webhooks_mode mode);
/* The record that MLflow's tracking and registry addresses are answered from; borrowed. Without one
 * they say how to get one. To be called before the server starts. */
MW_CHECKED mw_status mw_api_set_registry(mw_api *api, mw_registry *registry, mw_error *err);
/* An endpoint that the server was started with, whose own model and settings hold whatever the
 * record says: who applies a document is told. Texts are borrowed. Behind mw_api_set_registry,
 * before the server starts; without a record it does nothing. */
MW_CHECKED mw_status mw_api_own(mw_api *api, const char *name, const char *model, mw_error *err);
/* Ask who is there, from now on: the users and tokens of this record (guard.h). `guarded`:
 * endpoints whose predictions need a token, "all" or "a,b", or NULL; `metrics`: /metrics too. To be
 * called before the server starts; n_loops must equal the server's. */
MW_CHECKED mw_status mw_api_set_guard(mw_api *api, mw_registry *registry, unsigned n_loops,
                                      const char *guarded, bool metrics, mw_error *err);
/* The largest body of uploads of artifacts, and of other requests: for mw_api_body_cap. */
void mw_api_set_body_caps(mw_api *api, size_t artifact_bytes, size_t body_bytes);
/* Where what endpoints did (`traffic`) and reports (`reports`) are kept over a restart: the data
 * folder, which is there; borrowed, NULL = they are not. To be called before the next. */
void mw_api_set_folder(mw_api *api, const char *folder);
/* What somebody wants a report of, and where it goes. */
typedef struct mw_report_wish {
    mw_view kind, of;                   /* "weekly", "credit" */
    const char *authorization, *cookie; /* of the visitor: "Cookie: ..."; NULL: none */
    const char *path;                   /* of the file to write */
    mw_buf *ret_verdict;                /* takes the report's first sentence */
} mw_report_wish;

/* Who makes reports; called on a thread that may wait, and may ask this server. */
typedef struct mw_api_reports_maker {
    mw_status (*make)(void *user, const mw_report_wish *wish, mw_error *err);
    void *user;
} mw_api_reports_maker;

/* Reports are made and kept below the data folder from now on, which must have been set. To be
 * called before the server starts. */
MW_CHECKED mw_status mw_api_set_reports(mw_api *api, const mw_api_reports_maker *maker,
                                        mw_error *err);
/* The server whose connections /metrics counts, and whose streams are told of events; borrowed. To
 * be called before it starts; starts a thread of its own. */
MW_CHECKED mw_status mw_api_set_server(mw_api *api, mw_server *server, mw_error *err);
/* "/prefix" that a proxy puts before every address, or "": borrowed. Addresses are taken with it
 * and without. */
void mw_api_set_base_path(mw_api *api, const char *path);

/* By which names the record may be asked for besides addresses and localhost, parted by commas;
 * borrowed. NULL: by any (host.c). */
void mw_api_set_hosts(mw_api *api, const char *names);

/* Who gives ids to exchanges and tells of them; borrowed, NULL = nobody. */
void mw_api_set_observer(mw_api *api, mw_observer *observer);

/* The watch whose findings /drift and /metrics tell; borrowed, NULL = nothing is watched. */
void mw_api_set_monitor(mw_api *api, mw_monitor *monitor);

/* The prediction log that /metrics counts; borrowed, NULL = predictions are not kept. */
void mw_api_set_journal(mw_api *api, mw_journal *journal);
/* Alerts, for /mw/v1/alerts and its kin, and for /metrics; borrowed. registry: for the audit log,
 * or NULL. To be called before the server starts. */
MW_CHECKED mw_status mw_api_set_alerts(mw_api *api, mw_alerts *alerts, mw_registry *registry,
                                       mw_error *err);
/* The page of /metrics, in Prometheus text; `api` is an mw_api. Any thread, while the server is
 * open. */
void mw_api_write_metrics(void *api, mw_buf *out);
/* Who runs the rollouts that /metrics tells of; borrowed, NULL = nobody. */
void mw_api_set_conductor(mw_api *api, mw_conductor *conductor);

/* Cores that the process may use, for /metrics. */
void mw_api_set_cores(mw_api *api, unsigned cores);

/* A version's lineage as JSON, and a line's end. */
void mw_api_write_lineage(const mw_lineage *lineage, mw_buf *out);

/* Give these to mw_server_options with `user` = the api. */
void mw_api_handle(void *api, mw_exchange *exchange);
size_t mw_api_body_cap(void *api, const mw_exchange *exchange);
bool mw_api_body_in_pieces(void *api, const mw_exchange *exchange);
size_t mw_api_body_lead(void *api, const mw_exchange *exchange);
void mw_api_fault(void *api, mw_exchange *exchange, const mw_error *err);
void mw_api_done(void *api, const mw_exchange *exchange, const mw_outcome *outcome);

#endif
