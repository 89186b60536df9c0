/* Following addresses: looked at when the record has changed. */
#include "follow.h"

#include "registry/registry.h"

#include <stdlib.h>

static mw_status check_out(mw_registry *registry, const char *address, char **ret_folder,
                           mw_error *err)
{
    mw_arena arena;
    const char *folder;
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    mw_status status = mw_registry_check_out(registry, mw_view_of(address), &arena, &folder, err);
    char *kept = status == MW_OK ? strdup(folder) : NULL;
    mw_arena_done(&arena);
    if (status == MW_OK && !kept)
        return mw_fail_memory(err, "a path");
    *ret_folder = kept;
    return status;
}

static mw_status read_epoch(mw_record *record, void *given, mw_error *err)
{
    return mw_record_deploy_epoch(record, given, err);
}

/* Of what another process has written: a command beside the server. One row, so it may be read
 * twice a second. */
static int64_t epoch(cli_house *house)
{
    mw_error none;
    mw_arena arena;
    int64_t now = house->epoch_seen;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    if (mw_registry_read(house->registry, &arena, read_epoch, &now, &none) != MW_OK)
        now = house->epoch_seen;
    mw_arena_done(&arena);
    return now;
}

static uint64_t n_writes(cli_house *house)
{
    mw_store_counts counts;
    mw_registry_count(house->registry, &counts);
    return counts.writes;
}

/* ---- over a restart -------------------------------------------------------------------------- */

/* What one forest promised and the other breaks. What cannot be read promises nothing. */
static bool would_break(const char *before, const char *after, const char *name)
{
    mw_error none;
    mw_forest *old = NULL, *new = NULL;
    bool breaks = mw_forest_load(before, &old, &none) == MW_OK &&
                  mw_forest_load(after, &new, &none) == MW_OK &&
                  mw_endpoint_check_contract(name, old, new, &none) == MW_CONFLICT;
    mw_forest_free(old);
    mw_forest_free(new);
    return breaks;
}

/* The folder to begin with: what was served before, where the new one would break its clients. The
 * first look then tells so. */
static mw_status begin_with(cli_house *house, cli_followed *followed, mw_error *err)
{
    mw_arena arena;
    const char *before;
    mw_view address = mw_view_of(followed->address);
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    mw_status status = mw_registry_served(house->registry, mw_view_of(followed->name), address,
                                          &arena, &before, err);
    bool goes_on = status == MW_OK && before && strcmp(before, followed->folder) != 0 &&
                   !house->breaks_contracts &&
                   !mw_registry_accepts_breaks(house->registry, address, &arena) &&
                   would_break(before, followed->folder, followed->name);
    if (goes_on) {
        char *kept = strdup(before);
        free(followed->folder);
        followed->folder = kept;
        status = kept ? MW_OK : mw_fail_memory(err, "a path");
    }
    mw_arena_done(&arena);
    return status;
}

/* What was served before goes on after a restart, also when its gates were closed meanwhile. */
static mw_status pass_gates(cli_house *house, const cli_followed *followed, mw_error *err)
{
    mw_arena arena;
    const char *before = NULL;
    mw_view address = mw_view_of(followed->address);
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    mw_status status = mw_registry_check_gates(house->registry, address, &arena, err);
    if (status == MW_CONFLICT &&
        mw_registry_served(house->registry, mw_view_of(followed->name), address, &arena, &before,
                           NULL) == MW_OK &&
        before && strcmp(before, followed->folder) == 0) {
        mw_log_error(MW_LOG_WARN, "what was served before is served again", err);
        status = MW_OK;
    }
    mw_arena_done(&arena);
    return status;
}

mw_status cli_follow_resolve(cli_house *house, cli_followed *followed, mw_error *err)
{
    free(followed->folder);
    followed->folder = NULL;
    MW_TRY(check_out(house->registry, followed->address, &followed->folder, err));
    mw_status status = pass_gates(house, followed, err);
    return status == MW_OK ? begin_with(house, followed, err) : status;
}

cli_followed *cli_follow_push(cli_house *house, const cli_followed *followed)
{
    cli_followed *wider =
        realloc(house->followed, (house->n_followed + 1) * sizeof *house->followed);
    if (!wider)
        return NULL;
    house->followed = wider;
    house->n_writes_seen = UINT64_MAX; /* look once in any case */
    wider[house->n_followed] = *followed;
    return &wider[house->n_followed++];
}

