/* alert: what a running server says of its alerts, and what people answer. All of it is asked of
 * the server (/mw/v1/alerts and its kin) but `alert rules check`, which reads a file. */
#include "alert/alert.h"
#include "config.h"
#include "reach.h"
#include "record_door.h"

enum { TEXT_BYTES_MAX = 64 << 20, CALL_MS = 10000, PATH_BYTES = 1024 };

/* ---- asking ---------------------------------------------------------------------------------- */

typedef struct asking {
    cli_call *call;
    mw_dial *dial;
    mw_client *client;
    mw_view body;  /* of the answer */
    mw_json *root; /* the same, read */
} asking;

static mw_status fail_refused(int http_status, mw_view body, mw_error *err)
{
    mw_code code = http_status == 404   ? MW_E_ALERT_UNKNOWN
                   : http_status == 400 ? MW_E_ALERT_SILENCE
                                        : MW_E_ALERT_REPLY;
    mw_fail(err, code, "the server answers %d", http_status);
    return cli_tell_refusal(http_status, body, "mw alert list tells what is there", err);
}

static mw_status ask(asking *a, const char *method, const char *path, const mw_buf *request,
                     mw_error *err)
{
    int http_status;
    mw_view body = request ? mw_buf_as_view(request) : (mw_view){NULL, 0};
    MW_TRY(cli_reach(a->call, NULL, &a->dial, err));
    MW_TRY(mw_client_open_to(a->dial, CALL_MS, &a->client, err));
    MW_TRY(mw_client_call(a->client, method, path, request ? "application/json" : NULL, body,
                          &http_status, &a->body, err));
    if (http_status != 200)
        return fail_refused(http_status, a->body, err);
    return mw_json_read(a->body, &a->root, err);
}

static void done(asking *a)
{
    mw_json_free(a->root);
    mw_client_close(a->client);
    mw_dial_free(a->dial);
}

