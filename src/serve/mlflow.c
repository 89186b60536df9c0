/* MLflow's scoring server: /invocations and what stands around it. */
#include "explanation.h"

/* ---- reading --------------------------------------------------------------------------------- */

static mw_status read_json(serve_call *call, mw_error *err)
{
    mw_view params;
    mw_batch batch;
    MW_TRY(serve_explain_by_query(call, err));
    MW_TRY(mw_batch_read_mlflow(call->body, &call->slot.model->forest->schema,
                                call->exchange->arena, serve_pool(call->fleet), &batch, &params,
                                err));
    call->rows = mw_batch_matrix(&batch);
    return serve_explain_by_params(call, params, err);
}

static mw_status read_csv(serve_call *call, mw_error *err)
{
    mw_batch batch;
    MW_TRY(serve_explain_by_query(call, err));
    MW_TRY(mw_batch_read_csv(call->body, &call->slot.model->forest->schema, call->exchange->arena,
                             &batch, err));
    call->rows = mw_batch_matrix(&batch);
    return MW_OK;
}

/* ---- content types --------------------------------------------------------------------------- */

/* MLflow answers these as plain text. */
static void refuse_type(serve_call *call, const char *sentence)
{
    mw_buf_format(
        call->exchange->reply,
        "%s; fix: send application/json or text/csv, without parameters but charset=utf-8",
        sentence);
    call->exchange->status = 415;
    call->exchange->reply_type = MW_VIEW("text/plain; charset=utf-8");
    serve_call_finish(call);
}

void serve_invocations(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    serve_call *call;
    if (serve_call_begin(fleet, exchange, MW_PROTOCOL_MLFLOW, params->name, (mw_view){NULL, 0},
                         &call, &err) != MW_OK) {
        serve_reply_error(exchange, &err, 0);
        return;
    }
    serve_media media = serve_media_of(exchange->content_type);
    bool json = mw_view_is_nocase(media.type, "application/json");
    bool csv = mw_view_is_nocase(media.type, "text/csv");
    call->read = json ? read_json : read_csv;
    call->write = serve_write_predictions;
    if (!media.is_utf8)
        refuse_type(call, "the scoring server only supports UTF-8");
    else if (media.has_parameters)
        refuse_type(call, "unrecognized content type parameters");
    else if (!json && !csv)
        refuse_type(call, media.type.size ? "this content type is not read" : "no Content-Type");
    else
        serve_call_run(call);
}

/* ---- health ---------------------------------------------------------------------------------- */

/* A server without endpoints keeps a record: there is nothing to wait for. */
static bool any_ready(mw_fleet *fleet, unsigned loop)
{
    const serve_plan *plan = serve_plan_pin(fleet, loop);
    bool ready = plan->n_slots == 0;
    for (size_t i = 0; i < plan->n_slots; i++)
        ready = ready || plan->slots[i].model;
    serve_plan_unpin(fleet, loop);
    return ready;
}

void serve_ping(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    mw_buf_text(exchange->reply, "\n");
    serve_reply(exchange, any_ready(fleet, exchange->loop) ? 200 : 404, "application/json");
}

void serve_version(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    /* Whose interface is spoken, not ours: clients send spans only to 3.4 or later. */
    static const char mlflow_version[] = "3.17.2";
    (void)fleet;
    (void)params;
    mw_buf_text(exchange->reply, mlflow_version);
    serve_reply(exchange, 200, "application/json");
}
