/* The search for the knee, on simulated servers whose capacity is known. */
#include "../test.h"

#include <math.h>

#include "load/load.h"

#define MS UINT64_C(1000000)

/* M/M/1: the time in the system is exponential with rate capacity - load; beyond its capacity a
 * server answers what it can and the rest waits for ever. */
typedef struct simulated {
    double capacity, service_ms;
    bool sheds; /* 503 beyond capacity instead of waiting */
    bool is_dead;
    size_t disturbed_run; /* this one, from 1, is disturbed by others; 0 = none */
    size_t n_runs;
} simulated;

static void note_waiting(mw_load_result *r, double mean_ms, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        double u = ((double)i + 0.5) / (double)count;
        mw_load_note(&r->latency, (uint64_t)(-log(u) * mean_ms * 1e6));
    }
    r->ok = count;
}

static mw_status run_simulated(void *user, double rps, mw_load_step *ret_step, mw_error *err)
{
    (void)err;
    simulated *server = user;
    mw_load_result *r = &ret_step->result;
    double offered = rps > 0 ? rps : server->capacity * 0.97; /* a closed loop stops short */
    server->n_runs++;
    r->offered_rps = rps;
    r->seconds = 1;
    r->due = (uint64_t)offered;
    ret_step->server_cores = -1;
    if (server->n_runs == server->disturbed_run) {
        note_waiting(r, 900, r->due);
    } else if (server->is_dead) {
        r->failed = r->due;
        r->status = 500;
    } else if (offered < server->capacity) {
        double rho = offered / server->capacity;
        note_waiting(r, server->service_ms / (1 - rho), r->due);
    } else if (server->sheds) {
        note_waiting(r, 2 * server->service_ms, (uint64_t)server->capacity);
        r->refused = r->due - r->ok;
    } else {
        note_waiting(r, 500, (uint64_t)server->capacity);
        r->timeouts = r->due - r->ok;
    }
    return MW_OK;
}

static mw_load_curve *find(simulated *server, uint64_t objective_ns, mw_status *ret_status)
{
    mw_error err;
    mw_load_curve *curve = calloc(1, sizeof *curve);
    mw_load_search search = {.run = run_simulated, .user = server, .objective_ns = objective_ns};
    assert_non_null(curve);
    *ret_status = mw_load_find(&search, curve, &err);
    return curve;
}

/* With service time 1 ms and an objective p99 of d ms the highest load is known:
 * ln(100) * 1 / (1 - rho) = d. */
static void test_knee_by_objective(void **state)
{
    (void)state;
    static const struct {
        double capacity, objective_ms;
    } cases[] = {{1000, 20}, {1000, 8}, {50000, 50}, {200, 12}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        simulated server = {.capacity = cases[i].capacity, .service_ms = 1};
        mw_status status;
        mw_load_curve *curve = find(&server, (uint64_t)(cases[i].objective_ms * 1e6), &status);
        double truth = cases[i].capacity * (1 - log(100) / cases[i].objective_ms);
        assert_int_equal(status, MW_OK);
        assert_true(curve->n_good > 0 && curve->n_good < curve->n_steps);
        double knee = curve->steps[curve->n_good - 1].result.offered_rps;
        if (knee > truth * 1.02 || knee < truth * 0.93)
            fail_msg("knee %.0f, true %.0f", knee, truth);
        assert_true(server.n_runs <= 20);
        free(curve);
    }
}

static void test_steps_ascend_and_beyond_is_seen(void **state)
{
    (void)state;
    for (int sheds = 0; sheds < 2; sheds++) {
        simulated server = {.capacity = 5000, .service_ms = 0.1, .sheds = sheds};
        mw_status status;
        mw_load_curve *curve = find(&server, 0, &status);
        assert_int_equal(status, MW_OK);
        for (size_t i = 1; i < curve->n_steps; i++)
            assert_true(curve->steps[i - 1].result.offered_rps <=
                        curve->steps[i].result.offered_rps);
        double knee = curve->steps[curve->n_good - 1].result.offered_rps;
        assert_true(knee > 2000 && knee < 5000);
        for (size_t i = 0; i < curve->n_steps; i++)
            assert_int_equal(curve->steps[i].is_good, curve->steps[i].why[0] == '\0');
        assert_true(curve->objective_ns >= MS);
        assert_false(curve->objective_is_given);
        free(curve);
    }
}

static void test_a_disturbance_is_no_limit(void **state)
{
    (void)state;
    for (size_t run = 2; run < 5; run++) { /* the first is the probe */
        simulated server = {.capacity = 1000, .service_ms = 1, .disturbed_run = run};
        mw_status status;
        mw_load_curve *curve = find(&server, 20 * MS, &status);
        assert_int_equal(status, MW_OK);
        assert_true(curve->steps[curve->n_good - 1].result.offered_rps > 650);
        free(curve);
    }
}

static void test_dead_server_is_an_error(void **state)
{
    (void)state;
    simulated server = {.capacity = 100, .is_dead = true};
    mw_status status;
    mw_load_curve *curve = find(&server, 0, &status);
    assert_int_equal(status, MW_IO);
    free(curve);
}

static void test_too_slow_from_the_start(void **state)
{
    (void)state;
    simulated server = {.capacity = 1000, .service_ms = 30};
    mw_status status;
    mw_load_curve *curve = find(&server, 5 * MS, &status);
    assert_int_equal(status, MW_OK);
    assert_int_equal(curve->n_good, 0);
    assert_string_equal(curve->steps[0].why, "p99 is beyond the objective");
    free(curve);
}

static void test_what_is_beyond_is_named(void **state)
{
    (void)state;
    static const double rates[] = {1000, 9000};
    for (int sheds = 0; sheds < 2; sheds++) {
        mw_error err;
        simulated server = {.capacity = 5000, .service_ms = 0.1, .sheds = sheds};
        mw_load_search search = {
            .run = run_simulated, .user = &server, .rates = rates, .n_rates = MW_COUNT(rates)};
        mw_load_curve *curve = calloc(1, sizeof *curve);
        assert_int_equal(mw_load_find(&search, curve, &err), MW_OK);
        assert_int_equal(curve->n_good, 1);
        assert_string_equal(curve->steps[1].why, sheds ? "load is shed" : "requests time out");
        free(curve);
    }
}

static void test_given_rates(void **state)
{
    (void)state;
    mw_error err;
    static const double rates[] = {100, 400, 2000};
    simulated server = {.capacity = 1000, .service_ms = 0.2};
    mw_load_search search = {
        .run = run_simulated, .user = &server, .rates = rates, .n_rates = MW_COUNT(rates)};
    mw_load_curve *curve = calloc(1, sizeof *curve);
    assert_int_equal(mw_load_find(&search, curve, &err), MW_OK);
    assert_int_equal(server.n_runs, 4); /* the bad one twice */
    assert_int_equal(curve->n_good, 2);
    free(curve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knee_by_objective),
        cmocka_unit_test(test_steps_ascend_and_beyond_is_seen),
        cmocka_unit_test(test_a_disturbance_is_no_limit),
        cmocka_unit_test(test_dead_server_is_an_error),
        cmocka_unit_test(test_too_slow_from_the_start),
        cmocka_unit_test(test_what_is_beyond_is_named),
        cmocka_unit_test(test_given_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
