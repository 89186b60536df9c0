/* The server's mark: there while it lives, removed at its end or, after kill -9, by the next one.
 */
#include "../test.h"
#include "../folder.h"

#include "cli/state.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct work {
    char folder[TEST_FOLDER_BYTES], data[96];
} work;

static int make_folder(void **state)
{
    static work here;
    if (test_folder_make(here.folder) != 0)
        return -1;
    snprintf(here.data, sizeof here.data, "%s/a/mw-data", here.folder);
    *state = &here;
    return 0;
}

static int remove_folder(void **state)
{
    work *here = *state;
    return test_folder_remove(here->folder);
}

static void test_mark_tells_the_server(void **state)
{
    work *here = *state;
    cli_state mark;
    mw_error err;
    mw_file file;
    mw_json *root;
    double pid = 0;
    if (cli_state_open(&mark, here->data, "127.0.0.1:8080", "http://127.0.0.1:8080", &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_int_equal(mw_file_read(mark.path, 4096, &file, &err), MW_OK);
    assert_int_equal(mw_json_read((mw_view){file.data, file.size}, &root, &err), MW_OK);
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "url")), "http://127.0.0.1:8080"));
    assert_true(mw_json_number(mw_json_member(root, "pid"), &pid));
    assert_int_equal((long)pid, (long)getpid());
    mw_json_free(root);
    mw_file_done(&file);
    cli_state_close(&mark);
    assert_int_equal(test_folder_count(here->data), 0);
    cli_state_close(&mark); /* a second time is fine */
}

static void test_two_servers_share_a_folder(void **state)
{
    work *here = *state;
    cli_state first, second;
    mw_error err;
    assert_int_equal(cli_state_open(&first, here->data, "127.0.0.1:1", "http://localhost", &err),
                     MW_OK);
    assert_int_equal(cli_state_open(&second, here->data, "127.0.0.1:2", "http://localhost", &err),
                     MW_OK);
    assert_int_equal(test_folder_count(here->data), 2);
    cli_state_close(&first);
    assert_int_equal(test_folder_count(here->data), 1);
    cli_state_close(&second);
    assert_int_equal(test_folder_count(here->data), 0);
}

/* A child takes a mark and is killed; its mark stays until the next server comes. */
static void test_stale_mark_is_removed(void **state)
{
    work *here = *state;
    cli_state mark;
    mw_error err;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool good =
            cli_state_open(&mark, here->data, "127.0.0.1:1", "http://localhost", &err) == MW_OK;
        ssize_t put = write(ready[1], good ? "y" : "n", 1);
        (void)put;
        pause();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(test_folder_count(here->data), 1);
    assert_int_equal(cli_state_open(&mark, here->data, "127.0.0.1:2", "http://localhost", &err),
                     MW_OK);
    assert_int_equal(test_folder_count(here->data), 1);
    cli_state_close(&mark);
    assert_int_equal(test_folder_count(here->data), 0);
}

static void test_unusable_folders(void **state)
{
    work *here = *state;
    cli_state mark;
    mw_error err, ignored;
    char file[160];
    snprintf(file, sizeof file, "%s/file", here->folder);
    assert_int_equal(mw_file_write(file, MW_VIEW("x"), &ignored), MW_OK);
    assert_int_equal(cli_state_open(&mark, file, "127.0.0.1:1", "http://127.0.0.1:1", &err), MW_IO);
    assert_string_equal(err.where, file);
    assert_string_equal(err.mend, "choose another folder with --data, or mend its permissions");
    assert_int_equal(err.code, MW_E_DATA_FOLDER);
    cli_state_close(&mark); /* nothing to remove */
    if (geteuid() != 0) {   /* root may write anywhere */
        assert_int_equal(chmod(here->folder, 0500), 0);
        assert_int_equal(cli_state_open(&mark, here->data, "127.0.0.1:1", "http://localhost", &err),
                         MW_IO);
        assert_int_equal(chmod(here->folder, 0700), 0);
    }
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_mark_tells_the_server),
        IN_FOLDER(test_two_servers_share_a_folder),
        IN_FOLDER(test_stale_mark_is_removed),
        IN_FOLDER(test_unusable_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
