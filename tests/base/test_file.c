/* Files: read whole or refused with the path, written whole or not at all. */
#include "../test.h"
#include "../folder.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "base/base.h"

static char folder[TEST_FOLDER_BYTES];

static int enter_folder(void **state)
{
    (void)state;
    return test_folder_make(folder);
}

static const char *path_of(const char *name)
{
    static char path[sizeof folder + 256 + 1];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int leave_folder(void **state)
{
    (void)state;
    return test_folder_remove(folder);
}

static void assert_content(const char *path, mw_view expected)
{
    mw_file file;
    mw_error err;
    if (mw_file_read(path, MW_MIB, &file, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_true(mw_view_equal((mw_view){file.data, file.size}, expected));
    assert_int_equal(file.data[file.size], '\0');
    mw_file_done(&file);
    assert_null(file.data);
}

static void test_written_and_read(void **state)
{
    (void)state;
    mw_error err;
    const char *path = path_of("a");
    assert_int_equal(mw_file_write(path, MW_VIEW("old\0bytes"), &err), MW_OK);
    assert_content(path, MW_VIEW("old\0bytes"));
    assert_int_equal(mw_file_write(path, MW_VIEW("new"), &err), MW_OK);
    assert_content(path, MW_VIEW("new"));
    assert_int_equal(mw_file_write(path, (mw_view){NULL, 0}, &err), MW_OK);
    assert_content(path, (mw_view){NULL, 0});
    assert_int_equal(test_folder_count(folder), 1);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0644);
}

static size_t nine_behind(mw_view head)
{
    return head.size == MW_FILE_HEAD_BYTES && head.data[1] == 'b' ? 9 : 0;
}

/* A large file stands where it was wished, and is the same; a small one stands anywhere. */
static void test_placed(void **state)
{
    (void)state;
    mw_error err;
    mw_file file;
    mw_buf content;
    mw_buf_init(&content, 2 * MW_MIB);
    while (content.size < MW_MIB + 5000)
        mw_buf_char(&content, (char)('a' + content.size % 23));
    const char *path = path_of("large");
    assert_int_equal(mw_file_write(path, mw_buf_as_view(&content), &err), MW_OK);
    assert_int_equal(mw_file_read_placed(path, 2 * MW_MIB, nine_behind, &file, &err), MW_OK);
    assert_int_equal((uintptr_t)file.data % MW_FILE_PLACES, 9);
    assert_true(mw_view_equal((mw_view){file.data, file.size}, mw_buf_as_view(&content)));
    assert_int_equal(file.data[file.size], '\0');
    mw_file_done(&file);
    mw_buf_done(&content);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mw_file_write(path_of("a"), MW_VIEW("ab"), &err), MW_OK);
    assert_int_equal(mw_file_read_placed(path_of("a"), MW_MIB, nine_behind, &file, &err), MW_OK);
    assert_true(mw_view_is((mw_view){file.data, file.size}, "ab"));
    mw_file_done(&file);
    assert_int_equal(unlink(path_of("a")), 0);
}

static void test_reading_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int code;
    } cases[] = {
        {"/nowhere/at/all", MW_E_FILE_NOT_FOUND},
        {"", MW_E_FILE_NOT_FOUND},
        {"/tmp", MW_E_FILE_READ},      /* a folder */
        {"/dev/null", MW_E_FILE_READ}, /* a device: endless ones would fill memory */
        {"/dev/zero", MW_E_FILE_READ},
        {"/etc/passwd/x", MW_E_FILE_READ}, /* a file where a folder should be */
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_file file = {0};
        mw_error err = {0};
        assert_int_not_equal(mw_file_read(cases[i].path, MW_MIB, &file, &err), MW_OK);
        if (err.code != cases[i].code)
            fail_msg("'%s': %d '%s'", cases[i].path, err.code, err.what);
        assert_string_equal(err.where, cases[i].path);
        assert_null(file.data);
    }
}

/* A pipe without a writer must not hold the program. */
static void test_a_pipe_is_refused_at_once(void **state)
{
    (void)state;
    mw_file file;
    mw_error err;
    const char *path = path_of("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(mw_file_read(path, MW_MIB, &file, &err), MW_IO);
    remove(path);
}

static void test_cap(void **state)
{
    (void)state;
    mw_file file;
    mw_error err;
    const char *path = path_of("capped");
    assert_int_equal(mw_file_write(path, MW_VIEW("12345"), &err), MW_OK);
    assert_int_equal(mw_file_read(path, 4, &file, &err), MW_NO_MEMORY);
    assert_int_equal(err.code, MW_E_FILE_TOO_LARGE);
    assert_string_equal(err.what, "5 bytes, over the limit of 4");
    assert_int_equal(mw_file_read(path, 5, &file, &err), MW_OK);
    mw_file_done(&file);
    remove(path);
}

static void test_folders(void **state)
{
    (void)state;
    mw_error err;
    assert_true(mw_file_is_folder(folder));
    assert_int_equal(mw_file_write(path_of("plain"), MW_VIEW("x"), &err), MW_OK);
    assert_false(mw_file_is_folder(path_of("plain")));
    assert_false(mw_file_is_folder(path_of("absent")));
}

static void test_writing_where_nothing_can_be(void **state)
{
    (void)state;
    mw_error err = {0};
    const char *path = path_of("absent/x");
    assert_int_equal(mw_file_write(path, MW_VIEW("x"), &err), MW_IO);
    assert_int_equal(err.code, MW_E_FILE_WRITE);
    assert_string_equal(err.where, path);
    assert_int_equal(mw_file_write(folder, MW_VIEW("x"), &err), MW_IO); /* a folder stands there */
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(mw_file_write(longest, MW_VIEW("x"), &err), MW_IO);
    assert_string_equal(err.what, "the path is too long");
}

/* A full disk, by the limit on a file's size, which holds for root too: the old content stays and
 * nothing is left beside it. */
static void test_a_full_disk_leaves_the_old_content(void **state)
{
    (void)state;
    mw_error err = {0};
    const char *path = path_of("kept");
    size_t n_before = test_folder_count(folder);
    assert_int_equal(mw_file_write(path, MW_VIEW("old"), &err), MW_OK);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    static char large[100000];
    mw_status status = mw_file_write(path, (mw_view){large, sizeof large}, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, MW_IO);
    assert_int_equal(err.code, MW_E_FILE_WRITE);
    assert_string_equal(err.where, path);
    assert_content(path, MW_VIEW("old"));
    assert_int_equal(test_folder_count(folder), n_before + 1);
}

static void test_a_folder_is_taken_once(void **state)
{
    (void)state;
    mw_error err;
    int first, second;
    assert_int_equal(mw_folder_take(folder, 0, &first, &err), MW_OK);
    assert_true(first >= 0);
    assert_int_equal(mw_folder_take(folder, 0, &second, &err), MW_CONFLICT);
    assert_int_equal(err.code, MW_E_HISTORY_TAKEN);
    assert_string_equal(err.where, folder);
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(mw_folder_take(folder, 0, &second, &err), MW_OK);
    close(second);
    assert_int_equal(mw_folder_take(path_of("nowhere"), 0, &second, &err), MW_OK);
    assert_int_equal(second, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_placed),
        cmocka_unit_test(test_reading_refused),
        cmocka_unit_test(test_a_pipe_is_refused_at_once),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_writing_where_nothing_can_be),
        cmocka_unit_test(test_a_full_disk_leaves_the_old_content),
        cmocka_unit_test(test_a_folder_is_taken_once),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
