/* decay estimate: how good a model still is, before labels come.
 *
 *     reference (labels, scores) --> calibration, spread, thresholds
 *     current (scores) --chunks--> estimate +- 3 standard errors --beyond the thresholds?--> alarm
 *     exit code 6 when a chunk of the current rows alarms
 *
 * Which method: --loss tells of a regression (decay_loss.c), a list of scores of several classes
 * (decay_classes.c), one score of two (here). */
#include "decay.h"
#include "members.h"

#include <math.h>
#include <stdlib.h>

#define REPORT_BYTES (64 * MW_MIB)

enum { USUAL_CHUNKS = 10 };

/* ---- two classes ----------------------------------------------------------------------------- */

static mw_status begin_binary(cli_decay *job, mw_error *err)
{
    (void)err;
    job->threshold = (double)job->call->settings[CLI_DECISION].number / CLI_BILLION;
    for (size_t m = 0; m < MW_N_DECAY; m++)
        job->metrics[m] = mw_decay_name((mw_decay_metric)m);
    job->n_metrics = MW_N_DECAY;
    return MW_OK;
}

static mw_status check_binary(const cli_decay_rows *rows, const double *values, const char *name,
                              mw_error *err)
{
    for (size_t i = 0; i < rows->file.frame.n_rows; i++)
        if (values[i] != 0 && values[i] != 1 && !isnan(values[i])) {
            mw_fail(err, MW_E_DECAY_COLUMNS, "%.17g in column '%s' is neither 0 nor 1", values[i],
                    name);
            mw_at(err, "%s: row %zu", rows->file.path, i);
            return mw_mend(err, "of two classes 1 is the positive one; of several name the score "
                                "of each, --score a=COLUMN,b=COLUMN,c=COLUMN; of a regression give "
                                "a model of its loss, --loss mae=FILE");
        }
    return MW_OK;
}

static mw_status read_binary(cli_decay *job, cli_decay_rows *rows, bool is_reference, mw_error *err)
{
    const cli_setting *settings = job->call->settings;
    const double *scores, *decisions = NULL, *labels = NULL;
    const char *label = settings[CLI_DECAY_LABEL].text, *said = settings[CLI_DECISIONS].text;
    MW_TRY(
        cli_decay_numbers(&rows->file, mw_view_of(settings[CLI_DECAY_SCORE].text), &scores, err));
    if (said)
        MW_TRY(cli_decay_numbers(&rows->file, mw_view_of(said), &decisions, err));
    if (cli_decay_has_labels(job, rows, is_reference))
        MW_TRY(cli_decay_numbers(&rows->file, mw_view_of(label), &labels, err));
    if (labels)
        MW_TRY(check_binary(rows, labels, label, err));
    if (decisions)
        MW_TRY(check_binary(rows, decisions, said, err));
    MW_TRY(cli_decay_keep(rows, &scores, 1, decisions, labels, is_reference, err));
    for (size_t i = 0; !decisions && i < rows->n; i++)
        rows->decisions[i] = rows->scores[i] >= job->threshold;
    return MW_OK;
}

static mw_status check_both_kinds(const cli_decay *job, mw_error *err)
{
    const cli_decay_rows *r = &job->reference;
    size_t n_positives = 0;
    for (size_t i = 0; i < r->n; i++)
        n_positives += r->labels[i] > 0;
    if (n_positives > 0 && n_positives < r->n)
        return MW_OK;
    mw_fail(err, MW_E_DECAY_COLUMNS, "the reference has %zu labelled rows, %zu of them positive",
            r->n, n_positives);
    return mw_mend(err, "give a reference of some thousand rows with labels of both kinds");
}

static mw_status fit_binary(cli_decay *job, mw_error *err)
{
    const cli_decay_rows *r = &job->reference;
    const char *how = job->call->settings[CLI_CALIBRATE].text;
    MW_TRY(check_both_kinds(job, err));
    job->calibrated = strcmp(how, "on") == 0;
    if (strcmp(how, "auto") == 0)
        MW_TRY(mw_calibration_gains(r->scores, r->labels, r->n, &job->calibrated, err));
    if (job->calibrated)
        MW_TRY(mw_isotonic_fit(r->scores, r->labels, r->n, &job->curve, err));
    return mw_decay_errors(r->scores, r->decisions, r->labels, r->n, job->errors, err);
}

static mw_status measure_binary(const cli_decay *job, const cli_decay_rows *rows,
                                cli_decay_chunk *chunk, mw_error *err)
{
    const double *scores = rows->scores + chunk->first, *said = rows->decisions + chunk->first;
    MW_TRY(mw_decay_estimate(job->curve, scores, said, chunk->n, chunk->estimated, err));
    return rows->labels ? mw_decay_realized(scores, said, rows->labels + chunk->first, chunk->n,
                                            chunk->realized, err)
                        : MW_OK;
}

static void json_binary(const cli_decay *job, mw_buf *out)
{
    cli_member_bool(out, "calibrated", job->calibrated);
}

static void text_binary(const cli_decay *job, mw_buf *out)
{
    mw_buf_format(out, "CBPE, scores %s",
                  job->calibrated ? "calibrated on the reference" : "taken as they are");
}

static void done_binary(cli_decay *job)
{
    mw_isotonic_free(job->curve);
}

static const cli_decay_method two_classes = {"cbpe",      1,           begin_binary,
                                             read_binary, fit_binary,  measure_binary,
                                             json_binary, text_binary, done_binary};

