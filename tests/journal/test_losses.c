/* What predictions lose: each kind's measure, the first labels, a rise and its end. */
#include "../chance.h"
#include "../test.h"

#include <math.h>

#include "journal/join.h"

typedef struct told {
    double label, score;
    double shares[3];
} told;

static void add(journal_losses *losses, const mw_log_shape *shape, told t)
{
    const journal_observation item = {.label = t.label, .score = t.score, .shares = t.shares};
    journal_losses_add(losses, shape, &item);
}

static mw_performance_loss look(const journal_losses *losses, const mw_log_shape *shape)
{
    mw_performance_loss loss;
    assert_true(journal_losses_look(losses, shape, &loss));
    return loss;
}

static void test_what_is_lost(void **state)
{
    (void)state;
    const struct {
        mw_log_shape shape;
        told first, then;
        const char *name;
        double lost_first, lost_then;
    } cases[] = {
        {{.answer = MW_LOG_PROBABILITY, .n_outputs = 1},
         {1, 0.9, {0}},
         {0, 0.5, {0}},
         "zero_one",
         0,
         1},
        {{.answer = MW_LOG_PROBABILITIES, .n_outputs = 2},
         {1, 0.4, {0}},
         {0, 0.4, {0}},
         "zero_one",
         1,
         0},
        {{.answer = MW_LOG_PROBABILITIES, .n_outputs = 3, .n_classes = 3},
         {2, 2, {0.1, 0.1, 0.8}},
         {0, 2, {0, 0, 1}},
         "zero_one",
         0,
         1},
        {{.answer = MW_LOG_CLASS, .n_outputs = 1, .n_classes = 3},
         {2, 2, {0}},
         {2, 1, {0}},
         "zero_one",
         0,
         1},
        {{.answer = MW_LOG_NUMBER, .n_outputs = 1}, {10, 14, {0}}, {10, -2, {0}}, "far_off", 0, 1},
        {{.answer = MW_LOG_NUMBER, .n_outputs = 1}, {10, 10, {0}}, {10, 10, {0}}, "far_off", 0, 0},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        journal_losses losses = {NULL};
        mw_performance_loss loss;
        assert_false(journal_losses_look(&losses, &cases[i].shape, &loss));
        for (int n = 0; n < MW_LIMIT_LOSS_LABELS; n++)
            add(&losses, &cases[i].shape, cases[i].first);
        loss = look(&losses, &cases[i].shape);
        assert_true(isnan(loss.level.mean) && loss.level.n_reference == MW_LIMIT_LOSS_LABELS);
        add(&losses, &cases[i].shape, cases[i].then);
        loss = look(&losses, &cases[i].shape);
        assert_string_equal(loss.name, cases[i].name);
        assert_true(fabs(loss.level.reference - cases[i].lost_first) < 1e-12);
        assert_true(fabs(loss.level.mean - cases[i].lost_then) < 1e-12);
        journal_losses_done(&losses);
    }
}

/* Numbers nobody told the unit of: errors of a hundred, then twice as large, then as before. */
static void test_a_regression_loses_more(void **state)
{
    (void)state;
    const mw_log_shape shape = {.answer = MW_LOG_NUMBER, .n_outputs = 1};
    const struct {
        double error;
        bool is_risen;
    } times[] = {{100, false}, {200, true}, {100, false}};
    journal_losses losses = {NULL};
    uint64_t chance = 1;
    for (size_t t = 0; t < MW_COUNT(times); t++) {
        for (int i = 0; i < 6000; i++)
            add(&losses, &shape, (told){5000, 5000 + times[t].error * test_chance(&chance), {0}});
        assert_true(look(&losses, &shape).level.is_risen == times[t].is_risen);
    }
    add(&losses, &shape, (told){(double)NAN, 1, {0}});
    journal_losses_done(&losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_lost),
                                       cmocka_unit_test(test_a_regression_loses_more)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
