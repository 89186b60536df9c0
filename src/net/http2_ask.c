/* What a client asks in a stream of HTTP/2: libnghttp2's frames become heads and bodies. */
#include "http2.h"
#include "token.h"

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
    size_t room = net_stream_options(stream)->max_head_bytes - stream->head_size;
    if (name_size > room || value_size > room - name_size ||
        shown->n_headers >= net_stream_options(stream)->max_headers) {
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

/* Two that differ are two requests in one: who stands before us may have looked at the other one
 * (RFC 9113 section 8.3.1). */
static void read_host(net_stream *stream)
{
    mw_view named = stream->authority;
    mw_view host = mw_exchange_header(&stream->exchange->shown, "host");
    bool is_wrong = (named.size > 0 && !net_is_host(named)) || (host.data && !net_is_host(host));
    if (is_wrong)
        note_refusal(stream, 400, MW_E_HTTP_HOST, "the authority is no host",
                     "send the host and perhaps a port");
    else if (named.size > 0 && host.data && !mw_view_equal_nocase(named, host))
        note_refusal(stream, 400, MW_E_HTTP_HOST, ":authority and host differ",
                     "send :authority alone");
    stream->exchange->shown.host = named.size > 0 ? named : host;
}

static void read_target(net_stream *stream)
{
    mw_exchange *shown = &stream->exchange->shown;
    mw_view target = stream->target;
    if (target.size > net_stream_options(stream)->max_target_bytes)
        note_refusal(stream, 414, MW_E_TARGET_TOO_LONG, "the request target is too long",
                     "send large values in the body");
    if (!net_are_target_chars(target))
        note_refusal(stream, 400, MW_E_HTTP_TARGET, "the request target is malformed",
                     "escape blanks and bytes beyond ASCII as %20, %C3%A9 and so on");
    if (mw_view_is(stream->method, "CONNECT"))
        note_refusal(stream, 501, MW_E_HTTP_CONNECT, "this server is no proxy",
                     "check the client's proxy settings");
    read_host(stream);
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
    size_t most =
        stream->in_pieces ? stream->body_bytes_max : net_stream_options(stream)->max_body_bytes;
    if (bytes > most)
        note_refusal(stream, 413, MW_E_BODY_TOO_LARGE, "the body is larger than the limit",
                     "send smaller batches, or raise --max-body (of artifacts --max-artifact)");
}

static void begin_grpc(net_stream *stream)
{
    const mw_exchange *shown = &stream->exchange->shown;
    bool is_proto = !memchr(shown->content_type.data, '+', shown->content_type.size) ||
                    mw_view_starts(shown->content_type, "application/grpc+proto");
    if (!net_grpc_begin(stream))
        note_refusal(stream, 400, MW_E_GRPC_CALL, "grpc-timeout is malformed",
                     "send up to eight digits and a unit, H M S m u or n: '100m'");
    if (shown->method != MW_POST)
        note_refusal(stream, 405, MW_E_GRPC_CALL, "a call of gRPC is a POST", "use POST");
    if (!is_proto)
        note_refusal(stream, 501, MW_E_GRPC_CALL, "messages of this kind are not spoken",
                     "send Content-Type: application/grpc, and protobuf");
}

static void finish_head(net_stream *stream)
{
    mw_exchange *shown = &stream->exchange->shown;
    shown->method = net_find_method(stream->method);
    shown->method_text = stream->method;
    shown->headers = stream->exchange->headers;
    read_target(stream);
    stream->is_grpc = net_grpc_speaks(shown->content_type);
    read_length(stream);
    if (stream->is_grpc)
        begin_grpc(stream);
    else if (mw_view_starts(shown->content_type, "application/grpc"))
        note_refusal(stream, 415, MW_E_GRPC_CALL, "this form of gRPC is not spoken",
                     "send application/grpc; for gRPC-Web let a proxy translate, such as Envoy");
    if (stream->refusal)
        net_stream_refuse(stream, stream->refusal, &stream->why);
    else if (mw_view_is_nocase(mw_exchange_header(shown, "expect"), "100-continue"))
        net_stream_say_continue(stream);
}

/* Refused, or answered before all of it came. */
static bool is_deaf(const net_stream *stream)
{
    const net_exchange *exchange = stream->exchange;
    return stream->is_last || !exchange || exchange->in_parts || exchange->lasts;
}

static void end_request(net_stream *stream)
{
    stream->is_ended = true;
    if (is_deaf(stream))
        return;
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
    net_stream *stream = http2->held_bytes <= held_max ? net_stream_open(http2, id) : NULL;
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
    net_fail_large_body(net_stream_options(stream)->max_body_bytes, &err);
    net_stream_refuse(stream, 413, &err);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    (void)flags;
    net_stream *stream = find(user, id);
    nghttp2_session_consume_connection(session, size);
    if (!stream || is_deaf(stream))
        return 0;
    stream->received_bytes += size;
    net_stream_hold(stream, size);
    if (stream->http2->held_bytes >
        MW_LIMIT_HTTP2_HELD * net_stream_options(stream)->max_body_bytes) {
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
