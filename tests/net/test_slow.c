/* Time-outs are total: a client that drips bytes meets them as surely as one that is silent. */
#include "../test.h"

#include "house.h"

enum { HEAD_MS = 200, BODY_MS = 400, IDLE_MS = 300, WRITE_MS = 400, TOLERANCE_MS = 900 };

static net_house the_house;
static mw_buf answer;

static int set_up(void **state)
{
    (void)state;
    house_prepare(&the_house);
    the_house.options.head_ms = HEAD_MS;
    the_house.options.body_ms = BODY_MS;
    the_house.options.idle_ms = IDLE_MS;
    the_house.options.write_ms = WRITE_MS;
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

/* Drip `text`, then 'x' for ever, a byte each 10 ms; returns the ms until something came back. */
static unsigned drip(int fd, const char *text)
{
    uint64_t begin_ns = mw_clock_ns();
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    while (poll(&waiting, 1, 10) == 0) {
        wire_send_bytes(fd, *text ? text++ : "x", 1);
        if (mw_clock_ns() - begin_ns > (uint64_t)WIRE_WAIT_MS * 1000000)
            fail_msg("the server waits for ever");
    }
    return (unsigned)((mw_clock_ns() - begin_ns) / 1000000);
}

static void expect_late(int fd, unsigned ms, unsigned least_ms)
{
    if (ms + 20 < least_ms || ms > least_ms + TOLERANCE_MS)
        fail_msg("closed after %u ms instead of %u", ms, least_ms);
    mw_buf_reset(&answer);
    assert_true(wire_rest(fd, &answer));
    assert_int_equal(wire_status(&answer), 408);
    assert_non_null(strstr(answer.data, "[MW7120]"));
    close(fd);
}

static void test_slow_head(void **state)
{
    (void)state;
    int fd = wire_connect(the_house.address);
    expect_late(fd, drip(fd, "GET /x HTTP/1.1\r\nHost: a\r\nX: "), HEAD_MS);
    /* the same on a connection that has already served, and for a pipelined second head */
    fd = wire_connect(the_house.address);
    wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(wire_answer(fd, &answer, true));
    expect_late(fd, drip(fd, "GET /y HTTP/1.1\r\n"), HEAD_MS);
}

static void test_slow_body(void **state)
{
    (void)state;
    int fd = wire_connect(the_house.address);
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n");
    expect_late(fd, drip(fd, ""), BODY_MS);
    fd = wire_connect(the_house.address);
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n");
    expect_late(fd, drip(fd, ""), BODY_MS);
    fd = wire_connect(the_house.address);
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n");
    expect_late(fd, drip(fd, ""), BODY_MS);
}

static void expect_silent_close(int fd, unsigned least_ms)
{
    uint64_t begin_ns = mw_clock_ns();
    char c;
    assert_int_equal(wire_read(fd, &c, 1, WIRE_WAIT_MS), 0);
    unsigned ms = (unsigned)((mw_clock_ns() - begin_ns) / 1000000);
    if (ms + 20 < least_ms || ms > least_ms + TOLERANCE_MS)
        fail_msg("closed after %u ms instead of %u", ms, least_ms);
    close(fd);
}

static void test_idle(void **state)
{
    (void)state;
    expect_silent_close(wire_connect(the_house.address), HEAD_MS); /* never said a word */
    int fd = wire_connect(the_house.address);
    uint64_t last_ns = mw_clock_ns(), longest_ns = 0;
    bool stays = true;
    for (int i = 0; i < 4 && stays; i++) { /* each request starts the clock again */
        wire_pause(i > 0 ? IDLE_MS / 2 : 0);
        uint64_t now_ns = mw_clock_ns();
        stays = wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        longest_ns = mw_clock_ns() - last_ns > longest_ns ? mw_clock_ns() - last_ns : longest_ns;
        last_ns = now_ns;
        stays = stays && wire_answer(fd, &answer, true);
    }
    if (!stays && longest_ns < (uint64_t)IDLE_MS * 1000000)
        fail_msg("closed after %llu us", (unsigned long long)(longest_ns / 1000));
    if (stays)
        expect_silent_close(fd, IDLE_MS);
    else /* this thread was idle itself for so long: a busy machine */
        close(fd);
    mw_server_counts counts;
    mw_server_count(the_house.server, &counts);
    assert_int_equal(counts.timeouts, 2);
}

/* A handler may take longer than any time-out of the client's. */
static void test_answers_may_take_time(void **state)
{
    (void)state;
    int fd = wire_connect(the_house.address);
    wire_send(fd, "GET /later?900 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(wire_answer(fd, &answer, true));
    assert_string_equal(wire_body(&answer), "later");
    wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(wire_answer(fd, &answer, true));
    close(fd);
}

static void test_reader_that_does_not_read(void **state)
{
    (void)state;
    int fd = wire_connect(the_house.address);
    uint64_t began_ns = mw_clock_ns(); /* a pause of 10 ms takes longer where others work, too */
    wire_send(fd, "GET /big?50000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    mw_server_counts counts = {.connections = 1};
    uint64_t ms = 0;
    while (ms < WIRE_WAIT_MS && (ms < 100 || counts.connections > 0)) {
        wire_pause(10);
        mw_server_count(the_house.server, &counts);
        ms = (mw_clock_ns() - began_ns) / 1000000;
    }
    assert_int_equal(counts.connections, 0);
    assert_true(ms >= WRITE_MS);
    close(fd);
}

/* One MiB within the time-out is enough: the whole may take longer. */
static void test_reader_that_is_slow(void **state)
{
    (void)state;
    enum { SIZE = 20000000 };
    int fd = wire_connect(the_house.address), small = 65536;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    uint64_t begin_ns = mw_clock_ns();
    wire_send(fd, "GET /big?20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    static char piece[1000000];
    size_t got = 0;
    for (ssize_t n; got < SIZE && (n = wire_read(fd, piece, sizeof piece, WIRE_WAIT_MS)) > 0;) {
        got += (size_t)n;
        if (got % 50 == 0 || n > 60000)
            wire_pause(3);
    }
    unsigned ms = (unsigned)((mw_clock_ns() - begin_ns) / 1000000);
    assert_true(got > SIZE);
    assert_true(ms > WRITE_MS);
    close(fd);
}

/* 100 bytes a second keep a body within its total time; its pace is refused all the same. */
static void test_pace(void **state)
{
    (void)state;
    net_house patient;
    house_prepare(&patient);
    house_open(&patient);
    int fd = wire_connect(patient.address);
    wire_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n");
    expect_late(fd, drip(fd, ""), MW_LIMIT_BODY_RATE_MS);
    house_close(&patient);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(test_slow_head),
        TEST(test_slow_body),
        TEST(test_idle),
        TEST(test_answers_may_take_time),
        TEST(test_reader_that_does_not_read),
        TEST(test_reader_that_is_slow),
        TEST(test_pace),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
