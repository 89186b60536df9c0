/* Shapes as bytes and back, and rows in them.
 *
 *     a record of rows, as it lies in a block:
 *       size 4 | time ms 8 | first row 4 | rows 4 | id size 2 | flags 1 | 0 | id | inputs | outputs
 *                                                                              | contributions
 *     inputs: row by row, the columns that are kept; 8 bytes each, or 4 where all are float32
 *     contributions: where the flag says so; row by row those of columns that are not private, then
 *       the bias; 4 bytes each; NaN in a row that has none
 */
#ifndef JOURNAL_SHAPE_H
#define JOURNAL_SHAPE_H

#include "journal.h"

enum { JOURNAL_RECORD_HEAD_BYTES = 24, JOURNAL_FLOAT32 = 1, JOURNAL_EXPLAINED = 2 };

/* What is private, and the key of hashes. */
typedef struct journal_privacy {
    const char *hashed, *dropped;
    unsigned char key[16];
} journal_privacy;

/* Everything in one block of memory: free() it. NULL when memory is gone, or the model has more
 * columns than are logged. */
mw_log_shape *journal_shape_make(const mw_journal_entry *entry, uint32_t number,
                                 const journal_privacy *privacy);
void journal_shape_write(const mw_log_shape *shape, mw_buf *out);
/* Into the arena. Fails: MW_BAD_DATA. */
MW_CHECKED mw_status journal_shape_read(mw_view bytes, mw_arena *arena, mw_log_shape *ret_shape,
                                        mw_error *err);

/* Rows as they lie in the queue. */
typedef struct journal_rows {
    int64_t time_ms;
    uint32_t first_row, n_rows;
    mw_view id;
    const double *inputs, *outputs; /* (n_rows, n_columns), (n_rows, n_outputs) */
    const double *contributions;    /* (n_rows, n_columns + 1); NULL: none */
} journal_rows;

/* What stands for a private value. */
double journal_hash_value(double value, const journal_privacy *privacy);
void journal_rows_write(const mw_log_shape *shape, const journal_privacy *privacy,
                        const journal_rows *rows, mw_buf *out);

/* Of a row: inputs, outputs, contributions and bias. */
static inline size_t journal_row_values(const mw_log_shape *shape)
{
    return 2 * shape->n_columns + shape->n_outputs + 1;
}

/* A record in a block, checked against its shape. */
typedef struct journal_record {
    int64_t time_ms;
    uint32_t first_row, n_rows;
    mw_view id;
    bool is_float32;
    const char *inputs, *outputs; /* not aligned */
    const char *contributions;    /* the same; NULL: none */
} journal_record;

/* The next record of *text; false at the end, and when what stands there is none (*text is then not
 * empty). */
bool journal_record_next(mw_view *text, const mw_log_shape *shape, journal_record *ret_record);
/* Row `row` of it (from 0) as doubles. */
void journal_record_row(const journal_record *record, const mw_log_shape *shape, uint32_t row,
                        double *ret_inputs, double *ret_outputs);
/* Its contributions, n_columns and the bias: ret_values; NULL: it has none. */
const double *journal_record_contributions(const journal_record *record, const mw_log_shape *shape,
                                           uint32_t row, double *ret_values);

#endif
