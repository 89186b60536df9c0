/* One table of calls; each runs on the pool and writes its whole answer. */
#include "alerts.h"
#include "look.h"

#include <stdlib.h>

enum { POOL_THREADS = 2, BODY_BYTES = 1 << 20 };

struct api_alerts {
    mw_alerts *alerts;
    mw_registry *registry;
    const api_reports *reports; /* NULL: none are kept */
    mw_pool *pool;
};

typedef struct alert_turn {
    mw_job job;
    api_alerts *room;
    mw_exchange *exchange;
    const struct alert_call *call;
    mw_view id;       /* of the path */
    mw_view body;     /* text */
    mw_json *request; /* the same, when the call wants JSON; NULL: none was sent */
    mw_actor actor;
    bool is_admin;          /* and it was asked who he is */
    mw_alert_viewer viewer; /* what he may see */
    const char *changed;    /* for the audit log: what, "silence.add"; NULL: nothing */
    mw_view object, after;
} alert_turn;

typedef mw_status alert_run(alert_turn *turn, mw_error *err);

typedef struct alert_call {
    mw_method method;
    const char *path;
    alert_run *run;
    bool wants_json;
    const char *summary;
} alert_call;

/* ---- requests -------------------------------------------------------------------------------- */

/* A parameter of the query, decoded; absent: data is NULL. */
static mw_view query_of(mw_exchange *exchange, const char *name)
{
    mw_view left = exchange->query, value = {NULL, 0};
    while (left.size > 0) {
        mw_view one = mw_view_cut(&left, '&');
        mw_view key = mw_view_cut(&one, '=');
        if (mw_view_is(key, name) && one.size > 0 &&
            !mw_percent_decode(one, exchange->arena, &value))
            value = one;
    }
    return value;
}

static mw_view parameter(const alert_turn *turn, const char *name)
{
    return query_of(turn->exchange, name);
}

static int64_t whole_parameter(const alert_turn *turn, const char *name)
{
    uint64_t value;
    bool good = mw_whole_parse(parameter(turn, name), &value) && value <= INT64_MAX;
    return good ? (int64_t)value : 0;
}

/* A text of the request; absent: data is NULL. */
static mw_view field(const alert_turn *turn, const char *name)
{
    mw_view text = mw_json_text(mw_json_member(turn->request, name));
    return text.size > 0 ? text : (mw_view){NULL, 0};
}

static mw_status fail_field(const char *what, const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_ALERT_SILENCE, "%s", what);
    return mw_mend(err, "%s", mend);
}

/* "2027-01-31T12:00:00Z" */
static bool read_moment(mw_view text, int64_t *ret_ms)
{
    struct tm utc = {0};
    char room[32];
    if (text.size == 0 || text.size >= sizeof room)
        return false;
    snprintf(room, sizeof room, "%.*s", MW_VIEW_ARG(text));
    const char *end = strptime(room, "%Y-%m-%dT%H:%M:%S", &utc);
    if (end && *end == '.')
        end += strspn(end + 1, "0123456789") + 1;
    if (!end || strcmp(end, "Z") != 0)
        return false;
    *ret_ms = (int64_t)timegm(&utc) * 1000;
    return true;
}

