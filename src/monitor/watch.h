/* Between the files of monitor: one version under watch. */
#ifndef MONITOR_WATCH_H
#define MONITOR_WATCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "monitor.h"

enum {
    WATCH_DECILES = 10,
    WATCH_EDGES = WATCH_DECILES + 1,
    WATCH_MISSING = 15, /* bins below are the reference's */
    WATCH_BINS = 16,
    WATCH_LANES = 64,
    WATCH_BUCKETS = 15
};

typedef uint32_t watch_counts[WATCH_BINS];

/* What a column was. */
typedef struct watch_column {
    double edges[WATCH_EDGES + 1]; /* filled up with infinity */
    size_t n_edges;
    double reference[WATCH_BINS]; /* rows */
} watch_column;

/* Counts of one writer; grows for ever and is only read by others. */
typedef struct watch_lane {
    _Alignas(64) atomic_uint_least64_t rows;
    atomic_uint_least64_t counts[]; /* (n_columns, WATCH_BINS) */
} watch_lane;

typedef struct watch_version {
    char *endpoint;
    unsigned version;
    size_t n_features, n_outputs, n_columns;
    bool is_cut;
    /* learning: rows are claimed one by one, and written by whom they fell to */
    size_t learn_rows;
    double *learned; /* (learn_rows, n_columns) */
    atomic_size_t n_claimed, n_written;
    _Atomic(watch_column *) columns; /* NULL while learning */
    _Atomic(watch_lane *) lanes[WATCH_LANES];
    /* the watcher's */
    uint64_t *seen; /* (n_columns, WATCH_BINS), of all lanes at the last look */
    uint64_t seen_rows;
    watch_counts *ring[WATCH_BUCKETS]; /* n_columns each; bucket b stands at b % WATCH_BUCKETS */
    uint64_t ring_rows[WATCH_BUCKETS];
    uint64_t first_ns, bucket; /* when watching began, and the bucket of now, from 0 */
    uint64_t *whole;           /* all since the beginning */
    /* findings, under `lock` */
    pthread_mutex_t lock;
    mw_watch_report report;
    mw_watched *found; /* n_columns */
} watch_version;

/* Fails: false when memory is gone. */
watch_version *watch_version_new(const char *endpoint, unsigned version, size_t n_features,
                                 size_t n_outputs, size_t learn_rows);
void watch_version_free(watch_version *version);
size_t watch_version_bytes(const watch_version *version);

/* tap.c: the loop's side. `lane` is the thread's number. */
void watch_rows(watch_version *version, unsigned lane, const mw_matrix *rows, const double *values,
                size_t n_outputs);
/* look.c: the watcher's side. */
void watch_look(watch_version *version, uint64_t now_ns, uint64_t bucket_ns, double alpha);

#endif
