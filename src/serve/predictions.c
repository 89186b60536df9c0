/* {"predictions": [...]}: the answer of MLflow's server and of KServe V1. */
#include "explanation.h"

static bool answers_with_labels(const mw_forest *forest)
{
    return forest->transform == MW_TRANSFORM_SIGMOID_LABEL ||
           forest->transform == MW_TRANSFORM_SOFTMAX_LABEL;
}

/* float32 values are printed at full double width, as MLflow does: whoever reads doubles then has
 * exactly the library's float. */
static void write_value(mw_buf *out, double value, bool label)
{
    if (label)
        mw_json_write_int(out, (int64_t)value);
    else
        mw_json_write_double(out, value);
}

/* Of a graph: texts as texts, whole numbers as such. */
static void write_graph_value(mw_buf *out, const mw_forest *forest, size_t i, double value)
{
    mw_element element = forest->graph->elements[i];
    bool is_class = value >= 0 && value < (double)forest->n_classes;
    if (element == MW_ELEMENT_TEXT && is_class)
        mw_json_write_text(out, forest->class_labels[(size_t)value]);
    else
        write_value(out, value, element == MW_ELEMENT_INT64 || element == MW_ELEMENT_INT32);
}

/* null: there is no reference to score against, yet. */
static void write_anomaly(const serve_call *call, mw_buf *out)
{
    mw_buf_text(out, call->anomaly ? ", \"anomaly_score\": [" : ", \"anomaly_score\": null");
    for (size_t row = 0; call->anomaly && row < call->rows.n_rows; row++) {
        mw_buf_text(out, row ? ", " : "");
        mw_json_write_double(out, call->anomaly[row]);
    }
    if (call->anomaly)
        mw_buf_char(out, ']');
}

mw_status serve_write_predictions(serve_call *call, mw_error *err)
{
    (void)err;
    mw_buf *out = call->exchange->reply;
    const serve_model *model = call->slot.model;
    bool label = answers_with_labels(model->forest);
    const mw_graph *graph = model->forest->graph;
    size_t n = graph ? graph->n_answers : model->n_outputs; /* a classifier's scores alone */
    mw_buf_text(out, "{\"predictions\": [");
    for (size_t row = 0; row < call->rows.n_rows; row++) {
        if (row > 0)
            mw_buf_text(out, ", ");
        const double *values = call->values + row * model->n_outputs;
        if (n != 1)
            mw_buf_char(out, '[');
        for (size_t i = 0; i < n; i++) {
            if (i > 0)
                mw_buf_text(out, ", ");
            if (graph)
                write_graph_value(out, model->forest, i, values[i]);
            else
                write_value(out, values[i], label);
        }
        if (n != 1)
            mw_buf_char(out, ']');
    }
    mw_buf_char(out, ']');
    if (call->contributions) {
        mw_buf_text(out, ", ");
        serve_write_explanations(call, out);
    }
    if (call->scores_anomaly)
        write_anomaly(call, out);
    mw_buf_char(out, '}');
    call->exchange->reply_type = MW_VIEW("application/json");
    return MW_OK;
}
