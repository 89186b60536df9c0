/* The promise of the tests, by simulation: looked at each second, equal versions are rolled back no
 * more often than alpha says, and worse ones are caught. Seeds are fixed: the same on each machine.
 */
#include "../test.h"

#include <math.h>

#include "../chance.h"
#include "release/release.h"
#include "stats/stats.h"

/* One version, and its share of the traffic. */
typedef struct nature {
    double errors, latency_ms, spread, score; /* spread: of ln(latency) */
} nature;

static double draw_normal(uint64_t *seed)
{
    double u = test_chance(seed), v = test_chance(seed);
    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

static void serve_one(mw_arm *arm, const nature *n, uint64_t *seed)
{
    double ns = 1e6 * n->latency_ms * exp(n->spread * draw_normal(seed)), x = log(ns);
    double score = test_chance(seed) + n->score;
    arm->requests++;
    if (test_chance(seed) < n->errors) {
        arm->errors++;
        return;
    }
    arm->latency_n++;
    arm->latency_sum += x;
    arm->latency_squares += x * x;
    arm->latencies[mw_latency_bin((uint64_t)ns)]++;
    arm->score_n++;
    arm->score_sum += score;
    arm->score_squares += score * score;
    size_t bin = score < 0 ? 0 : (size_t)(score * MW_ARM_SCORE_BINS);
    arm->scores[bin < MW_ARM_SCORE_BINS ? bin : MW_ARM_SCORE_BINS - 1]++;
}

static void serve_second(mw_rollout_memory *memory, const nature *stable, const nature *canary,
                         unsigned requests, uint64_t *seed)
{
    for (unsigned i = 0; i < requests; i++) {
        bool is_canary = test_chance(seed) < memory->weight;
        serve_one(&memory->arms[is_canary], is_canary ? canary : stable, seed);
    }
}

/* Through all the steps, looked at each second; what the rollout came to, and when. */
static mw_rollout_action run(const mw_rollout_document *document, const nature *stable,
                             const nature *canary, unsigned rate, unsigned seconds, uint64_t seed,
                             unsigned *ret_second)
{
    mw_rollout_memory memory;
    mw_rollout_judgement judgement;
    mw_rollout_decision decision;
    mw_rollout_position position = {.state = MW_ROLLOUT_RUNNING};
    mw_rollout_memory_init(&memory);
    memory.weight = document->steps[0].weight;
    for (unsigned t = 1; t <= seconds; t++) {
        serve_second(&memory, stable, canary, rate, &seed);
        mw_rollout_judge(document, &memory, &judgement);
        mw_rollout_decide(document, &position, &judgement, t * 1000, &decision);
        *ret_second = t;
        if (decision.action == MW_ACTION_ROLL_BACK || decision.action == MW_ACTION_PROMOTE)
            return decision.action;
        if (decision.action == MW_ACTION_ADVANCE) {
            position.step++;
            position.entered_ms = t * 1000;
            mw_rollout_memory_close(&memory, document, document->steps[position.step].weight,
                                    false);
        }
    }
    return decision.action;
}

static const nature usual = {0.05, 2, 0.5, 0};

/* 500 equal versions, each looked at 120 times: at most 1 % may be rolled back, so 13 would be
 * beyond chance (P < 0.002). */
static void test_false_rollbacks(void **state)
{
    (void)state;
    enum { RUNS = 500, MOST = 12 };
    unsigned n_back = 0, second;
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    document.metrics[0].tolerance = 0.0001; /* nearly no room: the hardest case */
    document.metrics[1].tolerance = 0.001;
    document.metrics[2].critical = true;
    document.metrics[2].tolerance = 0.01;
    for (unsigned i = 0; i < RUNS; i++)
        n_back +=
            run(&document, &usual, &usual, 100, 120, 1000 + i, &second) == MW_ACTION_ROLL_BACK;
    assert_in_range(n_back, 0, MOST);
}

/* Errors are rare, and the normal law is far: the exact test keeps its level. */
static void test_false_rollbacks_of_rare_errors(void **state)
{
    (void)state;
    enum { RUNS = 500, MOST = 12 };
    static const nature rare = {0.002, 2, 0.5, 0};
    unsigned n_back = 0, second;
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    document.n_metrics = 1;
    document.metrics[0].tolerance = 1e-6;
    for (unsigned i = 0; i < RUNS; i++)
        n_back += run(&document, &rare, &rare, 200, 60, 5000 + i, &second) == MW_ACTION_ROLL_BACK;
    assert_in_range(n_back, 0, MOST);
}

/* Errors 5 -> 10 % at 10 % of 200 requests a second: rolled back within a minute, nearly always. */
static void test_errors_are_caught(void **state)
{
    (void)state;
    enum { RUNS = 40 };
    static const nature bad = {0.10, 2, 0.5, 0};
    unsigned n_caught = 0, second, sum = 0;
    mw_error err;
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    assert_int_equal(mw_rollout_steps_read(MW_VIEW("10,100"), &document, &err), MW_OK);
    for (unsigned i = 0; i < RUNS; i++) {
        bool caught =
            run(&document, &usual, &bad, 200, 60, 9000 + i, &second) == MW_ACTION_ROLL_BACK;
        n_caught += caught;
        sum += caught ? second : 60;
    }
    assert_in_range(n_caught, RUNS - 3, RUNS);
    assert_in_range(sum / RUNS, 5, 40);
}

static void test_slowness_is_caught(void **state)
{
    (void)state;
    static const nature slow = {0.05, 3, 0.5, 0};
    unsigned second;
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(run(&document, &usual, &slow, 200, 300, 100 + i, &second),
                         MW_ACTION_ROLL_BACK);
        assert_in_range(second, 1, 240);
    }
}

