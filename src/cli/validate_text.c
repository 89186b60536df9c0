/* The finding of a validation in words: for a terminal, and as Markdown. */
#include "validate.h"

#include "report/report.h"

#include <math.h>

enum { NAME_COLUMN = 26, VALUE_COLUMN = 12, INTERVAL_COLUMN = 26 };

static size_t count_of(const cli_validation *v, cli_verdict verdict)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_checks; i++)
        n += v->checks[i].verdict == verdict;
    return n;
}

void cli_validate_headline(const cli_validation *v, mw_buf *out)
{
    if (v->n_checks == 0) {
        mw_buf_text(out, "Nothing was asked for: measured, not judged");
        return;
    }
    mw_buf_format(out, "%s: %zu of %zu checks passed, %zu failed, %zu undecided",
                  v->passed ? "Passed" : "Failed", count_of(v, CLI_PASS), v->n_checks,
                  count_of(v, CLI_FAIL), count_of(v, CLI_UNDECIDED));
    if (!v->passed && count_of(v, CLI_FAIL) == 0)
        mw_buf_text(out, "; what is undecided is not shown to be kept: more rows may decide it, or "
                         "'undecided: warn' in the suite lets it pass");
}

static void put_interval(mw_buf *out, double low, double high)
{
    if (isnan(low))
        return;
    cli_validate_number(out, low);
    mw_buf_text(out, " to ");
    cli_validate_number(out, high);
}

/* ---- for a terminal -------------------------------------------------------------------------- */

static void put_metric(const cli_validation *v, size_t m, const mw_quality_metric *metric,
                       mw_buf *out)
{
    const mw_estimate *e = &v->model.estimates[m];
    size_t line = out->size;
    mw_buf_format(out, "  %s", metric->name);
    cli_pad(out, line, NAME_COLUMN);
    cli_validate_number(out, e->value);
    cli_pad(out, line, NAME_COLUMN + VALUE_COLUMN);
    put_interval(out, e->low, e->high);
    if (v->has_other) {
        cli_pad(out, line, NAME_COLUMN + VALUE_COLUMN + INTERVAL_COLUMN);
        cli_validate_number(out, v->contrasts[m].difference);
        cli_pad(out, line, NAME_COLUMN + 2 * VALUE_COLUMN + INTERVAL_COLUMN);
        put_interval(out, v->contrasts[m].low, v->contrasts[m].high);
    }
    mw_buf_char(out, '\n');
}

static void put_metrics(const cli_validation *v, mw_buf *out)
{
    size_t n, line;
    const mw_quality_metric *metrics = mw_quality_metrics(v->task, &n);
    mw_buf_char(out, '\n');
    line = out->size;
    mw_buf_text(out, "  metric");
    cli_pad(out, line, NAME_COLUMN);
    mw_buf_text(out, "value");
    cli_pad(out, line, NAME_COLUMN + VALUE_COLUMN);
    mw_buf_text(out, "95 %");
    if (v->has_other) {
        cli_pad(out, line, NAME_COLUMN + VALUE_COLUMN + INTERVAL_COLUMN);
        mw_buf_format(out, "less '%s'", v->other.text);
    }
    mw_buf_char(out, '\n');
    for (size_t m = 0; m < n; m++)
        if (!isnan(v->model.estimates[m].value))
            put_metric(v, m, &metrics[m], out);
}

static void put_tests(const cli_validation *v, mw_buf *out)
{
    if (v->has_delong)
        mw_buf_format(out, "  DeLong, paired: z %.4g, p %.4g\n", v->delong.z, v->delong.p);
    if (v->has_mcnemar)
        mw_buf_format(out,
                      "  McNemar: %.0f rows only '%s' got right, %.0f only '%s'; p %.4g exact, "
                      "%.4g corrected\n",
                      v->mcnemar.only_first, v->other.text, v->mcnemar.only_second, v->model.text,
                      v->mcnemar.p_exact, v->mcnemar.p_corrected);
}

static void put_slices(const cli_validation *v, mw_buf *out)
{
    size_t n;
    if (v->n_searched == 0)
        return;
    mw_buf_format(out, "\n  Slices by %s, %zu looked at: those asked for, then the worst\n",
                  mw_quality_metrics(v->task, &n)[v->sliced].name, v->n_searched);
    for (size_t i = 0; i < v->n_slices; i++) {
        const cli_slice *s = &v->slices[i];
        size_t line = out->size;
        mw_buf_text(out, "  ");
        cli_validate_number(out, s->primary.value);
        cli_pad(out, line, VALUE_COLUMN);
        put_interval(out, s->primary.low, s->primary.high);
        cli_pad(out, line, VALUE_COLUMN + INTERVAL_COLUMN);
        mw_buf_format(out, "%zu rows", s->n_rows);
        cli_pad(out, line, 2 * VALUE_COLUMN + INTERVAL_COLUMN + 2);
        mw_buf_view(out, s->name);
        if (s->is_small)
            mw_buf_text(out, "  (too few rows to judge)");
        else if (s->p_adjusted < 0.05)
            mw_buf_format(out, "  worse than the rest, effect %.2f, p %.2g of all looked at",
                          s->effect, s->p_adjusted);
        mw_buf_char(out, '\n');
    }
    if (v->n_slices == 0)
        mw_buf_text(out, "  none is worse than the rest beyond chance\n");
}

