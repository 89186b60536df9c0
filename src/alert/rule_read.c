/* One rule; the section `alerts`. */
#include <stdlib.h>

#include "read.h"

const char *const alert_severities[] = {"info", "warning", "critical", NULL};
const char *const alert_origins[] = {"built-in", "file", "api", NULL};

#define KEY(name, kind, member)                        \
    {                                                  \
        name, kind, offsetof(alert_rule, member), NULL \
    }

static const read_key rule_keys[] = {
    KEY("name", READ_TEXT, name),
    KEY("when", READ_TEXT, when_text),
    KEY("resolve_when", READ_TEXT, resolve_text),
    KEY("for", READ_TIME, for_ms),
    KEY("keep_firing_for", READ_TIME, keep_firing_ms),
    {"severity", READ_CHOICE, offsetof(alert_rule, severity), alert_severities},
    {"labels", READ_OTHER, 0, NULL},
    KEY("summary", READ_TEXT, summary),
    KEY("what_to_do", READ_TEXT, what_to_do),
    KEY("runbook", READ_TEXT, runbook),
    KEY("evidence", READ_WORDS, evidence),
    {"enabled", READ_BOOL, offsetof(alert_rule, is_disabled), NULL}, /* turned round below */
};

void alert_rule_free(alert_rule *rule)
{
    if (!rule)
        return;
    alert_expr_free(rule->when);
    alert_expr_free(rule->resolve_when);
    mw_arena_done(&rule->arena);
    free(rule);
}

void alert_rules_free(alert_rule *first)
{
    for (alert_rule *next; first; first = next) {
        next = first->next;
        alert_rule_free(first);
    }
}

static mw_status read_condition(alert_reader *in, const mw_yaml *node, alert_expr **ret_expr,
                                mw_error *err)
{
    size_t at;
    if (alert_expr_read(node->text, ret_expr, &at, err) != MW_OK)
        return read_at_byte(in, node, at, err);
    if (alert_expr_is_condition(*ret_expr))
        return MW_OK;
    mw_fail(err, MW_E_ALERT_RULE, "this gives numbers, but never says whether they are good");
    mw_mend(err, "compare them: ... > 0.05");
    return read_at_node(in, node, err);
}

static mw_status fail_missing(alert_reader *in, const mw_yaml *map, const char *key,
                              const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_CONFIG_SHAPE, "the rule has no \"%s\"", key);
    mw_mend(err, "%s", mend);
    return read_at_node(in, map, err);
}

static mw_status check_evidence(alert_reader *in, const mw_yaml *map, const alert_rule *rule,
                                mw_error *err)
{
    const mw_yaml *node = mw_yaml_member(map, "evidence");
    for (size_t i = 0; i < rule->evidence.count; i++)
        if (i == ALERT_EVIDENCE_MAX || !alert_name_is_good(rule->evidence.items[i], true)) {
            mw_fail(err, MW_E_ALERT_RULE, "'%.*s' cannot be evidence",
                    MW_VIEW_ARG(rule->evidence.items[i]));
            mw_mend(err, "name up to 8 metrics, without labels");
            return read_at_key(in, node, err);
        }
    return MW_OK;
}

