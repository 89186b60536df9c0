/* Streams of HTTP/2: what is asked, who answers, what is sent. */
#include <stdlib.h>

#include "http2.h"
#include "reply.h"
#include "token.h"

/* So many requests of a connection, then the clock is asked whether others should have their turn.
 */
enum { REQUESTS_A_TURN = 16 };
enum { NS_PER_MS = 1000000, KEPT_STREAMS = 8, MOST_REPLY_HEADERS = 32, REPLY_HEADERS = 5 };

static net_loop *loop_of(const net_stream *stream)
{
    return stream->http2->connection->loop;
}

static const mw_server_options *options_of(const net_stream *stream)
{
    return &loop_of(stream)->server->options;
}

/* ---- life ------------------------------------------------------------------------------------ */

static net_stream *take_stream(net_http2 *http2)
{
    net_stream *stream = http2->free_streams;
    if (stream) {
        http2->free_streams = stream->after;
        http2->n_free_streams--;
        return stream;
    }
    return malloc(sizeof *stream + http2->connection->loop->server->options.max_head_bytes);
}

static net_stream *open_stream(net_http2 *http2, int32_t id)
{
    net_exchange *exchange = net_begin_exchange(http2->connection);
    net_stream *stream = exchange ? take_stream(http2) : NULL;
    if (!stream) {
        if (exchange)
            net_loop_give_exchange(http2->connection->loop, exchange);
        return NULL;
    }
    *stream = (net_stream){.http2 = http2,
                           .after = http2->streams,
                           .id = id,
                           .exchange = exchange,
                           .began_ns = http2->connection->ready_ns};
    mw_buf_init(&stream->out, SIZE_MAX / 4);
    mw_buf_init(&stream->waiting, SIZE_MAX / 4);
    exchange->stream = stream;
    exchange->shown.is_http2 = true;
    if (http2->streams)
        http2->streams->before = stream;
    http2->streams = stream;
    http2->n_streams++;
    return stream;
}

static void leave_queue(net_stream *stream)
{
    net_http2 *http2 = stream->http2;
    if (!stream->is_queued)
        return;
    net_stream *before = stream->queue_before, *after = stream->queue_after;
    *(before ? &before->queue_after : &http2->queue) = after;
    *(after ? &after->queue_before : &http2->last_queued) = before;
    stream->is_queued = false;
}

void net_stream_free(net_stream *stream)
{
    net_http2 *http2 = stream->http2;
    net_exchange *exchange = stream->exchange;
    http2->found = NULL;
    bool is_kept = exchange && stream->is_running; /* views of its head are in use */
    leave_queue(stream);
    if (is_kept) {
        exchange->stream = NULL;
        exchange->kept = stream;
        atomic_store_explicit(&exchange->is_gone, true, memory_order_relaxed);
    } else if (exchange) {
        if (stream->in_pieces && exchange->is_asked)
            net_exchange_end(exchange, true); /* between two pieces */
        net_loop_give_exchange(loop_of(stream), exchange);
    }
    net_grpc_forget(stream);
    mw_buf_done(&stream->out);
    mw_buf_done(&stream->waiting);
    http2->held_bytes -= stream->held_bytes;
    if (stream->before)
        stream->before->after = stream->after;
    else
        http2->streams = stream->after;
    if (stream->after)
        stream->after->before = stream->before;
    http2->n_streams--;
    if (is_kept)
        return;
    if (http2->n_free_streams == KEPT_STREAMS) {
        free(stream);
        return;
    }
    stream->after = http2->free_streams;
    http2->free_streams = stream;
    http2->n_free_streams++;
}

void net_stream_hold(net_stream *stream, size_t bytes)
{
    stream->held_bytes += bytes;
    stream->http2->held_bytes += bytes;
}

void net_stream_release(net_stream *stream, size_t bytes)
{
    stream->held_bytes -= bytes;
    stream->http2->held_bytes -= bytes;
}

/* ---- answering ------------------------------------------------------------------------------- */

static nghttp2_nv pair(mw_view name, mw_view value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data,
                        name.size, value.size, NGHTTP2_NV_FLAG_NONE};
}

/* A value that will not come again has no place in the table of those that are sent by number: it
 * would only drive others out. */
static nghttp2_nv unique_pair(mw_view name, mw_view value)
{
    nghttp2_nv made = pair(name, value);
    made.flags = NGHTTP2_NV_FLAG_NO_INDEX;
    return made;
}

