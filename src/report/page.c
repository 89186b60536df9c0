/* One page without anything from elsewhere. */
#include "page.h"

#include <math.h>

#include "base/banned.h"

static const char head[] = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                           "<meta name=\"viewport\" content=\"width=device-width\"><title>";
static const char style[] =
    "\n<style>\n"
    ":root{--back:#fff;--panel:#f4f6f8;--ink:#1a2026;--faint:#5a6670;--line:#d9dee3;--grid:#e8ecef;"
    "--c1:#0072b2;--c2:#d55e00;--c3:#009e73;--ok:#007a57;--watch:#9a5b00;--firing:#b84200}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#14171a;--panel:#1b1f23;--ink:#e6eaee;"
    "--faint:#a3adb6;--line:#343b42;--grid:#2a3036;--c1:#56b4e9;--c2:#e69f00;--c3:#009e73;"
    "--ok:#2fbf94;--watch:#e69f00;--firing:#f58a4b}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:var(--ink);background:var(--back)}\n"
    "h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2rem 0 .6rem}"
    "h3{font-size:1rem;margin:0 0 .2rem;overflow-wrap:anywhere}p{margin:.2rem 0 .8rem}"
    ".faint{color:var(--faint)}\n"
    "table{border-collapse:collapse;width:100%}thead{display:table-header-group}\n"
    "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;color:var(--faint)}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "th.n{white-space:normal}\n"
    ".cards{display:grid;gap:1rem;"
    "grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr))}\n"
    ".card{background:var(--panel);border:1px solid var(--line);border-radius:8px;"
    "padding:.8rem 1rem;break-inside:avoid}.card dl{display:grid;grid-template-columns:auto auto "
    "auto auto;gap:0 .8rem;margin:.4rem 0 0;font-size:.85rem}.card dt{color:var(--faint)}"
    ".card dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}\n"
    ".warn{border-left:4px solid var(--watch);padding:.1rem .8rem;margin:.3rem 0}\n"
    ".pass,.undecided,.fail{white-space:nowrap}th{overflow-wrap:normal}.cards{margin:1rem 0}\n"
    ".pass{color:var(--ok);font-weight:600}.undecided{color:var(--watch);font-weight:600}"
    ".fail{color:var(--firing);font-weight:600}\n"
    "svg{max-width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;"
    "fill:var(--faint)}.bar{fill:var(--c1)}.mark{stroke:var(--c2)}.grid{stroke:var(--grid)}"
    ".rule{stroke:var(--faint);stroke-dasharray:4 3}.curve{fill:none;stroke:var(--c1);"
    "stroke-width:2}.other{fill:none;stroke:var(--c2);stroke-width:2;stroke-dasharray:6 3}"
    ".dot{fill:var(--c1)}.before{fill:var(--panel);stroke:var(--faint)}.now{fill:var(--c1)}"
    ".moment{stroke:var(--c2);stroke-dasharray:2 3}\n"
    ".verdict{font-size:1.15rem;border-left:5px solid var(--faint);padding:.3rem .9rem;"
    "background:var(--panel)}.ok .sign{color:var(--ok)}.watch .sign{color:var(--watch)}"
    ".alarm .sign{color:var(--firing)}.verdict.ok{border-color:var(--ok)}"
    ".verdict.watch{border-color:var(--watch)}.verdict.alarm{border-color:var(--firing)}"
    ".sign{font-weight:600}.facts{display:grid;grid-template-columns:max-content 1fr;"
    "gap:.1rem 1rem;margin:0 0 1rem}.facts dt{color:var(--faint)}.facts dd{margin:0;"
    "overflow-wrap:anywhere}\n"
    "ul.points{list-style:none;padding:0;margin:.4rem 0}ul.points li{margin:.35rem 0;"
    "padding-left:1.5rem;text-indent:-1.5rem;overflow-wrap:anywhere}"
    "figure{margin:1rem 0;break-inside:avoid}figcaption{font-weight:600;margin:0 0 .3rem;"
    "overflow-wrap:anywhere}caption{text-align:left;color:var(--faint);padding:.2rem 0}"
    "details{font-size:.85rem}summary{color:var(--faint);cursor:pointer}"
    ".blank{border:1px dashed var(--faint);border-radius:6px;padding:.4rem .8rem 3.5rem;"
    "margin:.6rem 0;break-inside:avoid}.blank p{color:var(--faint);margin:0}"
    "td.t{min-width:6em}td.t:first-child{min-width:12.5em}td.t:last-child{min-width:15em}"
    ".wide td:first-child{overflow-wrap:break-word}td "
    "svg{min-width:6.5em}td.m{white-space:nowrap}.wide{overflow-x:"
    "auto}\n"
    "@media screen and (max-width:40rem){.wide table{min-width:26rem}.wide svg{max-width:none}"
    ".latest{direction:rtl}.latest svg{direction:ltr}td.t{min-width:10em}"
    "td.t:first-child{min-width:8.5em}.wide td:last-child:not(.n){min-width:11em}}\n"
    "@page{size:A4;margin:15mm;@bottom-right{content:counter(page) \" / \" counter(pages);"
    "font:9px system-ui,sans-serif;color:#5a6670}}@media print{body{margin:0;max-width:none;"
    "font-size:12px}details{display:none}.wide{overflow:visible}"
    "h2,h3{break-after:avoid}tr{break-inside:avoid}"
    ".cards{grid-template-columns:1fr 1fr}tr:nth-child(-n+3){break-after:avoid}}\n"
    "</style></head><body><main>\n";

