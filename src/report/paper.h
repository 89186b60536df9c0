/* Papers: a report as sections of what it says; one content, three forms. Part of the door
 * report.h.
 *
 *     findings (JSON) --*_paper.c--> paper: verdict, facts, sections of sayings, tables, figures
 *                                      `--> HTML (paper_page.c)  Markdown, JSON (paper_words.c)
 *
 * Texts are copied and may hold anything: each form escapes them. A figure carries its numbers, so
 * that it can be read without being seen. Memory that is gone is noted, and told at the end. */
#ifndef REPORT_PAPER_H
#define REPORT_PAPER_H

#include "base/base.h"

/* How a thing stands: a sign, a word and a colour, never the colour alone. */
typedef enum mw_mark {
    MW_MARK_NONE,
    MW_MARK_OK,
    MW_MARK_WATCH,
    MW_MARK_BAD,
    MW_MARK_UNKNOWN /* nobody can tell */
} mw_mark;

/* "ok", "watch", "alarm", "unknown"; "" for none. */
const char *mw_mark_name(mw_mark mark);

typedef struct mw_paper mw_paper;

/* kind: "drift"; title: what stands at the top. The arena holds all of it. NULL: no memory. */
mw_paper *mw_paper_new(mw_arena *arena, const char *kind, const char *title, mw_view of);
/* Whether memory ran out on the way: then no form of it is whole. */
bool mw_paper_failed(const mw_paper *paper);
mw_arena *mw_paper_arena(mw_paper *paper);

/* The one sentence at the top; said again, the last one holds. */
void mw_paper_verdict(mw_paper *paper, mw_mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The sentence that holds. */
mw_view mw_paper_first_sentence(const mw_paper *paper);
/* What the report is of: "period", "rows"; below the verdict. */
void mw_paper_fact(mw_paper *paper, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What could not be had, each with the reason: "drift: the server answers 403". */
void mw_paper_gaps(mw_paper *paper, const char *const *gaps, size_t n);
/* The findings as a program gave them, JSON as it stands: kept by the JSON form. */
void mw_paper_source(mw_paper *paper, const char *name, const mw_json *node);

/* key: for programs, "what_drifted". Everything below goes into the last one opened. */
void mw_paper_section(mw_paper *paper, const char *key, const char *title);
void mw_paper_say(mw_paper *paper, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line with a mark before it. */
void mw_paper_point(mw_paper *paper, mw_mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For people to fill in. */
void mw_paper_blank(mw_paper *paper, const char *key, const char *question);
/* What people wrote, in Markdown (headings, lists, paragraphs, **bold**, `code`). */
void mw_paper_written(mw_paper *paper, mw_view markdown);

typedef struct mw_paper_column {
    const char *key, *title;
    bool is_number;
} mw_paper_column;

/* A table; then row by row its cells. columns must outlive the paper. */
void mw_paper_table(mw_paper *paper, const char *key, const char *caption,
                    const mw_paper_column *columns, size_t n_columns);
void mw_paper_cell(mw_paper *paper, mw_view text);
void mw_paper_cell_number(mw_paper *paper, double value);
/* Shown as per cent; a share for programs. */
void mw_paper_cell_share(mw_paper *paper, double share);
void mw_paper_cell_mark(mw_paper *paper, mw_mark mark, mw_view word);

typedef enum mw_figure_kind {
    MW_FIGURE_PAIRS,    /* labels; first: before, second: now; both as shares 0..1 */
    MW_FIGURE_TIME,     /* at: seconds since 1970; first; marks: moments to draw */
    MW_FIGURE_INTERVALS /* labels; first: value, second: low, third: high; rule */
} mw_figure_kind;

typedef struct mw_figure {
    mw_figure_kind kind;
    const char *key;
    mw_view title;        /* what it shows, in a sentence */
    const char *names[3]; /* of the columns of numbers */
    const char *unit;     /* "", "%", "s" */
    const mw_view *labels;
    const double *at, *columns[3];
    size_t n;
    double rule; /* NaN: none */
    const double *moments;
    size_t n_moments;
    double from, to; /* of time: what the axis shows; NaN: what there is */
} mw_figure;

/* Everything is copied. */
void mw_paper_figure(mw_paper *paper, const mw_figure *figure);

/* "2027-01-31 12:00 UTC"; "-" for what is no time. */
void mw_put_moment(mw_buf *out, double seconds);
void mw_put_second(mw_buf *out, double seconds); /* "2027-01-31 12:00:40 UTC" */
/* "3 days", "2 h 5 min", "40 s" */
void mw_put_span(mw_buf *out, double seconds);

void mw_paper_html(const mw_paper *paper, mw_buf *out);
void mw_paper_markdown(const mw_paper *paper, mw_buf *out);
void mw_paper_json(const mw_paper *paper, mw_buf *out);

#endif
