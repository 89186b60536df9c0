/* journal: every prediction kept on the disk, and the truth about it when it comes.
 *
 *     tap (behind each answer) --copies rows--> queue --writer--> blocks, zstd, CRC32C --> segments
 *                                                 `full: dropped and counted
 *     DIR/predictions-00000007.log   append-only; .idx beside it once it is closed: where each id
 * is
 *
 * A prediction is known by the id of its request and its row, "0193a0...#4"; the id alone is row 0.
 * Format of the files: docs/reference/prediction-log.md. Not done here: Parquet, Kafka. */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "model/model.h"

typedef struct mw_journal mw_journal;

/* ---- what rows look like ----------------------------------------------------------------------
 */

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
} mw_log_shape;

/* ---- writing ----------------------------------------------------------------------------------
 */

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
} mw_journal_options;

/* Cut what a crash has left torn, then start the writer. Fails: MW_CONFLICT (another process writes
 * there), MW_IO, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_journal_open(const mw_journal_options *options, mw_journal **ret_journal,
                                     mw_error *err);
/* Writes what waits. No thread may be tapping. NULL is fine. */
void mw_journal_close(mw_journal *journal);
const char *mw_journal_folder(const mw_journal *journal);

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
    uint64_t blocks_written, blocks_failed; /* failed: the disk is full, or worse */
    uint64_t segments, bytes;               /* on the disk now */
    uint64_t segments_removed;              /* by size or age */
    uint64_t torn_bytes, damaged_blocks;    /* found at start: cut off; passed over */
} mw_journal_counts;
void mw_journal_count(mw_journal *journal, mw_journal_counts *ret_counts);

/* ---- reading: beside a server that writes, or without one -------------------------------------
 */

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
} mw_log_row;

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
