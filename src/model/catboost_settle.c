/* What a CatBoost document said becomes the forest's head: columns, outputs, loss, labels. */
#include "catboost_ctr.h"

#include <math.h>
#include <stdlib.h>

#include "names.h"

typedef enum class_count { NO_CLASSES, TWO_CLASSES, CLASSES_OF_OUTPUTS } class_count;

/* What predict() of the regressor and predict_proba() of the classifier answer. */
static const struct {
    const char *loss;
    mw_transform transform;
    class_count classes;
} losses[] = {
    {"Logloss", MW_TRANSFORM_SIGMOID, TWO_CLASSES},
    {"CrossEntropy", MW_TRANSFORM_SIGMOID, TWO_CLASSES},
    {"MultiClass", MW_TRANSFORM_SOFTMAX, CLASSES_OF_OUTPUTS},
    {"MultiClassOneVsAll", MW_TRANSFORM_SIGMOID, CLASSES_OF_OUTPUTS},
    {"Poisson", MW_TRANSFORM_EXP, NO_CLASSES},
    {"Tweedie", MW_TRANSFORM_EXP, NO_CLASSES},
    {"RMSE", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"MultiRMSE", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"MAE", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"MAPE", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"Quantile", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"MultiQuantile", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"Expectile", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"Huber", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"LogCosh", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"Lq", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"YetiRank", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"YetiRankPairwise", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"PairLogit", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"PairLogitPairwise", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"QueryRMSE", MW_TRANSFORM_IDENTITY, NO_CLASSES},
    {"QuerySoftMax", MW_TRANSFORM_IDENTITY, NO_CLASSES},
};

/* catboost.sum_models keeps the loss where predict() does not look: probabilities are made of the
 * sum, but a Poisson's sum stays as it is. */
static mw_status use_loss(model_cat *cat, size_t i, bool of_sum, mw_error *err)
{
    mw_forest *forest = cat->build.forest;
    bool as_it_is = of_sum && losses[i].classes == NO_CLASSES;
    forest->transform = as_it_is ? MW_TRANSFORM_IDENTITY : losses[i].transform;
    forest->n_classes = losses[i].classes == TWO_CLASSES          ? 2
                        : losses[i].classes == CLASSES_OF_OUTPUTS ? forest->n_margins
                                                                  : 0;
    return model_keep_text(forest, mw_view_of(losses[i].loss), &forest->objective, err);
}

static mw_status set_loss(model_cat *cat, mw_error *err)
{
    bool of_sum = cat->loss.size == 0;
    mw_view loss = of_sum ? cat->sum_loss : cat->loss;
    for (size_t i = 0; i < MW_COUNT(losses); i++)
        if (mw_view_is(loss, losses[i].loss))
            return use_loss(cat, i, of_sum, err);
    if (loss.size == 0) {
        mw_fail(err, MW_E_OBJECTIVE, "the model does not say its loss function");
        mw_mend(err, "sum models of one loss only; save a trained model with CatBoost 1.2");
    } else {
        mw_fail(err, MW_E_OBJECTIVE, "unknown loss function '%.*s'", MW_VIEW_ARG(loss));
        mw_mend(err, "train with a loss such as RMSE, Logloss, MultiClass or Quantile");
    }
    return mw_at(err, "model_info.params.loss_function");
}

static mw_status set_outputs(model_cat *cat, mw_error *err)
{
    mw_forest *forest = cat->build.forest;
    size_t n = cat->n_outputs > 0 ? cat->n_outputs : cat->bias.count;
    forest->n_margins = forest->n_predictions = n > 0 ? n : 1;
    forest->n_iterations = cat->build.tree_output.count;
    forest->input = MW_INPUT_FLOAT32;
    forest->sum_float32 = false;
    forest->margin_scale = cat->scale;
    if (cat->bias.count > forest->n_margins || !isfinite(cat->scale)) {
        mw_fail(err, MW_E_MODEL_COUNT, "%zu biases, but the model has %zu outputs", cat->bias.count,
                forest->n_margins);
        mw_mend(err, "save the model again; this file was damaged or edited by hand");
        return mw_at(err, "scale_and_bias");
    }
    double *base = mw_arena_take_zeroed(&forest->arena, forest->n_margins, sizeof *base);
    double *offset = mw_arena_take_zeroed(&forest->arena, forest->n_margins, sizeof *offset);
    if (!base || !offset)
        return mw_fail_memory(err, "a model");
    if (cat->bias.count > 0)
        memcpy(offset, cat->bias.items, cat->bias.count * sizeof *offset);
    forest->base_margin = base;
    forest->margin_offset = offset;
    return MW_OK;
}