/* A slow tail that the mean does not see: p99 doubled by 2 % of very slow answers. */
static void test_a_slow_tail_is_caught(void **state)
{
    (void)state;
    mw_rollout_memory memory;
    mw_rollout_judgement j;
    mw_rollout_document document;
    uint64_t seed = 5;
    mw_rollout_document_init(&document, MW_CANARY);
    document.n_metrics = 1;
    document.metrics[0] = (mw_rollout_metric){MW_METRIC_LATENCY_P99, 0.2, true};
    for (int is_bad = 0; is_bad < 2; is_bad++) {
        mw_rollout_memory_init(&memory);
        memory.weight = 0.5;
        for (unsigned i = 0; i < 40000; i++) {
            nature n = usual;
            if (is_bad && i % 2 && test_chance(&seed) < 0.02)
                n.latency_ms = 40;
            serve_one(&memory.arms[i % 2], &n, &seed);
        }
        mw_rollout_judge(&document, &memory, &j);
        assert_int_equal(j.evidence[0].finding, is_bad ? MW_FINDING_REGRESS : MW_FINDING_UNKNOWN);
    }
    mw_rollout_memory_init(&memory);
    for (unsigned i = 0; i < 400000; i++)
        serve_one(&memory.arms[i % 2], &usual, &seed);
    mw_rollout_judge(&document, &memory, &j);
    assert_int_equal(j.evidence[0].finding, MW_FINDING_FINE);
}

static void test_shifted_scores_hold(void **state)
{
    (void)state;
    static const nature shifted = {0.05, 2, 0.5, 0.3};
    mw_rollout_memory memory;
    mw_rollout_judgement j;
    mw_rollout_decision decision;
    mw_rollout_document document;
    uint64_t seed = 3;
    mw_rollout_document_init(&document, MW_CANARY);
    mw_rollout_memory_init(&memory);
    memory.weight = 0.25;
    serve_second(&memory, &usual, &shifted, 4000, &seed);
    mw_rollout_judge(&document, &memory, &j);
    mw_rollout_decide(&document, &(mw_rollout_position){.step = 2}, &j, 1000, &decision);
    assert_int_equal(j.evidence[2].finding, MW_FINDING_REGRESS);
    assert_int_equal(decision.action, MW_ACTION_HOLD);
    assert_non_null(strstr(decision.why, "shifted"));
}

static void test_equal_and_better_are_promoted(void **state)
{
    (void)state;
    static const nature better = {0.01, 1, 0.4, 0};
    unsigned second;
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(run(&document, &usual, &usual, 400, 2000, 300 + i, &second),
                         MW_ACTION_PROMOTE);
        assert_int_equal(run(&document, &usual, &better, 400, 2000, 400 + i, &second),
                         MW_ACTION_PROMOTE);
    }
}

