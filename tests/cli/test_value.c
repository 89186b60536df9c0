/* Values with units, addresses, and the messages about wrong ones. */
#include "../test.h"

#include "cli/value.h"

static const struct size_case {
    const char *text;
    bool good;
    uint64_t bytes;
} size_cases[] = {
    {"0", true, 0},
    {"4096", true, 4096},
    {"16MiB", true, 16u << 20},
    {"16 MiB", true, 16u << 20},
    {"2GiB", true, UINT64_C(2) << 30},
    {"1kB", true, 1000},
    {"1.5GB", true, 1500000000},
    {"1.5KiB", true, 1536},
    {"3M", true, 3u << 20},
    {"18446744073709551615", true, UINT64_MAX},
    {"18446744073709551616", false, 0}, /* one too many */
    {"99999999999GiB", false, 0},
    {"", false, 0},
    {"MiB", false, 0},
    {"-1", false, 0},
    {"1.MiB", false, 0},
    {".5MiB", false, 0},
    {"16mib", false, 0},
    {"16MiBs", false, 0},
    {"1e6", false, 0},
    {"0x10", false, 0},
};

static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(size_cases); i++) {
        const struct size_case *c = &size_cases[i];
        uint64_t bytes = 0;
        bool good = cli_read_size(mw_view_of(c->text), &bytes);
        if (good != c->good || (good && bytes != c->bytes))
            fail_msg("'%s': got %d, %llu", c->text, good, (unsigned long long)bytes);
    }
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t ms;
    } cases[] = {
        {"500ms", true, 500},   {"10s", true, 10000}, {"2m", true, 120000}, {"1.5h", true, 5400000},
        {"1d", true, 86400000}, {"10", false, 0},     {"s", false, 0},      {"10S", false, 0},
        {"-1s", false, 0},      {"1m30s", false, 0},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        uint64_t ms = 0;
        bool good = cli_read_time(mw_view_of(cases[i].text), &ms);
        if (good != cases[i].good || (good && ms != cases[i].ms))
            fail_msg("'%s': got %d, %llu", cases[i].text, good, (unsigned long long)ms);
    }
    uint64_t seconds = 0;
    assert_true(cli_read_seconds(MW_VIEW("30"), &seconds));
    assert_int_equal(seconds, 30);
    assert_true(cli_read_seconds(MW_VIEW("2m"), &seconds));
    assert_int_equal(seconds, 120);
    assert_false(cli_read_seconds(MW_VIEW("500ms"), &seconds)); /* would be rounded */
}

static const struct address_case {
    const char *text, *expected; /* NULL: refused */
    bool local;
} address_cases[] = {
    {"127.0.0.1:8080", "127.0.0.1:8080", true},
    {":8081", "127.0.0.1:8081", true},
    {":0", "127.0.0.1:0", true},
    {"0", "127.0.0.1:0", true},
    {"9000", "127.0.0.1:9000", true},
    {"localhost", "localhost:8080", true},
    {"LocalHost:1", "LocalHost:1", true},
    {"[::1]:80", "[::1]:80", true},
    {"[::1]", "[::1]:8080", true},
    {"127.9.9.9:1", "127.9.9.9:1", true},
    {"0.0.0.0:80", "0.0.0.0:80", false},
    {"[::]:80", "[::]:80", false},
    {"10.0.0.1", "10.0.0.1:8080", false},
    {"127.evil.example:80", "127.evil.example:80", false},
    {"mw.example.org:80", "mw.example.org:80", false},
    {"", NULL, false},
    {":", NULL, false},
    {"host:", NULL, false},
    {"host:65536", NULL, false},
    {"host:-1", NULL, false},
    {"host:8o", NULL, false},
    {"::1:80", NULL, false}, /* IPv6 needs brackets */
    {"http://127.0.0.1:80", NULL, false},
    {"a b:80", NULL, false},
    {"[::1:80", NULL, false},
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(address_cases); i++) {
        const struct address_case *c = &address_cases[i];
        mw_buf out;
        mw_buf_init(&out, 512);
        bool good = cli_read_address(mw_view_of(c->text), &out);
        if (good != (c->expected != NULL))
            fail_msg("'%s': got %d '%s'", c->text, good, out.data);
        if (good &&
            (strcmp(out.data, c->expected) != 0 || cli_address_is_local(out.data) != c->local))
            fail_msg("'%s': got '%s', local %d", c->text, out.data, cli_address_is_local(out.data));
        mw_buf_done(&out);
    }
}

static const struct message_case {
    cli_option_id id;
    const char *text, *what, *mend;
} message_cases[] = {
    {CLI_THREADS, "many", "'many' is not a whole number", "give 1..256"},
    {CLI_THREADS, "0", "'0' is outside 1..256", "give a value in 1..256"},
    {CLI_THREADS, "257", "'257' is outside 1..256", "give a value in 1..256"},
    {CLI_HEAD_TIMEOUT, "5", "'5' is not a time",
     "give 10ms..1h, with its unit (ms, s, m, h), for example 5s"},
    {CLI_MAX_BODY, "1TB", "'1TB' is not a size", "give 1KiB..4GiB, for example 16MiB"},
    {CLI_LOG_LEVEL, "loud", "'loud' is not one of the choices",
     "give error|warn|info|debug, for example info"},
    {CLI_ALLOW_PUBLIC, "yes", "'yes' is not true or false",
     "give true or false, for example false"},
    {CLI_LISTEN, "here:99999", "'here:99999' is not an address",
     "give ADDR:PORT, :PORT, PORT, ADDR, unix:PATH or fd:NAME, for example 127.0.0.1:8080"},
    {CLI_DATA, "", "the value is empty", "give a path, for example ./mw-data"},
};

static void test_messages(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, 1024, MW_MIB);
    for (size_t i = 0; i < MW_COUNT(message_cases); i++) {
        const struct message_case *c = &message_cases[i];
        cli_value value = {0};
        mw_error err;
        mw_status status =
            cli_value_read(&cli_options[c->id], mw_view_of(c->text), &arena, &value, &err);
        assert_int_equal(status, MW_BAD_ARGUMENT);
        assert_null(value.text); /* untouched on failure */
        assert_string_equal(err.what, c->what);
        assert_string_equal(err.mend, c->mend);
        assert_int_equal(err.code, MW_E_OPTION_VALUE);
    }
    mw_arena_done(&arena);
}

static void test_fallbacks_are_valid(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, 1024, MW_MIB);
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const cli_option *option = &cli_options[id];
        cli_value value;
        mw_error err = {0};
        if (option->fallback &&
            cli_value_read(option, mw_view_of(option->fallback), &arena, &value, &err) != MW_OK)
            fail_msg("--%s: default '%s': %s", option->name, option->fallback, err.what);
    }
    mw_arena_done(&arena);
}

static void test_units_written(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, 256);
    cli_write_size(&out, 16u << 20);
    mw_buf_char(&out, ' ');
    cli_write_size(&out, 1500);
    mw_buf_char(&out, ' ');
    cli_write_size(&out, 0);
    mw_buf_char(&out, ' ');
    cli_write_time(&out, 90000);
    mw_buf_char(&out, ' ');
    cli_write_time(&out, 1500);
    assert_string_equal(out.data, "16MiB 1500 0 90s 1500ms");
    mw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_fallbacks_are_valid),
        cmocka_unit_test(test_units_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
