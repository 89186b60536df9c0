/* journal: every prediction kept on the disk, and the truth about it when it comes.
 *
 *     tap (behind each answer) --copies rows--> queue --writer--> blocks, zstd, CRC32C --> segments
 *                                                 `full: dropped and counted
 *     DIR/predictions-00000007.log   append-only; .idx beside it once it is closed: where each id
 * is
 *
 * A prediction is known by the id of its request and its row, "0193a0...#4"; the id alone is row 0.
 * Format of the files: docs/reference/prediction-log.md. Not done here: Parquet;
 * `mw log export` writes Arrow. */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "fair_watch.h"
#include "model/model.h"
#include "stats/stats.h"

typedef struct mw_journal mw_journal;

/* ---- what rows look like --------------------------------------------------------------------- */

typedef enum mw_log_treatment {
    MW_LOG_KEPT,
    MW_LOG_HASHED, /* a keyed hash stands for the value: equal values have equal ones */
    MW_LOG_DROPPED
} mw_log_treatment;

typedef struct mw_log_column {
    mw_view name;
    mw_log_treatment treatment;
    const mw_view *categories; /* texts of codes 0..; NULL: numbers */
    size_t n_categories;
} mw_log_column;

typedef enum mw_log_answer {
    MW_LOG_NUMBER,        /* of a regressor, or several of them */
    MW_LOG_PROBABILITY,   /* of class 1 of two */
    MW_LOG_PROBABILITIES, /* one a class */
    MW_LOG_CLASS          /* the class's number */
} mw_log_answer;

/* Of a version of an endpoint. */
typedef struct mw_log_shape {
    uint32_t number; /* in its segment */
    mw_view endpoint;
    unsigned version; /* as the server counted */
    uint64_t model;   /* a mark of the model itself: versions are counted anew at each start */
    mw_log_answer answer;
    mw_log_column *columns;
    size_t n_columns, n_outputs;
    const mw_view *classes; /* n_classes, or NULL: "0", "1", ... */
    size_t n_classes;
    bool explains; /* contributions may stand beside its rows */
} mw_log_shape;

/* ---- writing --------------------------------------------------------------------------------- */

/* What a model said in the beginning, and what was true. */
typedef struct mw_log_truth {
    size_t n, n_scores;   /* n_scores 1: of class 1 of two; else one a class */
    const double *scores; /* (n_scores, n), a class behind the other */
    const double *labels; /* n: the class, or the number */
    const double *rows;   /* of a regression, whose scores are what it said: (n, n_columns) inputs;
                             NaN: private, or missing. NULL: a classifier */
    size_t n_columns;
} mw_log_truth;

/* Contributions of kept rows: made by the journal's writer, behind answers and queue, by at most a
 * quarter of a core. Both are called on its thread. share NULL: nobody asks. */
typedef struct mw_log_explainer {
    /* Of a version's kept requests, 0..1. 0: none are wanted, or they cannot be had. Asked for each
     * block of rows. */
    double (*share)(void *user, const char *endpoint, unsigned version);
    /* rows: float64, of the version; outputs: (n_rows, n_outputs). ret_values: (n_rows, n_columns +
     * 1), bias last, of the predicted class. False: its model is gone. */
    bool (*explain)(void *user, const char *endpoint, unsigned version, const mw_matrix *rows,
                    const double *outputs, double *ret_values);
    void *user;
} mw_log_explainer;

/* 0 = the usual, from base/limits.h. */
typedef struct mw_journal_options {
    const char *folder;  /* made when it is missing */
    double sample;       /* share of the requests, 0..1, drawn by their id */
    const char *hashed;  /* private columns, "income,age"; or NULL */
    const char *dropped; /* the same, not kept at all */
    uint64_t bytes_max;  /* of all segments: the oldest go first */
    uint64_t age_ms_max; /* 0 = for ever */
    size_t queue_bytes;  /* a power of two */
    size_t segment_bytes;
    unsigned flush_ms; /* a row is on the disk after that, at the latest */
    /* Rows also go to a topic (kafka.h): "BROKER:9092/TOPIC"; librdkafka's settings, a file; or
     * NULL */
    const char *kafka, *kafka_settings;
    const char *slices; /* columns by which performance may be told, "region,age"; or NULL */
    /* The first labels of a classifier that answers probabilities, of up to 64 classes, from 500
     * on, and again when there are 2,000: how good it was in the beginning. On the journal's
     * thread. False: ask again soon, the endpoint is not there yet. NULL = nobody wants them. */
    bool (*truth)(void *user, const char *endpoint, uint64_t model, const mw_log_truth *truth);
    void *truth_user;
    mw_log_explainer explainer;
} mw_journal_options;

/* Cut what a crash has left torn, then start the writer. Fails: MW_CONFLICT (another process writes
 * there), MW_IO, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_journal_open(const mw_journal_options *options, mw_journal **ret_journal,
                                     mw_error *err);
/* Writes what waits. No thread may be tapping. NULL is fine. */
void mw_journal_close(mw_journal *journal);
const char *mw_journal_folder(const mw_journal *journal);

