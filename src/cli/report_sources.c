/* A server, a record and a prediction log are asked. */
#include "report_sources.h"

#include <math.h>
#include <stdarg.h>

#include "journal/journal.h"
#include "look.h"
#include "record_door.h"
#include "rollout/rollout.h"
#include "status.h"

#define TEXT_BYTES (256 * MW_MIB)

enum {
    ENTRIES_MAX = 10000,
    ROLLOUTS_MAX = 1000,
    DAY_SECONDS = 86400,
    DAYS = 14,
    MS = 1000,
    NAME_BYTES = 512
};

bool cli_asks_server(const cli_call *call)
{
    const cli_setting *settings = call->settings;
    bool has_other =
        settings[CLI_RECORD].text || settings[CLI_LOG_FOLDER].origin != CLI_FROM_DEFAULT;
    return !has_other || settings[CLI_SERVER].origin != CLI_FROM_DEFAULT;
}

mw_status cli_read_span(const cli_call *call, double usual, double *ret_from, double *ret_to,
                        mw_error *err)
{
    int64_t ms = mw_clock_wall_ms();
    const char *since = call->settings[CLI_SINCE].text, *until = call->settings[CLI_UNTIL].text;
    if (until)
        MW_TRY(cli_read_moment(until, false, &ms, err));
    *ret_to = (double)ms / MS;
    *ret_from = usual;
    if (since) {
        MW_TRY(cli_read_moment(since, false, &ms, err));
        *ret_from = (double)ms / MS;
    }
    if (!(*ret_from >= *ret_to))
        return MW_OK;
    mw_fail(err, MW_E_REPORT_WHICH, "the span ends before it begins");
    mw_at(err, "--since, --until");
    return mw_mend(err, "write 2h, 7d, 2027-01-31 or 2027-01-31T12:00:00Z; durations are back "
                        "from now");
}

void cli_endpoint_path(char path[CLI_PATH_BYTES], mw_view name, const char *format, ...)
{
    char rest[CLI_PATH_BYTES / 2];
    va_list arguments;
    mw_buf text;
    va_start(arguments, format);
    vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    mw_buf_init(&text, CLI_PATH_BYTES);
    mw_buf_text(&text, "/mw/v1/endpoints/");
    cli_put_encoded(&text, name);
    mw_buf_text(&text, rest);
    snprintf(path, CLI_PATH_BYTES, "%s", text.data);
    mw_buf_done(&text);
}

const char *cli_name_sources(cli_reporting *r)
{
    char text[NAME_BYTES] = "";
    const cli_setting *settings = r->call->settings;
    const struct {
        bool is_used;
        const char *what, *name;
    } sources[] = {{r->dial, "the server at ", r->dial ? cli_reach_name(r->dial) : ""},
                   {settings[CLI_RECORD].text, "the record ", settings[CLI_RECORD].text},
                   {settings[CLI_LOG_FOLDER].origin != CLI_FROM_DEFAULT, "the prediction log ",
                    settings[CLI_LOG_FOLDER].text}};
    for (size_t i = 0; i < MW_COUNT(sources); i++) {
        size_t size = strlen(text);
        if (sources[i].is_used)
            snprintf(text + size, sizeof text - size, "%s%s%.150s", size ? ", " : "",
                     sources[i].what, sources[i].name);
    }
    const char *kept = mw_arena_text(&r->arena, mw_view_of(text));
    return kept ? kept : "";
}

/* ---- changes --------------------------------------------------------------------------------- */

typedef struct changes {
    mw_view endpoint;
    int64_t since_ms;
    mw_buf audit, rollouts;
} changes;

static mw_status write_audit(mw_record *record, changes *c, mw_error *err)
{
    mw_audit_entries found;
    mw_audit_query query = {.since = c->since_ms, .max = ENTRIES_MAX};
    MW_TRY(mw_record_audit(record, &query, &found, err));
    mw_buf_text(&c->audit, "{\"entries\":[");
    for (size_t i = 0; i < found.count; i++) {
        mw_buf_text(&c->audit, i ? ",\n" : "");
        mw_audit_write(&found.items[i], &c->audit);
    }
    mw_buf_format(&c->audit, "]%s}", found.count == ENTRIES_MAX ? ",\"cursor\":1" : "");
    return MW_OK;
}

static mw_status read_changes(mw_record *record, void *given, mw_error *err)
{
    changes *c = given;
    mw_rollouts found;
    size_t n = 0;
    mw_buf_reset(&c->audit); /* a reading may be tried again */
    mw_buf_reset(&c->rollouts);
    MW_TRY(write_audit(record, c, err));
    MW_TRY(mw_record_rollouts(record, false, ROLLOUTS_MAX, &found, err));
    mw_buf_text(&c->rollouts, "{\"items\":[");
    for (size_t i = 0; i < found.count; i++) {
        if (c->endpoint.data && !mw_view_equal(c->endpoint, found.items[i].endpoint))
            continue;
        mw_buf_text(&c->rollouts, n++ ? ",\n" : "");
        MW_TRY(mw_rollout_tell(&found.items[i], &c->rollouts, err));
    }
    mw_buf_text(&c->rollouts, "]}");
    return MW_OK;
}

