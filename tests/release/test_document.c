/* Documents and evidence as text: what is taken, what is refused and where, there and back. */
#include "../test.h"

#include "release/release.h"

static mw_rollout_document read_well(const char *text)
{
    mw_error err;
    mw_rollout_document document;
    if (mw_rollout_document_read(mw_view_of(text), "rollout.yaml", &document, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return document;
}

static void test_whole(void **state)
{
    (void)state;
    mw_rollout_document d = read_well(
        "rollout:\n"
        "  model: credit/7\n"
        "  strategy: canary\n"
        "  steps: [{shadow: 100%, for: 10m}, {weight: 1%, min_samples: 500}, {weight: 0.1},\n"
        "          {weight: 50%, approve: risk-team}, {weight: 100%}]\n"
        "  judge:\n"
        "    alpha: 0.02\n"
        "    metrics: [{errors: {tolerance: 0.1%}}, {latency_p99: {tolerance: 20%, critical: "
        "false}},\n"
        "              {score_shift: {psi: 0.3}}, outcome]\n"
        "  deadline: 24h\n"
        "  on_unknown: rollback\n"
        "  watch_after: 2d\n"
        "  key: X-User\n");
    assert_string_equal(d.model, "credit/7");
    assert_int_equal(d.n_steps, 4);
    assert_true(d.steps[0].shadow == 1 && d.steps[0].for_ms == 600000);
    assert_true(d.steps[1].weight == 0.01 && d.steps[1].min_samples == 500);
    assert_true(d.steps[2].weight == 0.1 && d.steps[2].min_samples == 200);
    assert_string_equal(d.steps[3].approve, "risk-team");
    assert_int_equal(d.n_metrics, 4);
    assert_true(d.metrics[0].tolerance == 0.001 && d.metrics[0].critical);
    assert_true(!d.metrics[1].critical && d.metrics[1].kind == MW_METRIC_LATENCY_P99);
    assert_true(d.metrics[2].tolerance == 0.3 && !d.metrics[2].critical);
    assert_true(d.alpha == 0.02 && d.on_unknown == MW_ON_UNKNOWN_ROLL_BACK);
    assert_int_equal(d.watch_after_ms, 2LL * 24 * 3600 * 1000);
    assert_string_equal(d.key_header, "X-User");
    d = read_well("{\"strategy\": \"canary\", \"steps\": [1, 5, 25, 100]}"); /* JSON is YAML */
    assert_true(d.n_steps == 3 && d.steps[1].weight == 0.05);
    d = read_well("strategy: bluegreen\n");
    assert_true(d.strategy == MW_BLUE_GREEN && d.n_steps == 1 && d.steps[0].weight == 0);
}

static void test_back(void **state)
{
    (void)state;
    for (size_t s = 0; s < MW_N_STRATEGIES; s++) {
        mw_buf first, second;
        mw_rollout_document d;
        mw_rollout_document_init(&d, (mw_strategy)s);
        mw_buf_init(&first, 1 << 16);
        mw_buf_init(&second, 1 << 16);
        snprintf(d.steps[0].approve, sizeof d.steps[0].approve, "%s", "a \"b\"");
        mw_rollout_document_write(&d, &first);
        d = read_well(first.data);
        mw_rollout_document_write(&d, &second);
        assert_string_equal(first.data, second.data);
        mw_buf_done(&first);
        mw_buf_done(&second);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "strategy: yolo",
        "steps: []",
        "steps: [150%]",
        "steps: [{weight: nan}]",
        "steps: [50%, 10%]",
        "steps: [10%, 100%, 50%]",
        "steps: [100%]",
        "steps: [{weight: 10%, wait: 3s}]",
        "steps: [{weight: 10%, shadow: 10%}]",
        "steps: [{weight: 10%}, {weight: 100%, approve: ada}]",
        "steps: [{weight: 0%, min_samples: 10}]",
        "{strategy: shadow, steps: [{weight: 10%}]}",
        "{strategy: ab, steps: [{shadow: 10%}]}",
        "judge: {alpha: 0}",
        "judge: {alpha: 0.9}",
        "judge: {metrics: []}",
        "judge: {metrics: [profit]}",
        "judge: {metrics: [errors, errors]}",
        "judge: {metrics: [{errors: {tolerance: 0}}]}",
        "deadline: soon",
        "on_unknown: shrug",
        "key: 'a b'",
        "weights: 3",
        "[1, 2]",
    };
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        mw_error err = {0};
        mw_rollout_document d;
        if (mw_rollout_document_read(mw_view_of(bad[i]), "x", &d, &err) != MW_BAD_ARGUMENT)
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(err.code, MW_E_ROLLOUT_DOCUMENT);
        assert_true(err.what[0] && err.mend[0] && err.where[0] == 'x');
    }
}

static void test_contradictions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what; /* NULL: it may begin */
    } cases[] = {
        {"steps: [{weight: 5%, for: 2h}, {weight: 9%, for: 22h}]", "the steps last 86400 s"},
        {"{steps: [{weight: 5%, for: 2h}], deadline: 1h}", "the steps last 7200 s"},
        {"{steps: [{weight: 5%, for: 2h}], deadline: 0}", NULL},
        {"{steps: [{weight: 5%, for: 2h}], deadline: 3h, on_unknown: promote}", NULL},
        {"{strategy: blue-green, steps: [5, 100]}", "all of the traffic at once"},
        {"{strategy: blue-green, steps: [100]}", NULL},
        {"{strategy: blue-green}", NULL},
        {"{deadline: 0, on_unknown: promote}", "there is none"},
        {"{deadline: 0, on_unknown: hold}", NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err = {0};
        mw_rollout_document d = read_well(cases[i].text); /* one that has begun is read again */
        mw_status status = mw_rollout_document_check(&d, &err);
        if (status != (cases[i].what ? MW_BAD_ARGUMENT : MW_OK))
            fail_msg("'%s': %s", cases[i].text, err.what);
        if (cases[i].what && (!strstr(err.what, cases[i].what) || !err.mend[0]))
            fail_msg("'%s': %s", cases[i].text, err.what);
    }
}

