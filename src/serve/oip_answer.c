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

static oip_answer anomaly(void)
{
    return (oip_answer){.kind = OIP_ANSWER_ANOMALY,
                        .name = "anomaly_score",
                        .datatype = OIP_FP64,
                        .count = 1,
                        .stride = 1};
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

static bool find_answer(const serve_model *model, mw_view name, oip_answer *ret_answer)
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
    *ret_answer = mw_view_is(name, anomaly().name) ? anomaly() : contributions(model);
    return mw_view_is(name, ret_answer->name);
}

static bool default_answer(const serve_model *model, size_t i, oip_answer *ret_answer)
{
    const mw_graph *graph = model->forest->graph;
    if (i >= (graph ? graph->n_outputs : 1))
        return false;
    *ret_answer = graph ? graph_output(model, i) : prediction(model);
    return true;
}

/* ---- which are wanted ------------------------------------------------------------------------ */

static bool is_wanted(const oip_answer *answers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(answers[i].name, name) == 0)
            return true;
    return false;
}

static mw_status fail_unknown(const serve_model *model, mw_view name, mw_error *err)
{
    oip_answer first;
    (void)default_answer(model, 0, &first);
    mw_fail(err, MW_E_OIP_OUTPUT, "the model has no output '%.*s'", MW_VIEW_ARG(name));
    return mw_mend(err, "ask for '%s', 'contributions' or 'anomaly_score', or leave outputs out",
                   first.name);
}

static mw_status check_classes(const oip_answer *answer, mw_error *err)
{
    bool is_beside = answer->kind == OIP_ANSWER_CONTRIBUTIONS || answer->kind == OIP_ANSWER_ANOMALY;
    if (answer->top == 0 || (!is_beside && answer->datatype != OIP_BYTES))
        return MW_OK;
    mw_fail(err, MW_E_OIP_OUTPUT,
            answer->kind == OIP_ANSWER_CONTRIBUTIONS ? "contributions are no classes"
            : is_beside                              ? "scores of anomalies are no classes"
                                                     : "texts cannot be ranked");
    return mw_mend(err, "ask for the classification of an output of scores");
}

/* One that is asked for by name goes to answers[n]. */
static mw_status choose_by_name(const serve_model *model, const oip_request *request,
                                const oip_output *asked, oip_answer *answers, size_t n,
                                mw_error *err)
{
    oip_answer *answer = &answers[n];
    if (!find_answer(model, asked->name, answer))
        return fail_unknown(model, asked->name, err);
    if (is_wanted(answers, n, answer->name)) {
        mw_fail(err, MW_E_OIP_OUTPUT, "the output '%s' is asked for twice", answer->name);
        return mw_mend(err, "ask for it once");
    }
    answer->place = asked->place;
    answer->binary =
        !asked->place.region.data && (asked->says_binary ? asked->binary : request->binary_output);
    answer->top = (size_t)asked->classification;
    return check_classes(answer, err);
}

static bool has_kind(const oip_answer *answers, size_t n, oip_answer_kind kind)
{
    for (size_t i = 0; i < n; i++)
        if (answers[i].kind == kind)
            return true;
    return false;
}

void oip_tell_wants(const oip_answer *answers, size_t n, serve_call *call)
{
    call->explains = call->explains || has_kind(answers, n, OIP_ANSWER_CONTRIBUTIONS);
    call->scores_anomaly = call->scores_anomaly || has_kind(answers, n, OIP_ANSWER_ANOMALY);
}

static void add_beside(oip_answer beside, const oip_request *request, oip_answer *answers,
                       size_t *n)
{
    if (has_kind(answers, *n, beside.kind))
        return;
    beside.binary = request->binary_output;
    answers[(*n)++] = beside;
}

mw_status oip_choose_answers(const serve_model *model, const oip_request *request, mw_arena *arena,
                             oip_answer **ret_answers, size_t *ret_n, mw_error *err)
{
    const mw_graph *graph = model->forest->graph;
    size_t n = 0, most = 3 + request->n_outputs + (graph ? graph->n_outputs : 0);
    oip_answer *answers = mw_arena_take_zeroed(arena, most, sizeof *answers);
    if (!answers)
        return mw_fail_memory(err, "the answer");
    for (; n < request->n_outputs; n++)
        MW_TRY(choose_by_name(model, request, &request->outputs[n], answers, n, err));
    for (size_t i = 0; request->n_outputs == 0 && default_answer(model, i, &answers[n]); i++)
        answers[n++].binary = request->binary_output;
    if (request->explain)
        add_beside(contributions(model), request, answers, &n);
    if (request->anomaly)
        add_beside(anomaly(), request, answers, &n);
    *ret_answers = answers;
    *ret_n = n;
    return MW_OK;
}

