/* config show, check, schema. */
#include "config.h"
#include "help.h"

#include <limits.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 1 << 20 };

/* ---- show ------------------------------------------------------------------------------------ */

static void human_row(const cli_call *call, const char *key, const char *value, const char *origin,
                      mw_buf *out)
{
    bool with_origin = cli_is_on(call, CLI_ORIGIN);
    if (!call->terminal.out_is_tty) {
        mw_buf_format(out, "%s\t%s%s%s\n", key, value, with_origin ? "\t" : "",
                      with_origin ? origin : "");
        return;
    }
    size_t start = out->size;
    mw_buf_text(out, key);
    cli_pad(out, start, 26);
    mw_buf_text(out, value);
    if (with_origin) {
        mw_buf_char(out, ' ');
        cli_pad(out, start, 56);
        mw_buf_text(out, origin);
    }
    mw_buf_char(out, '\n');
}

static const char *origin_of(const cli_setting *setting)
{
    return setting->place ? setting->place : "default";
}

static void show_for_people(const cli_call *call, mw_buf *out)
{
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const cli_option *option = &cli_options[id];
        const cli_setting *setting = &call->settings[id];
        char automatic[128];
        snprintf(automatic, sizeof automatic, "(%s)", option->auto_is ? option->auto_is : "none");
        if (option->config)
            human_row(call, option->config, setting->text ? setting->text : automatic,
                      origin_of(setting), out);
    }
    for (size_t i = 0; i < call->n_endpoints; i++) {
        char key[64];
        const cli_endpoint *endpoint = &call->endpoints[i];
        snprintf(key, sizeof key, "endpoints[%zu].name", i);
        if (endpoint->name)
            human_row(call, key, endpoint->name, endpoint->place, out);
        snprintf(key, sizeof key, "endpoints[%zu].model", i);
        human_row(call, key, endpoint->model, endpoint->place, out);
        snprintf(key, sizeof key, "endpoints[%zu].background", i);
        if (endpoint->background)
            human_row(call, key, endpoint->background, endpoint->place, out);
    }
}

/* The value in JSON's own type: milliseconds and bytes stay the text that was written. */
static void json_value(const cli_option *option, const cli_setting *setting, mw_buf *out)
{
    if (!setting->text)
        mw_buf_text(out, "null");
    else if (option->kind == CLI_KIND_FLAG)
        mw_buf_text(out, setting->number ? "true" : "false");
    else if (option->kind == CLI_KIND_COUNT || option->kind == CLI_KIND_SECONDS)
        mw_json_write_int(out, (int64_t)setting->number);
    else if (option->kind == CLI_KIND_SHARE)
        mw_json_write_double(out, (double)setting->number / CLI_BILLION);
    else
        mw_json_write_text(out, mw_view_of(setting->text));
}

static void json_setting(const cli_call *call, int id, mw_buf *out)
{
    const cli_setting *setting = &call->settings[id];
    mw_json_write_text(out, mw_view_of(cli_option_key(&cli_options[id])));
    mw_buf_char(out, ':');
    if (!cli_is_on(call, CLI_ORIGIN)) {
        json_value(&cli_options[id], setting, out);
        return;
    }
    mw_buf_text(out, "{\"value\":");
    json_value(&cli_options[id], setting, out);
    mw_buf_text(out, ",\"origin\":");
    mw_json_write_text(out, mw_view_of(origin_of(setting)));
    mw_buf_char(out, '}');
}

static void json_endpoint(const cli_call *call, const cli_endpoint *endpoint, mw_buf *out)
{
    mw_buf_text(out, "{\"name\":");
    if (endpoint->name)
        mw_json_write_text(out, mw_view_of(endpoint->name));
    else
        mw_buf_text(out, "null");
    mw_buf_text(out, ",\"model\":");
    mw_json_write_text(out, mw_view_of(endpoint->model));
    if (endpoint->background) {
        mw_buf_text(out, ",\"background\":");
        mw_json_write_text(out, mw_view_of(endpoint->background));
    }
    if (cli_is_on(call, CLI_ORIGIN)) {
        mw_buf_text(out, ",\"origin\":");
        mw_json_write_text(out, mw_view_of(endpoint->place));
    }
    mw_buf_char(out, '}');
}

static void show_as_json(const cli_call *call, mw_buf *out)
{
    const char *separator = "";
    mw_buf_text(out, "{\"server\":{");
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_options[id].config) {
            mw_buf_text(out, separator);
            json_setting(call, id, out);
            separator = ",";
        }
    mw_buf_text(out, "},\"endpoints\":[");
    for (size_t i = 0; i < call->n_endpoints; i++) {
        mw_buf_text(out, i ? "," : "");
        json_endpoint(call, &call->endpoints[i], out);
    }
    mw_buf_text(out, "]}\n");
}

mw_status cli_run_config_show(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    if (cli_is_on(call, CLI_JSON))
        show_as_json(call, &out);
    else
        show_for_people(call, &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- check ----------------------------------------------------------------------------------- */

static void write_verdict(const cli_call *call, const char *path, const mw_error *fault,
                          mw_buf *out)
{
    if (!cli_is_on(call, CLI_JSON)) {
        if (!fault)
            mw_buf_format(out, "%s: ok\n", path);
        return;
    }
    mw_buf_text(out, "{\"file\":");
    mw_json_write_text(out, mw_view_of(path));
    mw_buf_format(out, ",\"ok\":%s", fault ? "false" : "true");
    if (fault) {
        mw_buf_format(out, ",\"code\":\"MW%d\",\"where\":", fault->code);
        mw_json_write_text(out, mw_view_of(fault->where));
        mw_buf_text(out, ",\"what\":");
        mw_json_write_text(out, mw_view_of(fault->what));
        mw_buf_text(out, ",\"fix\":");
        mw_json_write_text(out, mw_view_of(fault->mend));
    }
    mw_buf_text(out, "}\n");
}

/* A file that cannot be read gives no answer: that is an error, not a "no". */
mw_status cli_run_config_check(cli_call *call, mw_error *err)
{
    const char *path = call->n_arguments > 0 ? call->arguments[0] : CLI_CONFIG_NAME;
    mw_error fault;
    mw_status found = cli_config_load(call, path, &fault);
    if (found == MW_NOT_FOUND || found == MW_IO || found == MW_NO_MEMORY) {
        *err = fault;
        return found;
    }
    if (found != MW_OK) {
        cli_print_error(call, &fault);
        call->exit_code = CLI_EXIT_NO;
    }
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    write_verdict(call, path, found == MW_OK ? NULL : &fault, &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- schema ---------------------------------------------------------------------------------- */

mw_status cli_run_config_schema(cli_call *call, mw_error *err)
{
    const char *section = call->n_arguments > 0 ? call->arguments[0] : NULL;
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    bool known = cli_is_on(call, CLI_JSON) ? cli_write_json_schema(section, &out)
                                           : cli_write_schema(&call->terminal, section, &out);
    mw_status status;
    if (known)
        status = cli_put(call, &out, err);
    else {
        status = mw_fail(err, MW_E_CONFIG_KEY, "the configuration has no section '%s'", section);
        mw_mend(err, "give server or endpoints");
    }
    mw_buf_done(&out);
    return status;
}
