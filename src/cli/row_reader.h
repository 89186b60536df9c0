/* Rows of a file or a pipe, batch by batch: what predict and explain read alike.
 *
 *     source -> [csv | json lines] -> batch -> the command
 *
 * Memory is bounded by a piece of text and a batch, however long the file is. */
#ifndef CLI_ROW_READER_H
#define CLI_ROW_READER_H

#include "call.h"
#include "source.h"
#include "table/table.h"

typedef enum cli_row_format { CLI_ROWS_CSV, CLI_ROWS_JSON_LINES } cli_row_format;

typedef struct cli_row_reader {
    const cli_call *call;
    const mw_schema *schema;
    size_t max_rows; /* of a batch */
    cli_row_format format;
    cli_source source;
    mw_csv_reader csv;
    mw_view header; /* of CSV, as it was written; valid until the first batch */
    mw_arena kept;  /* the reader's mapping; the command may keep names here */
    mw_arena rows;  /* one batch; reset before the next one */
    size_t used;    /* bytes of the source that the last batch took */
    uint64_t n_rows, next_line;
    uint64_t began_ns, shown_ns;
    bool bar_shown;
} cli_row_reader;

/* The clock of progress starts here. */
void cli_row_reader_init(cli_row_reader *reader, const cli_call *call);
void cli_row_reader_done(cli_row_reader *reader);

/* Which file: the second argument, --input, or a pipe. */
MW_CHECKED mw_status cli_row_reader_find(const cli_row_reader *reader, const char **ret_path,
                                         mw_error *err);
/* How many rows a batch may have when each takes so many numbers: in, out, or between. */
void cli_row_reader_bound(cli_row_reader *reader, size_t row_values);
/* Open the file that was found, tell its format and read its header. */
MW_CHECKED mw_status cli_row_reader_open(cli_row_reader *reader, const char *path, mw_error *err);
/* The next batch; without rows when the file has ended. Valid until the next call. Shows progress;
 * MW1301 when a signal came. */
MW_CHECKED mw_status cli_row_reader_next(cli_row_reader *reader, mw_batch *ret_batch,
                                         mw_error *err);
/* With --verbose: rows, seconds, threads and the kernel's name, at the end. */
void cli_row_reader_note(cli_row_reader *reader, unsigned n_threads, const char *kernel);
/* Wipe the progress off the terminal. */
void cli_row_reader_clear(cli_row_reader *reader);

#endif
