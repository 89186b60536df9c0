/* Calls of gRPC by their paths; what concerns the server. */
#include "grpc.h"

/* ---- messages -------------------------------------------------------------------------------- */

mw_status grpc_fail_message(mw_error *err)
{
    mw_fail(err, MW_E_GRPC_PROTOBUF, "the message does not follow its format");
    return mw_mend(err, "build it with the .proto files of the Open Inference Protocol");
}

mw_status grpc_read_texts(mw_view message, mw_view ret_texts[2], mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    ret_texts[0] = ret_texts[1] = (mw_view){"", 0};
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD)
        if (field.type == MW_PROTOBUF_BYTES && field.number >= 1 && field.number <= 2)
            ret_texts[field.number - 1] = field.bytes;
    return outcome == MW_PROTOBUF_END ? MW_OK : grpc_fail_message(err);
}

void grpc_reply(mw_exchange *exchange)
{
    serve_reply(exchange, 200, "application/grpc");
}

/* ---- the server ------------------------------------------------------------------------------ */

static void server_live(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)fleet;
    (void)params;
    mw_protobuf_put_bool(exchange->reply, 1, true);
    grpc_reply(exchange);
}

static void server_ready(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    mw_protobuf_put_bool(exchange->reply, 1, serve_is_ready(fleet, exchange->loop));
    grpc_reply(exchange);
}

static void server_metadata(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    mw_protobuf_put_text(exchange->reply, 1, MW_VIEW("millwright"));
    mw_protobuf_put_text(exchange->reply, 2, MW_VIEW(MW_VERSION));
    const char *name;
    for (size_t i = 0; (name = serve_extension(fleet, i)); i++)
        mw_protobuf_put_text(exchange->reply, 3, mw_view_of(name));
    grpc_reply(exchange);
}

/* ---- memory of CUDA -------------------------------------------------------------------------- */

static void refuse_memory(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)fleet;
    (void)params;
    mw_error err;
    mw_fail(&err, MW_E_OIP_MEMORY, "memory of CUDA is not offered");
    mw_mend(&err, "send the tensors' bytes in the request");
    serve_reply_error(exchange, &err, 501);
}

/* Clients unregister all before they begin: nothing is what there is. */
static void nothing(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)fleet;
    (void)params;
    grpc_reply(exchange);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define INFERENCE "/inference.GRPCInferenceService/"
#define HEALTH "/grpc.health.v1.Health/"

static const struct grpc_row {
    const char *path;
    mw_serve_handler *serve;
    bool has_error_messages; /* a stream: an error is a message, and the call goes on */
} rows[] = {
    {INFERENCE "ModelInfer", grpc_infer, false},
    {INFERENCE "ModelStreamInfer", grpc_infer_stream, true},
    {INFERENCE "ServerLive", server_live, false},
    {INFERENCE "ServerReady", server_ready, false},
    {INFERENCE "ModelReady", grpc_model_ready, false},
    {INFERENCE "ServerMetadata", server_metadata, false},
    {INFERENCE "ModelMetadata", grpc_model, false},
    {INFERENCE "ModelConfig", grpc_config, false},
    {INFERENCE "ModelStatistics", grpc_stats, false},
    {INFERENCE "RepositoryIndex", grpc_index, false},
    {INFERENCE "RepositoryModelLoad", grpc_load, false},
    {INFERENCE "RepositoryModelUnload", grpc_unload, false},
    {INFERENCE "SystemSharedMemoryStatus", grpc_memory_status, false},
    {INFERENCE "SystemSharedMemoryRegister", grpc_memory_register, false},
    {INFERENCE "SystemSharedMemoryUnregister", grpc_memory_unregister, false},
    {INFERENCE "CudaSharedMemoryStatus", nothing, false},
    {INFERENCE "CudaSharedMemoryRegister", refuse_memory, false},
    {INFERENCE "CudaSharedMemoryUnregister", nothing, false},
    {INFERENCE "TraceSetting", grpc_trace_setting, false},
    {INFERENCE "LogSettings", grpc_log_settings, false},
    {HEALTH "Check", grpc_health_check, false},
    {HEALTH "List", grpc_health_list, false},
    {HEALTH "Watch", grpc_health_watch, false},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", grpc_reflect, false},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", grpc_reflect, false},
};

