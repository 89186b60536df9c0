/* The generator against a server whose manners are known. Times are judged generously: what counts
 * is that nothing is lost, and that standing still is charged to whom it belongs. */
#include "../test.h"

#include "load/load.h"
#include "../net/house.h"

static mw_dial *dial;

static void dial_to(const char *url)
{
    mw_error err;
    mw_dial_free(dial);
    if (mw_dial_new(&(mw_dial_options){.url = url}, &dial, &err) != MW_OK)
        fail_msg("%s", err.what);
}

static int forget(void **state)
{
    (void)state;
    mw_dial_free(dial);
    return 0;
}

static mw_load_options options_for(const net_house *house, const mw_view *request)
{
    dial_to(house->address);
    return (mw_load_options){.dial = dial,
                             .requests = request,
                             .n_requests = 1,
                             .n_connections = 8,
                             .n_threads = 1,
                             .timeout_ms = 1000,
                             .seed = 7};
}

static mw_view request_for(char *text, size_t size, const char *path, const char *body)
{
    int n = snprintf(text, size, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                     path, strlen(body), body);
    return (mw_view){text, (size_t)n};
}

static mw_load_result run(const mw_load_options *options, double rps, double seconds)
{
    static mw_load_result result;
    mw_error err;
    if (mw_load_run(options, rps, 0.1, seconds, &result, &err) != MW_OK)
        fail_msg("%s (%s)", err.what, err.why);
    assert_int_equal(result.due,
                     result.ok + result.refused + result.failed + result.timeouts + result.broken);
    return result;
}

static void test_all_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned n_threads;
        bool is_even;
    } cases[] = {{"/echo", 1, false}, {"/echo", 2, false},      {"/echo", 1, true},
                 {"/none", 1, false}, {"/big?300000", 1, true}, {"/close", 1, false}};
    net_house house;
    house_prepare(&house);
    house_open(&house);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[256];
        mw_view request = request_for(text, sizeof text, cases[i].path, "hello");
        mw_load_options options = options_for(&house, &request);
        options.n_threads = cases[i].n_threads;
        options.is_even = cases[i].is_even;
        mw_load_result r = run(&options, 300, 0.4);
        assert_int_equal(r.ok, r.due);
        assert_true(r.due > 60 && r.due < 200); /* 120 are expected */
        assert_int_equal(r.latency.count, r.ok);
    }
    house_close(&house);
}

static void test_closed_loop_is_faster_than_nothing(void **state)
{
    (void)state;
    char text[256];
    net_house house;
    house_prepare(&house);
    house_open(&house);
    mw_view request = request_for(text, sizeof text, "/echo", "x");
    mw_load_options options = options_for(&house, &request);
    mw_load_result r = run(&options, 0, 0.3);
    assert_true(r.ok > 100);
    assert_int_equal(r.due, r.ok);
    house_close(&house);
}

/* Each answer takes 50 ms and there is one connection for 100 requests a second: the line grows,
 * and the clocks of those who stand in it run. A generator that waited for the answers would see 50
 * ms each and nothing wrong. */
static void test_waiting_is_charged(void **state)
{
    (void)state;
    char text[256];
    net_house house;
    house_prepare(&house);
    house_open(&house);
    mw_view request = request_for(text, sizeof text, "/later?50", "x");
    mw_load_options options = options_for(&house, &request);
    options.n_connections = 1;
    options.is_even = true;
    options.timeout_ms = 5000;
    mw_load_result r = run(&options, 100, 0.5);
    assert_int_equal(r.ok, r.due);
    assert_true(mw_load_quantile(&r.latency, 0.5) > UINT64_C(500000000));
    house_close(&house);
}

static void test_silence_is_a_timeout(void **state)
{
    (void)state;
    char text[256];
    net_house house;
    house_prepare(&house);
    house_open(&house);
    mw_view request = request_for(text, sizeof text, "/later?700", "x");
    mw_load_options options = options_for(&house, &request);
    options.timeout_ms = 100;
    mw_load_result r = run(&options, 50, 0.3);
    assert_true(r.due > 0);
    assert_int_equal(r.timeouts, r.due);
    assert_int_equal(mw_load_quantile(&r.latency, 0.5), UINT64_C(100000000));
    house_close(&house);
}

static void test_nobody_there(void **state)
{
    (void)state;
    mw_error err;
    static mw_load_result r;
    mw_view request = MW_VIEW("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    dial_to("127.0.0.1:1");
    mw_load_options options = {.dial = dial,
                               .requests = &request,
                               .n_requests = 1,
                               .n_connections = 2,
                               .n_threads = 1,
                               .timeout_ms = 100};
    mw_status status = mw_load_run(&options, 100, 0, 0.2, &r, &err);
    assert_true(status == MW_IO || r.ok == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_answered),
        cmocka_unit_test(test_closed_loop_is_faster_than_nothing),
        cmocka_unit_test(test_waiting_is_charged),
        cmocka_unit_test(test_silence_is_a_timeout),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
