/* rollout: a new version of an endpoint's model, step by step. The commands change the record; the
 * server that has it open follows within a second, and so a rollback needs no server to be reached.
 */
#include "record_door.h"
#include "rollout/rollout.h"

#include <math.h>

enum { TEXT_BYTES_MAX = 16 << 20 };

/* ---- for people ------------------------------------------------------------------------------ */

static void put_share(mw_buf *out, double share)
{
    mw_buf_format(out, "%.4g %%", 100 * share);
}

static void text_evidence(const mw_rollout_evidence *e, mw_buf *out)
{
    mw_buf_format(out, "  %-12s %-8s%s", mw_rollout_metric_names[e->metric.kind],
                  mw_rollout_finding_names[e->finding], e->metric.critical ? "" : " (holds only)");
    if (isfinite(e->canary) && isfinite(e->stable))
        mw_buf_format(out, "  stable %.4g, canary %.4g", e->stable, e->canary);
    if (isfinite(e->harm))
        mw_buf_format(out, "; harm %.3g", e->harm);
    if (isfinite(e->low) && isfinite(e->high))
        mw_buf_format(out, " (%.3g to %.3g)", e->low, e->high);
    mw_buf_format(out, ", tolerance %g", e->metric.tolerance);
    if (e->samples_needed > 0)
        mw_buf_format(out, "; about %.0f more requests", e->samples_needed);
    mw_buf_char(out, '\n');
}

static void text_head(const mw_rollout *rollout, const mw_rollout_document *document, mw_buf *out)
{
    mw_buf_format(out, "rollout %lld of %.*s: %.*s/%lld -> %lld (@%.*s), %s\n",
                  (long long)rollout->id, MW_VIEW_ARG(rollout->endpoint),
                  MW_VIEW_ARG(rollout->model), (long long)rollout->from_version,
                  (long long)rollout->to_version, MW_VIEW_ARG(rollout->alias),
                  mw_strategy_names[document->strategy]);
    mw_buf_format(out, "state    %s", mw_rollout_state_names[rollout->state]);
    if (!mw_rollout_is_over(rollout->state) && rollout->state != MW_ROLLOUT_WATCHING) {
        const mw_rollout_step *step = &document->steps[rollout->step];
        mw_buf_format(out, ", step %lld of %zu: ", (long long)rollout->step + 1,
                      document->n_steps + (document->strategy != MW_SHADOW));
        put_share(out, step->shadow > 0 ? step->shadow : rollout->weight);
        mw_buf_text(out, step->shadow > 0 ? " shadowed" : " of the traffic");
    }
    mw_buf_text(out, "\nstarted  ");
    cli_write_when(out, rollout->started);
    mw_buf_format(out, " by %.*s\n", MW_VIEW_ARG(rollout->started_by));
}

static mw_status text_rollout(const mw_rollout *rollout, mw_buf *out, mw_error *err)
{
    mw_rollout_document document;
    mw_rollout_judgement judgement;
    mw_rollout_decision decision;
    MW_TRY(mw_rollout_verdict(rollout, &document, &judgement, &decision, err));
    bool is_over = mw_rollout_is_over(rollout->state);
    text_head(rollout, &document, out);
    if (is_over)
        mw_buf_format(out, "ended    %.*s\n", MW_VIEW_ARG(rollout->why));
    else
        mw_buf_format(out, "verdict  %s: %s\n", mw_rollout_action_names[decision.action],
                      decision.why);
    for (size_t m = 0; m < judgement.n_evidence && !is_over; m++)
        text_evidence(&judgement.evidence[m], out);
    return MW_OK;
}

/* ---- looking --------------------------------------------------------------------------------- */

typedef struct looking {
    mw_view endpoint;
    mw_rollouts found;
    mw_rollout_events events;
} looking;

static mw_status find_all(mw_record *record, void *given, mw_error *err)
{
    looking *l = given;
    return mw_record_rollouts(record, false, 1000, &l->found, err);
}

