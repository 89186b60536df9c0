/* Endpoints of the record: served besides those that the server was started with, which keep their
 * names.
 *
 *     stands in the record       served: loaded when it comes, led elsewhere when its model changes
 *     other settings             limits and monitors hold from the next request on
 *     another reference, or      the same model is loaded again with it
 *     rows to explain against
 *     stands there no more       unloaded; its name and counters stay
 *     leads nowhere, closed      told once, and tried again when the record changes */
#include "config.h"
#include "explained.h"
#include "follow.h"
#include "prediction_log.h"
#include "registry/registry.h"
#include "watching.h"

#include <stdlib.h>

typedef struct found {
    mw_record_endpoints endpoints;
} found;

static mw_status read_all(mw_record *record, void *given, mw_error *err)
{
    return mw_record_endpoints_of(record, &((found *)given)->endpoints, err);
}

static cli_followed *find(cli_house *house, mw_view name)
{
    for (size_t i = 0; i < house->n_followed; i++)
        if (mw_view_is(name, house->followed[i].name))
            return &house->followed[i];
    return NULL;
}

/* "key value" lines into the endpoint; by the same table as the configuration's. */
static mw_status read_settings(const char *settings, mw_arena *arena, cli_endpoint *endpoint,
                               mw_error *err)
{
    mw_view rest = mw_view_of(settings);
    mw_fair_plan *plan = mw_arena_take_zeroed(arena, 1, sizeof *plan);
    mw_status taken = MW_OK;
    if (!plan)
        return mw_fail_memory(err, "an endpoint");
    mw_fair_plan_init(plan);
    while (rest.size > 0) {
        mw_view value = mw_view_cut(&rest, '\n'), key = mw_view_cut(&value, ' ');
        const char *text = mw_arena_text(arena, value);
        size_t limit = 0, i = 0;
        if (!text)
            return mw_fail_memory(err, "an endpoint");
        for (; i < cli_n_endpoint_keys && !mw_view_is(key, cli_endpoint_keys[i].name); i++)
            limit += cli_endpoint_keys[i].option != CLI_HELP;
        if (mw_view_is(key, "background"))
            endpoint->background = text;
        else if (mw_view_is(key, "reference"))
            endpoint->reference = text;
        else if (mw_fair_plan_take(plan, key, value, &taken, err))
            MW_TRY(taken);
        else if (i < cli_n_endpoint_keys && cli_endpoint_keys[i].option != CLI_HELP)
            MW_TRY(cli_value_read(&cli_options[cli_endpoint_keys[i].option], value, arena,
                                  &endpoint->limits[limit], err));
        else
            return mw_fail(err, MW_E_APPLY_DOCUMENT, "an endpoint has no setting '%.*s'",
                           MW_VIEW_ARG(key));
    }
    endpoint->fairness = plan->n_attributes > 0 ? plan : NULL;
    return MW_OK;
}

/* ---- in and out ------------------------------------------------------------------------------ */

static mw_status load(cli_house *house, cli_followed *followed, mw_arena *arena, mw_error *err)
{
    cli_endpoint endpoint = {.name = followed->name, .model = followed->address};
    MW_TRY(read_settings(followed->settings, arena, &endpoint, err));
    MW_TRY(cli_follow_resolve(house, followed, err));
    MW_TRY(cli_log_watch_fairness(house->journal, followed->name, endpoint.fairness, err));
    MW_TRY(cli_explained_take(house, &endpoint, err));
    if (followed->was_in) /* its name is still there */
        return mw_fleet_move(house->fleet, followed->name, followed->folder, true, err);
    if (endpoint.reference)
        MW_TRY(cli_watching_refer(house->watching, followed->name, endpoint.reference, err));
    mw_admission limits = cli_limits_of(house->call, &endpoint);
    return mw_fleet_add_limited(house->fleet, followed->name, followed->folder, endpoint.background,
                                &limits, err);
}

static void enter(cli_house *house, cli_followed *followed)
{
    mw_error err;
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    mw_status status = load(house, followed, &arena, &err);
    mw_arena_done(&arena);
    if (status == MW_OK) {
        followed->is_in = followed->was_in = true;
        free(followed->told);
        followed->told = NULL;
        mw_log(MW_LOG_INFO, "'%s' is served from the record: %s", followed->name,
               followed->address);
        cli_follow_note(house, followed);
    } else if (!followed->told || strcmp(followed->told, err.what) != 0) {
        free(followed->told);
        followed->told = strdup(err.what);
        mw_log_error(MW_LOG_WARN, "an endpoint of the record is not served", &err);
    }
}

bool cli_follow_is_in(cli_house *house, cli_followed *followed)
{
    if (!followed->own_name)
        return true; /* of the start */
    if (!followed->is_in && followed->is_wanted)
        enter(house, followed);
    return followed->is_in;
}

