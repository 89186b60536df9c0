/* monitor: every endpoint is watched from its first request, without anyone asking.
 *
 *     tap (behind each answer) --> lanes: counts by bin, one writer each, no lock
 *                                     | each second, the watcher
 *                                     v
 *     first rows --> reference    minutes kept in a ring --> PSI, evidence --> findings
 *
 * Of each version of an endpoint: every feature and output. The first rows are the reference (said
 * so in every answer); from then on rows are counted by the reference's deciles, what is below and
 * above all of it, and missing. Nothing of a row is kept but that.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "base/base.h"
#include "stats/stats.h"
#include "table/table.h"

typedef struct mw_monitor mw_monitor;

/* Contributions of sampled rows, for a watch over what moves predictions. All are called on the
 * watcher's thread, within a quarter of a core. share NULL: nobody asks. */
typedef struct mw_watch_explainer {
    /* Of a version's sampled rows, 0..1; 0: none are wanted, or they cannot be had. */
    double (*share)(void *user, const char *endpoint, unsigned version);
    /* rows: float64, (n_rows, n_features). ret_values: (n_rows, n_features + 1), bias last, of the
     * predicted class. False: its model is gone. */
    bool (*explain)(void *user, const char *endpoint, unsigned version, const mw_matrix *rows,
                    double *ret_values);
    /* Of the rows that they are against; 0: none. Against others they begin anew. */
    uint64_t (*background)(void *user, const char *endpoint);
    void *user;
} mw_watch_explainer;

typedef struct mw_monitor_options {
    size_t learn_rows;    /* make the reference; 0 = MW_LIMIT_LEARN_ROWS */
    uint64_t bucket_ns;   /* length of a bucket of the ring; 0 = a minute */
    double alpha;         /* share of false findings among findings, ever; 0 = 0.05 */
    bool without_watcher; /* the caller calls mw_monitor_look: tests */
    const char *folder;   /* where histories are kept over a restart; NULL = they are not */
    /* Calls mw_monitor_describe for each version that is served. On the watcher's thread, after
     * mw_monitor_refresh and when a version was tapped that nobody described. NULL = nobody. */
    void (*survey)(void *user, mw_monitor *monitor);
    void *survey_user;
    mw_watch_explainer explainer;
} mw_monitor_options;

/* NULL options: the usual. Starts the watcher. Fails: MW_NO_MEMORY, MW_IO. */
MW_CHECKED mw_status mw_monitor_new(const mw_monitor_options *options, mw_monitor **ret_monitor,
                                    mw_error *err);
/* Ends the watcher, and keeps the histories. No survey is made any more. NULL is fine. */
void mw_monitor_stop(mw_monitor *monitor);
/* No thread may be tapping. Stops it, too. NULL is fine. */
void mw_monitor_free(mw_monitor *monitor);

/* What a version is: told once, before its first row or after. */
typedef struct mw_watch_subject {
    const char *endpoint; /* the same pointer as the tap's */
    unsigned version;
    mw_view identity; /* of the model, over restarts: a version of the same name and identity goes
                         on with its history; absent: nothing is kept */
    const mw_schema *schema; /* of the features; borrowed for the call */
    size_t n_outputs;
    const mw_profile *profile; /* what the training data was; NULL: the first rows tell. Columns
                                  are found by name, or by place where the model knows no names */
} mw_watch_subject;

/* A version that is described already stays as it is. Where a history is kept, it is taken up: with
 * its own reference, unless the profile is another one; then it is begun anew, and that is logged.
 * Fails: MW_MISMATCH (MW8008) the profile has none of the features: they are learned; MW_NO_MEMORY.
 */
MW_CHECKED mw_status mw_monitor_describe(mw_monitor *monitor, const mw_watch_subject *subject,
                                         mw_error *err);
bool mw_monitor_is_described(mw_monitor *monitor, const char *endpoint, unsigned version);
/* What is served has changed: the watcher makes a survey, soon. Any thread; does not block. */
void mw_monitor_refresh(mw_monitor *monitor);

