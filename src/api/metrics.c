/* /metrics: Prometheus text 0.0.4, or OpenMetrics 1.0 when the client asks for it.
 *
 * One row a family, one writer for both formats: they differ in the name on the TYPE line of
 * counters (OpenMetrics leaves "_total" out) and in the closing "# EOF". */
#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "drift.h"
#include "feedback.h"
#include "guard.h"
#include "rollout_metrics.h"
#include "webhooks.h"

typedef struct metrics_page {
    mw_buf *out;
    bool open; /* OpenMetrics */
    const struct metric *metric;
} metrics_page;

typedef struct metric {
    const char *name, *type, *help;
    bool by_version; /* one line for each version, else one for each endpoint */
    void (*write)(metrics_page *page, const mw_endpoint_info *info);
} metric;

/* ---- lines ----------------------------------------------------------------------------------- */

static void write_head(metrics_page *page, const char *name, const char *type, const char *help)
{
    size_t size = strlen(name);
    bool counter = strcmp(type, "counter") == 0;
    if (page->open && counter)
        size -= strlen("_total");
    mw_buf_format(page->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)size, name, help, (int)size,
                  name, type);
}

static void write_number(mw_buf *out, double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
}

static void write_plain(metrics_page *page, const char *name, const char *type, const char *help,
                        double value)
{
    write_head(page, name, type, help);
    mw_buf_format(page->out, "%s ", name);
    write_number(page->out, value);
    mw_buf_char(page->out, '\n');
}

/* name{endpoint="churn"} value. Names of endpoints hold no byte that would need an escape. */
static void write_value(metrics_page *page, const mw_endpoint_info *info, double value)
{
    mw_buf_format(page->out, "%s{endpoint=\"%s\"", page->metric->name, info->name);
    if (page->metric->by_version)
        mw_buf_format(page->out, ",version=\"%u\"", info->version);
    mw_buf_text(page->out, "} ");
    write_number(page->out, value);
    mw_buf_char(page->out, '\n');
}

/* ---- families of an endpoint ----------------------------------------------------------------- */

static void write_requests(metrics_page *page, const mw_endpoint_info *info)
{
    for (size_t p = 0; p < MW_N_PROTOCOLS; p++) {
        for (size_t c = 0; c < MW_N_CODES; c++) {
            uint64_t count = info->counts.requests[p][c];
            if (count == 0)
                continue;
            mw_buf_format(page->out, "%s{endpoint=\"%s\",version=\"%u\",protocol=\"%s\",code=\"",
                          page->metric->name, info->name, info->version,
                          mw_protocol_name((mw_protocol)p));
            if (mw_counted_codes[c])
                mw_buf_format(page->out, "%d\"} ", mw_counted_codes[c]);
            else
                mw_buf_text(page->out, "other\"} ");
            mw_buf_format(page->out, "%llu\n", (unsigned long long)count);
        }
    }
}

static void write_latency(metrics_page *page, const mw_endpoint_info *info)
{
    const char *name = page->metric->name;
    uint64_t below = 0;
    for (size_t i = 0; i < MW_N_LATENCY_BUCKETS; i++) {
        below += info->counts.latency[i];
        mw_buf_format(page->out, "%s_bucket{endpoint=\"%s\",version=\"%u\",le=\"", name, info->name,
                      info->version);
        char text[MW_NUMBER_TEXT_BYTES]; /* OpenMetrics wants "1.0" */
        mw_buf_bytes(page->out, text,
                     mw_number_write_double(text, mw_latency_bounds[i], page->open));
        mw_buf_format(page->out, "\"} %llu\n", (unsigned long long)below);
    }
    below += info->counts.latency[MW_N_LATENCY_BUCKETS];
    mw_buf_format(page->out, "%s_bucket{endpoint=\"%s\",version=\"%u\",le=\"+Inf\"} %llu\n", name,
                  info->name, info->version, (unsigned long long)below);
    mw_buf_format(page->out, "%s_sum{endpoint=\"%s\",version=\"%u\"} ", name, info->name,
                  info->version);
    write_number(page->out, (double)info->counts.latency_ns * 1e-9);
    mw_buf_format(page->out, "\n%s_count{endpoint=\"%s\",version=\"%u\"} %llu\n", name, info->name,
                  info->version, (unsigned long long)below);
}

static void write_rows(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->counts.rows);
}

static void write_request_bytes(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->counts.request_bytes);
}

static void write_response_bytes(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->counts.response_bytes);
}

