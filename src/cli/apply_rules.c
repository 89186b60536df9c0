/* Alert rules of a document against those of a server, over the server's own interface.
 *
 *     not there, or otherwise            POST /mw/v1/rules
 *     set before, and not in the file    with --prune: DELETE /mw/v1/rules/NAME
 *
 * Receivers likewise, below /mw/v1/receivers; what they hold is compared by a mark, so that no
 * secret is asked for. Built-in rules and what stands in the server's own file hold without being
 * set, and are never removed.
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

/* ---- receivers ------------------------------------------------------------------------------- */

/* One whose secrets only an admin may name is told as refused, and the rest goes on. */
static mw_status put_receiver(rules *r, size_t index, mw_difference *change, mw_error *err)
{
    mw_buf text;
    mw_view answer;
    mw_buf_init(&text, TEXT_BYTES_MAX);
    mw_alert_config_write_receiver(r->call->alerts, index, &text);
    mw_status status =
        cli_apply_ask(r->client, "POST", "/mw/v1/receivers", mw_buf_as_view(&text), &answer, err);
    mw_buf_done(&text);
    if (status == MW_OK || !strstr(err->why, "of the server's machine"))
        return status;
    change->action = MW_DIFFER_REFUSED;
    change->after = MW_VIEW("it names files, variables or a program of the server's machine: an "
                            "admin's, where the server runs with --auth on; else the server's own "
                            "file holds it, and is read at its start");
    return MW_OK;
}

static mw_status apply_receiver(rules *r, const mw_json *now, size_t index, mw_error *err)
{
    mw_buf mark;
    mw_view name = mw_alert_config_receiver(r->call->alerts, index);
    const mw_json *there = named(now, name);
    mw_difference change = {
        .action = there ? MW_DIFFER_SET : MW_DIFFER_ADD, .kind = "receiver", .name = name};
    mw_buf_init(&mark, 64);
    mw_alert_config_mark_receiver(r->call->alerts, index, &mark);
    bool is_same =
        there && mw_view_equal(mw_json_text(mw_json_member(there, "mark")), mw_buf_as_view(&mark));
    mw_buf_done(&mark);
    if (is_same)
        return MW_OK;
    if (there) {
        change.field = MW_VIEW("settings");
        change.before = MW_VIEW("others");
        change.after = MW_VIEW("those of the file");
    }
    if (!r->dry_run)
        MW_TRY(put_receiver(r, index, &change, err));
    return cli_changes_add(r->changes, &change, err);
}

static bool has_receiver(const mw_alert_config *alerts, mw_view name)
{
    size_t n = mw_alert_config_receivers(alerts);
    for (size_t i = 0; i < n; i++)
        if (mw_view_equal(mw_alert_config_receiver(alerts, i), name))
            return true;
    return false;
}

static mw_status remove_receivers(rules *r, const mw_json *now, mw_error *err)
{
    const mw_json *items = mw_json_member(now, "items");
    for (size_t i = 0; i < mw_json_count(items); i++) {
        char path[400];
        mw_view answer, name = mw_json_text(mw_json_member(mw_json_element(items, i), "name"));
        mw_view origin = mw_json_text(mw_json_member(mw_json_element(items, i), "origin"));
        if (!mw_view_is(origin, "api") || has_receiver(r->call->alerts, name))
            continue;
        mw_difference change = {.action = MW_DIFFER_NOTE,
                                .kind = "receiver",
                                .name = cli_changes_keep(r->call, name),
                                .after = MW_VIEW("set before and not in the file; --prune removes "
                                                 "it")};
        bool prune = cli_is_on(r->call, CLI_PRUNE);
        if (prune) {
            change.action = MW_DIFFER_REMOVE;
            change.before = MW_VIEW("set before");
            change.after = (mw_view){NULL, 0};
        }
        MW_TRY(cli_changes_add(r->changes, &change, err));
        snprintf(path, sizeof path, "/mw/v1/receivers/%.*s", MW_VIEW_ARG(change.name));
        if (prune && !r->dry_run)
            MW_TRY(cli_apply_ask(r->client, "DELETE", path, (mw_view){NULL, 0}, &answer, err));
    }
    return MW_OK;
}

static mw_status apply_receivers(rules *r, mw_error *err)
{
    mw_json *now;
    mw_view body;
    size_t n = mw_alert_config_receivers(r->call->alerts);
    MW_TRY(cli_apply_ask(r->client, "GET", "/mw/v1/receivers", (mw_view){NULL, 0}, &body, err));
    MW_TRY(mw_json_read(body, &now, err));
    mw_status status = MW_OK;
    for (size_t i = 0; i < n && status == MW_OK; i++)
        status = apply_receiver(r, now, i, err);
    if (status == MW_OK)
        status = remove_receivers(r, now, err);
    mw_json_free(now);
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
        status = apply_receivers(&r, err);
    mw_json_free(r.now);
    return status;
}
