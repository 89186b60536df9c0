/* Bodies in pieces and answers in parts, byte by byte. */
#include "../test.h"

#include "house.h"

enum { BODY_BYTES = 3 * MW_PIECE_BYTES + 1234 };

static net_house the_house;
static mw_buf answer;
static char *body;
static atomic_uint n_let_go;

typedef struct sum {
    mw_job job;
    mw_exchange *exchange;
    uint64_t bytes, sum, n_pieces;
    uint64_t begin; /* of the next part */
} sum;

static uint64_t add_up(uint64_t before, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        before = before * 31 + (unsigned char)data[i];
    return before;
}

/* /sum: what came; /early: refused at the first piece. */
static void take_piece(mw_job *job)
{
    sum *s = (sum *)job;
    mw_exchange *exchange = s->exchange;
    assert_int_equal(exchange->body_begin, s->bytes);
    s->bytes += exchange->body.size;
    s->sum = add_up(s->sum, exchange->body.data, exchange->body.size);
    s->n_pieces++;
    if (exchange->body_goes_on && !mw_view_is(exchange->path, "/early")) {
        mw_exchange_more(exchange);
        return;
    }
    mw_buf_format(exchange->reply, "%llu %llu %llu", (unsigned long long)s->bytes,
                  (unsigned long long)s->sum, (unsigned long long)s->n_pieces);
    mw_exchange_reply(exchange);
}

/* /parts?SIZE: of `body`; /short?SIZE: and a byte less. */
static void give_part(mw_job *job)
{
    sum *s = (sum *)job;
    mw_exchange *exchange = s->exchange;
    uint64_t left = exchange->reply_bytes - s->begin;
    size_t size = left < 100000 ? (size_t)left : 100000;
    exchange->reply_goes_on = size < left;
    bool is_short = !exchange->reply_goes_on && mw_view_is(exchange->path, "/short");
    mw_buf_bytes(exchange->reply, body + s->begin, size - (is_short ? 1 : 0));
    s->begin += size;
    mw_exchange_reply(exchange);
}

static void go_on(mw_exchange *exchange)
{
    sum *s = exchange->user;
    mw_exchange_defer(exchange);
    mw_pool_submit(the_house.pool, &s->job);
}

static void let_go(mw_exchange *exchange)
{
    (void)exchange;
    atomic_fetch_add(&n_let_go, 1);
}

static void handle(void *user, mw_exchange *exchange)
{
    bool takes = mw_view_is(exchange->path, "/sum") || mw_view_is(exchange->path, "/early");
    bool gives = mw_view_is(exchange->path, "/parts") || mw_view_is(exchange->path, "/short");
    if (!takes && !gives) {
        house_handle(user, exchange);
        return;
    }
    sum *s = mw_arena_take_zeroed(exchange->arena, 1, sizeof *s);
    *s = (sum){.job.run = takes ? take_piece : give_part, .exchange = exchange};
    exchange->user = s;
    exchange->go_on = go_on;
    exchange->let_go = let_go;
    if (gives)
        exchange->reply_bytes = strtoul(exchange->query.data, NULL, 10);
    go_on(exchange);
}

static bool in_pieces(void *user, const mw_exchange *exchange)
{
    (void)user;
    return mw_view_is(exchange->path, "/sum") || mw_view_is(exchange->path, "/early");
}

static int set_up(void **state)
{
    (void)state;
    house_prepare(&the_house);
    the_house.options.handler = handle;
    the_house.options.body_in_pieces = in_pieces;
    the_house.options.max_body_bytes = 4 * MW_MIB;
    house_open(&the_house);
    mw_buf_init(&answer, 64 * MW_MIB);
    body = malloc(BODY_BYTES);
    for (size_t i = 0; i < BODY_BYTES; i++)
        body[i] = (char)(i * 7 + i / 4099);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    house_close(&the_house);
    mw_buf_done(&answer);
    free(body);
    return 0;
}

static void expect(int fd, int status, const char *text)
{
    if (!wire_answer(fd, &answer, true))
        fail_msg("no whole answer, but '%s'", answer.data);
    if (wire_status(&answer) != status || (text && strcmp(wire_body(&answer), text) != 0))
        fail_msg("expected %d '%s', got: %.200s", status, text ? text : "...", answer.data);
}