/* Names are written small in HTTP/2. */
static bool add_lines(net_exchange *exchange, mw_view lines, nghttp2_nv *pairs, size_t *n)
{
    while (lines.size > 0) {
        const char *end = memchr(lines.data, '\n', lines.size);
        size_t size = (size_t)(end - lines.data) + 1;
        mw_header header;
        mw_view line = {lines.data, size - 2};
        if (*n == MOST_REPLY_HEADERS || net_split_header(line, &header) != NULL)
            return false;
        char *name = mw_arena_text(&exchange->arena, header.name);
        if (!name)
            return false;
        for (size_t i = 0; i < header.name.size; i++)
            name[i] |= name[i] >= 'A' && name[i] <= 'Z' ? 0x20 : 0;
        pairs[(*n)++] = pair((mw_view){name, header.name.size}, header.value);
        lines = (mw_view){lines.data + size, lines.size - size};
    }
    return true;
}

static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *data, size_t size,
                        uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)user;
    net_stream *stream = source->ptr;
    size_t left = stream->out.size - stream->out_sent, n = left < size ? left : size;
    memcpy(data, stream->out.data + stream->out_sent, n);
    stream->out_sent += n;
    stream->progress_ns = loop_of(stream)->now_ns;
    if (n < left)
        return (ssize_t)n;
    if (stream->is_grpc)
        return net_grpc_read_end(stream, n, flags);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static mw_view status_text(int status, char room[8])
{
    if (status == 200)
        return MW_VIEW("200");
    return (mw_view){room, (size_t)snprintf(room, 8, "%d", status)};
}

/* :status, type, length, date and the handler's lines; `out` follows. */
static bool submit_head(net_stream *stream, mw_exchange *shown, bool has_body, size_t body_bytes)
{
    nghttp2_nv pairs[MOST_REPLY_HEADERS + REPLY_HEADERS + 1];
    size_t n = 0, date_size;
    char status[8], length[MW_NUMBER_TEXT_BYTES];
    const char *date = net_loop_date(loop_of(stream), &date_size);
    enum { DATE_NAME = 6, LINE_END = 2 };
    pairs[n++] =
        pair(MW_VIEW(":status"), status_text(stream->is_grpc ? 200 : shown->status, status));
    mw_view type = stream->is_grpc ? MW_VIEW("application/grpc") : shown->reply_type;
    if (type.size > 0)
        pairs[n++] = pair(MW_VIEW("content-type"), type);
    if (net_status_has_body(shown->status) && !stream->is_grpc)
        pairs[n++] = pair(MW_VIEW("content-length"),
                          (mw_view){length, mw_number_write_int(length, (int64_t)body_bytes)});
    pairs[n++] =
        pair(MW_VIEW("date"), (mw_view){date + DATE_NAME, date_size - DATE_NAME - LINE_END});
    if (shown->request_id.size > 0)
        pairs[n++] = unique_pair(MW_VIEW("x-request-id"), shown->request_id);
    if (!add_lines(stream->exchange, shown->reply_headers, pairs, &n))
        return false;
    nghttp2_data_provider provider = {{.ptr = stream}, read_out};
    stream->is_answered = true;
    stream->progress_ns = loop_of(stream)->now_ns;
    return nghttp2_submit_response(stream->http2->session, stream->id, pairs, n,
                                   has_body ? &provider : NULL) == 0;
}

bool net_stream_submit_head(net_stream *stream, bool has_body)
{
    return submit_head(stream, &stream->exchange->shown, has_body, 0);
}

bool net_stream_submit_trailers(net_stream *stream, mw_view lines)
{
    nghttp2_nv pairs[MOST_REPLY_HEADERS];
    size_t n = 0;
    return add_lines(stream->exchange, lines, pairs, &n) &&
           nghttp2_submit_trailer(stream->http2->session, stream->id, pairs, n) == 0;
}

void net_stream_reset(net_stream *stream, uint32_t code)
{
    nghttp2_submit_rst_stream(stream->http2->session, NGHTTP2_FLAG_NONE, stream->id, code);
}

