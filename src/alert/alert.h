/* alert: what was found is said out loud.
 *
 *     /metrics as text --each half second--> rules --> pending -> firing -> resolved
 *                                                          |  in one transaction
 *                                                          v
 *                      alerts.db: alerts, silences, what each receiver was told, outbox
 *                                                          |  a thread a receiver
 *                                                          v
 *                      Alertmanager, webhook, Slack, email, CloudEvents, a program
 *
 * A rule reads any sample of /metrics (docs/reference/alerts.md): what another room publishes there
 * can be alerted on without a line here. What is due stands in the outbox before anybody is told,
 * and leaves it when the receiver has taken it: so a kill between the two delivers twice at most,
 * under the same key, and never not at all. Servers that share a data folder, or a PostgreSQL
 * record, tell once.
 */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include "base/base.h"
#include "net/net.h"
#include "store/store.h"

/* ---- configuration --------------------------------------------------------------------------- */

typedef struct mw_alert_config mw_alert_config;

typedef struct mw_alert_place {
    unsigned line, column, width; /* 0: unknown */
} mw_alert_place;

/* Read the section `alerts`. file: for messages, err->where gets "file:line:column". Nothing is
 * kept of the document. Fails: MW_BAD_ARGUMENT (MW1013 keys, MW1014 shapes, MW8601 rules, MW8602
 * receivers), MW_NO_MEMORY. */
MW_CHECKED mw_status mw_alert_config_read(const mw_yaml *section, const char *file,
                                          mw_alert_config **ret_config, mw_alert_place *ret_place,
                                          mw_error *err);
/* NULL is fine. */
void mw_alert_config_free(mw_alert_config *config);
/* The section as JSON Schema. */
void mw_alert_config_schema(mw_buf *out);
size_t mw_alert_config_rules(const mw_alert_config *config);
size_t mw_alert_config_receivers(const mw_alert_config *config);
/* The rule at `index` as JSON, as mw_alerts_put_rule takes it; the name of a receiver. */
void mw_alert_config_write_rule(const mw_alert_config *config, size_t index, mw_buf *out);
mw_view mw_alert_config_receiver(const mw_alert_config *config, size_t index);
/* The receiver at `index` as JSON, as mw_alerts_put_receiver takes it, and its mark: see
 * mw_alerts_receivers. */
void mw_alert_config_write_receiver(const mw_alert_config *config, size_t index, mw_buf *out);
void mw_alert_config_mark_receiver(const mw_alert_config *config, size_t index, mw_buf *out);

/* ---- the engine ------------------------------------------------------------------------------ */

typedef struct mw_alerts mw_alerts;

typedef struct mw_alert_options {
    const mw_alert_config *config; /* borrowed as long as the engine lives; NULL: only defaults */
    const char *folder;            /* alerts.db stands there; made when missing */
    /* Borrowed; NULL: none. Of a record that several servers share: the book of alerts is there,
     * alerts.db is for when it cannot be reached. */
    mw_store *shared;
    const char *url; /* of this server, for links where the config names none */
    /* The page of /metrics; called on the engine's thread. */
    void (*scrape)(void *user, mw_buf *out);
    void *user;
    bool without_threads; /* the caller calls mw_alerts_look and mw_alerts_deliver: tests */
} mw_alert_options;

/* Open the store, read what the API had set, check secrets. Nothing is looked at before
 * mw_alerts_start. Fails: MW_IO, MW_NOT_FOUND (MW8607), as mw_store_open, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_alerts_open(const mw_alert_options *options, mw_alerts **ret_alerts,
                                    mw_error *err);
MW_CHECKED mw_status mw_alerts_start(mw_alerts *alerts, mw_error *err);
/* End the threads; all else still answers. To be called before what the scrape looks at is gone. */
void mw_alerts_stop(mw_alerts *alerts);
/* What is on its way may take its time-out, others stay in the outbox. NULL is fine. */
void mw_alerts_close(mw_alerts *alerts);

/* One look at the rules now. */
MW_CHECKED mw_status mw_alerts_look(mw_alerts *alerts, mw_error *err);
/* Try what is due now, of every receiver; *ret_count were taken. */
MW_CHECKED mw_status mw_alerts_deliver(mw_alerts *alerts, size_t *ret_count, mw_error *err);

/* Who asks. */
typedef struct mw_alert_viewer {
    mw_view seen; /* endpoints, as in mw_alert_query; what concerns none of them is left out */
    bool hides_addresses; /* why a receiver fails may name its address: that it fails is told alone
                           */
} mw_alert_viewer;

/* ---- for people and programs: any thread; may wait for the disk -------------------------------
 *
 * Answers are JSON, appended to out. */