static void write_in_flight(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->counts.in_flight);
}

static void write_explain_seconds(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->counts.stage_ns[MW_STAGE_EXPLAIN] * 1e-9);
}

static void write_explained_rows(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->counts.explained_rows);
}

static void write_predict_seconds(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->counts.stage_ns[MW_STAGE_PREDICT] * 1e-9);
}

/* A summary without quantiles: sum and count, so that shares and means can be asked for. */
static void write_stages(metrics_page *page, const mw_endpoint_info *info)
{
    for (mw_stage stage = 0; stage < MW_N_STAGES; stage++) {
        char labels[MW_LIMIT_NAME_BYTES + 80];
        snprintf(labels, sizeof labels, "{endpoint=\"%s\",version=\"%u\",stage=\"%s\"}", info->name,
                 info->version, mw_stage_name(stage));
        mw_buf_format(page->out, "%s_sum%s ", page->metric->name, labels);
        write_number(page->out, (double)info->counts.stage_ns[stage] * 1e-9);
        mw_buf_format(page->out, "\n%s_count%s %llu\n", page->metric->name, labels,
                      (unsigned long long)info->counts.stage_count[stage]);
    }
}

/* Which have come to nothing are shown, too: a rate needs a beginning. */
static void write_shed(metrics_page *page, const mw_endpoint_info *info)
{
    for (size_t i = 0; i < MW_N_SHEDS; i++)
        mw_buf_format(page->out, "%s{endpoint=\"%s\",reason=\"%s\"} %llu\n", page->metric->name,
                      info->name, mw_shed_name((mw_shed)i), (unsigned long long)info->shed[i]);
}

static void write_misses(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->misses);
}

static void write_budget(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->latency_budget_ns * 1e-9);
}

static void write_queue_length(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->queue_length);
}

static void write_concurrency(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->concurrency);
}

static void write_concurrency_limit(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, info->concurrency_limit);
}

static void write_memory(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, (double)info->memory_bytes);
}

static void write_ready(metrics_page *page, const mw_endpoint_info *info)
{
    write_value(page, info, info->ready);
}

static void write_loads(metrics_page *page, const mw_endpoint_info *info)
{
    const char *name = page->metric->name;
    mw_buf_format(page->out, "%s{endpoint=\"%s\",result=\"ok\"} %llu\n", name, info->name,
                  (unsigned long long)info->loads_ok);
    mw_buf_format(page->out, "%s{endpoint=\"%s\",result=\"failed\"} %llu\n", name, info->name,
                  (unsigned long long)info->loads_failed);
    mw_buf_format(page->out, "%s{endpoint=\"%s\",result=\"refused\"} %llu\n", name, info->name,
                  (unsigned long long)info->loads_refused);
}

static const metric families[] = {
    {"mw_requests_total", "counter", "Prediction requests answered, by status code.", true,
     write_requests},
    {"mw_request_duration_seconds", "histogram",
     "Time from the whole request received to its answer made.", true, write_latency},
    {"mw_rows_total", "counter", "Rows predicted.", true, write_rows},
    {"mw_request_bytes_total", "counter", "Bytes of prediction request bodies.", true,
     write_request_bytes},
    {"mw_response_bytes_total", "counter", "Bytes of prediction answers.", true,
     write_response_bytes},
    {"mw_in_flight_requests", "gauge", "Prediction requests being worked on.", true,
     write_in_flight},
    {"mw_stage_seconds", "summary", "Time of requests by stage.", true, write_stages},
    {"mw_predict_seconds_total", "counter", "Time spent in the model itself.", true,
     write_predict_seconds},
    {"mw_explained_rows_total", "counter", "Rows whose contributions were answered.", true,
     write_explained_rows},
    {"mw_explain_seconds_total", "counter", "Time spent in computing contributions.", true,
     write_explain_seconds},
    {"mw_shed_total", "counter", "Requests refused or dropped before they were worked on.", false,
     write_shed},
    {"mw_deadline_misses_total", "counter",
     "Answers made later than the latency budget or the client's deadline.", false, write_misses},
    {"mw_latency_budget_seconds", "gauge", "Time in which an answer should be made.", false,
     write_budget},
    {"mw_queue_length", "gauge", "Requests that wait for a worker.", false, write_queue_length},
    {"mw_worker_requests", "gauge", "Requests that workers have now.", false, write_concurrency},
    {"mw_worker_requests_limit", "gauge", "How many they may have at a time, as latency tells.",
     false, write_concurrency_limit},
    {"mw_model_memory_bytes", "gauge", "Memory held by the loaded model.", false, write_memory},
    {"mw_model_ready", "gauge", "1 while a model is loaded.", false, write_ready},
    {"mw_model_loads_total", "counter", "Model files loaded, by result.", false, write_loads},
};

