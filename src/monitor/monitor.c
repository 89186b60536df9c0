/* All versions under watch, how a tapping thread finds its own, and the watcher.
 *
 *     tap: thread's small cache (endpoint, version) --> watch_version      no lock
 *                  `miss: the list, under the lock; a new one is added at the end */
#include "monitor.h"

#include <stdlib.h>

#include "watch.h"

#include "base/banned.h"

#define USUAL_BUCKET_NS (UINT64_C(60) * 1000000000)

enum { VERSIONS_MAX = 4096, CACHE_SIZE = 64 };

struct mw_monitor {
    mw_monitor_options options;
    uint64_t number; /* of this monitor: what a thread's cache remembers outlives none */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, has_watcher;
    pthread_t watcher;
    watch_version *versions[VERSIONS_MAX];
    size_t n_versions;
};

typedef struct cached {
    uint64_t monitor;
    const char *endpoint;
    unsigned version;
    watch_version *found; /* NULL: it is not watched */
} cached;

/* ---- versions -------------------------------------------------------------------------------- */

watch_version *watch_version_new(const char *endpoint, unsigned number, size_t n_features,
                                 size_t n_outputs, size_t learn_rows)
{
    watch_version *version = calloc(1, sizeof *version);
    if (!version)
        return NULL;
    version->endpoint = strdup(endpoint);
    version->version = number;
    version->n_features =
        n_features < MW_LIMIT_WATCHED_FEATURES ? n_features : MW_LIMIT_WATCHED_FEATURES;
    version->n_outputs =
        n_outputs < MW_LIMIT_WATCHED_OUTPUTS ? n_outputs : MW_LIMIT_WATCHED_OUTPUTS;
    version->n_columns = version->n_features + version->n_outputs;
    version->is_cut = version->n_columns < n_features + n_outputs;
    version->learn_rows = learn_rows;
    pthread_mutex_init(&version->lock, NULL);
    size_t n = version->n_columns + 1;
    version->learned = calloc(learn_rows * n, sizeof *version->learned);
    version->seen = calloc(n * WATCH_BINS, sizeof *version->seen);
    version->whole = calloc(n * WATCH_BINS, sizeof *version->whole);
    version->found = calloc(n, sizeof *version->found);
    bool done =
        version->endpoint && version->learned && version->seen && version->whole && version->found;
    for (size_t b = 0; b < WATCH_BUCKETS; b++) {
        version->ring[b] = calloc(n, sizeof(watch_counts));
        done = done && version->ring[b];
    }
    version->report = (mw_watch_report){.learn_rows = learn_rows,
                                        .n_features = version->n_features,
                                        .n_outputs = version->n_outputs,
                                        .is_cut = version->is_cut};
    if (done)
        return version;
    watch_version_free(version);
    return NULL;
}

void watch_version_free(watch_version *version)
{
    free(version->endpoint);
    free(version->learned);
    free(version->seen);
    free(version->whole);
    free(version->found);
    for (size_t b = 0; b < WATCH_BUCKETS; b++)
        free(version->ring[b]);
    for (size_t l = 0; l < WATCH_LANES; l++)
        free(atomic_load(&version->lanes[l]));
    free(atomic_load(&version->columns));
    pthread_mutex_destroy(&version->lock);
    free(version);
}

size_t watch_version_bytes(const watch_version *version)
{
    size_t cells = version->n_columns * WATCH_BINS, bytes = sizeof *version;
    bytes += cells * (2 * sizeof(uint64_t) + WATCH_BUCKETS * sizeof(uint32_t));
    for (size_t l = 0; l < WATCH_LANES; l++)
        bytes += atomic_load(&version->lanes[l]) ? cells * sizeof(uint64_t) : 0;
    if (atomic_load(&version->columns))
        bytes += version->n_columns * sizeof(watch_column);
    else
        bytes += version->learn_rows * version->n_columns * sizeof(double);
    return bytes + version->n_columns * sizeof(mw_watched);
}

static watch_version *find(const mw_monitor *monitor, const char *endpoint, unsigned version)
{
    for (size_t i = monitor->n_versions; i-- > 0;)
        if (monitor->versions[i]->version == version &&
            strcmp(monitor->versions[i]->endpoint, endpoint) == 0)
            return monitor->versions[i];
    return NULL;
}

/* NULL when there are too many, or memory is gone: then it is not watched, and answers go on. */
static watch_version *find_or_add(mw_monitor *monitor, const char *endpoint, unsigned number,
                                  size_t n_features, size_t n_outputs)
{
    pthread_mutex_lock(&monitor->lock);
    watch_version *version = find(monitor, endpoint, number);
    if (!version && monitor->n_versions < VERSIONS_MAX) {
        version =
            watch_version_new(endpoint, number, n_features, n_outputs, monitor->options.learn_rows);
        if (version)
            monitor->versions[monitor->n_versions++] = version;
    }
    pthread_mutex_unlock(&monitor->lock);
    return version;
}

/* ---- the tap --------------------------------------------------------------------------------- */

