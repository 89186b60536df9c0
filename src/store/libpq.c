/* libpq.so.5, found and loaded. */
#include "libpq.h"

libpq store_pq;

mw_status store_pq_load(mw_error *err)
{
#define ROW(name, result, arguments) MW_SHARED_FUNCTION(libpq, name)
    static const mw_shared_function functions[] = {LIBPQ_FUNCTIONS(ROW)},
                                    newer[] = {LIBPQ_NEWER_FUNCTIONS(ROW)};
#undef ROW
    static mw_shared_library library = {
        .name = "libpq",
        .file = "libpq.so.5",
        .variable = "MW_LIBPQ",
        .missing = "PostgreSQL's library, libpq, is not installed",
        .mend = "apt install libpq5 (Fedora: dnf install libpq; Alpine: apk add libpq)",
        .code = MW_E_STORE_LIBPQ,
        .functions = functions,
        .n_functions = MW_COUNT(functions),
        .newer = newer,
        .n_newer = MW_COUNT(newer),
    };
    return mw_shared_library_load(&library, &store_pq, err);
}