mw_status cli_follow_add(cli_house *house, const cli_endpoint *endpoint, const char **ret_folder,
                         mw_error *err)
{
    if (!house->registry) {
        mw_fail(err, MW_E_NO_MODEL, "'%s' is an address in a record, and none is kept",
                endpoint->model);
        return mw_mend(err, "mw serve %s --record DIR", endpoint->model);
    }
    cli_followed followed = {.name = endpoint->name, .address = endpoint->model};
    MW_TRY(cli_follow_resolve(house, &followed, err));
    cli_followed *kept = cli_follow_push(house, &followed);
    if (!kept) {
        free(followed.folder);
        return mw_fail_memory(err, "the endpoints");
    }
    *ret_folder = kept->folder;
    return MW_OK;
}

/* What is served, for the next start. A record that cannot be written is told by its own calls. */
void cli_follow_note(cli_house *house, cli_followed *followed)
{
    mw_error err;
    mw_arena arena;
    if (followed->is_old || (followed->noted && strcmp(followed->noted, followed->folder) == 0))
        return;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    if (mw_registry_note_served(house->registry, mw_view_of(followed->name),
                                mw_view_of(followed->address), followed->folder, &arena,
                                &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "cannot note what is served", &err);
    mw_arena_done(&arena);
    free(followed->noted);
    followed->noted = strdup(followed->folder);
}

/* ---- following ------------------------------------------------------------------------------- */

static bool is_accepted(const cli_house *house, const cli_followed *followed)
{
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    bool accepted =
        mw_registry_accepts_breaks(house->registry, mw_view_of(followed->address), &arena);
    mw_arena_done(&arena);
    return accepted;
}

static void move(cli_house *house, cli_followed *followed, const char *folder, bool may_break)
{
    mw_error err;
    /* a rollout has swapped it in already */
    mw_status status = mw_fleet_serves(house->fleet, followed->name, folder)
                           ? MW_OK
                           : mw_fleet_move(house->fleet, followed->name, folder, may_break, &err);
    followed->is_old = status != MW_OK;
    followed->is_refused = followed->is_old && err.code == MW_E_CONTRACT;
    if (status == MW_OK) {
        mw_log(MW_LOG_INFO, "'%s' follows %s to another version", followed->name,
               followed->address);
        return;
    }
    if (followed->is_refused)
        mw_mend(&err, "register a version that keeps the columns, or serve this one under another "
                      "name; to take it all the same set its tag millwright.contract.accepted to "
                      "true");
    mw_log_error(MW_LOG_ERROR, "cannot follow an alias, the old model is kept", &err);
}

/* Gates that are closed keep the old model, too. Told once a folder. */
static bool may_serve(cli_house *house, cli_followed *followed, const char *folder)
{
    mw_error err;
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    bool may = mw_registry_check_gates(house->registry, mw_view_of(followed->address), &arena,
                                       &err) == MW_OK;
    mw_arena_done(&arena);
    bool is_told = followed->closed && strcmp(followed->closed, folder) == 0;
    free(followed->closed);
    followed->closed = may ? NULL : strdup(folder);
    if (!may && !is_told)
        mw_log_error(MW_LOG_ERROR, "an address is not followed, the old model is kept", &err);
    return may;
}

/* An address that leads nowhere for a while (an alias deleted) keeps what it had. */
static void look_at(cli_house *house, cli_followed *followed)
{
    mw_error err;
    char *folder;
    if (!cli_follow_is_in(house, followed))
        return;
    if (check_out(house->registry, followed->address, &folder, &err) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "an address leads nowhere now, its model is kept", &err);
        return;
    }
    bool is_same = strcmp(folder, followed->folder) == 0;
    if (!is_same && !may_serve(house, followed, folder)) {
        free(folder); /* looked at again when the record changes: a gate may open */
        return;
    }
    if (is_same && followed->is_refused && is_accepted(house, followed))
        move(house, followed, folder, true);
    else if (!is_same) /* one that fails is not tried twice a second */
        move(house, followed, folder, is_accepted(house, followed));
    free(followed->folder);
    followed->folder = folder;
    cli_follow_note(house, followed);
}

void cli_follow_look(cli_house *house)
{
    if (!house->registry)
        return;
    uint64_t now = n_writes(house);
    int64_t then = epoch(house);
    if (now == house->n_writes_seen && then == house->epoch_seen)
        return;
    house->n_writes_seen = now;
    house->epoch_seen = then;
    cli_follow_record(house);
    for (size_t i = 0; i < house->n_followed; i++)
        look_at(house, &house->followed[i]);
}

void cli_follow_done(cli_house *house)
{
    for (size_t i = 0; i < house->n_followed; i++) {
        free(house->followed[i].folder);
        free(house->followed[i].noted);
        free(house->followed[i].closed);
        free(house->followed[i].own_name);
        free(house->followed[i].own_address);
        free(house->followed[i].settings);
        free(house->followed[i].told);
    }
    free(house->followed);
}
