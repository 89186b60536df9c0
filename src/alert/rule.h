/* Rules and receivers as they were written, read and checked. */
#ifndef ALERT_RULE_H
#define ALERT_RULE_H

#include "alert.h"
#include "expr.h"

enum { ALERT_LABELS_MAX = 16, ALERT_EVIDENCE_MAX = 8, ALERT_WORDS_MAX = 32 };

typedef enum alert_severity { ALERT_INFO, ALERT_WARNING, ALERT_CRITICAL } alert_severity;
extern const char *const alert_severities[]; /* NULL-ended */

typedef enum alert_origin { ALERT_BUILT_IN, ALERT_FROM_FILE, ALERT_FROM_API } alert_origin;
extern const char *const alert_origins[];

typedef struct alert_words {
    mw_view items[ALERT_WORDS_MAX];
    size_t count;
} alert_words;

/* Texts are NUL-ended and live in its arena. */
typedef struct alert_rule {
    struct alert_rule *next;
    mw_arena arena;
    alert_origin origin;
    mw_view name, when_text, resolve_text, summary, what_to_do, runbook;
    alert_expr *when, *resolve_when; /* resolve_when: NULL = when it does not hold any more */
    int64_t for_ms, keep_firing_ms;
    uint64_t severity; /* alert_severity */
    bool is_disabled;
    alert_label labels[ALERT_LABELS_MAX];
    size_t n_labels;
    alert_words evidence; /* metrics whose samples of the same labels are told; the first orders */
} alert_rule;

typedef enum alert_kind {
    ALERT_ALERTMANAGER,
    ALERT_WEBHOOK,
    ALERT_SLACK,
    ALERT_EMAIL,
    ALERT_CLOUDEVENTS,
    ALERT_EXEC
} alert_kind;
extern const char *const alert_kinds[];

typedef struct alert_receiver {
    struct alert_receiver *next;
    mw_arena arena;
    mw_view name, url, url_file, url_env, ca_file, from, user;
    mw_view secret_file, secret_env;     /* webhook, cloudevents: signs */
    mw_view token_file, token_env;       /* Authorization: Bearer */
    mw_view password_file, password_env; /* email */
    alert_words to, command, headers;
    mw_view match_text;
    expr_matchers match; /* of the alerts that it wants; none: all */
    uint64_t kind;       /* alert_kind */
    int64_t timeout_ms, repeat_ms;
    bool sends_resolved, requires_tls;
    alert_origin origin; /* of the file, or of the API */
} alert_receiver;

/* A report that is made by the clock and sent (timetable.c). */
typedef struct alert_sheet {
    struct alert_sheet *next;
    mw_view kind, of, on_text, zone_text;
    mw_view token_file, token_env; /* what the server is asked with, where it asks who is there */
    alert_words to;                /* receivers */
    unsigned days;                 /* bit 0: Sundays */
    int minute;                    /* of the day */
    bool is_local;                 /* by the machine's own zone, else this far from UTC */
    int offset_minutes;
} alert_sheet;

struct mw_alert_config {
    mw_arena arena;
    alert_rule *rules;
    alert_receiver *receivers;
    alert_sheet *sheets;
    bool has_no_defaults;
    mw_view url; /* where people reach the server's pages */
    alert_label labels[ALERT_LABELS_MAX];
    size_t n_labels;
    alert_words group_by;
    int64_t group_interval_ms, repeat_ms;
};

/* One rule, from a map; its arena is its own. Fails as mw_alert_config_read. */
MW_CHECKED mw_status alert_rule_read(const mw_yaml *map, const char *file, alert_rule **ret_rule,
                                     mw_alert_place *ret_place, mw_error *err);
void alert_rule_free(alert_rule *rule);
void alert_rules_free(alert_rule *first);
void alert_receiver_free(alert_receiver *receiver);
/* As JSON, as it can be written back. */
void alert_rule_write(const alert_rule *rule, mw_buf *out);
void alert_receiver_write(const alert_receiver *receiver, mw_buf *out);
/* Equal for equal ones: 16 hexadecimal digits, which tell nothing of what stands there. */
enum { ALERT_MARK_BYTES = 17 };
void alert_receiver_mark(const alert_receiver *receiver, char ret_mark[ALERT_MARK_BYTES]);
/* Whether it names files, variables or programs of the server's machine. */
bool alert_receiver_reaches_in(const alert_receiver *receiver);

/* The rules of every endpoint, in YAML. */
extern const char alert_built_in[];

#endif
