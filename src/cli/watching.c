/* Between the fleet and the watch.
 *
 *     fleet: endpoint, version, forest --> who it is (a digest), columns --+
 *     --reference, "reference:", FOLDER/millwright/profile.json --> profile -+--> described
 */
#include "watching.h"

#include "explained.h"
#include "state.h"
#include "training_profile.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct named {
    char *endpoint, *path;
} named;

struct cli_watching {
    const cli_call *call;
    mw_monitor *monitor;
    mw_fleet *fleet;      /* NULL: not yet */
    pthread_mutex_t lock; /* of the references: the watcher looks, the main thread adds */
    named *references;
    size_t n_references;
    bool is_start; /* what a named reference lacks ends the start */
    mw_status status;
    mw_error *err;
    pthread_mutex_t truth_lock; /* the journal's thread asks the fleet */
};

/* ---- who a model is -------------------------------------------------------------------------- */

/* The same model loaded again is the same: columns, and what trees and weights say. Of a graph its
 * path and size. */
static void write_identity(const mw_endpoint_info *info, char *out, size_t size)
{
    const mw_forest *f = info->forest;
    uint64_t digest = MW_FNV_BEGIN;
    const size_t sizes[] = {f->n_features, f->n_predictions, f->n_trees, f->n_nodes, f->file_bytes};
    digest = mw_fnv(digest, sizes, sizeof sizes);
    for (size_t c = 0; c < f->schema.n_columns; c++)
        digest = mw_fnv_view(digest, f->schema.columns[c].name);
    digest =
        f->graph ? mw_fnv(digest, info->path, strlen(info->path)) : mw_forest_digest(f, digest);
    snprintf(out, size, "%s-%016llx", mw_format_name(f->format), (unsigned long long)digest);
}

/* ---- which reference ------------------------------------------------------------------------- */

static mw_status add_locked(cli_watching *watching, mw_view endpoint, mw_view path, mw_error *err)
{
    size_t n = watching->n_references;
    named *wider = realloc(watching->references, (n + 1) * sizeof *wider);
    if (!wider)
        return mw_fail_memory(err, "the references");
    watching->references = wider;
    wider[n] = (named){strndup(endpoint.data, endpoint.size), strndup(path.data, path.size)};
    watching->n_references++;
    return wider[n].endpoint && wider[n].path ? MW_OK : mw_fail_memory(err, "the references");
}

static mw_status add_reference(cli_watching *watching, mw_view endpoint, mw_view path,
                               mw_error *err)
{
    pthread_mutex_lock(&watching->lock);
    mw_status status = add_locked(watching, endpoint, path, err);
    pthread_mutex_unlock(&watching->lock);
    return status;
}

mw_status cli_watching_refer(cli_watching *watching, const char *endpoint, const char *path,
                             mw_error *err)
{
    return watching ? add_reference(watching, mw_view_of(endpoint), mw_view_of(path), err) : MW_OK;
}

/* The newest of them. Texts are never freed while the watch lives. */
static const char *reference_of(cli_watching *watching, const char *endpoint)
{
    const char *path = NULL;
    pthread_mutex_lock(&watching->lock);
    for (size_t i = watching->n_references; i-- > 0 && !path;)
        if (strcmp(watching->references[i].endpoint, endpoint) == 0)
            path = watching->references[i].path;
    path = path && *path ? path : NULL; /* "": it was taken back */
    pthread_mutex_unlock(&watching->lock);
    return path;
}

static mw_status fail_which(const char *what, mw_view text, mw_error *err)
{
    mw_fail(err, MW_E_REFERENCE_WHICH, "%s '%.*s'", what, MW_VIEW_ARG(text));
    mw_at(err, "--reference");
    return mw_mend(err, "--reference NAME=FILE, with the name of an endpoint; or --reference FILE "
                        "where one model is served");
}

static bool is_served(const cli_endpoint *endpoints, size_t n, mw_view name)
{
    for (size_t i = 0; i < n; i++)
        if (mw_view_is(name, endpoints[i].name))
            return true;
    return false;
}

