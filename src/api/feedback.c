/* The truth about predictions comes in, and how good they were goes out.
 *
 *     POST /endpoints/{name}/feedback --> the journal's thread: disk, join --> counts
 *     GET /performance ------------------> the same thread: measured --> JSON
 *
 * The loop only hands over; labels are acknowledged when they are on the disk. */
#include "feedback.h"

#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "guard.h"

typedef struct labels_call {
    mw_feedback feedback;
    mw_exchange *exchange;
} labels_call;

typedef struct performance_call {
    mw_performance_task task;
    mw_exchange *exchange;
    char slice[128];
    size_t n;
} performance_call;

/* ---- pieces ---------------------------------------------------------------------------------- */

static void reply_error(mw_exchange *exchange, const mw_error *err)
{
    mw_serve_error(exchange, err, api_refusal_status(err->code));
    mw_exchange_reply(exchange);
}

static mw_journal *journal_or_error(mw_api *api, mw_exchange *exchange)
{
    mw_error err;
    mw_journal *journal = api_journal(api);
    if (journal)
        return journal;
    mw_fail(&err, MW_E_JOURNAL_OFF, "this server keeps no predictions");
    mw_mend(&err, "start it with --log on");
    reply_error(exchange, &err);
    return NULL;
}

typedef struct looking {
    mw_view name;
    const char *found; /* lives as long as the fleet */
} looking;

static void look_at(void *user, const mw_endpoint_info *info)
{
    looking *l = user;
    if (mw_view_is(l->name, info->name))
        l->found = info->name;
}

/* The endpoint that the address names; replies and returns NULL when there is none. */
static const char *endpoint_or_error(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    looking l = {.name = asked->params.name};
    mw_fleet_each(api_fleet(api), look_at, &l);
    if (l.found)
        return l.found;
    mw_fail(&err, MW_E_ENDPOINT_UNKNOWN, "no endpoint is called '%.*s'", MW_VIEW_ARG(l.name));
    mw_mend(&err, "GET /v2/models lists them");
    reply_error(exchange, &err);
    return NULL;
}

static void write_count(mw_buf *out, const char *name, uint64_t n)
{
    mw_buf_format(out, "%s\"%s\":%llu", out->size > 1 ? "," : "", name, (unsigned long long)n);
}

/* ---- feedback -------------------------------------------------------------------------------- */

static void labels_done(mw_feedback *feedback)
{
    labels_call *call = (labels_call *)feedback;
    mw_exchange *exchange = call->exchange;
    const mw_feedback_counts *r = &feedback->result;
    if (feedback->status != MW_OK) {
        /* a full disk may have room soon: the client should try again */
        mw_serve_error(exchange, &feedback->err, feedback->status == MW_IO ? 503 : 0);
        mw_exchange_reply(exchange);
        return;
    }
    mw_buf_char(exchange->reply, '{');
    write_count(exchange->reply, "received", r->received);
    write_count(exchange->reply, "joined", r->joined);
    write_count(exchange->reply, "waiting", r->waiting);
    write_count(exchange->reply, "duplicates", r->duplicates);
    write_count(exchange->reply, "replaced", r->replaced);
    write_count(exchange->reply, "misfits", r->misfits);
    mw_buf_text(exchange->reply, "}\n");
    exchange->status = 200;
    exchange->reply_type = MW_VIEW("application/json");
    mw_exchange_reply(exchange);
}

static bool is_type(mw_view type, const char *name)
{
    size_t size = strlen(name);
    return type.size >= size && mw_view_is_nocase((mw_view){type.data, size}, name);
}

void api_feedback(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    mw_view body;
    mw_journal *journal = journal_or_error(api, exchange);
    const char *endpoint = journal ? endpoint_or_error(api, exchange, asked) : NULL;
    if (!endpoint)
        return;
    mw_status status = mw_exchange_inflate(exchange, MW_LIMIT_BODY_BYTES, &body, &err);
    if (status != MW_OK) {
        mw_serve_error(exchange, &err,
                       status == MW_NO_MEMORY     ? 413
                       : status == MW_UNSUPPORTED ? 415
                                                  : 0);
        mw_exchange_reply(exchange);
        return;
    }
    labels_call *call = mw_arena_take_zeroed(exchange->arena, 1, sizeof *call);
    if (!call) {
        mw_fail_memory(&err, "the labels");
        reply_error(exchange, &err);
        return;
    }
    call->exchange = exchange;
    call->feedback = (mw_feedback){.endpoint = endpoint,
                                   .body = body,
                                   .is_csv = is_type(exchange->content_type, "text/csv"),
                                   .arena = exchange->arena,
                                   .done = labels_done};
    mw_exchange_defer(exchange);
    if (mw_journal_feedback(journal, &call->feedback, &err) != MW_OK)
        reply_error(exchange, &err);
}

/* ---- performance ----------------------------------------------------------------------------- */

static void see_part(void *user, const mw_performance_part *part)
{
    performance_call *call = user;
    if (!mw_view_lists(call->exchange->user_sees, part->shape->endpoint))
        return;
    mw_buf_text(call->exchange->reply, call->n++ ? ",\n" : "\n");
    mw_performance_write(part, call->exchange->reply);
}