/* The mark of a model in its rows' shape. */
uint64_t mw_journal_model(const mw_forest *forest);

/* One answered request; all borrowed for the call. */
typedef struct mw_journal_entry {
    const char *endpoint; /* the same pointer for the same endpoint; lives as long as the journal */
    unsigned version;
    const mw_forest *forest;
    mw_view id; /* of the request */
    const mw_matrix *rows;
    const double *values; /* (n_rows, n_outputs) */
    size_t n_outputs;
} mw_journal_entry;

/* Any thread; no lock once the thread has seen the version, no system call but to wake a writer
 * whose queue is half full. Cost: some 0.2 us a request and a copy of its rows. */
void mw_journal_tap(mw_journal *journal, const mw_journal_entry *entry);

typedef struct mw_journal_counts {
    uint64_t rows_written, rows_dropped; /* dropped: no room in the queue, or not written */
    uint64_t rows_unsampled;
    uint64_t rows_explained, rows_unexplained; /* un-: wanted, but there was no time, or no model */
    uint64_t blocks_written, blocks_failed;    /* failed: the disk is full, or worse */
    uint64_t segments, bytes;                  /* on the disk now */
    uint64_t segments_removed;                 /* by size or age */
    uint64_t torn_bytes, damaged_blocks;       /* found at start: cut off; passed over */
    bool has_kafka;
    uint64_t kafka_sent, kafka_dropped; /* rows: a broker has them; full queue, or none in time */
} mw_journal_counts;
void mw_journal_count(mw_journal *journal, mw_journal_counts *ret_counts);

/* ---- feedback: what was true ----------------------------------------------------------------- */

typedef struct mw_feedback_counts {
    uint64_t received;
    uint64_t joined;     /* to their predictions */
    uint64_t waiting;    /* no prediction has this id so far; of the totals: now */
    uint64_t duplicates; /* said before */
    uint64_t replaced;   /* said before, otherwise: the newer one counts */
    uint64_t misfits;    /* no class, or no number, of the model that predicted */
    uint64_t unknown;    /* waited for an hour: no prediction had this id, or it is gone */
    uint64_t passed_on;  /* of those that wait or waited: told to other servers, who may have it */
    uint64_t elsewhere;  /* of these: another server had the prediction, and said so */
} mw_feedback_counts;

/* A body of labels on its way; the caller's memory, until `done`. */
typedef struct mw_feedback {
    const char *endpoint;
    mw_view body;
    bool is_csv;
    /* From mw_journal_take_astray of another server: its endpoints are in it. What finds no
     * prediction here is passed over, and not counted. */
    bool is_passed_on;
    /* From mw_journal_take_told of another server, or of this one before it began again: heard, and
     * kept in memory alone. MW_BAD_DATA: damaged. */
    bool is_told;
    mw_arena *arena; /* for the labels */
    /* Called by the journal's thread: labels are on the disk and joined, or `status` says why not.
     * MW_BAD_DATA: the body; then none of it was taken. MW_IO: the disk. */
    void (*done)(struct mw_feedback *feedback);
    void *user;
    mw_status status;
    mw_error err;
    mw_feedback_counts result;
    struct mw_feedback *next; /* the journal's own */
} mw_feedback;

/* Take a body of labels; `done` is called once, soon. Any thread. Fails: MW_BUSY (too many wait;
 * `done` is not called). */
MW_CHECKED mw_status mw_journal_feedback(mw_journal *journal, mw_feedback *feedback, mw_error *err);
/* Labels that have waited for longer than predictions take to the disk, as another server's journal
 * takes them: their predictions may be there. Each comes once, from the first call on; appended.
 * Any thread. */
void mw_journal_take_astray(mw_journal *journal, mw_buf *out);
/* Predictions of this server that were told the truth, and that others were not told of: as the
 * journal of another server hears them. Asked for by one call, given away by the next ones; call it
 * once all that is there was heard. Appended. Any thread. */
void mw_journal_take_told(mw_journal *journal, mw_buf *out);
void mw_journal_count_feedback(mw_journal *journal, mw_feedback_counts *ret_counts);

/* ---- performance: predictions and the truth -------------------------------------------------- */

typedef struct mw_performance_query {
    mw_view endpoint;       /* empty = all */
    unsigned version;       /* 0 = all */
    int64_t from_ms, to_ms; /* when the prediction was made; 0 = open */
    uint64_t last;          /* labels of each version, the newest; 0 = all that are held */
    mw_view slice;          /* a column by which to tell apart; empty = none */
    double threshold;       /* of a probability; NaN = 0.5 */
    int64_t step_ms;        /* tell of each such stretch of time that has labels; 0 = of all */
    bool is_alone;          /* of this server's predictions; else also of what others told */
} mw_performance_query;

/* How many of a version's predictions were wrong, beside what the first labels told; of all that
 * were ever told, whatever was asked for (losses.c). */
typedef struct mw_performance_loss {
    const char *name; /* "zero_one", "far_off"; NULL: not known */
    mw_level_state level;
    int64_t since_ms; /* risen: when the first prediction of the rise was made; 0: forgotten */
} mw_performance_loss;

