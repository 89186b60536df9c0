/* Rows of a file or a pipe, batch by batch. */
#include "row_reader.h"

#include <unistd.h>

#define BATCH_BYTES (32 * MW_MIB) /* of one batch of rows; at least one row */
#define ARENA_BLOCK_BYTES (1 * MW_MIB)

enum {
    ROWS_BATCH_MAX = 1 << 18,
    PROGRESS_AFTER_MS = 1000,
    PROGRESS_EVERY_MS = 200,
    NOTICE_EVERY_MS = 10000 /* off a terminal: a line, not a bar */
};

/* ---- progress -------------------------------------------------------------------------------- */

static uint64_t ms_between(uint64_t from_ns, uint64_t to_ns)
{
    return (to_ns - from_ns) / 1000000;
}

static void show_progress(cli_row_reader *reader)
{
    uint64_t now = mw_clock_ns();
    bool tty = reader->call->terminal.err_is_tty;
    uint64_t every = tty ? PROGRESS_EVERY_MS : NOTICE_EVERY_MS;
    if (cli_is_on(reader->call, CLI_QUIET) ||
        ms_between(reader->began_ns, now) < PROGRESS_AFTER_MS ||
        ms_between(reader->shown_ns, now) < every)
        return;
    char percent[32] = "";
    if (reader->source.total_bytes > 0)
        snprintf(
            percent, sizeof percent, ", %d %%",
            (int)(100.0 * (double)reader->source.read_bytes / (double)reader->source.total_bytes));
    fprintf(stderr, tty ? "\r\033[K%llu rows%s" : "%llu rows%s\n",
            (unsigned long long)reader->n_rows, percent);
    fflush(stderr);
    reader->shown_ns = now;
    reader->bar_shown = tty;
}

void cli_row_reader_clear(cli_row_reader *reader)
{
    if (reader->bar_shown)
        fprintf(stderr, "\r\033[K");
    reader->bar_shown = false;
}

void cli_row_reader_note(cli_row_reader *reader, unsigned n_threads, const char *kernel)
{
    if (!cli_is_on(reader->call, CLI_VERBOSE))
        return;
    cli_row_reader_clear(reader);
    cli_note(reader->call, "%llu rows in %.3f s, %u threads, kernel %s",
             (unsigned long long)reader->n_rows, (double)(mw_clock_ns() - reader->began_ns) / 1e9,
             n_threads, kernel);
}

/* ---- what the rows are ----------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), end = strlen(ending);
    return size >= end && strcmp(text + size - end, ending) == 0;
}

/* By --format, then by the name's ending, then by the first byte that is no blank. */
static cli_row_format tell_format(const cli_row_reader *reader, const char *path)
{
    const cli_setting *wish = &reader->call->settings[CLI_FORMAT];
    if (wish->text)
        return wish->number == 0 ? CLI_ROWS_CSV : CLI_ROWS_JSON_LINES;
    if (ends_with(path, ".csv"))
        return CLI_ROWS_CSV;
    if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson") || ends_with(path, ".json"))
        return CLI_ROWS_JSON_LINES;
    mw_view text = mw_view_trim(cli_source_text(&reader->source));
    return text.size > 0 && (text.data[0] == '{' || text.data[0] == '[') ? CLI_ROWS_JSON_LINES
                                                                         : CLI_ROWS_CSV;
}

