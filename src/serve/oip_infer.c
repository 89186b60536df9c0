/* POST /v2/models/{name}[/versions/{version}]/infer: tensors in, tensors out, as JSON or as bytes.
 */
#include "oip_request.h"

#include <math.h>

static const char output_name[] = "output";

/* ---- reading --------------------------------------------------------------------------------- */

static mw_status check_outputs(const oip_request *request, mw_error *err)
{
    for (size_t i = 0; i < request->n_outputs; i++) {
        if (mw_view_is(request->outputs[i].name, output_name))
            continue;
        mw_fail(err, MW_E_OIP_OUTPUT, "the model has no output '%.*s'",
                MW_VIEW_ARG(request->outputs[i].name));
        return mw_mend(err, "ask for '%s', or leave outputs out", output_name);
    }
    if (request->n_outputs <= 1)
        return MW_OK;
    mw_fail(err, MW_E_OIP_OUTPUT, "the output '%s' is asked for twice", output_name);
    return mw_mend(err, "ask for it once");
}

/* Inference-Header-Content-Length: how much of the body is JSON. */
static mw_status json_part(const serve_call *call, size_t *ret_bytes, mw_error *err)
{
    mw_view header = mw_exchange_header(call->exchange, "Inference-Header-Content-Length");
    *ret_bytes = call->body.size;
    if (!header.data)
        return MW_OK;
    size_t bytes = 0;
    bool wrong = header.size == 0 || header.size > 18;
    for (size_t i = 0; i < header.size && !wrong; i++) {
        wrong = header.data[i] < '0' || header.data[i] > '9';
        bytes = bytes * 10 + (size_t)(header.data[i] - '0');
    }
    *ret_bytes = bytes;
    if (!wrong)
        return MW_OK;
    mw_fail(err, MW_E_OIP_BINARY, "Inference-Header-Content-Length is no number");
    return mw_mend(err, "make it the length of the JSON part");
}

