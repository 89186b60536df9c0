/* What the files of `mw model validate` share: the rows, the predictions, the suite, the checks.
 *
 *     validate_rows.c      CSV --> target, weight, query, features; the model's predictions
 *     validate_suite.c     YAML --> limits, tests; refused with line and column
 *     validate_measure.c   metrics with intervals --> checks; champion against challenger
 *     validate_slices.c    parts of the rows, the worst ones found
 *     validate_behave.c    what predictions do when rows change
 *     validate_data.c      the rows themselves; leakage; overlap with the training rows
 *     validate_json.c, validate_text.c, validate_html.c, validate_ci.c    the finding */
#ifndef CLI_VALIDATE_H
#define CLI_VALIDATE_H

#include "call.h"
#include "frame_file.h"
#include "predict/predict.h"
#include "registry/registry.h"
#include "stats/stats.h"
#include "undecided.h"

#define CLI_NO_COLUMN SIZE_MAX

typedef enum cli_verdict { CLI_PASS, CLI_UNDECIDED, CLI_FAIL } cli_verdict;

/* "pass", "undecided", "fail". */
const char *cli_verdict_name(cli_verdict verdict);

/* One line of the report. */
typedef struct cli_check {
    mw_view name; /* "metric/roc_auc", "slice/sex=Female", "monotone/age" */
    mw_view why;  /* a clause with the numbers */
    double value; /* NaN: there is none */
    mw_interval interval;
    double min, max; /* NaN: no such limit */
    cli_verdict verdict;
    cli_undecided rule;
    double n_rows;    /* that were measured; 0: all */
    double more_rows; /* may decide it; NaN: none would, or it is decided */
    bool stops;       /* the validation does not pass for it */
    unsigned line;    /* of the suite; 0: not from there */
} cli_check;

/* ---- suite ----------------------------------------------------------------------------------- */

typedef struct cli_names {
    mw_view *items;
    size_t count;
} cli_names;

typedef struct cli_limit {
    mw_view name; /* of a metric */
    double number, min, max;
    cli_undecided undecided;
    unsigned line, column;
} cli_limit;

typedef enum cli_behaviour_kind {
    CLI_INVARIANCE,
    CLI_MONOTONE,
    CLI_DIRECTIONAL,
    CLI_RANGE_TEST,
    CLI_DETERMINISM,
    CLI_MISSING,
    CLI_NOISE,
    CLI_KNOWN_ROWS,
    CLI_N_BEHAVIOURS
} cli_behaviour_kind;

typedef struct cli_behaviour {
    cli_behaviour_kind kind;
    mw_view name, feature, expect, direction, column; /* column: known_rows */
    cli_names columns;
    double add, times, set; /* directional; NaN: not that way */
    double tolerance, share, min, max, max_change, max_drop, noise;
    size_t points, rows;
    mw_view file;
    unsigned line, column_of_file;
} cli_behaviour;

typedef struct cli_column_rule {
    mw_view name, type;
    cli_names values;
    double min, max, max_missing;
    bool optional;
    unsigned line, column;
} cli_column_rule;

typedef struct cli_suite {
    const char *path; /* NULL: none was given */
    mw_yaml_document *document;
    cli_limit *limits;
    size_t n_limits;
    cli_undecided undecided;
    struct {
        mw_view metric;
        double margin;
        bool must_be_better;
        cli_undecided undecided;
        unsigned line, column;
    } compare;
    struct {
        cli_names columns;
        mw_view metric;
        double min, max, max_gap;
        size_t min_rows, depth, worst;
        cli_undecided undecided;
        unsigned line, column;
    } slices;
    cli_behaviour *tests;
    size_t n_tests;
    struct {
        cli_column_rule *columns;
        size_t n_columns;
        cli_names unique;
        double min_rows, max_rows, min_balance, max_leakage, max_duplicates;
        unsigned line;
    } data;
    double max_overlap;
    double max_p50_ms, max_p99_ms, max_bytes;
    unsigned overlap_line, latency_line, size_line;
} cli_suite;

/* ---- predictions ----------------------------------------------------------------------------- */

/* A model, or columns of predictions, and how good they are. */
typedef struct cli_candidate {
    const char *text;  /* as it was given */
    mw_forest *forest; /* NULL: predictions were given */
    mw_predictor *predictor;
    char digest[MW_DIGEST_TEXT_BYTES]; /* of the model's file; "" */
    int64_t bytes;
    mw_batch features;
    double *values; /* (n_rows, n_values) as the model gives them */
    size_t n_values;
    const mw_words *words; /* of one column of classes as texts; else NULL */
    double *predicted, *shares;
    bool has_scores; /* binary: not decisions alone */
    mw_judged judged;
    mw_quality *quality;
    mw_estimate estimates[MW_QUALITY_MAX];
} cli_candidate;

