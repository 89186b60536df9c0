/* Documents against a record: what differs is changed once; a dry run leaves nothing. */
#include "../registry/record_folder.h"

#include "apply/apply.h"

static const mw_actor ada = {MW_VIEW("ada"), MW_VIEW("test"), {NULL, 0}};
static mw_apply_options options;
static mw_differences found;

static mw_status apply(const char *text, mw_error *err)
{
    mw_yaml_document *yaml;
    mw_apply_place place;
    mw_apply_document document;
    MW_TRY(mw_yaml_read(mw_view_of(text), "a.yaml", &yaml, err));
    mw_status status = mw_apply_read(mw_yaml_root(yaml), "a.yaml", &arena, &document, &place, err);
    mw_yaml_free(yaml);
    MW_TRY(status);
    return mw_apply_run(registry, &ada, &arena, &document, &options, &found, err);
}

/* What differed, an action each: "+~-> !". */
static void expect(const char *text, const char *marks)
{
    mw_error err;
    char got[64] = "";
    if (apply(text, &err) != MW_OK)
        fail_msg("%s: %s", text, err.what);
    for (size_t i = 0; i < found.count && i < sizeof got - 1; i++)
        got[i] = "+~-> !"[found.items[i].action];
    if (strcmp(got, marks) != 0)
        fail_msg("%s: '%s', not '%s'", text, got, marks);
}

static void refused(const char *text, mw_code code)
{
    mw_error err = {0};
    if (apply(text, &err) == MW_OK || err.code != (int)code)
        fail_msg("%s: MW%d, not MW%d: %s", text, err.code, (int)code, err.what);
}

static const char whole[] =
    "models: [{name: credit, description: d, gates: {require: [validation], approvals: 1}}]\n"
    "endpoints: [{model: 'models:/credit@champion', max_queue: 5}]\n";

static void test_a_second_time_nothing_differs(void **state)
{
    (void)state;
    expect(whole, "+++");
    expect(whole, "");
    expect("models: [{name: credit}]\n", ""); /* what is not said stays */
    expect("models: [{name: credit, description: e, gates: {require: [validation]}}]\n", "~~");
    expect("models: [{name: credit, gates: }]\n", "-");
    expect("endpoints: [{model: 'models:/credit@champion', max_queue: 6}]\n", "~");
    expect("endpoints: [{name: credit, model: 'models:/credit/1'}]\n", "~~");
    expect("endpoints: [{name: x, model: a.json}]\n", "  "); /* a file, and one that is left */
}

static void test_references_and_monitors(void **state)
{
    (void)state;
    static const char monitor[] = "monitors: [{endpoint: credit, fairness: {groups: [sex, age], "
                                  "threshold: 0.4}}]\n";
    refused(monitor, MW_E_APPLY_DOCUMENT); /* no such endpoint */
    expect("endpoints: [{model: 'models:/credit@champion', max_queue: 5}]\n", "+");
    expect(monitor, "~");
    expect(monitor, "");
    expect("endpoints: []\n", " "); /* it leads where it led */
    assert_true(mw_view_is(found.items[0].before, "models:/credit@champion"));
    expect("references: {credit: /srv/a.json}\n", "~");
    assert_int_equal(found.count, 1);
    expect("endpoints: [{model: 'models:/credit@champion', max_queue: 5}]\n"
           "references: {credit: /srv/a.json}\n"
           "monitors: [{endpoint: credit, fairness: {groups: 'sex, age', threshold: 0.4}}]\n",
           "~"); /* a list is written with commas alone */
    expect("monitors: [{endpoint: credit, fairness: {groups: sex}}]\n", "~");
    assert_non_null(strstr(found.items[0].after.data, "fairness_groups sex;max_queue 5;"));
    assert_null(
        strstr(found.items[0].after.data, "threshold")); /* what was taken out is taken back */
    assert_non_null(strstr(found.items[0].after.data, "reference /srv/a.json"));
    static const char *const wrong[] = {
        "references: {credit: a.json}\n",
        "references: [credit]\n",
        "monitors: [{fairness: {groups: sex}}]\n",
        "monitors: [{endpoint: credit, fairness: {group: sex}}]\n",
        "monitors: [{endpoint: credit, fairness: sex}]\n",
        "monitors: [{endpoint: credit, drift: on}]\n",
        "references: {credit: /a}\nmonitors: [{endpoint: credit, reference: /b}]\n",
    };
    for (size_t i = 0; i < MW_COUNT(wrong); i++)
        refused(wrong[i], MW_E_APPLY_DOCUMENT);
}

