/* Which name a model is served under. */
#include "house.h"

#include <ctype.h>
#include <limits.h>
#include <unistd.h>

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* "models/churn.v3.json" -> "churn.v3"; "models/churn/" -> "churn" */
static mw_view stem_of(const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    const char *slash = memrchr(path, '/', size);
    mw_view name = {path, size};
    if (slash)
        name = (mw_view){slash + 1, size - (size_t)(slash + 1 - path)}; /* "/" gives "" */
    const char *point = name.size > 0 ? memrchr(name.data, '.', name.size) : NULL;
    if (point && point > name.data && !mw_file_is_folder(path))
        name.size = (size_t)(point - name.data);
    return name;
}

static bool is_model_name(const char *path)
{
    return strncmp(path, "models:/", 8) == 0;
}

/* "models:/credit@champion", "models:/credit/3" -> "credit" */
static mw_view name_in_address(const char *address)
{
    const char *name = address + 8;
    return (mw_view){name, strcspn(name, "@/")};
}

mw_status cli_endpoint_default_name(const char *path, mw_arena *arena, const char **ret_name,
                                    mw_error *err)
{
    char real[PATH_MAX];
    mw_view stem = is_model_name(path) ? name_in_address(path) : stem_of(path);
    if (mw_view_is(stem, ".") || mw_view_is(stem, "..") || mw_view_is(stem, "/"))
        stem = realpath(path, real) ? stem_of(real) : (mw_view){NULL, 0};
    if (stem.size > MW_LIMIT_NAME_BYTES)
        stem.size = MW_LIMIT_NAME_BYTES;
    char *name = mw_arena_text(arena, stem);
    if (!name)
        return mw_fail_memory(err, "the names");
    for (char *c = name; *c; c++)
        if (!is_name_byte(*c) || (c == name && *c == '.'))
            *c = '-';
    if (!*name) {
        mw_fail(err, MW_E_ENDPOINT_NAME, "no name can be made from '%s'", path);
        return mw_mend(err, "give one: NAME=%s", path);
    }
    *ret_name = name;
    return MW_OK;
}

/* What stands before '=' is a name, unless the whole is a path that exists ("a=b/model.json"). */
mw_status cli_endpoint_read(const char *text, mw_arena *arena, cli_endpoint *ret_endpoint,
                            mw_error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || access(text, F_OK) == 0) {
        cli_endpoint endpoint = {.model = text};
        MW_TRY(cli_endpoint_default_name(text, arena, &endpoint.name, err));
        *ret_endpoint = endpoint;
        return MW_OK;
    }
    char *name = mw_arena_text(arena, (mw_view){text, (size_t)(equals - text)});
    if (!name)
        return mw_fail_memory(err, "the names");
    if (mw_endpoint_check_name(name, NULL) != MW_OK || !equals[1]) {
        mw_fail(err, MW_E_ENDPOINT_NAME, "'%s' is not NAME=PATH", text);
        return mw_mend(err, "use letters, digits, '_', '-' and '.' in the name: churn=model.json");
    }
    *ret_endpoint = (cli_endpoint){.name = name, .model = equals + 1};
    return MW_OK;
}

size_t cli_endpoints_wanted(const cli_call *call)
{
    return call->n_arguments > 0 ? call->n_arguments : call->n_endpoints;
}

mw_status cli_endpoint_wanted(const cli_call *call, size_t i, mw_arena *arena,
                              cli_endpoint *ret_endpoint, mw_error *err)
{
    if (call->n_arguments > 0)
        return cli_endpoint_read(call->arguments[i], arena, ret_endpoint, err);
    cli_endpoint endpoint = call->endpoints[i];
    if (!endpoint.name)
        MW_TRY(cli_endpoint_default_name(endpoint.model, arena, &endpoint.name, err));
    *ret_endpoint = endpoint;
    return MW_OK;
}
