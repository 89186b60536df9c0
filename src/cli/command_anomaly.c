/* anomaly score: which rows of a file are unlike those of a reference, and why.
 *
 *     reference: CSV --> profile, isolation forest     or a training profile: no forest then
 *     file: CSV --> columns of the reference, encoded --> scores --> text, CSV, JSON */
#include "call.h"
#include "frame_rows.h"
#include "scores.h"
#include "training_profile.h"

#include <math.h>
#include <stdlib.h>

#define REPORT_BYTES (512 * MW_MIB)
#define USUAL_THRESHOLD 0.6      /* without rows of the reference to learn it from */
#define REFERENCE_QUANTILE 0.999 /* of their scores: one in a thousand is above */

enum { SHOWN = 20, NAME_WIDTH = 24 };

typedef struct anomaly_job {
    const cli_call *call;
    cli_frame_file reference, file;
    mw_profile profile;
    const mw_profile_column **columns; /* those that the file has, too; n */
    size_t *in_file;
    mw_anomaly_bound *bounds;
    size_t n, n_rows;
    double *rows; /* (n_rows, n) */
    mw_isolation *forest;
    double threshold;
    mw_anomaly *found;
    size_t n_found;
} anomaly_job;

/* ---- columns --------------------------------------------------------------------------------- */

static mw_status match(anomaly_job *job, mw_error *err)
{
    size_t room = job->profile.n_columns + 1;
    job->columns = calloc(room, sizeof *job->columns);
    job->in_file = calloc(room, sizeof *job->in_file);
    job->bounds = calloc(room, sizeof *job->bounds);
    if (!job->columns || !job->in_file || !job->bounds)
        return mw_fail_memory(err, "the columns");
    for (size_t c = 0; c < job->profile.n_columns; c++) {
        const mw_profile_column *column = &job->profile.columns[c];
        ptrdiff_t at = mw_frame_find(&job->file.frame, column->name);
        if (column->is_label || column->n == 0)
            continue;
        if (at < 0) {
            mw_fail(err, MW_E_DRIFT_NO_COLUMN, "the file has no column '%.*s'",
                    MW_VIEW_ARG(column->name));
            mw_at(err, "%s", job->file.path);
            return mw_mend(err, "give it the columns of the reference; --columns takes fewer, "
                                "--label leaves out what was to be predicted");
        }
        job->columns[job->n] = column;
        job->in_file[job->n] = (size_t)at;
        job->bounds[job->n++] = mw_anomaly_bound_of(column);
    }
    if (job->n > 0)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_NO_COLUMN, "the reference has no column with values");
    return mw_mend(err, "look at it: mw data profile FILE");
}

/* A number where the reference has numbers; a category's rarity, by its text. Text that is no
 * number where numbers stood is beyond all of them. */
static double encoded(const mw_profile_column *column, double value, const mw_words *words)
{
    char room[MW_NUMBER_TEXT_BYTES];
    mw_view text = {room, 0};
    if (isnan(value))
        return value;
    if (words->n_texts > 0)
        text = words->texts[(size_t)value];
    else if (column->is_category)
        text.size = mw_number_write_double(room, value, false);
    if (column->is_category)
        return mw_anomaly_rarity(column, text);
    if (words->n_texts > 0 && !mw_number_parse(text.data, text.size, &value))
        return (double)INFINITY;
    return value;
}

static mw_status encode(const anomaly_job *job, mw_frame *frame, const size_t *places,
                        double **ret_rows, mw_error *err)
{
    mw_words *words = calloc(frame->n_columns + 1, sizeof *words);
    mw_words **of_columns = calloc(frame->n_columns + 1, sizeof *of_columns);
    double *rows = malloc((frame->n_rows * job->n + 1) * sizeof *rows);
    mw_status status = words && of_columns && rows ? MW_OK : mw_fail_memory(err, "the rows");
    bool any = false;
    for (size_t c = 0; words && c < frame->n_columns; c++)
        mw_words_init(&words[c]);
    for (size_t k = 0; status == MW_OK && k < job->n; k++)
        if (frame->columns[places[k]].is_text) {
            of_columns[places[k]] = &words[places[k]];
            any = true;
        }
    if (status == MW_OK && any)
        status = mw_frame_code(frame, of_columns, err);
    for (size_t k = 0; status == MW_OK && k < job->n; k++)
        for (size_t i = 0; i < frame->n_rows; i++)
            rows[i * job->n + k] =
                encoded(job->columns[k], frame->columns[places[k]].values[i], &words[places[k]]);
    cli_frame_words_done(frame, words);
    free(of_columns);
    *ret_rows = rows;
    return status;
}

