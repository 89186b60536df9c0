/* MLflow's calls about scorers (mlflow.genai.scorers): register, list, get, delete. Scoring of live
 * traces (online-config), which runs them, is not done here: nothing is configured, and nothing can
 * be. */
#include "mlflow.h"
#include "mlflow_messages.h"

typedef struct scorer_request {
    mw_search search; /* first: lists are narrowed by what their visitor reaches */
    mw_view experiment_id, name, serialized_scorer;
    mlflow_int said_version;
} scorer_request;

/* clang-format off */
#define TEXT(name, member, required) MLFLOW_TEXT_FIELD(scorer_request, name, member, required)
#define EXPERIMENT TEXT("experiment_id", experiment_id, true)
#define NAME TEXT("name", name, true)
#define VERSION                                                                                  \
    {"version", MLFLOW_MAYBE_INT, offsetof(scorer_request, said_version), false, NULL, 0, NULL,  \
     NULL}
static const mlflow_field put_fields[] = {
    EXPERIMENT, NAME, TEXT("serialized_scorer", serialized_scorer, true), {0}};
static const mlflow_field list_fields[] = {
    TEXT("experiment_id", experiment_id, false),
    {"experiment_ids", MLFLOW_TEXTS, offsetof(scorer_request, search.experiments), false, NULL, 0,
     NULL, NULL},
    {0}};
static const mlflow_field versions_fields[] = {EXPERIMENT, NAME, {0}};
static const mlflow_field version_fields[] = {EXPERIMENT, NAME, VERSION, {0}};
static const mlflow_field online_fields[] = {EXPERIMENT, NAME, {0}};
/* clang-format on */

static void put_scorer(mw_buf *out, const void *item)
{
    const mw_scorer *scorer = item;
    mw_buf_char(out, '{');
    mlflow_put_int(out, "experiment_id", scorer->experiment);
    mlflow_put_text(out, "scorer_name", scorer->name);
    mlflow_put_int(out, "scorer_version", scorer->version);
    mlflow_put_text(out, "serialized_scorer", scorer->text);
    mlflow_put_int(out, "creation_time", scorer->created);
    mlflow_put_text(out, "scorer_id", scorer->id);
    mw_buf_char(out, '}');
}

/* 0: not said, which means the highest, or all. */
static mw_status read_version(const scorer_request *q, int64_t *ret_version, mw_error *err)
{
    *ret_version = q->said_version.given ? q->said_version.value : 0;
    if (!q->said_version.given || *ret_version > 0)
        return MW_OK;
    mw_fail(err, MW_E_RECORD_UNKNOWN, "Scorer with name '%.*s' and version %lld not found",
            (int)(q->name.size < 80 ? q->name.size : 80), q->name.data, (long long)*ret_version);
    return mw_mend(err, "versions begin at 1; leave it out for the newest");
}

typedef struct putting {
    const scorer_request *request;
    mw_scorer scorer;
} putting;

static mw_status put_checked(mw_record *record, void *given, mw_error *err)
{
    putting *p = given;
    return mw_record_put_scorer(record, p->request->experiment_id, p->request->name,
                                p->request->serialized_scorer, &p->scorer, err);
}

/* It is read before a transaction begins: megabytes of JSON would hold up other writers. */
static mw_status put(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    putting p = {.request = turn->request};
    const mw_scorer *scorer = &p.scorer;
    MW_TRY(mw_scorer_check(p.request->serialized_scorer, err));
    MW_TRY(mw_registry_write_as(turn->registry, &turn->actor, turn->exchange->arena, put_checked,
                                &p, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_int(turn->out, "version", scorer->version);
    mlflow_put_text(turn->out, "scorer_id", scorer->id);
    mlflow_put_id(turn->out, "experiment_id", scorer->experiment);
    mlflow_put_text(turn->out, "name", scorer->name);
    mlflow_put_text(turn->out, "serialized_scorer", scorer->text);
    mlflow_put_int(turn->out, "creation_time", scorer->created);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status list(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_scorers found;
    const scorer_request *q = turn->request;
    if (q->experiment_id.size > 0 && q->search.experiments.count > 0) {
        mw_fail(err, MW_E_RECORD_VALUE,
                "Cannot specify both 'experiment_id' and 'experiment_ids'.");
        return mw_mend(err, "name one experiment, or several");
    }
    MW_TRY(mw_record_scorers(record, q->experiment_id, &q->search, &found, err));
    MLFLOW_ANSWER_LIST(turn, "scorers", &found, put_scorer);
    return MW_OK;
}

static mw_status list_versions(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_scorers found;
    const scorer_request *q = turn->request;
    MW_TRY(mw_record_scorer_versions(record, q->experiment_id, q->name, &found, err));
    MLFLOW_ANSWER_LIST(turn, "scorers", &found, put_scorer);
    return MW_OK;
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    int64_t version;
    mw_scorer scorer;
    const scorer_request *q = turn->request;
    MW_TRY(read_version(q, &version, err));
    return mlflow_answer_one(
        turn, mw_record_scorer(record, q->experiment_id, q->name, version, &scorer, err), "scorer",
        &scorer, put_scorer);
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    int64_t version;
    const scorer_request *q = turn->request;
    MW_TRY(read_version(q, &version, err));
    return mlflow_answer_nothing(
        turn, mw_record_delete_scorer(record, q->experiment_id, q->name, version, err));
}

/* The client asks for them with each list. */
static mw_status list_online(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    (void)err;
    mw_buf_text(turn->out, "{\"configs\":[]}");
    return MW_OK;
}

static mw_status refuse_online(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)turn;
    (void)record;
    mw_fail(err, MW_E_RECORD_PART, "scorers are kept here, but not run");
    return mw_mend(err, "score traces where language models may be asked: mlflow.genai.evaluate");
}

#define SCORERS "/mlflow/scorers/"
#define SCORER(methods, path, access, handler, fields, summary)                         \
    {                                                                                   \
        methods, SCORERS path, access, handler, fields, sizeof(scorer_request), summary \
    }

/* clang-format off */
const mlflow_call mlflow_scorer_calls[] = {
    SCORER(MLFLOW_POSTS, "register", MLFLOW_OUTSIDE, put, put_fields,
           "Register a version of a scorer"),
    SCORER(MLFLOW_GETS, "list", MLFLOW_READS, list, list_fields, "The newest of each scorer"),
    SCORER(MLFLOW_GETS, "versions", MLFLOW_READS, list_versions, versions_fields,
           "All versions of a scorer"),
    SCORER(MLFLOW_GETS, "get", MLFLOW_READS, get, version_fields, "A version of a scorer"),
    SCORER(1u << MW_DELETE, "delete", MLFLOW_WRITES, delete_it, version_fields,
           "Delete a scorer, or a version of it"),
    {MLFLOW_GETS, SCORERS "online-configs", MLFLOW_READS, list_online, NULL, 0,
     "Which scorers judge live traces: none"},
    SCORER(1u << MW_PUT, "online-config", MLFLOW_READS, refuse_online, online_fields,
           "Let a scorer judge live traces: refused, nothing is run here"),
};
/* clang-format on */
const size_t mlflow_n_scorer_calls = MW_COUNT(mlflow_scorer_calls);
