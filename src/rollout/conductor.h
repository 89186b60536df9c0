/* Between the files of rollout. */
#ifndef ROLLOUT_CONDUCTOR_H
#define ROLLOUT_CONDUCTOR_H

#include <pthread.h>
#include <stdatomic.h>

#include "rollout.h"

/* A rollout that this process runs. The texts of `rollout` live in `arena`. */
typedef struct conducted {
    struct conducted *next;
    mw_arena arena;
    mw_rollout rollout;
    mw_rollout_document document;
    mw_rollout_memory memory;
    mw_rollout_judgement judgement;
    mw_rollout_decision decision;
    mw_arm seen[MW_ARMS]; /* the fleet's counts at the last tick */
    mw_arm
        mine[MW_ARMS]; /* what this process has seen in this epoch; where servers share a record */
    int64_t mine_epoch;
    size_t n_servers; /* whose evidence is in the memory's arms */
    char *from_folder, *to_folder;
    bool is_warm;      /* both versions are loaded */
    bool is_condemned; /* rolled back here; the record does not know yet */
    bool is_held;      /* taken back here by a person's order, which is being written */
    bool is_owed;      /* it could not be: the thread writes it. With is_held under the lock */
    char owed_why[400];
    bool is_found;    /* still among the live ones, in a look */
    int64_t kept_ms;  /* of the last checkpoint */
    int64_t tried_ms; /* of the last load that failed */
    uint64_t n_kept;
} conducted;

struct mw_conductor {
    mw_conductor_options options;
    pthread_t thread, deputy;
    bool is_running, has_deputy;
    _Atomic(int64_t) judged_ms; /* when it was last done */
    /* Guards the list, what stands in it, and `ending`. The thread alone changes the list and what
     * the record says, so it may read these without; nobody waits for the record with it. */
    pthread_mutex_t lock;
    pthread_cond_t ending_now;
    bool ending;
    conducted *first;
    int64_t epoch;
    char server[MW_RANDOM_NAME_BYTES]; /* no other process ever has the same */
    mw_arena arena;                    /* of one look or tick */
    atomic_uint_least64_t n_advanced, n_promoted, n_rolled_back, n_checkpoints;
};

/* conduct.c */

/* Make the fleet do what the record says of it; after each change of either. */
void conduct_align(mw_conductor *conductor, conducted *one);
/* What a move of the alias by somebody else means for it. */
void conduct_follow_alias(mw_conductor *conductor, conducted *one);
/* Count, judge, decide; what must go back does so at once, and is written by the next tick. Under
 * the lock, and without the record. */
void conduct_judge(mw_conductor *conductor, conducted *one);
/* Count, judge, decide, act. */
void conduct_tick(mw_conductor *conductor, conducted *one);
/* Its evidence into the record. */
void conduct_keep(mw_conductor *conductor, conducted *one);
/* evidence.c: where servers share the record, what this one saw is written, and the memory's arms
 * become the sum over all; who does not lead takes what the leader has concluded. */
void conduct_share(mw_conductor *conductor, conducted *one, bool is_leading);
/* Its share follows the record's weight, and its memory the share. */
void conduct_weigh(mw_conductor *conductor, conducted *one);
bool conduct_shares(const mw_conductor *conductor);
/* back.c */
/* Whether an order to go back has been taken, that the record does not know yet. */
bool conduct_is_held(mw_conductor *conductor, const conducted *one);
/* Write the one that is owed; false: none is, or it cannot be written still. */
bool conduct_pay(mw_conductor *conductor, conducted *one);

/* conduct.c */
/* Shares of requests, 0 where it goes back; under the lock, as the next. */
double conduct_weight(const conducted *one);
double conduct_shadow(const conducted *one);
/* The fleet's shares become these. */
void conduct_share_out(mw_conductor *conductor, const conducted *one);
/* By the thread: back at once, then written, for this reason; false: it could not be, yet. */
bool conduct_roll_back(mw_conductor *conductor, conducted *one, const char *why);

/* It is over: the fleet keeps the version that won. */
void conduct_end(mw_conductor *conductor, conducted *one);
/* Take what the record says now: state, step, who approved. */
MW_CHECKED mw_status conduct_take(conducted *one, const mw_rollout *rollout, mw_error *err);

#endif
