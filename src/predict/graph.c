/* Rows become tensors and tensors values; see graph.h. */
#include "graph.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/banned.h"

/* A call costs about ten microseconds beside its work, and its tensors should stay in the second
 * level of cache: so many rows, but no more than so many bytes. */
enum { BLOCK_ROWS = 512 };
#define BLOCK_BYTES (1 * MW_MIB)

size_t predict_graph_block_rows(const mw_forest *forest)
{
    size_t row_bytes = (forest->n_features + 1) * sizeof(double);
    size_t rows = BLOCK_BYTES / row_bytes;
    if (forest->graph->batch_rows)
        return forest->graph->batch_rows;
    return rows > BLOCK_ROWS ? BLOCK_ROWS : rows < 1 ? 1 : rows;
}

/* Elements of an input, on a cache line of their own. */
static size_t tensor_bytes(const mw_graph_tensor *input, size_t n_rows)
{
    size_t width =
        input->element == MW_ELEMENT_TEXT ? sizeof(char *) : mw_element_bytes(input->element);
    size_t bytes = n_rows * input->count * width;
    return (bytes + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
}

size_t predict_graph_bytes(const mw_forest *forest)
{
    const mw_graph *graph = forest->graph;
    size_t n_rows = predict_graph_block_rows(forest);
    size_t bytes =
        (graph->n_inputs * sizeof(mw_tensor) + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE +
        graph->n_outputs * sizeof(size_t) + PREDICT_LINE;
    for (size_t i = 0; i < graph->n_inputs; i++)
        bytes += tensor_bytes(&graph->inputs[i], n_rows);
    return bytes;
}

/* ---- in -------------------------------------------------------------------------------------- */

static double cell(const mw_matrix *rows, size_t row, size_t column)
{
    ptrdiff_t at = (ptrdiff_t)row * rows->row_stride + (ptrdiff_t)column * rows->column_stride;
    return rows->dtype == MW_FLOAT32 ? (double)((const float *)rows->data)[at]
                                     : ((const double *)rows->data)[at];
}

static mw_status fail_value(const mw_column *column, const mw_graph_tensor *input, size_t row,
                            double value, mw_error *err)
{
    enum { SHOWN = 80 };
    mw_view name = column->name;
    name.size = name.size < SHOWN ? name.size : SHOWN;
    if (isnan(value))
        mw_fail(err, MW_E_RUNTIME_VALUE,
                "the value is missing, and the input of type %s holds none",
                mw_element_name(input->element));
    else
        mw_fail(err, MW_E_RUNTIME_VALUE, "%.17g is no value of the input's type %s", value,
                mw_element_name(input->element));
    mw_mend(err, input->element == MW_ELEMENT_TEXT
                     ? "give the code of a category, from 0 on"
                     : "give a whole number of its range for every row");
    return mw_at(err, "row %zu: column '%.*s'", row, MW_VIEW_ARG(name));
}

/* A missing or unknown text is "": no list of the graph holds it. */
static bool put_text(const mw_column *column, double code, const char **to)
{
    *to = "";
    if (isnan(code))
        return true;
    if (!(code >= 0 && code < (double)column->n_categories && code == trunc(code)))
        return false;
    *to = column->categories[(size_t)code].data;
    return true;
}

static mw_status fill_input(const mw_forest *forest, const mw_graph_tensor *input,
                            const mw_matrix *rows, size_t first, size_t n_rows, size_t n_padded,
                            mw_tensor *to, mw_error *err)
{
    bool text = input->element == MW_ELEMENT_TEXT;
    size_t width = text ? sizeof(char *) : mw_element_bytes(input->element);
    char *at = to->data;
    for (size_t i = 0; i < n_padded; i++) {
        size_t row = first + (i < n_rows ? i : n_rows - 1); /* the last one again */
        for (size_t k = 0; k < input->count; k++, at += width) {
            double value = cell(rows, row, input->first + k);
            const mw_column *column = &forest->schema.columns[input->first + k];
            bool ok = text ? put_text(column, value, (const char **)(void *)at)
                           : mw_element_write(input->element, value, at);
            if (!ok)
                return fail_value(column, input, row, value, err);
        }
    }
    return MW_OK;
}

/* The commonest case without a look at each value's type. */
static bool fill_floats(const mw_graph_tensor *input, const mw_matrix *rows, size_t first,
                        size_t n_rows, size_t n_padded, mw_tensor *to)
{
    float *at = to->data;
    if (input->element != MW_ELEMENT_FLOAT32 || n_padded != n_rows)
        return false;
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < input->count; k++)
            *at++ = (float)cell(rows, first + i, input->first + k);
    return true;
}

/* ---- out ------------------------------------------------------------------------------------- */

typedef struct graph_call {
    const mw_forest *forest;
    size_t n_rows, n_padded;
    double *values;
} graph_call;

static mw_status fail_shape(const mw_graph_tensor *output, mw_error *err)
{
    mw_fail(err, MW_E_RUNTIME_RUN, "the output '%.80s' does not have %zu values for each row",
            output->name, output->count);
    mw_why(err, "its shape depends on the rows");
    return mw_mend(err, "export the model with outputs of a fixed shape");
}

static mw_status text_value(const mw_forest *forest, mw_view text, double *ret_value, mw_error *err)
{
    enum { SHOWN = 80 };
    for (size_t i = 0; i < forest->n_classes; i++) {
        if (!mw_view_equal(forest->class_labels[i], text))
            continue;
        *ret_value = (double)i;
        return MW_OK;
    }
    text.size = text.size < SHOWN ? text.size : SHOWN;
    mw_fail(err, MW_E_RUNTIME_RUN, "the model answers '%.*s', which is none of its classes",
            MW_VIEW_ARG(text));
    return mw_mend(err, "export the model with the names of its classes");
}

static mw_status take_output(void *user, size_t i, const mw_tensor *tensor, mw_error *err)
{
    const graph_call *call = user;
    const mw_forest *forest = call->forest;
    const mw_graph_tensor *output = &forest->graph->outputs[i];
    size_t width = mw_element_bytes(tensor->element);
    if (tensor->element != output->element || tensor->count != call->n_padded * output->count)
        return fail_shape(output, err);
    const char *at = tensor->data;
    for (size_t row = 0; row < call->n_rows; row++) {
        double *to = call->values + row * forest->n_predictions + output->first;
        for (size_t k = 0; k < output->count; k++, at += width) {
            if (tensor->element == MW_ELEMENT_TEXT)
                MW_TRY(text_value(forest, tensor->views[row * output->count + k], &to[k], err));
            else
                to[k] = mw_element_read(tensor->element, at);
        }
    }
    return MW_OK;
}

/* ---- a block --------------------------------------------------------------------------------- */

static mw_status run_block(const mw_forest *forest, const mw_matrix *rows, size_t first,
                           size_t n_rows, void *memory, double *values, mw_error *err)
{
    const mw_graph *graph = forest->graph;
    size_t n_padded = graph->batch_rows ? graph->batch_rows : n_rows;
    mw_tensor *tensors = memory;
    size_t *wanted = (size_t *)(void *)(tensors + graph->n_inputs);
    uintptr_t at = (uintptr_t)(wanted + graph->n_outputs);
    at = (at + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const mw_graph_tensor *input = &graph->inputs[i];
        mw_tensor *to = &tensors[i];
        *to = (mw_tensor){.element = input->element,
                          .rank = input->rank,
                          .count = n_padded * input->count,
                          .data = (void *)at,
                          .texts = (const char *const *)at};
        memcpy(to->dims, input->dims, sizeof to->dims);
        to->dims[0] = (int64_t)n_padded;
        at += tensor_bytes(input, n_padded);
        if (!fill_floats(input, rows, first, n_rows, n_padded, to))
            MW_TRY(fill_input(forest, input, rows, first, n_rows, n_padded, to, err));
    }
    for (size_t i = 0; i < graph->n_outputs; i++)
        wanted[i] = graph->outputs[i].place;
    graph_call call = {forest, n_rows, n_padded, values};
    return mw_session_run(graph->session, tensors, wanted, graph->n_outputs, take_output, &call,
                          err);
}

mw_status predict_graph_rows(const mw_forest *forest, const mw_matrix *rows, size_t first,
                             size_t end, void *memory, double *ret_values, mw_error *err)
{
    size_t block_rows = predict_graph_block_rows(forest);
    while (first < end) {
        size_t n_rows = end - first < block_rows ? end - first : block_rows;
        MW_TRY(run_block(forest, rows, first, n_rows, memory, ret_values, err));
        ret_values += n_rows * forest->n_predictions;
        first += n_rows;
    }
    return MW_OK;
}

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct graph_work {
    const mw_forest *forest;
    const mw_matrix *rows;
    double *values;
    atomic_flag *has_failed; /* the first one that fails writes the error */
    mw_status *status;
    mw_error *err;
} graph_work;

static void run_part(const void *context, size_t first, size_t end, void *memory)
{
    const graph_work *work = context;
    mw_error err;
    mw_status status = predict_graph_rows(work->forest, work->rows, first, end, memory,
                                          work->values + first * work->forest->n_predictions, &err);
    if (status == MW_OK || atomic_flag_test_and_set(work->has_failed))
        return;
    *work->status = status;
    if (work->err)
        *work->err = err;
}

mw_status predict_graph_parallel(const mw_forest *forest, const mw_matrix *rows, mw_pool *pool,
                                 double *ret_values, mw_error *err)
{
    atomic_flag has_failed = ATOMIC_FLAG_INIT;
    mw_status status = MW_OK;
    graph_work part = {forest, rows, ret_values, &has_failed, &status, err};
    mw_row_work work = {.run = run_part,
                        .context = &part,
                        .n_rows = rows->n_rows,
                        .chunk_rows = predict_graph_block_rows(forest),
                        .memory_bytes = predict_graph_bytes(forest),
                        .what = "the threads of a prediction"};
    mw_status split = mw_split_rows(&work, pool, err);
    return split != MW_OK ? split : status;
}
