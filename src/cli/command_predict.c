/* predict: rows of a file in, predictions out, in pieces.
 *
 *     source -> [csv | json lines] -> batch -> predictor (n threads) -> values -> text -> sink
 *
 * Memory is bounded by a piece of text, a batch and its values, however long the file is. */
#include "call.h"
#include "house.h"
#include "predict/predict.h"
#include "scores.h"
#include "sink.h"
#include "source.h"

#include <unistd.h>

#define BATCH_BYTES (32 * MW_MIB) /* of one batch of rows; at least one row */
#define ARENA_BLOCK_BYTES (1 * MW_MIB)

enum {
    PARALLEL_ROWS = 1024, /* fewer are not worth starting threads */
    ROWS_BATCH_MAX = 1 << 18,
    PROGRESS_AFTER_MS = 1000,
    PROGRESS_EVERY_MS = 200,
    NOTICE_EVERY_MS = 10000 /* off a terminal: a line, not a bar */
};

typedef enum row_format { ROWS_CSV, ROWS_JSON_LINES } row_format;

typedef struct prediction {
    const cli_call *call;
    mw_forest *forest;
    mw_predictor *predictor;
    mw_output output;
    unsigned n_threads;
    mw_pool *pool;   /* the other threads, once there was work for them */
    size_t max_rows; /* of a batch */
    row_format format;
    cli_source source;
    mw_csv_reader reader;
    mw_arena kept; /* names, the reader's mapping */
    mw_arena rows; /* one batch; reset after it */
    cli_scores scores;
    cli_sink *sink;
    mw_buf text;
    double *values;
    uint64_t n_rows, next_line;
    uint64_t began_ns, shown_ns;
    bool bar_shown, header_written;
} prediction;

/* ---- progress -------------------------------------------------------------------------------- */

static uint64_t ms_between(uint64_t from_ns, uint64_t to_ns)
{
    return (to_ns - from_ns) / 1000000;
}

static void show_progress(prediction *job)
{
    uint64_t now = mw_clock_ns();
    bool tty = job->call->terminal.err_is_tty;
    uint64_t every = tty ? PROGRESS_EVERY_MS : NOTICE_EVERY_MS;
    if (cli_is_on(job->call, CLI_QUIET) || ms_between(job->began_ns, now) < PROGRESS_AFTER_MS ||
        ms_between(job->shown_ns, now) < every)
        return;
    char percent[32] = "";
    if (job->source.total_bytes > 0)
        snprintf(percent, sizeof percent, ", %d %%",
                 (int)(100.0 * (double)job->source.read_bytes / (double)job->source.total_bytes));
    fprintf(stderr, tty ? "\r\033[K%llu rows%s" : "%llu rows%s\n", (unsigned long long)job->n_rows,
            percent);
    fflush(stderr);
    job->shown_ns = now;
    job->bar_shown = tty;
}

static void clear_progress(prediction *job)
{
    if (job->bar_shown)
        fprintf(stderr, "\r\033[K");
    job->bar_shown = false;
}

/* ---- what the rows are ----------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), end = strlen(ending);
    return size >= end && strcmp(text + size - end, ending) == 0;
}

/* By --format, then by the name's ending, then by the first byte that is no blank. */
static row_format tell_format(const prediction *job, const char *path)
{
    const cli_setting *wish = &job->call->settings[CLI_FORMAT];
    if (wish->text)
        return wish->number == 0 ? ROWS_CSV : ROWS_JSON_LINES;
    if (ends_with(path, ".csv"))
        return ROWS_CSV;
    if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson") || ends_with(path, ".json"))
        return ROWS_JSON_LINES;
    mw_view text = mw_view_trim(cli_source_text(&job->source));
    return text.size > 0 && (text.data[0] == '{' || text.data[0] == '[') ? ROWS_JSON_LINES
                                                                         : ROWS_CSV;
}

static mw_status refuse_compressed(const prediction *job, mw_error *err)
{
    mw_view text = cli_source_text(&job->source);
    if (text.size < 2 || memcmp(text.data, "\x1f\x8b", 2) != 0)
        return MW_OK;
    mw_fail(err, MW_E_INPUT_FORMAT, "the file is compressed (gzip)");
    mw_mend(err, "gunzip -c %s | mw predict %s -", job->source.name, job->call->arguments[0]);
    return mw_at(err, "%s", job->source.name);
}

/* The header may hold line ends inside quotes; a CR at the very end may be half of a CRLF. */
static bool holds_header(mw_view text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text.data[i] == '\n' || text.data[i] == '\r'))
            return text.data[i] == '\n' || i + 1 < text.size;
    }
    return false;
}

