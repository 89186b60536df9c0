/* A connection: a byte transport below, a protocol above, buffers and a timer between.
 *
 *        socket                                     handler
 *          |                                           |
 *     net_transport  --in-->  net_connection  --->  net_protocol  --->  net_exchange (1 or many)
 *     (plain; TLS)   <-out--  buffers, timer        (HTTP/1.1; HTTP/2, gRPC)
 *
 * What comes before requests is a protocol, too, which gives way to the next one:
 *
 *     [PROXY header]  -->  [TLS handshake]  -->  HTTP/1.1  -->  HTTP/2, by its preface
 *                                     `-- ALPN -----------------^
 *
 * A connection belongs to one loop; only that loop's thread touches it. Memory while idle is this
 * struct alone: read buffers and exchanges come from the loop when bytes arrive, and go back.
 */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "net.h"
#include "parser.h"
#include "chunks.h"
#include "timers.h"

typedef struct net_loop net_loop;
typedef struct net_connection net_connection;
typedef struct net_exchange net_exchange;

/* Mail to a loop from any thread. */
typedef struct net_letter {
    struct net_letter *next;
    enum { NET_LETTER_REPLY, NET_LETTER_RETURN, NET_LETTER_CONNECTION } kind;
} net_letter;

/* ---- transport: how bytes move -----------------------------------------------------------------
 */

enum {
    NET_AGAIN = -1, /* nothing now; the loop will say when */
    NET_BROKEN = -2 /* the connection is of no use any more */
};

typedef struct net_transport {
    /* Bytes read, 0 at the end, NET_AGAIN or NET_BROKEN. *ret_drained, when bytes were read:
     * nothing more is there, the next bytes raise an event. */
    ssize_t (*read)(net_connection *connection, void *data, size_t size, bool *ret_drained);
    /* Bytes taken, or as above. What was not taken must be offered again, unchanged. */
    ssize_t (*write)(net_connection *connection, const struct iovec *pieces, int n_pieces);
    /* Tell the peer that nothing more will be written. */
    void (*finish)(net_connection *connection);
    /* The same before the socket is closed, where that is not enough by itself; or NULL. */
    void (*close)(net_connection *connection);
} net_transport;

extern const net_transport net_plain;
extern const net_transport net_tls;
extern const net_transport net_tls_lean;
/* NET_TIMER_QUIET is over: let OpenSSL give its buffers back if nothing has come since. */
void net_tls_rest(net_connection *connection);

/* ---- protocol: what bytes mean -----------------------------------------------------------------
 */

typedef struct net_protocol {
    void (*on_open)(net_connection *connection);
    /* Bytes may be read, or the socket takes bytes again: go on where it stopped. */
    void (*on_ready)(net_connection *connection);
    /* The peer has closed its side while exchanges are under way. */
    void (*on_hang_up)(net_connection *connection);
    void (*on_timeout)(net_connection *connection, net_timer_kind kind);
    /* A deferred exchange was answered, or goes back to its handler. */
    void (*on_reply)(net_connection *connection, net_exchange *exchange);
    void (*on_return)(net_connection *connection, net_exchange *exchange);
    /* The server is about to stop: finish what is begun, take nothing new. */
    void (*on_drain)(net_connection *connection);
    /* Answer the connection with a refusal before it has said anything. */
    void (*on_refuse)(net_connection *connection, int refusal, const mw_error *err);
    /* The connection is being closed: give back what is not held by others. */
    void (*on_close)(net_connection *connection);
    /* Is something under way that closing would cut off? */
    bool (*is_busy)(const net_connection *connection);
} net_protocol;

extern const net_protocol net_http1;
extern const net_protocol net_proxy;     /* proxy.c */
extern const net_protocol net_handshake; /* tls.c */

/* ---- HTTP/1.1's own state -------------------------------------------------------------------- */

typedef enum net_http1_state {
    NET_HTTP1_HEAD,      /* reading a head, or waiting for one */
    NET_HTTP1_BODY,      /* reading a body of known length */
    NET_HTTP1_CHUNKS,    /* reading a chunked body */
    NET_HTTP1_ANSWERING, /* the handler has it */
    NET_HTTP1_SENDING,   /* a part of an answer; the handler is asked for the next behind it */
    NET_HTTP1_LINGERING  /* refused: reading on so that the client sees why */
} net_http1_state;

typedef struct net_http1_state_block {
    net_exchange *exchange; /* from the whole head to the answer */
    net_http1_state state;
    bool keep_alive, closing; /* closing: nothing is read behind the answer being written */
    bool refused;
    bool says_keep_alive; /* HTTP/1.0 wants to be told */
    bool body_in_place;   /* in the read buffer, behind the head */
    bool body_in_pieces, body_in_chunks;
    uint8_t body_lead_bytes;   /* left free before a body in memory of its own */
    uint16_t large_head_bytes; /* of the head before such a body, the last one; else 0 */
    uint32_t body_offset;      /* in the read buffer */
    size_t body_cap;
    uint64_t body_bytes; /* of a body of known length, or the present piece of it */
    uint64_t body_left;  /* behind that piece */
    uint64_t body_read_bytes, lingered_bytes;
    uint64_t body_begin_ns;
    net_head_parser parser;
    net_chunks chunks;
} net_http1_state_block;

/* ---- connection ------------------------------------------------------------------------------ */

