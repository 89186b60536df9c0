/* drift stream: where a column of a file stopped being what it was.
 *
 *     CSV file --> one column --> detector, value by value --> the rows where it alarmed
 *     exit code 6 when it did */
#include "drift.h"

#include <math.h>

#define REPORT_BYTES (64 * MW_MIB)

typedef struct stream {
    const cli_call *call;
    cli_frame_file file;
    size_t column;
    mw_detector *detector;
    mw_buf list; /* of changes, in the form that was asked for */
    size_t n_changes, n_warnings, n_values;
} stream;

static mw_status find_column(stream *job, mw_error *err)
{
    const char *name = job->call->settings[CLI_COLUMN].text;
    const mw_frame *frame = &job->file.frame;
    if (!name && frame->n_columns == 1)
        return MW_OK;
    if (!name) {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "the file has %zu columns", frame->n_columns);
        return mw_mend(err, "name the one to watch: --column %.*s",
                       MW_VIEW_ARG(frame->columns[0].name));
    }
    ptrdiff_t column = mw_frame_find(frame, mw_view_of(name));
    if (column < 0) {
        mw_fail(err, MW_E_DRIFT_NO_COLUMN, "the file has no column '%s'", name);
        cli_nearest nearest = cli_nearest_to(mw_view_of(name));
        for (size_t c = 0; c < frame->n_columns; c++)
            cli_nearest_offer(&nearest, frame->columns[c].name.data);
        return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                            : mw_mend(err, "the header line tells which columns there are");
    }
    job->column = (size_t)column;
    return MW_OK;
}

static mw_status check_column(const stream *job, mw_error *err)
{
    const mw_frame_column *column = &job->file.frame.columns[job->column];
    if (!column->is_text)
        return MW_OK;
    mw_fail(err, MW_E_TABLE_TEXT, "column '%.*s' holds text", MW_VIEW_ARG(column->name));
    mw_at(err, "%s", job->file.path);
    return mw_mend(err, "a detector watches numbers: errors as 0 and 1, a score, a measurement");
}

/* Missing values are passed over: the row of the one that is `back` values before this one. */
static size_t row_before(const stream *job, size_t row, uint64_t back)
{
    const double *values = job->file.frame.columns[job->column].values;
    for (; row > 0 && back > 0; back -= isfinite(values[row]))
        row--;
    return row;
}

static void note_finding(stream *job, size_t row, const mw_detector_finding *found)
{
    mw_buf *out = &job->list;
    size_t since = row_before(job, row, found->n_since - 1);
    if (cli_is_on(job->call, CLI_JSON)) {
        mw_buf_format(out, "%s{\"row\":%zu,\"since\":%zu,\"before\":", job->n_changes ? "," : "",
                      row, since);
        mw_json_write_double(out, found->before);
        mw_buf_text(out, ",\"after\":");
        mw_json_write_double(out, found->since);
        mw_buf_text(out, ",\"chance\":");
        mw_json_write_double(out, found->chance);
        mw_buf_char(out, '}');
        return;
    }
    mw_buf_format(out, "  row %-10zu %s since about row %zu: ", row,
                  found->side > 0 ? "higher" : "lower", since);
    cli_drift_number(out, found->before);
    mw_buf_text(out, " before, ");
    cli_drift_number(out, found->since);
    mw_buf_text(out, " since; without a change the chance of an alarm by then is at most ");
    cli_drift_number(out, found->chance);
    mw_buf_char(out, '\n');
}

static void note_change(stream *job, size_t row, double before)
{
    mw_buf *out = &job->list;
    bool json = cli_is_on(job->call, CLI_JSON);
    mw_detector_finding found;
    if (mw_detector_found(job->detector, &found)) {
        note_finding(job, row, &found);
        job->n_changes++;
        return;
    }
    if (json) {
        mw_buf_format(out, "%s{\"row\":%zu,\"mean_before\":", job->n_changes ? "," : "", row);
        mw_json_write_double(out, before);
        mw_buf_char(out, '}');
    } else {
        mw_buf_format(out, "  row %-10zu changed; the mean since the last change was ", row);
        cli_drift_number(out, before);
        mw_buf_char(out, '\n');
    }
    job->n_changes++;
}

static void watch(stream *job)
{
    const mw_frame *frame = &job->file.frame;
    const double *values = frame->columns[job->column].values;
    double mean = 0, n = 0;
    for (size_t row = 0; row < frame->n_rows; row++) {
        if (!isfinite(values[row]))
            continue;
        job->n_values++;
        mean += (values[row] - mean) / ++n;
        mw_change change = mw_detector_add(job->detector, values[row]);
        job->n_warnings += change == MW_WARNING;
        if (change != MW_CHANGED)
            continue;
        note_change(job, row, mean);
        mean = n = 0;
    }
}

static mw_status put(const stream *job, mw_error *err)
{
    mw_buf out;
    const mw_frame_column *column = &job->file.frame.columns[job->column];
    const char *detector =
        mw_detector_name((mw_detector_kind)job->call->settings[CLI_DETECTOR].number);
    mw_buf_init(&out, REPORT_BYTES);
    if (cli_is_on(job->call, CLI_JSON)) {
        mw_buf_text(&out, "{\"column\":");
        mw_json_write_text(&out, column->name);
        mw_buf_format(&out,
                      ",\"detector\":\"%s\",\"rows\":%zu,\"values\":%zu,\"n_changes\":%zu,"
                      "\"n_warnings\":%zu,\"changed\":%s,\"changes\":[",
                      detector, job->file.frame.n_rows, job->n_values, job->n_changes,
                      job->n_warnings, job->n_changes ? "true" : "false");
        mw_buf_view(&out, mw_buf_as_view(&job->list));
        mw_buf_text(&out, "]}\n");
    } else {
        mw_buf_format(&out, "%zu %s in %zu values of column '%.*s', by %s\n", job->n_changes,
                      job->n_changes == 1 ? "change" : "changes", job->n_values,
                      MW_VIEW_ARG(column->name), detector);
        mw_buf_view(&out, mw_buf_as_view(&job->list));
    }
    mw_status status = out.failed || job->list.failed ? mw_fail_memory(err, "the report")
                                                      : cli_put(job->call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status run(stream *job, mw_error *err)
{
    mw_detector_options options;
    const cli_setting *settings = job->call->settings;
    MW_TRY(cli_frame_file_read(&job->file, err));
    MW_TRY(find_column(job, err));
    MW_TRY(check_column(job, err));
    mw_detector_options_init((mw_detector_kind)settings[CLI_DETECTOR].number, &options);
    options.seed = settings[CLI_SEED].number;
    options.arl = (double)settings[CLI_ARL].number;
    if (settings[CLI_SIDES].text)
        options.side = (int[]){1, -1, 0}[settings[CLI_SIDES].number];
    MW_TRY(mw_detector_new(&options, &job->detector, err));
    watch(job);
    return put(job, err);
}

mw_status cli_run_drift_stream(cli_call *call, mw_error *err)
{
    stream job = {.call = call, .file.path = call->arguments[0]};
    mw_buf_init(&job.list, REPORT_BYTES);
    mw_status status = run(&job, err);
    if (status == MW_OK && job.n_changes > 0)
        call->exit_code = CLI_EXIT_NO;
    mw_detector_free(job.detector);
    cli_frame_file_done(&job.file);
    mw_buf_done(&job.list);
    return status;
}
