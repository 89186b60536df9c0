/* From an exchange to its handler. */
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "alerts.h"
#include "host.h"
#include "look.h"
#include "mlflow.h"
#include "session.h"

enum { READERS = 2 }; /* one may be in a long log */

struct mw_api {
    mw_fleet *fleet;
    mw_server *server;
    mw_observer *observer;
    api_mlflow *mlflow;     /* NULL: there is no record */
    api_guard *guard;       /* NULL: nobody is asked who he is */
    const api_rule **rules; /* of each route; NULL without a guard */
    mw_monitor *monitor;
    api_pulse *pulse; /* from the server's opening on */
    api_board *board;
    api_reports *reports;  /* NULL: there is no data folder */
    const char *base_path; /* "", or "/prefix" */
    const char *hosts;     /* NULL: any (host.c) */
    const char *folder;    /* NULL: nothing is kept */
    mw_journal *journal;
    _Atomic(mw_alerts *) alerting;     /* as the conductor: the pulse looks at it */
    api_alerts *alerts;                /* NULL: there are none */
    mw_registry *registry;             /* NULL: no record is kept */
    _Atomic(mw_conductor *) conductor; /* NULL: no rollouts */
    mw_pool *readers;                  /* of what waits for the disk */
    size_t artifact_bytes_max, body_bytes_max;
    mw_webhooks_mode webhooks;
    unsigned cores;
    double started_seconds;
};

mw_status mw_api_new(mw_fleet *fleet, mw_api **ret_api, mw_error *err)
{
    mw_api *api = calloc(1, sizeof *api);
    if (!api)
        return mw_fail_memory(err, "the routes");
    *api = (mw_api){
        .fleet = fleet, .base_path = "", .started_seconds = (double)mw_clock_wall_ms() / 1000};
    *ret_api = api;
    return MW_OK;
}

void mw_api_free(mw_api *api)
{
    if (!api)
        return;
    api_reports_free(api->reports);
    api_pulse_free(api->pulse);
    mw_pool_free(api->readers);
    api_board_free(api->board);
    api_alerts_free(api->alerts);
    api_mlflow_free(api->mlflow);
    api_guard_free(api->guard);
    free(api->rules);
    free(api);
}

/* ---- who loads and unloads ------------------------------------------------------------------- */

typedef struct control_note {
    const char *action;
    mw_view object;
} control_note;

static mw_status note_control(mw_record *record, void *given, mw_error *err)
{
    const control_note *note = given;
    const mw_view nothing = {NULL, 0};
    return mw_record_note(record, note->action, note->object, nothing, nothing, err);
}

/* It has happened: a record that cannot be written does not undo it, but it is said. */
static void controlled(void *user, const mw_exchange *exchange, const char *endpoint, bool is_load)
{
    mw_api *api = user;
    mw_error err;
    char object[320];
    mw_actor actor = api_actor_of(exchange);
    snprintf(object, sizeof object, "endpoint %s", endpoint);
    control_note note = {is_load ? "endpoint.load" : "endpoint.unload", mw_view_of(object)};
    if (mw_registry_write_as(api->registry, &actor, exchange->arena, note_control, &note, &err) !=
        MW_OK)
        mw_log_error(MW_LOG_WARN, "a change of an endpoint is not in the audit log", &err);
}

void mw_api_set_webhooks(mw_api *api, mw_webhooks_mode mode)
{
    api->webhooks = mode;
}

mw_status mw_api_set_registry(mw_api *api, mw_registry *registry, mw_error *err)
{
    api->registry = registry;
    mw_fleet_on_control(api->fleet, controlled, api);
    return api_mlflow_new(registry, api->artifact_bytes_max, api->webhooks, &api->mlflow, err);
}

mw_status mw_api_own(mw_api *api, const char *name, const char *model, mw_error *err)
{
    return api->mlflow ? api_mlflow_own(api->mlflow, name, model, err) : MW_OK;
}

