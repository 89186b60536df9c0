/* A paper is put together. */
#include "paper_parts.h"

#include <math.h>
#include <stdarg.h>

#include "page.h"

#include "base/banned.h"

enum { SAYING_BYTES = 4096, MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

const char *mw_mark_name(mw_mark mark)
{
    static const char *const names[] = {"", "ok", "watch", "alarm", "unknown"};
    return names[mark];
}

const char *paper_sign(mw_mark mark)
{
    static const char *const signs[] = {"", "●", "◆", "▲", "○"};
    return signs[mark];
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void *take(mw_paper *paper, size_t count, size_t size)
{
    void *taken = mw_arena_take_zeroed(paper->arena, count, size);
    paper->no_memory |= !taken;
    return taken;
}

static mw_view keep(mw_paper *paper, mw_view text)
{
    const char *copy = mw_arena_text(paper->arena, text);
    paper->no_memory |= !copy;
    return copy ? (mw_view){copy, text.size} : (mw_view){"", 0};
}

/* Too long a sentence ends with dots, at a whole letter. */
static mw_view keep_format(mw_paper *paper, const char *format, va_list arguments)
{
    char text[SAYING_BYTES];
    int n = vsnprintf(text, sizeof text, format, arguments);
    size_t size = n < 0 ? 0 : (size_t)n;
    if (size < sizeof text)
        return keep(paper, (mw_view){text, size});
    size = sizeof text - 4;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    memcpy(text + size, "...", 3);
    return keep(paper, (mw_view){text, size + 3});
}

mw_paper *mw_paper_new(mw_arena *arena, const char *kind, const char *title, mw_view of)
{
    mw_paper *paper = mw_arena_take_zeroed(arena, 1, sizeof *paper);
    if (!paper)
        return NULL;
    paper->arena = arena;
    paper->kind = kind;
    paper->title = title;
    paper->of = keep(paper, of);
    return paper;
}

bool mw_paper_failed(const mw_paper *paper)
{
    return paper->no_memory;
}

mw_arena *mw_paper_arena(mw_paper *paper)
{
    return paper->arena;
}

/* ---- the head -------------------------------------------------------------------------------- */

void mw_paper_verdict(mw_paper *paper, mw_mark mark, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    paper->mark = mark;
    paper->verdict = keep_format(paper, format, arguments);
    va_end(arguments);
}

mw_view mw_paper_first_sentence(const mw_paper *paper)
{
    return paper->verdict;
}

static void add_fact(mw_paper *paper, paper_fact **first, paper_fact **last, const char *name,
                     mw_view text)
{
    paper_fact *fact = take(paper, 1, sizeof *fact);
    if (!fact)
        return;
    *fact = (paper_fact){.name = name, .text = text};
    *(*last ? &(*last)->next : first) = fact;
    *last = fact;
}

void mw_paper_fact(mw_paper *paper, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    mw_view text = keep_format(paper, format, arguments);
    va_end(arguments);
    add_fact(paper, &paper->facts, &paper->last_fact, name, text);
}

void mw_paper_gaps(mw_paper *paper, const char *const *gaps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add_fact(paper, &paper->gaps, &paper->last_gap, "not known",
                 keep(paper, mw_view_of(gaps[i])));
}

void mw_paper_source(mw_paper *paper, const char *name, const mw_json *node)
{
    mw_buf text;
    mw_buf_init(&text, MW_LIMIT_STUDY_BYTES);
    mw_json_write_node(&text, node);
    paper->no_memory |= text.failed;
    add_fact(paper, &paper->sources, &paper->last_source, name, keep(paper, mw_buf_as_view(&text)));
    mw_buf_done(&text);
}

/* ---- sections -------------------------------------------------------------------------------- */

void mw_paper_section(mw_paper *paper, const char *key, const char *title)
{
    paper_section *section = take(paper, 1, sizeof *section);
    if (!section)
        return;
    section->key = key;
    section->title = title;
    *(paper->last ? &paper->last->next : &paper->sections) = section;
    paper->last = section;
}

static paper_block *add_block(mw_paper *paper, paper_kind kind)
{
    paper_block *block = paper->last ? take(paper, 1, sizeof *block) : NULL;
    if (!block)
        return NULL;
    block->kind = kind;
    *(paper->last->last ? &paper->last->last->next : &paper->last->blocks) = block;
    paper->last->last = block;
    return block;
}

static void add_text(mw_paper *paper, paper_kind kind, mw_mark mark, mw_view text)
{
    paper_block *block = add_block(paper, kind);
    if (!block)
        return;
    block->mark = mark;
    block->text = text;
}

void mw_paper_say(mw_paper *paper, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(paper, PAPER_SAYING, MW_MARK_NONE, keep_format(paper, format, arguments));
    va_end(arguments);
}

void mw_paper_point(mw_paper *paper, mw_mark mark, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(paper, PAPER_POINT, mark, keep_format(paper, format, arguments));
    va_end(arguments);
}

void mw_paper_blank(mw_paper *paper, const char *key, const char *question)
{
    paper_block *block = add_block(paper, PAPER_BLANK);
    if (!block)
        return;
    block->key = key;
    block->text = keep(paper, mw_view_of(question));
}

void mw_paper_written(mw_paper *paper, mw_view markdown)
{
    add_text(paper, PAPER_WRITTEN, MW_MARK_NONE, keep(paper, markdown));
}

/* ---- tables ---------------------------------------------------------------------------------- */

void mw_paper_table(mw_paper *paper, const char *key, const char *caption,
                    const mw_paper_column *columns, size_t n_columns)
{
    paper_block *block = add_block(paper, PAPER_TABLE);
    if (!block)
        return;
    block->key = key;
    block->text = keep(paper, mw_view_of(caption));
    block->columns = columns;
    block->n_columns = n_columns;
}

static void add_cell(mw_paper *paper, paper_cell cell)
{
    paper_block *block = paper->last ? paper->last->last : NULL;
    paper_cell *added = take(paper, 1, sizeof *added);
    if (!added || !block || block->kind != PAPER_TABLE)
        return;
    *added = cell;
    *(block->last_cell ? &block->last_cell->next : &block->cells) = added;
    block->last_cell = added;
    block->n_cells++;
}

void mw_paper_cell(mw_paper *paper, mw_view text)
{
    add_cell(paper, (paper_cell){.kind = CELL_TEXT, .text = keep(paper, text)});
}

void mw_paper_cell_number(mw_paper *paper, double value)
{
    add_cell(paper, (paper_cell){.kind = CELL_NUMBER, .value = value});
}

void mw_paper_cell_share(mw_paper *paper, double share)
{
    add_cell(paper, (paper_cell){.kind = CELL_SHARE, .value = share});
}

void mw_paper_cell_mark(mw_paper *paper, mw_mark mark, mw_view word)
{
    add_cell(paper, (paper_cell){.kind = CELL_MARK, .mark = mark, .text = keep(paper, word)});
}

void paper_put_cell(const paper_cell *cell, mw_buf *out)
{
    switch (cell->kind) {
    case CELL_NUMBER:
        mw_put_number(out, cell->value);
        break;
    case CELL_SHARE:
        mw_put_percent(out, cell->value);
        break;
    default:
        mw_buf_view(out, cell->text);
    }
}

/* ---- figures --------------------------------------------------------------------------------- */

static const double *keep_doubles(mw_paper *paper, const double *values, size_t n)
{
    double *copy = values ? take(paper, n + 1, sizeof *copy) : NULL;
    if (copy && n > 0)
        memcpy(copy, values, n * sizeof *copy);
    return copy;
}

void mw_paper_figure(mw_paper *paper, const mw_figure *given)
{
    paper_block *block = given->n > 0 ? add_block(paper, PAPER_FIGURE) : NULL;
    if (!block)
        return;
    mw_figure *figure = &block->figure;
    *figure = *given;
    figure->title = keep(paper, given->title);
    mw_view *labels = given->labels ? take(paper, given->n, sizeof *labels) : NULL;
    for (size_t i = 0; labels && i < given->n; i++)
        labels[i] = keep(paper, given->labels[i]);
    figure->labels = labels;
    figure->at = keep_doubles(paper, given->at, given->n);
    for (size_t c = 0; c < MW_COUNT(figure->columns); c++)
        figure->columns[c] = keep_doubles(paper, given->columns[c], given->n);
    figure->moments = keep_doubles(paper, given->moments, given->n_moments);
}

size_t paper_n_columns(const mw_figure *figure)
{
    size_t n = 0;
    while (n < MW_COUNT(figure->columns) && figure->columns[n])
        n++;
    return n;
}

void paper_put_label(const mw_figure *figure, size_t i, mw_buf *out)
{
    if (figure->kind == MW_FIGURE_TIME)
        mw_put_moment(out, figure->at[i]);
    else if (figure->labels)
        mw_buf_view(out, figure->labels[i]);
}

void paper_put_figure_value(const mw_figure *figure, double value, mw_buf *out)
{
    if (figure->kind == MW_FIGURE_PAIRS || strcmp(figure->unit, "%") == 0) {
        mw_put_percent(out, value);
        return;
    }
    if (strcmp(figure->unit, "s") == 0) {
        mw_put_seconds(out, value);
        return;
    }
    mw_put_number(out, value);
    if (figure->unit[0] && isfinite(value))
        mw_buf_format(out, " %s", figure->unit);
}

static void describe_pairs(const mw_figure *figure, mw_buf *out)
{
    const double *before = figure->columns[0], *now = figure->columns[1];
    size_t most = 0;
    for (size_t i = 0; i < figure->n; i++)
        if (fabs(now[i] - before[i]) > fabs(now[most] - before[most]))
            most = i;
    mw_buf_format(out, "Most changed: '%.*s', ", MW_VIEW_ARG(figure->labels[most]));
    mw_put_percent(out, before[most]);
    mw_buf_text(out, " before, ");
    mw_put_percent(out, now[most]);
    mw_buf_text(out, " now");
}

void paper_describe(const mw_figure *figure, mw_buf *out)
{
    if (figure->kind == MW_FIGURE_PAIRS) {
        describe_pairs(figure, out);
        return;
    }
    double least = INFINITY, most = -INFINITY, last = NAN;
    size_t n = 0;
    for (size_t i = 0; i < figure->n; i++) {
        double value = figure->columns[0][i];
        if (!isfinite(value))
            continue;
        least = fmin(least, value);
        most = fmax(most, value);
        last = value;
        n++;
    }
    if (n == 0) {
        mw_buf_text(out, "no numbers");
        return;
    }
    mw_buf_format(out, "%s, %zu value%s: from ", figure->names[0], n, n == 1 ? "" : "s");
    paper_put_figure_value(figure, least, out);
    mw_buf_text(out, " to ");
    paper_put_figure_value(figure, most, out);
    if (figure->kind != MW_FIGURE_TIME)
        return;
    mw_buf_text(out, ", the last ");
    paper_put_figure_value(figure, last, out);
}

/* ---- words for time -------------------------------------------------------------------------- */

static void put_time(mw_buf *out, double seconds, bool has_seconds)
{
    struct tm utc;
    char text[40];
    time_t t = isfinite(seconds) && fabs(seconds) < 1e11 ? (time_t)seconds : 0;
    if (t <= 0 || !gmtime_r(&t, &utc) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M", &utc)) {
        mw_buf_char(out, '-');
        return;
    }
    mw_buf_text(out, text);
    if (has_seconds)
        mw_buf_format(out, ":%02d", utc.tm_sec);
    mw_buf_text(out, " UTC");
}

void mw_put_moment(mw_buf *out, double seconds)
{
    put_time(out, seconds, false);
}

void mw_put_second(mw_buf *out, double seconds)
{
    put_time(out, seconds, true);
}

void mw_put_span(mw_buf *out, double seconds)
{
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e11)
        mw_buf_char(out, '-');
    else if (seconds < 2 * MINUTE)
        mw_buf_format(out, "%.0f s", seconds);
    else if (seconds < 2 * HOUR)
        mw_buf_format(out, "%.0f min", seconds / MINUTE);
    else if (seconds < 2 * DAY)
        mw_buf_format(out, "%.0f h", seconds / HOUR);
    else
        mw_buf_format(out, "%.0f days", seconds / DAY);
}
