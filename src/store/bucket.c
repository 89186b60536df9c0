/* Calls of S3's interface: signed, repeated where that is safe, one connection a call at a time.
 *
 *     PREFIX/sha256/ab/cd...   under 64 MiB in one PUT, above in parts of 64 MiB
 *
 * Every call here may be repeated: objects are named by their bytes. */
#include "bucket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bucket_keys.h"
#include "listing.h"
#include "net/net.h"
#include "sigv4.h"

enum {
    TRIES = 4,
    FIRST_PAUSE_MS = 100, /* then 400, 1600 */
    CALL_MS = 300000,
    CLIENTS_MAX = 16,
    PART_BYTES = 64 << 20,
    PIECE_BYTES = 8 << 20,
    PATH_BYTES = 4096,
    LIST_KEYS = 1000
};

struct store_bucket {
    mw_dial *dial;
    char *base;   /* of the path: "" or "/bucket" */
    char *prefix; /* "" or "some/prefix/" */
    char *region, *uri;
    store_key_ring keys; /* guarded by keys_lock */
    pthread_mutex_t keys_lock, lock;
    size_t n_idle;
    mw_client *idle[CLIENTS_MAX];
};

/* ---- opening --------------------------------------------------------------------------------- */

static mw_status fail_place(const char *uri, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_STORE_PLACE, "'%s' is no place for artifacts: %s", uri, why);
    return mw_mend(err, "write s3://BUCKET or s3://BUCKET/PREFIX");
}

/* Bucket names of AWS's rules; with points they do not fit a certificate's host. */
static bool is_bucket_name(mw_view name, bool *ret_has_point)
{
    *ret_has_point = false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        *ret_has_point = *ret_has_point || c == '.';
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
    }
    return name.size >= 3 && name.size <= 63;
}

static mw_status read_place(store_bucket *bucket, const store_place *place, mw_error *err)
{
    static const char scheme[] = "s3://";
    bool has_point;
    char *url = NULL;
    if (!mw_view_starts(mw_view_of(place->uri), scheme))
        return fail_place(place->uri, "it does not begin with s3://", err);
    const char *name = place->uri + sizeof scheme - 1;
    const char *slash = strchr(name, '/');
    mw_view bucket_name = {name, slash ? (size_t)(slash - name) : strlen(name)};
    if (!is_bucket_name(bucket_name, &has_point))
        return fail_place(place->uri, "a bucket's name is 3 to 63 of a-z, 0-9, '-' and '.'", err);
    const char *rest = slash ? slash + 1 : "";
    size_t size = strlen(rest);
    while (size > 0 && rest[size - 1] == '/')
        size--;
    bool is_own = place->endpoint[0] != '\0'; /* not AWS's: path style */
    bool in_path = is_own || has_point;
    int made = is_own    ? asprintf(&url, "%s", place->endpoint)
               : in_path ? asprintf(&url, "https://s3.%s.amazonaws.com", place->region)
                         : asprintf(&url, "https://%.*s.s3.%s.amazonaws.com",
                                    MW_VIEW_ARG(bucket_name), place->region);
    if (made < 0 ||
        asprintf(&bucket->base, "%s%.*s", in_path ? "/" : "", in_path ? (int)bucket_name.size : 0,
                 bucket_name.data) < 0 ||
        asprintf(&bucket->prefix, "%.*s%s", (int)size, rest, size > 0 ? "/" : "") < 0 ||
        !(bucket->region = strdup(place->region)) || !(bucket->uri = strdup(place->uri)))
        return mw_fail_memory(err, "the bucket");
    while (is_own && strlen(url) > 0 && url[strlen(url) - 1] == '/')
        url[strlen(url) - 1] = '\0';
    mw_status status = mw_dial_new(&(mw_dial_options){.url = url}, &bucket->dial, err);
    free(url);
    return status;
}

