/* The store: what is acknowledged stays, what fails leaves nothing, one process at a time. What
 * both engines promise is tested on both. */
#include "../test.h"
#include "../folder.h"
#include "../postgres.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

static char folder[TEST_FOLDER_BYTES];
static char path[256];
static test_postgres server;
static bool has_server;

static const char *const steps[] = {"CREATE TABLE t(k TEXT PRIMARY KEY, n INTEGER);"
                                    "CREATE TABLE u(x TEXT)",
                                    "ALTER TABLE t ADD COLUMN more TEXT"};

static int set_up(void **state)
{
    (void)state;
    if (test_folder_make(folder) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/record.db", folder);
    return 0;
}

/* The same, on PostgreSQL: a record that is empty again. */
static int set_up_postgres(void **state)
{
    char command[512];
    if (!has_server)
        return set_up(state); /* and then it skips */
    snprintf(command, sizeof command,
             "%s/psql -q -h %s -U mw postgres -c 'SET client_min_messages = error; DROP SCHEMA IF "
             "EXISTS millwright CASCADE'",
             server.bin, server.folder);
    if (set_up(state) != 0 || system(command) != 0)
        return -1;
    snprintf(path, sizeof path, "%s", server.address);
    return 0;
}

static bool is_postgres(void)
{
    return mw_store_is_address(path);
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
    assert_non_null(strstr(err.what, is_postgres() ? "unique" : "UNIQUE"));
    assert_int_equal(n_rows(store), 1);
    mw_store_close(store);
}

typedef struct many {
    size_t first, n;
    bool ignores;
} many;

static void fill_row(void *given, size_t row, mw_value *ret_values)
{
    const many *m = given;
    static char keys[128][8];
    snprintf(keys[row % 128], sizeof keys[0], "k%zu", m->first + row);
    ret_values[0] = (mw_value){.kind = MW_VALUE_TEXT, .text = mw_view_of(keys[row % 128])};
    ret_values[1] = (mw_value){.kind = MW_VALUE_INT, .integer = 1};
}

static mw_status put_many(mw_sql *session, void *given, mw_error *err)
{
    const many *m = given;
    if (m->ignores)
        return mw_sql_post_rows(session, err, "INSERT OR IGNORE INTO t(k, n) VALUES(?, ?)", "ti",
                                m->n, fill_row, given);
    return mw_sql_post_rows(session, err, "INSERT INTO t(k, n) VALUES(?, ?)", "ti", m->n, fill_row,
                            given);
}

/* Around the numbers at which rows go together; what fails takes all of its work along. */
static void test_many_rows(void **state)
{
    (void)state;
    static const struct {
        many rows;
        mw_status expected;
        int64_t n_behind;
    } cases[] = {
        {{0, 0, false}, MW_OK, 0},      {{0, 1, false}, MW_OK, 1},
        {{100, 47, false}, MW_OK, 48},  {{200, 48, false}, MW_OK, 96},
        {{300, 49, false}, MW_OK, 145}, {{400, 100, false}, MW_OK, 245},
        {{499, 3, false}, MW_IO, 245},  {{420, 90, false}, MW_IO, 245},
        {{450, 99, true}, MW_OK, 294},  {{510, 96, false}, MW_IO, 294},
        {{600, 96, false}, MW_OK, 390},
    };
    mw_store *store = open_store(1);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err;
        many rows = cases[i].rows;
        mw_status status = mw_store_write(store, put_many, &rows, &err);
        if (status != cases[i].expected || n_rows(store) != cases[i].n_behind)
            fail_msg("case %zu: status %d, %lld rows", i, (int)status, (long long)n_rows(store));
    }
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
    for (int round = 0; round < 5; round++) {
        int ends[2], last = -1, key;
        if (is_postgres())
            set_up_postgres(state);
        else
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

/* ---- the log of SQLite ----------------------------------------------------------------------- */

static off_t log_bytes(void)
{
    char log_path[300];
    struct stat about;
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    return stat(log_path, &about) == 0 ? about.st_size : -1;
}

/* It is begun anew, not made longer: more is written than it holds, and its size stays. */
static void test_log_is_used_again(void **state)
{
    (void)state;
    enum { MANY = 24, LOG_BYTES_MAX = 12 << 20 };
    mw_error err;
    mw_store *store = open_store(1);
    assert_int_equal(mw_store_write(store, put_large, NULL, &err), MW_OK);
    off_t size = log_bytes();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(mw_store_write(store, put_large, NULL, &err), MW_OK);
        assert_int_equal(log_bytes(), size);
    }
    assert_in_range(size, 1 << 20, LOG_BYTES_MAX);
    mw_store_close(store);
}

static char *read_file(const char *from, size_t *ret_size)
{
    struct stat about;
    int fd = open(from, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &about), 0);
    char *bytes = malloc((size_t)about.st_size);
    assert_int_equal(read(fd, bytes, (size_t)about.st_size), about.st_size);
    close(fd);
    *ret_size = (size_t)about.st_size;
    return bytes;
}

