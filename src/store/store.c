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
    const store_engine *engine;
    char *path; /* or the address of a database */
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

static mw_status fail_newer(size_t version, size_t n_steps, mw_error *err)
{
    mw_fail(err, MW_E_STORE_NEWER, "its schema is version %zu, this program knows 0..%zu", version,
            n_steps);
    mw_why(err, "a newer Millwright has written it");
    return mw_mend(err, "use that version, or a copy from before it was run");
}

static mw_status take_steps(mw_sql *session, const char *const *steps, size_t n_steps,
                            mw_error *err)
{
    size_t version;
    MW_TRY(session->engine->read_version(session, &version, err));
    if (version > n_steps)
        return fail_newer(version, n_steps, err);
    for (; version < n_steps; version++)
        MW_TRY(session->engine->step(session, steps[version], version + 1, err));
    return MW_OK;
}

static mw_status migrate(mw_sql *session, const char *const *steps, size_t n_steps, mw_error *err)
{
    MW_TRY(session->engine->guard(session, true, err));
    mw_status status = take_steps(session, steps, n_steps, err);
    mw_status ended = session->engine->guard(session, false, status == MW_OK ? err : NULL);
    return status == MW_OK ? ended : status;
}

/* The schema is its owner's to change. */
static mw_status check_same(mw_sql *session, size_t n_steps, mw_error *err)
{
    size_t version;
    MW_TRY(session->engine->read_version(session, &version, err));
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
    /* a file has one owner; a server of databases looks after itself */
    mw_status locked = store->engine == &store_sqlite ? take_lock(store, err) : MW_OK;
    bool is_guest = locked == MW_CONFLICT && beside;
    if (!is_guest)
        MW_TRY(locked);
    MW_TRY(store->engine->open(store->path, true, &store->writing, err));
    MW_TRY(is_guest ? check_same(store->writing, n_steps, err)
                    : migrate(store->writing, steps, n_steps, err));
    return store_writer_start(store->writing, &store->writer, err);
}

static mw_status check_version(mw_sql *session, void *given, mw_error *err)
{
    size_t version, n_steps = *(const size_t *)given;
    MW_TRY(session->engine->read_version(session, &version, err));
    if (version > n_steps)
        return fail_newer(version, n_steps, err);
    if (version == n_steps)
        return MW_OK;
    mw_fail(err, MW_E_STORE_OLDER, "its schema is version %zu, this program reads %zu", version,
            n_steps);
    return mw_mend(err, "start 'mw serve' of this version on it once: it is brought forward");
}

bool mw_store_is_address(const char *path)
{
    return strncmp(path, "postgresql://", 13) == 0 || strncmp(path, "postgres://", 11) == 0;
}

/* "postgresql://ada:secret@host/db?password=secret" is not shown. */
void mw_store_show_address(const char *address, char *out, size_t size)
{
    mw_buf shown;
    mw_buf_init(&shown, 64 * MW_KIB);
    const char *slashes = mw_store_is_address(address) ? strstr(address, "://") : NULL;
    const char *from = slashes ? slashes + 3 : address;
    size_t authority = slashes ? strcspn(from, "/?") : 0;
    const char *at = slashes ? memrchr(from, '@', authority) : NULL;
    const char *colon = at ? memchr(from, ':', (size_t)(at - from)) : NULL;
    if (colon) {
        mw_buf_bytes(&shown, address, (size_t)(colon - address));
        from = at;
    } else {
        from = address;
    }
    const char *password = slashes ? strstr(from, "password=") : NULL;
    mw_buf_bytes(&shown, from, password ? (size_t)(password - from) : strlen(from));
    if (password) {
        const char *rest = password + strcspn(password, "&");
        mw_buf_text(&shown, *rest ? rest + 1 : "");
    }
    snprintf(out, size, "%s", shown.failed ? "" : shown.data);
    mw_buf_done(&shown);
    size_t end = strlen(out);
    if (password && end > 0 && (out[end - 1] == '?' || out[end - 1] == '&'))
        out[end - 1] = '\0';
}

