/* What endpoints did lately: a sample a second for a quarter of an hour, one a minute for a day.
 *
 *     counts of a version (they only grow) --take, each second--> difference to the last take
 *          seconds: 18 chunks of 60          minutes: 25 chunks of 60
 *          [..60..][..60..] ... in a ring    a chunk is made when something happens in it
 *
 * So an endpoint without requests costs its row alone, and a busy version 240 kB at most; all
 * together MW_LIMIT_SAMPLE_BYTES: beyond it nothing new is kept, which is counted. Nothing survives
 * a restart. */
#ifndef API_SAMPLES_H
#define API_SAMPLES_H

#include "serve/serve.h"

enum {
    SAMPLES_A_CHUNK = 60,
    SAMPLES_SECONDS = 1080, /* kept of seconds: what is offered, a chunk begun, and a little */
    SAMPLES_OFFERED_SECONDS = 960,
    SAMPLES_MINUTES = 25 * 60, /* kept of minutes; likewise */
    SAMPLES_OFFERED_MINUTES = 24 * 60,
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

typedef struct api_samples api_samples;

MW_CHECKED mw_status api_samples_new(size_t cap_bytes, api_samples **ret_samples, mw_error *err);
void api_samples_free(api_samples *samples);
/* What was counted since the last take belongs to the second `now` (since 1970), and to those since
 * the last take. `endpoint` is borrowed for good. One thread at a time. */
void api_samples_take(api_samples *samples, const char *endpoint, unsigned version,
                      const api_counted *counted, int64_t now);
/* Drop the versions that were not taken at `now`. */
void api_samples_drop(api_samples *samples, int64_t now);
/* Sums of n steps from `from` on; step: a multiple of 60 reads minutes, any other seconds. What is
 * not kept any more is zero. *ret_since: the second from which on the version is sampled. False
 * when it is not. Any thread. */
bool api_samples_read(api_samples *samples, const char *endpoint, unsigned version, int64_t from,
                      int64_t step, size_t n, api_sample *ret_sums, int64_t *ret_since);
/* Bytes held, and samples that found no room. Any thread. */
void api_samples_count(api_samples *samples, size_t *ret_bytes, uint64_t *ret_dropped);

void api_sample_add(api_sample *sum, const api_sample *more);
uint64_t api_sample_requests(const api_sample *sample);
/* Seconds; within a bucket as if evenly spread; NaN without requests. */
double api_sample_quantile(const api_sample *sample, double q);

#endif