static mw_status find_newest(mw_record *record, void *given, mw_error *err)
{
    looking *l = given;
    mw_rollout *rollout = mw_arena_take_zeroed(record->arena, 1, sizeof *rollout);
    if (!rollout)
        return mw_fail_memory(err, "a rollout");
    MW_TRY(mw_record_rollout_of(record, l->endpoint, rollout, err));
    l->found.items = rollout;
    l->found.count = 1;
    return mw_record_rollout_events(record, rollout->id, &l->events, err);
}

static mw_status write_found(const cli_call *call, const looking *l, mw_buf *out, mw_error *err)
{
    for (size_t i = 0; i < l->found.count; i++) {
        if (!cli_is_on(call, CLI_JSON)) {
            mw_buf_text(out, i ? "\n" : "");
            MW_TRY(text_rollout(&l->found.items[i], out, err));
            continue;
        }
        MW_TRY(mw_rollout_tell(&l->found.items[i], out, err));
        mw_buf_char(out, '\n');
    }
    if (l->found.count == 0 && !cli_is_on(call, CLI_JSON))
        mw_buf_text(out, "no rollouts\n");
    return MW_OK;
}

static mw_status write_events(const cli_call *call, const looking *l, mw_buf *out, mw_error *err)
{
    (void)err;
    for (size_t i = 0; i < l->events.count; i++) {
        const mw_rollout_event *event = &l->events.items[i];
        if (cli_is_on(call, CLI_JSON)) {
            mw_rollout_tell_event(event, out);
            mw_buf_char(out, '\n');
            continue;
        }
        cli_write_when(out, event->time);
        mw_buf_format(out, "  step %lld  %-9.*s  %-11.*s  %.*s: %.*s\n", (long long)event->step + 1,
                      MW_VIEW_ARG(event->kind), MW_VIEW_ARG(event->state),
                      MW_VIEW_ARG(event->actor), MW_VIEW_ARG(event->why));
    }
    return MW_OK;
}

typedef mw_status writer(const cli_call *call, const looking *l, mw_buf *out, mw_error *err);

static mw_status look(cli_call *call, mw_record_work *work, writer *write, mw_error *err)
{
    mw_buf out;
    cli_record_door door;
    looking l = {.endpoint = mw_view_of(call->n_arguments ? call->arguments[0] : NULL)};
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = cli_door_read(&door, work, &l, err);
    if (status == MW_OK)
        status = write(call, &l, &out, err);
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    cli_door_close(&door);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_rollout_list(cli_call *call, mw_error *err)
{
    return look(call, find_all, write_found, err);
}

mw_status cli_run_rollout_status(cli_call *call, mw_error *err)
{
    return look(call, call->n_arguments ? find_newest : find_all, write_found, err);
}

mw_status cli_run_rollout_history(cli_call *call, mw_error *err)
{
    return look(call, find_newest, write_events, err);
}

/* ---- starting -------------------------------------------------------------------------------- */

typedef struct changing {
    mw_view endpoint, model, reason;
    mw_rollout_document document;
    mw_rollout_command command;
    bool approves;
    int64_t expect_step;
    mw_rollout after;
} changing;

static mw_status read_file(const char *path, mw_rollout_document *document, mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, &file, err));
    mw_status status =
        mw_rollout_document_read((mw_view){file.data, file.size}, path, document, err);
    mw_file_done(&file);
    return status;
}

static mw_status read_strategy(const char *word, mw_strategy *ret_strategy, mw_error *err)
{
    for (size_t i = 0; i < MW_N_STRATEGIES; i++)
        if (!word || strcmp(word, mw_strategy_names[i]) == 0) {
            *ret_strategy = (mw_strategy)i;
            return MW_OK;
        }
    mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "there is no strategy '%s'", word);
    return mw_mend(err, "--strategy canary, blue-green, shadow, ab or bandit");
}