static void answer(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    mw_exchange *shown = &exchange->shown;
    bool has_body =
        net_status_has_body(shown->status) && shown->method != MW_HEAD && exchange->reply.size > 0;
    net_exchange_end(exchange, false);
    bool is_sent = submit_head(stream, shown, has_body,
                               shown->reply_bytes ? shown->reply_bytes : exchange->reply.size);
    if (has_body) {
        net_swap_bytes(&stream->out, &exchange->reply); /* a large one is not copied */
        net_stream_hold(stream, stream->out.size);
    }
    net_loop_give_exchange(loop_of(stream), exchange);
    stream->exchange = NULL;
    if (!is_sent)
        net_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
}

void net_stream_reply(net_stream *stream)
{
    stream->is_running = false;
    net_exchange_mend_reply(stream->exchange);
    if (stream->is_grpc)
        net_grpc_answer(stream);
    else
        answer(stream);
}

void net_stream_refuse(net_stream *stream, int refusal, const mw_error *err)
{
    net_count(&loop_of(stream)->counts.faults, 1);
    leave_queue(stream);
    stream->is_last = true;
    if (!stream->exchange || stream->is_running) {
        net_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    net_fill_fault(loop_of(stream)->server, &stream->exchange->shown, refusal, err);
    net_stream_reply(stream);
}

static void hand_over(net_stream *stream)
{
    mw_error err;
    if (!stream->exchange->is_again)
        stream->http2->n_requests++;
    switch (net_exchange_handle(stream->exchange)) {
    case NET_EXCHANGE_DEFERRED:
        stream->is_running = true;
        break;
    case NET_EXCHANGE_WAITING:
        net_grpc_wait(stream);
        break;
    case NET_EXCHANGE_OPEN:
        net_fail_silence(&err);
        net_stream_refuse(stream, 500, &err);
        break;
    default:
        net_stream_reply(stream);
    }
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* One connection may bring a hundred requests at once, and others wait behind it. */
static bool is_turn_over(net_http2 *http2)
{
    return ++http2->n_handled > REQUESTS_A_TURN && net_loop_turn_is_over(http2->connection->loop);
}

void net_stream_dispatch(net_stream *stream)
{
    net_http2 *http2 = stream->http2;
    if (!http2->queue && !is_turn_over(http2)) {
        hand_over(stream);
        return;
    }
    stream->is_queued = true;
    stream->queue_before = http2->last_queued;
    stream->queue_after = NULL;
    *(http2->last_queued ? &http2->last_queued->queue_after : &http2->queue) = stream;
    http2->last_queued = stream;
    net_loop_again(http2->connection->loop, http2->connection);
}

void net_stream_serve_queue(net_http2 *http2)
{
    http2->n_handled = 0;
    for (net_stream *stream; (stream = http2->queue) != NULL;) {
        if (is_turn_over(http2)) {
            net_loop_again(http2->connection->loop, http2->connection);
            return;
        }
        leave_queue(stream);
        hand_over(stream);
    }
}

void net_stream_dispatch_again(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    exchange->state = NET_EXCHANGE_OPEN;
    exchange->is_again = true;
    hand_over(stream); /* it had its turn to wait */
    exchange->is_again = false;
}

/* ---- heads ----------------------------------------------------------------------------------- */

static void note_refusal(net_stream *stream, int refusal, int code, const char *what,
                         const char *mend)
{
    if (stream->refusal)
        return;
    stream->refusal = refusal;
    mw_fail(&stream->why, code, "%s", what);
    mw_mend(&stream->why, "%s", mend);
}

static mw_view keep_text(net_stream *stream, const uint8_t *data, size_t size)
{
    char *to = stream->head + stream->head_size;
    memcpy(to, data, size);
    stream->head_size += size;
    return (mw_view){to, size};
}

static void note_pseudo_header(net_stream *stream, mw_view key, mw_view text)
{
    if (mw_view_is(key, ":method"))
        stream->method = text;
    else if (mw_view_is(key, ":path"))
        stream->target = text;
    else if (mw_view_is(key, ":authority"))
        stream->authority = text;
}

static void add_header(net_stream *stream, const uint8_t *name, size_t name_size,
                       const uint8_t *value, size_t value_size)
{
    mw_exchange *shown = &stream->exchange->shown;
    size_t room = options_of(stream)->max_head_bytes - stream->head_size;
    if (name_size > room || value_size > room - name_size ||
        shown->n_headers >= options_of(stream)->max_headers) {
        note_refusal(stream, 431, MW_E_HEAD_TOO_LARGE, "the request's headers pass the limit",
                     "send fewer and shorter headers");
        return;
    }
    mw_view key = keep_text(stream, name, name_size), text = keep_text(stream, value, value_size);
    if (key.data[0] == ':') {
        note_pseudo_header(stream, key, text);
        return;
    }
    stream->exchange->headers[shown->n_headers++] = (mw_header){key, text};
    if (mw_view_is(key, "content-type"))
        shown->content_type = text;
}

static void read_target(net_stream *stream)
{
    mw_exchange *shown = &stream->exchange->shown;
    mw_view target = stream->target;
    bool is_wrong = false;
    if (target.size > options_of(stream)->max_target_bytes)
        note_refusal(stream, 414, MW_E_TARGET_TOO_LONG, "the request target is too long",
                     "send large values in the body");
    for (size_t i = 0; i < target.size; i++)
        is_wrong = is_wrong || !net_is_target_char(target.data[i]);
    if (is_wrong)
        note_refusal(stream, 400, MW_E_HTTP_TARGET, "the request target is malformed",
                     "escape blanks and bytes beyond ASCII as %20, %C3%A9 and so on");
    if (mw_view_is(stream->method, "CONNECT"))
        note_refusal(stream, 501, MW_E_HTTP_CONNECT, "this server is no proxy",
                     "check the client's proxy settings");
    if (stream->authority.size > 0 && !net_is_host(stream->authority))
        note_refusal(stream, 400, MW_E_HTTP_HOST, "the authority is no host",
                     "send the host and perhaps a port");
    const char *mark = memchr(target.data, '?', target.size);
    size_t path_size = mark ? (size_t)(mark - target.data) : target.size;
    shown->target = target;
    shown->path = (mw_view){target.data, path_size};
    shown->query = mark ? (mw_view){mark + 1, target.size - path_size - 1} : (mw_view){NULL, 0};
}

/* A body that says itself that it is too large is not waited for. */
static void read_length(net_stream *stream)
{
    mw_view length = mw_exchange_header(&stream->exchange->shown, "content-length");
    uint64_t bytes = 0;
    for (size_t i = 0; i < length.size && bytes <= UINT64_MAX / 100; i++)
        bytes = bytes * 10 + (uint64_t)(length.data[i] - '0');
    net_pieces_choose(stream, length.size > 0, bytes);
    size_t most = stream->in_pieces ? stream->body_bytes_max : options_of(stream)->max_body_bytes;
    if (bytes > most)
        note_refusal(stream, 413, MW_E_BODY_TOO_LARGE, "the body is larger than the limit",
                     "send smaller batches, or raise --max-body (of artifacts --max-artifact)");
}

static void say_continue(net_stream *stream)
{
    nghttp2_nv status = pair(MW_VIEW(":status"), MW_VIEW("100"));
    nghttp2_submit_headers(stream->http2->session, NGHTTP2_FLAG_NONE, stream->id, NULL, &status, 1,
                           NULL);
}

static void finish_head(net_stream *stream)
{
    mw_exchange *shown = &stream->exchange->shown;
    shown->method = net_find_method(stream->method);
    shown->method_text = stream->method;
    shown->headers = stream->exchange->headers;
    read_target(stream);
    stream->is_grpc = mw_view_starts(shown->content_type, "application/grpc");
    read_length(stream);
    if (stream->is_grpc)
        net_grpc_begin(stream);
    if (stream->refusal)
        net_stream_refuse(stream, stream->refusal, &stream->why);
    else if (mw_view_is_nocase(mw_exchange_header(shown, "expect"), "100-continue"))
        say_continue(stream);
}

static void end_request(net_stream *stream)
{
    stream->is_ended = true;
    if (stream->is_last || !stream->exchange)
        return; /* refused, or answered before all of it came */
    if (stream->is_grpc) {
        net_grpc_end(stream);
        return;
    }
    if (stream->in_pieces) {
        net_pieces_end(stream);
        return;
    }
    stream->exchange->shown.body = mw_buf_as_view(&stream->exchange->body);
    net_stream_dispatch(stream);
}

/* ---- nghttp2 calls ----------------------------------------------------------------------------
 */

/* Several frames and a dozen header lines of one stream come one after the other. */
static net_stream *find(net_http2 *http2, int32_t id)
{
    if (!http2->found || http2->found->id != id)
        http2->found = nghttp2_session_get_stream_user_data(http2->session, id);
    return http2->found;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    net_http2 *http2 = user;
    int32_t id = frame->hd.stream_id;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    size_t held_max = MW_LIMIT_HTTP2_HELD * http2->connection->loop->server->options.max_body_bytes;
    net_stream *stream = http2->held_bytes <= held_max ? open_stream(http2, id) : NULL;
    if (!stream)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    nghttp2_session_set_stream_user_data(session, id, stream);
    http2->found = stream;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    (void)session;
    (void)flags;
    net_stream *stream = find(user, frame->hd.stream_id);
    bool is_head = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (stream && is_head)
        add_header(stream, name, name_size, value, value_size);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    net_stream *stream = find(user, frame->hd.stream_id);
    if (!stream)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        finish_head(stream);
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        end_request(stream);
    return 0;
}

static void refuse_large_body(net_stream *stream)
{
    mw_error err;
    net_fail_large_body(options_of(stream)->max_body_bytes, &err);
    net_stream_refuse(stream, 413, &err);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    (void)flags;
    net_stream *stream = find(user, id);
    nghttp2_session_consume_connection(session, size);
    if (!stream || stream->is_last || !stream->exchange)
        return 0;
    stream->received_bytes += size;
    net_stream_hold(stream, size);
    if (stream->http2->held_bytes > MW_LIMIT_HTTP2_HELD * options_of(stream)->max_body_bytes) {
        net_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
        stream->is_last = true;
        return 0;
    }
    if (stream->is_grpc) {
        net_grpc_data(stream, (mw_view){(const char *)data, size});
        return 0;
    }
    if (stream->in_pieces) {
        net_pieces_data(stream, (mw_view){(const char *)data, size});
        return 0;
    }
    nghttp2_session_consume_stream(session, id, size);
    mw_buf_bytes(&stream->exchange->body, data, size);
    if (stream->exchange->body.failed)
        refuse_large_body(stream);
    return 0;
}

/* Answered before the client has said all: tell it to stop (RFC 9113 § 8.1). Clients of gRPC end
 * their side by themselves, some of them with a frame of its own. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    net_stream *stream = ends ? find(user, frame->hd.stream_id) : NULL;
    if (stream && !stream->is_ended && !stream->is_grpc)
        net_stream_reset(stream, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    (void)session;
    (void)code;
    net_stream *stream = find(user, id);
    if (stream)
        net_stream_free(stream);
    return 0;
}

void net_stream_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static bool is_asking(const net_stream *stream)
{
    return !stream->is_ended && !stream->is_last && stream->exchange && !stream->is_running &&
           !stream->is_waiting;
}

/* Streams of gRPC may stay open between messages as long as they like. */
static bool is_resting(const net_stream *stream)
{
    return stream->is_grpc && stream->is_answered && stream->exchange &&
           stream->exchange->body.size == stream->used_bytes;
}

bool net_stream_is_idle(const net_stream *stream)
{
    return stream->is_grpc && stream->exchange && !stream->is_running && !stream->is_waiting &&
           !stream->is_queued && !stream->is_last && !stream->is_ended &&
           stream->exchange->body.size == stream->used_bytes;
}

static bool is_sending(const net_stream *stream)
{
    return stream->is_answered && stream->out_sent < stream->out.size;
}

bool net_stream_needs_clock(const net_stream *stream)
{
    return (is_asking(stream) && !is_resting(stream)) || is_sending(stream) || stream->is_last;
}

static bool is_too_slow(const net_stream *stream, uint64_t now_ns)
{
    uint64_t ms = (now_ns - stream->began_ns) / NS_PER_MS;
    if (ms >= options_of(stream)->body_ms)
        return true;
    return ms > MW_LIMIT_BODY_RATE_MS && stream->received_bytes < ms * MW_LIMIT_BODY_RATE / 1000;
}

void net_stream_watch(net_stream *stream, uint64_t now_ns)
{
    bool is_stuck = (is_sending(stream) || stream->is_last) && stream->is_answered &&
                    (now_ns - stream->progress_ns) / NS_PER_MS >= options_of(stream)->write_ms;
    if (is_asking(stream) && !is_resting(stream) && is_too_slow(stream, now_ns)) {
        mw_error err;
        net_fail_late(loop_of(stream), &err);
        net_stream_refuse(stream, 408, &err);
    } else if (is_stuck) {
        net_count(&loop_of(stream)->counts.timeouts, 1);
        net_stream_reset(stream, NGHTTP2_CANCEL);
    }
}
