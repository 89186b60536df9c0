/* Alert rules of a document against those of a server, over the server's own interface.
 *
 *     not there, or otherwise            POST /mw/v1/rules
 *     set before, and not in the file    with --prune: DELETE /mw/v1/rules/NAME
 *
 * Built-in rules and those of the server's own file hold without being set, and are never removed.
 */
#include "alert/alert.h"
#include "apply_changes.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

static const char *const keys[] = {"when",     "resolve_when", "for",     "keep_firing_for",
                                   "severity", "labels",       "summary", "what_to_do",
                                   "runbook",  "evidence",     "enabled"};

typedef struct rules {
    cli_call *call;
    mw_client *client;
    cli_changes *changes;
    mw_json *now; /* the server's answer */
    bool dry_run;
} rules;

static const mw_json *named(const mw_json *answer, mw_view name)
{
    const mw_json *items = mw_json_member(answer, "items");
    for (size_t i = 0; i < mw_json_count(items); i++) {
        const mw_json *one = mw_json_element(items, i);
        if (mw_view_equal(mw_json_text(mw_json_member(one, "name")), name))
            return one;
    }
    return NULL;
}

static mw_view member_text(cli_call *call, const mw_json *rule, const char *key)
{
    mw_buf text;
    mw_buf_init(&text, TEXT_BYTES_MAX);
    const mw_json *member = mw_json_member(rule, key);
    if (mw_json_is_text(member))
        mw_buf_view(&text, mw_json_text(member));
    else if (member && !mw_json_is_null(member))
        mw_json_write_node(&text, member);
    mw_view kept = cli_changes_keep(call, text.size ? mw_buf_as_view(&text) : (mw_view){NULL, 0});
    mw_buf_done(&text);
    return kept;
}

/* A change a key that differs; none: they are the same. */
static mw_status compare(rules *r, const mw_json *wanted, const mw_json *now, size_t *ret_n,
                         mw_error *err)
{
    mw_view name = member_text(r->call, wanted, "name");
    *ret_n = 0;
    for (size_t k = 0; k < MW_COUNT(keys); k++) {
        mw_difference change = {MW_DIFFER_SET,
                                "rule",
                                name,
                                mw_view_of(keys[k]),
                                member_text(r->call, now, keys[k]),
                                member_text(r->call, wanted, keys[k])};
        if (mw_view_equal(change.before, change.after))
            continue;
        ++*ret_n;
        MW_TRY(cli_changes_add(r->changes, &change, err));
    }
    return MW_OK;
}

static mw_status apply_rule(rules *r, mw_view text, mw_error *err)
{
    size_t n = 1;
    mw_json *wanted;
    mw_view answer;
    MW_TRY(mw_json_read(text, &wanted, err));
    mw_view name = mw_json_text(mw_json_member(wanted, "name"));
    const mw_json *now = named(r->now, name);
    mw_status status =
        now ? compare(r, wanted, now, &n, err)
            : cli_changes_add(r->changes,
                              &(mw_difference){.action = MW_DIFFER_ADD,
                                               .kind = "rule",
                                               .name = cli_changes_keep(r->call, name),
                                               .after = member_text(r->call, wanted, "when")},
                              err);
    if (status == MW_OK && n > 0 && !r->dry_run)
        status = cli_apply_ask(r->client, "POST", "/mw/v1/rules", text, &answer, err);
    mw_json_free(wanted);
    return status;
}

static mw_status apply_rules(rules *r, mw_error *err)
{
    mw_status status = MW_OK;
    size_t n = mw_alert_config_rules(r->call->alerts);
    for (size_t i = 0; i < n && status == MW_OK; i++) {
        mw_buf text;
        mw_buf_init(&text, TEXT_BYTES_MAX);
        mw_alert_config_write_rule(r->call->alerts, i, &text);
        status = apply_rule(r, mw_buf_as_view(&text), err);
        mw_buf_done(&text);
    }
    return status;
}

/* ---- what is there besides ------------------------------------------------------------------- */

