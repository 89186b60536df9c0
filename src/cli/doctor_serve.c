/* What a server would start with: its models, address, certificate, folders and record. Nothing is
 * made or changed, and a server that runs goes on. */
#include "announce.h"
#include "certificates.h"
#include "doctor.h"
#include "listeners.h"
#include "registry/registry.h"

/* ---- models ---------------------------------------------------------------------------------- */

/* An address in the record leads to a folder, as the server would make it of the blobs. */
static mw_status find_model(mw_registry *registry, const char *model, mw_arena *arena,
                            const char **ret_path, mw_error *err)
{
    *ret_path = model;
    if (!mw_is_model_address(mw_view_of(model)))
        return MW_OK;
    if (!registry) {
        mw_fail(err, MW_E_NO_RECORD, "%s is in a record, and none is at hand", model);
        return mw_mend(err, "say which: --record DIR, the folder that 'mw serve --record' keeps");
    }
    MW_TRY(mw_registry_check_gates(registry, mw_view_of(model), arena, err));
    return mw_registry_check_out(registry, mw_view_of(model), arena, ret_path, err);
}

typedef struct loading {
    doctor *self;
    const char *name;
    uint64_t load_ns;
} loading;

static void tell_loaded(void *user, const mw_endpoint_info *info)
{
    loading *one = user;
    mw_buf words;
    if (strcmp(info->name, one->name) != 0 || !info->forest)
        return;
    mw_buf_init(&words, 4 * MW_KIB);
    cli_write_forest(info->forest, &words);
    doctor_ok(one->self, "model", "%.100s: %.*s; loaded in %.0f ms", one->name,
              MW_VIEW_ARG(mw_buf_as_view(&words)), (double)one->load_ns / 1e6);
    mw_buf_done(&words);
}

/* As the server loads it, golden rows and background and all. */
static mw_status load_model(doctor *self, mw_fleet *fleet, mw_registry *registry,
                            const cli_endpoint *endpoint, mw_error *err)
{
    const char *path;
    MW_TRY(find_model(registry, endpoint->model, &self->arena, &path, err));
    uint64_t began = mw_clock_ns();
    MW_TRY(mw_fleet_add(fleet, endpoint->name, path, endpoint->background, err));
    mw_fleet_each(fleet, tell_loaded, &(loading){self, endpoint->name, mw_clock_ns() - began});
    return MW_OK;
}

static void check_models(doctor *self, mw_registry *registry)
{
    const cli_call *call = self->call;
    const mw_fleet_options options = {.n_loops = 1, .n_workers = 1};
    size_t n = cli_endpoints_wanted(call);
    mw_fleet *fleet;
    mw_error err;
    if (n == 0 && !call->settings[CLI_RECORD].text)
        doctor_warn(self, "model", "mw doctor model.json, or list 'endpoints' in millwright.yaml",
                    "no model is named: there is nothing to serve");
    if (n == 0)
        return;
    if (mw_fleet_new(&options, &fleet, &err) != MW_OK) {
        doctor_fail(self, "model", &err);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        cli_endpoint endpoint;
        mw_status status = cli_endpoint_wanted(call, i, &self->arena, &endpoint, &err);
        if (status == MW_OK)
            status = load_model(self, fleet, registry, &endpoint, &err);
        if (status != MW_OK)
            doctor_fail(self, "model", &err);
    }
    mw_fleet_free(fleet);
}

/* ---- the address, and its certificate -------------------------------------------------------- */

/* Who listens there is told as "process 4121 ('millwright') listens there". */
static bool is_ours(const mw_error *err)
{
    return strstr(err->why, "('millwright')") || strstr(err->why, "('mw')");
}

static void check_listener(doctor *self, const char *item)
{
    mw_error err;
    if (strncmp(item, "fd:", 3) == 0) {
        doctor_ok(self, "address", "%.200s is opened by systemd: it is not tried here", item);
        return;
    }
    mw_status status = cli_house_try_address(self->call, item, &err);
    if (status == MW_OK)
        doctor_ok(self, "address", "%.200s is free", item);
    else if (status == MW_CONFLICT && is_ours(&err))
        doctor_warn(self, "address", "mw status, to see how it does; or another --listen",
                    "%.100s: %s", err.what, err.why);
    else
        doctor_fail(self, "address", &err);
}

