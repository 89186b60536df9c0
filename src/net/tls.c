/* TLS on a connection: the handshake as a protocol, then the transport.
 *
 *     first byte --peek--> 0x16: SSL_accept until done --ALPN--> http/1.1, h2 on net_tls
 *                    `---> anything else: a sentence in plain HTTP
 *
 * Behind the handshake of TLS 1.3 tls_lean.c goes on; of TLS 1.2, and where something is missing,
 * OpenSSL does. It reads and writes the socket by a BIO of ours, which knows when the socket is
 * drained: so a request costs one recv and one send, as without TLS. Who leaves an error in
 * OpenSSL's queue takes it out again, so that the next call begins with an empty one. */
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "http2.h"
#include "loop.h"
#include "sniff.h"
#include "tls.h"

/* ---- the socket, as OpenSSL sees it ---------------------------------------------------------- */

static int bio_read(BIO *bio, char *data, int size)
{
    net_connection *connection = BIO_get_data(bio);
    bool is_fed = !connection->tls.is_open || !tls_lean_is_empty(connection);
    ssize_t n = is_fed ? tls_lean_feed(connection, data, (size_t)size)
                       : tls_receive(connection, data, (size_t)size);
    BIO_clear_retry_flags(bio);
    if (n == NET_AGAIN)
        BIO_set_retry_read(bio);
    return n >= 0 ? (int)n : -1;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    const struct iovec piece = {(void *)(uintptr_t)data, (size_t)size};
    ssize_t n = net_plain.write(BIO_get_data(bio), &piece, 1);
    BIO_clear_retry_flags(bio);
    if (n == NET_AGAIN)
        BIO_set_retry_write(bio);
    return n >= 0 ? (int)n : -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const net_connection *connection = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH)
        return 1;
    if (command == BIO_CTRL_EOF)
        return connection->tls.is_at_end;
    return 0;
}

static BIO_METHOD *socket_method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void free_method(void)
{
    BIO_meth_free(socket_method);
}

static void make_method(void)
{
    socket_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    if (!socket_method)
        return;
    BIO_meth_set_read(socket_method, bio_read);
    BIO_meth_set_write(socket_method, bio_write);
    BIO_meth_set_ctrl(socket_method, bio_control);
    OPENSSL_atexit(free_method);
}

/* The connection's SSL, on its socket; false when memory is gone. */
static bool begin_tls(net_connection *connection)
{
    pthread_once(&method_once, make_method);
    SSL *ssl = socket_method ? tls_connection_new(connection->loop->server->options.tls) : NULL;
    BIO *bio = ssl ? BIO_new(socket_method) : NULL;
    if (!bio) {
        SSL_free(ssl);
        ERR_clear_error();
        return false;
    }
    BIO_set_data(bio, connection);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio); /* taken */
    SSL_set_accept_state(ssl);
    connection->tls.ssl = ssl;
    return tls_lean_begin(connection);
}

