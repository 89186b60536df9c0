/* Rollouts and gates in the record: who may start, what moves the alias, what is refused. */
#include "record_folder.h"

static const char *const who[] = {"ada", "grace"};

static mw_actor actor_of(size_t i)
{
    return (mw_actor){mw_view_of(who[i]), MW_VIEW("test"), {NULL, 0}};
}

typedef mw_status step(mw_record *record, mw_error *err);

static mw_status run_step(mw_record *record, void *given, mw_error *err)
{
    return (*(step **)given)(record, err);
}

static mw_status attempt(step *work, size_t by, mw_error *err)
{
    mw_actor actor = actor_of(by);
    mw_arena_reset(&arena);
    return mw_registry_write_as(registry, &actor, &arena, run_step, &work, err);
}

static void must(step *work)
{
    mw_error err;
    if (attempt(work, 0, &err) != MW_OK)
        fail_msg("%s %s", err.what, err.why);
}

static void refused(step *work, mw_code code)
{
    mw_error err = {0};
    if (attempt(work, 0, &err) == MW_OK || err.code != (int)code)
        fail_msg("MW%d, not MW%d: %s", err.code, (int)code, err.what);
    assert_true(err.mend[0] != '\0');
}

/* ---- a model with two versions, served as 'credit' by an alias ------------------------------- */

static mw_status make_version(mw_record *record, mw_error *err)
{
    mw_model_version version;
    const mw_new_version wanted = {.name = MW_VIEW("credit"), .source = MW_VIEW("s3://b/m")};
    return mw_record_create_version(record, &wanted, &version, err);
}

static mw_status make_model(mw_record *record, mw_error *err)
{
    mw_registered_model model;
    MW_TRY(mw_record_create_model(record, MW_VIEW("credit"), (mw_view){NULL, 0}, &(mw_tags){0},
                                  &model, err));
    MW_TRY(make_version(record, err));
    MW_TRY(make_version(record, err));
    return mw_record_set_alias(record, MW_VIEW("credit"), MW_VIEW("champion"), MW_VIEW("1"), err);
}

static void serve(void)
{
    mw_error err;
    assert_int_equal(mw_registry_note_served(registry, MW_VIEW("credit"),
                                             MW_VIEW("models:/credit@champion"), "/x/served/abc",
                                             &arena, &err),
                     MW_OK);
}

static mw_rollout last;

static mw_status start_to(mw_record *record, const char *version, mw_error *err)
{
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    return mw_record_start_rollout(record, MW_VIEW("credit"), mw_view_of(version), &document, &last,
                                   err);
}

static mw_status start(mw_record *record, mw_error *err)
{
    return start_to(record, "credit/2", err);
}

static mw_status start_same(mw_record *record, mw_error *err)
{
    return start_to(record, "models:/credit/1", err);
}

static mw_status look(mw_record *record, mw_error *err)
{
    return mw_record_rollout_of(record, MW_VIEW("credit"), &last, err);
}

static mw_status act(mw_record *record, mw_rollout_command command, int64_t expect, mw_error *err)
{
    MW_TRY(look(record, err));
    return mw_record_command_rollout(record, last.id, command, expect, MW_VIEW("why"), &last, err);
}

static mw_status advance(mw_record *record, mw_error *err)
{
    return act(record, MW_COMMAND_ADVANCE, 0, err);
}

static mw_status promote(mw_record *record, mw_error *err)
{
    return act(record, MW_COMMAND_PROMOTE, -1, err);
}

static mw_status roll_back(mw_record *record, mw_error *err)
{
    return act(record, MW_COMMAND_ROLL_BACK, -1, err);
}

static mw_status resume(mw_record *record, mw_error *err)
{
    return act(record, MW_COMMAND_RESUME, -1, err);
}

static int64_t epoch;

static mw_status take_epoch(mw_record *record, mw_error *err)
{
    return mw_record_deploy_epoch(record, &epoch, err);
}

static void expect(mw_rollout_state state, int64_t alias)
{
    must(look);
    if (last.state != state || last.alias_version != alias)
        fail_msg("%s, version %lld", mw_rollout_state_names[last.state],
                 (long long)last.alias_version);
}

static void test_course(void **state)
{
    (void)state;
    must(make_model);
    refused(start, MW_E_ROLLOUT_ENDPOINT); /* nobody serves it by an alias */
    serve();
    refused(start_same, MW_E_ROLLOUT_ENDPOINT);
    must(take_epoch);
    int64_t before = epoch;
    must(start);
    must(take_epoch);
    assert_true(epoch > before);
    refused(start, MW_E_ROLLOUT_TAKEN);
    refused(resume, MW_E_ROLLOUT_STATE);
    must(advance);
    refused(advance, MW_E_ROLLOUT_STALE);
    expect(MW_ROLLOUT_RUNNING, 1);
    must(promote);
    expect(MW_ROLLOUT_WATCHING, 2);
    must(roll_back);
    expect(MW_ROLLOUT_ROLLED_BACK, 1);
    refused(roll_back, MW_E_ROLLOUT_STATE);
    must(start); /* another one may begin */
}

static mw_status see_events(mw_record *record, mw_error *err)
{
    static const char *const kinds[] = {"start", "advance", "promote", "roll_back"};
    mw_rollout_events events;
    MW_TRY(look(record, err));
    MW_TRY(mw_record_rollout_events(record, last.id, &events, err));
    assert_int_equal(events.count, MW_COUNT(kinds));
    for (size_t i = 0; i < events.count; i++) {
        assert_true(mw_view_is(events.items[i].kind, kinds[i]));
        assert_true(mw_view_is(events.items[i].actor, "ada"));
    }
    return MW_OK;
}

