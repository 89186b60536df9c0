/* decay estimate: how good a model still is, before labels come.
 *
 *     reference (labels, scores) --> calibration, spread, thresholds
 *     current (scores) --chunks--> estimate +- 3 standard errors --beyond the thresholds?--> alarm
 *     exit code 6 when a chunk of the current rows alarms */
#include <math.h>
#include <stdlib.h>

#include "call.h"
#include "frame_file.h"
#include "members.h"
#include "stats/stats.h"

#define REPORT_BYTES (64 * MW_MIB)

enum { USUAL_CHUNKS = 10, ERRORS = 3 };

/* Columns of one file. */
typedef struct decay_rows {
    cli_frame_file file;
    double *scores, *decisions;
    const double *labels; /* NULL: none */
    size_t n, n_left_out; /* without a score, or in the reference without a label */
} decay_rows;

typedef struct decay_chunk {
    size_t first, n;
    double estimated[MW_N_DECAY], realized[MW_N_DECAY], error[MW_N_DECAY];
    bool has_realized;
} decay_chunk;

typedef struct decay {
    const cli_call *call;
    decay_rows reference, current;
    double threshold;
    bool calibrated;
    mw_isotonic *curve;
    mw_decay_error errors[MW_N_DECAY];
    double low[MW_N_DECAY], high[MW_N_DECAY], expected[MW_N_DECAY]; /* of the reference's chunks */
    size_t chunk_rows;
    decay_chunk *chunks; /* of the current rows */
    size_t n_chunks, n_alarms;
} decay;

/* ---- columns --------------------------------------------------------------------------------- */

static mw_status fail_column(const cli_frame_file *file, mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_DECAY_COLUMNS, "there is no column '%.*s'", MW_VIEW_ARG(name));
    mw_at(err, "%s", file->path);
    cli_nearest nearest = cli_nearest_to(name);
    for (size_t c = 0; c < file->frame.n_columns; c++)
        cli_nearest_offer(&nearest, file->frame.columns[c].name.data);
    return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                        : mw_mend(err, "the header line tells which columns there are");
}

static mw_status find_numbers(const cli_frame_file *file, const char *name, const double **ret,
                              mw_error *err)
{
    ptrdiff_t c = mw_frame_find(&file->frame, mw_view_of(name));
    if (c < 0)
        return fail_column(file, mw_view_of(name), err);
    if (!file->frame.columns[c].is_text) {
        *ret = file->frame.columns[c].values;
        return MW_OK;
    }
    mw_fail(err, MW_E_DECAY_COLUMNS, "column '%s' holds text", name);
    mw_at(err, "%s", file->path);
    return mw_mend(err, "labels and decisions are 0 and 1, scores numbers");
}

static mw_status check_binary(const decay_rows *rows, const double *values, const char *name,
                              mw_error *err)
{
    for (size_t i = 0; i < rows->file.frame.n_rows; i++)
        if (values[i] != 0 && values[i] != 1 && !isnan(values[i])) {
            mw_fail(err, MW_E_DECAY_COLUMNS, "%.17g in column '%s' is neither 0 nor 1", values[i],
                    name);
            mw_at(err, "%s: row %zu", rows->file.path, i);
            return mw_mend(err, "CBPE estimates two classes: 1 is the positive one");
        }
    return MW_OK;
}

