/* What the files of `mw fairness check` share: rows, the groups they fall into, and the finding.
 *
 *     fairness_rows.c      CSV --> label, decision, score, group of each row --> counts by group
 *     fairness_measures.c  counts by group --> differences and ratios, by name
 *     fairness_suite.c     YAML --> limits; each limit --> pass, fail or undecided
 *     fairness_text.c, fairness_json.c, fairness_html.c   the finding */
#ifndef CLI_FAIRNESS_H
#define CLI_FAIRNESS_H

#include "call.h"
#include "frame_file.h"
#include "registry/registry.h"
#include "stats/stats.h"
#include "undecided.h"

typedef struct cli_fair_group {
    mw_view name; /* "Female|Black" */
    mw_confusion counts;
    double n_rows;
    double worth; /* what to multiply counts with, so that they are as many as independent rows:
                     Kish */
    /* of the score; NaN where it is not defined, or rows have weights */
    double auc, mean_score, brier, ece;
    bool is_small; /* shown, and never a reason to pass */
} cli_fair_group;

typedef enum cli_fair_verdict { CLI_FAIR_PASS, CLI_FAIR_UNDECIDED, CLI_FAIR_FAIL } cli_fair_verdict;

typedef struct cli_fair_limit {
    const mw_fair_measure *measure;
    double min, max;   /* NaN: none */
    mw_view attribute; /* data NULL: every one */
} cli_fair_limit;

/* A limit, and what came of it for one attribute. */
typedef struct cli_fair_check {
    const cli_fair_limit *limit;
    double value;         /* over the groups that are large enough; NaN without two */
    mw_interval interval; /* 95 %, bootstrap */
    cli_fair_verdict verdict;
    size_t n_small;   /* groups that were too small to be judged */
    double more_rows; /* how many rows in all may decide it; NaN: none would, or it is decided */
} cli_fair_check;

typedef struct cli_fair_pair { /* a group beside the one that is selected most */
    double z, p_z, p_fisher, p_holm, p_bh;
} cli_fair_pair;

typedef struct cli_fair_attribute {
    mw_view name;    /* "sex|race" */
    size_t *columns; /* of the frame */
    size_t n_columns;
    uint32_t *group_of;     /* of each row */
    cli_fair_group *groups; /* by name; n_groups, n_empty more combinations have no rows */
    size_t n_groups, n_empty;
    mw_gaps gaps[MW_N_RATES];
    size_t reference; /* the group that is selected most; n_groups: none */
    cli_fair_pair *pairs;
    mw_test chi_square;
    cli_fair_check *checks;
    size_t n_checks;
} cli_fair_attribute;

typedef struct cli_fair {
    const cli_call *call;
    cli_frame_file file;
    char digest[MW_DIGEST_TEXT_BYTES]; /* of the file; "" of standard input */
    mw_words *words;                   /* a column, where it is read as texts; owned */
    size_t label, score, weight;       /* columns; weight may be CLI_FAIR_NO_COLUMN */
    bool has_repeats;                  /* the weight counts equal rows */
    bool is_score_share;               /* every score lies in 0..1 */
    double threshold, zero_division;
    uint8_t *labels; /* of each row, 0 or 1; owned */
    cli_fair_group overall;
    cli_fair_attribute *attributes;
    size_t n_attributes;
    cli_fair_limit *limits;
    size_t n_limits;
    size_t min_group, min_among;
    cli_undecided undecided;
    cli_fair_verdict verdict;
    bool undecided_stops; /* by what the suite or the call says */
    bool stops;           /* a limit is broken, or undecided where it must be shown to be kept */
    mw_arena memory;
} cli_fair;

#define CLI_FAIR_NO_COLUMN SIZE_MAX

void cli_fair_init(cli_fair *job, const cli_call *call);
/* The whole finding, of the call's options. Fails: MW1034 to MW1036, and as files do. */
MW_CHECKED mw_status cli_fair_make(cli_fair *job, mw_error *err);
void cli_fair_done(cli_fair *job);

/* Fails: MW1034 (columns), MW1035 (values). */
MW_CHECKED mw_status cli_fair_read(cli_fair *job, mw_error *err);

/* A rate of a group, with --zero-division where it is not defined. */
double cli_fair_rate(const cli_fair *job, const mw_confusion *counts, mw_outcome_rate rate);
/* Of these counts by group; `overall` may be their sum or that of more groups. */
MW_CHECKED mw_status cli_fair_value(const cli_fair *job, const mw_fair_measure *measure,
                                    const mw_confusion *groups, size_t n, double *ret_value,
                                    mw_error *err);
/* Gaps and tests of every attribute. */
MW_CHECKED mw_status cli_fair_measure_all(cli_fair *job, mw_error *err);
/* 95 %, of a group's rate; NaN where it is not defined. */
mw_interval cli_fair_interval(const cli_fair_group *group, mw_outcome_rate rate);

/* Read --suite, or nothing. Fails: MW1036 with file, line and column. */
MW_CHECKED mw_status cli_fair_read_suite(cli_fair *job, mw_error *err);
MW_CHECKED mw_status cli_fair_judge(cli_fair *job, mw_error *err);
const char *cli_fair_verdict_name(cli_fair_verdict verdict);
/* One clause: "0.36, at least 0.8; 95 % 0.33 to 0.39". */
void cli_fair_why(const cli_fair_check *check, mw_buf *out);
/* One sentence over the whole. */
void cli_fair_headline(const cli_fair *job, mw_buf *out);
/* "0.412"; "-" for NaN. */
void cli_fair_number(mw_buf *out, double value);

void cli_fair_text(const cli_fair *job, mw_buf *out);
MW_CHECKED mw_status cli_fair_json(const cli_fair *job, mw_buf *out, mw_error *err);
void cli_fair_html(const cli_fair *job, mw_buf *out);

#endif
