/* The public functions that ask a model many times: curves, counterfactuals; and reasons.
 *
 *     mw_matrix --copied, dense float64--> insight's curves and searches */
#include <math.h>
#include <stdlib.h>

#include "mw_model.h"

#include "base/banned.h"

enum { POINTS_MAX = 100000 };

/* ---- rows ------------------------------------------------------------------------------------ */

/* Dense copies of the rows; *ret_values is the caller's to free. */
static mw_status copy_rows(const mw_model *model, const mw_matrix *rows, double **ret_values,
                           mw_error *err)
{
    MW_TRY(mw_predict_check_rows(model->forest, rows, err));
    size_t count, bytes;
    double *values = NULL;
    if (!__builtin_mul_overflow(rows->n_rows, rows->n_columns, &count) &&
        !__builtin_mul_overflow(count, sizeof *values, &bytes))
        values = malloc(bytes + 1);
    if (!values)
        return mw_fail_memory(err, "the rows");
    for (size_t row = 0; row < rows->n_rows; row++)
        for (size_t c = 0; c < rows->n_columns; c++)
            values[row * rows->n_columns + c] = predict_read(rows, row, c);
    *ret_values = values;
    return MW_OK;
}

static mw_status check_feature(const mw_model *model, size_t feature, mw_error *err)
{
    if (feature < model->forest->n_features)
        return MW_OK;
    mw_fail(err, MW_E_FEATURE_COUNT, "feature %zu is outside 0..%zd", feature,
            (ptrdiff_t)model->forest->n_features - 1);
    return mw_mend(err, "count features from 0, in the order of the model");
}

static mw_status check_output(mw_output output, mw_error *err)
{
    if (output == MW_PREDICTION || output == MW_MARGIN)
        return MW_OK;
    mw_fail(err, MW_E_OUTPUT_KIND, "output %d is unknown", (int)output);
    return mw_mend(err, "give MW_PREDICTION or MW_MARGIN");
}

/* ---- grids ----------------------------------------------------------------------------------- */

static mw_status fail_grid(mw_error *err, size_t wanted, size_t held)
{
    mw_fail(err, MW_E_VALUES_TOO_SMALL, "ret_grid holds %zu numbers, %zu are to come", held,
            wanted);
    return mw_mend(err, "give room for as many; n_points + 1 is enough for a grid of rows");
}

/* A value of each cell. */
static mw_status exact_grid(const mw_forest *forest, size_t feature, double *ret_grid,
                            size_t grid_count, size_t *ret_count, mw_error *err)
{
    double *breaks;
    size_t n_breaks;
    if (!mw_forest_has_steps(forest)) {
        mw_fail(err, MW_E_NO_SPLITS, "the model is linear: its curves have no steps");
        return mw_mend(err, "give rows, and MW_GRID_EVEN or MW_GRID_QUANTILES");
    }
    MW_TRY(mw_cells_breaks(forest, feature, &breaks, &n_breaks, err));
    mw_status status = MW_OK;
    if (n_breaks + 1 > grid_count)
        status = fail_grid(err, n_breaks + 1, grid_count);
    for (size_t cell = 0; status == MW_OK && cell <= n_breaks; cell++)
        ret_grid[cell] = mw_cells_value(forest->input, breaks, n_breaks, cell);
    if (status == MW_OK)
        *ret_count = n_breaks + 1;
    free(breaks);
    return status;
}

static mw_status check_points(mw_grid kind, size_t n_points, size_t grid_count, mw_error *err)
{
    if ((unsigned)kind > MW_GRID_DISTINCT) {
        mw_fail(err, MW_E_OUTPUT_KIND, "grid %d is unknown", (int)kind);
        return mw_mend(err, "give one of MW_GRID_EXACT .. MW_GRID_DISTINCT");
    }
    if (n_points < 2 || n_points > POINTS_MAX) {
        mw_fail(err, MW_E_GRID, "%zu points are outside 2..%d", n_points, POINTS_MAX);
        return mw_mend(err, "a hundred points are what scikit-learn takes");
    }
    return grid_count > n_points ? MW_OK : fail_grid(err, n_points + 1, grid_count);
}

