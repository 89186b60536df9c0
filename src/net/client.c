/* A small blocking HTTP/1.1 client: one keep-alive connection, made again when the server closed
 * it. The time-out is for a whole call, connecting included. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "answer.h"
#include "chunks.h"

enum { READ_BYTES = 16 * 1024, NS_PER_MS = 1000000 };

struct mw_client {
    char *address;
    unsigned timeout_ms;
    int fd;         /* -1 when the next call has to connect */
    bool is_proven; /* this connection has answered before */
    bool has_heard; /* bytes of the present answer have come */
    uint64_t deadline_ns;
    mw_buf in;   /* the answer as it came */
    mw_buf out;  /* the request's head */
    mw_buf body; /* of chunked answers */
};

/* ---- waiting --------------------------------------------------------------------------------- */

static mw_status fail_timeout(const mw_client *client, mw_error *err)
{
    mw_fail(err, MW_E_CLIENT_TIMEOUT, "no answer within %u ms", client->timeout_ms);
    mw_at(err, "%s", client->address);
    return mw_mend(err, "try again, or allow more time");
}

static mw_status fail_reply(const mw_client *client, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_CLIENT_REPLY, "%s", what);
    mw_at(err, "%s", client->address);
    return mw_mend(err, "check that an HTTP/1.1 server listens there");
}

static mw_status fail_connection(const mw_client *client, int failed, mw_error *err)
{
    mw_fail(err, MW_E_CLIENT_CONNECT, "cannot reach the server: %s", strerror(failed));
    mw_at(err, "%s", client->address);
    return mw_mend(err, "check that it runs and listens there");
}

