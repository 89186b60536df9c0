/* net: bytes on sockets become requests, answers become bytes. Knows no models.
 *
 *      listener -> loop (one a core): accept, read, parse -> mw_exchange -> handler -> write
 *                                                            `-> deferred, answered from any thread
 *
 * One request and its answer is an mw_exchange, whatever carried it: an HTTP/1.1 message, a stream
 * of HTTP/2 or a message of a gRPC call. A connection is a byte transport (plain, TLS) and a
 * protocol (HTTP/1.1, HTTP/2) behind two small function tables (connection.h).
 *
 * Limits and total time-outs are options with defaults from base/limits.h. A request that is not
 * strictly HTTP is refused and its connection closed (RFC 9112; the table in
 * docs/reference/http.md).
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/base.h"

typedef enum mw_method {
    MW_GET,
    MW_HEAD,
    MW_POST,
    MW_PUT,
    MW_PATCH,
    MW_DELETE,
    MW_OPTIONS,
    MW_METHOD_OTHER /* any other token; method_text tells */
} mw_method;

const char *mw_method_name(mw_method method);

typedef struct mw_header {
    mw_view name, value; /* value without surrounding blanks */
} mw_header;

/* The other end of a connection, or whom a PROXY header named. Plain bytes, so that two of the same
 * client are equal; an IPv4 address that came in IPv6's clothes (::ffff:a.b.c.d) is IPv4. */
typedef enum mw_peer_kind {
    MW_PEER_UNKNOWN, /* a PROXY header that names nobody */
    MW_PEER_IPV4,
    MW_PEER_IPV6,
    MW_PEER_UNIX /* all clients of a unix socket are one */
} mw_peer_kind;

typedef struct mw_peer {
    uint8_t kind;        /* mw_peer_kind */
    uint8_t address[16]; /* as on the wire; IPv4 in the first four, the rest 0 */
    uint16_t port;
} mw_peer;

enum { MW_PEER_TEXT_BYTES = 64 };
/* "127.0.0.1:4121", "[::1]:4121", "unix", "unknown"; without the port when with_port is false, and
 * then without brackets. Returns ret_text. */
const char *mw_peer_text(const mw_peer *peer, bool with_port, char ret_text[MW_PEER_TEXT_BYTES]);

typedef struct mw_exchange mw_exchange;

/* ---- the request; views live until the answer has been given -----------------------------------
 */

struct mw_exchange {
    mw_method method;
    mw_view method_text;
    mw_view target; /* as sent: "/v2/models/a%20b?x=1" */
    mw_view path;   /* before '?', still percent-encoded */
    mw_view query;  /* behind '?', still encoded; empty when there is none */
    mw_view host;   /* "name:port" it is asked for: :authority, an absolute target's, else Host;
                       empty = it does not say */
    const mw_header *headers;
    size_t n_headers;
    mw_view body;         /* whole, chunked bodies joined, content-encoding not touched */
    bool body_goes_on;    /* it is a piece of a large body (body_in_pieces), further ones are got by
                             mw_exchange_more; an answer before the last one ends the connection
                             (of HTTP/2: the stream) */
    uint64_t body_begin;  /* bytes of the body before this piece */
    mw_view content_type; /* "" when absent */
    mw_peer peer;         /* who sent it */
    mw_view client_name;  /* subject of the client's verified certificate; empty = none */
    mw_view user_name;    /* "ada", "token:ci": set by who lets them in; empty = nobody was asked */
    mw_view user_sees; /* endpoints that he may see, "\na\nb\n" (mw_view_lists), of an answer that
                          lists some; absent = all: he may, or nobody was asked */
    unsigned loop;     /* which loop carries it, 0..n_loops-1: for counters without locks */
    uint64_t began_ns; /* mw_clock_ns when the loop learned that the rest of its head was there */
    uint64_t received_ns; /* the same of the whole request; from here it waits its turn */
    uint64_t deadline_ns; /* mw_clock_ns after which nobody waits for the answer; 0 = none */
    bool is_http2;
    bool is_tls;           /* this server speaks TLS with the client; a proxy before it may */
    bool is_grpc;          /* a message of a gRPC call: body and reply are messages */
    mw_view body_encoding; /* of a compressed message */
    mw_view request_id;    /* told in the answer as X-Request-ID; empty = none */
    char id_room[40];      /* for one that is made here */
    struct mw_seen *seen;  /* observe's; NULL at first */
    int error_code;        /* of the error that it is answered with (base/error.h), or 0 */
    mw_arena *arena;       /* the request's memory; dropped after the answer */
    void *user;            /* the handler's, NULL at first; kept over a deferral */

