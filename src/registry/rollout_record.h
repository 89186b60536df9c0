/* Rollouts in the record: what was asked for, where it stands, what it rests on, and each change
 * with its reason. Part of the door registry.h. The law is release's; here it is only kept, so that
 * whichever process has the record goes on with it.
 *
 *     start --> running <-> paused --promote--> watching --finish--> promoted
 *                 |            |                   |
 *                 `---- roll back, abort ----------'--> rolled_back, aborted
 *
 * A promotion moves the alias in the same transaction, and so does the way back. An endpoint has
 * one rollout that is not over; starting another ends the watch of one that is promoted.
 */
#ifndef REGISTRY_ROLLOUT_RECORD_H
#define REGISTRY_ROLLOUT_RECORD_H

#include "release/release.h"

typedef struct mw_rollout {
    int64_t id, from_version, to_version, step, started, entered, ended; /* ended: 0 = not yet */
    mw_rollout_state state;
    mw_view endpoint, model, alias, document, salt, memory, started_by, why;
    double weight; /* what a bandit gives now; else as the document says */
    bool is_approved;
    int64_t alias_version; /* where the alias leads now; 0: nowhere */
} mw_rollout;

typedef struct mw_rollouts {
    mw_rollout *items;
    size_t count;
} mw_rollouts;

/* version: "credit/3", "credit@challenger", also behind "models:/". The endpoint must be served by
 * an alias of that model.
 * Fails: MW_CONFLICT (MW8904) another is on its way; (MW8908) gates; MW_MISMATCH (MW8907). */
MW_CHECKED mw_status mw_record_start_rollout(mw_record *record, mw_view endpoint, mw_view version,
                                             const mw_rollout_document *document,
                                             mw_rollout *ret_rollout, mw_error *err);
/* The model and the alias by which a server serves the endpoint. Fails: MW_MISMATCH (MW8907). */
MW_CHECKED mw_status mw_record_served_alias(mw_record *record, mw_view endpoint, mw_view *ret_model,
                                            mw_view *ret_alias, mw_error *err);
/* By id. Fails: MW_NOT_FOUND (MW8906). */
MW_CHECKED mw_status mw_record_rollout(mw_record *record, int64_t id, mw_rollout *ret_rollout,
                                       mw_error *err);
/* The newest of an endpoint. */
MW_CHECKED mw_status mw_record_rollout_of(mw_record *record, mw_view endpoint,
                                          mw_rollout *ret_rollout, mw_error *err);
/* The newest first; only_live: those that are not over. */
MW_CHECKED mw_status mw_record_rollouts(mw_record *record, bool only_live, int64_t max,
                                        mw_rollouts *ret_rollouts, mw_error *err);

typedef struct mw_rollout_move {
    int64_t id;
    mw_rollout_action action; /* ADVANCE, PROMOTE, ROLL_BACK, FINISH */
    int64_t expect_step;      /* -1: whichever it is in */
    mw_view why, evidence;    /* evidence: JSON, or absent */
    mw_view memory;           /* the new one; absent: stays */
    bool is_abort;            /* a ROLL_BACK that a person asked for, before the promotion */
} mw_rollout_move;

/* Fails: MW_CONFLICT (MW8905) it is in another step; (MW8903) over; (MW8908) the gates are closed
 * to a promotion. */
MW_CHECKED mw_status mw_record_move_rollout(mw_record *record, const mw_rollout_move *move,
                                            mw_rollout *ret_rollout, mw_error *err);
/* What people ask for; PROMOTE and ROLL_BACK are moves. */
MW_CHECKED mw_status mw_record_command_rollout(mw_record *record, int64_t id,
                                               mw_rollout_command command, int64_t expect_step,
                                               mw_view why, mw_rollout *ret_rollout, mw_error *err);
/* The actor approves the step that it is in. */
MW_CHECKED mw_status mw_record_approve_rollout(mw_record *record, int64_t id, mw_view who,
                                               mw_rollout *ret_rollout, mw_error *err);
/* A checkpoint: not audited. Nothing happens when it is over, or in another step. */
MW_CHECKED mw_status mw_record_keep_rollout(mw_record *record, int64_t id, int64_t step,
                                            mw_view memory, double weight, mw_view why,
                                            mw_error *err);
/* What was reported, to be added to an arm: n values, their sum and sum of squares. kind: "" of
 * outcomes, "residual" of what came true less its score, "group:NAME" of decisions on a group.
 * Fails: MW_BAD_ARGUMENT (MW8901) more than MW_ARM_GROUPS groups. */
MW_CHECKED mw_status mw_record_add_outcomes(mw_record *record, int64_t id, int arm, mw_view kind,
                                            double n, double sum, double squares, mw_error *err);
/* What was reported since the start: the arms' outcomes, residuals and groups; all else stays. A
 * group has the same place always. */
MW_CHECKED mw_status mw_record_take_outcomes(mw_record *record, int64_t id,
                                             mw_arm ret_arms[MW_ARMS], mw_error *err);

/* What a server has seen of both arms in this epoch of its shares (mw_rollout_memory), in place of
 * what it had written before. */
MW_CHECKED mw_status mw_record_put_arms(mw_record *record, int64_t id, mw_view server,
                                        int64_t epoch, const mw_arm arms[MW_ARMS], mw_error *err);
/* The sum over all servers, also those that are gone. Fails: MW_BAD_DATA. */
MW_CHECKED mw_status mw_record_sum_arms(mw_record *record, int64_t id, int64_t epoch,
                                        mw_arm ret_arms[MW_ARMS], size_t *ret_servers,
                                        mw_error *err);

typedef struct mw_rollout_event {
    int64_t seq, time, step;
    mw_view actor, kind, state, why, evidence;
} mw_rollout_event;

typedef struct mw_rollout_events {
    mw_rollout_event *items;
    size_t count;
} mw_rollout_events;

/* In their order. */
MW_CHECKED mw_status mw_record_rollout_events(mw_record *record, int64_t id,
                                              mw_rollout_events *ret_events, mw_error *err);

/* Changes with each change of what may have to be served: aliases, versions, their tags, rollouts;
 * by whichever process. */
MW_CHECKED mw_status mw_record_deploy_epoch(mw_record *record, int64_t *ret_epoch, mw_error *err);

#endif