/* The rows of an answered request: an mw_tap of serve, whose user is the monitor. Any thread; takes
 * no lock once the thread has seen the version. `endpoint` must be the same pointer for the same
 * endpoint, and live as long as the monitor.
 * Cost: some 6 ns a value; of a request of more than 256 rows, 256 are taken, evenly. */
void mw_monitor_tap(void *monitor, const char *endpoint, unsigned version, const mw_matrix *rows,
                    const double *values, size_t n_outputs);

/* How unlike the reference rows are, 0..1 each (stats: mw_anomaly_score): an mw_anomaly_scores of
 * serve. False: the version is not watched, or its first rows are not there yet. Any thread.
 * Cost: some 3 us for a row, 1 us a row for many. */
bool mw_monitor_score(void *monitor, const char *endpoint, unsigned version, const mw_matrix *rows,
                      double *ret_scores);

/* Gather and judge now. The watcher does it each second; one thread at a time. */
void mw_monitor_look(mw_monitor *monitor);

typedef enum mw_watch_state { MW_WATCH_LEARNING, MW_WATCH_WATCHING } mw_watch_state;

typedef struct mw_watched {
    double psi;           /* over the ring's minutes; NaN: fewer than 200 rows */
    double psi_since;     /* from the most likely start of a change on; NaN as above */
    double log_e_value;   /* ln of the evidence of a change, whenever it began: may be looked at for
                             ever */
    uint64_t since_rows;  /* rows from that start on */
    double since_seconds; /* and how long ago it was */
    uint64_t missing;     /* in the ring */
    uint64_t outside;     /* below or above all of the reference, in the ring */
    double missing_reference;      /* share */
    bool drifted;                  /* evidence over all columns (e-BH), and psi_since >= 0.2 */
    bool is_learning;              /* it has no reference yet: all else is nothing */
    bool is_category, is_profiled; /* profiled: the reference is the training profile's */
    /* A feature that stopped varying (stream.c): so many sampled rows had one value, since then. */
    bool stuck;
    uint64_t stuck_rows;
    double stuck_seconds, stuck_value;
} mw_watched;

/* What is odd about the stream itself; definitions in pulse.c and stream.c. NaN: not known yet. */
typedef struct mw_watch_stream {
    bool is_silent, is_burst, is_flood;
    double quiet_seconds;   /* since the endpoint's last request */
    double usual_gap;       /* seconds: a silence is longer than this */
    double requests_minute; /* of the last 60 seconds */
    double usual_minute;    /* the busiest that is usual at this time; a burst is 8 times that */
    double repeated;        /* share of the commonest row in the last block of sampled rows */
    double usual_repeated;  /* the highest that is usual */
    double burst_seconds, flood_seconds; /* how long it has lasted */
    size_t n_stuck;
} mw_watch_stream;

/* Whether features still go together as they did (joint.c), as a column is told; sampled rows. */
typedef struct mw_watch_joint {
    bool is_known,
        drifted; /* known: the first rows were there, 400 or more, of 2 to 128 features */
    size_t n_components;
    double psi, psi_since, log_e_value; /* of the errors; NaN: fewer than 200 rows */
    uint64_t since_rows;
    double since_seconds;
    size_t n_causes, causes[5]; /* features, most of the change first; only while it drifted */
} mw_watch_joint;

typedef struct mw_watch_report {
    mw_watch_state state;
    uint64_t reference_rows; /* so far, of learn_rows */
    uint64_t learn_rows;
    uint64_t rows;        /* watched since, all: other servers' of the last 31 days, too */
    uint64_t own_rows;    /* of them, by this server */
    uint64_t window_rows; /* of them, in the ring */
    double window_seconds;
    /* Of servers that share a record (below): this one and those that were heard of in the last
     * minutes; and those of them that watch against another reference, whose counts are left out.
     */
    size_t n_servers, n_apart;
    size_t n_features, n_outputs; /* watched; n_features + n_outputs columns */
    bool is_cut;                  /* the model has more columns than are watched */
    size_t n_drifted;
    size_t n_profiled; /* columns whose reference is a training profile's; the others' is learned */
    double profile_rows;
    char source[128]; /* of the profile: "train.csv" */
    double
        watched_since; /* seconds since 1970; restarts between count in where a history is kept */
    uint64_t scored_rows, anomalous_rows; /* since the process began; up to 1,000 rows a second */
    double anomaly_threshold;             /* an anomaly from this score on; NaN: no forest yet */
    bool is_inactive;       /* no rows for a quarter of an hour, or for two minutes in which another
                               version of the endpoint had some: nothing of it is drifted */
    mw_watch_stream stream; /* of the endpoint; repeated rows of this version */
    mw_watch_joint joint;
} mw_watch_report;