/* Scores, decisions and labels of the rows that have them, side by side. */
static mw_status gather(const decay *job, decay_rows *rows, bool needs_labels, mw_error *err)
{
    const cli_setting *settings = job->call->settings;
    const double *scores, *decisions = NULL, *labels = NULL;
    const char *label = settings[CLI_DECAY_LABEL].text, *said = settings[CLI_DECISIONS].text;
    MW_TRY(cli_frame_file_read(&rows->file, err));
    MW_TRY(find_numbers(&rows->file, settings[CLI_DECAY_SCORE].text, &scores, err));
    if (said)
        MW_TRY(find_numbers(&rows->file, said, &decisions, err));
    if (needs_labels || mw_frame_find(&rows->file.frame, mw_view_of(label)) >= 0)
        MW_TRY(find_numbers(&rows->file, label, &labels, err));
    if (labels)
        MW_TRY(check_binary(rows, labels, label, err));
    if (decisions)
        MW_TRY(check_binary(rows, decisions, said, err));
    size_t n = rows->file.frame.n_rows;
    rows->scores = malloc((3 * n + 1) * sizeof *rows->scores);
    if (!rows->scores)
        return mw_fail_memory(err, "the scores");
    rows->decisions = rows->scores + n;
    double *kept = rows->scores + 2 * n;
    bool all_labelled = labels;
    for (size_t i = 0; i < n; i++) {
        bool is_whole = isfinite(scores[i]) && !(needs_labels && isnan(labels[i])) &&
                        !(decisions && isnan(decisions[i]));
        if (!is_whole)
            continue;
        rows->scores[rows->n] = scores[i];
        rows->decisions[rows->n] = decisions ? decisions[i] : scores[i] >= job->threshold;
        kept[rows->n++] = labels ? labels[i] : 0;
        all_labelled = all_labelled && !isnan(labels[i]);
    }
    rows->n_left_out = n - rows->n;
    rows->labels = all_labelled ? kept : NULL;
    return MW_OK;
}

static mw_status check_rows(const decay *job, mw_error *err)
{
    const decay_rows *r = &job->reference;
    size_t n_positives = 0;
    for (size_t i = 0; i < r->n; i++)
        n_positives += r->labels[i] > 0;
    if (r->n >= 2 * USUAL_CHUNKS && n_positives > 0 && n_positives < r->n && job->current.n > 0)
        return MW_OK;
    if (job->current.n == 0)
        mw_fail(err, MW_E_DECAY_COLUMNS, "not one current row has a score");
    else
        mw_fail(err, MW_E_DECAY_COLUMNS,
                "the reference has %zu labelled rows, %zu of them positive", r->n, n_positives);
    return mw_mend(err, "give a reference of some thousand rows with labels of both kinds, and "
                        "current rows with scores");
}

/* ---- estimating ------------------------------------------------------------------------------ */

static mw_status measure(const decay *job, const decay_rows *rows, size_t first, size_t n,
                         decay_chunk *ret, mw_error *err)
{
    const double *scores = rows->scores + first, *decisions = rows->decisions + first;
    *ret = (decay_chunk){.first = first, .n = n, .has_realized = rows->labels};
    MW_TRY(mw_decay_estimate(job->curve, scores, decisions, n, ret->estimated, err));
    if (rows->labels)
        MW_TRY(mw_decay_realized(scores, decisions, rows->labels + first, n, ret->realized, err));
    for (size_t m = 0; m < MW_N_DECAY; m++)
        ret->error[m] = mw_decay_error_of(&job->errors[m], n);
    return MW_OK;
}

/* What the metric was on the reference's chunks: mean, and three deviations about it. */
static mw_status find_thresholds(decay *job, mw_error *err)
{
    const decay_rows *r = &job->reference;
    double n[MW_N_DECAY] = {0}, squares[MW_N_DECAY] = {0};
    for (size_t first = 0; first < r->n; first += job->chunk_rows) {
        decay_chunk chunk;
        size_t rows = r->n - first < job->chunk_rows ? r->n - first : job->chunk_rows;
        MW_TRY(measure(job, r, first, rows, &chunk, err));
        for (size_t m = 0; m < MW_N_DECAY; m++) {
            double value = chunk.realized[m], away = value - job->expected[m];
            if (isnan(value))
                continue;
            job->expected[m] += away / ++n[m];
            squares[m] += away * (value - job->expected[m]);
        }
    }
    for (size_t m = 0; m < MW_N_DECAY; m++) {
        double spread = ERRORS * sqrt(squares[m] / n[m]);
        job->low[m] = fmax(job->expected[m] - spread, 0);
        job->high[m] = fmin(job->expected[m] + spread, 1);
    }
    return MW_OK;
}

