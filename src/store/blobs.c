/* Blobs: bytes under the name of their SHA-256.
 *
 *     FOLDER/tmp/XXXXXX        while it is written
 *     FOLDER/sha256/ab/cd...   whole, and on the disk
 *
 * The record refers to a blob only after mw_blob_keep, so a blob is whole or absent; one that is
 * kept and never referred to (a crash between the two) costs its bytes and nothing else. With a
 * bucket behind the folder (bucket.h) what is kept is there, too, and what is read may come from
 * there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob_cache.h"
#include "engine.h"

enum { PATH_BYTES = 4096, NAMED_BYTES = PATH_BYTES + 80, DIGEST_BYTES = 32 };

struct mw_blobs {
    char folder[PATH_BYTES - 128];
    store_bucket *bucket; /* NULL: the folder alone */
    store_cache *cache;   /* NULL: copies of what is in the bucket stay */
    bool is_direct;       /* clients reach the bucket */
};

struct mw_blob {
    const mw_blobs *blobs;
    int fd;
    EVP_MD_CTX *digest, *md5; /* md5: NULL unless it was asked for */
    char path[PATH_BYTES];
};

/* ---- errors ---------------------------------------------------------------------------------- */

static mw_status fail_file(const char *verb, const char *path, int reason, mw_error *err)
{
    if (store_is_full(reason)) {
        mw_fail(err, MW_E_STORE_FULL, "cannot %s: %s", verb, strerror(reason));
        mw_mend(err, "make room and try again; nothing of this request was kept");
    } else {
        mw_fail(err, MW_E_STORE_OPEN, "cannot %s: %s", verb, strerror(reason));
        mw_mend(err, "check the disk and the folder's permissions");
    }
    return mw_at(err, "%s", path);
}

/* ---- the folder ------------------------------------------------------------------------------ */

static mw_status make_folder(const char *path, mw_error *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return MW_OK;
    return fail_file("make the folder", path, errno, err);
}

/* What a crash has left half written. Only one process has the record open. */
static void remove_leftovers(const char *path)
{
    DIR *listing = opendir(path);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(listing), entry->d_name, 0);
    closedir(listing);
}

static mw_status make_folders(const mw_blobs *blobs, bool alone, mw_error *err)
{
    char path[PATH_BYTES];
    MW_TRY(make_folder(blobs->folder, err));
    snprintf(path, sizeof path, "%s/tmp", blobs->folder);
    MW_TRY(make_folder(path, err));
    if (alone)
        remove_leftovers(path);
    snprintf(path, sizeof path, "%s/sha256", blobs->folder);
    return make_folder(path, err);
}

mw_status mw_blobs_look(const char *folder, mw_blobs **ret_blobs, mw_error *err)
{
    mw_blobs *blobs = calloc(1, sizeof *blobs);
    if (!blobs)
        return mw_fail_memory(err, "the blobs");
    int size = snprintf(blobs->folder, sizeof blobs->folder, "%s", folder);
    if (size < 0 || (size_t)size >= sizeof blobs->folder) {
        free(blobs);
        return fail_file("use the folder", folder, ENAMETOOLONG, err);
    }
    mw_status status = store_place_open(folder, &blobs->bucket, err);
    if (status != MW_OK) {
        free(blobs);
        return status;
    }
    *ret_blobs = blobs;
    return MW_OK;
}

static mw_status open_blobs(const char *folder, bool alone, mw_blobs **ret_blobs, mw_error *err)
{
    mw_blobs *blobs;
    MW_TRY(mw_blobs_look(folder, &blobs, err));
    mw_status status = make_folders(blobs, alone, err);
    if (status != MW_OK) {
        mw_blobs_close(blobs);
        return status;
    }
    *ret_blobs = blobs;
    return MW_OK;
}

mw_status mw_blobs_open(const char *folder, mw_blobs **ret_blobs, mw_error *err)
{
    return open_blobs(folder, true, ret_blobs, err);
}

mw_status mw_blobs_open_beside(const char *folder, mw_blobs **ret_blobs, mw_error *err)
{
    return open_blobs(folder, false, ret_blobs, err);
}

const char *store_blobs_folder(const mw_blobs *blobs)
{
    return blobs->folder;
}

store_bucket *store_blobs_bucket(const mw_blobs *blobs)
{
    return blobs->bucket;
}

const char *mw_blobs_uri(const mw_blobs *blobs)
{
    return blobs->bucket ? store_bucket_uri(blobs->bucket) : NULL;
}

void mw_blobs_close(mw_blobs *blobs)
{
    if (!blobs)
        return;
    store_cache_free(blobs->cache);
    store_bucket_close(blobs->bucket);
    free(blobs);
}

