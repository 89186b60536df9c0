/* Gates: what a version must have passed before it may be served, get an alias or be rolled out.
 * Part of the door registry.h.
 *
 *     policy of a model: gates that are needed, people who approve, for which aliases
 *     results of a version: gate, passed?, digest of its files then, digest of the report
 *
 * A result counts for the files that it was made with: when they change, it is stale. Of several
 * results of a gate the newest counts. Who made a version does not approve it. Every change is
 * audited, with the digests, so the log's chain holds them.
 *
 * Held by the functions that deploy, whoever calls them: mw_record_set_alias,
 * mw_record_move_version (to Production), mw_record_start_rollout, mw_record_put_endpoint, and
 * mw_registry_check_gates for who serves an address. The way back of a rollout is never held up.
 */
#ifndef REGISTRY_GATES_H
#define REGISTRY_GATES_H

enum { MW_GATES_MAX = 32 };

typedef struct mw_gate_policy {
    mw_view gates;     /* "validation,fairness"; empty: none */
    mw_view approvers; /* "ada,grace": each of them; empty: anybody */
    mw_view aliases;   /* "champion": only these are guarded, and what they serve; empty: all */
    int64_t approvals; /* so many people, besides */
    int64_t updated;
    mw_view updated_by;
} mw_gate_policy;

typedef struct mw_gate_result {
    mw_view gate, files, report, data, summary, by; /* files, report, data: SHA-256, or empty */
    int64_t time;
    bool passed, is_stale; /* is_stale: the version's files are others by now */
} mw_gate_result;

typedef struct mw_gate_results {
    mw_gate_result *items;
    size_t count;
} mw_gate_results;

/* What stands of a version's gates. */
typedef struct mw_gate_standing {
    bool has_policy, is_open;
    mw_gate_policy policy;
    mw_gate_results results;              /* the newest of each gate */
    mw_gate_results approvals;            /* by, summary (the note), time */
    mw_view override_by, override_reason; /* absent: there is none */
    mw_view missing;                      /* what is missing, in words; "" when it is open */
} mw_gate_standing;

/* All empty and 0: the policy goes. Fails: MW_BAD_ARGUMENT (MW8910), MW_NOT_FOUND. */
MW_CHECKED mw_status mw_record_set_gate_policy(mw_record *record, mw_view model,
                                               const mw_gate_policy *policy, mw_error *err);
MW_CHECKED mw_status mw_record_gate_policy(mw_record *record, mw_view model,
                                           mw_gate_policy *ret_policy, bool *ret_found,
                                           mw_error *err);
/* The report itself is kept as a blob by the caller, if at all. */
MW_CHECKED mw_status mw_record_add_gate_result(mw_record *record, mw_view version,
                                               const mw_gate_result *result, mw_error *err);
/* By the actor. Fails: MW_CONFLICT (MW8911) its own author, or twice. */
MW_CHECKED mw_status mw_record_approve_version(mw_record *record, mw_view version, mw_view note,
                                               mw_error *err);
/* Open them whatever is missing. Fails: MW_BAD_ARGUMENT (MW8910) no reason. */
MW_CHECKED mw_status mw_record_override_gates(mw_record *record, mw_view version, mw_view reason,
                                              mw_error *err);
MW_CHECKED mw_status mw_record_gates(mw_record *record, mw_view version,
                                     mw_gate_standing *ret_standing, mw_error *err);
/* Whether an alias may lead to the version; absent: whether it may be served at all. Fails:
 * MW_CONFLICT (MW8908), saying what is missing. */
MW_CHECKED mw_status mw_record_check_gates(mw_record *record, const mw_model_version *version,
                                           mw_view alias, mw_error *err);
/* Of the version that an address leads to now. Fails: as mw_record_check_gates; MW_NOT_FOUND. */
MW_CHECKED mw_status mw_record_check_address(mw_record *record, mw_view address, mw_error *err);
/* Whether what an address leads to may be served; also "models:/m-ID" and "runs:/...", when a
 * version was made of the same files. */
MW_CHECKED mw_status mw_registry_check_gates(mw_registry *registry, mw_view address,
                                             mw_arena *arena, mw_error *err);
/* What a report says: the JSON of mw model validate, mw fairness check, mw drift check, or
 * {"gate", "passed"}. gate absent: told from the report. ret_result borrows from the arena.
 * Fails: MW_BAD_DATA (MW8909). */
MW_CHECKED mw_status mw_gate_read_report(mw_view report, mw_view gate, mw_arena *arena,
                                         mw_gate_result *ret_result, mw_error *err);

#endif
