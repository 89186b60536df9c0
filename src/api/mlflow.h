/* MLflow's tracking and registry interface over the record: what its files share.
 *
 *     exchange (loop) -> mlflow.c: which call? -> pool -> fields -> transaction -> handler -> reply
 *
 * One table of calls (mlflow_calls.c) holds method, path, the request's fields and the handler; one
 * reader (mlflow_fields.c) fills a handler's struct from JSON bodies, queries and paths alike. */
#ifndef API_MLFLOW_H
#define API_MLFLOW_H

#include "api.h"
#include "apply/apply.h"
#include "net/net.h"
#include "registry/registry.h"

/* ---- fields of requests ---------------------------------------------------------------------- */

typedef enum mlflow_kind {
    MLFLOW_TEXT,         /* mw_view; absent: data == NULL */
    MLFLOW_INT,          /* int64_t; absent: stays */
    MLFLOW_MAYBE_INT,    /* mlflow_int */
    MLFLOW_COUNT,        /* int64_t; absent: stays 0; a 0 that is said: -1, which no search takes */
    MLFLOW_DOUBLE,       /* double; also "NaN", "Infinity", "-Infinity" */
    MLFLOW_MAYBE_DOUBLE, /* mlflow_double */
    MLFLOW_BOOL,         /* bool */
    MLFLOW_NOT_BOOL,     /* bool: the opposite of what is said */
    MLFLOW_ENUM,         /* int: 1 for names[0] and so on; absent or unknown: stays */
    MLFLOW_TEXTS,        /* mw_texts */
    MLFLOW_LIST,         /* {items, count} of structs */
    MLFLOW_MAP,          /* mw_tags, of an object of texts */
    MLFLOW_JSON,         /* mw_view: whatever it is, as JSON; absent: data == NULL */
    MLFLOW_OBJECT        /* a struct in place */
} mlflow_kind;

typedef struct mlflow_int {
    int64_t value;
    bool given;
} mlflow_int;

typedef struct mlflow_double {
    double value;
    bool given;
} mlflow_double;

/* Ended by a row without a name. */
typedef struct mlflow_field {
    const char *name; /* snake_case; camelCase is read, too */
    mlflow_kind kind;
    size_t offset;
    bool required;
    const struct mlflow_field *fields; /* of LIST and OBJECT */
    size_t size;                       /* of an element of LIST */
    const char *const *names;          /* of ENUM, NULL-ended */
    const char *alias;                 /* an older name */
} mlflow_field;

/* What stands in a path: "/logged-models/{model_id}". */
enum { MLFLOW_CAPTURES_MAX = 3 };

typedef struct mlflow_captures {
    const char *names[MLFLOW_CAPTURES_MAX]; /* not NUL-ended: up to '}' */
    mw_view values[MLFLOW_CAPTURES_MAX];
    size_t count;
} mlflow_captures;

/* Fill `request` (zeroed by the caller). Texts are copied into the arena.
 * Fails: MW_BAD_ARGUMENT (MW4101) in MLflow's words, MW_BAD_DATA for a body that is no JSON. */
MW_CHECKED mw_status mlflow_read_fields(const mlflow_field *fields, mw_exchange *exchange,
                                        const mlflow_captures *captures, void *request,
                                        mw_error *err);

/* The same of a body of the plain form that most have, several times as quick. False: it is of
 * another form, or wrong, and `request` must be zeroed again (mlflow_scan.c). */
bool mlflow_scan_fields(const mlflow_field *fields, const mw_exchange *exchange, void *request);

/* ---- calls ----------------------------------------------------------------------------------- */

typedef struct mlflow_turn mlflow_turn;

/* Writes the whole answer into turn->out. `record` is NULL for calls outside transactions. */
typedef mw_status mlflow_handler(mlflow_turn *turn, mw_record *record, mw_error *err);

typedef enum mlflow_access { MLFLOW_READS, MLFLOW_WRITES, MLFLOW_OUTSIDE } mlflow_access;

typedef struct mlflow_call {
    unsigned methods; /* bit per mw_method */
    const char *path; /* behind "/api/2.0": "/mlflow/runs/create" */
    mlflow_access access;
    mlflow_handler *run;
    const mlflow_field *fields; /* NULL: the handler reads the exchange itself */
    size_t request_bytes;
    const char *summary;
} mlflow_call;

/* One file each; ended by rows of their own. */
extern const mlflow_call mlflow_dvc_calls[], mlflow_rollout_calls[], mlflow_gate_calls[],
    mlflow_part_calls[], mlflow_trace_calls[], mlflow_span_calls[], mlflow_webhook_calls[];
extern const size_t mlflow_n_dvc_calls, mlflow_n_rollout_calls, mlflow_n_gate_calls,
    mlflow_n_part_calls, mlflow_n_trace_calls, mlflow_n_span_calls, mlflow_n_webhook_calls;
