/* The loop's thread: wait, serve events, read mail, act on phases and time-outs.
 *
 *      epoll --collect--> ready, in the order they became readable --a turn--> protocols
 *        ^--------------------------------------------------------------------------'
 *
 * Sockets are watched edge-triggered and registered once, so a request costs no epoll_ctl. Under
 * load most of what waits would wait in the kernel, where its age cannot be told. So a turn takes
 * about a millisecond, then epoll is asked again: each connection's wait is known to that
 * millisecond (net_connection.ready_ns), and mail, new clients and clocks have their turn, too. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <fcntl.h>
#include <unistd.h>

#include "exchange.h"
#include "http2.h"

enum { EVENTS_A_CALL = 128, TURN_NS = 1000000, NS_PER_MS = 1000000, MS_PER_SECOND = 1000 };

/* ---- mail ------------------------------------------------------------------------------------ */

static void wake(net_loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof one);
    (void)n; /* fails only when the counter is full: then it is awake already */
}

/* A stack that many push to and the loop takes whole. Who finds it empty wakes the loop. */
void net_loop_post(net_loop *loop, net_letter *letter)
{
    if (!letter) {
        wake(loop);
        return;
    }
    net_letter *top = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do
        letter->next = top;
    while (!atomic_compare_exchange_weak_explicit(&loop->inbox, &top, letter, memory_order_release,
                                                  memory_order_relaxed));
    if (!top)
        wake(loop);
}

