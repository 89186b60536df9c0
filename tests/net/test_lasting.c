/* Bodies that go on: pieces at news, the end by hanging up, by a drain, by the handler, and the
 * cap; of HTTP/1.1, and in streams of HTTP/2, whose frames stand here as bytes. */
#include "../test.h"

#include <pthread.h>
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

/* Reads on until the bytes are there. */
static void expect_bytes(int fd, mw_buf *got, const char *bytes, size_t size)
{
    char piece[4096];
    while (!memmem(got->data, got->size, bytes, size)) {
        ssize_t n = wire_read(fd, piece, sizeof piece, WIRE_WAIT_MS);
        if (n <= 0)
            fail_msg("'%s' did not come, but '%s'", bytes, got->data);
        mw_buf_bytes(got, piece, (size_t)n);
    }
}

static void expect(int fd, mw_buf *got, const char *text)
{
    expect_bytes(fd, got, text, strlen(text));
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

/* Preface, SETTINGS, and HEADERS of stream 1: GET, http, the path, "a". */
static int ask_http2(newsroom *room, const char *path, mw_buf *got)
{
    static const char opening[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    char head[64] = {0, 0, 0, 1, 5, 0, 0, 0, 1, '\x82', '\x86', '\x41', 1, 'a', '\x04'};
    size_t path_size = strlen(path), at = 15;
    int fd = wire_connect(room->address);
    head[at++] = (char)path_size;
    memcpy(head + at, path, path_size);
    head[2] = (char)(at + path_size - 9);
    assert_true(wire_send_bytes(fd, opening, sizeof opening - 1));
    assert_true(wire_send_bytes(fd, head, at + path_size));
    mw_buf_init(got, 4 * MW_MIB);
    return fd;
}

/* The stream ends; so does the connection, when the client is gone. */
static void expect_end_http2(int fd, mw_buf *got)
{
    static const char end[] = "\0\0\0\0\1\0\0\0\1"; /* DATA, empty, the last */
    expect_bytes(fd, got, end, sizeof end - 1);
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

static void test_pieces_in_streams(void **state)
{
    (void)state;
    mw_buf one, other;
    newsroom room;
    open_room(&room);
    int a = ask_http2(&room, "/", &one), b = ask_http2(&room, "/", &other);
    expect(a, &one, "news 0\n");
    expect(b, &other, "news 0\n");
    for (int i = 1; i <= 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "news %d\n", i);
        announce(&room);
        expect(a, &one, text);
        expect(b, &other, text);
    }
    static const char reset[] = "\0\0\4\3\0\0\0\0\1\0\0\0\x08"; /* RST_STREAM, CANCEL */
    assert_true(wire_send_bytes(a, reset, sizeof reset - 1));
    wait_for(&room.n_gone, 1);
    announce(&room);
    expect(b, &other, "news 4\n");
    atomic_store(&room.ends, true);
    mw_server_announce(room.server);
    expect_end_http2(b, &other);
    wait_for(&room.n_done, 2);
    assert_int_equal(atomic_load(&room.n_gone), 1);
    assert_int_equal(atomic_load(&room.last_bytes), 5 * strlen("news 0\n"));
    close(a);
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

static void *drain(void *server)
{
    return (void *)(uintptr_t)mw_server_drain(server, 60);
}

static void test_drain_ends_streams(void **state)
{
    (void)state;
    mw_buf got;
    newsroom room;
    pthread_t drainer;
    void *n_cut;
    open_room(&room);
    int fd = ask_http2(&room, "/", &got);
    expect(fd, &got, "news 0\n");
    assert_int_equal(pthread_create(&drainer, NULL, drain, room.server), 0);
    expect_end_http2(fd, &got);
    assert_int_equal(pthread_join(drainer, &n_cut), 0);
    assert_null(n_cut);
    mw_buf_done(&got);
    mw_server_close(room.server);
}

/* Who does not read is not asked for, and others have their news. */
static void test_who_does_not_read(void **state)
{
    (void)state;
    mw_buf got, unread, shut;
    newsroom room;
    open_room(&room);
    int lazy = ask(&room, "/much", &unread), fd = ask(&room, "/", &got);
    int stream = ask_http2(&room, "/much", &shut); /* of whose MB the window takes 64 kB */
    expect(stream, &shut, "news 0\n");
    expect(fd, &got, "news 0\n");
    for (int i = 1; i <= 20; i++) {
        char text[32];
        snprintf(text, sizeof text, "news %d\n", i);
        announce(&room);
        expect(fd, &got, text);
    }
    assert_true(atomic_load(&room.n_handled) < 42); /* not each of all, nor of two */
    close(lazy);
    close(fd);
    close(stream);
    wait_for(&room.n_done, 3);
    mw_buf_done(&shut);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces_come_with_news),
                                       cmocka_unit_test(test_pieces_in_streams),
                                       cmocka_unit_test(test_drain_ends_them),
                                       cmocka_unit_test(test_drain_ends_streams),
                                       cmocka_unit_test(test_who_does_not_read),
                                       cmocka_unit_test(test_what_does_not_stay),
                                       cmocka_unit_test(test_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
