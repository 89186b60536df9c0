/* What a request of the record is about, and whether its visitor may.
 *
 *     fields of the request -> experiment, model ... -> the role of the visitor's grants there
 *
 * Looked at inside the transaction of the call, so what was checked is what is done. A visitor with
 * the role on everything is let through before any of this. */
#include "mlflow.h"
#include "guard.h"

typedef struct objects {
    const mlflow_turn *turn;
    mw_record *record;
    const api_rule *rule;
} objects;

/* ---- fields ---------------------------------------------------------------------------------- */

/* Also of an object in it: of a new trace the experiment stands three deep. */
static const void *field_in(const mlflow_field *fields, const void *request, const char *name,
                            mlflow_kind kind)
{
    const void *found = NULL;
    for (const mlflow_field *field = fields; field->name && !found; field++) {
        const char *place = (const char *)request + field->offset;
        if (field->kind == kind && strcmp(field->name, name) == 0)
            return place;
        if (field->kind == MLFLOW_OBJECT)
            found = field_in(field->fields, place, name, kind);
    }
    return found;
}

static const void *field_of(const mlflow_turn *turn, const char *name, mlflow_kind kind)
{
    if (!turn->request)
        return NULL;
    return field_in(turn->call->fields, turn->request, name, kind);
}

static const mw_view *capture_of(const mlflow_turn *turn, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < turn->captures.count; i++)
        if (strncmp(turn->captures.names[i], name, size) == 0 &&
            strchr("}*", turn->captures.names[i][size]))
            return &turn->captures.values[i];
    return NULL;
}

/* Of the request or of its path; "" when it is not said: nothing has that name. */
static mw_view text_of(const mlflow_turn *turn, const char *name)
{
    const mw_view *found = field_of(turn, name, MLFLOW_TEXT);
    found = found ? found : capture_of(turn, name);
    return found && found->data ? *found : MW_VIEW("");
}

/* What the address names; a multipart upload's body has a path, too, on the client's machine. */
static mw_view artifact_of(const mlflow_turn *turn)
{
    const mw_view *found = capture_of(turn, "path");
    return found ? *found : text_of(turn, "path");
}

/* ---- one object ------------------------------------------------------------------------------ */

static mw_status may_on(const objects *o, mw_role role, mw_scope scope, mw_view object,
                        mw_error *err)
{
    const api_visitor *visitor = o->turn->visitor;
    if (mw_grants_role(&visitor->grants, scope, object) >= role)
        return MW_OK;
    return api_deny(visitor, role, scope, object, err);
}

/* Things that belong to none, because they are not there, are nobody's with a role on one. */
static mw_status may_in(const objects *o, mw_role role, mw_view experiment, mw_error *err)
{
    return experiment.data ? may_on(o, role, MW_SCOPE_EXPERIMENT, experiment, err)
                           : may_on(o, role, MW_SCOPE_ALL, MW_VIEW(""), err);
}

static mw_status may_run(const objects *o, mw_role role, mw_view run_id, mw_error *err)
{
    mw_view experiment;
    MW_TRY(mw_record_experiment_of_run(o->record, run_id, &experiment, err));
    return may_in(o, role, experiment, err);
}

static mw_status may_logged_model(const objects *o, mw_role role, mw_view model_id, mw_error *err)
{
    mw_view experiment;
    MW_TRY(mw_record_experiment_of_model(o->record, model_id, &experiment, err));
    return may_in(o, role, experiment, err);
}

static mw_status may_trace(const objects *o, mw_role role, mw_view trace_id, mw_error *err)
{
    mw_view experiment;
    MW_TRY(mw_record_experiment_of_trace(o->record, trace_id, &experiment, err));
    return may_in(o, role, experiment, err);
}

static mw_status may_traces(const objects *o, mw_error *err)
{
    const mw_texts *ids = field_of(o->turn, "trace_ids", MLFLOW_TEXTS);
    for (size_t i = 0; ids && i < ids->count; i++)
        MW_TRY(may_trace(o, o->rule->role, ids->items[i], err));
    return MW_OK;
}

static mw_status may_run_or_model(const objects *o, mw_role role, mw_error *err)
{
    mw_view run_id = text_of(o->turn, "run_id"), model_id = text_of(o->turn, "model_id");
    if (run_id.size > 0)
        MW_TRY(may_run(o, role, run_id, err));
    return model_id.size > 0 ? may_logged_model(o, role, model_id, err) : MW_OK;
}

static mw_status may_path(const objects *o, mw_role role, mw_view path, mw_error *err)
{
    mw_view experiment;
    MW_TRY(mw_record_experiment_of_path(o->record, path, &experiment, err));
    return may_in(o, role, experiment, err);
}

