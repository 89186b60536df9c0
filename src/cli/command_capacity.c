/* capacity bench: how many requests a second a running server carries, and how it behaves on the
 * way there.
 *
 *     rows ──> requests ──> load (one step a rate) ──> curve ──> text or JSON
 *                              └ the server's processor time, from its /metrics */
#include "load/load.h"
#include "load_bodies.h"
#include "reach.h"
#include "source.h"

#include <math.h>

enum { METRICS_TIMEOUT_MS = 2000, CHART_WIDTH = 24, PERCENTILES = 5 };
#define BUSY_GENERATOR 0.9
#define LATE_GENERATOR_NS UINT64_C(1000000)
#define NS_PER_MS 1e6

static const double percentiles[PERCENTILES] = {0.5, 0.9, 0.99, 0.999, 1};

typedef struct capacity {
    const cli_call *call;
    mw_dial *dial;
    const char *server, *endpoint; /* endpoint NULL: the only model */
    cli_load_bodies bodies;
    mw_load_options load;
    double warm_s, measured_s;
    mw_load_curve *curve;
    double rates[MW_LOAD_STEPS_MAX];
    size_t n_rates;
} capacity;

/* ---- the server's own account ------------------------------------------------------------------
 */

/* Seconds of processor time the server has taken; below 0 when it does not say. */
static double server_cpu_s(const capacity *job)
{
    static const char name[] = "\nprocess_cpu_seconds_total ";
    mw_client *client;
    mw_view page;
    mw_error err;
    int status;
    double seconds = -1;
    if (mw_client_open_to(job->dial, METRICS_TIMEOUT_MS, &client, &err) != MW_OK)
        return -1;
    if (mw_client_call(client, "GET", "/metrics", NULL, (mw_view){NULL, 0}, &status, &page, &err) ==
            MW_OK &&
        status == 200) {
        const char *at = memmem(page.data, page.size, name, sizeof name - 1);
        if (at && !mw_number_read(at + sizeof name - 1, page.data + page.size, false, &seconds))
            seconds = -1;
    }
    mw_client_close(client);
    return seconds;
}

static mw_status run_step(void *user, double rps, mw_load_step *ret_step, mw_error *err)
{
    const capacity *job = user;
    double before_s = server_cpu_s(job);
    uint64_t began_ns = mw_clock_ns();
    MW_TRY(mw_load_run(&job->load, rps, job->warm_s, job->measured_s, &ret_step->result, err));
    double took_s = (double)(mw_clock_ns() - began_ns) / 1e9, after_s = server_cpu_s(job);
    ret_step->server_cores = before_s < 0 || after_s < 0 ? -1 : (after_s - before_s) / took_s;
    return MW_OK;
}

/* ---- text -------------------------------------------------------------------------------------
 */

static double ms(uint64_t ns)
{
    return (double)ns / NS_PER_MS;
}

static uint64_t bad_of(const mw_load_result *r)
{
    return r->refused + r->failed + r->timeouts + r->broken;
}

/* A bar on a logarithmic scale of time: 0.1 ms is empty, each doubling adds two marks. */
static void chart(uint64_t p99_ns, mw_buf *out)
{
    double marks = 2 * log2(fmax(ms(p99_ns), 0.1) / 0.1);
    int n = marks < CHART_WIDTH ? (int)marks : CHART_WIDTH;
    for (int i = 0; i < n; i++)
        mw_buf_char(out, '#');
}

static void write_heading(mw_buf *out)
{
    mw_buf_text(out, "\n   offered/s  answered/s     bad   p50 ms   p90 ms   p99 ms p99.9 ms   "
                     "max ms  cores  p99, log scale\n");
}

static void write_step(const mw_load_step *step, mw_buf *out)
{
    const mw_load_result *r = &step->result;
    mw_buf_format(out, "%12.0f %11.0f %7llu", r->offered_rps, mw_load_ok_rps(r),
                  (unsigned long long)bad_of(r));
    for (size_t i = 0; i < PERCENTILES; i++)
        mw_buf_format(out, " %8.2f", ms(mw_load_quantile(&r->latency, percentiles[i])));
    if (step->server_cores >= 0)
        mw_buf_format(out, " %6.2f  ", step->server_cores);
    else
        mw_buf_text(out, "      -  ");
    chart(mw_load_quantile(&r->latency, 0.99), out);
    if (!step->is_good)
        mw_buf_format(out, "  %s", step->why);
    mw_buf_char(out, '\n');
}

/* A line as soon as it is measured: the whole may take a minute. */
static void show_step(void *user, const mw_load_step *step)
{
    const capacity *job = user;
    mw_buf line;
    if (!job->call->terminal.err_is_tty)
        return;
    mw_buf_init(&line, 4096);
    write_step(step, &line);
    if (!line.failed)
        cli_note(job->call, "%.*s", (int)line.size - 1, line.data);
    mw_buf_done(&line);
}

