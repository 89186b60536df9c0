/* What the watch has found: GET /drift for programs and people, and the families of /metrics.
 *
 *     fleet (names of features) + monitor (findings) --> JSON, Prometheus lines */
#include "drift.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "look.h"
#include "model/model.h"

enum { COLUMNS_MAX = MW_LIMIT_WATCHED_FEATURES + MW_LIMIT_WATCHED_OUTPUTS };

typedef struct drift_page {
    mw_buf *out;
    mw_monitor *monitor;
    mw_journal *journal;
    mw_watched *columns; /* COLUMNS_MAX */
    mw_watch_report report;
    size_t n_endpoints;
    int64_t seconds; /* of the window; 0: the last 15 minutes, as the verdict has it */
    mw_watch_scope scope;
    mw_view seen; /* endpoints (mw_view_lists) */
} drift_page;

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_feature(const drift_page *page, size_t c)
{
    return c < page->report.n_features;
}

/* A version that was replaced may have had other features: only the one in use has names. */
mw_view api_column_name(const mw_endpoint_info *info, size_t n_features, size_t c, char *room,
                        size_t room_size)
{
    if (c >= n_features)
        return (mw_view){room, (size_t)snprintf(room, room_size, "output %zu", c - n_features)};
    if (info->forest && c < info->forest->schema.n_columns)
        return info->forest->schema.columns[c].name;
    return (mw_view){room, (size_t)snprintf(room, room_size, "f%zu", c)};
}

static mw_view name_of(const drift_page *page, const mw_endpoint_info *info, size_t c, char *room,
                       size_t room_size)
{
    return api_column_name(info, page->report.n_features, c, room, room_size);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void write_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

static void write_column(const drift_page *page, const mw_endpoint_info *info, size_t c)
{
    char room[32];
    mw_buf *out = page->out;
    const mw_watched *found = &page->columns[c];
    double rows = (double)page->report.window_rows;
    mw_buf_text(out, "{\"feature\":");
    mw_json_write_text(out, name_of(page, info, c, room, sizeof room));
    mw_buf_format(out, ",\"kind\":\"%s\",\"drifted\":%s,\"reference\":\"%s\"",
                  is_feature(page, c) ? "input" : "output", found->drifted ? "true" : "false",
                  found->is_learning   ? "learning"
                  : found->is_profiled ? "profile"
                                       : "learned");
    write_number(out, "psi", found->psi);
    write_number(out, "psi_since", found->psi_since);
    write_number(out, "log_e_value", found->log_e_value);
    mw_buf_format(out, ",\"since_rows\":%llu", (unsigned long long)found->since_rows);
    write_number(out, "since_seconds", found->since_seconds);
    write_number(out, "missing_share", rows > 0 ? (double)found->missing / rows : 0);
    write_number(out, "missing_share_reference", found->missing_reference);
    write_number(out, "outside_share", rows > 0 ? (double)found->outside / rows : 0);
    if (is_feature(page, c))
        api_write_stuck(info, c, found, out);
    api_write_values(page->monitor, info, c, found->is_category, page->scope, out);
    mw_buf_char(out, '}');
}

/* What rows are compared with: the training profile, as far as it reaches, or the first rows. */
static void write_reference(const mw_watch_report *r, mw_buf *out)
{
    if (r->n_profiled == 0) {
        mw_buf_format(out, "{\"kind\":\"learned\",\"rows\":%llu,\"wanted\":%llu}",
                      (unsigned long long)r->reference_rows, (unsigned long long)r->learn_rows);
        return;
    }
    mw_buf_format(out, "{\"kind\":\"profile\",\"rows\":%.0f,\"source\":", r->profile_rows);
    mw_json_write_text(out, mw_view_of(r->source));
    mw_buf_format(out, ",\"columns\":%zu,\"learned_rows\":%llu,\"wanted\":%llu}", r->n_profiled,
                  (unsigned long long)r->reference_rows, (unsigned long long)r->learn_rows);
}

/* Of a record that several servers share: their counts are in the rows and distances, where these
 * are not of this server alone. Others that told nothing for long have theirs in it, too. */
static void write_servers(const drift_page *page, const mw_endpoint_info *info)
{
    mw_buf *out = page->out;
    mw_watch_server others[MW_WATCH_SERVERS];
    const mw_watch_report *r = &page->report;
    bool is_alone = page->scope == MW_WATCH_OF_THIS;
    size_t n = mw_monitor_servers(page->monitor, info->name, info->version, others);
    if (r->n_servers + r->n_apart > 1 || n > 0)
        mw_buf_format(out, ",\"servers\":%zu,\"servers_apart\":%zu", r->n_servers, r->n_apart);
    if (n > 0 || is_alone)
        mw_buf_format(out, ",\"scope\":\"%s\"", is_alone ? "server" : "all");
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, i ? ",{\"server\":" : ",\"others\":[{\"server\":");
        mw_json_write_text(out, mw_view_of(others[i].name));
        mw_buf_format(out, ",\"rows\":%llu", (unsigned long long)others[i].rows);
        write_number(out, "as_of", others[i].as_of);
        mw_buf_format(out, ",\"lately\":%s,\"apart\":%s}", others[i].is_lately ? "true" : "false",
                      others[i].is_apart ? "true" : "false");
    }
    mw_buf_text(out, n > 0 ? "]" : "");
}