/* In the order they were sent. */
static net_letter *take_mail(net_loop *loop)
{
    net_letter *newest = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    net_letter *oldest = NULL;
    while (newest) {
        net_letter *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

#define OWNER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static void deliver_exchange(net_loop *loop, net_exchange *exchange)
{
    bool returns = exchange->letter.kind == NET_LETTER_RETURN;
    exchange->letter.kind = NET_LETTER_REPLY;
    net_connection *connection = exchange->connection;
    connection->n_exchanges--;
    loop->n_live_exchanges--;
    net_count(&loop->counts.in_flight, (uint64_t)-1);
    if (connection->fd >= 0) {
        if (!connection->is_ready) /* what is pipelined behind it waited for it, not for the loop */
            connection->ready_ns = loop->now_ns;
        (returns ? connection->protocol->on_return : connection->protocol->on_reply)(connection,
                                                                                     exchange);
        return;
    }
    net_exchange_end(exchange, true); /* the client is gone */
    net_loop_give_exchange(loop, exchange);
    if (connection->n_exchanges == 0)
        net_connection_release(connection);
}

static void read_mail(net_loop *loop)
{
    for (net_letter *letter = take_mail(loop), *next; letter; letter = next) {
        next = letter->next;
        if (letter->kind == NET_LETTER_CONNECTION)
            (void)net_loop_adopt(loop, OWNER_OF(letter, net_connection, letter));
        else
            deliver_exchange(loop, OWNER_OF(letter, net_exchange, letter));
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

void net_loop_again(net_loop *loop, net_connection *connection)
{
    if (connection->is_ready)
        return;
    connection->is_ready = true;
    connection->ready_before = loop->last_ready;
    connection->ready_after = NULL;
    *(loop->last_ready ? &loop->last_ready->ready_after : &loop->ready) = connection;
    loop->last_ready = connection;
}

void net_loop_forget(net_loop *loop, net_connection *connection)
{
    if (!connection->is_ready)
        return;
    net_connection *before = connection->ready_before, *after = connection->ready_after;
    *(before ? &before->ready_after : &loop->ready) = after;
    *(after ? &after->ready_before : &loop->last_ready) = before;
    connection->is_ready = false;
}

bool net_loop_turn_is_over(net_loop *loop)
{
    loop->now_ns = mw_clock_ns();
    return loop->now_ns >= loop->turn_end_ns;
}

static void serve_connection(net_connection *connection)
{
    uint32_t events = connection->events;
    connection->events = 0;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        connection->may_read = true;
    if ((events & EPOLLOUT) && connection->read_waits_write)
        connection->may_read = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        connection->peer_finished = true;
        connection->protocol->on_hang_up(connection);
    }
    /* Both directions are down: nobody will read an answer. Elsewhere reading tells. */
    if ((events & (EPOLLHUP | EPOLLERR)) &&
        (connection->n_exchanges > 0 || connection->write_blocked)) {
        net_connection_close(connection);
        return;
    }
    if (connection->write_blocked && !((events & EPOLLOUT) && net_connection_resume(connection)))
        return;
    connection->protocol->on_ready(connection);
}

static bool is_listener(const mw_server *server, const void *thing)
{
    uintptr_t at = (uintptr_t)thing, first = (uintptr_t)server->listeners;
    return at >= first && at < first + server->n_listeners * sizeof(net_listener);
}

static void note_event(net_loop *loop, const struct epoll_event *event)
{
    net_connection *connection = event->data.ptr;
    if (event->data.ptr == loop) {
        uint64_t count;
        ssize_t n = read(loop->wake_fd, &count, sizeof count);
        (void)n;
    } else if (is_listener(loop->server, event->data.ptr)) {
        const net_listener *listener = event->data.ptr;
        loop->may_accept |= UINT64_C(1) << (listener - loop->server->listeners);
    } else {
        if (!connection->is_ready)
            connection->ready_ns = loop->now_ns;
        connection->events |= event->events;
        net_loop_again(loop, connection);
    }
}

/* All that is ready now joins those that wait for their turn. */
static void collect(net_loop *loop)
{
    struct epoll_event events[EVENTS_A_CALL];
    int wait_ms = loop->ready ? 0 : net_timers_wait_ms(&loop->timers, loop->now_ns), n;
    do {
        net_count(&loop->counts.busy_ns, mw_clock_ns() - loop->woken_ns);
        n = epoll_wait(loop->epoll_fd, events, EVENTS_A_CALL, wait_ms);
        loop->now_ns = loop->woken_ns = mw_clock_ns();
        for (int i = 0; i < n; i++)
            note_event(loop, &events[i]);
        wait_ms = 0;
    } while (n == EVENTS_A_CALL);
}

static void serve_ready(net_loop *loop)
{
    loop->turn_end_ns = loop->now_ns + TURN_NS;
    while (loop->ready) {
        net_connection *connection = loop->ready;
        net_loop_forget(loop, connection);
        serve_connection(connection);
        if (!loop->ready || net_loop_turn_is_over(loop))
            break;
    }
    for (size_t i = 0; loop->may_accept; i++) {
        if (loop->may_accept & 1)
            (void)net_loop_accept(loop, &loop->server->listeners[i]);
        loop->may_accept >>= 1;
    }
}

static void serve_timeouts(net_loop *loop)
{
    net_timer_kind kind;
    net_timer *timer;
    while ((timer = net_timers_due(&loop->timers, loop->now_ns, &kind))) {
        if (kind == NET_TIMER_QUIET) {
            net_tls_rest(OWNER_OF(timer, net_connection, tls.quiet));
            continue;
        }
        net_connection *connection = OWNER_OF(timer, net_connection, timer);
        connection->protocol->on_timeout(connection, kind);
    }
}

/* ---- phases ---------------------------------------------------------------------------------- */

static void for_each_connection(net_loop *loop, void (*act)(net_connection *connection))
{
    for (net_connection *connection = loop->connections, *after; connection; connection = after) {
        after = connection->after;
        act(connection);
    }
}

static void drain_connection(net_connection *connection)
{
    connection->protocol->on_drain(connection);
}

static void cut_connection(net_connection *connection)
{
    if (connection->protocol->is_busy(connection))
        atomic_fetch_add(&connection->loop->server->n_cut, 1);
    net_connection_close(connection);
}

static void announce_emptied(net_loop *loop)
{
    mw_server *server = loop->server;
    loop->emptied = true;
    pthread_mutex_lock(&server->lock);
    server->n_emptied++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void accept_all(net_loop *loop)
{
    mw_server *server = loop->server;
    for (size_t i = 0; i < server->n_listeners; i++)
        while (net_loop_accept(loop, &server->listeners[i]))
            continue;
}

static void follow_phase(net_loop *loop)
{
    net_phase wanted = (net_phase)atomic_load(&loop->server->phase);
    if (wanted > loop->phase && loop->phase == NET_RUNNING) {
        accept_all(loop); /* those whom the kernel let in are served */
        loop->phase = NET_DRAINING;
        net_loop_stop_listening(loop);
        for_each_connection(loop, drain_connection);
    }
    if (wanted == NET_STOPPING && loop->phase == NET_DRAINING) {
        loop->phase = NET_STOPPING;
        for_each_connection(loop, cut_connection);
        announce_emptied(loop);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

const char *net_loop_date(net_loop *loop, size_t *ret_size)
{
    enum { DATE_LINE_BYTES = 37 };
    if (loop->now_ns >= loop->date_until_ns) {
        int64_t wall_ms = mw_clock_wall_ms();
        time_t seconds = (time_t)(wall_ms / MS_PER_SECOND);
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(loop->date, sizeof loop->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
        loop->date_until_ns =
            loop->now_ns + (uint64_t)(MS_PER_SECOND - wall_ms % MS_PER_SECOND) * NS_PER_MS;
    }
    *ret_size = DATE_LINE_BYTES;
    return loop->date;
}

/* ---- life ------------------------------------------------------------------------------------ */

void net_loop_begin(net_loop *loop)
{
    loop->now_ns = loop->woken_ns = mw_clock_ns();
}

static void tell_news(net_loop *loop)
{
    unsigned n_news = atomic_load(&loop->server->n_news);
    if (n_news == loop->n_news)
        return;
    loop->n_news = n_news;
    net_grpc_tell_news(loop);
    net_lasting_tell_news(loop);
}

void net_loop_turn(net_loop *loop)
{
    collect(loop);
    serve_ready(loop);
    read_mail(loop);
    tell_news(loop);
    follow_phase(loop);
    serve_timeouts(loop);
}

void *net_loop_run(void *argument)
{
    net_loop *loop = argument;
    net_loop_begin(loop);
    while (loop->phase != NET_STOPPING || loop->n_live_exchanges > 0)
        net_loop_turn(loop);
    return NULL;
}

static bool watch(net_loop *loop, int fd, uint32_t events, void *thing)
{
    struct epoll_event event = {.events = events, .data.ptr = thing};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool watch_listeners(net_loop *loop)
{
    mw_server *server = loop->server;
    for (size_t i = 0; i < server->n_listeners; i++)
        if (!watch(loop, server->listeners[i].fd, EPOLLIN | EPOLLEXCLUSIVE, &server->listeners[i]))
            return false;
    return true;
}

static mw_status open_descriptors(net_loop *loop, mw_error *err)
{
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd >= 0 && loop->wake_fd >= 0 && watch(loop, loop->wake_fd, EPOLLIN, loop) &&
        watch_listeners(loop))
        return MW_OK;
    mw_fail(err, MW_E_SOCKET, "cannot make an event descriptor: %s", strerror(errno));
    return mw_mend(err, "raise the limit of open files (ulimit -n)");
}

static void set_periods(net_loop *loop)
{
    const mw_server_options *options = &loop->server->options;
    /* A body is looked at about once a second, and exactly at its end. */
    unsigned looks = (options->body_ms + MS_PER_SECOND - 1) / MS_PER_SECOND;
    net_timers_init(&loop->timers, (unsigned[NET_N_TIMERS]){
                                       [NET_TIMER_HEAD] = options->head_ms,
                                       [NET_TIMER_BODY] = options->body_ms / (looks ? looks : 1),
                                       [NET_TIMER_IDLE] = options->idle_ms,
                                       [NET_TIMER_WRITE] = options->write_ms,
                                       [NET_TIMER_LINGER] = MW_LIMIT_LINGER_MS,
                                       [NET_TIMER_DRAIN] = MW_LIMIT_DRAIN_IDLE_MS,
                                       [NET_TIMER_QUIET] = MW_LIMIT_TLS_KEPT_MS,
                                   });
}

mw_status net_loop_init(net_loop *loop, mw_server *server, unsigned index, mw_error *err)
{
    enum { LEAST_BUFFER_BYTES = 16 * 1024 };
    loop->server = server;
    loop->index = index;
    loop->epoll_fd = loop->wake_fd = -1;
    loop->listening = true;
    loop->now_ns = mw_clock_ns();
    size_t wanted = 2 * server->head_limits.head_bytes;
    loop->buffer_bytes = (uint32_t)(wanted > LEAST_BUFFER_BYTES ? wanted : LEAST_BUFFER_BYTES);
    mw_buf_init(&loop->gathered, SIZE_MAX / 4);
    set_periods(loop);
    return open_descriptors(loop, err);
}

static void close_descriptor(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* The thread has ended, or never begun: what another loop handed over since is closed here. */
void net_loop_done(net_loop *loop)
{
    loop->phase = NET_STOPPING;
    read_mail(loop);
    for_each_connection(loop, cut_connection);
    net_loop_free_pools(loop);
    mw_buf_done(&loop->gathered);
    close_descriptor(loop->epoll_fd);
    close_descriptor(loop->wake_fd);
}
