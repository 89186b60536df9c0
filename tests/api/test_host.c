/* Names by which a server on this machine is asked for its record. */
#include "api/host.h"
#include "test.h"

static const struct {
    const char *host, *allowed;
    bool is_known;
} hosts[] = {
    {"", "", true}, /* HTTP/2, HTTP/1.0: no browser */
    {"localhost", "", true},
    {"LocalHost:8080", "", true},
    {"localhost.", "", true},
    {"mw.localhost:8080", "", true},
    {"127.0.0.1:8080", "", true},
    {"[::1]:8080", "", true},
    {"[::1]", "", true},
    {"10.1.2.3", "", true}, /* nobody's name leads from an address to here */
    {"evil.example", "", false},
    {"evil.example:8080", "", false},
    {"127.0.0.1.evil.example:8080", "", false},
    {"localhost.evil.example", "", false},
    {"evillocalhost", "", false},
    {"127.0.0.1evil", "", false},
    {"[evil.example]:80", "", false},
    {"[", "", false},
    {":8080", "", false},
    {".", "", false},
    {"1234567890123456789012345678901234567890123456789", "", false},
    {"mw.example.com", "mw.example.com", true},
    {"MW.example.com:443", "a, mw.example.com", true},
    {"mw.example.com", "mw.example.com:8080", true},
    {"xmw.example.com", "mw.example.com", false},
    {"a.example.com", "*.example.com", true},
    {"example.com", "*.example.com", false},
    {"evilexample.com", "*.example.com", false},
    {"anything", "*", true},
    {"evil.example", " , ,", false},
};

static void test_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(hosts); i++)
        if (api_host_is_known(mw_view_of(hosts[i].host), mw_view_of(hosts[i].allowed)) !=
            hosts[i].is_known)
            fail_msg("'%s', allowed '%s'", hosts[i].host, hosts[i].allowed);
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const matter[] = {"/mw/v1/overview",
                                         "/api/2.0/mlflow/runs/create",
                                         "/ajax-api/3.0/mlflow/traces",
                                         "/get-artifact",
                                         "/dvc/files/md5/00",
                                         "/v2/repository/models/a/unload",
                                         "/v2/logging",
                                         "/v2/trace/setting",
                                         "/v2/systemsharedmemory/unregister",
                                         "/v2/systemsharedmemory/region/r/register"};
    static const char *const others[] = {"/", "/invocations", "/v2/health/ready", "/metrics",
                                         "/endpoints/a/invocations"};
    for (size_t i = 0; i < MW_COUNT(matter); i++)
        assert_true(api_host_matters(mw_view_of(matter[i])));
    for (size_t i = 0; i < MW_COUNT(others); i++)
        assert_false(api_host_matters(mw_view_of(others[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hosts), cmocka_unit_test(test_paths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
