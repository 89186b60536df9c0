/* Counterfactuals against every combination of candidates, on small forests of every kind. */
#include "../test.h"

#include "insight/candidates.h"
#include "insight/insight.h"

#include "../predict/random_forest.h"

enum { N_FEATURES = 4, SEEDS = 60 };

typedef struct world {
    mw_forest *forest;
    mw_predictor *predictor;
    mw_change_rule rules[N_FEATURES];
    double row[N_FEATURES];
    mw_search search;
} world;

/* A row, rules by chance, and a wish that is not met yet, if there is one nearby. */
static void make_world(world *w, uint64_t seed)
{
    chance from = {seed * 77};
    forest_wish wish = {.n_trees = 5,
                        .n_features = N_FEATURES,
                        .n_margins = seed % 4 == 3 ? 3 : 1,
                        .depth_max = 3,
                        .stop = 0.1,
                        .lightgbm = seed % 2,
                        .dart = seed % 5 == 0,
                        .categorical = seed % 3 == 2 ? 0.3 : 0,
                        .vector_leaves = seed % 8 == 7};
    wish.transform = wish.n_margins > 1 ? MW_TRANSFORM_SOFTMAX
                     : seed % 6 < 3     ? MW_TRANSFORM_SIGMOID
                                        : MW_TRANSFORM_IDENTITY;
    w->forest = random_forest(&wish, seed);
    w->forest->n_classes = wish.n_margins > 1 ? 3 : wish.transform == MW_TRANSFORM_SIGMOID ? 2 : 0;
    assert_int_equal(mw_predictor_new(w->forest, &w->predictor, NULL), MW_OK);
    for (size_t f = 0; f < N_FEATURES; f++) {
        size_t kind = chance_below(&from, 6);
        w->row[f] = kind == 5 ? (double)NAN : (double)chance_below(&from, 12) / 2 - 3;
        w->rules[f] = (mw_change_rule){.low = kind == 1 ? w->row[f] : -(double)INFINITY,
                                       .high = kind == 2 ? w->row[f] : (double)INFINITY,
                                       .fixed = kind == 3 && f > 0,
                                       .step = kind == 4 ? 0.5 : 0,
                                       .scale = 0.5 + chance_unit(&from),
                                       .weight = chance_unit(&from) * 2,
                                       .n_categories = mw_feature_categories(w->forest, f)};
        if (w->rules[f].n_categories > 6)
            w->rules[f].n_categories = 6;
    }
    w->search = (mw_search){.forest = w->forest,
                            .predictor = w->predictor,
                            .rules = w->rules,
                            .max_changed = 1 + seed % 3,
                            .change_cost = seed % 2 ? 0.1 : 0,
                            .max_boxes = 1000000,
                            .max_ns = UINT64_MAX};
    w->search.want = (mw_want){.low = -(double)INFINITY, .high = (double)INFINITY};
    if (wish.n_margins > 1) {
        w->search.want.is_class = true;
        w->search.want.class_wanted = seed / 4 % 3;
    } else if (seed % 2)
        w->search.want.low = wish.transform == MW_TRANSFORM_SIGMOID ? 0.6 : 0.5;
    else
        w->search.want.high = wish.transform == MW_TRANSFORM_SIGMOID ? 0.5 : 0.1;
}

static void free_world(world *w)
{
    mw_predictor_free(w->predictor);
    random_forest_free(w->forest);
}

/* The cheapest of all combinations, or infinity. */
static double try_all(const world *w, const insight_domain *domains)
{
    double best = (double)INFINITY, point[N_FEATURES];
    size_t at[N_FEATURES] = {0};
    for (;;) {
        double cost = 0;
        size_t n_changed = 0, f = 0;
        bool holds;
        for (size_t i = 0; i < N_FEATURES; i++) {
            point[i] = domains[i].values[at[i]];
            cost += domains[i].costs[at[i]];
            n_changed += at[i] != domains[i].own;
        }
        if (n_changed <= w->search.max_changed && cost < best) {
            assert_int_equal(mw_want_holds(&w->search, point, &holds, NULL), MW_OK);
            if (holds)
                best = cost;
        }
        while (f < N_FEATURES && ++at[f] == domains[f].count)
            at[f++] = 0;
        if (f == N_FEATURES)
            return best;
    }
}

static void check_point(const world *w, const double *point, uint64_t seed)
{
    bool holds;
    size_t n_changed = 0;
    assert_int_equal(mw_want_holds(&w->search, point, &holds, NULL), MW_OK);
    for (size_t f = 0; f < N_FEATURES; f++) {
        const mw_change_rule *rule = &w->rules[f];
        bool changed = !(point[f] == w->row[f] || isnan(w->row[f]));
        n_changed += changed;
        if (changed && (rule->fixed || point[f] < rule->low || point[f] > rule->high))
            fail_msg("seed %d: feature %zu became %g", (int)seed, f, point[f]);
    }
    if (!holds || n_changed > w->search.max_changed)
        fail_msg("seed %d: the answer is none", (int)seed);
}

