/* Which route takes a method and a path, and what it makes of the names in it. */
#include "../test.h"

#include "api/route.h"

static mw_arena arena;

static int set_up(void **state)
{
    (void)state;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mw_arena_done(&arena);
    return 0;
}

static api_match find(mw_method method, const char *path)
{
    mw_exchange *exchange = mw_arena_take_zeroed(&arena, 1, sizeof *exchange);
    exchange->method = method;
    exchange->path = mw_view_of(path);
    exchange->arena = &arena;
    return api_find_route(exchange);
}

static const struct route_case {
    mw_method method;
    const char *path;
    const char *id; /* NULL: no route */
    const char *name, *version;
} route_cases[] = {
    {MW_POST, "/invocations", "invocations", "", ""},
    {MW_POST, "/invocations/", "invocations", "", ""},
    {MW_POST, "/endpoints/a/invocations", "endpoint_invocations", "a", ""},
    {MW_POST, "/endpoints/a%2Eb/invocations", "endpoint_invocations", "a.b", ""},
    {MW_POST, "/v2/models/churn_3.1-x/infer", "infer", "churn_3.1-x", ""},
    {MW_POST, "/v2/models/a/versions/12/infer", "infer_version", "a", "12"},
    {MW_POST, "/v2/models/infer/infer", "infer", "infer", ""},
    {MW_POST, "/v1/models/a:predict", "kserve_predict", "a", ""},
    {MW_POST, "/v1/models/a%3Apredict", "kserve_predict", "a", ""},
    {MW_POST, "/v1/models/a%3apredict", "kserve_predict", "a", ""},
    {MW_GET, "/ping", "ping", "", ""},
    {MW_HEAD, "/ping", "ping", "", ""},
    {MW_GET, "/v2", "server_metadata", "", ""},
    {MW_GET, "/v2/", "server_metadata", "", ""},
    {MW_GET, "/v2/models", "models", "", ""},
    {MW_GET, "/v2/models/", "models", "", ""},
    {MW_GET, "/v2/models/stats", "all_stats", "", ""},
    {MW_GET, "/v2/models/a", "model_metadata", "a", ""},
    {MW_GET, "/v2/models/a/versions/1", "model_version_metadata", "a", "1"},
    {MW_GET, "/v2/models/a/versions/1/ready", "model_version_ready", "a", "1"},
    {MW_GET, "/v2/models/%41", "model_metadata", "A", ""},
    {MW_POST, "/v2/repository/models/a/load", "repository_load", "a", ""},
    {MW_GET, "/", "index", "", ""},
    {MW_GET, "/metrics", "metrics", "", ""},
    /* no such path */
    {MW_GET, "", NULL, "", ""},
    {MW_GET, "//", NULL, "", ""},
    {MW_GET, "/pin", NULL, "", ""},
    {MW_GET, "/pingg", NULL, "", ""},
    {MW_GET, "/PING", NULL, "", ""},
    {MW_GET, "/v2/models//ready", NULL, "", ""},
    {MW_GET, "/v2/models/a/b", NULL, "", ""},
    {MW_POST, "/v1/models/:predict", NULL, "", ""},
    {MW_POST, "/v1/models/a:explain", "kserve_explain", "a", ""},
    {MW_POST, "/v1/models/a:dance", NULL, "", ""},
    {MW_POST, "/endpoints//invocations", NULL, "", ""},
    {MW_POST, "/endpoints/a/b/invocations", NULL, "", ""},
    {MW_POST, "/v2/models/a/versions//infer", NULL, "", ""},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(route_cases); i++) {
        const struct route_case *c = &route_cases[i];
        api_match match = find(c->method, c->path);
        if (!match.route != !c->id || (c->id && strcmp(match.route->id, c->id) != 0))
            fail_msg("%s: found %s", c->path, match.route ? match.route->id : "nothing");
        if (!c->id) {
            assert_int_equal(match.methods, 0);
            continue;
        }
        assert_false(match.bad_escape);
        if (!mw_view_is(match.params.name, c->name) ||
            !mw_view_is(match.params.version, c->version))
            fail_msg("%s: name '%.*s', version '%.*s'", c->path, MW_VIEW_ARG(match.params.name),
                     MW_VIEW_ARG(match.params.version));
    }
}

static void test_other_methods(void **state)
{
    (void)state;
    static const struct {
        mw_method asked;
        const char *path;
        unsigned taken;
    } cases[] = {
        {MW_GET, "/invocations", 1u << MW_POST},
        {MW_POST, "/ping", 1u << MW_GET},
        {MW_DELETE, "/v2/models/a", 1u << MW_GET},
        {MW_METHOD_OTHER, "/metrics", 1u << MW_GET},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        api_match match = find(cases[i].asked, cases[i].path);
        assert_null(match.route);
        assert_int_equal(match.methods, cases[i].taken);
    }
}

static void test_bad_escapes(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v2/models/%", "/v2/models/%4", "/v2/models/%zz",
                                        "/v2/models/a%4g/ready", "/v2/models/a/versions/%x1"};
    for (size_t i = 0; i < MW_COUNT(paths); i++) {
        api_match match = find(MW_GET, paths[i]);
        assert_non_null(match.route);
        assert_true(match.bad_escape);
    }
}

/* The table itself: what the description and the dispatcher rely on. */
static void test_table(void **state)
{
    (void)state;
    size_t count;
    const api_route *routes = api_routes(&count);
    assert_true(count > 20);
    for (size_t i = 0; i < count; i++) {
        assert_true(!routes[i].serve != !routes[i].own);
        assert_true(routes[i].path[0] == '/');
        assert_true(!routes[i].id || (routes[i].id[0] && routes[i].summary[0]));
        for (size_t j = 0; j < i; j++) {
            if (routes[i].id && routes[j].id)
                assert_string_not_equal(routes[i].id, routes[j].id);
            if (routes[i].method == routes[j].method)
                assert_string_not_equal(routes[i].path, routes[j].path);
        }
        if (routes[i].body != API_BODY_NONE)
            assert_true(routes[i].may & API_MAY_413);
    }
}

/* Whoever adds a route describes it. */
static void test_every_route_is_described(void **state)
{
    (void)state;
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        if (!routes[i].id || !routes[i].summary || !*routes[i].summary)
            fail_msg("%s is not described", routes[i].path);
        for (size_t k = 0; k < i && routes[i].id; k++)
            if (routes[k].id && strcmp(routes[k].id, routes[i].id) == 0)
                fail_msg("two routes are called %s", routes[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_other_methods),
        cmocka_unit_test(test_bad_escapes),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_route_is_described),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