static mw_store *new_store(const char *path)
{
    mw_store *store = calloc(1, sizeof *store);
    if (!store || !(store->path = strdup(path))) {
        free(store);
        return NULL;
    }
    store->engine = mw_store_is_address(path) ? &store_postgres : &store_sqlite;
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
        char shown[256];
        mw_store_show_address(path, shown, sizeof shown);
        mw_store_close(store);
        return mw_view_starts(mw_view_of(err ? err->where : ""), path) ? status
                                                                       : mw_at(err, "%s", shown);
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

mw_status mw_store_copy(const char *path, const char *to_path, mw_error *err)
{
    if (access(to_path, F_OK) == 0) {
        errno = EEXIST;
        return fail_open("write the copy", err);
    }
    mw_status status = store_sqlite_copy(path, to_path, err);
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
        session->engine->close(session);
    }
    if (store->writing)
        store->engine->close(store->writing); /* the last one: moves the log into the file */
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
        return store->engine->open(store->path, false, ret_session, err);
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
    mw_status status = session->engine->begin(session, err);
    if (status == MW_OK) {
        status = work(session, user, err);
        mw_error end;
        mw_status ended = session->engine->end(session, STORE_KEEP, &end);
        if (status == MW_OK && ended != MW_OK) {
            status = ended;
            if (err)
                *err = end;
        }
    }
    give_reader(store, session);
    return status;
}

typedef struct leading {
    mw_view name;
    bool leads;
} leading;

/* Its lock is the connection's, not the transaction's: that one is undone, and costs no commit. */
static mw_status ask_to_lead(mw_sql *session, void *given, mw_error *err)
{
    leading *l = given;
    MW_TRY(session->engine->lead(session, l->name, &l->leads, err));
    return MW_BUSY;
}

bool mw_store_leads(mw_store *store, mw_view name)
{
    mw_error ignored;
    leading l = {.name = name};
    if (!store->engine->lead)
        return true;
    (void)!mw_store_write(store, ask_to_lead, &l, &ignored);
    return l.leads;
}

bool mw_store_is_shared(const mw_store *store)
{
    return store->engine == &store_postgres;
}

typedef struct claim {
    mw_view mine, was;
} claim;

static mw_status fail_apart(mw_view there, mw_view mine, mw_error *err)
{
    mw_fail(err, MW_E_STORE_APART,
            "this record's artifacts are kept in %.*s, here they would be in "
            "%.*s",
            MW_VIEW_ARG(there), MW_VIEW_ARG(mine));
    return mw_mend(err, "give --artifacts s3://BUCKET/PREFIX to each server of a record, or the "
                        "same folder as --record");
}

static mw_status write_claim(mw_sql *session, void *given, mw_error *err)
{
    const claim *c = given;
    mw_rows rows;
    mw_status status = MW_OK;
    MW_TRY(mw_sql_run(session, err,
                      "UPDATE about SET artifacts = ?1 WHERE artifacts IN ('', ?1, ?2)", "tt",
                      c->mine, c->was));
    if (mw_sql_changes(session) > 0)
        return MW_OK;
    MW_TRY(mw_rows_open(session, &rows, err, "SELECT artifacts FROM about", ""));
    if (mw_rows_next(&rows))
        status = fail_apart(mw_rows_text(&rows, 0), c->mine, err);
    mw_status closed = mw_rows_close(&rows, NULL);
    return status == MW_OK ? closed : status;
}

mw_status mw_store_claim(mw_store *store, const char *mine, const char *was, mw_error *err)
{
    claim c = {mw_view_of(mine), mw_view_of(was)};
    return store->engine == &store_postgres ? mw_store_write(store, write_claim, &c, err) : MW_OK;
}

void mw_store_count(mw_store *store, mw_store_counts *ret_counts)
{
    store_writer_count(store->writer, ret_counts);
    if (store->engine == &store_postgres)
        store_postgres_count(store->path, &ret_counts->is_away, &ret_counts->n_lost);
}
