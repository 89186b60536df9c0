/* What a loop keeps warm: connection structs, read buffers, exchanges. Each is a list of free ones,
 * newest first because that one is still in the processor's cache. Used by the loop's thread alone,
 * so there is no lock; and a warm server asks the system for no memory. */
#include "loop.h"

/* ---- read buffers ---------------------------------------------------------------------------- */

struct net_free_buffer {
    net_free_buffer *next;
};

char *net_loop_take_buffer(net_loop *loop)
{
    net_free_buffer *buffer = loop->free_buffers;
    if (!buffer)
        return malloc(loop->buffer_bytes);
    loop->free_buffers = buffer->next;
    loop->n_free_buffers--;
    return (char *)buffer;
}

void net_loop_give_buffer(net_loop *loop, char *data)
{
    if (loop->n_free_buffers >= MW_LIMIT_KEPT_READ_BUFFERS) {
        free(data);
        return;
    }
    net_free_buffer *buffer = (net_free_buffer *)(void *)data;
    buffer->next = loop->free_buffers;
    loop->free_buffers = buffer;
    loop->n_free_buffers++;
}

/* ---- connections ----------------------------------------------------------------------------- */

net_connection *net_loop_take_connection(net_loop *loop)
{
    net_connection *connection = loop->free_connections;
    if (connection) {
        loop->free_connections = connection->after;
        loop->n_free_connections--;
    } else {
        connection = malloc(sizeof *connection);
    }
    if (connection) {
        *connection = (net_connection){.loop = loop, .fd = -1};
        net_timer_init(&connection->timer);
        net_timer_init(&connection->tls.quiet);
        mw_buf_init(&connection->out, SIZE_MAX / 4);
    }
    return connection;
}

void net_loop_give_connection(net_loop *loop, net_connection *connection)
{
    if (loop->n_free_connections >= MW_LIMIT_KEPT_READ_BUFFERS) {
        free(connection);
        return;
    }
    connection->after = loop->free_connections;
    loop->free_connections = connection;
    loop->n_free_connections++;
}

/* ---- exchanges ------------------------------------------------------------------------------- */

static net_exchange *new_exchange(net_loop *loop)
{
    const mw_server_options *options = &loop->server->options;
    size_t size = sizeof(net_exchange) + options->max_headers * sizeof(mw_header);
    net_exchange *exchange = calloc(1, size);
    if (!exchange)
        return NULL;
    exchange->home = loop;
    exchange->letter.kind = NET_LETTER_REPLY;
    mw_arena_init(&exchange->arena, MW_LIMIT_REQUEST_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_buf_init(&exchange->reply, options->max_reply_bytes);
    mw_buf_init(&exchange->body, options->max_body_bytes);
    return exchange;
}

static void free_exchange(net_exchange *exchange)
{
    mw_arena_done(&exchange->arena);
    mw_buf_done(&exchange->reply);
    mw_buf_done(&exchange->body);
    free(exchange);
}

net_exchange *net_loop_take_exchange(net_loop *loop)
{
    net_exchange *exchange = loop->free_exchanges;
    if (!exchange)
        return new_exchange(loop);
    loop->free_exchanges = exchange->next_free;
    loop->n_free_exchanges--;
    return exchange;
}

static void empty_buffer(mw_buf *buf)
{
    if (buf->capacity > MW_LIMIT_KEPT_BYTES)
        mw_buf_done(buf);
    else
        mw_buf_reset(buf);
}

void net_loop_give_exchange(net_loop *loop, net_exchange *exchange)
{
    free(exchange->kept);
    exchange->kept = NULL;
    if (loop->n_free_exchanges >= MW_LIMIT_KEPT_EXCHANGES) {
        free_exchange(exchange);
        return;
    }
    mw_arena_reset(&exchange->arena);
    empty_buffer(&exchange->reply);
    empty_buffer(&exchange->body);
    exchange->next_free = loop->free_exchanges;
    loop->free_exchanges = exchange;
    loop->n_free_exchanges++;
}

void net_loop_free_pools(net_loop *loop)
{
    for (net_free_buffer *buffer = loop->free_buffers, *next; buffer; buffer = next) {
        next = buffer->next;
        free(buffer);
    }
    for (net_connection *connection = loop->free_connections, *next; connection;
         connection = next) {
        next = connection->after;
        free(connection);
    }
    for (net_exchange *exchange = loop->free_exchanges, *next; exchange; exchange = next) {
        next = exchange->next_free;
        free_exchange(exchange);
    }
}
