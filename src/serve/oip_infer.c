/* POST /v2/models/{name}[/versions/{version}]/infer: tensors in, tensors out, as JSON or as bytes.
 */
#include "explanation.h"
#include "oip_memory.h"

typedef struct infer_answer {
    oip_request request;
    oip_answer *tensors;
    size_t n_tensors;
} infer_answer;

/* ---- reading --------------------------------------------------------------------------------- */

static const char json_header[] = "Inference-Header-Content-Length";

size_t mw_serve_body_lead(const mw_exchange *exchange)
{
    uint64_t bytes;
    return mw_whole_parse(mw_exchange_header(exchange, json_header), &bytes) ? (size_t)bytes : 0;
}

/* How much of the body is JSON. */
static mw_status json_part(const serve_call *call, size_t *ret_bytes, mw_error *err)
{
    mw_view header = mw_exchange_header(call->exchange, json_header);
    uint64_t bytes;
    *ret_bytes = call->body.size;
    if (!header.data)
        return MW_OK;
    if (mw_whole_parse(header, &bytes)) {
        *ret_bytes = (size_t)bytes;
        return MW_OK;
    }
    mw_fail(err, MW_E_OIP_BINARY, "Inference-Header-Content-Length is no number");
    return mw_mend(err, "make it the length of the JSON part");
}

static mw_status read_infer(serve_call *call, mw_error *err)
{
    infer_answer *to = call->protocol_data;
    size_t json_bytes;
    MW_TRY(serve_explain_by_query(call, err));
    MW_TRY(json_part(call, &json_bytes, err));
    MW_TRY(oip_read_request(call->body, json_bytes, call->exchange->arena, &to->request, err));
    serve_take_timeout(call->exchange, to->request.timeout_us);
    MW_TRY(oip_fetch_for(call, &to->request, err));
    if (call->wants_worker)
        return MW_OK;
    to->request.explain = to->request.explain || call->explains;
    to->request.anomaly = to->request.anomaly || call->scores_anomaly;
    const serve_model *model = call->slot.model;
    MW_TRY(oip_choose_answers(model, &to->request, call->exchange->arena, &to->tensors,
                              &to->n_tensors, err));
    oip_tell_wants(to->tensors, to->n_tensors, call);
    return oip_read_rows(&to->request, &model->forest->schema, model->forest->graph,
                         call->exchange->arena, &call->rows, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_head(const serve_call *call, const oip_request *request, mw_buf *out)
{
    mw_buf_text(out, "{\"model_name\": ");
    mw_json_write_text(out, mw_view_of(call->slot.endpoint->name));
    mw_buf_text(out, ", \"model_version\": \"");
    mw_buf_text(out, call->slot.model->version_text);
    mw_buf_char(out, '"');
    if (request->id_text.data) {
        mw_buf_text(out, ", \"id\": ");
        mw_json_write_text(out, request->id_text);
    }
}

static mw_status set_binary_header(serve_call *call, size_t json_bytes, mw_error *err)
{
    char *line = mw_arena_take(call->exchange->arena, 64);
    if (!line)
        return mw_fail_memory(err, "the answer");
    int size = snprintf(line, 64, "Inference-Header-Content-Length: %zu\r\n", json_bytes);
    call->exchange->reply_headers = (mw_view){line, (size_t)size};
    call->exchange->reply_type = MW_VIEW("application/octet-stream");
    return MW_OK;
}

/* JSON, then the bytes of the binary tensors in the same order. */
static mw_status write_tensors(serve_call *call, infer_answer *to, mw_error *err)
{
    mw_buf *out = call->exchange->reply;
    bool any_binary = false;
    write_head(call, &to->request, out);
    mw_buf_text(out, ", \"outputs\": [");
    for (size_t i = 0; i < to->n_tensors; i++) {
        mw_buf_text(out, i > 0 ? ", " : "");
        oip_answer_write(call, &to->tensors[i], out);
        any_binary = any_binary || to->tensors[i].binary;
    }
    mw_buf_text(out, "]}");
    if (!any_binary)
        return MW_OK;
    MW_TRY(set_binary_header(call, out->size, err));
    for (size_t i = 0; i < to->n_tensors; i++)
        if (to->tensors[i].binary)
            oip_answer_write_bytes(call, &to->tensors[i], out);
    return MW_OK;
}

static mw_status write_infer(serve_call *call, mw_error *err)
{
    infer_answer *to = call->protocol_data;
    call->exchange->reply_type = MW_VIEW("application/json");
    for (size_t i = 0; i < to->n_tensors; i++)
        oip_answer_prepare(call, &to->tensors[i], call->exchange->reply->cap);
    mw_status status = oip_place_answers(call, to->tensors, to->n_tensors, err);
    if (status == MW_OK)
        status = write_tensors(call, to, err);
    bool failed = false;
    for (size_t i = 0; i < to->n_tensors; i++) {
        failed = failed || to->tensors[i].texts.failed;
        oip_answer_done(&to->tensors[i]);
    }
    return failed ? mw_fail_memory(err, "the answer") : status;
}

/* ---- the route ------------------------------------------------------------------------------- */

void serve_oip_infer(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    serve_call *call;
    if (serve_call_begin(fleet, exchange, MW_PROTOCOL_OIP, params->name, params->version, &call,
                         &err) != MW_OK) {
        serve_reply_error(exchange, &err, 0);
        return;
    }
    call->read = read_infer;
    call->write = write_infer;
    call->protocol_data = mw_arena_take_zeroed(exchange->arena, 1, sizeof(infer_answer));
    serve_media media = serve_media_of(exchange->content_type);
    if (!call->protocol_data) {
        (void)mw_fail_memory(&err, "the request");
        serve_call_fail(call, &err, 0);
    } else if (media.type.size > 0 && !mw_view_is_nocase(media.type, "application/json") &&
               !mw_view_is_nocase(media.type, "application/octet-stream")) {
        mw_fail(&err, MW_E_CONTENT_TYPE, "this content type is not read");
        mw_mend(&err, "send application/json, or application/octet-stream with binary tensors");
        serve_call_fail(call, &err, 415);
    } else {
        serve_call_run(call);
    }
}