static void write_file(const char *name, const char *bytes, size_t size)
{
    char to[300];
    mw_error err;
    snprintf(to, sizeof to, "%s%s", path, name);
    assert_int_equal(mw_file_write(to, (mw_view){bytes, size}, &err), MW_OK);
}

/* Where the frames of this round end: each has the salt of the log's header. */
static size_t end_of_frames(const char *log, size_t size)
{
    enum { HEADER = 32, SALT = 16, FRAME = 24 + 4096 };
    size_t end = HEADER;
    while (end + FRAME <= size && memcmp(log + end + 8, log + SALT, 8) == 0)
        end += FRAME;
    return end;
}

/* What a power cut leaves: all commits, with whatever stands behind them; of a commit that was cut
 * short or is of an earlier round, nothing. */
static void test_torn_log(void **state)
{
    (void)state;
    enum { ROWS = 40, TORN = 4000 };
    static const struct torn_case {
        const char *name;
        int from_end; /* of what is changed: bytes before (-) or behind the last frame's end */
        int rows;
    } cases[] = {
        {"whole", 0, ROWS},
        {"the next commit was begun", TORN, ROWS},
        {"the last commit is torn", -TORN, ROWS - 1},
    };
    mw_error err;
    size_t size, log_size;
    char name[300];
    mw_store *store = open_store(1);
    for (int i = 0; i < 10; i++) /* so that an earlier round stands behind the end */
        assert_int_equal(mw_store_write(store, put_large, NULL, &err), MW_OK);
    for (int i = 0; i < ROWS; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(mw_store_write(store, put, &(put_work){name, i, false}, &err), MW_OK);
    }
    char *rows = read_file(path, &size);
    snprintf(name, sizeof name, "%s-wal", path);
    char *log = read_file(name, &log_size);
    size_t end = end_of_frames(log, log_size);
    assert_in_range(end, 4096, log_size - TORN);
    mw_store_close(store);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        const struct torn_case *c = &cases[i];
        char *torn = malloc(log_size);
        memcpy(torn, log, log_size);
        size_t from = c->from_end < 0 ? end - TORN : end;
        memset(torn + from, 0x5a, c->from_end ? TORN : 0);
        write_file("", rows, size);
        write_file("-wal", torn, log_size);
        free(torn);
        store = open_store(1);
        if (n_rows(store) != c->rows)
            fail_msg("%s: %lld rows", c->name, (long long)n_rows(store));
        assert_int_equal(mw_store_write(store, put, &(put_work){"more", 1, false}, &err), MW_OK);
        mw_store_close(store);
    }
    free(rows);
    free(log);
}

/* ---- PostgreSQL ------------------------------------------------------------------------------ */

