/* From verdicts and the time to what is done next. */
#include "release.h"
#include "stats/stats.h"

#include <math.h>

static void say(mw_rollout_decision *decision, mw_rollout_action action, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(mw_rollout_decision *decision, mw_rollout_action action, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    decision->action = action;
    vsnprintf(decision->why, sizeof decision->why, format, arguments);
    va_end(arguments);
}

/* ---- what the metrics say -------------------------------------------------------------------- */

static const mw_rollout_evidence *find_harm(const mw_rollout_judgement *judgement, bool critical)
{
    for (size_t m = 0; m < judgement->n_evidence; m++)
        if (judgement->evidence[m].finding == MW_FINDING_REGRESS &&
            judgement->evidence[m].metric.critical == critical)
            return &judgement->evidence[m];
    return NULL;
}

/* The critical metric that is furthest from being known to be fine. */
static const mw_rollout_evidence *find_unknown(const mw_rollout_judgement *judgement)
{
    const mw_rollout_evidence *most = NULL;
    for (size_t m = 0; m < judgement->n_evidence; m++) {
        const mw_rollout_evidence *e = &judgement->evidence[m];
        if (e->metric.critical && e->finding == MW_FINDING_UNKNOWN &&
            (!most || e->samples_needed > most->samples_needed))
            most = e;
    }
    return most;
}

static void write_numbers(const mw_rollout_evidence *e, char *out, size_t size)
{
    switch (e->metric.kind) {
    case MW_METRIC_ERRORS:
        snprintf(out, size, "errors %.3g %% against %.3g %%", 100 * e->canary, 100 * e->stable);
        break;
    case MW_METRIC_LATENCY:
    case MW_METRIC_LATENCY_P99:
        snprintf(out, size, "%s %.3g ms against %.3g ms", mw_rollout_metric_names[e->metric.kind],
                 e->canary, e->stable);
        break;
    case MW_METRIC_SCORES:
        snprintf(out, size, "predictions have shifted: PSI %.3g", e->harm);
        break;
    case MW_METRIC_CALIBRATION:
        snprintf(out, size, "scores miss what came true by %.3g, against %.3g", e->canary,
                 e->stable);
        break;
    case MW_METRIC_FAIRNESS:
        snprintf(out, size, "the gap between groups is %.3g, against %.3g", e->canary, e->stable);
        break;
    default:
        snprintf(out, size, "outcome %.4g against %.4g", e->canary, e->stable);
    }
}

static bool find_broken(const mw_rollout_judgement *judgement, mw_rollout_decision *decision)
{
    char numbers[160];
    const mw_rollout_evidence *harm = find_harm(judgement, true);
    if (harm) {
        write_numbers(harm, numbers, sizeof numbers);
        say(decision, MW_ACTION_ROLL_BACK, "%s: the harm passes the tolerance of %g", numbers,
            harm->metric.tolerance);
        return true;
    }
    return false;
}

/* The arms were not asked the same: no verdict compares the versions then. */
static bool find_unfair(const mw_rollout_judgement *j, mw_rollout_decision *decision)
{
    if (j->is_split_broken) {
        say(decision, MW_ACTION_HOLD,
            "requests are not split as they should be: the comparison is no fair one");
        return true;
    }
    if (j->unlike >= j->n_balance)
        return false;
    const mw_rollout_balance *b = &j->balance[j->unlike];
    say(decision, MW_ACTION_HOLD,
        "the versions are not asked the same: %s'%s' differs by %.2g standard deviations, so they "
        "cannot be compared",
        b->is_missing ? "how often a value is missing in " : "", j->covariates[j->unlike],
        b->difference);
    return true;
}

/* ---- one state each -------------------------------------------------------------------------- */

static void decide_watch(const mw_rollout_document *document, const mw_rollout_position *position,
                         int64_t now_ms, mw_rollout_decision *decision)
{
    int64_t left = position->entered_ms + document->watch_after_ms - now_ms;
    if (left <= 0)
        say(decision, MW_ACTION_FINISH, "watched for %lld s without harm",
            (long long)(document->watch_after_ms / 1000));
    else
        say(decision, MW_ACTION_WAIT, "promoted; watched for %lld s more",
            (long long)(left / 1000 + 1));
}

static void decide_deadline(const mw_rollout_document *document, mw_rollout_decision *decision)
{
    static const mw_rollout_action actions[] = {MW_ACTION_HOLD, MW_ACTION_PROMOTE,
                                                MW_ACTION_ROLL_BACK};
    static const char *const words[] = {"hold", "promote", "rollback"};
    say(decision, actions[document->on_unknown], "the deadline has passed; on_unknown: %s",
        words[document->on_unknown]);
}

/* An A/B test is over when one arm is better, not when the new one does no harm. */
static bool decide_winner(const mw_rollout_judgement *judgement, mw_rollout_decision *decision)
{
    for (size_t m = 0; m < judgement->n_evidence; m++) {
        const mw_rollout_evidence *e = &judgement->evidence[m];
        if (e->metric.kind != MW_METRIC_OUTCOME)
            continue;
        if (e->high < 0)
            say(decision, MW_ACTION_PROMOTE,
                "the new version's outcomes are better: %.4g against %.4g", e->canary, e->stable);
        else if (e->low > 0)
            say(decision, MW_ACTION_ROLL_BACK,
                "the old version's outcomes are better: %.4g against %.4g", e->stable, e->canary);
        else
            say(decision, MW_ACTION_WAIT, "no winner yet: %.4g against %.4g", e->canary, e->stable);
        return true;
    }
    say(decision, MW_ACTION_HOLD, "no outcome is judged, so nothing can win: a person decides");
    return true;
}

/* The last step is done: is enough known? */
static void decide_promotion(const mw_rollout_document *document,
                             const mw_rollout_judgement *judgement, mw_rollout_decision *decision)
{
    const mw_rollout_evidence *unknown = find_unknown(judgement);
    if (document->strategy == MW_AB || document->strategy == MW_BANDIT) {
        decide_winner(judgement, decision);
        return;
    }
    if (document->strategy == MW_BLUE_GREEN) {
        say(decision, MW_ACTION_PROMOTE, "warm; all traffic at once, and watched");
        return;
    }
    if (unknown && unknown->samples_needed > 0)
        say(decision, MW_ACTION_WAIT,
            "%s: not known well enough yet, about %.0f more requests of the canary",
            mw_rollout_metric_names[unknown->metric.kind], unknown->samples_needed);
    else if (unknown)
        say(decision, MW_ACTION_WAIT, "%s: not known well enough yet",
            mw_rollout_metric_names[unknown->metric.kind]);
    else if (document->strategy == MW_SHADOW)
        say(decision, MW_ACTION_HOLD, "no harm in the shadow: promote, or start a canary");
    else
        say(decision, MW_ACTION_PROMOTE, "every critical metric is fine");
}

static void decide_step(const mw_rollout_document *document, const mw_rollout_position *position,
                        const mw_rollout_judgement *judgement, int64_t now_ms,
                        mw_rollout_decision *decision)
{
    const mw_rollout_step *step = &document->steps[position->step];
    int64_t left = position->entered_ms + step->for_ms - now_ms;
    if (judgement->samples < (double)step->min_samples)
        say(decision, MW_ACTION_WAIT, "%.0f of %llu requests of the canary in this step",
            judgement->samples, (unsigned long long)step->min_samples);
    else if (left > 0)
        say(decision, MW_ACTION_WAIT, "this step lasts %lld s more", (long long)(left / 1000 + 1));
    else if (step->approve[0] && !position->is_approved)
        say(decision, MW_ACTION_HOLD, "waits for the approval of %s", step->approve);
    else if (position->step + 1 < document->n_steps)
        say(decision, MW_ACTION_ADVANCE, "no harm after %.0f requests of the canary",
            judgement->samples);
    else
        decide_promotion(document, judgement, decision);
}

void mw_rollout_decide(const mw_rollout_document *document, const mw_rollout_position *position,
                       const mw_rollout_judgement *judgement, int64_t now_ms,
                       mw_rollout_decision *ret_decision)
{
    char numbers[160];
    const mw_rollout_evidence *harm = find_harm(judgement, false);
    *ret_decision = (mw_rollout_decision){.action = MW_ACTION_WAIT};
    if (mw_rollout_is_over(position->state)) {
        say(ret_decision, MW_ACTION_WAIT, "over");
    } else if (find_broken(judgement, ret_decision)) {
        return; /* whatever the state: harm is harm */
    } else if (position->state == MW_ROLLOUT_WATCHING) {
        decide_watch(document, position, now_ms, ret_decision);
    } else if (position->state == MW_ROLLOUT_PAUSED) {
        say(ret_decision, MW_ACTION_HOLD, "paused");
    } else if (find_unfair(judgement, ret_decision)) {
        return;
    } else if (harm) {
        write_numbers(harm, numbers, sizeof numbers);
        say(ret_decision, MW_ACTION_HOLD, "%s: a person decides", numbers);
    } else {
        decide_step(document, position, judgement, now_ms, ret_decision);
        bool is_stuck =
            ret_decision->action == MW_ACTION_WAIT || ret_decision->action == MW_ACTION_HOLD;
        if (is_stuck && document->deadline_ms > 0 &&
            now_ms - position->started_ms >= document->deadline_ms)
            decide_deadline(document, ret_decision);
    }
}

/* ---- shares ---------------------------------------------------------------------------------- */

double mw_rollout_weight(const mw_rollout_document *document, mw_rollout_state state, size_t step)
{
    if (state == MW_ROLLOUT_WATCHING || state == MW_ROLLOUT_PROMOTED)
        return 1;
    return mw_rollout_is_over(state) || step >= document->n_steps ? 0
                                                                  : document->steps[step].weight;
}

double mw_rollout_shadow(const mw_rollout_document *document, mw_rollout_state state, size_t step)
{
    bool runs = state == MW_ROLLOUT_RUNNING || state == MW_ROLLOUT_PAUSED;
    return runs && step < document->n_steps ? document->steps[step].shadow : 0;
}

double mw_rollout_bandit_weight(const mw_rollout_memory *memory)
{
    enum { OUTCOMES_MIN = 30 };
    const double floor_share = 0.05;
    double mean[MW_ARMS], v[MW_ARMS];
    for (size_t a = 0; a < MW_ARMS; a++) {
        double n = memory->arms[a].outcome_n + memory->all[a].outcome_n;
        double good = memory->arms[a].outcome_sum + memory->all[a].outcome_sum;
        if (n < OUTCOMES_MIN)
            return 0.5;
        mean[a] = (good + 1) / (n + 2);
        v[a] = mean[a] * (1 - mean[a]) / (n + 3);
    }
    double chance = mw_normal_tail((mean[0] - mean[1]) / sqrt(v[0] + v[1]));
    return fmin(fmax(chance, floor_share), 1 - floor_share);
}

/* ---- what people ask for --------------------------------------------------------------------- */

mw_status mw_rollout_command_check(mw_rollout_command command, mw_rollout_state state,
                                   mw_error *err)
{
    static const unsigned allowed[MW_N_COMMANDS] = {
        [MW_COMMAND_PAUSE] = 1u << MW_ROLLOUT_RUNNING,
        [MW_COMMAND_RESUME] = 1u << MW_ROLLOUT_PAUSED,
        [MW_COMMAND_PROMOTE] = 1u << MW_ROLLOUT_RUNNING | 1u << MW_ROLLOUT_PAUSED,
        [MW_COMMAND_ADVANCE] = 1u << MW_ROLLOUT_RUNNING,
        [MW_COMMAND_ROLL_BACK] =
            1u << MW_ROLLOUT_RUNNING | 1u << MW_ROLLOUT_PAUSED | 1u << MW_ROLLOUT_WATCHING |
            1u << MW_ROLLOUT_PROMOTED, /* the old version is loaded again then */
        [MW_COMMAND_ABORT] = 1u << MW_ROLLOUT_RUNNING | 1u << MW_ROLLOUT_PAUSED,
    };
    if (allowed[command] >> state & 1)
        return MW_OK;
    mw_fail(err, MW_E_ROLLOUT_STATE, "the rollout is %s, and '%s' needs another state",
            mw_rollout_state_names[state], mw_rollout_command_names[command]);
    return mw_mend(err, "mw rollout status shows what it is doing");
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void put_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

/* Whether both arms were asked the same. */
static void put_assignment(mw_buf *out, const mw_rollout_judgement *j)
{
    bool is_broken = j->is_split_broken || j->unlike < j->n_balance;
    mw_buf_format(out, ",\"assignment\":{\"broken\":%s,\"split_broken\":%s",
                  is_broken ? "true" : "false", j->is_split_broken ? "true" : "false");
    put_number(out, "split_log_e", j->split_log_e);
    mw_buf_text(out, ",\"balance\":[");
    for (size_t i = 0; i < j->n_balance; i++) {
        const mw_rollout_balance *b = &j->balance[i];
        mw_buf_text(out, i ? ",{\"column\":" : "{\"column\":");
        mw_json_write_text(out, mw_view_of(j->covariates[i]));
        mw_buf_format(out, ",\"of\":\"%s\"", b->is_missing ? "missing" : "mean");
        put_number(out, "difference", b->difference);
        put_number(out, "low", b->low);
        mw_buf_format(out, ",\"broken\":%s}", b->is_broken ? "true" : "false");
    }
    mw_buf_text(out, "]}");
}

static void put_evidence(mw_buf *out, const mw_rollout_evidence *e)
{
    mw_buf_format(out, "{\"metric\":\"%s\",\"finding\":\"%s\",\"critical\":%s",
                  mw_rollout_metric_names[e->metric.kind], mw_rollout_finding_names[e->finding],
                  e->metric.critical ? "true" : "false");
    put_number(out, "tolerance", e->metric.tolerance);
    put_number(out, "stable", e->stable);
    put_number(out, "canary", e->canary);
    put_number(out, "harm", e->harm);
    put_number(out, "low", e->low);
    put_number(out, "high", e->high);
    put_number(out, "log_e", e->log_e);
    put_number(out, "samples_needed", e->samples_needed);
    mw_buf_char(out, '}');
}

/* Three words for those who drive something else by it (Argo, Flagger). */
static const char *word_of(mw_rollout_action action)
{
    if (action == MW_ACTION_ROLL_BACK)
        return "rollback";
    bool goes_on = action == MW_ACTION_PROMOTE || action == MW_ACTION_FINISH;
    return goes_on ? "promote" : "wait";
}

void mw_rollout_verdict_write(const mw_rollout_judgement *judgement,
                              const mw_rollout_decision *decision, mw_buf *out)
{
    double most = 0;
    mw_buf_format(out, "\"verdict\":\"%s\",\"action\":\"%s\",\"why\":", word_of(decision->action),
                  mw_rollout_action_names[decision->action]);
    mw_json_write_text(out, mw_view_of(decision->why));
    mw_buf_text(out, ",\"evidence\":[");
    for (size_t m = 0; m < judgement->n_evidence; m++) {
        const mw_rollout_evidence *e = &judgement->evidence[m];
        mw_buf_text(out, m ? "," : "");
        put_evidence(out, e);
        if (e->metric.critical && e->samples_needed > most)
            most = e->samples_needed;
    }
    mw_buf_text(out, "]");
    put_number(out, "samples_needed", most);
    put_number(out, "samples", judgement->samples);
    put_number(out, "split_log_e", judgement->split_log_e);
    put_assignment(out, judgement);
}
