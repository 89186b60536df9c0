/* The rules that hold: built in, of the file, of the API; the later one of a name wins. */
#include <stdlib.h>

#include "engine.h"

static alert_rule **place_of(mw_alerts *alerts, mw_view name)
{
    alert_rule **at = &alerts->rules;
    while (*at && !mw_view_equal((*at)->name, name))
        at = &(*at)->next;
    return at;
}

/* Its alerts end with it: what fires is released in the next look. */
static void part_from(mw_alerts *alerts, const alert_rule *rule)
{
    for (size_t i = 0; i < alerts->n_ones; i++)
        if (alerts->ones[i]->rule == rule)
            alerts->ones[i]->rule = NULL;
}

void alerts_put_rule(mw_alerts *alerts, alert_rule *rule)
{
    alert_rule **at = place_of(alerts, rule->name), *old = *at;
    rule->next = old ? old->next : NULL;
    *at = rule;
    if (!old)
        return;
    part_from(alerts, old);
    alert_rule_free(old);
}

mw_status alerts_read_rule(mw_view text, alert_rule **ret_rule, mw_error *err)
{
    mw_yaml_document *document;
    mw_alert_place place;
    MW_TRY(mw_yaml_read(text, "rule", &document, err));
    mw_status status = alert_rule_read(mw_yaml_root(document), "rule", ret_rule, &place, err);
    mw_yaml_free(document);
    return status;
}

/* Windows belong to whoever looks: each engine has rules of its own. */
static mw_status copy_rule(const alert_rule *rule, alert_rule **ret_copy, mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    alert_rule_write(rule, &text);
    mw_status status = alerts_read_rule(mw_buf_as_view(&text), ret_copy, err);
    mw_buf_done(&text);
    if (status == MW_OK)
        (*ret_copy)->origin = rule->origin;
    return status;
}

/* ---- built in -------------------------------------------------------------------------------- */

/* One of them, or (absent) all. */
static mw_status put_built_in(mw_alerts *alerts, mw_view only, mw_error *err)
{
    mw_yaml_document *document;
    mw_alert_place place;
    mw_status status = MW_OK;
    if (alerts->config->has_no_defaults)
        return MW_OK;
    MW_TRY(mw_yaml_read(mw_view_of(alert_built_in), "built-in", &document, err));
    for (const mw_yaml *item = mw_yaml_root(document)->first; item && status == MW_OK;
         item = item->next) {
        alert_rule *rule;
        status = alert_rule_read(item, "built-in", &rule, &place, err);
        if (status == MW_OK && (!only.data || mw_view_equal(rule->name, only)))
            alerts_put_rule(alerts, rule);
        else if (status == MW_OK)
            alert_rule_free(rule);
    }
    mw_yaml_free(document);
    return status;
}

static mw_status put_of_file(mw_alerts *alerts, mw_view only, mw_error *err)
{
    for (const alert_rule *rule = alerts->config->rules; rule; rule = rule->next) {
        alert_rule *copy;
        if (only.data && !mw_view_equal(rule->name, only))
            continue;
        MW_TRY(copy_rule(rule, &copy, err));
        alerts_put_rule(alerts, copy);
    }
    return MW_OK;
}

mw_status alerts_drop_rule(mw_alerts *alerts, mw_view name, mw_error *err)
{
    alert_rule **at = place_of(alerts, name), *old = *at;
    if (old) {
        *at = old->next;
        part_from(alerts, old);
        alert_rule_free(old);
    }
    MW_TRY(put_built_in(alerts, name, err));
    return put_of_file(alerts, name, err);
}

/* ---- said at other servers ------------------------------------------------------------------- */

static bool is_as(const alert_rule *rule, mw_view text)
{
    mw_buf mine;
    mw_buf_init(&mine, MW_MIB);
    alert_rule_write(rule, &mine);
    bool same = mw_view_equal(mw_buf_as_view(&mine), text);
    mw_buf_done(&mine);
    return same;
}

static bool stands_in(const book_texts *texts, const alert_rule *rule)
{
    for (size_t i = 0; i < texts->count; i++)
        if (is_as(rule, texts->items[i]))
            return true;
    return false;
}

static const alert_rule *first_that_is_gone(const mw_alerts *alerts, const book_texts *texts)
{
    const alert_rule *rule = alerts->rules;
    while (rule && (rule->origin != ALERT_FROM_API || stands_in(texts, rule)))
        rule = rule->next;
    return rule;
}

static bool holds_already(const mw_alerts *alerts, mw_view text)
{
    const alert_rule *rule = alerts->rules;
    while (rule && (rule->origin != ALERT_FROM_API || !is_as(rule, text)))
        rule = rule->next;
    return rule != NULL;
}

/* What cannot be read, after a change of version, is told and left out. */
static void put_of_api(mw_alerts *alerts, const book_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        alert_rule *rule;
        mw_error err;
        if (holds_already(alerts, texts->items[i]))
            continue;
        if (alerts_read_rule(texts->items[i], &rule, &err) != MW_OK) {
            mw_log_error(MW_LOG_WARN, "a rule of the API is left out", &err);
            continue;
        }
        rule->origin = ALERT_FROM_API;
        alerts_put_rule(alerts, rule);
    }
}

void alerts_follow_rules(mw_alerts *alerts, const book_texts *texts)
{
    const alert_rule *gone;
    char name[MW_LIMIT_NAME_BYTES + 1];
    mw_error err;
    while ((gone = first_that_is_gone(alerts, texts))) {
        snprintf(name, sizeof name, "%.*s", MW_VIEW_ARG(gone->name));
        if (alerts_drop_rule(alerts, mw_view_of(name), &err) != MW_OK)
            mw_log_error(MW_LOG_WARN, "a rule of the API is removed", &err);
    }
    put_of_api(alerts, texts);
}

/* ---- all ------------------------------------------------------------------------------------- */

typedef struct kept_rules {
    mw_arena arena;
    book_texts texts;
} kept_rules;

static mw_status load(mw_sql *session, void *given, mw_error *err)
{
    kept_rules *kept = given;
    return book_rules(session, &kept->arena, &kept->texts, err);
}

mw_status alerts_gather_rules(mw_alerts *alerts, mw_error *err)
{
    const mw_view all = {NULL, 0};
    kept_rules kept;
    MW_TRY(put_built_in(alerts, all, err));
    MW_TRY(put_of_file(alerts, all, err));
    mw_arena_init(&kept.arena, 4 * MW_KIB, 16 * MW_MIB);
    mw_status status = alerts_read(alerts, load, &kept, err);
    if (status == MW_OK)
        put_of_api(alerts, &kept.texts);
    mw_arena_done(&kept.arena);
    return status;
}