static void test_steps_of_the_command_line(void **state)
{
    (void)state;
    mw_error err;
    mw_rollout_document d;
    mw_rollout_document_init(&d, MW_CANARY);
    assert_int_equal(mw_rollout_steps_read(MW_VIEW("0.5, 2,50 ,100"), &d, &err), MW_OK);
    assert_true(d.n_steps == 3 && d.steps[0].weight == 0.005 && d.steps[2].weight == 0.5);
    static const char *const bad[] = {"", "x", "1,,2", "5,1", "101", "1,100,2", "100"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        mw_rollout_document_init(&d, MW_CANARY);
        assert_int_equal(mw_rollout_steps_read(mw_view_of(bad[i]), &d, &err), MW_BAD_ARGUMENT);
    }
}

static void test_memory(void **state)
{
    (void)state;
    mw_error err;
    mw_rollout_memory memory, again;
    mw_buf first, second;
    mw_rollout_memory_init(&memory);
    memory.weight = 0.05;
    memory.is_watching = true;
    memory.arms[1].requests = 1e9 + 1;
    memory.arms[1].latency_sum = 0.1;
    memory.arms[0].latencies[MW_ARM_LATENCY_BINS - 1] = 3;
    memory.all[0].scores[3] = 17;
    memory.closed[MW_METRIC_SCORES] = (mw_closed){-1.5, 2, 1e-300};
    memory.n_edges = 2;
    memory.edges[1] = -0.0625;
    mw_buf_init(&first, 1 << 20);
    mw_buf_init(&second, 1 << 20);
    mw_rollout_memory_write(&memory, &first);
    assert_int_equal(mw_rollout_memory_read(mw_buf_as_view(&first), &again, &err), MW_OK);
    mw_rollout_memory_write(&again, &second);
    assert_string_equal(first.data, second.data);
    assert_memory_equal(&memory.arms, &again.arms, sizeof memory.arms);
    assert_int_equal(mw_rollout_memory_read(MW_VIEW(""), &again, &err), MW_OK);
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"v\":2}",
        "{\"v\":1,\"weight\":2}",
        "{\"v\":1,\"weight\":0,\"arms\":[[9999,1],[]]}",
        "{\"v\":1,\"weight\":0,\"arms\":[[0],[]]}",
        "{\"v\":1,\"weight\":0,\"arms\":[[2,5],[]]}", /* errors without requests */
        "{\"v\":1,\"weight\":0,\"arms\":[[],[]]}",
    };
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        assert_int_equal(mw_rollout_memory_read(mw_view_of(bad[i]), &again, &err), MW_BAD_DATA);
    mw_buf_done(&first);
    mw_buf_done(&second);
}

static void test_groups_of_a_column(void **state)
{
    (void)state;
    static const char *const good[] = {
        "judge: {metrics: [{fairness: {column: sex, groups: [F, M], threshold: 0.5}}]}",
        "judge: {metrics: [{fairness: {column: age, bounds: [25, 60], tolerance: 5%}}]}",
        "judge: {metrics: [{fairness: {column: sex}}]}",
    };
    static const char *const bad[] = {
        "judge: {metrics: [{fairness: {groups: [F, M]}}]}",
        "judge: {metrics: [{fairness: {column: sex, groups: [F]}}]}",
        "judge: {metrics: [{fairness: {column: sex, groups: F}}]}",
        "judge: {metrics: [{fairness: {column: age, bounds: [60, 25]}}]}",
        "judge: {metrics: [{fairness: {column: age, bounds: [x]}}]}",
        "judge: {metrics: [{fairness: {column: age, bounds: [1], groups: [1, 2]}}]}",
        "judge: {metrics: [{fairness: {column: age, threshold: much}}]}",
        "judge: {metrics: [{errors: {column: sex}}]}",
    };
    mw_error err;
    mw_rollout_document document, again;
    for (size_t i = 0; i < MW_COUNT(good); i++) {
        mw_buf first, second;
        mw_buf_init(&first, MW_MIB);
        mw_buf_init(&second, MW_MIB);
        if (mw_rollout_document_read(mw_view_of(good[i]), "d", &document, &err) != MW_OK)
            fail_msg("%s: %s", good[i], err.what);
        mw_rollout_document_write(&document, &first);
        assert_int_equal(mw_rollout_document_read(mw_buf_as_view(&first), "d", &again, &err),
                         MW_OK);
        mw_rollout_document_write(&again, &second);
        assert_string_equal(first.data, second.data);
        assert_true(again.groups.column[0] != '\0');
        mw_buf_done(&first);
        mw_buf_done(&second);
    }
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        if (mw_rollout_document_read(mw_view_of(bad[i]), "d", &document, &err) != MW_BAD_ARGUMENT)
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_back),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_steps_of_the_command_line),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_groups_of_a_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
