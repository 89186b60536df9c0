/* A server under 0.5 to 5 times the load it can carry, with the laws and without. */
#include "simulation.h"

#include <stdio.h>

static const struct kind_case {
    const char *name;
    unsigned n_workers;
    double service_ms;
    sim_spread spread;
    unsigned budget_ms;
} kind_cases[] = {
    {"one worker, equal work", 1, 1, SIM_EQUAL, 100},
    {"one worker, exponential", 1, 1, SIM_EXPONENTIAL, 100},
    {"one worker, a tight budget", 1, 5, SIM_EXPONENTIAL, 100},
    {"four workers, exponential", 4, 5, SIM_EXPONENTIAL, 200},
    {"four workers, heavy tail", 4, 5, SIM_HEAVY, 500},
    {"sixteen workers, heavy tail", 16, 10, SIM_HEAVY, 1000},
};
static const double loads[] = {0.5, 0.8, 0.95, 1.2, 2, 3, 5};

typedef struct outcome {
    double goodput; /* as a part of what the server can carry */
    double p99_ms;
} outcome;

static outcome simulate(const struct kind_case *c, double load, bool laws)
{
    enum { WARM_MS = 4000, RUN_MS = 16000 };
    simulation *sim = calloc(1, sizeof *sim);
    assert_non_null(sim);
    double capacity = c->n_workers / (c->service_ms * 1e-3);
    sim->n_workers = c->n_workers;
    sim->service_ns = c->service_ms * SIM_MS;
    sim->rate = load * capacity;
    sim->spread = c->spread;
    sim->budget_ns = (uint64_t)c->budget_ms * SIM_MS;
    sim->laws = laws;
    sim_init(sim);
    sim_run(sim, (uint64_t)WARM_MS * SIM_MS);
    sim_forget(sim);
    sim_run(sim, (uint64_t)(WARM_MS + RUN_MS) * SIM_MS);
    outcome result = {(double)sim->n_good / (RUN_MS * 1e-3) / capacity,
                      (double)sim_quantile(sim, 0.99) / SIM_MS};
    sim_done(sim);
    free(sim);
    return result;
}

/* Goodput stays at nine tenths of its peak or above, and what is answered is answered in time;
 * without the laws it falls to nothing. */
static void test_goodput_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(kind_cases); i++) {
        const struct kind_case *c = &kind_cases[i];
        double peak = 0;
        printf("%-28s load: goodput, p99 in ms (without the laws)\n", c->name);
        outcome with[MW_COUNT(loads)];
        for (size_t j = 0; j < MW_COUNT(loads); j++) {
            with[j] = simulate(c, loads[j], true);
            outcome without = simulate(c, loads[j], false);
            printf("    %.2f: %.2f %6.1f  (%.2f %8.1f)\n", loads[j], with[j].goodput,
                   with[j].p99_ms, without.goodput, without.p99_ms);
            peak = fmax(peak, fmax(with[j].goodput, without.goodput));
            if (loads[j] >= 2 && without.goodput > 0.2)
                fail_msg("%s: without the laws %.2f at %.1f", c->name, without.goodput, loads[j]);
        }
        for (size_t j = 0; j < MW_COUNT(loads); j++) {
            if (with[j].p99_ms > c->budget_ms)
                fail_msg("%s: p99 %.1f ms at %.2f", c->name, with[j].p99_ms, loads[j]);
            if (with[j].goodput < 0.9 * fmin(peak, loads[j]))
                fail_msg("%s: goodput %.2f of %.2f at %.2f", c->name, with[j].goodput, peak,
                         loads[j]);
        }
    }
}

/* Far below its capacity a server refuses no one. */
static void test_nobody_is_refused_at_low_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(kind_cases); i++) {
        outcome quiet = simulate(&kind_cases[i], 0.3, true);
        if (quiet.goodput < 0.29)
            fail_msg("%s: %.3f of 0.3", kind_cases[i].name, quiet.goodput);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goodput_stays),
        cmocka_unit_test(test_nobody_is_refused_at_low_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
