/* ModelInfer and ModelStreamInfer: protobuf becomes the same request as JSON does, and the answer's
 * tensors go back as bytes. */
#include "explanation.h"
#include "grpc.h"
#include "oip_memory.h"

enum { /* of ModelInferRequest */
       REQUEST_ID = 3,
       REQUEST_PARAMETERS = 4,
       REQUEST_INPUTS = 5,
       REQUEST_OUTPUTS = 6,
       REQUEST_RAW = 7
};

typedef struct grpc_answer {
    oip_request request;
    oip_answer *tensors;
    size_t n_tensors;
    bool streams;
} grpc_answer;

static mw_status fail_request(mw_error *err, mw_view name, const char *what, const char *mend)
{
    mw_fail(err, MW_E_OIP_REQUEST, "%s", what);
    if (name.size > 0)
        mw_at(err, "input '%.*s'", MW_VIEW_ARG(name));
    return mw_mend(err, "%s", mend);
}

/* ---- parameters ------------------------------------------------------------------------------ */

typedef struct parameter {
    mw_view key, text;
    uint64_t number;
} parameter;

/* InferParameter: 1 bool, 2 int64, 3 string, 5 uint64; others are passed over. */
static mw_status read_value(mw_view value, parameter *ret, mw_error *err)
{
    enum { BOOL = 1, INT64 = 2, STRING = 3, UINT64 = 5 };
    mw_protobuf rest = mw_protobuf_of(value);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        bool is_number = field.number == BOOL || field.number == INT64 || field.number == UINT64;
        if (field.type == MW_PROTOBUF_VARINT && is_number)
            ret->number = field.value;
        else if (field.type == MW_PROTOBUF_BYTES && field.number == STRING)
            ret->text = field.bytes;
    }
    return outcome == MW_PROTOBUF_END ? MW_OK : grpc_fail_message(err);
}

static mw_status read_parameter(mw_view entry, parameter *ret, mw_error *err)
{
    mw_view texts[2];
    MW_TRY(grpc_read_texts(entry, texts, err));
    *ret = (parameter){.key = texts[0], .text = {"", 0}};
    return read_value(texts[1], ret, err);
}

static void note_place(const parameter *one, oip_place_parameters *to)
{
    if (mw_view_is(one->key, "shared_memory_region")) {
        to->region = one->text;
    } else if (mw_view_is(one->key, "shared_memory_byte_size")) {
        to->bytes = one->number;
        to->has_bytes = true;
    } else if (mw_view_is(one->key, "shared_memory_offset")) {
        to->offset = one->number;
        to->has_offset = true;
    }
}

/* ---- typed contents -------------------------------------------------------------------------- */

/* Which field of InferTensorContents carries a datatype, and how wide its elements are there: 0 =
 * varints. */
static const struct {
    uint8_t field, width;
} contents_of[OIP_N_DATATYPES] = {
    [OIP_BOOL] = {1, 0},   [OIP_INT8] = {2, 0},  [OIP_INT16] = {2, 0},  [OIP_INT32] = {2, 0},
    [OIP_INT64] = {3, 0},  [OIP_UINT8] = {4, 0}, [OIP_UINT16] = {4, 0}, [OIP_UINT32] = {4, 0},
    [OIP_UINT64] = {5, 0}, [OIP_FP32] = {6, 4},  [OIP_FP64] = {7, 8},   [OIP_BYTES] = {8, 0},
};

typedef struct contents {
    const oip_tensor *tensor;
    char *data;
    size_t n, size, room; /* elements, their bytes, the memory's */
} contents;

/* An int32 that is negative comes as 64 bits; narrower types must hold their value. */
static bool holds(oip_datatype datatype, int64_t value)
{
    size_t bits = 8 * oip_datatype_bytes(datatype);
    if (datatype == OIP_BOOL)
        return value == 0 || value == 1;
    if (datatype == OIP_INT64 || datatype == OIP_UINT64)
        return true;
    int64_t most = datatype >= OIP_INT8 ? (int64_t)1 << (bits - 1) : (int64_t)1 << bits;
    return value < most && value >= (datatype >= OIP_INT8 ? -most : 0);
}

