/* YAML nodes -> settings and endpoints. */
#include "alert/alert.h"
#include "apply/apply.h"
#include "config.h"
#include "journal/journal.h"
#include "house.h"

#include <limits.h>

/* Whether the option is the first of its section. */
static bool begins_section(int id)
{
    mw_view section = cli_option_section(&cli_options[id]);
    for (int before = 0; before < id; before++)
        if (cli_options[before].config &&
            mw_view_equal(cli_option_section(&cli_options[before]), section))
            return false;
    return cli_options[id].config != NULL;
}

bool cli_next_section(int *at, mw_view *ret_section)
{
    while (*at < CLI_N_OPTIONS && !begins_section(*at))
        ++*at;
    if (*at == CLI_N_OPTIONS)
        return false;
    *ret_section = cli_option_section(&cli_options[(*at)++]);
    return true;
}

const cli_endpoint_key cli_endpoint_keys[] = {
    {"name", "name in URLs and metrics (default: the file's name without its ending)", false,
     CLI_HELP},
    {"model", "path of a model file or MLflow model folder", true, CLI_HELP},
    {"background", "file of rows that contributions are against (default: the covers)", false,
     CLI_HELP},
    {"reference",
     "training profile or CSV that live rows are compared with (default: millwright/"
     "profile.json in the model's folder, else the first rows)",
     false, CLI_HELP},
    /* in the order of cli_endpoint.limits */
    {"latency_budget", "time in which it should answer (default: the server's)", false,
     CLI_LATENCY_BUDGET},
    {"max_queue", "requests that may wait for a worker (default: the server's)", false,
     CLI_MAX_QUEUE},
    {"client_rate", "predictions a second of each client (default: the server's)", false,
     CLI_CLIENT_RATE},
    {"client_burst", "how many at once of each client (default: the server's)", false,
     CLI_CLIENT_BURST},
    {"log_contributions",
     "share of its kept requests that contributions are kept with (default: the server's)", false,
     CLI_LOG_CONTRIBUTIONS},
    {"watch_contributions",
     "share of the rows that the watch samples whose contributions are watched (default: the "
     "server's)",
     false, CLI_WATCH_CONTRIBUTIONS},
    {"fairness_groups",
     "columns, or names that feedback tells, by which treatment is compared: sex, age(25,60), "
     "sex*race",
     false, CLI_HELP},
    {"fairness_limits", "gaps that are allowed, or none (default: demographic_parity_ratio >= 0.8)",
     false, CLI_HELP},
    {"fairness_threshold", "a score from there on selects (default: 0.5 of probabilities)", false,
     CLI_HELP},
    {"fairness_positive", "the class that selects (default: class 1 of two)", false, CLI_HELP},
    {"fairness_window", "predictions of so long are looked at (default: 7d)", false, CLI_HELP},
    {"fairness_min_group", "rows below which a group is not judged (default: 30)", false, CLI_HELP},
};
const size_t cli_n_endpoint_keys = MW_COUNT(cli_endpoint_keys);

typedef struct config_reader {
    cli_call *call;
    const char *name, *folder;
    cli_place *place;
    cli_endpoint *endpoints; /* of this file; the call's */
} config_reader;

static mw_status at_place(config_reader *in, unsigned line, unsigned column, size_t width,
                          mw_error *err)
{
    *in->place = (cli_place){line, column, (unsigned)width};
    return mw_at(err, "%s:%u:%u", in->name, line, column);
}

static mw_status at_node(config_reader *in, const mw_yaml *node, mw_error *err)
{
    return at_place(in, node->line, node->column, node->text.size + 2 * node->quoted, err);
}

static mw_status at_key(config_reader *in, const mw_yaml *node, mw_error *err)
{
    return at_place(in, node->key_line, node->key_column, node->key.size, err);
}

static const char *kind_word(const mw_yaml *node)
{
    switch (node->kind) {
    case MW_YAML_LIST:
        return "a list";
    case MW_YAML_MAP:
        return "a map";
    case MW_YAML_SCALAR:
        break;
    }
    return mw_yaml_is_null(node) ? "nothing" : "a single value";
}

static mw_status expect_kind(config_reader *in, const mw_yaml *node, mw_yaml_kind kind,
                             const char *subject, const char *shape, mw_error *err)
{
    if (node->kind == kind)
        return MW_OK;
    mw_fail(err, MW_E_CONFIG_SHAPE, "%s must be %s, but is %s", subject,
            kind == MW_YAML_LIST  ? "a list"
            : kind == MW_YAML_MAP ? "a map"
                                  : "a single value",
            kind_word(node));
    mw_mend(err, "%s", shape);
    return node->key.data ? at_key(in, node, err) : at_node(in, node, err);
}