typedef struct cli_slice {
    mw_view name; /* "sex=Female & age 17..25" */
    size_t n_rows, n_terms;
    size_t terms[3];
    mw_estimate primary;                           /* of the metric that slices are looked at by */
    double loss, loss_rest, effect, p, p_adjusted; /* Welch's test of losses; Benjamini-Hochberg */
    bool is_asked, is_small;
} cli_slice;

typedef struct cli_validation {
    const cli_call *call;
    mw_arena memory;
    cli_frame_file file;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_words *words; /* a column, where it is read as texts; owned */
    size_t target, weight, query;
    mw_task task;
    size_t n_classes;
    mw_view *classes; /* names; NULL: numbers from 0 */
    double *truth, *weights;
    uint32_t *query_of;
    size_t n_queries, n_rows;
    double threshold;
    cli_candidate model, other; /* other: --against */
    bool has_other;
    mw_registry *registry;
    cli_suite suite;
    cli_check *checks;
    size_t n_checks, checks_capacity;
    ptrdiff_t primary; /* metric that is compared by */
    ptrdiff_t sliced;  /* metric that slices are looked at by */
    mw_contrast_of_metric *contrasts;
    mw_delong_pair delong;
    mw_mcnemar mcnemar;
    bool has_delong, has_mcnemar;
    double margin;
    cli_verdict compared;
    cli_slice *slices;
    size_t n_slices, n_searched;
    cli_frame_file train;
    cli_names notes; /* warnings that no limit was set for */
    double latency_p50_ms, latency_p99_ms, rows_per_second;
    bool passed;
} cli_validation;

/* --data, its target, weights and queries. Fails: MW1037, MW1038. */
MW_CHECKED mw_status cli_validate_read(cli_validation *v, mw_error *err);
/* Load MODEL and --against, or find the columns; predict; tell the task and sort. */
MW_CHECKED mw_status cli_validate_predict(cli_validation *v, mw_error *err);
/* A model's values of these rows; ret_values holds n_values a row. */
MW_CHECKED mw_status cli_validate_values(const cli_candidate *c, const mw_batch *rows,
                                         double *ret_values, mw_error *err);
/* Fails: MW1039, with file, line and column. */
MW_CHECKED mw_status cli_validate_read_suite(cli_validation *v, mw_error *err);
/* The same of a text; data NULL: nothing is asked for. What it says lives in v->memory. */
MW_CHECKED mw_status cli_validate_parse_suite(cli_validation *v, mw_view text, const char *name,
                                              mw_error *err);
MW_CHECKED mw_status cli_validate_measure(cli_validation *v, mw_error *err);
MW_CHECKED mw_status cli_validate_slices(cli_validation *v, mw_error *err);
MW_CHECKED mw_status cli_validate_behave(cli_validation *v, mw_error *err);
MW_CHECKED mw_status cli_validate_data(cli_validation *v, mw_error *err);

/* A check more; name and why are copied. */
MW_CHECKED mw_status cli_validate_add(cli_validation *v, const cli_check *check, const char *why,
                                      mw_error *err);
/* A note more. */
MW_CHECKED mw_status cli_validate_note(cli_validation *v, mw_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Beyond a limit: fail; inside with the whole interval: pass; else undecided. */
cli_verdict cli_verdict_of(double value, mw_interval interval, double min, double max);
/* "suite.yaml:3:5: ..." */
mw_status cli_suite_fail(const cli_validation *v, unsigned line, unsigned column, const char *what,
                         const char *mend, mw_error *err);
/* "0.924", "3.1e-05", "-" for NaN. */
void cli_validate_number(mw_buf *out, double value);
/* "passed: 4 of 5 checks; 1 undecided". */
void cli_validate_headline(const cli_validation *v, mw_buf *out);

MW_CHECKED mw_status cli_validate_json(const cli_validation *v, mw_buf *out, mw_error *err);
void cli_validate_text(const cli_validation *v, mw_buf *out);
void cli_validate_markdown(const cli_validation *v, mw_buf *out);
void cli_validate_html(const cli_validation *v, mw_buf *out);
void cli_validate_junit(const cli_validation *v, mw_buf *out);
void cli_validate_github(const cli_validation *v, mw_buf *out);

#endif
