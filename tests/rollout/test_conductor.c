/* The conductor on a real record and a real fleet, its thread left out: what a process that dies
 * leaves to the next, two deployers at once, orders that contradict each other, and one rollout
 * behind another. */
#include "../registry/record_folder.h"

#include "rollout/rollout.h"

#include <stdlib.h>

static mw_fleet *fleet;
static mw_conductor *conductor;

typedef mw_status step(mw_record *record, mw_error *err);

static mw_status run_step(mw_record *record, void *given, mw_error *err)
{
    return (*(step **)given)(record, err);
}

static mw_status attempt(step *work, mw_error *err)
{
    const mw_actor ada = {MW_VIEW("ada"), MW_VIEW("test"), {NULL, 0}};
    return mw_registry_write_as(registry, &ada, &arena, run_step, &work, err);
}

static void must(step *work)
{
    mw_error err;
    if (attempt(work, &err) != MW_OK)
        fail_msg("%s %s", err.what, err.why);
}

static void refused(step *work, mw_code code)
{
    mw_error err = {0};
    if (attempt(work, &err) == MW_OK || err.code != (int)code)
        fail_msg("MW%d, not MW%d: %s", err.code, (int)code, err.what);
}

/* ---- three versions of a lender's model, the first of them served -----------------------------
 */

static mw_status put(mw_record *record, mw_view root, const char *name, mw_view content,
                     mw_error *err)
{
    char path[300], digest[MW_DIGEST_TEXT_BYTES];
    snprintf(path, sizeof path, "%.*s/model/%s", MW_VIEW_ARG(root), name);
    MW_TRY(mw_blobs_put(mw_registry_blobs(registry), content, digest, err));
    return mw_record_put_artifact(record, mw_view_of(path), mw_view_of(digest),
                                  (int64_t)content.size, err);
}

static mw_status make_version(mw_record *record, int number, mw_error *err)
{
    char path[512], source[300];
    mw_file file;
    mw_run made;
    mw_model_version version;
    const mw_new_run wanted = {.experiment = MW_VIEW("0"), .name = MW_VIEW("r")};
    MW_TRY(mw_record_create_run(record, &wanted, &made, err));
    mw_view root = mw_artifact_root(made.info.artifact_uri);
    snprintf(path, sizeof path, "%s/examples/lender/credit-%d.json", getenv("MW_TEST_ROOT"),
             number);
    MW_TRY(mw_file_read(path, MW_MIB, &file, err));
    mw_status status = put(record, root, "model.json", (mw_view){file.data, file.size}, err);
    mw_file_done(&file);
    MW_TRY(status);
    MW_TRY(put(record, root, "MLmodel", MW_VIEW("flavors: {xgboost: {data: model.json}}\n"), err));
    snprintf(source, sizeof source, "%.*s/model", MW_VIEW_ARG(made.info.artifact_uri));
    return mw_record_create_version(record,
                                    &(mw_new_version){.name = MW_VIEW("credit"),
                                                      .source = mw_view_of(source),
                                                      .run_id = made.info.run_id},
                                    &version, err);
}

static mw_status make_model(mw_record *record, mw_error *err)
{
    mw_registered_model model;
    MW_TRY(mw_record_create_model(record, MW_VIEW("credit"), (mw_view){NULL, 0}, &(mw_tags){0},
                                  &model, err));
    for (int version = 1; version <= 3; version++)
        MW_TRY(make_version(record, version, err));
    return mw_record_set_alias(record, MW_VIEW("credit"), MW_VIEW("champion"), MW_VIEW("1"), err);
}

static void open_conductor(void)
{
    mw_error err;
    const mw_conductor_options options = {fleet, registry, true, false};
    assert_int_equal(mw_conductor_new(&options, &conductor, &err), MW_OK);
    mw_conductor_look(conductor);
}

/* The fleet of a new process: it serves what the alias leads to. */
static void open_fleet(void)
{
    mw_error err;
    const char *served;
    const mw_view address = MW_VIEW("models:/credit@champion");
    const mw_fleet_options options = {.n_loops = 1, .n_workers = 1, .max_body_bytes = MW_MIB};
    if (mw_registry_check_out(registry, address, &arena, &served, &err) != MW_OK ||
        mw_registry_note_served(registry, MW_VIEW("credit"), address, served, &arena, &err) !=
            MW_OK ||
        mw_fleet_new(&options, &fleet, &err) != MW_OK ||
        mw_fleet_add(fleet, "credit", served, NULL, &err) != MW_OK)
        fail_msg("%s %s", err.what, err.why);
    open_conductor();
}

