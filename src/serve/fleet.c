/* The fleet: endpoints by name, and the swap of plans.
 *
 * Two locks, none of them on a request's path: `loading` is held by whoever changes the fleet, for
 * as long as reading and checking a file takes; `lock` guards for moments what /metrics looks at. A
 * failed load changes nothing but the reason that is shown. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "admit.h"
#include "fleet.h"
#include "memory.h"
#include "shadow.h"

enum { NS_PER_MS = 1000000 };

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status make_loops(mw_fleet *fleet, mw_error *err)
{
    size_t bytes = (fleet->options.n_loops + 1) * sizeof *fleet->loops;
    if (posix_memalign((void **)&fleet->loops, 64, bytes) != 0)
        return mw_fail_memory(err, "the loops");
    memset((void *)fleet->loops, 0, bytes);
    for (unsigned i = 0; i < fleet->options.n_loops; i++)
        MW_TRY(mw_scratch_new(&fleet->loops[i].scratch, err));
    return MW_OK;
}

static mw_status build(mw_fleet *fleet, const mw_fleet_options *options, mw_error *err)
{
    fleet->options = *options;
    if (fleet->options.n_workers == 0)
        fleet->options.n_workers = options->n_loops;
    if (options->model_folder && !(fleet->model_folder = strdup(options->model_folder)))
        return mw_fail_memory(err, "the fleet");
    serve_plan *empty;
    MW_TRY(serve_plan_make(NULL, 0, &empty, err));
    atomic_store(&fleet->plan, empty);
    MW_TRY(make_loops(fleet, err));
    if (options->shared_memory)
        MW_TRY(serve_memory_new(&fleet->memory, err));
    MW_TRY(mw_pool_new(fleet->options.n_workers, &fleet->pool, err));
    return serve_queue_new(fleet->pool, fleet->options.n_workers, options->n_loops, &fleet->queue,
                           err);
}

mw_status mw_fleet_new(const mw_fleet_options *options, mw_fleet **ret_fleet, mw_error *err)
{
    mw_fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet)
        return mw_fail_memory(err, "the fleet");
    pthread_mutex_init(&fleet->loading, NULL);
    pthread_mutex_init(&fleet->lock, NULL);
    pthread_mutex_init(&fleet->scratch_lock, NULL);
    pthread_mutex_init(&fleet->behind_lock, NULL);
    mw_status status = build(fleet, options, err);
    if (status != MW_OK) {
        mw_fleet_free(fleet);
        return status;
    }
    *ret_fleet = fleet;
    return MW_OK;
}

static void free_endpoint(serve_endpoint *endpoint)
{
    if (!endpoint)
        return;
    serve_model_unref(endpoint->model);
    serve_model_unref(endpoint->challenger);
    serve_split_unref(endpoint->split);
    free(endpoint->challenger_path);
    for (size_t i = 0; i < endpoint->n_tallies; i++)
        serve_tally_unref(endpoint->tallies[i]);
    free(endpoint->name);
    free(endpoint->path);
    free(endpoint->background);
    serve_gate_free(endpoint->gate);
    free(endpoint);
}

void mw_fleet_quiet(mw_fleet *fleet)
{
    if (!fleet)
        return;
    serve_shadow_free(fleet->shadow);
    mw_pool_free(fleet->pool);
    serve_queue_free(fleet->queue);
    fleet->shadow = NULL;
    fleet->pool = NULL;
    fleet->queue = NULL;
}

void mw_fleet_free(mw_fleet *fleet)
{
    if (!fleet)
        return;
    mw_fleet_quiet(fleet);
    serve_memory_free(fleet->memory);
    serve_plan_free(atomic_load(&fleet->plan));
    for (size_t i = 0; i < fleet->n_endpoints; i++)
        free_endpoint(fleet->endpoints[i]);
    for (unsigned i = 0; fleet->loops && i < fleet->options.n_loops; i++)
        mw_scratch_free(fleet->loops[i].scratch);
    for (size_t i = 0; i < fleet->n_free_scratch; i++)
        mw_scratch_free(fleet->free_scratch[i]);
    pthread_mutex_destroy(&fleet->behind_lock);
    pthread_mutex_destroy(&fleet->scratch_lock);
    pthread_mutex_destroy(&fleet->lock);
    pthread_mutex_destroy(&fleet->loading);
    free(fleet->endpoints);
    free(fleet->model_folder);
    free(fleet->loops);
    free(fleet);
}

/* ---- the swap -------------------------------------------------------------------------------- */