/* The last findings of a version; false when it was never tapped. ret_columns holds
 * columns_room (features, then outputs). Any thread. */
bool mw_monitor_report(mw_monitor *monitor, const char *endpoint, unsigned version,
                       mw_watch_report *ret_report, mw_watched *ret_columns, size_t columns_room);
/* ---- what moves predictions ------------------------------------------------------------------ */

/* The number of a version with this is that of its contributions, where they are watched: one
 * column a feature, no outputs, a reference of their own that the first rows tell. Everything that
 * is told of a version is told of it, too. */
#define MW_WATCH_CONTRIBUTIONS 0x80000000u

/* How much a feature moved predictions: of the rows that were explained in the last minutes, and of
 * the reference; NaN where there were none. */
typedef struct mw_watch_importance {
    double mean, mean_absolute; /* of its contribution, in margin units */
    double share;               /* of all features' mean_absolute, 0..1 */
    size_t rank;                /* by that, from 1 */
    double mean_reference, mean_absolute_reference, share_reference;
    size_t rank_reference;
} mw_watch_importance;

/* ---- looking back ---------------------------------------------------------------------------- */

/* As mw_monitor_report, with window_rows, window_seconds, psi, missing and outside over the last
 * `seconds` (up to 31 days, rounded up to whole minutes, hours beyond an hour, days beyond a week;
 * less where less is known): the evidence and the verdict are the same. */
bool mw_monitor_window(mw_monitor *monitor, const char *endpoint, unsigned version, double seconds,
                       mw_watch_report *ret_report, mw_watched *ret_columns, size_t columns_room);

typedef enum mw_watch_scope { MW_WATCH_OF_ALL, MW_WATCH_OF_THIS } mw_watch_scope;

/* By feature, of a version (without the mark); ret_features holds `room`. False: its contributions
 * are not watched, or have no reference yet. Any thread. */
bool mw_monitor_importance(mw_monitor *monitor, const char *endpoint, unsigned version,
                           mw_watch_scope scope, mw_watch_importance *ret_features, size_t room,
                           double *ret_rows);
/* What this server alone has counted: as mw_monitor_report (seconds 0) or mw_monitor_window, but
 * rows, evidence and verdict are of its own rows. ret_columns holds all columns of the version
 * (MW_LIMIT_WATCHED_FEATURES + MW_LIMIT_WATCHED_OUTPUTS at most). */
bool mw_monitor_alone(mw_monitor *monitor, const char *endpoint, unsigned version, double seconds,
                      mw_watch_report *ret_report, mw_watched *ret_columns, size_t columns_room);

typedef enum mw_watch_measure {
    MW_WATCH_PSI,
    MW_WATCH_MISSING_SHARE,
    MW_WATCH_OUTSIDE_SHARE
} mw_watch_measure;

typedef struct mw_watch_series {
    size_t n_points, n_columns;
    double step_seconds;
    double *t;      /* n_points; seconds since 1970 at which each began */
    double *rows;   /* n_points */
    double *values; /* (n_columns, n_points); NaN: no reference, or too few rows. PSI of a minute of
                       under 200 rows is over those before it, too, up to a quarter of an hour */
} mw_watch_series;

/* Over the last `seconds`, in minutes, hours or days. False: it is not watched, or memory is gone.
 * mw_watch_series_done. */
bool mw_monitor_series(mw_monitor *monitor, const char *endpoint, unsigned version,
                       mw_watch_measure measure, double seconds, mw_watch_series *ret_series);
