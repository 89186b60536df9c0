/* Between the files of monitor: one version under watch. */
#ifndef MONITOR_WATCH_H
#define MONITOR_WATCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "monitor.h"

enum {
    WATCH_DECILES = 10,
    WATCH_EDGES = WATCH_DECILES + 1,
    WATCH_PADDED = 15, /* edges, filled up for a search of four steps */
    WATCH_TOP = 12,    /* categories that have a bin each; behind them: */
    WATCH_OTHERS = 12, /* others that the reference has */
    WATCH_NEW = 13,    /* what it does not have */
    WATCH_MISSING = 15,
    WATCH_BINS = 16,
    WATCH_LANES = 64,
    WATCH_ROWS_MAX = 256, /* of a request that are counted */
    WATCH_STARTS = 15,    /* buckets in which a change is looked for */
    WATCH_CODES = 65536   /* of a categorical column; those beyond are new */
};

typedef uint32_t watch_counts[WATCH_BINS];

/* What a column was. */
typedef struct watch_column {
    bool is_ready; /* else it has no reference yet, and is not counted */
    bool is_category, is_profiled;
    double edges[WATCH_PADDED]; /* filled up with infinity */
    size_t n_edges;
    uint8_t *bins; /* of categories: the bin of code 0 .. n_codes - 1; owned by the version */
    size_t n_codes;
    uint32_t top[WATCH_TOP]; /* the codes that have a bin */
    size_t n_top;
    double reference[WATCH_BINS]; /* rows */
} watch_column;

/* Counts of one writer; grows for ever and is only read by others. */
typedef struct watch_lane {
    _Alignas(64) atomic_uint_least64_t rows, requests;
    atomic_uint_least64_t counts[]; /* (n_columns, WATCH_BINS) */
} watch_lane;

/* ---- history.c: buckets of time -------------------------------------------------------------- */

typedef struct watch_slot {
    uint64_t bucket; /* since 1970, in its ring's spans */
    uint64_t rows;
    watch_counts *counts; /* n_columns; NULL: nothing came */
} watch_slot;

typedef enum watch_span { WATCH_MINUTES, WATCH_HOURS, WATCH_DAYS, WATCH_SPANS } watch_span;

enum { WATCH_N_MINUTES = 60, WATCH_N_HOURS = 168, WATCH_N_DAYS = 31 };

typedef struct watch_history {
    uint64_t bucket_ns; /* of the shortest; the others are 60 and 24 times longer */
    size_t n_columns;
    watch_slot minutes[WATCH_N_MINUTES], hours[WATCH_N_HOURS], days[WATCH_N_DAYS];
} watch_history;

void watch_history_init(watch_history *history, size_t n_columns, uint64_t bucket_ns);
void watch_history_done(watch_history *history);
size_t watch_history_bytes(const watch_history *history);
uint64_t watch_span_ns(const watch_history *history, watch_span span);
/* The slots of a span, and how many. */
watch_slot *watch_slots(watch_history *history, watch_span span, size_t *ret_n);
/* The slot of a moment, emptied of what stood there long before; NULL when memory is gone. */
watch_slot *watch_slot_at(watch_history *history, watch_span span, uint64_t bucket);
/* The same to look at; NULL where nothing came. */
const watch_slot *watch_slot_of(const watch_history *history, watch_span span, uint64_t bucket);
/* The slot is as if nothing had come in its time. */
void watch_slot_clear(watch_history *history, watch_span span, uint64_t bucket);

/* ---- sample.c: some rows of each second, for the watcher --------------------------------------
 */

enum {
    WATCH_SAMPLED = 1000,         /* rows a second at most */
    WATCH_SAMPLED_AT_ONCE = 64,   /* of a request */
    WATCH_SAMPLED_VALUES = 65536, /* fewer rows of a wide model */
    WATCH_SAMPLED_LEAST = 64
};

/* Rows are claimed by tapping threads and written; the watcher closes it, waits until what was
 * claimed is written, takes all and opens it again. Closed: n_claimed is not below room. */
