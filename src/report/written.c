/* What people wrote in Markdown, into a page: headings, lists, paragraphs, fenced code, **bold**,
 * *emphasis*, `code`. All else is text: there are no links, no pictures and no tags, so nothing
 * that was written can do anything.
 *
 *     lines --kind of line--> open element --inline--> HTML */
#include "page.h"
#include "paper_parts.h"

#include "base/banned.h"

typedef enum line_kind {
    LINE_EMPTY,
    LINE_TEXT,
    LINE_HEADING,
    LINE_BULLET,
    LINE_NUMBERED,
    LINE_FENCE
} line_kind;

enum { LEVELS = 4 };

static size_t count_leading(mw_view line, char c)
{
    size_t n = 0;
    while (n < line.size && line.data[n] == c)
        n++;
    return n;
}

static mw_view behind(mw_view line, size_t n)
{
    return mw_view_trim((mw_view){line.data + n, line.size - n});
}

/* What kind a line is, and what is said on it. */
static line_kind tell_line(mw_view line, mw_view *ret_rest, size_t *ret_level)
{
    mw_view text = mw_view_trim(line);
    size_t hashes = count_leading(text, '#'), digits = 0;
    *ret_rest = text;
    if (text.size == 0)
        return LINE_EMPTY;
    if (mw_view_starts(text, "```"))
        return LINE_FENCE;
    if (hashes > 0 && hashes <= 6 && (hashes == text.size || text.data[hashes] == ' ')) {
        *ret_rest = behind(text, hashes);
        *ret_level = hashes < LEVELS ? hashes : LEVELS;
        return LINE_HEADING;
    }
    if (text.size > 1 && strchr("-*+", text.data[0]) && text.data[1] == ' ') {
        *ret_rest = behind(text, 1);
        return LINE_BULLET;
    }
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (digits > 0 && digits < 4 && digits + 1 < text.size && text.data[digits] == '.' &&
        text.data[digits + 1] == ' ') {
        *ret_rest = behind(text, digits + 1);
        return LINE_NUMBERED;
    }
    return LINE_TEXT;
}

/* ---- within a line --------------------------------------------------------------------------- */

typedef struct inline_mark {
    const char *sign, *open, *close;
} inline_mark;

static const inline_mark inline_marks[] = {
    {"**", "<strong>", "</strong>"}, {"`", "<code>", "</code>"}, {"*", "<em>", "</em>"}};

/* Where the same sign closes it; NULL: nowhere, so it is a letter. */
static const char *find_close(mw_view text, const char *sign)
{
    size_t size = strlen(sign);
    for (size_t i = size + 1; i + size <= text.size; i++)
        if (memcmp(text.data + i, sign, size) == 0)
            return text.data + i;
    return NULL;
}

static void put_inline(mw_buf *out, mw_view text)
{
    while (text.size > 0) {
        size_t taken = 0;
        for (size_t m = 0; m < MW_COUNT(inline_marks) && taken == 0; m++) {
            const inline_mark *mark = &inline_marks[m];
            size_t size = strlen(mark->sign);
            const char *end =
                mw_view_starts(text, mark->sign) ? find_close(text, mark->sign) : NULL;
            if (!end)
                continue;
            mw_buf_text(out, mark->open);
            mw_put_escaped(out, (mw_view){text.data + size, (size_t)(end - text.data) - size});
            mw_buf_text(out, mark->close);
            taken = (size_t)(end - text.data) + size;
        }
        if (taken == 0) {
            mw_put_escaped(out, (mw_view){text.data, 1});
            taken = 1;
        }
        text = (mw_view){text.data + taken, text.size - taken};
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const char *const opens[] = {"", "<p>", "", "<ul>\n", "<ol>\n", "<pre>"};
static const char *const closes[] = {"", "</p>\n", "", "</ul>\n", "</ol>\n", "</pre>\n"};

static void put_line(mw_buf *out, line_kind kind, line_kind before, mw_view rest, size_t level)
{
    if (kind == LINE_HEADING)
        mw_buf_format(out, "<h%zu>", level + 2);
    else if (kind == LINE_TEXT)
        mw_buf_text(out, before == LINE_TEXT ? "\n" : "");
    else
        mw_buf_text(out, "<li>");
    put_inline(out, rest);
    if (kind == LINE_HEADING)
        mw_buf_format(out, "</h%zu>\n", level + 2);
    else if (kind != LINE_TEXT)
        mw_buf_text(out, "</li>\n");
}

void paper_put_written(mw_buf *out, mw_view markdown)
{
    line_kind open = LINE_EMPTY;
    while (markdown.size > 0) {
        mw_view line = mw_view_cut(&markdown, '\n'), rest;
        size_t level = 1;
        line_kind kind = tell_line(line, &rest, &level);
        if (open == LINE_FENCE) {
            if (kind == LINE_FENCE) {
                mw_buf_text(out, closes[open]);
                open = LINE_EMPTY;
                continue;
            }
            mw_put_escaped(out, line);
            mw_buf_char(out, '\n');
            continue;
        }
        if (kind != open) {
            mw_buf_text(out, closes[open]);
            mw_buf_text(out, opens[kind]);
        }
        if (kind != LINE_EMPTY && kind != LINE_FENCE)
            put_line(out, kind, open, rest, level);
        open = kind;
    }
    mw_buf_text(out, closes[open]);
}

/* As Markdown below a heading of the second level: its own begin at the third; tags, links and
 * pictures become text. Within a fence all is text already. */
void paper_put_quoted(mw_buf *out, mw_view markdown)
{
    bool fenced = false;
    while (markdown.size > 0) {
        mw_view line = mw_view_cut(&markdown, '\n'), rest;
        size_t level = 1;
        line_kind kind = tell_line(line, &rest, &level);
        fenced ^= kind == LINE_FENCE;
        if (kind == LINE_HEADING && !fenced)
            mw_buf_text(out, "##");
        for (size_t i = 0; i < line.size; i++) {
            if (!fenced && strchr("<[", line.data[i]))
                mw_buf_char(out, '\\');
            if (line.data[i] != '\r')
                mw_buf_char(out, line.data[i] ? line.data[i] : ' ');
        }
        mw_buf_char(out, '\n');
    }
    mw_buf_text(out, fenced ? "```\n\n" : "\n");
}