static void performance_done(mw_performance_task *task)
{
    performance_call *call = (performance_call *)task;
    mw_exchange *exchange = call->exchange;
    if (task->status != MW_OK) {
        reply_error(exchange, &task->err);
        return;
    }
    mw_buf_text(exchange->reply, "\n]}\n");
    exchange->reply_type = MW_VIEW("application/json");
    mw_exchange_reply(exchange);
}

static mw_status fail_query(mw_view key, mw_view value, mw_error *err)
{
    mw_fail(err, MW_E_PERFORMANCE_QUERY, "'%.*s=%.*s' is not understood", MW_VIEW_ARG(key),
            MW_VIEW_ARG(value));
    return mw_mend(err, "endpoint=, version=1, window=7d, last=10000, slice=COLUMN, "
                        "threshold=0.5, scope=server");
}

/* "7d", "12h", "30m". */
static bool read_window(mw_view text, int64_t *ret_ms)
{
    static const char units[] = "smhd";
    static const int64_t ms[] = {1000, 60000, 3600000, 86400000};
    uint64_t n;
    const char *unit = text.size ? strchr(units, text.data[text.size - 1]) : NULL;
    if (!unit || !*unit || !mw_whole_parse((mw_view){text.data, text.size - 1}, &n) || n > 100000)
        return false;
    *ret_ms = (int64_t)n * ms[unit - units];
    return true;
}

static mw_status read_pair(mw_view key, mw_view value, mw_performance_query *query, mw_error *err)
{
    uint64_t n;
    int64_t window;
    if (mw_view_is(key, "endpoint")) {
        query->endpoint = value;
    } else if (mw_view_is(key, "version") && mw_whole_parse(value, &n) && n <= UINT32_MAX) {
        query->version = (unsigned)n;
    } else if (mw_view_is(key, "last") && mw_whole_parse(value, &n)) {
        query->last = n;
    } else if (mw_view_is(key, "window") && read_window(value, &window)) {
        query->from_ms = mw_clock_wall_ms() - window;
    } else if (mw_view_is(key, "slice")) {
        query->slice = value;
    } else if (mw_view_is(key, "scope") &&
               (mw_view_is(value, "server") || mw_view_is(value, "all"))) {
        query->is_alone = mw_view_is(value, "server");
    } else if (!mw_view_is(key, "threshold") ||
               !mw_number_parse(value.data, value.size, &query->threshold)) {
        return fail_query(key, value, err);
    }
    return MW_OK;
}

static mw_status read_query(mw_exchange *exchange, mw_performance_query *query, mw_error *err)
{
    mw_view rest = exchange->query;
    while (rest.size > 0) {
        mw_view value = mw_view_cut(&rest, '&'), key = mw_view_cut(&value, '=');
        if (key.size == 0)
            continue;
        if (!mw_percent_decode(key, exchange->arena, &key) ||
            !mw_percent_decode(value, exchange->arena, &value))
            return fail_query(key, value, err);
        MW_TRY(read_pair(key, value, query, err));
    }
    return MW_OK;
}

static void ask(mw_api *api, mw_exchange *exchange, const api_asked *asked, mw_view endpoint)
{
    mw_error err;
    performance_call *call = mw_arena_take_zeroed(exchange->arena, 1, sizeof *call);
    mw_status status = call ? MW_OK : mw_fail_memory(&err, "the performance");
    if (status == MW_OK) {
        call->exchange = exchange;
        call->task.query.threshold = (double)NAN;
        status = read_query(exchange, &call->task.query, &err);
    }
    if (status == MW_OK && endpoint.size > 0) /* the path's, whatever the query names */
        call->task.query.endpoint = endpoint;
    if (status == MW_OK && call->task.query.endpoint.size > 0)
        status = api_check_sees(asked->visitor, call->task.query.endpoint, &err);
    if (status != MW_OK) {
        reply_error(exchange, &err);
        return;
    }
    call->task.see = see_part;
    call->task.done = performance_done;
    call->task.user = call;
    mw_feedback_counts counts;
    mw_journal_count_feedback(api_journal(api), &counts);
    mw_buf_char(exchange->reply, '{');
    write_count(exchange->reply, "labels_waiting", counts.waiting);
    write_count(exchange->reply, "labels_unknown", counts.unknown);
    write_count(exchange->reply, "labels_passed_on", counts.passed_on);
    write_count(exchange->reply, "labels_elsewhere", counts.elsewhere);
    mw_buf_text(exchange->reply, ",\"performance\":[");
    mw_exchange_defer(exchange);
    if (mw_journal_performance(api_journal(api), &call->task, &err) != MW_OK)
        reply_error(exchange, &err);
}

void api_performance(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    if (journal_or_error(api, exchange))
        ask(api, exchange, asked, MW_VIEW(""));
}

void api_endpoint_performance(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    const char *endpoint =
        journal_or_error(api, exchange) ? endpoint_or_error(api, exchange, asked) : NULL;
    if (endpoint)
        ask(api, exchange, asked, mw_view_of(endpoint));
}

