/* Two warm versions of an endpoint: the one that comes is loaded beside the one that is there, gets
 * its share, and takes its place or goes. */
#include "call.h"
#include "fleet.h"
#include "shadow.h"

#include <stdlib.h>

/* ---- roles ----------------------------------------------------------------------------------- */

bool serve_swap_roles(mw_fleet *fleet, serve_endpoint *endpoint, const char *path)
{
    if (!endpoint->challenger || !endpoint->model || strcmp(endpoint->challenger_path, path) != 0)
        return false;
    pthread_mutex_lock(&fleet->lock);
    serve_model *model = endpoint->model;
    char *old_path = endpoint->path;
    endpoint->model = endpoint->challenger;
    endpoint->path = endpoint->challenger_path;
    endpoint->version = endpoint->model->version;
    endpoint->challenger = model;
    endpoint->challenger_path = old_path;
    endpoint->reason[0] = '\0';
    pthread_mutex_unlock(&fleet->lock);
    return true;
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void let_go(mw_fleet *fleet, serve_endpoint *endpoint)
{
    pthread_mutex_lock(&fleet->lock);
    serve_model *model = endpoint->challenger;
    serve_split *split = endpoint->split;
    char *path = endpoint->challenger_path;
    endpoint->challenger = NULL;
    endpoint->split = NULL;
    endpoint->challenger_path = NULL;
    pthread_mutex_unlock(&fleet->lock);
    serve_model_unref(model);
    serve_split_unref(split);
    free(path);
}

static mw_status challenge(mw_fleet *fleet, const char *name, const char *path,
                           const mw_split_options *options, mw_error *err)
{
    serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    serve_model *model = NULL;
    serve_split *split = NULL;
    if (!endpoint || !endpoint->model)
        return serve_fail_unknown(mw_view_of(name), err);
    char *kept = strdup(path);
    if (!kept)
        return mw_fail_memory(err, "an endpoint");
    if (!fleet->shadow && serve_shadow_new(&fleet->shadow, err) != MW_OK) {
        free(kept);
        return MW_NO_MEMORY;
    }
    bool is_back = options->is_served; /* the one that is there is the one that came */
    mw_status status = serve_load_next(fleet, endpoint, path, options->may_break, &model, err);
    if (status == MW_OK)
        status = serve_split_new(options, fleet->options.n_loops + 1, &split, err);
    if (status != MW_OK) {
        serve_model_unref(model);
        free(kept);
        return status;
    }
    const serve_model *arms[] = {is_back ? model : endpoint->model,
                                 is_back ? endpoint->model : model};
    const mw_forest *const forests[MW_ARMS] = {arms[0]->forest, arms[1]->forest};
    serve_asked_init(&split->asked, forests, options->groups);
    split->queue = fleet->shadow;
    atomic_store(&split->to, is_back ? endpoint->model : model);
    atomic_store(&split->threshold, is_back ? UINT64_MAX : 0);
    let_go(fleet, endpoint);
    pthread_mutex_lock(&fleet->lock);
    endpoint->challenger = model;
    endpoint->challenger_path = kept;
    endpoint->split = split;
    serve_keep_tally(endpoint, model->tally);
    pthread_mutex_unlock(&fleet->lock);
    return serve_swap_plan(fleet, err);
}

mw_status mw_fleet_challenge(mw_fleet *fleet, const char *name, const char *path,
                             const mw_split_options *options, mw_error *err)
{
    pthread_mutex_lock(&fleet->loading);
    mw_status status = challenge(fleet, name, path, options, err);
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

mw_status mw_fleet_dismiss(mw_fleet *fleet, const char *name, mw_error *err)
{
    mw_status status = MW_OK;
    pthread_mutex_lock(&fleet->loading);
    serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    if (!endpoint) {
        status = serve_fail_unknown(mw_view_of(name), err);
    } else if (endpoint->split) {
        let_go(fleet, endpoint);
        status = serve_swap_plan(fleet, err);
    }
    pthread_mutex_unlock(&fleet->loading);
    return status;
}

/* ---- shares and counts: never wait for a load ------------------------------------------------ */

/* With a reference; NULL: no such endpoint, or no rollout. */
static serve_split *take_split(mw_fleet *fleet, const char *name)
{
    pthread_mutex_lock(&fleet->lock);
    const serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    serve_split *split = endpoint ? endpoint->split : NULL;
    if (split)
        serve_split_ref(split);
    pthread_mutex_unlock(&fleet->lock);
    return split;
}

bool mw_fleet_weigh(mw_fleet *fleet, const char *name, double weight, double shadow)
{
    serve_split *split = take_split(fleet, name);
    if (!split)
        return false;
    atomic_store(&split->threshold, mw_assign_threshold(weight));
    atomic_store(&split->shadow, mw_assign_threshold(shadow));
    serve_split_unref(split);
    return true;
}

bool mw_fleet_arms(mw_fleet *fleet, const char *name, mw_arm ret_arms[MW_ARMS])
{
    serve_split *split = take_split(fleet, name);
    if (!split)
        return false;
    serve_split_sum(split, ret_arms);
    serve_split_unref(split);
    return true;
}

bool mw_fleet_shadow(mw_fleet *fleet, const char *name, mw_shadow_counts *ret_counts)
{
    serve_split *split = take_split(fleet, name);
    if (!split)
        return false;
    *ret_counts =
        (mw_shadow_counts){atomic_load(&split->n_pairs), atomic_load(&split->n_different),
                           atomic_load(&split->n_dropped), atomic_load(&split->difference)};
    serve_split_unref(split);
    return true;
}

size_t mw_fleet_first_scores(mw_fleet *fleet, const char *name, double *ret_scores, size_t room)
{
    serve_split *split = take_split(fleet, name);
    size_t n = 0;
    if (!split)
        return 0;
    pthread_mutex_lock(&split->scoring);
    n = split->n_first < room ? split->n_first : room;
    memcpy(ret_scores, split->first, n * sizeof *ret_scores);
    pthread_mutex_unlock(&split->scoring);
    serve_split_unref(split);
    return n;
}

size_t mw_fleet_covariates(mw_fleet *fleet, const char *name,
                           char ret_names[MW_ARM_COVARIATES][MW_COLUMN_NAME_BYTES])
{
    serve_split *split = take_split(fleet, name);
    if (!split)
        return 0;
    size_t n = split->asked.n;
    memcpy(ret_names, split->asked.names, sizeof split->asked.names);
    serve_split_unref(split);
    return n;
}

void mw_fleet_set_edges(mw_fleet *fleet, const char *name, const double *edges, size_t n_edges)
{
    serve_split *split = take_split(fleet, name);
    if (!split)
        return;
    if (atomic_load(&split->n_edges) == 0 && n_edges <= MW_COUNT(split->edges)) {
        memcpy(split->edges, edges, n_edges * sizeof *edges);
        atomic_store_explicit(&split->n_edges, n_edges, memory_order_release);
    }
    serve_split_unref(split);
}

bool mw_fleet_serves(mw_fleet *fleet, const char *name, const char *path)
{
    pthread_mutex_lock(&fleet->lock);
    const serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    bool serves = endpoint && endpoint->model && strcmp(endpoint->path, path) == 0;
    pthread_mutex_unlock(&fleet->lock);
    return serves;
}

bool mw_fleet_has_warm(mw_fleet *fleet, const char *name, const char *path)
{
    pthread_mutex_lock(&fleet->lock);
    const serve_endpoint *endpoint = serve_find_endpoint(fleet, name);
    bool has = endpoint && endpoint->challenger && strcmp(endpoint->challenger_path, path) == 0;
    pthread_mutex_unlock(&fleet->lock);
    return has;
}
