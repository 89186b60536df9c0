/* The engine's parts: rules and alerts in memory (engine.c, rules.c), what is written down
 * (post.c), what carries it out (courier.c), what people ask (desk.c). */
#ifndef ALERT_ENGINE_H
#define ALERT_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "book_twin.h"
#include "past.h"
#include "state.h"
#include "tell.h"

enum { ALERT_FINGERPRINT_BYTES = 17, ALERT_SERVER_BYTES = 33, ALERT_HOLDER_GONE_MS = 90000 };

/* The book in which this server's alerts stand now. */
typedef enum alerts_book { ALERTS_IN_NONE, ALERTS_IN_OWN, ALERTS_IN_SHARED } alerts_book;

/* One alert in memory: a rule and labels for which it holds, or held. */
typedef struct alert_one {
    alert_rule *rule;    /* NULL: the rule is gone */
    alert_labels labels; /* in the same block */
    uint64_t hash;
    alert_track track;
    bool holds;      /* in this look */
    bool is_written; /* the book says that it fires */
    bool was_gone;   /* what ended it: nothing has its labels any more */
    double value;
    int64_t began_ms; /* since 1970 */
    char fingerprint[ALERT_FINGERPRINT_BYTES];
} alert_one;

/* A receiver at work. */
typedef struct alert_courier {
    struct mw_alerts *alerts;
    const alert_receiver *receiver;
    alert_receiver *own; /* of the API; NULL: the config's */
    pthread_t thread;
    bool has_thread, is_awake;
    bool is_leaving;            /* its thread ends */
    bool has_ended;             /* under the lock: the thread has nothing more to do */
    struct alert_courier *next; /* of those who leave */
    bool is_failing;            /* said in the log */
    /* under the lock */
    int64_t waiting, oldest_ms, last_ok_ms;
    uint64_t n_delivered, n_failed;
    char last_error[256];
} alert_courier;

struct mw_alerts {
    mw_alert_options options;
    const mw_alert_config *config; /* the options', or own */
    mw_alert_config *own_config;
    char *folder, *url;
    char server[ALERT_SERVER_BYTES];
    mw_store *store;
    mw_store *shared; /* borrowed: the record's, of several servers; NULL: there is no such */
    atomic_bool is_alone;
    alerts_book written_in;
    int64_t alone_ms;                           /* since 1970; 0: with the others */
    int64_t together_ms, tried_ms, followed_ms; /* by the clock of looks */
    bool has_joined;
    char twin_digest[MW_DIGEST_TEXT_BYTES], texts_digest[MW_DIGEST_TEXT_BYTES];
    alert_past *past;     /* NULL: it cannot be kept */
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t wakes; /* the engine, the couriers */
    pthread_t thread;
    bool has_thread, is_ending;
    alert_rule *rules; /* in order: built in, the file's, the API's */
    alert_one **ones;
    size_t n_ones, room;
    mw_buf page;
    mw_arena arena;                        /* of one look */
    int64_t passed_ms, held_ms, tidied_ms; /* of the last pass over the book and its kin */
    bool is_troubled;                      /* a look failed, and that was said */
    atomic_bool has_ballast;               /* room is kept for what must be written */
    mw_alert_reporter reporter;            /* make NULL: nobody makes reports */
    pthread_t clerk;
    bool has_clerk;
    alert_courier **couriers; /* in order; room for all that there may be */
    alert_courier *leaving;   /* whom another server's word has replaced */
    size_t n_couriers;
    bool is_started;
    atomic_uint_least64_t revision; /* of what people see */
    /* for /metrics */
    uint64_t n_looks, n_failed_looks, look_ns, n_given_up;
    double disk_free, disk_size;
    pthread_mutex_t told_lock; /* of what /metrics copies, plain and OpenMetrics */
    mw_buf told[2];
};

/* Something that people see has changed. */
void alerts_note_change(mw_alerts *alerts);

/* ---- ballast.c ----------------------------------------------------------------------------------
 */
/* Makes it where there is plenty of room and none so far. The engine's thread. */
void alerts_keep_ballast(mw_alerts *alerts);
/* As mw_store_write, into the own book; what finds the disk full takes the ballast's place, and the
 * work is done a second time: what it notes outside of the session it must note anew. */