typedef struct watch_sample {
    size_t room, n_columns;
    atomic_size_t n_claimed, n_written;
    bool is_closed; /* the watcher's */
    size_t n_awaited;
    double *rows; /* (room, n_columns) */
} watch_sample;

void watch_sample_init(watch_sample *sample, size_t n_columns);
/* For the watcher, who takes rows from then on. False: memory is gone. */
bool watch_sample_open(watch_sample *sample);
/* Behind an answer; any thread. */
void watch_sample_rows(watch_sample *sample, size_t n_features, const mw_matrix *rows,
                       const double *values, size_t n_outputs);
/* The rows since the last time; 0: none, or some are being written. watch_sample_resume follows. */
size_t watch_sample_take(watch_sample *sample);
void watch_sample_resume(watch_sample *sample);
/* Takes no more; the rows go as soon as nobody writes them. */
void watch_sample_end(watch_sample *sample);
void watch_sample_done(watch_sample *sample);
size_t watch_sample_bytes(const watch_sample *sample);

/* ---- sketch.c: what values there are ----------------------------------------------------------
 */

/* Of a column and a stretch of time. */
typedef struct watch_sketch {
    mw_moments moments;
    mw_distinct distinct;
    mw_kll *quantiles;   /* of numbers; NULL */
    mw_heavy *commonest; /* of categories; NULL. One that the model does not know: -its mark */
} watch_sketch;

/* This stretch and the one before, so that a window is never empty. */
typedef struct watch_sketches {
    size_t n_columns; /* MW_LIMIT_SKETCHED_COLUMNS at most */
    uint64_t bucket, begin_ns, before_ns;
    watch_sketch *now, *before; /* NULL: none */
} watch_sketches;

enum { WATCH_STRETCH = 15 }; /* minutes */

void watch_sketches_done(watch_sketches *sketches);
size_t watch_sketches_bytes(const watch_sketches *sketches);
/* Rows of (n_rows, n_columns). Where memory is gone they are passed over. */
void watch_sketches_add(watch_sketches *sketches, const watch_column *columns, size_t n_columns,
                        const double *rows, size_t n_rows, uint64_t now_ns, uint64_t bucket_ns);
bool watch_sketches_tell(const watch_sketches *sketches, const watch_column *column, size_t c,
                         uint64_t now_ns, mw_watch_sketch *ret_sketch);
/* Both stretches of a column as one. False: memory is gone. In any case watch_sketch_done. */
bool watch_sketches_merge(const watch_sketches *sketches, size_t c, watch_sketch *ret_sketch);
void watch_sketch_done(watch_sketch *sketch);
/* All of it but `seconds`. */
void watch_sketch_tell(const watch_sketch *sketch, const watch_column *column,
                       mw_watch_sketch *ret_sketch);
/* keep_learned.c. Fails (false): damaged, or memory is gone; what is there is the caller's. */
void watch_sketch_pack(const watch_sketch *sketch, mw_buf *out);
MW_CHECKED bool watch_sketch_unpack(mw_unpack *in, bool is_category, watch_sketch *sketch);

/* ---- stream.c: values that stand still, rows that come again and again ------------------------
 */

enum { WATCH_USUAL_BLOCKS = 30 };

/* Of a feature. */
typedef struct watch_run {
    double value;
    uint64_t rows, begin_ns;           /* of the run that goes on */
    uint64_t longest_rows, longest_ns; /* of those before it that were no finding */
    uint64_t n_before;
    bool is_stuck;
} watch_run;

/* Of a block of rows. */
typedef struct watch_repeats {
    mw_heavy *hashes; /* NULL: not yet */
    uint64_t rows, begin_ns;
    double shares[WATCH_USUAL_BLOCKS]; /* of the commonest row, of blocks that were no finding */
    uint64_t n_shares;
    double share, usual; /* of the last block; NaN */
    bool is_flood;
    uint64_t since_ns;
} watch_repeats;

void watch_runs_add(watch_run *runs, const watch_column *columns, size_t n_features,
                    size_t n_columns, const double *rows, size_t n_rows, uint64_t now_ns);
