/* See arrow_file.h.
 *
 *     ARROW1 00 00
 *     message: FFFFFFFF, size, metadata (flatbuffer), body        schema; then a batch each
 *     FFFFFFFF 00000000                                           the end of a stream
 *     footer (flatbuffer: schema again, where each batch stands), size, ARROW1
 *
 * A flatbuffer is written forwards: a table with room for its offsets, which are filled in when
 * what they lead to is written; so all of them lead onwards, as they must. */
#include "arrow_file.h"

#include "base/banned.h"

enum {
    ALIGNED = 8,
    BATCH_ROWS = 8192,
    BATCH_CELLS = 1 << 20,
    BATCH_BYTES = 16 << 20, /* of values, from where a batch is written */
    FIELDS_MAX = 7,
    VERSION = 4, /* MetadataVersion.V5 */
    HEAD_SCHEMA = 1,
    HEAD_BATCH = 3
};

static const char magic[8] = "ARROW1";

/* ---- flatbuffers ----------------------------------------------------------------------------- */

static void put(mw_buf *out, uint64_t value, size_t bytes)
{
    mw_buf_bytes(out, &value, bytes); /* little-endian, as this machine is (base) */
}

static void align(mw_buf *out, size_t to, size_t ahead)
{
    while (!out->failed && (out->size + ahead) % to != 0)
        mw_buf_char(out, '\0');
}

/* What stands at `at` leads to here. */
static void lead_here(mw_buf *out, size_t at)
{
    if (out->failed)
        return;
    uint32_t offset = (uint32_t)(out->size - at);
    memcpy(out->data + at, &offset, sizeof offset);
}

static void set(mw_buf *out, size_t at, uint64_t value, size_t bytes)
{
    if (!out->failed)
        memcpy(out->data + at, &value, bytes);
}

/* A table whose fields have these sizes, 0: left out. `from`: what leads to it. */
static void put_table(mw_buf *out, size_t from, const uint8_t *sizes, size_t n, size_t *ret_at)
{
    size_t offsets[FIELDS_MAX], size = 4;
    for (size_t i = 0; i < n; i++) {
        size_t each = sizes[i] ? sizes[i] : 1;
        size = (size + each - 1) / each * each;
        offsets[i] = sizes[i] ? size : 0;
        size += sizes[i];
    }
    align(out, ALIGNED, 4 + 2 * n);
    size_t vtable = out->size;
    put(out, 4 + 2 * n, 2);
    put(out, size, 2);
    for (size_t i = 0; i < n; i++)
        put(out, offsets[i], 2);
    lead_here(out, from);
    size_t table = out->size;
    put(out, table - vtable, 4);
    for (size_t i = 4; i < size; i++)
        mw_buf_char(out, '\0');
    for (size_t i = 0; i < n; i++)
        ret_at[i] = table + offsets[i];
}

static void put_string(mw_buf *out, size_t from, mw_view text)
{
    align(out, 4, 0);
    lead_here(out, from);
    put(out, text.size, 4);
    mw_buf_view(out, text);
    mw_buf_char(out, '\0');
}

/* The head of a vector whose elements begin at a multiple of 8. */
static void put_vector(mw_buf *out, size_t from, size_t n)
{
    align(out, ALIGNED, 4);
    lead_here(out, from);
    put(out, n, 4);
}

/* ---- metadata -------------------------------------------------------------------------------- */

static void put_type(mw_buf *out, size_t type_at, size_t from, arrow_kind kind)
{
    static const uint8_t types[] = {5, 2, 3, 10}; /* Utf8, Int, FloatingPoint, Timestamp */
    static const uint8_t none[1], of_int[] = {4, 1}, of_double[] = {2}, of_moment[] = {2, 4};
    size_t at[FIELDS_MAX];
    set(out, type_at, types[kind], 1);
    switch (kind) {
    case ARROW_TEXT:
        put_table(out, from, none, 0, at);
        break;
    case ARROW_INT64:
        put_table(out, from, of_int, 2, at);
        set(out, at[0], 64, 4);
        set(out, at[1], 1, 1); /* signed */
        break;
    case ARROW_DOUBLE:
        put_table(out, from, of_double, 1, at);
        set(out, at[0], 2, 2);
        break;
    case ARROW_MOMENT_MS:
        put_table(out, from, of_moment, 2, at);
        set(out, at[0], 1, 2);
        put_string(out, at[1], mw_view_of("UTC"));
        break;
    }
}

static void put_field(mw_buf *out, size_t from, const arrow_column *column)
{
    /* name, nullable, kind of type, type, dictionary, children */
    static const uint8_t sizes[] = {4, 1, 1, 4, 0, 4};
    size_t at[FIELDS_MAX];
    put_table(out, from, sizes, MW_COUNT(sizes), at);
    put_string(out, at[0], mw_view_of(column->name));
    set(out, at[1], 1, 1);
    put_type(out, at[2], at[3], column->kind);
    put_vector(out, at[5], 0);
}

