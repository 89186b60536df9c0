/* importance: which features matter to a model.
 *
 *     model ----------------------> splits: gain, cover, weight -------+
 *     model, rows ----------------> contributions -> mean |SHAP| ------+--> sorted -> text, csv,
 * json model, rows with target ----> shuffles -> drops of a metric -----+
 */
#include "call.h"
#include "explain/explain.h"
#include "house.h"
#include "insight/insight.h"
#include "scores.h"
#include "study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_REPEATS = 5, NAME_WIDTH_MAX = 40 };

/* In the order of the choices of --kind. */
typedef enum importance_kind {
    KIND_SHAP,
    KIND_GAIN,
    KIND_TOTAL_GAIN,
    KIND_COVER,
    KIND_TOTAL_COVER,
    KIND_WEIGHT,
    KIND_SPLIT, /* LightGBM's word for weight */
    KIND_PERMUTATION
} importance_kind;

typedef struct importance {
    cli_study study;
    importance_kind kind;
    size_t n_outputs;  /* columns beside the total; 0 when there is one output */
    double *total;     /* n_features */
    double *by_output; /* shap: (n_margins, n_features) */
    double *drops;     /* permutation: (n_features, n_repeats) */
    size_t n_repeats;
    mw_permutation work;
    double base;
    cli_scores names; /* of the outputs */
    size_t *order;    /* features, the most important first */
} importance;

/* ---- by splits ------------------------------------------------------------------------------- */

static mw_importance split_kind(importance_kind kind)
{
    switch (kind) {
    case KIND_GAIN:
        return MW_IMPORTANCE_GAIN;
    case KIND_TOTAL_GAIN:
        return MW_IMPORTANCE_TOTAL_GAIN;
    case KIND_COVER:
        return MW_IMPORTANCE_COVER;
    case KIND_TOTAL_COVER:
        return MW_IMPORTANCE_TOTAL_COVER;
    default:
        return MW_IMPORTANCE_WEIGHT;
    }
}

static mw_status refuse_rows(importance *job, mw_error *err)
{
    if (job->study.call->n_arguments < 2)
        return MW_OK;
    const char *kinds = cli_options[CLI_IMPORTANCE_KIND].choices[job->kind];
    mw_fail(err, MW_E_TWO_INPUTS, "--kind %s is counted in the model alone: it takes no rows",
            kinds);
    return mw_mend(err, "leave the rows out, or ask for --kind shap or --kind permutation");
}

/* ---- by contributions ------------------------------------------------------------------------ */

static mw_status add_batches(importance *job, const mw_explainer *explainer, double *values,
                             mw_error *err)
{
    cli_study *study = &job->study;
    for (;;) {
        mw_batch batch;
        MW_TRY(cli_row_reader_next(&study->reader, &batch, err));
        if (batch.n_rows == 0)
            return MW_OK;
        mw_matrix matrix = mw_batch_matrix(&batch);
        MW_TRY(mw_explain_parallel(explainer, &matrix, study->pool, values, err));
        mw_importance_add_rows(study->forest, values, batch.n_rows, job->by_output);
    }
}

static mw_status mean_shap(importance *job, mw_error *err)
{
    cli_study *study = &job->study;
    const mw_forest *forest = study->forest;
    mw_explainer *explainer;
    if (mw_explainer_new(forest, &explainer, err) != MW_OK)
        return mw_at(err, "%s", study->call->arguments[0]);
    size_t width = mw_explainer_values(explainer);
    cli_row_reader_bound(&study->reader, width);
    double *values = calloc(study->reader.max_rows * width, sizeof *values);
    job->by_output = calloc(width, sizeof *job->by_output);
    mw_status status = values && job->by_output ? cli_study_open(study, NULL, err)
                                                : mw_fail_memory(err, "the contributions");
    if (status == MW_OK)
        status = add_batches(job, explainer, values, err);
    free(values);
    mw_explainer_free(explainer);
    MW_TRY(status);
    size_t n_rows = study->n_rows = study->reader.n_rows;
    for (size_t i = 0; n_rows > 0 && i < forest->n_margins * forest->n_features; i++) {
        job->by_output[i] /= (double)n_rows;
        job->total[i % forest->n_features] += job->by_output[i];
    }
    return MW_OK;
}

