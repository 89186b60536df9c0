/* Addresses: what is taken, what is refused, and the sentence when somebody is there already. */
#include "../test.h"

#include <sys/wait.h>

#include "net/address.h"
#include "house.h"

static const struct address_case {
    const char *text, *host, *port; /* host NULL = refused */
} address_cases[] = {
    {"127.0.0.1:8080", "127.0.0.1", "8080"},
    {"[::1]:0", "::1", "0"},
    {"localhost:65535", "localhost", "65535"},
    {":80", "", "80"},
    {"127.0.0.1:65536", NULL, NULL},
    {"127.0.0.1:123456789012", NULL, NULL},
    {"127.0.0.1:", NULL, NULL},
    {"127.0.0.1:80x", NULL, NULL},
    {"127.0.0.1:-1", NULL, NULL},
    {"127.0.0.1", NULL, NULL},
    {"8080", NULL, NULL},
    {"::1:80", NULL, NULL},
    {"", NULL, NULL},
    {NULL, NULL, NULL},
};

static void test_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(address_cases); i++) {
        const struct address_case *c = &address_cases[i];
        net_address parts;
        mw_error err;
        mw_status status = net_split_address(c->text, &parts, &err);
        if (status != (c->host ? MW_OK : MW_BAD_ARGUMENT))
            fail_msg("'%s': status %d", c->text, (int)status);
        if (!c->host)
            assert_int_equal(err.code, MW_E_ADDRESS_SYNTAX);
        else if (strcmp(parts.host, c->host) != 0 || strcmp(parts.port, c->port) != 0)
            fail_msg("'%s': '%s' '%s'", c->text, parts.host, parts.port);
    }
}

static mw_status try_open(const char *address, mw_server **server, mw_error *err)
{
    net_house house;
    house_prepare(&house);
    house.options.listen = address;
    return mw_server_open(&house.options, server, err);
}

static void test_in_use_names_the_process(void **state)
{
    (void)state;
    mw_server *first = NULL, *second = NULL;
    mw_error err;
    assert_int_equal(try_open("127.0.0.1:0", &first, &err), MW_OK);
    assert_true(mw_view_starts(mw_view_of(mw_server_address(first)), "127.0.0.1:"));
    assert_int_equal(try_open(mw_server_address(first), &second, &err), MW_CONFLICT);
    assert_int_equal(err.code, MW_E_ADDRESS_IN_USE);
    assert_non_null(strstr(err.what, mw_server_address(first)));
    char expected[64];
    snprintf(expected, sizeof expected, "process %d ('test_net_addres", (int)getpid());
    if (!strstr(err.why, expected))
        fail_msg("'%s' does not name '%s'", err.why, expected);
    assert_true(err.mend[0] != '\0');
    char address[128];
    snprintf(address, sizeof address, "%s", mw_server_address(first));
    mw_server_close(first);
    assert_int_equal(try_open(address, &second, &err), MW_OK); /* free again at once */
    mw_server_close(second);
}

/* A listener of another process is named, too. */
static void test_in_use_by_another(void **state)
{
    (void)state;
    int to_parent[2], to_child[2];
    assert_int_equal(pipe(to_parent) | pipe(to_child), 0);
    pid_t child = fork();
    if (child == 0) {
        mw_server *server;
        char done;
        close(to_child[1]); /* so that it ends when the parent does */
        if (try_open("127.0.0.1:0", &server, NULL) != MW_OK)
            _exit(1);
        const char *address = mw_server_address(server);
        ssize_t n = write(to_parent[1], address, strlen(address) + 1);
        n = read(to_child[0], &done, 1);
        _exit(n < 0);
    }
    char address[128] = "", expected[64];
    mw_server *server;
    mw_error err;
    assert_true(read(to_parent[0], address, sizeof address) > 0);
    assert_int_equal(try_open(address, &server, &err), MW_CONFLICT);
    snprintf(expected, sizeof expected, "process %d ('", (int)child);
    assert_non_null(strstr(err.why, expected));
    assert_int_equal(write(to_child[1], "x", 1), 1);
    waitpid(child, NULL, 0);
}

static void test_other_refusals(void **state)
{
    (void)state;
    mw_server *server = NULL;
    mw_error err;
    assert_int_equal(try_open("192.0.2.1:0", &server, &err), MW_IO); /* not of this machine */
    assert_int_equal(err.code, MW_E_ADDRESS_REFUSED);
    assert_int_equal(try_open("no.such.name.invalid:80", &server, &err), MW_BAD_ARGUMENT);
    assert_int_equal(err.code, MW_E_ADDRESS_UNKNOWN);
    assert_int_equal(try_open("bogus", &server, &err), MW_BAD_ARGUMENT);
    assert_null(server);
}

static void test_ipv6_and_names(void **state)
{
    (void)state;
    static const char *const listens[] = {"[::1]:0", "localhost:0", "[::]:0", ":0"};
    for (size_t i = 0; i < MW_COUNT(listens); i++) {
        net_house house;
        mw_client *client;
        mw_error err;
        int status;
        mw_view body;
        house_prepare(&house);
        house.options.listen = listens[i];
        if (mw_server_open(&house.options, &house.server, &err) != MW_OK) {
            print_message("%s: skipped: %s\n", listens[i], err.what); /* no IPv6 here */
            continue;
        }
        mw_server_close(house.server);
        house_open(&house);
        const char *port = strrchr(house.address, ':');
        char address[64];
        snprintf(address, sizeof address, i == 0 ? "[::1]%s" : "localhost%s", port);
        assert_int_equal(mw_client_open(address, 2000, &client, &err), MW_OK);
        assert_int_equal(
            mw_client_call(client, "GET", "/x", NULL, (mw_view){NULL, 0}, &status, &body, &err),
            MW_OK);
        assert_int_equal(status, 200);
        mw_client_close(client);
        house_close(&house);
    }
}

static void test_options_are_checked(void **state)
{
    (void)state;
    mw_server *server = NULL;
    mw_error err;
    net_house house;
    house_prepare(&house);
    house.options.n_loops = 0;
    assert_int_equal(mw_server_open(&house.options, &server, &err), MW_BAD_ARGUMENT);
    house_prepare(&house);
    house.options.handler = NULL;
    assert_int_equal(mw_server_open(&house.options, &server, &err), MW_BAD_ARGUMENT);
    house_prepare(&house);
    house.options.head_ms = 0;
    assert_int_equal(mw_server_open(&house.options, &server, &err), MW_BAD_ARGUMENT);
    assert_null(server);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_in_use_names_the_process),
        cmocka_unit_test(test_in_use_by_another),
        cmocka_unit_test(test_other_refusals),
        cmocka_unit_test(test_ipv6_and_names),
        cmocka_unit_test(test_options_are_checked),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
