/* The course of a rollout under a clock set by hand: each state, each reason to wait. */
#include "../test.h"

#include "release/release.h"

static mw_rollout_document document;
static mw_rollout_judgement judgement;

static void set_up(mw_strategy strategy)
{
    mw_rollout_document_init(&document, strategy);
    judgement = (mw_rollout_judgement){.n_evidence = document.n_metrics, .samples = 1e6};
    for (size_t m = 0; m < document.n_metrics; m++)
        judgement.evidence[m] =
            (mw_rollout_evidence){.metric = document.metrics[m], .finding = MW_FINDING_FINE};
}

static mw_rollout_decision decide(mw_rollout_state state, size_t step, int64_t now_ms)
{
    mw_rollout_decision decision;
    mw_rollout_position position = {.state = state, .step = step};
    mw_rollout_decide(&document, &position, &judgement, now_ms, &decision);
    return decision;
}

static void expect(mw_rollout_state state, size_t step, int64_t now_ms, mw_rollout_action action,
                   const char *word)
{
    mw_rollout_decision decision = decide(state, step, now_ms);
    if (decision.action != action || !strstr(decision.why, word))
        fail_msg("%s: %s", mw_rollout_action_names[decision.action], decision.why);
}

static void test_course(void **state)
{
    (void)state;
    set_up(MW_CANARY);
    document.steps[0].for_ms = 5000;
    judgement.samples = 199;
    expect(MW_ROLLOUT_RUNNING, 0, 9000, MW_ACTION_WAIT, "199 of 200");
    judgement.samples = 200;
    expect(MW_ROLLOUT_RUNNING, 0, 4999, MW_ACTION_WAIT, "lasts 1 s more");
    expect(MW_ROLLOUT_RUNNING, 0, 5000, MW_ACTION_ADVANCE, "200 requests");
    expect(MW_ROLLOUT_RUNNING, 2, 5000, MW_ACTION_PROMOTE, "fine");
    judgement.evidence[1].finding = MW_FINDING_UNKNOWN;
    judgement.evidence[1].samples_needed = 4321;
    expect(MW_ROLLOUT_RUNNING, 1, 5000, MW_ACTION_ADVANCE, "");
    expect(MW_ROLLOUT_RUNNING, 2, 5000, MW_ACTION_WAIT,
           "latency: not known well enough yet, about 4321");
    expect(MW_ROLLOUT_PAUSED, 1, 5000, MW_ACTION_HOLD, "paused");
}

static void test_harm(void **state)
{
    (void)state;
    set_up(MW_CANARY);
    judgement.evidence[0].finding = MW_FINDING_REGRESS;
    judgement.evidence[0].stable = 0.05;
    judgement.evidence[0].canary = 0.1;
    static const mw_rollout_state live[] = {MW_ROLLOUT_RUNNING, MW_ROLLOUT_PAUSED,
                                            MW_ROLLOUT_WATCHING};
    for (size_t i = 0; i < MW_COUNT(live); i++)
        expect(live[i], 1, 0, MW_ACTION_ROLL_BACK, "errors 10 % against 5 %");
    for (mw_rollout_state over = MW_ROLLOUT_PROMOTED; over < MW_N_ROLLOUT_STATES; over++)
        expect(over, 1, 0, MW_ACTION_WAIT, "over");
    set_up(MW_CANARY);
    judgement.evidence[2].finding = MW_FINDING_REGRESS; /* not critical */
    expect(MW_ROLLOUT_RUNNING, 0, 0, MW_ACTION_HOLD, "a person decides");
}

static void test_approval(void **state)
{
    (void)state;
    mw_rollout_decision decision;
    set_up(MW_CANARY);
    snprintf(document.steps[2].approve, sizeof document.steps[2].approve, "risk-team");
    expect(MW_ROLLOUT_RUNNING, 2, 0, MW_ACTION_HOLD, "risk-team");
    mw_rollout_position position = {.step = 2, .is_approved = true};
    mw_rollout_decide(&document, &position, &judgement, 0, &decision);
    assert_int_equal(decision.action, MW_ACTION_PROMOTE);
}

static void test_deadline(void **state)
{
    (void)state;
    static const mw_rollout_action expected[] = {MW_ACTION_HOLD, MW_ACTION_PROMOTE,
                                                 MW_ACTION_ROLL_BACK};
    set_up(MW_CANARY);
    judgement.samples = 3;
    document.deadline_ms = 1000;
    for (size_t i = 0; i < MW_COUNT(expected); i++) {
        document.on_unknown = (mw_on_unknown)i;
        expect(MW_ROLLOUT_RUNNING, 0, 999, MW_ACTION_WAIT, "3 of 200");
        expect(MW_ROLLOUT_RUNNING, 0, 1000, expected[i], "deadline");
    }
}

