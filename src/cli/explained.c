/* See explained.h. */
#include "explained.h"

#include <pthread.h>
#include <stdlib.h>

typedef enum use { LOGGED, WATCHED, N_USES } use;

enum { PROBED = 4 };

typedef struct wish {
    char *endpoint;
    double shares[N_USES];
    uint64_t background;    /* of the rows that contributions are against; 0: none */
    unsigned first_version; /* at the start; 0: it was not there */
    struct {
        unsigned version; /* 0: none so far */
        bool can;
    } probed[PROBED]; /* by number: two versions may answer in turn */
} wish;

struct cli_explained {
    mw_fleet *fleet;       /* NULL: not yet */
    double shares[N_USES]; /* of endpoints that say nothing */
    pthread_mutex_t lock;  /* of the wishes */
    wish *wishes;
    size_t n_wishes;
};

static const struct {
    cli_option_id option;
    size_t limit;
} uses[N_USES] = {[LOGGED] = {CLI_LOG_CONTRIBUTIONS, CLI_SHARE_LOGGED},
                  [WATCHED] = {CLI_WATCH_CONTRIBUTIONS, CLI_SHARE_WATCHED}};

static double share_of(uint64_t billionths)
{
    return (double)billionths / CLI_BILLION;
}

mw_status cli_explained_open(const cli_call *call, cli_explained **ret_explained, mw_error *err)
{
    cli_explained *explained = calloc(1, sizeof *explained);
    if (!explained)
        return mw_fail_memory(err, "the contributions");
    pthread_mutex_init(&explained->lock, NULL);
    for (use u = 0; u < N_USES; u++)
        explained->shares[u] = share_of(call->settings[uses[u].option].number);
    *ret_explained = explained;
    return MW_OK;
}

/* Under the lock. NULL: memory is gone. */
static wish *wish_of(cli_explained *explained, const char *endpoint)
{
    for (size_t i = 0; i < explained->n_wishes; i++)
        if (strcmp(explained->wishes[i].endpoint, endpoint) == 0)
            return &explained->wishes[i];
    size_t n = explained->n_wishes;
    wish *wider = realloc(explained->wishes, (n + 1) * sizeof *wider);
    if (!wider)
        return NULL;
    explained->wishes = wider;
    wider[n] = (wish){.endpoint = strdup(endpoint)};
    memcpy(wider[n].shares, explained->shares, sizeof wider[n].shares);
    explained->n_wishes += wider[n].endpoint != NULL;
    return wider[n].endpoint ? &wider[n] : NULL;
}

static mw_status check_on(const cli_house *house, const cli_endpoint *endpoint, mw_error *err)
{
    if (!house->journal && endpoint->limits[CLI_SHARE_LOGGED].number > 0) {
        mw_fail(err, MW_E_JOURNAL_OFF, "contributions of '%s' are kept with its predictions",
                endpoint->name);
        return mw_mend(err, "--log on, or take log_contributions out");
    }
    if (!house->monitor && endpoint->limits[CLI_SHARE_WATCHED].number > 0) {
        mw_fail(err, MW_E_OPTION_VALUE, "contributions of '%s' are watched with its rows",
                endpoint->name);
        return mw_mend(err, "--watch on, or take watch_contributions out");
    }
    return MW_OK;
}

/* What cannot be read is told by who loads the model with it. */
static uint64_t mark_of(const char *background)
{
    mw_file file;
    mw_error err;
    uint64_t mark = 0;
    if (background && mw_file_read(background, MW_LIMIT_BACKGROUND_BYTES, &file, &err) == MW_OK) {
        mark = mw_fnv(MW_FNV_BEGIN, file.data, file.size);
        mw_file_done(&file);
    }
    return mark;
}

mw_status cli_explained_take(const cli_house *house, const cli_endpoint *endpoint, mw_error *err)
{
    cli_explained *explained = house->explained;
    MW_TRY(check_on(house, endpoint, err));
    uint64_t background = mark_of(endpoint->background);
    pthread_mutex_lock(&explained->lock);
    wish *mine = wish_of(explained, endpoint->name);
    if (mine)
        mine->background = background;
    for (use u = 0; mine && u < N_USES; u++) {
        const cli_value *own = &endpoint->limits[uses[u].limit];
        mine->shares[u] = own->text ? share_of(own->number) : explained->shares[u];
    }
    pthread_mutex_unlock(&explained->lock);
    return mine ? MW_OK : mw_fail_memory(err, "the contributions");
}

