/* Uploads that clients send to the bucket themselves, part by part, and reads of theirs.
 *
 *     begin   PREFIX/uploads/3f9c...   an upload of S3, an address signed for each part
 *     client  PUT part, PUT part ...   the server sees none of it
 *     end     joined -> read once, hashed, a copy on this machine -> copied to PREFIX/sha256/ab/...
 *     drop    the joined object goes, or the parts that were never joined
 *
 * An upload is named "3f9c....S3-ID" to its client: who has the name may end it, also on another
 * server. Nothing stands in the record before the end; what no end ever came for is swept, a day
 * later, by the next begin. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "bucket_call.h"
#include "engine.h"
#include "listing.h"
#include "sigv4.h"

#define FOLDER "uploads/"

enum {
    CHANCE_BYTES = 16,
    NAME_BYTES = 2 * CHANCE_BYTES,
    QUERY_BYTES = 700,
    TAG_BYTES_MAX = 128,
    LIST_BYTES = 4 * 1024 * 1024,
    PATH_BYTES = 16 * 1024
};
#define COPY_BYTES_MAX (5 * MW_GIB) /* of one call; S3's own limit */

/* "3f9c....S3-ID" in its two parts. */
typedef struct upload {
    char key[STORE_KEY_BYTES], id[STORE_UPLOAD_BYTES];
} upload;

/* MLflow's words: by their beginning its client knows that it must go the other way. */
static mw_status fail_no_bucket(const char *way, const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_STORE_NO_BUCKET,
            "Multipart %s is not supported for the current artifact repository", way);
    return mw_mend(err, "%s", mend);
}

static mw_status bucket_of(const mw_blobs *blobs, store_bucket **ret_bucket, mw_error *err)
{
    *ret_bucket = store_blobs_bucket(blobs);
    return *ret_bucket ? MW_OK
                       : fail_no_bucket("upload",
                                        "send the file in one request; it may come in parts where "
                                        "--artifacts is s3://BUCKET/PREFIX",
                                        err);
}

static mw_status fail_unknown(mw_error *err)
{
    mw_fail(err, MW_E_STORE_UPLOAD, "there is no such upload");
    return mw_mend(err, "begin it again: it was ended or aborted, or is older than a day");
}

static bool is_hex(mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        if (mw_hex_value(text.data[i]) < 0)
            return false;
    return true;
}

/* The id goes into addresses as it stands. */
static bool is_encoded(mw_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~' || c == '%';
        if (!plain)
            return false;
    }
    return true;
}

static mw_status read_name(mw_view text, upload *ret_upload, mw_error *err)
{
    if (text.size < NAME_BYTES + 2 || text.size > NAME_BYTES + STORE_UPLOAD_BYTES ||
        text.data[NAME_BYTES] != '.')
        return fail_unknown(err);
    mw_view name = {text.data, NAME_BYTES};
    mw_view id = {text.data + NAME_BYTES + 1, text.size - NAME_BYTES - 1};
    if (!is_hex(name) || !is_encoded(id))
        return fail_unknown(err);
    snprintf(ret_upload->key, sizeof ret_upload->key, FOLDER "%.*s", MW_VIEW_ARG(name));
    snprintf(ret_upload->id, sizeof ret_upload->id, "%.*s", MW_VIEW_ARG(id));
    return MW_OK;
}

/* ---- what was left --------------------------------------------------------------------------- */

/* Of "PREFIX/uploads/3f9c..." what stands behind the prefix; absent when it is not of ours. */
static mw_view own_key(const store_bucket *bucket, mw_view key)
{
    const char *prefix = store_bucket_prefix(bucket);
    size_t skipped = strlen(prefix);
    if (!mw_view_starts(key, prefix) || key.size != skipped + strlen(FOLDER) + NAME_BYTES)
        return (mw_view){NULL, 0};
    mw_view rest = {key.data + skipped, key.size - skipped};
    mw_view name = {rest.data + strlen(FOLDER), NAME_BYTES};
    return mw_view_starts(rest, FOLDER) && is_hex(name) ? rest : (mw_view){NULL, 0};
}

typedef struct sweep {
    store_bucket *bucket;
    int64_t before_ms;
    bool is_dry;
    size_t n;
} sweep;

