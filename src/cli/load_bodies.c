/* Rows of a CSV file become requests. */
#include "load_bodies.h"

#include <math.h>

#include "table/table.h"

enum { REQUESTS_MAX = 4096, ROWS_READ_MAX = 200000 };
#define FILE_BYTES_MAX (256 * MW_MIB)
#define ARENA_BYTES_MAX (2 * MW_GIB)
#define BODIES_BYTES_MAX (256 * MW_MIB)
#define BODY_BYTES_MAX (64 * MW_MIB)

typedef struct load_table {
    mw_view *names;
    size_t n_columns, n_rows;
    char separator;
    mw_view *cells; /* (n_rows, n_columns) */
    bool *is_text;  /* of each column */
} load_table;

/* ---- reading --------------------------------------------------------------------------------- */

static mw_status fail_rows(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_LOAD_ROWS, "%s", what);
    return mw_mend(err, "give a CSV file with a header line and enough rows");
}

static mw_status read_rows(load_table *table, mw_view text, size_t capacity, mw_arena *arena,
                           mw_error *err)
{
    while (text.size > 0 && table->n_rows < capacity) {
        mw_view *fields;
        size_t n_fields, used;
        MW_TRY(mw_csv_read_fields(text, table->separator, table->n_rows + 2, table->n_columns,
                                  arena, &fields, &n_fields, &used, err));
        text = (mw_view){text.data + used, text.size - used};
        if (n_fields == 1 && fields[0].size == 0 && table->n_columns > 1)
            continue; /* an empty line */
        if (n_fields != table->n_columns) {
            fail_rows("a line with another number of fields than the header", err);
            return mw_at(err, "row %zu", table->n_rows + 1);
        }
        memcpy(table->cells + table->n_rows * table->n_columns, fields, n_fields * sizeof *fields);
        table->n_rows++;
    }
    return MW_OK;
}

static bool is_number(mw_view cell)
{
    double value;
    return mw_number_parse(cell.data, cell.size, &value);
}

static void find_text_columns(load_table *table)
{
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
        if (!mw_text_is_missing(table->cells[i]) && !is_number(table->cells[i]))
            table->is_text[i % table->n_columns] = true;
}