/* ---- sections of options --------------------------------------------------------------------- */

static mw_status fail_unknown_key(config_reader *in, const mw_yaml *node, mw_view section,
                                  cli_nearest nearest, mw_error *err)
{
    if (section.size > 0)
        mw_fail(err, MW_E_CONFIG_KEY, "unknown key \"%.*s\" under \"%.*s\"", MW_VIEW_ARG(node->key),
                MW_VIEW_ARG(section));
    else
        mw_fail(err, MW_E_CONFIG_KEY, "unknown key \"%.*s\"", MW_VIEW_ARG(node->key));
    mw_buf mend;
    mw_buf_init(&mend, sizeof err->mend);
    if (nearest.name)
        mw_buf_format(&mend, "did you mean \"%s\"?  ", nearest.name);
    mw_buf_format(&mend, "all keys: mw config schema%s%.*s", section.size ? " " : "",
                  MW_VIEW_ARG(section));
    mw_mend(err, "%s", mend.data);
    mw_buf_done(&mend);
    return at_key(in, node, err);
}

static cli_nearest nearest_key(mw_view section, mw_view typed)
{
    cli_nearest nearest = cli_nearest_to(typed);
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_options[id].config && mw_view_equal(cli_option_section(&cli_options[id]), section))
            cli_nearest_offer(&nearest, cli_option_key(&cli_options[id]));
    return nearest;
}

/* "data/x" beside "conf/millwright.yaml" -> "conf/data/x". */
static bool join_path(const char *folder, mw_view path, mw_buf *out)
{
    bool absolute = path.size > 0 && path.data[0] == '/';
    if (!absolute && folder[0])
        mw_buf_format(out, "%s/", folder);
    mw_buf_view(out, path);
    return !out->failed;
}

/* What YAML's core schema would not read as text: quotes around a number or switch are a slip. */
static bool is_quoted_wrongly(const cli_option *option, const mw_yaml *node)
{
    return node->quoted && (option->kind == CLI_KIND_FLAG || option->kind == CLI_KIND_COUNT);
}

static mw_status put_value(config_reader *in, cli_option_id id, const mw_yaml *node, mw_error *err)
{
    const cli_option *option = &cli_options[id];
    char place[300];
    snprintf(place, sizeof place, "%s:%u:%u", in->name, node->line, node->column);
    mw_view text = mw_yaml_is_null(node) ? (mw_view){"", 0} : node->text;
    bool strict_flag = option->kind == CLI_KIND_FLAG && !mw_yaml_is_null(node) &&
                       !mw_view_is(text, "true") && !mw_view_is(text, "false");
    if (is_quoted_wrongly(option, node) || strict_flag) {
        mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is not %s", MW_VIEW_ARG(text),
                option->kind == CLI_KIND_FLAG ? "true or false" : "a whole number");
        mw_mend(err, "write %s%s", option->kind == CLI_KIND_FLAG ? "true or false" : "the number",
                node->quoted ? " without quotes" : "");
        return at_node(in, node, err);
    }
    mw_buf path;
    mw_buf_init(&path, PATH_MAX);
    bool is_path = option->kind == CLI_KIND_FILE || option->kind == CLI_KIND_FOLDER;
    for (size_t i = 0; is_path && option->choices && option->choices[i]; i++)
        is_path = !mw_view_is(text, option->choices[i]);
    if (is_path && text.size > 0 && join_path(in->folder, text, &path))
        text = mw_buf_as_view(&path);
    mw_status status = cli_setting_put(in->call, id, text, CLI_FROM_FILE, place, err);
    mw_buf_done(&path);
    if (status != MW_OK)
        *in->place =
            (cli_place){node->line, node->column, (unsigned)(node->text.size + 2 * node->quoted)};
    return status;
}