static mw_status grid_of_rows(const mw_curve *curve, mw_grid kind, size_t n_points,
                              double *ret_grid, size_t *ret_count, mw_error *err)
{
    switch (kind) {
    case MW_GRID_EVEN:
        return mw_grid_even(curve, n_points, ret_grid, ret_count, err);
    case MW_GRID_QUANTILES:
        return mw_grid_quantiles(curve, n_points, ret_grid, ret_count, err);
    default:
        return mw_grid_distinct(curve, n_points, ret_grid, ret_count, err);
    }
}

mw_status mw_model_grid(const mw_model *model, const mw_matrix *rows, size_t feature, mw_grid kind,
                        size_t n_points, double *ret_grid, size_t grid_count, size_t *ret_count,
                        mw_error *err)
{
    double *values;
    if (!model || !ret_grid || !ret_count)
        return lib_fail_null(err, !model ? "model" : !ret_grid ? "ret_grid" : "ret_count");
    MW_TRY(check_feature(model, feature, err));
    if (kind == MW_GRID_EXACT)
        return exact_grid(model->forest, feature, ret_grid, grid_count, ret_count, err);
    MW_TRY(check_points(kind, n_points, grid_count, err));
    if (!rows)
        return lib_fail_null(err, "rows");
    MW_TRY(copy_rows(model, rows, &values, err));
    mw_curve curve = {.forest = model->forest,
                      .values = values,
                      .n_rows = rows->n_rows,
                      .row_stride = rows->n_columns,
                      .feature = feature};
    mw_status status = grid_of_rows(&curve, kind, n_points, ret_grid, ret_count, err);
    free(values);
    return status;
}

/* ---- curves ---------------------------------------------------------------------------------- */

/* Checks, and the curve over copied rows; curve->values is the caller's to free. */
static mw_status begin_curve(const mw_model *model, const mw_matrix *rows, size_t feature,
                             mw_output output, const double *grid, size_t n_grid,
                             const double *values, mw_curve *ret_curve, mw_error *err)
{
    double *copied;
    MW_TRY(lib_check_call(model, rows, values, err));
    if (!grid && n_grid > 0)
        return lib_fail_null(err, "grid");
    MW_TRY(check_feature(model, feature, err));
    MW_TRY(check_output(output, err));
    MW_TRY(copy_rows(model, rows, &copied, err));
    *ret_curve = (mw_curve){.forest = model->forest,
                            .predictor = model->predictor,
                            .values = copied,
                            .n_rows = rows->n_rows,
                            .row_stride = rows->n_columns,
                            .feature = feature,
                            .output = output};
    return MW_OK;
}

static void end_curve(const mw_curve *curve)
{
    free((double *)(uintptr_t)curve->values);
}

mw_status mw_model_curves(const mw_model *model, const mw_matrix *rows, size_t feature,
                          mw_output output, const double *grid, size_t n_grid, double *ret_values,
                          size_t values_count, mw_error *err)
{
    mw_curve curve;
    MW_TRY(begin_curve(model, rows, feature, output, grid, n_grid, ret_values, &curve, err));
    size_t width;
    mw_status status = MW_OK;
    if (__builtin_mul_overflow(n_grid, mw_predictor_outputs(model->predictor, output), &width))
        width = SIZE_MAX;
    status = lib_check_room(rows, width, "n_grid * outputs", values_count, err);
    size_t block = status == MW_OK ? mw_curve_block(&curve, n_grid) : 0;
    for (size_t row = 0, n; row < rows->n_rows && status == MW_OK; row += n) {
        n = rows->n_rows - row < block ? rows->n_rows - row : block;
        status = mw_curve_rows(&curve, row, n, grid, n_grid, ret_values + row * width, err);
    }
    end_curve(&curve);
    return status;
}

/* Room for (n_points, outputs), whatever the rows. */
static mw_status check_points_room(const mw_curve *curve, size_t n_points, size_t values_count,
                                   mw_error *err)
{
    mw_matrix points = {.n_rows = n_points};
    if (curve->n_rows > 0)
        return lib_check_room(&points, mw_predictor_outputs(curve->predictor, curve->output),
                              "outputs, where rows are the points of the grid", values_count, err);
    mw_fail(err, MW_E_BACKGROUND_EMPTY, "there are no rows to take a mean over");
    return mw_mend(err, "give rows that stand for the usual: some hundred of the training data");
}

