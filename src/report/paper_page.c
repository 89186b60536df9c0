/* A paper as one page. */
#include <math.h>

#include "chart.h"
#include "page.h"
#include "paper_parts.h"

#include "base/banned.h"

enum { NUMBERS_MAX = 400, TITLE_BYTES = 512 };

static void put_marked(mw_buf *out, mw_mark mark, mw_view text)
{
    if (mark != MW_MARK_NONE)
        mw_buf_format(out, "<span class=\"sign\">%s %s</span> ", paper_sign(mark),
                      mw_mark_name(mark));
    mw_put_escaped(out, text);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void put_cell(mw_buf *out, const paper_cell *cell, bool is_number)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    paper_put_cell(cell, &text);
    mw_buf_format(out, "<td class=\"%s %s\">",
                  is_number                 ? "n"
                  : cell->kind == CELL_MARK ? "m"
                                            : "t",
                  mw_mark_name(cell->mark));
    if (cell->mark != MW_MARK_NONE)
        mw_buf_format(out, "<span class=\"sign\">%s</span> ", paper_sign(cell->mark));
    mw_put_escaped(out, mw_buf_as_view(&text));
    mw_buf_text(out, "</td>");
    mw_buf_done(&text);
}

static void put_table(mw_buf *out, const paper_block *block)
{
    size_t i = 0;
    mw_page_open_frame(out, block->text.size > 0 ? block->text : mw_view_of(block->key), false);
    mw_buf_text(out, "<table>");
    if (block->text.size > 0) {
        mw_buf_text(out, "<caption>");
        mw_put_escaped(out, block->text);
        mw_buf_text(out, "</caption>");
    }
    mw_buf_text(out, "<thead><tr>");
    for (size_t c = 0; c < block->n_columns; c++)
        mw_buf_format(out, "<th scope=\"col\"%s>%s</th>",
                      block->columns[c].is_number ? " class=\"n\"" : "", block->columns[c].title);
    mw_buf_text(out, "</tr></thead><tbody>\n");
    for (const paper_cell *cell = block->cells; cell; cell = cell->next, i++) {
        size_t column = i % block->n_columns;
        mw_buf_text(out, column == 0 ? "<tr>" : "");
        put_cell(out, cell, block->columns[column].is_number);
        mw_buf_text(out, column + 1 == block->n_columns ? "</tr>\n" : "");
    }
    mw_buf_text(out, "</tbody></table>");
    mw_page_close_frame(out);
}

/* ---- figures --------------------------------------------------------------------------------- */

static void put_drawing(mw_buf *out, const mw_figure *figure, const char *title)
{
    if (figure->kind == MW_FIGURE_PAIRS)
        mw_chart_pairs(out, title, figure->labels, figure->columns[0], figure->columns[1],
                       figure->n);
    else if (figure->kind == MW_FIGURE_INTERVALS)
        mw_chart_intervals(out, title, figure->labels, figure->columns[0], figure->columns[1],
                           figure->columns[2], figure->n, figure->rule);
    else
        mw_chart_time(out, title,
                      &(mw_chart_line){.at = figure->at,
                                       .values = figure->columns[0],
                                       .n = figure->n,
                                       .from = figure->from,
                                       .to = figure->to,
                                       .rule = figure->rule,
                                       .moments = figure->moments,
                                       .n_moments = figure->n_moments,
                                       .is_share = strcmp(figure->unit, "%") == 0,
                                       .is_seconds = strcmp(figure->unit, "s") == 0});
}

static void put_label_cell(mw_buf *out, const mw_figure *figure, size_t i)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    paper_put_label(figure, i, &text);
    mw_buf_text(out, "<tr><td>");
    mw_put_escaped(out, mw_buf_as_view(&text));
    mw_buf_text(out, "</td>");
    mw_buf_done(&text);
}

/* The same for those who do not see it. */
static void put_numbers(mw_buf *out, const mw_figure *figure)
{
    size_t n_columns = paper_n_columns(figure);
    mw_buf_text(out, "<details><summary>The numbers</summary>");
    mw_page_open_frame(out, figure->title, false);
    mw_buf_format(out, "<table><thead><tr><th scope=\"col\">%s</th>",
                  figure->kind == MW_FIGURE_TIME ? "time" : "value");
    for (size_t c = 0; c < n_columns; c++)
        mw_buf_format(out, "<th scope=\"col\" class=\"n\">%s</th>", figure->names[c]);
    mw_buf_text(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < figure->n && i < NUMBERS_MAX; i++) {
        put_label_cell(out, figure, i);
        for (size_t c = 0; c < n_columns; c++) {
            mw_buf_text(out, "<td class=\"n\">");
            paper_put_figure_value(figure, figure->columns[c][i], out);
            mw_buf_text(out, "</td>");
        }
        mw_buf_text(out, "</tr>\n");
    }
    mw_buf_text(out, "</tbody></table></div></details>\n");
}

