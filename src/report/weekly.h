/* Behind the door: a week, between the files that tell of it. */
#ifndef REPORT_WEEKLY_H
#define REPORT_WEEKLY_H

#include "report.h"
#include "timeline.h"

typedef struct week_counts { /* of a week; NaN: not known */
    double alerts, critical, unseen, deploys, started, promoted, rolled_back, rows, requests,
        failures;
} week_counts;

typedef struct weekly {
    mw_paper *paper;
    const mw_week *week;
    timeline happened; /* this week */
    week_counts now, before;
    size_t n_firing, n_unseen_firing, n_drifted, n_watched;
    double error_share; /* of what is known */
    size_t n_worse;     /* metrics whose intervals lie apart, for the worse */
} weekly;

/* Sections (weekly_parts.c). */
void weekly_traffic(const weekly *m);
void weekly_versions(const weekly *m);
void weekly_rollouts(const weekly *m);
void weekly_drift(const weekly *m);
void weekly_decay(const weekly *m);
void weekly_alerts(const weekly *m);
/* Metrics that fell by more than chance. */
size_t weekly_count_worse(const weekly *m);

#endif
