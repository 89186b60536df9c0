/* Arguments of a statement, as libpq takes them: binary, in one block. */
#ifndef STORE_PACK_H
#define STORE_PACK_H

#include <stdarg.h>

#include "store.h"

typedef union store_number {
    uint64_t bits;
    double value;
    char bytes[8];
} store_number;

/* Texts are borrowed. */
typedef struct store_packed {
    int n;
    const char **values;
    int *sizes, *formats;
    unsigned *types;
    store_number *numbers;
    bool has_nul;
} store_packed;

/* By kind letters (mw_sql_run), and of an array. store_pack_done in any case. Fail: MW_BAD_ARGUMENT
 * (MW4018) a text with the character NUL in it. */
MW_CHECKED mw_status store_pack_list(store_packed *p, const char *kinds, va_list *arguments,
                                     mw_error *err);
MW_CHECKED mw_status store_pack_values(store_packed *p, const mw_value *values, size_t n,
                                       mw_error *err);
void store_pack_done(store_packed *p);

#endif
