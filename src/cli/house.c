/* Wiring: settings -> fleet, api, server. */
#include "follow.h"
#include "house.h"
#include "api/api.h"
#include "certificates.h"
#include "explained.h"
#include "listeners.h"
#include "label_sharing.h"
#include "prediction_log.h"
#include "registry/registry.h"
#include "rollout/rollout.h"
#include "state.h"
#include "watch_sharing.h"
#include "watching.h"

#include <stdlib.h>

/* ---- the address ----------------------------------------------------------------------------- */

static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon ? colon + 1 : "8080";
}

/* Whoever reaches a record may change it: so it is said aloud whether he is asked who he is. */
static mw_status refuse_record(const cli_call *call, const mw_listener *listener, mw_error *err)
{
    if (!call->settings[CLI_RECORD].text || call->settings[CLI_AUTH].text)
        return MW_OK;
    mw_fail(err, MW_E_LISTEN_RECORD,
            "%s can be reached from other machines, and the record with it", listener->address);
    mw_why(err, "nothing says whether to ask who is there");
    return mw_mend(err, "mw user add NAME --role admin --record %s, then --auth on; or --auth off",
                   call->settings[CLI_RECORD].text);
}

/* A socket file, or a socket that somebody else has opened: who reaches it is his affair. */
static bool is_handed_over(const char *address)
{
    return strncmp(address, "fd:", 3) == 0 || strncmp(address, "unix:", 5) == 0;
}

/* Where nobody is asked who he is, other machines are kept out unless the user says so, or unless
 * clients show a certificate. */
static mw_status refuse_public(const cli_call *call, const mw_listener *listener, mw_error *err)
{
    bool is_guarded = listener->tls && cli_tls_knows_clients(call);
    if (is_handed_over(listener->address) || cli_address_is_local(listener->address))
        return MW_OK;
    MW_TRY(refuse_record(call, listener, err));
    if (is_guarded || cli_is_on(call, CLI_AUTH) || cli_is_on(call, CLI_ALLOW_PUBLIC))
        return MW_OK;
    mw_fail(err, MW_E_LISTEN_PUBLIC, "%s can be reached from other machines", listener->address);
    mw_why(err, "nobody is asked who he is");
    return mw_mend(
        err,
        "--listen 127.0.0.1:%s behind a proxy, --tls-clients required, --record DIR with --auth "
        "on, or --allow-public where the network is guarded",
        port_of(listener->address));
}

/* Where a socket that was passed really listens is known only once it is open. */
static mw_status refuse_public_passed(const cli_call *call, const mw_server *server, mw_error *err)
{
    const mw_listener *listener;
    for (size_t i = 0; (listener = mw_server_listener(server, i)); i++)
        MW_TRY(refuse_public(call, listener, err));
    return MW_OK;
}

/* net says that and by whom the address is taken; only here it is known what to type instead. */
static mw_status mend_listen(const cli_call *call, const cli_listeners *listeners, mw_status status,
                             mw_error *err)
{
    uint64_t port;
    const char *listen = listeners->list[0].address;
    bool is_plain = listeners->count == 1 && strncmp(listen, "unix:", 5) != 0;
    if (status != MW_CONFLICT || !is_plain)
        return status;
    err->code = MW_E_LISTEN_IN_USE;
    bool known = mw_whole_parse(mw_view_of(port_of(listen)), &port) && port < 65535;
    bool is_demo = call->command->run == cli_run_demo;
    return mw_mend(err, "mw %s%s%s --listen 127.0.0.1:%u", is_demo ? "demo" : "serve",
                   call->n_arguments ? " " : "", call->n_arguments ? call->arguments[0] : "",
                   known ? (unsigned)port + 1 : 0);
}

enum { NS_PER_MS = 1000000 };

/* ---- options --------------------------------------------------------------------------------- */

static uint64_t number(const cli_call *call, cli_option_id id, uint64_t fallback)
{
    return call->settings[id].text ? call->settings[id].number : fallback;
}

