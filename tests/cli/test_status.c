/* `mw status`: pages become samples, samples rates, rates a sentence about what limits. */
#include "../test.h"

#include <math.h>

#include "cli/status.h"

static const char page_begin[] =
    "# HELP mw_build_info x\n# TYPE mw_build_info gauge\nmw_build_info{version=\"1.2.3\"} 1\n"
    "mw_requests_total{endpoint=\"a\",version=\"1\",protocol=\"oip\",code=\"200\"} 10\n"
    "mw_requests_total{endpoint=\"a\",version=\"2\",protocol=\"oip\",code=\"200\"} 100\n"
    "mw_requests_total{endpoint=\"a\",version=\"2\",protocol=\"oip\",code=\"400\"} 5\n"
    "mw_request_duration_seconds_bucket{endpoint=\"a\",version=\"2\",le=\"0.001\"} 50\n"
    "mw_request_duration_seconds_bucket{endpoint=\"a\",version=\"2\",le=\"0.002\"} 100\n"
    "mw_request_duration_seconds_bucket{endpoint=\"a\",version=\"2\",le=\"+Inf\"} 105\n"
    "mw_rows_total{endpoint=\"a\",version=\"2\"} 1000\n"
    "mw_in_flight_requests{endpoint=\"a\",version=\"2\"} 3\n"
    "mw_stage_seconds_sum{endpoint=\"a\",version=\"2\",stage=\"decode\"} 1\n"
    "mw_stage_seconds_sum{endpoint=\"a\",version=\"2\",stage=\"predict\"} 3\n"
    "mw_shed_total{endpoint=\"a\",reason=\"quota\"} 2\nmw_shed_total{endpoint=\"a\","
    "reason=\"waited\"} 3\n"
    "mw_model_ready{endpoint=\"a\"} 1\nmw_model_ready{endpoint=\"b\"} 0\n"
    "mw_loop_busy_seconds_total{loop=\"0\"} 7.5\nmw_loop_busy_seconds_total{loop=\"1\"} 0.5\n"
    "mw_loop_cpu_seconds_total{loop=\"0\"} 7\nmw_pool_threads 4\nmw_cores 8\n"
    "process_open_fds 12\nprocess_max_fds 1024\nnot a line\n\nunknown{x=\"y\"} 1e3\n";

static void read_page(const char *text, mw_arena *arena, status_sample *sample)
{
    mw_error err;
    if (status_read(mw_view_of(text), arena, sample, &err) != MW_OK)
        fail_msg("%s", err.what);
}

static const status_endpoint *endpoint_of(const status_sample *sample, const char *name,
                                          unsigned version)
{
    for (size_t i = 0; i < sample->n_endpoints; i++)
        if (strcmp(sample->endpoints[i].name, name) == 0 && sample->endpoints[i].version == version)
            return &sample->endpoints[i];
    fail_msg("no %s, version %u", name, version);
    return NULL;
}

static void test_read(void **state)
{
    (void)state;
    static status_sample sample;
    mw_arena arena;
    mw_arena_init(&arena, MW_KIB, MW_MIB);
    read_page(page_begin, &arena, &sample);
    assert_string_equal(sample.server, "1.2.3");
    const status_endpoint *a = endpoint_of(&sample, "a", 2), *all = endpoint_of(&sample, "a", 0);
    assert_true(a->requests == 105 && a->failures == 5 && a->rows == 1000 && a->in_flight == 3);
    assert_int_equal(a->n_buckets, 3);
    assert_true(a->bounds[0] == 0.001 && isinf(a->bounds[2]) && a->buckets[1] == 100);
    assert_true(a->stage_seconds[MW_STAGE_DECODE] == 1 && a->stage_seconds[MW_STAGE_PREDICT] == 3);
    assert_true(all->shed == 5 && all->quota == 2 && all->ready == 1);
    assert_true(endpoint_of(&sample, "a", 1)->requests == 10);
    assert_int_equal(sample.n_loops, 2);
    assert_true(sample.loop_busy[0] == 7.5 && sample.loop_cpu[0] == 7 && sample.cores == 8);
    assert_true(sample.fds == 12 && sample.fds_limit == 1024 && sample.pool_threads == 4);
    mw_arena_done(&arena);
}

