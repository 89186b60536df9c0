/* What the files that change the fleet share: fleet.c, rollouts.c. */
#ifndef SERVE_FLEET_H
#define SERVE_FLEET_H

#include "plan.h"

struct mw_fleet {
    mw_fleet_options options;
    char *model_folder;
    pthread_mutex_t loading; /* one change at a time; the changer may read everything below */
    pthread_mutex_t lock;    /* guards endpoints and what stands in them, but not counters */
    serve_endpoint **endpoints;
    size_t n_endpoints;
    _Atomic(serve_plan *) plan;
    atomic_bool draining;
    mw_pool *pool;
    serve_queue *queue;
    pthread_mutex_t scratch_lock;
    mw_scratch *free_scratch[MW_LIMIT_THREADS];
    size_t n_free_scratch;
    serve_loop *loops; /* n_loops, and the last for who explains behind answers, one at a time: */
    pthread_mutex_t behind_lock;
    struct serve_memory *memory; /* NULL: shared memory is off */
    struct serve_shadow *shadow; /* NULL before the first second version */
    void (*changed)(void *user); /* NULL = nobody listens */
    void *changed_user;
    mw_controlled *controlled; /* likewise */
    void *controlled_user;
};

/* NULL: no such endpoint. Under `loading` or `lock`. */
serve_endpoint *serve_find_endpoint(const mw_fleet *fleet, const char *name);
/* Build the plan of the endpoints as they are now and swap it in. Under `loading`. */
MW_CHECKED mw_status serve_swap_plan(mw_fleet *fleet, mw_error *err);
/* Load a file as the endpoint's next version; nothing that is served changes. Under `loading`.
 * may_break: whatever it breaks. */
MW_CHECKED mw_status serve_load_next(mw_fleet *fleet, serve_endpoint *endpoint, const char *path,
                                     bool may_break, serve_model **ret_model, mw_error *err);
/* Its numbers are shown from now on. Under `lock`. */
void serve_keep_tally(serve_endpoint *endpoint, serve_tally *tally);
/* The model that waits at this path becomes the one that is served, and the other way round; false
 * when none does. Under `loading`; the plan is not swapped yet. */
bool serve_swap_roles(mw_fleet *fleet, serve_endpoint *endpoint, const char *path);

#endif
