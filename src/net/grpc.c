/* gRPC inside a stream of HTTP/2: messages with a prefix of five bytes, the outcome in trailers.
 *
 *      [compressed? 1 byte][length 4 bytes, big-endian][message] ...
 *
 * Each message is an exchange of its own, one after another: a call that streams is a row of
 * requests, as pipelining is in HTTP/1.1. A handler that takes further messages says so
 * (mw_exchange.takes_more); else the call ends behind its answer. One that answers a message more
 * than once, over time, says so, too (mw_exchange.stays): the stream joins the loop's list of those
 * that wait, and at news (mw_server_announce) the handler has the same message again, on the loop
 * that carries it; so nothing is shared between threads, and a client that goes away just leaves
 * the list with its stream.
 *
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
#include "http2.h"
#include "token.h"

enum { PREFIX_BYTES = 5, GRPC_OK = 0, GRPC_UNKNOWN = 2, NS_PER_MS = 1000000 };

static size_t max_message(const net_stream *stream)
{
    return net_stream_options(stream)->max_body_bytes;
}

/* ---- the outcome ----------------------------------------------------------------------------- */

int net_grpc_code(int http_status)
{
    static const struct {
        int http, grpc;
    } codes[] = {
        {200, GRPC_OK}, {400, 3},  {401, 16}, {403, 7},  {404, 5}, {405, 12},
        {408, 4},       {409, 10}, {413, 8},  {414, 3},  {415, 3}, {429, 8},
        {431, 8},       {500, 13}, {501, 12}, {503, 14}, {504, 4},
    };
    for (size_t i = 0; i < MW_COUNT(codes); i++)
        if (codes[i].http == http_status)
            return codes[i].grpc;
    return GRPC_UNKNOWN;
}