const serve_plan *serve_plan_pin(mw_fleet *fleet, unsigned loop)
{
    serve_loop *mine = &fleet->loops[loop];
    for (;;) {
        serve_plan *plan = atomic_load(&fleet->plan);
        atomic_store(&mine->pinned, plan);
        if (plan == atomic_load(&fleet->plan)) /* else it may have been freed before we wrote */
            return plan;
    }
}

void serve_plan_unpin(mw_fleet *fleet, unsigned loop)
{
    atomic_store_explicit(&fleet->loops[loop].pinned, NULL, memory_order_release);
}

static void wait_until_unread(const mw_fleet *fleet, const serve_plan *plan)
{
    for (unsigned i = 0; i <= fleet->options.n_loops; i++)
        while (atomic_load(&fleet->loops[i].pinned) == plan)
            usleep(50);
}

static void tell_change(const mw_fleet *fleet)
{
    if (fleet->changed)
        fleet->changed(fleet->changed_user);
}

void mw_fleet_on_change(mw_fleet *fleet, void (*changed)(void *user), void *user)
{
    fleet->changed = changed;
    fleet->changed_user = user;
}

void mw_fleet_on_control(mw_fleet *fleet, mw_controlled *controlled, void *user)
{
    fleet->controlled = controlled;
    fleet->controlled_user = user;
}

mw_status serve_swap_plan(mw_fleet *fleet, mw_error *err)
{
    serve_plan *plan;
    MW_TRY(serve_plan_make(fleet->endpoints, fleet->n_endpoints, &plan, err));
    serve_plan *old = atomic_exchange(&fleet->plan, plan);
    wait_until_unread(fleet, old);
    serve_plan_free(old);
    tell_change(fleet);
    return MW_OK;
}

/* ---- loading --------------------------------------------------------------------------------- */

mw_status mw_endpoint_check_name(const char *name, mw_error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t size = strlen(name);
    if (size > 0 && size <= MW_LIMIT_NAME_BYTES && strspn(name, allowed) == size && name[0] != '.')
        return MW_OK;
    mw_fail(err, MW_E_SERVE_NAME, "'%s' cannot be the name of an endpoint", name);
    return mw_mend(err, "use 1..%d letters, digits, _ - and ., not beginning with a point",
                   MW_LIMIT_NAME_BYTES);
}

serve_endpoint *serve_find_endpoint(const mw_fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->n_endpoints; i++)
        if (strcmp(fleet->endpoints[i]->name, name) == 0)
            return fleet->endpoints[i];
    return NULL;
}

static void note_failure(mw_fleet *fleet, serve_endpoint *endpoint, const mw_error *err)
{
    mw_buf sentence;
    mw_buf_init(&sentence, 2048);
    mw_error_sentence(err, &sentence);
    pthread_mutex_lock(&fleet->lock);
    snprintf(endpoint->reason, sizeof endpoint->reason, "%s", sentence.data);
    if (err->code == MW_E_CONTRACT)
        endpoint->loads_refused++;
    else
        endpoint->loads_failed++;
    pthread_mutex_unlock(&fleet->lock);
    mw_buf_done(&sentence);
}

/* A new model against the one that is served; an endpoint that was unloaded has no clients. */
static mw_status check_contract(const mw_fleet *fleet, const serve_endpoint *endpoint,
                                const serve_model *model, mw_error *err)
{
    if (!endpoint->model)
        return MW_OK;
    mw_status status =
        mw_endpoint_check_contract(endpoint->name, endpoint->model->forest, model->forest, err);
    if (status != MW_CONFLICT || !fleet->options.breaks_contracts)
        return status;
    mw_log_error(MW_LOG_WARN, "a model that breaks its clients is taken, as was asked for", err);
    return MW_OK;
}

mw_status serve_load_next(mw_fleet *fleet, serve_endpoint *endpoint, const char *path,
                          bool may_break, serve_model **ret_model, mw_error *err)
{
    mw_error own;
    mw_error *said = err ? err : &own;
    serve_model *model;
    mw_status status = serve_model_load(path, endpoint->background, endpoint->last_version + 1,
                                        fleet->options.n_loops + 1, &model, said);
    if (status == MW_OK && !may_break) {
        status = check_contract(fleet, endpoint, model, said);
        if (status != MW_OK)
            serve_model_unref(model);
    }
    if (status != MW_OK)
        note_failure(fleet, endpoint, said);
    if (status != MW_OK)
        return status;
    endpoint->last_version = model->version;
    *ret_model = model;
    return MW_OK;
}

