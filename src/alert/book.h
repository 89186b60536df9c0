/* What must not be forgotten: alerts, silences, what receivers were told, what is on its way.
 *
 *     alerts     one row an episode: firing, then resolved
 *     holders    which server says that it still fires, and when it said so last
 *     silences, rules (of the API)
 *     told       receiver, alert -> the state it was told last
 *     outbox     what is to be delivered; leaves when it was taken
 *     sheets     reports by the clock: the moment each was due last, and whether it was made
 *     joined     what the API had set is in the book of all, since then
 *
 * Inside transactions (mw_sql); times are ms since 1970. */
#ifndef ALERT_BOOK_H
#define ALERT_BOOK_H

#include "rule.h"
#include "store/store.h"

extern const char *const book_steps[];
extern const size_t book_n_steps;

typedef struct book_alert {
    int64_t seq; /* the row */
    mw_view fingerprint, rule, severity, endpoint;
    bool is_firing, is_silenced;
    int64_t since_ms, fired_ms, resolved_ms;
    double value;
    mw_view labels;  /* a JSON object of texts */
    mw_view details; /* members of a JSON object, without braces */
    mw_view ended;   /* why it is resolved */
    mw_view ack_who, ack_why;
    int64_t ack_ms;
} book_alert;

typedef struct book_alerts {
    book_alert *items;
    size_t count;
} book_alerts;

/* A server says that it fires. Where another says so already, its row stays.
 * *ret_is_new: nobody did. */
MW_CHECKED mw_status book_fire(mw_sql *session, const book_alert *alert, mw_view server,
                               int64_t now_ms, bool *ret_is_new, mw_error *err);
/* It says so no more; resolved when it was the last who did. */
MW_CHECKED mw_status book_release(mw_sql *session, mw_view fingerprint, mw_view server,
                                  mw_view ended, int64_t now_ms, mw_error *err);
/* It still says so, and this is how it looks now. */
MW_CHECKED mw_status book_hold(mw_sql *session, const book_alert *alert, mw_view server,
                               int64_t now_ms, mw_error *err);
/* Whoever has said nothing since then is gone; what only he held is resolved. */
MW_CHECKED mw_status book_bury(mw_sql *session, int64_t since_ms, int64_t now_ms, mw_error *err);

/* A server (absent: any) says nothing any more; and what nobody holds is resolved. */
MW_CHECKED mw_status book_leave(mw_sql *session, mw_view server, mw_error *err);
MW_CHECKED mw_status book_resolve_unheld(mw_sql *session, mw_view ended, int64_t now_ms,
                                         mw_error *err);

/* Firing ones, and those resolved ones that some receiver was told to fire. Texts live in the
 * arena. */
MW_CHECKED mw_status book_open_alerts(mw_sql *session, mw_arena *arena, book_alerts *ret_alerts,
                                      mw_error *err);

typedef struct book_query {
    mw_view state, endpoint, rule, severity, seen;
    int64_t limit, before_seq; /* 0: from the newest */
    bool only_firing, only_resolved;
} book_query;

/* The newest first; *ret_total: of all that fit, whatever the page. */
MW_CHECKED mw_status book_list(mw_sql *session, const book_query *query, mw_arena *arena,
                               book_alerts *ret_alerts, int64_t *ret_total, mw_error *err);
/* By its fingerprint (the newest of it) or its row's number. count 0: none. */
MW_CHECKED mw_status book_find(mw_sql *session, mw_view id, mw_arena *arena,
                               book_alerts *ret_alerts, mw_error *err);
MW_CHECKED mw_status book_acknowledge(mw_sql *session, int64_t seq, mw_view who, mw_view why,
                                      int64_t now_ms, mw_error *err);

typedef struct book_silence {
    int64_t id, from_ms, until_ms;
    mw_view match, who, why;
    expr_matchers matchers; /* read by whoever wants them */
} book_silence;

typedef struct book_silences {
    book_silence *items;
    size_t count;
} book_silences;

MW_CHECKED mw_status book_silence_put(mw_sql *session, const book_silence *silence, int64_t *ret_id,
                                      mw_error *err);
MW_CHECKED mw_status book_silence_end(mw_sql *session, int64_t id, int64_t now_ms, bool *ret_was,
                                      mw_error *err);
