/* Finding and loading libpq.so.5. MW_LIBPQ names another file, or is "off". */
#include "libpq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

libpq store_pq;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_loaded; /* guarded by lock */

static mw_status fail(const char *what, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_STORE_LIBPQ, "%s", what);
    if (why)
        mw_why(err, "%s", why);
    return mw_mend(err, "apt install libpq5 (Fedora: dnf install libpq; Alpine: apk add libpq), "
                        "or name the file in MW_LIBPQ");
}

/* All of them, or none. */
static void find_newer(void *handle)
{
    static const struct {
        const char *name;
        size_t place;
    } functions[] = {
#define ROW(name, result, arguments) {#name, offsetof(libpq, name)},
        LIBPQ_NEWER_FUNCTIONS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < MW_COUNT(functions); i++) {
        void *symbol = dlsym(handle, functions[i].name);
        memcpy((char *)&store_pq + functions[i].place, &symbol, sizeof symbol);
        if (!symbol) {
            store_pq.PQenterPipelineMode = NULL;
            return;
        }
    }
}

static mw_status find_all(void *handle, mw_error *err)
{
    static const struct {
        const char *name;
        size_t place;
    } functions[] = {
#define ROW(name, result, arguments) {#name, offsetof(libpq, name)},
        LIBPQ_FUNCTIONS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < MW_COUNT(functions); i++) {
        void *symbol = dlsym(handle, functions[i].name);
        if (!symbol)
            return fail("this libpq is too old, or another library", functions[i].name, err);
        memcpy((char *)&store_pq + functions[i].place, &symbol, sizeof symbol);
    }
    find_newer(handle);
    return MW_OK;
}

static mw_status load(mw_error *err)
{
    const char *named = getenv("MW_LIBPQ");
    if (named && strcmp(named, "off") == 0)
        return fail("libpq is turned off", "MW_LIBPQ=off", err);
    void *handle = dlopen(named && *named ? named : "libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return fail("PostgreSQL's library, libpq, is not installed", dlerror(), err);
    mw_status status = find_all(handle, err);
    if (status != MW_OK)
        dlclose(handle);
    return status;
}

mw_status store_pq_load(mw_error *err)
{
    pthread_mutex_lock(&lock);
    mw_status status = is_loaded ? MW_OK : load(err);
    is_loaded = status == MW_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