static mw_status load_next(mw_fleet *fleet, serve_endpoint *endpoint, bool may_break,
                           serve_model **ret_model, mw_error *err)
{
    return serve_load_next(fleet, endpoint, endpoint->path, may_break, ret_model, err);
}

void serve_keep_tally(serve_endpoint *endpoint, serve_tally *tally)
{
    if (endpoint->n_tallies == SERVE_KEPT_VERSIONS) {
        serve_tally_unref(endpoint->tallies[0]);
        memmove(&endpoint->tallies[0], &endpoint->tallies[1],
                --endpoint->n_tallies * sizeof endpoint->tallies[0]);
    }
    atomic_fetch_add_explicit(&tally->references, 1, memory_order_relaxed);
    endpoint->tallies[endpoint->n_tallies++] = tally;
}

/* The endpoint takes over `model` (NULL = unloaded); its old one stays alive as long as a plan or a
 * request holds it. */
static void take_model(mw_fleet *fleet, serve_endpoint *endpoint, serve_model *model)
{
    pthread_mutex_lock(&fleet->lock);
    serve_model *old = endpoint->model;
    endpoint->model = model;
    if (old && model && endpoint->split && atomic_load(&endpoint->split->to) == old)
        atomic_store(&endpoint->split->to, model); /* loaded again */
    if (model) {
        endpoint->version = model->version;
        endpoint->loads_ok++;
        serve_keep_tally(endpoint, model->tally);
    }
    endpoint->reason[0] = '\0';
    pthread_mutex_unlock(&fleet->lock);
    serve_model_unref(old);
}

static mw_status make_endpoint(const mw_fleet *fleet, const char *name, const char *path,
                               const char *background, const mw_admission *limits,
                               serve_endpoint **ret_endpoint, mw_error *err)
{
    serve_endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (!endpoint)
        return mw_fail_memory(err, "an endpoint");
    endpoint->name = strdup(name);
    endpoint->path = strdup(path);
    endpoint->background = background ? strdup(background) : NULL;
    mw_status status = serve_gate_new(limits ? limits : &fleet->options.admission,
                                      fleet->options.n_loops, &endpoint->gate, err);
    if (status != MW_OK) {
        free_endpoint(endpoint);
        return status;
    }
    if (!endpoint->name || !endpoint->path || (background && !endpoint->background)) {
        free_endpoint(endpoint);
        return mw_fail_memory(err, "an endpoint");
    }
    *ret_endpoint = endpoint;
    return MW_OK;
}

static mw_status check_room(const mw_fleet *fleet, const char *name, mw_error *err)
{
    MW_TRY(mw_endpoint_check_name(name, err));
    if (serve_find_endpoint(fleet, name)) {
        mw_fail(err, MW_E_ENDPOINT_TAKEN, "the name '%s' is taken by another endpoint", name);
        return mw_mend(err, "give each model a name of its own: name=path");
    }
    if (fleet->n_endpoints < MW_LIMIT_ENDPOINTS)
        return MW_OK;
    mw_fail(err, MW_E_SERVE_NAME, "more than %d endpoints", MW_LIMIT_ENDPOINTS);
    return mw_mend(err, "spread them over several servers");
}

static mw_status add_locked(mw_fleet *fleet, const char *name, const char *path,
                            const char *background, const mw_admission *limits, mw_error *err)
{
    MW_TRY(check_room(fleet, name, err));
    serve_endpoint *endpoint = NULL;
    serve_model *model = NULL;
    MW_TRY(make_endpoint(fleet, name, path, background, limits, &endpoint, err));
    mw_status status = load_next(fleet, endpoint, false, &model, err);
    if (status != MW_OK) {
        free_endpoint(endpoint);
        return status;
    }
    take_model(fleet, endpoint, model);
    pthread_mutex_lock(&fleet->lock);
    size_t n = fleet->n_endpoints;
    serve_endpoint **wider = realloc(fleet->endpoints, (n + 1) * sizeof *wider);
    if (wider) {
        fleet->endpoints = wider;
        fleet->endpoints[fleet->n_endpoints++] = endpoint;
    }
    pthread_mutex_unlock(&fleet->lock);
    if (wider)
        return serve_swap_plan(fleet, err);
    free_endpoint(endpoint);
    return mw_fail_memory(err, "an endpoint");
}

