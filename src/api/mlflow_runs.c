/* MLflow's calls about runs and what they log. */
#include "mlflow.h"
#include "mlflow_messages.h"

#define TEXT(type, name, member, required)                                       \
    {                                                                            \
        name, MLFLOW_TEXT, offsetof(type, member), required, NULL, 0, NULL, NULL \
    }
#define LIST(type, name, member, required, fields, element)                                      \
    {                                                                                            \
        name, MLFLOW_LIST, offsetof(type, member), required, fields, sizeof(element), NULL, NULL \
    }
/* Clients send an older name of it beside, or instead. */
#define RUN_ID(type, member, required)                                                     \
    {                                                                                      \
        "run_id", MLFLOW_TEXT, offsetof(type, member), required, NULL, 0, NULL, "run_uuid" \
    }

const char *const mlflow_view_types[] = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL", NULL};
static const char *const run_statuses[] = {"RUNNING", "SCHEDULED", "FINISHED",
                                           "FAILED",  "KILLED",    NULL};

const mlflow_field mlflow_tag_fields[] = {
    TEXT(mw_tag, "key", key, true), TEXT(mw_tag, "value", value, false), {0}};

#define METRIC_FIELDS(type, member)                                                             \
    TEXT(type, "key", member.key, true),                                                        \
        {"value", MLFLOW_DOUBLE, offsetof(type, member.value), true, NULL, 0, NULL, NULL},      \
        {"timestamp", MLFLOW_INT, offsetof(type, member.timestamp), true, NULL, 0, NULL, NULL}, \
        {"step", MLFLOW_INT, offsetof(type, member.step), false, NULL, 0, NULL, NULL},          \
        TEXT(type, "model_id", member.model_id, false),                                         \
        TEXT(type, "dataset_name", member.dataset_name, false),                                 \
        TEXT(type, "dataset_digest", member.dataset_digest, false)

typedef struct bare_metric {
    mw_metric metric;
} bare_metric;

const mlflow_field mlflow_metric_fields[] = {METRIC_FIELDS(bare_metric, metric), {0}};

/* ---- runs ------------------------------------------------------------------------------------ */

typedef struct run_request {
    mw_view run_id, name;
    int status;
    mlflow_int ended;
    mw_tag pair; /* a tag or parameter */
    mw_metric metric;
    mw_batch_of_run batch;
    mw_datasets datasets;
    mw_run_models models;
} run_request;

static const mlflow_field create_fields[] = {
    TEXT(mw_new_run, "experiment_id", experiment, false),
    TEXT(mw_new_run, "user_id", user, false),
    TEXT(mw_new_run, "run_name", name, false),
    {"start_time", MLFLOW_INT, offsetof(mw_new_run, started), false, NULL, 0, NULL, NULL},
    LIST(mw_new_run, "tags", tags, false, mlflow_tag_fields, mw_tag),
    {0}};
static const mlflow_field id_fields[] = {RUN_ID(run_request, run_id, true), {0}};
static const mlflow_field update_fields[] = {
    RUN_ID(run_request, run_id, true),
    {"status", MLFLOW_ENUM, offsetof(run_request, status), false, NULL, 0, run_statuses, NULL},
    {"end_time", MLFLOW_MAYBE_INT, offsetof(run_request, ended), false, NULL, 0, NULL, NULL},
    TEXT(run_request, "run_name", name, false),
    {0}};

static mw_status put_run(mlflow_turn *turn, const mw_run *run)
{
    mw_buf_text(turn->out, "{\"run\":");
    mlflow_put_run(turn->out, run);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run run;
    mw_new_run *asked = turn->request;
    if (asked->experiment.size == 0)
        asked->experiment = MW_VIEW("0");
    MW_TRY(mw_record_create_run(record, asked, &run, err));
    return put_run(turn, &run);
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run run;
    const run_request *asked = turn->request;
    MW_TRY(mw_record_run(record, asked->run_id, &run, err));
    return put_run(turn, &run);
}