/* A splitter that sends twice as much as it should is found out, and nothing is concluded. */
static void test_a_broken_split(void **state)
{
    (void)state;
    mw_rollout_memory memory;
    mw_rollout_judgement j;
    mw_rollout_decision decision;
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    mw_rollout_memory_init(&memory);
    memory.weight = 0.05;
    memory.arms[0].requests = 900;
    memory.arms[1].requests = 100;
    mw_rollout_judge(&document, &memory, &j);
    mw_rollout_decide(&document, &(mw_rollout_position){.step = 0}, &j, 0, &decision);
    assert_true(j.is_split_broken);
    assert_int_equal(decision.action, MW_ACTION_HOLD);
    memory.arms[1].keyed = 1; /* clients with keys come in clusters: nothing can be said */
    mw_rollout_judge(&document, &memory, &j);
    assert_false(j.is_split_broken);
}

/* Few requests prove nothing, whatever they say. */
static void test_little_is_unknown(void **state)
{
    (void)state;
    mw_rollout_memory memory;
    mw_rollout_judgement j;
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    mw_rollout_memory_init(&memory);
    memory.weight = 0.01;
    mw_rollout_judge(&document, &memory, &j);
    for (size_t m = 0; m < j.n_evidence; m++)
        assert_int_equal(j.evidence[m].finding, MW_FINDING_UNKNOWN);
    memory.arms[0].requests = 1000;
    memory.arms[1].requests = 60; /* no error among 60 */
    mw_rollout_judge(&document, &memory, &j);
    assert_int_equal(j.evidence[0].finding, MW_FINDING_UNKNOWN);
    assert_true(j.evidence[0].samples_needed > 100);
}

static void test_laws(void **state)
{
    (void)state;
    /* B(1+c, 9+k-c)/(B(1,9) .1^c .9^(k-c)) for c = 2, k = 3, by hand: 2!*9!/12! * 9 / (.01*.9) */
    double expected = log(2.0 * 362880 / 479001600 * 9 / (0.01 * 0.9));
    assert_true(fabs(mw_share_log_e(2, 3, 0.1) - expected) < 1e-9);
    assert_true(mw_share_log_e(0, 0, 0.5) == 0 && mw_share_log_e(3, 5, 0) == 0);
    /* the width solves Lambda = 1/alpha */
    double v = 0.01, tau = 0.2, alpha = 0.05, d = mw_mean_half_width(v, tau, alpha);
    double lambda = sqrt(v / (v + tau * tau)) * exp(tau * tau * d * d / (2 * v * (v + tau * tau)));
    assert_true(fabs(lambda * alpha - 1) < 1e-9);
    assert_true(mw_quantile_half_width(0.99, 4500, 0.0033 / 8) < 0.0112);
    for (uint64_t ns = 1; ns < UINT64_C(1) << 50; ns += ns / 7 + 1) {
        size_t bin = mw_latency_bin(ns);
        bool is_outer = bin == 0 || bin == MW_ARM_LATENCY_BINS - 1;
        assert_true(is_outer || ((double)ns < mw_latency_bin_end(bin) &&
                                 (double)ns >= mw_latency_bin_end(bin - 1)));
    }
}

static void test_bandit(void **state)
{
    (void)state;
    mw_rollout_memory memory;
    mw_rollout_memory_init(&memory);
    assert_true(mw_rollout_bandit_weight(&memory) == 0.5);
    memory.arms[0].outcome_n = memory.arms[1].outcome_n = 1000;
    memory.arms[0].outcome_sum = 100;
    memory.arms[1].outcome_sum = 100;
    assert_true(fabs(mw_rollout_bandit_weight(&memory) - 0.5) < 1e-9);
    memory.arms[1].outcome_sum = 110;
    double better = mw_rollout_bandit_weight(&memory);
    assert_true(better > 0.6 && better < 0.9);
    memory.arms[1].outcome_sum = 20;
    assert_true(mw_rollout_bandit_weight(&memory) == 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_laws),
        cmocka_unit_test(test_false_rollbacks),
        cmocka_unit_test(test_false_rollbacks_of_rare_errors),
        cmocka_unit_test(test_errors_are_caught),
        cmocka_unit_test(test_slowness_is_caught),
        cmocka_unit_test(test_a_slow_tail_is_caught),
        cmocka_unit_test(test_shifted_scores_hold),
        cmocka_unit_test(test_equal_and_better_are_promoted),
        cmocka_unit_test(test_a_broken_split),
        cmocka_unit_test(test_little_is_unknown),
        cmocka_unit_test(test_bandit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