static void write_joint(const drift_page *page, const mw_endpoint_info *info)
{
    char room[32];
    mw_buf *out = page->out;
    const mw_watch_joint *joint = &page->report.joint;
    if (!joint->is_known)
        return;
    mw_buf_format(out, ",\"joint\":{\"drifted\":%s,\"components\":%zu",
                  joint->drifted ? "true" : "false", joint->n_components);
    write_number(out, "psi", joint->psi);
    write_number(out, "psi_since", joint->psi_since);
    write_number(out, "log_e_value", joint->log_e_value);
    mw_buf_format(out, ",\"since_rows\":%llu", (unsigned long long)joint->since_rows);
    write_number(out, "since_seconds", joint->since_seconds);
    mw_buf_text(out, ",\"features\":[");
    for (size_t i = 0; i < joint->n_causes; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, name_of(page, info, joint->causes[i], room, sizeof room));
    }
    mw_buf_text(out, "]}");
}

static bool look(drift_page *page, const mw_endpoint_info *info)
{
    if (page->scope == MW_WATCH_OF_THIS)
        return mw_monitor_alone(page->monitor, info->name, info->version, (double)page->seconds,
                                &page->report, page->columns, COLUMNS_MAX);
    if (page->seconds == 0)
        return mw_monitor_report(page->monitor, info->name, info->version, &page->report,
                                 page->columns, COLUMNS_MAX);
    return mw_monitor_window(page->monitor, info->name, info->version, (double)page->seconds,
                             &page->report, page->columns, COLUMNS_MAX);
}

static void write_endpoint(void *user, const mw_endpoint_info *info)
{
    drift_page *page = user;
    mw_buf *out = page->out;
    if (!mw_view_lists(page->seen, mw_view_of(info->name)) || !page->monitor || !page->columns ||
        !look(page, info))
        return;
    const mw_watch_report *r = &page->report;
    bool learning = r->state == MW_WATCH_LEARNING;
    mw_buf_format(out, "%s{\"endpoint\":\"%s\",\"version\":%u,\"state\":\"%s\",\"reference\":",
                  page->n_endpoints++ ? ",\n" : "\n", info->name, info->version,
                  learning ? "learning" : "watching");
    write_reference(r, out);
    mw_buf_format(out, ",\"drifted\":%s,\"n_drifted\":%zu,\"rows\":%llu,\"window_rows\":%llu",
                  r->n_drifted ? "true" : "false", r->n_drifted, (unsigned long long)r->rows,
                  (unsigned long long)r->window_rows);
    write_number(out, "window_seconds", r->window_seconds);
    write_servers(page, info);
    mw_buf_format(out, ",\"anomalies\":{\"scored\":%llu,\"found\":%llu",
                  (unsigned long long)r->scored_rows, (unsigned long long)r->anomalous_rows);
    write_number(out, "threshold", r->anomaly_threshold);
    mw_buf_char(out, '}');
    mw_buf_format(out, ",\"inactive\":%s", r->is_inactive ? "true" : "false");
    write_joint(page, info);
    api_write_stream(&r->stream, out);
    api_write_decay(page->monitor, page->journal, info, r->n_features, out);
    api_write_contributions(page->monitor, info,
                            &(api_drift_asked){page->seconds, page->scope, r->is_inactive}, out);
    mw_buf_format(out, ",\"all_columns\":%s,\"features\":[", r->is_cut ? "false" : "true");
    for (size_t c = 0; !learning && c < r->n_features + r->n_outputs; c++) {
        mw_buf_text(out, c ? ",\n  " : "\n  ");
        write_column(page, info, c);
    }
    mw_buf_text(out, "]}");
}

