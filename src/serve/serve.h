/* serve: the data plane. Endpoints are found, rows are decoded, predicted and answered, models are
 * swapped under traffic, in the protocols that clients already speak.
 *
 *     exchange -> (api's route table) -> handler -> pin the plan -> rows -> predict -> reply
 *                                 tap: monitors join here, behind the answer <-'
 *
 * What a loop serves is one immutable plan, reached by one atomic pointer. A new plan is built
 * aside and swapped in; the old one is freed when no loop reads it (plan.c).
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "base/base.h"
#include "net/net.h"
#include "predict/predict.h"
#include "release/release.h"

/* ---- the fleet ------------------------------------------------------------------------------- */

typedef struct mw_fleet mw_fleet;

/* Sees the rows and values of an answered request; runs on the thread that answered, must not
 * block. Everything is borrowed for the call. */
typedef void mw_tap(void *user, const char *endpoint, unsigned version, const mw_matrix *rows,
                    const double *values, size_t n_outputs);

/* One answered request, with its id and model, for who keeps it. All borrowed for the call. */
typedef struct mw_answered {
    const char *endpoint; /* lives as long as the fleet */
    unsigned version;
    const mw_forest *forest;
    mw_view request_id;
    const mw_matrix *rows;
    const double *values; /* (n_rows, n_outputs) */
    size_t n_outputs;
} mw_answered;

/* As mw_tap. */
typedef void mw_answer_tap(void *user, const mw_answered *answered);

/* How unlike a reference rows are, 0..1 each, for requests that ask (anomaly=true). False: it is
 * not known (yet). As a tap else, but before the answer. */
typedef bool mw_anomaly_scores(void *user, const char *endpoint, unsigned version,
                               const mw_matrix *rows, double *ret_scores);

/* Which requests of an endpoint are taken. 0 = the usual, from base/limits.h; of the rate: none. */
typedef struct mw_admission {
    uint64_t budget_ns;   /* answers should be made within it; half of it may be waiting */
    size_t queue_length;  /* so many may wait for a worker */
    uint64_t rate, burst; /* requests a second of each client, and at once; burst 0 = the rate */
    bool is_off;          /* all are taken, however long they wait: to compare */
} mw_admission;

typedef struct mw_fleet_options {
    mw_admission admission;     /* of endpoints for which nothing else is said */
    unsigned n_loops;           /* must equal the server's */
    unsigned n_workers;         /* threads for bodies too large for a loop; 0 = as many as loops */
    size_t max_body_bytes;      /* also of a body after decompression */
    const char *model_folder;   /* where load requests may find models that were not named at start
                                   (NAME, NAME.json, NAME.ubj, NAME.txt); NULL = only those named */
    mw_tap *tap;                /* NULL = none */
    mw_anomaly_scores *anomaly; /* NULL = not known */
    void *tap_user;             /* of both */
    mw_answer_tap *answer_tap;  /* a second one; NULL = none */
    void *answer_user;
    struct mw_observer *observer; /* whose sampling settings calls may change; NULL = none */
    bool shared_memory;           /* clients may register shared memory, and tensors lie there */
    bool breaks_contracts; /* take models that break their endpoint's clients, with a warning */
} mw_fleet_options;

MW_CHECKED mw_status mw_fleet_new(const mw_fleet_options *options, mw_fleet **ret_fleet,
                                  mw_error *err);
/* Its threads end, and with them the last who tap; models and names are still there. The server
 * must have been closed. NULL is fine. */
void mw_fleet_quiet(mw_fleet *fleet);
/* Quiets it, too. NULL is fine. */
void mw_fleet_free(mw_fleet *fleet);

/* Whether an endpoint may have this name: 1..250 letters, digits and _ - . not beginning with a
 * point (it stands in addresses and labels). Fails: MW_BAD_ARGUMENT. */
MW_CHECKED mw_status mw_endpoint_check_name(const char *name, mw_error *err);
/* Add an endpoint that serves the model at `path` (borrowed for the call), and load it;
 * `background` (NULL = none) is a file of rows that contributions are against, read with the model.
 * Any thread; blocks for the load. Fails as mw_forest_load; MW_CONFLICT when the name is taken;
 * MW_BAD_ARGUMENT when mw_endpoint_check_name refuses it. */
