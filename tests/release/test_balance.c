/* Whether both versions are asked the same, by simulation: looked at each second, equal requests
 * are called unlike no more often than alpha says; a column that tells the arms apart is named. */
#include "../test.h"

#include <math.h>

#include "../chance.h"
#include "release/release.h"

enum { RATE = 100, SECONDS = 60 };

/* How unlike the canary's requests are: a shift of the first column, and of the share of missing
 * values of the second. */
typedef struct nature {
    double shift, missing;
} nature;

static double normal(uint64_t *seed)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += test_chance(seed);
    return sum;
}

static void ask_one(mw_arm *arm, const nature *n, uint64_t *seed)
{
    const double values[] = {n->shift + normal(seed), exp(2 * normal(seed)),
                             (double)(test_chance(seed) < 0.5), 7};
    arm->requests++;
    for (size_t i = 0; i < 4; i++) {
        if (i == 1 && test_chance(seed) < 0.1 + n->missing) {
            arm->covariate_missing[i]++;
            continue;
        }
        arm->covariate_n[i]++;
        arm->covariate_sum[i] += values[i];
        arm->covariate_squares[i] += values[i] * values[i];
    }
}

static mw_rollout_memory memory_of(double weight)
{
    mw_rollout_memory memory;
    mw_rollout_memory_init(&memory);
    memory.weight = weight;
    memory.n_covariates = 4;
    for (size_t i = 0; i < 4; i++)
        snprintf(memory.covariates[i], sizeof memory.covariates[i], "x%zu", i);
    return memory;
}

/* True: it was ever held for that. */
static bool run(const nature *canary, uint64_t seed, mw_rollout_judgement *j,
                mw_rollout_decision *decision)
{
    static const nature stable = {0, 0};
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    const mw_rollout_position position = {.state = MW_ROLLOUT_RUNNING};
    mw_rollout_memory memory = memory_of(0.3);
    for (unsigned t = 1; t <= SECONDS; t++) {
        for (unsigned i = 0; i < RATE; i++) {
            bool is_canary = test_chance(&seed) < memory.weight;
            ask_one(&memory.arms[is_canary], is_canary ? canary : &stable, &seed);
        }
        mw_rollout_judge(&document, &memory, j);
        mw_rollout_decide(&document, &position, j, t * 1000, decision);
        if (j->unlike < j->n_balance)
            return true;
    }
    return false;
}

static void equal_requests_are_compared(void **state)
{
    (void)state;
    mw_rollout_judgement j;
    mw_rollout_decision decision;
    static const nature same = {0, 0};
    size_t n = 0;
    for (uint64_t seed = 1; seed <= 60; seed++)
        n += run(&same, seed, &j, &decision);
    assert_true(n <= 1);
    assert_int_equal(j.n_balance, 4);
    assert_true(isnan(j.balance[3].difference)); /* it never varies */
}

static void unlike_requests_hold_the_rollout(void **state)
{
    (void)state;
    static const struct {
        nature nature;
        size_t unlike;
        bool is_missing;
    } cases[] = {{{0.4, 0}, 0, false}, {{-0.4, 0}, 0, false}, {{0, 0.3}, 1, true}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_rollout_judgement j;
        mw_rollout_decision decision;
        assert_true(run(&cases[i].nature, 7 + i, &j, &decision));
        assert_int_equal(j.unlike, cases[i].unlike);
        assert_int_equal(j.balance[j.unlike].is_missing, cases[i].is_missing);
        assert_int_equal(decision.action, MW_ACTION_HOLD);
        assert_non_null(strstr(decision.why, i == 2 ? "missing in 'x1'" : "'x0' differs"));
    }
}

/* Which never would be taken for one another. */
static void pairs_and_clients_are_left_alone(void **state)
{
    (void)state;
    mw_rollout_document document;
    mw_rollout_judgement j;
    mw_rollout_document_init(&document, MW_CANARY);
    mw_rollout_memory memory = memory_of(0.3);
    uint64_t seed = 3;
    const nature far = {5, 0}, near = {0, 0};
    for (int i = 0; i < 1000; i++)
        ask_one(&memory.arms[i % 2], i % 2 ? &far : &near, &seed);
    mw_rollout_judge(&document, &memory, &j);
    assert_int_equal(j.unlike, 0);
    memory.is_shadow = true;
    mw_rollout_judge(&document, &memory, &j);
    assert_int_equal(j.n_balance, 0);
    memory.is_shadow = false;
    memory.arms[0].keyed = 10;
    mw_rollout_judge(&document, &memory, &j);
    assert_int_equal(j.n_balance, 0);
}

static void columns_are_remembered(void **state)
{
    (void)state;
    mw_buf text;
    mw_error err;
    mw_rollout_memory memory = memory_of(0.3), again;
    memory.arms[1].covariate_n[3] = 5;
    mw_buf_init(&text, MW_MIB);
    mw_rollout_memory_write(&memory, &text);
    assert_int_equal(mw_rollout_memory_read(mw_buf_as_view(&text), &again, &err), MW_OK);
    assert_int_equal(again.n_covariates, 4);
    assert_string_equal(again.covariates[3], "x3");
    assert_true(again.arms[1].covariate_n[3] == 5);
    mw_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_requests_are_compared),
        cmocka_unit_test(unlike_requests_hold_the_rollout),
        cmocka_unit_test(pairs_and_clients_are_left_alone),
        cmocka_unit_test(columns_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
