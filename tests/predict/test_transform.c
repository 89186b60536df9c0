/* Every transform: values by hand, and sane ends (overflow, NaN). */
#include "../test.h"

#include <float.h>
#include <math.h>

#include "predict/predictor.h"

#include "base/banned.h"

static const struct transform_case {
    const char *name;
    mw_transform transform;
    bool float32;
    double scale;
    double in[3];
    size_t n_margins;
    double out[3];
    size_t n_predictions;
} cases[] = {
    {"identity", MW_TRANSFORM_IDENTITY, true, 1, {1.5, -2}, 2, {1.5, -2}, 2},
    {"sigmoid 0", MW_TRANSFORM_SIGMOID, true, 1, {0}, 1, {0.5}, 1},
    {"sigmoid far right", MW_TRANSFORM_SIGMOID, true, 1, {200}, 1, {1}, 1},
    {"sigmoid scale", MW_TRANSFORM_SIGMOID, false, 2, {0.5}, 1, {0.7310585786300049}, 1},
    {"sigmoid double, far left", MW_TRANSFORM_SIGMOID, false, 1, {-800}, 1, {0}, 1},
    {"sigmoids of ova", MW_TRANSFORM_SIGMOID, false, 1, {0, 0, 0}, 3, {0.5, 0.5, 0.5}, 3},
    {"softmax of equals", MW_TRANSFORM_SOFTMAX, true, 1, {5, 5}, 2, {0.5, 0.5}, 2},
    {"softmax without overflow", MW_TRANSFORM_SOFTMAX, true, 1, {1e30, 0}, 2, {1, 0}, 2},
    {"softmax double", MW_TRANSFORM_SOFTMAX, false, 1, {1000, 1000}, 2, {0.5, 0.5}, 2},
    {"argmax, first wins", MW_TRANSFORM_ARGMAX, true, 1, {1, 3, 3}, 3, {1}, 1},
    {"exp", MW_TRANSFORM_EXP, true, 1, {0}, 1, {1}, 1},
    {"exp overflow", MW_TRANSFORM_EXP, true, 1, {100}, 1, {INFINITY}, 1},
    {"exp double", MW_TRANSFORM_EXP, false, 1, {1}, 1, {2.718281828459045}, 1},
    {"hinge", MW_TRANSFORM_HINGE, true, 1, {0, 0.1, -1}, 3, {0, 1, 0}, 3},
    {"signed square", MW_TRANSFORM_SIGNED_SQUARE, false, 1, {-3, 2}, 2, {-9, 4}, 2},
    {"log1p exp", MW_TRANSFORM_LOG1P_EXP, false, 1, {0}, 1, {0.6931471805599453}, 1},
    {"label: half is 0", MW_TRANSFORM_SIGMOID_LABEL, true, 1, {0, 1e-3, -1}, 3, {0, 1, 0}, 3},
    {"label: two that round to one",
     MW_TRANSFORM_SOFTMAX_LABEL,
     true,
     1,
     {-30, 20.0000019073486328125, 20},
     3,
     {1},
     1},
    /* Margins an ulp apart whose probabilities round to the same float: the first wins. */
    {"label: a tie of probabilities",
     MW_TRANSFORM_SOFTMAX_LABEL,
     true,
     1,
     {1e-9, 1.0000000827e-9},
     2,
     {0},
     1},
    {"pair of shares", MW_TRANSFORM_PAIR_SHARE, true, 1, {0.25}, 1, {0.75, 0.25}, 2},
    {"pair of signs", MW_TRANSFORM_PAIR_SIGN, true, 1, {-1.5}, 1, {1.5, -1.5}, 2},
    {"pair of sigmoids", MW_TRANSFORM_PAIR_SIGMOID, true, 1, {200}, 1, {0, 1}, 2},
    {"pair of sigmoids, left", MW_TRANSFORM_PAIR_SIGMOID, false, 1, {-200}, 1, {1, 0}, 2},
    {"pair of sigmoids, scale",
     MW_TRANSFORM_PAIR_SIGMOID,
     false,
     2,
     {0.5},
     1,
     {0.2689414213699951, 0.7310585786300049},
     2},
    {"zeros stay", MW_TRANSFORM_SOFTMAX_ZERO, true, 1, {3, 0, 3}, 3, {0.5, 0, 0.5}, 3},
    {"zeros alone", MW_TRANSFORM_SOFTMAX_ZERO, false, 1, {7, 0}, 2, {1, 0}, 2},
    {"probit of half", MW_TRANSFORM_PROBIT, true, 1, {0.5}, 1, {0}, 1},
    {"probit of 1", MW_TRANSFORM_PROBIT, true, 1, {1}, 1, {INFINITY}, 1},
    {"shares", MW_TRANSFORM_SHARES, true, 1, {1, -1, 2}, 3, {0.25, -0.25, 0.5}, 3},
    {"shares of nothing", MW_TRANSFORM_SHARES, true, 1, {0, 0}, 2, {0, 0}, 2},
    {"scaled exp", MW_TRANSFORM_SCALED_EXP, true, 1.5, {0}, 1, {1.5}, 1},
};

static void run(const struct transform_case *c, mw_output output, double *ret_values)
{
    mw_forest forest = {.n_margins = c->n_margins,
                        .n_predictions = c->n_predictions,
                        .sum_float32 = c->float32,
                        .transform = c->transform,
                        .scale = c->scale,
                        .divide_by = 1};
    float narrow[3];
    double row[3];
    for (size_t m = 0; m < c->n_margins; m++)
        narrow[m] = (float)c->in[m];
    predict_finish(&forest, output, 1, c->float32 ? (const void *)narrow : c->in, row, ret_values);
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double values[3];
        run(&cases[i], MW_PREDICTION, values);
        for (size_t m = 0; m < cases[i].n_predictions; m++) {
            if (values[m] != cases[i].out[m])
                fail_msg("%s: value %zu is %.17g, expected %.17g", cases[i].name, m, values[m],
                         cases[i].out[m]);
        }
    }
}

static void test_margins_are_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double values[3];
        run(&cases[i], MW_MARGIN, values);
        for (size_t m = 0; m < cases[i].n_margins; m++)
            assert_true((float)values[m] == (float)cases[i].in[m]);
    }
}

static void test_nan_stays(void **state)
{
    (void)state;
    static const mw_transform stays[] = {
        MW_TRANSFORM_IDENTITY, MW_TRANSFORM_SIGMOID,       MW_TRANSFORM_SOFTMAX,
        MW_TRANSFORM_EXP,      MW_TRANSFORM_SIGNED_SQUARE, MW_TRANSFORM_LOG1P_EXP,
        MW_TRANSFORM_PROBIT,   MW_TRANSFORM_SHARES,        MW_TRANSFORM_SCALED_EXP,
    };
    for (size_t i = 0; i < MW_COUNT(stays) * 2; i++) {
        struct transform_case c = {"nan", stays[i / 2], i % 2 == 0, 1, {NAN}, 1, {0}, 1};
        double value;
        run(&c, MW_PREDICTION, &value);
        assert_true(isnan(value));
    }
}

/* The smallest probability XGBoost gives: its cap on -x. */
static void test_sigmoid_cap(void **state)
{
    (void)state;
    struct transform_case c = {"cap", MW_TRANSFORM_SIGMOID, true, 1, {-1000}, 1, {0}, 1};
    double value;
    run(&c, MW_PREDICTION, &value);
    assert_true(value > 0 && value < 1e-38);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_margins_are_left_alone),
        cmocka_unit_test(test_nan_stays),
        cmocka_unit_test(test_sigmoid_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
