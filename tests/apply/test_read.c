/* Documents of mw apply: what is read, and where faults are told. */
#include "../test.h"

#include "apply/apply.h"

static mw_arena arena;

static mw_status read(const char *text, mw_apply_document *ret_document, mw_error *err)
{
    mw_yaml_document *yaml;
    mw_apply_place place;
    *err = (mw_error){0};
    mw_arena_reset(&arena);
    MW_TRY(mw_yaml_read(mw_view_of(text), "a.yaml", &yaml, err));
    mw_status status =
        mw_apply_read(mw_yaml_root(yaml), "a.yaml", &arena, ret_document, &place, err);
    mw_yaml_free(yaml);
    return status;
}

#define EXPECT_TEXT(view, text) assert_true(mw_view_is(view, text))

static void test_a_whole_document(void **state)
{
    (void)state;
    mw_error err;
    mw_apply_document d;
    static const char text[] =
        "server: {listen: 1}\n"
        "models:\n"
        "  - name: credit\n"
        "    description: two words\n"
        "    gates: {require: [validation, fairness], approvals: 2, approvers: [ada], aliases: x}\n"
        "  - {name: churn}\n"
        "endpoints:\n"
        "  - {model: models:/credit@champion, max_queue: 5, latency_budget: 50ms}\n"
        "  - {name: f, model: a.json, background: rows.csv}\n"
        "rollouts: [{endpoint: credit, model: credit/3, strategy: shadow}]\n";
    if (read(text, &d, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_int_equal(d.n_models, 2);
    EXPECT_TEXT(d.models[0].description, "two words");
    EXPECT_TEXT(d.models[0].gates.gates, "validation,fairness");
    EXPECT_TEXT(d.models[0].gates.aliases, "x");
    assert_int_equal(d.models[0].gates.approvals, 2);
    assert_true(d.models[0].has_gates && !d.models[1].has_gates);
    assert_int_equal(d.n_endpoints, 2);
    EXPECT_TEXT(d.endpoints[0].name, "credit"); /* of its model */
    EXPECT_TEXT(d.endpoints[0].settings, "latency_budget 50ms\nmax_queue 5\n");
    assert_true(d.endpoints[1].is_file && !d.endpoints[0].is_file);
    assert_int_equal(d.n_rollouts, 1);
    assert_int_equal(d.rollouts[0].strategy, MW_SHADOW);
}

static void test_sections_may_be_empty(void **state)
{
    (void)state;
    mw_error err;
    mw_apply_document d;
    assert_int_equal(read("models:\nendpoints:\n", &d, &err), MW_OK);
    assert_true(d.has_endpoints && d.n_endpoints == 0 && d.n_models == 0);
    assert_int_equal(read("", &d, &err), MW_OK);
    assert_false(d.has_endpoints);
}

static const struct fault {
    const char *text, *where, *what;
} faults[] = {
    {"models: 3\n", "a.yaml:1:9", "must be a list"},
    {"models:\n  - credit\n", "a.yaml:2:5", "a map of keys"},
    {"models:\n  - description: a\n", "a.yaml:2:5", "no \"name\""},
    {"models:\n  - name: a\n    gate: {}\n", "a.yaml:3:5", "\"gate\" in a model"},
    {"models:\n  - name: a\n    gates: {approvals: -1}\n", "a.yaml:3:24", "0 to"},
    {"models:\n  - name: a\n    gates: {require: {a: b}}\n", "a.yaml:3:22", "list of names"},
    {"models: [{name: a}, {name: a}]\n", "a.yaml:1:28", "stands there twice"},
    {"endpoints: [{name: a}]\n", "a.yaml:1:13", "no \"model\""},
    {"endpoints: [{name: a/b, model: 'models:/a@x'}]\n", "a.yaml:1:20", "name of an endpoint"},
    {"endpoints: [{name: .a, model: 'models:/a@x'}]\n", "a.yaml:1:20", "name of an endpoint"},
    {"endpoints: [{model: 'models:/a@x', reference: b.csv}]\n", "a.yaml:1:47", "begin with '/'"},
    {"endpoints: [{model: 'models:/a@x'}, {model: 'models:/a/2'}]\n", "a.yaml:1:37", "twice"},
    {"rollouts: [{endpoint: a}]\n", "a.yaml:1:12", "names no model"},
    {"rollouts:\n  - {endpoint: a, model: a/2, steps: [200%]}\n", "a.yaml:2:", ""},
    {"rollouts: [{endpoint: a, model: a/2}, {endpoint: a, model: a/3}]\n", "a.yaml:1:39",
     "two rollouts"},
    {"- a\n", "a.yaml:1:1", "map of sections"},
};

static void test_faults_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(faults); i++) {
        mw_error err;
        mw_apply_document d;
        if (read(faults[i].text, &d, &err) != MW_BAD_ARGUMENT)
            fail_msg("taken: %s", faults[i].text);
        if (strncmp(err.where, faults[i].where, strlen(faults[i].where)) != 0 ||
            !strstr(err.what, faults[i].what))
            fail_msg("%s: at '%s': '%s'", faults[i].text, err.where, err.what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_document),
        cmocka_unit_test(test_sections_may_be_empty),
        cmocka_unit_test(test_faults_say_where),
    };
    mw_arena_init(&arena, 16 * MW_KIB, 16 * MW_MIB);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mw_arena_done(&arena);
    return failed;
}