static mw_status refuse_compressed(const cli_row_reader *reader, mw_error *err)
{
    mw_view text = cli_source_text(&reader->source);
    if (text.size < 2 || memcmp(text.data, "\x1f\x8b", 2) != 0)
        return MW_OK;
    mw_fail(err, MW_E_INPUT_FORMAT, "the file is compressed (gzip)");
    mw_mend(err, "gunzip -c %s | mw %s %s -", reader->source.name, reader->call->command->name,
            reader->call->arguments[0]);
    return mw_at(err, "%s", reader->source.name);
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

mw_status cli_row_reader_open(cli_row_reader *reader, const char *path, mw_error *err)
{
    MW_TRY(cli_source_open(&reader->source, path, err));
    MW_TRY(cli_source_fill(&reader->source, err));
    MW_TRY(refuse_compressed(reader, err));
    reader->format = tell_format(reader, path);
    reader->next_line = 1;
    if (reader->format == CLI_ROWS_JSON_LINES)
        return MW_OK;
    while (!reader->source.ended && !holds_header(cli_source_text(&reader->source)))
        MW_TRY(cli_source_fill(&reader->source, err));
    size_t used = 0;
    mw_status status = mw_csv_reader_init(&reader->csv, cli_source_text(&reader->source),
                                          reader->schema, &reader->kept, &used, err);
    if (status != MW_OK)
        return mw_at(err, "%s", reader->source.name);
    reader->header = (mw_view){cli_source_text(&reader->source).data, used};
    cli_source_consume(&reader->source, used);
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
static mw_status place_json_fault(cli_row_reader *reader, mw_view lines, mw_error *err)
{
    uint64_t n_lines;
    mw_status status = err->status;
    for (uint64_t line = reader->next_line; lines.size > 0; line++) {
        mw_batch ignored;
        mw_view one = whole_lines(lines, true, 1, &n_lines);
        mw_arena_reset(&reader->rows);
        if (mw_view_trim(one).size > 0 &&
            (status = mw_batch_read_json_lines(one, reader->schema, &reader->rows, &ignored,
                                               err)) != MW_OK) {
            drop_inner_place(err);
            return mw_at(err, "%s:%llu", reader->source.name, (unsigned long long)line);
        }
        lines.data += one.size;
        lines.size -= one.size;
    }
    return mw_at(err, "%s", reader->source.name);
}

static mw_status read_json_batch(cli_row_reader *reader, mw_batch *ret_batch, size_t *ret_used,
                                 mw_error *err)
{
    uint64_t n_lines;
    mw_view lines = whole_lines(cli_source_text(&reader->source), reader->source.ended,
                                reader->max_rows, &n_lines);
    *ret_used = lines.size;
    *ret_batch = (mw_batch){NULL, 0, 0};
    if (mw_view_trim(lines).size == 0)
        return MW_OK;
    if (mw_batch_read_json_lines(lines, reader->schema, &reader->rows, ret_batch, err) != MW_OK)
        return place_json_fault(reader, lines, err);
    reader->next_line += n_lines;
    return MW_OK;
}

static mw_status read_csv_batch(cli_row_reader *reader, mw_batch *ret_batch, size_t *ret_used,
                                mw_error *err)
{
    mw_status status =
        mw_csv_read_rows(&reader->csv, cli_source_text(&reader->source), reader->source.ended,
                         reader->max_rows, &reader->rows, ret_batch, ret_used, err);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", reader->source.name);
}

static mw_status read_batch(cli_row_reader *reader, mw_batch *ret_batch, mw_error *err)
{
    size_t used = 0;
    MW_TRY(reader->format == CLI_ROWS_CSV ? read_csv_batch(reader, ret_batch, &used, err)
                                          : read_json_batch(reader, ret_batch, &used, err));
    reader->used = used;
    return MW_OK;
}

static void drop_batch(cli_row_reader *reader)
{
    mw_arena_reset(&reader->rows);
    cli_source_consume(&reader->source, reader->used);
    reader->used = 0;
}

mw_status cli_row_reader_next(cli_row_reader *reader, mw_batch *ret_batch, mw_error *err)
{
    for (;;) {
        *ret_batch = (mw_batch){NULL, 0, 0};
        drop_batch(reader);
        show_progress(reader);
        if (cli_was_interrupted())
            return cli_fail_interrupted(err);
        if (cli_source_text(&reader->source).size > 0)
            MW_TRY(read_batch(reader, ret_batch, err));
        reader->n_rows += ret_batch->n_rows;
        if (ret_batch->n_rows > 0 || (reader->used == 0 && reader->source.ended))
            return MW_OK;
        if (reader->used == 0)
            MW_TRY(cli_source_fill(&reader->source, err));
    }
}

/* ---- set up ---------------------------------------------------------------------------------- */

mw_status cli_row_reader_find(const cli_row_reader *reader, const char **ret_path, mw_error *err)
{
    const cli_call *call = reader->call;
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
        mw_fail(err, MW_E_MISSING_ARGUMENT, "no rows to %s", call->command->name);
        return mw_mend(err, "mw %s %s rows.csv, or - for standard input", call->command->name,
                       call->arguments[0]);
    }
    return MW_OK;
}

void cli_row_reader_bound(cli_row_reader *reader, size_t row_values)
{
    size_t fitting = BATCH_BYTES / (sizeof(double) * (row_values ? row_values : 1));
    reader->max_rows = fitting < 1 ? 1 : fitting > ROWS_BATCH_MAX ? ROWS_BATCH_MAX : fitting;
}

void cli_row_reader_init(cli_row_reader *reader, const cli_call *call)
{
    *reader = (cli_row_reader){.call = call, .source.fd = -1};
    reader->began_ns = reader->shown_ns = mw_clock_ns();
    mw_arena_init(&reader->kept, ARENA_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_arena_init(&reader->rows, ARENA_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
}

void cli_row_reader_done(cli_row_reader *reader)
{
    cli_row_reader_clear(reader);
    cli_source_close(&reader->source);
    mw_arena_done(&reader->rows);
    mw_arena_done(&reader->kept);
}
