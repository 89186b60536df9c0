/* HTTP/2 on a connection: libnghttp2 reads and writes frames, streams become exchanges.
 *
 *      bytes --nghttp2--> net_stream: head, body --whole--> exchange
 *                                       |                     |
 *      bytes <--nghttp2-- out <---------|------- reply <------'
 *                                       `-- gRPC: each message an exchange of its own (grpc.c)
 *
 *   http2.c           the session on its connection: reading, writing, clocks, the end
 *   http2_stream.c    a stream's life, its turns with the handler, its clocks
 *   http2_ask.c       what a client asks in it
 *   http2_answer.c    what it is answered, as the client's windows let it go
 *   http2_pieces.c    large bodies that come, a piece at a time
 *   grpc.c            messages inside a stream, status in trailers
 *
 * RFC 9113. Memory of a connection is bounded: streams by MW_LIMIT_HTTP2_STREAMS, what they hold
 * together (bodies that came, answers that wait) by MW_LIMIT_HTTP2_HELD bodies. */
#ifndef NET_HTTP2_H
#define NET_HTTP2_H

#include <nghttp2/nghttp2.h>

#include "exchange.h"

typedef struct net_stream net_stream;
typedef struct net_http2 net_http2;

struct net_stream {
    net_http2 *http2;
    net_stream *before, *after; /* in the connection's list, or `after` in that of free ones */
    int32_t id;
    net_exchange *exchange; /* NULL once a plain answer was handed over */
    /* asking */
    mw_view method, target, authority;
    uint64_t began_ns, received_bytes;
    int refusal; /* what is wrong with the head: a status, 0 = nothing */
    mw_error why;
    bool is_ended;   /* the client has said all */
    bool is_running; /* the handler has it */
    bool is_queued;  /* the handler gets it when others had their turn */
    net_stream *queue_before, *queue_after;
    bool is_answered;
    /* answering: out.data[out_sent ..] is still to be sent */
    mw_buf out;
    size_t out_sent;
    bool goes_on; /* behind `out` comes more, for which the handler is asked */
    uint64_t progress_ns;
    size_t held_bytes; /* of http2->held_bytes */
    bool in_pieces;    /* its body is large: http2_pieces.c */
    size_t body_bytes_max;
    bool is_deferred; /* nghttp2 waits for more in `out` */
    /* gRPC */
    bool is_grpc, is_last; /* is_last: no further message is answered */
    bool is_serving;
    bool is_waiting; /* for news; stands in the loop's list */
    net_stream *waiting_after, **waiting_link;
    mw_buf waiting;       /* came while the handler has a message or piece; its window is shut */
    size_t used_bytes;    /* of exchange->body: messages that were answered */
    size_t message_bytes; /* behind them: the one that the handler has */
    /* names and values of the request */
    size_t head_size;
    char head[];
};

struct net_http2 {
    net_connection *connection;
    nghttp2_session *session;
    net_stream *streams, *free_streams;
    net_stream *found;               /* that the last call of nghttp2's was about; or NULL */
    net_stream *queue, *last_queued; /* whole requests that wait for the connection's next turn */
    unsigned n_handled;              /* in this turn */
    size_t n_streams, n_free_streams;
    size_t held_bytes;
    uint64_t n_requests, n_requests_at_rest;
    bool is_lingering, is_leaving; /* leaving: GOAWAY was sent */
};

/* ---- http2.c --------------------------------------------------------------------------------- */

extern const net_protocol net_http2_protocol;

/* Whether a connection's first bytes may be the preface of HTTP/2 (RFC 9113 § 3.4). */
bool net_http2_may_begin(const net_input *in, bool *ret_is_whole);
/* Go on in HTTP/2, from the preface on. The connection may be closed behind it. */
void net_http2_take_over(net_connection *connection);

static inline net_loop *net_stream_loop(const net_stream *stream)
{
    return stream->http2->connection->loop;
}

static inline const mw_server_options *net_stream_options(const net_stream *stream)
{
    return &net_stream_loop(stream)->server->options;
}

/* ---- http2_stream.c -------------------------------------------------------------------------- */