/* As the server sent it, or as `write` has it for people. */
static mw_status tell(const asking *a, void (*write)(const asking *, mw_buf *), mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    if (cli_is_on(a->call, CLI_JSON))
        mw_buf_view(&out, a->body);
    else
        write(a, &out);
    mw_status status = cli_put(a->call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* Tabs and line ends of what people wrote would break the columns. */
static void put_plain(mw_buf *out, mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        mw_buf_char(out, (unsigned char)text.data[i] < ' ' ? ' ' : text.data[i]);
}

static void put_member(mw_buf *out, const mw_json *object, const char *name, char end)
{
    mw_view text = mw_json_text(mw_json_member(object, name));
    put_plain(out, text.size > 0 ? text : MW_VIEW("-"));
    mw_buf_char(out, end);
}

static void put_field(mw_buf *request, const char *name, const char *text)
{
    if (!text)
        return;
    mw_buf_format(request, "%s\"%s\":", request->size > 1 ? "," : "", name);
    mw_json_write_text(request, mw_view_of(text));
}

/* ---- list ------------------------------------------------------------------------------------ */

static void write_features(const mw_json *alert, mw_buf *out)
{
    size_t n = 0;
    const mw_json *evidence = mw_json_member(alert, "evidence");
    for (size_t i = 0; i < mw_json_count(evidence); i++) {
        const mw_json *labels = mw_json_member(mw_json_element(evidence, i), "labels");
        mw_view feature = mw_json_text(mw_json_member(labels, "feature"));
        if (feature.size == 0)
            continue;
        mw_buf_text(out, n++ ? ", " : "    features: ");
        put_plain(out, feature);
    }
    mw_buf_text(out, n ? "\n" : "");
}

static void write_line(mw_buf *out, const mw_json *object, const char *word, const char *name)
{
    mw_view text = mw_json_text(mw_json_member(object, name));
    if (text.size == 0)
        return;
    mw_buf_format(out, "    %s", word);
    put_plain(out, text);
    mw_buf_char(out, '\n');
}

static void write_alert(const mw_json *alert, mw_buf *out)
{
    const mw_json *seen = mw_json_member(alert, "acknowledged");
    put_member(out, alert, "state", '\t');
    put_member(out, alert, "severity", '\t');
    put_member(out, alert, "rule", '\t');
    put_member(out, alert, "endpoint", '\t');
    put_member(out, alert, "since", '\t');
    put_member(out, alert, "fingerprint", '\t');
    put_member(out, alert, "summary", '\n');
    if (!mw_view_is(mw_json_text(mw_json_member(alert, "state")), "firing"))
        return;
    write_features(alert, out);
    write_line(out, mw_json_member(alert, "how_sure"), "how sure: ", "text");
    write_line(out, alert, "do:       ", "what_to_do");
    write_line(out, alert, "runbook:  ", "runbook");
    if (mw_json_bool(mw_json_member(alert, "silenced"), false))
        mw_buf_text(out, "    silenced\n");
    if (mw_json_is_object(seen)) {
        mw_buf_text(out, "    seen by:  ");
        put_member(out, seen, "by", ' ');
        put_member(out, seen, "why", '\n');
    }
}

static void write_list(const asking *a, mw_buf *out)
{
    const mw_json *items = mw_json_member(a->root, "items");
    for (size_t i = 0; i < mw_json_count(items); i++)
        write_alert(mw_json_element(items, i), out);
    if (mw_json_count(items) == 0)
        mw_buf_text(out, "no alerts\n");
}

mw_status cli_run_alert_list(cli_call *call, mw_error *err)
{
    char path[PATH_BYTES];
    asking a = {.call = call};
    const char *state = call->settings[CLI_ALERT_STATE].text;
    bool all = strcmp(state, "all") == 0;
    snprintf(path, sizeof path, "/mw/v1/alerts?limit=%s%s%s", call->settings[CLI_ENTRIES].text,
             all ? "" : "&state=", all ? "" : state);
    mw_status status = ask(&a, "GET", path, NULL, err);
    if (status == MW_OK)
        status = tell(&a, write_list, err);
    done(&a);
    return status;
}

/* ---- acknowledge, test ----------------------------------------------------------------------- */

static void write_seen(const asking *a, mw_buf *out)
{
    write_alert(a->root, out);
}

/* What stands in a path must be no path of its own. */
static mw_status check_id(const char *id, mw_error *err)
{
    if (*id &&
        strspn(id, "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ_") == strlen(id))
        return MW_OK;
    mw_fail(err, MW_E_ALERT_UNKNOWN, "'%.60s' is the name of none", id);
    return mw_mend(err, "mw alert list tells numbers and fingerprints");
}

static mw_status post(cli_call *call, const char *path, const mw_buf *request,
                      void (*write)(const asking *, mw_buf *), mw_error *err)
{
    asking a = {.call = call};
    mw_status status = ask(&a, "POST", path, request, err);
    if (status == MW_OK)
        status = tell(&a, write, err);
    done(&a);
    return status;
}

mw_status cli_run_alert_ack(cli_call *call, mw_error *err)
{
    char path[PATH_BYTES];
    mw_buf request;
    MW_TRY(check_id(call->arguments[0], err));
    snprintf(path, sizeof path, "/mw/v1/alerts/%s:ack", call->arguments[0]);
    mw_buf_init(&request, 64 * MW_KIB);
    mw_buf_char(&request, '{');
    put_field(&request, "why", call->settings[CLI_WHY].text);
    mw_buf_char(&request, '}');
    mw_status status = post(call, path, &request, write_seen, err);
    mw_buf_done(&request);
    return status;
}

static void write_posted(const asking *a, mw_buf *out)
{
    int64_t n = 0;
    mw_json_integer(mw_json_member(a->root, "posted"), &n);
    mw_buf_format(out, "a test is on its way to %lld receiver%s\n", (long long)n,
                  n == 1 ? "" : "s");
}

mw_status cli_run_alert_test(cli_call *call, mw_error *err)
{
    mw_buf request;
    mw_buf_init(&request, 64 * MW_KIB);
    mw_buf_char(&request, '{');
    put_field(&request, "receiver", call->n_arguments > 0 ? call->arguments[0] : NULL);
    mw_buf_char(&request, '}');
    mw_status status = post(call, "/mw/v1/alerts:test", &request, write_posted, err);
    mw_buf_done(&request);
    return status;
}

/* ---- silences -------------------------------------------------------------------------------- */

static void write_silence(const mw_json *silence, mw_buf *out)
{
    int64_t id = 0;
    mw_json_integer(mw_json_member(silence, "id"), &id);
    mw_buf_format(out, "%lld\t%s\t", (long long)id,
                  mw_json_bool(mw_json_member(silence, "active"), false) ? "active" : "over");
    put_member(out, silence, "match", '\t');
    mw_buf_text(out, "until ");
    put_member(out, silence, "until", '\t');
    put_member(out, silence, "by", '\t');
    put_member(out, silence, "why", '\n');
}

static void write_one_silence(const asking *a, mw_buf *out)
{
    write_silence(a->root, out);
}

static void write_silences(const asking *a, mw_buf *out)
{
    const mw_json *items = mw_json_member(a->root, "items");
    for (size_t i = 0; i < mw_json_count(items); i++)
        write_silence(mw_json_element(items, i), out);
    if (mw_json_count(items) == 0)
        mw_buf_text(out, "no silences\n");
}

static mw_status list_silences(cli_call *call, mw_error *err)
{
    asking a = {.call = call};
    mw_status status = ask(&a, "GET", "/mw/v1/silences", NULL, err);
    if (status == MW_OK)
        status = tell(&a, write_silences, err);
    done(&a);
    return status;
}

mw_status cli_run_alert_silence(cli_call *call, mw_error *err)
{
    int64_t until_ms;
    mw_buf request, until;
    if (call->n_arguments == 0)
        return list_silences(call, err);
    MW_TRY(cli_read_moment(call->settings[CLI_ALERT_FOR].text, true, &until_ms, err));
    mw_buf_init(&request, 64 * MW_KIB);
    mw_buf_init(&until, 64);
    cli_write_when(&until, until_ms);
    mw_buf_char(&request, '{');
    put_field(&request, "match", call->arguments[0]);
    put_field(&request, "until", until.data);
    put_field(&request, "why", call->settings[CLI_WHY].text);
    mw_buf_char(&request, '}');
    mw_status status = post(call, "/mw/v1/silences", &request, write_one_silence, err);
    mw_buf_done(&request);
    mw_buf_done(&until);
    return status;
}

static void write_ended(const asking *a, mw_buf *out)
{
    (void)a;
    mw_buf_text(out, "ended\n");
}

mw_status cli_run_alert_unsilence(cli_call *call, mw_error *err)
{
    char path[PATH_BYTES];
    asking a = {.call = call};
    MW_TRY(check_id(call->arguments[0], err));
    snprintf(path, sizeof path, "/mw/v1/silences/%s", call->arguments[0]);
    mw_status status = ask(&a, "DELETE", path, NULL, err);
    if (status == MW_OK)
        status = tell(&a, write_ended, err);
    done(&a);
    return status;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void write_rules(const asking *a, mw_buf *out)
{
    const mw_json *items = mw_json_member(a->root, "items");
    for (size_t i = 0; i < mw_json_count(items); i++) {
        const mw_json *rule = mw_json_element(items, i);
        bool is_on = mw_json_bool(mw_json_member(rule, "enabled"), true);
        mw_buf_format(out, "- name: %.*s\n",
                      MW_VIEW_ARG(mw_json_text(mw_json_member(rule, "name"))));
        static const char *const keys[] = {"when",     "resolve_when", "for",     "keep_firing_for",
                                           "severity", "summary",      "runbook", "what_to_do"};
        for (size_t k = 0; k < MW_COUNT(keys); k++) {
            const mw_json *value = mw_json_member(rule, keys[k]);
            if (mw_json_text(value).size == 0 || mw_view_is(mw_json_text(value), "0s"))
                continue;
            mw_buf_format(out, "  %s: ", keys[k]);
            mw_json_write_text(out, mw_json_text(value));
            mw_buf_char(out, '\n');
        }
        const mw_json *labels = mw_json_member(rule, "labels");
        const mw_json *evidence = mw_json_member(rule, "evidence");
        const struct {
            const char *key;
            const mw_json *value;
        } whole[] = {{"labels", labels}, {"evidence", evidence}};
        for (size_t k = 0; k < MW_COUNT(whole); k++) {
            if (mw_json_count(whole[k].value) == 0)
                continue;
            mw_buf_format(out, "  %s: ", whole[k].key);
            mw_json_write_node(out, whole[k].value);
            mw_buf_char(out, '\n');
        }
        mw_buf_text(out, is_on ? "" : "  enabled: false\n");
    }
}

static mw_status list_rules(cli_call *call, mw_error *err)
{
    asking a = {.call = call};
    mw_status status = ask(&a, "GET", "/mw/v1/rules", NULL, err);
    if (status == MW_OK)
        status = tell(&a, write_rules, err);
    done(&a);
    return status;
}

static bool is_rule(const mw_yaml *root)
{
    return mw_yaml_member(root, "name") && mw_yaml_member(root, "when");
}

/* A file of the configuration, be it without alerts; the section alone; a list of rules; or one. */
static mw_status read_section(const mw_yaml *root, const char *path, mw_alert_config **ret_config,
                              mw_alert_place *place, mw_error *err)
{
    const mw_yaml *section = mw_yaml_member(root, "alerts");
    mw_yaml list, one, wrapped;
    if (mw_yaml_member(root, "groups") && !section) {
        mw_fail(err, MW_E_ALERT_RULE, "these are rules of Prometheus");
        mw_at(err, "%s", path);
        return mw_mend(err,
                       "promtool check rules reads them; here a rule has a 'name' and a 'when', "
                       "in a list or under 'alerts: rules:'");
    }
    if (root->kind == MW_YAML_MAP && !section && !mw_yaml_member(root, "rules") &&
        !mw_yaml_member(root, "receivers") && !is_rule(root)) {
        wrapped =
            (mw_yaml){.kind = MW_YAML_MAP}; /* of a server that has the built-in rules alone */
        section = &wrapped;
    }
    if (root->kind == MW_YAML_MAP && !section && is_rule(root)) {
        one = *root;
        one.key = (mw_view){NULL, 0};
        one.next = NULL;
        list = (mw_yaml){.kind = MW_YAML_LIST,
                         .key = MW_VIEW("rules"),
                         .first = &one,
                         .count = 1,
                         .line = root->line,
                         .column = root->column};
        wrapped = (mw_yaml){.kind = MW_YAML_MAP, .first = &list, .count = 1};
        section = &wrapped;
    }
    if (root->kind == MW_YAML_LIST) {
        list = *root;
        list.key = MW_VIEW("rules");
        list.key_line = root->line;
        list.key_column = root->column;
        list.next = NULL;
        wrapped = (mw_yaml){.kind = MW_YAML_MAP, .first = &list, .count = 1};
        section = &wrapped;
    }
    return mw_alert_config_read(section ? section : root, path, ret_config, place, err);
}

static mw_status check_text(cli_call *call, mw_view text, const char *path, mw_error *err)
{
    mw_yaml_document *document;
    mw_alert_place place = {0, 0, 0};
    mw_alert_config *config;
    MW_TRY(mw_yaml_read(text, path, &document, err));
    mw_status status = read_section(mw_yaml_root(document), path, &config, &place, err);
    mw_yaml_free(document);
    if (status != MW_OK) {
        mw_buf_reset(&call->excerpt);
        cli_write_excerpt(&call->excerpt, text, (cli_place){place.line, place.column, place.width});
        return status;
    }
    mw_buf out;
    mw_buf_init(&out, 4 * MW_KIB);
    size_t n_rules = mw_alert_config_rules(config), n = mw_alert_config_receivers(config);
    mw_buf_format(&out, "%s: %zu rule%s, %zu receiver%s\n", path, n_rules, n_rules == 1 ? "" : "s",
                  n, n == 1 ? "" : "s");
    mw_alert_config_free(config);
    status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_alert_rules(cli_call *call, mw_error *err)
{
    mw_file file;
    bool checks = strcmp(call->arguments[0], "check") == 0;
    if (!checks)
        return list_rules(call, err);
    if (call->n_arguments < 2) {
        mw_fail(err, MW_E_ALERT_RULE, "no file to check");
        return mw_mend(err, "mw alert rules check millwright.yaml");
    }
    const char *path = call->arguments[1];
    MW_TRY(mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, &file, err));
    mw_status status = check_text(call, (mw_view){file.data, file.size}, path, err);
    mw_file_done(&file);
    return status;
}