static void fill_options(const cli_call *call, const cli_listeners *listeners, unsigned n_loops,
                         mw_server_options *ret_options)
{
    mw_server_options *o = ret_options;
    mw_server_options_init(o);
    o->listeners = listeners->list;
    o->n_listeners = listeners->count;
    o->n_loops = n_loops;
    o->max_body_bytes = (size_t)number(call, CLI_MAX_BODY, o->max_body_bytes);
    o->max_connections = (size_t)number(call, CLI_MAX_CONNECTIONS, o->max_connections);
    o->head_ms = (unsigned)number(call, CLI_HEAD_TIMEOUT, o->head_ms);
    o->body_ms = (unsigned)number(call, CLI_BODY_TIMEOUT, o->body_ms);
    o->idle_ms = (unsigned)number(call, CLI_IDLE_TIMEOUT, o->idle_ms);
    o->write_ms = (unsigned)number(call, CLI_WRITE_TIMEOUT, o->write_ms);
}

/* What the server says of all endpoints, and this one of itself. */
mw_admission cli_limits_of(const cli_call *call, const cli_endpoint *endpoint)
{
    static const cli_option_id options[] = {CLI_LATENCY_BUDGET, CLI_MAX_QUEUE, CLI_CLIENT_RATE,
                                            CLI_CLIENT_BURST};
    const cli_setting *admission = &call->settings[CLI_ADMISSION];
    uint64_t limits[MW_COUNT(options)];
    for (size_t i = 0; i < MW_COUNT(options); i++)
        limits[i] = endpoint && endpoint->limits[i].text ? endpoint->limits[i].number
                                                         : number(call, options[i], 0);
    return (mw_admission){.budget_ns = limits[CLI_LIMIT_BUDGET] * NS_PER_MS,
                          .queue_length = (size_t)limits[CLI_LIMIT_QUEUE],
                          .rate = limits[CLI_LIMIT_RATE],
                          .burst = limits[CLI_LIMIT_BURST],
                          .is_off = admission->text && admission->number == 0};
}

static mw_status add_models(const cli_call *call, cli_house *house, cli_endpoint *endpoints,
                            size_t n_endpoints, mw_error *err)
{
    for (size_t i = 0; i < n_endpoints; i++) {
        uint64_t began = mw_clock_ns();
        const char *path = endpoints[i].model;
        mw_status status = mw_is_model_address(mw_view_of(path))
                               ? cli_follow_add(house, &endpoints[i], &path, err)
                               : MW_OK;
        mw_admission limits = cli_limits_of(call, &endpoints[i]);
        if (status == MW_OK)
            status = mw_fleet_add_limited(house->fleet, endpoints[i].name, path,
                                          endpoints[i].background, &limits, err);
        endpoints[i].load_ns = mw_clock_ns() - began;
        if (status == MW_OK)
            status = cli_log_watch_fairness(house->journal, endpoints[i].name,
                                            endpoints[i].fairness, err);
        if (status == MW_OK)
            status = cli_explained_take(house, &endpoints[i], err);
        if (status == MW_CONFLICT && err->code == MW_E_ENDPOINT_TAKEN)
            mw_mend(err, "give each model a name of its own: NAME=%s", endpoints[i].model);
        if (status != MW_OK)
            return endpoints[i].place ? mw_at(err, "%s", endpoints[i].place) : status;
    }
    return MW_OK;
}

/* Calls that watch the fleet are told, and the watch over its models. */
static void announce(void *user)
{
    const cli_told *told = user;
    mw_server_announce(told->server);
    mw_monitor_refresh(told->monitor);
}

static double share(const cli_call *call, cli_option_id id)
{
    return (double)number(call, id, CLI_BILLION) / CLI_BILLION;
}

