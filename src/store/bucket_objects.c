/* The objects of a bucket: are they there, put, read, removed, listed.
 *
 *     PREFIX/sha256/ab/cd...   under 64 MiB in one PUT, above in parts of 64 MiB */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bucket_call.h"
#include "listing.h"
#include "sigv4.h"

enum { PART_BYTES = 64 << 20, PIECE_BYTES = 8 << 20, PATH_BYTES = 4096, LIST_KEYS = 1000 };

void store_key_of(mw_view digest, char ret_key[STORE_KEY_BYTES])
{
    snprintf(ret_key, STORE_KEY_BYTES, "sha256/%.2s/%.*s", digest.data, (int)digest.size - 2,
             digest.data + 2);
}

/* ---- is it there? ---------------------------------------------------------------------------- */

mw_status store_bucket_has(store_bucket *bucket, mw_view digest, bool *ret_there, mw_error *err)
{
    store_answer answer;
    char key[STORE_KEY_BYTES];
    store_key_of(digest, key);
    store_call head = {.method = "HEAD", .key = key, .query = ""};
    MW_TRY(store_call_run(bucket, &head, &answer, err));
    *ret_there = answer.status == 200;
    if (answer.status != 200 && answer.status != 404)
        return store_call_refused(bucket, &answer, "look for a file", err);
    store_call_done(bucket, &answer);
    return MW_OK;
}

/* ---- putting --------------------------------------------------------------------------------- */

mw_status store_parts_begin(store_bucket *bucket, const char *key,
                            char ret_upload[STORE_UPLOAD_BYTES], mw_error *err)
{
    store_answer answer;
    mw_buf encoded;
    store_call begin = {.method = "POST", .key = key, .query = "uploads="};
    MW_TRY(store_call_demand(bucket, &begin, "begin an upload", &answer, err));
    mw_buf_init(&encoded, PATH_BYTES);
    store_encode(&encoded, store_xml_text(answer.body, "UploadId"), false);
    bool fits = encoded.size > 0 && encoded.size < STORE_UPLOAD_BYTES;
    if (fits)
        memcpy(ret_upload, encoded.data, encoded.size + 1);
    mw_buf_done(&encoded);
    if (!fits)
        return store_call_refused(bucket, &answer, "name an upload", err);
    store_call_done(bucket, &answer);
    return MW_OK;
}

static mw_status put_part(store_bucket *bucket, const char *key, const char *upload,
                          unsigned number, mw_view part, mw_buf *list, mw_error *err)
{
    store_answer answer;
    char query[600];
    snprintf(query, sizeof query, "partNumber=%u&uploadId=%s", number, upload);
    store_call put = {.method = "PUT", .key = key, .query = query, .body = part};
    MW_TRY(store_call_demand(bucket, &put, "take a part of a file", &answer, err));
    mw_view tag = mw_client_header(answer.client, "etag");
    if (!tag.data)
        return store_call_refused(bucket, &answer, "name a part", err);
    mw_buf_format(list, "<Part><PartNumber>%u</PartNumber><ETag>%.*s</ETag></Part>", number,
                  MW_VIEW_ARG(tag));
    store_call_done(bucket, &answer);
    return MW_OK;
}

static mw_status end_parts(store_bucket *bucket, const char *key, const char *upload, mw_buf *list,
                           mw_error *err)
{
    store_answer answer;
    char query[600];
    snprintf(query, sizeof query, "uploadId=%s", upload);
    mw_buf_text(list, "</CompleteMultipartUpload>");
    store_call end = {.method = "POST", .key = key, .query = query, .body = mw_buf_as_view(list)};
    MW_TRY(store_call_demand(bucket, &end, "end an upload", &answer, err));
    /* it may say 200 and then fail */
    if (store_xml_text(answer.body, "Code").data)
        return store_call_refused(bucket, &answer, "end an upload", err);
    store_call_done(bucket, &answer);
    return MW_OK;
}

mw_status store_parts_drop(store_bucket *bucket, const char *key, const char *upload, mw_error *err)
{
    store_answer answer;
    char query[600];
    snprintf(query, sizeof query, "uploadId=%s", upload);
    store_call drop = {.method = "DELETE", .key = key, .query = query};
    MW_TRY(store_call_run(bucket, &drop, &answer, err));
    if (answer.status / 100 != 2 && answer.status != 404)
        return store_call_refused(bucket, &answer, "drop an upload", err);
    store_call_done(bucket, &answer);
    return MW_OK;
}

