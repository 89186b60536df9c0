/* A rollout as JSON: for the interface, for `mw rollout --json`, and for who drives others by it.
 */
#include "rollout.h"

#include <math.h>

static void put_text(mw_buf *out, const char *key, mw_view value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_text(out, value.data ? value : MW_VIEW(""));
}

static void put_int(mw_buf *out, const char *key, int64_t value)
{
    mw_buf_format(out, ",\"%s\":%lld", key, (long long)value);
}

static void put_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

mw_status mw_rollout_verdict(const mw_rollout *rollout, mw_rollout_document *ret_document,
                             mw_rollout_judgement *ret_judgement, mw_rollout_decision *ret_decision,
                             mw_error *err)
{
    mw_rollout_memory memory;
    const mw_rollout_position position = {rollout->state, (size_t)rollout->step, rollout->started,
                                          rollout->entered, rollout->is_approved};
    MW_TRY(mw_rollout_document_read(rollout->document, "rollout", ret_document, err));
    MW_TRY(mw_rollout_memory_read(rollout->memory, &memory, err));
    mw_rollout_judge(ret_document, &memory, ret_judgement);
    mw_rollout_decide(ret_document, &position, ret_judgement, mw_clock_wall_ms(), ret_decision);
    return MW_OK;
}

mw_status mw_rollout_tell_verdict(const mw_rollout *rollout, mw_buf *out, mw_error *err)
{
    mw_rollout_document document;
    mw_rollout_judgement judgement;
    mw_rollout_decision decision;
    MW_TRY(mw_rollout_verdict(rollout, &document, &judgement, &decision, err));
    bool is_promoted = rollout->state == MW_ROLLOUT_PROMOTED;
    if (mw_rollout_is_over(rollout->state)) /* what it came to, not what is to be done */
        decision.action = is_promoted ? MW_ACTION_FINISH : MW_ACTION_ROLL_BACK;
    mw_rollout_verdict_write(&judgement, &decision, out);
    return MW_OK;
}

mw_status mw_rollout_tell(const mw_rollout *rollout, mw_buf *out, mw_error *err)
{
    mw_rollout_document document;
    MW_TRY(mw_rollout_document_read(rollout->document, "rollout", &document, err));
    size_t step = (size_t)rollout->step;
    mw_buf_format(out, "{\"id\":%lld", (long long)rollout->id);
    put_text(out, "endpoint", rollout->endpoint);
    put_text(out, "model", rollout->model);
    put_text(out, "alias", rollout->alias);
    put_int(out, "from_version", rollout->from_version);
    put_int(out, "to_version", rollout->to_version);
    put_text(out, "strategy", mw_view_of(mw_strategy_names[document.strategy]));
    put_text(out, "state", mw_view_of(mw_rollout_state_names[rollout->state]));
    put_int(out, "step", rollout->step);
    put_int(out, "steps", (int64_t)document.n_steps);
    put_number(out, "weight", rollout->weight);
    put_number(out, "shadow", mw_rollout_shadow(&document, rollout->state, step));
    put_int(out, "started", rollout->started);
    put_int(out, "entered", rollout->entered);
    if (rollout->ended > 0)
        put_int(out, "ended", rollout->ended);
    put_text(out, "started_by", rollout->started_by);
    put_text(out, "reason", rollout->why);
    mw_buf_format(out, ",\"approved\":%s,\"document\":", rollout->is_approved ? "true" : "false");
    mw_rollout_document_write(&document, out);
    mw_buf_char(out, ',');
    MW_TRY(mw_rollout_tell_verdict(rollout, out, err));
    mw_buf_char(out, '}');
    return MW_OK;
}

void mw_rollout_tell_event(const mw_rollout_event *event, mw_buf *out)
{
    mw_buf_format(out, "{\"seq\":%lld,\"time\":%lld,\"step\":%lld", (long long)event->seq,
                  (long long)event->time, (long long)event->step);
    put_text(out, "kind", event->kind);
    put_text(out, "state", event->state);
    put_text(out, "by", event->actor);
    put_text(out, "reason", event->why);
    if (event->evidence.data) { /* JSON of our own making */
        mw_buf_text(out, ",\"evidence\":");
        mw_buf_view(out, event->evidence);
    }
    mw_buf_char(out, '}');
}
