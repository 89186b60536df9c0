/* A server in simulated time: requests come at random (Poisson), wait outside until the laws let
 * them in, wait inside for one of k workers, and are worked on for a random time.
 *
 *      arrivals -> [outside: codel] -> limit -> [inside: first come, first served] -> k workers
 *
 * With `laws` false all are let in at once. Who has waited longer than the budget is gone; its work
 * is done all the same, as a server does that does not look. Everything follows from the seed. */
#ifndef TESTS_PLAN_SIMULATION_H
#define TESTS_PLAN_SIMULATION_H

#include "../test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

enum { SIM_MS = 1000000, SIM_WORKERS_MAX = 64, SIM_QUEUE = 1 << 16, SIM_SECONDS_MAX = 120 };

typedef enum sim_spread { SIM_EQUAL, SIM_EXPONENTIAL, SIM_HEAVY } sim_spread;

typedef struct simulation {
    /* what is simulated */
    unsigned n_workers;
    double service_ns, rate; /* requests a second */
    sim_spread spread;
    uint64_t budget_ns;
    bool laws;
    uint64_t seed;
    /* its state */
    uint64_t now_ns, next_ns;
    double random_state;
    mw_codel codel;
    mw_codel_law codel_law;
    mw_limit limit;
    mw_limit_law limit_law;
    uint64_t outside[SIM_QUEUE], inside[SIM_QUEUE], entered[SIM_QUEUE];
    size_t outside_begin, outside_end, inside_begin, inside_end;
    unsigned n_in_flight;
    struct {
        bool busy;
        uint64_t finish_ns, came_ns, entered_ns;
    } workers[SIM_WORKERS_MAX];
    /* what came of it */
    size_t n_came, n_refused, n_good, n_late;
    uint64_t *latencies; /* of all that were answered */
    size_t n_latencies, latencies_room;
    size_t good_in_second[SIM_SECONDS_MAX];
    double limit_low, limit_high;
} simulation;

static inline double sim_random(simulation *sim)
{
    sim->seed ^= sim->seed << 13;
    sim->seed ^= sim->seed >> 7;
    sim->seed ^= sim->seed << 17;
    return ((double)(sim->seed >> 11) + 0.5) / 9007199254740992.0;
}

static inline double sim_service(simulation *sim)
{
    double u = sim_random(sim);
    switch (sim->spread) {
    case SIM_EXPONENTIAL:
        return -log(u) * sim->service_ns;
    case SIM_HEAVY: /* one in twenty takes eleven times as long as the others */
        return sim->service_ns * (sim_random(sim) < 0.05 ? 22.0 / 3 : 2.0 / 3) * (0.5 + u);
    default:
        return sim->service_ns;
    }
}

static inline void sim_init(simulation *sim)
{
    sim->codel_law = mw_codel_law_of(sim->budget_ns);
    sim->limit_law = (mw_limit_law){.least = 1,
                                    .most = 200,
                                    .first = 8,
                                    .window_samples = 50,
                                    .window_ns = 50 * SIM_MS,
                                    .probe_ns = 5000ull * SIM_MS};
    mw_limit_init(&sim->limit, &sim->limit_law);
    sim->seed = sim->seed ? sim->seed : 88172645463325252ull;
    sim->limit_low = sim->limit_high = sim->limit.value;
}

static inline void sim_done(simulation *sim)
{
    free(sim->latencies);
}

static inline void sim_start_work(simulation *sim)
{
    for (unsigned i = 0; i < sim->n_workers && sim->inside_begin < sim->inside_end; i++) {
        if (sim->workers[i].busy)
            continue;
        size_t at = sim->inside_begin++ % SIM_QUEUE;
        sim->workers[i].busy = true;
        sim->workers[i].came_ns = sim->inside[at];
        sim->workers[i].entered_ns = sim->entered[at];
        sim->workers[i].finish_ns = sim->now_ns + (uint64_t)sim_service(sim) + 1;
    }
}