/* "churn=train.csv,credit=credit.profile.json", or one file alone. */
static mw_status read_flag(cli_watching *watching, const char *text, const cli_endpoint *endpoints,
                           size_t n, mw_error *err)
{
    mw_view rest = mw_view_of(text);
    if (n == 1 && (!strchr(text, '=') || access(text, F_OK) == 0))
        return add_reference(watching, mw_view_of(endpoints[0].name), rest, err);
    while (rest.size > 0) {
        mw_view path = mw_view_trim(mw_view_cut(&rest, ',')), part = path;
        if (!memchr(part.data, '=', part.size))
            return fail_which("nothing tells whose reference it is:", part, err);
        mw_view name = mw_view_cut(&path, '=');
        if (!is_served(endpoints, n, name))
            return fail_which("no endpoint has this name:", name, err);
        MW_TRY(add_reference(watching, name, path, err));
    }
    return MW_OK;
}

static mw_status gather_references(cli_watching *watching, const cli_endpoint *endpoints, size_t n,
                                   mw_error *err)
{
    const char *flag = watching->call->settings[CLI_WATCH_REFERENCE].text;
    for (size_t i = 0; i < n; i++)
        if (endpoints[i].reference)
            MW_TRY(add_reference(watching, mw_view_of(endpoints[i].name),
                                 mw_view_of(endpoints[i].reference), err));
    return flag ? read_flag(watching, flag, endpoints, n, err) : MW_OK;
}

/* ---- telling --------------------------------------------------------------------------------- */

static bool profile_in(const char *folder, char *path, size_t size)
{
    int length = snprintf(path, size, "%s/" MW_PROFILE_PATH, folder);
    return length > 0 && (size_t)length < size && mw_file_is_folder(folder) &&
           access(path, R_OK) == 0;
}

static mw_status describe(const cli_watching *watching, const mw_endpoint_info *info,
                          const mw_profile *profile, mw_error *err)
{
    char identity[100];
    write_identity(info, identity, sizeof identity);
    mw_watch_subject subject = {.endpoint = info->name,
                                .version = info->version,
                                .identity = mw_view_of(identity),
                                .schema = &info->forest->schema,
                                .n_outputs = info->forest->n_predictions,
                                .profile = profile};
    return mw_monitor_describe(watching->monitor, &subject, err);
}

static mw_status load_and_describe(const cli_watching *watching, const mw_endpoint_info *info,
                                   const char *path, mw_error *err)
{
    mw_profile profile;
    mw_status status = cli_profile_load(path, &profile, err);
    if (status == MW_OK) {
        status = describe(watching, info, &profile, err);
        if (status != MW_OK)
            mw_at(err, "%s", path);
    }
    mw_profile_done(&profile);
    return status;
}

/* One that was named at the start must be good; any other is passed over with a warning, and the
 * first rows are learned. */
