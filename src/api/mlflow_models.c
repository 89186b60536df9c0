/* MLflow's calls about registered models and their versions. */
#include "mlflow.h"
#include "mlflow_messages.h"

typedef struct model_request {
    mw_view name, new_name, alias;
    mw_new_version version; /* what creates one; description and tags are of models, too */
    mw_view number, stage;
    bool archive;
    mw_tag tag;
    mw_texts stages;
} model_request;

#define TEXT(name, member, required) MLFLOW_TEXT_FIELD(model_request, name, member, required)
#define NAME TEXT("name", name, true)
#define VERSION TEXT("version", number, true)
#define TAGS \
    MLFLOW_LIST_FIELD(model_request, "tags", version.tags, false, mlflow_tag_fields, mw_tag)
#define DESCRIPTION TEXT("description", version.description, false)

static const mlflow_field name_fields[] = {NAME, {0}};
static const mlflow_field create_fields[] = {NAME, DESCRIPTION, TAGS, {0}};
static const mlflow_field describe_fields[] = {NAME, DESCRIPTION, {0}};
static const mlflow_field rename_fields[] = {NAME, TEXT("new_name", new_name, true), {0}};
static const mlflow_field tag_fields[] = {
    NAME, TEXT("key", tag.key, true), TEXT("value", tag.value, false), {0}};
static const mlflow_field alias_fields[] = {NAME, TEXT("alias", alias, true), {0}};
static const mlflow_field set_alias_fields[] = {NAME, TEXT("alias", alias, true), VERSION, {0}};
static const mlflow_field latest_fields[] = {
    NAME,
    {"stages", MLFLOW_TEXTS, offsetof(model_request, stages), false, NULL, 0, NULL, NULL},
    {0}};
static const mlflow_field create_version_fields[] = {NAME,
                                                     TEXT("source", version.source, true),
                                                     TEXT("run_id", version.run_id, false),
                                                     TEXT("run_link", version.run_link, false),
                                                     TEXT("model_id", version.model_id, false),
                                                     DESCRIPTION,
                                                     TAGS,
                                                     {0}};
static const mlflow_field version_fields[] = {NAME, VERSION, {0}};
static const mlflow_field describe_version_fields[] = {NAME, VERSION, DESCRIPTION, {0}};
static const mlflow_field version_tag_fields[] = {
    NAME, VERSION, TEXT("key", tag.key, true), TEXT("value", tag.value, false), {0}};
static const mlflow_field move_fields[] = {NAME,
                                           VERSION,
                                           TEXT("stage", stage, true),
                                           {"archive_existing_versions", MLFLOW_BOOL,
                                            offsetof(model_request, archive), false, NULL, 0, NULL,
                                            NULL},
                                           {0}};

/* ---- answers --------------------------------------------------------------------------------- */

static mw_view or_empty(mw_view text)
{
    return text.data ? text : MW_VIEW("");
}

static void put_alias_name(mw_buf *out, const void *item)
{
    mw_json_write_text(out, *(const mw_view *)item);
}

static void put_version(mw_buf *out, const void *item)
{
    const mw_model_version *version = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "name", version->name);
    mlflow_put_id(out, "version", version->version);
    mlflow_put_int(out, "creation_timestamp", version->created);
    mlflow_put_int(out, "last_updated_timestamp", version->updated);
    mlflow_put_text(out, "user_id", version->user);
    mlflow_put_text(out, "current_stage", mw_view_of(mw_model_stage_names[version->stage]));
    mlflow_put_text(out, "description", or_empty(version->description));
    mlflow_put_text(out, "source", version->source);
    mlflow_put_text(out, "run_id", or_empty(version->run_id));
    mlflow_put_text(out, "status", MW_VIEW("READY"));
    mlflow_put_tags(out, "tags", &version->tags);
    mlflow_put_text(out, "run_link", or_empty(version->run_link));
    MLFLOW_PUT_LIST(out, "aliases", &version->aliases, put_alias_name);
    mw_buf_char(out, '}');
}

static void put_alias(mw_buf *out, const void *item)
{
    const mw_alias *alias = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "alias", alias->alias);
    mlflow_put_id(out, "version", alias->version);
    mw_buf_char(out, '}');
}

