/* Document against record: what differs is changed, and told. */
#include "applying.h"

#include <stdlib.h>

/* ---- telling --------------------------------------------------------------------------------- */

mw_view apply_words(applying *a, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *kept = mw_arena_text(a->arena, mw_view_of(text));
    return mw_view_of(kept ? kept : "");
}

/* Doubles: the old ones stay in the arena until it is dropped. */
mw_status apply_note(applying *a, const mw_difference *change, mw_error *err)
{
    size_t n = a->changes.count;
    if ((n & (n - 1)) == 0) {
        mw_difference *wider = mw_arena_take_zeroed(a->arena, n ? 2 * n : 1, sizeof *wider);
        if (!wider)
            return mw_fail_memory(err, "the changes");
        if (n > 0)
            memcpy(wider, a->changes.items, n * sizeof *wider);
        a->changes.items = wider;
    }
    a->changes.items[a->changes.count++] = *change;
    return MW_OK;
}

static mw_view copy(applying *a, mw_view text)
{
    const char *kept = text.data ? mw_arena_text(a->arena, text) : NULL;
    return kept ? (mw_view){kept, text.size} : (mw_view){NULL, 0};
}

static mw_status ask(applying *a, mw_error *err)
{
    return a->options->may ? a->options->may(a->options->user, err) : MW_OK;
}

/* ---- models ---------------------------------------------------------------------------------- */

static mw_view policy_words(applying *a, const mw_gate_policy *policy)
{
    bool is_empty = policy->gates.size + policy->approvers.size == 0 && policy->approvals == 0;
    if (is_empty)
        return (mw_view){NULL, 0};
    return apply_words(a, "gates %s%.*s; %lld approvals%s%.*s%s%.*s",
                       policy->gates.size ? "" : "none", MW_VIEW_ARG(policy->gates),
                       (long long)policy->approvals, policy->approvers.size ? " by " : "",
                       MW_VIEW_ARG(policy->approvers), policy->aliases.size ? "; for @" : "",
                       MW_VIEW_ARG(policy->aliases));
}

static mw_status apply_gates(applying *a, const mw_apply_model *model, mw_error *err)
{
    bool found;
    mw_gate_policy now;
    MW_TRY(mw_record_gate_policy(a->record, model->name, &now, &found, err));
    mw_difference change = {MW_DIFFER_SET,         "gates",
                            model->name,           {NULL, 0},
                            policy_words(a, &now), policy_words(a, &model->gates)};
    if (mw_view_equal(change.before, change.after))
        return MW_OK;
    if (!change.before.data)
        change.action = MW_DIFFER_ADD;
    if (!change.after.data)
        change.action = MW_DIFFER_REMOVE;
    MW_TRY(ask(a, err));
    MW_TRY(mw_record_set_gate_policy(a->record, model->name, &model->gates, err));
    return apply_note(a, &change, err);
}