typedef struct mw_alert_query {
    mw_view state;                    /* "pending", "firing", "resolved"; absent: all */
    mw_view endpoint, rule, severity; /* absent: any */
    int64_t limit;                    /* 0: 100; at most 1000 */
    int64_t cursor;                   /* next_cursor of the page before; 0: the first */
    mw_view seen; /* endpoints whose alerts may be seen, "\nchurn\ncredit\n"; absent: all, also
                     those of none */
} mw_alert_query;

/* {"items":[...],"next_cursor":...,"total":n}: pending, then firing, then resolved ones, the newest
 * first. */
MW_CHECKED mw_status mw_alerts_list(mw_alerts *alerts, const mw_alert_query *query, mw_buf *out,
                                    mw_error *err);
/* One of them; `seen` as in a query. Fails: MW_NOT_FOUND (MW8604). */
MW_CHECKED mw_status mw_alerts_show(mw_alerts *alerts, mw_view id, mw_view seen, mw_buf *out,
                                    mw_error *err);
/* "I have seen it": it is not repeated. Fails: MW_NOT_FOUND (MW8604), not firing. */
MW_CHECKED mw_status mw_alerts_acknowledge(mw_alerts *alerts, mw_view id, mw_view who, mw_view why,
                                           mw_buf *out, mw_error *err);

typedef struct mw_silence {
    mw_view match;    /* endpoint="churn", rule=~"Drift.*" */
    int64_t until_ms; /* since 1970 */
    mw_view who, why;
} mw_silence;

/* Fails: MW_BAD_ARGUMENT (MW8609). */
MW_CHECKED mw_status mw_alerts_silence(mw_alerts *alerts, const mw_silence *silence, mw_buf *out,
                                       mw_error *err);
MW_CHECKED mw_status mw_alerts_unsilence(mw_alerts *alerts, mw_view id, mw_view who, mw_buf *out,
                                         mw_error *err);
/* viewer, here and below: NULL: all is told. */
MW_CHECKED mw_status mw_alerts_silences(mw_alerts *alerts, const mw_alert_viewer *viewer,
                                        mw_buf *out, mw_error *err);

MW_CHECKED mw_status mw_alerts_rules(mw_alerts *alerts, const mw_alert_viewer *viewer, mw_buf *out,
                                     mw_error *err);
/* One rule in JSON or YAML; it replaces one of the same name and stays over restarts. */
MW_CHECKED mw_status mw_alerts_put_rule(mw_alerts *alerts, mw_view text, mw_buf *out,
                                        mw_error *err);
/* Only what the API has set: the file's or the built-in one of that name then holds again. */
MW_CHECKED mw_status mw_alerts_remove_rule(mw_alerts *alerts, mw_view name, mw_buf *out,
                                           mw_error *err);
/* What a rule would find now: {"holds_for":[{labels, value}]}, and with hours above 0 what it would
 * have said in the last ones: "past": {"fired", "firings", ...}. It looks at what the viewer sees.
 * Nothing is kept. Takes up to 20 s. */
MW_CHECKED mw_status mw_alerts_try_rule(mw_alerts *alerts, mw_view text, int64_t hours,
                                        const mw_alert_viewer *viewer, mw_buf *out, mw_error *err);
/* What metrics of an endpoint were, as pages of the last week tell: one a minute. */
enum { MW_ALERT_HISTORY_METRICS = 16, MW_ALERT_HISTORY_POINTS = 400 };
typedef struct mw_alert_history {
    mw_view metrics[MW_ALERT_HISTORY_METRICS];
    size_t n_metrics;
    mw_view endpoint;       /* absent: any */
    int64_t from_ms, to_ms; /* since 1970; from before to */
} mw_alert_history;
/* {"step", "t", "series":[{"metric","labels","values"}]}: 200 series at most. */
MW_CHECKED mw_status mw_alerts_history(const mw_alerts *alerts, const mw_alert_history *query,
                                       mw_buf *out, mw_error *err);
/* Of each its name, kind, origin ("file", "api"), how it fares, and a mark that is equal for equal
 * settings, which are not told. */
MW_CHECKED mw_status mw_alerts_receivers(mw_alerts *alerts, const mw_alert_viewer *viewer,
                                         mw_buf *out, mw_error *err);
/* One receiver in JSON or YAML; it replaces one of the same name, also the file's, at once and over
 * restarts. What waits for that name goes to the new one. may_reach_in: whether whoever asks may
 * name files, variables and programs of the server's machine. Fails: MW_BAD_ARGUMENT (MW8602), also
 * where he may not; MW_NOT_FOUND (MW8607). */
MW_CHECKED mw_status mw_alerts_put_receiver(mw_alerts *alerts, mw_view text, bool may_reach_in,
                                            mw_buf *out, mw_error *err);
