/* POST /v2/models/{name}[/versions/{version}]/infer: tensors in, tensors out, as JSON or as bytes.
 */
#include "explanation.h"
#include "oip_request.h"

#include <math.h>

/* What an answer holds. `output` is the prediction; `contributions` come when they are asked for,
 * by name or by the parameter `explain`. */
typedef enum tensor_kind { TENSOR_OUTPUT, TENSOR_CONTRIBUTIONS, N_TENSOR_KINDS } tensor_kind;

static const char *const tensor_names[N_TENSOR_KINDS] = {"output", "contributions"};

typedef struct wanted_tensor {
    tensor_kind kind;
    bool binary;
    size_t top;        /* classes as texts; 0 = values */
    mw_buf texts;      /* of these */
    size_t n_elements; /* of values */
} wanted_tensor;

typedef struct infer_answer {
    oip_request request;
    wanted_tensor tensors[N_TENSOR_KINDS];
    size_t n_tensors;
} infer_answer;

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_wanted(const infer_answer *to, tensor_kind kind)
{
    for (size_t i = 0; i < to->n_tensors; i++)
        if (to->tensors[i].kind == kind)
            return true;
    return false;
}

static mw_status want(infer_answer *to, tensor_kind kind, const oip_output *asked, mw_error *err)
{
    if (is_wanted(to, kind)) {
        mw_fail(err, MW_E_OIP_OUTPUT, "the output '%s' is asked for twice", tensor_names[kind]);
        return mw_mend(err, "ask for it once");
    }
    if (kind == TENSOR_CONTRIBUTIONS && asked && asked->classification > 0) {
        mw_fail(err, MW_E_OIP_OUTPUT, "contributions are no classes");
        return mw_mend(err, "ask for the classification of '%s'", tensor_names[TENSOR_OUTPUT]);
    }
    wanted_tensor *tensor = &to->tensors[to->n_tensors++];
    *tensor = (wanted_tensor){.kind = kind, .binary = to->request.binary_output};
    if (asked && asked->says_binary)
        tensor->binary = asked->binary;
    if (asked)
        tensor->top = (size_t)asked->classification;
    return MW_OK;
}