mw_status mw_api_set_guard(mw_api *api, mw_registry *registry, unsigned n_loops,
                           const char *guarded, bool metrics, mw_error *err)
{
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    api->rules = calloc(n_routes, sizeof *api->rules);
    if (!api->rules)
        return mw_fail_memory(err, "the routes");
    for (size_t i = 0; i < n_routes; i++)
        api->rules[i] = api_rule_of(routes[i].method, routes[i].path);
    return api_guard_new(registry, &(api_guard_options){n_loops, guarded, metrics}, &api->guard,
                         err);
}

struct api_guard *api_guard_of(const mw_api *api)
{
    return api->guard;
}

bool api_has_record(const mw_api *api)
{
    return api->mlflow;
}

mw_status mw_api_set_server(mw_api *api, mw_server *server, mw_error *err)
{
    api->server = server;
    char traffic[PATH_MAX];
    bool keeps = api->folder && (size_t)snprintf(traffic, sizeof traffic, "%s/traffic",
                                                 api->folder) < sizeof traffic;
    MW_TRY(mw_pool_new(READERS, &api->readers, err));
    MW_TRY(api_pulse_new(api->fleet, server, keeps ? traffic : NULL, &api->pulse, err));
    return api_board_new(api, &api->board, err);
}

api_board *api_board_of(mw_api *api)
{
    return api->board;
}

mw_pool *api_readers(mw_api *api)
{
    return api->readers;
}

api_pulse *api_pulse_of(mw_api *api)
{
    return api->pulse;
}

mw_status mw_api_set_reports(mw_api *api, const mw_api_reports_maker *maker, mw_error *err)
{
    if (!api->folder)
        return MW_OK;
    MW_TRY(api_reports_new(api->folder, maker, &api->reports, err));
    if (!api->alerting)
        return MW_OK;
    api_alerts_set_reports(api->alerts, api->reports);
    mw_alerts_set_reporter(api->alerting, &(mw_alert_reporter){api_reports_make, api->reports});
    return MW_OK;
}

struct api_reports *api_reports_of(mw_api *api)
{
    return api->reports;
}

void mw_api_set_folder(mw_api *api, const char *folder)
{
    api->folder = folder;
}

void mw_api_set_base_path(mw_api *api, const char *path)
{
    api->base_path = path;
}

void mw_api_set_hosts(mw_api *api, const char *names)
{
    api->hosts = names;
}

const char *api_base_path(const mw_api *api)
{
    return api->base_path;
}

void mw_api_set_cores(mw_api *api, unsigned cores)
{
    api->cores = cores;
}

unsigned api_cores(const mw_api *api)
{
    return api->cores;
}

void mw_api_set_observer(mw_api *api, mw_observer *observer)
{
    api->observer = observer;
}

const mw_observer *api_observer(const mw_api *api)
{
    return api->observer;
}

void mw_api_set_monitor(mw_api *api, mw_monitor *monitor)
{
    api->monitor = monitor;
    if (api->pulse)
        api_pulse_watch(api->pulse, monitor);
}

struct api_couriers *api_couriers_of(const mw_api *api)
{
    return api_mlflow_couriers(api->mlflow);
}

mw_registry *api_record(const mw_api *api)
{
    return api->registry;
}

mw_monitor *api_monitor(mw_api *api)
{
    return api->monitor;
}

void mw_api_set_journal(mw_api *api, mw_journal *journal)
{
    api->journal = journal;
}

mw_journal *api_journal(mw_api *api)
{
    return api->journal;
}

mw_status mw_api_set_alerts(mw_api *api, mw_alerts *alerts, mw_registry *registry, mw_error *err)
{
    api->alerting = alerts;
    return api_alerts_new(alerts, registry, &api->alerts, err);
}

mw_alerts *api_alerting(mw_api *api)
{
    return api->alerting;
}

void mw_api_set_conductor(mw_api *api, mw_conductor *conductor)
{
    api->conductor = conductor;
    if (api->mlflow)
        api_mlflow_set_conductor(api->mlflow, conductor);
}

mw_conductor *api_conductor(mw_api *api)
{
    return api->conductor;
}

mw_fleet *api_fleet(mw_api *api)
{
    return api->fleet;
}

mw_server *api_server(mw_api *api)
{
    return api->server;
}

double api_started_seconds(const mw_api *api)
{
    return api->started_seconds;
}

