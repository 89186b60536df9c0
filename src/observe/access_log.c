/* The thread that writes the access log.
 *
 *     loops: put --> rings --(the thread wakes, waits a little for more)--> lines --> large writes
 *
 * A file that does not take them (a full disk) costs lines, which are counted, and is said once;
 * each second it is tried again. A line that was cut short in the middle is finished first, so the
 * file holds whole lines only. */
#include "access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RING_BYTES = 2 * 1024 * 1024, /* about 30 ms of a loop that has nothing else to do */
    BLOCK_BYTES = 64 * 1024,
    GATHER_MS = 50,
    IDLE_MS = 1000,
    RETRY_MS = 1000,
    PIPE_BYTES = 4096, /* a pipe that says it takes bytes takes so many */
    NS_PER_MS = 1000000,
    FILE_MODE = 0640
};

struct observe_log {
    char *path; /* NULL = a standard stream */
    observe_mask mask;
    int fd;
    bool is_file; /* a regular one: a write never waits for a reader */
    int wake_fd;
    unsigned n_loops;
    observe_ring *rings;
    pthread_t thread;
    bool has_thread;
    atomic_bool asleep, is_called, reopening, ending; /* is_called: a ring is half full */
    /* the thread's */
    mw_buf block, rest; /* rest: the end of a line of which the file has the beginning */
    size_t block_lines;
    uint64_t retry_ns; /* after a failure: not before */
    uint64_t lost;     /* since it failed */
    bool is_failing;
    _Atomic uint64_t n_written, n_failed;
};

/* ---- the file -------------------------------------------------------------------------------- */

static mw_status open_file(const char *path, int *ret_fd, mw_error *err)
{
    /* O_NONBLOCK: a named pipe without a reader is an error, not a wait */
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, FILE_MODE);
    if (fd >= 0) {
        *ret_fd = fd;
        return MW_OK;
    }
    mw_fail(err, MW_E_ACCESS_LOG, "cannot open the access log: %s", strerror(errno));
    mw_at(err, "%s", path);
    return mw_mend(err, "give the path of a file that this user may write, in a folder that is "
                        "there");
}

