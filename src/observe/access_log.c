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
#include <stdlib.h>
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
    observe_outlet outlet;
    atomic_bool asleep, reopening;
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

static void take_line(void *user, const observe_record *record)
{
    observe_log *log = user;
    observe_write_line(record, &log->mask, &log->block);
    log->block_lines++;
    if (log->block.size >= BLOCK_BYTES)
        write_block(log);
}

static bool drain(observe_log *log)
{
    bool any = observe_outlet_drain(&log->outlet, take_line, log);
    write_block(log);
    return any;
}

static void *run(void *argument)
{
    observe_log *log = argument;
    bool any = false;
    while (!atomic_load(&log->outlet.ending)) {
        if (!any) {
            atomic_store(&log->asleep, true);
            observe_outlet_wait(&log->outlet, IDLE_MS); /* a missed wake-up costs so much */
            atomic_store(&log->asleep, false);
        }
        if (!atomic_load(&log->outlet.ending))
            observe_outlet_wait(&log->outlet, GATHER_MS);
        if (atomic_exchange(&log->reopening, false)) {
            (void)drain(log); /* what came before belongs to the old file */
            reopen_file(log);
        }
        any = drain(log);
    }
    log->retry_ns = 0;
    (void)drain(log);
    return NULL;
}

/* ---- the door -------------------------------------------------------------------------------- */

void observe_log_put(observe_log *log, unsigned loop, const observe_record *record)
{
    bool is_put = observe_outlet_put(&log->outlet, loop, record);
    if (is_put && atomic_load_explicit(&log->asleep, memory_order_relaxed) &&
        atomic_exchange(&log->asleep, false))
        observe_outlet_wake(&log->outlet);
}

void observe_log_reopen(observe_log *log)
{
    atomic_store(&log->reopening, true);
    observe_outlet_wake(&log->outlet);
}

void observe_log_count(const observe_log *log, uint64_t *ret_written, uint64_t *ret_dropped,
                       uint64_t *ret_failed)
{
    *ret_written = atomic_load_explicit(&log->n_written, memory_order_relaxed);
    *ret_failed = atomic_load_explicit(&log->n_failed, memory_order_relaxed);
    *ret_dropped = observe_outlet_dropped(&log->outlet);
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

mw_status observe_log_new(const char *to, const observe_mask *mask, unsigned n_loops,
                          observe_log **ret_log, mw_error *err)
{
    observe_log *log = calloc(1, sizeof *log);
    if (!log)
        return mw_fail_memory(err, "the access log");
    *log = (observe_log){.mask = *mask, .fd = -1};
    observe_outlet_init(&log->outlet, n_loops);
    mw_buf_init(&log->block, 4 * MW_MIB);
    mw_buf_init(&log->rest, MW_MIB);
    mw_status status = open_target(log, to, err);
    if (status == MW_OK)
        status = observe_outlet_start(&log->outlet, RING_BYTES, "mw-access-log", run, log, err);
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
    observe_outlet_end(&log->outlet);
    observe_outlet_done(&log->outlet);
    if (log->path && log->fd >= 0)
        close(log->fd);
    mw_buf_done(&log->block);
    mw_buf_done(&log->rest);
    free(log->path);
    free(log);
}
