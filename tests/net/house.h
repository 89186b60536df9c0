/* A server for tests, whose handler does what the path says:
 *
 *     /echo      the body comes back              /what    method, path, query, count of headers
 *     /big?N     N bytes                          /none    204
 *     /later?MS  from a thread, after MS          /wait    from a thread, once the client is gone
 *     /close     closes behind the answer         /silent  no answer at all
 *     /headers   says one more header          /lead?N  where the body's byte N stands, of 16
 */
#ifndef TESTS_NET_HOUSE_H
#define TESTS_NET_HOUSE_H

#include <stdatomic.h>

#include "wire.h"

typedef struct net_house {
    mw_server *server;
    mw_pool *pool;
    mw_server_options options;
    const char *address;
    atomic_uint n_handled, n_gone;
} net_house;

typedef struct later_job {
    mw_job job;
    mw_exchange *exchange;
    net_house *house;
    unsigned ms;
    bool waits_for_hang_up;
} later_job;

static void run_later(mw_job *job)
{
    later_job *later = (later_job *)job;
    mw_exchange *exchange = later->exchange;
    for (unsigned i = 0; later->waits_for_hang_up && i < WIRE_WAIT_MS; i++) {
        if (mw_exchange_is_gone(exchange)) {
            atomic_fetch_add(&later->house->n_gone, 1);
            break;
        }
        wire_pause(1);
    }
    wire_pause(later->ms);
    mw_buf_text(exchange->reply, "later");
    mw_exchange_reply(exchange);
}

static void house_defer(net_house *house, mw_exchange *exchange, bool waits_for_hang_up)
{
    later_job *later = mw_arena_take_zeroed(exchange->arena, 1, sizeof *later);
    later->job.run = run_later;
    later->exchange = exchange;
    later->house = house;
    later->waits_for_hang_up = waits_for_hang_up;
    later->ms = exchange->query.size > 0 ? (unsigned)strtoul(exchange->query.data, NULL, 10) : 0;
    mw_exchange_defer(exchange);
    mw_pool_submit(house->pool, &later->job);
}

static size_t house_lead(void *user, const mw_exchange *exchange)
{
    (void)user;
    return exchange->query.size > 0 ? strtoul(exchange->query.data, NULL, 10) : 0;
}

static void house_handle(void *user, mw_exchange *exchange)
{
    net_house *house = user;
    mw_view path = exchange->path;
    atomic_fetch_add(&house->n_handled, 1);
    exchange->reply_type = MW_VIEW("text/plain");
    if (mw_view_is(path, "/silent"))
        return;
    if (mw_view_is(path, "/later") || mw_view_is(path, "/wait")) {
        house_defer(house, exchange, mw_view_is(path, "/wait"));
        return;
    }
    if (mw_view_is(path, "/echo")) {
        mw_buf_view(exchange->reply, exchange->body);
    } else if (mw_view_is(path, "/big")) {
        size_t size = strtoul(exchange->query.data, NULL, 10);
        if (mw_buf_reserve(exchange->reply, size)) {
            memset(exchange->reply->data, 'b', size);
            exchange->reply->size = size;
        }
    } else if (mw_view_is(path, "/none")) {
        exchange->status = 204;
    } else if (mw_view_is(path, "/close")) {
        exchange->close_after = true;
    } else if (mw_view_is(path, "/lead")) {
        size_t at = (size_t)(uintptr_t)exchange->body.data + house_lead(NULL, exchange);
        mw_buf_format(exchange->reply, "%zu bytes, %zu", exchange->body.size, at % 16);
    } else if (mw_view_is(path, "/headers")) {
        exchange->reply_headers = MW_VIEW("X-More: yes\r\nX-Other: 2\r\n");
    } else {
        mw_buf_format(exchange->reply, "%.*s|%.*s|%.*s|%zu", MW_VIEW_ARG(exchange->method_text),
                      MW_VIEW_ARG(path), MW_VIEW_ARG(exchange->query), exchange->n_headers);
    }
    mw_exchange_reply(exchange);
}

/* Options may be changed between prepare and open. */
static void house_prepare(net_house *house)
{
    memset(house, 0, sizeof *house);
    mw_server_options_init(&house->options);
    house->options.listen = "127.0.0.1:0";
    house->options.handler = house_handle;
    house->options.body_lead = house_lead;
    house->options.user = house;
    house->options.n_loops = 2;
}

static void house_open(net_house *house)
{
    mw_error err;
    assert_int_equal(mw_pool_new(4, &house->pool, &err), MW_OK);
    if (mw_server_open(&house->options, &house->server, &err) != MW_OK ||
        mw_server_start(house->server, &err) != MW_OK)
        fail_msg("%s (%s)", err.what, err.why);
    house->address = mw_server_address(house->server);
}

static void house_close(net_house *house)
{
    mw_server_close(house->server); /* waits for what is deferred */
    mw_pool_free(house->pool);
}

#endif