static mw_status open_observer(const cli_call *call, unsigned n_loops, cli_house *house,
                               mw_error *err)
{
    mw_observer_options o;
    const cli_setting *settings = call->settings;
    mw_observer_options_init(&o);
    o.n_loops = n_loops;
    o.log_to = settings[CLI_ACCESS_LOG].text;
    o.log_sample = share(call, CLI_ACCESS_LOG_SAMPLE);
    o.log_slow_ms = (unsigned)number(call, CLI_ACCESS_LOG_SLOW, o.log_slow_ms);
    o.log_mask = settings[CLI_ACCESS_LOG_MASK].text;
    o.log_headers = settings[CLI_ACCESS_LOG_HEADERS].text;
    o.otlp = settings[CLI_OTLP].text;
    o.trace_sample = share(call, CLI_TRACE_SAMPLE);
    o.service_name = settings[CLI_SERVICE_NAME].text;
    MW_TRY(mw_observer_options_environment(&o, settings[CLI_TRACE_SAMPLE].text != NULL, err));
    return mw_observer_new(&o, &house->observer, err);
}

static mw_status open_record(const cli_call *call, cli_house *house, mw_error *err)
{
    const char *folder = call->settings[CLI_RECORD].text;
    const char *place = call->settings[CLI_ARTIFACT_STORE].text;
    if (!folder && place) {
        mw_fail(err, MW_E_STORE_PLACE, "--artifacts are a record's, and no record is kept");
        return mw_mend(err, "say --record DIR, too");
    }
    if (!folder)
        return MW_OK;
    const char *store = call->settings[CLI_STORE].text;
    MW_TRY(store ? mw_registry_open_in(folder, store, &house->registry, err)
                 : mw_registry_open(folder, &house->registry, err));
    MW_TRY(place ? mw_registry_place(house->registry, place, err) : MW_OK);
    uint64_t copies = number(call, CLI_ARTIFACT_CACHE, 0);
    if (copies > 0)
        MW_TRY(mw_blobs_limit_copies(mw_registry_blobs(house->registry), copies, err));
    if (cli_is_on(call, CLI_ARTIFACT_DIRECT))
        MW_TRY(mw_blobs_offer_direct(mw_registry_blobs(house->registry), err));
    return mw_registry_claim(house->registry, err);
}

static mw_status answer_from_record(const cli_call *call, mw_server_options *options,
                                    cli_house *house, mw_error *err)
{
    if (!house->registry)
        return MW_OK;
    size_t artifact_bytes = (size_t)number(call, CLI_MAX_ARTIFACT, options->max_body_bytes);
    mw_api_set_body_caps(house->api, artifact_bytes, options->max_body_bytes);
    mw_api_set_webhooks(house->api,
                        (mw_webhooks_mode)number(call, CLI_WEBHOOKS, MW_WEBHOOKS_PUBLIC));
    options->body_cap = mw_api_body_cap;
    options->body_in_pieces = mw_api_body_in_pieces;
    return mw_api_set_registry(house->api, house->registry, err);
}

static mw_status count_users(mw_record *record, void *given, mw_error *err)
{
    mw_users users;
    mw_tokens tokens;
    size_t *ret_count = given;
    MW_TRY(mw_record_users(record, &users, err));
    MW_TRY(mw_record_tokens(record, &tokens, err));
    *ret_count = users.count + tokens.count;
    return MW_OK;
}

mw_status cli_count_people(mw_registry *registry, mw_arena *arena, size_t *ret_count, mw_error *err)
{
    return mw_registry_read(registry, arena, count_users, ret_count, err);
}

/* Nobody can come in before there is somebody: that is said at the start. */
static mw_status warn_of_nobody(const cli_call *call, mw_registry *registry, mw_error *err)
{
    mw_arena arena;
    size_t n = 0;
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    mw_status status = cli_count_people(registry, &arena, &n, err);
    mw_arena_done(&arena);
    if (status == MW_OK && n == 0)
        mw_log(MW_LOG_WARN,
               "--auth on, and there are no users yet: mw user add NAME --role admin "
               "--record %s",
               call->settings[CLI_RECORD].text);
    return status;
}

