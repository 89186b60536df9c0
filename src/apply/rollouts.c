/* Versions that shall be served: by a rollout, or at once where nothing is served yet.
 *
 *     it is named by an alias of none     a note: the first one is still to come
 *     alias leads to the version          nothing
 *     alias leads nowhere                 it is set: the first deployment
 *     a rollout brings it                 a note
 *     it was rolled back, or aborted      refused: not tried again
 *     else                                a rollout starts */
#include "applying.h"
#include "rollout/rollout.h"

typedef struct aim {
    const mw_rollout_document *document;
    mw_view endpoint, model, alias;
    mw_model_version to;
    int64_t now;     /* the version that the alias leads to; 0: none */
    bool is_missing; /* no version has the alias that the document names, yet */
    bool has_newest;
    mw_rollout newest; /* of the endpoint */
} aim;

/* "models:/credit@champion" */
static bool split_address(mw_view address, mw_view *ret_model, mw_view *ret_alias)
{
    const char *mark = address.size > 8 ? memchr(address.data, '@', address.size) : NULL;
    if (!mark || !mw_view_starts(address, "models:/"))
        return false;
    *ret_model = (mw_view){address.data + 8, (size_t)(mark - address.data) - 8};
    *ret_alias = (mw_view){mark + 1, address.size - 9 - ret_model->size};
    return true;
}

/* As the document says, or the record, or whoever serves it. */
static mw_status find_alias(mw_record *record, const mw_apply_document *document, aim *to,
                            mw_error *err)
{
    mw_record_endpoints all;
    for (size_t i = 0; i < document->n_endpoints; i++)
        if (mw_view_equal(document->endpoints[i].name, to->endpoint) &&
            split_address(document->endpoints[i].model, &to->model, &to->alias))
            return MW_OK;
    MW_TRY(mw_record_endpoints_of(record, &all, err));
    for (size_t i = 0; i < all.count; i++)
        if (mw_view_equal(all.items[i].name, to->endpoint) &&
            split_address(all.items[i].model, &to->model, &to->alias))
            return MW_OK;
    return mw_record_served_alias(record, to->endpoint, &to->model, &to->alias, err);
}

static mw_status look(mw_record *record, const mw_apply_document *all,
                      const mw_rollout_document *document, aim *to, mw_error *err)
{
    mw_error none;
    mw_model_version now;
    *to = (aim){.document = document, .endpoint = mw_view_of(document->endpoint)};
    MW_TRY(find_alias(record, all, to, err));
    mw_status status = mw_record_version_at(record, mw_view_of(document->model), &to->to, err);
    bool is_unknown = status == MW_NOT_FOUND || status == MW_BAD_ARGUMENT; /* MLflow's of aliases */
    to->is_missing = is_unknown && strchr(document->model, '@');
    if (status != MW_OK)
        return to->is_missing ? MW_OK : status;
    if (!mw_view_equal(to->to.name, to->model)) {
        mw_fail(err, MW_E_ROLLOUT_ENDPOINT, "'%s' serves the model '%.*s', and %s is of another",
                document->endpoint, MW_VIEW_ARG(to->model), document->model);
        return mw_mend(err, "name a version of the endpoint's own model");
    }
    if (mw_record_version_of_alias(record, to->model, to->alias, &now, &none) == MW_OK)
        to->now = now.version;
    to->has_newest = mw_record_rollout_of(record, to->endpoint, &to->newest, &none) == MW_OK;
    return MW_OK;
}

/* The newest rollout brought, or brings, this version. */
static bool was_tried(const aim *to)
{
    return to->has_newest && to->newest.to_version == to->to.version &&
           mw_view_equal(to->newest.model, to->model);
}

static bool will_start(const aim *to)
{
    return !to->is_missing && to->now != 0 && to->now != to->to.version && !was_tried(to);
}

static mw_view step_words(applying *a, const mw_rollout_document *document)
{
    char text[400];
    int used = snprintf(text, sizeof text, "%s", mw_strategy_names[document->strategy]);
    for (size_t i = 0; i < document->n_steps && used < (int)sizeof text - 20; i++)
        if (document->steps[i].weight > 0)
            used += snprintf(text + used, sizeof text - (size_t)used, "%s %g %%", i ? "," : "",
                             100 * document->steps[i].weight);
    return apply_words(a, "%s", text);
}

