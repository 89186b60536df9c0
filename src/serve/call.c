/* The course of a prediction; see call.h. */
#include "admit.h"
#include "explanation.h"
#include "shadow.h"

#include <math.h>

const double mw_latency_bounds[MW_N_LATENCY_BUCKETS] = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10};

const int mw_counted_codes[MW_N_CODES] = {200, 400, 404, 405, 413, 415, 429, 500, 503, 504, 0};

const char *mw_protocol_name(mw_protocol protocol)
{
    static const char *const names[] = {"mlflow", "oip", "kserve_v1", "grpc"};
    return names[protocol];
}

/* ---- counters -------------------------------------------------------------------------------- */

/* Where one thread writes, a load and a store do: a locked addition would cost as much as six. */
static void add(const serve_counts *counts, atomic_uint_least64_t *counter, uint64_t amount)
{
    if (counts->is_shared) {
        atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
        return;
    }
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

static size_t code_index(int status)
{
    size_t i = 0;
    while (i < MW_N_CODES - 1 && mw_counted_codes[i] != status)
        i++;
    return i;
}

static size_t bucket_index(uint64_t ns)
{
    double seconds = (double)ns * 1e-9;
    size_t i = 0;
    while (i < MW_N_LATENCY_BUCKETS && seconds > mw_latency_bounds[i])
        i++;
    return i;
}

static serve_counts *counts_of(const serve_call *call, bool on_loop)
{
    unsigned slot = on_loop ? call->exchange->loop : serve_workers_slot(call->fleet);
    return &call->slot.model->tally->counts[slot];
}

static void mark(serve_call *call, mw_stage stage)
{
    mw_timeline_mark(&call->timeline, stage);
}

static void count_stages(const serve_call *call, serve_counts *counts)
{
    for (unsigned stage = 0; stage < MW_N_STAGES; stage++) {
        if (!(call->timeline.stages & 1u << stage))
            continue;
        add(counts, &counts->stage_ns[stage], call->timeline.stage_ns[stage]);
        add(counts, &counts->stage_count[stage], 1);
    }
}

static void count_answer(serve_call *call, serve_counts *counts)
{
    mw_exchange *exchange = call->exchange;
    mark(call, MW_STAGE_ENCODE);
    mw_observe_prediction(exchange, call->slot.endpoint->name, call->slot.model->version,
                          call->rows.n_rows, &call->timeline);
    serve_admit_note(call);
    uint64_t ns = call->timeline.marked_ns - exchange->received_ns;
    if (call->is_split)
        serve_split_count(call,
                          counts->is_shared ? serve_workers_slot(call->fleet) : exchange->loop, ns);
    add(counts, &counts->requests[call->protocol][code_index(exchange->status)], 1);
    add(counts, &counts->latency[bucket_index(ns)], 1);
    add(counts, &counts->latency_ns, ns);
    add(counts, &counts->request_bytes, exchange->body.size);
    add(counts, &counts->response_bytes, exchange->reply->size);
    count_stages(call, counts);
    if (exchange->status == 200) {
        add(counts, &counts->rows, call->rows.n_rows);
        if (call->contributions)
            add(counts, &counts->explained_rows, call->rows.n_rows);
        atomic_store_explicit(&counts->last_ns, call->timeline.marked_ns, memory_order_relaxed);
    }
}

/* ---- replies --------------------------------------------------------------------------------- */

void serve_reply(mw_exchange *exchange, int status, const char *type)
{
    exchange->status = status;
    exchange->reply_type = mw_view_of(type);
    mw_exchange_reply(exchange);
}

void serve_reply_error(mw_exchange *exchange, const mw_error *err, int http_status)
{
    mw_serve_error(exchange, err, http_status);
    mw_exchange_reply(exchange);
}

/* ---- beginning ------------------------------------------------------------------------------- */

mw_status serve_fail_unknown(mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_ENDPOINT_UNKNOWN, "no model is called '%.*s'", MW_VIEW_ARG(name));
    return mw_mend(err, "GET /v2/models lists the models of this server");
}