static bool is_wanted(const mw_alert_config *alerts, mw_view name, mw_json **parsed)
{
    size_t n = mw_alert_config_rules(alerts);
    bool found = false;
    for (size_t i = 0; i < n && !found; i++) {
        mw_buf text;
        mw_error none;
        mw_buf_init(&text, TEXT_BYTES_MAX);
        mw_alert_config_write_rule(alerts, i, &text);
        if (mw_json_read(mw_buf_as_view(&text), parsed, &none) == MW_OK) {
            found = mw_view_equal(mw_json_text(mw_json_member(*parsed, "name")), name);
            mw_json_free(*parsed);
        }
        mw_buf_done(&text);
    }
    return found;
}

/* Names of rules are letters, digits, _ - and points: they may stand in an address. */
static mw_status remove_rule(rules *r, mw_view name, mw_error *err)
{
    char path[400];
    mw_view answer;
    mw_difference change = {.action = MW_DIFFER_REMOVE,
                            .kind = "rule",
                            .name = cli_changes_keep(r->call, name),
                            .before = MW_VIEW("set before")};
    bool prune = cli_is_on(r->call, CLI_PRUNE);
    if (!prune) {
        change.action = MW_DIFFER_NOTE;
        change.after = MW_VIEW("set before and not in the file; --prune removes it");
    }
    MW_TRY(cli_changes_add(r->changes, &change, err));
    if (!prune || r->dry_run)
        return MW_OK;
    snprintf(path, sizeof path, "/mw/v1/rules/%.*s", MW_VIEW_ARG(name));
    return cli_apply_ask(r->client, "DELETE", path, (mw_view){NULL, 0}, &answer, err);
}

static mw_status look_at_others(rules *r, mw_error *err)
{
    const mw_json *items = mw_json_member(r->now, "items");
    for (size_t i = 0; i < mw_json_count(items); i++) {
        mw_json *parsed;
        const mw_json *rule = mw_json_element(items, i);
        mw_view name = mw_json_text(mw_json_member(rule, "name"));
        if (mw_view_is(mw_json_text(mw_json_member(rule, "origin")), "api") &&
            !is_wanted(r->call->alerts, name, &parsed))
            MW_TRY(remove_rule(r, name, err));
    }
    return MW_OK;
}

static mw_status look_at_receivers(rules *r, mw_error *err)
{
    mw_json *answer;
    mw_view body;
    size_t n = mw_alert_config_receivers(r->call->alerts);
    if (n == 0)
        return MW_OK;
    MW_TRY(cli_apply_ask(r->client, "GET", "/mw/v1/receivers", (mw_view){NULL, 0}, &body, err));
    MW_TRY(mw_json_read(body, &answer, err));
    mw_status status = MW_OK;
    for (size_t i = 0; i < n && status == MW_OK; i++) {
        mw_view name = mw_alert_config_receiver(r->call->alerts, i);
        if (!named(answer, name))
            status = cli_changes_add(
                r->changes,
                &(mw_difference){.action = MW_DIFFER_NOTE,
                                 .kind = "receiver",
                                 .name = name,
                                 .after = MW_VIEW("not there: the server reads receivers and their "
                                                  "secrets from its own file, at its start")},
                err);
    }
    mw_json_free(answer);
    return status;
}

mw_status cli_apply_rules(cli_call *call, mw_client *client, cli_changes *changes, mw_error *err)
{
    rules r = {call, client, changes, NULL, cli_is_on(call, CLI_DRY_RUN)};
    mw_view body;
    if (!call->alerts)
        return MW_OK;
    MW_TRY(cli_apply_ask(client, "GET", "/mw/v1/rules", (mw_view){NULL, 0}, &body, err));
    MW_TRY(mw_json_read(body, &r.now, err));
    mw_status status = apply_rules(&r, err);
    if (status == MW_OK)
        status = look_at_others(&r, err);
    if (status == MW_OK)
        status = look_at_receivers(&r, err);
    mw_json_free(r.now);
    return status;
}