void cli_validate_text(const cli_validation *v, mw_buf *out)
{
    cli_validate_headline(v, out);
    mw_buf_format(out, "\n%s on %s: %s, %zu rows", v->model.text, v->file.path,
                  mw_task_name(v->task), v->n_rows);
    if (v->task == MW_TASK_RANKING)
        mw_buf_format(out, " in %zu queries", v->n_queries);
    if (v->task == MW_TASK_BINARY)
        mw_buf_format(out, ", selected from a score of %g on", v->threshold);
    mw_buf_char(out, '\n');
    for (size_t i = 0; i < v->n_checks; i++) {
        const cli_check *check = &v->checks[i];
        mw_buf_format(out, "  %-9s %.*s: %.*s\n", cli_verdict_name(check->verdict),
                      MW_VIEW_ARG(check->name), MW_VIEW_ARG(check->why));
    }
    put_metrics(v, out);
    put_tests(v, out);
    put_slices(v, out);
    if (!isnan(v->latency_p50_ms))
        mw_buf_format(out, "\n  One row: p50 %.3g ms, p99 %.3g ms; %.3g rows/s in batches\n",
                      v->latency_p50_ms, v->latency_p99_ms, v->rows_per_second);
    for (size_t i = 0; i < v->notes.count; i++)
        mw_buf_format(out, "%snote: %.*s\n", i == 0 ? "\n" : "", MW_VIEW_ARG(v->notes.items[i]));
}

/* ---- Markdown -------------------------------------------------------------------------------- */

static void markdown_checks(const cli_validation *v, mw_buf *out)
{
    if (v->n_checks == 0)
        return;
    mw_buf_text(out, "## Checks\n\n| | check | why |\n|---|---|---|\n");
    for (size_t i = 0; i < v->n_checks; i++) {
        mw_buf_format(out, "| %s | ", cli_verdict_name(v->checks[i].verdict));
        mw_put_plain(out, v->checks[i].name);
        mw_buf_text(out, " | ");
        mw_put_plain(out, v->checks[i].why);
        mw_buf_text(out, " |\n");
    }
    mw_buf_char(out, '\n');
}

static void markdown_metrics(const cli_validation *v, mw_buf *out)
{
    size_t n;
    const mw_quality_metric *metrics = mw_quality_metrics(v->task, &n);
    mw_buf_text(out, "## Metrics\n\n| metric | value | 95 % | by | means |");
    mw_buf_text(out, v->has_other ? " less champion | 95 % |\n|---|---|---|---|---|---|---|\n"
                                  : "\n|---|---|---|---|---|\n");
    for (size_t m = 0; m < n; m++) {
        const mw_estimate *e = &v->model.estimates[m];
        if (isnan(e->value))
            continue;
        mw_buf_format(out, "| %s | ", metrics[m].name);
        cli_validate_number(out, e->value);
        mw_buf_text(out, " | ");
        put_interval(out, e->low, e->high);
        mw_buf_format(out, " | %s | %s |", mw_interval_kind_name(e->by), metrics[m].means);
        if (v->has_other) {
            mw_buf_char(out, ' ');
            cli_validate_number(out, v->contrasts[m].difference);
            mw_buf_text(out, " | ");
            put_interval(out, v->contrasts[m].low, v->contrasts[m].high);
            mw_buf_text(out, " |");
        }
        mw_buf_char(out, '\n');
    }
}

static void markdown_slices(const cli_validation *v, mw_buf *out)
{
    size_t n;
    if (v->n_searched == 0)
        return;
    mw_buf_format(out,
                  "\n## Slices\n\n%zu looked at, by %s.\n\n| slice | rows | value | 95 %% | p |\n"
                  "|---|---|---|---|---|\n",
                  v->n_searched, mw_quality_metrics(v->task, &n)[v->sliced].name);
    for (size_t i = 0; i < v->n_slices; i++) {
        const cli_slice *s = &v->slices[i];
        mw_buf_text(out, "| ");
        mw_put_plain(out, s->name);
        mw_buf_format(out, " | %zu | ", s->n_rows);
        cli_validate_number(out, s->primary.value);
        mw_buf_text(out, " | ");
        put_interval(out, s->primary.low, s->primary.high);
        mw_buf_text(out, " | ");
        cli_validate_number(out, s->p_adjusted);
        mw_buf_text(out, " |\n");
    }
}

void cli_validate_markdown(const cli_validation *v, mw_buf *out)
{
    mw_buf_text(out, "# Validation of ");
    mw_put_plain(out, mw_view_of(v->model.text));
    mw_buf_text(out, "\n\n**");
    cli_validate_headline(v, out);
    mw_buf_text(out, ".** ");
    mw_put_plain(out, mw_view_of(v->file.path));
    mw_buf_format(out, ": %s, %zu rows.\n\n", mw_task_name(v->task), v->n_rows);
    markdown_checks(v, out);
    markdown_metrics(v, out);
    markdown_slices(v, out);
    for (size_t i = 0; i < v->notes.count; i++) {
        mw_buf_text(out, i == 0 ? "\n## Notes\n\n- " : "- ");
        mw_put_plain(out, v->notes.items[i]);
        mw_buf_char(out, '\n');
    }
}
