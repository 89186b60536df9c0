/* Objectives of XGBoost: how margins become predictions, and base_score becomes a margin.
 *
 * base_score is saved in the space of predictions. XGBoost turns it into a margin in float32 when
 * it loads the model, and so do we, with the same operations: -logf(1 / p - 1) for the logistic
 * objectives, logf(p) for those with a log link. Checked against XGBoost 3.2: equal bits for 70
 * values of each objective. */
#include "xgboost.h"

#include <math.h>

typedef enum base_link { LINK_NONE, LINK_LOGIT, LINK_LOG } base_link;

typedef enum class_count { NO_CLASSES, TWO_CLASSES, CLASSES_OF_MARGINS } class_count;

typedef struct objective {
    const char *name;
    mw_transform transform;
    base_link link;
    class_count classes;
} objective;

/* Names of 3.2, then those that came later or have gone. */
static const objective objectives[] = {
    {"reg:squarederror", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"reg:squaredlogerror", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"reg:absoluteerror", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"reg:pseudohubererror", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"reg:quantileerror", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"reg:logistic", MW_TRANSFORM_SIGMOID, LINK_LOGIT, NO_CLASSES},
    {"reg:gamma", MW_TRANSFORM_EXP, LINK_LOG, NO_CLASSES},
    {"reg:tweedie", MW_TRANSFORM_EXP, LINK_LOG, NO_CLASSES},
    {"count:poisson", MW_TRANSFORM_EXP, LINK_LOG, NO_CLASSES},
    {"survival:cox", MW_TRANSFORM_EXP, LINK_LOG, NO_CLASSES},
    {"survival:aft", MW_TRANSFORM_EXP, LINK_LOG, NO_CLASSES},
    {"binary:logistic", MW_TRANSFORM_SIGMOID, LINK_LOGIT, TWO_CLASSES},
    {"binary:logitraw", MW_TRANSFORM_IDENTITY, LINK_NONE, TWO_CLASSES},
    {"binary:hinge", MW_TRANSFORM_HINGE, LINK_NONE, TWO_CLASSES},
    {"multi:softmax", MW_TRANSFORM_ARGMAX, LINK_NONE, CLASSES_OF_MARGINS},
    {"multi:softprob", MW_TRANSFORM_SOFTMAX, LINK_NONE, CLASSES_OF_MARGINS},
    {"rank:pairwise", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"rank:ndcg", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"rank:map", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"reg:expectileerror", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
    {"reg:linear", MW_TRANSFORM_IDENTITY, LINK_NONE, NO_CLASSES},
};

static const objective *find_objective(mw_view name)
{
    for (size_t i = 0; i < MW_COUNT(objectives); i++)
        if (mw_view_is(name, objectives[i].name))
            return &objectives[i];
    return NULL;
}

static const char *nearest_objective(mw_view name)
{
    const char *nearest = objectives[0].name;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < MW_COUNT(objectives); i++) {
        size_t distance = mw_view_distance(name, mw_view_of(objectives[i].name), 32);
        if (distance < least) {
            least = distance;
            nearest = objectives[i].name;
        }
    }
    return nearest;
}

mw_status model_xgb_set_objective(model_xgb *xgb, mw_error *err)
{
    mw_forest *forest = xgb->build.forest;
    const objective *found = find_objective(xgb->objective);
    if (!found) {
        mw_fail(err, MW_E_OBJECTIVE, "unknown objective '%.*s'", MW_VIEW_ARG(xgb->objective));
        mw_at(err, "learner.objective.name");
        mw_why(err, "the nearest that is known is '%s'", nearest_objective(xgb->objective));
        return mw_mend(err, "train with an objective of XGBoost 3.2, such as reg:squarederror, "
                            "binary:logistic or multi:softprob");
    }
    forest->objective = found->name;
    forest->transform = found->transform;
    forest->n_predictions = found->transform == MW_TRANSFORM_ARGMAX ? 1 : forest->n_margins;
    forest->n_classes = found->classes == TWO_CLASSES          ? 2
                        : found->classes == CLASSES_OF_MARGINS ? forest->n_margins
                                                               : 0;
    return MW_OK;
}

/* ---- base_score ------------------------------------------------------------------------------ */

static mw_status wrong_base(mw_view text, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_VALUE, "base_score '%.*s' %s", MW_VIEW_ARG(text), why);
    mw_mend(err, "save the model again; this file was damaged or edited by hand");
    return mw_at(err, "learner.learner_model_param.base_score");
}

/* "5E-1", "[5E-1]" or "[1E-1,2E-1]": a list of float. */
static mw_status read_scores(mw_view text, model_list *scores, mw_error *err)
{
    mw_view rest = mw_view_trim(text);
    if (rest.size >= 2 && rest.data[0] == '[' && rest.data[rest.size - 1] == ']')
        rest = (mw_view){rest.data + 1, rest.size - 2};
    while (rest.size > 0) {
        const char *comma = memchr(rest.data, ',', rest.size);
        mw_view field = {rest.data, comma ? (size_t)(comma - rest.data) : rest.size};
        double value;
        float *score = model_list_add(scores, 1);
        if (!score)
            return mw_fail_memory(err, "base scores");
        if (!mw_number_parse(field.data, field.size, &value))
            return wrong_base(text, "is not a number", err);
        *score = model_float_of(value, mw_view_trim(field));
        size_t used = field.size + (comma != NULL);
        rest = (mw_view){rest.data + used, rest.size - used};
    }
    return MW_OK;
}

/* XGBoost keeps a probability this far from 0 and 1 when it loads a model: it saves 1 itself when
 * all labels of the training data are equal. */
static float clamp_probability(float p)
{
    const float margin = 1e-6f;
    return p < margin ? margin : p > 1.0f - margin ? 1.0f - margin : p;
}

static float link_margin(base_link link, float score)
{
    switch (link) {
    case LINK_LOGIT:
        return -logf(1.0f / clamp_probability(score) - 1.0f);
    case LINK_LOG:
        return logf(score);
    case LINK_NONE:
        break;
    }
    return score;
}

static mw_status set_margins(model_xgb *xgb, const model_list *scores, mw_error *err)
{
    mw_forest *forest = xgb->build.forest;
    base_link link = find_objective(xgb->objective)->link;
    const float *score = scores->items;
    if (scores->count != 1 && scores->count != forest->n_margins)
        return wrong_base(xgb->base_score, "has a wrong count of values", err);
    double *margins = mw_arena_take_zeroed(&forest->arena, forest->n_margins, sizeof *margins);
    if (!margins)
        return mw_fail_memory(err, "base scores");
    for (size_t i = 0; i < forest->n_margins; i++) {
        float own = score[scores->count == 1 ? 0 : i];
        margins[i] = (double)link_margin(link, own);
        if (isnan(margins[i]) || (link == LINK_LOGIT && !(own >= 0.0f && own <= 1.0f)))
            return wrong_base(xgb->base_score, "is outside the objective's range", err);
    }
    forest->base_margin = margins;
    return MW_OK;
}

mw_status model_xgb_set_base(model_xgb *xgb, mw_error *err)
{
    model_list scores = {.item_bytes = sizeof(float)};
    mw_status status = read_scores(xgb->base_score, &scores, err);
    if (status == MW_OK)
        status = set_margins(xgb, &scores, err);
    model_list_done(&scores);
    return status;
}