static void tell(void *user, const mw_endpoint_info *info)
{
    cli_watching *watching = user;
    char beside[PATH_MAX];
    mw_error err;
    if (!info->forest || watching->status != MW_OK ||
        mw_monitor_is_described(watching->monitor, info->name, info->version))
        return;
    const char *path = reference_of(watching, info->name);
    bool is_named = path != NULL;
    if (!path && profile_in(info->path, beside, sizeof beside))
        path = beside;
    mw_status status =
        path ? load_and_describe(watching, info, path, &err) : describe(watching, info, NULL, &err);
    if (status == MW_OK)
        return;
    if (watching->is_start && is_named) {
        watching->status = status;
        *watching->err = err;
        return;
    }
    mw_log_error(MW_LOG_WARN, "a reference is passed over, the first rows are learned", &err);
    if (describe(watching, info, NULL, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "a model is not watched", &err);
}

static void survey(void *user, mw_monitor *monitor)
{
    cli_watching *watching = user;
    (void)monitor;
    mw_fleet *fleet = __atomic_load_n(&watching->fleet, __ATOMIC_ACQUIRE);
    if (fleet)
        mw_fleet_each(fleet, tell, watching);
}

/* ---- the truth ------------------------------------------------------------------------------- */

typedef struct truth {
    cli_watching *watching;
    const char *endpoint;
    uint64_t model;
    const mw_log_truth *told;
    bool is_taken;
} truth;

static void take_truth(void *user, const mw_endpoint_info *info)
{
    mw_error err;
    truth *t = user;
    if (!info->forest || strcmp(info->name, t->endpoint) != 0 ||
        mw_journal_model(info->forest) != t->model)
        return;
    t->is_taken = true;
    const mw_watch_truth told = {t->told->n,      t->told->n_scores, t->told->scores,
                                 t->told->labels, t->told->rows,     t->told->n_columns};
    if (mw_monitor_truth(t->watching->monitor, info->name, info->version, &told, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "decay is not estimated", &err);
}

bool cli_watching_truth(void *user, const char *endpoint, uint64_t model, const mw_log_truth *told)
{
    truth t = {user, endpoint, model, told, false};
    pthread_mutex_lock(&t.watching->truth_lock);
    mw_fleet *fleet = __atomic_load_n(&t.watching->fleet, __ATOMIC_ACQUIRE);
    if (fleet)
        mw_fleet_each_version(fleet, take_truth, &t);
    pthread_mutex_unlock(&t.watching->truth_lock);
    return t.is_taken;
}

void cli_watching_end(cli_watching *watching)
{
    if (!watching)
        return;
    pthread_mutex_lock(&watching->truth_lock);
    __atomic_store_n(&watching->fleet, NULL, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&watching->truth_lock);
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status check_alone(const cli_setting *contributions, mw_error *err)
{
    if (contributions->number == 0)
        return MW_OK;
    mw_fail(err, MW_E_OPTION_VALUE, "contributions are watched with the rows, and --watch is off");
    mw_at(err, "%s", contributions->place ? contributions->place : "--watch-contributions");
    return mw_mend(err, "--watch on, or take them out");
}

mw_status cli_watching_open(const cli_call *call, cli_explained *explained,
                            cli_watching **ret_watching, mw_monitor **ret_monitor, mw_error *err)
{
    char folder[PATH_MAX];
    const char *data = call->settings[CLI_DATA].text;
    if (!call->settings[CLI_WATCH].number)
        return check_alone(&call->settings[CLI_WATCH_CONTRIBUTIONS], err);
    cli_watching *watching = calloc(1, sizeof *watching);
    if (!watching)
        return mw_fail_memory(err, "the watch");
    watching->call = call;
    pthread_mutex_init(&watching->lock, NULL);
    pthread_mutex_init(&watching->truth_lock, NULL);
    mw_monitor_options options = {
        .survey = survey, .survey_user = watching, .explainer = cli_explained_watcher(explained)};
    mw_status status = data ? cli_folder_make(data, err) : MW_OK;
    if (data && (size_t)snprintf(folder, sizeof folder, "%s/watch", data) < sizeof folder)
        options.folder = folder;
    if (status == MW_OK)
        status = mw_monitor_new(&options, &watching->monitor, err);
    if (status != MW_OK) {
        free(watching);
        return status;
    }
    *ret_monitor = watching->monitor;
    *ret_watching = watching;
    return MW_OK;
}

mw_status cli_watching_begin(cli_watching *watching, mw_fleet *fleet, const cli_endpoint *endpoints,
                             size_t n_endpoints, mw_error *err)
{
    if (!watching)
        return MW_OK;
    MW_TRY(gather_references(watching, endpoints, n_endpoints, err));
    watching->is_start = true;
    watching->err = err;
    mw_fleet_each(fleet, tell, watching);
    watching->is_start = false;
    MW_TRY(watching->status);
    __atomic_store_n(&watching->fleet, fleet, __ATOMIC_RELEASE);
    return MW_OK;
}

void cli_watching_free(cli_watching *watching)
{
    if (!watching)
        return;
    for (size_t i = 0; i < watching->n_references; i++) {
        free(watching->references[i].endpoint);
        free(watching->references[i].path);
    }
    free(watching->references);
    pthread_mutex_destroy(&watching->lock);
    pthread_mutex_destroy(&watching->truth_lock);
    free(watching);
}