/* ---- the reference --------------------------------------------------------------------------- */

static double threshold_of(mw_anomaly *found, size_t n)
{
    double *block = malloc((3 * n + 1) * sizeof *block), threshold = USUAL_THRESHOLD;
    for (size_t i = 0; block && i < n; i++)
        block[2 * n + i] = found[i].score;
    if (block && n > 0) {
        mw_sample sample = mw_sample_make(block + 2 * n, n, 1, block, block + n);
        threshold = mw_sample_quantile(&sample, REFERENCE_QUANTILE);
    }
    free(block);
    return threshold;
}

static mw_status learn(anomaly_job *job, const double *rows, size_t n_rows, mw_error *err)
{
    MW_TRY(mw_anomaly_fit(job->bounds, job->n, rows, n_rows, job->call->settings[CLI_SEED].number,
                          &job->forest, err));
    mw_anomaly *found = calloc(n_rows + 1, sizeof *found);
    if (!found)
        return mw_fail_memory(err, "the scores");
    mw_status status = mw_anomaly_score(job->bounds, job->n, job->forest, rows, n_rows, found, err);
    job->threshold = threshold_of(found, n_rows);
    free(found);
    return status;
}

static mw_status learn_reference(anomaly_job *job, mw_error *err)
{
    double *rows = NULL;
    mw_frame *frame = &job->reference.frame;
    size_t *places = calloc(job->n, sizeof *places);
    if (!places)
        return mw_fail_memory(err, "the columns");
    for (size_t k = 0; k < job->n; k++)
        places[k] = (size_t)mw_frame_find(frame, job->columns[k]->name);
    mw_status status = encode(job, frame, places, &rows, err);
    if (status == MW_OK)
        status = learn(job, rows, frame->n_rows, err);
    free(rows);
    free(places);
    return status;
}

static mw_status read_threshold(anomaly_job *job, mw_error *err)
{
    const char *text = job->call->settings[CLI_ANOMALY_THRESHOLD].text;
    if (!text)
        return MW_OK;
    if (mw_number_parse(text, strlen(text), &job->threshold) && job->threshold >= 0 &&
        job->threshold <= 1)
        return MW_OK;
    mw_fail(err, MW_E_OPTION_VALUE, "'%s' is no score", text);
    mw_at(err, "--threshold");
    return mw_mend(err, "a number from 0 to 1: 0.6");
}

/* ---- the report ------------------------------------------------------------------------------ */

static int by_score(const void *a, const void *b, void *given)
{
    const mw_anomaly *found = given;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (found[i].score != found[j].score)
        return found[i].score > found[j].score ? -1 : 1;
    return (i > j) - (i < j);
}

/* Of the joint score the feature that it stands and falls with. */
static mw_view cause_of(const anomaly_job *job, size_t row)
{
    double without;
    size_t column = job->found[row].column;
    if (column == job->n && job->forest)
        column = mw_isolation_cause(job->forest, job->rows + row * job->n, &without);
    return column < job->n ? job->columns[column]->name : MW_VIEW("");
}

static void put_text_row(const anomaly_job *job, size_t row, mw_buf *out)
{
    const mw_anomaly *a = &job->found[row];
    mw_view cause = cause_of(job, row);
    mw_buf_format(out, "  row %-9zu %.4f  %s%s%.*s\n", row, a->score, mw_anomaly_kind_name(a->kind),
                  cause.size ? ": " : "", MW_VIEW_ARG(cause));
}

static void put_text(const anomaly_job *job, const size_t *order, mw_buf *out)
{
    size_t shown = job->n_found < SHOWN ? job->n_found : SHOWN;
    mw_buf_format(out, "%zu of %zu rows are unlike the reference (score from %.4f on%s)\n",
                  job->n_found, job->n_rows, job->threshold,
                  job->forest ? "" : "; a profile has no rows, so no joint score");
    for (size_t i = 0; i < shown; i++)
        put_text_row(job, order[i], out);
    if (shown < job->n_found)
        mw_buf_format(out, "  and %zu more: --format csv lists all\n", job->n_found - shown);
}

