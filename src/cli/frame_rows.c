/* Columns of a frame to features of a model; see frame_rows.h. */
#include "frame_rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

mw_status cli_frame_words(mw_frame *frame, mw_words **ret_words, mw_error *err)
{
    mw_words **wanted = calloc(frame->n_columns + 1, sizeof *wanted);
    *ret_words = calloc(frame->n_columns + 1, sizeof **ret_words);
    if (!*ret_words || !wanted) {
        free(wanted);
        return mw_fail_memory(err, "the columns");
    }
    for (size_t c = 0; c < frame->n_columns; c++) {
        mw_words_init(&(*ret_words)[c]);
        wanted[c] = frame->columns[c].is_text ? &(*ret_words)[c] : NULL;
    }
    mw_status status = mw_frame_code(frame, wanted, err);
    free(wanted);
    return status;
}

void cli_frame_words_done(const mw_frame *frame, mw_words *words)
{
    for (size_t c = 0; words && c < frame->n_columns; c++)
        mw_words_done(&words[c]);
    free(words);
}

/* A frame's column of each feature; SIZE_MAX: an optional one that is absent. */
static mw_status match(const mw_frame *frame, const mw_schema *schema, const bool *is_other,
                       mw_arena *arena, size_t *columns, mw_error *err)
{
    bool *present = mw_arena_take_zeroed(arena, schema->n_columns + 1, sizeof *present);
    mw_view *names = mw_arena_take(arena, (frame->n_columns + 1) * sizeof *names);
    size_t n = 0;
    if (!present || !names)
        return mw_fail_memory(err, "the features");
    for (size_t f = 0; f < schema->n_columns; f++)
        columns[f] = SIZE_MAX;
    for (size_t i = 0; i < frame->n_columns; i++) {
        names[i] = frame->columns[i].name;
        if (is_other && is_other[i])
            continue;
        ptrdiff_t f = schema->named           ? mw_schema_find(schema, names[i])
                      : n < schema->n_columns ? (ptrdiff_t)n++
                                              : -1;
        if (f < 0)
            continue;
        columns[f] = i;
        present[f] = true;
    }
    return mw_schema_check_present(schema, present, names, frame->n_columns, err);
}

static mw_status put_cell(const mw_frame *frame, const mw_words *words, const mw_schema *schema,
                          size_t row, size_t f, size_t column, mw_batch *batch, mw_error *err)
{
    double value = frame->columns[column].values[row];
    if (words[column].n_texts == 0)
        return mw_batch_put_number(batch, schema, row, f, value, err);
    return isnan(value)
               ? MW_OK
               : mw_batch_put_text(batch, schema, row, f, words[column].texts[(size_t)value], err);
}

mw_status cli_frame_rows(const mw_frame *frame, const mw_words *words, const mw_schema *schema,
                         const bool *is_other, mw_arena *arena, mw_batch *ret_batch, mw_error *err)
{
    size_t *columns = mw_arena_take(arena, (schema->n_columns + 1) * sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "the features");
    MW_TRY(match(frame, schema, is_other, arena, columns, err));
    MW_TRY(mw_batch_make(schema, frame->n_rows, arena, ret_batch, err));
    for (size_t f = 0; f < schema->n_columns; f++)
        for (size_t row = 0; row < frame->n_rows && columns[f] != SIZE_MAX; row++)
            MW_TRY(put_cell(frame, words, schema, row, f, columns[f], ret_batch, err));
    return MW_OK;
}