static mw_status of_record(cli_reporting *r, changes *c, const mw_json **ret_audit,
                           const mw_json **ret_rollouts, mw_error *err)
{
    mw_registry *registry;
    MW_TRY(cli_look(r->call, &registry, err));
    mw_status status = mw_registry_read(registry, &r->arena, read_changes, c, err);
    mw_registry_close(registry);
    MW_TRY(status);
    if (c->audit.failed || c->rollouts.failed)
        return mw_fail_memory(err, "the audit log");
    MW_TRY(cli_keep_json(r, mw_buf_as_view(&c->audit), ret_audit, err));
    return cli_keep_json(r, mw_buf_as_view(&c->rollouts), ret_rollouts, err);
}

static mw_status of_server(cli_reporting *r, const changes *c, const mw_json **ret_audit,
                           const mw_json **ret_rollouts, mw_error *err)
{
    char path[CLI_PATH_BYTES];
    mw_buf text;
    snprintf(path, sizeof path, "/mw/v1/audit?since=%lld&max_results=%d", (long long)c->since_ms,
             (int)ENTRIES_MAX);
    MW_TRY(cli_ask_perhaps(r, "who changed what (the audit log)", path, ret_audit, err));
    mw_buf_init(&text, sizeof path);
    mw_buf_format(&text, "/mw/v1/rollouts?max_results=%d", (int)ROLLOUTS_MAX);
    if (c->endpoint.data)
        mw_buf_text(&text, "&endpoint=");
    cli_put_encoded(&text, c->endpoint);
    mw_status status = cli_ask_perhaps(r, "rollouts", text.data, ret_rollouts, err);
    mw_buf_done(&text);
    return status;
}

mw_status cli_gather_changes(cli_reporting *r, mw_view endpoint, double since,
                             const mw_json **ret_audit, const mw_json **ret_rollouts, mw_error *err)
{
    changes c = {.endpoint = endpoint, .since_ms = since > 0 ? (int64_t)(since * MS) : 0};
    *ret_audit = *ret_rollouts = NULL;
    mw_buf_init(&c.audit, TEXT_BYTES);
    mw_buf_init(&c.rollouts, TEXT_BYTES);
    mw_status status = MW_OK;
    if (r->call->settings[CLI_RECORD].text)
        status = of_record(r, &c, ret_audit, ret_rollouts, err);
    else if (r->dial)
        status = of_server(r, &c, ret_audit, ret_rollouts, err);
    else
        cli_add_gap(r, "changes and rollouts: neither a record nor a server is named");
    mw_buf_done(&c.audit);
    mw_buf_done(&c.rollouts);
    MW_TRY(status);
    if (mw_json_member(*ret_audit, "cursor"))
        cli_add_gap(r, "changes: more than %d since then; the oldest were left out",
                    (int)ENTRIES_MAX);
    return MW_OK;
}

/* ---- alerts, counters ------------------------------------------------------------------------ */

mw_status cli_gather_alerts(cli_reporting *r, mw_view endpoint, const mw_json **ret_alerts,
                            mw_error *err)
{
    double cursor;
    mw_buf path;
    *ret_alerts = NULL;
    if (!r->dial) {
        cli_add_gap(r, "alerts: no server was asked");
        return MW_OK;
    }
    mw_buf_init(&path, CLI_PATH_BYTES);
    mw_buf_text(&path, "/mw/v1/alerts?limit=1000");
    if (endpoint.data)
        mw_buf_text(&path, "&endpoint=");
    cli_put_encoded(&path, endpoint);
    mw_status status = cli_ask_perhaps(r, "alerts", path.data, ret_alerts, err);
    mw_buf_done(&path);
    if (mw_json_number(mw_json_member(*ret_alerts, "next_cursor"), &cursor))
        cli_add_gap(r, "alerts: there are more than 1,000; the oldest were left out");
    return status;
}

/* Buckets are cumulative, so those of versions may be added. */
static void add_version(const status_endpoint *version, double bounds[STATUS_BUCKETS],
                        double buckets[STATUS_BUCKETS], size_t *n, mw_counters *to)
{
    to->requests += version->requests;
    to->failures += version->failures;
    if (version->n_buckets == 0)
        return;
    *n = version->n_buckets;
    for (size_t b = 0; b < *n; b++) {
        bounds[b] = version->bounds[b];
        buckets[b] += version->buckets[b];
    }
}