mw_status store_bucket_open(const store_place *place, store_bucket **ret_bucket, mw_error *err)
{
    store_bucket *bucket = calloc(1, sizeof *bucket);
    if (!bucket)
        return mw_fail_memory(err, "the bucket");
    pthread_mutex_init(&bucket->lock, NULL);
    pthread_mutex_init(&bucket->keys_lock, NULL);
    mw_status status = read_place(bucket, place, err);
    if (status == MW_OK)
        status = store_keys_read(bucket->region, &bucket->keys, err);
    if (status != MW_OK) {
        store_bucket_close(bucket);
        return mw_at(err, "%s", place->uri);
    }
    *ret_bucket = bucket;
    return MW_OK;
}

const char *store_bucket_uri(const store_bucket *bucket)
{
    return bucket->uri;
}

void store_bucket_close(store_bucket *bucket)
{
    if (!bucket)
        return;
    for (size_t i = 0; i < bucket->n_idle; i++)
        mw_client_close(bucket->idle[i]);
    mw_dial_free(bucket->dial);
    store_keys_wipe(&bucket->keys);
    pthread_mutex_destroy(&bucket->keys_lock);
    pthread_mutex_destroy(&bucket->lock);
    free(bucket->base);
    free(bucket->prefix);
    free(bucket->region);
    free(bucket->uri);
    free(bucket);
}

/* ---- one call -------------------------------------------------------------------------------- */

typedef struct s3_call {
    const char *method;
    mw_view digest;      /* of the object; empty: the bucket itself */
    const char *query;   /* see store_signed */
    const char *headers; /* unsigned ones; NULL = none */
    mw_view body;
    mw_view body_digest; /* where it is known already */
} s3_call;

/* Its client is the caller's until done(). */
typedef struct s3_answer {
    mw_client *client;
    int status;
    mw_view body;
} s3_answer;

static mw_status take_client(store_bucket *bucket, mw_client **ret_client, mw_error *err)
{
    *ret_client = NULL;
    pthread_mutex_lock(&bucket->lock);
    if (bucket->n_idle > 0)
        *ret_client = bucket->idle[--bucket->n_idle];
    pthread_mutex_unlock(&bucket->lock);
    return *ret_client ? MW_OK : mw_client_open_to(bucket->dial, CALL_MS, ret_client, err);
}

static void done(store_bucket *bucket, s3_answer *answer)
{
    pthread_mutex_lock(&bucket->lock);
    if (answer->client && bucket->n_idle < CLIENTS_MAX) {
        bucket->idle[bucket->n_idle++] = answer->client;
        answer->client = NULL;
    }
    pthread_mutex_unlock(&bucket->lock);
    mw_client_close(answer->client);
    answer->client = NULL;
}

static void write_path(const store_bucket *bucket, mw_view digest, mw_buf *out)
{
    mw_buf_text(out, bucket->base);
    mw_buf_char(out, '/');
    if (digest.size == 0)
        return;
    store_encode(out, mw_view_of(bucket->prefix), true);
    mw_buf_format(out, "sha256/%.2s/%.*s", digest.data, (int)digest.size - 2, digest.data + 2);
}

/* Those of a role go out: who comes first then reads new ones, the others wait for them. */
static mw_status current_keys(store_bucket *bucket, store_key_ring *ret_keys, mw_error *err)
{
    pthread_mutex_lock(&bucket->keys_lock);
    mw_status status = store_keys_renew(bucket->region, &bucket->keys, err);
    *ret_keys = bucket->keys;
    pthread_mutex_unlock(&bucket->keys_lock);
    return status;
}

