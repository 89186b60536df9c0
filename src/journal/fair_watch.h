/* Fairness of live decisions: part of the door journal.h.
 *
 *     plan: attributes, limits --mw_journal_watch_fairness--> the journal's threads
 *     each row that is kept --> its group --> seen, selected          by window slot   (writer)
 *     each label that is joined --> its group --> tp, fp, fn, tn                       (keeper)
 *     each two seconds: rates, gaps, intervals, limits --> reports for /metrics and people
 *
 * An attribute is a column of the model, hashed or dropped ones too (of a dropped one nothing but
 * the counts of groups is kept), or comes with the label ("groups" of feedback): it need not be an
 * input. Nothing waits for any of it; rows beyond --log-sample are not counted.
 *
 * Intervals hold however often they are looked at, at FAIR_ALPHA over all groups and limits of an
 * attribute, for each begin of the window (which moves on by a 24th of it). */
#ifndef JOURNAL_FAIR_WATCH_H
#define JOURNAL_FAIR_WATCH_H

#include "stats/stats.h"

enum {
    MW_FAIR_ATTRIBUTES = 4,
    MW_FAIR_PARTS = 3,   /* of an intersection */
    MW_FAIR_BOUNDS = 8,  /* of a column of numbers */
    MW_FAIR_GROUPS = 24, /* of an attribute; behind them: */
    MW_FAIR_OTHERS = MW_FAIR_GROUPS,
    MW_FAIR_LIMITS = 8,
    MW_FAIR_NAME_BYTES = 64
};

typedef struct mw_fair_part { /* "sex", "age(25,60)" */
    char name[MW_FAIR_NAME_BYTES];
    double bounds[MW_FAIR_BOUNDS]; /* ascending: below the first, from it to the next, ... */
    size_t n_bounds;
} mw_fair_part;

typedef struct mw_fair_attribute { /* "sex|age" */
    char name[MW_FAIR_PARTS * MW_FAIR_NAME_BYTES];
    mw_fair_part parts[MW_FAIR_PARTS];
    size_t n_parts;
} mw_fair_attribute;

typedef struct mw_fair_limit {
    const mw_fair_measure *measure; /* between groups; none to_overall, none is_mean */
    double bound;                   /* of a ratio the least, of a difference the most */
} mw_fair_limit;

/* How an endpoint is watched. */
typedef struct mw_fair_plan {
    mw_fair_attribute attributes[MW_FAIR_ATTRIBUTES];
    size_t n_attributes; /* 0: it is not */
    mw_fair_limit limits[MW_FAIR_LIMITS];
    size_t n_limits;
    double threshold; /* selected from here on; NaN: 0.5 of probabilities, nothing of numbers */
    char positive[MW_FAIR_NAME_BYTES]; /* the class that selects; "": class 1 of two */
    int64_t window_ms;
    double min_group; /* rows below which a group is shown and not judged */
} mw_fair_plan;

/* Four fifths of the selection rate (the convention of US employment law, no verdict on its own),
 * seven days, 30 rows. */
void mw_fair_plan_init(mw_fair_plan *plan);
/* Set by the keys of an endpoint: fairness_groups "sex, age(25,60), sex*race"; fairness_limits
 * "demographic_parity_ratio >= 0.8, equal_opportunity_difference <= 0.1" or "none";
 * fairness_threshold, fairness_positive, fairness_window "7d", fairness_min_group. False: `key` is
 * none of them. Fails: *ret_status MW_BAD_ARGUMENT (MW8450). */
bool mw_fair_plan_take(mw_fair_plan *plan, mw_view key, mw_view text, mw_status *ret_status,
                       mw_error *err);
bool mw_fair_plan_is_same(const mw_fair_plan *a, const mw_fair_plan *b);

/* ---- what is found --------------------------------------------------------------------------- */

typedef enum mw_fair_verdict {
    MW_FAIR_UNDECIDED, /* too few rows, or a group that is too small to be judged */
    MW_FAIR_HOLDS,
    MW_FAIR_BROKEN,
    MW_N_FAIR_VERDICTS
} mw_fair_verdict;

extern const char *const mw_fair_verdict_names[MW_N_FAIR_VERDICTS];

typedef struct mw_fair_group {
    char name[MW_FAIR_NAME_BYTES];
    double rows, selected; /* of the window, decided; of an attribute of feedback: as labelled */
    mw_confusion labelled;
    bool is_small;
} mw_fair_group;

/* Selection of all rows of the window, others of those that are labelled; NaN where there are none.
 */
double mw_fair_group_rate(const mw_fair_group *group, mw_outcome_rate rate);

typedef struct mw_fair_found {
    mw_fair_limit limit;
    mw_fair_verdict verdict;
    double value, low, high; /* over the groups that can be judged; NaN: there are not two */
    double rows_needed; /* of the smaller of the two groups, about, until it is decided; or NaN */
    size_t n_small;     /* groups that cannot be judged */
    size_t highest, lowest; /* groups; n_groups: none */
} mw_fair_found;

/* Of an attribute of a version. */
typedef struct mw_fair_report {
    char endpoint[128]; /* cut, if longer */
    unsigned version;   /* the newest of this model */
    uint64_t model;
    char attribute[MW_FAIR_PARTS * MW_FAIR_NAME_BYTES];
    bool is_logged;       /* each row tells its group; else only labels do */
    bool is_inactive;     /* for two minutes only other models of the endpoint had rows */
    const char *unjudged; /* why decisions are not known; NULL: they are */
    double window_seconds, threshold;
    size_t n_groups, n_found;
    mw_fair_group groups[MW_FAIR_GROUPS + 1]; /* by name */
    mw_fair_found found[MW_FAIR_LIMITS];
    /* how unlike groups are labelled: the gap of labels over rows; NaN: not logged, or not known */
    double coverage_gap, coverage_gap_low;
    bool is_coverage_unequal; /* more than a tenth, and believed */
} mw_fair_report;

void mw_fair_report_write(const mw_fair_report *report, mw_buf *out);

#endif