static void put_csv(const anomaly_job *job, const size_t *order, mw_buf *out)
{
    (void)order;
    mw_buf_text(out, "row,anomaly_score,joint,is_anomaly,kind,cause\n");
    for (size_t i = 0; i < job->n_rows; i++) {
        const mw_anomaly *a = &job->found[i];
        bool is_anomaly = a->score >= job->threshold;
        mw_buf_format(out, "%zu,%.6f,", i, a->score);
        if (!isnan(a->joint))
            mw_buf_format(out, "%.6f", a->joint);
        mw_buf_format(out, ",%d,%s,", is_anomaly, is_anomaly ? mw_anomaly_kind_name(a->kind) : "");
        if (is_anomaly)
            cli_csv_text(out, cause_of(job, i));
        mw_buf_char(out, '\n');
    }
}

static void put_json(const anomaly_job *job, const size_t *order, mw_buf *out)
{
    mw_buf_format(out, "{\"rows\":%zu,\"anomalies\":%zu,\"threshold\":", job->n_rows, job->n_found);
    mw_json_write_double(out, job->threshold);
    mw_buf_format(out, ",\"joint\":%s,\"worst\":[", job->forest ? "true" : "false");
    for (size_t i = 0; i < job->n_found; i++) {
        const mw_anomaly *a = &job->found[order[i]];
        mw_buf_format(out, "%s\n  {\"row\":%zu,\"anomaly_score\":", i ? "," : "", order[i]);
        mw_json_write_double(out, a->score);
        mw_buf_text(out, ",\"joint\":");
        mw_json_write_double(out, a->joint);
        mw_buf_format(out, ",\"kind\":\"%s\",\"cause\":", mw_anomaly_kind_name(a->kind));
        mw_json_write_text(out, cause_of(job, order[i]));
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "\n]}\n");
}

static mw_status put(anomaly_job *job, mw_error *err)
{
    static void (*const writers[])(const anomaly_job *, const size_t *, mw_buf *) = {
        put_text, put_csv, put_json}; /* cli_report_format */
    mw_buf out;
    size_t *order = calloc(job->n_rows + 1, sizeof *order);
    if (!order)
        return mw_fail_memory(err, "the report");
    for (size_t i = 0; i < job->n_rows; i++) {
        order[i] = i;
        job->n_found += job->found[i].score >= job->threshold;
    }
    qsort_r(order, job->n_rows, sizeof *order, by_score, job->found);
    mw_buf_init(&out, REPORT_BYTES);
    writers[job->call->settings[CLI_REPORT_FORMAT].number](job, order, &out);
    mw_status status =
        out.failed ? mw_fail_memory(err, "the report") : cli_put(job->call, &out, err);
    mw_buf_done(&out);
    free(order);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static mw_status check_paths(const anomaly_job *job, mw_error *err)
{
    if (job->reference.path)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_FILES, "--ref is missing");
    return mw_mend(err, "mw anomaly score FILE --ref train.csv");
}

static mw_status run(anomaly_job *job, mw_error *err)
{
    const cli_setting *settings = job->call->settings;
    cli_profile_wishes wishes = {settings[CLI_COLUMNS].text, settings[CLI_PROFILE_LABEL].text,
                                 settings[CLI_CATEGORICAL].text};
    MW_TRY(check_paths(job, err));
    MW_TRY(cli_profile_read(&job->reference, &wishes, &job->profile, err));
    MW_TRY(cli_frame_file_read(&job->file, err));
    MW_TRY(match(job, err));
    if (job->reference.is_read && job->reference.frame.n_rows > 0)
        MW_TRY(learn_reference(job, err));
    MW_TRY(read_threshold(job, err));
    job->n_rows = job->file.frame.n_rows;
    MW_TRY(encode(job, &job->file.frame, job->in_file, &job->rows, err));
    job->found = calloc(job->n_rows + 1, sizeof *job->found);
    if (!job->found)
        return mw_fail_memory(err, "the scores");
    MW_TRY(mw_anomaly_score(job->bounds, job->n, job->forest, job->rows, job->n_rows, job->found,
                            err));
    return put(job, err);
}

mw_status cli_run_anomaly_score(cli_call *call, mw_error *err)
{
    anomaly_job job = {.call = call,
                       .reference.path = call->settings[CLI_REF].text,
                       .file.path = call->arguments[0],
                       .threshold = USUAL_THRESHOLD};
    mw_profile_init(&job.profile);
    mw_status status = run(&job, err);
    free(job.columns);
    free(job.in_file);
    free(job.bounds);
    free(job.rows);
    free(job.found);
    mw_isolation_free(job.forest);
    mw_profile_done(&job.profile);
    cli_frame_file_done(&job.reference);
    cli_frame_file_done(&job.file);
    return status;
}
