/* CSV whose columns nobody described: kinds, missing values, codes that two files share, faults. */
#include <math.h>

#include "table/table.h"
#include "test.h"

static void test_kinds(void **state)
{
    (void)state;
    mw_frame frame;
    mw_error err;
    mw_view text = MW_VIEW("\xef\xbb\xbf"
                           "age,city,,score\n1,Bern,0,nan\n,\"Z\"\"g,x\",1,\r\n\n-2.5,NA,2,inf\n");
    assert_int_equal(mw_frame_read(text, &frame, &err), MW_OK);
    assert_true(frame.n_columns == 4 && frame.n_rows == 3);
    assert_true(mw_view_is(frame.columns[2].name, "Unnamed: 2"));
    assert_true(mw_frame_find(&frame, MW_VIEW("score")) == 3 &&
                mw_frame_find(&frame, MW_VIEW("scores")) == -1);
    assert_true(frame.columns[0].values[0] == 1 && isnan(frame.columns[0].values[1]) &&
                frame.columns[0].values[2] == -2.5);
    assert_true(isinf(frame.columns[3].values[2]) && isnan(frame.columns[3].values[1]));
    assert_true(frame.columns[1].is_text && !frame.columns[0].is_text);
    mw_words words;
    mw_words *each[4] = {NULL, &words, NULL, NULL};
    mw_words_init(&words);
    assert_int_equal(mw_frame_code(&frame, each, &err), MW_OK);
    assert_true(words.n_texts == 2 && mw_view_is(words.texts[1], "Z\"g,x"));
    assert_true(frame.columns[1].values[1] == 1 && isnan(frame.columns[1].values[2]));
    mw_words_done(&words);
    mw_frame_done(&frame);
}

static void test_many_words(void **state)
{
    (void)state;
    mw_words words;
    mw_error err;
    mw_words_init(&words);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < 5000; i++) {
            char text[16];
            size_t code, size = (size_t)snprintf(text, sizeof text, "w%zu", i);
            assert_int_equal(mw_words_code(&words, (mw_view){text, size}, &code, &err), MW_OK);
            assert_true(code == i);
        }
    assert_true(words.n_texts == 5000);
    mw_words_done(&words);
}

static const struct fault_case {
    const char *name, *text, *what, *where;
    int code;
} fault_cases[] = {
    {"empty", "", "no header line", "", MW_E_TABLE_HEADER},
    {"numbers first", "1,2\n3,4\n", "the first line holds numbers", "", MW_E_TABLE_HEADER},
    {"one name twice", "a,b,a\n1,2,3\n", "two columns are called 'a'", "", MW_E_TABLE_NAME_TWICE},
    {"a short line", "a,b\n1,2\n3\n", "1 values, the header has 2", "line 3", MW_E_TABLE_COUNT},
    {"a long line", "a,b\n1,2,3\n", "3 values, the header has 2", "line 2", MW_E_TABLE_COUNT},
    {"an open quote", "a,b\n1,\"2\n", "a quoted field", "line 2", MW_E_TABLE_CSV},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(fault_cases); i++) {
        const struct fault_case *c = &fault_cases[i];
        mw_frame frame;
        mw_error err;
        if (mw_frame_read(mw_view_of(c->text), &frame, &err) == MW_OK || err.code != c->code ||
            !strstr(err.what, c->what) || strcmp(err.where, c->where) != 0 || !err.mend[0])
            fail_msg("%s: %d '%s' at '%s'", c->name, err.code, err.what, err.where);
        mw_frame_done(&frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_many_words),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