static mw_status read_rule(alert_reader *in, const mw_yaml *map, alert_rule *rule, mw_error *err)
{
    MW_TRY(read_expect(in, map, MW_YAML_MAP, "a rule", "write '- name: ...' and 'when: ...'", err));
    rule->severity = ALERT_WARNING;
    rule->is_disabled = true; /* "enabled" */
    MW_TRY(read_keys(in, map, "alerts.rules", rule_keys, MW_COUNT(rule_keys), &rule->arena, rule,
                     err));
    rule->is_disabled = !rule->is_disabled;
    if (!rule->name.data)
        return fail_missing(in, map, "name", "add 'name: TooSlow'", err);
    if (!alert_name_is_good(rule->name, false) || rule->name.size > MW_LIMIT_NAME_BYTES) {
        mw_fail(err, MW_E_ALERT_RULE, "a rule's name has letters, digits and _ only");
        mw_mend(err, "call it TooSlow, or too_slow");
        return read_at_node(in, mw_yaml_member(map, "name"), err);
    }
    MW_TRY(read_labels(in, mw_yaml_member(map, "labels"), &rule->arena, rule->labels,
                       &rule->n_labels, err));
    MW_TRY(check_evidence(in, map, rule, err));
    if (!rule->when_text.data)
        return rule->is_disabled ? MW_OK
                                 : fail_missing(in, map, "when", "add 'when: metric > 5'", err);
    MW_TRY(read_condition(in, mw_yaml_member(map, "when"), &rule->when, err));
    if (!rule->resolve_text.data)
        return MW_OK;
    return read_condition(in, mw_yaml_member(map, "resolve_when"), &rule->resolve_when, err);
}

mw_status alert_rule_read(const mw_yaml *map, const char *file, alert_rule **ret_rule,
                          mw_alert_place *ret_place, mw_error *err)
{
    alert_reader in = {file, ret_place, MW_E_ALERT_RULE};
    alert_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return mw_fail_memory(err, "a rule");
    mw_arena_init(&rule->arena, MW_KIB, MW_MIB);
    mw_status status = read_rule(&in, map, rule, err);
    if (status != MW_OK) {
        alert_rule_free(rule);
        return status;
    }
    *ret_rule = rule;
    return MW_OK;
}

/* ---- the section ----------------------------------------------------------------------------- */

static const read_key section_keys[] = {
    {"defaults", READ_BOOL, offsetof(mw_alert_config, has_no_defaults), NULL}, /* turned round */
    {"url", READ_TEXT, offsetof(mw_alert_config, url), NULL},
    {"labels", READ_OTHER, 0, NULL},
    {"group_by", READ_WORDS, offsetof(mw_alert_config, group_by), NULL},
    {"group_interval", READ_TIME, offsetof(mw_alert_config, group_interval_ms), NULL},
    {"repeat", READ_TIME, offsetof(mw_alert_config, repeat_ms), NULL},
    {"rules", READ_OTHER, 0, NULL},
    {"receivers", READ_OTHER, 0, NULL},
    {"reports", READ_OTHER, 0, NULL},
};

static mw_status fail_twice(alert_reader *in, const mw_yaml *item, const char *what, mw_view name,
                            mw_error *err)
{
    mw_fail(err, in->code, "there are two %s of the name '%.*s'", what, MW_VIEW_ARG(name));
    mw_mend(err, "give each a name of its own");
    return read_at_node(in, mw_yaml_member(item, "name"), err);
}

static mw_status read_list(alert_reader *in, const mw_yaml *list, const char *subject, size_t most,
                           mw_error *err)
{
    MW_TRY(read_expect(in, list, MW_YAML_LIST, subject, "write a list: '- name: ...'", err));
    if (list->count <= most)
        return MW_OK;
    mw_fail(err, in->code, "%zu entries, and %zu may stand here", list->count, most);
    return read_at_key(in, list, err);
}

static mw_status read_rules(alert_reader *in, const mw_yaml *list, mw_alert_config *config,
                            mw_error *err)
{
    alert_rule **end = &config->rules;
    if (!list || mw_yaml_is_null(list))
        return MW_OK;
    in->code = MW_E_ALERT_RULE;
    MW_TRY(read_list(in, list, "\"rules\"", MW_LIMIT_ALERT_RULES, err));
    for (const mw_yaml *item = list->first; item; item = item->next) {
        MW_TRY(alert_rule_read(item, in->file, end, in->place, err));
        for (const alert_rule *before = config->rules; before != *end; before = before->next)
            if (mw_view_equal(before->name, (*end)->name))
                return fail_twice(in, item, "rules", before->name, err);
        (*end)->origin = ALERT_FROM_FILE;
        end = &(*end)->next;
    }
    return MW_OK;
}