static mw_status sweep_parts(sweep *s, mw_view xml, mw_error *err)
{
    store_parts parts;
    while (store_next_parts(&xml, &parts)) {
        mw_buf id;
        char key[STORE_KEY_BYTES];
        mw_view own = own_key(s->bucket, parts.key);
        if (!own.data || parts.begun_ms == 0 || parts.begun_ms >= s->before_ms)
            continue;
        s->n++;
        if (s->is_dry)
            continue;
        snprintf(key, sizeof key, "%.*s", MW_VIEW_ARG(own));
        mw_buf_init(&id, STORE_UPLOAD_BYTES);
        store_encode(&id, parts.id, false);
        mw_status status =
            id.size > 0 && !id.failed ? store_parts_drop(s->bucket, key, id.data, err) : MW_OK;
        mw_buf_done(&id);
        MW_TRY(status);
    }
    return MW_OK;
}

static mw_status sweep_joined(sweep *s, mw_view xml, mw_error *err)
{
    store_object object;
    while (store_next_object(&xml, &object)) {
        char key[STORE_KEY_BYTES];
        mw_view own = own_key(s->bucket, object.key);
        if (!own.data || object.modified_ms >= s->before_ms)
            continue;
        s->n++;
        snprintf(key, sizeof key, "%.*s", MW_VIEW_ARG(own));
        if (!s->is_dry)
            MW_TRY(store_bucket_delete(s->bucket, key, err));
    }
    return MW_OK;
}

/* A page of a listing; what a page does not hold comes the next time. */
static mw_status sweep_page(sweep *s, const char *before, const char *behind,
                            mw_status (*see)(sweep *s, mw_view xml, mw_error *err), mw_error *err)
{
    mw_buf query;
    store_answer answer;
    mw_buf_init(&query, PATH_BYTES);
    mw_buf_format(&query, "%sprefix=", before);
    store_encode(&query, mw_view_of(store_bucket_prefix(s->bucket)), false);
    store_encode(&query, MW_VIEW(FOLDER), false);
    mw_buf_text(&query, behind);
    store_call list = {.method = "GET", .query = query.data};
    mw_status status = query.failed
                           ? mw_fail_memory(err, "a listing")
                           : store_call_demand(s->bucket, &list, "list its uploads", &answer, err);
    mw_buf_done(&query);
    if (status != MW_OK)
        return status;
    status = see(s, answer.body, err);
    store_call_done(s->bucket, &answer);
    return status;
}

static mw_status sweep_all(sweep *s, mw_error *err)
{
    MW_TRY(sweep_page(s, "", "&uploads=", sweep_parts, err));
    return sweep_page(s, "list-type=2&max-keys=1000&", "", sweep_joined, err);
}

mw_status mw_uploads_sweep(mw_blobs *blobs, int64_t before_ms, bool is_dry, size_t *ret_n,
                           mw_error *err)
{
    sweep s = {store_blobs_bucket(blobs), before_ms, is_dry, 0};
    if (s.bucket)
        MW_TRY(sweep_all(&s, err));
    *ret_n = s.n;
    return MW_OK;
}

/* ---- begin ----------------------------------------------------------------------------------- */

mw_status mw_upload_begin(mw_blobs *blobs, char ret_name[MW_UPLOAD_TEXT_BYTES], mw_error *err)
{
    mw_error ignored;
    store_bucket *bucket;
    uint8_t chance[CHANCE_BYTES];
    char name[NAME_BYTES + 1], key[STORE_KEY_BYTES], id[STORE_UPLOAD_BYTES];
    int64_t now = mw_clock_wall_ms();
    MW_TRY(bucket_of(blobs, &bucket, err));
    sweep s = {bucket, now - MW_LIMIT_UPLOAD_MS, false, 0};
    if (store_bucket_may_sweep(bucket, now) && sweep_all(&s, &ignored) != MW_OK)
        s.n = 0; /* then the next one does */
    if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return mw_fail_errno(err, "draw a name", errno);
    *mw_hex_write(name, chance, sizeof chance) = '\0';
    snprintf(key, sizeof key, FOLDER "%s", name);
    MW_TRY(store_parts_begin(bucket, key, id, err));
    snprintf(ret_name, MW_UPLOAD_TEXT_BYTES, "%s.%s", name, id);
    return MW_OK;
}

mw_status mw_upload_sign(mw_blobs *blobs, mw_view name, unsigned number, mw_buf *out, mw_error *err)
{
    upload u;
    store_bucket *bucket;
    char query[QUERY_BYTES];
    MW_TRY(bucket_of(blobs, &bucket, err));
    MW_TRY(read_name(name, &u, err));
    snprintf(query, sizeof query, "partNumber=%u&uploadId=%s", number, u.id);
    store_call put = {.method = "PUT", .key = u.key, .query = query};
    return store_bucket_presign(bucket, &put, MW_LIMIT_PART_SECONDS, out, err);
}