/* Where memory is gone rows are passed over. */
void watch_repeats_add(watch_repeats *repeats, size_t n_features, size_t n_columns,
                       const double *rows, size_t n_rows, uint64_t now_ns);

/* ---- decay.c: performance without labels ------------------------------------------------------
 */

/* Rows that are held of a stretch, fewer of many classes; a window is five minutes. */
enum { WATCH_DECAY_ROWS = 4000, WATCH_DECAY_VALUES = 65536, WATCH_DECAY_WINDOW = 5 };

typedef struct watch_decay_cell {
    double rows, errors; /* errors: expected wrong decisions; of a regression absolute losses */
} watch_decay_cell;

typedef struct watch_decay_stretch {
    uint64_t bucket, begin_ns, rows;
    double *scores;          /* (n_scores, n_held_max) of the rows, by chance */
    watch_decay_cell *cells; /* (n_features, WATCH_BINS); of a window NULL */
} watch_decay_stretch;

typedef struct watch_decay {
    size_t n_scores, n_held_max; /* 1: of class 1 of two; else one a class, or a loss */
    mw_isotonic *curve;          /* of two classes; NULL: the scores are probabilities */
    mw_class_chances *chances;   /* of several; NULL */
    mw_boost *losses[2];         /* of a regression: absolute and squared; NULL */
    mw_decay_error errors[MW_N_DECAY];
    double usual_estimate[MW_N_DECAY]; /* of the reference itself */
    watch_decay_stretch now, before, window;
    mw_watch_decay_window windows[MW_WATCH_DECAY_WINDOWS]; /* a ring; n_windows ever */
    uint64_t n_windows, window_ns;
    watch_decay_cell *usual; /* (n_features, WATCH_BINS) */
    uint64_t usual_rows, random, judged_ns;
    bool was_found;
    mw_watch_decay found;
} watch_decay;

/* Room for n_scores a row, which are set. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status watch_decay_take_room(watch_decay *decay, size_t n_features, mw_error *err);
/* Rows that are held of a stretch. */
size_t watch_decay_held(const watch_decay *decay, const watch_decay_stretch *of);
/* Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status watch_decay_new(const mw_watch_truth *truth, size_t n_features,
                                     watch_decay **ret_decay, mw_error *err);
/* What was estimated with fewer labels stays told. */
void watch_decay_follow(watch_decay *decay, const watch_decay *before);
size_t watch_decay_windows(watch_decay *decay, mw_watch_decay_window *ret_windows);
void watch_decay_free(watch_decay *decay);
size_t watch_decay_bytes(const watch_decay *decay, size_t n_features);
/* column: of the first score, in rows of (n_rows, n_columns). */
void watch_decay_add(watch_decay *decay, const watch_column *columns, size_t n_features,
                     size_t n_columns, size_t column, const double *rows, size_t n_rows,
                     uint64_t now_ns, uint64_t bucket_ns);
void watch_decay_judge(watch_decay *decay, const watch_column *columns, size_t n_features,
                       uint64_t now_ns);

/* ---- pulse.c: requests of an endpoint over time; silence, bursts -------------------------------
 */

enum { WATCH_PULSE_SECONDS = 64, WATCH_PULSE_MINUTES = 64, WATCH_PULSE_HOURS = 192 };

typedef struct watch_beat {
    uint64_t bucket;
    uint32_t requests, active, peak; /* active: seconds with a request; peak: of its minutes */
    uint32_t gap;                    /* longest between two requests that ended in it, seconds */
} watch_beat;

typedef struct watch_pulse {
    uint64_t first_ns, latest_ns, last_ns; /* watched since; last look; last request */
    uint64_t n_requests;
    watch_beat seconds[WATCH_PULSE_SECONDS], minutes[WATCH_PULSE_MINUTES], hours[WATCH_PULSE_HOURS];
    uint64_t burst_ns;
    uint64_t pending; /* gathered from versions since the last beat */
    mw_watch_stream found;
} watch_pulse;