MW_CHECKED mw_status mw_fleet_add(mw_fleet *fleet, const char *name, const char *path,
                                  const char *background, mw_error *err);
/* The same with limits of its own, also while the server runs. NULL: the fleet's. */
MW_CHECKED mw_status mw_fleet_add_limited(mw_fleet *fleet, const char *name, const char *path,
                                          const char *background, const mw_admission *limits,
                                          mw_error *err);
/* Other limits, from the next request on, and another file of rows to explain against (NULL =
 * none), from the next load on: mw_fleet_reload. Any thread. Fails: MW_NOT_FOUND, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_fleet_retune(mw_fleet *fleet, const char *name, const char *background,
                                     const mw_admission *limits, mw_error *err);
/* Load the endpoint's file again and swap it in; on failure the old model goes on serving. Also
 * loads one that was unloaded, or that stands in the model folder. Any thread; blocks for the load.
 * Fails as mw_fleet_add; MW_CONFLICT (MW3525) when it would break the clients of what is served
 * (mw_contract_compare), here and in the next two. */
MW_CHECKED mw_status mw_fleet_reload(mw_fleet *fleet, const char *name, mw_error *err);
/* The same from another path, which is its path from then on; may_break: whatever it breaks. On
 * failure nothing has changed. */
MW_CHECKED mw_status mw_fleet_move(mw_fleet *fleet, const char *name, const char *path,
                                   bool may_break, mw_error *err);
/* ---- two versions at once (rollouts.c) ------------------------------------------------------- */

typedef struct mw_split_options {
    uint8_t salt[MW_SALT_BYTES];
    const char *key_header;      /* whose value keeps a client on one version; NULL = none */
    const char *labels[MW_ARMS]; /* what answers call the versions: of the old and the new one */
    const mw_rollout_groups
        *groups;    /* of requests, by a column; borrowed for the call; NULL = none */
    bool may_break; /* load it whatever it breaks */
    bool is_served; /* the one that is served is the new one, and `path` is the old one's: after a
                       promotion, when a server starts again */
} mw_split_options;

/* Load a second version beside the one that is served; it gets no request yet (all, where it is the
 * old one). Takes the place of one that was there before. Any thread; blocks for the load. Fails as
 * mw_fleet_move; then nothing has changed. */
MW_CHECKED mw_status mw_fleet_challenge(mw_fleet *fleet, const char *name, const char *path,
                                        const mw_split_options *options, mw_error *err);
/* From the next request on: the new version's share, and the share of requests that are copied to
 * it. Never waits for a load. False: there is no second version. */
bool mw_fleet_weigh(mw_fleet *fleet, const char *name, double weight, double shadow);
/* What both have done since the challenge; false as above. */
bool mw_fleet_arms(mw_fleet *fleet, const char *name, mw_arm ret_arms[MW_ARMS]);
/* Of requests that were copied: values compared, those that differ (by more than 1e-6 relative),
 * and the sum of the differences; requests that were dropped because the queue was full. */
typedef struct mw_shadow_counts {
    uint64_t values, different, dropped;
    double difference;
} mw_shadow_counts;
bool mw_fleet_shadow(mw_fleet *fleet, const char *name, mw_shadow_counts *ret_counts);
/* Scores of the old version, of the beginning; and the edges by which those of both are counted
 * from now on, once. */
size_t mw_fleet_first_scores(mw_fleet *fleet, const char *name, double *ret_scores, size_t room);
/* The columns whose values are compared between the arms; returns how many. */
size_t mw_fleet_covariates(mw_fleet *fleet, const char *name,
                           char ret_names[MW_ARM_COVARIATES][MW_COLUMN_NAME_BYTES]);
void mw_fleet_set_edges(mw_fleet *fleet, const char *name, const double *edges, size_t n_edges);
/* The one that is not served goes. Fails: MW_NOT_FOUND. mw_fleet_move to the path of the second
 * version swaps the two instead of loading anything. */