/* ---- end ------------------------------------------------------------------------------------- */

static bool is_tag(mw_view tag)
{
    for (size_t i = 0; i < tag.size; i++)
        if (tag.data[i] <= ' ' || (unsigned char)tag.data[i] >= 0x7f || strchr("<>&", tag.data[i]))
            return false;
    return tag.size > 0 && tag.size <= TAG_BYTES_MAX;
}

static mw_status fail_parts(mw_error *err, const char *why)
{
    mw_fail(err, MW_E_STORE_PARTS, "the parts of the upload make no file");
    mw_why(err, "%s", why);
    return mw_mend(err, "send each part with its ETag, numbered from 1 on; all but the last one "
                        "have 5 MiB at least");
}

static mw_status write_parts(const mw_upload_part *parts, size_t n, mw_buf *out, mw_error *err)
{
    mw_buf_text(out, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < n; i++) {
        if (parts[i].number < 1 || parts[i].number > STORE_PARTS_MAX)
            return fail_parts(err, "a part's number is outside 1 to 10,000");
        if (!is_tag(parts[i].tag))
            return fail_parts(err, "a part has no ETag as S3 gives them");
        mw_buf_format(out, "<Part><PartNumber>%lld</PartNumber><ETag>%.*s</ETag></Part>",
                      (long long)parts[i].number, MW_VIEW_ARG(parts[i].tag));
    }
    mw_buf_text(out, "</CompleteMultipartUpload>");
    if (n == 0)
        return fail_parts(err, "there is none");
    return out->failed ? mw_fail_memory(err, "the list of parts") : MW_OK;
}

/* *ret_there false: nothing of that name, neither parts nor the joined object. */
static mw_status look(store_bucket *bucket, const char *key, bool *ret_there, uint64_t *ret_bytes,
                      mw_error *err)
{
    store_answer answer;
    store_call head = {.method = "HEAD", .key = key, .query = ""};
    MW_TRY(store_call_run(bucket, &head, &answer, err));
    *ret_there = answer.status == 200;
    if (answer.status != 200 && answer.status != 404)
        return store_call_refused(bucket, &answer, "look for a file", err);
    mw_view length = mw_client_header(answer.client, "content-length");
    if (*ret_there && (!length.data || !mw_whole_parse(length, ret_bytes)))
        return store_call_refused(bucket, &answer, "tell the size of a file", err);
    store_call_done(bucket, &answer);
    return MW_OK;
}

static bool is_of_the_parts(mw_view code)
{
    static const char *const codes[] = {"InvalidPart",    "InvalidPartOrder", "EntityTooSmall",
                                        "EntityTooLarge", "MalformedXML",     "InvalidRequest"};
    for (size_t i = 0; i < MW_COUNT(codes); i++)
        if (mw_view_is(code, codes[i]))
            return true;
    return false;
}

/* One that is unknown may have been joined a moment ago, by an end that goes on beside this one. */
static mw_status join(store_bucket *bucket, const upload *u, mw_view list, mw_error *err)
{
    store_answer answer;
    char query[QUERY_BYTES], why[160];
    snprintf(query, sizeof query, "uploadId=%s", u->id);
    store_call end = {.method = "POST", .key = u->key, .query = query, .body = list};
    MW_TRY(store_call_run(bucket, &end, &answer, err));
    mw_view code = store_xml_text(answer.body, "Code");
    bool is_unknown = mw_view_is(code, "NoSuchUpload");
    if (is_of_the_parts(code)) {
        mw_view message = store_xml_text(answer.body, "Message");
        snprintf(why, sizeof why, "%.*s: %.*s", MW_VIEW_ARG(code),
                 (int)(message.size < 110 ? message.size : 110), message.data ? message.data : "");
        store_call_done(bucket, &answer);
        return fail_parts(err, why);
    }
    /* it may say 200 and then fail */
    if (!is_unknown && (answer.status / 100 != 2 || code.data))
        return store_call_refused(bucket, &answer, "end an upload", err);
    store_call_done(bucket, &answer);
    return MW_OK;
}

static mw_status check_size(uint64_t bytes, uint64_t bytes_max, mw_error *err)
{
    if (bytes <= bytes_max)
        return MW_OK;
    mw_fail(err, MW_E_BODY_TOO_LARGE, "the file has %llu bytes, and %llu are taken",
            (unsigned long long)bytes, (unsigned long long)bytes_max);
    return mw_mend(err, "start the server with a larger --max-artifact");
}

