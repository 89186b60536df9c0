/* Exchanges: what handlers see and call. */
#include <assert.h>
#include <ctype.h>

#include "exchange.h"
#include "http2.h"
#include "token.h"

net_exchange *net_begin_exchange(net_connection *connection)
{
    net_exchange *exchange = net_loop_take_exchange(connection->loop);
    if (!exchange)
        return NULL;
    exchange->connection = connection;
    exchange->stream = NULL;
    exchange->body.cap = connection->loop->server->options.max_body_bytes;
    exchange->reply.cap = connection->loop->server->options.max_reply_bytes;
    exchange->state = NET_EXCHANGE_OPEN;
    exchange->is_again = exchange->lasts = exchange->waits = false;
    exchange->is_asked = exchange->in_parts = exchange->wants_piece = false;
    exchange->sent_bytes = 0;
    atomic_store_explicit(&exchange->is_gone, false, memory_order_relaxed);
    exchange->shown = (mw_exchange){
        .method = MW_METHOD_OTHER,
        .peer = connection->peer,
        .is_tls = connection->tls.is_open,
        .client_name =
            connection->client_name ? mw_view_of(connection->client_name) : (mw_view){"", 0},
        .loop = connection->loop->index,
        .began_ns = connection->ready_ns,
        .arena = &exchange->arena,
        .status = 200,
        .reply = &exchange->reply,
    };
    return exchange;
}

void net_exchange_renew(net_exchange *exchange)
{
    mw_exchange *shown = &exchange->shown;
    exchange->state = NET_EXCHANGE_OPEN;
    exchange->is_again = false;
    mw_arena_reset(&exchange->arena);
    mw_buf_reset(&exchange->reply);
    shown->began_ns = exchange->connection->ready_ns;
    shown->body = shown->body_encoding = shown->reply_headers = (mw_view){NULL, 0};
    shown->user = NULL;
    shown->seen = NULL;
    shown->error_code = 0;
    shown->takes_more = shown->stays = false;
    shown->status = 200;
}

void net_fill_fault(const mw_server *server, mw_exchange *exchange, int refusal,
                    const mw_error *err)
{
    mw_buf_reset(exchange->reply);
    exchange->status = refusal;
    exchange->reply_type = (mw_view){NULL, 0};
    exchange->reply_headers = (mw_view){NULL, 0};
    exchange->reply_bytes = 0;
    exchange->reply_goes_on = false;
    if (server->options.fault) {
        server->options.fault(server->options.user, exchange, err);
        return;
    }
    exchange->reply_type = MW_VIEW("text/plain; charset=utf-8");
    mw_error_sentence(err, exchange->reply);
    mw_buf_char(exchange->reply, '\n');
}

net_exchange_state net_exchange_handle(net_exchange *exchange)
{
    net_loop *loop = exchange->home;
    const mw_server_options *options = &loop->server->options;
    exchange->shown.received_ns = exchange->connection->ready_ns;
    if (!exchange->is_again)
        net_count(&loop->counts.requests, 1);
    net_count(&loop->counts.in_flight, 1);
    exchange->is_asked = true;
    if (exchange->shown.go_on)
        exchange->shown.go_on(&exchange->shown);
    else
        options->handler(options->user, &exchange->shown);
    if (exchange->state == NET_EXCHANGE_DEFERRED) {
        exchange->connection->n_exchanges++;
        loop->n_live_exchanges++;
    } else {
        net_count(&loop->counts.in_flight, (uint64_t)-1);
    }
    return exchange->state;
}

static void tell_outcome(const net_exchange *exchange, bool is_gone)
{
    const mw_server_options *options = &exchange->home->server->options;
    const mw_exchange *shown = &exchange->shown;
    mw_outcome outcome = {
        .status = shown->is_grpc ? 200 : shown->status,
        .grpc_status = shown->is_grpc ? net_grpc_code(shown->status) : -1,
        .is_gone = is_gone,
        .request_bytes = shown->body_begin + shown->body.size,
        .reply_bytes = exchange->lasts || exchange->in_parts ? exchange->sent_bytes
                       : shown->method == MW_HEAD            ? 0
                                                             : exchange->reply.size,
        .ended_ns = mw_clock_ns(),
    };
    options->done(options->user, shown, &outcome);
}

void net_exchange_end(net_exchange *exchange, bool is_gone)
{
    exchange->is_asked = false;
    if (exchange->home->server->options.done)
        tell_outcome(exchange, is_gone);
    if (exchange->shown.let_go)
        exchange->shown.let_go(&exchange->shown);
    exchange->shown.let_go = NULL;
}

