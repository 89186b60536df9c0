/* Bodies, piece by piece. */
#include "bodies.h"

/* [1,2,"basic"] or {"age":1,...} */
static void write_row(const cli_rows *rows, size_t row, bool as_object, mw_buf *out)
{
    mw_buf_char(out, as_object ? '{' : '[');
    for (size_t c = 0; c < rows->n_columns; c++) {
        mw_buf_text(out, c ? "," : "");
        if (as_object) {
            mw_json_write_text(out, rows->name(rows->source, c));
            mw_buf_char(out, ':');
        }
        rows->write_cell(rows->source, row, c, false, out);
    }
    mw_buf_char(out, as_object ? '}' : ']');
}

static void write_list(const cli_rows *rows, size_t row, size_t n_rows, bool as_objects,
                       mw_buf *out)
{
    mw_buf_char(out, '[');
    for (size_t i = 0; i < n_rows; i++) {
        mw_buf_text(out, i ? "," : "");
        write_row(rows, row + i, as_objects, out);
    }
    mw_buf_char(out, ']');
}

static void write_split(const cli_rows *rows, size_t row, size_t n_rows, mw_buf *out)
{
    mw_buf_text(out, "{\"dataframe_split\":{\"columns\":[");
    for (size_t c = 0; c < rows->n_columns; c++) {
        mw_buf_text(out, c ? "," : "");
        mw_json_write_text(out, rows->name(rows->source, c));
    }
    mw_buf_text(out, "],\"data\":");
    write_list(rows, row, n_rows, false, out);
    mw_buf_text(out, "}}");
}

static void write_tensor(const cli_rows *rows, size_t row, size_t n_rows, size_t column,
                         bool binary, mw_buf *out)
{
    bool is_text = rows->is_text(rows->source, column);
    mw_buf_text(out, column ? ",{\"name\":" : "{\"name\":");
    mw_json_write_text(out, rows->name(rows->source, column));
    mw_buf_format(out, ",\"shape\":[%zu],\"datatype\":\"%s\",", n_rows, is_text ? "BYTES" : "FP64");
    if (binary && !is_text) {
        mw_buf_format(out, "\"parameters\":{\"binary_data_size\":%zu}}", n_rows * sizeof(double));
        return;
    }
    mw_buf_text(out, "\"data\":[");
    for (size_t i = 0; i < n_rows; i++) {
        mw_buf_text(out, i ? "," : "");
        rows->write_cell(rows->source, row + i, column, true, out);
    }
    mw_buf_text(out, "]}");
}

/* Little-endian, as we run on. */
static void write_numbers(const cli_rows *rows, size_t row, size_t n_rows, mw_buf *out)
{
    for (size_t c = 0; c < rows->n_columns; c++)
        for (size_t i = 0; i < n_rows && !rows->is_text(rows->source, c); i++) {
            double value = rows->number(rows->source, row + i, c);
            mw_buf_bytes(out, &value, sizeof value);
        }
}

static size_t write_tensors(const cli_rows *rows, size_t row, size_t n_rows, bool binary,
                            mw_buf *out)
{
    mw_buf_text(out, "{\"inputs\":[");
    for (size_t c = 0; c < rows->n_columns; c++)
        write_tensor(rows, row, n_rows, c, binary, out);
    mw_buf_text(out, binary ? "],\"parameters\":{\"binary_data_output\":true}}" : "]}");
    size_t json_bytes = out->size;
    if (binary)
        write_numbers(rows, row, n_rows, out);
    return json_bytes;
}

size_t cli_body_write(cli_body_form form, const cli_rows *rows, size_t row, size_t n_rows,
                      mw_buf *out)
{
    size_t before = out->size;
    switch (form) {
    case CLI_BODY_SPLIT:
    case CLI_BODY_N_FORMS:
        write_split(rows, row, n_rows, out);
        break;
    case CLI_BODY_TENSORS:
    case CLI_BODY_BINARY:
        return write_tensors(rows, row, n_rows, form == CLI_BODY_BINARY, out) - before;
    case CLI_BODY_RECORDS:
    case CLI_BODY_OBJECTS:
    case CLI_BODY_ARRAYS:
        mw_buf_format(out,
                      "{\"%s\":", form == CLI_BODY_RECORDS ? "dataframe_records" : "instances");
        write_list(rows, row, n_rows, form != CLI_BODY_ARRAYS, out);
        mw_buf_char(out, '}');
        break;
    }
    return out->size - before;
}

void cli_body_path(cli_body_form form, const char *endpoint, mw_buf *out)
{
    static const struct {
        const char *before, *behind;
    } paths[CLI_BODY_N_FORMS] = {
        [CLI_BODY_SPLIT] = {"/endpoints/", "/invocations"},
        [CLI_BODY_RECORDS] = {"/endpoints/", "/invocations"},
        [CLI_BODY_TENSORS] = {"/v2/models/", "/infer"},
        [CLI_BODY_BINARY] = {"/v2/models/", "/infer"},
        [CLI_BODY_OBJECTS] = {"/v1/models/", ":predict"},
        [CLI_BODY_ARRAYS] = {"/v1/models/", ":predict"},
    };
    mw_buf_format(out, "%s%s%s", paths[form].before, endpoint, paths[form].behind);
}