static void put_model(mw_buf *out, const void *item)
{
    const mw_registered_model *model = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "name", model->name);
    mlflow_put_int(out, "creation_timestamp", model->created);
    mlflow_put_int(out, "last_updated_timestamp", model->updated);
    mlflow_put_text(out, "description", model->description);
    MLFLOW_PUT_LIST(out, "latest_versions", &model->latest, put_version);
    mlflow_put_tags(out, "tags", &model->tags);
    MLFLOW_PUT_LIST(out, "aliases", &model->aliases, put_alias);
    mw_buf_char(out, '}');
}

static mw_status answer_model(mlflow_turn *turn, mw_status status, const mw_registered_model *model)
{
    return mlflow_answer_one(turn, status, "registered_model", model, put_model);
}

static mw_status answer_version(mlflow_turn *turn, mw_status status,
                                const mw_model_version *version)
{
    return mlflow_answer_one(turn, status, "model_version", version, put_version);
}

/* ---- registered models ----------------------------------------------------------------------- */

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_registered_model model;
    const model_request *q = turn->request;
    return answer_model(turn,
                        mw_record_create_model(record, q->name, q->version.description,
                                               &q->version.tags, &model, err),
                        &model);
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_registered_model model;
    const model_request *q = turn->request;
    return answer_model(turn, mw_record_model(record, q->name, &model, err), &model);
}

static mw_status rename_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_registered_model model;
    const model_request *q = turn->request;
    return answer_model(turn, mw_record_rename_model(record, q->name, q->new_name, &model, err),
                        &model);
}

static mw_status describe(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_registered_model model;
    const model_request *q = turn->request;
    return answer_model(
        turn, mw_record_describe_model(record, q->name, q->version.description, &model, err),
        &model);
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const model_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_model(record, q->name, err));
}

static mw_status set_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const model_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_tag_model(record, q->name, &q->tag, err));
}

static mw_status delete_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const model_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_untag_model(record, q->name, q->tag.key, err));
}

static mw_status set_alias(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const model_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_set_alias(record, q->name, q->alias, q->number, err));
}

static mw_status get_alias(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_model_version version;
    const model_request *q = turn->request;
    return answer_version(
        turn, mw_record_version_of_alias(record, q->name, q->alias, &version, err), &version);
}

static mw_status get_latest(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_model_versions found;
    const model_request *q = turn->request;
    MW_TRY(mw_record_latest_versions(record, q->name, &q->stages, &found, err));
    mw_buf_char(turn->out, '{');
    MLFLOW_PUT_LIST(turn->out, "model_versions", &found, put_version);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static const mlflow_field search_fields[] = {MLFLOW_SEARCH_FIELDS("view_type"), {0}};

static mw_status search(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 100 };
    mw_registered_models found;
    mw_view token;
    mw_search *asked = turn->request;
    if (asked->max_results == 0)
        asked->max_results = USUAL_RESULTS;
    MW_TRY(mw_record_search_models(record, asked, &found, &token, err));
    MLFLOW_ANSWER_PAGE(turn, "registered_models", &found, put_model, token);
    return MW_OK;
}

/* ---- versions -------------------------------------------------------------------------------- */

/* The registration stands; who serves it is told in time. */
static void warn_of_finding(const mw_model_version *version)
{
    enum { SHOWN = 400 };
    mw_view finding = mw_version_finding(version);
    if (finding.size > 0)
        mw_log(MW_LOG_WARN, "version %lld of '%.*s': %.*s", (long long)version->version,
               (int)(version->name.size < 80 ? version->name.size : 80), version->name.data,
               (int)(finding.size < SHOWN ? finding.size : SHOWN), finding.data);
}

static mw_status create_version(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_model_version version;
    model_request *q = turn->request;
    q->version.name = q->name;
    mw_status status = mw_record_create_version(record, &q->version, &version, err);
    if (status == MW_OK)
        warn_of_finding(&version);
    return answer_version(turn, status, &version);
}

static mw_status get_version(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_model_version version;
    const model_request *q = turn->request;
    return answer_version(turn, mw_record_version(record, q->name, q->number, &version, err),
                          &version);
}

static mw_status describe_version(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_model_version version;
    const model_request *q = turn->request;
    return answer_version(turn,
                          mw_record_describe_version(record, q->name, q->number,
                                                     q->version.description, &version, err),
                          &version);
}

static mw_status delete_version(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const model_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_version(record, q->name, q->number, err));
}

static mw_status move_version(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_model_version version;
    const model_request *q = turn->request;
    return answer_version(
        turn,
        mw_record_move_version(record, q->name, q->number, q->stage, q->archive, &version, err),
        &version);
}

static mw_status tag_version(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const model_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_tag_version(record, q->name, q->number, &q->tag, err));
}