static mw_status begin_rows(prediction *job, const char *path, mw_error *err)
{
    MW_TRY(cli_source_fill(&job->source, err));
    MW_TRY(refuse_compressed(job, err));
    job->format = tell_format(job, path);
    job->next_line = 1;
    if (job->format == ROWS_JSON_LINES)
        return MW_OK;
    while (!job->source.ended && !holds_header(cli_source_text(&job->source)))
        MW_TRY(cli_source_fill(&job->source, err));
    size_t used = 0;
    mw_status status = mw_csv_reader_init(&job->reader, cli_source_text(&job->source),
                                          &job->forest->schema, &job->kept, &used, err);
    if (status != MW_OK)
        return mw_at(err, "%s", job->source.name);
    cli_source_consume(&job->source, used);
    return MW_OK;
}

/* ---- batches --------------------------------------------------------------------------------- */

/* Whole lines of the text, at most max_rows; also how many. */
static mw_view whole_lines(mw_view text, bool last, size_t max_rows, uint64_t *ret_lines)
{
    size_t used = 0;
    uint64_t n_lines = 0;
    while (n_lines < max_rows && used < text.size) {
        const char *end = memchr(text.data + used, '\n', text.size - used);
        if (!end && !last)
            break;
        used = end ? (size_t)(end - text.data) + 1 : text.size;
        n_lines++;
    }
    *ret_lines = n_lines;
    return (mw_view){text.data, used};
}

/* The reader was given one line, and says so: "line 1: row 0, column 'age'". Our place says more.
 */
static void drop_inner_place(mw_error *err)
{
    static const char *const inner[] = {"line 1: ", "row 0, ", "row 0"};
    for (size_t i = 0; i < MW_COUNT(inner); i++) {
        size_t size = strlen(inner[i]);
        if (strncmp(err->where, inner[i], size) == 0)
            memmove(err->where, err->where + size, strlen(err->where + size) + 1);
    }
}

/* The reader counts rows from the start of its text; find the line of the file that it refused. */
static mw_status place_json_fault(prediction *job, mw_view lines, mw_error *err)
{
    uint64_t n_lines;
    mw_status status = err->status;
    for (uint64_t line = job->next_line; lines.size > 0; line++) {
        mw_batch ignored;
        mw_view one = whole_lines(lines, true, 1, &n_lines);
        mw_arena_reset(&job->rows);
        if (mw_view_trim(one).size > 0 &&
            (status = mw_batch_read_json_lines(one, &job->forest->schema, &job->rows, &ignored,
                                               err)) != MW_OK) {
            drop_inner_place(err);
            return mw_at(err, "%s:%llu", job->source.name, (unsigned long long)line);
        }
        lines.data += one.size;
        lines.size -= one.size;
    }
    return mw_at(err, "%s", job->source.name);
}

static mw_status read_json_batch(prediction *job, mw_batch *ret_batch, size_t *ret_used,
                                 mw_error *err)
{
    uint64_t n_lines;
    mw_view lines =
        whole_lines(cli_source_text(&job->source), job->source.ended, job->max_rows, &n_lines);
    *ret_used = lines.size;
    *ret_batch = (mw_batch){NULL, 0, 0};
    if (mw_view_trim(lines).size == 0)
        return MW_OK;
    if (mw_batch_read_json_lines(lines, &job->forest->schema, &job->rows, ret_batch, err) != MW_OK)
        return place_json_fault(job, lines, err);
    job->next_line += n_lines;
    return MW_OK;
}

static mw_status read_csv_batch(prediction *job, mw_batch *ret_batch, size_t *ret_used,
                                mw_error *err)
{
    mw_status status =
        mw_csv_read_rows(&job->reader, cli_source_text(&job->source), job->source.ended,
                         job->max_rows, &job->rows, ret_batch, ret_used, err);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", job->source.name);
}

/* Not before the first rows were good: a file that is wrong from the start gives no output at all.
 */
static void write_header(prediction *job)
{
    if (!job->header_written)
        cli_scores_header(&job->scores, &job->text);
    job->header_written = true;
}

static mw_status predict_rows(prediction *job, const mw_batch *batch, mw_error *err)
{
    mw_matrix matrix = mw_batch_matrix(batch);
    if (!job->pool && job->n_threads > 1 && batch->n_rows >= PARALLEL_ROWS)
        MW_TRY(mw_pool_new(job->n_threads - 1, &job->pool, err));
    MW_TRY(mw_predict_parallel(job->predictor, &matrix, job->output, job->pool, job->values, err));
    mw_buf_reset(&job->text);
    write_header(job);
    for (size_t row = 0; row < batch->n_rows; row++) {
        cli_scores_row(&job->scores, job->values + row * job->scores.n_outputs, &job->text);
        if (job->text.size > MW_MIB) {
            MW_TRY(cli_sink_write(job->sink, mw_buf_as_view(&job->text), err));
            mw_buf_reset(&job->text);
        }
    }
    if (job->text.failed)
        return mw_fail_memory(err, "the predictions");
    job->n_rows += batch->n_rows;
    return cli_sink_write(job->sink, mw_buf_as_view(&job->text), err);
}