/* `until`, or `seconds` from now on. */
static mw_status read_end(const alert_turn *turn, int64_t *ret_ms, mw_error *err)
{
    int64_t seconds;
    if (mw_json_integer(mw_json_member(turn->request, "seconds"), &seconds) && seconds > 0 &&
        seconds < MW_LIMIT_ALERT_SILENCE_MS / 1000) {
        *ret_ms = mw_clock_wall_ms() + seconds * 1000;
        return MW_OK;
    }
    if (read_moment(field(turn, "until"), ret_ms))
        return MW_OK;
    return fail_field("the silence has no end",
                      "send \"until\": \"2027-01-31T12:00:00Z\", or \"seconds\": 7200", err);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static mw_status check_state(mw_view state, mw_error *err)
{
    static const char *const states[] = {"pending", "firing", "resolved"};
    for (size_t i = 0; i < MW_COUNT(states); i++)
        if (!state.data || mw_view_is(state, states[i]))
            return MW_OK;
    return fail_field("there is no such state", "state is pending, firing or resolved", err);
}

static mw_status run_list(alert_turn *turn, mw_error *err)
{
    MW_TRY(check_state(parameter(turn, "state"), err));
    mw_alert_query query = {.state = parameter(turn, "state"),
                            .endpoint = parameter(turn, "endpoint"),
                            .rule = parameter(turn, "rule"),
                            .severity = parameter(turn, "severity"),
                            .limit = whole_parameter(turn, "limit"),
                            .cursor = whole_parameter(turn, "cursor"),
                            .seen = turn->viewer.seen};
    return mw_alerts_list(turn->room->alerts, &query, turn->exchange->reply, err);
}

static mw_status run_show(alert_turn *turn, mw_error *err)
{
    return mw_alerts_show(turn->room->alerts, turn->id, turn->viewer.seen, turn->exchange->reply,
                          err);
}

static mw_status run_acknowledge(alert_turn *turn, mw_error *err)
{
    turn->changed = "alert.acknowledge";
    turn->object = turn->id;
    turn->after = field(turn, "why");
    return mw_alerts_acknowledge(turn->room->alerts, turn->id, turn->actor.name, turn->after,
                                 turn->exchange->reply, err);
}

static mw_status run_test(alert_turn *turn, mw_error *err)
{
    turn->changed = "alert.test";
    turn->object = field(turn, "receiver");
    return mw_alerts_test(turn->room->alerts, turn->object, turn->actor.name, turn->exchange->reply,
                          err);
}

static mw_status run_silences(alert_turn *turn, mw_error *err)
{
    return mw_alerts_silences(turn->room->alerts, &turn->viewer, turn->exchange->reply, err);
}

static mw_status run_silence(alert_turn *turn, mw_error *err)
{
    mw_silence silence = {
        .match = field(turn, "match"), .who = turn->actor.name, .why = field(turn, "why")};
    if (!silence.match.data)
        return fail_field("the silence does not say of what",
                          "send \"match\": \"endpoint=\\\"churn\\\"\"", err);
    MW_TRY(read_end(turn, &silence.until_ms, err));
    turn->changed = "silence.add";
    turn->object = silence.match;
    turn->after = mw_buf_as_view(turn->exchange->reply);
    MW_TRY(mw_alerts_silence(turn->room->alerts, &silence, turn->exchange->reply, err));
    turn->after = mw_view_trim(mw_buf_as_view(turn->exchange->reply));
    return MW_OK;
}

static mw_status run_unsilence(alert_turn *turn, mw_error *err)
{
    turn->changed = "silence.end";
    turn->object = turn->id;
    return mw_alerts_unsilence(turn->room->alerts, turn->id, turn->actor.name,
                               turn->exchange->reply, err);
}

static mw_status run_rules(alert_turn *turn, mw_error *err)
{
    return mw_alerts_rules(turn->room->alerts, &turn->viewer, turn->exchange->reply, err);
}

static mw_status run_put_rule(alert_turn *turn, mw_error *err)
{
    turn->changed = "rule.set";
    turn->object = MW_VIEW("rule");
    MW_TRY(mw_alerts_put_rule(turn->room->alerts, turn->body, turn->exchange->reply, err));
    turn->after = mw_view_trim(mw_buf_as_view(turn->exchange->reply));
    return MW_OK;
}

static mw_status run_remove_rule(alert_turn *turn, mw_error *err)
{
    turn->changed = "rule.remove";
    turn->object = turn->id;
    return mw_alerts_remove_rule(turn->room->alerts, turn->id, turn->exchange->reply, err);
}

static mw_status run_try_rule(alert_turn *turn, mw_error *err)
{
    int64_t hours = whole_parameter(turn, "hours");
    if (hours > MW_LIMIT_ALERT_PAST_HOURS) {
        mw_fail(err, MW_E_QUERY, "%lld hours are more than are kept", (long long)hours);
        return mw_mend(err, "hours is at most %d", MW_LIMIT_ALERT_PAST_HOURS);
    }
    return mw_alerts_try_rule(turn->room->alerts, turn->body, hours, &turn->viewer,
                              turn->exchange->reply, err);
}

/* ?metric=mw_performance,mw_decay_estimated&endpoint=churn&from=..&to=.. in seconds since 1970. */
static mw_status run_history(alert_turn *turn, mw_error *err)
{
    int64_t now = mw_clock_wall_ms() / 1000, to = whole_parameter(turn, "to");
    int64_t from = whole_parameter(turn, "from");
    mw_view names = parameter(turn, "metric");
    mw_alert_history query = {.endpoint = parameter(turn, "endpoint")};
    to = to > 0 && to <= now + 1 ? to : now + 1;
    from = from > 0 ? from : to - 3600;
    if (from < to - (int64_t)MW_LIMIT_ALERT_PAST_HOURS * 3600)
        from = to - (int64_t)MW_LIMIT_ALERT_PAST_HOURS * 3600;
    while (names.size > 0 && query.n_metrics < MW_ALERT_HISTORY_METRICS)
        query.metrics[query.n_metrics++] = mw_view_cut(&names, ',');
    if (query.n_metrics == 0 || from >= to) {
        mw_fail(err, MW_E_QUERY, "%s",
                query.n_metrics ? "'from' is not before 'to'" : "no metric is named");
        return mw_mend(err, "metric=mw_performance,mw_decay_estimated&endpoint=NAME&from=&to=, in "
                            "seconds since 1970");
    }
    query.from_ms = 1000 * from;
    query.to_ms = 1000 * to;
    return mw_alerts_history(turn->room->alerts, &query, turn->exchange->reply, err);
}

static mw_status run_receivers(alert_turn *turn, mw_error *err)
{
    return mw_alerts_receivers(turn->room->alerts, &turn->viewer, turn->exchange->reply, err);
}

/* Files, variables and programs of the server's machine: an admin's, where it is asked who is
 * there. */
static mw_status run_put_receiver(alert_turn *turn, mw_error *err)
{
    turn->changed = "receiver.set";
    turn->object = MW_VIEW("receiver");
    MW_TRY(mw_alerts_put_receiver(turn->room->alerts, turn->body, turn->is_admin,
                                  turn->exchange->reply, err));
    turn->after = mw_view_trim(mw_buf_as_view(turn->exchange->reply));
    return MW_OK;
}

static mw_status run_remove_receiver(alert_turn *turn, mw_error *err)
{
    turn->changed = "receiver.remove";
    turn->object = turn->id;
    return mw_alerts_remove_receiver(turn->room->alerts, turn->id, turn->exchange->reply, err);
}

/* {"report": "1764261000123~weekly~credit"}: a file that the server keeps, and no other. */
static mw_status run_send(alert_turn *turn, mw_error *err)
{
    mw_alert_report report;
    MW_TRY(api_reports_read(turn->room->reports, field(turn, "report"), turn->exchange->arena,
                            &report, err));
    turn->changed = "report.send";
    turn->object = report.id;
    turn->after = turn->id;
    return mw_alerts_send_report(turn->room->alerts, &report, turn->id, turn->exchange->reply, err);
}

static const alert_call calls[] = {
    {MW_GET, "/mw/v1/alerts", run_list, false, "Alerts: pending, firing, resolved"},
    {MW_POST, "/mw/v1/alerts:test", run_test, true, "Send a test to one receiver or all"},
    {MW_GET, "/mw/v1/alerts/{id}", run_show, false, "An alert"},
    {MW_POST, "/mw/v1/alerts/{id}:ack", run_acknowledge, true, "Say that somebody has seen it"},
    {MW_GET, "/mw/v1/silences", run_silences, false, "Silences"},
    {MW_POST, "/mw/v1/silences", run_silence, true, "Silence alerts for a while"},
    {MW_DELETE, "/mw/v1/silences/{id}", run_unsilence, false, "End a silence"},
    {MW_GET, "/mw/v1/rules", run_rules, false, "Rules for alerts"},
    {MW_POST, "/mw/v1/rules", run_put_rule, false, "Set a rule"},
    {MW_POST, "/mw/v1/rules:test", run_try_rule, false,
     "For what a rule would hold now, and how often it would have fired (?hours=168)"},
    {MW_DELETE, "/mw/v1/rules/{id}", run_remove_rule, false, "Remove a rule that was set"},
    {MW_GET, "/mw/v1/history", run_history, false, "What metrics were over the last week"},
    {MW_GET, "/mw/v1/receivers", run_receivers, false, "Who is told, and whether it works"},
    {MW_POST, "/mw/v1/receivers", run_put_receiver, false, "Set a receiver"},
    {MW_POST, "/mw/v1/receivers/{id}:send", run_send, true,
     "Send it a report that the server keeps"},
    {MW_DELETE, "/mw/v1/receivers/{id}", run_remove_receiver, false,
     "Remove a receiver that was set"},
};

bool api_alerts_call(size_t i, mw_method *ret_method, const char **ret_path,
                     const char **ret_summary)
{
    if (i >= MW_COUNT(calls))
        return false;
    *ret_method = calls[i].method;
    *ret_path = calls[i].path;
    *ret_summary = calls[i].summary;
    return true;
}

/* ---- on the pool ----------------------------------------------------------------------------- */

static mw_status note(mw_record *record, void *given, mw_error *err)
{
    const alert_turn *turn = given;
    mw_view object = turn->object.data ? turn->object : MW_VIEW("-");
    return mw_record_note(record, turn->changed, object, (mw_view){NULL, 0}, turn->after, err);
}

static mw_status note_change(alert_turn *turn, mw_error *err)
{
    if (!turn->changed)
        return MW_OK;
    if (turn->room->registry)
        return mw_registry_write_as(turn->room->registry, &turn->actor, turn->exchange->arena, note,
                                    turn, err);
    mw_log(MW_LOG_INFO, "%s %.*s by %.*s", turn->changed, MW_VIEW_ARG(turn->object),
           MW_VIEW_ARG(turn->actor.name));
    return MW_OK;
}

static mw_status run_call(alert_turn *turn, mw_error *err)
{
    MW_TRY(mw_exchange_inflate(turn->exchange, BODY_BYTES, &turn->body, err));
    if (turn->call->wants_json && mw_view_trim(turn->body).size > 0)
        MW_TRY(mw_json_read(turn->body, &turn->request, err));
    MW_TRY(turn->call->run(turn, err));
    if (turn->exchange->reply->failed)
        return mw_fail_memory(err, "the answer");
    mw_status noted = note_change(turn, err);
    if (noted != MW_OK) /* what alerts are kept in is another file than the record */
        mw_mend(err, "it is done, but the audit log does not tell of it: once the record can be "
                     "written, do it again");
    return noted;
}

static void work(mw_job *job)
{
    mw_error err;
    alert_turn *turn = (alert_turn *)job;
    mw_exchange *exchange = turn->exchange;
    exchange->reply_type = MW_VIEW("application/json");
    if (run_call(turn, &err) != MW_OK) {
        mw_buf_reset(exchange->reply);
        mw_serve_error(exchange, &err, 0);
    }
    mw_json_free(turn->request);
    mw_exchange_reply(exchange);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

bool api_alerts_takes(mw_view path)
{
    static const char *const roots[] = {"/mw/v1/alerts", "/mw/v1/silences", "/mw/v1/rules",
                                        "/mw/v1/receivers", "/mw/v1/history"};
    if (!mw_view_starts(path, "/mw/v1/")) /* as of most requests */
        return false;
    for (size_t i = 0; i < MW_COUNT(roots); i++) {
        size_t size = strlen(roots[i]);
        if (mw_view_starts(path, roots[i]) &&
            (path.size == size || path.data[size] == '/' || path.data[size] == ':'))
            return true;
    }
    return false;
}

/* "{id}" takes a part without '/' and ':'; ":" may arrive as "%3A". */
static bool match_path(const char *pattern, mw_view path, mw_view *ret_id)
{
    size_t at = 0;
    for (; *pattern; pattern++) {
        if (*pattern == '{') {
            size_t from = at;
            while (at < path.size && !strchr("/:%", path.data[at]))
                at++;
            *ret_id = (mw_view){path.data + from, at - from};
            pattern = strchr(pattern, '}');
            if (at == from)
                return false;
        } else if (*pattern == ':' && path.size - at >= 3 &&
                   (memcmp(path.data + at, "%3A", 3) == 0 ||
                    memcmp(path.data + at, "%3a", 3) == 0)) {
            at += 3;
        } else if (at == path.size || path.data[at++] != *pattern) {
            return false;
        }
    }
    return at == path.size;
}

/* *ret_methods: bit per method that the path takes, where it does not take this one. */
static const alert_call *find_call(const mw_exchange *exchange, mw_view *ret_id,
                                   unsigned *ret_methods)
{
    mw_method asked = exchange->method == MW_HEAD ? MW_GET : exchange->method;
    *ret_methods = 0;
    for (size_t i = 0; i < MW_COUNT(calls); i++) {
        *ret_id = (mw_view){NULL, 0};
        if (!match_path(calls[i].path, exchange->path, ret_id))
            continue;
        if (calls[i].method == asked)
            return &calls[i];
        *ret_methods |= 1u << calls[i].method;
    }
    return NULL;
}

static void refuse(mw_exchange *exchange, mw_code code, int status, const char *what,
                   const char *mend)
{
    mw_error err;
    mw_fail(&err, code, "%s", what);
    mw_mend(&err, "%s", mend);
    mw_serve_error(exchange, &err, status);
    mw_exchange_reply(exchange);
}

static void refuse_method(mw_exchange *exchange, unsigned methods)
{
    char line[64] = "Allow: OPTIONS";
    size_t used = strlen(line);
    for (mw_method method = MW_GET; method < MW_METHOD_OTHER; method++)
        if (methods >> method & 1)
            used +=
                (size_t)snprintf(line + used, sizeof line - used, ", %s", mw_method_name(method));
    snprintf(line + used, sizeof line - used, "\r\n");
    const char *kept = mw_arena_text(exchange->arena, mw_view_of(line));
    if (kept)
        exchange->reply_headers = mw_view_of(kept);
    if (exchange->method == MW_OPTIONS) {
        exchange->status = 204;
        mw_exchange_reply(exchange);
        return;
    }
    refuse(exchange, MW_E_ROUTE_METHOD, 405, "this address does not take this method",
           "use a method of the Allow header");
}

static void submit(api_alerts *alerts, const alert_call *call, const alert_turn *of,
                   mw_exchange *exchange)
{
    alert_turn *turn = mw_arena_take(exchange->arena, sizeof *turn);
    if (!turn) {
        refuse(exchange, MW_E_NO_MEMORY, 503, "no memory for the request", "try again later");
        return;
    }
    *turn = *of;
    turn->job.run = work;
    turn->room = alerts;
    turn->exchange = exchange;
    turn->call = call;
    mw_exchange_defer(exchange);
    mw_pool_submit(alerts->pool, &turn->job);
}

void api_alerts_handle(api_alerts *alerts, api_guard *guard, mw_exchange *exchange)
{
    unsigned methods;
    mw_view id;
    api_visitor *visitor = NULL;
    const alert_call *call = find_call(exchange, &id, &methods);
    const char *path = call ? call->path : "/mw/v1/alerts";
    mw_method method = call ? call->method : MW_GET;
    const api_rule *rule = api_rule_of(method, path);
    mw_view endpoint =
        rule->object == API_OBJECT_ENDPOINT ? query_of(exchange, "endpoint") : (mw_view){NULL, 0};
    endpoint =
        endpoint.data ? endpoint : MW_VIEW(""); /* of all, then: nobody's with a role on one */
    if (guard && !api_guard_lets(guard, exchange, rule, endpoint, &visitor))
        return;
    alert_turn of = {.id = id, .actor = api_actor_of(exchange)};
    mw_role role = visitor ? mw_grants_role(&visitor->grants, MW_SCOPE_ALL, MW_VIEW(""))
                           : MW_ROLE_ADMIN; /* nobody was asked */
    of.is_admin = visitor && role >= MW_ROLE_ADMIN;
    of.viewer.hides_addresses = role < MW_ROLE_DEPLOYER;
    of.viewer.seen = exchange->user_sees;
    api_visitor_unref(visitor);
    if (call)
        mw_observe_route(exchange, call->path);
    if (!call && methods)
        refuse_method(exchange, methods);
    else if (!call)
        refuse(exchange, MW_E_ROUTE_UNKNOWN, 404, "nothing stands at this address",
               "GET /openapi.json lists what does");
    else if (!alerts)
        refuse(exchange, MW_E_ALERT_REPLY, 404, "this server has no alerts",
               "start it without --alerts off");
    else
        submit(alerts, call, &of, exchange);
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status api_alerts_new(mw_alerts *alerts, mw_registry *registry, api_alerts **ret_alerts,
                         mw_error *err)
{
    api_alerts *made = calloc(1, sizeof *made);
    if (!made)
        return mw_fail_memory(err, "the routes of alerts");
    made->alerts = alerts;
    made->registry = registry;
    mw_status status = mw_pool_new(POOL_THREADS, &made->pool, err);
    if (status != MW_OK) {
        free(made);
        return status;
    }
    *ret_alerts = made;
    return MW_OK;
}

void api_alerts_set_reports(api_alerts *alerts, const api_reports *reports)
{
    alerts->reports = reports;
}

void api_alerts_free(api_alerts *alerts)
{
    if (!alerts)
        return;
    mw_pool_free(alerts->pool);
    free(alerts);
}