static bool alarms(const decay *job, const decay_chunk *chunk, size_t m)
{
    return chunk->estimated[m] < job->low[m] || chunk->estimated[m] > job->high[m];
}

static mw_status estimate(decay *job, mw_error *err)
{
    const decay_rows *r = &job->reference, *c = &job->current;
    const char *how = job->call->settings[CLI_CALIBRATE].text;
    job->calibrated = strcmp(how, "on") == 0;
    if (strcmp(how, "auto") == 0)
        MW_TRY(mw_calibration_gains(r->scores, r->labels, r->n, &job->calibrated, err));
    if (job->calibrated)
        MW_TRY(mw_isotonic_fit(r->scores, r->labels, r->n, &job->curve, err));
    MW_TRY(mw_decay_errors(r->scores, r->decisions, r->labels, r->n, job->errors, err));
    uint64_t wanted = job->call->settings[CLI_CHUNK].number;
    job->chunk_rows = wanted ? (size_t)wanted : (c->n + USUAL_CHUNKS - 1) / USUAL_CHUNKS;
    MW_TRY(find_thresholds(job, err));
    job->chunks = calloc(c->n / job->chunk_rows + 1, sizeof *job->chunks);
    if (!job->chunks)
        return mw_fail_memory(err, "the chunks");
    for (size_t first = 0; first < c->n; first += job->chunk_rows) {
        decay_chunk *chunk = &job->chunks[job->n_chunks++];
        size_t rows = c->n - first < job->chunk_rows ? c->n - first : job->chunk_rows;
        MW_TRY(measure(job, c, first, rows, chunk, err));
        bool any = false;
        for (size_t m = 0; m < MW_N_DECAY; m++)
            any |= alarms(job, chunk, m);
        job->n_alarms += any;
    }
    return MW_OK;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void json_chunk(const decay *job, const decay_chunk *chunk, mw_buf *out)
{
    mw_buf_format(out, "{\"first_row\":%zu,\"rows\":%zu,\"metrics\":{", chunk->first, chunk->n);
    for (size_t m = 0; m < MW_N_DECAY; m++) {
        double e = chunk->estimated[m], error = ERRORS * chunk->error[m];
        mw_buf_format(out, "%s\"%s\":{", m ? "," : "", mw_decay_name((mw_decay_metric)m));
        cli_member_number(out, "estimated", e);
        cli_member_number(out, "sampling_error", chunk->error[m]);
        cli_member_number(out, "low", fmax(e - error, 0));
        cli_member_number(out, "high", fmin(e + error, 1));
        if (chunk->has_realized)
            cli_member_number(out, "realized", chunk->realized[m]);
        cli_member_bool(out, "alert", alarms(job, chunk, m));
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "}}");
}

static void write_json(const decay *job, mw_buf *out)
{
    mw_buf_format(
        out,
        "{\"method\":\"cbpe\",\"calibrated\":%s,\"chunk_rows\":%zu,\"chunks_alarmed\":%zu,"
        "\"reference\":{\"rows\":%zu,\"left_out\":%zu,\"thresholds\":{",
        job->calibrated ? "true" : "false", job->chunk_rows, job->n_alarms, job->reference.n,
        job->reference.n_left_out);
    for (size_t m = 0; m < MW_N_DECAY; m++) {
        mw_buf_format(out, "%s\"%s\":{", m ? "," : "", mw_decay_name((mw_decay_metric)m));
        cli_member_number(out, "mean", job->expected[m]);
        cli_member_number(out, "low", job->low[m]);
        cli_member_number(out, "high", job->high[m]);
        mw_buf_char(out, '}');
    }
    mw_buf_format(out, "}},\"current\":{\"rows\":%zu,\"left_out\":%zu},\"chunks\":[",
                  job->current.n, job->current.n_left_out);
    for (size_t i = 0; i < job->n_chunks; i++) {
        mw_buf_text(out, i ? ",\n" : "\n");
        json_chunk(job, &job->chunks[i], out);
    }
    mw_buf_text(out, "\n]}\n");
}

static void text_metric(const decay *job, size_t m, mw_buf *out)
{
    mw_buf_format(out, "%s: %.4f on the reference, expected in %.4f .. %.4f\n",
                  mw_decay_name((mw_decay_metric)m), job->expected[m], job->low[m], job->high[m]);
    for (size_t i = 0; i < job->n_chunks; i++) {
        const decay_chunk *chunk = &job->chunks[i];
        mw_buf_format(out, "  rows %zu..%zu  %.4f +- %.4f", chunk->first,
                      chunk->first + chunk->n - 1, chunk->estimated[m], ERRORS * chunk->error[m]);
        if (chunk->has_realized)
            mw_buf_format(out, "  (in truth %.4f)", chunk->realized[m]);
        mw_buf_text(out, alarms(job, chunk, m) ? "  alarm\n" : "\n");
    }
}

static void write_text(const decay *job, mw_buf *out)
{
    mw_buf_format(out,
                  "%zu of %zu chunks of %zu rows alarm; estimated by CBPE, scores %s\n"
                  "it assumes that inputs mean what they did: a change of what follows from them "
                  "is not seen\n\n",
                  job->n_alarms, job->n_chunks, job->chunk_rows,
                  job->calibrated ? "calibrated on the reference" : "taken as they are");
    if (job->reference.n_left_out + job->current.n_left_out > 0)
        mw_buf_format(out, "left out: %zu rows of the reference, %zu current ones\n\n",
                      job->reference.n_left_out, job->current.n_left_out);
    for (size_t m = 0; m < MW_N_DECAY; m++)
        text_metric(job, m, out);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static mw_status check_arguments(const cli_call *call, mw_error *err)
{
    const cli_setting *settings = call->settings;
    const char *missing = !settings[CLI_REF].text           ? "--ref"
                          : !settings[CLI_CUR].text         ? "--cur"
                          : !settings[CLI_DECAY_LABEL].text ? "--label"
                          : !settings[CLI_DECAY_SCORE].text ? "--score"
                                                            : NULL;
    if (!missing)
        return MW_OK;
    mw_fail(err, MW_E_MISSING_ARGUMENT, "%s is missing", missing);
    return mw_mend(err, "mw decay estimate --ref REF.csv --cur CUR.csv --label y --score p");
}

static mw_status run(decay *job, mw_error *err)
{
    mw_buf out;
    MW_TRY(check_arguments(job->call, err));
    MW_TRY(gather(job, &job->reference, true, err));
    MW_TRY(gather(job, &job->current, false, err));
    MW_TRY(check_rows(job, err));
    MW_TRY(estimate(job, err));
    mw_buf_init(&out, REPORT_BYTES);
    (cli_is_on(job->call, CLI_JSON) ? write_json : write_text)(job, &out);
    mw_status status =
        out.failed ? mw_fail_memory(err, "the report") : cli_put(job->call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_decay_estimate(cli_call *call, mw_error *err)
{
    const cli_setting *settings = call->settings;
    decay job = {.call = call,
                 .reference.file.path = settings[CLI_REF].text,
                 .current.file.path = settings[CLI_CUR].text,
                 .threshold = (double)settings[CLI_DECISION].number / CLI_BILLION};
    mw_status status = run(&job, err);
    if (status == MW_OK && job.n_alarms > 0)
        call->exit_code = CLI_EXIT_NO;
    mw_isotonic_free(job.curve);
    free(job.chunks);
    free(job.reference.scores);
    free(job.current.scores);
    cli_frame_file_done(&job.reference.file);
    cli_frame_file_done(&job.current.file);
    return status;
}