static mw_status predict_all(prediction *job, mw_error *err)
{
    while (!cli_sink_is_broken(job->sink)) {
        mw_batch batch;
        size_t used = 0;
        bool empty = cli_source_text(&job->source).size == 0;
        if (empty && job->source.ended)
            break;
        if (!empty) {
            MW_TRY(job->format == ROWS_CSV ? read_csv_batch(job, &batch, &used, err)
                                           : read_json_batch(job, &batch, &used, err));
            if (batch.n_rows > 0)
                MW_TRY(predict_rows(job, &batch, err));
            mw_arena_reset(&job->rows);
            cli_source_consume(&job->source, used);
        }
        if (used == 0 && job->source.ended)
            break;
        if (used == 0)
            MW_TRY(cli_source_fill(&job->source, err));
        if (cli_was_interrupted())
            return cli_fail_interrupted(err);
        show_progress(job);
    }
    mw_buf_reset(&job->text);
    write_header(job); /* of a file without rows */
    return cli_sink_write(job->sink, mw_buf_as_view(&job->text), err);
}

/* ---- set up and run -------------------------------------------------------------------------- */

static mw_status find_input(const cli_call *call, const char **ret_path, mw_error *err)
{
    const char *named = call->settings[CLI_INPUT].text;
    if (call->n_arguments > 1 && named && call->settings[CLI_INPUT].origin == CLI_FROM_FLAG) {
        mw_fail(err, MW_E_TWO_INPUTS, "rows are given twice: '%s' and --input %s",
                call->arguments[1], named);
        return mw_mend(err, "give one of them");
    }
    if (call->n_arguments > 1)
        *ret_path = call->arguments[1];
    else if (named)
        *ret_path = named;
    else if (!isatty(STDIN_FILENO))
        *ret_path = "-";
    else {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "no rows to predict");
        return mw_mend(err, "mw predict %s rows.csv, or - for standard input", call->arguments[0]);
    }
    return MW_OK;
}

static mw_status make_room(prediction *job, mw_error *err)
{
    size_t n_features = job->forest->n_features, n_outputs = job->scores.n_outputs;
    size_t wider = n_features > n_outputs ? n_features : n_outputs;
    size_t fitting = BATCH_BYTES / (sizeof(double) * (wider ? wider : 1));
    job->max_rows = fitting < 1 ? 1 : fitting > ROWS_BATCH_MAX ? ROWS_BATCH_MAX : fitting;
    job->values = calloc(job->max_rows * (n_outputs ? n_outputs : 1), sizeof(double));
    return job->values ? MW_OK : mw_fail_memory(err, "the predictions");
}

static mw_status run(prediction *job, mw_error *err)
{
    const cli_call *call = job->call;
    const char *path = NULL;
    MW_TRY(find_input(call, &path, err));
    MW_TRY(mw_forest_load(call->arguments[0], &job->forest, err));
    MW_TRY(mw_predictor_new(job->forest, &job->predictor, err));
    MW_TRY(cli_scores_init(&job->scores, job->forest, job->predictor, job->output,
                           cli_is_on(call, CLI_JSON), &job->kept, err));
    MW_TRY(make_room(job, err));
    MW_TRY(cli_source_open(&job->source, path, err));
    MW_TRY(cli_sink_open(call->settings[CLI_OUTPUT].text, &job->sink, err));
    MW_TRY(begin_rows(job, path, err));
    MW_TRY(predict_all(job, err));
    cli_sink *sink = job->sink;
    job->sink = NULL;
    MW_TRY(cli_sink_finish(sink, err));
    if (cli_is_on(call, CLI_VERBOSE)) {
        clear_progress(job);
        cli_note(call, "%llu rows in %.3f s, %u threads, kernel %s",
                 (unsigned long long)job->n_rows, (double)(mw_clock_ns() - job->began_ns) / 1e9,
                 job->n_threads, mw_predictor_kernel(job->predictor));
    }
    return MW_OK;
}

mw_status cli_run_predict(cli_call *call, mw_error *err)
{
    prediction job = {.call = call, .source.fd = -1};
    uint64_t threads = call->settings[CLI_THREADS].number;
    job.output = cli_is_on(call, CLI_RAW) ? MW_MARGIN : MW_PREDICTION;
    job.n_threads = threads ? (unsigned)threads : cli_cores();
    job.began_ns = job.shown_ns = mw_clock_ns();
    mw_arena_init(&job.kept, ARENA_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_arena_init(&job.rows, ARENA_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_buf_init(&job.text, MW_LIMIT_REPLY_BYTES);
    cli_interrupt_watch();
    mw_status status = run(&job, err);
    clear_progress(&job);
    cli_sink_abandon(job.sink);
    cli_source_close(&job.source);
    mw_pool_free(job.pool);
    free(job.values);
    mw_buf_done(&job.text);
    mw_predictor_free(job.predictor);
    mw_forest_free(job.forest);
    mw_arena_done(&job.rows);
    mw_arena_done(&job.kept);
    return status;
}