static void write_family_row(void *user, const mw_endpoint_info *info)
{
    metrics_page *page = user;
    page->metric->write(page, info);
}

/* ---- the server and the process -------------------------------------------------------------- */

static void write_server(metrics_page *page, const mw_server *server)
{
    mw_server_counts counts;
    if (!server)
        return;
    mw_server_count(server, &counts);
    write_plain(page, "mw_http_requests_total", "counter", "HTTP requests of every kind.",
                (double)counts.requests);
    write_plain(page, "mw_http_connections_accepted_total", "counter", "Connections accepted.",
                (double)counts.accepted);
    write_plain(page, "mw_http_connections_refused_total", "counter",
                "Connections refused over the limit.", (double)counts.refused);
    write_plain(page, "mw_tls_handshakes_total", "counter", "TLS handshakes that succeeded.",
                (double)counts.tls_handshakes);
    write_plain(page, "mw_tls_handshakes_resumed_total", "counter",
                "TLS handshakes that resumed a session.", (double)counts.tls_resumed);
    write_plain(page, "mw_tls_handshakes_failed_total", "counter", "TLS handshakes that failed.",
                (double)counts.tls_failed);
    write_plain(page, "mw_http_timeouts_total", "counter", "Connections closed by a time-out.",
                (double)counts.timeouts);
    write_plain(page, "mw_http_faults_total", "counter",
                "Requests refused before a handler saw them.", (double)counts.faults);
    write_plain(page, "mw_http_connections", "gauge", "Open connections.",
                (double)counts.connections);
    write_plain(page, "mw_http_received_bytes_total", "counter", "Bytes received.",
                (double)counts.bytes_in);
    write_plain(page, "mw_http_sent_bytes_total", "counter", "Bytes sent.",
                (double)counts.bytes_out);
}

static void write_loops(metrics_page *page, const mw_server *server)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } loops[] = {
        {"mw_loop_busy_seconds_total", "Time in which a loop did not wait for events.",
         offsetof(mw_loop_counts, busy_ns)},
        {"mw_loop_cpu_seconds_total", "CPU time of a loop's thread.",
         offsetof(mw_loop_counts, cpu_ns)},
    };
    for (size_t i = 0; server && i < MW_COUNT(loops); i++) {
        write_head(page, loops[i].name, "counter", loops[i].help);
        for (unsigned loop = 0; loop < mw_server_loops(server); loop++) {
            mw_loop_counts counts;
            mw_server_count_loop(server, loop, &counts);
            uint64_t ns;
            memcpy(&ns, (const char *)&counts + loops[i].offset, sizeof ns);
            mw_buf_format(page->out, "%s{loop=\"%u\"} ", loops[i].name, loop);
            write_number(page->out, (double)ns * 1e-9);
            mw_buf_char(page->out, '\n');
        }
    }
}

static void write_pool(metrics_page *page, const mw_fleet *fleet)
{
    mw_pool_counts counts;
    mw_fleet_count_pool(fleet, &counts);
    write_plain(page, "mw_pool_busy_seconds_total", "counter",
                "Time in which threads for large bodies worked, summed over them.",
                (double)counts.busy_ns * 1e-9);
    write_plain(page, "mw_pool_threads", "gauge", "Threads for large bodies.",
                (double)counts.n_threads);
    write_plain(page, "mw_pool_waiting_jobs", "gauge", "Requests that wait for such a thread.",
                (double)counts.n_waiting);
}

static void write_results(metrics_page *page, const char *name, const char *help, size_t n,
                          const char *const *names, const uint64_t *values)
{
    write_head(page, name, "counter", help);
    for (size_t i = 0; i < n; i++)
        mw_buf_format(page->out, "%s{result=\"%s\"} %llu\n", name, names[i],
                      (unsigned long long)values[i]);
}