MW_CHECKED mw_status alerts_write_own(mw_alerts *alerts, mw_store_work *work, void *user,
                                      mw_error *err);

/* ---- rules.c ------------------------------------------------------------------------------------
 */
/* Built in, then the file's, then those that the API had set. */
MW_CHECKED mw_status alerts_gather_rules(mw_alerts *alerts, mw_error *err);
/* In place of the one of its name; taken. Alerts of that one end. */
void alerts_put_rule(mw_alerts *alerts, alert_rule *rule);
/* Back to what holds without the API: *ret_was_there. */
MW_CHECKED mw_status alerts_drop_rule(mw_alerts *alerts, mw_view name, mw_error *err);
/* What the API has set is this, at whichever server: others of its rules go. The lock is held. */
void alerts_follow_rules(mw_alerts *alerts, const book_texts *texts);
/* From JSON or YAML; where: "rule:line:column". */
MW_CHECKED mw_status alerts_read_rule(mw_view text, alert_rule **ret_rule, mw_error *err);

/* {"a":"b"} */
void alerts_put_labels(alert_labels labels, mw_buf *out);

/* ---- retro.c ------------------------------------------------------------------------------------
 */
/* What the rule would have said in the last hours, as an object. The rule must be new: its windows
 * fill by it. */
MW_CHECKED mw_status alerts_put_retro(const alert_past *past, alert_rule *rule, int64_t hours,
                                      mw_view seen, mw_arena *arena, mw_buf *out, mw_error *err);

/* ---- post.c -------------------------------------------------------------------------------------
 */
/* What happened in a look; the arrays live in the engine's arena. */
typedef struct alert_changes {
    mw_alerts *alerts;
    mw_arena *arena;
    int64_t now_ms;
    book_alert *fired, *released, *held;
    size_t n_fired, n_released, n_held;
    bool buries, tidies, holds;
    bool is_shared; /* goes into the book of all */
    bool begins;    /* nothing of this server stands there: `fired` is all that fires */
    book_news news; /* with both: what it brings along */
    size_t n_posted, n_settled;
    bool is_idle; /* nothing was written */
} alert_changes;
/* An mw_store_work over them: written down, and posted to whom it concerns. */
mw_status alerts_write_down(mw_sql *session, void *changes, mw_error *err);
/* Whether one of the silences holds for the alert. Their matchers must have been read. */
bool alerts_is_silenced(const book_silences *silences, mw_view labels);
MW_CHECKED mw_status alerts_read_silences(book_silences *silences, mw_arena *arena, mw_error *err);
void alerts_done_silences(book_silences *silences);
/* A letter to one receiver. */
MW_CHECKED mw_status alerts_post(mw_sql *session, mw_alerts *alerts, const tell_notice *notice,
                                 mw_error *err);

/* ---- sharing.c ----------------------------------------------------------------------------------
 */
/* Into and from the book that holds: of all servers, or this one's. What people want changed is
 * never written alone. */
MW_CHECKED mw_status alerts_write(mw_alerts *alerts, mw_store_work *work, void *user,
                                  mw_error *err);
MW_CHECKED mw_status alerts_read(mw_alerts *alerts, mw_store_work *work, void *user, mw_error *err);
MW_CHECKED mw_status alerts_write_to(mw_alerts *alerts, bool is_own, mw_store_work *work,
                                     void *user, mw_error *err);
/* There is a book of all, and it could be reached last. */
bool alerts_are_together(const mw_alerts *alerts);
/* It could not be, and it is time to try again. */
bool alerts_may_return(mw_alerts *alerts, int64_t now_ms);
/* Fills in what happened, for the book it goes to. */
typedef mw_status alert_gather(void *user, alert_changes *changes, mw_error *err);
/* Into the book of all, or where it is away the own one. now_ms: of the look. The lock is held. */
MW_CHECKED mw_status alerts_write_changes(mw_alerts *alerts, alert_gather *gather, void *user,
                                          alert_changes *changes, int64_t now_ms, mw_error *err);