/* Each is checked where it stands; then all of them are the value. */
static mw_status put_list(config_reader *in, cli_option_id id, const mw_yaml *list, mw_error *err)
{
    char place[300];
    mw_buf all;
    mw_buf_init(&all, MW_LIMIT_CONFIG_FILE_BYTES);
    mw_status status = MW_OK;
    for (const mw_yaml *item = list->first; item && status == MW_OK; item = item->next) {
        cli_value value;
        status = expect_kind(in, item, MW_YAML_SCALAR, "an address", "write one plain value", err);
        if (status != MW_OK)
            break;
        mw_view text = mw_yaml_is_null(item) ? (mw_view){"", 0} : item->text;
        status = cli_value_read(&cli_options[id], text, &in->call->arena, &value, err);
        if (status != MW_OK)
            at_node(in, item, err);
        else
            mw_buf_format(&all, "%s%s", all.size ? " " : "", value.text);
    }
    snprintf(place, sizeof place, "%s:%u:%u", in->name, list->line, list->column);
    if (status == MW_OK)
        status = cli_setting_put(in->call, id, mw_buf_as_view(&all), CLI_FROM_FILE, place, err);
    mw_buf_done(&all);
    return status;
}

static mw_status read_section(config_reader *in, const mw_yaml *section, mw_error *err)
{
    if (mw_yaml_is_null(section))
        return MW_OK; /* "server:" with every line below it commented out */
    MW_TRY(expect_kind(in, section, MW_YAML_MAP, "a section",
                       "write its settings as 'key: value', "
                       "each on a line of its own, indented",
                       err));
    for (const mw_yaml *node = section->first; node; node = node->next) {
        cli_option_id id = cli_option_configured(section->key, node->key);
        if (id == CLI_N_OPTIONS)
            return fail_unknown_key(in, node, section->key, nearest_key(section->key, node->key),
                                    err);
        if (cli_options[id].kind == CLI_KIND_LISTEN && node->kind == MW_YAML_LIST) {
            MW_TRY(put_list(in, id, node, err));
            continue;
        }
        MW_TRY(expect_kind(in, node, MW_YAML_SCALAR, "a setting", "write one plain value", err));
        MW_TRY(put_value(in, id, node, err));
    }
    return MW_OK;
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static mw_status read_endpoint_text(config_reader *in, const mw_yaml *node, const char **ret_text,
                                    mw_error *err)
{
    if (!node)
        return MW_OK;
    MW_TRY(expect_kind(in, node, MW_YAML_SCALAR, "a setting", "write one plain value", err));
    if (node->text.size == 0 || mw_yaml_is_null(node) ||
        memchr(node->text.data, '\0', node->text.size)) {
        mw_fail(err, MW_E_OPTION_VALUE, "the value is empty or holds a zero byte");
        mw_mend(err, "write a name, or a path");
        return at_node(in, node, err);
    }
    *ret_text = mw_arena_text(&in->call->arena, node->text);
    return *ret_text ? MW_OK : mw_fail_memory(err, "the configuration");
}

static mw_status check_endpoint_keys(config_reader *in, const mw_yaml *item, mw_error *err)
{
    for (const mw_yaml *node = item->first; node; node = node->next) {
        bool known = false;
        cli_nearest nearest = cli_nearest_to(node->key);
        for (size_t i = 0; i < cli_n_endpoint_keys; i++) {
            known = known || mw_view_is(node->key, cli_endpoint_keys[i].name);
            cli_nearest_offer(&nearest, cli_endpoint_keys[i].name);
        }
        if (!known)
            return fail_unknown_key(in, node, MW_VIEW("endpoints"), nearest, err);
    }
    return MW_OK;
}

/* Relative to the file's folder. */
static mw_status place_path(config_reader *in, const char **path, mw_error *err)
{
    mw_buf whole;
    mw_buf_init(&whole, PATH_MAX);
    bool joined = join_path(in->folder, mw_view_of(*path), &whole);
    *path = joined ? mw_arena_text(&in->call->arena, mw_buf_as_view(&whole)) : NULL;
    mw_buf_done(&whole);
    return *path ? MW_OK : mw_fail_memory(err, "the configuration");
}

static mw_status read_limits(config_reader *in, const mw_yaml *item, cli_value *ret_limits,
                             mw_error *err)
{
    for (size_t i = 0, n = 0; i < cli_n_endpoint_keys; i++) {
        const cli_endpoint_key *key = &cli_endpoint_keys[i];
        const mw_yaml *node = mw_yaml_member(item, key->name);
        if (key->option == CLI_HELP)
            continue;
        cli_value *limit = &ret_limits[n++];
        if (!node)
            continue;
        const cli_option *option = &cli_options[key->option];
        MW_TRY(expect_kind(in, node, MW_YAML_SCALAR, "a setting", "write one plain value", err));
        if (is_quoted_wrongly(option, node)) {
            mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is not a whole number",
                    MW_VIEW_ARG(node->text));
            mw_mend(err, "write the number without quotes");
            return at_node(in, node, err);
        }
        if (cli_value_read(option, node->text, &in->call->arena, limit, err) != MW_OK)
            return at_node(in, node, err);
    }
    return MW_OK;
}