void mw_watch_series_done(mw_watch_series *series);

typedef enum mw_watch_bin_kind {
    MW_WATCH_BIN_RANGE,    /* (low, high]; infinite: below or above all of the reference */
    MW_WATCH_BIN_CATEGORY, /* `code` of the model */
    MW_WATCH_BIN_OTHERS,   /* rarer ones of the reference, together */
    MW_WATCH_BIN_NEW,      /* what the reference does not have */
    MW_WATCH_BIN_MISSING
} mw_watch_bin_kind;

typedef struct mw_watch_bin {
    mw_watch_bin_kind kind;
    double low, high;
    uint32_t code;
    double reference, current; /* rows */
} mw_watch_bin;

enum { MW_WATCH_BINS = 16 };

/* A column's histogram: the reference, and the last `seconds`, without what came from `until` on
 * (since 1970; 0: now). ret_bins holds MW_WATCH_BINS. Returns how many; 0: it is not watched, or
 * has no reference yet. */
size_t mw_monitor_bins(mw_monitor *monitor, const char *endpoint, unsigned version, size_t column,
                       double seconds, double until, mw_watch_bin *ret_bins);

/* ---- what values there are ------------------------------------------------------------------- */

enum { MW_WATCH_QUANTILES = 7, MW_WATCH_CATEGORIES = 12, MW_WATCH_STRANGERS = 5 };

typedef struct mw_watch_category {
    double code;            /* of the model; negative: minus the mark of one that it does not know
                               (mw_stranger_text) */
    double share;           /* of the rows; at most 1/256 of them too high */
    double reference_share; /* NaN: among the rarer ones of the reference */
    bool is_new;            /* not in the reference */
} mw_watch_category;

/* Of rows that were sampled (up to 1,000 a second) in the last 15 to 30 minutes; of several servers
 * each row counts for as many as it stands for among the traffic of its server. */
typedef struct mw_watch_sketch {
    size_t n_servers; /* whose rows are in it */
    double rows, seconds, missing;
    double distinct;                     /* different values: within some 3 % */
    double mean, deviation, least, most; /* of numbers; NaN */
    bool has_quantiles;
    double quantiles[MW_WATCH_QUANTILES]; /* at mw_watch_quantile_shares; KLL: a rank is off by 2 %
                                             at most, nearly always */
    size_t n_categories, n_new;           /* commonest first */
    mw_watch_category categories[MW_WATCH_CATEGORIES], news[MW_WATCH_STRANGERS];
} mw_watch_sketch;

extern const double mw_watch_quantile_shares[MW_WATCH_QUANTILES];

/* False: nothing was sampled of it, or it is beyond the first 128 columns. Any thread. */
bool mw_monitor_sketch(mw_monitor *monitor, const char *endpoint, unsigned version, size_t column,
                       mw_watch_sketch *ret_sketch);
/* The same of this server's rows alone. */
bool mw_monitor_sketch_alone(mw_monitor *monitor, const char *endpoint, unsigned version,
                             size_t column, mw_watch_sketch *ret_sketch);

/* ---- how good a model still is, before labels come ------------------------------------------- */

/* Of a regression mae, mse and rmse are estimated (stats: DLE); of a classifier MW_N_DECAY metrics
 * (CBPE). Arrays by metric have room for either. */
enum { MW_WATCH_CAUSES = 5, MW_WATCH_ERRORS = 3 };
const char *mw_watch_decay_name(bool is_regression, size_t metric);

/* A feature of whose values more come where the model errs: accuracy that this costs, of a
 * regression what it adds to the mean absolute error. */
typedef struct mw_watch_cause {
    size_t column;
    double lost;
} mw_watch_cause;

/* Where errors have become more: `lost` is what that adds to the share of wrong decisions, or to
 * the mean absolute error. `value`: the accuracy there, or that error. */
typedef struct mw_watch_slice {
    size_t column;
    mw_watch_bin where;                              /* its rows are not told */
    double share, share_before, value, value_before; /* before: NaN, nobody was there */
    double lost;
} mw_watch_slice;