static bool generator_was_limit(const mw_load_step *step)
{
    return step->result.generator_busy > BUSY_GENERATOR ||
           step->result.generator_lag_ns > LATE_GENERATOR_NS;
}

static const mw_load_step *knee_of(const mw_load_curve *curve)
{
    return curve->n_good ? &curve->steps[curve->n_good - 1] : NULL;
}

static void write_what(const capacity *job, mw_buf *out)
{
    const mw_load_options *load = &job->load;
    mw_buf_format(out, "%s at %s%s\n", job->endpoint ? job->endpoint : "the only model",
                  mw_dial_url(job->dial), job->bodies.path);
    mw_buf_format(out,
                  "%zu %s a request (%zu bytes), %zu rows of %s in turn\n"
                  "%u connections, %s arrivals, %g s a step after %g s; latency counts from when a "
                  "request was due\n",
                  job->bodies.rows_each, job->bodies.rows_each == 1 ? "row" : "rows",
                  job->bodies.body_bytes, job->bodies.n_rows, job->call->settings[CLI_INPUT].text,
                  load->n_connections, load->is_even ? "even" : "Poisson", job->measured_s,
                  job->warm_s);
    if (job->curve->probe_rps > 0)
        mw_buf_format(out, "closed loop: %.0f requests/s\n", job->curve->probe_rps);
}

static void write_knee(const capacity *job, mw_buf *out)
{
    const mw_load_curve *curve = job->curve;
    const mw_load_step *knee = knee_of(curve);
    const char *limit = curve->objective_is_given ? "the objective" : "five times a quiet server's";
    if (!knee) {
        mw_buf_format(out, "\nknee      none: already the lowest rate is too much (%s)\n",
                      curve->steps[0].why);
        return;
    }
    mw_buf_format(out, "\nknee      %.0f requests/s", knee->result.offered_rps);
    if (job->bodies.rows_each > 1)
        mw_buf_format(out, " (%.0f rows/s)",
                      knee->result.offered_rps * (double)job->bodies.rows_each);
    mw_buf_format(out, ": p99 %.2f ms, within %.2f ms (%s)\n",
                  ms(mw_load_quantile(&knee->result.latency, 0.99)), ms(curve->objective_ns),
                  limit);
    if (curve->n_good < curve->n_steps)
        mw_buf_format(out, "beyond    %.0f requests/s: %s\n",
                      curve->steps[curve->n_good].result.offered_rps,
                      curve->steps[curve->n_good].why);
    else
        mw_buf_text(out, "beyond    not seen: the highest rate offered was still good\n");
    if (knee->server_cores > 0)
        mw_buf_format(out,
                      "cost      %.1f us of processor time a request; %.2f cores at the knee\n",
                      knee->server_cores * 1e6 / knee->result.offered_rps, knee->server_cores);
}

/* Said loudly: a knee of the generator is no knee of the server. */
static void write_doubt(const capacity *job, mw_buf *out)
{
    const mw_load_curve *curve = job->curve;
    for (size_t i = 0; i < curve->n_steps; i++) {
        const mw_load_result *r = &curve->steps[i].result;
        if (r->generator_busy > BUSY_GENERATOR)
            mw_buf_format(
                out,
                "doubt     at %.0f/s the generator was at its end (%.0f %% of a core): the "
                "server may carry more; give it --threads, or another machine\n",
                r->offered_rps, r->generator_busy * 100);
        else if (generator_was_limit(&curve->steps[i]))
            mw_buf_format(out,
                          "doubt     at %.0f/s the generator was woken %.1f ms late: other work "
                          "holds this machine's cores, and the times are partly its own\n",
                          r->offered_rps, ms(r->generator_lag_ns));
        else
            continue;
        return; /* one is enough */
    }
}

