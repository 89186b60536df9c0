/* The store: one writer, readers on demand, one process at a time. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine.h"

struct mw_store {
    char *path;
    int lock_fd;
    mw_sql *writing;
    store_writer *writer;
    pthread_mutex_t lock;
    mw_sql *idle; /* readers, guarded by lock: as many as ever read at once */
};

/* ---- one process at a time ------------------------------------------------------------------- */

static mw_status fail_open(const char *verb, mw_error *err)
{
    mw_fail(err, MW_E_STORE_OPEN, "cannot %s: %s", verb, strerror(errno));
    return mw_mend(err, "check the folder's permissions and free space, or choose another one");
}

static mw_status fail_locked(int fd, mw_error *err)
{
    char owner[32] = "";
    ssize_t size = pread(fd, owner, sizeof owner - 1, 0);
    owner[size > 0 ? strspn(owner, "0123456789") : 0] = '\0';
    mw_fail(err, MW_E_STORE_LOCKED, "another server has this record open%s%s",
            *owner ? ": process " : "", owner);
    return mw_mend(err, "stop it, or give this server a record of its own");
}

static mw_status take_lock(mw_store *store, mw_error *err)
{
    char path[4096], mine[32];
    int size = snprintf(path, sizeof path, "%s.lock", store->path);
    if (size < 0 || (size_t)size >= sizeof path) {
        errno = ENAMETOOLONG;
        return fail_open("open the record", err);
    }
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (store->lock_fd < 0)
        return fail_open("open the record", err);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? fail_locked(store->lock_fd, err)
                                    : fail_open("lock the record", err);
    size = snprintf(mine, sizeof mine, "%ld\n", (long)getpid());
    if (ftruncate(store->lock_fd, 0) != 0 || pwrite(store->lock_fd, mine, (size_t)size, 0) != size)
        return fail_open("write beside the record", err);
    return MW_OK;
}

/* ---- the schema ------------------------------------------------------------------------------ */

static mw_status read_version(mw_sql *session, size_t *ret_version, mw_error *err)
{
    mw_rows rows;
    int64_t version = 0;
    MW_TRY(mw_rows_open(session, &rows, err, "PRAGMA user_version", ""));
    if (mw_rows_next(&rows))
        version = mw_rows_int(&rows, 0);
    MW_TRY(mw_rows_close(&rows, err));
    *ret_version = version > 0 ? (size_t)version : 0;
    return MW_OK;
}

static mw_status take_step(mw_sql *session, const char *step, size_t version, mw_error *err)
{
    char mark[64];
    snprintf(mark, sizeof mark, "PRAGMA user_version=%zu", version);
    mw_status status = store_script(session, "BEGIN IMMEDIATE", err);
    if (status == MW_OK)
        status = store_script(session, step, err);
    if (status == MW_OK)
        status = store_script(session, mark, err);
    if (status == MW_OK)
        status = store_script(session, "COMMIT", err);
    if (status != MW_OK && !sqlite3_get_autocommit(session->db))
        (void)!store_script(session, "ROLLBACK", NULL);
    return status;
}

static mw_status fail_newer(size_t version, size_t n_steps, mw_error *err)
{
    mw_fail(err, MW_E_STORE_NEWER, "its schema is version %zu, this program knows 0..%zu", version,
            n_steps);
    mw_why(err, "a newer Millwright has written it");
    return mw_mend(err, "use that version, or a copy from before it was run");
}

mw_status store_migrate(mw_sql *session, const char *const *steps, size_t n_steps, mw_error *err)
{
    size_t version;
    MW_TRY(read_version(session, &version, err));
    if (version > n_steps)
        return fail_newer(version, n_steps, err);
    for (; version < n_steps; version++)
        MW_TRY(take_step(session, steps[version], version + 1, err));
    return MW_OK;
}

