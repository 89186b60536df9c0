/* CSV: dialects, missing values, faults, and reading in pieces. */
#include "../test.h"

#include <math.h>

#include "table/table.h"

static mw_arena arena;
static mw_schema schema, unnamed;

static int set_up(void **state)
{
    (void)state;
    static const mw_view cities[] = {{"Austin, TX", 10}, {"the \"Hub\"", 9}};
    const mw_column columns[] = {{.name = MW_VIEW("age")},
                                 {.name = MW_VIEW("income")},
                                 {.name = MW_VIEW("city"),
                                  .type = MW_COLUMN_CATEGORY,
                                  .categories = cities,
                                  .n_categories = 2}};
    const mw_column made_up[] = {{.name = MW_VIEW("f0")}, {.name = MW_VIEW("f1")}};
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    assert_int_equal(mw_schema_make(columns, 3, true, &arena, &schema, NULL), MW_OK);
    assert_int_equal(mw_schema_make(made_up, 2, false, &arena, &unnamed, NULL), MW_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mw_arena_done(&arena);
    return 0;
}

static const struct good_csv {
    const char *name, *text;
    size_t n_rows;
    double values[9];
} good[] = {
    {"plain", "age,income,city\n1,2.5,\"Austin, TX\"\n3,4,\n", 2, {1, 2.5, 0, 3, 4, NAN}},
    {"other order, extra field", "x,city,income,age\nzz,\"the \"\"Hub\"\"\",2,1\n", 1, {1, 2, 1}},
    {"CRLF, no last line end", "age,income,city\r\n1,2,NA\r\n3,4,nan", 2, {1, 2, NAN, 3, 4, NAN}},
    {"CR", "age,income,city\r1,2,\r3,4,\r", 2, {1, 2, NAN, 3, 4, NAN}},
    {"byte-order mark",
     "\xef\xbb\xbf"
     "age,income,city\n1,2,\n",
     1,
     {1, 2, NAN}},
    {"missing words",
     "age,income,city\nNaN,null,NULL\nNA,None,N/A\n",
     2,
     {NAN, NAN, NAN, NAN, NAN, NAN}},
    {"blanks and quotes around numbers", "age,income,city\n 1 ,\"2\",\n", 1, {1, 2, NAN}},
    {"quoted line end passed over", "x,age,income,city\n\"a\nb\",1,2,\n", 1, {1, 2, NAN}},
    {"empty lines", "age,income,city\n\n1,2,\n\n", 1, {1, 2, NAN}},
    {"infinity, exponents", "age,income,city\n-inf,1e3,\n", 1, {-INFINITY, 1000, NAN}},
    {"header only", "age,income,city\n", 0, {0}},
    {"tabs", "age\tincome\tcity\n1\t2.5\tAustin, TX\n3\t4\t\n", 2, {1, 2.5, 0, 3, 4, NAN}},
    {"semicolons", "city;income;age\n\"Austin, TX\";2.5;1\nNA;;3\n", 2, {1, 2.5, 0, 3, NAN, NAN}},
    {"a comma in the header says comma", "age,income,city,a;b\n1,2,,\"x;y\"\n", 1, {1, 2, NAN}},
    {"separators in a quoted name", "\"a,b;c\"\tage\tincome\tcity\nx\t1\t2\t\n", 1, {1, 2, NAN}},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(good); i++) {
        mw_batch batch;
        mw_error err;
        if (mw_batch_read_csv(mw_view_of(good[i].text), &schema, &arena, &batch, &err) != MW_OK)
            fail_msg("%s: %s: %s", good[i].name, err.where, err.what);
        if (batch.n_rows != good[i].n_rows)
            fail_msg("%s: %zu rows", good[i].name, batch.n_rows);
        for (size_t j = 0; j < batch.n_rows * 3; j++)
            if (batch.values[j] != good[i].values[j] &&
                !(isnan(batch.values[j]) && isnan(good[i].values[j])))
                fail_msg("%s: value %zu is %g", good[i].name, j, batch.values[j]);
    }
}

