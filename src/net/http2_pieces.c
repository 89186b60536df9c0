/* Large bodies of HTTP/2: a piece at a time to the handler.
 *
 *     DATA --> body, its window opened at once --MW_PIECE_BYTES--> the handler has it
 *          --> waiting, its window shut, meanwhile
 *     mw_exchange_more: waiting becomes body, its window is opened, and so on
 *
 * So a stream holds a piece and a window of bytes, however much is sent, and a client that is
 * quicker than our disk waits. */
#include "http2.h"

static const mw_server *server_of(const net_stream *stream)
{
    return net_stream_loop(stream)->server;
}

void net_pieces_choose(net_stream *stream, bool has_length, uint64_t bytes)
{
    const mw_server_options *options = &server_of(stream)->options;
    net_exchange *exchange = stream->exchange;
    if (stream->is_grpc || !options->body_in_pieces || (has_length && bytes <= MW_PIECE_BYTES))
        return;
    stream->in_pieces = options->body_in_pieces(options->user, &exchange->shown);
    if (!stream->in_pieces)
        return;
    stream->body_bytes_max = net_body_cap(server_of(stream), &exchange->shown);
    exchange->body.cap = MW_PIECE_BYTES + MW_LIMIT_HTTP2_STREAM_WINDOW;
}

static void refuse_large(net_stream *stream)
{
    mw_error err;
    net_fail_large_body(stream->body_bytes_max, &err);
    net_stream_refuse(stream, 413, &err);
}

/* What stands in the body goes to the handler, if it is a piece, or the last of them. */
static void hand_on(net_stream *stream)
{
    mw_exchange *shown = &stream->exchange->shown;
    const mw_buf *body = &stream->exchange->body;
    if (body->failed || shown->body_begin + body->size > stream->body_bytes_max) {
        refuse_large(stream);
        return;
    }
    if (body->size < MW_PIECE_BYTES && !stream->is_ended)
        return;
    shown->body = mw_buf_as_view(body);
    shown->body_goes_on = !stream->is_ended;
    net_stream_dispatch(stream);
}

static bool is_with_handler(const net_stream *stream)
{
    return stream->is_running || stream->is_queued;
}

void net_pieces_data(net_stream *stream, mw_view data)
{
    if (is_with_handler(stream)) {
        mw_buf_view(&stream->waiting, data);
        if (stream->waiting.failed)
            net_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    nghttp2_session_consume_stream(stream->http2->session, stream->id, data.size);
    mw_buf_view(&stream->exchange->body, data);
    hand_on(stream);
}

void net_pieces_end(net_stream *stream)
{
    if (!is_with_handler(stream))
        hand_on(stream);
}

void net_pieces_next(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    mw_exchange *shown = &exchange->shown;
    exchange->wants_piece = false;
    if (stream->is_last)
        return; /* it was reset, and that is on its way */
    exchange->state = NET_EXCHANGE_OPEN;
    exchange->is_again = true; /* until the exchange is begun anew */
    shown->body_begin += shown->body.size;
    shown->body = (mw_view){NULL, 0};
    net_stream_release(stream, exchange->body.size);
    mw_buf_reset(&exchange->body);
    mw_buf_view(&exchange->body, mw_buf_as_view(&stream->waiting));
    nghttp2_session_consume_stream(stream->http2->session, stream->id, stream->waiting.size);
    mw_buf_reset(&stream->waiting);
    /* each piece has the time of a body: the disk's is not the client's */
    stream->began_ns = net_stream_loop(stream)->now_ns;
    stream->received_bytes = exchange->body.size;
    hand_on(stream);
}
