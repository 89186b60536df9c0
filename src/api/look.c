/* How an endpoint is, and all that is known of one. */
#include "look.h"

#include <math.h>
#include <stdlib.h>

#include "mlflow.h"
#include "model/model.h"

enum {
    SPARK_STEP = 10, /* seconds */
    COLUMNS_MAX = MW_LIMIT_WATCHED_FEATURES + MW_LIMIT_WATCHED_OUTPUTS,
    FIRING_ERRORS_MIN = 5 /* server errors of a minute, beside their share */
};
static const double firing_error_share = 0.01, watch_psi = 0.1;

/* ---- pieces ---------------------------------------------------------------------------------- */

void api_put_double(mw_buf *out, const char *name, double value)
{
    mlflow_put_name(out, name);
    mw_json_write_double(out, value);
}

void api_put_bool(mw_buf *out, const char *name, bool value)
{
    mlflow_put_name(out, name);
    mw_buf_text(out, value ? "true" : "false");
}

static void put_words(mw_buf *out, const char *name, const char *text)
{
    mlflow_put_text(out, name, mw_view_of(text));
}

bool api_sees(const api_visitor *visitor, const char *endpoint)
{
    return !visitor || mw_grants_role(&visitor->grants, MW_SCOPE_ENDPOINT, mw_view_of(endpoint)) >=
                           MW_ROLE_VIEWER;
}

static uint64_t requests_of(const mw_endpoint_info *info)
{
    uint64_t n = 0;
    for (size_t p = 0; p < MW_N_PROTOCOLS; p++)
        for (size_t c = 0; c < MW_N_CODES; c++)
            n += info->counts.requests[p][c];
    return n;
}

/* ---- drift ----------------------------------------------------------------------------------- */

/* The larger of the effect since the likeliest start and of the last minutes. */
static double effect_of(const mw_watched *found)
{
    double since = found->drifted ? found->psi_since : (double)NAN;
    return since > found->psi || isnan(found->psi) ? since : found->psi;
}

static void look_at_drift(mw_api *api, const char *endpoint, unsigned version, api_sight *sight)
{
    mw_watched *columns = malloc(COLUMNS_MAX * sizeof *columns);
    sight->is_watched =
        columns && api_monitor(api) &&
        mw_monitor_report(api_monitor(api), endpoint, version, &sight->watch, columns, COLUMNS_MAX);
    size_t n = sight->watch.n_features + sight->watch.n_outputs;
    if (sight->is_watched && sight->watch.state != MW_WATCH_LEARNING)
        for (size_t c = 0; c < n; c++) {
            double effect = effect_of(&columns[c]);
            if (isnan(effect) || (sight->has_worst && effect <= sight->worst_psi))
                continue;
            sight->has_worst = true;
            sight->worst_column = c;
            sight->worst_psi = effect;
            sight->worst_drifted = columns[c].drifted;
        }
    free(columns);
}

static void put_column_name(const mw_endpoint_info *info, const api_sight *sight, mw_buf *out)
{
    char room[32];
    size_t c = sight->worst_column;
    mw_view name = {room, 0};
    if (c < sight->watch.n_features && info->forest && c < info->forest->schema.n_columns)
        name = info->forest->schema.columns[c].name;
    else if (c < sight->watch.n_features)
        name.size = (size_t)snprintf(room, sizeof room, "f%zu", c);
    else
        name.size = (size_t)snprintf(room, sizeof room, "output %zu", c - sight->watch.n_features);
    mlflow_put_text(out, "feature", name);
}

