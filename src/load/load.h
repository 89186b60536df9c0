/* load: how a server behaves at a given rate of requests, seen from outside.
 *
 *     rates --> run: open-loop arrivals on many connections --> histogram of latencies --> step
 *                                                                                          |
 *     knee  <-- the highest rate at which the server still keeps up  <------- curve <------'
 *
 * Open loop: requests are due at times drawn beforehand, whether or not earlier ones have been
 * answered, as clients who know nothing of each other send them. Latency counts from the time a
 * request was due, not from when a connection was free to send it: a server that stands still for a
 * second is charged for every request that should have been made in it. (G. Tene, "How NOT to
 * Measure Latency", 2013, calls the opposite coordinated omission; B. Schroeder, A. Wierman, M.
 * Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006.)
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "net/net.h"

/* ---- histogram of times ------------------------------------------------------------------------
 */

enum {
    MW_LOAD_SUB_BITS = 7, /* 128 bins for each doubling: a bin is 0.8 % wide */
    MW_LOAD_DOUBLINGS = 40,
    MW_LOAD_N_BINS = (MW_LOAD_DOUBLINGS + 1) << MW_LOAD_SUB_BITS
};

typedef struct mw_load_histogram {
    uint64_t count, max_ns;
    double sum_ns;
    uint64_t bins[MW_LOAD_N_BINS];
} mw_load_histogram;

void mw_load_note(mw_load_histogram *histogram, uint64_t ns);
void mw_load_merge(mw_load_histogram *into, const mw_load_histogram *from);
/* The time within which `share` (0..1) of the noted ones lie, in ns: the upper end of its bin, at
 * most max_ns. 0 of none. */
uint64_t mw_load_quantile(const mw_load_histogram *histogram, double share);

/* ---- one run at one rate ---------------------------------------------------------------------
 */

typedef struct mw_load_options {
    const mw_dial *dial;     /* how the server is reached; borrowed */
    const mw_view *requests; /* whole HTTP/1.1 requests, head and body; borrowed */
    size_t n_requests;       /* sent in turn, each thread from another one on */
    unsigned n_connections;  /* over all threads, at least n_threads */
    unsigned n_threads;      /* of the generator */
    bool is_even;            /* requests are due at even gaps instead of a Poisson process's */
    unsigned timeout_ms;     /* from when a request was due */
    uint64_t seed;
    bool (*is_stopped)(void); /* asked now and then; NULL = never */
} mw_load_options;

typedef struct mw_load_result {
    double offered_rps;        /* 0: closed loop, each connection sends as soon as it is answered */
    double seconds;            /* that were measured */
    uint64_t due;              /* requests that were due in them */
    uint64_t ok;               /* of these, answered with 2xx */
    uint64_t refused;          /* with 429 or 503: the server sheds load */
    uint64_t failed;           /* with any other status */
    uint64_t timeouts;         /* not answered in time; their latency counts as the time-out */
    uint64_t broken;           /* the connection was lost, or what came was not HTTP */
    int status;                /* an example of those that failed or were refused; 0 = none */
    mw_load_histogram latency; /* of all that were due and answered with 2xx, or not at all */
    double generator_busy;     /* the busiest thread's share of processor time, 0..1 */
    uint64_t generator_lag_ns; /* p99 of the delay of requests for which a connection was free */
} mw_load_result;

/* Requests a second that were answered with 2xx. */
double mw_load_ok_rps(const mw_load_result *result);

/* Run at `rps` (0: closed loop) for warm_s + measured_s seconds; blocks, at most the time-out
 * longer. Fails: MW_IO (no connection could be made, or no thread), MW_NO_MEMORY, MW_BUSY
 * (stopped). */
MW_CHECKED mw_status mw_load_run(const mw_load_options *options, double rps, double warm_s,
                                 double measured_s, mw_load_result *ret_result, mw_error *err);

/* ---- a curve over rates ------------------------------------------------------------------------
 */

typedef struct mw_load_step {
    mw_load_result result;
    double server_cores; /* processor time the server took a second; below 0 = not told */
    bool is_good;        /* see mw_load_judge */
    const char *why;     /* not; a literal, "" when it is good */
} mw_load_step;

enum { MW_LOAD_STEPS_MAX = 32 };

typedef struct mw_load_curve {
    double probe_rps; /* closed loop; 0 when rates were given */
    double probe_cores;
    uint64_t objective_ns; /* p99 that a good step keeps to */
    bool objective_is_given;
    mw_load_step steps[MW_LOAD_STEPS_MAX]; /* ascending by rate */
    size_t n_steps;
    size_t n_good; /* steps[0..n_good) are good: the last of them is the knee; 0 = none is */
} mw_load_curve;

/* Runs one step. */
typedef mw_status mw_load_runner(void *user, double rps, mw_load_step *ret_step, mw_error *err);

typedef struct mw_load_search {
    mw_load_runner *run;
    void *user;
    void (*on_step)(void *user, const mw_load_step *step); /* after each; NULL = none */
    const double *rates; /* ascending; NULL: probe, climb in steps, then halve the last gap */
    size_t n_rates;
    uint64_t objective_ns; /* 0: made from the quietest step, mw_load_quiet_objective */
} mw_load_search;

/* A step is good when p99 is within the objective, at most 0.1 % failed, and at least 98 % of what
 * was due was answered well. Sets is_good and why. */
void mw_load_judge(mw_load_step *step, uint64_t objective_ns);
/* The p99 that marks the knee when nobody names one: where waiting outweighs work, 5 x the median
 * or 2 x the p99 of a quiet server, whichever is more, and at least 1 ms. */
uint64_t mw_load_quiet_objective(const mw_load_result *quiet);
/* Find the curve. Fails as `run` does. About 12 steps without rates; a bad one is run once more. */
MW_CHECKED mw_status mw_load_find(const mw_load_search *search, mw_load_curve *ret_curve,
                                  mw_error *err);

#endif