typedef struct one_endpoint {
    drift_page page;
    bool is_told;
} one_endpoint;

static void write_one(void *given, const mw_endpoint_info *info)
{
    one_endpoint *one = given;
    one->is_told = true;
    write_endpoint(&one->page, info);
    if (one->page.n_endpoints == 0)
        mw_buf_text(one->page.out, one->page.monitor ? "{\"state\":\"learning\",\"features\":[]}"
                                                     : "{\"state\":\"off\",\"features\":[]}");
}

void api_look_drift(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    one_endpoint one = {
        .page = {.out = exchange->reply, .monitor = api_monitor(api), .journal = api_journal(api)}};
    if (api_query_window(exchange, 0, &one.page.seconds, &err) != MW_OK ||
        api_query_scope(exchange, &one.page.scope, &err) != MW_OK) {
        api_answer_error(exchange, &err);
        return;
    }
    one.page.columns = calloc(COLUMNS_MAX, sizeof *one.page.columns);
    bool is_known = api_find_endpoint(api, asked->params.name, write_one, &one);
    free(one.page.columns);
    if (is_known) {
        api_answer_json(exchange);
        return;
    }
    api_fail_unknown(api, asked->params.name, &err);
    api_answer_error(exchange, &err);
}

void api_drift(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    (void)asked;
    mw_error err;
    drift_page page = {.out = exchange->reply,
                       .monitor = api_monitor(api),
                       .journal = api_journal(api),
                       .seen = exchange->user_sees};
    if (api_query_window(exchange, 0, &page.seconds, &err) != MW_OK ||
        api_query_scope(exchange, &page.scope, &err) != MW_OK) {
        api_answer_error(exchange, &err);
        return;
    }
    page.columns = calloc(COLUMNS_MAX, sizeof *page.columns);
    mw_buf_format(page.out, "{\"watching\":%s,\"endpoints\":[",
                  page.monitor && page.columns ? "true" : "false");
    if (page.monitor && page.columns)
        mw_fleet_each_version(api_fleet(api), write_endpoint, &page);
    mw_buf_text(page.out, "\n]}\n");
    free(page.columns);
    exchange->reply_type = MW_VIEW("application/json");
    mw_exchange_reply(exchange);
}

/* ---- metrics --------------------------------------------------------------------------------- */

typedef struct drift_metric {
    const char *name, *help;
    double (*of)(const drift_page *page, const mw_watched *found);
} drift_metric;

static double psi(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->psi;
}

static double log_e(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->log_e_value;
}

static double drifted(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->drifted;
}

static double missing(const drift_page *page, const mw_watched *found)
{
    double rows = (double)page->report.window_rows;
    return rows > 0 ? (double)found->missing / rows : 0;
}

static double psi_since(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->drifted ? found->psi_since : NAN;
}

static double since_seconds(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->drifted ? found->since_seconds : NAN;
}

static double since_rows(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->drifted ? (double)found->since_rows : NAN;
}

static double missing_reference(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->missing_reference;
}

static double stuck(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->stuck;
}

static double stuck_seconds(const drift_page *page, const mw_watched *found)
{
    (void)page;
    return found->stuck ? found->stuck_seconds : NAN;
}

