/* Behind the door: what a paper is made of; its forms read it. */
#ifndef REPORT_PAPER_PARTS_H
#define REPORT_PAPER_PARTS_H

#include "paper.h"

typedef enum paper_cell_kind { CELL_TEXT, CELL_NUMBER, CELL_SHARE, CELL_MARK } paper_cell_kind;

typedef struct paper_cell {
    paper_cell_kind kind;
    mw_mark mark;
    mw_view text;
    double value;
    struct paper_cell *next;
} paper_cell;

typedef enum paper_kind {
    PAPER_SAYING,
    PAPER_POINT,
    PAPER_BLANK,
    PAPER_WRITTEN,
    PAPER_TABLE,
    PAPER_FIGURE
} paper_kind;

typedef struct paper_block {
    paper_kind kind;
    mw_mark mark;
    const char *key;
    mw_view text; /* of a table its caption */
    const mw_paper_column *columns;
    size_t n_columns, n_cells;
    paper_cell *cells, *last_cell; /* row by row */
    mw_figure figure;
    struct paper_block *next;
} paper_block;

typedef struct paper_section {
    const char *key, *title;
    paper_block *blocks, *last;
    struct paper_section *next;
} paper_section;

typedef struct paper_fact {
    const char *name;
    mw_view text; /* JSON, of a source */
    struct paper_fact *next;
} paper_fact;

struct mw_paper {
    mw_arena *arena;
    const char *kind, *title;
    mw_view of;
    mw_mark mark;
    mw_view verdict;
    paper_fact *facts, *last_fact, *gaps, *last_gap, *sources, *last_source;
    paper_section *sections, *last;
    bool no_memory;
};

/* A sign that is read without colour: a disc, a diamond, a triangle, a ring. */
const char *paper_sign(mw_mark mark);
void paper_put_cell(const paper_cell *cell, mw_buf *out);
/* The label of point i of a figure: its text, or its time. */
void paper_put_label(const mw_figure *figure, size_t i, mw_buf *out);
/* "from 0.1 to 0.4, the last 0.3": a figure in words. */
void paper_describe(const mw_figure *figure, mw_buf *out);
size_t paper_n_columns(const mw_figure *figure);
void paper_put_figure_value(const mw_figure *figure, double value, mw_buf *out);
/* What people wrote, as HTML: all else escaped (written.c). */
void paper_put_written(mw_buf *out, mw_view markdown);
/* The same as Markdown again, below a heading. */
void paper_put_quoted(mw_buf *out, mw_view markdown);

#endif
