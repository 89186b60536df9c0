/* Requests in each protocol, and what their answers must hold. */
#include "demo.h"
#include "bodies.h"
#include "sample.h"

#include <math.h>

static double cell(const demo_example *example, size_t row, size_t column)
{
    return example->rows.values[row * example->rows.n_columns + column];
}

static mw_view column_name(const void *source, size_t column)
{
    const demo_example *example = source;
    return example->forest->schema.columns[column].name;
}

static bool is_text(const void *source, size_t column)
{
    const demo_example *example = source;
    const mw_column *about = &example->forest->schema.columns[column];
    return about->type == MW_COLUMN_CATEGORY && about->categories;
}

static void write_cell(const void *source, size_t row, size_t column, bool in_tensor, mw_buf *out)
{
    const demo_example *example = source;
    double value = cell(example, row, column);
    if (in_tensor && !is_text(source, column))
        mw_json_write_double(out, value);
    else
        cli_write_cell(&example->forest->schema.columns[column], value, out);
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
    const mw_schema *schema = &example->forest->schema;
    const cli_rows rows = {.source = example,
                           .n_columns = schema->n_columns,
                           .name = column_name,
                           .is_text = is_text,
                           .write_cell = write_cell};
    const cli_body_form forms[DEMO_N_PROTOCOLS] = {
        [DEMO_MLFLOW_SPLIT] = CLI_BODY_SPLIT,
        [DEMO_MLFLOW_RECORDS] = CLI_BODY_RECORDS,
        [DEMO_OPEN_INFERENCE] =
            has_missing(example, row, n_rows) ? CLI_BODY_SPLIT : CLI_BODY_TENSORS,
        [DEMO_KSERVE_V1] = schema->named ? CLI_BODY_OBJECTS : CLI_BODY_ARRAYS,
    };
    cli_body_path(forms[protocol], example->endpoint.name, ret_path);
    cli_body_write(forms[protocol], &rows, row, n_rows, ret_body);
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