static mw_status fail_not_found(const serve_plan *plan, mw_view name, mw_error *err)
{
    if (name.size == 0) {
        mw_fail(err, MW_E_ENDPOINT_WHICH,
                "this server has %zu endpoints, and the address names none", plan->n_slots);
        return mw_mend(err, "use /endpoints/%s/invocations",
                       plan->n_slots ? plan->slots[0].endpoint->name : "NAME");
    }
    return serve_fail_unknown(name, err);
}

static mw_status find_slot(const serve_plan *plan, mw_view name, mw_view version,
                           const serve_slot **ret_slot, mw_error *err)
{
    const serve_slot *slot = name.size == 0 ? (plan->n_slots == 1 ? &plan->slots[0] : NULL)
                                            : serve_plan_find(plan, name);
    if (!slot)
        return fail_not_found(plan, name, err);
    if (!slot->model) {
        mw_fail(err, MW_E_ENDPOINT_UNLOADED, "the model '%s' is not loaded", slot->endpoint->name);
        return mw_mend(err, "POST /v2/repository/models/%s/load", slot->endpoint->name);
    }
    bool is_other = version.size > 0 && !mw_view_is(version, slot->model->version_text);
    if (is_other && !(slot->challenger && mw_view_is(version, slot->challenger->version_text))) {
        mw_fail(err, MW_E_ENDPOINT_UNKNOWN, "the model '%s' has no version '%.*s'",
                slot->endpoint->name, MW_VIEW_ARG(version));
        return mw_mend(err, "version %s is served; leave the version out to get it",
                       slot->model->version_text);
    }
    *ret_slot = slot;
    return MW_OK;
}

mw_status serve_call_begin(mw_fleet *fleet, mw_exchange *exchange, mw_protocol protocol,
                           mw_view name, mw_view version, serve_call **ret_call, mw_error *err)
{
    const serve_slot *slot = NULL;
    const serve_plan *plan = serve_plan_pin(fleet, exchange->loop);
    serve_call *call = mw_arena_take_zeroed(exchange->arena, 1, sizeof *call);
    mw_status status =
        call ? find_slot(plan, name, version, &slot, err) : mw_fail_memory(err, "the request");
    if (status != MW_OK) {
        serve_plan_unpin(fleet, exchange->loop);
        return status;
    }
    call->fleet = fleet;
    call->exchange = exchange;
    call->protocol = protocol;
    call->body = exchange->body;
    call->slot = *slot;
    if (version.size > 0 && !mw_view_is(version, slot->model->version_text))
        call->slot.model = slot->challenger; /* asked for by its number */
    else if (version.size == 0 && slot->split)
        serve_split_choose(call);
    call->timeline.marked_ns = exchange->began_ns;
    mw_timeline_end(&call->timeline, MW_STAGE_RECEIVE, exchange->received_ns);
    mark(call, MW_STAGE_QUEUE);
    serve_counts *counts = counts_of(call, true);
    add(counts, &counts->started, 1);
    *ret_call = call;
    return MW_OK;
}

void serve_call_finish(serve_call *call)
{
    count_answer(call, counts_of(call, true));
    serve_plan_unpin(call->fleet, call->exchange->loop);
    mw_exchange_reply(call->exchange);
}

void serve_call_fail(serve_call *call, const mw_error *err, int http_status)
{
    mw_serve_error(call->exchange, err, http_status);
    serve_call_finish(call);
}

/* ---- running --------------------------------------------------------------------------------- */

/* About a millisecond of a usual model: worth sharing with threads that are idle. */
enum { PARALLEL_ROWS = 2048 };

static mw_status predict(serve_call *call, mw_scratch *scratch, mw_error *err)
{
    const serve_model *model = call->slot.model;
    size_t n_values, bytes;
    bool fits = !__builtin_mul_overflow(call->rows.n_rows, model->n_outputs, &n_values) &&
                !__builtin_mul_overflow(n_values, sizeof(double), &bytes);
    call->values = fits ? mw_arena_take(call->exchange->arena, bytes) : NULL;
    if (!call->values)
        return mw_fail_memory(err, "the predictions");
    if (call->rows.n_rows == 0)
        return MW_OK;
    if (call->rows.n_rows >= PARALLEL_ROWS)
        MW_TRY(mw_predict_parallel(model->predictor, &call->rows, MW_PREDICTION,
                                   serve_pool(call->fleet), call->values, err));
    else
        MW_TRY(mw_predict_batch(model->predictor, &call->rows, MW_PREDICTION, scratch, call->values,
                                err));
    mark(call, MW_STAGE_PREDICT);
    return MW_OK;
}

