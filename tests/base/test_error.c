/* Errors: places are prepended, long texts end in "...", the code table is sound. */
#include "../test.h"

#include "base/base.h"

static void test_places_are_prepended(void **state)
{
    (void)state;
    mw_error err;
    mw_fail(&err, MW_E_JSON_SYNTAX, "expected '%c'", ']');
    mw_at(&err, "byte %d", 17);
    mw_at(&err, "%s", "model.json");
    assert_int_equal(mw_mend(&err, "export it again"), MW_BAD_DATA);
    assert_string_equal(err.where, "model.json: byte 17");
    mw_buf text;
    mw_buf_init(&text, 4096);
    mw_error_print(&err, &text);
    assert_string_equal(text.data, "error: model.json: byte 17: expected ']'\n"
                                   "  fix: export it again  [MW6101]\n");
    mw_buf_reset(&text);
    mw_error_sentence(&err, &text);
    assert_string_equal(text.data,
                        "model.json: byte 17: expected ']'; fix: export it again [MW6101]");
    mw_buf_done(&text);
}

static void test_long_and_hostile_text(void **state)
{
    (void)state;
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    mw_error err;
    mw_fail(&err, MW_E_JSON_SYNTAX, "\x1b[31m%s", longer);
    assert_int_equal(strlen(err.what), sizeof err.what - 1);
    assert_string_equal(err.what + strlen(err.what) - 3, "...");
    assert_int_equal(err.what[0], '?');
    for (int i = 0; i < 50; i++)
        mw_at(&err, "%s", longer);
    assert_true(strlen(err.where) < sizeof err.where);
    assert_int_equal(mw_fail(NULL, MW_E_NO_MEMORY, "no one listens"), MW_NO_MEMORY);
}

static void test_what_scripts_and_clients_see(void **state)
{
    (void)state;
    const struct {
        mw_code code;
        mw_status status;
        int exit_code, http;
    } cases[] = {
        {MW_E_OPTION_VALUE, MW_BAD_ARGUMENT, 2, 400},
        {MW_E_STORE_FULL, MW_IO, 1, 507}, /* not one of the faults that clients repeat at once */
        {MW_E_STORE_SQL, MW_IO, 1, 500},
        {MW_E_STORE_FULL, (mw_status)99, 1, 507},
        {MW_E_OPTION_VALUE, (mw_status)99, 1, 500},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        assert_int_equal(mw_status_exit_code(cases[i].status), cases[i].exit_code);
        assert_int_equal(mw_code_http(cases[i].code, cases[i].status), cases[i].http);
    }
}

static void test_codes_are_unique_and_documented(void **state)
{
    (void)state;
    size_t n_rows;
    const mw_code_row *rows = mw_code_rows(&n_rows);
    assert_true(n_rows > 5);
    for (size_t i = 0; i < n_rows; i++) {
        if (!rows[i].title[0] || strlen(rows[i].help) < 40)
            fail_msg("MW%d has no help text", rows[i].number);
        if (rows[i].status == MW_OK)
            fail_msg("MW%d has status OK", rows[i].number);
        for (size_t j = 0; j < i; j++)
            if (rows[i].number == rows[j].number)
                fail_msg("MW%d stands twice", rows[i].number);
        assert_ptr_equal(mw_code_find(rows[i].number), &rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_are_prepended),
        cmocka_unit_test(test_long_and_hostile_text),
        cmocka_unit_test(test_what_scripts_and_clients_see),
        cmocka_unit_test(test_codes_are_unique_and_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
