/* The demo's parts: examples, traffic, report.
 *
 *     examples/credit.csv + examples/models/credit.json ──> demo_example (rows, expected answers)
 *                                                               |
 *     client threads ── bodies in every protocol ── HTTP ──> server in this process
 *        |                                                      |
 *        `── tallies (latency, errors, predictions) <── answers ┘ ──> a line a second */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "house.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    DEMO_EXAMPLES_MAX = 8,
    DEMO_CLIENTS = 4,
    DEMO_BINS = 10,         /* of a histogram of predictions */
    DEMO_LATENCY_BINS = 512 /* eight for each doubling of nanoseconds */
};

/* ---- demo_examples.c ------------------------------------------------------------------------- */

typedef struct demo_example {
    cli_endpoint endpoint;
    mw_forest *forest;
    mw_batch rows;
    double *expected; /* (n_rows, n_outputs): what the server must answer */
    size_t n_outputs;
    double lowest, highest; /* of the expected values: ends of the histogram */
} demo_example;

typedef struct demo_examples {
    demo_example of[DEMO_EXAMPLES_MAX];
    size_t count;
    mw_arena arena;
} demo_examples;

/* Load every model that has rows of the same name. folder NULL: look where they are installed.
 * Fails: MW_NOT_FOUND (MW1201), or as loading does. */
MW_CHECKED mw_status demo_examples_load(const char *folder, demo_examples *ret_examples,
                                        mw_error *err);
/* Where they are: `folder`, or (NULL) where they are installed. Fails: MW_NOT_FOUND (MW1201). */
MW_CHECKED mw_status demo_find_examples(const char *folder, char *ret_folder, size_t size,
                                        mw_error *err);
void demo_examples_free(demo_examples *examples);
/* What the histogram shows of a row's values: the value, or the likeliest class. */
double demo_shown_value(const demo_example *example, const double *values);

/* ---- demo_bodies.c --------------------------------------------------------------------------- */

typedef enum demo_protocol {
    DEMO_MLFLOW_SPLIT,
    DEMO_MLFLOW_RECORDS,
    DEMO_OPEN_INFERENCE,
    DEMO_KSERVE_V1,
    DEMO_N_PROTOCOLS
} demo_protocol;

/* Path and JSON body of a request for n_rows rows from `row` on. */
void demo_write_request(demo_protocol protocol, const demo_example *example, size_t row,
                        size_t n_rows, mw_buf *ret_path, mw_buf *ret_body);
/* True when the answer holds the expected values of these rows. */
bool demo_answer_is_right(mw_view answer, const demo_example *example, size_t row, size_t n_rows);

/* ---- demo_traffic.c -------------------------------------------------------------------------- */

/* Counts of one client; written by its thread, read by the reporter. */
typedef struct demo_tally {
    atomic_ulong requests, errors;
    atomic_ulong latency[DEMO_LATENCY_BINS];
    atomic_ulong predictions[DEMO_EXAMPLES_MAX][DEMO_BINS];
} demo_tally;

typedef struct demo_traffic {
    const demo_examples *examples;
    const char *address;
    uint64_t requests_a_second;
    atomic_bool stopping;
    pthread_t threads[DEMO_CLIENTS];
    unsigned n_threads;
    demo_tally tallies[DEMO_CLIENTS];
    pthread_mutex_t lock; /* of first_fault */
    char first_fault[512];
} demo_traffic;

MW_CHECKED mw_status demo_traffic_start(demo_traffic *traffic, const demo_examples *examples,
                                        const char *address, uint64_t requests_a_second,
                                        mw_error *err);
/* Ask the clients to end and wait for them. */
void demo_traffic_stop(demo_traffic *traffic);

/* ---- demo_report.c --------------------------------------------------------------------------- */

/* All clients added up. */
typedef struct demo_sum {
    uint64_t requests, errors;
    uint64_t latency[DEMO_LATENCY_BINS];
    uint64_t predictions[DEMO_EXAMPLES_MAX][DEMO_BINS];
} demo_sum;

size_t demo_latency_bin(uint64_t ns);
/* The bin of the histogram that a row's values fall into. */
size_t demo_bin(const demo_example *example, const double *values);
void demo_sum_up(const demo_traffic *traffic, demo_sum *ret_sum);
/* The latency below which `share` of the requests between two sums lie, in milliseconds. */
double demo_latency_ms(const demo_sum *before, const demo_sum *now, double share);
void demo_write_heading(const demo_examples *examples, mw_buf *out);
void demo_write_tick(const demo_examples *examples, const demo_sum *before, const demo_sum *now,
                     double from_s, double to_s, mw_buf *out);
/* One histogram an example, over the whole run. */
void demo_write_histograms(const demo_examples *examples, const demo_sum *sum, mw_buf *out);

#endif
