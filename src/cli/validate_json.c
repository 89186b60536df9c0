/* The finding of a validation for programs: the keys are in docs/reference/validation-report.md.
 * A gate keeps it beside the model version. What is not defined is null. */
#include "validate.h"

#include "members.h"

#include <math.h>

static void open_map(mw_buf *out, const char *key)
{
    cli_member(out, key);
    mw_buf_char(out, '{');
}

static void open_list(mw_buf *out, const char *key)
{
    cli_member(out, key);
    mw_buf_char(out, '[');
}

static void put_interval(mw_buf *out, double low, double high)
{
    cli_member(out, "interval");
    if (isnan(low)) {
        mw_buf_text(out, "null");
        return;
    }
    mw_buf_char(out, '[');
    mw_json_write_double(out, low);
    mw_buf_char(out, ',');
    mw_json_write_double(out, high);
    mw_buf_char(out, ']');
}

static void put_candidate(mw_buf *out, const char *key, const cli_candidate *c)
{
    open_map(out, key);
    cli_member_text(out, "name", mw_view_of(c->text));
    cli_member_bool(out, "is_model", c->forest != NULL);
    if (c->digest[0]) {
        cli_member(out, "digest");
        mw_buf_format(out, "\"sha256:%s\"", c->digest);
    }
    if (c->forest) {
        cli_member_text(out, "format", mw_view_of(mw_format_name(c->forest->format)));
        cli_member_int(out, "bytes", c->bytes);
        cli_member_int(out, "features", (int64_t)c->forest->n_features);
    }
    mw_buf_char(out, '}');
}

static void put_data(const cli_validation *v, mw_buf *out)
{
    open_map(out, "data");
    cli_member_text(out, "path", mw_view_of(v->file.path));
    cli_member(out, "digest");
    if (v->digest[0])
        mw_buf_format(out, "\"sha256:%s\"", v->digest);
    else
        mw_buf_text(out, "null");
    cli_member_int(out, "rows", (int64_t)v->n_rows);
    if (v->task == MW_TASK_RANKING)
        cli_member_int(out, "queries", (int64_t)v->n_queries);
    cli_member_text(out, "target", v->file.frame.columns[v->target].name);
    cli_member_bool(out, "weighted", v->weights != NULL);
    mw_buf_char(out, '}');
}

static void put_check(mw_buf *out, const cli_check *check)
{
    mw_buf_char(out, '{');
    cli_member_text(out, "name", check->name);
    cli_member_bool(out, "passed", !check->stops);
    cli_member_text(out, "verdict", mw_view_of(cli_verdict_name(check->verdict)));
    cli_member_number(out, "value", check->value);
    open_map(out, "threshold");
    cli_member_double(out, "min", check->min);
    cli_member_double(out, "max", check->max);
    mw_buf_char(out, '}');
    put_interval(out, check->interval.low, check->interval.high);
    cli_member_number(out, "more_rows", check->more_rows);
    cli_member_text(out, "why", check->why);
    if (check->line > 0)
        cli_member_int(out, "line", check->line);
    mw_buf_char(out, '}');
}