/* What a call that returned `n` means; the error queue is empty afterwards. */
static ssize_t judge(net_connection *connection, int n)
{
    switch (SSL_get_error(connection->tls.ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return NET_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        net_connection_watch_write(connection);
        return NET_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        connection->tls.is_broken = true;
        ERR_clear_error();
        return NET_BROKEN;
    }
}

/* ---- the transport --------------------------------------------------------------------------- */

static int bounded(size_t size)
{
    return size > INT_MAX ? INT_MAX : (int)size;
}

/* OpenSSL's buffers live on for the next record, and go when none comes: an idle connection keeps
 * none. The clock is not moved by each record; when it ends, it is seen how long ago the last was.
 */
void net_tls_keep(net_connection *connection)
{
    net_loop *loop = connection->loop;
    if (connection->tls.quiet.kind == NET_TIMER_NONE)
        net_timer_set(&loop->timers, &connection->tls.quiet, NET_TIMER_QUIET, loop->now_ns);
}

void net_tls_rest(net_connection *connection)
{
    uint64_t quiet_ns = connection->loop->now_ns - connection->ready_ns;
    bool is_quiet = quiet_ns >= MW_LIMIT_TLS_KEPT_MS * UINT64_C(1000000);
    if (is_quiet && !connection->tls.ssl)
        tls_lean_rest(connection);
    else if (!is_quiet || SSL_free_buffers(connection->tls.ssl) != 1)
        net_tls_keep(connection);
}

static ssize_t tls_read(net_connection *connection, void *data, size_t size, bool *ret_drained)
{
    net_tls_state *tls = &connection->tls;
    connection->read_waits_write = false;
    tls->is_drained = false; /* as long as the socket was not asked */
    int n = SSL_read(tls->ssl, data, bounded(size));
    net_tls_keep(connection);
    if (n > 0) {
        *ret_drained =
            tls->is_drained && !SSL_has_pending(tls->ssl) && tls_lean_is_empty(connection);
        return n;
    }
    connection->read_waits_write = SSL_want_write(tls->ssl);
    return judge(connection, n);
}

static ssize_t tls_write(net_connection *connection, const struct iovec *pieces, int n_pieces)
{
    size_t written = 0;
    for (int i = 0; i < n_pieces; i++) {
        const char *data = pieces[i].iov_base;
        for (size_t at = 0; at < pieces[i].iov_len;) {
            int n = SSL_write(connection->tls.ssl, data + at, bounded(pieces[i].iov_len - at));
            if (n <= 0) {
                ssize_t judged = judge(connection, n);
                net_tls_keep(connection);
                return judged == NET_AGAIN && written > 0 ? (ssize_t)written
                       : judged == NET_AGAIN              ? NET_AGAIN
                                                          : NET_BROKEN;
            }
            at += (size_t)n;
            written += (size_t)n;
        }
    }
    net_tls_keep(connection);
    return (ssize_t)written;
}

/* Say goodbye (close_notify), once; whether the client hears it is its affair. */
static void say_goodbye(net_connection *connection)
{
    net_tls_state *tls = &connection->tls;
    if (!tls->ssl || !tls->is_open || tls->is_broken)
        return;
    if (SSL_shutdown(tls->ssl) < 0)
        (void)judge(connection, -1);
    tls->is_broken = true;
}

static void tls_finish(net_connection *connection)
{
    say_goodbye(connection);
    shutdown(connection->fd, SHUT_WR);
}

static void tls_close(net_connection *connection)
{
    if (!connection->write_blocked) /* else it would stand in the middle of an answer */
        say_goodbye(connection);
    net_timer_clear(&connection->loop->timers, &connection->tls.quiet);
    SSL_free(connection->tls.ssl);
    connection->tls.ssl = NULL;
    tls_lean_done(connection);
}

const net_transport net_tls = {tls_read, tls_write, tls_finish, tls_close};

/* ---- the handshake --------------------------------------------------------------------------- */

static void linger(net_connection *connection)
{
    connection->tls.is_lingering = true;
    shutdown(connection->fd, SHUT_WR);
    net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_LINGER,
                  connection->loop->now_ns);
}

/* Closing with unread bytes resets the connection, and an alert on its way is lost: so read on. */
static void read_on(net_connection *connection)
{
    char dropped[4096];
    ssize_t n;
    do
        n = recv(connection->fd, dropped, sizeof dropped, 0);
    while (n > 0);
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        net_connection_close(connection);
}

static void fail_handshake(net_connection *connection)
{
    SSL *ssl = connection->tls.ssl;
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    long verified = SSL_get_verify_result(ssl);
    connection->tls.is_broken = true;
    net_count(&connection->loop->counts.tls_failed, 1);
    if (reason) /* else it only went away */
        net_complain(connection, NET_COMPLAINT_HANDSHAKE, "TLS was not agreed: %s%s%s", reason,
                     verified != X509_V_OK ? ": " : "",
                     verified != X509_V_OK ? X509_verify_cert_error_string(verified) : "");
    ERR_clear_error();
    if (!reason || connection->peer_finished) {
        net_connection_close(connection);
        return;
    }
    linger(connection);
    read_on(connection);
}

/* The verified certificate's subject, for access control and logs. */
static void note_client(net_connection *connection)
{
    enum { NAME_BYTES_MAX = 1024 };
    char name[NAME_BYTES_MAX];
    X509 *certificate = SSL_get0_peer_certificate(connection->tls.ssl);
    if (certificate && SSL_get_verify_result(connection->tls.ssl) == X509_V_OK &&
        tls_certificate_name(certificate, name, sizeof name))
        connection->client_name = strdup(name);
}