static mw_status ask_who(const cli_call *call, unsigned n_loops, const cli_listeners *listeners,
                         cli_house *house, mw_error *err)
{
    if (!cli_is_on(call, CLI_AUTH))
        return MW_OK;
    if (!house->registry) {
        mw_fail(err, MW_E_AUTH_RECORD, "--auth on needs a record: users and tokens are kept there");
        return mw_mend(err, "mw serve --record DIR --auth on");
    }
    for (size_t i = 0; i < listeners->count; i++)
        if (!listeners->list[i].tls && !cli_address_is_local(listeners->list[i].address) &&
            strchr(listeners->list[i].address, ':') &&
            strncmp(listeners->list[i].address, "unix:", 5) != 0)
            mw_log(MW_LOG_WARN,
                   "%s: passwords and tokens travel unencrypted: see --tls-certificate",
                   listeners->list[i].address);
    MW_TRY(warn_of_nobody(call, house->registry, err));
    return mw_api_set_guard(house->api, house->registry, n_loops, call->settings[CLI_GUARDED].text,
                            call->settings[CLI_METRICS_AUTH].number != 0, err);
}

/* Browsers on this machine reach it, and nobody is asked who he is: then the name tells whether a
 * page of another site asks. */
static void take_hosts(const cli_call *call, const cli_listeners *listeners, cli_house *house)
{
    const char *names = call->settings[CLI_ALLOW_HOST].text;
    size_t n_local = 0, n_others = 0;
    for (size_t i = 0; i < listeners->count; i++) {
        bool is_local = cli_address_is_local(listeners->list[i].address);
        n_local += is_local;
        n_others += !is_local && !is_handed_over(listeners->list[i].address);
    }
    if (names || (n_local > 0 && n_others == 0 && !cli_is_on(call, CLI_AUTH)))
        mw_api_set_hosts(house->api, names ? names : "");
}

static mw_status open_alerts(const cli_call *call, cli_house *house, mw_error *err)
{
    if (call->settings[CLI_ALERTS].number == 0 || !call->settings[CLI_DATA].text)
        return MW_OK;
    const cli_setting *settings = call->settings;
    MW_TRY(cli_folder_make(settings[CLI_DATA].text, err));
    bool is_shared = house->registry && mw_registry_is_shared(house->registry);
    mw_alert_options options = {.config = call->alerts,
                                .folder = settings[CLI_DATA].text,
                                .shared = is_shared ? mw_registry_store(house->registry) : NULL,
                                .url = house->url,
                                .scrape = mw_api_write_metrics,
                                .user = house->api};
    MW_TRY(mw_alerts_open(&options, &house->alerts, err));
    return mw_api_set_alerts(house->api, house->alerts, house->registry, err);
}

/* It stands in pages, cookies and addresses: letters, digits and _ - . ~ between slashes. */
static mw_status take_base_path(const cli_call *call, cli_house *house, mw_error *err)
{
    const char *path = call->settings[CLI_BASE_PATH].text;
    size_t size = path ? strlen(path) : 0;
    if (size == 0)
        return MW_OK;
    bool is_good = path[0] == '/' && path[size - 1] != '/' && size <= MW_LIMIT_NAME_BYTES;
    for (size_t i = 0; i < size; i++)
        is_good =
            is_good && (strchr("/_-.~", path[i]) || (path[i] >= '0' && path[i] <= '9') ||
                        (path[i] >= 'a' && path[i] <= 'z') || (path[i] >= 'A' && path[i] <= 'Z'));
    if (!is_good) {
        mw_fail(err, MW_E_OPTION_VALUE, "'%.100s' is no path to stand before every address", path);
        return mw_mend(err, "--base-path /models: a slash before, none behind; letters, digits and "
                            "_ - . ~");
    }
    mw_api_set_base_path(house->api, path);
    return MW_OK;
}

