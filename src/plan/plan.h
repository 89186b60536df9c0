/* plan: laws of overload. Numbers in, decisions out: no clock, no threads, no input or output, so
 * that tests drive them through hours of load in a moment and by hand (tests/plan).
 *
 *      waited how long? ----- mw_codel  ---> take it, or refuse it
 *      latency, in flight --- mw_limit  ---> how many may be worked on at a time
 *      client, now ---------- mw_quota  ---> a token, or how long until there is one
 *      who spent how much --- mw_share  ---> whose turn it is
 *
 * All times are nanoseconds on any clock that never goes back. serve/admit.c applies the laws. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/base.h"

/* How much a request matters: what is shed first under overload stands last. */
typedef enum mw_urgency {
    MW_URGENT, /* shed only when its answer would come too late */
    MW_USUAL,
    MW_BULK, /* shed as soon as a queue stands */
    MW_N_URGENCIES
} mw_urgency;

/* ---- codel.c: a standing queue ------------------------------------------------------------------
 *
 * A queue that empties now and then only evens out bursts: whatever waits in it may be taken, as
 * long as it can still be answered in time. A queue that never empties is overload: then everything
 * waits, and the longer one tolerates it the less of it is of use. So the shortest wait of each
 * interval is watched; while it is above the target, what has waited longer than twice the target
 * is refused.
 *
 * Source: Nichols, Jacobson: Controlled Delay Active Queue Management (RFC 8289), of which the
 *         shortest wait is the idea; Maurer: Fail at Scale (ACM Queue 13(8), 2015), for requests:
 *         refused clients do not slow down as TCP does, so all that is too old is dropped, not one
 *         after another at a growing pace. Classes: Zhou et al.: Overload Control for Scaling
 *         WeChat Microservices (SoCC 2018), without its levels below classes. */

typedef struct mw_codel_law {
    uint64_t target_ns;   /* a wait that is no sign of overload */
    uint64_t interval_ns; /* over which the shortest wait is taken */
    uint64_t patience_ns; /* who has waited longer is refused in any case */
} mw_codel_law;

/* For answers within `budget_ns`: half of it may be waiting, a twentieth is no sign of overload. */
mw_codel_law mw_codel_law_of(uint64_t budget_ns);

/* All zero at first. */
typedef struct mw_codel {
    uint64_t interval_end_ns, least_ns;
    bool is_standing; /* the queue did not empty during the last interval */
} mw_codel;

/* Whether to take what has waited so long, in the order of arrival.
 *
 *   service_ns  how long one takes, or 0: waiting for one or two of them is no sign of overload,
 * and an interval lasts for twenty of them at least
 *
 * Cost: a few comparisons. */
bool mw_codel_takes(mw_codel *codel, const mw_codel_law *law, uint64_t now_ns, uint64_t waited_ns,
                    uint64_t service_ns, mw_urgency urgency);
/* The longest wait that would be taken now. */
uint64_t mw_codel_patience(const mw_codel *codel, const mw_codel_law *law, uint64_t service_ns,
                           mw_urgency urgency);

/* ---- limit.c: how many at a time ----------------------------------------------------------------
 *
 * A server takes so many at a time before they wait for each other inside it; nobody says how many.
 * While the latency of a window stays near that of an uncrowded server the limit grows by half its
 * root; where it rises, the limit shrinks by the ratio of the two (a gradient). Now and then,
 * under load, a quarter of the limit is allowed for a moment, which shows the uncrowded latency
 * anew.
 *
 *      next = limit * clamp(slack * uncrowded / latency, 1/2, 1) + sqrt(limit) / 2
 *
 * In the balance about half as many again are inside as are worked on.
 * Latencies are averaged by their logarithm, so that one slow request in a hundred says little.
 *
 * Source: Envoy's adaptive concurrency filter (gradient controller, minRTT); Netflix's
 *         concurrency-limits (Gradient2, no growth when idle); both after Brakmo, Peterson: TCP
 *         Vegas (1995). Not done here: a queue of allowed excess in the law itself (codel has it).
 */

typedef struct mw_limit_law {
    double least, most, first;
    unsigned window_samples; /* a window has at least so many, */
    uint64_t window_ns;      /* and lasts at least so long */
    uint64_t probe_ns;       /* the uncrowded latency is looked at so often */
} mw_limit_law;

typedef struct mw_limit {
    double value;
    double uncrowded_ns; /* 0 = not known */
    /* the window */
    double log_sum;
    unsigned n_samples, n_skipped, most_in_flight;
    uint64_t began_ns, probe_at_ns;
    bool is_probing;
} mw_limit;

void mw_limit_init(mw_limit *limit, const mw_limit_law *law);
/* So many may be in flight now: 1 or more. */
unsigned mw_limit_now(const mw_limit *limit, const mw_limit_law *law);
/* One was done. `in_flight`: how many there were with it. Cost: one logarithm. */
void mw_limit_note(mw_limit *limit, const mw_limit_law *law, uint64_t now_ns, uint64_t latency_ns,
                   unsigned in_flight);

/* ---- quota.c: so many a second, each client -----------------------------------------------------
 *
 * A token bucket, kept as one number: the time at which it would be full again (GCRA, ITU-T I.371;
 * Turner: New Directions in Communications, 1986). So it is taken from by one compare-and-swap, by
 * any thread, without a lock. */

typedef struct mw_rate {
    uint64_t token_ns;  /* one comes back every so long; 0 = no limit */
    uint64_t bucket_ns; /* so much may be spent at once: tokens x token_ns */
} mw_rate;

/* burst 0 = what comes in a second, 1 at least. per_second 0 = no limit. */
mw_rate mw_rate_of(uint64_t per_second, uint64_t burst);

/* Buckets of clients, by hash. A bucket that is full again is free for another client; where more
 * are busy at once than there is room for, some share one, and so are held tighter. */
typedef struct mw_quota mw_quota;

MW_CHECKED mw_status mw_quota_new(mw_quota **ret_quota, mw_error *err);
void mw_quota_free(mw_quota *quota);
/* Take a token of the client's: 0, or how long until there is one. Any thread; no lock. */
uint64_t mw_quota_take(mw_quota *quota, const mw_rate *rate, uint64_t client, uint64_t now_ns);
/* 64 bits of an FNV-1a hash, never 0. */
uint64_t mw_client_hash(mw_view name);

/* ---- share.c: whose turn it is ------------------------------------------------------------------
 *
 * Whoever has spent least goes next; who comes back after a pause does not get the pause repaid.
 *
 * Source: Goyal, Vin, Cheng: Start-time Fair Queueing (SIGCOMM 1996); flows by hash as in
 *         FlowQueue-CoDel (RFC 8290). */

/* All zero at first. */
typedef struct mw_share {
    uint64_t spent;
} mw_share;

/* It has work again. `clock`: what the one who was last chosen had spent then. */
static inline void mw_share_join(mw_share *share, uint64_t clock)
{
    if (share->spent < clock)
        share->spent = clock;
}

#endif