/* The schema is its owner's to change. */
static mw_status check_same(mw_sql *session, size_t n_steps, mw_error *err)
{
    size_t version;
    MW_TRY(read_version(session, &version, err));
    if (version == n_steps)
        return MW_OK;
    mw_fail(err, MW_E_STORE_NEWER, "its schema is version %zu, this program's is %zu", version,
            n_steps);
    mw_why(err, "a server of another version has it open");
    return mw_mend(err, "use the program of that server, or stop it first");
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status open_all(mw_store *store, const char *const *steps, size_t n_steps, bool beside,
                          mw_error *err)
{
    mw_status locked = take_lock(store, err);
    bool is_guest = locked == MW_CONFLICT && beside;
    if (!is_guest)
        MW_TRY(locked);
    MW_TRY(store_session_open(store->path, true, &store->writing, err));
    MW_TRY(is_guest ? check_same(store->writing, n_steps, err)
                    : store_migrate(store->writing, steps, n_steps, err));
    return store_writer_start(store->writing, &store->writer, err);
}

static mw_status check_version(mw_sql *session, void *given, mw_error *err)
{
    size_t version, n_steps = *(const size_t *)given;
    MW_TRY(read_version(session, &version, err));
    if (version > n_steps)
        return fail_newer(version, n_steps, err);
    if (version == n_steps)
        return MW_OK;
    mw_fail(err, MW_E_STORE_OLDER, "its schema is version %zu, this program reads %zu", version,
            n_steps);
    return mw_mend(err, "start 'mw serve' of this version on it once: it is brought forward");
}

static mw_store *new_store(const char *path)
{
    mw_store *store = calloc(1, sizeof *store);
    if (!store || !(store->path = strdup(path))) {
        free(store);
        return NULL;
    }
    store->lock_fd = -1;
    pthread_mutex_init(&store->lock, NULL);
    return store;
}

mw_status mw_store_open_to_read(const char *path, size_t n_steps, mw_store **ret_store,
                                mw_error *err)
{
    mw_store *store = new_store(path);
    if (!store)
        return mw_fail_memory(err, "the record");
    mw_status status = mw_store_read(store, check_version, &n_steps, err);
    if (status != MW_OK) {
        mw_store_close(store);
        return status;
    }
    *ret_store = store;
    return MW_OK;
}

static mw_status open_store(const char *path, const char *const *steps, size_t n_steps, bool beside,
                            mw_store **ret_store, mw_error *err)
{
    mw_store *store = new_store(path);
    if (!store)
        return mw_fail_memory(err, "the record");
    mw_status status = open_all(store, steps, n_steps, beside, err);
    if (status != MW_OK) {
        mw_store_close(store);
        return mw_view_starts(mw_view_of(err ? err->where : ""), path) ? status
                                                                       : mw_at(err, "%s", path);
    }
    *ret_store = store;
    return MW_OK;
}

mw_status mw_store_open(const char *path, const char *const *steps, size_t n_steps,
                        mw_store **ret_store, mw_error *err)
{
    return open_store(path, steps, n_steps, false, ret_store, err);
}

mw_status mw_store_open_beside(const char *path, const char *const *steps, size_t n_steps,
                               mw_store **ret_store, mw_error *err)
{
    return open_store(path, steps, n_steps, true, ret_store, err);
}

/* One step takes all pages in one read transaction: in WAL mode no writer waits for it. */
static mw_status copy_pages(mw_sql *from, const char *to_path, mw_error *err)
{
    mw_sql to = {.db = NULL};
    int outcome =
        sqlite3_open_v2(to_path, &to.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    mw_status status = outcome == SQLITE_OK ? MW_OK : store_fail(&to, outcome, err);
    sqlite3_backup *copy =
        status == MW_OK ? sqlite3_backup_init(to.db, "main", from->db, "main") : NULL;
    if (copy) {
        outcome = sqlite3_backup_step(copy, -1);
        sqlite3_backup_finish(copy);
        if (outcome != SQLITE_DONE)
            status = store_fail(&to, outcome, err);
    } else if (status == MW_OK) {
        status = store_fail(&to, sqlite3_errcode(to.db), err);
    }
    if (status == MW_OK) /* one file: without a log beside it */
        status = store_script(&to, "PRAGMA journal_mode=DELETE", err);
    sqlite3_close(to.db);
    return status;
}

mw_status mw_store_copy(const char *path, const char *to_path, mw_error *err)
{
    mw_sql *from;
    if (access(to_path, F_OK) == 0) {
        errno = EEXIST;
        return fail_open("write the copy", err);
    }
    MW_TRY(store_session_open(path, false, &from, err));
    mw_status status = copy_pages(from, to_path, err);
    store_session_close(from);
    if (status != MW_OK)
        unlink(to_path);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", to_path);
}

void mw_store_close(mw_store *store)
{
    if (!store)
        return;
    store_writer_stop(store->writer);
    for (mw_sql *session = store->idle, *next; session; session = next) {
        next = session->next;
        store_session_close(session);
    }
    store_session_close(store->writing); /* the last one: moves the log into the file */
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

/* ---- work ------------------------------------------------------------------------------------ */

mw_status mw_store_write(mw_store *store, mw_store_work *work, void *user, mw_error *err)
{
    assert(store->writer); /* not of one that was opened to read */
    return store_writer_do(store->writer, work, user, err);
}

static mw_status take_reader(mw_store *store, mw_sql **ret_session, mw_error *err)
{
    pthread_mutex_lock(&store->lock);
    mw_sql *session = store->idle;
    if (session)
        store->idle = session->next;
    pthread_mutex_unlock(&store->lock);
    if (!session)
        return store_session_open(store->path, false, ret_session, err);
    *ret_session = session;
    return MW_OK;
}

static void give_reader(mw_store *store, mw_sql *session)
{
    pthread_mutex_lock(&store->lock);
    session->next = store->idle;
    store->idle = session;
    pthread_mutex_unlock(&store->lock);
}

mw_status mw_store_read(mw_store *store, mw_store_work *work, void *user, mw_error *err)
{
    mw_sql *session;
    MW_TRY(take_reader(store, &session, err));
    mw_status status = mw_sql_run(session, err, "BEGIN", "");
    if (status == MW_OK) {
        status = work(session, user, err);
        mw_error end;
        mw_status ended = mw_sql_run(session, &end, "COMMIT", "");
        if (status == MW_OK && ended != MW_OK) {
            status = ended;
            if (err)
                *err = end;
        }
    }
    give_reader(store, session);
    return status;
}

void mw_store_count(mw_store *store, mw_store_counts *ret_counts)
{
    store_writer_count(store->writer, ret_counts);
}
