/* MLflow's calls about logged models. */
#include "mlflow.h"
#include "mlflow_messages.h"

static const char *const statuses[] = {"LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY",
                                       "LOGGED_MODEL_UPLOAD_FAILED", NULL};

typedef struct logged_request {
    mw_view model_id, key, folder;
    int status;
    mw_tags pairs;
} logged_request;

static const mlflow_field create_fields[] = {
    MLFLOW_TEXT_FIELD(mw_new_logged_model, "experiment_id", experiment, true),
    MLFLOW_TEXT_FIELD(mw_new_logged_model, "name", name, false),
    MLFLOW_TEXT_FIELD(mw_new_logged_model, "model_type", model_type, false),
    MLFLOW_TEXT_FIELD(mw_new_logged_model, "source_run_id", source_run_id, false),
    MLFLOW_LIST_FIELD(mw_new_logged_model, "params", params, false, mlflow_tag_fields, mw_tag),
    MLFLOW_LIST_FIELD(mw_new_logged_model, "tags", tags, false, mlflow_tag_fields, mw_tag),
    {0}};
static const mlflow_field id_fields[] = {
    MLFLOW_TEXT_FIELD(logged_request, "model_id", model_id, true), {0}};
static const mlflow_field finalize_fields[] = {
    MLFLOW_TEXT_FIELD(logged_request, "model_id", model_id, true),
    {"status", MLFLOW_ENUM, offsetof(logged_request, status), true, NULL, 0, statuses, NULL},
    {0}};
static const mlflow_field tags_fields[] = {
    MLFLOW_TEXT_FIELD(logged_request, "model_id", model_id, true),
    MLFLOW_LIST_FIELD(logged_request, "tags", pairs, false, mlflow_tag_fields, mw_tag),
    {0}};
static const mlflow_field params_fields[] = {
    MLFLOW_TEXT_FIELD(logged_request, "model_id", model_id, true),
    MLFLOW_LIST_FIELD(logged_request, "params", pairs, false, mlflow_tag_fields, mw_tag),
    {0}};
static const mlflow_field untag_fields[] = {
    MLFLOW_TEXT_FIELD(logged_request, "model_id", model_id, true),
    MLFLOW_TEXT_FIELD(logged_request, "tag_key", key, true),
    {0}};
static const mlflow_field folder_fields[] = {
    MLFLOW_TEXT_FIELD(logged_request, "model_id", model_id, true),
    MLFLOW_TEXT_FIELD(logged_request, "artifact_directory_path", folder, false),
    {0}};

static void put_model(mw_buf *out, const void *item)
{
    const mw_logged_model *model = item;
    mw_buf_char(out, '{');
    mlflow_put_name(out, "info");
    mw_buf_char(out, '{');
    mlflow_put_text(out, "model_id", model->model_id);
    mlflow_put_id(out, "experiment_id", model->experiment);
    mlflow_put_text(out, "name", model->name);
    mlflow_put_int(out, "creation_timestamp_ms", model->created);
    mlflow_put_int(out, "last_updated_timestamp_ms", model->updated);
    mlflow_put_text(out, "artifact_uri", model->artifact_uri);
    mlflow_put_text(out, "status", mw_view_of(statuses[model->status - MW_LOGGED_PENDING]));
    mlflow_put_text(out, "model_type", model->model_type);
    mlflow_put_text(out, "source_run_id", model->source_run_id);
    mlflow_put_tags(out, "tags", &model->tags);
    mw_buf_char(out, '}');
    mlflow_put_name(out, "data");
    mw_buf_char(out, '{');
    mlflow_put_tags(out, "params", &model->params);
    mlflow_put_metrics(out, "metrics", &model->metrics);
    mw_buf_text(out, "}}");
}

static mw_status answer_model(mlflow_turn *turn, mw_status status, const mw_logged_model *model)
{
    return mlflow_answer_one(turn, status, "model", model, put_model);
}

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_logged_model model;
    return answer_model(turn, mw_record_create_logged_model(record, turn->request, &model, err),
                        &model);
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_logged_model model;
    const logged_request *q = turn->request;
    return answer_model(turn, mw_record_logged_model(record, q->model_id, &model, err), &model);
}

static mw_status finalize(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_logged_model model;
    const logged_request *q = turn->request;
    if (q->status == 0)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Invalid value for parameter 'status' supplied: it "
                       "is LOGGED_MODEL_READY or "
                       "LOGGED_MODEL_UPLOAD_FAILED");
    return answer_model(turn,
                        mw_record_finalize_logged_model(record, q->model_id,
                                                        (mw_logged_status)q->status, &model, err),
                        &model);
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const logged_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_logged_model(record, q->model_id, err));
}