mw_status mw_model_partial_dependence(const mw_model *model, const mw_matrix *rows, size_t feature,
                                      mw_output output, const double *grid, size_t n_grid,
                                      double *ret_values, size_t values_count, mw_error *err)
{
    mw_curve curve;
    MW_TRY(begin_curve(model, rows, feature, output, grid, n_grid, ret_values, &curve, err));
    mw_status status = check_points_room(&curve, n_grid, values_count, err);
    if (status == MW_OK)
        status = mw_curve_mean(&curve, grid, n_grid, ret_values, err);
    end_curve(&curve);
    return status;
}

static mw_status check_edges(const double *edges, size_t n_edges, mw_error *err)
{
    for (size_t i = 0; i < n_edges; i++) {
        if (!isnan(edges[i]) && (i == 0 || edges[i] > edges[i - 1]))
            continue;
        mw_fail(err, MW_E_GRID, "edge %zu, %g, is not above the one before it", i, edges[i]);
        return mw_mend(err, "give ascending edges: mw_model_grid with MW_GRID_QUANTILES");
    }
    return MW_OK;
}

mw_status mw_model_local_effects(const mw_model *model, const mw_matrix *rows, size_t feature,
                                 mw_output output, const double *edges, size_t n_edges,
                                 size_t *ret_counts, double *ret_values, size_t values_count,
                                 mw_error *err)
{
    mw_curve curve;
    if (!ret_counts)
        return lib_fail_null(err, "ret_counts");
    MW_TRY(begin_curve(model, rows, feature, output, edges, n_edges, ret_values, &curve, err));
    mw_status status = check_points_room(&curve, n_edges, values_count, err);
    if (status == MW_OK)
        status = check_edges(edges, n_edges, err);
    if (status == MW_OK)
        status = mw_curve_ale(&curve, edges, n_edges, ret_counts, ret_values, err);
    end_curve(&curve);
    return status;
}

/* ---- counterfactuals ------------------------------------------------------------------------- */

static mw_status check_rules_room(const mw_model *model, size_t rules_count, mw_error *err)
{
    if (rules_count >= model->forest->n_features)
        return MW_OK;
    mw_fail(err, MW_E_VALUES_TOO_SMALL, "ret_rules holds %zu rules, the model has %zu features",
            rules_count, model->forest->n_features);
    return mw_mend(err, "give room for n_features");
}

mw_status mw_model_change_rules(const mw_model *model, const mw_matrix *reference,
                                mw_change_rule *ret_rules, size_t rules_count, mw_error *err)
{
    if (!model || !ret_rules)
        return lib_fail_null(err, !model ? "model" : "ret_rules");
    MW_TRY(check_rules_room(model, rules_count, err));
    mw_rows_seen none = {NULL, 0, model->forest->n_features};
    if (!reference)
        return mw_rules_learn(model->forest, &none, NULL, ret_rules, err);
    double *values;
    MW_TRY(copy_rows(model, reference, &values, err));
    mw_rows_seen seen = {values, reference->n_rows, reference->n_columns};
    mw_status status = mw_rules_learn(model->forest, &none, &seen, ret_rules, err);
    free(values);
    return status;
}

void mw_counterfactual_wish_init(mw_counterfactual_wish *ret_wish)
{
    if (ret_wish)
        *ret_wish = (mw_counterfactual_wish){
            .want = {.low = -(double)INFINITY, .high = (double)INFINITY},
            .max_changed = 3,
            .change_cost = 0.1,
            .max_boxes = 4000000,
            .max_ms = 10000,
        };
}

static bool is_rule(const mw_change_rule *rule)
{
    return rule->low <= rule->high && isfinite(rule->step) && rule->step >= 0 &&
           isfinite(rule->scale) && rule->scale > 0 && isfinite(rule->weight) && rule->weight >= 0;
}

static mw_status check_wish(const mw_forest *forest, const mw_counterfactual_wish *wish,
                            mw_error *err)
{
    for (size_t f = 0; f < forest->n_features; f++) {
        if (is_rule(&wish->rules[f]))
            continue;
        mw_fail(err, MW_E_CHANGE_RULE, "the rule of feature %zu has a number out of its range", f);
        return mw_mend(err, "begin with mw_model_change_rules, and keep scale > 0, low <= high");
    }
    bool good = isfinite(wish->change_cost) && wish->change_cost >= 0 && isfinite(wish->margin) &&
                wish->margin >= 0 && (wish->want.is_class || wish->want.low <= wish->want.high);
    if (good)
        return MW_OK;
    mw_fail(err, MW_E_CHANGE_RULE, "the wish has a number out of its range");
    return mw_mend(err, "begin with mw_counterfactual_wish_init; costs and margin are >= 0");
}