/* ---- what they are --------------------------------------------------------------------------- */

/* The dimensions behind the first, that of the rows. */
static void add_dims(const serve_model *model, const oip_answer *answer, oip_tensor_type *to)
{
    size_t n_margins = model->forest->n_margins;
    switch (answer->kind) {
    case OIP_ANSWER_PREDICTION:
        if (answer->count != 1)
            to->dims[to->rank++] = (int64_t)answer->count;
        break;
    case OIP_ANSWER_CONTRIBUTIONS:
        if (n_margins != 1)
            to->dims[to->rank++] = (int64_t)n_margins;
        to->dims[to->rank++] = (int64_t)model->forest->n_features + 1;
        break;
    case OIP_ANSWER_ANOMALY:
        break;
    case OIP_ANSWER_GRAPH:
        for (size_t i = 1; i < answer->graph->rank; i++)
            to->dims[to->rank++] = answer->graph->dims[i];
        break;
    }
}

bool oip_output_type(const serve_model *model, size_t i, oip_tensor_type *ret_type)
{
    oip_answer answer;
    if (!default_answer(model, i, &answer))
        return false;
    *ret_type = (oip_tensor_type){mw_view_of(answer.name), answer.datatype, {-1}, 1};
    add_dims(model, &answer, ret_type);
    return true;
}

static bool has_categories(const mw_schema *schema)
{
    for (size_t i = 0; i < schema->n_columns; i++)
        if (schema->columns[i].categories || schema->columns[i].hashed)
            return true;
    return false;
}

static oip_datatype column_datatype(const mw_column *column, oip_datatype wide)
{
    switch (column->type) {
    case MW_COLUMN_FLOAT64:
        return wide;
    case MW_COLUMN_FLOAT32:
        return OIP_FP32;
    case MW_COLUMN_INT64:
        return OIP_INT64;
    case MW_COLUMN_INT32:
        return OIP_INT32;
    case MW_COLUMN_BOOL:
        return OIP_BOOL;
    case MW_COLUMN_CATEGORY:
        return column->categories || column->hashed ? OIP_BYTES : OIP_INT64;
    }
    return wide;
}

static void describe_graph_input(const mw_graph_tensor *input, oip_tensor_type *to)
{
    *to = (oip_tensor_type){
        mw_view_of(input->name), oip_datatype_of_element(input->element), {-1}, 1};
    for (size_t i = 1; i < input->rank; i++)
        to->dims[to->rank++] = input->dims[i];
}