static const drift_metric of_columns[] = {
    {"mw_drift_psi", "Population stability index of the last minutes against the reference.", psi},
    {"mw_drift_log_e_value",
     "Logarithm of the evidence of a change since the reference; may be looked at for ever.",
     log_e},
    {"mw_drift_drifted", "1 while evidence and effect say that the column drifted.", drifted},
    {"mw_drift_missing_share", "Share of missing values in the last minutes.", missing},
    {"mw_drift_missing_share_reference", "Share of missing values in the reference.",
     missing_reference},
    {"mw_drift_psi_since",
     "Index of a column that drifted, of the rows since it most likely began.", psi_since},
    {"mw_drift_since_seconds", "How long ago the drift of a column most likely began.",
     since_seconds},
    {"mw_drift_since_rows", "Rows since the drift of a column most likely began.", since_rows},
    {"mw_stream_stuck", "1 while a column that used to vary has one value only.", stuck},
    {"mw_stream_stuck_seconds", "How long a column has had one value only.", stuck_seconds},
};

/* Of a version: what is odd about its stream. */
static const struct stream_metric {
    const char *name, *help;
    size_t at; /* of a double, or a bool */
    bool is_bool;
} of_streams[] = {
    {"mw_stream_silent", "1 while nobody asks an endpoint that used to be asked.",
     offsetof(mw_watch_stream, is_silent), true},
    {"mw_stream_quiet_seconds", "Since the endpoint was asked last.",
     offsetof(mw_watch_stream, quiet_seconds), false},
    {"mw_stream_usual_gap_seconds", "A silence is longer than this.",
     offsetof(mw_watch_stream, usual_gap), false},
    {"mw_stream_burst", "1 while an endpoint is asked far more than is usual.",
     offsetof(mw_watch_stream, is_burst), true},
    {"mw_stream_requests_per_minute", "Requests of the last 60 seconds.",
     offsetof(mw_watch_stream, requests_minute), false},
    {"mw_stream_usual_requests_per_minute", "The busiest minute that is usual at this time.",
     offsetof(mw_watch_stream, usual_minute), false},
    {"mw_stream_duplicates", "1 while one row comes again and again.",
     offsetof(mw_watch_stream, is_flood), true},
    {"mw_stream_duplicate_share", "Share of the commonest row among the last that were sampled.",
     offsetof(mw_watch_stream, repeated), false},
    {"mw_stream_usual_duplicate_share", "The highest such share that is usual.",
     offsetof(mw_watch_stream, usual_repeated), false},
};

void api_write_label(mw_buf *out, mw_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\\' || text.data[i] == '"')
            mw_buf_char(out, '\\');
        if (text.data[i] == '\n')
            mw_buf_text(out, "\\n");
        else
            mw_buf_char(out, text.data[i]);
    }
}

static void write_plain_number(mw_buf *out, double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
}

void api_write_of_feature(mw_buf *out, const char *metric, const mw_endpoint_info *info,
                          mw_view feature, double value)
{
    mw_buf_format(out, "%s{endpoint=\"%s\",version=\"%u\",feature=\"", metric, info->name,
                  info->version);
    api_write_label(out, feature);
    mw_buf_text(out, "\"} ");
    write_plain_number(out, value);
    mw_buf_char(out, '\n');
}

/* Of a version: features together. */
static const struct joint_metric {
    const char *name, *help;
    size_t at; /* of a double */
} of_joint[] = {
    {"mw_drift_joint_psi",
     "Index of how far rows lie from what the reference's components make of them.",
     offsetof(mw_watch_joint, psi)},
    {"mw_drift_joint_psi_since", "The same, of the rows since a change most likely began.",
     offsetof(mw_watch_joint, psi_since)},
    {"mw_drift_joint_log_e_value",
     "Logarithm of the evidence that features no longer go together as they did.",
     offsetof(mw_watch_joint, log_e_value)},
    {"mw_drift_joint_since_seconds", "How long ago that change most likely began.",
     offsetof(mw_watch_joint, since_seconds)},
};

static const struct decay_metric {
    const char *name, *help;
    size_t at; /* of MW_N_DECAY numbers */
} of_decay[] = {
    {"mw_decay_estimated", "Performance of the last minutes, estimated without labels.",
     offsetof(mw_watch_decay, estimated)},
    {"mw_decay_estimated_low", "The estimate less three standard errors.",
     offsetof(mw_watch_decay, low)},
    {"mw_decay_estimated_high", "The estimate and three standard errors.",
     offsetof(mw_watch_decay, high)},
    {"mw_decay_reference", "Performance that the first labels told.",
     offsetof(mw_watch_decay, reference)},
};