static mw_status read_receivers(alert_reader *in, const mw_yaml *list, mw_alert_config *config,
                                mw_error *err)
{
    alert_receiver **end = &config->receivers;
    if (!list || mw_yaml_is_null(list))
        return MW_OK;
    in->code = MW_E_ALERT_RECEIVER;
    MW_TRY(read_list(in, list, "\"receivers\"", MW_LIMIT_ALERT_RECEIVERS, err));
    for (const mw_yaml *item = list->first; item; item = item->next) {
        MW_TRY(alert_receiver_read(in, item, end, err));
        for (const alert_receiver *before = config->receivers; before != *end;
             before = before->next)
            if (mw_view_equal(before->name, (*end)->name))
                return fail_twice(in, item, "receivers", before->name, err);
        end = &(*end)->next;
    }
    return MW_OK;
}

static mw_status read_section(alert_reader *in, const mw_yaml *section, mw_alert_config *config,
                              mw_error *err)
{
    config->has_no_defaults = true; /* "defaults" */
    MW_TRY(read_expect(in, section, MW_YAML_MAP, "\"alerts\"",
                       "write 'receivers:' and 'rules:' below it", err));
    MW_TRY(read_keys(in, section, "alerts", section_keys, MW_COUNT(section_keys), &config->arena,
                     config, err));
    config->has_no_defaults = !config->has_no_defaults;
    MW_TRY(read_labels(in, mw_yaml_member(section, "labels"), &config->arena, config->labels,
                       &config->n_labels, err));
    MW_TRY(read_rules(in, mw_yaml_member(section, "rules"), config, err));
    MW_TRY(read_receivers(in, mw_yaml_member(section, "receivers"), config, err));
    return alert_sheets_read(in, mw_yaml_member(section, "reports"), &config->arena,
                             &config->sheets, err);
}

mw_status mw_alert_config_read(const mw_yaml *section, const char *file,
                               mw_alert_config **ret_config, mw_alert_place *ret_place,
                               mw_error *err)
{
    *ret_place = (mw_alert_place){0, 0, 0};
    alert_reader in = {file, ret_place, MW_E_ALERT_RULE};
    mw_alert_config *config = calloc(1, sizeof *config);
    if (!config)
        return mw_fail_memory(err, "the alerts");
    *config = (mw_alert_config){.group_by = {{MW_VIEW("alertname"), MW_VIEW("endpoint")}, 2},
                                .group_interval_ms = MW_LIMIT_ALERT_GROUP_MS,
                                .repeat_ms = MW_LIMIT_ALERT_REPEAT_MS};
    mw_arena_init(&config->arena, MW_KIB, MW_MIB);
    mw_status status = mw_yaml_is_null(section) ? MW_OK : read_section(&in, section, config, err);
    if (status != MW_OK) {
        mw_alert_config_free(config);
        return status;
    }
    *ret_config = config;
    return MW_OK;
}

void mw_alert_config_free(mw_alert_config *config)
{
    if (!config)
        return;
    alert_rules_free(config->rules);
    for (alert_receiver *next, *one = config->receivers; one; one = next) {
        next = one->next;
        alert_receiver_free(one);
    }
    mw_arena_done(&config->arena);
    free(config);
}

size_t mw_alert_config_rules(const mw_alert_config *config)
{
    size_t n = 0;
    for (const alert_rule *rule = config->rules; rule; rule = rule->next)
        n++;
    return n;
}

size_t mw_alert_config_receivers(const mw_alert_config *config)
{
    size_t n = 0;
    for (const alert_receiver *one = config->receivers; one; one = one->next)
        n++;
    return n;
}