/* A stream with an exchange, or NULL when memory is gone. */
net_stream *net_stream_open(net_http2 *http2, int32_t id);
/* Give its memory back; an exchange that others hold learns that its client is gone. */
void net_stream_free(net_stream *stream);
/* Count what the stream holds in memory. */
void net_stream_hold(net_stream *stream, size_t bytes);
void net_stream_release(net_stream *stream, size_t bytes);
/* Hand what was asked to the handler: now, or when the others had their turn. */
void net_stream_dispatch(net_stream *stream);
/* The same once more: it is no new request. */
void net_stream_dispatch_again(net_stream *stream);
/* Ask the handler for the next part of its answer, in the connection's next turn. */
void net_stream_ask_part(net_stream *stream);
/* A turn of the connection begins: hand over what waited for it. */
void net_stream_serve_queue(net_http2 *http2);
/* Answer with a refusal; what the client still sends is passed over. */
void net_stream_refuse(net_stream *stream, int refusal, const mw_error *err);
/* Refuse what takes too long to ask or to be answered. */
void net_stream_watch(net_stream *stream, uint64_t now_ns);
/* Whether nothing of a message is under way in a call of gRPC. */
bool net_stream_is_idle(const net_stream *stream);
/* Whether it must be watched. */
bool net_stream_needs_clock(const net_stream *stream);

/* ---- http2_ask.c ----------------------------------------------------------------------------- */

void net_stream_set_callbacks(nghttp2_session_callbacks *callbacks);

/* ---- http2_answer.c -------------------------------------------------------------------------- */

/* The handler's answer is there, or the next part of it. */
void net_stream_reply(net_stream *stream);
/* The head of the answer; `has_body`: what is in `out`, now and later, follows. */
bool net_stream_submit_head(net_stream *stream, bool has_body);
/* Lines "name: value\r\n" behind the body. */
bool net_stream_submit_trailers(net_stream *stream, mw_view lines);
/* The same of a call of gRPC that went well: grpc-status 0. */
bool net_stream_submit_success(net_stream *stream);
/* There is more in `out`, or its end. */
void net_stream_resume(net_stream *stream);
/* A body that goes on at news is over. */
void net_stream_end_lasting(net_stream *stream);
void net_stream_say_continue(net_stream *stream);
void net_stream_reset(net_stream *stream, uint32_t code);

/* ---- http2_pieces.c -------------------------------------------------------------------------- */

/* The head is read: whether the body comes in pieces. `bytes`: as the head says, if it does. */
void net_pieces_choose(net_stream *stream, bool has_length, uint64_t bytes);
/* Of such a body: bytes of the client, already counted; the client has said all; the handler has
 * used a piece and wants the next one. */
void net_pieces_data(net_stream *stream, mw_view data);
void net_pieces_end(net_stream *stream);
void net_pieces_next(net_stream *stream);

/* ---- grpc.c ---------------------------------------------------------------------------------- */

/* What handlers say in HTTP's numbers, in gRPC's (google.rpc.Code). */
int net_grpc_code(int http_status);
/* The head of a call is there. */
/* Whether calls of this Content-Type are gRPC's: application/grpc, with a subtype perhaps. Not
 * gRPC-Web, whose answers end otherwise. */
bool net_grpc_speaks(mw_view content_type);
/* False where grpc-timeout is none. */
bool net_grpc_begin(net_stream *stream);
/* Bytes of the client, already counted; false when they were refused. */
void net_grpc_data(net_stream *stream, mw_view data);
/* The client has said all. */
void net_grpc_end(net_stream *stream);
/* The handler's answer is in stream->exchange. */
void net_grpc_answer(net_stream *stream);
/* The handler waits for news, without an answer. */
void net_grpc_wait(net_stream *stream);
/* It is no longer to be told. */
void net_grpc_forget(net_stream *stream);
/* The server drains: a call that waits ends. */
void net_grpc_drain(net_stream *stream);
/* The same of one that is idle. */
void net_grpc_drain_idle(net_stream *stream);
/* There is news: ask the handlers of all calls of this loop that wait. */
void net_grpc_tell_news(net_loop *loop);
/* All of `out` was sent, n_sent bytes of it just now: what nghttp2's reader answers. */
ssize_t net_grpc_read_end(net_stream *stream, size_t n_sent, uint32_t *flags);

#endif
