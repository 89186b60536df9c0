/* Calibration and fairness of two versions, by simulation: looked at each second, equal versions
 * are rolled back no more often than alpha says, whatever gap both of them have; a biased one, and
 * one whose scores miss, are caught. Seeds are fixed. */
#include "../test.h"

#include <math.h>

#include "../chance.h"
#include "release/release.h"

/* One version: how often it decides for each group, and by how much its scores are off. */
typedef struct nature {
    double rates[3], off;
} nature;

static void serve_one(mw_arm *arm, const nature *n, uint64_t *seed)
{
    size_t group = (size_t)(3 * test_chance(seed)) % 3;
    double decision = test_chance(seed) < n->rates[group];
    double score = 0.2 + 0.6 * test_chance(seed);
    double residual = (test_chance(seed) < score) - (score + n->off);
    arm->requests++;
    arm->group_n[group]++;
    arm->group_sum[group] += decision;
    arm->group_squares[group] += decision;
    arm->residual_n++;
    arm->residual_sum += residual;
    arm->residual_squares += residual * residual;
}

static mw_rollout_document document_of(mw_rollout_metric_kind kind, double tolerance)
{
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    document.n_metrics = 1;
    document.metrics[0] = (mw_rollout_metric){kind, tolerance, true};
    document.n_steps = 1;
    document.steps[0].weight = 0.5;
    return document;
}

/* What it came to, and when. */
static mw_rollout_action run(const mw_rollout_document *document, const nature *stable,
                             const nature *canary, unsigned seconds, uint64_t seed,
                             unsigned *ret_second, mw_rollout_decision *ret_decision)
{
    enum { RATE = 100 };
    mw_rollout_memory memory;
    mw_rollout_judgement judgement;
    const mw_rollout_position position = {.state = MW_ROLLOUT_RUNNING};
    mw_rollout_memory_init(&memory);
    memory.weight = 0.5;
    for (unsigned t = 1; t <= seconds; t++) {
        for (unsigned i = 0; i < RATE; i++) {
            bool is_canary = test_chance(&seed) < memory.weight;
            serve_one(&memory.arms[is_canary], is_canary ? canary : stable, &seed);
        }
        mw_rollout_judge(document, &memory, &judgement);
        mw_rollout_decide(document, &position, &judgement, t * 1000, ret_decision);
        *ret_second = t;
        if (ret_decision->action == MW_ACTION_ROLL_BACK ||
            ret_decision->action == MW_ACTION_PROMOTE)
            break;
    }
    return ret_decision->action;
}

static const nature even = {{0.6, 0.6, 0.6}, 0}, uneven = {{0.7, 0.6, 0.5}, 0.1};
static const nature biased = {{0.6, 0.6, 0.35}, 0}, off = {{0.6, 0.6, 0.6}, 0.15};

/* 300 equal versions, with hardly any room, each looked at 60 times: 1 % may be rolled back, 10
 * would be beyond chance (P < 0.002). */
static void test_equal_versions_are_kept(void **state)
{
    (void)state;
    enum { RUNS = 300, MOST = 9 };
    static const mw_rollout_metric_kind kinds[] = {MW_METRIC_FAIRNESS, MW_METRIC_CALIBRATION};
    const nature *const natures[] = {&even, &uneven};
    for (size_t k = 0; k < MW_COUNT(kinds); k++)
        for (size_t n = 0; n < MW_COUNT(natures); n++) {
            unsigned n_back = 0, second;
            mw_rollout_decision decision;
            mw_rollout_document document = document_of(kinds[k], 0.001);
            for (unsigned i = 0; i < RUNS; i++)
                n_back += run(&document, natures[n], natures[n], 60, 100 * k + 1000 * n + i + 1,
                              &second, &decision) == MW_ACTION_ROLL_BACK;
            assert_in_range(n_back, 0, MOST);
        }
}

/* Groups apart by 25 of 100 where they were even: rolled back within two minutes of 100 requests a
 * second, and the reason says it. */
static void test_a_biased_version_is_rolled_back(void **state)
{
    (void)state;
    enum { RUNS = 30 };
    unsigned n_caught = 0, second, sum = 0;
    mw_rollout_decision decision;
    mw_rollout_document document = document_of(MW_METRIC_FAIRNESS, 0.05);
    for (unsigned i = 0; i < RUNS; i++) {
        bool caught =
            run(&document, &even, &biased, 120, 70 + i, &second, &decision) == MW_ACTION_ROLL_BACK;
        n_caught += caught;
        sum += second;
        if (caught)
            assert_non_null(strstr(decision.why, "the gap between groups is"));
    }
    assert_in_range(n_caught, RUNS - 1, RUNS);
    assert_in_range(sum / RUNS, 2, 90);
}

