/* Regions of shared memory: what may be registered, and what a client that cuts its file meets. */
#include "../test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/memory.h"

enum { FILE_BYTES = 8192, REGION_BYTES = 100, REGION_AT = 60 };

static char key[64];
static int file;
static serve_memory *memory;

static int set_up(void **state)
{
    (void)state;
    mw_error err;
    snprintf(key, sizeof key, "/mw-test-memory-%d", (int)getpid());
    file = shm_open(key, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, FILE_BYTES), 0);
    assert_int_equal(serve_memory_new(&memory, &err), MW_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    serve_memory_free(memory);
    close(file);
    shm_unlink(key);
    return 0;
}

static mw_status register_region(const char *name, const char *of, uint64_t offset, uint64_t bytes,
                                 mw_error *err)
{
    serve_region region = {mw_view_of(name), mw_view_of(of), offset, bytes};
    return serve_memory_register(memory, &region, err);
}

static serve_place place_of(const char *name, uint64_t offset, uint64_t bytes)
{
    return (serve_place){mw_view_of(name), offset, bytes};
}

static void fill(uint8_t first)
{
    uint8_t bytes[FILE_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(first + i);
    assert_int_equal(pwrite(file, bytes, sizeof bytes, 0), sizeof bytes);
}

static void test_what_may_not_be_registered(void **state)
{
    (void)state;
    static const struct {
        const char *name, *key;
        uint64_t offset, bytes;
        const char *word;
    } cases[] = {
        {"", NULL, 0, 1, "needs a name"},
        {"a\nb", NULL, 0, 1, "needs a name"},
        {"a\xff", NULL, 0, 1, "needs a name"},
        {"r", "", 0, 1, "no name of POSIX"},
        {"r", "/", 0, 1, "no name of POSIX"},
        {"r", "/.", 0, 1, "no name of POSIX"},
        {"r", "..", 0, 1, "no name of POSIX"},
        {"r", "/../etc/passwd", 0, 1, "no name of POSIX"},
        {"r", "//etc", 0, 1, "no name of POSIX"},
        {"r", "a/b", 0, 1, "no name of POSIX"},
        {"r", "/mw-test-nothing-of-this-name", 0, 1, "cannot open its file"},
        {"r", NULL, 0, 0, "byte_size is 0"},
        {"r", NULL, 0, UINT64_MAX, "byte_size is 0, or more"},
        {"r", NULL, 0, FILE_BYTES + 1, "behind the end"},
        {"r", NULL, 1, FILE_BYTES, "behind the end"},
        {"r", NULL, UINT64_MAX, 2, "behind the end"},
        {"r", NULL, UINT64_MAX - 7, 8, "behind the end"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err;
        mw_status status = register_region(cases[i].name, cases[i].key ? cases[i].key : key,
                                           cases[i].offset, cases[i].bytes, &err);
        if (status != MW_BAD_DATA || !strstr(err.what, cases[i].word))
            fail_msg("case %zu: status %d, %s", i, (int)status, err.what);
    }
}

static void count_region(void *user, const serve_region *region)
{
    (void)region;
    ++*(size_t *)user;
}

static size_t count_regions(const char *name)
{
    size_t n = 0;
    mw_error err;
    (void)!serve_memory_each(memory, mw_view_of(name), count_region, &n, &err);
    return n;
}

static void test_what_is_no_shared_memory(void **state)
{
    (void)state;
    char path[160], other[80];
    mw_error err;
    snprintf(other, sizeof other, "%s-other", key);
    snprintf(path, sizeof path, "/dev/shm%s", other);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(register_region("r", other, 0, 1, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.what, "names no shared memory"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(register_region("r", other, 0, 1, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.what, "cannot open its file"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(count_regions(""), 0);
}

static void test_bytes_in_and_out(void **state)
{
    (void)state;
    mw_error err;
    uint8_t bytes[REGION_BYTES];
    fill(7);
    assert_int_equal(register_region("r", key + 1, REGION_AT, REGION_BYTES, &err), MW_OK);
    assert_int_equal(register_region("r", key, 0, 1, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.what, "registered already"));
    serve_place whole = place_of("r", 0, REGION_BYTES), last = place_of("r", REGION_BYTES - 1, 1);
    assert_int_equal(serve_memory_read(memory, &whole, bytes, &err), MW_OK);
    for (size_t i = 0; i < REGION_BYTES; i++)
        assert_int_equal(bytes[i], (uint8_t)(7 + REGION_AT + i));
    assert_int_equal(serve_memory_write(memory, &last, "x", 1, &err), MW_OK);
    char found[3];
    assert_int_equal(pread(file, found, 3, REGION_AT + REGION_BYTES - 2), 3);
    assert_int_equal(found[1], 'x');
    assert_int_equal((uint8_t)found[2], (uint8_t)(7 + REGION_AT + REGION_BYTES));
    assert_int_equal(count_regions("r"), 1);
    serve_memory_unregister(memory, MW_VIEW("r"));
    serve_memory_unregister(memory, MW_VIEW("r"));
    assert_int_equal(serve_memory_read(memory, &whole, bytes, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.what, "no such region"));
}

static void test_places_outside(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, bytes;
    } cases[] = {{0, REGION_BYTES + 1}, {1, REGION_BYTES},        {REGION_BYTES + 1, 0},
                 {UINT64_MAX, 1},       {UINT64_MAX, UINT64_MAX}, {1, UINT64_MAX},
                 {(uint64_t)1 << 63, 1}};
    mw_error err;
    char bytes[1];
    assert_int_equal(register_region("r", key, 0, REGION_BYTES, &err), MW_OK);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        serve_place place = place_of("r", cases[i].offset, cases[i].bytes);
        if (serve_memory_read(memory, &place, bytes, &err) != MW_BAD_DATA ||
            !strstr(err.what, "not inside"))
            fail_msg("case %zu was read", i);
        if (serve_memory_write(memory, &place, bytes, 0, &err) != MW_BAD_DATA)
            fail_msg("case %zu was written", i);
    }
    serve_place small = place_of("r", 0, 4);
    assert_int_equal(serve_memory_check(memory, &small, 4, &err), MW_OK);
    assert_int_equal(serve_memory_check(memory, &small, 5, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.why, "5 bytes, the place 4"));
    serve_memory_unregister(memory, MW_VIEW(""));
    assert_int_equal(count_regions(""), 0);
}

/* Nobody dies of it, and an answer does not make the file longer again. */
static void test_a_file_that_is_cut(void **state)
{
    (void)state;
    mw_error err;
    static char bytes[FILE_BYTES];
    struct stat is;
    assert_int_equal(register_region("r", key, 0, FILE_BYTES, &err), MW_OK);
    assert_int_equal(ftruncate(file, 10), 0);
    serve_place whole = place_of("r", 0, FILE_BYTES), begin = place_of("r", 0, 10);
    assert_int_equal(serve_memory_read(memory, &whole, bytes, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.what, "shorter than when it was registered"));
    assert_int_equal(serve_memory_read(memory, &begin, bytes, &err), MW_OK);
    assert_int_equal(serve_memory_check(memory, &whole, 11, &err), MW_BAD_DATA);
    assert_int_equal(serve_memory_write(memory, &whole, bytes, 11, &err), MW_BAD_DATA);
    assert_int_equal(fstat(file, &is), 0);
    assert_int_equal(is.st_size, 10);
    assert_int_equal(ftruncate(file, FILE_BYTES), 0);
    serve_memory_unregister(memory, MW_VIEW(""));
}

static void test_so_many_and_no_more(void **state)
{
    (void)state;
    mw_error err;
    char name[16];
    for (size_t i = 0; i < MW_LIMIT_MEMORY_REGIONS; i++) {
        snprintf(name, sizeof name, "r%zu", i);
        assert_int_equal(register_region(name, key, i, 1, &err), MW_OK);
    }
    assert_int_equal(register_region("more", key, 0, 1, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.what, "so many"));
    serve_memory_unregister(memory, MW_VIEW("r7"));
    assert_int_equal(register_region("more", key, 0, 1, &err), MW_OK);
    assert_int_equal(count_regions(""), MW_LIMIT_MEMORY_REGIONS);
    serve_memory_unregister(memory, MW_VIEW(""));
}

static void test_off(void **state)
{
    (void)state;
    mw_error err;
    char bytes[1];
    serve_place place = place_of("r", 0, 1);
    serve_region region = {MW_VIEW("r"), mw_view_of(key), 0, 1};
    assert_int_equal(serve_memory_register(NULL, &region, &err), MW_UNSUPPORTED);
    assert_non_null(strstr(err.mend, "--shared-memory on"));
    assert_int_equal(serve_memory_read(NULL, &place, bytes, &err), MW_UNSUPPORTED);
    assert_int_equal(serve_memory_each(NULL, MW_VIEW(""), count_region, NULL, &err), MW_OK);
    serve_memory_unregister(NULL, MW_VIEW(""));
}

/* ---- while others read ----------------------------------------------------------------------- */

enum { TURNS = 2000 };

static void *read_on(void *user)
{
    static const char *const words[] = {"no such region", "shorter than"};
    mw_error err;
    uint8_t bytes[REGION_BYTES];
    serve_place place = place_of("r", 0, REGION_BYTES);
    for (int i = 0; i < TURNS; i++) {
        mw_status status = serve_memory_read(memory, &place, bytes, &err);
        if (status == MW_OK ? bytes[0] != 7
                            : !strstr(err.what, words[0]) && !strstr(err.what, words[1]))
            ++*(int *)user;
    }
    return NULL;
}

static void test_unregistered_while_it_is_read(void **state)
{
    (void)state;
    pthread_t readers[2];
    int n_wrong[MW_COUNT(readers)] = {0};
    mw_error err;
    fill(7);
    for (size_t i = 0; i < MW_COUNT(readers); i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &n_wrong[i]), 0);
    for (int i = 0; i < TURNS; i++) {
        assert_int_equal(register_region("r", key, 0, REGION_BYTES, &err), MW_OK);
        serve_memory_unregister(memory, i % 2 ? MW_VIEW("r") : MW_VIEW(""));
    }
    for (size_t i = 0; i < MW_COUNT(readers); i++) {
        pthread_join(readers[i], NULL);
        assert_int_equal(n_wrong[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_not_be_registered),
        cmocka_unit_test(test_what_is_no_shared_memory),
        cmocka_unit_test(test_bytes_in_and_out),
        cmocka_unit_test(test_places_outside),
        cmocka_unit_test(test_a_file_that_is_cut),
        cmocka_unit_test(test_so_many_and_no_more),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_unregistered_while_it_is_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