/* `requests` came since the last look. */
void watch_pulse_beat(watch_pulse *pulse, uint64_t now_ns, uint64_t requests);

/* ---- scorer.c: anomalies --------------------------------------------------------------------- */

typedef struct watch_scorer {
    size_t n; /* features */
    mw_anomaly_bound *bounds;
    double *rarities; /* (n, WATCH_BINS): of categories */
    mw_isolation *forest;
    double threshold;
} watch_scorer;

struct watch_version;

/* ---- values.c: what values there are over several servers -------------------------------------
 */

/* What another server has told of its sketches. */
typedef struct watch_values {
    char server[40];
    uint64_t told_ns;        /* by its own clock */
    double counted, seconds; /* rows in that time, also those that were not sampled */
    size_t n_columns;
    size_t *columns; /* how far before the end of the bytes each begins */
    mw_buf bytes;
} watch_values;

/* The rest of these under the version's lock; but for watch_hear_values, which takes it. False:
 * there is nothing to tell yet, or memory is gone. */
bool watch_pack_values(const struct watch_version *version, mw_buf *out);
/* Fails: MW_BAD_DATA (MW8011), MW_NO_MEMORY; nothing is changed then. */
MW_CHECKED mw_status watch_hear_values(struct watch_version *version, const char *server,
                                       uint64_t told_ns, mw_view bytes, mw_error *err);
/* Of a column that has a reference. False: nobody has sampled any. */
bool watch_tell_values(const struct watch_version *version, size_t c, mw_watch_sketch *ret_sketch);
void watch_forget_values(struct watch_version *version);
size_t watch_values_bytes(const struct watch_version *version);

/* ---- joint.c: features together -------------------------------------------------------------- */

typedef struct watch_joint_minute {
    uint64_t bucket;
    double counts[WATCH_BINS];
} watch_joint_minute;

typedef struct watch_joint {
    mw_joint *model;
    size_t n;            /* features */
    watch_column errors; /* of rows: deciles of the reference */
    watch_joint_minute minutes[WATCH_STARTS];
    double whole[WATCH_BINS];
    uint64_t first_ns;
    double *usual, *squares; /* n each: means of the reference; fading sums of `rows` rows */
    double rows;
} watch_joint;

/* Of the first rows, while they are there. NULL: too few, or too few or many features, or memory is
 * gone. */
watch_joint *watch_joint_make(const struct watch_version *version);
void watch_joint_free(watch_joint *joint);
size_t watch_joint_bytes(const watch_joint *joint);
void watch_joint_add(watch_joint *joint, const double *rows, size_t n_rows, size_t n_columns,
                     uint64_t now_ns, uint64_t bucket_ns);
mw_watch_joint watch_joint_judge(const watch_joint *joint, uint64_t now_ns, uint64_t bucket_ns,
                                 double alpha);

/* ---- contributions.c: what moved predictions --------------------------------------------------
 */

typedef struct watch_importance_sums {
    uint64_t bucket;
    double rows, *sums; /* sums: of each feature's contribution, then of their sizes */
} watch_importance_sums;

typedef struct watch_importance {
    size_t n; /* features */
    watch_importance_sums reference, minutes[WATCH_STARTS];
} watch_importance;

watch_importance *watch_importance_new(size_t n);
void watch_importance_free(watch_importance *importance);
size_t watch_importance_bytes(const watch_importance *importance);
/* Rows of (n_rows, n): the reference, of which it has one alone; and those of a minute. */
void watch_importance_refer(watch_importance *importance, const double *rows, size_t n_rows);
void watch_importance_add(watch_importance *importance, const double *rows, size_t n_rows,
                          uint64_t bucket);
/* Of the last WATCH_STARTS minutes; others: what other servers have told, NULL. False: memory is
 * gone. */
bool watch_importance_tell(const watch_importance *importance, const watch_importance *others,
                           uint64_t bucket, mw_watch_importance *ret, size_t room,
                           double *ret_rows);
