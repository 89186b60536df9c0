/* Charts as SVG.
 *
 *     (LEFT, TOP) +-----------------+
 *                 |  numbers -> px  |
 *                 +-----------------+ (LEFT + width, TOP + height)
 *       labels below and to the left                                    */
#include "chart_parts.h"

#include <math.h>

#include "page.h"

#include "base/banned.h"

enum {
    WIDTH = 320,
    HEIGHT = 130,
    LEFT = 6,
    TOP = 6,
    BELOW = 18,
    BAR = 18,
    LABEL = 120,
    SQUARE = 260,
    CELL = 22
};

void chart_open(mw_buf *out, const char *title, int width, int height)
{
    mw_buf_format(out, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\"><title>",
                  width, height, width, height);
    mw_put_escaped(out, mw_view_of(title));
    mw_buf_text(out, "</title>\n");
}

void chart_open_text(mw_buf *out, double x, double y, const char *anchor)
{
    mw_buf_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
}

static void put_label(mw_buf *out, double x, double y, const char *anchor, mw_view text)
{
    chart_open_text(out, x, y, anchor);
    mw_put_escaped(out, text);
    mw_buf_text(out, "</text>");
}

static void put_value(mw_buf *out, double x, double y, const char *anchor, double value)
{
    chart_open_text(out, x, y, anchor);
    mw_put_number(out, value);
    mw_buf_text(out, "</text>");
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += isfinite(values[i]) ? values[i] : 0;
    return sum;
}

static double largest_share(const double *values, size_t n)
{
    double most = 0, sum = sum_of(values, n);
    for (size_t i = 0; i < n; i++)
        most = isfinite(values[i]) && sum > 0 ? fmax(most, values[i] / sum) : most;
    return most;
}

/* ---- histogram ------------------------------------------------------------------------------- */

void mw_chart_histogram(mw_buf *out, const char *title, const double *edges, const double *counts,
                        const double *second, size_t n)
{
    double sum = sum_of(counts, n), most = largest_share(counts, n);
    double other = second ? sum_of(second, n) : 0, width = WIDTH - 2.0 * LEFT;
    if (second)
        most = fmax(most, largest_share(second, n));
    if (n == 0 || !(most > 0))
        return;
    chart_open(out, title, WIDTH, HEIGHT + TOP + BELOW);
    for (size_t i = 0; i < n; i++) {
        double height = sum > 0 ? counts[i] / sum / most * HEIGHT : 0;
        mw_buf_format(out,
                      "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                      LEFT + width * (double)i / (double)n, TOP + HEIGHT - height,
                      fmax(1, width / (double)n - 1), height);
    }
    mw_buf_text(out, second && other > 0 ? "<path class=\"other\" d=\"" : "");
    for (size_t i = 0; i < n && second && other > 0; i++)
        mw_buf_format(out, "%s%.1f %.1f", i ? "L" : "M",
                      LEFT + width * ((double)i + 0.5) / (double)n,
                      TOP + HEIGHT - second[i] / other / most * HEIGHT);
    mw_buf_text(out, second && other > 0 ? "\"/>" : "");
    mw_buf_format(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", LEFT,
                  WIDTH - LEFT, TOP + HEIGHT, TOP + HEIGHT);
    if (edges) {
        put_value(out, LEFT, TOP + HEIGHT + BELOW - 4, "start", edges[0]);
        put_value(out, WIDTH - LEFT, TOP + HEIGHT + BELOW - 4, "end", edges[n]);
    }
    mw_buf_text(out, "</svg>\n");
}

/* ---- bars ------------------------------------------------------------------------------------ */

/* What fits into the label's width, whole letters of UTF-8. */
static mw_view cut_label(mw_view text)
{
    enum { LETTERS = 18 };
    size_t n = 0, at = 0;
    while (at < text.size && n < LETTERS) {
        at++;
        while (at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80)
            at++;
        n++;
    }
    return (mw_view){text.data, at};
}

void mw_chart_bars(mw_buf *out, const char *title, const mw_view *labels, const double *values,
                   size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = isfinite(values[i]) ? fmax(most, values[i]) : most;
    if (n == 0 || !(most > 0))
        return;
    chart_open(out, title, WIDTH, (int)n * BAR + 2 * TOP);
    for (size_t i = 0; i < n; i++) {
        double y = TOP + (double)i * BAR, width = isfinite(values[i]) ? values[i] / most : 0;
        double room = WIDTH - LABEL - 60;
        put_label(out, LABEL - 6, y + BAR - 6, "end", cut_label(labels[i]));
        mw_buf_format(out, "<rect class=\"bar\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>",
                      LABEL, y + 2, fmax(1, width * room), BAR - 5);
        put_value(out, LABEL + width * room + 4, y + BAR - 6, "start", values[i]);
    }
    mw_buf_text(out, "</svg>\n");
}

/* ---- square ---------------------------------------------------------------------------------- */

static void put_curve(mw_buf *out, const mw_chart_curve *curve, const char *class, bool has_dots)
{
    bool drawing = false;
    mw_buf_format(out, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < curve->n; i++) {
        if (!isfinite(curve->x[i]) || !isfinite(curve->y[i]))
            continue;
        mw_buf_format(out, "%s%.1f %.1f", drawing ? "L" : "M", LEFT + curve->x[i] * SQUARE,
                      TOP + (1 - curve->y[i]) * SQUARE);
        drawing = true;
    }
    mw_buf_text(out, "\"/>");
    for (size_t i = 0; i < curve->n && has_dots; i++)
        if (isfinite(curve->x[i]) && isfinite(curve->y[i]))
            mw_buf_format(out, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>",
                          LEFT + curve->x[i] * SQUARE, TOP + (1 - curve->y[i]) * SQUARE);
}