static const struct bad_csv {
    const char *name;
    const mw_schema *schema;
    const char *text, *where, *what;
} bad[] = {
    {"empty", &schema, "", "", "no header"},
    {"missing column", &schema, "age,city\n", "line 1", "'income'"},
    {"text", &schema, "age,income,city\n1,2,\nold,2,\n", "line 3: column 'age'", "'old'"},
    {"too few", &schema, "age,income,city\n1,2\n", "line 2", "2 fields, the header has 3"},
    {"too many", &schema, "age,income,city\n1,2,,4\n", "line 2", "more than the header's 3"},
    {"open quote", &schema, "age,income,city\n1,2,\"Austin\n", "line 2", "quote"},
    {"text behind a quote", &schema, "age,income,city\n\"1\"x,2,\n", "line 2", "quote"},
    {"unknown category", &schema, "age,income,city\n1,2,Paris\n", "column 'city'", "'Paris'"},
    {"numbers for a header", &unnamed, "1,2\n3,4\n", "line 1", "numbers"},
    {"positional, other count", &unnamed, "a,b,c\n1,2,3\n", "line 1",
     "3 values, the model takes 2"},
    {"tabs, too few", &schema, "age\tincome\tcity\n1\t2\n", "line 2", "2 fields"},
    {"a decimal comma", &schema, "age;income;city\n1;2,5;\n", "column 'income'", "'2,5'"},
    {"one name twice", &schema, "age,income,city,age\n", "line 1", "two columns"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        mw_batch batch;
        mw_error err;
        if (mw_batch_read_csv(mw_view_of(bad[i].text), bad[i].schema, &arena, &batch, &err) ==
            MW_OK)
            fail_msg("%s: accepted", bad[i].name);
        if (!strstr(err.where, bad[i].where) || !strstr(err.what, bad[i].what) || !err.mend[0])
            fail_msg("%s: '%s': '%s'", bad[i].name, err.where, err.what);
    }
}

/* Reading in two pieces, cut anywhere behind the header, gives the same rows as reading at once. */
static void test_pieces(void **state)
{
    (void)state;
    static const char text[] =
        "age,income,city\r\n1,2,\"Austin, TX\"\r\n3,4,\"the \"\"Hub\"\"\"\r\n5,6,\r\n7,8,NA";
    mw_view whole = mw_view_of(text);
    for (size_t cut = 17; cut <= whole.size; cut++) {
        mw_csv_reader reader;
        mw_batch first, second;
        mw_error err;
        size_t header, used, rest;
        assert_int_equal(mw_csv_reader_init(&reader, whole, &schema, &arena, &header, &err), MW_OK);
        assert_int_equal(mw_csv_read_rows(&reader, (mw_view){text + header, cut - header}, false,
                                          SIZE_MAX, &arena, &first, &used, &err),
                         MW_OK);
        size_t at = header + used;
        assert_int_equal(mw_csv_read_rows(&reader, (mw_view){text + at, whole.size - at}, true,
                                          SIZE_MAX, &arena, &second, &rest, &err),
                         MW_OK);
        if (first.n_rows + second.n_rows != 4)
            fail_msg("cut at %zu: %zu + %zu rows", cut, first.n_rows, second.n_rows);
        double last = second.n_rows ? second.values[(second.n_rows - 1) * 3] : first.values[9];
        assert_true(last == 7);
    }
}

/* The only column of a model may be called anything. */
static void test_one_column(void **state)
{
    (void)state;
    mw_batch batch;
    mw_error err;
    mw_schema one;
    const mw_column columns[] = {{.name = MW_VIEW("a;b")}};
    assert_int_equal(mw_schema_make(columns, 1, true, &arena, &one, NULL), MW_OK);
    assert_int_equal(mw_batch_read_csv(MW_VIEW("a;b\n7\n"), &one, &arena, &batch, &err), MW_OK);
    assert_true(batch.n_rows == 1 && batch.values[0] == 7);
}

static void test_separators(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char separator;
    } cases[] = {{"", ','},      {"a", ','},      {"a;b", ';'},      {"a\tb;c", '\t'},
                 {"a;b,c", ','}, {"a\n1;2", ','}, {"\"a\tb\"", ','}, {"\"a\"\"\t\";b", ';'},
                 {"\"a", ','}};
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if (mw_csv_separator(mw_view_of(cases[i].text)) != cases[i].separator)
            fail_msg("%s", cases[i].text);
}

static void test_max_rows(void **state)
{
    (void)state;
    mw_csv_reader reader;
    mw_batch batch;
    mw_error err;
    size_t header, used;
    mw_view text = MW_VIEW("age,income,city\n1,2,\n3,4,\n5,6,\n");
    assert_int_equal(mw_csv_reader_init(&reader, text, &schema, &arena, &header, &err), MW_OK);
    assert_int_equal(mw_csv_read_rows(&reader, (mw_view){text.data + header, text.size - header},
                                      true, 2, &arena, &batch, &used, &err),
                     MW_OK);
    assert_int_equal(batch.n_rows, 2);
    assert_int_equal(used, 10);
    assert_int_equal(reader.line, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_bad),
        cmocka_unit_test(test_pieces),     cmocka_unit_test(test_max_rows),
        cmocka_unit_test(test_one_column), cmocka_unit_test(test_separators),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