/* As kill -9 does: nothing is told to anybody. */
static void die(void)
{
    mw_conductor_free(conductor);
    mw_fleet_free(fleet);
}

static int set_up_all(void **state)
{
    if (set_up(state) != 0)
        return -1;
    must(make_model);
    open_fleet();
    return 0;
}

static int tear_down_all(void **state)
{
    die();
    return tear_down(state);
}

/* ---- what stands ------------------------------------------------------------------------------
 */

static void see_weight(void *user, const mw_rollout_sight *sight)
{
    if (!mw_rollout_is_over(sight->rollout->state))
        *(double *)user = sight->weight;
}

/* The share of the new version; -1: the endpoint has one version. */
static double share(void)
{
    double weight = -1;
    mw_arm arms[MW_ARMS];
    mw_conductor_look(conductor);
    mw_conductor_tick(conductor);
    if (mw_fleet_arms(fleet, "credit", arms))
        mw_conductor_each(conductor, see_weight, &weight);
    return weight;
}

static mw_rollout last;

static mw_status look(mw_record *record, mw_error *err)
{
    return mw_record_rollout_of(record, MW_VIEW("credit"), &last, err);
}

static void expect_state(mw_rollout_state state, int64_t step_of)
{
    must(look);
    if (last.state != state || last.step != step_of)
        fail_msg("%s, step %lld: %.*s", mw_rollout_state_names[last.state], (long long)last.step,
                 MW_VIEW_ARG(last.why));
}

static mw_status start_to(mw_record *record, const char *version, mw_error *err)
{
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    return mw_record_start_rollout(record, MW_VIEW("credit"), mw_view_of(version), &document, &last,
                                   err);
}

static mw_status start_2(mw_record *record, mw_error *err)
{
    return start_to(record, "credit/2", err);
}

static mw_status start_3(mw_record *record, mw_error *err)
{
    return start_to(record, "credit/3", err);
}

static mw_status command(mw_record *record, mw_rollout_command word, mw_error *err)
{
    MW_TRY(look(record, err));
    return mw_record_command_rollout(record, last.id, word, -1, MW_VIEW("why"), &last, err);
}

static mw_status advance(mw_record *record, mw_error *err)
{
    return command(record, MW_COMMAND_ADVANCE, err);
}

static mw_status promote(mw_record *record, mw_error *err)
{
    return command(record, MW_COMMAND_PROMOTE, err);
}

static mw_status roll_back(mw_record *record, mw_error *err)
{
    return command(record, MW_COMMAND_ROLL_BACK, err);
}

static mw_status pause_it(mw_record *record, mw_error *err)
{
    return command(record, MW_COMMAND_PAUSE, err);
}

static mw_status alias_to_3(mw_record *record, mw_error *err)
{
    return mw_record_set_alias(record, MW_VIEW("credit"), MW_VIEW("champion"), MW_VIEW("3"), err);
}

/* ---- the tests --------------------------------------------------------------------------------
 */

static void test_it_goes_on_behind_a_kill(void **state)
{
    (void)state;
    assert_true(share() == -1);
    must(start_2);
    assert_true(share() == 0.01);
    must(advance);
    assert_true(share() == 0.05);
    die();
    open_fleet();
    assert_true(share() == 0.05);
    expect_state(MW_ROLLOUT_RUNNING, 1);
    must(promote); /* written while nobody runs it */
    die();
    open_fleet();
    (void)share();
    expect_state(MW_ROLLOUT_WATCHING, 1);
    must(roll_back); /* the old version is warm again, in the new process */
    assert_true(share() == -1);
    expect_state(MW_ROLLOUT_ROLLED_BACK, 1);
}

static void test_two_deployers_at_once(void **state)
{
    (void)state;
    must(start_2);
    refused(start_3, MW_E_ROLLOUT_TAKEN);
    refused(start_2, MW_E_ROLLOUT_TAKEN);
    assert_true(share() == 0.01); /* the first one has it */
    must(look);
    assert_int_equal(last.to_version, 2);
}