extern const mlflow_call mlflow_evaluation_calls[], mlflow_scorer_calls[];
extern const size_t mlflow_n_evaluation_calls, mlflow_n_scorer_calls;
extern const mlflow_call mlflow_lineage_calls[], mlflow_data_calls[], mlflow_apply_calls[];
extern const size_t mlflow_n_lineage_calls, mlflow_n_data_calls, mlflow_n_apply_calls;
extern const mlflow_call mlflow_experiment_calls[], mlflow_run_calls[], mlflow_history_calls[],
    mlflow_model_calls[], mlflow_logged_calls[], mlflow_artifact_calls[], mlflow_access_calls[],
    mlflow_people_calls[];
extern const size_t mlflow_n_experiment_calls, mlflow_n_run_calls, mlflow_n_history_calls,
    mlflow_n_model_calls, mlflow_n_logged_calls, mlflow_n_artifact_calls, mlflow_n_access_calls,
    mlflow_n_people_calls;

struct mlflow_turn {
    mw_job job;
    mw_registry *registry;
    struct api_visitor *visitor; /* NULL: nobody was asked who he is */
    mw_actor actor;              /* for the audit log */
    mw_exchange *exchange;
    const mlflow_call *call;
    mlflow_captures captures;
    void *request;
    mw_buf *out;
    mw_pool *pool;
    /* of bodies in pieces and answers in parts (mlflow_transfer.c) */
    bool is_begun, wants_more;
    struct mlflow_upload *upload;
    mw_view digest; /* of the file that is sent */
    uint64_t send_begin, send_left;
    uint64_t artifact_bytes_max;
    struct mw_conductor *conductor; /* NULL: no rollouts are run here */
    struct api_couriers *couriers;  /* NULL: no webhooks are told */
    mw_webhooks_mode webhooks;
    struct api_guard *guard; /* NULL: nobody is asked who he is */
    const mw_apply_own *own; /* what the server was started with (mlflow_apply.c) */
    size_t n_own;
};

#define MLFLOW_GETS (1u << MW_GET)
#define MLFLOW_POSTS (1u << MW_POST)

/* ---- the interface --------------------------------------------------------------------------- */

typedef struct api_mlflow api_mlflow;

/* registry: borrowed; must outlive it. artifact_bytes_max: of a file in parts. */
MW_CHECKED mw_status api_mlflow_new(mw_registry *registry, uint64_t artifact_bytes_max,
                                    mw_webhooks_mode webhooks, api_mlflow **ret_mlflow,
                                    mw_error *err);
/* One more endpoint that the server was started with; texts are borrowed. */
MW_CHECKED mw_status api_mlflow_own(api_mlflow *mlflow, const char *name, const char *model,
                                    mw_error *err);
/* Who runs the rollouts; borrowed. */
void api_mlflow_set_conductor(api_mlflow *mlflow, struct mw_conductor *conductor);
/* Who tells webhooks; NULL: nobody. `mlflow` may be NULL. */
struct api_couriers *api_mlflow_couriers(const api_mlflow *mlflow);
/* After the server was closed. NULL is fine. */
void api_mlflow_free(api_mlflow *mlflow);
/* Whether an address is MLflow's, registry or not. */
bool api_mlflow_takes(mw_view path);
/* Whether it is an upload, which may be larger than other bodies. */
bool api_mlflow_is_upload(const mw_exchange *exchange);
/* The call that the exchange asks for, or NULL with the methods that its address takes. */
const mlflow_call *api_mlflow_find(const mw_exchange *exchange, mlflow_captures *ret_captures,
                                   unsigned *ret_methods);
/* Call by call: NULL behind the last. */
const mlflow_call *api_mlflow_call(size_t i);
/* Takes the exchange, and the visitor's ref; guard: who let him in, or NULL. mlflow may be NULL:
 * then it says how to get a record.
 */
void api_mlflow_handle(api_mlflow *mlflow, struct api_guard *guard, struct api_visitor *visitor,
                       mw_exchange *exchange);
/* Whether the turn's visitor may do what it asks (mlflow_objects.c). */
MW_CHECKED mw_status mlflow_may(mlflow_turn *turn, mw_record *record, mw_error *err);
/* Whether he may write there: what a body names beside. A trace that is not there may be made. */
MW_CHECKED mw_status mlflow_may_edit_experiment(mlflow_turn *turn, mw_view experiment,
                                                mw_error *err);
MW_CHECKED mw_status mlflow_may_edit_trace(mlflow_turn *turn, mw_record *record, mw_view trace_id,
                                           mw_error *err);