MW_CHECKED mw_status mw_fleet_dismiss(mw_fleet *fleet, const char *name, mw_error *err);
/* Whether the endpoint's model is of this path, or the second one is. */
bool mw_fleet_serves(mw_fleet *fleet, const char *name, const char *path);
bool mw_fleet_has_warm(mw_fleet *fleet, const char *name, const char *path);

/* Whether a model may take the place of another. Fails: MW_CONFLICT (MW3525), with what breaks. */
MW_CHECKED mw_status mw_endpoint_check_contract(const char *name, const mw_forest *before,
                                                const mw_forest *after, mw_error *err);
/* Every endpoint that is loaded; all or nothing: when one fails no model is swapped. */
MW_CHECKED mw_status mw_fleet_reload_all(mw_fleet *fleet, mw_error *err);
/* Stop serving it; its name, path and counters are kept. */
MW_CHECKED mw_status mw_fleet_unload(mw_fleet *fleet, const char *name, mw_error *err);
/* `changed` is called after each change of what is served (loaded, unloaded, draining), from the
 * thread that made it; must not block. To be set once, before the server starts. */
void mw_fleet_on_change(mw_fleet *fleet, void (*changed)(void *user), void *user);
/* `controlled` is called when a client has loaded or unloaded an endpoint, on the pool, before it
 * is told. To be set once, before the server starts. */
typedef void mw_controlled(void *user, const mw_exchange *exchange, const char *endpoint,
                           bool is_load);
void mw_fleet_on_control(mw_fleet *fleet, mw_controlled *controlled, void *user);
/* From now on readiness is denied: the server is about to stop. */
void mw_fleet_set_draining(mw_fleet *fleet);

/* ---- looking at it: for metrics and the description of the interface ------------------------- */

enum {
    MW_N_LATENCY_BUCKETS = 17 /* finite ones; the last count is of all beyond */
};
/* Upper bounds in seconds, ascending. */
extern const double mw_latency_bounds[MW_N_LATENCY_BUCKETS];

typedef enum mw_protocol {
    MW_PROTOCOL_MLFLOW,
    MW_PROTOCOL_OIP,
    MW_PROTOCOL_KSERVE_V1,
    MW_PROTOCOL_GRPC, /* the Open Inference Protocol in it */
    MW_N_PROTOCOLS
} mw_protocol;

const char *mw_protocol_name(mw_protocol protocol);

/* HTTP statuses that predictions are answered with; others count as the last, "other". */
enum { MW_N_CODES = 11 };
extern const int mw_counted_codes[MW_N_CODES];

/* What one version has done: sums over all threads since it was loaded. */
typedef struct mw_endpoint_counts {
    uint64_t requests[MW_N_PROTOCOLS][MW_N_CODES];
    uint64_t latency[MW_N_LATENCY_BUCKETS + 1]; /* not cumulative */
    uint64_t latency_ns, rows, request_bytes, response_bytes, in_flight;
    uint64_t stage_ns[MW_N_STAGES], stage_count[MW_N_STAGES]; /* count: requests that had it */
    uint64_t explained_rows, last_ms;
} mw_endpoint_counts;

/* Why a request was refused, or dropped. */
typedef enum mw_shed {
    MW_SHED_QUEUE_FULL, /* 503: so many wait already */
    MW_SHED_WAITED,     /* 503: it had waited too long when its turn came */
    MW_SHED_QUOTA,      /* 429: the client has asked too often */
    MW_SHED_DEADLINE,   /* 504: the client's own deadline had passed when its turn came */
    MW_SHED_GONE,       /* the client had hung up when its turn came */
    MW_N_SHEDS
} mw_shed;

const char *mw_shed_name(mw_shed reason);