void net_exchange_mend_reply(net_exchange *exchange)
{
    const mw_server *server = exchange->home->server;
    mw_error err;
    if (!exchange->reply.failed)
        return;
    mw_fail(&err, MW_E_REPLY_TOO_LARGE, "the answer passes the limit of %zu bytes",
            server->options.max_reply_bytes);
    mw_mend(&err, "ask for fewer rows in one request");
    net_fill_fault(server, &exchange->shown, 500, &err);
    if (exchange->reply.failed)
        mw_buf_reset(&exchange->reply);
}

void net_fail_large_body(size_t cap_bytes, mw_error *err)
{
    mw_fail(err, MW_E_BODY_TOO_LARGE, "the body is larger than %zu bytes", cap_bytes);
    mw_mend(err, "send smaller batches, or raise --max-body (of artifacts --max-artifact)");
}

size_t net_body_cap(const mw_server *server, const mw_exchange *exchange)
{
    const mw_server_options *options = &server->options;
    return options->body_cap ? options->body_cap(options->user, exchange) : options->max_body_bytes;
}

void net_fail_late(net_loop *loop, mw_error *err)
{
    net_count(&loop->counts.timeouts, 1);
    mw_fail(err, MW_E_REQUEST_TIMEOUT, "the request came too slowly");
    mw_mend(err, "send it faster, or in smaller pieces");
}

void net_fail_silence(mw_error *err)
{
    mw_fail(err, MW_E_NO_ANSWER, "the server did not answer");
    mw_mend(err, "this is a fault of the server; please report it");
}

mw_view mw_exchange_header(const mw_exchange *exchange, const char *name)
{
    const mw_view wanted = mw_view_of(name);
    for (size_t i = exchange->n_headers; i-- > 0;) {
        const mw_header *header = &exchange->headers[i];
        if (header->name.size == wanted.size && mw_view_equal_nocase(header->name, wanted))
            return header->value;
    }
    return (mw_view){NULL, 0};
}

bool mw_percent_decode(mw_view text, mw_arena *arena, mw_view *ret_text)
{
    if (text.size == 0 || !memchr(text.data, '%', text.size)) {
        *ret_text = text;
        return true;
    }
    char *out = mw_arena_take(arena, text.size);
    if (!out)
        return false;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%') {
            out[size++] = text.data[i];
            continue;
        }
        int byte = i + 2 < text.size ? mw_hex_byte(text.data + i + 1) : -1;
        if (byte < 0)
            return false;
        out[size++] = (char)byte;
        i += 2;
    }
    *ret_text = (mw_view){out, size};
    return true;
}

void mw_exchange_defer(mw_exchange *shown)
{
    net_exchange *exchange = (net_exchange *)shown;
    assert(exchange->state == NET_EXCHANGE_OPEN);
    exchange->state = NET_EXCHANGE_DEFERRED;
}

void mw_exchange_reply(mw_exchange *shown)
{
    net_exchange *exchange = (net_exchange *)shown;
    if (exchange->state == NET_EXCHANGE_DEFERRED) {
        net_loop_post(exchange->home, &exchange->letter);
        return;
    }
    assert(exchange->state == NET_EXCHANGE_OPEN);
    exchange->state = NET_EXCHANGE_REPLIED;
}

void mw_exchange_return(mw_exchange *shown)
{
    net_exchange *exchange = (net_exchange *)shown;
    assert(exchange->state == NET_EXCHANGE_DEFERRED);
    exchange->letter.kind = NET_LETTER_RETURN;
    net_loop_post(exchange->home, &exchange->letter);
}

void mw_exchange_more(mw_exchange *shown)
{
    net_exchange *exchange = (net_exchange *)shown;
    assert(exchange->state == NET_EXCHANGE_DEFERRED && shown->body_goes_on);
    exchange->wants_piece = true;
    exchange->letter.kind = NET_LETTER_RETURN;
    net_loop_post(exchange->home, &exchange->letter);
}

void mw_exchange_wait(mw_exchange *shown)
{
    net_exchange *exchange = (net_exchange *)shown;
    assert(exchange->state == NET_EXCHANGE_OPEN && (shown->is_grpc || exchange->lasts));
    exchange->state = NET_EXCHANGE_WAITING;
}

bool mw_exchange_is_half_closed(const mw_exchange *shown)
{
    return ((const net_exchange *)shown)->connection->peer_finished;
}

bool mw_exchange_is_gone(const mw_exchange *shown)
{
    const net_exchange *exchange = (const net_exchange *)shown;
    return atomic_load_explicit(&exchange->is_gone, memory_order_relaxed);
}
