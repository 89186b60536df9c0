/* MLflow's calls about runs and what they log. */
#include "mlflow.h"
#include "mlflow_messages.h"

const char *const mlflow_view_types[] = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL", NULL};
const char *const mlflow_run_statuses[] = {"RUNNING", "SCHEDULED", "FINISHED",
                                           "FAILED",  "KILLED",    NULL};

const mlflow_field mlflow_tag_fields[] = {MLFLOW_TEXT_FIELD(mw_tag, "key", key, true),
                                          MLFLOW_TEXT_FIELD(mw_tag, "value", value, false),
                                          {0}};

#define METRIC_FIELDS(type, member)                                                             \
    MLFLOW_TEXT_FIELD(type, "key", member.key, true),                                           \
        {"value", MLFLOW_DOUBLE, offsetof(type, member.value), true, NULL, 0, NULL, NULL},      \
        {"timestamp", MLFLOW_INT, offsetof(type, member.timestamp), true, NULL, 0, NULL, NULL}, \
        {"step", MLFLOW_INT, offsetof(type, member.step), false, NULL, 0, NULL, NULL},          \
        MLFLOW_TEXT_FIELD(type, "model_id", member.model_id, false),                            \
        MLFLOW_TEXT_FIELD(type, "dataset_name", member.dataset_name, false),                    \
        MLFLOW_TEXT_FIELD(type, "dataset_digest", member.dataset_digest, false)

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
    MLFLOW_TEXT_FIELD(mw_new_run, "experiment_id", experiment, false),
    MLFLOW_TEXT_FIELD(mw_new_run, "user_id", user, false),
    MLFLOW_TEXT_FIELD(mw_new_run, "run_name", name, false),
    {"start_time", MLFLOW_INT, offsetof(mw_new_run, started), false, NULL, 0, NULL, NULL},
    MLFLOW_LIST_FIELD(mw_new_run, "tags", tags, false, mlflow_tag_fields, mw_tag),
    {0}};
static const mlflow_field id_fields[] = {MLFLOW_RUN_ID_FIELD(run_request, run_id), {0}};
static const mlflow_field update_fields[] = {
    MLFLOW_RUN_ID_FIELD(run_request, run_id),
    {"status", MLFLOW_ENUM, offsetof(run_request, status), false, NULL, 0, mlflow_run_statuses,
     NULL},
    {"end_time", MLFLOW_MAYBE_INT, offsetof(run_request, ended), false, NULL, 0, NULL, NULL},
    MLFLOW_TEXT_FIELD(run_request, "run_name", name, false),
    {0}};

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run run;
    mw_new_run *asked = turn->request;
    if (asked->experiment.size == 0)
        asked->experiment = MW_VIEW("0");
    return mlflow_answer_one(turn, mw_record_create_run(record, asked, &run, err), "run", &run,
                             mlflow_put_run);
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run run;
    const run_request *asked = turn->request;
    return mlflow_answer_one(turn, mw_record_run(record, asked->run_id, &run, err), "run", &run,
                             mlflow_put_run);
}

static mw_status update(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run_info info;
    const run_request *asked = turn->request;
    mw_status status = mw_record_update_run(record, asked->run_id, (mw_run_status)asked->status,
                                            asked->ended.given ? &asked->ended.value : NULL,
                                            asked->name, &info, err);
    return mlflow_answer_one(turn, status, "run_info", &info, mlflow_put_run_info);
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_run(record, asked->run_id, false, err));
}

static mw_status restore(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_run(record, asked->run_id, true, err));
}

/* ---- logging --------------------------------------------------------------------------------- */

static const mlflow_field metric_call_fields[] = {
    MLFLOW_RUN_ID_FIELD(run_request, run_id), METRIC_FIELDS(run_request, metric), {0}};
static const mlflow_field pair_fields[] = {
    MLFLOW_RUN_ID_FIELD(run_request, run_id),
    MLFLOW_TEXT_FIELD(run_request, "key", pair.key, true),
    MLFLOW_TEXT_FIELD(run_request, "value", pair.value, false),
    {0}};
