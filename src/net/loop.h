/* A loop: one thread, one epoll, its connections. And the server, which is loops and listeners.
 *
 * All loops wait on the same listening sockets (EPOLLEXCLUSIVE: the kernel wakes one that sleeps).
 * The loop that accepts keeps the connection, or hands it to the loop with the fewest. So a few
 * long-lived clients spread evenly, which a SO_REUSEPORT listener a loop does not do: there the
 * kernel spreads by hash, and 4 clients on 4 loops leave one idle 9 times in 10. And without
 * SO_REUSEPORT a second server on the same port fails, as it must, instead of sharing it silently.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <nghttp2/nghttp2.h>
#include <pthread.h>

#include "connection.h"
#include "listen.h"

typedef enum net_phase {
    NET_RUNNING,
    NET_DRAINING, /* the listener is closed, requests under way are finished */
    NET_STOPPING  /* everything is closed; loops end when no exchange is held by others */
} net_phase;

/* Written by the loop's thread only, read by any: relaxed loads and stores, no locked add. */
typedef struct net_counts {
    _Atomic uint64_t accepted, refused, requests, bytes_in, bytes_out, timeouts, faults, in_flight,
        busy_ns;
    _Atomic uint64_t tls_handshakes, tls_resumed, tls_failed;
} net_counts;

typedef struct net_free_buffer net_free_buffer; /* pools.c */
typedef union net_piece net_piece;
enum { NET_PIECE_LISTS = 8 };

/* What clients do wrong that the operator should know: they, or the settings here, are mistaken. */
typedef enum net_complaint {
    NET_COMPLAINT_PLAIN,     /* no TLS on a port that speaks it */
    NET_COMPLAINT_TLS,       /* TLS on a plain port */
    NET_COMPLAINT_PROXY,     /* a PROXY header is missing, broken or unwanted */
    NET_COMPLAINT_HANDSHAKE, /* TLS could not be agreed */
    NET_N_COMPLAINTS
} net_complaint;

struct net_loop {
    mw_server *server;
    unsigned index;
    pthread_t thread;
    int epoll_fd, wake_fd;
    bool listening;  /* the listeners are in this epoll */
    bool emptied;    /* all connections were closed in NET_STOPPING */
    net_phase phase; /* the last one acted upon */
    uint64_t now_ns; /* read with each wake-up, and between connections that wait for their turn */
    uint64_t woken_ns, turn_end_ns;
    uint64_t may_accept; /* a bit for each listener */
    uint64_t date_until_ns;
    char date[40]; /* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */

    net_timers timers;
    net_connection *connections;
    net_connection *ready, *last_ready; /* those that wait for their turn, longest first */
    struct net_stream *waiting;         /* calls that wait for news (grpc.c) */
    net_exchange *lasting;              /* bodies that wait for news (lasting.c) */
    unsigned n_news;                    /* of the server's: told to them */
    size_t n_live_exchanges;            /* held by others */

    mw_buf gathered;

    struct {
        uint64_t until_ns; /* silent till then */
        uint64_t n_unsaid;
    } complaints[NET_N_COMPLAINTS];

    /* kept warm */
    uint8_t *tls_in, *tls_out; /* of tls_lean.c; tls_in: NULL while a connection has it */
    net_connection *free_connections;
    net_exchange *free_exchanges;
    net_free_buffer *free_buffers;
    net_piece *free_pieces[NET_PIECE_LISTS];
    size_t n_free_pieces[NET_PIECE_LISTS];
    size_t n_free_connections, n_free_exchanges, n_free_buffers;
    uint32_t buffer_bytes;

    _Alignas(64) _Atomic(net_letter *) inbox;
    _Alignas(64) atomic_size_t n_connections;
    _Alignas(64) net_counts counts;
};

struct mw_server {
    mw_server_options options;
    net_head_limits head_limits;
    net_listener *listeners;
    size_t n_listeners;
    atomic_uint n_started; /* who counts loops may look while they start */
    atomic_int phase;
    atomic_uint n_listening; /* loops that still have the listeners */
    bool has_listeners;      /* they are open; under `lock` once loops run */
    atomic_size_t n_cut;
    pthread_rwlock_t accepting; /* shared by those that accept, alone for one that sheds */
    int spare_fd;               /* given up for a moment when descriptors run out; see accept.c */
    atomic_uint n_news;         /* mw_server_announce */
    atomic_uint n_waiting;      /* calls that wait for news */
    pthread_mutex_t lock;       /* for `changed`: a loop became empty */
    pthread_cond_t changed;
    unsigned n_emptied;
    net_loop *loops;
};

static inline void net_count(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + more, memory_order_relaxed);
}

/* loop.c */
MW_CHECKED mw_status net_loop_init(net_loop *loop, mw_server *server, unsigned index,
                                   mw_error *err);
void net_loop_done(net_loop *loop);
/* What its thread does: begin, then turns, each of which waits for work and does what there is.
 * Tests turn a loop by hand. */
void net_loop_begin(net_loop *loop);
void net_loop_turn(net_loop *loop);
/* The thread's function; the argument is the loop. */
void *net_loop_run(void *argument);
/* From any thread: post a letter, or only wake it up (NULL). */
void net_loop_post(net_loop *loop, net_letter *letter);
/* Come back to this connection after the others had their turn; no longer, net_loop_forget. */
void net_loop_again(net_loop *loop, net_connection *connection);
void net_loop_forget(net_loop *loop, net_connection *connection);
/* Whether others should have their turn now. Reads the clock. */
bool net_loop_turn_is_over(net_loop *loop);
const char *net_loop_date(net_loop *loop, size_t *ret_size);

/* complain.c */
/* One log line "10.0.0.7:4121 at 127.0.0.1:8443: ..."; of a kind seldom, however many there are. */
void net_complain(const net_connection *connection, net_complaint kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* When the first bytes of a plain connection are those of another protocol: say so. */
void net_complain_of_opening(const net_connection *connection, const void *data, size_t size);

/* pools.c: what a loop keeps warm */
net_connection *net_loop_take_connection(net_loop *loop);
void net_loop_give_connection(net_loop *loop, net_connection *connection);
net_exchange *net_loop_take_exchange(net_loop *loop);
void net_loop_give_exchange(net_loop *loop, net_exchange *exchange);
char *net_loop_take_buffer(net_loop *loop);
void net_loop_give_buffer(net_loop *loop, char *buffer);
/* Memory for libnghttp2's sessions. */
nghttp2_mem net_loop_pieces(net_loop *loop);
void net_loop_free_pools(net_loop *loop);

/* accept.c */
/* Hold a descriptor in reserve for when they run out; false: none can be had. */
bool net_hold_spare(mw_server *server);
/* Let in those who wait, at most a turn's worth; true when more may wait. */
bool net_loop_accept(net_loop *loop, net_listener *listener);
/* Take a connection, accepted here or elsewhere, into this loop; false when it had to be closed. */
bool net_loop_adopt(net_loop *loop, net_connection *connection);
/* The first protocol of the listener's clients, or the second, behind a PROXY header. */
const net_protocol *net_behind_proxy(const net_listener *listener);
/* Stop listening; the last loop to do so closes the sockets. */
void net_loop_stop_listening(net_loop *loop);

#endif