static mw_status call_once(store_bucket *bucket, const s3_call *call, s3_answer *answer,
                           mw_error *err)
{
    char payload[MW_DIGEST_TEXT_BYTES];
    mw_buf target, headers;
    store_key_ring ring;
    MW_TRY(current_keys(bucket, &ring, err));
    MW_TRY(take_client(bucket, &answer->client, err));
    if (call->body_digest.size > 0)
        snprintf(payload, sizeof payload, "%.*s", MW_VIEW_ARG(call->body_digest));
    else
        mw_digest_of(call->body.data ? call->body : MW_VIEW(""), payload);
    mw_buf_init(&target, 4 * PATH_BYTES);
    mw_buf_init(&headers, 4 * PATH_BYTES);
    write_path(bucket, call->digest, &target);
    store_keys keys = {ring.id, ring.secret, ring.token[0] ? ring.token : NULL};
    store_signed about = {
        call->method, mw_dial_authority(bucket->dial), bucket->region, target.data, call->query,
        payload,      mw_clock_wall_ms() / 1000};
    bool made = !target.failed && store_sign(&about, &keys, &headers);
    store_keys_wipe(&ring);
    if (call->headers)
        mw_buf_text(&headers, call->headers);
    if (call->query[0])
        mw_buf_format(&target, "?%s", call->query);
    made = made && !target.failed && !headers.failed;
    mw_status status =
        made ? mw_client_call_with(answer->client, call->method, target.data, headers.data,
                                   call->body, &answer->status, &answer->body, err)
             : mw_fail_memory(err, "a call of the bucket");
    if (headers.data)
        explicit_bzero(headers.data, headers.size);
    mw_buf_done(&target);
    mw_buf_done(&headers);
    return status;
}

static mw_status fail_away(const store_bucket *bucket, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_STORE_AWAY, "the bucket of the artifacts does not answer");
    mw_why(err, "%s", why);
    mw_at(err, "%s", bucket->uri);
    return mw_mend(err, "try again; what is kept on this machine can be read meanwhile");
}

static bool is_passing(int status)
{
    return status >= 500 || status == 429 || status == 408;
}

/* Answers of every status but the passing ones are the caller's. */
static mw_status call_bucket(store_bucket *bucket, const s3_call *call, s3_answer *answer,
                             mw_error *err)
{
    mw_error why = {0};
    unsigned pause_ms = FIRST_PAUSE_MS;
    for (int i = 0; i < TRIES; i++, pause_ms *= 4) {
        if (i > 0)
            usleep(pause_ms / 4 * 1000);
        *answer = (s3_answer){0};
        mw_status status = call_once(bucket, call, answer, &why);
        if (status == MW_OK && !is_passing(answer->status))
            return MW_OK;
        if (status == MW_OK)
            snprintf(why.what, sizeof why.what, "it answered %d", answer->status);
        mw_client_close(answer->client); /* a connection that failed is not used again */
        answer->client = NULL;
        if (status == MW_NO_MEMORY)
            break;
    }
    return fail_away(bucket, why.what, err);
}

/* What S3 says of a refusal: <Code> and <Message>. */
static mw_status fail_refused(store_bucket *bucket, s3_answer *answer, const char *verb,
                              mw_error *err)
{
    mw_view code = store_xml_text(answer->body, "Code");
    mw_view message = store_xml_text(answer->body, "Message");
    mw_fail(err, MW_E_STORE_REFUSED, "the bucket of the artifacts refuses to %s: status %d", verb,
            answer->status);
    if (code.data)
        mw_why(err, "%.*s: %.*s", (int)(code.size < 60 ? code.size : 60), code.data,
               (int)(message.size < 160 ? message.size : 160), message.data ? message.data : "");
    mw_at(err, "%s", bucket->uri);
    done(bucket, answer);
    return mw_mend(err, "check the bucket's name and region, the keys, and what they may do there");
}

/* A call of which 2xx is the only good answer. */
static mw_status demand(store_bucket *bucket, const s3_call *call, const char *verb,
                        s3_answer *answer, mw_error *err)
{
    MW_TRY(call_bucket(bucket, call, answer, err));
    return answer->status / 100 == 2 ? MW_OK : fail_refused(bucket, answer, verb, err);
}

/* ---- is it there? ---------------------------------------------------------------------------- */

mw_status store_bucket_has(store_bucket *bucket, mw_view digest, bool *ret_there, mw_error *err)
{
    s3_answer answer;
    s3_call head = {.method = "HEAD", .digest = digest, .query = ""};
    MW_TRY(call_bucket(bucket, &head, &answer, err));
    *ret_there = answer.status == 200;
    if (answer.status != 200 && answer.status != 404)
        return fail_refused(bucket, &answer, "look for a file", err);
    done(bucket, &answer);
    return MW_OK;
}

