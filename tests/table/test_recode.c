/* Cells of one model's rows as cells of another's: by text, by hash, by value. */
#include "../test.h"

#include <math.h>

#include "table/table.h"

/* The same three categories, numbered otherwise, as each library keeps them. */
static const mw_view old_texts[] = {MW_VIEW("rent"), MW_VIEW("own"), MW_VIEW("free")};
static const mw_view new_texts[] = {MW_VIEW("free"), MW_VIEW("own"), MW_VIEW("rent"),
                                    MW_VIEW("other")};
static const mw_view numbers[] = {MW_VIEW("10"), MW_VIEW("20")};
static uint32_t hashes[2]; /* of own and 20, ascending */

enum { OLD, NEW, STRICT, HASHED, NUMBERS, CODES, FLOAT64, FLOAT32, N };

static mw_column columns[N] = {
    [OLD] = {MW_VIEW("old"), MW_COLUMN_CATEGORY, .categories = old_texts, .n_categories = 3,
             .unknown_is_missing = true},
    [NEW] = {MW_VIEW("new"), MW_COLUMN_CATEGORY, .categories = new_texts, .n_categories = 4,
             .unknown_is_missing = true},
    [STRICT] = {MW_VIEW("strict"), MW_COLUMN_CATEGORY, .categories = old_texts + 1,
                .n_categories = 2},
    [HASHED] = {MW_VIEW("hashed"), MW_COLUMN_CATEGORY, .hashed = true, .category_hashes = hashes,
                .n_category_hashes = 2},
    [NUMBERS] = {MW_VIEW("numbers"), MW_COLUMN_CATEGORY, .categories = numbers, .n_categories = 2,
                 .categories_are_numbers = true, .unknown_is_missing = true},
    [CODES] = {MW_VIEW("codes"), MW_COLUMN_CATEGORY},
    [FLOAT64] = {MW_VIEW("float64"), MW_COLUMN_FLOAT64},
    [FLOAT32] = {MW_VIEW("float32"), MW_COLUMN_FLOAT32},
};
static mw_arena arena;
static mw_schema schema;

static int set_up(void **state)
{
    (void)state;
    uint32_t own = mw_category_hash(MW_VIEW("own")), twenty = mw_category_hash(MW_VIEW("20"));
    hashes[0] = own < twenty ? own : twenty;
    hashes[1] = own < twenty ? twenty : own;
    mw_arena_init(&arena, 4096, MW_MIB);
    return mw_schema_make(columns, N, true, &arena, &schema, NULL) == MW_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mw_arena_done(&arena);
    return 0;
}

static double hashed(const char *text)
{
    return (double)mw_schema_category(&schema.columns[HASHED], mw_view_of(text));
}

static void test_by_what_they_mean(void **state)
{
    (void)state;
    const struct {
        int from, to;
        double value, wanted;
    } cases[] = {
        {OLD, NEW, 0, 2},
        {OLD, NEW, 1, 1},
        {OLD, NEW, 2, 0},
        {NEW, OLD, 3, NAN}, /* not known there */
        {OLD, STRICT, 1, 0},
        {OLD, HASHED, 1, hashed("own")},
        {OLD, HASHED, 0, NAN},
        {HASHED, OLD, hashed("own"), 1},
        {HASHED, NUMBERS, hashed("20"), 1},
        {HASHED, NUMBERS, hashed("own"), NAN},
        {HASHED, HASHED, hashed("20"), hashed("20")},
        {NUMBERS, FLOAT64, 1, 20},
        {FLOAT64, NUMBERS, 20, 1},
        {FLOAT64, HASHED, 20, hashed("20")},
        {FLOAT64, FLOAT32, 0.1, (double)0.1f},
        {CODES, CODES, 7, 7},
        {OLD, NEW, NAN, NAN},
        {FLOAT64, FLOAT32, NAN, NAN},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double value = -1;
        mw_error err;
        assert_int_equal(mw_column_recode(&schema.columns[cases[i].from],
                                          &schema.columns[cases[i].to], cases[i].value, &value,
                                          &err),
                         MW_OK);
        if (isnan(cases[i].wanted) ? !isnan(value) : value != cases[i].wanted)
            fail_msg("case %zu: %g, not %g", i, value, cases[i].wanted);
    }
}

/* One that the first model read as missing, and the second knows. */
static void test_a_stranger_is_no_stranger_there(void **state)
{
    (void)state;
    mw_batch batch;
    double value = -1;
    assert_int_equal(mw_batch_make(&schema, 1, &arena, &batch, NULL), MW_OK);
    assert_int_equal(mw_batch_put_text(&batch, &schema, 0, OLD, MW_VIEW("other"), NULL), MW_OK);
    assert_true(isnan(batch.values[OLD]));
    assert_int_equal(mw_column_recode(&schema.columns[OLD], &schema.columns[NEW], batch.values[OLD],
                                      &value, NULL),
                     MW_OK);
    assert_true(value == 3);
}

static void test_refused(void **state)
{
    (void)state;
    const struct {
        int from, to;
        double value;
        const char *what;
    } cases[] = {
        {OLD, STRICT, 0, "'rent' is no category of this column"},
        {HASHED, STRICT, hashed("20"), "a category that is known by its hash only has no match"},
        {HASHED, FLOAT64, hashed("20"), "a category that is known by its hash only has no match"},
        {OLD, FLOAT64, 0, NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double value = -1;
        mw_error err;
        assert_int_not_equal(mw_column_recode(&schema.columns[cases[i].from],
                                              &schema.columns[cases[i].to], cases[i].value, &value,
                                              &err),
                             MW_OK);
        if (cases[i].what)
            assert_string_equal(err.what, cases[i].what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_what_they_mean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stranger_is_no_stranger_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
