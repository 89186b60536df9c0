/* What an endpoint did over time: columns of numbers, one row a step.
 *
 *     {"step": 10, "t": [..], "series": {"requests": [..], "p99": [.., null]}, "versions": {..}} */
#include "look.h"

#include <math.h>
#include <stdlib.h>

#include "mlflow.h"

enum {
    VERSIONS_MAX = 8, /* beside what was before */
    RUNS_MAX = SAMPLES_RUNS + VERSIONS_MAX,
    USUAL_SECONDS = 900,
    USUAL_WIDTH = 450,
    WIDTH_MAX = 1500,
    MINUTE = 60,
    HOUR = 3600
};

typedef struct version_series {
    unsigned version;
    api_sample *sums; /* n */
} version_series;

typedef struct series {
    mw_api *api;
    mw_view name;
    mw_buf *out;
    int64_t from, to, step, since;
    size_t n;
    api_sample *sums; /* n, of all versions */
    version_series versions[VERSIONS_MAX + 1];
    size_t n_versions;
    api_run runs[RUNS_MAX]; /* when it was sampled */
    size_t n_runs;
    bool is_known, has_no_memory;
} series;

/* ---- which points ---------------------------------------------------------------------------- */

/* unit: of what is kept of that time. */
static int64_t choose_step(int64_t seconds, int64_t points_max, int64_t unit)
{
    static const int64_t steps[] = {1,   2,   5,    10,   15,   30,    60,   120,
                                    300, 600, 1800, 3600, 7200, 21600, 86400};
    for (size_t i = 0; i < MW_COUNT(steps); i++)
        if (seconds <= steps[i] * points_max && steps[i] % unit == 0)
            return steps[i];
    return steps[MW_COUNT(steps) - 1];
}

static mw_status read_question(series *s, mw_exchange *exchange, mw_error *err)
{
    int64_t now = api_pulse_now(api_pulse_of(s->api)), width;
    MW_TRY(api_query_number(exchange, "to", 1, INT64_C(1) << 40, now + 1, &s->to, err));
    MW_TRY(api_query_number(exchange, "from", 0, s->to - 1,
                            s->to > USUAL_SECONDS ? s->to - USUAL_SECONDS : 0, &s->from, err));
    MW_TRY(api_query_number(exchange, "w", 50, WIDTH_MAX, USUAL_WIDTH, &width, err));
    int64_t kept = (int64_t)SAMPLES_OFFERED_HOURS * HOUR;
    if (s->from < now - kept)
        s->from = now - kept;
    if (s->to > now + 1)
        s->to = now + 1;
    if (s->to <= s->from)
        s->to = s->from + 1;
    int64_t unit = s->from < now - (int64_t)SAMPLES_OFFERED_MINUTES * MINUTE ? HOUR
                   : s->from <= now - SAMPLES_OFFERED_SECONDS                ? MINUTE
                                                                             : 1;
    s->step = choose_step(s->to - s->from, 2 * width, unit);
    s->from -= s->from % s->step;
    s->n = (size_t)((s->to - s->from + s->step - 1) / s->step);
    s->since = INT64_MAX;
    return MW_OK;
}

static bool has_any(const api_sample *sums, size_t n)
{
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++)
        any += api_sample_requests(&sums[i]);
    return any > 0;
}

static void read_track(series *s, const char *endpoint, unsigned version)
{
    int64_t since;
    version_series *v = &s->versions[s->n_versions];
    if (s->has_no_memory)
        return;
    v->version = version;
    v->sums = calloc(s->n, sizeof *v->sums);
    s->has_no_memory |= !v->sums;
    if (!v->sums || !api_samples_read(api_pulse_samples(api_pulse_of(s->api)), endpoint, version,
                                      s->from, s->step, s->n, v->sums, &since)) {
        free(v->sums);
        return;
    }
    s->since = since < s->since ? since : s->since;
    for (size_t i = 0; i < s->n; i++)
        api_sample_add(&s->sums[i], &v->sums[i]);
    if (version != SAMPLES_PAST || has_any(v->sums, s->n))
        s->n_versions++;
    else
        free(v->sums);
}

