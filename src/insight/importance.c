/* Importance by splits and by contributions. */
#include "importance.h"

#include <math.h>
#include <stdlib.h>

#include "explain/explain.h"

#include "base/banned.h"

static bool wants_gain(mw_importance kind)
{
    return kind == MW_IMPORTANCE_GAIN || kind == MW_IMPORTANCE_TOTAL_GAIN;
}

static bool wants_cover(mw_importance kind)
{
    return kind == MW_IMPORTANCE_COVER || kind == MW_IMPORTANCE_TOTAL_COVER;
}

static mw_status check_forest(const mw_forest *forest, mw_importance kind, mw_error *err)
{
    if (forest->linear_weights) {
        mw_fail(err, MW_E_NO_SPLITS, "the model is linear: it has no splits");
        return mw_mend(err, "ask for contributions: --kind shap --input rows.csv");
    }
    if (mw_explain_check_columns(forest, err) != MW_OK)
        return mw_mend(err, "ask for --kind permutation with rows");
    if (forest->n_nodes == forest->n_trees)
        return MW_OK; /* leaves alone: every feature has zero */
    if (wants_gain(kind) && !forest->gain) {
        mw_fail(err, MW_E_NO_GAIN, "%s files keep no gains of their splits",
                mw_format_name(forest->format));
        return mw_mend(err, "ask for --kind weight, or for --kind shap or permutation with rows");
    }
    if (wants_cover(kind) && !forest->cover) {
        mw_fail(err, MW_E_NO_COVER, "the model does not say how many rows each node saw");
        return mw_mend(err, "ask for --kind weight, or for --kind permutation with rows");
    }
    return MW_OK;
}

/* LightGBM's own rule: a split that gained nothing is none. */
static bool counts(const mw_forest *forest, size_t node)
{
    bool is_split = forest->left[node] != MW_NO_CHILD;
    return is_split && !(forest->format == MW_FORMAT_LIGHTGBM_TEXT && forest->gain &&
                         !(forest->gain[node] > 0));
}

static double share_of(const mw_forest *forest, mw_importance kind, size_t node)
{
    if (wants_gain(kind))
        return (double)forest->gain[node];
    return wants_cover(kind) ? forest->cover[node] : 1;
}

static mw_status add_splits(const mw_forest *forest, mw_importance kind, double *sums,
                            mw_error *err)
{
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (!counts(forest, node))
            continue;
        double share = share_of(forest, kind, node);
        if (!isfinite(share)) {
            mw_fail(err, MW_E_IMPORTANCE_VALUE, "the %s of a split is %g",
                    wants_gain(kind) ? "gain" : "cover", share);
            mw_at(err, "node %zu", node);
            return mw_mend(err, "export the model again; this file is damaged or edited by hand");
        }
        sums[mw_forest_feature(forest, forest->feature[node])] += share;
    }
    return MW_OK;
}

/* Sums become means. */
static mw_status divide_by_splits(const mw_forest *forest, double *sums, mw_error *err)
{
    size_t *n_splits = calloc(forest->n_features + 1, sizeof *n_splits);
    if (!n_splits)
        return mw_fail_memory(err, "the counts of splits");
    for (size_t node = 0; node < forest->n_nodes; node++)
        n_splits[mw_forest_feature(forest, forest->feature[node])] += counts(forest, node);
    for (size_t f = 0; f < forest->n_features; f++)
        sums[f] = n_splits[f] ? sums[f] / (double)n_splits[f] : 0;
    free(n_splits);
    return MW_OK;
}

mw_status mw_importance_of_splits(const mw_forest *forest, mw_importance kind, double *ret_values,
                                  mw_error *err)
{
    MW_TRY(mw_forest_grow(forest, &forest, err));
    MW_TRY(check_forest(forest, kind, err));
    memset(ret_values, 0, forest->n_features * sizeof *ret_values);
    MW_TRY(add_splits(forest, kind, ret_values, err));
    if (kind == MW_IMPORTANCE_GAIN || kind == MW_IMPORTANCE_COVER)
        return divide_by_splits(forest, ret_values, err);
    return MW_OK;
}

void mw_importance_add_rows(const mw_forest *forest, const double *values, size_t n_rows,
                            double *sums)
{
    size_t n_features = forest->n_features;
    for (size_t row = 0; row < n_rows; row++)
        for (size_t m = 0; m < forest->n_margins; m++, values += n_features + 1)
            for (size_t f = 0; f < n_features; f++)
                sums[m * n_features + f] += fabs(values[f]);
}