static unsigned thread_number(void)
{
    static atomic_uint n_threads;
    static _Thread_local unsigned number; /* from 1; 0: none yet */
    if (number == 0)
        number = atomic_fetch_add(&n_threads, 1) + 1;
    return number - 1;
}

void mw_monitor_tap(void *user, const char *endpoint, unsigned version, const mw_matrix *rows,
                    const double *values, size_t n_outputs)
{
    static _Thread_local cached cache[CACHE_SIZE];
    mw_monitor *monitor = user;
    cached *entry = &cache[((uintptr_t)endpoint >> 4 ^ version * 31u) % CACHE_SIZE];
    if (entry->monitor != monitor->number || entry->endpoint != endpoint ||
        entry->version != version)
        *entry = (cached){monitor->number, endpoint, version,
                          find_or_add(monitor, endpoint, version, rows->n_columns, n_outputs)};
    if (entry->found)
        watch_rows(entry->found, thread_number(), rows, values, n_outputs);
}

/* ---- the watcher ----------------------------------------------------------------------------- */

void mw_monitor_look(mw_monitor *monitor)
{
    uint64_t now_ns = mw_clock_ns();
    pthread_mutex_lock(&monitor->lock);
    size_t n = monitor->n_versions;
    pthread_mutex_unlock(&monitor->lock);
    for (size_t i = 0; i < n; i++) /* versions are only ever added */
        watch_look(monitor->versions[i], now_ns, monitor->options.bucket_ns,
                   monitor->options.alpha);
}

static void *watch(void *argument)
{
    mw_monitor *monitor = argument;
    pthread_mutex_lock(&monitor->lock);
    while (!monitor->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        while (!monitor->stop &&
               pthread_cond_timedwait(&monitor->wake, &monitor->lock, &until) == 0)
            continue;
        if (monitor->stop)
            break;
        pthread_mutex_unlock(&monitor->lock);
        mw_monitor_look(monitor);
        pthread_mutex_lock(&monitor->lock);
    }
    pthread_mutex_unlock(&monitor->lock);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status start(mw_monitor *monitor, mw_error *err)
{
    if (monitor->options.without_watcher)
        return MW_OK;
    int code = mw_thread_start(&monitor->watcher, "watcher", watch, monitor);
    if (code != 0)
        return mw_fail_errno(err, "cannot start the watcher", code);
    monitor->has_watcher = true;
    return MW_OK;
}

mw_status mw_monitor_new(const mw_monitor_options *options, mw_monitor **ret_monitor, mw_error *err)
{
    static atomic_uint_least64_t n_monitors;
    pthread_condattr_t clock;
    mw_monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor)
        return mw_fail_memory(err, "the watch");
    if (options)
        monitor->options = *options;
    mw_monitor_options *o = &monitor->options;
    o->learn_rows = o->learn_rows ? o->learn_rows : MW_LIMIT_LEARN_ROWS;
    o->bucket_ns = o->bucket_ns ? o->bucket_ns : USUAL_BUCKET_NS;
    o->alpha = o->alpha > 0 ? o->alpha : 0.05;
    monitor->number = atomic_fetch_add(&n_monitors, 1) + 1;
    pthread_mutex_init(&monitor->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&monitor->wake, &clock);
    pthread_condattr_destroy(&clock);
    mw_status status = start(monitor, err);
    if (status != MW_OK) {
        mw_monitor_free(monitor);
        return status;
    }
    *ret_monitor = monitor;
    return MW_OK;
}

void mw_monitor_free(mw_monitor *monitor)
{
    if (!monitor)
        return;
    pthread_mutex_lock(&monitor->lock);
    monitor->stop = true;
    pthread_cond_signal(&monitor->wake);
    pthread_mutex_unlock(&monitor->lock);
    if (monitor->has_watcher)
        pthread_join(monitor->watcher, NULL);
    for (size_t i = 0; i < monitor->n_versions; i++)
        watch_version_free(monitor->versions[i]);
    pthread_cond_destroy(&monitor->wake);
    pthread_mutex_destroy(&monitor->lock);
    free(monitor);
}

/* ---- reports --------------------------------------------------------------------------------- */

bool mw_monitor_report(mw_monitor *monitor, const char *endpoint, unsigned number,
                       mw_watch_report *ret_report, mw_watched *ret_columns, size_t columns_room)
{
    pthread_mutex_lock(&monitor->lock);
    watch_version *version = find(monitor, endpoint, number);
    pthread_mutex_unlock(&monitor->lock);
    if (!version)
        return false;
    pthread_mutex_lock(&version->lock);
    *ret_report = version->report;
    size_t n = version->n_columns < columns_room ? version->n_columns : columns_room;
    if (version->report.state == MW_WATCH_WATCHING)
        memcpy(ret_columns, version->found, n * sizeof *ret_columns);
    pthread_mutex_unlock(&version->lock);
    return true;
}

size_t mw_monitor_memory_bytes(mw_monitor *monitor)
{
    size_t bytes = sizeof *monitor;
    pthread_mutex_lock(&monitor->lock);
    for (size_t i = 0; i < monitor->n_versions; i++)
        bytes += watch_version_bytes(monitor->versions[i]);
    pthread_mutex_unlock(&monitor->lock);
    return bytes;
}
