/* The finding of a fairness check in words, and as a table. */
#include "fairness.h"

#include <math.h>

enum { NAME_WIDTH_MAX = 32, COLUMN_WIDTH = 9 };

void cli_fair_number(mw_buf *out, double value)
{
    if (isnan(value))
        mw_buf_char(out, '-');
    else if (isinf(value))
        mw_buf_text(out, value > 0 ? "inf" : "-inf");
    else if (value != 0 && fabs(value) < 0.001)
        mw_buf_format(out, "%.1e", value);
    else
        mw_buf_format(out, "%.3f", value);
}

static void put_limit(const cli_fair_limit *limit, mw_buf *out)
{
    if (!isnan(limit->min))
        mw_buf_format(out, ", at least %g", limit->min);
    if (!isnan(limit->max))
        mw_buf_format(out, ", at most %g", limit->max);
}

void cli_fair_why(const cli_fair_check *check, mw_buf *out)
{
    cli_fair_number(out, check->value);
    put_limit(check->limit, out);
    if (isnan(check->value)) {
        mw_buf_text(out, "; there are not two groups that can be judged");
    } else {
        mw_buf_text(out, "; 95 % ");
        cli_fair_number(out, check->interval.low);
        mw_buf_text(out, " to ");
        cli_fair_number(out, check->interval.high);
    }
    if (check->n_small > 0)
        mw_buf_format(out, "; %zu %s too small to be judged", check->n_small,
                      check->n_small == 1 ? "group is" : "groups are");
    if (!isnan(check->more_rows))
        mw_buf_format(out, "; about %.0f more rows may decide it", check->more_rows);
}

static size_t count_checks(const cli_fair *job, cli_fair_verdict verdict)
{
    size_t n = 0;
    for (size_t a = 0; a < job->n_attributes; a++)
        for (size_t i = 0; i < job->attributes[a].n_checks; i++)
            n += job->attributes[a].checks[i].verdict == verdict;
    return n;
}

void cli_fair_headline(const cli_fair *job, mw_buf *out)
{
    if (job->n_limits == 0) {
        mw_buf_text(out, "No limits were given: measured, not judged");
        return;
    }
    mw_buf_format(out, "%s: %zu kept, %zu broken, %zu undecided",
                  cli_fair_verdict_name(job->verdict), count_checks(job, CLI_FAIR_PASS),
                  count_checks(job, CLI_FAIR_FAIL), count_checks(job, CLI_FAIR_UNDECIDED));
    if (job->stops && job->verdict == CLI_FAIR_UNDECIDED)
        mw_buf_text(out, "; what is undecided is not shown to be kept: more rows may decide it, or "
                         "'undecided: warn' in the suite lets it pass");
}

/* ---- groups ---------------------------------------------------------------------------------- */

static const mw_outcome_rate shown[] = {MW_RATE_SELECTION, MW_RATE_BASE, MW_RATE_TPR,
                                        MW_RATE_FPR,       MW_RATE_PPV,  MW_RATE_ACCURACY};
static const char *const titles[] = {"selected", "positive", "tpr", "fpr", "ppv", "accuracy"};

static void put_cell(mw_buf *out, size_t line, size_t column, double value)
{
    cli_pad(out, line, column);
    cli_fair_number(out, value);
}

static void put_group(const cli_fair *job, const cli_fair_group *group, size_t width, mw_buf *out)
{
    size_t line = out->size, column = width + 4;
    mw_buf_text(out, "  ");
    mw_buf_view(out, group->name);
    cli_pad(out, line, column);
    mw_buf_format(out, "%.0f", group->n_rows);
    column += COLUMN_WIDTH;
    for (size_t i = 0; i < MW_COUNT(shown); i++, column += COLUMN_WIDTH)
        put_cell(out, line, column, cli_fair_rate(job, &group->counts, shown[i]));
    put_cell(out, line, column, group->auc);
    cli_pad(out, line, column + COLUMN_WIDTH);
    mw_interval interval = cli_fair_interval(group, MW_RATE_SELECTION);
    cli_fair_number(out, interval.low);
    mw_buf_char(out, ' ');
    cli_fair_number(out, interval.high);
    mw_buf_text(out, group->is_small ? "  few rows\n" : "\n");
}

