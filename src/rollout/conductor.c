/* The thread, and which rollouts there are. */
#include "conductor.h"

#include <stdlib.h>

enum { LOOK_MS = 100, TICK_MS = 1000, LIVE_MAX = MW_LIMIT_ENDPOINTS };

/* ---- which there are ------------------------------------------------------------------------- */

static conducted *find(mw_conductor *conductor, int64_t id)
{
    conducted *one = conductor->first;
    while (one && one->rollout.id != id)
        one = one->next;
    return one;
}

static void free_one(conducted *one)
{
    mw_arena_done(&one->arena);
    free(one->from_folder);
    free(one->to_folder);
    free(one);
}

static void complain(const char *what, const mw_error *err)
{
    mw_log_error(MW_LOG_ERROR, what, err);
}

static void add(mw_conductor *conductor, const mw_rollout *rollout)
{
    mw_error err;
    conducted *one = calloc(1, sizeof *one);
    if (!one)
        return; /* the next look tries again */
    mw_arena_init(&one->arena, 16 * MW_KIB, 16 * MW_MIB);
    mw_status status = conduct_take(one, rollout, &err);
    if (status == MW_OK)
        status = mw_rollout_memory_read(rollout->memory, &one->memory, &err);
    if (status != MW_OK) {
        complain("a rollout of the record cannot be run", &err);
        free_one(one);
        return;
    }
    one->is_found = true;
    pthread_mutex_lock(&conductor->lock);
    one->next = conductor->first;
    conductor->first = one;
    pthread_mutex_unlock(&conductor->lock);
    conduct_align(conductor, one);
}

static mw_status take_locked(mw_conductor *conductor, conducted *one, const mw_rollout *rollout,
                             mw_error *err)
{
    pthread_mutex_lock(&conductor->lock);
    mw_status status = conduct_take(one, rollout, err);
    pthread_mutex_unlock(&conductor->lock);
    return status;
}

static void take(mw_conductor *conductor, const mw_rollout *rollout)
{
    mw_error err;
    conducted *one = find(conductor, rollout->id);
    if (!one) {
        add(conductor, rollout);
        return;
    }
    one->is_found = true;
    if (take_locked(conductor, one, rollout, &err) == MW_OK) {
        conduct_align(conductor, one);
        conduct_follow_alias(conductor, one);
    } else
        complain("a rollout of the record cannot be run", &err);
}

/* Those that are over, by whoever's decision. */
static mw_status load_one(mw_record *record, void *given, mw_error *err)
{
    mw_rollout *rollout = given;
    return mw_record_rollout(record, rollout->id, rollout, err);
}

static void drop_ended(mw_conductor *conductor)
{
    for (conducted **link = &conductor->first; *link;) {
        mw_error err;
        conducted *one = *link;
        mw_rollout rollout = one->rollout;
        if (one->is_found ||
            mw_registry_read(conductor->options.registry, &conductor->arena, load_one, &rollout,
                             &err) != MW_OK ||
            take_locked(conductor, one, &rollout, &err) != MW_OK) {
            link = &one->next;
            continue;
        }
        conduct_end(conductor, one);
        pthread_mutex_lock(&conductor->lock);
        *link = one->next;
        pthread_mutex_unlock(&conductor->lock);
        free_one(one);
    }
}

typedef struct looking {
    int64_t epoch;
    mw_rollouts live;
} looking;

static mw_status look_epoch(mw_record *record, void *given, mw_error *err)
{
    return mw_record_deploy_epoch(record, &((looking *)given)->epoch, err);
}

static mw_status look_live(mw_record *record, void *given, mw_error *err)
{
    looking *l = given;
    MW_TRY(mw_record_deploy_epoch(record, &l->epoch, err));
    return mw_record_rollouts(record, true, LIVE_MAX, &l->live, err);
}

void mw_conductor_look(mw_conductor *conductor)
{
    mw_error err;
    looking l = {0};
    mw_registry *registry = conductor->options.registry;
    mw_arena_reset(&conductor->arena);
    if (mw_registry_read(registry, &conductor->arena, look_epoch, &l, &err) != MW_OK ||
        l.epoch == conductor->epoch)
        return;
    if (mw_registry_read(registry, &conductor->arena, look_live, &l, &err) != MW_OK) {
        complain("the rollouts cannot be read", &err);
        return;
    }
    conductor->epoch = l.epoch;
    for (conducted *one = conductor->first; one; one = one->next)
        one->is_found = false;
    for (size_t i = 0; i < l.live.count; i++) {
        conducted *one = find(conductor, l.live.items[i].id);
        if (one)
            one->is_found = true;
    }
    /* first what is over: an endpoint has one second version, and a new rollout brings its own */
    drop_ended(conductor);
    for (size_t i = 0; i < l.live.count; i++)
        take(conductor, &l.live.items[i]);
}