static void test_scores_that_miss_are_rolled_back(void **state)
{
    (void)state;
    unsigned second;
    mw_rollout_decision decision;
    mw_rollout_document document = document_of(MW_METRIC_CALIBRATION, 0.05);
    for (unsigned i = 0; i < 20; i++) {
        mw_rollout_action action = run(&document, &even, &off, 120, 7 + i, &second, &decision);
        assert_int_equal(action, MW_ACTION_ROLL_BACK);
        assert_non_null(strstr(decision.why, "scores miss what came true"));
    }
}

/* The same gap in both is no harm of the new one; a smaller one neither. */
static void test_what_is_no_worse_is_fine(void **state)
{
    (void)state;
    static const struct {
        mw_rollout_metric_kind kind;
        const nature *stable, *canary;
    } cases[] = {{MW_METRIC_FAIRNESS, &even, &even},
                 {MW_METRIC_FAIRNESS, &biased, &even},
                 {MW_METRIC_CALIBRATION, &even, &even},
                 {MW_METRIC_CALIBRATION, &off, &even}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        unsigned second;
        mw_rollout_decision decision;
        mw_rollout_document document = document_of(cases[i].kind, 0.15);
        mw_rollout_action action =
            run(&document, cases[i].stable, cases[i].canary, 300, 40 + i, &second, &decision);
        if (action != MW_ACTION_PROMOTE)
            fail_msg("case %zu: %s: %s", i, mw_rollout_action_names[action], decision.why);
    }
}

/* A group with too few is not known to be fine, and harm elsewhere is harm. */
static void test_a_small_group_is_not_fine(void **state)
{
    (void)state;
    unsigned second;
    mw_rollout_decision decision;
    mw_rollout_judgement judgement;
    mw_rollout_memory memory;
    uint64_t seed = 3;
    mw_rollout_document document = document_of(MW_METRIC_FAIRNESS, 0.15);
    mw_rollout_memory_init(&memory);
    for (unsigned i = 0; i < 40000; i++)
        serve_one(&memory.arms[i % 2], &even, &seed);
    mw_rollout_judge(&document, &memory, &judgement);
    assert_int_equal(judgement.evidence[0].finding, MW_FINDING_FINE);
    memory.arms[1].group_n[3] = 10;
    mw_rollout_judge(&document, &memory, &judgement);
    assert_int_equal(judgement.evidence[0].finding, MW_FINDING_UNKNOWN);
    (void)run(&document, &even, &even, 1, 1, &second, &decision);
    assert_int_equal(decision.action, MW_ACTION_WAIT); /* nothing is known of it yet */
}

/* The memory as text gives the same verdict, and one that was written before there were groups is
 * still read. */
static void test_the_text_keeps_them(void **state)
{
    (void)state;
    mw_buf text;
    mw_error err;
    uint64_t seed = 5;
    mw_rollout_memory memory, read;
    mw_rollout_judgement once, again;
    mw_rollout_document document = document_of(MW_METRIC_FAIRNESS, 0.05);
    mw_rollout_memory_init(&memory);
    for (unsigned i = 0; i < 3000; i++)
        serve_one(&memory.arms[i % 2], &uneven, &seed);
    mw_buf_init(&text, MW_MIB);
    mw_rollout_memory_write(&memory, &text);
    assert_int_equal(mw_rollout_memory_read(mw_buf_as_view(&text), &read, &err), MW_OK);
    mw_rollout_judge(&document, &memory, &once);
    mw_rollout_judge(&document, &read, &again);
    assert_true(once.evidence[0].low == again.evidence[0].low);
    static const char before[] =
        "{\"v\":1,\"weight\":0.2,\"shadow\":false,\"watching\":false,\"arms\":[[0,5],[]],"
        "\"all\":[[],[]],\"closed\":[[0,0,0],[0,0,0],[0,0,0],[0,0,0],[0,0,0]],"
        "\"split\":[0,0,0],\"edges\":[]}";
    assert_int_equal(mw_rollout_memory_read(mw_view_of(before), &read, &err), MW_OK);
    assert_true(read.arms[0].requests == 5);
    mw_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_versions_are_kept),
        cmocka_unit_test(test_a_biased_version_is_rolled_back),
        cmocka_unit_test(test_scores_that_miss_are_rolled_back),
        cmocka_unit_test(test_what_is_no_worse_is_fine),
        cmocka_unit_test(test_a_small_group_is_not_fine),
        cmocka_unit_test(test_the_text_keeps_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
