/* The keys of the configuration file, as a table for people and as a JSON Schema for editors. */
#include "alert/alert.h"
#include "apply/apply.h"
#include "config.h"
#include "help.h"

const char *cli_kind_word(cli_kind kind)
{
    switch (kind) {
    case CLI_KIND_FLAG:
        return "true or false";
    case CLI_KIND_TEXT:
        return "text";
    case CLI_KIND_FILE:
    case CLI_KIND_FOLDER:
        return "path";
    case CLI_KIND_LISTEN:
        return "address";
    case CLI_KIND_COUNT:
        return "number";
    case CLI_KIND_SIZE:
        return "size";
    case CLI_KIND_TIME:
        return "time";
    case CLI_KIND_SECONDS:
        return "seconds";
    case CLI_KIND_SHARE:
        return "share";
    case CLI_KIND_CHOICE:
        return "word";
    }
    return "";
}

static bool wanted(const char *section, mw_view name)
{
    return !section || mw_view_is(name, section);
}

static bool section_exists(const char *section)
{
    bool exists = !section || strcmp(section, "endpoints") == 0 || strcmp(section, "alerts") == 0;
    for (int id = 0; id < CLI_N_OPTIONS && !exists; id++)
        exists =
            cli_options[id].config && mw_view_is(cli_option_section(&cli_options[id]), section);
    return exists;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void schema_row(const cli_terminal *terminal, const char *key, const char *type,
                       const char *facts, const char *help, mw_buf *out)
{
    if (!terminal->out_is_tty) {
        mw_buf_format(out, "%s\t%s\t%s\t%s\n", key, type, facts, help);
        return;
    }
    size_t start = out->size;
    mw_buf_text(out, key);
    cli_pad(out, start, 26);
    mw_buf_text(out, type);
    cli_pad(out, start, 41);
    mw_buf_text(out, facts);
    mw_buf_format(out, "\n    %s\n", help);
}

bool cli_write_schema(const cli_terminal *terminal, const char *section, mw_buf *out)
{
    if (!section_exists(section))
        return false;
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const cli_option *option = &cli_options[id];
        if (!option->config || !wanted(section, cli_option_section(option)))
            continue;
        mw_buf facts;
        mw_buf_init(&facts, 512);
        cli_write_option_facts(option, &facts);
        if (option->kind == CLI_KIND_FLAG)
            mw_buf_format(&facts, "default %s", option->fallback ? option->fallback : "false");
        schema_row(terminal, option->config, cli_kind_word(option->kind), facts.data, option->help,
                   out);
        mw_buf_done(&facts);
    }
    for (size_t i = 0; i < cli_n_endpoint_keys && wanted(section, MW_VIEW("endpoints")); i++) {
        char key[64];
        snprintf(key, sizeof key, "endpoints[].%s", cli_endpoint_keys[i].name);
        const cli_option *like = &cli_options[cli_endpoint_keys[i].option];
        const char *text =
            i == 0 || strncmp(cli_endpoint_keys[i].name, "fairness", 8) == 0 ? "text" : "path";
        schema_row(terminal, key, cli_endpoint_keys[i].option ? cli_kind_word(like->kind) : text,
                   cli_endpoint_keys[i].required ? "needed" : "", cli_endpoint_keys[i].help, out);
    }
    if (wanted(section, MW_VIEW("alerts")))
        schema_row(terminal, "alerts", "section", "",
                   "rules and receivers: docs/reference/alerts.md, --json has its keys", out);
    if (!section)
        schema_row(terminal, "models, references, monitors, rollouts", "lists", "",
                   "of mw apply: docs/reference/apply.md", out);
    return true;
}

/* ---- JSON Schema ----------------------------------------------------------------------------- */