void watch_importance_pack(const watch_importance *importance, mw_buf *out);
/* NULL: damaged, or memory is gone. */
MW_CHECKED watch_importance *watch_importance_unpack(mw_unpack *in, size_t n);
/* Among servers: the sums of the reference, and those of a minute. What is read ends with them.
 * NULL: damaged, or memory is gone; else the sums, which are the caller's. */
void watch_importance_pack_reference(const watch_importance *importance, mw_buf *out);
double *watch_importance_sums_new(size_t n); /* NULL: memory is gone */
MW_CHECKED double *watch_importance_unpack_reference(mw_unpack *in, size_t n,
                                                     watch_importance_sums *ret);
void watch_importance_take_reference(watch_importance *importance, const watch_importance_sums *of);
void watch_importance_pack_minute(const watch_importance *importance, uint64_t bucket, mw_buf *out);
/* False: damaged, or memory is gone. to: (n, 2) sums. */
MW_CHECKED bool watch_importance_add_told(mw_unpack *in, size_t n, watch_importance_sums *to);
void watch_importance_put_minute(watch_importance *importance, uint64_t bucket,
                                 const watch_importance_sums *of);

struct watch_version;

/* Who explains rows, and makes a version's companion (NULL: memory is gone). */
typedef struct watch_explaining {
    const mw_watch_explainer *explainer;
    mw_allowance *allowance;
    struct watch_version *(*make)(struct mw_monitor *monitor, const struct watch_version *version);
    struct mw_monitor *monitor;
} watch_explaining;

/* The share of a version's rows that are to be explained, whose companion is there then; 0: none.
 */
double watch_companion_share(struct watch_version *version, const watch_explaining *by);
/* Some of the rows that were sampled, (n_rows, n_columns), to the companion; the watcher's. */
void watch_explain(struct watch_version *version, const watch_explaining *by, const double *rows,
                   size_t n_rows);

/* ---- one version ----------------------------------------------------------------------------- */

enum { WATCH_RETIRED = 4 };

typedef struct watch_version {
    char *endpoint;
    unsigned version;
    size_t n_features, n_outputs, n_columns;
    bool is_cut, lacks_features, is_told_lacking;
    bool is_companion;                      /* its rows are contributions */
    watch_importance *importance;           /* of a companion */
    watch_importance *importance_of_others; /* NULL: no other server has told any */
    struct watch_version *companion; /* NULL: nobody asks for contributions, or none came yet */
    uint64_t explained_ns;           /* what a row of it took; 0: none so far */
    double explained_owed;           /* rows, less than one */
    /* what it is, once somebody told; the watcher's */
    bool is_described;
    char *identity;    /* NULL: its history is not kept */
    char *source;      /* of the profile; NULL */
    bool is_succeeded; /* the same model was loaded again, and goes on with what this one was */
    bool *is_category;
    double profile_rows;
    uint64_t reference_digest;
    /* learning: rows are claimed one by one, and written by whom they fell to */
    size_t learn_rows;
    _Atomic(double *) learned; /* (learn_rows, n_columns); others look whether it is there */
    atomic_size_t n_claimed, n_written;
    size_t n_awaited; /* claimed when the gathering was ended: the rows go once these are written */
    atomic_bool learns;
    _Atomic(watch_column *) columns;      /* NULL: there is no reference yet for any */
    watch_column *retired[WATCH_RETIRED]; /* a thread may still read them */
    bool retired_own_bins[WATCH_RETIRED]; /* else those that took their place have them */
    size_t n_retired;
    mw_anomaly_bound *bounds;       /* n_columns; of the profile, else not known */
    _Atomic(watch_scorer *) scorer; /* NULL until the first rows are there; made once */
    watch_scorer *scorer_before;    /* NULL; by bins that were given up, with the same forest */
    _Atomic(watch_joint *) joint;   /* the same; others look at its size alone */
    watch_sample sample;            /* open once there are columns, while rows come */
    _Atomic(watch_lane *) lanes[WATCH_LANES];
    /* the watcher's */
    uint64_t *seen; /* (n_columns, WATCH_BINS), of all lanes at the last look */
    uint64_t seen_rows, seen_requests;
    uint64_t scored, anomalous;
    watch_pulse *pulse; /* of the endpoint; all its versions share it */
    bool owns_pulse;
    uint64_t last_ns; /* wall clock: when a row came last */
    watch_run *runs;  /* n_features; NULL: no row was sampled so far */
    watch_repeats repeats;
    watch_history history;
    watch_history *others; /* what other servers have counted (share.c); NULL: nothing was heard */
    uint64_t others_first_ns, others_last_ns; /* begin of its first bucket, of its last minute */
    bool has_news_of_others;
    size_t n_others, n_apart; /* servers heard of lately; those with another reference */
    mw_watch_server *servers; /* that were heard of, ever; under `lock`; NULL: none */
    size_t n_servers;
    uint64_t shared_digest;       /* of all columns; 0: not known yet (watch_reference_of) */
    uint64_t first_ns, latest_ns; /* wall clock: when watching began, and the last look */
    uint64_t *whole, whole_rows;  /* all since the beginning */
    uint64_t saved_rows, saved_ns;
    bool is_shared;   /* who tells other servers of it keeps it first, so the watcher lets him */
    uint64_t sampled; /* rows that were looked at, ever */
    uint64_t learned_rows, learned_ns; /* of them, and the moment, when what was learned was kept */
    size_t learned_bytes;
    atomic_bool is_taught; /* labels came: they are kept at once */
    bool is_unkept;        /* the last try to keep it failed, and that was said */
    /* findings, and the history as others read it, under `lock` */
    pthread_mutex_t lock;
    mw_watch_report report;
    mw_watched *found; /* n_columns */
    watch_sketches sketches;
    watch_values *values; /* MW_WATCH_SERVERS; NULL: no other server has told any */
    size_t n_values;
    watch_decay *decay; /* NULL: no labels came */
} watch_version;