/* Numbers, texts and what is absent come back as they went; NaN and infinities, too. */
static mw_status echo(mw_sql *session, void *given, mw_error *err)
{
    static const double numbers[] = {0.1, -0.0, 1e308, 5e-324};
    static const int64_t wholes[] = {INT64_MIN, -1, 0, INT64_MAX};
    mw_rows rows;
    (void)given;
    for (size_t i = 0; i < MW_COUNT(numbers); i++) {
        MW_TRY(mw_rows_open(session, &rows, err, "SELECT ?, ?, ?, ?, 3 > 2", "ditt", numbers[i],
                            wholes[i], MW_VIEW("na\xc3\xafve 'q' \\"), (mw_view){NULL, 0}));
        assert_true(mw_rows_next(&rows));
        double back = mw_rows_double(&rows, 0);
        assert_memory_equal(&back, &numbers[i], sizeof back);
        assert_int_equal(mw_rows_int(&rows, 1), wholes[i]);
        assert_true(mw_view_is(mw_rows_text(&rows, 2), "na\xc3\xafve 'q' \\"));
        assert_true(mw_rows_is_null(&rows, 3));
        assert_null(mw_rows_text(&rows, 3).data);
        assert_int_equal(mw_rows_int(&rows, 4), 1);
        assert_false(mw_rows_next(&rows));
        MW_TRY(mw_rows_close(&rows, err));
    }
    return MW_OK;
}

static void test_values(void **state)
{
    (void)state;
    mw_error err;
    mw_store *store = open_store(1);
    assert_int_equal(mw_store_read(store, echo, NULL, &err), MW_OK);
    mw_store_close(store);
}

static mw_status put_numbered(mw_sql *session, void *given, mw_error *err)
{
    int64_t *ids = given;
    for (int i = 0; i < 3; i++) {
        MW_TRY(
            mw_sql_run(session, err, "INSERT INTO w(x) VALUES(?) RETURNING id", "t", MW_VIEW("x")));
        ids[i] = mw_sql_new_id(session);
    }
    MW_TRY(mw_sql_run(session, err,
                      "INSERT INTO w(id, x) VALUES(1, 'y') ON CONFLICT DO NOTHING RETURNING id",
                      ""));
    ids[3] = mw_sql_new_id(session);
    MW_TRY(mw_sql_run(session, err, "UPDATE w SET x = 'z' WHERE id > ?", "i", (int64_t)1));
    ids[4] = mw_sql_changes(session);
    return MW_OK;
}

static void test_numbers_of_rows(void **state)
{
    (void)state;
    mw_error err;
    int64_t ids[5];
    static const char *const own[] = {"CREATE TABLE w(id INTEGER PRIMARY KEY, x TEXT) STRICT"};
    mw_store *store;
    assert_int_equal(mw_store_open(path, own, 1, &store, &err), MW_OK);
    assert_int_equal(mw_store_write(store, put_numbered, ids, &err), MW_OK);
    mw_store_close(store);
    assert_int_equal(ids[1], ids[0] + 1);
    assert_int_equal(ids[2], ids[0] + 2);
    assert_int_equal(ids[3], 0);
    assert_int_equal(ids[4], 2);
}

/* ---- scratch tables -------------------------------------------------------------------------- */

enum { SCRATCH_ROWS = 1203 }; /* pages, and a rest */

static mw_status put_theirs(mw_sql *session, void *given, mw_error *err)
{
    (void)given;
    for (int64_t i = 0; i < SCRATCH_ROWS; i++) {
        if (i % 3)
            MW_TRY(mw_sql_run(session, err, "INSERT INTO r VALUES(?, ?, ?)", "tid",
                              MW_VIEW("\xc3\xa4 'b'"), i, (double)i / 8));
        else
            MW_TRY(mw_sql_run(session, err, "INSERT INTO r VALUES(NULL, ?, NULL)", "i", i));
    }
    return MW_OK;
}

static const mw_scratch far_r = {"far_r", "name n x", "tid"};