static void read_version(void *given, const mw_endpoint_info *info)
{
    series *s = given;
    if (!mw_view_is(s->name, info->name))
        return;
    if (!s->is_known) {
        s->n_runs = api_samples_runs(api_pulse_samples(api_pulse_of(s->api)), info->name, s->runs,
                                     RUNS_MAX);
        read_track(s, info->name, SAMPLES_PAST);
    }
    s->is_known = true;
    if (info->version != SAMPLES_PAST && s->n_versions < VERSIONS_MAX)
        read_track(s, info->name, info->version);
}

/* ---- columns --------------------------------------------------------------------------------- */

typedef double column_of(const api_sample *sum, double seconds);

static double all_requests(const api_sample *sum, double seconds)
{
    return (double)api_sample_requests(sum) / seconds;
}

static double ok(const api_sample *sum, double seconds)
{
    return sum->ok / seconds;
}

static double client_errors(const api_sample *sum, double seconds)
{
    return sum->client_errors / seconds;
}

static double server_errors(const api_sample *sum, double seconds)
{
    return sum->server_errors / seconds;
}

static double errors(const api_sample *sum, double seconds)
{
    return ((double)sum->client_errors + sum->server_errors) / seconds;
}

static double rows(const api_sample *sum, double seconds)
{
    return sum->rows / seconds;
}

static double scored(const api_sample *sum, double seconds)
{
    return sum->scored / seconds;
}

static double odd(const api_sample *sum, double seconds)
{
    return sum->odd / seconds;
}

static double p50(const api_sample *sum, double seconds)
{
    (void)seconds;
    return api_sample_quantile(sum, 0.5);
}

static double p90(const api_sample *sum, double seconds)
{
    (void)seconds;
    return api_sample_quantile(sum, 0.9);
}

static double p99(const api_sample *sum, double seconds)
{
    (void)seconds;
    return api_sample_quantile(sum, 0.99);
}

static const struct {
    const char *name;
    column_of *of;
} columns[] = {{"requests", all_requests},
               {"ok", ok},
               {"client_errors", client_errors},
               {"server_errors", server_errors},
               {"rows", rows},
               {"scored", scored},
               {"odd", odd},
               {"p50", p50},
               {"p90", p90},
               {"p99", p99}},
  version_columns[] = {{"requests", all_requests}, {"errors", errors}, {"p99", p99}};

static bool was_sampled(const series *s, int64_t begin, int64_t end)
{
    for (size_t i = 0; i < s->n_runs; i++)
        if (s->runs[i].from < end && s->runs[i].to >= begin)
            return true;
    return false;
}

/* When nobody sampled is a gap, not zero. */
static void put_column(const series *s, const char *name, const api_sample *sums, column_of *of)
{
    mlflow_put_name(s->out, name);
    mw_buf_char(s->out, '[');
    for (size_t i = 0; i < s->n; i++) {
        int64_t begin = s->from + (int64_t)i * s->step, end = begin + s->step;
        int64_t seconds = end > s->to ? s->to - begin : s->step;
        mlflow_put_comma(s->out);
        mw_json_write_double(s->out, was_sampled(s, begin, end) ? of(&sums[i], (double)seconds)
                                                                : (double)NAN);
    }
    mw_buf_char(s->out, ']');
}

/* Requests of each bucket of latency: [[..], ..], a row a step. */
static void put_heat(const series *s)
{
    mw_buf_text(s->out, ",\"heat\":{\"bounds\":[");
    for (size_t i = 0; i < MW_N_LATENCY_BUCKETS; i++) {
        mlflow_put_comma(s->out);
        mw_json_write_double(s->out, mw_latency_bounds[i]);
    }
    mw_buf_text(s->out, "],\"counts\":[");
    for (size_t i = 0; i < s->n; i++) {
        mlflow_put_comma(s->out);
        mw_buf_char(s->out, '[');
        for (size_t b = 0; b <= MW_N_LATENCY_BUCKETS; b++) {
            mlflow_put_comma(s->out);
            mw_json_write_int(s->out, s->sums[i].latency[b]);
        }
        mw_buf_char(s->out, ']');
    }
    mw_buf_text(s->out, "]}");
}