MW_CHECKED mw_status mlflow_may_edit_run(mlflow_turn *turn, mw_record *record, mw_view run_id,
                                         mw_error *err);

/* ---- answers (mlflow_answers.c) -------------------------------------------------------------- */

/* `,"name":value`; without the comma at the beginning of an object. An absent text writes nothing.
 */
void mlflow_put_name(mw_buf *out, const char *name);
void mlflow_put_text(mw_buf *out, const char *name, mw_view value);
void mlflow_put_int(mw_buf *out, const char *name, int64_t value);
/* An int64 that MLflow writes as text: `,"name":"7"`. */
void mlflow_put_id(mw_buf *out, const char *name, int64_t id);
/* The comma, when one is due. */
void mlflow_put_comma(mw_buf *out);
/* `,"name":[...]`: `put` writes each of the items, which lie item_bytes apart; an empty list writes
 * nothing, here and below. */
void mlflow_put_list(mw_buf *out, const char *name, const void *items, size_t count,
                     size_t item_bytes, void (*put)(mw_buf *out, const void *item));
#define MLFLOW_PUT_LIST(out, name, list, put) \
    mlflow_put_list(out, name, (list)->items, (list)->count, sizeof *(list)->items, put)
/* `,"name":[{"key":...,"value":...}]` */
void mlflow_put_tags(mw_buf *out, const char *name, const mw_tags *tags);
/* {"role":...,"on":...}, of an mw_grant. */
void mlflow_put_grant(mw_buf *out, const void *grant);
void mlflow_put_metrics(mw_buf *out, const char *name, const mw_metrics *metrics);
/* A message each, of an mw_experiment, an mw_run_info, an mw_run. */
void mlflow_put_experiment(mw_buf *out, const void *experiment);
void mlflow_put_run_info(mw_buf *out, const void *info);
void mlflow_put_run(mw_buf *out, const void *run);
void mlflow_put_trace_info(mw_buf *out, const void *trace); /* of an mw_trace */
/* {}, and the status as it is. */
mw_status mlflow_answer_nothing(mlflow_turn *turn, mw_status status);
/* {"name": one message}; nothing of it when the status is a failure, which is returned. */
mw_status mlflow_answer_one(mlflow_turn *turn, mw_status status, const char *name,
                            const void *message, void (*put)(mw_buf *out, const void *item));
/* {"name": [...], "next_page_token": ...}: what a search has found. */
#define MLFLOW_ANSWER_PAGE(turn, name, found, put, token)       \
    do {                                                        \
        mw_buf_char((turn)->out, '{');                          \
        MLFLOW_PUT_LIST((turn)->out, name, found, put);         \
        mlflow_put_text((turn)->out, "next_page_token", token); \
        mw_buf_char((turn)->out, '}');                          \
    } while (0)
/* {"name": [...]}: all there is. */
#define MLFLOW_ANSWER_LIST(turn, name, found, put) \
    MLFLOW_ANSWER_PAGE(turn, name, found, put, ((mw_view){NULL, 0}))
/* {"root_uri": ..., "files": [...]}: a folder below a run's or a model's artifacts. */
MW_CHECKED mw_status mlflow_answer_listing(mlflow_turn *turn, mw_record *record, mw_view uri,
                                           mw_view folder, mw_error *err);
/* ---- large bodies (mlflow_transfer.c) -------------------------------------------------------- */

typedef struct mlflow_body {
    char digest[MW_DIGEST_TEXT_BYTES];
    int64_t bytes;
} mlflow_body;

/* The body becomes a blob. One in pieces: this piece is written, and turn->wants_more says whether
 * others follow: then return, and be called again with the next. md5: what it must have, or empty.
 * Fails: MW_BAD_DATA (MW4134) another MD5; as mw_blob_write. */
MW_CHECKED mw_status mlflow_take_body(mlflow_turn *turn, mw_view md5, mlflow_body *ret_body,
                                      mw_error *err);
/* `size` bytes of a blob from `begin` are the answer; large ones go in parts. */
MW_CHECKED mw_status mlflow_send_blob(mlflow_turn *turn, mw_view digest, uint64_t begin,
                                      uint64_t size, mw_error *err);
/* The next part. Fails: it is gone, which cuts the answer. */
MW_CHECKED mw_status mlflow_send_more(mlflow_turn *turn, mw_error *err);

/* Content-Disposition of a file: saved, not shown. */
void mlflow_put_disposition(mw_buf *out, mw_view path);
/* A file's bytes, or the part that a Range header asks for (mlflow_artifacts.c). */
MW_CHECKED mw_status mlflow_send_file(mlflow_turn *turn, const mw_artifact *file, mw_error *err);
/* {"error_code": ..., "message": ...} and the status. Does not reply. */
void mlflow_put_error(mw_exchange *exchange, const mw_error *err);

#endif
