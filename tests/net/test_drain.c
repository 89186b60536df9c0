/* Draining under load: what was asked is answered, and the server ends in time. */
#include "../test.h"

#include <pthread.h>

#include "house.h"

typedef struct load {
    const char *address;
    const char *request;
    unsigned answered, lost;
    bool told; /* an answer said Connection: close */
    bool late; /* the last request came later than a drain waits for it */
} load;

/* Ask again and again on one connection until the server ends it. A request without an answer is
 * lost, unless this thread did not get its turn for so long that it counts as idle. */
static void *run_load(void *argument)
{
    load *l = argument;
    mw_buf answer;
    mw_buf_init(&answer, MW_MIB);
    uint64_t before_ns = mw_clock_ns();
    int fd = wire_connect(l->address);
    while (!l->told) {
        uint64_t begin_ns = mw_clock_ns();
        bool is_sent = wire_send(fd, l->request);
        l->late = mw_clock_ns() - before_ns >= (uint64_t)MW_LIMIT_DRAIN_IDLE_MS * 1000000;
        before_ns = begin_ns; /* the server's clock cannot have begun before */
        if (!is_sent || !wire_answer(fd, &answer, true)) {
            l->lost += !l->late;
            break;
        }
        l->answered++;
        l->told = strstr(answer.data, "\r\nConnection: close\r\n") != NULL;
    }
    close(fd);
    mw_buf_done(&answer);
    return NULL;
}

static void drain_under(const char *request)
{
    enum { N = 8 };
    net_house house;
    house_prepare(&house);
    house_open(&house);
    pthread_t threads[N];
    load loads[N];
    for (int i = 0; i < N; i++) {
        loads[i] = (load){.address = house.address, .request = request};
        assert_int_equal(pthread_create(&threads[i], NULL, run_load, &loads[i]), 0);
    }
    wire_pause(150);
    uint64_t begin_ns = mw_clock_ns();
    assert_int_equal(mw_server_drain(house.server, 5), 0);
    assert_true(mw_clock_ns() - begin_ns < (uint64_t)4000000000);
    unsigned answered = 0;
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        answered += loads[i].answered;
        assert_int_equal(loads[i].lost, 0);
        assert_true(loads[i].told || loads[i].late);
    }
    assert_int_equal(answered, atomic_load(&house.n_handled));
    assert_int_equal(wire_try_connect(house.address), -1);
    house_close(&house);
}

static void test_drain_under_load(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        drain_under("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 5; i++)
        drain_under("GET /later?5 HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_idle_connections_do_not_hold_it(void **state)
{
    (void)state;
    net_house house;
    mw_buf answer;
    mw_buf_init(&answer, MW_MIB);
    house_prepare(&house);
    house_open(&house);
    int fresh = wire_connect(house.address), idle = wire_connect(house.address);
    wire_send(idle, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(wire_answer(idle, &answer, true));
    uint64_t begin_ns = mw_clock_ns();
    assert_int_equal(mw_server_drain(house.server, 5), 0);
    assert_true(mw_clock_ns() - begin_ns < (uint64_t)2000000000);
    char c;
    assert_int_equal(wire_read(fresh, &c, 1, WIRE_WAIT_MS), 0);
    assert_int_equal(wire_read(idle, &c, 1, WIRE_WAIT_MS), 0);
    close(fresh);
    close(idle);
    house_close(&house);
    mw_buf_done(&answer);
}

/* What does not end in time is cut off and counted; the thread that still works on it may answer
 * later without harm. */
static void test_cut_off(void **state)
{
    (void)state;
    net_house house;
    house_prepare(&house);
    house_open(&house);
    int later = wire_connect(house.address), half = wire_connect(house.address),
        reader = wire_connect(house.address);
    static const char *const asked[] = {
        "GET /later?2500 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
        "GET /big?50000000 HTTP/1.1\r\nHost: a\r\n\r\n"};
    wire_send(later, asked[0]);
    wire_send(half, asked[1]);
    wire_send(reader, asked[2]);
    mw_server_counts counts = {0};
    while (counts.bytes_in < strlen(asked[0]) + strlen(asked[1]) + strlen(asked[2])) {
        wire_pause(1);
        mw_server_count(house.server, &counts);
    }
    assert_int_equal(mw_server_drain(house.server, 1), 3);
    house_close(&house);
    close(later);
    close(half);
    close(reader);
}

static void test_ends_without_start_or_drain(void **state)
{
    (void)state;
    net_house house;
    mw_error err;
    house_prepare(&house);
    assert_int_equal(mw_server_open(&house.options, &house.server, &err), MW_OK);
    assert_int_equal(mw_server_drain(house.server, 1), 0);
    mw_server_close(house.server);
    house_open(&house);
    int fd = wire_connect(house.address);
    wire_send(fd, "GET /later?50 HTTP/1.1\r\nHost: a\r\n\r\n");
    wire_pause(20);
    house_close(&house);
    close(fd);
    mw_server_close(NULL);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_drain_under_load),
        cmocka_unit_test(test_idle_connections_do_not_hold_it),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_ends_without_start_or_drain),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