static mw_status add_bytes(contents *to, const void *data, size_t size, mw_error *err)
{
    if (to->n >= to->tensor->n_elements || size > to->room - to->size)
        return fail_request(err, to->tensor->name, "more elements than the shape has",
                            "send as many elements as the shape says");
    memcpy(to->data + to->size, data, size);
    to->size += size;
    return MW_OK;
}

static mw_status add_number(contents *to, uint64_t value, mw_error *err)
{
    size_t width = contents_of[to->tensor->datatype].width;
    if (width == 0 && !holds(to->tensor->datatype, (int64_t)value))
        return fail_request(err, to->tensor->name, "an element is outside its datatype's range",
                            "send whole numbers of its range");
    width = width ? width : oip_datatype_bytes(to->tensor->datatype);
    MW_TRY(add_bytes(to, &value, width, err)); /* little-endian: the low bytes come first */
    to->n++;
    return MW_OK;
}

static mw_status add_packed(contents *to, mw_view bytes, mw_error *err)
{
    size_t width = contents_of[to->tensor->datatype].width;
    mw_protobuf packed = mw_protobuf_of(bytes);
    while (packed.at < packed.end) {
        uint64_t value;
        if (!(width ? mw_protobuf_fixed(&packed, width, &value)
                    : mw_protobuf_varint(&packed, &value)))
            return grpc_fail_message(err);
        MW_TRY(add_number(to, value, err));
    }
    return MW_OK;
}

static mw_status add_text(contents *to, mw_view text, mw_error *err)
{
    uint32_t size = (uint32_t)text.size;
    MW_TRY(add_bytes(to, &size, sizeof size, err));
    MW_TRY(add_bytes(to, text.data, text.size, err));
    to->n++;
    return MW_OK;
}

static mw_status add_contents(contents *to, const mw_protobuf_field *field, mw_error *err)
{
    if (field->number != contents_of[to->tensor->datatype].field)
        return fail_request(err, to->tensor->name, "its contents are not of its datatype",
                            "fill the field of the contents that belongs to the datatype");
    if (to->tensor->datatype == OIP_BYTES)
        return field->type == MW_PROTOBUF_BYTES ? add_text(to, field->bytes, err)
                                                : grpc_fail_message(err);
    return field->type == MW_PROTOBUF_BYTES ? add_packed(to, field->bytes, err)
                                            : add_number(to, field->value, err);
}

/* Eight bytes an element at most, of which each takes a byte at least; texts and their lengths. */
static mw_status read_contents(oip_tensor *tensor, mw_view message, mw_arena *arena, mw_error *err)
{
    enum { MOST_GROWTH = 8 };
    contents to = {.tensor = tensor, .room = MOST_GROWTH * message.size};
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    to.data = mw_arena_take(arena, to.room + 1);
    if (!to.data)
        return mw_fail_memory(err, "the inputs");
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD)
        MW_TRY(add_contents(&to, &field, err));
    tensor->binary = to.data;
    tensor->binary_bytes = to.size;
    return outcome == MW_PROTOBUF_END ? MW_OK : grpc_fail_message(err);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static mw_status add_size(oip_tensor *tensor, uint64_t value, mw_error *err)
{
    mw_status status = oip_add_size(tensor, (int64_t)value, err);
    if (status != MW_OK && tensor->name.size > 0)
        mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
    return status;
}

static mw_status add_sizes(oip_tensor *tensor, const mw_protobuf_field *field, mw_error *err)
{
    if (field->type == MW_PROTOBUF_VARINT)
        return add_size(tensor, field->value, err);
    mw_protobuf packed = mw_protobuf_of(field->bytes);
    while (packed.at < packed.end) {
        uint64_t value;
        if (field->type != MW_PROTOBUF_BYTES || !mw_protobuf_varint(&packed, &value))
            return grpc_fail_message(err);
        MW_TRY(add_size(tensor, value, err));
    }
    return MW_OK;
}

