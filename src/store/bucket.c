/* Calls of S3's interface: signed, repeated where that is safe, one connection a call at a time.
 *
 * Every call may be repeated: objects are named by their bytes, uploads by chance. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "bucket_call.h"
#include "bucket_keys.h"
#include "listing.h"
#include "sigv4.h"

enum {
    TRIES = 4,
    FIRST_PAUSE_MS = 100, /* then 400, 1600 */
    CALL_MS = 300000,
    CLIENTS_MAX = 16,
    SWEEP_MS = 3600000,
    PATH_BYTES = 4096
};

struct store_bucket {
    mw_dial *dial;
    char *base;          /* of the path: "" or "/bucket" */
    char *name, *prefix; /* prefix: "" or "some/prefix/" */
    char *region, *uri;
    store_key_ring keys; /* guarded by keys_lock */
    pthread_mutex_t keys_lock, lock;
    int64_t swept_ms; /* guarded by lock, as what follows */
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
        asprintf(&bucket->name, "%.*s", MW_VIEW_ARG(bucket_name)) < 0 ||
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

bool store_bucket_may_sweep(store_bucket *bucket, int64_t now_ms)
{
    pthread_mutex_lock(&bucket->lock);
    bool may = now_ms - bucket->swept_ms >= SWEEP_MS;
    if (may)
        bucket->swept_ms = now_ms;
    pthread_mutex_unlock(&bucket->lock);
    return may;
}

const char *store_bucket_prefix(const store_bucket *bucket)
{
    return bucket->prefix;
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
    free(bucket->name);
    free(bucket->prefix);
    free(bucket->region);
    free(bucket->uri);
    free(bucket);
}

/* ---- one call -------------------------------------------------------------------------------- */

static mw_status take_client(store_bucket *bucket, mw_client **ret_client, mw_error *err)
{
    *ret_client = NULL;
    pthread_mutex_lock(&bucket->lock);
    if (bucket->n_idle > 0)
        *ret_client = bucket->idle[--bucket->n_idle];
    pthread_mutex_unlock(&bucket->lock);
    return *ret_client ? MW_OK : mw_client_open_to(bucket->dial, CALL_MS, ret_client, err);
}

void store_call_done(store_bucket *bucket, store_answer *answer)
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

static void write_path(const store_bucket *bucket, const char *key, mw_buf *out)
{
    mw_buf_text(out, bucket->base);
    mw_buf_char(out, '/');
    if (!key)
        return;
    store_encode(out, mw_view_of(bucket->prefix), true);
    mw_buf_text(out, key);
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

static void write_source(const store_bucket *bucket, const char *key, mw_buf *out)
{
    mw_buf_format(out, "/%s/", bucket->name);
    store_encode(out, mw_view_of(bucket->prefix), true);
    mw_buf_text(out, key);
}

static mw_status call_once(store_bucket *bucket, const store_call *call, store_answer *answer,
                           mw_error *err)
{
    char payload[MW_DIGEST_TEXT_BYTES];
    mw_buf target, headers, source;
    store_key_ring ring;
    MW_TRY(current_keys(bucket, &ring, err));
    MW_TRY(take_client(bucket, &answer->client, err));
    if (call->body_digest.size > 0)
        snprintf(payload, sizeof payload, "%.*s", MW_VIEW_ARG(call->body_digest));
    else
        mw_digest_of(call->body.data ? call->body : MW_VIEW(""), payload);
    mw_buf_init(&target, 4 * PATH_BYTES);
    mw_buf_init(&headers, 4 * PATH_BYTES);
    mw_buf_init(&source, 4 * PATH_BYTES);
    write_path(bucket, call->key, &target);
    if (call->copy_of)
        write_source(bucket, call->copy_of, &source);
    store_keys keys = {ring.id, ring.secret, ring.token[0] ? ring.token : NULL};
    store_signed about = {.method = call->method,
                          .host = mw_dial_authority(bucket->dial),
                          .region = bucket->region,
                          .path = target.data,
                          .query = call->query,
                          .payload = payload,
                          .copy_source = call->copy_of ? source.data : NULL,
                          .seconds = mw_clock_wall_ms() / 1000};
    bool made = !target.failed && !source.failed && store_sign(&about, &keys, &headers);
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
    mw_buf_done(&source);
    return status;
}

static mw_status fail_away(const store_bucket *bucket, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_STORE_AWAY, "the bucket does not answer");
    mw_why(err, "%s", why);
    mw_at(err, "%s", bucket->uri);
    return mw_mend(err, "try again; what is kept on this machine can be read meanwhile");
}

static bool is_passing(int status)
{
    return status >= 500 || status == 429 || status == 408;
}

/* Answers of every status but the passing ones are the caller's. */
mw_status store_call_run(store_bucket *bucket, const store_call *call, store_answer *answer,
                         mw_error *err)
{
    mw_error why = {0};
    unsigned pause_ms = FIRST_PAUSE_MS;
    for (int i = 0; i < TRIES; i++, pause_ms *= 4) {
        if (i > 0)
            usleep(pause_ms / 4 * 1000);
        *answer = (store_answer){0};
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
mw_status store_call_refused(store_bucket *bucket, store_answer *answer, const char *verb,
                             mw_error *err)
{
    mw_view code = store_xml_text(answer->body, "Code");
    mw_view message = store_xml_text(answer->body, "Message");
    mw_fail(err, MW_E_STORE_REFUSED, "the bucket refuses to %s: status %d", verb, answer->status);
    if (code.data)
        mw_why(err, "%.*s: %.*s", (int)(code.size < 60 ? code.size : 60), code.data,
               (int)(message.size < 160 ? message.size : 160), message.data ? message.data : "");
    mw_at(err, "%s", bucket->uri);
    store_call_done(bucket, answer);
    return mw_mend(err, "check the bucket's name and region, the keys, and what they may do there");
}

/* A call of which 2xx is the only good answer. */
mw_status store_call_demand(store_bucket *bucket, const store_call *call, const char *verb,
                            store_answer *answer, mw_error *err)
{
    MW_TRY(store_call_run(bucket, call, answer, err));
    return answer->status / 100 == 2 ? MW_OK : store_call_refused(bucket, answer, verb, err);
}

/* ---- calls of others ------------------------------------------------------------------------- */

mw_status store_bucket_presign(store_bucket *bucket, const store_call *call, unsigned seconds,
                               mw_buf *out, mw_error *err)
{
    mw_buf path;
    store_key_ring ring;
    MW_TRY(current_keys(bucket, &ring, err));
    mw_buf_init(&path, 4 * PATH_BYTES);
    write_path(bucket, call->key, &path);
    store_keys keys = {ring.id, ring.secret, ring.token[0] ? ring.token : NULL};
    store_signed about = {.method = call->method,
                          .host = mw_dial_authority(bucket->dial),
                          .region = bucket->region,
                          .path = path.data,
                          .query = call->query,
                          .seconds = mw_clock_wall_ms() / 1000};
    bool is_tls = mw_view_starts(mw_view_of(mw_dial_url(bucket->dial)), "https://");
    mw_buf_format(out, "%s://%s%s?", is_tls ? "https" : "http", about.host, path.data);
    bool made = !path.failed && store_presign(&about, &keys, seconds, out);
    store_keys_wipe(&ring);
    mw_buf_done(&path);
    return made ? MW_OK : mw_fail_memory(err, "an address");
}
