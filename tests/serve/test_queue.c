/* Whose turn it is in the queue before the workers, and who is refused there. Submitting and
 * refusing are replaced (--wrap): so there are no threads, and times are said by hand. */
#include "../test.h"

#include "serve/admit.h"

enum { N_CALLS = 16, EXCHANGE_BYTES = 16384, MOST_SEEN = 32 };
#define MS UINT64_C(1000000)

static serve_call calls[N_CALLS];
static size_t n_calls;
static const serve_call *ran[MOST_SEEN], *dropped[MOST_SEEN];
static size_t n_ran, n_dropped;
static serve_queue *queue;
static serve_endpoint endpoints[2];

void __wrap_mw_pool_submit(mw_pool *pool, mw_job *job);
void __wrap_serve_call_drop(serve_call *call);

void __wrap_mw_pool_submit(mw_pool *pool, mw_job *job)
{
    (void)pool;
    ran[n_ran++] = (const serve_call *)((char *)job - offsetof(serve_call, job));
}

void __wrap_serve_call_drop(serve_call *call)
{
    dropped[n_dropped++] = call;
}

/* One worker, two endpoints; budget: half of it may be waiting. */
static void open_house(size_t queue_length, uint64_t budget_ns)
{
    mw_error err;
    const mw_admission limits = {.budget_ns = budget_ns, .queue_length = queue_length};
    assert_int_equal(serve_queue_new(NULL, 1, 1, &queue, &err), MW_OK);
    for (size_t i = 0; i < MW_COUNT(endpoints); i++)
        assert_int_equal(serve_gate_new(&limits, 1, &endpoints[i].gate, &err), MW_OK);
    n_calls = n_ran = n_dropped = 0;
}

static void close_house(void)
{
    for (size_t i = 0; i < n_calls; i++)
        free(calls[i].exchange);
    for (size_t i = 0; i < MW_COUNT(endpoints); i++)
        serve_gate_free(endpoints[i].gate);
    serve_queue_free(queue);
}

/* A call that came at `now_ns` waits from then on; the net room's part of its exchange is zero: the
 * client is there. Returns its number. */
static size_t put_call(size_t endpoint, uint64_t client, mw_urgency urgency, uint64_t now_ns,
                       uint64_t deadline_ns)
{
    serve_call *call = &calls[n_calls];
    *call = (serve_call){.client = client, .urgency = urgency};
    call->slot.endpoint = &endpoints[endpoint];
    call->exchange = calloc(1, EXCHANGE_BYTES);
    assert_non_null(call->exchange);
    call->exchange->received_ns = call->timeline.marked_ns = now_ns;
    call->exchange->deadline_ns = deadline_ns;
    serve_queue_put(queue, call);
    return n_calls++;
}

/* The one that runs ends at `now_ns`, after `took_ns`. */
static void end_call(uint64_t now_ns, uint64_t took_ns)
{
    const serve_call *call = ran[n_ran - 1];
    const serve_turn turn = {call->slot.endpoint->gate, (unsigned)(call->client % SERVE_FLOWS),
                             call->urgency, now_ns - took_ns, now_ns};
    serve_queue_done(queue, &turn);
}

static void expect_ran(const size_t *wanted, size_t n)
{
    for (size_t i = 0; i < n && i < n_ran; i++)
        if (ran[i] != &calls[wanted[i]])
            fail_msg("turn %zu was that of call %td, not %zu", i, ran[i] - calls, wanted[i]);
    assert_int_equal(n_ran, n);
}

