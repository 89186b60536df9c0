/* Regions of shared memory over gRPC: SystemSharedMemoryStatus, Register, Unregister.
 *
 *     Register   string name = 1;  string key = 2;  uint64 offset = 3;  uint64 byte_size = 4
 *     Status     string name = 1  ->  map<string, (the same)> regions = 1 */
#include "grpc.h"
#include "memory.h"

enum { NAME = 1, KEY, OFFSET, BYTES };

static mw_status read_region(mw_view message, serve_region *ret, mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    *ret = (serve_region){.name = {"", 0}, .key = {"", 0}};
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        bool is_text = field.type == MW_PROTOBUF_BYTES;
        if (field.number == NAME && is_text)
            ret->name = field.bytes;
        else if (field.number == KEY && is_text)
            ret->key = field.bytes;
        else if (field.number == OFFSET && !is_text)
            ret->offset = field.value;
        else if (field.number == BYTES && !is_text)
            ret->bytes = field.value;
    }
    return outcome == MW_PROTOBUF_END ? MW_OK : grpc_fail_message(err);
}

void grpc_memory_register(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    mw_error err;
    serve_region region;
    serve_memory *memory = serve_memory_of(fleet);
    mw_status status =
        memory ? read_region(exchange->body, &region, &err) : serve_memory_fail_off(&err);
    if (status == MW_OK)
        status = serve_memory_register(memory, &region, &err);
    if (status == MW_OK)
        grpc_reply(exchange);
    else
        serve_reply_error(exchange, &err, status == MW_UNSUPPORTED ? 501 : 0);
}

void grpc_memory_unregister(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    serve_memory_unregister(serve_memory_of(fleet), params->name);
    grpc_reply(exchange);
}

static void put_region(void *user, const serve_region *region)
{
    mw_buf *out = user;
    size_t entry = mw_protobuf_begin(out, 1);
    mw_protobuf_put_text(out, 1, region->name);
    size_t status = mw_protobuf_begin(out, 2);
    mw_protobuf_put_text(out, NAME, region->name);
    mw_protobuf_put_text(out, KEY, region->key);
    mw_protobuf_put_number(out, OFFSET, region->offset);
    mw_protobuf_put_number(out, BYTES, region->bytes);
    mw_protobuf_end(out, status);
    mw_protobuf_end(out, entry);
}

void grpc_memory_status(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    if (serve_memory_each(serve_memory_of(fleet), params->name, put_region, exchange->reply,
                          &err) == MW_OK)
        grpc_reply(exchange);
    else
        serve_reply_error(exchange, &err, err.status == MW_UNSUPPORTED ? 501 : 404);
}