/* Estimates without labels of the last 15 minutes' sampled rows, within 3 standard errors, and what
 * the first labels said. By metric. */
typedef struct mw_watch_decay {
    bool is_regression;
    size_t n_metrics;
    size_t reference_labels;
    uint64_t rows; /* 0: no estimate yet */
    double seconds;
    bool is_calibrated;
    double estimated[MW_N_DECAY], low[MW_N_DECAY], high[MW_N_DECAY], reference[MW_N_DECAY];
    bool decayed[MW_N_DECAY];
    size_t n_decayed, n_causes, n_slices;
    mw_watch_cause causes[MW_WATCH_CAUSES]; /* the worst first; only while something decayed */
    mw_watch_slice slices[MW_WATCH_CAUSES];
} mw_watch_decay;

/* What was said of rows, and what was true. */
typedef struct mw_watch_truth {
    size_t n, n_scores;   /* n_scores 1: of class 1 of two; else one a class */
    const double *scores; /* (n_scores, n), a class behind the other */
    const double *labels; /* n: the class, or the number */
    const double *rows; /* of a regression, whose scores are what it said: (n, n_columns) features;
                           NaN: not known. NULL: a classifier */
    size_t n_columns;   /* those that are watched, or more */
} mw_watch_truth;

enum { MW_WATCH_DECAY_CLASSES = 64 }; /* of more it is not told */

/* The first labels of a version that came, some hundred of each class. More of them later take the
 * place of fewer. Any thread. Fails: MW_NO_MEMORY, also where it is not watched for lack of it;
 * MW_MISMATCH (n_scores is not what the version answers). */
MW_CHECKED mw_status mw_monitor_truth(mw_monitor *monitor, const char *endpoint, unsigned version,
                                      const mw_watch_truth *truth, mw_error *err);
/* False: no labels have come. Any thread. */
bool mw_monitor_decay(mw_monitor *monitor, const char *endpoint, unsigned version,
                      mw_watch_decay *ret_decay);

enum { MW_WATCH_DECAY_WINDOWS = 288 }; /* a day, in windows of five minutes */

/* The estimate of a stretch of time. */
typedef struct mw_watch_decay_window {
    double t, seconds; /* when it began, seconds since 1970; how long it is */
    uint64_t rows;     /* that were sampled */
    double estimated[MW_N_DECAY], low[MW_N_DECAY], high[MW_N_DECAY]; /* NaN: under 200 rows */
} mw_watch_decay_window;

/* The windows since labels came, the oldest first; the last goes on. Those without rows are left
 * out. ret_windows holds MW_WATCH_DECAY_WINDOWS. Any thread. Returns how many. */
size_t mw_monitor_decay_windows(mw_monitor *monitor, const char *endpoint, unsigned version,
                                mw_watch_decay_window *ret_windows);

/* ---- among the servers of a record ------------------------------------------------------------
 *
 * Counts of bins add up where the bins are the same. So servers agree on the reference, and tell
 * each other their slots: what a minute, an hour or a day has counted so far.
 *
 *     first to have a reference --> record --> the others take it, and count from then on by it
 *     own slots --> record --> sums of the others' --> windows, series, histograms, evidence
 *
 * Who carries them is the caller; nothing here waits for him. A slot that is told again takes the
 * place of what it said before, so that nothing is counted twice. Minutes are by each server's own
 * clock. Contributions are versions of their own among them, whose sums of sizes stand behind the
 * counts of a minute. What is made of single rows (columns together, anomalies, decay) stays each
 * server's own. */

enum { MW_WATCH_SHARED_SPANS = 3 }; /* minutes, hours, days */

typedef struct mw_watch_shared {
    const char *endpoint;
    unsigned version;
    mw_view identity;
    uint64_t profile;                    /* digest of the training profile; 0: all is learned */
    uint64_t reference;                  /* digest of all columns; 0: it is not whole yet */
    uint64_t rows;                       /* counted so far, of this server */
    uint64_t now[MW_WATCH_SHARED_SPANS]; /* the buckets of now */
} mw_watch_shared;