static void put_versions(const series *s)
{
    char name[16];
    mw_buf_text(s->out, ",\"versions\":{");
    for (size_t v = 0; v < s->n_versions; v++) {
        snprintf(name, sizeof name, "%u", s->versions[v].version);
        mlflow_put_name(s->out, name);
        mw_buf_char(s->out, '{');
        for (size_t c = 0; c < MW_COUNT(version_columns); c++)
            put_column(s, version_columns[c].name, s->versions[v].sums, version_columns[c].of);
        mw_buf_char(s->out, '}');
    }
    mw_buf_char(s->out, '}');
}

/* All of it together: what a week's report says. */
static void put_totals(const series *s)
{
    double sums[6] = {0}, latency[MW_N_LATENCY_BUCKETS + 1] = {0}, sampled = 0;
    static const char *const names[] = {"ok",   "client_errors", "server_errors",
                                        "rows", "scored",        "odd"};
    for (size_t i = 0; i < s->n; i++) {
        const uint32_t *fields = (const uint32_t *)&s->sums[i];
        int64_t begin = s->from + (int64_t)i * s->step;
        for (size_t f = 0; f < MW_COUNT(sums); f++)
            sums[f] += fields[f];
        for (size_t b = 0; b <= MW_N_LATENCY_BUCKETS; b++)
            latency[b] += s->sums[i].latency[b];
        sampled += was_sampled(s, begin, begin + s->step) ? (double)s->step : 0;
    }
    mw_buf_format(s->out, ",\"totals\":{\"sampled_seconds\":%.0f", sampled);
    api_put_double(s->out, "requests", sums[0] + sums[1] + sums[2]);
    for (size_t f = 0; f < MW_COUNT(sums); f++)
        api_put_double(s->out, names[f], sums[f]);
    api_put_double(s->out, "p50", api_latency_quantile(latency, 0.5));
    api_put_double(s->out, "p90", api_latency_quantile(latency, 0.9));
    api_put_double(s->out, "p99", api_latency_quantile(latency, 0.99));
    mw_buf_char(s->out, '}');
}

static void put_series(const series *s, bool with_heat)
{
    mw_buf *out = s->out;
    mw_buf_char(out, '{');
    mlflow_put_int(out, "from", s->from);
    mlflow_put_int(out, "to", s->to);
    mlflow_put_int(out, "step", s->step);
    if (s->n_versions > 0)
        mlflow_put_int(out, "since", s->since);
    mw_buf_text(out, ",\"t\":[");
    for (size_t i = 0; i < s->n; i++) {
        mlflow_put_comma(out);
        mw_json_write_int(out, s->from + (int64_t)i * s->step);
    }
    mw_buf_text(out, "],\"series\":{");
    for (size_t c = 0; c < MW_COUNT(columns); c++)
        put_column(s, columns[c].name, s->sums, columns[c].of);
    mw_buf_char(out, '}');
    put_totals(s);
    put_versions(s);
    if (with_heat)
        put_heat(s);
    mw_buf_char(out, '}');
}

static mw_status answer(series *s, mw_exchange *exchange, mw_error *err)
{
    MW_TRY(read_question(s, exchange, err));
    s->sums = calloc(s->n, sizeof *s->sums);
    if (!s->sums)
        return mw_fail_memory(err, "the series");
    mw_fleet_each_version(api_fleet(s->api), read_version, s);
    if (!s->is_known)
        return api_fail_unknown(s->api, s->name, err);
    if (s->has_no_memory)
        return mw_fail_memory(err, "the series");
    put_series(s, mw_view_is(api_query(exchange, "heat"), "1"));
    return MW_OK;
}

void api_look_series(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    series s = {.api = api, .name = asked->params.name, .out = exchange->reply};
    mw_status status = answer(&s, exchange, &err);
    for (size_t v = 0; v < s.n_versions; v++)
        free(s.versions[v].sums);
    free(s.sums);
    if (status == MW_OK)
        api_answer_json(exchange);
    else
        api_answer_error(exchange, &err);
}
