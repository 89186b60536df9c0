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

mw_status serve_write_predictions(serve_call *call, mw_error *err)
{
    (void)err;
    mw_buf *out = call->exchange->reply;
    const serve_model *model = call->slot.model;
    bool label = answers_with_labels(model->forest);
    size_t n = model->n_outputs;
    const double *value = call->values;
    mw_buf_text(out, "{\"predictions\": [");
    for (size_t row = 0; row < call->rows.n_rows; row++) {
        if (row > 0)
            mw_buf_text(out, ", ");
        if (n != 1)
            mw_buf_char(out, '[');
        for (size_t i = 0; i < n; i++) {
            if (i > 0)
                mw_buf_text(out, ", ");
            write_value(out, *value++, label);
        }
        if (n != 1)
            mw_buf_char(out, ']');
    }
    mw_buf_char(out, ']');
    if (call->contributions) {
        mw_buf_text(out, ", ");
        serve_write_explanations(call, out);
    }
    mw_buf_char(out, '}');
    call->exchange->reply_type = MW_VIEW("application/json");
    return MW_OK;
}
