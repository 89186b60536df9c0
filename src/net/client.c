/* A small blocking HTTP/1.1 client over a stream (dial.c): one keep-alive connection, made again
 * when the server closed it. The time-out is for a whole call, connecting included. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include "answer.h"
#include "chunks.h"
#include "dial.h"
#include "token.h"

enum { READ_BYTES = 16 * 1024, NS_PER_MS = 1000000 };

struct mw_client {
    const mw_dial *dial;
    mw_dial *own_dial; /* the same, where nobody gave one */
    unsigned timeout_ms;
    mw_stream stream; /* closed when the next call has to connect */
    bool is_proven;   /* this connection has answered before */
    bool has_heard;   /* bytes of the present answer have come */
    uint64_t deadline_ns;
    mw_buf in;   /* the answer as it came */
    mw_buf out;  /* the request's head */
    mw_buf head; /* the answer's, kept for mw_client_header */
    mw_buf body; /* of chunked answers */
};

/* ---- waiting --------------------------------------------------------------------------------- */

static mw_status fail_timeout(const mw_client *client, mw_error *err)
{
    mw_fail(err, MW_E_CLIENT_TIMEOUT, "no answer within %u ms", client->timeout_ms);
    mw_at(err, "%s", mw_dial_url(client->dial));
    return mw_mend(err, "try again, or allow more time");
}

static mw_status fail_reply(const mw_client *client, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_CLIENT_REPLY, "%s", what);
    mw_at(err, "%s", mw_dial_url(client->dial));
    return mw_mend(err, "check that an HTTP/1.1 server listens there");
}

