/* Buffers of a connection: bytes in, bytes out, and the end. */
#include <assert.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop.h"

/* ---- in -------------------------------------------------------------------------------------- */

/* Give the unused bytes a buffer of the loop's size. */
static bool fetch_buffer(net_connection *connection)
{
    net_input *in = &connection->in;
    net_loop *loop = connection->loop;
    if (in->capacity == loop->buffer_bytes)
        return true;
    char *buffer = net_loop_take_buffer(loop);
    if (!buffer)
        return false;
    uint32_t size = in->end - in->begin;
    if (size > 0)
        memcpy(buffer, in->data + in->begin, size);
    free(in->data);
    *in = (net_input){.data = buffer, .end = size, .capacity = loop->buffer_bytes};
    return true;
}

static void give_buffer(net_connection *connection)
{
    net_input *in = &connection->in;
    if (in->data && in->capacity == connection->loop->buffer_bytes)
        net_loop_give_buffer(connection->loop, in->data);
    else
        free(in->data);
    *in = (net_input){0};
}

ssize_t net_connection_read_into(net_connection *connection, void *data, size_t size)
{
    assert(size > 0);
    bool drained = false;
    ssize_t n = connection->transport->read(connection, data, size, &drained);
    if (n > 0)
        net_count(&connection->loop->counts.bytes_in, (uint64_t)n);
    /* Drained: the next bytes raise an event. Unless the peer has finished: that event was the last
     * one, and the end is still to be read. */
    if (n == NET_AGAIN || (n > 0 && drained && !connection->peer_finished))
        connection->may_read = false;
    return n;
}

ssize_t net_connection_read(net_connection *connection, bool may_move, size_t most_bytes)
{
    net_input *in = &connection->in;
    if (!fetch_buffer(connection))
        return NET_BROKEN;
    if (may_move && in->begin > 0) {
        memmove(in->data, in->data + in->begin, in->end - in->begin);
        in->end -= in->begin;
        in->begin = 0;
    }
    size_t room = in->capacity - in->end;
    ssize_t n = net_connection_read_into(connection, in->data + in->end,
                                         room < most_bytes ? room : most_bytes);
    if (n > 0)
        in->end += (uint32_t)n;
    return n;
}

void net_connection_park(net_connection *connection)
{
    net_input *in = &connection->in;
    if (!in->data || in->capacity != connection->loop->buffer_bytes)
        return;
    uint32_t size = in->end - in->begin;
    char *parked = NULL;
    if (size > 0) {
        parked = malloc(size);
        if (!parked)
            return; /* then it keeps the large one */
        memcpy(parked, in->data + in->begin, size);
    }
    net_loop_give_buffer(connection->loop, in->data);
    *in = (net_input){.data = parked, .end = size, .capacity = size};
}

/* ---- out ------------------------------------------------------------------------------------- */

void net_swap_bytes(mw_buf *a, mw_buf *b)
{
    mw_buf kept = *a;
    a->data = b->data;
    a->size = b->size;
    a->capacity = b->capacity;
    b->data = kept.data;
    b->size = kept.size;
    b->capacity = kept.capacity;
}

mw_buf *net_connection_gather(net_connection *connection)
{
    return connection->write_blocked ? &connection->out : &connection->loop->gathered;
}

void net_connection_watch_write(net_connection *connection)
{
    if (connection->watches_write)
        return;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = connection};
    epoll_ctl(connection->loop->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
    connection->watches_write = true; /* edge-triggered: no cost from now on */
}

/* Keep what the socket did not take. A large body is not copied: its memory changes hands. */
static bool keep_rest(net_connection *connection, mw_buf *body, size_t written)
{
    mw_buf *gathered = &connection->loop->gathered;
    if (body && written >= gathered->size) {
        net_swap_bytes(&connection->out, body);
        connection->out_written = written - gathered->size;
    } else {
        if (body)
            mw_buf_bytes(gathered, body->data, body->size);
        if (gathered->failed)
            return false;
        net_swap_bytes(&connection->out, gathered);
        connection->out_written = written;
    }
    mw_buf_reset(gathered);
    connection->write_blocked = true;
    connection->step_written_bytes = 0;
    net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_WRITE,
                  connection->loop->now_ns);
    net_connection_watch_write(connection);
    return true;
}