void mw_conductor_tick(mw_conductor *conductor)
{
    conductor->judged_ms = mw_clock_wall_ms();
    for (conducted *one = conductor->first; one; one = one->next) {
        mw_arena_reset(&conductor->arena);
        conduct_tick(conductor, one);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool wait_to_end(mw_conductor *conductor, unsigned ms)
{
    struct timespec until = mw_moment_in(ms);
    pthread_mutex_lock(&conductor->lock);
    if (!conductor->ending)
        pthread_cond_timedwait(&conductor->ending_now, &conductor->lock, &until);
    bool ending = conductor->ending;
    pthread_mutex_unlock(&conductor->lock);
    return ending;
}

static void *conduct(void *given)
{
    mw_conductor *conductor = given;
    unsigned ms = 0;
    while (!wait_to_end(conductor, LOOK_MS)) {
        mw_conductor_look(conductor);
        ms += LOOK_MS;
        if (ms < TICK_MS)
            continue;
        ms = 0;
        mw_conductor_tick(conductor);
    }
    return NULL;
}

/* While the thread waits for the record, which stalls, or is away: who does harm goes back. */
static void *stand_in(void *given)
{
    mw_conductor *conductor = given;
    while (!wait_to_end(conductor, TICK_MS)) {
        if (mw_clock_wall_ms() - conductor->judged_ms < 2 * TICK_MS)
            continue;
        pthread_mutex_lock(&conductor->lock);
        for (conducted *one = conductor->first; one; one = one->next)
            conduct_judge(conductor, one);
        pthread_mutex_unlock(&conductor->lock);
    }
    return NULL;
}

static mw_status start(mw_conductor *conductor, mw_error *err)
{
    pthread_mutex_init(&conductor->lock, NULL);
    mw_condition_init(&conductor->ending_now);
    if (conductor->options.without_thread)
        return MW_OK;
    conductor->is_running =
        mw_thread_start(&conductor->thread, "mw-rollout", conduct, conductor) == 0;
    conductor->has_deputy = conductor->is_running && mw_thread_start(&conductor->deputy, "mw-judge",
                                                                     stand_in, conductor) == 0;
    return conductor->has_deputy ? MW_OK : mw_fail_memory(err, "the thread of rollouts");
}

mw_status mw_conductor_new(const mw_conductor_options *options, mw_conductor **ret_conductor,
                           mw_error *err)
{
    mw_conductor *conductor = calloc(1, sizeof *conductor);
    if (!conductor)
        return mw_fail_memory(err, "rollouts");
    conductor->options = *options;
    conductor->epoch = -1;
    mw_arena_init(&conductor->arena, 64 * MW_KIB, 256 * MW_MIB);
    mw_random_name(conductor->server);
    mw_status status = start(conductor, err);
    if (status != MW_OK) {
        mw_conductor_free(conductor);
        return status;
    }
    *ret_conductor = conductor;
    return MW_OK;
}

void mw_conductor_free(mw_conductor *conductor)
{
    if (!conductor)
        return;
    pthread_mutex_lock(&conductor->lock);
    conductor->ending = true;
    pthread_cond_broadcast(&conductor->ending_now);
    pthread_mutex_unlock(&conductor->lock);
    if (conductor->is_running)
        pthread_join(conductor->thread, NULL);
    if (conductor->has_deputy)
        pthread_join(conductor->deputy, NULL);
    while (conductor->first) {
        conducted *one = conductor->first;
        conductor->first = one->next;
        if (one->is_warm)
            conduct_keep(conductor, one);
        free_one(one);
    }
    pthread_cond_destroy(&conductor->ending_now);
    pthread_mutex_destroy(&conductor->lock);
    mw_arena_done(&conductor->arena);
    free(conductor);
}

/* ---- looking at it --------------------------------------------------------------------------- */

void mw_conductor_each(mw_conductor *conductor,
                       void (*see)(void *user, const mw_rollout_sight *sight), void *user)
{
    pthread_mutex_lock(&conductor->lock);
    for (const conducted *one = conductor->first; one; one = one->next) {
        const mw_rollout *rollout = &one->rollout;
        mw_rollout_sight sight = {rollout,        &one->memory,        &one->judgement,
                                  &one->decision, conduct_weight(one), conduct_shadow(one),
                                  one->n_servers};
        see(user, &sight);
    }
    pthread_mutex_unlock(&conductor->lock);
}

void mw_conductor_count(mw_conductor *conductor, mw_conductor_counts *ret_counts)
{
    *ret_counts = (mw_conductor_counts){
        atomic_load(&conductor->n_advanced), atomic_load(&conductor->n_promoted),
        atomic_load(&conductor->n_rolled_back), atomic_load(&conductor->n_checkpoints)};
}
