/* The schema: look-ups, many categories, what is said when columns are missing. */
#include "../test.h"

#include "table/table.h"

static void test_find(void **state)
{
    (void)state;
    enum { N = 1000 };
    static char names[N][16];
    static mw_column columns[N];
    mw_arena arena;
    mw_schema schema;
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    for (size_t i = 0; i < N; i++) {
        int size = snprintf(names[i], sizeof names[i], "column_%zu", i);
        columns[i].name = (mw_view){names[i], (size_t)size};
    }
    assert_int_equal(mw_schema_make(columns, N, true, &arena, &schema, NULL), MW_OK);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(mw_schema_find(&schema, columns[i].name), i);
    assert_int_equal(mw_schema_find(&schema, MW_VIEW("column_1000")), -1);
    assert_int_equal(mw_schema_find(&schema, MW_VIEW("")), -1);
    mw_arena_done(&arena);
}

static void test_one_name_twice(void **state)
{
    (void)state;
    const mw_column columns[] = {{.name = MW_VIEW("a")}, {.name = MW_VIEW("a")}};
    mw_arena arena;
    mw_schema schema;
    mw_error err;
    mw_arena_init(&arena, 4096, MW_MIB);
    assert_int_equal(mw_schema_make(columns, 2, true, &arena, &schema, &err), MW_BAD_DATA);
    assert_string_equal(err.what, "two columns are called 'a'");
    mw_arena_done(&arena);
}

static void test_many_categories(void **state)
{
    (void)state;
    enum { N = 20000 };
    static char texts[N][12];
    static mw_view categories[N];
    for (size_t i = 0; i < N; i++)
        categories[i] = (mw_view){texts[i], (size_t)snprintf(texts[i], sizeof texts[i], "c%zu", i)};
    const mw_column column = {.name = MW_VIEW("c"),
                              .type = MW_COLUMN_CATEGORY,
                              .categories = categories,
                              .n_categories = N};
    mw_arena arena;
    mw_schema schema;
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    assert_int_equal(mw_schema_make(&column, 1, true, &arena, &schema, NULL), MW_OK);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(mw_schema_category(&schema.columns[0], categories[i]), i);
    assert_int_equal(mw_schema_category(&schema.columns[0], MW_VIEW("c20000")), -1);
    mw_arena_done(&arena);
}

static void test_missing_columns_are_named(void **state)
{
    (void)state;
    const mw_column columns[] = {{.name = MW_VIEW("age")},
                                 {.name = MW_VIEW("income")},
                                 {.name = MW_VIEW("note"), .optional = true}};
    mw_arena arena;
    mw_schema schema;
    mw_error err;
    mw_arena_init(&arena, 4096, MW_MIB);
    assert_int_equal(mw_schema_make(columns, 3, true, &arena, &schema, NULL), MW_OK);
    const bool none[3] = {false, false, false}, both[3] = {true, true, false};
    const mw_view given[] = {MW_VIEW("agee")};
    assert_int_equal(mw_schema_check_present(&schema, both, given, 1, &err), MW_OK);
    assert_int_equal(mw_schema_check_present(&schema, none, given, 1, &err), MW_MISMATCH);
    assert_string_equal(err.what, "columns are missing: 'age', 'income'");
    assert_non_null(strstr(err.mend, "'age' where you sent 'agee'"));
    mw_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_one_name_twice),
        cmocka_unit_test(test_many_categories),
        cmocka_unit_test(test_missing_columns_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
