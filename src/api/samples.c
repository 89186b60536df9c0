/* The rings, and what is read of them. */
#include "samples.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    SECOND_CHUNKS = SAMPLES_SECONDS / SAMPLES_A_CHUNK,
    MINUTE_CHUNKS = SAMPLES_MINUTES / SAMPLES_A_CHUNK,
    MINUTE = 60,
    N_FIELDS = sizeof(api_sample) / sizeof(uint32_t)
};

/* Units (seconds or minutes) first .. first + 59. */
typedef struct chunk {
    int64_t first;
    api_sample samples[SAMPLES_A_CHUNK];
} chunk;

/* A version of an endpoint. */
typedef struct track {
    struct track *next;
    const char *endpoint;
    unsigned version;
    int64_t since, taken;
    uint64_t last[N_FIELDS]; /* counts at the last take, in the order of api_sample */
    chunk *seconds[SECOND_CHUNKS], *minutes[MINUTE_CHUNKS];
} track;

struct api_samples {
    pthread_mutex_t lock;
    track *tracks;
    size_t bytes, cap_bytes;
    uint64_t n_dropped;
};

mw_status api_samples_new(size_t cap_bytes, api_samples **ret_samples, mw_error *err)
{
    api_samples *samples = calloc(1, sizeof *samples);
    if (!samples)
        return mw_fail_memory(err, "samples of the endpoints");
    pthread_mutex_init(&samples->lock, NULL);
    samples->cap_bytes = cap_bytes;
    *ret_samples = samples;
    return MW_OK;
}

static size_t free_chunks(chunk **chunks, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += chunks[i] ? sizeof **chunks : 0;
        free(chunks[i]);
    }
    return bytes;
}

static void free_track(api_samples *samples, track *gone)
{
    samples->bytes -= free_chunks(gone->seconds, SECOND_CHUNKS) +
                      free_chunks(gone->minutes, MINUTE_CHUNKS) + sizeof *gone;
    free(gone);
}

void api_samples_free(api_samples *samples)
{
    if (!samples)
        return;
    for (track *at = samples->tracks, *next; at; at = next) {
        next = at->next;
        free_track(samples, at);
    }
    pthread_mutex_destroy(&samples->lock);
    free(samples);
}

/* ---- taking ---------------------------------------------------------------------------------- */

static track *find(const api_samples *samples, const char *endpoint, unsigned version)
{
    for (track *at = samples->tracks; at; at = at->next)
        if (at->version == version && strcmp(at->endpoint, endpoint) == 0)
            return at;
    return NULL;
}

static void *take_bytes(api_samples *samples, size_t size)
{
    void *bytes = samples->bytes + size <= samples->cap_bytes ? calloc(1, size) : NULL;
    samples->bytes += bytes ? size : 0;
    return bytes;
}

static track *find_or_make(api_samples *samples, const char *endpoint, unsigned version,
                           int64_t now)
{
    track *found = find(samples, endpoint, version);
    if (found)
        return found;
    found = take_bytes(samples, sizeof *found);
    if (!found)
        return NULL;
    *found = (track){.next = samples->tracks,
                     .endpoint = endpoint,
                     .version = version,
                     .since = now,
                     .taken = now - 1};
    samples->tracks = found;
    return found;
}

/* Sums of a version, in the order of api_sample. */
static void sum_counts(const api_counted *counted, uint64_t ret_sums[N_FIELDS])
{
    const mw_endpoint_counts *counts = counted->counts;
    memset(ret_sums, 0, N_FIELDS * sizeof *ret_sums);
    for (size_t c = 0; c < MW_N_CODES; c++) {
        int status = c + 1 < MW_N_CODES ? mw_counted_codes[c] : 500; /* others: no good sign */
        size_t kind = status < 400 ? 0 : status < 500 ? 1 : 2;
        for (size_t p = 0; p < MW_N_PROTOCOLS; p++)
            ret_sums[kind] += counts->requests[p][c];
    }
    ret_sums[3] = counts->rows;
    ret_sums[4] = counted->scored;
    ret_sums[5] = counted->odd;
    for (size_t i = 0; i <= MW_N_LATENCY_BUCKETS; i++)
        ret_sums[6 + i] = counts->latency[i];
}

void api_sample_add(api_sample *sum, const api_sample *more)
{
    uint32_t *to = (uint32_t *)sum;
    const uint32_t *from = (const uint32_t *)more;
    for (size_t i = 0; i < N_FIELDS; i++)
        to[i] = to[i] > UINT32_MAX - from[i] ? UINT32_MAX : to[i] + from[i];
}

static void add(api_samples *samples, chunk **ring, size_t n_chunks, int64_t unit,
                const api_sample *sample)
{
    chunk **slot = &ring[(unit / SAMPLES_A_CHUNK) % (int64_t)n_chunks];
    int64_t first = unit - unit % SAMPLES_A_CHUNK;
    if (!*slot && !(*slot = take_bytes(samples, sizeof **slot))) {
        samples->n_dropped++;
        return;
    }
    if ((*slot)->first != first)
        **slot = (chunk){.first = first};
    api_sample_add(&(*slot)->samples[unit - first], sample);
}

