/* What waits for the workers.
 *
 *      endpoint A:  urgent   [client x: call call] [client y: call]
 *                   usual    [client x: call call call] ...
 *                   bulk     ...
 *      endpoint B:  ...
 *
 * Whose turn is it?
 *      1. the endpoint that has had the least time, and is below its limit
 *      2. the most urgent
 *      3. the client that has had the least time
 *
 * So an endpoint whose calls take long cannot starve one whose calls are short, nor a client that
 * sends many the one that sends few. Within a client's line the oldest goes first, and is refused
 * instead when it has waited too long (codel): the check is made when its turn comes, and for the
 * heads of an endpoint's lines whenever another comes to wait for it. Where the queue is full the
 * longest line of the least urgent class gives up its oldest.
 *
 * One lock: what waits here is of a millisecond or more. It is never held while a call is worked
 * on, answered or refused. */
#include <pthread.h>
#include <stdlib.h>

#include "admit.h"

enum { MEAN_PART = 8, WINDOW_SAMPLES = 50 };
#define WINDOW_NS 100000000ull
#define PROBE_NS 30000000000ull

struct serve_queue {
    pthread_mutex_t lock;
    mw_pool *pool;
    mw_limit_law limit_law;
    unsigned n_workers, n_running;
    serve_gate *waiting;
    uint64_t clock;
};

/* What is to be done once the lock is let go. */
typedef struct decisions {
    serve_call *run, *refuse; /* lists by call->next */
} decisions;

/* The law may not idle more than half of what could work: where one call alone is done by several
 * threads together (mw_predict_parallel), a second always makes the first slower. */
mw_status serve_queue_new(mw_pool *pool, unsigned n_workers, unsigned n_loops,
                          serve_queue **ret_queue, mw_error *err)
{
    serve_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return mw_fail_memory(err, "the queue");
    pthread_mutex_init(&queue->lock, NULL);
    queue->pool = pool;
    queue->n_workers = n_workers;
    queue->limit_law = (mw_limit_law){
        .least = 1 + (n_loops < n_workers ? n_loops : n_workers) / 2,
        .most = n_workers,
        .first = n_workers,
        .window_samples = WINDOW_SAMPLES,
        .window_ns = WINDOW_NS,
        .probe_ns = PROBE_NS,
    };
    *ret_queue = queue;
    return MW_OK;
}

