/* A record in a folder of its own for each test, and a way to change it. */
#ifndef TESTS_REGISTRY_RECORD_FOLDER_H
#define TESTS_REGISTRY_RECORD_FOLDER_H

#include "../test.h"
#include "../folder.h"

#include "registry/record.h"

/* MW_TEST_STORE=postgresql://...: the same there; what is in it is gone then. */
static mw_status open_folder(const char *at, mw_registry **ret_registry, mw_error *err)
{
    char command[512];
    const char *address = getenv("MW_TEST_STORE");
    if (!address)
        return mw_registry_open(at, ret_registry, err);
    snprintf(command, sizeof command,
             "psql -q '%s' -c 'SET client_min_messages = error; DROP SCHEMA IF EXISTS millwright "
             "CASCADE'",
             address);
    if (system(command) != 0)
        return mw_fail(err, MW_E_STORE_SERVER_AWAY, "psql fails");
    return mw_registry_open_in(at, address, ret_registry, err);
}

static char folder[TEST_FOLDER_BYTES];
static mw_registry *registry;
static mw_arena arena;

static int set_up(void **state)
{
    (void)state;
    mw_error err;
    mw_arena_init(&arena, 16 * MW_KIB, 64 * MW_MIB);
    if (test_folder_make(folder) != 0)
        return -1;
    if (open_folder(folder, &registry, &err) == MW_OK)
        return 0;
    print_error("%s: %s: %s\n", err.where, err.what, err.why);
    return -1;
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