mw_status mw_fleet_add(mw_fleet *fleet, const char *name, const char *path, const char *background,
                       mw_error *err)
{
    return mw_fleet_add_limited(fleet, name, path, background, NULL, err);
}

mw_status mw_fleet_add_limited(mw_fleet *fleet, const char *name, const char *path,
                               const char *background, const mw_admission *limits, mw_error *err)
{
    pthread_mutex_lock(&fleet->loading);
    mw_status status = add_locked(fleet, name, path, background, limits, err);
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

static mw_status retune(mw_fleet *fleet, const char *name, const char *background,
                        const mw_admission *limits, mw_error *err)
{
    serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    char *kept = background ? strdup(background) : NULL;
    if (!endpoint) {
        free(kept);
        return serve_fail_unknown(mw_view_of(name), err);
    }
    if (background && !kept)
        return mw_fail_memory(err, "an endpoint");
    free(endpoint->background); /* only loads look at it, and they hold the same lock */
    endpoint->background = kept;
    return serve_gate_set(endpoint->gate, limits, err);
}

mw_status mw_fleet_retune(mw_fleet *fleet, const char *name, const char *background,
                          const mw_admission *limits, mw_error *err)
{
    pthread_mutex_lock(&fleet->loading);
    mw_status status = retune(fleet, name, background, limits, err);
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

/* A model that was not named at start: NAME, NAME.json, ... in the model folder. */
static mw_status add_from_folder(mw_fleet *fleet, const char *name, mw_error *err)
{
    static const char *const endings[] = {"", ".json", ".ubj", ".txt"};
    if (!fleet->model_folder || mw_endpoint_check_name(name, NULL) != MW_OK)
        return serve_fail_unknown(mw_view_of(name), err);
    for (size_t i = 0; i < MW_COUNT(endings); i++) {
        char path[4096];
        int size = snprintf(path, sizeof path, "%s/%s%s", fleet->model_folder, name, endings[i]);
        if (size > 0 && (size_t)size < sizeof path && access(path, F_OK) == 0)
            return add_locked(fleet, name, path, NULL, NULL, err);
    }
    return serve_fail_unknown(mw_view_of(name), err);
}

static mw_status reload_locked(mw_fleet *fleet, const char *name, mw_error *err)
{
    serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    if (!endpoint)
        return add_from_folder(fleet, name, err);
    serve_model *model;
    MW_TRY(load_next(fleet, endpoint, false, &model, err));
    take_model(fleet, endpoint, model);
    return serve_swap_plan(fleet, err);
}

mw_status mw_fleet_reload(mw_fleet *fleet, const char *name, mw_error *err)
{
    pthread_mutex_lock(&fleet->loading);
    mw_status status = reload_locked(fleet, name, err);
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

static mw_status move_locked(mw_fleet *fleet, const char *name, const char *path, bool may_break,
                             mw_error *err)
{
    serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    if (!endpoint)
        return serve_fail_unknown(mw_view_of(name), err);
    if (serve_swap_roles(fleet, endpoint, path))
        return serve_swap_plan(fleet, err);
    char *next = strdup(path);
    if (!next)
        return mw_fail_memory(err, "an endpoint");
    serve_model *model = NULL;
    pthread_mutex_lock(&fleet->lock);
    char *before = endpoint->path;
    endpoint->path = next;
    pthread_mutex_unlock(&fleet->lock);
    mw_status status = load_next(fleet, endpoint, may_break, &model, err);
    if (status != MW_OK) {
        pthread_mutex_lock(&fleet->lock);
        endpoint->path = before;
        pthread_mutex_unlock(&fleet->lock);
        free(next);
        return status;
    }
    free(before);
    take_model(fleet, endpoint, model);
    return serve_swap_plan(fleet, err);
}

mw_status mw_fleet_move(mw_fleet *fleet, const char *name, const char *path, bool may_break,
                        mw_error *err)
{
    pthread_mutex_lock(&fleet->loading);
    mw_status status = move_locked(fleet, name, path, may_break, err);
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

static mw_status reload_all_locked(mw_fleet *fleet, mw_error *err)
{
    size_t n = fleet->n_endpoints;
    serve_model **models = calloc(n + 1, sizeof *models);
    if (!models)
        return mw_fail_memory(err, "the reload");
    mw_status status = MW_OK;
    for (size_t i = 0; i < n && status == MW_OK; i++) {
        if (!fleet->endpoints[i]->model)
            continue; /* unloaded by someone's wish: stays so */
        status = load_next(fleet, fleet->endpoints[i], false, &models[i], err);
        if (status != MW_OK)
            mw_at(err, "endpoint '%s'", fleet->endpoints[i]->name);
    }
    for (size_t i = 0; i < n; i++) {
        if (models[i] && status == MW_OK)
            take_model(fleet, fleet->endpoints[i], models[i]);
        else
            serve_model_unref(models[i]);
    }
    free(models);
    return status == MW_OK ? serve_swap_plan(fleet, err) : status;
}

mw_status mw_fleet_reload_all(mw_fleet *fleet, mw_error *err)
{
    pthread_mutex_lock(&fleet->loading);
    mw_status status = reload_all_locked(fleet, err);
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

mw_status mw_fleet_unload(mw_fleet *fleet, const char *name, mw_error *err)
{
    pthread_mutex_lock(&fleet->loading);
    serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    mw_status status = MW_OK;
    if (!endpoint) {
        status = serve_fail_unknown(mw_view_of(name), err);
    } else if (endpoint->model) {
        take_model(fleet, endpoint, NULL);
        status = serve_swap_plan(fleet, err);
    }
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

void mw_fleet_set_draining(mw_fleet *fleet)
{
    atomic_store(&fleet->draining, true);
    tell_change(fleet);
}

bool mw_fleet_is_draining(const mw_fleet *fleet)
{
    return atomic_load(&fleet->draining);
}

/* ---- looking at it --------------------------------------------------------------------------- */

static uint64_t get(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_counts(const serve_counts *from, mw_endpoint_counts *sum, uint64_t *n_started)
{
    uint64_t answered = 0;
    for (size_t p = 0; p < MW_N_PROTOCOLS; p++) {
        for (size_t c = 0; c < MW_N_CODES; c++) {
            uint64_t count = get(&from->requests[p][c]);
            sum->requests[p][c] += count;
            answered += count;
        }
    }
    for (size_t i = 0; i <= MW_N_LATENCY_BUCKETS; i++)
        sum->latency[i] += get(&from->latency[i]);
    sum->latency_ns += get(&from->latency_ns);
    sum->rows += get(&from->rows);
    sum->request_bytes += get(&from->request_bytes);
    sum->response_bytes += get(&from->response_bytes);
    sum->explained_rows += get(&from->explained_rows);
    for (size_t i = 0; i < MW_N_STAGES; i++) {
        sum->stage_ns[i] += get(&from->stage_ns[i]);
        sum->stage_count[i] += get(&from->stage_count[i]);
    }
    uint64_t last = get(&from->last_ns);
    sum->last_ms = last > sum->last_ms ? last : sum->last_ms; /* turned into a date below */
    *n_started += get(&from->started);
    sum->in_flight += answered; /* turned into started - answered below */
}

static void sum_counts(const mw_fleet *fleet, const serve_tally *tally,
                       mw_endpoint_counts *ret_counts)
{
    *ret_counts = (mw_endpoint_counts){0};
    uint64_t n_started = 0;
    for (unsigned i = 0; i <= fleet->options.n_loops; i++)
        add_counts(&tally->counts[i], ret_counts, &n_started);
    uint64_t answered = ret_counts->in_flight;
    ret_counts->in_flight = n_started > answered ? n_started - answered : 0;
    if (ret_counts->last_ms > 0)
        ret_counts->last_ms =
            (uint64_t)mw_clock_wall_ms() - (mw_clock_ns() - ret_counts->last_ms) / NS_PER_MS;
}

static mw_endpoint_info describe(const mw_fleet *fleet, const serve_endpoint *endpoint)
{
    const serve_model *model = endpoint->model;
    mw_endpoint_info info = {
        .name = endpoint->name,
        .path = endpoint->path,
        .version = endpoint->version,
        .ready = model != NULL,
        .reason = endpoint->reason,
        .memory_bytes = model ? serve_model_memory_bytes(model) : 0,
        .forest = model ? model->forest : NULL,
        .loads_ok = endpoint->loads_ok,
        .loads_failed = endpoint->loads_failed,
        .loads_refused = endpoint->loads_refused,
    };
    serve_queue_look(fleet->queue, endpoint->gate, &info);
    return info;
}

void mw_fleet_each(mw_fleet *fleet, void (*see)(void *user, const mw_endpoint_info *info),
                   void *user)
{
    mw_fleet_each_seen(fleet, (mw_view){NULL, 0}, see, user);
}

void mw_fleet_each_seen(mw_fleet *fleet, mw_view seen,
                        void (*see)(void *user, const mw_endpoint_info *info), void *user)
{
    pthread_mutex_lock(&fleet->lock);
    for (size_t i = 0; i < fleet->n_endpoints; i++) {
        const serve_endpoint *endpoint = fleet->endpoints[i];
        if (!mw_view_lists(seen, mw_view_of(endpoint->name)))
            continue;
        mw_endpoint_info info = describe(fleet, endpoint);
        const serve_tally *last = endpoint->tallies[endpoint->n_tallies - 1];
        sum_counts(fleet, endpoint->model ? endpoint->model->tally : last, &info.counts);
        see(user, &info);
    }
    pthread_mutex_unlock(&fleet->lock);
}

void mw_fleet_each_version(mw_fleet *fleet, void (*see)(void *user, const mw_endpoint_info *info),
                           void *user)
{
    pthread_mutex_lock(&fleet->lock);
    for (size_t i = 0; i < fleet->n_endpoints; i++) {
        const serve_endpoint *endpoint = fleet->endpoints[i];
        mw_endpoint_info info = describe(fleet, endpoint);
        for (size_t v = 0; v < endpoint->n_tallies; v++) {
            info.version = endpoint->tallies[v]->version;
            sum_counts(fleet, endpoint->tallies[v], &info.counts);
            see(user, &info);
        }
    }
    pthread_mutex_unlock(&fleet->lock);
}

void mw_fleet_count_pool(const mw_fleet *fleet, mw_pool_counts *ret_counts)
{
    *ret_counts = (mw_pool_counts){.n_threads = fleet->options.n_workers,
                                   .n_waiting = mw_pool_waiting(fleet->pool),
                                   .busy_ns = mw_pool_busy_ns(fleet->pool)};
}

/* ---- working memory -------------------------------------------------------------------------- */

mw_scratch *serve_scratch_take(mw_fleet *fleet)
{
    mw_scratch *scratch = NULL;
    pthread_mutex_lock(&fleet->scratch_lock);
    if (fleet->n_free_scratch > 0)
        scratch = fleet->free_scratch[--fleet->n_free_scratch];
    pthread_mutex_unlock(&fleet->scratch_lock);
    if (!scratch && mw_scratch_new(&scratch, NULL) != MW_OK)
        return NULL;
    return scratch;
}

void serve_scratch_give(mw_fleet *fleet, mw_scratch *scratch)
{
    pthread_mutex_lock(&fleet->scratch_lock);
    bool kept = fleet->n_free_scratch < MW_COUNT(fleet->free_scratch);
    if (kept)
        fleet->free_scratch[fleet->n_free_scratch++] = scratch;
    pthread_mutex_unlock(&fleet->scratch_lock);
    if (!kept)
        mw_scratch_free(scratch);
}

mw_scratch *serve_loop_scratch(mw_fleet *fleet, unsigned loop)
{
    return fleet->loops[loop].scratch;
}

struct mw_observer *serve_observer(const mw_fleet *fleet)
{
    return fleet->options.observer;
}

mw_pool *serve_pool(mw_fleet *fleet)
{
    return fleet->pool;
}

serve_queue *serve_queue_of(mw_fleet *fleet)
{
    return fleet->queue;
}

struct serve_memory *serve_memory_of(const mw_fleet *fleet)
{
    return fleet->memory;
}

size_t serve_max_body(const mw_fleet *fleet)
{
    return fleet->options.max_body_bytes;
}

unsigned serve_workers_slot(const mw_fleet *fleet)
{
    return fleet->options.n_loops;
}

bool serve_anomaly(mw_fleet *fleet, const serve_slot *slot, const mw_matrix *rows,
                   double *ret_scores)
{
    return fleet->options.anomaly &&
           fleet->options.anomaly(fleet->options.tap_user, slot->endpoint->name,
                                  slot->model->version, rows, ret_scores);
}

void serve_tap(mw_fleet *fleet, const serve_slot *slot, mw_view request_id, const mw_matrix *rows,
               const double *values)
{
    const serve_model *model = slot->model;
    if (fleet->options.tap)
        fleet->options.tap(fleet->options.tap_user, slot->endpoint->name, model->version, rows,
                           values, model->n_outputs);
    if (fleet->options.answer_tap)
        fleet->options.answer_tap(fleet->options.answer_user,
                                  &(mw_answered){slot->endpoint->name, model->version,
                                                 model->forest, request_id, rows, values,
                                                 model->n_outputs});
}