/* ---- by shuffles ----------------------------------------------------------------------------- */

static mw_status fail_no_target(mw_error *err)
{
    mw_fail(err, MW_E_MISSING_ARGUMENT, "--kind permutation needs to know what came true");
    return mw_mend(err, "name that column of the rows: --target COLUMN");
}

static mw_status permutation(importance *job, mw_error *err)
{
    cli_study *study = &job->study;
    const cli_setting *settings = study->call->settings;
    const mw_forest *forest = study->forest;
    if (!settings[CLI_TARGET].text)
        return fail_no_target(err);
    MW_TRY(cli_study_open(study, settings[CLI_TARGET].text, err));
    MW_TRY(cli_study_read(study, err));
    job->n_repeats = settings[CLI_REPEATS].text ? settings[CLI_REPEATS].number : DEFAULT_REPEATS;
    job->drops = calloc(forest->n_features * job->n_repeats + 1, sizeof *job->drops);
    double *target = calloc(study->n_rows, sizeof *target);
    mw_status status = job->drops && target ? MW_OK : mw_fail_memory(err, "the drops");
    for (size_t row = 0; target && row < study->n_rows; row++)
        target[row] = study->values[row * study->n_columns + forest->n_features];
    job->work = (mw_permutation){
        .forest = forest,
        .predictor = study->predictor,
        .values = study->values,
        .n_rows = study->n_rows,
        .row_stride = study->n_columns,
        .target = target,
        .metric = settings[CLI_METRIC].text ? (mw_metric)settings[CLI_METRIC].number
                                            : mw_metric_default(forest),
        .n_repeats = job->n_repeats,
        .seed = settings[CLI_SEED].number,
        .rotate = settings[CLI_ROTATE].number,
        .pool = study->pool,
        .stopped = cli_was_interrupted,
    };
    if (status == MW_OK)
        status = mw_permutation_run(&job->work, &job->base, job->drops, err);
    free(target);
    for (size_t f = 0; status == MW_OK && f < forest->n_features; f++)
        job->total[f] = mw_spread_of(job->drops + f * job->n_repeats, job->n_repeats).mean;
    return status;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int by_importance(const void *a, const void *b, void *context)
{
    const double *total = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    if (total[x] != total[y])
        return total[x] > total[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static size_t shown_of(const importance *job)
{
    const cli_setting *top = &job->study.call->settings[CLI_TOP];
    size_t n_features = job->study.forest->n_features;
    return top->text && top->number < n_features ? top->number : n_features;
}

static mw_view name_of(const importance *job, size_t f)
{
    return job->study.forest->schema.columns[f].name;
}

static const char *kind_name(const importance *job)
{
    return cli_options[CLI_IMPORTANCE_KIND].choices[job->kind];
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_title(const importance *job, mw_buf *out)
{
    if (job->kind == KIND_PERMUTATION)
        mw_buf_format(out, "drop of %s, which is %.6g over %zu rows; %zu %s a column\n",
                      mw_metric_name(job->work.metric), job->base, job->study.n_rows,
                      job->n_repeats, job->work.rotate ? "rotations" : "shuffles");
    else if (job->kind == KIND_SHAP)
        mw_buf_format(out, "mean size of the contributions over %zu rows, in margin units\n",
                      job->study.n_rows);
    else
        mw_buf_format(out, "%s of the splits\n", kind_name(job));
}

static void text_row(const importance *job, size_t f, size_t width, mw_buf *out)
{
    size_t line = out->size;
    mw_buf_text(out, "  ");
    mw_buf_view(out, name_of(job, f));
    cli_pad(out, line, width + 4);
    mw_buf_format(out, "%-12.6g", job->total[f]);
    for (size_t m = 0; m < job->n_outputs; m++)
        mw_buf_format(out, " %-12.6g", job->by_output[m * job->study.forest->n_features + f]);
    if (job->kind == KIND_PERMUTATION && job->n_repeats > 1) {
        mw_spread s = mw_spread_of(job->drops + f * job->n_repeats, job->n_repeats);
        mw_buf_format(out, " %.6g to %.6g", s.mean - s.half_width, s.mean + s.half_width);
    }
    while (out->size > line && out->data[out->size - 1] == ' ')
        out->data[--out->size] = '\0';
    mw_buf_char(out, '\n');
}

static void text_header(const importance *job, size_t width, mw_buf *out)
{
    size_t line = out->size;
    mw_buf_text(out, "  feature");
    cli_pad(out, line, width + 4);
    mw_buf_text(out, "importance");
    for (size_t m = 0; m < job->n_outputs; m++) {
        cli_pad(out, line, width + 4 + 13 * (m + 1));
        mw_buf_text(out, job->names.names[m]);
    }
    if (job->kind == KIND_PERMUTATION && job->n_repeats > 1) {
        cli_pad(out, line, width + 4 + 13);
        mw_buf_text(out, "95 % of the mean over shuffles");
    }
    mw_buf_char(out, '\n');
}

static void write_text(const importance *job, mw_buf *out)
{
    size_t width = strlen("feature");
    for (size_t i = 0; i < shown_of(job); i++)
        if (name_of(job, job->order[i]).size > width)
            width = name_of(job, job->order[i]).size;
    width = width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
    text_title(job, out);
    text_header(job, width, out);
    for (size_t i = 0; i < shown_of(job); i++)
        text_row(job, job->order[i], width, out);
}

/* ---- csv and json ---------------------------------------------------------------------------- */

static void csv_number(double value, mw_buf *out)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_char(out, ',');
    mw_buf_bytes(out, text, mw_number_write_double(text, value, true));
}

static void write_csv(const importance *job, mw_buf *out)
{
    mw_buf_text(out, "feature,importance");
    for (size_t m = 0; m < job->n_outputs; m++)
        mw_buf_format(out, ",%s", job->names.names[m]);
    mw_buf_text(out, job->kind == KIND_PERMUTATION ? ",low,high,deviation\n" : "\n");
    for (size_t i = 0; i < shown_of(job); i++) {
        size_t f = job->order[i];
        cli_csv_name(out, name_of(job, f));
        csv_number(job->total[f], out);
        for (size_t m = 0; m < job->n_outputs; m++)
            csv_number(job->by_output[m * job->study.forest->n_features + f], out);
        if (job->kind == KIND_PERMUTATION) {
            mw_spread s = mw_spread_of(job->drops + f * job->n_repeats, job->n_repeats);
            csv_number(s.mean - s.half_width, out);
            csv_number(s.mean + s.half_width, out);
            csv_number(s.deviation, out);
        }
        mw_buf_char(out, '\n');
    }
}

static void json_number(const char *key, double value, mw_buf *out)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

static void json_drops(const importance *job, size_t f, mw_buf *out)
{
    const double *drops = job->drops + f * job->n_repeats;
    mw_spread s = mw_spread_of(drops, job->n_repeats);
    json_number("low", s.mean - s.half_width, out);
    json_number("high", s.mean + s.half_width, out);
    json_number("deviation", s.deviation, out);
    mw_buf_text(out, ",\"drops\":[");
    for (size_t k = 0; k < job->n_repeats; k++) {
        mw_buf_text(out, k ? "," : "");
        mw_json_write_double(out, drops[k]);
    }
    mw_buf_char(out, ']');
}

static void json_feature(const importance *job, size_t f, mw_buf *out)
{
    mw_buf_text(out, "{\"feature\":");
    mw_json_write_text(out, name_of(job, f));
    json_number("importance", job->total[f], out);
    for (size_t m = 0; m < job->n_outputs; m++) {
        mw_buf_format(out, "%s%s:", m ? "," : ",\"outputs\":{", job->names.names[m]);
        mw_json_write_double(out, job->by_output[m * job->study.forest->n_features + f]);
    }
    mw_buf_text(out, job->n_outputs ? "}" : "");
    if (job->kind == KIND_PERMUTATION)
        json_drops(job, f, out);
    mw_buf_char(out, '}');
}

static void write_json(const importance *job, mw_buf *out)
{
    mw_buf_format(out, "{\"kind\":\"%s\"", kind_name(job));
    if (job->kind == KIND_SHAP || job->kind == KIND_PERMUTATION)
        mw_buf_format(out, ",\"rows\":%zu", job->study.n_rows);
    if (job->kind == KIND_PERMUTATION) {
        mw_buf_format(out, ",\"metric\":\"%s\"", mw_metric_name(job->work.metric));
        json_number("base", job->base, out);
        if (job->work.rotate)
            mw_buf_format(out, ",\"rotate\":%zu", job->work.rotate);
        else
            mw_buf_format(out, ",\"seed\":%llu", (unsigned long long)job->work.seed);
    }
    mw_buf_text(out, ",\"features\":[");
    for (size_t i = 0; i < shown_of(job); i++) {
        mw_buf_text(out, i ? "," : "");
        json_feature(job, job->order[i], out);
    }
    mw_buf_text(out, "]}\n");
}

/* ---- run ------------------------------------------------------------------------------------- */

static importance_kind choose_kind(const importance *job)
{
    const cli_setting *wish = &job->study.call->settings[CLI_IMPORTANCE_KIND];
    if (wish->text)
        return (importance_kind)wish->number;
    if (cli_study_has_rows(&job->study))
        return job->study.call->settings[CLI_TARGET].text ? KIND_PERMUTATION : KIND_SHAP;
    return job->study.forest->gain ? KIND_GAIN : KIND_WEIGHT;
}

static mw_status compute(importance *job, mw_error *err)
{
    if (job->kind == KIND_SHAP)
        return mean_shap(job, err);
    if (job->kind == KIND_PERMUTATION)
        return permutation(job, err);
    MW_TRY(refuse_rows(job, err));
    if (mw_importance_of_splits(job->study.forest, split_kind(job->kind), job->total, err) == MW_OK)
        return MW_OK;
    return mw_at(err, "%s", job->study.call->arguments[0]);
}

static mw_status run(importance *job, mw_error *err)
{
    cli_study *study = &job->study;
    cli_report_format format = (cli_report_format)study->call->settings[CLI_REPORT_FORMAT].number;
    MW_TRY(cli_study_load(study, err));
    const mw_forest *forest = study->forest;
    job->kind = choose_kind(job);
    job->n_outputs = job->kind == KIND_SHAP && forest->n_margins > 1 ? forest->n_margins : 0;
    job->total = calloc(forest->n_features + 1, sizeof *job->total);
    job->order = calloc(forest->n_features + 1, sizeof *job->order);
    if (!job->total || !job->order)
        return mw_fail_memory(err, "the importances");
    MW_TRY(cli_scores_init(&job->names, forest, study->predictor, MW_MARGIN,
                           format == CLI_REPORT_JSON, &study->reader.kept, err));
    MW_TRY(compute(job, err));
    for (size_t f = 0; f < forest->n_features; f++)
        job->order[f] = f;
    qsort_r(job->order, forest->n_features, sizeof *job->order, by_importance, job->total);
    (format == CLI_REPORT_TEXT  ? write_text
     : format == CLI_REPORT_CSV ? write_csv
                                : write_json)(job, &study->text);
    return cli_study_put(study, err);
}

mw_status cli_run_importance(cli_call *call, mw_error *err)
{
    importance job = {.n_repeats = 0};
    cli_study_init(&job.study, call);
    mw_status status = run(&job, err);
    free(job.total);
    free(job.by_output);
    free(job.drops);
    free(job.order);
    cli_study_done(&job.study);
    return status;
}