static void put_schema(mw_buf *out, size_t from, const arrow_file *file)
{
    static const uint8_t sizes[] = {2, 4}; /* endianness: little, fields */
    size_t at[FIELDS_MAX];
    put_table(out, from, sizes, MW_COUNT(sizes), at);
    put_vector(out, at[1], file->n_columns);
    size_t first = out->size;
    for (size_t c = 0; c < file->n_columns; c++)
        put(out, 0, 4);
    for (size_t c = 0; c < file->n_columns; c++)
        put_field(out, first + 4 * c, &file->columns[c]);
}

/* Up to its header, which the caller writes behind it. Returns what leads there. */
static size_t begin_message(mw_buf *out, unsigned header, uint64_t body_bytes)
{
    static const uint8_t sizes[] = {2, 1, 4, 8}; /* version, kind of header, header, body */
    size_t at[FIELDS_MAX];
    mw_buf_reset(out);
    put(out, 0, 4);
    put_table(out, 0, sizes, MW_COUNT(sizes), at);
    set(out, at[0], VERSION, 2);
    set(out, at[1], header, 1);
    set(out, at[3], body_bytes, 8);
    return at[2];
}

static size_t padded(size_t bytes)
{
    return (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
}

/* Into the file. Returns the bytes that stand before the body. */
static size_t put_message(arrow_file *file)
{
    align(&file->scratch, ALIGNED, 0);
    put(file->out, UINT32_MAX, 4);
    put(file->out, file->scratch.size, 4);
    mw_buf_view(file->out, mw_buf_as_view(&file->scratch));
    return 8 + file->scratch.size;
}

/* ---- batches --------------------------------------------------------------------------------- */

static bool has_ends(const arrow_column *column)
{
    return column->kind == ARROW_TEXT;
}

static void init_column(arrow_column *column)
{
    mw_buf_init(&column->valid, BATCH_ROWS);
    mw_buf_init(&column->ends, (BATCH_ROWS + 2) * 4);
    mw_buf_init(&column->values, MW_GIB);
}

static void begin_column(arrow_column *column)
{
    mw_buf_reset(&column->valid);
    mw_buf_reset(&column->ends);
    mw_buf_reset(&column->values);
    column->n_null = 0;
    if (has_ends(column))
        put(&column->ends, 0, 4);
}

/* Where a column's buffer stands in the body; the validity of one without nulls is left out. */
static uint64_t put_place(mw_buf *out, uint64_t at, size_t bytes)
{
    put(out, at, 8);
    put(out, bytes, 8);
    return at + padded(bytes);
}

static size_t valid_bytes(const arrow_column *column)
{
    return column->n_null > 0 ? column->valid.size : 0;
}

static uint64_t put_places(mw_buf *out, const arrow_column *column, uint64_t at)
{
    at = put_place(out, at, valid_bytes(column));
    if (has_ends(column))
        at = put_place(out, at, column->ends.size);
    return put_place(out, at, column->values.size);
}

static uint64_t body_bytes(const arrow_file *file)
{
    uint64_t bytes = 0;
    for (size_t c = 0; c < file->n_columns; c++) {
        const arrow_column *column = &file->columns[c];
        bytes += padded(valid_bytes(column)) + padded(column->values.size);
        bytes += has_ends(column) ? padded(column->ends.size) : 0;
    }
    return bytes;
}

static void put_batch_head(const arrow_file *file, mw_buf *out, size_t from)
{
    static const uint8_t sizes[] = {8, 4, 4}; /* rows, a node each column, buffers */
    size_t at[FIELDS_MAX], n_buffers = 0;
    uint64_t place = 0;
    put_table(out, from, sizes, MW_COUNT(sizes), at);
    set(out, at[0], file->n_rows, 8);
    put_vector(out, at[1], file->n_columns);
    for (size_t c = 0; c < file->n_columns; c++) {
        put(out, file->n_rows, 8);
        put(out, file->columns[c].n_null, 8);
        n_buffers += has_ends(&file->columns[c]) ? 3 : 2;
    }
    put_vector(out, at[2], n_buffers);
    for (size_t c = 0; c < file->n_columns; c++)
        place = put_places(out, &file->columns[c], place);
}

static void put_buffer(mw_buf *out, const mw_buf *bytes, size_t size)
{
    mw_buf_bytes(out, bytes->data, size);
    for (size_t i = size; i < padded(size); i++)
        mw_buf_char(out, '\0');
}

static bool any_failed(const arrow_file *file)
{
    bool failed = file->out->failed || file->scratch.failed || file->blocks.failed;
    for (size_t c = 0; c < file->n_columns; c++) {
        const arrow_column *column = &file->columns[c];
        failed = failed || column->valid.failed || column->ends.failed || column->values.failed;
    }
    return failed;
}

static void write_batch(arrow_file *file)
{
    uint64_t body = body_bytes(file);
    put_batch_head(file, &file->scratch, begin_message(&file->scratch, HEAD_BATCH, body));
    file->failed = file->failed || any_failed(file);
    if (file->failed)
        return;
    put(&file->blocks, file->at, 8);
    size_t head = put_message(file);
    put(&file->blocks, head, 8);
    put(&file->blocks, body, 8);
    for (size_t c = 0; c < file->n_columns; c++) {
        const arrow_column *column = &file->columns[c];
        put_buffer(file->out, &column->valid, valid_bytes(column));
        if (has_ends(column))
            put_buffer(file->out, &column->ends, column->ends.size);
        put_buffer(file->out, &column->values, column->values.size);
    }
    file->at += head + body;
    file->failed = any_failed(file);
    for (size_t c = 0; c < file->n_columns; c++)
        begin_column(&file->columns[c]);
    file->n_rows = 0;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void note_valid(arrow_column *column, size_t row, bool is_valid)
{
    if (row % 8 == 0)
        mw_buf_char(&column->valid, '\0');
    if (is_valid && !column->valid.failed)
        column->valid.data[row / 8] = (char)(column->valid.data[row / 8] | 1 << row % 8);
    column->n_null += !is_valid;
}

/* Of the batch, how many cells the column has. */
static size_t n_cells(const arrow_column *column)
{
    return has_ends(column) ? column->ends.size / 4 - 1 : column->values.size / 8;
}

void arrow_put_text(arrow_column *column, mw_view text)
{
    note_valid(column, n_cells(column), true);
    mw_buf_view(&column->values, text);
    put(&column->ends, column->values.size, 4);
}

void arrow_put_int(arrow_column *column, int64_t value)
{
    note_valid(column, n_cells(column), true);
    put(&column->values, (uint64_t)value, 8);
}

void arrow_put_double(arrow_column *column, double value)
{
    note_valid(column, n_cells(column), true);
    mw_buf_bytes(&column->values, &value, sizeof value);
}

void arrow_put_null(arrow_column *column)
{
    note_valid(column, n_cells(column), false);
    if (has_ends(column))
        put(&column->ends, column->values.size, 4);
    else
        put(&column->values, 0, 8);
}

/* ---- the file -------------------------------------------------------------------------------- */

void arrow_file_begin(arrow_file *file, arrow_column *columns, size_t n_columns, mw_buf *out)
{
    *file = (arrow_file){.out = out, .columns = columns, .n_columns = n_columns};
    mw_buf_init(&file->blocks, 64 * MW_MIB);
    mw_buf_init(&file->scratch, 64 * MW_MIB);
    for (size_t c = 0; c < n_columns; c++) {
        init_column(&columns[c]);
        begin_column(&columns[c]);
    }
    mw_buf_bytes(out, magic, sizeof magic);
    put_schema(&file->scratch, begin_message(&file->scratch, HEAD_SCHEMA, 0), file);
    file->at = sizeof magic + put_message(file);
    file->failed = any_failed(file);
}

static bool is_full(const arrow_file *file)
{
    size_t bytes = 0;
    if (file->n_rows >= BATCH_ROWS || file->n_rows * file->n_columns >= BATCH_CELLS)
        return true;
    for (size_t c = 0; c < file->n_columns; c++)
        bytes += file->columns[c].values.size;
    return bytes >= BATCH_BYTES;
}

void arrow_file_row(arrow_file *file)
{
    file->n_rows++;
    if (is_full(file))
        write_batch(file);
}

/* The schema, and where the batches stand. */
static void put_footer(const arrow_file *file, mw_buf *out)
{
    static const uint8_t sizes[] = {2, 4, 4, 4}; /* version, schema, dictionaries, batches */
    size_t at[FIELDS_MAX];
    mw_buf_reset(out);
    put(out, 0, 4);
    put_table(out, 0, sizes, MW_COUNT(sizes), at);
    set(out, at[0], VERSION, 2);
    put_schema(out, at[1], file);
    put_vector(out, at[2], 0);
    put_vector(out, at[3], file->blocks.size / 24);
    mw_buf_view(out, mw_buf_as_view(&file->blocks));
}

void arrow_file_end(arrow_file *file)
{
    if (file->n_rows > 0)
        write_batch(file);
    put(file->out, UINT32_MAX, 8); /* no message more */
    put_footer(file, &file->scratch);
    mw_buf_view(file->out, mw_buf_as_view(&file->scratch));
    put(file->out, file->scratch.size, 4);
    mw_buf_bytes(file->out, magic, 6);
    file->failed = file->failed || any_failed(file);
}

void arrow_file_done(arrow_file *file)
{
    for (size_t c = 0; c < file->n_columns; c++) {
        mw_buf_done(&file->columns[c].valid);
        mw_buf_done(&file->columns[c].ends);
        mw_buf_done(&file->columns[c].values);
    }
    mw_buf_done(&file->blocks);
    mw_buf_done(&file->scratch);
}
