/* report: charts, and what a table of data is like, for people. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/base.h"
#include "chart.h"
#include "page.h"
#include "paper.h"
#include "table/table.h"

/* ---- what a table is like ---------------------------------------------------------------------
 */

enum { MW_PROFILE_BINS = 20, MW_PROFILE_TOP = 8, MW_PROFILE_EDGES = MW_PROFILE_BINS + 1 };

typedef enum mw_column_kind {
    MW_KIND_NUMBER,
    MW_KIND_WHOLE, /* numbers without fractions */
    MW_KIND_TEXT,
    MW_KIND_CONSTANT, /* one value */
    MW_KIND_EMPTY     /* nothing but missing */
} mw_column_kind;

/* "number", "whole number", "text", "constant", "empty". */
const char *mw_column_kind_name(mw_column_kind kind);

typedef struct mw_top_value {
    mw_view text;
    double count;
} mw_top_value;

typedef struct mw_column_profile {
    mw_view name;
    mw_column_kind kind;
    bool is_text;
    size_t n, n_missing, n_infinite, n_distinct; /* n: neither missing nor infinite */
    /* numbers; quantiles as numpy's default, moments divided by n, as pandas' describe(ddof=0) */
    double least, quarter, median, three_quarters, most, mean, deviation, skewness, kurtosis;
    size_t n_zero, n_negative;
    size_t n_outliers; /* beyond 1.5 times the box (Tukey) */
    double edges[MW_PROFILE_EDGES], counts[MW_PROFILE_BINS];
    size_t n_bins;
    mw_top_value top[MW_PROFILE_TOP]; /* commonest values of a text, or of few numbers */
    size_t n_top;
    double relation; /* to the target, 0..1; NaN: none was named, or not to be told */
    double alone;    /* of a target of two values: AUC of this column alone, 0.5..1; else NaN */
} mw_column_profile;

typedef struct mw_related {
    size_t first, second;
    double value;
} mw_related;

typedef struct mw_data_profile {
    mw_view name;                           /* of the file */
    size_t n_rows, n_columns, n_duplicates; /* rows that are the same as another in every column */
    ptrdiff_t target;                       /* -1: none */
    bool target_is_class;
    mw_column_profile *columns;
    double *relations; /* (n_columns, n_columns), 0..1 (numbers: -1..1); NaN: not told */
    mw_related *strongest;
    size_t n_strongest;
    mw_view *warnings, *hints; /* what to look at; what to try */
    size_t n_warnings, n_hints;
    mw_arena memory; /* holds all of this */
} mw_data_profile;

/* Look at a table.
 *   frame   its text columns coded by words[column] (mw_frame_code); borrowed until the end
 *   target  a column, or -1
 * Fails: MW_NO_MEMORY. Whether or not, mw_data_profile_done. Cost: O(rows log rows) a column, and
 * O(rows) a pair of the first 60 columns. */
MW_CHECKED mw_status mw_data_profile_make(const mw_frame *frame, const mw_words *words,
                                          mw_view name, ptrdiff_t target, mw_data_profile *profile,
                                          mw_error *err);
void mw_data_profile_done(mw_data_profile *profile);

void mw_data_profile_html(const mw_data_profile *profile, mw_buf *out);
void mw_data_profile_markdown(const mw_data_profile *profile, mw_buf *out);
void mw_data_profile_json(const mw_data_profile *profile, mw_buf *out);

/* ---- cards ------------------------------------------------------------------------------------
 */

/* A line of a section: a name with its value, or prose where the name is empty. */
typedef struct mw_card_entry {
    mw_view name, value;
} mw_card_entry;

typedef struct mw_card_section {
    const char *key, *title; /* "intended_use", "Intended use" */
    mw_card_entry *entries;
    size_t n_entries; /* 0: shown as "not provided" */
} mw_card_section;

enum { MW_CARD_SECTIONS = 16 };

/* A model card (Mitchell 2019): what is known of a version, and what people wrote. All borrowed. */
typedef struct mw_card {
    mw_view title, verdict;
    mw_view text, text_note; /* Markdown that people wrote, and whose it is; empty: nobody did */
    mw_card_section sections[MW_CARD_SECTIONS];
    size_t n_sections;
} mw_card;

void mw_card_html(const mw_card *card, mw_buf *out);
void mw_card_markdown(const mw_card *card, mw_buf *out);
void mw_card_json(const mw_card *card, mw_buf *out);

/* ---- papers: findings in words ----------------------------------------------------------------
 *
 * Each makes a paper of JSON that was measured elsewhere: nothing is computed twice. What is absent
 * in it is said to be unknown. */

/* Of the JSON of `mw drift check`. */
void mw_report_drift_files(const mw_json *check, mw_paper *paper);

typedef struct mw_live_drift {
    mw_view endpoint;
    const char *server, *window;          /* "24h" */
    double now;                           /* seconds since 1970 */
    const mw_json *drift, *bins, *series; /* of /mw/v1/endpoints/{name}/drift*; or NULL */
    const char *const *gaps;              /* what could not be asked, and why */
    size_t n_gaps;
} mw_live_drift;
/* Of what a running server says of an endpoint. */
void mw_report_drift_live(const mw_live_drift *live, mw_paper *paper);

/* Of the JSON of `mw fairness check`. */
void mw_report_fairness(const mw_json *check, mw_paper *paper);

/* Of a server since it began; started 0: not known. */
typedef struct mw_counters {
    double started, requests, failures, p50, p99; /* seconds; NaN */
} mw_counters;

/* What is known of an endpoint's week; NULL: not known. Answers of the server below /mw/v1 as they
 * are, unless said otherwise. */
typedef struct mw_week {
    mw_view endpoint, model;                 /* model: empty where it is not known */
    const char *source;                      /* who told */
    double from, to, now;                    /* seconds since 1970; from: seven days before to */
    const mw_json *served, *drift;           /* endpoints/{name}, its drift of 7d */
    const mw_json *traffic, *traffic_before; /* its series of this week and the one before */
    const mw_json *rows; /* {"t", "rows"}: by days, of all versions that are watched */
    const mw_json *log; /* {"t", "rows", "first"}: by days, of the prediction log; first: its own */
    const mw_json *performance, *performance_before;
    const mw_json *alerts, *audit, *rollouts;
    mw_counters counters;
    const char *const *gaps;
    size_t n_gaps;
} mw_week;
void mw_report_weekly(const mw_week *week, mw_paper *paper);

/* What is known around an alert or of a span of time; likewise. */
typedef struct mw_incident {
    mw_view endpoint, model; /* data NULL: of all */
    mw_view summary;         /* a sentence, with its end */
    const char *source;
    double from, to, now;
    const mw_json *alert; /* NULL: a span of time */
    const mw_json *alerts, *audit, *drift, *traffic;
    const char *const *gaps;
    size_t n_gaps;
} mw_incident;
void mw_report_incident(const mw_incident *incident, mw_paper *paper);

#endif
