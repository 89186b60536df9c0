/* Inputs of a session become the columns of a schema. */
#include "foreign_make.h"

#include <stdlib.h>

#include "names.h"

static mw_status refuse(const mw_tensor_type *type, const char *what, const char *mend,
                        mw_error *err)
{
    mw_fail(err, MW_E_RUNTIME_SHAPE, "%s", what);
    mw_mend(err, "%s", mend);
    return mw_at(err, "input '%.80s'", type->name);
}

/* All dimensions but the first are known; *ret_count is their product. */
static mw_status count_columns(const mw_tensor_type *type, size_t *ret_count, mw_error *err)
{
    static const char fixed[] = "export the model with fixed dimensions behind the first, or with "
                                "a first dimension for the rows";
    size_t count = 1;
    bool known = type->rank >= 1 && type->rank <= MW_TENSOR_RANK;
    if (type->element == MW_ELEMENT_NONE)
        return refuse(type, "it is no tensor", "convert the model with tensors as its inputs", err);
    if (type->element != MW_ELEMENT_TEXT && mw_element_bytes(type->element) == 0)
        return refuse(type, "its element type is not known here",
                      "convert the model with float32 inputs", err);
    for (size_t i = 1; i < type->rank && known; i++) {
        known = type->dims[i] > 0 && (uint64_t)type->dims[i] <= MW_LIMIT_FEATURES;
        if (known)
            count *= (size_t)type->dims[i];
        known = known && count <= MW_LIMIT_FEATURES;
    }
    if (!known)
        return refuse(type,
                      type->rank == 0 ? "it has no dimension for the rows"
                                      : "a dimension behind the first is not known",
                      fixed, err);
    *ret_count = count;
    return MW_OK;
}

/* All inputs have one number of rows; where one fixes it, that counts. */
static mw_status take_batch(mw_graph *graph, const mw_tensor_type *type, mw_error *err)
{
    if (type->dims[0] <= 0)
        return MW_OK;
    size_t rows = (size_t)type->dims[0];
    if (rows > MW_LIMIT_FEATURES || (graph->batch_rows != 0 && graph->batch_rows != rows))
        return refuse(type, "its first dimension is not the number of rows of the other inputs",
                      "export the model with the rows as the first dimension of each input", err);
    graph->batch_rows = rows;
    return MW_OK;
}

static mw_status place_inputs(foreign_maker *m, mw_error *err)
{
    size_t n = 0, at = 0;
    const mw_tensor_type *types = mw_session_inputs(m->graph->session, &n);
    if (n == 0 || n > MW_LIMIT_GRAPH_TENSORS) {
        mw_fail(err, MW_E_RUNTIME_SHAPE, "the graph has %zu inputs", n);
        return mw_mend(err, "export the model with 1..%d inputs", MW_LIMIT_GRAPH_TENSORS);
    }
    mw_graph_tensor *inputs = mw_arena_take_zeroed(&m->forest->arena, n, sizeof *inputs);
    if (!inputs)
        return mw_fail_memory(err, "a model");
    for (size_t i = 0; i < n; i++) {
        mw_graph_tensor *to = &inputs[i];
        *to = (mw_graph_tensor){.name = types[i].name,
                                .element = types[i].element,
                                .rank = types[i].rank,
                                .first = at,
                                .place = i};
        MW_TRY(count_columns(&types[i], &to->count, err));
        MW_TRY(take_batch(m->graph, &types[i], err));
        memcpy(to->dims, types[i].dims, sizeof to->dims);
        at += to->count;
    }
    m->graph->inputs = inputs;
    m->graph->n_inputs = n;
    m->forest->n_features = at;
    return model_check_features(m->forest, err);
}

