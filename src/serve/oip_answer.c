/* Tensors of an answer, as JSON or as bytes. */
#include "oip_answer.h"

#include <math.h>

/* ---- which there are ------------------------------------------------------------------------- */

static oip_answer prediction(const serve_model *model)
{
    const mw_graph *graph = model->forest->graph;
    return (oip_answer){.kind = OIP_ANSWER_PREDICTION,
                        .name = "output",
                        .datatype = mw_predictor_is_float32(model->predictor) ? OIP_FP32 : OIP_FP64,
                        .count = graph ? graph->n_answers : model->n_outputs,
                        .stride = model->n_outputs};
}

static oip_answer contributions(const serve_model *model)
{
    size_t count = model->forest->n_margins * (model->forest->n_features + 1);
    return (oip_answer){.kind = OIP_ANSWER_CONTRIBUTIONS,
                        .name = "contributions",
                        .datatype = OIP_FP64,
                        .count = count,
                        .stride = count};
}

static oip_answer graph_output(const serve_model *model, size_t i)
{
    const mw_graph_tensor *output = &model->forest->graph->outputs[i];
    return (oip_answer){.kind = OIP_ANSWER_GRAPH,
                        .graph = output,
                        .name = output->name,
                        .datatype = oip_datatype_of_element(output->element),
                        .first = output->first,
                        .count = output->count,
                        .stride = model->n_outputs};
}

/* Texts are numbers of classes among the predictions, which mean nothing to a client. */
static bool answers_with_text(const mw_graph *graph)
{
    for (size_t i = 0; i < graph->n_answers; i++)
        if (graph->elements[i] == MW_ELEMENT_TEXT)
            return true;
    return false;
}

bool oip_answer_find(const serve_model *model, mw_view name, oip_answer *ret_answer)
{
    const mw_graph *graph = model->forest->graph;
    for (size_t i = 0; graph && i < graph->n_outputs; i++)
        if (mw_view_is(name, graph->outputs[i].name)) {
            *ret_answer = graph_output(model, i);
            return true;
        }
    *ret_answer = prediction(model);
    if (mw_view_is(name, ret_answer->name))
        return !graph || !answers_with_text(graph);
    *ret_answer = contributions(model);
    return mw_view_is(name, ret_answer->name);
}

