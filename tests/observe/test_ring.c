/* The ring: everything comes out in order, what finds no room is counted, over two threads too. */
#include "../test.h"

#include <pthread.h>
#include <sched.h>

#include "observe/ring.h"

enum { RING_BYTES = 4096 };

/* A record of `size` bytes that all tell its number. */
static bool put(observe_ring *ring, uint32_t number, size_t size)
{
    char *room = observe_ring_reserve(ring, size);
    if (!room)
        return false;
    memcpy(room, &number, sizeof number);
    memset(room + sizeof number, (int)(number & 255), size - sizeof number);
    observe_ring_commit(ring, size);
    return true;
}

static size_t size_of(uint32_t number)
{
    return 4 + number * 37 % 500;
}

static void expect(mw_view record, uint32_t number)
{
    uint32_t found;
    memcpy(&found, record.data, sizeof found);
    assert_int_equal(found, number);
    assert_int_equal(record.size, size_of(number));
    for (size_t i = sizeof found; i < record.size; i++)
        assert_int_equal((unsigned char)record.data[i], number & 255);
}

static void test_order(void **state)
{
    (void)state;
    observe_ring ring;
    mw_error err;
    mw_view record;
    assert_int_equal(observe_ring_init(&ring, RING_BYTES, &err), MW_OK);
    assert_false(observe_ring_peek(&ring, &record));
    uint32_t n_put = 0, n_taken = 0;
    for (int turn = 0; turn < 1000; turn++) {
        for (int i = 0; i < turn % 7; i++)
            n_put += put(&ring, n_put, size_of(n_put));
        while (n_taken < n_put && (turn % 3 || n_put - n_taken > 2)) {
            assert_true(observe_ring_peek(&ring, &record));
            expect(record, n_taken++);
            observe_ring_take(&ring);
        }
    }
    assert_true(n_put > 1000);
    observe_ring_done(&ring);
}

static void test_full(void **state)
{
    (void)state;
    observe_ring ring;
    mw_error err;
    mw_view record;
    assert_int_equal(observe_ring_init(&ring, RING_BYTES, &err), MW_OK);
    uint32_t n = 0;
    while (put(&ring, n, size_of(n)))
        n++;
    assert_int_equal(observe_ring_dropped(&ring), 1);
    assert_false(put(&ring, n, RING_BYTES)); /* never fits */
    assert_int_equal(observe_ring_dropped(&ring), 2);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(observe_ring_peek(&ring, &record));
        expect(record, i);
        observe_ring_take(&ring);
    }
    assert_false(observe_ring_peek(&ring, &record));
    assert_true(put(&ring, n, size_of(n)));
    observe_ring_done(&ring);
    assert_false(put(&ring, 0, 8)); /* without memory */
}

static const uint32_t n_records = 200000;

static void *write_all(void *argument)
{
    observe_ring *ring = argument;
    for (uint32_t i = 0; i < n_records; i++)
        while (!put(ring, i, size_of(i)))
            sched_yield();
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    observe_ring ring;
    mw_error err;
    pthread_t writer;
    assert_int_equal(observe_ring_init(&ring, RING_BYTES, &err), MW_OK);
    assert_int_equal(pthread_create(&writer, NULL, write_all, &ring), 0);
    for (uint32_t i = 0; i < n_records;) {
        mw_view record;
        if (!observe_ring_peek(&ring, &record)) {
            sched_yield();
            continue;
        }
        uint32_t found;
        memcpy(&found, record.data, sizeof found);
        assert_int_equal(found, i);
        assert_int_equal((unsigned char)record.data[record.size - 1],
                         record.size > 4 ? i & 255 : i >> 24);
        observe_ring_take(&ring);
        i++;
    }
    pthread_join(writer, NULL);
    observe_ring_done(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
