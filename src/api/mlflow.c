/* From an exchange to a call of MLflow's interface, and back.
 *
 *     loop: find the call, defer -> pool: fields -> [writer: transaction] -> handler -> reply
 *
 * The loop only looks at the address. Everything that reads JSON or waits for the disk happens on a
 * pool of the record's own, so that neither predictions nor their pool wait for it. */
#include <stdlib.h>

#include "guard.h"
#include "mlflow.h"
#include "webhooks.h"

/* Each waits for its commit: so many writes can share one. */
enum { POOL_THREADS = 16 };

struct api_mlflow {
    mw_registry *registry;
    uint64_t artifact_bytes_max;
    mw_pool *pool;
    mw_webhooks_mode webhooks;
    api_couriers *couriers; /* NULL: no webhooks are told */
    mw_apply_own *own;
    size_t n_own;
    _Atomic(struct mw_conductor *)
        conductor; /* set when the first exchanges may be there already */
};

mw_status api_mlflow_new(mw_registry *registry, uint64_t artifact_bytes_max,
                         mw_webhooks_mode webhooks, api_mlflow **ret_mlflow, mw_error *err)
{
    api_mlflow *mlflow = calloc(1, sizeof *mlflow);
    if (!mlflow)
        return mw_fail_memory(err, "the record's routes");
    mlflow->registry = registry;
    mlflow->artifact_bytes_max = artifact_bytes_max;
    mlflow->webhooks = webhooks;
    mw_status status = mw_pool_new(POOL_THREADS, &mlflow->pool, err);
    if (status == MW_OK)
        status = api_couriers_new(registry, webhooks, &mlflow->couriers, err);
    if (status != MW_OK) {
        api_mlflow_free(mlflow);
        return status;
    }
    *ret_mlflow = mlflow;
    return MW_OK;
}

api_couriers *api_mlflow_couriers(const api_mlflow *mlflow)
{
    return mlflow ? mlflow->couriers : NULL;
}

void api_mlflow_free(api_mlflow *mlflow)
{
    if (!mlflow)
        return;
    mw_pool_free(mlflow->pool);
    api_couriers_free(mlflow->couriers);
    free(mlflow->own);
    free(mlflow);
}

mw_status api_mlflow_own(api_mlflow *mlflow, const char *name, const char *model, mw_error *err)
{
    mw_apply_own *own = realloc(mlflow->own, (mlflow->n_own + 1) * sizeof *own);
    if (!own)
        return mw_fail_memory(err, "an endpoint");
    own[mlflow->n_own++] = (mw_apply_own){name, model};
    mlflow->own = own;
    return MW_OK;
}

void api_mlflow_set_conductor(api_mlflow *mlflow, struct mw_conductor *conductor)
{
    mlflow->conductor = conductor;
}

/* ---- which call? ----------------------------------------------------------------------------- */

static const char *const prefixes[] = {"/api/2.0", "/api/3.0", "/ajax-api/2.0", "/ajax-api/3.0"};

/* What stands behind "/api/2.0"; absent when it is another address. */
static mw_view behind_prefix(mw_view path)
{
    for (size_t i = 0; i < MW_COUNT(prefixes); i++) {
        size_t size = strlen(prefixes[i]);
        if (mw_view_starts(path, prefixes[i]) && path.size > size && path.data[size] == '/')
            return (mw_view){path.data + size, path.size - size};
    }
    bool is_whole = mw_view_is(path, "/get-artifact") ||
                    mw_view_is(path, "/model-versions/get-artifact") ||
                    mw_view_is(path, "/v1/traces") ||
                    mw_view_starts(path, "/mw/v1/") || /* our own, of the same make */
                    mw_view_starts(path, "/dvc/");
    return is_whole ? path : (mw_view){NULL, 0};
}

bool api_mlflow_takes(mw_view path)
{
    mw_view rest = behind_prefix(path);
    return rest.data && (mw_view_starts(rest, "/mlflow") || rest.size == path.size);
}

bool api_mlflow_is_upload(const mw_exchange *exchange)
{
    mw_view rest = behind_prefix(exchange->path);
    return rest.data &&
           ((exchange->method == MW_PUT && mw_view_starts(rest, "/mlflow-artifacts/artifacts/")) ||
            mw_view_starts(rest, "/dvc/"));
}

/* "{key}" takes a part of the path, "{path*}" all that is left. */
static bool match_path(const char *pattern, mw_view path, mlflow_captures *ret_captures)
{
    mlflow_captures captures = {.count = 0};
    size_t at = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '{') {
            if (at == path.size || path.data[at++] != *pattern)
                return false;
            continue;
        }
        const char *name = pattern + 1;
        pattern = strchr(name, '}');
        const char *slash = pattern[-1] == '*' ? NULL : memchr(path.data + at, '/', path.size - at);
        size_t end = slash ? (size_t)(slash - path.data) : path.size;
        if (end == at)
            return false;
        captures.names[captures.count] = name;
        captures.values[captures.count++] = (mw_view){path.data + at, end - at};
        at = end;
    }
    *ret_captures = captures;
    return at == path.size;
}

