/* Answers: MLflow's messages as JSON, and its errors. Fields that are not set are left out. */
#include <math.h>

#include "mlflow_messages.h"
#include "serve/serve.h"

/* ---- pieces ---------------------------------------------------------------------------------- */

void mlflow_put_comma(mw_buf *out)
{
    char last = out->size ? out->data[out->size - 1] : '{';
    if (last != '{' && last != '[')
        mw_buf_char(out, ',');
}

void mlflow_put_name(mw_buf *out, const char *name)
{
    mlflow_put_comma(out);
    mw_buf_char(out, '"');
    mw_buf_text(out, name);
    mw_buf_text(out, "\":");
}

void mlflow_put_text(mw_buf *out, const char *name, mw_view value)
{
    if (!value.data)
        return;
    mlflow_put_name(out, name);
    mw_json_write_text(out, value);
}

void mlflow_put_int(mw_buf *out, const char *name, int64_t value)
{
    mlflow_put_name(out, name);
    mw_json_write_int(out, value);
}

void mlflow_put_id(mw_buf *out, const char *name, int64_t id)
{
    mlflow_put_name(out, name);
    mw_buf_format(out, "\"%lld\"", (long long)id);
}

void mlflow_put_list(mw_buf *out, const char *name, const void *items, size_t count,
                     size_t item_bytes, void (*put)(mw_buf *out, const void *item))
{
    if (count == 0)
        return;
    mlflow_put_name(out, name);
    mw_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        mlflow_put_comma(out);
        put(out, (const char *)items + i * item_bytes);
    }
    mw_buf_char(out, ']');
}

static void put_tag(mw_buf *out, const void *item)
{
    const mw_tag *tag = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "key", tag->key);
    mlflow_put_text(out, "value", tag->value);
    mw_buf_char(out, '}');
}

void mlflow_put_tags(mw_buf *out, const char *name, const mw_tags *tags)
{
    MLFLOW_PUT_LIST(out, name, tags, put_tag);
}

static void put_metric(mw_buf *out, const void *item)
{
    const mw_metric *metric = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "key", metric->key);
    mlflow_put_name(out, "value");
    if (isnan(metric->value))
        mw_buf_text(out, "\"NaN\"");
    else
        mw_json_write_double(out, metric->value);
    mlflow_put_int(out, "timestamp", metric->timestamp);
    mlflow_put_int(out, "step", metric->step);
    mlflow_put_text(out, "run_id", metric->run_id);
    mlflow_put_text(out, "model_id", metric->model_id);
    mlflow_put_text(out, "dataset_name", metric->dataset_name);
    mlflow_put_text(out, "dataset_digest", metric->dataset_digest);
    mw_buf_char(out, '}');
}

void mlflow_put_metrics(mw_buf *out, const char *name, const mw_metrics *metrics)
{
    MLFLOW_PUT_LIST(out, name, metrics, put_metric);
}

/* ---- whole answers --------------------------------------------------------------------------- */

mw_status mlflow_answer_nothing(mlflow_turn *turn, mw_status status)
{
    mw_buf_text(turn->out, "{}");
    return status;
}

mw_status mlflow_answer_one(mlflow_turn *turn, mw_status status, const char *name,
                            const void *message, void (*put)(mw_buf *out, const void *item))
{
    if (status != MW_OK)
        return status;
    mw_buf_char(turn->out, '{');
    mlflow_put_name(turn->out, name);
    put(turn->out, message);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void put_stage(mw_buf *out, bool is_deleted)
{
    mlflow_put_text(out, "lifecycle_stage", is_deleted ? MW_VIEW("deleted") : MW_VIEW("active"));
}

void mlflow_put_experiment(mw_buf *out, const void *item)
{
    const mw_experiment *experiment = item;
    mw_buf_char(out, '{');
    mlflow_put_id(out, "experiment_id", experiment->id);
    mlflow_put_text(out, "name", experiment->name);
    mlflow_put_text(out, "artifact_location", experiment->location);
    put_stage(out, experiment->is_deleted);
    mlflow_put_int(out, "last_update_time", experiment->updated);
    mlflow_put_int(out, "creation_time", experiment->created);
    mlflow_put_tags(out, "tags", &experiment->tags);
    mw_buf_char(out, '}');
}

void mlflow_put_run_info(mw_buf *out, const void *item)
{
    const mw_run_info *info = item;
    size_t status = info->status > 0 ? (size_t)info->status - 1 : 0;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "run_uuid", info->run_id);
    mlflow_put_id(out, "experiment_id", info->experiment);
    mlflow_put_text(out, "run_name", info->name);
    mlflow_put_text(out, "user_id", info->user);
    mlflow_put_text(out, "status", mw_view_of(mlflow_run_statuses[status]));
    mlflow_put_int(out, "start_time", info->started);
    if (info->has_ended)
        mlflow_put_int(out, "end_time", info->ended);
    mlflow_put_text(out, "artifact_uri", info->artifact_uri);
    put_stage(out, info->is_deleted);
    mlflow_put_text(out, "run_id", info->run_id);
    mw_buf_char(out, '}');
}

