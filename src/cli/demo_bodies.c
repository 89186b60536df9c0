/* Requests in each protocol, and what their answers must hold. */
#include "demo.h"
#include "sample.h"

#include <math.h>

static double cell(const demo_example *example, size_t row, size_t column)
{
    return example->rows.values[row * example->rows.n_columns + column];
}

/* [1,2,"basic"] or {"age":1,...} */
static void row_as_array(const demo_example *example, size_t row, mw_buf *out)
{
    const mw_schema *schema = &example->forest->schema;
    for (size_t c = 0; c < schema->n_columns; c++) {
        mw_buf_char(out, c ? ',' : '[');
        cli_write_cell(&schema->columns[c], cell(example, row, c), out);
    }
    mw_buf_char(out, ']');
}

static void row_as_object(const demo_example *example, size_t row, mw_buf *out)
{
    const mw_schema *schema = &example->forest->schema;
    for (size_t c = 0; c < schema->n_columns; c++) {
        mw_buf_char(out, c ? ',' : '{');
        mw_json_write_text(out, schema->columns[c].name);
        mw_buf_char(out, ':');
        cli_write_cell(&schema->columns[c], cell(example, row, c), out);
    }
    mw_buf_char(out, '}');
}

static void rows_as_list(const demo_example *example, size_t row, size_t n_rows, bool objects,
                         mw_buf *out)
{
    for (size_t i = 0; i < n_rows; i++) {
        mw_buf_char(out, i ? ',' : '[');
        if (objects)
            row_as_object(example, row + i, out);
        else
            row_as_array(example, row + i, out);
    }
    mw_buf_char(out, ']');
}

static void column_names(const mw_schema *schema, mw_buf *out)
{
    for (size_t c = 0; c < schema->n_columns; c++) {
        mw_buf_char(out, c ? ',' : '[');
        mw_json_write_text(out, schema->columns[c].name);
    }
    mw_buf_char(out, ']');
}

/* One tensor for each column, as clients that know the schema send it. */
static void tensors(const demo_example *example, size_t row, size_t n_rows, mw_buf *out)
{
    const mw_schema *schema = &example->forest->schema;
    mw_buf_text(out, "{\"inputs\":[");
    for (size_t c = 0; c < schema->n_columns; c++) {
        const mw_column *column = &schema->columns[c];
        bool is_text = column->type == MW_COLUMN_CATEGORY && column->categories;
        mw_buf_text(out, c ? ",{\"name\":" : "{\"name\":");
        mw_json_write_text(out, column->name);
        mw_buf_format(out, ",\"shape\":[%zu],\"datatype\":\"%s\",\"data\":[", n_rows,
                      is_text ? "BYTES" : "FP64");
        for (size_t i = 0; i < n_rows; i++) {
            mw_buf_text(out, i ? "," : "");
            if (is_text)
                cli_write_cell(column, cell(example, row + i, c), out);
            else
                mw_json_write_double(out, cell(example, row + i, c));
        }
        mw_buf_text(out, "]}");
    }
    mw_buf_text(out, "]}");
}

/* Tensors have no way to say "missing". */
static bool has_missing(const demo_example *example, size_t row, size_t n_rows)
{
    size_t n_columns = example->rows.n_columns;
    for (size_t i = row * n_columns; i < (row + n_rows) * n_columns; i++)
        if (isnan(example->rows.values[i]))
            return true;
    return false;
}

void demo_write_request(demo_protocol protocol, const demo_example *example, size_t row,
                        size_t n_rows, mw_buf *ret_path, mw_buf *ret_body)
{
    const char *name = example->endpoint.name;
    const mw_schema *schema = &example->forest->schema;
    if (protocol == DEMO_OPEN_INFERENCE && has_missing(example, row, n_rows))
        protocol = DEMO_MLFLOW_SPLIT;
    switch (protocol) {
    case DEMO_MLFLOW_SPLIT:
    case DEMO_N_PROTOCOLS:
        mw_buf_format(ret_path, "/endpoints/%s/invocations", name);
        mw_buf_text(ret_body, "{\"dataframe_split\":{\"columns\":");
        column_names(schema, ret_body);
        mw_buf_text(ret_body, ",\"data\":");
        rows_as_list(example, row, n_rows, false, ret_body);
        mw_buf_text(ret_body, "}}");
        return;
    case DEMO_MLFLOW_RECORDS:
        mw_buf_format(ret_path, "/endpoints/%s/invocations", name);
        mw_buf_text(ret_body, "{\"dataframe_records\":");
        rows_as_list(example, row, n_rows, true, ret_body);
        mw_buf_char(ret_body, '}');
        return;
    case DEMO_OPEN_INFERENCE:
        mw_buf_format(ret_path, "/v2/models/%s/infer", name);
        tensors(example, row, n_rows, ret_body);
        return;
    case DEMO_KSERVE_V1:
        mw_buf_format(ret_path, "/v1/models/%s:predict", name);
        mw_buf_text(ret_body, "{\"instances\":");
        rows_as_list(example, row, n_rows, schema->named, ret_body);
        mw_buf_char(ret_body, '}');
        return;
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

typedef struct comparison {
    const double *expected;
    size_t count, seen;
    bool differs;
} comparison;

/* Numbers of an answer in order, through nested lists. A label in place of a number is taken as it
 * is: which texts stand for which class is the protocol's affair. */
static void compare(const mw_json *node, comparison *c)
{
    double value;
    if (mw_json_is_array(node)) {
        for (size_t i = 0; i < mw_json_count(node); i++)
            compare(mw_json_element(node, i), c);
        return;
    }
    if (c->seen < c->count && mw_json_number(node, &value)) {
        double expected = c->expected[c->seen];
        /* answers carry the shortest float32 of an XGBoost value: equal within its last digit */
        if (fabs(value - expected) > 1e-6 * fmax(fabs(expected), 1e-6))
            c->differs = true;
    }
    c->seen++;
}

bool demo_answer_is_right(mw_view answer, const demo_example *example, size_t row, size_t n_rows)
{
    mw_json *root;
    comparison c = {.expected = example->expected + row * example->n_outputs,
                    .count = n_rows * example->n_outputs};
    if (mw_json_read(answer, &root, NULL) != MW_OK)
        return false;
    const mw_json *values = mw_json_member(root, "predictions");
    const mw_json *outputs = mw_json_member(root, "outputs");
    if (!values && outputs)
        values = mw_json_member(mw_json_element(outputs, 0), "data");
    if (values)
        compare(values, &c);
    mw_json_free(root);
    return c.seen == c.count && !c.differs;
}