void mw_put_escaped(mw_buf *out, mw_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '<')
            mw_buf_text(out, "&lt;");
        else if (c == '>')
            mw_buf_text(out, "&gt;");
        else if (c == '&')
            mw_buf_text(out, "&amp;");
        else if (c == '"')
            mw_buf_text(out, "&quot;");
        else if ((unsigned char)c >= ' ' || c == '\t' || c == '\n')
            mw_buf_char(out, c);
        else
            mw_buf_char(out, '?'); /* XML has no way to write the others */
    }
}

void mw_put_plain(mw_buf *out, mw_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (strchr("\\`*_{}[]<>#|!&", text.data[i]))
            mw_buf_char(out, '\\');
        mw_buf_char(out, (unsigned char)text.data[i] < ' ' ? ' ' : text.data[i]);
    }
}

void mw_page_open_frame(mw_buf *out, mw_view label, bool shows_end)
{
    mw_buf_format(out, "<div class=\"wide%s\" role=\"group\" tabindex=\"0\" aria-label=\"",
                  shows_end ? " latest" : "");
    mw_put_escaped(out, label);
    mw_buf_text(out, "\">");
}

void mw_page_close_frame(mw_buf *out)
{
    mw_buf_text(out, "</div>\n");
}

static void put_whole(mw_buf *out, double value)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%.0f", fabs(value));
    mw_buf_text(out, value < 0 ? "-" : "");
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            mw_buf_char(out, ',');
        mw_buf_char(out, text[i]);
    }
}

void mw_put_number(mw_buf *out, double value)
{
    double size = fabs(value);
    if (isnan(value))
        mw_buf_char(out, '-');
    else if (isinf(value))
        mw_buf_text(out, value > 0 ? "inf" : "-inf");
    else if (value == floor(value) && size < 1e9)
        put_whole(out, value);
    else if (size < 0.001 || size >= 1e9)
        mw_buf_format(out, "%.2e", value);
    else if (size >= 1000)
        put_whole(out, round(value));
    else
        mw_buf_format(out, size < 1 ? "%.3f" : "%.4g", value);
}

void mw_put_seconds(mw_buf *out, double seconds)
{
    double size = fabs(seconds);
    bool is_small = isfinite(seconds) && size > 0 && size < 1;
    mw_put_number(out, !is_small ? seconds : size < 1e-3 ? 1e6 * seconds : 1e3 * seconds);
    mw_buf_text(out, !isfinite(seconds) ? "" : !is_small ? " s" : size < 1e-3 ? " µs" : " ms");
}

void mw_put_percent(mw_buf *out, double share)
{
    double percent = 100 * share, size = fabs(percent);
    if (!isfinite(percent))
        mw_buf_char(out, '-');
    else if (size > 0 && size < 0.05)
        mw_buf_text(out, "under 0.1 %");
    else
        mw_buf_format(out, size > 0 && size < 9.95 ? "%.2g %%" : "%.0f %%", percent);
}

/* '=' too: then nothing in it looks like an attribute, even to a search of the text. */
static void put_attribute(mw_buf *out, mw_view text)
{
    for (mw_view left = text; left.size > 0;) {
        mw_view piece = mw_view_cut(&left, '=');
        mw_put_escaped(out, piece);
        if (piece.data + piece.size < text.data + text.size)
            mw_buf_text(out, "&#61;");
    }
}

void mw_page_open(mw_buf *out, const char *title, mw_view verdict)
{
    mw_buf_text(out, head);
    mw_put_escaped(out, mw_view_of(title));
    mw_buf_text(out, "</title>");
    if (verdict.size > 0) {
        mw_buf_text(out, "<meta name=\"description\" content=\"");
        put_attribute(out, verdict);
        mw_buf_text(out, "\">");
    }
    mw_buf_text(out, style);
}

void mw_page_close(mw_buf *out)
{
    mw_buf_text(out, "</main></body></html>\n");
}