void mw_chart_square(mw_buf *out, const char *title, const char *x_name, const char *y_name,
                     const mw_chart_curve *first, const mw_chart_curve *second, bool has_dots)
{
    chart_open(out, title, SQUARE + 2 * LEFT, SQUARE + TOP + 2 * BELOW);
    mw_buf_format(out,
                  "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
                  "class=\"grid\"/><line class=\"rule\" x1=\"%d\" y1=\"%d\" x2=\"%d\" "
                  "y2=\"%d\"/>",
                  LEFT, TOP, SQUARE, SQUARE, LEFT, TOP + SQUARE, LEFT + SQUARE, TOP);
    if (second)
        put_curve(out, second, "other", has_dots);
    put_curve(out, first, "curve", has_dots);
    put_label(out, LEFT + SQUARE, TOP + SQUARE + BELOW - 4, "end", mw_view_of(x_name));
    put_label(out, LEFT + 4, TOP + 14, "start", mw_view_of(y_name));
    if (second) {
        mw_buf_format(out, "<text x=\"%d\" y=\"%d\">&#8212; ", LEFT, TOP + SQUARE + 2 * BELOW - 4);
        mw_put_escaped(out, mw_view_of(first->name));
        mw_buf_text(out, "   - - ");
        mw_put_escaped(out, mw_view_of(second->name));
        mw_buf_text(out, "</text>");
    }
    mw_buf_text(out, "</svg>\n");
}

/* ---- heat ------------------------------------------------------------------------------------ */

void mw_chart_heat(mw_buf *out, const char *title, const mw_view *labels, const double *values,
                   size_t n)
{
    if (n == 0)
        return;
    chart_open(out, title, LABEL + (int)n * CELL + 60, TOP + (int)n * CELL + LABEL);
    for (size_t i = 0; i < n; i++) {
        double y = TOP + (double)i * CELL;
        put_label(out, LABEL - 6, y + CELL - 7, "end", cut_label(labels[i]));
        for (size_t k = 0; k < n; k++) {
            double value = values[i * n + k];
            if (!isfinite(value))
                continue;
            mw_buf_format(out,
                          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" "
                          "fill=\"var(--c%d)\" fill-opacity=\"%.2f\"><title>",
                          LABEL + (double)k * CELL, y, CELL - 1, CELL - 1, value < 0 ? 2 : 1,
                          fabs(value));
            mw_put_escaped(out, labels[i]);
            mw_buf_text(out, " and ");
            mw_put_escaped(out, labels[k]);
            mw_buf_format(out, ": %.2f</title></rect>", value);
        }
        double x = LABEL + (double)i * CELL + CELL / 2.0, below = TOP + (double)n * CELL + 8;
        mw_buf_format(out, "<text x=\"%.1f\" y=\"%.1f\" transform=\"rotate(45 %.1f %.1f)\">", x,
                      below, x, below);
        mw_put_escaped(out, cut_label(labels[i]));
        mw_buf_text(out, "</text>\n");
    }
    mw_buf_text(out, "</svg>\n");
}

/* ---- intervals ------------------------------------------------------------------------------- */

void mw_chart_intervals(mw_buf *out, const char *title, const mw_view *labels, const double *values,
                        const double *lows, const double *highs, size_t n, double rule)
{
    enum { WIDE = 640, WIDE_LABEL = 240 };
    double least = INFINITY, most = -INFINITY, room = WIDE - WIDE_LABEL - 60;
    for (size_t i = 0; i < n; i++) {
        double low = isfinite(lows[i]) ? lows[i] : values[i];
        double high = isfinite(highs[i]) ? highs[i] : values[i];
        least = isfinite(low) ? fmin(least, low) : least;
        most = isfinite(high) ? fmax(most, high) : most;
    }
    least = isfinite(rule) ? fmin(least, rule) : least;
    most = isfinite(rule) ? fmax(most, rule) : most;
    if (!isfinite(least))
        return;
    double width = most > least ? most - least : 1;
    chart_open(out, title, WIDE, (int)n * BAR + 2 * TOP);
    if (isfinite(rule))
        mw_buf_format(out, "<line class=\"rule\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>",
                      WIDE_LABEL + (rule - least) / width * room,
                      WIDE_LABEL + (rule - least) / width * room, (int)n * BAR + 2 * TOP);
    for (size_t i = 0; i < n; i++) {
        double y = TOP + (double)i * BAR + BAR / 2.0;
        put_label(out, WIDE_LABEL - 8, y + 4, "end", labels[i]);
        if (!isfinite(values[i]))
            continue;
        if (isfinite(lows[i]) && isfinite(highs[i]))
            mw_buf_format(out,
                          "<line stroke=\"var(--c1)\" stroke-width=\"2\" x1=\"%.1f\" "
                          "x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                          WIDE_LABEL + (lows[i] - least) / width * room,
                          WIDE_LABEL + (highs[i] - least) / width * room, y, y);
        mw_buf_format(out, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                      WIDE_LABEL + (values[i] - least) / width * room, y);
        put_value(out, WIDE - 4, y + 4, "end", values[i]);
    }
    mw_buf_text(out, "</svg>\n");
}