mw_status mw_blobs_limit_copies(mw_blobs *blobs, uint64_t bytes, mw_error *err)
{
    if (!blobs->bucket) {
        mw_fail(err, MW_E_STORE_PLACE,
                "a limit for copies, and there is no bucket that they are of");
        return mw_mend(err, "say --artifacts s3://BUCKET/PREFIX, or leave out --artifacts-cache");
    }
    blobs->cache = store_cache_new(blobs->folder, blobs->bucket, bytes);
    if (!blobs->cache)
        return mw_fail_memory(err, "the copies");
    store_cache_add(blobs->cache, 0); /* what is there already */
    return MW_OK;
}

mw_status mw_blobs_offer_direct(mw_blobs *blobs, mw_error *err)
{
    if (!blobs->bucket) {
        mw_fail(err, MW_E_STORE_PLACE, "clients are to reach a bucket, and there is none");
        return mw_mend(err, "say --artifacts s3://BUCKET/PREFIX, or leave out --artifacts-direct");
    }
    blobs->is_direct = true;
    return MW_OK;
}

bool mw_blobs_is_direct(const mw_blobs *blobs)
{
    return blobs->is_direct;
}

static void note_copy(const mw_blobs *blobs, const char *path)
{
    struct stat about;
    if (blobs->cache && stat(path, &about) == 0)
        store_cache_add(blobs->cache, (uint64_t)about.st_size);
}

/* ---- writing --------------------------------------------------------------------------------- */

static mw_status begin_blob(const mw_blobs *blobs, mw_blob **ret_blob, mw_error *err)
{
    mw_blob *blob = calloc(1, sizeof *blob);
    if (!blob || !(blob->digest = EVP_MD_CTX_new()) ||
        EVP_DigestInit_ex(blob->digest, EVP_sha256(), NULL) != 1) {
        if (blob)
            EVP_MD_CTX_free(blob->digest);
        free(blob);
        return mw_fail_memory(err, "a blob");
    }
    blob->blobs = blobs;
    snprintf(blob->path, sizeof blob->path, "%s/tmp/XXXXXX", blobs->folder);
    blob->fd = mkostemp(blob->path, O_CLOEXEC);
    if (blob->fd < 0) {
        int reason = errno;
        blob->path[0] = '\0';
        mw_blob_drop(blob);
        return fail_file("write in the folder", blobs->folder, reason, err);
    }
    *ret_blob = blob;
    return MW_OK;
}

mw_status mw_blob_begin(mw_blobs *blobs, mw_blob **ret_blob, mw_error *err)
{
    return begin_blob(blobs, ret_blob, err);
}

mw_status mw_blob_begin_md5(mw_blobs *blobs, mw_blob **ret_blob, mw_error *err)
{
    mw_blob *blob;
    MW_TRY(begin_blob(blobs, &blob, err));
    blob->md5 = EVP_MD_CTX_new();
    if (!blob->md5 || EVP_DigestInit_ex(blob->md5, EVP_md5(), NULL) != 1) {
        mw_blob_drop(blob);
        return mw_fail_memory(err, "a blob");
    }
    *ret_blob = blob;
    return MW_OK;
}

