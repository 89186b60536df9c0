/* Accepting: who is let in, by which loop, and what happens when there is no room. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "loop.h"

enum { ACCEPTS_A_TURN = 64, LINGERING_REFUSED_MAX = 128, SHORTAGE_PAUSE_MS = 1 };

static size_t count_connections(const mw_server *server)
{
    size_t n = 0;
    for (unsigned i = 0; i < server->options.n_loops; i++)
        n += atomic_load_explicit(&server->loops[i].n_connections, memory_order_relaxed);
    return n;
}

/* The loop with clearly fewer connections than this one, or this one. */
static net_loop *choose_loop(net_loop *here)
{
    mw_server *server = here->server;
    net_loop *fewest = here;
    size_t least = atomic_load_explicit(&here->n_connections, memory_order_relaxed);
    for (unsigned i = 0; i < server->options.n_loops; i++) {
        net_loop *loop = &server->loops[i];
        size_t n = atomic_load_explicit(&loop->n_connections, memory_order_relaxed);
        if (n < least) {
            least = n;
            fewest = loop;
        }
    }
    return fewest;
}

static bool register_connection(net_loop *loop, net_connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) == 0;
}

bool net_loop_adopt(net_loop *loop, net_connection *connection)
{
    connection->loop = loop;
    connection->before = NULL;
    connection->after = loop->connections;
    if (loop->connections)
        loop->connections->before = connection;
    loop->connections = connection;
    if (loop->phase == NET_STOPPING || !register_connection(loop, connection)) {
        net_connection_close(connection);
        return false;
    }
    connection->protocol->on_open(connection);
    if (loop->phase == NET_DRAINING)
        connection->protocol->on_drain(connection);
    return true;
}

/* Over the limit: say so, and let it linger for a moment so that the client can read it. */
static void refuse_connection(net_loop *loop, net_connection *connection)
{
    mw_error err;
    net_count(&loop->counts.refused, 1);
    mw_fail(&err, MW_E_CONNECTION_LIMIT, "the server holds %zu connections, its limit",
            loop->server->options.max_connections);
    mw_mend(&err, "try again later, or raise --max-connections");
    if (net_loop_adopt(loop, connection))
        connection->protocol->on_refuse(connection, 503, &err);
}

const net_protocol *net_behind_proxy(const net_listener *listener)
{
    return listener->shown.tls ? &net_handshake : &net_http1;
}

static void welcome(net_loop *loop, net_listener *listener, int fd, mw_peer peer)
{
    mw_server *server = loop->server;
    size_t n_connections = count_connections(server);
    bool has_room = n_connections < server->options.max_connections;
    net_connection *connection = NULL;
    if (has_room || n_connections < server->options.max_connections + LINGERING_REFUSED_MAX)
        connection = net_loop_take_connection(loop);
    if (!connection) {
        net_count(&loop->counts.refused, 1);
        close(fd);
        return;
    }
    connection->fd = fd;
    connection->peer = peer;
    connection->listener = listener;
    connection->transport = &net_plain;
    connection->protocol = listener->shown.proxy ? &net_proxy : net_behind_proxy(listener);
    connection->letter.kind = NET_LETTER_CONNECTION;
    net_count(&loop->counts.accepted, 1);
    net_loop *chosen = has_room ? choose_loop(loop) : loop;
    atomic_fetch_add_explicit(&chosen->n_connections, 1, memory_order_relaxed);
    if (!has_room)
        refuse_connection(loop, connection);
    else if (chosen == loop)
        net_loop_adopt(loop, connection);
    else
        net_loop_post(chosen, &connection->letter);
}

/* ---- out of descriptors ------------------------------------------------------------------------
 *
 * A client that waits would keep the listener readable and the loops spinning. So one descriptor is
 * held in reserve: give it up, take the client with it, tell it to come again, and hold it anew.
 *
 *     ordinary accepts   |--loop 1--|  |--loop 2--|                       shared
 *     a client is shed                              |give up, take, hold| alone
 *
 * Alone, for a descriptor given up while another loop accepts would go to that loop's client, who
 * stays, and nobody could be told anything any more. For the same reason nobody is let in while the
 * reserve is missing (a file opened in that moment may have it): what comes free is the reserve's.
 */

bool net_hold_spare(mw_server *server)
{
    if (server->spare_fd < 0)
        server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return server->spare_fd >= 0;
}

static int accept_ordinary(mw_server *server, int listener, struct sockaddr_storage *from,
                           socklen_t *size)
{
    pthread_rwlock_rdlock(&server->accepting);
    int fd = -1;
    if (server->spare_fd >= 0)
        fd = accept4(listener, (struct sockaddr *)from, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    else
        errno = EMFILE;
    int why = errno;
    pthread_rwlock_unlock(&server->accepting);
    errno = why;
    return fd;
}

static void send_busy(const net_listener *listener, int fd)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                               "Connection: close\r\nRetry-After: 1\r\n\r\n";
    ssize_t n = listener->shown.tls ? 0 : send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL);
    (void)n;
    close(fd);
}

/* Whether it is worth while to go on: a client was sent away, or the reserve is there again. */
static bool shed_one(net_loop *loop, const net_listener *listener)
{
    mw_server *server = loop->server;
    pthread_rwlock_wrlock(&server->accepting);
    bool done = server->spare_fd < 0;
    if (!done) {
        close(server->spare_fd);
        server->spare_fd = -1;
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            send_busy(listener, fd);
            net_count(&loop->counts.refused, 1);
            done = true;
        }
    }
    done = net_hold_spare(server) && done;
    pthread_rwlock_unlock(&server->accepting);
    if (!done)
        poll(NULL, 0, SHORTAGE_PAUSE_MS); /* another was quicker: at least do not spin */
    return done;
}

bool net_loop_accept(net_loop *loop, net_listener *listener)
{
    if (!loop->listening)
        return false;
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof from;
        int fd = accept_ordinary(loop->server, listener->fd, &from, &size);
        if (fd >= 0) {
            welcome(loop, listener, fd, net_peer_of((struct sockaddr *)&from, size));
        } else if (errno == EMFILE || errno == ENFILE) {
            if (!shed_one(loop, listener))
                return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return false;
        }
    }
    return true;
}

void net_loop_stop_listening(net_loop *loop)
{
    mw_server *server = loop->server;
    if (!loop->listening)
        return;
    loop->listening = false;
    for (size_t i = 0; i < server->n_listeners; i++)
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, server->listeners[i].fd, NULL);
    if (atomic_fetch_sub(&server->n_listening, 1) > 1)
        return;
    for (size_t i = 0; i < server->n_listeners; i++)
        net_listener_close(&server->listeners[i]);
    pthread_mutex_lock(&server->lock);
    server->has_listeners = false;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}
