/* Addresses of servers as people write them, and headers that are sent along. */
#include "../test.h"

#include "net/net.h"

static const struct {
    const char *url, *shown, *authority;
    int code; /* 0 = it is one */
} addresses[] = {
    {"127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080", 0},
    {"http://host", "http://host:80", "host", 0},
    {"https://host/", "https://host:443", "host", 0},
    {"https://[::1]:8443", "https://[::1]:8443", "[::1]:8443", 0},
    {"https://[::1]", "https://[::1]:443", "[::1]", 0},
    {"unix:/run/mw.sock", "unix:/run/mw.sock", "localhost", 0},
    {"", NULL, NULL, MW_E_DIAL_ADDRESS},
    {"https://", NULL, NULL, MW_E_DIAL_ADDRESS},
    {"http://user@host", NULL, NULL, MW_E_DIAL_ADDRESS},
    {"http://host/path", NULL, NULL, MW_E_DIAL_ADDRESS},
    {"http://a\r\nb", NULL, NULL, MW_E_DIAL_ADDRESS},
    {"unix:", NULL, NULL, MW_E_DIAL_ADDRESS},
    {"unix:/"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
     "8901234567890123456789",
     NULL, NULL, MW_E_DIAL_ADDRESS},
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(addresses); i++) {
        mw_dial *dial = NULL;
        mw_error err = {0};
        mw_status status = mw_dial_new(&(mw_dial_options){.url = addresses[i].url}, &dial, &err);
        if ((status == MW_OK) != (addresses[i].code == 0) || err.code != addresses[i].code)
            fail_msg("'%s': %d MW%d %s", addresses[i].url, (int)status, err.code, err.what);
        if (status != MW_OK) {
            assert_true(err.mend[0]);
            continue;
        }
        assert_string_equal(mw_dial_url(dial), addresses[i].shown);
        assert_string_equal(mw_dial_authority(dial), addresses[i].authority);
        assert_string_equal(mw_dial_headers(dial), "");
        mw_dial_free(dial);
    }
    mw_dial_free(NULL);
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *sent; /* NULL = refused */
    } cases[] = {
        {"A: b", "A: b\r\n"}, {"A:b\nX-C:  d e ", "A: b\r\nX-C: d e\r\n"},
        {"no colon", NULL},   {"A: b\r", NULL},
        {"A b: c", NULL},     {": c", NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_dial *dial = NULL;
        mw_error err = {0};
        mw_dial_options options = {.url = "h:1", .headers = cases[i].lines};
        mw_status status = mw_dial_new(&options, &dial, &err);
        if (cases[i].sent ? status != MW_OK : err.code != MW_E_DIAL_HEADER)
            fail_msg("'%s': %d %s", cases[i].lines, (int)status, err.what);
        if (cases[i].sent)
            assert_string_equal(mw_dial_headers(dial), cases[i].sent);
        mw_dial_free(dial);
    }
}

/* What others name is judged when it is connected to, not only before. */
static void test_only_public(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://127.0.0.1:1", "http://localhost:1", "unix:/tmp/x"};
    for (size_t i = 0; i < MW_COUNT(urls); i++) {
        mw_dial *dial = NULL;
        mw_stream stream;
        mw_error err = {0};
        mw_dial_options options = {.url = urls[i], .only_public = true};
        assert_int_equal(mw_dial_new(&options, &dial, &err), MW_OK);
        assert_int_equal(mw_dial_check(dial, &err), MW_BAD_ARGUMENT);
        assert_int_equal(err.code, MW_E_DIAL_PRIVATE);
        err.code = 0;
        assert_int_equal(mw_stream_open(dial, &stream, &err), MW_BAD_ARGUMENT);
        assert_int_equal(err.code, MW_E_DIAL_PRIVATE);
        mw_dial_free(dial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_only_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
