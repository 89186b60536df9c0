/* A row of the prediction log as a JSON object. */
#include <math.h>

#include "journal.h"

#include "base/banned.h"

static void put_input(const mw_log_column *column, double value, mw_buf *out)
{
    uint64_t hash;
    memcpy(&hash, &value, sizeof hash);
    if (column->treatment == MW_LOG_HASHED)
        mw_buf_format(out, "\"%016llx\"", (unsigned long long)hash);
    else if (column->categories && value >= 0 && value < (double)column->n_categories)
        mw_json_write_text(out, column->categories[(size_t)value]);
    else
        mw_json_write_double(out, value);
}

static void put_output(const mw_log_shape *shape, double value, mw_buf *out)
{
    bool is_class = shape->answer == MW_LOG_CLASS && shape->classes && value >= 0 &&
                    value < (double)shape->n_classes;
    if (is_class)
        mw_json_write_text(out, shape->classes[(size_t)value]);
    else
        mw_json_write_double(out, value);
}

static void put_inputs(const mw_log_row *row, mw_buf *out)
{
    const mw_log_shape *shape = row->shape;
    bool is_first = true;
    for (size_t i = 0; i < shape->n_columns; i++) {
        if (shape->columns[i].treatment == MW_LOG_DROPPED)
            continue;
        mw_buf_text(out, is_first ? "" : ",");
        mw_json_write_text(out, shape->columns[i].name);
        mw_buf_char(out, ':');
        put_input(&shape->columns[i], row->inputs[i], out);
        is_first = false;
    }
}

static void put_contributions(const mw_log_row *row, mw_buf *out)
{
    const mw_log_shape *shape = row->shape;
    bool is_first = true;
    mw_buf_text(out, ",\"contributions\":{");
    for (size_t i = 0; i < shape->n_columns; i++) {
        if (shape->columns[i].treatment != MW_LOG_KEPT)
            continue;
        mw_buf_text(out, is_first ? "" : ",");
        mw_json_write_text(out, shape->columns[i].name);
        mw_buf_char(out, ':');
        mw_json_write_float(out, (float)row->contributions[i]);
        is_first = false;
    }
    mw_buf_text(out, "},\"bias\":");
    mw_json_write_float(out, (float)row->contributions[shape->n_columns]);
}

void mw_log_row_json(const mw_log_row *row, mw_buf *out)
{
    char id[300];
    const mw_log_shape *shape = row->shape;
    int size = snprintf(id, sizeof id, "%.*s#%u", MW_VIEW_ARG(row->id), row->row);
    mw_buf_text(out, "{\"time\":\"");
    mw_clock_write_utc(out, row->time_ms);
    mw_buf_text(out, "\",\"id\":");
    mw_json_write_text(out, (mw_view){id, (size_t)size < sizeof id ? (size_t)size : 0});
    mw_buf_text(out, ",\"endpoint\":");
    mw_json_write_text(out, shape->endpoint);
    mw_buf_format(out, ",\"version\":%u,\"model\":\"%016llx\",\"inputs\":{", shape->version,
                  (unsigned long long)shape->model);
    put_inputs(row, out);
    mw_buf_text(out, shape->n_outputs == 1 ? "},\"prediction\":" : "},\"prediction\":[");
    for (size_t i = 0; i < shape->n_outputs; i++) {
        mw_buf_text(out, i ? "," : "");
        put_output(shape, row->outputs[i], out);
    }
    mw_buf_text(out, shape->n_outputs == 1 ? "" : "]");
    if (row->contributions)
        put_contributions(row, out);
    mw_buf_char(out, '}');
}