static const mlflow_field batch_fields[] = {
    MLFLOW_RUN_ID_FIELD(run_request, run_id),
    MLFLOW_LIST_FIELD(run_request, "metrics", batch.metrics, false, mlflow_metric_fields,
                      mw_metric),
    MLFLOW_LIST_FIELD(run_request, "params", batch.params, false, mlflow_tag_fields, mw_tag),
    MLFLOW_LIST_FIELD(run_request, "tags", batch.tags, false, mlflow_tag_fields, mw_tag),
    {0}};

static mw_status log_metric(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_log_metric(record, asked->run_id, &asked->metric, err));
}

static mw_status log_param(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_log_param(record, asked->run_id, &asked->pair, err));
}

static mw_status set_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(turn, mw_record_set_tag(record, asked->run_id, &asked->pair, err));
}

static mw_status delete_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_delete_tag(record, asked->run_id, asked->pair.key, err));
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
    return mlflow_answer_nothing(turn,
                                 mw_record_log_batch(record, asked->run_id, &asked->batch, err));
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

typedef struct dataset_shell {
    mw_dataset dataset;
} dataset_shell;

static const mlflow_field dataset_fields[] = {
    MLFLOW_TEXT_FIELD(mw_dataset, "name", name, true),
    MLFLOW_TEXT_FIELD(mw_dataset, "digest", digest, true),
    MLFLOW_TEXT_FIELD(mw_dataset, "source_type", source_type, true),
    MLFLOW_TEXT_FIELD(mw_dataset, "source", source, true),
    MLFLOW_TEXT_FIELD(mw_dataset, "schema", schema, false),
    MLFLOW_TEXT_FIELD(mw_dataset, "profile", profile, false),
    {0}};
static const mlflow_field dataset_input_fields[] = {
    {"dataset", MLFLOW_OBJECT, offsetof(dataset_shell, dataset), true, dataset_fields, 0, NULL,
     NULL},
    MLFLOW_LIST_FIELD(dataset_shell, "tags", dataset.tags, false, mlflow_tag_fields, mw_tag),
    {0}};
static const mlflow_field model_fields[] = {
    MLFLOW_TEXT_FIELD(mw_run_model, "model_id", model_id, true),
    {"step", MLFLOW_INT, offsetof(mw_run_model, step), false, NULL, 0, NULL, NULL},
    {0}};
static const mlflow_field inputs_fields[] = {
    MLFLOW_RUN_ID_FIELD(run_request, run_id),
    MLFLOW_LIST_FIELD(run_request, "datasets", datasets, false, dataset_input_fields, mw_dataset),
    MLFLOW_LIST_FIELD(run_request, "models", models, false, model_fields, mw_run_model),
    {0}};
static const mlflow_field outputs_fields[] = {
    MLFLOW_RUN_ID_FIELD(run_request, run_id),
    MLFLOW_LIST_FIELD(run_request, "models", models, true, model_fields, mw_run_model),
    {0}};

static mw_status log_inputs(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(
        turn, mw_record_log_inputs(record, asked->run_id, &asked->datasets, &asked->models, err));
}

static mw_status log_outputs(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const run_request *asked = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_log_outputs(record, asked->run_id, &asked->models, err));
}

/* ---- models of older clients ----------------------------------------------------------------- */

#define MODELS_TAG "mlflow.log-model.history"

typedef struct model_request {
    mw_view run_id, json;
} model_request;

static const mlflow_field log_model_fields[] = {
    MLFLOW_RUN_ID_FIELD(model_request, run_id),
    MLFLOW_TEXT_FIELD(model_request, "model_json", json, true),
    {0}};

/* What MLflow keeps of a model in its run's tag. */
static mw_status put_model(mw_buf *out, mw_view run_id, const mw_json *model, mw_error *err)
{
    static const char *const kept[] = {"run_id", "utc_time_created", "artifact_path", "flavors"};
    mw_buf_char(out, '{');
    for (size_t i = 0; i < MW_COUNT(kept); i++) {
        const mw_json *value = mw_json_member(model, kept[i]);
        if (!value)
            return mw_fail(err, MW_E_RECORD_VALUE, "Model json is missing mandatory fields: {'%s'}",
                           kept[i]);
        mlflow_put_name(out, kept[i]);
        mw_json_write_node(out, value);
    }
    if (mw_json_member(model, "model_uuid")) {
        mlflow_put_name(out, "model_uuid");
        mw_json_write_node(out, mw_json_member(model, "model_uuid"));
    }
    mw_buf_char(out, '}');
    return out->failed ? mw_fail(err, MW_E_RECORD_VALUE,
                                 "run %.*s: its models do not fit into one tag of %zu bytes",
                                 MW_VIEW_ARG(run_id), out->cap)
                       : MW_OK;
}