void mw_api_set_body_caps(mw_api *api, size_t artifact_bytes, size_t body_bytes)
{
    api->artifact_bytes_max = artifact_bytes;
    api->body_bytes_max = body_bytes;
}

size_t mw_api_body_cap(void *user, const mw_exchange *exchange)
{
    const mw_api *api = user;
    bool is_upload = api->mlflow && api_mlflow_is_upload(exchange);
    return is_upload ? api->artifact_bytes_max : api->body_bytes_max;
}

bool mw_api_body_in_pieces(void *user, const mw_exchange *exchange)
{
    const mw_api *api = user;
    return api->mlflow && api_mlflow_is_upload(exchange);
}

size_t mw_api_body_lead(void *user, const mw_exchange *exchange)
{
    (void)user;
    return mw_serve_body_lead(exchange);
}

/* ---- what no route takes --------------------------------------------------------------------- */

static void reply_error(mw_exchange *exchange, const mw_error *err, int http_status)
{
    mw_serve_error(exchange, err, http_status);
    mw_exchange_reply(exchange);
}

static void reply_not_found(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_ROUTE_UNKNOWN, "nothing stands at this address");
    mw_mend(&err, "GET /openapi.json lists what does");
    reply_error(exchange, &err, 404);
}

/* "Allow: GET, HEAD, OPTIONS\r\n" */
static void set_allow(mw_exchange *exchange, unsigned methods)
{
    char line[96] = "Allow: ";
    size_t used = strlen(line);
    for (mw_method method = MW_GET; method < MW_METHOD_OTHER; method++) {
        unsigned taken = methods | (methods & 1u << MW_GET ? 1u << MW_HEAD : 0) | 1u << MW_OPTIONS;
        if (taken & 1u << method)
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", used > 7 ? ", " : "",
                                     mw_method_name(method));
    }
    snprintf(line + used, sizeof line - used, "\r\n");
    const char *kept = mw_arena_text(exchange->arena, mw_view_of(line));
    if (kept)
        exchange->reply_headers = mw_view_of(kept);
}

static void reply_other_method(mw_exchange *exchange, unsigned methods)
{
    set_allow(exchange, methods);
    if (exchange->method == MW_OPTIONS) {
        exchange->status = 204;
        mw_exchange_reply(exchange);
        return;
    }
    mw_error err;
    mw_fail(&err, MW_E_ROUTE_METHOD, "this address does not take %.*s",
            MW_VIEW_ARG(exchange->method_text));
    mw_mend(&err, "use a method of the Allow header");
    reply_error(exchange, &err, 405);
}

static void reply_bad_escape(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_ROUTE_ENCODING, "a malformed percent escape in the address");
    mw_mend(&err, "write %%25 for a percent sign");
    reply_error(exchange, &err, 400);
}

static void reply_cross_site(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_CROSS_SITE, "a page of another site may not do this");
    mw_mend(&err, "send it from a program, or from this server's own pages; a proxy passes Host "
                  "on, or says X-Forwarded-Host");
    reply_error(exchange, &err, 403);
}

static void reply_other_host(mw_exchange *exchange, mw_view host)
{
    mw_error err;
    mw_fail(&err, MW_E_OTHER_HOST, "this server is not known as '%.*s'",
            host.size > 100 ? 100 : (int)host.size, host.data);
    mw_mend(&err, "ask for it by its address or as localhost, or start it with --allow-host NAME");
    reply_error(exchange, &err, 403);
}

static void reply_options_of_server(mw_exchange *exchange)
{
    set_allow(exchange, 1u << MW_GET | 1u << MW_POST);
    exchange->status = 204;
    mw_exchange_reply(exchange);
}

/* ---- who is there ---------------------------------------------------------------------------- */

/* The name stands first in the messages that ask about a model. A compressed one does not tell. */
static mw_view grpc_name(const mw_exchange *exchange)
{
    mw_view message = exchange->body;
    bool tells = exchange->body_encoding.size == 0 && message.size >= 2 && message.data[0] == 0x0a;
    size_t size = tells ? (unsigned char)message.data[1] : 0;
    return tells && size < 0x80 && size + 2 <= message.size ? (mw_view){message.data + 2, size}
                                                            : MW_VIEW("");
}

