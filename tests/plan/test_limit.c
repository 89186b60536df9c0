/* The limit finds how many a server works on at a time, though nobody says it. */
#include "simulation.h"

static simulation *new_simulation(unsigned n_workers, double load, sim_spread spread)
{
    simulation *sim = calloc(1, sizeof *sim);
    assert_non_null(sim);
    sim->n_workers = n_workers;
    sim->service_ns = 5.0 * SIM_MS;
    sim->rate = load * n_workers / 5e-3;
    sim->spread = spread;
    sim->budget_ns = 400ull * SIM_MS;
    sim->laws = true;
    sim_init(sim);
    return sim;
}

static void end(simulation *sim)
{
    sim_done(sim);
    free(sim);
}

static uint64_t seconds(double n)
{
    return (uint64_t)(n * 1000) * SIM_MS;
}

/* As many inside as there are workers, or else some are idle; and not many times as many. */
static void test_finds_the_workers(void **state)
{
    (void)state;
    static const unsigned workers[] = {1, 2, 4, 16, 48};
    for (size_t i = 0; i < MW_COUNT(workers); i++) {
        simulation *sim = new_simulation(workers[i], 3, SIM_EXPONENTIAL);
        sim_run(sim, seconds(20));
        sim_forget(sim);
        sim_run(sim, seconds(40));
        print_message("%u workers: limit %.1f..%.1f\n", workers[i], sim->limit_low,
                      sim->limit_high);
        assert_true(sim->limit_high >= workers[i]);
        assert_true(sim->limit_high <= 2.5 * workers[i] + 3);
        end(sim);
    }
}

/* What is in flight at low load is no measure: the limit neither falls nor grows by it. */
static void test_low_load_moves_nothing(void **state)
{
    (void)state;
    simulation *sim = new_simulation(16, 3, SIM_HEAVY);
    sim_run(sim, seconds(15));
    double found = sim->limit.value;
    sim->rate = 0.05 * 16 / 5e-3;
    sim_run(sim, seconds(16)); /* what is still inside */
    sim_forget(sim);
    sim_run(sim, seconds(100));
    print_message("found %.1f; at low load %.1f..%.1f\n", found, sim->limit_low, sim->limit_high);
    assert_true(sim->limit_low > 0.5 * found && sim->limit_high < 1.5 * found);
    end(sim);
}

/* Half the workers go, and come back: goodput follows within seconds. */
static void test_follows_capacity(void **state)
{
    (void)state;
    simulation *sim = new_simulation(16, 3, SIM_EXPONENTIAL);
    sim_run(sim, seconds(20));
    sim->n_workers = 8;
    sim_run(sim, seconds(22));
    sim_forget(sim);
    sim_run(sim, seconds(30));
    double half = (double)sim->n_good / 8 / (8 / 5e-3);
    uint64_t p99 = sim_quantile(sim, 0.99);
    print_message("half: goodput %.2f of what it can carry, p99 %.0f ms\n", half,
                  (double)p99 / SIM_MS);
    assert_true(half > 0.9 && p99 < sim->budget_ns);
    sim->n_workers = 16;
    sim_run(sim, seconds(33));
    sim_forget(sim);
    sim_run(sim, seconds(41));
    double whole = (double)sim->n_good / 8 / (16 / 5e-3);
    print_message("whole again: %.2f\n", whole);
    assert_true(whole > 0.9);
    end(sim);
}

/* A model that is replaced by one three times as slow: the old latency is forgotten. */
static void test_forgets_a_faster_past(void **state)
{
    (void)state;
    simulation *sim = new_simulation(8, 3, SIM_EXPONENTIAL);
    sim_run(sim, seconds(20));
    sim->service_ns = 15.0 * SIM_MS;
    sim_run(sim, seconds(50));
    sim_forget(sim);
    sim_run(sim, seconds(70));
    double goodput = (double)sim->n_good / 20 / (8 / 15e-3);
    print_message("three times slower: goodput %.2f, limit %.1f..%.1f\n", goodput, sim->limit_low,
                  sim->limit_high);
    assert_true(goodput > 0.9);
    end(sim);
}

/* In the balance the limit stays within a factor of four, probes included. */
static void test_does_not_swing(void **state)
{
    (void)state;
    for (sim_spread spread = SIM_EQUAL; spread <= SIM_HEAVY; spread++) {
        simulation *sim = new_simulation(16, 3, spread);
        sim_run(sim, seconds(20));
        sim_forget(sim);
        sim_run(sim, seconds(TEST_WATCHED ? 30 : 100));
        print_message("spread %d: %.1f..%.1f\n", (int)spread, sim->limit_low, sim->limit_high);
        assert_true(sim->limit_high < 4 * sim->limit_low);
        end(sim);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    const mw_limit_law law = {.least = 1,
                              .most = 3,
                              .first = 2,
                              .window_samples = 2,
                              .window_ns = 1,
                              .probe_ns = 1000000000};
    mw_limit limit;
    mw_limit_init(&limit, &law);
    assert_int_equal(mw_limit_now(&limit, &law), 2);
    for (uint64_t now = 1; now < 1000; now++)
        mw_limit_note(&limit, &law, now, 100, 3);
    assert_int_equal(mw_limit_now(&limit, &law), 3);
    for (uint64_t now = 1000; now < 1100; now++)
        mw_limit_note(&limit, &law, now, 1000000, 3);
    assert_int_equal(mw_limit_now(&limit, &law), 1);
    mw_limit_note(&limit, &law, 1100, UINT64_MAX, 3);
    mw_limit_note(&limit, &law, 1101, 0, 0);
    assert_in_range(mw_limit_now(&limit, &law), 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_workers), cmocka_unit_test(test_low_load_moves_nothing),
        cmocka_unit_test(test_follows_capacity),  cmocka_unit_test(test_forgets_a_faster_past),
        cmocka_unit_test(test_does_not_swing),    cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