static void write_observer(metrics_page *page, const mw_observer *observer)
{
    static const char *const lines[] = {"written", "dropped", "failed"};
    static const char *const spans[] = {"sent", "dropped", "failed"};
    mw_observer_counts c;
    mw_observer_count(observer, &c);
    if (c.has_log)
        write_results(page, "mw_access_log_lines_total", "Lines of the access log, by result.",
                      MW_COUNT(lines), lines,
                      (uint64_t[]){c.lines_written, c.lines_dropped, c.lines_failed});
    if (c.has_export)
        write_results(page, "mw_spans_total", "Spans for the collector, by result.",
                      MW_COUNT(spans), spans,
                      (uint64_t[]){c.spans_sent, c.spans_dropped, c.spans_failed});
}

static void write_guard(metrics_page *page, struct api_guard *guard)
{
    static const char *const logins[] = {"verified", "failed", "limited"};
    api_guard_counts c;
    if (!guard)
        return;
    api_guard_count(guard, &c);
    write_results(page, "mw_logins_total",
                  "Credentials that were looked up, by result; what is remembered is not counted.",
                  MW_COUNT(logins), logins, (uint64_t[]){c.verified, c.failed, c.limited});
}

static void write_journal(metrics_page *page, mw_journal *journal)
{
    static const char *const rows[] = {"written", "dropped", "unsampled"};
    mw_journal_counts c;
    if (!journal)
        return;
    mw_journal_count(journal, &c);
    write_results(page, "mw_log_rows_total",
                  "Rows of the prediction log, by result; dropped: the queue or the disk was full.",
                  MW_COUNT(rows), rows,
                  (uint64_t[]){c.rows_written, c.rows_dropped, c.rows_unsampled});
    static const char *const explained[] = {"written", "skipped"};
    if (c.rows_explained + c.rows_unexplained > 0)
        write_results(page, "mw_log_contributions_total",
                      "Rows of the prediction log that contributions were wanted of, by result; "
                      "skipped: no time was left for them, or their model was gone.",
                      MW_COUNT(explained), explained,
                      (uint64_t[]){c.rows_explained, c.rows_unexplained});
    static const char *const messages[] = {"sent", "dropped"};
    if (c.has_kafka)
        write_results(page, "mw_log_kafka_rows_total",
                      "Rows for the topic of Kafka, by result; dropped: the queue was full, or no "
                      "broker took them in time.",
                      MW_COUNT(messages), messages, (uint64_t[]){c.kafka_sent, c.kafka_dropped});
    write_plain(page, "mw_log_failed_blocks_total", "counter",
                "Blocks of the prediction log that could not be written.", (double)c.blocks_failed);
    write_plain(page, "mw_log_removed_segments_total", "counter",
                "Segments of the prediction log removed for their age or the log's size.",
                (double)c.segments_removed);
    write_plain(page, "mw_log_bytes", "gauge", "Size of the prediction log on the disk.",
                (double)c.bytes);
    write_plain(page, "mw_log_segments", "gauge", "Files of the prediction log.",
                (double)c.segments);
}

