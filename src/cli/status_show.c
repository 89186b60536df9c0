/* The report of `mw status`, for people and for programs. */
#include "status.h"

#include <math.h>
#include <stdio.h>

/* ---- numbers as people read them --------------------------------------------------------------
 */

static void write_duration(double seconds, mw_buf *out)
{
    if (isnan(seconds))
        mw_buf_text(out, "-");
    else if (seconds < 0.001)
        mw_buf_format(out, "%.0f us", seconds * 1e6);
    else if (seconds < 1)
        mw_buf_format(out, "%.3g ms", seconds * 1e3);
    else
        mw_buf_format(out, "%.3g s", seconds);
}

static void write_bytes(double bytes, mw_buf *out)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < MW_COUNT(units); unit++)
        bytes /= 1000;
    mw_buf_format(out, bytes >= 100 || unit == 0 ? "%.0f %s" : "%.3g %s", bytes, units[unit]);
}

static void write_rate(double rate, const char *what, mw_buf *out)
{
    mw_buf_format(out, rate >= 100 || rate == 0 ? "%.0f %s" : "%.3g %s", rate, what);
}

static int percent(double share)
{
    return (int)(100 * share + 0.5);
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void write_age(const status_sample *now, mw_buf *out)
{
    double seconds = (double)mw_clock_wall_ms() / 1000 - now->started_seconds;
    if (now->started_seconds <= 0 || seconds < 0)
        return;
    if (seconds < 120)
        mw_buf_format(out, ", up %.0f s", seconds);
    else if (seconds < 7200)
        mw_buf_format(out, ", up %.0f min", seconds / 60);
    else if (seconds < 172800)
        mw_buf_format(out, ", up %.0f h", seconds / 3600);
    else
        mw_buf_format(out, ", up %.0f days", seconds / 86400);
}

static void write_server_text(const status_report *report, const char *url, mw_buf *out)
{
    const status_sample *now = report->now;
    const status_server *server = &report->server;
    mw_buf_format(out, "server    %s, millwright %s", url, now->server);
    write_age(now, out);
    mw_buf_format(out, "\nloops     %u, %d %% busy (the busiest %d %%)", now->n_loops,
                  percent(server->loops_busy), percent(server->busiest));
    mw_buf_format(out, "; workers %.0f, %d %% busy, %.0f requests wait\n", now->pool_threads,
                  percent(server->pool_busy), now->pool_waiting);
    mw_buf_text(out, "memory    ");
    write_bytes(now->memory_bytes, out);
    if (now->memory_limit_bytes > 0) {
        mw_buf_text(out, " of ");
        write_bytes(now->memory_limit_bytes, out);
    }
    mw_buf_format(out, "; files %.0f of %.0f; connections %.0f\n", now->fds, now->fds_limit,
                  now->connections);
    mw_buf_text(out, "network   in ");
    write_bytes(server->received_bytes, out);
    mw_buf_text(out, "/s, out ");
    write_bytes(server->sent_bytes, out);
    mw_buf_text(out, "/s\n");
}

static void write_time_text(const status_rates *rates, mw_buf *out)
{
    mw_buf_text(out, "  time      p50 ");
    write_duration(rates->p50, out);
    mw_buf_text(out, ", p99 ");
    write_duration(rates->p99, out);
    const char *before = ": ";
    for (mw_stage stage = 0; stage < MW_N_STAGES; stage++) {
        if (percent(rates->shares[stage]) == 0)
            continue;
        mw_buf_format(out, "%s%s %d %%", before, mw_stage_name(stage),
                      percent(rates->shares[stage]));
        before = ", ";
    }
    mw_buf_char(out, '\n');
}

static void write_endpoint_text(const status_report *report, const status_rates *rates, mw_buf *out)
{
    const status_endpoint *all = rates->now;
    for (size_t i = 0; i < report->now->n_endpoints; i++)
        if (report->now->endpoints[i].version == 0 &&
            strcmp(report->now->endpoints[i].name, rates->now->name) == 0)
            all = &report->now->endpoints[i];
    mw_buf_format(out, "\n%s", rates->now->name);
    if (rates->now->version > 0)
        mw_buf_format(out, ", version %u", rates->now->version);
    mw_buf_text(out, "\n  requests  ");
    write_rate(rates->requests, "a second, ", out);
    write_rate(rates->rows, "rows/s, ", out);
    write_rate(rates->failures, "errors/s", out);
    if (rates->shed > 0)
        mw_buf_format(out, ", %.3g/s shed", rates->shed);
    if (rates->misses > 0)
        mw_buf_format(out, ", %.3g/s too late", rates->misses);
    mw_buf_char(out, '\n');
    if (rates->requests > 0)
        write_time_text(rates, out);
    mw_buf_format(out, "  queue     %.0f wait, %.0f in flight", all->waiting,
                  rates->now->in_flight);
    if (all->workers_limit > 0)
        mw_buf_format(out, ", %.0f with workers (at most %.0f now)", all->workers,
                      all->workers_limit);
    mw_buf_format(out, "\n  limit     %s\n", rates->why);
}

void status_write_text(const status_report *report, const char *url, mw_buf *out)
{
    write_server_text(report, url, out);
    for (size_t i = 0; i < report->n_endpoints; i++)
        write_endpoint_text(report, &report->endpoints[i], out);
}

/* ---- for programs -----------------------------------------------------------------------------
 */

static void json_number(const char *key, double value, mw_buf *out)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

static void write_server_json(const status_report *report, mw_buf *out)
{
    const status_sample *now = report->now;
    const status_server *server = &report->server;
    mw_buf_format(out, ",\"server\":{\"loops\":%u", now->n_loops);
    json_number("loops_busy", server->loops_busy, out);
    json_number("busiest_loop", server->busiest, out);
    json_number("loops_cpu", server->loops_cpu, out);
    json_number("workers", now->pool_threads, out);
    json_number("workers_busy", server->pool_busy, out);
    json_number("workers_waiting", now->pool_waiting, out);
    json_number("network_share", server->network, out);
    json_number("cores", now->cores, out);
    json_number("memory_bytes", now->memory_bytes, out);
    json_number("memory_limit_bytes", now->memory_limit_bytes, out);
    json_number("files", now->fds, out);
    json_number("files_limit", now->fds_limit, out);
    json_number("connections", now->connections, out);
    json_number("connections_refused_per_second", server->refused, out);
    json_number("received_bytes_per_second", server->received_bytes, out);
    json_number("sent_bytes_per_second", server->sent_bytes, out);
    json_number("requests_per_second", server->requests, out);
    mw_buf_char(out, '}');
}

static void write_endpoint_json(const status_rates *rates, mw_buf *out)
{
    mw_buf_text(out, "{\"name\":");
    mw_json_write_text(out, mw_view_of(rates->now->name));
    mw_buf_format(out, ",\"version\":%u", rates->now->version);
    json_number("requests_per_second", rates->requests, out);
    json_number("errors_per_second", rates->failures, out);
    json_number("rows_per_second", rates->rows, out);
    json_number("shed_per_second", rates->shed, out);
    json_number("deadline_misses_per_second", rates->misses, out);
    json_number("p50_seconds", rates->p50, out);
    json_number("p99_seconds", rates->p99, out);
    json_number("in_flight", rates->now->in_flight, out);
    json_number("share_of_server", rates->of_server, out);
    const char *before = ",\"stages\":{";
    for (mw_stage stage = 0; stage < MW_N_STAGES; stage++) {
        mw_buf_format(out, "%s\"%s\":", before, mw_stage_name(stage));
        mw_json_write_double(out, rates->shares[stage]);
        before = ",";
    }
    mw_buf_format(out, "},\"limited_by\":\"%s\",\"why\":", status_resource_word(rates->limit));
    mw_json_write_text(out, mw_view_of(rates->why));
    mw_buf_char(out, '}');
}

void status_write_json(const status_report *report, const char *url, mw_buf *out)
{
    mw_buf_text(out, "{\"url\":");
    mw_json_write_text(out, mw_view_of(url));
    mw_buf_text(out, ",\"version\":");
    mw_json_write_text(out, mw_view_of(report->now->server));
    json_number("started_seconds", report->now->started_seconds, out);
    json_number("seconds", report->server.seconds, out);
    write_server_json(report, out);
    mw_buf_text(out, ",\"endpoints\":[");
    for (size_t i = 0; i < report->n_endpoints; i++) {
        mw_buf_text(out, i ? "," : "");
        write_endpoint_json(&report->endpoints[i], out);
    }
    mw_buf_text(out, "]}\n");
}
