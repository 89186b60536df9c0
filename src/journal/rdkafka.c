/* Finding and loading librdkafka.so.1. MW_LIBRDKAFKA names another file, or is "off". */
#include "rdkafka.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

rdkafka journal_rd;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_loaded; /* guarded by lock */

static mw_status fail(const char *what, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_OPTION_VALUE, "%s", what);
    if (why)
        mw_why(err, "%s", why);
    return mw_mend(err, "apt install librdkafka1 (Fedora: dnf install librdkafka; Alpine: apk add "
                        "librdkafka), or name the file in MW_LIBRDKAFKA");
}

static mw_status find_all(void *handle, mw_error *err)
{
    static const struct {
        const char *name;
        size_t place;
    } functions[] = {
#define ROW(name, result, arguments) {#name, offsetof(rdkafka, name)},
        RDKAFKA_FUNCTIONS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < MW_COUNT(functions); i++) {
        void *symbol = dlsym(handle, functions[i].name);
        if (!symbol)
            return fail("this librdkafka is too old, or another library", functions[i].name, err);
        memcpy((char *)&journal_rd + functions[i].place, &symbol, sizeof symbol);
    }
    return MW_OK;
}

static mw_status load(mw_error *err)
{
    const char *named = getenv("MW_LIBRDKAFKA");
    if (named && strcmp(named, "off") == 0)
        return fail("librdkafka is turned off", "MW_LIBRDKAFKA=off", err);
    void *handle = dlopen(named && *named ? named : "librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return fail("Kafka's library, librdkafka, is not installed", dlerror(), err);
    mw_status status = find_all(handle, err);
    if (status != MW_OK)
        dlclose(handle);
    return status;
}

mw_status journal_rd_load(mw_error *err)
{
    pthread_mutex_lock(&lock);
    mw_status status = is_loaded ? MW_OK : load(err);
    is_loaded = status == MW_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
