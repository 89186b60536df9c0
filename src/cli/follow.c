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

static uint64_t n_writes(cli_house *house)
{
    mw_store_counts counts;
    mw_registry_count(house->registry, &counts);
    return counts.writes;
}

mw_status cli_follow_add(cli_house *house, const cli_endpoint *endpoint, const char **ret_folder,
                         mw_error *err)
{
    if (!house->registry) {
        mw_fail(err, MW_E_NO_MODEL, "'%s' is an address in a record, and none is kept",
                endpoint->model);
        return mw_mend(err, "mw serve %s --record DIR", endpoint->model);
    }
    cli_followed followed = {endpoint->name, endpoint->model, NULL};
    MW_TRY(check_out(house->registry, endpoint->model, &followed.folder, err));
    cli_followed *wider =
        realloc(house->followed, (house->n_followed + 1) * sizeof *house->followed);
    if (!wider) {
        free(followed.folder);
        return mw_fail_memory(err, "the endpoints");
    }
    house->followed = wider;
    house->followed[house->n_followed++] = followed;
    *ret_folder = followed.folder;
    return MW_OK;
}

/* An address that leads nowhere for a while (an alias deleted) keeps what it had. */
static void look_at(cli_house *house, cli_followed *followed)
{
    mw_error err;
    char *folder;
    if (check_out(house->registry, followed->address, &folder, &err) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "an address leads nowhere now, its model is kept", &err);
        return;
    }
    if (strcmp(folder, followed->folder) == 0) {
        free(folder);
        return;
    }
    if (mw_fleet_move(house->fleet, followed->name, folder, &err) == MW_OK)
        mw_log(MW_LOG_INFO, "'%s' follows %s to another version", followed->name,
               followed->address);
    else
        mw_log_error(MW_LOG_ERROR, "cannot follow an alias, the old model is kept", &err);
    free(followed->folder); /* in either case: a model that fails is not tried twice a second */
    followed->folder = folder;
}

void cli_follow_look(cli_house *house)
{
    uint64_t now = house->n_followed > 0 ? n_writes(house) : 0;
    if (now == house->n_writes_seen)
        return;
    house->n_writes_seen = now;
    for (size_t i = 0; i < house->n_followed; i++)
        look_at(house, &house->followed[i]);
}

void cli_follow_done(cli_house *house)
{
    for (size_t i = 0; i < house->n_followed; i++)
        free(house->followed[i].folder);
    free(house->followed);
}