static mw_status update(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run_info info;
    const run_request *asked = turn->request;
    MW_TRY(mw_record_update_run(record, asked->run_id, (mw_run_status)asked->status,
                                asked->ended.given ? &asked->ended.value : NULL, asked->name, &info,
                                err));
    mw_buf_text(turn->out, "{\"run_info\":");
    mlflow_put_run_info(turn->out, &info);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status put_nothing(mlflow_turn *turn, mw_status status)
{
    mw_buf_text(turn->out, "{}");
    return status;
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(turn, mw_record_delete_run(record, asked->run_id, false, err));
}

static mw_status restore(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(turn, mw_record_delete_run(record, asked->run_id, true, err));
}

/* ---- logging --------------------------------------------------------------------------------- */

static const mlflow_field metric_call_fields[] = {
    RUN_ID(run_request, run_id, true), METRIC_FIELDS(run_request, metric), {0}};
static const mlflow_field pair_fields[] = {RUN_ID(run_request, run_id, true),
                                           TEXT(run_request, "key", pair.key, true),
                                           TEXT(run_request, "value", pair.value, false),
                                           {0}};
static const mlflow_field batch_fields[] = {
    RUN_ID(run_request, run_id, true),
    LIST(run_request, "metrics", batch.metrics, false, mlflow_metric_fields, mw_metric),
    LIST(run_request, "params", batch.params, false, mlflow_tag_fields, mw_tag),
    LIST(run_request, "tags", batch.tags, false, mlflow_tag_fields, mw_tag),
    {0}};

static mw_status log_metric(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(turn, mw_record_log_metric(record, asked->run_id, &asked->metric, err));
}

static mw_status log_param(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(turn, mw_record_log_param(record, asked->run_id, &asked->pair, err));
}

static mw_status set_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(turn, mw_record_set_tag(record, asked->run_id, &asked->pair, err));
}

static mw_status delete_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(turn, mw_record_delete_tag(record, asked->run_id, asked->pair.key, err));
}

static mw_status log_batch(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { BATCH_BYTES_MAX = 1000000 };
    const run_request *asked = turn->request;
    if (turn->exchange->body.size > BATCH_BYTES_MAX)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Batched logging API requests must be at most %d bytes, got a request of "
                       "size %zu.",
                       BATCH_BYTES_MAX, turn->exchange->body.size);
    return put_nothing(turn, mw_record_log_batch(record, asked->run_id, &asked->batch, err));
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

typedef struct dataset_shell {
    mw_dataset dataset;
} dataset_shell;

static const mlflow_field dataset_fields[] = {TEXT(mw_dataset, "name", name, true),
                                              TEXT(mw_dataset, "digest", digest, true),
                                              TEXT(mw_dataset, "source_type", source_type, true),
                                              TEXT(mw_dataset, "source", source, true),
                                              TEXT(mw_dataset, "schema", schema, false),
                                              TEXT(mw_dataset, "profile", profile, false),
                                              {0}};
static const mlflow_field dataset_input_fields[] = {
    {"dataset", MLFLOW_OBJECT, offsetof(dataset_shell, dataset), true, dataset_fields, 0, NULL,
     NULL},
    LIST(dataset_shell, "tags", dataset.tags, false, mlflow_tag_fields, mw_tag),
    {0}};
static const mlflow_field model_fields[] = {
    TEXT(mw_run_model, "model_id", model_id, true),
    {"step", MLFLOW_INT, offsetof(mw_run_model, step), false, NULL, 0, NULL, NULL},
    {0}};
static const mlflow_field inputs_fields[] = {
    RUN_ID(run_request, run_id, true),
    LIST(run_request, "datasets", datasets, false, dataset_input_fields, mw_dataset),
    LIST(run_request, "models", models, false, model_fields, mw_run_model),
    {0}};
static const mlflow_field outputs_fields[] = {
    RUN_ID(run_request, run_id, true),
    LIST(run_request, "models", models, true, model_fields, mw_run_model),
    {0}};

static mw_status log_inputs(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(
        turn, mw_record_log_inputs(record, asked->run_id, &asked->datasets, &asked->models, err));
}

static mw_status log_outputs(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return put_nothing(turn, mw_record_log_outputs(record, asked->run_id, &asked->models, err));
}

/* ---- looking --------------------------------------------------------------------------------- */

typedef struct history_request {
    mw_view run_id, key, page_token;
    mlflow_int max_results;
} history_request;

static const mlflow_field history_fields[] = {
    RUN_ID(history_request, run_id, true),
    TEXT(history_request, "metric_key", key, true),
    TEXT(history_request, "page_token", page_token, false),
    {"max_results", MLFLOW_MAYBE_INT, offsetof(history_request, max_results), false, NULL, 0, NULL,
     NULL},
    {0}};

