/* Libraries of others, loaded when they are first needed, so that the program starts without them.
 */
#ifndef BASE_SHARED_LIBRARY_H
#define BASE_SHARED_LIBRARY_H

#include "error.h"

typedef struct mw_shared_function {
    const char *name;
    size_t place; /* of its pointer, in the table */
} mw_shared_function;

/* A row for a member of the table that is called as the function is. */
#define MW_SHARED_FUNCTION(table, name) {#name, offsetof(table, name)},

typedef struct mw_shared_library {
    const char *name;     /* "libpq" */
    const char *file;     /* "libpq.so.5" */
    const char *variable; /* of the environment: another file's path, or "off" */
    const char *missing;  /* "PostgreSQL's library, libpq, is not installed" */
    const char *mend;     /* how to install it */
    mw_code code;
    const mw_shared_function *functions, *newer; /* newer: all are found, or none of them is set */
    size_t n_functions, n_newer;
    bool is_loaded; /* of mw_shared_library_load */
} mw_shared_library;

/* Find the library and fill the table, once for the process: later calls succeed at once. It is
 * never unloaded. Any thread. Fails: library->code it is turned off, not installed, or lacks a
 * function. */
MW_CHECKED mw_status mw_shared_library_load(mw_shared_library *library, void *table, mw_error *err);

#endif
