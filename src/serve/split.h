/* The split of an endpoint's requests between two warm versions, and what each version did.
 *
 *     request --key, salt--> hash < threshold? --> the version that comes, or the one that was
 * there ^ one atomic: a rollback is a store, and the next request sees it
 *
 * An endpoint without a rollout has none: then a request pays for one comparison with NULL. */
#ifndef SERVE_SPLIT_H
#define SERVE_SPLIT_H

#include "asked.h"
#include "plan.h"
#include "release/release.h"

/* Counters of one arm that one thread of control writes, as serve_counts. Latencies are ln(ns) in
 * millionths. */
typedef struct serve_arm {
    _Alignas(64) atomic_uint_least64_t requests, keyed, errors;
    atomic_uint_least64_t latency_n, latency_sum, latency_squares, score_n;
    _Atomic double score_sum, score_squares;
    atomic_uint_least64_t scores[MW_ARM_SCORE_BINS], latencies[MW_ARM_LATENCY_BINS];
    atomic_uint_least64_t group_n[MW_ARM_GROUPS];
    _Atomic double group_sum[MW_ARM_GROUPS], group_squares[MW_ARM_GROUPS];
    atomic_uint_least64_t covariate_n[MW_ARM_COVARIATES], covariate_missing[MW_ARM_COVARIATES];
    _Atomic double covariate_sum[MW_ARM_COVARIATES], covariate_squares[MW_ARM_COVARIATES];
    bool is_shared;
} serve_arm;

enum { SERVE_SPLIT_SCORES = 512, SERVE_SPLIT_LABEL_BYTES = 24 };

struct serve_split {
    atomic_uint references;
    uint8_t salt[MW_SALT_BYTES];
    char key_header[MW_ROLLOUT_HEADER_BYTES]; /* "" = none */
    char labels[MW_ARMS][SERVE_SPLIT_LABEL_BYTES];
    atomic_uint_least64_t threshold;  /* of the version that comes */
    atomic_uint_least64_t shadow;     /* likewise, of what is copied to it */
    _Atomic(serve_model *) to;        /* the version that comes: only compared with */
    atomic_uint_least64_t n_nameless; /* requests without an id draw from this */
    struct serve_shadow *queue;       /* of the fleet: where copies go */
    atomic_uint_least64_t n_pairs, n_different, n_dropped; /* values; requests that were dropped */
    _Atomic double difference;                             /* sum of |old - new| over the pairs */
    serve_asked asked;                                     /* fixed before the split is seen */
    size_t n_counters;
    serve_arm *arms; /* n_counters * MW_ARMS */
    /* the first scores of the version that was there, from which the edges are made */
    pthread_mutex_t scoring;
    size_t n_first;
    double first[SERVE_SPLIT_SCORES];
    double edges[MW_ARM_SCORE_BINS - 1]; /* fixed once n_edges is set */
    atomic_size_t n_edges;
};

MW_CHECKED mw_status serve_split_new(const mw_split_options *options, size_t n_counters,
                                     serve_split **ret_split, mw_error *err);
void serve_split_ref(serve_split *split);
/* NULL is fine. */
void serve_split_unref(serve_split *split);

struct serve_call;
/* Which of the slot's two versions answers; the call's slot and arm are set. */
void serve_split_choose(struct serve_call *call);
/* What became of a call that chose, by `counter`'s thread; the answer says which version it was. */
void serve_split_count(struct serve_call *call, unsigned counter, uint64_t ns);
/* What one arm did with a row: its score, its latency; group: MW_ARM_GROUPS = none. Also for pairs
 * that the shadow made. */
void serve_split_count_pair(serve_split *split, unsigned counter, int arm, bool failed, uint64_t ns,
                            double score, size_t group);
void serve_split_sum(const serve_split *split, mw_arm ret_arms[MW_ARMS]);

#endif
