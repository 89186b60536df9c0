/* The HTTP/2 session of a connection; see http2.h. */
#include "http2.h"

#include <stdlib.h>

enum {
    READS_A_TURN = 16,         /* then other connections have their turn */
    GATHER_BYTES = 128 * 1024, /* gathered frames are sent when they pass this */
    NS_PER_MS = 1000000
};

static net_http2 *http2_of(const net_connection *connection)
{
    return connection->http2;
}

/* ---- beginning ------------------------------------------------------------------------------- */

bool net_http2_may_begin(const net_input *in, bool *ret_is_whole)
{
    size_t have = in->end - in->begin, wanted = NGHTTP2_CLIENT_MAGIC_LEN;
    *ret_is_whole = have >= wanted;
    return memcmp(in->data + in->begin, NGHTTP2_CLIENT_MAGIC, have < wanted ? have : wanted) == 0;
}

static bool submit_settings(net_http2 *http2)
{
    const mw_server_options *options = &http2->connection->loop->server->options;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MW_LIMIT_HTTP2_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, MW_LIMIT_HTTP2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)options->max_head_bytes},
    };
    return nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, entries, MW_COUNT(entries)) ==
               0 &&
           nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0,
                                                 MW_LIMIT_HTTP2_WINDOW) == 0;
}

static bool open_session(net_http2 *http2)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    bool opened =
        nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0;
    if (opened) {
        net_stream_set_callbacks(callbacks);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_max_settings(option, MW_LIMIT_HTTP2_SETTINGS);
        nghttp2_option_set_max_outbound_ack(option, MW_LIMIT_HTTP2_ACKS);
        nghttp2_option_set_stream_reset_rate_limit(option, MW_LIMIT_HTTP2_RESETS,
                                                   MW_LIMIT_HTTP2_RESETS_A_SECOND);
        nghttp2_mem pieces = net_loop_pieces(http2->connection->loop);
        opened =
            nghttp2_session_server_new3(&http2->session, callbacks, http2, option, &pieces) == 0;
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return opened && submit_settings(http2);
}