void serve_queue_free(serve_queue *queue)
{
    if (queue)
        pthread_mutex_destroy(&queue->lock);
    free(queue);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static serve_flow *flow_of(const serve_call *call)
{
    return &call->slot.endpoint->gate->flows[call->urgency][call->client % SERVE_FLOWS];
}

static void push(serve_queue *queue, serve_gate *gate, serve_call *call)
{
    serve_flow *flow = flow_of(call);
    call->next = NULL;
    if (flow->n++ == 0) {
        mw_share_join(&flow->share, gate->clocks[call->urgency]);
        flow->first = call;
    } else {
        flow->last->next = call;
    }
    flow->last = call;
    if (gate->n_waiting++ > 0)
        return;
    mw_share_join(&gate->share, queue->clock);
    gate->next = queue->waiting;
    queue->waiting = gate;
}

static serve_call *pop(serve_queue *queue, serve_gate *gate, serve_flow *flow)
{
    serve_call *call = flow->first;
    flow->first = call->next;
    flow->n--;
    if (--gate->n_waiting > 0)
        return call;
    serve_gate **link = &queue->waiting;
    while (*link != gate)
        link = &(*link)->next;
    *link = gate->next;
    return call;
}

static void add_to(serve_call **list, serve_call *call)
{
    call->next = *list;
    *list = call;
}

static void refuse(decisions *out, serve_call *call, mw_shed reason)
{
    call->refusal = reason;
    add_to(&out->refuse, call);
}

/* ---- whose turn ------------------------------------------------------------------------------ */

static serve_flow *choose_flow(serve_gate *gate)
{
    for (size_t urgency = 0; urgency < MW_N_URGENCIES; urgency++) {
        serve_flow *best = NULL;
        for (size_t i = 0; i < SERVE_FLOWS; i++) {
            serve_flow *flow = &gate->flows[urgency][i];
            if (flow->n > 0 && (!best || flow->share.spent < best->share.spent))
                best = flow;
        }
        if (best) {
            gate->clocks[urgency] = best->share.spent;
            return best;
        }
    }
    return NULL;
}

static serve_gate *choose_gate(serve_queue *queue)
{
    serve_gate *best = NULL;
    for (serve_gate *gate = queue->waiting; gate; gate = gate->next)
        if (gate->n_running < mw_limit_now(&gate->limit, &queue->limit_law) &&
            (!best || gate->share.spent < best->share.spent))
            best = gate;
    if (best)
        queue->clock = best->share.spent;
    return best;
}

/* MW_N_SHEDS: it may be worked on. */
static mw_shed check(serve_gate *gate, const serve_call *call, uint64_t now_ns)
{
    const mw_exchange *exchange = call->exchange;
    uint64_t waited_ns = now_ns > exchange->received_ns ? now_ns - exchange->received_ns : 0;
    uint64_t one_ns = gate->service_ns / (gate->n_running > 0 ? gate->n_running : 1);
    if (mw_exchange_is_gone(exchange))
        return MW_SHED_GONE;
    if (exchange->deadline_ns > 0 && now_ns >= exchange->deadline_ns)
        return MW_SHED_DEADLINE;
    bool taken = mw_codel_takes(&gate->codel, &serve_limits_of(gate)->codel_law, now_ns, waited_ns,
                                one_ns, call->urgency);
    return taken ? MW_N_SHEDS : MW_SHED_WAITED;
}

static void start_next(serve_queue *queue, uint64_t now_ns, decisions *out)
{
    serve_gate *gate;
    while (queue->n_running < queue->n_workers && (gate = choose_gate(queue))) {
        serve_call *call = pop(queue, gate, choose_flow(gate));
        mw_shed reason = check(gate, call, now_ns);
        if (reason != MW_N_SHEDS) {
            refuse(out, call, reason);
            continue;
        }
        queue->n_running++;
        gate->n_running++;
        add_to(&out->run, call);
    }
}

/* ---- too many, too old ----------------------------------------------------------------------- */

/* Workers may all be at long work: those at the heads are not left to wait for it in vain. */
static void drop_old(serve_queue *queue, serve_gate *gate, uint64_t now_ns, decisions *out)
{
    for (size_t i = 0; gate->n_waiting > 0 && i < (size_t)MW_N_URGENCIES * SERVE_FLOWS; i++) {
        serve_flow *flow = &gate->flows[0][0] + i;
        while (flow->n > 0 && now_ns > flow->first->exchange->received_ns &&
               now_ns - flow->first->exchange->received_ns >
                   serve_limits_of(gate)->codel_law.patience_ns)
            refuse(out, pop(queue, gate, flow), MW_SHED_WAITED);
    }
}

static serve_flow *longest_flow(serve_gate *gate, mw_urgency urgency)
{
    serve_flow *longest = &gate->flows[urgency][0];
    for (size_t i = 1; i < SERVE_FLOWS; i++)
        if (gate->flows[urgency][i].n > longest->n)
            longest = &gate->flows[urgency][i];
    return longest;
}

/* True when there is room for it now. */
static bool make_room(serve_queue *queue, serve_gate *gate, const serve_call *call, decisions *out)
{
    if (gate->n_waiting < serve_limits_of(gate)->limits.queue_length)
        return true;
    for (int urgency = MW_N_URGENCIES - 1; urgency >= (int)call->urgency; urgency--) {
        serve_flow *longest = longest_flow(gate, (mw_urgency)urgency);
        bool is_mine = urgency == (int)call->urgency;
        if (longest->n > (is_mine ? flow_of(call)->n + 1 : 0)) {
            refuse(out, pop(queue, gate, longest), MW_SHED_QUEUE_FULL);
            return true;
        }
    }
    return false;
}

/* ---- doors ----------------------------------------------------------------------------------- */

static void act(serve_queue *queue, const decisions *out)
{
    for (serve_call *call = out->refuse, *next; call; call = next) {
        next = call->next;
        serve_call_drop(call);
    }
    for (serve_call *call = out->run, *next; call; call = next) {
        next = call->next;
        mw_pool_submit(queue->pool, &call->job);
    }
}

void serve_queue_put(serve_queue *queue, serve_call *call)
{
    serve_gate *gate = call->slot.endpoint->gate;
    uint64_t now_ns = call->timeline.marked_ns;
    decisions out = {NULL, NULL};
    pthread_mutex_lock(&queue->lock);
    if (gate->limit.value == 0)
        mw_limit_init(&gate->limit, &queue->limit_law);
    drop_old(queue, gate, now_ns, &out);
    if (make_room(queue, gate, call, &out))
        push(queue, gate, call);
    else
        refuse(&out, call, MW_SHED_QUEUE_FULL);
    start_next(queue, now_ns, &out);
    pthread_mutex_unlock(&queue->lock);
    act(queue, &out);
}

void serve_queue_done(serve_queue *queue, const serve_turn *turn)
{
    serve_gate *gate = turn->gate;
    uint64_t took_ns = turn->ended_ns - turn->began_ns;
    decisions out = {NULL, NULL};
    pthread_mutex_lock(&queue->lock);
    mw_limit_note(&gate->limit, &queue->limit_law, turn->ended_ns, took_ns, gate->n_running);
    queue->n_running--;
    gate->n_running--;
    gate->service_ns += ((int64_t)took_ns - (int64_t)gate->service_ns) / MEAN_PART;
    gate->share.spent += took_ns;
    gate->flows[turn->urgency][turn->flow].share.spent += took_ns;
    start_next(queue, turn->ended_ns, &out);
    pthread_mutex_unlock(&queue->lock);
    act(queue, &out);
}

void serve_queue_look(serve_queue *queue, serve_gate *gate, mw_endpoint_info *ret_info)
{
    pthread_mutex_lock(&queue->lock);
    ret_info->queue_length = gate->n_waiting;
    ret_info->concurrency = gate->n_running;
    ret_info->concurrency_limit =
        gate->limit.value > 0 ? gate->limit.value : queue->limit_law.first;
    pthread_mutex_unlock(&queue->lock);
    ret_info->latency_budget_ns = serve_limits_of(gate)->limits.budget_ns;
    ret_info->misses = atomic_load_explicit(&gate->misses, memory_order_relaxed);
    for (size_t i = 0; i < MW_N_SHEDS; i++)
        ret_info->shed[i] = atomic_load_explicit(&gate->shed[i], memory_order_relaxed);
}