static mw_status read_table(load_table *table, mw_view text, size_t rows_max, mw_arena *arena,
                            mw_error *err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    size_t used;
    if (mw_view_starts(text, byte_order_mark))
        text = (mw_view){text.data + 3, text.size - 3};
    table->separator = mw_csv_separator(text);
    MW_TRY(mw_csv_read_fields(text, table->separator, 1, 0, arena, &table->names, &table->n_columns,
                              &used, err));
    text = (mw_view){text.data + used, text.size - used};
    size_t n_lines = 1;
    for (size_t i = 0; i < text.size; i++)
        n_lines += text.data[i] == '\n' || text.data[i] == '\r';
    if (n_lines > rows_max)
        n_lines = rows_max;
    table->cells = mw_arena_take_zeroed(arena, n_lines * table->n_columns, sizeof *table->cells);
    table->is_text = mw_arena_take_zeroed(arena, table->n_columns, sizeof *table->is_text);
    if (!table->cells || !table->is_text)
        return mw_fail_memory(err, "the rows");
    MW_TRY(read_rows(table, text, n_lines, arena, err));
    find_text_columns(table);
    return MW_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static mw_view cell_of(const load_table *table, size_t row, size_t column)
{
    return table->cells[row * table->n_columns + column];
}

static double number_of(mw_view cell)
{
    double value;
    return mw_number_parse(cell.data, cell.size, &value) ? value : NAN;
}

static mw_view column_name(const void *source, size_t column)
{
    return ((const load_table *)source)->names[column];
}

static bool is_text(const void *source, size_t column)
{
    return ((const load_table *)source)->is_text[column];
}

/* A missing text is null, too; in tensors, which have no null, it is empty. */
static void write_cell(const void *source, size_t row, size_t column, bool in_tensor, mw_buf *out)
{
    const load_table *table = source;
    mw_view cell = cell_of(table, row, column);
    double number = number_of(cell);
    if (mw_text_is_missing(cell))
        mw_buf_text(out, !in_tensor ? "null" : table->is_text[column] ? "\"\"" : "NaN");
    else if (!table->is_text[column] && isfinite(number))
        mw_json_write_double(out, number);
    else
        mw_json_write_text(out, cell);
}

static double number_at(const void *source, size_t row, size_t column)
{
    return number_of(cell_of(source, row, column));
}

static mw_status write_request(cli_load_bodies *bodies, const mw_dial *server, mw_view body,
                               size_t json_bytes, mw_buf *out, mw_error *err)
{
    bool is_binary = json_bytes < body.size;
    mw_buf_reset(out);
    mw_buf_format(out, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: %s\r\n", bodies->path,
                  mw_dial_authority(server), mw_dial_headers(server),
                  is_binary ? "application/octet-stream" : "application/json");
    if (is_binary)
        mw_buf_format(out, "Inference-Header-Content-Length: %zu\r\n", json_bytes);
    mw_buf_format(out, "Content-Length: %zu\r\n\r\n", body.size);
    mw_buf_view(out, body);
    char *kept = out->failed ? NULL : mw_arena_text(&bodies->arena, mw_buf_as_view(out));
    if (!kept)
        return mw_fail_memory(err, "the requests");
    bodies->requests[bodies->n_requests++] = (mw_view){kept, out->size};
    return MW_OK;
}

static mw_status write_requests(cli_load_bodies *bodies, const load_table *table,
                                cli_body_form form, const mw_dial *server, mw_error *err)
{
    const cli_rows rows = {.source = table,
                           .n_columns = table->n_columns,
                           .name = column_name,
                           .is_text = is_text,
                           .write_cell = write_cell,
                           .number = number_at};
    size_t count = table->n_rows / bodies->rows_each, total = 0;
    if (count == 0)
        return fail_rows("fewer rows than one request takes", err);
    if (count > REQUESTS_MAX)
        count = REQUESTS_MAX;
    bodies->requests = mw_arena_take_zeroed(&bodies->arena, count, sizeof *bodies->requests);
    if (!bodies->requests)
        return mw_fail_memory(err, "the requests");
    mw_buf body, request;
    mw_buf_init(&body, BODY_BYTES_MAX);
    mw_buf_init(&request, BODY_BYTES_MAX + MW_LIMIT_HEAD_BYTES);
    mw_status status = MW_OK;
    for (size_t i = 0; i < count && status == MW_OK && total < BODIES_BYTES_MAX; i++) {
        mw_buf_reset(&body);
        size_t json_bytes =
            cli_body_write(form, &rows, i * bodies->rows_each, bodies->rows_each, &body);
        status = body.failed ? mw_fail_memory(err, "a body")
                             : write_request(bodies, server, mw_buf_as_view(&body), json_bytes,
                                             &request, err);
        total += body.size;
        bodies->body_bytes = bodies->body_bytes ? bodies->body_bytes : body.size;
    }
    mw_buf_done(&body);
    mw_buf_done(&request);
    bodies->n_rows = bodies->n_requests * bodies->rows_each;
    return status;
}

/* ---- make ------------------------------------------------------------------------------------ */

static void write_path(cli_load_bodies *bodies, const char *endpoint, cli_body_form form)
{
    mw_buf path;
    mw_buf_init(&path, sizeof bodies->path);
    if (endpoint)
        cli_body_path(form, endpoint, &path);
    else
        mw_buf_text(&path, "/invocations");
    snprintf(bodies->path, sizeof bodies->path, "%s", path.data);
    mw_buf_done(&path);
}

mw_status cli_load_bodies_make(cli_load_bodies *bodies, const char *path, const char *endpoint,
                               cli_body_form form, size_t rows_each, const mw_dial *server,
                               mw_error *err)
{
    mw_file file;
    load_table table = {0};
    mw_arena_init(&bodies->arena, MW_MIB, ARENA_BYTES_MAX);
    bodies->rows_each = rows_each;
    write_path(bodies, endpoint, form);
    MW_TRY(mw_file_read(path, FILE_BYTES_MAX, &file, err));
    size_t rows_max =
        rows_each < ROWS_READ_MAX / REQUESTS_MAX ? rows_each * REQUESTS_MAX : ROWS_READ_MAX;
    mw_status status =
        read_table(&table, (mw_view){file.data, file.size}, rows_max, &bodies->arena, err);
    if (status == MW_OK)
        status = write_requests(bodies, &table, form, server, err);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}

void cli_load_bodies_done(cli_load_bodies *bodies)
{
    mw_arena_done(&bodies->arena);
}
