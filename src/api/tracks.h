/* Behind samples.h: what is held of a version, and of an endpoint from before. */
#ifndef API_TRACKS_H
#define API_TRACKS_H

#include <pthread.h>

#include "samples.h"

enum {
    TRACK_SECOND_CHUNKS = SAMPLES_SECONDS / SAMPLES_A_CHUNK,
    TRACK_MINUTE_CHUNKS = SAMPLES_MINUTES / SAMPLES_A_CHUNK,
    TRACK_HOUR_CHUNKS = SAMPLES_HOURS / SAMPLES_A_CHUNK,
    TRACK_FIELDS = sizeof(api_sample) / sizeof(uint32_t),
    TRACK_BUCKETS = 1024
};

typedef enum track_span { TRACK_SECONDS, TRACK_MINUTES, TRACK_HOURS, TRACK_SPANS } track_span;

/* Units (seconds, minutes or hours) first .. first + 59. */
typedef struct track_chunk {
    int64_t first;
    api_sample samples[SAMPLES_A_CHUNK];
} track_chunk;

/* A version of an endpoint; or what was before (version SAMPLES_PAST). */
typedef struct api_track {
    struct api_track *next; /* of the same bucket */
    const char *endpoint;
    unsigned version;
    int64_t since, taken;
    uint64_t last[TRACK_FIELDS]; /* counts at the last take, in the order of api_sample */
    track_chunk *seconds[TRACK_SECOND_CHUNKS], *minutes[TRACK_MINUTE_CHUNKS],
        *hours[TRACK_HOUR_CHUNKS];
    /* of the past alone */
    api_run runs[SAMPLES_RUNS]; /* when it was sampled, the oldest first */
    size_t n_runs;
    int64_t saved; /* the second of the last try to keep it */
    bool has_news; /* since then */
} api_track;

struct api_samples {
    pthread_mutex_t lock;
    api_track *buckets[TRACK_BUCKETS]; /* by the endpoint's name */
    size_t bytes, cap_bytes;
    uint64_t n_dropped;
    char *folder;   /* NULL: nothing is kept */
    int lock_fd;    /* -1: the folder is not ours, or cannot be locked */
    bool is_unkept; /* the last try to keep something failed, and that was said */
};

/* What follows is called with the lock held. */

int64_t track_unit_seconds(track_span span);
track_chunk **track_ring(api_track *track, track_span span, size_t *ret_n_chunks);
api_track **track_bucket(api_samples *samples, const char *endpoint);
api_track *track_find(api_samples *samples, const char *endpoint, unsigned version);
/* NULL where there is no room. */
api_track *track_find_or_make(api_samples *samples, const char *endpoint, unsigned version,
                              int64_t now);
/* NULL: nothing is held of that unit. */
const api_sample *track_sample(api_track *track, track_span span, int64_t unit);
/* Adds to a unit; what is younger is not pushed out. */
void track_add(api_samples *samples, api_track *track, track_span span, int64_t unit,
               const api_sample *sample);
/* A stretch of sampling is over: joined to the last where less than a minute lies between. */
void track_add_run(api_track *past, api_run run);

/* ---- samples_keep.c: what survives a restart ------------------------------------------------- */

/* All that is known of the endpoint, over its versions. */
void track_write(api_samples *samples, const char *endpoint, int64_t now, mw_buf *out);
/* Into the past of the endpoint. Fails: MW_BAD_DATA (MW3531), and nothing is changed then. */
MW_CHECKED mw_status track_read(api_samples *samples, api_track *past, mw_view text, int64_t now,
                                mw_error *err);
/* Of an endpoint that is seen for the first time, where a file of it is there. Takes the lock. */
void track_take_up(api_samples *samples, const char *endpoint, int64_t now);

#endif
