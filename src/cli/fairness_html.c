/* The finding of a fairness check as one HTML page. A rate is drawn as a dot on its 95 % interval,
 * all groups on one scale; the rule is that of all rows together.
 *
 *     Female   ----o---
 *     Male                |        --o-- */
#include <math.h>

#include "fairness.h"
#include "report/report.h"

enum { CHART_WIDTH = 220, CHART_HEIGHT = 22 };

static void put_number(mw_buf *out, double value)
{
    mw_buf_text(out, "<td class=\"n\">");
    cli_fair_number(out, value);
    mw_buf_text(out, "</td>");
}

static double at(double share)
{
    return 4 + share * (CHART_WIDTH - 8);
}

static void put_chart(const cli_fair *job, const cli_fair_group *group, mw_outcome_rate rate,
                      mw_buf *out)
{
    double value = mw_outcome_rate_of(&group->counts, rate);
    double all = mw_outcome_rate_of(&job->overall.counts, rate), y = CHART_HEIGHT / 2.0;
    mw_interval interval = cli_fair_interval(group, rate);
    mw_buf_text(out, "<td class=\"n\">");
    if (isnan(value)) {
        mw_buf_text(out, "not defined</td>");
        return;
    }
    mw_buf_format(out,
                  "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">"
                  "<title>%.3f, 95 %% %.3f to %.3f</title>",
                  CHART_WIDTH, CHART_HEIGHT, CHART_WIDTH, CHART_HEIGHT, value, interval.low,
                  interval.high);
    if (!isnan(all))
        mw_buf_format(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"1\" y2=\"%d\" class=\"rule\"/>",
                      at(all), at(all), CHART_HEIGHT - 1);
    mw_buf_format(out,
                  "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"curve\"/>"
                  "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" "
                  "class=\"dot\"/></svg> %.3f</td>",
                  at(interval.low), at(interval.high), y, y, at(value), y, value);
}

static void put_group(const cli_fair *job, const cli_fair_group *group, mw_buf *out)
{
    mw_buf_text(out, "<tr><td>");
    mw_put_escaped(out, group->name);
    mw_buf_format(out, "%s</td><td class=\"n\">%.0f</td>",
                  group->is_small ? " <span class=\"undecided\">few rows</span>" : "",
                  group->n_rows);
    put_chart(job, group, MW_RATE_SELECTION, out);
    put_chart(job, group, MW_RATE_TPR, out);
    put_chart(job, group, MW_RATE_FPR, out);
    put_number(out, mw_outcome_rate_of(&group->counts, MW_RATE_PPV));
    put_number(out, mw_outcome_rate_of(&group->counts, MW_RATE_BASE));
    put_number(out, group->auc);
    mw_buf_text(out, "</tr>\n");
}

static void put_gap(const cli_fair_attribute *attribute, const char *name, mw_outcome_rate rate,
                    mw_buf *out)
{
    const mw_gaps *gaps = &attribute->gaps[rate];
    mw_buf_format(out, "<tr><td>%s</td>", name);
    put_number(out, gaps->difference);
    put_number(out, gaps->ratio);
    put_number(out, gaps->difference_to_overall);
    mw_buf_text(out, "<td>");
    if (gaps->highest < attribute->n_groups) {
        mw_put_escaped(out, attribute->groups[gaps->highest].name);
        mw_buf_text(out, " / ");
        mw_put_escaped(out, attribute->groups[gaps->lowest].name);
    }
    mw_buf_text(out, "</td></tr>\n");
}

static void put_checks(const cli_fair_attribute *attribute, mw_buf *out)
{
    for (size_t i = 0; i < attribute->n_checks; i++) {
        const cli_fair_check *check = &attribute->checks[i];
        const char *style = check->verdict == CLI_FAIR_FAIL        ? "fail"
                            : check->verdict == CLI_FAIR_UNDECIDED ? "undecided"
                                                                   : "quiet";
        mw_buf_format(out, "<p><span class=\"%s\">%s</span> %s ", style,
                      cli_fair_verdict_name(check->verdict), check->limit->measure->name);
        cli_fair_why(check, out);
        mw_buf_text(out, "</p>\n");
    }
}

/* Those of numbers stand above them. */
static const struct fair_head {
    const char *title;
    bool is_text;
} group_heads[] = {{"Group", true},
                   {"Rows", false},
                   {"Selected", false},
                   {"True positive rate", false},
                   {"False positive rate", false},
                   {"Precision", false},
                   {"Base rate", false},
                   {"AUC", false}},
  gap_heads[] = {{"Between groups", true},
                 {"Difference", false},
                 {"Ratio", false},
                 {"Difference to overall", false},
                 {"Highest / lowest", true}};

static void put_heads(mw_buf *out, const struct fair_head *heads, size_t n)
{
    mw_buf_text(out, "<table><thead><tr>");
    for (size_t i = 0; i < n; i++)
        mw_buf_format(out, "<th%s>%s</th>", heads[i].is_text ? "" : " class=\"n\"", heads[i].title);
    mw_buf_text(out, "</tr></thead><tbody>\n");
}

static void put_attribute(const cli_fair *job, const cli_fair_attribute *attribute, mw_buf *out)
{
    mw_buf_text(out, "<h2>");
    mw_put_escaped(out, attribute->name);
    mw_buf_text(out, "</h2>\n");
    put_checks(attribute, out);
    mw_page_open_frame(out, MW_VIEW("groups"), false);
    put_heads(out, group_heads, MW_COUNT(group_heads));
    for (size_t g = 0; g < attribute->n_groups; g++)
        put_group(job, &attribute->groups[g], out);
    put_group(job, &job->overall, out);
    mw_buf_text(out, "</tbody></table>");
    mw_page_close_frame(out);
    mw_page_open_frame(out, MW_VIEW("between groups"), false);
    put_heads(out, gap_heads, MW_COUNT(gap_heads));
    put_gap(attribute, "Demographic parity (selected)", MW_RATE_SELECTION, out);
    put_gap(attribute, "Equal opportunity (true positive rate)", MW_RATE_TPR, out);
    put_gap(attribute, "Predictive equality (false positive rate)", MW_RATE_FPR, out);
    put_gap(attribute, "Predictive parity (precision)", MW_RATE_PPV, out);
    put_gap(attribute, "Accuracy", MW_RATE_ACCURACY, out);
    mw_buf_text(out, "</tbody></table>");
    mw_page_close_frame(out);
}

void cli_fair_html(const cli_fair *job, mw_buf *out)
{
    mw_page_open(out, "Fairness report", MW_VIEW(""));
    mw_buf_text(out, "<h1>Fairness: ");
    cli_fair_headline(job, out);
    mw_buf_text(out, "</h1>\n<p>");
    mw_put_escaped(out, mw_view_of(job->file.path));
    mw_buf_format(out,
                  ": %.0f rows, selected from a score of %g on. Dots are rates, bars their 95 "
                  "%% intervals, the rule all rows together.</p>\n",
                  job->overall.n_rows, job->threshold);
    for (size_t a = 0; a < job->n_attributes; a++)
        put_attribute(job, &job->attributes[a], out);
    mw_buf_text(out,
                "<p>Where base rates differ, calibration within groups and equal error rates "
                "cannot hold together (Kleinberg 2016, Chouldechova 2017). A ratio of 0.8 is a "
                "rule of US employment law, not a verdict.</p>\n");
    mw_page_close(out);
}