static mw_status set_labels(model_cat *cat, mw_error *err)
{
    mw_forest *forest = cat->build.forest;
    if (forest->n_classes == 0 || cat->class_names.count == 0)
        return MW_OK;
    if (cat->class_names.count != forest->n_classes) {
        mw_fail(err, MW_E_MODEL_COUNT, "%zu names, but the model has %zu classes",
                cat->class_names.count, forest->n_classes);
        return mw_at(err, "model_info.class_params.class_names");
    }
    mw_view *labels = mw_arena_take_zeroed(&forest->arena, forest->n_classes, sizeof *labels);
    if (!labels)
        return mw_fail_memory(err, "names of classes");
    for (size_t i = 0; i < forest->n_classes; i++) {
        const char *text; /* the file's own bytes do not stay */
        mw_view name = ((const mw_view *)cat->class_names.items)[i];
        MW_TRY(model_keep_text(forest, name, &text, err));
        labels[i] = (mw_view){text, name.size};
    }
    forest->class_labels = labels;
    return MW_OK;
}

/* ---- features -------------------------------------------------------------------------------- */

static mw_status note_column(int64_t column, const char *kind, size_t i, int64_t *last,
                             mw_error *err)
{
    if (column < 0 || column > MW_LIMIT_FEATURES) {
        mw_fail(err, MW_E_MODEL_VALUE, "flat_feature_index %lld is not possible",
                (long long)column);
        mw_mend(err, "save the model again; this file was damaged or edited by hand");
        return mw_at(err, "features_info.%s_features[%zu]", kind, i);
    }
    *last = column > *last ? column : *last;
    return MW_OK;
}

static mw_status count_columns(model_cat *cat, mw_error *err)
{
    const model_cat_feature *features = cat->features.items;
    const model_cat_feature *categories = cat->categories.items;
    int64_t last = -1;
    for (size_t i = 0; i < cat->features.count; i++)
        MW_TRY(note_column(features[i].column, "float", i, &last, err));
    for (size_t i = 0; i < cat->categories.count; i++)
        MW_TRY(note_column(categories[i].column, "categorical", i, &last, err));
    cat->build.forest->n_features = (size_t)(last + 1);
    return model_check_features(cat->build.forest, err);
}

static mw_status set_schema(model_cat *cat, mw_error *err)
{
    mw_forest *forest = cat->build.forest;
    const model_cat_feature *features = cat->features.items;
    const model_cat_feature *categories = cat->categories.items;
    mw_column *columns = calloc(forest->n_features + 1, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "names of features");
    bool named = false;
    for (size_t i = 0; i < cat->features.count; i++) {
        columns[features[i].column].name = features[i].name;
        named |= features[i].name.size > 0;
    }
    for (size_t i = 0; i < cat->categories.count; i++) {
        columns[categories[i].column].name = categories[i].name;
        columns[categories[i].column].type = MW_COLUMN_CATEGORY;
        columns[categories[i].column].hashed = true;
        named |= categories[i].name.size > 0;
    }
    mw_status status = model_cat_settle_categories(cat, columns, err);
    if (status == MW_OK)
        status = cat_settle_statistics(cat, columns, err);
    if (status == MW_OK)
        status = model_set_schema(forest, columns, named, "f", err);
    free(columns);
    return status == MW_OK ? MW_OK : mw_at(err, "features_info");
}

/* Nodes named float features until here. */
static mw_status place_features(model_cat *cat, mw_error *err)
{
    const model_cat_feature *features = cat->features.items;
    mw_splits splits = model_build_splits(&cat->build);
    uint32_t *feature = cat->build.feature.items;
    uint8_t *flags = cat->build.flags.items;
    cat_number_conditions(cat);
    for (size_t node = 0; node < splits.n; node++) {
        if (!mw_splits_ask(&splits, node) || flags[node] & MW_NODE_CATEGORICAL)
            continue;
        if (feature[node] & MODEL_CAT_CONDITION) {
            size_t condition = feature[node] & ~MODEL_CAT_CONDITION;
            if (cat_find_column(cat, condition, &feature[node], err) != MW_OK)
                return mw_at(err, "features_info");
            continue;
        }
        if (feature[node] >= cat->features.count) {
            mw_fail(err, MW_E_TREE_FEATURE, "a split asks for float feature %u, outside 0..%zu",
                    feature[node], cat->features.count);
            return mw_mend(err, "save the model again; this file was damaged or edited by hand");
        }
        const model_cat_feature *from = &features[feature[node]];
        feature[node] = (uint32_t)from->column;
        if (from->nan_is_high)
            flags[node] &= (uint8_t)~MW_NODE_DEFAULT_LEFT;
    }
    return MW_OK;
}

mw_status model_cat_settle(model_cat *cat, mw_error *err)
{
    MW_TRY(set_outputs(cat, err));
    MW_TRY(set_loss(cat, err));
    MW_TRY(set_labels(cat, err));
    MW_TRY(count_columns(cat, err));
    MW_TRY(place_features(cat, err));
    return set_schema(cat, err);
}
