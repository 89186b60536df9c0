/* gzip and deflate, both ways. zlib's own memory comes from the request's arena. */
#include <zlib.h>

#include "net.h"
#include "token.h"

enum { WINDOW_BITS = 15, GZIP = 16, FAST_LEVEL = 1, MEMORY_LEVEL = 8, MARGIN_BYTES = 64 };

typedef enum encoding { ENCODING_NONE, ENCODING_GZIP, ENCODING_DEFLATE, ENCODING_OTHER } encoding;

static void *take_memory(void *arena, uInt count, uInt size)
{
    return mw_arena_take(arena, (size_t)count * size);
}

static void give_memory(void *arena, void *memory)
{
    (void)arena;
    (void)memory; /* dropped with the arena */
}

static void init_stream(z_stream *stream, mw_arena *arena, mw_view in)
{
    *stream = (z_stream){.zalloc = take_memory,
                         .zfree = give_memory,
                         .opaque = arena,
                         .next_in = (Bytef *)(uintptr_t)in.data,
                         .avail_in = (uInt)in.size};
}

/* ---- in -------------------------------------------------------------------------------------- */

static encoding name_encoding(mw_view name)
{
    if (name.size == 0 || mw_view_is_nocase(name, "identity"))
        return ENCODING_NONE;
    if (mw_view_is_nocase(name, "gzip") || mw_view_is_nocase(name, "x-gzip"))
        return ENCODING_GZIP;
    return mw_view_is_nocase(name, "deflate") ? ENCODING_DEFLATE : ENCODING_OTHER;
}

static mw_status fail_damaged(mw_error *err, const char *why)
{
    mw_fail(err, MW_E_BODY_COMPRESSION, "the compressed body is damaged");
    if (why)
        mw_why(err, "%s", why);
    return mw_mend(err, "compress it again, or send it as it is");
}

static mw_status fail_too_large(mw_error *err, size_t cap_bytes)
{
    mw_fail(err, MW_E_BODY_TOO_LARGE, "the body decompresses to more than %zu bytes", cap_bytes);
    return mw_mend(err, "send smaller batches, or raise --max-body");
}

/* "deflate" means the zlib form; some clients send it bare (RFC 9110 § 8.4.1.2). The zlib form
 * begins with two bytes that are a multiple of 31, the low half of the first being 8. */
static int window_bits(encoding form, mw_view body)
{
    if (form == ENCODING_GZIP)
        return WINDOW_BITS + GZIP;
    const unsigned char *b = (const unsigned char *)body.data;
    bool is_zlib = body.size >= 2 && (b[0] & 0x0f) == Z_DEFLATED && (b[0] << 8 | b[1]) % 31 == 0;
    return is_zlib ? WINDOW_BITS : -WINDOW_BITS;
}

/* Output grows in the arena; what is left behind is at most as much again. */
typedef struct growing {
    mw_arena *arena;
    char *data;
    size_t capacity, cap_bytes;
} growing;

/* Room behind what stream->total_out says is used; false when memory or the arena's cap is gone. */
static bool grow(growing *out, z_stream *stream, size_t used)
{
    enum { FIRST_BYTES = 16 * 1024 };
    size_t capacity = out->capacity ? out->capacity * 2 : FIRST_BYTES;
    if (capacity > out->cap_bytes + 1)
        capacity = out->cap_bytes + 1; /* the one byte tells "exactly full" from "more" */
    char *data = mw_arena_take(out->arena, capacity);
    if (!data)
        return false;
    if (used > 0)
        memcpy(data, out->data, used);
    out->data = data;
    out->capacity = capacity;
    stream->next_out = (Bytef *)data + used;
    stream->avail_out = (uInt)(capacity - used);
    return true;
}

static mw_status run_inflate(z_stream *stream, growing *out, bool is_gzip, size_t *ret_size,
                             mw_error *err)
{
    for (size_t used = 0;;) {
        if (used > out->cap_bytes)
            return fail_too_large(err, out->cap_bytes);
        if (stream->avail_out == 0 && !grow(out, stream, used))
            return mw_fail_memory(err, "the decompressed body");
        int result = inflate(stream, Z_NO_FLUSH);
        used = (size_t)((char *)stream->next_out - out->data);
        if (result == Z_STREAM_END) {
            *ret_size = used;
            if (stream->avail_in == 0)
                return used > out->cap_bytes ? fail_too_large(err, out->cap_bytes) : MW_OK;
            /* gzip files may stand one behind the other (RFC 1952 § 2.2) */
            if (!is_gzip || inflateReset(stream) != Z_OK)
                return fail_damaged(err, "bytes stand behind its end");
        } else if (result == Z_MEM_ERROR) {
            return mw_fail_memory(err, "decompression");
        } else if (result == Z_BUF_ERROR && stream->avail_in == 0) {
            return fail_damaged(err, "it is cut short");
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return fail_damaged(err, stream->msg);
        } else if (stream->avail_in == 0 && stream->avail_out > 0) {
            return fail_damaged(err, "it is cut short");
        }
    }
}