static void put_figure(mw_buf *out, const mw_figure *figure)
{
    mw_buf title;
    mw_buf_init(&title, TITLE_BYTES);
    mw_buf_format(&title, "%.*s. ", (int)(figure->title.size < 200 ? figure->title.size : 200),
                  figure->title.data);
    paper_describe(figure, &title);
    mw_buf_text(out, "<figure><figcaption>");
    mw_put_escaped(out, figure->title);
    mw_buf_text(out, "</figcaption>\n");
    if (figure->kind == MW_FIGURE_PAIRS)
        mw_buf_format(out, "<p class=\"faint\">hollow: %s · filled: %s; share of the rows</p>\n",
                      figure->names[0], figure->names[1]);
    mw_page_open_frame(out, figure->title, figure->kind == MW_FIGURE_TIME);
    put_drawing(out, figure, title.data);
    mw_buf_text(out, "</div>\n");
    put_numbers(out, figure);
    mw_buf_text(out, "</figure>\n");
    mw_buf_done(&title);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void put_block(mw_buf *out, const paper_block *block)
{
    switch (block->kind) {
    case PAPER_SAYING:
        mw_buf_text(out, "<p>");
        mw_put_escaped(out, block->text);
        mw_buf_text(out, "</p>\n");
        break;
    case PAPER_POINT:
        mw_buf_format(out, "<li class=\"%s\">", mw_mark_name(block->mark));
        put_marked(out, block->mark, block->text);
        mw_buf_text(out, "</li>\n");
        break;
    case PAPER_BLANK:
        mw_buf_text(out, "<div class=\"blank\"><p>");
        mw_put_escaped(out, block->text);
        mw_buf_text(out, "</p></div>\n");
        break;
    case PAPER_WRITTEN:
        paper_put_written(out, block->text);
        break;
    case PAPER_TABLE:
        put_table(out, block);
        break;
    case PAPER_FIGURE:
        put_figure(out, &block->figure);
    }
}

static void put_section(mw_buf *out, const paper_section *section)
{
    bool in_list = false;
    mw_buf_format(out, "<section><h2>%s</h2>\n", section->title);
    for (const paper_block *block = section->blocks; block; block = block->next) {
        bool is_point = block->kind == PAPER_POINT;
        if (is_point != in_list)
            mw_buf_text(out, is_point ? "<ul class=\"points\">\n" : "</ul>\n");
        in_list = is_point;
        put_block(out, block);
    }
    mw_buf_text(out, in_list ? "</ul></section>\n" : "</section>\n");
}

static void put_facts(mw_buf *out, const paper_fact *first)
{
    for (const paper_fact *fact = first; fact; fact = fact->next) {
        mw_buf_format(out, "<dt>%s</dt><dd>", fact->name);
        mw_put_escaped(out, fact->text);
        mw_buf_text(out, "</dd>\n");
    }
}

void mw_paper_html(const mw_paper *paper, mw_buf *out)
{
    mw_buf title;
    mw_buf_init(&title, MW_MIB);
    mw_buf_format(&title, "%s%s%.*s", paper->title, paper->of.size ? ": " : "",
                  MW_VIEW_ARG(paper->of));
    mw_page_open(out, title.data, paper->verdict);
    mw_buf_text(out, "<h1>");
    mw_put_escaped(out, mw_buf_as_view(&title));
    mw_buf_format(out, "</h1>\n<p class=\"verdict %s\">", mw_mark_name(paper->mark));
    put_marked(out, paper->mark, paper->verdict);
    mw_buf_text(out, "</p>\n<dl class=\"facts\">");
    put_facts(out, paper->facts);
    put_facts(out, paper->gaps);
    mw_buf_text(out, "</dl>\n");
    for (const paper_section *section = paper->sections; section; section = section->next)
        put_section(out, section);
    mw_page_close(out);
    mw_buf_done(&title);
}