/* Until the stream may go on. */
static mw_status wait_for(mw_client *client, mw_error *err)
{
    for (;;) {
        uint64_t now_ns = mw_clock_ns();
        if (now_ns >= client->deadline_ns)
            return fail_timeout(client, err);
        struct pollfd waiting = {.fd = client->stream.fd, .events = client->stream.awaits};
        int ms = (int)((client->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
        int n = poll(&waiting, 1, ms);
        if (n > 0)
            return MW_OK;
        if (n < 0 && errno != EINTR)
            return dial_fail(client->dial, NULL, errno, err);
    }
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void disconnect(mw_client *client)
{
    mw_stream_close(&client->stream);
    client->is_proven = false;
}

static mw_status connect_to(mw_client *client, const struct addrinfo *where, mw_error *err)
{
    int failed = 0;
    MW_TRY(dial_begin(client->dial, where, &client->stream, err));
    MW_TRY(wait_for(client, err));
    socklen_t size = sizeof failed;
    getsockopt(client->stream.fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    return failed == 0 ? MW_OK : dial_fail(client->dial, NULL, failed, err);
}

static mw_status ensure_connected(mw_client *client, mw_error *err)
{
    if (client->stream.fd >= 0)
        return MW_OK;
    struct addrinfo *list;
    const struct addrinfo *where;
    MW_TRY(dial_resolve(client->dial, &list, &where, err));
    mw_status status = MW_IO;
    for (; where && status != MW_OK; where = where->ai_next) {
        disconnect(client);
        status = connect_to(client, where, err);
    }
    if (list)
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
        ssize_t n = mw_stream_send(&client->stream, text.data, text.size);
        if (n == MW_STREAM_AGAIN) {
            MW_TRY(wait_for(client, err));
            continue;
        }
        if (n <= 0)
            return dial_fail(client->dial, &client->stream, client->stream.failed, err);
        text.data += n;
        text.size -= (size_t)n;
    }
    return MW_OK;
}

/* Append what comes next to `in`; *ret_ended when the server has closed. */
static mw_status receive(mw_client *client, bool *ret_ended, mw_error *err)
{
    ssize_t n;
    if (!mw_buf_reserve(&client->in, READ_BYTES))
        return mw_fail_memory(err, "the answer");
    size_t room = client->in.capacity - client->in.size - 1;
    while ((n = mw_stream_receive(&client->stream, client->in.data + client->in.size, room)) ==
           MW_STREAM_AGAIN)
        MW_TRY(wait_for(client, err));
    if (n < 0)
        return dial_fail(client->dial, &client->stream, client->stream.failed, err);
    client->in.size += (size_t)n;
    client->has_heard = client->has_heard || n > 0;
    *ret_ended = n == 0;
    return MW_OK;
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
        if (ret_head->status >= 200) {
            mw_buf_reset(&client->head);
            mw_buf_view(&client->head, (mw_view){client->in.data, size});
            return MW_OK;
        }
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
            return mw_at(err, "%s", mw_dial_url(client->dial));
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
                       const char *content_type, const char *headers, mw_view body)
{
    mw_buf *out = &client->out;
    mw_buf_reset(out);
    mw_buf_format(out, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, path,
                  mw_dial_authority(client->dial), mw_dial_headers(client->dial));
    if (content_type)
        mw_buf_format(out, "Content-Type: %s\r\n", content_type);
    mw_buf_text(out, headers);
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

/* What write_head has prepared. */
static mw_status call_prepared(mw_client *client, const char *method, mw_view body, int *ret_status,
                               mw_view *ret_body, mw_error *err)
{
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
    client->is_proven = client->stream.fd >= 0;
    *ret_status = head.status;
    *ret_body = reply;
    return MW_OK;
}

mw_status mw_client_call(mw_client *client, const char *method, const char *path,
                         const char *content_type, mw_view body, int *ret_status, mw_view *ret_body,
                         mw_error *err)
{
    if (!write_head(client, method, path, content_type, "", body))
        return mw_fail_memory(err, "the request");
    return call_prepared(client, method, body, ret_status, ret_body, err);
}

mw_status mw_client_call_with(mw_client *client, const char *method, const char *path,
                              const char *headers, mw_view body, int *ret_status, mw_view *ret_body,
                              mw_error *err)
{
    if (!write_head(client, method, path, NULL, headers, body))
        return mw_fail_memory(err, "the request");
    return call_prepared(client, method, body, ret_status, ret_body, err);
}

mw_view mw_client_header(const mw_client *client, const char *name)
{
    const char *at = client->head.data, *end = at ? at + client->head.size : at;
    while (at < end) {
        mw_header header;
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        if (!line_end)
            break;
        if (!net_split_header((mw_view){at, (size_t)(line_end - at)}, &header) &&
            mw_view_is_nocase(header.name, name))
            return header.value;
        at = line_end + 2;
    }
    return (mw_view){NULL, 0};
}

mw_status mw_client_open_to(const mw_dial *dial, unsigned timeout_ms, mw_client **ret_client,
                            mw_error *err)
{
    mw_client *client = calloc(1, sizeof *client);
    if (!client)
        return mw_fail_memory(err, "the client");
    client->stream.fd = -1;
    client->timeout_ms = timeout_ms;
    client->dial = dial;
    mw_buf_init(&client->in, MW_LIMIT_REPLY_BYTES + MW_LIMIT_HEAD_BYTES * 8 + READ_BYTES);
    mw_buf_init(&client->out, MW_MIB);
    mw_buf_init(&client->head, MW_LIMIT_HEAD_BYTES * 8);
    mw_buf_init(&client->body, MW_LIMIT_REPLY_BYTES);
    begin_call(client);
    mw_status status = ensure_connected(client, err);
    if (status != MW_OK) {
        mw_client_close(client);
        return status;
    }
    *ret_client = client;
    return MW_OK;
}

mw_status mw_client_open(const char *address, unsigned timeout_ms, mw_client **ret_client,
                         mw_error *err)
{
    mw_dial *dial;
    mw_client *client;
    MW_TRY(mw_dial_new(&(mw_dial_options){.url = address}, &dial, err));
    mw_status status = mw_client_open_to(dial, timeout_ms, &client, err);
    if (status != MW_OK) {
        mw_dial_free(dial);
        return status;
    }
    client->own_dial = dial;
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
    mw_buf_done(&client->head);
    mw_buf_done(&client->body);
    mw_dial_free(client->own_dial);
    free(client);
}