/* ---- chunks ---------------------------------------------------------------------------------- */

static mw_status measure(const cli_decay *job, const cli_decay_rows *rows, size_t first,
                         cli_decay_chunk *ret, mw_error *err)
{
    size_t n = rows->n - first < job->chunk_rows ? rows->n - first : job->chunk_rows;
    *ret = (cli_decay_chunk){.first = first, .n = n, .has_realized = rows->labels};
    MW_TRY(job->method->measure(job, rows, ret, err));
    for (size_t m = 0; m < job->n_metrics; m++)
        ret->error[m] = mw_decay_error_of(&job->errors[m], n);
    return MW_OK;
}

/* What the metric was on the reference's chunks: mean, and three deviations about it. */
static mw_status find_thresholds(cli_decay *job, mw_error *err)
{
    const cli_decay_rows *r = &job->reference;
    double n[CLI_DECAY_METRICS] = {0}, squares[CLI_DECAY_METRICS] = {0};
    for (size_t first = 0; first < r->n; first += job->chunk_rows) {
        cli_decay_chunk chunk;
        MW_TRY(measure(job, r, first, &chunk, err));
        for (size_t m = 0; m < job->n_metrics; m++) {
            double value = chunk.realized[m], away = value - job->expected[m];
            if (isnan(value))
                continue;
            job->expected[m] += away / ++n[m];
            squares[m] += away * (value - job->expected[m]);
        }
    }
    for (size_t m = 0; m < job->n_metrics; m++) {
        double spread = CLI_DECAY_DEVIATIONS * sqrt(squares[m] / n[m]);
        job->low[m] = fmax(job->expected[m] - spread, 0);
        job->high[m] = fmin(job->expected[m] + spread, job->method->most);
    }
    return MW_OK;
}

static mw_status estimate(cli_decay *job, mw_error *err)
{
    const cli_decay_rows *c = &job->current;
    uint64_t wanted = job->call->settings[CLI_CHUNK].number;
    job->chunk_rows = wanted ? (size_t)wanted : (c->n + USUAL_CHUNKS - 1) / USUAL_CHUNKS;
    MW_TRY(find_thresholds(job, err));
    job->chunks = calloc(c->n / job->chunk_rows + 1, sizeof *job->chunks);
    if (!job->chunks)
        return mw_fail_memory(err, "the chunks");
    for (size_t first = 0; first < c->n; first += job->chunk_rows) {
        cli_decay_chunk *chunk = &job->chunks[job->n_chunks++];
        MW_TRY(measure(job, c, first, chunk, err));
        bool any = false;
        for (size_t m = 0; m < job->n_metrics; m++)
            any |= cli_decay_alarms(job, chunk, m);
        job->n_alarms += any;
    }
    return MW_OK;
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

static const cli_decay_method *method_of(const cli_setting *settings)
{
    const char *score = settings[CLI_DECAY_SCORE].text;
    if (settings[CLI_DECAY_LOSS].text)
        return &cli_decay_loss;
    return strchr(score, ',') || strchr(score, '=') ? &cli_decay_classes : &two_classes;
}

static mw_status check_rows(const cli_decay *job, mw_error *err)
{
    if (job->reference.n >= 2 * USUAL_CHUNKS && job->current.n > 0)
        return MW_OK;
    if (job->current.n == 0)
        mw_fail(err, MW_E_DECAY_COLUMNS, "not one current row has a score");
    else
        mw_fail(err, MW_E_DECAY_COLUMNS, "the reference has %zu labelled rows", job->reference.n);
    return mw_mend(err, "give a reference of some thousand rows with labels, and current rows with "
                        "scores");
}

static mw_status read_rows(cli_decay *job, cli_decay_rows *rows, bool is_reference, mw_error *err)
{
    MW_TRY(cli_frame_file_read(&rows->file, err));
    return job->method->read(job, rows, is_reference, err);
}

static mw_status run(cli_decay *job, mw_error *err)
{
    mw_buf out;
    MW_TRY(job->method->begin(job, err));
    MW_TRY(read_rows(job, &job->reference, true, err));
    MW_TRY(read_rows(job, &job->current, false, err));
    MW_TRY(check_rows(job, err));
    MW_TRY(job->method->fit(job, err));
    MW_TRY(estimate(job, err));
    mw_buf_init(&out, REPORT_BYTES);
    (cli_is_on(job->call, CLI_JSON) ? cli_decay_json : cli_decay_text)(job, &out);
    mw_status status =
        out.failed ? mw_fail_memory(err, "the report") : cli_put(job->call, &out, err);
    mw_buf_done(&out);
    return status;
}

static void rows_done(cli_decay_rows *rows)
{
    cli_frame_words_done(&rows->file.frame, rows->words);
    free(rows->block);
    cli_frame_file_done(&rows->file);
}

mw_status cli_run_decay_estimate(cli_call *call, mw_error *err)
{
    const cli_setting *settings = call->settings;
    MW_TRY(check_arguments(call, err));
    cli_decay job = {.call = call,
                     .method = method_of(settings),
                     .reference.file.path = settings[CLI_REF].text,
                     .current.file.path = settings[CLI_CUR].text};
    mw_status status = run(&job, err);
    if (status == MW_OK && job.n_alarms > 0)
        call->exit_code = CLI_EXIT_NO;
    job.method->done(&job);
    free(job.chunks);
    rows_done(&job.reference);
    rows_done(&job.current);
    return status;
}