static mw_status fill_far(mw_sql *to, void *given, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_sql_take_long(to, err));
    MW_TRY(mw_sql_fill_scratch(given, "r", to, &far_r, err));
    MW_TRY(mw_rows_open(to, &rows, err,
                        "SELECT count(*), count(name), count(x), max(name), max(x) FROM far_r",
                        ""));
    assert_true(mw_rows_next(&rows));
    assert_int_equal(mw_rows_int(&rows, 0), SCRATCH_ROWS);
    assert_int_equal(mw_rows_int(&rows, 1), SCRATCH_ROWS / 3 * 2);
    assert_int_equal(mw_rows_int(&rows, 2), SCRATCH_ROWS / 3 * 2);
    assert_true(mw_view_is(mw_rows_text(&rows, 3), "\xc3\xa4 'b'"));
    assert_true(mw_rows_double(&rows, 4) == (SCRATCH_ROWS - 1) / 8.0);
    MW_TRY(mw_rows_close(&rows, err));
    MW_TRY(mw_sql_run(to, err, "INSERT INTO w(id, x) SELECT n + 1, name FROM far_r", ""));
    MW_TRY(mw_sql_renumber(to, "w", "id", err));
    MW_TRY(mw_sql_run(to, err, "INSERT INTO w(x) VALUES('more') RETURNING id", ""));
    assert_int_equal(mw_sql_new_id(to), SCRATCH_ROWS + 1);
    return mw_sql_run(to, err, "DELETE FROM w", "");
}

typedef struct filled {
    mw_store *to;
    const char *wrong; /* a table that is not there; or NULL */
} filled;

static mw_status fill_wrong(mw_sql *to, void *given, mw_error *err)
{
    return mw_sql_fill_scratch(given, "nothing", to, &far_r, err);
}

static mw_status read_theirs(mw_sql *from, void *given, mw_error *err)
{
    const filled *f = given;
    return mw_store_write(f->to, f->wrong ? fill_wrong : fill_far, from, err);
}

/* Twice: what the first left must not be in the way of the second. */
static void test_scratch(void **state)
{
    (void)state;
    mw_error err;
    char theirs[300];
    filled f = {.to = NULL};
    static const char *const own[] = {"CREATE TABLE w(id INTEGER PRIMARY KEY, x TEXT) STRICT"};
    static const char *const r[] = {"CREATE TABLE r(name TEXT, n INTEGER, x REAL) STRICT"};
    mw_store *from;
    snprintf(theirs, sizeof theirs, "%s/theirs.db", folder);
    assert_int_equal(mw_store_open(theirs, r, 1, &from, &err), MW_OK);
    assert_int_equal(mw_store_write(from, put_theirs, NULL, &err), MW_OK);
    assert_int_equal(mw_store_open(path, own, 1, &f.to, &err), MW_OK);
    for (int i = 0; i < 2; i++)
        if (mw_store_read(from, read_theirs, &f, &err) != MW_OK)
            fail_msg("%s: %s", err.where, err.what);
    f.wrong = "nothing";
    assert_int_not_equal(mw_store_read(from, read_theirs, &f, &err), MW_OK);
    assert_true(strstr(err.where, "table nothing") != NULL);
    mw_store_close(f.to);
    mw_store_close(from);
}

static mw_status put_nul(mw_sql *session, void *given, mw_error *err)
{
    (void)given;
    return mw_sql_run(session, err, "INSERT INTO u VALUES(?)", "t", (mw_view){"a\0b", 3});
}

static void test_nul(void **state)
{
    (void)state;
    mw_error err;
    mw_store *store = open_store(1);
    assert_int_equal(mw_store_write(store, put_nul, NULL, &err), MW_BAD_ARGUMENT);
    assert_int_equal(err.code, MW_E_STORE_TEXT);
    mw_store_close(store);
}

/* Two stores on one record, as two servers have it: each sees what the other has written, and no
 * write is lost. */