static void test_watch(void **state)
{
    (void)state;
    set_up(MW_CANARY);
    document.watch_after_ms = 60000;
    expect(MW_ROLLOUT_WATCHING, 2, 59999, MW_ACTION_WAIT, "watched for 1 s more");
    expect(MW_ROLLOUT_WATCHING, 2, 60000, MW_ACTION_FINISH, "without harm");
}

static void test_strategies(void **state)
{
    (void)state;
    set_up(MW_BLUE_GREEN);
    judgement.samples = 0;
    judgement.evidence[0].finding = MW_FINDING_UNKNOWN;
    expect(MW_ROLLOUT_RUNNING, 0, 0, MW_ACTION_PROMOTE, "all traffic at once");
    set_up(MW_SHADOW);
    expect(MW_ROLLOUT_RUNNING, 0, 0, MW_ACTION_HOLD, "shadow");
    set_up(MW_AB);
    judgement.evidence[3] = (mw_rollout_evidence){
        .metric = document.metrics[3], .finding = MW_FINDING_FINE, .low = -0.01, .high = 0.002};
    expect(MW_ROLLOUT_RUNNING, 0, 0, MW_ACTION_WAIT, "no winner yet");
    judgement.evidence[3].high = -0.001;
    expect(MW_ROLLOUT_RUNNING, 0, 0, MW_ACTION_PROMOTE, "better");
    judgement.evidence[3].high = 0.01;
    judgement.evidence[3].low = 0.001;
    expect(MW_ROLLOUT_RUNNING, 0, 0, MW_ACTION_ROLL_BACK, "old version's outcomes are better");
}

static void test_shares(void **state)
{
    (void)state;
    set_up(MW_CANARY);
    assert_true(mw_rollout_weight(&document, MW_ROLLOUT_RUNNING, 1) == 0.05);
    assert_true(mw_rollout_weight(&document, MW_ROLLOUT_PAUSED, 1) == 0.05);
    assert_true(mw_rollout_weight(&document, MW_ROLLOUT_WATCHING, 1) == 1);
    assert_true(mw_rollout_weight(&document, MW_ROLLOUT_ROLLED_BACK, 1) == 0);
    assert_true(mw_rollout_weight(&document, MW_ROLLOUT_RUNNING, 99) == 0);
    set_up(MW_SHADOW);
    assert_true(mw_rollout_shadow(&document, MW_ROLLOUT_RUNNING, 0) == 1);
    assert_true(mw_rollout_shadow(&document, MW_ROLLOUT_ABORTED, 0) == 0);
}

static void test_commands(void **state)
{
    (void)state;
    static const char allowed[MW_N_COMMANDS][MW_N_ROLLOUT_STATES + 1] = {
        /* running paused watching promoted rolled_back aborted */
        [MW_COMMAND_PAUSE] = "+-----",     [MW_COMMAND_RESUME] = "-+----",
        [MW_COMMAND_PROMOTE] = "++----",   [MW_COMMAND_ADVANCE] = "+-----",
        [MW_COMMAND_ROLL_BACK] = "++++--", [MW_COMMAND_ABORT] = "++----",
    };
    for (mw_rollout_command c = 0; c < MW_N_COMMANDS; c++) {
        assert_int_equal(mw_rollout_command_named(mw_view_of(mw_rollout_command_names[c])), c);
        for (mw_rollout_state s = 0; s < MW_N_ROLLOUT_STATES; s++) {
            mw_error err;
            mw_status status = mw_rollout_command_check(c, s, &err);
            assert_int_equal(status, allowed[c][s] == '+' ? MW_OK : MW_CONFLICT);
        }
    }
    assert_int_equal(mw_rollout_command_named(MW_VIEW("explode")), MW_N_COMMANDS);
}

static void test_verdict_text(void **state)
{
    (void)state;
    mw_buf out;
    mw_error err;
    mw_json *root;
    set_up(MW_CANARY);
    mw_rollout_decision decision = decide(MW_ROLLOUT_RUNNING, 2, 0);
    mw_buf_init(&out, 1 << 16);
    mw_buf_char(&out, '{');
    mw_rollout_verdict_write(&judgement, &decision, &out);
    mw_buf_char(&out, '}');
    assert_int_equal(mw_json_read(mw_buf_as_view(&out), &root, &err), MW_OK);
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "verdict")), "promote"));
    assert_int_equal(mw_json_count(mw_json_member(root, "evidence")), 3);
    mw_json_free(root);
    mw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_course),       cmocka_unit_test(test_harm),
        cmocka_unit_test(test_approval),     cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_watch),        cmocka_unit_test(test_strategies),
        cmocka_unit_test(test_shares),       cmocka_unit_test(test_commands),
        cmocka_unit_test(test_verdict_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