static const struct {
    const mlflow_call *calls;
    const size_t *n;
} tables[] = {{mlflow_run_calls, &mlflow_n_run_calls},
              {mlflow_artifact_calls, &mlflow_n_artifact_calls},
              {mlflow_part_calls, &mlflow_n_part_calls},
              {mlflow_history_calls, &mlflow_n_history_calls},
              {mlflow_logged_calls, &mlflow_n_logged_calls},
              {mlflow_model_calls, &mlflow_n_model_calls},
              {mlflow_experiment_calls, &mlflow_n_experiment_calls},
              {mlflow_access_calls, &mlflow_n_access_calls},
              {mlflow_people_calls, &mlflow_n_people_calls},
              {mlflow_rollout_calls, &mlflow_n_rollout_calls},
              {mlflow_gate_calls, &mlflow_n_gate_calls},
              {mlflow_apply_calls, &mlflow_n_apply_calls},
              {mlflow_lineage_calls, &mlflow_n_lineage_calls},
              {mlflow_data_calls, &mlflow_n_data_calls},
              {mlflow_span_calls, &mlflow_n_span_calls}, /* "/get" is no trace's id */
              {mlflow_trace_calls, &mlflow_n_trace_calls},
              {mlflow_webhook_calls, &mlflow_n_webhook_calls},
              {mlflow_evaluation_calls, &mlflow_n_evaluation_calls},
              {mlflow_scorer_calls, &mlflow_n_scorer_calls},
              {mlflow_dvc_calls, &mlflow_n_dvc_calls}};

const mlflow_call *api_mlflow_call(size_t i)
{
    for (size_t t = 0; t < MW_COUNT(tables); i -= *tables[t++].n)
        if (i < *tables[t].n)
            return &tables[t].calls[i];
    return NULL;
}

const mlflow_call *api_mlflow_find(const mw_exchange *exchange, mlflow_captures *ret_captures,
                                   unsigned *ret_methods)
{
    mw_view path = behind_prefix(exchange->path);
    mw_method asked = exchange->method == MW_HEAD ? MW_GET : exchange->method;
    *ret_methods = 0;
    for (size_t t = 0; t < MW_COUNT(tables); t++) {
        for (size_t i = 0; i < *tables[t].n; i++) {
            const mlflow_call *call = &tables[t].calls[i];
            if (!match_path(call->path, path, ret_captures))
                continue;
            if (call->methods >> asked & 1)
                return call;
            *ret_methods |= call->methods;
        }
    }
    return NULL;
}

/* ---- on the pool ----------------------------------------------------------------------------- */

static mw_status run_in_transaction(mw_record *record, void *given, mw_error *err)
{
    mlflow_turn *turn = given;
    MW_TRY(mlflow_may(turn, record, err));
    return turn->call->run(turn, record, err);
}

static mw_status check_visitor(mw_record *record, void *given, mw_error *err)
{
    return mlflow_may(given, record, err);
}

/* These begin transactions of their own, after one that checks. */
static mw_status run_outside(mlflow_turn *turn, mw_error *err)
{
    if (turn->visitor)
        MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, check_visitor, turn, err));
    return turn->call->run(turn, NULL, err);
}

static mw_status decode_captures(mlflow_turn *turn, mw_error *err)
{
    for (size_t i = 0; i < turn->captures.count; i++)
        if (!mw_percent_decode(turn->captures.values[i], turn->exchange->arena,
                               &turn->captures.values[i]))
            return mw_fail(err, MW_E_ROUTE_ENCODING, "a malformed percent escape in the address");
    return MW_OK;
}

static mw_status read_request(mlflow_turn *turn, mw_error *err)
{
    const mlflow_call *call = turn->call;
    if (turn->captures.count == 0 &&
        mlflow_scan_fields(call->fields, turn->exchange, turn->request))
        return MW_OK;
    memset(turn->request, 0, call->request_bytes);
    return mlflow_read_fields(call->fields, turn->exchange, &turn->captures, turn->request, err);
}

static mw_status run_call(mlflow_turn *turn, mw_error *err)
{
    const mlflow_call *call = turn->call;
    mw_exchange *exchange = turn->exchange;
    MW_TRY(decode_captures(turn, err));
    if (call->fields) {
        turn->request = mw_arena_take_zeroed(exchange->arena, 1, call->request_bytes);
        if (!turn->request)
            return mw_fail_memory(err, "the request");
        MW_TRY(read_request(turn, err));
    }
    switch (call->access) {
    case MLFLOW_READS:
        return mw_registry_read(turn->registry, exchange->arena, run_in_transaction, turn, err);
    case MLFLOW_WRITES:
        return mw_registry_write_as(turn->registry, &turn->actor, exchange->arena,
                                    run_in_transaction, turn, err);
    default:
        return run_outside(turn, err);
    }
}

