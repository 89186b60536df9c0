/* What a connection begins with where ',proxy' is said: the header is looked at in the socket and
 * taken out of it whole, so what follows is still there for TLS or HTTP. */
#include <errno.h>
#include <sys/socket.h>

#include "loop.h"
#include "proxy.h"

static void refuse_header(net_connection *connection, const char *why)
{
    net_count(&connection->loop->counts.faults, 1);
    net_complain(connection, NET_COMPLAINT_PROXY, "closed: %s", why);
    net_connection_close(connection);
}

static bool consume(int fd, size_t size)
{
    char header[MW_LIMIT_PROXY_BYTES];
    return recv(fd, header, size, 0) == (ssize_t)size;
}

static void accept_header(net_connection *connection, const net_proxy_header *header)
{
    if (!consume(connection->fd, header->size)) {
        net_connection_close(connection);
        return;
    }
    if (header->has_peer)
        connection->peer = header->peer;
    net_connection_enter(connection, net_behind_proxy(connection->listener));
}

static void proxy_open(net_connection *connection)
{
    net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_HEAD,
                  connection->loop->now_ns);
}

static void proxy_ready(net_connection *connection)
{
    char bytes[MW_LIMIT_PROXY_BYTES];
    net_proxy_header header;
    mw_error err;
    ssize_t n = recv(connection->fd, bytes, sizeof bytes, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        net_connection_close(connection);
        return;
    }
    switch (net_parse_proxy(bytes, (size_t)n, &header, &err)) {
    case NET_WHOLE:
        accept_header(connection, &header);
        break;
    case NET_REFUSED:
        refuse_header(connection, err.why);
        break;
    case NET_MORE:
        if (connection->peer_finished)
            refuse_header(connection, "the PROXY header is cut short");
        break; /* each further byte raises an event */
    }
}

static void proxy_timeout(net_connection *connection, net_timer_kind kind)
{
    if (kind != NET_TIMER_HEAD) {
        net_connection_close(connection);
        return;
    }
    net_count(&connection->loop->counts.timeouts, 1);
    net_complain(connection, NET_COMPLAINT_PROXY, "closed: sent no whole PROXY header in time");
    net_connection_close(connection);
}

static void proxy_drain(net_connection *connection)
{
    net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_DRAIN,
                  connection->loop->now_ns);
}

static void proxy_refuse(net_connection *connection, int refusal, const mw_error *err)
{
    (void)refusal;
    (void)err;
    net_connection_close(connection);
}

static void do_nothing(net_connection *connection)
{
    (void)connection;
}

static bool proxy_is_busy(const net_connection *connection)
{
    (void)connection;
    return false;
}

const net_protocol net_proxy = {
    .on_open = proxy_open,
    .on_ready = proxy_ready,
    .on_hang_up = do_nothing,
    .on_timeout = proxy_timeout,
    .on_drain = proxy_drain,
    .on_refuse = proxy_refuse,
    .on_close = do_nothing,
    .is_busy = proxy_is_busy,
};
