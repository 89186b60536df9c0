/* Blobs: named by their digest, whole or absent. */
#include "../test.h"
#include "../folder.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/store.h"

static char folder[TEST_FOLDER_BYTES];
static mw_blobs *blobs;
static mw_arena arena;

static int set_up(void **state)
{
    (void)state;
    mw_error err;
    mw_arena_init(&arena, 16 * MW_KIB, MW_MIB);
    return test_folder_make(folder) == 0 && mw_blobs_open(folder, &blobs, &err) == MW_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mw_blobs_close(blobs);
    mw_arena_done(&arena);
    return test_folder_remove(folder);
}

static size_t n_leftovers(void)
{
    char path[TEST_FOLDER_BYTES + 8];
    snprintf(path, sizeof path, "%s/tmp", folder);
    return test_folder_count(path);
}

static void test_put_and_read(void **state)
{
    (void)state;
    mw_error err;
    mw_buf out;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_buf_init(&out, MW_MIB);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(mw_blobs_put(blobs, MW_VIEW("abc"), digest, &err), MW_OK);
        assert_string_equal(digest, /* FIPS 180-2, appendix B.1 */
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    assert_int_equal(n_leftovers(), 0);
    assert_int_equal(mw_blobs_read(blobs, mw_view_of(digest), 1, 2, &out, &err), MW_OK);
    assert_string_equal(out.data, "bc");
    mw_buf_reset(&out);
    assert_int_equal(mw_blobs_read(blobs, mw_view_of(digest), 0, 4, &out, &err), MW_BAD_DATA);
    const char *path;
    assert_int_equal(mw_blobs_path(blobs, mw_view_of(digest), &arena, &path, &err), MW_OK);
    assert_int_equal(unlink(path), 0);
    mw_buf_reset(&out);
    assert_int_equal(mw_blobs_read(blobs, mw_view_of(digest), 0, 3, &out, &err), MW_BAD_DATA);
    assert_int_equal(mw_blobs_read(blobs, MW_VIEW("../x"), 0, 3, &out, &err), MW_BAD_DATA);
    mw_buf_done(&out);
}

/* What a crash has left is removed at the next start. */
static void test_leftovers(void **state)
{
    (void)state;
    mw_error err;
    mw_blob *blob;
    mw_blobs *again;
    assert_int_equal(mw_blob_begin(blobs, &blob, &err), MW_OK);
    assert_int_equal(mw_blob_write(blob, MW_VIEW("half"), &err), MW_OK);
    assert_int_equal(n_leftovers(), 1);
    assert_int_equal(mw_blobs_open(folder, &again, &err), MW_OK);
    assert_int_equal(n_leftovers(), 0);
    mw_blobs_close(again);
    mw_blob_drop(blob);
}

static void test_full_disk(void **state)
{
    (void)state;
    static char large[1 << 20];
    mw_error err;
    struct rlimit before, little;
    char digest[MW_DIGEST_TEXT_BYTES] = "untouched";
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    little = (struct rlimit){64 * 1024, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    mw_status status = mw_blobs_put(blobs, (mw_view){large, sizeof large}, digest, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, MW_IO);
    assert_int_equal(err.code, MW_E_STORE_FULL);
    assert_string_equal(digest, "untouched");
    assert_int_equal(n_leftovers(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_put_and_read), TEST(test_leftovers),
                                       TEST(test_full_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