mw_status cli_gather_counters(cli_reporting *r, mw_view endpoint, mw_counters *ret, mw_error *err)
{
    mw_view page;
    mw_error refused;
    double bounds[STATUS_BUCKETS], buckets[STATUS_BUCKETS] = {0};
    size_t n = 0;
    *ret = (mw_counters){.p50 = (double)NAN, .p99 = (double)NAN};
    status_sample *sample = mw_arena_take_zeroed(&r->arena, 1, sizeof *sample);
    if (!sample)
        return mw_fail_memory(err, "the metrics");
    mw_status status = cli_ask_text(r, "/metrics", &page, &refused);
    if (status == MW_OK)
        status = status_read(page, &r->arena, sample, &refused);
    if (status != MW_OK) {
        cli_add_gap(r, "counters since the start: %s", refused.what);
        return MW_OK;
    }
    ret->started = sample->started_seconds;
    for (size_t i = 0; i < sample->n_endpoints; i++)
        if (mw_view_is(endpoint, sample->endpoints[i].name))
            add_version(&sample->endpoints[i], bounds, buckets, &n, ret);
    ret->p50 = status_quantile(bounds, buckets, n, 0.5);
    ret->p99 = status_quantile(bounds, buckets, n, 0.99);
    return MW_OK;
}

/* ---- the prediction log ---------------------------------------------------------------------- */

typedef struct log_days {
    int64_t first_ms; /* of the first day */
    double rows[DAYS];
} log_days;

static bool count_row(void *user, const mw_log_row *row)
{
    log_days *days = user;
    int64_t day = (row->time_ms - days->first_ms) / ((int64_t)DAY_SECONDS * MS);
    if (day >= 0 && day < DAYS)
        days->rows[day]++;
    return true;
}

static void see_nothing(void *user, const mw_log_shape *shape)
{
    (void)user;
    (void)shape;
}

static mw_status count_days(cli_reporting *r, mw_week *week, const char *folder, mw_error *err)
{
    mw_log_totals totals = {0};
    log_days days = {.first_ms = (int64_t)((week->to - DAYS * DAY_SECONDS) * MS)};
    mw_log_query all = {.endpoint = week->endpoint};
    MW_TRY(mw_log_shapes(folder, &all, see_nothing, NULL, &totals, err));
    mw_log_query query = {
        .endpoint = week->endpoint, .from_ms = days.first_ms, .to_ms = (int64_t)(week->to * MS)};
    double first = totals.first_ms > 0 ? (double)totals.first_ms / MS : week->to;
    MW_TRY(mw_log_read(folder, &query, count_row, &days, &totals, err));
    if (totals.damaged_blocks > 0)
        cli_add_gap(r, "rows by day: %llu damaged blocks of the prediction log were passed over",
                    (unsigned long long)totals.damaged_blocks);
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    mw_buf_format(&text, "{\"first\":%.3f,\"t\":[", first);
    for (int i = 0; i < DAYS; i++)
        mw_buf_format(&text, "%s%.3f", i ? "," : "",
                      (double)days.first_ms / MS + (double)i * DAY_SECONDS);
    mw_buf_text(&text, "],\"rows\":[");
    for (int i = 0; i < DAYS; i++)
        mw_buf_format(&text, "%s%.0f", i ? "," : "", days.rows[i]);
    mw_buf_text(&text, "]}");
    mw_status status = cli_keep_json(r, mw_buf_as_view(&text), &week->log, err);
    mw_buf_done(&text);
    return status;
}

static void put_part(void *user, const mw_performance_part *part)
{
    mw_buf *out = user;
    mw_buf_text(out, out->data[out->size - 1] == '[' ? "" : ",\n");
    mw_performance_write(part, out);
}

static mw_status measure(cli_reporting *r, const mw_week *week, const char *folder, double from,
                         double to, const mw_json **ret, mw_error *err)
{
    mw_buf text;
    mw_performance_query query = {.endpoint = week->endpoint,
                                  .from_ms = (int64_t)(from * MS),
                                  .to_ms = (int64_t)(to * MS),
                                  .threshold = (double)NAN};
    mw_buf_init(&text, TEXT_BYTES);
    mw_buf_text(&text, "{\"performance\":[");
    mw_status status = mw_log_performance(folder, &query, put_part, &text, NULL, err);
    mw_buf_text(&text, "]}");
    if (status == MW_OK)
        status = cli_keep_json(r, mw_buf_as_view(&text), ret, err);
    mw_buf_done(&text);
    return status;
}

mw_status cli_gather_log(cli_reporting *r, mw_week *week, mw_error *err)
{
    const cli_setting *folder = &r->call->settings[CLI_LOG_FOLDER];
    double before = week->from - (week->to - week->from);
    if (folder->origin == CLI_FROM_DEFAULT)
        return MW_OK;
    MW_TRY(count_days(r, week, folder->text, err));
    MW_TRY(measure(r, week, folder->text, week->from, week->to, &week->performance, err));
    return measure(r, week, folder->text, before, week->from, &week->performance_before, err);
}

mw_view cli_model_of(const mw_json *rollouts)
{
    return mw_json_text(
        mw_json_member(mw_json_element(mw_json_member(rollouts, "items"), 0), "model"));
}
