/* Finding and loading libonnxruntime.so.
 *
 *     named (option, else MW_ONNXRUNTIME)   a file, or a folder that holds it (or its lib/, capi/)
 *     not named                             the linker's own places
 *                                           /usr/local/lib, /usr/lib, /opt/onnxruntime/lib
 *                                           $VIRTUAL_ENV/.../site-packages/onnxruntime/capi
 *
 * In a folder its names are libonnxruntime.so, .so.1, .so.1.32.0: the last one in the order of
 * names counts. */
#include "api.h"

#include <dlfcn.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define HOW_TO_INSTALL                                                                      \
    "install ONNX Runtime 1.18 or newer (pip install onnxruntime, or its release archive) " \
    "and set MW_ONNXRUNTIME to its libonnxruntime.so or the folder of it"

/* What OrtGetApiBase() gives. */
typedef struct api_base {
    const void *(*table)(uint32_t version);
    const char *(*version)(void);
} api_base;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards loading */
static const char *chosen_path;
static runtime_api api;
static const char *loaded_version;
static _Atomic(const runtime_api *) loaded; /* &api once it is whole */

void mw_runtime_use(const char *path)
{
    chosen_path = path;
}

const runtime_api *runtime_loaded(void)
{
    return atomic_load_explicit(&loaded, memory_order_acquire);
}

mw_status runtime_check(ort_status *status, mw_code code, const char *what, mw_error *err)
{
    if (!status)
        return MW_OK;
    mw_fail(err, code, "%s", what);
    mw_why(err, "%s", api.get_error_message(status));
    api.release_status(status);
    return mw_mend(err, "see 'mw help MW%d'", (int)code);
}

/* ---- places ---------------------------------------------------------------------------------- */

/* dlopen of the last match of the pattern; NULL when there is none, or none that loads. */
static void *open_match(const char *pattern)
{
    glob_t found;
    void *handle = NULL;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = found.gl_pathc; i-- > 0 && !handle;)
            handle = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
    return handle;
}

static void *open_in(const char *folder, const char *below)
{
    mw_buf pattern;
    mw_buf_init(&pattern, MW_LIMIT_TARGET_BYTES);
    mw_buf_format(&pattern, "%s%s/libonnxruntime.so*", folder, below);
    void *handle = pattern.failed ? NULL : open_match(pattern.data);
    mw_buf_done(&pattern);
    return handle;
}

static void *open_usual(void)
{
    static const char *const folders[] = {"/usr/local/lib", "/usr/lib", "/opt/onnxruntime/lib"};
    static const char *const names[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
    const char *python = getenv("VIRTUAL_ENV");
    void *handle = NULL;
    for (size_t i = 0; i < MW_COUNT(names) && !handle; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < MW_COUNT(folders) && !handle; i++)
        handle = open_in(folders[i], "");
    if (!handle && python && *python)
        handle = open_in(python, "/lib/python3*/site-packages/onnxruntime/capi");
    return handle;
}

static mw_status fail_named(const char *path, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_RUNTIME_LIBRARY, "%s", what);
    mw_mend(err, "set MW_ONNXRUNTIME to libonnxruntime.so (1.18 or newer) or the folder of it, or "
                 "to 'off'");
    return mw_at(err, "%s", path);
}

/* The linker's own words say what is wrong with a file: no ELF, another machine's, ... */
static mw_status open_file(const char *path, void **ret_handle, mw_error *err)
{
    char *whole = realpath(path, NULL); /* a name without a slash is looked for elsewhere */
    if (!whole)
        return fail_named(path, "there is no such file or folder", err);
    *ret_handle = dlopen(whole, RTLD_NOW | RTLD_LOCAL);
    free(whole);
    if (*ret_handle)
        return MW_OK;
    const char *why = dlerror();
    fail_named(path, "this is not a library that can be loaded", err);
    return mw_why(err, "%s", why ? why : "unknown");
}

