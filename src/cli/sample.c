/* Bodies that a model will answer. */
#include "sample.h"

#include <math.h>

enum { FEATURES_SHOWN_MAX = 40, LINE_BYTES_MAX = 2000 };

void cli_write_cell(const mw_column *column, double value, mw_buf *out)
{
    if (isnan(value)) {
        mw_buf_text(out, "null");
        return;
    }
    switch (column->type) {
    case MW_COLUMN_CATEGORY:
        if (column->categories && value >= 0 && value < (double)column->n_categories)
            mw_json_write_text(out, column->categories[(size_t)value]);
        else
            mw_json_write_int(out, (int64_t)value);
        return;
    case MW_COLUMN_BOOL:
        mw_buf_text(out, value != 0 ? "true" : "false");
        return;
    case MW_COLUMN_INT64:
    case MW_COLUMN_INT32:
        mw_json_write_int(out, (int64_t)value);
        return;
    case MW_COLUMN_FLOAT32:
        mw_json_write_float(out, (float)value);
        return;
    case MW_COLUMN_FLOAT64:
        mw_json_write_double(out, value);
        return;
    }
}

/* Three digits of the first split point of each feature: a value that the model tells apart. */
static void split_points(const mw_forest *forest, double *ret_values)
{
    for (size_t i = 0; i < forest->n_features; i++)
        ret_values[i] = 0;
    mw_splits splits = mw_forest_splits(forest);
    for (size_t i = splits.n; i-- > 0;) {
        if (mw_splits_ask(&splits, i) && !(splits.flags[i] & MW_NODE_CATEGORICAL) &&
            splits.feature[i] < forest->n_features)
            ret_values[splits.feature[i]] = splits.threshold[i];
    }
    for (size_t i = 0; i < forest->n_features; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.3g", ret_values[i]);
        double rounded = strtod(text, NULL);
        ret_values[i] = isfinite(rounded) && fabs(rounded) < 1e15 ? rounded : 0;
        if (forest->schema.columns[i].type == MW_COLUMN_CATEGORY)
            ret_values[i] = 0;
    }
}

bool cli_sample_body(const mw_forest *forest, mw_buf *out)
{
    const mw_schema *schema = &forest->schema;
    double values[FEATURES_SHOWN_MAX];
    if (forest->n_features > FEATURES_SHOWN_MAX)
        return false;
    split_points(forest, values);
    mw_buf_text(out, schema->named ? "{\"dataframe_records\":[{" : "{\"inputs\":[[");
    for (size_t i = 0; i < forest->n_features; i++) {
        mw_buf_text(out, i ? "," : "");
        if (schema->named) {
            mw_json_write_text(out, schema->columns[i].name);
            mw_buf_char(out, ':');
        }
        cli_write_cell(&schema->columns[i], values[i], out);
    }
    mw_buf_text(out, schema->named ? "}]}" : "]]}");
    return !out->failed && out->size <= LINE_BYTES_MAX;
}

void cli_write_shell_quoted(mw_view text, mw_buf *out)
{
    mw_buf_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            mw_buf_text(out, "'\\''");
        else
            mw_buf_char(out, text.data[i]);
    }
    mw_buf_char(out, '\'');
}