/* 1 name, 2 datatype, 3 shape, 4 parameters, 5 contents (read when all else is known). */
static mw_status read_input(mw_view message, mw_arena *arena, oip_tensor *tensor, mw_error *err)
{
    enum { NAME = 1, DATATYPE, SHAPE, PARAMETERS, CONTENTS };
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    mw_view typed = {NULL, 0};
    parameter one;
    oip_place_parameters said = {0};
    *tensor = (oip_tensor){.name = {"", 0}, .datatype = OIP_N_DATATYPES, .n_elements = 1};
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        bool is_bytes = field.type == MW_PROTOBUF_BYTES;
        if (field.number == SHAPE)
            MW_TRY(add_sizes(tensor, &field, err));
        else if (field.number == NAME && is_bytes)
            tensor->name = field.bytes;
        else if (field.number == DATATYPE && is_bytes)
            MW_TRY(oip_set_datatype(tensor, field.bytes, err));
        else if (field.number == PARAMETERS && is_bytes) {
            MW_TRY(read_parameter(field.bytes, &one, err));
            note_place(&one, &said);
        } else if (field.number == CONTENTS && is_bytes)
            typed = field.bytes;
    }
    if (outcome != MW_PROTOBUF_END)
        return grpc_fail_message(err);
    if (tensor->datatype == OIP_N_DATATYPES)
        return oip_set_datatype(tensor, (mw_view){"", 0}, err);
    tensor->is_binary = true;
    MW_TRY(oip_take_place(&said, &tensor->place, err));
    if (typed.size > 0 && tensor->place.region.data)
        return fail_request(err, tensor->name, "it has contents and lies in shared memory",
                            "send either of them");
    return typed.size > 0 ? read_contents(tensor, typed, arena, err) : MW_OK;
}

static mw_status read_output(mw_view message, oip_output *output, mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    oip_place_parameters said = {0};
    *output = (oip_output){.name = {"", 0}};
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        parameter one;
        if (field.type == MW_PROTOBUF_BYTES && field.number == 1)
            output->name = field.bytes;
        if (field.type != MW_PROTOBUF_BYTES || field.number != 2)
            continue;
        MW_TRY(read_parameter(field.bytes, &one, err));
        note_place(&one, &said);
        if (mw_view_is(one.key, "classification"))
            output->classification = one.number > INT32_MAX ? INT32_MAX : (int64_t)one.number;
    }
    return outcome == MW_PROTOBUF_END ? oip_take_place(&said, &output->place, err)
                                      : grpc_fail_message(err);
}

/* ---- the request ----------------------------------------------------------------------------- */

typedef struct field_counts {
    size_t inputs, outputs, raw;
} field_counts;

static field_counts count_fields(mw_view message)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    field_counts counts = {0};
    while (mw_protobuf_next(&rest, &field) == MW_PROTOBUF_FIELD) {
        counts.inputs += field.number == REQUEST_INPUTS;
        counts.outputs += field.number == REQUEST_OUTPUTS;
        counts.raw += field.number == REQUEST_RAW;
    }
    return counts;
}

static mw_status check_counts(field_counts counts, mw_error *err)
{
    static const mw_view none = {NULL, 0};
    if (counts.inputs == 0)
        return fail_request(err, none, "the request has no inputs", "send the model's inputs");
    if (counts.outputs > OIP_MAX_OUTPUTS)
        return fail_request(err, none, "more than 16 outputs are asked for", "ask for fewer");
    return MW_OK;
}

/* Raw contents are of the inputs that do not lie in shared memory, in their order. */
static mw_status check_raw(const oip_request *request, size_t n_raw, mw_error *err)
{
    size_t n_inputs = 0;
    for (size_t i = 0; i < request->n_inputs; i++)
        n_inputs += !request->inputs[i].place.region.data;
    if (n_raw == 0 || n_raw == n_inputs)
        return MW_OK;
    return fail_request(err, (mw_view){NULL, 0},
                        "raw_input_contents has not as many entries as there are inputs",
                        "send raw contents for every input that is not in shared memory, or for "
                        "none");
}

/* Of the next input that has such; their count was checked. */
static mw_status take_raw(oip_tensor *inputs, size_t *at, mw_view bytes, mw_error *err)
{
    while (inputs[*at].place.region.data)
        ++*at;
    oip_tensor *tensor = &inputs[(*at)++];
    if (tensor->binary)
        return fail_request(err, tensor->name, "it has raw and typed contents",
                            "send either of them");
    tensor->binary = bytes.data;
    tensor->binary_bytes = bytes.size;
    return MW_OK;
}