static mw_status find(const mw_search *search, const double *row, size_t count, double *ret_rows,
                      mw_answer *ret_answers, size_t *ret_found, mw_error *err)
{
    bool holds;
    MW_TRY(mw_want_holds(search, row, &holds, err));
    if (!holds)
        return mw_counterfactual_find(search, row, count, ret_rows, ret_answers, ret_found, err);
    memcpy(ret_rows, row, search->forest->n_features * sizeof *row);
    ret_answers[0] = (mw_answer){.proven = true};
    ret_answers[1] = (mw_answer){.proven = true};
    *ret_found = 1;
    return MW_OK;
}

mw_status mw_model_counterfactual(const mw_model *model, const double *row,
                                  const mw_counterfactual_wish *wish, size_t count,
                                  double *ret_rows, mw_answer *ret_answers, size_t *ret_found,
                                  mw_error *err)
{
    const char *missing = !model         ? "model"
                          : !row         ? "row"
                          : !wish        ? "wish"
                          : !wish->rules ? "wish->rules"
                          : !ret_rows    ? "ret_rows"
                          : !ret_answers ? "ret_answers"
                          : !ret_found   ? "ret_found"
                                         : NULL;
    if (missing)
        return lib_fail_null(err, missing);
    MW_TRY(check_wish(model->forest, wish, err));
    if (count == 0) {
        mw_fail(err, MW_E_CHANGE_RULE, "no answers are asked for");
        return mw_mend(err, "give a count of 1 or more, and room for it");
    }
    mw_search search = {.forest = model->forest,
                        .predictor = model->predictor,
                        .rules = wish->rules,
                        .want = wish->want,
                        .max_changed = wish->max_changed,
                        .change_cost = wish->change_cost,
                        .margin = wish->margin,
                        .max_boxes = wish->max_boxes,
                        .max_ns = wish->max_ms < UINT64_MAX / 1000000 ? wish->max_ms * 1000000
                                                                      : UINT64_MAX};
    return find(&search, row, count, ret_rows, ret_answers, ret_found, err);
}

/* ---- reasons --------------------------------------------------------------------------------- */

static mw_status check_groups(const size_t *group_of, size_t n_features, size_t n_groups, int side,
                              mw_error *err)
{
    for (size_t f = 0; f < n_features; f++) {
        if (group_of[f] < n_groups)
            continue;
        mw_fail(err, MW_E_REASON, "group %zu of feature %zu is outside 0..%zd", group_of[f], f,
                (ptrdiff_t)n_groups - 1);
        return mw_mend(err, "number the groups from 0, and say how many there are");
    }
    if (side >= -1 && side <= 1)
        return MW_OK;
    mw_fail(err, MW_E_REASON, "side %d is none", side);
    return mw_mend(err, "1: what raises, -1: what lowers, 0: both");
}

/* Where the caller has none: each feature its own group, all of them shown. */
static mw_status rank_given(const double *values, size_t n_features, const size_t *group_of,
                            size_t n_groups, const bool *shown, int side, mw_reason *ret_reasons,
                            size_t *ret_found, mw_error *err)
{
    size_t *own = calloc(n_features + 1, sizeof *own);
    bool *all = calloc(n_features + 1, sizeof *all);
    mw_status status = own && all ? MW_OK : mw_fail_memory(err, "the groups");
    for (size_t f = 0; f < n_features && status == MW_OK; f++) {
        own[f] = group_of ? group_of[f] : f;
        all[f] = shown ? shown[f] : true;
    }
    if (status == MW_OK)
        status = check_groups(own, n_features, n_groups, side, err);
    if (status == MW_OK)
        *ret_found = mw_reasons_rank(values, own, all, n_features, n_groups, side, ret_reasons);
    free(own);
    free(all);
    return status;
}

mw_status mw_reasons(const double *values, size_t n_features, const size_t *group_of,
                     size_t n_groups, const bool *shown, int side, mw_reason *ret_reasons,
                     size_t *ret_found, mw_error *err)
{
    if (!values || !ret_reasons || !ret_found)
        return lib_fail_null(err, !values ? "values" : !ret_reasons ? "ret_reasons" : "ret_found");
    return rank_given(values, n_features, group_of, group_of ? n_groups : n_features, shown, side,
                      ret_reasons, ret_found, err);
}
