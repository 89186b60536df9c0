/* A paper as Markdown and as JSON. */
#include <math.h>

#include "members.h"
#include "page.h"
#include "paper_parts.h"

#include "base/banned.h"

/* ---- Markdown -------------------------------------------------------------------------------- */

enum { FIGURE_ROWS = 60 };

static void put_plain_cell(mw_buf *out, const paper_cell *cell)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    if (cell->mark != MW_MARK_NONE)
        mw_buf_format(&text, "%s ", paper_sign(cell->mark));
    paper_put_cell(cell, &text);
    mw_put_plain(out, mw_buf_as_view(&text));
    mw_buf_done(&text);
}

static void put_table(mw_buf *out, const paper_block *block)
{
    size_t i = 0;
    if (block->text.size > 0) {
        mw_put_plain(out, block->text);
        mw_buf_text(out, "\n\n");
    }
    for (size_t c = 0; c < block->n_columns; c++)
        mw_buf_format(out, "| %s ", block->columns[c].title);
    mw_buf_text(out, "|\n");
    for (size_t c = 0; c < block->n_columns; c++)
        mw_buf_text(out, block->columns[c].is_number ? "|---:" : "|---");
    mw_buf_text(out, "|\n");
    for (const paper_cell *cell = block->cells; cell; cell = cell->next) {
        mw_buf_text(out, "| ");
        put_plain_cell(out, cell);
        mw_buf_text(out, ++i % block->n_columns == 0 ? " |\n" : " ");
    }
    mw_buf_char(out, '\n');
}

static void put_figure(mw_buf *out, const mw_figure *figure)
{
    mw_buf text;
    size_t n_columns = paper_n_columns(figure);
    mw_buf_init(&text, MW_MIB);
    mw_buf_text(out, "**");
    mw_put_plain(out, figure->title);
    mw_buf_text(out, "**: ");
    paper_describe(figure, &text);
    mw_put_plain(out, mw_buf_as_view(&text));
    mw_buf_text(out, "\n\n");
    bool has_rows = figure->kind != MW_FIGURE_TIME && figure->n <= FIGURE_ROWS;
    for (size_t c = 0; has_rows && c < n_columns; c++)
        mw_buf_format(out, "%s| %s ", c ? "" : "| value ", figure->names[c]);
    for (size_t c = 0; has_rows && c < n_columns; c++)
        mw_buf_text(out, c ? "|---:" : "|\n|---|---:");
    for (size_t i = 0; has_rows && i < figure->n; i++) {
        mw_buf_reset(&text);
        paper_put_label(figure, i, &text);
        mw_buf_text(out, "|\n| ");
        mw_put_plain(out, mw_buf_as_view(&text));
        for (size_t c = 0; c < n_columns; c++) {
            mw_buf_text(out, " | ");
            paper_put_figure_value(figure, figure->columns[c][i], out);
        }
        mw_buf_char(out, ' ');
    }
    mw_buf_text(out, has_rows ? "|\n\n" : "");
    mw_buf_done(&text);
}

static void put_marked(mw_buf *out, mw_mark mark, mw_view text)
{
    if (mark != MW_MARK_NONE)
        mw_buf_format(out, "%s **%s** ", paper_sign(mark), mw_mark_name(mark));
    mw_put_plain(out, text);
}

static void put_block(mw_buf *out, const paper_block *block)
{
    switch (block->kind) {
    case PAPER_SAYING:
        mw_put_plain(out, block->text);
        mw_buf_text(out, "\n\n");
        break;
    case PAPER_POINT:
        mw_buf_text(out, "- ");
        put_marked(out, block->mark, block->text);
        mw_buf_text(out, block->next && block->next->kind == PAPER_POINT ? "\n" : "\n\n");
        break;
    case PAPER_BLANK:
        mw_buf_text(out, "*");
        mw_put_plain(out, block->text);
        mw_buf_text(out, "*\n\n...\n\n");
        break;
    case PAPER_WRITTEN:
        paper_put_quoted(out, block->text);
        break;
    case PAPER_TABLE:
        put_table(out, block);
        break;
    case PAPER_FIGURE:
        put_figure(out, &block->figure);
    }
}

static void put_facts(mw_buf *out, const paper_fact *first)
{
    for (const paper_fact *fact = first; fact; fact = fact->next) {
        mw_buf_format(out, "- %s: ", fact->name);
        mw_put_plain(out, fact->text);
        mw_buf_char(out, '\n');
    }
}