static mw_status wait_for(mw_client *client, short events, mw_error *err)
{
    for (;;) {
        uint64_t now_ns = mw_clock_ns();
        if (now_ns >= client->deadline_ns)
            return fail_timeout(client, err);
        struct pollfd waiting = {.fd = client->fd, .events = events};
        int ms = (int)((client->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
        int n = poll(&waiting, 1, ms);
        if (n > 0)
            return MW_OK;
        if (n < 0 && errno != EINTR)
            return fail_connection(client, errno, err);
    }
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void disconnect(mw_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->is_proven = false;
}

/* A socket that connects, or has; -1 with errno. */
static int begin_connection(const struct addrinfo *where)
{
    int one = 1;
    int fd = socket(where->ai_family, where->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    where->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, where->ai_addr, where->ai_addrlen) == 0 || errno == EINPROGRESS)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static mw_status connect_to(mw_client *client, const struct addrinfo *where, mw_error *err)
{
    int failed = 0;
    client->fd = begin_connection(where);
    if (client->fd < 0)
        return fail_connection(client, errno, err);
    MW_TRY(wait_for(client, POLLOUT, err));
    socklen_t size = sizeof failed;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    return failed == 0 ? MW_OK : fail_connection(client, failed, err);
}

static mw_status ensure_connected(mw_client *client, mw_error *err)
{
    if (client->fd >= 0)
        return MW_OK;
    struct addrinfo *list;
    MW_TRY(net_resolve(client->address, false, &list, err));
    mw_status status = MW_IO;
    for (const struct addrinfo *where = list; where && status != MW_OK; where = where->ai_next) {
        disconnect(client);
        status = connect_to(client, where, err);
    }
    freeaddrinfo(list);
    if (status != MW_OK)
        disconnect(client);
    return status;
}

static void begin_call(mw_client *client)
{
    client->deadline_ns = mw_clock_ns() + (uint64_t)client->timeout_ms * NS_PER_MS;
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

static mw_status send_all(mw_client *client, mw_view text, mw_error *err)
{
    while (text.size > 0) {
        ssize_t n = send(client->fd, text.data, text.size, MSG_NOSIGNAL);
        if (n >= 0) {
            text.data += n;
            text.size -= (size_t)n;
        } else if (errno == EAGAIN) {
            MW_TRY(wait_for(client, POLLOUT, err));
        } else if (errno != EINTR) {
            return fail_connection(client, errno, err);
        }
    }
    return MW_OK;
}

/* Append what comes next to `in`; *ret_ended when the server has closed. */
static mw_status receive(mw_client *client, bool *ret_ended, mw_error *err)
{
    if (!mw_buf_reserve(&client->in, READ_BYTES))
        return mw_fail_memory(err, "the answer");
    for (;;) {
        size_t room = client->in.capacity - client->in.size - 1;
        ssize_t n = recv(client->fd, client->in.data + client->in.size, room, 0);
        if (n >= 0) {
            client->in.size += (size_t)n;
            client->has_heard = client->has_heard || n > 0;
            *ret_ended = n == 0;
            return MW_OK;
        }
        if (errno == EAGAIN)
            MW_TRY(wait_for(client, POLLIN, err));
        else if (errno != EINTR)
            return fail_connection(client, errno, err);
    }
}

/* ---- reading the answer ---------------------------------------------------------------------- */

/* Interim answers (1xx) are passed over. */
static mw_status read_head(mw_client *client, net_answer_head *ret_head, mw_error *err)
{
    for (;;) {
        const char *end =
            client->in.size > 0 ? memmem(client->in.data, client->in.size, "\r\n\r\n", 4) : NULL;
        if (!end) {
            bool ended;
            if (client->in.size > MW_LIMIT_HEAD_BYTES * 8)
                return fail_reply(client, "the head of the answer does not end", err);
            MW_TRY(receive(client, &ended, err));
            if (ended)
                return fail_reply(client, "the server closed the connection", err);
            continue;
        }
        size_t size = (size_t)(end - client->in.data) + 4;
        if (!net_answer_parse((mw_view){client->in.data, size}, ret_head))
            return fail_reply(client, "the answer is not HTTP", err);
        if (ret_head->status >= 200)
            return MW_OK;
        memmove(client->in.data, client->in.data + size, client->in.size - size);
        client->in.size -= size;
    }
}

static mw_status read_chunked(mw_client *client, size_t at, mw_view *ret_body, mw_error *err)
{
    net_chunks chunks;
    net_chunks_init(&chunks, MW_LIMIT_REPLY_BYTES);
    mw_buf_reset(&client->body);
    for (;;) {
        size_t used = 0;
        mw_view piece;
        int refusal;
        switch (net_chunks_next(&chunks, client->in.data + at, client->in.size - at, &used, &piece,
                                &refusal, err)) {
        case NET_CHUNK_REFUSED:
            return mw_at(err, "%s", client->address);
        case NET_CHUNK_DATA:
            mw_buf_view(&client->body, piece);
            at += used;
            break;
        case NET_CHUNK_END:
            if (client->body.failed)
                return mw_fail_memory(err, "the answer");
            *ret_body = mw_buf_as_view(&client->body);
            return MW_OK;
        case NET_CHUNK_MORE: {
            bool ended;
            client->in.size = at = 0;
            MW_TRY(receive(client, &ended, err));
            if (ended)
                return fail_reply(client, "the answer was cut short", err);
        }
        }
    }
}

static mw_status read_body(mw_client *client, net_answer_head *head, mw_view *ret_body,
                           mw_error *err)
{
    if (head->is_chunked)
        return read_chunked(client, head->size, ret_body, err);
    if (head->has_length && head->content_length > MW_LIMIT_REPLY_BYTES)
        return fail_reply(client, "the answer is larger than the limit", err);
    bool ended = false;
    while (!ended && (!head->has_length || client->in.size - head->size < head->content_length))
        MW_TRY(receive(client, &ended, err));
    size_t size = client->in.size - head->size;
    if (head->has_length && size < head->content_length)
        return fail_reply(client, "the answer was cut short", err);
    head->closes = head->closes || ended;
    *ret_body = (mw_view){client->in.data + head->size,
                          head->has_length ? (size_t)head->content_length : size};
    return MW_OK;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool write_head(mw_client *client, const char *method, const char *path,
                       const char *content_type, mw_view body)
{
    mw_buf *out = &client->out;
    mw_buf_reset(out);
    mw_buf_format(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, client->address);
    if (content_type)
        mw_buf_format(out, "Content-Type: %s\r\n", content_type);
    if (body.size > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0)
        mw_buf_format(out, "Content-Length: %zu\r\n", body.size);
    mw_buf_text(out, "\r\n");
    return !out->failed;
}

static mw_status exchange_once(mw_client *client, const char *method, mw_view body,
                               net_answer_head *ret_head, mw_view *ret_body, mw_error *err)
{
    enum { SMALL_BODY_BYTES = 64 * 1024 };
    MW_TRY(ensure_connected(client, err));
    mw_buf_reset(&client->in);
    client->has_heard = false;
    size_t head_bytes = client->out.size;
    bool is_small = body.size <= SMALL_BODY_BYTES;
    if (is_small)
        mw_buf_view(&client->out, body);
    mw_view request = mw_buf_as_view(&client->out);
    client->out.size = head_bytes; /* so that it can be sent again */
    MW_TRY(send_all(client, request, err));
    if (!is_small)
        MW_TRY(send_all(client, body, err));
    MW_TRY(read_head(client, ret_head, err));
    if (strcmp(method, "HEAD") == 0 || net_answer_has_no_body(ret_head->status)) {
        *ret_body = (mw_view){"", 0};
        return MW_OK;
    }
    return read_body(client, ret_head, ret_body, err);
}

mw_status mw_client_call(mw_client *client, const char *method, const char *path,
                         const char *content_type, mw_view body, int *ret_status, mw_view *ret_body,
                         mw_error *err)
{
    if (!write_head(client, method, path, content_type, body))
        return mw_fail_memory(err, "the request");
    net_answer_head head = {0};
    mw_view reply;
    bool is_proven = client->is_proven;
    begin_call(client);
    mw_status status = exchange_once(client, method, body, &head, &reply, err);
    /* The server may have closed an idle connection while this request was on its way: nothing of
     * an answer has come, so ask once more on a fresh one. */
    if (status != MW_OK && status != MW_BUSY && is_proven && !client->has_heard) {
        disconnect(client);
        status = exchange_once(client, method, body, &head, &reply, err);
    }
    if (status != MW_OK || head.closes)
        disconnect(client);
    if (status != MW_OK)
        return status;
    client->is_proven = client->fd >= 0;
    *ret_status = head.status;
    *ret_body = reply;
    return MW_OK;
}

mw_status mw_client_open(const char *address, unsigned timeout_ms, mw_client **ret_client,
                         mw_error *err)
{
    mw_client *client = calloc(1, sizeof *client);
    if (!client)
        return mw_fail_memory(err, "the client");
    client->fd = -1;
    client->timeout_ms = timeout_ms;
    mw_buf_init(&client->in, MW_LIMIT_REPLY_BYTES + MW_LIMIT_HEAD_BYTES * 8 + READ_BYTES);
    mw_buf_init(&client->out, MW_MIB);
    mw_buf_init(&client->body, MW_LIMIT_REPLY_BYTES);
    client->address = strdup(address);
    begin_call(client);
    mw_status status =
        client->address ? ensure_connected(client, err) : mw_fail_memory(err, "the client");
    if (status != MW_OK) {
        mw_client_close(client);
        return status;
    }
    *ret_client = client;
    return MW_OK;
}

void mw_client_close(mw_client *client)
{
    if (!client)
        return;
    disconnect(client);
    mw_buf_done(&client->in);
    mw_buf_done(&client->out);
    mw_buf_done(&client->body);
    free(client->address);
    free(client);
}

mw_status mw_connect_begin(const char *address, int *ret_fd, mw_error *err)
{
    struct addrinfo *list;
    MW_TRY(net_resolve(address, false, &list, err));
    *ret_fd = begin_connection(list);
    int reason = errno;
    freeaddrinfo(list);
    if (*ret_fd >= 0)
        return MW_OK;
    return fail_connection(&(mw_client){.address = (char *)address}, reason, err);
}
