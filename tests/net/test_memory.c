/* A warm server asks the system for no memory, and an idle connection holds little. The process's
 * malloc is counted: the functions here stand before the C library's. */
#include "../test.h"

#include "net/loop.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if !defined(SANITIZED) && defined(__GLIBC__)
#define COUNTED 1

#include "house.h"

static atomic_ulong n_calls;
static atomic_long n_bytes;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void note(size_t size)
{
    atomic_fetch_add(&n_calls, 1);
    atomic_fetch_add(&n_bytes, (long)size);
}

void *malloc(size_t size)
{
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    note(count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    note(size);
    return __libc_realloc(memory, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    note(size);
    *ret_memory = __libc_memalign(alignment, size);
    return *ret_memory ? 0 : ENOMEM;
}

static void handle(void *user, mw_exchange *exchange)
{
    (void)user;
    if (mw_view_is(exchange->path, "/later")) {
        house_defer(user, exchange, false);
        return;
    }
    char *scratch = mw_arena_take(exchange->arena, 1000);
    memset(scratch, 'x', 1000);
    mw_buf_bytes(exchange->reply, scratch, 60);
    mw_exchange_reply(exchange);
}

/* Room for answers that asks for no memory. */
static void ask(int fd, const char *request, size_t answer_bytes)
{
    char piece[4096];
    assert_true(wire_send(fd, request));
    for (size_t got = 0; got < answer_bytes;) {
        ssize_t n = wire_read(fd, piece, sizeof piece, WIRE_WAIT_MS);
        assert_true(n > 0);
        got += (size_t)n;
    }
}

static size_t answer_size(int fd, const char *request)
{
    mw_buf answer;
    mw_buf_init(&answer, MW_MIB);
    assert_true(wire_send(fd, request));
    assert_true(wire_answer(fd, &answer, true));
    size_t size = answer.size;
    mw_buf_done(&answer);
    return size;
}

static const char *const requests[] = {
    "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
};
#endif

static void test_warm_server_allocates_nothing(void **state)
{
    (void)state;
#ifdef COUNTED
    net_house house;
    house_prepare(&house);
    house.options.n_loops = 1;
    house.options.handler = handle;
    house_open(&house);
    int fds[4];
    for (size_t i = 0; i < 4; i++)
        fds[i] = wire_connect(house.address);
    for (size_t r = 0; r < MW_COUNT(requests); r++) {
        size_t size = 0;
        for (size_t i = 0; i < 4; i++)
            size = answer_size(fds[i], requests[r]);
        unsigned long before = atomic_load(&n_calls);
        for (size_t i = 0; i < 1000; i++)
            ask(fds[i % 4], requests[r], size);
        unsigned long calls = atomic_load(&n_calls) - before;
        if (calls > 0)
            fail_msg("%lu allocations in 1000 requests: %s", calls, requests[r]);
    }
    /* closing and coming back is warm, too: three connections and then a fourth again */
    size_t size = answer_size(fds[0], requests[0]);
    unsigned long before = atomic_load(&n_calls);
    for (size_t i = 0; i < 100; i++) {
        close(fds[3]);
        wire_pause(1);
        fds[3] = wire_connect(house.address);
        ask(fds[3], requests[0], size);
    }
    assert_int_equal(atomic_load(&n_calls) - before, 0);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    house_close(&house);
#else
    skip(); /* a sanitizer owns malloc */
#endif
}

static void test_idle_connection_is_small(void **state)
{
    (void)state;
    print_message("an idle connection holds %zu bytes\n", sizeof(net_connection));
    assert_true(sizeof(net_connection) <= 1024);
#ifdef COUNTED
    enum { N = 300 };
    net_house house;
    house_prepare(&house);
    house.options.n_loops = 1;
    house.options.handler = handle;
    house_open(&house);
    static int fds[N];
    fds[0] = wire_connect(house.address);
    size_t size = answer_size(fds[0], requests[0]);
    long before = atomic_load(&n_bytes);
    for (size_t i = 1; i < N; i++) {
        fds[i] = wire_connect(house.address);
        ask(fds[i], requests[0], size);
    }
    long each = (atomic_load(&n_bytes) - before) / (N - 1);
    if (each > (long)sizeof(net_connection))
        fail_msg("a connection asked for %ld bytes", each);
    /* a head that has only begun holds its own bytes and no more */
    before = atomic_load(&n_bytes);
    for (size_t i = 0; i < N; i++)
        wire_send(fds[i], "GET /x HTTP/1.1\r\nHo");
    wire_pause(200);
    each = (atomic_load(&n_bytes) - before) / N;
    assert_true(each <= 64);
    for (size_t i = 0; i < N; i++)
        close(fds[i]);
    house_close(&house);
#endif
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_warm_server_allocates_nothing),
        cmocka_unit_test(test_idle_connection_is_small),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