/* The file, and what stands on the command line in place of its own. */
static mw_status read_document(const cli_call *call, changing *c, mw_error *err)
{
    const cli_setting *settings = call->settings;
    const char *path = settings[CLI_ROLLOUT_FILE].text, *word = settings[CLI_STRATEGY].text;
    mw_strategy strategy = MW_CANARY;
    MW_TRY(read_strategy(word, &strategy, err));
    mw_rollout_document_init(&c->document, strategy);
    if (path)
        MW_TRY(read_file(path, &c->document, err));
    if (word && strategy != c->document.strategy) {
        mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "--strategy %s, and %s says %s", word, path,
                mw_strategy_names[c->document.strategy]);
        return mw_mend(err, "say it in one place");
    }
    if (settings[CLI_STEPS].text)
        MW_TRY(mw_rollout_steps_read(mw_view_of(settings[CLI_STEPS].text), &c->document, err));
    for (size_t i = 0; i < c->document.n_steps && settings[CLI_MIN_SAMPLES].text; i++)
        if (c->document.steps[i].weight > 0 || c->document.steps[i].shadow > 0)
            c->document.steps[i].min_samples = settings[CLI_MIN_SAMPLES].number;
    if (settings[CLI_WATCH_AFTER].text)
        c->document.watch_after_ms = (int64_t)settings[CLI_WATCH_AFTER].number * 1000;
    const char *model = settings[CLI_ROLLOUT_MODEL].text;
    c->model = mw_view_of(model ? model : c->document.model);
    if (c->model.size > 0)
        return MW_OK;
    mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "which version is to come?");
    return mw_mend(err, "--model NAME/VERSION, or 'model:' in the file");
}

static mw_status start(mw_record *record, void *given, mw_error *err)
{
    changing *c = given;
    return mw_record_start_rollout(record, c->endpoint, c->model, &c->document, &c->after, err);
}

static mw_status show_after(cli_call *call, const changing *c, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_is_on(call, CLI_JSON) ? mw_rollout_tell(&c->after, &out, err)
                                                 : text_rollout(&c->after, &out, err);
    if (cli_is_on(call, CLI_JSON))
        mw_buf_char(&out, '\n');
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_rollout_start(cli_call *call, mw_error *err)
{
    cli_record_door door;
    changing c = {.endpoint = mw_view_of(call->arguments[0])};
    MW_TRY(read_document(call, &c, err));
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status =
            mw_rollout_check(door.registry, c.endpoint, c.model, &c.document, &door.arena, err);
    if (status == MW_OK)
        status = cli_door_write(&door, start, &c, err);
    if (status == MW_OK)
        status = show_after(call, &c, err);
    cli_door_close(&door);
    return status;
}

/* ---- commands -------------------------------------------------------------------------------- */

static mw_status command(mw_record *record, void *given, mw_error *err)
{
    changing *c = given;
    MW_TRY(mw_record_rollout_of(record, c->endpoint, &c->after, err));
    if (c->approves)
        return mw_record_approve_rollout(record, c->after.id, record->actor->name, &c->after, err);
    return mw_record_command_rollout(record, c->after.id, c->command, c->expect_step, c->reason,
                                     &c->after, err);
}

static mw_status change(cli_call *call, mw_rollout_command which, bool approves, mw_error *err)
{
    cli_record_door door;
    const cli_setting *step = &call->settings[CLI_EXPECT_STEP];
    changing c = {.endpoint = mw_view_of(call->arguments[0]),
                  .command = which,
                  .approves = approves,
                  .reason = mw_view_of(call->settings[CLI_REASON].text),
                  .expect_step = step->text ? (int64_t)step->number - 1 : -1};
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = cli_door_write(&door, command, &c, err);
    if (status == MW_OK)
        status = show_after(call, &c, err);
    cli_door_close(&door);
    return status;
}

mw_status cli_run_rollout_pause(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_PAUSE, false, err);
}

mw_status cli_run_rollout_resume(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_RESUME, false, err);
}

mw_status cli_run_rollout_advance(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ADVANCE, false, err);
}

mw_status cli_run_rollout_promote(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_PROMOTE, false, err);
}

mw_status cli_run_rollout_abort(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ABORT, false, err);
}

mw_status cli_run_rollout_approve(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ABORT, true, err);
}

mw_status cli_run_rollback(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ROLL_BACK, false, err);
}