/* Of this server over restarts, where its folder is its own; 32 hex digits. */
const char *mw_monitor_server(const mw_monitor *monitor);
/* The versions that are served and have an identity; the texts are borrowed for the call. */
void mw_monitor_each_shared(mw_monitor *monitor,
                            void (*see)(void *user, const mw_watch_shared *shared), void *user);
/* The whole reference as bytes; false: it is not whole, or no such version. */
bool mw_monitor_pack_reference(mw_monitor *monitor, const mw_watch_shared *of, mw_buf *out);
/* Another server's takes the place of what this one learned: where it had counted by other bins its
 * counts begin anew. Fails: MW_BAD_DATA (MW8011), MW_NO_MEMORY; nothing is changed then. */
MW_CHECKED mw_status mw_monitor_take_reference(mw_monitor *monitor, const mw_watch_shared *of,
                                               mw_view bytes, mw_error *err);
/* A bucket, and what it has counted here so far; the bytes are borrowed for the call. */
typedef void mw_watch_told(void *user, int span, uint64_t bucket, uint64_t rows, mw_view counts);
/* All buckets from these on that have counted something, as they are at one moment. What a server
 * has told must not be newer than what it keeps, or it would tell less after kill -9: so its file
 * is written first, as often as the watcher would. False: nothing was told, for that is not due
 * yet. Where nothing is kept over a restart all is told. */
bool mw_monitor_tell(mw_monitor *monitor, const mw_watch_shared *of,
                     const uint64_t from[MW_WATCH_SHARED_SPANS], mw_watch_told *see, void *user);
/* What all other servers have counted in a bucket: (rows[i], counts[i]) each. Fails: MW_BAD_DATA
 * (MW8011), MW_NO_MEMORY; nothing is changed then. */
MW_CHECKED mw_status mw_monitor_hear(mw_monitor *monitor, const mw_watch_shared *of, int span,
                                     uint64_t bucket, const uint64_t *rows, const mw_view *counts,
                                     size_t n, mw_error *err);

/* This server's sketches of values as bytes, MW_LIMIT_WATCH_VALUES_BYTES at most; false: there are
 * none, or the reference is not whole. */
bool mw_monitor_pack_values(mw_monitor *monitor, const mw_watch_shared *of, mw_buf *out);
/* Another server's, in the place of what it told before; told_ms: when, by its own clock. What is
 * half an hour old is passed over, and what would be more than MW_LIMIT_WATCH_VALUES_ALL_BYTES.
 * Fails: MW_BAD_DATA (MW8011), MW_NO_MEMORY; nothing is changed then. */
MW_CHECKED mw_status mw_monitor_hear_values(mw_monitor *monitor, const mw_watch_shared *of,
                                            const char *server, int64_t told_ms, mw_view bytes,
                                            mw_error *err);

/* Another server of the record, and what it has told of a version. */
typedef struct mw_watch_server {
    char name[40];
    uint64_t rows;  /* of the days that are kept */
    double as_of;   /* when it told last, seconds since 1970 by its own clock */
    bool is_apart;  /* it watches against another reference, and its counts are left out */
    bool is_lately; /* that was within the last minutes */
} mw_watch_server;

enum { MW_WATCH_SERVERS = 64 }; /* of which each is told; all are counted */

/* Who the others are, MW_WATCH_SERVERS at most, and how many of them were heard of lately, and of
 * these have another reference. */
void mw_monitor_note_servers(mw_monitor *monitor, const mw_watch_shared *of,
                             const mw_watch_server *servers, size_t n, size_t n_others,
                             size_t n_apart);
/* ret_servers holds MW_WATCH_SERVERS. Any thread. Returns how many. */
size_t mw_monitor_servers(mw_monitor *monitor, const char *endpoint, unsigned version,
                          mw_watch_server *ret_servers);
/* How many buckets back of now are kept of a span. */
uint64_t mw_monitor_kept(int span);

/* Bytes held. */
size_t mw_monitor_memory_bytes(mw_monitor *monitor);

#endif
