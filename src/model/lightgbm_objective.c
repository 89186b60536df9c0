/* Objectives of LightGBM: "objective=name key:value ..." becomes a transform.
 *
 * The regression family trained with reg_sqrt=true says "sqrt" behind its name and predicts
 * sign(x) * x * x. Without an objective line (a custom objective) the raw score is the answer. */
#include "lightgbm.h"

#include <math.h>

typedef enum class_count { NO_CLASSES, TWO_CLASSES, CLASSES_OF_MARGINS } class_count;

typedef struct objective {
    const char *name;
    mw_transform transform;
    class_count classes;
    bool may_be_sqrt, has_sigmoid;
} objective;

static const objective objectives[] = {
    {"regression", MW_TRANSFORM_IDENTITY, NO_CLASSES, true, false},
    {"regression_l1", MW_TRANSFORM_IDENTITY, NO_CLASSES, true, false},
    {"huber", MW_TRANSFORM_IDENTITY, NO_CLASSES, true, false},
    {"fair", MW_TRANSFORM_IDENTITY, NO_CLASSES, true, false},
    {"quantile", MW_TRANSFORM_IDENTITY, NO_CLASSES, true, false},
    {"mape", MW_TRANSFORM_IDENTITY, NO_CLASSES, true, false},
    {"poisson", MW_TRANSFORM_EXP, NO_CLASSES, false, false},
    {"gamma", MW_TRANSFORM_EXP, NO_CLASSES, false, false},
    {"tweedie", MW_TRANSFORM_EXP, NO_CLASSES, false, false},
    {"binary", MW_TRANSFORM_SIGMOID, TWO_CLASSES, false, true},
    {"multiclass", MW_TRANSFORM_SOFTMAX, CLASSES_OF_MARGINS, false, false},
    {"multiclassova", MW_TRANSFORM_SIGMOID, CLASSES_OF_MARGINS, false, true},
    {"cross_entropy", MW_TRANSFORM_SIGMOID, NO_CLASSES, false, false},
    {"cross_entropy_lambda", MW_TRANSFORM_LOG1P_EXP, NO_CLASSES, false, false},
    {"lambdarank", MW_TRANSFORM_IDENTITY, NO_CLASSES, false, false},
    {"rank_xendcg", MW_TRANSFORM_IDENTITY, NO_CLASSES, false, false},
    {"custom", MW_TRANSFORM_IDENTITY, NO_CLASSES, false, false},
    {"none", MW_TRANSFORM_IDENTITY, NO_CLASSES, false, false},
    {"null", MW_TRANSFORM_IDENTITY, NO_CLASSES, false, false},
    {"na", MW_TRANSFORM_IDENTITY, NO_CLASSES, false, false},
};

/* The next word of `rest`, which is shortened by it; empty at the end. */
static mw_view take_word(mw_view *rest)
{
    size_t begin = 0, end;
    while (begin < rest->size && rest->data[begin] == ' ')
        begin++;
    for (end = begin; end < rest->size && rest->data[end] != ' ';)
        end++;
    mw_view word = {rest->data + begin, end - begin};
    *rest = (mw_view){rest->data + end, rest->size - end};
    return word;
}

static mw_status unknown_objective(mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_OBJECTIVE, "unknown objective '%.*s'", MW_VIEW_ARG(name));
    mw_mend(err, "train with an objective of LightGBM 4.7, such as regression, binary or "
                 "multiclass");
    return mw_at(err, "objective");
}

static const objective *find_objective(mw_view name)
{
    for (size_t i = 0; i < MW_COUNT(objectives); i++)
        if (mw_view_is(name, objectives[i].name))
            return &objectives[i];
    return NULL;
}

static mw_status read_sigmoid(mw_view word, double *ret_scale, mw_error *err)
{
    const size_t name_size = sizeof "sigmoid:" - 1;
    if (mw_number_parse(word.data + name_size, word.size - name_size, ret_scale) &&
        isfinite(*ret_scale) && *ret_scale > 0)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_VALUE, "'%.*s' is not a positive number", MW_VIEW_ARG(word));
    mw_mend(err, "save the model again; this file was damaged or edited by hand");
    return mw_at(err, "objective");
}

static mw_status read_options(const objective *found, mw_view rest, mw_forest *forest,
                              mw_error *err)
{
    for (;;) {
        mw_view word = take_word(&rest);
        if (word.size == 0)
            return MW_OK;
        if (found->may_be_sqrt && mw_view_is(word, "sqrt"))
            forest->transform = MW_TRANSFORM_SIGNED_SQUARE;
        if (found->has_sigmoid && mw_view_starts(word, "sigmoid:"))
            MW_TRY(read_sigmoid(word, &forest->scale, err));
    }
}

mw_status model_lgb_set_objective(model_lgb *lgb, mw_error *err)
{
    mw_forest *forest = lgb->build.forest;
    mw_view rest = lgb->has_objective ? lgb->objective : MW_VIEW("custom");
    mw_view name = take_word(&rest);
    const objective *found = find_objective(name);
    if (!found)
        return unknown_objective(name, err);
    forest->objective = found->name;
    forest->transform = found->transform;
    forest->n_predictions = forest->n_margins;
    forest->n_classes = found->classes == TWO_CLASSES          ? 2
                        : found->classes == CLASSES_OF_MARGINS ? forest->n_margins
                                                               : 0;
    return read_options(found, rest, forest, err);
}