static mw_status put_in_parts(store_bucket *bucket, const char *key, mw_view bytes, mw_error *err)
{
    char upload[STORE_UPLOAD_BYTES];
    mw_buf list;
    MW_TRY(store_parts_begin(bucket, key, upload, err));
    mw_buf_init(&list, 4 * MW_MIB);
    mw_buf_text(&list, "<CompleteMultipartUpload>");
    mw_status status = MW_OK;
    for (size_t at = 0, number = 1; status == MW_OK && at < bytes.size;
         at += PART_BYTES, number++) {
        size_t size = bytes.size - at < PART_BYTES ? bytes.size - at : PART_BYTES;
        status = put_part(bucket, key, upload, (unsigned)number, (mw_view){bytes.data + at, size},
                          &list, err);
    }
    if (status == MW_OK)
        status = end_parts(bucket, key, upload, &list, err);
    mw_error ignored;
    if (status != MW_OK && store_parts_drop(bucket, key, upload, &ignored) != MW_OK)
        mw_buf_reset(&list); /* swept later (bucket_uploads.c) */
    mw_buf_done(&list);
    return status;
}

static mw_status put_bytes(store_bucket *bucket, mw_view digest, mw_view bytes, mw_error *err)
{
    store_answer answer;
    char key[STORE_KEY_BYTES];
    store_key_of(digest, key);
    if (bytes.size > PART_BYTES)
        return put_in_parts(bucket, key, bytes, err);
    store_call put = {
        .method = "PUT", .key = key, .query = "", .body = bytes, .body_digest = digest};
    MW_TRY(store_call_demand(bucket, &put, "take a file", &answer, err));
    store_call_done(bucket, &answer);
    return MW_OK;
}

/* Mapped: blobs are read-only files that nobody cuts short. */
static mw_status put_file(store_bucket *bucket, mw_view digest, int fd, mw_error *err)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return mw_fail_errno(err, "read a stored file", errno);
    size_t size = (size_t)about.st_size;
    if (size == 0)
        return put_bytes(bucket, digest, MW_VIEW(""), err);
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return mw_fail_errno(err, "read a stored file", errno);
    mw_status status = put_bytes(bucket, digest, (mw_view){bytes, size}, err);
    munmap(bytes, size);
    return status;
}

mw_status store_bucket_put(store_bucket *bucket, mw_view digest, const char *path, mw_error *err)
{
    bool there;
    MW_TRY(store_bucket_has(bucket, digest, &there, err));
    if (there)
        return MW_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mw_fail_errno(err, "read a stored file", errno);
    mw_status status = put_file(bucket, digest, fd, err);
    close(fd);
    return status;
}

/* ---- getting --------------------------------------------------------------------------------- */

mw_status store_fail_gone(store_bucket *bucket, const char *key, mw_error *err)
{
    mw_fail(err, MW_E_STORE_DAMAGED, "a stored file is neither here nor in the bucket: %s", key);
    mw_at(err, "%s", store_bucket_uri(bucket));
    return mw_mend(err, "restore it from a backup: its name is the SHA-256 of its bytes");
}

mw_status store_bucket_read(store_bucket *bucket, const char *key, mw_blob_take *take, void *user,
                            bool *ret_there, mw_error *err)
{
    *ret_there = true;
    for (uint64_t at = 0;;) {
        store_answer answer;
        char range[80];
        snprintf(range, sizeof range, "Range: bytes=%llu-%llu\r\n", (unsigned long long)at,
                 (unsigned long long)at + PIECE_BYTES - 1);
        store_call get = {.method = "GET", .key = key, .query = "", .headers = range};
        MW_TRY(store_call_run(bucket, &get, &answer, err));
        int status = answer.status;
        if (status != 200 && status != 206 && status != 416 && status != 404)
            return store_call_refused(bucket, &answer, "send a file", err);
        bool is_whole = status == 200; /* it does not know ranges */
        size_t size = status == 200 || status == 206 ? answer.body.size : 0;
        mw_status taken = size > 0 ? take(user, answer.body, err) : MW_OK;
        store_call_done(bucket, &answer);
        *ret_there = status != 404;
        if (status == 404)
            return at == 0 ? MW_OK : store_fail_gone(bucket, key, err);
        if (taken != MW_OK || is_whole || size < PIECE_BYTES)
            return taken;
        at += size;
    }
}

mw_status store_bucket_get(store_bucket *bucket, mw_view digest, mw_blob_take *take, void *user,
                           mw_error *err)
{
    bool there;
    char key[STORE_KEY_BYTES];
    store_key_of(digest, key);
    MW_TRY(store_bucket_read(bucket, key, take, user, &there, err));
    return there ? MW_OK : store_fail_gone(bucket, key, err);
}

/* ---- removing, listing ----------------------------------------------------------------------- */

