/* Metadata, configuration, statistics and the repository over gRPC. */
#include "grpc.h"
#include "oip_answer.h"

/* ---- one model ------------------------------------------------------------------------------- */

static void put_tensors(mw_buf *out, uint32_t number, const serve_model *model, oip_types *types)
{
    oip_tensor_type type;
    for (size_t i = 0; types(model, i, &type); i++) {
        size_t tensor = mw_protobuf_begin(out, number);
        mw_protobuf_put_text(out, 1, type.name);
        mw_protobuf_put_text(out, 2, mw_view_of(oip_datatype_name(type.datatype)));
        mw_protobuf_put_numbers(out, 3, type.dims, type.rank);
        mw_protobuf_end(out, tensor);
    }
}

void grpc_model(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    const serve_slot *slot = serve_pin_slot(fleet, exchange, params);
    if (!slot)
        return;
    mw_buf *out = exchange->reply;
    const serve_model *model = slot->model;
    mw_protobuf_put_text(out, 1, mw_view_of(slot->endpoint->name));
    mw_protobuf_put_text(out, 2, mw_view_of(model->version_text));
    mw_protobuf_put_text(out, 3, mw_view_of(serve_platform(model->forest)));
    put_tensors(out, 4, model, oip_input_type);
    put_tensors(out, 5, model, oip_output_type);
    serve_plan_unpin(fleet, exchange->loop);
    grpc_reply(exchange);
}

void grpc_model_ready(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    const serve_plan *plan = serve_plan_pin(fleet, exchange->loop);
    const serve_slot *slot = serve_plan_find(plan, params->name);
    bool ready =
        slot && slot->model &&
        (params->version.size == 0 || mw_view_is(params->version, slot->model->version_text));
    serve_plan_unpin(fleet, exchange->loop);
    mw_protobuf_put_bool(exchange->reply, 1, ready);
    grpc_reply(exchange);
}

/* Numbers of DataType in model_config.proto. */
static const uint8_t config_types[OIP_N_DATATYPES] = {
    [OIP_BOOL] = 1,  [OIP_UINT8] = 2, [OIP_UINT16] = 3, [OIP_UINT32] = 4, [OIP_UINT64] = 5,
    [OIP_INT8] = 6,  [OIP_INT16] = 7, [OIP_INT32] = 8,  [OIP_INT64] = 9,  [OIP_FP16] = 10,
    [OIP_FP32] = 11, [OIP_FP64] = 12, [OIP_BYTES] = 13, [OIP_BF16] = 14,
};

static void put_config_tensors(mw_buf *out, uint32_t number, uint32_t dims_number,
                               const serve_model *model, oip_types *types)
{
    oip_tensor_type type;
    for (size_t i = 0; types(model, i, &type); i++) {
        size_t tensor = mw_protobuf_begin(out, number);
        mw_protobuf_put_text(out, 1, type.name);
        mw_protobuf_put_number(out, 2, config_types[type.datatype]);
        mw_protobuf_put_numbers(out, dims_number, type.dims, type.rank);
        mw_protobuf_end(out, tensor);
    }
}

void grpc_config(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    enum { INPUT = 5, INPUT_DIMS = 4, OUTPUT = 6, OUTPUT_DIMS = 3, BACKEND = 17 };
    const serve_slot *slot = serve_pin_slot(fleet, exchange, params);
    if (!slot)
        return;
    mw_buf *out = exchange->reply;
    size_t config = mw_protobuf_begin(out, 1);
    mw_protobuf_put_text(out, 1, mw_view_of(slot->endpoint->name));
    mw_protobuf_put_text(out, 2, mw_view_of(serve_platform(slot->model->forest)));
    put_config_tensors(out, INPUT, INPUT_DIMS, slot->model, oip_input_type);
    put_config_tensors(out, OUTPUT, OUTPUT_DIMS, slot->model, oip_output_type);
    mw_protobuf_put_text(out, BACKEND, MW_VIEW("millwright"));
    mw_protobuf_end(out, config);
    serve_plan_unpin(fleet, exchange->loop);
    grpc_reply(exchange);
}

/* ---- statistics ------------------------------------------------------------------------------ */

typedef struct stats_message {
    mw_buf *out;
    mw_view only; /* empty = all */
} stats_message;

static void put_duration(mw_buf *out, uint32_t number, uint64_t count, uint64_t ns)
{
    size_t duration = mw_protobuf_begin(out, number);
    mw_protobuf_put_number(out, 1, count);
    mw_protobuf_put_number(out, 2, ns);
    mw_protobuf_end(out, duration);
}

