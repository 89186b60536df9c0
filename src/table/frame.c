/* CSV whose columns nobody described.
 *
 *     text --first reading--> numbers by column, and which columns hold texts
 *          --second reading--> these as codes of words, which two frames may share
 *
 * Twice, because a column is known to be text only when its first text comes; to keep each cell's
 * place until then would take twice the memory of the numbers. */
#include "table.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { FIRST_ROWS = 256, BLOCK_BYTES = 64 * 1024, NAME_BYTES = 48 };

/* ---- lines ----------------------------------------------------------------------------------- */

typedef struct line_reader {
    mw_view text;
    uint64_t line;
    size_t n_columns;
    char separator;
    mw_arena memory; /* of one line */
    mw_view *fields;
    size_t n_fields;
} line_reader;

static void begin_lines(line_reader *lines, const mw_frame *frame)
{
    *lines = (line_reader){.text = frame->rows,
                           .line = 2,
                           .n_columns = frame->n_columns,
                           .separator = frame->separator};
    mw_arena_init(&lines->memory, BLOCK_BYTES, MW_LIMIT_STUDY_BYTES);
}

static mw_status fail_length(const line_reader *lines, mw_error *err)
{
    mw_fail(err, MW_E_TABLE_COUNT, "%zu values, the header has %zu columns", lines->n_fields,
            lines->n_columns);
    mw_at(err, "line %llu", (unsigned long long)lines->line - 1);
    return mw_mend(err, "give each row a value for each column; an empty one is missing");
}

/* The next line that is not empty; *ret_more is false at the end. */
static mw_status next_line(line_reader *lines, bool *ret_more, mw_error *err)
{
    *ret_more = false;
    while (lines->text.size > 0) {
        size_t used;
        mw_arena_reset(&lines->memory);
        MW_TRY(mw_csv_read_fields(lines->text, lines->separator, lines->line++, lines->n_columns,
                                  &lines->memory, &lines->fields, &lines->n_fields, &used, err));
        lines->text = (mw_view){lines->text.data + used, lines->text.size - used};
        if (lines->n_fields == 1 && lines->fields[0].size == 0 && lines->n_columns > 1)
            continue;
        *ret_more = true;
        return lines->n_fields == lines->n_columns ? MW_OK : fail_length(lines, err);
    }
    return MW_OK;
}

/* ---- header ---------------------------------------------------------------------------------- */

static mw_status fail_header(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_TABLE_HEADER, "%s", what);
    return mw_mend(err, "put a header line with the names of the columns first");
}

static bool all_numbers(const mw_view *names, size_t n)
{
    double number;
    for (size_t i = 0; i < n; i++)
        if (!mw_number_parse(names[i].data, names[i].size, &number))
            return false;
    return true;
}

static mw_status name_column(mw_frame *frame, size_t c, mw_view name, mw_error *err)
{
    char made[NAME_BYTES];
    if (name.size == 0)
        name = (mw_view){made, (size_t)snprintf(made, sizeof made, "Unnamed: %zu", c)};
    const char *kept = mw_arena_text(&frame->memory, name);
    if (!kept)
        return mw_fail_memory(err, "the header");
    frame->columns[c].name = (mw_view){kept, name.size};
    return MW_OK;
}

static int by_name(const void *a, const void *b)
{
    return mw_view_order(*(const mw_view *)a, *(const mw_view *)b);
}

static mw_status check_names(mw_frame *frame, mw_error *err)
{
    mw_view *names = mw_arena_take_zeroed(&frame->memory, frame->n_columns, sizeof *names);
    if (!names)
        return mw_fail_memory(err, "the header");
    for (size_t c = 0; c < frame->n_columns; c++)
        names[c] = frame->columns[c].name;
    qsort(names, frame->n_columns, sizeof *names, by_name);
    for (size_t c = 1; c < frame->n_columns; c++)
        if (mw_view_equal(names[c], names[c - 1])) {
            mw_fail(err, MW_E_TABLE_NAME_TWICE, "two columns are called '%.*s'",
                    MW_VIEW_ARG(names[c]));
            return mw_mend(err, "give each column a name of its own");
        }
    return MW_OK;
}