static mw_status add_one(mw_sql *session, void *given, mw_error *err)
{
    mw_rows rows;
    int64_t n = 0;
    (void)given;
    MW_TRY(mw_rows_open(session, &rows, err, "SELECT n FROM t WHERE k = 'sum'", ""));
    if (mw_rows_next(&rows))
        n = mw_rows_int(&rows, 0);
    MW_TRY(mw_rows_close(&rows, err));
    return mw_sql_run(session, err, "UPDATE t SET n = ? WHERE k = 'sum'", "i", n + 1);
}

enum { N_ADDS = 50 };

static void *add_many(void *given)
{
    mw_error err;
    for (int i = 0; i < N_ADDS; i++)
        if (mw_store_write(given, add_one, NULL, &err) != MW_OK)
            return (void *)1;
    return NULL;
}

static void test_two_servers(void **state)
{
    (void)state;
    mw_error err;
    pthread_t threads[4];
    mw_store *stores[] = {open_store(1), open_store(1)};
    assert_int_equal(mw_store_write(stores[0], put, &(put_work){"sum", 0, false}, &err), MW_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, stores[i % 2]), 0);
    for (int i = 0; i < 4; i++) {
        void *outcome;
        pthread_join(threads[i], &outcome);
        assert_null(outcome);
    }
    assert_int_equal(mw_store_write(stores[0], put, &(put_work){"x", 0, false}, &err), MW_OK);
    int64_t sum = 0;
    assert_int_equal(mw_store_read(stores[1], count, &sum, &err), MW_OK);
    assert_int_equal(sum, 2);
    mw_store_close(stores[0]);
    mw_store_close(stores[1]);
}

/* One leads until its connection ends; blobs are kept in one place. */
static void test_leading_and_claims(void **state)
{
    (void)state;
    mw_error err;
    mw_store *first = open_store(1), *second = open_store(1);
    assert_true(mw_store_leads(first, MW_VIEW("churn")));
    assert_true(mw_store_leads(first, MW_VIEW("churn")));
    assert_false(mw_store_leads(second, MW_VIEW("churn")));
    assert_true(mw_store_leads(second, MW_VIEW("credit")));
    assert_int_equal(mw_store_claim(first, "folder 1", "folder 1", &err), MW_OK);
    assert_int_equal(mw_store_claim(second, "folder 2", "folder 2", &err), MW_CONFLICT);
    assert_int_equal(err.code, MW_E_STORE_APART);
    assert_int_equal(mw_store_claim(first, "s3://b/x", "folder 1", &err), MW_OK);
    assert_int_equal(mw_store_claim(second, "s3://b/x", "folder 2", &err), MW_OK);
    mw_store_close(first); /* and a moment later the server has seen it */
    bool leads = false;
    for (int i = 0; i < 1000 && !(leads = mw_store_leads(second, MW_VIEW("churn"))); i++)
        usleep(10000);
    assert_true(leads);
    mw_store_close(second);
}

/* Killed and started again: connections come back, what is read and written waits. */
static void test_server_restarts(void **state)
{
    (void)state;
    mw_error err;
    mw_store_counts counts;
    mw_store *store = open_store(1);
    assert_int_equal(mw_store_write(store, put, &(put_work){"a", 1, false}, &err), MW_OK);
    assert_int_equal(n_rows(store), 1);
    assert_true(test_postgres_stop(&server, "immediate"));
    assert_true(test_postgres_start(&server));
    assert_int_equal(n_rows(store), 1);
    assert_int_equal(mw_store_write(store, put, &(put_work){"b", 1, false}, &err), MW_OK);
    assert_int_equal(n_rows(store), 2);
    mw_store_count(store, &counts);
    assert_true(counts.n_lost > 0);
    assert_false(counts.is_away);
    mw_store_close(store);
}

