/* Behind the door: what papers read from findings, which are JSON. What is absent is NaN, or "". */
#ifndef REPORT_READING_H
#define REPORT_READING_H

#include "paper.h"

mw_view reading_text(const mw_json *node, const char *key);
double reading_number(const mw_json *node, const char *key);
/* The same, 0 where it is absent: for sentences. */
double reading_count(const mw_json *node, const char *key);
bool reading_is(const mw_json *node, const char *key); /* true */
/* "2027-01-31T12:00:00.5Z", or ms since 1970 --> seconds; NaN. */
double reading_time(const mw_json *node, const char *key);
double reading_moment(mw_view text);

/* Bins of a column as `mw drift check` and a running server tell them: [{"low", "high" or
 * "category" or "kind", "reference", "current"}] --> a figure of shares, and the place where most
 * changed. Valid as long as the arena. n = 0: there are none. */
typedef struct reading_bins {
    mw_view *labels;
    double *before, *now; /* shares of all rows */
    double rows_before, rows_now;
    size_t n, most; /* most: the bin whose share changed most */
} reading_bins;
void reading_of_bins(const mw_json *bins, mw_arena *arena, reading_bins *ret_bins);

/* A line over time of two lists of numbers, null is a gap. Nothing where they do not fit each
 * other, or are shorter than two: false. */
typedef struct reading_line {
    const mw_json *t, *values; /* t: seconds since 1970 */
    const char *key, *unit;
    mw_view title;
    double rule; /* NaN: none */
    const double *moments;
    size_t n_moments;
} reading_line;
bool reading_draw(mw_paper *paper, const reading_line *line);

/* "12 % -> 40 %" of numbers, as sentences: "rows of 'a' to 'b' went from 12 % to 40 %". */
void reading_put_percent(mw_buf *out, double share);
/* How sure, in words, of a p-value and of the logarithm of an e-value. */
void reading_put_chance(mw_buf *out, double p);
void reading_put_evidence(mw_buf *out, double log_e_value);

#endif