mw_status store_bucket_delete(store_bucket *bucket, const char *key, mw_error *err)
{
    store_answer answer;
    store_call drop = {.method = "DELETE", .key = key, .query = ""};
    MW_TRY(store_call_run(bucket, &drop, &answer, err));
    if (answer.status / 100 != 2 && answer.status != 404)
        return store_call_refused(bucket, &answer, "remove a file", err);
    store_call_done(bucket, &answer);
    return MW_OK;
}

mw_status store_bucket_remove(store_bucket *bucket, mw_view digest, mw_error *err)
{
    char key[STORE_KEY_BYTES];
    store_key_of(digest, key);
    return store_bucket_delete(bucket, key, err);
}

/* "PREFIX/sha256/ab/cd..." -> digest; false: it is not ours. */
static bool digest_of(const store_bucket *bucket, mw_view key, char digest[MW_DIGEST_TEXT_BYTES])
{
    static const char folder[] = "sha256/";
    size_t skipped = strlen(store_bucket_prefix(bucket)) + sizeof folder - 1;
    if (key.size != skipped + MW_DIGEST_TEXT_BYTES || key.data[skipped + 2] != '/')
        return false;
    snprintf(digest, MW_DIGEST_TEXT_BYTES, "%.2s%.62s", key.data + skipped, key.data + skipped + 3);
    for (size_t i = 0; i < MW_DIGEST_TEXT_BYTES - 1; i++)
        if (mw_hex_value(digest[i]) < 0)
            return false;
    return true;
}

static mw_status see_page(const store_bucket *bucket, mw_view xml, mw_blob_seen *see, void *user,
                          mw_error *err)
{
    store_object object;
    char digest[MW_DIGEST_TEXT_BYTES];
    while (store_next_object(&xml, &object))
        if (digest_of(bucket, object.key, digest))
            MW_TRY(see(user, mw_view_of(digest), object.bytes, object.modified_ms, err));
    return MW_OK;
}

static void write_list_query(const store_bucket *bucket, const mw_buf *token, mw_buf *out)
{
    if (token->size > 0) {
        mw_buf_text(out, "continuation-token=");
        store_encode(out, mw_buf_as_view(token), false);
        mw_buf_char(out, '&');
    }
    mw_buf_format(out, "list-type=2&max-keys=%d&prefix=", LIST_KEYS);
    store_encode(out, mw_view_of(store_bucket_prefix(bucket)), false);
    store_encode(out, MW_VIEW("sha256/"), false);
}

static mw_status see_next(store_bucket *bucket, mw_buf *token, mw_blob_seen *see, void *user,
                          mw_error *err)
{
    store_answer answer;
    mw_buf query;
    mw_buf_init(&query, 4 * PATH_BYTES);
    write_list_query(bucket, token, &query);
    mw_buf_reset(token);
    store_call list = {.method = "GET", .query = query.data};
    mw_status status = query.failed
                           ? mw_fail_memory(err, "a listing")
                           : store_call_demand(bucket, &list, "list its files", &answer, err);
    mw_buf_done(&query);
    if (status != MW_OK)
        return status;
    status = see_page(bucket, answer.body, see, user, err);
    if (mw_view_is(store_xml_text(answer.body, "IsTruncated"), "true"))
        mw_buf_view(token, store_xml_text(answer.body, "NextContinuationToken"));
    store_call_done(bucket, &answer);
    return status;
}

mw_status store_bucket_each(store_bucket *bucket, mw_blob_seen *see, void *user, mw_error *err)
{
    mw_buf token;
    mw_buf_init(&token, PATH_BYTES);
    mw_status status;
    do
        status = see_next(bucket, &token, see, user, err);
    while (status == MW_OK && token.size > 0);
    mw_buf_done(&token);
    return status;
}

/* ---- others' --------------------------------------------------------------------------------- */

mw_status mw_bucket_open(const mw_bucket_place *place, mw_bucket **ret_bucket, mw_error *err)
{
    store_place full = {place->uri, place->endpoint, place->region};
    store_place_complete(&full);
    return store_bucket_open(&full, ret_bucket, err);
}

void mw_bucket_close(mw_bucket *bucket)
{
    store_bucket_close(bucket);
}

mw_status mw_bucket_send(mw_bucket *bucket, const char *key, mw_blob_take *take, void *user,
                         mw_error *err)
{
    bool there;
    MW_TRY(store_bucket_read(bucket, key, take, user, &there, err));
    if (there)
        return MW_OK;
    mw_fail(err, MW_E_STORE_NO_OBJECT, "the bucket has no '%s'", key);
    return mw_at(err, "%s", store_bucket_uri(bucket));
}