/* Bytes read but not yet used: data[begin..end). */
typedef struct net_input {
    char *data; /* NULL, a buffer of the loop, or (capacity smaller) parked bytes */
    uint32_t begin, end, capacity;
} net_input;

/* TLS below it; tls.c alone touches it. */
typedef struct net_tls_state {
    struct ssl_st *ssl; /* NULL until the client has begun, behind the handshake of TLS 1.3
                           (tls_lean.c), and on plain connections */
    struct tls_lean *lean; /* from the begin of a handshake on */
    bool is_drained;    /* the socket gave less than was asked for */
    bool is_at_end;
    bool is_open;      /* the handshake is done */
    bool is_broken;    /* nothing more may be written, not even a farewell */
    bool is_lingering; /* it failed: bytes are read until the client has seen the alert */
    net_timer quiet;   /* runs while OpenSSL holds buffers */
} net_tls_state;

struct net_connection {
    net_connection *before, *after; /* in the loop's list, or `after` in a list of free ones */
    net_connection *ready_before, *ready_after; /* in the loop's list of those that wait */
    net_letter letter;                          /* while it is handed to another loop */
    net_loop *loop;
    const struct net_listener *listener; /* that let it in; closed before it, maybe */
    const net_transport *transport;
    const net_protocol *protocol;
    net_timer timer;
    uint64_t ready_ns;    /* when the loop learned of what it reads now */
    uint32_t events;      /* of epoll, that it has not looked at yet */
    int fd;               /* -1 once closed; the struct stays while n_exchanges > 0 */
    uint32_t n_exchanges; /* deferred, held by others */
    uint32_t n_requests;
    mw_peer peer;
    bool may_read;      /* reading has not yet said NET_AGAIN since the last event */
    bool write_blocked; /* `out` waits for the socket */
    bool watches_write; /* EPOLLOUT is registered */
    bool is_ready;      /* in the ready list */
    bool peer_finished;
    bool read_waits_write; /* TLS must write before it can read on */
    net_tls_state tls;
    net_input in;
    mw_buf out;                /* what the socket did not take; empty nearly always */
    size_t out_written;        /* of `out` */
    size_t step_written_bytes; /* since the write timer was set */
    struct net_http2 *http2;   /* once the client has chosen it */
    char *client_name;         /* of its certificate; lives until the struct is given back */
    net_http1_state_block http1;
};

/* Read into the connection's input (a buffer is fetched when it has none; unused bytes move to its
 * begin when `may_move`), `most_bytes` at most. Returns as the transport, also NET_BROKEN when
 * memory is gone. */
ssize_t net_connection_read(net_connection *connection, bool may_move, size_t most_bytes);
/* Read straight into `data`. */
ssize_t net_connection_read_into(net_connection *connection, void *data, size_t size);
/* Give the read buffer back; what is unused is kept in a piece of memory just as large. */
void net_connection_park(net_connection *connection);

/* A large body is not copied: its memory changes hands. Caps stay. */
void net_swap_bytes(mw_buf *a, mw_buf *b);

/* What is written in one wake-up is gathered in the loop's buffer. NULL when memory is gone. */
mw_buf *net_connection_gather(net_connection *connection);
/* Send what was gathered, then `body` (may be NULL), in one system call. What the socket does not
 * take now is kept (a large body by taking its memory) and sent when it does. False when the
 * connection was closed, or is blocked: stop and return. */
bool net_connection_flush(net_connection *connection, mw_buf *body);
/* The socket takes bytes again: send what is left. The same result. */
bool net_connection_resume(net_connection *connection);
/* Go on in another protocol (net_http1, net_handshake); the connection may be closed behind it. */
void net_connection_enter(net_connection *connection, const net_protocol *protocol);
/* Let the loop say when the socket takes bytes. */
void net_connection_watch_write(net_connection *connection);
/* Close the socket and, when no exchange is held by others, give back the struct. */
void net_connection_close(net_connection *connection);
/* Give back the struct of a closed connection, when its last exchange was answered. */
void net_connection_release(net_connection *connection);

/* ---- exchange -------------------------------------------------------------------------------- */

typedef enum net_exchange_state {
    NET_EXCHANGE_OPEN,
    NET_EXCHANGE_DEFERRED,
    NET_EXCHANGE_REPLIED,
    NET_EXCHANGE_WAITING /* for news */
} net_exchange_state;

/* The public struct first, so that a pointer to it is a pointer to this. */
struct net_exchange {
    mw_exchange shown;
    net_letter letter;
    net_connection *connection;
    struct net_stream *stream; /* of HTTP/2; NULL once it was reset */
    net_loop *home;            /* whose memory it is */
    net_exchange *next_free;
    void *kept; /* memory of a stream that is over, in which the request's head stands; or NULL */
    net_exchange_state state;
    atomic_bool is_gone;
    bool is_again; /* the handler is asked again: no new request */
    bool lasts;    /* the head and a first piece of its body are sent (lasting.c) */
    bool waits;    /* for news, in the loop's list */
    bool is_asked; /* the handler has seen it, and it is not over */
    bool in_parts; /* the head and a first part of its answer are sent */
    bool wants_piece;
    net_exchange *waiting_after, **waiting_link;
    uint64_t sent_bytes; /* of a body that lasts, or goes in parts */
    mw_arena arena;
    mw_buf reply;
    mw_buf body;         /* of requests that do not fit the read buffer, or come in chunks */
    mw_header headers[]; /* options.max_headers */
};

#endif
