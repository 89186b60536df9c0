/* Charts of what was and what is: pairs of bars, and lines over time. */
#include <math.h>

#include "chart_parts.h"
#include "page.h"

#include "base/banned.h"

enum {
    WIDTH = 680,
    LABEL = 180,
    PAIR = 26,
    BAR = 9,
    VALUE = 120,
    TOP = 8,
    LINE_LEFT = 64,
    LINE_RIGHT = 12,
    LINE_HEIGHT = 120,
    BELOW = 22,
    LETTERS = 26
};

/* Whole letters of UTF-8, as many as fit. */
static void put_label(mw_buf *out, double x, double y, mw_view text)
{
    size_t n = 0, at = 0;
    while (at < text.size && n < LETTERS) {
        at++;
        while (at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80)
            at++;
        n++;
    }
    chart_open_text(out, x, y, "end");
    mw_put_escaped(out, (mw_view){text.data, at});
    mw_buf_text(out, at < text.size ? "…</text>" : "</text>");
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static double share(double value)
{
    return isfinite(value) && value > 0 ? value : 0;
}

void mw_chart_pairs(mw_buf *out, const char *title, const mw_view *labels, const double *first,
                    const double *second, size_t n)
{
    double most = 0, room = WIDTH - LABEL - VALUE;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fmax(share(first[i]), share(second[i])));
    if (n == 0 || !(most > 0))
        return;
    chart_open(out, title, WIDTH, (int)n * PAIR + 2 * TOP);
    for (size_t i = 0; i < n; i++) {
        double y = TOP + (double)i * PAIR, a = share(first[i]), b = share(second[i]);
        put_label(out, LABEL - 8, y + 14, labels[i]);
        mw_buf_format(out,
                      "<rect class=\"before\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>"
                      "<rect class=\"now\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>",
                      LABEL, y + 1, fmax(1, a / most * room), BAR, LABEL, y + BAR + 3,
                      fmax(1, b / most * room), BAR);
        chart_open_text(out, LABEL + fmax(a, b) / most * room + 6, y + 15, "start");
        mw_put_percent(out, a);
        mw_buf_text(out, " → ");
        mw_put_percent(out, b);
        mw_buf_text(out, "</text>\n");
    }
    mw_buf_text(out, "</svg>\n");
}

/* ---- time ------------------------------------------------------------------------------------ */

typedef struct frame {
    double from, to, least, most;
} frame;

static double x_of(const frame *f, double at)
{
    double width = WIDTH - LINE_LEFT - LINE_RIGHT;
    return LINE_LEFT + (f->to > f->from ? (at - f->from) / (f->to - f->from) : 0) * width;
}

static double y_of(const frame *f, double value)
{
    double span = f->most > f->least ? f->most - f->least : 1;
    return TOP + (1 - (value - f->least) / span) * LINE_HEIGHT;
}

static frame frame_of(const mw_chart_line *line)
{
    frame f = {line->from, line->to, 0, -INFINITY};
    for (size_t i = 0; i < line->n; i++) {
        if (!isfinite(line->values[i]))
            continue;
        f.least = fmin(f.least, line->values[i]);
        f.most = fmax(f.most, line->values[i]);
    }
    if (isfinite(line->rule))
        f.most = fmax(f.most, line->rule);
    if (!isfinite(f.from) && line->n > 0)
        f.from = line->at[0];
    if (!isfinite(f.to) && line->n > 0)
        f.to = line->at[line->n - 1];
    return f;
}

/* A point that stands alone is a dot: a path of one place would not be seen. */
static void put_line(mw_buf *out, const frame *f, const mw_chart_line *line)
{
    bool drawing = false;
    mw_buf_text(out, "<path class=\"curve\" d=\"");
    for (size_t i = 0; i < line->n; i++) {
        bool is_there = isfinite(line->values[i]);
        if (is_there)
            mw_buf_format(out, "%s%.1f %.1f", drawing ? "L" : "M", x_of(f, line->at[i]),
                          y_of(f, line->values[i]));
        drawing = is_there;
    }
    mw_buf_text(out, "\"/>\n");
    for (size_t i = 0; i < line->n; i++) {
        bool before = i > 0 && isfinite(line->values[i - 1]);
        bool after = i + 1 < line->n && isfinite(line->values[i + 1]);
        if (isfinite(line->values[i]) && !before && !after)
            mw_buf_format(out, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n",
                          x_of(f, line->at[i]), y_of(f, line->values[i]));
    }
}

static void put_level(mw_buf *out, const frame *f, const char *class, double value)
{
    mw_buf_format(out, "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", class,
                  LINE_LEFT, WIDTH - LINE_RIGHT, y_of(f, value), y_of(f, value));
}

static void put_axis_value(mw_buf *out, const frame *f, const mw_chart_line *line, double value)
{
    put_level(out, f, "grid", value);
    chart_open_text(out, LINE_LEFT - 6, y_of(f, value) + 4, "end");
    if (line->is_share)
        mw_put_percent(out, value);
    else if (line->is_seconds)
        mw_put_seconds(out, value);
    else
        mw_put_number(out, value);
    mw_buf_text(out, "</text>\n");
}

static void put_time(mw_buf *out, double x, const char *anchor, double seconds)
{
    char text[32] = "";
    struct tm utc;
    time_t t = (time_t)seconds;
    if (gmtime_r(&t, &utc))
        strftime(text, sizeof text, "%m-%d %H:%M", &utc);
    chart_open_text(out, x, TOP + LINE_HEIGHT + BELOW - 5, anchor);
    mw_buf_format(out, "%s</text>", text);
}

void mw_chart_time(mw_buf *out, const char *title, const mw_chart_line *line)
{
    frame f = frame_of(line);
    if (line->n == 0 || !isfinite(f.most) || !isfinite(f.from) || !isfinite(f.to))
        return;
    chart_open(out, title, WIDTH, TOP + LINE_HEIGHT + BELOW);
    put_axis_value(out, &f, line, f.least);
    if (f.most > f.least)
        put_axis_value(out, &f, line, f.most);
    for (size_t i = 0; i < line->n_moments; i++) {
        double at = line->moments[i];
        if (at >= f.from && at <= f.to)
            mw_buf_format(out,
                          "<line class=\"moment\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                          x_of(&f, at), x_of(&f, at), TOP, TOP + LINE_HEIGHT);
    }
    if (isfinite(line->rule))
        put_level(out, &f, "rule", line->rule);
    put_line(out, &f, line);
    put_time(out, LINE_LEFT, "start", f.from);
    put_time(out, (LINE_LEFT + WIDTH - LINE_RIGHT) / 2.0, "middle", (f.from + f.to) / 2);
    put_time(out, WIDTH - LINE_RIGHT, "end", f.to);
    mw_buf_text(out, "</svg>\n");
}