static mw_status explain(serve_call *call, mw_scratch *scratch, mw_error *err)
{
    if (!call->explains)
        return MW_OK;
    MW_TRY(serve_explain(call, scratch, err));
    mark(call, MW_STAGE_EXPLAIN);
    return MW_OK;
}

static mw_status score_anomaly(serve_call *call, mw_error *err)
{
    if (!call->scores_anomaly)
        return MW_OK;
    call->anomaly =
        mw_arena_take(call->exchange->arena, (call->rows.n_rows + 1) * sizeof *call->anomaly);
    if (!call->anomaly)
        return mw_fail_memory(err, "the scores of anomalies");
    if (!serve_anomaly(call->fleet, &call->slot, &call->rows, call->anomaly))
        call->anomaly = NULL;
    return MW_OK;
}

/* A reply worth compressing where the client allows it. */
enum { DEFLATE_BYTES = 4096 };

static mw_status finish_reply(serve_call *call, mw_error *err)
{
    if (call->exchange->reply->failed) {
        mw_fail(err, MW_E_SERVE_REPLY_LARGE, "the answer is too large");
        return mw_mend(err, "send fewer rows at a time");
    }
    if (call->exchange->reply->size >= DEFLATE_BYTES)
        return mw_exchange_deflate(call->exchange, err);
    return MW_OK;
}

/* The body becomes rows, once: what comes behind may be another thread's work. False: the exchange
 * holds an error. */
static bool read_rows(serve_call *call, serve_counts *counts)
{
    mw_error err;
    int http_status = 0;
    if (call->is_read)
        return true;
    call->exchange->status = 200;
    mw_status status =
        mw_exchange_inflate(call->exchange, serve_max_body(call->fleet), &call->body, &err);
    if (status != MW_OK)
        http_status = status == MW_NO_MEMORY ? 413 : status == MW_UNSUPPORTED ? 415 : 0;
    if (status == MW_OK)
        status = call->read(call, &err);
    mark(call, MW_STAGE_DECODE);
    call->is_read = status == MW_OK && !call->wants_worker;
    bool is_late = serve_is_late(call);
    if (status == MW_OK && !is_late)
        return true;
    if (status == MW_OK)
        serve_refuse(call, MW_SHED_DEADLINE, 0);
    else
        mw_serve_error(call->exchange, &err, http_status);
    count_answer(call, counts);
    return false;
}

static void answer(serve_call *call, mw_scratch *scratch, serve_counts *counts)
{
    mw_error err;
    mw_status status = predict(call, scratch, &err);
    if (status == MW_OK)
        status = explain(call, scratch, &err);
    if (status == MW_OK)
        status = score_anomaly(call, &err);
    if (status == MW_OK)
        status = call->write(call, &err);
    if (status == MW_OK)
        status = finish_reply(call, &err);
    if (status != MW_OK)
        mw_serve_error(call->exchange, &err, 0);
    else if (!call->is_study) {
        if (call->is_split)
            serve_shadow_offer(call->slot.split->queue, call);
        serve_tap(call->fleet, &call->slot, call->exchange->request_id, &call->rows, call->values);
    }
    count_answer(call, counts);
}

static serve_call *call_of(mw_job *job)
{
    return (serve_call *)((char *)job - offsetof(serve_call, job));
}

/* What another thread does last with a call: its memory goes with the answer. */
static void let_go(serve_call *call)
{
    serve_model_unref(call->slot.model);
    serve_split_unref(call->slot.split);
    mw_exchange_reply(call->exchange);
}

