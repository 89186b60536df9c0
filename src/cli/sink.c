/* Results into standard output or an atomic file. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

struct cli_sink {
    int fd;
    bool owns_fd;
    bool broken;
    bool unnamed;          /* O_TMPFILE: has no name yet */
    char path[PATH_MAX];   /* the final name; "" when written directly */
    char beside[PATH_MAX]; /* the name until then; "" when unnamed or direct */
    const char *shown;     /* as the user wrote it, for messages */
};

static mw_status fail_write(const cli_sink *sink, const char *verb, int reason, mw_error *err)
{
    mw_fail(err, MW_E_FILE_WRITE, "cannot %s: %s", verb, strerror(reason));
    mw_at(err, "%s", sink->shown);
    if (reason == ENOSPC || reason == EDQUOT)
        return mw_mend(err, "make room on the disk%s",
                       sink->path[0] ? "; no partial file was left" : "");
    return mw_mend(err, "check the folder and its permissions");
}

/* "a/b/c" -> "a/b"; "c" -> "." */
static void folder_of(const char *path, char *ret_folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(ret_folder, size, ".");
    else
        snprintf(ret_folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Permissions of the file that is replaced, or those of a new one under the umask. */
static mode_t mode_for(const struct stat *old)
{
    if (old)
        return old->st_mode & 07777;
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static bool open_beside(cli_sink *sink, mode_t mode)
{
    char folder[PATH_MAX];
    folder_of(sink->path, folder, sizeof folder);
    sink->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    sink->unnamed = sink->fd >= 0;
    if (!sink->unnamed) {
        int size = snprintf(sink->beside, sizeof sink->beside, "%s.XXXXXX", sink->path);
        if (size < 0 || (size_t)size >= sizeof sink->beside) {
            sink->beside[0] = '\0';
            errno = ENAMETOOLONG;
            return false;
        }
        sink->fd = mkostemp(sink->beside, O_CLOEXEC);
        if (sink->fd < 0)
            sink->beside[0] = '\0';
    }
    sink->owns_fd = true;
    return sink->fd >= 0 && fchmod(sink->fd, mode) == 0;
}

static mw_status open_path(cli_sink *sink, const char *path, mw_error *err)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    if (exists && S_ISDIR(old.st_mode))
        return fail_write(sink, "write", EISDIR, err);
    if (exists && !S_ISREG(old.st_mode)) {
        sink->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        sink->owns_fd = true;
        return sink->fd >= 0 ? MW_OK : fail_write(sink, "open", errno, err);
    }
    /* Through a symbolic link the file behind it is replaced, and the link stays. */
    if (!(exists && realpath(path, sink->path))) {
        int size = snprintf(sink->path, sizeof sink->path, "%s", path);
        if (size < 0 || (size_t)size >= sizeof sink->path) {
            sink->path[0] = '\0';
            return fail_write(sink, "open", ENAMETOOLONG, err);
        }
    }
    return open_beside(sink, mode_for(exists ? &old : NULL))
               ? MW_OK
               : fail_write(sink, "write", errno, err);
}

mw_status cli_sink_open(const char *path, cli_sink **ret_sink, mw_error *err)
{
    cli_sink *sink = calloc(1, sizeof *sink);
    if (!sink)
        return mw_fail_memory(err, "the output");
    mw_status status = MW_OK;
    sink->fd = STDOUT_FILENO;
    sink->shown = path ? path : "standard output";
    if (path && strcmp(path, "-") != 0)
        status = open_path(sink, path, err);
    if (status != MW_OK) {
        cli_sink_abandon(sink);
        return status;
    }
    *ret_sink = sink;
    return MW_OK;
}

mw_status cli_sink_write(cli_sink *sink, mw_view bytes, mw_error *err)
{
    while (bytes.size > 0 && !sink->broken) {
        ssize_t put = write(sink->fd, bytes.data, bytes.size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EPIPE)
            sink->broken = true;
        else if (put < 0)
            return fail_write(sink, "write", errno, err);
        else {
            bytes.data += put;
            bytes.size -= (size_t)put;
        }
    }
    return MW_OK;
}

bool cli_sink_is_broken(const cli_sink *sink)
{
    return sink->broken;
}

/* Give the unnamed file a name beside the final one; rename then replaces what stood there, which
 * linkat cannot. */
static bool name_unnamed(cli_sink *sink)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", sink->fd);
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        int size = snprintf(sink->beside, sizeof sink->beside, "%s.%ld-%u", sink->path,
                            (long)getpid(), attempt);
        if (size < 0 || (size_t)size >= sizeof sink->beside) {
            errno = ENAMETOOLONG;
            break;
        }
        if (linkat(AT_FDCWD, self, AT_FDCWD, sink->beside, AT_SYMLINK_FOLLOW) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    sink->beside[0] = '\0';
    return false;
}

static mw_status put_in_place(cli_sink *sink, mw_error *err)
{
    if (fsync(sink->fd) != 0)
        return fail_write(sink, "write", errno, err);
    if (sink->unnamed && !name_unnamed(sink))
        return fail_write(sink, "name the file", errno, err);
    if (rename(sink->beside, sink->path) != 0)
        return fail_write(sink, "rename", errno, err);
    sink->beside[0] = '\0';
    return MW_OK;
}

mw_status cli_sink_finish(cli_sink *sink, mw_error *err)
{
    mw_status status = sink->path[0] ? put_in_place(sink, err) : MW_OK;
    cli_sink_abandon(sink);
    return status;
}

void cli_sink_abandon(cli_sink *sink)
{
    if (!sink)
        return;
    if (sink->beside[0])
        unlink(sink->beside);
    if (sink->owns_fd && sink->fd >= 0)
        close(sink->fd);
    free(sink);
}