static void check_addresses(doctor *self)
{
    mw_view items = mw_view_of(self->call->settings[CLI_LISTEN].text), item;
    while (cli_next_listener(&items, &item)) {
        const char *text = mw_arena_text(&self->arena, item);
        if (text)
            check_listener(self, text);
    }
}

/* False: no address that speaks it could be tried. */
static bool check_certificate(doctor *self)
{
    mw_tls *tls;
    mw_error err;
    if (cli_tls_open(self->call, &tls, &err) != MW_OK) {
        doctor_fail(self, "certificate", &err);
        return false;
    }
    if (!tls)
        return true;
    mw_tls_info info;
    mw_tls_describe(tls, &info);
    if (info.doubt[0])
        doctor_warn(self, "certificate", "have a new one made; the server takes it by itself",
                    "clients may refuse it: %.180s", info.doubt);
    else
        doctor_ok(self, "certificate", "of %.60s (%.80s), valid until %.40s",
                  info.subject[0] ? info.subject : "nobody", info.names, info.end_text);
    mw_tls_free(tls);
    return true;
}

/* ---- the record ------------------------------------------------------------------------------ */

static void check_people(doctor *self, mw_registry *registry)
{
    size_t n = 0;
    mw_error err;
    if (cli_count_people(registry, &self->arena, &n, &err) != MW_OK)
        doctor_fail(self, "record", &err);
    else if (n == 0 && cli_is_on(self->call, CLI_AUTH))
        doctor_warn(self, "record", "mw user add NAME --role admin --record DIR",
                    "--auth on, and there are no users yet: nobody gets in");
    else
        doctor_ok(self, "record", "%.200s opens; users and tokens: %zu",
                  self->call->settings[CLI_RECORD].text, n);
}

/* A record that is to be made in a database: whether that can be reached. */
static void check_database(doctor *self, const char *address)
{
    mw_store *store;
    mw_error err;
    char shown[200];
    mw_store_show_address(address, shown, sizeof shown);
    mw_status status = mw_store_open_to_read(address, 0, &store, &err);
    if (status == MW_OK)
        mw_store_close(store);
    if (status == MW_OK)
        doctor_ok(self, "database", "%s answers; the record is made at the start", shown);
    else if (err.code == MW_E_STORE_NEWER)
        doctor_ok(self, "database", "%s answers, and holds a record", shown);
    else
        doctor_fail(self, "database", &err);
}

static mw_registry *check_record(doctor *self)
{
    const char *folder = self->call->settings[CLI_RECORD].text;
    const char *store = self->call->settings[CLI_STORE].text;
    mw_registry *registry = NULL;
    mw_error err;
    if (!folder)
        return NULL;
    doctor_check_place(self, "record", folder, "--record");
    mw_status status = mw_registry_look(folder, &registry, &err);
    if (status == MW_NOT_FOUND && store)
        check_database(self, store);
    else if (status == MW_NOT_FOUND)
        doctor_ok(self, "record", "there is none yet: it is made at the start");
    else if (status != MW_OK)
        doctor_fail(self, "record", &err);
    else
        check_people(self, registry);
    return registry;
}

static mw_status take_nothing(void *user, mw_view bytes, mw_error *err)
{
    (void)user, (void)bytes, (void)err;
    return MW_OK;
}

/* Asked for a thing that is not there, a bucket that can be read says just so. */
static void check_bucket(doctor *self)
{
    const char *uri = self->call->settings[CLI_ARTIFACT_STORE].text;
    mw_bucket *bucket = NULL;
    mw_error err;
    if (!uri)
        return;
    mw_status status = mw_bucket_open(&(mw_bucket_place){.uri = uri}, &bucket, &err);
    if (status == MW_OK)
        status = mw_bucket_send(bucket, "mw-doctor", take_nothing, NULL, &err);
    mw_bucket_close(bucket);
    if (status == MW_OK || status == MW_NOT_FOUND)
        doctor_ok(self, "artifacts", "%.200s answers, and takes the keys", uri);
    else
        doctor_fail(self, "artifacts", &err);
}

/* ---- all of it ------------------------------------------------------------------------------- */

void doctor_check_serve(doctor *self)
{
    if (check_certificate(self))
        check_addresses(self);
    doctor_check_place(self, "data", self->call->settings[CLI_DATA].text, "--data");
    mw_registry *registry = check_record(self);
    check_bucket(self);
    check_models(self, registry);
    mw_registry_close(registry);
}