static void test_history(void **state)
{
    (void)state;
    must(make_model);
    serve();
    must(start);
    must(advance);
    must(promote);
    must(roll_back);
    must(see_events);
}

/* ---- gates ----------------------------------------------------------------------------------- */

static mw_status require(mw_record *record, mw_error *err)
{
    const mw_gate_policy policy = {.gates = MW_VIEW("validation, fairness"), .approvals = 1};
    return mw_record_set_gate_policy(record, MW_VIEW("credit"), &policy, err);
}

static mw_status require_twice(mw_record *record, mw_error *err)
{
    const mw_gate_policy policy = {.gates = MW_VIEW("a,a")};
    return mw_record_set_gate_policy(record, MW_VIEW("credit"), &policy, err);
}

static mw_status move_alias(mw_record *record, mw_error *err)
{
    return mw_record_set_alias(record, MW_VIEW("credit"), MW_VIEW("best"), MW_VIEW("2"), err);
}

static mw_status to_production(mw_record *record, mw_error *err)
{
    mw_model_version version;
    return mw_record_move_version(record, MW_VIEW("credit"), MW_VIEW("2"), MW_VIEW("Production"),
                                  false, &version, err);
}

static mw_status add(mw_record *record, const char *report, mw_error *err)
{
    mw_gate_result result;
    MW_TRY(
        mw_gate_read_report(mw_view_of(report), (mw_view){NULL, 0}, record->arena, &result, err));
    return mw_record_add_gate_result(record, MW_VIEW("credit/2"), &result, err);
}

static mw_status validate(mw_record *record, mw_error *err)
{
    return add(record, "{\"kind\": \"validation\", \"passed\": true, \"checks\": [1]}", err);
}

static mw_status be_fair(mw_record *record, mw_error *err)
{
    return add(record, "{\"attributes\": {}, \"verdict\": \"pass\"}", err);
}

static mw_status be_unfair(mw_record *record, mw_error *err)
{
    return add(record, "{\"attributes\": {}, \"verdict\": \"undecided\"}", err);
}

static mw_status judge_nothing(mw_record *record, mw_error *err)
{
    return add(record, "{\"attributes\": {}, \"verdict\": null}", err);
}

static mw_status approve(mw_record *record, mw_error *err)
{
    return mw_record_approve_version(record, MW_VIEW("credit/2"), MW_VIEW("seen"), err);
}

static mw_status override(mw_record *record, mw_error *err)
{
    return mw_record_override_gates(record, MW_VIEW("credit/2"), MW_VIEW("fire"), err);
}

static mw_status override_silently(mw_record *record, mw_error *err)
{
    return mw_record_override_gates(record, MW_VIEW("credit/2"), MW_VIEW(" "), err);
}

static void test_gates(void **state)
{
    (void)state;
    must(make_model);
    serve();
    refused(require_twice, MW_E_GATE_POLICY);
    must(require);
    refused(move_alias, MW_E_GATE_CLOSED);
    refused(to_production, MW_E_GATE_CLOSED);
    refused(start, MW_E_GATE_CLOSED);
    must(validate);
    must(be_unfair);
    refused(judge_nothing, MW_E_GATE_RESULT);
    must(approve);
    refused(approve, MW_E_GATE_APPROVAL);
    refused(move_alias, MW_E_GATE_CLOSED); /* undecided is not passed */
    must(be_fair);
    must(move_alias);
    must(to_production);
    must(start);
    must(be_unfair); /* the newest result counts */
    refused(move_alias, MW_E_GATE_CLOSED);
    refused(promote, MW_E_GATE_CLOSED);
    must(roll_back); /* never held up */
    refused(override_silently, MW_E_GATE_POLICY);
    must(override);
    must(move_alias);
}

/* ---- several servers ------------------------------------------------------------------------- */

static mw_status put_arms(mw_record *record, const char *server, int64_t of, double requests,
                          mw_error *err)
{
    mw_arm arms[MW_ARMS] = {{.requests = requests, .errors = 1}, {.requests = 2 * requests}};
    arms[1].latencies[MW_ARM_LATENCY_BINS - 1] = requests;
    return mw_record_put_arms(record, last.id, mw_view_of(server), of, arms, err);
}

static mw_status add_up(mw_record *record, mw_error *err)
{
    mw_arm sum[MW_ARMS];
    size_t n;
    MW_TRY(put_arms(record, "a", 1, 10, err));
    MW_TRY(put_arms(record, "a", 1, 20, err)); /* in place of the first */
    MW_TRY(put_arms(record, "b", 1, 5, err));
    MW_TRY(put_arms(record, "c", 0, 1000, err)); /* of before the share was changed */
    MW_TRY(mw_record_sum_arms(record, last.id, 1, sum, &n, err));
    assert_int_equal(n, 2);
    assert_true(sum[0].requests == 25 && sum[0].errors == 2 && sum[1].requests == 50);
    assert_true(sum[1].latencies[MW_ARM_LATENCY_BINS - 1] == 25);
    MW_TRY(mw_record_sum_arms(record, last.id, 7, sum, &n, err));
    assert_true(n == 0 && sum[0].requests == 0);
    return MW_OK;
}

static void test_sums(void **state)
{
    (void)state;
    must(make_model);
    serve();
    must(start);
    must(add_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_course), TEST(test_history), TEST(test_gates),
                                       TEST(test_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
