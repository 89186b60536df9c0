/* MLflow's calls about experiments. */
#include "mlflow.h"
#include "mlflow_messages.h"

typedef struct experiment_request {
    mw_view id, name, location;
    mw_tag tag;
    mw_tags tags;
} experiment_request;

#define FIELD(name, kind, member, required)                                             \
    {                                                                                   \
        name, kind, offsetof(experiment_request, member), required, NULL, 0, NULL, NULL \
    }

static const mlflow_field create_fields[] = {
    FIELD("name", MLFLOW_TEXT, name, true),
    FIELD("artifact_location", MLFLOW_TEXT, location, false),
    {"tags", MLFLOW_LIST, offsetof(experiment_request, tags), false, mlflow_tag_fields,
     sizeof(mw_tag), NULL, NULL},
    {0}};
static const mlflow_field id_fields[] = {FIELD("experiment_id", MLFLOW_TEXT, id, true), {0}};
static const mlflow_field name_fields[] = {FIELD("experiment_name", MLFLOW_TEXT, name, true), {0}};
static const mlflow_field rename_fields[] = {
    FIELD("experiment_id", MLFLOW_TEXT, id, true), FIELD("new_name", MLFLOW_TEXT, name, true), {0}};
static const mlflow_field tag_fields[] = {FIELD("experiment_id", MLFLOW_TEXT, id, true),
                                          FIELD("key", MLFLOW_TEXT, tag.key, true),
                                          FIELD("value", MLFLOW_TEXT, tag.value, false),
                                          {0}};

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    int64_t id;
    const experiment_request *asked = turn->request;
    MW_TRY(
        mw_record_create_experiment(record, asked->name, asked->location, &asked->tags, &id, err));
    mw_buf_format(turn->out, "{\"experiment_id\":\"%lld\"}", (long long)id);
    return MW_OK;
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_experiment experiment;
    const experiment_request *asked = turn->request;
    return mlflow_answer_one(turn, mw_record_experiment(record, asked->id, &experiment, err),
                             "experiment", &experiment, mlflow_put_experiment);
}

static mw_status get_by_name(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_experiment experiment;
    const experiment_request *asked = turn->request;
    return mlflow_answer_one(turn,
                             mw_record_experiment_named(record, asked->name, &experiment, err),
                             "experiment", &experiment, mlflow_put_experiment);
}

static mw_status rename_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const experiment_request *asked = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_rename_experiment(record, asked->id, asked->name, err));
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const experiment_request *asked = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_experiment(record, asked->id, err));
}

static mw_status restore(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const experiment_request *asked = turn->request;
    return mlflow_answer_nothing(turn, mw_record_restore_experiment(record, asked->id, err));
}

static mw_status set_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const experiment_request *asked = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_tag_experiment(record, asked->id, &asked->tag, err));
}

static mw_status delete_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const experiment_request *asked = turn->request;
    return mlflow_answer_nothing(
        turn, mw_record_untag_experiment(record, asked->id, asked->tag.key, err));
}

static mw_status search(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_experiments found;
    mw_view token;
    mw_search *asked = turn->request;
    if (!asked->view)
        asked->view = MW_VIEW_ACTIVE;
    MW_TRY(mw_record_search_experiments(record, asked, &found, &token, err));
    MLFLOW_ANSWER_PAGE(turn, "experiments", &found, mlflow_put_experiment, token);
    return MW_OK;
}

static const mlflow_field search_fields[] = {MLFLOW_SEARCH_FIELDS("view_type"), {0}};

#define CALL(methods, path, access, handler, fields, summary)                                      \
    {                                                                                              \
        methods, "/mlflow/experiments/" path, access, handler, fields, sizeof(experiment_request), \
            summary                                                                                \
    }

const mlflow_call mlflow_experiment_calls[] = {
    CALL(MLFLOW_POSTS, "create", MLFLOW_WRITES, create, create_fields, "Make an experiment"),
    CALL(MLFLOW_GETS, "get", MLFLOW_READS, get, id_fields, "An experiment by id"),
    CALL(MLFLOW_GETS, "get-by-name", MLFLOW_READS, get_by_name, name_fields,
         "An experiment by name"),
    CALL(MLFLOW_POSTS, "update", MLFLOW_WRITES, rename_it, rename_fields, "Rename an experiment"),
    CALL(MLFLOW_POSTS, "delete", MLFLOW_WRITES, delete_it, id_fields, "Delete an experiment"),
    CALL(MLFLOW_POSTS, "restore", MLFLOW_WRITES, restore, id_fields,
         "Restore a deleted experiment"),
    CALL(MLFLOW_POSTS, "set-experiment-tag", MLFLOW_WRITES, set_tag, tag_fields,
         "Tag an experiment"),
    CALL(MLFLOW_POSTS, "delete-experiment-tag", MLFLOW_WRITES, delete_tag, tag_fields,
         "Take a tag off an experiment"),
    {MLFLOW_GETS | MLFLOW_POSTS, "/mlflow/experiments/search", MLFLOW_READS, search, search_fields,
     sizeof(mw_search), "Search experiments"},
};
const size_t mlflow_n_experiment_calls = MW_COUNT(mlflow_experiment_calls);
