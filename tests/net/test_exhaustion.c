/* Out of file descriptors: the server neither dies nor spins, and recovers by itself. */
#include "../test.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include "house.h"

enum { N_CLIENTS = 80, SPARE_DESCRIPTORS = 20 };

typedef struct tally {
    unsigned served, refused, closed;
} tally;

/* In a process of its own, so that the clients' descriptors do not count. */
static void run_clients(const char *address, int report, int proceed)
{
    static int fds[N_CLIENTS];
    tally t = {0};
    char byte;
    for (int i = 0; i < N_CLIENTS; i++) {
        fds[i] = wire_try_connect(address);
        if (fds[i] >= 0)
            wire_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < N_CLIENTS; i++) {
        mw_buf answer;
        mw_buf_init(&answer, MW_MIB);
        bool came = fds[i] >= 0 && wire_answer(fds[i], &answer, true);
        if (came && wire_status(&answer) == 200)
            t.served++;
        else if (came && wire_status(&answer) == 503)
            t.refused++;
        else
            t.closed++;
        mw_buf_done(&answer);
    }
    ssize_t n = write(report, &t, sizeof t);
    n = read(proceed, &byte, 1); /* those who were served stay connected until then */
    _exit(n != 1);
}

static uint64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void test_descriptors_run_out(void **state)
{
    (void)state;
    int report[2], proceed[2], address_pipe[2];
    assert_int_equal(pipe(report) | pipe(proceed) | pipe(address_pipe), 0);
    pid_t child = fork();
    if (child == 0) {
        char address[128];
        close(proceed[1]); /* so that it ends when the parent does */
        close(address_pipe[1]);
        if (read(address_pipe[0], address, sizeof address) <= 0)
            _exit(1);
        run_clients(address, report[1], proceed[0]);
    }
    net_house house;
    house_prepare(&house);
    house_open(&house);
    struct rlimit before, low;
    getrlimit(RLIMIT_NOFILE, &before);
    int highest = dup(0);
    close(highest);
    low = (struct rlimit){.rlim_cur = (rlim_t)(highest + SPARE_DESCRIPTORS),
                          .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_true(write(address_pipe[1], house.address, strlen(house.address) + 1) > 0);
    tally t;
    assert_int_equal(read(report[0], &t, sizeof t), sizeof t);
    assert_true(t.served >= SPARE_DESCRIPTORS / 2);
    assert_int_equal(t.served + t.refused + t.closed, N_CLIENTS);
    assert_true(t.served <= SPARE_DESCRIPTORS); /* the reserve serves nobody */
    uint64_t begin_us = cpu_us();
    wire_pause(300);
    if (cpu_us() - begin_us > 100000)
        fail_msg("%llu us of CPU in 300 ms of doing nothing",
                 (unsigned long long)(cpu_us() - begin_us));
    assert_int_equal(write(proceed[1], "x", 1), 1);
    waitpid(child, NULL, 0);
    mw_buf answer;
    mw_buf_init(&answer, MW_MIB);
    int status = 0;
    for (int i = 0; i < WIRE_WAIT_MS / 10 && status != 200; i++) { /* places become free */
        int fd = wire_try_connect(house.address); /* the server may have the last place still */
        if (fd >= 0) {
            wire_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
            status = wire_answer(fd, &answer, true) ? wire_status(&answer) : 0;
            close(fd);
        }
        wire_pause(10);
    }
    assert_int_equal(status, 200);
    mw_buf_done(&answer);
    setrlimit(RLIMIT_NOFILE, &before);
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_descriptors_run_out),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
