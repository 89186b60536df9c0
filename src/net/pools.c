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

/* ---- memory of HTTP/2 sessions ----------------------------------------------------------------
 */

/* libnghttp2 asks for a dozen small pieces a request. They come from lists by size, a step a list;
 * before each stands which one, as it must be known when it is given back. */
enum { PIECE_STEP = 64, PIECE_HEAD = 16 };
#ifdef __SANITIZE_ADDRESS__
enum { KEPT_PIECES = 0 }; /* so that it sees what is used after it was given back */
#else
enum { KEPT_PIECES = MW_LIMIT_KEPT_PIECES };
#endif

union net_piece {
    union net_piece *next;
    size_t list; /* NET_PIECE_LISTS: it is in none */
    char room[PIECE_HEAD];
};

static void *take_piece(size_t size, void *user)
{
    net_loop *loop = user;
    size_t list = size / PIECE_STEP < NET_PIECE_LISTS ? size / PIECE_STEP : NET_PIECE_LISTS;
    net_piece *piece = list < NET_PIECE_LISTS ? loop->free_pieces[list] : NULL;
    if (piece) {
        loop->free_pieces[list] = piece->next;
        loop->n_free_pieces[list]--;
    } else {
        piece = malloc(PIECE_HEAD + (list < NET_PIECE_LISTS ? (list + 1) * PIECE_STEP : size));
    }
    if (!piece)
        return NULL;
    piece->list = list;
    return piece + 1;
}

static void give_piece(void *memory, void *user)
{
    net_loop *loop = user;
    net_piece *piece = memory ? (net_piece *)memory - 1 : NULL;
    size_t list = piece ? piece->list : NET_PIECE_LISTS;
    if (list == NET_PIECE_LISTS || loop->n_free_pieces[list] == KEPT_PIECES) {
        free(piece);
        return;
    }
    piece->next = loop->free_pieces[list];
    loop->free_pieces[list] = piece;
    loop->n_free_pieces[list]++;
}

static void *take_zeroed_piece(size_t n, size_t size, void *user)
{
    size_t bytes;
    void *memory = __builtin_mul_overflow(n, size, &bytes) ? NULL : take_piece(bytes, user);
    return memory ? memset(memory, 0, bytes) : NULL;
}

static void *grow_piece(void *memory, size_t size, void *user)
{
    net_piece *piece = memory ? (net_piece *)memory - 1 : NULL;
    if (piece && piece->list == NET_PIECE_LISTS) {
        piece = realloc(piece, PIECE_HEAD + size); /* it stays in none, also when it shrinks */
        return piece ? piece + 1 : NULL;
    }
    size_t have = piece ? (piece->list + 1) * PIECE_STEP : 0;
    if (size <= have)
        return memory;
    void *larger = take_piece(size, user);
    if (larger && memory) {
        memcpy(larger, memory, have);
        give_piece(memory, user);
    }
    return larger;
}

nghttp2_mem net_loop_pieces(net_loop *loop)
{
    return (nghttp2_mem){loop, take_piece, give_piece, take_zeroed_piece, grow_piece};
}

static void free_pieces(net_loop *loop)
{
    for (size_t list = 0; list < NET_PIECE_LISTS; list++)
        for (net_piece *piece = loop->free_pieces[list], *next; piece; piece = next) {
            next = piece->next;
            free(piece);
        }
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
    free_pieces(loop);
    free(loop->tls_in);
    free(loop->tls_out);
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
