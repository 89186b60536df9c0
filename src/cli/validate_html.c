/* The finding of a validation as one page. */
#include "validate.h"

#include "markup.h"

#include <math.h>

static void put_cell(mw_buf *out, double value)
{
    mw_buf_text(out, "<td class=\"n\">");
    cli_validate_number(out, value);
    mw_buf_text(out, "</td>");
}

static void put_interval(mw_buf *out, double low, double high)
{
    mw_buf_text(out, "<td class=\"n\">");
    if (!isnan(low)) {
        cli_validate_number(out, low);
        mw_buf_text(out, " to ");
        cli_validate_number(out, high);
    }
    mw_buf_text(out, "</td>");
}

static void put_checks(const cli_validation *v, mw_buf *out)
{
    static const char *const styles[] = {"quiet", "watch", "drifted"};
    if (v->n_checks == 0)
        return;
    mw_buf_text(out, "<h2>Checks</h2>\n<table><thead><tr><th>Verdict</th><th>Check</th><th>Why</th>"
                     "</tr></thead><tbody>\n");
    for (size_t i = 0; i < v->n_checks; i++) {
        const cli_check *check = &v->checks[i];
        mw_buf_format(out, "<tr><td><span class=\"%s\">%s</span></td><td>", styles[check->verdict],
                      cli_verdict_name(check->verdict));
        cli_put_escaped(out, check->name);
        mw_buf_text(out, "</td><td>");
        cli_put_escaped(out, check->why);
        mw_buf_text(out, "</td></tr>\n");
    }
    mw_buf_text(out, "</tbody></table>\n");
}

static void put_metrics(const cli_validation *v, mw_buf *out)
{
    size_t n;
    const mw_quality_metric *metrics = mw_quality_metrics(v->task, &n);
    mw_buf_text(out,
                "<h2>Metrics</h2>\n<table><thead><tr><th>Metric</th><th>Value</th><th>95 %</th>");
    if (v->has_other)
        mw_buf_text(out, "<th>Less champion</th><th>95 %</th>");
    mw_buf_text(out, "<th>Means</th></tr></thead><tbody>\n");
    for (size_t m = 0; m < n; m++) {
        const mw_estimate *e = &v->model.estimates[m];
        if (isnan(e->value))
            continue;
        mw_buf_format(out, "<tr><td>%s</td>", metrics[m].name);
        put_cell(out, e->value);
        put_interval(out, e->low, e->high);
        if (v->has_other) {
            put_cell(out, v->contrasts[m].difference);
            put_interval(out, v->contrasts[m].low, v->contrasts[m].high);
        }
        mw_buf_format(out, "<td>%s</td></tr>\n", metrics[m].means);
    }
    mw_buf_text(out, "</tbody></table>\n");
}

static void put_slices(const cli_validation *v, mw_buf *out)
{
    if (v->n_searched == 0)
        return;
    mw_buf_format(out,
                  "<h2>Slices</h2>\n<p>%zu looked at; the p-values are adjusted for so many.</p>",
                  v->n_searched);
    mw_buf_text(out, "<table><thead><tr><th>Slice</th><th>Rows</th><th>Value</th><th>95 %</th>"
                     "<th>Effect</th><th>p</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < v->n_slices; i++) {
        const cli_slice *s = &v->slices[i];
        mw_buf_text(out, "<tr><td>");
        cli_put_escaped(out, s->name);
        mw_buf_format(out, "</td><td class=\"n\">%zu</td>", s->n_rows);
        put_cell(out, s->primary.value);
        put_interval(out, s->primary.low, s->primary.high);
        put_cell(out, s->effect);
        put_cell(out, s->p_adjusted);
        mw_buf_text(out, "</tr>\n");
    }
    mw_buf_text(out, "</tbody></table>\n");
}

void cli_validate_html(const cli_validation *v, mw_buf *out)
{
    cli_page_open(out, "Validation report");
    mw_buf_text(out, "<h1>");
    cli_validate_headline(v, out);
    mw_buf_text(out, "</h1>\n<p>");
    cli_put_escaped(out, mw_view_of(v->model.text));
    mw_buf_text(out, " on ");
    cli_put_escaped(out, mw_view_of(v->file.path));
    mw_buf_format(out, ": %s, %zu rows.</p>\n", mw_task_name(v->task), v->n_rows);
    put_checks(v, out);
    put_metrics(v, out);
    put_slices(v, out);
    for (size_t i = 0; i < v->notes.count; i++) {
        mw_buf_text(out, "<p>");
        cli_put_escaped(out, v->notes.items[i]);
        mw_buf_text(out, "</p>\n");
    }
    cli_page_close(out);
}
