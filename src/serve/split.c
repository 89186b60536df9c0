/* See split.h. */
#include "split.h"
#include "call.h"

#include <math.h>
#include <stdlib.h>

/* ---- life ------------------------------------------------------------------------------------ */

mw_status serve_split_new(const mw_split_options *options, size_t n_counters,
                          serve_split **ret_split, mw_error *err)
{
    serve_split *split = calloc(1, sizeof *split);
    size_t bytes = n_counters * MW_ARMS * sizeof *split->arms;
    if (!split || posix_memalign((void **)&split->arms, 64, bytes) != 0) {
        free(split);
        return mw_fail_memory(err, "a rollout's counters");
    }
    memset((void *)split->arms, 0, bytes);
    for (int arm = 0; arm < MW_ARMS; arm++)
        split->arms[(n_counters - 1) * MW_ARMS + (size_t)arm].is_shared = true;
    memcpy(split->salt, options->salt, sizeof split->salt);
    snprintf(split->key_header, sizeof split->key_header, "%s",
             options->key_header ? options->key_header : "");
    for (int arm = 0; arm < MW_ARMS; arm++)
        snprintf(split->labels[arm], sizeof split->labels[arm], "%s", options->labels[arm]);
    split->n_counters = n_counters;
    pthread_mutex_init(&split->scoring, NULL);
    atomic_init(&split->references, 1);
    *ret_split = split;
    return MW_OK;
}

void serve_split_ref(serve_split *split)
{
    atomic_fetch_add_explicit(&split->references, 1, memory_order_relaxed);
}