bool oip_input_type(const serve_model *model, size_t i, oip_tensor_type *ret_type)
{
    const mw_schema *schema = &model->forest->schema;
    const mw_graph *graph = model->forest->graph;
    oip_datatype wide = mw_predictor_is_float32(model->predictor) ? OIP_FP32 : OIP_FP64;
    if (graph) {
        if (i < graph->n_inputs)
            describe_graph_input(&graph->inputs[i], ret_type);
        return i < graph->n_inputs;
    }
    if (has_categories(schema)) {
        const mw_column *column = &schema->columns[i];
        if (i < schema->n_columns)
            *ret_type = (oip_tensor_type){column->name, column_datatype(column, wide), {-1}, 1};
        return i < schema->n_columns;
    }
    *ret_type = (oip_tensor_type){MW_VIEW("input"), wide, {-1, (int64_t)schema->n_columns}, 2};
    return i == 0;
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
    static const double unknown = (double)NAN;
    if (answer->kind == OIP_ANSWER_ANOMALY)
        return call->anomaly ? call->anomaly + row : &unknown;
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

static void write_floats(const double *values, size_t n, char *to)
{
    for (size_t i = 0; i < n; i++) {
        float value = (float)values[i];
        memcpy(to + i * sizeof value, &value, sizeof value);
    }
}

static void write_elements(mw_element element, const double *values, size_t n, char *to)
{
    size_t step = mw_element_bytes(element);
    for (size_t i = 0; i < n; i++)
        (void)mw_element_write(element, values[i], to + i * step); /* it came out of it */
}

/* Whether the rows' values stand one behind the other. */
static bool is_dense(const serve_call *call, const oip_answer *answer)
{
    return answer->count == answer->stride && (answer->kind != OIP_ANSWER_ANOMALY || call->anomaly);
}

/* What nearly all models answer does not go element by element through a call. */
static void write_value_bytes(const serve_call *call, const oip_answer *answer, mw_buf *out)
{
    mw_element element = oip_datatype_element(answer->datatype);
    size_t row_bytes = answer->count * mw_element_bytes(element);
    if (!mw_buf_reserve(out, call->rows.n_rows * row_bytes))
        return;
    char *at = out->data + out->size;
    size_t n_rows = call->rows.n_rows, n = answer->count;
    if (is_dense(call, answer)) { /* one long row */
        n *= n_rows;
        n_rows = n_rows > 0;
    }
    for (size_t row = 0; row < n_rows; row++, at += row_bytes) {
        const double *values = row_of(call, answer, row);
        if (element == MW_ELEMENT_FLOAT32)
            write_floats(values, n, at);
        else if (element == MW_ELEMENT_FLOAT64)
            memcpy(at, values, n * sizeof *values);
        else
            write_elements(element, values, n, at);
    }
    out->size += call->rows.n_rows * row_bytes;
}

/* ---- the tensor ------------------------------------------------------------------------------ */

static bool is_text(const oip_answer *answer)
{
    return answer->top > 0 || answer->datatype == OIP_BYTES;
}

static size_t n_top(const oip_answer *answer)
{
    return answer->top < answer->count ? answer->top : answer->count;
}

void oip_answer_prepare(const serve_call *call, oip_answer *answer, size_t cap)
{
    const mw_forest *forest = call->slot.model->forest;
    mw_buf_init(&answer->texts, cap);
    for (size_t row = 0; is_text(answer) && row < call->rows.n_rows; row++) {
        const double *values = row_of(call, answer, row);
        if (answer->top > 0)
            write_top(forest, values, answer->count, n_top(answer), &answer->texts);
        else
            write_labels(forest, values, answer->count, &answer->texts);
    }
}

void oip_answer_done(oip_answer *answer)
{
    mw_buf_done(&answer->texts);
}

oip_tensor_type oip_answer_type(const serve_call *call, const oip_answer *answer)
{
    oip_tensor_type type = {mw_view_of(answer->name), answer->datatype, {0}, 1};
    type.dims[0] = (int64_t)call->rows.n_rows;
    if (answer->top == 0) {
        add_dims(call->slot.model, answer, &type);
        return type;
    }
    type.datatype = OIP_BYTES;
    type.dims[type.rank++] = (int64_t)n_top(answer);
    return type;
}

size_t oip_answer_bytes(const serve_call *call, const oip_answer *answer)
{
    return is_text(answer)
               ? answer->texts.size
               : call->rows.n_rows * answer->count * oip_datatype_bytes(answer->datatype);
}

static void write_place(const serve_place *place, size_t bytes, mw_buf *out)
{
    mw_buf_text(out, "], \"parameters\": {\"shared_memory_region\": ");
    mw_json_write_text(out, place->region);
    mw_buf_format(out, ", \"shared_memory_offset\": %llu, \"shared_memory_byte_size\": %zu}}",
                  (unsigned long long)place->offset, bytes);
}

void oip_answer_write(const serve_call *call, const oip_answer *answer, mw_buf *out)
{
    oip_tensor_type type = oip_answer_type(call, answer);
    mw_buf_text(out, "{\"name\": ");
    mw_json_write_text(out, type.name);
    mw_buf_text(out, ", \"datatype\": \"");
    mw_buf_text(out, oip_datatype_name(type.datatype));
    mw_buf_text(out, "\", \"shape\": [");
    for (size_t i = 0; i < type.rank; i++) {
        mw_buf_text(out, i > 0 ? ", " : "");
        mw_json_write_int(out, type.dims[i]);
    }
    if (answer->place.region.data) {
        write_place(&answer->place, oip_answer_bytes(call, answer), out);
        return;
    }
    if (answer->binary) {
        mw_buf_text(out, "], \"parameters\": {\"binary_data_size\": ");
        mw_json_write_int(out, (int64_t)oip_answer_bytes(call, answer));
        mw_buf_text(out, "}}");
        return;
    }
    mw_buf_text(out, "], \"data\": [");
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