/* Pause and go back at once: the order of the record holds, and the way back is never lost. */
static void test_orders_that_contradict(void **state)
{
    (void)state;
    must(start_2);
    must(pause_it);
    must(roll_back);
    refused(promote, MW_E_ROLLOUT_STATE);
    assert_true(share() == -1);
    expect_state(MW_ROLLOUT_ROLLED_BACK, 0);
}

/* What the alias says wins over a rollout that brings something else. */
static void test_an_alias_that_is_moved_elsewhere(void **state)
{
    (void)state;
    must(start_2);
    assert_true(share() == 0.01);
    must(alias_to_3);
    (void)share();
    expect_state(MW_ROLLOUT_ROLLED_BACK, 0);
    assert_true(strstr(last.why.data, "moved to version 3") != NULL);
    assert_true(share() == -1);
}

/* The end of the watched one must not take the new one's version away. */
static void test_one_behind_another(void **state)
{
    (void)state;
    must(start_2);
    assert_true(share() == 0.01);
    must(promote);
    assert_true(share() == 1);
    must(start_3);
    assert_true(share() == 0.01);
    expect_state(MW_ROLLOUT_RUNNING, 0);
    must(roll_back);
    assert_true(share() == -1);
}

/* The share that the fleet gives now, nobody having looked at the record. */
static double share_now(void)
{
    double weight = -1;
    mw_conductor_each(conductor, see_weight, &weight);
    return weight;
}

static int64_t hold(mw_rollout_command word, int64_t expect_step)
{
    return mw_conductor_hold(conductor, MW_VIEW("credit"), word, expect_step);
}

static void settle(int64_t held, mw_status status, mw_error *err)
{
    *err = (mw_error){.status = status};
    mw_conductor_settle(conductor, held, status, MW_VIEW("ada"), MW_VIEW("it is slow"), err);
}

/* An order to go back moves the traffic before it is written; what the record refuses gives the
 * share back. */
static void test_the_way_back_waits_for_nobody(void **state)
{
    (void)state;
    mw_error err;
    assert_int_equal(hold(MW_COMMAND_ROLL_BACK, -1), 0); /* there is none */
    must(start_2);
    assert_true(share() == 0.01);
    assert_int_equal(hold(MW_COMMAND_PAUSE, -1), 0);
    assert_int_equal(hold(MW_COMMAND_ROLL_BACK, 3), 0); /* meant for another step */
    assert_int_equal(mw_conductor_hold(conductor, MW_VIEW("other"), MW_COMMAND_ROLL_BACK, -1), 0);
    assert_true(share_now() == 0.01);
    int64_t held = hold(MW_COMMAND_ABORT, 0);
    assert_true(held > 0 && share_now() == 0);
    assert_int_equal(hold(MW_COMMAND_ROLL_BACK, -1), 0); /* one order is on its way */
    settle(held, MW_CONFLICT, &err);
    assert_true(share_now() == 0.01 && share() == 0.01);
    held = hold(MW_COMMAND_ROLL_BACK, -1);
    assert_true(share() == 0); /* looked and judged meanwhile: it stays back */
    must(roll_back);
    settle(held, MW_OK, &err);
    assert_true(share() == -1);
}

/* A record that cannot be written: the traffic is back, and the record learns it later. */
static void test_a_way_back_that_is_owed(void **state)
{
    (void)state;
    mw_error err;
    must(start_2);
    assert_true(share() == 0.01);
    must(promote);
    assert_true(share() == 1);
    int64_t held = hold(MW_COMMAND_ROLL_BACK, -1);
    assert_true(held > 0 && share_now() == 0);
    settle(held, MW_IO, &err);
    assert_true(strstr(err.mend, "back at version 1") != NULL);
    expect_state(MW_ROLLOUT_WATCHING, 0);
    (void)share(); /* this tick writes what is owed */
    expect_state(MW_ROLLOUT_ROLLED_BACK, 0);
    assert_string_equal(last.why.data, "asked for by ada: it is slow");
    assert_true(share() == -1);
}

#define WITH_ALL(name) cmocka_unit_test_setup_teardown(name, set_up_all, tear_down_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ALL(test_it_goes_on_behind_a_kill), WITH_ALL(test_two_deployers_at_once),
        WITH_ALL(test_orders_that_contradict),   WITH_ALL(test_an_alias_that_is_moved_elsewhere),
        WITH_ALL(test_one_behind_another),       WITH_ALL(test_the_way_back_waits_for_nobody),
        WITH_ALL(test_a_way_back_that_is_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
