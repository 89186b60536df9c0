/* Each address has one rule, and each rule an address. */
#include "../test.h"

#include "api/alerts.h"
#include "api/mlflow.h"
#include "api/route.h"
#include "api/rules.h"

static void test_every_route_has_a_rule(void **state)
{
    (void)state;
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++)
        if (!api_rule_of(routes[i].method, routes[i].path)->methods)
            fail_msg("no rule: %s %s", mw_method_name(routes[i].method), routes[i].path);
    const mlflow_call *call;
    for (size_t i = 0; (call = api_mlflow_call(i)); i++)
        for (mw_method method = MW_GET; method < MW_METHOD_OTHER; method++)
            if (call->methods >> method & 1 && !api_rule_of(method, call->path)->methods)
                fail_msg("no rule: %s %s", mw_method_name(method), call->path);
    for (size_t i = 0; serve_grpc_path(i); i++)
        if (!api_rule_of(MW_POST, serve_grpc_path(i))->methods)
            fail_msg("no rule: %s", serve_grpc_path(i));
    mw_method method;
    const char *path, *summary;
    for (size_t i = 0; api_alerts_call(i, &method, &path, &summary); i++)
        if (!api_rule_of(method, path)->methods)
            fail_msg("no rule: %s %s", mw_method_name(method), path);
}

static bool is_routed(mw_method method, const char *path)
{
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++)
        if (routes[i].method == method && strcmp(routes[i].path, path) == 0)
            return true;
    const mlflow_call *call;
    for (size_t i = 0; (call = api_mlflow_call(i)); i++)
        if (call->methods >> method & 1 && strcmp(call->path, path) == 0)
            return true;
    for (size_t i = 0; serve_grpc_path(i); i++)
        if (method == MW_POST && strcmp(serve_grpc_path(i), path) == 0)
            return true;
    mw_method taken;
    const char *its_path, *summary;
    for (size_t i = 0; api_alerts_call(i, &taken, &its_path, &summary); i++)
        if (method == taken && strcmp(its_path, path) == 0)
            return true;
    return false;
}

static void test_every_rule_has_a_route(void **state)
{
    (void)state;
    size_t n_rules;
    const api_rule *rules = api_rules(&n_rules);
    for (size_t i = 0; i < n_rules; i++) {
        for (mw_method method = MW_GET; method < MW_METHOD_OTHER; method++)
            if (rules[i].methods >> method & 1) {
                if (!is_routed(method, rules[i].path))
                    fail_msg("no route: %s %s", mw_method_name(method), rules[i].path);
                if (api_rule_of(method, rules[i].path) != &rules[i])
                    fail_msg("two rules: %s %s", mw_method_name(method), rules[i].path);
            }
    }
}

/* What changes something is never open, and never a viewer's; but one's own password is one's own.
 */
static void test_changes_need_more_than_looking(void **state)
{
    (void)state;
    const mlflow_call *call;
    for (size_t i = 0; (call = api_mlflow_call(i)); i++)
        for (mw_method method = MW_GET; method < MW_METHOD_OTHER; method++) {
            if (!(call->methods >> method & 1))
                continue;
            const api_rule *rule = api_rule_of(method, call->path);
            assert_int_equal(rule->when, API_ALWAYS);
            bool changes = call->access == MLFLOW_WRITES || method == MW_PUT;
            bool is_own = strcmp(call->path, "/mw/v1/users/{user}/password") == 0;
            if (changes && !is_own && rule->role < MW_ROLE_EDITOR)
                fail_msg("%s %s", mw_method_name(method), call->path);
        }
}

static void test_unknown(void **state)
{
    (void)state;
    assert_int_equal(api_rule_of(MW_GET, "/nowhere")->role, MW_ROLE_ADMIN);
    assert_int_equal(api_rule_of(MW_DELETE, "/ping")->role, MW_ROLE_ADMIN);
    assert_int_equal(api_rule_of(MW_HEAD, "/ping")->when, API_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_has_a_rule),
        cmocka_unit_test(test_every_rule_has_a_route),
        cmocka_unit_test(test_changes_need_more_than_looking),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