/* Of a version; and of one slice of it. */
typedef struct mw_performance_part {
    const mw_log_shape *shape;
    const char *slice; /* "20..35", "red"; NULL: of all */
    mw_task task;
    size_t n_labels, n_metrics, n_servers;  /* n_servers: that made the predictions */
    mw_estimate metrics[MW_QUALITY_MAX];    /* of mw_quality_metrics(task); NaN: not to be had */
    int64_t first_ms, last_ms;              /* predictions */
    int64_t step_begin_ms;                  /* of the stretch, a multiple of step_ms */
    double delay_p50, delay_p90, delay_max; /* seconds from prediction to label */
    mw_performance_loss loss;               /* of all rows, not of a slice or a stretch; of this
                                               server's predictions alone */
} mw_performance_part;

/* Tell of each version, the oldest first; with a slice also of each of its values (of a number with
 * more than ten: by quarters). On the journal's thread, `done` behind the last. Otherwise as
 * feedback. */
typedef struct mw_performance_task {
    mw_performance_query query;
    void (*see)(void *user, const mw_performance_part *part);
    void (*done)(struct mw_performance_task *task);
    void *user;
    mw_status status;
    mw_error err;
    struct mw_performance_task *next;
} mw_performance_task;

MW_CHECKED mw_status mw_journal_performance(mw_journal *journal, mw_performance_task *task,
                                            mw_error *err);

/* What /metrics and alerts read: each version's newest 10,000 labels, looked at every two seconds
 * while labels come. `see` is called under a lock. Any thread. */
void mw_journal_each_performance(mw_journal *journal,
                                 void (*see)(void *user, const mw_performance_part *part),
                                 void *user);

/* ---- fairness: how groups are treated (fair_watch.h) ------------------------------------------
 */

/* From now on; rows and labels from before are told by group, too, as far back as the window goes.
 * A plan without attributes ends the watch. Any thread. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_journal_watch_fairness(mw_journal *journal, const char *endpoint,
                                               const mw_fair_plan *plan, mw_error *err);
/* What was found at the last look, two seconds ago at most; of an endpoint, or (empty) of all.
 * `see` is called under a lock. False: that endpoint is not watched. Any thread. */
bool mw_journal_each_fairness(mw_journal *journal, mw_view endpoint,
                              void (*see)(void *user, const mw_fair_report *report), void *user);

/* The same as mw_performance_task, from the files of a folder. *ret_counts (may be NULL): what
 * became of the labels there. */
MW_CHECKED mw_status mw_log_performance(const char *folder, const mw_performance_query *query,
                                        void (*see)(void *user, const mw_performance_part *part),
                                        void *user, mw_feedback_counts *ret_counts, mw_error *err);
/* A part as a JSON object. */
void mw_performance_write(const mw_performance_part *part, mw_buf *out);

/* ---- reading: beside a server that writes, or without one ------------------------------------ */

typedef struct mw_log_query {
    mw_view endpoint;       /* empty = all */
    unsigned version;       /* 0 = all */
    int64_t from_ms, to_ms; /* since 1970; 0 = open; to is not included */
    mw_view id;             /* of a request, or of a row of it, "ID#4"; empty = all */
    uint64_t last;          /* so many of the newest rows, and perhaps more; 0 = all */
} mw_log_query;

typedef struct mw_log_row {
    const mw_log_shape *shape;
    int64_t time_ms;
    mw_view id; /* of the request */
    uint32_t row;
    const double *inputs; /* n_columns; NaN of a dropped one; of a hashed one the hash's bits */
    const double *outputs;
    const double *contributions; /* n_columns, NaN of a private one; then the bias. NULL: none */
} mw_log_row;

/* {"time":"2026-...","id":"ID#4","endpoint":"churn","version":1,"model":"0123...","inputs":{...},
 * "prediction":0.3}: what `mw log` and Kafka's topic have; without a line end. With contributions
 * also "contributions":{"age":0.25,...},"bias":-1.5. */
void mw_log_row_json(const mw_log_row *row, mw_buf *out);

typedef struct mw_log_totals {
    uint64_t segments, bytes, blocks, rows, raw_bytes;
    uint64_t damaged_blocks, damaged_bytes, torn_bytes;
    int64_t first_ms, last_ms;
} mw_log_totals;

/* Rows in the order in which they were written. `see` may stop it by returning false. `shape` and
 * the rest are borrowed for the call. ret_totals (may be NULL) of what was passed. Fails:
 * MW_NOT_FOUND (no log there), MW_IO, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_log_read(const char *folder, const mw_log_query *query,
                                 bool (*see)(void *user, const mw_log_row *row), void *user,
                                 mw_log_totals *ret_totals, mw_error *err);
/* Every shape whose rows the query may find, the oldest first, one of a kind. Rows are not read. */
MW_CHECKED mw_status mw_log_shapes(const char *folder, const mw_log_query *query,
                                   void (*see)(void *user, const mw_log_shape *shape), void *user,
                                   mw_log_totals *ret_totals, mw_error *err);

#endif
