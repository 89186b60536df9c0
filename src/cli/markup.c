/* HTML of reports: one page without anything from elsewhere, light or dark as the reader's system.
 */
#include "markup.h"

#include "report/report.h"

void cli_put_escaped(mw_buf *out, mw_view text)
{
    mw_put_escaped(out, text);
}

static const char page_head[] = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                "<meta name=\"viewport\" content=\"width=device-width\"><title>";
static const char page_style[] =
    "</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;"
    "color:#1c2530;background:#fff}\n"
    "h1{font-size:1.35rem;margin:0 0 .3rem}p{margin:.2rem 0 1rem;color:#4c5a69}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #dde3ea;"
    "vertical-align:top}\n"
    "th{font-weight:600;color:#4c5a69}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".drifted{color:#a4211b;font-weight:600}.watch{color:#8a5a00}\n"
    "@media(prefers-color-scheme:dark){body{background:#12171d;color:#e5eaf0}"
    "p,th{color:#a7b4c2}th,td{border-color:#2b3541}.drifted{color:#ff8a80}"
    ".watch{color:#f0c060}}\n</style></head><body>\n";

void cli_page_open(mw_buf *out, const char *title)
{
    mw_buf_text(out, page_head);
    cli_put_escaped(out, mw_view_of(title));
    mw_buf_text(out, page_style);
}

void cli_page_close(mw_buf *out)
{
    mw_buf_text(out, "</body></html>\n");
}