static mw_status tell(applying *a, const aim *to, mw_difference_action action, mw_view after,
                      mw_error *err)
{
    const mw_difference change = {
        .action = action,
        .kind = "rollout",
        .name = apply_words(a, "%.*s", MW_VIEW_ARG(to->endpoint)),
        .field = apply_words(a, "%.*s/%lld", MW_VIEW_ARG(to->model), (long long)to->to.version),
        .after = after};
    return apply_note(a, &change, err);
}

static mw_status tell_tried(applying *a, const aim *to, mw_error *err)
{
    bool is_over = mw_rollout_is_over(to->newest.state);
    mw_view words = apply_words(a, "rollout %lld is %s%s%.*s", (long long)to->newest.id,
                                mw_rollout_state_names[to->newest.state], is_over ? ": " : "",
                                MW_VIEW_ARG(is_over ? to->newest.why : MW_VIEW("")));
    if (is_over)
        words = apply_words(a, "%.*s; it is not tried again (mw rollout start does)",
                            MW_VIEW_ARG(words));
    return tell(a, to, is_over ? MW_DIFFER_REFUSED : MW_DIFFER_NOTE, words, err);
}

/* Nothing is served yet: the alias leads there at once, if its gates are open. */
static mw_status set_first(applying *a, const aim *to, mw_error *err)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)to->to.version);
    MW_TRY(mw_record_set_alias(a->record, to->model, to->alias, mw_view_of(number), err));
    return tell(
        a, to, MW_DIFFER_ADD,
        apply_words(a, "@%.*s leads there at once: nothing was served", MW_VIEW_ARG(to->alias)),
        err);
}

static mw_status apply_one(applying *a, const mw_rollout_document *document, mw_error *err)
{
    aim to;
    mw_rollout started;
    MW_TRY(look(a->record, a->document, document, &to, err));
    if (to.is_missing)
        return apply_note(a,
                          &(mw_difference){.action = MW_DIFFER_NOTE,
                                           .kind = "rollout",
                                           .name = apply_words(a, "%s", document->endpoint),
                                           .field = apply_words(a, "%s", document->model),
                                           .after = MW_VIEW("no version has this alias yet")},
                          err);
    if (to.now == to.to.version)
        return MW_OK;
    if (to.now == 0)
        return set_first(a, &to, err);
    if (was_tried(&to))
        return tell_tried(a, &to, err);
    MW_TRY(mw_record_start_rollout(a->record, to.endpoint, mw_view_of(document->model), document,
                                   &started, err));
    return tell(a, &to, MW_DIFFER_START, step_words(a, document), err);
}

mw_status apply_rollouts(applying *a, mw_error *err)
{
    for (size_t i = 0; i < a->document->n_rollouts; i++)
        MW_TRY(apply_one(a, &a->document->rollouts[i], err));
    return MW_OK;
}

/* ---- before ---------------------------------------------------------------------------------- */

typedef struct asking {
    const mw_apply_document *all;
    const mw_rollout_document *document;
    bool will_start;
} asking;

/* What is not there yet (a model that the same document makes) is told when it is applied. */
static mw_status see(mw_record *record, void *given, mw_error *err)
{
    asking *ask = given;
    aim to;
    ask->will_start = look(record, ask->all, ask->document, &to, err) == MW_OK && will_start(&to);
    return MW_OK;
}

mw_status apply_check_rollouts(mw_registry *registry, mw_arena *arena,
                               const mw_apply_document *document, mw_error *err)
{
    for (size_t i = 0; i < document->n_rollouts; i++) {
        asking ask = {.all = document, .document = &document->rollouts[i]};
        MW_TRY(mw_registry_read(registry, arena, see, &ask, err));
        if (ask.will_start)
            MW_TRY(mw_rollout_check(registry, mw_view_of(ask.document->endpoint),
                                    mw_view_of(ask.document->model), ask.document, arena, err));
    }
    return MW_OK;
}