static void put_dataset(mw_buf *out, const void *item)
{
    const mw_dataset *dataset = item;
    mw_buf_char(out, '{');
    mlflow_put_tags(out, "tags", &dataset->tags);
    mlflow_put_name(out, "dataset");
    mw_buf_char(out, '{');
    mlflow_put_text(out, "name", dataset->name);
    mlflow_put_text(out, "digest", dataset->digest);
    mlflow_put_text(out, "source_type", dataset->source_type);
    mlflow_put_text(out, "source", dataset->source);
    mlflow_put_text(out, "schema", dataset->schema);
    mlflow_put_text(out, "profile", dataset->profile);
    mw_buf_text(out, "}}");
}

static void put_input_model(mw_buf *out, const void *item)
{
    const mw_run_model *model = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "model_id", model->model_id);
    mw_buf_char(out, '}');
}

static void put_output_model(mw_buf *out, const void *item)
{
    const mw_run_model *model = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "model_id", model->model_id);
    mlflow_put_int(out, "step", model->step);
    mw_buf_char(out, '}');
}

static void put_inputs(mw_buf *out, const mw_run *run)
{
    mlflow_put_name(out, "inputs");
    mw_buf_char(out, '{');
    MLFLOW_PUT_LIST(out, "dataset_inputs", &run->datasets, put_dataset);
    MLFLOW_PUT_LIST(out, "model_inputs", &run->inputs, put_input_model);
    mw_buf_char(out, '}');
}