static void put_metrics(const cli_validation *v, const cli_candidate *c, mw_buf *out)
{
    size_t n;
    const mw_quality_metric *metrics = mw_quality_metrics(v->task, &n);
    open_map(out, "metrics");
    for (size_t m = 0; m < n; m++) {
        const mw_estimate *e = &c->estimates[m];
        open_map(out, metrics[m].name);
        cli_member_number(out, "value", e->value);
        put_interval(out, e->low, e->high);
        cli_member_text(out, "method", mw_view_of(mw_interval_kind_name(e->by)));
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
}

static void put_calibration(const cli_validation *v, mw_buf *out)
{
    mw_calibration_bin bins[MW_CALIBRATION_BINS];
    if (v->task != MW_TASK_BINARY || !v->model.judged.is_probability)
        return;
    mw_calibration_of(v->model.quality, NULL, bins);
    open_list(out, "calibration");
    for (size_t b = 0; b < MW_CALIBRATION_BINS; b++) {
        cli_member_comma(out);
        mw_buf_char(out, '{');
        cli_member_number(out, "rows", bins[b].n);
        cli_member_number(out, "mean_score", bins[b].mean_score);
        cli_member_number(out, "rate", bins[b].rate);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void put_comparison(const cli_validation *v, mw_buf *out)
{
    size_t n;
    const mw_quality_metric *metrics = mw_quality_metrics(v->task, &n);
    if (!v->has_other)
        return;
    open_map(out, "comparison");
    put_candidate(out, "champion", &v->other);
    cli_member_text(out, "metric", mw_view_of(metrics[v->primary].name));
    cli_member_number(out, "margin", v->margin);
    cli_member_text(out, "verdict", mw_view_of(cli_verdict_name(v->compared)));
    open_map(out, "differences");
    for (size_t m = 0; m < n; m++) {
        open_map(out, metrics[m].name);
        cli_member_number(out, "champion", v->other.estimates[m].value);
        cli_member_number(out, "difference", v->contrasts[m].difference);
        put_interval(out, v->contrasts[m].low, v->contrasts[m].high);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
    if (v->has_delong) {
        open_map(out, "delong");
        cli_member_number(out, "difference", v->delong.difference);
        cli_member_number(out, "variance", v->delong.variance);
        cli_member_number(out, "z", v->delong.z);
        cli_member_number(out, "p", v->delong.p);
        mw_buf_char(out, '}');
    }
    if (v->has_mcnemar) {
        open_map(out, "mcnemar");
        cli_member_number(out, "only_champion_right", v->mcnemar.only_first);
        cli_member_number(out, "only_challenger_right", v->mcnemar.only_second);
        cli_member_number(out, "p_exact", v->mcnemar.p_exact);
        cli_member_number(out, "statistic", v->mcnemar.statistic);
        cli_member_number(out, "p_corrected", v->mcnemar.p_corrected);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
}

static void put_slices(const cli_validation *v, mw_buf *out)
{
    if (v->n_searched == 0)
        return;
    open_map(out, "slices");
    size_t n;
    cli_member_text(out, "metric", mw_view_of(mw_quality_metrics(v->task, &n)[v->sliced].name));
    cli_member_int(out, "searched", (int64_t)v->n_searched);
    open_list(out, "found");
    for (size_t i = 0; i < v->n_slices; i++) {
        const cli_slice *s = &v->slices[i];
        cli_member_comma(out);
        mw_buf_char(out, '{');
        cli_member_text(out, "slice", s->name);
        cli_member_int(out, "rows", (int64_t)s->n_rows);
        cli_member_number(out, "value", s->primary.value);
        put_interval(out, s->primary.low, s->primary.high);
        cli_member_number(out, "loss", s->loss);
        cli_member_number(out, "loss_of_the_rest", s->loss_rest);
        cli_member_number(out, "effect", s->effect);
        cli_member_number(out, "p", s->p);
        cli_member_number(out, "p_adjusted", s->p_adjusted);
        cli_member_bool(out, "asked", s->is_asked);
        cli_member_bool(out, "too_small", s->is_small);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}");
}

static void put_counts(const cli_validation *v, mw_buf *out)
{
    mw_confusion c;
    if (v->task != MW_TASK_BINARY)
        return;
    mw_quality_confusion(v->model.quality, &c);
    open_map(out, "confusion");
    cli_member_number(out, "threshold", v->threshold);
    cli_member_number(out, "tp", c.tp);
    cli_member_number(out, "fp", c.fp);
    cli_member_number(out, "fn", c.fn);
    cli_member_number(out, "tn", c.tn);
    mw_buf_char(out, '}');
}

mw_status cli_validate_json(const cli_validation *v, mw_buf *out, mw_error *err)
{
    mw_buf_char(out, '{');
    cli_member_text(out, "kind", MW_VIEW("validation"));
    cli_member_int(out, "format", 1);
    cli_member_text(out, "millwright", MW_VIEW(MW_VERSION));
    cli_member_time(out, "time", mw_clock_wall_ms());
    cli_member_bool(out, "passed", v->passed);
    put_candidate(out, "model", &v->model);
    put_data(v, out);
    cli_member_text(out, "task", mw_view_of(mw_task_name(v->task)));
    if (v->suite.path)
        cli_member_text(out, "suite", mw_view_of(v->suite.path));
    open_list(out, "checks");
    for (size_t i = 0; i < v->n_checks; i++) {
        cli_member_comma(out);
        put_check(out, &v->checks[i]);
    }
    mw_buf_char(out, ']');
    put_metrics(v, &v->model, out);
    put_counts(v, out);
    put_calibration(v, out);
    put_comparison(v, out);
    put_slices(v, out);
    if (!isnan(v->latency_p50_ms) && v->model.forest) {
        open_map(out, "latency");
        cli_member_number(out, "p50_ms", v->latency_p50_ms);
        cli_member_number(out, "p99_ms", v->latency_p99_ms);
        cli_member_number(out, "rows_per_second", v->rows_per_second);
        mw_buf_char(out, '}');
    }
    open_list(out, "notes");
    for (size_t i = 0; i < v->notes.count; i++) {
        cli_member_comma(out);
        mw_json_write_text(out, v->notes.items[i]);
    }
    mw_buf_text(out, "]}\n");
    return out->failed ? mw_fail_memory(err, "the report") : MW_OK;
}
