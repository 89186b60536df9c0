/* Whether a model may take the place of the one that is served: the rules are
 * mw_contract_compare's. What breaks is refused, or only told, as the fleet was asked to. */
#include "serve.h"

typedef struct finding {
    size_t n_breaks;
    char first[256];
    mw_buf all;
} finding;

static void see(void *user, const mw_contract_change *change)
{
    finding *f = user;
    if (!change->breaks)
        return;
    if (f->n_breaks++ == 0)
        snprintf(f->first, sizeof f->first, "%s", change->what);
    mw_buf_text(&f->all, f->all.size ? "; " : "");
    mw_buf_text(&f->all, change->what);
}

static mw_status compare(const mw_forest *before, const mw_forest *after, finding *f, mw_error *err)
{
    mw_arena arena;
    mw_contract a, b;
    mw_arena_init(&arena, 64 * MW_KIB, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_status status = mw_forest_contract(before, &arena, &a, err);
    if (status == MW_OK)
        status = mw_forest_contract(after, &arena, &b, err);
    if (status == MW_OK)
        status = mw_contract_compare(&a, &b, see, f, err);
    mw_arena_done(&arena);
    return status;
}

mw_status mw_endpoint_check_contract(const char *name, const mw_forest *before,
                                     const mw_forest *after, mw_error *err)
{
    enum { ALL_BYTES = 64 << 10 };
    finding f = {0};
    mw_buf_init(&f.all, ALL_BYTES); /* what goes beyond is not told */
    mw_status status = compare(before, after, &f, err);
    if (status == MW_OK && f.n_breaks > 0) {
        status =
            mw_fail(err, MW_E_CONTRACT, "it would break the clients of '%s': %s", name, f.first);
        if (f.n_breaks > 1)
            mw_why(err, "%zu changes break: %s", f.n_breaks, f.all.data);
        mw_mend(err,
                "serve it under another name; or unload '%s' first, or start with --contract "
                "warn, when its clients are ready",
                name);
    }
    mw_buf_done(&f.all);
    return status;
}