bool oip_answer_default(const serve_model *model, size_t i, oip_answer *ret_answer)
{
    const mw_graph *graph = model->forest->graph;
    if (i >= (graph ? graph->n_outputs : 1))
        return false;
    *ret_answer = graph ? graph_output(model, i) : prediction(model);
    return true;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

void oip_answer_write_dims(const serve_model *model, const oip_answer *answer, mw_buf *out)
{
    size_t n_margins = model->forest->n_margins;
    switch (answer->kind) {
    case OIP_ANSWER_PREDICTION:
        if (answer->count != 1)
            mw_buf_format(out, ", %zu", answer->count);
        break;
    case OIP_ANSWER_CONTRIBUTIONS:
        if (n_margins != 1)
            mw_buf_format(out, ", %zu", n_margins);
        mw_buf_format(out, ", %zu", model->forest->n_features + 1);
        break;
    case OIP_ANSWER_GRAPH:
        for (size_t i = 1; i < answer->graph->rank; i++)
            mw_buf_format(out, ", %lld", (long long)answer->graph->dims[i]);
        break;
    }
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void begin_text(mw_buf *texts, size_t *ret_place)
{
    uint32_t room = 0;
    *ret_place = texts->size;
    mw_buf_bytes(texts, &room, sizeof room);
}

static void end_text(mw_buf *texts, size_t place)
{
    uint32_t size = (uint32_t)(texts->size - place - sizeof size);
    if (!texts->failed)
        memcpy(texts->data + place, &size, sizeof size);
}

/* The n largest of a row as "value:index[:label]", largest first. */
static void write_top(const mw_forest *forest, const double *row, size_t count, size_t n,
                      mw_buf *texts)
{
    double above = (double)INFINITY;
    size_t last = SIZE_MAX;
    for (size_t k = 0; k < n; k++) {
        size_t best = SIZE_MAX, place;
        for (size_t i = 0; i < count; i++) {
            bool taken = row[i] > above || (row[i] == above && last != SIZE_MAX && i <= last);
            if (!taken && (best == SIZE_MAX || row[i] > row[best]))
                best = i;
        }
        if (best == SIZE_MAX)
            best = k; /* NaN compares with nothing */
        above = row[best];
        last = best;
        begin_text(texts, &place);
        mw_buf_format(texts, "%f:%zu", row[best], best);
        if (forest->class_labels && best < forest->n_classes && count == forest->n_classes)
            mw_buf_format(texts, ":%.*s", MW_VIEW_ARG(forest->class_labels[best]));
        end_text(texts, place);
    }
}

/* Of a graph's output of texts: its values are numbers of class labels. */
static void write_labels(const mw_forest *forest, const double *row, size_t count, mw_buf *texts)
{
    for (size_t i = 0; i < count; i++) {
        size_t place;
        begin_text(texts, &place);
        if (row[i] >= 0 && row[i] < (double)forest->n_classes)
            mw_buf_view(texts, forest->class_labels[(size_t)row[i]]);
        end_text(texts, place);
    }
}

static void write_texts_json(const mw_buf *texts, mw_buf *out)
{
    for (size_t at = 0; at < texts->size;) {
        uint32_t size;
        memcpy(&size, texts->data + at, sizeof size);
        mw_buf_text(out, at > 0 ? ", " : "");
        mw_json_write_text(out, (mw_view){texts->data + at + sizeof size, size});
        at += sizeof size + size;
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static const double *row_of(const serve_call *call, const oip_answer *answer, size_t row)
{
    const double *values =
        answer->kind == OIP_ANSWER_CONTRIBUTIONS ? call->contributions : call->values;
    return values + row * answer->stride + answer->first;
}

static void write_value(oip_datatype datatype, double value, mw_buf *out)
{
    switch (datatype) {
    case OIP_FP32:
    case OIP_FP16:
    case OIP_BF16:
        mw_json_write_float(out, (float)value);
        break;
    case OIP_BOOL:
        mw_buf_text(out, value != 0 ? "true" : "false");
        break;
    case OIP_UINT64:
        mw_buf_format(out, "%.0f", value);
        break;
    case OIP_FP64:
        mw_json_write_double(out, value);
        break;
    default:
        mw_json_write_int(out, (int64_t)value);
    }
}

static void write_values(const serve_call *call, const oip_answer *answer, mw_buf *out)
{
    for (size_t row = 0; row < call->rows.n_rows; row++) {
        const double *values = row_of(call, answer, row);
        for (size_t i = 0; i < answer->count; i++) {
            mw_buf_text(out, row + i > 0 ? ", " : "");
            write_value(answer->datatype, values[i], out);
        }
    }
}

static size_t value_bytes(const oip_answer *answer)
{
    return oip_datatype_bytes(answer->datatype);
}

static void write_value_bytes(const serve_call *call, const oip_answer *answer, mw_buf *out)
{
    size_t step = value_bytes(answer);
    if (!mw_buf_reserve(out, call->rows.n_rows * answer->count * step))
        return;
    char *at = out->data + out->size;
    if (answer->datatype == OIP_FP64 && answer->count == answer->stride) {
        mw_buf_bytes(out, row_of(call, answer, 0), call->rows.n_rows * answer->count * step);
        return;
    }
    for (size_t row = 0; row < call->rows.n_rows; row++) {
        const double *values = row_of(call, answer, row);
        for (size_t i = 0; i < answer->count; i++, at += step)
            (void)oip_write_element(answer->datatype, values[i], at); /* it came out of it */
    }
    out->size = (size_t)(at - out->data);
}

/* ---- the tensor ------------------------------------------------------------------------------ */

static bool is_text(const oip_answer *answer)
{
    return answer->top > 0 || answer->datatype == OIP_BYTES;
}

static void fill_texts(const serve_call *call, oip_answer *answer, size_t n_top)
{
    const mw_forest *forest = call->slot.model->forest;
    for (size_t row = 0; row < call->rows.n_rows; row++) {
        const double *values = row_of(call, answer, row);
        if (answer->top > 0)
            write_top(forest, values, answer->count, n_top, &answer->texts);
        else
            write_labels(forest, values, answer->count, &answer->texts);
    }
}

void oip_answer_write(const serve_call *call, oip_answer *answer, mw_buf *out)
{
    size_t n_rows = call->rows.n_rows;
    size_t n_top = answer->top < answer->count ? answer->top : answer->count;
    if (is_text(answer))
        fill_texts(call, answer, n_top);
    mw_buf_text(out, "{\"name\": ");
    mw_json_write_text(out, mw_view_of(answer->name));
    mw_buf_format(out, ", \"datatype\": \"%s\", \"shape\": [%zu",
                  oip_datatype_name(answer->top > 0 ? OIP_BYTES : answer->datatype), n_rows);
    if (answer->top > 0)
        mw_buf_format(out, ", %zu", n_top);
    else
        oip_answer_write_dims(call->slot.model, answer, out);
    mw_buf_char(out, ']');
    if (answer->binary) {
        mw_buf_format(out, ", \"parameters\": {\"binary_data_size\": %zu}}",
                      is_text(answer) ? answer->texts.size
                                      : n_rows * answer->count * value_bytes(answer));
        return;
    }
    mw_buf_text(out, ", \"data\": [");
    if (is_text(answer))
        write_texts_json(&answer->texts, out);
    else
        write_values(call, answer, out);
    mw_buf_text(out, "]}");
}

void oip_answer_write_bytes(const serve_call *call, const oip_answer *answer, mw_buf *out)
{
    if (is_text(answer))
        mw_buf_bytes(out, answer->texts.data, answer->texts.size);
    else
        write_value_bytes(call, answer, out);
}
