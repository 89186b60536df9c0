/* All versions under watch, how a tapping thread finds its own, and the watcher.
 *
 *     tap: thread's small cache (endpoint, version) --> watch_version      no lock
 *                  `miss: the list, under the lock; a new one is added at the end */
#include "monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "watch.h"

#include "base/banned.h"

#define USUAL_BUCKET_NS (UINT64_C(60) * 1000000000)

#define SAVE_NS (UINT64_C(5) * 1000000000)
#define SAVE_NS_A_BYTE 5000
#define LEARNED_NS_A_BYTE 10000
#define SHARED_NS (UINT64_C(70) * 1000000000) /* one who tells it is as late as that at most */
#define SWEEP_NS (UINT64_C(86400) * 1000000000)

enum { VERSIONS_MAX = 4096, CACHE_SIZE = 64, PATH_BYTES = 4096, LOCK_MS = 1000 };

struct mw_monitor {
    mw_monitor_options options;
    char *folder;      /* NULL: histories are not kept */
    int lock_fd;       /* -1: the folder is not ours */
    uint64_t swept_ns; /* by the steady clock; 0: not yet */
    uint64_t began_ns,
        wall_ns;          /* both clocks at the start: later steps of the wall's are not seen */
    atomic_bool is_stale; /* a survey is due */
    uint64_t number;      /* of this monitor: what a thread's cache remembers outlives none */
    pthread_mutex_t lock;
    pthread_mutex_t describing; /* of what a version is; the watcher holds it while it looks */
    pthread_cond_t wake;
    bool stop, has_watcher;
    pthread_t watcher;
    watch_version *versions[VERSIONS_MAX];
    uint32_t marks[VERSIONS_MAX]; /* of each: what mostly tells it from others, side by side */
    size_t n_versions;
    mw_allowance allowance;            /* of contributions; the watcher's */
    char server[MW_RANDOM_NAME_BYTES]; /* of this one, over restarts where the folder is ours */
};

typedef struct cached {
    uint64_t monitor;
    const char *endpoint;
    unsigned version;
    watch_version *found; /* NULL: it is not watched */
} cached;

/* ---- versions -------------------------------------------------------------------------------- */

static uint32_t mark_of(const char *endpoint, unsigned version)
{
    return (uint32_t)mw_fnv(MW_FNV_BEGIN ^ version, endpoint, strlen(endpoint));
}

/* A page of metrics asks for each of a thousand endpoints: names are read where the mark agrees. */
static watch_version *find(const mw_monitor *monitor, const char *endpoint, unsigned version)
{
    uint32_t mark = mark_of(endpoint, version);
    for (size_t i = monitor->n_versions; i-- > 0;)
        if (monitor->marks[i] == mark && monitor->versions[i]->version == version &&
            strcmp(monitor->versions[i]->endpoint, endpoint) == 0)
            return monitor->versions[i];
    return NULL;
}

/* Of the endpoint, which its other versions have; NULL: it has none. */
static watch_pulse *pulse_of(const mw_monitor *monitor, const char *endpoint)
{
    for (size_t i = 0; i < monitor->n_versions; i++)
        if (!monitor->versions[i]->is_companion &&
            strcmp(monitor->versions[i]->endpoint, endpoint) == 0)
            return monitor->versions[i]->pulse;
    return NULL;
}

