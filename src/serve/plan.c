/* Models in use and the plan that names them.
 *
 *      loops:   pin ---- read ---- unpin          pin ---- read ...
 *                 \                                 \
 *      plan:   [old: churn v1, fraud v3]  -swap->  [new: churn v2, fraud v3]
 *
 * A loop writes the plan it reads into its own line before it reads it (a hazard pointer: Michael,
 * "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects", 2004). Who swaps waits until no
 * line names the old plan; requests on a loop take about a millisecond at most, so that wait is
 * short. Longer ones go to the pool and hold a reference to their model instead. */
#include "split.h"

#include <stdlib.h>

/* A loop may be held up so long by one call; LOOP_BODY_BYTES in call.c is of the same size. */
#define LOOP_CALL_NS 500000

/* ---- models ---------------------------------------------------------------------------------- */

void serve_tally_unref(serve_tally *tally)
{
    if (!tally || atomic_fetch_sub_explicit(&tally->references, 1, memory_order_acq_rel) != 1)
        return;
    free(tally->counts);
    free(tally);
}

static serve_tally *make_tally(unsigned version, size_t n_counters)
{
    serve_tally *tally = calloc(1, sizeof *tally);
    size_t bytes = n_counters * sizeof *tally->counts;
    if (!tally || posix_memalign((void **)&tally->counts, 64, bytes) != 0) {
        free(tally);
        return NULL;
    }
    memset((void *)tally->counts, 0, bytes);
    tally->counts[n_counters - 1].is_shared = true;
    atomic_init(&tally->references, 1);
    tally->version = version;
    return tally;
}

static void free_model(serve_model *model)
{
    serve_tally_unref(model->tally);
    mw_explainer_free(atomic_load(&model->explainer));
    mw_contrast_free(model->contrast);
    mw_predictor_free(model->predictor);
    mw_forest_free(model->forest);
    pthread_mutex_destroy(&model->explaining);
    free(model);
}

mw_status serve_model_load(const char *path, const char *background, unsigned version,
                           size_t n_counters, serve_model **ret_model, mw_error *err)
{
    mw_golden golden;
    serve_model *model = calloc(1, sizeof *model);
    if (!model)
        return mw_fail_memory(err, "a model");
    pthread_mutex_init(&model->explaining, NULL);
    mw_status status = mw_forest_load(path, &model->forest, err);
    if (status == MW_OK)
        status = mw_predictor_new(model->forest, &model->predictor, err);
    if (status == MW_OK)
        status = mw_golden_check(path, model->forest, model->predictor, &golden, err);
    if (status == MW_OK)
        mw_predictor_settle(model->predictor); /* here, and not while a request waits */
    if (status == MW_OK && background)
        status = serve_background_load(background, model->forest, &model->contrast, err);
    if (status == MW_OK && !(model->tally = make_tally(version, n_counters)))
        status = mw_fail_memory(err, "counters");
    if (status != MW_OK) {
        free_model(model);
        return status;
    }
    atomic_init(&model->references, 1);
    model->version = version;
    snprintf(model->version_text, sizeof model->version_text, "%u", version);
    model->n_outputs = mw_predictor_outputs(model->predictor, MW_PREDICTION);
    model->is_slow = model->forest->graph && model->forest->graph->call_ns > LOOP_CALL_NS;
    model->memory_bytes = mw_forest_memory_bytes(model->forest) +
                          mw_predictor_memory_bytes(model->predictor) +
                          (model->contrast ? mw_contrast_memory_bytes(model->contrast) : 0);
    *ret_model = model;
    return MW_OK;
}

mw_status serve_model_explainer(serve_model *model, const mw_explainer **ret_explainer,
                                mw_error *err)
{
    mw_explainer *explainer = atomic_load(&model->explainer);
    mw_status status = MW_OK;
    if (!explainer) {
        pthread_mutex_lock(&model->explaining);
        explainer = atomic_load(&model->explainer);
        if (!explainer)
            status = mw_explainer_new(model->forest, &explainer, err);
        if (status == MW_OK)
            atomic_store(&model->explainer, explainer);
        pthread_mutex_unlock(&model->explaining);
    }
    if (status == MW_OK)
        *ret_explainer = explainer;
    return status;
}

size_t serve_model_explain_nodes(const serve_model *model)
{
    if (model->contrast)
        return mw_contrast_row_nodes(model->contrast);
    return atomic_load(&model->explainer) ? model->forest->n_nodes : SIZE_MAX;
}

size_t serve_model_memory_bytes(const serve_model *model)
{
    const mw_explainer *explainer = atomic_load(&model->explainer);
    return model->memory_bytes + (explainer ? mw_explainer_memory_bytes(explainer) : 0);
}

void serve_model_ref(serve_model *model)
{
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
}

void serve_model_unref(serve_model *model)
{
    if (model && atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) == 1)
        free_model(model);
}

/* ---- the plan -------------------------------------------------------------------------------- */

static size_t hash_name(mw_view name)
{
    size_t hash = 5381;
    for (size_t i = 0; i < name.size; i++)
        hash = hash * 33 + (unsigned char)name.data[i];
    return hash;
}

static size_t find_place(const serve_plan *plan, mw_view name)
{
    size_t place = hash_name(name) & (plan->index_size - 1);
    while (plan->index[place] != 0 &&
           !mw_view_is(name, plan->slots[plan->index[place] - 1].endpoint->name))
        place = (place + 1) & (plan->index_size - 1);
    return place;
}

mw_status serve_plan_make(serve_endpoint *const *endpoints, size_t n_endpoints,
                          serve_plan **ret_plan, mw_error *err)
{
    size_t index_size = 4;
    while (index_size < 2 * n_endpoints)
        index_size *= 2;
    serve_plan *plan = calloc(1, sizeof *plan + n_endpoints * sizeof plan->slots[0] +
                                     index_size * sizeof *plan->index);
    if (!plan)
        return mw_fail_memory(err, "a serving plan");
    plan->n_slots = n_endpoints;
    plan->index_size = index_size;
    plan->index = (uint32_t *)(void *)&plan->slots[n_endpoints];
    for (size_t i = 0; i < n_endpoints; i++) {
        const serve_endpoint *from = endpoints[i];
        plan->slots[i] = (serve_slot){endpoints[i], from->model, from->challenger, from->split};
        if (from->model)
            serve_model_ref(from->model);
        if (from->challenger)
            serve_model_ref(from->challenger);
        if (from->split)
            serve_split_ref(from->split);
        plan->index[find_place(plan, mw_view_of(endpoints[i]->name))] = (uint32_t)i + 1;
    }
    *ret_plan = plan;
    return MW_OK;
}

void serve_plan_free(serve_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->n_slots; i++) {
        serve_model_unref(plan->slots[i].model);
        serve_model_unref(plan->slots[i].challenger);
        serve_split_unref(plan->slots[i].split);
    }
    free(plan);
}

const serve_slot *serve_plan_find(const serve_plan *plan, mw_view name)
{
    uint32_t found = plan->index[find_place(plan, name)];
    return found ? &plan->slots[found - 1] : NULL;
}
