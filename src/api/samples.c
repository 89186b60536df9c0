/* The rings, and what is read of them. */
#include "tracks.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

mw_status api_samples_new(size_t cap_bytes, api_samples **ret_samples, mw_error *err)
{
    api_samples *samples = calloc(1, sizeof *samples);
    if (!samples)
        return mw_fail_memory(err, "samples of the endpoints");
    pthread_mutex_init(&samples->lock, NULL);
    samples->cap_bytes = cap_bytes;
    samples->lock_fd = -1;
    *ret_samples = samples;
    return MW_OK;
}

/* ---- tracks ---------------------------------------------------------------------------------- */

int64_t track_unit_seconds(track_span span)
{
    static const int64_t lengths[] = {1, 60, 3600};
    return lengths[span];
}

track_chunk **track_ring(api_track *track, track_span span, size_t *ret_n_chunks)
{
    static const size_t sizes[] = {TRACK_SECOND_CHUNKS, TRACK_MINUTE_CHUNKS, TRACK_HOUR_CHUNKS};
    track_chunk **const rings[] = {track->seconds, track->minutes, track->hours};
    *ret_n_chunks = sizes[span];
    return rings[span];
}

static void free_track(api_samples *samples, api_track *gone)
{
    for (track_span span = TRACK_SECONDS; span < TRACK_SPANS; span++) {
        size_t n;
        track_chunk **ring = track_ring(gone, span, &n);
        for (size_t i = 0; i < n; i++) {
            samples->bytes -= ring[i] ? sizeof **ring : 0;
            free(ring[i]);
        }
    }
    samples->bytes -= sizeof *gone;
    free(gone);
}

void api_samples_free(api_samples *samples)
{
    if (!samples)
        return;
    for (size_t b = 0; b < TRACK_BUCKETS; b++)
        for (api_track *at = samples->buckets[b], *next; at; at = next) {
            next = at->next;
            free_track(samples, at);
        }
    pthread_mutex_destroy(&samples->lock);
    free(samples->folder);
    if (samples->lock_fd >= 0)
        close(samples->lock_fd);
    free(samples);
}

api_track **track_bucket(api_samples *samples, const char *endpoint)
{
    return &samples->buckets[mw_fnv(MW_FNV_BEGIN, endpoint, strlen(endpoint)) % TRACK_BUCKETS];
}

