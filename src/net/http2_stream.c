/* Streams of HTTP/2: their life, their turns with the handler, their clocks. */
#include <stdlib.h>

#include "http2.h"

/* So many requests of a connection, then the clock is asked whether others should have their turn.
 */
enum { REQUESTS_A_TURN = 16 };
enum { NS_PER_MS = 1000000, KEPT_STREAMS = 8 };

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

net_stream *net_stream_open(net_http2 *http2, int32_t id)
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

static void enter_queue(net_stream *stream)
{
    net_http2 *http2 = stream->http2;
    stream->is_queued = true;
    stream->queue_before = http2->last_queued;
    stream->queue_after = NULL;
    *(http2->last_queued ? &http2->last_queued->queue_after : &http2->queue) = stream;
    http2->last_queued = stream;
    net_loop_again(http2->connection->loop, http2->connection);
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
        bool is_between = stream->in_pieces || exchange->in_parts || exchange->lasts;
        if (is_between && exchange->is_asked) /* two pieces, or parts */
            net_exchange_end(exchange, true);
        net_lasting_forget(exchange);
        net_loop_give_exchange(net_stream_loop(stream), exchange);
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

/* ---- the handler ----------------------------------------------------------------------------- */

void net_stream_refuse(net_stream *stream, int refusal, const mw_error *err)
{
    net_count(&net_stream_loop(stream)->counts.faults, 1);
    leave_queue(stream);
    stream->is_last = true;
    if (!stream->exchange || stream->is_running) {
        net_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    net_fill_fault(net_stream_loop(stream)->server, &stream->exchange->shown, refusal, err);
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
        if (stream->is_grpc)
            net_grpc_wait(stream);
        else
            net_lasting_wait(stream->exchange);
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
    if (!http2->queue && !is_turn_over(http2))
        hand_over(stream);
    else
        enter_queue(stream);
}

void net_stream_ask_part(net_stream *stream)
{
    stream->exchange->state = NET_EXCHANGE_OPEN;
    stream->exchange->is_again = true; /* until the exchange is begun anew */
    enter_queue(stream);
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
    exchange->is_again = true; /* until it is begun anew */
    hand_over(stream);         /* it had its turn to wait */
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static bool is_asking(const net_stream *stream)
{
    const net_exchange *exchange = stream->exchange;
    return !stream->is_ended && !stream->is_last && exchange && !exchange->in_parts &&
           !exchange->lasts && !stream->is_running && !stream->is_waiting;
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
    if (ms >= net_stream_options(stream)->body_ms)
        return true;
    return ms > MW_LIMIT_BODY_RATE_MS && stream->received_bytes < ms * MW_LIMIT_BODY_RATE / 1000;
}

void net_stream_watch(net_stream *stream, uint64_t now_ns)
{
    bool is_stuck =
        (is_sending(stream) || stream->is_last) && stream->is_answered &&
        (now_ns - stream->progress_ns) / NS_PER_MS >= net_stream_options(stream)->write_ms;
    if (is_asking(stream) && !is_resting(stream) && is_too_slow(stream, now_ns)) {
        mw_error err;
        net_fail_late(net_stream_loop(stream), &err);
        net_stream_refuse(stream, 408, &err);
    } else if (is_stuck) {
        net_count(&net_stream_loop(stream)->counts.timeouts, 1);
        net_stream_reset(stream, NGHTTP2_CANCEL);
    }
}
