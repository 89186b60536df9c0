/* What the clients of a forest rely on; see mw_contract in table.h. */
#include "model.h"

/* Probabilities, labels or values: what a number that is answered means. */
static const char *answer_of(const mw_forest *forest)
{
    switch (forest->transform) {
    case MW_TRANSFORM_SIGMOID:
    case MW_TRANSFORM_SOFTMAX:
    case MW_TRANSFORM_SOFTMAX_ZERO:
    case MW_TRANSFORM_PAIR_SHARE:
    case MW_TRANSFORM_PAIR_SIGMOID:
    case MW_TRANSFORM_SHARES:
        return "probabilities";
    case MW_TRANSFORM_ARGMAX:
    case MW_TRANSFORM_HINGE:
    case MW_TRANSFORM_SIGMOID_LABEL:
    case MW_TRANSFORM_SOFTMAX_LABEL:
        return "labels";
    case MW_TRANSFORM_RECIPE: /* what operators make of it is not known here */
        return NULL;
    default:
        return "values";
    }
}

static mw_view element_word(mw_element element)
{
    return mw_view_of(element == MW_ELEMENT_TEXT ? "category" : mw_element_name(element));
}

static mw_status copy_tensors(const mw_graph_tensor *from, size_t n, mw_arena *arena,
                              const mw_contract_tensor **ret_tensors, mw_error *err)
{
    mw_contract_tensor *to = mw_arena_take_zeroed(arena, n, sizeof *to);
    if (!to)
        return mw_fail_memory(err, "a contract");
    for (size_t i = 0; i < n; i++)
        to[i] = (mw_contract_tensor){mw_view_of(from[i].name), element_word(from[i].element),
                                     from[i].dims, from[i].rank};
    *ret_tensors = to;
    return MW_OK;
}

/* Its columns have the types of the tensors that they stand in: float32 and float64 are one to the
 * reader of rows, and two to who sends bytes. */
static mw_status add_graph(const mw_graph *graph, mw_contract_column *columns, mw_arena *arena,
                           mw_contract *contract, mw_error *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        for (size_t k = 0; k < graph->inputs[i].count; k++)
            columns[graph->inputs[i].first + k].type = element_word(graph->inputs[i].element);
    contract->n_inputs = graph->n_inputs;
    contract->n_answers = graph->n_outputs;
    MW_TRY(copy_tensors(graph->inputs, graph->n_inputs, arena, &contract->inputs, err));
    return copy_tensors(graph->outputs, graph->n_outputs, arena, &contract->answers, err);
}

mw_status mw_forest_contract(const mw_forest *forest, mw_arena *arena, mw_contract *ret_contract,
                             mw_error *err)
{
    size_t n = forest->schema.n_columns;
    mw_contract_column *columns = mw_arena_take_zeroed(arena, n, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "a contract");
    for (size_t i = 0; i < n; i++) {
        const mw_column *from = &forest->schema.columns[i];
        columns[i] = (mw_contract_column){
            .name = from->name,
            .type = mw_view_of(mw_column_type_name(from->type)),
            .optional = from->optional,
            .was = from->was,
            .n_was = from->n_was,
            .takes_unknown = from->unknown_is_missing,
            .categories = from->categories,
            .n_categories = from->n_categories,
        };
    }
    const char *answer = forest->graph ? NULL : answer_of(forest);
    *ret_contract = (mw_contract){
        .columns = columns,
        .n_columns = n,
        .named = forest->schema.named,
        .n_outputs = forest->graph ? forest->graph->n_answers : forest->n_predictions,
        .answer = answer ? mw_view_of(answer) : (mw_view){NULL, 0},
        .classes = forest->class_labels,
        .n_classes = forest->class_labels ? forest->n_classes : 0,
    };
    return forest->graph ? add_graph(forest->graph, columns, arena, ret_contract, err) : MW_OK;
}