/* A page of /metrics has its families one after another, each over all versions; a version's report
 * is asked once. So each family has lines of its own until all versions were looked at. */
enum {
    ROWS,
    SCORED,
    OF_COLUMNS,
    OF_STREAMS = OF_COLUMNS + MW_COUNT(of_columns),
    OF_JOINT = OF_STREAMS + MW_COUNT(of_streams),
    JOINT_DRIFTED = OF_JOINT + MW_COUNT(of_joint),
    OF_DECAY,
    DECAY_FOUND = OF_DECAY + MW_COUNT(of_decay),
    N_FAMILIES
};

typedef struct drift_lines {
    drift_page page;
    api_contribution_lines *contributions;
    mw_buf of[N_FAMILIES];
} drift_lines;

static void put_of_version(mw_buf *out, const char *name, const mw_endpoint_info *info,
                           double value)
{
    if (!isfinite(value))
        return;
    mw_buf_format(out, "%s{endpoint=\"%s\",version=\"%u\"} ", name, info->name, info->version);
    write_plain_number(out, value);
    mw_buf_char(out, '\n');
}

static void put_columns(drift_lines *lines, const mw_endpoint_info *info)
{
    char room[32];
    const drift_page *page = &lines->page;
    for (size_t m = 0; m < MW_COUNT(of_columns); m++)
        for (size_t c = 0; c < page->report.n_features + page->report.n_outputs; c++) {
            double value = of_columns[m].of(page, &page->columns[c]);
            if (isfinite(value)) /* else there are not enough rows yet */
                api_write_of_feature(&lines->of[OF_COLUMNS + m], of_columns[m].name, info,
                                     name_of(page, info, c, room, sizeof room), value);
        }
}

static void put_counts(drift_lines *lines, const mw_endpoint_info *info)
{
    const mw_watch_report *r = &lines->page.report;
    mw_buf_format(&lines->of[ROWS], "mw_watched_rows_total{endpoint=\"%s\",version=\"%u\"} %llu\n",
                  info->name, info->version, (unsigned long long)(r->own_rows + r->reference_rows));
    mw_buf_format(&lines->of[SCORED],
                  "mw_anomaly_rows_total{endpoint=\"%s\",version=\"%u\",outcome=\"usual\"} %llu\n"
                  "mw_anomaly_rows_total{endpoint=\"%s\",version=\"%u\",outcome=\"odd\"} %llu\n",
                  info->name, info->version,
                  (unsigned long long)(r->scored_rows - r->anomalous_rows), info->name,
                  info->version, (unsigned long long)r->anomalous_rows);
}

static void put_stream(drift_lines *lines, const mw_endpoint_info *info)
{
    for (size_t i = 0; i < MW_COUNT(of_streams); i++) {
        const char *at = (const char *)&lines->page.report.stream + of_streams[i].at;
        put_of_version(&lines->of[OF_STREAMS + i], of_streams[i].name, info,
                       of_streams[i].is_bool ? *(const bool *)at : *(const double *)at);
    }
}

static void put_joint(drift_lines *lines, const mw_endpoint_info *info)
{
    const mw_watch_joint *joint = &lines->page.report.joint;
    if (!joint->is_known)
        return;
    for (size_t i = 0; i < MW_COUNT(of_joint); i++) {
        double value;
        memcpy(&value, (const char *)joint + of_joint[i].at, sizeof value);
        put_of_version(&lines->of[OF_JOINT + i], of_joint[i].name, info, value);
    }
    put_of_version(&lines->of[JOINT_DRIFTED], "mw_drift_joint_drifted", info, joint->drifted);
}

static void put_decay_line(mw_buf *out, const mw_endpoint_info *info, const char *name,
                           const char *metric, double value)
{
    if (!isfinite(value))
        return;
    mw_buf_format(out, "%s{endpoint=\"%s\",version=\"%u\",metric=\"%s\"} ", name, info->name,
                  info->version, metric);
    write_plain_number(out, value);
    mw_buf_char(out, '\n');
}