void serve_call_drop(serve_call *call)
{
    mark(call, MW_STAGE_QUEUE);
    serve_refuse(call, call->refusal, 0);
    count_answer(call, counts_of(call, false));
    let_go(call);
}

static void run_job(mw_job *job)
{
    serve_call *call = call_of(job);
    mw_fleet *fleet = call->fleet;
    serve_gate *gate = call->slot.endpoint->gate;
    serve_counts *counts = counts_of(call, false);
    mw_scratch *scratch = serve_scratch_take(fleet);
    mark(call, MW_STAGE_QUEUE);
    uint64_t began_ns = call->timeline.marked_ns;
    if (!scratch) {
        mw_error err;
        (void)mw_fail_memory(&err, "the prediction");
        mw_serve_error(call->exchange, &err, 0);
        count_answer(call, counts);
    } else if (read_rows(call, counts)) {
        answer(call, scratch, counts);
    }
    if (scratch)
        serve_scratch_give(fleet, scratch);
    const serve_turn turn = {gate, call->client % SERVE_FLOWS, call->urgency, began_ns,
                             call->timeline.marked_ns};
    let_go(call);
    if (!serve_limits_of(gate)->limits.is_off)
        serve_queue_done(serve_queue_of(fleet), &turn);
}

/* The rest is a worker's; it holds the model, not the plan. */
static void hand_over(serve_call *call)
{
    mw_fleet *fleet = call->fleet;
    serve_model_ref(call->slot.model);
    if (call->slot.split)
        serve_split_ref(call->slot.split);
    serve_plan_unpin(fleet, call->exchange->loop);
    call->wants_worker = false;
    call->is_with_worker = true;
    call->client = call->client ? call->client : serve_client_hash(call->exchange);
    call->job.run = run_job;
    mw_exchange_defer(call->exchange);
    if (serve_limits_of(call->slot.endpoint->gate)->limits.is_off)
        mw_pool_submit(serve_pool(fleet), &call->job);
    else
        serve_queue_put(serve_queue_of(fleet), call);
}

void serve_call_run(serve_call *call)
{
    mw_exchange *exchange = call->exchange;
    mw_fleet *fleet = call->fleet;
    unsigned loop = exchange->loop;
    bool is_small = exchange->body.size <= SERVE_LOOP_BODY_BYTES && !call->slot.model->is_slow &&
                    !call->is_study;
    if (!serve_admit(call, is_small)) {
        serve_call_finish(call);
        return;
    }
    if (!is_small) {
        hand_over(call);
        return;
    }
    serve_counts *counts = counts_of(call, true);
    bool read = read_rows(call, counts);
    if (read && (call->wants_worker || (call->explains && !serve_explain_is_quick(call)))) {
        hand_over(call);
        return;
    }
    if (read) {
        answer(call, serve_loop_scratch(fleet, loop), counts);
        serve_admit_done(call);
    }
    serve_plan_unpin(fleet, loop);
    mw_exchange_reply(exchange);
}

/* ---- media types ----------------------------------------------------------------------------- */

serve_media serve_media_of(mw_view content_type)
{
    serve_media media = {.is_utf8 = true};
    for (bool first = true; content_type.size > 0 || first; first = false) {
        const char *semicolon =
            content_type.size ? memchr(content_type.data, ';', content_type.size) : NULL;
        size_t size = semicolon ? (size_t)(semicolon - content_type.data) : content_type.size;
        mw_view part = mw_view_trim((mw_view){content_type.data, size});
        size_t step = semicolon ? size + 1 : size;
        content_type = (mw_view){content_type.data + step, content_type.size - step};
        if (first)
            media.type = part;
        else if (part.size >= 8 && mw_view_is_nocase((mw_view){part.data, 8}, "charset="))
            media.is_utf8 = mw_view_is_nocase((mw_view){part.data + 8, part.size - 8}, "utf-8") ||
                            mw_view_is_nocase((mw_view){part.data + 8, part.size - 8}, "\"utf-8\"");
        else if (part.size > 0)
            media.has_parameters = true;
        if (content_type.size == 0)
            break;
    }
    return media;
}