    /* ---- the answer; the handler fills these, then replies -------------------------------------
     */
    int status;         /* 200 at first */
    mw_view reply_type; /* Content-Type; empty = none. Must live until replied (arena or literal) */
    mw_view reply_headers; /* further header lines, each ended by CRLF; arena or literal */
    mw_buf *reply;         /* body; reset and owned by the connection, capped by max_reply_bytes */
    bool close_after;      /* close the connection behind this answer */
    bool takes_more; /* gRPC: this answer, whatever its status, is a message, and further messages
                        of the call come here, too, one by one. Without it an answer ends the call,
                        and one whose status is not 200 is the sentence of its outcome */
    bool stays;      /* this answer (200) is a message of a gRPC call, or the next piece of a body
                        without a length, and waits for news: at each mw_server_announce the
                        handler is called again with the same request and `user`, on the same loop;
                        it answers again or says mw_exchange_wait. Behind the first piece of a body,
                        the arena is kept to its end: take nothing from it. An answer that does not
                        stay is dropped, and ends it */
    bool reply_goes_on; /* an answer of reply_bytes in parts, of which this is one: when the socket
                           has taken it, the next is asked for, with the same request and `user`.
                           The last part goes on no more; when that does not make it whole, the
                           connection (of HTTP/2: the stream) is cut, and so the client knows */
    uint64_t reply_bytes; /* of all parts; of an answer to HEAD whose body was not made; else 0 */

    /* Set by the handler of a request in pieces, or an answer in parts: */
    void (*go_on)(mw_exchange *exchange);  /* called in its place for all but the first */
    void (*let_go)(mw_exchange *exchange); /* called once, when it is over, however it ended */
};

/* The value of a request header (any case), or {NULL, 0}. The last one wins when it is repeated. */
mw_view mw_exchange_header(const mw_exchange *exchange, const char *name);
/* Whether Accept names this media type, at a weight above 0. Wildcards do not count: they ask for
 * nothing in particular. */
bool mw_exchange_names_type(const mw_exchange *exchange, const char *media_type);
/* Percent-decode (strictly: %XX only) into the arena; false on a malformed escape. */
bool mw_percent_decode(mw_view text, mw_arena *arena, mw_view *ret_text);
/* The body with Content-Encoding gzip or deflate undone, into the arena; the body itself when there
 * is none. Fails: MW_UNSUPPORTED (other encodings: 415), MW_BAD_DATA, MW_NO_MEMORY (would pass
 * cap_bytes: 413). */
MW_CHECKED mw_status mw_exchange_inflate(mw_exchange *exchange, size_t cap_bytes, mw_view *ret_body,
                                         mw_error *err);
/* Compress the reply by what Accept-Encoding allows (gzip, deflate), when it is worth it; sets the
 * header. To be called last. For large replies only. */
MW_CHECKED mw_status mw_exchange_deflate(mw_exchange *exchange, mw_error *err);

/* Give the answer. Exactly once an exchange, from the handler or, after mw_exchange_defer, from any
 * thread. The exchange must not be touched afterwards. */
void mw_exchange_reply(mw_exchange *exchange);
/* Say, inside the handler, that the answer comes later. The loop goes on with others. */
void mw_exchange_defer(mw_exchange *exchange);
/* Instead of a reply to what was deferred: the handler is called again with it, on its loop. What
 * was done meanwhile (a body uncompressed) stands in the exchange. Any thread. */
void mw_exchange_return(mw_exchange *exchange);
/* Instead of a reply to a piece of a body that was deferred: it is used, the next one may come. Any
 * thread. */
void mw_exchange_more(mw_exchange *exchange);
/* Instead of a reply to a message of a gRPC call, or of a further piece of a body: there is nothing
 * to say until there is news, as behind an answer that `stays`. A client that goes away ends the
 * waiting; so does the server, which drains (UNAVAILABLE) or has too many such calls
 * (MW_LIMIT_WAITING_CALLS: RESOURCE_EXHAUSTED, 429). */
void mw_exchange_wait(mw_exchange *exchange);
/* True when the client has hung up meanwhile: deferred work may then be cut short. The reply is
 * still due. It is dropped, unless the client has closed its sending half only and can still read.
 */
bool mw_exchange_is_gone(const mw_exchange *exchange);

/* True when the client has closed its sending half: it has hung up, or, seldom, waits for an answer
 * all the same. For the handler, on its loop. */
bool mw_exchange_is_half_closed(const mw_exchange *exchange);

