/* The access log's file: whole lines whatever happens to it, and nobody ever waits for it. */
#include "../test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../folder.h"
#include "observe/access_log.h"

enum { PATH_BYTES = 128 };

static const observe_mask no_mask = {NULL};
static char folder[TEST_FOLDER_BYTES];

static int make_folder(void **state)
{
    (void)state;
    return test_folder_make(folder);
}

static int remove_folder(void **state)
{
    (void)state;
    return test_folder_remove(folder);
}

static void path_in(const char *name, char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, "%s/%s", folder, name);
}

static void put_line(observe_log *log, unsigned loop, int number)
{
    char path[64];
    observe_record record = {.status = 200, .ended_ns = 1};
    snprintf(path, sizeof path, "/request/%d/%d", (int)loop, number);
    observe_record_put_text(&record, OBSERVE_PATH, mw_view_of(path));
    observe_log_put(log, loop, &record);
}

/* Every line of the file is a whole object; returns how many there are. */
static size_t count_whole_lines(const char *path)
{
    mw_file file;
    mw_error err;
    size_t n = 0;
    assert_int_equal(mw_file_read(path, MW_GIB, &file, &err), MW_OK);
    for (char *at = file.data, *end; at < file.data + file.size; at = end + 1, n++) {
        end = memchr(at, '\n', (size_t)(file.data + file.size - at));
        assert_non_null(end);
        mw_json *root = NULL;
        if (mw_json_read((mw_view){at, (size_t)(end - at)}, &root, &err) != MW_OK)
            fail_msg("line %zu: %.*s", n, (int)(end - at), at);
        mw_json_free(root);
    }
    mw_file_done(&file);
    return n;
}

/* Until so many lines were told of, one way or another; at most some seconds. */
static void wait_for(const observe_log *log, uint64_t lines)
{
    uint64_t written, dropped, failed;
    for (int i = 0; i < 500; i++) {
        observe_log_count(log, &written, &dropped, &failed);
        if (written + dropped + failed >= lines)
            return;
        usleep(10000);
    }
    fail_msg("%llu written, %llu dropped, %llu failed of %llu", (unsigned long long)written,
             (unsigned long long)dropped, (unsigned long long)failed, (unsigned long long)lines);
}

static observe_log *open_log(const char *path)
{
    observe_log *log = NULL;
    mw_error err;
    if (observe_log_new(path, &no_mask, 2, &log, &err) != MW_OK)
        fail_msg("%s", err.what);
    return log;
}

static void test_all_lines(void **state)
{
    (void)state;
    char path[PATH_BYTES];
    path_in("all.log", path);
    observe_log *log = open_log(path);
    for (int i = 0; i < 300; i++) {
        put_line(log, 0, i);
        put_line(log, 1, i);
    }
    observe_log_free(log);
    assert_int_equal(count_whole_lines(path), 600);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777 & 0027, 0); /* others do not read it */
}

static void test_moved_away(void **state)
{
    (void)state;
    char path[PATH_BYTES], moved[PATH_BYTES];
    path_in("moved.log", path);
    path_in("moved.log.1", moved);
    observe_log *log = open_log(path);
    put_line(log, 0, 1);
    wait_for(log, 1);
    assert_int_equal(rename(path, moved), 0);
    put_line(log, 0, 2);
    wait_for(log, 2);
    observe_log_reopen(log);
    for (int i = 0; i < 200 && access(path, F_OK) != 0; i++)
        usleep(10000);
    put_line(log, 0, 3);
    observe_log_free(log);
    assert_int_equal(count_whole_lines(moved), 2);
    assert_int_equal(count_whole_lines(path), 1);
}

/* The file may not grow: lines are lost and counted; later it may, and goes on where it was. */
static void test_no_room(void **state)
{
    (void)state;
    char path[PATH_BYTES];
    struct rlimit before, small = {3000, RLIM_INFINITY};
    uint64_t written, dropped, failed;
    path_in("full.log", path);
    signal(SIGXFSZ, SIG_IGN);
    observe_log *log = open_log(path);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 100; i++)
        put_line(log, 0, i);
    wait_for(log, 100);
    observe_log_count(log, &written, &dropped, &failed);
    assert_true(written > 5 && failed > 50 && dropped == 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    usleep(1100000); /* it is tried again once a second */
    for (int i = 0; i < 10; i++)
        put_line(log, 1, i);
    observe_log_free(log);
    assert_int_equal(count_whole_lines(path), written + 10);
}

/* A pipe that nobody reads: rings fill up, what comes then is dropped, and the end comes all the
 * same. */
static void test_nobody_reads(void **state)
{
    (void)state;
    enum { LINES = 20000 };
    char path[PATH_BYTES];
    uint64_t written, dropped, failed;
    path_in("pipe", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    observe_log *log = open_log(path);
    uint64_t began_ns = mw_clock_ns();
    for (int i = 0; i < LINES; i++)
        put_line(log, 0, i);
    assert_true(mw_clock_ns() - began_ns < 1000000000u);
    observe_log_count(log, &written, &dropped, &failed);
    assert_true(dropped > 0);
    observe_log_free(log);
    assert_true(mw_clock_ns() - began_ns < 6000000000u);
    close(reader);
}

static void test_bad_places(void **state)
{
    (void)state;
    char path[PATH_BYTES];
    observe_log *log = NULL;
    mw_error err;
    path_in("nowhere/a.log", path);
    assert_int_equal(observe_log_new(path, &no_mask, 1, &log, &err), MW_IO);
    assert_string_equal(err.where, path);
    path_in("lonely", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(observe_log_new(path, &no_mask, 1, &log, &err), MW_IO);
    assert_null(log);
    observe_log_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lines),  cmocka_unit_test(test_moved_away),
        cmocka_unit_test(test_no_room),    cmocka_unit_test(test_nobody_reads),
        cmocka_unit_test(test_bad_places),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