static mw_status open_rooms(const cli_call *call, cli_endpoint *endpoints, size_t n_endpoints,
                            const cli_listeners *listeners, cli_house *house, mw_error *err)
{
    uint64_t threads = call->settings[CLI_THREADS].number;
    unsigned n_loops = threads ? (unsigned)threads : cli_cores();
    mw_server_options options;
    fill_options(call, listeners, n_loops, &options);
    options.tls = house->tls;
    (void)cli_files_raise(cli_files_wanted(options.max_connections)); /* doctor tells, status too */
    mw_fleet_options fleet_options = {
        .n_loops = n_loops,
        .n_workers = (unsigned)call->settings[CLI_WORKERS].number, /* 0: as many as loops */
        .max_body_bytes = options.max_body_bytes,
        .model_folder = call->settings[CLI_MODELS].text,
        .admission = cli_limits_of(call, NULL),
        .shared_memory = call->settings[CLI_SHARED_MEMORY].number != 0,
        .breaks_contracts = house->breaks_contracts,
    };
    MW_TRY(open_observer(call, n_loops, house, err));
    fleet_options.observer = house->observer;
    MW_TRY(cli_explained_open(call, &house->explained, err));
    MW_TRY(cli_watching_open(call, house->explained, &house->watching, &house->monitor, err));
    fleet_options.tap = house->monitor ? mw_monitor_tap : NULL;
    fleet_options.anomaly = house->monitor ? mw_monitor_score : NULL;
    fleet_options.tap_user = house->monitor;
    MW_TRY(cli_log_open(call, house->watching, house->explained, &house->journal, err));
    fleet_options.answer_tap = house->journal ? cli_log_tap : NULL;
    fleet_options.answer_user = house->journal;
    MW_TRY(mw_fleet_new(&fleet_options, &house->fleet, err));
    MW_TRY(open_record(call, house, err));
    MW_TRY(add_models(call, house, endpoints, n_endpoints, err));
    cli_explained_begin(house->explained, house->fleet);
    MW_TRY(cli_watching_begin(house->watching, house->fleet, endpoints, n_endpoints, err));
    MW_TRY(mw_api_new(house->fleet, &house->api, err));
    MW_TRY(answer_from_record(call, &options, house, err));
    for (size_t i = 0; i < n_endpoints; i++)
        MW_TRY(mw_api_own(house->api, endpoints[i].name, endpoints[i].model, err));
    MW_TRY(ask_who(call, n_loops, listeners, house, err));
    options.handler = mw_api_handle;
    options.body_lead = mw_api_body_lead;
    options.fault = mw_api_fault;
    options.done = mw_observer_tells(house->observer) ? mw_api_done : NULL;
    options.user = house->api;
    mw_status status = mw_server_open(&options, &house->server, err);
    if (status != MW_OK)
        return mend_listen(call, listeners, status, err);
    MW_TRY(refuse_public_passed(call, house->server, err));
    if (call->settings[CLI_DATA].text) {
        MW_TRY(cli_folder_make(call->settings[CLI_DATA].text, err));
        mw_api_set_folder(house->api, call->settings[CLI_DATA].text);
    }
    MW_TRY(mw_api_set_server(house->api, house->server, err));
    house->told = malloc(sizeof *house->told);
    if (!house->told)
        return mw_fail_memory(err, "the server");
    *house->told = (cli_told){house->server, house->monitor};
    mw_fleet_on_change(house->fleet, announce, house->told);
    MW_TRY(take_base_path(call, house, err));
    take_hosts(call, listeners, house);
    mw_api_set_observer(house->api, house->observer);
    mw_api_set_monitor(house->api, house->monitor);
    mw_api_set_journal(house->api, house->journal);
    mw_api_set_cores(house->api, cli_cores());
    mw_log(MW_LOG_DEBUG, "%u loops, bodies up to %zu bytes, %zu connections", n_loops,
           options.max_body_bytes, options.max_connections);
    cli_write_url(mw_server_listener(house->server, 0), house->url, sizeof house->url);
    cli_follow_look(house); /* what the record says, too, is there from the first request on */
    return open_alerts(call, house, err);
}

void cli_write_url(const mw_listener *listener, char *ret_url, size_t url_size)
{
    bool is_file = strncmp(listener->address, "unix:", 5) == 0;
    snprintf(ret_url, url_size, "%s%s",
             is_file         ? ""
             : listener->tls ? "https://"
                             : "http://",
             listener->address);
}