static void put_drift(const mw_endpoint_info *info, const api_sight *sight, mw_buf *out)
{
    const mw_watch_report *r = &sight->watch;
    mlflow_put_name(out, "drift");
    if (!sight->is_watched) {
        mw_buf_text(out, "{\"state\":\"off\"}");
        return;
    }
    mw_buf_char(out, '{');
    put_words(out, "state", r->state == MW_WATCH_LEARNING ? "learning" : "watching");
    mlflow_put_int(out, "learned", (int64_t)r->reference_rows);
    mlflow_put_int(out, "wanted", (int64_t)r->learn_rows);
    mlflow_put_int(out, "rows", (int64_t)r->window_rows);
    mlflow_put_int(out, "n_columns", (int64_t)(r->n_features + r->n_outputs));
    mlflow_put_int(out, "n_drifted", (int64_t)r->n_drifted);
    if (sight->has_worst) {
        mlflow_put_name(out, "worst");
        mw_buf_char(out, '{');
        put_column_name(info, sight, out);
        api_put_double(out, "psi", sight->worst_psi);
        api_put_bool(out, "drifted", sight->worst_drifted);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
}

/* ---- quality --------------------------------------------------------------------------------- */

typedef struct quality_search {
    mw_view endpoint;
    uint64_t model;
    api_quality *found;
} quality_search;

static void see_performance(void *user, const mw_performance_part *part)
{
    const quality_search *s = user;
    size_t n_metrics;
    if (part->shape->model != s->model || !mw_view_equal(part->shape->endpoint, s->endpoint))
        return;
    const mw_quality_metric *metric = mw_quality_metrics(part->task, &n_metrics);
    const mw_estimate *e = &part->metrics[0];
    if (n_metrics > 0 && isfinite(e->value))
        *s->found = (api_quality){metric->name, e->value, e->low, e->high, part->n_labels};
}

static void put_quality(const api_quality *q, mw_buf *out)
{
    if (!q->metric)
        return;
    mlflow_put_name(out, "quality");
    mw_buf_char(out, '{');
    put_words(out, "metric", q->metric);
    api_put_double(out, "value", q->value);
    api_put_double(out, "low", q->low);
    api_put_double(out, "high", q->high);
    mlflow_put_int(out, "labels", (int64_t)q->n_labels);
    mw_buf_char(out, '}');
}

uint64_t api_model_of(mw_api *api, const mw_endpoint_info *info)
{
    return api_journal(api) && info->forest ? mw_journal_model(info->forest) : 0;
}

/* ---- what is wrong --------------------------------------------------------------------------- */

typedef struct judgement {
    bool is_firing, is_watched;
    mw_buf *reasons; /* {"level": ..., "text": ...}, ... */
} judgement;

static void say(judgement *j, bool fires, mw_view text)
{
    j->is_firing |= fires;
    j->is_watched |= !fires;
    mlflow_put_comma(j->reasons);
    mw_buf_char(j->reasons, '{');
    put_words(j->reasons, "level", fires ? "firing" : "watch");
    mlflow_put_text(j->reasons, "text", text);
    mw_buf_char(j->reasons, '}');
}

static void say_format(judgement *j, bool fires, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void say_format(judgement *j, bool fires, const char *format, ...)
{
    char text[320];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say(j, fires, (mw_view){text, size < (int)sizeof text ? (size_t)size : sizeof text - 1});
}

static void judge_drift(judgement *j, const api_sight *sight)
{
    if (!sight->is_watched || !sight->has_worst)
        return;
    if (sight->watch.n_drifted > 0)
        say_format(j, true, "%zu of %zu columns drifted", sight->watch.n_drifted,
                   sight->watch.n_features + sight->watch.n_outputs);
    else if (sight->worst_psi >= watch_psi)
        say_format(j, false, "the largest drift is PSI %.2f", sight->worst_psi);
}

static void judge_traffic(judgement *j, const mw_endpoint_info *info, const api_sample *minute)
{
    double n = (double)api_sample_requests(minute), p99 = api_sample_quantile(minute, 0.99);
    double budget = (double)info->latency_budget_ns / 1e9;
    if (!info->ready)
        say_format(j, true, "not ready%s%s", info->reason[0] ? ": " : "", info->reason);
    if (minute->server_errors >= FIRING_ERRORS_MIN &&
        minute->server_errors >= firing_error_share * n)
        say_format(j, true, "%.1f %% of the requests failed in the last minute",
                   100 * minute->server_errors / n);
    else if (minute->server_errors > 0)
        say_format(j, false, "%u request%s failed in the last minute", minute->server_errors,
                   minute->server_errors > 1 ? "s" : "");
    if (info->latency_budget_ns > 0 && p99 > budget)
        say_format(j, false, "p99 is over the budget of %.3g ms", 1000 * budget);
}

/* ---- an endpoint ----------------------------------------------------------------------------- */

static void put_model(const mw_endpoint_info *info, mw_buf *out)
{
    const mw_forest *forest = info->forest;
    if (!forest)
        return;
    put_words(out, "format", mw_format_name(forest->format));
    put_words(out, "objective", forest->objective);
    mlflow_put_int(out, "features", (int64_t)forest->n_features);
    mlflow_put_int(out, "trees", (int64_t)forest->n_trees);
}

static void put_spark(const api_sight *sight, mw_buf *out)
{
    if (!sight->is_sampled)
        return;
    mlflow_put_name(out, "spark");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < LOOK_SPARK_POINTS; i++) {
        mlflow_put_comma(out);
        mw_json_write_double(out, sight->spark[i]);
    }
    mw_buf_char(out, ']');
}

/* Requests a second, errors, latency over the last minute, or since it is sampled. */
static void put_rates(const api_sample *minute, int64_t seconds, mw_buf *out)
{
    double n = (double)api_sample_requests(minute);
    api_put_double(out, "rps", n / (double)seconds);
    api_put_double(out, "error_share",
                   n > 0 ? (minute->client_errors + minute->server_errors) / n : (double)NAN);
    api_put_double(out, "p50", api_sample_quantile(minute, 0.5));
    api_put_double(out, "p99", api_sample_quantile(minute, 0.99));
}

static const char *state_of(const judgement *j, const mw_endpoint_info *info)
{
    return j->is_firing             ? "firing"
           : j->is_watched          ? "watch"
           : requests_of(info) == 0 ? "none"
                                    : "ok";
}

static void look_at_samples(mw_api *api, const char *endpoint, unsigned version, api_sight *sight)
{
    api_sample sums[LOOK_SPARK_POINTS];
    api_pulse *pulse = api_pulse_of(api);
    api_samples *samples = api_pulse_samples(pulse);
    int64_t now = api_pulse_now(pulse), since = now;
    (void)api_samples_read(samples, endpoint, version, now + 1 - LOOK_RATE_SECONDS,
                           LOOK_RATE_SECONDS + 1, 1, &sight->minute, &since);
    sight->since = since;
    int64_t seconds = now + 1 - since;
    sight->seconds = seconds < 1 ? 1 : seconds > LOOK_RATE_SECONDS ? LOOK_RATE_SECONDS : seconds;
    sight->is_sampled =
        api_samples_read(samples, endpoint, version, now + 1 - SPARK_STEP * LOOK_SPARK_POINTS,
                         SPARK_STEP, LOOK_SPARK_POINTS, sums, &since);
    for (size_t i = 0; sight->is_sampled && i < LOOK_SPARK_POINTS; i++)
        sight->spark[i] = (double)api_sample_requests(&sums[i]) / SPARK_STEP;
}

void api_look_at(mw_api *api, const char *endpoint, unsigned version, uint64_t model,
                 api_sight *ret_sight)
{
    quality_search search = {mw_view_of(endpoint), model, &ret_sight->quality};
    *ret_sight = (api_sight){.seconds = 1};
    look_at_samples(api, endpoint, version, ret_sight);
    look_at_drift(api, endpoint, version, ret_sight);
    if (model)
        mw_journal_each_performance(api_journal(api), see_performance, &search);
}

void api_put_sight(const mw_endpoint_info *info, const api_sight *sight, mw_buf *out)
{
    mw_buf reasons;
    mw_buf_init(&reasons, 16 * MW_KIB);
    judgement j = {.reasons = &reasons};
    judge_traffic(&j, info, &sight->minute);
    judge_drift(&j, sight);
    mw_buf_char(out, '{');
    put_words(out, "name", info->name);
    put_words(out, "state", state_of(&j, info));
    mw_buf_format(out, ",\"reasons\":[%s]", reasons.data ? reasons.data : "");
    mlflow_put_int(out, "version", info->version);
    mlflow_put_int(out, "since", 1000 * sight->since);
    api_put_bool(out, "ready", info->ready);
    put_model(info, out);
    put_rates(&sight->minute, sight->seconds, out);
    mlflow_put_int(out, "requests", (int64_t)requests_of(info));
    if (info->counts.last_ms > 0)
        mlflow_put_int(out, "last", (int64_t)info->counts.last_ms);
    put_drift(info, sight, out);
    put_quality(&sight->quality, out);
    put_spark(sight, out);
    mw_buf_char(out, '}');
    mw_buf_done(&reasons);
}

/* ---- one endpoint ---------------------------------------------------------------------------- */

typedef struct search {
    mw_view name;
    void (*see)(void *user, const mw_endpoint_info *info);
    void *user;
    bool is_found;
} search;

static void see_if_named(void *given, const mw_endpoint_info *info)
{
    search *s = given;
    if (s->is_found || !mw_view_is(s->name, info->name))
        return;
    s->is_found = true;
    s->see(s->user, info);
}

bool api_find_endpoint(mw_api *api, mw_view name,
                       void (*see)(void *user, const mw_endpoint_info *info), void *user)
{
    search s = {name, see, user, false};
    mw_fleet_each(api_fleet(api), see_if_named, &s);
    return s.is_found;
}

mw_status api_fail_unknown(mw_api *api, mw_view name, mw_error *err)
{
    (void)api;
    mw_fail(err, MW_E_ENDPOINT_UNKNOWN, "there is no endpoint '%.*s'",
            (int)(name.size < 80 ? name.size : 80), name.data);
    return mw_mend(err, "GET /mw/v1/overview lists them");
}

typedef struct detail {
    mw_api *api;
    mw_view name;
    mw_buf *out;
} detail;

static void put_columns(const mw_forest *forest, mw_buf *out)
{
    mlflow_put_name(out, "columns");
    mw_buf_char(out, '[');
    for (size_t c = 0; c < forest->schema.n_columns; c++) {
        const mw_column *column = &forest->schema.columns[c];
        mlflow_put_comma(out);
        mw_buf_char(out, '{');
        mlflow_put_text(out, "name", column->name);
        put_words(out, "type", mw_column_type_name(column->type));
        if (column->n_categories > 0 && column->categories) {
            mlflow_put_name(out, "categories");
            mw_buf_char(out, '[');
            for (size_t i = 0; i < column->n_categories && i < 100; i++) {
                mlflow_put_comma(out);
                mw_json_write_text(out, column->categories[i]);
            }
            mw_buf_char(out, ']');
        }
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void put_detail(void *given, const mw_endpoint_info *info)
{
    detail *d = given;
    mw_buf *out = d->out;
    api_sight sight;
    api_look_at(d->api, info->name, info->version, api_model_of(d->api, info), &sight);
    mw_buf_text(out, "{\"endpoint\":");
    api_put_sight(info, &sight, out);
    put_words(out, "path", info->path);
    put_words(out, "reason", info->reason);
    mlflow_put_int(out, "memory_bytes", (int64_t)info->memory_bytes);
    mlflow_put_int(out, "loads", (int64_t)info->loads_ok);
    mlflow_put_int(out, "loads_failed", (int64_t)info->loads_failed);
    mlflow_put_int(out, "queue", (int64_t)info->queue_length);
    api_put_double(out, "latency_budget", (double)info->latency_budget_ns / 1e9);
    mlflow_put_name(out, "shed");
    mw_buf_char(out, '{');
    for (mw_shed s = 0; s < MW_N_SHEDS; s++)
        mlflow_put_int(out, mw_shed_name(s), (int64_t)info->shed[s]);
    mw_buf_char(out, '}');
    if (info->forest)
        put_columns(info->forest, out);
    mw_buf_text(out, ",\"versions\":[");
}

static void put_version(void *given, const mw_endpoint_info *info)
{
    detail *d = given;
    api_sample minute = {0};
    int64_t now = api_pulse_now(api_pulse_of(d->api)), since = now;
    if (!mw_view_is(d->name, info->name))
        return;
    (void)api_samples_read(api_pulse_samples(api_pulse_of(d->api)), info->name, info->version,
                           now + 1 - LOOK_RATE_SECONDS, LOOK_RATE_SECONDS + 1, 1, &minute, &since);
    mlflow_put_comma(d->out);
    mw_buf_char(d->out, '{');
    mlflow_put_int(d->out, "version", info->version);
    mlflow_put_int(d->out, "requests", (int64_t)requests_of(info));
    mlflow_put_int(d->out, "since", 1000 * since);
    put_rates(&minute, LOOK_RATE_SECONDS, d->out);
    mw_buf_char(d->out, '}');
}

void api_look_endpoint(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    detail d = {api, asked->params.name, exchange->reply};
    if (!api_find_endpoint(api, d.name, put_detail, &d)) {
        api_fail_unknown(api, d.name, &err);
        api_answer_error(exchange, &err);
        return;
    }
    mw_fleet_each_version(api_fleet(api), put_version, &d);
    mw_buf_char(d.out, ']');
    api_put_bool(d.out, "compares_groups", api_compares_groups(api, d.name));
    mw_buf_char(d.out, '}');
    api_answer_json(exchange);
}