static void send_body(int fd, size_t size, size_t step, bool in_chunks)
{
    char line[32];
    for (size_t at = 0; at < size; at += step) {
        size_t now = size - at < step ? size - at : step;
        snprintf(line, sizeof line, "%zx\r\n", now);
        if (in_chunks)
            assert_true(wire_send(fd, line));
        assert_true(wire_send_bytes(fd, body + at, now));
        if (in_chunks)
            assert_true(wire_send(fd, "\r\n"));
    }
    if (in_chunks)
        assert_true(wire_send(fd, "0\r\n\r\n"));
}

static void test_bodies(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,
                                   1,
                                   70000,
                                   MW_PIECE_BYTES,
                                   MW_PIECE_BYTES + 1,
                                   MW_PIECE_BYTES + 1000,
                                   2 * MW_PIECE_BYTES,
                                   BODY_BYTES};
    int fd = wire_connect(the_house.address);
    for (size_t i = 0; i < MW_COUNT(sizes); i++)
        for (int form = 0; form < 2; form++) {
            char head[128], expected[128];
            if (form == 0)
                snprintf(head, sizeof head, "Content-Length: %zu", sizes[i]);
            else
                snprintf(head, sizeof head, "Transfer-Encoding: chunked");
            assert_true(wire_send(fd, "POST /sum HTTP/1.1\r\nHost: a\r\n"));
            assert_true(wire_send(fd, head));
            assert_true(wire_send(fd, "\r\n\r\n"));
            send_body(fd, sizes[i], form ? 65521 : 300007, form);
            assert_true(wire_send(fd, "GET /what HTTP/1.1\r\nHost: a\r\n\r\n")); /* pipelined */
            snprintf(expected, sizeof expected, "%zu %llu ", sizes[i],
                     (unsigned long long)add_up(0, body, sizes[i]));
            expect(fd, 200, NULL);
            if (strncmp(wire_body(&answer), expected, strlen(expected)) != 0)
                fail_msg("%zu bytes, form %d: %s, not %s", sizes[i], form, wire_body(&answer),
                         expected);
            expect(fd, 200, "GET|/what||1");
        }
    close(fd);
}

static void wait_let_go(unsigned n)
{
    for (int i = 0; i < WIRE_WAIT_MS && atomic_load(&n_let_go) < n; i++)
        wire_pause(1);
    assert_int_equal(atomic_load(&n_let_go), n);
}

static void test_cut_and_refused(void **state)
{
    (void)state;
    unsigned before = atomic_load(&n_let_go);
    int fd = wire_connect(the_house.address);
    wire_send(fd, "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    assert_true(wire_send_bytes(fd, body, 2000000));
    wire_pause(20);
    close(fd);
    wait_let_go(before + 1);
    fd = wire_connect(the_house.address);
    wire_send(fd, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    assert_true(wire_send_bytes(fd, body, 2000000));
    expect(fd, 200, NULL);
    assert_non_null(strstr(answer.data, "Connection: close"));
    close(fd);
    fd = wire_connect(the_house.address);
    wire_send(fd, "POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(wire_send(fd, "180000\r\n"));
    assert_true(wire_send_bytes(fd, body, 0x180000));
    wire_send(fd, "\r\nzz\r\n");
    expect(fd, 400, NULL);
    close(fd);
    wait_let_go(before + 3);
}

static void test_answers(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 99999, 100000, 100001, 300000, BODY_BYTES};
    unsigned before = atomic_load(&n_let_go);
    int fd = wire_connect(the_house.address);
    for (size_t i = 0; i < MW_COUNT(sizes); i++) {
        char head[128];
        snprintf(head, sizeof head, "GET /parts?%zu HTTP/1.1\r\nHost: a\r\n\r\n", sizes[i]);
        wire_send(fd, head);
        wire_send(fd, "GET /what HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(fd, 200, NULL);
        size_t head_bytes = (size_t)(wire_body(&answer) - answer.data);
        assert_int_equal(answer.size - head_bytes, sizes[i]);
        assert_memory_equal(answer.data + head_bytes, body, sizes[i]);
        expect(fd, 200, "GET|/what||1");
    }
    close(fd);
    fd = wire_connect(the_house.address);
    wire_send(fd, "GET /short?250000 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(wire_answer(fd, &answer, true));
    close(fd);
    fd = wire_connect(the_house.address); /* one that reads nothing, and goes */
    wire_send(fd, "GET /parts?3000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct pollfd begun = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&begun, 1, WIRE_WAIT_MS), 1);
    close(fd);
    wait_let_go(before + MW_COUNT(sizes) + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_cut_and_refused),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