/* NULL where it names no groups. */
static mw_status read_fairness(config_reader *in, const mw_yaml *item, const mw_fair_plan **ret,
                               mw_error *err)
{
    mw_fair_plan *plan = mw_arena_take_zeroed(&in->call->arena, 1, sizeof *plan);
    if (!plan)
        return mw_fail_memory(err, "the configuration");
    mw_fair_plan_init(plan);
    for (const mw_yaml *node = item->first; node; node = node->next) {
        const char *text;
        mw_status status = MW_OK;
        if (!mw_view_starts(node->key, "fairness_"))
            continue;
        MW_TRY(read_endpoint_text(in, node, &text, err));
        if (mw_fair_plan_take(plan, node->key, mw_view_of(text), &status, err) && status != MW_OK) {
            err->where[0] = '\0';
            return at_node(in, node, err);
        }
    }
    *ret = plan->n_attributes > 0 ? plan : NULL;
    return MW_OK;
}

static mw_status read_endpoint(config_reader *in, const mw_yaml *item, cli_endpoint *ret_endpoint,
                               mw_error *err)
{
    cli_endpoint endpoint = {0};
    char place[300];
    MW_TRY(expect_kind(in, item, MW_YAML_MAP, "an endpoint", "write '- model: PATH'", err));
    MW_TRY(check_endpoint_keys(in, item, err));
    const mw_yaml *name = mw_yaml_member(item, "name");
    MW_TRY(read_endpoint_text(in, name, &endpoint.name, err));
    if (endpoint.name && mw_endpoint_check_name(endpoint.name, err) != MW_OK)
        return at_node(in, name, err);
    MW_TRY(read_endpoint_text(in, mw_yaml_member(item, "model"), &endpoint.model, err));
    if (!endpoint.model) {
        mw_fail(err, MW_E_CONFIG_SHAPE, "the endpoint has no \"model\"");
        mw_mend(err, "add 'model: PATH' to it");
        return at_node(in, item, err);
    }
    MW_TRY(read_endpoint_text(in, mw_yaml_member(item, "background"), &endpoint.background, err));
    MW_TRY(read_endpoint_text(in, mw_yaml_member(item, "reference"), &endpoint.reference, err));
    MW_TRY(read_limits(in, item, endpoint.limits, err));
    MW_TRY(read_fairness(in, item, &endpoint.fairness, err));
    if (!mw_is_model_address(mw_view_of(endpoint.model)))
        MW_TRY(place_path(in, &endpoint.model, err));
    if (endpoint.background)
        MW_TRY(place_path(in, &endpoint.background, err));
    if (endpoint.reference)
        MW_TRY(place_path(in, &endpoint.reference, err));
    snprintf(place, sizeof place, "%s:%u:%u", in->name, item->line, item->column);
    endpoint.place = mw_arena_text(&in->call->arena, mw_view_of(place));
    if (!endpoint.place)
        return mw_fail_memory(err, "the configuration");
    *ret_endpoint = endpoint;
    return MW_OK;
}

/* Whether the endpoint behind the first n has a name that one of them has. */
static bool is_taken(const cli_endpoint *endpoints, size_t n)
{
    for (size_t i = 0; i < n && endpoints[n].name; i++)
        if (endpoints[i].name && strcmp(endpoints[i].name, endpoints[n].name) == 0)
            return true;
    return false;
}