static mw_column_type column_type(mw_element element)
{
    switch (element) {
    case MW_ELEMENT_UINT8:
    case MW_ELEMENT_INT8:
    case MW_ELEMENT_UINT16:
    case MW_ELEMENT_INT16:
    case MW_ELEMENT_INT32:
        return MW_COLUMN_INT32;
    case MW_ELEMENT_INT64:
    case MW_ELEMENT_UINT32:
    case MW_ELEMENT_UINT64:
        return MW_COLUMN_INT64;
    case MW_ELEMENT_BOOL:
        return MW_COLUMN_BOOL;
    case MW_ELEMENT_TEXT:
        return MW_COLUMN_CATEGORY;
    default:
        return MW_COLUMN_FLOAT64; /* narrower ones are rounded to where the tensor is filled */
    }
}

/* "age"; or "x_0", "x_1" for an input of several columns. */
static mw_status name_column(mw_forest *forest, const mw_graph_tensor *input, size_t i,
                             mw_column *column, mw_error *err)
{
    mw_buf name;
    mw_buf_init(&name, MW_MIB);
    mw_buf_text(&name, input->name);
    if (input->count > 1)
        mw_buf_format(&name, "_%zu", i);
    const char *kept = name.failed ? NULL : mw_arena_text(&forest->arena, mw_buf_as_view(&name));
    column->name = (mw_view){kept, name.size};
    mw_buf_done(&name);
    return kept ? MW_OK : mw_fail_memory(err, "names of features");
}

static mw_status fill_columns(foreign_maker *m, mw_column *columns, const mw_graph_tensor *input,
                              mw_view *texts, size_t n_texts, mw_error *err)
{
    for (size_t i = 0; i < input->count; i++) {
        mw_column *column = &columns[input->first + i];
        column->type = column_type(input->element);
        if (input->element == MW_ELEMENT_TEXT) {
            column->categories = texts;
            column->n_categories = n_texts;
            column->unknown_is_missing = true; /* all unknown texts are as good as "" */
        }
        if (m->graph->n_inputs > 1)
            MW_TRY(name_column(m->forest, input, i, column, err));
    }
    return MW_OK;
}

/* `lists`: the categories of each input; they must live until the schema is made. */
static mw_status fill_schema(foreign_maker *m, mw_column *columns, model_list *lists, mw_error *err)
{
    const mw_graph *graph = m->graph;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const mw_graph_tensor *input = &graph->inputs[i];
        lists[i] = (model_list){.item_bytes = sizeof(mw_view)};
        if (!mw_view_is_utf8(mw_view_of(input->name))) {
            mw_fail(err, MW_E_MODEL_SYNTAX, "the name of an input is not UTF-8");
            return mw_mend(err, "convert the model again");
        }
        if (input->element == MW_ELEMENT_TEXT &&
            foreign_categories(&m->f, mw_view_of(input->name), &lists[i], err) != MW_OK)
            return mw_at(err, "input '%.80s'", input->name);
        if (input->element == MW_ELEMENT_TEXT && lists[i].count == 0)
            return refuse(&(mw_tensor_type){.name = input->name},
                          "no operator of the graph compares its texts",
                          "convert the model without this input", err);
        MW_TRY(fill_columns(m, columns, input, lists[i].items, lists[i].count, err));
    }
    MW_TRY(model_set_schema(m->forest, columns, graph->n_inputs > 1, "f", err));
    return MW_OK;
}

mw_status foreign_set_inputs(foreign_maker *m, mw_error *err)
{
    MW_TRY(place_inputs(m, err));
    mw_column *columns = calloc(m->forest->n_features + 1, sizeof *columns);
    model_list *lists = calloc(m->graph->n_inputs + 1, sizeof *lists);
    mw_status status = columns && lists ? fill_schema(m, columns, lists, err)
                                        : mw_fail_memory(err, "names of features");
    for (size_t i = 0; lists && i < m->graph->n_inputs; i++)
        model_list_done(&lists[i]);
    free(lists);
    free(columns);
    if (status != MW_OK && err->mend[0] == '\0')
        mw_mend(err, "convert the model again, with a name of its own for each input");
    return status;
}
