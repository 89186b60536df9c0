/* What `mw status` knows of a running server: two looks at its /metrics, and what went on between.
 *
 *     page --read--> sample            sample, sample --between--> report --judge--> what limits it
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "base/base.h"

enum { STATUS_BUCKETS = 32, STATUS_NAME_BYTES = 252, STATUS_VERSION_BYTES = 32 };

/* Of one version of an endpoint; or, version 0, of all of it. Counters unless said otherwise. */
typedef struct status_endpoint {
    char name[STATUS_NAME_BYTES];
    unsigned version;
    double requests, failures; /* failures: all but 200 */
    double rows, stage_seconds[MW_N_STAGES], seconds;
    double bounds[STATUS_BUCKETS], buckets[STATUS_BUCKETS]; /* cumulative; the last bound is +Inf */
    size_t n_buckets;
    double in_flight;                       /* now */
    double shed, quota, misses;             /* shed: refused or dropped before work, quotas too */
    double waiting, workers, workers_limit; /* now; limit 0 = none is told */
    double ready;                           /* now */
} status_endpoint;

typedef struct status_sample {
    char server[STATUS_VERSION_BYTES]; /* its version */
    status_endpoint *endpoints;        /* n_endpoints, in the arena */
    size_t n_endpoints, capacity;
    unsigned n_loops;
    double loop_busy[MW_LIMIT_THREADS], loop_cpu[MW_LIMIT_THREADS];
    double pool_busy, pool_threads, pool_waiting;
    double cores, memory_bytes, memory_limit_bytes; /* limits: 0 = not told */
    double fds, fds_limit, connections, refused, received_bytes, sent_bytes;
    double cpu_seconds, started_seconds;
} status_sample;

/* Read a page in Prometheus's text format; families that are not known are passed over, so that
 * older and newer servers can be asked. Fails: MW_BAD_DATA (no such page), MW_NO_MEMORY. */
MW_CHECKED mw_status status_read(mw_view page, mw_arena *arena, status_sample *ret_sample,
                                 mw_error *err);

/* ---- between two samples ----------------------------------------------------------------------
 */

typedef enum status_resource {
    STATUS_NOTHING,
    STATUS_CORES,  /* loops that are ready to work do not get a core */
    STATUS_LOOPS,  /* all loops are busy, with `stage` or with the network */
    STATUS_SPREAD, /* one loop is busy, others are not */
    STATUS_WORKERS,
    STATUS_QUEUE, /* what would be answered too late is refused, or bursts wait */
    STATUS_QUOTA,
    STATUS_UPLOADS,
    STATUS_MEMORY,
    STATUS_FILES,
    STATUS_CONNECTIONS
} status_resource;

typedef struct status_server {
    double seconds;              /* between the samples */
    double loops_busy, busiest;  /* shares 0..1: their mean, and the highest */
    double loops_cpu, pool_busy; /* shares likewise */
    double network;              /* of the busy time: neither reading rows nor predicting ... */
    double received_bytes, sent_bytes, refused; /* a second */
    double requests;                            /* a second, of all endpoints */
} status_server;

typedef struct status_rates {
    const status_endpoint *now;                           /* the later sample's */
    double requests, failures, rows, shed, quota, misses; /* a second */
    double p50, p99;                                      /* seconds; NaN without requests */
    double shares[MW_N_STAGES]; /* of the time from head to answer; 0..1 */
    double of_server;           /* its share of the server's work, 0..1 */
    status_resource limit;
    char why[256];
} status_rates;

typedef struct status_report {
    const status_sample *now;
    status_server server;
    status_rates *endpoints; /* one for each endpoint: of its busiest version */
    size_t n_endpoints;
} status_report;

/* seconds: between them, above 0. A server that was started anew meanwhile counts from its start.
 */
MW_CHECKED mw_status status_between(const status_sample *before, const status_sample *now,
                                    double seconds, mw_arena *arena, status_report *ret_report,
                                    mw_error *err);
/* status_bottleneck.c: fills limit and why. Pure. */
void status_judge(const status_report *report, status_rates *endpoint);
/* "predict", "loops", "nothing": one word for programs. */
const char *status_resource_word(status_resource resource);

/* The value below which `share` of what was counted lies, by linear interpolation in its bucket, as
 * Prometheus's histogram_quantile does; NaN when nothing was counted. */
double status_quantile(const double *bounds, const double *counts, size_t n, double share);

/* ---- how it is shown --------------------------------------------------------------------------
 */

void status_write_text(const status_report *report, const char *url, mw_buf *out);
void status_write_json(const status_report *report, const char *url, mw_buf *out);

#endif