mw_status mw_exchange_inflate(mw_exchange *exchange, size_t cap_bytes, mw_view *ret_body,
                              mw_error *err)
{
    mw_view name = exchange->is_grpc ? exchange->body_encoding
                                     : mw_exchange_header(exchange, "content-encoding");
    encoding form = name_encoding(name);
    if (form == ENCODING_NONE) {
        *ret_body = exchange->body;
        return MW_OK;
    }
    if (form == ENCODING_OTHER) {
        mw_fail(err, MW_E_BODY_ENCODING, "the content encoding '%.*s' is not known",
                MW_VIEW_ARG(name));
        return mw_mend(err, "compress with gzip or deflate, or send the body as it is");
    }
    z_stream stream;
    init_stream(&stream, exchange->arena, exchange->body);
    if (inflateInit2(&stream, window_bits(form, exchange->body)) != Z_OK)
        return mw_fail_memory(err, "decompression");
    growing out = {.arena = exchange->arena, .cap_bytes = cap_bytes};
    size_t size = 0;
    mw_status status = run_inflate(&stream, &out, form == ENCODING_GZIP, &size, err);
    inflateEnd(&stream);
    if (status == MW_OK)
        *ret_body = (mw_view){out.data, size};
    return status;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* The client's best among gzip and deflate; gzip when it does not mind (RFC 9110 § 12.5.3). */
static encoding choose_encoding(mw_view accepted)
{
    int gzip = -1, deflate = -1, other = -1;
    mw_view item;
    while (net_next_item(&accepted, &item)) {
        unsigned weight;
        mw_view name = net_split_weight(item, &weight);
        encoding form = name_encoding(name);
        if (form == ENCODING_GZIP)
            gzip = (int)weight;
        else if (form == ENCODING_DEFLATE)
            deflate = (int)weight;
        else if (mw_view_is(name, "*"))
            other = (int)weight;
    }
    gzip = gzip < 0 ? other : gzip;
    deflate = deflate < 0 ? other : deflate;
    if (gzip <= 0 && deflate <= 0)
        return ENCODING_NONE;
    return gzip >= deflate ? ENCODING_GZIP : ENCODING_DEFLATE;
}

static mw_status add_header(mw_exchange *exchange, mw_view line, mw_error *err)
{
    mw_view old = exchange->reply_headers;
    char *both = mw_arena_take(exchange->arena, old.size + line.size);
    if (!both)
        return mw_fail_memory(err, "reply headers");
    if (old.size > 0)
        memcpy(both, old.data, old.size);
    memcpy(both + old.size, line.data, line.size);
    exchange->reply_headers = (mw_view){both, old.size + line.size};
    return MW_OK;
}

/* The compressed text, or {NULL, 0} when it would not be smaller. */
static mw_status compress_reply(mw_exchange *exchange, encoding form, mw_view *ret_text,
                                mw_error *err)
{
    z_stream stream;
    size_t room = exchange->reply->size - exchange->reply->size / 8 - MARGIN_BYTES;
    char *out = mw_arena_take(exchange->arena, room);
    init_stream(&stream, exchange->arena, mw_buf_as_view(exchange->reply));
    if (!out || deflateInit2(&stream, FAST_LEVEL, Z_DEFLATED,
                             WINDOW_BITS + (form == ENCODING_GZIP ? GZIP : 0), MEMORY_LEVEL,
                             Z_DEFAULT_STRATEGY) != Z_OK)
        return mw_fail_memory(err, "compression");
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    bool is_smaller = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *ret_text = is_smaller ? (mw_view){out, room - stream.avail_out} : (mw_view){NULL, 0};
    deflateEnd(&stream);
    return MW_OK;
}

mw_status mw_exchange_deflate(mw_exchange *exchange, mw_error *err)
{
    mw_buf *reply = exchange->reply;
    if (reply->failed || reply->size < MW_LIMIT_DEFLATE_FROM_BYTES || reply->size > UINT32_MAX)
        return MW_OK;
    encoding form = choose_encoding(mw_exchange_header(exchange, "accept-encoding"));
    if (form == ENCODING_NONE)
        return add_header(exchange, MW_VIEW("Vary: Accept-Encoding\r\n"), err);
    mw_view smaller;
    MW_TRY(compress_reply(exchange, form, &smaller, err));
    if (!smaller.data)
        return add_header(exchange, MW_VIEW("Vary: Accept-Encoding\r\n"), err);
    mw_view line = form == ENCODING_GZIP
                       ? MW_VIEW("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n")
                       : MW_VIEW("Content-Encoding: deflate\r\nVary: Accept-Encoding\r\n");
    MW_TRY(add_header(exchange, line, err));
    mw_buf_reset(reply);
    mw_buf_view(reply, smaller);
    return MW_OK;
}