static mw_status open_named(const char *path, void **ret_handle, mw_error *err)
{
    static const char *const below[] = {"", "/lib", "/capi"};
    if (!mw_file_is_folder(path))
        return open_file(path, ret_handle, err);
    *ret_handle = NULL;
    for (size_t i = 0; i < MW_COUNT(below) && !*ret_handle; i++)
        *ret_handle = open_in(path, below[i]);
    return *ret_handle ? MW_OK
                       : fail_named(path,
                                    "the folder holds no libonnxruntime.so that can be "
                                    "loaded",
                                    err);
}

static mw_status open_library(const char *named, void **ret_handle, mw_error *err)
{
    bool off = named && strcmp(named, "off") == 0;
    if (named && *named && !off)
        return open_named(named, ret_handle, err);
    *ret_handle = off ? NULL : open_usual();
    if (*ret_handle)
        return MW_OK;
    mw_fail(err, MW_E_RUNTIME_ABSENT,
            off ? "ONNX Runtime is turned off"
                : "ONNX Runtime is not "
                  "installed");
    return mw_mend(err, HOW_TO_INSTALL);
}

/* ---- its functions --------------------------------------------------------------------------- */

static void copy_functions(const void *table)
{
#define COPY(place, name, result, arguments) \
    memcpy(&api.name, (const char *)table + (place) * sizeof(void *), sizeof api.name);
    RUNTIME_FUNCTIONS(COPY)
#undef COPY
}

static mw_status find_table(void *handle, const char *named, const void **ret_table, mw_error *err)
{
    const api_base *(*find_base)(void) = NULL;
    void *symbol = dlsym(handle, "OrtGetApiBase");
    const char *place = named && *named ? named : "libonnxruntime.so";
    if (!symbol)
        return fail_named(place, "this library is not ONNX Runtime: it has no OrtGetApiBase", err);
    memcpy(&find_base, &symbol, sizeof find_base);
    const api_base *base = find_base();
    *ret_table = base ? base->table(RUNTIME_API_VERSION) : NULL;
    loaded_version = base ? base->version() : "";
    if (*ret_table)
        return MW_OK;
    char what[128];
    snprintf(what, sizeof what, "ONNX Runtime %.40s is too old: 1.%d or newer is used",
             loaded_version, RUNTIME_API_VERSION);
    return fail_named(place, what, err);
}

/* Only what is fatal: errors come back as a status, too. */
static void take_log(void *user, int severity, const char *category, const char *id,
                     const char *place, const char *message)
{
    (void)user, (void)severity, (void)category, (void)id;
    mw_log(MW_LOG_DEBUG, "onnxruntime: %s: %s", place, message);
}

static mw_status start(mw_error *err)
{
    enum { LEVEL_FATAL = 4, ARENA_ALLOCATOR = 1, MEMORY_DEFAULT = 0 };
    static const char what[] = "ONNX Runtime cannot be started";
    const mw_code code = MW_E_RUNTIME_LIBRARY;
    MW_TRY(
        runtime_check(api.create_env_with_log(take_log, NULL, LEVEL_FATAL, "millwright", &api.env),
                      code, what, err));
    MW_TRY(runtime_check(api.disable_telemetry(api.env), code, what, err));
    MW_TRY(runtime_check(api.create_memory(ARENA_ALLOCATOR, MEMORY_DEFAULT, &api.memory), code,
                         what, err));
    return runtime_check(api.default_allocator(&api.allocator), code, what, err);
}

static mw_status load(mw_error *err)
{
    const char *named = chosen_path ? chosen_path : getenv("MW_ONNXRUNTIME");
    const void *table = NULL;
    void *handle = NULL;
    MW_TRY(open_library(named, &handle, err));
    mw_status status = find_table(handle, named, &table, err);
    if (status == MW_OK) {
        copy_functions(table);
        status = start(err);
    }
    if (status != MW_OK) {
        if (!api.env) /* nothing of it runs yet */
            dlclose(handle);
        return status;
    }
    atomic_store_explicit(&loaded, &api, memory_order_release);
    return MW_OK;
}

mw_status mw_runtime_load(const char **ret_version, mw_error *err)
{
    mw_status status = MW_OK;
    pthread_mutex_lock(&lock);
    if (!runtime_loaded())
        status = load(err);
    pthread_mutex_unlock(&lock);
    if (status == MW_OK && ret_version)
        *ret_version = loaded_version;
    return status;
}
