/* One prediction, whatever protocol asked for it. */
#ifndef SERVE_CALL_H
#define SERVE_CALL_H

#include "observe/observe.h"
#include "plan.h"
#include "plan/plan.h"

/* A body of this size takes about a millisecond to read and predict; longer ones would hold up the
 * other connections of the loop, and are a worker's. */
#define SERVE_LOOP_BODY_BYTES (128 * MW_KIB)

/* Lives in the exchange's arena. A protocol fills the first part and calls serve_call_run:
 *
 *     read (body -> rows)  ->  predict, explain  ->  write (values -> reply)  ->  counters, tap
 *
 * on the loop, or on the pool when the body is large. An error is written in the protocol's own
 * form. */
typedef struct serve_call serve_call;
struct serve_call {
    mw_fleet *fleet;
    mw_exchange *exchange;
    mw_protocol protocol;
    mw_view body;                                        /* content-encoding undone */
    mw_status (*read)(serve_call *call, mw_error *err);  /* sets rows */
    mw_status (*write)(serve_call *call, mw_error *err); /* writes the reply */
    void *protocol_data;

    bool is_read;        /* rows are there */
    bool wants_worker;   /* said by read, on a loop: there is much to read, elsewhere */
    bool is_with_worker; /* it was handed over */
    bool explains;       /* contributions are wanted */
    size_t explain_top;  /* the largest ones only; 0 = all */
    bool scores_anomaly; /* how unlike the reference rows are is wanted */
    bool is_study; /* about the model: a worker's, however small; nothing is kept of its rows */

    /* admit.h */
    mw_urgency urgency;
    uint64_t client;      /* hash of who asks */
    uint64_t admitted_ns; /* when it was taken, or its worker began */
    serve_call *next;     /* in a line of the queue */
    mw_shed refusal;      /* of one that the queue refuses */

    /* split.h: of a call whose endpoint has two versions */
    bool is_split, is_keyed;
    int arm;
    uint64_t draw;

    serve_slot slot;       /* a copy: valid while pinned, or while a reference is held */
    mw_matrix rows;        /* in the arena, or in the body; nothing unless is_read */
    double *values;        /* (rows.n_rows, model->n_outputs) */
    double *contributions; /* (rows.n_rows, n_margins, n_features + 1), or NULL */
    double *anomaly;       /* rows.n_rows; NULL: not known */
    mw_timeline timeline;
    mw_job job;
};

/* Begin a call to the endpoint `name`; empty = the only one. The plan is pinned on MW_OK, until
 * serve_call_run or serve_call_fail. Fails: MW_NOT_FOUND (unknown, or not loaded). `version` may be
 * empty. */
MW_CHECKED mw_status serve_call_begin(mw_fleet *fleet, mw_exchange *exchange, mw_protocol protocol,
                                      mw_view name, mw_view version, serve_call **ret_call,
                                      mw_error *err);
/* Undo the content-encoding, read, predict, write, reply; now or on the pool. */
void serve_call_run(serve_call *call);
/* The client waits no longer than so many microseconds, from when it began to ask; 0 = not said. */
void serve_take_timeout(mw_exchange *exchange, uint64_t us);
/* The queue has no place for it, or it waited too long (call->refusal): answer so. */
void serve_call_drop(serve_call *call);
/* Answer with an error instead. http_status 0 = by the error's status. */
void serve_call_fail(serve_call *call, const mw_error *err, int http_status);

/* Answer with what the exchange holds already. */
void serve_call_finish(serve_call *call);
/* {"predictions": [...]}: one value a row, or a list where the model gives several; where they are
 * wanted, "explanations" beside them. */
MW_CHECKED mw_status serve_write_predictions(serve_call *call, mw_error *err);

/* MW_NOT_FOUND: no model has this name. */
mw_status serve_fail_unknown(mw_view name, mw_error *err);
/* A slot for reading, with the plan pinned; replies with the error and returns NULL otherwise. */
const serve_slot *serve_pin_slot(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params);
/* "xgboost", "onnx": what Triton calls a platform. */
const char *serve_platform(const mw_forest *forest);
/* Whether a model is served and the server is not draining. */
bool serve_is_ready(mw_fleet *fleet, unsigned loop);
/* Extensions of the Open Inference Protocol, whatever carries it; NULL behind the last. */
const char *serve_extension(const mw_fleet *fleet, size_t i);
/* Predictions that were answered with 200, and with anything else. */
void serve_sum_answers(const mw_endpoint_counts *counts, uint64_t *ret_ok, uint64_t *ret_failed);
/* Why an endpoint is not ready; "" when it is. Borrowed from info. */
const char *serve_reason(const mw_endpoint_info *info);
/* Load or unload a model on the pool, and answer with nothing or an error. */
void serve_control(mw_fleet *fleet, mw_exchange *exchange, mw_view name, bool load);
/* Parameters that would replace the model's files or configuration are refused. */
MW_CHECKED mw_status serve_check_overrides(bool has_overrides, mw_error *err);

/* Reply with what stands in exchange->reply. */
void serve_reply(mw_exchange *exchange, int status, const char *type);
/* Reply with an error that no endpoint is to be charged for. */
void serve_reply_error(mw_exchange *exchange, const mw_error *err, int http_status);

/* application/json, text/csv, ...: the type without parameters, and whether these are only
 * charset=utf-8. */
typedef struct serve_media {
    mw_view type;
    bool is_utf8;        /* no charset, or utf-8 */
    bool has_parameters; /* others than charset */
} serve_media;
serve_media serve_media_of(mw_view content_type);

#endif