/* The connection goes in the midst of a work: nothing of it is kept, and it is told so. */
static mw_status put_and_lose(mw_sql *session, void *given, mw_error *err)
{
    mw_error ignored;
    MW_TRY(put(session, given, err));
    (void)!mw_sql_run(session, &ignored, "SELECT pg_terminate_backend(pg_backend_pid())", "");
    return put(session, &(put_work){"other", 1, false}, err);
}

static void test_lost_in_a_work(void **state)
{
    (void)state;
    mw_error err;
    mw_store *store = open_store(1);
    assert_int_equal(mw_store_write(store, put_and_lose, &(put_work){"a", 1, false}, &err),
                     MW_BUSY);
    assert_int_equal(err.code, MW_E_STORE_SERVER_AWAY);
    assert_int_equal(n_rows(store), 0);
    assert_int_equal(mw_store_write(store, put, &(put_work){"b", 1, false}, &err), MW_OK);
    mw_store_close(store);
}

static void test_no_such_server(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        int code;
        const char *shown;
    } cases[] = {
        {"postgresql://u:secret@127.0.0.1:1/db", MW_E_STORE_SERVER_AWAY,
         "postgresql://u@127.0.0.1:1/db"},
        {"postgresql://u@h/db?nonsense=1&password=secret", MW_E_STORE_URI,
         "postgresql://u@h/db?nonsense=1"},
    };
    for (size_t i = MW_COUNT(cases); i-- > 0;) {
        mw_error err;
        mw_store *store;
        assert_int_not_equal(mw_store_open(cases[i].address, steps, 1, &store, &err), MW_OK);
        assert_int_equal(err.code, cases[i].code);
        assert_string_equal(err.where, cases[i].shown);
    }
}

/* ---------------------------------------------------------------------------------------------- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define BOTH(name)                                                          \
    TEST(name),                                                             \
    {                                                                       \
#name "_postgres", or_skip_##name, set_up_postgres, tear_down, NULL \
    }
#define POSTGRES(name)                                          \
    {                                                           \
#name, or_skip_##name, set_up_postgres, tear_down, NULL \
    }

#define OR_SKIP(name)                        \
    static void or_skip_##name(void **state) \
    {                                        \
        if (!has_server)                     \
            skip();                          \
        name(state);                         \
    }

OR_SKIP(test_kept_over_a_restart)
OR_SKIP(test_failed_work_leaves_nothing)
OR_SKIP(test_many_rows)
OR_SKIP(test_group_commit)
OR_SKIP(test_newer_schema)
OR_SKIP(test_reading_beside_a_writer)
OR_SKIP(test_killed)
OR_SKIP(test_values)
OR_SKIP(test_numbers_of_rows)
OR_SKIP(test_scratch)
OR_SKIP(test_nul)
OR_SKIP(test_two_servers)
OR_SKIP(test_leading_and_claims)
OR_SKIP(test_lost_in_a_work)
OR_SKIP(test_no_such_server)
OR_SKIP(test_server_restarts)

static int start_server(void **state)
{
    (void)state;
    has_server = test_postgres_make(&server);
    if (!has_server)
        print_message("skipped on PostgreSQL: there is none (apt install postgresql)\n");
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    if (server.folder[0] && server.bin[0])
        test_postgres_remove(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_kept_over_a_restart),
        BOTH(test_many_rows),
        BOTH(test_failed_work_leaves_nothing),
        BOTH(test_group_commit),
        TEST(test_locked_by_another),
        BOTH(test_newer_schema),
        TEST(test_not_a_database),
        TEST(test_full_disk),
        BOTH(test_killed),
        TEST(test_log_is_used_again),
        TEST(test_torn_log),
        BOTH(test_reading_beside_a_writer),
        BOTH(test_values),
        BOTH(test_numbers_of_rows),
        BOTH(test_scratch),
        POSTGRES(test_nul),
        POSTGRES(test_two_servers),
        POSTGRES(test_leading_and_claims),
        POSTGRES(test_lost_in_a_work),
        POSTGRES(test_no_such_server),
        POSTGRES(test_server_restarts),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