static mw_status set_tags(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const logged_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_tag_logged_model(record, q->model_id, &q->pairs, err));
}

static mw_status delete_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const logged_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_untag_logged_model(record, q->model_id, q->key, err));
}

static mw_status log_params(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const logged_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_log_model_params(record, q->model_id, &q->pairs, err));
}

static mw_status list_folder(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_logged_model model;
    const logged_request *q = turn->request;
    MW_TRY(mw_record_logged_model(record, q->model_id, &model, err));
    return mlflow_answer_listing(turn, record, model.artifact_uri, q->folder, err);
}

/* ---- searching ------------------------------------------------------------------------------- */

typedef struct order_request {
    mw_logged_order order;
} order_request;

static const mlflow_field wish_fields[] = {
    MLFLOW_TEXT_FIELD(mw_dataset_wish, "dataset_name", name, true),
    MLFLOW_TEXT_FIELD(mw_dataset_wish, "dataset_digest", digest, false),
    {0}};
/* `ascending` is true unless told: `descending` holds its opposite. */
static const mlflow_field order_fields[] = {
    MLFLOW_TEXT_FIELD(order_request, "field_name", order.field, true),
    {"ascending", MLFLOW_NOT_BOOL, offsetof(order_request, order.descending), false, NULL, 0, NULL,
     NULL},
    MLFLOW_TEXT_FIELD(order_request, "dataset_name", order.dataset.name, false),
    MLFLOW_TEXT_FIELD(order_request, "dataset_digest", order.dataset.digest, false),
    {0}};
static const mlflow_field search_fields[] = {
    {"experiment_ids", MLFLOW_TEXTS, offsetof(mw_logged_search, search.experiments), false, NULL, 0,
     NULL, NULL},
    MLFLOW_TEXT_FIELD(mw_logged_search, "filter", search.filter, false),
    MLFLOW_TEXT_FIELD(mw_logged_search, "page_token", search.page_token, false),
    {"max_results", MLFLOW_INT, offsetof(mw_logged_search, search.max_results), false, NULL, 0,
     NULL, NULL},
    {"datasets", MLFLOW_LIST, offsetof(mw_logged_search, datasets), false, wish_fields,
     sizeof(mw_dataset_wish), NULL, NULL},
    {"order_by", MLFLOW_LIST, offsetof(mw_logged_search, order_by), false, order_fields,
     sizeof(mw_logged_order), NULL, NULL},
    {0}};

static mw_status search(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 50 };
    mw_logged_models found;
    mw_view token;
    mw_logged_search *asked = turn->request;
    if (asked->search.max_results == 0)
        asked->search.max_results = USUAL_RESULTS;
    MW_TRY(mw_record_search_logged_models(record, asked, &found, &token, err));
    MLFLOW_ANSWER_PAGE(turn, "models", &found, put_model, token);
    return MW_OK;
}

#define LOGGED(methods, path, access, handler, fields, type, summary)                         \
    {                                                                                         \
        methods, "/mlflow/logged-models" path, access, handler, fields, sizeof(type), summary \
    }

const mlflow_call mlflow_logged_calls[] = {
    LOGGED(MLFLOW_POSTS, "", MLFLOW_WRITES, create, create_fields, mw_new_logged_model,
           "Begin to log a model"),
    LOGGED(MLFLOW_POSTS, "/search", MLFLOW_READS, search, search_fields, mw_logged_search,
           "Search logged models"),
    LOGGED(MLFLOW_GETS, "/{model_id}", MLFLOW_READS, get, id_fields, logged_request,
           "A logged model"),
    LOGGED(1u << MW_PATCH, "/{model_id}", MLFLOW_WRITES, finalize, finalize_fields, logged_request,
           "Say that a model is whole, or failed"),
    LOGGED(1u << MW_DELETE, "/{model_id}", MLFLOW_WRITES, delete_it, id_fields, logged_request,
           "Delete a logged model"),
    LOGGED(1u << MW_PATCH, "/{model_id}/tags", MLFLOW_WRITES, set_tags, tags_fields, logged_request,
           "Tag a logged model"),
    LOGGED(1u << MW_DELETE, "/{model_id}/tags/{tag_key}", MLFLOW_WRITES, delete_tag, untag_fields,
           logged_request, "Take a tag off a logged model"),
    LOGGED(MLFLOW_POSTS, "/{model_id}/params", MLFLOW_WRITES, log_params, params_fields,
           logged_request, "Log a model's parameters"),
    LOGGED(MLFLOW_GETS, "/{model_id}/artifacts/directories", MLFLOW_READS, list_folder,
           folder_fields, logged_request, "List a logged model's files"),
};
const size_t mlflow_n_logged_calls = MW_COUNT(mlflow_logged_calls);