static mw_status may_named(const objects *o, mw_error *err)
{
    mw_experiment experiment;
    char digits[24];
    mw_status status = mw_record_experiment_named(o->record, text_of(o->turn, "experiment_name"),
                                                  &experiment, err);
    if (status != MW_OK)
        return status; /* absent: that is no secret, and set_experiment() asks before it makes */
    snprintf(digits, sizeof digits, "%lld", (long long)experiment.id);
    return may_on(o, o->rule->role, MW_SCOPE_EXPERIMENT, mw_view_of(digits), err);
}

static mw_status may_each(const objects *o, mw_error *err)
{
    const mw_texts *ids = field_of(o->turn, "experiment_ids", MLFLOW_TEXTS);
    for (size_t i = 0; ids && i < ids->count; i++)
        MW_TRY(may_on(o, o->rule->role, MW_SCOPE_EXPERIMENT, ids->items[i], err));
    return MW_OK;
}

/* One that belongs to no experiment, or is not there, is for who may on everything. */
static mw_status may_evaluation(const objects *o, mw_error *err)
{
    mw_texts found = {0};
    mw_error unknown;
    mw_role role = o->rule->role;
    mw_view id = text_of(o->turn, "dataset_id");
    mw_status status = mw_record_evaluation_experiments(o->record, id, &found, &unknown);
    if (status != MW_OK || found.count == 0)
        return may_on(o, role, MW_SCOPE_ALL, MW_VIEW(""), err);
    for (size_t i = 0; i < found.count; i++) {
        status = may_on(o, role, MW_SCOPE_EXPERIMENT, found.items[i], err);
        if (role == MW_ROLE_VIEWER ? status == MW_OK : status != MW_OK)
            return status;
    }
    return status;
}

static mw_status may_make_evaluation(const objects *o, mw_error *err)
{
    const mw_texts *ids = field_of(o->turn, "experiment_ids", MLFLOW_TEXTS);
    if (!ids || ids->count == 0)
        return may_on(o, o->rule->role, MW_SCOPE_ALL, MW_VIEW(""), err);
    return may_each(o, err);
}

/* The two calls name the list differently. */
static mw_status may_runs(const objects *o, mw_error *err)
{
    const mw_texts *ids = field_of(o->turn, "run_id", MLFLOW_TEXTS);
    if (!ids)
        ids = field_of(o->turn, "run_ids", MLFLOW_TEXTS);
    for (size_t i = 0; ids && i < ids->count; i++)
        MW_TRY(may_run(o, o->rule->role, ids->items[i], err));
    return MW_OK;
}

/* A version gives its model's readers the files of its source: so who makes it must be able to see
 * them himself. */
static mw_status may_source(const objects *o, mw_view source, mw_error *err)
{
    mw_view root = mw_artifact_root(source), rest = source;
    if (root.data)
        return may_path(o, MW_ROLE_VIEWER, root, err);
    if (mw_view_starts(source, "runs:/")) {
        rest = (mw_view){source.data + 6, source.size - 6};
        return may_run(o, MW_ROLE_VIEWER, mw_view_cut(&rest, '/'), err);
    }
    if (!mw_view_starts(source, "models:/"))
        return MW_OK; /* elsewhere: not ours to give */
    rest = (mw_view){source.data + 8, source.size - 8};
    mw_view first = mw_view_cut(&rest, '/');
    if (mw_view_starts(first, "m-") && rest.size == 0)
        return may_logged_model(o, MW_ROLE_VIEWER, first, err);
    return may_on(o, MW_ROLE_VIEWER, MW_SCOPE_MODEL, mw_view_cut(&first, '@'), err);
}

static mw_status may_make_version(const objects *o, mw_error *err)
{
    mw_view run_id = text_of(o->turn, "run_id"), model_id = text_of(o->turn, "model_id");
    MW_TRY(may_on(o, o->rule->role, MW_SCOPE_MODEL, text_of(o->turn, "name"), err));
    if (run_id.size > 0)
        MW_TRY(may_run(o, MW_ROLE_VIEWER, run_id, err));
    if (model_id.size > 0)
        MW_TRY(may_logged_model(o, MW_ROLE_VIEWER, model_id, err));
    return may_source(o, text_of(o->turn, "source"), err);
}

static mw_status may_rollout(const objects *o, mw_error *err)
{
    uint64_t id;
    mw_rollout rollout;
    if (!mw_whole_parse(text_of(o->turn, "id"), &id) || id > INT64_MAX ||
        mw_record_rollout(o->record, (int64_t)id, &rollout, NULL) != MW_OK)
        return may_on(o, o->rule->role, MW_SCOPE_ALL, MW_VIEW(""), err);
    return may_on(o, o->rule->role, MW_SCOPE_ENDPOINT, rollout.endpoint, err);
}

/* ---- the rule -------------------------------------------------------------------------------- */