static void abandon(net_connection *connection)
{
    if (!connection->write_blocked)
        mw_buf_reset(&connection->loop->gathered);
    net_connection_close(connection);
}

bool net_connection_flush(net_connection *connection, mw_buf *body)
{
    mw_buf *gathered = net_connection_gather(connection);
    if (gathered->failed) {
        abandon(connection);
        return false;
    }
    if (connection->write_blocked) {
        if (body)
            mw_buf_bytes(gathered, body->data, body->size);
        if (gathered->failed)
            abandon(connection);
        return false;
    }
    struct iovec pieces[2];
    int n_pieces = 0;
    size_t total = gathered->size + (body ? body->size : 0);
    if (gathered->size > 0)
        pieces[n_pieces++] = (struct iovec){gathered->data, gathered->size};
    if (body && body->size > 0)
        pieces[n_pieces++] = (struct iovec){body->data, body->size};
    if (total == 0)
        return true;
    ssize_t n = connection->transport->write(connection, pieces, n_pieces);
    size_t written = n > 0 ? (size_t)n : 0;
    net_count(&connection->loop->counts.bytes_out, written);
    if (written == total) {
        mw_buf_reset(gathered);
        return true;
    }
    if (n == NET_BROKEN || !keep_rest(connection, body, written))
        abandon(connection);
    return false;
}

/* The write time-out is for each step of an answer, so that a large one may take longer. */
static void note_progress(net_connection *connection, size_t written)
{
    connection->out_written += written;
    connection->step_written_bytes += written;
    net_count(&connection->loop->counts.bytes_out, written);
    if (connection->step_written_bytes < MW_LIMIT_WRITE_STEP_BYTES)
        return;
    connection->step_written_bytes = 0;
    net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_WRITE,
                  connection->loop->now_ns);
}

bool net_connection_resume(net_connection *connection)
{
    mw_buf *out = &connection->out;
    while (connection->out_written < out->size) {
        struct iovec piece = {out->data + connection->out_written,
                              out->size - connection->out_written};
        ssize_t n = connection->transport->write(connection, &piece, 1);
        if (n == NET_BROKEN) {
            net_connection_close(connection);
            return false;
        }
        if (n == NET_AGAIN)
            return false;
        note_progress(connection, (size_t)n);
    }
    mw_buf_done(out);
    connection->out_written = 0;
    connection->write_blocked = false;
    net_timer_clear(&connection->loop->timers, &connection->timer);
    return true;
}

/* ---- from one protocol to the next ------------------------------------------------------------
 */

/* What may be entered here closes nothing while it opens or hears of a drain. */
void net_connection_enter(net_connection *connection, const net_protocol *protocol)
{
    connection->protocol = protocol;
    protocol->on_open(connection);
    if (connection->loop->phase == NET_DRAINING)
        protocol->on_drain(connection);
    protocol->on_ready(connection);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void leave_lists(net_connection *connection)
{
    net_loop *loop = connection->loop;
    if (connection->before)
        connection->before->after = connection->after;
    else
        loop->connections = connection->after;
    if (connection->after)
        connection->after->before = connection->before;
    net_loop_forget(loop, connection);
}

static void announce_empty(net_loop *loop)
{
    mw_server *server = loop->server;
    if (atomic_fetch_sub(&loop->n_connections, 1) > 1 || loop->phase == NET_RUNNING)
        return;
    pthread_mutex_lock(&server->lock);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

void net_connection_release(net_connection *connection)
{
    give_buffer(connection);
    mw_buf_done(&connection->out);
    free(connection->client_name);
    net_loop_give_connection(connection->loop, connection);
}

void net_connection_close(net_connection *connection)
{
    assert(connection->fd >= 0);
    net_timer_clear(&connection->loop->timers, &connection->timer);
    leave_lists(connection);
    connection->protocol->on_close(connection);
    if (connection->transport->close)
        connection->transport->close(connection);
    close(connection->fd); /* which also takes it out of epoll */
    connection->fd = -1;
    announce_empty(connection->loop);
    if (connection->n_exchanges == 0)
        net_connection_release(connection);
}