static mw_status read_infer(serve_call *call, mw_error *err)
{
    oip_request *request = call->protocol_data;
    size_t json_bytes;
    MW_TRY(json_part(call, &json_bytes, err));
    MW_TRY(oip_read_request(call->body, json_bytes, call->exchange->arena, request, err));
    MW_TRY(check_outputs(request, err));
    return oip_read_rows(request, &call->slot.model->forest->schema, call->exchange->arena,
                         &call->rows, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_float32(const serve_call *call)
{
    return mw_predictor_is_float32(call->slot.model->predictor);
}

static void write_shape(mw_buf *out, size_t n_rows, size_t n_columns)
{
    mw_buf_format(out, n_columns == 1 ? "\"shape\": [%zu]" : "\"shape\": [%zu, %zu]", n_rows,
                  n_columns);
}

static void write_json_values(const serve_call *call, size_t n_values, mw_buf *out)
{
    bool narrow = is_float32(call);
    mw_buf_text(out, ", \"data\": [");
    for (size_t i = 0; i < n_values; i++) {
        mw_buf_text(out, i > 0 ? ", " : "");
        if (narrow)
            mw_json_write_float(out, (float)call->values[i]);
        else
            mw_json_write_double(out, call->values[i]);
    }
    mw_buf_char(out, ']');
}

static void write_binary_values(const serve_call *call, size_t n_values, mw_buf *out)
{
    if (!is_float32(call)) {
        mw_buf_bytes(out, call->values, n_values * sizeof(double));
        return;
    }
    if (!mw_buf_reserve(out, n_values * sizeof(float)))
        return;
    for (size_t i = 0; i < n_values; i++) {
        float value = (float)call->values[i];
        memcpy(out->data + out->size, &value, sizeof value);
        out->size += sizeof value;
    }
}

/* The n largest values of a row as "value:index[:label]", largest first. */
static void write_top(const serve_call *call, const double *row, size_t n, mw_buf *texts)
{
    const mw_forest *forest = call->slot.model->forest;
    size_t n_outputs = call->slot.model->n_outputs;
    double above = (double)INFINITY;
    size_t last = SIZE_MAX;
    for (size_t k = 0; k < n; k++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < n_outputs; i++) {
            bool taken = row[i] > above || (row[i] == above && last != SIZE_MAX && i <= last);
            if (!taken && (best == SIZE_MAX || row[i] > row[best]))
                best = i;
        }
        if (best == SIZE_MAX)
            best = k; /* NaN compares with nothing */
        above = row[best];
        last = best;
        uint32_t place = (uint32_t)texts->size;
        mw_buf_bytes(texts, &place, sizeof place); /* room for the length */
        mw_buf_format(texts, "%f:%zu", row[best], best);
        if (forest->class_labels && best < forest->n_classes && n_outputs == forest->n_classes)
            mw_buf_format(texts, ":%.*s", MW_VIEW_ARG(forest->class_labels[best]));
        if (texts->failed)
            return;
        uint32_t size = (uint32_t)(texts->size - place - sizeof place);
        memcpy(texts->data + place, &size, sizeof size);
    }
}

static void write_texts_json(const mw_buf *texts, mw_buf *out)
{
    mw_buf_text(out, ", \"data\": [");
    for (size_t at = 0; at < texts->size;) {
        uint32_t size;
        memcpy(&size, texts->data + at, sizeof size);
        mw_buf_text(out, at > 0 ? ", " : "");
        mw_json_write_text(out, (mw_view){texts->data + at + 4, size});
        at += 4 + size;
    }
    mw_buf_char(out, ']');
}

/* Begins the answer up to the output's parameters. */
static void write_head(const serve_call *call, const oip_request *request, mw_buf *out)
{
    mw_buf_text(out, "{\"model_name\": ");
    mw_json_write_text(out, mw_view_of(call->slot.endpoint->name));
    mw_buf_format(out, ", \"model_version\": \"%s\"", call->slot.model->version_text);
    if (request->id_text.data) {
        mw_buf_text(out, ", \"id\": ");
        mw_json_write_text(out, request->id_text);
    }
    mw_buf_format(out, ", \"outputs\": [{\"name\": \"%s\", ", output_name);
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

static mw_status write_values(serve_call *call, const oip_request *request, bool binary,
                              mw_error *err)
{
    mw_buf *out = call->exchange->reply;
    size_t n = call->slot.model->n_outputs, n_values = call->rows.n_rows * n;
    write_head(call, request, out);
    mw_buf_format(out, "\"datatype\": \"%s\", ", is_float32(call) ? "FP32" : "FP64");
    write_shape(out, call->rows.n_rows, n);
    if (!binary) {
        write_json_values(call, n_values, out);
        mw_buf_text(out, "}]}");
        return MW_OK;
    }
    mw_buf_format(out, ", \"parameters\": {\"binary_data_size\": %zu}}]}",
                  n_values * (is_float32(call) ? sizeof(float) : sizeof(double)));
    size_t json_bytes = out->size;
    write_binary_values(call, n_values, out);
    return set_binary_header(call, json_bytes, err);
}

static mw_status write_classes(serve_call *call, const oip_request *request, size_t top,
                               bool binary, mw_error *err)
{
    mw_buf texts, *out = call->exchange->reply;
    size_t n_outputs = call->slot.model->n_outputs, n = top < n_outputs ? top : n_outputs;
    mw_buf_init(&texts, out->cap);
    for (size_t row = 0; row < call->rows.n_rows; row++)
        write_top(call, call->values + row * n_outputs, n, &texts);
    write_head(call, request, out);
    mw_buf_format(out, "\"datatype\": \"BYTES\", \"shape\": [%zu, %zu]", call->rows.n_rows, n);
    mw_status status = MW_OK;
    if (binary) {
        mw_buf_format(out, ", \"parameters\": {\"binary_data_size\": %zu}}]}", texts.size);
        size_t json_bytes = out->size;
        mw_buf_bytes(out, texts.data, texts.size);
        status = set_binary_header(call, json_bytes, err);
    } else {
        write_texts_json(&texts, out);
        mw_buf_text(out, "}]}");
    }
    bool failed = texts.failed;
    mw_buf_done(&texts);
    return failed ? mw_fail_memory(err, "the answer") : status;
}

static mw_status write_infer(serve_call *call, mw_error *err)
{
    const oip_request *request = call->protocol_data;
    const oip_output *asked = request->n_outputs > 0 ? &request->outputs[0] : NULL;
    bool binary = asked && asked->says_binary ? asked->binary : request->binary_output;
    call->exchange->reply_type = MW_VIEW("application/json");
    if (asked && asked->classification > 0)
        return write_classes(call, request, (size_t)asked->classification, binary, err);
    return write_values(call, request, binary, err);
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
    call->protocol_data = mw_arena_take_zeroed(exchange->arena, 1, sizeof(oip_request));
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