typedef struct mw_endpoint_info {
    const char *name, *path;
    unsigned version; /* 1, 2, ... counts loads; 0 = never loaded */
    bool ready;
    const char *reason; /* what the last failed load said; "" = nothing */
    size_t memory_bytes;
    const mw_forest *forest;         /* NULL when not ready */
    uint64_t loads_ok, loads_failed; /* of the endpoint's files, since start */
    uint64_t loads_refused;          /* they would have broken its clients */
    uint64_t shed[MW_N_SHEDS];       /* of the endpoint, since start */
    uint64_t misses; /* answered, but later than the budget or the client's deadline */
    uint64_t latency_budget_ns;
    size_t queue_length;  /* wait for a worker now */
    unsigned concurrency; /* worked on by workers now, of at most */
    double concurrency_limit;
    mw_endpoint_counts counts; /* of `version` */
} mw_endpoint_info;

/* Calls `see` for every endpoint in the order they were added; `info` is valid during the call
 * only. Holds the lock that loads take, not the one requests take (they take none). */
void mw_fleet_each(mw_fleet *fleet, void (*see)(void *user, const mw_endpoint_info *info),
                   void *user);
/* The same, of those that `seen` lists (mw_view_lists). */
void mw_fleet_each_seen(mw_fleet *fleet, mw_view seen,
                        void (*see)(void *user, const mw_endpoint_info *info), void *user);
/* The same for the newest eight versions of each endpoint, oldest first: `version` and `counts` are
 * that version's, all else is the endpoint's as it is now. */
void mw_fleet_each_version(mw_fleet *fleet, void (*see)(void *user, const mw_endpoint_info *info),
                           void *user);
bool mw_fleet_is_draining(const mw_fleet *fleet);

/* The threads for large bodies: how many, jobs that wait for one, and the time in which they
 * worked, summed over them, those at work now included. */
typedef struct mw_pool_counts {
    size_t n_threads, n_waiting;
    uint64_t busy_ns;
} mw_pool_counts;
void mw_fleet_count_pool(const mw_fleet *fleet, mw_pool_counts *ret_counts);

/* ---- contributions behind an answer (contributions.c) -----------------------------------------
 */

/* What an answer's explanation would tell (explain=true), against the endpoint's background where
 * it has one; of several classes those of the predicted one.
 *
 *   rows        float64 (n_rows, n_features), rows of one version; NULL: only whether it can be
 *   outputs     (n_rows, n_outputs); NULL: of several classes the one with the largest margin
 *   ret_values  (n_rows, n_features + 1), bias last
 *
 * Any thread that answers no requests: the first call to a version lays its trees out.
 * Fails: MW_NOT_FOUND (the version is not loaded, or not any more); MW_UNSUPPORTED as
 * mw_explainer_new, and (MW3535) a model of several outputs that are no classes; MW_MISMATCH,
 * MW_NO_MEMORY. */
MW_CHECKED mw_status mw_fleet_explain(mw_fleet *fleet, const char *endpoint, unsigned version,
                                      const mw_matrix *rows, const double *outputs,
                                      double *ret_values, mw_error *err);

/* ---- golden rows (golden.c) ------------------------------------------------------------------ */

/* In a model's folder; of a file it is FILE.golden.json. */
#define MW_GOLDEN_PATH "millwright/golden.json"
/* Of a value's size, where the file says no other ("tolerance"). */
#define MW_GOLDEN_TOLERANCE 1e-6

/* Rows whose answers are known, replayed. */
typedef struct mw_golden {
    size_t n_rows; /* 0: there are none */
    size_t n_different;
    double tolerance;
    double difference; /* the largest, relative */
    size_t row, output;
    double expected, got; /* there */
} mw_golden;

/* Where a model's golden rows are kept, whether there are any or not. Fails: MW_BAD_DATA. */
MW_CHECKED mw_status mw_golden_path(const char *model_path, char *path, size_t size, mw_error *err);
/* Predict the rows of `text` and compare. Values that differ are no error. Any thread.
 * Fails: MW_BAD_DATA (MW3528) it is not what /invocations takes and answers; as
 * mw_batch_read_mlflow. */
MW_CHECKED mw_status mw_golden_replay(mw_view text, const mw_forest *forest,
                                      const mw_predictor *predictor, mw_golden *ret_golden,
                                      mw_error *err);
