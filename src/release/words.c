/* The words of rollouts: one table each for documents, answers and the record. */
#include "release.h"

const char *const mw_strategy_names[MW_N_STRATEGIES] = {"canary", "blue-green", "shadow", "ab",
                                                        "bandit"};
const char *const mw_rollout_metric_names[MW_N_METRICS] = {
    "errors", "latency", "latency_p99", "score_shift", "outcome", "calibration", "fairness"};
const char *const mw_rollout_finding_names[MW_N_FINDINGS] = {"unknown", "fine", "regress"};
const char *const mw_rollout_state_names[MW_N_ROLLOUT_STATES] = {
    "running", "paused", "watching", "promoted", "rolled_back", "aborted"};
const char *const mw_rollout_action_names[MW_N_ACTIONS] = {"wait",    "hold",      "advance",
                                                           "promote", "roll_back", "finish"};
const char *const mw_rollout_command_names[MW_N_COMMANDS] = {"pause",   "resume",   "promote",
                                                             "advance", "rollback", "abort"};

static size_t find(const char *const *names, size_t n, mw_view name)
{
    size_t i = 0;
    while (i < n && !mw_view_is(name, names[i]))
        i++;
    return i;
}

mw_rollout_state mw_rollout_state_named(mw_view name)
{
    return (mw_rollout_state)find(mw_rollout_state_names, MW_N_ROLLOUT_STATES, name);
}

mw_rollout_command mw_rollout_command_named(mw_view name)
{
    return (mw_rollout_command)find(mw_rollout_command_names, MW_N_COMMANDS, name);
}

bool mw_rollout_is_over(mw_rollout_state state)
{
    return state >= MW_ROLLOUT_PROMOTED;
}