static mw_status may_object(const objects *o, mw_error *err)
{
    const mlflow_turn *turn = o->turn;
    mw_role role = o->rule->role;
    mw_view id;
    switch (o->rule->object) {
    case API_OBJECT_ANY:
    case API_OBJECT_LISTED: /* the search leaves out what is not reached (mw_search.seen) */
        return MW_OK;
    case API_OBJECT_EXPERIMENT:
        id = text_of(turn, "experiment_id");
        return may_on(o, role, MW_SCOPE_EXPERIMENT, id.size ? id : MW_VIEW("0"), err);
    case API_OBJECT_EXPERIMENT_OF_SPANS:
        id = mw_exchange_header(turn->exchange, "x-mlflow-experiment-id");
        return may_on(o, role, MW_SCOPE_EXPERIMENT, id.size ? id : MW_VIEW("0"), err);
    case API_OBJECT_EXPERIMENT_NAMED:
        return may_named(o, err);
    case API_OBJECT_EXPERIMENTS:
        return may_each(o, err);
    case API_OBJECT_RUN:
        return may_run(o, role, text_of(turn, "run_id"), err);
    case API_OBJECT_RUNS:
        return may_runs(o, err);
    case API_OBJECT_LOGGED_MODEL:
        return may_logged_model(o, role, text_of(turn, "model_id"), err);
    case API_OBJECT_TRACE:
        return may_trace(o, role, text_of(turn, "trace_id"), err);
    case API_OBJECT_TRACES:
        return may_traces(o, err);
    case API_OBJECT_TRACES_OF_RUN:
        MW_TRY(may_traces(o, err));
        return may_run(o, role, text_of(turn, "run_id"), err);
    case API_OBJECT_EVALUATION:
        return may_evaluation(o, err);
    case API_OBJECT_EVALUATION_TO:
        MW_TRY(may_evaluation(o, err));
        return may_each(o, err);
    case API_OBJECT_NEW_EVALUATION:
        return may_make_evaluation(o, err);
    case API_OBJECT_RUN_OR_MODEL:
        return may_run_or_model(o, role, err);
    case API_OBJECT_ARTIFACT:
        return may_path(o, role, artifact_of(turn), err);
    case API_OBJECT_MODEL_RENAMED:
        MW_TRY(may_on(o, role, MW_SCOPE_MODEL, text_of(turn, "new_name"), err));
        return may_on(o, role, MW_SCOPE_MODEL, text_of(turn, "name"), err);
    case API_OBJECT_MODEL:
        return may_on(o, role, MW_SCOPE_MODEL, text_of(turn, "name"), err);
    case API_OBJECT_OF_ENDPOINT:
        id = text_of(turn, "endpoint");
        return may_on(o, role, MW_SCOPE_ENDPOINT, id.size ? id : text_of(turn, "name"), err);
    case API_OBJECT_ROLLOUT:
        return may_rollout(o, err);
    case API_OBJECT_NEW_VERSION:
        return may_make_version(o, err);
    default:
        return may_on(o, role, MW_SCOPE_ALL, MW_VIEW(""), err);
    }
}

/* Searches see what the visitor's roles reach. */
static void narrow(mlflow_turn *turn)
{
    mw_search *search = turn->request;
    search->seen = &turn->visitor->grants;
}

mw_status mlflow_may(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    if (!turn->visitor)
        return MW_OK;
    const api_rule *rule = api_rule_of(turn->exchange->method, turn->call->path);
    if (mw_grants_role(&turn->visitor->grants, MW_SCOPE_ALL, MW_VIEW("")) >= rule->role)
        return MW_OK;
    if (rule->object == API_OBJECT_LISTED)
        narrow(turn);
    return may_object(&(objects){turn, record, rule}, err);
}

static bool may_all(const mlflow_turn *turn)
{
    return !turn->visitor ||
           mw_grants_role(&turn->visitor->grants, MW_SCOPE_ALL, MW_VIEW("")) >= MW_ROLE_EDITOR;
}

mw_status mlflow_may_edit_experiment(mlflow_turn *turn, mw_view experiment, mw_error *err)
{
    const objects o = {turn, NULL, NULL};
    return may_all(turn) ? MW_OK : may_in(&o, MW_ROLE_EDITOR, experiment, err);
}

mw_status mlflow_may_edit_trace(mlflow_turn *turn, mw_record *record, mw_view trace_id,
                                mw_error *err)
{
    mw_view experiment;
    if (may_all(turn))
        return MW_OK;
    MW_TRY(mw_record_experiment_of_trace(record, trace_id, &experiment, err));
    return experiment.data ? mlflow_may_edit_experiment(turn, experiment, err) : MW_OK;
}

mw_status mlflow_may_edit_run(mlflow_turn *turn, mw_record *record, mw_view run_id, mw_error *err)
{
    const objects o = {turn, record, NULL};
    return may_all(turn) ? MW_OK : may_run(&o, MW_ROLE_EDITOR, run_id, err);
}