/* The part of second i of n. */
static uint32_t share_of(uint64_t whole, uint64_t i, uint64_t n)
{
    uint64_t part = whole * (i + 1) / n - whole * i / n;
    return part > UINT32_MAX ? UINT32_MAX : (uint32_t)part;
}

static void lay_down(api_samples *samples, track *at, const uint64_t more[N_FIELDS], int64_t now)
{
    int64_t n = now - at->taken;
    n = n < 1 ? 1 : n > SAMPLES_SPREAD_SECONDS ? SAMPLES_SPREAD_SECONDS : n;
    for (int64_t i = 0; i < n; i++) {
        api_sample sample;
        uint32_t *fields = (uint32_t *)&sample;
        for (size_t f = 0; f < N_FIELDS; f++)
            fields[f] = share_of(more[f], (uint64_t)i, (uint64_t)n);
        int64_t second = now - n + 1 + i;
        add(samples, at->seconds, SECOND_CHUNKS, second, &sample);
        add(samples, at->minutes, MINUTE_CHUNKS, second / MINUTE, &sample);
    }
}

void api_samples_take(api_samples *samples, const char *endpoint, unsigned version,
                      const api_counted *counted, int64_t now)
{
    uint64_t sums[N_FIELDS], any = 0;
    sum_counts(counted, sums);
    pthread_mutex_lock(&samples->lock);
    track *at = find_or_make(samples, endpoint, version, now);
    if (at) {
        uint64_t more[N_FIELDS];
        for (size_t f = 0; f < N_FIELDS; f++) {
            /* a watch that began anew counts from nothing */
            more[f] = sums[f] >= at->last[f] ? sums[f] - at->last[f] : sums[f];
            any |= more[f];
            at->last[f] = sums[f];
        }
        if (any)
            lay_down(samples, at, more, now);
        at->taken = now;
    } else {
        samples->n_dropped++;
    }
    pthread_mutex_unlock(&samples->lock);
}

void api_samples_drop(api_samples *samples, int64_t now)
{
    pthread_mutex_lock(&samples->lock);
    for (track **at = &samples->tracks, *gone; (gone = *at) != NULL;) {
        if (gone->taken == now) {
            at = &gone->next;
            continue;
        }
        *at = gone->next;
        free_track(samples, gone);
    }
    pthread_mutex_unlock(&samples->lock);
}

/* ---- reading --------------------------------------------------------------------------------- */

static const api_sample *sample_of(chunk *const *ring, size_t n_chunks, int64_t unit)
{
    const chunk *found = ring[(unit / SAMPLES_A_CHUNK) % (int64_t)n_chunks];
    int64_t first = unit - unit % SAMPLES_A_CHUNK;
    return found && found->first == first ? &found->samples[unit - first] : NULL;
}

static void read_ring(chunk *const *ring, size_t n_chunks, int64_t unit, int64_t units_a_step,
                      size_t n, api_sample *ret_sums)
{
    for (size_t i = 0; i < n; i++) {
        ret_sums[i] = (api_sample){0};
        for (int64_t u = 0; u < units_a_step; u++, unit++) {
            const api_sample *found = sample_of(ring, n_chunks, unit);
            if (found)
                api_sample_add(&ret_sums[i], found);
        }
    }
}

bool api_samples_read(api_samples *samples, const char *endpoint, unsigned version, int64_t from,
                      int64_t step, size_t n, api_sample *ret_sums, int64_t *ret_since)
{
    pthread_mutex_lock(&samples->lock);
    const track *at = find(samples, endpoint, version);
    if (at) {
        *ret_since = at->since;
        if (step % MINUTE == 0)
            read_ring(at->minutes, MINUTE_CHUNKS, from / MINUTE, step / MINUTE, n, ret_sums);
        else
            read_ring(at->seconds, SECOND_CHUNKS, from, step, n, ret_sums);
    }
    pthread_mutex_unlock(&samples->lock);
    return at;
}

void api_samples_count(api_samples *samples, size_t *ret_bytes, uint64_t *ret_dropped)
{
    pthread_mutex_lock(&samples->lock);
    *ret_bytes = samples->bytes;
    *ret_dropped = samples->n_dropped;
    pthread_mutex_unlock(&samples->lock);
}

uint64_t api_sample_requests(const api_sample *sample)
{
    return (uint64_t)sample->ok + sample->client_errors + sample->server_errors;
}

double api_sample_quantile(const api_sample *sample, double q)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= MW_N_LATENCY_BUCKETS; i++)
        n += sample->latency[i];
    double wanted = q * (double)n, seen = 0;
    for (size_t i = 0; n > 0 && i < MW_N_LATENCY_BUCKETS; i++) {
        double here = sample->latency[i], low = i ? mw_latency_bounds[i - 1] : 0;
        if (here > 0 && seen + here >= wanted)
            return low + (mw_latency_bounds[i] - low) * (wanted - seen) / here;
        seen += here;
    }
    return n > 0 ? mw_latency_bounds[MW_N_LATENCY_BUCKETS - 1] : (double)NAN;
}
