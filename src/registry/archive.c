/* Tar files and folders of pieces. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"

enum { PATH_BYTES = 4096, SHA256_DIGITS = 64 };

static mw_status fail_file(const char *verb, const char *path, mw_error *err)
{
    int reason = errno;
    bool is_full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    mw_fail(err, is_full ? MW_E_STORE_FULL : MW_E_STORE_OPEN, "cannot %s: %s", verb,
            strerror(reason));
    mw_mend(err,
            is_full ? "make room; nothing was left behind" : "check the path and its permissions");
    return mw_at(err, "%s", path);
}

static mw_status fail_damaged(mw_error *err, const char *what)
{
    mw_fail(err, MW_E_BACKUP_DAMAGED, "%s", what);
    return mw_mend(err, "use another backup; this one is cut short, changed, or none");
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_hex(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

/* "blobs/sha256/ab/" and 62 digits more. */
static bool is_blob(const char *name)
{
    static const char prefix[] = "blobs/sha256/";
    size_t n = sizeof prefix - 1;
    return strncmp(name, prefix, n) == 0 && strlen(name) == n + SHA256_DIGITS + 1 &&
           is_hex(name + n, 2) && name[n + 2] == '/' && is_hex(name + n + 3, SHA256_DIGITS - 2);
}

bool archive_knows(const char *name)
{
    return strcmp(name, "backup.json") == 0 || strcmp(name, "record.db") == 0 || is_blob(name);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct archive {
    char path[PATH_BYTES], part[PATH_BYTES + 16];
    bool is_tar;
    int fd; /* of the tar file, or of the piece that is being written; -1 = none */
    uint64_t bytes, written;
};

static bool write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

static bool sync_parent(const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int size = slash > path ? (int)(slash - path) : 1;
    snprintf(folder, sizeof folder, "%.*s", slash ? size : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

static mw_status begin_part(archive *a, mw_error *err)
{
    if (access(a->path, F_OK) == 0) {
        mw_fail(err, MW_E_BACKUP_TARGET, "there is something already");
        mw_at(err, "%s", a->path);
        return mw_mend(err, "a backup never writes over another: choose a new name");
    }
    if (a->is_tar) {
        a->fd = open(a->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        return a->fd >= 0 ? MW_OK : fail_file("write the backup", a->part, err);
    }
    return mkdir(a->part, 0700) == 0 ? MW_OK : fail_file("make the folder", a->part, err);
}

mw_status archive_create(const char *path, archive **ret_archive, mw_error *err)
{
    archive *a = calloc(1, sizeof *a);
    size_t size = strlen(path);
    if (!a)
        return mw_fail_memory(err, "the backup");
    while (size > 1 && path[size - 1] == '/')
        size--;
    a->fd = -1;
    a->is_tar = size > 4 && strncmp(path + size - 4, ".tar", 4) == 0;
    int length = snprintf(a->path, sizeof a->path, "%.*s", (int)size, path);
    snprintf(a->part, sizeof a->part, "%.*s.part-%ld", (int)size, path, (long)getpid());
    errno = ENAMETOOLONG;
    mw_status status = length >= 0 && (size_t)length < sizeof a->path
                           ? begin_part(a, err)
                           : fail_file("write the backup", path, err);
    if (status != MW_OK) {
        free(a);
        return status;
    }
    *ret_archive = a;
    return MW_OK;
}

/* Octal, or from 8 GiB on a first byte of 0x80 and the number in base 256. */
static void write_size(uint8_t field[12], uint64_t bytes)
{
    if (bytes < (uint64_t)1 << 33) {
        for (size_t i = 0; i < 11; i++)
            field[10 - i] = (uint8_t)('0' + (bytes >> 3 * i & 7));
        field[11] = '\0';
        return;
    }
    memset(field, 0, 12);
    field[0] = 0x80;
    for (size_t i = 0; i < 8; i++)
        field[4 + i] = (uint8_t)(bytes >> 8 * (7 - i));
}

static void write_header(uint8_t block[ARCHIVE_BLOCK], const char *name, uint64_t bytes)
{
    unsigned sum = 0;
    memset(block, 0, ARCHIVE_BLOCK);
    memcpy(block, name, strlen(name));
    snprintf((char *)block + 100, 8, "%07o", 0600);
    snprintf((char *)block + 108, 8, "%07o", 0);
    snprintf((char *)block + 116, 8, "%07o", 0);
    write_size(block + 124, bytes);
    snprintf((char *)block + 136, 12, "%011llo", (unsigned long long)(mw_clock_wall_ms() / 1000));
    memset(block + 148, ' ', 8);
    block[156] = '0';
    memcpy(block + 257, "ustar\00000", 8);
    for (size_t i = 0; i < ARCHIVE_BLOCK; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
    block[155] = ' ';
}

/* The folders of "blobs/sha256/ab/cd...", in the part. */
static bool make_folders(const archive *a, const char *name)
{
    char path[2 * PATH_BYTES];
    int root = snprintf(path, sizeof path, "%s/", a->part);
    snprintf(path + root, sizeof path - (size_t)root, "%s", name);
    for (char *slash = path + root; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

static mw_status open_piece(archive *a, const char *name, mw_error *err)
{
    char path[2 * PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", a->part, name);
    if (make_folders(a, name))
        a->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return a->fd >= 0 ? MW_OK : fail_file("write the backup", path, err);
}

mw_status archive_begin(archive *a, const char *name, uint64_t bytes, mw_error *err)
{
    uint8_t block[ARCHIVE_BLOCK];
    a->bytes = bytes;
    a->written = 0;
    if (!a->is_tar)
        return open_piece(a, name, err);
    write_header(block, name, bytes);
    return write_all(a->fd, block, sizeof block) ? MW_OK
                                                 : fail_file("write the backup", a->part, err);
}

mw_status archive_write(archive *a, mw_view bytes, mw_error *err)
{
    a->written += bytes.size;
    return write_all(a->fd, bytes.data, bytes.size) ? MW_OK
                                                    : fail_file("write the backup", a->part, err);
}

mw_status archive_end(archive *a, mw_error *err)
{
    static const uint8_t zeros[ARCHIVE_BLOCK];
    if (a->written != a->bytes)
        return fail_damaged(err, "a file changed its size while it was copied");
    bool done;
    if (a->is_tar) {
        done = write_all(a->fd, zeros, (size_t)(-a->bytes % ARCHIVE_BLOCK));
    } else {
        done = fsync(a->fd) == 0;
        done = close(a->fd) == 0 && done;
        a->fd = -1;
    }
    return done ? MW_OK : fail_file("write the backup", a->part, err);
}

static bool close_part(archive *a)
{
    static const uint8_t zeros[2 * ARCHIVE_BLOCK];
    if (!a->is_tar)
        return true;
    bool done = write_all(a->fd, zeros, sizeof zeros) && fsync(a->fd) == 0;
    done = close(a->fd) == 0 && done;
    a->fd = -1;
    return done;
}

mw_status archive_finish(archive *a, mw_error *err)
{
    mw_status status = MW_OK;
    if (!close_part(a) || rename(a->part, a->path) != 0 || !sync_parent(a->path))
        status = fail_file("put the backup in its place", a->path, err);
    if (status == MW_OK)
        free(a);
    else
        archive_abandon(a);
    return status;
}

void archive_abandon(archive *a)
{
    if (!a)
        return;
    if (a->fd >= 0)
        close(a->fd);
    record_remove_tree(a->part);
    free(a);
}

/* ---- reading tar ----------------------------------------------------------------------------- */

static bool read_octal(const uint8_t *field, size_t size, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t i = 0;
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] != '\0' && field[i] != ' '; i++) {
        if (field[i] < '0' || field[i] > '7' || value >> 60)
            return false;
        value = value << 3 | (uint64_t)(field[i] - '0');
    }
    *ret_value = value;
    return true;
}

static bool read_size(const uint8_t *field, uint64_t *ret_bytes)
{
    if (!(field[0] & 0x80))
        return read_octal(field, 12, ret_bytes);
    uint64_t bytes = 0;
    if (field[0] != 0x80 || field[1] || field[2] || field[3] || field[4] >> 6)
        return false;
    for (size_t i = 4; i < 12; i++)
        bytes = bytes << 8 | field[i];
    *ret_bytes = bytes;
    return true;
}

static bool has_sum(const uint8_t *block)
{
    uint64_t said;
    unsigned sum = 0;
    for (size_t i = 0; i < ARCHIVE_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    return read_octal(block + 148, 8, &said) && said == sum;
}

static bool is_empty(const uint8_t *block)
{
    for (size_t i = 0; i < ARCHIVE_BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

mw_status archive_read_header(const uint8_t block[ARCHIVE_BLOCK], archive_piece *ret_piece,
                              archive_kind *ret_kind, mw_error *err)
{
    const char *name = (const char *)block;
    uint8_t kind = block[156];
    if (is_empty(block)) {
        *ret_kind = ARCHIVE_THE_END;
        return MW_OK;
    }
    if (!has_sum(block) || !read_size(block + 124, &ret_piece->bytes) ||
        ret_piece->bytes > INT64_MAX - ARCHIVE_BLOCK)
        return fail_damaged(err, "this is no header of a tar file");
    *ret_kind = ARCHIVE_PASSED_OVER;
    if (kind == '5' || kind == 'x' || kind == 'g') /* folders, pax headers */
        return MW_OK;
    if (kind != '0' && kind != '\0')
        return fail_damaged(err, "a link or a device: no backup has one");
    if (strncmp(name, "./", 2) == 0)
        name += 2;
    size_t room = ARCHIVE_NAME_BYTES - (size_t)(name - (const char *)block);
    snprintf(ret_piece->name, sizeof ret_piece->name, "%.*s", (int)room, name);
    if (!archive_knows(ret_piece->name) || block[345])
        return fail_damaged(err, "a file that no backup has");
    *ret_kind = ARCHIVE_FILE;
    return MW_OK;
}

mw_status archive_read(archive_piece *piece, void *out, size_t size, size_t *ret_size,
                       mw_error *err)
{
    if (size > piece->bytes)
        size = (size_t)piece->bytes;
    *ret_size = 0;
    while (*ret_size < size) {
        ssize_t got = read(piece->fd, (char *)out + *ret_size, size - *ret_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_file("read the backup", piece->name, err);
        if (got == 0)
            return fail_damaged(err, "it is cut short");
        *ret_size += (size_t)got;
    }
    piece->bytes -= *ret_size;
    return MW_OK;
}

/* What is left of a piece, and what fills its last block. */
static mw_status pass_over(int fd, uint64_t bytes, mw_error *err)
{
    archive_piece rest = {.bytes = bytes, .fd = fd, .name = "the rest"};
    char room[64 * 1024];
    size_t got;
    do
        MW_TRY(archive_read(&rest, room, sizeof room, &got, err));
    while (got > 0);
    return MW_OK;
}

static mw_status read_block(int fd, uint8_t block[ARCHIVE_BLOCK], mw_error *err)
{
    archive_piece all = {.bytes = ARCHIVE_BLOCK, .fd = fd, .name = "a header"};
    size_t got;
    return archive_read(&all, block, ARCHIVE_BLOCK, &got, err);
}

static mw_status each_of_tar(int fd, archive_see *see, void *user, mw_error *err)
{
    for (;;) {
        uint8_t block[ARCHIVE_BLOCK];
        archive_kind kind;
        archive_piece piece = {.fd = fd};
        MW_TRY(read_block(fd, block, err));
        MW_TRY(archive_read_header(block, &piece, &kind, err));
        if (kind == ARCHIVE_THE_END)
            return MW_OK;
        uint64_t padding = -piece.bytes % ARCHIVE_BLOCK;
        if (kind == ARCHIVE_FILE)
            MW_TRY(see(user, &piece, err));
        MW_TRY(pass_over(fd, piece.bytes + padding, err));
    }
}

/* ---- reading folders ------------------------------------------------------------------------- */

static mw_status see_file(const char *root, const char *name, archive_see *see, void *user,
                          mw_error *err)
{
    char path[2 * PATH_BYTES];
    struct stat about;
    archive_piece piece;
    snprintf(path, sizeof path, "%s/%s", root, name);
    snprintf(piece.name, sizeof piece.name, "%s", name);
    piece.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (piece.fd < 0 || fstat(piece.fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        if (piece.fd >= 0)
            close(piece.fd);
        return mw_at(err, "%s", (fail_damaged(err, "a piece is missing, or no file"), path));
    }
    piece.bytes = (uint64_t)about.st_size;
    mw_status status = see(user, &piece, err);
    close(piece.fd);
    return status;
}

/* Both levels of blobs/sha256. */
static mw_status each_blob(const char *root, const char *below, archive_see *see, void *user,
                           mw_error *err)
{
    char path[2 * PATH_BYTES];
    mw_status status = MW_OK;
    snprintf(path, sizeof path, "%s/%s", root, below);
    DIR *listing = opendir(path);
    if (!listing)
        return errno == ENOENT ? MW_OK : fail_file("read the backup", path, err);
    for (struct dirent *entry; status == MW_OK && (entry = readdir(listing));) {
        char name[PATH_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", below, entry->d_name);
        if (strlen(entry->d_name) == 2 && is_hex(entry->d_name, 2))
            status = each_blob(root, name, see, user, err);
        else if (is_blob(name))
            status = see_file(root, name, see, user, err);
        else
            status = fail_damaged(err, "a file that no backup has");
    }
    closedir(listing);
    return status;
}

static mw_status each_of_folder(const char *path, archive_see *see, void *user, mw_error *err)
{
    MW_TRY(see_file(path, "backup.json", see, user, err));
    MW_TRY(see_file(path, "record.db", see, user, err));
    return each_blob(path, "blobs/sha256", see, user, err);
}

mw_status archive_each(const char *path, archive_see *see, void *user, mw_error *err)
{
    if (mw_file_is_folder(path))
        return each_of_folder(path, see, user, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_file("open the backup", path, err);
    mw_status status = each_of_tar(fd, see, user, err);
    close(fd);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}