/* pulse: of the endpoint, or NULL: it makes one. NULL when memory is gone. */
watch_version *watch_version_new(const char *endpoint, unsigned version, size_t n_features,
                                 size_t n_outputs, size_t learn_rows, uint64_t bucket_ns,
                                 watch_pulse *pulse);
void watch_version_free(watch_version *version);
size_t watch_version_bytes(const watch_version *version);
/* Nothing is sampled any more, and what came of it goes; until rows come again. Under `lock`. */
void watch_drop_samples(watch_version *version);
/* Columns take the place of those before, which stay as long as the version; has_bins: with the
 * bins of their categories. */
void watch_columns_put(watch_version *version, watch_column *columns, bool has_bins);
void watch_columns_free(watch_column *columns, size_t n);

/* ---- count.c: the loop's side. `lane` is the thread's number. */
void watch_rows(watch_version *version, unsigned lane, const mw_matrix *rows, const double *values,
                size_t n_outputs);
size_t watch_bin_of(const watch_column *column, double value);
/* Adds to a lane's count, which has one writer unless it is shared. */
static inline void watch_add(atomic_uint_least64_t *count, uint64_t more, bool is_shared)
{
    if (is_shared)
        atomic_fetch_add_explicit(count, more, memory_order_relaxed);
    else
        atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more,
                              memory_order_relaxed);
}

/* ---- tally.c: numbers of many rows at once, to the same counts; columns stand side by side.
 * width: what watch_tally_width finds in the processor, or less; AVX2, AVX-512. */
typedef enum watch_width { WATCH_NARROW, WATCH_WIDE, WATCH_WIDEST } watch_width;
watch_width watch_tally_width(void);
void watch_tally(const watch_column *columns, size_t n_columns, const mw_matrix *rows,
                 atomic_uint_least64_t *counts, bool is_shared, watch_width width);
/* One column of numbers, every `stride`th: by fours, four of its values abreast. Returns how many
 * were counted, of the first WATCH_ROWS_MAX; up to three of these are left. */
size_t watch_tally_alone(const watch_column *column, const double *values, ptrdiff_t stride,
                         size_t n_values, atomic_uint_least64_t *counts, bool is_shared,
                         watch_width width);

