/* What an alert says: from a rule and what it found to sentences and evidence; from those to what
 * each kind of receiver takes. Pure text. */
#ifndef ALERT_TELL_H
#define ALERT_TELL_H

#include "book.h"

/* What a rule found. */
typedef struct tell_finding {
    const alert_rule *rule;
    const mw_alert_config *config;
    const alert_samples *samples; /* of this moment */
    alert_labels labels;          /* of the condition */
    double value;
    int64_t held_ms; /* it has held so long */
    int64_t now_ms;  /* since 1970 */
    mw_view url, fingerprint;
} tell_finding;

/* The alert's labels as a JSON object: the condition's, the rule's, the configuration's, alertname
 * and severity; the names sorted, so that equal alerts give equal text. */
void tell_labels(const alert_rule *rule, const mw_alert_config *config, alert_labels labels,
                 mw_buf *out);
/* "summary":...,"condition":...,"how_sure":...,"evidence":[...],"what_to_do":...,"runbook":...,
 * "links":{...}. *ret_since_ms: when what it is about began, as the evidence tells, else when the
 * condition began to hold. */
void tell_details(const tell_finding *finding, mw_buf *out, int64_t *ret_since_ms);

/* An alert as GET /mw/v1/alerts has it. */
void tell_alert(const book_alert *alert, mw_buf *out);
/* ,"name":"2026-11-27T18:00:00.123Z", or null where there is none (0). */
void tell_time(mw_buf *out, const char *name, int64_t ms);

/* Some alerts for one receiver. */
typedef struct tell_notice {
    const alert_receiver *receiver;
    mw_view group, key, url;
    const book_alert *const *alerts;
    size_t n_alerts;
    int64_t now_ms;
    bool is_test;
} tell_notice;

/* One line: "[FIRING] InputDrift churn: inputs ...". */
void tell_subject(const tell_notice *notice, mw_buf *out);
/* What is sent: JSON of the receiver's kind, or the text of a mail. */
void tell_body(const tell_notice *notice, mw_buf *out);

#endif