void mw_alert_config_write_rule(const mw_alert_config *config, size_t index, mw_buf *out)
{
    const alert_rule *rule = config->rules;
    while (rule && index-- > 0)
        rule = rule->next;
    if (rule)
        alert_rule_write(rule, out);
}

static const alert_receiver *receiver_at(const mw_alert_config *config, size_t index)
{
    const alert_receiver *receiver = config->receivers;
    for (; receiver && index > 0; index--)
        receiver = receiver->next;
    return receiver;
}

mw_view mw_alert_config_receiver(const mw_alert_config *config, size_t index)
{
    const alert_receiver *receiver = receiver_at(config, index);
    return receiver ? receiver->name : (mw_view){NULL, 0};
}

void mw_alert_config_write_receiver(const mw_alert_config *config, size_t index, mw_buf *out)
{
    alert_receiver_write(receiver_at(config, index), out);
}

void mw_alert_config_mark_receiver(const mw_alert_config *config, size_t index, mw_buf *out)
{
    char mark[ALERT_MARK_BYTES];
    alert_receiver_mark(receiver_at(config, index), mark);
    mw_buf_text(out, mark);
}

/* ---- and back -------------------------------------------------------------------------------- */

static void put_text(mw_buf *out, const char *key, mw_view text)
{
    if (!text.data)
        return;
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_text(out, text);
}

static void put_time(mw_buf *out, const char *key, int64_t ms)
{
    if (ms % 1000 == 0)
        mw_buf_format(out, ",\"%s\":\"%llds\"", key, (long long)(ms / 1000));
    else
        mw_buf_format(out, ",\"%s\":\"%lldms\"", key, (long long)ms);
}

void alert_rule_write(const alert_rule *rule, mw_buf *out)
{
    mw_buf_text(out, "{\"name\":");
    mw_json_write_text(out, rule->name);
    put_text(out, "when", rule->when_text);
    put_text(out, "resolve_when", rule->resolve_text);
    put_time(out, "for", rule->for_ms);
    put_time(out, "keep_firing_for", rule->keep_firing_ms);
    mw_buf_format(out, ",\"severity\":\"%s\",\"labels\":{", alert_severities[rule->severity]);
    for (size_t i = 0; i < rule->n_labels; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, rule->labels[i].name);
        mw_buf_char(out, ':');
        mw_json_write_text(out, rule->labels[i].value);
    }
    mw_buf_char(out, '}');
    put_text(out, "summary", rule->summary);
    put_text(out, "what_to_do", rule->what_to_do);
    put_text(out, "runbook", rule->runbook);
    mw_buf_text(out, ",\"evidence\":[");
    for (size_t i = 0; i < rule->evidence.count; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, rule->evidence.items[i]);
    }
    mw_buf_format(out, "],\"enabled\":%s}", rule->is_disabled ? "false" : "true");
}

/* ---- for editors ----------------------------------------------------------------------------- */

void mw_alert_config_schema(mw_buf *out)
{
    static const char list[] = "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\","
                               "\"additionalProperties\":false,";
    static const char labels[] = "\"labels\":{\"type\":\"object\",\"additionalProperties\":{"
                                 "\"type\":\"string\"}},";
    mw_buf_format(out,
                  "{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,"
                  "\"properties\":{%s",
                  labels);
    read_schema(section_keys, MW_COUNT(section_keys), out);
    mw_buf_format(out, ",\"rules\":%s\"required\":[\"name\"],\"properties\":{%s", list, labels);
    read_schema(rule_keys, MW_COUNT(rule_keys), out);
    mw_buf_format(out, "}}},\"receivers\":%s\"required\":[\"name\",\"kind\"],\"properties\":{",
                  list);
    alert_receiver_schema(out);
    mw_buf_format(out,
                  "}}},\"reports\":%s\"required\":[\"kind\",\"of\",\"to\",\"on\"],"
                  "\"properties\":{",
                  list);
    alert_sheet_schema(out);
    mw_buf_text(out, "}}}}}");
}