static mw_status find_outputs(infer_answer *to, mw_error *err)
{
    const oip_request *request = &to->request;
    for (size_t i = 0; i < request->n_outputs; i++) {
        tensor_kind kind = TENSOR_OUTPUT;
        while (kind < N_TENSOR_KINDS && !mw_view_is(request->outputs[i].name, tensor_names[kind]))
            kind++;
        if (kind == N_TENSOR_KINDS) {
            mw_fail(err, MW_E_OIP_OUTPUT, "the model has no output '%.*s'",
                    MW_VIEW_ARG(request->outputs[i].name));
            return mw_mend(err, "ask for '%s' or '%s', or leave outputs out",
                           tensor_names[TENSOR_OUTPUT], tensor_names[TENSOR_CONTRIBUTIONS]);
        }
        MW_TRY(want(to, kind, &request->outputs[i], err));
    }
    if (request->n_outputs == 0)
        MW_TRY(want(to, TENSOR_OUTPUT, NULL, err));
    if (request->explain && !is_wanted(to, TENSOR_CONTRIBUTIONS))
        return want(to, TENSOR_CONTRIBUTIONS, NULL, err);
    return MW_OK;
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
    infer_answer *to = call->protocol_data;
    size_t json_bytes;
    MW_TRY(serve_explain_by_query(call, err));
    MW_TRY(json_part(call, &json_bytes, err));
    MW_TRY(oip_read_request(call->body, json_bytes, call->exchange->arena, &to->request, err));
    to->request.explain = to->request.explain || call->explains;
    MW_TRY(find_outputs(to, err));
    call->explains = is_wanted(to, TENSOR_CONTRIBUTIONS);
    return oip_read_rows(&to->request, &call->slot.model->forest->schema, call->exchange->arena,
                         &call->rows, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool is_float32(const serve_call *call)
{
    return mw_predictor_is_float32(call->slot.model->predictor);
}

/* Predictions are as wide as the library's own; contributions are float64. */
static bool is_narrow(const serve_call *call, const wanted_tensor *tensor)
{
    return tensor->kind == TENSOR_OUTPUT && is_float32(call);
}

static const double *values_of(const serve_call *call, const wanted_tensor *tensor)
{
    return tensor->kind == TENSOR_OUTPUT ? call->values : call->contributions;
}

static void write_shape(const serve_call *call, wanted_tensor *tensor, mw_buf *out)
{
    const serve_model *model = call->slot.model;
    size_t n_rows = call->rows.n_rows, n_outputs = model->n_outputs;
    size_t n_margins = model->forest->n_margins, width = model->forest->n_features + 1;
    mw_buf_format(out, "\"shape\": [%zu", n_rows);
    if (tensor->kind == TENSOR_OUTPUT) {
        tensor->n_elements = n_rows * n_outputs;
        if (n_outputs != 1)
            mw_buf_format(out, ", %zu", n_outputs);
    } else {
        tensor->n_elements = n_rows * n_margins * width;
        if (n_margins != 1)
            mw_buf_format(out, ", %zu", n_margins);
        mw_buf_format(out, ", %zu", width);
    }
    mw_buf_char(out, ']');
}

static void write_json_values(const serve_call *call, const wanted_tensor *tensor, mw_buf *out)
{
    bool narrow = is_narrow(call, tensor);
    const double *values = values_of(call, tensor);
    mw_buf_text(out, ", \"data\": [");
    for (size_t i = 0; i < tensor->n_elements; i++) {
        mw_buf_text(out, i > 0 ? ", " : "");
        if (narrow)
            mw_json_write_float(out, (float)values[i]);
        else
            mw_json_write_double(out, values[i]);
    }
    mw_buf_char(out, ']');
}

static size_t binary_bytes(const serve_call *call, const wanted_tensor *tensor)
{
    if (tensor->top > 0)
        return tensor->texts.size;
    return tensor->n_elements * (is_narrow(call, tensor) ? sizeof(float) : sizeof(double));
}

static void write_binary_values(const serve_call *call, const wanted_tensor *tensor, mw_buf *out)
{
    const double *values = values_of(call, tensor);
    if (!is_narrow(call, tensor)) {
        mw_buf_bytes(out, values, tensor->n_elements * sizeof(double));
        return;
    }
    if (!mw_buf_reserve(out, tensor->n_elements * sizeof(float)))
        return;
    for (size_t i = 0; i < tensor->n_elements; i++) {
        float value = (float)values[i];
        memcpy(out->data + out->size, &value, sizeof value);
        out->size += sizeof value;
    }
}

/* ---- classes --------------------------------------------------------------------------------- */

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

/* The n largest values of every row. */
static void find_classes(const serve_call *call, wanted_tensor *tensor, mw_buf *out)
{
    size_t n_outputs = call->slot.model->n_outputs, n_rows = call->rows.n_rows;
    size_t n = tensor->top < n_outputs ? tensor->top : n_outputs;
    for (size_t row = 0; row < n_rows; row++)
        write_top(call, call->values + row * n_outputs, n, &tensor->texts);
    mw_buf_format(out, "\"datatype\": \"BYTES\", \"shape\": [%zu, %zu]", n_rows, n);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_head(const serve_call *call, const oip_request *request, mw_buf *out)
{
    mw_buf_text(out, "{\"model_name\": ");
    mw_json_write_text(out, mw_view_of(call->slot.endpoint->name));
    mw_buf_format(out, ", \"model_version\": \"%s\"", call->slot.model->version_text);
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

static void write_tensor(const serve_call *call, wanted_tensor *tensor, mw_buf *out)
{
    mw_buf_format(out, "{\"name\": \"%s\", ", tensor_names[tensor->kind]);
    if (tensor->top > 0) {
        find_classes(call, tensor, out);
    } else {
        mw_buf_format(out, "\"datatype\": \"%s\", ", is_narrow(call, tensor) ? "FP32" : "FP64");
        write_shape(call, tensor, out);
    }
    if (tensor->binary)
        mw_buf_format(out, ", \"parameters\": {\"binary_data_size\": %zu}",
                      binary_bytes(call, tensor));
    else if (tensor->top > 0)
        write_texts_json(&tensor->texts, out);
    else
        write_json_values(call, tensor, out);
    mw_buf_char(out, '}');
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
        write_tensor(call, &to->tensors[i], out);
        any_binary = any_binary || to->tensors[i].binary;
    }
    mw_buf_text(out, "]}");
    if (!any_binary)
        return MW_OK;
    MW_TRY(set_binary_header(call, out->size, err));
    for (size_t i = 0; i < to->n_tensors; i++) {
        const wanted_tensor *tensor = &to->tensors[i];
        if (tensor->binary && tensor->top > 0)
            mw_buf_bytes(out, tensor->texts.data, tensor->texts.size);
        else if (tensor->binary)
            write_binary_values(call, tensor, out);
    }
    return MW_OK;
}

static mw_status write_infer(serve_call *call, mw_error *err)
{
    infer_answer *to = call->protocol_data;
    call->exchange->reply_type = MW_VIEW("application/json");
    for (size_t i = 0; i < to->n_tensors; i++)
        mw_buf_init(&to->tensors[i].texts, call->exchange->reply->cap);
    mw_status status = write_tensors(call, to, err);
    bool failed = false;
    for (size_t i = 0; i < to->n_tensors; i++) {
        failed = failed || to->tensors[i].texts.failed;
        mw_buf_done(&to->tensors[i].texts);
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