/* "[a]" and b become "[a,b]". */
static mw_status append_model(mw_record *record, mw_view run_id, const mw_json *model, mw_buf *out,
                              mw_error *err)
{
    mw_run run;
    MW_TRY(mw_record_run(record, run_id, &run, err));
    mw_view before = mw_tags_get(&run.tags, MODELS_TAG);
    bool is_list = before.size > 2 && before.data[before.size - 1] == ']';
    mw_buf_bytes(out, is_list ? before.data : "[", is_list ? before.size - 1 : 1);
    mlflow_put_comma(out);
    MW_TRY(put_model(out, run_id, model, err));
    mw_buf_char(out, ']');
    mw_tag tag = {MW_VIEW(MODELS_TAG), mw_buf_as_view(out)};
    return mw_record_set_tag(record, run_id, &tag, err);
}

static mw_status log_model(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { TAG_BYTES_MAX = 8000 };
    mw_json *model;
    mw_buf text;
    const model_request *asked = turn->request;
    if (mw_json_read(asked->json, &model, err) != MW_OK)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Malformed model info. \n %.*s \n is not a valid JSON.",
                       (int)(asked->json.size < 200 ? asked->json.size : 200), asked->json.data);
    mw_buf_init(&text, TAG_BYTES_MAX);
    mw_status status = append_model(record, asked->run_id, model, &text, err);
    mw_buf_done(&text);
    mw_json_free(model);
    return mlflow_answer_nothing(turn, status);
}

/* ---- searching ------------------------------------------------------------------------------- */

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
    MLFLOW_ANSWER_PAGE(turn, "runs", &found, mlflow_put_run, token);
    return MW_OK;
}

/* What trainings call most stands first. */
const mlflow_call mlflow_run_calls[] = {
    MLFLOW_CALL(MLFLOW_POSTS, "runs/log-metric", MLFLOW_WRITES, log_metric, metric_call_fields,
                run_request, "Log a metric"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/log-batch", MLFLOW_WRITES, log_batch, batch_fields, run_request,
                "Log metrics, parameters and tags"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/log-parameter", MLFLOW_WRITES, log_param, pair_fields,
                run_request, "Log a parameter"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/set-tag", MLFLOW_WRITES, set_tag, pair_fields, run_request,
                "Tag a run"),
    MLFLOW_CALL(MLFLOW_GETS, "runs/get", MLFLOW_READS, get, id_fields, run_request, "A run by id"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/create", MLFLOW_WRITES, create, create_fields, mw_new_run,
                "Begin a run"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/update", MLFLOW_WRITES, update, update_fields, run_request,
                "Change a run's status, end or name"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/delete", MLFLOW_WRITES, delete_it, id_fields, run_request,
                "Delete a run"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/restore", MLFLOW_WRITES, restore, id_fields, run_request,
                "Restore a deleted run"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/delete-tag", MLFLOW_WRITES, delete_tag, pair_fields,
                run_request, "Take a tag off a run"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/log-inputs", MLFLOW_WRITES, log_inputs, inputs_fields,
                run_request, "Log data sets and models that a run reads"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/outputs", MLFLOW_WRITES, log_outputs, outputs_fields,
                run_request, "Log models that a run makes"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/log-model", MLFLOW_WRITES, log_model, log_model_fields,
                model_request, "Note a model in its run: what clients before MLflow 3 do"),
    MLFLOW_CALL(MLFLOW_POSTS, "runs/search", MLFLOW_READS, search, search_fields, mw_search,
                "Search runs"),
};
const size_t mlflow_n_run_calls = MW_COUNT(mlflow_run_calls);
