/* Bodies that go on: pieces at news, the end by hanging up, by a drain, by the handler, and the
 * cap. */
#include "../test.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "wire.h"

typedef struct newsroom {
    mw_server *server;
    const char *address;
    atomic_uint n_news, n_handled, n_done, n_gone;
    atomic_bool ends;
    atomic_uint_least64_t last_bytes; /* of the last answer that was over */
} newsroom;

/* Tells each number once. `user`: the last one told, plus one. */
static void handle(void *user, mw_exchange *exchange)
{
    newsroom *room = user;
    uintptr_t told = (uintptr_t)exchange->user, now = atomic_load(&room->n_news) + 1;
    atomic_fetch_add(&room->n_handled, 1);
    if (told == now && !atomic_load(&room->ends)) {
        mw_exchange_wait(exchange);
        return;
    }
    mw_buf_format(exchange->reply, "news %u\n", (unsigned)now - 1);
    if (mw_view_is(exchange->path, "/much"))
        for (int i = 0; i < 100000; i++)
            mw_buf_text(exchange->reply, "0123456789");
    exchange->user = (void *)now;
    exchange->reply_type = MW_VIEW("text/event-stream");
    exchange->stays = !mw_view_is(exchange->path, "/once") && !atomic_load(&room->ends);
    mw_exchange_reply(exchange);
}

static void note_done(void *user, const mw_exchange *exchange, const mw_outcome *outcome)
{
    newsroom *room = user;
    (void)exchange;
    atomic_store(&room->last_bytes, outcome->reply_bytes);
    atomic_fetch_add(&room->n_gone, outcome->is_gone);
    atomic_fetch_add(&room->n_done, 1);
}

static void open_room(newsroom *room)
{
    mw_error err;
    mw_server_options options;
    *room = (newsroom){.server = NULL};
    mw_server_options_init(&options);
    options.listen = "127.0.0.1:0";
    options.n_loops = 2;
    options.handler = handle;
    options.done = note_done;
    options.user = room;
    if (mw_server_open(&options, &room->server, &err) != MW_OK ||
        mw_server_start(room->server, &err) != MW_OK)
        fail_msg("%s", err.what);
    room->address = mw_server_address(room->server);
}

static void announce(newsroom *room)
{
    atomic_fetch_add(&room->n_news, 1);
    mw_server_announce(room->server);
}

/* Reads on until the text is there. */
static void expect(int fd, mw_buf *got, const char *text)
{
    char piece[4096];
    while (!strstr(got->data, text)) {
        ssize_t n = wire_read(fd, piece, sizeof piece, WIRE_WAIT_MS);
        if (n <= 0)
            fail_msg("'%s' did not come, but '%s'", text, got->data);
        mw_buf_bytes(got, piece, (size_t)n);
    }
}

static void expect_end(int fd)
{
    char piece[4096];
    ssize_t n;
    while ((n = wire_read(fd, piece, sizeof piece, WIRE_WAIT_MS)) > 0)
        continue;
    assert_int_equal(n, 0);
    close(fd);
}

static int ask(newsroom *room, const char *path, mw_buf *got)
{
    char request[128];
    int fd = wire_connect(room->address);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    assert_true(wire_send(fd, request));
    mw_buf_init(got, MW_MIB);
    return fd;
}

static void wait_for(const atomic_uint *count, unsigned wanted)
{
    for (int i = 0; atomic_load(count) < wanted && i < WIRE_WAIT_MS; i++)
        wire_pause(1);
    assert_int_equal(atomic_load(count), wanted);
}