static mw_status read_endpoints(config_reader *in, const mw_yaml *list, mw_error *err)
{
    if (mw_yaml_is_null(list))
        return MW_OK;
    MW_TRY(expect_kind(in, list, MW_YAML_LIST, "\"endpoints\"",
                       "write a list: '- name: churn', and below it 'model: PATH'", err));
    if (list->count > MW_LIMIT_ENDPOINTS) {
        mw_fail(err, MW_E_CONFIG_SHAPE, "%zu endpoints, over the limit of %d", list->count,
                MW_LIMIT_ENDPOINTS);
        mw_mend(err, "serve the rest from a second server");
        return at_key(in, list, err);
    }
    cli_endpoint *endpoints =
        mw_arena_take_zeroed(&in->call->arena, list->count + 1, sizeof *endpoints);
    if (!endpoints)
        return mw_fail_memory(err, "the configuration");
    size_t n_endpoints = 0;
    for (const mw_yaml *item = list->first; item; item = item->next) {
        MW_TRY(read_endpoint(in, item, &endpoints[n_endpoints], err));
        if (is_taken(endpoints, n_endpoints)) {
            mw_fail(err, MW_E_ENDPOINT_TAKEN, "the name '%s' is taken by another endpoint",
                    endpoints[n_endpoints].name);
            mw_mend(err, "give each model a name of its own");
            return at_node(in, mw_yaml_member(item, "name"), err);
        }
        n_endpoints++;
    }
    in->call->endpoints = in->endpoints = endpoints;
    in->call->n_endpoints = n_endpoints;
    return MW_OK;
}

/* ---- alerts ---------------------------------------------------------------------------------- */

static mw_status read_alerts(config_reader *in, const mw_yaml *section, mw_error *err)
{
    mw_alert_place place;
    mw_alert_config *alerts;
    mw_status status = mw_alert_config_read(section, in->name, &alerts, &place, err);
    *in->place = (cli_place){place.line, place.column, place.width};
    if (status != MW_OK)
        return status;
    mw_alert_config_free(in->call->alerts); /* of a weaker file */
    in->call->alerts = alerts;
    return MW_OK;
}

/* ---- the document ---------------------------------------------------------------------------- */

static bool is_section(mw_view key)
{
    mw_view section;
    for (int at = 0; cli_next_section(&at, &section);)
        if (mw_view_equal(key, section))
            return true;
    return false;
}

static cli_nearest nearest_section(mw_view typed)
{
    cli_nearest nearest = cli_nearest_to(typed);
    cli_nearest_offer(&nearest, "server");
    cli_nearest_offer(&nearest, "tls");
    cli_nearest_offer(&nearest, "endpoints");
    cli_nearest_offer(&nearest, "alerts");
    cli_nearest_offer(&nearest, "models");
    cli_nearest_offer(&nearest, "rollouts");
    cli_nearest_offer(&nearest, "references");
    cli_nearest_offer(&nearest, "monitors");
    return nearest;
}

/* What `references` and `monitors` say of the file's own endpoints, and whether it is right of
 * others. */
static mw_status give_settings(config_reader *in, const mw_apply_document *document, mw_error *err)
{
    for (size_t e = 0; e < document->n_endpoints; e++) {
        const mw_apply_endpoint *from = &document->endpoints[e];
        mw_view rest = from->settings.data ? from->settings : MW_VIEW("");
        mw_fair_plan *plan = mw_arena_take_zeroed(&in->call->arena, 1, sizeof *plan);
        const char *reference = NULL;
        if (!plan)
            return mw_fail_memory(err, "the configuration");
        mw_fair_plan_init(plan);
        while (rest.size > 0) {
            mw_view value = mw_view_cut(&rest, '\n'), key = mw_view_cut(&value, ' ');
            mw_status status = MW_OK;
            if (mw_view_is(key, "reference"))
                reference = mw_arena_text(&in->call->arena, value);
            if (mw_fair_plan_take(plan, key, value, &status, err) && status != MW_OK)
                return mw_at(err, "%s: monitors: %.*s", in->name, MW_VIEW_ARG(from->name));
        }
        for (size_t i = 0; in->endpoints && i < in->call->n_endpoints; i++) {
            cli_endpoint *to = &in->endpoints[i];
            if (!to->name || !mw_view_is(from->name, to->name))
                continue;
            to->fairness = plan->n_attributes > 0 ? plan : to->fairness;
            to->reference = reference && !to->reference ? reference : to->reference;
        }
    }
    return MW_OK;
}

/* Of `mw apply`: whoever else reads the file only wants them to be right. */
static mw_status check_applied(config_reader *in, const mw_yaml *root, mw_error *err)
{
    mw_apply_place place;
    mw_apply_document document;
    mw_status status = mw_apply_read(root, in->name, &in->call->arena, &document, &place, err);
    if (status != MW_OK)
        *in->place = (cli_place){place.line, place.column, place.width};
    return status == MW_OK ? give_settings(in, &document, err) : status;
}