void net_http2_take_over(net_connection *connection)
{
    connection->protocol = &net_http2_protocol;
    connection->protocol->on_open(connection);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Frames that wait, as far as the socket takes them. False when the connection was closed, or is
 * blocked. */
static bool write_frames(net_connection *connection)
{
    if (connection->write_blocked)
        return false;
    for (;;) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(http2_of(connection)->session, &data);
        if (n < 0) {
            net_connection_close(connection);
            return false;
        }
        mw_buf *out = net_connection_gather(connection);
        if (n == 0)
            return net_connection_flush(connection, NULL);
        mw_buf_bytes(out, data, (size_t)n);
        if ((out->failed || out->size > GATHER_BYTES) && !net_connection_flush(connection, NULL))
            return false;
    }
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static void set_timer(net_connection *connection, net_timer_kind kind)
{
    net_timer_set(&connection->loop->timers, &connection->timer, kind, connection->loop->now_ns);
}

/* A call of gRPC may stay open without a message as long as it likes; it must not hold up a drain.
 */
static bool all_idle(const net_http2 *http2)
{
    for (const net_stream *stream = http2->streams; stream; stream = stream->after)
        if (!net_stream_is_idle(stream))
            return false;
    return true;
}

/* Nothing to read for now: start the clock that is due. The idle clock starts with the last answer
 * and not again with pings, which cost a client nothing. */
static void rest(net_connection *connection)
{
    net_http2 *http2 = http2_of(connection);
    net_timer_kind kind = connection->timer.kind, wanted = NET_TIMER_NONE;
    net_connection_park(connection);
    if (connection->write_blocked)
        return; /* its clock runs already */
    if (http2->is_lingering)
        wanted = NET_TIMER_LINGER;
    else if (connection->loop->phase != NET_RUNNING && all_idle(http2))
        wanted = NET_TIMER_DRAIN;
    else if (http2->n_streams == 0)
        wanted = http2->n_requests > 0 ? NET_TIMER_IDLE : NET_TIMER_HEAD;
    for (net_stream *stream = http2->streams; stream && wanted == NET_TIMER_NONE;
         stream = stream->after)
        if (net_stream_needs_clock(stream))
            wanted = NET_TIMER_BODY;
    if (wanted == NET_TIMER_NONE) {
        net_timer_clear(&connection->loop->timers, &connection->timer);
        return;
    }
    if (wanted != kind ||
        (kind == NET_TIMER_IDLE && http2->n_requests_at_rest != http2->n_requests))
        set_timer(connection, wanted);
    http2->n_requests_at_rest = http2->n_requests;
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* Both sides have said all: closing at once could destroy a GOAWAY that the client has not read. */
static void linger(net_connection *connection)
{
    net_http2 *http2 = http2_of(connection);
    http2->is_lingering = true;
    connection->transport->finish(connection);
    if (connection->peer_finished)
        net_connection_close(connection);
    else
        rest(connection);
}

/* False when the connection was closed. */
static bool use_bytes(net_connection *connection)
{
    net_http2 *http2 = http2_of(connection);
    net_input *in = &connection->in;
    size_t size = in->end - in->begin;
    if (size == 0 || http2->is_lingering) {
        in->begin = in->end = 0;
        return true;
    }
    const uint8_t *data = (const uint8_t *)in->data + in->begin;
    ssize_t n = nghttp2_session_mem_recv(http2->session, data, size);
    in->begin = in->end = 0;
    if (n >= 0)
        return true;
    net_count(&connection->loop->counts.faults, 1);
    net_connection_close(connection);
    return false;
}

static bool is_over(const net_http2 *http2)
{
    return !nghttp2_session_want_read(http2->session) &&
           !nghttp2_session_want_write(http2->session);
}

static void advance(net_connection *connection)
{
    net_stream_serve_queue(http2_of(connection));
    for (unsigned n_reads = 0;;) {
        if (!use_bytes(connection) || !write_frames(connection))
            return;
        if (http2_of(connection)->queue)
            return; /* more is read when these were served: the loop comes back for them */
        if (is_over(http2_of(connection)) && !http2_of(connection)->is_lingering) {
            linger(connection);
            return;
        }
        if (!connection->may_read || n_reads++ == READS_A_TURN) {
            rest(connection);
            if (connection->may_read)
                net_loop_again(connection->loop, connection);
            return;
        }
        ssize_t n = net_connection_read(connection, true, SIZE_MAX);
        if (n == 0 || n == NET_BROKEN) {
            net_connection_close(connection);
            return;
        }
    }
}

/* ---- what the loop calls --------------------------------------------------------------------- */

static bool make_session(net_connection *connection)
{
    net_http2 *http2 = calloc(1, sizeof *http2);
    connection->http2 = http2;
    if (http2)
        http2->connection = connection;
    return http2 && open_session(http2);
}

static void http2_open(net_connection *connection)
{
    if (!make_session(connection)) {
        net_connection_close(connection);
        return;
    }
    set_timer(connection, NET_TIMER_HEAD);
    advance(connection);
}

static void http2_ready(net_connection *connection)
{
    if (!connection->write_blocked)
        advance(connection);
}

static void http2_hang_up(net_connection *connection)
{
    for (net_stream *stream = http2_of(connection)->streams; stream; stream = stream->after)
        if (stream->is_running)
            atomic_store_explicit(&stream->exchange->is_gone, true, memory_order_relaxed);
}

static void http2_reply(net_connection *connection, net_exchange *exchange)
{
    net_stream *stream = exchange->stream;
    if (!stream) { /* it was reset meanwhile */
        net_exchange_end(exchange, true);
        net_loop_give_exchange(connection->loop, exchange);
        return;
    }
    net_stream_reply(stream);
    http2_ready(connection);
}

static void http2_return(net_connection *connection, net_exchange *exchange)
{
    net_stream *stream = exchange->stream;
    if (!stream) {
        net_exchange_end(exchange, true);
        net_loop_give_exchange(connection->loop, exchange);
        return;
    }
    stream->is_running = false;
    if (exchange->wants_piece)
        net_pieces_next(stream);
    else
        net_stream_dispatch_again(stream);
    http2_ready(connection);
}

static void http2_timeout(net_connection *connection, net_timer_kind kind)
{
    net_http2 *http2 = http2_of(connection);
    if (kind == NET_TIMER_BODY) {
        for (net_stream *stream = http2->streams, *after; stream; stream = after) {
            after = stream->after;
            net_stream_watch(stream, connection->loop->now_ns);
        }
        http2_ready(connection);
        return;
    }
    if (kind == NET_TIMER_DRAIN && http2->n_streams > 0) {
        for (net_stream *stream = http2->streams; stream; stream = stream->after)
            if (net_stream_is_idle(stream))
                net_grpc_drain_idle(stream);
        http2_ready(connection);
        return;
    }
    if (kind == NET_TIMER_WRITE || kind == NET_TIMER_HEAD)
        net_count(&connection->loop->counts.timeouts, 1);
    if ((kind == NET_TIMER_IDLE || kind == NET_TIMER_DRAIN) && !http2->is_leaving) {
        http2->is_leaving = true;
        nghttp2_session_terminate_session(http2->session, NGHTTP2_NO_ERROR);
        http2_ready(connection);
        return;
    }
    net_connection_close(connection);
}

/* In two steps (RFC 9113 § 6.8): first a notice, so that requests under way to us are not lost; the
 * drain clock then says goodbye. */
static void http2_drain(net_connection *connection)
{
    net_http2 *http2 = http2_of(connection);
    if (http2->is_leaving || http2->is_lingering)
        return;
    nghttp2_submit_shutdown_notice(http2->session);
    for (net_stream *stream = http2->streams; stream; stream = stream->after)
        if (stream->exchange && stream->exchange->waits)
            net_stream_end_lasting(stream);
        else
            net_grpc_drain(stream);
    http2_ready(connection);
}

/* A connection that has not begun: its first frames are GOAWAY with the sentence, which gRPC's
 * clients show. */
static void http2_refuse(net_connection *connection, int refusal, const mw_error *err)
{
    (void)refusal;
    mw_buf sentence;
    net_count(&connection->loop->counts.faults, 1);
    mw_buf_init(&sentence, 1024);
    mw_error_sentence(err, &sentence);
    bool said = make_session(connection) &&
                nghttp2_submit_goaway(http2_of(connection)->session, NGHTTP2_FLAG_NONE, 0,
                                      NGHTTP2_INADEQUATE_SECURITY, (const uint8_t *)sentence.data,
                                      sentence.size) == 0;
    mw_buf_done(&sentence);
    if (!said) {
        net_connection_close(connection);
    } else if (write_frames(connection)) {
        http2_of(connection)->is_lingering = true;
        connection->transport->finish(connection);
        advance(connection);
    }
}

static void http2_close(net_connection *connection)
{
    net_http2 *http2 = http2_of(connection);
    if (!http2)
        return;
    for (net_stream *stream = http2->streams, *after; stream; stream = after) {
        after = stream->after;
        net_stream_free(stream);
    }
    for (net_stream *stream = http2->free_streams, *after; stream; stream = after) {
        after = stream->after;
        free(stream);
    }
    nghttp2_session_del(http2->session);
    free(http2);
    connection->http2 = NULL;
}

static bool http2_is_busy(const net_connection *connection)
{
    return http2_of(connection)->n_streams > 0 || connection->write_blocked;
}

const net_protocol net_http2_protocol = {
    .on_open = http2_open,
    .on_ready = http2_ready,
    .on_hang_up = http2_hang_up,
    .on_timeout = http2_timeout,
    .on_reply = http2_reply,
    .on_return = http2_return,
    .on_drain = http2_drain,
    .on_refuse = http2_refuse,
    .on_close = http2_close,
    .is_busy = http2_is_busy,
};