static void put_titles(size_t width, mw_buf *out)
{
    size_t line = out->size, column = width + 4;
    cli_pad(out, line, column);
    mw_buf_text(out, "rows");
    for (size_t i = 0; i < MW_COUNT(titles); i++) {
        cli_pad(out, line, column += COLUMN_WIDTH);
        mw_buf_text(out, titles[i]);
    }
    cli_pad(out, line, column += COLUMN_WIDTH);
    mw_buf_text(out, "auc");
    cli_pad(out, line, column + COLUMN_WIDTH);
    mw_buf_text(out, "selected, 95 %\n");
}

static void put_measure(const cli_fair_attribute *attribute, const char *name, mw_outcome_rate rate,
                        mw_buf *out)
{
    const mw_gaps *gaps = &attribute->gaps[rate];
    size_t line = out->size;
    mw_buf_format(out, "  %s", name);
    cli_pad(out, line, NAME_WIDTH_MAX);
    mw_buf_text(out, "difference ");
    cli_fair_number(out, gaps->difference);
    mw_buf_text(out, ", ratio ");
    cli_fair_number(out, gaps->ratio);
    if (gaps->highest < attribute->n_groups && gaps->highest != gaps->lowest)
        mw_buf_format(out, "; highest %.*s, lowest %.*s",
                      MW_VIEW_ARG(attribute->groups[gaps->highest].name),
                      MW_VIEW_ARG(attribute->groups[gaps->lowest].name));
    mw_buf_char(out, '\n');
}

static void put_attribute(const cli_fair *job, const cli_fair_attribute *attribute, mw_buf *out)
{
    size_t width = sizeof "overall" - 1;
    for (size_t g = 0; g < attribute->n_groups; g++)
        width = attribute->groups[g].name.size > width ? attribute->groups[g].name.size : width;
    width = width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
    mw_buf_format(out, "\n%.*s", MW_VIEW_ARG(attribute->name));
    if (attribute->n_empty > 0)
        mw_buf_format(out, " (%zu combinations have no rows)", attribute->n_empty);
    mw_buf_char(out, '\n');
    put_titles(width, out);
    for (size_t g = 0; g < attribute->n_groups; g++)
        put_group(job, &attribute->groups[g], width, out);
    put_group(job, &job->overall, width, out);
    put_measure(attribute, "demographic parity (selected)", MW_RATE_SELECTION, out);
    put_measure(attribute, "equal opportunity (tpr)", MW_RATE_TPR, out);
    put_measure(attribute, "predictive equality (fpr)", MW_RATE_FPR, out);
    put_measure(attribute, "predictive parity (ppv)", MW_RATE_PPV, out);
    for (size_t i = 0; i < attribute->n_checks; i++) {
        const cli_fair_check *check = &attribute->checks[i];
        mw_buf_format(out, "  %-9s %s ", cli_fair_verdict_name(check->verdict),
                      check->limit->measure->name);
        cli_fair_why(check, out);
        mw_buf_char(out, '\n');
    }
}

void cli_fair_text(const cli_fair *job, mw_buf *out)
{
    cli_fair_headline(job, out);
    mw_buf_format(out, "\n%s: %.0f rows, selected from a score of %g on\n", job->file.path,
                  job->overall.n_rows, job->threshold);
    for (size_t a = 0; a < job->n_attributes; a++)
        put_attribute(job, &job->attributes[a], out);
    mw_buf_text(out, "\nWhere base rates differ, calibration within groups and equal fpr and fnr "
                     "cannot hold together\n(Kleinberg 2016, Chouldechova 2017); a ratio of 0.8 is "
                     "a rule of US employment law, not a verdict.\n");
}