static mw_status read_root(config_reader *in, const mw_yaml *root, mw_error *err)
{
    MW_TRY(expect_kind(in, root, MW_YAML_MAP, "the configuration",
                       "begin with 'server:' or 'endpoints:'", err));
    bool is_applied = false;
    for (const mw_yaml *node = root->first; node; node = node->next) {
        if (mw_view_is(node->key, "endpoints"))
            MW_TRY(read_endpoints(in, node, err));
        else if (mw_view_is(node->key, "alerts"))
            MW_TRY(read_alerts(in, node, err));
        else if (is_section(node->key))
            MW_TRY(read_section(in, node, err));
        else if (mw_view_is(node->key, "models") || mw_view_is(node->key, "rollouts") ||
                 mw_view_is(node->key, "references") || mw_view_is(node->key, "monitors"))
            is_applied = true;
        else
            return fail_unknown_key(in, node, (mw_view){NULL, 0}, nearest_section(node->key), err);
    }
    return is_applied ? check_applied(in, root, err) : MW_OK;
}

/* The YAML reader says "name:3:7"; the excerpt needs the numbers. */
static void place_of_syntax(const mw_error *err, const char *name, cli_place *ret_place)
{
    size_t size = strlen(name);
    unsigned line, column;
    if (strncmp(err->where, name, size) == 0 &&
        sscanf(err->where + size, ":%u:%u", &line, &column) == 2)
        *ret_place = (cli_place){line, column, 1};
}

mw_status cli_config_read(cli_call *call, mw_view text, const char *name, const char *folder,
                          cli_place *ret_place, mw_error *err)
{
    config_reader in = {call, name, folder, ret_place, NULL};
    mw_yaml_document *document;
    *ret_place = (cli_place){0, 0, 0};
    mw_status status = mw_yaml_read(text, name, &document, err);
    if (status != MW_OK) {
        place_of_syntax(err, name, ret_place);
        return status;
    }
    status = read_root(&in, mw_yaml_root(document), err);
    mw_yaml_free(document);
    return status;
}

mw_status cli_config_load(cli_call *call, const char *path, mw_error *err)
{
    mw_file file;
    cli_place place;
    char folder[PATH_MAX] = "";
    const char *slash = strrchr(path, '/');
    if (slash && (size_t)(slash - path) < sizeof folder)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    MW_TRY(mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, &file, err));
    mw_view text = {file.data, file.size};
    mw_status status = cli_config_read(call, text, path, folder, &place, err);
    if (status != MW_OK) {
        mw_buf_reset(&call->excerpt);
        cli_write_excerpt(&call->excerpt, text, place);
    }
    mw_file_done(&file);
    return status;
}

/* ---- the excerpt ----------------------------------------------------------------------------- */

enum {
    EXCERPT_WIDTH = 100, /* characters of the line that are shown */
    CARETS_MAX = 40
};

static mw_view line_of(mw_view text, unsigned line)
{
    while (line > 1 && text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t used = end ? (size_t)(end - text.data) + 1 : text.size;
        text.data += used;
        text.size -= used;
        line--;
    }
    const char *end = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
    if (end)
        text.size = (size_t)(end - text.data);
    return text;
}

static bool starts_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* Characters [begin, end) of the line; control bytes as blanks, so that the caret stays in place.
 */
static void write_characters(mw_buf *out, mw_view line, unsigned begin, unsigned end)
{
    unsigned n = 0;
    for (size_t i = 0; i < line.size; i++) {
        n += starts_character(line.data[i]);
        if (n > end)
            break;
        if (n > begin)
            mw_buf_char(out, (unsigned char)line.data[i] < ' ' || line.data[i] == 0x7f
                                 ? ' '
                                 : line.data[i]);
    }
}

void cli_write_excerpt(mw_buf *out, mw_view text, cli_place place)
{
    if (place.line == 0 || place.column == 0)
        return;
    mw_view line = line_of(text, place.line);
    unsigned begin = place.column > EXCERPT_WIDTH / 2 ? place.column - EXCERPT_WIDTH / 2 : 0;
    mw_buf_format(out, "%4u | ", place.line);
    write_characters(out, line, begin, begin + EXCERPT_WIDTH);
    mw_buf_text(out, "\n     | ");
    for (unsigned i = begin + 1; i < place.column; i++)
        mw_buf_char(out, ' ');
    unsigned width = place.width < 1 ? 1 : place.width > CARETS_MAX ? CARETS_MAX : place.width;
    for (unsigned i = 0; i < width; i++)
        mw_buf_char(out, '^');
    mw_buf_char(out, '\n');
}
