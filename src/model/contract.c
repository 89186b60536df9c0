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
    return MW_OK;
}