/* ---- TLS --------------------------------------------------------------------------------------
 *
 * 1.2 and 1.3, by OpenSSL. The application's protocol is agreed by ALPN: h2 or http/1.1; a client
 * that does not ask gets HTTP/1.1. No renegotiation, no compression, no early data. */

typedef enum mw_tls_clients {
    MW_TLS_CLIENTS_OFF,      /* no certificate is asked for */
    MW_TLS_CLIENTS_OPTIONAL, /* one that is shown must be good */
    MW_TLS_CLIENTS_REQUIRED
} mw_tls_clients;

typedef struct mw_tls_options {
    const char *certificate; /* path; PEM: the server's, then those between it and the root */
    const char *key;         /* path; PEM, not encrypted; NULL = in the certificate's file */
    mw_tls_clients clients;
    const char *client_ca; /* path; PEM: who may have signed clients' (and CRLs, when there are
                              any); needed unless clients is OFF */
    bool only_1_3;         /* refuse TLS 1.2 */
} mw_tls_options;

/* What is told of the certificate in use. */
typedef struct mw_tls_info {
    char subject[256];        /* "CN=models.example" */
    char names[512];          /* "models.example, *.models.example, 10.0.0.1"; cut when longer */
    int64_t begin_ms, end_ms; /* of its validity, since 1970 */
    char end_text[32];        /* "2027-01-31T00:00:00Z" */
    char doubt[256];          /* "" or what a client will not like: expired, chain broken ... */
} mw_tls_info;

typedef struct mw_tls mw_tls;

/* Read the files. Paths are copied. Fails: MW_BAD_ARGUMENT (options), MW_NOT_FOUND and MW_IO (a
 * file cannot be read), MW_BAD_DATA (no PEM, encrypted, not fit), MW_MISMATCH (the key is
 * another's). */
MW_CHECKED mw_status mw_tls_new(const mw_tls_options *options, mw_tls **ret_tls, mw_error *err);
/* Behind every server that speaks it. NULL is fine. */
void mw_tls_free(mw_tls *tls);
/* Read the files again: connections from now on get what stands there, those that are open keep
 * theirs, tickets of sessions stay good. On failure, as above, everything stays. One thread. */
MW_CHECKED mw_status mw_tls_reload(mw_tls *tls, mw_error *err);
/* Whether the files have changed since they were read (or tried) last, and stand still since the
 * call before: two files that belong together are not swapped at once. A few stat calls. */
bool mw_tls_has_changed(mw_tls *tls);
void mw_tls_describe(const mw_tls *tls, mw_tls_info *ret_info);

/* ---- the server ------------------------------------------------------------------------------ */

enum { MW_PIECE_BYTES = 1 << 20 };

/* Runs on the loop: must not block and should take less than about 1 ms; else defer. */
typedef void mw_handler(void *user, mw_exchange *exchange);
/* Called by net itself for errors before a request exists (400, 408, 413, 414, 431, 503 ...): fill
 * reply_type and reply of the exchange; method and path may be empty. NULL = a plain sentence. */
typedef void mw_fault_handler(void *user, mw_exchange *exchange, const mw_error *err);

/* How an exchange ended. */
typedef struct mw_outcome {
    int status;                          /* 200 for calls of gRPC whose outcome is in grpc_status */
    int grpc_status;                     /* -1 = no call of gRPC */
    bool is_gone;                        /* nobody was there any more to take the answer */
    uint64_t request_bytes, reply_bytes; /* of the bodies, as they came and went */
    uint64_t ended_ns;                   /* mw_clock_ns: the answer was handed to the connection */
} mw_outcome;
/* Called once for each exchange, those that net refused itself included, on its loop, when it is
 * over; all of the exchange is still there. Must not block. */
typedef void mw_done_handler(void *user, const mw_exchange *exchange, const mw_outcome *outcome);

/* One address to listen on.
 *
 *   "127.0.0.1:8080", "[::1]:8080", "host:port"   TCP; port 0 picks one
 *   "unix:/run/mw.sock", "unix:@name"             a file, or a name without one. A file that a dead
 *                                                 server left is replaced; removed at the end
 *   "fd:3"                                        a socket that listens already; the server owns it
 */
typedef struct mw_listener {
    const char *address;
    bool tls;      /* TLS is spoken here, and nothing else; options.tls is needed */
    bool proxy;    /* each connection begins with a PROXY header (v1, v2), which names the client */
    unsigned mode; /* of a unix socket's file; 0 = MW_LIMIT_SOCKET_MODE */
} mw_listener;

