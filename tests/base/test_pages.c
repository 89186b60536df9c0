/* Pages: cleared, grown without losing what is there, given back in parts; an arena's own. */
#include "../test.h"

#include "base/base.h"

static bool all_zero(const unsigned char *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static void test_grow_and_shrink(void **state)
{
    (void)state;
    unsigned char *pages = mw_pages_take(10000);
    assert_non_null(pages);
    assert_true(all_zero(pages, 10000));
    memset(pages, 7, 10000);
    pages = mw_pages_resize(pages, 10000, 9 * MW_MIB);
    assert_non_null(pages);
    assert_int_equal(pages[9999], 7);
    assert_true(all_zero(pages + mw_pages_round(10000), MW_MIB));
    pages = mw_pages_resize(pages, 9 * MW_MIB, 5000);
    assert_int_equal(pages[4999], 7);
    mw_pages_free(pages, 5000);
    mw_pages_free(NULL, 0);
    assert_null(mw_pages_take(SIZE_MAX / 2));
}

/* Only whole pages inside the range go; its neighbours stay as they are. */
static void test_forget(void **state)
{
    (void)state;
    size_t page = mw_pages_round(1);
    unsigned char *pages = mw_pages_take_all(4 * page);
    assert_non_null(pages);
    memset(pages, 7, 4 * page);
    mw_pages_forget(pages + 1, page - 1);
    mw_pages_forget(pages + 1, 2 * page - 2);
    assert_int_equal(pages[page], 7);
    mw_pages_forget(pages + 1, 3 * page - 2);
    assert_int_equal(pages[page - 1], 7);
    assert_true(all_zero(pages + page, page));
    assert_int_equal(pages[2 * page], 7);
    mw_pages_free(pages, 4 * page);
}

static void test_round(void **state)
{
    (void)state;
    size_t page = mw_pages_round(1);
    assert_int_equal(mw_pages_round(0), 0);
    assert_int_equal(mw_pages_round(page), page);
    assert_int_equal(mw_pages_round(page + 1), 2 * page);
    assert_int_equal(mw_pages_round(SIZE_MAX) % page, 0);
}

static void test_arena_adopts(void **state)
{
    (void)state;
    mw_arena arena, full;
    size_t bytes = MW_MIB + 1;
    void *pages = mw_pages_take(bytes);
    mw_arena_init(&full, 64, 0);
    assert_false(mw_arena_adopt(&full, pages, bytes));
    mw_arena_done(&full);
    mw_arena_init(&arena, 4096, 4096);
    assert_true(mw_arena_adopt(&arena, pages, bytes));
    assert_true(mw_arena_held_bytes(&arena) >= mw_pages_round(bytes));
    mw_arena_reset(&arena);
    assert_true(mw_arena_held_bytes(&arena) < 8192);
    mw_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow_and_shrink),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_arena_adopts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