void mlflow_put_run(mw_buf *out, const void *item)
{
    const mw_run *run = item;
    mw_buf_char(out, '{');
    mlflow_put_name(out, "info");
    mlflow_put_run_info(out, &run->info);
    mlflow_put_name(out, "data");
    mw_buf_char(out, '{');
    mlflow_put_metrics(out, "metrics", &run->metrics);
    mlflow_put_tags(out, "params", &run->params);
    mlflow_put_tags(out, "tags", &run->tags);
    mw_buf_char(out, '}');
    put_inputs(out, run);
    mlflow_put_name(out, "outputs");
    mw_buf_char(out, '{');
    MLFLOW_PUT_LIST(out, "model_outputs", &run->outputs, put_output_model);
    mw_buf_text(out, "}}");
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* Clients repeat 408, 429 and 5xx but 501 and 507 for minutes: what cannot succeed is none of them.
 */
static const struct {
    mw_code code;
    int status;
    const char *name;
} errors[] = {
    {MW_E_ACCESS_MISSING, 401, "UNAUTHENTICATED"},
    {MW_E_ACCESS_WRONG, 401, "UNAUTHENTICATED"},
    {MW_E_ACCESS_DENIED, 403, "PERMISSION_DENIED"},
    {MW_E_ACCESS_LIMITED, 429, "REQUEST_LIMIT_EXCEEDED"},
    {MW_E_ACCESS_BUSY, 503, "TEMPORARILY_UNAVAILABLE"},
    {MW_E_ACCESS_VALUE, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_ACCESS_UNKNOWN, 404, "RESOURCE_DOES_NOT_EXIST"},
    {MW_E_ACCESS_TAKEN, 409, "RESOURCE_ALREADY_EXISTS"},
    {MW_E_RECORD_VALUE, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_RECORD_FILTER, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_RECORD_PATH, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_RECORD_TAKEN, 400, "RESOURCE_ALREADY_EXISTS"},
    {MW_E_RECORD_STATE, 400, "INVALID_STATE"},
    {MW_E_RECORD_UNKNOWN, 404, "RESOURCE_DOES_NOT_EXIST"},
    {MW_E_DATA_UNKNOWN, 404, "RESOURCE_DOES_NOT_EXIST"},
    {MW_E_DATA_OBJECT, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_RECORD_ROUTE, 404, "ENDPOINT_NOT_FOUND"},
    {MW_E_RECORD_PART, 501, "NOT_IMPLEMENTED"},
    {MW_E_ROUTE_METHOD, 405, "BAD_REQUEST"},
    {MW_E_ROUTE_ENCODING, 400, "BAD_REQUEST"},
    {MW_E_JSON_SYNTAX, 400, "BAD_REQUEST"},
    {MW_E_JSON_DEPTH, 400, "BAD_REQUEST"},
    {MW_E_BODY_TOO_LARGE, 413, "REQUEST_LIMIT_EXCEEDED"},
    {MW_E_BODY_ENCODING, 415, "BAD_REQUEST"},
    {MW_E_BODY_COMPRESSION, 400, "BAD_REQUEST"},
    {MW_E_STORE_FULL, 507, "RESOURCE_EXHAUSTED"},
    {MW_E_STORE_BUSY, 503, "TEMPORARILY_UNAVAILABLE"},
    {MW_E_STORE_DAMAGED, 500, "INTERNAL_ERROR"},
    {MW_E_STORE_AWAY, 503, "TEMPORARILY_UNAVAILABLE"},
    {MW_E_STORE_NO_BUCKET, 501, "NOT_IMPLEMENTED"},
    {MW_E_STORE_UPLOAD, 404, "RESOURCE_DOES_NOT_EXIST"},
    {MW_E_STORE_PARTS, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_WEBHOOK_LIMIT, 400, "RESOURCE_LIMIT_EXCEEDED"},
    {MW_E_WEBHOOK_OFF, 501, "NOT_IMPLEMENTED"},
    {MW_E_CONTRACT, 409, "INVALID_STATE"},
    {MW_E_SPANS_FORMAT, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_SPANS_ID, 422, "INVALID_PARAMETER_VALUE"},
    {MW_E_SPANS_LIMIT, 413, "INVALID_PARAMETER_VALUE"},
    {MW_E_YAML_SYNTAX, 400, "BAD_REQUEST"},
    {MW_E_YAML_LIMIT, 400, "BAD_REQUEST"},
    {MW_E_ROLLOUT_DOCUMENT, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_ROLLOUT_STATE, 409, "INVALID_STATE"},
    {MW_E_ROLLOUT_TAKEN, 409, "RESOURCE_ALREADY_EXISTS"},
    {MW_E_ROLLOUT_STALE, 409, "INVALID_STATE"},
    {MW_E_ROLLOUT_UNKNOWN, 404, "RESOURCE_DOES_NOT_EXIST"},
    {MW_E_ROLLOUT_ENDPOINT, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_GATE_CLOSED, 409, "INVALID_STATE"},
    {MW_E_GATE_RESULT, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_GATE_POLICY, 400, "INVALID_PARAMETER_VALUE"},
    {MW_E_GATE_APPROVAL, 409, "INVALID_STATE"},
};

/* Of codes that the table does not know: other rooms'. */
static const char *usual_name(int status)
{
    switch (status) {
    case 400:
        return "INVALID_PARAMETER_VALUE";
    case 404:
        return "RESOURCE_DOES_NOT_EXIST";
    case 409:
        return "RESOURCE_CONFLICT";
    case 503:
        return "TEMPORARILY_UNAVAILABLE";
    default:
        return "INTERNAL_ERROR";
    }
}

static void write_message(const mw_error *err, mw_buf *out)
{
    const char *parts[] = {err->where, err->what, err->why, err->mend};
    for (size_t i = 0; i < MW_COUNT(parts); i++) {
        if (!parts[i][0])
            continue;
        char last = out->size ? out->data[out->size - 1] : '\0';
        if (last)
            mw_buf_text(out, i == 1 ? ": " : last == '.' ? " " : ". ");
        mw_buf_text(out, parts[i]);
    }
}

void mlflow_put_error(mw_exchange *exchange, const mw_error *err)
{
    mw_buf message;
    exchange->status = mw_code_http(err->code, err->status);
    const char *name = usual_name(exchange->status);
    for (size_t i = 0; i < MW_COUNT(errors); i++) {
        if ((int)errors[i].code != err->code)
            continue;
        exchange->status = errors[i].status;
        name = errors[i].name;
    }
    if (mw_style_of_path(exchange->path) ==
        MW_STYLE_PROBLEM) { /* a call of our own, below /mw/v1 */
        mw_serve_error(exchange, err, exchange->status);
        exchange->reply_headers = (mw_view){NULL, 0};
        return;
    }
    mw_buf_init(&message, 4096);
    write_message(err, &message);
    mw_buf_reset(exchange->reply);
    mw_buf_format(exchange->reply, "{\"error_code\":\"%s\",\"message\":", name);
    mw_json_write_text(exchange->reply, mw_buf_as_view(&message));
    mw_buf_format(exchange->reply, ",\"code\":\"MW%d\"}", err->code);
    mw_buf_done(&message);
    exchange->reply_type = MW_VIEW("application/json");
    exchange->reply_headers = (mw_view){NULL, 0};
}