void mw_paper_markdown(const mw_paper *paper, mw_buf *out)
{
    mw_buf_format(out, "# %s%s", paper->title, paper->of.size ? ": " : "");
    mw_put_plain(out, paper->of);
    mw_buf_text(out, "\n\n");
    put_marked(out, paper->mark, paper->verdict);
    mw_buf_text(out, "\n\n");
    put_facts(out, paper->facts);
    put_facts(out, paper->gaps);
    for (const paper_section *section = paper->sections; section; section = section->next) {
        mw_buf_format(out, "\n## %s\n\n", section->title);
        for (const paper_block *block = section->blocks; block; block = block->next)
            put_block(out, block);
        while (out->size > 1 && out->data[out->size - 1] == '\n' &&
               out->data[out->size - 2] == '\n')
            out->data[--out->size] = '\0';
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_cell(mw_buf *out, const paper_cell *cell)
{
    if (cell->kind == CELL_NUMBER || cell->kind == CELL_SHARE)
        mw_json_write_double(out, cell->value);
    else
        mw_json_write_text(out, cell->text);
}

static void json_table(mw_buf *out, const paper_block *block)
{
    size_t i = 0;
    put_text(out, "table", mw_view_of(block->key));
    put_key(out, "rows");
    mw_buf_char(out, '[');
    for (const paper_cell *cell = block->cells; cell; cell = cell->next, i++) {
        size_t column = i % block->n_columns;
        if (column == 0)
            mw_buf_text(out, i ? ",{" : "{");
        put_key(out, block->columns[column].key);
        json_cell(out, cell);
        mw_buf_text(out, column + 1 == block->n_columns ? "}" : "");
    }
    mw_buf_char(out, ']');
}

static void json_figure(mw_buf *out, const mw_figure *figure)
{
    put_text(out, "figure", mw_view_of(figure->key));
    put_text(out, "title", figure->title);
    if (figure->labels)
        put_texts(out, "labels", figure->labels, figure->n);
    if (figure->at)
        put_doubles(out, "t", figure->at, figure->n);
    for (size_t c = 0; c < paper_n_columns(figure); c++)
        put_doubles(out, figure->names[c], figure->columns[c], figure->n);
    if (figure->n_moments > 0)
        put_doubles(out, "moments", figure->moments, figure->n_moments);
}

static void json_block(mw_buf *out, const paper_block *block)
{
    mw_buf_char(out, '{');
    switch (block->kind) {
    case PAPER_SAYING:
    case PAPER_WRITTEN:
        put_text(out, block->kind == PAPER_SAYING ? "text" : "written", block->text);
        break;
    case PAPER_POINT:
        put_text(out, "state", mw_view_of(mw_mark_name(block->mark)));
        put_text(out, "text", block->text);
        break;
    case PAPER_BLANK:
        put_text(out, "to_write", mw_view_of(block->key));
        put_text(out, "question", block->text);
        break;
    case PAPER_TABLE:
        json_table(out, block);
        break;
    case PAPER_FIGURE:
        json_figure(out, &block->figure);
    }
    mw_buf_char(out, '}');
}

static void json_section(mw_buf *out, const paper_section *section)
{
    mw_buf_char(out, '{');
    put_text(out, "key", mw_view_of(section->key));
    put_text(out, "title", mw_view_of(section->title));
    put_key(out, "says");
    mw_buf_char(out, '[');
    for (const paper_block *block = section->blocks; block; block = block->next) {
        mw_buf_text(out, block == section->blocks ? "\n  " : ",\n  ");
        json_block(out, block);
    }
    mw_buf_text(out, "]}");
}

void mw_paper_json(const mw_paper *paper, mw_buf *out)
{
    mw_buf_format(out, "{\"kind\":\"report.%s\",\"format\":1", paper->kind);
    put_text(out, "of", paper->of);
    put_text(out, "state", mw_view_of(mw_mark_name(paper->mark)));
    put_text(out, "verdict", paper->verdict);
    put_key(out, "facts");
    mw_buf_char(out, '{');
    for (const paper_fact *fact = paper->facts; fact; fact = fact->next)
        put_text(out, fact->name, fact->text);
    mw_buf_char(out, '}');
    put_key(out, "not_known");
    mw_buf_char(out, '[');
    for (const paper_fact *gap = paper->gaps; gap; gap = gap->next) {
        mw_buf_text(out, gap == paper->gaps ? "" : ",");
        mw_json_write_text(out, gap->text);
    }
    mw_buf_char(out, ']');
    put_key(out, "sections");
    mw_buf_char(out, '[');
    for (const paper_section *section = paper->sections; section; section = section->next) {
        mw_buf_text(out, section == paper->sections ? "\n" : ",\n");
        json_section(out, section);
    }
    mw_buf_char(out, ']');
    for (const paper_fact *source = paper->sources; source; source = source->next) {
        put_key(out, source->name);
        mw_buf_view(out, source->text);
    }
    mw_buf_text(out, "}\n");
}