typedef struct mw_server_options {
    const mw_listener *listeners; /* at least one; borrowed for the call, as their text is */
    size_t n_listeners;
    const char *listen; /* one plain address in place of a list, where `listeners` is NULL */
    unsigned n_loops;
    size_t max_head_bytes, max_target_bytes, max_headers, max_body_bytes, max_reply_bytes;
    size_t max_connections;             /* over all loops */
    unsigned head_ms, body_ms, idle_ms; /* totals */
    unsigned write_ms;                  /* for each MiB of an answer */
    /* The largest body of a request, told from its head; NULL: max_body_bytes for all. In a stream
     * of HTTP/2 it holds of bodies in pieces, others have max_body_bytes. A body that may be larger
     * than others may take body_ms for each MiB. */
    size_t (*body_cap)(void *user, const mw_exchange *exchange);
    /* Whether a body above MW_PIECE_BYTES comes to the handler in pieces of that size, told from
     * its head; NULL: none does. */
    bool (*body_in_pieces)(void *user, const mw_exchange *exchange);
    /* How many bytes of a large body stand before those that should begin at a multiple of 16 in
     * memory, told from its head; NULL: none. HTTP/1 only, and a wish: who counts on it looks. */
    size_t (*body_lead)(void *user, const mw_exchange *exchange);

    mw_tls *tls; /* borrowed, for listeners that speak it; or NULL */
    mw_handler *handler;
    mw_fault_handler *fault;
    mw_done_handler *done; /* NULL = none */
    void *user;
} mw_server_options;

/* Everything from base/limits.h, one loop, "127.0.0.1:8080". */
void mw_server_options_init(mw_server_options *options);

typedef struct mw_server mw_server;

/* Bind and listen; nothing is accepted yet. Fails: MW_CONFLICT (address in use; err names the
 * process when it can be told), MW_BAD_ARGUMENT (address, option), MW_IO. */
MW_CHECKED mw_status mw_server_open(const mw_server_options *options, mw_server **ret_server,
                                    mw_error *err);
/* "127.0.0.1:41233": the address that was really bound, of the first listener. Borrowed. */
const char *mw_server_address(const mw_server *server);
/* The same of all of them, in the order they were given; NULL behind the last. */
const mw_listener *mw_server_listener(const mw_server *server, size_t i);
/* Start one thread a loop. */
MW_CHECKED mw_status mw_server_start(mw_server *server, mw_error *err);
/* There is news: all calls that wait for it are asked again, each on its loop, soon; news that
 * comes meanwhile is told with it. Any thread, while the server is open; cheap, never blocks. */
void mw_server_announce(mw_server *server);
/* Stop accepting, let requests in flight finish (each answer says Connection: close; connections
 * idle for more than MW_LIMIT_DRAIN_IDLE_MS are closed at once, others after as long without a
 * request, so that a busy client loses none), at most `seconds`; then close what is left. Returns
 * the number of requests that were cut off. Any thread may call it, once. */
size_t mw_server_drain(mw_server *server, unsigned seconds);
/* Ends the loops and frees everything. Waits for exchanges that are still deferred: their replies
 * are due, so whoever answers them (a pool) must outlive the server. NULL is fine. */
void mw_server_close(mw_server *server);

/* Counts since start, summed over loops; for /metrics. */
typedef struct mw_server_counts {
    uint64_t accepted, refused, requests, bytes_in, bytes_out;
    uint64_t timeouts, faults; /* ended by a time-out; answered by net itself (400, 408, 413 ...) */
    uint64_t tls_handshakes, tls_resumed, tls_failed; /* resumed: of those that succeeded */
    uint64_t connections, in_flight;                  /* now; in_flight: the handler has it */
} mw_server_counts;
void mw_server_count(const mw_server *server, mw_server_counts *ret_counts);

/* Of one loop, 0..n_loops-1. */
typedef struct mw_loop_counts {
    uint64_t busy_ns; /* outside of waiting for events, up to its last wait */
    uint64_t cpu_ns;  /* its thread's CPU time: less than busy_ns where cores are short */
} mw_loop_counts;
unsigned mw_server_loops(const mw_server *server);
void mw_server_count_loop(const mw_server *server, unsigned loop, mw_loop_counts *ret_counts);

/* ---- the way to a server -----------------------------------------------------------------------
 */

/* Made once, then shared by any number of threads. */
typedef struct mw_dial mw_dial;
typedef struct mw_dial_options {
    const char *url;     /* HOST:PORT, http://HOST[:80], https://HOST[:443], unix:PATH */
    const char *headers; /* "Name: value" lines that each request says too; NULL = none */
    const char *ca_file; /* who may have signed the server's certificate; NULL = the system's */
    bool is_insecure;    /* any certificate is taken */
    bool only_public;    /* an address of others' choice: none that is private is connected to */
} mw_dial_options;
/* Fails: MW_BAD_ARGUMENT (address, header), MW_BAD_DATA (ca_file), MW_NO_MEMORY. */
MW_CHECKED mw_status mw_dial_new(const mw_dial_options *options, mw_dial **ret_dial, mw_error *err);
/* With only_public: whether the host is known, and all its addresses are the world's. Asks the
 * system's resolver: may wait. Fails: MW_NOT_FOUND, MW_BAD_ARGUMENT (MW7207). */