/* ---- putting --------------------------------------------------------------------------------- */

static mw_status begin_parts(store_bucket *bucket, mw_view digest, char upload[512], mw_error *err)
{
    s3_answer answer;
    mw_buf encoded;
    s3_call begin = {.method = "POST", .digest = digest, .query = "uploads="};
    MW_TRY(demand(bucket, &begin, "begin an upload", &answer, err));
    mw_buf_init(&encoded, PATH_BYTES);
    store_encode(&encoded, store_xml_text(answer.body, "UploadId"), false);
    bool fits = encoded.size > 0 && encoded.size < 512;
    if (fits)
        memcpy(upload, encoded.data, encoded.size + 1);
    mw_buf_done(&encoded);
    if (!fits)
        return fail_refused(bucket, &answer, "name an upload", err);
    done(bucket, &answer);
    return MW_OK;
}

static mw_status put_part(store_bucket *bucket, mw_view digest, const char *upload, unsigned number,
                          mw_view part, mw_buf *list, mw_error *err)
{
    s3_answer answer;
    char query[600];
    snprintf(query, sizeof query, "partNumber=%u&uploadId=%s", number, upload);
    s3_call put = {.method = "PUT", .digest = digest, .query = query, .body = part};
    MW_TRY(demand(bucket, &put, "take a part of a file", &answer, err));
    mw_view tag = mw_client_header(answer.client, "etag");
    if (!tag.data)
        return fail_refused(bucket, &answer, "name a part", err);
    mw_buf_format(list, "<Part><PartNumber>%u</PartNumber><ETag>%.*s</ETag></Part>", number,
                  MW_VIEW_ARG(tag));
    done(bucket, &answer);
    return MW_OK;
}

static mw_status end_parts(store_bucket *bucket, mw_view digest, const char *upload, mw_buf *list,
                           mw_error *err)
{
    s3_answer answer;
    char query[600];
    snprintf(query, sizeof query, "uploadId=%s", upload);
    mw_buf_text(list, "</CompleteMultipartUpload>");
    s3_call end = {
        .method = "POST", .digest = digest, .query = query, .body = mw_buf_as_view(list)};
    MW_TRY(demand(bucket, &end, "end an upload", &answer, err));
    /* it may say 200 and then fail */
    if (store_xml_text(answer.body, "Code").data)
        return fail_refused(bucket, &answer, "end an upload", err);
    done(bucket, &answer);
    return MW_OK;
}

static void drop_parts(store_bucket *bucket, mw_view digest, const char *upload)
{
    s3_answer answer;
    mw_error ignored;
    char query[600];
    snprintf(query, sizeof query, "uploadId=%s", upload);
    s3_call drop = {.method = "DELETE", .digest = digest, .query = query};
    if (call_bucket(bucket, &drop, &answer, &ignored) == MW_OK)
        done(bucket, &answer);
}

static mw_status put_in_parts(store_bucket *bucket, mw_view digest, mw_view bytes, mw_error *err)
{
    char upload[512];
    mw_buf list;
    MW_TRY(begin_parts(bucket, digest, upload, err));
    mw_buf_init(&list, 4 * MW_MIB);
    mw_buf_text(&list, "<CompleteMultipartUpload>");
    mw_status status = MW_OK;
    for (size_t at = 0, number = 1; status == MW_OK && at < bytes.size;
         at += PART_BYTES, number++) {
        size_t size = bytes.size - at < PART_BYTES ? bytes.size - at : PART_BYTES;
        status = put_part(bucket, digest, upload, (unsigned)number,
                          (mw_view){bytes.data + at, size}, &list, err);
    }
    if (status == MW_OK)
        status = end_parts(bucket, digest, upload, &list, err);
    if (status != MW_OK)
        drop_parts(bucket, digest, upload);
    mw_buf_done(&list);
    return status;
}

