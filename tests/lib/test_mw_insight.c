/* The public functions that ask a model many times: curves, counterfactuals, reasons. */
#include "../test.h"

#include <math.h>
#include <string.h>

#include <millwright.h>

/* LightGBM, by hand: x0 <= 0.5 ? 1 : (x1 <= 2 ? 2 : 5). Covers: leaf counts. */
static const char text[] =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
    "objective=regression\nfeature_names=age income\nfeature_infos=[0:9] [0:9]\n"
    "tree_sizes=300\n\nTree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 1\nsplit_gain=1 1\n"
    "threshold=0.5 2\ndecision_type=2 2\nleft_child=-1 -2\nright_child=1 -3\n"
    "leaf_value=1 2 5\nleaf_weight=1 1 1\nleaf_count=1 1 2\ninternal_value=0 0\n"
    "internal_weight=4 3\ninternal_count=4 3\nis_linear=0\nshrinkage=1\n\n\nend of trees\n";

static const double data[] = {0, 1, 1, 1, 1, 3, 2, 4};
static const mw_matrix rows = {data, MW_FLOAT64, 4, 2, 2, 1};

static int load(void **state)
{
    mw_error err;
    mw_model *model;
    if (mw_model_load_bytes(text, sizeof text - 1, "hand.txt", &model, &err) != MW_OK) {
        print_error("%s: %s\n", err.where, err.what);
        return -1;
    }
    *state = model;
    return 0;
}

static int unload(void **state)
{
    mw_model_free(*state);
    return 0;
}

/* ---- curves ---------------------------------------------------------------------------------- */