static void test_a_dry_run_leaves_nothing(void **state)
{
    (void)state;
    options.dry_run = true;
    expect(whole, "+++");
    expect(whole, "+++");
    refused("models: [{name: 'a/b'}]\n", MW_E_RECORD_VALUE); /* what the run would refuse, too */
    options.dry_run = false;
    expect(whole, "+++");
}

static void test_removed_only_when_pruned(void **state)
{
    (void)state;
    expect(whole, "+++");
    expect("endpoints: []\n", " ");
    options.prune = true;
    expect("models: []\n", ""); /* the section is not there */
    expect("endpoints: []\n", "-");
    expect("endpoints: []\n", "");
    options.prune = false;
}

static mw_status deny(void *user, mw_error *err)
{
    ++*(int *)user;
    return mw_fail(err, MW_E_ACCESS_DENIED, "no");
}

static void test_policies_and_paths_are_asked_for(void **state)
{
    (void)state;
    int n = 0;
    options = (mw_apply_options){.may = deny, .user = &n};
    refused(whole, MW_E_ACCESS_DENIED);
    assert_int_equal(n, 1);
    refused("endpoints: [{model: 'models:/credit@x', reference: /etc/passwd}]\n",
            MW_E_ACCESS_DENIED);
    expect("endpoints: [{model: 'models:/credit@x'}]\n", "+");
    expect("models: [{name: other, description: d}]\n", "+");
    options = (mw_apply_options){0};
    expect("models: [{name: other, gates: {require: [a]}}]\n", "+"); /* nothing had stayed */
}

/* ---- rollouts -------------------------------------------------------------------------------- */

static mw_status make_versions(mw_record *record, void *given, mw_error *err)
{
    (void)given;
    mw_model_version version;
    const mw_new_version wanted = {.name = MW_VIEW("credit"), .source = MW_VIEW("s3://b/m")};
    MW_TRY(mw_record_create_version(record, &wanted, &version, err));
    return mw_record_create_version(record, &wanted, &version, err);
}

static mw_status start(mw_record *record, void *given, mw_error *err)
{
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    return mw_record_start_rollout(record, MW_VIEW("credit"), MW_VIEW("credit/2"), &document, given,
                                   err);
}

static mw_status roll_back(mw_record *record, void *given, mw_error *err)
{
    mw_rollout *rollout = given;
    return mw_record_command_rollout(record, rollout->id, MW_COMMAND_ROLL_BACK, -1,
                                     MW_VIEW("slower"), rollout, err);
}

#define TO(version)                                     \
    "endpoints: [{model: 'models:/credit@champion'}]\n" \
    "rollouts: [{endpoint: credit, model: credit/" version "}]\n"

static void test_rollouts_by_where_the_alias_leads(void **state)
{
    (void)state;
    mw_error err;
    mw_rollout rollout;
    refused(TO("1"), MW_E_RECORD_UNKNOWN);
    expect("models: [{name: credit, gates: {require: [validation]}}]\n", "++");
    change(make_versions, NULL);
    refused(TO("1"), MW_E_GATE_CLOSED); /* the first deployment, too, passes its gates */
    expect("models: [{name: credit, gates: }]\n", "-");
    expect(TO("1"), "++"); /* the endpoint, and the alias at once */
    expect(TO("1"), "");
    expect("rollouts: [{endpoint: credit, model: credit@candidate}]\n", " "); /* none has it yet */
    refused("rollouts: [{endpoint: other, model: credit/1}]\n", MW_E_ROLLOUT_ENDPOINT);
    assert_int_equal(mw_registry_note_served(registry, MW_VIEW("credit"),
                                             MW_VIEW("models:/credit@champion"), "/x/served/abc",
                                             &arena, &err),
                     MW_OK);
    change(start, &rollout);
    expect(TO("2"), " "); /* on its way */
    change(roll_back, &rollout);
    expect(TO("2"), "!"); /* and it is not tried again */
    assert_true(strstr(found.items[0].after.data, "slower") != NULL);
    expect(TO("1"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_second_time_nothing_differs),    TEST(test_references_and_monitors),
        TEST(test_a_dry_run_leaves_nothing),         TEST(test_removed_only_when_pruned),
        TEST(test_policies_and_paths_are_asked_for), TEST(test_rollouts_by_where_the_alias_leads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
