/* A document of what the record shall be, over HTTP: POST /mw/v1/apply?dry_run=true&prune=true. */
#include "apply/apply.h"
#include "guard.h"
#include "look.h"
#include "mlflow.h"

static mw_status may_all(void *given, mw_error *err)
{
    const api_visitor *visitor = given;
    if (!visitor || mw_grants_role(&visitor->grants, MW_SCOPE_ALL, MW_VIEW("")) >= MW_ROLE_ADMIN)
        return MW_OK;
    return api_deny(visitor, MW_ROLE_ADMIN, MW_SCOPE_ALL, MW_VIEW(""), err);
}

static mw_status read_switch(mw_exchange *exchange, const char *name, bool *ret_is_on,
                             mw_error *err)
{
    mw_view text = api_query(exchange, name);
    *ret_is_on = mw_view_is(text, "true");
    if (!text.data || *ret_is_on || mw_view_is(text, "false"))
        return MW_OK;
    return mw_fail(err, MW_E_APPLY_DOCUMENT, "'%s' is true or false", name);
}

static mw_status read_document(mw_exchange *exchange, mw_apply_document *ret_document,
                               mw_error *err)
{
    mw_yaml_document *yaml;
    mw_apply_place place;
    MW_TRY(mw_yaml_read(exchange->body, "body", &yaml, err));
    mw_status status =
        mw_apply_read(mw_yaml_root(yaml), "body", exchange->arena, ret_document, &place, err);
    mw_yaml_free(yaml);
    return status;
}

static mw_status apply(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    mw_differences changes;
    mw_apply_document document;
    mw_apply_options options = {
        .may = may_all, .user = turn->visitor, .own = turn->own, .n_own = turn->n_own};
    MW_TRY(read_switch(turn->exchange, "dry_run", &options.dry_run, err));
    MW_TRY(read_switch(turn->exchange, "prune", &options.prune, err));
    MW_TRY(read_document(turn->exchange, &document, err));
    MW_TRY(mw_apply_run(turn->registry, &turn->actor, turn->exchange->arena, &document, &options,
                        &changes, err));
    mw_apply_tell(&changes, !options.dry_run, turn->out);
    return MW_OK;
}

const mlflow_call mlflow_apply_calls[] = {
    {MLFLOW_POSTS, "/mw/v1/apply", MLFLOW_OUTSIDE, apply, NULL, 0,
     "Make models, gates, endpoints and rollouts so as a document says"},
};
const size_t mlflow_n_apply_calls = MW_COUNT(mlflow_apply_calls);