static mw_status put_bytes(store_bucket *bucket, mw_view digest, mw_view bytes, mw_error *err)
{
    s3_answer answer;
    if (bytes.size > PART_BYTES)
        return put_in_parts(bucket, digest, bytes, err);
    s3_call put = {
        .method = "PUT", .digest = digest, .query = "", .body = bytes, .body_digest = digest};
    MW_TRY(demand(bucket, &put, "take a file", &answer, err));
    done(bucket, &answer);
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

static mw_status fail_gone(store_bucket *bucket, mw_view digest, mw_error *err)
{
    mw_fail(err, MW_E_STORE_DAMAGED, "a stored file is neither here nor in the bucket: %.*s",
            MW_VIEW_ARG(digest));
    mw_at(err, "%s", bucket->uri);
    return mw_mend(err, "restore it from a backup: its name is the SHA-256 of its bytes");
}

mw_status store_bucket_get(store_bucket *bucket, mw_view digest, mw_blob_take *take, void *user,
                           mw_error *err)
{
    for (uint64_t at = 0;;) {
        s3_answer answer;
        char range[80];
        snprintf(range, sizeof range, "Range: bytes=%llu-%llu\r\n", (unsigned long long)at,
                 (unsigned long long)at + PIECE_BYTES - 1);
        s3_call get = {.method = "GET", .digest = digest, .query = "", .headers = range};
        MW_TRY(call_bucket(bucket, &get, &answer, err));
        int status = answer.status;
        if (status != 200 && status != 206 && status != 416 && status != 404)
            return fail_refused(bucket, &answer, "send a file", err);
        bool is_whole = status == 200; /* it does not know ranges */
        size_t size = status == 200 || status == 206 ? answer.body.size : 0;
        mw_status taken = size > 0 ? take(user, answer.body, err) : MW_OK;
        done(bucket, &answer);
        if (status == 404)
            return fail_gone(bucket, digest, err);
        if (taken != MW_OK || is_whole || size < PIECE_BYTES)
            return taken;
        at += size;
    }
}

/* ---- removing, listing ----------------------------------------------------------------------- */

mw_status store_bucket_remove(store_bucket *bucket, mw_view digest, mw_error *err)
{
    s3_answer answer;
    s3_call drop = {.method = "DELETE", .digest = digest, .query = ""};
    MW_TRY(call_bucket(bucket, &drop, &answer, err));
    if (answer.status / 100 != 2 && answer.status != 404)
        return fail_refused(bucket, &answer, "remove a file", err);
    done(bucket, &answer);
    return MW_OK;
}

/* "PREFIX/sha256/ab/cd..." -> digest; false: it is not ours. */
static bool digest_of(const store_bucket *bucket, mw_view key, char digest[MW_DIGEST_TEXT_BYTES])
{
    static const char folder[] = "sha256/";
    size_t skipped = strlen(bucket->prefix) + sizeof folder - 1;
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
    store_encode(out, mw_view_of(bucket->prefix), false);
    store_encode(out, MW_VIEW("sha256/"), false);
}

static mw_status see_next(store_bucket *bucket, mw_buf *token, mw_blob_seen *see, void *user,
                          mw_error *err)
{
    s3_answer answer;
    mw_buf query;
    mw_buf_init(&query, 4 * PATH_BYTES);
    write_list_query(bucket, token, &query);
    mw_buf_reset(token);
    s3_call list = {.method = "GET", .query = query.data};
    mw_status status = query.failed ? mw_fail_memory(err, "a listing")
                                    : demand(bucket, &list, "list its files", &answer, err);
    mw_buf_done(&query);
    if (status != MW_OK)
        return status;
    status = see_page(bucket, answer.body, see, user, err);
    if (mw_view_is(store_xml_text(answer.body, "IsTruncated"), "true"))
        mw_buf_view(token, store_xml_text(answer.body, "NextContinuationToken"));
    done(bucket, &answer);
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