static void test_pieces_come_with_news(void **state)
{
    (void)state;
    mw_buf one, other;
    newsroom room;
    open_room(&room);
    int a = ask(&room, "/", &one), b = ask(&room, "/", &other);
    expect(a, &one, "\r\n\r\nnews 0\n");
    expect(b, &other, "\r\n\r\nnews 0\n");
    assert_null(strstr(one.data, "Content-Length"));
    assert_non_null(strstr(one.data, "Connection: close"));
    for (int i = 1; i <= 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "news %d\n", i);
        announce(&room);
        expect(a, &one, text);
        expect(b, &other, text);
    }
    assert_int_equal(atomic_load(&room.n_done), 0);
    unsigned n_handled = atomic_load(&room.n_handled);
    mw_server_announce(room.server); /* news of something else: nothing is said */
    wait_for(&room.n_handled, n_handled + 2);
    close(a);
    wait_for(&room.n_gone, 1);
    announce(&room);
    expect(b, &other, "news 4\n");
    atomic_store(&room.ends, true); /* the handler ends it; what it says with that is dropped */
    mw_server_announce(room.server);
    expect_end(b);
    wait_for(&room.n_done, 2);
    assert_int_equal(atomic_load(&room.n_gone), 1);
    assert_int_equal(atomic_load(&room.last_bytes), 5 * strlen("news 0\n"));
    mw_server_counts counts;
    mw_server_count(room.server, &counts);
    assert_int_equal(counts.requests, 2);
    assert_int_equal(counts.in_flight, 0);
    mw_buf_done(&one);
    mw_buf_done(&other);
    mw_server_close(room.server);
}

/* A drain ends them at once, and counts them for nothing that was cut off. */
static void test_drain_ends_them(void **state)
{
    (void)state;
    mw_buf got;
    newsroom room;
    open_room(&room);
    int fd = ask(&room, "/", &got);
    expect(fd, &got, "news 0\n");
    uint64_t begin_ns = mw_clock_ns();
    assert_int_equal(mw_server_drain(room.server, 5), 0);
    assert_true(mw_clock_ns() - begin_ns < UINT64_C(3000000000));
    expect_end(fd);
    mw_buf_done(&got);
    mw_server_close(room.server);
}

/* Who does not read is not asked for, and others have their news. */
static void test_who_does_not_read(void **state)
{
    (void)state;
    mw_buf got, unread;
    newsroom room;
    open_room(&room);
    int lazy = ask(&room, "/much", &unread), fd = ask(&room, "/", &got);
    expect(fd, &got, "news 0\n");
    for (int i = 1; i <= 20; i++) {
        char text[32];
        snprintf(text, sizeof text, "news %d\n", i);
        announce(&room);
        expect(fd, &got, text);
    }
    assert_true(atomic_load(&room.n_handled) < 41); /* not each of both */
    close(lazy);
    close(fd);
    wait_for(&room.n_done, 2);
    mw_buf_done(&got);
    mw_buf_done(&unread);
    mw_server_close(room.server);
}

static void test_what_does_not_stay(void **state)
{
    (void)state;
    mw_buf got;
    newsroom room;
    open_room(&room);
    int fd = ask(&room, "/once", &got);
    expect(fd, &got, "news 0\n");
    assert_non_null(strstr(got.data, "Content-Length: 7"));
    close(fd);
    fd = wire_connect(room.address); /* a head alone, and the connection goes on */
    assert_true(
        wire_send(fd, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /once HTTP/1.1\r\nHost: a\r\n\r\n"));
    mw_buf_reset(&got);
    expect(fd, &got, "news 0\n");
    close(fd);
    mw_buf_done(&got);
    mw_server_close(room.server);
}

static void test_cap(void **state)
{
    (void)state;
    enum { N = MW_LIMIT_WAITING_CALLS };
    static int fds[N];
    mw_buf got;
    newsroom room;
    open_room(&room);
    for (int i = 0; i < N; i++) {
        fds[i] = ask(&room, "/", &got);
        if (i % 100 == 99)
            expect(fds[i], &got, "news 0\n");
        mw_buf_done(&got);
    }
    wait_for(&room.n_handled, N);
    int fd = ask(&room, "/", &got);
    expect(fd, &got, "HTTP/1.1 429");
    for (int i = 0; i < N; i++)
        close(fds[i]);
    close(fd);
    wait_for(&room.n_gone, N);
    mw_buf_done(&got);
    mw_server_close(room.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_come_with_news), cmocka_unit_test(test_drain_ends_them),
        cmocka_unit_test(test_who_does_not_read), cmocka_unit_test(test_what_does_not_stay),
        cmocka_unit_test(test_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