/* ---- reference.c ----------------------------------------------------------------------------- */

/* The columns that the profile knows get their reference from it. Fails: MW_MISMATCH (MW8008) it
 * knows none of them; MW_NO_MEMORY. */
MW_CHECKED mw_status watch_take_profile(watch_version *version, const mw_watch_subject *subject,
                                        uint64_t now_ns, mw_error *err);
/* Columns without a reference get it from the first rows, once these are there. */
void watch_learn(watch_version *version, uint64_t now_ns);
/* Whether every column has a reference. */
bool watch_is_whole(const watch_version *version);
/* Gathers no more rows. Those that threads have claimed are waited for, by watch_learn. */
void watch_end_learning(watch_version *version);
/* The scorer of a version becomes that of the one which goes on with it, and needs no rows then. */
void watch_hand_over(watch_version *before, watch_version *version);
/* The edges of a column's bins, filled up with infinity. */
void watch_set_edges(watch_column *column, const double *edges, size_t n);
uint64_t watch_digest_of(const watch_column *columns, size_t n);

/* NULL when memory is gone, or there is no feature. */
watch_scorer *watch_scorer_make(const watch_version *version, const watch_column *columns);
/* With a forest and bounds from before; both are taken. NULL when memory is gone. */
watch_scorer *watch_scorer_again(const watch_column *columns, size_t n_features,
                                 mw_anomaly_bound *bounds, mw_isolation *forest, double threshold);
void watch_scorer_free(watch_scorer *scorer);
/* Once: false when it was done before, or memory is gone. */
bool watch_scorer_follow(watch_version *version, const watch_column *columns);
void watch_scorer_free_shell(watch_scorer *scorer);
size_t watch_scorer_bytes(const watch_scorer *scorer);
/* 0..1 a row. False: the first rows are not there yet. */
bool watch_score(const watch_version *version, const mw_matrix *rows, size_t n_rows,
                 double *ret_scores);
/* Rows of (n_rows, n_columns) that were sampled: counts how many are unlike the reference. */
void watch_score_some(watch_version *version, const double *rows, size_t n_rows);

/* ---- look.c: the watcher's side ------------------------------------------------------------- */

/* now_ns: wall clock. by: NULL: nobody explains rows. */
void watch_look(watch_version *version, uint64_t now_ns, double alpha, const watch_explaining *by);
/* The report and findings judged anew by what this server alone has counted; `found` holds
 * n_columns. The caller holds the lock. */
void watch_judge_alone(const watch_version *version, double alpha, mw_watch_report *report,
                       mw_watched *found);
/* What is in the lanes and was not gathered is never counted. */
void watch_pass_over(watch_version *version);
/* What the endpoint's pulse says, into the report. */
void watch_tell_stream(watch_version *version);
/* What a start's counts say of a change since then, where that is more than `found` has. */
void watch_take(mw_watched *found, const watch_column *column, const double *counts, uint64_t start,
                double seconds);
double watch_psi(const watch_column *column, const double *counts);
double watch_sum(const double *counts);
/* What a window's counts say: psi, missing, outside. */
void watch_tell_window(const watch_column *column, const double *counts, mw_watched *found);

/* ---- window.c: looking back; the caller holds the version's lock ----------------------------- */

void watch_window(watch_version *version, mw_watch_scope scope, double seconds,
                  mw_watch_report *report, mw_watched *columns, size_t room);
bool watch_series(watch_version *version, double seconds, mw_watch_measure measure,
                  mw_watch_series *ret_series);
mw_watch_bin watch_bin_told(const watch_column *column, size_t bin);
size_t watch_bins(watch_version *version, size_t c, double seconds, double until,
                  mw_watch_bin *ret_bins);

/* ---- share.c: what other servers have counted -------------------------------------------------
 */

/* Rows of a bucket, of this server and the others. */
uint64_t watch_rows_in(const watch_version *version, mw_watch_scope scope, watch_span span,
                       uint64_t bucket);
