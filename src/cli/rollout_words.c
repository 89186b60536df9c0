/* Rollouts for people: from the JSON that a record at hand and a server give alike. */
#include "rollout_words.h"

#include <math.h>

#include "record_door.h"
#include "rollout/rollout.h"

static mw_view text_of(const mw_json *object, const char *key)
{
    return mw_json_text(mw_json_member(object, key));
}

static double number_of(const mw_json *object, const char *key)
{
    double number = NAN;
    (void)mw_json_number(mw_json_member(object, key), &number);
    return number;
}

static int64_t whole_of(const mw_json *object, const char *key)
{
    int64_t whole = 0;
    (void)mw_json_integer(mw_json_member(object, key), &whole);
    return whole;
}

static void put_evidence(const mw_json *e, mw_buf *out)
{
    double stable = number_of(e, "stable"), canary = number_of(e, "canary");
    double harm = number_of(e, "harm"), low = number_of(e, "low"), high = number_of(e, "high");
    mw_buf_format(out, "  %-12.*s %-8.*s%s", MW_VIEW_ARG(text_of(e, "metric")),
                  MW_VIEW_ARG(text_of(e, "finding")),
                  mw_json_bool(mw_json_member(e, "critical"), true) ? "" : " (holds only)");
    if (isfinite(canary) && isfinite(stable))
        mw_buf_format(out, "  stable %.4g, canary %.4g", stable, canary);
    if (isfinite(harm))
        mw_buf_format(out, "; harm %.3g", harm);
    if (isfinite(low) && isfinite(high))
        mw_buf_format(out, " (%.3g to %.3g)", low, high);
    mw_buf_format(out, ", tolerance %g", number_of(e, "tolerance"));
    if (number_of(e, "samples_needed") > 0)
        mw_buf_format(out, "; about %.0f more requests", number_of(e, "samples_needed"));
    mw_buf_char(out, '\n');
}

static void put_step(const mw_json *rollout, mw_buf *out)
{
    bool is_shadow = mw_view_is(text_of(rollout, "strategy"), mw_strategy_names[MW_SHADOW]);
    double shadow = number_of(rollout, "shadow");
    mw_buf_format(out, ", step %lld of %lld: %.4g %% %s", (long long)whole_of(rollout, "step") + 1,
                  (long long)whole_of(rollout, "steps") + !is_shadow,
                  100 * (shadow > 0 ? shadow : number_of(rollout, "weight")),
                  shadow > 0 ? "shadowed" : "of the traffic");
}

static void put_end(const mw_json *rollout, mw_buf *out)
{
    mw_view reason = text_of(rollout, "reason");
    mw_buf_format(out, "ended    %.*s\n",
                  MW_VIEW_ARG(reason.size > 0 ? reason : MW_VIEW("no reason was given")));
}

static void put_verdict(const mw_json *rollout, mw_buf *out)
{
    const mw_json *evidence = mw_json_member(rollout, "evidence");
    mw_buf_format(out, "verdict  %.*s: %.*s\n", MW_VIEW_ARG(text_of(rollout, "action")),
                  MW_VIEW_ARG(text_of(rollout, "why")));
    for (size_t m = 0; m < mw_json_count(evidence); m++)
        put_evidence(mw_json_element(evidence, m), out);
}

void cli_rollout_words(const mw_json *rollout, mw_buf *out)
{
    mw_view word = text_of(rollout, "state");
    mw_rollout_state state = mw_rollout_state_named(word);
    mw_buf_format(
        out, "rollout %lld of %.*s: %.*s/%lld -> %lld (@%.*s), %.*s\nstate    %.*s",
        (long long)whole_of(rollout, "id"), MW_VIEW_ARG(text_of(rollout, "endpoint")),
        MW_VIEW_ARG(text_of(rollout, "model")), (long long)whole_of(rollout, "from_version"),
        (long long)whole_of(rollout, "to_version"), MW_VIEW_ARG(text_of(rollout, "alias")),
        MW_VIEW_ARG(text_of(rollout, "strategy")), MW_VIEW_ARG(word));
    if (!mw_rollout_is_over(state) && state != MW_ROLLOUT_WATCHING)
        put_step(rollout, out);
    mw_buf_text(out, "\nstarted  ");
    cli_write_when(out, whole_of(rollout, "started"));
    mw_buf_format(out, " by %.*s\n", MW_VIEW_ARG(text_of(rollout, "started_by")));
    if (mw_rollout_is_over(state))
        put_end(rollout, out);
    else
        put_verdict(rollout, out);
}

void cli_rollout_event_words(const mw_json *event, mw_buf *out)
{
    cli_write_when(out, whole_of(event, "time"));
    mw_buf_format(out, "  step %lld  %-9.*s  %-11.*s  %.*s: %.*s\n",
                  (long long)whole_of(event, "step") + 1, MW_VIEW_ARG(text_of(event, "kind")),
                  MW_VIEW_ARG(text_of(event, "state")), MW_VIEW_ARG(text_of(event, "by")),
                  MW_VIEW_ARG(text_of(event, "reason")));
}