static inline void sim_let_in(simulation *sim)
{
    while (sim->outside_begin < sim->outside_end &&
           (!sim->laws || sim->n_in_flight < mw_limit_now(&sim->limit, &sim->limit_law))) {
        uint64_t came_ns = sim->outside[sim->outside_begin++ % SIM_QUEUE];
        uint64_t one_ns = (uint64_t)(sim->service_ns / sim->n_workers);
        if (sim->laws && !mw_codel_takes(&sim->codel, &sim->codel_law, sim->now_ns,
                                         sim->now_ns - came_ns, one_ns, MW_USUAL)) {
            sim->n_refused++;
            continue;
        }
        if (sim->inside_end - sim->inside_begin == SIM_QUEUE)
            sim->inside_begin++; /* far too late for anyone */
        size_t at = sim->inside_end++ % SIM_QUEUE;
        sim->inside[at] = came_ns;
        sim->entered[at] = sim->now_ns;
        sim->n_in_flight++;
    }
    sim_start_work(sim);
}

static inline void sim_answer(simulation *sim, unsigned worker)
{
    uint64_t latency_ns = sim->now_ns - sim->workers[worker].came_ns;
    bool good = latency_ns <= sim->budget_ns;
    sim->workers[worker].busy = false;
    mw_limit_note(&sim->limit, &sim->limit_law, sim->now_ns,
                  sim->now_ns - sim->workers[worker].entered_ns, sim->n_in_flight);
    sim->n_in_flight--;
    sim->limit_low = fmin(sim->limit_low, sim->limit.value);
    sim->limit_high = fmax(sim->limit_high, sim->limit.value);
    *(good ? &sim->n_good : &sim->n_late) += 1;
    sim->good_in_second[sim->now_ns / (1000ull * SIM_MS) % SIM_SECONDS_MAX] += good;
    if (sim->n_latencies == sim->latencies_room) {
        sim->latencies_room = sim->latencies_room ? 2 * sim->latencies_room : 4096;
        sim->latencies = realloc(sim->latencies, sim->latencies_room * sizeof *sim->latencies);
        assert_non_null(sim->latencies);
    }
    sim->latencies[sim->n_latencies++] = latency_ns;
}

/* Go on until that time; rate and service may be changed between calls. */
static inline void sim_run(simulation *sim, uint64_t until_ns)
{
    if (sim->next_ns == 0)
        sim->next_ns = sim->now_ns + 1;
    for (;;) {
        uint64_t at_ns = sim->next_ns;
        unsigned done = sim->n_workers;
        for (unsigned i = 0; i < SIM_WORKERS_MAX; i++)
            if (sim->workers[i].busy && sim->workers[i].finish_ns < at_ns) {
                at_ns = sim->workers[i].finish_ns;
                done = i;
            }
        bool is_arrival = at_ns == sim->next_ns;
        if (at_ns > until_ns)
            break;
        sim->now_ns = at_ns;
        if (is_arrival) {
            sim->n_came++;
            if (sim->outside_end - sim->outside_begin == SIM_QUEUE)
                sim->n_refused++, sim->outside_begin++;
            sim->outside[sim->outside_end++ % SIM_QUEUE] = at_ns;
            sim->next_ns = at_ns + 1 + (uint64_t)(-log(sim_random(sim)) / sim->rate * 1e9);
        } else {
            sim_answer(sim, done);
        }
        sim_let_in(sim);
    }
    sim->now_ns = until_ns;
}

static int sim_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of all that were answered since sim_forget; they are sorted. */
static inline uint64_t sim_quantile(simulation *sim, double q)
{
    if (sim->n_latencies == 0)
        return 0;
    qsort(sim->latencies, sim->n_latencies, sizeof *sim->latencies, sim_compare);
    return sim->latencies[(size_t)(q * (double)(sim->n_latencies - 1))];
}

/* Count from here on. */
static inline void sim_forget(simulation *sim)
{
    sim->n_came = sim->n_refused = sim->n_good = sim->n_late = sim->n_latencies = 0;
    sim->limit_low = sim->limit_high = sim->limit.value;
}

#endif
