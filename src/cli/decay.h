/* What the files of `mw decay estimate` share: rows of two files, a method, chunks, and a finding.
 *
 *     decay_rows.c      columns --> rows that have all that is needed
 *     decay_classes.c, decay_loss.c, command_decay.c   CBPE of several classes; DLE; CBPE of two
 *     command_decay.c   chunks, thresholds, alarms
 *     decay_report.c    the finding as text and JSON */
#ifndef CLI_DECAY_H
#define CLI_DECAY_H

#include "call.h"
#include "frame_file.h"
#include "frame_rows.h"
#include "stats/stats.h"

enum { CLI_DECAY_METRICS = 6, CLI_DECAY_DEVIATIONS = 3, CLI_DECAY_CLASSES = 1000 };

/* Rows of one file that have all that is needed, side by side. */
typedef struct cli_decay_rows {
    cli_frame_file file;
    mw_words *words;      /* of its text columns; NULL: not asked for */
    double *block;        /* owned: holds all below */
    double *scores;       /* (n_scores, room): of classes, or losses that a model predicts */
    double *decisions;    /* 0 and 1, a class's place, or what a regression said */
    const double *labels; /* NULL: some row has none */
    size_t n, room, n_left_out;
} cli_decay_rows;

typedef struct cli_decay_chunk {
    size_t first, n;
    double estimated[CLI_DECAY_METRICS], realized[CLI_DECAY_METRICS], error[CLI_DECAY_METRICS];
    bool has_realized;
} cli_decay_chunk;

typedef struct cli_decay cli_decay;

typedef struct cli_decay_method {
    const char *name; /* "cbpe", "dle" */
    double most;      /* no metric is above */
    /* What the options say; metrics are named. */
    mw_status (*begin)(cli_decay *job, mw_error *err);
    /* The columns of a file, gathered. */
    mw_status (*read)(cli_decay *job, cli_decay_rows *rows, bool is_reference, mw_error *err);
    /* What the reference teaches, job->errors among it. */
    mw_status (*fit)(cli_decay *job, mw_error *err);
    /* Estimated, and where there are labels realized. */
    mw_status (*measure)(const cli_decay *job, const cli_decay_rows *rows, cli_decay_chunk *chunk,
                         mw_error *err);
    /* Members of the finding, and half a sentence about it. */
    void (*json)(const cli_decay *job, mw_buf *out);
    void (*text)(const cli_decay *job, mw_buf *out);
    void (*done)(cli_decay *job);
} cli_decay_method;

extern const cli_decay_method cli_decay_classes, cli_decay_loss;

struct cli_decay {
    const cli_call *call;
    const cli_decay_method *method;
    cli_decay_rows reference, current;
    const char *metrics[CLI_DECAY_METRICS]; /* n_metrics */
    size_t n_metrics;
    mw_decay_error errors[CLI_DECAY_METRICS];
    double low[CLI_DECAY_METRICS], high[CLI_DECAY_METRICS];
    double expected[CLI_DECAY_METRICS]; /* of the reference's chunks */
    size_t chunk_rows;
    cli_decay_chunk *chunks; /* of the current rows */
    size_t n_chunks, n_alarms;
    /* of two classes */
    double threshold;
    bool calibrated;
    mw_isotonic *curve;
    void *of_method; /* of the others */
};

/* ---- decay_rows.c ---------------------------------------------------------------------------- */

/* Fails: MW_MISMATCH (MW8410). */
MW_CHECKED mw_status cli_decay_fail_column(const cli_frame_file *file, mw_view name, mw_error *err);
/* A column of numbers. Fails: MW8410 there is none, or it holds text. */
MW_CHECKED mw_status cli_decay_numbers(const cli_frame_file *file, mw_view name,
                                       const double **ret_values, mw_error *err);
/* Whether labels are to be read of this file: it must have them, or does. */
bool cli_decay_has_labels(const cli_decay *job, const cli_decay_rows *rows, bool is_reference);
/* The rows of columns that have every score, and labels where they are needed. `decisions` and
 * `labels` may be NULL; then rows->decisions are the caller's to fill. */
MW_CHECKED mw_status cli_decay_keep(cli_decay_rows *rows, const double *const *scores,
                                    size_t n_scores, const double *decisions, const double *labels,
                                    bool needs_labels, mw_error *err);

/* ---- the finding ----------------------------------------------------------------------------- */

bool cli_decay_alarms(const cli_decay *job, const cli_decay_chunk *chunk, size_t metric);
void cli_decay_json(const cli_decay *job, mw_buf *out);
void cli_decay_text(const cli_decay *job, mw_buf *out);

#endif