static double resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%*s %ld", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct rlimit files;
    if (!folder) /* not even one for that is left */
        return errno == EMFILE && getrlimit(RLIMIT_NOFILE, &files) == 0 ? (double)files.rlim_cur
                                                                        : 0;
    double n = -1; /* the folder's own */
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static void write_process(metrics_page *page, const mw_api *api)
{
    struct rusage usage;
    struct rlimit files;
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    write_plain(page, "process_cpu_seconds_total", "counter", "User and system CPU time.",
                seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    write_plain(page, "process_resident_memory_bytes", "gauge", "Resident memory.",
                resident_bytes());
    write_plain(page, "mw_memory_limit_bytes", "gauge",
                "Memory that the process may take: of its container, else of the machine.",
                api_memory_limit());
    write_plain(page, "mw_cores", "gauge", "Cores that the process may use.", api_cores(api));
    write_plain(page, "process_open_fds", "gauge", "Open file descriptors.", open_descriptors());
    write_plain(page, "process_max_fds", "gauge", "Most open file descriptors allowed.",
                (double)files.rlim_cur);
    write_plain(page, "process_start_time_seconds", "gauge",
                "When the process began, in seconds since 1970.", api_started_seconds(api));
}

static void write_record(metrics_page *page, const mw_api *api)
{
    mw_store_counts counts;
    if (!api_record(api))
        return;
    mw_registry_count(api_record(api), &counts);
    write_plain(page, "mw_record_up", "gauge", "1: the record answers; 0: its PostgreSQL is away.",
                !counts.is_away);
    write_plain(page, "mw_record_connections_lost_total", "counter",
                "Connections to the record's PostgreSQL that were lost.", (double)counts.n_lost);
    write_plain(page, "mw_record_writes_total", "counter", "Changes of the record.",
                (double)counts.writes);
    write_plain(page, "mw_record_commits_total", "counter",
                "Transactions that carried them to the disk.", (double)counts.commits);
    api_letter_counts letters;
    api_couriers_count(api_couriers_of(api), &letters);
    write_plain(page, "mw_webhook_letters_taken_total", "counter",
                "Letters to webhooks that were taken.", (double)letters.n_taken);
    write_plain(page, "mw_webhook_letters_dropped_total", "counter",
                "Letters to webhooks that were given up.", (double)letters.n_dropped);
}

static void write_build(metrics_page *page)
{
    write_head(page, "mw_build_info", "gauge", "Version of the program; always 1.");
    mw_buf_text(page->out, "mw_build_info{version=\"" MW_VERSION "\"} 1\n");
}

/* ---- what he may see --------------------------------------------------------------------------
 */

/* The next label of name="value",...}, as it is written; false: there is none. */
static bool next_label(mw_view *left, mw_view *ret_name, mw_view *ret_value)
{
    *ret_name = mw_view_cut(left, '=');
    if (left->size < 2)
        return false;
    size_t end = 1; /* behind the quote */
    while (end < left->size && left->data[end] != '"')
        end += left->data[end] == '\\' ? 2 : 1;
    if (end >= left->size)
        return false;
    *ret_value = (mw_view){left->data + 1, end - 1};
    *left = (mw_view){left->data + end + 1, left->size - end - 1};
    if (left->size > 0 && left->data[0] == ',')
        *left = (mw_view){left->data + 1, left->size - 1};
    return true;
}

/* Alerts and their receivers are of all endpoints together. */
static bool is_for(mw_view seen, mw_view line)
{
    mw_view name, value, left = line;
    mw_view head = mw_view_cut(&left, '{');
    while (head.size > 0 && head.data[0] != '#' && next_label(&left, &name, &value))
        if (mw_view_is(name, "alertname") || mw_view_is(name, "receiver") ||
            (mw_view_is(name, "endpoint") && !mw_view_lists(seen, value)))
            return false;
    return true;
}

/* One place for all families, also for those that are still to come: lines of other endpoints are
 * taken out of the page; what is of the process stays. */
static void keep_seen(mw_view seen, mw_buf *page)
{
    mw_view left = mw_buf_as_view(page);
    size_t kept = 0;
    while (seen.data && left.size > 0) {
        mw_view line = mw_view_cut(&left, '\n');
        if (!is_for(seen, line))
            continue;
        memmove(page->data + kept, line.data, line.size + 1); /* with its end */
        kept += line.size + 1;
    }
    page->size = seen.data ? kept : page->size;
}

static void write_page(mw_api *api, mw_buf *out, bool open)
{
    metrics_page page = {.out = out, .open = open};
    write_build(&page);
    for (size_t i = 0; i < MW_COUNT(families); i++) {
        page.metric = &families[i];
        write_head(&page, families[i].name, families[i].type, families[i].help);
        (families[i].by_version ? mw_fleet_each_version : mw_fleet_each)(api_fleet(api),
                                                                         write_family_row, &page);
    }
    write_server(&page, api_server(api));
    write_loops(&page, api_server(api));
    write_pool(&page, api_fleet(api));
    write_observer(&page, api_observer(api));
    write_guard(&page, api_guard_of(api));
    api_drift_metrics(api, page.out, page.open);
    api_rollout_metrics(api, page.out, page.open);
    write_record(&page, api);
    write_journal(&page, api_journal(api));
    api_feedback_metrics(api, page.out, page.open);
    api_fairness_metrics(api, page.out);
    if (api_alerting(api))
        mw_alerts_metrics(api_alerting(api), page.out, page.open);
    write_process(&page, api);
}

void mw_api_write_metrics(void *api, mw_buf *out)
{
    write_page(api, out, false);
}

void api_metrics(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    (void)asked;
    metrics_page page = {.out = exchange->reply,
                         .open = mw_exchange_names_type(exchange, "application/openmetrics-text")};
    write_page(api, page.out, page.open);
    keep_seen(exchange->user_sees, page.out);
    if (page.open)
        mw_buf_text(page.out, "# EOF\n");
    exchange->reply_type =
        page.open ? MW_VIEW("application/openmetrics-text; version=1.0.0; charset=utf-8")
                  : MW_VIEW("text/plain; version=0.0.4; charset=utf-8");
    mw_exchange_reply(exchange);
}
