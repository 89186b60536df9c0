/* rollout: runs the rollouts of a record on a fleet.
 *
 *     record (document, state, step, memory) --each 100 ms, when it has changed--> shares of the
 * fleet ^                                                                           |
 *            `-- decisions, checkpoints <-- release: judge, decide <--each second-- arms of the
 * fleet
 *
 * What is done follows from the record alone: a conductor that starts anywhere on the same record,
 * after whatever end of the one before, goes on where it was (at most five seconds of evidence are
 * lost, which makes it only more careful). Commands of people are changes of the record, too; so
 * they take effect whichever process wrote them.
 *
 * A rollback is a store into the fleet's share, before anything is written or loaded. */
#ifndef ROLLOUT_ROLLOUT_H
#define ROLLOUT_ROLLOUT_H

#include "registry/registry.h"
#include "release/release.h"
#include "serve/serve.h"

typedef struct mw_conductor mw_conductor;

typedef struct mw_conductor_options {
    mw_fleet *fleet; /* borrowed, as the next */
    mw_registry *registry;
    bool without_thread;  /* the caller calls mw_conductor_look and _tick: tests */
    bool shares_evidence; /* also where the record is not in PostgreSQL: tests */
} mw_conductor_options;

/* Starts its thread. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_conductor_new(const mw_conductor_options *options,
                                      mw_conductor **ret_conductor, mw_error *err);
/* Before the fleet and the registry. What was seen since the last checkpoint is kept. NULL is fine.
 */
void mw_conductor_free(mw_conductor *conductor);

/* Follow the record, if it has changed. One thread at a time, as the next. */
void mw_conductor_look(mw_conductor *conductor);
/* Count, judge, decide, act. */
void mw_conductor_tick(mw_conductor *conductor);

/* The order to roll back (or to abort) is about to be written: the endpoint's traffic on this
 * server goes back to the version before, now, however long the record takes. expect_step: as of
 * mw_record_command_rollout. What was held, for mw_conductor_settle; 0: there is nothing to hold
 * (no rollout here in such a state and step, or another's order is on its way), and the record
 * decides alone. Any thread. */
int64_t mw_conductor_hold(mw_conductor *conductor, mw_view endpoint, mw_rollout_command command,
                          int64_t expect_step);
/* What came of writing it. Refused by the record: the share comes back. Where the record could not
 * be written (MW_IO, MW_BUSY, MW_NO_MEMORY, MW_BAD_DATA) the traffic stays back, the conductor
 * writes the rollback as soon as it can, with who asked and why, and *err's mending says so. Any
 * thread. */
void mw_conductor_settle(mw_conductor *conductor, int64_t held, mw_status status, mw_view who,
                         mw_view why, mw_error *err);

/* One rollout as it is now, for metrics. Borrowed for the call. */
typedef struct mw_rollout_sight {
    const mw_rollout *rollout;
    const mw_rollout_memory *memory;
    const mw_rollout_judgement *judgement;
    const mw_rollout_decision *decision;
    double weight, shadow;
    size_t n_servers; /* whose evidence is in the memory's arms; 0: this one's alone */
} mw_rollout_sight;

void mw_conductor_each(mw_conductor *conductor,
                       void (*see)(void *user, const mw_rollout_sight *sight), void *user);
/* Rollouts that it ended by itself since it began, and ticks that came late. */
typedef struct mw_conductor_counts {
    uint64_t advanced, promoted, rolled_back, checkpoints;
} mw_conductor_counts;
void mw_conductor_count(mw_conductor *conductor, mw_conductor_counts *ret_counts);

/* Whether the new version may take the place of the old one: what mw_fleet_challenge would refuse,
 * found before anybody is told that it has begun. Reads both models; not inside a transaction.
 * document: NULL, or whose groups must be told by the model. Fails: MW_CONFLICT (MW3525);
 * MW_BAD_ARGUMENT (MW8901); as mw_registry_check_out and mw_forest_load. */
MW_CHECKED mw_status mw_rollout_check(mw_registry *registry, mw_view endpoint, mw_view version,
                                      const mw_rollout_document *document, mw_arena *arena,
                                      mw_error *err);

/* ---- as JSON (tell.c) ------------------------------------------------------------------------ */

/* What the record's evidence says now: at most five seconds old. Fails: MW_BAD_DATA. */
MW_CHECKED mw_status mw_rollout_verdict(const mw_rollout *rollout,
                                        mw_rollout_document *ret_document,
                                        mw_rollout_judgement *ret_judgement,
                                        mw_rollout_decision *ret_decision, mw_error *err);
/* An object with all of it; only the members of the verdict; an event of its history. */
MW_CHECKED mw_status mw_rollout_tell(const mw_rollout *rollout, mw_buf *out, mw_error *err);
MW_CHECKED mw_status mw_rollout_tell_verdict(const mw_rollout *rollout, mw_buf *out, mw_error *err);
/* What stands of a version's gates. */
void mw_gates_tell(const mw_model_version *version, const mw_gate_standing *standing, mw_buf *out);
void mw_rollout_tell_event(const mw_rollout_event *event, mw_buf *out);

#endif
