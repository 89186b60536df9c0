/* Between the files of serve: models in use, the plan, the endpoint's counters. */
#ifndef SERVE_PLAN_H
#define SERVE_PLAN_H

#include <pthread.h>
#include <stdatomic.h>

#include "explain/explain.h"
#include "serve.h"

/* Counters of one version that one thread of control writes: a loop, or (the last) all workers.
 * On lines of its own, so that loops do not share any. */
typedef struct serve_counts {
    _Alignas(64) atomic_uint_least64_t requests[MW_N_PROTOCOLS][MW_N_CODES];
    atomic_uint_least64_t latency[MW_N_LATENCY_BUCKETS + 1];
    atomic_uint_least64_t latency_ns, rows, request_bytes, response_bytes;
    atomic_uint_least64_t started, explained_rows, last_ns; /* mw_clock_ns of the last success */
    atomic_uint_least64_t stage_ns[MW_N_STAGES], stage_count[MW_N_STAGES];
    bool is_shared; /* by several threads, which then must add atomically */
} serve_counts;

/* What one version of an endpoint has done. Outlives its model, so that the last numbers of a
 * version that was replaced can still be read; versions' numbers are never added up. */
typedef struct serve_tally {
    atomic_uint references;
    unsigned version;
    serve_counts *counts; /* n_loops + 1 */
} serve_tally;

void serve_tally_unref(serve_tally *tally);

/* A loaded model. Lives until its last user lets go: the plan holds one reference, every deferred
 * request another. */
typedef struct serve_model {
    atomic_uint references;
    mw_forest *forest;
    mw_predictor *predictor;
    _Atomic(mw_explainer *) explainer; /* NULL until a request asks for contributions */
    pthread_mutex_t explaining;        /* held while it is made */
    mw_contrast *contrast;             /* explains instead of it; NULL = no background was given */
    serve_tally *tally;                /* holds a reference */
    unsigned version;
    char version_text[12];
    size_t n_outputs;
    size_t memory_bytes;
    bool is_slow; /* one call alone would hold up a loop's other connections */
} serve_model;

/* `background` (NULL = none): a file of rows to explain against. n_counters: loops and one for all
 * workers. */
MW_CHECKED mw_status serve_model_load(const char *path, const char *background, unsigned version,
                                      size_t n_counters, serve_model **ret_model, mw_error *err);
/* The rows of a file, CSV or JSON lines, ready to explain against. Fails: as mw_file_read,
 * mw_batch_read_csv, mw_contrast_new; err names the file. */
MW_CHECKED mw_status serve_background_load(const char *path, const mw_forest *forest,
                                           mw_contrast **ret_contrast, mw_error *err);
/* The model's explainer, made by the first who asks; others wait for it. It lives as long as the
 * model. Fails: as mw_explainer_new; then the next who asks tries again. */
MW_CHECKED mw_status serve_model_explainer(serve_model *model, const mw_explainer **ret_explainer,
                                           mw_error *err);
/* About how many nodes a row takes to be explained; SIZE_MAX before the explainer was made. */
size_t serve_model_explain_nodes(const serve_model *model);
/* With the explainer, once there is one. */
size_t serve_model_memory_bytes(const serve_model *model);
void serve_model_ref(serve_model *model);
void serve_model_unref(serve_model *model);

enum {
    SERVE_KEPT_VERSIONS = 8 /* whose numbers /metrics shows */
};

typedef struct serve_gate serve_gate;   /* admit.h: who is taken */
typedef struct serve_queue serve_queue; /* and who waits for a worker */
typedef struct serve_split serve_split; /* split.h: which of two versions answers */

/* What is kept of an endpoint whatever it serves. Never freed before the fleet. */
typedef struct serve_endpoint {
    char *name, *path, *background; /* background: a file to explain against, or NULL */
    char reason[512];
    unsigned version;                          /* of `model`, or of the last one */
    unsigned last_version;                     /* the highest that was loaded */
    serve_model *model;                        /* NULL = unloaded; guarded by the fleet's lock */
    serve_tally *tallies[SERVE_KEPT_VERSIONS]; /* of the newest versions, oldest first */
    size_t n_tallies;
    uint64_t loads_ok, loads_failed, loads_refused;
    serve_gate *gate;
    serve_model *challenger; /* the second version, or NULL; with the next two, under the lock */
    char *challenger_path;
    serve_split *split;
} serve_endpoint;

typedef struct serve_slot {
    serve_endpoint *endpoint;
    serve_model *model;      /* NULL = unloaded */
    serve_model *challenger; /* the second version; NULL but in a rollout */
    serve_split *split;      /* NULL likewise */
} serve_slot;

/* Immutable. Slots stand in the order endpoints were added; a small hash finds them by name. */
typedef struct serve_plan {
    size_t n_slots, index_size;
    uint32_t *index;
    serve_slot slots[];
} serve_plan;

MW_CHECKED mw_status serve_plan_make(serve_endpoint *const *endpoints, size_t n_endpoints,
                                     serve_plan **ret_plan, mw_error *err);
/* Lets go of its models. */
void serve_plan_free(serve_plan *plan);
const serve_slot *serve_plan_find(const serve_plan *plan, mw_view name);

/* One line a loop: the plan it reads now, and its working memory. */
typedef struct serve_loop {
    _Alignas(64) _Atomic(serve_plan *) pinned;
    mw_scratch *scratch;
} serve_loop;

/* The plan, safe to read until unpinned. One pin a loop at a time. */
const serve_plan *serve_plan_pin(mw_fleet *fleet, unsigned loop);
void serve_plan_unpin(mw_fleet *fleet, unsigned loop);

/* Working memory for a job on the pool, from a list; NULL when memory is gone. */
mw_scratch *serve_scratch_take(mw_fleet *fleet);
void serve_scratch_give(mw_fleet *fleet, mw_scratch *scratch);

mw_scratch *serve_loop_scratch(mw_fleet *fleet, unsigned loop);
mw_pool *serve_pool(mw_fleet *fleet);
/* For settings calls: mw_observer_set_log_sample and its kin (observe.h); NULL = there is none. */
struct mw_observer *serve_observer(const mw_fleet *fleet);
serve_queue *serve_queue_of(mw_fleet *fleet);
size_t serve_max_body(const mw_fleet *fleet);
struct serve_memory *serve_memory_of(const mw_fleet *fleet); /* memory.h; NULL: it is off */
unsigned serve_workers_slot(const mw_fleet *fleet);          /* index of the workers' counters */
bool serve_anomaly(mw_fleet *fleet, const serve_slot *slot, const mw_matrix *rows,
                   double *ret_scores);
void serve_tap(mw_fleet *fleet, const serve_slot *slot, mw_view request_id, const mw_matrix *rows,
               const double *values);

#endif