static mw_status apply_model(applying *a, const mw_apply_model *model, mw_error *err)
{
    mw_registered_model now;
    mw_view wanted = model->description.data ? model->description : MW_VIEW("");
    mw_status status = mw_record_model(a->record, model->name, &now, err);
    if (status == MW_NOT_FOUND) {
        MW_TRY(
            mw_record_create_model(a->record, model->name, wanted, &(mw_tags){NULL, 0}, &now, err));
        MW_TRY(apply_note(a,
                          &(mw_difference){.action = MW_DIFFER_ADD,
                                           .kind = "model",
                                           .name = model->name,
                                           .after = model->description},
                          err));
    } else if (status != MW_OK) {
        return status;
    } else if (model->description.data && !mw_view_equal(now.description, wanted)) {
        mw_difference change = {
            MW_DIFFER_SET, "model", model->name, MW_VIEW("description"), copy(a, now.description),
            wanted};
        MW_TRY(mw_record_describe_model(a->record, model->name, wanted, &now, err));
        MW_TRY(apply_note(a, &change, err));
    }
    return model->has_gates ? apply_gates(a, model, err) : MW_OK;
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static const mw_record_endpoint *find(const mw_record_endpoints *all, mw_view name)
{
    for (size_t i = 0; i < all->count; i++)
        if (mw_view_equal(all->items[i].name, name))
            return &all->items[i];
    return NULL;
}

/* "key value\n" lines as one line of words. */
static mw_view setting_words(applying *a, mw_view settings)
{
    char *line = mw_arena_text(a->arena, mw_view_trim(settings));
    for (char *c = line; c && *c; c++)
        if (*c == '\n')
            *c = ';';
    return mw_view_of(line ? line : "");
}

static mw_status note_endpoint(applying *a, const mw_record_endpoint *now,
                               const mw_apply_endpoint *endpoint, mw_error *err)
{
    mw_view settings = setting_words(a, endpoint->settings);
    mw_difference change = {.kind = "endpoint", .name = endpoint->name};
    if (!now) {
        change.action = MW_DIFFER_ADD;
        change.after = apply_words(a, "%.*s%s%.*s", MW_VIEW_ARG(endpoint->model),
                                   settings.size ? "; " : "", MW_VIEW_ARG(settings));
        return apply_note(a, &change, err);
    }
    change.action = MW_DIFFER_SET;
    if (!mw_view_equal(now->model, endpoint->model)) {
        change.field = MW_VIEW("model");
        change.before = copy(a, now->model);
        change.after = endpoint->model;
        MW_TRY(apply_note(a, &change, err));
    }
    if (mw_view_equal(now->settings, endpoint->settings))
        return MW_OK;
    change.field = MW_VIEW("settings");
    change.before = now->settings.size ? setting_words(a, now->settings) : (mw_view){NULL, 0};
    change.after = settings.size ? settings : (mw_view){NULL, 0};
    return apply_note(a, &change, err);
}

static const mw_apply_own *find_own(const applying *a, mw_view name)
{
    for (size_t i = 0; i < a->options->n_own; i++)
        if (mw_view_is(name, a->options->own[i].name))
            return &a->options->own[i];
    return NULL;
}

/* The record is made so all the same: other servers of it follow, and this one once it is started
 * without the name. */
static mw_status note_own(applying *a, const mw_apply_endpoint *endpoint, mw_error *err)
{
    const mw_apply_own *own = find_own(a, endpoint->name);
    bool is_other = own && !mw_view_is(endpoint->model, own->model);
    if (!own || (!is_other && mw_view_trim(endpoint->settings).size == 0))
        return MW_OK;
    mw_difference change = {.action = MW_DIFFER_NOTE, .kind = "endpoint", .name = endpoint->name};
    change.after = apply_words(
        a,
        "this server leaves the record's %s alone: it was started with %.*s=%s, and serves that "
        "until it is started without",
        is_other ? "model and settings" : "settings", MW_VIEW_ARG(endpoint->name), own->model);
    return apply_note(a, &change, err);
}

static bool is_of_monitor(mw_view key)
{
    return mw_view_starts(key, "fairness_");
}

/* The record's settings with those of `references` and `monitors` in place of what was said of the
 * same; a monitor says all of its own. Both are in the order of their keys. */
static mw_view merged(applying *a, mw_view now, mw_view partial)
{
    mw_buf all;
    mw_view rest = partial;
    bool has_monitor = false;
    while (rest.size > 0)
        has_monitor = is_of_monitor(mw_view_cut(&rest, '\n')) || has_monitor;
    mw_buf_init(&all, 256 * MW_KIB);
    while (now.size > 0 || partial.size > 0) {
        mw_view left = now, right = partial;
        mw_view old = mw_view_cut(&left, '\n'), fresh = mw_view_cut(&right, '\n');
        mw_view old_rest = old, fresh_rest = fresh;
        mw_view old_key = mw_view_cut(&old_rest, ' '), key = mw_view_cut(&fresh_rest, ' ');
        int order = now.size == 0 ? 1 : partial.size == 0 ? -1 : mw_view_order(old_key, key);
        bool is_old = order < 0;
        now = order <= 0 ? left : now;
        partial = order >= 0 ? right : partial;
        if (!is_old || !has_monitor || !is_of_monitor(old_key))
            mw_buf_format(&all, "%.*s\n", MW_VIEW_ARG(is_old ? old : fresh));
    }
    mw_view kept = copy(a, mw_buf_as_view(&all));
    mw_buf_done(&all);
    return kept;
}

static mw_status complete(applying *a, const mw_record_endpoint *now,
                          const mw_apply_endpoint *partial, mw_apply_endpoint *ret_whole,
                          mw_error *err)
{
    if (!now) {
        mw_fail(err, MW_E_APPLY_DOCUMENT, "no endpoint of the record is called '%.*s'",
                MW_VIEW_ARG(partial->name));
        return mw_mend(err,
                       "define it under 'endpoints:'; one that mw serve was started with has its "
                       "keys in its own file");
    }
    *ret_whole = *partial;
    ret_whole->model = copy(a, now->model);
    ret_whole->settings = merged(a, now->settings, partial->settings);
    return MW_OK;
}

static mw_status apply_endpoint(applying *a, const mw_record_endpoints *all,
                                const mw_apply_endpoint *endpoint, mw_error *err)
{
    if (endpoint->is_file)
        return apply_note(
            a,
            &(mw_difference){.action = MW_DIFFER_NOTE,
                             .kind = "endpoint",
                             .name = endpoint->name,
                             .after = MW_VIEW("a file: mw serve reads it at its start")},
            err);
    mw_apply_endpoint whole;
    const mw_record_endpoint *now = find(all, endpoint->name);
    if (endpoint->is_partial) {
        MW_TRY(complete(a, now, endpoint, &whole, err));
        endpoint = &whole;
    }
    if (now && mw_view_equal(now->model, endpoint->model) &&
        mw_view_equal(now->settings, endpoint->settings))
        return note_own(a, endpoint, err);
    if (endpoint->has_paths)
        MW_TRY(ask(a, err));
    MW_TRY(note_endpoint(a, now, endpoint, err));
    MW_TRY(note_own(a, endpoint, err));
    return mw_record_put_endpoint(a->record,
                                  &(mw_record_endpoint){.name = endpoint->name,
                                                        .model = endpoint->model,
                                                        .settings = endpoint->settings},
                                  err);
}

static bool is_wanted(const mw_apply_document *document, mw_view name)
{
    for (size_t i = 0; i < document->n_endpoints; i++)
        if (mw_view_equal(document->endpoints[i].name, name))
            return true;
    return false;
}

static mw_status prune(applying *a, const mw_record_endpoints *all, mw_error *err)
{
    for (size_t i = 0; i < all->count; i++) {
        const mw_record_endpoint *endpoint = &all->items[i];
        if (is_wanted(a->document, endpoint->name))
            continue;
        mw_difference change = {MW_DIFFER_REMOVE,         "endpoint",
                                copy(a, endpoint->name),  {NULL, 0},
                                copy(a, endpoint->model), {NULL, 0}};
        if (!a->options->prune) {
            change.action = MW_DIFFER_NOTE;
            change.after = MW_VIEW("in the record and not in the file; --prune removes it");
        } else {
            MW_TRY(mw_record_remove_endpoint(a->record, endpoint->name, err));
        }
        MW_TRY(apply_note(a, &change, err));
    }
    return MW_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

static mw_status apply_all(applying *a, mw_error *err)
{
    const mw_apply_document *document = a->document;
    mw_record_endpoints all;
    for (size_t i = 0; i < document->n_models; i++)
        MW_TRY(apply_model(a, &document->models[i], err));
    MW_TRY(mw_record_endpoints_of(a->record, &all, err));
    for (size_t i = 0; i < document->n_endpoints; i++)
        MW_TRY(apply_endpoint(a, &all, &document->endpoints[i], err));
    if (document->has_endpoints)
        MW_TRY(prune(a, &all, err));
    return apply_rollouts(a, err);
}

static mw_status work(mw_record *record, void *given, mw_error *err)
{
    applying *a = given;
    a->record = record;
    a->changes = (mw_differences){NULL, 0}; /* a transaction may be tried again */
    MW_TRY(apply_all(a, err));
    a->is_done = true;
    /* what fails is taken back: nothing of a dry run stays */
    return a->options->dry_run ? mw_fail(err, MW_E_APPLY_DOCUMENT, "a dry run") : MW_OK;
}

mw_status mw_apply_run(mw_registry *registry, const mw_actor *actor, mw_arena *arena,
                       const mw_apply_document *document, const mw_apply_options *options,
                       mw_differences *ret_changes, mw_error *err)
{
    applying a = {.document = document, .options = options, .arena = arena};
    MW_TRY(apply_check_rollouts(registry, arena, document, err));
    mw_status status = mw_registry_write_as(registry, actor, arena, work, &a, err);
    if (status != MW_OK && !(options->dry_run && a.is_done))
        return status;
    *ret_changes = a.changes;
    return MW_OK;
}
