/* What is wanted, of predictions and of bounds on margins. */
#include "want.h"

#include <math.h>

#include "base/banned.h"

/* ---- one margin, rising with the prediction -------------------------------------------------- */

/* The margin at which the prediction is `at`; infinite where it never is. */
static bool margin_at(const mw_forest *forest, double at, double *ret_margin)
{
    switch (forest->transform) {
    case MW_TRANSFORM_IDENTITY:
        *ret_margin = at;
        return true;
    case MW_TRANSFORM_SIGMOID:
        *ret_margin = at <= 0   ? -(double)INFINITY
                      : at >= 1 ? (double)INFINITY
                                : log(at / (1 - at)) / forest->scale;
        return forest->scale > 0;
    case MW_TRANSFORM_EXP:
        *ret_margin = at <= 0 ? -(double)INFINITY : log(at);
        return true;
    default:
        return false;
    }
}

/* Two classes of one margin: class 1 beyond this margin. */
static bool class_border(const mw_forest *forest, double *ret_margin)
{
    switch (forest->transform) {
    case MW_TRANSFORM_SIGMOID:
    case MW_TRANSFORM_SIGMOID_LABEL:
    case MW_TRANSFORM_HINGE:
    case MW_TRANSFORM_PAIR_SIGN:
    case MW_TRANSFORM_PAIR_SIGMOID:
        *ret_margin = 0;
        return forest->n_margins == 1;
    case MW_TRANSFORM_PAIR_SHARE:
        *ret_margin = 0.5;
        return forest->n_margins == 1;
    default:
        return false;
    }
}

/* One margin a class, the largest wins. */
static bool is_contest(const mw_forest *forest)
{
    switch (forest->transform) {
    case MW_TRANSFORM_SOFTMAX:
    case MW_TRANSFORM_SOFTMAX_LABEL:
    case MW_TRANSFORM_ARGMAX:
    case MW_TRANSFORM_SIGMOID:
        return forest->n_margins > 1 && forest->n_margins == forest->n_classes;
    default:
        return false;
    }
}

/* ---- the three questions --------------------------------------------------------------------- */

static mw_status fail_transform(mw_error *err)
{
    mw_fail(err, MW_E_WANT, "what this model predicts cannot be bounded from its trees");
    return mw_mend(err, "ask for a class of a classifier, or a range of one prediction a row");
}

mw_status insight_want_check(const mw_search *search, mw_error *err)
{
    double margin;
    const mw_forest *forest = search->forest;
    const mw_want *want = &search->want;
    if (!mw_forest_has_steps(forest)) {
        mw_fail(err, MW_E_WANT, "the model is linear in places: it has no steps to search");
        return mw_mend(err, "train without linear_tree, or with trees instead of gblinear");
    }
    if (!want->is_class)
        return forest->n_predictions == 1 && forest->n_margins == 1 && margin_at(forest, 0, &margin)
                   ? MW_OK
                   : fail_transform(err);
    if (want->class_wanted >= forest->n_classes) {
        mw_fail(err, MW_E_WANT, "class %zu is none of the model's %zu", want->class_wanted,
                forest->n_classes);
        return mw_mend(err, "'mw model show' lists the classes");
    }
    return class_border(forest, &margin) || is_contest(forest) ? MW_OK : fail_transform(err);
}

static size_t class_of(const mw_forest *forest, const double *predictions)
{
    size_t n = forest->n_predictions, best = 0;
    bool is_label = forest->transform == MW_TRANSFORM_ARGMAX ||
                    forest->transform == MW_TRANSFORM_SOFTMAX_LABEL ||
                    forest->transform == MW_TRANSFORM_SIGMOID_LABEL;
    if (n == 1)
        return is_label ? (size_t)predictions[0] : predictions[0] > 0.5;
    for (size_t i = 1; i < n; i++)
        if (predictions[i] > predictions[best])
            best = i;
    return best;
}

bool insight_want_met(const mw_search *search, const double *predictions)
{
    const mw_want *want = &search->want;
    if (want->is_class)
        return class_of(search->forest, predictions) == want->class_wanted;
    double p = predictions[0];
    return (want->above_low ? p > want->low : p >= want->low) &&
           (want->below_high ? p < want->high : p <= want->high);
}

/* Borders are given some room: a prediction near one is rounded, and only its own value tells. */
static bool above(double high, double border)
{
    return isinf(border) ? border < 0 : high >= border - 1e-5 * (1 + fabs(border));
}

static bool below(double low, double border)
{
    return isinf(border) ? border > 0 : low <= border + 1e-5 * (1 + fabs(border));
}

static bool contest_reachable(const mw_search *search, const double *low, const double *high)
{
    size_t wanted = search->want.class_wanted;
    for (size_t m = 0; m < search->forest->n_margins; m++)
        if (m != wanted && !above(high[wanted], low[m]))
            return false;
    return true;
}

bool insight_want_reachable(const mw_search *search, const double *low, const double *high)
{
    const mw_forest *forest = search->forest;
    const mw_want *want = &search->want;
    double from = 0, to = 0, by = forest->divide_by > 0 ? forest->divide_by : 1;
    if (want->is_class && !class_border(forest, &from))
        return contest_reachable(search, low, high);
    if (want->is_class)
        return want->class_wanted ? above(high[0] / by, from) : below(low[0] / by, from);
    margin_at(forest, want->low, &from);
    margin_at(forest, want->high, &to);
    bool low_never = want->low == (double)INFINITY, high_never = want->high == -(double)INFINITY;
    if (isinf(from) && from > 0 && !low_never) /* a probability of 1: float rounding reaches it */
        from = 16 / forest->scale;
    if (isinf(to) && to < 0 && !high_never)
        to = forest->transform == MW_TRANSFORM_SIGMOID ? -80 / forest->scale : -80;
    return above(high[0] / by, from) && below(low[0] / by, to);
}