/* Only what the API has set: the file's of that name then is told again. */
MW_CHECKED mw_status mw_alerts_remove_receiver(mw_alerts *alerts, mw_view name, mw_buf *out,
                                               mw_error *err);
/* Put a test notification into the outbox, for one receiver or (absent) all.
 * Fails: MW_NOT_FOUND (MW8604). */
MW_CHECKED mw_status mw_alerts_test(mw_alerts *alerts, mw_view receiver, mw_view who, mw_buf *out,
                                    mw_error *err);

/* ---- reports ---------------------------------------------------------------------------------
 *
 * A report leaves as the file that it is: mail has it attached, a webhook or program gets it in its
 * JSON; Slack, which takes no files, gets its first sentence and the link. It goes through the
 * outbox, as alerts do. */

typedef struct mw_alert_report {
    mw_view kind, of; /* "weekly", "credit" */
    mw_view id;       /* under which the server keeps it: /ui/reports/{id} */
    mw_view verdict;  /* its first sentence */
    mw_view page;     /* the file: HTML */
} mw_alert_report;

/* Who makes reports: of this kind, kept; texts in the arena. token: of the one in whose name it
 * asks the server; absent: nobody's. Called on a thread that may wait. */
typedef struct mw_alert_reporter {
    mw_status (*make)(void *user, mw_view kind, mw_view of, mw_view token, mw_arena *arena,
                      mw_alert_report *ret_report, mw_error *err);
    void *user;
} mw_alert_reporter;

/* Those under `reports:` are made and sent by the clock from mw_alerts_start on. To be called
 * before it. */
void mw_alerts_set_reporter(mw_alerts *alerts, const mw_alert_reporter *reporter);
/* Into the outbox for this receiver. Fails: MW_NOT_FOUND (MW8604), MW_BAD_ARGUMENT (MW8602: it
 * takes no reports), MW_NO_MEMORY (MW8608: over MW_LIMIT_ALERT_FILE_BYTES). */
MW_CHECKED mw_status mw_alerts_send_report(mw_alerts *alerts, const mw_alert_report *report,
                                           mw_view receiver, mw_buf *out, mw_error *err);
/* [{"kind","of","to","on","time_zone","next","last","last_error"},...] of the file. */
MW_CHECKED mw_status mw_alerts_timetable(mw_alerts *alerts, mw_buf *out, mw_error *err);
/* Make and post what is due by the clock; *ret_count: so many. Fails as the store does; a report
 * that cannot be made is tried again later, and told of in the log and by mw_alerts_timetable. */
MW_CHECKED mw_status mw_alerts_issue(mw_alerts *alerts, size_t *ret_count, mw_error *err);

/* ---- letters -----------------------------------------------------------------------------------
 *
 * What alerts to web servers are sent by, for who has an outbox of his own (webhooks of models). */

typedef struct mw_letter {
    const char *url;     /* http:// or https://; its path may be a secret, and is told to nobody */
    const char *path;    /* in place of the url's; NULL: that */
    const char *headers; /* "Name: value" lines; NULL = none */
    const char *ca_file; /* as mw_dial_options; NULL = the system's */
    const char *type;    /* of the body */
    mw_view body;
    unsigned timeout_ms; /* of the whole call */
    bool only_public;    /* as mw_dial_options */
} mw_letter;

typedef struct mw_letter_reply {
    int status;            /* of HTTP */
    int64_t retry_after_s; /* as asked for; 0: not */
    mw_buf *body;          /* the caller's; what goes beyond its cap is cut */
} mw_letter_reply;

/* Send it, once; redirects are not followed. OK whatever the answer's status is.
 * Fails: MW_IO, MW_BUSY (time-out), MW_BAD_ARGUMENT (MW7205, MW7206, MW7207), MW_BAD_DATA. */
MW_CHECKED mw_status mw_letter_post(const mw_letter *letter, mw_letter_reply *reply, mw_error *err);
/* Whether it could be sent there: address, headers, host. Sends nothing; may wait for a resolver.
 * Fails: as above; MW_NOT_FOUND. */
MW_CHECKED mw_status mw_letter_check(const mw_letter *letter, mw_error *err);
/* "v1,BASE64" of HMAC-SHA256 over "key.seconds.body": https://www.standardwebhooks.com */
void mw_letter_sign(mw_view secret, mw_view key, int64_t seconds, mw_view body, mw_buf *out);
/* How long to wait behind so many tries: first_ms, doubled with each, last_ms at most. */
int64_t mw_letter_pause_ms(int64_t tries, int64_t first_ms, int64_t last_ms);

/* Grows whenever something that the calls above tell has changed. Any thread; does not wait. */
uint64_t mw_alerts_revision(const mw_alerts *alerts);

/* Its own families of /metrics. open: OpenMetrics. */
void mw_alerts_metrics(mw_alerts *alerts, mw_buf *out, bool open);

#endif