const char *serve_grpc_path(size_t i)
{
    return i < MW_COUNT(rows) ? rows[i].path : NULL;
}

static void refuse_unknown(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_GRPC_METHOD, "no call is named '%.*s'", MW_VIEW_ARG(exchange->path));
    mw_mend(&err, "the services are inference.GRPCInferenceService, grpc.health.v1.Health and "
                  "grpc.reflection.v1.ServerReflection");
    serve_reply_error(exchange, &err, 501);
}

/* A small message is uncompressed at once: it has at most 1,032 times its bytes, which take about a
 * millisecond. Others would hold up their loop. */
enum { LOOP_COMPRESSED_BYTES = 1024 };

typedef struct inflate_job {
    mw_job job;
    mw_fleet *fleet;
    mw_exchange *exchange;
} inflate_job;

/* The message as it is, uncompressed. */
static mw_status open_message(mw_fleet *fleet, mw_exchange *exchange, int *ret_status,
                              mw_error *err)
{
    mw_status status = mw_exchange_inflate(exchange, serve_max_body(fleet), &exchange->body, err);
    exchange->body_encoding = (mw_view){NULL, 0};
    *ret_status = status == MW_UNSUPPORTED ? 501 : status == MW_NO_MEMORY ? 413 : 0;
    if (status == MW_UNSUPPORTED) /* the client may take another one of these */
        exchange->reply_headers = MW_VIEW("grpc-accept-encoding: identity,deflate,gzip\r\n");
    return status;
}

static void run_inflate(mw_job *job)
{
    inflate_job *self = (inflate_job *)((char *)job - offsetof(inflate_job, job));
    mw_exchange *exchange = self->exchange;
    mw_error err;
    int http_status = 0;
    if (mw_exchange_is_gone(exchange))
        mw_exchange_reply(exchange); /* to nobody */
    else if (open_message(self->fleet, exchange, &http_status, &err) == MW_OK)
        mw_exchange_return(exchange);
    else
        serve_reply_error(exchange, &err, http_status);
}

/* True when the pool does it: the exchange comes back, or is answered. */
static bool inflate_aside(mw_fleet *fleet, mw_exchange *exchange)
{
    inflate_job *self = NULL;
    if (exchange->body_encoding.size > 0 && exchange->body.size > LOOP_COMPRESSED_BYTES)
        self = mw_arena_take_zeroed(exchange->arena, 1, sizeof *self);
    if (!self)
        return false;
    *self = (inflate_job){{NULL, run_inflate}, fleet, exchange};
    mw_exchange_defer(exchange);
    mw_pool_submit(serve_pool(fleet), &self->job);
    return true;
}

void serve_grpc(mw_fleet *fleet, mw_exchange *exchange)
{
    const struct grpc_row *row = NULL;
    for (size_t i = 0; i < MW_COUNT(rows) && !row; i++)
        if (mw_view_is(exchange->path, rows[i].path))
            row = &rows[i];
    if (!row) {
        refuse_unknown(exchange);
        return;
    }
    mw_error err;
    mw_view texts[2];
    int http_status = 0;
    exchange->takes_more = row->has_error_messages;
    if (inflate_aside(fleet, exchange))
        return;
    mw_status status = open_message(fleet, exchange, &http_status, &err);
    if (status == MW_OK)
        status = grpc_read_texts(exchange->body, texts, &err);
    if (status != MW_OK) {
        serve_reply_error(exchange, &err, http_status);
        return;
    }
    row->serve(fleet, exchange, &(mw_params){texts[0], texts[1]});
}