static void json_type(const cli_option *option, mw_buf *out)
{
    switch (option->kind) {
    case CLI_KIND_FLAG:
        mw_buf_text(out, "\"type\":\"boolean\"");
        break;
    case CLI_KIND_COUNT:
        mw_buf_format(out, "\"type\":\"integer\",\"minimum\":%llu,\"maximum\":%llu",
                      (unsigned long long)option->min, (unsigned long long)option->max);
        break;
    case CLI_KIND_SHARE:
        mw_buf_text(out, "\"type\":\"number\",\"minimum\":0,\"maximum\":1");
        break;
    case CLI_KIND_CHOICE:
        mw_buf_text(out, "\"enum\":[");
        for (size_t i = 0; option->choices[i]; i++)
            mw_buf_format(out, "%s\"%s\"", i ? "," : "", option->choices[i]);
        mw_buf_char(out, ']');
        break;
    case CLI_KIND_SIZE:
        mw_buf_text(out, "\"type\":[\"integer\",\"string\"],"
                         "\"pattern\":\"^[0-9]+(\\\\.[0-9]+)? ?([KkMmGg]?|B|[KMG]iB|[kKMG]B)$\"");
        break;
    case CLI_KIND_TIME:
        mw_buf_text(out,
                    "\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]+)? ?(ms|s|m|h|d)$\"");
        break;
    case CLI_KIND_SECONDS:
        mw_buf_text(out, "\"type\":[\"integer\",\"string\"],"
                         "\"pattern\":\"^[0-9]+(\\\\.[0-9]+)? ?(ms|s|m|h|d)?$\"");
        break;
    case CLI_KIND_LISTEN:
        mw_buf_text(out, "\"type\":[\"string\",\"integer\",\"array\"],"
                         "\"items\":{\"type\":[\"string\",\"integer\"]}");
        break;
    case CLI_KIND_TEXT:
    case CLI_KIND_FILE:
    case CLI_KIND_FOLDER:
        mw_buf_text(out, "\"type\":\"string\"");
        break;
    }
}

/* A default is written as the type it has in YAML. */
static void json_default(const cli_option *option, mw_buf *out)
{
    if (!option->fallback)
        return;
    mw_buf_text(out, ",\"default\":");
    if (option->kind == CLI_KIND_FLAG || option->kind == CLI_KIND_COUNT ||
        option->kind == CLI_KIND_SECONDS || option->kind == CLI_KIND_SHARE)
        mw_buf_text(out, option->fallback);
    else
        mw_json_write_text(out, mw_view_of(option->fallback));
}

static void json_section(mw_view section, mw_buf *out)
{
    const char *separator = "";
    mw_buf_text(out, "{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,"
                     "\"properties\":{");
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const cli_option *option = &cli_options[id];
        if (!option->config || !mw_view_equal(section, cli_option_section(option)))
            continue;
        mw_buf_format(out, "%s\"%s\":{", separator, cli_option_key(option));
        json_type(option, out);
        json_default(option, out);
        mw_buf_text(out, ",\"description\":");
        mw_json_write_text(out, mw_view_of(option->help));
        mw_buf_char(out, '}');
        separator = ",";
    }
    mw_buf_text(out, "}}");
}

static void json_endpoints(mw_buf *out)
{
    mw_buf_text(out, "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\","
                     "\"additionalProperties\":false,\"required\":[\"model\"],\"properties\":{");
    for (size_t i = 0; i < cli_n_endpoint_keys; i++) {
        mw_buf_format(out, "%s\"%s\":{", i ? "," : "", cli_endpoint_keys[i].name);
        if (cli_endpoint_keys[i].option)
            json_type(&cli_options[cli_endpoint_keys[i].option], out);
        else
            mw_buf_text(out, "\"type\":\"string\"");
        mw_buf_text(out, ",\"description\":");
        mw_json_write_text(out, mw_view_of(cli_endpoint_keys[i].help));
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "}}}");
}

bool cli_write_json_schema(const char *section, mw_buf *out)
{
    if (!section_exists(section))
        return false;
    mw_buf_text(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                     "\"title\":\"millwright.yaml\",\"type\":\"object\","
                     "\"additionalProperties\":false,\"properties\":{");
    const char *separator = "";
    mw_view name;
    for (int at = 0; cli_next_section(&at, &name);) {
        if (!wanted(section, name))
            continue;
        mw_buf_format(out, "%s\"%.*s\":", separator, MW_VIEW_ARG(name));
        json_section(name, out);
        separator = ",";
    }
    if (wanted(section, MW_VIEW("endpoints"))) {
        mw_buf_format(out, "%s\"endpoints\":", separator);
        json_endpoints(out);
        separator = ",";
    }
    if (wanted(section, MW_VIEW("alerts"))) {
        mw_buf_format(out, "%s\"alerts\":", separator);
        mw_alert_config_schema(out);
        separator = ",";
    }
    if (!section) {
        mw_buf_text(out, separator);
        mw_apply_schema(out);
    }
    mw_buf_text(out, "}}\n");
    return true;
}