static mw_status read_header(mw_frame *frame, mw_view text, mw_error *err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    mw_view *names;
    size_t n, used;
    if (mw_view_starts(text, byte_order_mark))
        text = (mw_view){text.data + 3, text.size - 3};
    if (text.size == 0)
        return fail_header("no header line: the text is empty", err);
    frame->separator = mw_csv_separator(text);
    MW_TRY(
        mw_csv_read_fields(text, frame->separator, 1, 0, &frame->memory, &names, &n, &used, err));
    if (all_numbers(names, n))
        return fail_header("the first line holds numbers, not the names of columns", err);
    frame->columns = calloc(n, sizeof *frame->columns);
    if (!frame->columns)
        return mw_fail_memory(err, "the columns");
    frame->n_columns = n;
    frame->rows = (mw_view){text.data + used, text.size - used};
    for (size_t c = 0; c < n; c++)
        MW_TRY(name_column(frame, c, names[c], err));
    return check_names(frame, err);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static mw_status make_room(mw_frame *frame, mw_error *err)
{
    size_t wanted = frame->capacity ? 2 * frame->capacity : FIRST_ROWS;
    if (wanted > MW_LIMIT_STUDY_BYTES / sizeof(double) / frame->n_columns) {
        mw_fail_memory(err, "the rows");
        return mw_mend(err, "give fewer rows or columns: they are held in memory, up to %zu MiB",
                       MW_LIMIT_STUDY_BYTES / MW_MIB);
    }
    for (size_t c = 0; c < frame->n_columns; c++) {
        double *values = realloc(frame->columns[c].values, wanted * sizeof *values);
        if (!values)
            return mw_fail_memory(err, "the rows");
        frame->columns[c].values = values;
    }
    frame->capacity = wanted;
    return MW_OK;
}

static void put_number(mw_frame_column *column, size_t row, mw_view field)
{
    double value = (double)NAN;
    if (!mw_number_parse(field.data, field.size, &value) && !mw_text_is_missing(field))
        column->is_text = true;
    column->values[row] = value;
}

static mw_status read_numbers(mw_frame *frame, line_reader *lines, mw_error *err)
{
    for (bool more;;) {
        MW_TRY(next_line(lines, &more, err));
        if (!more)
            return MW_OK;
        if (frame->n_rows == frame->capacity)
            MW_TRY(make_room(frame, err));
        for (size_t c = 0; c < frame->n_columns; c++)
            if (!frame->columns[c].is_text)
                put_number(&frame->columns[c], frame->n_rows, lines->fields[c]);
        frame->n_rows++;
    }
}

mw_status mw_frame_read(mw_view text, mw_frame *frame, mw_error *err)
{
    line_reader lines;
    *frame = (mw_frame){0};
    mw_arena_init(&frame->memory, BLOCK_BYTES, MW_LIMIT_STUDY_BYTES);
    MW_TRY(read_header(frame, text, err));
    begin_lines(&lines, frame);
    mw_status status = read_numbers(frame, &lines, err);
    mw_arena_done(&lines.memory);
    return status;
}

static mw_status put_code(mw_frame_column *column, size_t row, mw_view field, mw_words *words,
                          mw_error *err)
{
    size_t code;
    column->values[row] = (double)NAN;
    if (mw_text_is_missing(field))
        return MW_OK;
    MW_TRY(mw_words_code(words, field, &code, err));
    column->values[row] = (double)code;
    return MW_OK;
}

mw_status mw_frame_code(mw_frame *frame, mw_words *const *words, mw_error *err)
{
    line_reader lines;
    mw_status status = MW_OK;
    begin_lines(&lines, frame);
    for (size_t row = 0; status == MW_OK && row < frame->n_rows; row++) {
        bool more;
        status = next_line(&lines, &more, err);
        for (size_t c = 0; status == MW_OK && c < frame->n_columns; c++)
            if (words[c])
                status = put_code(&frame->columns[c], row, lines.fields[c], words[c], err);
    }
    mw_arena_done(&lines.memory);
    return status;
}

ptrdiff_t mw_frame_find(const mw_frame *frame, mw_view name)
{
    for (size_t c = 0; c < frame->n_columns; c++)
        if (mw_view_equal(frame->columns[c].name, name))
            return (ptrdiff_t)c;
    return -1;
}

void mw_frame_done(mw_frame *frame)
{
    for (size_t c = 0; c < frame->n_columns; c++)
        free(frame->columns[c].values);
    free(frame->columns);
    mw_arena_done(&frame->memory);
}
