/* Whole files in, atomic files out. */
#include "file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pages.h"

#include "banned.h"

static mw_status open_file(const char *path, int *ret_fd, mw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        mw_fail(err, MW_E_FILE_NOT_FOUND, "no such file");
        return mw_mend(err, "check the path; it is taken relative to the current folder");
    }
    if (fd < 0) {
        mw_fail_errno(err, "open", errno);
        return mw_mend(err, "check that this user may read it");
    }
    *ret_fd = fd;
    return MW_OK;
}

static mw_status check_kind(int fd, size_t cap_bytes, size_t *ret_size, mw_error *err)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return mw_fail_errno(err, "stat", errno);
    if (!S_ISREG(about.st_mode)) {
        mw_fail(err, MW_E_FILE_READ, "not a regular file");
        return mw_mend(err, "give the path of a file");
    }
    if ((unsigned long long)about.st_size > cap_bytes) {
        mw_fail(err, MW_E_FILE_TOO_LARGE, "%lld bytes, over the limit of %zu",
                (long long)about.st_size, cap_bytes);
        return mw_mend(err, "check that this is the file you meant");
    }
    *ret_size = (size_t)about.st_size;
    return MW_OK;
}

static mw_status read_upto(int fd, mw_file *file, size_t end, size_t *done, mw_error *err)
{
    while (*done < end) {
        ssize_t got = read(fd, file->data + *done, end - *done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mw_fail_errno(err, "read", errno);
        if (got == 0)
            return MW_OK; /* cut short while we read: what is there is the file */
        *done += (size_t)got;
    }
    return MW_OK;
}

static mw_status read_all(int fd, mw_file_placer *place, mw_file *file, mw_error *err)
{
    size_t done = 0, head = file->size < MW_FILE_HEAD_BYTES ? file->size : MW_FILE_HEAD_BYTES;
    if (place && file->pages) {
        MW_TRY(read_upto(fd, file, head, &done, err));
        size_t behind = place((mw_view){file->data, done});
        assert(behind < MW_FILE_PLACES);
        memmove(file->data + behind, file->data, done);
        file->data += behind;
    }
    MW_TRY(read_upto(fd, file, file->size, &done, err));
    file->size = done;
    file->data[done] = '\0';
    return MW_OK;
}

static void take_room(mw_file *file)
{
    if (file->size < MW_PAGES_FROM_BYTES) {
        file->data = malloc(file->size + 1);
        return;
    }
    file->data = file->pages = mw_pages_take_all(file->size + MW_FILE_PLACES);
    file->paged_bytes = file->data ? file->size + MW_FILE_PLACES : 0;
}

mw_status mw_file_read(const char *path, size_t cap_bytes, mw_file *ret_file, mw_error *err)
{
    return mw_file_read_placed(path, cap_bytes, NULL, ret_file, err);
}

mw_status mw_file_read_placed(const char *path, size_t cap_bytes, mw_file_placer *place,
                              mw_file *ret_file, mw_error *err)
{
    int fd = -1;
    mw_file file = {0};
    mw_status status = open_file(path, &fd, err);
    if (status == MW_OK)
        status = check_kind(fd, cap_bytes, &file.size, err);
    if (status == MW_OK) {
        take_room(&file);
        status = file.data ? read_all(fd, place, &file, err) : mw_fail_memory(err, "the file");
    }
    if (fd >= 0)
        close(fd);
    if (status != MW_OK) {
        mw_file_done(&file);
        mw_at(err, "%s", path);
        return status;
    }
    *ret_file = file;
    return MW_OK;
}

void mw_file_done(mw_file *file)
{
    if (file->paged_bytes > 0)
        mw_pages_free(file->pages, file->paged_bytes);
    else
        free(file->data);
    *file = (mw_file){0};
}

static bool write_all(int fd, mw_view content)
{
    while (content.size > 0) {
        ssize_t put = write(fd, content.data, content.size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        content.data += put;
        content.size -= (size_t)put;
    }
    return true;
}

mw_status mw_file_write(const char *path, mw_view content, mw_error *err)
{
    char beside[4096];
    int length = snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof beside) {
        mw_fail(err, MW_E_FILE_WRITE, "the path is too long");
        return mw_mend(err, "use a path of at most 4,000 bytes");
    }
    int fd = mkstemp(beside);
    bool written = fd >= 0 && write_all(fd, content) && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(beside, path) == 0)
        return MW_OK;
    if (written)
        reason = errno;
    if (fd >= 0)
        unlink(beside);
    mw_fail(err, MW_E_FILE_WRITE, "cannot write: %s", strerror(reason));
    mw_at(err, "%s", path);
    return mw_mend(err, "check free space and the folder's permissions; the old file is untouched");
}

mw_status mw_folder_take(const char *folder, unsigned wait_ms, int *ret_fd, mw_error *err)
{
    enum { STEP_MS = 50 };
    char path[4096];
    int size = snprintf(path, sizeof path, "%s/lock", folder);
    bool fits = size > 0 && (size_t)size < sizeof path;
    *ret_fd = fits ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    for (unsigned waited = 0; *ret_fd >= 0; waited += STEP_MS) {
        if (flock(*ret_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return MW_OK;
        if (waited >= wait_ms)
            break;
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000 * 1000}, NULL);
    }
    if (*ret_fd < 0)
        return MW_OK;
    close(*ret_fd);
    *ret_fd = -1;
    mw_fail(err, MW_E_HISTORY_TAKEN, "another server keeps its history there");
    mw_at(err, "%s", folder);
    return mw_mend(err, "give each server a --data folder of its own");
}

bool mw_file_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}