/* It may go on afterwards. */
static void write_state(const EVP_MD_CTX *hash, size_t n_bytes, char *ret_text)
{
    unsigned char bytes[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    if (copy && EVP_MD_CTX_copy_ex(copy, hash) == 1)
        EVP_DigestFinal_ex(copy, bytes, NULL);
    EVP_MD_CTX_free(copy);
    *mw_hex_write(ret_text, bytes, n_bytes) = '\0';
}

void mw_blob_md5(const mw_blob *blob, char ret_md5[MW_MD5_TEXT_BYTES])
{
    write_state(blob->md5, (MW_MD5_TEXT_BYTES - 1) / 2, ret_md5);
}

void store_blob_digest(const mw_blob *blob, char ret_digest[MW_DIGEST_TEXT_BYTES])
{
    write_state(blob->digest, DIGEST_BYTES, ret_digest);
}

mw_status mw_blob_write(mw_blob *blob, mw_view bytes, mw_error *err)
{
    EVP_DigestUpdate(blob->digest, bytes.data, bytes.size);
    if (blob->md5)
        EVP_DigestUpdate(blob->md5, bytes.data, bytes.size);
    while (bytes.size > 0) {
        ssize_t put = write(blob->fd, bytes.data, bytes.size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail_file("write", blob->path, errno, err);
        bytes.data += put;
        bytes.size -= (size_t)put;
    }
    return MW_OK;
}

void mw_blob_drop(mw_blob *blob)
{
    if (!blob)
        return;
    if (blob->fd >= 0)
        close(blob->fd);
    if (blob->path[0])
        unlink(blob->path);
    EVP_MD_CTX_free(blob->digest);
    EVP_MD_CTX_free(blob->md5);
    free(blob);
}

static void write_digest(const unsigned char *bytes, char ret_digest[MW_DIGEST_TEXT_BYTES])
{
    *mw_hex_write(ret_digest, bytes, DIGEST_BYTES) = '\0';
}

static void finish_digest(mw_blob *blob, char ret_digest[MW_DIGEST_TEXT_BYTES])
{
    unsigned char bytes[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex(blob->digest, bytes, NULL);
    write_digest(bytes, ret_digest);
}

void mw_digest_of(mw_view bytes, char ret_digest[MW_DIGEST_TEXT_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(bytes.data, bytes.size, digest, NULL, EVP_sha256(), NULL);
    write_digest(digest, ret_digest);
}

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return synced;
}

/* path: of the blob, from now on. */
static mw_status give_name(mw_blob *blob, const char *digest, char path[NAMED_BYTES], mw_error *err)
{
    char folder[PATH_BYTES], top[PATH_BYTES];
    snprintf(top, sizeof top, "%s/sha256", blob->blobs->folder);
    snprintf(folder, sizeof folder, "%s/sha256/%.2s", blob->blobs->folder, digest);
    snprintf(path, NAMED_BYTES, "%s/%s", folder, digest + 2);
    mkdir(top, 0777); /* copies of what is in a bucket may be taken away, folder and all */
    if (mkdir(folder, 0777) == 0) {
        if (!sync_folder(top))
            return fail_file("write to the disk", top, errno, err);
    } else if (errno != EEXIST) {
        return fail_file("make the folder", folder, errno, err);
    }
    if (rename(blob->path, path) != 0) /* over an equal one: that renews its age */
        return fail_file("name the blob", path, errno, err);
    blob->path[0] = '\0';
    if (!sync_folder(folder))
        return fail_file("write to the disk", folder, errno, err);
    return MW_OK;
}

static mw_status sync_and_name(mw_blob *blob, const char *digest, char path[NAMED_BYTES],
                               mw_error *err)
{
    if (fchmod(blob->fd, 0444) != 0 || fsync(blob->fd) != 0)
        return fail_file("write to the disk", blob->path, errno, err);
    return give_name(blob, digest, path, err);
}

mw_status mw_blob_keep(mw_blob *blob, char ret_digest[MW_DIGEST_TEXT_BYTES], mw_error *err)
{
    char digest[MW_DIGEST_TEXT_BYTES], path[NAMED_BYTES];
    store_bucket *bucket = blob->blobs->bucket;
    finish_digest(blob, digest);
    mw_status status = sync_and_name(blob, digest, path, err);
    if (status == MW_OK && bucket)
        status = store_bucket_put(bucket, mw_view_of(digest), path, err);
    if (status == MW_OK)
        note_copy(blob->blobs, path);
    mw_blob_drop(blob);
    if (status == MW_OK)
        memcpy(ret_digest, digest, sizeof digest);
    return status;
}

mw_status mw_blobs_put(mw_blobs *blobs, mw_view bytes, char ret_digest[MW_DIGEST_TEXT_BYTES],
                       mw_error *err)
{
    mw_blob *blob;
    MW_TRY(mw_blob_begin(blobs, &blob, err));
    mw_status status = mw_blob_write(blob, bytes, err);
    if (status == MW_OK)
        return mw_blob_keep(blob, ret_digest, err);
    mw_blob_drop(blob);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static mw_status fail_changed(const char *path, mw_error *err)
{
    mw_fail(err, MW_E_STORE_DAMAGED, "a stored file is not what was written");
    mw_at(err, "%s", path);
    return mw_mend(err, "restore it from a backup: its name is the SHA-256 of its bytes");
}

static mw_status write_fetched(void *user, mw_view bytes, mw_error *err)
{
    return mw_blob_write(user, bytes, err);
}

/* From the bucket into the folder; other bytes than its name says are not kept. */
static mw_status fetch(const mw_blobs *blobs, mw_view digest, const char *path, mw_error *err)
{
    mw_blob *blob;
    char found[MW_DIGEST_TEXT_BYTES], named[NAMED_BYTES];
    MW_TRY(begin_blob(blobs, &blob, err));
    mw_status status = store_bucket_get(blobs->bucket, digest, write_fetched, blob, err);
    if (status == MW_OK) {
        finish_digest(blob, found);
        status = mw_view_is(digest, found) ? sync_and_name(blob, found, named, err)
                                           : fail_changed(path, err);
    }
    mw_blob_drop(blob);
    if (status == MW_OK)
        note_copy(blobs, named);
    return status;
}

mw_status mw_blobs_path(const mw_blobs *blobs, mw_view digest, mw_arena *arena,
                        const char **ret_path, mw_error *err)
{
    char path[PATH_BYTES];
    if (digest.size != MW_DIGEST_TEXT_BYTES - 1)
        return mw_fail(err, MW_E_STORE_DAMAGED, "'%.*s' is no digest", MW_VIEW_ARG(digest));
    int size = snprintf(path, sizeof path, "%s/sha256/%.2s/%.*s", blobs->folder, digest.data,
                        (int)digest.size - 2, digest.data + 2);
    char *kept = mw_arena_text(arena, (mw_view){path, (size_t)size});
    if (!kept)
        return mw_fail_memory(err, "a path");
    if (blobs->bucket && access(kept, F_OK) != 0)
        MW_TRY(fetch(blobs, digest, kept, err));
    else if (blobs->cache)
        store_cache_touch(kept);
    *ret_path = kept;
    return MW_OK;
}

static mw_status fail_short(const char *path, mw_error *err)
{
    mw_fail(err, MW_E_STORE_DAMAGED, "a stored file is gone or cut short");
    mw_at(err, "%s", path);
    return mw_mend(err, "restore it from a backup: its name is the SHA-256 of its bytes");
}

static mw_status read_range(int fd, const char *path, uint64_t begin, size_t size, mw_buf *out,
                            mw_error *err)
{
    if (!mw_buf_reserve(out, size)) {
        out->failed = false;
        return mw_fail_memory(err, "a stored file");
    }
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, out->data + out->size, size - done, (off_t)(begin + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_file("read", path, errno, err);
        if (got == 0)
            return fail_short(path, err);
        out->size += (size_t)got;
        done += (size_t)got;
    }
    out->data[out->size] = '\0';
    return MW_OK;
}

mw_status mw_blobs_read(const mw_blobs *blobs, mw_view digest, uint64_t begin, size_t size,
                        mw_buf *out, mw_error *err)
{
    mw_arena arena;
    const char *path;
    mw_arena_init(&arena, PATH_BYTES + 256, 4 * PATH_BYTES);
    mw_status status = mw_blobs_path(blobs, digest, &arena, &path, err);
    if (status == MW_OK) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        status = fd < 0 ? fail_short(path, err) : read_range(fd, path, begin, size, out, err);
        if (fd >= 0)
            close(fd);
    }
    mw_arena_done(&arena);
    return status;
}

static mw_status open_blob(const mw_blobs *blobs, mw_view digest, char path[PATH_BYTES],
                           int *ret_fd, mw_error *err)
{
    mw_arena arena;
    const char *found;
    mw_arena_init(&arena, PATH_BYTES + 256, 4 * PATH_BYTES);
    mw_status status = mw_blobs_path(blobs, digest, &arena, &found, err);
    if (status == MW_OK) {
        snprintf(path, PATH_BYTES, "%s", found);
        *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
        status = *ret_fd < 0 ? fail_short(path, err) : MW_OK;
    }
    mw_arena_done(&arena);
    return status;
}

mw_status mw_blobs_size(const mw_blobs *blobs, mw_view digest, uint64_t *ret_bytes, mw_error *err)
{
    int fd;
    struct stat about;
    char path[PATH_BYTES];
    MW_TRY(open_blob(blobs, digest, path, &fd, err));
    mw_status status = fstat(fd, &about) == 0 ? MW_OK : fail_file("read", path, errno, err);
    close(fd);
    if (status == MW_OK)
        *ret_bytes = (uint64_t)about.st_size;
    return status;
}

mw_status mw_blobs_send(const mw_blobs *blobs, mw_view digest, mw_blob_take *take, void *user,
                        mw_error *err)
{
    enum { SENT_BYTES = 256 * 1024 };
    int fd;
    ssize_t got;
    char path[PATH_BYTES], room[SENT_BYTES], found[MW_DIGEST_TEXT_BYTES];
    unsigned char bytes[EVP_MAX_MD_SIZE] = {0};
    MW_TRY(open_blob(blobs, digest, path, &fd, err));
    mw_status status = MW_OK;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        status = mw_fail_memory(err, "a blob");
    while (status == MW_OK && (got = read(fd, room, sizeof room)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            status = fail_file("read", path, errno, err);
            break;
        }
        EVP_DigestUpdate(hash, room, (size_t)got);
        status = take(user, (mw_view){room, (size_t)got}, err);
    }
    if (status == MW_OK) {
        EVP_DigestFinal_ex(hash, bytes, NULL);
        write_digest(bytes, found);
        status = mw_view_is(digest, found) ? MW_OK : fail_changed(path, err);
    }
    EVP_MD_CTX_free(hash);
    close(fd);
    return status;
}