/* ---- metrics --------------------------------------------------------------------------------- */

/* One name of /metrics, whose lines stand together. */
typedef struct family {
    mw_buf *out;
    const char *name;
    size_t which; /* of the values that a part has: itself, low, high; or now, first, risen */
} family;

static void write_number(mw_buf *out, double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
    mw_buf_char(out, '\n');
}

static void write_line(mw_buf *out, const char *name, const mw_performance_part *part,
                       const char *label, const char *value)
{
    mw_buf_format(out, "%s{endpoint=\"%.*s\",version=\"%u\",model=\"%016llx\",%s=\"%s\"} ", name,
                  MW_VIEW_ARG(part->shape->endpoint), part->shape->version,
                  (unsigned long long)part->shape->model, label, value);
}

static void put_line(mw_buf *out, const char *name, const mw_performance_part *part,
                     const char *label, const char *value, double number)
{
    if (!isfinite(number))
        return;
    write_line(out, name, part, label, value);
    write_number(out, number);
}

static void see_performance(void *user, const mw_performance_part *part)
{
    const family *f = user;
    size_t n_metrics;
    const mw_quality_metric *metrics = mw_quality_metrics(part->task, &n_metrics);
    for (size_t m = 0; m < n_metrics; m++) {
        const mw_estimate *e = &part->metrics[m];
        const double values[] = {e->value, e->low, e->high};
        put_line(f->out, f->name, part, "metric", metrics[m].name, values[f->which]);
    }
}

static void see_loss(void *user, const mw_performance_part *part)
{
    const family *f = user;
    const mw_level_state *level = &part->loss.level;
    const double since = part->loss.since_ms ? (double)part->loss.since_ms / 1e3 : (double)NAN;
    const double values[] = {level->mean,   level->reference, level->is_risen,
                             level->before, level->chance,    since};
    if (part->loss.name)
        put_line(f->out, f->name, part, "loss", part->loss.name, values[f->which]);
}

static void see_delays(void *user, const mw_performance_part *part)
{
    const family *f = user;
    static const char *const quantiles[] = {"0.5", "0.9", "1"};
    const double values[] = {part->delay_p50, part->delay_p90, part->delay_max};
    for (size_t i = 0; i < MW_COUNT(quantiles); i++) {
        write_line(f->out, f->name, part, "quantile", quantiles[i]);
        write_number(f->out, values[i]);
    }
}

static void write_head(mw_buf *out, const char *name, const char *type, const char *help)
{
    mw_buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_family(mw_journal *journal, mw_buf *out, const char *name, const char *help,
                         void (*see)(void *user, const mw_performance_part *part), size_t which)
{
    write_head(out, name, "gauge", help);
    mw_journal_each_performance(journal, see, &(family){out, name, which});
}

void api_feedback_metrics(mw_api *api, mw_buf *out, bool open)
{
    mw_journal *journal = api_journal(api);
    mw_feedback_counts c;
    if (!journal)
        return;
    mw_journal_count_feedback(journal, &c);
    write_head(out, open ? "mw_labels" : "mw_labels_total", "counter",
               "Labels that came as feedback, by what became of them.");
    const struct {
        const char *name;
        uint64_t n;
    } results[] = {{"joined", c.joined},      {"duplicate", c.duplicates},
                   {"replaced", c.replaced},  {"misfit", c.misfits},
                   {"unknown", c.unknown},    {"passed_on", c.passed_on},
                   {"elsewhere", c.elsewhere}};
    for (size_t i = 0; i < MW_COUNT(results); i++)
        mw_buf_format(out, "mw_labels_total{result=\"%s\"} %llu\n", results[i].name,
                      (unsigned long long)results[i].n);
    write_head(out, "mw_labels_waiting", "gauge", "Labels whose prediction is not there so far.");
    mw_buf_format(out, "mw_labels_waiting %llu\n", (unsigned long long)c.waiting);
    write_family(journal, out, "mw_performance",
                 "How good the predictions of the newest 10,000 labels were.", see_performance, 0);
    write_family(journal, out, "mw_performance_low", "Lower end of its 95 % interval.",
                 see_performance, 1);
    write_family(journal, out, "mw_performance_high", "Upper end of its 95 % interval.",
                 see_performance, 2);
    write_family(journal, out, "mw_loss",
                 "Share of the newest predictions that were wrong (a number: far off), by labels.",
                 see_loss, 0);
    write_family(journal, out, "mw_loss_first", "The same of the first labels.", see_loss, 1);
    write_family(journal, out, "mw_loss_risen", "1 while more are wrong than at first.", see_loss,
                 2);
    write_family(journal, out, "mw_loss_before", "While risen: the share before it rose.", see_loss,
                 3);
    write_family(journal, out, "mw_loss_chance",
                 "While risen: the chance of a false alarm by then, at most.", see_loss, 4);
    write_family(journal, out, "mw_loss_since_timestamp_seconds",
                 "While risen: when the first prediction of the rise was made.", see_loss, 5);
    write_family(journal, out, "mw_label_delay_seconds",
                 "Time from a prediction to its label, by quantile.", see_delays, 0);
}