/* The same of the file beside the model, which need not be there; every load of an endpoint does
 * it. Fails: as above; MW_MISMATCH (MW3529) some value differs by more than the tolerance. */
MW_CHECKED mw_status mw_golden_check(const char *model_path, const mw_forest *forest,
                                     const mw_predictor *predictor, mw_golden *ret_golden,
                                     mw_error *err);

/* ---- handlers: what a route calls ------------------------------------------------------------ */

/* Decoded parts of the path; empty when the route has none. */
typedef struct mw_params {
    mw_view name, version;
} mw_params;

/* Takes the exchange: answers it, or defers it. */
typedef void mw_serve_handler(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params);

/* MLflow's scoring server */
mw_serve_handler serve_invocations; /* POST /invocations, /endpoints/{name}/invocations */
mw_serve_handler serve_ping;        /* GET /ping, /health */
mw_serve_handler serve_version;     /* GET /version */

/* Open Inference Protocol v2 */
mw_serve_handler serve_oip_server;   /* GET /v2 */
mw_serve_handler serve_oip_live;     /* GET /v2/health/live */
mw_serve_handler serve_oip_ready;    /* GET /v2/health/ready */
mw_serve_handler serve_oip_models;   /* GET /v2/models */
mw_serve_handler serve_oip_model;    /* GET /v2/models/{name}[/versions/{version}] */
mw_serve_handler serve_oip_is_ready; /* GET .../ready */
mw_serve_handler serve_oip_config;   /* GET .../config */
mw_serve_handler serve_oip_stats;    /* GET .../stats, /v2/models/stats */
mw_serve_handler serve_oip_infer;    /* POST .../infer */
mw_serve_handler serve_oip_index;    /* POST /v2/repository/index */
mw_serve_handler serve_oip_load;     /* POST /v2/repository/models/{name}/load */
mw_serve_handler serve_oip_unload;   /* POST /v2/repository/models/{name}/unload */
/* GET /v2/systemsharedmemory[/region/{name}]/status, POST .../register, .../unregister */
mw_serve_handler serve_oip_memory_status;
mw_serve_handler serve_oip_memory_register;
mw_serve_handler serve_oip_memory_unregister;
mw_serve_handler serve_oip_logging; /* GET, POST /v2/logging */
mw_serve_handler serve_oip_trace;   /* GET, POST /v2/trace/setting, /v2/models/{name}/... */

/* gRPC: one message of any call (grpc.c). */
void serve_grpc(mw_fleet *fleet, mw_exchange *exchange);
/* The path of each call that serve_grpc answers; NULL behind the last. */
const char *serve_grpc_path(size_t i);

/* KServe V1 */
mw_serve_handler serve_kserve_models;         /* GET /v1/models */
mw_serve_handler serve_kserve_model;          /* GET /v1/models/{name} */
mw_serve_handler serve_kserve_predict;        /* POST /v1/models/{name}:predict */
mw_serve_handler serve_kserve_explain;        /* POST /v1/models/{name}:explain */
mw_serve_handler serve_kserve_counterfactual; /* POST /v1/models/{name}:counterfactual */
mw_serve_handler serve_kserve_interactions;   /* POST /v1/models/{name}:interactions */

/* Which error body a client of this path expects. */
typedef enum mw_error_style {
    MW_STYLE_PLAIN,  /* {"error": "..."} of our own, with code and mend */
    MW_STYLE_MLFLOW, /* {"error_code": "BAD_REQUEST", "message": "..."} */
    MW_STYLE_KSERVE, /* {"error": "..."}: V1 and V2 alike */
    MW_STYLE_PROBLEM /* application/problem+json (RFC 9457), with code and hint */
} mw_error_style;

mw_error_style mw_style_of_path(mw_view path);
/* Fill the exchange with the error in the path's own style; http_status 0 = by the error's status.
 * Does not reply. */
void mw_serve_error(mw_exchange *exchange, const mw_error *err, int http_status);
/* For mw_server_options.body_lead: the JSON that stands before binary tensors. */
size_t mw_serve_body_lead(const mw_exchange *exchange);

#endif
