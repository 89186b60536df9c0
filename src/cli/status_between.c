/* Two samples become rates, shares and quantiles. */
#include "status.h"

#include <math.h>

/* Of a counter. A server that began anew counts from 0. */
static double moved(double before, double now)
{
    return now >= before ? now - before : now;
}

static const status_endpoint *same_in(const status_sample *sample, const status_endpoint *wanted,
                                      unsigned version)
{
    for (size_t i = 0; i < sample->n_endpoints; i++)
        if (sample->endpoints[i].version == version &&
            strcmp(sample->endpoints[i].name, wanted->name) == 0)
            return &sample->endpoints[i];
    return NULL;
}

static bool has_versions(const status_sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->n_endpoints; i++)
        if (sample->endpoints[i].version > 0 && strcmp(sample->endpoints[i].name, name) == 0)
            return true;
    return false;
}

double status_quantile(const double *bounds, const double *counts, size_t n, double share)
{
    double total = n > 0 ? counts[n - 1] : 0, wanted = share * total;
    if (!(total > 0))
        return NAN;
    for (size_t i = 0; i < n; i++) {
        if (counts[i] < wanted)
            continue;
        double below = i > 0 ? counts[i - 1] : 0, low = i > 0 ? bounds[i - 1] : 0;
        if (isinf(bounds[i]))
            return low; /* beyond the last bound nobody knows more */
        double inside = counts[i] - below;
        return inside > 0 ? low + (bounds[i] - low) * (wanted - below) / inside : low;
    }
    return bounds[n - 1];
}

static void fill_quantiles(const status_endpoint *before, const status_endpoint *now,
                           status_rates *to)
{
    double counts[STATUS_BUCKETS];
    for (size_t i = 0; i < now->n_buckets; i++)
        counts[i] = moved(before && before->n_buckets == now->n_buckets ? before->buckets[i] : 0,
                          now->buckets[i]);
    to->p50 = status_quantile(now->bounds, counts, now->n_buckets, 0.5);
    to->p99 = status_quantile(now->bounds, counts, now->n_buckets, 0.99);
}

/* Seconds of each stage between the samples; returns those in which a thread worked. */
static double stage_seconds(const status_endpoint *before, const status_endpoint *now,
                            double ret_seconds[MW_N_STAGES])
{
    double worked = 0;
    for (mw_stage stage = 0; stage < MW_N_STAGES; stage++) {
        ret_seconds[stage] =
            moved(before ? before->stage_seconds[stage] : 0, now->stage_seconds[stage]);
        if (stage != MW_STAGE_RECEIVE && stage != MW_STAGE_QUEUE)
            worked += ret_seconds[stage];
    }
    return worked;
}

static void fill_rates(const status_sample *before_all, const status_endpoint *now, double seconds,
                       status_rates *to)
{
    static const status_endpoint nothing = {.version = 0};
    const status_endpoint *before = same_in(before_all, now, now->version);
    const status_endpoint *from = before ? before : &nothing;
    double stages[MW_N_STAGES], whole = 0;
    *to = (status_rates){
        .now = now,
        .requests = moved(from->requests, now->requests) / seconds,
        .failures = moved(from->failures, now->failures) / seconds,
        .rows = moved(from->rows, now->rows) / seconds,
    };
    fill_quantiles(before, now, to);
    to->of_server = stage_seconds(before, now, stages); /* made a share later */
    for (size_t i = 0; i < MW_N_STAGES; i++)
        whole += stages[i];
    for (size_t i = 0; i < MW_N_STAGES; i++)
        to->shares[i] = whole > 0 ? stages[i] / whole : 0;
}

/* What is told of an endpoint, whatever its version. */
static void fill_admission(const status_sample *before_all, const status_sample *now_all,
                           double seconds, status_rates *to)
{
    const status_endpoint *now = same_in(now_all, to->now, 0);
    const status_endpoint *before = same_in(before_all, to->now, 0);
    if (!now)
        return;
    to->shed = moved(before ? before->shed : 0, now->shed) / seconds;
    to->quota = moved(before ? before->quota : 0, now->quota) / seconds;
    to->misses = moved(before ? before->misses : 0, now->misses) / seconds;
}

static void fill_server(const status_sample *before, const status_sample *now, double seconds,
                        double worked, status_server *to)
{
    double busy = 0, cpu = 0, pool = moved(before->pool_busy, now->pool_busy);
    *to = (status_server){.seconds = seconds};
    for (unsigned i = 0; i < now->n_loops; i++) {
        double one = moved(before->loop_busy[i], now->loop_busy[i]);
        busy += one;
        cpu += moved(before->loop_cpu[i], now->loop_cpu[i]);
        to->busiest = fmax(to->busiest, fmin(one / seconds, 1));
    }
    if (now->n_loops > 0) {
        to->loops_busy = fmin(busy / (seconds * now->n_loops), 1);
        to->loops_cpu = fmin(cpu / (seconds * now->n_loops), 1);
    }
    if (now->pool_threads > 0)
        to->pool_busy = fmin(pool / (seconds * now->pool_threads), 1);
    to->network = busy + pool > 0 ? fmax(0, 1 - worked / (busy + pool)) : 0;
    to->received_bytes = moved(before->received_bytes, now->received_bytes) / seconds;
    to->sent_bytes = moved(before->sent_bytes, now->sent_bytes) / seconds;
    to->refused = moved(before->refused, now->refused) / seconds;
}

/* The version that most requests went to; of equal ones the newest. */
static bool is_busier(const status_rates *a, const status_rates *b)
{
    return a->requests > b->requests ||
           (a->requests == b->requests && a->now->version > b->now->version);
}

static status_rates *of_endpoint(status_report *report, const char *name)
{
    for (size_t i = 0; i < report->n_endpoints; i++)
        if (strcmp(report->endpoints[i].now->name, name) == 0)
            return &report->endpoints[i];
    return NULL;
}

mw_status status_between(const status_sample *before, const status_sample *now, double seconds,
                         mw_arena *arena, status_report *ret_report, mw_error *err)
{
    status_report report = {.now = now};
    double worked = 0;
    report.endpoints = mw_arena_take_zeroed(arena, now->n_endpoints + 1, sizeof *report.endpoints);
    if (!report.endpoints)
        return mw_fail_memory(err, "the report");
    for (size_t i = 0; i < now->n_endpoints; i++) {
        status_rates rates;
        if (now->endpoints[i].version == 0 && has_versions(now, now->endpoints[i].name))
            continue; /* what is told of all of them */
        fill_rates(before, &now->endpoints[i], seconds, &rates);
        fill_admission(before, now, seconds, &rates);
        worked += rates.of_server;
        report.server.requests += rates.requests;
        status_rates *known = of_endpoint(&report, now->endpoints[i].name);
        if (!known)
            report.endpoints[report.n_endpoints++] = rates;
        else if (is_busier(&rates, known))
            *known = rates;
    }
    double requests = report.server.requests;
    fill_server(before, now, seconds, worked, &report.server);
    report.server.requests = requests;
    for (size_t i = 0; i < report.n_endpoints; i++) {
        report.endpoints[i].of_server = worked > 0 ? report.endpoints[i].of_server / worked : 0;
        status_judge(&report, &report.endpoints[i]);
    }
    *ret_report = report;
    return MW_OK;
}