static mw_status untag_version(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const model_request *q = turn->request;
    return mlflow_answer_nothing(
        turn, mw_record_untag_version(record, q->name, q->number, q->tag.key, err));
}

static mw_status get_place(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_model_version version;
    const model_request *q = turn->request;
    MW_TRY(mw_record_version(record, q->name, q->number, &version, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_text(turn->out, "artifact_uri", version.location);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status search_versions(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 200000 };
    mw_model_versions found;
    mw_view token;
    mw_search *asked = turn->request;
    if (asked->max_results == 0)
        asked->max_results = USUAL_RESULTS;
    MW_TRY(mw_record_search_versions(record, asked, &found, &token, err));
    MLFLOW_ANSWER_PAGE(turn, "model_versions", &found, put_version, token);
    return MW_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

#define DELETES (1u << MW_DELETE)
#define PATCHES (1u << MW_PATCH)
#define MODEL(methods, path, access, handler, fields, summary)               \
    {                                                                        \
        methods, "/mlflow/registered-models/" path, access, handler, fields, \
            sizeof(model_request), summary                                   \
    }
#define OF_VERSION(methods, path, access, handler, fields, summary)                              \
    {                                                                                            \
        methods, "/mlflow/model-versions/" path, access, handler, fields, sizeof(model_request), \
            summary                                                                              \
    }

const mlflow_call mlflow_model_calls[] = {
    MODEL(MLFLOW_POSTS, "create", MLFLOW_WRITES, create, create_fields, "Register a model"),
    MODEL(MLFLOW_GETS, "get", MLFLOW_READS, get, name_fields, "A registered model"),
    MODEL(MLFLOW_POSTS, "rename", MLFLOW_WRITES, rename_it, rename_fields, "Rename a model"),
    MODEL(PATCHES, "update", MLFLOW_WRITES, describe, describe_fields, "Describe a model"),
    MODEL(DELETES, "delete", MLFLOW_WRITES, delete_it, name_fields,
          "Delete a model with its versions"),
    MODEL(MLFLOW_POSTS, "set-tag", MLFLOW_WRITES, set_tag, tag_fields, "Tag a model"),
    MODEL(DELETES, "delete-tag", MLFLOW_WRITES, delete_tag, tag_fields, "Take a tag off a model"),
    MODEL(MLFLOW_POSTS, "alias", MLFLOW_WRITES, set_alias, set_alias_fields,
          "Point an alias at a version"),
    MODEL(DELETES, "alias", MLFLOW_WRITES, set_alias, alias_fields, "Delete an alias"),
    MODEL(MLFLOW_GETS, "alias", MLFLOW_READS, get_alias, alias_fields,
          "The version that an alias points at"),
    MODEL(MLFLOW_GETS | MLFLOW_POSTS, "get-latest-versions", MLFLOW_READS, get_latest,
          latest_fields, "The highest version of each stage"),
    {MLFLOW_GETS, "/mlflow/registered-models/search", MLFLOW_READS, search, search_fields,
     sizeof(mw_search), "Search registered models"},
    OF_VERSION(MLFLOW_POSTS, "create", MLFLOW_WRITES, create_version, create_version_fields,
               "Register a version"),
    OF_VERSION(MLFLOW_GETS, "get", MLFLOW_READS, get_version, version_fields, "A version"),
    OF_VERSION(PATCHES, "update", MLFLOW_WRITES, describe_version, describe_version_fields,
               "Describe a version"),
    OF_VERSION(DELETES, "delete", MLFLOW_WRITES, delete_version, version_fields,
               "Delete a version"),
    OF_VERSION(MLFLOW_POSTS, "transition-stage", MLFLOW_WRITES, move_version, move_fields,
               "Move a version to a stage"),
    OF_VERSION(MLFLOW_POSTS, "set-tag", MLFLOW_WRITES, tag_version, version_tag_fields,
               "Tag a version"),
    OF_VERSION(DELETES, "delete-tag", MLFLOW_WRITES, untag_version, version_tag_fields,
               "Take a tag off a version"),
    OF_VERSION(MLFLOW_GETS, "get-download-uri", MLFLOW_READS, get_place, version_fields,
               "Where a version's files are"),
    {MLFLOW_GETS, "/mlflow/model-versions/search", MLFLOW_READS, search_versions, search_fields,
     sizeof(mw_search), "Search versions"},
};
const size_t mlflow_n_model_calls = MW_COUNT(mlflow_model_calls);
