/* Arguments as libpq takes them: numbers of eight bytes with the biggest byte first. */
#include "pack.h"

#include <stdlib.h>

#include "dialect.h"

enum { OID_INT8 = 20, OID_TEXT = 25, OID_FLOAT8 = 701 };

static mw_status init(store_packed *p, size_t n, mw_error *err)
{
    *p = (store_packed){.n = 0};
    size_t each = sizeof *p->numbers + sizeof *p->values + 2 * sizeof(int) + sizeof *p->types;
    if (n > STORE_ARGUMENTS_MAX)
        return mw_fail(err, MW_E_STORE_SQL, "more than %d values", STORE_ARGUMENTS_MAX);
    if (!(p->numbers = malloc((n + 1) * each)))
        return mw_fail_memory(err, "a statement's values");
    p->values = (const char **)(p->numbers + n);
    p->sizes = (int *)(p->values + n);
    p->formats = p->sizes + n;
    p->types = (unsigned *)(p->formats + n);
    return MW_OK;
}

void store_pack_done(store_packed *p)
{
    free(p->numbers);
}

static void put(store_packed *p, unsigned type, const char *value, size_t size)
{
    p->types[p->n] = type;
    p->values[p->n] = value;
    p->sizes[p->n] = (int)size;
    p->formats[p->n++] = 1; /* binary */
}

static void put_number(store_packed *p, unsigned type, store_number given)
{
    store_number *kept = &p->numbers[p->n];
    kept->bits = __builtin_bswap64(given.bits); /* biggest byte first */
    put(p, type, kept->bytes, sizeof kept->bytes);
}

static void put_text(store_packed *p, mw_view text)
{
    static const char empty[] = "";
    p->has_nul = p->has_nul || (text.size > 0 && memchr(text.data, '\0', text.size));
    put(p, OID_TEXT, text.size > 0 || !text.data ? text.data : empty, text.size);
}

static mw_status check_texts(const store_packed *p, mw_error *err)
{
    if (!p->has_nul)
        return MW_OK;
    mw_fail(err, MW_E_STORE_TEXT, "a text holds the character NUL, which PostgreSQL does not keep");
    return mw_mend(err, "send it without \\u0000");
}

mw_status store_pack_list(store_packed *p, const char *kinds, va_list *arguments, mw_error *err)
{
    MW_TRY(init(p, strlen(kinds), err));
    for (; *kinds; kinds++) {
        if (*kinds == 't')
            put_text(p, va_arg(*arguments, mw_view));
        else if (*kinds == 'i')
            put_number(p, OID_INT8, (store_number){.bits = (uint64_t)va_arg(*arguments, int64_t)});
        else if (*kinds == 'd')
            put_number(p, OID_FLOAT8, (store_number){.value = va_arg(*arguments, double)});
        else
            put(p, 0, NULL, 0);
    }
    return check_texts(p, err);
}

mw_status store_pack_values(store_packed *p, const mw_value *values, size_t n, mw_error *err)
{
    MW_TRY(init(p, n, err));
    for (size_t i = 0; i < n; i++) {
        if (values[i].kind == MW_VALUE_TEXT)
            put_text(p, values[i].text);
        else if (values[i].kind == MW_VALUE_INT)
            put_number(p, OID_INT8, (store_number){.bits = (uint64_t)values[i].integer});
        else if (values[i].kind == MW_VALUE_DOUBLE)
            put_number(p, OID_FLOAT8, (store_number){.value = values[i].number});
        else
            put(p, 0, NULL, 0);
    }
    return check_texts(p, err);
}