static void write_text(const capacity *job, mw_buf *out)
{
    write_what(job, out);
    write_heading(out);
    for (size_t i = 0; i < job->curve->n_steps; i++)
        write_step(&job->curve->steps[i], out);
    write_knee(job, out);
    write_doubt(job, out);
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void json_number(const char *key, double value, mw_buf *out)
{
    mw_buf_format(out, ",\"%s\":", key);
    if (isfinite(value))
        mw_json_write_double(out, value);
    else
        mw_buf_text(out, "null");
}

static void json_count(const char *key, uint64_t value, mw_buf *out)
{
    mw_buf_format(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void json_text(const char *key, const char *value, mw_buf *out)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_text(out, mw_view_of(value));
}

static void json_step(const mw_load_step *step, mw_buf *out)
{
    static const char *const names[PERCENTILES] = {"p50_ms", "p90_ms", "p99_ms", "p999_ms",
                                                   "max_ms"};
    const mw_load_result *r = &step->result;
    mw_buf_text(out, "{\"offered_rps\":");
    mw_json_write_double(out, r->offered_rps);
    json_number("ok_rps", mw_load_ok_rps(r), out);
    json_count("due", r->due, out);
    json_count("ok", r->ok, out);
    json_count("refused", r->refused, out);
    json_count("failed", r->failed, out);
    json_count("timeouts", r->timeouts, out);
    json_count("broken", r->broken, out);
    for (size_t i = 0; i < PERCENTILES; i++)
        json_number(names[i], ms(mw_load_quantile(&r->latency, percentiles[i])), out);
    json_number("mean_ms",
                r->latency.count ? r->latency.sum_ns / (double)r->latency.count / NS_PER_MS : NAN,
                out);
    json_number("server_cores", step->server_cores < 0 ? NAN : step->server_cores, out);
    json_number("generator_busy", r->generator_busy, out);
    json_number("generator_lag_ms", ms(r->generator_lag_ns), out);
    mw_buf_format(out, ",\"good\":%s", step->is_good ? "true" : "false");
    json_text("why", step->why, out);
    mw_buf_char(out, '}');
}

static void json_setting(const capacity *job, mw_buf *out)
{
    const mw_load_options *load = &job->load;
    mw_buf_text(out, "{\"server\":");
    mw_json_write_text(out, mw_view_of(job->server));
    json_text("path", job->bodies.path, out);
    json_count("rows_per_request", job->bodies.rows_each, out);
    json_count("body_bytes", job->bodies.body_bytes, out);
    json_count("connections", load->n_connections, out);
    json_count("threads", load->n_threads, out);
    json_text("arrivals", load->is_even ? "even" : "poisson", out);
    json_count("seed", load->seed, out);
    json_number("warm_s", job->warm_s, out);
    json_number("step_s", job->measured_s, out);
    json_number("timeout_ms", load->timeout_ms, out);
}

static void write_json(const capacity *job, mw_buf *out)
{
    const mw_load_curve *curve = job->curve;
    const mw_load_step *knee = knee_of(curve);
    bool is_doubtful = false;
    json_setting(job, out);
    json_number("closed_loop_rps", curve->probe_rps > 0 ? curve->probe_rps : NAN, out);
    json_number("objective_p99_ms", ms(curve->objective_ns), out);
    mw_buf_format(out, ",\"objective_given\":%s", curve->objective_is_given ? "true" : "false");
    json_number("knee_rps", knee ? knee->result.offered_rps : NAN, out);
    mw_buf_format(out, ",\"knee_is_bounded\":%s",
                  curve->n_good < curve->n_steps ? "true" : "false");
    json_number("cpu_us_per_request",
                knee && knee->server_cores > 0 ? knee->server_cores * 1e6 / knee->result.offered_rps
                                               : NAN,
                out);
    for (size_t i = 0; i < curve->n_steps; i++)
        is_doubtful = is_doubtful || generator_was_limit(&curve->steps[i]);
    mw_buf_format(out, ",\"generator_was_limit\":%s", is_doubtful ? "true" : "false");
    for (size_t i = 0; i < curve->n_steps; i++) {
        mw_buf_text(out, i ? "," : ",\"steps\":[");
        json_step(&curve->steps[i], out);
    }
    mw_buf_text(out, "]}\n");
}

/* ---- run --------------------------------------------------------------------------------------
 */

static int by_rate(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* "1000,2000,5000" */
static mw_status read_rates(capacity *job, mw_error *err)
{
    const char *text = job->call->settings[CLI_RATES].text;
    const char *at = text, *end = text ? text + strlen(text) : NULL;
    while (text) {
        double rate;
        const char *behind = mw_number_read(at, end, false, &rate);
        if (!behind || (behind < end && *behind != ',') || !(rate > 0 && rate <= 1e7) ||
            job->n_rates == MW_LOAD_STEPS_MAX) {
            mw_fail(err, MW_E_OPTION_VALUE,
                    "--rates %s: not up to %d rates of 1 to 10000000 a second", text,
                    MW_LOAD_STEPS_MAX);
            return mw_mend(err, "part them by commas: --rates 1000,2000,5000");
        }
        job->rates[job->n_rates++] = rate;
        if (behind == end)
            break;
        at = behind + 1;
    }
    qsort(job->rates, job->n_rates, sizeof *job->rates, by_rate);
    return MW_OK;
}

static mw_status read_settings(capacity *job, mw_error *err)
{
    const cli_call *call = job->call;
    uint64_t threads = call->settings[CLI_THREADS].number;
    MW_TRY(cli_reach(call, NULL, &job->dial, err));
    job->server = cli_reach_name(job->dial);
    job->endpoint = call->n_arguments > 0 ? call->arguments[0] : NULL;
    job->measured_s = (double)call->settings[CLI_DURATION].number / 1000;
    job->warm_s = fmin(1, job->measured_s / 4);
    job->load = (mw_load_options){
        .dial = job->dial,
        .n_connections = (unsigned)call->settings[CLI_CONNECTIONS].number,
        .n_threads = threads ? (unsigned)threads : 1,
        .is_even = call->settings[CLI_ARRIVALS].number != 0,
        .timeout_ms = (unsigned)call->settings[CLI_TIMEOUT].number,
        .seed = call->settings[CLI_SEED].number,
        .is_stopped = cli_was_interrupted,
    };
    if (job->load.n_connections < job->load.n_threads)
        job->load.n_connections = job->load.n_threads;
    if (!call->settings[CLI_INPUT].text) {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "no rows to send");
        return mw_mend(err, "name a CSV file of rows like those the model gets: --input rows.csv");
    }
    if (strcmp(call->settings[CLI_INPUT].text, "-") == 0) {
        mw_fail(err, MW_E_OPTION_VALUE, "--input -: a pipe cannot be sent in turn");
        return mw_mend(err, "name a file");
    }
    return read_rates(job, err);
}

static mw_status make_requests(capacity *job, mw_error *err)
{
    const cli_call *call = job->call;
    static const cli_body_form forms[] = {CLI_BODY_SPLIT, CLI_BODY_TENSORS, CLI_BODY_BINARY,
                                          CLI_BODY_OBJECTS}; /* of --protocol's choices */
    cli_body_form form = forms[call->settings[CLI_LOAD_PROTOCOL].number];
    if (!job->endpoint && form != CLI_BODY_SPLIT) {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "this protocol needs the endpoint's name");
        return mw_mend(err, "name it: mw capacity bench ENDPOINT --protocol ...");
    }
    MW_TRY(cli_load_bodies_make(&job->bodies, call->settings[CLI_INPUT].text, job->endpoint, form,
                                call->settings[CLI_ROWS].number, job->dial, err));
    job->load.requests = job->bodies.requests;
    job->load.n_requests = job->bodies.n_requests;
    return MW_OK;
}

/* One request by hand: a wrong name or wrong rows are told in the server's own words. */
static mw_status try_one(const capacity *job, mw_error *err)
{
    mw_client *client;
    mw_view answer;
    int status;
    mw_view request = job->bodies.requests[0];
    const char *body = (const char *)memmem(request.data, request.size, "\r\n\r\n", 4) + 4;
    bool is_binary = memmem(request.data, request.size, "octet-stream", 12) != NULL;
    if (is_binary)
        return MW_OK; /* it takes a header that this client cannot send */
    MW_TRY(mw_client_open_to(job->dial, job->load.timeout_ms, &client, err));
    mw_status called = mw_client_call(client, "POST", job->bodies.path, "application/json",
                                      (mw_view){body, (size_t)(request.data + request.size - body)},
                                      &status, &answer, err);
    if (called == MW_OK && (status < 200 || status > 299)) {
        called = mw_fail(err, MW_E_LOAD_NOTHING, "the server refuses these requests");
        mw_why(err, "it answers %d: %.*s", status, answer.size > 400 ? 400 : (int)answer.size,
               answer.data);
        mw_mend(err, "name an endpoint that is served, and rows of its columns");
    }
    mw_client_close(client);
    return called;
}

static mw_status run(capacity *job, mw_buf *text, mw_error *err)
{
    MW_TRY(read_settings(job, err));
    MW_TRY(make_requests(job, err));
    MW_TRY(try_one(job, err));
    mw_load_search search = {
        .run = run_step,
        .user = job,
        .on_step = show_step,
        .rates = job->n_rates ? job->rates : NULL,
        .n_rates = job->n_rates,
        .objective_ns = job->call->settings[CLI_OBJECTIVE].number * UINT64_C(1000000),
    };
    MW_TRY(mw_load_find(&search, job->curve, err));
    bool is_json = job->call->settings[CLI_REASON_FORMAT].number != 0;
    (is_json ? write_json : write_text)(job, text);
    return cli_put(job->call, text, err);
}

mw_status cli_run_capacity_bench(cli_call *call, mw_error *err)
{
    capacity job = {.call = call};
    mw_buf text;
    job.curve = calloc(1, sizeof *job.curve);
    if (!job.curve)
        return mw_fail_memory(err, "the curve");
    mw_buf_init(&text, 4 * MW_MIB);
    cli_interrupt_watch();
    mw_status status = run(&job, &text, err);
    mw_buf_done(&text);
    cli_load_bodies_done(&job.bodies);
    mw_dial_free(job.dial);
    free(job.curve);
    return status;
}