void serve_split_unref(serve_split *split)
{
    if (!split || atomic_fetch_sub_explicit(&split->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&split->scoring);
    free(split->arms);
    free(split);
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* A client that shows a key keeps its version; others are drawn by the id of each request. */
static uint64_t draw(serve_split *split, const mw_exchange *exchange, bool *ret_is_keyed)
{
    mw_view key =
        split->key_header[0] ? mw_exchange_header(exchange, split->key_header) : (mw_view){NULL, 0};
    *ret_is_keyed = key.size > 0;
    if (key.size > 0)
        return mw_assign_hash(split->salt, key);
    if (exchange->request_id.size > 0)
        return mw_assign_hash(split->salt, exchange->request_id);
    uint64_t number = atomic_fetch_add_explicit(&split->n_nameless, 1, memory_order_relaxed);
    return mw_assign_hash(split->salt, (mw_view){(const char *)&number, sizeof number});
}

void serve_split_choose(serve_call *call)
{
    serve_split *split = call->slot.split;
    uint64_t hash = draw(split, call->exchange, &call->is_keyed);
    serve_model *to = atomic_load_explicit(&split->to, memory_order_relaxed);
    bool wants = hash < atomic_load_explicit(&split->threshold, memory_order_relaxed);
    serve_model *other = call->slot.challenger;
    if (other && wants != (call->slot.model == to) && wants == (other == to))
        call->slot.model = other;
    call->arm = call->slot.model == to;
    call->is_split = true;
    call->draw = hash;
}

/* ---- counting -------------------------------------------------------------------------------- */

static void bump(const serve_arm *arm, atomic_uint_least64_t *counter, uint64_t amount)
{
    if (arm->is_shared)
        atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
    else
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount,
                              memory_order_relaxed);
}

static void bump_double(const serve_arm *arm, _Atomic double *sum, double amount)
{
    double before = atomic_load_explicit(sum, memory_order_relaxed);
    if (!arm->is_shared) {
        atomic_store_explicit(sum, before + amount, memory_order_relaxed);
        return;
    }
    while (!atomic_compare_exchange_weak_explicit(sum, &before, before + amount,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

static void count_latency(serve_arm *arm, uint64_t ns)
{
    double x = log((double)(ns ? ns : 1));
    bump(arm, &arm->latency_n, 1);
    bump(arm, &arm->latency_sum, (uint64_t)(x * 1e6));
    bump(arm, &arm->latency_squares, (uint64_t)(x * x * 1e6));
    bump(arm, &arm->latencies[mw_latency_bin(ns)], 1);
}

/* Edges are made from the first scores of the version that was there; until then scores are only
 * kept. One that finds another at it is left out. */
static void keep_first(serve_split *split, double score)
{
    if (pthread_mutex_trylock(&split->scoring) != 0)
        return;
    if (split->n_first < SERVE_SPLIT_SCORES)
        split->first[split->n_first++] = score;
    pthread_mutex_unlock(&split->scoring);
}

static void count_score(serve_split *split, serve_arm *arm, int which, double score)
{
    if (!isfinite(score))
        return;
    bump(arm, &arm->score_n, 1);
    bump_double(arm, &arm->score_sum, score);
    bump_double(arm, &arm->score_squares, score * score);
    size_t n_edges = atomic_load_explicit(&split->n_edges, memory_order_acquire), bin = 0;
    if (n_edges == 0 && which == 0)
        keep_first(split, score);
    if (n_edges == 0)
        return;
    while (bin < n_edges && score > split->edges[bin])
        bin++;
    bump(arm, &arm->scores[bin], 1);
}

static void count_group(const serve_split *split, serve_arm *arm, size_t group, double score)
{
    double threshold = split->asked.groups.threshold;
    if (group == MW_ARM_GROUPS || !isfinite(score))
        return;
    double decision = isnan(threshold) ? score : score >= threshold;
    bump(arm, &arm->group_n[group], 1);
    bump_double(arm, &arm->group_sum[group], decision);
    bump_double(arm, &arm->group_squares[group], decision * decision);
}

void serve_split_count_pair(serve_split *split, unsigned counter, int which, bool failed,
                            uint64_t ns, double score, size_t group)
{
    serve_arm *arm = &split->arms[counter * MW_ARMS + (unsigned)which];
    bump(arm, &arm->requests, 1);
    if (failed) {
        bump(arm, &arm->errors, 1);
        return;
    }
    count_latency(arm, ns);
    count_score(split, arm, which, score);
    count_group(split, arm, group, score);
}

/* What was asked of which arm, by its first row. */
static void count_asked(serve_call *call, serve_arm *arm)
{
    const serve_asked *asked = &call->slot.split->asked;
    const mw_schema *schema = &call->slot.model->forest->schema;
    for (size_t i = 0; i < asked->n; i++) {
        size_t c = (size_t)asked->columns[call->arm][i];
        double value = serve_asked_value(&schema->columns[c], serve_first_row(&call->rows, c));
        if (isnan(value)) {
            bump(arm, &arm->covariate_missing[i], 1);
            continue;
        }
        bump(arm, &arm->covariate_n[i], 1);
        bump_double(arm, &arm->covariate_sum[i], value);
        bump_double(arm, &arm->covariate_squares[i], value * value);
    }
}

/* "X-Millwright-Version: 3", and whether this client will get it again. */
static void put_header(serve_call *call)
{
    mw_exchange *exchange = call->exchange;
    const serve_split *split = call->slot.split;
    mw_view before = exchange->reply_headers;
    enum { LINES_BYTES = 96 };
    char *lines = mw_arena_take(exchange->arena, before.size + LINES_BYTES);
    if (!lines)
        return;
    if (before.size > 0)
        memcpy(lines, before.data, before.size);
    int size = snprintf(lines + before.size, LINES_BYTES,
                        "X-Millwright-Version: %s\r\nX-Millwright-Sticky: %s\r\n",
                        split->labels[call->arm], call->is_keyed ? "key" : "none");
    exchange->reply_headers = (mw_view){lines, before.size + (size_t)size};
}

void serve_split_count(serve_call *call, unsigned counter, uint64_t ns)
{
    enum { TOO_MANY_REQUESTS = 429 }; /* the client's own doing, whichever version it met */
    serve_split *split = call->slot.split;
    int status = call->exchange->status;
    put_header(call);
    if (status == TOO_MANY_REQUESTS || atomic_load_explicit(&split->shadow, memory_order_relaxed))
        return;
    double score = status == 200 && call->rows.n_rows > 0 && call->values
                       ? call->values[call->slot.model->n_outputs - 1]
                       : NAN;
    serve_arm *arm = &split->arms[counter * MW_ARMS + (unsigned)call->arm];
    size_t group = MW_ARM_GROUPS;
    if (call->is_read && call->rows.n_rows > 0) {
        count_asked(call, arm);
        group = serve_asked_group(&split->asked, call->arm, &call->slot.model->forest->schema,
                                  &call->rows);
    }
    bump(arm, &arm->keyed, call->is_keyed);
    serve_split_count_pair(split, counter, call->arm, status != 200, ns, score, group);
}

static double get(const atomic_uint_least64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static double get_double(const _Atomic double *sum)
{
    return atomic_load_explicit(sum, memory_order_relaxed);
}

static void add_arm(const serve_arm *arm, mw_arm *sum)
{
    /* errors first: they are counted behind the request, and must never be more */
    sum->errors += get(&arm->errors);
    sum->requests += get(&arm->requests);
    sum->keyed += get(&arm->keyed);
    sum->latency_n += get(&arm->latency_n);
    sum->latency_sum += get(&arm->latency_sum) * 1e-6;
    sum->latency_squares += get(&arm->latency_squares) * 1e-6;
    sum->score_n += get(&arm->score_n);
    sum->score_sum += atomic_load_explicit(&arm->score_sum, memory_order_relaxed);
    sum->score_squares += atomic_load_explicit(&arm->score_squares, memory_order_relaxed);
    for (size_t i = 0; i < MW_ARM_SCORE_BINS; i++)
        sum->scores[i] += get(&arm->scores[i]);
    for (size_t i = 0; i < MW_ARM_LATENCY_BINS; i++)
        sum->latencies[i] += get(&arm->latencies[i]);
    for (size_t g = 0; g < MW_ARM_GROUPS; g++) {
        sum->group_n[g] += get(&arm->group_n[g]);
        sum->group_sum[g] += get_double(&arm->group_sum[g]);
        sum->group_squares[g] += get_double(&arm->group_squares[g]);
    }
    for (size_t i = 0; i < MW_ARM_COVARIATES; i++) {
        sum->covariate_n[i] += get(&arm->covariate_n[i]);
        sum->covariate_missing[i] += get(&arm->covariate_missing[i]);
        sum->covariate_sum[i] += get_double(&arm->covariate_sum[i]);
        sum->covariate_squares[i] += get_double(&arm->covariate_squares[i]);
    }
}

void serve_split_sum(const serve_split *split, mw_arm ret_arms[MW_ARMS])
{
    for (size_t arm = 0; arm < MW_ARMS; arm++) {
        ret_arms[arm] = (mw_arm){0};
        for (size_t i = 0; i < split->n_counters; i++)
            add_arm(&split->arms[i * MW_ARMS + arm], &ret_arms[arm]);
    }
}