static void run_all(uint64_t now_ns, uint64_t took_ns)
{
    for (size_t ended = 0; ended < n_ran; ended++)
        end_call(now_ns += took_ns, took_ns);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void test_oldest_first(void **state)
{
    (void)state;
    open_house(100, 10000 * MS);
    for (uint64_t i = 0; i < 4; i++)
        put_call(0, 1, MW_USUAL, 1000 * MS + i, 0);
    assert_int_equal(n_ran, 1); /* there is one worker */
    run_all(1001 * MS, 10 * MS);
    expect_ran((const size_t[]){0, 1, 2, 3}, 4);
    assert_int_equal(n_dropped, 0);
    close_house();
}

/* Client 1 came first with many; client 2's one has its turn when the first of them is done. */
static void test_clients_in_turn(void **state)
{
    (void)state;
    open_house(100, 10000 * MS);
    for (uint64_t i = 0; i < 4; i++)
        put_call(0, 1, MW_USUAL, 1000 * MS + i, 0);
    put_call(0, 2, MW_USUAL, 1000 * MS + 9, 0);
    run_all(1001 * MS, 10 * MS);
    expect_ran((const size_t[]){0, 4, 1, 2, 3}, 5);
    close_house();
}

static void test_urgent_before_others(void **state)
{
    (void)state;
    open_house(100, 10000 * MS);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    put_call(0, 1, MW_BULK, 1000 * MS, 0);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    put_call(0, 1, MW_URGENT, 1000 * MS, 0);
    run_all(1001 * MS, 10 * MS);
    expect_ran((const size_t[]){0, 3, 2, 1}, 4);
    close_house();
}

/* By time, not by count: calls of endpoint 0 take four and a half times as long. */
static void test_endpoints_by_time(void **state)
{
    (void)state;
    open_house(100, 10000 * MS);
    for (int i = 0; i < 3; i++)
        put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    for (int i = 0; i < 8; i++)
        put_call(1, 1, MW_USUAL, 1000 * MS, 0);
    uint64_t now_ns = 1001 * MS;
    for (size_t ended = 0; ended < n_ran; ended++) {
        uint64_t took_ns = (ran[ended]->slot.endpoint == &endpoints[0] ? 45 : 10) * MS;
        end_call(now_ns += took_ns, took_ns);
    }
    expect_ran((const size_t[]){0, 3, 4, 5, 6, 7, 1, 8, 9, 10, 2}, 11);
    close_house();
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void expect_dropped(size_t i, size_t call, mw_shed reason)
{
    assert_true(n_dropped > i);
    assert_ptr_equal(dropped[i], &calls[call]);
    assert_int_equal(dropped[i]->refusal, reason);
}

static void test_full(void **state)
{
    (void)state;
    open_house(2, 10000 * MS);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0); /* runs */
    put_call(0, 1, MW_BULK, 1000 * MS, 0);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    put_call(0, 1, MW_BULK, 1000 * MS, 0); /* no place, and nobody is less urgent */
    expect_dropped(0, 3, MW_SHED_QUEUE_FULL);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0); /* has the place of the bulk one */
    expect_dropped(1, 1, MW_SHED_QUEUE_FULL);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0); /* of a client that has two here: none */
    expect_dropped(2, 5, MW_SHED_QUEUE_FULL);
    put_call(0, 2, MW_USUAL, 1000 * MS, 0); /* another client: the longest line gives one up */
    expect_dropped(3, 2, MW_SHED_QUEUE_FULL);
    run_all(1001 * MS, 10 * MS);
    expect_ran((const size_t[]){0, 6, 4}, 3);
    assert_int_equal(n_dropped, 4);
    close_house();
}

/* Half of the budget, 500 ms, is the most that may be waited; who comes meanwhile finds them out.
 */
static void test_waited_too_long(void **state)
{
    (void)state;
    open_house(100, 1000 * MS);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    put_call(0, 2, MW_USUAL, 1400 * MS, 0);
    assert_int_equal(n_dropped, 0);
    put_call(0, 1, MW_USUAL, 1501 * MS, 0);
    expect_dropped(0, 1, MW_SHED_WAITED);
    end_call(1502 * MS, 400 * MS);
    expect_ran((const size_t[]){0, 2}, 2);
    end_call(2100 * MS, 10 * MS); /* its turn comes too late */
    expect_dropped(1, 3, MW_SHED_WAITED);
    assert_int_equal(n_ran, 2);
    close_house();
}

static void test_deadline(void **state)
{
    (void)state;
    open_house(100, 10000 * MS);
    put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    put_call(0, 1, MW_USUAL, 1000 * MS, 1020 * MS);
    put_call(0, 1, MW_USUAL, 1000 * MS, 1021 * MS);
    end_call(1020 * MS, 10 * MS);
    expect_dropped(0, 1, MW_SHED_DEADLINE);
    expect_ran((const size_t[]){0, 2}, 2);
    close_house();
}

static void test_look(void **state)
{
    (void)state;
    mw_endpoint_info info;
    open_house(100, 10000 * MS);
    for (int i = 0; i < 3; i++)
        put_call(0, 1, MW_USUAL, 1000 * MS, 0);
    serve_queue_look(queue, endpoints[0].gate, &info);
    assert_int_equal(info.queue_length, 2);
    assert_int_equal(info.concurrency, 1);
    assert_int_equal(info.concurrency_limit, 1);
    run_all(1001 * MS, 10 * MS);
    serve_queue_look(queue, endpoints[0].gate, &info);
    assert_int_equal(info.queue_length, 0);
    assert_int_equal(info.concurrency, 0);
    close_house();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oldest_first),
        cmocka_unit_test(test_clients_in_turn),
        cmocka_unit_test(test_urgent_before_others),
        cmocka_unit_test(test_endpoints_by_time),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_waited_too_long),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