static void test_other_pages(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "",  "\n",       "<html>", "go_goroutines 7\n",
        "{", "a{b=\"c}", "x{=",    "mw_build_info{version=\"\"} 1\n"};
    static status_sample sample;
    mw_arena arena;
    mw_error err;
    mw_arena_init(&arena, MW_KIB, MW_MIB);
    for (size_t i = 0; i < MW_COUNT(pages); i++)
        if (status_read(mw_view_of(pages[i]), &arena, &sample, &err) != MW_BAD_DATA)
            fail_msg("'%s'", pages[i]);
    mw_arena_done(&arena);
}

static void test_quantiles(void **state)
{
    (void)state;
    const double bounds[] = {1, 2, 4, INFINITY}, counts[] = {10, 20, 20, 21};
    const double none[] = {0, 0, 0, 0};
    assert_true(status_quantile(bounds, counts, 4, 0.5) == 1.05);
    assert_true(status_quantile(bounds, counts, 4, 0.25) == 0.525);
    assert_true(status_quantile(bounds, counts, 4, 0.99) == 4); /* beyond the last bound */
    assert_true(isnan(status_quantile(bounds, none, 4, 0.5)));
    assert_true(isnan(status_quantile(bounds, counts, 0, 0.5)));
}

static void test_between(void **state)
{
    (void)state;
    static status_sample before, now;
    static const char more[] =
        "mw_build_info{version=\"1.2.3\"} 1\n"
        "mw_requests_total{endpoint=\"a\",version=\"1\",protocol=\"oip\",code=\"200\"} 10\n"
        "mw_requests_total{endpoint=\"a\",version=\"2\",protocol=\"oip\",code=\"200\"} 300\n"
        "mw_requests_total{endpoint=\"a\",version=\"2\",protocol=\"oip\",code=\"400\"} 5\n"
        "mw_request_duration_seconds_bucket{endpoint=\"a\",version=\"2\",le=\"0.001\"} 50\n"
        "mw_request_duration_seconds_bucket{endpoint=\"a\",version=\"2\",le=\"0.002\"} 300\n"
        "mw_request_duration_seconds_bucket{endpoint=\"a\",version=\"2\",le=\"+Inf\"} 305\n"
        "mw_rows_total{endpoint=\"a\",version=\"2\"} 1400\n"
        "mw_stage_seconds_sum{endpoint=\"a\",version=\"2\",stage=\"decode\"} 1.1\n"
        "mw_stage_seconds_sum{endpoint=\"a\",version=\"2\",stage=\"predict\"} 3.3\n"
        "mw_shed_total{endpoint=\"a\",reason=\"quota\"} 2\n"
        "mw_shed_total{endpoint=\"a\",reason=\"waited\"} 3\n"
        "mw_model_ready{endpoint=\"a\"} 1\nmw_model_ready{endpoint=\"b\"} 0\n"
        "mw_loop_busy_seconds_total{loop=\"0\"} 8\nmw_loop_busy_seconds_total{loop=\"1\"} 1\n"
        "mw_loop_cpu_seconds_total{loop=\"0\"} 7.5\n";
    mw_arena arena;
    mw_error err;
    status_report report;
    mw_arena_init(&arena, MW_KIB, MW_MIB);
    read_page(page_begin, &arena, &before);
    read_page(more, &arena, &now);
    assert_int_equal(status_between(&before, &now, 2, &arena, &report, &err), MW_OK);
    assert_int_equal(report.n_endpoints, 2);
    const status_rates *a = &report.endpoints[0];
    assert_string_equal(a->now->name, "a");
    assert_int_equal(a->now->version, 2);
    assert_true(a->requests == 100 && a->failures == 0 && a->rows == 200 && a->shed == 0);
    assert_true(a->p50 == 0.0015 && fabs(a->p99 - 0.00199) < 1e-9);
    assert_true(fabs(a->shares[MW_STAGE_PREDICT] - 0.75) < 1e-9);
    assert_true(report.server.loops_busy == 0.25 && report.server.busiest == 0.25);
    assert_true(fabs(report.server.network - 0.6) < 1e-9);
    assert_int_equal(a->limit, STATUS_NOTHING);
    assert_string_equal(report.endpoints[1].now->name, "b");
    assert_string_equal(report.endpoints[1].why, "nothing: no model is loaded");
    /* the server began anew: counters count from 0 */
    assert_int_equal(status_between(&now, &before, 2, &arena, &report, &err), MW_OK);
    assert_true(report.endpoints[0].requests == 52.5);
    mw_arena_done(&arena);
}