static mw_status open_front(const cli_call *call, const char *listen, mw_arena *arena,
                            cli_listeners *ret_listeners, cli_house *house, mw_error *err)
{
    bool is_default = call->settings[CLI_LISTEN].origin == CLI_FROM_DEFAULT;
    MW_TRY(cli_tls_open(call, &house->tls, err));
    MW_TRY(cli_listeners_read(arena, listen, is_default, house->tls, ret_listeners, err));
    for (size_t i = 0; i < ret_listeners->count; i++)
        MW_TRY(refuse_public(call, &ret_listeners->list[i], err));
    return MW_OK;
}

static mw_status try_listeners(const cli_call *call, const cli_listeners *listeners, mw_tls *tls,
                               mw_error *err)
{
    mw_server *server;
    mw_server_options options;
    fill_options(call, listeners, 1, &options);
    options.tls = tls;
    options.handler = mw_api_handle; /* never called: it is not started */
    mw_status status = mw_server_open(&options, &server, err);
    if (status != MW_OK)
        return mend_listen(call, listeners, status, err);
    mw_server_close(server);
    return MW_OK;
}

mw_status cli_house_try_address(const cli_call *call, const char *listen, mw_error *err)
{
    cli_house front = {.call = call};
    cli_listeners listeners;
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    mw_status status = open_front(call, listen, &arena, &listeners, &front, err);
    if (status == MW_OK)
        status = try_listeners(call, &listeners, front.tls, err);
    mw_tls_free(front.tls);
    mw_arena_done(&arena);
    return status;
}

mw_status cli_house_open(const cli_call *call, cli_endpoint *endpoints, size_t n_endpoints,
                         const char *listen, cli_house *ret_house, mw_error *err)
{
    cli_house house = {
        .call = call, .url = "", .breaks_contracts = call->settings[CLI_CONTRACT].number != 0};
    cli_listeners listeners;
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    mw_status status = open_front(call, listen, &arena, &listeners, &house, err);
    if (status == MW_OK)
        status = open_rooms(call, endpoints, n_endpoints, &listeners, &house, err);
    mw_arena_done(&arena);
    if (status != MW_OK) {
        cli_house_close(&house);
        return status;
    }
    *ret_house = house;
    return MW_OK;
}

mw_status cli_house_start(cli_house *house, mw_error *err)
{
    const mw_conductor_options options = {.fleet = house->fleet, .registry = house->registry};
    if (house->registry)
        MW_TRY(mw_conductor_new(&options, &house->conductor, err));
    mw_api_set_conductor(house->api, house->conductor);
    const mw_api_reports_maker maker = {cli_make_report, house};
    MW_TRY(mw_api_set_reports(house->api, &maker, err));
    if (house->alerts)
        MW_TRY(mw_alerts_start(house->alerts, err));
    MW_TRY(cli_watch_sharing_start(house->registry, house->monitor, &house->sharing, err));
    MW_TRY(cli_label_sharing_start(house->registry, house->journal, &house->labels, err));
    return mw_server_start(house->server, err);
}

void cli_house_close(cli_house *house)
{
    mw_alerts_stop(house->alerts); /* it looks at all of these */
    mw_server_close(house->server);
    mw_api_free(house->api); /* its pulse looks at the rollouts */
    mw_conductor_free(house->conductor);
    mw_alerts_close(house->alerts);
    cli_watch_sharing_end(house->sharing);
    cli_label_sharing_end(house->labels);
    mw_registry_close(house->registry);
    cli_follow_done(house);
    mw_monitor_stop(house->monitor); /* it asks the fleet */
    cli_watching_end(house->watching);
    mw_fleet_quiet(house->fleet); /* the last who taps */
    mw_monitor_free(house->monitor);
    mw_journal_close(house->journal); /* the last who asks it, for contributions */
    mw_fleet_free(house->fleet);
    cli_explained_free(house->explained);
    cli_watching_free(house->watching);
    free(house->told);
    mw_observer_free(house->observer);
    mw_tls_free(house->tls);
    *house = (cli_house){.url = ""};
}
