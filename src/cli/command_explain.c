/* explain: rows of a file in, contributions out, in pieces.
 *
 *     row reader -> batch -> explaining (n threads) -> values -> text -> sink
 *                                                                `-> aside -> sink, at the end
 *
 * CSV of several outputs is one block of rows for each: the first one's lines go out at once, the
 * others' wait in a file without a name. */
#include "call.h"
#include "contributions.h"
#include "explaining.h"
#include "house.h"
#include "interaction_lines.h"
#include "row_reader.h"
#include "sink.h"

#include <errno.h>
#include <stdio.h>

enum { PARALLEL_ROWS = 256, DEFAULT_TOP = 5 };

/* Text that waits: pieces of one output in a row, in the order in which they came. */
typedef struct piece {
    size_t output, size;
} piece;

typedef struct explanation {
    const cli_call *call;
    mw_forest *forest;
    cli_explaining what;
    unsigned n_threads;
    mw_pool *pool; /* the other threads, once there was work for them */
    cli_row_reader reader;
    cli_contributions lines;
    cli_interaction_lines pairs; /* with --interactions */
    cli_sink *sink;
    mw_buf text;
    double *values;
    bool header_written;
    FILE *aside; /* NULL until something waits */
    mw_buf pieces;
} explanation;

/* ---- aside ----------------------------------------------------------------------------------- */

static mw_status fail_aside(mw_error *err)
{
    mw_fail(err, MW_E_SYSTEM, "a temporary file cannot be used: %s", strerror(errno));
    return mw_mend(err, "make room in the folder that TMPDIR names, or use --format json");
}

static mw_status put_aside(explanation *job, size_t output, mw_error *err)
{
    if (!job->aside && !(job->aside = tmpfile()))
        return fail_aside(err);
    piece waiting = {output, job->text.size};
    mw_buf_bytes(&job->pieces, &waiting, sizeof waiting);
    if (job->pieces.failed)
        return mw_fail_memory(err, "the contributions");
    if (fwrite(job->text.data, 1, job->text.size, job->aside) != job->text.size)
        return fail_aside(err);
    return MW_OK;
}

static mw_status copy_piece(explanation *job, size_t size, mw_error *err)
{
    char part[64 * 1024];
    while (size > 0) {
        size_t wanted = size < sizeof part ? size : sizeof part;
        if (fread(part, 1, wanted, job->aside) != wanted)
            return fail_aside(err);
        MW_TRY(cli_sink_write(job->sink, (mw_view){part, wanted}, err));
        size -= wanted;
    }
    return MW_OK;
}

static mw_status bring_back(explanation *job, mw_error *err)
{
    if (!job->aside)
        return MW_OK;
    const piece *pieces = (const piece *)(const void *)job->pieces.data;
    size_t count = job->pieces.size / sizeof *pieces;
    for (size_t output = 1; output < job->forest->n_margins; output++) {
        off_t at = 0;
        for (size_t i = 0; i < count; at += (off_t)pieces[i++].size) {
            if (pieces[i].output != output)
                continue;
            if (fseeko(job->aside, at, SEEK_SET) != 0)
                return fail_aside(err);
            MW_TRY(copy_piece(job, pieces[i].size, err));
        }
    }
    return MW_OK;
}

/* ---- batches --------------------------------------------------------------------------------- */

static mw_status flush(explanation *job, size_t output, bool waits, mw_error *err)
{
    if (job->text.failed)
        return mw_fail_memory(err, "the contributions");
    mw_status status = waits ? put_aside(job, output, err)
                             : cli_sink_write(job->sink, mw_buf_as_view(&job->text), err);
    mw_buf_reset(&job->text);
    return status;
}

static void write_row(explanation *job, const mw_batch *batch, size_t row, size_t output)
{
    size_t width = cli_explaining_values(&job->what);
    uint64_t number = job->reader.n_rows - batch->n_rows + row;
    const double *x = batch->values + row * batch->n_columns;
    const double *values = job->values + row * width + output * (width / job->forest->n_margins);
    if (job->what.interactions)
        cli_interaction_lines_put(&job->pairs, number, output, x, values, &job->text);
    else
        cli_contributions_line(&job->lines, number, output, x, values, &job->text);
}

/* Lines by output, then by row. */
static mw_status write_blocks(explanation *job, const mw_batch *batch, mw_error *err)
{
    for (size_t output = 0; output < job->forest->n_margins; output++) {
        for (size_t row = 0; row < batch->n_rows; row++) {
            write_row(job, batch, row, output);
            if (job->text.size > MW_MIB)
                MW_TRY(flush(job, output, output > 0, err));
        }
        if (job->text.size > 0)
            MW_TRY(flush(job, output, output > 0, err));
    }
    return MW_OK;
}

/* Lines by row, then by output. */
static mw_status write_lines(explanation *job, const mw_batch *batch, mw_error *err)
{
    for (size_t row = 0; row < batch->n_rows; row++) {
        for (size_t output = 0; output < job->forest->n_margins; output++)
            write_row(job, batch, row, output);
        if (job->text.size > MW_MIB)
            MW_TRY(flush(job, 0, false, err));
    }
    return flush(job, 0, false, err);
}