/* What limits, by the numbers that speak for it. */
static void test_judge(void **state)
{
    (void)state;
    static const struct judge_case {
        const char *why; /* its beginning */
        status_resource limit;
        double requests, shed, quota, receive, queue, predict, loops, busiest, cpu, pool, network,
            refused, fds, memory, p50;
    } cases[] = {
        {"nothing: no requests", STATUS_NOTHING, .loops = 0.01},
        {"nothing: loops are 10 % busy; most of the work is predict (100 %)", STATUS_NOTHING,
         .requests = 9, .predict = 0.9, .queue = 0.1, .loops = 0.1, .busiest = 0.1, .cpu = 0.1},
        {"predict: 100 % of the work, and loops are 96 % busy: raise --threads", STATUS_LOOPS,
         .requests = 9, .predict = 0.8, .queue = 0.2, .loops = 0.96, .busiest = 1, .cpu = 0.96},
        {"loops are 96 % busy, 70 % of that with reading", STATUS_LOOPS, .requests = 9,
         .predict = 0.8, .loops = 0.96, .busiest = 1, .cpu = 0.96, .network = 0.7},
        {"cores: loops would work 95 % of the time and get a core 40 %", STATUS_CORES,
         .requests = 9, .predict = 1, .loops = 0.95, .busiest = 1, .cpu = 0.4},
        {"one of 4 loops is 99 % busy", STATUS_SPREAD, .requests = 9, .predict = 1, .loops = 0.3,
         .busiest = 0.99, .cpu = 0.3},
        {"workers: 4 threads", STATUS_WORKERS, .requests = 9, .predict = 0.2, .queue = 0.8,
         .loops = 0.1, .busiest = 0.1, .cpu = 0.1, .pool = 0.99},
        {"clients' uploads: 80 %", STATUS_UPLOADS, .requests = 9, .receive = 0.8, .predict = 0.2,
         .loops = 0.1, .busiest = 0.1, .cpu = 0.1},
        {"queue: 90 % of the time", STATUS_QUEUE, .requests = 9, .queue = 0.9, .predict = 0.1,
         .loops = 0.4, .busiest = 0.4, .cpu = 0.4, .p50 = 0.01},
        {"queue: 5.0 requests a second are refused", STATUS_QUEUE, .requests = 9, .shed = 5,
         .predict = 1, .loops = 0.4, .busiest = 0.4, .cpu = 0.4},
        {"quota: 5.0 requests", STATUS_QUOTA, .requests = 9, .shed = 6, .quota = 5, .predict = 1,
         .loops = 0.4, .busiest = 0.4, .cpu = 0.4},
        {"file descriptors: 95 of 100", STATUS_FILES, .requests = 9, .fds = 95, .loops = 1},
        {"connections: 3 a second", STATUS_CONNECTIONS, .requests = 9, .refused = 3, .loops = 1},
        {"memory: 95 MiB of 100 MiB", STATUS_MEMORY, .requests = 9, .memory = 95, .loops = 1},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        const struct judge_case *c = &cases[i];
        static status_sample now;
        status_endpoint endpoint = {.name = "a", .version = 1};
        status_rates rates = {.now = &endpoint,
                              .requests = c->requests,
                              .shed = c->shed,
                              .quota = c->quota,
                              .p50 = c->p50,
                              .of_server = 1};
        now = (status_sample){.n_loops = 4,
                              .cores = 8,
                              .pool_threads = 4,
                              .fds = c->fds,
                              .fds_limit = 100,
                              .memory_bytes = c->memory * (double)MW_MIB,
                              .memory_limit_bytes = 100 * (double)MW_MIB};
        rates.shares[MW_STAGE_RECEIVE] = c->receive;
        rates.shares[MW_STAGE_QUEUE] = c->queue;
        rates.shares[MW_STAGE_PREDICT] = c->predict;
        status_report report = {.now = &now,
                                .endpoints = &rates,
                                .n_endpoints = 1,
                                .server = {.loops_busy = c->loops,
                                           .busiest = c->busiest,
                                           .loops_cpu = c->cpu,
                                           .pool_busy = c->pool,
                                           .network = c->network,
                                           .refused = c->refused}};
        status_judge(&report, &rates);
        if (rates.limit != c->limit || strncmp(rates.why, c->why, strlen(c->why)) != 0)
            fail_msg("%zu: %s, not %s", i, rates.why, c->why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),      cmocka_unit_test(test_other_pages),
        cmocka_unit_test(test_quantiles), cmocka_unit_test(test_between),
        cmocka_unit_test(test_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