/* Those that hold now; all: the past ones as well, the newest first. */
MW_CHECKED mw_status book_silences_of(mw_sql *session, int64_t now_ms, bool all, mw_arena *arena,
                                      book_silences *ret_silences, mw_error *err);

MW_CHECKED mw_status book_rule_put(mw_sql *session, mw_view name, mw_view text, mw_error *err);
MW_CHECKED mw_status book_rule_remove(mw_sql *session, mw_view name, bool *ret_was, mw_error *err);

typedef struct book_texts {
    mw_view *items;
    size_t count;
} book_texts;
MW_CHECKED mw_status book_rules(mw_sql *session, mw_arena *arena, book_texts *ret_texts,
                                mw_error *err);
/* Receivers that the API has set. */
MW_CHECKED mw_status book_receiver_put(mw_sql *session, mw_view name, mw_view text, mw_error *err);
MW_CHECKED mw_status book_receiver_remove(mw_sql *session, mw_view name, bool *ret_was,
                                          mw_error *err);
MW_CHECKED mw_status book_receivers(mw_sql *session, mw_arena *arena, book_texts *ret_texts,
                                    mw_error *err);

/* ---- what receivers were told ---------------------------------------------------------------- */

typedef struct book_told {
    bool is_told, was_firing;
    int64_t at_ms;
} book_told;

MW_CHECKED mw_status book_told_of(mw_sql *session, mw_view receiver, int64_t seq,
                                  book_told *ret_told, mw_error *err);
MW_CHECKED mw_status book_tell(mw_sql *session, mw_view receiver, int64_t seq, bool firing,
                               int64_t now_ms, mw_error *err);
/* When the group was told last; 0: never. */
MW_CHECKED mw_status book_group_told(mw_sql *session, mw_view receiver, mw_view group,
                                     int64_t *ret_ms, mw_error *err);
MW_CHECKED mw_status book_group_tell(mw_sql *session, mw_view receiver, mw_view group,
                                     int64_t now_ms, mw_error *err);

/* ---- the outbox ------------------------------------------------------------------------------ */

typedef struct book_letter {
    int64_t id, created_ms, tries;
    mw_view receiver, group, key, subject, body;
    mw_view file_name, file; /* of mail: what is attached, HTML; empty: nothing */
} book_letter;

/* One of the same key is not put twice. */
MW_CHECKED mw_status book_post(mw_sql *session, const book_letter *letter, mw_error *err);
MW_CHECKED mw_status book_has_post(mw_sql *session, mw_view receiver, mw_view group, bool *ret_has,
                                   mw_error *err);
/* Take what is due for a receiver, the oldest first, of each group the first; nobody else takes it
 * before lease_ms. *ret_next_ms: when to look again, 0 = not before something comes. */
MW_CHECKED mw_status book_take(mw_sql *session, mw_view receiver, int64_t now_ms, int64_t lease_ms,
                               mw_arena *arena, book_letter *ret_letter, bool *ret_is_one,
                               int64_t *ret_next_ms, mw_error *err);
MW_CHECKED mw_status book_delivered(mw_sql *session, int64_t id, mw_error *err);
MW_CHECKED mw_status book_failed(mw_sql *session, int64_t id, int64_t next_ms, mw_view why,
                                 mw_error *err);

typedef struct book_post_count {
    int64_t waiting, oldest_ms; /* oldest_ms: 0 = none waits */
    mw_view last_error;
} book_post_count;
MW_CHECKED mw_status book_count_post(mw_sql *session, mw_view receiver, mw_arena *arena,
                                     book_post_count *ret_count, mw_error *err);

/* ---- reports by the clock -------------------------------------------------------------------- */

typedef struct book_sheet {
    bool is_there, is_done;
    int64_t slot_ms, next_ms, tries; /* due then; not before; made so often without success */
    mw_view error;                   /* of the last try */
} book_sheet;
MW_CHECKED mw_status book_sheet_of(mw_sql *session, mw_view name, mw_arena *arena,
                                   book_sheet *ret_sheet, mw_error *err);
MW_CHECKED mw_status book_sheet_put(mw_sql *session, mw_view name, const book_sheet *sheet,
                                    mw_error *err);

/* Old history, old silences, letters that are older than MW_LIMIT_ALERT_LETTER_MS.
 * *ret_given_up: of these. */
MW_CHECKED mw_status book_tidy(mw_sql *session, int64_t now_ms, int64_t *ret_given_up,
                               mw_error *err);

#endif