static void put_durations(mw_buf *out, const mw_endpoint_counts *counts, uint64_t n_ok,
                          uint64_t n_failed)
{
    enum { SUCCESS = 1, FAIL, QUEUE, COMPUTE_INPUT, COMPUTE_INFER, COMPUTE_OUTPUT };
    put_duration(out, SUCCESS, n_ok, counts->latency_ns);
    put_duration(out, FAIL, n_failed, 0);
    put_duration(out, QUEUE, n_ok, counts->stage_ns[MW_STAGE_QUEUE]);
    put_duration(out, COMPUTE_INPUT, n_ok, counts->stage_ns[MW_STAGE_DECODE]);
    put_duration(out, COMPUTE_INFER, n_ok, counts->stage_ns[MW_STAGE_PREDICT]);
    put_duration(out, COMPUTE_OUTPUT, n_ok, counts->stage_ns[MW_STAGE_ENCODE]);
}

static void put_stats(void *user, const mw_endpoint_info *info)
{
    enum { LAST = 3, ROWS, EXECUTIONS, DURATIONS, MEMORY = 8 };
    const stats_message *to = user;
    if (!info->ready || (to->only.size > 0 && !mw_view_is(to->only, info->name)))
        return;
    uint64_t n_ok, n_failed;
    serve_sum_answers(&info->counts, &n_ok, &n_failed);
    char version[16];
    snprintf(version, sizeof version, "%u", info->version);
    mw_buf *out = to->out;
    size_t stats = mw_protobuf_begin(out, 1);
    mw_protobuf_put_text(out, 1, mw_view_of(info->name));
    mw_protobuf_put_text(out, 2, mw_view_of(version));
    mw_protobuf_put_number(out, LAST, info->counts.last_ms);
    mw_protobuf_put_number(out, ROWS, info->counts.rows);
    mw_protobuf_put_number(out, EXECUTIONS, n_ok);
    size_t durations = mw_protobuf_begin(out, DURATIONS);
    put_durations(out, &info->counts, n_ok, n_failed);
    mw_protobuf_end(out, durations);
    size_t memory = mw_protobuf_begin(out, MEMORY);
    mw_protobuf_put_text(out, 1, MW_VIEW("CPU"));
    mw_protobuf_put_number(out, 3, info->memory_bytes);
    mw_protobuf_end(out, memory);
    mw_protobuf_end(out, stats);
}

void grpc_stats(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    if (params->name.size > 0) {
        if (!serve_pin_slot(fleet, exchange, params))
            return;
        serve_plan_unpin(fleet, exchange->loop);
    }
    stats_message message = {exchange->reply, params->name};
    mw_fleet_each_seen(fleet, exchange->user_sees, put_stats, &message);
    grpc_reply(exchange);
}

/* ---- the repository -------------------------------------------------------------------------- */

typedef struct index_message {
    mw_buf *out;
    bool only_ready;
} index_message;

static void put_index(void *user, const mw_endpoint_info *info)
{
    const index_message *to = user;
    if (to->only_ready && !info->ready)
        return;
    char version[16];
    snprintf(version, sizeof version, "%u", info->version);
    size_t entry = mw_protobuf_begin(to->out, 1);
    mw_protobuf_put_text(to->out, 1, mw_view_of(info->name));
    mw_protobuf_put_text(to->out, 2, mw_view_of(version));
    mw_protobuf_put_text(to->out, 3, mw_view_of(info->ready ? "READY" : "UNAVAILABLE"));
    mw_protobuf_put_text(to->out, 4, mw_view_of(serve_reason(info)));
    mw_protobuf_end(to->out, entry);
}

void grpc_index(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    index_message message = {exchange->reply, false};
    mw_protobuf rest = mw_protobuf_of(exchange->body);
    mw_protobuf_field field;
    while (mw_protobuf_next(&rest, &field) == MW_PROTOBUF_FIELD)
        if (field.number == 2 && field.type == MW_PROTOBUF_VARINT)
            message.only_ready = field.value != 0;
    mw_fleet_each_seen(fleet, exchange->user_sees, put_index, &message);
    grpc_reply(exchange);
}

/* Field 1 is the repository's name, which there is only one of; 2 the model's; 3 parameters. */
static mw_status read_overrides(mw_view message, bool *ret_has_overrides, mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    *ret_has_overrides = false;
    while (mw_protobuf_next(&rest, &field) == MW_PROTOBUF_FIELD) {
        mw_view entry[2];
        if (field.number != 3 || field.type != MW_PROTOBUF_BYTES)
            continue;
        MW_TRY(grpc_read_texts(field.bytes, entry, err));
        *ret_has_overrides = *ret_has_overrides || !mw_view_is(entry[0], "unload_dependents");
    }
    return MW_OK;
}

static void control(mw_fleet *fleet, mw_exchange *exchange, mw_view name, bool load)
{
    mw_error err;
    bool has_overrides;
    mw_status status = read_overrides(exchange->body, &has_overrides, &err);
    if (status == MW_OK)
        status = serve_check_overrides(has_overrides, &err);
    if (status == MW_OK)
        serve_control(fleet, exchange, name, load);
    else
        serve_reply_error(exchange, &err, 0);
}

void grpc_load(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    control(fleet, exchange, params->version, true);
}

void grpc_unload(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    control(fleet, exchange, params->version, false);
}