static void put_decay(drift_lines *lines, const mw_endpoint_info *info)
{
    mw_watch_decay decay;
    if (!mw_monitor_decay(lines->page.monitor, info->name, info->version, &decay) ||
        decay.rows == 0)
        return;
    for (size_t m = 0; m < decay.n_metrics; m++) {
        const char *metric = mw_watch_decay_name(decay.is_regression, m);
        for (size_t i = 0; i < MW_COUNT(of_decay); i++)
            put_decay_line(&lines->of[OF_DECAY + i], info, of_decay[i].name, metric,
                           ((const double *)((const char *)&decay + of_decay[i].at))[m]);
        put_decay_line(&lines->of[DECAY_FOUND], info, "mw_decay_found", metric, decay.decayed[m]);
    }
}

static void put_version(void *user, const mw_endpoint_info *info)
{
    drift_lines *lines = user;
    drift_page *page = &lines->page;
    bool is_watched = mw_monitor_report(page->monitor, info->name, info->version, &page->report,
                                        page->columns, COLUMNS_MAX);
    if (is_watched) {
        put_counts(lines, info);
        put_stream(lines, info);
        put_joint(lines, info);
    }
    if (is_watched && page->report.state != MW_WATCH_LEARNING)
        put_columns(lines, info);
    put_decay(lines, info);
    api_contribution_lines_add(lines->contributions, info, is_watched && page->report.is_inactive);
}

static void write_family(drift_lines *lines, size_t family, const char *name, const char *type,
                         const char *help)
{
    mw_buf *out = lines->page.out;
    mw_buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    mw_buf_view(out, mw_buf_as_view(&lines->of[family]));
    out->failed = out->failed || lines->of[family].failed;
}

static void write_families(drift_lines *lines, bool open)
{
    write_family(lines, ROWS, open ? "mw_watched_rows" : "mw_watched_rows_total", "counter",
                 "Rows that the watch over drift has counted or learned from.");
    write_family(lines, SCORED, open ? "mw_anomaly_rows" : "mw_anomaly_rows_total", "counter",
                 "Rows scored for anomalies, up to 1,000 a second.");
    for (size_t i = 0; i < MW_COUNT(of_columns); i++)
        write_family(lines, OF_COLUMNS + i, of_columns[i].name, "gauge", of_columns[i].help);
    for (size_t i = 0; i < MW_COUNT(of_streams); i++)
        write_family(lines, OF_STREAMS + i, of_streams[i].name, "gauge", of_streams[i].help);
    for (size_t i = 0; i < MW_COUNT(of_joint); i++)
        write_family(lines, OF_JOINT + i, of_joint[i].name, "gauge", of_joint[i].help);
    write_family(
        lines, JOINT_DRIFTED, "mw_drift_joint_drifted", "gauge",
        "1 while evidence and effect say that features no longer go together as they did.");
    for (size_t i = 0; i < MW_COUNT(of_decay); i++)
        write_family(lines, OF_DECAY + i, of_decay[i].name, "gauge", of_decay[i].help);
    write_family(lines, DECAY_FOUND, "mw_decay_found", "gauge",
                 "1 while the estimate is worse than what the first labels told, beyond chance.");
    mw_buf_format(lines->page.out,
                  "# HELP mw_watch_memory_bytes Memory held by the watch over drift.\n"
                  "# TYPE mw_watch_memory_bytes gauge\nmw_watch_memory_bytes %zu\n",
                  mw_monitor_memory_bytes(lines->page.monitor));
}

void api_drift_metrics(mw_api *api, mw_buf *out, bool open)
{
    drift_lines lines = {.page = {.out = out, .monitor = api_monitor(api)}};
    if (!lines.page.monitor ||
        !(lines.page.columns = calloc(COLUMNS_MAX, sizeof *lines.page.columns)))
        return;
    for (size_t i = 0; i < N_FAMILIES; i++)
        mw_buf_init(&lines.of[i], out->cap);
    lines.contributions = api_contribution_lines_new(lines.page.monitor, out->cap);
    mw_fleet_each_version(api_fleet(api), put_version, &lines);
    write_families(&lines, open);
    api_contribution_lines_end(lines.contributions, out, open);
    for (size_t i = 0; i < N_FAMILIES; i++)
        mw_buf_done(&lines.of[i]);
    free(lines.page.columns);
}
