/* The thread that samples. */
#include "pulse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    MS_PER_SECOND = 1000,
    HEARD_SECONDS = 5,
    FILES_A_SECOND = 4
};

struct api_pulse {
    mw_fleet *fleet;
    mw_server *server;
    api_samples *samples;
    _Atomic(mw_monitor *) monitor;                      /* NULL: nothing is watched */
    void *user;                                         /* of prepare, set before it */
    _Atomic(void (*)(void *user, int64_t now)) prepare; /* NULL: nobody asked */
    _Atomic int64_t now, heard; /* the last second; when somebody listened last */
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock;
    pthread_cond_t ending_now;
    bool ending; /* guarded by lock */
};

static void take(void *given, const mw_endpoint_info *info)
{
    mw_watched none;
    mw_watch_report report = {0};
    api_pulse *pulse = given;
    mw_monitor *monitor = atomic_load(&pulse->monitor);
    if (info->version == 0)
        return;
    if (monitor && !mw_monitor_report(monitor, info->name, info->version, &report, &none, 0))
        report.scored_rows = report.anomalous_rows = 0;
    const api_counted counted = {&info->counts, report.scored_rows, report.anomalous_rows};
    api_samples_take(pulse->samples, info->name, info->version, &counted,
                     atomic_load_explicit(&pulse->now, memory_order_relaxed));
}

/* Until the wall clock's next second; true when it is time to end. */
static bool wait_for_second(api_pulse *pulse)
{
    struct timespec until = mw_moment_in(MS_PER_SECOND - mw_clock_wall_ms() % MS_PER_SECOND);
    pthread_mutex_lock(&pulse->lock);
    if (!pulse->ending)
        pthread_cond_timedwait(&pulse->ending_now, &pulse->lock, &until);
    bool ending = pulse->ending;
    pthread_mutex_unlock(&pulse->lock);
    return ending;
}

/* The second that has just ended: all of it is counted. A clock that is set back stands still. */
static void *beat(void *given)
{
    api_pulse *pulse = given;
    mw_thread_give_way();
    while (!wait_for_second(pulse)) {
        int64_t now = mw_clock_wall_ms() / MS_PER_SECOND - 1;
        if (now <= atomic_load(&pulse->now))
            continue;
        atomic_store(&pulse->now, now);
        mw_fleet_each_version(pulse->fleet, take, pulse);
        api_samples_drop(pulse->samples, now);
        api_samples_save(pulse->samples, now, FILES_A_SECOND, false);
        void (*prepare)(void *user, int64_t now) = atomic_load(&pulse->prepare);
        if (prepare)
            prepare(pulse->user, now);
        if (now - atomic_load(&pulse->heard) <= HEARD_SECONDS)
            mw_server_announce(pulse->server);
    }
    api_samples_save(pulse->samples, atomic_load(&pulse->now), SIZE_MAX, true);
    return NULL;
}

static mw_status start(api_pulse *pulse, mw_error *err)
{
    pthread_mutex_init(&pulse->lock, NULL);
    mw_condition_init(&pulse->ending_now);
    pulse->is_running = mw_thread_start(&pulse->thread, "mw-pulse", beat, pulse) == 0;
    return pulse->is_running ? MW_OK : mw_fail_memory(err, "the thread that samples");
}

mw_status api_pulse_new(mw_fleet *fleet, mw_server *server, const char *folder,
                        api_pulse **ret_pulse, mw_error *err)
{
    api_pulse *pulse = calloc(1, sizeof *pulse);
    if (!pulse)
        return mw_fail_memory(err, "the samples");
    pulse->fleet = fleet;
    pulse->server = server;
    atomic_init(&pulse->now, mw_clock_wall_ms() / MS_PER_SECOND - 1);
    mw_status status = api_samples_new(MW_LIMIT_SAMPLE_BYTES, &pulse->samples, err);
    if (status == MW_OK && folder)
        status = api_samples_keep(pulse->samples, folder, err);
    if (status == MW_OK)
        status = start(pulse, err);
    if (status != MW_OK) {
        api_pulse_free(pulse);
        return status;
    }
    *ret_pulse = pulse;
    return MW_OK;
}

void api_pulse_watch(api_pulse *pulse, mw_monitor *monitor)
{
    atomic_store(&pulse->monitor, monitor);
}

void api_pulse_prepare(api_pulse *pulse, void (*prepare)(void *user, int64_t now), void *user)
{
    pulse->user = user;
    atomic_store(&pulse->prepare, prepare);
}

void api_pulse_free(api_pulse *pulse)
{
    if (!pulse)
        return;
    if (pulse->is_running) {
        pthread_mutex_lock(&pulse->lock);
        pulse->ending = true;
        pthread_cond_signal(&pulse->ending_now);
        pthread_mutex_unlock(&pulse->lock);
        pthread_join(pulse->thread, NULL);
        pthread_cond_destroy(&pulse->ending_now);
        pthread_mutex_destroy(&pulse->lock);
    }
    api_samples_free(pulse->samples);
    free(pulse);
}

api_samples *api_pulse_samples(api_pulse *pulse)
{
    return pulse->samples;
}

int64_t api_pulse_now(const api_pulse *pulse)
{
    return atomic_load_explicit(&pulse->now, memory_order_relaxed);
}

void api_pulse_listen(api_pulse *pulse)
{
    atomic_store_explicit(&pulse->heard, api_pulse_now(pulse), memory_order_relaxed);
}
