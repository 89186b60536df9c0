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
        MW_TRY(mw_csv_read_fields(text, table->n_rows + 2, table->n_columns, arena, &fields,
                                  &n_fields, &used, err));
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
    MW_TRY(mw_csv_read_fields(text, 1, 0, arena, &table->names, &table->n_columns, &used, err));
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

/* A missing text is null, too; in tensors, which have no null, it is empty. */
static void write_cell(const load_table *table, size_t row, size_t column, bool in_tensor,
                       mw_buf *out)
{
    mw_view cell = cell_of(table, row, column);
    double number = number_of(cell);
    if (mw_text_is_missing(cell))
        mw_buf_text(out, !in_tensor ? "null" : table->is_text[column] ? "\"\"" : "NaN");
    else if (!table->is_text[column] && isfinite(number))
        mw_json_write_double(out, number);
    else
        mw_json_write_text(out, cell);
}

static void write_names(const load_table *table, mw_buf *out)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        mw_buf_char(out, c ? ',' : '[');
        mw_json_write_text(out, table->names[c]);
    }
    mw_buf_char(out, ']');
}

static void write_invocations(const load_table *table, size_t row, size_t n_rows, mw_buf *out)
{
    mw_buf_text(out, "{\"dataframe_split\":{\"columns\":");
    write_names(table, out);
    mw_buf_text(out, ",\"data\":[");
    for (size_t r = row; r < row + n_rows; r++) {
        mw_buf_text(out, r > row ? ",[" : "[");
        for (size_t c = 0; c < table->n_columns; c++) {
            mw_buf_text(out, c ? "," : "");
            write_cell(table, r, c, false, out);
        }
        mw_buf_char(out, ']');
    }
    mw_buf_text(out, "]}}");
}

static void write_kserve(const load_table *table, size_t row, size_t n_rows, mw_buf *out)
{
    mw_buf_text(out, "{\"instances\":[");
    for (size_t r = row; r < row + n_rows; r++) {
        mw_buf_text(out, r > row ? ",{" : "{");
        for (size_t c = 0; c < table->n_columns; c++) {
            mw_buf_text(out, c ? "," : "");
            mw_json_write_text(out, table->names[c]);
            mw_buf_char(out, ':');
            write_cell(table, r, c, false, out);
        }
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}");
}

/* One tensor a column. Texts are the JSON part's even where numbers are binary. */
static void write_tensor(const load_table *table, size_t row, size_t n_rows, size_t column,
                         bool binary, mw_buf *out)
{
    bool is_text = table->is_text[column];
    mw_buf_text(out, column ? ",{\"name\":" : "{\"name\":");
    mw_json_write_text(out, table->names[column]);
    mw_buf_format(out, ",\"shape\":[%zu],\"datatype\":\"%s\",", n_rows, is_text ? "BYTES" : "FP64");
    if (binary && !is_text) {
        mw_buf_format(out, "\"parameters\":{\"binary_data_size\":%zu}}", n_rows * sizeof(double));
        return;
    }
    mw_buf_text(out, "\"data\":[");
    for (size_t r = row; r < row + n_rows; r++) {
        mw_buf_text(out, r > row ? "," : "");
        write_cell(table, r, column, true, out);
    }
    mw_buf_text(out, "]}");
}

/* *ret_json_bytes: of the part before the binary tensors. */
static void write_oip(const load_table *table, size_t row, size_t n_rows, bool binary,
                      size_t *ret_json_bytes, mw_buf *out)
{
    mw_buf_text(out, "{\"inputs\":[");
    for (size_t c = 0; c < table->n_columns; c++)
        write_tensor(table, row, n_rows, c, binary, out);
    mw_buf_text(out, binary ? "],\"parameters\":{\"binary_data_output\":true}}" : "]}");
    *ret_json_bytes = out->size;
    for (size_t c = 0; binary && c < table->n_columns; c++)
        for (size_t r = row; r < row + n_rows && !table->is_text[c]; r++) {
            double value = number_of(cell_of(table, r, c)); /* little-endian, as we run on */
            mw_buf_view(out, (mw_view){(const char *)&value, sizeof value});
        }
}

static void write_body(const load_table *table, size_t row, size_t n_rows,
                       cli_load_protocol protocol, size_t *ret_json_bytes, mw_buf *out)
{
    *ret_json_bytes = 0;
    switch (protocol) {
    case CLI_LOAD_INVOCATIONS:
        write_invocations(table, row, n_rows, out);
        return;
    case CLI_LOAD_KSERVE:
        write_kserve(table, row, n_rows, out);
        return;
    case CLI_LOAD_OIP:
    case CLI_LOAD_OIP_BINARY:
        write_oip(table, row, n_rows, protocol == CLI_LOAD_OIP_BINARY, ret_json_bytes, out);
        return;
    }
}

static mw_status write_request(cli_load_bodies *bodies, const char *server, mw_view body,
                               size_t json_bytes, mw_buf *out, mw_error *err)
{
    mw_buf_reset(out);
    mw_buf_format(out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n", bodies->path, server,
                  json_bytes < body.size && json_bytes > 0 ? "application/octet-stream"
                                                           : "application/json");
    if (json_bytes > 0 && json_bytes < body.size)
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
                                cli_load_protocol protocol, const char *server, mw_error *err)
{
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
        size_t json_bytes;
        mw_buf_reset(&body);
        write_body(table, i * bodies->rows_each, bodies->rows_each, protocol, &json_bytes, &body);
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

static void write_path(cli_load_bodies *bodies, const char *endpoint, cli_load_protocol protocol)
{
    static const char *const forms[] = {
        [CLI_LOAD_INVOCATIONS] = "/endpoints/%s/invocations",
        [CLI_LOAD_OIP] = "/v2/models/%s/infer",
        [CLI_LOAD_OIP_BINARY] = "/v2/models/%s/infer",
        [CLI_LOAD_KSERVE] = "/v1/models/%s:predict",
    };
    const char *form = forms[protocol], *blank = strstr(form, "%s");
    if (endpoint)
        snprintf(bodies->path, sizeof bodies->path, "%.*s%s%s", (int)(blank - form), form, endpoint,
                 blank + 2);
    else
        snprintf(bodies->path, sizeof bodies->path, "/invocations");
}

mw_status cli_load_bodies_make(cli_load_bodies *bodies, const char *path, const char *endpoint,
                               cli_load_protocol protocol, size_t rows_each, const char *server,
                               mw_error *err)
{
    mw_file file;
    load_table table = {0};
    mw_arena_init(&bodies->arena, MW_MIB, ARENA_BYTES_MAX);
    bodies->rows_each = rows_each;
    write_path(bodies, endpoint, protocol);
    MW_TRY(mw_file_read(path, FILE_BYTES_MAX, &file, err));
    size_t rows_max =
        rows_each < ROWS_READ_MAX / REQUESTS_MAX ? rows_each * REQUESTS_MAX : ROWS_READ_MAX;
    mw_status status =
        read_table(&table, (mw_view){file.data, file.size}, rows_max, &bodies->arena, err);
    if (status == MW_OK)
        status = write_requests(bodies, &table, protocol, server, err);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}

void cli_load_bodies_done(cli_load_bodies *bodies)
{
    mw_arena_done(&bodies->arena);
}
