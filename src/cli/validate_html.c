/* The finding of a validation as one page. */
#include "validate.h"

#include "report/report.h"

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
    static const char *const styles[] = {"pass", "undecided", "fail"};
    if (v->n_checks == 0)
        return;
    mw_buf_text(out, "<h2>Checks</h2>\n");
    mw_page_open_frame(out, MW_VIEW("checks"), false);
    mw_buf_text(out, "<table><thead><tr><th>Verdict</th><th>Check</th><th>Why</th>"
                     "</tr></thead><tbody>\n");
    static const cli_verdict order[] = {CLI_FAIL, CLI_UNDECIDED, CLI_PASS};
    for (size_t k = 0; k < MW_COUNT(order); k++) {
        for (size_t i = 0; i < v->n_checks; i++) {
            const cli_check *check = &v->checks[i];
            if (check->verdict != order[k])
                continue;
            mw_buf_format(out, "<tr><td><span class=\"%s\">%s</span></td><td>",
                          styles[check->verdict], cli_verdict_name(check->verdict));
            mw_put_escaped(out, check->name);
            mw_buf_text(out, "</td><td>");
            mw_put_escaped(out, check->why);
            mw_buf_text(out, "</td></tr>\n");
        }
    }
    mw_buf_text(out, "</tbody></table>");
    mw_page_close_frame(out);
}

static void put_metrics(const cli_validation *v, mw_buf *out)
{
    size_t n;
    const mw_quality_metric *metrics = mw_quality_metrics(v->task, &n);
    mw_buf_text(out, "<h2>Metrics</h2>\n");
    mw_page_open_frame(out, MW_VIEW("metrics"), false);
    mw_buf_text(out, "<table><thead><tr><th>Metric</th><th "
                     "class=\"n\">Value</th><th class=\"n\">95 %</th>");
    if (v->has_other)
        mw_buf_text(out, "<th class=\"n\">Less champion</th><th class=\"n\">95 %</th>");
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
    mw_buf_text(out, "</tbody></table>");
    mw_page_close_frame(out);
}

static void draw_slices(const cli_validation *v, mw_buf *out)
{
    enum { SHOWN = 40 };
    mw_view names[SHOWN];
    double values[SHOWN], lows[SHOWN], highs[SHOWN];
    size_t n = v->n_slices < SHOWN ? v->n_slices : SHOWN;
    for (size_t i = 0; i < n; i++) {
        names[i] = v->slices[i].name;
        values[i] = v->slices[i].primary.value;
        lows[i] = v->slices[i].primary.low;
        highs[i] = v->slices[i].primary.high;
    }
    mw_chart_intervals(out, "Slices: value and 95 % interval; the rule is all rows", names, values,
                       lows, highs, n, v->model.estimates[v->sliced].value);
}

static void put_slices(const cli_validation *v, mw_buf *out)
{
    if (v->n_searched == 0)
        return;
    mw_buf_format(out,
                  "<h2>Slices</h2>\n<p>%zu looked at; the p-values are adjusted for so many.</p>",
                  v->n_searched);
    mw_page_open_frame(out, MW_VIEW("slices"), false);
    mw_buf_text(
        out,
        "<table><thead><tr><th>Slice</th><th class=\"n\">Rows</th><th class=\"n\">Value</th><th "
        "class=\"n\">95 %</th>"
        "<th class=\"n\">Effect</th><th class=\"n\">p</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < v->n_slices; i++) {
        const cli_slice *s = &v->slices[i];
        mw_buf_text(out, "<tr><td>");
        mw_put_escaped(out, s->name);
        mw_buf_format(out, "</td><td class=\"n\">%zu</td>", s->n_rows);
        put_cell(out, s->primary.value);
        put_interval(out, s->primary.low, s->primary.high);
        put_cell(out, s->effect);
        put_cell(out, s->p_adjusted);
        mw_buf_text(out, "</tr>\n");
    }
    mw_buf_text(out, "</tbody></table>");
    mw_page_close_frame(out);
    draw_slices(v, out);
}

/* The ROC curve beside the champion's, and what scores promise beside what came true. */
static void put_curves(const cli_validation *v, mw_buf *out)
{
    enum { POINTS = 200 };
    double fpr[2][POINTS], tpr[2][POINTS], mean[MW_CALIBRATION_BINS], rate[MW_CALIBRATION_BINS];
    mw_calibration_bin bins[MW_CALIBRATION_BINS];
    if (v->task != MW_TASK_BINARY || isnan(v->model.estimates[0].value))
        return;
    mw_chart_curve one = {"model", fpr[0], tpr[0], 0}, two = {"champion", fpr[1], tpr[1], 0};
    one.n = mw_roc_curve(v->model.quality, fpr[0], tpr[0], POINTS);
    two.n = v->has_other ? mw_roc_curve(v->other.quality, fpr[1], tpr[1], POINTS) : 0;
    mw_buf_text(out, "<div class=\"cards\"><section class=\"card\"><h3>Ranking: positives found "
                     "against false alarms</h3>\n");
    mw_chart_square(out, "ROC curve", "false positive rate", "true positive rate", &one,
                    v->has_other ? &two : NULL, false);
    mw_buf_text(out, "</section>\n");
    if (v->model.judged.is_probability) {
        mw_calibration_of(v->model.quality, NULL, bins);
        for (size_t b = 0; b < MW_CALIBRATION_BINS; b++) {
            mean[b] = bins[b].mean_score;
            rate[b] = bins[b].rate;
        }
        mw_chart_curve calibration = {"model", mean, rate, MW_CALIBRATION_BINS};
        mw_buf_text(out, "<section class=\"card\"><h3>Promise: what scores say against what came "
                         "true</h3>\n");
        mw_chart_square(out, "Calibration by ten bins", "mean score", "rate", &calibration, NULL,
                        true);
        mw_buf_text(out, "</section>");
    }
    mw_buf_text(out, "</div>\n");
}

void cli_validate_html(const cli_validation *v, mw_buf *out)
{
    mw_page_open(out, "Validation report", MW_VIEW(""));
    mw_buf_text(out, "<h1>");
    cli_validate_headline(v, out);
    mw_buf_text(out, "</h1>\n<p>");
    mw_put_escaped(out, mw_view_of(v->model.text));
    mw_buf_text(out, " on ");
    mw_put_escaped(out, mw_view_of(v->file.path));
    mw_buf_format(out, ": %s, %zu rows.</p>\n", mw_task_name(v->task), v->n_rows);
    put_checks(v, out);
    put_curves(v, out);
    put_metrics(v, out);
    put_slices(v, out);
    for (size_t i = 0; i < v->notes.count; i++) {
        mw_buf_text(out, "<p class=\"warn\">");
        mw_put_escaped(out, v->notes.items[i]);
        mw_buf_text(out, "</p>\n");
    }
    mw_page_close(out);
}