/* Not before the first rows were good: a file that is wrong from the start gives no output. */
static void write_header(explanation *job)
{
    if (!job->header_written && job->what.interactions)
        cli_interaction_lines_header(&job->pairs, &job->text);
    else if (!job->header_written)
        cli_contributions_header(&job->lines, &job->text);
    job->header_written = true;
}

static mw_status explain_rows(explanation *job, const mw_batch *batch, mw_error *err)
{
    mw_matrix matrix = mw_batch_matrix(batch);
    if (!job->pool && job->n_threads > 1 && batch->n_rows >= PARALLEL_ROWS)
        MW_TRY(mw_pool_new(job->n_threads - 1, &job->pool, err));
    MW_TRY(cli_explaining_run(&job->what, &matrix, job->pool, job->values, err));
    write_header(job);
    return job->lines.format == CLI_EXPLAIN_CSV ? write_blocks(job, batch, err)
                                                : write_lines(job, batch, err);
}

static mw_status explain_all(explanation *job, mw_error *err)
{
    while (!cli_sink_is_broken(job->sink)) {
        mw_batch batch;
        MW_TRY(cli_row_reader_next(&job->reader, &batch, err));
        if (batch.n_rows == 0)
            break;
        MW_TRY(explain_rows(job, &batch, err));
    }
    write_header(job); /* of a file without rows */
    MW_TRY(flush(job, 0, false, err));
    return bring_back(job, err);
}

/* ---- set up and run -------------------------------------------------------------------------- */

static mw_status make_lines(explanation *job, mw_error *err)
{
    const cli_setting *settings = job->call->settings;
    cli_explain_format format = settings[CLI_EXPLAIN_FORMAT].text
                                    ? (cli_explain_format)settings[CLI_EXPLAIN_FORMAT].number
                                    : CLI_EXPLAIN_CSV;
    size_t top = settings[CLI_TOP].text ? settings[CLI_TOP].number : 0;
    if (format == CLI_EXPLAIN_CSV && top) {
        mw_fail(err, MW_E_TOP_FORMAT, "--top is for json and text: CSV has a column a feature");
        return mw_mend(err, "add --format text or --format json, or leave --top out");
    }
    if (format == CLI_EXPLAIN_TEXT && !top)
        top = DEFAULT_TOP;
    MW_TRY(cli_contributions_init(&job->lines, job->forest, format, top, &job->reader.kept, err));
    job->lines.sum = cli_explaining_sum(&job->what);
    if (job->what.interactions)
        return cli_interaction_lines_init(&job->pairs, &job->lines, &job->reader.kept, err);
    return MW_OK;
}

static mw_status make_room(explanation *job, mw_error *err)
{
    size_t width = cli_explaining_values(&job->what);
    cli_row_reader_bound(&job->reader, width);
    job->values = calloc(job->reader.max_rows * width, sizeof(double));
    return job->values ? MW_OK : mw_fail_memory(err, "the contributions");
}

static mw_status run(explanation *job, mw_error *err)
{
    const cli_call *call = job->call;
    const char *path = NULL;
    MW_TRY(cli_row_reader_find(&job->reader, &path, err));
    MW_TRY(mw_forest_load(call->arguments[0], &job->forest, err));
    MW_TRY(cli_explaining_init(&job->what, call, job->forest, err));
    MW_TRY(make_lines(job, err));
    MW_TRY(make_room(job, err));
    job->reader.schema = &job->forest->schema;
    MW_TRY(cli_sink_open(call->settings[CLI_OUTPUT].text, &job->sink, err));
    MW_TRY(cli_row_reader_open(&job->reader, path, err));
    MW_TRY(explain_all(job, err));
    cli_sink *sink = job->sink;
    job->sink = NULL;
    MW_TRY(cli_sink_finish(sink, err));
    cli_row_reader_note(&job->reader, job->n_threads, cli_explaining_kernel(&job->what));
    return MW_OK;
}

mw_status cli_run_explain(cli_call *call, mw_error *err)
{
    explanation job = {.call = call};
    uint64_t threads = call->settings[CLI_THREADS].number;
    job.n_threads = threads ? (unsigned)threads : cli_cores();
    cli_row_reader_init(&job.reader, call);
    mw_buf_init(&job.text, MW_LIMIT_REPLY_BYTES);
    mw_buf_init(&job.pieces, MW_LIMIT_REPLY_BYTES);
    cli_interrupt_watch();
    mw_status status = run(&job, err);
    cli_row_reader_clear(&job.reader);
    cli_sink_abandon(job.sink);
    mw_pool_free(job.pool);
    if (job.aside)
        fclose(job.aside);
    free(job.values);
    mw_buf_done(&job.pieces);
    mw_buf_done(&job.text);
    cli_explaining_done(&job.what);
    mw_forest_free(job.forest);
    cli_row_reader_done(&job.reader);
    return status;
}