static void leave(cli_house *house, cli_followed *followed)
{
    mw_error err;
    if (followed->is_in && mw_fleet_unload(house->fleet, followed->name, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "an endpoint cannot be unloaded", &err);
    else if (followed->is_in)
        mw_log(MW_LOG_INFO, "'%s' is not in the record any more, and is not served",
               followed->name);
    followed->is_in = false;
    if (cli_log_watch_fairness(house->journal, followed->name, NULL, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "fairness is watched still", &err);
    free(followed->told);
    followed->told = NULL;
}

/* ---- the list -------------------------------------------------------------------------------- */

static char *copy(mw_view text)
{
    return strndup(text.data ? text.data : "", text.size);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What cannot be read leaves all as it was. */
static mw_status retune(cli_house *house, const cli_followed *followed, mw_view settings,
                        mw_arena *arena, mw_error *err)
{
    cli_endpoint old = {.name = followed->name}, new = {.name = followed->name};
    const char *text = mw_arena_text(arena, settings);
    if (!text)
        return mw_fail_memory(err, "an endpoint");
    MW_TRY(read_settings(followed->settings, arena, &old, err));
    MW_TRY(read_settings(text, arena, &new, err));
    mw_admission limits = cli_limits_of(house->call, &new);
    MW_TRY(cli_log_watch_fairness(house->journal, followed->name, new.fairness, err));
    MW_TRY(cli_explained_take(house, &new, err));
    MW_TRY(mw_fleet_retune(house->fleet, followed->name, new.background, &limits, err));
    bool is_other = !same_text(old.reference, new.reference);
    if (is_other)
        MW_TRY(cli_watching_refer(house->watching, followed->name,
                                  new.reference ? new.reference : "", err));
    if (is_other || !same_text(old.background, new.background))
        return mw_fleet_reload(house->fleet, followed->name, err);
    return MW_OK;
}

static void take_settings(cli_house *house, const cli_followed *followed, mw_view settings)
{
    mw_error err;
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    if (retune(house, followed, settings, &arena, &err) == MW_OK)
        mw_log(MW_LOG_INFO, "'%s' has other settings: they hold now", followed->name);
    else
        mw_log_error(MW_LOG_ERROR, "settings of an endpoint do not hold", &err);
    mw_arena_done(&arena);
}

static bool replace(char **text, mw_view with)
{
    if (*text && mw_view_is(with, *text))
        return false;
    char *kept = copy(with);
    if (!kept)
        return false; /* the next look tries again */
    free(*text);
    *text = kept;
    return true;
}

static void push(cli_house *house, const mw_record_endpoint *endpoint)
{
    cli_followed followed = {.own_name = copy(endpoint->name),
                             .own_address = copy(endpoint->model),
                             .settings = copy(endpoint->settings),
                             .is_wanted = true};
    followed.name = followed.own_name;
    followed.address = followed.own_address;
    if (followed.own_name && followed.own_address && followed.settings &&
        cli_follow_push(house, &followed))
        return;
    free(followed.own_name);
    free(followed.own_address);
    free(followed.settings);
}

/* The server was started with it: what the record says of it is told, once for each thing said. */
static void leave_alone(cli_followed *followed, const mw_record_endpoint *endpoint)
{
    bool is_other = !mw_view_is(endpoint->model, followed->address);
    if (!replace(&followed->settings, endpoint->settings) ||
        (endpoint->settings.size == 0 && !is_other))
        return;
    mw_log(MW_LOG_WARN,
           "'%s' of the record is left alone: this server was started with the name, so its own "
           "model and settings hold. To let the record lead, start it without",
           followed->name);
}

static void take(cli_house *house, const mw_record_endpoint *endpoint)
{
    cli_followed *followed = find(house, endpoint->name);
    if (!followed) {
        push(house, endpoint);
        return;
    }
    if (!followed->own_name) {
        leave_alone(followed, endpoint);
        return;
    }
    followed->is_wanted = true;
    (void)replace(&followed->own_address, endpoint->model);
    followed->address = followed->own_address;
    if (followed->is_in && !mw_view_is(endpoint->settings, followed->settings))
        take_settings(house, followed, endpoint->settings);
    (void)replace(&followed->settings, endpoint->settings);
}

void cli_follow_record(cli_house *house)
{
    mw_error err;
    mw_arena arena;
    found now = {{NULL, 0}};
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    if (mw_registry_read(house->registry, &arena, read_all, &now, &err) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "the endpoints of the record cannot be read", &err);
        mw_arena_done(&arena);
        return;
    }
    for (size_t i = 0; i < house->n_followed; i++)
        house->followed[i].is_wanted = false;
    for (size_t i = 0; i < now.endpoints.count; i++)
        take(house, &now.endpoints.items[i]);
    for (size_t i = 0; i < house->n_followed; i++)
        if (house->followed[i].own_name && !house->followed[i].is_wanted)
            leave(house, &house->followed[i]);
    mw_arena_done(&arena);
}