static void take_file(observe_log *log, int fd)
{
    struct stat status;
    log->fd = fd;
    log->is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* The old file stays where the new one cannot be opened. */
static void reopen_file(observe_log *log)
{
    mw_error err;
    int fd = -1, old = log->fd;
    if (!log->path)
        return;
    if (open_file(log->path, &fd, &err) != MW_OK) {
        mw_log_error(MW_LOG_ERROR, "the access log goes on in the old file", &err);
        return;
    }
    mw_buf_reset(&log->rest); /* its beginning is in the old file */
    take_file(log, fd);
    close(old);
    log->retry_ns = 0;
    mw_log(MW_LOG_INFO, "access log reopened: %s", log->path);
}

/* Bytes written before it failed; *ret_errno is 0 when all were. */
static size_t write_bytes(const observe_log *log, const char *data, size_t size, int *ret_errno)
{
    size_t written = 0;
    *ret_errno = 0;
    while (written < size) {
        size_t step = size - written;
        struct pollfd waiting = {.fd = log->fd, .events = POLLOUT};
        if (!log->is_file) {
            step = step < PIPE_BYTES ? step : PIPE_BYTES;
            if (poll(&waiting, 1, RETRY_MS) == 0) {
                *ret_errno = EAGAIN; /* whoever should read it does not */
                return written;
            }
        }
        ssize_t n = write(log->fd, data + written, step);
        if (n >= 0) {
            written += (size_t)n;
        } else if (errno != EINTR) {
            *ret_errno = errno;
            return written;
        }
    }
    return written;
}

/* ---- failing and going on -------------------------------------------------------------------- */

static void note_failure(observe_log *log, int failed, size_t n_lines)
{
    log->lost += n_lines;
    log->retry_ns = mw_clock_ns() + (uint64_t)RETRY_MS * NS_PER_MS;
    atomic_fetch_add_explicit(&log->n_failed, n_lines, memory_order_relaxed);
    if (!log->is_failing)
        mw_log(MW_LOG_ERROR,
               "the access log cannot be written (%s): %s; lines are lost until it can",
               log->path ? log->path : "standard stream", strerror(failed));
    log->is_failing = true;
}

static void note_success(observe_log *log)
{
    if (log->is_failing)
        mw_log(MW_LOG_INFO, "the access log is written again; %llu lines were lost",
               (unsigned long long)log->lost);
    log->is_failing = false;
    log->lost = 0;
}

static size_t count_lines(const char *data, size_t size)
{
    size_t n = 0;
    for (const char *end = data + size;
         data < end && (data = memchr(data, '\n', (size_t)(end - data))); data++)
        n++;
    return n;
}

/* Finish the line that was cut short; false when the file still does not take it. */
static bool write_rest(observe_log *log, int *ret_errno)
{
    size_t written = write_bytes(log, log->rest.data, log->rest.size, ret_errno);
    memmove(log->rest.data, log->rest.data + written, log->rest.size - written);
    log->rest.size -= written;
    return log->rest.size == 0;
}

static void keep_rest(observe_log *log, size_t written)
{
    const char *data = log->block.data;
    if (written == 0 || data[written - 1] == '\n')
        return;
    const char *end = memchr(data + written, '\n', log->block.size - written);
    mw_buf_bytes(&log->rest, data + written, (size_t)(end - (data + written)) + 1);
}

static void write_block(observe_log *log)
{
    int failed = 0;
    size_t written = 0, n_lines = log->block_lines;
    if (log->block.size == 0)
        return;
    bool tries = mw_clock_ns() >= log->retry_ns;
    if (tries && write_rest(log, &failed))
        written = write_bytes(log, log->block.data, log->block.size, &failed);
    if (tries && failed == 0) {
        note_success(log);
        atomic_fetch_add_explicit(&log->n_written, n_lines, memory_order_relaxed);
    } else {
        size_t kept = count_lines(log->block.data, written);
        keep_rest(log, written);
        if (log->rest.size > 0 && written > 0)
            kept++; /* it is finished before anything else */
        atomic_fetch_add_explicit(&log->n_written, kept, memory_order_relaxed);
        if (tries)
            note_failure(log, failed, n_lines - kept);
        else {
            log->lost += n_lines;
            atomic_fetch_add_explicit(&log->n_failed, n_lines, memory_order_relaxed);
        }
    }
    mw_buf_reset(&log->block);
    log->block_lines = 0;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool drain(observe_log *log)
{
    bool any = false;
    for (unsigned i = 0; i < log->n_loops; i++) {
        mw_view bytes;
        while (observe_ring_peek(&log->rings[i], &bytes)) {
            observe_record record;
            observe_record_read(bytes, &record);
            observe_write_line(&record, &log->mask, &log->block);
            observe_ring_take(&log->rings[i]);
            log->block_lines++;
            any = true;
            if (log->block.size >= BLOCK_BYTES)
                write_block(log);
        }
    }
    write_block(log);
    return any;
}

static void wait_for_lines(observe_log *log, int ms)
{
    struct pollfd waiting = {.fd = log->wake_fd, .events = POLLIN};
    uint64_t count;
    if (poll(&waiting, 1, ms) > 0 && read(log->wake_fd, &count, sizeof count) < 0)
        return; /* nobody else reads it */
}

static void *run(void *argument)
{
    observe_log *log = argument;
    bool any = false;
    while (!atomic_load(&log->ending)) {
        if (!any) {
            atomic_store(&log->asleep, true);
            wait_for_lines(log, IDLE_MS); /* a wake-up that was missed costs so much */
            atomic_store(&log->asleep, false);
        }
        if (!atomic_load(&log->ending))
            wait_for_lines(log, GATHER_MS);
        if (atomic_exchange(&log->reopening, false)) {
            (void)drain(log); /* what came before belongs to the old file */
            reopen_file(log);
        }
        atomic_store(&log->is_called, false);
        any = drain(log);
    }
    log->retry_ns = 0;
    (void)drain(log);
    return NULL;
}

static void wake(observe_log *log)
{
    uint64_t one = 1;
    ssize_t n = write(log->wake_fd, &one, sizeof one);
    (void)n; /* full: then it is awake already */
}

/* ---- the door -------------------------------------------------------------------------------- */

void observe_log_put(observe_log *log, unsigned loop, const observe_record *record)
{
    observe_ring *ring = &log->rings[loop];
    size_t bytes = observe_record_bytes(record);
    char *room = observe_ring_reserve(ring, bytes);
    if (!room)
        return;
    observe_record_write(record, room);
    bool is_filling = observe_ring_commit(ring, bytes);
    bool is_asleep = atomic_load_explicit(&log->asleep, memory_order_relaxed) &&
                     atomic_exchange(&log->asleep, false);
    if (is_asleep || (is_filling && !atomic_exchange(&log->is_called, true)))
        wake(log);
}

void observe_log_reopen(observe_log *log)
{
    atomic_store(&log->reopening, true);
    wake(log);
}

void observe_log_count(const observe_log *log, uint64_t *ret_written, uint64_t *ret_dropped,
                       uint64_t *ret_failed)
{
    *ret_written = atomic_load_explicit(&log->n_written, memory_order_relaxed);
    *ret_failed = atomic_load_explicit(&log->n_failed, memory_order_relaxed);
    *ret_dropped = 0;
    for (unsigned i = 0; i < log->n_loops; i++)
        *ret_dropped += observe_ring_dropped(&log->rings[i]);
}

static mw_status open_target(observe_log *log, const char *to, mw_error *err)
{
    bool is_out = strcmp(to, "stdout") == 0;
    int fd = -1;
    if (is_out || strcmp(to, "stderr") == 0) {
        take_file(log, is_out ? STDOUT_FILENO : STDERR_FILENO);
        return MW_OK;
    }
    if (!(log->path = strdup(to)))
        return mw_fail_memory(err, "the access log");
    MW_TRY(open_file(to, &fd, err));
    take_file(log, fd);
    return MW_OK;
}

static mw_status start(observe_log *log, mw_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals belong to the main thread */
    int failed = pthread_create(&log->thread, NULL, run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return mw_fail_memory(err, "a thread for the access log");
    log->has_thread = true;
    pthread_setname_np(log->thread, "mw-access-log");
    return MW_OK;
}

static mw_status build(observe_log *log, const char *to, mw_error *err)
{
    MW_TRY(open_target(log, to, err));
    log->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (log->wake_fd < 0)
        return mw_fail_errno(err, "make an event descriptor", errno);
    if (posix_memalign((void **)&log->rings, 64, log->n_loops * sizeof *log->rings) != 0)
        return mw_fail_memory(err, "the access log");
    memset((void *)log->rings, 0, log->n_loops * sizeof *log->rings);
    for (unsigned i = 0; i < log->n_loops; i++)
        MW_TRY(observe_ring_init(&log->rings[i], RING_BYTES, err));
    return start(log, err);
}

mw_status observe_log_new(const char *to, const observe_mask *mask, unsigned n_loops,
                          observe_log **ret_log, mw_error *err)
{
    observe_log *log = calloc(1, sizeof *log);
    if (!log)
        return mw_fail_memory(err, "the access log");
    *log = (observe_log){.mask = *mask, .fd = -1, .wake_fd = -1, .n_loops = n_loops};
    mw_buf_init(&log->block, 4 * MW_MIB);
    mw_buf_init(&log->rest, MW_MIB);
    mw_status status = build(log, to, err);
    if (status != MW_OK) {
        observe_log_free(log);
        return status;
    }
    *ret_log = log;
    return MW_OK;
}

void observe_log_free(observe_log *log)
{
    if (!log)
        return;
    if (log->has_thread) {
        atomic_store(&log->ending, true);
        wake(log);
        pthread_join(log->thread, NULL);
    }
    for (unsigned i = 0; log->rings && i < log->n_loops; i++)
        observe_ring_done(&log->rings[i]);
    if (log->path && log->fd >= 0)
        close(log->fd);
    if (log->wake_fd >= 0)
        close(log->wake_fd);
    mw_buf_done(&log->block);
    mw_buf_done(&log->rest);
    free(log->rings);
    free(log->path);
    free(log);
}