static mw_status read_field(const mw_protobuf_field *field, size_t *n_raw, oip_request *request,
                            mw_arena *arena, mw_error *err)
{
    parameter one;
    if (field->type != MW_PROTOBUF_BYTES)
        return field->number >= REQUEST_ID && field->number <= REQUEST_RAW ? grpc_fail_message(err)
                                                                           : MW_OK;
    switch (field->number) {
    case REQUEST_ID:
        request->id_text = field->bytes;
        return MW_OK;
    case REQUEST_PARAMETERS:
        MW_TRY(read_parameter(field->bytes, &one, err));
        if (mw_view_starts(one.key, "shared_memory"))
            return fail_request(err, (mw_view){NULL, 0},
                                "shared memory is an input's or an output's",
                                "say it in the parameters of the tensor");
        request->explain = request->explain || (mw_view_is(one.key, "explain") && one.number);
        request->anomaly = request->anomaly || (mw_view_is(one.key, "anomaly") && one.number);
        if (mw_view_is(one.key, "timeout"))
            request->timeout_us = one.number;
        return MW_OK;
    case REQUEST_INPUTS:
        return read_input(field->bytes, arena, &request->inputs[request->n_inputs++], err);
    case REQUEST_OUTPUTS:
        return read_output(field->bytes, &request->outputs[request->n_outputs++], err);
    case REQUEST_RAW:
        return take_raw(request->inputs, n_raw, field->bytes, err);
    default:
        return MW_OK;
    }
}

/* Raw contents stand behind the inputs they belong to: writers keep fields in order. So that any
 * order is read, they come in a round of their own. */
static mw_status read_fields(mw_view message, bool raw, oip_request *request, mw_arena *arena,
                             mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    size_t n_raw = 0;
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD)
        if ((field.number == REQUEST_RAW) == raw)
            MW_TRY(read_field(&field, &n_raw, request, arena, err));
    return outcome == MW_PROTOBUF_END ? MW_OK : grpc_fail_message(err);
}

mw_status grpc_read_request(mw_view message, mw_arena *arena, oip_request *ret_request,
                            mw_error *err)
{
    oip_request request = {.binary_output = true};
    field_counts counts = count_fields(message);
    MW_TRY(check_counts(counts, err));
    request.inputs = mw_arena_take_zeroed(arena, counts.inputs, sizeof *request.inputs);
    if (counts.outputs > 0)
        request.outputs = mw_arena_take(arena, counts.outputs * sizeof *request.outputs);
    if (!request.inputs || (counts.outputs > 0 && !request.outputs))
        return mw_fail_memory(err, "the inputs");
    MW_TRY(read_fields(message, false, &request, arena, err));
    MW_TRY(check_raw(&request, counts.raw, err));
    MW_TRY(read_fields(message, true, &request, arena, err));
    for (size_t i = 0; i < request.n_inputs; i++) {
        oip_tensor *tensor = &request.inputs[i];
        if (tensor->place.region.data)
            continue;
        tensor->binary = tensor->binary ? tensor->binary : "";
        MW_TRY(oip_check_binary(tensor, err));
    }
    *ret_request = request;
    return MW_OK;
}

