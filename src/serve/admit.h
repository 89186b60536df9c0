/* Who is taken, who waits, who is refused. The laws are plan's (plan/plan.h); here they meet calls.
 *
 *      call -> deadline? -> quota? -> small: how long did it wait for the loop? -> worked on there
 *                                  `> large: the queue -------------------------> a worker
 *
 *   admit.c   headers that say how long and how much, the checks, refusals
 *   queue.c   what waits for the workers: whose turn it is, who has waited too long
 *
 * Health, metrics and control never come here: they are answered whatever the load. */
#ifndef SERVE_ADMIT_H
#define SERVE_ADMIT_H

#include "call.h"

enum {
    SERVE_FLOWS = 16 /* clients of an endpoint wait in so many lines, by hash */
};

typedef struct serve_flow {
    mw_share share;
    serve_call *first, *last;
    size_t n;
} serve_flow;

/* What a loop knows of an endpoint; no other thread looks. */
typedef struct serve_gate_loop {
    _Alignas(64) mw_codel codel;
    uint64_t service_ns; /* how long one takes, on average */
} serve_gate_loop;

/* An endpoint's: its limits, and who waits for it. */
/* What holds for an endpoint; fixed once made: another takes its place. */
typedef struct serve_limits {
    struct serve_limits *before; /* who looks may still hold it: freed with the gate */
    mw_admission limits;
    mw_codel_law codel_law;
    mw_rate rate;
    mw_quota *quota; /* NULL = none */
} serve_limits;

struct serve_gate {
    _Atomic(serve_limits *) now;
    mw_quota *quota; /* made when one is first wanted; NULL */
    atomic_uint_least64_t shed[MW_N_SHEDS], misses;

    /* under the queue's lock */
    serve_gate *next; /* of those for which somebody waits */
    mw_share share;
    mw_codel codel;
    mw_limit limit;
    unsigned n_running;
    size_t n_waiting;
    uint64_t service_ns;
    uint64_t clocks[MW_N_URGENCIES];
    serve_flow flows[MW_N_URGENCIES][SERVE_FLOWS];

    size_t n_loops;
    serve_gate_loop loops[];
};

static inline const serve_limits *serve_limits_of(const serve_gate *gate)
{
    return atomic_load_explicit(&gate->now, memory_order_acquire);
}

MW_CHECKED mw_status serve_gate_new(const mw_admission *limits, size_t n_loops,
                                    serve_gate **ret_gate, mw_error *err);
void serve_gate_free(serve_gate *gate);
/* One thread at a time; calls that are on their way go by what held before. */
MW_CHECKED mw_status serve_gate_set(serve_gate *gate, const mw_admission *limits, mw_error *err);

/* Whether to go on with a call, on its loop. `is_small`: it will be worked on here and now. False:
 * the refusal is written, not yet sent. */
bool serve_admit(serve_call *call, bool is_small);
/* Whether the client's deadline has passed at the last mark. */
static inline bool serve_is_late(const serve_call *call)
{
    return call->exchange->deadline_ns > 0 &&
           call->timeline.marked_ns >= call->exchange->deadline_ns;
}
/* It was worked on, on its loop. */
void serve_admit_done(serve_call *call);
/* Write the refusal, and count it. `wait_ns`: how long the client should wait, 0 = a moment. */
void serve_refuse(serve_call *call, mw_shed reason, uint64_t wait_ns);
/* Who asks: for quotas, and for lines of the queue. */
uint64_t serve_client_hash(const mw_exchange *exchange);
/* An answer was made: did it come too late? */
void serve_admit_note(const serve_call *call);

/* ---- queue.c --------------------------------------------------------------------------------- */

/* n_workers: threads of the pool. */
MW_CHECKED mw_status serve_queue_new(mw_pool *pool, unsigned n_workers, unsigned n_loops,
                                     serve_queue **ret_queue, mw_error *err);
void serve_queue_free(serve_queue *queue);
/* A deferred call waits for a worker; call->job is run by one, or the call is refused
 * (serve_call_drop). Any thread. */
void serve_queue_put(serve_queue *queue, serve_call *call);
/* What a worker did: the call itself is gone by then. */
typedef struct serve_turn {
    serve_gate *gate;
    unsigned flow;
    mw_urgency urgency;
    uint64_t began_ns, ended_ns;
} serve_turn;
/* The worker is free for the next. */
void serve_queue_done(serve_queue *queue, const serve_turn *turn);
/* For /metrics. */
void serve_queue_look(serve_queue *queue, serve_gate *gate, mw_endpoint_info *ret_info);

#endif