api_track *track_find(api_samples *samples, const char *endpoint, unsigned version)
{
    for (api_track *at = *track_bucket(samples, endpoint); at; at = at->next)
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

api_track *track_find_or_make(api_samples *samples, const char *endpoint, unsigned version,
                              int64_t now)
{
    api_track *found = track_find(samples, endpoint, version);
    if (found)
        return found;
    found = take_bytes(samples, sizeof *found);
    if (!found)
        return NULL;
    api_track **bucket = track_bucket(samples, endpoint);
    *found = (api_track){
        .next = *bucket, .endpoint = endpoint, .version = version, .since = now, .taken = now - 1};
    *bucket = found;
    return found;
}

const api_sample *track_sample(api_track *track, track_span span, int64_t unit)
{
    size_t n;
    track_chunk **ring = track_ring(track, span, &n);
    const track_chunk *found = ring[(unit / SAMPLES_A_CHUNK) % (int64_t)n];
    int64_t first = unit - unit % SAMPLES_A_CHUNK;
    return found && found->first == first ? &found->samples[unit - first] : NULL;
}

void api_sample_add(api_sample *sum, const api_sample *more)
{
    uint32_t *to = (uint32_t *)sum;
    const uint32_t *from = (const uint32_t *)more;
    for (size_t i = 0; i < TRACK_FIELDS; i++)
        to[i] = to[i] > UINT32_MAX - from[i] ? UINT32_MAX : to[i] + from[i];
}

void track_add(api_samples *samples, api_track *track, track_span span, int64_t unit,
               const api_sample *sample)
{
    size_t n;
    track_chunk **ring = track_ring(track, span, &n);
    track_chunk **slot = &ring[(unit / SAMPLES_A_CHUNK) % (int64_t)n];
    int64_t first = unit - unit % SAMPLES_A_CHUNK;
    if (*slot && (*slot)->first > first)
        return;
    if (!*slot && !(*slot = take_bytes(samples, sizeof **slot))) {
        samples->n_dropped++;
        return;
    }
    if ((*slot)->first != first)
        **slot = (track_chunk){.first = first};
    api_sample_add(&(*slot)->samples[unit - first], sample);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Sums of a version, in the order of api_sample. */
static void sum_counts(const api_counted *counted, uint64_t ret_sums[TRACK_FIELDS])
{
    const mw_endpoint_counts *counts = counted->counts;
    memset(ret_sums, 0, TRACK_FIELDS * sizeof *ret_sums);
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

/* The part of second i of n. */
static uint32_t share_of(uint64_t whole, uint64_t i, uint64_t n)
{
    uint64_t part = whole * (i + 1) / n - whole * i / n;
    return part > UINT32_MAX ? UINT32_MAX : (uint32_t)part;
}

static void lay_down(api_samples *samples, api_track *at, const uint64_t more[TRACK_FIELDS],
                     int64_t now)
{
    int64_t n = now - at->taken;
    n = n < 1 ? 1 : n > SAMPLES_SPREAD_SECONDS ? SAMPLES_SPREAD_SECONDS : n;
    for (int64_t i = 0; i < n; i++) {
        api_sample sample;
        uint32_t *fields = (uint32_t *)&sample;
        for (size_t f = 0; f < TRACK_FIELDS; f++)
            fields[f] = share_of(more[f], (uint64_t)i, (uint64_t)n);
        int64_t second = now - n + 1 + i;
        for (track_span span = TRACK_SECONDS; span < TRACK_SPANS; span++)
            track_add(samples, at, span, second / track_unit_seconds(span), &sample);
    }
}

static void note_news(api_samples *samples, const char *endpoint)
{
    api_track *past = track_find(samples, endpoint, SAMPLES_PAST);
    if (past)
        past->has_news = true;
}

static void take(api_samples *samples, api_track *at, const uint64_t sums[TRACK_FIELDS],
                 int64_t now)
{
    uint64_t more[TRACK_FIELDS], any = 0;
    for (size_t f = 0; f < TRACK_FIELDS; f++) {
        /* a watch that began anew counts from nothing */
        more[f] = sums[f] >= at->last[f] ? sums[f] - at->last[f] : sums[f];
        any |= more[f];
        at->last[f] = sums[f];
    }
    if (any) {
        lay_down(samples, at, more, now);
        note_news(samples, at->endpoint);
    }
    at->taken = now;
}

void api_samples_take(api_samples *samples, const char *endpoint, unsigned version,
                      const api_counted *counted, int64_t now)
{
    uint64_t sums[TRACK_FIELDS];
    sum_counts(counted, sums);
    pthread_mutex_lock(&samples->lock);
    bool is_known = !samples->folder || track_find(samples, endpoint, SAMPLES_PAST);
    pthread_mutex_unlock(&samples->lock);
    if (!is_known)
        track_take_up(samples, endpoint, now);
    pthread_mutex_lock(&samples->lock);
    api_track *at = track_find_or_make(samples, endpoint, version, now);
    if (at)
        take(samples, at, sums, now);
    else
        samples->n_dropped++;
    pthread_mutex_unlock(&samples->lock);
}

/* ---- what is over ---------------------------------------------------------------------------- */

void track_add_run(api_track *past, api_run run)
{
    api_run *last = past->n_runs > 0 ? &past->runs[past->n_runs - 1] : NULL;
    if (last && run.from <= last->to + SAMPLES_SPREAD_SECONDS) {
        last->to = run.to > last->to ? run.to : last->to;
        last->from = run.from < last->from ? run.from : last->from;
        for (; past->n_runs > 1 && last->from <= last[-1].to + SAMPLES_SPREAD_SECONDS; last--) {
            last[-1].to = last->to;
            last[-1].from = last->from < last[-1].from ? last->from : last[-1].from;
            past->n_runs--;
        }
        return;
    }
    if (past->n_runs == SAMPLES_RUNS) {
        memmove(past->runs, past->runs + 1, (SAMPLES_RUNS - 1) * sizeof *past->runs);
        past->n_runs--;
    }
    past->runs[past->n_runs++] = run;
}

/* What a version did stays what its endpoint did. */
static void fold(api_samples *samples, api_track *gone)
{
    api_track *past = track_find_or_make(samples, gone->endpoint, SAMPLES_PAST, gone->since);
    if (!past) {
        samples->n_dropped++;
        return;
    }
    for (track_span span = TRACK_SECONDS; span < TRACK_SPANS; span++) {
        size_t n;
        track_chunk **ring = track_ring(gone, span, &n);
        for (size_t i = 0; i < n; i++)
            for (int64_t k = 0; ring[i] && k < SAMPLES_A_CHUNK; k++)
                if (api_sample_requests(&ring[i]->samples[k]) > 0)
                    track_add(samples, past, span, ring[i]->first + k, &ring[i]->samples[k]);
    }
    track_add_run(past, (api_run){gone->since, gone->taken});
    past->since = gone->since < past->since ? gone->since : past->since;
    past->has_news = true;
}

void api_samples_drop(api_samples *samples, int64_t now)
{
    pthread_mutex_lock(&samples->lock);
    for (size_t b = 0; b < TRACK_BUCKETS; b++)
        for (api_track **at = &samples->buckets[b], *gone; (gone = *at) != NULL;) {
            if (gone->taken == now || gone->version == SAMPLES_PAST) {
                at = &gone->next;
                continue;
            }
            *at = gone->next;
            gone->next = NULL;
            fold(samples, gone); /* may put another before `at`, which is then met again */
            free_track(samples, gone);
        }
    pthread_mutex_unlock(&samples->lock);
}

/* ---- reading --------------------------------------------------------------------------------- */

static track_span span_of(const api_track *track, int64_t from, int64_t step)
{
    if (step % track_unit_seconds(TRACK_MINUTES) != 0)
        return TRACK_SECONDS;
    bool is_old = from < track->taken - (int64_t)SAMPLES_OFFERED_MINUTES * 60;
    return is_old && step % track_unit_seconds(TRACK_HOURS) == 0 ? TRACK_HOURS : TRACK_MINUTES;
}

static void read_ring(api_track *track, int64_t from, int64_t step, size_t n, track_span span,
                      api_sample *ret_sums)
{
    int64_t unit = from / track_unit_seconds(span), per_step = step / track_unit_seconds(span);
    for (size_t i = 0; i < n; i++) {
        ret_sums[i] = (api_sample){0};
        for (int64_t u = 0; u < per_step; u++, unit++) {
            const api_sample *found = track_sample(track, span, unit);
            if (found)
                api_sample_add(&ret_sums[i], found);
        }
    }
}

bool api_samples_read(api_samples *samples, const char *endpoint, unsigned version, int64_t from,
                      int64_t step, size_t n, api_sample *ret_sums, int64_t *ret_since)
{
    pthread_mutex_lock(&samples->lock);
    api_track *at = track_find(samples, endpoint, version);
    if (at) {
        *ret_since = at->since;
        read_ring(at, from, step, n, span_of(at, from, step), ret_sums);
    }
    pthread_mutex_unlock(&samples->lock);
    return at;
}

size_t api_samples_runs(api_samples *samples, const char *endpoint, api_run *ret_runs, size_t room)
{
    size_t n = 0;
    pthread_mutex_lock(&samples->lock);
    for (const api_track *at = *track_bucket(samples, endpoint); at; at = at->next) {
        if (strcmp(at->endpoint, endpoint) != 0)
            continue;
        for (size_t i = 0; at->version == SAMPLES_PAST && i < at->n_runs && n < room; i++)
            ret_runs[n++] = at->runs[i];
        if (at->version != SAMPLES_PAST && n < room)
            ret_runs[n++] = (api_run){at->since, at->taken};
    }
    pthread_mutex_unlock(&samples->lock);
    return n;
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

double api_latency_quantile(const double counts[MW_N_LATENCY_BUCKETS + 1], double q)
{
    double n = 0, seen = 0;
    for (size_t i = 0; i <= MW_N_LATENCY_BUCKETS; i++)
        n += counts[i];
    for (size_t i = 0; n > 0 && i < MW_N_LATENCY_BUCKETS; i++) {
        double low = i ? mw_latency_bounds[i - 1] : 0;
        if (counts[i] > 0 && seen + counts[i] >= q * n)
            return low + (mw_latency_bounds[i] - low) * (q * n - seen) / counts[i];
        seen += counts[i];
    }
    return n > 0 ? mw_latency_bounds[MW_N_LATENCY_BUCKETS - 1] : (double)NAN;
}

double api_sample_quantile(const api_sample *sample, double q)
{
    double counts[MW_N_LATENCY_BUCKETS + 1];
    for (size_t i = 0; i <= MW_N_LATENCY_BUCKETS; i++)
        counts[i] = sample->latency[i];
    return api_latency_quantile(counts, q);
}