static mw_status read_infer(serve_call *call, mw_error *err)
{
    grpc_answer *to = call->protocol_data;
    mw_arena *arena = call->exchange->arena;
    const serve_model *model = call->slot.model;
    MW_TRY(grpc_read_request(call->body, arena, &to->request, err));
    serve_take_timeout(call->exchange, to->request.timeout_us);
    MW_TRY(oip_fetch_for(call, &to->request, err));
    if (call->wants_worker)
        return MW_OK;
    MW_TRY(oip_choose_answers(model, &to->request, arena, &to->tensors, &to->n_tensors, err));
    oip_tell_wants(to->tensors, to->n_tensors, call);
    return oip_read_rows(&to->request, &model->forest->schema, model->forest->graph, arena,
                         &call->rows, err);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void put_parameter(mw_buf *out, const char *key, mw_view text, uint64_t number)
{
    enum { PARAMETERS = 4, INT64 = 2, STRING = 3 };
    size_t entry = mw_protobuf_begin(out, PARAMETERS);
    mw_protobuf_put_text(out, 1, mw_view_of(key));
    size_t value = mw_protobuf_begin(out, 2);
    if (text.data)
        mw_protobuf_put_text_always(out, STRING, text);
    else
        mw_protobuf_put_number_always(out, INT64, number);
    mw_protobuf_end(out, value);
    mw_protobuf_end(out, entry);
}

static void put_place(const serve_place *place, size_t bytes, mw_buf *out)
{
    static const mw_view none = {NULL, 0};
    put_parameter(out, "shared_memory_region", place->region, 0);
    put_parameter(out, "shared_memory_offset", none, place->offset);
    put_parameter(out, "shared_memory_byte_size", none, bytes);
}

static void put_tensor(const serve_call *call, const oip_answer *answer, mw_buf *out)
{
    enum { OUTPUTS = 5, NAME = 1, DATATYPE = 2, SHAPE = 3 };
    oip_tensor_type type = oip_answer_type(call, answer);
    size_t tensor = mw_protobuf_begin(out, OUTPUTS);
    mw_protobuf_put_text(out, NAME, type.name);
    mw_protobuf_put_text(out, DATATYPE, mw_view_of(oip_datatype_name(type.datatype)));
    mw_protobuf_put_numbers(out, SHAPE, type.dims, type.rank);
    if (answer->place.region.data)
        put_place(&answer->place, oip_answer_bytes(call, answer), out);
    mw_protobuf_end(out, tensor);
}

static void put_response(const serve_call *call, const grpc_answer *from, mw_buf *out)
{
    enum { NAME = 1, VERSION = 2, ID = 3, RAW = 6 };
    mw_protobuf_put_text(out, NAME, mw_view_of(call->slot.endpoint->name));
    mw_protobuf_put_text(out, VERSION, mw_view_of(call->slot.model->version_text));
    mw_protobuf_put_text(out, ID, from->request.id_text);
    for (size_t i = 0; i < from->n_tensors; i++)
        put_tensor(call, &from->tensors[i], out);
    for (size_t i = 0; i < from->n_tensors; i++) { /* an entry each, so that they are found */
        bool is_here = !from->tensors[i].place.region.data;
        mw_protobuf_put_head(out, RAW, is_here ? oip_answer_bytes(call, &from->tensors[i]) : 0);
        if (is_here)
            oip_answer_write_bytes(call, &from->tensors[i], out);
    }
}

static mw_status write_infer(serve_call *call, mw_error *err)
{
    enum { STREAM_RESPONSE = 2 };
    grpc_answer *from = call->protocol_data;
    mw_buf *out = call->exchange->reply;
    bool failed = false;
    for (size_t i = 0; i < from->n_tensors; i++)
        oip_answer_prepare(call, &from->tensors[i], out->cap);
    mw_status status = oip_place_answers(call, from->tensors, from->n_tensors, err);
    size_t response = from->streams ? mw_protobuf_begin(out, STREAM_RESPONSE) : 0;
    if (status == MW_OK)
        put_response(call, from, out);
    if (from->streams)
        mw_protobuf_end(out, response);
    for (size_t i = 0; i < from->n_tensors; i++) {
        failed = failed || from->tensors[i].texts.failed;
        oip_answer_done(&from->tensors[i]);
    }
    return failed ? mw_fail_memory(err, "the answer") : status;
}

/* ---- the calls ------------------------------------------------------------------------------- */

static void infer(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params, bool streams)
{
    mw_error err;
    serve_call *call;
    if (serve_call_begin(fleet, exchange, MW_PROTOCOL_GRPC, params->name, params->version, &call,
                         &err) != MW_OK) {
        serve_reply_error(exchange, &err, 0);
        return;
    }
    grpc_answer *answer = mw_arena_take_zeroed(exchange->arena, 1, sizeof *answer);
    call->read = read_infer;
    call->write = write_infer;
    call->protocol_data = answer;
    if (!answer) {
        (void)mw_fail_memory(&err, "the request");
        serve_call_fail(call, &err, 0);
        return;
    }
    answer->streams = streams;
    serve_call_run(call);
}

void grpc_infer(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    infer(fleet, exchange, params, false);
}

void grpc_infer_stream(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    infer(fleet, exchange, params, true);
}
