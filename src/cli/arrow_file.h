/* Rows as an Arrow IPC file (Feather V2): pyarrow, pandas, polars and DuckDB read it, with types.
 *
 *     cell of each column ... end of row --> a batch --> bytes at the end of `out`
 *
 * Columns of texts, whole numbers, numbers of 64 bits and moments of UTC; each may be null.
 * Source: Apache Arrow columnar format 1.5 (docs: Columnar.rst; format/Schema.fbs, Message.fbs,
 * File.fbs), metadata V5. Not done here: dictionaries, compression, nesting. */
#ifndef CLI_ARROW_FILE_H
#define CLI_ARROW_FILE_H

#include "base/base.h"

typedef enum arrow_kind { ARROW_TEXT, ARROW_INT64, ARROW_DOUBLE, ARROW_MOMENT_MS } arrow_kind;

typedef struct arrow_column {
    const char *name; /* UTF-8; borrowed until the end */
    arrow_kind kind;
    mw_buf valid, ends, values; /* of the batch; ends: of texts */
    size_t n_null;
} arrow_column;

typedef struct arrow_file {
    mw_buf *out; /* borrowed; the caller empties it whenever he likes */
    arrow_column *columns;
    size_t n_columns;
    size_t n_rows;  /* of the batch */
    uint64_t at;    /* bytes of the file before those that stand in `out` */
    mw_buf blocks;  /* of the batches that were written: what the footer tells */
    mw_buf scratch; /* a message's metadata */
    bool failed;    /* memory is gone, or a cap is reached */
} arrow_file;

/* The head of the file. `columns`: names and kinds set, all else 0; borrowed until the end. */
void arrow_file_begin(arrow_file *file, arrow_column *columns, size_t n_columns, mw_buf *out);
/* The cells of a row, each column once, by its kind. */
void arrow_put_text(arrow_column *column, mw_view text);
void arrow_put_int(arrow_column *column, int64_t value); /* ARROW_INT64, ARROW_MOMENT_MS */
void arrow_put_double(arrow_column *column, double value);
void arrow_put_null(arrow_column *column);
/* The row is whole; a batch that is large enough is written. */
void arrow_file_row(arrow_file *file);
/* The last batch, and the footer. */
void arrow_file_end(arrow_file *file);
/* Frees what it holds, not the columns themselves. */
void arrow_file_done(arrow_file *file);

#endif
