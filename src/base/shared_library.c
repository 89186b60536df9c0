/* See shared_library.h. */
#include "shared_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static mw_status fail(const mw_shared_library *library, const char *why, mw_error *err)
{
    mw_why(err, "%s", why ? why : "");
    return mw_mend(err, "%s, or name the file in %s", library->mend, library->variable);
}

static void put(void *table, const mw_shared_function *function, void *symbol)
{
    memcpy((char *)table + function->place, &symbol, sizeof symbol);
}

/* Those that are missing are NULL; returns the first of them, or n. */
static size_t find(void *handle, const mw_shared_function *functions, size_t n, void *table)
{
    size_t missing = n;
    for (size_t i = n; i-- > 0;) {
        void *symbol = dlsym(handle, functions[i].name);
        put(table, &functions[i], symbol);
        missing = symbol ? missing : i;
    }
    return missing;
}

static mw_status load(const mw_shared_library *library, void *table, mw_error *err)
{
    const char *named = getenv(library->variable);
    if (named && strcmp(named, "off") == 0) {
        char why[80];
        snprintf(why, sizeof why, "%s=off", library->variable);
        mw_fail(err, library->code, "%s is turned off", library->name);
        return fail(library, why, err);
    }
    void *handle = dlopen(named && *named ? named : library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        mw_fail(err, library->code, "%s", library->missing);
        return fail(library, dlerror(), err);
    }
    size_t missing = find(handle, library->functions, library->n_functions, table);
    if (missing < library->n_functions) {
        mw_fail(err, library->code, "this %s is too old, or another library", library->name);
        mw_status status = fail(library, library->functions[missing].name, err);
        dlclose(handle);
        return status;
    }
    if (find(handle, library->newer, library->n_newer, table) < library->n_newer)
        for (size_t i = 0; i < library->n_newer; i++)
            put(table, &library->newer[i], NULL);
    return MW_OK;
}

mw_status mw_shared_library_load(mw_shared_library *library, void *table, mw_error *err)
{
    pthread_mutex_lock(&lock);
    mw_status status = library->is_loaded ? MW_OK : load(library, table, err);
    library->is_loaded = status == MW_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
