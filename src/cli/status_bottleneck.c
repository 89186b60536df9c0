/* Which resource limits an endpoint now, and why one may say so.
 *
 * The hardest limits come first: what is refused, then what is full, then where the time goes. From
 * which share on something is full, api.h says. */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/api.h"

#define FULL MW_API_BUSY_LIMIT
#define NEARLY MW_API_FULL_LIMIT
#define STARVED 0.6 /* of the time that loops are busy they have a core */
#define MOST 0.5

const char *status_resource_word(status_resource resource)
{
    static const char *const words[] = {"nothing", "cores", "loops",      "spread",
                                        "workers", "queue", "quota",      "uploads",
                                        "memory",  "files", "connections"};
    return words[resource];
}

static void say(status_rates *to, status_resource limit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(status_rates *to, status_resource limit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(to->why, sizeof to->why, format, args);
    va_end(args);
    to->limit = limit;
}

static int percent(double share)
{
    return (int)(100 * share + 0.5);
}

/* Of those in which a thread works. */
static mw_stage dearest_stage(const status_rates *rates, double *ret_share)
{
    mw_stage dearest = MW_STAGE_DECODE;
    double worked = 0;
    for (mw_stage stage = MW_STAGE_DECODE; stage < MW_N_STAGES; stage++) {
        worked += rates->shares[stage];
        if (rates->shares[stage] > rates->shares[dearest])
            dearest = stage;
    }
    *ret_share = worked > 0 ? rates->shares[dearest] / worked : 0;
    return dearest;
}

static const char *advice_for(mw_stage stage)
{
    switch (stage) {
    case MW_STAGE_DECODE:
        return "send binary tensors instead of JSON";
    case MW_STAGE_EXPLAIN:
        return "ask for contributions only where they are read";
    case MW_STAGE_ENCODE:
        return "ask for binary outputs instead of JSON";
    default:
        return "a smaller model, or more rows a request";
    }
}

/* More threads only help where there are cores for them. */
static const char *more_loops(const status_sample *now)
{
    return now->cores > now->n_loops ? "raise --threads" : "add cores";
}

static const status_rates *busiest_endpoint(const status_report *report)
{
    const status_rates *busiest = &report->endpoints[0];
    for (size_t i = 1; i < report->n_endpoints; i++)
        if (report->endpoints[i].of_server > busiest->of_server)
            busiest = &report->endpoints[i];
    return busiest;
}

static void say_loops(const status_report *report, status_rates *to)
{
    const status_server *server = &report->server;
    const status_rates *busiest = busiest_endpoint(report);
    const char *more = more_loops(report->now);
    double share;
    mw_stage stage = dearest_stage(to, &share);
    int busy = percent(server->loops_busy);
    if (server->network > MOST)
        say(to, STATUS_LOOPS,
            "loops are %d %% busy, %d %% of that with reading and writing sockets: %s, or send "
            "more rows a request",
            busy, percent(server->network), more);
    else if (busiest != to && busiest->of_server > MOST)
        say(to, STATUS_LOOPS, "loops are %d %% busy, %d %% of the work is '%s': %s", busy,
            percent(busiest->of_server), busiest->now->name, more);
    else
        say(to, STATUS_LOOPS, "%s: %d %% of the work, and loops are %d %% busy: %s, or %s",
            mw_stage_name(stage), percent(share), busy, more, advice_for(stage));
}

static bool judge_server(const status_report *report, status_rates *to)
{
    const status_server *server = &report->server;
    const status_sample *now = report->now;
    if (now->fds_limit > 0 && now->fds > NEARLY * now->fds_limit)
        say(to, STATUS_FILES, "file descriptors: %.0f of %.0f are open: raise ulimit -n", now->fds,
            now->fds_limit);
    else if (server->refused > 0)
        say(to, STATUS_CONNECTIONS,
            "connections: %.0f a second are refused at the limit: raise --max-connections",
            server->refused);
    else if (now->memory_limit_bytes > 0 && now->memory_bytes > NEARLY * now->memory_limit_bytes)
        say(to, STATUS_MEMORY,
            "memory: %.0f MiB of %.0f MiB are taken: give it more, or serve fewer models",
            now->memory_bytes / (double)MW_MIB, now->memory_limit_bytes / (double)MW_MIB);
    else
        return false;
    return true;
}

static bool judge_threads(const status_report *report, status_rates *to)
{
    const status_server *server = &report->server;
    const status_sample *now = report->now;
    bool is_starved = server->busiest > FULL && server->loops_busy > MOST &&
                      server->loops_cpu < STARVED * server->loops_busy;
    if (is_starved)
        say(to, STATUS_CORES,
            "cores: loops would work %d %% of the time and get a core %d %%: others use the "
            "machine; give it cores of its own",
            percent(server->loops_busy), percent(server->loops_cpu));
    else if (server->loops_busy > FULL)
        say_loops(report, to);
    else if (server->busiest > FULL && now->n_loops > 1)
        say(to, STATUS_SPREAD,
            "one of %u loops is %d %% busy, all together %d %%: clients hold too few connections; "
            "open more",
            now->n_loops, percent(server->busiest), percent(server->loops_busy));
    else if (server->pool_busy > FULL && to->shares[MW_STAGE_QUEUE] > 0.1)
        say(to, STATUS_WORKERS,
            "workers: %.0f threads for large bodies are %d %% busy, %.0f requests wait: %s",
            now->pool_threads, percent(server->pool_busy), now->pool_waiting,
            now->cores > now->pool_threads ? "raise --workers" : "add cores, or send less at once");
    else
        return false;
    return true;
}

static void judge_time(const status_report *report, status_rates *to)
{
    const status_server *server = &report->server;
    double share;
    mw_stage stage = dearest_stage(to, &share);
    if (to->shares[MW_STAGE_RECEIVE] > MOST)
        say(to, STATUS_UPLOADS,
            "clients' uploads: %d %% of the time passes until bodies are there: the network, or "
            "slow clients",
            percent(to->shares[MW_STAGE_RECEIVE]));
    else if (to->shares[MW_STAGE_QUEUE] > MOST && to->p50 > 0.001)
        say(to, STATUS_QUEUE,
            "queue: %d %% of the time is waiting, though threads are free now and then: requests "
            "come in bursts",
            percent(to->shares[MW_STAGE_QUEUE]));
    else
        say(to, STATUS_NOTHING, "nothing: loops are %d %% busy; most of the work is %s (%d %%)",
            percent(server->loops_busy), mw_stage_name(stage), percent(share));
}

void status_judge(const status_report *report, status_rates *to)
{
    if (judge_server(report, to))
        return;
    if (to->requests == 0 && to->shed == 0)
        say(to, STATUS_NOTHING,
            to->now->version ? "nothing: no requests now" : "nothing: no model is loaded");
    else if (!judge_threads(report, to)) {
        if (to->quota > MOST * to->shed)
            say(to, STATUS_QUOTA, "quota: %.1f requests a second are over their client's",
                to->quota);
        else if (to->shed > 0)
            say(to, STATUS_QUEUE,
                "queue: %.1f requests a second are refused or dropped, for they would be answered "
                "too late",
                to->shed);
        else
            judge_time(report, to);
    }
}
