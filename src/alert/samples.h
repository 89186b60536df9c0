/* The page of /metrics as numbers with labels: what rules look at. Pure.
 *
 *     mw_requests_total{endpoint="churn",code="500"} 7
 *     `---- name ----' `------- labels, by name --------' `value
 */
#ifndef ALERT_SAMPLES_H
#define ALERT_SAMPLES_H

#include "base/base.h"

typedef struct alert_label {
    mw_view name, value;
} alert_label;

typedef struct alert_labels {
    const alert_label *items; /* sorted by name, no name twice */
    size_t count;
} alert_labels;

typedef struct alert_sample {
    mw_view name;
    alert_labels labels;
    double value;
} alert_sample;

typedef struct alert_samples {
    alert_sample *items;
    size_t count;
} alert_samples;

/* Prometheus text 0.0.4 or OpenMetrics 1.0; comments, time stamps and exemplars are passed over.
 * Views point into text and arena. Fails: MW_BAD_DATA (MW8603, where: the line), MW_NO_MEMORY
 * (beyond MW_LIMIT_ALERT_SAMPLES, or the arena's cap). */
MW_CHECKED mw_status alert_samples_read(mw_view text, mw_arena *arena, alert_samples *ret_samples,
                                        mw_error *err);

/* The value of a label; "" when it is not there, as Prometheus has it. */
mw_view alert_label_of(alert_labels labels, mw_view name);
bool alert_labels_equal(alert_labels a, alert_labels b);
uint64_t alert_labels_hash(alert_labels labels);
/* In the order of alert_labels. */
void alert_labels_sort(alert_label *items, size_t count);
/* A letter or _, then letters, digits, _; ':' where it may stand, too. */
bool alert_name_is_good(mw_view name, bool is_metric);

#endif
