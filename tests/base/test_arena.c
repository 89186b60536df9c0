/* The arena: alignment, reset keeps one block, the cap holds. */
#include "../test.h"

#include "base/base.h"

static void test_alignment(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, 4096, MW_MIB);
    for (size_t size = 0; size < 300; size += 7) {
        unsigned char *taken = mw_arena_take(&arena, size);
        assert_non_null(taken);
        assert_int_equal((uintptr_t)taken % 64, 0);
        memset(taken, 0xaa, size);
    }
    mw_arena_done(&arena);
}

static void test_reset_keeps_one_block(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, 4096, MW_MIB);
    void *first = mw_arena_take(&arena, 100);
    assert_non_null(mw_arena_take(&arena, 100000));
    assert_true(mw_arena_held_bytes(&arena) > 100000);
    mw_arena_reset(&arena);
    assert_true(mw_arena_held_bytes(&arena) < 4096 + 256);
    assert_ptr_equal(mw_arena_take(&arena, 100), first);
    mw_arena_done(&arena);
    assert_int_equal(mw_arena_held_bytes(&arena), 0);
}

static void test_cap(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, 4096, 8192);
    assert_null(mw_arena_take(&arena, 8193));
    assert_null(mw_arena_take(&arena, SIZE_MAX));
    assert_null(mw_arena_take_zeroed(&arena, SIZE_MAX / 2, 4));
    assert_non_null(mw_arena_take(&arena, 8192));
    assert_null(mw_arena_take(&arena, 1));
    mw_arena_reset(&arena);
    assert_non_null(mw_arena_take(&arena, 1));
    mw_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_reset_keeps_one_block),
        cmocka_unit_test(test_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
