/* A record in a folder of its own for each test, and a way to change it. */
#ifndef TESTS_REGISTRY_RECORD_FOLDER_H
#define TESTS_REGISTRY_RECORD_FOLDER_H

#include "../test.h"
#include "../folder.h"

#include "registry/record.h"

static char folder[TEST_FOLDER_BYTES];
static mw_registry *registry;
static mw_arena arena;

static int set_up(void **state)
{
    (void)state;
    mw_error err;
    mw_arena_init(&arena, 16 * MW_KIB, 64 * MW_MIB);
    return test_folder_make(folder) == 0 && mw_registry_open(folder, &registry, &err) == MW_OK ? 0
                                                                                               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mw_registry_close(registry);
    mw_arena_done(&arena);
    return test_folder_remove(folder);
}

/* What a test does inside a transaction. */
static inline void change(mw_record_work *work, void *user)
{
    mw_error err;
    if (mw_registry_write(registry, &arena, work, user, &err) != MW_OK)
        fail_msg("%s %s", err.what, err.why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