static void test_grids(void **state)
{
    const mw_model *model = *state;
    mw_error err;
    double grid[8];
    size_t n = 0;
    assert_int_equal(mw_model_grid(model, NULL, 0, MW_GRID_EXACT, 0, grid, 8, &n, &err), MW_OK);
    assert_int_equal(n, 2); /* one threshold, two cells */
    assert_true(grid[0] <= 0.5 && grid[1] > 0.5);
    assert_int_equal(mw_model_grid(model, &rows, 1, MW_GRID_EVEN, 5, grid, 8, &n, &err), MW_OK);
    assert_int_equal(n, 3); /* 1, 3, 4 */
    assert_true(grid[0] == 1 && grid[1] == 3 && grid[2] == 4);
    assert_int_equal(mw_model_grid(model, &rows, 0, MW_GRID_QUANTILES, 2, grid, 3, &n, &err),
                     MW_OK);
    assert_true(n == 3 && grid[0] == 0 && grid[1] == 1 && grid[2] == 2);
    assert_int_equal(mw_model_grid(model, &rows, 0, MW_GRID_DISTINCT, 2, grid, 8, &n, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_grid(model, &rows, 0, MW_GRID_EVEN, 8, grid, 8, &n, &err),
                     MW_BAD_ARGUMENT); /* no room */
    assert_int_equal(mw_model_grid(model, &rows, 0, (mw_grid)9, 4, grid, 8, &n, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_grid(model, &rows, 2, MW_GRID_EVEN, 4, grid, 8, &n, &err),
                     MW_MISMATCH);
    assert_int_equal(mw_model_grid(model, NULL, 0, MW_GRID_EVEN, 4, grid, 8, &n, &err),
                     MW_BAD_ARGUMENT);
    assert_true(err.what[0] && err.mend[0] && err.code);
}

static void test_curves(void **state)
{
    const mw_model *model = *state;
    static const double grid[] = {0, 1}, wanted[] = {1, 2, 1, 2, 1, 5, 1, 5};
    double values[8], means[2];
    mw_error err;
    assert_int_equal(mw_model_curves(model, &rows, 0, MW_MARGIN, grid, 2, values, 8, &err), MW_OK);
    assert_memory_equal(values, wanted, sizeof wanted);
    assert_int_equal(
        mw_model_partial_dependence(model, &rows, 0, MW_PREDICTION, grid, 2, means, 2, &err),
        MW_OK);
    assert_true(means[0] == 1 && fabs(means[1] - 3.5) < 1e-12);
    /* bins (1, 2] and (2, 4] of income: no row crosses 2 but by the edges */
    static const double edges[] = {1, 2, 4};
    size_t counts[2];
    double effects[3];
    assert_int_equal(
        mw_model_local_effects(model, &rows, 1, MW_MARGIN, edges, 3, counts, effects, 3, &err),
        MW_OK);
    assert_true(counts[0] == 2 && counts[1] == 2);
    assert_true(fabs(effects[1] - effects[0]) < 1e-12);     /* 2 stays 2 */
    assert_true(fabs(effects[2] - effects[1] - 3) < 1e-12); /* both go from 2 to 5 */
}

static void test_wrong_curves(void **state)
{
    const mw_model *model = *state;
    static const double grid[] = {0, 1, 1};
    static const mw_matrix none = {data, MW_FLOAT64, 0, 2, 2, 1},
                           narrow = {data, MW_FLOAT64, 2, 1, 1, 1};
    const struct {
        const char *name;
        const mw_model *model;
        const mw_matrix *rows;
        size_t feature;
        const double *grid;
        size_t room;
        mw_status expected;
    } cases[] = {
        {"right", model, &rows, 0, grid, 8, MW_OK},
        {"no model", NULL, &rows, 0, grid, 8, MW_BAD_ARGUMENT},
        {"no rows argument", model, NULL, 0, grid, 8, MW_BAD_ARGUMENT},
        {"feature", model, &rows, 2, grid, 8, MW_MISMATCH},
        {"no grid", model, &rows, 0, NULL, 8, MW_BAD_ARGUMENT},
        {"no room", model, &rows, 0, grid, 7, MW_BAD_ARGUMENT},
        {"columns", model, &narrow, 0, grid, 8, MW_MISMATCH},
        {"none at all", model, &none, 0, grid, 0, MW_OK},
    };
    double values[8];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mw_error err = {0};
        mw_status status =
            mw_model_curves(cases[i].model, cases[i].rows, cases[i].feature, MW_MARGIN,
                            cases[i].grid, 2, values, cases[i].room, &err);
        if (status != cases[i].expected || (status != MW_OK && (!err.what[0] || !err.code)))
            fail_msg("%s: got %d (%s)", cases[i].name, (int)status, err.what);
    }
    mw_error err;
    size_t counts[2];
    assert_int_equal(mw_model_partial_dependence(model, &none, 0, 0, grid, 2, values, 8, &err),
                     MW_BAD_ARGUMENT); /* a mean over nothing */
    assert_int_equal(mw_model_local_effects(model, &rows, 0, 0, grid, 3, counts, values, 8, &err),
                     MW_BAD_ARGUMENT); /* 1, 1: not ascending */
    assert_int_equal(mw_model_local_effects(model, &rows, 0, 0, grid, 2, NULL, values, 8, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_curves(model, &rows, 0, (mw_output)7, grid, 2, values, 8, &err),
                     MW_BAD_ARGUMENT);
}

/* ---- counterfactuals ------------------------------------------------------------------------- */

static void test_counterfactual(void **state)
{
    const mw_model *model = *state;
    mw_change_rule rules[2];
    mw_counterfactual_wish wish;
    mw_answer answers[3];
    double found[4];
    size_t n = 0;
    mw_error err;
    static const double row[] = {0, 1}; /* predicted 1 */
    assert_int_equal(mw_model_change_rules(model, NULL, rules, 2, &err), MW_OK);
    mw_counterfactual_wish_init(&wish);
    wish.rules = rules;
    wish.want.low = 4;
    assert_int_equal(mw_model_counterfactual(model, row, &wish, 2, found, answers, &n, &err),
                     MW_OK);
    assert_int_equal(n, 1); /* both must change */
    assert_true(found[0] > 0.5 && found[1] > 2 && answers[0].proven && answers[1].proven);
    double margin = 0;
    mw_matrix one = {found, MW_FLOAT64, 1, 2, 2, 1};
    assert_int_equal(mw_model_predict(model, &one, MW_MARGIN, NULL, &margin, 1, &err), MW_OK);
    assert_true(margin == 5);
    rules[1].fixed = true;
    assert_int_equal(mw_model_counterfactual(model, row, &wish, 1, found, answers, &n, &err),
                     MW_OK);
    assert_true(n == 0 && answers[0].proven); /* there is none, and that is proven */
    wish.want.low = 0;
    assert_int_equal(mw_model_counterfactual(model, row, &wish, 1, found, answers, &n, &err),
                     MW_OK);
    assert_true(n == 1 && answers[0].cost == 0 && found[0] == 0 && found[1] == 1);
}

/* What is usual: limits, whole numbers, the spread. */
static void test_rules(void **state)
{
    const mw_model *model = *state;
    mw_change_rule rules[2];
    mw_error err;
    assert_int_equal(mw_model_change_rules(model, &rows, rules, 2, &err), MW_OK);
    assert_true(rules[1].low == 1 && rules[1].high == 4 && rules[1].step == 1);
    assert_true(rules[1].scale > 0 && rules[1].weight == 1 && !rules[1].fixed);
    assert_int_equal(mw_model_change_rules(model, &rows, rules, 1, &err), MW_BAD_ARGUMENT);
    mw_counterfactual_wish wish;
    mw_answer answers[2];
    double found[2];
    size_t n;
    mw_counterfactual_wish_init(&wish);
    assert_int_equal(mw_model_counterfactual(model, data, &wish, 1, found, answers, &n, &err),
                     MW_BAD_ARGUMENT); /* no rules */
    wish.rules = rules;
    assert_int_equal(mw_model_counterfactual(model, data, &wish, 0, found, answers, &n, &err),
                     MW_BAD_ARGUMENT);
    rules[0].scale = 0;
    assert_int_equal(mw_model_counterfactual(model, data, &wish, 1, found, answers, &n, &err),
                     MW_BAD_ARGUMENT);
    rules[0].scale = 1;
    wish.margin = -1;
    assert_int_equal(mw_model_counterfactual(model, data, &wish, 1, found, answers, &n, &err),
                     MW_BAD_ARGUMENT);
    wish.margin = 0;
    wish.want = (mw_want){.is_class = true, .class_wanted = 7};
    assert_true(mw_model_counterfactual(model, data, &wish, 1, found, answers, &n, &err) != MW_OK);
    assert_true(err.what[0] && err.mend[0] && err.code);
}

/* ---- reasons --------------------------------------------------------------------------------- */

static void test_reasons(void **state)
{
    (void)state;
    static const double values[] = {0.5, -2, 1, 0, 0.25};
    static const size_t group_of[] = {0, 1, 0, 2, 1}, wrong[] = {0, 1, 0, 3, 1};
    static const bool shown[] = {true, true, false, true, true};
    mw_reason found[5];
    size_t n = 0;
    mw_error err;
    assert_int_equal(mw_reasons(values, 5, NULL, 0, NULL, 0, found, &n, &err), MW_OK);
    assert_true(n == 4 && found[0].group == 1 && found[0].value == -2 && found[3].group == 4);
    assert_int_equal(mw_reasons(values, 5, group_of, 3, NULL, 1, found, &n, &err), MW_OK);
    assert_true(n == 1 && found[0].group == 0 && found[0].value == 1.5);
    assert_int_equal(mw_reasons(values, 5, group_of, 3, shown, 0, found, &n, &err), MW_OK);
    assert_true(n == 2 && found[0].value == -1.75 && found[1].value == 0.5);
    assert_int_equal(mw_reasons(values, 5, wrong, 3, NULL, 0, found, &n, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_reasons(values, 5, group_of, 3, NULL, 2, found, &n, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_reasons(NULL, 5, NULL, 0, NULL, 0, found, &n, &err), MW_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grids),        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_wrong_curves), cmocka_unit_test(test_counterfactual),
        cmocka_unit_test(test_rules),        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
