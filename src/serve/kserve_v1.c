/* KServe V1: /v1/models. */
#include "explanation.h"

void serve_kserve_models(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    mw_buf *out = exchange->reply;
    const serve_plan *plan = serve_plan_pin(fleet, exchange->loop);
    mw_buf_text(out, "{\"models\": [");
    for (size_t i = 0, n = 0; i < plan->n_slots; i++) {
        mw_view name = mw_view_of(plan->slots[i].endpoint->name);
        if (!mw_view_lists(exchange->user_sees, name))
            continue;
        mw_buf_text(out, n++ > 0 ? ", " : "");
        mw_json_write_text(out, name);
    }
    mw_buf_text(out, "]}");
    serve_plan_unpin(fleet, exchange->loop);
    serve_reply(exchange, 200, "application/json");
}

static void reply_unknown(mw_exchange *exchange, mw_view name)
{
    mw_error err;
    mw_fail(&err, MW_E_ENDPOINT_UNKNOWN, "Model with name %.*s does not exist", MW_VIEW_ARG(name));
    mw_mend(&err, "GET /v1/models lists the models of this server");
    serve_reply_error(exchange, &err, 404);
}

void serve_kserve_model(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    const serve_plan *plan = serve_plan_pin(fleet, exchange->loop);
    const serve_slot *slot = serve_plan_find(plan, params->name);
    bool known = slot && slot->model, ready = known && !mw_fleet_is_draining(fleet);
    serve_plan_unpin(fleet, exchange->loop);
    if (!known) {
        reply_unknown(exchange, params->name);
        return;
    }
    mw_buf_text(exchange->reply, "{\"name\": ");
    mw_json_write_text(exchange->reply, params->name);
    mw_buf_text(exchange->reply, ready ? ", \"ready\": true}" : ", \"ready\": false}");
    serve_reply(exchange, ready ? 200 : 503, "application/json");
}

static mw_status read_body(serve_call *call, mw_error *err)
{
    mw_view params;
    mw_batch batch;
    MW_TRY(serve_explain_by_query(call, err));
    MW_TRY(mw_batch_read_kserve(call->body, &call->slot.model->forest->schema,
                                call->exchange->arena, serve_pool(call->fleet), &batch, &params,
                                err));
    call->rows = mw_batch_matrix(&batch);
    return serve_explain_by_params(call, params, err);
}

/* :explain explains whatever its parameters say. */
static mw_status read_explained(serve_call *call, mw_error *err)
{
    MW_TRY(read_body(call, err));
    call->explains = true;
    return MW_OK;
}

/* Of one row, for a worker. */
static mw_status read_study(serve_call *call,
                            mw_status (*read_wish)(serve_call *, mw_view, mw_error *),
                            mw_error *err)
{
    mw_view params;
    mw_batch batch;
    MW_TRY(mw_batch_read_kserve(call->body, &call->slot.model->forest->schema,
                                call->exchange->arena, serve_pool(call->fleet), &batch, &params,
                                err));
    call->rows = mw_batch_matrix(&batch);
    return read_wish(call, params, err);
}

static mw_status read_counterfactual(serve_call *call, mw_error *err)
{
    return read_study(call, serve_read_wish, err);
}

static mw_status read_interactions(serve_call *call, mw_error *err)
{
    return read_study(call, serve_read_pairs_wish, err);
}

static void predict_with(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params,
                         mw_status (*read)(serve_call *call, mw_error *err),
                         mw_status (*write)(serve_call *call, mw_error *err))
{
    mw_error err;
    serve_call *call;
    if (serve_call_begin(fleet, exchange, MW_PROTOCOL_KSERVE_V1, params->name, (mw_view){NULL, 0},
                         &call, &err) != MW_OK) {
        if (err.status == MW_NOT_FOUND)
            reply_unknown(exchange, params->name);
        else
            serve_reply_error(exchange, &err, 0);
        return;
    }
    call->read = read;
    call->write = write;
    call->is_study = write != serve_write_predictions;
    serve_media media = serve_media_of(exchange->content_type);
    if (media.type.size > 0 && !mw_view_is_nocase(media.type, "application/json")) {
        mw_fail(&err, MW_E_CONTENT_TYPE, "this content type is not read");
        mw_mend(&err, "send application/json");
        serve_call_fail(call, &err, 415);
        return;
    }
    serve_call_run(call);
}

void serve_kserve_predict(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    predict_with(fleet, exchange, params, read_body, serve_write_predictions);
}

void serve_kserve_explain(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    predict_with(fleet, exchange, params, read_explained, serve_write_predictions);
}

void serve_kserve_counterfactual(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    predict_with(fleet, exchange, params, read_counterfactual, serve_write_counterfactual);
}

void serve_kserve_interactions(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    predict_with(fleet, exchange, params, read_interactions, serve_write_pairs);
}
