/* Blobs from files and into files, and the list of them all. Files are read in pieces, whatever
 * their size.
 *
 *     in   hash; a blob of that digest is there: done. Else copy, and compare: a file that changed
 *          meanwhile is told
 *     out  PATH.part-XXXXXX, fsync, rename: whole or not there */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob_cache.h"
#include "engine.h"

enum { PIECE_BYTES = 1 << 20, PATH_BYTES = 4096 };

static mw_status fail_file(const char *verb, const char *path, int reason, mw_error *err)
{
    mw_fail(err,
            reason == ENOENT        ? MW_E_FILE_NOT_FOUND
            : store_is_full(reason) ? MW_E_STORE_FULL
                                    : MW_E_STORE_OPEN,
            "cannot %s: %s", verb, strerror(reason));
    mw_mend(err, "check the path, its permissions and the free space");
    return mw_at(err, "%s", path);
}

/* ---- two digests at once --------------------------------------------------------------------- */

void mw_md5_of(mw_view bytes, char ret_md5[MW_MD5_TEXT_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(bytes.data, bytes.size, digest, NULL, EVP_md5(), NULL);
    *mw_hex_write(ret_md5, digest, (MW_MD5_TEXT_BYTES - 1) / 2) = '\0';
}

typedef struct digests {
    EVP_MD_CTX *sha256, *md5;
} digests;

static bool digests_begin(digests *d)
{
    *d = (digests){EVP_MD_CTX_new(), EVP_MD_CTX_new()};
    return d->sha256 && d->md5 && EVP_DigestInit_ex(d->sha256, EVP_sha256(), NULL) == 1 &&
           EVP_DigestInit_ex(d->md5, EVP_md5(), NULL) == 1;
}

static void digests_end(digests *d, mw_file_digests *ret_digests)
{
    unsigned char bytes[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex(d->sha256, bytes, NULL);
    *mw_hex_write(ret_digests->digest, bytes, (MW_DIGEST_TEXT_BYTES - 1) / 2) = '\0';
    EVP_DigestFinal_ex(d->md5, bytes, NULL);
    *mw_hex_write(ret_digests->md5, bytes, (MW_MD5_TEXT_BYTES - 1) / 2) = '\0';
}

static void digests_free(digests *d)
{
    EVP_MD_CTX_free(d->sha256);
    EVP_MD_CTX_free(d->md5);
}

/* ---- reading files --------------------------------------------------------------------------- */

typedef mw_status piece_taker(void *user, mw_view piece, mw_error *err);

static mw_status read_pieces(const char *path, piece_taker *take, void *user, mw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *piece = fd < 0 ? NULL : malloc(PIECE_BYTES);
    if (fd < 0)
        return fail_file("open the file", path, errno, err);
    mw_status status = piece ? MW_OK : mw_fail_memory(err, "a file");
    while (status == MW_OK) {
        ssize_t got = read(fd, piece, PIECE_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = fail_file("read the file", path, errno, err);
        if (got <= 0)
            break;
        status = take(user, (mw_view){piece, (size_t)got}, err);
    }
    free(piece);
    close(fd);
    return status;
}

typedef struct hashing {
    digests digests;
    int64_t bytes;
} hashing;

static mw_status hash_piece(void *user, mw_view piece, mw_error *err)
{
    hashing *h = user;
    (void)err;
    EVP_DigestUpdate(h->digests.sha256, piece.data, piece.size);
    EVP_DigestUpdate(h->digests.md5, piece.data, piece.size);
    h->bytes += (int64_t)piece.size;
    return MW_OK;
}

mw_status mw_file_hash(const char *path, mw_file_digests *ret_digests, mw_error *err)
{
    hashing h = {.bytes = 0};
    mw_status status = digests_begin(&h.digests) ? read_pieces(path, hash_piece, &h, err)
                                                 : mw_fail_memory(err, "a digest");
    if (status == MW_OK) {
        digests_end(&h.digests, ret_digests);
        ret_digests->bytes = h.bytes;
    }
    digests_free(&h.digests);
    return status;
}

static mw_status write_piece(void *user, mw_view piece, mw_error *err)
{
    return mw_blob_write(user, piece, err);
}

mw_status mw_blobs_put_file(mw_blobs *blobs, const char *path, mw_file_digests *ret_digests,
                            mw_error *err)
{
    mw_blob *blob;
    char digest[MW_DIGEST_TEXT_BYTES];
    MW_TRY(mw_file_hash(path, ret_digests, err));
    bool is_everywhere = store_blobs_bucket(blobs) == NULL;
    if (is_everywhere && mw_blobs_has(blobs, mw_view_of(ret_digests->digest)))
        return MW_OK;
    MW_TRY(mw_blob_begin(blobs, &blob, err));
    mw_status status = read_pieces(path, write_piece, blob, err);
    if (status != MW_OK) {
        mw_blob_drop(blob);
        return status;
    }
    MW_TRY(mw_blob_keep(blob, digest, err));
    if (strcmp(digest, ret_digests->digest) == 0)
        return MW_OK;
    mw_fail(err, MW_E_STORE_CHANGED, "the file changed while it was read");
    mw_mend(err, "add it when nothing writes to it");
    return mw_at(err, "%s", path);
}

/* ---- out ------------------------------------------------------------------------------------- */

static mw_status copy_into(int fd, const char *from, const char *to, mw_error *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    char *piece = in < 0 ? NULL : malloc(PIECE_BYTES);
    mw_status status = in < 0   ? fail_file("read a stored file", from, errno, err)
                       : !piece ? mw_fail_memory(err, "a file")
                                : MW_OK;
    while (status == MW_OK) {
        ssize_t got = read(in, piece, PIECE_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = fail_file("read a stored file", from, errno, err);
        if (got <= 0)
            break;
        for (ssize_t done = 0; done < got && status == MW_OK;) {
            ssize_t put = write(fd, piece + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                status = fail_file("write the file", to, errno, err);
            done += put > 0 ? put : 0;
        }
    }
    if (status == MW_OK && (fchmod(fd, 0644) != 0 || fsync(fd) != 0))
        status = fail_file("write the file", to, errno, err);
    free(piece);
    if (in >= 0)
        close(in);
    return status;
}

mw_status mw_blobs_get_file(const mw_blobs *blobs, mw_view digest, const char *path, mw_error *err)
{
    char part[PATH_BYTES];
    const char *from;
    mw_arena arena;
    int size = snprintf(part, sizeof part, "%s.part-XXXXXX", path);
    if (size < 0 || (size_t)size >= sizeof part)
        return fail_file("write the file", path, ENAMETOOLONG, err);
    mw_arena_init(&arena, PATH_BYTES + 256, 4 * PATH_BYTES);
    mw_status status = mw_blobs_path(blobs, digest, &arena, &from, err);
    int fd = status == MW_OK ? mkostemp(part, O_CLOEXEC) : -1;
    if (status == MW_OK && fd < 0)
        status = fail_file("write the file", path, errno, err);
    if (fd >= 0) {
        status = copy_into(fd, from, path, err);
        close(fd);
        if (status == MW_OK && rename(part, path) != 0)
            status = fail_file("name the file", path, errno, err);
        if (status != MW_OK)
            unlink(part);
    }
    mw_arena_done(&arena);
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool blob_path(const mw_blobs *blobs, mw_view digest, char out[PATH_BYTES])
{
    bool is_digest = digest.size == MW_DIGEST_TEXT_BYTES - 1;
    for (size_t i = 0; is_digest && i < digest.size; i++)
        is_digest = mw_hex_value(digest.data[i]) >= 0;
    if (!is_digest)
        return false;
    int size = snprintf(out, PATH_BYTES, "%s/sha256/%.2s/%.*s", store_blobs_folder(blobs),
                        digest.data, (int)digest.size - 2, digest.data + 2);
    return size > 0 && size < PATH_BYTES;
}

bool mw_blobs_has(const mw_blobs *blobs, mw_view digest)
{
    mw_error away;
    bool in_bucket = false;
    char path[PATH_BYTES];
    struct store_bucket *bucket = store_blobs_bucket(blobs);
    if (!blob_path(blobs, digest, path))
        return false;
    if (access(path, R_OK) == 0)
        return true;
    return bucket && store_bucket_has(bucket, digest, &in_bucket, &away) == MW_OK && in_bucket;
}

mw_status mw_blobs_remove(mw_blobs *blobs, mw_view digest, mw_error *err)
{
    char path[PATH_BYTES];
    struct store_bucket *bucket = store_blobs_bucket(blobs);
    if (bucket)
        MW_TRY(store_bucket_remove(bucket, digest, err));
    if (blob_path(blobs, digest, path) && (unlink(path) == 0 || errno == ENOENT))
        return MW_OK;
    return fail_file("remove a stored file", path, errno, err);
}

static mw_status each_of(const char *folder, const char *shard, mw_blob_seen *see, void *user,
                         mw_error *err)
{
    char path[2 * PATH_BYTES], digest[MW_DIGEST_TEXT_BYTES + 256];
    snprintf(path, sizeof path, "%s/sha256/%s", folder, shard);
    DIR *listing = opendir(path);
    if (!listing)
        return fail_file("list a folder", path, errno, err);
    mw_status status = MW_OK;
    for (struct dirent *entry; status == MW_OK && (entry = readdir(listing));) {
        struct stat about;
        if (entry->d_name[0] == '.' ||
            fstatat(dirfd(listing), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(about.st_mode)) /* a link that somebody put there is not followed */
            continue;
        snprintf(digest, sizeof digest, "%s%s", shard, entry->d_name);
        if (strlen(digest) == MW_DIGEST_TEXT_BYTES - 1)
            status =
                see(user, mw_view_of(digest), (int64_t)about.st_size,
                    (int64_t)about.st_mtim.tv_sec * 1000 + about.st_mtim.tv_nsec / 1000000, err);
    }
    closedir(listing);
    return status;
}

mw_status store_files_each(const char *folder, mw_blob_seen *see, void *user, mw_error *err)
{
    for (int shard = 0; shard < 256; shard++) {
        char name[3], path[PATH_BYTES];
        snprintf(name, sizeof name, "%02x", (unsigned)shard);
        snprintf(path, sizeof path, "%s/sha256/%s", folder, name);
        if (access(path, F_OK) == 0)
            MW_TRY(each_of(folder, name, see, user, err));
    }
    return MW_OK;
}

mw_status mw_blobs_each(const mw_blobs *blobs, mw_blob_seen *see, void *user, mw_error *err)
{
    if (store_blobs_bucket(blobs)) /* whatever is kept is there */
        return store_bucket_each(store_blobs_bucket(blobs), see, user, err);
    return store_files_each(store_blobs_folder(blobs), see, user, err);
}
