/* Charts as SVG, coloured by the page's variables (page.h): each is one element with a title, made
 * for a column of the page. Numbers that are not finite draw nothing. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "base/base.h"

/* n counts over n + 1 edges, or over n places where edges is NULL; `second` (or NULL) is drawn as a
 * line over it, both as shares of their sums. */
void mw_chart_histogram(mw_buf *out, const char *title, const double *edges, const double *counts,
                        const double *second, size_t n);
/* Lying bars with their labels and values; values of 0 or more. */
void mw_chart_bars(mw_buf *out, const char *title, const mw_view *labels, const double *values,
                   size_t n);
/* A square of 0..1 by 0..1 with a diagonal: ROC, precision and recall. `second` may be NULL. */
typedef struct mw_chart_curve {
    const char *name;
    const double *x, *y;
    size_t n;
} mw_chart_curve;
void mw_chart_square(mw_buf *out, const char *title, const char *x_name, const char *y_name,
                     const mw_chart_curve *first, const mw_chart_curve *second, bool has_dots);
/* n by n values in -1..1, NaN is empty; labels are both lines' and columns'. */
void mw_chart_heat(mw_buf *out, const char *title, const mw_view *labels, const double *values,
                   size_t n);
/* Values with intervals, one a line, and a rule at `rule` (NaN: none). */
void mw_chart_intervals(mw_buf *out, const char *title, const mw_view *labels, const double *values,
                        const double *lows, const double *highs, size_t n, double rule);
/* Two lying bars a label, both shares of 0..1: the first hollow (before), the second filled (now).
 */
void mw_chart_pairs(mw_buf *out, const char *title, const mw_view *labels, const double *first,
                    const double *second, size_t n);

/* A line over time, in seconds; what is not finite is a gap. from..to: the axis; rule: a level, or
 * NaN; moments: rules that stand upright, where something happened. */
typedef struct mw_chart_line {
    const double *at, *values;
    size_t n;
    double from, to, rule;
    const double *moments;
    size_t n_moments;
    bool is_share;   /* labelled as per cent */
    bool is_seconds; /* labelled as 41.5 ms */
} mw_chart_line;
void mw_chart_time(mw_buf *out, const char *title, const mw_chart_line *line);

#endif