/* Percent-encoded, as grpc-message wants all but printable ASCII. */
static mw_view escape(mw_view text, mw_arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = mw_arena_take(arena, 3 * text.size + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= ' ' && c <= '~' && c != '%') {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    return (mw_view){out, n};
}

/* Of a call that failed: "grpc-status: 3\r\ngrpc-message: ...\r\n", then the handler's own lines.
 */
static mw_view outcome_lines(net_exchange *exchange)
{
    enum { ROOM = 64 };
    int code = net_grpc_code(exchange->shown.status);
    mw_view message = escape(mw_view_trim(mw_buf_as_view(&exchange->reply)), &exchange->arena);
    mw_view own = exchange->shown.reply_headers;
    char *lines = mw_arena_take(&exchange->arena, message.size + own.size + ROOM);
    if (!lines)
        return MW_VIEW("grpc-status: 8\r\n");
    int size = snprintf(lines, message.size + ROOM, "grpc-status: %d\r\n", code);
    if (message.size > 0)
        size += snprintf(lines + size, message.size + ROOM - (size_t)size, "grpc-message: %.*s\r\n",
                         MW_VIEW_ARG(message));
    if (own.size > 0)
        memcpy(lines + size, own.data, own.size);
    return (mw_view){lines, (size_t)size + own.size};
}

/* ---- answers --------------------------------------------------------------------------------- */

ssize_t net_grpc_read_end(net_stream *stream, size_t n_sent, uint32_t *flags)
{
    if (!stream->is_last) {
        stream->is_deferred = n_sent == 0;
        return n_sent > 0 ? (ssize_t)n_sent : NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    net_exchange *exchange = stream->exchange;
    bool is_fine = net_grpc_code(exchange->shown.status) == GRPC_OK; /* own lines: in the head */
    bool is_told = is_fine ? net_stream_submit_success(stream)
                           : net_stream_submit_trailers(stream, outcome_lines(exchange));
    return is_told ? (ssize_t)n_sent : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void resume(net_stream *stream)
{
    if (!stream->is_answered && !net_stream_submit_head(stream, true))
        net_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
    else
        net_stream_resume(stream);
}

/* No further message is answered: the outcome follows what was. */
static void finish(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    stream->is_last = true;
    if (stream->is_answered || exchange->shown.status == 200) {
        resume(stream);
        return;
    }
    exchange->shown.reply_headers = outcome_lines(exchange);
    exchange->shown.status = 200;
    if (!net_stream_submit_head(stream, false))
        net_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
}

static void send_message(net_stream *stream)
{
    const mw_buf *reply = &stream->exchange->reply;
    mw_buf *out = &stream->out;
    uint32_t size = (uint32_t)reply->size;
    unsigned char prefix[PREFIX_BYTES] = {0, (unsigned char)(size >> 24),
                                          (unsigned char)(size >> 16), (unsigned char)(size >> 8),
                                          (unsigned char)size};
    if (stream->out_sent == out->size) {
        mw_buf_reset(out);
        stream->out_sent = 0;
        stream->progress_ns = net_stream_loop(stream)->now_ns;
    }
    mw_buf_bytes(out, prefix, sizeof prefix);
    mw_buf_bytes(out, reply->data, reply->size);
    net_stream_hold(stream, PREFIX_BYTES + reply->size);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void fail(net_stream *stream, int status, mw_error *err)
{
    net_fill_fault(net_stream_loop(stream)->server, &stream->exchange->shown, status, err);
    net_exchange_end(stream->exchange, false);
    finish(stream);
}

static void fail_form(net_stream *stream, const char *what)
{
    mw_error err;
    mw_fail(&err, MW_E_GRPC_MESSAGE, "%s", what);
    mw_mend(&err, "send the message's length in its prefix, and all of it");
    fail(stream, 400, &err);
}

static void fail_large(net_stream *stream)
{
    mw_error err;
    mw_fail(&err, MW_E_BODY_TOO_LARGE, "the message is larger than %zu bytes", max_message(stream));
    mw_mend(&err, "send smaller batches, or raise --max-body");
    fail(stream, 413, &err);
}

static const unsigned char *message_of(const net_stream *stream)
{
    return (const unsigned char *)stream->exchange->body.data + stream->used_bytes;
}

/* Behind its prefix. */
static void show_message(net_stream *stream, size_t size)
{
    mw_exchange *shown = &stream->exchange->shown;
    const unsigned char *at = message_of(stream);
    shown->body = (mw_view){(const char *)at + PREFIX_BYTES, size};
    shown->body_encoding = at[0] ? mw_exchange_header(shown, "grpc-encoding") : (mw_view){NULL, 0};
}

/* It says that it is compressed, and its call does not say how: it would be read as it is. */
static bool is_compressed_somehow(const net_stream *stream)
{
    mw_view encoding = mw_exchange_header(&stream->exchange->shown, "grpc-encoding");
    return message_of(stream)[0] == 1 &&
           (encoding.size == 0 || mw_view_is_nocase(encoding, "identity"));
}

/* The next message, if all of it is there and the handler is free. */
static bool take_message(net_stream *stream)
{
    const unsigned char *at = message_of(stream);
    size_t have = stream->exchange->body.size - stream->used_bytes;
    if (stream->is_running || stream->is_waiting || stream->is_queued || stream->is_last ||
        have < PREFIX_BYTES)
        return false;
    size_t size = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
    if (at[0] > 1 || size > max_message(stream)) {
        if (at[0] > 1)
            fail_form(stream, "the prefix of a message is malformed");
        else
            fail_large(stream);
        return false;
    }
    if (is_compressed_somehow(stream)) {
        fail_form(stream, "a message is compressed, and grpc-encoding does not say how");
        return false;
    }
    stream->message_bytes = PREFIX_BYTES + size;
    show_message(stream, size);
    return have >= PREFIX_BYTES + size;
}

/* Answers given at once come back into this: a loop, not a recursion. */
static void serve_messages(net_stream *stream)
{
    if (stream->is_serving)
        return;
    stream->is_serving = true;
    while (take_message(stream))
        net_stream_dispatch(stream);
    stream->is_serving = false;
    if (stream->is_ended)
        net_grpc_end(stream);
}

/* Used bytes are moved away when they are the larger half, so that each byte is moved once or so.
 */
static void drop_message(net_stream *stream)
{
    mw_buf *body = &stream->exchange->body, *waiting = &stream->waiting;
    net_exchange_renew(stream->exchange);
    stream->used_bytes += stream->message_bytes;
    if (2 * stream->used_bytes > body->size) {
        body->size -= stream->used_bytes;
        memmove(body->data, body->data + stream->used_bytes, body->size);
        body->data[body->size] = '\0';
        net_stream_release(stream, stream->used_bytes);
        stream->used_bytes = 0;
    }
    mw_buf_bytes(body, waiting->data, waiting->size);
    nghttp2_session_consume_stream(stream->http2->session, stream->id, waiting->size);
    mw_buf_reset(waiting);
    if (body->failed)
        net_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- news ------------------------------------------------------------------------------------ */

static void refuse_waiting(net_stream *stream, int status, int code, const char *what,
                           const char *mend)
{
    mw_error err;
    mw_fail(&err, code, "%s", what);
    mw_mend(&err, "%s", mend);
    fail(stream, status, &err);
}

static void end_by_drain(net_stream *stream)
{
    refuse_waiting(stream, 503, MW_E_SERVER_STOPS, "the server is about to stop",
                   "ask another one, or this one when it is back");
}

void net_grpc_wait(net_stream *stream)
{
    net_loop *loop = net_stream_loop(stream);
    if (loop->phase != NET_RUNNING) {
        end_by_drain(stream);
        return;
    }
    if (atomic_fetch_add(&loop->server->n_waiting, 1) >= MW_LIMIT_WAITING_CALLS) {
        atomic_fetch_sub(&loop->server->n_waiting, 1);
        refuse_waiting(stream, 429, MW_E_WAITING_CALLS, "too many calls wait for news",
                       "end some of them, or ask now and then instead");
        return;
    }
    stream->is_waiting = true;
    stream->waiting_after = loop->waiting;
    stream->waiting_link = &loop->waiting;
    if (loop->waiting)
        loop->waiting->waiting_link = &stream->waiting_after;
    loop->waiting = stream;
    /* news since the handler looked? then its loop was perhaps not woken for it */
    if (atomic_load(&loop->server->n_news) != loop->n_news)
        net_loop_post(loop, NULL);
}

void net_grpc_forget(net_stream *stream)
{
    if (!stream->is_waiting)
        return;
    stream->is_waiting = false;
    *stream->waiting_link = stream->waiting_after;
    if (stream->waiting_after)
        stream->waiting_after->waiting_link = stream->waiting_link;
    atomic_fetch_sub(&net_stream_loop(stream)->server->n_waiting, 1);
}

void net_grpc_drain(net_stream *stream)
{
    if (!stream->is_waiting)
        return;
    net_grpc_forget(stream);
    net_exchange_renew(stream->exchange);
    end_by_drain(stream);
}

void net_grpc_drain_idle(net_stream *stream)
{
    end_by_drain(stream);
}

static void ask_again(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    void *user = exchange->shown.user;
    net_grpc_forget(stream);
    net_exchange_renew(exchange);
    exchange->shown.user = user;
    show_message(stream, stream->message_bytes - PREFIX_BYTES);
    net_stream_dispatch_again(stream);
}

/* Whoever waits on joins the loop's list again; closing a connection takes its streams out of
 * either list. */
void net_grpc_tell_news(net_loop *loop)
{
    net_stream *told = loop->waiting;
    loop->waiting = NULL;
    if (told)
        told->waiting_link = &told;
    while (told) {
        net_connection *connection = told->http2->connection;
        if (!connection->is_ready)
            connection->ready_ns = loop->now_ns;
        ask_again(told);
        connection->protocol->on_ready(connection);
    }
}

/* ---- answering ------------------------------------------------------------------------------- */

void net_grpc_answer(net_stream *stream)
{
    mw_exchange *shown = &stream->exchange->shown;
    net_exchange_end(stream->exchange, false);
    if (shown->status == 200 && shown->stays) {
        send_message(stream);
        resume(stream);
        net_grpc_wait(stream);
        return;
    }
    if (shown->status == 200 || shown->takes_more)
        send_message(stream);
    if (!shown->takes_more) {
        finish(stream);
        return;
    }
    resume(stream);
    drop_message(stream);
    serve_messages(stream);
}

/* ---- what the client sends ------------------------------------------------------------------- */

/* "100m": up to eight digits and a unit (H M S m u n). What passes 584 years has no end. */
static bool read_timeout(mw_view text, uint64_t *ret_ns)
{
    static const struct {
        char unit;
        uint64_t ns;
    } units[] = {{'H', 3600000000000u}, {'M', 60000000000u}, {'S', 1000000000u},
                 {'m', NS_PER_MS},      {'u', 1000},         {'n', 1}};
    uint64_t number = 0;
    if (text.size < 2 || text.size > 9)
        return false;
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (!net_is_digit(text.data[i]))
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    for (size_t i = 0; i < MW_COUNT(units); i++) {
        if (units[i].unit != text.data[text.size - 1])
            continue;
        if (__builtin_mul_overflow(number, units[i].ns, ret_ns))
            *ret_ns = UINT64_MAX;
        return true;
    }
    return false;
}

bool net_grpc_speaks(mw_view content_type)
{
    enum { NAME_BYTES = 16 }; /* of application/grpc */
    char next = content_type.size > NAME_BYTES ? content_type.data[NAME_BYTES] : ';';
    return mw_view_starts(content_type, "application/grpc") && (next == ';' || next == '+');
}

bool net_grpc_begin(net_stream *stream)
{
    mw_exchange *shown = &stream->exchange->shown;
    mw_view timeout = mw_exchange_header(shown, "grpc-timeout");
    uint64_t wait_ns = UINT64_MAX;
    bool is_fine = !timeout.data || read_timeout(timeout, &wait_ns);
    shown->is_grpc = true;
    /* a message of the largest size, and what came with its end */
    stream->exchange->body.cap = max_message(stream) + PREFIX_BYTES + MW_LIMIT_HTTP2_STREAM_WINDOW;
    if (wait_ns < UINT64_MAX - stream->began_ns)
        shown->deadline_ns = stream->began_ns + wait_ns;
    return is_fine;
}

void net_grpc_data(net_stream *stream, mw_view data)
{
    bool is_busy = stream->is_running || stream->is_waiting || stream->is_queued;
    mw_buf *body = &stream->exchange->body, *to = is_busy ? &stream->waiting : body;
    if (!is_busy) {
        nghttp2_session_consume_stream(stream->http2->session, stream->id, data.size);
        if (body->size == stream->used_bytes) { /* the clock of a message begins with it */
            stream->began_ns = stream->http2->connection->ready_ns;
            stream->exchange->shown.began_ns = stream->began_ns;
            stream->received_bytes = data.size;
        }
    }
    mw_buf_bytes(to, data.data, data.size);
    if (to->failed)
        fail_large(stream);
    else
        serve_messages(stream);
}

void net_grpc_end(net_stream *stream)
{
    if (stream->is_running || stream->is_waiting || stream->is_queued || stream->is_last ||
        stream->is_serving)
        return;
    if (stream->exchange->body.size > stream->used_bytes)
        fail_form(stream, "the last message is cut short");
    else if (!stream->is_answered)
        fail_form(stream, "the call has no message");
    else
        finish(stream);
}