MW_CHECKED mw_status mw_dial_check(const mw_dial *dial, mw_error *err);
void mw_dial_free(mw_dial *dial); /* NULL is fine; no stream or client may be left */
const char *mw_dial_url(const mw_dial *dial);
const char *mw_dial_authority(const mw_dial *dial); /* for Host: */
const char *mw_dial_headers(const mw_dial *dial);   /* lines, each with its end; "" = none */

/* For clients with a loop of their own. The socket never blocks; with TLS the handshake goes on by
 * itself with the bytes that are moved. The process ignores SIGPIPE: OpenSSL writes as it does. */
enum { MW_STREAM_AGAIN = -1, MW_STREAM_BROKEN = -2 };
typedef struct mw_stream {
    int fd; /* -1 when closed */
    struct ssl_st *ssl;
    short awaits; /* POLLIN or POLLOUT, behind MW_STREAM_AGAIN: sending may have to read */
    int failed;   /* errno, behind MW_STREAM_BROKEN */
    bool is_untrusted;
    char why[112]; /* of TLS */
} mw_stream;
/* Begin to connect: writable when it has; SO_ERROR tells. Fails: MW_NOT_FOUND, MW_IO. */
MW_CHECKED mw_status mw_stream_open(const mw_dial *dial, mw_stream *ret_stream, mw_error *err);
void mw_stream_close(mw_stream *stream);
/* Bytes moved, 0 at the end, or as above. */
ssize_t mw_stream_send(mw_stream *stream, const void *data, size_t size);
ssize_t mw_stream_receive(mw_stream *stream, void *data, size_t size);

/* ---- a small client -------------------------------------------------------------------------- */

typedef struct mw_client mw_client;
/* One keep-alive connection, blocking, with a time-out for each call. `dial` is borrowed. */
MW_CHECKED mw_status mw_client_open_to(const mw_dial *dial, unsigned timeout_ms,
                                       mw_client **ret_client, mw_error *err);
/* The same to "host:port", plain. */
MW_CHECKED mw_status mw_client_open(const char *address, unsigned timeout_ms,
                                    mw_client **ret_client, mw_error *err);
/* Send a request and read the answer. ret_body is valid until the next call. */
MW_CHECKED mw_status mw_client_call(mw_client *client, const char *method, const char *path,
                                    const char *content_type, mw_view body, int *ret_status,
                                    mw_view *ret_body, mw_error *err);
/* The same with header lines of this call's own, each with its end ("": none). */
MW_CHECKED mw_status mw_client_call_with(mw_client *client, const char *method, const char *path,
                                         const char *headers, mw_view body, int *ret_status,
                                         mw_view *ret_body, mw_error *err);
/* A header of the last answer, until the next call; absent: data is NULL. */
mw_view mw_client_header(const mw_client *client, const char *name);
void mw_client_close(mw_client *client);

/* ---- answers that are only counted: for a load generator ------------------------------------- */

/* Reads HTTP/1.1 answers one behind the other as bytes arrive, and drops their bodies. One a
 * connection. */
typedef struct mw_answer_counter mw_answer_counter;
typedef enum mw_answer_event {
    MW_ANSWER_MORE,  /* all bytes were used; the answer goes on */
    MW_ANSWER_WHOLE, /* bytes behind *ret_used belong to the next answer */
    MW_ANSWER_BROKEN /* not HTTP, or a head above MW_LIMIT_HEAD_BYTES */
} mw_answer_event;
/* NULL when memory is gone. */
mw_answer_counter *mw_answer_counter_new(void);
void mw_answer_counter_free(mw_answer_counter *counter);
/* Before each answer. */
void mw_answer_counter_begin(mw_answer_counter *counter);
mw_answer_event mw_answer_counter_take(mw_answer_counter *counter, mw_view data, size_t *ret_used);
/* The server has closed: WHOLE when that is how this answer ends, else BROKEN. */
mw_answer_event mw_answer_counter_end(const mw_answer_counter *counter);
/* Of the last answer that was whole. */
int mw_answer_counter_status(const mw_answer_counter *counter);
bool mw_answer_counter_closes(const mw_answer_counter *counter);

#endif
