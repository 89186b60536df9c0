/* Regions of shared memory over HTTP: /v2/systemsharedmemory[/region/{name}]/status, register,
 * unregister, as Triton's clients ask. */
#include "call.h"
#include "memory.h"

enum { BODY_BYTES = 64 * 1024 };

/* Where it is off, there is no such place. */
static void refuse(mw_exchange *exchange, const mw_error *err, int http_status)
{
    serve_reply_error(exchange, err, err->status == MW_UNSUPPORTED ? 404 : http_status);
}

static mw_status fail_body(mw_error *err, const char *what)
{
    mw_fail(err, MW_E_OIP_REGION, "%s", what);
    return mw_mend(err, "send {\"key\": \"/name\", \"offset\": 0, \"byte_size\": 64}");
}

static mw_status read_size(mw_scan *scan, uint64_t *ret_bytes, mw_error *err)
{
    int64_t bytes;
    MW_TRY(mw_scan_integer(scan, &bytes, err));
    if (bytes < 0)
        return fail_body(err, "offset or byte_size is negative");
    *ret_bytes = (uint64_t)bytes;
    return MW_OK;
}

/* {"key": "/name", "offset": 0, "byte_size": 64} */
static mw_status read_region(const mw_exchange *exchange, serve_region *region, mw_error *err)
{
    mw_scan scan;
    bool more;
    if (exchange->body.size > BODY_BYTES)
        return fail_body(err, "a region's description of more than 64 KiB");
    mw_scan_init(&scan, exchange->body);
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(&scan, exchange->arena, &key, &more, err));
        if (!more)
            break;
        if (mw_view_is(key, "key"))
            MW_TRY(mw_scan_string(&scan, exchange->arena, &region->key, err));
        else if (mw_view_is(key, "offset"))
            MW_TRY(read_size(&scan, &region->offset, err));
        else if (mw_view_is(key, "byte_size"))
            MW_TRY(read_size(&scan, &region->bytes, err));
        else
            MW_TRY(mw_scan_skip(&scan, NULL, err));
    }
    return mw_scan_end(&scan, err);
}

void serve_oip_memory_register(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    serve_region region = {.name = params->name, .key = {"", 0}};
    serve_memory *memory = serve_memory_of(fleet);
    mw_status status = memory ? read_region(exchange, &region, &err) : serve_memory_fail_off(&err);
    if (status == MW_OK)
        status = serve_memory_register(memory, &region, &err);
    if (status == MW_OK)
        serve_reply(exchange, 200, "application/json");
    else
        refuse(exchange, &err, 0);
}

void serve_oip_memory_unregister(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    serve_memory_unregister(serve_memory_of(fleet), params->name);
    serve_reply(exchange, 200, "application/json");
}

static void write_region(void *user, const serve_region *region)
{
    mw_buf *out = user;
    mw_buf_text(out, out->size > 1 ? ", {\"name\": " : "{\"name\": ");
    mw_json_write_text(out, region->name);
    mw_buf_text(out, ", \"key\": ");
    mw_json_write_text(out, region->key);
    mw_buf_format(out, ", \"offset\": %llu, \"byte_size\": %llu}",
                  (unsigned long long)region->offset, (unsigned long long)region->bytes);
}

void serve_oip_memory_status(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    mw_buf_char(exchange->reply, '[');
    if (serve_memory_each(serve_memory_of(fleet), params->name, write_region, exchange->reply,
                          &err) != MW_OK) {
        refuse(exchange, &err, 404);
        return;
    }
    mw_buf_char(exchange->reply, ']');
    serve_reply(exchange, 200, "application/json");
}
