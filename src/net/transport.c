/* The plain transport: bytes straight on a socket. */
#include <errno.h>
#include <sys/socket.h>

#include "connection.h"

static bool try_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

static ssize_t plain_read(net_connection *connection, void *data, size_t size, bool *ret_drained)
{
    for (;;) {
        ssize_t n = recv(connection->fd, data, size, 0);
        *ret_drained = n < (ssize_t)size;
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return try_later() ? NET_AGAIN : NET_BROKEN;
    }
}

static ssize_t plain_write(net_connection *connection, const struct iovec *pieces, int n_pieces)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)n_pieces};
    for (;;) {
        ssize_t n = n_pieces == 1
                        ? send(connection->fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                        : sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return try_later() ? NET_AGAIN : NET_BROKEN;
    }
}

static void plain_finish(net_connection *connection)
{
    shutdown(connection->fd, SHUT_WR);
}

const net_transport net_plain = {plain_read, plain_write, plain_finish, NULL};
