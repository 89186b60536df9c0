/* Results appear whole or not at all; devices are written, never replaced. */
#include "../test.h"
#include "../folder.h"

#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct work {
    char folder[TEST_FOLDER_BYTES], file[96], link[96];
} work;

static int make_folder(void **state)
{
    static work here;
    if (test_folder_make(here.folder) != 0)
        return -1;
    snprintf(here.file, sizeof here.file, "%s/out.csv", here.folder);
    snprintf(here.link, sizeof here.link, "%s/link.csv", here.folder);
    *state = &here;
    return 0;
}

static int remove_folder(void **state)
{
    work *here = *state;
    return test_folder_remove(here->folder);
}

static void expect_content(const char *path, const char *expected)
{
    mw_file file;
    mw_error err;
    if (mw_file_read(path, 1 << 20, &file, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_string_equal(file.data, expected);
    mw_file_done(&file);
}

static void write_result(const char *path, const char *text)
{
    cli_sink *sink;
    mw_error err;
    assert_int_equal(cli_sink_open(path, &sink, &err), MW_OK);
    assert_int_equal(cli_sink_write(sink, mw_view_of(text), &err), MW_OK);
    assert_int_equal(cli_sink_finish(sink, &err), MW_OK);
}

static void test_appears_at_the_end(void **state)
{
    work *here = *state;
    cli_sink *sink;
    mw_error err;
    assert_int_equal(cli_sink_open(here->file, &sink, &err), MW_OK);
    assert_int_equal(cli_sink_write(sink, MW_VIEW("a\n"), &err), MW_OK);
    assert_int_not_equal(access(here->file, F_OK), 0);
    assert_int_equal(cli_sink_finish(sink, &err), MW_OK);
    expect_content(here->file, "a\n");
    assert_int_equal(test_folder_count(here->folder), 1);
}

static void test_replaces_and_keeps_mode(void **state)
{
    work *here = *state;
    struct stat about;
    write_result(here->file, "old\n");
    assert_int_equal(chmod(here->file, 0640), 0);
    write_result(here->file, "new\n");
    expect_content(here->file, "new\n");
    assert_int_equal(stat(here->file, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
}

static void test_abandon_leaves_the_old(void **state)
{
    work *here = *state;
    cli_sink *sink;
    mw_error err;
    write_result(here->file, "old\n");
    assert_int_equal(cli_sink_open(here->file, &sink, &err), MW_OK);
    assert_int_equal(cli_sink_write(sink, MW_VIEW("half"), &err), MW_OK);
    cli_sink_abandon(sink);
    expect_content(here->file, "old\n");
    assert_int_equal(test_folder_count(here->folder), 1);
}

static void test_link_stays_a_link(void **state)
{
    work *here = *state;
    struct stat about;
    write_result(here->file, "old\n");
    assert_int_equal(symlink(here->file, here->link), 0);
    write_result(here->link, "new\n");
    assert_int_equal(lstat(here->link, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    expect_content(here->file, "new\n");
}

static void test_device_is_not_replaced(void **state)
{
    (void)state;
    struct stat about;
    write_result("/dev/null", "gone\n");
    assert_int_equal(stat("/dev/null", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
}

static void test_full_disk(void **state)
{
    (void)state;
    cli_sink *sink;
    mw_error err;
    assert_int_equal(cli_sink_open("/dev/full", &sink, &err), MW_OK);
    assert_int_equal(cli_sink_write(sink, MW_VIEW("x"), &err), MW_IO);
    assert_string_equal(err.where, "/dev/full");
    assert_string_equal(err.what, "cannot write: No space left on device");
    cli_sink_abandon(sink);
}

/* A disk that fills up half way: no partial file, the old one untouched. */
static void test_too_large(void **state)
{
    work *here = *state;
    struct rlimit before, small = {4096, 4096};
    static char block[8192];
    cli_sink *sink;
    mw_error err;
    write_result(here->file, "old\n");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(cli_sink_open(here->file, &sink, &err), MW_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    mw_status status = cli_sink_write(sink, (mw_view){block, sizeof block}, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, MW_IO);
    cli_sink_abandon(sink);
    expect_content(here->file, "old\n");
    assert_int_equal(test_folder_count(here->folder), 1);
}

static void test_faults_name_the_path(void **state)
{
    work *here = *state;
    char missing[160];
    cli_sink *sink = NULL;
    mw_error err;
    snprintf(missing, sizeof missing, "%s/no/such/out.csv", here->folder);
    assert_int_equal(cli_sink_open(missing, &sink, &err), MW_IO);
    assert_string_equal(err.where, missing);
    assert_int_equal(cli_sink_open(here->folder, &sink, &err), MW_IO);
    assert_null(sink);
}

static void test_reader_gone_is_quiet(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDOUT_FILENO);
    cli_sink *sink;
    mw_error err;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    mw_status status = cli_sink_open(NULL, &sink, &err);
    mw_status written = status == MW_OK ? cli_sink_write(sink, MW_VIEW("x"), &err) : status;
    bool broken = status == MW_OK && cli_sink_is_broken(sink);
    mw_status finished = cli_sink_finish(sink, &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_int_equal(status, MW_OK);
    assert_int_equal(written, MW_OK);
    assert_true(broken);
    assert_int_equal(finished, MW_OK);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_appears_at_the_end),
        IN_FOLDER(test_replaces_and_keeps_mode),
        IN_FOLDER(test_abandon_leaves_the_old),
        IN_FOLDER(test_link_stays_a_link),
        cmocka_unit_test(test_device_is_not_replaced),
        cmocka_unit_test(test_full_disk),
        IN_FOLDER(test_too_large),
        IN_FOLDER(test_faults_name_the_path),
        cmocka_unit_test(test_reader_gone_is_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
