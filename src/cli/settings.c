/* Where each setting comes from: flag > environment > --config > ./millwright.yaml >
 * $XDG_CONFIG_HOME/millwright/millwright.yaml > /etc/millwright/millwright.yaml > default. */
#include "call.h"
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

static const char *join(mw_arena *arena, const char *head, char between, const char *tail)
{
    mw_buf both;
    mw_buf_init(&both, MW_LIMIT_CONFIG_FILE_BYTES);
    mw_buf_format(&both, "%s%c%s", head, between, tail);
    const char *kept = both.failed ? NULL : mw_arena_text(arena, mw_buf_as_view(&both));
    mw_buf_done(&both);
    return kept;
}

mw_status cli_setting_put(cli_call *call, cli_option_id id, mw_view text, cli_origin origin,
                          const char *place, mw_error *err)
{
    cli_value value;
    mw_status status = cli_value_read(&cli_options[id], text, &call->arena, &value, err);
    if (status != MW_OK)
        return place ? mw_at(err, "%s", place) : status;
    char *kept = place ? mw_arena_text(&call->arena, mw_view_of(place)) : NULL;
    if (place && !kept)
        return mw_fail_memory(err, "the settings");
    cli_setting *setting = &call->settings[id];
    if (setting->text && setting->origin > origin)
        return MW_OK;
    bool is_list = cli_options[id].kind == CLI_KIND_LISTEN;
    if ((is_list || cli_options[id].repeats) && setting->text && origin == CLI_FROM_FLAG &&
        setting->origin == CLI_FROM_FLAG) { /* "--listen A --listen B" is both */
        value.text = join(&call->arena, setting->text, is_list ? ' ' : '\n', value.text);
        if (!value.text)
            return mw_fail_memory(err, "the settings");
    }
    *setting =
        (cli_setting){.text = value.text, .number = value.number, .origin = origin, .place = kept};
    return MW_OK;
}

/* ---- environment ----------------------------------------------------------------------------- */

/* The value of NAME in the list, or NULL. */
static const char *variable(char *const *environment, const char *name)
{
    size_t size = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
            return *environment + size + 1;
    return NULL;
}

/* An empty variable counts as not set: container files often cannot unset one. */
static mw_status put_variable(cli_call *call, cli_option_id id, char *const *environment,
                              const char *name, mw_error *err)
{
    const char *text = *name ? variable(environment, name) : NULL;
    if (!text || !*text)
        return MW_OK;
    return cli_setting_put(call, id, mw_view_of(text), CLI_FROM_ENVIRONMENT, name, err);
}

static bool is_taken(const cli_call *call, int id)
{
    return cli_command_takes(call->command, (cli_option_id)id) ||
           (call->command->reads_config && cli_options[id].config);
}

/* MW_SERVER__LISTEN is the exact name and goes before the short MW_LISTEN. */
static mw_status read_environment(cli_call *call, char *const *environment, mw_error *err)
{
    mw_status status = MW_OK;
    mw_buf alias, canonical;
    mw_buf_init(&alias, 256);
    mw_buf_init(&canonical, 256);
    for (int id = 0; id < CLI_N_OPTIONS && status == MW_OK; id++) {
        if (!is_taken(call, id))
            continue;
        cli_option_environment(&cli_options[id], &alias, &canonical);
        status = put_variable(call, (cli_option_id)id, environment, alias.data, err);
        if (status == MW_OK && call->command->reads_config)
            status = put_variable(call, (cli_option_id)id, environment, canonical.data, err);
    }
    mw_buf_done(&alias);
    mw_buf_done(&canonical);
    return status;
}

/* MW_SERVER__LISTNE is a slip that would be overlooked. Only names with "__" are ours beyond doubt:
 * Kubernetes itself sets MW_PORT and its like for a service called "mw". */
static mw_status refuse_unknown_variables(char *const *environment, mw_error *err)
{
    mw_buf alias, canonical;
    mw_status status = MW_OK;
    mw_buf_init(&alias, 256);
    mw_buf_init(&canonical, 256);
    for (; *environment && status == MW_OK; environment++) {
        const char *equals = strchr(*environment, '=');
        mw_view name = {*environment, equals ? (size_t)(equals - *environment) : 0};
        if (!mw_view_starts(name, "MW_") || !memmem(name.data, name.size, "__", 2))
            continue;
        bool known = false;
        char suggestion[256] = "";
        size_t best = 4;
        for (int id = 0; id < CLI_N_OPTIONS && !known; id++) {
            cli_option_environment(&cli_options[id], &alias, &canonical);
            known = canonical.size > 0 && mw_view_equal(name, mw_buf_as_view(&canonical));
            size_t distance = mw_view_distance(name, mw_buf_as_view(&canonical), best);
            if (canonical.size > 0 && distance < best) {
                best = distance;
                snprintf(suggestion, sizeof suggestion, "%s", canonical.data);
            }
        }
        if (!known) {
            status = mw_fail(err, MW_E_CONFIG_KEY, "unknown variable '%.*s' in the environment",
                             MW_VIEW_ARG(name));
            mw_mend(err, "%s%s%sall names: mw help environment",
                    suggestion[0] ? "did you mean " : "", suggestion, suggestion[0] ? "?  " : "");
        }
    }
    mw_buf_done(&alias);
    mw_buf_done(&canonical);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

static mw_status read_optional_file(cli_call *call, const char *path, mw_error *err)
{
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return MW_OK;
    return cli_config_load(call, path, err);
}

/* $XDG_CONFIG_HOME, or ~/.config; false when neither is known. */
static bool user_file(char *const *environment, char *ret_path, size_t path_size)
{
    const char *folder = variable(environment, "XDG_CONFIG_HOME");
    const char *home = variable(environment, "HOME");
    int size = -1;
    if (folder && folder[0] == '/')
        size = snprintf(ret_path, path_size, "%s/%s", folder, CLI_CONFIG_IN_FOLDER);
    else if (home && home[0] == '/')
        size = snprintf(ret_path, path_size, "%s/.config/%s", home, CLI_CONFIG_IN_FOLDER);
    return size > 0 && (size_t)size < path_size;
}

/* Weakest first: a later file replaces what an earlier one said. */
static mw_status read_files(cli_call *call, char *const *environment, mw_error *err)
{
    char path[PATH_MAX];
    MW_TRY(read_optional_file(call, "/etc/" CLI_CONFIG_IN_FOLDER, err));
    if (user_file(environment, path, sizeof path))
        MW_TRY(read_optional_file(call, path, err));
    MW_TRY(read_optional_file(call, CLI_CONFIG_NAME, err));
    const char *named = call->settings[CLI_CONFIG].text;
    return named ? cli_config_load(call, named, err) : MW_OK;
}

static mw_status put_defaults(cli_call *call, mw_error *err)
{
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const char *fallback = cli_options[id].fallback;
        if (fallback && is_taken(call, id) && !call->settings[id].text)
            MW_TRY(cli_setting_put(call, (cli_option_id)id, mw_view_of(fallback), CLI_FROM_DEFAULT,
                                   NULL, err));
    }
    return MW_OK;
}

mw_status cli_settings_resolve(cli_call *call, char *const *environment, mw_error *err)
{
    MW_TRY(read_environment(call, environment, err));
    if (call->command->reads_config) {
        MW_TRY(refuse_unknown_variables(environment, err));
        MW_TRY(read_files(call, environment, err));
    }
    return put_defaults(call, err);
}