/* Its trees are laid out for it: the first of a version takes as long as that. */
static bool can_explain(const cli_explained *explained, const char *endpoint, unsigned version)
{
    mw_error err;
    char what[MW_LIMIT_NAME_BYTES + 60];
    mw_status status =
        mw_fleet_explain(explained->fleet, endpoint, version, NULL, NULL, NULL, &err);
    if (status != MW_OK && status != MW_NOT_FOUND) {
        snprintf(what, sizeof what, "contributions of '%s' version %u cannot be had", endpoint,
                 version);
        mw_log_error(MW_LOG_WARN, what, &err);
    }
    return status == MW_OK;
}

/* Under the lock. */
static bool probe(const cli_explained *explained, wish *mine, unsigned version)
{
    size_t place = version % PROBED;
    if (mine->probed[place].version != version) {
        mine->probed[place].can = can_explain(explained, mine->endpoint, version);
        mine->probed[place].version = version;
    }
    return mine->probed[place].can;
}

static double share_for(cli_explained *explained, use u, const char *endpoint, unsigned version)
{
    if (!__atomic_load_n(&explained->fleet, __ATOMIC_ACQUIRE))
        return 0;
    pthread_mutex_lock(&explained->lock);
    wish *mine = wish_of(explained, endpoint);
    double share = mine ? mine->shares[u] : 0;
    if (share > 0 && !probe(explained, mine, version))
        share = 0;
    pthread_mutex_unlock(&explained->lock);
    return share;
}

static double logged_share(void *user, const char *endpoint, unsigned version)
{
    return share_for(user, LOGGED, endpoint, version);
}

static bool explain(void *user, const char *endpoint, unsigned version, const mw_matrix *rows,
                    const double *outputs, double *ret_values)
{
    mw_error err;
    const cli_explained *explained = user;
    return mw_fleet_explain(explained->fleet, endpoint, version, rows, outputs, ret_values, &err) ==
           MW_OK;
}

/* Nobody else asks yet, so no lock is held under the fleet's. */
static void note_version(void *user, const mw_endpoint_info *info)
{
    cli_explained *explained = user;
    wish *mine = info->forest ? wish_of(explained, info->name) : NULL;
    if (mine)
        mine->first_version = info->version;
}

void cli_explained_begin(cli_explained *explained, mw_fleet *fleet)
{
    mw_fleet_each(fleet, note_version, explained);
    __atomic_store_n(&explained->fleet, fleet, __ATOMIC_RELEASE);
    for (size_t i = 0; i < explained->n_wishes; i++)
        for (use u = 0; u < N_USES; u++)
            if (explained->wishes[i].first_version > 0)
                (void)share_for(explained, u, explained->wishes[i].endpoint,
                                explained->wishes[i].first_version);
}

mw_log_explainer cli_explained_logger(cli_explained *explained)
{
    return (mw_log_explainer){logged_share, explain, explained};
}

static double watched_share(void *user, const char *endpoint, unsigned version)
{
    return share_for(user, WATCHED, endpoint, version);
}

static bool explain_watched(void *user, const char *endpoint, unsigned version,
                            const mw_matrix *rows, double *ret_values)
{
    return explain(user, endpoint, version, rows, NULL, ret_values);
}

static uint64_t background_of(void *user, const char *endpoint)
{
    cli_explained *explained = user;
    pthread_mutex_lock(&explained->lock);
    const wish *mine = wish_of(explained, endpoint);
    uint64_t background = mine ? mine->background : 0;
    pthread_mutex_unlock(&explained->lock);
    return background;
}

mw_watch_explainer cli_explained_watcher(cli_explained *explained)
{
    return (mw_watch_explainer){watched_share, explain_watched, background_of, explained};
}

void cli_explained_free(cli_explained *explained)
{
    if (!explained)
        return;
    for (size_t i = 0; i < explained->n_wishes; i++)
        free(explained->wishes[i].endpoint);
    free(explained->wishes);
    pthread_mutex_destroy(&explained->lock);
    free(explained);
}