static void finish_handshake(net_connection *connection)
{
    net_loop *loop = connection->loop;
    const unsigned char *protocol;
    unsigned size;
    connection->tls.is_open = true;
    connection->transport = &net_tls;
    connection->may_read = true; /* bytes may have come along, and be in OpenSSL's hands already */
    net_count(&loop->counts.tls_handshakes, 1);
    if (SSL_session_reused(connection->tls.ssl))
        net_count(&loop->counts.tls_resumed, 1);
    note_client(connection);
    net_tls_keep(connection);
    SSL_get0_alpn_selected(connection->tls.ssl, &protocol, &size);
    bool is_http2 = size == 2 && memcmp(protocol, "h2", 2) == 0;
    if (!tls_lean_take_over(connection))
        SSL_set_read_ahead(connection->tls.ssl, 1); /* a record in one recv, not its head first */
    if (is_http2)
        net_http2_take_over(connection);
    else
        net_connection_enter(connection, &net_http1);
}

static void refuse_plain(net_connection *connection, net_speech speech)
{
    mw_error err;
    net_complain(connection, NET_COMPLAINT_PLAIN,
                 speech == NET_SPEECH_PROXY ? "sends a PROXY header to a listener that expects "
                                              "none; add ',proxy' to it"
                                            : "does not begin with TLS; this listener speaks "
                                              "nothing else");
    if (speech == NET_SPEECH_OTHER) {
        net_count(&connection->loop->counts.faults, 1);
        net_connection_close(connection);
        return;
    }
    mw_fail(&err, MW_E_TLS_PORT, "this port speaks TLS, and the request came without");
    mw_mend(&err, "use https:// instead of http://; with gRPC, a channel with TLS");
    connection->protocol = speech == NET_SPEECH_HTTP2 ? &net_http2_protocol : &net_http1;
    connection->protocol->on_refuse(connection, 400, &err);
}

/* Nothing is made for a client that has not begun: that costs an idle connection nothing. */
static bool greet(net_connection *connection)
{
    char opening[32];
    ssize_t n = recv(connection->fd, opening, sizeof opening, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    net_speech speech = n > 0 ? net_sniff(opening, (size_t)n) : NET_SPEECH_NONE;
    if (speech == NET_SPEECH_TLS && begin_tls(connection))
        return true;
    if (speech == NET_SPEECH_TLS || speech == NET_SPEECH_NONE)
        net_connection_close(connection);
    else
        refuse_plain(connection, speech);
    return false;
}

static void handshake_open(net_connection *connection)
{
    if (connection->timer.kind != NET_TIMER_HEAD) /* it has run since a PROXY header began */
        net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_HEAD,
                      connection->loop->now_ns);
}

static void handshake_ready(net_connection *connection)
{
    if (connection->tls.is_lingering) {
        read_on(connection);
        return;
    }
    if (!connection->tls.ssl && !greet(connection))
        return;
    int n = SSL_do_handshake(connection->tls.ssl);
    if (n == 1) {
        finish_handshake(connection);
        return;
    }
    int wanted = SSL_get_error(connection->tls.ssl, n);
    if (wanted == SSL_ERROR_WANT_WRITE)
        net_connection_watch_write(connection);
    else if (wanted != SSL_ERROR_WANT_READ)
        fail_handshake(connection);
}

static void handshake_timeout(net_connection *connection, net_timer_kind kind)
{
    if (kind == NET_TIMER_HEAD) {
        net_count(&connection->loop->counts.timeouts, 1);
        if (connection->tls.ssl)
            net_count(&connection->loop->counts.tls_failed, 1);
    }
    net_connection_close(connection);
}

static void handshake_drain(net_connection *connection)
{
    if (!connection->tls.ssl) /* who has begun may end: the head's time bounds it */
        net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_DRAIN,
                      connection->loop->now_ns);
}

static void handshake_refuse(net_connection *connection, int refusal, const mw_error *err)
{
    (void)refusal; /* a handshake, only to say this, would cost more than serving */
    (void)err;
    net_connection_close(connection);
}

static void handshake_hang_up(net_connection *connection)
{
    (void)connection; /* reading tells */
}

/* The transport is still the plain one, which knows nothing of this. */
static void handshake_close(net_connection *connection)
{
    SSL_free(connection->tls.ssl);
    connection->tls.ssl = NULL;
    tls_lean_done(connection);
}

static bool handshake_is_busy(const net_connection *connection)
{
    (void)connection;
    return false;
}

const net_protocol net_handshake = {
    .on_open = handshake_open,
    .on_ready = handshake_ready,
    .on_hang_up = handshake_hang_up,
    .on_timeout = handshake_timeout,
    .on_drain = handshake_drain,
    .on_refuse = handshake_refuse,
    .on_close = handshake_close,
    .is_busy = handshake_is_busy,
};