/* Their counts of a column are added to (WATCH_BINS). */
void watch_add_counts(const watch_version *version, mw_watch_scope scope, watch_span span,
                      uint64_t bucket, size_t c, double *counts);
void watch_forget_others(watch_version *version);
/* When anybody began to watch, or this server. */
uint64_t watch_begin_ns(const watch_version *version, mw_watch_scope scope);
/* What others had in all days that are kept: rows, and counts of a column, which are added. */
uint64_t watch_rows_of_others(const watch_version *version);
void watch_add_days_of_others(const watch_version *version, size_t c, double *counts);
/* What mw_monitor_pack_reference and its kin do, to one version. watch_reference_of: 0, it is not
 * whole. */
uint64_t watch_reference_of(watch_version *version);
void watch_pack_reference(const watch_version *version, mw_buf *out);
bool watch_pack_slot(const watch_version *version, watch_span span, uint64_t bucket,
                     uint64_t *ret_rows, mw_buf *out);
MW_CHECKED mw_status watch_take_reference(watch_version *version, mw_view bytes, mw_error *err);
MW_CHECKED mw_status watch_hear(watch_version *version, watch_span span, uint64_t bucket,
                                const uint64_t *rows, const mw_view *counts, size_t n,
                                mw_error *err);

/* ---- keep.c: what survives a restart --------------------------------------------------------- */

void watch_write(const watch_version *version, mw_buf *out);
/* Into a version that was just described. A history against another profile than the version's is
 * not taken, which *ret_is_other tells. Fails: MW_BAD_DATA (MW8011). Nothing is changed then. */
MW_CHECKED mw_status watch_read(mw_view text, watch_version *version, uint64_t now_ns,
                                bool *ret_is_other, mw_error *err);
/* The name of its file: "watch" of what was counted, "learned" of what was learned. */
void watch_file_name(const watch_version *version, const char *ending, char ret_name[40]);
/* Why these first bytes are not `own`, whose last one is the format's version. NULL: cut short. */
const char *watch_wrong_magic(const char *magic, const char *own);
/* A digest of all from `begin` on, at the end; what stands before it, where it is the right one. */
void watch_seal(mw_buf *out, size_t begin);
MW_CHECKED bool watch_unseal(mw_view text, mw_unpack *ret_in);
void watch_pack_column(mw_buf *out, const watch_column *column);
MW_CHECKED bool watch_unpack_column(mw_unpack *in, watch_column *column);
/* The counts of a slot, (n_columns, WATCH_BINS). */
void watch_pack_counts(mw_buf *out, const watch_slot *slot, size_t n_columns);

/* ---- sweep.c: files of versions that are gone. Returns how many were removed. */
size_t watch_sweep(const char *folder, uint64_t bytes_max);

/* ---- keep_learned.c, keep_decay.c, keep_stream.c: what was learned of rows ------------------- */

/* Of a version whose columns are all ready. Takes its lock. */
void watch_write_learned(watch_version *version, mw_buf *out);
/* Into a version that was just described, and has its columns. What was learned against other
 * columns is not taken, which *ret_is_other tells. Fails: MW_BAD_DATA (MW8011). Nothing is changed
 * then. */
MW_CHECKED mw_status watch_read_learned(mw_view text, watch_version *version, uint64_t now_ns,
                                        bool *ret_is_other, mw_error *err);
/* The models alone stay. */
void watch_decay_forget(watch_decay *decay, size_t n_features);
void watch_decay_pack(const watch_decay *decay, size_t n_features, mw_buf *out);
/* keep_stream.c. Fails (false): damaged, or memory is gone; *ret_runs is the caller's. */
void watch_stream_pack(const watch_run *runs, size_t n, const watch_repeats *repeats, mw_buf *out);
MW_CHECKED bool watch_stream_unpack(mw_unpack *in, size_t n, uint64_t latest_ns,
                                    watch_run **ret_runs, watch_repeats *ret_repeats);
/* NULL: damaged, or memory is gone. */
MW_CHECKED watch_decay *watch_decay_unpack(mw_unpack *in, size_t n_features, size_t n_outputs);

#endif