/* NULL when there are too many, or memory is gone: then it is not watched, and answers go on. */
static watch_version *find_or_add(mw_monitor *monitor, const char *endpoint, unsigned number,
                                  size_t n_features, size_t n_outputs)
{
    pthread_mutex_lock(&monitor->lock);
    watch_version *version = find(monitor, endpoint, number);
    if (!version)
        atomic_store(&monitor->is_stale, true);
    if (!version && monitor->n_versions < VERSIONS_MAX) {
        version =
            watch_version_new(endpoint, number, n_features, n_outputs, monitor->options.learn_rows,
                              monitor->options.bucket_ns,
                              number & MW_WATCH_CONTRIBUTIONS ? NULL : pulse_of(monitor, endpoint));
        if (version) {
            monitor->marks[monitor->n_versions] = mark_of(endpoint, number);
            monitor->versions[monitor->n_versions++] = version;
        }
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

bool mw_monitor_score(void *user, const char *endpoint, unsigned number, const mw_matrix *rows,
                      double *ret_scores)
{
    mw_monitor *monitor = user;
    pthread_mutex_lock(&monitor->lock);
    const watch_version *version = find(monitor, endpoint, number);
    pthread_mutex_unlock(&monitor->lock);
    return version && watch_score(version, rows, rows->n_rows, ret_scores);
}

/* ---- what versions are ----------------------------------------------------------------------- */

static uint64_t wall_ns(const mw_monitor *monitor)
{
    return monitor->wall_ns + (mw_clock_ns() - monitor->began_ns);
}

static bool path_of(const mw_monitor *monitor, const watch_version *version, const char *ending,
                    char *path, size_t size)
{
    char name[40];
    watch_file_name(version, ending, name);
    int length = snprintf(path, size, "%s/%s", monitor->folder, name);
    return length > 0 && (size_t)length < size;
}

static mw_status take_text(const mw_monitor *monitor, watch_version *version, mw_view text,
                           bool *ret_is_other, mw_error *err)
{
    MW_TRY(watch_read(text, version, wall_ns(monitor), ret_is_other, err));
    if (*ret_is_other)
        mw_log(MW_LOG_INFO, "'%s' has another reference than before: its watch begins anew",
               version->endpoint);
    return MW_OK;
}

static mw_status take_learned(const mw_monitor *monitor, watch_version *version, mw_view text,
                              bool *ret_is_other, mw_error *err)
{
    MW_TRY(watch_read_learned(text, version, wall_ns(monitor), ret_is_other, err));
    if (*ret_is_other)
        mw_log(MW_LOG_INFO, "what the watch learned of '%s' is of another reference: it is let go",
               version->endpoint);
    return MW_OK;
}

/* What is kept of a version, each in a file of its own. */
typedef struct kept_kind {
    const char *ending;
    mw_status (*take)(const mw_monitor *monitor, watch_version *version, mw_view text,
                      bool *ret_is_other, mw_error *err);
    const char *put_aside; /* what is said of one that cannot be read */
} kept_kind;

static const kept_kind counted = {"watch", take_text,
                                  "a history of the watch is put aside, it begins anew"};
static const kept_kind learned = {"learned", take_learned,
                                  "what the watch learned is put aside, it learns anew"};

static mw_status read_file(const mw_monitor *monitor, watch_version *version, const char *path,
                           const kept_kind *kind, mw_error *err)
{
    mw_file file;
    bool is_other;
    MW_TRY(mw_file_read(path, MW_LIMIT_WATCH_FILE_BYTES, &file, err));
    mw_status status =
        kind->take(monitor, version, (mw_view){file.data, file.size}, &is_other, err);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}

/* One that cannot be read is put aside, and said. */
static void take_up_file(const mw_monitor *monitor, watch_version *version, const kept_kind *kind)
{
    char path[PATH_BYTES], aside[PATH_BYTES + 8];
    mw_error err;
    if (!path_of(monitor, version, kind->ending, path, sizeof path) || access(path, F_OK) != 0 ||
        read_file(monitor, version, path, kind, &err) == MW_OK)
        return;
    snprintf(aside, sizeof aside, "%s.old", path);
    mw_log_error(MW_LOG_WARN, kind->put_aside, &err);
    if (rename(path, aside) != 0)
        mw_log(MW_LOG_WARN, "cannot rename %s", path);
}

/* The same model that was loaded before it, in this process. */
static watch_version *predecessor_of(mw_monitor *monitor, const watch_version *version)
{
    watch_version *found = NULL;
    pthread_mutex_lock(&monitor->lock);
    for (size_t i = 0; i < monitor->n_versions; i++) {
        watch_version *other = monitor->versions[i];
        if (other != version && other->identity && !other->is_succeeded &&
            strcmp(other->endpoint, version->endpoint) == 0 &&
            strcmp(other->identity, version->identity) == 0)
            found = other;
    }
    pthread_mutex_unlock(&monitor->lock);
    return found;
}

static watch_version *make_companion(mw_monitor *monitor, const watch_version *version);

static watch_explaining explaining(mw_monitor *monitor)
{
    return (watch_explaining){&monitor->options.explainer, &monitor->allowance, make_companion,
                              monitor};
}

static void look_at(mw_monitor *monitor, watch_version *version, uint64_t now_ns)
{
    const watch_explaining by = explaining(monitor);
    watch_look(version, now_ns, monitor->options.alpha, &by);
}

/* A model that is loaded again goes on with what it was; one that begins, with its file. */
static void take_up(mw_monitor *monitor, watch_version *version)
{
    mw_buf text;
    mw_error err;
    bool is_other = false;
    watch_version *before = predecessor_of(monitor, version);
    if (!before && monitor->folder) {
        take_up_file(monitor, version, &counted);
        take_up_file(monitor, version, &learned);
    }
    if (!before)
        return;
    mw_buf_init(&text, MW_LIMIT_WATCH_FILE_BYTES);
    look_at(monitor, before, wall_ns(monitor));
    watch_write(before, &text);
    before->is_succeeded = true;
    watch_end_learning(before);
    if (text.failed || take_text(monitor, version, mw_buf_as_view(&text), &is_other, &err) != MW_OK)
        mw_log(MW_LOG_WARN, "the watch of '%s' begins anew: memory is gone", version->endpoint);
    else if (!is_other)
        watch_hand_over(before, version);
    mw_buf_done(&text);
}

/* Beside a version that is described, of the same model. Under `describing`. */
static watch_version *make_companion(mw_monitor *monitor, const watch_version *version)
{
    char identity[MW_LIMIT_NAME_BYTES];
    watch_version *companion =
        find_or_add(monitor, version->endpoint, version->version | MW_WATCH_CONTRIBUTIONS,
                    version->n_features, 0);
    if (!companion || companion->is_described)
        return companion;
    companion->is_described = true;
    const mw_watch_explainer *explainer = &monitor->options.explainer;
    uint64_t background = explainer->background(explainer->user, version->endpoint);
    int length =
        snprintf(identity, sizeof identity, "%s+contributions-%016llx",
                 version->identity ? version->identity : "", (unsigned long long)background);
    if (version->identity && (size_t)length < sizeof identity)
        companion->identity = strdup(identity);
    if (companion->identity)
        take_up(monitor, companion);
    return companion;
}

static char *copy_of(mw_view text)
{
    return text.size > 0 ? strndup(text.data, text.size) : NULL;
}

static mw_status describe(mw_monitor *monitor, watch_version *version,
                          const mw_watch_subject *subject, mw_error *err)
{
    mw_status status = MW_OK;
    for (size_t c = 0; c < version->n_features && c < subject->schema->n_columns; c++)
        version->is_category[c] = subject->schema->columns[c].type == MW_COLUMN_CATEGORY;
    if (subject->profile)
        status = watch_take_profile(version, subject, wall_ns(monitor), err);
    if (subject->profile && status == MW_OK)
        version->source = copy_of(subject->profile->source);
    version->identity = copy_of(subject->identity);
    if (version->identity)
        take_up(monitor, version);
    return status;
}

mw_status mw_monitor_describe(mw_monitor *monitor, const mw_watch_subject *subject, mw_error *err)
{
    watch_version *version = find_or_add(monitor, subject->endpoint, subject->version,
                                         subject->schema->n_columns, subject->n_outputs);
    if (!version)
        return mw_fail_memory(err, "the watch");
    pthread_mutex_lock(&monitor->describing);
    mw_status status = MW_OK;
    if (!version->is_described) {
        status = describe(monitor, version, subject, err);
        version->is_described = true;
        look_at(monitor, version, wall_ns(monitor));
    }
    pthread_mutex_unlock(&monitor->describing);
    return status;
}

bool mw_monitor_is_described(mw_monitor *monitor, const char *endpoint, unsigned number)
{
    pthread_mutex_lock(&monitor->lock);
    const watch_version *version = find(monitor, endpoint, number);
    pthread_mutex_unlock(&monitor->lock);
    pthread_mutex_lock(&monitor->describing);
    bool is_described = version && version->is_described;
    pthread_mutex_unlock(&monitor->describing);
    return is_described;
}

void mw_monitor_refresh(mw_monitor *monitor)
{
    if (!monitor)
        return;
    atomic_store(&monitor->is_stale, true);
    pthread_cond_signal(&monitor->wake);
}

/* ---- keeping --------------------------------------------------------------------------------- */

/* Small ones each few seconds, large ones less often: 200 kB a second of each at most. */
static bool is_due(const watch_version *version, uint64_t now_ns)
{
    uint64_t pause = SAVE_NS + (uint64_t)watch_history_bytes(&version->history) * SAVE_NS_A_BYTE;
    return version->whole_rows != version->saved_rows && now_ns >= version->saved_ns + pause;
}

/* What was learned is larger, and less is lost with it: 100 kB a second of each at most. */
static bool is_learned_due(watch_version *version, uint64_t now_ns)
{
    uint64_t pause = SAVE_NS + (uint64_t)version->learned_bytes * LEARNED_NS_A_BYTE;
    return atomic_load(&version->is_taught) || now_ns >= version->learned_ns + pause;
}

static void write_file(const mw_monitor *monitor, watch_version *version, const kept_kind *kind,
                       const mw_buf *bytes)
{
    char path[PATH_BYTES];
    mw_error err;
    mw_status status = MW_OK;
    if (!bytes->failed && path_of(monitor, version, kind->ending, path, sizeof path))
        status = mw_file_write(path, mw_buf_as_view(bytes), &err);
    if (status != MW_OK && !version->is_unkept)
        mw_log_error(MW_LOG_WARN, "a history of the watch cannot be kept", &err);
    version->is_unkept = status != MW_OK;
}

static void save(const mw_monitor *monitor, watch_version *version)
{
    mw_buf text;
    mw_buf_init(&text, MW_LIMIT_WATCH_FILE_BYTES);
    watch_write(version, &text);
    write_file(monitor, version, &counted, &text);
    version->saved_rows = version->whole_rows;
    version->saved_ns = version->latest_ns;
    mw_buf_done(&text);
}

static void save_learned(const mw_monitor *monitor, watch_version *version)
{
    mw_buf bytes;
    mw_buf_init(&bytes, MW_LIMIT_WATCH_FILE_BYTES);
    atomic_store(&version->is_taught, false); /* what comes meanwhile is due again */
    watch_write_learned(version, &bytes);
    write_file(monitor, version, &learned, &bytes);
    version->learned_rows = version->sampled;
    version->learned_ns = version->latest_ns;
    version->learned_bytes = bytes.size;
    mw_buf_done(&bytes);
}

/* The history first: what was learned belongs to the reference that it has. */
static void save_version(const mw_monitor *monitor, watch_version *version, bool at_once)
{
    uint64_t now_ns = version->latest_ns;
    bool has_more = version->whole_rows != version->saved_rows;
    uint64_t patient_ns = version->is_shared ? now_ns - SHARED_NS : now_ns;
    if (is_due(version, patient_ns) || (at_once && has_more))
        save(monitor, version);
    bool has_learned =
        version->sampled != version->learned_rows || atomic_load(&version->is_taught);
    if (has_learned && watch_is_whole(version) && (at_once || is_learned_due(version, now_ns)))
        save_learned(monitor, version);
}

/* At the start, and once a day. */
static void sweep(mw_monitor *monitor)
{
    uint64_t now_ns = mw_clock_ns();
    if (!monitor->folder || (monitor->swept_ns > 0 && now_ns < monitor->swept_ns + SWEEP_NS))
        return;
    monitor->swept_ns = now_ns;
    size_t n_gone = watch_sweep(monitor->folder, MW_LIMIT_WATCH_FOLDER_BYTES);
    if (n_gone > 0)
        mw_log(MW_LOG_INFO,
               "%zu files of the watch were removed, the oldest: all took more than"
               " %zu MiB",
               n_gone, (size_t)(MW_LIMIT_WATCH_FOLDER_BYTES / MW_MIB));
}

static void save_all(mw_monitor *monitor, bool at_once)
{
    pthread_mutex_lock(&monitor->lock);
    size_t n = monitor->folder ? monitor->n_versions : 0;
    pthread_mutex_unlock(&monitor->lock);
    for (size_t i = 0; i < n; i++) {
        watch_version *version = monitor->versions[i];
        if (version->identity && !version->is_succeeded && atomic_load(&version->columns))
            save_version(monitor, version, at_once);
    }
}

/* ---- the watcher ----------------------------------------------------------------------------- */

void mw_monitor_look(mw_monitor *monitor)
{
    uint64_t now_ns = wall_ns(monitor);
    if (atomic_exchange(&monitor->is_stale, false) && monitor->options.survey)
        monitor->options.survey(monitor->options.survey_user, monitor);
    pthread_mutex_lock(&monitor->lock);
    size_t n = monitor->n_versions;
    pthread_mutex_unlock(&monitor->lock);
    pthread_mutex_lock(&monitor->describing);
    for (size_t i = 0; i < n; i++) /* versions are only ever added */
        look_at(monitor, monitor->versions[i], now_ns);
    for (size_t i = 0; i < n; i++) {
        watch_pulse *pulse = monitor->versions[i]->pulse;
        if (!monitor->versions[i]->owns_pulse)
            continue;
        watch_pulse_beat(pulse, now_ns, pulse->pending);
        pulse->pending = 0;
    }
    for (size_t i = 0; i < n; i++)
        watch_tell_stream(monitor->versions[i]);
    save_all(monitor, false);
    sweep(monitor);
    pthread_mutex_unlock(&monitor->describing);
}

static void *watch(void *argument)
{
    mw_monitor *monitor = argument;
    mw_thread_give_way();
    pthread_mutex_lock(&monitor->lock);
    while (!monitor->stop) {
        struct timespec until = mw_moment_in(1000);
        while (!monitor->stop && !atomic_load(&monitor->is_stale) &&
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

/* The name that it had before, or a new one, which is kept. */
static void take_name(mw_monitor *monitor)
{
    mw_file file;
    mw_error err;
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/server", monitor->folder);
    if (length < 0 || (size_t)length >= sizeof path)
        return;
    if (access(path, F_OK) == 0 &&
        mw_file_read(path, sizeof monitor->server, &file, &err) == MW_OK) {
        bool is_whole = file.size == sizeof monitor->server - 1;
        for (size_t i = 0; is_whole && i < file.size; i++)
            is_whole = mw_hex_value(file.data[i]) >= 0;
        if (is_whole)
            memcpy(monitor->server, file.data, file.size);
        mw_file_done(&file);
        if (is_whole)
            return;
    }
    if (mw_file_write(path, mw_view_of(monitor->server), &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "this server's name in a shared watch cannot be kept", &err);
}

static mw_status open_folder(mw_monitor *monitor, const char *folder, mw_error *err)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        mw_fail_errno(err, "make the folder of the watch", errno);
        return mw_at(err, "%s", folder);
    }
    mw_error taken;
    if (mw_folder_take(folder, LOCK_MS, &monitor->lock_fd, &taken) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "what the watch sees is not kept over a restart", &taken);
        return MW_OK;
    }
    monitor->folder = strdup(folder);
    if (!monitor->folder)
        return mw_fail_memory(err, "the watch");
    take_name(monitor);
    return MW_OK;
}

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
    monitor->lock_fd = -1;
    mw_random_name(monitor->server);
    monitor->allowance = (mw_allowance){.percent = MW_LIMIT_BEHIND_PERCENT,
                                        .burst_ns = MW_LIMIT_BEHIND_BURST_MS * UINT64_C(1000000)};
    monitor->began_ns = mw_clock_ns();
    monitor->wall_ns = (uint64_t)mw_clock_wall_ns();
    pthread_mutex_init(&monitor->lock, NULL);
    pthread_mutex_init(&monitor->describing, NULL);
    mw_condition_init(&monitor->wake);
    mw_status status = o->folder ? open_folder(monitor, o->folder, err) : MW_OK;
    if (status == MW_OK)
        status = start(monitor, err);
    if (status != MW_OK) {
        mw_monitor_free(monitor);
        return status;
    }
    *ret_monitor = monitor;
    return MW_OK;
}

void mw_monitor_stop(mw_monitor *monitor)
{
    if (!monitor)
        return;
    pthread_mutex_lock(&monitor->lock);
    monitor->stop = true;
    pthread_cond_signal(&monitor->wake);
    pthread_mutex_unlock(&monitor->lock);
    if (monitor->has_watcher)
        pthread_join(monitor->watcher, NULL);
    monitor->has_watcher = false;
    monitor->options.survey = NULL;
    mw_monitor_look(monitor);
    save_all(monitor, true);
}

void mw_monitor_free(mw_monitor *monitor)
{
    if (!monitor)
        return;
    mw_monitor_stop(monitor);
    for (size_t i = 0; i < monitor->n_versions; i++)
        watch_version_free(monitor->versions[i]);
    pthread_cond_destroy(&monitor->wake);
    pthread_mutex_destroy(&monitor->lock);
    pthread_mutex_destroy(&monitor->describing);
    free(monitor->folder);
    if (monitor->lock_fd >= 0)
        close(monitor->lock_fd);
    free(monitor);
}

/* ---- among the servers of a record ----------------------------------------------------------- */

const char *mw_monitor_server(const mw_monitor *monitor)
{
    return monitor->server;
}

void mw_monitor_each_shared(mw_monitor *monitor,
                            void (*see)(void *user, const mw_watch_shared *shared), void *user)
{
    pthread_mutex_lock(&monitor->lock);
    size_t n = monitor->n_versions;
    pthread_mutex_unlock(&monitor->lock);
    const watch_explaining by = explaining(monitor);
    for (size_t i = 0; i < n; i++) { /* versions are only ever added */
        watch_version *version = monitor->versions[i];
        pthread_mutex_lock(&monitor->describing);
        bool is_shared = version->identity && !version->is_succeeded && version->latest_ns > 0;
        if (is_shared) /* one that is asked nothing hears of contributions, too: in the next turn */
            (void)watch_companion_share(version, &by);
        mw_watch_shared shared = {.endpoint = version->endpoint, .version = version->version};
        if (is_shared) {
            shared.identity = mw_view_of(version->identity);
            shared.profile = version->reference_digest;
            shared.reference = watch_reference_of(version);
            shared.rows = version->whole_rows;
            for (int span = 0; span < MW_WATCH_SHARED_SPANS; span++)
                shared.now[span] =
                    version->latest_ns / watch_span_ns(&version->history, (watch_span)span);
        }
        pthread_mutex_unlock(&monitor->describing);
        if (is_shared) /* its identity stays as it is */
            see(user, &shared);
    }
}

/* With the lock of what versions are, which the watcher holds while it counts. */
static watch_version *hold(mw_monitor *monitor, const mw_watch_shared *of)
{
    pthread_mutex_lock(&monitor->lock);
    watch_version *version = find(monitor, of->endpoint, of->version);
    pthread_mutex_unlock(&monitor->lock);
    pthread_mutex_lock(&monitor->describing);
    return version;
}

static void release(mw_monitor *monitor)
{
    pthread_mutex_unlock(&monitor->describing);
}

bool mw_monitor_pack_reference(mw_monitor *monitor, const mw_watch_shared *of, mw_buf *out)
{
    const watch_version *version = hold(monitor, of);
    bool is_whole = version && watch_is_whole(version);
    if (is_whole)
        watch_pack_reference(version, out);
    release(monitor);
    return is_whole && !out->failed;
}

mw_status mw_monitor_take_reference(mw_monitor *monitor, const mw_watch_shared *of, mw_view bytes,
                                    mw_error *err)
{
    watch_version *version = hold(monitor, of);
    mw_status status = MW_OK;
    if (version) {
        look_at(monitor, version, wall_ns(monitor));
        status = watch_take_reference(version, bytes, err);
    }
    release(monitor);
    return status;
}

/* Whether all that is counted is kept, or is not kept at all. */
static bool keep_first(mw_monitor *monitor, watch_version *version)
{
    if (!monitor->folder || version->is_unkept)
        return true;
    version->is_shared = true;
    if (version->whole_rows != version->saved_rows && is_due(version, version->latest_ns))
        save(monitor, version);
    return version->whole_rows == version->saved_rows;
}

static void tell_bucket(const watch_version *version, watch_span span, uint64_t bucket,
                        mw_watch_told *see, void *user)
{
    mw_buf counts;
    uint64_t rows;
    mw_buf_init(&counts, MW_LIMIT_WATCH_FILE_BYTES);
    if (watch_pack_slot(version, span, bucket, &rows, &counts))
        see(user, (int)span, bucket, rows, mw_buf_as_view(&counts));
    mw_buf_done(&counts);
}

bool mw_monitor_tell(mw_monitor *monitor, const mw_watch_shared *of,
                     const uint64_t from[MW_WATCH_SHARED_SPANS], mw_watch_told *see, void *user)
{
    watch_version *version = hold(monitor, of);
    bool tells = version && keep_first(monitor, version);
    for (watch_span span = WATCH_MINUTES; tells && span < WATCH_SPANS; span++) {
        uint64_t now = version->latest_ns / watch_span_ns(&version->history, span);
        uint64_t kept = mw_monitor_kept((int)span);
        uint64_t first = from[span] + kept > now ? from[span] : now - kept + 1;
        for (uint64_t bucket = first; bucket <= now; bucket++)
            tell_bucket(version, span, bucket, see, user);
    }
    release(monitor);
    return tells;
}

mw_status mw_monitor_hear(mw_monitor *monitor, const mw_watch_shared *of, int span, uint64_t bucket,
                          const uint64_t *rows, const mw_view *counts, size_t n, mw_error *err)
{
    watch_version *version = hold(monitor, of);
    mw_status status =
        version ? watch_hear(version, (watch_span)span, bucket, rows, counts, n, err) : MW_OK;
    release(monitor);
    return status;
}

bool mw_monitor_pack_values(mw_monitor *monitor, const mw_watch_shared *of, mw_buf *out)
{
    bool done = false;
    watch_version *version = hold(monitor, of);
    if (version) {
        pthread_mutex_lock(&version->lock);
        done = watch_pack_values(version, out);
        pthread_mutex_unlock(&version->lock);
    }
    release(monitor);
    return done;
}

mw_status mw_monitor_hear_values(mw_monitor *monitor, const mw_watch_shared *of, const char *server,
                                 int64_t told_ms, mw_view bytes, mw_error *err)
{
    watch_version *version = hold(monitor, of);
    uint64_t told_ns = told_ms > 0 ? (uint64_t)told_ms * 1000000 : 0;
    mw_status status = version ? watch_hear_values(version, server, told_ns, bytes, err) : MW_OK;
    release(monitor);
    return status;
}

/* Without memory they are counted, not named. */
static void keep_servers(watch_version *version, const mw_watch_server *servers, size_t n)
{
    pthread_mutex_lock(&version->lock);
    if (n > 0 && !version->servers)
        version->servers = calloc(MW_WATCH_SERVERS, sizeof *version->servers);
    version->n_servers = version->servers ? n : 0;
    if (version->n_servers > 0)
        memcpy(version->servers, servers, n * sizeof *servers);
    pthread_mutex_unlock(&version->lock);
}

void mw_monitor_note_servers(mw_monitor *monitor, const mw_watch_shared *of,
                             const mw_watch_server *servers, size_t n, size_t n_others,
                             size_t n_apart)
{
    watch_version *version = hold(monitor, of);
    if (version)
        keep_servers(version, servers, n < MW_WATCH_SERVERS ? n : MW_WATCH_SERVERS);
    if (version && (version->n_others != n_others || version->n_apart != n_apart)) {
        version->n_others = n_others;
        version->n_apart = n_apart;
        version->has_news_of_others = true;
    }
    release(monitor);
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

static watch_version *find_locked(mw_monitor *monitor, const char *endpoint, unsigned number)
{
    pthread_mutex_lock(&monitor->lock);
    watch_version *version = find(monitor, endpoint, number);
    pthread_mutex_unlock(&monitor->lock);
    if (version)
        pthread_mutex_lock(&version->lock);
    return version;
}

bool mw_monitor_window(mw_monitor *monitor, const char *endpoint, unsigned number, double seconds,
                       mw_watch_report *ret_report, mw_watched *ret_columns, size_t columns_room)
{
    if (!mw_monitor_report(monitor, endpoint, number, ret_report, ret_columns, columns_room))
        return false;
    watch_version *version = find_locked(monitor, endpoint, number);
    if (ret_report->state == MW_WATCH_WATCHING)
        watch_window(version, MW_WATCH_OF_ALL, seconds, ret_report, ret_columns, columns_room);
    pthread_mutex_unlock(&version->lock);
    return true;
}

bool mw_monitor_alone(mw_monitor *monitor, const char *endpoint, unsigned number, double seconds,
                      mw_watch_report *ret_report, mw_watched *ret_columns, size_t columns_room)
{
    if (!mw_monitor_report(monitor, endpoint, number, ret_report, ret_columns, columns_room))
        return false;
    watch_version *version = find_locked(monitor, endpoint, number);
    bool is_judged = ret_report->state == MW_WATCH_WATCHING && version->n_columns <= columns_room;
    if (is_judged)
        watch_judge_alone(version, monitor->options.alpha, ret_report, ret_columns);
    if (is_judged && seconds > 0)
        watch_window(version, MW_WATCH_OF_THIS, seconds, ret_report, ret_columns, columns_room);
    pthread_mutex_unlock(&version->lock);
    return true;
}

size_t mw_monitor_servers(mw_monitor *monitor, const char *endpoint, unsigned number,
                          mw_watch_server *ret_servers)
{
    watch_version *version = find_locked(monitor, endpoint, number);
    if (!version)
        return 0;
    size_t n = version->n_servers;
    if (n > 0)
        memcpy(ret_servers, version->servers, n * sizeof *ret_servers);
    pthread_mutex_unlock(&version->lock);
    return n;
}

bool mw_monitor_series(mw_monitor *monitor, const char *endpoint, unsigned number,
                       mw_watch_measure measure, double seconds, mw_watch_series *ret_series)
{
    watch_version *version = find_locked(monitor, endpoint, number);
    if (!version)
        return false;
    bool done = watch_series(version, seconds, measure, ret_series);
    pthread_mutex_unlock(&version->lock);
    return done;
}

size_t mw_monitor_bins(mw_monitor *monitor, const char *endpoint, unsigned number, size_t column,
                       double seconds, double until, mw_watch_bin *ret_bins)
{
    watch_version *version = find_locked(monitor, endpoint, number);
    if (!version)
        return 0;
    size_t n = watch_bins(version, column, seconds, until, ret_bins);
    pthread_mutex_unlock(&version->lock);
    return n;
}

bool mw_monitor_importance(mw_monitor *monitor, const char *endpoint, unsigned number,
                           mw_watch_scope scope, mw_watch_importance *ret_features, size_t room,
                           double *ret_rows)
{
    watch_version *version = find_locked(monitor, endpoint, number | MW_WATCH_CONTRIBUTIONS);
    if (!version)
        return false;
    uint64_t bucket = version->latest_ns / version->history.bucket_ns;
    const watch_importance *others =
        scope == MW_WATCH_OF_ALL ? version->importance_of_others : NULL;
    bool done =
        version->importance && atomic_load(&version->columns) &&
        watch_importance_tell(version->importance, others, bucket, ret_features, room, ret_rows);
    pthread_mutex_unlock(&version->lock);
    return done;
}

static bool tell_sketch(mw_monitor *monitor, const char *endpoint, unsigned number, size_t column,
                        mw_watch_scope scope, mw_watch_sketch *ret_sketch)
{
    watch_version *version = find_locked(monitor, endpoint, number);
    if (!version)
        return false;
    const watch_column *columns = atomic_load(&version->columns);
    bool is_alone = scope == MW_WATCH_OF_THIS || version->n_values == 0;
    bool done = columns && column < version->n_columns && columns[column].is_ready &&
                (is_alone ? watch_sketches_tell(&version->sketches, &columns[column], column,
                                                version->latest_ns, ret_sketch)
                          : watch_tell_values(version, column, ret_sketch));
    pthread_mutex_unlock(&version->lock);
    return done;
}

bool mw_monitor_sketch(mw_monitor *monitor, const char *endpoint, unsigned number, size_t column,
                       mw_watch_sketch *ret_sketch)
{
    return tell_sketch(monitor, endpoint, number, column, MW_WATCH_OF_ALL, ret_sketch);
}

bool mw_monitor_sketch_alone(mw_monitor *monitor, const char *endpoint, unsigned number,
                             size_t column, mw_watch_sketch *ret_sketch)
{
    return tell_sketch(monitor, endpoint, number, column, MW_WATCH_OF_THIS, ret_sketch);
}

static mw_status check_numbers(const watch_version *version, const mw_watch_truth *truth,
                               mw_error *err)
{
    if (version->n_outputs == 1 && truth->n_columns >= version->n_features && truth->n > 0)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_COLUMNS, "rows of %zu columns, the version takes %zu and answers %zu",
            truth->n_columns, version->n_features, version->n_outputs);
    return mw_mend(err, "estimates are of regressions that answer one number");
}

static mw_status check_truth(const watch_version *version, const mw_watch_truth *truth,
                             mw_error *err)
{
    size_t n = truth->n_scores;
    if (truth->rows)
        return check_numbers(version, truth, err);
    if (n >= 1 && n <= MW_WATCH_DECAY_CLASSES && (n == 1 || n == version->n_outputs))
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_COLUMNS, "%zu scores a row, the version answers %zu", n,
            version->n_outputs);
    return mw_mend(err,
                   "estimates are of classifiers that answer probabilities, of up to %d "
                   "classes",
                   MW_WATCH_DECAY_CLASSES);
}

mw_status mw_monitor_truth(mw_monitor *monitor, const char *endpoint, unsigned number,
                           const mw_watch_truth *truth, mw_error *err)
{
    watch_decay *decay, *before = NULL;
    pthread_mutex_lock(&monitor->lock);
    watch_version *version = find(monitor, endpoint, number);
    pthread_mutex_unlock(&monitor->lock);
    if (!version)
        return mw_fail_memory(err, "the watch over this version");
    MW_TRY(check_truth(version, truth, err));
    MW_TRY(watch_decay_new(truth, version->n_features, &decay, err));
    pthread_mutex_lock(&version->lock);
    if (!version->decay || version->decay->found.reference_labels < truth->n) {
        before = version->decay;
        version->decay = decay;
        if (before)
            watch_decay_follow(decay, before);
        atomic_store(&version->is_taught, true);
    } else
        before = decay;
    pthread_mutex_unlock(&version->lock);
    watch_decay_free(before);
    return MW_OK;
}

size_t mw_monitor_decay_windows(mw_monitor *monitor, const char *endpoint, unsigned number,
                                mw_watch_decay_window *ret_windows)
{
    watch_version *version = find_locked(monitor, endpoint, number);
    if (!version)
        return 0;
    size_t n = version->decay ? watch_decay_windows(version->decay, ret_windows) : 0;
    pthread_mutex_unlock(&version->lock);
    return n;
}

bool mw_monitor_decay(mw_monitor *monitor, const char *endpoint, unsigned number,
                      mw_watch_decay *ret_decay)
{
    watch_version *version = find_locked(monitor, endpoint, number);
    if (!version)
        return false;
    bool done = version->decay != NULL;
    if (done)
        *ret_decay = version->decay->found;
    pthread_mutex_unlock(&version->lock);
    return done;
}

size_t mw_monitor_memory_bytes(mw_monitor *monitor)
{
    size_t bytes = sizeof *monitor;
    pthread_mutex_lock(&monitor->lock);
    for (size_t i = 0; i < monitor->n_versions; i++) {
        pthread_mutex_lock(&monitor->versions[i]->lock);
        bytes += watch_version_bytes(monitor->versions[i]);
        pthread_mutex_unlock(&monitor->versions[i]->lock);
    }
    pthread_mutex_unlock(&monitor->lock);
    return bytes;
}