static mw_status get_history(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_metrics found;
    mw_view token;
    const history_request *asked = turn->request;
    if (asked->max_results.given && asked->max_results.value <= 0)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Invalid value %lld for parameter 'max_results' supplied: It must be a "
                       "positive integer",
                       (long long)asked->max_results.value);
    MW_TRY(mw_record_metric_history(record, asked->run_id, asked->key, asked->max_results.value,
                                    asked->page_token, &found, &token, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_metrics(turn->out, "metrics", &found);
    mlflow_put_text(turn->out, "next_page_token", token);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static const mlflow_field search_fields[] = {
    {"experiment_ids", MLFLOW_TEXTS, offsetof(mw_search, experiments), false, NULL, 0, NULL, NULL},
    MLFLOW_SEARCH_FIELDS("run_view_type"),
    {0}};

static mw_status search(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 1000 };
    mw_runs found;
    mw_view token;
    mw_search *asked = turn->request;
    if (!asked->view)
        asked->view = MW_VIEW_ACTIVE;
    if (asked->max_results == 0)
        asked->max_results = USUAL_RESULTS;
    MW_TRY(mw_record_search_runs(record, asked, &found, &token, err));
    mw_buf_char(turn->out, '{');
    if (found.count > 0) {
        mlflow_put_name(turn->out, "runs");
        mw_buf_char(turn->out, '[');
        for (size_t i = 0; i < found.count; i++) {
            mlflow_put_comma(turn->out);
            mlflow_put_run(turn->out, &found.items[i]);
        }
        mw_buf_char(turn->out, ']');
    }
    mlflow_put_text(turn->out, "next_page_token", token);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

#define CALL(methods, path, access, handler, fields, type, summary)              \
    {                                                                            \
        methods, "/mlflow/" path, access, handler, fields, sizeof(type), summary \
    }

/* What trainings call most stands first. */
const mlflow_call mlflow_run_calls[] = {
    CALL(MLFLOW_POSTS, "runs/log-metric", MLFLOW_WRITES, log_metric, metric_call_fields,
         run_request, "Log a metric"),
    CALL(MLFLOW_POSTS, "runs/log-batch", MLFLOW_WRITES, log_batch, batch_fields, run_request,
         "Log metrics, parameters and tags"),
    CALL(MLFLOW_POSTS, "runs/log-parameter", MLFLOW_WRITES, log_param, pair_fields, run_request,
         "Log a parameter"),
    CALL(MLFLOW_POSTS, "runs/set-tag", MLFLOW_WRITES, set_tag, pair_fields, run_request,
         "Tag a run"),
    CALL(MLFLOW_GETS, "runs/get", MLFLOW_READS, get, id_fields, run_request, "A run by id"),
    CALL(MLFLOW_POSTS, "runs/create", MLFLOW_WRITES, create, create_fields, mw_new_run,
         "Begin a run"),
    CALL(MLFLOW_POSTS, "runs/update", MLFLOW_WRITES, update, update_fields, run_request,
         "Change a run's status, end or name"),
    CALL(MLFLOW_POSTS, "runs/delete", MLFLOW_WRITES, delete_it, id_fields, run_request,
         "Delete a run"),
    CALL(MLFLOW_POSTS, "runs/restore", MLFLOW_WRITES, restore, id_fields, run_request,
         "Restore a deleted run"),
    CALL(MLFLOW_POSTS, "runs/delete-tag", MLFLOW_WRITES, delete_tag, pair_fields, run_request,
         "Take a tag off a run"),
    CALL(MLFLOW_POSTS, "runs/log-inputs", MLFLOW_WRITES, log_inputs, inputs_fields, run_request,
         "Log data sets and models that a run reads"),
    CALL(MLFLOW_POSTS, "runs/outputs", MLFLOW_WRITES, log_outputs, outputs_fields, run_request,
         "Log models that a run makes"),
    CALL(MLFLOW_POSTS, "runs/search", MLFLOW_READS, search, search_fields, mw_search,
         "Search runs"),
    CALL(MLFLOW_GETS, "metrics/get-history", MLFLOW_READS, get_history, history_fields,
         history_request, "All values of a metric"),
};
const size_t mlflow_n_run_calls = MW_COUNT(mlflow_run_calls);