static void test_against_all_combinations(void **state)
{
    (void)state;
    size_t n_met = 0, n_impossible = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        insight_domain domains[N_FEATURES];
        double point[N_FEATURES];
        mw_answer answer;
        mw_error err;
        size_t n_found = 9;
        make_world(&w, seed);
        for (size_t f = 0; f < N_FEATURES; f++)
            assert_int_equal(insight_domain_make(&w.search, f, w.row[f], &domains[f], &err), MW_OK);
        double best = try_all(&w, domains);
        if (mw_counterfactual_find(&w.search, w.row, 1, point, &answer, &n_found, &err) != MW_OK)
            fail_msg("seed %d: %s", (int)seed, err.what);
        if (!answer.proven || (n_found == 1) != isfinite(best))
            fail_msg("seed %d: %zu found, best %g", (int)seed, n_found, best);
        if (n_found && fabs(answer.cost - best) > 1e-9)
            fail_msg("seed %d: cost %.12g, but %.12g is possible", (int)seed, answer.cost, best);
        if (n_found)
            check_point(&w, point, seed);
        n_met += n_found && answer.cost > 0;
        n_impossible += !n_found;
        for (size_t f = 0; f < N_FEATURES; f++) {
            free(domains[f].values);
            free(domains[f].costs);
        }
        free_world(&w);
    }
    assert_true(n_met >= 10 && n_impossible >= 3); /* or the test says little */
}

static void test_several_answers_differ(void **state)
{
    (void)state;
    enum { COUNT = 3 };
    size_t n_several = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        double points[COUNT][N_FEATURES];
        mw_answer answers[COUNT];
        size_t n_found;
        bool already;
        make_world(&w, seed);
        assert_int_equal(mw_want_holds(&w.search, w.row, &already, NULL), MW_OK);
        assert_int_equal(
            mw_counterfactual_find(&w.search, w.row, COUNT, points[0], answers, &n_found, NULL),
            MW_OK);
        n_several += !already && n_found > 1;
        for (size_t k = 1; k < n_found && !already; k++) {
            assert_true(answers[k].cost >= answers[k - 1].cost);
            check_point(&w, points[k], seed);
            bool covers = true; /* all that the first one changes */
            for (size_t f = 0; f < N_FEATURES; f++)
                covers = covers &&
                         (points[0][f] == w.row[f] || isnan(w.row[f]) || points[k][f] != w.row[f]);
            assert_false(covers);
        }
        free_world(&w);
    }
    assert_true(n_several >= 3);
}

static void test_budget_ends_with_the_best_found(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        double point[N_FEATURES], best[N_FEATURES];
        mw_answer exact, hurried;
        size_t n_exact, n_hurried;
        make_world(&w, seed);
        assert_int_equal(mw_counterfactual_find(&w.search, w.row, 1, best, &exact, &n_exact, NULL),
                         MW_OK);
        w.search.max_boxes = 2;
        assert_int_equal(
            mw_counterfactual_find(&w.search, w.row, 1, point, &hurried, &n_hurried, NULL), MW_OK);
        if (n_hurried) {
            check_point(&w, point, seed);
            assert_true(hurried.cost >= exact.cost - 1e-9 && hurried.bound <= exact.cost + 1e-9);
        }
        free_world(&w);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    world w;
    bool holds;
    mw_error err;
    make_world(&w, 3);
    w.search.want = (mw_want){.is_class = true, .class_wanted = 7};
    assert_int_equal(mw_want_holds(&w.search, w.row, &holds, &err), MW_UNSUPPORTED);
    assert_non_null(strstr(err.what, "none of the model's"));
    w.search.want.is_class = false;
    assert_int_equal(mw_want_holds(&w.search, w.row, &holds, &err), MW_UNSUPPORTED);
    free_world(&w);
}

static const struct want_case {
    const char *text;
    bool is_read;
    mw_want want;
} want_cases[] = {
    {">=0.5", true, {.low = 0.5, .high = (double)INFINITY}},
    {" > 1e3 ", true, {.low = 1000, .high = (double)INFINITY, .above_low = true}},
    {"<0.5", true, {.low = -(double)INFINITY, .high = 0.5, .below_high = true}},
    {"<= -2", true, {.low = -(double)INFINITY, .high = -2}},
    {"10..20", true, {.low = 10, .high = 20}},
    {"20..10", false, {0}},
    {"1", true, {.is_class = true, .class_wanted = 1}},
    {"2", false, {0}},
    {"", false, {0}},
    {"<", false, {0}},
    {">=inf", false, {0}},
    {"..", false, {0}},
    {"much", false, {0}},
};

static void test_wants_are_read(void **state)
{
    (void)state;
    const mw_forest two = {.n_classes = 2};
    for (size_t i = 0; i < MW_COUNT(want_cases); i++) {
        const struct want_case *c = &want_cases[i];
        mw_want want = {.class_wanted = 77};
        bool is_read = mw_want_read(&two, mw_view_of(c->text), &want);
        if (is_read != c->is_read || (!is_read && want.class_wanted != 77))
            fail_msg("'%s': read %d", c->text, is_read);
        if (is_read &&
            (want.is_class != c->want.is_class || want.class_wanted != c->want.class_wanted ||
             want.above_low != c->want.above_low || want.below_high != c->want.below_high ||
             (!want.is_class && (want.low != c->want.low || want.high != c->want.high))))
            fail_msg("'%s': %g to %g, class %zu", c->text, want.low, want.high, want.class_wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_combinations),
        cmocka_unit_test(test_several_answers_differ),
        cmocka_unit_test(test_budget_ends_with_the_best_found),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_wants_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
