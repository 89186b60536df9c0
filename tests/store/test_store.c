/* The store: what is acknowledged stays, what fails leaves nothing, one process at a time. */
#include "../test.h"
#include "../folder.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

static char folder[TEST_FOLDER_BYTES];
static char path[TEST_FOLDER_BYTES + 16];

static const char *const steps[] = {"CREATE TABLE t(k TEXT PRIMARY KEY, n INTEGER);"
                                    "CREATE TABLE u(x)",
                                    "ALTER TABLE t ADD COLUMN more TEXT"};

static int set_up(void **state)
{
    (void)state;
    if (test_folder_make(folder) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/record.db", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return test_folder_remove(folder);
}

static mw_store *open_store(size_t n_steps)
{
    mw_error err;
    mw_store *store;
    if (mw_store_open(path, steps, n_steps, &store, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return store;
}

typedef struct put_work {
    const char *key;
    int64_t n;
    bool fails;
} put_work;

static mw_status put(mw_sql *session, void *given, mw_error *err)
{
    const put_work *work = given;
    MW_TRY(mw_sql_run(session, err, "INSERT INTO t(k, n) VALUES(?, ?)", "ti", mw_view_of(work->key),
                      work->n));
    return work->fails ? mw_fail(err, MW_E_RECORD_VALUE, "no") : MW_OK;
}

static mw_status count(mw_sql *session, void *given, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(session, &rows, err, "SELECT count(*), sum(n) FROM t", ""));
    if (mw_rows_next(&rows))
        *(int64_t *)given = mw_rows_int(&rows, 0);
    return mw_rows_close(&rows, err);
}

static int64_t n_rows(mw_store *store)
{
    mw_error err;
    int64_t n = -1;
    assert_int_equal(mw_store_read(store, count, &n, &err), MW_OK);
    return n;
}

static void test_kept_over_a_restart(void **state)
{
    (void)state;
    mw_error err;
    mw_store *store = open_store(1);
    assert_int_equal(mw_store_write(store, put, &(put_work){"a", 1, false}, &err), MW_OK);
    mw_store_close(store);
    store = open_store(2); /* the schema goes forward, rows stay */
    assert_int_equal(n_rows(store), 1);
    mw_store_close(store);
}

static void test_failed_work_leaves_nothing(void **state)
{
    (void)state;
    mw_error err;
    mw_store *store = open_store(1);
    assert_int_equal(mw_store_write(store, put, &(put_work){"a", 1, true}, &err), MW_BAD_ARGUMENT);
    assert_string_equal(err.what, "no");
    assert_int_equal(n_rows(store), 0);
    assert_int_equal(mw_store_write(store, put, &(put_work){"a", 1, false}, &err), MW_OK);
    assert_int_equal(mw_store_write(store, put, &(put_work){"a", 1, false}, &err), MW_IO);
    assert_non_null(strstr(err.what, "UNIQUE"));
    assert_int_equal(n_rows(store), 1);
    mw_store_close(store);
}

enum { N_WRITERS = 8, N_WRITES = 60 };

static void *write_many(void *given)
{
    static atomic_int next;
    for (int i = 0; i < N_WRITES; i++) {
        char key[32];
        mw_error err;
        int number = atomic_fetch_add(&next, 1);
        snprintf(key, sizeof key, "%d", number);
        put_work work = {key, number, number % 3 == 0};
        mw_status status = mw_store_write(given, put, &work, &err);
        if (status != (work.fails ? MW_BAD_ARGUMENT : MW_OK))
            return (void *)1;
    }
    return NULL;
}

/* Works that share a commit: each has its own result, and the failed ones take nobody along. */
static void test_group_commit(void **state)
{
    (void)state;
    pthread_t threads[N_WRITERS];
    mw_store *store = open_store(1);
    for (int i = 0; i < N_WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, store), 0);
    for (int i = 0; i < N_WRITERS; i++) {
        void *outcome;
        pthread_join(threads[i], &outcome);
        assert_null(outcome);
    }
    assert_int_equal(n_rows(store), N_WRITERS * N_WRITES * 2 / 3);
    mw_store_counts counts;
    mw_store_count(store, &counts);
    assert_int_equal(counts.writes, N_WRITERS * N_WRITES * 2 / 3);
    assert_true(counts.commits <= counts.writes);
    mw_store_close(store);
}

static void test_locked_by_another(void **state)
{
    (void)state;
    mw_error err;
    mw_store *second, *store = open_store(1);
    assert_int_equal(mw_store_open(path, steps, 1, &second, &err), MW_CONFLICT);
    assert_int_equal(err.code, MW_E_STORE_LOCKED);
    char owner[32];
    snprintf(owner, sizeof owner, "process %ld", (long)getpid());
    assert_non_null(strstr(err.what, owner));
    assert_string_equal(err.where, path);
    mw_store_close(store);
}

static void test_newer_schema(void **state)
{
    (void)state;
    mw_error err;
    mw_store *store = open_store(2);
    mw_store_close(store);
    assert_int_equal(mw_store_open(path, steps, 1, &store, &err), MW_UNSUPPORTED);
    assert_string_equal(err.what, "its schema is version 2, this program knows 0..1");
}

static void test_reading_beside_a_writer(void **state)
{
    (void)state;
    mw_error err;
    int64_t n = 0;
    mw_store *store = open_store(1), *reader;
    put_work work = {"a", 1, false};
    assert_int_equal(mw_store_open_to_read(path, 2, &reader, &err), MW_UNSUPPORTED);
    assert_int_equal(err.code, MW_E_STORE_OLDER);
    assert_int_equal(mw_store_open_to_read(path, 0, &reader, &err), MW_UNSUPPORTED);
    assert_int_equal(err.code, MW_E_STORE_NEWER);
    assert_int_equal(mw_store_open_to_read(path, 1, &reader, &err), MW_OK);
    assert_int_equal(mw_store_write(store, put, &work, &err), MW_OK);
    assert_int_equal(mw_store_read(reader, count, &n, &err), MW_OK);
    assert_int_equal(n, 1);
    mw_store_close(reader);
    assert_int_equal(mw_store_read(store, count, &n, &err), MW_OK);
    mw_store_close(store);
}

static void test_not_a_database(void **state)
{
    (void)state;
    mw_error err;
    mw_store *store;
    assert_int_equal(mw_file_write(path,
                                   MW_VIEW("hello, I am a text file, not a database\n"
                                           "and have more than one page of nothing"),
                                   &err),
                     MW_OK);
    assert_int_equal(mw_store_open(path, steps, 1, &store, &err), MW_BAD_DATA);
    assert_string_equal(err.where, path);
}

static mw_status put_large(mw_sql *session, void *given, mw_error *err)
{
    static char text[1 << 20];
    memset(text, 'x', sizeof text);
    (void)given;
    return mw_sql_run(session, err, "INSERT INTO u VALUES(?)", "t", (mw_view){text, sizeof text});
}

/* A disk that is full is told, undoes the work, and the next small one is taken. */
static void test_full_disk(void **state)
{
    (void)state;
    mw_error err;
    struct rlimit before, little;
    mw_store *store = open_store(1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    little = (struct rlimit){256 * 1024, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    mw_status status = mw_store_write(store, put_large, NULL, &err);
    mw_code code = (mw_code)err.code;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, MW_IO);
    assert_int_equal(code, MW_E_STORE_FULL);
    assert_int_equal(mw_store_write(store, put, &(put_work){"a", 1, false}, &err), MW_OK);
    assert_int_equal(n_rows(store), 1);
    mw_store_close(store);
}

/* A process writes and tells each acknowledged key through a pipe, until it is killed. */
static void write_until_killed(int out)
{
    mw_error err;
    mw_store *store;
    if (mw_store_open(path, steps, 1, &store, &err) != MW_OK)
        _exit(1);
    for (int i = 0;; i++) {
        char key[32];
        snprintf(key, sizeof key, "%d", i);
        put_work work = {key, i, false};
        if (mw_store_write(store, put, &work, &err) != MW_OK || write(out, &i, sizeof i) < 0)
            _exit(1);
    }
}

static void test_killed(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        int ends[2], last = -1, key;
        remove(path);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(ends[1]);
        close(ends[1]);
        while (last < 20 + 7 * round && read(ends[0], &key, sizeof key) == sizeof key)
            last = key;
        kill(child, SIGKILL);
        while (read(ends[0], &key, sizeof key) == sizeof key)
            last = key;
        waitpid(child, NULL, 0);
        close(ends[0]);
        mw_store *store = open_store(1);
        assert_true(n_rows(store) >= last + 1);
        mw_store_close(store);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kept_over_a_restart),
        TEST(test_failed_work_leaves_nothing),
        TEST(test_group_commit),
        TEST(test_locked_by_another),
        TEST(test_newer_schema),
        TEST(test_not_a_database),
        TEST(test_full_disk),
        TEST(test_killed),
        TEST(test_reading_beside_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