/* S3 copies within itself; what cannot be copied is put from this machine by mw_blob_keep. */
static void copy(store_bucket *bucket, const char *from, const char *digest)
{
    bool there;
    mw_error ignored;
    store_answer answer;
    char key[STORE_KEY_BYTES];
    mw_view name = mw_view_of(digest);
    store_key_of(name, key);
    store_call call = {.method = "PUT", .key = key, .query = "", .copy_of = from};
    if (store_bucket_has(bucket, name, &there, &ignored) == MW_OK && !there &&
        store_call_run(bucket, &call, &answer, &ignored) == MW_OK)
        store_call_done(bucket, &answer);
}

static mw_status take(void *user, mw_view bytes, mw_error *err)
{
    return mw_blob_write(user, bytes, err);
}

static mw_status keep(mw_blobs *blobs, const upload *u, uint64_t bytes,
                      char ret_digest[MW_DIGEST_TEXT_BYTES], mw_error *err)
{
    mw_blob *blob;
    char digest[MW_DIGEST_TEXT_BYTES];
    store_bucket *bucket = store_blobs_bucket(blobs);
    MW_TRY(mw_blob_begin(blobs, &blob, err));
    bool there;
    mw_status status = store_bucket_read(bucket, u->key, take, blob, &there, err);
    if (status == MW_OK && !there)
        status = fail_unknown(err);
    if (status != MW_OK) {
        mw_blob_drop(blob);
        return status;
    }
    store_blob_digest(blob, digest);
    if (bytes <= COPY_BYTES_MAX)
        copy(bucket, u->key, digest);
    return mw_blob_keep(blob, ret_digest, err);
}

/* One that is joined already is not joined again: its first end was cut off, or its answer lost. */
mw_status mw_upload_end(mw_blobs *blobs, mw_view name, const mw_upload_part *parts, size_t n_parts,
                        uint64_t bytes_max, mw_uploaded *ret_uploaded, mw_error *err)
{
    upload u;
    mw_buf list;
    bool there = false;
    store_bucket *bucket;
    MW_TRY(bucket_of(blobs, &bucket, err));
    MW_TRY(read_name(name, &u, err));
    MW_TRY(look(bucket, u.key, &there, &ret_uploaded->bytes, err));
    if (!there) {
        mw_buf_init(&list, LIST_BYTES);
        mw_status status = write_parts(parts, n_parts, &list, err);
        if (status == MW_OK)
            status = join(bucket, &u, mw_buf_as_view(&list), err);
        mw_buf_done(&list);
        MW_TRY(status);
        MW_TRY(look(bucket, u.key, &there, &ret_uploaded->bytes, err));
    }
    if (!there)
        return fail_unknown(err);
    MW_TRY(check_size(ret_uploaded->bytes, bytes_max, err));
    return keep(blobs, &u, ret_uploaded->bytes, ret_uploaded->digest, err);
}

mw_status mw_upload_drop(mw_blobs *blobs, mw_view name, mw_error *err)
{
    upload u;
    store_bucket *bucket;
    MW_TRY(bucket_of(blobs, &bucket, err));
    MW_TRY(read_name(name, &u, err));
    MW_TRY(store_parts_drop(bucket, u.key, u.id, err));
    return store_bucket_delete(bucket, u.key, err);
}

/* ---- reads ----------------------------------------------------------------------------------- */

mw_status mw_blobs_sign_read(mw_blobs *blobs, mw_view digest, const char *disposition, mw_buf *out,
                             mw_error *err)
{
    bool there = false;
    mw_buf query;
    char key[STORE_KEY_BYTES];
    store_bucket *bucket = store_blobs_bucket(blobs);
    if (!bucket)
        return fail_no_bucket("download", "read it from this server, in one request or by Range",
                              err);
    MW_TRY(store_bucket_has(bucket, digest, &there, err));
    store_key_of(digest, key);
    mw_buf_init(&query, PATH_BYTES);
    mw_buf_text(&query, "response-content-disposition=");
    store_encode(&query, mw_view_of(disposition), false);
    store_call get = {.method = "GET", .key = key, .query = query.data};
    mw_status status = !there ? store_fail_gone(bucket, key, err)
                       : query.failed
                           ? mw_fail_memory(err, "an address")
                           : store_bucket_presign(bucket, &get, MW_LIMIT_READ_SECONDS, out, err);
    mw_buf_done(&query);
    return status;
}