static void work(mw_job *job)
{
    mw_error err;
    mlflow_turn *turn = (mlflow_turn *)job;
    mw_exchange *exchange = turn->exchange;
    bool begins = !turn->is_begun;
    turn->is_begun = true;
    turn->wants_more = false;
    if (begins)
        exchange->reply_type = MW_VIEW("application/json");
    mw_status status = begins              ? run_call(turn, &err)
                       : turn->digest.data ? mlflow_send_more(turn, &err)
                                           : turn->call->run(turn, NULL, &err);
    if (status != MW_OK)
        mlflow_put_error(exchange, &err);
    if (status != MW_OK && !begins && turn->digest.data)
        mw_buf_reset(exchange->reply); /* it would be taken for the file's bytes */
    api_couriers_look(turn->couriers);
    api_visitor_unref(turn->visitor);
    turn->visitor = NULL;
    if (status == MW_OK && turn->wants_more)
        mw_exchange_more(exchange);
    else
        mw_exchange_reply(exchange);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

/* What of MLflow's interface is left out on purpose, and why. */
static const struct {
    const char *prefix, *mend;
} left_out[] = {
    {"/mlflow/gateway/", "this server has no gateway: it calls no language models, and keeps no "
                         "keys and budgets of them"},
    {"/mlflow/prompt-optimization/", "jobs run a model's code, which this server never does: "
                                     "mlflow.genai.optimize_prompts runs it where you are"},
    {"/mlflow/label-schemas/", "labelling sessions belong to MLflow's page, which is not part of "
                               "this server; judgements of traces are kept (assessments)"},
    {"/mlflow/review-queues/", "review queues belong to MLflow's page, which is not part of this "
                               "server; judgements of traces are kept (assessments)"},
    {"/mlflow/issues", "issues belong to MLflow's page, which is not part of this server; "
                       "judgements of traces are kept (assessments)"},
    {"/mlflow/workspaces", "there are no workspaces: roles say who sees which experiment, model "
                           "and endpoint (mw user grant)"},
};

static const char *why_not(mw_view path)
{
    mw_view rest = behind_prefix(path);
    for (size_t i = 0; rest.data && i < MW_COUNT(left_out); i++)
        if (mw_view_starts(rest, left_out[i].prefix))
            return left_out[i].mend;
    return "tracking, traces, artifacts, prompts, evaluation data sets, scorers, the model "
           "registry and webhooks are offered; gateways are not";
}

static void refuse_call(mw_exchange *exchange, unsigned methods)
{
    mw_error err;
    if (methods) {
        mw_fail(&err, MW_E_ROUTE_METHOD, "this address does not take %.*s",
                MW_VIEW_ARG(exchange->method_text));
    } else {
        mw_fail(&err, MW_E_RECORD_ROUTE, "this server does not offer %.*s",
                MW_VIEW_ARG(exchange->path));
        mw_mend(&err, "%s", why_not(exchange->path));
    }
    mlflow_put_error(exchange, &err);
    mw_exchange_reply(exchange);
}

static void refuse_without_record(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_RECORD_ROUTE, "this server keeps no record of experiments and models");
    mw_mend(&err, "start it with one: mw serve --record DIR");
    mlflow_put_error(exchange, &err);
    mw_exchange_reply(exchange);
}

void api_mlflow_handle(api_mlflow *mlflow, api_guard *guard, api_visitor *visitor,
                       mw_exchange *exchange)
{
    mlflow_captures captures;
    unsigned methods;
    if (!mlflow) {
        refuse_without_record(exchange);
        return;
    }
    const mlflow_call *call = api_mlflow_find(exchange, &captures, &methods);
    mlflow_turn *turn = call ? mw_arena_take(exchange->arena, sizeof *turn) : NULL;
    if (!turn) {
        api_visitor_unref(visitor);
        refuse_call(exchange, methods);
        return;
    }
    *turn = (mlflow_turn){.job.run = work,
                          .registry = mlflow->registry,
                          .visitor = visitor,
                          .actor = api_actor_of(exchange),
                          .exchange = exchange,
                          .call = call,
                          .captures = captures,
                          .out = exchange->reply,
                          .pool = mlflow->pool,
                          .artifact_bytes_max = mlflow->artifact_bytes_max,
                          .conductor = mlflow->conductor,
                          .couriers = mlflow->couriers,
                          .webhooks = mlflow->webhooks,
                          .guard = guard,
                          .own = mlflow->own,
                          .n_own = mlflow->n_own};
    mw_exchange_defer(exchange);
    mw_pool_submit(mlflow->pool, &turn->job);
}
