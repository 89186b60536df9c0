/* The schema: look-ups, many categories, what is said when columns are missing. */
#include "../test.h"

#include <math.h>

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

/* What a column was called finds it, and nothing else does. */
static void test_names_from_before(void **state)
{
    (void)state;
    static const mw_view was[] = {MW_VIEW("salary"), MW_VIEW("wage")};
    static const mw_view taken[] = {MW_VIEW("age")};
    mw_column columns[] = {{.name = MW_VIEW("age")},
                           {.name = MW_VIEW("income"), .was = was, .n_was = 2},
                           {.name = MW_VIEW("city")}};
    mw_arena arena;
    mw_schema schema;
    mw_error err;
    mw_arena_init(&arena, 4096, MW_MIB);
    assert_int_equal(mw_schema_make(columns, 3, true, &arena, &schema, NULL), MW_OK);
    assert_int_equal(mw_schema_find(&schema, MW_VIEW("income")), 1);
    assert_int_equal(mw_schema_find(&schema, MW_VIEW("salary")), 1);
    assert_int_equal(mw_schema_find(&schema, MW_VIEW("wage")), 1);
    assert_int_equal(mw_schema_find(&schema, MW_VIEW("pay")), -1);
    columns[2].was = taken;
    columns[2].n_was = 1;
    assert_int_equal(mw_schema_make(columns, 3, true, &arena, &schema, &err), MW_BAD_DATA);
    assert_string_equal(err.what, "two columns are called 'age'");
    mw_arena_done(&arena);
}

static void test_defaults(void **state)
{
    (void)state;
    const mw_column columns[] = {
        {.name = MW_VIEW("a")},
        {.name = MW_VIEW("b"), .optional = true, .has_default = true, .default_value = 7}};
    mw_arena arena;
    mw_schema schema;
    mw_batch batch;
    mw_arena_init(&arena, 4096, MW_MIB);
    assert_int_equal(mw_schema_make(columns, 2, true, &arena, &schema, NULL), MW_OK);
    assert_int_equal(mw_batch_make(&schema, 2, &arena, &batch, NULL), MW_OK);
    for (size_t row = 0; row < 2; row++)
        assert_true(isnan(batch.values[2 * row]) && batch.values[2 * row + 1] == 7);
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

/* Numbers that CatBoost 1.2.10 wrote into models of these categories; every length of text is held
 * against the library in tests/oracle. */
static void test_category_hash(void **state)
{
    (void)state;
    assert_int_equal(mw_category_hash(MW_VIEW("Kyiv")), (uint32_t)-292403996);
    assert_int_equal(mw_category_hash(MW_VIEW("2")), (uint32_t)-1284790409);
}

static void test_hashed_column(void **state)
{
    (void)state;
    const uint32_t hashes[] = {(uint32_t)-1284790409, (uint32_t)-292403996};
    mw_column columns[] = {{.name = MW_VIEW("city"),
                            .type = MW_COLUMN_CATEGORY,
                            .hashed = true,
                            .category_hashes = hashes,
                            .n_category_hashes = 2}};
    mw_arena arena;
    mw_schema schema;
    mw_batch batch;
    mw_error err;
    mw_arena_init(&arena, MW_KIB, SIZE_MAX);
    assert_int_equal(mw_schema_make(columns, 1, true, &arena, &schema, &err), MW_OK);
    assert_int_equal(mw_batch_make(&schema, 5, &arena, &batch, &err), MW_OK);
    static const char *const texts[] = {"Kyiv", "2", "nan", ""};
    for (size_t i = 0; i < MW_COUNT(texts); i++)
        assert_int_equal(mw_batch_put_text(&batch, &schema, i, 0, mw_view_of(texts[i]), &err),
                         MW_OK);
    assert_int_equal(mw_batch_put_number(&batch, &schema, 4, 0, 2.0, &err), MW_OK);
    assert_true(batch.values[0] == 1 && batch.values[1] == 0 && batch.values[4] == 0);
    assert_true(isnan(batch.values[2]) && isnan(batch.values[3]));
    mw_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_category_hash),
        cmocka_unit_test(test_hashed_column),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_names_from_before),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_one_name_twice),
        cmocka_unit_test(test_many_categories),
        cmocka_unit_test(test_missing_columns_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
