/* Bodies that go on: a piece now, the next ones at news, the end with the connection, or the
 * stream.
 *
 *     answer that stays --> head, piece --> loop's list --announce--> handler again --> piece ...
 *                                             `-- gone, drained, an answer that does not stay: the
 * end
 *
 * No thread waits. Without a length and without chunks (RFC 9112 section 6.3, rule 8): who reads
 * events reads them as they come, and a body that ends is begun anew by whoever wants more. A
 * client that does not read is not asked for: what it misses is the handler's to tell later, and
 * the time-out of writing ends it. */
#include "exchange.h"
#include "http2.h"

static bool may_begin(net_exchange *exchange)
{
    mw_error err;
    mw_server *server = exchange->home->server;
    if (exchange->home->phase != NET_RUNNING) {
        mw_fail(&err, MW_E_SERVER_STOPS, "the server is about to stop");
        mw_mend(&err, "ask another one, or this one when it is back");
        net_fill_fault(server, &exchange->shown, 503, &err);
        return false;
    }
    if (atomic_load(&server->n_waiting) < MW_LIMIT_WAITING_CALLS)
        return true;
    mw_fail(&err, MW_E_WAITING_CALLS, "too many calls wait for news");
    mw_mend(&err, "end some of them, or ask now and then instead");
    net_fill_fault(server, &exchange->shown, 429, &err);
    return false;
}

bool net_lasting_begins(net_exchange *exchange)
{
    const mw_exchange *shown = &exchange->shown;
    return shown->stays && shown->status == 200 && shown->method != MW_HEAD && may_begin(exchange);
}

static void join(net_exchange *exchange)
{
    net_loop *loop = exchange->home;
    exchange->waits = true;
    exchange->waiting_after = loop->lasting;
    exchange->waiting_link = &loop->lasting;
    if (loop->lasting)
        loop->lasting->waiting_link = &exchange->waiting_after;
    loop->lasting = exchange;
}

static void leave(net_exchange *exchange)
{
    exchange->waits = false;
    *exchange->waiting_link = exchange->waiting_after;
    if (exchange->waiting_after)
        exchange->waiting_after->waiting_link = exchange->waiting_link;
}

void net_lasting_wait(net_exchange *exchange)
{
    net_loop *loop = exchange->home;
    atomic_fetch_add(&loop->server->n_waiting, 1);
    join(exchange);
    /* news since the handler looked? then its loop was perhaps not woken for it */
    if (atomic_load(&loop->server->n_news) != loop->n_news)
        net_loop_post(loop, NULL);
}

void net_lasting_forget(net_exchange *exchange)
{
    if (!exchange->waits)
        return;
    leave(exchange);
    atomic_fetch_sub(&exchange->home->server->n_waiting, 1);
}

static void ask_again(net_exchange *exchange)
{
    mw_exchange *shown = &exchange->shown;
    net_connection *connection = exchange->connection;
    net_lasting_forget(exchange);
    mw_buf_reset(&exchange->reply);
    shown->reply_headers = (mw_view){NULL, 0};
    shown->stays = false;
    shown->status = 200;
    if (!connection->is_ready)
        connection->ready_ns = exchange->home->now_ns;
    connection->protocol->on_return(connection, exchange);
}

/* What it was told before is not sent yet. */
static bool is_behind(const net_exchange *exchange)
{
    const net_stream *stream = exchange->stream;
    return exchange->connection->write_blocked || (stream && stream->out_sent < stream->out.size);
}

/* Whoever waits on joins the loop's list again; closing a connection takes it out of either list.
 */
void net_lasting_tell_news(net_loop *loop)
{
    net_exchange *told = loop->lasting;
    loop->lasting = NULL;
    if (told)
        told->waiting_link = &told;
    while (told) {
        net_exchange *exchange = told;
        if (!is_behind(exchange)) {
            ask_again(exchange);
            continue;
        }
        leave(exchange);
        join(exchange);
    }
}
