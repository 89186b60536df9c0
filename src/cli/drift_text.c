/* The finding of a drift check in words: for people at a terminal, and as JUnit for CI servers. */
#include "drift.h"

#include <math.h>
#include <stdio.h>

enum { NAME_WIDTH_MAX = 40, COLUMN_GAP = 2 };

/* ---- clauses --------------------------------------------------------------------------------- */

bool cli_drift_has_drifted(const cli_drift_feature *feature)
{
    return feature->state != CLI_DRIFT_COMPARED || feature->measured.drifted;
}

const char *cli_drift_state_name(const cli_drift_feature *feature)
{
    switch (feature->state) {
    case CLI_DRIFT_REMOVED:
        return "removed";
    case CLI_DRIFT_RETYPED:
        return "retyped";
    default:
        return mw_drift_verdict_name(feature->measured.verdict);
    }
}

void cli_drift_number(mw_buf *out, double value)
{
    if (isnan(value))
        mw_buf_char(out, '-');
    else
        mw_buf_format(out, "%.4g", value);
}

static double missing_percent(size_t n, size_t missing)
{
    return n + missing ? 100.0 * (double)missing / (double)(n + missing) : 0;
}

static void say_missing(const mw_drift_feature *m, mw_buf *out)
{
    mw_buf_format(out, "missing %.3g %% -> %.3g %%",
                  missing_percent(m->n_reference, m->missing_reference + m->infinite_reference),
                  missing_percent(m->n_current, m->missing_current + m->infinite_current));
}

static void say_statistic(const cli_drift *job, const mw_drift_feature *m, mw_buf *out)
{
    bool is_test = mw_drift_is_test(m->method);
    bool ours = job->options.profile == MW_DRIFT_MILLWRIGHT;
    mw_buf_format(out, "%s ", mw_drift_method_name(m->method));
    cli_drift_number(out, m->statistic);
    if (!is_test)
        mw_buf_format(out, ", drift from %g on", m->threshold);
    if (!isnan(m->p_value)) {
        mw_buf_text(out, "; p ");
        cli_drift_number(out, m->p_value);
        if (ours) {
            mw_buf_text(out, ", adjusted ");
            cli_drift_number(out, m->p_adjusted);
        }
    }
    if (is_test)
        mw_buf_format(out, ", drift below %g", m->threshold);
}

static void say_none(const char *where, size_t n_infinite, mw_buf *out)
{
    mw_buf_format(out, "no %svalues in the %s", n_infinite > 0 ? "finite " : "", where);
    if (n_infinite > 0)
        mw_buf_format(out, ", %zu infinite", n_infinite);
}

void cli_drift_why(const cli_drift *job, const cli_drift_feature *feature, mw_buf *out)
{
    const mw_drift_feature *m = &feature->measured;
    if (feature->state == CLI_DRIFT_REMOVED) {
        mw_buf_text(out, "the column is not in the current file");
        return;
    }
    if (feature->state == CLI_DRIFT_RETYPED) {
        mw_buf_text(out, "numbers in the reference, text in the current file");
        return;
    }
    if (m->n_reference == 0)
        say_none("reference", m->infinite_reference, out);
    else if (m->n_current == 0)
        say_none("current file", m->infinite_current, out);
    else
        say_statistic(job, m, out);
    if (m->missing_drifted || m->missing_reference + m->missing_current > 0) {
        mw_buf_text(out, "; ");
        say_missing(m, out);
    }
    if (m->is_category && feature->n_new > 0)
        mw_buf_format(out, "; %zu new %s in %zu rows", feature->n_new,
                      feature->n_new == 1 ? "category" : "categories", feature->new_rows);
}

void cli_drift_headline(const cli_drift *job, mw_buf *out)
{
    const mw_drift_summary *s = &job->summary;
    if (s->n_compared == 0 && !s->drifted)
        mw_buf_format(out, "none of %zu features has enough rows: not known whether it drifted",
                      s->n_features);
    else
        mw_buf_format(out, "%zu of %zu features drifted (%.0f %%): the data set %s", s->n_drifted,
                      s->n_features, 100 * s->share_drifted,
                      s->drifted ? "drifted" : "did not drift");
    if (job->joint.is_told && job->joint.summary.drifted)
        mw_buf_text(out, ", its columns do not go together as they did");
    if (job->mmd.is_told && job->mmd.summary.drifted)
        mw_buf_text(out, ", its rows are of another distribution");
}

/* ---- text ------------------------------------------------------------------------------------ */

static void write_names(const mw_view *names, size_t n, mw_buf *out)
{
    for (size_t i = 0; i < n; i++)
        mw_buf_format(out, "%s%.*s", i ? ", " : "", MW_VIEW_ARG(names[i]));
}

static void write_row(const cli_drift *job, const cli_drift_feature *feature, size_t width,
                      mw_buf *out)
{
    size_t line = out->size;
    mw_buf_text(out, "  ");
    mw_buf_view(out, feature->name);
    cli_pad(out, line, 2 + width + COLUMN_GAP);
    mw_buf_text(out, cli_drift_state_name(feature));
    cli_pad(out, line, 2 + width + COLUMN_GAP + 15 + COLUMN_GAP);
    cli_drift_why(job, feature, out);
    if (feature->state == CLI_DRIFT_COMPARED && !feature->measured.is_category) {
        mw_buf_text(out, "; mean ");
        cli_drift_number(out, feature->measured.mean_reference);
        mw_buf_text(out, " -> ");
        cli_drift_number(out, feature->measured.mean_current);
    }
    mw_buf_char(out, '\n');
}

void cli_drift_text(const cli_drift *job, mw_buf *out)
{
    size_t width = 0;
    cli_drift_headline(job, out);
    mw_buf_format(out, "\nreference %s: %zu rows; current %s: %zu rows; profile %s\n",
                  job->reference.path, job->reference.frame.n_rows, job->current.path,
                  job->current.frame.n_rows, mw_drift_profile_name(job->options.profile));
    cli_drift_joint_sentence(job, out);
    mw_buf_text(out, job->joint.is_told ? "\n" : "");
    cli_drift_mmd_sentence(job, out);
    mw_buf_text(out, job->mmd.is_told ? "\n" : "");
    if (job->n_added > 0) {
        mw_buf_text(out, "new columns, which nothing was compared with: ");
        write_names(job->added, job->n_added, out);
        mw_buf_char(out, '\n');
    }
    mw_buf_char(out, '\n');
    for (size_t f = 0; f < job->n_features; f++)
        width = job->features[f].name.size > width ? job->features[f].name.size : width;
    width = width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
    for (int drifted = 1; drifted >= 0; drifted--)
        for (size_t f = 0; f < job->n_features; f++)
            if (cli_drift_has_drifted(&job->features[f]) == (drifted == 1))
                write_row(job, &job->features[f], width, out);
}