static bool lets_grpc(mw_api *api, mw_exchange *exchange)
{
    char path[128];
    api_visitor *visitor;
    if (!api->guard)
        return true;
    snprintf(path, sizeof path, "%.*s", MW_VIEW_ARG(exchange->path));
    bool goes_on = api_guard_lets(api->guard, exchange, api_rule_of(MW_POST, path),
                                  grpc_name(exchange), &visitor);
    api_visitor_unref(goes_on ? visitor : NULL);
    return goes_on;
}

/* ret_visitor: the caller's to unref; may be NULL. */
static bool lets_route(mw_api *api, mw_exchange *exchange, const api_match *match,
                       api_visitor **ret_visitor)
{
    size_t n_routes;
    *ret_visitor = NULL;
    if (!api->guard)
        return true;
    const api_rule *rule = api->rules[match->route - api_routes(&n_routes)];
    return api_guard_lets(api->guard, exchange, rule, match->params.name, ret_visitor);
}

static void handle_route(mw_api *api, mw_exchange *exchange, const api_match *match)
{
    api_visitor *visitor;
    const api_route *route = match->route;
    mw_observe_route(exchange, route->path);
    if (match->bad_escape) {
        reply_bad_escape(exchange);
        return;
    }
    if (!lets_route(api, exchange, match, &visitor))
        return;
    if (route->serve)
        route->serve(api->fleet, exchange, &match->params);
    else
        route->own(api, exchange, &(api_asked){match->params, visitor});
    api_visitor_unref(visitor);
}

/* Whoever is known and has a role somewhere: which role on what is looked at with the request's
 * fields (mlflow_objects.c). Addresses that are none are not told to strangers either. */
static void handle_record(mw_api *api, mw_exchange *exchange)
{
    static const api_rule somebody = {0, "", API_ALWAYS, MW_ROLE_VIEWER, API_OBJECT_ANY};
    api_visitor *visitor = NULL;
    if (!api->guard || api_guard_lets(api->guard, exchange, &somebody, MW_VIEW(""), &visitor))
        api_mlflow_handle(api->mlflow, api->guard, visitor, exchange);
}

/* ---- doors ----------------------------------------------------------------------------------- */

/* A proxy may send the address as its clients write it. */
static void drop_prefix(const mw_api *api, mw_exchange *exchange)
{
    size_t size = strlen(api->base_path);
    mw_view path = exchange->path;
    if (size > 0 && mw_view_starts(path, api->base_path) && path.size > size &&
        path.data[size] == '/')
        exchange->path = (mw_view){path.data + size, path.size - size};
}

void mw_api_handle(void *user, mw_exchange *exchange)
{
    mw_api *api = user;
    mw_observe_begin(api->observer, exchange);
    if (exchange->is_grpc) {
        if (lets_grpc(api, exchange))
            serve_grpc(api->fleet, exchange);
        return;
    }
    if (api_is_cross_site(exchange)) {
        reply_cross_site(exchange);
        return;
    }
    drop_prefix(api, exchange);
    if (api->hosts && api_host_matters(exchange->path) &&
        !api_host_is_known(exchange->host, mw_view_of(api->hosts))) {
        reply_other_host(exchange, exchange->host);
        return;
    }
    if (api_alerts_takes(exchange->path)) {
        api_alerts_handle(api->alerts, api->guard, exchange);
        return;
    }
    api_match match = api_find_route(exchange);
    if (match.route)
        handle_route(api, exchange, &match);
    else if (!match.methods && api_mlflow_takes(exchange->path))
        handle_record(api, exchange);
    else if (match.methods)
        reply_other_method(exchange, match.methods);
    else if (exchange->method == MW_OPTIONS && mw_view_is(exchange->path, "*"))
        reply_options_of_server(exchange);
    else
        reply_not_found(exchange);
}

void mw_api_fault(void *user, mw_exchange *exchange, const mw_error *err)
{
    mw_api *api = user;
    mw_observe_begin(api->observer, exchange);
    mw_serve_error(exchange, err, exchange->status); /* net has set it */
}

void mw_api_done(void *user, const mw_exchange *exchange, const mw_outcome *outcome)
{
    const mw_api *api = user;
    mw_observe_done(api->observer, exchange, outcome);
}
