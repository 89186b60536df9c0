/* What endpoints did lately: a sample a second for a quarter of an hour, one a minute for a day,
 * one an hour for a month.
 *
 *     counts of a version (they only grow) --take, each second--> difference to the last take
 *          seconds: 18 chunks of 60   minutes: 25 of 60   hours: 13 of 60
 *          [..60..][..60..] ... in a ring; a chunk is made when something happens in it
 *     a version that is gone, a file of before the start --> the endpoint's past (SAMPLES_PAST)
 *     minutes and hours of all of them, each minute --> FOLDER/<endpoint>.traffic (samples_keep.c)
 *
 * So an endpoint without requests costs its row alone, and a busy version 310 kB at most; all
 * together MW_LIMIT_SAMPLE_BYTES: beyond it nothing new is kept, which is counted. */
#ifndef API_SAMPLES_H
#define API_SAMPLES_H

#include "serve/serve.h"

enum {
    SAMPLES_A_CHUNK = 60,
    SAMPLES_SECONDS = 1080, /* kept of seconds: what is offered, a chunk begun, and a little */
    SAMPLES_OFFERED_SECONDS = 960,
    SAMPLES_MINUTES = 25 * 60, /* kept of minutes; likewise */
    SAMPLES_OFFERED_MINUTES = 24 * 60,
    SAMPLES_HOURS = 13 * 60, /* kept of hours; likewise */
    SAMPLES_OFFERED_HOURS = 31 * 24,
    SAMPLES_PAST = 0,  /* in place of a version: those that are gone, and all before the start */
    SAMPLES_RUNS = 64, /* stretches of sampling that are remembered */
    SAMPLES_SPREAD_SECONDS = 60 /* what came while nobody took is laid over so many at most */
};

typedef struct api_sample {
    uint32_t ok, client_errors, server_errors, rows;
    uint32_t scored, odd; /* rows judged for anomalies, and those that were some */
    uint32_t latency[MW_N_LATENCY_BUCKETS + 1];
} api_sample;

/* What a version has counted, ever. */
typedef struct api_counted {
    const mw_endpoint_counts *counts;
    uint64_t scored, odd;
} api_counted;

/* A stretch of seconds in which an endpoint was sampled, both ends in it. */
typedef struct api_run {
    int64_t from, to;
} api_run;

typedef struct api_samples api_samples;

MW_CHECKED mw_status api_samples_new(size_t cap_bytes, api_samples **ret_samples, mw_error *err);
void api_samples_free(api_samples *samples);
/* Keep what endpoints did in this folder, which is made where it is missing, and go on with what
 * stands there; before the first take. Where another process keeps its own there nothing is kept,
 * and that is logged (MW8012). Fails: MW_IO. */
MW_CHECKED mw_status api_samples_keep(api_samples *samples, const char *folder, mw_error *err);
/* Write so many files at most of endpoints that did something since a minute; at_once: since their
 * last. Waits for the disk; one thread, the one that takes. */
void api_samples_save(api_samples *samples, int64_t now, size_t files_max, bool at_once);
/* What was counted since the last take belongs to the second `now` (since 1970), and to those since
 * the last take. `endpoint` is borrowed for good. One thread at a time. */
void api_samples_take(api_samples *samples, const char *endpoint, unsigned version,
                      const api_counted *counted, int64_t now);
/* Versions that were not taken at `now` become part of their endpoint's past. */
void api_samples_drop(api_samples *samples, int64_t now);
/* Sums of n steps from `from` on; step: a multiple of 60 reads minutes, of 3600 hours where `from`
 * is older than minutes are kept, any other seconds. What is not kept any more is zero. *ret_since:
 * the second from which on the version is sampled. False when it is not. Any thread. */
bool api_samples_read(api_samples *samples, const char *endpoint, unsigned version, int64_t from,
                      int64_t step, size_t n, api_sample *ret_sums, int64_t *ret_since);
/* When an endpoint was sampled, SAMPLES_RUNS and one a version at most; returns how many. They may
 * overlap. Any thread. */
size_t api_samples_runs(api_samples *samples, const char *endpoint, api_run *ret_runs, size_t room);
/* Bytes held, and samples that found no room. Any thread. */
void api_samples_count(api_samples *samples, size_t *ret_bytes, uint64_t *ret_dropped);

void api_sample_add(api_sample *sum, const api_sample *more);
uint64_t api_sample_requests(const api_sample *sample);
/* Seconds; within a bucket as if evenly spread; NaN without requests. */
double api_sample_quantile(const api_sample *sample, double q);
/* The same of counts of each bucket of latency, the last one of all beyond. */
double api_latency_quantile(const double counts[MW_N_LATENCY_BUCKETS + 1], double q);

#endif