/* Take over what was said at other servers, and copy into the own book what it needs alone. */
MW_CHECKED mw_status alerts_follow(mw_alerts *alerts, mw_arena *arena, bool has_changed,
                                   int64_t now_ms, mw_error *err);

/* ---- seen.c -------------------------------------------------------------------------------------
 */
/* seen: endpoints, as of mw_view_lists. An alert of no endpoint is seen by who sees all. */
/* Whether matchers may hold for one of the endpoints; what a rule looks at, or a receiver takes. */
bool alerts_concern(mw_view seen, const expr_matchers *matchers);
bool alerts_expr_concerns(mw_view seen, const alert_expr *expr);
bool alerts_rule_concerns(mw_view seen, const alert_rule *rule);
/* Those of the endpoints stay. */
void alerts_keep_seen(mw_view seen, alert_samples *samples);

/* ---- metrics.c ----------------------------------------------------------------------------------
 */
/* The lock is held. */
void alerts_write_metrics(mw_alerts *alerts);

/* ---- receivers.c --------------------------------------------------------------------------------
 */
/* The file's, and those that the API had set. */
MW_CHECKED mw_status alerts_hire_couriers(mw_alerts *alerts, mw_error *err);
/* As alerts_follow_rules. Who is replaced leaves as soon as he has done what he is at. */
void alerts_follow_receivers(mw_alerts *alerts, const book_texts *texts);
/* Part from those who have left; all: no thread runs any more. */
void alerts_part_from_leaving(mw_alerts *alerts, bool all);
/* Starts its thread. */
MW_CHECKED mw_status alerts_start_courier(alert_courier *courier, mw_error *err);
/* Its thread has ended. NULL is fine. */
void alerts_free_courier(alert_courier *courier);

/* ---- courier.c ----------------------------------------------------------------------------------
 */
void *alerts_run_courier(void *courier);
/* One letter, if one is due. *ret_next_ms: when to come again, since 1970; 0: when called. */
MW_CHECKED mw_status alerts_carry(alert_courier *courier, bool *ret_was_one, bool *ret_was_taken,
                                  int64_t *ret_next_ms, mw_error *err);

/* ---- clerk.c, send_report.c ---------------------------------------------------------------------
 */
/* The thread of reports by the clock. */
void *alerts_run_clerk(void *alerts);
/* A letter to one receiver, inside a transaction. */
MW_CHECKED mw_status alerts_post_report(mw_sql *session, mw_alerts *alerts,
                                        const alert_receiver *receiver,
                                        const mw_alert_report *report, int64_t now_ms,
                                        mw_error *err);
/* The receiver of this name at work; NULL: none. The lock is held. */
const alert_receiver *alerts_find_receiver(const mw_alerts *alerts, mw_view name);
void alerts_wake_couriers(mw_alerts *alerts);

/* ---- send.c, send_mail.c, send_exec.c -----------------------------------------------------------
 */
MW_CHECKED mw_status alert_send(const alert_receiver *receiver, const book_letter *letter,
                                mw_error *err);
MW_CHECKED mw_status alert_send_mail(const alert_receiver *receiver, const book_letter *letter,
                                     mw_view url, mw_view password, mw_error *err);
MW_CHECKED mw_status alert_send_exec(const alert_receiver *receiver, const book_letter *letter,
                                     mw_error *err);
/* A secret of a file (its first line) or of the environment; absent when neither is named. The
 * caller wipes it. Fails: MW_NOT_FOUND (MW8607). */
MW_CHECKED mw_status alert_secret(mw_view file, mw_view variable, mw_buf *out, mw_error *err);
/* In place of mw_buf_done, for what held a secret. */
void alert_wipe(mw_buf *secret);
/* All secrets of a receiver are there. */
MW_CHECKED mw_status alert_check_secrets(const alert_receiver *receiver, mw_error *err);
/* mw_letter_sign; a secret that begins with "whsec_" is base64 behind it. */
void alert_sign(mw_view secret, mw_view key, int64_t seconds, mw_view body, mw_buf *out);
/* Hexadecimal HMAC-SHA256 over the body alone. */
void alert_sign_body(mw_view secret, mw_view body, mw_buf *out);

#endif
