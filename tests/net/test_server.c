/* The server on loopback, spoken to byte by byte. */
#include "../test.h"

#include "house.h"

static net_house the_house;
static mw_buf answer;

static int set_up(void **state)
{
    (void)state;
    house_prepare(&the_house);
    the_house.options.max_body_bytes = 2 * MW_MIB;
    the_house.options.max_reply_bytes = 8 * MW_MIB;
    house_open(&the_house);
    mw_buf_init(&answer, 64 * MW_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    house_close(&the_house);
    mw_buf_done(&answer);
    return 0;
}

static int dial(void)
{
    return wire_connect(the_house.address);
}

static void expect(int fd, int status, const char *body)
{
    if (!wire_answer(fd, &answer, true))
        fail_msg("no whole answer, but '%s'", answer.data);
    if (wire_status(&answer) != status || (body && strcmp(wire_body(&answer), body) != 0))
        fail_msg("expected %d '%s', got: %s", status, body ? body : "...", answer.data);
}

static void expect_end(int fd)
{
    char c;
    if (wire_read(fd, &c, 1, WIRE_WAIT_MS) != 0)
        fail_msg("the connection was not closed cleanly");
    close(fd);
}

/* ---- plain requests ---------------------------------------------------------------------------
 */

static void test_keep_alive(void **state)
{
    (void)state;
    int fd = dial();
    for (int i = 0; i < 3; i++) {
        wire_send(fd, "GET /what/a%20b?x=1 HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
        expect(fd, 200, "GET|/what/a%20b|x=1|2");
        assert_non_null(strstr(answer.data, "\r\nDate: "));
        assert_non_null(strstr(answer.data, "\r\nContent-Type: text/plain\r\n"));
        assert_null(strstr(answer.data, "Connection:"));
    }
    close(fd);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    int fd = dial();
    const char *text = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                       "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n0\r\n\r\n";
    for (const char *c = text; *c; c++) {
        assert_true(wire_send_bytes(fd, c, 1));
        if ((c - text) % 7 == 0)
            wire_pause(1);
    }
    expect(fd, 200, "hello");
    expect(fd, 200, "abc");
    close(fd);
}

static void test_pipelining_keeps_order(void **state)
{
    (void)state;
    enum { N = 400 };
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    for (int i = 0; i < N; i++)
        mw_buf_format(&text, "GET %s?%d HTTP/1.1\r\nHost: a\r\n\r\n", i % 40 == 7 ? "/later" : "/p",
                      i % 40 == 7 ? 1 : i);
    int fd = dial();
    assert_true(wire_send_bytes(fd, text.data, text.size));
    for (int i = 0; i < N; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "GET|/p|%d|1", i);
        expect(fd, 200, i % 40 == 7 ? "later" : expected);
    }
    mw_buf_done(&text);
    close(fd);
}

static void test_http_1_0(void **state)
{
    (void)state;
    int fd = dial();
    wire_send(fd, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(fd, 200, "GET|/x||1");
    assert_non_null(strstr(answer.data, "\r\nConnection: keep-alive\r\n"));
    wire_send(fd, "GET /x HTTP/1.0\r\n\r\n");
    expect(fd, 200, "GET|/x||0");
    assert_non_null(strstr(answer.data, "\r\nConnection: close\r\n"));
    expect_end(fd);
}

static void test_client_closes(void **state)
{
    (void)state;
    int fd = dial();
    wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(fd, 200, "GET|/x||2");
    assert_non_null(strstr(answer.data, "\r\nConnection: close\r\n"));
    expect_end(fd);
    fd = dial(); /* a client that closes its half early still gets its answer */
    wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(fd, SHUT_WR);
    expect(fd, 200, "GET|/x||1");
    expect_end(fd);
    fd = dial();
    wire_send(fd, "GET /later?30 HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(fd, SHUT_WR);
    expect(fd, 200, "later");
    expect_end(fd);
}

static void test_forms_of_answers(void **state)
{
    (void)state;
    int fd = dial();
    wire_send(fd, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(wire_answer(fd, &answer, false));
    assert_non_null(strstr(answer.data, "\r\nContent-Length: 10\r\n"));
    wire_send(fd, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(wire_answer(fd, &answer, true));
    assert_int_equal(wire_status(&answer), 204);
    assert_null(strstr(answer.data, "Content-Length"));
    wire_send(fd, "GET /headers HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 200, "");
    assert_non_null(strstr(answer.data, "\r\nX-More: yes\r\nX-Other: 2\r\n"));
    wire_send(fd, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 200, "OPTIONS|*||1");
    wire_send(fd, "GET http://other/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 200, "GET|/p|q|1");
    wire_send(fd, "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 500, NULL);
    expect_end(fd);
    fd = dial();
    wire_send(fd, "GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 200, "");
    expect_end(fd);
}

/* ---- bodies -------------------------------------------------------------------------------------
 */

static const size_t body_sizes[] = {0,     1,     100,   15000,  16300,   16384,      16385,
                                    65536, 65537, 81920, 300000, 1048576, 2 * 1048576};

static void fill(char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (char)('a' + (i * 7 + i / 251) % 26);
}

static void test_bodies_of_all_sizes(void **state)
{
    (void)state;
    static char data[2 * 1048576];
    fill(data, sizeof data);
    int fd = dial();
    for (size_t i = 0; i < MW_COUNT(body_sizes); i++) {
        char head[100];
        size_t size = body_sizes[i];
        snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                 size);
        wire_send(fd, head);
        assert_true(wire_send_bytes(fd, data, size));
        wire_send(fd, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"); /* must not become part of it */
        assert_true(wire_answer(fd, &answer, true));
        size_t head_bytes = (size_t)(wire_body(&answer) - answer.data);
        if (answer.size - head_bytes != size || memcmp(wire_body(&answer), data, size) != 0)
            fail_msg("a body of %zu bytes came back otherwise", size);
        expect(fd, 200, "GET|/next||1");
    }
    close(fd);
}

/* What comes in one piece with a large body, behind it: none is lost and all stay in order. */
static void test_requests_behind_a_body(void **state)
{
    (void)state;
    static char data[300000];
    enum { N_BEHIND = 100 };
    fill(data, sizeof data);
    for (size_t size = 60000; size <= sizeof data; size += 80000) {
        mw_buf text;
        mw_buf_init(&text, 16 * MW_MIB);
        mw_buf_format(&text, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", size);
        mw_buf_bytes(&text, data, size);
        for (int i = 0; i < N_BEHIND; i++)
            mw_buf_format(&text, "GET /next?%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        int fd = dial();
        assert_true(wire_send_bytes(fd, text.data, text.size));
        assert_true(wire_answer(fd, &answer, true));
        assert_int_equal(answer.size - (size_t)(wire_body(&answer) - answer.data), size);
        assert_memory_equal(wire_body(&answer), data, size);
        for (int i = 0; i < N_BEHIND; i++) {
            char expected[64];
            snprintf(expected, sizeof expected, "GET|/next|%d|1", i);
            expect(fd, 200, expected);
        }
        close(fd);
        mw_buf_done(&text);
    }
}

/* A large body makes the server expect a head of the same length next: all others are taken, too.
 */
static void test_heads_behind_large_bodies(void **state)
{
    (void)state;
    static char data[70000];
    static const struct {
        size_t padding_bytes, body_bytes;
    } asked[] = {{5, 60000}, {5, 60001}, {6, 60000}, {4, 60000}, {90, 70000},  {1, 10},
                 {1, 70000}, {0, 0},     {0, 60000}, {0, 1},     {300, 60000}, {300, 60000}};
    fill(data, sizeof data);
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        int fd = dial();
        mw_buf text;
        mw_buf_init(&text, 16 * MW_MIB);
        for (size_t i = 0; i < MW_COUNT(asked); i++) {
            char head[512];
            snprintf(head, sizeof head,
                     "POST /echo HTTP/1.1\r\nHost: a\r\nX: %0*d\r\nContent-Length: %zu\r\n\r\n",
                     (int)asked[i].padding_bytes, 7, asked[i].body_bytes);
            mw_buf_text(&text, head);
            mw_buf_bytes(&text, data, asked[i].body_bytes);
            if (is_cut) { /* one at a time, not one behind the other */
                assert_true(wire_send_bytes(fd, text.data, text.size));
                mw_buf_reset(&text);
                assert_true(wire_answer(fd, &answer, true));
                assert_memory_equal(wire_body(&answer), data, asked[i].body_bytes);
            }
        }
        assert_true(wire_send_bytes(fd, text.data, text.size));
        for (size_t i = 0; !is_cut && i < MW_COUNT(asked); i++) {
            assert_true(wire_answer(fd, &answer, true));
            assert_int_equal(answer.size - (size_t)(wire_body(&answer) - answer.data),
                             asked[i].body_bytes);
            assert_memory_equal(wire_body(&answer), data, asked[i].body_bytes);
        }
        wire_send(fd, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(fd, 200, "GET|/next||1");
        close(fd);
        mw_buf_done(&text);
    }
}

static void test_body_where_it_is_wished(void **state)
{
    (void)state;
    static char data[2 * 1048576];
    static const size_t leads[] = {0, 1, 15, 16, 211, 100000, SIZE_MAX};
    int fd = dial();
    for (size_t i = 0; i < MW_COUNT(leads); i++) {
        char head[128], expected[64];
        size_t size = i % 2 ? sizeof data : 100000;
        snprintf(head, sizeof head,
                 "POST /lead?%zu HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", leads[i],
                 size);
        wire_send(fd, head);
        assert_true(wire_send_bytes(fd, data, size));
        snprintf(expected, sizeof expected, "%zu bytes, 0", size);
        expect(fd, 200, expected);
    }
    close(fd);
}

static void test_chunked_bodies(void **state)
{
    (void)state;
    static char data[2 * 1048576];
    fill(data, sizeof data);
    static const size_t piece_sizes[] = {1, 10, 4095, 70000, 1000000};
    int fd = dial();
    for (size_t i = 0; i < MW_COUNT(piece_sizes); i++) {
        size_t piece = piece_sizes[i], size = piece < 100 ? 3000 : 1500000;
        mw_buf text;
        mw_buf_init(&text, 16 * MW_MIB);
        mw_buf_text(&text, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0; at < size; at += piece) {
            size_t n = size - at < piece ? size - at : piece;
            mw_buf_format(&text, "%zx\r\n", n);
            mw_buf_bytes(&text, data + at, n);
            mw_buf_text(&text, "\r\n");
        }
        mw_buf_text(&text, "0\r\nSum: 1\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(wire_send_bytes(fd, text.data, text.size));
        assert_true(wire_answer(fd, &answer, true));
        assert_int_equal(answer.size - (size_t)(wire_body(&answer) - answer.data), size);
        assert_memory_equal(wire_body(&answer), data, size);
        expect(fd, 200, "GET|/next||1");
        mw_buf_done(&text);
    }
    close(fd);
}

static void test_large_answers_to_slow_readers(void **state)
{
    (void)state;
    int fd = dial();
    /* three at once: the second and third are looked at when the first has left */
    for (int i = 0; i < 3; i++)
        wire_send(fd, "GET /big?6000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    wire_pause(100);
    for (int i = 0; i < 3; i++) {
        assert_true(wire_answer(fd, &answer, true));
        assert_int_equal(answer.size - (size_t)(wire_body(&answer) - answer.data), 6000000);
    }
    wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 200, "GET|/x||1");
    close(fd);
}

static void test_answer_over_its_cap(void **state)
{
    (void)state;
    int fd = dial();
    wire_send(fd, "GET /big?9000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 500, NULL);
    assert_non_null(strstr(answer.data, "[MW7123]"));
    wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"); /* no fault of the client: it may go on */
    expect(fd, 200, "GET|/x||1");
    close(fd);
}

/* ---- expectations -------------------------------------------------------------------------------
 */

static void test_expect_continue(void **state)
{
    (void)state;
    int fd = dial();
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"
                  "\r\n");
    assert_true(wire_answer(fd, &answer, true));
    assert_string_equal(answer.data, "HTTP/1.1 100 Continue\r\n\r\n");
    wire_send(fd, "hello");
    expect(fd, 200, "hello");
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n");
    assert_true(wire_answer(fd, &answer, true));
    assert_int_equal(wire_status(&answer), 100);
    wire_send(fd, "1\r\nx\r\n0\r\n\r\n");
    expect(fd, 200, "x");
    /* the body is there already: nobody waits for a 100 */
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
                  "\r\nok");
    expect(fd, 200, "ok");
    /* too large: the refusal instead of the 100, nothing was sent in vain */
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 9999999\r\n\r\n");
    expect(fd, 413, NULL);
    expect_end(fd);
}

/* ---- refusals -----------------------------------------------------------------------------------
 */

static const struct refused_case {
    const char *text;
    int expected;
} refused_cases[] = {
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", 413},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2097153\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417},
    {"GET / HTTP/2.0\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505},
    {"CONNECT a:1 HTTP/1.1\r\n", 501},
    {"\x16\x03\x01\x02", 400},
    {"nonsense\r\n", 400},
};

static void test_refusals_close(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(refused_cases); i++) {
        int fd = dial();
        wire_send(fd, refused_cases[i].text);
        wire_send(fd, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        mw_buf_reset(&answer);
        shutdown(fd, SHUT_WR);
        assert_true(wire_rest(fd, &answer));
        if (wire_status(&answer) != refused_cases[i].expected)
            fail_msg("case %zu: %s", i, answer.data);
        assert_null(strstr(answer.data, "smuggled"));
        assert_non_null(strstr(answer.data, "\r\nConnection: close\r\n"));
        close(fd);
    }
}

/* The client is still sending when it is refused: it must see the answer, not a reset. */
static void test_refusal_is_seen_by_a_sender(void **state)
{
    (void)state;
    static char data[4 * 1048576];
    int fd = dial();
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n");
    wire_send_bytes(fd, data, sizeof data);
    expect(fd, 413, NULL);
    expect_end(fd);
}

static void say_fault(void *user, mw_exchange *exchange, const mw_error *err)
{
    (void)user;
    exchange->reply_type = MW_VIEW("application/json");
    mw_buf_format(exchange->reply, "{\"code\":%d,\"path\":\"%.*s\"}", err->code,
                  MW_VIEW_ARG(exchange->path));
}

static void test_fault_handler(void **state)
{
    (void)state;
    net_house other;
    house_prepare(&other);
    other.options.fault = say_fault;
    other.options.max_body_bytes = 10;
    house_open(&other);
    int fd = wire_connect(other.address);
    wire_send(fd, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    expect(fd, 413, "{\"code\":7110,\"path\":\"/x\"}");
    assert_non_null(strstr(answer.data, "Content-Type: application/json"));
    expect_end(fd);
    fd = wire_connect(other.address);
    wire_send(fd, "oops\r\n");
    expect(fd, 400, "{\"code\":7101,\"path\":\"\"}");
    expect_end(fd);
    house_close(&other);
}

/* ---- deferred -----------------------------------------------------------------------------------
 */

static void test_deferred_answers(void **state)
{
    (void)state;
    enum { N = 40 };
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = dial();
        char text[80];
        snprintf(text, sizeof text, "GET /later?%d HTTP/1.1\r\nHost: a\r\n\r\n", i % 5);
        wire_send(fds[i], text);
        wire_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < N; i++) {
        expect(fds[i], 200, "later");
        expect(fds[i], 200, "GET|/x||1");
        close(fds[i]);
    }
}

static void test_hang_up_while_deferred(void **state)
{
    (void)state;
    unsigned before = atomic_load(&the_house.n_gone);
    for (int i = 0; i < 4; i++) {
        unsigned handled = atomic_load(&the_house.n_handled);
        int fd = dial();
        wire_send(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        while (atomic_load(&the_house.n_handled) == handled) /* a reset would overtake it */
            wire_pause(1);
        struct linger at_once = {.l_onoff = 1};
        if (i % 2) /* by a reset, or in the ordinary way */
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    for (int i = 0; i < WIRE_WAIT_MS && atomic_load(&the_house.n_gone) < before + 4; i++)
        wire_pause(1);
    assert_int_equal(atomic_load(&the_house.n_gone), before + 4);
}

static void test_hang_ups_anywhere(void **state)
{
    (void)state;
    const char *text = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nhel";
    for (size_t size = 0; size <= strlen(text); size += 3) {
        int fd = dial();
        wire_send_bytes(fd, text, size);
        close(fd);
    }
    int fd = dial();
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhel");
    wire_pause(10);
    close(fd);
    fd = dial();
    wire_send(fd, "GET /big?8000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    wire_pause(10);
    close(fd); /* with most of the answer unread */
    mw_server_counts counts = {.connections = 1};
    for (int i = 0; i < WIRE_WAIT_MS && counts.connections > 0; i++) {
        wire_pause(1);
        mw_server_count(the_house.server, &counts);
    }
    assert_int_equal(counts.connections, 0);
    assert_int_equal(counts.in_flight, 0);
}

/* ---- many ------------------------------------------------------------------------------------ */

static void test_many_idle_connections(void **state)
{
    (void)state;
    enum { N = 500 };
    static int fds[N];
    for (int i = 0; i < N; i++)
        fds[i] = dial();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            wire_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
            expect(fds[i], 200, "GET|/x||1");
        }
    mw_server_counts counts;
    mw_server_count(the_house.server, &counts);
    assert_int_equal(counts.connections, N);
    for (int i = 0; i < N; i++)
        close(fds[i]);
}

static void test_connection_limit(void **state)
{
    (void)state;
    net_house small;
    house_prepare(&small);
    small.options.max_connections = 3;
    house_open(&small);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = wire_connect(small.address);
        wire_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(fds[i], 200, "GET|/x||1");
    }
    int over = wire_connect(small.address);
    wire_send(over, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(over, 503, NULL);
    assert_non_null(strstr(answer.data, "[MW7121]"));
    expect_end(over);
    close(fds[0]);
    int status = 0;
    for (int i = 0; i < 100 && status != 200; i++) { /* the place becomes free */
        int fd = wire_connect(small.address);
        wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(wire_answer(fd, &answer, true));
        status = wire_status(&answer);
        close(fd);
        wire_pause(5);
    }
    assert_int_equal(status, 200);
    mw_server_counts counts;
    mw_server_count(small.server, &counts);
    assert_true(counts.refused >= 1);
    close(fds[1]);
    close(fds[2]);
    house_close(&small);
}

/* Few long-lived clients must not meet on one loop while others are idle. */
static void note_loop(void *user, mw_exchange *exchange)
{
    (void)user;
    mw_buf_format(exchange->reply, "%u", exchange->loop);
    mw_exchange_reply(exchange);
}

static void test_few_clients_spread(void **state)
{
    (void)state;
    enum { N = 4 };
    net_house spread;
    house_prepare(&spread);
    spread.options.n_loops = N;
    spread.options.handler = note_loop;
    house_open(&spread);
    int fds[N];
    unsigned seen = 0;
    for (int i = 0; i < N; i++) {
        fds[i] = wire_connect(spread.address);
        wire_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(fds[i], 200, NULL);
        seen |= 1u << strtoul(wire_body(&answer), NULL, 10);
    }
    assert_int_equal(seen, (1u << N) - 1);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    house_close(&spread);
}

static void test_counts(void **state)
{
    (void)state;
    net_house counted;
    house_prepare(&counted);
    house_open(&counted);
    const char *text = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t read_bytes = 0;
    int fd = wire_connect(counted.address);
    for (int i = 0; i < 3; i++) {
        wire_send(fd, text);
        expect(fd, 200, NULL);
        read_bytes += answer.size;
    }
    wire_send(fd, "oops\r\n");
    expect(fd, 400, NULL);
    read_bytes += answer.size;
    /* a write is counted behind it: at the end of the stream, all were */
    assert_true(wire_rest(fd, &answer));
    mw_server_counts counts;
    mw_server_count(counted.server, &counts);
    assert_int_equal(counts.accepted, 1);
    assert_int_equal(counts.requests, 3);
    assert_int_equal(counts.faults, 1);
    assert_int_equal(counts.bytes_in, 3 * strlen(text) + 6);
    assert_int_equal(counts.bytes_out, read_bytes);
    close(fd);
    house_close(&counted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(test_keep_alive),
        TEST(test_byte_by_byte),
        TEST(test_pipelining_keeps_order),
        TEST(test_http_1_0),
        TEST(test_client_closes),
        TEST(test_forms_of_answers),
        TEST(test_bodies_of_all_sizes),
        TEST(test_requests_behind_a_body),
        TEST(test_heads_behind_large_bodies),
        TEST(test_body_where_it_is_wished),
        TEST(test_chunked_bodies),
        TEST(test_large_answers_to_slow_readers),
        TEST(test_answer_over_its_cap),
        TEST(test_expect_continue),
        TEST(test_refusals_close),
        TEST(test_refusal_is_seen_by_a_sender),
        TEST(test_fault_handler),
        TEST(test_deferred_answers),
        TEST(test_hang_up_while_deferred),
        TEST(test_hang_ups_anywhere),
        TEST(test_many_idle_connections),
        TEST(test_connection_limit),
        TEST(test_few_clients_spread),
        TEST(test_counts),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
